"""The files that a command writes: their names, checks before anything is computed, and the end of the command."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from .. import transfer
from ..checks import cut
from ..errors import FormatError, OutputError, TakenError
from ..files import check_writable, free
from .options import refuse

LONGEST = 120
"""Bytes of a name made of others', beside its number and suffix."""


def made_up(*parts: str, suffix: str = ".png") -> Path:
    """PART_PART.png in the current folder."""
    return Path(cut("_".join(parts), LONGEST) + suffix)


def free_name(*parts: str) -> Path:
    """`made_up`, numbered where that is taken."""
    return free(made_up(*parts))


def tell(line: str) -> None:
    """On stderr, as all that is not what was asked for."""
    click.echo(f"cxstyle: {line}", err=True)


def json_file(
    path: Path | None, overwrite: bool, inputs: Iterable[str | Path]
) -> Callable[[Mapping[str, Any]], object]:
    """Checks that the file of --json, if there is to be one, can be written; what is returned writes it."""
    if path is None:
        refuse("is for --json", "overwrite")
        return lambda _: None
    check_writable(path, overwrite=overwrite, inputs=inputs)
    return lambda record: transfer.write_json(path, record, replace=overwrite)


class OutputFiles:
    """Files that a command writes once it has computed what goes into them; `inputs` may never be replaced, others that
    are there with `overwrite`. `misplaced` tells whether one is not where it should be."""

    def __init__(self, overwrite: bool, inputs: Iterable[str | Path] = ()) -> None:
        self.overwrite, self.inputs, self.misplaced = overwrite, list(inputs), False
        self.known: dict[Path, str] = {}

    def check(self, path: Path | None, what: str, check: Callable[..., None] = check_writable) -> None:
        """Makes sure that a file, if there is one, can be written, and is none of the others."""
        if path is None:
            return
        check(path, overwrite=self.overwrite, inputs=self.inputs)
        other = self.known.setdefault(path.resolve(), what)
        if other != what:
            raise OutputError(f"{path} is both the {other} and the {what}; name two files")

    def write(self, path: Path, write: Callable[..., object]) -> Path:
        """Writes what took long to compute by `write`, called with a path and `replace`; where its place has become
        unwritable, to a folder for temporary files, and says so. Returns where it is; an OutputError for nowhere."""
        place = path
        try:
            write(path, replace=self.overwrite)
        except TakenError as error:
            place = error.place
            tell(str(error))
        except Exception as error:  # whatever it is, there may be hours in this file
            # A picture that its format can't hold is one for PNG.
            name = f"{path.stem}.png" if isinstance(error, FormatError) else path.name
            try:
                place = Path(tempfile.mkdtemp(prefix="cxstyle-"), name)
                write(place, replace=self.overwrite)
            except (OSError, OutputError):
                if place != path:
                    shutil.rmtree(place.parent, ignore_errors=True)
                raise OutputError(f"{error}; no other place could be written to, either, so it is lost") from error
            tell(f"{error}; it is in {place} instead")
        self.misplaced |= place != path
        return place

    def finish(self) -> None:
        """Ends the process with 1 where a file is not where it should be."""
        if self.misplaced:
            sys.exit(1)

"""The files that a command writes: their names, checks before anything is computed, and the end of the command."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import click

from ..checks import cut
from ..errors import OutputError
from ..files import check_writable, free, numbered, write_or_rescue

LONGEST = 120
"""Bytes of a name made of others', beside its number and suffix."""


def made_up(*parts: str, suffix: str = ".png") -> Path:
    """PART_PART.png in the current folder."""
    return Path(cut("_".join(parts), LONGEST) + suffix)


def free_name(*parts: str) -> Path:
    """`made_up`, numbered where that is taken."""
    return free(numbered(made_up(*parts)))


def tell(line: str) -> None:
    """On stderr, as all that is not what was asked for."""
    click.echo(f"cxstyle: {line}", err=True)


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

    def write(self, path: Path, write: Callable[..., Path]) -> Path:
        """Writes a file by `write`, called with a path and `replace`; to another place where its own has become
        impossible, and says so. Returns where it is."""
        place = write_or_rescue(path, partial(write, replace=self.overwrite), tell)
        self.misplaced |= place != path
        return place

    def finish(self) -> None:
        """Ends the process with 1 where a file is not where it should be."""
        if self.misplaced:
            sys.exit(1)

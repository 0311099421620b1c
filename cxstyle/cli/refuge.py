"""What was computed is not lost because of where it should have gone."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from ..errors import OutputError
from ..files import check_place, free, numbers

Write = Callable[[Path], Path]


def keep(path: Path, write: Write, folders: Iterator[Path] | None = None) -> Path:
    """Writes a file; where its place was taken or has become unwritable, to another, and says so.

    Args:
        path: where it should go.
        write: writes it to a path, whole or not at all, or beside what is there; returns where it is.
        folders: to try instead; the temporary, the home and the current folder without them.

    Returns:
        Where it is.

    Raises:
        OutputError: nowhere.
    """
    try:
        place = write(path)
    except Exception as error:  # whatever it is, there may be hours in this file
        reason = str(error)
        # A picture that its format can't hold is one for PNG.
        name = path.name if isinstance(error, OutputError) else f"{path.stem}.png"
    else:
        return told(path, place)
    for folder in refuges() if folders is None else folders:
        with contextlib.suppress(OSError, OutputError):
            place = write(free(numbers(folder / name)))
            click.echo(f"cxstyle: {reason}; it is in {place} instead", err=True)
            return place
    raise OutputError(f"{reason}; no other place could be written to, either, so it is lost")


def told(path: Path, place: Path) -> Path:
    """Where a file is, with a line where that is not its path: somebody made one there during the run."""
    try:
        check_place(path, place)
    except OutputError as error:
        click.echo(f"cxstyle: {error}", err=True)
    return place


def refuges() -> Iterator[Path]:
    """Folders to write to, the first that works."""
    with contextlib.suppress(OSError):
        folder = Path(tempfile.mkdtemp(prefix="cxstyle-"))
        yield folder
        with contextlib.suppress(OSError):
            folder.rmdir()
    for find in (Path.home, Path.cwd):
        with contextlib.suppress(OSError, RuntimeError):
            yield find()

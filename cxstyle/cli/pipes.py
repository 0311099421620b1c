"""`-` in place of a file: a picture from stdin, or the result to stdout."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click

from ..errors import CxStyleError, OutputError

PIPE = Path("-")
NAME = "stdin"
"""What a picture from there is called in names."""


def check_stdout(output: Path | None) -> None:
    """Refuses to write a picture where letters are read.

    Raises:
        click.UsageError: `-o -` with stdout on a terminal.
    """
    if output == PIPE and sys.stdout.isatty():
        raise click.UsageError("-o - writes the picture to stdout, which is a terminal; send it on: ... -o - > out.png")


def check_stdin(files: list[Path]) -> None:
    """Refuses a stdin that can't be read as one picture.

    Raises:
        click.UsageError: several `-`, or a terminal.
    """
    if files.count(PIPE) > 1:
        raise click.UsageError("only one picture can come from stdin; name files for the others")
    if PIPE in files and sys.stdin.isatty():
        raise click.UsageError("- reads a picture from stdin, which is a terminal; send one: cxstyle ... < picture.jpg")


@contextlib.contextmanager
def from_stdin(files: list[Path]) -> Iterator[list[Path]]:
    """The same files, with one that holds what stdin has in place of `-`; it is gone once the block ends.

    Raises:
        OutputError: there is no room for it.
    """
    if PIPE not in files:
        yield files
        return
    with tempfile.TemporaryDirectory(prefix="cxstyle-") as folder:
        held = Path(folder) / NAME
        try:
            with held.open("wb") as file:
                while piece := sys.stdin.buffer.read(1 << 20):
                    file.write(piece)
        except OSError as error:
            raise OutputError(f"can't keep what stdin sends in {folder}: {error.strerror or error}") from error
        try:
            yield [held if path == PIPE else path for path in files]
        except CxStyleError as error:  # a name that nobody knows would say nothing
            raise type(error)(str(error).replace(str(held), NAME)) from error


def to_stdout(content: bytes) -> None:
    """All of a file.

    Raises:
        OutputError: nobody reads it to its end; stdout leads nowhere from then on.
    """
    try:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    except OSError as error:
        # Python would complain once more when it closes stdout.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise OutputError(f"can't write the picture to stdout: {error.strerror or error}") from error

"""Standard streams that are closed, full or gone: a run must not end because nobody can be told how it goes."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any, TextIO, cast

from ..errors import OutputError


class Stdout:
    """stdout as it is, but what can't be written to it is an error of this package."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def write(self, text: str) -> int:
        """As of a stream."""
        with told():
            return self.stream.write(text)

    def flush(self) -> None:
        """As of a stream."""
        with told():
            self.stream.flush()


@contextlib.contextmanager
def told() -> Iterator[None]:
    """Whoever read a pipe may go; all else is worth a line."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"can't write to standard output: {error.strerror or error}") from error


class Stderr:
    """stderr as it is, but what can't be written to it is dropped: there is nowhere to say so."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def write(self, text: str) -> int:
        """As of a stream."""
        with contextlib.suppress(OSError):
            self.stream.write(text)
        return len(text)

    def flush(self) -> None:
        """As of a stream."""
        with contextlib.suppress(OSError):
            self.stream.flush()


@contextlib.contextmanager
def kept_streams() -> Iterator[None]:
    """Standard streams that can be used, whatever they are.

    A closed one is opened, so that no picture gets its number and what is said into it: stdout so that writing to it
    fails, as it would to a full disk, stderr so that it is dropped.
    """
    before = sys.stdout, sys.stderr
    for number, mode in ((0, os.O_RDONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, mode)  # takes the lowest free number
    # Not closed here: they are the process's own from now on.
    stdout, stderr = (
        open(number, "w", encoding="utf-8", closefd=False) if stream is None else stream  # noqa: SIM115
        for number, stream in enumerate(before, 1)
    )
    sys.stdout, sys.stderr = cast(TextIO, Stdout(stdout)), cast(TextIO, Stderr(stderr))
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
        for stream in (stdout, stderr):
            give_up(stream)


def give_up(stream: TextIO) -> None:
    """Sends what can't be written to nowhere: Python would complain once more when it closes the stream."""
    try:
        stream.flush()
    except (OSError, ValueError):
        with contextlib.suppress(OSError, ValueError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, stream.fileno())
            os.close(null)

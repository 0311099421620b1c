"""What libraries in C write to stderr by themselves, past Python."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator


@contextlib.contextmanager
def overheard(notes: list[str]) -> Iterator[None]:
    """Keeps it from the terminal: as a note, or where the block fails as the reason.

    stderr belongs to the whole process, so a block is one that holds a lock and is short.

    Args:
        notes: where the first line goes that was written.

    Raises:
        OSError: the block has failed and something was written; its words are that.
    """
    try:
        before = os.dup(2)
    except OSError:  # there is no stderr
        yield
        return
    with tempfile.TemporaryFile() as file:
        try:
            os.dup2(file.fileno(), 2)
            try:
                yield
            finally:
                os.dup2(before, 2)
                os.close(before)
        except Exception as error:
            line = first_line(file.fileno())
            if line:
                raise OSError(line) from error
            raise
        line = first_line(file.fileno())
        if line:
            notes.append(f"it may be damaged: {line}")


def first_line(handle: int) -> str:
    """The first line of a file, in a form that is fit to be shown."""
    text = os.pread(handle, 2000, 0).decode("utf-8", "replace")
    line = next(iter(text.splitlines()), "").removeprefix("tempfile.tif: ").rstrip(". ")
    return "".join(c if c.isprintable() else " " for c in line)[:200]

"""What asks a program to stop: Ctrl-C, SIGTERM and, where terminals can go away, SIGHUP; all mean the same here."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

NAMES = ("SIGINT", "SIGTERM", "SIGHUP")
STOPPED = "stopped at once; files written until then are whole, and kept"
"""Said where nothing could be finished."""
Handler = Callable[[int, FrameType | None], Any]


@contextmanager
def handled(handler: Handler) -> Iterator[None]:
    """Calls `handler` for each of them within the block."""

    def first(number: int, frame: FrameType | None) -> None:
        if number != signal.SIGINT:
            silence()
        handler(number, frame)

    numbers = [getattr(signal, name) for name in NAMES if hasattr(signal, name)]
    # nohup means it; a shell that ignores Ctrl-C for its background jobs doesn't.
    numbers = [n for n in numbers if n == signal.SIGINT or signal.getsignal(n) is not signal.SIG_IGN]
    before = {number: signal.signal(number, first) for number in numbers}
    try:
        yield
    finally:
        for number, known in before.items():
            signal.signal(number, known)


def silence() -> None:
    """Where the terminal has gone, what is still to be said goes nowhere: to say it there would be an error."""
    for number in (1, 2):
        try:
            os.write(number, b"")
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), number)

"""Another Python process of this package: messages go to its stdin and come from its stdout, as pickles."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

GONE = "gone"
"""The last message of a process, which it doesn't send itself."""
HANG = 2.0
"""Seconds that a pipe may stay open after its process, by others that have it, too."""
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class Process:
    """One that runs a module of this package, and ends when its stdin does.

    Args:
        module: `main` of which it runs.
        arguments: of its command line.
        told: called with each message, a tuple, from another thread; with (GONE,) when no more will come.
        environment: variables that it has besides this process's.
        errors: where its stderr goes, as of `subprocess.Popen`; None for this process's.
    """

    def __init__(
        self,
        module: str,
        arguments: Sequence[str],
        told: Callable[[tuple[Any, ...]], None],
        environment: Mapping[str, str],
        errors: int | None = None,
    ) -> None:
        self.told = told
        self.popen = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=os.environ | environment | {"PYTHONPATH": python_path()},
            start_new_session=os.name == "posix",
        )
        self.listener = threading.Thread(target=self.listen, args=(self.popen.stdout,), daemon=True)
        self.listener.start()

    def listen(self, stream: BinaryIO) -> None:
        """Passes on what the process says until it is gone."""
        with contextlib.suppress(EOFError, OSError, ValueError, pickle.UnpicklingError):
            while True:
                self.told(pickle.load(stream))
        self.told((GONE,))

    def say(self, message: object) -> None:
        """To a process that has died it is no use, and `listen` will say so."""
        stream = self.popen.stdin
        with contextlib.suppress(OSError, ValueError):
            if stream is not None:
                pickle.dump(message, stream)
                stream.flush()

    def end(self, patience: float = 0.0) -> int:
        """Its exit status; it is killed where it hasn't ended by itself within some seconds."""
        try:
            self.popen.wait(patience)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
        # Its pipe ends with it; to close that under the listener would be an error there.
        self.listener.join(HANG)
        for stream in (self.popen.stdin, self.popen.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        return self.popen.returncode


class Parent:
    """The other end of `Process`: `say` from any thread, and nothing else may come on stdout."""

    def __init__(self) -> None:
        self.out, self.lock = os.fdopen(os.dup(1), "wb"), threading.Lock()
        os.dup2(2, 1)  # whatever prints must not get among the messages

    def say(self, *message: object) -> None:
        """One message; where nobody listens anymore, the end."""
        try:
            with self.lock:
                pickle.dump(message, self.out)
                self.out.flush()
        except OSError:
            os._exit(1)

    def hear(self) -> Any:
        """The next message; with the parent gone, the end."""
        try:
            return pickle.load(sys.stdin.buffer)
        except (EOFError, OSError):
            os._exit(0)


def leave_signals_to_parent() -> None:
    """Ctrl-C reaches every process of a terminal, a scheduler's SIGTERM all of a job; the parent decides what to do."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)


def python_path() -> str:
    """For processes that are to find the package as it is imported here, wherever it lies."""
    package = str(Path(__file__).parents[2])
    return os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))

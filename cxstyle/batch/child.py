"""A worker in a process of its own: tasks come on stdin, what happens goes to stdout, both as pickles.

It ends as soon as stdin does, so none outlives the batch that began it.
"""

from __future__ import annotations

import os
import pickle
import queue
import signal
import sys
import threading
from concurrent.futures import Future
from typing import Any, BinaryIO

from .schedule import Task
from .work import Ended, Moved, Worker


class Child:
    """The other end of `crew.Hand`.

    Args:
        device: as of `Worker`.
        memory: the same.
        out: where it tells.
    """

    def __init__(self, device: str | None, memory: float, out: BinaryIO) -> None:
        self.worker, self.out, self.lock = Worker(device, memory), out, threading.Lock()
        self.tasks: queue.SimpleQueue[Task] = queue.SimpleQueue()
        self.stopping = False

    def tell(self, kind: str, index: int, content: Any = None) -> None:
        """One message; where nobody listens anymore, the end."""
        try:
            with self.lock:
                pickle.dump((kind, index, content), self.out)
                self.out.flush()
        except OSError:
            os._exit(1)

    def listen(self, stream: BinaryIO) -> None:
        """Takes what comes, beside the work."""
        while True:
            try:
                message = pickle.load(stream)
            except (EOFError, OSError):
                os._exit(0)
            if message is None:
                self.stopping = True
            else:
                self.worker.ahead(message)
                self.tasks.put(message)

    def go(self) -> None:
        """Works until the process ends."""
        while True:
            task = self.tasks.get()
            if self.stopping:
                self.tell("ended", task.index, Ended("stopped"))
                continue
            self.tell("started", task.index)
            self.worker.work(task, self.listener(task)).add_done_callback(self.ender(task))

    def listener(self, task: Task) -> Any:
        """For the progress of a task."""

        def told(moved: Moved) -> bool:
            self.tell("moved", task.index, moved)
            return not self.stopping

        return told

    def ender(self, task: Task) -> Any:
        """For the end of a task."""

        def told(ended: Future[Ended]) -> None:
            self.tell("ended", task.index, ended.result())

        return told


def main() -> None:
    """python -m cxstyle.batch.child MEMORY [DEVICE]."""
    # Ctrl-C reaches every process of a terminal; the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints must not get among the messages
    child = Child(sys.argv[2] if len(sys.argv) > 2 else None, float(sys.argv[1]), out)
    threading.Thread(target=child.listen, args=(sys.stdin.buffer,), daemon=True).start()
    child.go()


if __name__ == "__main__":
    main()

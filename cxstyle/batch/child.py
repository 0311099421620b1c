"""A worker in a process of its own, the other end of `crew.Hand`.

It ends as soon as stdin does, so none outlives the batch that began it.
"""

from __future__ import annotations

import queue
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from .process import Parent, leave_signals_to_parent
from .schedule import Task
from .work import STOPPED, Ended, Listener, Moved, Worker


class Doer:
    """A worker in a thread: tasks come from another one, and what happens is told.

    Args:
        worker: does them.
        tell: called with a kind, the index of a task and what there is to say, from several threads.
    """

    def __init__(self, worker: Worker, tell: Callable[[str, int, Any], None]) -> None:
        self.worker, self.tell = worker, tell
        self.tasks: queue.SimpleQueue[Task] = queue.SimpleQueue()
        self.stopping = False

    def take(self, task: Task) -> None:
        """Begins to read for it, and does it once those before it are done."""
        self.worker.ahead(task)
        self.tasks.put(task)

    def go(self) -> None:
        """Works until the process ends."""
        while True:
            task = self.tasks.get()
            if self.stopping:
                self.tell("ended", task.index, Ended(STOPPED))
                continue
            self.tell("started", task.index, None)
            self.worker.work(task, self.listener(task)).add_done_callback(self.ender(task))

    def listener(self, task: Task) -> Listener:
        """For the progress of a task."""

        def told(moved: Moved) -> bool:
            self.tell("moved", task.index, moved)
            return not self.stopping

        return told

    def ender(self, task: Task) -> Callable[[Future[Ended]], None]:
        """For the end of a task."""

        def told(ended: Future[Ended]) -> None:
            self.tell("ended", task.index, ended.result())

        return told


def main() -> None:
    """python -m cxstyle.batch.child MEMORY [DEVICE]: takes tasks, and None to stop."""
    leave_signals_to_parent()
    parent = Parent()
    doer = Doer(Worker(sys.argv[2] if len(sys.argv) > 2 else None, float(sys.argv[1])), parent.say)

    def listen() -> None:
        while True:
            message = parent.hear()
            if message is None:
                doer.stopping = True
            else:
                doer.take(message)

    threading.Thread(target=listen, daemon=True).start()
    doer.go()


if __name__ == "__main__":
    main()

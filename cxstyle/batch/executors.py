"""Who does the jobs of a batch: what executors have in common, and the one that does them in this process."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol

from .schedule import Schedule, Task
from .work import Ended, Moved, Worker

ATTEMPTS = 2
"""Times that a job is begun before its workers' deaths are held against it."""


class Watcher(Protocol):
    """What an executor tells of its work; all from one thread."""

    @property
    def stopping(self) -> bool:
        """Whether running jobs are to be stopped and no others begun."""

    def started(self, task: Task, worker: str) -> None: ...

    def moved(self, task: Task, worker: str, moved: Moved) -> None: ...

    def ended(self, task: Task, worker: str, ended: Ended) -> None: ...


class Executor(Protocol):
    """Does all tasks of a schedule."""

    def go(self, schedule: Schedule, watcher: Watcher) -> None:
        """Until all have ended, or the watcher is stopping and those that ran have ended."""


class Here:
    """One job after the other in this process: pictures are read ahead and encoded while the next job's loop runs.

    Args:
        device: in place of what the jobs' settings say; None for that.
    """

    def __init__(self, device: str | None = None) -> None:
        self.device = device

    def go(self, schedule: Schedule, watcher: Watcher) -> None:
        """As `Executor`."""
        worker, name = Worker(self.device), "1"
        encoding: deque[tuple[Task, Future[Ended]]] = deque()
        try:
            task = schedule.next(name)
            while task is not None and not watcher.stopping:
                following = schedule.next(name)
                if following is not None:
                    worker.ahead(following)
                watcher.started(task, name)
                encoding.append((task, worker.work(task, passed_on(watcher, task, name))))
                while encoding and (encoding[0][1].done() or len(encoding) > 1):
                    tell(watcher, encoding.popleft(), name)
                task = following
            while encoding:
                tell(watcher, encoding.popleft(), name)
        finally:
            worker.close()


def tell(watcher: Watcher, ended: tuple[Task, Future[Ended]], name: str) -> None:
    """Waits for an end and passes it on."""
    watcher.ended(ended[0], name, ended[1].result())


def passed_on(watcher: Watcher, task: Task, name: str) -> Callable[[Moved], bool]:
    """What a worker in this process tells, with whose it is."""

    def told(moved: Moved) -> bool:
        watcher.moved(task, name, moved)
        return not watcher.stopping

    return told

"""Who does the jobs of a batch: what executors have in common, and the one that does them in this process."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from .schedule import Schedule, Task
from .work import FAILED, STOPPED, Ended, Moved, Worker

ATTEMPTS = 2
"""Times that a job is begun before its workers' deaths are held against it."""
LOSSES = 5
"""The same where not the worker died but its whole node was lost, which a job can hardly bring about."""
AT_ONCE = 2
"""Tasks that a worker has: one that it does, and one that it reads ahead for."""
PATIENCE = 0.2
"""Seconds between two looks at whether to stop."""


class Watcher(Protocol):
    """What an executor tells of its work; all from one thread."""

    @property
    def stopping(self) -> bool:
        """Whether running jobs are to be stopped and no others begun."""

    @property
    def folder(self) -> Path:
        """Where the results go."""

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
        from ..device import usual_modes

        worker, name = Worker(self.device), "1"
        encoding: deque[tuple[Task, Future[Ended]]] = deque()
        with usual_modes(), closing(worker):
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


def tell(watcher: Watcher, ended: tuple[Task, Future[Ended]], name: str) -> None:
    """Waits for an end and passes it on."""
    watcher.ended(ended[0], name, ended[1].result())


def passed_on(watcher: Watcher, task: Task, name: str) -> Callable[[Moved], bool]:
    """What a worker in this process tells, with whose it is."""

    def told(moved: Moved) -> bool:
        watcher.moved(task, name, moved)
        return not watcher.stopping

    return told


class Hand(Protocol):
    """A worker elsewhere.

    Attributes:
        name: of the worker.
        tasks: that it has, by index.
        begun: indices of those that it has begun.
    """

    name: str
    tasks: dict[int, Task]
    begun: set[int]

    def give(self, task: Task) -> None:
        """Another task for it."""


AnyHand = TypeVar("AnyHand", bound=Hand)


class Team(Generic[AnyHand]):
    """Workers elsewhere with a schedule between them: who gets what, and what becomes of the tasks of one that is lost.

    Attributes:
        hands: that there are now.
        places: how many there are to be.
        deaths: of workers, by the index of the task that each had begun.
    """

    schedule: Schedule
    watcher: Watcher

    def assemble(self, schedule: Schedule, watcher: Watcher) -> None:
        """Before anything else."""
        self.schedule, self.watcher = schedule, watcher
        self.hands: list[AnyHand] = []
        self.places = 0
        self.deaths: Counter[int] = Counter()

    def feed(self, hand: AnyHand) -> None:
        """Gives it a task where it has none, and one to read ahead for where there is more than one for each worker."""
        plenty = AT_ONCE if len(self.schedule) > self.places else 1
        while len(hand.tasks) < plenty and not self.watcher.stopping:
            task = self.schedule.next(hand.name)
            if task is None:
                return
            hand.tasks[task.index] = task
            hand.give(task)

    def hear(self, hand: AnyHand, kind: str, index: int, content: Any) -> None:
        """What a worker said."""
        task = hand.tasks[index]
        if kind == "started":
            hand.begun.add(index)
            self.watcher.started(task, hand.name)
        elif kind == "moved":
            self.watcher.moved(task, hand.name, content)
        elif kind == "ended":
            del hand.tasks[index]
            hand.begun.discard(index)
            self.watcher.ended(task, hand.name, content)
            self.feed(hand)

    def take_back(self, hand: AnyHand, why: str, *, died: bool = True, advice: str = "") -> None:
        """What a worker that is gone had to do is for whoever comes next; a job over which that happens again and again
        has failed.

        Args:
            why: such as "its worker has died".
            died: by itself, which may be the job's fault; otherwise its node was lost.
            advice: for a job that has failed.
        """
        self.schedule.leave(hand.name)
        for task in reversed([*hand.tasks.values()]):
            # One that it only read ahead for has not killed it; without any begun, it can't even start.
            blamed = task.index in hand.begun or not hand.begun
            self.deaths[task.index] += blamed and died
            times = self.deaths[task.index] if died else task.attempt
            if self.watcher.stopping:
                self.watcher.ended(task, hand.name, Ended(STOPPED, why))
            elif blamed and times >= (ATTEMPTS if died else LOSSES):
                self.watcher.ended(task, hand.name, Ended(FAILED, f"{why} {times} times{advice}"))
            else:
                self.schedule.put_back(task, failed=blamed)
        hand.tasks.clear()

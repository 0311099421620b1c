"""In which order the jobs of a batch are done, and by whom: jobs of one target after another, by one worker."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from ..errors import ConfigError
from .jobs import Job

Item = TypeVar("Item")


@dataclass(frozen=True)
class Task:
    """A job given to a worker.

    Attributes:
        index: of the job in its batch.
        job: to be done.
        attempt: from 1; more where workers or nodes were lost over it.
        save_every: (n, folder) to write the picture after every n iterations, too.
        names: of its files as the batch has them, by role; None where the job itself has them.
    """

    index: int
    job: Job
    attempt: int = 1
    save_every: tuple[int, Path] | None = None
    names: Mapping[str, str] | None = None

    @property
    def group(self) -> Hashable:
        """The same for jobs that can share the features of their targets."""
        config = self.job.config
        layers = sorted({layer for term in config.terms for layer in term.layers})
        seen = (config.features, config.weights, config.pooling, config.precision, config.colors)
        size = (config.size, config.pyramid, config.iterations)
        return (self.job.target, self.job.target_mask, json.dumps(layers), seen, size)


class Schedule:
    """What is left to do.

    Args:
        tasks: in any order; those of a group stay together, groups in the order in which they first come.
    """

    def __init__(self, tasks: Iterable[Task]) -> None:
        self.groups: dict[Hashable, deque[Task]] = {}
        for task in tasks:
            self.groups.setdefault(task.group, deque()).append(task)
        self.holders: dict[Hashable, set[str]] = {}

    def __len__(self) -> int:
        return sum(map(len, self.groups.values()))

    def next(self, worker: str) -> Task | None:
        """The next task of a worker: of the group that it has been at, else of one that nobody is at, else of the one
        with the most left; None where nothing is."""
        waiting = [group for group, tasks in self.groups.items() if tasks]
        if not waiting:
            return None
        own = [group for group in waiting if worker in self.holders.get(group, ())]
        free = [group for group in waiting if not self.holders.get(group)]
        group = (own or free or [max(waiting, key=lambda group: len(self.groups[group]))])[0]
        if not own:
            for holders in self.holders.values():
                holders.discard(worker)
            self.holders.setdefault(group, set()).add(worker)
        return self.groups[group].popleft()

    def put_back(self, task: Task, *, failed: bool) -> None:
        """A task whose worker was lost: to be done next, and counted as an attempt where it was being done."""
        again = replace(task, attempt=task.attempt + 1) if failed else task
        self.groups.setdefault(task.group, deque()).appendleft(again)

    def leave(self, worker: str) -> None:
        """A worker that is gone holds nothing."""
        for holders in self.holders.values():
            holders.discard(worker)


def in_order(jobs: Sequence[Job]) -> list[Job]:
    """As one worker would do them."""
    schedule = Schedule(Task(index, job) for index, job in enumerate(jobs))
    found = []
    while (task := schedule.next("")) is not None:
        found.append(task.job)
    return found


def part(items: Sequence[Item], shard: tuple[int, int] | None) -> list[Item]:
    """Part i of n, counted from 1: the parts are disjoint, together all, and as equal as they can be.

    Raises:
        ConfigError: i is not in 1 to n.
    """
    if shard is None:
        return list(items)
    i, n = shard
    if not 1 <= i <= n:
        raise ConfigError(f"shard: {i}/{n} is not one of 1/{n} to {n}/{n}")
    return list(items[(i - 1) * len(items) // n : i * len(items) // n])

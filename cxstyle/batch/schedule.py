"""In which order the jobs of a batch are done, and by whom: jobs of one target one after another, by one worker."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
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
        attempt: from 1; more where workers were lost over it.
        save_every: (n, folder) to write the picture after every n iterations, too.
        names: of its files as the batch has them, by role; None where the job itself has them.
        preview: pixels of the long edge of the pictures that come with its progress; 0 for none.
    """

    index: int
    job: Job
    attempt: int = 1
    save_every: tuple[int, Path] | None = None
    names: Mapping[str, str] | None = None
    preview: int = 0

    @cached_property
    def group(self) -> Hashable:
        """The same for jobs that can share the features of their targets."""
        return group_of(self.job)


def group_of(job: Job) -> Hashable:
    """As of `Task`."""
    config = job.config
    layers = sorted({layer for term in config.terms for layer in term.layers})
    seen = (config.features, config.weights, config.pooling, config.precision, config.colors)
    size = (config.size, config.pyramid, config.iterations)
    return (job.target, job.target_mask, json.dumps(layers), seen, size)


class Schedule:
    """What is left to do.

    Args:
        tasks: in the order in which one worker would do them.
    """

    def __init__(self, tasks: Iterable[Task] = ()) -> None:
        self.waiting = list(tasks)
        self.at: dict[str, Hashable] = {}

    def __len__(self) -> int:
        return len(self.waiting)

    def next(self, worker: str) -> Task | None:
        """The next task of a worker: of the group that it is at, else of one that nobody is at, else the first."""
        own, taken = self.at.get(worker), set(self.at.values())
        mine = (i for i, task in enumerate(self.waiting) if task.group == own)
        free = (i for i, task in enumerate(self.waiting) if task.group not in taken)
        index = next(chain(mine, free, range(len(self.waiting))), None)
        if index is None:
            return None
        task = self.waiting.pop(index)
        self.at[worker] = task.group
        return task

    def put_back(self, task: Task, *, failed: bool) -> None:
        """A task whose worker was lost: to be done next, and counted as an attempt where it was being done."""
        self.waiting.insert(0, replace(task, attempt=task.attempt + 1) if failed else task)

    def leave(self, worker: str) -> None:
        """A worker that is gone is at nothing."""
        self.at.pop(worker, None)


def in_order(jobs: Sequence[Job]) -> list[Job]:
    """As one worker does them: those of a group together, groups in the order in which they first come."""
    groups: dict[Hashable, list[Job]] = {}
    for job in jobs:
        groups.setdefault(group_of(job), []).append(job)
    return [job for group in groups.values() for job in group]


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

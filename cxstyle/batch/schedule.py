"""In which order the jobs of a batch are done: those of one target one after another."""

from __future__ import annotations

import json
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
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
    """

    index: int
    job: Job
    attempt: int = 1
    save_every: tuple[int, Path] | None = None

    @cached_property
    def group(self) -> Hashable:
        return group_of(self.job)


def group_of(job: Job) -> Hashable:
    """The same for jobs that can share the features of their targets."""
    config = job.config
    layers = sorted({layer for term in config.terms for layer in term.layers})
    seen = (config.features, config.weights, config.pooling, config.precision, config.colors)
    size = (config.size, config.pyramid, config.iterations)
    return (job.target, job.target_mask, json.dumps(layers), seen, size)


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
    i, n = shard or (1, 1)
    if not 1 <= i <= n:
        raise ConfigError(f"shard: {i}/{n} is not one of 1/{n} to {n}/{n}")
    return list(items[(i - 1) * len(items) // n : i * len(items) // n])

"""How long the jobs of a batch will take here, and how much memory, by trying a few iterations of each kind."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from ..errors import CxStyleError
from ..settings import Pyramid, StyleConfig
from .jobs import Job
from .work import read

TRIED = 256
"""Pixels of the long edge at which iterations are timed, where the job is larger: time grows with the area."""
ITERATIONS = 5
"""The first of which does what is done once; of the others the fastest counts, since a busy machine slows some."""


@dataclass(frozen=True)
class Estimate:
    """Of one job, working alone with all threads.

    Attributes:
        seconds: of its loop.
        memory: bytes at its peak, the process included.
    """

    seconds: float
    memory: float


def estimates(jobs: Sequence[Job], device: str | None = None) -> list[Estimate | None]:
    """Of each job, about; None where its pictures or settings can't be used.

    Jobs of the same settings and number of targets are taken for alike; the first that works is tried.
    """
    found: dict[tuple[str, int], tuple[float, float] | None] = {}
    for job in jobs:
        kind = kind_of(job)
        if found.get(kind) is None:
            found[kind] = tried(job, device)
    result = []
    for job in jobs:
        known = found[kind_of(job)]
        result.append(known and Estimate(known[0] * work(job.config), known[1]))
    return result


def kind_of(job: Job) -> tuple[str, int]:
    """The same for jobs that take about as long."""
    return repr(job.config.override(seed=0)), len(job.target)


def tried(job: Job, device: str | None) -> tuple[float, float] | None:
    """Seconds for each unit of work, and bytes; None where it can't be run."""
    from ..transfer import Run, prepare

    small = dataclasses.replace(
        job.config.override(device=device), pyramid=Pyramid(), iterations=ITERATIONS, size=min(job.config.size, TRIED)
    )
    times: list[float] = []
    try:
        inputs = read(job)
        memory = prepare(inputs, job.config.override(device=device)).memory.estimate
        Run(prepare(inputs, small), 0.0).go(lambda _: times.append(time.perf_counter()))
    except CxStyleError:
        return None
    if len(times) < ITERATIONS:  # at strength 0 there is nothing to do
        return 0.0, memory
    each = min(after - before for before, after in pairwise(times))
    return each / work(dataclasses.replace(small, iterations=1)), memory


def work(config: StyleConfig) -> float:
    """How much a run is beside others, about; see `steps.FIXED_WORK`."""
    from ..transfer import FIXED_WORK

    scales = config.pyramid.scales(config.size, config.iterations)
    return float(sum((edge * edge + FIXED_WORK) * count for edge, count in scales))

"""What a batch has to do: which of its jobs are new, changed, failed, or done and unchanged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median

from ..errors import ConfigError
from ..files import sha256_of
from ..settings import StyleConfig, parse
from .jobs import Job, in_order, part
from .manifest import COMPLETE, Record, read
from .naming import check_distinct

UNREADABLE = "unreadable"
"""In place of the hash of a file that can't be read: the job will fail and say why."""


@dataclass(frozen=True)
class Planned:
    """A job and what the manifest says of it.

    Attributes:
        job: of the batch.
        key: of the job now.
        state: new; complete (and unchanged: nothing to do); changed (pictures, masks or settings); missing (its result
            has been removed); or, as it ended before, failed, diverged, out of memory or stopped.
        hashes: SHA-256 of each file that it reads, by its path as it was given.
    """

    job: Job
    key: str
    state: str
    hashes: Mapping[str, str]

    @property
    def done(self) -> bool:
        return self.state == COMPLETE


def file_hash(path: Path) -> str:
    try:
        return sha256_of(path)
    except (OSError, ValueError):  # ValueError: a NUL in its name
        return UNREADABLE


def plan_batch(jobs: Iterable[Job], folder: str | Path, *, shard: tuple[int, int] | None = None) -> list[Planned]:
    """The jobs of a batch, or of a part of it, in the order in which one worker does them, with what is left to do.

    Args:
        jobs: no two with the same output.
        folder: of the batch; it need not exist.
        shard: (i, n) for part i of n, counted from 1.

    Raises:
        ConfigError: two jobs have the same output, or there is no such part.
        OutputError: a format can't be told, or a manifest can't be read.
    """
    several = list(jobs)
    check_outputs(several)
    latest, _ = read(Path(folder))
    return compared(part(in_order(several), shard), Path(folder), latest)


def compared(jobs: Sequence[Job], folder: Path, latest: Mapping[str, Record]) -> list[Planned]:
    """The jobs with what the last record of each says; every file is read once."""
    hash_of: Callable[[Path], str] = cache(file_hash)
    found = []
    for job in jobs:
        key = job.key(hash_of)
        hashes = {str(file): hash_of(file) for file in job.files()}
        found.append(Planned(job, key, state(job, key, folder, latest.get(job.output)), hashes))
    return found


def state(job: Job, key: str, folder: Path, record: Record | None) -> str:
    if record is None:
        return "new"
    if record.get("key") != key:
        return "changed"
    if record["status"] != COMPLETE:
        return str(record["status"])
    return COMPLETE if (folder / job.output).exists() else "missing"


def check_outputs(jobs: Sequence[Job]) -> None:
    """Makes sure that every job has a file of its own, of a format that can be written."""
    for job in jobs:
        job.writing.check(job.output)
    check_distinct([job.output for job in jobs], lambda i: words(jobs[i]), lambda *_: "give each its own output")


def words(job: Job) -> str:
    """a.jpg x b.jpg (fast)."""
    pictures = " x ".join(str(picture) for picture in (job.source, *job.target))
    return f"{pictures} ({job.preset})" if job.preset else pictures


def work(config: StyleConfig) -> float:
    """How much a run is beside others, about, in pixels times iterations."""
    from ..transfer import FIXED_WORK

    scales = config.pyramid.scales(config.size, config.iterations)
    return float(sum((edge * edge + FIXED_WORK) * count for edge, count in scales))


def seconds_of(jobs: Iterable[Job], folder: str | Path) -> dict[str, float]:
    """About how long each of these jobs will take alone, by output: as those of its preset took that the folder's
    manifests know. Jobs of other presets are left out."""
    rates: dict[str, list[float]] = {}
    for record in read(Path(folder))[0].values():
        if record["status"] == COMPLETE and "loop" in record.get("seconds", {}):
            try:
                done = work(parse(record["settings"]))
            except (ConfigError, KeyError):  # of another version
                continue
            rates.setdefault(record.get("preset", ""), []).append(record["seconds"]["loop"] / done)
    return {job.output: work(job.config) * median(rates[job.preset]) for job in jobs if job.preset in rates}

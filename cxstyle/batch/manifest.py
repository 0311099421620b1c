"""The manifest of a batch: one JSON line for each thing that happened to a job, added as it happens, never changed.

And what it leaves to do: which jobs of a batch are new, changed, failed, or done and unchanged.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any, Self

import filelock

from ..errors import ConfigError, OutputError
from ..files import sha256_of, system_errors, write_whole
from ..settings import StyleConfig
from .jobs import Job, in_order, part
from .naming import check_distinct

Record = dict[str, Any]
NAME = "manifest.jsonl"
SHARD = re.compile(r"manifest(?:\.(\d+)of(\d+))?\.jsonl")
STARTED = "started"
COMPLETE = "complete"


class Manifest:
    """The manifest of a folder, held by one batch while it is entered; an OutputError where it can't be.

    Args:
        folder: of the batch.
        shard: (i, n) for the part i of n, counted from 1, which has a manifest of its own; all are read.

    Attributes:
        latest: by output, the last record of each job that ended.
        known_outputs: by output that a batch has begun to make here, the SHA-256 of all that it has made of it.
    """

    def __init__(self, folder: Path, shard: tuple[int, int] | None = None) -> None:
        self.folder = folder
        self.path = folder / ("manifest.{}of{}.jsonl".format(*shard) if shard else NAME)
        self.lock = filelock.FileLock(folder / f".{self.path.name}.lock")
        self.latest: dict[str, Record] = {}
        self.known_outputs: dict[str, set[str]] = {}

    def __enter__(self) -> Self:
        with system_errors(f"can't write {self.path}"), contextlib.ExitStack() as held:
            try:
                held.enter_context(self.lock.acquire(timeout=0))
            except filelock.Timeout as error:
                why = f"another batch is writing to {self.path}; wait for its end, or use another folder"
                raise OutputError(why) from error
            self.file = held.enter_context(self.path.open("ab+", buffering=0))
            self.file.seek(0)
            self.file.truncate(self.file.read().rfind(b"\n") + 1)  # the next line starts on its own
            self.latest, self.known_outputs = read(self.folder)
            self.held = held.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self.held.close()

    def add(self, record: Record) -> Record:
        """Adds a line with the time to it, in one piece; returns the whole record."""
        line = json.dumps({"time": datetime.now(UTC).isoformat(timespec="microseconds"), **record})
        with system_errors(f"can't write {self.path}"):
            self.file.write(f"{line}\n".encode())
        self.known_outputs.setdefault(record["output"], set()).add(record.get("sha256", ""))
        whole: Record = json.loads(line)  # as the next batch will read it
        if record["status"] != STARTED:
            self.latest[record["output"]] = whole
        return whole

    def made(self, output: str) -> bool:
        """Whether what is at an output's place now is what a batch has made."""
        path = self.folder / output
        return output in self.known_outputs and path.is_file() and sha256_of(path) in self.known_outputs[output]


def manifests(folder: Path) -> dict[Path, tuple[int, int] | None]:
    """All manifests of a folder, with their shards: that of whole batches first, those of shards in their order."""
    found = {path: match for path in folder.glob("manifest*.jsonl") if (match := SHARD.fullmatch(path.name))}
    shards = {path: (int(match[1]), int(match[2])) if match[1] else None for path, match in found.items()}
    return dict(sorted(shards.items(), key=lambda item: (item[1] or (0, 0))[::-1]))


def lines(path: Path) -> Iterator[Record]:
    """The records of a manifest; a line that was cut short, as by a loss of power, is none: its job is done again."""
    with system_errors(f"can't read {path}"), path.open("rb") as file:
        for line in file:
            with contextlib.suppress(ValueError):
                record = json.loads(line)
                if isinstance(record, dict) and {"time", "output", "status"} <= record.keys():
                    yield record


def read(folder: Path) -> tuple[dict[str, Record], dict[str, set[str]]]:
    """`Manifest.latest` and `Manifest.known_outputs` of all manifests of a folder."""
    latest: dict[str, Record] = {}
    known_outputs: dict[str, set[str]] = {}
    for path in manifests(folder):
        for record in lines(path):
            output = record["output"]
            known_outputs.setdefault(output, set()).add(str(record.get("sha256", "")))
            before = latest.get(output)
            if record["status"] != STARTED and (before is None or before["time"] <= record["time"]):
                latest[output] = record
    return latest, known_outputs


def merge(folder: Path) -> tuple[int, int]:
    """Joins the manifests of shards into that of the whole batch, in order of time, and removes them; returns how many
    jobs the folder's manifest knows now, and how many of them are complete."""
    found = manifests(folder)
    if not found:
        raise OutputError(f"{folder} holds no manifest of a batch; name the folder given to `cxstyle batch -o`")
    with contextlib.ExitStack() as held:
        for shard in found.values():
            manifest = held.enter_context(Manifest(folder, shard))
            manifest.file.close()  # Windows replaces and removes no open file; the lock stays
        whole = sorted((record for path in found for record in lines(path)), key=lambda record: str(record["time"]))
        write_whole(folder / NAME, "".join(json.dumps(record) + "\n" for record in whole).encode())
        for path in found.keys() - {folder / NAME}:
            path.unlink()
            with contextlib.suppress(OSError):  # on Windows it goes by itself as it is released
                (folder / f".{path.name}.lock").unlink()
    latest, _ = read(folder)
    return len(latest), sum(record["status"] == COMPLETE for record in latest.values())


def latest(records: Iterable[Record]) -> list[Record]:
    """The last record of each output, in the order in which the outputs first came."""
    return list({record["output"]: record for record in records}.values())


# What is left to do


@dataclass(frozen=True)
class Planned:
    """A job and what the manifest says of it.

    Its state is new; complete (and unchanged: nothing to do); changed (pictures, masks or settings); missing (its
    result has been removed); or, as it ended before, failed, diverged, out of memory or stopped.
    """

    job: Job  # of the batch
    key: str  # of the job now
    state: str
    hashes: Mapping[str, str]  # SHA-256 of each file that it reads, by its path as it was given

    @property
    def done(self) -> bool:
        return self.state == COMPLETE


def plan_batch(jobs: Iterable[Job], folder: str | Path, *, shard: tuple[int, int] | None = None) -> list[Planned]:
    """The jobs of a batch, or of a shard of it, in the order in which one worker does them, with what is left to do;
    errors as of `run_batch`. The folder need not exist."""
    several, (latest, _) = list(jobs), read(Path(folder))
    check_outputs(several)
    return compared(part(in_order(several), shard), Path(folder), latest)


def compared(jobs: Sequence[Job], folder: Path, latest: Mapping[str, Record]) -> list[Planned]:
    """The jobs with what the last record of each says; every file is read once."""

    @cache
    def hash_of(path: Path) -> str:
        try:
            return sha256_of(path)
        except (OSError, ValueError):  # ValueError: a NUL in its name
            return "unreadable"  # the job will fail and say why

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
    check_distinct([job.output for job in jobs], lambda i: jobs[i].words, lambda *_: "give each its own output")


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
        if record["status"] == COMPLETE:
            with contextlib.suppress(ConfigError, KeyError):  # of another version
                rate = record["seconds"]["loop"] / work(StyleConfig.parse(record["settings"]))
                rates.setdefault(record["preset"], []).append(rate)
    return {job.output: work(job.config) * median(rates[job.preset]) for job in jobs if job.preset in rates}

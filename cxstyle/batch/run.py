"""`run_batch`: does all jobs that are not done yet, and writes down what becomes of each as it happens."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..errors import CxStyleError, OutputError
from ..files import check_writable, make_folder, remove_partial, write_whole
from ..transfer import run_record, write_json
from .jobs import Job, Task, in_order, part
from .listing import place
from .local import Executor, choose_executor, device_names
from .manifest import COMPLETE, STARTED, Manifest, Planned, Record, check_outputs, compared, work
from .worker import FAILED, STOPPED, JobOutcome, JobProgress

FREE = "choose another folder or add --overwrite"


@dataclass(frozen=True)
class Event:
    """What a callback is told.

    Attributes:
        kind: hashing, before all pictures are; planned, before the first job; started, progress or ended, of a job.
        done: jobs that have been completed now.
        skipped: that were complete and unchanged.
        failed: that have failed now.
        left: that are still to be done, those that run among them.
        share: of the work of all that was to do, about, in [0, 1].
        seconds: since the batch began.
        seconds_left: about; None before anything is known.
        job: that something happened to.
        worker: who does it.
        progress: how far it is.
        record: its line in the manifest, once it has ended.
        details: what was decided for it, then; as of `Result`.
    """

    kind: str
    done: int
    skipped: int
    failed: int
    left: int
    share: float
    seconds: float
    seconds_left: float | None = None
    job: Job | None = None
    worker: str = ""
    progress: JobProgress | None = None
    record: Record | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


Callback = Callable[[Event], bool | None]
"""Returning False stops the batch after the current iterations; what is done is kept."""


@dataclass(frozen=True)
class BatchResult:
    """What `run_batch` returns.

    Attributes:
        planned: all jobs, with what was known of them before.
        records: of all jobs that have ended, now or before, by output.
        stopped: whether the callback stopped it.
    """

    planned: list[Planned]
    records: dict[str, Record] = field(default_factory=dict)
    stopped: bool = False

    def ended(self) -> list[Record]:
        """The last record of each job that has one, in the order of the jobs."""
        return [self.records[p.job.output] for p in self.planned if p.job.output in self.records]

    @property
    def failed(self) -> list[Record]:
        """Of jobs that have not given what they should."""
        return [record for record in self.ended() if record["status"] not in (COMPLETE, STOPPED)]


@dataclass
class Batch:
    """A batch as it goes: what executors tell becomes files, lines of the manifest and events. Once it is `stopping`,
    running jobs are to be stopped and no others begun."""

    folder: Path
    manifest: Manifest
    planned: list[Planned]
    todo: list[Planned]
    callback: Callback | None
    reports: Path | None
    overwrite: bool
    stopping: bool = False
    done: int = 0
    failed: int = 0
    finished: float = 0.0

    def __post_init__(self) -> None:
        self.begun, self.running = time.perf_counter(), dict[int, float]()
        self.before = set(self.manifest.known_outputs)
        self.work = [work(planned.job.config) for planned in self.todo]

    def tell(self, kind: str, task: Task | None = None, **more: Any) -> None:
        """Tells the callback, which may stop it all."""
        done = self.finished + sum(self.work[index] * done for index, done in self.running.items())
        share = done / sum(self.work) if self.work else 1.0
        seconds = time.perf_counter() - self.begun
        left = seconds * (1 - share) / share if share else None
        skipped, to_do = len(self.planned) - len(self.todo), len(self.todo) - self.done - self.failed
        counts = self.done, skipped, self.failed, to_do
        event = Event(kind, *counts, share, seconds, left, task.job if task else None, **more)
        if self.callback is not None and self.callback(event) is False:
            self.stopping = True

    def hear(self, kind: str, task: Task, worker: str, content: Any = None) -> None:
        """What an executor tells, see `local.PoolEvent`; always in the thread that called it."""
        if kind == "ended":
            return self.end(task, worker, content)
        self.running[task.index] = content.done if content else 0.0
        if content is None:
            self.begin(task, worker)
        return self.tell(kind, task, worker=worker, progress=content)

    def begin(self, task: Task, worker: str, **facts: str) -> None:
        """A line about a job that has not ended."""
        line = {"status": STARTED, "output": task.job.output, "worker": worker, "attempt": task.attempt}
        self.manifest.add(line | facts)

    def end(self, task: Task, worker: str, outcome: JobOutcome) -> None:
        """First the picture, then the line that says that it is there."""
        if self.running.pop(task.index, None) is None and outcome.status == STOPPED:
            return
        outcome = self.written(task, worker, outcome)
        record = self.manifest.add(self.record(task, worker, outcome))
        if outcome.status != STOPPED:
            self.finished += self.work[task.index]
            self.done += outcome.status == COMPLETE
            self.failed += outcome.status != COMPLETE
        self.tell("ended", task, worker=worker, record=record, details=outcome.details)

    def written(self, task: Task, worker: str, outcome: JobOutcome) -> JobOutcome:
        """With its picture and report at their places, or with why they could not be written."""
        job, picture = task.job, outcome.picture
        if picture is None:
            return outcome
        path, digest = self.folder / job.output, hashlib.sha256(picture).hexdigest()
        outcome = replace(outcome, facts=outcome.facts | {"sha256": digest})
        try:
            may_go = self.overwrite or self.manifest.made(job.output)
            # Whatever ends the batch now has left a file that is known.
            self.begin(task, worker, sha256=digest)
            make_folder(path.parent)
            write_whole(path, picture, replace=may_go)
            if self.reports is not None:
                report, pictures = report_of(job, self.reports), job.inputs() | {"result": str(path)}
                make_folder(report.parent)
                how = outcome.details, outcome.status, outcome.facts["seconds"], outcome.losses
                content = run_record(pictures, job.config, *how)
                may_go = self.overwrite or job.output in self.before
                write_json(report, content, replace=may_go)
        except CxStyleError as error:
            return replace(outcome, status=FAILED, error=str(error), picture=None)
        return outcome

    def record(self, task: Task, worker: str, outcome: JobOutcome) -> Record:
        job, planned, last = task.job, self.todo[task.index], (outcome.losses or [{}])[-1]
        return {
            "status": outcome.status,
            "output": job.output,
            **job.inputs(),
            "preset": job.preset,
            "seed": job.config.seed,
            "settings": job.config.to_dict(),
            "losses": {name: value for name, value in last.items() if name not in ("scale", "iteration")},
            "key": planned.key,
            "hashes": dict(planned.hashes),
            "worker": worker,
            "attempt": task.attempt,
            **outcome.facts,
            "error": outcome.error,
        }


def run_batch(
    jobs: Iterable[Job],
    folder: str | Path,
    *,
    workers: int | str = "auto",
    devices: str | None = None,
    executor: Executor | None = None,
    shard: tuple[int, int] | None = None,
    force: bool = False,
    overwrite: bool = False,
    reports: str | Path | None = None,
    save_every: tuple[int, str | Path] | None = None,
    callback: Callback | None = None,
) -> BatchResult:
    """Does every job that is not complete and unchanged; what becomes of each stands in the folder's manifest.

    A job that fails leaves the others alone. The same call again goes on where the last one ended, however it did.

    Args:
        jobs: each with an output of its own.
        folder: where results and manifest.jsonl go; made where it is missing.
        workers: processes side by side on a CPU, whose threads are divided among them; auto chooses.
        devices: in place of the devices of the jobs' settings: one, several parted by commas, each with a worker of its
            own, or all GPUs.
        executor: who does the jobs, in place of what workers and devices say, such as `cxstyle.batch.cluster.Cluster`.
        shard: (i, n) to do part i of n, counted from 1, with a manifest of its own.
        force: do all jobs again.
        overwrite: replace files that no batch has made here, and results of other pictures; never what is read.
        reports: a folder for a JSON file of each job, with the losses of each iteration.
        save_every: (n, folder) to write the picture of each job there after every n iterations, too.
        callback: told what happens; returning False stops the batch.

    Raises:
        ConfigError, OutputError, DeviceError: nothing was computed.
        OutputError: the manifest can't be written anymore; what it says is done is done.
    """
    folder, several = Path(folder), list(jobs)
    every = None if save_every is None else (save_every[0], Path(save_every[1]))
    check_outputs(several)
    if executor is None:
        device_names(workers, devices)  # refuses what can't be
    chosen = part(in_order(several), shard)
    make_folder(folder)
    with Manifest(folder, shard) as manifest:
        told = None if callback is None else callback(Event("hashing", 0, 0, 0, len(chosen), 0.0, 0.0))
        planned = compared(chosen, folder, manifest.latest)
        todo = [p for p in planned if force or not p.done]
        batch = Batch(folder, manifest, planned, todo, callback, None if reports is None else Path(reports), overwrite)
        check_free(batch, every, {file for job in several for file in job.files()})
        remove_partial(folder / p.job.output for p in todo)
        who = executor or choose_executor([p.job for p in todo], workers, devices)
        batch.stopping = told is False
        batch.tell("planned")
        if todo and not batch.stopping:
            who.run([Task(index, p.job, save_every=every) for index, p in enumerate(todo)], batch)
        latest = manifest.latest
        records = {p.job.output: latest[p.job.output] for p in planned if p.job.output in latest}
        return BatchResult(planned, records, batch.stopping)


def check_free(batch: Batch, every: tuple[int, Path] | None, read: set[Path]) -> None:
    """Makes sure, by OutputErrors, that results, reports and pictures on the way take the place of nothing but those of
    the same jobs, unless somebody said to overwrite; of nothing that is `read` in any case."""
    taken, replaced, kept = set[Path](), list[Path](), list[Path]()
    for planned in batch.todo:
        job, known = planned.job, batch.overwrite or planned.job.output in batch.before
        result, others = batch.folder / job.output, list[Path]()
        if batch.reports is not None:
            others.append(report_of(job, batch.reports))
        if every is not None:
            others += [every[1] / job.step_file(i) for i in range(every[0], job.config.iterations + 1, every[0])]
        for path in (result, *others):
            if path in taken:
                raise OutputError(f"{path} would be the report of several jobs; give their results names of their own")
        taken.update(others)
        replaced += [result, *(others if known else ())]
        kept += () if known else others
    check_writable(*filter(os.path.lexists, replaced), overwrite=True, inputs=read)
    check_writable(*filter(os.path.lexists, kept), overwrite=False, inputs=read)
    for planned in () if batch.overwrite else batch.todo:
        result = batch.folder / planned.job.output
        if os.path.lexists(result):
            check_result(planned, result, batch.manifest)


def check_result(planned: Planned, path: Path, manifest: Manifest) -> None:
    """Refuses to replace what no batch has made, or has made of other pictures."""
    job, record = planned.job, manifest.latest.get(planned.job.output)
    if not manifest.made(job.output):
        raise OutputError(f"{path} exists, and no batch has made it; {FREE}")
    if record is not None:
        before = [str(record.get("source")), *record.get("targets", [])]
        now, hashes = [str(file) for file in (job.source, *job.target)], record.get("hashes", {})
        same = [place(a) == place(b) or hashes.get(a) == planned.hashes[b] for a, b in zip(before, now, strict=False)]
        if len(before) != len(now) or not all(same):
            raise OutputError(f"{path} is the result of {' x '.join(before)}; {FREE}, or take another name")


def report_of(job: Job, folder: Path) -> Path:
    return (folder / job.output).with_suffix(".json")

"""`run_batch`: does all jobs that are not done yet, and writes down what becomes of each as it happens."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..errors import CxStyleError, OutputError
from ..files import make_folder, put_in_place, remove_partial, write_whole
from ..report import run_record, write_json
from .estimate import work
from .executors import Executor
from .jobs import Job
from .manifest import COMPLETE, STARTED, Manifest, Record
from .plan import Planned, check_outputs, compared
from .schedule import Schedule, Task, in_order, part
from .work import FAILED, STOPPED, Ended, Moved
from .workers import check_workers, choose_executor


@dataclass(frozen=True)
class Event:
    """What a callback is told.

    Attributes:
        kind: hashing, before all pictures are; planned, before the first job; started, moved or ended, of a job.
        done: jobs that have been completed now.
        skipped: that were complete and unchanged.
        failed: that have failed now.
        left: that are still to be done, those that run among them.
        share: of the work of all that was to do, about, in [0, 1].
        seconds: since the batch began.
        seconds_left: about; None before anything is known.
        job: that something happened to.
        worker: who does it.
        moved: how far it is.
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
    moved: Moved | None = None
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


class Batch:
    """A batch as it goes: what executors tell becomes files, lines of the manifest and events."""

    def __init__(
        self,
        folder: Path,
        manifest: Manifest,
        planned: list[Planned],
        todo: list[Planned],
        callback: Callback | None,
        reports: Path | None,
    ) -> None:
        self.folder, self.manifest, self.callback, self.reports = folder, manifest, callback, reports
        self.todo, self.stopping = todo, False
        self.skipped = len(planned) - len(todo)
        self.done = self.failed = 0
        self.begun = time.perf_counter()
        self.work = [work(planned.job.config) for planned in todo]
        self.whole, self.finished = sum(self.work), 0.0
        self.running: dict[int, float] = {}

    def tell(self, kind: str, task: Task | None = None, **more: Any) -> None:
        """Tells the callback, which may stop it all."""
        done = self.finished + sum(self.work[index] * moved for index, moved in self.running.items())
        share = done / self.whole if self.whole else 1.0
        seconds = time.perf_counter() - self.begun
        event = Event(
            kind,
            done=self.done,
            skipped=self.skipped,
            failed=self.failed,
            left=len(self.todo) - self.done - self.failed,
            share=share,
            seconds=seconds,
            seconds_left=seconds * (1 - share) / share if share else None,
            job=task.job if task else None,
            **more,
        )
        if self.callback is not None and self.callback(event) is False:
            self.stopping = True

    def started(self, task: Task, worker: str) -> None:
        """As `Watcher`."""
        self.running[task.index] = 0.0
        self.manifest.add({"status": STARTED, "output": task.job.output, "worker": worker, "attempt": task.attempt})
        self.tell("started", task, worker=worker)

    def moved(self, task: Task, worker: str, moved: Moved) -> None:
        """As `Watcher`."""
        self.running[task.index] = moved.done
        self.tell("moved", task, worker=worker, moved=moved)

    def ended(self, task: Task, worker: str, ended: Ended) -> None:
        """As `Watcher`: first the picture, then the line that says that it is there."""
        if self.running.pop(task.index, None) is None and ended.status == STOPPED:
            return
        ended = self.written(task, ended)
        record = self.manifest.add(self.record(task, worker, ended))
        if ended.status != STOPPED:
            self.finished += self.work[task.index]
            self.done += ended.status == COMPLETE
            self.failed += ended.status != COMPLETE
        self.tell("ended", task, worker=worker, record=record, details=ended.details)

    def written(self, task: Task, ended: Ended) -> Ended:
        """With its picture and report at their places, or with why they could not be written."""
        facts = ended.facts
        path = self.folder / task.job.output
        try:
            if ended.picture is not None:
                facts = facts | {"sha256": hashlib.sha256(ended.picture).hexdigest()}
                make_folder(path.parent)
                write_whole(path, ended.picture)
            elif ended.part is not None:
                put_in_place(ended.part, path)
            else:
                return ended
            if self.reports is not None:
                self.report(task.job, ended, self.reports)
        except CxStyleError as error:
            return replace(ended, status=FAILED, error=str(error), picture=None, part=None)
        return replace(ended, facts=facts)

    def report(self, job: Job, ended: Ended, folder: Path) -> None:
        """As `cxstyle run --report` writes it."""
        path = (folder / job.output).with_suffix(".json")
        make_folder(path.parent)
        record = run_record(
            pictures=job.inputs() | {"result": str(self.folder / job.output)},
            settings=job.config.to_dict(),
            details=ended.details,
            status=ended.status,
            seconds=ended.facts["seconds"],
            losses=ended.losses,
        )
        write_json(path, record)

    def record(self, task: Task, worker: str, ended: Ended) -> Record:
        """The line of a job that has ended."""
        job = task.job
        kept = {name: value for name, value in (ended.losses or [{}])[-1].items() if name not in ("scale", "iteration")}
        return {
            "status": ended.status,
            "output": job.output,
            **job.inputs(),
            "preset": job.preset,
            "seed": job.config.seed,
            "settings": job.config.to_dict(),
            "losses": kept,
            "key": self.todo[task.index].key,
            "hashes": dict(self.todo[task.index].hashes),
            "worker": worker,
            "attempt": task.attempt,
            **ended.facts,
            "error": ended.error,
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
        overwrite: replace files in the folder that no batch has made.
        reports: a folder for a JSON file of each job, with the losses of each iteration.
        save_every: (n, folder) to write the picture of each job there after every n iterations, too.
        callback: told what happens; returning False stops the batch.

    Raises:
        ConfigError, OutputError, DeviceError: nothing was computed.
        OutputError: the manifest can't be written anymore; what it says is done is done.
    """
    folder, several = Path(folder), list(jobs)
    check_outputs(several)
    if executor is None:
        check_workers(workers, devices)
    chosen = part(in_order(several), shard)
    make_folder(folder)
    with Manifest(folder, shard) as manifest:
        told = None if callback is None else callback(Event("hashing", 0, 0, 0, len(chosen), 0.0, 0.0))
        planned = compared(chosen, folder, manifest.latest)
        todo = [p for p in planned if force or not p.done]
        clear(folder, todo, manifest, overwrite=overwrite)
        batch = Batch(folder, manifest, planned, todo, callback, None if reports is None else Path(reports))
        who = executor or choose_executor([p.job for p in todo], workers, devices)
        batch.stopping = told is False
        batch.tell("planned")
        if todo and not batch.stopping:
            every = None if save_every is None else (save_every[0], Path(save_every[1]))
            who.go(Schedule(Task(index, p.job, save_every=every) for index, p in enumerate(todo)), batch)
        return BatchResult(planned, known(planned, manifest.latest), batch.stopping)


def known(planned: list[Planned], latest: Mapping[str, Record]) -> dict[str, Record]:
    """The last records of the jobs of this batch, by output."""
    return {p.job.output: latest[p.job.output] for p in planned if p.job.output in latest}


def clear(folder: Path, todo: list[Planned], manifest: Manifest, *, overwrite: bool) -> None:
    """Makes room for the results: what a batch that was killed left half-written goes, what is not ours stays.

    Raises:
        OutputError: a file is in the way, and `overwrite` is not set.
    """
    foreign = [p.job for p in todo if p.job.output not in manifest.ours and (folder / p.job.output).exists()]
    if foreign and not overwrite:
        more = f", and {len(foreign) - 1} more" if len(foreign) > 1 else ""
        raise OutputError(
            f"{folder / foreign[0].output} exists{more}, and no batch has made it; choose another folder or add "
            "--overwrite"
        )
    remove_partial(folder / p.job.output for p in todo)

"""Runs in order, one at a time, in a worker process; and who listens to them."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from ..batch.jobs import Job
from ..batch.worker import FAILED, STOPPED, JobOutcome, JobProgress
from ..checks import check_choice, check_number, one_line
from ..errors import ConfigError, CxStyleError
from ..files import write_whole
from ..settings import INITS, StyleConfig
from .fields import fields
from .gallery import finite, summed
from .pool import PoolThread
from .store import ACTIVE, Run, Store
from .worker import MODEL, PageTask

PREVIEW_EDGE = 768
KEEP_EVERY = 10.0
"""Seconds between two times that a running one's preview and place are written, for a server that is killed."""
TOLD_EVERY = 0.25
"""Seconds between two events of one run, at least."""
QUIET = 15.0
"""Seconds after which a listener is told something, if only that the server is there."""
ENDED = "the server ended while this ran"
MATCHES = 50
"""That are remembered."""
TAIL = 10
"""Points of a curve in an event."""
Content = Callable[[], Any]
"""Of an event, made as it is told."""


class Feed:
    """Server-sent events: what has changed is told each listener once, as it is then, so that a slow one misses steps
    and never the end."""

    def __init__(self) -> None:
        self.listeners: list[tuple[dict[str, Content], asyncio.Event]] = []
        self.closed = False

    def tell(self, name: str, content: Content) -> None:
        """An event; a later one of the same name takes the place of one that waits."""
        for waiting, wake in self.listeners:
            waiting[name] = content
            wake.set()

    def close(self) -> None:
        self.closed = True
        for _, wake in self.listeners:
            wake.set()

    async def events(self, waiting: dict[str, Content]) -> AsyncIterator[tuple[str, Any] | None]:
        """Name and content of each, of those that wait first; None where there was none for a while."""
        wake = asyncio.Event()
        wake.set()
        self.listeners.append((waiting, wake))
        try:
            while not self.closed:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(wake.wait(), QUIET)
                wake.clear()
                told = dict(waiting)
                waiting.clear()
                for name, content in told.items():
                    yield name.partition(" ")[0], content()
                if not told:
                    yield None
        finally:
            self.listeners.remove((waiting, wake))


class RunQueue:
    """The runs: those that were, the one that is, those that wait. All but `end` is called in the event loop's thread;
    `device` is in place of what settings say."""

    def __init__(self, store: Store, device: str | None) -> None:
        self.store, self.feed = store, Feed()
        self.previews: dict[str, bytes] = {}
        self.numbers = itertools.count()
        self.matches: dict[str, dict[str, Any]] = {}
        self.order: list[Run] = []
        self.now: tuple[Run, int] | None = None
        self.closing = self.hurry = False
        self.pool, self.matcher = PoolThread(device), PoolThread(device)

    def begin(self) -> None:
        """Takes up what the last server has left: what ran is stopped, what waited waits."""
        for run in self.store.runs.values():
            if run.status == "running":
                run.status, run.ended, run.resumable = STOPPED, time.time(), True
                run.notes = [ENDED]
                with contextlib.suppress(CxStyleError):  # a full disk keeps nobody from looking
                    self.store.save(run)
        waiting = [run for run in self.store.runs.values() if run.status == "waiting"]
        self.order = sorted(waiting, key=lambda run: (run.rank, run.created))
        self._begin_next()

    def job(self, run: Run) -> Job:
        """What a worker is to do; a ConfigError or PictureError that the run would end with, where that is known."""
        from ..transfer import check_masks, check_weights

        def path(key: str) -> Path:
            return self.store.pictures.find(key)[1]

        check_choice("kind", run.kind, ("picture", "animation"))
        for name in run.settings:
            check_choice("settings", name, [field["name"] for field in fields()])
        if run.kind == "animation":
            if run.video is None or len(run.targets) != 1:
                raise ConfigError("animation: a video and one target are needed")
            if run.minutes is not None:
                check_number("minutes", run.minutes, 0, above=True)
            self.model(run)
        elif run.minutes is not None or run.model is not None:
            raise ConfigError("minutes, model: these are for an animation")
        init = run.settings.get("init")
        begin = {"init": str(path(init))} if isinstance(init, str) and init not in INITS else {}
        config = StyleConfig.preset(run.preset).override(**run.settings | begin)
        source = self.store.videos.find(run.video)[1] if run.video else path(run.source or "")
        mask = None if run.source_mask is None else path(run.source_mask)
        masks = None if run.target_masks is None else [path(key) for key in run.target_masks]
        check_weights(run.weights, len(run.targets))
        check_masks(mask, None if masks is None else [*masks], len(run.targets))
        how: dict[str, Any] = {"weights": run.weights, "source_mask": mask, "target_mask": masks}
        return Job(source, [path(key) for key in run.targets], config, "result.png", preset=run.preset, **how)

    def model(self, run: Run) -> Path | None:
        """The network of another animation that this one asks for; a ConfigError where there is none."""
        if run.model is None:
            return None
        other = self.store.runs.get(run.model)
        if other is None or not self.store.file(other, MODEL).exists():
            raise ConfigError(f"model: {one_line(run.model)[:40]} is no animation that has come to its end")
        return self.store.file(other, MODEL)

    def resume(self, run: Run) -> None:
        """Goes on from where it was stopped, when its turn comes."""
        if run.status in ACTIVE or not run.resumable:
            raise ConfigError(f"{run.name} is {run.status}: there is nothing to go on with")
        self.job(run)
        self.add(run)

    def add(self, run: Run) -> None:
        """At the end of the queue."""
        rank = max((other.rank for other in self.order), default=0) + 1
        self.store.save(run, status="waiting", error="", notes=[], ended=None, seconds_left=None, rank=rank)
        self.order.append(run)
        self._changed(run)
        self._begin_next()

    def reorder(self, keys: Sequence[str]) -> None:
        """All that wait, in their new order."""
        waiting = {run.id: run for run in self.order}
        if sorted(keys) != sorted(waiting):
            raise ConfigError("order: the ids of all runs that wait are needed, each once")
        order = [waiting[key] for key in keys]
        for rank, run in enumerate(order):
            self.store.save(run, rank=rank)
        self.order = order
        self._changed(*self.order)

    def stop(self, run: Run) -> None:
        """What it has made is kept, and it can go on."""
        if run in self.order:
            self.store.save(run, status=STOPPED, ended=time.time(), resumable=True)
            self.order.remove(run)
            self._changed(run, *self.order)
        elif not self._cancel(run):
            raise ConfigError(f"{run.name} is {run.status}: there is nothing to stop")

    def _cancel(self, run: Run) -> bool:
        """Whether it runs, which it soon won't."""
        if self.now is None or self.now[0] is not run:
            return False
        self.pool.cancel(self.now[1])
        return True

    def remove(self, run: Run) -> None:
        """Cancels it where it runs; its files go."""
        self._cancel(run)
        self.store.remove(run)
        if run in self.order:
            self.order.remove(run)
        self.previews.pop(run.id, None)
        self.feed.tell(f"gone {run.id}", lambda: {"id": run.id})
        self._changed(*self.order)

    def needs(self, key: str) -> Run | None:
        """A run that waits or runs and needs a picture or a video."""
        return next((run for run in self.store.runs.values() if run.status in ACTIVE and key in run.used()), None)

    async def match(self, job: Job) -> dict[str, Any]:
        """Which part draws from which; a ConfigError with the reason where that can't be told."""
        key = str(job.inputs())
        if key not in self.matches:
            outcome = await self.matcher.outcome(PageTask(next(self.numbers), job, kind="match"))
            if outcome.error:
                raise ConfigError(outcome.error)
            self.matches = dict([*self.matches.items()][1 - MATCHES :]) | {key: outcome.facts}
        return self.matches[key]

    def _begin_next(self) -> None:
        while self.now is None and self.order:
            run = self.order.pop(0)
            run.status, run.started, run.resumable = "running", time.time(), False
            try:
                how: dict[str, Any] = {"kind": run.kind, "minutes": run.minutes, "model": self.model(run)}
                how |= {"preview": PREVIEW_EDGE, "checkpoint": self.store.file(run, "checkpoint")}
                task = PageTask(next(self.numbers), self.job(run), **how)
                self.store.save(run)
                self.now = run, task.index
                self.work = asyncio.create_task(self._work(run, task))
            except Exception as error:  # a picture has gone since, or the disk is full
                run.status, run.error, run.ended = FAILED, self.store.plain(error), time.time()
                run.resumable = run.done > 0
            self._changed(run, *self.order)

    async def _work(self, run: Run, task: PageTask) -> None:
        began, spent = time.monotonic(), run.seconds
        first, told, kept = (0.0, 0.0), 0.0, began

        def progressed(progress: JobProgress) -> None:
            nonlocal first, told, kept
            now = time.monotonic()
            run.done, run.place, run.scale, run.scales = progress.done, progress.place, progress.scale, progress.scales
            run.losses = losses = {name: finite(value) for name, value in progress.losses.items()}
            run.seconds = spent + now - began
            if not first[0] or progress.done < first[1]:  # less: by a worker that took another's place
                first = now, progress.done
            if progress.done > first[1]:
                run.seconds_left = (now - first[0]) / (progress.done - first[1]) * (1 - progress.done)
            if progress.preview is not None:
                self.previews[run.id], run.picture_number = progress.preview, run.picture_number + 1
            if progress.preview is not None or now - told >= TOLD_EVERY:
                run.add_point(summed(losses, "style"), summed(losses, "content"))
                told = now
                self._tell(run)
            if now - kept >= KEEP_EVERY and run.id in self.store.runs:
                kept = now
                with contextlib.suppress(CxStyleError, OSError):  # it will be said at the end
                    self.store.save(run)
                    if run.id in self.previews:
                        write_whole(self.store.file(run, "preview.jpg"), self.previews[run.id])

        outcome = await self.pool.outcome(task, progressed)
        self.now, run.seconds = None, spent + time.monotonic() - began
        try:
            self._ended(run, task.job, outcome)
        finally:
            self._begin_next()

    def _ended(self, run: Run, job: Job, outcome: JobOutcome) -> None:
        """Result and record first, then what it could go on from goes."""
        seen = self.previews.pop(run.id, None)
        if run.id not in self.store.runs:  # it was deleted while it ran
            with contextlib.suppress(CxStyleError, OSError):
                self.store.remove(run)
            return
        run.status, run.error, run.ended = outcome.status, self.store.plain(outcome.error), time.time()
        run.seconds_left = None
        notes = [*outcome.details.get("notes", ()), *([ENDED] if self.closing and run.status == STOPPED else [])]
        run.notes = [*map(self.store.plain, notes)]
        if run.status == "complete":
            run.done = 1.0
        if outcome.losses:
            last = {name: finite(value) for name, value in outcome.losses[-1].items()}
            run.losses = {name: value for name, value in last.items() if name not in ("scale", "iteration")}
            run.add_point(summed(run.losses, "style"), summed(run.losses, "content"))
        try:
            if "size" in outcome.facts:
                keep(self.store, run, job, outcome)
        except (CxStyleError, OSError) as error:
            run.status, run.error = FAILED, self.store.plain(error)
        finished = run.status in ("complete", "diverged")
        run.resumable = run.status == STOPPED or (not finished and run.done > 0)
        with contextlib.suppress(CxStyleError, OSError):
            if seen is not None:
                write_whole(self.store.file(run, "preview.jpg"), seen)
            self.store.save(run)
            if finished:
                self.store.file(run, "checkpoint").unlink(missing_ok=True)
        self._changed(run)

    def _changed(self, *runs: Run) -> None:
        """Tells who listens of runs, and of the queue."""
        self._tell(*runs)
        self.feed.tell("queue", self.state)

    def _tell(self, *runs: Run) -> None:
        for run in runs:
            if run.id in self.store.runs:
                self.feed.tell(f"run {run.id}", partial(self.told_of, run))

    def state(self) -> dict[str, Any]:
        """Who waits and who runs."""
        running = None if self.now is None or self.now[0].id not in self.store.runs else self.now[0].id
        return {"waiting": [run.id for run in self.order], "running": running}

    def shown(self, run: Run) -> dict[str, Any]:
        """A run as JSON."""
        found = asdict(run)
        del found["rank"]
        return found | {"position": self.order.index(run) + 1 if run in self.order else 0}

    def told_of(self, run: Run) -> dict[str, Any]:
        """A run for an event: of the curve its last points."""
        found = self.shown(run)
        return found | {"curve_tail": found.pop("curve")[-TAIL:]}

    async def close(self) -> None:
        """Stops what runs, which is kept where that takes no longer than a few seconds, and ends all processes."""
        self.order, self.closing, running = [], True, self.now
        if running is not None:
            self.pool.cancel(running[1])
            for _ in range(100):
                if self.now is not running or self.hurry:
                    break
                await asyncio.sleep(0.1)
        await asyncio.to_thread(self.end)

    def end(self) -> None:
        """Ends all processes, at once."""
        self.pool.close()
        self.matcher.close()


def keep(store: Store, run: Run, job: Job, outcome: JobOutcome) -> None:
    """Writes result and record of a run; an animation has written its own."""
    from ..transfer import run_record, write_json

    if outcome.picture is not None:
        write_whole(store.file(run, "result.png"), outcome.picture)
    run.result = True
    run.width, run.height = outcome.facts["size"]
    pictures: dict[str, Any] = {"source": job.source.name, "targets": [target.name for target in job.target]}
    if job.source_mask is not None:
        pictures |= {"source_mask": job.source_mask.name, "target_masks": [mask.name for mask in job.target_mask]}
    how = job.config, outcome.details, outcome.status, outcome.facts.get("seconds", {}), outcome.losses
    write_json(store.file(run, "record.json"), run_record(pictures | {"result": "result.png"}, *how))

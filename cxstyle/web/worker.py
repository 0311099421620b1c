"""What the page's worker processes do: pictures as a batch does them, matches and animations."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import analysis, generators, pictures
from ..batch.jobs import Task
from ..batch.worker import PREVIEW_SHARE, STOPPED, JobOutcome, JobProgress, OnProgress, Worker, preview
from ..settings import TrainConfig

if TYPE_CHECKING:
    from torch import Tensor

VIDEO, MODEL = "animation.mp4", "model.safetensors"
"""What an animation leaves in its run's folder: it, and the network that has drawn it."""
DRAWING = 0.3
"""Share of the whole for the drawing, where a network is trained for it."""
EVERY = 0.3
"""Seconds between two reports."""


@dataclass(frozen=True)
class PageTask(Task):
    """A picture, a match, or an animation, of a job whose source is a video: drawn by a network that is there, `model`,
    or that is trained for it, for at most so many minutes."""

    kind: str = "picture"
    minutes: float | None = None
    model: Path | None = None


class PageWorker(Worker):
    """Does tasks of each kind; what a match has found is in its `facts`."""

    def ahead(self, task: Task) -> None:
        if isinstance(task, PageTask) and task.kind == "picture":
            super().ahead(task)

    def outcome(self, task: Task, on_progress: OnProgress) -> JobOutcome:
        assert isinstance(task, PageTask)
        if task.kind == "picture":
            return super().outcome(task, on_progress)
        if task.kind == "animation":
            return Animation(task, on_progress, self.device).made()
        job = task.job
        mask, device = next(iter(job.target_mask), None), self.device or job.config.device
        found = analysis.match_cells(
            job.source, job.target[0], source_mask=job.source_mask, target_mask=mask, device=device, cache=self.shared
        )
        return JobOutcome("complete", facts=asdict(found))


class Halt(Exception):  # noqa: N818 - nothing has failed
    """Somebody has asked for the end while a video was drawn."""


class Animation:
    """Trains a network for a job's video and its target, or takes one that is there, and draws the video; files go to
    the folder of the task's checkpoint."""

    def __init__(self, task: PageTask, on_progress: OnProgress, device: str | None) -> None:
        assert task.checkpoint is not None
        self.task, self.on_progress, self.device = task, on_progress, device or task.job.config.device
        self.folder = task.checkpoint.parent
        self.told = self.seen = 0.0

    def made(self) -> JobOutcome:
        """The video is in the folder."""
        source, frames = self.task.job.source, generators.survey(self.task.job.source)
        self.tell(0.0, "learning", frames.middle)
        model = self.task.model or self.folder / MODEL
        if not model.exists() and not self.trained(model):
            return JobOutcome(STOPPED)
        network, count = generators.Generator.load(model, self.device), 0
        begin = 0.0 if self.task.model else 1 - DRAWING

        def draw(frame: Tensor, *_: object, **_how: object) -> Tensor:
            drawn = network(frame, full_size=network.network.residual)
            if not self.tell(begin + (1 - begin) * count / frames.frames, f"frame {count + 1}/{frames.frames}", drawn):
                raise Halt
            return drawn

        def on_frame(_path: Path, done: int) -> None:
            nonlocal count
            count = done

        try:
            (applied,) = generators.apply(draw, [source], self.folder / VIDEO, overwrite=True, callback=on_frame)
        except Halt:
            return JobOutcome(STOPPED)
        height, width = applied.size
        return JobOutcome("complete", facts={"size": [width, height]}, details={"notes": [*applied.notes]})

    def trained(self, model: Path) -> bool:
        """Whether the training has come to its end, and not been stopped."""
        job, training = self.task.job, self.folder / "training.safetensors"
        config = TrainConfig.preset("animation").override(device=self.device, seed=job.config.seed)
        how: dict[str, Any] = {"minutes": self.task.minutes, "resume": True, "callback": self.step}
        if generators.train(job.source, job.target[0], config, training, **how).status == STOPPED:
            return False
        training.rename(model)
        return True

    def step(self, progress: generators.TrainProgress) -> bool:
        """After each step of the training."""
        picture = None if progress.strip is None else pictures.load_picture(progress.strip)
        return self.tell((1 - DRAWING) * progress.done, progress.place, picture, progress.losses)

    def tell(
        self, done: float, place: str, picture: Tensor | None = None, losses: dict[str, float] | None = None
    ) -> bool:
        """Where it is, and at times a picture; whether to go on."""
        now = time.perf_counter()
        if now - self.told < EVERY and (picture is None or now < self.seen):
            return True
        self.told, shown = now, None
        if picture is not None and now >= self.seen:
            shown = preview(picture, self.task.preview)
            self.seen = now + (time.perf_counter() - now) / PREVIEW_SHARE
        return self.on_progress(JobProgress(done, place, losses or {}, shown))

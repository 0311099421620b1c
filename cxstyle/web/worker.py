"""What the page's worker processes do: pictures as a batch does them, matches and animations."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from ..batch.jobs import Task
from ..batch.worker import JobOutcome, OnProgress, Worker

VIDEO, MODEL = "animation.mp4", "model.safetensors"
"""What an animation leaves in its run's folder: it, and the network that has drawn it."""


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
            from .animation import Animation

            return Animation(task, on_progress, self.device).made()
        from ..analysis import match_cells

        job = task.job
        mask, device = next(iter(job.target_mask), None), self.device or job.config.device
        found = match_cells(
            job.source, job.target[0], source_mask=job.source_mask, target_mask=mask, device=device, cache=self.shared
        )
        return JobOutcome("complete", facts=asdict(found))

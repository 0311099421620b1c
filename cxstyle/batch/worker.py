"""A worker: does one job after another with what they share, and reads pictures beside the loop."""

from __future__ import annotations

import contextlib
import io
import socket
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from ..errors import CxStyleError, OutputError
from ..files import make_folder
from .jobs import Job, Task

if TYPE_CHECKING:
    from torch import Tensor

    from ..transfer import Inputs, Progress, Result

FAILED = "failed"
STOPPED = "stopped"
REASONS = {
    "diverged": "a loss was no longer a finite number; lower the weights or the learning rate, or take precision fp32",
    "out of memory": "memory ran out; use a smaller size, fewer workers, or keep to less with memory, such as 4GB",
}
PREVIEW_SHARE = 0.01
"""Of a run's time that its previews may take, and they come each half to one second."""
KEEP_EVERY = 20.0
"""Seconds between two states of a run whose worker may be lost."""
SHOW_EVERY = 0.1
"""Seconds between two reports of a running job: more would cost more than the iterations of tiny ones."""


@dataclass(frozen=True)
class JobProgress:
    """How far a running job is: its share in (0, 1]; such as "scale 2/3 (128x96) iteration 7/20"; losses by name; at
    times the picture as a JPEG file where the task asks for it; and the 2 and the 3 of the scale."""

    done: float
    place: str
    losses: dict[str, float]
    preview: bytes | None = None
    scale: int = 1
    scales: int = 1


@dataclass(frozen=True)
class JobOutcome:
    """What became of a task."""

    status: str  # complete; failed; stopped; diverged or out of memory, with the picture so far
    error: str = ""  # why it isn't complete
    picture: bytes | None = None  # the encoded file; None where there is none
    losses: list[dict[str, float]] = field(default_factory=list)  # of each iteration
    facts: dict[str, Any] = field(default_factory=dict)  # for the manifest: size, seconds, device and more
    details: dict[str, Any] = field(default_factory=dict)  # as of `Result`


OnProgress = Callable[[JobProgress], bool]
"""Told of a running job's progress; returning False stops it."""


class Worker:
    """Does tasks one after another.

    Args:
        device: where, in place of what a job's settings say; None for that.
        memory: share of the free memory that it may take.
    """

    def __init__(self, device: str | None = None, memory: float = 1.0) -> None:
        from ..features import FeatureCache

        self.device, self.shared = device, FeatureCache(memory)
        self.pool = ThreadPoolExecutor(2, thread_name_prefix="pictures")
        self.reading: dict[int, Future[Inputs]] = {}

    def ahead(self, task: Task) -> None:
        """Begins to read what a task will need, while another is worked on."""
        self.reading[task.index] = self.pool.submit(read, task.job)

    def work(self, task: Task, on_progress: OnProgress) -> JobOutcome:
        """Does a task. Whatever ends it, the other jobs of the night go on; the manifest says it."""
        try:
            return self.outcome(task, on_progress)
        except CxStyleError as error:
            return JobOutcome(FAILED, str(error))
        except Exception as error:  # of a decoder, the disk, or a mistake of ours: a night of jobs doesn't end with it
            return JobOutcome(FAILED, f"{type(error).__name__}: {error}")

    def outcome(self, task: Task, on_progress: OnProgress) -> JobOutcome:
        """What comes of a task that nothing keeps from its end."""
        before, started = self.shared.computed, time.perf_counter()
        inputs = (self.reading.pop(task.index, None) or self.pool.submit(read, task.job)).result()
        result = self.run(task, inputs, started, on_progress)
        if result.status == STOPPED and task.checkpoint is None:
            return JobOutcome(STOPPED, "stopped before it was done")
        facts = {
            "iterations": len(result.losses),
            "size": [*reversed(result.picture.shape[2:])],
            "seconds": {name: round(value, 3) for name, value in result.seconds.items()},
            **{name: result.details[name] for name in ("device", "precision", "features")},
            "target_features": "shared" if self.shared.computed == before else "computed",
            "host": socket.gethostname(),
        }
        picture = result.encoded(PurePosixPath(task.job.output).suffix, task.job.writing).content
        how = REASONS.get(result.status, ""), picture, result.losses, facts, result.details.to_dict()
        return JobOutcome(result.status, *how)

    def run(self, task: Task, inputs: Inputs, started: float, on_progress: OnProgress) -> Result:
        from ..pictures import check_size, save_picture
        from ..transfer import Checkpoint, Run, prepare

        shown, seen, steps = 0.0, 0.0, 0

        def told(progress: Progress) -> bool:
            nonlocal shown, seen, steps
            steps += 1
            if task.save_every is not None and steps % task.save_every[0] == 0:
                path = task.save_every[1] / task.job.step_file(steps)
                with contextlib.suppress(OutputError):  # no reason to lose the run
                    make_folder(path.parent)
                    save_picture(progress.picture, path)
            now = time.perf_counter()
            if now - shown < SHOW_EVERY:
                return True
            shown, picture = now, None
            if task.preview and now >= seen:
                picture = preview(progress.picture, task.preview)
                seen = now + min(1.0, max(0.5, (time.perf_counter() - now) / PREVIEW_SHARE))
            now_at = progress.done, progress.place, progress.losses
            return on_progress(JobProgress(*now_at, picture, progress.scale, progress.scales))

        setup = prepare(inputs, task.job.config.override(device=self.device), self.shared)
        check_size(task.job.output, *setup.size)
        state = None if task.checkpoint is None else Checkpoint(task.checkpoint, KEEP_EVERY)
        return Run(setup, started, state, resume=True).go(told)

    def close(self) -> None:
        """Ends its threads; what they are at is dropped."""
        self.pool.shutdown(wait=False, cancel_futures=True)


def read(job: Job) -> Inputs:
    from ..transfer import read_inputs

    return read_inputs(job.source, list(job.target), job.weights, job.source_mask, list(job.target_mask) or None)


def preview(picture: Tensor, edge: int) -> bytes:
    """A picture (1, 3, H, W) as a JPEG file of at most `edge` pixels."""
    from ..pictures import to_image

    image, content = to_image(picture), io.BytesIO()
    image.thumbnail((edge, edge))
    image.save(content, "JPEG", quality=80)
    return content.getvalue()

"""A worker process for the page, fed and watched in a thread."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future

from ..batch.jobs import Task
from ..batch.local import LocalPool
from ..batch.worker import FAILED, JobOutcome, JobProgress
from ..checks import one_line
from .worker import PageWorker

IDLE = 300.0
"""Seconds after which a process that has nothing to do ends, with its memory."""
OnProgress = Callable[[JobProgress], None]


class PoolThread:
    """Does tasks one after another in a process, watched by a thread that sleeps while there are none; `device` as of
    `LocalPool`."""

    def __init__(self, device: str | None) -> None:
        self.device, self.closed, self.cancelled = device, False, set[int]()
        self.waiting: queue.SimpleQueue[tuple[Task, OnProgress, Future[JobOutcome]] | None] = queue.SimpleQueue()
        self.thread = threading.Thread(target=self._run, name="pool", daemon=True)
        self.thread.start()

    async def outcome(self, task: Task, on_progress: OnProgress = lambda _: None) -> JobOutcome:
        """What comes of a task; `on_progress` is told in the event loop."""
        loop, answer = asyncio.get_running_loop(), Future[JobOutcome]()

        def tell(progress: JobProgress) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(on_progress, progress)

        self.waiting.put((task, tell, answer))
        return await asyncio.wrap_future(answer)

    def cancel(self, index: int) -> None:
        """Stops a task after its current iteration."""
        self.cancelled.add(index)

    def close(self) -> None:
        """Ends the process, whatever it is at."""
        self.closed = True
        self.waiting.put(None)
        self.thread.join()

    def _run(self) -> None:
        """A pool whenever there is something to do."""
        while not self.closed and (errand := self.waiting.get()):
            import torch  # not before: an end would have to wait for it

            try:
                with LocalPool(torch.get_num_threads(), [self.device], PageWorker) as pool:
                    while errand:
                        self._do(pool, *errand)
                        errand = self.waiting.get(timeout=IDLE)
            except queue.Empty:
                pass
            except Exception as error:  # of a machine at its limits: no process, no file can be had
                if errand and not errand[2].done():
                    errand[2].set_result(JobOutcome(FAILED, one_line(f"no worker could be had: {error}")))

    def _do(self, pool: LocalPool, task: Task, tell: OnProgress, answer: Future[JobOutcome]) -> None:
        if not answer.set_running_or_notify_cancel():  # who asked has gone
            return
        pool.submit(task)
        while not (answer.done() or self.closed):
            if task.index in self.cancelled:
                self.cancelled.discard(task.index)
                pool.cancel(task.index)
            for kind, _, _, content in pool.poll():
                if kind == "progress":
                    tell(content)
                elif kind == "ended":
                    answer.set_result(content)

"""A worker process for the page, fed and watched in a thread."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

from ..batch.jobs import Task
from ..batch.local import LocalPool, PoolEvent
from ..batch.worker import FAILED, JobOutcome
from ..checks import one_line
from .worker import PageWorker

IDLE = 300.0
"""Seconds after which a process that has nothing to do ends, with its memory."""


class PoolThread:
    """A pool of one worker, in a thread that sleeps while there is nothing to do.

    Args:
        device: as of `LocalPool`.
        on_event: told of what happens, in the thread.
    """

    def __init__(self, device: str | None, on_event: Callable[[PoolEvent], None]) -> None:
        self.device, self.on_event = device, on_event
        self.commands: queue.SimpleQueue[Task | int | None] = queue.SimpleQueue()
        self.left: dict[int, Task] = {}
        self.thread = threading.Thread(target=self._run, name="pool", daemon=True)
        self.thread.start()

    def submit(self, task: Task) -> None:
        self.commands.put(task)

    def cancel(self, index: int) -> None:
        """Stops a task after its current iteration."""
        self.commands.put(index)

    def close(self) -> None:
        """Ends the process, whatever it is at."""
        self.commands.put(None)
        self.thread.join()

    def _run(self) -> None:
        """A pool whenever there is something to do."""
        while (command := self.commands.get()) is not None:
            import torch  # not before: an end would have to wait for it

            try:
                with LocalPool(torch.get_num_threads(), [self.device], PageWorker) as pool:
                    self._feed(pool, command)
            except Exception as error:  # of a machine at its limits: no process, no file can be had
                for task in [*self.left.values()]:
                    self._tell(("ended", task, "", JobOutcome(FAILED, one_line(f"no worker could be had: {error}"))))

    def _feed(self, pool: LocalPool, command: Task | int | None) -> None:
        """Until it is closed, or its process isn't needed."""
        while command is not None:
            if isinstance(command, int):
                pool.cancel(command)
            else:
                self.left[command.index] = command
                pool.submit(command)
            while True:
                try:
                    command = self.commands.get(not self.left, IDLE)
                    break
                except queue.Empty:
                    if not self.left:
                        return
                    for event in pool.poll():
                        self._tell(event)
        self.commands.put(None)  # for whoever began this pool

    def _tell(self, event: PoolEvent) -> None:
        if event[0] == "ended":
            self.left.pop(event[1].index, None)
        self.on_event(event)

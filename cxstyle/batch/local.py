"""Who does jobs on this machine: this process, or several that are fed and watched by `LocalPool`; and how many."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import queue
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol, Self

from ..errors import ConfigError, DeviceError
from .jobs import Job, Task
from .worker import FAILED, STOPPED, JobOutcome, JobProgress, Worker

if TYPE_CHECKING:
    from .run import Batch

ATTEMPTS = 2
"""Times that a job is begun before its workers' deaths are held against it."""
AT_ONCE = 2
"""Tasks that a worker has: one that it does, and one that it reads ahead for."""
PATIENCE = 0.2
"""Seconds between two looks at whether to stop."""
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
"""Ctrl-C reaches every process of a terminal, a scheduler's SIGTERM all of a job; the parent decides what to do."""
STARTING = threading.Lock()
PROCESS = 350_000_000
"""Bytes of a process that has imported torch."""
PIXEL = 2_500
"""Bytes of a run for each pixel of its square; presets take 1,500 to 3,500."""

PoolEvent = tuple[str, Task, str, Any]
"""Kind, whose, name of the worker, and content: started, None; progress, `JobProgress`; ended, `JobOutcome`."""


class Executor(Protocol):
    """Does jobs."""

    def run(self, tasks: Sequence[Task], listener: Batch) -> None:
        """Until all have ended, or the listener is stopping and those that ran have ended; tells it as `PoolEvent`."""


class ThisProcess:
    """One job after the other here, on a device or where the jobs' settings say; pictures are read ahead."""

    def __init__(self, device: str | None = None) -> None:
        self.device = device

    def run(self, tasks: Sequence[Task], listener: Batch) -> None:
        from ..device import usual_modes

        def progressed(task: Task, progress: JobProgress) -> bool:
            listener.hear("progress", task, "1", progress)
            return not listener.stopping

        with usual_modes(), contextlib.closing(Worker(self.device)) as worker:
            for task, following in zip(tasks, [*tasks[1:], None], strict=True):
                if listener.stopping:
                    break
                if following is not None:
                    worker.ahead(following)
                listener.hear("started", task, "1")
                listener.hear("ended", task, "1", worker.work(task, partial(progressed, task)))


@dataclass
class Hand:
    """A worker's process, and what it has to do, one after the other."""

    process: SpawnProcess
    connection: Connection
    tasks: dict[int, Task] = field(default_factory=dict)


class LocalPool:
    """Processes that work side by side while it is entered; one that dies is replaced, and its job begun once more.

    What is submitted ends with an event of `poll`, where progress comes, too; so a page can follow jobs as well as a
    batch. Processes start as they get their first task.

    Args:
        threads: of each worker.
        devices: of each worker, in place of what the jobs' settings say; None for that. As many as there are workers.
        kind: of the workers; one that does other tasks, too, is made in the process of the same arguments.
    """

    def __init__(self, threads: int, devices: Sequence[str | None], kind: type[Worker] = Worker) -> None:
        self.threads, self.devices = threads, {str(i + 1): device for i, device in enumerate(devices)}
        self.kind = kind

    def __enter__(self) -> Self:
        self.waiting: list[Task] = []
        self.cancelled: set[int] = set()
        self.events: list[PoolEvent] = []
        self.hands: dict[str, Hand] = {}
        return self

    def __exit__(self, *_: object) -> None:
        """Ends all processes at once, whatever they are at."""
        for hand in self.hands.values():
            hand.process.kill()
            hand.process.join()
            hand.connection.close()

    def submit(self, *tasks: Task) -> None:
        """More to do; no two with the same index."""
        self.waiting += tasks

    def cancel(self, *indices: int) -> None:
        """Stops tasks: those that run, after their current iteration."""
        self.cancelled |= set(indices)
        self.events += [("ended", t, "", JobOutcome(STOPPED)) for t in self.waiting if t.index in self.cancelled]
        self.waiting = [task for task in self.waiting if task.index not in self.cancelled]
        for hand in self.hands.values():
            for index in hand.tasks.keys() & set(indices):
                with contextlib.suppress(OSError):  # it has died, as `poll` will see
                    hand.connection.send(index)

    def poll(self) -> list[PoolEvent]:
        """What has happened, waited for a little; workers that are free get more to do."""
        for name in self.devices:
            self.feed(name)
        found, self.events = self.events, []
        names: dict[Any, str] = {hand.connection: name for name, hand in self.hands.items()}
        for connection in wait([*names], 0 if found else PATIENCE):
            found += self.hear(names[connection])
        return found

    def run(self, tasks: Sequence[Task], listener: Batch) -> None:
        left, stopping = {task.index for task in tasks}, False
        with self:
            self.submit(*tasks)
            while left:
                for event in self.poll():
                    left -= {event[1].index} if event[0] == "ended" else set()
                    listener.hear(*event)
                if listener.stopping and not stopping:
                    stopping = True
                    self.cancel(*left)

    def feed(self, name: str) -> None:
        """Gives a worker what it has room for; where others have nothing to do, one task at a time."""
        most = AT_ONCE if len(self.waiting) > len(self.devices) else 1
        while self.waiting and (name not in self.hands or len(self.hands[name].tasks) < most):
            if name not in self.hands:
                device = self.devices[name]
                share = 1 / [*self.devices.values()].count(device)
                self.hands[name] = Hand(*start(self.threads, share, device, self.kind))
            task, hand = self.waiting.pop(0), self.hands[name]
            hand.tasks[task.index] = task
            with contextlib.suppress(OSError):  # it has died, as `hear` will see
                hand.connection.send(task)

    def hear(self, name: str) -> list[PoolEvent]:
        """What a worker says, or what becomes of its tasks where it has died."""
        hand = self.hands[name]
        try:
            kind, index, content = hand.connection.recv()
        except (EOFError, OSError):
            return self.take_back(name)
        task = hand.tasks.pop(index) if kind == "ended" else hand.tasks[index]
        return [(kind, task, name, content)]

    def take_back(self, name: str) -> list[PoolEvent]:
        """What a process that has died had to do is for whoever comes next, but jobs over which that happens again."""
        hand = self.hands.pop(name)
        hand.connection.close()
        hand.process.join()
        status, first, ended = hand.process.exitcode or 0, next(iter(hand.tasks), None), list[PoolEvent]()
        name_of = signal.Signals(-status).name if status < 0 else f"exit status {status}"
        why = f"its worker has died ({name_of}{', as when memory runs out' if name_of == 'SIGKILL' else ''})"
        for task in reversed(hand.tasks.values()):
            blamed = task.index == first  # what it only read ahead for has not killed it
            if task.index in self.cancelled:
                ended.append(("ended", task, name, JobOutcome(STOPPED, why)))
            elif blamed and task.attempt >= ATTEMPTS:
                error = f"{why} {task.attempt} times; what it said is on the terminal"
                ended.append(("ended", task, name, JobOutcome(FAILED, error)))
            else:
                self.waiting.insert(0, replace(task, attempt=task.attempt + blamed))
        return ended


def start(threads: int, memory: float, device: str | None, kind: type[Worker]) -> tuple[SpawnProcess, Connection]:
    """A worker's process, and how to speak with it."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=serve, args=(there, threads, memory, device, kind), daemon=True)
    with STARTING, contextlib.ExitStack() as after:
        # It needs nothing of the user's script, which need not say `if __name__ == "__main__"` and isn't run again.
        after.callback(sys.modules.__setitem__, "__main__", sys.modules["__main__"])
        sys.modules["__main__"] = ModuleType("__main__")
        if hasattr(signal, "pthread_sigmask"):  # it takes none of them, not even before it can say so
            from multiprocessing import resource_tracker

            resource_tracker.ensure_running()  # which unblocks some as it starts
            before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
            after.callback(signal.pthread_sigmask, signal.SIG_SETMASK, before)
        process.start()
    there.close()
    return process, here


def serve(connection: Connection, threads: int, memory: float, device: str | None, kind: type[Worker]) -> None:
    """What a worker's process does: takes tasks, and indices of those to stop; ends as soon as the pool is gone."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    if hasattr(os, "setsid"):
        os.setsid()  # Linux shares its CPUs among sessions before it shares them among processes
    os.environ.update(dict.fromkeys(THREADS, str(threads)))  # before torch reads them
    worker, tasks, stopped = kind(device, memory), queue.SimpleQueue[Task](), set[int]()

    def listen() -> None:
        while True:
            try:
                message = connection.recv()
            except (EOFError, OSError):
                os._exit(0)
            if isinstance(message, int):
                stopped.add(message)
            else:
                worker.ahead(message)
                tasks.put(message)

    def say(kind: str, index: int, content: object = None) -> None:
        try:
            connection.send((kind, index, content))
        except OSError:  # the pool has gone
            os._exit(0)

    def progressed(index: int, progress: JobProgress) -> bool:
        say("progress", index, progress)
        return index not in stopped

    threading.Thread(target=listen, daemon=True).start()
    while True:
        task = tasks.get()
        outcome = JobOutcome(STOPPED)
        if task.index not in stopped:
            say("started", task.index)
            outcome = worker.work(task, partial(progressed, task.index))
        say("ended", task.index, outcome)


def choose_executor(jobs: Sequence[Job], workers: int | str, devices: str | None) -> Executor:
    """This process, or several, as many as have memory for the largest job without much tiling; see `run_batch`."""
    import torch

    from ..device import choose_device
    from ..transfer import FIRST_USE, SHARE, free

    names, threads = device_names(workers, devices), torch.get_num_threads()
    here = {"cpu", "auto"} if choose_device("auto").type == "cpu" else {"cpu"}
    count = len(names)
    if count == 1 and isinstance(workers, int):
        count = max(1, min(workers, len(jobs)))
    elif count == 1 and all((names[0] or job.config.device) in here for job in jobs):
        largest = max((job.config.size for job in jobs), default=0)
        fitting = int(SHARE * free(torch.device("cpu")) / (PROCESS + FIRST_USE + PIXEL * largest**2))
        count = max(1, min(threads, len(jobs), fitting))
    if count == 1:
        return ThisProcess(names[0])
    return LocalPool(max(1, threads // count), names if len(names) > 1 else names * count)


def device_names(workers: int | str, devices: str | None) -> list[str | None]:
    """Of the workers, [None] for what the jobs' settings say; refuses what can't be by a ConfigError or DeviceError."""
    import torch

    from ..device import choose_device

    if workers != "auto" and not (isinstance(workers, int) and workers >= 1):
        raise ConfigError(f"workers: at least 1 is needed, or auto, got {workers!r}")
    if devices is None:
        return [None]
    names = [name.strip() for name in devices.split(",")]
    if devices == "all":
        names = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
        if not names:
            raise DeviceError("device: all means all GPUs, and this machine has none; use --device cpu and --workers")
    for name in names:
        choose_device(name)
    if len(names) > 1 and workers not in ("auto", len(names)):
        raise ConfigError(f"workers: {workers} for {len(names)} devices; each device has one, so leave --workers out")
    return list(names)

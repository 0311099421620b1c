"""Who does jobs on this machine: this process, or several that are fed and watched by `LocalPool`."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import queue
import signal
import sys
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol, Self

from .schedule import Schedule, Task
from .worker import FAILED, STOPPED, JobOutcome, JobProgress, Worker

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

PoolEvent = tuple[str, Task, str, Any]
"""Kind, whose, name of the worker, and content: started, None; progress, `JobProgress`; ended, `JobOutcome`."""


class Listener(Protocol):
    """What an executor tells of its work; all from the thread that called it."""

    @property
    def stopping(self) -> bool:
        """Whether running jobs are to be stopped and no others begun."""

    @property
    def folder(self) -> Path:
        """Where the results go."""

    def on_start(self, task: Task, worker: str) -> None: ...

    def on_progress(self, task: Task, worker: str, progress: JobProgress) -> None: ...

    def on_end(self, task: Task, worker: str, outcome: JobOutcome) -> None: ...


class Executor(Protocol):
    """Does jobs."""

    def run(self, tasks: Sequence[Task], listener: Listener) -> None:
        """Until all have ended, or the listener is stopping and those that ran have ended."""


def pass_on(event: PoolEvent, listener: Listener) -> None:
    """Tells a listener what has happened."""
    kind, task, worker, content = event
    if kind == "started":
        listener.on_start(task, worker)
    elif kind == "progress":
        listener.on_progress(task, worker, content)
    else:
        listener.on_end(task, worker, content)


class ThisProcess:
    """One job after the other here: pictures are read ahead, and encoded while the next job's loop runs.

    Args:
        device: in place of what the jobs' settings say; None for that.
    """

    def __init__(self, device: str | None = None) -> None:
        self.device = device

    def run(self, tasks: Sequence[Task], listener: Listener) -> None:
        """As `Executor`."""
        from ..device import usual_modes

        encoding: deque[tuple[Task, Future[JobOutcome]]] = deque()

        def progressed(task: Task, progress: JobProgress) -> bool:
            listener.on_progress(task, "1", progress)
            return not listener.stopping

        with usual_modes(), closing(Worker(self.device)) as worker:
            for task, following in zip(tasks, [*tasks[1:], None], strict=True):
                if listener.stopping:
                    break
                if following is not None:
                    worker.ahead(following)
                listener.on_start(task, "1")
                encoding.append((task, worker.work(task, partial(progressed, task))))
                while encoding and (encoding[0][1].done() or len(encoding) > 1):
                    ended, outcome = encoding.popleft()
                    listener.on_end(ended, "1", outcome.result())
            for ended, outcome in encoding:
                listener.on_end(ended, "1", outcome.result())


class LocalPool:
    """Processes that work side by side while it is entered; one that dies is replaced, and its job begun once more.

    What is submitted ends with an event in `events`, where progress comes, too; so a page can follow jobs as well as
    a batch. Processes start as they get their first task.

    Args:
        threads: of each worker.
        devices: of each worker, in place of what the jobs' settings say; None for that. As many as there are workers.

    Attributes:
        events: what happens, see `PoolEvent`.
    """

    def __init__(self, threads: int, devices: Sequence[str | None]) -> None:
        self.threads, self.devices = threads, list(devices)
        self.events: queue.SimpleQueue[PoolEvent] = queue.SimpleQueue()

    def __enter__(self) -> Self:
        self.schedule, self.cancelled, self.open = Schedule(), set[int](), True
        self.changed = threading.Condition()  # held by whoever reads or changes these, or sends
        self.connections: dict[str, Connection] = {}
        self.processes: dict[str, SpawnProcess] = {}
        names = [str(place + 1) for place in range(len(self.devices))]
        self.tasks: dict[str, dict[int, Task]] = {name: {} for name in names}
        self.keepers = [threading.Thread(target=self.keep, args=(name,), daemon=True) for name in names]
        for keeper in self.keepers:
            keeper.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Ends all processes at once, whatever they are at."""
        with self.changed:
            self.open = False
            self.changed.notify_all()
            for process in self.processes.values():
                process.kill()
        for keeper in self.keepers:
            keeper.join()

    def submit(self, *tasks: Task) -> None:
        """More to do; no two with the same index."""
        with self.changed:
            self.schedule.waiting += tasks
            self.changed.notify_all()

    def cancel(self, *indices: int) -> None:
        """Stops tasks: those that run, after their current iteration."""
        with self.changed:
            self.cancelled |= set(indices)
            dropped = [task for task in self.schedule.waiting if task.index in self.cancelled]
            self.schedule.waiting = [task for task in self.schedule.waiting if task.index not in self.cancelled]
            for name, connection in self.connections.items():
                for index in self.cancelled & self.tasks[name].keys():
                    with contextlib.suppress(OSError):  # it has died, and its keeper sees to it
                        connection.send(index)
        for task in dropped:
            self.events.put(("ended", task, "", JobOutcome(STOPPED)))

    def run(self, tasks: Sequence[Task], listener: Listener) -> None:
        """As `Executor`."""
        left, stopping = {task.index for task in tasks}, False
        with self:
            self.submit(*tasks)
            while left:
                with contextlib.suppress(queue.Empty):
                    event = self.events.get(timeout=PATIENCE)
                    left -= {event[1].index} if event[0] == "ended" else set()
                    pass_on(event, listener)
                if listener.stopping and not stopping:
                    stopping = True
                    self.cancel(*left)

    def keep(self, name: str) -> None:
        """Keeps a worker: one process after another, for as long as there is something to do for it."""
        device = self.devices[int(name) - 1]
        arguments = self.threads, 1 / self.devices.count(device), device
        while first := self.take(name):
            begun: set[int] = set()
            with self.changed:
                if not self.open:
                    return
                try:
                    process, connection = start(*arguments)
                except OSError as error:  # as where there is no memory for one
                    self.take_back(name, begun, f"its worker could not be started ({error.strerror})")
                    continue
                self.processes[name], self.connections[name] = process, connection
            with contextlib.suppress(EOFError, OSError), connection:
                self.follow(name, first, begun)
            with self.changed:
                del self.connections[name]
            process.join()
            if not self.open:
                return
            self.take_back(name, begun, f"its worker has died ({describe(process.exitcode or 0)})")

    def take(self, name: str) -> list[Task]:
        """More tasks for a worker: where it has none, as soon as there is one; none once the pool is closed."""
        held, found = self.tasks[name], list[Task]()
        with self.changed:
            while self.open:
                most = AT_ONCE if len(self.schedule) > len(self.devices) else 1
                while len(held) < most and (task := self.schedule.next(name)) is not None:
                    held[task.index] = task
                    found.append(task)
                if held:
                    break
                self.changed.wait()
        return found

    def follow(self, name: str, tasks: list[Task], begun: set[int]) -> None:
        """Gives a process its tasks and passes on what it says, until it has died or the pool is closed."""
        connection, held = self.connections[name], self.tasks[name]
        while self.open:
            with self.changed:
                for task in tasks:
                    connection.send(task)
                    if task.index in self.cancelled:
                        connection.send(task.index)
            kind, index, content = connection.recv()
            event = kind, held[index], name, content
            if kind == "started":
                begun.add(index)
            elif kind == "ended":
                begun.discard(index)
                del held[index]
            self.events.put(event)
            tasks = self.take(name)

    def take_back(self, name: str, begun: set[int], why: str) -> None:
        """What a process that has died had to do is for whoever comes next; a job over which that happens again has
        failed."""
        with self.changed:
            self.schedule.leave(name)
            for task in reversed([*self.tasks[name].values()]):
                # One that it only read ahead for has not killed it; without any begun, it can't even start.
                blamed = task.index in begun or not begun
                if task.index in self.cancelled:
                    self.events.put(("ended", task, name, JobOutcome(STOPPED, why)))
                elif blamed and task.attempt >= ATTEMPTS:
                    error = f"{why} {task.attempt} times; see what it said above"
                    self.events.put(("ended", task, name, JobOutcome(FAILED, error)))
                else:
                    self.schedule.put_back(task, failed=blamed)
            self.tasks[name].clear()
            self.changed.notify_all()


def start(threads: int, memory: float, device: str | None) -> tuple[SpawnProcess, Connection]:
    """A worker's process, and how to speak with it."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=serve, args=(there, threads, memory, device), daemon=True)
    with STARTING, without_main(), without_signals():
        process.start()
    there.close()
    return process, here


@contextlib.contextmanager
def without_main() -> Iterator[None]:
    """Processes that are started don't run the user's script again: they need nothing of it, and it need not say
    `if __name__ == "__main__"`."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


@contextlib.contextmanager
def without_signals() -> Iterator[None]:
    """Processes that are started take none of `SIGNALS`, not even before they can say so."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # which unblocks some as it starts
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def serve(connection: Connection, threads: int, memory: float, device: str | None) -> None:
    """What a worker's process does: takes tasks, and indices of those to stop; ends as soon as the pool is gone."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    if hasattr(os, "setsid"):
        os.setsid()  # Linux shares its CPUs among sessions before it shares them among processes
    os.environ.update(dict.fromkeys(THREADS, str(threads)))  # before torch reads them
    worker, tasks, stopped, sending = Worker(device, memory), queue.SimpleQueue[Task](), set[int](), threading.Lock()

    def send(kind: str, index: int, content: Any) -> None:
        with sending:
            connection.send((kind, index, content))

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

    def progressed(index: int, progress: JobProgress) -> bool:
        send("progress", index, progress)
        return index not in stopped

    def ended(index: int, outcome: Future[JobOutcome]) -> None:
        send("ended", index, outcome.result())

    threading.Thread(target=listen, daemon=True).start()
    while True:
        task = tasks.get()
        if task.index in stopped:
            send("ended", task.index, JobOutcome(STOPPED))
            continue
        send("started", task.index, None)
        worker.work(task, partial(progressed, task.index)).add_done_callback(partial(ended, task.index))


def describe(status: int) -> str:
    """An exit status in words."""
    if status >= 0:
        return f"exit status {status}"
    name = signal.Signals(-status).name if -status in {*signal.Signals} else f"signal {-status}"
    return f"{name}, as when memory runs out" if name == "SIGKILL" else name

"""The executor of several processes: on a CPU with its threads divided among them, or one for each GPU."""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

from .executors import ATTEMPTS, Watcher
from .schedule import Schedule, Task
from .work import FAILED, Ended

PATIENCE = 0.2
"""Seconds between two looks at whether to stop."""
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
AT_ONCE = 2
"""Tasks that a worker has: one that it does, and one that it reads ahead for."""

Message = tuple["Hand", str, int, Any]


class Hand:
    """A worker's process.

    Args:
        name: of the worker.
        messages: where what it says is put, and "gone" when it has died.
        threads: that it may use.
        memory: share of the free memory.
        device: in place of what the jobs' settings say.
    """

    def __init__(
        self, name: str, messages: queue.SimpleQueue[Message], threads: int, memory: float, device: str | None
    ) -> None:
        self.name, self.messages = name, messages
        self.tasks: dict[int, Task] = {}
        self.begun: set[int] = set()
        package = Path(__file__).parents[2]
        # The package as it is imported here, wherever it lies.
        found = os.pathsep.join(filter(None, (str(package), os.environ.get("PYTHONPATH"))))
        command = [sys.executable, "-m", "cxstyle.batch.child", str(memory), *([device] if device else [])]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | dict.fromkeys(THREADS, str(threads)) | {"PYTHONPATH": found},
            start_new_session=os.name == "posix",
        )
        threading.Thread(target=self.listen, args=(self.process.stdout,), daemon=True).start()

    def listen(self, stream: BinaryIO) -> None:
        """Passes on what the process says until it is gone."""
        with contextlib.suppress(EOFError, OSError, pickle.UnpicklingError):
            while True:
                self.messages.put((self, *pickle.load(stream)))
        self.messages.put((self, "gone", -1, None))

    def say(self, message: Task | None) -> None:
        """A task, or None to stop; to a process that has died it is no use, and `listen` will say so."""
        if isinstance(message, Task):
            self.tasks[message.index] = message
        stream = self.process.stdin
        with contextlib.suppress(OSError, ValueError):
            if stream is not None:
                pickle.dump(message, stream)
                stream.flush()

    def end(self) -> None:
        """At once."""
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()


class Crew:
    """Processes that work side by side; one that dies is replaced, and its job begun once more.

    Args:
        threads: of each worker.
        devices: of each worker, in place of what the jobs' settings say; None for that. As many as there are workers.
    """

    def __init__(self, threads: int, devices: Sequence[str | None]) -> None:
        self.threads, self.devices = threads, list(devices)

    def go(self, schedule: Schedule, watcher: Watcher) -> None:
        """As `Executor`."""
        self.schedule, self.watcher = schedule, watcher
        self.messages: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self.hands: list[Hand] = []
        told = False
        try:
            for place in range(min(len(self.devices), len(schedule))):
                self.hire(place)
            for hand in self.hands:
                self.feed(hand)
            while any(hand.tasks for hand in self.hands):
                with contextlib.suppress(queue.Empty):
                    self.hear(*self.messages.get(timeout=PATIENCE))
                if watcher.stopping and not told:
                    told = True
                    for hand in self.hands:
                        hand.say(None)
        finally:
            for hand in self.hands:
                hand.end()

    def hire(self, place: int) -> None:
        """A process for the worker of a place, with a task."""
        device = self.devices[place]
        hand = Hand(str(place + 1), self.messages, self.threads, 1 / self.devices.count(device), device)
        self.hands[place : place + 1] = [hand]
        self.feed(hand)

    def feed(self, hand: Hand) -> None:
        """Gives it a task where it has none, and one to read ahead for where there is more than one for each worker."""
        plenty = AT_ONCE if len(self.schedule) > len(self.hands) else 1
        while len(hand.tasks) < plenty and not self.watcher.stopping:
            task = self.schedule.next(hand.name)
            if task is None:
                return
            hand.say(task)

    def hear(self, hand: Hand, kind: str, index: int, content: Any) -> None:
        """What a worker said."""
        if hand not in self.hands:
            return
        if kind == "gone":
            self.replace(hand)
            return
        task = hand.tasks[index]
        if kind == "started":
            hand.begun.add(index)
            self.watcher.started(task, hand.name)
        elif kind == "moved":
            self.watcher.moved(task, hand.name, content)
        elif kind == "ended":
            del hand.tasks[index]
            hand.begun.discard(index)
            self.watcher.ended(task, hand.name, content)
            self.feed(hand)

    def replace(self, hand: Hand) -> None:
        """Another process for one that has died; its tasks are to be done by whoever comes next."""
        hand.end()
        why = f"its worker has died ({describe(hand.process.returncode)})"
        self.schedule.leave(hand.name)
        for task in reversed([*hand.tasks.values()]):
            # One that it only read ahead for has not killed it; without any begun, the process can't even start.
            blamed = task.index in hand.begun or not hand.begun
            if self.watcher.stopping:
                self.watcher.ended(task, hand.name, Ended("stopped", why))
            elif blamed and task.attempt >= ATTEMPTS:
                self.watcher.ended(task, hand.name, Ended(FAILED, f"{why} {ATTEMPTS} times; see what it said above"))
            else:
                self.schedule.put_back(task, failed=blamed)
        hand.tasks.clear()
        if self.schedule and not self.watcher.stopping:
            self.hire(self.hands.index(hand))


def describe(status: int) -> str:
    """An exit status in words."""
    if status >= 0:
        return f"exit status {status}"
    name = signal.Signals(-status).name if -status in {*signal.Signals} else f"signal {-status}"
    return f"{name}, as when memory runs out" if name == "SIGKILL" else name

"""The executor of several processes: on a CPU with its threads divided among them, or one for each GPU."""

from __future__ import annotations

import contextlib
import queue
import signal
from collections.abc import Sequence
from typing import Any

from .executors import PATIENCE, Team, Watcher
from .process import GONE, THREADS, Process
from .schedule import Schedule, Task

Message = tuple["Hand", tuple[Any, ...]]


class Hand:
    """A worker's process.

    Args:
        name: of the worker.
        messages: where what it says is put.
        threads: that it may use.
        memory: share of the free memory.
        device: in place of what the jobs' settings say.
    """

    def __init__(
        self, name: str, messages: queue.SimpleQueue[Message], threads: int, memory: float, device: str | None
    ) -> None:
        self.name = name
        self.tasks: dict[int, Task] = {}
        self.begun: set[int] = set()
        arguments = [str(memory), *([device] if device else [])]
        self.process = Process(
            "cxstyle.batch.child",
            arguments,
            lambda message: messages.put((self, message)),
            dict.fromkeys(THREADS, str(threads)),
        )

    def give(self, task: Task) -> None:
        """As `executors.Hand`."""
        self.process.say(task)

    def stop(self) -> None:
        """After the current iteration."""
        self.process.say(None)


class Crew(Team[Hand]):
    """Processes that work side by side; one that dies is replaced, and its job begun once more.

    Args:
        threads: of each worker.
        devices: of each worker, in place of what the jobs' settings say; None for that. As many as there are workers.
    """

    def __init__(self, threads: int, devices: Sequence[str | None]) -> None:
        self.threads, self.devices = threads, list(devices)

    def go(self, schedule: Schedule, watcher: Watcher) -> None:
        """As `Executor`."""
        self.assemble(schedule, watcher)
        self.messages: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self.places, told = min(len(self.devices), len(schedule)), False
        try:
            for place in range(self.places):
                self.hire(place)
            for hand in self.hands:
                self.feed(hand)
            while any(hand.tasks for hand in self.hands):
                with contextlib.suppress(queue.Empty):
                    self.receive(*self.messages.get(timeout=PATIENCE))
                if watcher.stopping and not told:
                    told = True
                    for hand in self.hands:
                        hand.stop()
        finally:
            for hand in self.hands:
                hand.process.end()

    def hire(self, place: int) -> None:
        """A process for the worker of a place, with a task."""
        device = self.devices[place]
        hand = Hand(str(place + 1), self.messages, self.threads, 1 / self.devices.count(device), device)
        self.hands[place : place + 1] = [hand]
        self.feed(hand)

    def receive(self, hand: Hand, message: tuple[Any, ...]) -> None:
        """What a worker said, or that it is gone."""
        if hand not in self.hands:
            return
        if message[0] == GONE:
            self.replace(hand)
        else:
            self.hear(hand, *message)

    def replace(self, hand: Hand) -> None:
        """Another process for one that has died."""
        why = f"its worker has died ({describe(hand.process.end())})"
        self.take_back(hand, why, advice="; see what it said above")
        if self.schedule and not self.watcher.stopping:
            self.hire(self.hands.index(hand))


def describe(status: int) -> str:
    """An exit status in words."""
    if status >= 0:
        return f"exit status {status}"
    name = signal.Signals(-status).name if -status in {*signal.Signals} else f"signal {-status}"
    return f"{name}, as when memory runs out" if name == "SIGKILL" else name

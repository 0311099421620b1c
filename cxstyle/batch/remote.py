"""A Ray cluster as the driver has it: how it is reached, workers on its nodes, and how many there is room for."""

from __future__ import annotations

import logging
import socket
from pathlib import Path
from typing import Any

from ..errors import ClusterError
from .cluster import LOCAL
from .parcels import Parcel, Sender
from .schedule import Task

Node = dict[str, Any]
KNOCK = 5.0
"""Seconds for the machine of a cluster to answer."""


class RayHand:
    """A worker on a node.

    Attributes:
        stage: what `waiting` will be the answer of: hello, sees, or exchange.
        node: its id; empty before it is known.
        blind: why it gets no tasks; it keeps its place, so that no other worker comes there.
    """

    def __init__(self, number: int, actor: Any, sender: Sender) -> None:
        self.number, self.name, self.actor, self.sender = number, str(number), actor, sender
        self.tasks: dict[int, Task] = {}
        self.begun: set[int] = set()
        self.outgoing: list[Parcel] = []
        self.node = self.blind = ""
        self.probe: Path | None = None
        self.ask("hello")

    def give(self, task: Task) -> None:
        """As `executors.Hand`: with the next exchange."""
        self.outgoing.append(self.sender.parcel(task))

    def ask(self, stage: str, *arguments: Any) -> None:
        """Calls a method of the actor; the answer comes later."""
        self.stage, self.waiting = stage, getattr(self.actor, stage).remote(*arguments)

    def exchange(self, stopping: bool) -> None:
        """Hands over what it has been given, and asks what happened."""
        parcels, self.outgoing = self.outgoing, []
        self.ask("exchange", parcels, stopping)

    def unseen(self, file: str) -> str:
        """Why it is blind."""
        host = self.name.partition("@")[2]
        return f"{host} doesn't see {file}: it must lie on storage that all nodes share, or add --return-pictures"


def room(nodes: list[Node], cpus: int, gpu: bool) -> int:
    """Workers that nodes have room for, each with some CPUs, and a GPU where wanted."""
    found = 0
    for node in nodes:
        has = node["Resources"]
        by_cpu = int(has.get("CPU", 0) // cpus)
        found += min(by_cpu, int(has.get("GPU", 0))) if gpu else by_cpu
    return found


def largest(nodes: list[Node], gpu: bool) -> int:
    """CPUs that a worker can have: of the largest node, for each of its GPUs where it gets one."""
    found = [0]
    for node in nodes:
        has = node["Resources"]
        workers = has.get("GPU", 0.0) if gpu else 1.0
        if workers:
            found.append(int(has.get("CPU", 0) // workers))
    return max(found)


def connect(address: str) -> None:
    """Connects Ray to a cluster, or starts it here.

    Raises:
        ClusterError: there is none.
    """
    import ray

    settings: dict[str, Any] = {"include_dashboard": False} if address == LOCAL else {}
    try:
        knock(address)
        ray.init(address, log_to_driver=False, logging_level=logging.ERROR, **settings)
    except Exception as error:  # Ray raises many kinds
        advice = "start one with `ray start --head`, name one with --ray-address, or take --ray-address local"
        raise ClusterError(f"no Ray cluster can be reached at {address} ({gist(error)}); {advice}") from error


def knock(address: str) -> None:
    """Makes sure that somebody listens where an address has a port; Ray would try for minutes.

    Raises:
        OSError: nobody does.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), KNOCK).close()


def gist(error: Exception) -> str:
    """What it says, without what Ray adds to it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return (lines[-1] if lines[0].endswith(":") else lines[0]).rstrip(".")

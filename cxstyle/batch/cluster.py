"""The executor of a Ray cluster: a worker for each GPU or few CPUs of its nodes, as many as there is room for."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import queue
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import ClusterError, ConfigError
from .executors import PATIENCE, Watcher
from .parcels import Networks, networks_here
from .process import GONE, Process
from .schedule import Schedule

LOCAL = "local"
SILENCE = 60.0
"""Seconds without a word from the process that speaks with Ray until the cluster is taken for lost: some of Ray's calls
never return then."""
LEAVE = 15.0
"""Seconds that are left to the connection to end by itself."""


@dataclass(frozen=True)
class Order:
    """What the process that speaks with Ray is told to do.

    Attributes:
        address: as of `Cluster`, and so are cpus, gpus and return_pictures.
        folder: where the results go.
        networks: that jobs mean which name none of their own.
        schedule: of the tasks.
    """

    address: str
    cpus: int | None
    gpus: bool | None
    return_pictures: bool
    folder: Path
    networks: Networks
    schedule: Schedule


class Cluster:
    """Workers on the nodes of a Ray cluster. Nodes may join and leave; what a lost one was doing is done elsewhere.

    Ray is spoken to by a process of its own: whatever becomes of the cluster, this one is told and goes on.

    Args:
        address: auto, the cluster that runs on this machine or that RAY_ADDRESS names; host:port or ray://host:port; or
            local, to start Ray on this machine until the batch has ended.
        cpus: of each worker, whose threads are as many; 2 without it, or as many as the largest node has.
        gpus: whether each worker has a GPU; None where nodes have some and a job can use one. Nodes without a GPU then
            do nothing.
        return_pictures: send pictures, masks and weight files to the nodes and results back, for nodes that share no
            storage with this machine.

    Raises:
        ConfigError: Ray is not installed, or less than one CPU.
    """

    def __init__(
        self,
        address: str = "auto",
        cpus: int | None = None,
        gpus: bool | None = None,
        return_pictures: bool = False,
    ) -> None:
        if importlib.util.find_spec("ray") is None:
            raise ConfigError("batches on a cluster need Ray: pip install 'cxstyle[ray]'")
        if cpus is not None and cpus < 1:
            raise ConfigError(f"cpus: a worker needs at least 1, got {cpus}")
        self.address, self.cpus, self.gpus, self.return_pictures = address, cpus, gpus, return_pictures

    def go(self, schedule: Schedule, watcher: Watcher) -> None:
        """As `Executor`.

        Raises:
            ClusterError: it can't be reached, was lost, or no node of it can be used.
            ConfigError: intermediate pictures are wanted of nodes that share no storage.
        """
        tasks = [task for group in schedule.groups.values() for task in group]
        if self.return_pictures and any(task.save_every for task in tasks):
            raise ConfigError(
                "--save-every writes on the nodes, and --return-pictures says that they share no storage; "
                "leave one of them out"
            )
        networks = networks_here(task.job.config for task in tasks)
        settings = self.address, self.cpus, self.gpus, self.return_pictures
        messages: queue.SimpleQueue[tuple[Any, ...]] = queue.SimpleQueue()
        process = Process("cxstyle.batch.driver", [], messages.put, quiet(), subprocess.DEVNULL)
        try:
            process.say(Order(*settings, watcher.folder.absolute(), networks, schedule))
            self.follow(process, messages, watcher)
            process.end(LEAVE)
        finally:
            process.end()

    def follow(self, process: Process, messages: queue.SimpleQueue[tuple[Any, ...]], watcher: Watcher) -> None:
        """Passes on what happens until all has."""
        told, heard = False, time.monotonic()
        while True:
            with contextlib.suppress(queue.Empty):
                kind, *content = messages.get(timeout=PATIENCE)
                heard = time.monotonic()
                if kind == "done":
                    return
                if kind == "broken":
                    raise content[0]
                if kind == GONE:
                    raise self.lost("the connection broke")
                if kind != "alive":
                    getattr(watcher, kind)(*content)
            if time.monotonic() - heard > SILENCE:
                raise self.lost(f"no answer for {SILENCE:g} s")
            if watcher.stopping and not told:
                told = True
                process.say(None)

    def lost(self, why: str) -> ClusterError:
        """In one line."""
        return ClusterError(f"the Ray cluster ({self.address}) was lost: {why}; the same command goes on from here")


def quiet() -> dict[str, str]:
    """What keeps Ray from sending statistics, and from waiting long for a cluster that is gone."""
    wanted = {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
        "RAY_gcs_rpc_server_reconnect_timeout_s": "30",
    }
    return {name: os.environ.get(name, value) for name, value in wanted.items()}

"""The executor of a Ray cluster: each job is a task of Ray's, which finds a node for it and begins it again elsewhere
where its worker or its node was lost."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import math
import os
import signal
import socket
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from .. import WAITING
from ..errors import ClusterError, ConfigError
from ..pictures import VARIABLE
from ..settings import StyleConfig
from .jobs import Job
from .local import PATIENCE, SIGNALS, THREADS, Listener
from .node import Errand, Networks, do_job, moved
from .schedule import Task
from .worker import FAILED, STOPPED, JobOutcome

LOCAL = "local"
CPUS = 2
"""Of each worker where nothing else is said: a run alone gains little from more, and two of one CPU each need twice the
memory."""
RETRIES = 3
"""Times that a job is begun again after its worker or node was lost."""
KEPT = 64
"""Files whose contents Ray is given once for several jobs."""
AHEAD = 2
"""Jobs that wait for room: the next one begins at once, and clusters that grow by themselves see what is needed."""
LOOK = 2.0
"""Seconds between two looks at the cluster's nodes."""
WAIT = 120.0
"""Seconds that a cluster may be without any node with room for a worker: one that grows by itself needs as long."""
KNOCK = 5.0
"""Seconds for the machine of a cluster to answer."""
HEAD = {"node:__internal_head__": 0.001}
"""What only the head of a cluster has, which no batch outlives. An affinity to a node is not enough: Ray may ask a node
that has just joined, and doesn't know of the others yet, to begin an actor."""
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
"""What keeps Ray from sending statistics, and from warnings."""


class Cluster:
    """Workers on the nodes of a Ray cluster. Nodes may join and leave.

    Args:
        address: auto, the cluster that runs on this machine or that RAY_ADDRESS names; host:port or ray://host:port; or
            local, to start Ray on this machine until the batch has ended.
        cpus: of each worker, whose threads are as many; without it 2, or as many as the largest node has; 1 beside a
            GPU.
        gpus: whether each worker has a GPU; None where nodes have some and a job can use one. Nodes without a GPU then
            do nothing.
        return_pictures: send pictures, masks and weight files to the nodes, for those that share no storage with this
            machine.

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

    def run(self, tasks: Sequence[Task], listener: Listener) -> None:
        """As `local.Executor`.

        Raises:
            ClusterError: it can't be reached, or no node of it can be used.
            ConfigError: intermediate pictures are wanted of nodes that share no storage.
        """
        if self.return_pictures and any(task.save_every for task in tasks):
            raise ConfigError(
                "--save-every writes on the nodes, and --return-pictures says that they share no storage; "
                "leave one of them out"
            )
        with connected(self.address):
            from ray.exceptions import RayError

            driver = Driver(self, tasks, listener)
            try:
                driver.go()
            except ImportError as error:
                why = f"its head needs cxstyle as here: {gist(error)}"
                raise ClusterError(f"the Ray cluster ({self.address}) can't be used; {why}") from error
            except (RayError, ConnectionError) as error:
                why = f"the Ray cluster ({self.address}) was lost: {gist(error)}"
                raise ClusterError(f"{why}; the same command goes on from here") from error
            finally:  # whatever ends it, nothing goes on
                with contextlib.suppress(Exception):
                    driver.cancel(force=True)


class Driver:
    """Does the tasks of a batch on the cluster that Ray is connected to."""

    def __init__(self, cluster: Cluster, tasks: Sequence[Task], listener: Listener) -> None:
        import ray
        from ray.util.queue import Queue

        self.ray, self.cluster, self.listener = ray, cluster, listener
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        devices = {task.job.config.device.split(":")[0] for task in tasks}
        found = bool(devices & {"auto", "cuda"}) and any(node.get("GPU") for node in nodes)
        self.gpu = found if cluster.gpus is None else cluster.gpus
        most = 1 if self.gpu else min(CPUS, max(int(node.get("CPU", 0)) for node in nodes))
        self.cpus = cluster.cpus or max(1, most)
        self.messages = Queue(actor_options={"num_cpus": 0, "resources": HEAD})
        variables = dict.fromkeys(THREADS, str(self.cpus)) | {"PYTHONPATH": python_path()}
        wanted = ("CXSTYLE_CACHE", VARIABLE, *WAITING)
        variables |= {name: os.environ[name] for name in wanted if name in os.environ}
        self.remote = ray.remote(do_job).options(
            num_cpus=self.cpus,
            num_gpus=int(self.gpu),
            max_retries=RETRIES,
            scheduling_strategy="SPREAD",
            runtime_env={"env_vars": variables},
        )
        networks = networks_here(task.job.config for task in tasks)
        self.waiting = deque((task, moved(task.job, Path.absolute, networks)) for task in tasks)
        self.put = lru_cache(KEPT)(lambda file: ray.put(file.read_bytes()))  # those of running jobs stay anyway
        self.running: dict[Any, Errand] = {}
        self.tasks = {task.index: task for task in tasks}
        self.workers = dict.fromkeys(self.tasks, "")
        self.begun: set[int] = set()
        self.looked, self.roomy, self.room = 0.0, time.monotonic(), 0

    def go(self) -> None:
        """Until all have ended, or the batch is stopping and those that ran have ended.

        Raises:
            ClusterError: no node can be used.
        """
        stopped = False
        while self.running or (self.waiting and not self.listener.stopping):
            self.look()
            while self.waiting and len(self.running) < self.room + AHEAD and not self.listener.stopping:
                errand = self.errand(*self.waiting.popleft())
                contents = map(self.put, errand.files) if self.cluster.return_pictures else ()
                self.running[self.remote.remote(errand, *contents)] = errand
            done, _ = self.ray.wait([*self.running], num_returns=len(self.running), timeout=PATIENCE)
            for message in self.messages.get_nowait_batch(self.messages.qsize()):
                self.hear(*message)
            for reference in done:
                self.end(self.running.pop(reference), reference)
            if self.listener.stopping and not stopped:
                stopped = True
                self.cancel()

    def cancel(self, force: bool = False) -> None:
        """Stops the jobs that run, which end as cancelled; with `force` by ending their processes."""
        for reference in self.running:
            self.ray.cancel(reference, force=force)

    def look(self) -> None:
        """How many workers there is room for.

        Raises:
            ClusterError: for none, for too long.
        """
        if time.monotonic() - self.looked < LOOK:
            return
        self.looked = time.monotonic()
        self.room = room([n["Resources"] for n in self.ray.nodes() if n["Alive"]], self.cpus, self.gpu)
        if self.room:
            self.roomy = self.looked
        elif self.looked - self.roomy >= (0.0 if self.cluster.address == LOCAL else WAIT):
            what = f"{self.cpus} CPUs" + (" and a GPU" if self.gpu else "")
            raise ClusterError(f"no node of the cluster has {what} for a worker; use fewer --cpus, or add nodes")

    def errand(self, task: Task, job: Job) -> Errand:
        """Without files that aren't here: whoever misses them says so, as for any other job."""
        if task.save_every is not None:
            task = replace(task, save_every=(task.save_every[0], task.save_every[1].absolute()))
        files = [file for file in set(job.files()) if file.is_file() and os.access(file, os.R_OK)]
        return Errand(task, job, self.cpus, self.gpu, self.messages, files)

    def hear(self, kind: str, index: int, worker: str, content: Any) -> None:
        """What a node said of a job."""
        task = self.tasks[index]
        if kind == "started":
            if index in self.begun:
                task = self.tasks[index] = replace(task, attempt=task.attempt + 1)
            self.begun.add(index)
            self.workers[index] = worker
            self.listener.on_start(task, worker)
        elif worker == self.workers[index]:
            self.listener.on_progress(task, worker, content)

    def end(self, errand: Errand, reference: Any) -> None:
        """A job has ended, or can't."""
        kinds, index = self.ray.exceptions, errand.task.index
        try:
            outcome = self.ray.get(reference)
        except kinds.TaskCancelledError:
            outcome = JobOutcome(STOPPED, "stopped before it was done")
        except kinds.RayTaskError as error:
            if isinstance(error.cause, ClusterError):
                raise error.cause from None
            why = gist(error.cause or error)
            raise ClusterError(f"jobs don't start on the nodes, which need cxstyle and torch as here: {why}") from error
        except kinds.RayError as error:
            times = self.tasks[index].attempt
            why = f"its worker or its node was lost {times} times ({gist(error)}); see Ray's logs"
            outcome = JobOutcome(FAILED, why)
        self.listener.on_end(self.tasks[index], self.workers[index], outcome)


def networks_here(configs: Iterable[StyleConfig]) -> Networks:
    """What the features of settings mean on this machine, so that they mean the same on others."""
    from ..features import BUNDLED, find

    found: Networks = {}
    for name in {config.features for config in configs if config.weights is None}:
        network = ("vgg19" if find("vgg19") else "vgg16") if name == "auto" else name
        path = find(network)
        found[name] = network, None if path is None or path.parent == BUNDLED else path
    return found


def room(nodes: list[dict[str, float]], cpus: int, gpu: bool) -> int:
    """Workers that nodes of these resources have room for, each with some CPUs, and a GPU where wanted."""
    return sum(int(min(node.get("CPU", 0) // cpus, node.get("GPU", 0) if gpu else math.inf)) for node in nodes)


@contextlib.contextmanager
def connected(address: str) -> Iterator[None]:
    """Connects Ray to a cluster, or starts it here, where it isn't connected yet.

    Raises:
        ClusterError: there is none.
    """
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    import ray

    if ray.is_initialized():
        yield
        return
    settings: dict[str, Any] = {"include_dashboard": False} if address == LOCAL else {}
    advice = "start one with `ray start --head`, name one with --ray-address, or take --ray-address local"
    before = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        if knock(address):
            advice = "its machine answers; where the cluster wants a token, set RAY_AUTH_MODE=token"
        ray.init(address, log_to_driver=False, logging_level=logging.ERROR, **settings)
    except Exception as error:  # Ray raises many kinds
        raise ClusterError(f"no Ray cluster can be reached at {address} ({gist(error)}); {advice}") from error
    for number, handler in before.items():
        with contextlib.suppress(ValueError, TypeError):  # in another thread than the main one Ray takes none
            signal.signal(number, handler)
    try:
        yield
    finally:
        ray.shutdown()


def knock(address: str) -> bool:
    """Makes sure that somebody listens where an address has a port; Ray would try for minutes.

    Returns:
        Whether it has one.

    Raises:
        OSError: nobody does.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not (host and port.isdigit()):
        return False
    socket.create_connection((host.strip("[]"), int(port)), KNOCK).close()
    return True


def gist(error: BaseException) -> str:
    """What it says, without what Ray adds to it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return (lines[-1] if lines[0].endswith(":") else lines[0]).rstrip(".")


def python_path() -> str:
    """For processes that are to find the package as it is imported here, wherever it lies."""
    package = str(Path(__file__).parents[2])
    return os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))

"""The executor of a Ray cluster: each job is a task of Ray's, which finds a node for it and begins it again elsewhere
where its worker or its node was lost. A job gets there by paths on shared storage, or with its files."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import logging
import math
import os
import signal
import socket
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import WAITING, __version__
from ..errors import ClusterError, ConfigError
from ..pictures import VARIABLE
from ..settings import StyleConfig
from .jobs import Job, Task
from .local import PATIENCE, SIGNALS, THREADS
from .worker import FAILED, STOPPED, JobOutcome, JobProgress, Worker

if TYPE_CHECKING:
    from .run import Batch

LOCAL = "local"
CPUS = 2
"""Of each worker where nothing else is said: a run alone gains little from more."""
AHEAD = 2
"""Jobs that wait for room: the next one begins at once, and clusters that grow by themselves see what is needed."""
WAIT = 120.0
"""Seconds that a cluster may be without any node with room for a worker: one that grows by itself needs as long."""
TELL_EVERY = 1.0
"""Seconds between two reports of a running job."""


class Cluster:
    """Workers on the nodes of a Ray cluster. Nodes may join and leave.

    Each worker has a GPU where nodes have some and a job can use one; nodes without one then do nothing.

    Args:
        address: auto, the cluster that runs on this machine or that RAY_ADDRESS names; host:port or ray://host:port; or
            local, to start Ray on this machine until the batch has ended.
        cpus: of each worker, whose threads are as many; without it 2, or as many as the largest node has; 1 beside a
            GPU.
        return_pictures: send pictures, masks and weight files to the nodes, for those that share no storage with this
            machine.

    Raises:
        ConfigError: Ray is not installed, or less than one CPU.
    """

    def __init__(self, address: str = "auto", cpus: int | None = None, return_pictures: bool = False) -> None:
        if importlib.util.find_spec("ray") is None:
            raise ConfigError("batches on a cluster need Ray: pip install 'cxstyle[ray]'")
        if cpus is not None and cpus < 1:
            raise ConfigError(f"cpus: a worker needs at least 1, got {cpus}")
        self.address, self.cpus, self.return_pictures = address, cpus, return_pictures

    def run(self, tasks: Sequence[Task], listener: Batch) -> None:
        """As `local.Executor`; a ClusterError where the cluster can't be reached, or no node of it can be used."""
        with connected(self.address):
            from ray.exceptions import RayError

            driver = Driver(self, tasks, listener)
            try:
                driver.go()
            except (RayError, ConnectionError, ImportError) as error:  # ImportError: its head lacks cxstyle
                why = f"the Ray cluster ({self.address}) was lost or can't be used: {gist(error)}"
                raise ClusterError(f"{why}; the same command goes on from here") from error
            finally:  # whatever ends it, nothing goes on
                with contextlib.suppress(Exception):  # a cluster that is lost is told nothing
                    driver.cancel(force=True)


class Driver:
    """Does the tasks of a batch on the cluster that Ray is connected to."""

    def __init__(self, cluster: Cluster, tasks: Sequence[Task], listener: Batch) -> None:
        import ray
        from ray.util.queue import Queue

        self.ray, self.cluster, self.listener = ray, cluster, listener
        nodes = self.nodes()
        devices = {task.job.config.device.split(":")[0] for task in tasks}
        self.gpu = bool(devices & {"auto", "cuda"}) and any(node.get("GPU") for node in nodes)
        most = 1 if self.gpu else min(CPUS, max(int(node.get("CPU", 0)) for node in nodes))
        self.cpus = cluster.cpus or max(1, most)
        # On the head, which no batch outlives. An affinity to its node is not enough: Ray may ask a node that has just
        # joined, and doesn't know of the others yet, to begin an actor.
        self.messages = Queue(actor_options={"num_cpus": 0, "resources": {"node:__internal_head__": 0.001}})
        # Processes there find the package as it is imported here, wherever it lies.
        path = os.pathsep.join(filter(None, (str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH"))))
        wanted = ("CXSTYLE_CACHE", VARIABLE, *WAITING)
        variables = dict.fromkeys(THREADS, str(self.cpus)) | {"PYTHONPATH": path}
        variables |= {name: os.environ[name] for name in wanted if name in os.environ}
        self.remote = ray.remote(do_job).options(
            num_cpus=self.cpus,
            num_gpus=int(self.gpu),
            max_retries=3,
            scheduling_strategy="SPREAD",
            runtime_env={"env_vars": variables},
        )
        jobs = (replace(task.job, config=with_network(task.job.config)) for task in tasks)
        self.waiting = deque(replace(t, job=moved(job, Path.absolute)) for t, job in zip(tasks, jobs, strict=True))
        self.put = lru_cache(64)(lambda file: ray.put(file.read_bytes()))  # those of running jobs stay anyway
        self.running: dict[Any, int] = {}
        self.tasks = {task.index: task for task in tasks}
        self.workers: dict[int, str] = {}  # of those that have begun
        self.roomy = time.monotonic()

    def nodes(self) -> list[dict[str, float]]:
        """The resources of each."""
        return [node["Resources"] for node in self.ray.nodes() if node["Alive"]]

    def go(self) -> None:
        """Until all have ended, or the batch is stopping and those that ran have ended."""
        stopped = False
        while self.running or (self.waiting and not self.listener.stopping):
            most = self.room() + AHEAD
            while self.waiting and len(self.running) < most and not self.listener.stopping:
                self.send(self.waiting.popleft())
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

    def room(self) -> int:
        """How many workers there is room for; refuses a cluster that has had none for too long."""
        found = room(self.nodes(), self.cpus, self.gpu)
        if found:
            self.roomy = time.monotonic()
        elif time.monotonic() - self.roomy >= (0.0 if self.cluster.address == LOCAL else WAIT):
            what = f"{self.cpus} CPUs" + (" and a GPU" if self.gpu else "")
            raise ClusterError(f"no node of the cluster has {what} for a worker; use fewer --cpus, or add nodes")
        return found

    def send(self, task: Task) -> None:
        """Gives Ray a task, without files that aren't here: whoever misses them says so, as for any other job."""
        if task.save_every is not None:
            task = replace(task, save_every=(task.save_every[0], task.save_every[1].absolute()))
        files = [file for file in set(task.job.files()) if file.is_file() and os.access(file, os.R_OK)]
        contents = map(self.put, files) if self.cluster.return_pictures else ()
        given = task, files, self.cpus, self.gpu, self.messages, __version__
        self.running[self.remote.remote(*given, *contents)] = task.index

    def hear(self, kind: str, index: int, worker: str, content: Any) -> None:
        task = self.tasks[index]
        if kind == "started":
            if index in self.workers:
                task = self.tasks[index] = replace(task, attempt=task.attempt + 1)
            self.workers[index] = worker
        if worker == self.workers.get(index):  # not one that was taken for lost
            self.listener.hear(kind, task, worker, content)

    def end(self, index: int, reference: Any) -> None:
        kinds = self.ray.exceptions
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
        self.listener.hear("ended", self.tasks[index], self.workers.get(index, ""), outcome)


def with_network(config: StyleConfig) -> StyleConfig:
    """With the network that its features are on this machine, so that they are the same on others."""
    from ..features import BUNDLED, find

    if config.weights is not None:
        return config
    name = config.features if config.features != "auto" else "vgg19" if find("vgg19") else "vgg16"
    path = find(name)
    weights = None if path is None or path.parent == BUNDLED else str(path)
    return replace(config, features=name, weights=weights)


def moved(job: Job, where: Callable[[Path], Path]) -> Job:
    """The same job with its files elsewhere."""
    settings: dict[str, Any] = {name: str(where(file)) for name, file in job.files_of_settings().items()}
    return replace(
        job,
        source=where(job.source),
        target=tuple(map(where, job.target)),
        source_mask=job.source_mask and where(job.source_mask),
        target_mask=tuple(map(where, job.target_mask)),
        config=job.config.override(**settings),
    )


def room(nodes: list[dict[str, float]], cpus: int, gpu: bool) -> int:
    """Workers that nodes of these resources have room for, each with some CPUs, and a GPU where wanted."""
    return sum(int(min(node.get("CPU", 0) // cpus, node.get("GPU", 0) if gpu else math.inf)) for node in nodes)


@contextlib.contextmanager
def connected(address: str) -> Iterator[None]:
    """Connects Ray to a cluster, or starts it here, where it isn't connected yet."""
    for name in ("RAY_USAGE_STATS_ENABLED", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"):  # statistics, and warnings
        os.environ.setdefault(name, "0")
    import ray

    if ray.is_initialized():
        yield
        return
    settings: dict[str, Any] = {"include_dashboard": False} if address == LOCAL else {}
    before = {number: signal.getsignal(number) for number in SIGNALS}
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        if host and port.isdigit():  # Ray would try for minutes
            socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()
        ray.init(address, log_to_driver=False, logging_level=logging.ERROR, **settings)
    except Exception as error:  # Ray raises many kinds
        advice = (
            "start one with `ray start --head`, name one with --ray-address, set RAY_AUTH_MODE=token where it wants "
            "a token, or take --ray-address local"
        )
        raise ClusterError(f"no Ray cluster can be reached at {address} ({gist(error)}); {advice}") from error
    for number, handler in before.items():
        with contextlib.suppress(ValueError, TypeError):  # in another thread than the main one Ray takes none
            signal.signal(number, handler)
    try:
        yield
    finally:
        ray.shutdown()


def gist(error: BaseException) -> str:
    """What it says, without what Ray adds to it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return (lines[-1] if lines[0].endswith(":") else lines[0]).rstrip(".")


# On the nodes


def do_job(
    task: Task, files: Sequence[Path], threads: int, gpu: bool, messages: Any, version: str, *contents: bytes
) -> JobOutcome:
    """What runs on a node. Ray keeps its process for the next job, and with it the network and the targets' features.

    The job's files are where they are, or have these contents; the version is of cxstyle where the batch is, and
    messages are Ray's queue for (kind, index, name of the worker, content). A ClusterError where the node can't do it.
    """
    import ray
    import torch

    host = socket.gethostname()
    if version != __version__:
        raise ClusterError(f"cxstyle {__version__} is installed on {host} and {version} here; install the same")
    for file in () if contents else files:
        if not file.exists():
            advice = "it must lie on storage that all nodes share, or add --return-pictures"
            raise ClusterError(f"{host} doesn't see {file}: {advice}")
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        # As in all that a shell has put into the background, the cluster's nodes, too; by SIGINT Ray stops a job.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    name, told = f"{os.getpid()}@{host}", time.monotonic()

    def tell(kind: str, content: JobProgress | None = None) -> Any:
        # Without waiting for it to arrive: Ray gives the CPUs of whoever waits to a further job.
        return messages.actor.put_nowait.remote((kind, task.index, name, content))

    def progressed(progress: JobProgress) -> bool:
        nonlocal told
        if time.monotonic() - told > TELL_EVERY:
            told = time.monotonic()
            tell("progress", progress)
        return True

    started = tell("started")
    torch.set_num_threads(threads)
    # A worker without a GPU shares the node's memory with those beside it.
    worker = worker_here(None, 1.0 if gpu else min(1.0, threads / (os.cpu_count() or 1)))
    with unpacked(task.job, files, contents) as job:
        outcome = worker.work(replace(task, job=fitting(job, gpu)), progressed)
        ray.wait([started])  # the batch hears of its beginning before its end
        error, weights = outcome.error, str(outcome.details.get("weights", ""))
        for here, there in zip(job.files(), task.job.files(), strict=True):
            error, weights = error.replace(str(here), str(there)), weights.replace(str(here), str(there))
        return replace(outcome, error=error, details=outcome.details and outcome.details | {"weights": weights})


worker_here = cache(Worker)
"""That of this process, which does no two jobs at once."""


@cache
def folder_here() -> tempfile.TemporaryDirectory[str]:
    """For files of the job that this process is at."""
    return tempfile.TemporaryDirectory(prefix="cxstyle-")


@contextlib.contextmanager
def unpacked(job: Job, files: Sequence[Path], contents: Sequence[bytes]) -> Iterator[Job]:
    """The job with its files, under their own names, where their contents are written; a file has the same place
    whenever it comes again, since networks are known by theirs."""
    places = {}
    try:
        for file, content in zip(files if contents else (), contents, strict=True):
            places[file] = Path(folder_here().name, hashlib.sha256(os.fsencode(file)).hexdigest(), file.name)
            places[file].parent.mkdir(exist_ok=True)
            places[file].write_bytes(content)
        yield moved(job, lambda file: places.get(file, file))
    finally:
        for place in places.values():
            place.unlink(missing_ok=True)


def fitting(job: Job, gpu: bool) -> Job:
    """On the device of a worker: it sees one GPU, whichever that is, or none."""
    device = job.config.device
    if gpu and device.startswith("cuda"):
        device = "cuda"
    if not gpu and device == "auto":
        device = "cpu"
    return replace(job, config=job.config.override(device=device))

"""What runs on the nodes of a Ray cluster, and how a job gets there: by paths on shared storage, or with its files."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from .. import __version__
from ..errors import ClusterError
from ..settings import INITS
from .jobs import Job, Task
from .worker import JobOutcome, JobProgress, Worker

TELL_EVERY = 1.0
"""Seconds between two reports of a running job."""


def do_job(
    task: Task, files: Sequence[Path], threads: int, gpu: bool, messages: Any, version: str, *contents: bytes
) -> JobOutcome:
    """What runs on a node. Ray keeps its process for the next job, and with it the network and the targets' features.

    Args:
        task: whose job has paths that hold from every folder, and the network that it takes where the batch is.
        files: of the job that there are.
        threads: that it may use.
        gpu: whether it has one.
        messages: Ray's queue for (kind, index, name of the worker, content).
        version: of cxstyle where the batch is.
        contents: of the files; none where they must be where they are.

    Raises:
        ClusterError: the node can't do it: another cxstyle, or a file that isn't there.
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
    with unpacked(task.job, files, contents) as job:
        # A worker without a GPU shares the node's memory with those beside it.
        worker = worker_here(1.0 if gpu else min(1.0, threads / (os.cpu_count() or 1)))
        outcome = worker.work(replace(task, job=fitting(job, gpu)), progressed)
        ray.wait([started])  # the batch hears of its beginning before its end
        error, weights = outcome.error, str(outcome.details.get("weights", ""))
        for here, there in zip(job.files(), task.job.files(), strict=True):
            error, weights = error.replace(str(here), str(there)), weights.replace(str(here), str(there))
        return replace(outcome, error=error, details=outcome.details and outcome.details | {"weights": weights})


@cache
def worker_here(memory: float) -> Worker:
    """That of this process, which does no two jobs at once."""
    return Worker(memory=memory)


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


def moved(job: Job, where: Callable[[Path], Path]) -> Job:
    """The same job with its files elsewhere."""
    config = job.config
    if config.init not in INITS:
        config = config.override(init=str(where(Path(config.init))))
    if config.weights is not None:
        config = config.override(weights=str(where(Path(config.weights))))
    return replace(
        job,
        source=where(job.source),
        target=tuple(map(where, job.target)),
        source_mask=job.source_mask and where(job.source_mask),
        target_mask=tuple(map(where, job.target_mask)),
        config=config,
    )

"""What runs on the nodes of a Ray cluster, and how a job gets there: by paths on shared storage, or with its files."""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from .. import __version__
from ..errors import ClusterError
from ..settings import INITS
from .jobs import Job
from .schedule import Task
from .worker import JobOutcome, JobProgress, Worker

TELL_EVERY = 1.0
"""Seconds between two reports of a running job."""

Networks = dict[str, tuple[str, Path | None]]
"""By the features of settings without a weight file: which network that is here, and its file unless it is bundled."""


@dataclass(frozen=True)
class Errand:
    """A job for a node.

    Attributes:
        task: as the batch has it.
        job: with paths that hold from every folder, and with the network that it takes where the batch is.
        threads: that it may use.
        gpu: whether it has one.
        messages: Ray's queue for (kind, index, name of the worker, content).
        files: of the job that there are.
        version: of cxstyle where the batch is.
    """

    task: Task
    job: Job
    threads: int
    gpu: bool
    messages: Any
    files: Sequence[Path]
    version: str = __version__


def do_job(errand: Errand, *contents: bytes) -> JobOutcome:
    """What runs on a node; `contents` of its files, or none where they must be where they are. Ray keeps its process
    for the next job, and with it the network and the targets' features.

    Raises:
        ClusterError: the node can't do it: another cxstyle, or a file that isn't there.
    """
    import ray
    import torch

    host, index = socket.gethostname(), errand.task.index
    if errand.version != __version__:
        raise ClusterError(f"cxstyle {__version__} is installed on {host} and {errand.version} here; install the same")
    for file in () if contents else errand.files:
        if not file.exists():
            advice = "it must lie on storage that all nodes share, or add --return-pictures"
            raise ClusterError(f"{host} doesn't see {file}: {advice}")
    name, told = f"{os.getpid()}@{host}", time.monotonic()

    def tell(kind: str, content: JobProgress | None = None) -> Any:
        # Without waiting for it to arrive: Ray gives the CPUs of whoever waits to a further job.
        return errand.messages.actor.put_nowait.remote((kind, index, name, content))

    def progressed(progress: JobProgress) -> bool:
        nonlocal told
        if time.monotonic() - told > TELL_EVERY:
            told = time.monotonic()
            tell("progress", progress)
        return True

    started = tell("started")
    torch.set_num_threads(errand.threads)
    with unpacked(errand, contents) as job:
        task = replace(errand.task, job=fitting(job, errand.gpu))
        # A worker without a GPU shares the node's memory with those beside it.
        memory = 1.0 if errand.gpu else min(1.0, errand.threads / (os.cpu_count() or 1))
        outcome = worker_here(memory).work(task, progressed).result()
        ray.wait([started])  # the batch hears of its beginning before its end
        details = outcome.details | {"weights": as_sent(str(outcome.details.get("weights", "")), job, errand)}
        return replace(outcome, error=as_sent(outcome.error, job, errand), details=details if outcome.details else {})


def as_sent(text: str, job: Job, errand: Errand) -> str:
    """What is said of a job, with paths as the batch knows them in place of those here."""
    for there, here in ((job, errand.job), (errand.job, errand.task.job)):
        for old, new in zip(there.files(), here.files(), strict=False):  # one may name a network that the other means
            text = text.replace(str(old), str(new))
    return text


@cache
def worker_here(memory: float) -> Worker:
    """That of this process, which does no two jobs at once."""
    return Worker(memory=memory)


@cache
def folder_here() -> tempfile.TemporaryDirectory[str]:
    """For files of the job that this process is at."""
    return tempfile.TemporaryDirectory(prefix="cxstyle-")


@contextlib.contextmanager
def unpacked(errand: Errand, contents: Sequence[bytes]) -> Iterator[Job]:
    """The job with its files, under their own names, where their contents are written; a file has the same place
    whenever it comes again, since networks are known by theirs."""
    places = {}
    try:
        for file, content in zip(errand.files if contents else (), contents, strict=True):
            places[file] = Path(folder_here().name, hashlib.sha256(os.fsencode(file)).hexdigest(), file.name)
            places[file].parent.mkdir(exist_ok=True)
            places[file].write_bytes(content)
        yield moved(errand.job, lambda file: places.get(file, file), {})
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


def moved(job: Job, where: Callable[[Path], Path], networks: Networks) -> Job:
    """The same job with its files elsewhere, and the network that `networks` says."""
    config = job.config
    if config.init not in INITS:
        config = config.override(init=str(where(Path(config.init))))
    features, file = networks.get(config.features, (config.features, None))
    if config.weights is None:
        config = replace(config, features=features, weights=None if file is None else str(where(file)))
    else:
        config = replace(config, weights=str(where(Path(config.weights))))
    return replace(
        job,
        source=where(job.source),
        target=tuple(map(where, job.target)),
        source_mask=job.source_mask and where(job.source_mask),
        target_mask=tuple(map(where, job.target_mask)),
        config=config,
    )

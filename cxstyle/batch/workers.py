"""How many workers a batch has, on which devices, with how many threads each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..checks import check_device
from ..errors import ConfigError, DeviceError, WeightsError
from .jobs import Job
from .local import Executor, LocalPool, ThisProcess

if TYPE_CHECKING:
    from ..features import FeatureCache

ALL = "all"
AUTO = "auto"
PROCESS = 350_000_000
"""Bytes of a process that has imported torch."""


def check_workers(workers: int | str, devices: str | None) -> None:
    """Makes sure that there can be so many, there.

    Raises:
        ConfigError: no number of workers, or several devices for another number of them.
        DeviceError: a device that this machine doesn't have.
    """
    if isinstance(workers, int) and workers < 1:
        raise ConfigError(f"workers: at least 1 is needed, or auto, got {workers}")
    if isinstance(workers, str) and workers != AUTO:
        raise ConfigError(f"workers: a number or auto is needed, got {workers!r}")
    names = device_names(devices)
    if len(names) > 1 and workers not in (AUTO, len(names)):
        raise ConfigError(f"workers: {workers} for {len(names)} devices; each device has one, so leave --workers out")


def choose_executor(jobs: Sequence[Job], workers: int | str, devices: str | None) -> Executor:
    """This process, or several; see `run_batch`.

    Raises:
        ConfigError, DeviceError: as of `check_workers`.
    """
    import torch

    check_workers(workers, devices)
    names = device_names(devices)
    threads = torch.get_num_threads()
    count = len(names) if len(names) > 1 else number(jobs, workers, names[0], threads)
    if count == 1:
        return ThisProcess(names[0])
    return LocalPool(max(1, threads // count), names if len(names) > 1 else names * count)


def device_names(devices: str | None) -> list[str | None]:
    """Of the workers: [None] for what the jobs' settings say.

    Raises:
        ConfigError, DeviceError: one is none, or is not there.
    """
    import torch

    from ..device import choose_device

    if devices is None:
        return [None]
    if devices == ALL:
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if not count:
            raise DeviceError("device: all means all GPUs, and this machine has none; use --device cpu and --workers")
        return [f"cuda:{index}" for index in range(count)]
    names = [name.strip() for name in devices.split(",")]
    for name in names:
        check_device(name)
        choose_device(name)
    return list(names)


def number(jobs: Sequence[Job], workers: int | str, device: str | None, threads: int) -> int:
    """Workers on one device: as asked for, else one for each thread, as far as there are jobs and memory."""
    if not jobs:
        return 1
    if isinstance(workers, int):
        return min(workers, len(jobs))
    if not all(on_cpu(device or job.config.device) for job in jobs):
        return 1
    return max(1, min(threads, len(jobs), fitting(jobs)))


def on_cpu(device: str) -> bool:
    """Whether a device's name means the CPU here; one that is not there keeps no other job waiting."""
    from ..device import choose_device

    try:
        return choose_device(device).type == "cpu"
    except DeviceError:
        return True


def fitting(jobs: Sequence[Job]) -> int:
    """How many workers have the memory for the largest of the jobs."""
    import torch

    from ..features import FeatureCache
    from ..transfer import FIRST_USE, SHARE, free

    shared = FeatureCache()
    each = PROCESS + FIRST_USE + max(memory_of(job, shared) for job in {kind_of(job): job for job in jobs}.values())
    return int(SHARE * free(torch.device("cpu")) / each)


def kind_of(job: Job) -> tuple[str, int]:
    """The same for jobs that take about as much memory."""
    return repr(job.config.override(seed=0)), len(job.target)


def memory_of(job: Job, shared: FeatureCache) -> float:
    """Bytes that a run on the CPU needs, about: as if both pictures were square and as large as they may be.

    Nothing for a job whose network can't be had: it will fail by itself, and leave the others alone.
    """
    import torch

    from ..device import DTYPES, choose_precision
    from ..losses import feature_layers
    from ..transfer import need

    config = job.config
    terms, device = config.terms_in_force(), torch.device("cpu")
    precision, _ = choose_precision(config.precision, device)
    try:
        weights = shared.weights(config.features, config.weights)
        network = shared.network(weights, feature_layers(terms), config.pooling, DTYPES[precision], device)
    except WeightsError:
        return 0.0
    size = config.size, config.size
    return need(terms, network, size, [size] * len(job.target)).whole()

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

PROCESS = 350_000_000
"""Bytes of a process that has imported torch."""


def choose_executor(jobs: Sequence[Job], workers: int | str, devices: str | None) -> Executor:
    """This process, or several; see `run_batch`.

    Raises:
        ConfigError, DeviceError: as of `device_names`.
    """
    import torch

    names, threads = device_names(workers, devices), torch.get_num_threads()
    if len(names) > 1:
        count = len(names)
    elif isinstance(workers, int):
        count = max(1, min(workers, len(jobs)))
    elif all(on_cpu(names[0] or job.config.device) for job in jobs):
        count = max(1, min(threads, len(jobs), fitting(jobs)))
    else:
        count = 1
    if count == 1:
        return ThisProcess(names[0])
    return LocalPool(max(1, threads // count), names if len(names) > 1 else names * count)


def device_names(workers: int | str, devices: str | None) -> list[str | None]:
    """Of the workers: [None] for what the jobs' settings say.

    Raises:
        ConfigError: no number of workers, several devices for another number of them, or one that is none.
        DeviceError: one that this machine doesn't have.
    """
    import torch

    from ..device import choose_device

    if workers != "auto" and not (isinstance(workers, int) and workers >= 1):
        raise ConfigError(f"workers: at least 1 is needed, or auto, got {workers!r}")
    if devices is None:
        return [None]
    names = [name.strip() for name in devices.split(",")]
    if devices == "all":
        names = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
        if not names:
            raise DeviceError("device: all means all GPUs, and this machine has none; use --device cpu and --workers")
    for name in names:
        check_device(name)
        choose_device(name)
    if len(names) > 1 and workers not in ("auto", len(names)):
        raise ConfigError(f"workers: {workers} for {len(names)} devices; each device has one, so leave --workers out")
    return list(names)


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
    kinds = {(repr(job.config.override(seed=0)), len(job.target)): job for job in jobs}
    most = max((memory_of(job, shared) for job in kinds.values()), default=0.0)
    return int(SHARE * free(torch.device("cpu")) / (PROCESS + FIRST_USE + most))


def memory_of(job: Job, shared: FeatureCache) -> float:
    """Bytes that a run on the CPU needs, about: as if both pictures were square and as large as they may be.

    Nothing for a job whose network can't be had: it will fail by itself, and leave the others alone.
    """
    import torch

    from ..device import DTYPES, choose_precision
    from ..losses import feature_layers
    from ..transfer import need

    config, device = job.config, torch.device("cpu")
    terms = config.terms_in_force()
    precision, _ = choose_precision(config.precision, device)
    try:
        weights = shared.weights(config.features, config.weights)
        network = shared.network(weights, feature_layers(terms), config.pooling, DTYPES[precision], device)
    except WeightsError:
        return 0.0
    size = config.size, config.size
    return need(terms, network, size, [size] * len(job.target)).whole()

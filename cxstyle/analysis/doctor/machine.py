"""What the machine is: versions, processor, GPUs, memory."""

from __future__ import annotations

import contextlib
import platform
import re
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

from ...transfer import PACKAGES, versions
from .attempts import Part, attempt

OPTIONAL = ("ray", "pillow-heif")
"""Packages that are told only where they are installed."""


def import_torch() -> Part:
    """Once, before all parts: a second attempt would say something else."""
    import torch

    return {"version": torch.__version__}


def packages() -> Part:
    """Versions, and the platform."""
    optional = {name: found for name, found in versions(OPTIONAL).items() if found != "unknown"}
    return versions((*PACKAGES, "click")) | optional


def cpu() -> Part:
    """What it is called, and its cores."""
    import psutil

    return {"model": cpu_model(), "cores": psutil.cpu_count(logical=False), "logical": psutil.cpu_count()}


def cpu_model() -> str:
    """As the system calls it."""
    with contextlib.suppress(OSError):
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
        if found:
            return found[1].strip()
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        words = ["sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(words, capture_output=True, text=True, check=True, timeout=5).stdout.strip()
    return platform.processor() or platform.machine()


def arithmetic() -> Part:
    """What torch makes of the CPU."""
    import torch

    from ...device import bf16_on_cpu
    from ...openmp import waiting

    wait, why = waiting()
    probes: Any = torch.cpu
    return {
        "threads": torch.get_num_threads(),
        "waiting": wait,
        "waiting_reason": why,
        "capability": torch.backends.cpu.get_cpu_capability(),
        "amx": bool(getattr(probes, "_is_amx_tile_supported", bool)()),
        "avx512_bf16": bool(getattr(probes, "_is_avx512_bf16_supported", bool)()),
        "bf16": bf16_on_cpu(),
    }


def gpus() -> Part:
    """What torch was built for, and each GPU."""
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return {
        "cuda_build": torch.version.cuda,
        "cuda": [attempt(partial(gpu, index)) for index in range(count)],
        "mps": torch.backends.mps.is_available(),
    }


def gpu(index: int) -> Part:
    """A CUDA GPU."""
    import torch

    from ...device import choose_precision

    device = torch.device("cuda", index)
    free, total = torch.cuda.mem_get_info(device)
    precision, why = choose_precision("auto", device)
    return {
        "name": torch.cuda.get_device_name(device),
        "capability": ".".join(map(str, torch.cuda.get_device_capability(device))),
        "free": free,
        "total": total,
        "precision": precision,
        "precision_reason": why,
    }


def memory() -> Part:
    """The machine's, and what its container leaves of that."""
    import psutil
    import torch

    from ...transfer import container_rest, free

    total = psutil.virtual_memory().total
    # A container without a limit may still name one, larger than any machine.
    rests = [int(rest) for rest in container_rest() if rest <= total]
    return {"free": int(free(torch.device("cpu"))), "total": total, "container_rest": min(rests, default=None)}

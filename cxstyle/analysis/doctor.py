"""What cxstyle finds on this machine and whether a run would work on it: for bug reports, with nothing private."""

from __future__ import annotations

import contextlib
import getpass
import os
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import features, transfer
from ..errors import CxStyleError, OutputError, WeightsError
from ..files import check_writable
from ..settings import StyleConfig

Facts = dict[str, Any]
"""Of one matter, in plain values; sizes are in bytes."""
SHOWN = re.compile(
    "(CXSTYLE|OMP|MKL|GOMP|KMP|CUDA|CUBLAS|PYTORCH|ATEN|ONEDNN)_.*|XDG_CACHE_HOME|RAY_ADDRESS|TMPDIR|LC_ALL|LANG"
)
"""Environment variables that change what a run does."""
NAMED = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "LD_LIBRARY_PATH", "PYTHONPATH")
"""Those whose values may hold passwords or more of the machine than a report needs: only that they are set is told."""


@dataclass(frozen=True)
class Diagnosis:
    """What was found.

    Attributes:
        facts: by matter: versions, machine, torch, memory, weights, cache, environment, and run, which is what a run
            without options would use. A matter that could not be told has one entry, `error`.
        problem: why a run would not work and what to do, in one line; None where it would.
    """

    facts: dict[str, Facts]
    problem: str | None

    def to_dict(self) -> Facts:
        """Plain values for JSON."""
        return {"works": self.problem is None, "problem": self.problem, **self.facts}


def diagnose() -> Diagnosis:
    """Looks at everything that a run depends on; downloads and keeps nothing.

    A run is prepared with the network and on the device that it would take. Whatever is broken is told, not raised.
    Home folders are shown as ~, names of users and hosts not at all.
    """
    facts = {name: attempt(look) for name, look in MATTERS.items()}
    hidden: dict[str, Facts] = without_names(facts)
    return Diagnosis(hidden, hidden["run"].get("error"))


def attempt(look: Callable[[], Facts]) -> Facts:
    """Facts, or what was wrong and what to do; this is the place where nothing at all may pass."""
    try:
        return look()
    except Exception as error:  # what is broken on this machine is what is asked
        what = " ".join(str(error).split()) or type(error).__name__
        if isinstance(error, OSError) and error.filename is not None:
            what = f"can't read {error.filename}: {error.strerror}; allow it, or set CXSTYLE_CACHE to another folder"
        elif not isinstance(error, CxStyleError):
            what = f"{type(error).__name__}: {what}; install cxstyle and what it needs again, or report this"
        return {"error": what}


def machine() -> Facts:
    import psutil
    import torch
    from torch.utils.collect_env import get_env_info

    found = get_env_info()
    model = re.search(r"^Model name:\s*(.+)$", str(found.cpu_info), re.MULTILINE)
    facts: Facts = {
        "os": found.os,
        "cpu": model[1].strip() if model else str(found.cpu_info).strip().partition("\n")[0],
        "cores": psutil.cpu_count(logical=False),
        "threads": psutil.cpu_count(),
        "gpus": found.nvidia_gpu_models or "no NVIDIA GPU",
        "driver": found.nvidia_driver_version,
        "cuda": f"torch built for CUDA {torch.version.cuda}" if torch.version.cuda else "torch built without CUDA",
        "mps": torch.backends.mps.is_available(),
    }
    for index in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        free, total = torch.cuda.mem_get_info(index)
        capability = "{}.{}".format(*torch.cuda.get_device_capability(index))
        name = torch.cuda.get_device_name(index)
        facts[f"cuda:{index}"] = {"name": name, "capability": capability, "free": free, "total": total}
    return facts


def arithmetic() -> Facts:
    import torch

    from ..device import bf16_on_cpu, waiting

    wait, why = waiting()
    return {
        "threads": torch.get_num_threads(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "bf16": bf16_on_cpu(),
        "waiting": wait,
        "waiting_reason": why,
    }


def memory() -> Facts:
    import psutil
    import torch

    total = psutil.virtual_memory().total
    # A container without a limit may still name one, larger than any machine.
    rests = [int(rest) for rest in transfer.container_rest() if rest <= total]
    return {"free": int(transfer.free(torch.device("cpu"))), "total": total, "container_rest": min(rests, default=None)}


def weights() -> Facts:
    """Each network: whether it is ready, its checksum and tensors verified."""
    found: Facts = {}
    for network in features.BLOCKS:
        path = features.find(network)
        if path is None:
            found[network] = "not on this machine"
            continue
        where = "bundled" if path.parent == features.BUNDLED else str(path)
        try:
            found[network] = f"ready, checksum verified; {where}, from {features.read_network(path).provenance.source}"
        except WeightsError as error:
            found[network] = f"not usable: {error}"
    return found


def cache() -> Facts:
    """Where fetched networks go, and whether they could."""
    folder = there = features.cache_dir()
    try:
        while not there.exists():
            there = there.parent
        check_writable(there / "_", overwrite=True)
    except (OSError, OutputError) as error:
        return {"folder": str(folder), "writable": False, "reason": str(error)}
    return {"folder": str(folder), "writable": True}


def environment() -> Facts:
    found = {name: value for name, value in sorted(os.environ.items()) if SHOWN.fullmatch(name)}
    if "RAY_ADDRESS" in found:
        host = r"^(\w+://)?(?!(?:auto|local)$)(?:\[.*\]|[^:/]+)"
        found["RAY_ADDRESS"] = re.sub(host, r"\1HOST", found["RAY_ADDRESS"])
    return found | {name: "(set)" for name in NAMED if name in os.environ}


def run() -> Facts:
    """What a run without options uses, prepared on noise of its size; a CxStyleError where it would not work."""
    import torch

    from ..device import choose_precision, describe, memory_errors

    config = StyleConfig.preset()
    noise = torch.rand(3, config.size, config.size, generator=torch.Generator().manual_seed(0))
    with memory_errors():
        setup = transfer.prepare(transfer.read_inputs(noise, noise), config)
    return {
        "device": describe(setup.device),
        "precision": setup.precision,
        "precision_reason": choose_precision(config.precision, setup.device)[1],
        "features": setup.weights.name,
        "size": config.size,
        "memory": int(setup.memory.estimate),
        "memory_budget": int(setup.memory.budget),
        "tiles": setup.memory.tiles,
    }


MATTERS: dict[str, Callable[[], Facts]] = {
    "versions": lambda: {**transfer.versions((*transfer.PACKAGES, "click", "ray", "pillow-heif"))},
    "machine": machine,
    "torch": arithmetic,
    "memory": memory,
    "weights": weights,
    "cache": cache,
    "environment": environment,
    "run": run,
}


def without_names(found: Any) -> Any:
    """The same without names of people and machines: reports go to strangers."""
    if isinstance(found, dict):
        return {key: without_names(value) for key, value in found.items()}
    return hide_names(found) if isinstance(found, str) else found


def hide_names(text: str) -> str:
    """The home folder as ~; names of the user and the host, where they stand in a path, as USER and HOST."""
    with contextlib.suppress(RuntimeError):  # there is none
        for home in (Path.home(), Path.home().resolve()):
            if home != Path(home.anchor):
                text = re.sub(rf"(?<![\w.~-]){re.escape(str(home))}(?![\w.-])", "~", text)
    text = re.sub(r"(?<=[/\\])(home|Users)([/\\])[^/\\:\s]+", r"\1\2USER", text)
    user = ""
    with contextlib.suppress(OSError, KeyError, ImportError):  # the system doesn't know
        user = getpass.getuser()
    for word, name in (("USER", user), ("HOST", socket.gethostname())):
        if name:
            text = re.sub(rf"(?<=[/\\]){re.escape(name)}(?![\w.-])", word, text)
    return text

"""What cxstyle finds on this machine and whether a run would work on it: for bug reports, with nothing private."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...errors import MemoryLimitError
from .attempts import Part, attempt
from .machine import arithmetic, cpu, gpus, import_torch, memory, packages
from .pictures import formats
from .privacy import hide
from .surroundings import cache, environment, weights


@dataclass(frozen=True)
class Diagnosis:
    """What was found.

    Attributes:
        parts: versions, cpu, arithmetic, gpus, memory, formats, weights, cache, environment and run, which is what a
            run without options would use. Sizes are in bytes. A part that could not be told has one entry, `error`.
        problem: why a run would not work and what to do, in one line; None where it would.
    """

    parts: dict[str, Part]
    problem: str | None

    @property
    def works(self) -> bool:
        """Whether a run would work."""
        return self.problem is None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"works": self.works, "problem": self.problem, **self.parts}


def diagnose() -> Diagnosis:
    """Looks at everything that a run depends on; downloads and keeps nothing.

    The network that a run would take is tried on the device that it would take, on a small picture. Whatever is broken
    is told, not raised. Home folders are shown as ~, names of users and hosts not at all.
    """
    broken = attempt(import_torch).get("error")
    parts = {name: attempt(look) for name, look in PLAIN.items()}
    parts |= {name: {"error": broken} if broken else attempt(look) for name, look in WITH_TORCH.items()}
    hidden: dict[str, Part] = hide(parts)
    return Diagnosis({name: hidden[name] for name in ORDER}, hidden["run"].get("error"))


def run() -> Part:
    """What a run without options uses, tried on a picture of 32 px.

    Raises:
        CxStyleError: it would not work.
    """
    import torch

    from ...checks import memory_bytes
    from ...device import DTYPES, choose_device, choose_precision, describe, exact_float32, memory_errors
    from ...features import VGGFeatures, resolve_network
    from ...losses import feature_layers
    from ...pictures import SMALLEST_EDGE
    from ...settings import StyleConfig
    from ...transfer import need, plan

    config = StyleConfig.preset()
    terms, size = config.terms_in_force(), (config.size, config.size)
    device = choose_device(config.device)
    precision, reason = choose_precision(config.precision, device)
    weights = resolve_network(config.features)
    with memory_errors(), exact_float32(), torch.no_grad():
        network = VGGFeatures(weights, feature_layers(terms), config.pooling, DTYPES[precision]).to(device)
        network(torch.zeros(1, 3, SMALLEST_EDGE, SMALLEST_EDGE, device=device))
    wanted = need(terms, network, size, [size])
    try:
        planned = plan([wanted], memory_bytes(config.memory), device, 2 * config.size**2)
    except MemoryLimitError as error:
        raise MemoryLimitError(f"a run at {config.size} px {error}: free some, or use a smaller --size") from error
    return {
        "device": describe(device),
        "precision": precision,
        "precision_reason": reason,
        "features": weights.name,
        "size": config.size,
        "memory": int(planned.estimate),
        "memory_budget": int(planned.budget),
        "tiles": planned.tiles,
    }


PLAIN: dict[str, Callable[[], Part]] = {
    "versions": packages,
    "cpu": cpu,
    "formats": formats,
    "cache": cache,
    "environment": environment,
}
WITH_TORCH: dict[str, Callable[[], Part]] = {
    "arithmetic": arithmetic,
    "gpus": gpus,
    "memory": memory,
    "weights": weights,
    "run": run,
}
ORDER = (
    "versions",
    "cpu",
    "arithmetic",
    "gpus",
    "memory",
    "formats",
    "weights",
    "cache",
    "environment",
    "run",
)

"""What was decided for a run, and why: for `--verbose` and for reports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from ..device import choose_precision, describe, device_reason, threads_reason
from ..features import Network, stride
from ..losses import PATCH, unique, value_names
from ..openmp import waiting
from ..settings import LossTerm, StyleConfig
from .inputs import Inputs
from .memory import SHARE, Plan, Size, positions

RECOLOURED = {
    "free": "nothing is recoloured",
    "target": "the source was recoloured to the target's palette",
    "regions": "each part of the source was recoloured to the palette of the target's parts that it corresponds to",
    "source": "the target was recoloured to the source's palette",
}


def decided(
    config: StyleConfig,
    inputs: Inputs,
    network: Network,
    device: torch.device,
    *,
    scales: Sequence[tuple[int, int]],
    edge: int,
    size: Size,
    last: Size,
    targets: Sequence[Size],
    plan: Plan,
    share: float,
) -> dict[str, Any]:
    """Details of a run for JSON; keys that end in `_reason` say why the one without is what it is.

    Args:
        config: the settings.
        inputs: the pictures as read.
        network: that gives the features.
        device: where the run is.
        scales: (long edge, iterations) of each, coarse to fine.
        edge: long edge of the result, but for very long ones.
        size: (height, width) of the result.
        last: the same of the last scale.
        targets: the same of each target as that scale sees it.
        plan: of the memory.
        share: of the free memory that the run may take.
    """
    precision, why = choose_precision(config.precision, device)
    wait, decided_by = waiting()
    wanted = config.memory != "auto"
    budget_reason = "as asked for" if wanted else f"{SHARE * share:.0%} of what is free, and what is taken already"
    return {
        "device": describe(device),
        "device_reason": device_reason(config.device, device),
        "threads": torch.get_num_threads(),
        "threads_reason": threads_reason(),
        "waiting": wait,
        "waiting_reason": decided_by,
        "precision": precision,
        "precision_reason": why,
        "features": network.name,
        "features_reason": features_reason(config, network.name),
        "weights": str(network.path),
        "weights_source": network.provenance.source,
        **inputs.details(),
        "targets_seen": [[width, height] for height, width in targets],
        "result_size": list(size[::-1]),
        "result_size_reason": size_reason(config, inputs.source.shape[2:], edge),
        "kept_size": edge < config.size,
        "scales": [{"long_edge": each, "iterations": count} for each, count in scales],
        "scales_reason": "up to the result's size" if scales[-1][0] == edge else "beyond that no target has detail",
        "memory": {
            "budget": plan.budget,
            "budget_reason": budget_reason,
            "estimate": plan.estimate,
            "whole": plan.whole,
            "tiles": plan.tiles,
        },
        "terms": in_force(config),
        "left_out": left_out(config),
        "samples": sampled(config.terms_in_force(), last, targets),
        "strength": config.strength,
        "quiet": config.quiet,
        "colors": config.colors,
        "colors_reason": RECOLOURED[config.colors],
        "seed": config.seed,
        "deterministic": config.deterministic,
    }


def features_reason(config: StyleConfig, name: str) -> str:
    """Why this network."""
    if config.weights is not None:
        return "the weights that were asked for"
    if config.features != "auto":
        return "as asked for"
    if name == "vgg19":
        return "VGG19 is preferred, and its weights are on this machine"
    return "VGG19 is preferred, but its weights are not on this machine"


def size_reason(config: StyleConfig, source: Sequence[int], edge: int) -> str:
    """Why the result has this size."""
    if edge < config.size:
        return f"the source is smaller than size {config.size} and is not to be enlarged"
    if max(source) < edge:
        return f"enlarged to size {edge}, as asked for"
    return f"reduced to size {edge}" if max(source) > edge else f"size {edge} is the source's own"


def in_force(config: StyleConfig) -> list[dict[str, Any]]:
    """The terms that take part, one entry for each value of the objective: its name and its weight, or weights."""
    pairs = [(name, term.weight) for term in config.terms_in_force() for name in value_names(term)]
    names = unique([name for name, _ in pairs])
    return [{"name": name, "weight": weight} for name, (_, weight) in zip(names, pairs, strict=True)]


def left_out(config: StyleConfig) -> list[dict[str, str]]:
    """The other terms, each with the reason."""
    found = []
    for term in config.terms:
        if config.strength == 0:
            reason = "strength 0 leaves the source as it is"
        elif term.loss == "palette" and config.colors == "free":
            reason = "colours are free"
        elif not term.in_force:
            reason = "its weight is 0"
        else:
            continue
        found += [{"name": name, "reason": reason} for name in value_names(term)]
    return found


def sampled(terms: Sequence[LossTerm], size: Size, targets: Sequence[Size]) -> list[dict[str, Any]]:
    """Of terms that can draw samples: how many features of how many take part in an iteration of the last scale.

    `result` and `other`, what it is compared with, are [drawn, all].
    """
    found = []
    for term in terms:
        if not term.sampled:
            continue
        edge = PATCH if term.loss == "mrf" else 1
        layers = term.layers[:1] if term.combine == "concatenate" else term.layers
        for name, layer in zip(value_names(term), layers, strict=True):
            count = term.samples_of(layer)
            mine = places(layer, size, edge)
            others = sum(places(layer, s, edge) for s in ([size] if term.compare == "source" else targets))
            drawn = min(count or mine, mine)
            # All of a target takes part in patches and Gram matrices.
            taken = others if term.loss in ("gram", "mrf") else min(count or others, others)
            found.append({"name": name, "result": [drawn, mine], "other": [taken, others]})
    return found


def places(layer: str, size: Size, edge: int) -> int:
    """Of features, or of patches of features with an edge."""
    if edge == 1:
        return positions(layer, size)
    height, width = (max(edge, side // stride(layer)) - edge + 1 for side in size)
    return height * width

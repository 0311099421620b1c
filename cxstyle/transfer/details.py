"""What was decided for a run, and why: for `--verbose` and for reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch

from ..checks import in_words
from ..device import choose_precision, describe, device_reason, threads_reason, waiting
from ..losses import unique, value_names
from ..pictures import Labels
from ..settings import StyleConfig
from .memory import SHARE

if TYPE_CHECKING:
    from .prepare import Prepared

RECOLOURED = {
    "free": "nothing is recoloured",
    "target": "the source was recoloured to the target's palette",
    "regions": "each part of the source was recoloured to the palette of the target's parts that it corresponds to",
    "source": "the target was recoloured to the source's palette",
}


@dataclass(frozen=True)
class RunDetails:
    """What was decided; fields that end in `_reason` say why the one without is what it is. Sizes are [width, height].

    Attributes:
        threads, waiting: of the CPU, and what they do while they wait for each other.
        features, weights, weights_source: the network, its file, and where that comes from.
        source_size, target_sizes: as read, without flat borders.
        notes: how pictures were read, one line each.
        files: role, path and sha256 of all that was read from files.
        targets_seen: as the last scale sees them.
        kept_size: the result is smaller than the setting, since the source is.
        scales: long_edge and iterations of each, coarse to fine.
        memory: budget, estimate (tiled) and whole (untiled) in bytes, tiles at the last scale.
        terms: name, and weight or weights, of those in force, an entry for each value of the objective.
        left_out: name and reason of the others.
        target_weights: of several targets, where they were given, as shares.
        labels: of masks: shared, only_source, only_target.
        counterparts: how much of the source, and of each target, has its like on the other side; where it was looked
            for.
        resumed_after: iterations that were done when the run went on from a checkpoint.
    """

    device: str
    device_reason: str
    threads: int
    threads_reason: str
    waiting: str
    waiting_reason: str
    precision: str
    precision_reason: str
    features: str
    features_reason: str
    weights: str
    weights_source: str
    source_size: list[int]
    target_sizes: list[list[int]]
    notes: list[str]
    files: list[dict[str, str]]
    targets_seen: list[list[int]]
    result_size: list[int]
    result_size_reason: str
    kept_size: bool
    scales: list[dict[str, int]]
    scales_reason: str
    memory: dict[str, Any]
    terms: list[dict[str, Any]]
    left_out: list[dict[str, str]]
    strength: float
    quiet: float
    colors: str
    colors_reason: str
    seed: int
    deterministic: bool
    target_weights: list[float] | None = None
    labels: dict[str, list[str]] | None = None
    counterparts: list[float] | None = None
    resumed_after: int | None = None

    def __getitem__(self, name: str) -> Any:
        """By its name in reports."""
        return getattr(self, name)

    def to_dict(self) -> dict[str, Any]:
        """For JSON, without what there is none of."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    def explain(self, targets: Sequence[str]) -> list[str]:
        """Lines "key: value, reason"; `targets` is what those that take part are called."""
        scales = ", ".join(f"{scale['long_edge']} px x {scale['iterations']}" for scale in self.scales)
        sizes = zip(targets, self.target_sizes, self.targets_seen, strict=True)
        shares = zip(targets, self.target_weights or (), strict=False)
        weights = ", ".join(f"{target} {share:.0%}" for target, share in shares)
        lines = [f"targets: {weights}"] if weights else []
        for name in ("device", "threads", "waiting", "precision"):
            lines.append(f"{name}: {self[name]}, {self[f'{name}_reason']}")
        lines += [
            f"network: {self.features}, {self.features_reason}",
            f"weights: {self.weights}, from {self.weights_source}",
            f"source: {in_edges(self.source_size)} px as read",
            *(f"target: {t}, {in_edges(read)} px as read, compared at {in_edges(seen)}" for t, read, seen in sizes),
            f"result: {in_edges(self.result_size)} px, {self.result_size_reason}",
            f"scales: {scales} iterations, {self.scales_reason}",
            f"memory: {memory_in_words(self.memory)}",
            f"colours: {self.colors}, {self.colors_reason}",
        ]
        if self.counterparts is not None:
            source, *others = (f"{share:.0%}" for share in self.counterparts)
            least = f"a place without its like counts {1 - self.quiet:.0%}"
            lines.append(f"counterparts: {source} of the source, {', '.join(others)} of the target; {least}")
        repeatable = ", only repeatable operations" if self.deterministic else ""
        return [*lines, *terms_in_words(self), f"seed: {self.seed}{repeatable}"]


def run_details(setup: Prepared, resumed_after: int | None = None) -> RunDetails:
    """Those of a run, which may go on after some iterations."""
    config, inputs, edge, last = setup.config, setup.inputs, setup.long_edge, setup.scales[-1][0]
    masks, found = inputs.labels, setup.correspondence
    wait, decided_by = waiting()
    name = setup.weights.name
    memory = {fact: getattr(setup.memory, fact) for fact in ("budget", "estimate", "whole", "tiles")}
    most = f"{SHARE * setup.cache.memory:.0%} of what is free, and what is taken already"
    return RunDetails(
        device=describe(setup.device),
        device_reason=device_reason(config.device, setup.device),
        threads=torch.get_num_threads(),
        threads_reason=threads_reason(),
        waiting=wait,
        waiting_reason=decided_by,
        precision=setup.precision,
        precision_reason=choose_precision(config.precision, setup.device)[1],
        features=name,
        features_reason=features_reason(config, name),
        weights=str(setup.weights.path),
        weights_source=setup.weights.provenance.source,
        source_size=list(inputs.source.shape[:1:-1]),
        target_sizes=[list(target.shape[:1:-1]) for target in inputs.targets],
        notes=list(inputs.notes),
        files=[asdict(file) for file in inputs.files],
        targets_seen=[[width, height] for height, width in setup.target_sizes(last)],
        result_size=list(setup.size[::-1]),
        result_size_reason=size_reason(config, inputs.source.shape[2:], edge),
        kept_size=edge < config.size,
        scales=[{"long_edge": each, "iterations": count} for each, count in setup.scales],
        scales_reason="up to the result's size" if last == edge else "beyond that no target has detail",
        memory=memory | {"budget_reason": most if config.memory == "auto" else "as asked for"},
        terms=in_force(config),
        left_out=left_out(config),
        strength=config.strength,
        quiet=config.quiet,
        colors=config.colors,
        colors_reason=RECOLOURED[config.colors],
        seed=config.seed,
        deterministic=config.deterministic,
        target_weights=None if inputs.guide.weights is None else list(inputs.guide.weights),
        labels=None if masks is None else sides_of(masks),
        counterparts=None if found is None else [float(c.mean()) for c in (found.confidence, *found.confidences)],
        resumed_after=resumed_after,
    )


def sides_of(labels: Labels) -> dict[str, list[str]]:
    """Names of the masks' labels, by which masks have them."""
    shared = [labels.names[i] for i in labels.shared]
    return {"shared": shared, "only_source": list(labels.only_source), "only_target": list(labels.only_target)}


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


def in_edges(size: Sequence[int]) -> str:
    """(width, height) -> 640x480."""
    return f"{size[0]}x{size[1]}"


def memory_in_words(memory: dict[str, Any]) -> str:
    """About 1.2 GB of 19.6 GB, the network in 6 tiles..."""
    cut = "the network whole, since it fits"
    if memory["tiles"] > 1:
        cut = f"the network in {memory['tiles']} tiles, since whole it would take {in_words(memory['whole'])}"
    return f"about {in_words(memory['estimate'])} of {in_words(memory['budget'])} ({memory['budget_reason']}), {cut}"


def terms_in_words(details: RunDetails) -> list[str]:
    """Those in force with their weights, such as 3, or 3/2/1 of the scales; and those left out with the reason."""
    told = []
    for term in details.terms:
        weights = term["weight"] if isinstance(term["weight"], tuple | list) else [term["weight"]]
        told.append(f"{term['name']} {'/'.join(f'{each:g}' for each in weights)}")
    held = "" if details.strength == 1 else f", at strength {details.strength:g}"
    lines = [f"terms and weights: {', '.join(told) or 'none'}{held}"]
    reasons: dict[str, list[str]] = {}
    for term in details.left_out:
        reasons.setdefault(term["reason"], []).append(term["name"])
    return lines + [f"left out: {', '.join(names)}, since {reason}" for reason, names in reasons.items()]

"""The objective of a run: the loss terms of a config, bound to the features of the two pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from .config import LossTerm
from .losses.contextual import Prepared, contextual_loss, plain_contextual_loss, prepare
from .losses.perceptual import total_variation
from .weights.layout import canonical_layer

KINDS = {"source": "content", "target": "style"}
"""What a term that compares with a picture is called in progress and reports."""


def feature_layers(terms: Sequence[LossTerm]) -> list[str]:
    """All layers that the terms look at, in the network's names, each once."""
    return sorted({canonical_layer(layer) for term in terms for layer in term.layers})


class Features(Protocol):
    """What gives the features of a picture: `VGGFeatures`, or the same tile by tile."""

    @property
    def layers(self) -> tuple[str, ...]: ...

    def __call__(self, pictures: Tensor) -> dict[str, Tensor]: ...


@dataclass(frozen=True)
class Losses:
    """Values of one evaluation: `values` (unweighted, one for each of the objective's names) and their weighted sum."""

    total: Tensor
    values: Tensor


class Objective:
    """The weighted sum of loss terms, for one pair of pictures at one size.

    Args:
        terms: the loss terms; those of weight 0 are left out.
        network: gives the features of all layers that the terms name.
        source: (1, 3, H, W) in [0, 1]; evaluated pictures have this size.
        target: (1, 3, H', W') in [0, 1], of any size.
        precision: of the loss's matrix products; see `contextual_loss`.
        plain: take the equations as they are written, for comparison: the same values, slowly.

    Attributes:
        names: of the values, such as "style conv3_2", "content conv4_2", "tv".
        weights: of the values, in the same order.
    """

    def __init__(
        self,
        terms: Sequence[LossTerm],
        network: Features,
        source: Tensor,
        target: Tensor,
        precision: str = "fp32",
        plain: bool = False,
    ) -> None:
        self.precision, self.plain = precision, plain
        self.terms = [term for term in terms if term.weight > 0]
        self.network = network
        self.references: list[list[Tensor | Prepared]] = [[] for _ in self.terms]
        for side, picture in (("source", source), ("target", target)):
            if any(term.compare == side for term in self.terms):
                with torch.no_grad():
                    self._refer(side, network(picture))
        labels = [(name, term.weight) for term in self.terms for name in value_names(term)]
        self.names = unique([name for name, _ in labels])
        self.weights = torch.tensor([weight for _, weight in labels], device=source.device)

    def _refer(self, side: str, features: Mapping[str, Tensor]) -> None:
        """Keeps what the terms of a side compare with: prepared for the loss where it is the same in each iteration."""
        for term, references in zip(self.terms, self.references, strict=True):
            if term.compare == side:
                for y, count in term_sets(term, features):
                    whole = count is None or y.shape[2] <= count
                    references.append(prepare(y) if whole and not self.plain else y)

    def evaluate(self, picture: Tensor, generator: torch.Generator | None = None) -> Losses:
        """Losses of a picture (1, 3, H, W).

        Args:
            picture: gradients flow to it.
            generator: draws the sampled positions, new ones at each call; without one all positions take part: the full
                objective.
        """
        features = self.network(picture) if self.network.layers else {}
        values = []
        for term, references in zip(self.terms, self.references, strict=True):
            if term.loss == "total_variation":
                values.append(total_variation(picture))
                continue
            for (x, count), y in zip(term_sets(term, features), references, strict=True):
                chosen = sampled(x, y, count, generator, paired=term.compare == "source")
                values.append(self._contextual(*chosen, term.bandwidth))
        stacked = torch.stack(values)
        return Losses((stacked * self.weights).sum(), stacked.detach())

    def _contextual(self, x: Tensor, y: Tensor | Prepared, bandwidth: float) -> Tensor:
        if self.plain and isinstance(y, Tensor):
            return plain_contextual_loss(x, y, bandwidth)
        return contextual_loss(x, y, bandwidth, self.precision)


def value_names(term: LossTerm) -> list[str]:
    """One name for each value that a term contributes."""
    if term.loss == "total_variation":
        return ["tv"]
    layers = [canonical_layer(layer) for layer in term.layers]
    if term.combine == "concatenate":
        layers = ["+".join(layers)]
    return [f"{KINDS[term.compare]} {layer}" for layer in layers]


def unique(names: list[str]) -> list[str]:
    """Numbers repeated names: tv, tv -> tv, tv 2."""
    seen: dict[str, int] = {}
    result = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        result.append(name if seen[name] == 1 else f"{name} {seen[name]}")
    return result


def term_sets(term: LossTerm, features: Mapping[str, Tensor]) -> list[tuple[Tensor, int | None]]:
    """The sets (N, C, P) that a contextual term looks at, and how many features to draw from each: one set for each
    layer, or one for all layers concatenated."""
    layers = [canonical_layer(layer) for layer in term.layers]
    maps = [concatenated(features, layers)] if term.combine == "concatenate" else [features[name] for name in layers]
    return [(found.flatten(2), term.samples_of(layer)) for layer, found in zip(term.layers, maps, strict=False)]


def concatenated(features: Mapping[str, Tensor], layers: Sequence[str]) -> Tensor:
    """Layers on the grid of the first, divided by their numbers of channels and joined: (N, C1 + C2 + ..., H1, W1).

    As the authors answered a user (2018); the division keeps a deep layer's many channels from outweighing the others.
    """
    grid = features[layers[0]].shape[2:]
    parts = []
    for layer in layers:
        part = features[layer].float() / features[layer].shape[1]
        parts.append(functional.interpolate(part, grid, mode="bilinear", align_corners=False))
    return torch.cat(parts, dim=1)


def sampled(
    x: Tensor, y: Tensor | Prepared, count: int | None, generator: torch.Generator | None, *, paired: bool
) -> tuple[Tensor, Tensor | Prepared]:
    """Features at `count` random positions: (N, C, P) -> (N, C, min(count, P)), for both sides.

    Args:
        x: features of the result.
        y: features that it is compared with; prepared where there are no more than `count`.
        count: positions to draw; None for all.
        generator: on the CPU; None for all positions.
        paired: draw the same positions on both sides, so that equal pictures have loss 0 (terms with the source).
    """
    if count is None or generator is None:
        return x, y
    rows = draw(x.shape[2], count, generator)
    columns = rows if paired else draw(y.shape[2], count, generator)
    return gather(x, rows), y if isinstance(y, Prepared) else gather(y, columns)


def draw(positions: int, count: int, generator: torch.Generator) -> Tensor | None:
    """`count` of the positions, each at most once; None where there are no more than that."""
    if positions <= count:
        return None
    return torch.randperm(positions, generator=generator)[:count]


def gather(features: Tensor, indices: Tensor | None) -> Tensor:
    """(N, C, P) -> (N, C, len(indices))."""
    if indices is None:
        return features
    if features.is_cuda:
        indices = indices.pin_memory()  # from where the copy doesn't wait for the device
    # The network's features lie position by position in memory, and so they are taken.
    return features.transpose(1, 2).index_select(1, indices.to(features.device, non_blocking=True)).transpose(1, 2)

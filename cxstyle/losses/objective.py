"""The objective of a run: the loss terms of a config, bound to the features of the pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from ..features import Features as Maps
from ..features import canonical_layer
from ..pictures import Guide
from ..settings import LossTerm
from .binding import BoundTerm, Evaluated
from .feature_sets import Draws, Steering
from .terms import BOUND

KINDS = {"source": "content", "target": "style"}
"""What a term that compares with a picture is called in progress and reports."""
OWN_NAMES = ("coverage", "gram")
"""Terms that are called what they are, since others compare the same layers."""
PIXEL_NAMES = {"palette": "palette", "relative_variation": "variation", "total_variation": "tv"}
"""What terms that look at the pixels alone are called there."""


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
    """The weighted sum of loss terms, for one source and its targets at one size.

    Args:
        terms: the loss terms; those of weight 0 are left out.
        network: gives the features of all layers that the terms name.
        source: (1, 3, H, W) in [0, 1]; evaluated pictures have this size.
        targets: each (1, 3, H', W') in [0, 1], of any size; their features make one set.
        precision: of the loss's matrix products; see `contextual_loss`.
        plain: take the equations as they are written, for comparison: the same values, slowly.
        guide: weights of the targets, and labels within which alone the terms match.
        seen: gives the features of all targets, where somebody keeps them; the network's without it.
        steering: how much places count, by what corresponds to them.
        jitter: pixels by which the network sees the picture shifted, in all, where positions are drawn.

    Attributes:
        names: of the values, such as "style conv3_2", "content conv4_2", "tv".
        weights: of the values, in the same order.
    """

    def __init__(
        self,
        terms: Sequence[LossTerm],
        network: Features,
        source: Tensor,
        targets: Sequence[Tensor],
        precision: str = "fp32",
        plain: bool = False,
        guide: Guide | None = None,
        seen: Callable[[Sequence[Tensor]], Sequence[Maps]] | None = None,
        jitter: int = 0,
        steering: Steering | None = None,
    ) -> None:
        chosen = [term for term in terms if term.in_force]
        self.network, self.source, self.jitter, self.steering = network, source, jitter, steering
        self.bound = [BOUND[term.loss](term, precision, plain, guide or Guide(), steering) for term in chosen]
        for side, pictures, look in (("source", [source], self._look), ("target", targets, seen or self._look)):
            self._refer([bound for bound in self.bound if bound.term.compare == side], pictures, look)
        labels = [(name, term.weights[-1]) for term in chosen for name in value_names(term)]
        self.names = unique([name for name, _ in labels])
        self.weights = torch.tensor([weight for _, weight in labels], device=source.device)

    def _look(self, pictures: Sequence[Tensor]) -> Sequence[Maps]:
        return [self.network(picture) for picture in pictures]

    def _refer(
        self,
        terms: Sequence[BoundTerm],
        pictures: Sequence[Tensor],
        look: Callable[[Sequence[Tensor]], Sequence[Maps]],
    ) -> None:
        """Shows the terms what they compare with."""
        with torch.no_grad():
            if any(bound.layers for bound in terms):
                features = look(pictures)
            for bound in terms:
                bound.refer_to_pictures(pictures)
                if bound.layers:
                    bound.refer(features)

    def evaluate(self, picture: Tensor, draws: Draws | None = None) -> Losses:
        """Losses of a picture (1, 3, H, W).

        Args:
            picture: gradients flow to it.
            draws: the sampled positions, new ones at each call; without them all positions take part: the full
                objective.
        """
        view, source = picture, None
        if self.jitter and draws is not None:
            view, moved = shifted(torch.cat([picture, self.source]), self.jitter, draws).split(1)
            if any(bound.aligned for bound in self.bound):
                with torch.no_grad():
                    source = self.network(moved)
        features = self.network(view) if self.network.layers else {}
        result = Evaluated(picture, features, draws, source)
        values = [value for bound in self.bound for value in bound.values(result)]
        if not values:  # as with strength 0, where nothing compares with the source
            return Losses(picture.sum() * 0, picture.new_zeros(0))
        stacked = torch.stack(values)
        return Losses((stacked * self.weights).sum(), stacked.detach())


def shifted(pictures: Tensor, jitter: int, draws: Draws) -> Tensor:
    """Pictures (N, 3, H, W) moved alike, by up to half of `jitter` pixels each way; what comes in at their edges is
    their reflection.

    Its features then lie within half a step of where they were, so masks and the source's positions still hold.
    """
    half = (jitter + 1) // 2
    down, across = draws.steps(jitter)
    height, width = (torch.arange(side, device=pictures.device) for side in pictures.shape[2:])
    padded = functional.pad(pictures, (half, half, half, half), mode="reflect")
    return padded.index_select(2, down + height).index_select(3, across + width)


def value_names(term: LossTerm) -> list[str]:
    """One name for each value that a term contributes."""
    if term.loss in PIXEL_NAMES:
        return [PIXEL_NAMES[term.loss]]
    layers = [canonical_layer(layer) for layer in term.layers]
    if term.combine == "concatenate":
        layers = ["+".join(layers)]
    kind = term.loss if term.loss in OWN_NAMES else KINDS[term.compare]
    return [f"{kind} {layer}" for layer in layers]


def unique(names: list[str]) -> list[str]:
    """Numbers repeated names: tv, tv -> tv, tv 2."""
    seen: dict[str, int] = {}
    result = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        result.append(name if seen[name] == 1 else f"{name} {seen[name]}")
    return result

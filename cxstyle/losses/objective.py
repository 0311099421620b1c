"""The objective of a run or a training: the loss terms of a config, bound to the pictures that they compare with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import torch
from torch import Tensor
from torch.nn import functional

from ..errors import ConfigError
from ..features import Features as Maps
from ..features import canonical_layer
from ..pictures import Guide
from ..settings import LossTerm
from .feature_sets import Draws, Steering
from .terms import TERMS, Evaluation, Term

KINDS = {"source": "content", "target": "style", "paired": "paired"}
"""What a term that compares with a picture is called in progress and reports."""
OWN_NAMES = ("coverage", "gram", "neighbors", "perceptual")
"""Terms that are called what they are, since others compare the same layers."""
PIXEL_NAMES = {"l1": "l1", "palette": "palette", "total_variation": "tv"}
"""What terms that look at the pixels alone are called there."""


def feature_layers(terms: Sequence[LossTerm]) -> list[str]:
    """All layers that the terms look at, in the network's names, each once."""
    return sorted({canonical_layer(layer) for term in terms for layer in term.layers})


class Features(Protocol):
    """What gives the features of pictures: `VGGFeatures`, the same tile by tile, `PixelPatches`, or your own.

    Attributes:
        layers: names of what it gives.
    """

    @property
    def layers(self) -> tuple[str, ...]: ...

    def __call__(self, pictures: Tensor) -> dict[str, Tensor]:
        """(N, 3, H, W) in [0, 1] -> {layer: (N, C, H', W')}."""
        ...


@dataclass(frozen=True)
class Losses:
    """Values of one evaluation: `values` (unweighted, one for each of the objective's names) and their weighted sum."""

    total: Tensor
    values: Tensor


class Objective:
    """The weighted sum of loss terms, bound to what they compare with before it is evaluated.

        objective = Objective(terms, network).bind_target(targets)
        for sources in batches:
            losses = objective.bind_source(sources).evaluate(generator(sources))

    Args:
        terms: the loss terms; those of weight 0 are left out.
        network: gives the features of all layers that the terms name.
        precision: of the loss's matrix products; see `contextual_loss`.
        plain: take the equations as they are written, for comparison: the same values, slowly.
        guide: weights of the targets, and labels within which alone the terms match.
        steering: how much places count, by what corresponds to them.
        jitter: pixels by which the network sees the picture shifted, in all, where positions are drawn.

    Attributes:
        names: of the values, such as "style conv3_2", "content conv4_2", "tv".
        weights: of the values, in the same order.
        bound: the terms; of each one for all samples, or one for each.

    Raises:
        ConfigError: a layer that the network doesn't give.
    """

    def __init__(
        self,
        terms: Sequence[LossTerm],
        network: Features,
        *,
        precision: str = "fp32",
        plain: bool = False,
        guide: Guide | None = None,
        steering: Steering | None = None,
        jitter: int = 0,
    ) -> None:
        self.terms = [term for term in terms if term.in_force]
        self.network, self.jitter, self.steering = network, jitter, steering
        for layer in feature_layers(self.terms):
            if layer not in network.layers:
                raise ConfigError(f"layers: {layer} is not among those of the features, {', '.join(network.layers)}")
        self.settings = precision, plain, guide or Guide(), steering
        self.bound = [[self._unbound(term)] for term in self.terms]
        self.sources: Tensor | None = None
        self.aimed = False
        labels = [(name, term.weights[-1]) for term in self.terms for name in value_names(term)]
        self.names = unique([name for name, _ in labels])
        self.weights = torch.tensor([weight for _, weight in labels])

    def bind_target(
        self, targets: Sequence[Tensor], extract: Callable[[Sequence[Tensor]], Sequence[Maps]] | None = None
    ) -> Self:
        """What terms that say `target` compare all samples with, from now on.

        Args:
            targets: each (1, 3, H, W) in [0, 1], of any size; their features make one set.
            extract: gives the features of all of them, where somebody keeps them; the network's without it.
        """
        look = extract or (lambda pictures: [self.network(picture) for picture in pictures])
        self._bind("target", [targets], lambda: [look(targets)])
        self.aimed = True
        return self._meet()

    def bind_source(self, sources: Tensor, paired: Tensor | None = None) -> Self:
        """What terms that say `source` or `paired` compare each sample with, from now on.

        Args:
            sources: (N, 3, H, W) in [0, 1]; the pictures that are evaluated have this size.
            paired: (N, 3, H', W') in [0, 1], of each sample the picture that belongs to it.
        """
        self.sources, self.weights = sources, self.weights.to(sources.device)
        self._bind_samples("source", sources)
        if paired is not None:
            self._bind_samples("paired", paired)
        return self._meet()

    @torch.no_grad()
    def _meet(self) -> Self:
        """Shows the source to terms that compare with the targets, once these are there."""
        if self.aimed and self.sources is not None:
            for bound, *_ in self.bound:
                bound.bind_source(self.sources, self.network)
        return self

    def _bind_samples(self, side: str, pictures: Tensor) -> Self:
        groups = [[picture] for picture in pictures.split(1)]
        return self._bind(side, groups, lambda: [[each] for each in samples_of(self.network(pictures), len(pictures))])

    @torch.no_grad()
    def _bind(
        self, side: str, groups: Sequence[Sequence[Tensor]], extract: Callable[[], Sequence[Sequence[Maps]]]
    ) -> Self:
        """Shows the terms of a side the pictures that they compare all samples with, or those for each."""
        chosen = [i for i, term in enumerate(self.terms) if term.compare == side]
        features = extract() if any(self.terms[i].layers for i in chosen) else [[]] * len(groups)
        for i in chosen:
            self.bound[i] = [self._unbound(self.terms[i]) for _ in groups]
            for bound, pictures, found in zip(self.bound[i], groups, features, strict=True):
                bound.bind(pictures, found)
        return self

    def _unbound(self, term: LossTerm) -> Term:
        return TERMS[term.loss](term, *self.settings)

    def evaluate(self, pictures: Tensor, draws: Draws | None = None) -> Losses:
        """Losses of pictures (N, 3, H, W), one for each source; the mean of all samples.

        Args:
            pictures: gradients flow to them.
            draws: the sampled positions, new ones at each call; without them all positions take part: the full
                objective.
        """
        view, source, count = pictures, None, len(pictures)
        if self.jitter and draws is not None and self.sources is not None:
            view, moved = shifted(torch.cat([pictures, self.sources]), self.jitter, draws).split(count)
            if any(bound[0].aligned and bound[0].term.compare == "source" for bound in self.bound):
                with torch.no_grad():
                    source = self.network(moved)
        features = samples_of(self.network(view) if self.network.layers else {}, count)
        sources = [None] * count if source is None else samples_of(source, count)
        values = []
        for i, picture in enumerate(pictures.split(1) if count > 1 else [pictures]):
            result = Evaluation(picture, features[i], draws, sources[i])
            found = [value for bound in self.bound for value in bound[i if len(bound) > 1 else 0].values(result)]
            if not found:  # as with strength 0, where nothing compares with the source
                return Losses(pictures.sum() * 0, pictures.new_zeros(0))
            values.append(torch.stack(found))
        mean = values[0] if count == 1 else torch.stack(values).mean(dim=0)
        return Losses((mean * self.weights).sum(), mean.detach())


def samples_of(features: Maps, count: int) -> list[Maps]:
    """Features of `count` samples, each (N, C, H, W), as those of each."""
    if count == 1:
        return [features]
    parts = {layer: found.split(1) for layer, found in features.items()}
    return [{layer: part[i] for layer, part in parts.items()} for i in range(count)]


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
    if term.combine == "concatenate" or term.loss == "neighbors":
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

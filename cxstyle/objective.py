"""The objective of a run: the loss terms of a config, bound to the features of the two pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from .config import LossTerm
from .losses.contextual import contextual_loss
from .losses.perceptual import total_variation
from .vgg import VGGFeatures
from .weights.layout import canonical_layer

Contextual = Callable[[Tensor, Tensor, float], Tensor]
KINDS = {"source": "content", "target": "style"}
"""What a term that compares with a picture is called in progress and reports."""


def feature_layers(terms: Sequence[LossTerm]) -> list[str]:
    """All layers that the terms look at, in the network's names, each once."""
    return sorted({canonical_layer(layer) for term in terms for layer in term.layers})


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
        contextual: (x, y, bandwidth) -> scalar; `plain_contextual_loss` gives the same values slowly, for comparison.

    Attributes:
        names: of the values, such as "style conv3_2", "content conv4_2", "tv".
        weights: of the values, in the same order.
    """

    def __init__(
        self,
        terms: Sequence[LossTerm],
        network: VGGFeatures,
        source: Tensor,
        target: Tensor,
        contextual: Contextual = contextual_loss,
    ) -> None:
        self.contextual = contextual
        self.terms = [term for term in terms if term.weight > 0]
        self.network = network
        with torch.no_grad():
            self.references = {
                side: detached(network(picture))
                for side, picture in (("source", source), ("target", target))
                if any(term.compare == side for term in self.terms)
            }
        labels = [(name, term.weight) for term in self.terms for name in value_names(term)]
        self.names = unique([name for name, _ in labels])
        self.weights = torch.tensor([weight for _, weight in labels], device=source.device)

    def evaluate(self, picture: Tensor, generator: torch.Generator | None = None) -> Losses:
        """Losses of a picture (1, 3, H, W).

        Args:
            picture: gradients flow to it.
            generator: draws the sampled positions, new ones at each call; without one all positions take part: the full
                objective.
        """
        features = self.network(picture) if self.network.layers else {}
        values = []
        for term in self.terms:
            if term.loss == "total_variation":
                values.append(total_variation(picture))
            else:
                pairs = feature_pairs(term, features, self.references[term.compare], generator)
                values += [self.contextual(x, y, term.bandwidth) for x, y in pairs]
        stacked = torch.stack(values)
        return Losses((stacked * self.weights).sum(), stacked.detach())


def detached(features: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {layer: feature.detach() for layer, feature in features.items()}


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


def feature_pairs(
    term: LossTerm, features: Mapping[str, Tensor], reference: Mapping[str, Tensor], generator: torch.Generator | None
) -> list[tuple[Tensor, Tensor]]:
    """The sets (x, y) that a contextual term compares: a pair for each layer, or one for all layers concatenated."""
    layers = [canonical_layer(layer) for layer in term.layers]
    if term.combine == "concatenate":
        pairs = [(concatenated(features, layers), concatenated(reference, layers))]
    else:
        pairs = [(features[layer], reference[layer]) for layer in layers]
    paired = term.compare == "source"
    return [
        sampled(x, y, term.samples_of(layer), generator, paired=paired)
        for layer, (x, y) in zip(term.layers, pairs, strict=False)
    ]


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
    x: Tensor, y: Tensor, count: int | None, generator: torch.Generator | None, *, paired: bool
) -> tuple[Tensor, Tensor]:
    """Features at `count` random positions: (N, C, H, W) -> (N, C, min(count, H W)), for both sides.

    Args:
        x: features of the result.
        y: features that it is compared with.
        count: positions to draw; None for all.
        generator: on the CPU; None for all positions.
        paired: draw the same positions on both sides, so that equal pictures have loss 0 (terms with the source).
    """
    x, y = x.flatten(2), y.flatten(2)
    if count is None or generator is None:
        return x, y
    rows = draw(x.shape[2], count, generator)
    columns = rows if paired else draw(y.shape[2], count, generator)
    return gather(x, rows), gather(y, columns)


def draw(positions: int, count: int, generator: torch.Generator) -> Tensor | None:
    """`count` of the positions, each at most once; None where there are no more than that."""
    if positions <= count:
        return None
    return torch.randperm(positions, generator=generator)[:count]


def gather(features: Tensor, indices: Tensor | None) -> Tensor:
    """(N, C, P) -> (N, C, len(indices))."""
    if indices is None:
        return features
    # The network's features lie position by position in memory, and so they are taken.
    return features.transpose(1, 2).index_select(1, indices.to(features.device)).transpose(1, 2)

"""Loss terms bound to pictures: what each keeps of the pictures that it compares with, and its values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..features import Features
from ..pictures import bilinear, pixel_shares
from .binding import BoundTerm, Evaluated
from .contextual import Prepared, contextual_loss, plain_contextual_loss, prepare
from .coverage import coverage_loss, plain_coverage_loss
from .feature_sets import Indices, Positions, at_grid, concatenated, gather, joined
from .palette import color_moments, palette_loss
from .patches import PATCH, mrf_loss, patches
from .perceptual import gram_loss, gram_matrix, reconstruction_loss, relative_variation, total_variation


def deviation(maps: Sequence[Tensor]) -> float:
    """Root mean squared length of the features of maps (1, C, H, W), less their mean."""
    features = torch.cat([found.flatten(2) for found in maps], dim=2).float()
    return float((features - features.mean(dim=2, keepdim=True)).square().sum(dim=1).mean().sqrt())


class TotalVariation(BoundTerm):
    """Of the picture itself, or of its difference from the source."""

    origin: Tensor | None = None

    def refer_to_pictures(self, pictures: Sequence[Tensor]) -> None:
        self.origin = pictures[0]

    def values(self, result: Evaluated) -> list[Tensor]:
        return [total_variation(result.picture if self.origin is None else result.picture - self.origin)]


class Palette(BoundTerm):
    """Colours of the whole picture; with masks of each label's part of it, by how much of the picture it is."""

    def refer_to_pictures(self, pictures: Sequence[Tensor]) -> None:
        self.shares = [None] if self.guide.source is None else list(pixel_shares(self.guide.source, pictures[0]))
        self.wanted = [color_moments(pictures[0], share) for share in self.shares]

    def values(self, result: Evaluated) -> list[Tensor]:
        losses = [
            palette_loss(result.picture, *moments, share) * (1.0 if share is None else share.mean())
            for moments, share in zip(self.wanted, self.shares, strict=True)
        ]
        return [torch.stack(losses).sum()]


class RelativeVariation(BoundTerm):
    """Of the difference from the source, over the variation of the target's parts that correspond."""

    def refer_to_pictures(self, pictures: Sequence[Tensor]) -> None:
        self.origin = pictures[0]
        height, width = pictures[0].shape[2:]
        allowed = torch.ones(1, 1, 1, 1) if self.steering is None else self.steering.allowed
        self.allowed = bilinear(allowed, height, width).to(pictures[0])

    def values(self, result: Evaluated) -> list[Tensor]:
        return [relative_variation(result.picture - self.origin, self.allowed)]


@dataclass(frozen=True)
class Whole:
    """Features that take part whole in every iteration, prepared for it once, and how much each counts."""

    features: Prepared
    weights: Tensor | None


class Contextual(BoundTerm):
    """The Contextual loss of each layer, or of all layers as one set."""

    def refer(self, pictures: Sequence[Features]) -> None:
        self.sets: list[Positions | Whole] = []
        for count, maps, reach in self._seen(pictures):
            y = replace(self.other(maps), regions=self._regions(maps, range(len(maps)), reach))
            self.sets.append(self._kept(y, count))

    def values(self, result: Evaluated) -> list[Tensor]:
        values = []
        for (count, _, x), y in zip(self._looked(result.features), self.sets, strict=True):
            rows = result.drawn(x.features.shape[2], count)
            if isinstance(y, Whole):
                values.append(self._loss(x.taken(rows), y.features, y.weights))
                continue
            # Terms with the source draw the same positions on both sides, so that equal pictures have loss 0.
            columns = rows if self.term.compare == "source" else result.drawn(y.features.shape[2], count)
            values.append(self._matched(x, rows, y, columns))
        return values

    def _kept(self, y: Positions, count: int | None) -> Positions | Whole:
        """What it needs of a set of which `count` are drawn; with masks it takes part label by label."""
        whole = (count is None or y.features.shape[2] <= count) and y.shares is None and not self.plain
        return Whole(prepare(y.taken(None)), y.weights_of(None)) if whole else y

    def _regions(self, maps: Sequence[Tensor], chosen: Iterable[int], reach: float) -> Tensor | None:
        """What the regions of the chosen targets look like, at all positions of their maps: (1, K, P)."""
        if not reach or self.steering is None:
            return None
        found = torch.cat([at_grid(self.steering.regions[i], maps[i]) for i in chosen], dim=1)
        return (reach * found)[None]

    def _seen(self, pictures: Sequence[Features]) -> Iterator[tuple[int | None, list[Tensor], float]]:
        """Of each layer the count, the maps of all pictures that it compares with, and how far regions reach there."""
        self.reach: list[float] = []
        self.own_regions: dict[tuple[int, torch.Size], Tensor] = {}
        guidance = self.term.guidance if self.steering is not None else 0.0
        for count, *maps in zip(self._counts(), *(self._maps(features) for features in pictures), strict=True):
            reach = guidance * deviation(maps) if guidance else 0.0
            self.reach.append(reach)
            yield count, maps, reach

    def _looked(self, features: Features) -> Iterator[tuple[int | None, Tensor, Positions]]:
        """Of each layer the count, the result's map, and its positions."""
        for index, (count, found) in enumerate(zip(self._counts(), self._maps(features), strict=True)):
            place = index, found.shape[2:]
            if self.steering is not None and self.reach[index] and place not in self.own_regions:
                regions = at_grid(self.steering.region, found)
                self.own_regions[place] = (self.reach[index] * regions)[None]
            yield count, found, replace(self.own(found), regions=self.own_regions.get(place))

    def _maps(self, features: Features) -> list[Tensor]:
        """One map for each layer, or one for all layers."""
        if self.term.combine == "concatenate":
            return [concatenated(features, self.layers)]
        return [features[layer] for layer in self.layers]

    def _counts(self) -> list[int | None]:
        """How many features to draw from each map."""
        layers = self.term.layers[:1] if self.term.combine == "concatenate" else self.term.layers
        return [self.term.samples_of(layer) for layer in layers]

    def _matched(self, x: Positions, rows: Indices, y: Positions, columns: Indices) -> Tensor:
        """The loss of the chosen positions; with masks of each label on its own: no affinity between labels."""
        if x.shares is None:
            return self._loss(x.taken(rows), y.taken(columns), y.weights_of(columns))
        shares, losses = [], []
        for label, own, others in self.by_label(x, rows, y, columns):
            weights = y.weights_of(others, label)
            if weights is not None:
                losses.append(self._loss(x.taken(own), y.taken(others), weights))
                shares.append(weights.sum())
        if not losses:
            return x.features.sum() * 0
        # Eq. 1 over all labels: the mean of their similarities by how much of the target each label is.
        share = torch.stack(shares)
        return -torch.logsumexp((share / share.sum()).log() - torch.stack(losses), dim=0)

    def _loss(self, x: Tensor, y: Tensor | Prepared, weights: Tensor | None) -> Tensor:
        """Of the chosen features."""
        if self.plain and isinstance(y, Tensor):
            return plain_contextual_loss(x, y, self.term.bandwidth, weights)
        return contextual_loss(x, y, self.term.bandwidth, self.precision, weights)


class Coverage(Contextual):
    """Coverage of each layer, or of all layers as one set: with weights of the targets the mean of each one's, with
    masks that of each label by how much of the result has it."""

    def refer(self, pictures: Sequence[Features]) -> None:
        shares, every = self.guide.targets, range(len(pictures))
        parts = [[i] for i in every] if self.guide.weights else [[*every]]
        self.groups: list[list[Positions | Whole]] = []
        for count, maps, reach in self._seen(pictures):
            masks = [None if shares is None else [shares[i] for i in part] for part in parts]
            sets = [
                replace(joined([maps[i] for i in part], mask, None), regions=self._regions(maps, part, reach))
                for part, mask in zip(parts, masks, strict=True)
            ]
            self.groups.append([self._kept(y, count) for y in sets])

    def values(self, result: Evaluated) -> list[Tensor]:
        values = []
        for (count, found, x), group in zip(self._looked(result.features), self.groups, strict=True):
            x = replace(x, weights=self.counts(found))
            rows = result.drawn(x.features.shape[2], count)
            each = [self._covered(x, rows, y, count, result) for y in group]
            weights = self.guide.weights or (1.0,)
            values.append(torch.stack([w * value for w, value in zip(weights, each, strict=True)]).sum() / sum(weights))
        return values

    def _covered(
        self, x: Positions, rows: Indices, y: Positions | Whole, count: int | None, result: Evaluated
    ) -> Tensor:
        """Of the chosen positions; with masks of each label on its own."""
        if isinstance(y, Whole):
            return self._distance(x.taken(rows), y.features, x.weights_of(rows))
        columns = result.drawn(y.features.shape[2], count)
        if x.shares is None:
            return self._distance(x.taken(rows), y.taken(columns), x.weights_of(rows))
        losses, shares = [], []
        for label, own, others in self.by_label(x, rows, y, columns):
            weights = x.weights_of(own, label)
            if weights is not None:
                losses.append(self._distance(x.taken(own), y.taken(others), weights))
                shares.append(weights.sum())
        if not losses:
            return x.features.sum() * 0
        return (torch.stack(losses) * torch.stack(shares)).sum() / torch.stack(shares).sum()

    def _distance(self, x: Tensor, y: Tensor | Prepared, weights: Tensor | None) -> Tensor:
        if self.plain and isinstance(y, Tensor):
            return plain_coverage_loss(x, y, weights)
        return coverage_loss(x, y, self.precision, weights)


class Gram(BoundTerm):
    """Gram matrices of each layer; with masks one for each label, by how much of the source it is."""

    def refer(self, pictures: Sequence[Features]) -> None:
        self.grams = [self._grams(self.other([found[layer] for found in pictures])) for layer in self.layers]

    def values(self, result: Evaluated) -> list[Tensor]:
        values = []
        for layer, others in zip(self.layers, self.grams, strict=True):
            x = self.own(result.features[layer])
            rows = result.drawn(x.features.shape[2], self.term.samples_of(layer))
            pairs = zip(self._grams(x, rows), others, self._shares(x), strict=True)
            values.append(torch.stack([gram_loss(own, other) * share for own, other, share in pairs]).sum())
        return values

    def _grams(self, x: Positions, rows: Indices = None) -> list[Tensor]:
        labels: Sequence[int | None] = self.labels() if x.shares is not None else [None]
        features = gather(x.features, rows)
        return [gram_matrix(features, x.weights_of(rows, label)) for label in labels]

    def _shares(self, x: Positions) -> list[float]:
        return [1.0] if x.shares is None else x.shares.mean(dim=1).tolist()


class Reconstruction(BoundTerm):
    """Features of each layer, place by place."""

    aligned = True

    def refer(self, pictures: Sequence[Features]) -> None:
        self.maps = {layer: pictures[0][layer] for layer in self.layers}

    def values(self, result: Evaluated) -> list[Tensor]:
        return [
            reconstruction_loss(result.features[layer], (result.source or self.maps)[layer], self._held(layer))
            for layer in self.layers
        ]

    def _held(self, layer: str) -> Tensor | None:
        """How much each place is held: the more, the less it is pulled."""
        counts = self.counts(self.maps[layer])
        return None if counts is None else 1 / counts


class Patches(BoundTerm):
    """Patches of each layer against the most alike of the targets', whatever weight these have; with masks, of those
    whose middle has the same label."""

    border = PATCH // 2

    def refer(self, pictures: Sequence[Features]) -> None:
        self.sets = [self.other([patches(found[layer]) for found in pictures]) for layer in self.layers]

    def values(self, result: Evaluated) -> list[Tensor]:
        values = []
        for layer, y in zip(self.layers, self.sets, strict=True):
            x = self.own(patches(result.features[layer]))
            rows = result.drawn(x.features.shape[2], self.term.samples_of(layer))
            values.append(self._matched(x, rows, y))
        return values

    def _matched(self, x: Positions, rows: Indices, y: Positions) -> Tensor:
        if x.shares is None:
            return self._loss(x, rows, y, None)
        losses, counts = [], []
        for _, own, others in self.by_label(x, rows, y, None):
            losses.append(self._loss(x, own, y, others) * len(own))
            counts.append(len(own))
        return torch.stack(losses).sum() / sum(counts) if losses else x.features.sum() * 0

    def _loss(self, x: Positions, rows: Indices, y: Positions, columns: Indices) -> Tensor:
        """Of the chosen patches."""
        return mrf_loss(gather(x.features, rows)[0].t(), gather(y.features, columns)[0].t(), self.precision)


BOUND: dict[str, type[BoundTerm]] = {
    "contextual": Contextual,
    "coverage": Coverage,
    "gram": Gram,
    "mrf": Patches,
    "palette": Palette,
    "reconstruction": Reconstruction,
    "relative_variation": RelativeVariation,
    "total_variation": TotalVariation,
}

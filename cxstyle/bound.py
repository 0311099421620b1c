"""Loss terms bound to pictures: what each keeps of the pictures that it compares with, and its values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .losses.contextual import Prepared, contextual_loss, plain_contextual_loss, prepare
from .losses.mrf import mrf_loss, patches
from .losses.palette import color_moments, palette_loss
from .losses.perceptual import gram_loss, gram_matrix, reconstruction_loss, total_variation
from .positions import Guide, Indices, Positions, concatenated, draw, gather, joined, pixel_shares
from .terms import LossTerm
from .weights.layout import canonical_layer

Features = Mapping[str, Tensor]


@dataclass(frozen=True)
class Evaluated:
    """What terms are computed from.

    Attributes:
        picture: (1, 3, H, W).
        features: of it, by layer.
        generator: draws positions; without one all take part.
    """

    picture: Tensor
    features: Features
    generator: torch.Generator | None


class BoundTerm:
    """A term of one run at one size.

    Args:
        term: what it computes.
        precision: of matrix products; see `contextual_loss`.
        plain: take the equations of the Contextual loss as they are written.
        guide: what steers it; terms that keep the source's content are not steered.
    """

    def __init__(self, term: LossTerm, precision: str, plain: bool, guide: Guide) -> None:
        self.term, self.precision, self.plain = term, precision, plain
        self.layers = [canonical_layer(layer) for layer in term.layers]
        self.guide = guide if term.compare == "target" or term.loss == "palette" else Guide()

    def refer(self, pictures: Sequence[Features]) -> None:
        """Takes what it needs of the features of the pictures that it compares with; called once."""

    def refer_to_pictures(self, pictures: Sequence[Tensor]) -> None:
        """Takes what it needs of those pictures themselves; called once."""

    def values(self, result: Evaluated) -> list[Tensor]:
        """Scalars, one for each layer or set of layers."""
        raise NotImplementedError

    def labels(self) -> range:
        """Indices of the labels; none without masks."""
        return range(0 if self.guide.source is None else len(self.guide.source))

    def other(self, maps: Sequence[Tensor]) -> Positions:
        """The side that the result is compared with, of maps (1, C, H, W) of each picture."""
        return joined(maps, self.guide.targets, self.guide.weights)

    def own(self, found: Tensor) -> Positions:
        """The result's side: (1, C, H, W)."""
        return joined([found], None if self.guide.source is None else [self.guide.source], None)


class TotalVariation(BoundTerm):
    """Of the picture itself."""

    def values(self, result: Evaluated) -> list[Tensor]:
        return [total_variation(result.picture)]


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


@dataclass(frozen=True)
class Whole:
    """Features that take part whole in every iteration, prepared for it once, and how much each counts."""

    features: Prepared
    weights: Tensor | None


class Contextual(BoundTerm):
    """The Contextual loss of each layer, or of all layers as one set."""

    def refer(self, pictures: Sequence[Features]) -> None:
        self.sets: list[Positions | Whole] = []
        maps = [self._maps(features) for features in pictures]
        for count, *same in zip(self._counts(), *maps, strict=True):
            y = self.other(same)
            # With masks it takes part label by label.
            whole = (count is None or y.features.shape[2] <= count) and y.shares is None and not self.plain
            self.sets.append(Whole(prepare(y.features), y.weights_of(None)) if whole else y)

    def values(self, result: Evaluated) -> list[Tensor]:
        values = []
        for count, found, y in zip(self._counts(), self._maps(result.features), self.sets, strict=True):
            x = self.own(found)
            rows = draw(x.features.shape[2], count, result.generator)
            if isinstance(y, Whole):
                values.append(self._loss(gather(x.features, rows), y.features, y.weights))
                continue
            # Terms with the source draw the same positions on both sides, so that equal pictures have loss 0.
            columns = rows if self.term.compare == "source" else draw(y.features.shape[2], count, result.generator)
            values.append(self._matched(x, rows, y, columns))
        return values

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
            chosen = gather(y.features, columns)
            return self._loss(gather(x.features, rows), chosen, y.weights_of(columns))
        shares, losses = [], []
        for label in self.labels():
            own, others = x.members(rows, label), y.members(columns, label)
            weights = y.weights_of(others, label)
            if len(own) and len(others) and weights is not None:
                losses.append(self._loss(gather(x.features, own), gather(y.features, others), weights))
                shares.append(weights.sum())
        if not losses:
            return x.features.sum() * 0
        # Eq. 1 over all labels: the mean of their similarities by how much of the target each label is.
        share = torch.stack(shares)
        return -torch.logsumexp((share / share.sum()).log() - torch.stack(losses), dim=0)

    def _loss(self, x: Tensor, y: Tensor | Prepared, weights: Tensor | None) -> Tensor:
        if self.plain and isinstance(y, Tensor):
            return plain_contextual_loss(x, y, self.term.bandwidth)
        return contextual_loss(x, y, self.term.bandwidth, self.precision, weights)


class Gram(BoundTerm):
    """Gram matrices of each layer; with masks one for each label, by how much of the source it is."""

    def refer(self, pictures: Sequence[Features]) -> None:
        self.grams = [self._grams(self.other([found[layer] for found in pictures])) for layer in self.layers]

    def values(self, result: Evaluated) -> list[Tensor]:
        values = []
        for layer, others in zip(self.layers, self.grams, strict=True):
            x = self.own(result.features[layer])
            pairs = zip(self._grams(x), others, self._shares(x), strict=True)
            values.append(torch.stack([gram_loss(own, other) * share for own, other, share in pairs]).sum())
        return values

    def _grams(self, x: Positions) -> list[Tensor]:
        labels: Sequence[int | None] = self.labels() if x.shares is not None else [None]
        return [gram_matrix(x.features, x.weights_of(None, label)) for label in labels]

    def _shares(self, x: Positions) -> list[float]:
        return [1.0] if x.shares is None else x.shares.mean(dim=1).tolist()


class Reconstruction(BoundTerm):
    """Features of each layer, place by place."""

    def refer(self, pictures: Sequence[Features]) -> None:
        self.maps = [pictures[0][layer] for layer in self.layers]

    def values(self, result: Evaluated) -> list[Tensor]:
        return [
            reconstruction_loss(result.features[layer], kept)
            for layer, kept in zip(self.layers, self.maps, strict=True)
        ]


class Patches(BoundTerm):
    """Patches of each layer against the most alike of the target's; with masks, of the same label's."""

    def refer(self, pictures: Sequence[Features]) -> None:
        self.sets = [self.other([patches(found[layer]) for found in pictures]) for layer in self.layers]

    def values(self, result: Evaluated) -> list[Tensor]:
        values = []
        for layer, y in zip(self.layers, self.sets, strict=True):
            x = self.own(patches(result.features[layer]))
            rows = draw(x.features.shape[2], self.term.samples_of(layer), result.generator)
            values.append(self._matched(x, rows, y))
        return values

    def _matched(self, x: Positions, rows: Indices, y: Positions) -> Tensor:
        if x.shares is None:
            return self._loss(x, rows, y, None)
        losses, counts = [], []
        for label in self.labels():
            own, others = x.members(rows, label), y.members(None, label)
            if len(own) and len(others):
                losses.append(self._loss(x, own, y, others) * len(own))
                counts.append(len(own))
        return torch.stack(losses).sum() / sum(counts) if losses else x.features.sum() * 0

    def _loss(self, x: Positions, rows: Indices, y: Positions, columns: Indices) -> Tensor:
        """Of the chosen patches."""
        return mrf_loss(gather(x.features, rows)[0].t(), gather(y.features, columns)[0].t(), self.precision)


BOUND: dict[str, type[BoundTerm]] = {
    "contextual": Contextual,
    "gram": Gram,
    "mrf": Patches,
    "palette": Palette,
    "reconstruction": Reconstruction,
    "total_variation": TotalVariation,
}

"""Loss terms bound to what they compare with: what each keeps of it, and its values for a picture."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..features import Features as Maps
from ..features import canonical_layer
from ..pictures import Guide, bilinear, pixel_shares
from ..settings import LossTerm
from .contextual import Prepared, contextual_loss, plain_contextual_loss, prepare
from .coverage import coverage_loss, nearest, plain_coverage_loss
from .feature_sets import MEMBER, Draws, FeatureSet, Indices, Steering, at_grid, concatenated, gather, merge, shares_on
from .neighbors import (
    agreed,
    broad,
    colors_on,
    comparable,
    grid_of,
    handed_down,
    hypercolumns,
    neighbor_loss,
    places_of,
    scaled,
    scaling,
    sureness,
)
from .palette import color_moments, palette_loss
from .patches import PATCH, mrf_loss, patches
from .perceptual import (
    gram_loss,
    gram_matrix,
    perceptual_loss,
    reconstruction_loss,
    total_variation,
)


@dataclass(frozen=True)
class Evaluation:
    """What terms are computed from.

    Attributes:
        picture: (1, 3, H, W).
        features: of it, by layer.
        draws: positions; without them all take part.
        source: the source's features, by layer, where the network saw the picture shifted: seen shifted alike.
    """

    picture: Tensor
    features: Maps
    draws: Draws | None
    source: Maps | None = None

    def drawn(self, every: int, count: int | None) -> Indices:
        """`count` of `every` positions, or all."""
        return None if self.draws is None else self.draws.positions(every, count)


class Term:
    """A term that is bound to what it compares with, once or to something new in its place.

    Attributes:
        border: positions that its maps lack on every side of the picture.
        aligned: it compares features at the same place.

    Args:
        term: what it computes.
        precision: of matrix products; see `contextual_loss`.
        plain: take the equations of the Contextual loss as they are written.
        guide: what steers it; terms that keep the source's content are not steered.
        steering: more of that, where it is known.
    """

    border = 0
    aligned = False

    def __init__(
        self, term: LossTerm, precision: str, plain: bool, guide: Guide, steering: Steering | None = None
    ) -> None:
        self.steering = steering
        self.own_grids: dict[tuple[str, torch.Size], Tensor] = {}
        self.term, self.precision, self.plain = term, precision, plain
        self.layers = [canonical_layer(layer) for layer in term.layers]
        self.guide = guide if term.compare == "target" or term.loss == "palette" else Guide()

    def bind(self, pictures: Sequence[Tensor], features: Sequence[Maps]) -> None:
        """Takes what it needs of the pictures that it compares with, each (1, 3, H, W), and of their features."""

    def bind_source(self, picture: Tensor, network: Callable[[Tensor], Maps]) -> None:
        """Takes what it needs of the source, (1, 3, H, W), beside the targets, to which it is bound before."""

    def values(self, result: Evaluation) -> list[Tensor]:
        """Scalars, one for each layer or set of layers."""
        raise NotImplementedError

    def labels(self) -> range:
        """Indices of the labels; none without masks."""
        return range(0 if self.guide.source is None else len(self.guide.source))

    def other(self, maps: Sequence[Tensor]) -> FeatureSet:
        """The side that the result is compared with, of maps (1, C, H, W) of each picture."""
        found = merge(maps, self.guide.targets, self.guide.weights, self.border)
        if self.steering is None or self.term.compare != "target":
            return found
        counts = torch.cat([at_grid(c, m, self.border)[0] for c, m in zip(self.steering.targets, maps, strict=True)])
        return replace(found, weights=counts if found.weights is None else counts * found.weights)

    def parted(self, maps: Sequence[Tensor]) -> Iterator[tuple[Sequence[int], FeatureSet]]:
        """The targets that make one set, and that set, of maps (1, C, H, W) of each: all, or each alone where they have
        weights, for `mean_of_targets`."""
        shares, every = self.guide.targets, range(len(maps))
        for part in [[i] for i in every] if self.guide.weights else [[*every]]:
            yield part, merge([maps[i] for i in part], None if shares is None else [shares[i] for i in part], None)

    def mean_of_targets(self, losses: Sequence[Tensor]) -> Tensor:
        """By the weights of the targets."""
        weights = self.guide.weights or (1.0,)
        return torch.stack([w * loss for w, loss in zip(weights, losses, strict=True)]).sum() / sum(weights)

    def by_label(
        self, x: FeatureSet, rows: Indices, y: FeatureSet, columns: Indices
    ) -> Iterator[tuple[int, Tensor, Tensor]]:
        """Each label that both sides have among the chosen positions, with these positions."""
        for label in self.labels():
            own, others = x.members(rows, label), y.members(columns, label)
            if len(own) and len(others):
                yield label, own, others

    def counts(self, found: Tensor) -> Tensor | None:
        """How much each of the result's places counts, (P,), by its map (1, C, H, W); None where all do in full."""
        if self.steering is None:
            return None
        place = "counts", found.shape[2:]
        if place not in self.own_grids:
            self.own_grids[place] = at_grid(self.steering.source, found)[0]
        return self.own_grids[place]

    def own(self, found: Tensor) -> FeatureSet:
        """The result's side: (1, C, H, W)."""
        if self.guide.source is None:
            return merge([found], None, None)
        place = "shares", found.shape[2:]
        if place not in self.own_grids:
            self.own_grids[place] = shares_on(self.guide.source, found, self.border)
        return FeatureSet(found.flatten(2), shares=self.own_grids[place])


def deviation(maps: Sequence[Tensor]) -> float:
    """Root mean squared length of the features of maps (1, C, H, W), less their mean."""
    features = torch.cat([found.flatten(2) for found in maps], dim=2).float()
    return float((features - features.mean(dim=2, keepdim=True)).square().sum(dim=1).mean().sqrt())


class TotalVariation(Term):
    """Of the picture itself, or of its difference from the source."""

    origin: Tensor | None = None

    def bind(self, pictures: Sequence[Tensor], _: Sequence[Maps]) -> None:
        self.origin = pictures[0]

    def values(self, result: Evaluation) -> list[Tensor]:
        return [total_variation(result.picture if self.origin is None else result.picture - self.origin)]


class PixelDifference(Term):
    """Of the picture itself from the one that it is compared with, pixel by pixel."""

    def bind(self, pictures: Sequence[Tensor], _: Sequence[Maps]) -> None:
        (self.picture,) = pictures

    def values(self, result: Evaluation) -> list[Tensor]:
        return [(result.picture - self.picture).abs().mean()]


class Palette(Term):
    """Colours of the whole picture; with masks of each label's part of it, by how much of the picture it is."""

    def bind(self, pictures: Sequence[Tensor], _: Sequence[Maps]) -> None:
        self.shares = [None] if self.guide.source is None else list(pixel_shares(self.guide.source, pictures[0]))
        self.wanted = [color_moments(pictures[0], share) for share in self.shares]

    def values(self, result: Evaluation) -> list[Tensor]:
        losses = [
            palette_loss(result.picture, *moments, share) * (1.0 if share is None else share.mean())
            for moments, share in zip(self.wanted, self.shares, strict=True)
        ]
        return [torch.stack(losses).sum()]


@dataclass(frozen=True)
class Whole:
    """Features that take part whole in every iteration, prepared for it once, and how much each counts; whoever draws
    from them gets all."""

    features: Prepared
    weights: Tensor | None

    @property
    def size(self) -> int:
        return self.features.shape[2]

    def taken(self, _: Indices) -> Prepared:
        return self.features

    def weights_of(self, _: Indices, __: int | None = None) -> Tensor | None:
        return self.weights


class Contextual(Term):
    """The Contextual loss of each layer, or of all layers as one set."""

    def bind(self, _: Sequence[Tensor], features: Sequence[Maps]) -> None:
        self.sets = [
            [self._kept(y, count) for y in self._others(maps, reach)] for count, maps, reach in self._bound(features)
        ]

    def values(self, result: Evaluation) -> list[Tensor]:
        values = []
        for (count, x), sets in zip(self._looked(result.features), self.sets, strict=True):
            rows, each = result.drawn(x.size, count), []
            for y in sets:
                # Terms with the source draw the same positions on both sides, so that equal pictures have loss 0.
                columns = rows if self.term.compare == "source" else result.drawn(y.size, count)
                each.append(self._matched(x, rows, y, columns))
            values.append(each[0] if len(each) == 1 else self.mean_of_targets(each))
        return values

    def _others(self, maps: Sequence[Tensor], reach: float) -> list[FeatureSet]:
        """What to compare with, of maps of each picture: one set."""
        return [replace(self.other(maps), regions=self._regions(maps, range(len(maps)), reach))]

    def _kept(self, y: FeatureSet, count: int | None) -> FeatureSet | Whole:
        """What it needs of a set of which `count` are drawn; with masks it takes part label by label."""
        whole = (count is None or y.size <= count) and y.shares is None and not self.plain
        return Whole(prepare(y.taken(None)), y.weights_of(None)) if whole else y

    def _regions(self, maps: Sequence[Tensor], chosen: Iterable[int], reach: float) -> Tensor | None:
        """What the regions of the chosen targets look like, at all positions of their maps: (1, K, P)."""
        if not reach or self.steering is None:
            return None
        found = torch.cat([at_grid(self.steering.regions[i], maps[i]) for i in chosen], dim=1)
        return (reach * found)[None]

    def _bound(self, features: Sequence[Maps]) -> Iterator[tuple[int | None, list[Tensor], float]]:
        """Of each layer the count, the maps of all pictures that it compares with, and how far regions reach there."""
        self.reach: list[float] = []
        self.own_regions: dict[tuple[int, torch.Size], Tensor] = {}
        guidance = self.term.guidance if self.steering is not None else 0.0
        for count, *maps in zip(self._counts(), *(self._maps(found) for found in features), strict=True):
            reach = guidance * deviation(maps) if guidance else 0.0
            self.reach.append(reach)
            yield count, maps, reach

    def _looked(self, features: Maps) -> Iterator[tuple[int | None, FeatureSet]]:
        """Of each layer the count, and the result's positions."""
        for index, (count, found) in enumerate(zip(self._counts(), self._maps(features), strict=True)):
            place = index, found.shape[2:]
            if self.steering is not None and self.reach[index] and place not in self.own_regions:
                regions = at_grid(self.steering.region, found)
                self.own_regions[place] = (self.reach[index] * regions)[None]
            yield count, replace(self.own(found), weights=self.counts(found), regions=self.own_regions.get(place))

    def _maps(self, features: Maps) -> list[Tensor]:
        """One map for each layer, or one for all layers."""
        if self.term.combine == "concatenate":
            return [concatenated(features, self.layers)]
        return [features[layer] for layer in self.layers]

    def _counts(self) -> list[int | None]:
        """How many features to draw from each map."""
        layers = self.term.layers[:1] if self.term.combine == "concatenate" else self.term.layers
        return [self.term.samples_of(layer) for layer in layers]

    def _matched(self, x: FeatureSet, rows: Indices, y: FeatureSet | Whole, columns: Indices) -> Tensor:
        """The loss of the chosen positions; with masks of each label on its own: no affinity between labels."""
        if isinstance(y, Whole) or x.shares is None:
            return self._loss(x.taken(rows), y.taken(columns), self._weights(x, rows, y, columns))
        losses, shares = [], []
        for label, own, others in self.by_label(x, rows, y, columns):
            weights = self._weights(x, own, y, others, label)
            if weights is not None:
                losses.append(self._loss(x.taken(own), y.taken(others), weights))
                shares.append(weights.sum())
        return self._mean_of_labels(torch.stack(losses), torch.stack(shares)) if losses else x.features.sum() * 0

    def _weights(
        self, _: FeatureSet, __: Indices, y: FeatureSet | Whole, columns: Indices, label: int | None = None, /
    ) -> Tensor | None:
        """How much the chosen positions count, of the side whose mean the loss takes."""
        return y.weights_of(columns, label)

    def _mean_of_labels(self, losses: Tensor, shares: Tensor) -> Tensor:
        """Eq. 1 over all labels: the mean of their similarities by how much of the target each label is."""
        return -torch.logsumexp((shares / shares.sum()).log() - losses, dim=0)

    def _loss(self, x: Tensor, y: Tensor | Prepared, weights: Tensor | None) -> Tensor:
        """Of the chosen features."""
        if self.plain and isinstance(y, Tensor):
            return plain_contextual_loss(x, y, self.term.bandwidth, weights)
        return contextual_loss(x, y, self.term.bandwidth, self.precision, weights)


class Coverage(Contextual):
    """Coverage of each layer, or of all layers as one set: with weights of the targets the mean of each one's, with
    masks that of each label by how much of the result has it."""

    def _others(self, maps: Sequence[Tensor], reach: float) -> list[FeatureSet]:
        """With weights a set for each target."""
        return [replace(y, regions=self._regions(maps, part, reach)) for part, y in self.parted(maps)]

    def _weights(
        self, x: FeatureSet, rows: Indices, _: FeatureSet | Whole, __: Indices, label: int | None = None, /
    ) -> Tensor | None:
        return x.weights_of(rows, label)

    def _mean_of_labels(self, losses: Tensor, shares: Tensor) -> Tensor:
        return (losses * shares).sum() / shares.sum()

    def _loss(self, x: Tensor, y: Tensor | Prepared, weights: Tensor | None) -> Tensor:
        if self.plain and isinstance(y, Tensor):
            return plain_coverage_loss(x, y, weights)
        return coverage_loss(x, y, self.precision, weights)


class Gram(Term):
    """Gram matrices of each layer; with masks one for each label, by how much of the source it is."""

    def bind(self, _: Sequence[Tensor], features: Sequence[Maps]) -> None:
        self.grams = [self._grams(self.other([found[layer] for found in features])) for layer in self.layers]

    def values(self, result: Evaluation) -> list[Tensor]:
        values = []
        for layer, others in zip(self.layers, self.grams, strict=True):
            x = self.own(result.features[layer])
            rows = result.drawn(x.size, self.term.samples_of(layer))
            pairs = zip(self._grams(x, rows), others, self._shares(x), strict=True)
            values.append(torch.stack([gram_loss(own, other) * share for own, other, share in pairs]).sum())
        return values

    def _grams(self, x: FeatureSet, rows: Indices = None) -> list[Tensor]:
        labels: Sequence[int | None] = self.labels() if x.shares is not None else [None]
        features = gather(x.features, rows)
        return [gram_matrix(features, x.weights_of(rows, label)) for label in labels]

    def _shares(self, x: FeatureSet) -> list[float]:
        return [1.0] if x.shares is None else x.shares.mean(dim=1).tolist()


class Reconstruction(Term):
    """Features of each layer, place by place."""

    aligned = True
    distance = staticmethod(reconstruction_loss)

    def bind(self, _: Sequence[Tensor], features: Sequence[Maps]) -> None:
        self.maps = {layer: features[0][layer] for layer in self.layers}

    def values(self, result: Evaluation) -> list[Tensor]:
        theirs = result.source if result.source and self.term.compare == "source" else self.maps
        return [self.distance(result.features[layer], theirs[layer], self._held(layer)) for layer in self.layers]

    def _held(self, layer: str) -> Tensor | None:
        """How much each place is held: the more, the less it is pulled."""
        counts = self.counts(self.maps[layer])
        return None if counts is None else 1 / counts


class Perceptual(Reconstruction):
    """The same by the distance that the paper takes."""

    distance = staticmethod(perceptual_loss)


class Patches(Term):
    """Patches of each layer against the most alike of the targets', whatever weight these have; with masks, of those
    whose middle has the same label."""

    border = PATCH // 2

    def bind(self, _: Sequence[Tensor], features: Sequence[Maps]) -> None:
        self.sets = [self.other([patches(found[layer]) for found in features]) for layer in self.layers]

    def values(self, result: Evaluation) -> list[Tensor]:
        values = []
        for layer, y in zip(self.layers, self.sets, strict=True):
            x = self.own(patches(result.features[layer]))
            rows = result.drawn(x.size, self.term.samples_of(layer))
            values.append(self._matched(x, rows, y))
        return values

    def _matched(self, x: FeatureSet, rows: Indices, y: FeatureSet) -> Tensor:
        if x.shares is None:
            return self._loss(x, rows, y, None)
        losses, counts = [], []
        for _, own, others in self.by_label(x, rows, y, None):
            losses.append(self._loss(x, own, y, others) * len(own))
            counts.append(len(own))
        return torch.stack(losses).sum() / sum(counts) if losses else x.features.sum() * 0

    def _loss(self, x: FeatureSet, rows: Indices, y: FeatureSet, columns: Indices) -> Tensor:
        """Of the chosen patches."""
        return mrf_loss(gather(x.features, rows)[0].t(), gather(y.features, columns)[0].t(), self.precision)


class Neighbors(Term):
    """Hypercolumns and colours, place by place, against those of the target that belong there: one value; with weights
    of the targets the mean of each one's, with masks of those within each label."""

    def bind(self, pictures: Sequence[Tensor], features: Sequence[Maps]) -> None:
        maps = [hypercolumns(f, self.layers, grid_of(p)) for p, f in zip(pictures, features, strict=True)]
        self.pictures, self.scaling = pictures, scaling(maps)
        self.maps = [scaled(found, self.scaling) for found in maps]
        colors = [colors_on(p, grid_of(p)) for p in pictures]
        self.tones = scaling(colors)
        self.colors = [scaled(found, self.tones) for found in colors]

    def bind_source(self, picture: Tensor, network: Callable[[Tensor], Maps]) -> None:
        (source,), targets = (
            places_of(side, network, self.layers, self.term.match_size) for side in ([picture], self.pictures)
        )
        source, targets = comparable(source, targets)
        fine = grid_of(picture)
        x, counts = self.own(source), self.counts(picture.new_empty(1, 1, *fine))
        self.wanted: list[tuple[Tensor, Tensor, Tensor | None]] = []
        for part, y in self.parted(targets):
            grids = [[grid_like(maps[i]) for i in part] for maps in (targets, self.maps)]
            chosen, within = self._matched(x, y, grid_like(source), grids[0])
            index = handed_down(chosen, fine, *grids)
            places = bilinear(within[None, None], *fine).flatten()
            wanted, colors = (
                torch.cat([maps[i][0].flatten(1) for i in part], dim=1)[:, index] for maps in (self.maps, self.colors)
            )
            colors = broad(colors.view(1, 3, *fine))
            self.wanted.append((wanted, colors, places if counts is None else places * counts))

    def values(self, result: Evaluation) -> list[Tensor]:
        grid = grid_of(result.picture)
        x = scaled(hypercolumns(result.features, self.layers, grid), self.scaling)[0].flatten(1)
        colors = broad(scaled(colors_on(result.picture, grid), self.tones))
        return [
            self.mean_of_targets(
                [neighbor_loss(x, y, colors, others, len(self.layers), counts) for y, others, counts in self.wanted]
            )
        ]

    def _matched(
        self, x: FeatureSet, y: FeatureSet, grid: tuple[int, int], grids: Sequence[tuple[int, int]]
    ) -> tuple[Tensor, Tensor]:
        """Which of y belongs at each place, and how surely, 0 where y lacks its label: (H, W) each."""
        own, others = (side.features[0].t() for side in (x, y))
        if x.shares is None or y.shares is None:
            found = agreed(nearest(own, others, self.precision).view(grid), own, others, grids)
            within = own.new_ones(grid)
        else:
            chosen, within = own.new_zeros(x.size, dtype=torch.long), own.new_zeros(x.size)
            labels, members = torch.zeros_like(chosen), y.shares >= MEMBER
            for label, mine, theirs in self.by_label(x, None, y, None):
                chosen[mine] = theirs[nearest(own[mine], others[theirs], self.precision)]
                within[mine], labels[mine] = 1.0, label
            found = agreed(chosen.view(grid), own, others, grids, lambda at: members[labels.view(grid), at])
            within = within.view(grid)
        return found, sureness((own * others[found.flatten()]).sum(dim=1).view(grid), within)


def grid_like(found: Tensor) -> tuple[int, int]:
    """(height, width) of a map (1, C, H, W)."""
    return found.shape[2], found.shape[3]


TERMS: dict[str, type[Term]] = {
    "contextual": Contextual,
    "coverage": Coverage,
    "gram": Gram,
    "l1": PixelDifference,
    "mrf": Patches,
    "neighbors": Neighbors,
    "palette": Palette,
    "perceptual": Perceptual,
    "reconstruction": Reconstruction,
    "total_variation": TotalVariation,
}

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
from . import neighbors
from .contextual import Prepared, contextual_loss, plain_contextual_loss, prepare
from .coverage import coverage_loss, nearest, plain_coverage_loss
from .feature_sets import MEMBER, Draws, FeatureSet, Indices, Steering, at_grid, concatenated, gather, merge
from .neighbors import Grid
from .palette import color_moments, palette_loss
from .patches import PATCH, mrf_loss, patches
from .perceptual import gram_loss, gram_matrix, perceptual_loss, reconstruction_loss, total_variation


@dataclass(frozen=True)
class Evaluation:
    """What terms are computed from."""

    picture: Tensor  # (1, 3, H, W)
    features: Maps  # of it, by layer
    draws: Draws | None  # of positions; without them all take part
    source: Maps | None = None  # the source's features, where the network saw the picture shifted: shifted alike

    def drawn(self, every: int, count: int | None) -> Indices:
        """`count` of `every` positions, or all."""
        return None if self.draws is None else self.draws.positions(every, count)


class Term:
    """A term that is bound to what it compares with, once or to something new in its place.

    Args:
        term: what it computes.
        precision: of matrix products; see `contextual_loss`.
        plain: take the equations of the Contextual loss as they are written.
        guide: what steers it; terms that keep the source's content are not steered.
        steering: more of that, where it is known.
    """

    border = 0  # positions that its maps lack on every side of the picture
    aligned = False  # whether it compares features at the same place

    def __init__(
        self, term: LossTerm, precision: str, plain: bool, guide: Guide, steering: Steering | None = None
    ) -> None:
        self.term, self.precision, self.plain, self.steering = term, precision, plain, steering
        self.grids: dict[tuple[str, torch.Size], Tensor] = {}
        self.layers = [canonical_layer(layer) for layer in term.layers]
        self.guide = guide if term.compare == "target" or term.loss == "palette" else Guide()

    def bind(self, pictures: Sequence[Tensor], features: Sequence[Maps]) -> None:
        """Takes what it needs of the pictures that it compares with, each (1, 3, H, W), and of their features."""

    def bind_source(self, picture: Tensor, network: Callable[[Tensor], Maps]) -> None:
        """Takes what it needs of the source, (1, 3, H, W), beside the targets, to which it is bound before."""

    def values(self, result: Evaluation) -> list[Tensor]:
        """Scalars, one for each layer or set of layers."""
        raise NotImplementedError

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
        for label in range(0 if self.guide.source is None else len(self.guide.source)):
            own, others = x.members(rows, label), y.members(columns, label)
            if len(own) and len(others):
                yield label, own, others

    def counts(self, found: Tensor) -> Tensor | None:
        """How much each of the result's places counts, (P,), by its map (1, C, H, W); None where all do in full."""
        return None if self.steering is None else self.on_grid("counts", self.steering.source, found)[0]

    def own(self, found: Tensor) -> FeatureSet:
        """The result's side: (1, C, H, W)."""
        shares = self.guide.source
        here = None if shares is None else self.on_grid("shares", shares, found)
        return FeatureSet(found.flatten(2), shares=here)

    def on_grid(self, name: str, values: Tensor, found: Tensor) -> Tensor:
        """Values over the source, of this name, at the positions of one of the result's maps; converted once."""
        place = name, found.shape[2:]
        if place not in self.grids:
            self.grids[place] = at_grid(values, found, self.border)
        return self.grids[place]


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

    def weights_of(self, _: Indices) -> Tensor | None:
        return self.weights


class Contextual(Term):
    """The Contextual loss of each layer, or of all layers as one set."""

    mean_over_result = False
    """Whether the loss takes the mean over the result's positions, or over those of the other side."""

    def bind(self, _: Sequence[Tensor], features: Sequence[Maps]) -> None:
        self.reach: list[float] = []
        self.sets: list[list[FeatureSet | Whole]] = []
        guidance = self.term.guidance if self.steering is not None else 0.0
        for count, *maps in zip(self._counts(), *(self._maps(found) for found in features), strict=True):
            self.reach.append(guidance * deviation(maps) if guidance else 0.0)
            self.sets.append([self._kept(y, count) for y in self._others(maps)])

    def values(self, result: Evaluation) -> list[Tensor]:
        values = []
        maps = self._maps(result.features)
        for found, count, reach, sets in zip(maps, self._counts(), self.reach, self.sets, strict=True):
            x = replace(self.own(found), weights=self.counts(found))
            if self.steering is not None and reach:
                x = replace(x, regions=reach * self.on_grid("region", self.steering.region, found)[None])
            rows, each = result.drawn(x.size, count), []
            for y in sets:
                # Terms with the source draw the same positions on both sides, so that equal pictures have loss 0.
                columns = rows if self.term.compare == "source" else result.drawn(y.size, count)
                each.append(self._matched(x, rows, y, columns))
            values.append(each[0] if len(each) == 1 else self.mean_of_targets(each))
        return values

    def _others(self, maps: Sequence[Tensor]) -> list[FeatureSet]:
        """What to compare with, of maps of each picture: one set."""
        return [self._guided(self.other(maps), maps, range(len(maps)))]

    def _guided(self, y: FeatureSet, maps: Sequence[Tensor], part: Iterable[int]) -> FeatureSet:
        """A set of some of the maps, with what the regions of these look like."""
        if self.steering is None or not self.reach[-1]:
            return y
        regions = torch.cat([at_grid(self.steering.regions[i], maps[i]) for i in part], dim=1)
        return replace(y, regions=self.reach[-1] * regions[None])

    def _kept(self, y: FeatureSet, count: int | None) -> FeatureSet | Whole:
        """What it needs of a set of which `count` are drawn; with masks it takes part label by label."""
        whole = (count is None or y.size <= count) and y.shares is None and not self.plain
        return Whole(prepare(y.taken(None)), y.weights_of(None)) if whole else y

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
            weights = x.weights_of(rows) if self.mean_over_result else y.weights_of(columns)
            return self._loss(x.taken(rows), y.taken(columns), weights)
        losses, shares = [], []
        for label, own, others in self.by_label(x, rows, y, columns):
            weights = x.weights_of(own, label) if self.mean_over_result else y.weights_of(others, label)
            if weights is not None:
                losses.append(self._loss(x.taken(own), y.taken(others), weights))
                shares.append(weights.sum())
        return self._mean_of_labels(torch.stack(losses), torch.stack(shares)) if losses else x.features.sum() * 0

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

    mean_over_result = True

    def _others(self, maps: Sequence[Tensor]) -> list[FeatureSet]:
        """With weights a set for each target."""
        return [self._guided(y, maps, part) for part, y in self.parted(maps)]

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
            shares = [1.0] if x.shares is None else x.shares.mean(dim=1).tolist()
            pairs = zip(self._grams(x, rows), others, shares, strict=True)
            values.append(torch.stack([gram_loss(own, other) * share for own, other, share in pairs]).sum())
        return values

    def _grams(self, x: FeatureSet, rows: Indices = None) -> list[Tensor]:
        labels: Sequence[int | None] = [None] if x.shares is None else range(len(x.shares))
        features = gather(x.features, rows)
        return [gram_matrix(features, x.weights_of(rows, label)) for label in labels]


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
        grids = [neighbors.grid_of(picture) for picture in pictures]
        maps = [neighbors.hypercolumns(f, self.layers, grid) for f, grid in zip(features, grids, strict=True)]
        colors = [neighbors.colors_of(picture) for picture in pictures]
        self.pictures, self.scaling, self.tones = pictures, neighbors.scaling(maps), neighbors.scaling(colors)
        self.maps = [neighbors.scaled(found, self.scaling) for found in maps]
        self.colors = [neighbors.scaled(found, self.tones) for found in colors]

    def bind_source(self, picture: Tensor, network: Callable[[Tensor], Maps]) -> None:
        size, fine = self.term.match_size, neighbors.grid_of(picture)
        guide = self.guide
        labels = None if guide.source is None or guide.targets is None else [guide.source, *guide.targets]
        source, targets = neighbors.compared(picture, self.pictures, network, self.layers, size, labels)
        x, counts = self.own(source), self.counts(picture.new_empty(1, 1, *fine))
        self.wanted: list[tuple[Tensor, Tensor, Tensor]] = []
        for part, y in self.parted(targets):
            coarse = [targets[i].shape[2:] for i in part]
            chosen, within = self._matched(x, y, source.shape[2:], coarse)
            index = neighbors.handed_down(chosen, fine, coarse, [self.maps[i].shape[2:] for i in part])
            wanted, colors = (
                torch.cat([maps[i][0].flatten(1) for i in part], dim=1)[:, index] for maps in (self.maps, self.colors)
            )
            places = bilinear(within[None, None], *fine).flatten()
            places = places if counts is None else places * counts
            self.wanted.append((wanted, neighbors.broad(colors.view(1, 3, *fine)), places))

    def values(self, result: Evaluation) -> list[Tensor]:
        columns = neighbors.hypercolumns(result.features, self.layers, neighbors.grid_of(result.picture))
        x = neighbors.scaled(columns, self.scaling)[0].flatten(1)
        colors = neighbors.broad(neighbors.scaled(neighbors.colors_of(result.picture), self.tones))
        count, losses = len(self.layers), []
        for y, others, places in self.wanted:
            losses.append(neighbors.neighbor_loss(x, y, colors, others, count, places))
        return [self.mean_of_targets(losses)]

    def _matched(self, x: FeatureSet, y: FeatureSet, grid: Grid, grids: Sequence[Grid]) -> tuple[Tensor, Tensor]:
        """Which of y belongs at each place, and how surely, 0 where y lacks its label: (H, W) each."""
        own, others = (side.features[0].t().contiguous() for side in (x, y))
        if x.shares is None or y.shares is None:
            found = neighbors.agreed(nearest(own, others, self.precision).view(grid), own, others, grids)
            within = own.new_ones(grid)
        else:
            chosen, within = own.new_zeros(x.size, dtype=torch.long), own.new_zeros(x.size)
            labels, members = torch.zeros_like(chosen), y.shares >= MEMBER
            for label, mine, theirs in self.by_label(x, None, y, None):
                chosen[mine] = theirs[nearest(own[mine], others[theirs], self.precision)]
                within[mine], labels[mine] = 1.0, label
            chosen, labels = chosen.view(grid), labels.view(grid)
            found = neighbors.agreed(chosen, own, others, grids, lambda at: members[labels, at])
            within = within.view(grid)
        return found, neighbors.sureness(neighbors.likeness(own, others, found.flatten()).view(grid), within)


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

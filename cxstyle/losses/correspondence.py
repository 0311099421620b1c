"""Which parts of the targets each part of the source corresponds to, and the source in the colours of these parts.

Pictures are matched cell by cell on the grid of conv4_2, softly: features of each side less their own mean and over
their own deviation, so that a photograph compares with a drawing; cosines as of the paper's footnote 1; a softmax in
place of Eq. 3 and 4, whose similarities are too sharp to average over. A region is what a cell matches, on the other
side or on its own. Each region's colours get the mean and the deviation of its counterpart's, channel by channel in
Oklab. (Whole pictures: Reinhard et al., "Color Transfer between Images", 2001; matched regions: He et al.,
"Progressive Color Transfer with Dense Semantic Correspondences", 2019.)
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional

from ..pictures import (
    Guide,
    bilinear,
    from_oklab,
    halved,
    pixel_shares,
    recolor,
    shares_at,
    shrunk,
    to_oklab,
)
from .feature_sets import MEMBER, Steering, averaged
from .neighbors import Network, in_context

LAYER = "conv4_2"
"""As of `match`; conv5_2 beside it made no picture better."""
EDGE = 256
"""Long edge in pixels at which pictures are matched."""
TEMPERATURE = 0.025
"""Of the softmax over cosines: at 0.05 regions mix with what they are not, a wall with a face."""
FLOOR = 0.01
"""Added to deviations of lightness and colours, in Oklab's units: compression's noise is not to become colour."""
GAINS = (0.2, 1.2)
"""Within which a deviation may change: a soft region's includes what lies between its parts, which is no contrast."""
ALIKE, NEAR = 0.15, 0.4
"""Distance of colours, in Oklab's units, and of places, in long edges, over which pixels draw from cells."""
SMOOTH, EVEN = 3, 1e-3
"""Radius in pixels of the guided filter, and the variance of lightness below which it takes a place for plain."""
CHUNK = 1024
"""Pixels taken at once: four times as many take twice the time, since their matrices leave the cache."""
NEVER = 1e-30
"""In place of what two cells have hardly any label in common: less than any cosine can make up for."""
LEAST = 0.01
"""Share of its weight that every place keeps."""
TILE, QUANTILE = 16, 0.3
"""Pixels on a side of where texture is measured, and of the amplitudes there: no edge in a plain place takes part."""
SMOOTHEST = 0.25
"""Share of a target that its texture is judged by."""
FAINT, MODEST = 0.2, 0.4
"""Shares of their way that the finest levels go where the target is smooth, and where it isn't but is no strokes."""
DIRECTIONS, NULL = 32, 1e-9
"""Principal directions of the target's regions that guide the matching of finer layers, and the share of the foremost
one's variance up to which there is none."""


@dataclass(frozen=True)
class Cells:
    """One side, of one picture or of several as one set."""

    grids: tuple[tuple[int, int], ...]  # (height, width) of each picture
    features: Tensor  # unit vectors, (P, C)
    means: Tensor  # of colours in Oklab, (P, 3)
    squares: Tensor  # means of their squares
    weights: Tensor  # how much each cell counts, (P,)
    shares: Tensor | None  # of each label, (L, P); None without masks


def cells(
    seen: Sequence[Tensor],
    colored: Sequence[Tensor],
    network: Network,
    masks: Sequence[Tensor] | None,
    weights: Sequence[float] | None = None,
) -> Cells:
    """The cells of pictures, each (1, 3, H, W) in [0, 1], as `seen` by the network, with the colours that count; masks
    are labels' shares of each, and without weights of the pictures all cells count the same."""
    maps = in_context(seen, lambda picture: [averaged(network(picture)[LAYER].float()).cpu()[None]])  # (1, C, h, w)
    grids = tuple((found.shape[2], found.shape[3]) for found in maps)
    features = torch.cat([found.flatten(2)[0] for found in maps], dim=1).t()  # (P, C)
    pairs = [(to_oklab(picture), grid) for picture, grid in zip(colored, grids, strict=True)]
    means, squares = (
        torch.cat([functional.adaptive_avg_pool2d(lab**power, grid)[0].flatten(1) for lab, grid in pairs], dim=1)
        for power in (1, 2)
    )
    each = weights or (1.0,) * len(grids)
    counts = torch.cat([torch.full((h * w,), weight) for (h, w), weight in zip(grids, each, strict=True)])
    shares = None
    if masks is not None:
        shares = torch.cat([shares_at(mask, *grid).flatten(1) for mask, grid in zip(masks, grids, strict=True)], dim=1)
    return Cells(grids, functional.normalize(features, dim=1), means.t(), squares.t(), counts, shares)


class Correspondence:
    """Soft matches of the source's cells.

    Args:
        source: (1, 3, H, W) in [0, 1].
        targets: each the same, of any size.
        network: gives conv4_2 of a picture on its device.
        device: where the network is.
        guide: weights of the targets, and labels, which match only within themselves.

    Attributes:
        theirs: of each cell of the source with each of the targets, (P, Q); rows add up to 1.
        own: the same with the source's own cells, (P, P).
        at_home: the same of the targets' cells among themselves, (Q, Q).
        confidence: in [0, 1], whether a cell's counterpart leads back to its like, (1, 1, h, w).
        confidences: the same of each target's cells.
    """

    def __init__(
        self, source: Tensor, targets: Sequence[Tensor], network: Network, device: torch.device, guide: Guide
    ) -> None:
        self.guide = guide
        self.small, self.others = shrunk(source, EDGE), [shrunk(target, EDGE) for target in targets]
        # Matched in the targets' colours, as `match` does; what takes new colours are the source's own.
        seen = recolor(self.small, self.others, guide)

        def look(picture: Tensor) -> Mapping[str, Tensor]:
            return network(picture.to(device))

        with torch.no_grad():
            mask = None if guide.source is None else [guide.source]
            self.source = cells([seen], [self.small], look, mask)
            self.other = cells(self.others, self.others, look, guide.targets, guide.weights)
            self.theirs, self.own = attention(self.source, self.other), attention(self.source, self.source)
            back, self.at_home = attention(self.other, self.source), attention(self.other, self.other)
            self.confidence = mapped(returning(self.source, self.own, self.theirs @ back), self.source.grids)[0]
            self.confidences = mapped(returning(self.other, self.at_home, back @ self.theirs), self.other.grids)

    def recolored(self, picture: Tensor) -> Tensor:
        """The source, at any size (1, 3, H, W), with each part in the colours of its counterparts."""
        lab, small = to_oklab(picture), to_oklab(self.small)
        maps = spread(self._statistics(), self.source, small, self.confidence)
        slope, offset = guided(small[:, :1], maps)
        slope, offset = (bilinear(values, picture.shape[2], picture.shape[3]) for values in (slope, offset))
        own, wanted, gain = (slope * lab[:, :1] + offset).split(3, dim=1)
        found = from_oklab(wanted + (lab - own) * gain.clamp(*GAINS))
        # Averages lose contrast: as a whole the colours are those of what is drawn from.
        found = recolor(found, self.others, self._drawn())
        if self.guide.source is None:
            return found
        reach = self.guide.source if self.guide.all_source is None else self.guide.all_source
        share = pixel_shares(reach, picture).sum(dim=0).clamp(0, 1)
        return share * found + (1 - share) * picture

    def steering(self, quiet: float) -> Steering:
        """What steers the terms; `quiet` is the share of its weight that a place without a counterpart loses, beside
        those that have the clearest."""
        least = max(LEAST, 1 - quiet)
        counts, others = weighed([self.confidence], least)[0], weighed(self.confidences, least)
        return Steering(counts, tuple(others), *self.regions)

    def reach(self, quiet: Tensor, textures: Sequence[Tensor], levels: int) -> list[Tensor]:
        """How far the source's places go of their way at each level of a pyramid: at the finest ones as there is
        detail in the target where they correspond. So strokes come crisp, and skies without grain.

        Args:
            quiet: how far they go at all levels where the targets are no strokes, in [0, 1], (1, 1, h, w).
            textures: of the finest levels, as of `textures`.
            levels: of the pyramid.

        Returns:
            Of each level (1, 1, h, w); of the finest ones the square of the amplitude's share of that, in [FAINT, 1],
            and at most MODEST where the targets are no strokes.
        """
        free = strokes(textures)
        whole, most = quiet.clamp_min(free), max(MODEST, free)
        found = [
            mapped(self.theirs @ shares, self.source.grids)[0].square().clamp(FAINT, most) * whole
            for shares in textures
        ]
        return [*found, *[whole] * (levels - len(found))]

    def textures(self, targets: Sequence[Tensor], texture: Sequence[float]) -> list[Tensor]:
        """How strong the detail of the targets is, each (1, 3, H, W) in [0, 1] at the size of a scale: of each of the
        finest levels of luminance the amplitude as a share of that which `texture` names, in [0, 1], by cell, (Q,)."""
        found, rest = [], [target.mean(dim=1, keepdim=True) for target in targets]
        for full in texture:
            coarser = [halved(each) for each in rest]
            details = [a - bilinear(b, a.shape[2], a.shape[3]) for a, b in zip(rest, coarser, strict=True)]
            amplitudes = [bilinear(spared(d), *grid) for d, grid in zip(details, self.other.grids, strict=True)]
            found.append(torch.cat([amplitude.flatten() for amplitude in amplitudes]) / full)
            rest = coarser
        return found

    @cached_property
    def regions(self) -> tuple[Tensor, tuple[Tensor, ...]]:
        """What regions look like, in the targets' own features: (1, K, h, w) of the source and of each target.

        A cell of the source has what its counterparts have, so that a photograph and a drawing speak of one thing.
        """
        regions = functional.normalize(self.at_home @ self.other.features, dim=1)  # (Q, C)
        mean = regions.mean(dim=0)
        basis = principal_directions(regions - mean, DIRECTIONS)  # (C, K)
        counterparts = functional.normalize(self.theirs @ regions, dim=1)  # (P, C)
        own, others = (functional.normalize((found - mean) @ basis, dim=1) for found in (counterparts, regions))
        return on_grids(own, self.source.grids)[0], tuple(on_grids(others, self.other.grids))

    def _drawn(self) -> Guide:
        """How much each place of the targets is drawn from, in place of weights."""
        shares = self.theirs.mean(dim=0)[:, None] * len(self.other.weights)  # (Q, 1)
        drawn = [share[0] for share in on_grids(shares, self.other.grids)]
        if self.guide.source is None or self.guide.targets is None:
            return Guide(targets=tuple(drawn))
        masks = zip(self.guide.targets, drawn, strict=True)
        return replace(self.guide, weights=None, targets=tuple(mask * pixel_shares(d, mask[None]) for mask, d in masks))

    def _statistics(self) -> Tensor:
        """Of each cell's region: its mean, its counterpart's, and the gain between their deviations: (P, 9)."""
        own, wanted = self.own @ self.source.means, self.theirs @ self.other.means
        deviation = (self.own @ self.source.squares - own.square()).clamp_min(0).sqrt()
        theirs = (self.theirs @ self.other.squares - wanted.square()).clamp_min(0).sqrt()
        return torch.cat([own, wanted, ((theirs + FLOOR) / (deviation + FLOOR)).clamp(*GAINS)], dim=1)


def principal_directions(rows: Tensor, count: int) -> Tensor:
    """In which rows (P, C) differ most, as unit vectors, the foremost last, 0 where they don't differ: (C, K) for K of
    `count`, P and C the least."""
    # In double precision, whose last bits are those in which numbers of threads differ. By the smaller of both
    # products: of one of 2048 x 2048 the eigenvectors take longer than an iteration.
    rows = rows.double()
    wide = len(rows) < rows.shape[1]
    squares, found = torch.linalg.eigh(rows @ rows.t() if wide else rows.t() @ rows)
    if wide:
        found = functional.normalize(rows.t() @ found, dim=0)
    directions: Tensor = found * (squares > NULL * squares[-1])
    return directions[:, -count:].float()


def strokes(textures: Sequence[Tensor]) -> float:
    """How far the targets of these `Correspondence.textures` are all strokes, in [0, 1]: as far as the finest level
    would go in their smoothest quarter. So far nothing has to be quiet, and no detail of the source to stay."""
    return float(textures[0].quantile(SMOOTHEST).square().clamp(0, 1)) if textures else 0.0


def spared(detail: Tensor) -> Tensor:
    """The amplitude that most of each tile of a level (1, 1, H, W) has: (1, 1, h, w)."""
    side = min(TILE, *detail.shape[2:])
    tiles = functional.unfold(detail.abs(), side, stride=side)[0]  # (side^2, h w)
    rows, columns = (edge // side for edge in detail.shape[2:])
    return tiles.kthvalue(math.ceil(QUANTILE * len(tiles)), dim=0).values.view(1, 1, rows, columns)


def returning(side: Cells, own: Tensor, cycle: Tensor) -> Tensor:
    """How alike to each cell are those that its counterparts lead back to, beside its own region: (P, P) -> (P,)."""
    alike = side.features @ side.features.t()
    at_best = (own * alike).sum(dim=1)
    return ((cycle * alike).sum(dim=1) / at_best.clamp_min(1e-6)).clamp(0, 1)


def mapped(values: Tensor, grids: Sequence[tuple[int, int]]) -> list[Tensor]:
    """Values of cells (P,) as a smooth map of each picture, (1, 1, h, w)."""
    return [averaged(found)[None] for found in on_grids(values[:, None], grids)]


def weighed(confidences: Sequence[Tensor], least: float) -> list[Tensor]:
    """What places count, in [least, 1], by maps of confidence: the surer half of all counts in full.

    Relative to each other, so that a picture that nothing of the target corresponds to clearly takes its look, too.
    """
    median = torch.cat([found.flatten() for found in confidences]).median()
    return [(found / median.clamp_min(LEAST)).clamp(least, 1) for found in confidences]


def on_grids(values: Tensor, grids: Sequence[tuple[int, int]]) -> list[Tensor]:
    """Values of cells (P, K) as a map of each picture, (1, K, h, w)."""
    parts = values.split([height * width for height, width in grids])
    return [part.t().reshape(1, -1, *grid) for part, grid in zip(parts, grids, strict=True)]


def attention(x: Cells, y: Cells) -> Tensor:
    """How much each cell of x (P) draws from each of y (Q): (P, Q), rows add up to 1."""
    scores = x.features @ y.features.t() / TEMPERATURE + y.weights.log()
    if x.shares is not None and y.shares is not None:
        shared = x.shares.t() @ y.shares
        scores = scores + torch.where(shared < MEMBER, NEVER, shared).log()
    return torch.softmax(scores, dim=1)


def spread(values: Tensor, source: Cells, picture: Tensor, confidence: Tensor) -> Tensor:
    """Values of the source's cells (P, V) at each pixel of a picture (1, 3, H, W) in Oklab: (1, V, H, W).

    A joint bilateral filter (Petschnigg et al. 2004) that reaches far: a pixel takes those of cells of its own colour,
    of confident cells rather than of others.
    """
    height, width = picture.shape[2:]
    places = torch.cat([picture[0].flatten(1).t() / ALIKE, coordinates((height, width)) / NEAR], dim=1)
    known = torch.cat([source.means / ALIKE, coordinates(source.grids[0]) / NEAR], dim=1)
    sure = confidence.flatten().clamp_min(LEAST).log()
    found = [
        torch.softmax(sure - torch.cdist(part, known).square() / 2, dim=1) @ values for part in places.split(CHUNK)
    ]
    return torch.cat(found).t().reshape(1, -1, height, width)


def coordinates(grid: tuple[int, int]) -> Tensor:
    """Middles of cells in long edges, row by row: (P, 2)."""
    sides = [(torch.arange(side) + 0.5) / max(grid) for side in grid]
    return torch.cartesian_prod(*sides)


def guided(guide: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """Slope and offset with which values (1, V, H, W) follow a guide (1, 1, H, W), smoothed (He et al., "Guided Image
    Filtering", 2013): enlarged and applied to a larger guide they keep its edges (He, Sun, "Fast Guided Filter", 2015).
    """

    def mean(of: Tensor) -> Tensor:
        found: Tensor = functional.avg_pool2d(of, 2 * SMOOTH + 1, 1, SMOOTH, count_include_pad=False)
        return found

    variance = mean(guide.square()) - mean(guide).square()
    slope = (mean(guide * values) - mean(guide) * mean(values)) / (variance + EVEN)
    offset = mean(values) - slope * mean(guide)
    return mean(slope), mean(offset)

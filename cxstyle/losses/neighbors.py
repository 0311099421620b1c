"""What each place of the source is made of in the target, found once and held place by place.

After Kolkin et al., "Neural Neighbor Style Transfer" (2022). Places, four pixels apart, are compared by features of the
three deepest layers at once, at four small sizes, and by what their regions are: so pieces of the target arrive whole,
each where the source has something of its kind that is part of something of its kind, a lip in a face. What they are
made of is then asked for in all layers, the finest too: with x_i the hypercolumn of the result, the features of all
layers at place i, and y_k(i) that of the target's, each layer less the target's mean and over its deviation, and c the
colours there, the same,

    L_nn = sum_i w_i (N (1 - cos(x_i, y_k(i))) + |x_i - y_k(i)|^2 / 4 + 5 |c(x_i) - c(y_k(i))|^2) / sum_i w_i

for N layers. They compare at one size and take the angle alone. The length of a plain wall's feature says that the wall
is plain, see `coverage`; to the colours of large things the network is nearly blind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from ..pictures import SMALLEST_EDGE, bilinear, resize, shares_at, shrunk, to_oklab
from .coverage import nearest

STEP, MOST = 4, 65536
"""Pixels from place to place, and the places of a picture: of one larger than 1024 x 1024 px they are further apart."""
DECIDING = 3
"""Layers that decide which places belong together, the last ones of a term."""
SHARES = 1.0, 0.75, 0.42, 0.25
"""Of the size at which they do so: what a place is, what it is part of, and what that is part of."""
ALIKE = 0.08
"""Cosine that a squared deviation of the colour is worth: skin is not made of a wall."""
REGIONS, TEMPERATURE, TINTED = 40, 0.15, 2.0
"""Cells on the long edge by which a place's region is found; of the softmax over the cosines of cells; and what a
squared deviation of their colours takes from its exponent."""
ROUNDS, BONUS = 6, 0.05
"""In which neighbours come to agree, and the cosine that it is worth to agree with one."""
FEW, PART = 256, 128
"""Places compared with their matches, and channels of a map taken at once, so that their features stay in the cache."""
LENGTH, COLOR = 0.25, 5.0
"""Weights of the squared differences beside the angle's: of hypercolumns, and of colours."""
BROAD = 3
"""Places on a side that colours are averaged over, so that one of another colour leaves no stain."""
SURE = 3
"""Power of how alike two places are, beside the middle one, with which they count."""
EVEN = 1e-6
"""Least deviation and length: of a picture in one colour."""

Grid = Sequence[int]
"""(height, width) in places."""
Network = Callable[[Tensor], Mapping[str, Tensor]]
"""Gives the features of a picture (1, 3, H, W) by layer."""
Columns = list[Tensor]
"""The layers of hypercolumns, (1, C, H, W) each, on one grid."""
Scaling = list[tuple[Tensor, Tensor]]
"""Of each layer the mean, (1, C, 1, 1), and the deviation."""


def grid_on(height: int, width: int) -> tuple[int, int]:
    """Of the places of a picture of this size in pixels."""
    step = STEP
    while (height // step) * (width // step) > MOST:
        step *= 2
    return height // step, width // step


def grid_of(picture: Tensor) -> tuple[int, int]:
    """Of the places of a picture (1, 3, H, W)."""
    return grid_on(picture.shape[2], picture.shape[3])


def hypercolumns(features: Mapping[str, Tensor], layers: Sequence[str], grid: Grid) -> Columns:
    """Features (1, C, H, W) of each layer, averaged or enlarged to one grid."""
    found = []
    for layer in layers:
        part = functional.avg_pool2d(features[layer], max(1, features[layer].shape[2] // grid[0])).float()
        found.append(part if part.shape[2:] == grid else bilinear(part, *grid))
    return found


def colors_of(picture: Tensor) -> Columns:
    """Of the places of a picture (1, 3, H, W), as a layer of hypercolumns."""
    return hypercolumns({"colors": picture}, ["colors"], grid_of(picture))


def in_context(pictures: Sequence[Tensor], look: Callable[[Tensor], Columns]) -> list[Tensor]:
    """What places of the pictures of one side, (1, 3, H, W), are, what they are part of, and what that is part of, on
    one grid for each, (1, C, h, w): the layers that `look` gives, seen at several sizes, scaled by the side's own, so
    that a photograph compares with a drawing, and joined on the largest one's grid."""
    found: list[list[Tensor]] = []
    for share in SHARES:
        sizes = [[max(SMALLEST_EDGE, round(share * edge)) for edge in picture.shape[2:]] for picture in pictures]
        maps = [look(resize(picture, *size)) for picture, size in zip(pictures, sizes, strict=True)]
        own = scaling(maps)
        found.append([scaled(columns, own) for columns in maps])
    return [
        torch.cat([bilinear(part, *parts[0].shape[2:]) for part in parts], dim=1) for parts in zip(*found, strict=True)
    ]


def compared(
    source: Tensor,
    targets: Sequence[Tensor],
    network: Network,
    layers: Sequence[str],
    size: int,
    labels: Sequence[Tensor] | None = None,
) -> tuple[Tensor, list[Tensor]]:
    """The places of the source and of each target, (1, 3, H, W), as `comparable` maps; labels are shares of each of
    these pictures, (L, H', W')."""
    (first,), others = (places_of(side, network, layers, size) for side in ([source], targets))
    return comparable(first, others, labels)


def places_of(pictures: Sequence[Tensor], network: Network, layers: Sequence[str], size: int) -> list[Tensor]:
    """By what the places of the pictures of one side, each (1, 3, H, W), are compared, at a long edge in pixels, by the
    last of some layers: features and, as the last three, colours, (1, C + 3, H, W) of each."""
    small = [shrunk(picture, size) for picture in pictures]
    features = in_context(small, lambda p: hypercolumns(network(p), layers[-DECIDING:], grid_of(p)))
    colors = [colors_of(to_oklab(picture)) for picture in small]
    own = scaling(colors)
    return [torch.cat([found, scaled(color, own)], dim=1) for found, color in zip(features, colors, strict=True)]


def scaling(pictures: Sequence[Columns]) -> Scaling:
    """Of all places of some pictures."""
    found = []
    for layer in zip(*pictures, strict=True):
        every = torch.cat([part.flatten(2) for part in layer], dim=2)  # (1, C, P)
        mean = every.mean(dim=2, keepdim=True)
        found.append((mean[..., None], (every - mean).square().sum(dim=1).mean().sqrt() + EVEN))
    return found


def scaled(columns: Columns, by: Scaling) -> Tensor:
    """Less the mean and over the deviation, joined: (1, C1 + C2 + ..., H, W)."""
    return torch.cat([(part - mean) / deviation for part, (mean, deviation) in zip(columns, by, strict=True)], dim=1)


def comparable(
    source: Tensor, targets: Sequence[Tensor], labels: Sequence[Tensor] | None = None
) -> tuple[Tensor, list[Tensor]]:
    """`places_of` the source and of each target as maps (1, C + 5, H, W) whose products say how alike two places are:
    the cosines of features less ALIKE times the squared differences of colours."""

    def split(places: Tensor, own: Tensor | None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        color = places[:, -3:]
        squares = -ALIKE * color.square().sum(dim=1, keepdim=True)
        return with_region(places[:, :-3], color, own), color, squares, torch.ones_like(squares)

    each: Sequence[Tensor | None] = labels or [None] * (1 + len(targets))
    x, color, squares, ones = split(source, each[0])
    others = [torch.cat(split(target, own), dim=1) for target, own in zip(targets, each[1:], strict=True)]
    return torch.cat([x, 2 * ALIKE * color, ones, squares], dim=1), others


def with_region(features: Tensor, colors: Tensor, labels: Tensor | None = None) -> Tensor:
    """Places (1, C, h, w) as unit vectors: the sum of each one's own direction and of its region's, the mean of those
    places of its picture, and of its labels (L, H, W), that are like it, in colour (1, 3, h, w), too. So one wall is
    made of one wall, and skin has no spots of another thing that its light is like. 0 stays 0."""
    height, width = features.shape[2:]
    share = min(1, REGIONS / max(height, width))
    grid = [max(1, round(share * edge)) for edge in (height, width)]
    units = features / lengths(features)
    cells, tints = (bilinear(part, *grid)[0].flatten(1).t() for part in (units, colors))
    directions = functional.normalize(cells, dim=1)
    kinds = directions @ directions.t() / TEMPERATURE - TINTED * torch.cdist(tints, tints).square()
    if labels is not None:
        own = shares_at(labels, *grid).flatten(1).to(kinds)
        kinds = kinds + (own.t() @ own).clamp_min(EVEN).log()
    region = (torch.softmax(kinds, dim=1) @ cells).t().reshape(1, -1, *grid)
    # In place from here on: a copy is 130 MB at 384 px.
    found = bilinear(region, height, width)
    found.div_(lengths(found)).add_(units)
    return found.div_(lengths(found))


def lengths(maps: Tensor) -> Tensor:
    """Of the vectors of a map, (1, C, h, w), and no less than a trifle: (1, 1, h, w)."""
    # By parts that stay in the cache, which takes a thirtieth of the time of a norm.
    squares = sum((part.square().sum(dim=1, keepdim=True) for part in maps.split(PART, dim=1)), torch.zeros(()))
    return squares.sqrt().clamp_min(EVEN**2)


def likeness(x: Tensor, y: Tensor, chosen: Tensor) -> Tensor:
    """How alike each of x, (P, C), and that of y, (Q, C), are whose index is chosen for it, (P,): (P,)."""
    pairs = zip(x.split(FEW), chosen.split(FEW), strict=True)
    return torch.cat([(part * y[index]).sum(dim=1) for part, index in pairs])


def sureness(alike: Tensor, within: Tensor) -> Tensor:
    """How much places count, (H, W), by how alike to what they are made of they are, (H, W), beside the middle one: a
    wall that the target lacks is hardly made of anything. `within`, (H, W), is 0 where nothing belongs."""
    if not within.any():
        return within
    alike = functional.avg_pool2d(alike[None], BROAD, 1, BROAD // 2, count_include_pad=False)[0]
    middle = alike[within > 0].median().clamp_min(EVEN)
    return within * (alike / middle).clamp(0, 1) ** SURE


def agreed(
    chosen: Tensor, x: Tensor, y: Tensor, grids: Sequence[Grid], allowed: Callable[[Tensor], Tensor] | None = None
) -> Tensor:
    """Matches that agree with their neighbours' where that costs little: pieces larger than one place.

    What lies beside a neighbour's match may do as well (Ashikhmin, "Synthesizing Natural Textures", 2001). Without it
    neighbours repeat one place, which shows as a net, and small things fall to pieces.

    Args:
        chosen: for each place of the source, (H, W), the index of one among all of the targets'.
        x: of the source's places, (H W, C); its products with y say how alike they are.
        y: of all of the targets', whose grids these are.
        allowed: whether places may take what has these indices, (H, W); all may without.
    """
    tables = []
    for h, w in grids:
        index = torch.arange(h * w, device=y.device)
        tables.append(torch.stack([index // w, index % w, torch.full_like(index, h), torch.full_like(index, w)]))
    row, column, height, width = torch.cat(tables, dim=1)
    for _ in range(ROUNDS):
        options = [chosen]
        for down, across in ((0, 1), (1, 0), (0, -1), (-1, 0)):
            beside = chosen.roll((down, across), (0, 1))
            lower, further = row[beside] + down, column[beside] + across
            inside = (lower >= 0) & (lower < height[beside]) & (further >= 0) & (further < width[beside])
            option = torch.where(inside, beside + down * width[beside] + across, chosen)
            options.append(option if allowed is None else torch.where(allowed(option), option, chosen))
        every = torch.stack(options).flatten(1)  # (5, P)
        votes = torch.stack([(every[1:] == each).sum(dim=0) for each in every])
        alike = torch.stack([likeness(x, y, each) for each in every])
        chosen = every.gather(0, (alike + BONUS * votes).argmax(dim=0)[None]).view_as(chosen)
    return chosen


def handed_down(chosen: Tensor, grid: Grid, coarse: Sequence[Grid], fine: Sequence[Grid]) -> Tensor:
    """Matches on coarse grids as matches on finer ones: what a coarse place is made of stays in one piece.

    Args:
        chosen: for each place of the source's coarse grid, (H, W), the index of one among all of the targets'.
        grid: the source's finer one, for whose places, (height width,), the same is returned.
        coarse, fine: of each target, as it was compared and as it is.
    """
    down, across = (
        (torch.arange(count, device=chosen.device) + 0.5) * of / count
        for count, of in zip(grid, chosen.shape, strict=True)
    )
    at = chosen[down.long()][:, across.long()]  # (height, width)
    found, first, start = torch.zeros_like(at), 0, 0
    for (rows, columns), (height, width) in zip(coarse, fine, strict=True):
        own = at - first
        y = ((own // columns + down.frac()[:, None]) * height / rows).long().clamp(0, height - 1)
        x = ((own % columns + across.frac()) * width / columns).long().clamp(0, width - 1)
        found = torch.where((own >= 0) & (own < rows * columns), start + y * width + x, found)
        first, start = first + rows * columns, start + height * width
    return found.flatten()


def find_neighbors(source: Tensor, target: Tensor, network: Network, layers: Sequence[str], size: int) -> Tensor:
    """What a run finds, without masks: for each STEP pixels of the source, (1, 3, H, W), row and column of the target's
    that belong there, (2, H / STEP, W / STEP)."""
    first, (second,) = compared(source, [target], network, layers, size)
    x, y = (places[0].flatten(1).t().contiguous() for places in (first, second))
    coarse = [second.shape[2:]]
    chosen = agreed(nearest(x, y, "fp32").view(first.shape[2:]), x, y, coarse)
    grid, (height, width) = ([edge // STEP for edge in picture.shape[2:]] for picture in (source, target))
    index = handed_down(chosen, grid, coarse, [(height, width)])
    return torch.stack([index // width, index % width]).view(2, *grid)


def broad(colors: Tensor) -> Tensor:
    """Colours (1, 3, H, W) averaged over neighbouring places: (3, H W)."""
    return functional.avg_pool2d(colors, BROAD, 1, BROAD // 2, count_include_pad=False)[0].flatten(1)


def neighbor_loss(
    x: Tensor, y: Tensor, colors: Tensor, others: Tensor, layers: int, weights: Tensor | None = None
) -> Tensor:
    """L_nn of hypercolumns of the result and of those that belong at the same places, both scaled by the target's.

    Args:
        x: of the result, (C, P); gradients flow.
        y: the same.
        colors: of the result, (3, P); gradients flow.
        others: the same of y.
        layers: that hypercolumns are made of.
        weights: how much each place counts, (P,), 0 or more; all the same without.

    Returns:
        A scalar, 0 or more.
    """
    # By products alone, which keep nothing of the size of x but x.
    product, own, other = (x * y).sum(dim=0), x.square().sum(dim=0), y.square().sum(dim=0)
    angles = 1 - product / (own * other + EVEN).sqrt()
    distances = layers * angles + LENGTH * (own + other - 2 * product) + COLOR * (colors - others).square().sum(dim=0)
    return distances.mean() if weights is None else distances @ (weights / weights.sum().clamp_min(EVEN))

"""`match`: which part of the target each part of the source draws from, for people to look at.

Positions are matched by the measure of the Contextual loss (Mechrez et al. 2018, Eq. 2 to 4): cosines after subtracting
the mean of the target's features. Of conv4_2 alone, averaged over 3x3 positions, with the source in the target's
colours first: of what was tried on five pairs this puts the most eyes on eyes and skies on skies. With conv3_2
concatenated it holds to outlines and tones instead, and without the recolouring to the palette.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from ..checks import check_choice, check_device, check_integer, converted
from ..device import choose_device, exact_float32, memory_errors, usual_modes
from ..errors import ConfigError
from ..features import VGGFeatures, canonical_layer, check_layer, resolve_network
from ..losses import LAYER, Correspondence, Matches, averaged, concatenated, matches
from ..pictures import (
    SMALLEST_EDGE,
    Cell,
    Guide,
    Line,
    Picture,
    bilinear,
    fit_within,
    from_oklab,
    grid,
    joined,
    load_picture,
    resize,
    save_picture,
    to_image,
    to_oklab,
    to_tensor,
    toned,
)
from ..settings import FEATURES, ONE_MAP
from .patchmatch import copied, coverage, finer, refined, units

LAYERS = ("conv4_2",)
BANDWIDTH = 0.2
"""The paper's for style; the ranking of the pairs depends on it, what matches what doesn't."""
SIZE, PAIRS = 384, 24
CHROMA, OUTWARD = 0.1, 0.6
"""Of the key: at its edges, and the power of the distance from the middle with which it grows."""
PALE = 0.8
"""Share of white over what is not used."""
SHEET = (("source", "target", "recolored", "sure"), ("built", "used", "origins", "key"), ("lines",))


Grids = tuple[tuple[int, int], tuple[int, int]]
"""(height, width) on the source's side and on the target's."""


@dataclass(frozen=True)
class Pair:
    """Two places that choose each other: (x, y) in pixels of `Match.source` and `Match.target`, and their CX_ij."""

    source: tuple[float, float]
    target: tuple[float, float]
    similarity: float


@dataclass(frozen=True)
class Match:
    """What `match` returns. Pictures are PIL pictures, those of the source's size unless said otherwise.

    Attributes:
        source: as it was compared, in its own colours.
        target: as it was compared, in its own size.
        built: the source built of the target's pixels, each part copied from the place that it matches.
        origins: the source in the colours of the places that it matches.
        key: the target in the colours of its places.
        used: the target, pale where nothing draws from it.
        recolored: the source with each part in the colours of those of the target that it corresponds to.
        sure: the source, pale where the target has nothing of its kind; see `Correspondence.confidence`.
        lines: source and target side by side, the pairs as lines.
        sheet: all of these, labelled.
        pairs: the clearest first.
        places: (row, column) in the target, in steps of `stride` pixels, for each such step of the source: (2, H, W).
        stride: pixels.
        mutual: share of the source's positions that win, in Eq. 1, the position they match.
        share: of the target's positions that something draws from.
    """

    source: Image.Image
    target: Image.Image
    built: Image.Image
    origins: Image.Image
    key: Image.Image
    used: Image.Image
    recolored: Image.Image
    sure: Image.Image
    lines: Image.Image
    sheet: Image.Image
    pairs: tuple[Pair, ...]
    places: Tensor
    stride: int
    mutual: float
    share: float

    def save(self, path: str | Path) -> None:
        """Writes the sheet in the format of the suffix, whole or not at all.

        Raises:
            OutputError: it can't be written.
        """
        save_picture(to_tensor(self.sheet), path)


@usual_modes()
def match(
    source: Picture,
    target: Picture,
    *,
    layers: Sequence[str] = LAYERS,
    size: int = SIZE,
    pairs: int = PAIRS,
    colors: str = "target",
    features: str = "auto",
    weights: str | None = None,
    device: str = "auto",
) -> Match:
    """Shows which part of the target each part of the source matches.

    Args:
        source: as `stylize` takes it.
        target: the same; of any size.
        layers: whose features are matched; several are concatenated on the grid of the first.
        size: long edge in pixels at which both are compared; smaller pictures keep their size.
        pairs: lines to draw, at most.
        colors: target recolours the source first, as the preset `default` does; source the target; free neither.
        features: vgg16, vgg19 or auto, as in `StyleConfig`.
        weights: a weight file to use instead.
        device: as in `StyleConfig`.

    Raises:
        PictureError, ConfigError, WeightsError, DeviceError: what was given can't be used.
        MemoryLimitError: there is not enough memory at this size.
    """
    check_choice("features", features, FEATURES)
    check_choice("colors", colors, ONE_MAP)
    check_integer("size", size, SMALLEST_EDGE, 65_500)
    check_integer("pairs", pairs, 0)
    check_device(device)
    layers = converted(layers, list[str], "layers")
    if not layers:
        raise ConfigError("layers: at least one is needed, such as conv4_2")
    where = choose_device(device)
    network = resolve_network(features, weights)
    layers = [check_layer(network, layer) for layer in layers]
    levels = finer_layers(layers[0])
    stride = stride_of(layers[0])
    whole = [whole_strides(load_picture(p, name), size, stride) for p, name in ((source, "source"), (target, "target"))]
    vgg = VGGFeatures(network, sorted({*layers, *levels, LAYER})).to(where)
    with torch.no_grad(), exact_float32(), memory_errors():
        start, others = toned(whole[0], whole[1:], colors)
        found = [vgg(picture.to(where)) for picture in (start, *others)]
        x, y = (averaged(concatenated(f, layers) if len(layers) > 1 else f[layers[0]]) for f in found)
        coarse = matches(x.flatten(1), y.flatten(1), BANDWIDTH)
        places = torch.stack([coarse.best // y.shape[2], coarse.best % y.shape[2]]).view(2, *x.shape[1:])
        for level in levels:
            places = refined(finer(places), *units(*(averaged(f[level]) for f in found)))
        regions = Correspondence(whole[0], whole[1:], vgg, where, Guide())
    names = tuple(Path(p).name if isinstance(p, str | Path) else n for p, n in ((source, "source"), (target, "target")))
    return pictured(whole, names, coarse, (grid_of(x), grid_of(y)), places.cpu(), pairs, regions)


def grid_of(features: Tensor) -> tuple[int, int]:
    """(height, width) of (C, H, W)."""
    return features.shape[1], features.shape[2]


def stride_of(layer: str) -> int:
    """Pixels between two positions of a layer."""
    return int(2 ** (int(canonical_layer(layer)[4]) - 1))


def finer_layers(layer: str) -> list[str]:
    """Second layers of the blocks above a layer, up to conv2_2, in which its matches are made finer."""
    return [f"conv{block}_2" for block in range(int(layer[4]) - 1, 1, -1)]


def whole_strides(picture: Tensor, size: int, stride: int) -> Tensor:
    """A picture at a long edge, its sides multiples of a stride, so that the layers' grids lie on each other."""
    height, width = (max(SMALLEST_EDGE, round(edge / stride) * stride) for edge in fit_within(picture, size))
    return resize(picture, height, width)


def pictured(
    whole: Sequence[Tensor],
    names: Sequence[str],
    found: Matches,
    grids: Grids,
    places: Tensor,
    pairs: int,
    regions: Correspondence,
) -> Match:
    """Everything that there is to see.

    Args:
        whole: source and target as compared, (1, 3, H, W).
        names: of the two.
        found: matches on the grids of the first layer.
        grids: (height, width) of these on both sides.
        places: on the finest grid, (2, H, W).
        pairs: how many to draw.
        regions: which parts correspond.
    """
    source, target = whole
    sure = bilinear(regions.confidence, source.shape[2], source.shape[3])
    stride = source.shape[2] // places.shape[1]
    colors = place_colors(target.shape[2], target.shape[3])
    at = places * stride + stride // 2
    origin = colors[:, :, at[0], at[1]].repeat_interleave(stride, 2).repeat_interleave(stride, 3)
    used = coverage(target, places, stride)
    chosen = clearest(found, grids, source.shape[2] // grids[0][0], pairs)
    images = {
        "source": to_image(source),
        "target": to_image(target),
        "built": to_image(copied(target, places, stride)),
        "origins": to_image(tinted(source, origin)),
        "key": to_image(tinted(target, colors)),
        "used": to_image(paled(target, used)),
        "recolored": to_image(regions.recolored(source)),
        "sure": to_image(paled(source, sure)),
    }
    vivid = from_oklab(torch.cat([torch.full_like(colors[:, :1], 0.72), colors[:, 1:]], 1))
    cell = (max(p.shape[3] for p in whole), max(p.shape[2] for p in whole))
    lines = [Line(p.source, p.target, ink(vivid, p.target)) for p in chosen]
    images["lines"] = joined(images["source"], images["target"], lines, cell)
    mutual, share = float(found.mutual.float().mean()), float((used > 0.5).float().mean())
    captions = {
        "source": names[0],
        "target": names[1],
        "built": "the source, built of the target's parts",
        "used": f"what it draws from: {share:.0%} of the target",
        "recolored": "the source in the colours of its counterparts",
        "sure": f"pale where it has none: {float(1 - sure.mean()):.0%}",
        "lines": f"the {len(chosen)} clearest pairs: places that choose each other",
        "origins": "where in the target each part comes from",
        "key": "the key: places of the target",
    }
    cells = {key: Cell(images[key], caption, span=1 + (key == "lines")) for key, caption in captions.items()}
    rows = [[cells[key] for key in row] for row in SHEET]
    return Match(
        **images, sheet=grid(rows, cell=cell), pairs=chosen, places=places, stride=stride, mutual=mutual, share=share
    )


def paled(picture: Tensor, kept: Tensor) -> Tensor:
    """A picture (1, 3, H, W) that goes pale where `kept` (1, 1, H, W), in [0, 1], is small."""
    return picture * kept + (PALE + (1 - PALE) * picture) * (1 - kept)


def place_colors(height: int, width: int) -> Tensor:
    """A colour for each place in Oklab, near places in near colours: (1, 3, H, W); lightness is left at 0.72."""
    down = torch.linspace(-1, 1, height)[:, None].expand(height, width)
    right = torch.linspace(-1, 1, width)[None].expand(height, width)
    # Away from the middle, which would be grey over too large a part.
    away = (right**2 + down**2).clamp_min(1e-12) ** ((OUTWARD - 1) / 2) * CHROMA
    turned = (right + down) * away, (down - right) * away
    return torch.stack([torch.full((height, width), 0.72), *turned])[None]


def tinted(picture: Tensor, colors: Tensor) -> Tensor:
    """A picture's lightness, with less contrast, in given colours (Oklab): (1, 3, H, W)."""
    light = 0.42 + 0.5 * to_oklab(picture)[:, :1]
    return from_oklab(torch.cat([light, colors[:, 1:]], 1))


def ink(colors: Tensor, place: tuple[float, float]) -> tuple[int, int, int]:
    """The colour of a place (x, y), 0-255."""
    red, green, blue = (colors[0, :, int(place[1]), int(place[0])] * 255).round().int().tolist()
    return red, green, blue


def clearest(found: Matches, grids: Grids, stride: int, count: int) -> tuple[Pair, ...]:
    """The mutual matches with the largest CX_ij, spread over both pictures.

    None at a border, where the network sees its own padding. The distance that they keep from each other is the
    largest, in steps of a tenth, at which there are enough.
    """
    best, similarity = found.best.cpu(), found.similarity.cpu()
    rows = (found.mutual.cpu() & inner(grids[0]) & inner(grids[1])[best]).nonzero()[:, 0]
    rows = rows[similarity[rows].argsort(descending=True)]
    first, second = (
        (torch.stack([index % width, index // width], 1) + 0.5) * stride
        for index, (_, width) in zip((rows, best[rows]), grids, strict=True)
    )
    apart = 0.8 * (grids[0][0] * grids[0][1] / max(1, count)) ** 0.5 * stride
    chosen: list[int] = []
    while len(chosen) < min(count, len(rows)) and apart > stride / 2:
        chosen = spread(first, second, apart, count)
        apart *= 0.9
    ends = zip(first[chosen].tolist(), second[chosen].tolist(), similarity[rows[chosen]].tolist(), strict=True)
    return tuple(Pair((a[0], a[1]), (b[0], b[1]), cx) for a, b, cx in ends)


def inner(grid_size: tuple[int, int]) -> Tensor:
    """Whether each position of a grid is off its border: (H W,)."""
    found = torch.zeros(grid_size, dtype=torch.bool)
    found[1:-1, 1:-1] = True
    return found.flatten()


def spread(first: Tensor, second: Tensor, apart: float, count: int) -> list[int]:
    """Indices of at most `count` rows, the first ones preferred, whose points (K, 2) keep a distance in the one
    picture, and half of it in the other."""
    chosen: list[int] = []
    for i in range(len(first)):
        if len(chosen) == count:
            break
        near = (first[chosen] - first[i]).norm(dim=1) < apart
        crowded = (second[chosen] - second[i]).norm(dim=1) < apart / 2
        if not bool((near | crowded).any()):
            chosen.append(i)
    return chosen

"""`match`: which part of the target each part of the source draws from, for people to look at; positions are matched by
the measure of the Contextual loss (Mechrez et al. 2018, Eq. 2 to 4), on features averaged over 3x3 positions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from .. import pictures
from ..checks import check_choice, check_integer, converted
from ..device import choose_device, exact_float32, memory_errors, usual_modes
from ..errors import ConfigError
from ..features import FeatureCache, VGGFeatures, check_layer, resolve_network, stride
from ..losses import LAYER, STEP, Correspondence, Matches, averaged, concatenated, find_neighbors, matches
from ..pictures import Picture
from ..settings import FEATURES, ONE_MAP, StyleConfig
from ..transfer import read_inputs

BANDWIDTH = 0.2
"""The paper's for style; the ranking of the pairs depends on it, what matches what doesn't."""
CHROMA, OUTWARD = 0.1, 0.6
"""Of the key: at its edges, and the power of the distance from the middle with which it grows."""
PATCH, FEATHER = 10, 2.5
"""Pixels: the side of a patch that is copied, and the standard deviation of the weight with which it fades out."""
PALE = 0.8
"""Share of white over what is not used."""
SHEET = (("source", "target", "recolored", "sure"), ("built", "used", "origins", "key"), ("lines",))
CAPTIONS = {
    "source": "{source}",
    "target": "{target}",
    "built": "the source, built of the target's parts",
    "used": "what it draws from: {share:.0%} of the target",
    "recolored": "the source in the colours of its counterparts",
    "sure": "pale where it has none: {lost:.0%}",
    "lines": "the {count} clearest pairs: places that choose each other",
    "origins": "where in the target each part comes from",
    "key": "the key: places of the target",
}


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
        pictures.save_image(self.sheet, Path(path), replace=True)


@dataclass(frozen=True)
class CellMatch:
    """Which cell of the target each cell of the source draws from, on grids over the whole pictures."""

    source: tuple[int, int]  # (height, width) of the source's grid
    target: tuple[int, int]  # the same of the target's
    cells: list[tuple[int, int]]  # (row, column) in the target's grid for each cell of the source, row by row
    sure: list[float]  # in [0, 1], for each of them, whether its counterpart leads back to its like


@usual_modes()
def match_cells(
    source: Picture,
    target: Picture,
    *,
    source_mask: Picture | None = None,
    target_mask: Picture | None = None,
    features: str = "auto",
    weights: str | None = None,
    device: str = "auto",
    cache: FeatureCache | None = None,
) -> CellMatch:
    """Which part of the target each part of the source draws from in a run, coarsely and soon: for pointing at it.

    Args:
        source, target: as `stylize` takes them. The target's flat border is left out: nothing draws from there.
        source_mask, target_mask: as `stylize` takes them: parts draw only from parts of their own colour.
        features, weights, device: as in `StyleConfig`.
        cache: of whoever does one match after another.

    Raises:
        PictureError, ConfigError, WeightsError, DeviceError: what was given can't be used.
        MemoryLimitError: there is not enough memory.
    """
    check_choice("features", features, FEATURES)
    where, cache = choose_device(device), cache or FeatureCache()
    vgg = cache.network(cache.weights(features, weights), [LAYER], "max", torch.float32, where)
    photo = pictures.read_photo(target, "target")
    inputs = read_inputs(source, photo, None, source_mask, target_mask)
    left, top, _, _ = pictures.border(photo.colors, photo.alpha)
    with exact_float32(), memory_errors():
        found = Correspondence(inputs.source, inputs.targets, vgg, where, inputs.guide)
    (rows, columns), (height, width) = found.other.grids[0], photo.colors.shape[2:]
    tall, wide = rows / inputs.targets[0].shape[2], columns / inputs.targets[0].shape[3]  # cells a pixel
    best = [divmod(index, columns) for index in found.theirs.argmax(dim=1).tolist()]
    grid = max(rows, round(height * tall)), max(columns, round(width * wide))
    cells = [(min(int(y + top * tall), grid[0] - 1), min(int(x + left * wide), grid[1] - 1)) for y, x in best]
    sure = [round(value, 3) for value in found.confidence.flatten().tolist()]
    return CellMatch(found.source.grids[0], grid, cells, sure)


@usual_modes()
def match(
    source: Picture,
    target: Picture,
    *,
    layers: Sequence[str] = ("conv4_2",),
    size: int = 384,
    pairs: int = 24,
    colors: str = "target",
    features: str = "auto",
    weights: str | None = None,
    device: str = "auto",
) -> Match:
    """Shows which part of the target each part of the source matches.

    Args:
        source: as `stylize` takes it.
        target: the same; of any size.
        layers: whose features the pairs compare; several are concatenated on the grid of the first.
        size: long edge in pixels at which both are compared; smaller pictures keep their size.
        pairs: lines to draw, at most.
        colors: target recolours the source first, as the preset `default` does; source the target; free neither.
        features, weights, device: as in `StyleConfig`.

    Raises:
        PictureError, ConfigError, WeightsError, DeviceError: what was given can't be used.
        MemoryLimitError: there is not enough memory at this size.
    """
    check_choice("features", features, FEATURES)
    check_choice("colors", colors, ONE_MAP)
    check_integer("size", size, pictures.SMALLEST_EDGE, 65_500)
    check_integer("pairs", pairs, 0)
    layers = converted(layers, list[str], "layers")
    if not layers:
        raise ConfigError("layers: at least one is needed, such as conv4_2")
    where = choose_device(device)
    network = resolve_network(features, weights)
    layers = [check_layer(network, layer) for layer in layers]
    step = stride(layers[0])
    given = (source, "source"), (target, "target")
    whole = [resize_to_steps(pictures.load_picture(picture, name), size, max(step, STEP)) for picture, name in given]
    (term,) = (term for term in StyleConfig.preset().terms if term.loss == "neighbors")
    vgg = VGGFeatures(network, sorted({*layers, *term.layers, LAYER})).to(where)
    with torch.no_grad(), exact_float32(), memory_errors():
        start, others = pictures.match_palettes(whole[0], whole[1:], colors)
        found = [vgg(picture.to(where)) for picture in (start, *others)]
        x, y = (averaged(concatenated(f, layers) if len(layers) > 1 else f[layers[0]]) for f in found)
        coarse = matches(x.flatten(1), y.flatten(1), BANDWIDTH)
        regions = Correspondence(whole[0], whole[1:], vgg, where, pictures.Guide())
        recolored = regions.recolored(whole[0])
        begin = recolored if colors == "target" else start
        places = find_neighbors(begin.to(where), others[0].to(where), vgg, term.layers, term.match_size)
    names = [Path(p).name if isinstance(p, str | Path) else n for p, n in given]
    grids = [(f.shape[1], f.shape[2]) for f in (x, y)]
    lines = clearest_pairs(coarse, grids, step, pairs)
    return draw_match(whole, names, places.cpu(), recolored, regions.confidence, lines, coarse.mutual)


def resize_to_steps(picture: Tensor, size: int, step: int) -> Tensor:
    """A picture at a long edge, its sides multiples of a step, so that the layers' grids lie on each other."""
    edges = (round(edge / step) * step for edge in pictures.fit_within(picture, size))
    return pictures.resize(picture, *(max(pictures.SMALLEST_EDGE, edge) for edge in edges))


def draw_match(
    whole: Sequence[Tensor],
    names: Sequence[str],
    places: Tensor,
    recolored: Tensor,
    confidence: Tensor,
    pairs: tuple[Pair, ...],
    mutual: Tensor,
) -> Match:
    """Everything that there is to see, of source and target as compared, (1, 3, H, W), and their names; of places on
    the finest grid, (2, H, W), of the source in new colours, how sure its parts are, (1, 1, h, w), of pairs, and of
    whether each match is mutual, (P,)."""
    source, target = whole
    sure = pictures.bilinear(confidence, source.shape[2], source.shape[3])
    step = source.shape[2] // places.shape[1]
    colors = place_colors(target.shape[2], target.shape[3])
    middles = places * step + step // 2
    origin = colors[:, :, middles[0], middles[1]].repeat_interleave(step, 2).repeat_interleave(step, 3)
    used = visited_share(target, places, step)
    tensors = {
        "source": source,
        "target": target,
        "built": copy_patches(target, places, step),
        "origins": tint(source, origin),
        "key": tint(target, colors),
        "used": pale(target, used),
        "recolored": recolored,
        "sure": pale(source, sure),
    }
    images = {name: pictures.to_image(picture) for name, picture in tensors.items()}
    cell = (max(p.shape[3] for p in whole), max(p.shape[2] for p in whole))
    vivid = pictures.from_oklab(colors)
    lines = [pictures.Line(p.source, p.target, ink(vivid, p.target)) for p in pairs]
    images["lines"] = pictures.joined(images["source"], images["target"], lines, cell)
    share = float((used > 0.5).float().mean())
    told = {"share": share, "lost": float(1 - sure.mean()), "count": len(pairs), "source": names[0], "target": names[1]}
    cells = {k: pictures.Cell(images[k], text.format(**told), span=1 + (k == "lines")) for k, text in CAPTIONS.items()}
    sheet = pictures.grid([[cells[key] for key in row] for row in SHEET], cell=cell)
    share_mutual = float(mutual.float().mean())
    return Match(**images, sheet=sheet, pairs=pairs, places=places, stride=step, mutual=share_mutual, share=share)


def copy_patches(target: Tensor, places: Tensor, stride: int) -> Tensor:
    """A picture (1, 3, stride H, stride W) built of patches of the target (1, 3, H', W'), whose sides are multiples of
    the stride, one for each of the places (2, H, W), laid over each other with soft edges."""
    margin = PATCH // (2 * stride) * stride
    side = 2 * margin + stride
    far = (torch.arange(side) - (side - 1) / 2).square()
    fading = torch.exp(-(far[:, None] + far).flatten() / (2 * FEATHER**2))[:, None]  # (side^2, 1)
    index = (places[0] * (target.shape[3] // stride) + places[1]).flatten()
    height, width = (stride * edge for edge in places.shape[1:])

    def laid(picture: Tensor) -> Tensor:
        """Of a picture whose outside is 0."""
        patches = functional.unfold(picture, side, padding=margin, stride=stride)[:, :, index]
        faded = patches.unflatten(1, (-1, side**2)) * fading
        return functional.fold(faded.flatten(1, 2), (height, width), side, padding=margin, stride=stride)

    return laid(target) / laid(torch.ones_like(target[:, :1]))


def visited_share(target: Tensor, places: Tensor, stride: int) -> Tensor:
    """Where the patches of `copy_patches` come from: 1 inside one, 0 outside all, soft between; (1, 1, H', W')."""
    height, width = target.shape[2] // stride, target.shape[3] // stride
    visited = torch.zeros(1, 1, height, width)
    visited[0, 0, places[0].flatten(), places[1].flatten()] = 1
    side = 2 * (PATCH // (2 * stride)) + 1
    patches = functional.max_pool2d(visited, side, stride=1, padding=side // 2)
    soft = functional.avg_pool2d(patches, side, stride=1, padding=side // 2, count_include_pad=False)
    return functional.interpolate(soft, target.shape[2:], mode="bilinear", align_corners=False)


def pale(picture: Tensor, kept: Tensor) -> Tensor:
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


def tint(picture: Tensor, colors: Tensor) -> Tensor:
    """A picture's lightness, with less contrast, in given colours (Oklab): (1, 3, H, W)."""
    light = 0.42 + 0.5 * pictures.to_oklab(picture)[:, :1]
    return pictures.from_oklab(torch.cat([light, colors[:, 1:]], 1))


def ink(colors: Tensor, place: tuple[float, float]) -> tuple[int, int, int]:
    """The colour of a place (x, y), 0-255."""
    red, green, blue = (colors[0, :, int(place[1]), int(place[0])] * 255).round().int().tolist()
    return red, green, blue


def clearest_pairs(found: Matches, grids: Sequence[tuple[int, int]], step: int, count: int) -> tuple[Pair, ...]:
    """The mutual matches with the largest CX_ij, spread over both pictures, on grids of the source and of the target
    whose positions are so many pixels apart; none at a border, where the network sees its own padding. The distance
    that they keep is the largest, in steps of a tenth, at which there are enough."""
    best, similarity = found.best.cpu(), found.similarity.cpu()
    rows = (found.mutual.cpu() & interior(grids[0]) & interior(grids[1])[best]).nonzero()[:, 0]
    rows = rows[similarity[rows].argsort(descending=True)]
    first, second = (
        (torch.stack([index % width, index // width], 1) + 0.5) * step
        for index, (_, width) in zip((rows, best[rows]), grids, strict=True)
    )
    apart = 0.8 * (grids[0][0] * grids[0][1] / max(1, count)) ** 0.5 * step
    chosen: list[int] = []
    while len(chosen) < min(count, len(rows)) and apart > step / 2:
        chosen = choose_apart(first, second, apart, count)
        apart *= 0.9
    ends = zip(first[chosen].tolist(), second[chosen].tolist(), similarity[rows[chosen]].tolist(), strict=True)
    return tuple(Pair((a[0], a[1]), (b[0], b[1]), cx) for a, b, cx in ends)


def interior(size: tuple[int, int]) -> Tensor:
    """Whether each position of a grid (height, width) is off its border: (H W,)."""
    found = torch.zeros(size, dtype=torch.bool)
    found[1:-1, 1:-1] = True
    return found.flatten()


def choose_apart(first: Tensor, second: Tensor, apart: float, count: int) -> list[int]:
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

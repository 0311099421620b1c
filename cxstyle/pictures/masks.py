"""Label masks: pictures painted in flat colours, where the same colour means the same thing in each.

Masks come as they are: exact colours, edges softened by antialiasing or blur, JPEG's noise. Labels are found as peaks
of the colours of all; every pixel then belongs to the label it is nearest to, or, at a soft edge, to two of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ..errors import PictureError
from .reading import Picture, described, load_picture

SAME = 24.0  # colours nearer than this are one label; Euclidean distance of RGB in 0-255
TIGHT = 8.0  # how near to its label's colour most of a label's pixels are
LEAST = 0.005  # share of one of the masks that a colour covers to be a label
PRESENT = 0.001  # share of a mask that a label covers to be on that side
MOST = 32  # labels that a pair of masks may have
CELL = 8  # width of the cells in which peaks are looked for

Floats = NDArray[numpy.float64]


@dataclass(frozen=True)
class Labels:
    """The labels of the masks of a source and of one target or more."""

    names: tuple[str, ...]  # of the labels, "#rrggbb", those that cover most first
    source: Tensor  # (L, H, W) float32, how far each pixel of the source's mask belongs to each label; sums to 1 over L
    targets: tuple[Tensor, ...]  # (L, H', W') float32, the same for each target's mask

    @property
    def shared(self) -> tuple[int, ...]:
        """Indices of the labels that are on both sides."""
        return tuple(i for i, (_, source, target) in enumerate(self._sides()) if source and target)

    @property
    def only_source(self) -> tuple[str, ...]:
        """Names of the labels that the targets' masks lack."""
        return tuple(name for name, _, target in self._sides() if not target)

    @property
    def only_target(self) -> tuple[str, ...]:
        """Names of the labels that the source's mask lacks."""
        return tuple(name for name, source, _ in self._sides() if not source)

    def _sides(self) -> list[tuple[str, bool, bool]]:
        """Each label's name, and whether it is in the source's mask, and in any target's."""
        source = self.source.flatten(1).any(1).tolist()
        targets = torch.stack([target.flatten(1).any(1) for target in self.targets]).any(0).tolist()
        return list(zip(self.names, source, targets, strict=True))


@dataclass(frozen=True)
class Histogram:
    """A mask by its U colours."""

    colors: Floats  # (U, 3) in 0-255
    shares: Floats  # of its pixels, (U,)
    flat: Floats  # the part of these whose surroundings are flat
    places: NDArray[numpy.int32]  # each pixel's colour as an index (H, W)

    def near(self, color: Floats, radius: float) -> NDArray[numpy.bool_]:
        """Which colours lie within `radius` of one: (U,)."""
        near: NDArray[numpy.bool_] = ((self.colors - color) ** 2).sum(1) <= radius**2
        return near


def read_labels(source_mask: Picture, target_masks: Sequence[Picture]) -> Labels:
    """The labels of a source's mask and of its targets', and where they are.

    A label is a colour that covers at least 0.5% of one of the masks, near-equal colours (within 24 of 255) counted as
    one. Mixtures of two labels along soft edges are no labels of their own; such a pixel belongs to both, by where it
    lies between their colours.

    Raises:
        PictureError: a mask that can't be read, that looks like a photograph, more than 32 labels, or masks without a
            colour in common.
    """
    named = [(described(source_mask, "source mask"), source_mask)]
    named += [(described(mask, "target mask"), mask) for mask in target_masks]
    sides = [histogram(load_picture(mask, name)) for name, mask in named]
    colors = label_colors(sides)
    present = [[i for i, color in enumerate(colors) if is_label(side, color, colors, PRESENT)] for side in sides]
    for (name, _), side, own in zip(named, sides, present, strict=True):
        covered = sum(side.shares[side.near(colors[i], SAME / 2)].sum() for i in own)
        if covered < 0.5 or len(colors) > MOST:
            many = f"more than {MOST} colours" if covered >= 0.5 else "no flat colours"
            meant = "a mask is painted with one flat colour for each part"
            raise PictureError(f"{name}: {many} found, as in a photograph; {meant}")
    on_targets = sorted({i for own in present[1:] for i in own})
    if not set(present[0]) & set(on_targets):
        raise PictureError(
            f"{named[0][0]} and {named[1][0]} have no colour in common "
            f"({listed(colors, present[0])}; {listed(colors, on_targets)}); paint the same part in the same colour"
        )
    used = [i for i in range(len(colors)) if i in present[0] or i in on_targets]
    masks = [belonging(side, colors, own)[used] for side, own in zip(sides, present, strict=True)]
    return Labels(tuple(hexadecimal(colors[i]) for i in used), masks[0], tuple(masks[1:]))


def shares_at(shares: Tensor, height: int, width: int) -> Tensor:
    """Shares on another grid, averaged over the area of its cells: (L, H, W) -> (L, height, width)."""
    return functional.adaptive_avg_pool2d(shares[None], (height, width))[0]


def check_shape(mask: tuple[int, int], picture: tuple[int, int], name: str) -> None:
    """Refuses, by a PictureError, a mask that hasn't `same_shape` as its picture; both are (height, width)."""
    if not same_shape(mask, picture):
        sizes = f"{mask[1]}x{mask[0]} px but its picture {picture[1]}x{picture[0]}"
        raise PictureError(f"{name} is {sizes}; a mask covers the whole picture, in the same shape")


def same_shape(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether two heights and widths have the same ratio, to 2% or what rounding to pixels explains."""
    (height, width), (other_height, other_width) = one, other
    scale = math.sqrt(height * other_height * width * other_width)
    apart = abs(width * other_height - height * other_width)
    return apart <= max(0.02 * scale, *one, *other)


def histogram(picture: Tensor) -> Histogram:
    """(1, 3, H, W) in [0, 1] -> its colours in 8 bits, and where they are."""
    pixels = (picture * 255).round().to(torch.uint8)
    spread = functional.max_pool2d(pixels, 3, 1, 1) - (255 - functional.max_pool2d(255 - pixels, 3, 1, 1))
    flat = (spread.amax(1) <= SAME).flatten().numpy()
    red, green, blue = pixels[0].to(torch.int64)
    packed = ((red << 16) | (green << 8) | blue).numpy()
    counts = numpy.bincount(packed.ravel(), minlength=1 << 24)  # faster than sorting millions of pixels
    found = numpy.flatnonzero(counts)
    index = numpy.empty(1 << 24, dtype=numpy.int32)
    index[found] = numpy.arange(len(found), dtype=numpy.int32)
    places = index[packed]
    colors = numpy.stack([found >> 16, (found >> 8) & 255, found & 255], 1).astype(numpy.float64)
    flats = numpy.bincount(places.ravel(), weights=flat, minlength=len(found))
    return Histogram(colors, counts[found] / packed.size, flats / packed.size, places)


def label_colors(sides: list[Histogram]) -> list[Floats]:
    """The colours (3,) of the labels of all masks, those that cover most first."""

    def covered(color: Floats) -> float:
        return float(sum(side.shares[side.near(color, SAME)].sum() for side in sides))

    peaks = sorted(find_peaks(sides), key=lambda color: (-covered(color), *color))
    return [color for color in peaks if any(is_label(side, color, peaks, LEAST) for side in sides)]


def find_peaks(sides: list[Histogram]) -> list[Floats]:
    """Colours around which at least `LEAST` of a mask lies; at most twice as many as labels are allowed."""
    left = [side.shares.copy() for side in sides]
    peaks: list[Floats] = []
    while len(peaks) < 2 * MOST:
        masses = [surroundings(side.colors, shares) for side, shares in zip(sides, left, strict=True)]
        side = int(numpy.argmax([mass.max() for mass in masses]))
        best = int(masses[side].argmax())
        if masses[side][best] < LEAST:
            break
        colors = sides[side].colors
        middle = (numpy.array(numpy.unravel_index(best, (256 // CELL,) * 3)) + 0.5) * CELL
        inside = (numpy.abs(colors - middle) <= 1.5 * CELL).all(1)
        peaks.append(colors[numpy.where(inside, left[side], -1).argmax()])
        for other, shares in zip(sides, left, strict=True):
            shares[other.near(peaks[-1], SAME)] = 0
    return peaks


def surroundings(colors: Floats, shares: Floats) -> Floats:
    """The share of pixels in each cell of colours and the 26 around it: (U, 3), (U,) -> (32 * 32 * 32,)."""
    side = 256 // CELL
    red, green, blue = (colors // CELL).astype(numpy.int64).T
    cells = numpy.bincount((red * side + green) * side + blue, weights=shares, minlength=side**3)
    cube = torch.from_numpy(cells).view(1, 1, side, side, side)
    return functional.avg_pool3d(cube, 3, 1, 1, divisor_override=1).flatten().numpy()


def is_label(side: Histogram, color: Floats, others: list[Floats], least: float) -> bool:
    """Whether a colour covers enough of a mask, and isn't only what lies between two others along soft edges.

    Along an edge there are no flat places (antialiasing) or all mixtures alike (blur); a label has flat places and most
    of its pixels close to one colour.
    """
    near = side.near(color, SAME)
    covered = side.shares[near].sum()
    if covered < least:
        return False
    peaked = side.shares[side.near(color, TIGHT)].sum() >= covered / 2 and side.flat[near].sum() >= covered / 5
    return bool(peaked) or not is_mixture(color, [other for other in others if other is not color])


def is_mixture(color: Floats, others: list[Floats]) -> bool:
    """Whether a colour lies within `SAME` of a straight line from one of the others to another, or close to one."""
    if any(numpy.linalg.norm(color - other) <= 2 * SAME for other in others):
        return True
    for i, start in enumerate(others):
        for end in others[i + 1 :]:
            along = end - start
            t = float(((color - start) @ along) / (along @ along))
            if 0 < t < 1 and numpy.linalg.norm(color - start - t * along) <= SAME:
                return True
    return False


def belonging(side: Histogram, colors: list[Floats], present: list[int]) -> Tensor:
    """How far each pixel belongs to each label, of which only the `present` are in this mask: -> (L, H, W)."""
    palette = numpy.stack([colors[i] for i in present])  # (K, 3)
    first, second, part = between(side.colors, palette)
    shares = numpy.zeros((len(colors), len(side.colors)), dtype=numpy.float32)  # (L, U)
    chosen, rows = numpy.array(present), numpy.arange(len(side.colors))
    shares[chosen[second], rows] = part
    shares[chosen[first], rows] = 1 - part  # last, for where there is only one label
    return torch.from_numpy(shares[:, side.places])


def between(colors: Floats, palette: Floats) -> tuple[NDArray[numpy.int64], NDArray[numpy.int64], Floats]:
    """Each colour's nearest label, the label on whose line from there it lies best, and its part of that: (U,) each.

    The part is 0 within `SAME` of the nearest label's colour (a third of the way for labels near each other), so that
    noise stays in its label, and grows evenly to 1 at the same distance from the other.
    """
    first = ((colors[:, None] - palette[None]) ** 2).sum(2).argmin(1)  # (U,)
    second, part = first.copy(), numpy.zeros(len(colors))
    for i, start in enumerate(palette):
        own = numpy.flatnonzero(first == i)
        offsets = colors[own] - start  # (V, 3)
        best = numpy.full(len(own), numpy.inf)
        for k, end in enumerate(palette):
            if k == i:
                continue
            along = end - start
            length = float(numpy.linalg.norm(along))
            reach = (offsets @ along / length).clip(0, length)  # (V,), how far along the line
            distance = ((offsets - reach[:, None] * (along / length)) ** 2).sum(1)
            margin = min(SAME, length / 3)
            nearer = distance < best
            best[nearer], second[own[nearer]] = distance[nearer], k
            part[own[nearer]] = ((reach[nearer] - margin) / (length - 2 * margin)).clip(0, 1)
    return first, second, part


def hexadecimal(color: Floats) -> str:
    return "#" + "".join(f"{round(value):02x}" for value in color)


def listed(colors: list[Floats], indices: list[int]) -> str:
    return ", ".join(hexadecimal(colors[i]) for i in indices[:5]) + (", ..." if len(indices) > 5 else "")

"""Flat borders around a picture: letterboxes, passe-partouts, frames of one colour.

A border is told from a plain ground (a studio's wall, a sheet of paper, a night sky) by where it ends: abruptly, along
most of its edge, with a picture behind it. A ground ends where things begin, a few pixels at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .limits import SMALLEST_EDGE
from .photo import Photo

SIDES = LEFT, TOP, RIGHT, BOTTOM = range(4)
CLEAR = 24 / 255, 12 / 255
"""What differs clearly from a border's colour, in any channel; the second where nothing is found by the first. Half of
it is a border's noise."""
LEAST, MOST = 0.005, 0.3
"""Of the side that a border takes a part of."""
FLAT = 0.9
"""Share of a border's line that is within the noise; in the rest JPEG rings."""
EDGE = 0.6
"""Share of the pixels behind a border that differ clearly from it."""
SOFT, RINGING = 8, 0.15
"""Lines that JPEG and resizing put between a border and what is behind it, at most, and the share of those two lines
before it that differs clearly."""
VARIED = 0.1
"""Share of the pixels behind a border that differ from most of their line: a picture, not the next stripe of a flag."""
GREY = 12 / 255
"""Between the channels of what counts as black, grey or white."""
ALONE_EDGE, ALONE_MOST = 0.8, 0.15
ALONE_NOISE, ALONE_FLAT = 6 / 255, 0.98
"""Of a bar without one like it opposite: a longer edge, less of the side, grey, black or white, with less noise."""
EXACT = 2 / 255
"""Noise of a border that no codec has touched near its edge."""
NESTED = 3
"""Borders inside each other, at most."""
STEP = 16
"""Lines that are looked at together."""

Widths = tuple[int, int, int, int]
"""Pixels at left, top, right and bottom."""


@dataclass(frozen=True)
class Bar:
    """A border's part at one side.

    Attributes:
        width: lines, with those of its soft edge.
        color: (3, 1, 1), in [0, 1].
        edge: share of the pixels behind it that differ clearly from it.
        varied: whether they differ from each other.
        alone: whether it may be one without others.
    """

    width: int
    color: Tensor
    edge: float
    varied: bool
    alone: bool = False

    @property
    def grey(self) -> bool:
        """Whether it is black, white or between."""
        return bool(self.color.max() - self.color.min() <= GREY)

    def like(self, other: Bar | None) -> bool:
        """Whether both are of one colour."""
        return other is not None and bool((self.color - other.color).abs().max() <= CLEAR[1])


def border(colors: Tensor, alpha: Tensor | None = None) -> Widths:
    """The flat border of a picture: pixels at left, top, right and bottom, 0 at sides without.

    Lines at an edge belong to one if they have one colour to within a codec's noise, and if most of what is behind
    differs clearly from it at once. Opposite sides have the same colour; where things at one of them have it too, so
    that no edge is seen, as much is taken as across. A bar that is alone is grey, black or white and at most 15% of the
    picture. At each side a border takes 0.5% to 30% of the picture, of which at least 32 px are left each way. What is
    transparent is no border.

    Args:
        colors: (1, 3, H, W) in [0, 1].
        alpha: (1, 1, H, W) in [0, 1]; None where all is opaque.
    """
    picture = colors[0] if alpha is None else torch.where(alpha[0] > 0, colors[0], torch.nan)
    total = found = (0, 0, 0, 0)
    for layer in range(NESTED):
        bars = outermost(inside(picture, total), 0.0 if layer else LEAST)
        left, top, right, bottom = (0 if bar is None else bar.width for bar in bars)
        total = (total[0] + left, total[1] + top, total[2] + right, total[3] + bottom)
        if not any(bars) or not fits(total, picture):
            break
        if any(bar.varied or (bar.grey and varied(inside(picture, total))) for bar in bars if bar is not None):
            found = total
    return found


def without_border(photo: Photo, widths: Widths) -> Photo:
    """A photo less its border, with a note of it."""
    rest = cut(photo, widths, photo)
    height, width = rest.colors.shape[2:]
    left_out = ", ".join(str(each) for each in widths)
    note = f"a flat border is left out ({left_out} px at left, top, right, bottom); the rest is {width}x{height} px"
    return replace(rest, notes=(*photo.notes, note))


def cut(photo: Photo, widths: Widths, measured: Photo) -> Photo:
    """A photo less a border.

    Args:
        photo: a picture, or its mask, whose size may be another.
        widths: pixels of the border.
        measured: the picture that it was measured on.
    """
    (height, width), (rows, columns) = photo.colors.shape[2:], measured.colors.shape[2:]
    left, right = round(widths[LEFT] * width / columns), round(widths[RIGHT] * width / columns)
    top, bottom = round(widths[TOP] * height / rows), round(widths[BOTTOM] * height / rows)
    scaled = left, top, right, bottom
    alpha = None if photo.alpha is None else inside(photo.alpha, scaled).clone()
    if alpha is not None and bool((alpha >= 1).all()):
        alpha = None
    return replace(photo, colors=inside(photo.colors, scaled).clone(), alpha=alpha)


def inside(picture: Tensor, widths: Widths) -> Tensor:
    """(..., H, W) less so many pixels at left, top, right and bottom."""
    left, top, right, bottom = widths
    return picture[..., top : picture.shape[-2] - bottom, left : picture.shape[-1] - right]


def fits(widths: Widths, picture: Tensor) -> bool:
    """Whether a border of a picture (3, H, W) takes no more of it than it may."""
    height, width = picture.shape[1:]
    narrow = all(each <= MOST * size for each, size in zip(widths, (width, height, width, height), strict=True))
    return narrow and min(inside(picture, widths).shape[1:]) >= SMALLEST_EDGE


def outermost(picture: Tensor, least: float) -> list[Bar | None]:
    """The outermost border of a picture (3, H, W): a bar for each side that has one.

    Args:
        picture: NaN where it is transparent.
        least: share of the side that each takes.
    """
    if min(picture.shape[1:]) < SMALLEST_EDGE:
        return [None] * len(SIDES)
    left, top, right, bottom = runs = [
        flat_lines(picture, side, color_at(picture, side), CLEAR[0] / 2) for side in SIDES
    ]
    frame = [bar_at(picture, side, (left, top, right, bottom), least) for side in SIDES]
    if all(bar is not None and bar.like(frame[LEFT]) for bar in frame):
        return frame
    # Edges are as long as the sides then: beside what stands on a plain ground the ground goes on.
    bars = [bar_at(picture, side, (0, 0, 0, 0), least) for side in SIDES]
    bars = [
        bar or mirrored(opposite(bars, side), color_at(picture, side), runs[side])
        for side, bar in zip(SIDES, bars, strict=True)
    ]
    pairs = [bar for side, bar in zip(SIDES, bars, strict=True) if bar is not None and bar.like(opposite(bars, side))]
    return [bar if bar is not None and (bar.alone or any(map(bar.like, pairs))) else None for bar in bars]


def opposite(bars: Sequence[Bar | None], side: int) -> Bar | None:
    """Of the bars at all sides the one across the picture."""
    return bars[(side + 2) % len(SIDES)]


def mirrored(bar: Bar | None, color: Tensor, run: int) -> Bar | None:
    """The bar at the other side, where this side begins in its colour too, for as many lines, and no edge is seen.

    Args:
        bar: at the other side.
        color: of this side's outermost line, (3, 1, 1).
        run: lines from there on that have it.
    """
    if bar is None or run + SOFT < bar.width or not bool((color - bar.color).abs().max() <= CLEAR[1] / 2):
        return None
    return replace(bar, alone=False, varied=False)


def bar_at(picture: Tensor, side: int, margins: Widths, least: float) -> Bar | None:
    """The bar at one side of a picture (3, H, W).

    Args:
        picture: NaN where it is transparent.
        side: LEFT, TOP, RIGHT or BOTTOM.
        margins: what the other sides' bars take of this one's edge.
        least: share of the side that it takes.
    """
    size, color = lengths(picture, side), color_at(picture, side)
    for clear in CLEAR:
        flat = flat_lines(picture, side, color, clear / 2)
        off = distances(picture, side, flat, flat + SOFT + 1, color, margins)
        begins = ((off > clear).float().mean(1) >= EDGE).nonzero()
        if not (flat and len(begins)):
            continue
        edge = flat + int(begins[0])
        fewest = max(2.0 if least else 1.0, least * size)
        if not fewest <= edge <= MOST * size or not abrupt(picture, side, edge, color, clear, margins):
            continue
        width = edge + (not sharp(distances(picture, side, edge - 1, edge + 2, color, margins)))
        bar = Bar(width, color, *behind(picture, side, width, color, clear, margins))
        if bar.edge >= EDGE:
            clean = (distances(picture, side, 0, max(1, edge - SOFT), color) <= ALONE_NOISE).float().mean(1)
            alone = bar.varied and bar.grey and bar.edge >= ALONE_EDGE and width <= ALONE_MOST * size
            return replace(bar, alone=alone and bool((clean >= ALONE_FLAT).all()))
    return None


def abrupt(picture: Tensor, side: int, edge: int, color: Tensor, clear: float, margins: Widths) -> bool:
    """Whether the line two before an edge is still the border's, nearly all of it, and that behind it isn't."""
    before, after = (
        distances(picture, side, line, line + 1, color, margins).nan_to_num() for line in (max(0, edge - 2), edge + 1)
    )
    return float((before > clear).float().mean()) <= RINGING and bool(before.median() <= after.median() / 2)


def behind(picture: Tensor, side: int, width: int, color: Tensor, clear: float, margins: Widths) -> tuple[float, bool]:
    """What lies behind a bar: the share of pixels that differ clearly from its colour, and whether from each other."""
    deep = width + max(6, round(0.02 * lengths(picture, side)))
    share = float((distances(picture, side, width, deep, color, margins) > clear).float().mean())
    return share, varied(lines(picture, side, width, deep, margins))


def varied(pixels: Tensor) -> bool:
    """Whether lines (3, K, L) are more than one colour each; of large pictures some pixels are asked.

    Along the lines, since JPEG rings across them, and without their ends, where it rings from what lies there.
    """
    if pixels.shape[2] > 4 * SOFT:
        pixels = pixels[:, :, SOFT:-SOFT]
    pixels = pixels[:, :: 1 + pixels.shape[1] // 512, :: 1 + pixels.shape[2] // 512]
    usual = pixels.nanmedian(2, keepdim=True).values
    return bool(((pixels - usual).abs().amax(0) > CLEAR[1]).float().mean() >= VARIED)


def sharp(off: Tensor) -> bool:
    """Whether a border ends between the first and the second of three lines, (3, L) by how far they are off it."""
    last, first, second = off.nan_to_num()
    return bool((last <= EXACT).all()) and float(first.median()) >= 0.75 * float(second.median())


def flat_lines(picture: Tensor, side: int, color: Tensor, noise: float) -> int:
    """How many lines from a side on have a colour (3, 1, 1) all along; no more are counted than a border may have."""
    most = int(MOST * lengths(picture, side)) + 1
    for start in range(0, most, STEP):
        off = distances(picture, side, start, min(start + STEP, most), color)
        ends = ((off <= noise).float().mean(1) < FLAT).nonzero()
        if len(ends):
            return start + int(ends[0])
    return most


def lengths(picture: Tensor, side: int) -> int:
    """Lines of a picture (3, H, W) from a side to the one opposite."""
    return picture.shape[2] if side in (LEFT, RIGHT) else picture.shape[1]


def color_at(picture: Tensor, side: int) -> Tensor:
    """The usual colour of the outermost line, (3, 1, 1)."""
    return lines(picture, side, 0, 1).flatten(1).nanmedian(1).values[:, None, None]


def distances(
    picture: Tensor, side: int, start: int, stop: int, color: Tensor, margins: Widths = (0, 0, 0, 0)
) -> Tensor:
    """How far lines are from a colour in the channel that is farthest, (K, L); NaN where they are transparent."""
    return (lines(picture, side, start, stop, margins) - color).abs().amax(0)


def lines(picture: Tensor, side: int, start: int, stop: int, margins: Sequence[int] = (0, 0, 0, 0)) -> Tensor:
    """Lines of a picture (3, H, W), counted from a side inwards, less the margins at their ends: (3, K, L)."""
    along = picture.transpose(1, 2) if side in (LEFT, RIGHT) else picture
    first, last = (margins[TOP], margins[BOTTOM]) if side in (LEFT, RIGHT) else (margins[LEFT], margins[RIGHT])
    along = along[:, :, first : along.shape[2] - last]
    size = along.shape[1]
    return along[:, start:stop] if side in (LEFT, TOP) else along[:, max(0, size - stop) : size - start].flip(1)

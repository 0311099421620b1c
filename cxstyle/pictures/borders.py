"""Flat borders around a picture: letterboxes, passe-partouts, frames of one colour.

A border is told from a plain ground (a studio's wall, a sheet of paper, a night sky) by where it ends: abruptly, along
most of its edge, with a picture behind it. A ground ends where things begin, a few pixels at a time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .limits import SMALLEST_EDGE
from .tensors import Photo

# How far a colour is clearly off a border's, in any channel: by the second where the first finds none. Half is noise.
CLEAR = 24 / 255, 12 / 255
LEAST, MOST = 0.005, 0.3  # of the side that a border takes a part of
FLAT = 0.9  # share of a border's line that is within the noise; in the rest JPEG rings
EDGE = 0.6  # share of the pixels behind a border that differ clearly from it
SOFT = 8  # lines, at most, that JPEG and resizing put between a border and what is behind it
RINGING = 0.15  # share of the line two before those that differs clearly, at most
BEHIND = 0.02  # of the side: how deep a picture behind a border is looked at
VARIED = 0.1  # share of the pixels behind a border off their line's usual colour: a picture, not a flag's next stripe
GREY = 12 / 255  # between the channels of what counts as black, grey or white
EXACT = 2 / 255  # noise of a border that no codec has touched near its edge

Widths = tuple[int, int, int, int]  # pixels at left, top, right and bottom


@dataclass(frozen=True)
class Bar:
    """A border's part at one side."""

    width: int  # lines, with those of its soft edge
    color: Tensor  # (3, 1, 1)
    varied: bool  # whether what is behind it is

    @property
    def grey(self) -> bool:
        """Whether it is black, white or between."""
        return bool(self.color.max() - self.color.min() <= GREY)

    def like(self, other: Bar | None) -> bool:
        """Whether both are of one colour."""
        return other is not None and bool((self.color - other.color).abs().max() <= CLEAR[1])


class Side:
    """A picture's lines, (3, K, L), NaN where it is transparent, from one of its sides, the first, inwards: as deep as
    a border may be and what lies behind it."""

    def __init__(self, picture: Tensor) -> None:
        self.size = picture.shape[1]
        self.lines = picture[:, : int((MOST + BEHIND) * self.size) + 2 * SOFT]
        self.color = self.lines[:, :1].flatten(1).nanmedian(1).values[:, None, None]
        self.off = (self.lines - self.color).abs().amax(0)  # (K, L), in the channel that is farthest

    def flat(self, clear: float) -> int:
        """How many lines have the colour of the first all along."""
        return first((self.off <= clear / 2).float().mean(1) < FLAT)

    def bar(self, ends: tuple[int, int] = (0, 0)) -> Bar | None:
        """The bar at this side; `ends` of its lines, in pixels, are those of other sides' bars."""
        inner = slice(ends[0], self.off.shape[1] - ends[1])
        off = self.off[:, inner]
        for clear in CLEAR:
            flat = self.flat(clear)
            edge = flat + first((off[flat : flat + SOFT + 1] > clear).float().mean(1) >= EDGE)
            narrow = max(2.0, LEAST * self.size) <= edge <= MOST * self.size
            if flat and edge <= flat + SOFT and narrow and abrupt(off, edge, clear):
                width = edge + (not sharp(off[edge - 1 : edge + 2]))
                behind = slice(width, width + max(6, round(BEHIND * self.size)))
                if float((off[behind] > clear).float().mean()) >= EDGE:
                    return Bar(width, self.color, varied(self.lines[:, behind, inner]))
        return None


def border(colors: Tensor, alpha: Tensor | None = None) -> Widths:
    """The flat border of a picture: pixels at left, top, right and bottom, 0 at sides without.

    Lines at an edge belong to one if they have one colour to within a codec's noise, and if most of what is behind
    differs clearly from it at once. Opposite sides have the same colour. At each side a border takes 0.5% to 30% of
    the picture, of which at least 32 px are left each way. What is transparent is no border.

    Args:
        colors: (1, 3, H, W) in [0, 1].
        alpha: (1, 1, H, W) in [0, 1]; None where all is opaque.
    """
    picture = colors[0] if alpha is None else torch.where(alpha[0] > 0, colors[0], torch.nan)
    bars = bars_of(picture)
    left, top, right, bottom = (0 if bar is None else bar.width for bar in bars)
    found = left, top, right, bottom
    rest = inside(picture, found)
    if min(rest.shape[1:]) < SMALLEST_EDGE:
        return 0, 0, 0, 0
    real = any(bar.varied or (bar.grey and varied(rest)) for bar in bars if bar is not None)
    return found if real else (0, 0, 0, 0)


def without_border(photo: Photo, widths: Widths) -> Photo:
    """A photo less its border, with a note of it."""
    rest = cut(photo, widths, photo)
    height, width = rest.colors.shape[2:]
    left_out = ", ".join(map(str, widths))
    note = f"a flat border is left out ({left_out} px at left, top, right, bottom); the rest is {width}x{height} px"
    return replace(rest, notes=(*photo.notes, note))


def cut(photo: Photo, widths: Widths, measured: Photo) -> Photo:
    """A photo, a picture or its mask, whose size may be another, less a border of so many pixels of the picture that it
    was measured on."""
    (height, width), (rows, columns) = photo.colors.shape[2:], measured.colors.shape[2:]
    left, right = round(widths[0] * width / columns), round(widths[2] * width / columns)
    top, bottom = round(widths[1] * height / rows), round(widths[3] * height / rows)
    scaled = left, top, right, bottom
    alpha = None if photo.alpha is None else inside(photo.alpha, scaled).clone()
    if alpha is not None and bool((alpha >= 1).all()):
        alpha = None
    return replace(photo, colors=inside(photo.colors, scaled).clone(), alpha=alpha)


def inside(picture: Tensor, widths: Widths) -> Tensor:
    """(..., H, W) less so many pixels at left, top, right and bottom."""
    left, top, right, bottom = widths
    return picture[..., top : picture.shape[-2] - bottom, left : picture.shape[-1] - right]


def bars_of(picture: Tensor) -> list[Bar | None]:
    """A bar for each side of a picture (3, H, W) that has one, NaN where it is transparent."""
    if min(picture.shape[1:]) < SMALLEST_EDGE:
        return [None] * 4
    turned = picture.transpose(1, 2)
    sides = [Side(each) for each in (turned, picture, turned.flip(1), picture.flip(1))]
    left, top, right, bottom = (side.flat(CLEAR[0]) for side in sides)
    frame = [side.bar(ends) for side, ends in zip(sides, [(top, bottom), (left, right)] * 2, strict=True)]
    if all(bar is not None and bar.like(frame[0]) for bar in frame):
        return frame
    # Edges are as long as the sides then: beside what stands on a plain ground the ground goes on.
    bars = [side.bar() for side in sides]
    return [bar if bar is not None and bar.like(bars[(i + 2) % 4]) else None for i, bar in enumerate(bars)]


def first(where: Tensor) -> int:
    """The index of the first that is true; behind the last where none is."""
    found = where.nonzero()
    return int(found[0]) if len(found) else len(where)


def abrupt(off: Tensor, edge: int, clear: float) -> bool:
    """Whether the line two before an edge is still the border's, nearly all of it, and that behind it isn't."""
    before, after = off[max(0, edge - 2)].nan_to_num(), off[edge + 1].nan_to_num()
    return float((before > clear).float().mean()) <= RINGING and bool(before.median() <= after.median() / 2)


def sharp(off: Tensor) -> bool:
    """Whether a border ends between the first and the second of three lines."""
    last, start, second = off.nan_to_num()
    return bool((last <= EXACT).all()) and float(start.median()) >= 0.75 * float(second.median())


def varied(pixels: Tensor) -> bool:
    """Whether lines (3, K, L) are more than one colour each; of large pictures some pixels are asked.

    Along the lines, since JPEG rings across them, and without their ends, where it rings from what lies there.
    """
    if pixels.shape[2] > 4 * SOFT:
        pixels = pixels[:, :, SOFT:-SOFT]
    pixels = pixels[:, :: 1 + pixels.shape[1] // 512, :: 1 + pixels.shape[2] // 512]
    usual = pixels.nanmedian(2, keepdim=True).values
    return bool(((pixels - usual).abs().amax(0) > CLEAR[1]).float().mean() >= VARIED)

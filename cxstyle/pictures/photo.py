"""A picture as it was read: its pixels, and what its file says beside them."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Photo:
    """A picture and what goes with it to the result."""

    colors: Tensor  # (1, 3, H, W) float32 sRGB in [0, 1], straight: not multiplied by alpha
    alpha: Tensor | None = None  # (1, 1, H, W) in [0, 1], 1 where opaque; None where all of it is
    bits: int = 8  # of each channel of the file, 8 or 16 (16 for all that has more than 8)
    author: str = ""  # who made it, as its file says; "" where it doesn't
    copyright: str = ""  # the same of the rights
    notes: tuple[str, ...] = ()  # on how it was read, for users, one line each, such as "3 frames; the first is used"
    sha256: str = ""  # of the file's bytes, in hexadecimal; "" for what did not come from a file
    path: str = ""  # of the file, as it was given; "" without one


@dataclass(frozen=True)
class Origin:
    """Where a result comes from: what its file may say of the pictures that it was made from."""

    author: str = ""  # of the source, as its file says; "" where it doesn't
    copyright: str = ""  # the same of the rights
    bits: int = 8  # of each channel of the source's file, 8 or 16

"""A picture as it was read: its pixels, and what its file says beside them."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Photo:
    """A picture and what goes with it to the result.

    Attributes:
        colors: (1, 3, H, W) float32 sRGB in [0, 1], straight: not multiplied by alpha.
        alpha: (1, 1, H, W) in [0, 1], 1 where opaque; None where all of it is.
        bits: of each channel of the file, 8 or 16 (16 for all that has more than 8).
        author: who made it, as its file says; "" where it doesn't.
        copyright: the same of the rights.
        notes: what a user should know about how it was read, one line each, such as "3 frames; the first is used".
        sha256: of the file's bytes, in hexadecimal; "" for what did not come from a file.
        path: of the file, as it was given; "" without one.
    """

    colors: Tensor
    alpha: Tensor | None = None
    bits: int = 8
    author: str = ""
    copyright: str = ""
    notes: tuple[str, ...] = ()
    sha256: str = ""
    path: str = ""


@dataclass(frozen=True)
class Origin:
    """Where a result comes from: what its file may say of the pictures that it was made from.

    Attributes:
        author: of the source, as its file says; "" where it doesn't.
        copyright: the same of the rights.
        bits: of each channel of the source's file, 8 or 16.
    """

    author: str = ""
    copyright: str = ""
    bits: int = 8

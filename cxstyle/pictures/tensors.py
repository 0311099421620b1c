"""Pictures as tensors, (1, 3, H, W) float32 sRGB in [0, 1]: to and from Pillow's, their sizes and transparent parts;
and with what their files say beside the pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from .limits import SMALLEST_EDGE


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


def to_tensor(image: Image.Image) -> Tensor:
    """RGB picture -> (1, 3, H, W) in [0, 1]."""
    pixels = torch.from_numpy(numpy.array(image, dtype=numpy.float32))  # (H, W, 3)
    return (pixels / 255).permute(2, 0, 1)[None].contiguous()


def to_image(picture: Tensor, alpha: Tensor | None = None) -> Image.Image:
    """(1, 3, H, W) in [0, 1], and (1, 1, H, W) beside it -> RGB or RGBA picture, rounded to 8 bits."""
    channels = picture if alpha is None else torch.cat([picture, alpha.to(picture)], dim=1)
    pixels = channels.detach()[0].clamp(0, 1).mul(255).round().to("cpu", torch.uint8)
    return Image.fromarray(pixels.permute(1, 2, 0).contiguous().numpy())


def resize(picture: Tensor, height: int, width: int) -> Tensor:
    """Bicubic, with antialiasing where it shrinks, held in [0, 1]: (N, 3, H, W) -> (N, 3, height, width)."""
    return interpolate(picture, height, width).clamp(0, 1)


def interpolate(values: Tensor, height: int, width: int) -> Tensor:
    """`resize` without the bounds, for differences of pictures."""
    if values.shape[2:] == (height, width):
        return values
    return functional.interpolate(values, (height, width), mode="bicubic", align_corners=False, antialias=True)


def bilinear(values: Tensor, height: int, width: int) -> Tensor:
    """Maps (N, C, H, W) at another size, averaged where they shrink.

    Where they grow antialiasing changes nothing but the kernel. On a CPU torch's other one gives other last bits with
    another number of threads; on a GPU it is the one that can be repeated.
    """
    smooth = values.device.type == "cpu" or height < values.shape[2] or width < values.shape[3]
    return functional.interpolate(values, (height, width), mode="bilinear", align_corners=False, antialias=smooth)


def halved(values: Tensor) -> Tensor:
    """Maps (N, C, H, W) at half of their size, rounded up."""
    return bilinear(values, (values.shape[2] + 1) // 2, (values.shape[3] + 1) // 2)


def fit(picture: Tensor, long_edge: int) -> tuple[int, int]:
    """(height, width) of a picture (1, 3, H, W) scaled to a long edge, but with no side below 32 px."""
    height, width = picture.shape[2:]
    factor = max(long_edge / max(height, width), SMALLEST_EDGE / min(height, width))
    return round(height * factor), round(width * factor)


def fit_within(picture: Tensor, long_edge: int) -> tuple[int, int]:
    """`fit`, but never larger than the picture is."""
    return fit(picture, min(long_edge, max(picture.shape[2:])))


def shrunk(picture: Tensor, long_edge: int) -> Tensor:
    """(N, 3, H, W) at the size of `fit_within`; a picture that is no larger as it is."""
    return resize(picture, *fit_within(picture, long_edge))


def on_white(colors: Tensor, alpha: Tensor | None) -> Tensor:
    """Straight colours (1, 3, H, W) with their alpha (1, 1, H, W) laid on white: (1, 3, H, W)."""
    return colors if alpha is None else (colors * alpha + (1 - alpha)).clamp(0, 1)


def filled(colors: Tensor, alpha: Tensor) -> Tensor:
    """Straight colours (1, 3, H, W) where alpha (1, 1, H, W) is above 0, and those of the surroundings elsewhere.

    What a file has under its transparent parts is often black, which a network would take for shapes. Push and pull
    (Gortler and others, "The Lumigraph", 1996): means of what is opaque, coarse to fine.
    """
    empty = alpha <= 0
    if not bool(empty.any()) or bool(empty.all()):
        return colors
    covered = functional.avg_pool2d(alpha, 2, ceil_mode=True)
    means = functional.avg_pool2d(colors * alpha, 2, ceil_mode=True) / covered.clamp_min(torch.finfo(alpha.dtype).tiny)
    coarse = filled(means.clamp(0, 1), covered)
    size = (colors.shape[2], colors.shape[3])
    return torch.where(empty, functional.interpolate(coarse, size, mode="bilinear", align_corners=False), colors)

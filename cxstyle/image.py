"""Pictures in and out: (1, 3, H, W) float32 sRGB tensors in [0, 1] everywhere between."""

from __future__ import annotations

import contextlib
import io
import os
from pathlib import Path
from typing import Any

import numpy
import torch
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError
from torch import Tensor
from torch.nn import functional

from .config import SMALLEST_EDGE
from .errors import OutputError, PictureError
from .files import check_writable, write_whole

FORMATS: dict[str, tuple[str, dict[str, Any]]] = {
    ".png": ("PNG", {}),
    ".jpg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".jpeg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".webp": ("WEBP", {"quality": 95, "method": 6}),
    ".tif": ("TIFF", {"compression": "tiff_deflate"}),
    ".tiff": ("TIFF", {"compression": "tiff_deflate"}),
    ".bmp": ("BMP", {}),
}
"""Suffix -> Pillow's format and options for writing."""

Picture = str | os.PathLike[str] | Image.Image | Tensor
"""What `stylize` takes as a picture."""


def load_picture(picture: Picture, name: str = "picture") -> Tensor:
    """A path, PIL picture or tensor as (1, 3, H, W) float32 in [0, 1] on the CPU.

    Orientation is applied, colours are converted to sRGB, transparent parts are laid on white.

    Raises:
        PictureError: missing, unreadable, truncated, too small (below 32 px on a side), or a tensor of another shape or
            range.
    """
    if isinstance(picture, Tensor):
        return check_tensor(picture, name)
    if isinstance(picture, Image.Image):
        tensor, label = to_tensor(to_rgb(picture)), f"the {name}"
    else:
        tensor, label = to_tensor(read_file(Path(picture))), str(picture)
    height, width = tensor.shape[2:]
    if min(height, width) < SMALLEST_EDGE:
        raise PictureError(f"{label} is {width}x{height} px; each side needs at least {SMALLEST_EDGE}")
    return tensor


def check_tensor(picture: Tensor, name: str) -> Tensor:
    tensor = picture.detach().to("cpu", torch.float32)
    if tensor.dim() == 3:
        tensor = tensor[None]
    if tensor.dim() != 4 or tensor.shape[:2] != (1, 3) or min(tensor.shape[2:]) < SMALLEST_EDGE:
        shape = tuple(picture.shape)
        raise PictureError(
            f"the {name} must be (3, H, W) or (1, 3, H, W), H and W at least {SMALLEST_EDGE}, got {shape}"
        )
    # Written so that NaN fails too.
    if not bool(((tensor >= 0) & (tensor <= 1)).all()):
        raise PictureError(f"the {name} must hold values in [0, 1]; divide a picture in 0-255 by 255")
    return tensor


def read_file(path: Path) -> Image.Image:
    """A file as an RGB picture, decoded whole.

    Raises:
        PictureError: missing, a folder, not a picture, damaged.
    """
    try:
        with Image.open(path) as image:
            return to_rgb(image)
    except FileNotFoundError as error:
        raise PictureError(f"there is no file {path}") from error
    except IsADirectoryError as error:
        raise PictureError(f"{path} is a folder; name a picture in it") from error
    except UnidentifiedImageError as error:
        raise PictureError(
            f"{path} is not a picture in a format that can be read (JPEG, PNG, WebP, TIFF...)"
        ) from error
    except Image.DecompressionBombError as error:
        raise PictureError(f"{path} is too large to open safely: {error}") from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        reason = getattr(error, "strerror", None) or error
        raise PictureError(f"{path} can't be read: {reason}; the file may be damaged") from error


def to_rgb(image: Image.Image) -> Image.Image:
    """Upright, sRGB, opaque on white, 8 bits a channel."""
    image = ImageOps.exif_transpose(image)
    if image.mode in ("I", "I;16", "I;16B", "I;16L"):
        image = Image.fromarray((numpy.asarray(image, dtype=numpy.float32) / 257).clip(0, 255).astype(numpy.uint8))
    image = to_srgb(image)
    if image.has_transparency_data:
        opaque = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", opaque.size, "white"), opaque)
    return image.convert("RGB")


def to_srgb(image: Image.Image) -> Image.Image:
    """Converts by the embedded profile; without one, or with a broken one, the picture is taken as sRGB."""
    profile = image.info.get("icc_profile")
    if not profile or image.mode not in ("RGB", "RGBA", "CMYK", "L"):
        return image
    with contextlib.suppress(ImageCms.PyCMSError, OSError):
        mode = "RGBA" if image.mode == "RGBA" else "RGB"
        embedded = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(image, embedded, ImageCms.createProfile("sRGB"), outputMode=mode)
        return image if converted is None else converted
    return image


def to_tensor(image: Image.Image) -> Tensor:
    """RGB picture -> (1, 3, H, W) in [0, 1]."""
    pixels = torch.from_numpy(numpy.array(image, dtype=numpy.float32))  # (H, W, 3)
    return (pixels / 255).permute(2, 0, 1)[None].contiguous()


def to_image(picture: Tensor) -> Image.Image:
    """(1, 3, H, W) in [0, 1] -> RGB picture, rounded to 8 bits."""
    pixels = picture.detach()[0].clamp(0, 1).mul(255).round().to("cpu", torch.uint8)
    return Image.fromarray(pixels.permute(1, 2, 0).contiguous().numpy())


def resize(picture: Tensor, height: int, width: int) -> Tensor:
    """Bicubic, with antialiasing where it shrinks, held in [0, 1]: (N, 3, H, W) -> (N, 3, height, width)."""
    return interpolate(picture, height, width).clamp(0, 1)


def interpolate(values: Tensor, height: int, width: int) -> Tensor:
    """`resize` without the bounds, for differences of pictures."""
    if values.shape[2:] == (height, width):
        return values
    return functional.interpolate(values, (height, width), mode="bicubic", align_corners=False, antialias=True)


def fit(picture: Tensor, long_edge: int) -> tuple[int, int]:
    """(height, width) of a picture (1, 3, H, W) scaled to a long edge, but with no side below 32 px."""
    height, width = picture.shape[2:]
    factor = max(long_edge / max(height, width), SMALLEST_EDGE / min(height, width))
    return round(height * factor), round(width * factor)


def fit_within(picture: Tensor, long_edge: int) -> tuple[int, int]:
    """`fit`, but never larger than the picture is."""
    return fit(picture, min(long_edge, max(picture.shape[2:])))


def check_suffix(path: Path) -> None:
    """Makes sure that the format can be told.

    Raises:
        OutputError: unknown suffix.
    """
    if path.suffix.lower() not in FORMATS:
        raise OutputError(
            f"{path}: can't tell the format from {path.suffix or 'no suffix'!r}; use {', '.join(FORMATS)}"
        )


def check_output(path: Path, *, overwrite: bool = False) -> None:
    """Makes sure, before anything is computed, that a picture can be written.

    Raises:
        OutputError: unknown suffix, a folder, an existing file without `overwrite`, a missing or unwritable folder.
    """
    check_suffix(path)
    check_writable(path, overwrite=overwrite)


def encode(picture: Tensor, suffix: str) -> bytes:
    """(1, 3, H, W) in [0, 1] as a file of the format of a suffix, one of `FORMATS`."""
    kind, options = FORMATS[suffix.lower()]
    encoded = io.BytesIO()
    to_image(picture).save(encoded, kind, **options)
    return encoded.getvalue()


def save_picture(picture: Tensor, path: str | os.PathLike[str]) -> None:
    """Writes (1, 3, H, W) in [0, 1] in the format of the suffix, whole or not at all.

    Raises:
        OutputError: unknown suffix or a file that can't be written.
    """
    path = Path(path)
    check_suffix(path)
    write_whole(path, encode(picture, path.suffix))

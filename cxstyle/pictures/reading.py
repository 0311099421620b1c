"""Pictures in: whatever people have, as (1, 3, H, W) float32 sRGB tensors in [0, 1]."""

from __future__ import annotations

import contextlib
import io
import os
from pathlib import Path

import numpy
import torch
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError
from torch import Tensor

from ..config import SMALLEST_EDGE
from ..errors import PictureError
from ..image import to_tensor

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

"""Pictures in: whatever people have, as (1, 3, H, W) float32 sRGB tensors in [0, 1]."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from ..config import SMALLEST_EDGE
from ..errors import PictureError
from ..files import read_up_to
from ..image import to_image
from .decoding import decoded, photo_of
from .limits import check_pixels, most_bytes
from .photo import Photo
from .transparency import on_white

Picture = str | os.PathLike[str] | Image.Image | Tensor | Photo
"""What `stylize` takes as a picture."""


def read_photo(picture: Picture, name: str = "picture") -> Photo:
    """A path, PIL picture or tensor with all that goes with it; a file is read once, and whole before it is decoded.

    Orientation is applied; colours are converted to sRGB by the embedded profile; more than 8 bits are kept.

    Args:
        picture: what to read; a Photo is given back as it is.
        name: what messages call it where it has no file.

    Raises:
        PictureError: missing, unreadable, truncated, too small (below 32 px on a side), beyond the limit of pixels, or
            a tensor of another shape or range.
    """
    if isinstance(picture, Photo):
        return picture
    if isinstance(picture, Tensor):
        return Photo(check_tensor(picture, name))
    label = f"the {name}" if isinstance(picture, Image.Image) else str(picture)
    photo = photo_of(picture, label) if isinstance(picture, Image.Image) else read_file(Path(picture))
    height, width = photo.colors.shape[2:]
    if min(height, width) < SMALLEST_EDGE:
        raise PictureError(f"{label} is {width}x{height} px; each side needs at least {SMALLEST_EDGE}")
    return photo


def load_picture(picture: Picture, name: str = "picture") -> Tensor:
    """The colours alone, (1, 3, H, W) float32 in [0, 1] on the CPU, laid on white; see `read_photo`."""
    return opaque(read_photo(picture, name))


def opaque(photo: Photo) -> Tensor:
    """Laid on white: (1, 3, H, W)."""
    return on_white(photo.colors, photo.alpha)


def check_tensor(picture: Tensor, name: str) -> Tensor:
    tensor = picture.detach().to("cpu", torch.float32)
    if tensor.dim() == 3:
        tensor = tensor[None]
    if tensor.dim() != 4 or tensor.shape[:2] != (1, 3) or min(tensor.shape[2:]) < SMALLEST_EDGE:
        shape = tuple(picture.shape)
        raise PictureError(
            f"the {name} must be (3, H, W) or (1, 3, H, W), H and W at least {SMALLEST_EDGE}, got {shape}"
        )
    check_pixels(tensor.shape[3], tensor.shape[2], f"the {name}")
    # Written so that NaN fails too.
    if not bool(((tensor >= 0) & (tensor <= 1)).all()):
        raise PictureError(f"the {name} must hold values in [0, 1]; divide a picture in 0-255 by 255")
    return tensor


def read_image(path: Path) -> Image.Image:
    """A file of any size as an opaque RGB picture of Pillow's.

    Raises:
        PictureError: as of `read_photo`.
    """
    return to_image(opaque(read_file(path)))


def read_file(path: Path) -> Photo:
    """A file of any size, decoded from memory: what becomes of it later does no harm.

    Raises:
        PictureError: missing, a folder, not a picture, damaged, beyond the limit of pixels.
    """
    data = file_bytes(path)
    return replace(decoded(data, str(path)), sha256=hashlib.sha256(data).hexdigest(), path=str(path))


def file_bytes(path: Path) -> bytes:
    """A file's bytes, no more than a picture within the limit of pixels can have.

    Raises:
        PictureError: missing, a folder, a device, unreadable, or larger.
    """
    most = most_bytes()
    try:
        data = read_up_to(path, most + 1)
    except FileNotFoundError as error:
        raise PictureError(f"there is no file {path}") from error
    except IsADirectoryError as error:
        raise PictureError(f"{path} is a folder; name a picture in it") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise PictureError(f"{path} can't be read: {getattr(error, 'strerror', None) or error}") from error
    except MemoryError as error:
        raise PictureError(f"{path} needs more memory than there is") from error
    if len(data) > most:
        raise PictureError(f"{path} is larger than {most:,} bytes, more than a picture needs; see --max-pixels")
    return data

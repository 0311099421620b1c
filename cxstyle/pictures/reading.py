"""Pictures in: whatever people have, as (1, 3, H, W) float32 sRGB tensors in [0, 1]; and what their files say."""

from __future__ import annotations

import hashlib
import io
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ..checks import shown
from ..errors import PictureError
from ..files import read_up_to
from .decoding import check_header, decode, photo_of, pillow, readable
from .icc import name_of, opened
from .kinds import numbers, tiff_tags
from .limits import SMALLEST_EDGE, check_pixels, most_bytes
from .metadata import attribution_of, record_in
from .sixteen_bit import BITS, ORIENTATION, SLACK
from .tensors import Photo, on_white, to_image

Picture = str | os.PathLike[str] | BinaryIO | Image.Image | NDArray[Any] | Tensor | Photo  # what `stylize` takes as one
DEPTHS = {"1": 1, "I": 32, "F": 32, "I;16": 16, "I;16B": 16}  # bits of Pillow's modes where they aren't 8


@dataclass(frozen=True)
class Tags:
    """What a picture's file says."""

    format: str  # such as PNG
    size: tuple[int, int]  # (width, height) in pixels, as stored
    bits: int  # of a channel
    profile: str  # the name of its colour profile; "" without one
    orientation: int  # of EXIF, 1 to 8; 1 where there is none
    author: str  # "" where it doesn't say
    copyright: str  # the same
    record: str  # of cxstyle, as text; "" without one


def described(picture: Picture, name: str) -> str:
    """What messages call a picture: its file where it has one."""
    if isinstance(picture, Photo) and picture.path:
        return picture.path
    return str(picture) if isinstance(picture, str | os.PathLike) else f"the {name}"


def read_photo(picture: Picture, name: str = "picture") -> Photo:
    """A picture of any kind with all that goes with it; a file is read once, and whole before it is decoded.

    Orientation is applied; colours are converted to sRGB by the embedded profile; more than 8 bits are kept.

    Args:
        picture: what to read; a Photo is given back as it is.
        name: what messages call it where it has no file.

    Raises:
        PictureError: missing, unreadable, truncated, too small (below 32 px on a side), beyond the limit of pixels, an
            array or a tensor of another shape or range, or no picture.
    """
    if isinstance(picture, Photo):
        return picture
    if isinstance(picture, Tensor):
        return Photo(check_tensor(picture, name))
    label = described(picture, name)
    if isinstance(picture, numpy.ndarray):
        if picture.dtype != numpy.uint8 or picture.ndim != 3 or picture.shape[2] not in (3, 4) or not picture.size:
            given = f"{picture.shape} of {picture.dtype}; make a tensor (3, H, W) of values in [0, 1]"
            raise PictureError(f"{label} must be an array (H, W, 3) of uint8, got {given}")
        photo = photo_of(Image.fromarray(picture), label)
    elif isinstance(picture, Image.Image):
        info = dict(picture.info)  # of which damaged parts are taken out
        try:
            photo = photo_of(picture, label)
        finally:
            picture.info = info
    elif isinstance(picture, str | os.PathLike):
        photo = read_file(Path(picture))
    else:
        photo = decode(stream_bytes(picture, label), label)
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


def stream_bytes(file: Any, label: str) -> bytes:
    """What is left of a file that somebody has opened, or one byte more than a picture can have."""
    try:
        data = file.read(most_bytes() + 1)
    except (AttributeError, TypeError, OSError, ValueError):  # ValueError: closed, or text that isn't UTF-8
        data = None
    if not isinstance(data, bytes):
        kinds = "a path, a file that can be read as bytes, a picture of Pillow's, an array or a tensor"
        raise PictureError(f"{label} must be {kinds}, got {shown(file)}")
    return data


def check_tensor(picture: Tensor, name: str) -> Tensor:
    """A copy, so that the caller's may change; a PictureError where it is no picture."""
    tensor = picture.detach().to("cpu", torch.float32)
    tensor = tensor[None] if tensor.dim() == 3 else tensor
    if tensor.dim() != 4 or tensor.shape[:2] != (1, 3) or min(tensor.shape[2:]) < SMALLEST_EDGE:
        wanted = f"(3, H, W) or (1, 3, H, W), H and W at least {SMALLEST_EDGE}"
        raise PictureError(f"the {name} must be {wanted}, got {tuple(picture.shape)}")
    check_pixels(tensor.shape[3], tensor.shape[2], f"the {name}")
    # Written so that NaN fails too.
    if not bool(((tensor >= -SLACK) & (tensor <= 1 + SLACK)).all()):
        raise PictureError(f"the {name} must hold values in [0, 1]; divide a picture in 0-255 by 255")
    return tensor.clamp(0, 1)


def read_image(path: Path) -> Image.Image:
    """A file of any size as an opaque RGB picture of Pillow's; errors as of `read_photo`."""
    return to_image(opaque(read_file(path)))


def read_file(path: Path) -> Photo:
    """A file of any size, decoded from memory: what becomes of it later does no harm; errors as of `read_photo`."""
    data = file_bytes(path)
    return replace(decode(data, str(path)), sha256=hashlib.sha256(data).hexdigest(), path=str(path))


def file_bytes(path: Path) -> bytes:
    """A file's bytes, or one more than a picture can have; a PictureError where they can't be read."""
    try:
        return read_up_to(path, most_bytes() + 1)
    except FileNotFoundError as error:
        raise PictureError(f"there is no file {path}") from error
    except IsADirectoryError as error:
        raise PictureError(f"{path} is a folder; name a picture in it") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise PictureError(f"{path} can't be read: {getattr(error, 'strerror', None) or error}") from error


def read_tags(path: Path) -> Tags:
    """What a picture's file says; a PictureError where it is missing, no picture, damaged, or beyond the limit of
    pixels."""
    data = file_bytes(path)
    formats = readable(data, str(path))
    with pillow(str(path)), Image.open(io.BytesIO(data), formats=formats) as image:
        check_header(image, str(path))
        orientation = image.getexif().get(ORIENTATION, 1)
        turned = int(orientation) if orientation in range(1, 9) else 1
        profile = image.info.get("icc_profile")
        found = opened(profile) if profile else None
        name = name_of(found) if found else "damaged" if profile else ""
        said = (*attribution_of(image), record_in(image))
        return Tags(image.format or "", image.size, bits_of(image, data), name, turned, *said)


def bits_of(image: Image.Image, data: bytes) -> int:
    """Of a channel; Pillow's modes don't tell it of colours with more than 8."""
    if image.format == "PNG":
        return data[24]
    if image.format == "TIFF":
        return numbers(tiff_tags(data).get(BITS, 1))[0]
    return DEPTHS.get(image.mode, 8)

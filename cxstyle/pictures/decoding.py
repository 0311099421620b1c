"""The bytes of a file, or a picture of Pillow's, to colours: all formats, modes and depths."""

from __future__ import annotations

import contextlib
import io
import logging
import re
import threading
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePath
from typing import Any

import numpy
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps, PngImagePlugin, UnidentifiedImageError
from torch import Tensor

from ..errors import CxStyleError, PictureError
from .alpha import filled
from .credits import credits_in, credits_of
from .icc import srgb_image, srgb_values
from .kinds import fault, kind_of, numbers
from .limits import check_pixels, most_pixels
from .photo import Photo
from .sixteen_bit import AVIF, HEIC, ORIENTATION, TIFF, Deep, loader_of, read_deep, tiff_tags, turned, unit
from .tensors import to_tensor

FORMATS = [
    *("PNG", "JPEG", "WEBP", "TIFF", "BMP", "DIB", "GIF", "AVIF", "JPEG2000", "PPM", "TGA", "ICO", "ICNS"),
    *("PSD", "PCX", "QOI", "SGI", "DDS"),
]
"""What is tried; not Pillow's whole list, which starts Ghostscript for PostScript."""
MOVING = {"GIF": "frames", "WEBP": "frames", "PNG": "frames", "AVIF": "frames", "TIFF": "pages"}
STARTS = {
    "PNG": rb"\x89PNG",
    "JPEG": rb"\xff\xd8\xff",
    "GIF": rb"GIF8[79]a",
    "WebP": rb"RIFF(?s:....)WEBP",
    "BMP": rb"BM(?s:.{12})[\x0c\x28\x38\x40\x6c\x7c]\0\0\0",
    "AVIF": rb"(?s:....)ftypavi[fs]",
}
"""How files of some formats begin, damaged or not."""
LARGEST_TEXT = 16 * 2**20
"""Bytes of a PNG's packed text or profile; Pillow's own limit is less than some profiles have."""
MOST_SCANS = 20
"""Of a JPEG as large as the limit of pixels; of smaller ones as many more."""
COUNTED = 4 * 2**20
"""Bytes up to which a file's frames are counted: there may be one in every few bytes."""
HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
AVIF_BRANDS = {b"avif", b"avis"}
logging.getLogger("PIL").addHandler(logging.NullHandler())  # else what it says of damaged files goes to stderr
LOCK = threading.RLock()
"""Pillow's limit of pixels and Python's warnings belong to the whole process."""


@contextlib.contextmanager
def pillow(label: str) -> Iterator[None]:
    """Pillow without its warnings and its own limit of pixels; whatever it says is one line.

    Raises:
        PictureError: the file could not be read.
    """
    with LOCK, warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\b|pillow_heif\b")
        before = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = None
        longest = PngImagePlugin.MAX_TEXT_CHUNK
        PngImagePlugin.MAX_TEXT_CHUNK = LARGEST_TEXT
        try:
            yield
        except CxStyleError:
            raise
        except UnidentifiedImageError as error:
            raise PictureError(
                f"{label} is not a picture in a format that can be read (JPEG, PNG, WebP, TIFF...)"
            ) from error
        except Image.DecompressionBombError as error:
            raise PictureError(f"{label} is too large to open safely: {error}; see --max-pixels") from error
        except MemoryError as error:
            raise PictureError(f"{label} needs more memory than there is") from error
        except Exception as error:  # damaged files raise whatever a decoder didn't expect
            if "MAX_TEXT_CHUNK" in str(error):
                raise PictureError(f"{label} holds a text or profile of more than 16 MB; save it without") from error
            reason = " ".join(str(getattr(error, "strerror", None) or error or type(error).__name__).split())
            raise PictureError(f"{label} can't be read: {reason[:200]}; {fault(reason)}") from error
        finally:
            Image.MAX_IMAGE_PIXELS = before
            PngImagePlugin.MAX_TEXT_CHUNK = longest


def decoded(data: bytes, label: str) -> Photo:
    """A file.

    Args:
        data: its bytes.
        label: what messages call it.

    Raises:
        PictureError: not a picture, damaged, too large, or of values that are no colours.
    """
    formats = readable(data, label)
    with pillow(label):
        loader = loader_of(data)
        try:
            image = Image.open(io.BytesIO(data), formats=formats)
        except UnidentifiedImageError as error:
            if loader == TIFF:
                return by_tags(data, label)
            if re.search(rb"\xff[\xc0-\xc2]..\x0c", data[: 2**16], re.S):
                raise PictureError(f"{label} is a JPEG of 12 bits, and 8 are read; save it as PNG or TIFF") from error
            kind = next((kind for kind, start in STARTS.items() if re.match(start, data)), "")
            if kind:
                raise PictureError(f"{label} begins as {kind} does and can't be read; the file is damaged") from error
            raise
        check_header(image, label)
        check_scans(data, image, label)
        notes = frames(data, formats)
        if not loader:
            return photo_of(image, label, notes)
        check_exif(image, notes)
        author, rights = credits_of(image)
        # libheif turns pictures by itself.
        orientation = 1 if loader in (AVIF, HEIC) else image.getexif().get(ORIENTATION, 1)
        found = read_deep(data, loader, label)
        # libvips drops a profile that doesn't fit without a word.
        found = replace(found, profile=found.profile or image.info.get("icc_profile"))
        return deep_photo(found, orientation, notes, author, rights)


def readable(data: bytes, label: str) -> list[str]:
    """The formats to try on a file, as Pillow names them.

    Raises:
        PictureError: it is of a kind that isn't read; or as of `needs_heif`.
    """
    with pillow(label):
        kind = kind_of(data, PurePath(label).suffix)
    if kind:
        raise PictureError(f"{label} is {kind}")
    heif = ["HEIF"] if needs_heif(data, label) else []
    with LOCK:
        Image.init()
    return [name for name in (*FORMATS, *heif) if name in Image.OPEN]


def check_header(image: Image.Image, label: str) -> None:
    """Refuses a picture beyond the limit of pixels, and from here on what lies within its file beyond twice of it."""
    check_pixels(*image.size, label)
    Image.MAX_IMAGE_PIXELS = most_pixels()


def check_scans(data: bytes, image: Image.Image, label: str) -> None:
    """Refuses a JPEG that paints its pixels over and over: a scan of all of them takes a dozen bytes."""
    if image.format in ("JPEG", "MPO"):
        scans, (width, height) = data.count(b"\xff\xda"), image.size
        if scans * width * height > MOST_SCANS * most_pixels():
            raise PictureError(
                f"{label} is {width}x{height} px in {scans:,} scans, more than pictures have; save it anew"
            )


def check_exif(image: Image.Image, notes: list[str]) -> None:
    """Takes EXIF data that can't be read out of a picture, which is none the worse."""
    try:
        image.getexif()
    except Exception:  # whatever is wrong with it: the pixels don't depend on it
        image.info.pop("exif", None)
        notes.append("its EXIF data is damaged and not used")


def by_tags(data: bytes, label: str) -> Photo:
    """A TIFF of a kind that Pillow doesn't know."""
    tags = tiff_tags(data)
    info = {"xmp": tags.get(700)}
    author, rights = credits_in(tags, info)
    found = read_deep(data, TIFF, label)
    return deep_photo(found, next(iter(numbers(tags.get(ORIENTATION))), 1), [], author, rights)


def deep_photo(found: Deep, orientation: int, notes: list[str], author: str, rights: str) -> Photo:
    """What libvips has read."""
    colors = turned(srgb_values(found.values, found.space, found.profile, notes), orientation)
    alpha = None if found.alpha is None else turned(found.alpha, orientation)
    return whole(channels(colors), alpha, found.bits, author, rights, notes)


def photo_of(image: Image.Image, label: str, notes: list[str] | None = None) -> Photo:
    """A picture of Pillow's, of any mode.

    Raises:
        PictureError: damaged, too large, or of values that are no colours.
    """
    notes = [] if notes is None else notes
    with pillow(label):
        check_header(image, label)
        image.load()
        check_pixels(*image.size, label)  # an icon's pictures may be larger than its list says
        check_exif(image, notes)
        author, rights = credits_of(image)
        notes += untold(image)
        image = ImageOps.exif_transpose(image)
        profile = image.info.get("icc_profile")
        if image.mode == "F" or image.mode.startswith("I"):
            values = srgb_values(unit(numpy.asarray(image), label)[:, :, None], "GRAY", profile, notes)
            return whole(channels(values), None, 16, author, rights, notes)
        colors, alpha = parted(image)
        beside = None if alpha is None else numpy.asarray(alpha, dtype=numpy.float32) / 255
        return whole(to_tensor(srgb_image(colors, profile, notes)), beside, 8, author, rights, notes)


def whole(colors: Tensor, alpha: NDArray[Any] | None, bits: int, author: str, rights: str, notes: list[str]) -> Photo:
    """Colours (1, 3, H, W) and alpha (H, W); one that is 1 everywhere is none."""
    beside = (
        None
        if alpha is None or bool((alpha >= 1).all())
        else torch.from_numpy(numpy.require(alpha, requirements=["C", "W"]))[None, None]
    )
    colors = colors if beside is None else filled(colors, beside)
    return Photo(colors, beside, bits, author, rights, tuple(dict.fromkeys(notes)))


def channels(values: NDArray[numpy.float32]) -> Tensor:
    """(H, W, 3) -> (1, 3, H, W)."""
    return torch.from_numpy(numpy.require(values, requirements=["C", "W"])).permute(2, 0, 1)[None].contiguous()


def parted(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Colours, in L, RGB or a mode that has no alpha and no palette, and the alpha in L; None where there is none."""
    if image.mode in ("La", "RGBa"):
        image = image.convert({"La": "LA", "RGBa": "RGBA"}[image.mode])
    alpha = image.convert("RGBA").getchannel("A") if image.has_transparency_data else None
    if image.mode in ("1", "L", "LA"):
        return (image if image.mode == "L" else image.convert("L")), alpha
    if image.mode in ("P", "PA", "RGBA", "RGBX"):
        return image.convert("RGB"), alpha
    return image, alpha


def untold(image: Image.Image) -> list[str]:
    """What a PNG says of its colours beside a profile is not applied; only sRGB's own needs no word."""
    gamma = image.info.get("gamma")
    if image.format != "PNG" or image.info.get("icc_profile") or "srgb" in image.info or not gamma:
        return []
    return [] if abs(gamma - 0.45455) < 0.01 else [f"its gamma of {gamma:g} is not applied; colours are taken as sRGB"]


def frames(data: bytes, formats: list[str]) -> list[str]:
    """A note where there are several, of which the first is what Pillow gives."""
    # A file of its own: what is wrong with later frames shall not touch the first, nor end its reading.
    with contextlib.suppress(Exception), Image.open(io.BytesIO(data), formats=formats) as image:
        word = MOVING.get(str(image.format))
        if word is not None and getattr(image, "is_animated", False):
            count = str(getattr(image, "n_frames", 1)) if len(data) <= COUNTED else "several"
            return [f"{count} {word}; the first is used"]
    return []


def needs_heif(data: bytes, label: str) -> bool:
    """Whether a file is HEIC, by its brands; the plug-in is there then.

    Raises:
        PictureError: there is none.
    """
    size = int.from_bytes(data[:4], "big")
    if data[4:8] != b"ftyp" or size > 1024:
        return False
    brands = {data[i : i + 4] for i in (8, *range(16, size, 4))}
    if brands & AVIF_BRANDS or not brands & HEIF_BRANDS:
        return False
    if not heif_plugin():
        raise PictureError(f'{label} is a HEIC picture, which needs a plug-in: pip install "cxstyle[heif]"')
    return True


def heif_plugin() -> bool:
    """Whether there is a plug-in for HEIC, which Pillow knows from then on."""
    try:
        import pillow_heif
    except ImportError:
        return False
    with LOCK:
        pillow_heif.register_heif_opener()
    return True

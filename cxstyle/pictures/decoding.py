"""The bytes of a file, or a picture of Pillow's, to colours: all formats, modes and depths."""

from __future__ import annotations

import contextlib
import io
import logging
import re
import warnings
from collections.abc import Iterator
from pathlib import PurePath

import numpy
import torch
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin, UnidentifiedImageError
from torch import Tensor

from ..errors import CxStyleError, PictureError
from .icc import srgb_values
from .kinds import LOCK, kind_of, numbers, tiff_tags
from .limits import check_pixels, most_bytes, most_pixels
from .metadata import XMP, attribution_in, attribution_of
from .sixteen_bit import AVIF, HEIC, ORIENTATION, PROFILE, TIFF, Decoded, loader_of, read_deep, unit
from .tensors import Photo, filled

FORMATS = (  # what is tried; not Pillow's whole list, which starts Ghostscript for PostScript
    *("PNG", "JPEG", "WEBP", "TIFF", "BMP", "DIB", "GIF", "AVIF", "JPEG2000", "PPM", "TGA", "ICO", "ICNS"),
    *("PSD", "PCX", "QOI", "SGI", "DDS"),
)
MOVING = {"GIF", "WEBP", "PNG", "AVIF"}
SPACES = {"RGB": "RGB", "L": "GRAY", "CMYK": "CMYK", "LAB": "LAB"}  # Pillow's mode -> the colour space
LARGEST_TEXT = 16 * 2**20  # bytes of a PNG's packed text or profile; Pillow's own limit is less than some profiles have
MOST_SCANS = 20  # of a JPEG as large as the limit of pixels; of smaller ones as many more
COUNTED = 4 * 2**20  # bytes up to which a file's frames are counted: there may be one in every few bytes
HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
AVIF_BRANDS = {b"avif", b"avis"}
logging.getLogger("PIL").addHandler(logging.NullHandler())  # else what it says of damaged files goes to stderr


@contextlib.contextmanager
def decoder_errors(label: str) -> Iterator[None]:
    """Whatever a decoder says is a PictureError of one line."""
    try:
        yield
    except CxStyleError:
        raise
    except UnidentifiedImageError as error:
        formats = "a format that can be read (JPEG, PNG, WebP, TIFF...)"
        raise PictureError(f"{label} is not a picture in {formats}, or is damaged") from error
    except MemoryError as error:
        raise PictureError(f"{label} needs more memory than there is") from error
    except Exception as error:  # damaged files raise whatever a decoder didn't expect
        reason = " ".join(str(getattr(error, "strerror", None) or error or type(error).__name__).split())
        reason = re.sub(r" \w+load_buffer: load error$", "", reason)  # libvips ends so or not, by chance
        meant = "it may be damaged, or of a rare kind: save it as PNG"
        raise PictureError(f"{label} can't be read: {reason[:200]}; {meant}") from error


@contextlib.contextmanager
def pillow(label: str) -> Iterator[None]:
    """Pillow without its warnings and its own limit of pixels, one picture at a time; errors as of `decoder_errors`."""
    with LOCK, warnings.catch_warnings(), decoder_errors(label):
        warnings.filterwarnings("ignore", module=r"PIL\b|pillow_heif\b")
        before, longest = Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK
        Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK = None, LARGEST_TEXT
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK = before, longest


def decode(data: bytes, label: str) -> Photo:
    """The bytes of a file, which messages call `label`; a PictureError where they are none that can be read."""
    formats = readable(data, label)
    with decoder_errors(label):
        loader = loader_of(data)
        if loader == TIFF:
            tags = tiff_tags(data)
            found = read_deep(data, TIFF, label, tags.get(PROFILE))
            notes = [f"{found.pages} pages; the first is used"] if found.pages > 1 else []
            orientation = next(iter(numbers(tags.get(ORIENTATION))), 1)
            return developed(found, orientation, attribution_in(tags, {"xmp": tags.get(XMP)}), notes)
        with pillow(label):
            image = Image.open(io.BytesIO(data), formats=formats)
            check_header(image, label)
            check_scans(data, image, label)
            notes = frames(data, formats)
            if loader:
                check_exif(image, notes)
                # libheif turns pictures by itself.
                orientation = 1 if loader in (AVIF, HEIC) else image.getexif().get(ORIENTATION, 1)
                said = attribution_of(image)
        if not loader:
            return photo_of(image, label, notes)
        found = read_deep(data, loader, label, image.info.get("icc_profile"))
        return developed(found, orientation, said, notes)


def readable(data: bytes, label: str) -> list[str]:
    """Pillow's names of the formats to try; a PictureError for what is too large, or of a kind that isn't read."""
    most, kind = most_bytes(), kind_of(data, PurePath(label).suffix)
    if len(data) > most:
        raise PictureError(f"{label} is larger than {most:,} bytes, more than a picture needs; see --max-pixels")
    if kind:
        raise PictureError(f"{label} is {kind}")
    with LOCK:
        Image.init()
    formats = [name for name in FORMATS if name in Image.OPEN]
    if is_heif(data):
        try:
            from pillow_heif import register_heif_opener
        except ImportError as error:
            needed = 'which needs a plug-in: pip install "cxstyle[heif]"'
            raise PictureError(f"{label} is a HEIC picture, {needed}") from error
        register_heif_opener()
        formats.append("HEIF")
    return formats


def is_heif(data: bytes) -> bool:
    """Whether a file is HEIC, by its brands."""
    size = int.from_bytes(data[:4], "big")
    if data[4:8] != b"ftyp" or size > 1024:
        return False
    brands = {data[i : i + 4] for i in (8, *range(16, size, 4))}
    return not brands & AVIF_BRANDS and bool(brands & HEIF_BRANDS)


def check_header(image: Image.Image, label: str) -> None:
    """Refuses a picture beyond the limit of pixels, and from here on what lies within its file beyond twice of it."""
    check_pixels(*image.size, label)
    Image.MAX_IMAGE_PIXELS = most_pixels()


def check_scans(data: bytes, image: Image.Image, label: str) -> None:
    """Refuses a JPEG that paints its pixels over and over: a scan of all of them takes a dozen bytes."""
    if image.format in ("JPEG", "MPO"):
        scans, (width, height) = data.count(b"\xff\xda"), image.size
        if scans * width * height > MOST_SCANS * most_pixels():
            many = f"{scans:,} scans, more than pictures have"
            raise PictureError(f"{label} is {width}x{height} px in {many}; save it anew")


def check_exif(image: Image.Image, notes: list[str]) -> None:
    """Takes EXIF data that can't be read out of a picture, which is none the worse."""
    try:
        image.getexif()
    except Exception:  # whatever is wrong with it: the pixels don't depend on it
        image.info.pop("exif", None)
        notes.append("its EXIF data is damaged and not used")


def photo_of(image: Image.Image, label: str, notes: list[str] | None = None) -> Photo:
    """A picture of Pillow's, of any mode; a PictureError where it is damaged, too large, or holds no colours."""
    notes = [] if notes is None else notes
    with pillow(label):
        check_header(image, label)
        image.load()
        check_pixels(*image.size, label)  # an icon's pictures may be larger than its list says
        check_exif(image, notes)
        notes += gamma_notes(image)
        said, orientation = attribution_of(image), image.getexif().get(ORIENTATION, 1)
        profile = image.info.get("icc_profile")
        if image.mode == "F" or image.mode.startswith("I"):
            found = Decoded(unit(numpy.asarray(image), label)[:, :, None], "GRAY", None, profile, 16)
        else:
            colors, alpha = split_alpha(image)
            pixels = numpy.asarray(colors).reshape(colors.height, colors.width, -1)
            values = unit(pixels, label)
            if colors.mode == "LAB":  # a and b have a sign
                values = numpy.concatenate([100 * values[:, :, :1], pixels[:, :, 1:].view("i1")], axis=2)
            beside = None if alpha is None else unit(numpy.asarray(alpha), label)
            found = Decoded(values, SPACES[colors.mode], beside, profile, 8)
    with decoder_errors(label):
        return developed(found, orientation, said, notes)


def developed(found: Decoded, orientation: int, said: tuple[str, str], notes: list[str]) -> Photo:
    """What a file holds, in sRGB, upright, with author and rights; alpha that is 1 everywhere is none."""
    colors = upright(srgb_values(found.values, found.space, found.profile, notes), orientation)
    alpha = None
    if found.alpha is not None and bool((found.alpha < 1).any()):
        alpha = upright(found.alpha[:, :, None], orientation)
        colors = filled(colors, alpha)
    return Photo(colors, alpha, found.bits, *said, tuple(dict.fromkeys(notes)))


def upright(values: NDArray[numpy.float32], orientation: int) -> Tensor:
    """(H, W, C) -> (1, C, H, W), as EXIF's orientation, 1 to 8, says that it is to be seen."""
    if orientation in (5, 6, 7, 8):
        values = values.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        values = values[:, ::-1]
    if orientation in (3, 4, 7, 8):
        values = values[::-1]
    return torch.from_numpy(numpy.require(values, requirements=["C", "W"])).permute(2, 0, 1)[None].contiguous()


def split_alpha(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Colours, in a mode of `SPACES`, and the alpha in L; None where there is none."""
    if image.mode in ("La", "RGBa"):
        image = image.convert({"La": "LA", "RGBa": "RGBA"}[image.mode])
    alpha = image.convert("RGBA").getchannel("A") if image.has_transparency_data else None
    if image.mode in ("1", "LA"):
        return image.convert("L"), alpha
    return (image if image.mode in SPACES else image.convert("RGB")), alpha


def gamma_notes(image: Image.Image) -> list[str]:
    """What a PNG says of its colours beside a profile is not applied; only sRGB's own needs no word."""
    gamma = image.info.get("gamma")
    if image.format != "PNG" or image.info.get("icc_profile") or "srgb" in image.info or not gamma:
        return []
    return [] if abs(gamma - 0.45455) < 0.01 else [f"its gamma of {gamma:g} is not applied; colours are taken as sRGB"]


def frames(data: bytes, formats: list[str]) -> list[str]:
    """A note where there are several, of which the first is what Pillow gives."""
    # A file of its own: what is wrong with later frames shall not touch the first, nor end its reading.
    with contextlib.suppress(Exception), Image.open(io.BytesIO(data), formats=formats) as image:
        if image.format in MOVING and getattr(image, "is_animated", False):
            count = str(getattr(image, "n_frames", 1)) if len(data) <= COUNTED else "several"
            return [f"{count} frames; the first is used"]
    return []

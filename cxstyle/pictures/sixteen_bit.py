"""Pictures that Pillow reads in part only: PNG, AVIF and HEIC of more than 8 bits a channel, and nearly all of TIFF, of
which Pillow would say on stderr what is wrong."""

from __future__ import annotations

import functools
import io
import logging
import os
from dataclasses import dataclass
from typing import Any

import numpy
from numpy.typing import NDArray

from ..errors import PictureError
from .kinds import PHOTOMETRIC, is_tiff, numbers, tiff_tags
from .limits import check_pixels

BITS, ORIENTATION, EXTRA, PROFILE = 258, 274, 338, 34675  # tags of TIFF
ASSOCIATED, STRAIGHT = 1, 2  # values of `EXTRA`: colours are multiplied by this alpha, or they aren't; others are none
LAB = 8  # value of `PHOTOMETRIC`
DEPTHS = (1, 2, 4, 8, 16, 32)  # bits of a channel that are read of a TIFF
SPACES = {
    **dict.fromkeys(("b-w", "grey16"), "GRAY"),
    **dict.fromkeys(("rgb", "srgb", "rgb16", "scrgb"), "RGB"),
    **dict.fromkeys(("lab", "labs"), "LAB"),
    "cmyk": "CMYK",
}
"""libvips's interpretation -> colour space."""
CHANNELS = {"GRAY": 1, "RGB": 3, "CMYK": 4, "LAB": 3}
TIFF, AVIF, HEIC = "tiffload_buffer", "heifload_buffer", "heic"  # loaders; the last is not libvips's but pillow-heif
SLACK = 1e-3  # how far floats may lie beyond [0, 1], as rounding to half precision brings them


@dataclass(frozen=True)
class Decoded:
    """A picture as it is in its file."""

    values: NDArray[Any]  # (H, W, C), as of `icc.srgb_values`
    space: str  # GRAY, RGB, CMYK or LAB
    alpha: NDArray[numpy.float32] | None  # (H, W) in [0, 1]
    profile: bytes | None
    bits: int  # 8 or 16
    pages: int = 1  # of which it is the first


@functools.cache
def vips() -> Any:
    """The module pyvips, told to keep quiet and to keep nothing of what it has read; a PictureError where it isn't
    there."""
    os.environ.setdefault("VIPS_WARNING", "0")
    try:
        import pyvips
    except (ImportError, OSError) as error:
        raise PictureError(f"this kind of picture needs libvips: pip install 'pyvips[binary]' ({error})") from error
    logging.getLogger("pyvips").setLevel(logging.CRITICAL)
    pyvips.cache_set_max(0)
    return pyvips


def loader_of(data: bytes) -> str:
    """What reads a TIFF or a file of more than 8 bits a channel: a loader of libvips, or `HEIC`; "" for other files."""
    if data[:8] == b"\x89PNG\r\n\x1a\n" and data[24:25] == b"\x10":
        return "pngload_buffer"
    if is_tiff(data):
        tags = tiff_tags(data)
        # libvips has no reader for L*a*b* of 8 bits.
        return "" if (tags.get(PHOTOMETRIC), *numbers(tags.get(BITS))[:1]) == (LAB, 8) else TIFF
    if data[4:8] != b"ftyp":
        return ""
    # Of each codec's configuration the bits that say more than 8 bits.
    for box, loader, byte, mask in ((b"av1C", AVIF, 2, 0x40), (b"hvcC", HEIC, 17, 0x07)):
        start = data.find(box, 0, 2**16) + len(box) + byte
        if box in data[: 2**16] and start < len(data) and data[start] & mask:
            return loader
    return ""


def read_deep(data: bytes, loader: str, label: str, profile: bytes | None) -> Decoded:
    """Decodes a file by a loader of `loader_of`. libvips drops a profile that doesn't fit without a word, so it is
    given. A PictureError for what is too large or holds no colours; a pyvips.Error for what is damaged."""
    if loader == HEIC:
        return read_heic(data, label)
    tags = tiff_tags(data) if loader == TIFF else {}
    odd = [bits for bits in numbers(tags.get(BITS)) if bits not in DEPTHS]
    if odd:
        raise PictureError(f"{label} has {odd[0]} bits a channel, and 1, 2, 4, 8, 16 or 32 are read; save it with 16")
    image = getattr(vips().Image, loader)(data, fail_on="error")
    check_pixels(image.width, image.height, label)
    space = space_of(image, label)
    said = {name: image.get(name) for name in image.get_fields()}
    white = white_of(said.get("bits-per-sample", 16) if loader == AVIF else 16)
    extra = numbers(tags.get(EXTRA))[:1]
    has_alpha = image.bands > CHANNELS[space] and (loader != TIFF or extra in ((ASSOCIATED,), (STRAIGHT,)))
    beside = image.extract_band(CHANNELS[space]).numpy() if has_alpha else None
    colors = image.extract_band(0, n=CHANNELS[space])
    values = (colors.colourspace("lab") if space == "LAB" else colors).numpy()
    values = values.reshape(image.height, image.width, -1)
    kept = 8 if values.dtype == numpy.uint8 else 16
    values = values if space == "LAB" else unit(values, label, white)
    alpha = None if beside is None else unit(beside.reshape(values.shape[:2]), label, white)
    if alpha is not None and extra == (ASSOCIATED,):
        values = straight(values, alpha)
    return Decoded(values, space, alpha, said.get("icc-profile-data") or profile, kept, said.get("n-pages", 1))


def read_heic(data: bytes, label: str) -> Decoded:
    """As `read_deep`; the plug-in is there."""
    import pillow_heif

    image = pillow_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=False)
    check_pixels(image.size[0], image.size[1], label)
    values = unit(numpy.asarray(image), label, white_of(int(image.info.get("bit_depth", 16))))
    if values.ndim == 2:
        values = values[:, :, None]
    color = 1 if values.shape[2] <= 2 else 3
    alpha = values[:, :, color] if values.shape[2] > color else None
    if alpha is not None and image.premultiplied_alpha:
        values = straight(values, alpha)
    return Decoded(values[:, :, :color], "GRAY" if color == 1 else "RGB", alpha, image.info.get("icc_profile"), 16)


def straight(values: NDArray[Any], alpha: NDArray[Any]) -> NDArray[Any]:
    """(H, W, C) that were multiplied by alpha (H, W), without it."""
    found: NDArray[Any] = (values / alpha.clip(1 / 65535, 1)[:, :, None]).clip(0, 1)
    return found


def white_of(bits: int) -> int:
    """Fewer bits come moved up to 16, so that white is a little less than 65535."""
    return 65535 >> (16 - bits) << (16 - bits)


def space_of(image: Any, label: str) -> str:
    """The colour space of an image of libvips."""
    kind = str(image.interpretation)
    space = ("GRAY" if image.bands <= 2 else "RGB") if kind == "multiband" else SPACES.get(kind)
    if space is None or image.bands < CHANNELS[space] or "complex" in str(image.format):
        channels = f"{image.bands} channels ({kind})"
        raise PictureError(f"{label} has {channels}, which are no colours that can be read; save it as RGB")
    return space


def unit(values: NDArray[Any], label: str, white: int = 65535) -> NDArray[numpy.float32]:
    """Values as a file has them, in [0, 1]: integers of 8 or 16 bits divided by their white, floats as they are; a
    PictureError for others."""
    if values.dtype in (numpy.uint8, numpy.uint16):
        divisor = 255 if values.dtype == numpy.uint8 else white
    else:
        if not numpy.isfinite(values).all():
            raise PictureError(f"{label} holds values that are no finite numbers (NaN or infinite); replace them")
        kind, divisor, slack = ("whole numbers", 65535, 0) if values.dtype.kind in "iu" else ("floats", 1, SLACK)
        low, high = float(values.min()), float(values.max())
        if low < -slack or high > divisor + slack:
            meant = f"{kind} from 0 to {divisor} are needed; scale them"
            raise PictureError(f"{label} holds values from {low:g} to {high:g}, and {meant}")
    found: NDArray[numpy.float32] = numpy.divide(values, divisor, dtype=numpy.float32)
    return found.clip(0, 1, out=found)

"""What a picture's file says beside its pixels, which stay undecoded."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageCms

from .credits import SPACE, credits_of, xmp_of
from .embed import KEY, NAMESPACE
from .sixteen_bit import BITS, ORIENTATION

DEPTHS = {"1": 1, "I": 32, "F": 32, "I;16": 16, "I;16B": 16}
"""Bits of Pillow's modes where they aren't 8."""


@dataclass(frozen=True)
class Tags:
    """What a picture's file says.

    Attributes:
        format: such as PNG.
        size: (width, height) in pixels, as stored.
        bits: of a channel.
        profile: the name of its colour profile; "" without one.
        orientation: of EXIF, 1 to 8; 1 where there is none.
        author: "" where it doesn't say.
        copyright: the same.
        record: of cxstyle, as text; "" without one.
    """

    format: str
    size: tuple[int, int]
    bits: int
    profile: str
    orientation: int
    author: str
    copyright: str
    record: str


def read_tags(path: Path) -> Tags:
    """What a picture's file says.

    Raises:
        PictureError: it is missing, no picture, damaged, or beyond the limit of pixels.
    """
    from .decoding import check_header, pillow, readable
    from .reading import file_bytes

    data = file_bytes(path)
    formats = readable(data, str(path))
    with pillow(str(path)), Image.open(io.BytesIO(data), formats=formats) as image:
        check_header(image, str(path))
        return tags_of(image, data)


def tags_of(image: Image.Image, data: bytes) -> Tags:
    """Of a picture that Pillow has opened, and its file."""
    author, rights = credits_of(image)
    orientation = image.getexif().get(ORIENTATION, 1)
    return Tags(
        image.format or "",
        image.size,
        bits_of(image, data),
        profile_name(image.info.get("icc_profile")),
        orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1,
        author,
        rights,
        record_in(image),
    )


def record_in(image: Image.Image) -> str:
    """Our record: a text of PNG, a property of XMP; "" without one."""
    found = text_in(image.info)
    if not found and image.format == "PNG":
        # Programs that have written it again put texts behind the pixels.
        with_text: Any = image
        found = text_in(with_text.text)
    if found:
        return found
    xmp = xmp_of(image.info)
    if xmp is None:
        return ""
    name = f"{{{NAMESPACE}}}record"
    element = xmp.find(f".//{name}")
    if element is not None:
        return (element.text or "").strip()
    # The same property in its other spelling.
    return next((part.get(name, "") for part in xmp.iterfind(".//rdf:Description", SPACE) if part.get(name)), "")


def text_in(texts: Mapping[Any, Any]) -> str:
    found = texts.get(KEY)
    return str(found) if isinstance(found, str) else ""


def bits_of(image: Image.Image, data: bytes) -> int:
    """Of a channel; Pillow's modes don't tell it of colours with more than 8."""
    if image.format == "PNG":
        return data[24]
    if image.format == "TIFF":
        tags: Any = image
        bits = tags.tag_v2.get(BITS, (1,))
        return int(bits[0] if isinstance(bits, tuple) else bits)
    return DEPTHS.get(image.mode, 8)


def profile_name(profile: object) -> str:
    """What a colour profile calls itself."""
    if not isinstance(profile, bytes) or not profile:
        return ""
    try:
        return ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile))).strip()
    except (ImageCms.PyCMSError, OSError):
        return "damaged"

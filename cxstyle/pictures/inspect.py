"""What a picture's file says beside its pixels, which stay undecoded."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from .decoding import check_header, pillow, readable
from .icc import name_of, opened
from .kinds import numbers, tiff_tags
from .metadata import attribution_of, record_in
from .reading import file_bytes
from .sixteen_bit import BITS, ORIENTATION

DEPTHS = {"1": 1, "I": 32, "F": 32, "I;16": 16, "I;16B": 16}  # bits of Pillow's modes where they aren't 8


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

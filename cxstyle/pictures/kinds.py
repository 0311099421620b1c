"""What a file is that is not read as a picture, and what to do with it."""

from __future__ import annotations

import contextlib
import io
import re
import threading
import warnings
from collections.abc import Mapping
from typing import Any

TYPE, PHOTOMETRIC, DNG = 254, 262, 50706
"""Tags of TIFF."""
SENSOR, PREVIEW = (32803, 34892), 1
"""Of `PHOTOMETRIC`: values as a camera's sensor gives them; and of `TYPE`."""
RAW = frozenset(
    f".{kind}"
    for kind in (
        *("3fr", "ari", "arw", "cr2", "cr3", "crw", "dcr", "dng", "erf", "fff", "iiq", "kdc", "mef", "mos", "mrw"),
        *("nef", "nrw", "orf", "pef", "raf", "rw2", "rwl", "sr2", "srf", "srw", "x3f"),
    )
)
"""Suffixes of cameras."""
DEVELOP = "a camera's raw file: develop it, as with darktable or RawTherapee, and save that as TIFF, PNG or JPEG"
LOCK = threading.RLock()
"""Pillow's limit of pixels and Python's warnings belong to the whole process."""
PICTURES = rb"\x89PNG|\xff\xd8\xff|RIFF|GIF8|BM"
"""How pictures begin, whatever they are called."""


def kind_of(data: bytes, suffix: str) -> str:
    """What a file is and what to do, such as "a camera's raw file: develop it"; "" for what may be a picture.

    Args:
        data: of the file, or the beginning of it.
        suffix: of its name.
    """
    if suffix.lower() in RAW and not re.match(PICTURES, data):
        return DEVELOP
    tags = tiff_tags(data) if is_tiff(data) else {}
    if DNG in tags or tags.get(PHOTOMETRIC) in SENSOR:
        return DEVELOP
    return "a TIFF whose first page is a preview of another: save that alone" if tags.get(TYPE) == PREVIEW else ""


def is_tiff(data: bytes) -> bool:
    """Of either byte order, BigTIFF included."""
    return data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def tiff_tags(data: bytes) -> Mapping[int, Any]:
    """The first page's tags; empty where they can't be read."""
    from PIL import TiffImagePlugin  # not before it is needed: the Tab key waits for none of it

    with LOCK, warnings.catch_warnings(), contextlib.suppress(Exception):  # the readers of the picture will say it
        warnings.simplefilter("ignore")
        tags = TiffImagePlugin.ImageFileDirectory_v2(data[: 16 if data[2:4] in (b"+\0", b"\0+") else 8])
        file = io.BytesIO(data)
        file.seek(tags.next)
        tags.load(file)
        return dict(tags)
    return {}


def numbers(value: Any) -> tuple[int, ...]:
    """A tag's value or values, where they are whole numbers."""
    several = value if isinstance(value, tuple | list) else (value,)
    return tuple(number for number in several if isinstance(number, int))

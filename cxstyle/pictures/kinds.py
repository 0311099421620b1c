"""What a file is that is not read as a picture, and what to do with it."""

from __future__ import annotations

import contextlib
import io
import re
import threading
import warnings
from collections.abc import Mapping
from typing import Any

TYPE, PHOTOMETRIC, DNG = 254, 262, 50706  # tags of TIFF
SENSOR = 32803, 34892  # values of `PHOTOMETRIC`: as a camera's sensor gives them
PREVIEW = 1  # value of `TYPE`
RAW = frozenset(
    f".{kind}"
    for kind in (
        *("3fr", "ari", "arw", "cr2", "cr3", "crw", "dcr", "dng", "erf", "fff", "iiq", "kdc", "mef", "mos", "mrw"),
        *("nef", "nrw", "orf", "pef", "raf", "rw2", "rwl", "sr2", "srf", "srw", "x3f"),
    )
)
"""Suffixes of cameras."""
DEVELOP = "a camera's raw file: develop it, as with darktable or RawTherapee, and save that as TIFF, PNG or JPEG"
KINDS = {
    rb"FUJIFILMCCD|II(RO|RS|U\0)|MMOR|FOVb|\0MRM|II\x1a\0\0\0HEAPCCDR|.{4}ftypcrx |II\*\0.{4}CR": DEVELOP,
    rb"\xff\x0a|\0\0\0\x0cJXL ": "a JPEG XL picture: save it as PNG",
    rb"8BPS(?!\0\x01.{16}\0[\x01\x08])": "a Photoshop file of more than 8 bits or 2 GB: save it flat, as TIFF or PNG",
    rb"gimp xcf|.{30}mimetype(image/openraster|application/x-kra)": "a file of a paint program: export it as PNG",
    rb"%PDF|%!PS|\xc5\xd0\xd3\xc6": "a document (PDF or PostScript): export its page as PNG",
    rb"(\xef\xbb\xbf)?\s*<(!DOCTYPE )?html": "a web page and not the picture on it: save the picture itself",
    rb"(\xef\xbb\xbf)?\s*<(.*<)?svg": "a drawing (SVG): export it as PNG, as large as it is to be",
    rb"v/1\x01|#\?RADIANCE|#\?RGBE": "a picture of high dynamic range: save it as TIFF or PNG of 16 bits",
    rb".{4}ftyp(iso[m2-9]|mp4|M4V|qt|avc1|3g)|\x1aE\xdf\xa3|RIFF.{4}AVI |\0\0\x01\xba": "a video: save a frame as PNG",
    rb"PK\x03\x04|7z\xbc\xaf|Rar!|\x1f\x8b": "an archive: unpack it",
    rb"version https://git-lfs": "a pointer of Git LFS: get the file itself with git lfs pull",
    rb"\Z": "an empty file: get it anew",
}
"""How files begin, and what they are."""
PICTURES = rb"\x89PNG|\xff\xd8\xff|RIFF|GIF8|BM"  # how pictures begin, whatever they are called
LOCK = threading.RLock()  # Pillow's limit of pixels and Python's warnings belong to the whole process


def kind_of(data: bytes, suffix: str) -> str:
    """What a file is and what to do, such as "an archive: unpack it", by its content, or the beginning of it, and the
    suffix of its name; "" for what may be a picture."""
    if suffix.lower() in RAW and not re.match(PICTURES, data):
        return DEVELOP
    tags = tiff_tags(data) if is_tiff(data) else {}
    if DNG in tags or tags.get(PHOTOMETRIC) in SENSOR:
        return DEVELOP
    if tags.get(TYPE) == PREVIEW:
        return "a TIFF whose first page is a preview of another: save that alone"
    return next((kind for start, kind in KINDS.items() if re.match(start, data[:2000], re.DOTALL | re.IGNORECASE)), "")


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

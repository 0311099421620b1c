"""What a file is that is not read as a picture, and what to do with it."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from typing import Any

TYPE, PHOTOMETRIC, PARTS, DNG = 254, 262, 330, 50706
"""Tags of TIFF."""
SENSOR = {32803, 34892}
"""Of `PHOTOMETRIC`: values as a camera's sensor gives them."""
PREVIEW = 1
"""Of `TYPE`."""
MOST_PAGES = 64
"""Of a TIFF that are looked at."""
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
PICTURES = rb"\x89PNG|\xff\xd8\xff|RIFF|GIF8|BM"
"""How pictures begin, whatever they are called."""
RARE = re.compile("not a whole number|not (be )?(supported|impl|config)|un(supported|known|impl)", re.IGNORECASE)
"""In what decoders say of files that are whole."""


def kind_of(data: bytes, suffix: str) -> str:
    """What a file is and what to do, such as "an archive: unpack it"; "" for what may be a picture.

    Args:
        data: of the file, or the beginning of it.
        suffix: of its name.
    """
    if suffix.lower() in RAW and not re.match(PICTURES, data):
        return DEVELOP
    if is_tiff(data):
        tags = [*pages(data)]
        if any(DNG in page or SENSOR & {*numbers(page.get(PHOTOMETRIC))} for page in tags):
            return DEVELOP
        previews = [page.get(TYPE) == PREVIEW for page in tags]
        if previews[:1] == [True] and not all(previews):
            return "a TIFF whose first page is a preview of another: save that alone"
    return next((kind for start, kind in KINDS.items() if re.match(start, data[:2000], re.DOTALL | re.IGNORECASE)), "")


def fault(reason: str) -> str:
    """What to do about a file that a decoder can't read."""
    return "this rare kind is not read; save it as PNG" if RARE.search(reason) else "the file may be damaged"


def is_tiff(data: bytes) -> bool:
    """Of either byte order, BigTIFF included."""
    return data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def pages(data: bytes) -> Iterator[Mapping[int, Any]]:
    """The tags of a TIFF's pages and of the parts of these; none more where they can't be read."""
    from PIL import TiffImagePlugin  # not before it is needed: the Tab key waits for none of it

    try:
        tags = TiffImagePlugin.ImageFileDirectory_v2(data[: 16 if data[2:4] in (b"+\0", b"\0+") else 8])
        file, places, seen = io.BytesIO(data), [tags.next], set[int]()
        while places and len(seen) < MOST_PAGES:
            place = places.pop(0)
            if place and place not in seen:
                seen.add(place)
                file.seek(place)
                tags.load(file)
                yield dict(tags)
                places += [tags.next, *numbers(tags.get(PARTS))]
    except Exception:  # whatever is wrong with them: the readers of the picture will say it
        return


def numbers(value: Any) -> tuple[int, ...]:
    """A tag's value or values, where they are whole numbers."""
    several = value if isinstance(value, tuple | list) else (value,)
    return tuple(number for number in several if isinstance(number, int))

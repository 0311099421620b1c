"""Records of a batch as people read them: short names, thumbnails, what became of each job."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from .manifest import COMPLETE, Record

if TYPE_CHECKING:
    from PIL import Image


def latest(records: Iterable[Record]) -> list[Record]:
    """The last record of each output, in the order in which the outputs first came."""
    return list({record["output"]: record for record in records}.values())


def short_names(files: Iterable[str]) -> dict[str, str]:
    """What to call each file: its stem, or as much of its path as tells it from the others.

    a/x.jpg and b/x.jpg are a/x and b/x; x.jpg and x.png keep their suffixes.
    """
    files = in_order(files)
    count = Counter(form for file in files for form in set(forms(file)))
    # a.jpg and ./a.jpg have all forms in common, and so are called as they came.
    return {file: next((form for form in forms(file) if count[form] == 1), file) for file in files}


def forms(file: str) -> list[str]:
    """Ways to call a file, short to long: x, x.jpg, a/x, a/x.jpg."""
    path = PurePath(file)
    tails = [path.parts[-depth:] for depth in range(1, len(path.parts) + 1)]
    return [str(PurePath(*tail[:-1], name)) for tail in tails for name in (path.stem, path.name)]


def thumbnail(path: str | Path, edge: int) -> Image.Image:
    """A picture with its long edge at most `edge` pixels: upright, sRGB, opaque; never enlarged.

    Raises:
        PictureError: it can't be read.
    """
    from ..pictures import read_image  # brings torch, which writing about a batch does not need until here

    picture = read_image(Path(path))
    picture.thumbnail((edge, edge), reducing_gap=3)
    return picture


def ending(record: Record) -> str:
    """How a job ended, with the reason, for people; "" for one that did what it should."""
    status, reason = str(record.get("status", "")), str(record.get("error") or "")
    if status == COMPLETE:
        return ""
    return f"{status}: {reason}" if reason and status not in reason else reason or status


def in_order(values: Iterable[Any]) -> list[Any]:
    """Each value once, as it first comes."""
    return list(dict.fromkeys(values))


def evenly(count: int, most: int) -> list[slice]:
    """Cuts a sequence into as few parts as hold no more than `most`, of about equal lengths."""
    parts = -(-count // most)
    bounds = [count * i // parts for i in range(parts + 1)] if parts else []
    return [slice(start, end) for start, end in pairwise(bounds)]

"""Pictures as the page's server shows them: smaller, in another format, out of a video."""

from __future__ import annotations

from collections import deque
from io import BytesIO
from itertools import islice
from pathlib import Path

from ..batch.worker import preview
from ..pictures import FORMATS, Writing
from .store import DECODING

QUALITY = 88
LONGEST = 86_400.0
"""Seconds into a video."""


def media_type(kind: str) -> str:
    """Of a format, as Pillow names it."""
    return f"image/{kind.lower()}"


def smaller(path: Path, edge: int, suffix: str = "") -> tuple[bytes, str]:
    """A picture with its long edge at most `edge` pixels, and its type: by a suffix, or JPEG, or PNG with alpha."""
    from ..pictures import on_white, read_photo, to_image

    with DECODING:
        photo = read_photo(path)
        kind = FORMATS[suffix or (".jpg" if photo.alpha is None else ".png")]
        image = to_image(photo.colors, photo.alpha) if kind.alpha else to_image(on_white(photo.colors, photo.alpha))
    image.thumbnail((edge, edge), reducing_gap=3)
    content = BytesIO()
    image.save(content, kind.name, quality=QUALITY)
    return content.getvalue(), media_type(kind.name)


def encoded(path: Path, suffix: str, quality: int) -> bytes:
    """A result, which is a PNG file, in the format of a suffix, with all that goes with it."""
    from ..pictures import Origin, encode, read_photo
    from ..transfer import as_text, read_record

    with DECODING:
        photo = read_photo(path)
    origin = Origin(photo.author, photo.copyright, photo.bits)
    writing = Writing(quality if FORMATS[suffix].quality else None)
    return encode(photo.colors, suffix, photo.alpha, writing, as_text(read_record(path)), origin).content


def frame_at(path: Path, seconds: float, edge: int) -> bytes:
    """A video's frame of a moment, or the last before it, as a JPEG."""
    from ..pictures import read_frames

    rate, frames = read_frames(path)
    with DECODING:
        last = deque(islice(frames, int(max(0.0, min(seconds, LONGEST)) * rate) + 1), 1)
    return preview(last[0], edge)

"""Which formats of pictures can be read and written here."""

from __future__ import annotations

import contextlib
import io

from ...pictures import FORMATS
from .attempts import Part

KINDS = {kind: kind for kind in ("PNG", "JPEG", "WEBP", "TIFF", "AVIF", "GIF", "BMP")} | {"HEIC": "HEIF"}
"""Format of pictures -> Pillow's name for it."""
LIBRARIES = {"PNG": "zlib", "JPEG": "libjpeg_turbo", "WEBP": "webp", "TIFF": "libtiff", "AVIF": "avif"}
"""Format of pictures -> what `PIL.features` calls the library behind it."""


def formats() -> Part:
    """Which pictures can be read, and results written as, tried on a small one where that is possible."""
    from PIL import Image, features

    with contextlib.suppress(Exception):  # it brings torch, which may be what is broken
        from ...pictures import heif_plugin

        heif_plugin()
    Image.init()
    found, results = {}, {known.name for known in FORMATS.values()}
    for name, kind in KINDS.items():
        written = written_as(kind)
        read = kind in Image.OPEN if written is None else can_read(written)
        library = features.version(LIBRARIES[name]) if name in LIBRARIES else None
        found[name] = {"read": read, "write": written is not None and kind in results, "library": library}
    return found


def written_as(kind: str) -> bytes | None:
    """A small picture as a file; None where Pillow can't write such."""
    from PIL import Image

    file = io.BytesIO()
    try:
        Image.new("RGB", (16, 16)).save(file, kind)
    except Exception:  # whichever way its codec fails
        return None
    return file.getvalue()


def can_read(file: bytes) -> bool:
    """Whether Pillow decodes it."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(file)) as picture:
            picture.load()
    except Exception:  # as above
        return False
    return True

"""Pictures out: whole files in the format of their suffix."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

from torch import Tensor

from ..errors import OutputError
from ..files import check_writable, write_whole
from ..image import to_image

FORMATS: dict[str, tuple[str, dict[str, Any]]] = {
    ".png": ("PNG", {}),
    ".jpg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".jpeg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".webp": ("WEBP", {"quality": 95, "method": 6}),
    ".tif": ("TIFF", {"compression": "tiff_deflate"}),
    ".tiff": ("TIFF", {"compression": "tiff_deflate"}),
    ".bmp": ("BMP", {}),
}
"""Suffix -> Pillow's format and options for writing."""


def check_suffix(path: Path) -> None:
    """Makes sure that the format can be told.

    Raises:
        OutputError: unknown suffix.
    """
    if path.suffix.lower() not in FORMATS:
        raise OutputError(
            f"{path}: can't tell the format from {path.suffix or 'no suffix'!r}; use {', '.join(FORMATS)}"
        )


def check_output(path: Path, *, overwrite: bool = False) -> None:
    """Makes sure, before anything is computed, that a picture can be written.

    Raises:
        OutputError: unknown suffix, a folder, an existing file without `overwrite`, a missing or unwritable folder.
    """
    check_suffix(path)
    check_writable(path, overwrite=overwrite)


def encode(picture: Tensor, suffix: str) -> bytes:
    """(1, 3, H, W) in [0, 1] as a file of the format of a suffix, one of `FORMATS`."""
    kind, options = FORMATS[suffix.lower()]
    encoded = io.BytesIO()
    to_image(picture).save(encoded, kind, **options)
    return encoded.getvalue()


def save_picture(picture: Tensor, path: str | os.PathLike[str]) -> None:
    """Writes (1, 3, H, W) in [0, 1] in the format of the suffix, whole or not at all.

    Raises:
        OutputError: unknown suffix or a file that can't be written.
    """
    path = Path(path)
    check_suffix(path)
    write_whole(path, encode(picture, path.suffix))

"""libvips, loaded where it is needed, and its errors in one line."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
from collections.abc import Iterator
from typing import Any

from ..errors import PictureError
from .kinds import fault


@functools.cache
def vips() -> Any:
    """The module pyvips, told to keep quiet and to keep nothing of what it has read.

    Raises:
        PictureError: it isn't there or doesn't work.
    """
    os.environ.setdefault("VIPS_WARNING", "0")
    try:
        import pyvips
    except (ImportError, OSError) as error:
        raise PictureError(f"this kind of picture needs libvips: pip install 'pyvips[binary]' ({error})") from error
    logging.getLogger("pyvips").setLevel(logging.CRITICAL)
    pyvips.cache_set_max(0)
    return pyvips


@contextlib.contextmanager
def vips_errors(label: str) -> Iterator[None]:
    """What libvips says of a damaged file, as one line.

    Raises:
        PictureError: it could not be read.
    """
    try:
        yield
    except vips().Error as error:
        lines = [line.strip() for line in str(error).splitlines()[1:] if line.strip()] or [str(error)]
        raise PictureError(f"{label} can't be read: {lines[0]}; {fault(lines[0])}") from error

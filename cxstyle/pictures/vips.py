"""libvips, loaded where it is needed."""

from __future__ import annotations

import functools
import logging
import os
from typing import Any

from ..errors import PictureError


@functools.cache
def vips() -> Any:
    """The module pyvips, told to keep quiet and to keep nothing of what it has read; a PictureError where it isn't
    there."""
    os.environ.setdefault("VIPS_WARNING", "0")
    try:
        import pyvips
    except (ImportError, OSError) as error:
        raise PictureError(f"this kind of picture needs libvips: pip install 'pyvips[binary]' ({error})") from error
    logging.getLogger("pyvips").setLevel(logging.CRITICAL)
    pyvips.cache_set_max(0)
    return pyvips

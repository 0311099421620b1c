"""How many pixels a picture may have; the most is checked by its header, before anything of it is decoded."""

from __future__ import annotations

import os
import re

from ..errors import ConfigError, PictureError

VARIABLE = "CXSTYLE_MAX_PIXELS"  # of the environment, which processes that a batch starts inherit
MOST = 200_000_000  # pixels, where nobody says otherwise
SMALLEST_EDGE = 32  # pixels; below, conv4_2 has too few positions for a set of features to mean anything
UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9}
LEAST_BYTES = 64 * 10**6


def pixel_count(text: str, name: str) -> int:
    """200M, 1.5G or 50000000, with the suffix K, M, G or none, as a number of pixels; a ConfigError, which calls the
    option or variable by its name, for what is neither, or less than 1."""
    match = re.fullmatch(r"(\d{1,15}(?:\.\d+)?)([KMG]?)", text.strip(), re.IGNORECASE)
    count = 0 if match is None else int(float(match[1]) * UNITS[match[2].upper()])
    if count < 1:
        raise ConfigError(f"{name}: {text!r} is not a number of pixels; use such as 200M or 50000000")
    return count


def most_pixels() -> int:
    """What the environment allows; a ConfigError where it says what is no number."""
    text = os.environ.get(VARIABLE, "")
    return pixel_count(text, VARIABLE) if text else MOST


def most_bytes() -> int:
    """A file larger than this can't be a picture within the limit: 16 bytes a pixel, and what else may be in it."""
    return 16 * most_pixels() + LEAST_BYTES


def check_pixels(width: int, height: int, label: str) -> None:
    """Refuses, by a PictureError, a picture beyond the limit."""
    limit = most_pixels()
    if width * height > limit:
        raise PictureError(
            f"{label} is {width}x{height} px, {width * height:,} in all, and the limit is {limit:,}; "
            f"raise it with --max-pixels (or {VARIABLE}) if you trust the file"
        )

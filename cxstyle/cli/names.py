"""Names of files that are made up."""

from __future__ import annotations

import os
from pathlib import Path

LONGEST = 120
"""Bytes of a name that is made up: file systems take 255, some 143, and suffixes, numbers and steps come on top."""


def free_name(*parts: str) -> Path:
    """PART_PART.png in the current folder, with the first free number where that is taken.

    Where the name would get too long, each part is cut to its share.
    """
    stem = "_".join(parts)
    if len(os.fsencode(stem)) > LONGEST:
        share = max(1, LONGEST // len(parts) - 1)
        stem = cut("_".join(cut(part, share) for part in parts), LONGEST)
    path, number = Path(f"{stem}.png"), 2
    while path.exists():
        path, number = Path(f"{stem}_{number}.png"), number + 1
    return path


def cut(text: str, size: int) -> str:
    """The start of a text, of at most so many bytes."""
    return os.fsencode(text)[:size].decode(errors="ignore")

"""Names of files that are made up."""

from __future__ import annotations

import os
from pathlib import Path

from ..batch.names import LONGEST, cut


def free_name(*parts: str, suffix: str = ".png") -> Path:
    """PART_PART.png in the current folder, with the first free number where that is taken.

    Where the name would get too long, each part is cut to its share.
    """
    stem = "_".join(parts)
    if len(os.fsencode(stem)) > LONGEST:
        share = max(1, LONGEST // len(parts) - 1)
        stem = cut("_".join(cut(part, share) for part in parts), LONGEST)
    return numbered(Path(f"{stem}{suffix}"))


def numbered(path: Path) -> Path:
    """A path, with the first free number where it is taken."""
    free, number = path, 2
    while free.exists():
        free, number = path.with_stem(f"{path.stem}_{number}"), number + 1
    return free

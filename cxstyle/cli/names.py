"""Names of files that are made up."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count, takewhile
from pathlib import Path

from ..batch.names import LONGEST, cut


def names(*parts: str) -> Iterator[Path]:
    """PART_PART.png in the current folder, PART_PART_2.png...

    Where the name would get too long, each part is cut to its share.
    """
    stem = "_".join(parts)
    if len(os.fsencode(stem)) > LONGEST:
        share = max(1, LONGEST // len(parts) - 1)
        stem = cut("_".join(cut(part, share) for part in parts), LONGEST)
    yield Path(f"{stem}.png")
    for number in count(2):
        yield Path(f"{stem}_{number}.png")


def free_name(*parts: str) -> Path:
    """The first of `names` that is free."""
    return next(path for path in names(*parts) if not path.exists())


def known_names(*parts: str) -> list[Path]:
    """Those of `names` before the first free one, and that, the last first."""
    taken = list(takewhile(Path.exists, names(*parts)))
    return [free_name(*parts), *reversed(taken)]

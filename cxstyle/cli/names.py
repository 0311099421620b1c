"""Names of files that are made up."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

from ..batch.naming import LONGEST, cut
from ..files import free, numbers


def names(*parts: str, suffix: str = ".png") -> Iterator[Path]:
    """PART_PART.png in the current folder, PART_PART_2.png...

    Where the name would get too long, each part is cut to its share.
    """
    stem = "_".join(parts)
    if len(os.fsencode(stem)) > LONGEST:
        share = max(1, LONGEST // len(parts) - 1)
        stem = cut("_".join(cut(part, share) for part in parts), LONGEST)
    return numbers(Path(f"{stem}{suffix}"))


def free_name(*parts: str, suffix: str = ".png") -> Path:
    """The first of `names` that is free."""
    return free(names(*parts, suffix=suffix))


def known_names(*parts: str, suffix: str = ".png") -> list[Path]:
    """Those of `names` before the first free one, and that, the last first."""
    taken = list(takewhile(Path.exists, names(*parts, suffix=suffix)))
    return [free_name(*parts, suffix=suffix), *reversed(taken)]

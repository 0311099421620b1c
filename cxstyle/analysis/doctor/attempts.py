"""Looking at what may be broken: whatever is wrong becomes a line of the report."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...errors import CxStyleError

Part = dict[str, Any]
"""What was found of one matter, in plain values."""


def attempt(look: Callable[[], Part]) -> Part:
    """A part, or what was wrong with it; this is the place where nothing at all may pass."""
    try:
        return look()
    except Exception as error:
        return {"error": in_a_line(error)}


def in_a_line(error: Exception) -> str:
    """What was wrong and what to do."""
    what = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, CxStyleError):
        return what
    if isinstance(error, ImportError):
        return f"a package can't be imported ({what}): install cxstyle and what it needs again"
    if isinstance(error, OSError) and error.filename is not None:
        return (
            f"can't read {error.filename}: {error.strerror}; allow it, or, for the cache, set CXSTYLE_CACHE to another"
        )
    return f"{type(error).__name__}: {what}; install cxstyle and what it needs again, or report this"

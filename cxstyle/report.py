"""Records of runs."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from .files import write_whole

PACKAGES = ("cxstyle", "torch", "torchvision", "pillow", "numpy")


def versions() -> dict[str, str]:
    """Versions of Python, cxstyle and what decides its pixels; "unknown" for a package without metadata."""
    found = {"python": platform.python_version(), "platform": platform.platform()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "unknown"
    return found


def write_record(
    path: Path,
    *,
    pictures: Mapping[str, str],
    settings: Mapping[str, Any],
    details: Mapping[str, Any],
    status: str,
    seconds: Mapping[str, float],
    losses: Sequence[Mapping[str, float]],
) -> None:
    """Writes a run as JSON, whole or not at all.

    Args:
        path: the file.
        pictures: paths of source, target and result.
        settings: as resolved, in the form of a preset.
        details: device, precision, network and sizes that were chosen.
        status: complete, stopped or diverged.
        seconds: loop and before_loop.
        losses: one entry for each iteration.

    Raises:
        OutputError: it can't be written.
    """
    record = {
        "pictures": pictures,
        "status": status,
        "settings": settings,
        "details": details,
        "seconds": seconds,
        "versions": versions(),
        "losses": losses,
    }
    write_whole(path, (json.dumps(record, indent=1) + "\n").encode())

"""Reports of runs, for processes that don't run them, too: nothing here loads torch."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ..files import write_whole
from ..settings import StyleConfig

PACKAGES = ("cxstyle", "torch", "torchvision", "pillow", "numpy")


def versions(packages: Sequence[str] = PACKAGES) -> dict[str, str]:
    """Versions of Python and of packages, by themselves cxstyle and what decides its pixels; "unknown" for what is not
    there."""
    found = {"python": platform.python_version(), "platform": platform.platform()}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "unknown"
    return found


def run_record(
    pictures: Mapping[str, Any],
    config: StyleConfig,
    details: Mapping[str, Any],
    status: str,
    seconds: Mapping[str, float],
    losses: Sequence[Mapping[str, float]],
) -> dict[str, Any]:
    """A run for JSON: paths of source, targets and result, its settings as resolved, and the rest as of `Result`."""
    return {
        "pictures": pictures,
        "status": status,
        "settings": config.to_dict(),
        "details": details,
        "seconds": seconds,
        "versions": versions(),
        "losses": losses,
    }


def write_json(path: Path, content: Mapping[str, Any], *, replace: bool = True) -> None:
    """Indented, with a newline at its end, whole or not at all; the rest as of `write_whole`."""
    write_whole(path, (json.dumps(content, indent=1) + "\n").encode(), replace=replace)

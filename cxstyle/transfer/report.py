"""Records of runs."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..files import write_whole

if TYPE_CHECKING:
    from .details import RunDetails

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
    *,
    pictures: Mapping[str, str],
    settings: Mapping[str, Any],
    details: RunDetails | Mapping[str, Any],
    status: str,
    seconds: Mapping[str, float],
    losses: Sequence[Mapping[str, float]],
) -> dict[str, Any]:
    """A run for JSON.

    Args:
        pictures: paths of source, target and result.
        settings: as resolved, in the form of a preset.
        details, status, seconds, losses: as of `Result`.
    """
    return {
        "pictures": pictures,
        "status": status,
        "settings": settings,
        "details": details if isinstance(details, Mapping) else details.to_dict(),
        "seconds": seconds,
        "versions": versions(),
        "losses": losses,
    }


def write_record(path: Path, *, replace: bool = True, **parts: Any) -> Path:
    """Writes a run, of parts as `run_record` takes them, as `write_json` does."""
    return write_json(path, run_record(**parts), replace=replace)


def write_records(path: Path, runs: Sequence[Mapping[str, Any]], *, replace: bool = True) -> Path:
    """Writes several runs, {"versions": ..., "runs": [...]}, as `write_json` does."""
    kept = [{key: value for key, value in run.items() if key != "versions"} for run in runs]
    return write_json(path, {"versions": versions(), "runs": kept}, replace=replace)


def write_json(path: Path, content: Mapping[str, Any], *, replace: bool = True) -> Path:
    """Indented, with a newline at its end, whole or not at all; the rest as of `write_whole`."""
    return write_whole(path, (json.dumps(content, indent=1) + "\n").encode(), replace=replace)

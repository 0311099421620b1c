"""Names of files that are made up, and folders that are made."""

from __future__ import annotations

from pathlib import Path

from ..errors import OutputError
from ..files import check_writable


def free_name(stem: str) -> Path:
    """STEM.png in the current folder, with the first free number where that is taken."""
    path, number = Path(f"{stem}.png"), 2
    while path.exists():
        path, number = Path(f"{stem}_{number}.png"), number + 1
    return path


def make_folder(folder: Path) -> None:
    """A folder for pictures, made where it is missing.

    Raises:
        OutputError: it can't be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"can't make the folder {folder}: {error.strerror or error}") from error
    check_writable(folder / "_")

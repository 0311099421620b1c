"""Which pictures a side of a batch has: given as a file, a folder, a glob or a list."""

from __future__ import annotations

import contextlib
import os
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from ..errors import ConfigError, PictureError
from ..files import check_plain, read_text, read_up_to
from ..pictures import kind_of
from ..settings import YAML

PICTURES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".tif", ".tiff", ".bmp", ".dib", ".gif", ".avif"),
    *(".heic", ".heif", ".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".jp2", ".j2k", ".qoi"),
)
"""Suffixes by which pictures are known in folders."""
LARGEST = 50_000_000
"""Bytes of a list, or a table."""
NAMED = 10
"""Files that a message names, at most."""
MAGIC = re.compile(r"[*?[]")

Note = Callable[[str], None]


@dataclass(frozen=True)
class Listed:
    """A picture of one side, and its name: its path relative to the side's root, without the suffix, with "/"."""

    path: Path
    name: str

    @property
    def file(self) -> str:
        """The name with its suffix: no other picture of the side has it."""
        return self.name + self.path.suffix

    @property
    def key(self) -> str:
        """By what others of the same name are found: however their accents are composed."""
        return unicodedata.normalize("NFC", self.name)


def list_pictures(
    side: str, recursive: bool, *, leave_out: Path | None = None, note: Note | None = None
) -> list[Listed]:
    """The pictures of one side, every one once.

    Args:
        side: a picture; a folder, whose pictures come sorted by name, hidden ones left out; a glob such as
            photos/**/*.jpg, sorted in the same way; or a list, .txt with a path on each line and # before comments,
            whose order is kept, and from whose folder relative paths count.
        recursive: into the sub-folders of a folder, too.
        leave_out: a folder of which folders and globs give nothing.
        note: told which files of a folder or a glob are no pictures, and why.

    The root of names is the folder, the part of a glob before its first wildcard, or the deepest folder that has all
    pictures of a list. A list may name files that don't exist. A PictureError where there is no picture.
    """
    path = Path(side)
    try:
        is_folder, is_file = bool(side) and path.is_dir(), path.is_file()
    except OSError as error:  # a name that is too long
        raise PictureError(f"can't read {side[:60]}...: {error.strerror}") from error
    if is_folder:
        files = [*walk(path, recursive, leave_out)]
        if not recursive and not any(map(is_picture, files)) and any(map(is_picture, walk(path, True, leave_out))):
            raise PictureError(f"{path} has no pictures itself, but its sub-folders have; add --recursive")
        return pictures_of(files, path, side, leave_out, note)
    if is_file:
        if path.suffix.lower() == ".txt":
            return in_list(path)
        if path.suffix.lower() in (*YAML, ".csv"):
            raise ConfigError(f"{side} is not a picture; if it is a file of jobs, use --jobs {side}")
        return [listed(path, path.parent)]
    if MAGIC.search(side):
        return in_glob(side, leave_out, note)
    raise PictureError(f"there is no file or folder {side or 'without a name'}")


def listed(path: Path, root: Path) -> Listed:
    return Listed(path, Path(os.path.relpath(path, root)).with_suffix("").as_posix())


def once(paths: Iterable[Path]) -> list[Path]:
    """The first of each that names the same place."""
    found: dict[str, Path] = {}
    for path in paths:
        found.setdefault(place(path), path)
    return list(found.values())


def place(file: str | Path) -> str:
    """A file's place, however it is written; links are not resolved."""
    return os.path.normpath(Path(file).absolute())


def is_picture(path: Path) -> bool:
    return path.suffix.lower() in PICTURES


def pictures_of(
    files: Iterable[Path], root: Path, side: str, leave_out: Path | None, note: Note | None
) -> list[Listed]:
    """Those of the files that are pictures, by name, folder by folder; what the others are is told."""
    results = None if leave_out is None else leave_out.resolve()
    found: list[Listed] = []
    kinds: dict[str, list[str]] = {}
    for path in sorted(path for path in files if results not in path.resolve().parents):
        if is_picture(path):
            found.append(listed(path, root))
        else:
            start = b""
            with contextlib.suppress(OSError):
                check_plain(path)  # a pipe would be waited for
                start = read_up_to(path, 4096)
            kinds.setdefault(kind_of(start, path.suffix) or "no picture by its suffix", []).append(path.name)
    said = "; ".join(f"{first_of(names)} ({kind})" for kind, names in kinds.items())
    if not found:
        beside = "" if leave_out is None else f" outside of {leave_out}, where the results go"
        others = f"; there are {said}" if said else ""
        raise PictureError(f"{side} has no pictures (jpg, png, webp, tif...){beside}{others}")
    if said and note is not None:
        note(f"left out of {side}: {said}")
    return sorted(found, key=lambda picture: picture.file.split("/"))


def first_of(names: Sequence[str]) -> str:
    """a, b and 7 more."""
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")


def walk(folder: Path, recursive: bool, leave_out: Path | None) -> Iterator[Path]:
    """The files of a folder but hidden ones. Links to folders are followed, but no folder is entered twice."""
    entered = set() if leave_out is None else {os.path.realpath(leave_out)}
    for current, folders, files in os.walk(folder, onerror=refuse, followlinks=True):
        real = os.path.realpath(current)
        names = [] if real in entered else sorted(files)
        folders[:] = sorted(f for f in folders if not f.startswith(".")) if recursive and real not in entered else []
        entered.add(real)
        yield from (Path(current, name) for name in names if not name.startswith("."))


def refuse(error: OSError) -> NoReturn:
    """What `walk` does about a folder that can't be read."""
    raise PictureError(f"can't read {error.filename}: {error.strerror or error}") from error


def in_glob(pattern: str, leave_out: Path | None, note: Note | None) -> list[Listed]:
    parts, root = list(Path(pattern).parts), Path()
    # A folder may have brackets in its name.
    while len(parts) > 1 and (not MAGIC.search(parts[0]) or (root / parts[0]).exists()):
        root /= parts.pop(0)
    if parts[-1] == "**":
        parts.append("*")
    if not root.is_dir():
        raise PictureError(f"{pattern}: there is no folder {root}")
    try:
        paths = [path for path in once(root.glob(str(Path(*parts)))) if path.is_file()]
    except ValueError as error:
        raise ConfigError(f"{pattern}: ** must stand alone between slashes, such as photos/**/*.jpg") from error
    if not any(part.startswith(".") for part in parts):  # hidden ones only where they are asked for
        paths = [p for p in paths if not any(part.startswith(".") for part in p.relative_to(root).parts)]
    return pictures_of(paths, root, pattern, leave_out, note)


def in_list(path: Path) -> list[Listed]:
    words = [line.strip() for line in read_text(path, LARGEST).split("\n") if not line.lstrip().startswith("#")]
    paths = once(path.parent / word for word in words if word)
    if not paths:
        raise PictureError(f"{path} names no pictures; write one path on each line")
    root = Path(os.path.commonpath([place(picture.parent) for picture in paths]))
    return [listed(picture, root) for picture in paths]

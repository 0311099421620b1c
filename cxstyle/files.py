"""Files are written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import math
import os
import secrets
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO

from .checks import in_words
from .errors import CheckpointError, ConfigError, CxStyleError, OutputError, TakenError

PARTIAL = ".part"  # suffix of files that are being written
SLACK = 1 << 16  # bytes that are to stay free beside files: folders grow, too


@contextlib.contextmanager
def system_errors(does: str, kind: type[CxStyleError] = OutputError) -> Iterator[None]:
    """What the system refuses within the block, which does nothing but that, in one line of ours."""
    try:
        yield
    except OSError as error:
        raise kind(f"{does}: {error.strerror or error}") from error


def check_plain(path: Path, largest: float = math.inf) -> None:
    """Refuses by an OSError, whose `strerror` says why, what is larger, and pipes and devices: they may have no end."""
    try:
        found = path.stat()
    except ValueError as error:  # a NUL in its name
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT)) from error
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "it is a pipe or a device; save its content in a file and name that")
    if found.st_size > largest:
        raise OSError(errno.EFBIG, f"it has {found.st_size / 1e6:.1f} MB, and at most {largest / 1e6:g} are read")


def read_plain(path: Path, largest: float = math.inf) -> bytes:
    """The content of a file; errors as of `check_plain`."""
    check_plain(path, largest)
    return path.read_bytes()


def read_text(path: Path, largest: float) -> str:
    """The content of a text file in UTF-8, with or without a byte order mark; a ConfigError where there is none."""
    try:
        with system_errors(f"can't read {path}", ConfigError):
            return read_plain(path, largest).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not a UTF-8 text file; save it as UTF-8") from error


def read_up_to(path: Path, most: int) -> bytes:
    """The content of a file or a pipe, or the first `most` bytes of it; a pipe is waited for. An OSError for a device
    and what can't be read, a ValueError for a NUL in the name."""
    with path.open("rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode)):
            raise OSError(errno.EINVAL, "it is a device")
        return file.read(most)


def shipped(folder: str) -> Path:
    """A folder that comes with cxstyle: inside an installed package, or beside it in a checkout."""
    inside = Path(__file__).with_name(folder)
    return inside if inside.is_dir() else Path(__file__).parents[1] / folder


def sha256_of(path: Path) -> str:
    """Of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_writable(*paths: Path, overwrite: bool = False, inputs: Iterable[str | Path] = ()) -> None:
    """Makes sure that a file can be made at each of these paths; leaves nothing behind.

    Args:
        paths: of the files.
        overwrite: whether files that are there may be replaced.
        inputs: files that may not be, whatever `overwrite` says.

    Raises:
        OutputError: a folder, an input, an existing file without `overwrite`, a missing or unwritable folder.
    """
    read = {file_id(each) for each in inputs} - {None}
    for path in paths:
        with system_errors(f"can't write {path}"):
            if path.is_dir():
                raise OutputError(f"{path} is a folder; name a file in it")
            if file_id(path) in read:
                raise OutputError(f"{path} is read, and what is read is never replaced; choose another name")
            if os.path.lexists(path) and not overwrite:
                raise OutputError(f"{path} exists; choose another name or add --overwrite")
            if not path.parent.is_dir():
                raise OutputError(f"can't write {path}: there is no folder {path.parent}")
            with tempfile.TemporaryFile(dir=path.parent):
                pass


def file_id(path: str | Path) -> tuple[int, int] | None:
    """The same for all paths that lead to one file; None where none is there."""
    try:
        found = Path(path).stat()
    except (OSError, ValueError):  # ValueError: a NUL in its name
        return None
    return found.st_dev, found.st_ino


def numbered(path: Path) -> Iterator[Path]:
    """x.png, x_2.png, x_3.png..."""
    yield path
    for number in count(2):
        yield path.with_stem(f"{path.stem}_{number}")


def free(path: Path) -> Path:
    """The first of its names `numbered` that is not taken."""
    return next(each for each in numbered(path) if not os.path.lexists(each))


def make_folder(folder: Path) -> None:
    """A folder for files, made where it is missing, with those above it; an OutputError where it can't be."""
    with system_errors(f"can't make the folder {folder}"):
        folder.mkdir(parents=True, exist_ok=True)
    check_writable(folder / "_", overwrite=True)


def check_space(needed: Iterable[tuple[Path, float]]) -> None:
    """Refuses, by an OutputError that names the largest, what there is no room for: files or folders, in folders that
    exist, and the bytes that each will take; of what lies on one file system, together. SLACK is added."""
    systems: dict[int, list[tuple[float, Path]]] = {}
    with contextlib.suppress(OSError):  # a folder that has gone is told of when it is written to
        for path, size in needed:
            folder = path if path.is_dir() else path.parent
            systems.setdefault(folder.stat().st_dev, []).append((size, path))
        for wanted in systems.values():
            largest = max(wanted)[1]
            space = shutil.disk_usage(largest if largest.is_dir() else largest.parent)
            size = sum(size for size, _ in wanted) + SLACK
            if space.total and space.free < size:
                amounts = f"up to {in_words(size)} are needed there, and {in_words(space.free)} are free"
                raise OutputError(f"can't write {largest}: {amounts}; free some, or write to another disk")


def partial_prefix(path: Path) -> str:
    """How the names of temporary files of a file begin: no two files' in a folder the same way, all equally long."""
    return f".{zlib.crc32(os.fsencode(path.name)):08x}."


def remove_partial(paths: Iterable[Path]) -> None:
    """Removes what writers of these files have left half-written when they were killed."""
    begin = {path.parent / partial_prefix(path) for path in paths}
    for folder in {path.parent for path in begin}:
        for found in folder.glob(f".*{PARTIAL}"):
            if found.with_name(found.name[: len(partial_prefix(found))]) in begin:
                found.unlink(missing_ok=True)


def taken(path: Path) -> bool:
    """Takes a name by an empty file; False where somebody has it."""
    try:
        path.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def is_marked(path: Path, mark: bytes, within: int = 500) -> bool:
    """Whether what is at a path is a file with a mark within its first bytes."""
    try:
        check_plain(path)
        with path.open("rb") as file:
            return mark in file.read(within)
    except OSError:
        return False


@contextlib.contextmanager
def whole_file(path: Path, *, replace: bool = True) -> Iterator[BinaryIO]:
    """A file to write piece by piece: a temporary one beside it, under a name that no other writer of it has, which
    takes its place once the block has ended well.

    Raises:
        TakenError: that is there and is not to be replaced; the file has the first free one of its names `numbered`.
        OutputError: it can't be written; what stood there before is untouched, and the temporary file is gone.
    """
    partial = path.parent / f"{partial_prefix(path)}{secrets.token_hex(8)}{PARTIAL}"
    claimed: Path | None = None
    with system_errors(f"can't write {path}"):
        try:
            with partial.open("xb") as file:
                yield file
            claimed = None if replace else next(filter(taken, numbered(path)))
            place = partial.replace(claimed or path)
        except BaseException:  # Ctrl-C, too, leaves no half-written file; it goes on from here
            with contextlib.suppress(OSError):
                partial.unlink()  # raises where it is in its place already
                if claimed:
                    claimed.unlink()
            raise
    if place != path:
        raise TakenError(path, place)


def write_whole(path: Path, content: bytes, *, replace: bool = True) -> None:
    """Writes a file by way of a temporary one beside it; `replace` and errors as of `whole_file`."""
    with whole_file(path, replace=replace) as file:
        file.write(content)


def save_state(path: Path, kind: str, state: Mapping[str, Any]) -> None:
    """Writes the state of long work of a kind, dicts, lists, tuples, numbers, text and tensors by name, by
    `torch.save`; an OutputError where it can't be written."""
    import torch

    with whole_file(path) as file:
        torch.save({"kind": kind, **state}, file)


def load_state(path: Path, kind: str) -> dict[str, Any]:
    """What `save_state` has written of this kind, verified, with tensors on the CPU; no code that a file could hold is
    run. A CheckpointError where it is damaged or another's, a FileNotFoundError without one."""
    import torch

    try:
        with zipfile.ZipFile(path) as archive:  # torch itself verifies no checksum
            whole = archive.testzip() is None
        state = torch.load(path, map_location="cpu", weights_only=True) if whole else None
        if isinstance(state, dict) and state.pop("kind", None) == kind:
            return state
    except FileNotFoundError:
        raise
    except OSError as error:
        raise CheckpointError(f"can't read {path}: {error.strerror or error}") from error
    except Exception as error:  # damaged files raise whatever the readers didn't expect
        raise damaged(path) from error
    raise damaged(path)


def damaged(path: Path) -> CheckpointError:
    """What to say of a file that holds no such state."""
    return CheckpointError(f"{path} is damaged or no checkpoint of cxstyle: remove it, and start from the beginning")

"""The manifest of a batch: one JSON line for each thing that happened to a job, added as it happens, never changed.

And its records as people read them: thumbnails, what became of each job.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import filelock

from ..errors import OutputError
from ..files import sha256_of, write_whole

if TYPE_CHECKING:
    from PIL import Image

Record = dict[str, Any]
NAME = "manifest.jsonl"
SHARD = re.compile(r"manifest(?:\.(\d+)of(\d+))?\.jsonl")
STARTED = "started"
COMPLETE = "complete"


class Manifest:
    """The manifest of a folder, held by one batch while it is entered.

    Args:
        folder: of the batch.
        shard: (i, n) for the part i of n, counted from 1, which has a manifest of its own; all are read.

    Attributes:
        latest: by output, the last record of each job that ended.
        known_outputs: by output that a batch has begun to make here, the SHA-256 of all that it has made of it.

    Raises:
        OutputError: another batch holds it, or it can't be read or written.
    """

    def __init__(self, folder: Path, shard: tuple[int, int] | None = None) -> None:
        self.folder = folder
        self.path = folder / ("manifest.{}of{}.jsonl".format(*shard) if shard else NAME)
        self.lock = filelock.FileLock(folder / f".{self.path.name}.lock")
        self.latest: dict[str, Record] = {}
        self.known_outputs: dict[str, set[str]] = {}

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as failing:
            failing.callback(self.lock.release)  # nothing, where it isn't held
            try:
                self.lock.acquire(timeout=0)
                trim(self.path)
                self.latest, self.known_outputs = read(self.folder)
                self.file = self.path.open("ab", buffering=0)
            except filelock.Timeout as error:
                why = f"another batch is writing to {self.path}; wait for its end, or use another folder"
                raise OutputError(why) from error
            except OSError as error:
                raise OutputError(f"can't write {self.path}: {error.strerror or error}") from error
            failing.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.file.close()
        finally:
            self.lock.release()

    def add(self, record: Record) -> Record:
        """Adds a line with the time to it, in one piece; returns the whole record."""
        line = json.dumps({"time": datetime.now(UTC).isoformat(timespec="microseconds"), **record})
        try:
            self.file.write(f"{line}\n".encode())
        except OSError as error:
            raise OutputError(f"can't write {self.path}: {error.strerror or error}") from error
        self.known_outputs.setdefault(record["output"], set()).add(record.get("sha256", ""))
        whole: Record = json.loads(line)  # as the next batch will read it
        if record["status"] != STARTED:
            self.latest[record["output"]] = whole
        return whole

    def made(self, output: str) -> bool:
        """Whether what is at an output's place now is what a batch has made."""
        path = self.folder / output
        return output in self.known_outputs and path.is_file() and sha256_of(path) in self.known_outputs[output]


def manifests(folder: Path) -> dict[Path, tuple[int, int] | None]:
    """All manifests of a folder, with their shards: that of whole batches first, those of shards in their order."""
    found = {path: match for path in folder.glob("manifest*.jsonl") if (match := SHARD.fullmatch(path.name))}
    shards = {path: (int(match[1]), int(match[2])) if match[1] else None for path, match in found.items()}
    return dict(sorted(shards.items(), key=lambda item: (item[1] or (0, 0))[::-1]))


def lines(path: Path) -> Iterator[Record]:
    """The records of a manifest; a line that was cut short, as by a loss of power, is none, and its job is done again.

    Raises:
        OutputError: it can't be read.
    """
    try:
        with path.open("rb") as file:
            for line in file:
                with contextlib.suppress(ValueError):
                    record = json.loads(line)
                    if isinstance(record, dict) and {"time", "output", "status"} <= record.keys():
                        yield record
    except OSError as error:
        raise OutputError(f"can't read {path}: {error.strerror or error}") from error


def read(folder: Path) -> tuple[dict[str, Record], dict[str, set[str]]]:
    """`Manifest.latest` and `Manifest.known_outputs` of all manifests of a folder; errors as of `lines`."""
    latest: dict[str, Record] = {}
    known_outputs: dict[str, set[str]] = {}
    for path in manifests(folder):
        for record in lines(path):
            output = record["output"]
            known_outputs.setdefault(output, set()).add(str(record.get("sha256", "")))
            before = latest.get(output)
            if record["status"] != STARTED and (before is None or before["time"] <= record["time"]):
                latest[output] = record
    return latest, known_outputs


def trim(path: Path) -> None:
    """Cuts off a last line that lacks its end, so that the next one starts on its own."""
    if path.exists():
        with path.open("rb+") as file:
            file.truncate(file.read().rfind(b"\n") + 1)


def merge(folder: Path) -> tuple[int, int]:
    """Joins the manifests of shards into that of the whole batch, in order of time, and removes them.

    Returns:
        How many jobs the folder's manifest knows now, and how many of them are complete.

    Raises:
        OutputError: there is none, a batch is still writing, or a file can't be read or written.
    """
    found = manifests(folder)
    if not found:
        raise OutputError(f"{folder} holds no manifest of a batch; name the folder given to `cxstyle batch -o`")
    with contextlib.ExitStack() as held:
        for shard in found.values():
            manifest = held.enter_context(Manifest(folder, shard))
            manifest.file.close()  # Windows replaces and removes no open file; the lock stays
        whole = sorted((record for path in found for record in lines(path)), key=lambda record: str(record["time"]))
        write_whole(folder / NAME, "".join(json.dumps(record) + "\n" for record in whole).encode())
        for path in found.keys() - {folder / NAME}:
            path.unlink()
            with contextlib.suppress(OSError):  # on Windows it goes by itself as it is released
                (folder / f".{path.name}.lock").unlink()
    latest, _ = read(folder)
    return len(latest), sum(record["status"] == COMPLETE for record in latest.values())


def latest(records: Iterable[Record]) -> list[Record]:
    """The last record of each output, in the order in which the outputs first came."""
    return list({record["output"]: record for record in records}.values())


def thumbnail(path: str | Path, edge: int) -> Image.Image:
    """A picture with its long edge at most `edge` pixels: upright, sRGB, opaque; never enlarged.

    Raises:
        PictureError: it can't be read.
    """
    from ..pictures import read_image  # brings torch, which writing about a batch does not need until here

    picture = read_image(Path(path))
    picture.thumbnail((edge, edge), reducing_gap=3)
    return picture


def ending(record: Record) -> str:
    """How a job ended, with the reason, for people; "" for one that did what it should."""
    status, reason = str(record.get("status", "")), str(record.get("error") or "")
    if status == COMPLETE:
        return ""
    return f"{status}: {reason}" if reason and status not in reason else reason or status


def unique(values: Iterable[Any]) -> list[Any]:
    """Each value once, as it first comes."""
    return list(dict.fromkeys(values))


def evenly(count: int, most: int) -> list[slice]:
    """Cuts a sequence into as few parts as hold no more than `most`, of about equal lengths."""
    parts = -(-count // most)
    bounds = [count * i // parts for i in range(parts + 1)] if parts else []
    return [slice(start, end) for start, end in pairwise(bounds)]

"""The page's folder, in which everything can be found again: pictures/ID/NAME, videos/ID/NAME, runs/ID/...

What is new is made in incoming/ and moved to its place whole, so that no kill leaves a half of anything.
"""

from __future__ import annotations

import contextlib
import json
import re
import secrets
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, NotRequired, TypedDict

import filelock
import msgspec
from PIL import Image

from ..checks import converted, cut, one_line
from ..errors import CxStyleError, OutputError, PictureError
from ..files import PARTIAL, make_folder, sha256_of, shipped, write_whole

ABOUT = "about.json"
OWN = {".lock", "incoming", "pictures", "videos", "runs"}
"""All that is in the folder."""
TEMPORARY = "cxstyle_"
"""How names in incoming/ begin, of what the next start may remove."""
SAMPLES = ("astronaut.jpg", "hopper.jpg", "chelsea.png", "coffee.png", "rocket.jpg")
MOST_POINTS = 300
"""Of a curve of losses."""
ACTIVE = ("waiting", "running")
DECODING = threading.Lock()
"""One picture at a time: each may take gigabytes."""


@dataclass
class Run:
    """A try: what it was asked for, and how far it is. The fields are those of its JSON, which `cxstyle docs web`
    tells, and of run.json; `rank` is its place among those that wait."""

    id: str
    targets: list[str]
    source: str | None = None
    kind: str = "picture"
    name: str = ""
    weights: list[float] | None = None
    source_mask: str | None = None
    target_masks: list[str] | None = None
    preset: str = "default"
    settings: dict[str, Any] = field(default_factory=dict)
    video: str | None = None
    minutes: float | None = None
    model: str | None = None
    status: str = "waiting"
    created: float = field(default_factory=time.time)
    started: float | None = None
    ended: float | None = None
    rank: int = 0
    done: float = 0.0
    place: str = ""
    scale: int = 0
    scales: int = 0
    seconds: float = 0.0
    seconds_left: float | None = None
    losses: dict[str, float | None] = field(default_factory=dict)
    curve: list[list[float]] = field(default_factory=list)
    picture_number: int = 0
    width: int = 0
    height: int = 0
    result: bool = False
    resumable: bool = False
    error: str = ""
    notes: list[str] = field(default_factory=list)

    def used(self) -> set[str]:
        """Ids of pictures and videos that it needs."""
        init = self.settings.get("init")
        named = [self.source, *self.targets, self.source_mask, *(self.target_masks or ()), self.video, init]
        return {name for name in named if name}

    def add_point(self, style: float | None, content: float | None) -> None:
        """A point of the curve; of too many every second one goes."""
        if style is not None or content is not None:
            self.curve.append([float(f"{value or 0:.5g}") for value in (self.done, style, content)])
            if len(self.curve) > MOST_POINTS:
                self.curve = self.curve[1::2]


class Item(TypedDict):
    """What is known of each file."""

    id: str
    name: str
    added: float
    width: int
    height: int
    type: NotRequired[str]
    alpha: NotRequired[bool]
    notes: NotRequired[list[str]]
    seconds: NotRequired[float]
    frames_per_second: NotRequired[float]


class Shelf:
    """Files of a kind that somebody has sent: by id `items`, what is known of each, and `samples`, those that come with
    cxstyle; `notes` are lines on what is there and can't be read. `look` tells what is known of a file, or raises a
    PictureError where it is none of the kind."""

    def __init__(self, folder: Path, look: Callable[[Path], dict[str, Any]]) -> None:
        self.folder, self.look, self.kind = folder, look, folder.name.removesuffix("s")
        self.samples: dict[str, tuple[Item, Path]] = {}
        self.lock = threading.Lock()
        found, self.notes = read_all(folder, ABOUT, Item)
        self.items: dict[str, Item] = {item["id"]: item for item in found}
        for item in found:
            if not self.held(item["id"]):
                del self.items[item["id"]]
                self.notes.append(f"{folder / item['id']} is left out: {item['name']} is missing")

    def held(self, key: str) -> Item | None:
        """What is known of a file that somebody has sent, and that is there."""
        item = self.items.get(key)
        return item if item and (self.folder / key / item["name"]).is_file() else None

    def add(self, path: Path) -> Item:
        """Keeps a file that has come to a folder of its own; the same bytes have the same id."""
        key = sha256_of(path)[:16]
        item = self.held(key)
        if item is None:
            item = converted({"id": key, "name": path.name, "added": time.time()} | self.look(path), Item)
            write_whole(path.with_name(ABOUT), json.dumps(item).encode())
            with self.lock:  # others may have sent it meanwhile
                item = self.held(key) or self._place(path.parent, item)
        return item

    def _place(self, incoming: Path, item: Item) -> Item:
        place = self.folder / item["id"]
        if place.is_dir():  # what is there can't be read, or has lost its file
            for name in (item["name"], ABOUT):
                (incoming / name).replace(place / name)
        else:
            incoming.rename(place)
        self.items[item["id"]] = item
        return item

    def add_sample(self, path: Path) -> None:
        key = sha256_of(path)[:16]
        with Image.open(path) as image:
            item = Item(id=key, name=path.name, added=0.0, width=image.width, height=image.height, alpha=False)
            self.samples[key] = item | {"type": image.format or ""}, path

    def find(self, key: str) -> tuple[Item, Path]:
        """What is known of a file, and where it is; a PictureError where there is none."""
        if item := self.held(key):
            return item, self.folder / key / item["name"]
        if key in self.samples:
            return self.samples[key]
        raise PictureError(f"there is no {self.kind} {one_line(key)[:40]}")

    def listed(self) -> list[Item]:
        """Newest first."""
        return sorted(self.items.values(), key=lambda item: -item["added"])

    def remove(self, key: str) -> None:
        with self.lock:
            discard(self.folder / key)
            del self.items[key]


class Store:
    """The folder, for one server at a time; an OutputError where it can't be made or written, another server has it, or
    it holds other things."""

    def __init__(self, folder: Path) -> None:
        make_folder(folder)
        names = {path.name for path in folder.iterdir()}
        if names and not (names >= OWN - {".lock"} or (names <= OWN and ".lock" in names)):
            raise OutputError(f"{folder} holds other things; name an empty or a new folder")
        self.folder, self.lock = folder.resolve(), filelock.FileLock(folder / ".lock", thread_local=False)
        try:
            self.lock.acquire(timeout=0)
        except filelock.Timeout as error:
            why = f"{folder} is in use by another `cxstyle serve`; open its page, or take --folder"
            raise OutputError(why) from error
        self.incoming = self.folder / "incoming"
        make_folder(self.incoming)
        for path in self.incoming.glob(f"{TEMPORARY}*"):
            shutil.rmtree(path, ignore_errors=True)
        self.pictures = Shelf(self.folder / "pictures", look_at_picture)
        self.videos = Shelf(self.folder / "videos", look_at_video)
        for path in map(shipped("samples").joinpath, SAMPLES):
            if path.exists():
                self.pictures.add_sample(path)
        runs, notes = read_all(self.folder / "runs", "run.json", Run)
        self.runs: dict[str, Run] = {run.id: run for run in runs}
        self.notes = [*self.pictures.notes, *self.videos.notes, *notes]

    def close(self) -> None:
        self.lock.release()

    def file(self, run: Run, name: str) -> Path:
        """One of a run's."""
        return self.folder / "runs" / run.id / name

    def plain(self, text: object) -> str:
        """A message in a line, in which files of this folder have their names alone."""
        return re.sub(rf"{re.escape(str(self.folder))}/(\w+/(\w+/)?)?", "", one_line(str(text)))

    def save(self, run: Run, **changes: Any) -> None:
        """Writes run.json with these changes, and makes them where that went well; the run's folder comes with it."""
        path = self.file(run, "run.json")
        make_folder(path.parent)
        write_whole(path, json.dumps(asdict(run) | changes, allow_nan=False).encode())
        vars(run).update(changes)
        self.runs[run.id] = run

    def remove(self, run: Run) -> None:
        """A run and its files."""
        discard(self.folder / "runs" / run.id)
        self.runs.pop(run.id, None)


def discard(folder: Path) -> None:
    """Removes a folder of a shelf or of runs; first, at once, from where the next start would find it."""
    gone = folder.parents[1] / "incoming" / f"{TEMPORARY}{secrets.token_hex(5)}"
    with contextlib.suppress(FileNotFoundError):
        folder.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)


def read_all(folder: Path, name: str, kind: Any) -> tuple[list[Any], list[str]]:
    """What a file `name` in each folder of a folder says, as a `kind`, and lines on what can't be read; what a kill has
    left half-written goes."""
    make_folder(folder)
    found, notes = [], []
    for path in sorted(folder.iterdir()):
        try:
            for partial in path.glob(f".*{PARTIAL}"):
                partial.unlink()
            if not any(path.iterdir()):
                path.rmdir()
                continue
            content = msgspec.json.decode((path / name).read_bytes())
            item, called = converted(content, kind), content.get("name", "")
            plain = PurePosixPath(called).name == called != ABOUT and called.isprintable()
            if content["id"] != path.name or not plain or "\\" in called:
                raise ValueError("its id or its name is another's")
            if isinstance(item, Run):
                item.used()
            found.append(item)
        except (OSError, ValueError, TypeError, RecursionError, msgspec.DecodeError) as error:
            notes.append(f"{path} is left out, and stays as it is: {one_line(str(error))[:200]}")
    return found, notes


def file_name(text: str) -> str:
    """A name that somebody has given a file, such that it can have it here."""
    name = PurePosixPath(one_line(text).replace("\\", "/")).name.lstrip(". ")
    suffix = cut(PurePosixPath(name).suffix, 12)
    stem = cut(name.removesuffix(suffix), 100)
    return f"{stem}{suffix}" if stem and name != ABOUT else f"picture{suffix}"


def look_at_picture(path: Path) -> dict[str, Any]:
    """Read whole, as a run would read it."""
    from ..pictures import read_photo, read_tags

    with DECODING:
        photo = read_photo(path)
    height, width = photo.colors.shape[2:]
    kind = ""
    with contextlib.suppress(CxStyleError):
        kind = read_tags(path).format
    return {"width": width, "height": height, "alpha": photo.alpha is not None, "type": kind, "notes": [*photo.notes]}


def look_at_video(path: Path) -> dict[str, Any]:
    """Its first frame is read."""
    from ..pictures import VIDEOS, open_video, read_frames

    if path.suffix.lower() not in VIDEOS:
        raise PictureError(f"{path}: the name of a video ends in one of {', '.join(VIDEOS)}")
    rate, frames = read_frames(path)
    with contextlib.closing(frames):
        first = next(frames, None)
    if first is None:
        raise PictureError(f"{path} holds no frame")
    with contextlib.closing(open_video(path)) as container:
        seconds = float(container.duration or 0) / 1_000_000
    height, width = first.shape[2:]
    return {"width": width, "height": height, "seconds": seconds, "frames_per_second": round(float(rate), 3)}

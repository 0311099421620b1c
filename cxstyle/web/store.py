"""The page's folder, in which everything can be found again: pictures/ID/NAME, videos/ID/NAME, runs/ID/...

What is new is made in incoming/ and moved to its place whole, so that no kill leaves a half of anything.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path, PurePosixPath
from typing import Any

import filelock
from PIL import Image

from ..checks import cut, one_line
from ..errors import CxStyleError, OutputError, PictureError
from ..files import make_folder, sha256_of, write_whole

ABOUT = "about.json"
SAMPLES = ("astronaut.jpg", "hopper.jpg", "chelsea.png", "coffee.png", "rocket.jpg")
MOST_POINTS = 300
"""Of a curve of losses."""
ACTIVE = ("waiting", "running")
PLAIN = {"; see what it said above": "", "start anew with --overwrite in place of --resume": "run it again"}
"""What messages say to people at a terminal, and to those at a page."""
DECODING = threading.Lock()
"""One picture at a time: each may take gigabytes."""


@dataclass
class Run:
    """A try: what it was asked for, and how far it is. The fields are those of its JSON, and of run.json.

    Attributes:
        rank: its place among those that wait; what the others are `cxstyle docs web` tells.
    """

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


class Shelf:
    """Files of a kind that somebody has sent, each with what is known of it.

    Args:
        folder: where they are.
        look: what is known of a file, by its path; a PictureError where it is none of the kind.

    Attributes:
        kind: picture or video.
        items: by id: id, name, added, and what `look` has found.
        samples: paths of those that come with cxstyle, by id.
    """

    def __init__(self, folder: Path, look: Callable[[Path], dict[str, Any]]) -> None:
        self.folder, self.look, self.kind = folder, look, folder.name.removesuffix("s")
        self.items: dict[str, dict[str, Any]] = {}
        self.samples: dict[str, Path] = {}
        make_folder(folder)
        for path in folder.iterdir():
            with contextlib.suppress(OSError, ValueError, KeyError):
                item = json.loads((path / ABOUT).read_text())
                self.items[item["id"]] = item

    def add(self, incoming: Path, name: str) -> dict[str, Any]:
        """Keeps the one file `name` of a folder, which goes; the same bytes have the same id."""
        path = incoming / name
        key = sha256_of(path)[:16]
        if not self.items.get(key, {}).get("added"):
            try:
                found = self.look(path)
            except CxStyleError as error:
                raise type(error)(str(error).replace(f"{incoming}{os.sep}", "")) from error
            item = {"id": key, "name": name, "added": time.time(), **found}
            write_whole(incoming / ABOUT, json.dumps(item).encode())
            with contextlib.suppress(OSError):  # somebody has sent the same at the same time
                incoming.rename(self.folder / key)
            self.items[key] = item
        shutil.rmtree(incoming, ignore_errors=True)
        return self.items[key]

    def add_sample(self, path: Path) -> None:
        key = sha256_of(path)[:16]
        with Image.open(path) as image:
            size = dict(zip(("width", "height"), image.size, strict=True))
            known = {"id": key, "name": path.name, "added": 0.0, "alpha": False, "type": image.format, **size}
        self.samples[key] = path
        self.items.setdefault(key, known)

    def path(self, key: str) -> Path:
        """Of a file; a PictureError where there is none."""
        item = self.items.get(key) if isinstance(key, str) else None
        if item is None:
            raise PictureError(f"there is no {self.kind} {one_line(str(key))[:40]}")
        path: Path = self.folder / key / item["name"]
        if key in self.samples and not path.exists():
            return self.samples[key]
        if not path.exists():
            raise PictureError(f"{item['name']} is no longer in {self.folder}")
        return path

    def listed(self) -> list[dict[str, Any]]:
        """Those that somebody has sent, newest first."""
        return sorted((i for i in self.items.values() if i["added"]), key=lambda i: -i["added"])

    def remove(self, key: str) -> None:
        item, shelved = self.items.pop(key), self.folder / key
        if key in self.samples:
            self.items[key] = item | {"added": 0.0}
        (shelved / ABOUT).unlink(missing_ok=True)
        shutil.rmtree(shelved, ignore_errors=True)


class Store:
    """The folder, for one server at a time.

    Raises:
        OutputError: it can't be made or written, or another server has it.
    """

    def __init__(self, folder: Path) -> None:
        make_folder(folder)
        self.folder, self.lock = folder.resolve(), filelock.FileLock(folder / ".lock", thread_local=False)
        try:
            self.lock.acquire(timeout=0)
        except filelock.Timeout as error:
            raise OutputError(
                f"{folder} is in use by another `cxstyle serve`; open its page, or take --folder"
            ) from error
        self.incoming = self.folder / "incoming"
        shutil.rmtree(self.incoming, ignore_errors=True)
        make_folder(self.incoming)
        self.pictures = Shelf(self.folder / "pictures", look_at_picture)
        self.videos = Shelf(self.folder / "videos", look_at_video)
        for shelf in (self.pictures, self.videos):
            sweep(shelf.folder, shelf.items)
        for path in map(samples_folder().joinpath, SAMPLES):
            if path.exists():
                self.pictures.add_sample(path)
        self.runs: dict[str, Run] = {}
        make_folder(self.folder / "runs")
        for path in (self.folder / "runs").iterdir():
            with contextlib.suppress(OSError, ValueError, TypeError):
                content = json.loads((path / "run.json").read_text())
                known = {each.name for each in fields(Run)}
                run = Run(**{name: value for name, value in content.items() if name in known})
                self.runs[run.id] = run
        sweep(self.folder / "runs", self.runs)

    def close(self) -> None:
        self.lock.release()

    def new_folder(self) -> Path:
        """For a file that is coming."""
        return Path(tempfile.mkdtemp(dir=self.incoming))

    def file(self, run: Run, name: str) -> Path:
        """One of a run's."""
        return self.folder / "runs" / run.id / name

    def plain(self, text: object) -> str:
        """A message in a line, in which files of this folder have their names alone, and no advice for terminals is."""
        line = re.sub(rf"{re.escape(str(self.folder))}/(\w+/(\w+/)?)?", "", one_line(str(text)))
        for words, instead in PLAIN.items():
            line = line.replace(words, instead)
        return line

    def save(self, run: Run) -> None:
        """Writes run.json; the run's folder comes with it."""
        path = self.file(run, "run.json")
        path.parent.mkdir(exist_ok=True)
        write_whole(path, json.dumps(asdict(run)).encode())
        self.runs[run.id] = run

    def remove(self, run: Run) -> None:
        """A run and its files; first that by which it would be found at the next start."""
        self.runs.pop(run.id, None)
        self.file(run, "run.json").unlink(missing_ok=True)
        shutil.rmtree(self.file(run, "."), ignore_errors=True)


def sweep(folder: Path, known: Any) -> None:
    """Removes from a folder what a kill has left: folders of nothing that is known, and files half-written."""
    for path in folder.iterdir():
        if path.name not in known:
            shutil.rmtree(path, ignore_errors=True)
    for path in folder.glob("*/.*.part"):
        path.unlink(missing_ok=True)


def samples_folder() -> Path:
    """Inside an installed package, or beside it in a checkout."""
    inside = Path(__file__).parents[1] / "samples"
    return inside if inside.is_dir() else Path(__file__).parents[2] / "samples"


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
    from ..pictures import open_video, read_frames

    rate, frames = read_frames(path)
    with contextlib.closing(frames):  # type: ignore[type-var]
        first = next(frames, None)
    if first is None:
        raise PictureError(f"{path} holds no frame")
    with contextlib.closing(open_video(path)) as container:
        seconds = float(container.duration or 0) / 1_000_000
    height, width = first.shape[2:]
    return {"width": width, "height": height, "seconds": seconds, "frames_per_second": round(float(rate), 3)}

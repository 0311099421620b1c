"""What a network is trained on: the pictures of each side, reduced and kept on the disk, and which belong together."""

from __future__ import annotations

import csv
import hashlib
import re
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from glob import glob, has_magic
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import numpy
import torch
from PIL import Image
from torch import Tensor

from ..errors import ConfigError, PictureError
from ..files import sha256_of, system_errors
from ..pictures import VIDEOS, load_picture, read_frames, resize, shrunk, to_image

CUT, MORE = 0.08, 5.0
"""Mean change from frame to frame, in [0, 1], beyond which there is a cut; and as many times the usual one."""


@dataclass(frozen=True)
class Survey:
    """What there is in a video."""

    frames: int  # how many
    rate: Fraction  # of them in a second
    shots: int  # parts without a cut
    middle: Tensor  # the frame in the middle, (1, 3, H, W) in [0, 1]


def survey(video: str | Path) -> Survey:
    """Looks through a video, a frame at a time; a PictureError where it can't be read to its end, or holds no or one
    frame."""
    rate, frames = read_frames(video)
    small = [resize(picture, 16, 16) for picture in frames]
    if not small:
        raise PictureError(f"{video} holds no frame")
    if len(small) == 1:
        raise PictureError(f"{video} is no video, but one picture: `cxstyle run` draws pictures")
    changes = [float((later - earlier).abs().mean()) for earlier, later in pairwise(small)]
    least = max(CUT, MORE * statistics.median(changes))
    middle = next(islice(read_frames(video)[1], len(small) // 2, None))
    return Survey(len(small), rate, 1 + sum(change > least for change in changes), middle)


@dataclass(frozen=True)
class Side:
    """The pictures of one side, all of one size."""

    name: str  # of the folder or file that they come from
    names: Sequence[str]  # of each: its file, or its number in the video
    pixels: Any  # (count, H, W, 3) of 8 bits, mapped from a file that goes with it: not in memory
    sha256: str  # of all files that were read, in their order

    def __len__(self) -> int:
        return len(self.names)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.pixels.shape[1], self.pixels.shape[2]

    @property
    def stems(self) -> list[str]:
        """The names without suffixes."""
        return [Path(name).stem for name in self.names]

    def pictures(self, indices: Sequence[int]) -> Tensor:
        """(N, 3, H, W) in [0, 1]."""
        chosen = torch.from_numpy(self.pixels[list(indices)].astype(numpy.float32))
        return (chosen / 255).permute(0, 3, 1, 2).contiguous()


def read_side(where: str | Path, long_edge: int) -> Side:
    """All pictures of a folder, of a pattern such as `frames/*.png`, of a video, or one picture; larger ones reduced. A
    PictureError where there are none, one can't be read, or they are not all of one size; an OutputError where the disk
    has no room for them."""
    paths, names, size = files_of(where), list[str](), None
    refused = f"can't keep the pictures of {where} in {tempfile.gettempdir()}"
    with system_errors(refused), tempfile.TemporaryFile() as file:
        for name, picture in named_pictures(paths):
            picture = shrunk(picture, long_edge)
            size = size or picture.shape[2:]
            if picture.shape[2:] != size:
                first, other = (f"{w}x{h} px" for h, w in (size, picture.shape[2:]))
                sizes = f"{names[0]} is {first} and {name} {other}"
                raise PictureError(f"{where}: sizes differ, {sizes}; crop them alike")
            names.append(name)
            file.write(to_image(picture).tobytes())
        if size is None:
            raise PictureError(f"{where} holds no picture")
        file.flush()
        pixels = numpy.memmap(file, numpy.uint8, "r", shape=(len(names), *size, 3))
    digests = hashlib.sha256("".join(map(sha256_of, paths)).encode())
    return Side(Path(where).name, names, pixels, digests.hexdigest())


def files_of(where: str | Path) -> list[Path]:
    """The files of a side, in the order of their names, numbers by their value; a PictureError where there are none."""
    path = Path(where)
    if path.is_dir():
        kinds = {*Image.registered_extensions(), *VIDEOS}
        found = [each for each in path.iterdir() if each.suffix.lower() in kinds and not each.name.startswith(".")]
    elif path.exists() or not has_magic(str(where)):
        found = [path]
    else:
        found = [Path(each) for each in glob(str(where))]  # noqa: PTH207 - of any folder
    if not found:
        raise PictureError(f"{where} holds no picture")

    def by_number(path: Path) -> list[tuple[int, str]]:
        return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", path.name)]

    return sorted(found, key=by_number)


def named_pictures(paths: Sequence[Path]) -> Iterator[tuple[str, Tensor]]:
    """The name of each picture, or the number of each frame, and (1, 3, H, W)."""
    for path in paths:
        if path.suffix.lower() in VIDEOS:
            for number, picture in enumerate(read_frames(path)[1]):
                yield str(number), picture
        else:
            yield path.name, load_picture(path)


def paired(sources: Side, targets: Side, how: str) -> list[int]:
    """Of each source the index of its target; -1 for those that a file of pairs leaves out.

    Args:
        sources: the one side.
        targets: the other, of the same size.
        how: number (in their order), name (of the files, without suffix), or the path of a CSV file: in each row the
            name or number of a source and of a target.
    """
    if sources.size != targets.size:
        sizes = (f"{width}x{height} px" for height, width in (sources.size, targets.size))
        raise PictureError(f"pairs: sizes differ, {' and '.join(sizes)}; crop them alike")
    if how == "number":
        if len(sources) != len(targets):
            counts = f"{sources.name} has {len(sources)} pictures and {targets.name} {len(targets)}"
            raise ConfigError(f"pairs: {counts}; cut the longer one, or pair them by name or by a CSV file")
        return list(range(len(sources)))
    known, wanted = {name: index for index, name in enumerate(targets.stems)}, {name: name for name in sources.stems}
    if how != "name":
        wanted = dict(rows_of(Path(how)))
        unknown = sorted(set(wanted) - set(sources.stems))
        if unknown:
            raise ConfigError(f"pairs: {sources.name} has no {unknown[0]}, which {how} names")
    missing = sorted(set(wanted.values()) - set(known))
    if missing or not wanted:
        raise ConfigError(f"pairs: {targets.name} has no {missing[0] if missing else 'pair'} for {sources.name}")
    return [known[wanted[name]] if name in wanted else -1 for name in sources.stems]


def rows_of(path: Path) -> Iterator[tuple[str, str]]:
    """The pairs of a CSV file, without a row that says source and target."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for number, row in enumerate(csv.reader(file), 1):
                if len(row) != 2:
                    raise ConfigError(f"pairs: {path}, line {number}: a source and a target are needed")
                first, second = (Path(cell.strip()).stem for cell in row)
                if (first, second) != ("source", "target"):
                    yield first, second
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"pairs: {path} can't be read: {reason}; use number, name or a CSV file") from error

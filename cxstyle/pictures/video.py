"""A movie of a run: GIF, WebP or, with ffmpeg, MP4."""

from __future__ import annotations

import contextlib
import importlib
import io
import math
import os
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from PIL import Image
from torch import Tensor

from ..errors import OutputError
from ..files import check_writable, partial_file, put_in_place
from .tensors import fit_within, resize, to_image, to_tensor

KINDS = (".gif", ".webp", ".mp4")
FRAMES = 100
"""Of a run, where nothing else says which; about."""
MOST = 600
"""Frames at most: they lie in memory, compressed, until the end."""
LONG_EDGE = 1920
"""Pixels, at most: what is larger is shrunk to it."""
LENGTH, SHORTEST, LONGEST = 6000, 40, 250
"""Milliseconds that the frames before the last last together, where that leaves each between these two."""
HOLD = 2000
"""Milliseconds of the last frame."""
QUALITY = 80
"""Of WebP."""


def check_movie(path: Path, *, overwrite: bool = False, inputs: Iterable[str | Path] = ()) -> None:
    """Makes sure, before anything is computed, that a movie can be made.

    Raises:
        OutputError: unknown suffix, no ffmpeg for MP4; or as of `check_writable`.
    """
    if path.suffix.lower() not in KINDS:
        raise OutputError(f"{path}: a movie is {', '.join(KINDS)}, not {path.suffix or 'without a suffix'}")
    check_writable(path, overwrite=overwrite, inputs=inputs)
    if path.suffix.lower() == ".mp4":
        ffmpeg()


def ffmpeg() -> str:
    """The program: the machine's, else the one that comes with imageio-ffmpeg.

    Raises:
        OutputError: there is none.
    """
    found = shutil.which("ffmpeg")
    if found is None:
        with contextlib.suppress(ImportError, RuntimeError):
            found = str(importlib.import_module("imageio_ffmpeg").get_ffmpeg_exe())
    if found is None:
        raise OutputError("MP4 needs ffmpeg: install it, or pip install 'cxstyle[movie]', or take .gif or .webp")
    return found


class Movie:
    """Frames of a run while it goes.

    Args:
        iterations: of the whole run.
        every: iterations from one frame to the next; without it there will be about a hundred.
        frames: where they are kept, as JPEG files by number of iteration.
    """

    def __init__(self, iterations: int, every: int | None = None, frames: dict[str, bytes] | None = None) -> None:
        step = every or max(1, round(iterations / FRAMES))
        self.every = step * math.ceil(iterations / step / MOST)
        self.frames = {} if frames is None else frames

    def add(self, step: int, picture: Tensor) -> None:
        """After an iteration, counted from 1: (1, 3, H, W) at whatever scale; kept where it is one of the frames."""
        if step == 1 or step % self.every == 0:
            encoded = io.BytesIO()
            to_image(picture).save(encoded, "JPEG", quality=95, subsampling=0)
            self.frames[f"{step:07}"] = encoded.getvalue()

    def write(self, path: Path, result: Tensor, *, replace: bool = True) -> Path:
        """Makes the movie, the result as its last frame, whole or not at all.

        Args:
            path: where to, with a suffix of `KINDS`.
            result: (1, 3, H, W) in [0, 1].
            replace: as of `put_in_place`, as is what is returned.

        Raises:
            OutputError: it can't be written, or ffmpeg has failed.
        """
        last = resize(result, *fit_within(result, LONG_EDGE))
        size = (last.shape[2], last.shape[3])
        encoded = [self.frames[name] for name in sorted(self.frames)]
        pictures = (frame_of(data, size) for data in encoded)
        each = round(max(SHORTEST, min(LONGEST, LENGTH / max(1, len(encoded)))) / 10) * 10
        durations = [each] * len(encoded) + [HOLD]
        content = chained(pictures, to_image(last)), size, durations
        with partial_file(path) as (partial, file):
            if path.suffix.lower() == ".mp4":
                write_mp4(partial, path, *content)
            else:
                (write_gif if path.suffix.lower() == ".gif" else write_webp)(file, *content)
        return put_in_place(partial, path, replace=replace)


def frame_of(encoded: bytes, size: tuple[int, int]) -> Image.Image:
    """A frame at a (height, width)."""
    with Image.open(io.BytesIO(encoded)) as image:
        return to_image(resize(to_tensor(image), *size))


def chained(pictures: Iterator[Image.Image], last: Image.Image) -> Iterator[Image.Image]:
    """One after the other, never two in memory."""
    yield from pictures
    yield last


def write_gif(file: BinaryIO, pictures: Iterator[Image.Image], _: tuple[int, int], durations: Sequence[int]) -> None:
    """Each frame with 256 colours of its own, dithered: skies would fall into bands."""
    mixed = Image.Dither.FLOYDSTEINBERG
    reduced = (p.quantize(palette=p.quantize(256, Image.Quantize.MEDIANCUT), dither=mixed) for p in pictures)
    first = next(reduced)
    settings = {"duration": [*durations], "loop": 0, "optimize": False, "disposal": 1}
    first.save(file, "GIF", save_all=True, append_images=reduced, **settings)


def write_webp(
    file: BinaryIO, pictures: Iterator[Image.Image], size: tuple[int, int], durations: Sequence[int]
) -> None:
    """Frames as still WebP pictures in one container, each written as soon as it is encoded.

    https://developers.google.com/speed/webp/docs/riff_container
    """
    height, width = (uint24(edge - 1) for edge in size)
    file.write(b"RIFF\0\0\0\0WEBP")
    file.write(chunk(b"VP8X", b"\x02\0\0\0" + width + height))
    file.write(chunk(b"ANIM", b"\0\0\0\0" + b"\0\0"))  # no background, for ever
    for picture, duration in zip(pictures, durations, strict=True):
        still = io.BytesIO()
        picture.save(still, "WEBP", quality=QUALITY, method=4)
        place = bytes(6) + width + height + uint24(duration) + b"\x02"  # at the corner, laid over nothing
        file.write(chunk(b"ANMF", place + still.getvalue()[12:]))
    end = file.tell()
    file.seek(4)
    file.write(struct.pack("<I", end - 8))


def uint24(value: int) -> bytes:
    """Three bytes, the lowest first."""
    return struct.pack("<I", value)[:3]


def chunk(name: bytes, content: bytes) -> bytes:
    """Of a RIFF file."""
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def write_mp4(
    partial: Path, path: Path, pictures: Iterator[Image.Image], size: tuple[int, int], durations: Sequence[int]
) -> None:
    """H.264 that every player knows: 4:2:0, so an odd last row or column is left out."""
    height, width = size
    rate = 1000 / durations[0] if len(durations) > 1 else 1.0
    source = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", f"{rate:.4f}", "-i", "-"]
    # Players take what is not tagged for what they like.
    colors = [word for name in ("-colorspace", "-color_primaries", "-color_trc") for word in (name, "bt709")]
    even = f"crop={width // 2 * 2}:{height // 2 * 2}:0:0,scale=out_color_matrix=bt709:out_range=tv"
    codec = ["-vf", even, "-c:v", "libx264", "-crf", "18", "-pix_fmt", "yuv420p", *colors, "-movflags", "+faststart"]
    command = [ffmpeg(), "-hide_banner", "-loglevel", "error", "-y", *source, *codec, "-f", "mp4", str(partial)]
    pipe(command, path, pictures, [max(1, round(duration * rate / 1000)) for duration in durations])


def pipe(command: Sequence[str], path: Path, pictures: Iterator[Image.Image], times: Sequence[int]) -> None:
    """Gives each picture to a program, as often as is said.

    Raises:
        OutputError: the program has failed.
    """
    with (
        tempfile.TemporaryFile() as said,
        # Ctrl-C reaches every process of a terminal; this one decides what it means.
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=said, stderr=said, start_new_session=os.name == "posix"
        ) as process,
    ):
        try:
            if process.stdin is not None:
                with contextlib.suppress(BrokenPipeError), process.stdin as stream:
                    for picture, count in zip(pictures, times, strict=True):
                        for _ in range(count):
                            stream.write(picture.tobytes())
            status = process.wait()
        except BaseException:
            process.kill()
            raise
        if status:
            said.seek(0)
            lines = said.read().decode(errors="replace").strip().splitlines()
            raise OutputError(f"ffmpeg could not make {path}: {lines[-1] if lines else f'exit status {status}'}")

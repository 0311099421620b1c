"""A trained network on files: pictures, folders of them, and videos, a frame at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from .. import pictures
from ..errors import OutputError, PictureError
from ..files import check_writable, make_folder
from .data import files_of
from .steady import Steady

PRIMING = 0.1
"""Seconds of sound before the picture that stay: what a decoder needs to begin."""
Draw = Callable[[Tensor], Tensor]
Callback = Callable[[Path, int], object]
"""Told of each frame: the input, and how many of it are done."""


@dataclass(frozen=True)
class Applied:
    """What came of one input."""

    input: Path  # its file
    output: Path  # the file that was written
    frames: int  # of a video; 1 of a picture
    given: tuple[int, int]  # (height, width) of the input
    size: tuple[int, int]  # (height, width) of the result
    seconds: float  # it took
    notes: tuple[str, ...] = ()  # what a user should know, a line each


def apply(
    generator: Callable[..., Tensor],
    inputs: Sequence[str | Path],
    output: str | Path,
    *,
    long_edge: int | None = None,
    full_size: bool = False,
    steady: bool = True,
    overwrite: bool = False,
    callback: Callback | None = None,
) -> Iterator[Applied]:
    """Draws pictures and videos anew; each is done as it is asked for.

    Of a video sound, rate and duration are kept, and it comes out upright. Memory doesn't grow with its length.

    Args:
        generator: the network, or a function of the same arguments.
        inputs: pictures, videos, folders of them, or patterns such as frames/*.png.
        output: a file for one input, else a folder, in which every result has the name of its input.
        long_edge: in pixels, to which larger inputs are reduced; without it that of the training.
        full_size: keep the size of the inputs, with a network that draws a change; see `Generator`.
        steady: hold frames of a video still where their source is; see `Steady`.
        overwrite: replace what is there.
        callback: told of each frame.

    Raises:
        PictureError: an input can't be read.
        OutputError: an output can't be written.
        MemoryLimitError: an input is too large for the device.
        ConfigError: full_size with a network that draws whole pictures.
    """

    def draw(frame: Tensor) -> Tensor:
        return generator(frame, long_edge, full_size=full_size)

    for path, result in results_of(inputs, Path(output), overwrite=overwrite):
        told = callback or (lambda *_: None)
        if path.suffix.lower() in pictures.VIDEOS:
            yield apply_video(draw, path, result, Steady() if steady else None, told)
        else:
            yield apply_picture(draw, path, result, told)


def results_of(inputs: Sequence[str | Path], output: Path, *, overwrite: bool) -> list[tuple[Path, Path]]:
    """Each input file and where its result goes; all are checked before the first is read."""
    paths = [path for each in inputs for path in files_of(each)]
    alone = len(paths) == 1 and output.suffix and not Path(inputs[0]).is_dir()
    if not alone:
        make_folder(output)
    found: dict[Path, Path] = {}
    for path in paths:
        moving = path.suffix.lower() in pictures.VIDEOS
        kinds, usual = (pictures.CONTAINERS, ".mp4") if moving else (pictures.FORMATS, ".png")
        named = path if path.suffix.lower() in kinds else path.with_suffix(usual)
        result = output if alone else output / named.name
        if result in found:
            raise OutputError(f"{path} is the second input for {result}; apply the network to their folders in turn")
        if result.suffix.lower() not in kinds:
            raise OutputError(f"{result}: what comes of {path.name} is one of {', '.join(kinds)}")
        found[result] = path
    check_writable(*found, overwrite=overwrite, inputs=paths)
    return [(path, result) for result, path in found.items()]


def apply_picture(draw: Draw, path: Path, output: Path, callback: Callback) -> Applied:
    started = time.perf_counter()
    picture = pictures.load_picture(path)
    drawn = draw(picture)
    pictures.save_picture(drawn, output)
    callback(path, 1)
    return Applied(path, output, 1, size_of(picture), size_of(drawn), time.perf_counter() - started)


def apply_video(draw: Draw, path: Path, output: Path, steady: Steady | None, callback: Callback) -> Applied:
    """Where its end is damaged, up to there."""
    started, count, notes = time.perf_counter(), 0, []
    rate, frames = pictures.read_frames(path)
    given: Tensor | None = None
    with pictures.VideoWriter(output, rate) as writer, closing(Sound(path, writer.container)) as sound:
        try:
            for frame in frames:
                if frame is not given:  # a frame that lasts comes again as the same
                    given, drawn = frame, draw(frame)
                    if steady is not None:
                        drawn = steady(pictures.resize(frame, *drawn.shape[2:]), drawn)
                writer.write(drawn)
                count += 1
                sound.copy(float(count / rate))
                callback(path, count)
            sound.copy()
        except PictureError as error:
            if given is None:
                raise
            notes.append(f"{error}; the result ends there, after {count} frames")
        if given is None:
            raise PictureError(f"{path} holds no frame")
        if not notes and count / rate < sound.seconds - 0.5:
            notes.append(f"{path} says that it lasts {sound.seconds:.1f} s, and ends after {float(count / rate):.1f} s")
    size = drawn.shape[2] // 2 * 2, drawn.shape[3] // 2 * 2  # as H.264 has them
    return Applied(path, output, count, size_of(given), size, time.perf_counter() - started, tuple(notes))


def size_of(picture: Tensor) -> tuple[int, int]:
    return picture.shape[2], picture.shape[3]


class Sound:
    """The sound of a video, whose packets are copied as they are; to be closed.

    Args:
        path: of the video.
        container: that gets it.

    Attributes:
        seconds: that the file says that its picture lasts; 0 where it doesn't.

    Raises:
        OutputError: the container can't hold this kind of sound.
    """

    def __init__(self, path: Path, container: Any) -> None:
        self.path, self.container, self.input = path, container, pictures.open_video(path)
        video: Any = self.input.streams.video[0]
        self.start = float((video.start_time or 0) * video.time_base)
        # Matroska has it as a tag, such as 00:01:05.2.
        clock = [part for part in video.metadata.get("DURATION", "").split(":") if part.replace(".", "").isdecimal()]
        tagged = sum(float(part) * 60**place for place, part in enumerate(reversed(clock)))
        self.seconds = float(video.duration * video.time_base) if video.duration else tagged
        self.streams: dict[int, Any] = {}
        for stream in self.input.streams.audio:
            try:
                self.streams[stream.index] = container.add_stream_from_template(stream)
            except (ValueError, pictures.pyav().FFmpegError) as error:
                self.input.close()
                why = f"the sound of {path} is {stream.codec_context.name}, which such a file can't hold"
                raise OutputError(f"{why}; write an .mkv") from error
        self.packets = iter(self.input.demux(*self.input.streams.audio) if self.streams else ())
        self.ahead: Any = None

    def close(self) -> None:
        self.input.close()

    def copy(self, until: float | None = None) -> None:
        """What belongs to the seconds up to a moment, or all that is left."""
        while until is None or self.ahead is None or self.ahead.pts * self.ahead.time_base - self.start <= until:
            packet = self.ahead
            if packet is not None and packet.pts * packet.time_base >= self.start - PRIMING:
                shift = round(self.start / packet.time_base)
                packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
                packet.stream = self.streams[packet.stream.index]
                with pictures.video_errors("the sound can't be written", OutputError):
                    self.container.mux(packet)
            with pictures.video_errors(f"the sound of {self.path} can't be read to its end", PictureError):
                self.ahead = next((each for each in self.packets if each.dts is not None), None)
            if self.ahead is None:
                return

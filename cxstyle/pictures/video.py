"""Videos by FFmpeg's libraries, frame by frame; and the movie of a run, MP4 or GIF."""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Generator, Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy
import torch
from PIL import Image
from torch import Tensor

from ..errors import OutputError, PictureError
from ..files import check_plain, check_writable, whole_file
from .limits import check_pixels
from .tensors import resize, shrunk, to_image, to_tensor

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

CONTAINERS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"}  # suffix of what can be written -> FFmpeg's name for it
VIDEOS = (*CONTAINERS, ".webm", ".avi", ".m4v")  # suffixes of what is read as a video
KINDS = (".gif", *CONTAINERS)  # suffixes of movies
FRAMES = 100  # of a run, where nothing else says which; about
MOST = 600  # frames at most: they lie in memory, compressed, until the end
LONG_EDGE = 1920  # pixels, at most: what is larger is shrunk to it
LENGTH, SHORTEST, LONGEST = 6000, 40, 250  # ms of all frames before the last, where each lasts between the other two
HOLD = 2000  # ms of the last frame
CRF = "18"  # quality of H.264, at which few see a difference
USUAL_RATE = Fraction(25)  # frames a second, where a file doesn't say
STEADY_RATE = Fraction(60)  # frames a second, up to which the rate that fits all of a varying one is taken
JUMP = 300  # seconds: a longer one between two frames is a new start of the clock, as is one backwards
BT709, UNKNOWN_MATRIX, HD = 1, 2, 720  # numbers of FFmpeg's; untagged video of so many lines is BT.709, smaller BT.601
WIDE = {"color_trc": {16, 18}, "color_primaries": {9, 12}}  # PQ, HLG; BT.2020, P3: converted to be seen as sRGB


def pyav(error: type[PictureError | OutputError] = PictureError) -> Any:
    """The module av; a PictureError, or the error that is named, where it isn't there."""
    try:
        import av
    except ImportError as missing:
        raise error("video needs PyAV: pip install 'cxstyle[video]'") from missing
    return av


@contextlib.contextmanager
def video_errors(does: str, error: type[PictureError | OutputError]) -> Iterator[None]:
    """What FFmpeg says, in one line."""
    fault = pyav(error).FFmpegError
    try:
        yield
    except (fault, OSError, ValueError) as found:  # ValueError: a name with a NUL, a frame of another size
        reason = " ".join(str(getattr(found, "strerror", None) or found).split())
        raise error(f"{does}: {reason[:200]}") from found


def read_frames(path: str | Path) -> tuple[Fraction, Generator[Tensor]]:
    """The pictures of a video: upright, pixels square, at one rate.

    Where frames last differently long, one that lasts longer is given again, as the same tensor, and of those that
    would come at the same time the last is given, so that sound stays in step.

    Returns:
        Frames a second, and the frames, (1, 3, H, W) float32 sRGB in [0, 1], each decoded when it is asked for. The
        file is open until the last one, or until the iterator is closed.

    Raises:
        PictureError: PyAV is missing, there is no such file, it is no video, it is beyond the limit of pixels; or, when
            a frame is asked for, it is damaged there.
    """
    path = Path(path)
    container = open_video(path)
    stream = container.streams.video[0]
    stream.thread_type = "AUTO"
    check_pixels(stream.width, stream.height, str(path))
    average = stream.average_rate or USUAL_RATE
    rate = stream.guessed_rate or average  # of a varying rate the one that leaves no frame out
    if rate > max(STEADY_RATE, average):
        rate = average
    return rate, steady(decoded_frames(path, container, stream), rate)


def open_video(path: Path) -> InputContainer:
    """PyAV's container of a video, to be closed; a PictureError as of `read_frames`."""
    av = pyav()
    with video_errors(f"{path} can't be read", PictureError):
        check_plain(path)
        # FFmpeg would take some names for addresses, and open what a list of videos names.
        container: InputContainer = av.open(f"file:{path}", options={"protocol_whitelist": "file"})
    if not container.streams.video:
        container.close()
        raise PictureError(f"{path} holds no video")
    return container


def decoded_frames(path: Path, container: InputContainer, stream: VideoStream) -> Iterator[tuple[float | None, Tensor]]:
    """The seconds of each frame, None where the file doesn't say, and its picture."""
    from av.video.reformatter import VideoReformatter

    reformatter = VideoReformatter()
    with container, video_errors(f"{path} can't be read to its end", PictureError):
        for frame in container.decode(stream):
            check_pixels(frame.width, frame.height, str(path))
            yield frame.time, frame_tensor(frame, stream.sample_aspect_ratio, reformatter)


def frame_tensor(frame: VideoFrame, aspect: Fraction | None, reformatter: Any) -> Tensor:
    """A frame as (1, 3, H, W), with square pixels, upright, in sRGB."""
    from av.video.reformatter import ColorPrimaries, ColorTrc, Interpolation

    deep = max(component.bits for component in frame.format.components) > 8
    settings: dict[str, Any] = {"format": "rgb48le" if deep else "rgb24"}
    settings["width"] = round(frame.width * aspect) if aspect else frame.width
    settings["interpolation"] = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
    if frame.colorspace == UNKNOWN_MATRIX and frame.height >= HD:
        settings["src_colorspace"] = BT709
    if any(getattr(frame, name) in values for name, values in WIDE.items()):
        settings |= {"dst_color_trc": ColorTrc.IEC61966_2_1, "dst_color_primaries": ColorPrimaries.BT709}
    pixels = reformatter.reformat(frame, **settings).to_ndarray()  # (H, W, 3)
    upright = numpy.rot90(pixels, round(frame.rotation / 90))
    values = torch.from_numpy(upright.astype(numpy.float32) / (65535 if deep else 255))
    return values.permute(2, 0, 1)[None].contiguous()


def steady(frames: Iterator[tuple[float | None, Tensor]], rate: Fraction) -> Generator[Tensor]:
    """Frames by their seconds as frames at a rate."""
    begin, given, last = 0.0, 0, None
    for seconds, picture in frames:
        due = given + (last is not None) if seconds is None else round((seconds - begin) * rate)
        if seconds is not None and (last is None or not -rate <= due - given <= JUMP * rate):
            due = given + (last is not None)
            begin = seconds - float(due / rate)
        if last is not None:
            for _ in range(given, due):
                yield last
            given = max(given, due)
        last = picture
    if last is not None:
        yield last


class VideoWriter:
    """A video of H.264 that every player knows, frame by frame, whole or not at all; for use in a `with` statement.

    Args:
        path: where to, with a suffix of `CONTAINERS`.
        rate: frames a second, above 0.
        replace: as of `whole_file`.

    Attributes:
        container: PyAV's, open for writing, for further streams before the first frame.

    Raises:
        OutputError: PyAV is missing, another suffix, or it, or a frame, can't be written; nothing is left behind then.
    """

    def __init__(self, path: str | Path, rate: Fraction | float, *, replace: bool = True) -> None:
        self.path, self.replace = Path(path), replace
        check_video(self.path)
        self.rate = Fraction(rate).limit_denominator(100_000)
        self._stack = contextlib.ExitStack()
        self._stream: VideoStream | None = None

    def __enter__(self) -> VideoWriter:
        kind = CONTAINERS[self.path.suffix.lower()]
        options = {} if kind == "matroska" else {"movflags": "+faststart"}
        with contextlib.ExitStack() as stack:
            partial = stack.enter_context(whole_file(self.path, replace=self.replace))
            with video_errors(f"can't write {self.path}", OutputError):
                opened = pyav(OutputError).open(partial.name, "w", format=kind, options=options)
            self.container: OutputContainer = stack.enter_context(opened)
            self._stack = stack.pop_all()
        return self

    def write(self, picture: Tensor) -> None:
        """The next frame, (1, 3, H, W) in [0, 1], of one size for all; an odd last row or column is left out."""
        from av.video.frame import VideoFrame
        from av.video.reformatter import ColorRange, Colorspace

        picture = picture[..., : picture.shape[2] // 2 * 2, : picture.shape[3] // 2 * 2]
        with video_errors(f"can't write {self.path}", OutputError):
            if self._stream is None:
                self._stream = stream = self.container.add_stream("libx264", rate=self.rate, options={"crf": CRF})
                stream.height, stream.width, stream.pix_fmt = *picture.shape[2:], "yuv420p"
                context = stream.codec_context  # players take colours that aren't tagged for what they like
                context.colorspace = context.color_primaries = context.color_trc = context.color_range = BT709
            frame = VideoFrame.from_ndarray(numpy.asarray(to_image(picture)))
            frame = frame.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG)
            self.container.mux(self._stream.encode(frame))

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if error is not None:
            self._stack.__exit__(kind, error, at)
            return
        with self._stack, video_errors(f"can't write {self.path}", OutputError):
            if self._stream is None:
                raise OutputError(f"can't write {self.path}: it would be a video without a frame")
            self.container.mux(self._stream.encode(None))
            self.container.close()


def check_video(path: Path) -> None:
    """Refuses, by an OutputError, a name of another suffix than those of `CONTAINERS`, and all without PyAV."""
    if path.suffix.lower() not in CONTAINERS:
        raise OutputError(f"{path}: a video is {', '.join(CONTAINERS)}, not {path.suffix or 'without a suffix'}")
    pyav(OutputError)


def check_movie(path: Path, *, overwrite: bool = False, inputs: Iterable[str | Path] = ()) -> None:
    """Makes sure, before anything is computed, that the movie of a run can be made; an OutputError for an unknown
    suffix, without PyAV for what isn't GIF, or as of `check_writable`."""
    if path.suffix.lower() not in KINDS:
        raise OutputError(f"{path}: a movie is {', '.join(KINDS)}, not {path.suffix or 'without a suffix'}")
    check_writable(path, overwrite=overwrite, inputs=inputs)
    if path.suffix.lower() != ".gif":
        check_video(path)


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

    def write(self, path: Path, result: Tensor, *, replace: bool = True) -> None:
        """Makes the movie, whole or not at all, its last frame the result, (1, 3, H, W) in [0, 1].

        `path` has a suffix of `KINDS`; `replace` and errors as of `whole_file`.
        """
        last = shrunk(result, LONG_EDGE)
        each = round(max(SHORTEST, min(LONGEST, LENGTH / max(1, len(self.frames)))) / 10) * 10
        if path.suffix.lower() == ".gif":
            with whole_file(path, replace=replace) as file:
                write_gif(file, self._pictures(last), [each] * len(self.frames) + [HOLD])
            return
        with VideoWriter(path, Fraction(1000, each), replace=replace) as video:
            for picture in self._pictures(last):
                video.write(picture)
            for _ in range(round(HOLD / each) - 1):
                video.write(last)

    def _pictures(self, last: Tensor) -> Iterator[Tensor]:
        """All frames at the size of the last, never two in memory."""
        for name in sorted(self.frames):
            with Image.open(io.BytesIO(self.frames[name])) as image:
                yield resize(to_tensor(image), last.shape[2], last.shape[3])
        yield last


def write_gif(file: BinaryIO, pictures: Iterator[Tensor], durations: list[int]) -> None:
    """Each frame with 256 colours of its own, dithered: skies would fall into bands."""
    images = map(to_image, pictures)
    mixed = Image.Dither.FLOYDSTEINBERG
    reduced = (p.quantize(palette=p.quantize(256, Image.Quantize.MEDIANCUT), dither=mixed) for p in images)
    first = next(reduced)
    settings = {"duration": durations, "loop": 0, "optimize": False, "disposal": 1}
    first.save(file, "GIF", save_all=True, append_images=reduced, **settings)

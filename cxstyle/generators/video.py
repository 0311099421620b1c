"""Videos by FFmpeg's libraries, a frame at a time."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy
import torch
from torch import Tensor

from ..errors import OutputError, PictureError
from ..files import check_plain, partial_file, put_in_place
from ..pictures import to_image

VIDEOS = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v")
"""Suffixes of what is read as a video."""
CONTAINERS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"}
"""Suffix of a video that can be written -> FFmpeg's name for it."""
CRF = "18"
"""Quality of H.264, at which few see a difference."""
WIDE = (16, 18)
"""FFmpeg's numbers of the curves PQ and HLG."""
BT709 = 1


def pyav(error: type[PictureError | OutputError] = PictureError) -> Any:
    """The module av.

    Raises:
        PictureError, or the error that is named: it isn't there.
    """
    try:
        import av
    except ImportError as missing:
        raise error("video needs PyAV: pip install 'cxstyle[video]'") from missing
    return av


@contextlib.contextmanager
def video_errors(does: str, error: type[PictureError | OutputError]) -> Iterator[None]:
    """What FFmpeg says, in one line."""
    try:
        yield
    except (pyav(error).FFmpegError, OSError, ValueError) as found:
        reason = " ".join(str(getattr(found, "strerror", None) or found).split())
        raise error(f"{does}: {reason[:200]}") from found


def read_frames(path: Path) -> tuple[Fraction, Iterator[Tensor]]:
    """The pictures of a video: upright, at one rate.

    Where frames last differently long, one that lasts longer is given again, as the same tensor, so that sound stays in
    step.

    Returns:
        Frames a second, and the frames, (1, 3, H, W) float32 in [0, 1], each decoded when it is asked for.

    Raises:
        PictureError: PyAV is missing, it is no video or one of high dynamic range; or, when a frame is asked for, it is
            damaged there.
    """
    with contextlib.ExitStack() as stack:
        container = stack.enter_context(opened(path))
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        rate = Fraction(stream.guessed_rate or stream.average_rate or 25)
        return rate, steady(decoded_frames(path, stream, stack.pop_all()), rate)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Any]:
    """PyAV's container of a video.

    Raises:
        PictureError: PyAV is missing, or it is no video.
    """
    with contextlib.ExitStack() as stack:
        with video_errors(f"{path} can't be read", PictureError):
            check_plain(path)
            # A file that is open already: FFmpeg would take some names for addresses.
            file = stack.enter_context(path.open("rb"))
            container = stack.enter_context(pyav().open(file))
        if not container.streams.video:
            raise PictureError(f"{path} holds no video")
        yield container


def decoded_frames(path: Path, stream: Any, resources: contextlib.ExitStack) -> Iterator[tuple[float | None, Tensor]]:
    """The seconds of each frame, None where the file doesn't say, and its picture; in the end resources are let go."""
    with resources, video_errors(f"{path} can't be read to its end", PictureError):
        for frame in stream.container.decode(stream):
            if frame.color_trc in WIDE:
                raise PictureError(f"{path} is of high dynamic range; convert it to SDR first")
            pixels = numpy.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90))  # (H, W, 3)
            values = torch.from_numpy(pixels.astype(numpy.float32) / 255)
            yield frame.time, values.permute(2, 0, 1)[None].contiguous()


def steady(frames: Iterator[tuple[float | None, Tensor]], rate: Fraction) -> Iterator[Tensor]:
    """Frames by their seconds as frames at a rate."""
    begin: float | None = None
    given, last = 0, None
    for seconds, picture in frames:
        if last is not None:
            begin = seconds if begin is None else begin
            due = given + 1 if seconds is None or begin is None else max(round((seconds - begin) * rate), given)
            for _ in range(given, due):
                yield last
            given = due
        elif seconds is not None:
            begin = seconds
        last = picture
    if last is not None:
        yield last


class VideoWriter:
    """A video of H.264, frame by frame, whole or not at all; for use in a `with` statement.

    Args:
        path: where to, with a suffix of `CONTAINERS`.
        rate: frames a second, above 0.
        replace: as of `put_in_place`.

    Attributes:
        container: PyAV's, open for writing, for further streams before the first frame.
        path: where it is, once it is whole.

    Raises:
        OutputError: PyAV is missing, another suffix, or it can't be written; nothing is left behind then.
    """

    def __init__(self, path: Path, rate: Fraction | float, *, replace: bool = True) -> None:
        check_video(path)
        self.path, self.replace, self.rate = path, replace, Fraction(rate).limit_denominator(100_000)
        self._stream: Any = None

    def __enter__(self) -> Self:
        kind = CONTAINERS[self.path.suffix.lower()]
        with contextlib.ExitStack() as stack:
            self._partial, _ = stack.enter_context(partial_file(self.path))
            with video_errors(f"can't write {self.path}", OutputError):
                self.container: Any = stack.enter_context(pyav(OutputError).open(str(self._partial), "w", format=kind))
            self._stack = stack.pop_all()
        return self

    def write(self, picture: Tensor) -> None:
        """The next frame, (1, 3, H, W) in [0, 1], of one size for all; an odd last row or column is left out.

        Raises:
            OutputError: it can't be written.
        """
        picture = picture[..., : picture.shape[2] // 2 * 2, : picture.shape[3] // 2 * 2]
        with video_errors(f"can't write {self.path}", OutputError):
            if self._stream is None:
                self._stream = self.container.add_stream("libx264", rate=self.rate, options={"crf": CRF})
                self._stream.width, self._stream.height = picture.shape[3], picture.shape[2]
                self._stream.pix_fmt = "yuv420p"
                context = self._stream.codec_context
                context.colorspace = context.color_primaries = context.color_trc = context.color_range = BT709
            frame = pyav().VideoFrame.from_ndarray(numpy.asarray(to_image(picture)))
            frame = frame.reformat(format="yuv420p", dst_colorspace=BT709, dst_color_range=BT709)
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
        self.path = put_in_place(self._partial, self.path, replace=self.replace)


def check_video(path: Path) -> None:
    """Makes sure that a video of this name could be made.

    Raises:
        OutputError: another suffix than those of `CONTAINERS`, or no PyAV.
    """
    if path.suffix.lower() not in CONTAINERS:
        raise OutputError(f"{path}: a video is {', '.join(CONTAINERS)}, not {path.suffix or 'without a suffix'}")
    pyav(OutputError)

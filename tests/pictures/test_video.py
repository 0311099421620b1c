"""Videos read and written frame by frame, and movies of runs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy
import pytest
import torch
from helpers import QUICK, done
from PIL import Image, ImageSequence

from cxstyle.errors import OutputError, PictureError
from cxstyle.pictures import video
from cxstyle.pictures.video import CONTAINERS, Movie, VideoWriter, check_movie, read_frames

RED, GREEN, BLUE = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)

pytestmark = pytest.mark.usefixtures("own_folder")


def flat(color: Sequence[float], height: int = 40, width: int = 51) -> torch.Tensor:
    return torch.tensor(color).view(1, 3, 1, 1).expand(1, 3, height, width)


def first(path: str) -> torch.Tensor:
    return next(read_frames(path)[1])


def middles(path: str) -> list[list[float]]:
    """The colour in the middle of each frame."""
    return [frame[0, :, frame.shape[2] // 2, frame.shape[3] // 2].tolist() for frame in read_frames(path)[1]]


def filmed(
    path: str,
    times: Sequence[int] = (0, 40, 80),
    codec: str = "libx264",
    kind: str = "yuv420p",
    rotation: int = 0,
    options: dict[str, str] | None = None,
    colors: Sequence[int] = (),
) -> str:
    """By PyAV alone: a red strip above bars of green in steps of 10 bits, at some milliseconds."""
    pixels = numpy.zeros((48, 64, 3), "u2")
    pixels[:12, :, 0], pixels[12:, :, 1] = 65535, numpy.arange(64) * 64 + 20000
    with av.open(path, "w") as container:
        stream: Any = container.add_stream(codec, rate=25, options=options or {})
        stream.width, stream.height, stream.pix_fmt = 64, 48, kind
        stream.codec_context.time_base = Fraction(1, 1000)
        if rotation:
            stream.set_display_rotation(rotation)
        for name, number in zip(("color_trc", "color_primaries", "colorspace"), colors, strict=False):
            setattr(stream.codec_context, name, number)
        for time in times:
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb48le")
            frame.pts, frame.time_base = time, Fraction(1, 1000)
            container.mux(stream.encode(frame.reformat(format=kind, dst_colorspace="ITU709")))
        container.mux(stream.encode(None))
    return path


# Reading


@pytest.mark.parametrize("name", [f"x{suffix}" for suffix in CONTAINERS])
@pytest.mark.parametrize("rate", [Fraction(30000, 1001), 24, 12.5])
def test_what_is_written_is_read_with_its_rate_frames_and_colours(name: str, rate: Fraction | float) -> None:
    colors = [RED, GREEN, BLUE, (0.5, 0.5, 0.5), (0.9, 0.7, 0.2)]
    with VideoWriter(name, rate) as writer:
        for color in colors:
            writer.write(flat(color))
    found, frames = read_frames(name)
    assert found == Fraction(rate)
    assert [tuple(frame.shape) for frame in frames] == [(1, 3, 40, 50)] * 5  # 4:2:0 has no odd columns
    assert numpy.abs(numpy.array(middles(name)) - numpy.array(colors)).max() < 0.025
    assert [path.name for path in Path().iterdir()] == [name]


@pytest.mark.parametrize(
    ("rotation", "strip"), [(90, (slice(None), 3)), (-90, (slice(None), -3)), (180, (-3, slice(None)))]
)
def test_frames_are_turned_upright(rotation: int, strip: tuple[Any, Any]) -> None:
    frame = first(filmed("x.mp4", rotation=rotation))
    assert tuple(frame.shape) == ((1, 3, 48, 64) if rotation == 180 else (1, 3, 64, 48))
    assert frame[0, 0][strip].min() > 0.9
    assert (frame[0, 0] > 0.5).float().mean() == pytest.approx(0.25, abs=0.03)


@pytest.mark.parametrize(
    ("times", "shown"),
    [
        ((0, 40, 80), (0, 1, 2)),
        ((1000, 1040, 1080), (0, 1, 2)),
        ((0, 40, 200, 240), (0, 1, 1, 1, 1, 2, 3)),
        ((0, 40, 50, 80), (0, 2, 3)),  # two at once: the later counts
        ((0, 40, 9_000_000, 9_000_040), (0, 1, 2, 3)),  # a clock that starts anew
    ],
)
def test_a_varying_rate_becomes_an_even_one(times: Sequence[int], shown: Sequence[int]) -> None:
    pictures = [torch.full((1, 3, 2, 2), float(i)) for i in range(len(times))]
    frames = ((time / 1000, picture) for time, picture in zip(times, pictures, strict=True))
    assert [int(frame[0, 0, 0, 0]) for frame in video.steady(iter(frames), Fraction(25))] == list(shown)
    assert len(list(video.steady(((None, picture) for picture in pictures), Fraction(25)))) == len(times)


def test_10_bits_are_kept() -> None:
    options = {"x265-params": "lossless=1:log-level=none:pools=none", "preset": "ultrafast"}
    frame = first(filmed("x.mkv", codec="libx265", kind="yuv444p10le", options=options, colors=(1, 1, 1)))
    assert len(frame[0, 1, 30].unique()) > 40  # 64 neighbouring steps of 10 bits are 16 of 8
    assert (frame[0, 1, 30] - (torch.arange(64) * 64 + 20000) / 65535).abs().max() < 0.002


def test_high_dynamic_range_is_brought_into_srgb() -> None:
    hlg = {
        "codec": "libx265",
        "kind": "yuv420p10le",
        "options": {"x265-params": "log-level=none:pools=none", "preset": "ultrafast"},
    }
    plain, wide = (first(filmed(f"{colors[0]}.mkv", colors=colors, **hlg)) for colors in ((1, 1, 1), (18, 9, 1)))
    assert bool(((wide >= 0) & (wide <= 1)).all())
    assert (wide - plain).abs().mean() > 0.01


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("none.mp4", None, "none.mp4 can't be read: No such file"),
        (".", None, "can't be read: Is a directory"),
        ("/dev/zero", None, "/dev/zero can't be read: it is a pipe or a device"),
        ("x.mp4", b"no video", "x.mp4 can't be read: Invalid data"),
        ("x.mp4", b"", "x.mp4 can't be read"),
    ],
)
def test_what_is_no_video_is_refused_in_one_line(name: str, content: bytes | None, says: str) -> None:
    if content is not None:
        Path(name).write_bytes(content)
    with pytest.raises(PictureError, match=says) as caught:
        read_frames(name)
    assert "\n" not in str(caught.value)


# Writing


def test_a_video_that_fails_leaves_nothing() -> None:
    def broken_off() -> None:
        with VideoWriter("x.mp4", 25) as writer:
            writer.write(flat(RED))
            raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        broken_off()
    for name, says in {"x.mp4": "it would be a video without a frame", "none/x.mp4": "No such file"}.items():
        with pytest.raises(OutputError, match=f"can't write {name}: {says}"), VideoWriter(name, 25):
            pass
    assert list(Path().iterdir()) == []


def test_without_pyav_video_is_refused_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    for wants, path, error in ((check_movie, Path("x.mp4"), OutputError), (read_frames, "x", PictureError)):
        with pytest.raises(error, match=r"video needs PyAV: pip install 'cxstyle\[video\]'"):
            wants(path)
    check_movie(Path("x.gif"))


# Movies of runs


@pytest.mark.parametrize(("name", "size"), [("x.gif", (51, 40)), ("x.mp4", (50, 40))])
def test_a_movie_has_the_frames_of_the_run_and_holds_its_result(name: str, size: tuple[int, int]) -> None:
    movie = Movie(iterations=2)
    movie.add(1, flat(RED))
    movie.add(2, flat(GREEN, 20, 26))  # of a coarser scale
    movie.write(Path(name), flat(BLUE))
    if name == "x.gif":
        with Image.open(name) as image:
            found = [(f.convert("RGB").getpixel((25, 20)), f.info["duration"]) for f in ImageSequence.Iterator(image)]
            assert (image.size, [duration for _, duration in found]) == (size, [250, 250, 2000])
        colors = numpy.array([color for color, _ in found]) / 255
    else:
        colors = numpy.array(middles(name))
        assert len(colors) == 2 + 8  # of a quarter of a second each
        assert tuple(first(name).shape[:1:-1]) == size
    assert numpy.abs(colors[:3] - numpy.array([RED, GREEN, BLUE])).max() < 0.03


def test_a_long_run_has_about_a_hundred_frames_and_a_thousand_pictures_have_fewer() -> None:
    def steps(iterations: int, every: int | None = None) -> list[int]:
        movie = Movie(iterations, every)
        return [step for step in range(1, iterations + 1) if step == 1 or step % movie.every == 0]

    assert steps(5) == [1, 2, 3, 4, 5]
    assert steps(240)[:3] == [1, 2, 4]
    assert 95 <= len(steps(12_345)) <= 105
    assert steps(30, 10) == [1, 10, 20, 30]
    assert len(steps(10_000, 1)) == 589


def test_a_run_makes_a_movie_of_its_iterations_and_its_result(pair) -> None:
    words = ("run", *pair, "--config", QUICK, "--iterations", 3)
    assert done(*words, "-o", "x.png", "--movie", "x.mp4").stdout.splitlines()[-1] == "wrote x.mp4"
    assert len(middles("x.mp4")) == 3 + 8
    done(*words, "-o", "y.png", "--movie", "y.gif", "--save-every", 2, "steps")
    with Image.open("y.gif") as image:
        assert image.n_frames == 3  # of iterations 1 and 2, and the result

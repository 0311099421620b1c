"""Movies of runs."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from PIL import Image, ImageSequence

from cxstyle.cli import main
from cxstyle.errors import OutputError
from cxstyle.pictures import video
from cxstyle.pictures.video import Movie, check_movie, ffmpeg

WORDS = ["--size", "48", "--iterations", "3"]


pytestmark = pytest.mark.usefixtures("own_folder")


def flat(red: float, green: float, blue: float, height: int = 40, width: int = 51) -> torch.Tensor:
    return torch.tensor([red, green, blue], dtype=torch.float32).view(1, 3, 1, 1).expand(1, 3, height, width)


def filmed() -> Movie:
    """Two frames, red and, of a coarser scale, green; the result is blue."""
    movie = Movie(iterations=2)
    movie.add(1, flat(1, 0, 0))
    movie.add(2, flat(0, 1, 0, 20, 26))
    return movie


def frames_of(path: Path) -> list[Image.Image]:
    """All frames, as ffmpeg sees them where Pillow can't."""
    if path.suffix != ".mp4":
        with Image.open(path) as image:
            return [frame.convert("RGB") for frame in ImageSequence.Iterator(image)]
    command = [ffmpeg(), "-v", "error", "-i", str(path), "-f", "image2pipe", "-c:v", "bmp", "-"]
    data = subprocess.run(command, capture_output=True, check=True).stdout
    found = []
    while data:
        size = int.from_bytes(data[2:6], "little")
        found.append(Image.open(io.BytesIO(data[:size])).convert("RGB"))
        data = data[size:]
    return found


@pytest.mark.parametrize(("kind", "size"), [("gif", (51, 40)), ("webp", (51, 40)), ("mp4", (50, 40))])
def test_frames_have_the_size_and_colours_of_the_run(tmp_path: Path, kind: str, size: tuple[int, int]) -> None:
    filmed().write(tmp_path / f"x.{kind}", flat(0, 0, 1))
    frames = frames_of(tmp_path / f"x.{kind}")
    assert {frame.size for frame in frames} == {size}
    middles = [frame.getpixel((25, 20)) for frame in frames]
    for found, expected in zip(middles[:3], [(255, 0, 0), (0, 255, 0), (0, 0, 255)], strict=True):
        assert max(abs(a - b) for a, b in zip(found, expected, strict=True)) <= 6, middles
    # A quarter of a second for each frame of a short movie, two seconds for the last one.
    assert len(frames) == (2 + 8 if kind == "mp4" else 3)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [f"x.{kind}"]


@pytest.mark.parametrize("kind", ["gif", "webp"])
def test_the_last_frame_is_held(tmp_path: Path, kind: str) -> None:
    filmed().write(tmp_path / f"x.{kind}", flat(0, 0, 1))
    with Image.open(tmp_path / f"x.{kind}") as image:
        durations = []
        for frame in ImageSequence.Iterator(image):
            frame.load()
            durations.append(frame.info["duration"])
    assert durations == [250, 250, 2000]


def test_a_long_run_has_about_a_hundred_frames_and_a_thousand_pictures_have_fewer() -> None:
    def steps(iterations: int, every: int | None = None) -> list[int]:
        movie = Movie(iterations, every)
        return [step for step in range(1, iterations + 1) if step == 1 or step % movie.every == 0]

    assert steps(5) == [1, 2, 3, 4, 5]
    assert steps(240)[:3] == [1, 2, 4]
    assert 95 <= len(steps(12_345)) <= 105
    assert steps(30, 10) == [1, 10, 20, 30]
    assert len(steps(10_000, 1)) == 589


def test_large_pictures_are_shrunk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video, "LONG_EDGE", 40)
    Movie(1).write(tmp_path / "x.webp", flat(0, 0, 1, 80, 80))
    assert [frame.size for frame in frames_of(tmp_path / "x.webp")] == [(40, 40)]


def test_an_mp4_without_ffmpeg_is_refused_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(__import__("sys").modules, "imageio_ffmpeg", None)
    with pytest.raises(OutputError, match=r"MP4 needs ffmpeg: install it, or pip install 'cxstyle\[movie\]', or take"):
        check_movie(tmp_path / "x.mp4")


def test_ffmpeg_that_fails_leaves_nothing_and_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "ffmpeg"
    program.write_text("#!/bin/sh\necho some >&2\necho 'no such encoder' >&2\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    with pytest.raises(OutputError, match=r"ffmpeg could not make .*x\.mp4: no such encoder"):
        filmed().write(tmp_path / "x.mp4", flat(0, 0, 1))
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["ffmpeg"]


# The command


def run(*words: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(main, ["run", *map(str, words)])
    return done.exit_code, done.stdout, done.stderr


def test_a_run_makes_a_movie_of_its_iterations_and_its_result(pair, tmp_path: Path) -> None:
    status, out, err = run(*pair, *WORDS, "-o", "x.png", "--movie", "x.webp")
    assert (status, out.splitlines()[-1]) == (0, "wrote x.webp"), err
    frames = frames_of(tmp_path / "x.webp")
    with Image.open("x.png") as result:
        assert [frame.size for frame in frames] == [result.size] * 4


def test_save_every_decides_the_frames(pair, tmp_path: Path) -> None:
    assert run(*pair, *WORDS, "-o", "x.png", "--movie", "x.gif", "--save-every", 2, "steps")[0] == 0
    assert len(frames_of(tmp_path / "x.gif")) == 3  # of iterations 1 and 2, and the result


@pytest.mark.parametrize(
    ("movie", "says"),
    [
        ("x.avi", "x.avi: a movie is .gif, .webp, .mp4"),
        ("none/x.gif", "there is no folder none"),
        ("there.gif", "there.gif exists; choose another name or add --overwrite"),
        ("x.webp", "x.webp is both the result and the movie; name two files"),
    ],
)
def test_a_movie_that_can_not_be_written_is_refused_before_the_run(pair, own_folder: Path, movie, says) -> None:
    (own_folder / "there.gif").write_text("there")
    status, _, err = run(*pair, *WORDS, "-o", "x.webp", "--movie", movie)
    assert (status, err.count("\n")) == (1, 1)
    assert says in err
    assert not (own_folder / "x.webp").exists()


def test_a_movie_that_fails_at_the_end_costs_no_result(pair, own_folder: Path, monkeypatch) -> None:
    program = own_folder / "ffmpeg"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(own_folder))
    status, out, err = run(*pair, *WORDS, "-o", "x.png", "--movie", "x.mp4")
    assert (status, out.startswith("wrote x.png")) == (1, True)
    assert "cxstyle: ffmpeg could not make x.mp4: exit status 1" in err
    assert sorted(path.name for path in own_folder.iterdir() if path.is_file()) == ["ffmpeg", "x.png"]

"""Broken and odd pictures: each ends as a picture or in one clear line, soon, in little memory, and nothing is left."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from broken.pictures import EITHER, PICTURE, REFUSED, Case, corpus, saved
from helpers import QUICK, done, python, refused

import cxstyle
from cxstyle.errors import PictureError
from cxstyle.pictures.reading import read_photo

pytestmark = pytest.mark.usefixtures("own_folder")
KINDS = (
    "absurd headers", "bombs", "flipped bytes", "long and thin", "metadata", "no pictures", "odd chunks",
    "rare and right", "too small", "truncated", "wrong suffix",
)  # fmt: skip
SHORT = ("--config", QUICK, "--size", 32, "--iterations", 1, "-q", "-o", "out.png")


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "target.png"
    path.write_bytes(saved("PNG"))
    return path


def of_kind(kind: str) -> list[Case]:
    return [case for case in corpus() if case.kind == kind]


def written(case: Case) -> Path:
    path = Path(f"a.{case.suffix}" if case.suffix else "a")
    path.write_bytes(case.data)
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_every_picture_is_read_or_refused_in_one_line(kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    for case in of_kind(kind):
        path, started = written(case), time.perf_counter()
        try:
            photo = read_photo(path)
            assert bool(((photo.colors >= 0) & (photo.colors <= 1)).all()), case.name
            end = PICTURE
        except PictureError as error:
            line, end = str(error), REFUSED
            assert line.isprintable(), line
            assert str(path) in line
            assert "load error" not in line
            assert 20 < len(line) < 400
        assert case.ends in (EITHER, end), f"{case.name}: {end}"
        assert time.perf_counter() - started < 10, case.name
        path.unlink()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kind", KINDS)
def test_runs_end_with_a_picture_or_one_line_and_leave_nothing_else(kind: str, target: Path) -> None:
    """The first that is refused of each kind, and the first that isn't."""
    for case in {case.ends: case for case in reversed(of_kind(kind)) if case.ends != EITHER}.values():
        path = written(case)
        if case.ends == REFUSED:
            refused(1, str(path), "run", path, target, *SHORT)
        else:
            done("run", path, target, *SHORT)
            Path("out.png").unlink()
        assert [file.name for file in Path().iterdir()] == [path.name], case.name
        path.unlink()


PLACES: dict[str, tuple[Callable[[Path], object] | None, str]] = {
    "none.png": (None, "there is no file none.png"),
    "folder.png": (Path.mkdir, "folder.png is a folder"),
    "loop.png": (lambda path: path.symlink_to(path), "loop.png can't be read: Too many levels of symbolic links"),
    "gone.png": (lambda path: path.symlink_to("nowhere"), "there is no file gone.png"),
    "below/a.png": (None, "there is no file below/a.png"),
    "/dev/zero": (None, "/dev/zero can't be read: it is a device"),
    "/dev/null": (None, "/dev/null can't be read: it is a device"),
    "/proc/self/mem": (None, "/proc/self/mem can't be read"),
    "x" * 300: (None, "File name too long"),
    "a\nb.png": (None, "there is no file a b.png"),
    "\x1b[2J.png": (None, "there is no file \\x1b[2J.png"),
    "\udcff.png": (None, "there is no file \\udcff.png"),
}


@pytest.mark.parametrize("name", PLACES)
def test_what_is_no_file_is_refused_soon(name: str, target: Path) -> None:
    make, says = PLACES[name]
    if make:
        make(Path(name))
    refused(1, says, "run", name, target, *SHORT)


NAMES = ("a b", "größe", "🐈", "a\nb", "-dash", ".hidden", "x" * 251, "\udcff", "%s{}'$")


@pytest.mark.parametrize("name", NAMES)
def test_pictures_may_have_any_name(name: str, target: Path) -> None:
    Path(f"{name}.png").write_bytes(saved("PNG"))
    assert done("run", *SHORT, "--", f"{name}.png", target).stderr == ""
    assert {file.name for file in Path().iterdir()} == {f"{name}.png", "out.png"}


def test_a_pipe_that_somebody_writes_to_is_read_to_its_end() -> None:
    os.mkfifo("pipe")
    writer = threading.Thread(target=lambda: Path("pipe").write_bytes(saved("PNG")))
    writer.start()
    photo = read_photo("pipe")
    writer.join()
    assert photo.colors.shape == (1, 3, 40, 48)


def test_postscript_starts_no_program(own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("gs", "gswin32c", "gswin64c"):
        (own_folder / name).write_text("#!/bin/sh\ntouch canary\n")
        (own_folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{own_folder}:{os.environ['PATH']}")
    assert shutil.which("gs") == str(own_folder / "gs")
    for case in of_kind("no pictures"):
        with pytest.raises(PictureError):
            read_photo(written(case))
    assert not Path("canary").exists()


@pytest.mark.slow
def test_bombs_take_no_memory() -> None:
    program = """
import contextlib, resource
from broken.pictures import corpus
from cxstyle.errors import PictureError
from cxstyle.pictures.decoding import decode
from cxstyle.pictures.sixteen_bit import vips
vips()
cases = [case for case in corpus() if case.kind in ("bombs", "absurd headers", "metadata")]
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for case in cases:
    with contextlib.suppress(PictureError):
        decode(case.data, "a picture")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    paths = os.pathsep.join([str(Path(__file__).parents[1]), str(Path(cxstyle.__file__).parent.parent)])
    ran = python(program, PYTHONPATH=paths)
    assert int(ran.stdout) < 500_000  # kB

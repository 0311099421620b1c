"""Broken and odd pictures: each ends as a picture or in one clear line, soon, in little memory, and nothing is left."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from broken.made import saved
from broken.pictures import EITHER, PICTURE, REFUSED, Case, corpus
from helpers import python, run_cli

import cxstyle
from cxstyle.errors import PictureError
from cxstyle.features.weights import BUNDLED, read_network, write_network
from cxstyle.pictures.reading import read_photo

pytestmark = pytest.mark.usefixtures("own_folder")
KINDS = (
    "absurd headers", "bombs", "flipped bytes", "long and thin", "metadata", "no pictures", "odd chunks",
    "rare and right", "too small", "truncated", "wrong suffix",
)  # fmt: skip
SETTINGS = """
terms: [{loss: contextual, compare: target, layers: [conv2_1], samples: 100}]
iterations: 1
size: 32
device: cpu
"""


def of_kind(kind: str) -> list[Case]:
    return [case for case in corpus() if case.kind == kind]


def written(case: Case) -> Path:
    path = Path(f"a.{case.suffix}" if case.suffix else "a")
    path.write_bytes(case.data)
    return path


def check_line(line: str, path: Path) -> None:
    """One line of letters, with the file's name."""
    assert line.isprintable(), line
    assert str(path) in line
    assert 20 < len(line) < 400


@pytest.mark.parametrize("kind", KINDS)
def test_every_picture_is_read_or_refused_in_one_line(kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    for case in of_kind(kind):
        path, started = written(case), time.perf_counter()
        try:
            photo = read_photo(path)
            assert bool(((photo.colors >= 0) & (photo.colors <= 1)).all()), case.name
            end = PICTURE
        except PictureError as error:
            check_line(str(error), path)
            end = REFUSED
        assert case.ends in (EITHER, end), f"{case.name}: {end}"
        assert time.perf_counter() - started < 10, case.name
        path.unlink()
    assert capfd.readouterr() == ("", "")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Options of a run with the first layers of the bundled network, which are read in no time."""
    folder = tmp_path_factory.mktemp("small")
    (folder / "small.yaml").write_text(SETTINGS)
    whole = read_network(BUNDLED / "vgg16.safetensors")
    first = {name: values for name, values in whole.tensors.items() if name.startswith(("conv1_", "conv2_1"))}
    weights = write_network(folder, first, whole.provenance)
    (folder / "target.png").write_bytes(saved("PNG"))
    return [str(folder / "target.png"), "--config", str(folder / "small.yaml"), "--weights", str(weights), "-q"]


@pytest.mark.parametrize("kind", KINDS)
def test_runs_end_with_a_picture_or_one_line_and_leave_nothing_else(
    kind: str, small: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    cases = of_kind(kind)
    for case in cases[:: 6 if kind == "long and thin" else max(1, len(cases) // 12)]:  # long ones stay long in a run
        path = written(case)
        result = run_cli("run", path, *small, "-o", "out.png")
        left = {file.name for file in Path().iterdir()}
        if result.exit_code == 0:
            assert case.ends != REFUSED
            assert left == {path.name, "out.png"}, case.name
            Path("out.png").unlink()
        else:
            assert case.ends != PICTURE, (case.name, result.stderr)
            assert (result.exit_code, left) == (1, {path.name}), case.name
            check_line(result.stderr.removesuffix("\n"), path)
        path.unlink()
    assert capfd.readouterr() == ("", "")


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
def test_what_is_no_file_is_refused_soon(name: str, small: list[str]) -> None:
    make, says = PLACES[name]
    if make:
        make(Path(name))
    result = run_cli("run", name, *small, "-o", "out.png")
    assert (result.exit_code, result.stdout) == (1, "")
    assert says in result.stderr
    assert result.stderr.count("\n") == 1


NAMES = [
    "a b.png",
    "größe.png",
    "🐈.png",
    "a\nb.png",
    "-dash.png",
    ".hidden.png",
    "x" * 251 + ".png",
    "\udcff.png",
    "%s{}'$.png",
]


@pytest.mark.parametrize("name", NAMES)
def test_pictures_may_have_any_name(name: str, small: list[str]) -> None:
    Path(name).write_bytes(saved("PNG"))
    result = run_cli("run", *small, "-o", "out.png", "--", name)
    assert (result.exit_code, result.stderr) == (0, "")
    assert {file.name for file in Path().iterdir()} == {name, "out.png"}


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
import resource, sys
from broken.pictures import corpus
from cxstyle.errors import PictureError
from cxstyle.pictures.decoding import decode
from cxstyle.pictures.vips import vips
vips()
cases = [case for case in corpus() if case.kind in ("bombs", "absurd headers", "metadata")]
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for case in cases:
    try:
        decode(case.data, "a picture")
    except PictureError:
        pass
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    paths = os.pathsep.join([str(Path(__file__).parents[1]), str(Path(cxstyle.__file__).parent.parent)])
    ran = python(program, PYTHONPATH=paths)
    assert int(ran.stdout) < 500_000  # kB

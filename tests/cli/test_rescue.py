"""Files of a command: full disks, folders that go away, names that are taken; nothing computed is lost."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import resource
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers import QUICK, done, files_in, refused, run_cli, size_of, started, wait_for

from cxstyle import Optimizer, StyleConfig, Writing, stylize
from cxstyle.cli.outputs import OutputFiles
from cxstyle.cli.session import RunOptions, RunSession
from cxstyle.errors import FormatError, OutputError, TakenError
from cxstyle.files import check_space, write_whole
from cxstyle.settings.config import Laplacian

SHORT = ("--config", QUICK)
CONFIG = StyleConfig.load(QUICK)


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder; another for temporary files."""
    for name in ("work", "temporary"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    return tmp_path / "work"


@contextlib.contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """As on a full disk: no file can get larger. Python ignores the signal that comes with it."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def session(pair: tuple[Path, Path], **options: Any) -> RunSession:
    """Of a run to x.png that says nothing."""
    given = {"source": pair[0], "target": [pair[1]]}
    return RunSession(given, RunOptions(**{"output": Path("x.png"), "quiet": True} | options), Writing(), [])


# Space


def test_files_of_one_disk_must_fit_together(own_folder: Path) -> None:
    check_space([(own_folder / "x.png", 1000), (own_folder, 1000)])
    most = 0.6 * shutil.disk_usage(own_folder).free
    check_space([(own_folder / "x.png", most)])
    with pytest.raises(OutputError, match=r"can't write .*y.png: up to .*B are needed there, and .*B are free"):
        check_space([(own_folder / "x.png", most), (own_folder / "y.png", most + 1)])


def test_a_run_that_would_fill_the_disk_is_refused_before_it_starts(pair, own_folder: Path) -> None:
    words = (*SHORT, "--iterations", 10**9, "--save-every", 1, "steps", "-q")
    refused(1, "can't write steps: up to ", "run", *pair, *words)
    assert files_in(own_folder) == []


@pytest.mark.parametrize("name", ["adam", "lbfgs"])
def test_a_movie_and_a_checkpoint_are_counted_and_take_no_more(pair, monkeypatch, name: str) -> None:
    counted: dict[Path, float] = {}
    monkeypatch.setattr("cxstyle.cli.session.check_space", counted.update)
    monkeypatch.setattr("cxstyle.transfer.checkpoint.Checkpoint.remove", lambda _: None)
    kept, movie = Path("x.checkpoint"), Path("x.gif")
    levels = Laplacian((0.6, 1.0), (0.0, 0.3)) if name == "adam" else "pixels"
    config = CONFIG.override(iterations=5, optimizer=Optimizer(name, 0.5), parametrization=levels)
    session(pair, checkpoint=kept, checkpoint_every=0, movie=movie).stylize(config)
    for path, copies in ((Path("x.png"), 1), (movie, 1), (kept, 2)):
        assert copies * path.stat().st_size <= counted[path] < 20 * copies * path.stat().st_size, path
    counted.clear()
    session(pair, overwrite=True).stylize(CONFIG)  # a checkpoint that nobody asked for is no reason to refuse
    assert [*counted] == [Path("x.png")]


# Results whose place has become unwritable


def test_what_can_be_written_is_where_it_should_be_and_else_in_a_temporary_folder(tmp_path: Path, capsys) -> None:
    def written(path: Path, replace: bool) -> None:
        if path.suffix == ".webp":
            raise FormatError("too large for this format")
        write_whole(path, b"x" * 5000, replace=replace)

    files = OutputFiles(overwrite=False)
    assert (files.write(Path("x.png"), written), files.misplaced, capsys.readouterr().err) == (Path("x.png"), False, "")
    place = files.write(Path("gone/x.png"), written)
    assert (place.read_bytes(), place.parent.parent, place.name) == (b"x" * 5000, tmp_path / "temporary", "x.png")
    told = f"cxstyle: can't write gone/x.png: No such file or directory; it is in {place} instead\n"
    assert (files.misplaced, capsys.readouterr().err) == (True, told)
    assert files.write(Path("y.webp"), written).name == "y.png"  # what its format can't hold


def test_a_full_disk_at_the_report_is_said_and_the_picture_is_there(pair, capsys) -> None:
    result = stylize(*pair, CONFIG)
    result = dataclasses.replace(result, losses=result.losses * 100)
    ready = session(pair, report=Path("r.json"), quiet=False)
    says = "can't write r.json: File too large; no other place could be written to, either, so it is lost"
    with files_of_at_most(10000), pytest.raises(OutputError, match=says):
        ready.finish(result)
    assert capsys.readouterr().out.startswith("wrote x.png (")


def test_pictures_on_the_way_that_cannot_be_written_cost_the_status_but_not_the_run(pair, capsys) -> None:
    ready = session(pair, save_every=(1, Path("steps")))
    Path("steps").rmdir()
    with pytest.raises(SystemExit) as ended:
        ready.stylize(CONFIG)
    assert ended.value.code == 1
    told = capsys.readouterr().err
    assert "can't write steps/x_00001.png: No such file or directory; no more intermediate pictures" in told
    assert told.count("\n") == 1
    assert size_of("x.png") == (48, 48)


@pytest.mark.slow
def test_a_result_whose_place_has_gone_is_written_elsewhere(pair) -> None:
    Path("there").mkdir()
    process = started("run", *pair, *SHORT, "--iterations", 90, "--save-every", 1, "steps", "-o", "there/x.png")
    wait_for(Path("steps/x_00001.png"), 120)
    Path("there").rmdir()
    out, err = process.communicate(timeout=120)
    refuge = Path(out.split()[1])
    assert f"can't write there/x.png: No such file or directory; it is in {refuge} instead" in err
    assert (process.returncode, size_of(refuge)) == (1, (48, 48))


# Places that are taken


def test_a_file_that_may_not_be_replaced_goes_beside() -> None:
    names = ["x.png", "x_2.png", "x_3.png"]
    write_whole(Path("x.png"), b"x.png", replace=False)
    for name in names[1:]:
        with pytest.raises(TakenError, match=f"x.png has come meanwhile and stays; the new one is {name}") as found:
            write_whole(Path("x.png"), name.encode(), replace=False)
        assert found.value.place == Path(name)
    assert [Path(name).read_text() for name in files_in(Path())] == names


@pytest.mark.parametrize(
    "words",
    [
        "run a.png b.png -o a.png",
        "run a.png b.png -o link.png",
        "run a.png b.png -o x.png --checkpoint b.png",
        "run a.png b.png -o x.png --movie a.gif --init a.gif",
        "run a.png b.png -o a.png --source-mask a.png --target-mask b.png",
        "run a_00001.png b.png -o a.png --save-every 1 .",
        "match a.png b.png -o a.png",
        "animate a.mp4 b.png -o a.mp4",
        "bench --pair a.png b.png --json a.png",
        "grid a.png -t b.png -t a_b.png -o x.png --results .",
        "batch a.png b.png -o . --name {source}.png",
        "batch a_00001.png b.png -o out --name a.png --save-every 1 .",
    ],
)
def test_what_is_read_is_never_replaced(pair, words: str) -> None:
    for name in ("a.png", "a_00001.png", "x.png", "a.gif", "a.mp4", "a_b.png"):
        shutil.copy(pair[0], name)
    shutil.copy(pair[1], "b.png")
    Path("s.yaml").write_text(json.dumps(CONFIG.to_dict()))
    Path("link.png").symlink_to("a.png")
    before = {path: path.read_bytes() for path in Path().iterdir() if path.name != "x.png"}
    result = run_cli(*words.split(), "--overwrite")
    (line,) = (line for line in result.stderr.splitlines() if line != "hashing the pictures")
    assert "is read, and what is read is never replaced; choose another" in line
    assert result.exit_code == 1
    assert {path: path.read_bytes() for path in before} == before


def test_what_came_during_a_run_stays_and_the_result_is_beside_it(pair, monkeypatch) -> None:
    def come(*_: object) -> bool:
        for name in ("x.png", "r.json", "m.gif"):
            Path(name).write_text("mine")
        return True

    monkeypatch.setattr(RunSession, "step", come)
    told = run_cli("run", *pair, *SHORT, "-o", "x.png", "--report", "r.json", "--movie", "m.gif", "-q")
    assert told.exit_code == 1
    assert told.stderr.splitlines() == [
        f"cxstyle: {name} has come meanwhile and stays; the new one is {beside}"
        for name, beside in (("x.png", "x_2.png"), ("r.json", "r_2.json"), ("m.gif", "m_2.gif"))
    ]
    assert [Path(name).read_text() for name in ("x.png", "r.json", "m.gif")] == ["mine"] * 3
    assert json.loads(Path("r_2.json").read_text())["pictures"]["result"] == "x_2.png"
    assert size_of("x_2.png") == (48, 48)


def test_pictures_on_the_way_replace_none(pair) -> None:
    Path("steps").mkdir()
    Path("steps/x_00002.png").write_text("mine")
    words = ["run", *pair, *SHORT, "-o", "x.png", "--save-every", 1, "steps"]
    refused(1, "steps/x_00002.png exists", *words)
    assert files_in(Path()) == ["steps/x_00002.png"]
    done(*words, "--overwrite")
    assert size_of("steps/x_00002.png") == (48, 48)

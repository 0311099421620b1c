"""Full disks, folders that go away, streams that are closed or full: nothing computed is lost, and a line says it."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from cxstyle import Job, StyleConfig, compare, run_batch, stylize
from cxstyle.cli import main
from cxstyle.cli.complete import commands
from cxstyle.cli.keep import Lasting
from cxstyle.cli.refuge import keep
from cxstyle.cli.several import Several
from cxstyle.cli.watch import Given, Watch
from cxstyle.errors import OutputError
from cxstyle.files import check_space, write_whole

SHORT = ("--size", "48", "--iterations", "2")
CONFIG = StyleConfig.preset("fast").override(size=48, iterations=2)


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder; others for temporary files and the home."""
    for name in ("work", "temporary", "home"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
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


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def cxstyle(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def shell(redirected: str, *words: object) -> subprocess.CompletedProcess[str]:
    """A command with its streams redirected, as a shell does it."""
    line = f'exec "$@" {redirected}'
    program = ["sh", "-c", line, "sh", sys.executable, "-m", "cxstyle", *map(str, words)]
    return subprocess.run(program, capture_output=True, text=True, check=False)


OTHERS = {"save_every": None, "report": None, "quiet": True, "verbose": False}


def watch(pair: tuple[Path, Path], **changes: object) -> Watch:
    settings = {"output": Path("x.png"), "overwrite": False} | OTHERS
    # What each word is, its test knows.
    return Watch(Given(pair[0], pair[1:]), **(settings | changes))  # type: ignore[arg-type]


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


# Space


def test_files_that_fit_are_no_error(own_folder: Path) -> None:
    check_space([(own_folder / "x.png", 1000), (own_folder, 1000)])


def test_files_of_one_disk_must_fit_together(own_folder: Path) -> None:
    most = 0.6 * shutil.disk_usage(own_folder).free
    check_space([(own_folder / "x.png", most)])
    with pytest.raises(OutputError, match=r"can't write .*y.png: up to .*B are needed there, and .*B are free"):
        check_space([(own_folder / "x.png", most), (own_folder / "y.png", most + 1)])


def test_a_run_that_would_fill_the_disk_is_refused_before_it_starts(pair, own_folder: Path) -> None:
    result = cxstyle("run", *pair, "--size", 48, "--iterations", 10**9, "--save-every", 1, "steps", "-q")
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert "can't write steps: up to " in result.stderr
    assert files(own_folder) == []


@pytest.mark.parametrize("preset", ["default", "gatys"])
def test_a_movie_and_a_checkpoint_are_counted_and_take_no_more(pair, monkeypatch, preset: str) -> None:
    counted: dict[Path, float] = {}
    monkeypatch.setattr("cxstyle.cli.watch.check_space", counted.update)
    monkeypatch.setattr("cxstyle.transfer.checkpoint.Checkpoint.remove", lambda _: None)
    kept = Path("x.checkpoint")
    movie = Path("x.gif")
    config = StyleConfig.preset(preset).override(size=48, iterations=30, features="vgg16", samples=100)
    watch(pair, lasting=Lasting(checkpoint=kept, checkpoint_every=0, movie=movie)).stylize(config)
    for path, copies in ((Path("x.png"), 1), (movie, 1), (kept, 2)):
        assert copies * path.stat().st_size <= counted[path] < 20 * copies * path.stat().st_size, path


def test_a_checkpoint_that_nobody_asked_for_is_no_reason_to_refuse(pair, monkeypatch) -> None:
    counted: dict[Path, float] = {}
    monkeypatch.setattr("cxstyle.cli.watch.check_space", counted.update)
    watch(pair, lasting=Lasting()).stylize(CONFIG)
    assert [*counted] == [Path("x.png")]


# Results whose place has become unwritable


def written(path: Path) -> Path:
    return write_whole(path, b"x" * 5000)


def test_what_can_be_written_is_where_it_should_be(own_folder: Path) -> None:
    assert keep(Path("x.png"), written) == Path("x.png")
    assert files(own_folder) == ["x.png"]


def test_the_temporary_folder_comes_first(tmp_path: Path, capsys) -> None:
    place = keep(Path("gone/x.png"), written)
    assert (place.read_bytes(), place.parent.parent, place.name) == (b"x" * 5000, tmp_path / "temporary", "x.png")
    assert capsys.readouterr().err == (
        f"cxstyle: can't write gone/x.png: No such file or directory; it is in {place} instead\n"
    )


def test_then_the_home_and_then_the_current_folder(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    assert keep(Path("gone/x.png"), written) == tmp_path / "home/x.png"
    monkeypatch.setenv("HOME", str(tmp_path / "none"))
    assert keep(Path("gone/x.png"), written) == tmp_path / "work/x.png"


def test_nothing_that_is_there_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_text("mine")
    assert keep(Path("gone/x.png"), written, iter([tmp_path])) == tmp_path / "x_2.png"
    assert (tmp_path / "x.png").read_text() == "mine"


def test_a_picture_that_its_format_cannot_hold_becomes_a_png(tmp_path: Path) -> None:
    def encoded(path: Path) -> Path:
        if path.suffix != ".png":
            raise ValueError("too large for this format")
        return written(path)

    assert keep(Path("x.webp"), encoded, iter([tmp_path])) == tmp_path / "x.png"


def test_where_nothing_can_be_written_this_is_said_and_nothing_is_left_behind(tmp_path: Path) -> None:
    with files_of_at_most(2000), pytest.raises(OutputError, match=r"can't write x.png: File too large; no other place"):
        keep(Path("x.png"), written)
    assert files(tmp_path) == []
    assert list((tmp_path / "temporary").iterdir()) == []


def test_a_report_that_cannot_be_written_leaves_the_picture_and_goes_elsewhere(pair, tmp_path: Path, capsys) -> None:
    Path("there").mkdir()
    ready = watch(pair, report=Path("there/r.json"))
    Path("there").rmdir()
    with pytest.raises(SystemExit) as ended:
        ready.stylize(CONFIG)
    assert ended.value.code == 1
    assert size_of(Path("x.png")) == (48, 48)
    assert "can't write there/r.json: No such file or directory; it is in " in capsys.readouterr().err
    (report,) = (tmp_path / "temporary").rglob("r.json")
    assert json.loads(report.read_text())["pictures"]["result"] == "x.png"


def test_a_full_disk_at_the_report_is_said_after_the_picture_was_written(pair, capsys) -> None:
    result = stylize(*pair, CONFIG.override(iterations=40))
    ready = watch(pair, report=Path("r.json"), quiet=False)
    with files_of_at_most(10000), pytest.raises(SystemExit) as ended:
        ready.finish(result)
    told = capsys.readouterr()
    assert (ended.value.code, told.out.split(" (")[0], told.err.count("\n")) == (1, "wrote x.png", 1)
    assert "can't write r.json: File too large; no other place could be written to, either, so it is lost" in told.err


def test_pictures_on_the_way_that_cannot_be_written_cost_the_status_but_not_the_run(pair, capsys) -> None:
    ready = watch(pair, save_every=(1, Path("steps")))
    Path("steps").rmdir()
    with pytest.raises(SystemExit) as ended:
        ready.stylize(CONFIG)
    told = capsys.readouterr().err
    assert (ended.value.code, told.count("\n")) == (1, 1)
    assert "can't write steps/x_00001.png: No such file or directory; no more intermediate pictures" in told
    assert size_of(Path("x.png")) == (48, 48)


def test_a_sheet_whose_place_has_gone_is_written_elsewhere(pair, tmp_path: Path, capsys) -> None:
    Path("there").mkdir()
    several = Several(1, Path("there/s.png"), overwrite=False, results=None, report=None, quiet=True)
    Path("there").rmdir()
    with pytest.raises(SystemExit) as ended:
        several.go(partial(compare, *pair, {"fast": CONFIG}))
    assert ended.value.code == 1
    assert "can't write there/s.png" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "temporary").rglob("*.png")] == ["s.png"]


def test_a_source_that_vanishes_fails_its_job_alone(pair, own_folder: Path) -> None:
    for name in ("a.png", "b.png"):
        shutil.copy(pair[0], name)
    jobs = [Job(name, pair[1], CONFIG) for name in ("a.png", "b.png")]

    def vanish(event: object) -> None:
        if getattr(event, "kind", "") == "planned":
            (own_folder / "a.png").unlink()

    result = run_batch(jobs, "out", workers=1, callback=vanish)
    assert [(record["source"], record["error"]) for record in result.failed] == [("a.png", "there is no file a.png")]
    assert Path("out/b__hopper.png").is_file()


def test_a_current_folder_that_is_gone_is_one_line(own_folder: Path) -> None:
    own_folder.rmdir()
    result = cxstyle("presets", "list")
    assert (result.exit_code, result.output) == (1, "cxstyle: the current folder is gone; change into another one\n")


# Places that are taken


def test_a_file_that_may_not_be_replaced_goes_beside_with_and_without_links(monkeypatch) -> None:
    def unable(*_: object) -> None:
        raise PermissionError

    for number in (1, 2, 3, 4):
        name = Path(f"x_{number}.png" if number > 1 else "x.png")
        assert write_whole(Path("x.png"), b"%d" % number, replace=False) == name
        monkeypatch.setattr(os, "link", unable)
    assert files(Path()) == ["x.png", "x_2.png", "x_3.png", "x_4.png"]
    assert Path("x.png").read_bytes() == b"1"


@pytest.mark.parametrize(
    "words",
    [
        "run a.png b.png -o a.png",
        "run a.png b.png -o b.png",
        "run a.png b.png -o link.png",
        "run a.png b.png -o x.png --report a.png",
        "run a.png b.png -o x.png --checkpoint b.png",
        "run a.png b.png -o x.png --movie a.gif --init a.gif",
        "run a.png b.png -o x.png --report s.yaml --config s.yaml",
        "run a.png b.png -o a.png --source-mask a.png --target-mask b.png",
        "run a_00001.png b.png -o a.png --save-every 1 .",
        "match a.png b.png -o a.png",
        "score a.png --source a.png --target b.png --json b.png",
        "bench --pair a.png b.png --json a.png",
        "compare a.png b.png --presets fast -o b.png",
        "compare a.png b.png --presets fast -o x.png --report a.png",
        "grid a.png -t b.png -t a_b.png -o x.png --results .",
        "grid a.png -t b.png -o a.png",
        "batch a.png b.png -o . --name {source}.png",
        "batch a.png b.png -o . --name x.png --init x.png",
        "batch a_00001.png b.png -o out --name a.png --save-every 1 .",
    ],
)
def test_what_is_read_is_never_replaced(pair, words: str) -> None:
    for name in ("a.png", "a_00001.png", "x.png", "a.gif", "a_b.png"):
        shutil.copy(pair[0], name)
    shutil.copy(pair[1], "b.png")
    Path("s.yaml").write_text(json.dumps(CONFIG.to_dict()))
    Path("link.png").symlink_to("a.png")
    before = {path: path.read_bytes() for path in Path().iterdir() if path.name != "x.png" or "--init x.png" in words}
    result = cxstyle(*words.split(), "--overwrite")
    (line,) = (line for line in result.stderr.splitlines() if line != "hashing the pictures")
    assert "is read, and what is read is never replaced; choose another" in line
    assert result.exit_code == 1
    assert {path: path.read_bytes() for path in before} == before


def test_what_came_during_a_run_stays_and_the_result_is_beside_it(pair, monkeypatch) -> None:
    def come(*_: object) -> bool:
        for name in ("x.png", "r.json", "m.gif"):
            Path(name).write_text("mine")
        return True

    monkeypatch.setattr(Watch, "step", come)
    ended = cxstyle("run", *pair, *SHORT, "-o", "x.png", "--report", "r.json", "--movie", "m.gif", "-q")
    assert ended.exit_code == 1
    assert ended.stderr.splitlines() == [
        f"cxstyle: {name} has come meanwhile and stays; the new one is {beside}"
        for name, beside in (("x.png", "x_2.png"), ("r.json", "r_2.json"), ("m.gif", "m_2.gif"))
    ]
    assert [Path(name).read_text() for name in ("x.png", "r.json", "m.gif")] == ["mine"] * 3
    assert json.loads(Path("r_2.json").read_text())["pictures"]["result"] == "x_2.png"
    assert size_of(Path("x_2.png")) == (48, 48)


def test_two_runs_that_make_up_one_name_leave_two_results(pair) -> None:
    first, second = (Watch(Given(pair[0], pair[1:]), output=None, overwrite=False, **OTHERS) for _ in range(2))
    first.stylize(CONFIG)
    second.stylize(CONFIG)
    assert files(Path()) == ["astronaut_hopper.png", "astronaut_hopper_2.png"]


def test_pictures_on_the_way_replace_none(pair) -> None:
    Path("steps").mkdir()
    Path("steps/x_00002.png").write_text("mine")
    words = ["run", *pair, *SHORT, "-o", "x.png", "--save-every", 1, "steps"]
    assert "steps/x_00002.png exists" in cxstyle(*words).stderr
    assert files(Path()) == ["steps/x_00002.png"]
    assert cxstyle(*words, "--overwrite").exit_code == 0
    assert size_of(Path("steps/x_00002.png")) == (48, 48)


def test_a_result_of_a_comparison_replaces_nothing_that_came(pair) -> None:
    def come(_: object) -> bool:
        Path("astronaut_hopper_fast.png").write_text("mine")
        return True

    (outcome,) = compare(*pair, {"fast": CONFIG}, folder=Path(), callback=come).outcomes
    assert (outcome.error, outcome.path) == (
        "astronaut_hopper_fast.png has come meanwhile and stays; the new one is astronaut_hopper_fast_2.png",
        Path("astronaut_hopper_fast_2.png"),
    )
    assert Path("astronaut_hopper_fast.png").read_text() == "mine"


@pytest.mark.parametrize("path", ["", ".", "/", "..", "x/.."])
@pytest.mark.parametrize("option", ["-o", "--report", "--movie", "--checkpoint"])
def test_names_that_name_no_file_are_wrong_usage(pair, option: str, path: str) -> None:
    result = cxstyle("run", *pair, option, path)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert ("an empty one came" if not path else f"{path} is a folder; name a file in it") in result.stderr


@pytest.mark.parametrize("words", ["batch a.png b.png -o", "batch merge", "info", "match a.png", "weights import"])
def test_empty_names_are_wrong_usage_everywhere(own_folder: Path, words: str) -> None:
    result = cxstyle(*words.split(), "")
    assert (result.exit_code, "a name is needed, and an empty one came" in result.stderr) == (2, True)
    assert files(own_folder) == []


# Streams


@pytest.mark.parametrize("words", [words for _, words in commands(main)])
def test_help_that_nobody_can_be_told_is_one_line(words: str) -> None:
    done = shell(">/dev/full", *words.split(), "--help")
    assert (done.returncode, done.stderr) == (1, "cxstyle: can't write to standard output: No space left on device\n")


@pytest.mark.parametrize(
    ("redirected", "words", "status", "told"),
    [
        (">/dev/full", "presets list", 1, "cxstyle: can't write to standard output: No space left on device\n"),
        (">/dev/full", "", 1, "cxstyle: can't write to standard output: No space left on device\n"),
        (">&-", "presets list", 1, "cxstyle: can't write to standard output: Bad file descriptor\n"),
        (">&- 2>&- <&-", "presets list", 1, ""),
        ("2>&-", "presets list", 0, ""),
        ("2>&-", "presets show nothing", 2, ""),
        ("2>/dev/full", "presets show nothing", 2, ""),
    ],
)
def test_streams_that_are_closed_or_full_end_in_a_line_at_most(redirected, words, status, told) -> None:
    done = shell(redirected, *words.split())
    assert (done.returncode, done.stderr) == (status, told)


def test_a_run_that_cannot_say_so_has_written_its_picture(pair) -> None:
    assert shell(">/dev/full 2>&- <&-", "run", *pair, *SHORT, "-o", "x.png").returncode == 1
    assert size_of(Path("x.png")) == (48, 48)


# What nobody expected


def test_a_bug_is_one_line_that_asks_for_a_report(monkeypatch) -> None:
    def wrong(_: object) -> StyleConfig:
        raise TypeError("wrong\nindeed")

    monkeypatch.setattr(StyleConfig, "preset", wrong)
    result = cxstyle("run", "a.png", "b.png")
    assert (result.exit_code, result.stderr.count("\n")) == (70, 1)
    assert result.stderr.startswith(
        "cxstyle: this is a bug: TypeError: wrong indeed; please report it, with what CXSTYLE_"
    )
    monkeypatch.setenv("CXSTYLE_DEBUG", "1")
    told = cxstyle("run", "a.png", "b.png").stderr
    assert told.startswith("Traceback (most recent call last):")
    assert told.splitlines()[-1].startswith("cxstyle: this is a bug: ")


def test_what_the_system_refuses_is_no_bug(monkeypatch) -> None:
    def refused(_: object) -> StyleConfig:
        return StyleConfig.load(Path("nothing").readlink())

    monkeypatch.setattr(StyleConfig, "preset", refused)
    result = cxstyle("run", "a.png", "b.png")
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert "cxstyle: nothing: No such file or directory" in result.stderr

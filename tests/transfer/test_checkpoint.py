"""Runs that are interrupted, and go on to the same pixels."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import QUICK, files_in, half_mask, python, refused, run_cli, started, wait_for
from PIL import Image

import cxstyle.transfer.checkpoint
from cxstyle import Optimizer, Progress, Pyramid, StyleConfig, stylize
from cxstyle.cli import session as kept
from cxstyle.cli.session import RunSession
from cxstyle.errors import CheckpointError
from cxstyle.features.weights import BUNDLED
from cxstyle.files import PARTIAL, load_state, partial_prefix, save_state
from cxstyle.losses.objective import Objective
from cxstyle.transfer.checkpoint import Checkpoint

SMALL = StyleConfig.preset().override(size=48, iterations=4, features="vgg16", samples=100, pyramid=Pyramid(32))
BRIEF = StyleConfig.load(QUICK)
RUNS = {
    "lbfgs": BRIEF.override(size=32, iterations=3, optimizer=Optimizer("lbfgs", 1.0)),
    "cnnmrf": StyleConfig.preset("cnnmrf").override(size=48, iterations=2, features="vgg16", samples=30),
    "noise and masks": SMALL.override(init="noise", iterations=3),
}
WORDS = ["--config", QUICK]


def after(steps: int) -> Callable[[Progress], bool]:
    """A callback that stops a run after so many iterations."""
    left = iter(range(steps - 1, -1, -1))
    return lambda _: next(left) > 0


pytestmark = pytest.mark.usefixtures("own_folder")


@pytest.fixture
def file(own_folder: Path) -> Path:
    return own_folder / "x.checkpoint"


@pytest.fixture(scope="module")
def masks() -> dict[str, torch.Tensor]:
    """Two halves, left and right, above and below; the source's has a corner of its own, which stays."""
    source, target = half_mask(64, 64), half_mask(55, 64).transpose(1, 2)
    source[:, 40:, 40:] = torch.tensor([0.0, 1.0, 0.0])[:, None, None]
    return {"source_mask": source, "target_mask": target}


@pytest.mark.parametrize("name", RUNS)
def test_a_run_stopped_after_every_iteration_ends_with_the_same_pixels_and_losses(pair, masks, file, name) -> None:
    config, extra = RUNS[name], masks if "masks" in name else {}
    whole = stylize(*pair, config, **extra)
    for steps in range(1, config.iterations + 1):
        part = stylize(*pair, config, **extra, checkpoint=file, resume=True, callback=after(1))
        assert (part.status, len(part.losses)) == ("stopped", steps)
    end = stylize(*pair, config, **extra, checkpoint=file, resume=True)
    assert torch.equal(end.picture, whole.picture)
    assert (end.status, end.losses) == ("complete", whole.losses)
    assert end.details["resumed_after"] == config.iterations


def test_a_run_that_goes_on_tells_the_tiles_that_it_has_had(pair, file: Path, monkeypatch) -> None:
    config = BRIEF.override(size=128, enlarge=True)
    monkeypatch.setattr(cxstyle.transfer.memory.Need, "pixels", lambda *_: 96 * 96)
    first = stylize(*pair, config, checkpoint=file, callback=after(1))
    monkeypatch.undo()
    second = stylize(*pair, config, checkpoint=file, resume=True)
    assert first.details["memory"]["tiles"] == second.details["memory"]["tiles"] > 1
    assert second.details["memory"]["estimate"] != second.details["memory"]["whole"]


# Memory that runs out


def test_a_run_that_ran_out_of_memory_in_an_iteration_goes_on_from_before_it(pair, file: Path, monkeypatch) -> None:
    whole, evaluate, calls = stylize(*pair, SMALL), Objective.evaluate, []

    def failing(self: Objective, *rest: object) -> object:
        losses = evaluate(self, *rest)  # draws from the generator
        calls.append(1)
        if len(calls) == 3:
            raise MemoryError
        return losses

    monkeypatch.setattr(Objective, "evaluate", failing)
    assert stylize(*pair, SMALL, checkpoint=file).status == "out of memory"
    monkeypatch.undo()
    end = stylize(*pair, SMALL, checkpoint=file, resume=True)
    assert torch.equal(end.picture, whole.picture)
    assert end.losses == whole.losses


# Refusals


@pytest.fixture(scope="module")
def stopped(pair: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The checkpoint of a run of BRIEF after an iteration."""
    path = tmp_path_factory.mktemp("stopped") / "x"
    stylize(*pair, BRIEF, checkpoint=path, callback=after(1))
    return path.read_bytes()


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"seed": 1}, "seed"),
        ({"size": 40, "content_weight": 9}, "terms, size"),
        ({"init": "noise"}, "init"),
        ({"targets": [0]}, "targets"),
        ({"source": 1}, "source"),
        ({"targets": [0, 1], "weights": (1, 2)}, "targets, target weights"),
        ({"masks": True}, "masks"),
        ({"memory": "9GB", "device": "cpu", "features": "auto"}, ""),  # which decide no pixel
    ],
)
def test_a_checkpoint_of_another_run_is_refused_by_what_differs(
    pair, masks, file: Path, stopped: bytes, changes: dict[str, Any], names: str
) -> None:
    file.write_bytes(stopped)
    settings = dict(changes)
    source, targets = pair[settings.pop("source", 0)], [pair[i] for i in settings.pop("targets", [1])]
    given = {"weights": settings.pop("weights", None), **(masks if settings.pop("masks", False) else {})}
    says = pytest.raises(CheckpointError, match=f"is of another run, with other {names}: give the same again")
    with says if names else contextlib.nullcontext():
        stylize(source, targets, BRIEF.override(**settings), **given, checkpoint=file, resume=True)
    assert not names or file.read_bytes() == stopped


def test_a_checkpoint_of_another_version_is_refused_with_both(pair, file: Path, stopped: bytes, monkeypatch) -> None:
    file.write_bytes(stopped)
    monkeypatch.setattr(cxstyle.transfer.checkpoint, "__version__", "99.1")
    with pytest.raises(CheckpointError, match=r"was made by cxstyle .* and torch .*, and this is cxstyle 99\.1 and"):
        stylize(*pair, BRIEF, checkpoint=file, resume=True)


def test_damaged_and_foreign_files_are_refused_wherever_the_damage_is(file: Path, stopped: bytes) -> None:
    generator = random.Random(0)
    broken = [stopped[: generator.randrange(len(stopped))] for _ in range(30)]
    broken += [b"", b"\0" * 40, b"text", (BUNDLED / "vgg16.safetensors").read_bytes(), b"[" * 99_999]
    for content in broken:
        file.write_bytes(content)
        with pytest.raises(CheckpointError, match="is damaged or no checkpoint") as refused:
            Checkpoint(file).read(dict)
        assert "\n" not in str(refused.value)


def test_no_bit_that_has_flipped_changes_what_is_read(file: Path, stopped: bytes) -> None:
    file.write_bytes(stopped)
    whole = repr(load_state(file, "run"))
    generator, taken = random.Random(0), 0
    for _ in range(150):
        place = generator.randrange(len(stopped))
        file.write_bytes(stopped[:place] + bytes([stopped[place] ^ 1 << generator.randrange(8)]) + stopped[place + 1 :])
        with contextlib.suppress(CheckpointError):
            assert repr(load_state(file, "run")) == whole
            taken += 1
    assert taken < 15  # in the padding between the parts


def test_a_state_of_something_else_and_one_with_code_are_refused(file: Path, own_folder: Path) -> None:
    save_state(file, "training", {"a": 1})
    with pytest.raises(CheckpointError, match="no checkpoint of cxstyle"):
        load_state(file, "run")
    torch.save({"kind": "run", "path": own_folder}, file)
    with pytest.raises(CheckpointError, match="no checkpoint of cxstyle"):
        load_state(file, "run")


# When


def test_a_run_of_unknown_length_keeps_its_state_once_it_turns_out_to_be_long() -> None:
    checkpoint = Checkpoint("x", every=60, past=600)
    assert not checkpoint.due(0.01)
    checkpoint.began -= 30
    assert not checkpoint.due(0.06)  # 500 s in all
    assert not checkpoint.active
    assert checkpoint.due(0.04)  # 750 s
    checkpoint.last = time.monotonic()
    assert not checkpoint.due(0.05)
    checkpoint.last -= 60
    assert checkpoint.due(0.06)


# The command


def run(*words: object) -> tuple[int, str, str]:
    done = run_cli("run", *words)
    return done.exit_code, done.stdout, done.stderr


def test_a_complete_run_leaves_no_checkpoint_and_nothing_half_written(pair, file, own_folder) -> None:
    for path in (file, own_folder / "x.png"):
        (own_folder / f"{partial_prefix(path)}abc{PARTIAL}").write_text("half")
    status, _, said = run(*pair, *WORDS, "-o", "x.png", "--checkpoint", file, "--checkpoint-every", 0)
    assert status == 0, said
    assert files_in(own_folder) == ["x.png"]


@pytest.mark.slow
def test_sigterm_keeps_picture_report_movie_and_state_and_resume_replaces_them(pair, file, own_folder: Path) -> None:
    words = [*pair, *WORDS, "--iterations", 30, "--report"]
    assert run(*words, "whole.json", "-o", "whole.png", "--no-checkpoint")[0] == 0
    words += ["x.json", "-o", "x.png", "--movie", "x.gif", "--checkpoint", file, "--checkpoint-every", 0]
    process = started("run", *words)
    wait_for(file)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out.count("wrote")) == (130, 2)
    assert err.splitlines()[-2:] == [
        f"cxstyle: stopped; x.png holds the picture so far, {file} the state of the run",
        f"to go on: {shlex.join(['cxstyle', 'run', *map(str, words)])} --resume",
    ]
    assert "Ctrl-C" not in err
    assert json.loads(Path("x.json").read_text())["status"] == "stopped"
    status, _, err = run(*words, "--resume")
    assert status == 0, err
    assert "going on after iteration " in err
    assert Path("x.png").read_bytes() == Path("whole.png").read_bytes()
    assert json.loads(Path("x.json").read_text())["losses"] == json.loads(Path("whole.json").read_text())["losses"]
    with Image.open("x.gif") as movie:
        assert movie.n_frames == 31
    assert files_in(own_folder) == ["whole.json", "whole.png", "x.gif", "x.json", "x.png"]


KILLS = """
import os, random, signal, sys, time
from pathlib import Path
import cxstyle.transfer.stylize
from cxstyle.cli import main

def begin():  # a process that has PyTorch loaded already
    child = os.fork()
    if not child:
        try:
            main(sys.argv[2:])
        except SystemExit as ended:
            os._exit(ended.code or 0)
    return child

def state():
    return os.stat(sys.argv[1]).st_mtime_ns if os.path.exists(sys.argv[1]) else 0

random.seed(1)
for _ in range(5):
    child, before, deadline = begin(), state(), time.monotonic() + 60
    while state() == before and time.monotonic() < deadline:  # killed only once it has kept a state of its own
        time.sleep(0.005)
    time.sleep(random.uniform(0, 0.1))
    os.kill(child, signal.SIGKILL)
    if state() == before or not os.WIFSIGNALED(os.waitpid(child, 0)[1]):
        print("ended, or was killed, before it had kept a state")
sys.exit(os.waitpid(begin(), 0)[1])
"""


@pytest.mark.slow
def test_a_run_killed_while_it_keeps_its_states_ends_with_the_same_pixels(pair, file: Path, own_folder: Path) -> None:
    words = ["run", *pair, *WORDS, "--size", 32, "--iterations", 150, "-q", "--resume"]
    assert run(*words[1:], "-o", "whole.png")[0] == 0
    words += ["-o", "x.png", "--checkpoint", file, "--checkpoint-every", 0, "--report", "x.json"]
    done = python(KILLS, file, *words)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert json.loads(Path("x.json").read_text())["details"]["resumed_after"] >= 5
    assert Path("x.png").read_bytes() == Path("whole.png").read_bytes()
    assert files_in(own_folder) == ["whole.png", "x.json", "x.png"]


def test_resume_without_a_checkpoint_starts_or_has_nothing_to_do(pair) -> None:
    status, _, err = run(*pair, *WORDS, "-o", "x.png", "--resume")
    assert status == 0
    assert "there is no checkpoint x.png.checkpoint; starting from the beginning" in err
    before = Path("x.png").stat().st_mtime_ns
    status, out, err = run(*pair, *WORDS, "-o", "x.png", "--resume")
    assert (status, out, Path("x.png").stat().st_mtime_ns) == (0, "", before)
    assert "x.png exists: nothing to do (--overwrite makes it again)" in err
    stopped = stylize(*pair, BRIEF, callback=after(1))
    stopped.save("part.png")
    refused(1, "part.png was stopped early: --overwrite begins anew", "run", *pair, "-o", "part.png", "--resume")


def test_a_checkpoint_in_the_way_is_refused_with_what_to_do(pair, file: Path) -> None:
    file.write_text("another's")
    says = "x.checkpoint is of a run that was not finished: add --resume to go on with it"
    for words in (["--checkpoint", file], ["-o", "x"]):
        refused(1, says, "run", *pair, *WORDS, *words)
    assert file.read_text() == "another's"
    words = ["-o", "x.png", "--checkpoint", file, "--resume"]
    refused(1, "is damaged or no checkpoint of cxstyle", "run", *pair, *WORDS, *words)
    assert files_in(file.parent) == ["x.checkpoint"]


def test_a_long_run_keeps_its_state_beside_the_result_and_is_found_there(pair, own_folder, monkeypatch) -> None:
    monkeypatch.setattr(kept, "LONG", 1e-9)
    monkeypatch.setattr(cxstyle.transfer.checkpoint, "ESTIMATE_AFTER", 0.0)
    words = [*pair, *WORDS]
    seen: list[Sequence[str]] = []
    monkeypatch.setattr(Checkpoint, "remove", lambda _: seen.append(files_in(own_folder)))
    status, _, err = run(*words)
    assert status == 0
    assert "its state is kept in astronaut_hopper.png.checkpoint; after an interruption the same command" in err
    assert seen == [["astronaut_hopper.png", "astronaut_hopper.png.checkpoint"]]
    monkeypatch.undo()
    monkeypatch.chdir(own_folder)
    # As if it had been killed after the result was written: there it goes on, and doesn't take another name.
    assert run(*words, "--resume")[0] == 0
    assert files_in(own_folder) == ["astronaut_hopper.png"]


# Signals


@pytest.mark.slow
def test_sigterm_to_all_processes_of_a_batch_stops_it_as_ctrl_c_does(pair, own_folder: Path) -> None:
    words = ["batch", pair[0].parent, pair[1], "-o", "out", *WORDS, "--iterations", 99999, "--workers", 2]
    process = started(*words, group=True)
    manifest = own_folder / "out" / "manifest.jsonl"
    wait_for(manifest)
    while manifest.read_text().count("started") < 2 and process.poll() is None:
        time.sleep(0.05)
    children = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True, check=True)
    for child in children.stdout.split():
        os.kill(int(child), signal.SIGTERM)
    os.killpg(process.pid, signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "stopped; what is done is kept, and the same command does the other 2" in err
    assert "Traceback" not in err


def test_a_run_without_a_name_that_is_stopped_says_the_whole_command_that_goes_on(pair, monkeypatch) -> None:
    step = RunSession.step
    with monkeypatch.context() as patch:
        patch.setattr(RunSession, "step", lambda *given: step(*given) and False)
        status, _, err = run(*pair, *WORDS, "--checkpoint", "k", "--checkpoint-every", 0)
    kept, command = err.splitlines()[-2:]
    holds = "astronaut_hopper.png holds the picture so far, k the state of the run"
    assert (status, kept) == (130, f"cxstyle: stopped; {holds}")
    assert command.endswith(" -o astronaut_hopper.png --resume")
    assert run(*shlex.split(command.removeprefix("to go on: cxstyle run ")))[0] == 0
    assert files_in(Path()) == ["astronaut_hopper.png"]


@pytest.mark.slow
def test_a_terminal_that_goes_away_stops_a_run_which_keeps_what_it_has(pair, own_folder: Path) -> None:
    import pty

    outer, inner = pty.openpty()
    words = ["run", *pair, *WORDS, "--iterations", 99999, "-o", "x.png", "--save-every", 1, "steps"]
    command = [sys.executable, "-m", "cxstyle", *map(str, words)]
    process = subprocess.Popen(command, stdin=inner, stdout=inner, stderr=inner, start_new_session=True)
    os.close(inner)
    wait_for(own_folder / "steps" / "x_00001.png")
    os.close(outer)
    process.send_signal(signal.SIGHUP)
    assert process.wait(timeout=60) == 130
    with Image.open(own_folder / "x.png") as image:
        assert image.size == (48, 48)

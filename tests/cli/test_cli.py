"""The commands as users type them."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import pytest
import torch
import yaml
from conftest import SAMPLES
from helpers import (
    QUICK,
    done,
    every_command,
    files_in,
    halves,
    in_torchvision_layout,
    on_terminal,
    painted,
    python,
    refused,
    run_cli,
    size_of,
    started,
    true_layout,
    wait_for,
)

from cxstyle import StyleConfig, stylize
from cxstyle.cli.outputs import free_name
from cxstyle.pictures.reading import load_picture
from cxstyle.settings import preset_names, preset_path
from cxstyle.transfer import RunDetails
from cxstyle.transfer.result import Result as Stylized

STOPPED = "cxstyle: stopped at once; files written until then are whole, and kept"
SHORT = ["--size", "48", "--iterations", "2"]
STEERED = ["--config", QUICK, "--iterations", "1", "--report", "r.json"]
RED, GREEN, BLUE = "#ff0000", "#00ff00", "#0000ff"
DETAILS = RunDetails(**dict.fromkeys(field.name for field in dataclasses.fields(RunDetails)))
"""With nothing to tell."""


pytestmark = pytest.mark.usefixtures("own_folder")


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What `stylize` was last called with; it computes nothing, and its result is grey."""
    found: dict[str, Any] = {}

    def record(source: Any, **words: Any) -> Stylized:
        found.clear()
        found.update(words, source=source)
        return Stylized(torch.full((1, 3, 40, 40), 0.5), words["config"], [], "complete", {"loop": 0.0}, DETAILS)

    monkeypatch.setattr("cxstyle.transfer.stylize", record)
    return found


def test_run_writes_the_result_and_a_report_and_says_where_and_what_was_decided(pair: tuple[Path, Path]) -> None:
    result = done("run", *pair, *SHORT, "--memory", "20GB", "--report", "r.json", "-v")
    assert result.stdout.startswith("wrote astronaut_hopper.png (48x48 px, 2 iterations in ")
    for line in (
        "features: vgg16 (torchvision",
        "device: cpu",
        "result: 48x48 px",
        "of 20.00 GB (as asked for), the network whole, since it fits",
    ):
        assert line in result.stderr
    assert size_of("astronaut_hopper.png") == (48, 48)
    record = json.loads(Path("r.json").read_text())
    assert (record["settings"]["size"], record["status"]) == (48, "complete")
    assert record["pictures"]["result"] == "astronaut_hopper.png"
    assert {"scale", "iteration", "total", "content conv4_2"} < set(record["losses"][1])


@pytest.mark.usefixtures("given")
def test_names_made_up_are_numbered_and_names_given_are_not_overwritten(own_folder: Path) -> None:
    for _ in range(2):
        done("run", "a.png", "b.png")
    assert files_in(own_folder) == ["a_b.png", "a_b_2.png"]
    Path("a_b.png").write_text("mine")
    refused(1, "a_b.png exists; choose another name or add --overwrite", "run", "a.png", "b.png", "-o", "a_b.png")
    assert Path("a_b.png").read_text() == "mine"
    done("run", "a.png", "b.png", "-o", "a_b.png", "--overwrite")
    assert size_of("a_b.png") == (40, 40)


def test_options_override_the_preset(given: Mapping) -> None:
    asked = {"size": 48, "iterations": 3, "seed": 9, "strength": 0.5, "device": "cpu", "precision": "fp32"}
    asked |= {"features": "vgg16", "weights": "w.safetensors", "init": "target", "colors": "free", "memory": "20GB"}
    words = [word for name, value in asked.items() for word in (f"--{name}", value)]
    more = ["--content-weight", 2.5, "--style-weight", 3, "--tv-weight", 7, "--samples", 30]
    done("run", "a.png", "b.png", "--preset", "authors", *words, *more, "--enlarge", "--deterministic")
    config = given["config"]
    assert {name: getattr(config, name) for name in asked} == asked
    assert (config.enlarge, config.deterministic, config.pooling) == (True, True, "average")
    assert [term.weight for term in config.terms] == [3, 2.5, 7]
    assert [term.samples for term in config.terms] == [30, 30, "all"]


def test_pictures_weights_and_masks_reach_the_run(given: Mapping) -> None:
    masks = ["--source-mask", "m.png", "--target-mask", "n.png", "--target-mask", "o.png"]
    done("run", "a.png", "b.png", "c.png", "--target-weights", "3,1", *masks)
    assert {name: given[name] for name in ("source", "target", "weights", "source_mask", "target_mask")} == {
        "source": Path("a.png"),
        "target": [Path("b.png"), Path("c.png")],
        "weights": (3, 1),
        "source_mask": Path("m.png"),
        "target_mask": [Path("n.png"), Path("o.png")],
    }


def test_pictures_on_the_way_end_with_the_result(pair: tuple[Path, Path], own_folder: Path) -> None:
    words = ("--config", QUICK, "--iterations", 4, "--save-every", 2, "steps/more", "-o", "x.png", "--colors", "free")
    assert done("run", *pair, *words, "-q").output == ""
    assert files_in(own_folder / "steps") == ["more/x_00002.png", "more/x_00004.png"]
    assert torch.equal(load_picture("steps/more/x_00004.png"), load_picture("x.png"))


def test_a_diverged_run_keeps_the_last_good_picture_and_explains(pair: tuple[Path, Path]) -> None:
    result = run_cli("run", *pair, "--config", QUICK, "--tv-weight", "3e38", "--style-weight", "3e38")
    assert result.exit_code == 1
    assert "a loss was no longer a finite number" in result.stderr
    assert load_picture("astronaut_hopper.png").isfinite().all()


@pytest.mark.slow
def test_a_terminal_shows_scale_iteration_each_kind_of_loss_and_the_time_left_of_the_same_run(pair) -> None:
    words = ("run", *pair, "--size", 48, "--iterations", 3)
    text = on_terminal(*words, "-o", "x.png")
    assert "scale 1/1 (48x48) iteration 3/3 |" in text
    each = ", ".join(rf"{name} [\d.e+-]+" for name in ("style", "neighbors", "gram", "content"))
    assert re.search(rf"100% \[\d\d:\d\d<\d\d:\d\d, {each}\]", text)
    done(*words, "-o", "y.png", "-q")
    assert torch.equal(load_picture("x.png"), load_picture("y.png"))


def test_made_up_names_never_get_too_long_and_are_numbered() -> None:
    assert free_name("a", "b", "c") == Path("a_b_c.png")
    long = free_name(*["\u03b1" * 100] * 9)
    assert long.stem == "\u03b1" * 60
    long.touch()
    assert free_name(*["\u03b1" * 100] * 9).stem == f"{long.stem}_2"


@pytest.fixture
def masks(pair: tuple[Path, Path], own_folder: Path) -> list[str]:
    """Options for masks that have one colour in common."""
    for name, other, picture in zip(("s.png", "t.png"), (BLUE, GREEN), pair, strict=True):
        halves(own_folder / name, RED, other, size_of(picture))
    return ["--source-mask", "s.png", "--target-mask", "t.png"]


def report() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path("r.json").read_text())
    return found


def test_labels_of_one_side_are_always_said_those_of_both_with_verbose_and_all_are_reported(pair, masks) -> None:
    words = ["run", *pair, *STEERED, *masks, "--overwrite", "-o", "x.png"]
    lines = [
        f"mask: {BLUE} is only in the source's mask; that part stays as it is",
        f"mask: {GREEN} is only in the target's mask; nothing draws from there",
    ]
    assert done(*words).stderr.splitlines()[1:] == lines
    said = done(*words, "-v").stderr.splitlines()
    assert said[1] == f"masks: {RED} are matched, each with its own"
    assert said[2:4] == lines
    assert report()["details"]["labels"] == {"shared": [RED], "only_source": [BLUE], "only_target": [GREEN]}
    pictures = report()["pictures"]
    assert (pictures["source_mask"], pictures["target_masks"]) == ("s.png", ["t.png"])


def test_targets_with_weights_make_the_name_and_the_report_and_one_without_weight_is_left_out(pair) -> None:
    rocket, coffee = SAMPLES / "rocket.jpg", SAMPLES / "coffee.png"
    told = done("run", pair[0], pair[1], coffee, rocket, *STEERED, "--target-weights", "3,0,1", "-v")
    assert told.stdout.startswith("wrote astronaut_hopper_coffee_rocket.png (48x48 px")
    assert f"targets: {pair[1]} 75%, {rocket} 25%" in told.stderr.splitlines()
    assert report()["pictures"]["targets"] == [str(pair[1]), str(rocket)]
    assert report()["details"]["target_weights"] == [0.75, 0.25]
    config = StyleConfig.load(QUICK).override(iterations=1)
    stylize(pair[0], [pair[1], rocket], config, weights=[3, 1]).save("two.png")
    assert torch.equal(load_picture("two.png"), load_picture("astronaut_hopper_coffee_rocket.png"))


def test_compare_takes_masks_and_says_once_what_only_one_has(pair, masks) -> None:
    words = ["--presets", "default,fast", "--size", 32, "--iterations", 1, "--features", "vgg16", "--report", "r.json"]
    told = done("compare", *pair, *masks, *words)
    assert told.stdout == "wrote astronaut_hopper_compare.png (2 of 2 results)\n"
    lines = told.stderr.splitlines()
    assert [line.split(": ")[1] for line in lines if " of 2: " in line] == ["default", "fast"]
    assert sum(line.startswith(f"mask: {BLUE} is only in the source's mask") for line in lines) == 1
    for one in report()["runs"]:
        assert one["details"]["labels"]["only_source"] == [BLUE]
        assert one["pictures"]["target_masks"] == ["t.png"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_before_anything_is_done_is_one_line(monkeypatch, own_folder: Path, number: int) -> None:
    monkeypatch.setattr(StyleConfig, "preset", lambda _: os.kill(os.getpid(), number))
    result = run_cli("run", "a.png", "b.png")
    assert (result.exit_code, result.stderr.strip()) == (130, STOPPED)
    assert files_in(own_folder) == []


@pytest.mark.parametrize(
    ("words", "work"),
    [
        ("run a.png b.png", "transfer.stylize"),
        ("batch a.png a.png -o out", "batch.run.run_batch"),
        ("bench", "analysis.Bench"),
        ("score a.png --source a.png --target b.png", "analysis.score"),
        ("match a.png b.png", "analysis.match"),
        ("compare a.png b.png", "batch.compare.compare"),
        ("grid a.png -t b.png", "batch.compare.stylize_grid"),
    ],
)
def test_ctrl_c_twice_says_nothing_untrue_of_what_was_written(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch, words: str, work: str
) -> None:
    painted(own_folder / "a.png")

    def pressed(*_: object, **__: object) -> None:
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(f"cxstyle.{work}", pressed)
    result = run_cli(*words.split())
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (130, STOPPED)


@pytest.mark.slow
@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_keeps_pictures_and_the_checkpoint(pair: tuple[Path, Path], own_folder: Path, times: int) -> None:
    words = ("--config", QUICK, "--iterations", 100_000, "--save-every", 1, "steps", "--checkpoint", "x.checkpoint")
    process = started("run", *pair, *words, "--checkpoint-every", 0, "-o", "x.png")
    wait_for(own_folder / "x.checkpoint", 120)
    for _ in range(times):  # the second one may come before the first was heard, and then counts as one with it
        process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    whole = "x.png holds the picture so far, x.checkpoint the state of the run" in err
    assert whole or (times == 2 and STOPPED in err)
    assert (out.startswith("wrote x.png"), Path("x.png").exists()) == (whole, whole)
    assert err.splitlines()[-1].startswith("to go on: cxstyle run ")
    assert err.endswith(" --resume\n")
    assert {"x.checkpoint", "steps/x_00001.png"} <= set(files_in(own_folder))


# Bad input: one line, the right status, nothing written


@pytest.mark.parametrize(
    ("status", "words", "says"),
    [
        (2, "run a b -q -v", "--verbose and --quiet exclude each other"),
        (2, "run a b --no-checkpoint --resume", "--resume and --no-checkpoint exclude each other"),
        (2, "run a b -o - --resume", "--resume with -o - needs the file: --checkpoint FILE"),
        (2, "run a b -o x.png --format jpg", "--format is for -o -, and for no -o at all"),
        (2, "run a b -o x.png --quality 90", "quality: .png has none"),
        (2, "run a b -o x.webp --bits 16", "bits: .webp holds 8"),
        (2, "run - -", "only one picture can come from stdin"),
        (2, "run a b --like r.png --preset fast", "--like excludes --preset and --config"),
        (2, "run a b --preset paper --config c.yaml", "exclude each other"),
        (2, "run a b --preset nice", "preset: 'nice' is not known; did you mean"),
        (2, "run a b --config broken.yaml", "broken.yaml line 1 is not YAML"),
        (2, "run a b --size 5", "size: must be a number at least 32"),
        (2, "run a b --size big", "'big' is not a valid integer"),
        (2, "run a b --colors blue", "'blue' is not one of 'free', 'target', 'regions', 'source'"),
        (2, "run a b --samples some", "'some' is neither a number nor all"),
        (2, "run a b --save-every 0 steps", "0 is not in the range"),
        (2, "run a b b --target-weights 1,x", "'1,x' is not a list of numbers such as"),
        (2, "run a", "Missing argument 'TARGET...'"),
        (2, "run a b --sise 48", "Did you mean"),
        (2, f"run a b --seed {'9' * 400}", "seed: must be a number at least 0"),
        (2, f"run a b --samples {'9' * 5000}", "neither a number nor all"),
        (2, "run a b --style-weight inf", "style-weight: must be a number"),
        (2, "run a b --preset=", "preset: '' is not known; did you mean "),
        (1, "run none.jpg b.png", "there is no file none.jpg"),
        (1, "run a b -o x.docx", "can't tell the format from '.docx'"),
        (1, f"run a b -o {'x' * 300}.png", "File name too long"),
        (1, "run a b -o x.png --report x.png", "is both the result and the report"),
        (1, "run a b --save-every 5 text.jpg/steps", "can't make the folder"),
        (1, "run a.png b.png --weights none.pth", "can't read the weights none.pth"),
        (1, "run a.png b.png --preset paper", "vgg19 is not on this machine: run `cxstyle weights fetch vgg19`"),
        (1, "run a.png b.png --device cuda:77", "device: cuda:77 is not there"),
        (1, "run a.png b.png --memory 90MB", "on cpu needs about"),
        (2, "run a.png b.png --source-mask b.png", "source-mask: needs the target mask, too"),
        (2, "run a.png b.png b.png --target-weights 1", "target-weights: one for each target is needed, got 1 for 2"),
        (1, "run a.png b.png --like other.json", "other.json is neither a picture nor a report"),
        (2, "batch a b -o out -q -v", "--verbose and --quiet exclude each other"),
        (2, "batch a b -o out --json-lines -v", "--verbose and --json-lines exclude each other"),
        (2, "batch a.png -o out", "SOURCES and TARGETS are needed, and 1 words came"),
        (2, "batch a b -o out --jobs jobs.yaml", "--jobs takes the place of SOURCES and TARGETS"),
        (2, "batch -o out --jobs j.yaml --seed 1 --seed 2", "several --preset or --seed don't go with --jobs"),
        (2, "batch -o out --jobs jobs.yaml -r", "--recursive is for SOURCES and TARGETS"),
        (2, "batch -o out --jobs jobs.yaml --pair product", "--pair is for SOURCES and TARGETS"),
        (2, "batch a.png b.png -o out --workers some", "'some' is neither a number nor auto"),
        (2, "batch a.png b.png -o out --shard 1/2 --sheet", "a shard has a part of the pictures"),
        *((2, f"batch a b -o out --shard {s}", f"'{s}' is not a part such as 1/4") for s in ("0/2", "3/2", "2", "a/b")),
        (2, "batch a.png b.png -o out --cpus 2", "--cpus is for --executor ray"),
        (2, "batch a.png b.png -o out --ray-address auto", "--ray-address is for --executor ray"),
        (2, "batch a b -o out --executor ray --workers 2", "--workers and several devices are for"),
        (2, "batch a b -o out --executor ray --return-pictures --save-every 1 x", "--save-every needs"),
        (1, "batch merge .", "holds no manifest of a batch"),
        (2, "train animation a b.png --preset l1", "'l1' is not one of"),
        (2, "train animation a b.png --config tiny.yaml", "is for `cxstyle train puppet`"),
        (2, "train puppet a b --width 1", "width: must be a number at least 4"),
        (2, "train puppet a b -o driver", "a network is a file of .safetensors"),
        (1, "train puppet none a.png", "there is no file none"),
        (2, "train puppet a.png b.png --pairs none.csv", "none.csv can't be read"),
        (1, "apply none.safetensors a.png -o out", "can't read the network none.safetensors"),
        (1, "apply text.jpg a.png -o out", "is damaged, or no network"),
        (2, "animate head.mp4", "either TARGET"),
        (2, "animate head.mp4 a.png --model net.safetensors", "either TARGET"),
        (2, "animate head.mp4 --model net.safetensors --minutes 3", "--minutes is for the training"),
        (1, "animate head.mp4 a.png -o out.gif", "a video is"),
        (1, "animate a.png a.png -o out.mp4", "a.png is no video, but one picture"),
        (1, "animate none.mp4 a.png", "none.mp4 can't be read: No such file"),
        (2, "score a --source a --target b --overwrite", "--overwrite is for --json"),
        (2, "score a --source a --target b --size 9", "size: must be a number at least 32"),
        (2, "score a --target b", "Missing option '--source'"),
        (1, "score none.png --source a.png --target b.png", "there is no file none.png"),
        (1, "score a --source a --target b --json nowhere/s.json", "there is no folder nowhere"),
        (2, "bench --overwrite", "--overwrite is for --json"),
        (1, "bench --quick --json a.png", "a.png exists; choose another name or add --overwrite"),
        (1, "bench --quick --device cuda:99", "device: cuda:99 is not there"),
        (1, "bench --quick --pair none.png none.png", "there is no file none.png"),
        (1, "batch a.png b.png -o out --device all", "device: all means all GPUs"),
        (2, "match a.png", "Missing argument 'TARGET'"),
        (2, "match a.png a.png --layers ,", "layers: at least one is needed"),
        (1, "match none.jpg a.png", "there is no file none.jpg"),
        (1, "match a.png a.png -o x.docx", "can't tell the format"),
        (1, "match a.png a.png --features vgg19", "vgg19 is not on this machine"),
        (2, "reproduce fig10 a.png", "Missing argument 'MODEL...'"),
        (1, "reproduce fig6 none", "there is no file none"),
        (1, "reproduce fig6 a.png", "40x40 px; crops need 85 px each way"),
        (1, "info none.png", "there is no file"),
        (1, "info text.jpg", "is not a picture"),
        (2, "info a.png b.png --settings", "--settings writes those of one file"),
        (2, "info a.png --json -v", "--verbose is for people; --json has it all"),
        (2, "docs mask", "topic: 'mask' is not known; did you mean masks?"),
        (2, "presets show papr", "did you mean paper"),
        (2, "completion tcsh", "'tcsh' is not one of 'bash', 'zsh', 'fish'"),
        (1, "weights fetch vgg19 --url http://127.0.0.1:9/vgg19.pth -q", "can't download http://127.0.0.1:9/vgg19"),
    ],
)
def test_bad_input_ends_in_one_line_and_leaves_nothing(own_folder: Path, status: int, words: str, says: str) -> None:
    painted(own_folder / "a.png"), painted(own_folder / "b.png")
    Path("text.jpg").write_text("not a picture")
    Path("broken.yaml").write_text("terms: [")
    Path("tiny.yaml").write_text("task: puppet\nterms: [{loss: l1, compare: paired}]")
    Path("other.json").write_text('{"a": 1}')
    before = files_in(own_folder)
    refused(status, says, *words.split())
    assert files_in(own_folder) == before


def test_a_bug_is_one_line_that_asks_for_a_report(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(_: object) -> StyleConfig:
        raise TypeError("wrong\nindeed")

    monkeypatch.setattr(StyleConfig, "preset", wrong)
    refused(70, "cxstyle: this is a bug: TypeError: wrong indeed; please report it, with", "run", "a.png", "b.png")
    monkeypatch.setenv("CXSTYLE_DEBUG", "1")
    told = run_cli("run", "a.png", "b.png").stderr
    assert told.startswith("Traceback (most recent call last):")
    assert told.splitlines()[-1].startswith("cxstyle: this is a bug: ")


def test_what_the_system_refuses_is_no_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(StyleConfig, "preset", lambda _: Path("nothing").readlink())
    refused(1, "cxstyle: nothing: No such file or directory", "run", "a.png", "b.png")
    monkeypatch.setattr(StyleConfig, "preset", lambda _: torch.empty(1 << 60))
    refused(1, "memory ran out; use smaller pictures", "run", "a.png", "b.png")


def test_a_reader_that_goes_away_is_no_error() -> None:
    process = started("presets", "show", "default")
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    with process.stderr:
        assert process.stderr.read() == ""
    process.wait(timeout=60)


def test_presets_are_listed_shown_and_located() -> None:
    listing = done("presets", "list").stdout.splitlines()
    assert [line.split()[0] for line in listing] == preset_names()
    assert listing[0].startswith("default")
    assert StyleConfig.preset("paper").description in listing[preset_names().index("paper")]
    shown = done("presets", "show", "paper").stdout
    assert shown == preset_path("paper").read_text()
    assert yaml.safe_load(shown)["iterations"] == 300
    assert Path(done("presets", "path").stdout.strip()) == preset_path("paper").parent
    assert Path(done("presets", "path", "paper").stdout.strip()) == preset_path("paper")


def test_weights_are_listed_before_and_after_an_import() -> None:
    before = done("weights").stdout.splitlines()
    assert before[0].startswith("vgg16  ready  25 MB, up to conv5_2, bundled")
    assert before[1].startswith("vgg19  not on this machine: cxstyle weights fetch vgg19")
    torch.save(in_torchvision_layout(true_layout("vgg19"), "vgg19", ""), "own.pth")
    refused(1, "--normalization imagenet", "weights", "import", "own.pth")
    assert "imagenet normalization" in done("weights", "import", "own.pth", "--normalization", "imagenet").stdout
    assert done("weights").stdout.splitlines()[1].startswith("vgg19  ready  ")


@pytest.mark.parametrize("path", ["", ".", "/", "..", "x/.."])
@pytest.mark.parametrize("option", ["-o", "--report", "--movie", "--checkpoint"])
def test_names_that_name_no_file_are_wrong_usage(option: str, path: str) -> None:
    says = f"{path} is a folder; name a file in it" if path else "an empty one came"
    refused(2, says, "run", "a", "b", option, path)


@pytest.mark.parametrize("words", ["batch a.png b.png -o", "batch merge", "info", "match a.png", "weights import"])
def test_empty_names_are_wrong_usage_everywhere(words: str) -> None:
    refused(2, "a name is needed, and an empty one came", *words.split(), "")


def test_every_command_and_option_has_help_with_a_purpose_and_a_line_to_paste() -> None:
    for words, command in every_command():
        assert command.get_short_help_str(200).endswith("."), words
        assert "Try:  cxstyle " in done(*words.split(), "--help").stdout, words
        for option in command.params:
            assert not isinstance(option, click.Option) or option.help, (words, option.name)


def test_no_arguments_print_help_and_the_version_is_told() -> None:
    import cxstyle as package

    shown = run_cli()
    assert (shown.exit_code, "Usage: cxstyle" in shown.stdout) == (2, True)
    assert done("--version").stdout.strip().endswith(package.__version__)


def test_help_presets_and_importing_the_package_load_nothing_that_is_slow() -> None:
    program = """
import contextlib, cxstyle, sys
print([name for name in ("torch", "numpy", "yaml", "click") if name in sys.modules])
from cxstyle.cli import main
for words in ["--help"], ["run", "--help"], ["presets", "list"], ["docs", "commands"]:
    with contextlib.suppress(SystemExit):
        main(words)
    print("torch" in sys.modules)
"""
    ended = python(program)
    lines = ended.stdout.splitlines()
    assert (lines[0], lines.count("False"), lines.count("True"), ended.stderr) == ("[]", 4, 0, "")

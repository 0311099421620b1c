"""The commands as users type them."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import torch
import yaml
from click.testing import CliRunner, Result
from conftest import SAMPLES
from PIL import Image

from cxstyle import StyleConfig, stylize
from cxstyle.cli import main
from cxstyle.cli.watch import Given, Watch
from cxstyle.pictures.reading import load_picture
from cxstyle.settings.presets import preset_names, preset_path

STOPPED = "cxstyle: stopped at once; files written until then are whole, and kept"
SHORT = ["--size", "48", "--iterations", "2"]


pytestmark = pytest.mark.usefixtures("own_folder")


def cxstyle(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


def pictures(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def commands(group: click.Group, prefix: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name, command in group.commands.items():
        yield (*prefix, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*prefix, name))


# run


def test_run_writes_the_result_and_says_where(pair: tuple[Path, Path], own_folder: Path) -> None:
    result = cxstyle("run", *pair, *SHORT)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("wrote astronaut_hopper.png (48x48 px, 2 iterations in ")
    assert "features: vgg16 (torchvision" in result.stderr
    assert size_of(own_folder / "astronaut_hopper.png") == (48, 48)


def test_names_made_up_are_numbered_and_names_given_are_not_overwritten(pair, own_folder: Path) -> None:
    for _ in range(2):
        assert cxstyle("run", *pair, *SHORT).exit_code == 0
    assert pictures(own_folder) == ["astronaut_hopper.png", "astronaut_hopper_2.png"]
    before = (own_folder / "astronaut_hopper.png").read_bytes()
    refused = cxstyle("run", *pair, *SHORT, "-o", "astronaut_hopper.png", "--tv-weight", 9000)
    assert refused.exit_code == 1
    assert "astronaut_hopper.png exists; choose another name or add --overwrite" in refused.stderr
    assert (own_folder / "astronaut_hopper.png").read_bytes() == before
    assert (
        cxstyle("run", *pair, *SHORT, "-o", "astronaut_hopper.png", "--tv-weight", 9000, "--overwrite").exit_code == 0
    )
    assert (own_folder / "astronaut_hopper.png").read_bytes() != before


def test_options_override_the_preset_and_reach_the_report(pair, own_folder: Path) -> None:
    options = {
        "--size": 48,
        "--iterations": 3,
        "--content-weight": 2.5,
        "--style-weight": 3,
        "--tv-weight": 7,
        "--seed": 9,
        "--device": "cpu",
        "--precision": "fp32",
        "--features": "vgg16",
        "--init": "target",
        "--colors": "free",
        "--samples": 30,
        "--memory": "20GB",
    }
    words = [word for item in options.items() for word in item]
    result = cxstyle("run", *pair, "--preset", "authors", *words, "--report", "r.json", "-o", "out.jpg", "-v")
    assert result.exit_code == 0, result.output
    record = json.loads((own_folder / "r.json").read_text())
    settings = record["settings"]
    for option in ("size", "iterations", "seed", "device", "precision", "features", "init", "colors", "memory"):
        assert settings[option] == options[f"--{option}"]
    assert [term["weight"] for term in settings["terms"]] == [3, 2.5, 7]
    assert [term["samples"] for term in settings["terms"]] == [30, 30, "all"]
    assert settings["pooling"] == "average"
    assert len(record["losses"]) == 3
    assert set(record["losses"][0]) == {
        "scale",
        "iteration",
        "total",
        "style conv2_1+conv3_1+conv4_1",
        "content conv4_2",
        "tv",
    }
    assert record["details"]["precision"] == "fp32"
    assert record["pictures"]["result"] == "out.jpg"
    assert record["status"] == "complete"
    assert (
        record["versions"]["torch"] == torch.__version__.split("+")[0]
        or record["versions"]["torch"] == torch.__version__
    )
    assert record["seconds"]["loop"] > 0
    for line in (
        "device: cpu",
        "precision: fp32, as asked for",
        "weights: ",
        "result: 48x48 px",
        "of 20.00 GB (as asked for), the network whole, since it fits",
    ):
        assert line in result.stderr


def test_weights_may_come_from_a_file(pair, own_folder: Path) -> None:
    from cxstyle.features.weights import BUNDLED

    file = BUNDLED / "vgg16.safetensors"
    assert cxstyle("run", *pair, *SHORT, "--weights", file).exit_code == 0
    assert cxstyle("run", *pair, *SHORT, "--weights", file, "--features", "vgg19").exit_code == 1
    assert pictures(own_folder) == ["astronaut_hopper.png"]


def test_enlarging_must_be_asked_for(pair, own_folder: Path) -> None:
    kept = cxstyle("run", *pair, "--size", 80, "--iterations", 1, "-o", "kept.png")
    assert "the result keeps its size; --enlarge goes beyond it" in kept.stderr
    assert cxstyle("run", *pair, "--size", 80, "--iterations", 1, "-o", "more.png", "--enlarge").exit_code == 0
    sizes = [size_of(own_folder / name) for name in ("kept.png", "more.png")]
    assert sizes == [(64, 64), (80, 80)]


def test_intermediate_pictures_are_kept_on_request(pair, own_folder: Path) -> None:
    result = cxstyle("run", *pair, "--size", 48, "--iterations", 5, "--save-every", 2, "steps/more", "-o", "x.png")
    assert result.exit_code == 0, result.output
    assert pictures(own_folder / "steps") == ["x_00002.png", "x_00004.png"]


def test_intermediate_pictures_of_the_last_iteration_are_the_result(pair, own_folder: Path) -> None:
    words = (*SHORT, "--save-every", 2, "steps", "-o", "x.png", "--colors", "free")
    assert cxstyle("run", *pair, *words).exit_code == 0
    assert torch.equal(load_picture(own_folder / "steps/x_00002.png"), load_picture(own_folder / "x.png"))


def test_a_terminal_shows_scale_iteration_each_kind_of_loss_and_the_time_left(pair) -> None:
    import pty
    import termios

    outer, inner = pty.openpty()
    termios.tcsetwinsize(inner, (24, 140))
    words = ("run", *pair, "--size", 48, "--iterations", 3, "-o", "x.png")
    process = subprocess.Popen([sys.executable, "-m", "cxstyle", *map(str, words)], stdout=inner, stderr=inner)
    os.close(inner)
    shown = b""
    while chunk := read_terminal(outer):
        shown += chunk
    os.close(outer)
    assert process.wait(timeout=60) == 0
    text = shown.decode()
    assert "scale 1/1 (48x48) iteration 3/3 |" in text
    each = ", ".join(rf"{name} [\d.e+-]+" for name in ("style", "coverage", "gram", "content"))
    assert re.search(rf"100% \[\d\d:\d\d<\d\d:\d\d, {each}\]", text)


def read_terminal(handle: int) -> bytes:
    try:
        return os.read(handle, 4096)
    except OSError:  # Linux reports the end of a terminal's program as an error
        return b""


def test_quiet_prints_nothing(pair) -> None:
    result = cxstyle("run", *pair, *SHORT, "-q")
    assert (result.exit_code, result.output) == (0, "")


def test_settings_may_come_from_a_file(pair, own_folder: Path) -> None:
    shown = cxstyle("presets", "show", "default")
    (own_folder / "mine.yaml").write_text(shown.stdout)
    assert cxstyle("run", *pair, *SHORT, "--config", "mine.yaml", "-o", "mine.png").exit_code == 0
    assert cxstyle("run", *pair, *SHORT, "--preset", "default", "-o", "preset.png").exit_code == 0
    assert (own_folder / "mine.png").read_bytes() == (own_folder / "preset.png").read_bytes()


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_runs_on_the_bundled_network(pair, own_folder: Path, name: str) -> None:
    result = cxstyle("run", *pair, *SHORT, "--preset", name, "--features", "vgg16")
    assert result.exit_code == 0, result.output
    assert pictures(own_folder) == ["astronaut_hopper.png"]


def test_a_diverged_run_keeps_the_last_good_picture_and_explains(pair, own_folder: Path) -> None:
    result = cxstyle("run", *pair, *SHORT, "--tv-weight", "3e38", "--style-weight", "3e38")
    assert result.exit_code == 1
    assert "a loss was no longer a finite number" in result.stderr
    assert load_picture(own_folder / "astronaut_hopper.png").isfinite().all()


def run_process(*words: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "cxstyle", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_run_out_of_memory_keeps_the_picture_and_advises(pair, own_folder: Path, capsys) -> None:
    result = stylize(*pair, StyleConfig.preset().override(size=48, iterations=1))
    settings = {"output": Path("x.png"), "overwrite": False, "save_every": None, "report": Path("r.json")}
    with pytest.raises(SystemExit) as ended:
        Watch(Given(pair[0], pair[1:]), **settings, quiet=False, verbose=False).finish(
            dataclasses.replace(result, status="out of memory")
        )
    assert ended.value.code == 1
    assert (
        "memory ran out; the file holds the picture so far. For the rest, use a smaller --size"
        in capsys.readouterr().err
    )
    assert size_of(own_folder / "x.png") == (48, 48)
    assert json.loads((own_folder / "r.json").read_text())["status"] == "out of memory"


def test_memory_that_runs_out_before_the_first_iteration_ends_in_one_line(monkeypatch, own_folder: Path) -> None:
    monkeypatch.setattr(StyleConfig, "preset", lambda _: torch.empty(1 << 60))
    result = cxstyle("run", "a.png", "b.png")
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert "memory ran out; use smaller pictures" in result.stderr
    assert pictures(own_folder) == []


def test_ctrl_c_keeps_the_picture_so_far(pair, own_folder: Path) -> None:
    words = ("run", *pair, "--size", 48, "--iterations", 100_000, "--save-every", 1, "steps", "-o", "x.png")
    process = run_process(*words)
    deadline = time.monotonic() + 120
    while not any(own_folder.glob("steps/*")) and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out.startswith("wrote x.png")
    assert "stopped; the file holds the picture so far" in err
    assert "Traceback" not in err
    assert size_of(own_folder / "x.png") == (48, 48)


def test_ctrl_c_before_the_first_iteration_writes_nothing(monkeypatch: pytest.MonkeyPatch, own_folder: Path) -> None:
    def interrupted(_: object) -> StyleConfig:
        raise KeyboardInterrupt

    monkeypatch.setattr(StyleConfig, "preset", interrupted)
    result = cxstyle("run", "a.png", "b.png")
    assert result.exit_code == 130
    assert result.stderr.strip() == STOPPED
    assert pictures(own_folder) == []


@pytest.mark.parametrize(
    ("words", "work"),
    [
        (("run", "a.png", "b.png"), "transfer.stylize"),
        (("batch", "a.png", "a.png", "-o", "out"), "batch.run.run_batch"),
        (("bench",), "analysis.Bench"),
        (("score", "a.png", "--source", "a.png", "--target", "b.png"), "analysis.score"),
        (("match", "a.png", "b.png"), "analysis.match"),
        (("compare", "a.png", "b.png"), "batch.compare.compare"),
        (("grid", "a.png", "-t", "b.png"), "batch.compare.stylize_grid"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_ctrl_c_twice_says_nothing_untrue_of_what_was_written(
    pair, own_folder: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], work: str
) -> None:
    shutil.copy(pair[0], "a.png")

    def pressed(*_: object, **__: object) -> None:
        (own_folder / "written").touch()
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(f"cxstyle.{work}", pressed)
    result = cxstyle(*words)
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (130, STOPPED)
    assert not any(untrue in result.stderr for untrue in ("nothing was", "without a result", "first iteration"))


def test_ctrl_c_twice_keeps_pictures_on_the_way_and_the_checkpoint(pair, own_folder: Path) -> None:
    words = ("--size", 48, "--iterations", 100_000, "--save-every", 1, "steps", "--checkpoint", "x.checkpoint")
    process = run_process("run", *pair, *words, "--checkpoint-every", 0, "-o", "x.png")
    deadline = time.monotonic() + 120
    while not (own_folder / "x.checkpoint").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    for _ in range(2):  # the second one may come before the first was heard, and then counts as one with it
        process.send_signal(signal.SIGINT)
        time.sleep(0.005)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert STOPPED in err or "the file holds the picture so far" in err
    assert "x.checkpoint" in pictures(own_folder)
    assert "x_00001.png" in pictures(own_folder)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("run", "a", "b", "-q", "-v"), "--verbose and --quiet exclude each other"),
        (("run", "a", "b", "--no-checkpoint", "--checkpoint-every", "9"), "--checkpoint-every and --no-checkpoint"),
        (("run", "a", "b", "-o", "-", "--checkpoint-every", "9"), "--checkpoint-every with -o - needs the file"),
        (("run", "a", "b", "-o", "-", "--resume"), "--resume with -o - needs the file: --checkpoint FILE"),
        (("batch", "a", "b", "-o", "out", "-q", "-v"), "--verbose and --quiet exclude each other"),
        (("batch", "a", "b", "-o", "out", "--json-lines", "-v"), "--verbose and --json-lines exclude each other"),
        (("batch", "a", "b", "-o", "out", "--json-lines", "-q"), "--quiet and --json-lines exclude each other"),
        (("score", "a", "--source", "a", "--target", "b", "--overwrite"), "--overwrite is for --json"),
        (("bench", "--overwrite"), "--overwrite is for --json"),
    ],
)
def test_an_option_that_would_do_nothing_is_refused_in_one_line(words: tuple[str, ...], says: str) -> None:
    result = cxstyle(*words)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert says in result.stderr


def test_a_result_whose_place_has_gone_is_written_elsewhere(pair, own_folder: Path, monkeypatch) -> None:
    (own_folder / "there").mkdir()
    monkeypatch.setenv("TMPDIR", str(own_folder))
    words = ("run", *pair, "--size", 48, "--iterations", 40, "--save-every", 1, "steps", "-o", "there/x.png")
    process = run_process(*words)
    while not any(own_folder.glob("steps/*")) and process.poll() is None:
        time.sleep(0.05)
    (own_folder / "there").rmdir()
    out, err = process.communicate(timeout=120)
    assert process.returncode == 1
    refuge = Path(out.split()[1])
    assert f"can't write there/x.png: No such file or directory; it is in {refuge} instead" in err
    assert size_of(refuge) == (48, 48)


# Bad input: one line, the right status, nothing written


def test_bad_input_ends_in_one_line_and_leaves_nothing(pair, own_folder: Path) -> None:
    source, target = pair
    (own_folder / "text.jpg").write_text("not a picture")
    (own_folder / "cut.jpg").write_bytes((SAMPLES / "astronaut.jpg").read_bytes()[:9000])
    Image.new("RGB", (1, 1)).save(own_folder / "dot.png")
    (own_folder / "broken.yaml").write_text("terms: [")
    before = pictures(own_folder)
    cases: list[tuple[list[object], int, str]] = [
        (["none.jpg", target], 1, "there is no file none.jpg"),
        ([source, "none.jpg"], 1, "there is no file none.jpg"),
        (["text.jpg", target], 1, "text.jpg is not a picture"),
        (["cut.jpg", target], 1, "cut.jpg can't be read"),
        ([source, "dot.png"], 1, "dot.png is 1x1 px"),
        ([own_folder, target], 1, "is a folder"),
        ([source, target, "-o", "/proc/x.png"], 1, "can't write /proc/x.png"),
        ([source, target, "-o", "none/x.png"], 1, "there is no folder none"),
        ([source, target, "-o", "x.docx"], 1, "can't tell the format from '.docx'"),
        ([source, target, "-o", own_folder], 1, "can't tell the format"),
        ([source, target, "--report", "none/r.json"], 1, "there is no folder none"),
        ([source, target, "-o", "x.png", "--report", "x.png"], 1, "is both the result and the report"),
        ([source, target, "--save-every", "5", "text.jpg/steps"], 1, "can't make the folder"),
        ([source, target, "--init", "none.png"], 1, "there is no file none.png"),
        ([source, target, "--weights", "none.pth"], 1, "can't read the weights none.pth"),
        ([source, target, "--weights", "text.jpg"], 1, "text.jpg is not a plain state dict: damaged"),
        ([source, target, "--preset", "paper"], 1, "vgg19 is not on this machine: run `cxstyle weights fetch vgg19`"),
        ([source, target, "--device", "cuda:77"], 1, "device: cuda:77 is not there"),
        ([source, target, "--preset", "nice"], 2, "preset: 'nice' is not known; did you mean"),
        ([source, target, "--preset", "paper", "--config", "c.yaml"], 2, "exclude each other"),
        ([source, target, "--config", "none.yaml"], 2, "can't read none.yaml"),
        ([source, target, "--config", "broken.yaml"], 2, "broken.yaml line 1 is not YAML"),
        ([source, target, "--size", "5"], 2, "size: must be a number at least 32"),
        ([source, target, "--size", "big"], 2, "'big' is not a valid integer"),
        ([source, target, "--iterations", "0"], 2, "iterations: must be a number at least 1"),
        ([source, target, "--content-weight", "-1"], 2, "content-weight: must be a number at least 0"),
        ([source, target, "--content-weight", "nan"], 2, "content-weight: must be a number at least 0"),
        ([source, target, "--device", "gpu"], 2, "device: 'gpu' is not known"),
        ([source, target, "--memory", "much"], 2, "memory: 'much' is not a size; use auto or a number with its unit"),
        ([source, target, "--memory", "90MB"], 1, "on cpu needs about"),
        ([source, target, "--samples", "some"], 2, "'some' is neither a number nor all"),
        ([source, target, "--samples", "1"], 2, "samples: must be a number at least 2"),
        ([source, target, "--features", "vgg18"], 2, "'vgg18' is not one of"),
        ([source, target, "--save-every", "0", "steps"], 2, "0 is not in the range"),
        ([source], 2, "Missing argument 'TARGET...'"),
        ([source, target, "--sise", "48"], 2, "Did you mean"),
    ]
    for words, status, message in cases:
        result = cxstyle("run", *words)
        assert result.exit_code == status, (words, result.output)
        assert message in result.stderr, (words, result.output)
        assert result.stderr.count("\n") == 1, result.stderr
        assert result.stdout == ""
    assert pictures(own_folder) == before


# presets and weights


def test_presets_are_listed_shown_and_located() -> None:
    listing = cxstyle("presets", "list").stdout.splitlines()
    assert [line.split()[0] for line in listing] == preset_names()
    assert listing[0].startswith("default")
    assert StyleConfig.preset("paper").description in listing[preset_names().index("paper")]
    shown = cxstyle("presets", "show", "paper").stdout
    assert shown == preset_path("paper").read_text()
    assert yaml.safe_load(shown)["iterations"] == 300
    assert Path(cxstyle("presets", "path").stdout.strip()) == preset_path("paper").parent
    assert Path(cxstyle("presets", "path", "paper").stdout.strip()) == preset_path("paper")
    for words in (("show", "papr"), ("path", "papr")):
        refused = cxstyle("presets", *words)
        assert (refused.exit_code, "did you mean paper" in refused.stderr) == (2, True)


def test_weights_are_listed_before_and_after_an_import(own_folder: Path) -> None:
    from helpers import true_layout

    before = cxstyle("weights").stdout.splitlines()
    assert before[0].startswith("vgg16  ready  24.7 MB, up to conv5_2, bundled")
    assert before[1].startswith("vgg19  not on this machine: cxstyle weights fetch vgg19")
    torch.save(true_layout("vgg19"), own_folder / "vgg_conv.pth")
    imported = cxstyle("weights", "import", "vgg_conv.pth")
    assert imported.stdout.startswith("vgg19 is ready (caffe normalization): ")
    assert cxstyle("weights").stdout.splitlines()[1].startswith("vgg19  ready  ")


def test_an_import_may_name_the_normalization(own_folder: Path) -> None:
    from helpers import in_torchvision_layout, true_layout

    torch.save(in_torchvision_layout(true_layout("vgg19"), "vgg19", ""), own_folder / "own.pth")
    refused = cxstyle("weights", "import", "own.pth")
    assert (refused.exit_code, "--normalization imagenet" in refused.stderr) == (1, True)
    assert "imagenet normalization" in cxstyle("weights", "import", "own.pth", "--normalization", "imagenet").stdout


def test_a_download_that_fails_ends_in_one_line() -> None:
    result = cxstyle("weights", "fetch", "vgg19", "--url", "http://127.0.0.1:9/vgg19.pth", "-q")
    assert result.exit_code == 1
    assert "can't download http://127.0.0.1:9/vgg19.pth" in result.stderr
    assert result.stderr.count("\n") == 1


# Help


def test_every_command_has_help_with_a_purpose_and_a_line_to_paste() -> None:
    for words, command in commands(main):
        result = cxstyle(*words, "--help")
        assert result.exit_code == 0
        assert command.get_short_help_str(200).endswith("."), words
        assert "Try:  cxstyle " in result.stdout, words


def test_every_option_has_help() -> None:
    for words, command in commands(main):
        for option in command.params:
            if isinstance(option, click.Option):
                assert option.help, (words, option.name)


def test_every_option_of_run_appears_in_these_tests() -> None:
    here = "".join(path.read_text() for path in Path(__file__).parents[1].rglob("test_*.py"))
    for option in main.commands["run"].params:
        if isinstance(option, click.Option):
            assert any(f'"{name}"' in here for name in option.opts), option.name


def test_defaults_in_help_are_those_of_the_dataclass() -> None:
    text = " ".join(cxstyle("run", "--help").stdout.split())
    config = StyleConfig.preset("paper")
    assert f"else {StyleConfig.__dataclass_fields__['size'].default}]" in text
    assert f"else {StyleConfig.__dataclass_fields__['iterations'].default}]" in text
    assert config.iterations == 300


def test_no_arguments_print_help() -> None:
    assert "Usage: cxstyle" in cxstyle().output
    assert cxstyle().exit_code == 2


def test_the_version_is_told() -> None:
    import cxstyle as package

    assert cxstyle("--version").stdout.strip().endswith(package.__version__)


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["presets", "list"], ["docs", "commands"]])
def test_help_and_presets_do_not_load_torch(words: list[str]) -> None:
    program = f"import sys; from cxstyle.cli import main\ntry: main({words})\nfinally: print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "False"


def test_importing_the_package_reads_and_prints_nothing() -> None:
    program = "import cxstyle, sys; print([m for m in ('torch', 'numpy', 'yaml', 'click') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_a_reader_that_goes_away_is_no_error() -> None:
    process = run_process("presets", "show", "default")
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    err = process.stderr.read()
    process.stderr.close()
    process.wait(timeout=60)
    assert "Traceback" not in err
    assert "BrokenPipe" not in err

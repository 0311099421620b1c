"""Several runs on one sheet."""

from __future__ import annotations

import io
import json
import signal
from pathlib import Path

import pytest
import torch
from helpers import done, files_in, refused, run_cli, started, wait_until
from PIL import Image

from cxstyle import StyleConfig, compare, stylize, stylize_grid
from cxstyle.batch import compare as module
from cxstyle.batch.compare import Step
from cxstyle.cli.compare import repeated
from cxstyle.errors import ConfigError, OutputError, PictureError
from cxstyle.features import FeatureCache
from cxstyle.pictures.tensors import to_image

SHORT = ["--size", "48", "--iterations", "2", "--features", "vgg16"]


pytestmark = pytest.mark.usefixtures("own_folder")


@pytest.fixture(scope="module")
def brief() -> StyleConfig:
    return StyleConfig.preset().override(size=48, iterations=2, features="vgg16")


def holds(sheet: Image.Image, picture: Image.Image) -> list[tuple[int, int]]:
    """Where a picture stands on a sheet, pixel by pixel."""
    whole, part = (
        torch.frombuffer(bytearray(p.tobytes()), dtype=torch.uint8).view(p.height, p.width, 3) for p in (sheet, picture)
    )
    starts = (whole[: -part.shape[0], : -part.shape[1]] == part[0, 0]).all(2).nonzero().tolist()
    return [(x, y) for y, x in starts if torch.equal(whole[y : y + part.shape[0], x : x + part.shape[1]], part)]


# The library


def test_each_settings_result_is_what_a_run_alone_gives_and_stands_on_the_sheet(pair, brief: StyleConfig) -> None:
    configs = {"missing": brief.override(features="vgg19"), "one": brief, "other": brief.override(content_weight=5)}
    found = compare(*pair, configs)
    assert [(outcome.name, outcome.status) for outcome in found.outcomes] == [
        ("missing", "failed"),
        ("one", "complete"),
        ("other", "complete"),
    ]
    # One that fails leaves the others, and its place says why.
    assert ([outcome.name for outcome in found.failed], found.stopped) == (["missing"], False)
    assert "vgg19 is not on this machine" in found.outcomes[0].cell("x").note
    places = []
    for outcome in found.outcomes[1:]:
        alone = stylize(*pair, configs[outcome.name]).picture
        assert torch.equal(outcome.result.picture, alone)
        places += holds(found.sheet, to_image(alone))
    assert len(places) == 2
    assert places[0][0] < places[1][0]
    assert places[0][1] == places[1][1]


def test_sources_go_down_and_targets_across_and_features_of_a_target_are_computed_once(
    pair, brief: StyleConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    astronaut, hopper = pair
    caches: list[FeatureCache] = []
    monkeypatch.setattr(module, "FeatureCache", lambda: caches.append(FeatureCache()) or caches[-1])
    brief = StyleConfig.preset("fast").override(size=48, iterations=1, features="vgg16")
    found = stylize_grid([astronaut, hopper], [hopper, astronaut], brief)
    names = ["astronaut x hopper", "astronaut x astronaut", "hopper x hopper", "hopper x astronaut"]
    assert [outcome.name for outcome in found.outcomes] == names
    assert [cache.computed for cache in caches] == [2 * len(brief.pyramid.scales(48, 1))]
    alone = stylize(hopper, astronaut, brief)
    assert torch.equal(found.outcomes[3].result.picture, alone.picture)
    corners = [holds(found.sheet, outcome.result.image) for outcome in found.outcomes]
    assert [len(places) for places in corners] == [1, 1, 1, 1]
    (a, b, c, d) = (places[0] for places in corners)
    assert a[1] == b[1] < c[1] == d[1]
    assert a[0] < b[0]
    assert c[0] < d[0]


def test_masks_may_be_open_files_and_one_picture_is_a_grid(pair, brief: StyleConfig, tmp_path: Path) -> None:
    Image.new("RGB", (64, 64), "red").save(tmp_path / "mask.png")
    data = (tmp_path / "mask.png").read_bytes()
    masks = {"source_mask": io.BytesIO(data), "target_mask": io.BytesIO(data)}
    with torch.inference_mode(), torch.device("meta"):
        assert not compare(pair[0], pair[0], dict.fromkeys("ab", brief), **masks).failed
        found = stylize_grid(str(pair[0]), Image.open(pair[1]), brief)
    assert [outcome.name for outcome in found.outcomes] == ["astronaut x target 1"]


def test_the_callback_is_told_of_every_run_and_may_end_them(pair, brief: StyleConfig) -> None:
    heard: list[tuple[str, int | None]] = []

    def listen(step: Step) -> bool:
        heard.append((step.name, step.progress.iteration if step.progress else None))
        return heard[-1] != ("b", 1)

    found = compare(*pair, dict.fromkeys("abc", brief), callback=listen)
    assert heard == [("a", None), ("a", 1), ("a", 2), ("b", None), ("b", 1)]
    assert [outcome.status for outcome in found.outcomes] == ["complete", "stopped", "not run"]
    assert found.outcomes[1].cell("b").caption == "b, stopped after 1 iterations"
    assert (found.stopped, found.failed) == (True, [])


def test_results_are_written_as_they_come_each_to_a_name_of_its_own(pair, brief: StyleConfig, own_folder: Path) -> None:
    (own_folder / "again").mkdir()
    twin = own_folder / "again" / pair[1].name
    twin.write_bytes(pair[1].read_bytes())
    seen: list[list[str]] = []

    def listen(step: Step) -> None:
        if step.progress is None:
            seen.append([path.name for path in own_folder.glob("*.png")])

    names = [f"astronaut_{folder}-hopper.png" for folder in (pair[1].parent.name, "again")]
    found = stylize_grid([pair[0]], [pair[1], twin], brief, callback=listen, folder=own_folder)
    assert (seen, [outcome.path.name for outcome in found.outcomes]) == ([[], names[:1]], names)
    with pytest.raises(OutputError, match=r"hopper\.png exists"):
        stylize_grid([pair[0]], [pair[1], twin], brief, folder=own_folder)


def test_what_can_t_be_used_is_refused_before_anything_runs(pair, brief: StyleConfig) -> None:
    def never(step: Step) -> bool:
        raise AssertionError(step)

    with pytest.raises(PictureError, match=r"there is no file none\.png"):
        compare(pair[0], "none.png", {"a": brief}, callback=never)
    with pytest.raises(PictureError, match="the source 2 must be"):
        stylize_grid([pair[0], torch.zeros(3, 8, 8)], [pair[1]], brief, callback=never)
    with pytest.raises(ConfigError, match="at least one"):
        compare(*pair, {}, callback=never)
    with pytest.raises(ConfigError, match="at least one source and one target"):
        stylize_grid([], [pair[1]], brief, callback=never)


# The commands


def test_compare_takes_presets_and_files_and_reports_every_run(pair, own_folder: Path) -> None:
    shown = done("presets", "show", "default").stdout
    (own_folder / "mine.yaml").write_text(shown.replace("weight: 20", "weight: 10"))
    words = ("compare", *pair, *SHORT, "--presets", "paper, mine.yaml", "--seed", 3, "--precision", "fp32")
    told = done(*words, "--report", "r.json", "--results", "single", "--device", "cpu", "--memory", "9GB")
    assert told.stdout == "wrote astronaut_hopper_compare.png (2 of 2 results)\n"
    assert told.stderr.splitlines() == ["1 of 2: paper", "2 of 2: mine"]
    results = ["single/astronaut_hopper_mine.png", "single/astronaut_hopper_paper.png"]
    assert files_in(own_folder) == ["astronaut_hopper_compare.png", "mine.yaml", "r.json", *results]
    record = json.loads((own_folder / "r.json").read_text())
    assert record["versions"]["torch"]
    paper, mine = record["runs"]
    assert [run["name"] for run in record["runs"]] == ["paper", "mine"]
    for run in (paper, mine):
        settings = {name: run["settings"][name] for name in ("seed", "memory", "device")}
        assert settings == {"seed": 3, "memory": "9GB", "device": "cpu"}
        assert (run["status"], run["details"]["precision"], run["seconds"]["loop"] > 0) == ("complete", "fp32", True)
        assert run["final_losses"] == run["losses"][-1]
        assert run["pictures"]["source"] == str(pair[0])
    assert any(name.startswith("neighbors") for name in mine["final_losses"])
    assert not any(name.startswith("neighbors") for name in paper["final_losses"])
    assert mine["pictures"]["result"] == "single/astronaut_hopper_mine.png"


def test_compare_writes_the_sheet_where_a_preset_fails_and_ends_with_1(pair, own_folder: Path) -> None:
    words = ["--size", 48, "--iterations", 1, "--presets", "paper,default", "-o", "x.jpg", "--report", "r.json"]
    told = run_cli("compare", *pair, *words)
    assert (told.exit_code, told.stdout) == (1, "wrote x.jpg (1 of 2 results)\n")
    says = "cxstyle: 1 of 2 runs failed, and the sheet says which; paper: vgg19 is"
    assert told.stderr.splitlines()[-1].startswith(says)
    failed, fine = json.loads((own_folder / "r.json").read_text())["runs"]
    assert (failed["status"], fine["status"]) == ("failed", "complete")
    assert "vgg19 is not on this machine" in failed["error"]


SETTINGS = """
size: 48
features: vgg16
iterations: {iterations}
terms:
  - {{loss: contextual, compare: target, layers: [conv2_2], bandwidth: 0.2, samples: 50}}
"""


@pytest.mark.slow
def test_ctrl_c_finishes_the_sheet_with_what_there_is(pair, own_folder: Path) -> None:
    (own_folder / "short.yaml").write_text(SETTINGS.format(iterations=2))
    (own_folder / "long.yaml").write_text(SETTINGS.format(iterations=100_000))
    words = ("compare", *pair, "--presets", "short.yaml,long.yaml,default", "--results", "single", "-o", "x.png")
    process = started(*words, "--report", "r.json")
    wait_until(lambda: any(own_folder.glob("single/*.png")))
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out.startswith("wrote x.png (")
    assert "stopped; the sheet holds what was done" in err
    assert "Traceback" not in err
    states = [run["status"] for run in json.loads((own_folder / "r.json").read_text())["runs"]]
    assert (states[0], states[1] in ("stopped", "not run"), states[2]) == ("complete", True, "not run")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("a b --targets c d --size 48 e -q", "a b --targets c --targets d --size 48 e -q"),
        ("--targets c d -- a b", "--targets c --targets d -- a b"),
        ("a -t c --targets d --targets e f", "a -t c --targets d --targets e --targets f"),
        ("a --targets", "a --targets"),
        ("a --targets -q", "a --targets -q"),
        ("a --targets=c b", "a --targets=c b"),
    ],
)
def test_targets_take_every_word_up_to_the_next_option(words: str, expected: str) -> None:
    assert repeated(words.split()) == expected.split()


def test_grid_runs_every_source_with_every_target(pair, own_folder: Path) -> None:
    (own_folder / "mine.yaml").write_text(SETTINGS.format(iterations=1))
    words = ["--size", 32, "--preset", "mine.yaml", "--results", "r", "--report", "r.json", "-q"]
    assert done("grid", *pair, "--targets", *reversed(pair), *words).output == ""
    names = [f"r/{s}_{t}.png" for s in ("astronaut", "hopper") for t in ("astronaut", "hopper")]
    assert files_in(own_folder) == ["grid.png", "mine.yaml", "r.json", *sorted(names)]
    with Image.open(own_folder / "grid.png") as sheet:
        assert sheet.width > 3 * 32
    runs = json.loads((own_folder / "r.json").read_text())["runs"]
    assert (runs[0]["name"], runs[0]["settings"]["iterations"]) == ("astronaut x hopper", 1)


def test_both_refuse_in_one_line_and_leave_nothing(pair, own_folder: Path) -> None:
    source, target = pair
    (own_folder / "there.png").write_bytes(b"mine")
    presets = ["compare", source, target, "--presets"]
    for words, status, message in (
        (["compare", "none.jpg", target, "--presets", "default"], 1, "there is no file none.jpg"),
        ([*presets, "nice"], 2, "preset: 'nice' is not known"),
        ([*presets, "none.yaml"], 2, "can't read none.yaml"),
        ([*presets, ","], 2, "presets: at least one is needed"),
        ([*presets, "default,default"], 2, "default is there twice"),
        ([*presets, "paper", "-o", "there.png"], 1, "there.png exists"),
        ([*presets, "paper", "--report", "there.png"], 1, "there.png exists"),
        ([*presets, "paper", "-o", "a.png", "--report", "a.png"], 1, "name two files"),
        ([*presets, "paper", "--results", "there.png/r"], 1, "can't make the folder"),
        ([*presets, "paper", "--size", "3"], 2, "size: must be a number at least 32"),
        ([*presets, "paper", "--weights", "no.pth"], 1, "can't read the weights no.pth"),
        (["grid", source], 2, "Missing option '--targets'"),
        (["grid", source, "--targets"], 2, "requires an argument"),
        (["grid", "--targets", source, target], 2, "Missing argument 'SOURCES...'"),
        (["grid", source, "--targets", target, "none.png"], 1, "there is no file none.png"),
        (["grid", source, "--targets", target, "--preset", "nice"], 2, "preset: 'nice' is not known"),
        (["grid", source, "--targets", target, "-o", "x.docx"], 1, "can't tell the format"),
    ):
        refused(status, message, *words)
    assert files_in(own_folder) == ["there.png"]
    assert (own_folder / "there.png").read_bytes() == b"mine"

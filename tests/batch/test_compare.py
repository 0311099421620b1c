"""Several runs on one sheet."""

from __future__ import annotations

import io
import json
import signal
from pathlib import Path

import pytest
import torch
from helpers import QUICK, done, files_in, refused, run_cli, started, wait_until
from PIL import Image

from cxstyle import Pyramid, StyleConfig, compare, stylize, stylize_grid
from cxstyle.batch import compare as module
from cxstyle.batch.compare import Step
from cxstyle.errors import ConfigError, OutputError, PictureError
from cxstyle.features import FeatureCache
from cxstyle.pictures.tensors import to_image

BRIEF = StyleConfig.load(QUICK)
pytestmark = pytest.mark.usefixtures("own_folder")


def holds(sheet: Image.Image, picture: Image.Image) -> list[tuple[int, int]]:
    """Where a picture stands on a sheet, pixel by pixel."""
    whole, part = (
        torch.frombuffer(bytearray(p.tobytes()), dtype=torch.uint8).view(p.height, p.width, 3) for p in (sheet, picture)
    )
    starts = (whole[: -part.shape[0], : -part.shape[1]] == part[0, 0]).all(2).nonzero().tolist()
    return [(x, y) for y, x in starts if torch.equal(whole[y : y + part.shape[0], x : x + part.shape[1]], part)]


# The library


def test_each_settings_result_is_what_a_run_alone_gives_and_stands_on_the_sheet(pair) -> None:
    configs = {"missing": BRIEF.override(features="vgg19"), "one": BRIEF, "other": BRIEF.override(content_weight=5)}
    found = compare(*pair, configs)
    missing, *fine = found.outcomes
    assert [(o.name, o.status) for o in fine] == [("one", "complete"), ("other", "complete")]
    # One that fails leaves the others, and its place says why.
    assert ([outcome.name for outcome in found.failed], missing.status, found.stopped) == (["missing"], "failed", False)
    assert "vgg19 is not on this machine" in missing.cell("x").note
    pictures = [stylize(*pair, configs[outcome.name]).picture for outcome in fine]
    assert all(torch.equal(outcome.result.picture, alone) for outcome, alone in zip(fine, pictures, strict=True))
    (one,), (other,) = (holds(found.sheet, to_image(picture)) for picture in pictures)
    assert (one[0] < other[0], one[1]) == (True, other[1])


def test_sources_go_down_and_targets_across_and_features_of_a_target_are_computed_once(
    pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    astronaut, hopper = pair
    caches: list[FeatureCache] = []
    monkeypatch.setattr(module, "FeatureCache", lambda: caches.append(FeatureCache()) or caches[-1])
    brief = BRIEF.override(pyramid=Pyramid(32))
    found = stylize_grid([astronaut, hopper], [hopper, astronaut], brief)
    names = ["astronaut x hopper", "astronaut x astronaut", "hopper x hopper", "hopper x astronaut"]
    assert [outcome.name for outcome in found.outcomes] == names
    assert [cache.computed for cache in caches] == [2 * len(brief.pyramid.scales(48, 2))]
    assert torch.equal(found.outcomes[3].result.picture, stylize(hopper, astronaut, brief).picture)
    (a,), (b,), (c,), (d,) = (holds(found.sheet, outcome.result.image) for outcome in found.outcomes)
    assert a[1] == b[1] < c[1] == d[1]
    assert (a[0] < b[0], c[0] < d[0]) == (True, True)


def test_masks_may_be_open_files_and_one_picture_is_a_grid(pair, tmp_path: Path) -> None:
    Image.new("RGB", (64, 64), "red").save(tmp_path / "mask.png")
    masks = {name: io.BytesIO((tmp_path / "mask.png").read_bytes()) for name in ("source_mask", "target_mask")}
    with torch.inference_mode(), torch.device("meta"):
        assert not compare(pair[0], pair[0], dict.fromkeys("ab", BRIEF), **masks).failed
        found = stylize_grid(str(pair[0]), Image.open(pair[1]), BRIEF)
    assert [outcome.name for outcome in found.outcomes] == ["astronaut x target 1"]


def test_the_callback_is_told_of_every_run_and_may_end_them(pair) -> None:
    heard: list[tuple[str, int | None]] = []

    def listen(step: Step) -> bool:
        heard.append((step.name, step.progress.iteration if step.progress else None))
        return heard[-1] != ("b", 1)

    found = compare(*pair, dict.fromkeys("abc", BRIEF), callback=listen)
    assert heard == [("a", None), ("a", 1), ("a", 2), ("b", None), ("b", 1)]
    assert [outcome.status for outcome in found.outcomes] == ["complete", "stopped", "not run"]
    assert found.outcomes[1].cell("b").caption == "b, stopped after 1 iterations"
    assert (found.stopped, found.failed) == (True, [])


def test_results_are_written_as_they_come_each_to_a_name_of_its_own(pair, own_folder: Path) -> None:
    (own_folder / "again").mkdir()
    twin = own_folder / "again" / pair[1].name
    twin.write_bytes(pair[1].read_bytes())
    seen: list[list[str]] = []

    def listen(step: Step) -> None:
        if step.progress is None:
            seen.append([path.name for path in own_folder.glob("*.png")])

    names = [f"astronaut_{folder}-hopper.png" for folder in (pair[1].parent.name, "again")]
    found = stylize_grid([pair[0]], [pair[1], twin], BRIEF, callback=listen, folder=own_folder)
    assert (seen, [outcome.path.name for outcome in found.outcomes]) == ([[], names[:1]], names)
    with pytest.raises(OutputError, match=r"hopper\.png exists"):
        stylize_grid([pair[0]], [pair[1], twin], BRIEF, folder=own_folder)


def test_what_can_t_be_used_is_refused_before_anything_runs(pair) -> None:
    def never(step: Step) -> bool:
        raise AssertionError(step)

    for does, pictures, settings, error, says in (
        (compare, (pair[0], "none.png"), {"a": BRIEF}, PictureError, r"there is no file none\.png"),
        (stylize_grid, ([pair[0], torch.zeros(3, 8, 8)], pair[1]), BRIEF, PictureError, "the source 2 must be"),
        (compare, pair, {}, ConfigError, "at least one"),
        (stylize_grid, ([], pair[1]), BRIEF, ConfigError, "at least one source and one target"),
    ):
        with pytest.raises(error, match=says):
            does(*pictures, settings, callback=never)


# The commands


SETTINGS = """
size: 48
features: vgg16
iterations: {iterations}
terms:
  - {{loss: contextual, compare: target, layers: [conv2_2], bandwidth: 0.2, samples: 50}}
"""


def test_compare_takes_presets_and_files_and_reports_every_run(pair, own_folder: Path) -> None:
    (own_folder / "mine.yaml").write_text(SETTINGS.format(iterations=9))
    words = ("compare", *pair, "--presets", "paper, mine.yaml, default", "--seed", 3, "--precision", "fp32", "--size")
    told = run_cli(*words, 48, "--iterations", 1, "--report", "r.json", "--results", "single", "--memory", "9GB")
    assert (told.exit_code, told.stdout) == (1, "wrote astronaut_hopper_compare.png (2 of 3 results)\n")
    *began, last = told.stderr.splitlines()
    assert began == ["2 of 3: mine", "3 of 3: default"]
    assert last.startswith("cxstyle: 1 of 3 runs failed, and the sheet says which; paper: vgg19 is")
    results = ["single/astronaut_hopper_default.png", "single/astronaut_hopper_mine.png"]
    assert files_in(own_folder) == ["astronaut_hopper_compare.png", "mine.yaml", "r.json", *results]
    record = json.loads((own_folder / "r.json").read_text())
    assert record["versions"]["torch"]
    paper, mine, default = record["runs"]
    assert (paper["status"], "vgg19 is not on this machine" in paper["error"]) == ("failed", True)
    for name, run in (("mine", mine), ("default", default)):
        settings = {key: run["settings"][key] for key in ("seed", "memory", "iterations")}
        assert settings == {"seed": 3, "memory": "9GB", "iterations": 1}
        assert (run["name"], run["status"], run["details"]["precision"]) == (name, "complete", "fp32")
        assert (run["final_losses"], run["seconds"]["loop"] > 0) == (run["losses"][-1], True)
        result = f"single/astronaut_hopper_{name}.png"
        assert (run["pictures"]["source"], run["pictures"]["result"]) == (str(pair[0]), result)
    assert [any(n.startswith("neighbors") for n in run["final_losses"]) for run in (mine, default)] == [False, True]


@pytest.mark.slow
def test_ctrl_c_finishes_the_sheet_with_what_there_is(pair, own_folder: Path) -> None:
    (own_folder / "short.yaml").write_text(SETTINGS.format(iterations=2))
    (own_folder / "long.yaml").write_text(SETTINGS.format(iterations=100_000))
    words = ("compare", *pair, "--presets", "short.yaml,long.yaml,default", "--results", "single", "-o", "x.png")
    process = started(*words, "--report", "r.json")
    wait_until(lambda: any(own_folder.glob("single/*.png")))
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out[:13], "Traceback" in err) == (130, "wrote x.png (", False)
    assert "stopped; the sheet holds what was done" in err
    states = [run["status"] for run in json.loads((own_folder / "r.json").read_text())["runs"]]
    assert (states[0], states[1] in ("stopped", "not run"), states[2]) == ("complete", True, "not run")


def test_grid_runs_every_source_with_every_target(pair, own_folder: Path) -> None:
    (own_folder / "mine.yaml").write_text(SETTINGS.format(iterations=1))
    words = ["--size", 32, "--preset", "mine.yaml", "--results", "r", "--report", "r.json", "-q"]
    assert done("grid", *pair, "-t", pair[1], "--targets", pair[0], *words).output == ""
    names = [f"r/{s}_{t}.png" for s in ("astronaut", "hopper") for t in ("astronaut", "hopper")]
    assert files_in(own_folder) == ["grid.png", "mine.yaml", "r.json", *sorted(names)]
    runs = json.loads((own_folder / "r.json").read_text())["runs"]
    assert (runs[0]["name"], runs[0]["settings"]["iterations"]) == ("astronaut x hopper", 1)


def test_both_refuse_in_one_line_and_leave_nothing(pair, own_folder: Path) -> None:
    source, target = pair
    (own_folder / "there.png").write_bytes(b"mine")
    presets = ["compare", source, target, "--presets"]
    for words, status, message in (
        ([*presets, "nice"], 2, "preset: 'nice' is not known"),
        ([*presets, "none.yaml"], 2, "can't read none.yaml"),
        ([*presets, ","], 2, "presets: at least one is needed"),
        ([*presets, "default,default"], 2, "default is there twice"),
        ([*presets, "paper", "-o", "there.png"], 1, "there.png exists"),
        ([*presets, "paper", "--report", "there.png"], 1, "there.png exists"),
        ([*presets, "paper", "-o", "a.png", "--report", "a.png"], 1, "name two files"),
        ([*presets, "paper", "--results", "there.png/r"], 1, "can't make the folder"),
        (["grid", source], 2, "Missing option '--targets'"),
        (["grid", source, "--targets"], 2, "requires an argument"),
        (["grid", "--targets", source, "-t", target], 2, "Missing argument 'SOURCES...'"),
        (["grid", source, "--targets", target, "-t", "none.png"], 1, "there is no file none.png"),
        (["grid", source, "--targets", target, "-o", "x.docx"], 1, "can't tell the format"),
    ):
        refused(status, message, *words)
    assert files_in(own_folder) == ["there.png"]
    assert (own_folder / "there.png").read_bytes() == b"mine"

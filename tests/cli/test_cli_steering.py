"""Masks, several targets, strength and colours as users type them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result
from conftest import SAMPLES
from PIL import Image
from torch import Tensor
from torch.nn import functional

from cxstyle import StyleConfig, compare, score, stylize
from cxstyle.cli import main
from cxstyle.cli.names import LONGEST, free_name
from cxstyle.errors import ConfigError, PictureError
from cxstyle.pictures.guide import pixel_shares
from cxstyle.pictures.masks import read_labels
from cxstyle.pictures.reading import load_picture
from cxstyle.pictures.tensors import resize

MASKS = SAMPLES / "astronaut_mask.png", SAMPLES / "hopper_mask.png"
FLAG, GREEN = "#d65f5f", "#00ff00"
SHORT = ["--size", "64", "--iterations", "2", "--features", "vgg16"]


pytestmark = pytest.mark.usefixtures("own_folder")


@pytest.fixture
def flagless(own_folder: Path) -> Path:
    """The target's mask with its flag in a colour that the source's mask lacks."""
    mask = load_picture(MASKS[1])
    red, green = (torch.tensor([int(c[i : i + 2], 16) for i in (1, 3, 5)]) / 255 for c in (FLAG, GREEN))
    there = (mask - red.view(1, 3, 1, 1)).abs().amax(1, keepdim=True) < 0.01
    image = torch.where(there, green.view(1, 3, 1, 1), mask)[0].permute(1, 2, 0).mul(255).round().byte()
    Image.fromarray(image.numpy()).save(own_folder / "flagless.png")
    return own_folder / "flagless.png"


def cxstyle(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def run(*words: object) -> Result:
    done = cxstyle("run", *words)
    assert done.exit_code == 0, done.output
    return done


def record(name: str = "r.json") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(name).read_text())
    return found


def share_of(mask: Path, color: str, picture: Tensor) -> Tensor:
    """How far each pixel of a picture belongs to a label of its mask: (H, W)."""
    labels = read_labels(mask, [mask])
    return pixel_shares(labels.source, picture)[labels.names.index(color)]


# Masks


def test_masks_reach_the_run_and_the_report(pair) -> None:
    done = run(*pair, *SHORT, "--source-mask", MASKS[0], "--target-mask", MASKS[1], "--report", "r.json", "-o", "x.png")
    assert "mask" not in done.stderr
    found = record()
    assert set(found["details"]["labels"]["shared"]) == {"#8c613c", "#4878d0", FLAG, "#f0c8a0", "#282828"}
    assert found["details"]["labels"]["only_source"] == found["details"]["labels"]["only_target"] == []
    assert found["pictures"] == {
        "source": str(pair[0]),
        "targets": [str(pair[1])],
        "source_mask": str(MASKS[0]),
        "target_masks": [str(MASKS[1])],
        "result": "x.png",
    }
    run(*pair, *SHORT, "-o", "without.png")
    assert not torch.equal(load_picture("x.png"), load_picture("without.png"))


def test_with_masks_each_part_takes_the_colours_of_its_own_part(pair) -> None:
    words = [*pair, *SHORT, "--colors", "target", "--preset", "default"]
    run(*words, "--source-mask", MASKS[0], "--target-mask", MASKS[1], "-o", "x.png")
    run(*words, "-o", "without.png")
    target = load_picture(pair[1])
    jacket = share_of(MASKS[1], "#8c613c", target)
    wanted = (target * jacket).sum(dim=(0, 2, 3)) / jacket.sum()
    suit = share_of(MASKS[0], "#8c613c", load_picture("x.png"))
    apart = [
        ((load_picture(name) * suit).sum(dim=(0, 2, 3)) / suit.sum() - wanted).norm()
        for name in ("x.png", "without.png")
    ]
    # The suit is orange and the jacket nearly black; without masks the suit stays the warm part of the picture.
    assert apart[0] < 0.1
    assert apart[1] > 0.2


def test_labels_of_one_side_are_always_said_and_those_of_both_with_verbose(pair, flagless: Path) -> None:
    words = [*pair, *SHORT, "--source-mask", MASKS[0], "--target-mask", flagless, "--overwrite", "-o", "x.png"]
    lines = [
        f"mask: {FLAG} is only in the source's mask; that part stays as it is",
        f"mask: {GREEN} is only in the target's mask; nothing draws from there",
    ]
    assert run(*words).stderr.splitlines()[1:] == lines
    said = run(*words, "-v").stderr.splitlines()
    assert said[1] == "masks: #8c613c, #4878d0, #f0c8a0, #282828 are matched, each with its own"
    assert said[2:4] == lines
    assert run(*words, "-q").stderr == ""
    several = [pair[0], pair[1], pair[1], *SHORT, "--source-mask", MASKS[0], "-o", "y.png"]
    said = run(*several, "--target-mask", flagless, "--target-mask", flagless).stderr.splitlines()
    assert said[2] == f"mask: {GREEN} is only in the targets' masks; nothing draws from there"


@pytest.mark.parametrize("init", ["source", "target", "noise"])
def test_what_only_the_source_s_mask_has_stays_as_it_is(pair, flagless: Path, init: str) -> None:
    config = StyleConfig.preset().override(size=64, iterations=4, features="vgg16", init=init)
    source = load_picture(pair[0])
    result = stylize(source, pair[1], config, source_mask=MASKS[0], target_mask=flagless).picture
    # Away from the edge of the flag, over which colours run into each other.
    inside = functional.max_pool2d(1 - share_of(MASKS[0], FLAG, source)[None], 9, 1, 4)[0] < 0.01
    assert inside.sum() > 50
    assert (result - source)[:, :, inside].abs().max() < 0.02
    moved = stylize(source, pair[1], config, source_mask=MASKS[0], target_mask=MASKS[1]).picture
    assert (moved - source)[:, :, inside].abs().max() > 0.1


# Several targets


def test_several_targets_make_the_name_and_the_report(pair) -> None:
    words = [pair[0], pair[1], SAMPLES / "coffee.png", SAMPLES / "rocket.jpg", *SHORT, "--report", "r.json"]
    done = run(*words, "-v", "--target-weights", "3,0,1")
    assert done.stdout.startswith("wrote astronaut_hopper_coffee_rocket.png (64x64 px")
    assert f"targets: {pair[1]} 75%, {SAMPLES / 'rocket.jpg'} 25%" in done.stderr.splitlines()
    found = record()
    assert found["pictures"]["targets"] == [str(pair[1]), str(SAMPLES / "rocket.jpg")]
    assert found["details"]["target_weights"] == [0.75, 0.25]
    assert len(found["details"]["target_sizes"]) == 2
    two = stylize(
        pair[0],
        [pair[1], SAMPLES / "rocket.jpg"],
        StyleConfig.preset().override(size=64, iterations=2, features="vgg16"),
        weights=[3, 1],
    )
    two.save("two.png")
    written = load_picture("astronaut_hopper_coffee_rocket.png")
    assert torch.equal(load_picture("two.png"), written)


def test_the_weight_of_a_target_pulls_towards_its_colours(pair) -> None:
    words = [pair[0], pair[1], SAMPLES / "rocket.jpg", *SHORT, "--colors", "target"]
    run(*words, "--target-weights", "1,0", "-o", "first.png")
    run(*words, "--target-weights", "9,1", "-o", "more.png")
    run(*words, "--target-weights", "1,9", "-o", "less.png")
    first, more, less = (load_picture(f"{name}.png") for name in ("first", "more", "less"))
    assert 0 < (more - first).abs().mean() < (less - first).abs().mean()


def test_each_target_has_its_own_mask(pair, flagless: Path) -> None:
    words = [pair[0], pair[1], pair[1], *SHORT, "--source-mask", MASKS[0], "--report", "r.json", "-o", "x.png"]
    done = run(*words, "--target-mask", flagless, "--target-mask", MASKS[1])
    # The flag is in the second one.
    assert done.stderr.count("mask:") == 1
    assert FLAG in record()["details"]["labels"]["shared"]
    assert record()["pictures"]["target_masks"] == [str(flagless), str(MASKS[1])]


def test_made_up_names_never_get_too_long() -> None:
    assert free_name("a", "b", "c") == Path("a_b_c.png")
    long = free_name("source", *(f"target{i}" for i in range(200)))
    assert len(long.name) <= LONGEST + 4
    assert free_name("a" * 200, "b" * 200).stem == "a" * 59 + "_" + "b" * 59
    greek = free_name("\u03b1" * 100, "b").stem
    assert greek == "\u03b1" * 29 + "_b"
    long.touch()
    assert free_name("source", *(f"target{i}" for i in range(200))).stem == f"{long.stem}_2"


def test_a_name_that_is_too_long_is_refused_before_the_run_and_one_that_fits_is_written(pair) -> None:
    for words in (["-o", "x" * 300 + ".png"], ["--report", "x" * 300 + ".json"]):
        done = cxstyle("run", *pair, *SHORT, *words)
        assert (done.exit_code, done.stderr.count("\n")) == (1, 1)
        assert "File name too long" in done.stderr
    run(*pair, *SHORT, "-o", "x" * 250 + ".png")


# Strength and colours


def test_strength_goes_from_the_source_to_the_whole_transfer(pair) -> None:
    source = resize(load_picture(pair[0]), 64, 64)
    words = [*pair, *SHORT, "--iterations", 4, "--preset", "default", "--report", "r.json", "--overwrite"]
    apart = []
    for strength in ("0", "0.1", "0.5", "1"):
        run(*words, "--strength", strength, "-o", f"{strength}.png")
        assert record()["settings"]["strength"] == float(strength)
        apart.append(float((load_picture(f"{strength}.png") - source).abs().mean()))
    assert apart[0] == 0
    # Not only the weights, which Adam's steps hardly depend on.
    assert 0 < apart[1] < apart[3] / 3
    assert apart[1] < apart[2] < apart[3]


def test_strength_0_of_style_alone_is_the_source(pair, own_folder: Path) -> None:
    term = "{loss: contextual, compare: target, layers: [conv2_2], bandwidth: 0.2, samples: 50}"
    (own_folder / "style.yaml").write_text(f"terms: [{term}]\nfeatures: vgg16\n")
    words = ["--config", "style.yaml", "--size", 64, "--iterations", 2, "--strength", 0]
    run(*pair, *words, "-o", "x.png")
    assert torch.equal(load_picture("x.png"), load_picture(pair[0]))


def test_colors_source_keeps_the_source_s_palette(pair) -> None:
    source, target = load_picture(pair[0]), load_picture(pair[1])
    apart = {}
    for colors in ("source", "target"):
        run(*pair, *SHORT, "--preset", "default", "--colors", colors, "-o", f"{colors}.png")
        picture = load_picture(f"{colors}.png")
        apart[colors] = [float((picture.mean((2, 3)) - other.mean((2, 3))).norm()) for other in (source, target)]
    assert apart["source"][0] < apart["source"][1] / 3
    assert apart["target"][1] < apart["target"][0] / 3


# Refusals


def test_what_does_not_fit_is_refused_in_one_line(pair, own_folder: Path) -> None:
    source, target = pair
    masks = ["--source-mask", MASKS[0], "--target-mask"]
    before = sorted(own_folder.iterdir())
    cases: list[tuple[list[object], int, str]] = [
        ([target, "--source-mask", MASKS[0]], 2, "source-mask: needs the target mask, too"),
        ([target, "--target-mask", MASKS[1]], 2, "target-mask: needs the source mask, too"),
        ([target, *masks, MASKS[1], "--target-mask", MASKS[1]], 2, "target-mask: one for each target is needed, got 2"),
        ([target, target, *masks, MASKS[1]], 2, "target-mask: one for each target is needed, got 1 for 2"),
        ([target, "--target-weights", "1,2"], 2, "target-weights: one for each target is needed, got 2 for 1"),
        ([target, target, "--target-weights", "1"], 2, "target-weights: one for each target is needed, got 1 for 2"),
        ([target, target, "--target-weights", "0,0"], 2, "target-weights: at least one must be above 0"),
        ([target, target, "--target-weights", "1,-2"], 2, "target-weights: must be a number at least 0, got -2"),
        ([target, target, "--target-weights", "1,x"], 2, "'--target-weights': '1,x' is not a list of numbers such as"),
        ([target, *masks, MASKS[0]], 1, "astronaut_mask.png is 512x512 px but its picture 55x64"),
        ([target, *masks, target], 1, "hopper.png: no flat colours found, as in a photograph"),
        ([target, *masks, "none.png"], 1, "there is no file none.png"),
        ([target, "none.png"], 1, "there is no file none.png"),
        ([target, "--strength", "1.5"], 2, "strength: must be a number at least 0 and at most 1, got 1.5"),
        ([target, "--strength", "half"], 2, "'half' is not a valid float"),
        ([target, "--colors", "blue"], 2, "'blue' is not one of 'free', 'target', 'regions', 'source'"),
        ([], 2, "Missing argument 'TARGET...'"),
    ]
    for words, status, message in cases:
        done = cxstyle("run", source, *words)
        assert done.exit_code == status, (words, done.output)
        assert message in done.stderr, (words, done.output)
        assert (done.stderr.count("\n"), done.stdout) == (1, ""), done.output
    assert sorted(own_folder.iterdir()) == before


# compare and score


def test_compare_runs_its_own_presets_with_masks(pair, flagless: Path) -> None:
    words = ["--size", 48, "--iterations", 2, "--source-mask", MASKS[0], "--target-mask", flagless]
    done = cxstyle("compare", *pair, *words, "--report", "r.json")
    assert done.exit_code == 0, done.output
    assert done.stdout == "wrote astronaut_hopper_compare.png (3 of 3 results)\n"
    lines = done.stderr.splitlines()
    assert [line.split(": ")[1] for line in lines if " of 3: " in line] == ["default", "gatys", "cnnmrf"]
    assert sum(line.startswith(f"mask: {FLAG} is only in the source's mask") for line in lines) == 1
    for one in record()["runs"]:
        assert one["details"]["labels"]["only_source"] == [FLAG]
        assert one["pictures"]["target_masks"] == [str(flagless)]
    refused = cxstyle("compare", *pair, "--source-mask", MASKS[0], "-o", "x.png")
    assert (refused.exit_code, refused.stderr.count("\n")) == (2, 1)
    assert "source-mask: needs the target mask, too" in refused.stderr


def test_compare_gives_what_a_run_with_masks_gives(pair) -> None:
    config = StyleConfig.preset().override(size=48, iterations=1, features="vgg16")
    found = compare(*pair, {"a": config}, source_mask=MASKS[0], target_mask=MASKS[1])
    alone = stylize(*pair, config, source_mask=MASKS[0], target_mask=MASKS[1])
    assert torch.equal(found.outcomes[0].result.picture, alone.picture)
    with pytest.raises(PictureError, match="no flat colours"):
        compare(*pair, {"a": config}, source_mask=MASKS[0], target_mask=pair[1])


def test_score_takes_several_targets_as_one_set(pair) -> None:
    target = pair[1]
    words = ["--source", target, "--target", target, "--target", SAMPLES / "rocket.jpg", "--features", "vgg16"]
    done = cxstyle("score", target, *words, "--size", 64, "--json", "s.json")
    assert done.exit_code == 0, done.output
    found = record("s.json")
    assert found["targets"] == [str(target), str(SAMPLES / "rocket.jpg")]
    assert list(found["sizes"]) == ["picture", "source", "target 1", "target 2"]
    one = score(target, target, target, size=64).to_dict()
    both = score(target, target, [target, target], size=64).to_dict()
    # Twice the same is the same, but for the loss, whose affinities are parted between the two.
    for name in ("content", "noise", "flat_noise", "structure", "palette"):
        assert both[name] == pytest.approx(one[name], abs=0.02), name
    assert found["noise"]["target"] >= one["noise"]["target"]


def test_purity_of_several_targets_takes_a_mask_for_each(pair) -> None:
    source, target = pair
    one = score(source, source, target, MASKS[0], MASKS[1], size=64)
    both = score(source, source, [target, target], MASKS[0], [MASKS[1], MASKS[1]], size=64)
    assert both.purity == pytest.approx(one.purity)
    assert len(both.purity) == 5
    with pytest.raises(ConfigError, match="target-mask: one for each target is needed, got 1 for 2"):
        score(source, source, [target, target], MASKS[0], [MASKS[1]])

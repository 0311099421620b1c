"""Masks, several targets, strength and colours: what they do to a run, and what the commands say of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import SAMPLES
from helpers import done, refused
from PIL import Image
from torch import Tensor
from torch.nn import functional

from cxstyle import StyleConfig, compare, score, stylize
from cxstyle.errors import ConfigError, PictureError
from cxstyle.pictures.guide import pixel_shares
from cxstyle.pictures.masks import read_labels
from cxstyle.pictures.reading import load_picture
from cxstyle.pictures.tensors import resize

MASKS = SAMPLES / "astronaut_mask.png", SAMPLES / "hopper_mask.png"
FLAG, GREEN = "#d65f5f", "#00ff00"
SHORT = ["--size", "64", "--iterations", "2", "--features", "vgg16"]
SMALL = StyleConfig.preset().override(size=64, iterations=2, features="vgg16")


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


def pixels(*given: Any, **options: Any) -> Tensor:
    """Of a run."""
    beside = {name: options.pop(name) for name in ("source_mask", "target_mask", "weights") if name in options}
    return stylize(*given, SMALL.override(**options), **beside).picture


def record(name: str = "r.json") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(name).read_text())
    return found


def share_of(mask: Path, color: str, picture: Tensor) -> Tensor:
    """How far each pixel of a picture belongs to a label of its mask: (H, W)."""
    labels = read_labels(mask, [mask])
    return pixel_shares(labels.source, picture)[labels.names.index(color)]


# Masks


def test_with_masks_each_part_takes_the_colours_of_its_own_part(pair) -> None:
    target = load_picture(pair[1])
    jacket = share_of(MASKS[1], "#8c613c", target)
    wanted = (target * jacket).sum(dim=(0, 2, 3)) / jacket.sum()
    apart = []
    for masks in ({"source_mask": MASKS[0], "target_mask": MASKS[1]}, {}):
        picture = pixels(*pair, colors="target", **masks)
        suit = share_of(MASKS[0], "#8c613c", picture)
        apart.append(((picture * suit).sum(dim=(0, 2, 3)) / suit.sum() - wanted).norm())
    # The suit is orange and the jacket nearly black; without masks the suit stays the warm part of the picture.
    assert apart[0] < 0.1
    assert apart[1] > 0.2


def test_labels_of_one_side_are_always_said_those_of_both_with_verbose_and_all_are_reported(pair, flagless) -> None:
    words = ["run", *pair, *SHORT, "--source-mask", MASKS[0], "--target-mask", flagless, "--overwrite", "-o", "x.png"]
    lines = [
        f"mask: {FLAG} is only in the source's mask; that part stays as it is",
        f"mask: {GREEN} is only in the target's mask; nothing draws from there",
    ]
    assert done(*words, "--report", "r.json").stderr.splitlines()[1:] == lines
    said = done(*words, "-v").stderr.splitlines()
    assert said[1] == "masks: #8c613c, #4878d0, #f0c8a0, #282828 are matched, each with its own"
    assert said[2:4] == lines
    found = record()
    labels = found["details"]["labels"]
    assert (labels["only_source"], labels["only_target"], len(labels["shared"])) == ([FLAG], [GREEN], 4)
    assert (found["pictures"]["source_mask"], found["pictures"]["target_masks"]) == (str(MASKS[0]), [str(flagless)])


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


def test_targets_with_weights_make_the_name_and_the_report_and_one_without_weight_is_left_out(pair) -> None:
    rocket, coffee = SAMPLES / "rocket.jpg", SAMPLES / "coffee.png"
    words = [pair[0], pair[1], coffee, rocket, *SHORT, "--target-weights", "3,0,1", "--report", "r.json", "-v"]
    told = done("run", *words)
    assert told.stdout.startswith("wrote astronaut_hopper_coffee_rocket.png (64x64 px")
    assert f"targets: {pair[1]} 75%, {rocket} 25%" in told.stderr.splitlines()
    assert record()["pictures"]["targets"] == [str(pair[1]), str(rocket)]
    assert record()["details"]["target_weights"] == [0.75, 0.25]
    stylize(pair[0], [pair[1], rocket], SMALL, weights=[3, 1]).save("two.png")
    assert torch.equal(load_picture("two.png"), load_picture("astronaut_hopper_coffee_rocket.png"))


def test_the_weight_of_a_target_pulls_towards_its_colours(pair) -> None:
    targets = [pair[1], SAMPLES / "rocket.jpg"]
    first, more, less = (pixels(pair[0], targets, colors="target", weights=w) for w in ((1, 0), (9, 1), (1, 9)))
    assert 0 < (more - first).abs().mean() < (less - first).abs().mean()


def test_each_target_has_its_own_mask(pair, flagless: Path) -> None:
    found = stylize(pair[0], [pair[1]] * 2, SMALL, source_mask=MASKS[0], target_mask=[flagless, MASKS[1]])
    # The flag is in the second one.
    assert FLAG in found.details["labels"]["shared"]
    assert found.details["labels"]["only_source"] == []


# Strength and colours


def test_strength_goes_from_the_source_to_the_whole_transfer(pair) -> None:
    source = resize(load_picture(pair[0]), 64, 64)
    pictures = (pixels(*pair, strength=strength, iterations=4) for strength in (0.0, 0.1, 0.5, 1.0))
    apart = [float((picture - source).abs().mean()) for picture in pictures]
    assert apart[0] == 0
    # Not only the weights, which Adam's steps hardly depend on.
    assert 0 < apart[1] < apart[3] / 3
    assert apart[1] < apart[2] < apart[3]


def test_strength_0_of_style_alone_is_the_source(pair) -> None:
    style = StyleConfig(tuple(term for term in SMALL.terms if term.compare == "target"), features="vgg16")
    assert torch.equal(
        stylize(*pair, style.override(size=64, iterations=2, strength=0.0)).picture, load_picture(pair[0])
    )


def test_colors_source_keeps_the_source_s_palette(pair) -> None:
    source, target = load_picture(pair[0]), load_picture(pair[1])
    apart = {}
    for colors in ("source", "target"):
        picture = pixels(*pair, colors=colors)
        apart[colors] = [float((picture.mean((2, 3)) - other.mean((2, 3))).norm()) for other in (source, target)]
    assert apart["source"][0] < apart["source"][1] / 3
    assert apart["target"][1] < apart["target"][0] / 3


# Refusals


@pytest.mark.parametrize(
    ("status", "words", "says"),
    [
        (2, "{t} --target-mask {m}", "target-mask: needs the source mask, too"),
        (2, "{t} --source-mask {s} --target-mask {m} --target-mask {m}", "one for each target is needed, got 2"),
        (2, "{t} {t} --source-mask {s} --target-mask {m}", "target-mask: one for each target is needed, got 1 for 2"),
        (2, "{t} --target-weights 1,2", "target-weights: one for each target is needed, got 2 for 1"),
        (2, "{t} {t} --target-weights 0,0", "target-weights: at least one must be above 0"),
        (2, "{t} {t} --target-weights 1,-2", "target-weights: must be a number at least 0, got -2"),
        (1, "{t} --source-mask {s} --target-mask {s}", "astronaut_mask.png is 512x512 px but its picture 55x64"),
        (1, "{t} --source-mask {s} --target-mask {t}", "hopper.png: no flat colours found, as in a photograph"),
        (1, "{t} --source-mask {s} --target-mask none.png", "there is no file none.png"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(pair, status: int, words: str, says: str) -> None:
    refused(status, says, "run", pair[0], *words.format(s=MASKS[0], m=MASKS[1], t=pair[1]).split())


# compare and score


def test_compare_runs_its_own_presets_with_masks(pair, flagless: Path) -> None:
    words = ["--size", 48, "--iterations", 2, "--source-mask", MASKS[0], "--target-mask", flagless]
    told = done("compare", *pair, *words, "--report", "r.json")
    assert told.stdout == "wrote astronaut_hopper_compare.png (3 of 3 results)\n"
    lines = told.stderr.splitlines()
    assert [line.split(": ")[1] for line in lines if " of 3: " in line] == ["default", "gatys", "cnnmrf"]
    assert sum(line.startswith(f"mask: {FLAG} is only in the source's mask") for line in lines) == 1
    for one in record()["runs"]:
        assert one["details"]["labels"]["only_source"] == [FLAG]
        assert one["pictures"]["target_masks"] == [str(flagless)]


def test_compare_gives_what_a_run_with_masks_gives(pair) -> None:
    config = StyleConfig.preset().override(size=48, iterations=1, features="vgg16")
    found = compare(*pair, {"a": config}, source_mask=MASKS[0], target_mask=MASKS[1])
    alone = stylize(*pair, config, source_mask=MASKS[0], target_mask=MASKS[1])
    assert torch.equal(found.outcomes[0].result.picture, alone.picture)
    with pytest.raises(PictureError, match="no flat colours"):
        compare(*pair, {"a": config}, source_mask=MASKS[0], target_mask=pair[1])


def test_several_targets_are_scored_as_one_set(pair) -> None:
    target = pair[1]
    one = score(target, target, target, size=64).to_dict()
    both = score(target, target, [target, target], size=64).to_dict()
    # Twice the same is the same, but for the loss, whose affinities are parted between the two.
    for name in ("content", "noise", "flat_noise", "structure", "palette"):
        assert both[name] == pytest.approx(one[name], abs=0.02), name


def test_purity_of_several_targets_takes_a_mask_for_each(pair) -> None:
    source, target = pair
    one = score(source, source, target, MASKS[0], MASKS[1], size=64)
    both = score(source, source, [target, target], MASKS[0], [MASKS[1], MASKS[1]], size=64)
    assert both.purity == pytest.approx(one.purity)
    assert len(both.purity) == 5
    with pytest.raises(ConfigError, match="target-mask: one for each target is needed, got 1 for 2"):
        score(source, source, [target, target], MASKS[0], [MASKS[1]])

"""Masks and several targets: what the commands say of them, and what they refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import SAMPLES
from helpers import done
from PIL import Image

from cxstyle import StyleConfig, score, stylize
from cxstyle.errors import ConfigError
from cxstyle.pictures.reading import load_picture

MASKS = SAMPLES / "astronaut_mask.png", SAMPLES / "hopper_mask.png"
FLAG, GREEN = "#d65f5f", "#00ff00"
SHORT = ["--size", "48", "--iterations", "1", "--features", "vgg16", "--report", "r.json"]


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


def record() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path("r.json").read_text())
    return found


def test_labels_of_one_side_are_always_said_those_of_both_with_verbose_and_all_are_reported(pair, flagless) -> None:
    words = ["run", *pair, *SHORT, "--source-mask", MASKS[0], "--target-mask", flagless, "--overwrite", "-o", "x.png"]
    lines = [
        f"mask: {FLAG} is only in the source's mask; that part stays as it is",
        f"mask: {GREEN} is only in the target's mask; nothing draws from there",
    ]
    assert done(*words).stderr.splitlines()[1:] == lines
    said = done(*words, "-v").stderr.splitlines()
    assert said[1] == "masks: #8c613c, #4878d0, #f0c8a0, #282828 are matched, each with its own"
    assert said[2:4] == lines
    labels, pictures = record()["details"]["labels"], record()["pictures"]
    assert (labels["only_source"], labels["only_target"], len(labels["shared"])) == ([FLAG], [GREEN], 4)
    assert (pictures["source_mask"], pictures["target_masks"]) == (str(MASKS[0]), [str(flagless)])


def test_targets_with_weights_make_the_name_and_the_report_and_one_without_weight_is_left_out(pair) -> None:
    rocket, coffee = SAMPLES / "rocket.jpg", SAMPLES / "coffee.png"
    told = done("run", pair[0], pair[1], coffee, rocket, *SHORT, "--target-weights", "3,0,1", "-v")
    assert told.stdout.startswith("wrote astronaut_hopper_coffee_rocket.png (48x48 px")
    assert f"targets: {pair[1]} 75%, {rocket} 25%" in told.stderr.splitlines()
    assert record()["pictures"]["targets"] == [str(pair[1]), str(rocket)]
    assert record()["details"]["target_weights"] == [0.75, 0.25]
    config = StyleConfig.preset().override(size=48, iterations=1, features="vgg16")
    stylize(pair[0], [pair[1], rocket], config, weights=[3, 1]).save("two.png")
    assert torch.equal(load_picture("two.png"), load_picture("astronaut_hopper_coffee_rocket.png"))


def test_compare_takes_masks_and_says_once_what_only_one_has(pair, flagless: Path) -> None:
    words = ["--presets", "default,fast", "--source-mask", MASKS[0], "--target-mask", flagless]
    told = done("compare", *pair, *SHORT, *words)
    assert told.stdout == "wrote astronaut_hopper_compare.png (2 of 2 results)\n"
    lines = told.stderr.splitlines()
    assert [line.split(": ")[1] for line in lines if " of 2: " in line] == ["default", "fast"]
    assert sum(line.startswith(f"mask: {FLAG} is only in the source's mask") for line in lines) == 1
    for one in record()["runs"]:
        assert one["details"]["labels"]["only_source"] == [FLAG]
        assert one["pictures"]["target_masks"] == [str(flagless)]


def test_purity_of_several_targets_takes_a_mask_for_each(pair) -> None:
    source, target = pair
    one = score(source, source, target, MASKS[0], MASKS[1], size=64)
    both = score(source, source, [target, target], MASKS[0], [MASKS[1], MASKS[1]], size=64)
    assert both.purity == pytest.approx(one.purity)
    assert len(both.purity) == 5
    with pytest.raises(ConfigError, match="target-mask: one for each target is needed, got 1 for 2"):
        score(source, source, [target, target], MASKS[0], [MASKS[1]])

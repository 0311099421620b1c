"""Whole runs with other losses, several targets, masks, colours and strengths; on the real network, at 64 px."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
import torch
from helpers import half_mask

from cxstyle import LossTerm, Optimizer, Pyramid, StyleConfig, stylize
from cxstyle.analysis.measures import feature_distance
from cxstyle.features.vgg import VGGFeatures, resolve_network
from cxstyle.pictures.color_transfer import match_palettes, recolor
from cxstyle.pictures.reading import load_picture
from cxstyle.pictures.tensors import resize
from cxstyle.transfer import prepare, read_inputs

STYLE = LossTerm("contextual", 1.0, "target", ("conv2_2", "conv3_2"), bandwidth=0.2, samples=300)
CONTENT = LossTerm("contextual", 1.0, "source", ("conv3_2",), bandwidth=0.1, samples=300)
CONFIG = StyleConfig(terms=(STYLE, CONTENT), iterations=6, features="vgg16", precision="fp32")
GRAM = StyleConfig(
    terms=(
        LossTerm("gram", 200.0, "target", ("conv1_1", "conv2_1")),
        LossTerm("reconstruction", 1.0, "source", ("conv3_2",)),
    ),
    iterations=10,
    features="vgg16",
    precision="fp32",
)
STILL = {"iterations": 1, "optimizer": Optimizer(lr=1e-9)}


def test_lbfgs_lowers_a_gram_objective_at_every_step_and_stays_within_0_to_1(pair: tuple[Path, Path]) -> None:
    result = stylize(*pair, GRAM.override(optimizer=Optimizer("lbfgs", lr=1.0)))
    totals = [losses["total"] for losses in result.losses]
    assert totals[-1] < 0.95 * totals[0]
    assert all(after < before for before, after in pairwise(totals))
    assert (result.picture.min() >= 0, result.picture.max() <= 1) == (True, True)


def test_strength_0_is_the_source_itself_without_an_iteration(pair: tuple[Path, Path], monkeypatch) -> None:
    monkeypatch.setattr("cxstyle.transfer.memory.held", lambda *_: 1e9)  # what the tests before have left doesn't count
    config = CONFIG.override(strength=0, colors="target", init="noise", size=48, pyramid=Pyramid(32))
    result = stylize(*pair, config, callback=lambda _: pytest.fail("nothing is to be done"))
    assert torch.equal(result.picture, resize(load_picture(pair[0]), 48, 48))
    assert (result.status, result.losses) == ("complete", [])
    assert result.details["scales"] == [{"long_edge": 48, "iterations": 0}]
    # Nothing of a network has to fit.
    assert result.details["memory"]["tiles"] == 1
    plain = stylize(*pair, CONFIG.override(size=48, iterations=1))
    assert result.details["memory"]["estimate"] < plain.details["memory"]["estimate"]


def test_more_strength_leads_further_from_the_source_in_structure_and_colours(pair: tuple[Path, Path]) -> None:
    config = CONFIG.override(colors="target", iterations=12, content_weight=3, size=48)
    runs = [stylize(*pair, config.override(strength=s)).picture for s in (0, 0.4, 0.8)]
    layers = VGGFeatures(resolve_network("vgg16"), ["conv1_2", "conv2_2", "conv3_2"])
    structure = [feature_distance(layers(picture), layers(runs[0])) for picture in runs]
    colours = [(picture - runs[0]).mean(dim=(2, 3)).norm().item() for picture in runs]
    for moved in (structure, colours):
        assert moved[0] == pytest.approx(0, abs=1e-6)
        assert all(after > 1.01 * before for before, after in pairwise(moved))


def test_with_the_source_s_colours_it_is_the_target_that_is_recoloured(pair: tuple[Path, Path]) -> None:
    source, target = (load_picture(path) for path in pair)
    kept = stylize(*pair, CONFIG.override(colors="source"))
    given = stylize(source, recolor(target, [source]), CONFIG)
    assert torch.equal(kept.picture, given.picture)
    drift = (kept.picture - source).mean(dim=(2, 3)).norm()
    free = (stylize(*pair, CONFIG).picture - source).mean(dim=(2, 3)).norm()
    assert drift < free
    assert (stylize(*pair, CONFIG.override(colors="source", **STILL)).picture - source).abs().max() < 1e-5


def test_what_is_recoloured_is_no_larger_than_the_run_sees_it(pair: tuple[Path, Path]) -> None:
    source, target = (resize(load_picture(path), 300, 200) for path in pair)
    config = CONFIG.override(size=48, pyramid=Pyramid(32))
    sizes = {}
    for colors in ("target", "source", "free"):
        made = prepare(read_inputs(source, target), config.override(colors=colors))
        sizes[colors] = [tuple(picture.shape[2:]) for picture in (made.source, *made.targets)]
    assert sizes == {
        "target": [(48, 32), (300, 200)],
        "source": [(300, 200), (48, 32)],
        "free": [(300, 200), (300, 200)],
    }


def test_with_masks_each_part_of_the_target_gets_the_colours_of_the_source_s_own() -> None:
    generator = torch.Generator().manual_seed(0)
    source, target = (0.3 + 0.1 * torch.rand(3, 64, width, generator=generator) for width in (96, 64))
    source[0, :, :48] += 0.4
    source[2, :, 48:] += 0.4
    masks = half_mask(64, 96), half_mask(64, 64).flip(2)
    given = read_inputs(source, target, None, *masks)
    _, (recoloured,) = match_palettes(given.source, given.targets, "source", given.guide)
    left, right = (recoloured[0, :, :, part].mean(dim=(1, 2)) for part in (slice(24), slice(-24, None)))
    assert right.tolist() == pytest.approx([0.75, 0.35, 0.35], abs=0.02)
    assert left.tolist() == pytest.approx([0.35, 0.35, 0.75], abs=0.02)


def test_what_only_the_source_s_mask_has_is_left_as_it_is(pair: tuple[Path, Path]) -> None:
    source = load_picture(pair[0])
    only = {"source_mask": half_mask(64, 64), "target_mask": half_mask(64, 55, (0.0, 1.0, 0.0))}
    config = CONFIG.override(content_weight=0, samples="all")
    result = stylize(source, pair[1], config, **only)
    assert result.details["labels"] == {"shared": ["#ff0000"], "only_source": ["#0000ff"], "only_target": ["#00ff00"]}
    moved = (result.picture - source).abs().mean(dim=(0, 1, 2))
    assert moved[:30].mean() > 0.01
    # Beyond what a feature of conv3_2 at the edge of the left half can see.
    assert moved[56:].max() == 0

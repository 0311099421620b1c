"""The loop, on the real network and real pictures, also with other losses, masks, colours and strengths."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from helpers import half_mask

from cxstyle import LossTerm, Optimizer, Progress, Pyramid, StyleConfig, stylize
from cxstyle.analysis.measures import feature_distance
from cxstyle.errors import ConfigError, PictureError
from cxstyle.features.vgg import VGGFeatures, resolve_network
from cxstyle.pictures.color_transfer import match_palettes, recolor
from cxstyle.pictures.reading import load_picture
from cxstyle.pictures.tensors import resize
from cxstyle.settings.config import Laplacian
from cxstyle.transfer import prepare, read_inputs
from cxstyle.transfer.optimizer import learning_rate
from cxstyle.transfer.result import Result

Files = tuple[Path, Path]
CONFIG = StyleConfig(
    terms=(
        LossTerm("contextual", 1.0, "target", ("conv2_2", "conv3_2"), bandwidth=0.2, samples=300),
        LossTerm("contextual", 1.0, "source", ("conv3_2",), bandwidth=0.1, samples=300),
        LossTerm("total_variation", 10.0),
    ),
    iterations=4,
    features="vgg16",
    precision="fp32",
)
PLAIN = CONFIG.override(terms=CONFIG.terms[:2])
"""Without what smooths."""
GRAM = PLAIN.override(
    terms=(
        LossTerm("gram", 200.0, "target", ("conv1_1", "conv2_1")),
        LossTerm("reconstruction", 1.0, "source", ("conv3_2",)),
    ),
    iterations=10,
)
STILL = Optimizer(lr=1e-9)
LEVELS = Laplacian((0.3, 1.0, 0.0), (0.0, 0.5, 0.0))
LARGE = CONFIG.override(size=80, enlarge=True, iterations=2, pyramid=Pyramid(48), parametrization=LEVELS)


@pytest.fixture(scope="module")
def source(pair: Files) -> torch.Tensor:
    return load_picture(pair[0])


@pytest.fixture(scope="module")
def target(pair: Files) -> torch.Tensor:
    return load_picture(pair[1])


@pytest.fixture(scope="module")
def result(pair: Files) -> Result:
    return stylize(*pair, CONFIG)


def test_the_same_seed_gives_the_same_pixels_and_another_seed_others(pair: Files, result: Result) -> None:
    again, other = (stylize(*pair, CONFIG.override(seed=seed)) for seed in (0, 6))
    assert torch.equal(result.picture, again.picture)
    assert result.losses == again.losses
    assert not torch.equal(result.picture, other.picture)


@pytest.mark.parametrize("moved", ["pixels", LEVELS], ids=["pixels", "pyramid"])
def test_the_objective_falls(pair: Files, moved: str | Laplacian) -> None:
    result = stylize(*pair, CONFIG.override(size=48, iterations=20, parametrization=moved))
    start, end = result.losses[0], result.losses[-1]
    assert end["total"] < 0.8 * start["total"]
    assert set(start) == {"scale", "iteration", "total", "style conv2_2", "style conv3_2", "content conv3_2", "tv"}
    assert (result.status, len(result.losses)) == ("complete", 20)


@contextlib.contextmanager
def other_default() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


MODES: dict[str, Callable[[], contextlib.AbstractContextManager[object]]] = {
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    "device": lambda: torch.device("meta"),
    "dtype": other_default,
}


@pytest.mark.parametrize("mode", MODES)
def test_modes_of_torch_that_the_caller_has_set_change_nothing_and_stay(pair: Files, source, mode: str) -> None:
    config = CONFIG.override(size=48, iterations=1)
    plain = stylize(source, pair[1], config)

    def state() -> tuple[object, ...]:
        modes = torch.is_grad_enabled(), torch.is_inference_mode_enabled(), torch.is_autocast_enabled("cpu")
        return (*modes, torch.get_default_device(), torch.get_default_dtype())

    with MODES[mode]():
        before = state()
        given = source.clone()  # in inference_mode one that can't be part of a graph
        found = stylize(given, pair[1], config)
        assert state() == before
        assert found.image.size == (48, 48)
    assert torch.equal(found.picture, plain.picture)
    assert found.losses == plain.losses
    assert not found.picture.is_inference()


def test_the_result_holds_picture_settings_and_choices(result: Result, tmp_path: Path) -> None:
    assert result.picture.shape == (1, 3, 64, 64)
    assert (result.picture.min() >= 0, result.picture.max() <= 1) == (True, True)
    assert result.image.size == (64, 64)
    assert result.config == CONFIG
    assert (result.details["features"], result.details["precision"]) == ("vgg16", "fp32")
    assert result.details["scales"] == [{"long_edge": 64, "iterations": 4}]
    result.save(tmp_path / "r.png")
    assert torch.equal(load_picture(tmp_path / "r.png").mul(255).round(), result.picture.mul(255).round())


@pytest.mark.parametrize(
    ("size", "enlarge", "expected"), [(48, False, (48, 48)), (200, False, (64, 64)), (80, True, (80, 80))]
)
def test_a_smaller_source_keeps_its_size_unless_asked(pair, size, enlarge, expected) -> None:
    result = stylize(*pair, CONFIG.override(size=size, enlarge=enlarge, iterations=1))
    assert result.image.size == expected


def test_odd_and_narrow_pictures_of_different_shapes_work() -> None:
    generator = torch.Generator().manual_seed(0)
    source, target = torch.rand(3, 33, 91, generator=generator), torch.rand(3, 67, 38, generator=generator)
    result = stylize(source, target, CONFIG.override(size=90, iterations=4, pyramid=Pyramid(40)))
    assert result.image.size == (90, 33)
    assert result.status == "complete"


def test_scales_go_from_coarse_to_fine(pair: Files) -> None:
    seen: list[tuple[int, int, tuple[int, int], int, int]] = []
    done: list[float] = []

    def watch(p: Progress) -> None:
        seen.append((p.scale, p.scales, p.size, p.iteration, p.iterations))
        done.append(p.done)

    stylize(*pair, CONFIG.override(iterations=4, pyramid=Pyramid(32)), callback=watch)
    assert seen == [(1, 2, (32, 32), 1, 2), (1, 2, (32, 32), 2, 2), (2, 2, (64, 64), 1, 2), (2, 2, (64, 64), 2, 2)]
    # 2 (32^2 + 20,000) and 2 (64^2 + 20,000) pixels' worth of work.
    assert done == pytest.approx([0.23298, 0.46596, 0.73298, 1.0], abs=1e-5)


def test_enlarging_keeps_the_detail_that_the_coarse_scale_never_saw(pair: Files, source) -> None:
    # With a learning rate of nearly nothing, the result is the source, not a blurred one.
    assert (stylize(*pair, CONFIG.override(pyramid=Pyramid(32), optimizer=STILL)).picture - source).abs().max() < 1e-5


@pytest.mark.parametrize("init", ["source", "target", "noise", "FILE"])
def test_runs_start_from_what_they_are_told(pair: Files, source, target, init: str) -> None:
    config = CONFIG.override(init=str(pair[1]) if init == "FILE" else init, iterations=1, optimizer=STILL)
    start = stylize(*pair, config).picture
    far = (start - source).abs().mean()
    assert start.shape == source.shape
    if init == "source":
        assert far < 1e-5
    elif init == "noise":
        assert far > 0.2
        assert start.std() == pytest.approx(math.sqrt(1 / 12), abs=0.02)
    else:
        assert (start.mean(dim=(2, 3)) - target.mean(dim=(2, 3))).abs().max() < 0.02


def test_a_callback_that_returns_false_stops_the_run_and_keeps_the_picture(pair: Files) -> None:
    config = CONFIG.override(pyramid=Pyramid(32))
    result = stylize(*pair, config, callback=lambda p: (p.scale, p.iteration) != (1, 2))
    assert (result.status, len(result.losses)) == ("stopped", 2)
    assert result.picture.shape == (1, 3, 64, 64)
    assert result.picture.isfinite().all()


def test_a_loss_that_is_not_finite_stops_the_run_with_the_last_good_picture(pair: Files) -> None:
    huge = CONFIG.override(tv_weight=1e38, style_weight=3e38)
    result = stylize(*pair, huge)
    assert result.status == "diverged"
    assert len(result.losses) < 4
    assert result.picture.isfinite().all()


def test_the_cosine_schedule_falls_from_the_rate_to_a_fiftieth() -> None:
    settings = Optimizer(lr=0.02, schedule="cosine")
    rates = [learning_rate(settings, i, 11) for i in range(11)]
    assert rates[0] == pytest.approx(0.02)
    assert rates[5] == pytest.approx(0.0102)
    assert rates[10] == pytest.approx(0.0004)
    assert learning_rate(Optimizer(lr=0.02), 7, 11) == 0.02
    assert learning_rate(settings, 0, 1) == 0.02


def test_what_can_not_be_used_is_refused_before_anything_is_computed(pair: Files) -> None:
    with pytest.raises(PictureError, match=r"there is no file none\.png"):
        stylize(*pair, CONFIG.override(init="none.png"))
    deep = StyleConfig(terms=(LossTerm("contextual", 1, "target", ("conv4_4",)),), features="vgg16")
    with pytest.raises(ConfigError, match="vgg16 has no layer conv4_4"):
        stylize(*pair, deep)


def test_a_picture_moves_no_further_than_its_targets_have_detail(source, target) -> None:
    small = resize(target, 40, 32)
    end = stylize(source, small, LARGE)
    assert max(end.picture.shape[2:]) == 80
    assert [scale["long_edge"] for scale in end.details["scales"]] == [48]  # not 40: no less than the coarsest
    assert end.details["scales_reason"] == "beyond that no target has detail"
    assert end.details["result_size_reason"] == "enlarged to size 80, as asked for"
    pixels = stylize(source, small, LARGE.override(parametrization="pixels"))
    assert pixels.details["scales"][-1]["long_edge"] == 80


def test_beyond_that_size_what_only_the_source_has_stays_to_the_pixel(source, target) -> None:
    small = resize(target, 40, 34)
    masks = {"source_mask": half_mask(64, 64), "target_mask": half_mask(40, 34, (1.0, 0.0, 0.0))}
    found, still = (stylize(source, small, LARGE.override(strength=s), **masks).picture for s in (1, 0))
    assert torch.equal(found[..., 42:], still[..., 42:])
    assert not torch.equal(found[..., :36], still[..., :36])


def test_lbfgs_lowers_a_gram_objective_at_every_step_and_stays_within_0_to_1(pair: Files) -> None:
    result = stylize(*pair, GRAM.override(optimizer=Optimizer("lbfgs", lr=1.0)))
    totals = [losses["total"] for losses in result.losses]
    assert totals[-1] < 0.95 * totals[0]
    assert all(after < before for before, after in pairwise(totals))
    assert (result.picture.min() >= 0, result.picture.max() <= 1) == (True, True)


def test_strength_0_is_the_source_itself_without_an_iteration(pair: Files, source, monkeypatch) -> None:
    monkeypatch.setattr("cxstyle.transfer.memory.held", lambda *_: 1e9)  # what the tests before have left doesn't count
    config = PLAIN.override(strength=0, colors="target", init="noise", size=48, pyramid=Pyramid(32))
    result = stylize(*pair, config, callback=lambda _: pytest.fail("nothing is to be done"))
    assert torch.equal(result.picture, resize(source, 48, 48))
    assert (result.status, result.losses) == ("complete", [])
    assert result.details["scales"] == [{"long_edge": 48, "iterations": 0}]
    # Nothing of a network has to fit.
    assert result.details["memory"]["tiles"] == 1
    plain = stylize(*pair, PLAIN.override(size=48, iterations=1))
    assert result.details["memory"]["estimate"] < plain.details["memory"]["estimate"]


def test_more_strength_leads_further_from_the_source_in_structure_and_colours(pair: Files) -> None:
    config = PLAIN.override(colors="target", iterations=8, content_weight=3, size=48)
    runs = [stylize(*pair, config.override(strength=s)).picture for s in (0, 0.4, 0.8)]
    layers = VGGFeatures(resolve_network("vgg16"), ["conv1_2", "conv2_2", "conv3_2"])
    structure = [feature_distance(layers(picture), layers(runs[0])) for picture in runs]
    colours = [(picture - runs[0]).mean(dim=(2, 3)).norm().item() for picture in runs]
    for moved in (structure, colours):
        assert moved[0] == pytest.approx(0, abs=1e-6)
        assert all(after > 1.01 * before for before, after in pairwise(moved))


def test_with_the_source_s_colours_it_is_the_target_that_is_recoloured(pair: Files, source, target) -> None:
    kept = stylize(*pair, PLAIN.override(colors="source"))
    given = stylize(source, recolor(target, [source]), PLAIN)
    assert torch.equal(kept.picture, given.picture)
    drift = (kept.picture - source).mean(dim=(2, 3)).norm()
    free = (stylize(*pair, PLAIN).picture - source).mean(dim=(2, 3)).norm()
    assert drift < free
    assert (
        stylize(*pair, PLAIN.override(colors="source", iterations=1, optimizer=STILL)).picture - source
    ).abs().max() < 1e-5


@pytest.mark.parametrize(
    ("colors", "sizes"),
    [
        ("target", [(48, 32), (300, 200)]),
        ("source", [(300, 200), (48, 32)]),
        ("free", [(300, 200), (300, 200)]),
    ],
)
def test_what_is_recoloured_is_no_larger_than_the_run_sees_it(source, target, colors: str, sizes: list) -> None:
    inputs = read_inputs(resize(source, 300, 200), resize(target, 300, 200))
    made = prepare(inputs, PLAIN.override(size=48, pyramid=Pyramid(32), colors=colors))
    assert [tuple(picture.shape[2:]) for picture in (made.source, *made.targets)] == sizes


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


def test_what_only_the_source_s_mask_has_is_left_as_it_is(source, target) -> None:
    only = {"source_mask": half_mask(64, 64), "target_mask": half_mask(64, 55, (0.0, 1.0, 0.0))}
    config = PLAIN.override(content_weight=0, samples="all")
    result = stylize(source, target, config, **only)
    assert result.details["labels"] == {"shared": ["#ff0000"], "only_source": ["#0000ff"], "only_target": ["#00ff00"]}
    moved = (result.picture - source).abs().mean(dim=(0, 1, 2))
    assert moved[:30].mean() > 0.01
    # Beyond what a feature of conv3_2 at the edge of the left half can see.
    assert moved[56:].max() == 0

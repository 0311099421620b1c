"""The loop, on the real network and real pictures."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from helpers import halves, painted

from cxstyle import LossTerm, Optimizer, Progress, Pyramid, StyleConfig, stylize
from cxstyle.errors import ConfigError, PictureError
from cxstyle.pictures.reading import load_picture
from cxstyle.pictures.tensors import resize
from cxstyle.transfer.optimizer import learning_rate

CONFIG = StyleConfig(
    terms=(
        LossTerm("contextual", 1.0, "target", ("conv2_2", "conv3_2"), bandwidth=0.2, samples=300),
        LossTerm("contextual", 1.0, "source", ("conv3_2",), bandwidth=0.1, samples=300),
        LossTerm("total_variation", 10.0),
    ),
    iterations=6,
    features="vgg16",
    precision="fp32",
)


def test_the_same_seed_gives_the_same_pixels_and_another_seed_others(pair: tuple[Path, Path]) -> None:
    first, again, other = (stylize(*pair, CONFIG.override(seed=seed)) for seed in (5, 5, 6))
    assert torch.equal(first.picture, again.picture)
    assert first.losses == again.losses
    assert not torch.equal(first.picture, other.picture)


def test_the_objective_falls(pair: tuple[Path, Path]) -> None:
    result = stylize(*pair, CONFIG.override(iterations=25))
    start, end = result.losses[0], result.losses[-1]
    assert end["total"] < 0.8 * start["total"]
    assert set(start) == {"scale", "iteration", "total", "style conv2_2", "style conv3_2", "content conv3_2", "tv"}
    assert (result.status, len(result.losses)) == ("complete", 25)


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
def test_modes_of_torch_that_the_caller_has_set_change_nothing_and_stay(pair: tuple[Path, Path], mode: str) -> None:
    config = CONFIG.override(size=48, iterations=1)
    source = load_picture(pair[0])
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


def test_the_result_holds_picture_settings_and_choices(pair: tuple[Path, Path], tmp_path: Path) -> None:
    result = stylize(*pair, CONFIG)
    assert result.picture.shape == (1, 3, 64, 64)
    assert (result.picture.min() >= 0, result.picture.max() <= 1) == (True, True)
    assert result.image.size == (64, 64)
    assert result.config == CONFIG
    assert result.details["features"] == "vgg16"
    assert result.details["precision"] == "fp32"
    assert result.details["scales"] == [{"long_edge": 64, "iterations": 6}]
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


def test_scales_go_from_coarse_to_fine(pair: tuple[Path, Path]) -> None:
    seen: list[tuple[int, int, tuple[int, int], int, int]] = []
    done: list[float] = []

    def watch(p: Progress) -> None:
        seen.append((p.scale, p.scales, p.size, p.iteration, p.iterations))
        done.append(p.done)

    stylize(*pair, CONFIG.override(iterations=4, pyramid=Pyramid(32)), callback=watch)
    assert seen == [(1, 2, (32, 32), 1, 2), (1, 2, (32, 32), 2, 2), (2, 2, (64, 64), 1, 2), (2, 2, (64, 64), 2, 2)]
    # 2 (32^2 + 20,000) and 2 (64^2 + 20,000) pixels' worth of work.
    assert done == pytest.approx([0.23298, 0.46596, 0.73298, 1.0], abs=1e-5)


def test_enlarging_keeps_the_detail_that_the_coarse_scale_never_saw(pair: tuple[Path, Path]) -> None:
    # With a learning rate of nearly nothing, the result is the source, not a blurred one.
    still = CONFIG.override(pyramid=Pyramid(32), optimizer=Optimizer(lr=1e-9))
    assert (stylize(*pair, still).picture - load_picture(pair[0])).abs().max() < 1e-5


@pytest.mark.parametrize("init", ["source", "target", "noise", "FILE"])
def test_runs_start_from_what_they_are_told(pair: tuple[Path, Path], init: str) -> None:
    config = CONFIG.override(init=str(pair[1]) if init == "FILE" else init, iterations=1, optimizer=Optimizer(lr=1e-9))
    start = stylize(*pair, config).picture
    source, target = (load_picture(path) for path in pair)
    far = (start - source).abs().mean()
    assert start.shape == source.shape
    if init == "source":
        assert far < 1e-5
    elif init == "noise":
        assert far > 0.2
        assert start.std() == pytest.approx(math.sqrt(1 / 12), abs=0.02)
    else:
        assert (start.mean(dim=(2, 3)) - target.mean(dim=(2, 3))).abs().max() < 0.02


def test_a_callback_that_returns_false_stops_the_run_and_keeps_the_picture(pair: tuple[Path, Path]) -> None:
    config = CONFIG.override(pyramid=Pyramid(32))
    result = stylize(*pair, config, callback=lambda p: (p.scale, p.iteration) != (1, 2))
    assert (result.status, len(result.losses)) == ("stopped", 2)
    assert result.picture.shape == (1, 3, 64, 64)
    assert result.picture.isfinite().all()


def test_a_loss_that_is_not_finite_stops_the_run_with_the_last_good_picture(pair: tuple[Path, Path]) -> None:
    huge = CONFIG.override(tv_weight=1e38, style_weight=3e38)
    result = stylize(*pair, huge)
    assert result.status == "diverged"
    assert len(result.losses) < 6
    assert result.picture.isfinite().all()


def test_the_cosine_schedule_falls_from_the_rate_to_a_fiftieth() -> None:
    settings = Optimizer(lr=0.02, schedule="cosine")
    rates = [learning_rate(settings, i, 11) for i in range(11)]
    assert rates[0] == pytest.approx(0.02)
    assert rates[5] == pytest.approx(0.0102)
    assert rates[10] == pytest.approx(0.0004)
    assert learning_rate(Optimizer(lr=0.02), 7, 11) == 0.02
    assert learning_rate(settings, 0, 1) == 0.02


def test_what_can_not_be_used_is_refused_before_anything_is_computed(pair: tuple[Path, Path]) -> None:
    with pytest.raises(PictureError, match=r"there is no file none\.png"):
        stylize(*pair, CONFIG.override(init="none.png"))
    deep = StyleConfig(terms=(LossTerm("contextual", 1, "target", ("conv4_4",)),), features="vgg16")
    with pytest.raises(ConfigError, match="vgg16 has no layer conv4_4"):
        stylize(*pair, deep)


def test_a_picture_moves_no_further_than_its_targets_have_detail(pair) -> None:
    source, target = (load_picture(path) for path in pair)
    small = resize(target, 40, 32)
    config = StyleConfig.preset("fast").override(size=128, enlarge=True, iterations=4)
    end = stylize(source, small, config)
    assert max(end.picture.shape[2:]) == 128
    assert [scale["long_edge"] for scale in end.details["scales"]] == [96]  # 1.6 x 40, but no less than the coarsest
    assert end.details["scales_reason"] == "beyond that no target has detail"
    assert end.details["result_size_reason"] == "enlarged to size 128, as asked for"
    pixels = stylize(source, small, config.override(parametrization="pixels"))
    assert pixels.details["scales"][-1]["long_edge"] == 128


def test_beyond_that_size_what_only_the_source_has_stays_to_the_pixel(pair, tmp_path) -> None:
    source, target = (load_picture(path) for path in pair)
    masks = {"source_mask": halves(tmp_path / "s.png", "red", "blue")}
    masks["target_mask"] = painted(tmp_path / "t.png", "red", (target.shape[3], target.shape[2]))
    config = StyleConfig.preset("fast").override(size=128, enlarge=True, iterations=4)
    found = stylize(source, resize(target, 40, 34), config, **masks).picture
    still = stylize(source, resize(target, 40, 34), config.override(strength=0), **masks).picture
    assert torch.equal(found[..., 66:], still[..., 66:])
    assert not torch.equal(found[..., :60], still[..., :60])

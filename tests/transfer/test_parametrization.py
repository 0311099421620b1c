"""What the optimizer moves: pixels, or the levels of a pyramid in opponent colours."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from helpers import halves, painted, size_of

from cxstyle import Pyramid, StyleConfig, stylize
from cxstyle.losses.feature_sets import Draws
from cxstyle.losses.objective import shifted
from cxstyle.pictures.reading import load_picture
from cxstyle.settings.config import Laplacian
from cxstyle.transfer.parametrization import Pyramid as Levels
from cxstyle.transfer.parametrization import parametrized

RATES = Laplacian((0.3, 1.0, 0.0), (0.0, 0.5, 0.0))
CONFIG = StyleConfig.preset().override(
    size=48, iterations=4, features="vgg16", samples=200, pyramid=Pyramid(32), parametrization=RATES
)


@pytest.fixture
def picture() -> torch.Tensor:
    return torch.rand(1, 3, 37, 50)


def test_a_pyramid_is_its_picture_and_only_levels_with_a_rate_move_each_at_its_own(picture: torch.Tensor) -> None:
    levels = Levels(picture, RATES, None)
    torch.testing.assert_close(levels.picture(), picture)
    assert [tuple(tensor.shape) for tensor in levels.moved] == [(1, 1, 37, 50), (1, 1, 19, 25), (1, 2, 19, 25)]
    assert levels.rates == [0.3, 1.0, 0.5]


def test_what_moves_at_the_finest_level_has_no_colour(picture: torch.Tensor) -> None:
    levels = Levels(picture, RATES, None)
    before = levels.picture().detach()
    with torch.no_grad():
        levels.moved[0] += torch.randn_like(levels.moved[0])
    change = levels.picture().detach() - before
    torch.testing.assert_close(change, change.mean(dim=1, keepdim=True).expand_as(change))


def test_each_level_goes_its_share_of_the_way_place_by_place(picture: torch.Tensor) -> None:
    finest = torch.ones(1, 1, 37, 50)
    finest[..., :25], finest[..., :10] = 0.5, 0.0
    shares = [finest, torch.full((1, 1, 1, 1), 0.25), torch.ones(1, 1, 2, 2)]
    levels, free = (Levels(picture, RATES, None, reach) for reach in (shares, []))
    with torch.no_grad():
        for tensor in levels.moved:
            tensor += 0.1
        free.moved[0].add_(0.1 * finest)
        for tensor in free.moved[1:]:
            tensor += 0.025
    torch.testing.assert_close(levels.picture(), free.picture())


def test_what_leaves_the_range_is_brought_back_by_the_levels_that_move(picture: torch.Tensor) -> None:
    levels = Levels(picture, Laplacian((1.0, 1.0, 1.0), (1.0, 1.0, 1.0)), None)
    with torch.no_grad():
        levels.moved[0] += 1.0
    wanted = levels.picture().clamp(0, 1)
    torch.testing.assert_close(levels.bound(), wanted)
    torch.testing.assert_close(levels.picture(), wanted)


@pytest.mark.parametrize("settings", [RATES, "pixels"])
def test_still_pixels_stay_to_the_bit(picture: torch.Tensor, settings: Laplacian | str) -> None:
    still = torch.zeros(1, 37, 50, dtype=torch.bool)
    still[:, :10] = True
    found = parametrized(CONFIG.override(parametrization=settings), picture, still)
    with torch.no_grad():
        for tensor in found.moved:
            tensor += 0.1
    assert torch.equal(found.picture()[:, :, :10], picture[:, :, :10])
    assert not torch.equal(found.picture()[:, :, 10:], picture[:, :, 10:])


def test_a_shift_keeps_the_size_and_moves_what_is_there(picture: torch.Tensor) -> None:
    generator = torch.Generator().manual_seed(0)
    offsets = set()
    for _ in range(60):
        found = shifted(picture, 4, Draws(generator))
        assert found.shape == picture.shape
        places = [
            (i, j)
            for i in range(-2, 3)
            for j in range(-2, 3)
            if torch.equal(found[:, :, 5:30, 5:30], picture[:, :, 5 + i : 30 + i, 5 + j : 30 + j])
        ]
        offsets.update(places)
    assert {i for i, _ in offsets} == {j for _, j in offsets} == {-2, -1, 0, 1, 2}


def test_masks_tiles_and_several_targets_go_with_it(pair: tuple[Path, Path], tmp_path: Path) -> None:
    masks = halves(tmp_path / "s.png", "blue", "red"), painted(tmp_path / "t.png", "red", size_of(pair[1]))
    config = CONFIG.override(size=64, iterations=2, pyramid=Pyramid(), colors="regions")
    still = stylize(*pair, config, source_mask=masks[0], target_mask=masks[1]).picture - load_picture(pair[0])
    assert still[..., :28].abs().max() == 0
    assert still[..., 40:].abs().max() > 0.01
    both = stylize(pair[0], [*pair], config, weights=[1, 3])
    assert both.status == "complete"

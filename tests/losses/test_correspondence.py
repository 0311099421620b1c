"""Which parts correspond: colours by regions, places without a counterpart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from cxstyle import LossTerm, Optimizer, Pyramid, StyleConfig, stylize
from cxstyle.features.vgg import VGGFeatures, resolve_network
from cxstyle.losses.correspondence import FAINT, LEAST, MODEST, Correspondence, guided, principal_directions, strokes
from cxstyle.losses.perceptual import total_variation
from cxstyle.pictures.guide import Guide
from cxstyle.pictures.reading import load_picture

CPU = torch.device("cpu")
STRIPES, NOISE = 0.25, 0.75
"""Where the two grounds of `grounds` have their middles, in widths."""


@pytest.fixture(scope="module")
def network() -> VGGFeatures:
    return VGGFeatures(resolve_network("vgg16"), ["conv4_2"])


def grounds(left: tuple[float, ...], right: tuple[float, ...], *, swapped: bool = False) -> Tensor:
    """Stripes in one colour beside noise in another, (1, 3, 128, 128)."""
    stripes = (torch.arange(64) // 4 % 2).float().expand(128, 64)
    noise = torch.rand(128, 64, generator=torch.Generator().manual_seed(0))
    sides = [torch.tensor(c)[:, None, None] * (0.6 + 0.4 * t) for c, t in ((left, stripes), (right, noise))]
    return torch.cat(sides[::-1] if swapped else sides, dim=2)[None]


RED, BLUE, GREEN, GREY = (0.8, 0.2, 0.2), (0.2, 0.2, 0.8), (0.2, 0.7, 0.2), (0.5, 0.5, 0.5)


def mean_at(picture: Tensor, where: float) -> Tensor:
    """Colour of a quarter of the picture around a place, (3,)."""
    middle = round(where * picture.shape[3])
    return picture[0, :, :, middle - 16 : middle + 16].mean(dim=(1, 2))


def test_each_ground_takes_the_colour_of_its_like_wherever_that_lies(network: VGGFeatures) -> None:
    source, target = grounds(GREY, GREY), grounds(RED, BLUE, swapped=True)
    found = Correspondence(source, [target], network, CPU, Guide()).recolored(source)
    assert mean_at(found, STRIPES).argmax() == 0
    assert mean_at(found, NOISE).argmax() == 2


def test_masks_say_which_ground_is_which(network: VGGFeatures) -> None:
    source, target = grounds(GREY, GREY), grounds(RED, BLUE)
    mask = torch.zeros(2, 128, 128)
    mask[0, :, :64], mask[1, :, 64:] = 1, 1
    guide = Guide(source=mask, targets=(mask.flip(0),))
    found = Correspondence(source, [target], network, CPU, guide).recolored(source)
    assert mean_at(found, STRIPES).argmax() == 2
    assert mean_at(found, NOISE).argmax() == 0


def test_what_only_the_source_has_keeps_its_colours(network: VGGFeatures) -> None:
    source, target = grounds(GREEN, GREY), grounds(RED, BLUE)
    mask = torch.zeros(1, 128, 128)
    mask[:, :, 64:] = 1
    found = Correspondence(source, [target], network, CPU, Guide(source=mask, targets=(mask,))).recolored(source)
    torch.testing.assert_close(found[:, :, :, :56], source[:, :, :, :56])


def test_a_target_that_weighs_little_gives_little_colour(network: VGGFeatures) -> None:
    source, targets = grounds(GREY, GREY), [grounds(RED, RED), grounds(BLUE, BLUE)]
    reds = []
    for weights in ((0.95, 0.05), (0.05, 0.95)):
        found = Correspondence(source, targets, network, CPU, Guide(weights)).recolored(source)
        reds.append(float(found[:, 0].mean() - found[:, 2].mean()))
    assert reds[0] > 0.2
    assert reds[1] < -0.2


def test_rows_are_shares_and_confidences_lie_on_the_grids(network: VGGFeatures) -> None:
    source, target = torch.rand(1, 3, 64, 96), torch.rand(1, 3, 80, 48)
    found = Correspondence(source, [target, source], network, CPU, Guide())
    torch.testing.assert_close(found.theirs.sum(dim=1), torch.ones(8 * 12))
    assert found.theirs.shape == (8 * 12, 10 * 6 + 8 * 12)
    assert found.confidence.shape == (1, 1, 8, 12)
    assert [tuple(c.shape) for c in found.confidences] == [(1, 1, 10, 6), (1, 1, 8, 12)]
    assert all(bool(((c >= 0) & (c <= 1)).all()) for c in (found.confidence, *found.confidences))


def test_a_place_without_its_like_is_less_sure_and_goes_less_of_the_way(network: VGGFeatures) -> None:
    both, stripes = grounds(GREY, GREY), grounds(GREY, GREY)[:, :, :, :64]
    found = Correspondence(both, [stripes], network, CPU, Guide())
    sure, way = found.confidence[0, 0], found.steering(0.9).source[0, 0]
    assert sure[:, 2:6].mean() > sure[:, 10:14].mean() + 0.1
    assert way[:, 2:6].min() == 1 > way[:, 12].mean()


def test_a_picture_matched_with_itself_keeps_its_colours(network: VGGFeatures) -> None:
    source = grounds(RED, BLUE)
    found = Correspondence(source, [source], network, CPU, Guide()).recolored(source)
    assert (found - source).abs().mean() < 0.03


@pytest.mark.parametrize("color", [0.0, 0.5, 1.0])
def test_pictures_in_one_colour_are_no_trouble(network: VGGFeatures, color: float) -> None:
    plain, other = torch.full((1, 3, 48, 48), color), torch.rand(1, 3, 48, 48)
    for source, target in ((plain, other), (other, plain), (plain, plain)):
        found = Correspondence(source, [target], network, CPU, Guide())
        assert bool(found.recolored(source).isfinite().all())
        steering = found.steering(0.9)
        assert all(bool(v.isfinite().all()) for v in (steering.source, *steering.targets))


def test_quiet_takes_weight_from_doubtful_places_only(network: VGGFeatures) -> None:
    source, target = torch.rand(1, 3, 64, 64), torch.rand(1, 3, 64, 64)
    found = Correspondence(source, [target], network, CPU, Guide())
    assert bool((found.steering(0.0).source == 1).all())
    held = found.steering(1.0).source
    torch.testing.assert_close(held, (found.confidence / found.confidence.median()).clamp(LEAST, 1))


def test_a_cell_s_region_looks_like_its_counterpart_s(network: VGGFeatures) -> None:
    source, target = grounds(GREY, GREY), grounds(RED, BLUE, swapped=True)
    found = Correspondence(source, [target, source], network, CPU, Guide()).steering(0.0)
    own, other = found.region[0], found.regions[0][0]  # (K, 16, 16)
    assert [tuple(r.shape[2:]) for r in (found.region, *found.regions)] == [(16, 16)] * 3
    torch.testing.assert_close(own.norm(dim=0), torch.ones(16, 16))
    stripes = own[:, 8, 3]
    assert stripes @ other[:, 8, 12] > stripes @ other[:, 8, 3] + 0.3


def test_directions_in_which_cells_differ_most_are_found_by_the_smaller_product() -> None:
    rows = torch.randn(40, 100)
    rows -= rows.mean(dim=0)
    found = principal_directions(rows, 8)  # (100, 8)
    vectors = torch.linalg.svd(rows, full_matrices=False)[2][:8].flip(0)
    torch.testing.assert_close((found.t() * vectors).sum(dim=1).abs(), torch.ones(8))
    vectors = torch.linalg.svd(rows.t(), full_matrices=False)[2][:8].flip(0)
    torch.testing.assert_close((principal_directions(rows.t(), 8).t() * vectors).sum(dim=1).abs(), torch.ones(8))
    for height, width in ((5, 9), (9, 5)):
        assert not principal_directions(torch.zeros(height, width), 3).any()
        one = principal_directions(torch.rand(height, 1) @ torch.rand(1, width), 3)
        torch.testing.assert_close(one.norm(dim=0), torch.tensor([0.0, 0.0, 1.0]))


def test_the_finest_levels_go_where_what_corresponds_has_fine_detail(network: VGGFeatures) -> None:
    source, target = grounds(GREY, GREY), grounds(GREY, GREY, swapped=True)
    found = Correspondence(source, [target], network, CPU, Guide())
    target[..., 64:] = 0.5
    target[..., ::16] = 1  # edges in a plain ground have no part in it
    whole = torch.full((1, 1, 16, 16), 0.5)
    textures = found.textures([target], (0.016, 0.9))
    finest, second, third = found.reach(whole, textures, 3)
    assert float(finest[..., 2:6].max()) == pytest.approx(FAINT / 2)
    torch.testing.assert_close(finest[..., 10:14], MODEST * whole[..., 10:14])
    torch.testing.assert_close(second, FAINT * whole)
    assert torch.equal(third, whole)
    assert strokes(textures) < 0.1
    painted = found.textures([torch.rand(1, 3, 128, 128)], (0.016,))
    assert float(found.reach(whole, painted, 3)[0][..., 10:14].min()) > 0.8
    assert strokes(painted) == 1
    assert strokes(found.textures([target], ())) == 0


def test_a_guided_filter_keeps_what_follows_the_guide() -> None:
    guide = torch.zeros(1, 1, 20, 20)
    guide[:, :, :, 10:] = 1
    slope, offset = guided(guide, torch.cat([3 * guide + 1, torch.full_like(guide, 2.0)], dim=1))
    found = slope * guide + offset
    torch.testing.assert_close(found[0, 0, :, 9:11], (3 * guide + 1)[0, 0, :, 9:11], atol=0.05, rtol=0)
    torch.testing.assert_close(found[:, 1:], torch.full_like(guide, 2.0))


def test_a_run_by_regions_holds_still_where_its_weights_say_so(pair: tuple[Path, Path]) -> None:
    terms = (
        LossTerm("contextual", 1.0, "target", ("conv3_2",), bandwidth=0.2),
        LossTerm("palette", 100.0, "source"),
        LossTerm("total_variation", 1.0, "source"),
    )
    config = StyleConfig(terms, features="vgg16", colors="regions", quiet=0.9, iterations=6, pyramid=Pyramid(32))
    free, held = (
        stylize(*pair, replace(config, terms=(*terms[:2], replace(terms[2], weight=weight)))).picture
        for weight in (0.01, 1e5)
    )
    start = stylize(*pair, config.override(iterations=1, pyramid=Pyramid(), optimizer=Optimizer(lr=1e-9))).picture
    assert total_variation(held - start) < 0.5 * total_variation(free - start)
    assert (start - load_picture(pair[0])).abs().mean() > 0.02

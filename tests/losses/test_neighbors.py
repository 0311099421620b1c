"""What each place of the source is made of in the target, found once."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from cxstyle import LossTerm, StyleConfig
from cxstyle.errors import ConfigError
from cxstyle.features.vgg import VGGFeatures, resolve_network
from cxstyle.losses.neighbors import (
    ALIKE,
    SURE,
    agreed,
    comparable,
    handed_down,
    hypercolumns,
    in_context,
    neighbor_loss,
    scaled,
    scaling,
    sureness,
    with_region,
)
from cxstyle.losses.objective import Objective
from cxstyle.pictures.guide import Guide

LAYERS = ("conv1_2", "conv2_2", "conv3_2")
TERM = LossTerm("neighbors", 1.0, "target", LAYERS)


@pytest.fixture(scope="module")
def network() -> VGGFeatures:
    return VGGFeatures(resolve_network("auto"), list(LAYERS))


def picture(seed: int, height: int = 64, width: int = 64) -> Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed))


def objective(network: VGGFeatures, source: Tensor, *targets: Tensor, guide: Guide | None = None) -> Objective:
    return Objective([TERM], network, guide=guide).bind_source(source).bind_target(targets)


def value(bound: Objective, result: Tensor) -> float:
    return float(bound.evaluate(result).total)


def test_two_places_of_two_layers_by_hand() -> None:
    x, y = torch.tensor([[3.0, 1.0], [4.0, 0.0]]), torch.tensor([[3.0, 0.0], [4.0, 2.0]])
    colors, others = torch.tensor([[0.2, 0.4]]), torch.tensor([[0.2, 0.2]])
    each = torch.tensor([0.0, 2 * 1 + 5 / 4 + 5 * 0.04])  # the same; at a right angle, 1 + 4 apart, of another colour
    both = x, y, colors, others, 2
    assert float(neighbor_loss(*both)) == pytest.approx(float(each.mean()), abs=1e-5)
    assert float(neighbor_loss(*both, torch.tensor([3.0, 1.0]))) == pytest.approx(float(each[1]) / 4, abs=1e-5)
    assert float(neighbor_loss(*both, torch.zeros(2))) == 0


def by_hand(places: Tensor) -> Tensor:
    """Features (5, P) of places (8, P), the rest colours, each with its region's, as unit vectors."""
    units = places[:5] / places[:5].norm(dim=0)
    apart = (places[5:, :, None] - places[5:, None]).square().sum(dim=0)
    region = units @ torch.softmax(units.t() @ units / 0.15 - 2 * apart, dim=1).t()
    found = units + region / region.norm(dim=0)
    return found / found.norm(dim=0)


def test_places_are_compared_by_cosine_and_by_colour() -> None:
    x, y = torch.rand(5, 3) - 0.5, torch.rand(5, 4) - 0.5
    colors, others = torch.rand(3, 3), torch.rand(3, 4)
    places = [torch.cat(side)[None, :, None] for side in ((x, colors), (y, others))]  # (1, 8, 1, P)
    source, (target,) = comparable(places[0], places[1:])
    units, rest = source[0].flatten(1).t(), target[0].flatten(1).t()
    x, y = (by_hand(side[0, :, 0]) for side in places)
    cosines = x.t() @ y
    wanted = cosines - ALIKE * torch.cdist(colors.t(), others.t()).square()
    torch.testing.assert_close(units @ rest.t(), wanted)


def test_places_count_by_how_like_the_target_they_are_and_none_more_than_the_middle_one() -> None:
    alike = torch.full((9, 9), 0.6)
    alike[:, 6:], alike[:3, :3], within = 0.3, 0.9, torch.ones(9, 9)
    within[8] = 0
    found = sureness(alike, within)
    assert float(found[8].abs().max()) == 0
    assert found[:2, :2].tolist() == [[1, 1], [1, 1]]
    assert float(found[4, 4]) == 1
    torch.testing.assert_close(found[:8, 8], torch.full((8,), 0.5**SURE))
    assert bool((sureness(-alike, within)[:8] == 0).all())
    assert float(sureness(alike, torch.zeros(9, 9)).sum()) == 0


def test_what_looks_the_same_is_told_apart_by_what_it_is_part_of() -> None:
    # The same dot in the middle of a light square and of a dark one.
    pictures = [torch.full((1, 3, 96, 96), 0.5) for _ in range(2)]
    for shade, found in zip((0.9, 0.1), pictures, strict=True):
        found[..., 24:72, 24:72] = shade
        found[..., 36:60, 36:60] = 0.5
        found[..., 44:52, 44:52] = 0.0
    one, other = in_context(pictures, lambda p: [torch.nn.functional.avg_pool2d(p, 8)])
    assert one.shape == (1, 12, 12, 12)
    near, *context = (one - other)[0, :, 5, 5].view(4, 3).square().sum(dim=1)
    assert float(near) < 1e-6
    assert float(max(context)) > 0.1


def test_a_place_is_also_what_its_region_is() -> None:
    # Left of one kind, right of another, each place a little of its own, one on the left much of the right.
    kinds = torch.zeros(1, 8, 12, 60)
    kinds[:, 0, :, :30] = kinds[:, 1, :, 30:] = kinds[:, 1, 6, 10] = 1
    colors = kinds[:, :1].expand(-1, 3, -1, -1) * 2
    features = kinds + torch.randn(kinds.shape) * 0.2
    found = with_region(features, colors)[0]
    assert found.shape == (8, 12, 60)
    torch.testing.assert_close(found.norm(dim=0), torch.ones(12, 60))
    alone = torch.nn.functional.normalize(features[0], dim=0)
    left, right = (slice(None), slice(None), slice(None, 26)), (slice(None), slice(None), slice(34, None))
    assert float(found[left].std(dim=(1, 2)).mean()) < 0.7 * float(alone[left].std(dim=(1, 2)).mean())
    assert float(found[:, 6, 10] @ found[left].mean(dim=(1, 2))) > float(
        found[:, 6, 10] @ found[right].mean(dim=(1, 2))
    )


def test_regions_know_colours_and_labels() -> None:
    features = torch.zeros(1, 4, 8, 8)
    features[:, 0] = 1
    features[..., 4:] = torch.tensor([1.0, 0.4, 0, 0]).view(1, 4, 1, 1)
    same, apart = torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 8, 8)
    apart[..., 4:] = 3

    def second(colors: Tensor, labels: Tensor | None = None) -> float:
        """How much a place on the left has of what only the right one is."""
        return float(with_region(features, colors, labels)[0, 1, 4, 1])

    assert second(same) > 0.05
    assert abs(second(apart)) < 1e-4
    labels = torch.zeros(2, 16, 16)
    labels[0, :, :8], labels[1, :, 8:] = 1, 1
    assert abs(second(same, labels)) < 1e-4
    torch.testing.assert_close(with_region(features[..., :4], same[..., :4]), features[..., :4])
    assert not with_region(torch.zeros(1, 4, 1, 7), torch.zeros(1, 3, 1, 7)).any()


def test_layers_are_brought_to_one_grid_and_to_one_scale() -> None:
    features = {"a": torch.rand(1, 2, 16, 24) * 9, "b": torch.rand(1, 3, 2, 3) + 5, "c": torch.rand(1, 4, 4, 6)}
    found = hypercolumns(features, ("a", "b", "c"), (4, 6))
    assert [tuple(part.shape) for part in found] == [(1, 2, 4, 6), (1, 3, 4, 6), (1, 4, 4, 6)]
    torch.testing.assert_close(found[0][0, :, 0, 0], features["a"][0, :, :4, :4].mean(dim=(1, 2)))
    whole = scaled(found, scaling([found]))
    torch.testing.assert_close(whole.mean(dim=(0, 2, 3)), torch.zeros(9), atol=1e-5, rtol=0)
    for part in whole.split([2, 3, 4], dim=1):
        assert float(part.square().sum(dim=1).mean()) == pytest.approx(1, abs=1e-4)


def test_a_finer_grid_keeps_what_a_coarse_place_is_made_of_in_one_piece() -> None:
    # Two targets, of 1 x 2 and 2 x 1 places; the source's two draw from the first's second, and the second's second.
    chosen = torch.tensor([[1, 3]])
    index = handed_down(chosen, (2, 4), [(1, 2), (2, 1)], [(2, 4), (4, 2)]).view(2, 4)
    assert index.tolist() == [[2, 3, 8 + 4, 8 + 5], [6, 7, 8 + 6, 8 + 7]]
    same = torch.arange(6).view(2, 3)
    assert handed_down(same, (2, 3), [(2, 3)], [(2, 3)]).tolist() == list(range(6))


def test_neighbours_take_what_lies_together_where_that_costs_little_and_nothing_that_is_not_allowed() -> None:
    y = torch.nn.functional.normalize(torch.eye(12) + 0.01, dim=1)  # a target of 3 x 4 places
    x = y.clone()
    x[5] = torch.nn.functional.normalize(y[5] + 1.02 * y[11], dim=0)  # a little nearer to 11, far from its neighbours'
    chosen = torch.arange(12).view(3, 4)
    chosen[1, 1] = 11
    assert torch.equal(agreed(chosen, x, y, [(3, 4)]), torch.arange(12).view(3, 4))
    assert torch.equal(agreed(chosen, x, y, [(3, 4)], lambda at: at != 5), chosen)
    x[5] = y[11]
    assert torch.equal(agreed(chosen, x, y, [(3, 4)]), chosen)
    # Of two targets nothing runs over from one to the other.
    split = agreed(chosen, x, y, [(3, 2), (2, 3)])
    assert torch.equal(split, chosen)


def test_a_picture_that_is_the_target_costs_nothing_and_a_shifted_one_is_found(network) -> None:
    target = picture(1)
    assert value(objective(network, target, target), target) == pytest.approx(0, abs=1e-3)
    moved = target.roll((8, 16), dims=(2, 3))
    bound = objective(network, moved, target)
    assert value(bound, moved) < 0.4 * value(bound, picture(2))


def test_what_is_asked_for_depends_on_the_source_and_not_on_the_result(network) -> None:
    source, target = picture(1), picture(2)
    bound, other = objective(network, source, target), objective(network, picture(4), target)
    result = picture(3).requires_grad_()
    total = bound.evaluate(result).total
    (gradient,) = torch.autograd.grad(total, result)
    first = total.item()
    with torch.no_grad():
        assert first != value(other, result)
        assert value(bound, result - 0.01 * gradient.sign()) < first
        assert value(bound, result) == pytest.approx(first)


def test_with_masks_places_draw_from_their_label_alone_and_others_from_nothing(network) -> None:
    source, target = picture(1), picture(2)
    left = (torch.arange(64) < 24).float().expand(1, 64, 64)
    ((term,),) = objective(network, source, target, guide=Guide(None, left, (left,))).bound
    ((wanted, _, places),) = term.wanted
    places = places.view(16, 16)
    assert float(places[:, 7:].sum()) == 0
    assert bool((places[:, :6] > 0).all())
    from_left = term.maps[0][0, :, :, :7].flatten(1)
    apart = torch.cdist(wanted.t().view(16, 16, -1)[:, :6].reshape(96, -1), from_left.t())
    assert float(apart.amin(dim=1).max()) < 0.01
    nowhere = objective(network, source, target, guide=Guide(None, left, (torch.zeros_like(left),)))
    assert value(nowhere, source) == 0


def test_weights_of_targets_blend_what_each_asks_for(network) -> None:
    source, targets, result = picture(1), (picture(2), picture(3, 48, 80)), picture(4)
    guides = (Guide(weights) for weights in ((1.0, 0.0), (0.0, 1.0), (3.0, 1.0)))
    one, other, both = (value(objective(network, source, *targets, guide=guide), result) for guide in guides)
    assert both == pytest.approx((3 * one + other) / 4, rel=1e-5)


@pytest.mark.parametrize("given", [{"compare": "source"}, {"samples": 100}, {"match_size": 8}, {"layers": ()}])
def test_what_it_has_no_meaning_for_is_refused_by_name(given) -> None:
    with pytest.raises(ConfigError, match=next(iter(given))):
        LossTerm(**{"loss": "neighbors", "compare": "target", "layers": LAYERS, **given})


def test_a_picture_that_is_shifted_in_each_iteration_has_no_places_that_stay() -> None:
    with pytest.raises(ConfigError, match="jitter: neighbors"):
        StyleConfig.preset().override(jitter=8)

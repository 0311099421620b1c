"""Coverage: every place of the result should look like something of the target."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from cxstyle import LossTerm
from cxstyle.features.vgg import VGGFeatures, resolve_network
from cxstyle.losses import contextual_fused as fused
from cxstyle.losses.contextual import prepare
from cxstyle.losses.coverage import coverage_loss, plain_coverage_loss
from cxstyle.losses.feature_sets import Steering
from cxstyle.losses.objective import Objective
from cxstyle.pictures.guide import Guide

TERM = LossTerm("coverage", 1.0, "target", ("conv3_2",))
X, Y = ((3.0, 1.0), (0.0, 5.0), (-2.0, 1.0)), ((2.0, 1.0), (0.0, 1.0))
"""The mean of y is (1, 1): y are (1, 0) and (-1, 0) less that, of length 1, and x (2, 0), (-1, 4) and (-3, 0)."""
DISTANCES = (1 / 2, 16 / 2, 4 / 2)


def points(values: tuple[tuple[float, ...], ...]) -> Tensor:
    return torch.tensor(values).t()[None]  # (1, C, P)


@pytest.mark.parametrize("loss", [coverage_loss, plain_coverage_loss])
def test_three_places_and_two_features_by_hand(loss) -> None:
    assert float(loss(points(X), points(Y))) == pytest.approx(sum(DISTANCES) / 3, abs=1e-6)
    weighted = loss(points(X), points(Y), weights=torch.tensor([1.0, 3.0, 0.0]))
    assert float(weighted) == pytest.approx((DISTANCES[0] + 3 * DISTANCES[1]) / 4, abs=1e-6)


def test_a_result_made_of_the_target_s_features_costs_nothing_however_often_each() -> None:
    y = torch.randn(1, 8, 20)
    x = y[:, :, torch.tensor([0, 0, 3, 3, 3, 7])]
    assert float(coverage_loss(x, y)) == pytest.approx(0, abs=1e-6)
    assert float(coverage_loss(y, x)) > 0.1


def test_of_features_of_one_length_it_is_the_mean_of_the_least_cosine_distances() -> None:
    y = torch.nn.functional.normalize(torch.randn(1, 8, 20), dim=1)
    y = torch.cat([y, -y], dim=2)  # with mean 0
    x = torch.nn.functional.normalize(torch.randn(1, 8, 30), dim=1)
    expected = (1 - (x[0].t() @ y[0]).amax(dim=1)).mean()
    torch.testing.assert_close(coverage_loss(x, y), expected)


@pytest.mark.parametrize(("p", "q"), [(1, 1), (37, 5), (5, 37), (300, 200)])
def test_it_is_the_plain_one_in_value_and_gradient(p: int, q: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fused, "FEWEST_ROWS", 16)
    monkeypatch.setitem(fused.BLOCK_BYTES, "cpu", 1)
    x, y, weights = torch.randn(2, 6, p).requires_grad_(), torch.randn(2, 6, q), torch.rand(p) + 0.1
    for given in (None, weights):
        values = [coverage_loss(x, y, weights=given), plain_coverage_loss(x, y, given)]
        torch.testing.assert_close(*values)
        torch.testing.assert_close(*(torch.autograd.grad(value, x)[0] for value in values))


def test_its_gradient_is_right_in_double_precision() -> None:
    x, y = torch.randn(1, 4, 6, dtype=torch.float64, requires_grad=True), torch.randn(1, 4, 5, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: coverage_loss(x, y), (x,))


def test_prepared_features_maps_and_features_without_direction() -> None:
    x, y = torch.randn(1, 4, 3, 5), torch.randn(1, 4, 6, 2)
    torch.testing.assert_close(coverage_loss(x, prepare(y)), coverage_loss(x.flatten(2), y.flatten(2)))
    still = torch.zeros(1, 4, 7, requires_grad=True)
    loss = coverage_loss(still, torch.zeros(1, 4, 3))
    loss.backward()
    assert (float(loss.detach()), float(still.grad.abs().sum())) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("x", "y", "options", "message"),
    [
        ((1, 4, 5), (1, 3, 5), {}, "must agree in batch and channels"),
        ((1, 4, 0), (1, 4, 5), {}, "not empty"),
        ((1, 4, 5), (1, 4, 6), {"weights": torch.ones(6)}, r"weights must be \(P,\) = \(5,\)"),
        ((1, 4, 5), (1, 4, 6), {"precision": "fp8"}, "precision must be one of"),
    ],
)
def test_what_does_not_fit_is_refused(x: tuple[int, ...], y: tuple[int, ...], options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        coverage_loss(torch.rand(x), torch.rand(y), **options)


@pytest.fixture(scope="module")
def network() -> VGGFeatures:
    return VGGFeatures(resolve_network("vgg16"), ["conv3_2"])


def value(network: VGGFeatures, targets: list[Tensor], source: Tensor, term=TERM, **options: object) -> float:
    """Of the term alone, at all positions."""
    return float(Objective([term], network, **options).bind_source(source).bind_target(targets).evaluate(source).total)


def test_several_targets_are_one_set_and_with_weights_a_mean(network: VGGFeatures) -> None:
    source, one, two = (torch.rand(1, 3, 32, 32 + 8 * i) for i in range(3))
    alone = [value(network, [target], source) for target in (one, two)]
    weighted = value(network, [one, two], source, guide=Guide((0.25, 0.75)))
    assert weighted == pytest.approx(0.25 * alone[0] + 0.75 * alone[1], rel=1e-5)
    assert value(network, [one, two], source) < min(alone)


def test_labels_are_covered_each_by_its_own(network: VGGFeatures) -> None:
    source = torch.rand(1, 3, 32, 64)
    halves = torch.zeros(2, 32, 64)
    halves[0, :, :32], halves[1, :, 32:] = 1, 1
    same = value(network, [source], source, guide=Guide(source=halves, targets=(halves,)))
    swapped = value(network, [source], source, guide=Guide(source=halves, targets=(halves.flip(0),)))
    assert same == pytest.approx(0, abs=1e-5)
    assert swapped > 0.05


def test_places_count_as_the_steering_says(network: VGGFeatures) -> None:
    source, target = torch.rand(1, 3, 32, 64), torch.rand(1, 3, 32, 32)
    target = torch.cat([target, source[:, :, :, 32:]], dim=3)
    ones = torch.ones(1, 1, 1, 1)
    left, right = (torch.tensor([[[[1.0, 0.01]]]]), torch.tensor([[[[0.01, 1.0]]]]))
    values = [value(network, [target], source, steering=Steering(s, (ones,), ones, (ones,))) for s in (left, right)]
    assert values[0] > 2 * values[1]


def test_guidance_looks_where_regions_correspond(network: VGGFeatures) -> None:
    """The target has the same texture twice; of the two halves the one that corresponds is taken."""
    texture = torch.rand(1, 3, 32, 32)
    target, source = torch.cat([texture, texture.flip(1)], dim=3), texture.flip(1)
    same = torch.tensor([[[[1.0]], [[0.0]]]])
    halves = torch.tensor([[[[1.0, 0.0]], [[0.0, 1.0]]]])  # (1, 2, 1, 2)
    ones = torch.ones(1, 1, 1, 1)
    for guidance in (0.0, 3.0):
        term = replace(TERM, guidance=guidance)
        steered = (Steering(ones, (ones,), region, (halves,)) for region in (same, 1 - same))
        left, right = (value(network, [target], source, term, steering=steering) for steering in steered)
        assert left > right if guidance else left == right

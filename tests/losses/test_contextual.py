"""The Contextual loss against the paper's equations, written out by hand in plain Python."""

from __future__ import annotations

import math

import pytest
import torch

from cxstyle import ContextualLoss, contextual_loss
from cxstyle.losses.contextual import (
    center,
    log_set_similarity,
    log_similarities,
    plain_contextual_loss,
    relative_distances,
)

# Lopsided on purpose: two positions of x, three of y.
DISTANCES = [[0.1, 0.4, 0.2], [0.6, 0.3, 0.9]]


def by_hand(x: list[list[float]], y: list[list[float]], bandwidth: float, weights: list[float] | None = None) -> float:
    """Eq. 1 to 5 for lists of feature vectors, as loops over positions i of x and j of y; Eq. 1 by weights."""
    mean = [sum(feature[c] for feature in y) / len(y) for c in range(len(y[0]))]

    def distance(a: list[float], b: list[float]) -> float:
        a, b = ([v - m for v, m in zip(f, mean, strict=True)] for f in (a, b))
        dot = sum(p * q for p, q in zip(a, b, strict=True))
        return 1 - dot / (math.hypot(*a) * math.hypot(*b))

    similarities = []
    for feature in x:
        d = [distance(feature, other) for other in y]
        relative = [value / (min(d) + 1e-5) for value in d]
        w = [math.exp((1 - value) / bandwidth) for value in relative]
        similarities.append([value / sum(w) for value in w])
    best = [max(row[j] for row in similarities) for j in range(len(y))]
    weights = weights or [1.0] * len(best)
    return -math.log(sum(b * weight for b, weight in zip(best, weights, strict=True)) / sum(weights))


def as_tensor(features: list[list[float]]) -> torch.Tensor:
    return torch.tensor(features, dtype=torch.float64).T[None]  # (1, C, positions)


X = [[1.0, 0.2], [-0.3, 1.5]]
Y = [[0.9, 0.1], [0.1, 1.2], [-1.0, -0.4]]


def test_the_loss_equals_the_equations_written_as_loops_and_knows_which_side_is_which() -> None:
    for x, y in ((X, Y), (Y, X)):
        assert contextual_loss(as_tensor(x), as_tensor(y), 0.2).item() == pytest.approx(by_hand(x, y, 0.2), abs=1e-12)
    assert abs(by_hand(X, Y, 0.2) - by_hand(Y, X, 0.2)) > 0.1


@pytest.mark.parametrize("loss", [contextual_loss, plain_contextual_loss])
@pytest.mark.parametrize("weights", [[1.0, 1.0, 1.0], [0.5, 3.0, 1.0], [2.0, 0.0, 0.1]])
def test_the_weighted_loss_equals_the_equations_written_as_loops(loss, weights: list[float]) -> None:
    found = loss(as_tensor(X), as_tensor(Y), 0.4, weights=torch.tensor(weights))
    assert found.item() == pytest.approx(by_hand(X, Y, 0.4, weights), abs=1e-7)


def test_both_sides_are_centered_by_the_mean_of_y() -> None:
    x, y = center(as_tensor(X), as_tensor(Y))
    assert y.mean(dim=2).abs().max() < 1e-15
    torch.testing.assert_close(x, as_tensor(X) - as_tensor(Y).mean(dim=2, keepdim=True))


def test_equation_2_divides_each_row_by_its_minimum_over_y() -> None:
    relative = relative_distances(torch.tensor([DISTANCES]))
    expected = [[d / (0.1 + 1e-5) for d in DISTANCES[0]], [d / (0.3 + 1e-5) for d in DISTANCES[1]]]
    torch.testing.assert_close(relative, torch.tensor([expected]))


def test_equations_3_and_4_make_each_row_sum_to_1_over_y() -> None:
    similarities = log_similarities(torch.tensor([[[1.0, 4.0, 2.0], [2.0, 1.0, 3.0]]]), 0.5).exp()
    first = [math.exp((1 - d) / 0.5) for d in (1.0, 4.0, 2.0)]
    torch.testing.assert_close(similarities[0, 0], torch.tensor([w / sum(first) for w in first]))
    torch.testing.assert_close(similarities.sum(dim=2), torch.ones(1, 2))


def test_equation_1_takes_the_maximum_over_x_and_the_mean_over_y() -> None:
    cx = torch.tensor([[[0.5, 0.2, 0.3], [0.1, 0.8, 0.1]]])
    assert log_set_similarity(cx.log()).exp().item() == pytest.approx((0.5 + 0.8 + 0.3) / 3)


def test_a_set_has_no_loss_against_itself() -> None:
    x = torch.randn(1, 16, 50)
    assert contextual_loss(x, x, 0.1).item() == pytest.approx(0, abs=1e-6)
    assert contextual_loss(x, x[:, :, torch.randperm(50)], 0.1).item() == pytest.approx(0, abs=1e-6)


def test_sets_far_apart_have_a_similarity_of_about_one_over_n() -> None:
    # All of x lies in one direction at a right angle to every difference within y.
    y = torch.cat([torch.randn(1, 7, 40), torch.zeros(1, 1, 40)], dim=1)
    x = torch.cat([torch.zeros(1, 7, 40), torch.ones(1, 1, 40)], dim=1) * 1000 + y.mean(dim=2, keepdim=True)
    assert contextual_loss(x, y, 0.1).item() == pytest.approx(math.log(40), abs=1e-3)


def test_batches_have_the_mean_loss_of_their_samples_as_maps_or_as_sets_and_so_has_the_module() -> None:
    x, y = torch.randn(3, 8, 4, 5), torch.randn(3, 8, 3, 7)
    single = torch.stack([contextual_loss(x[i : i + 1], y[i : i + 1], 0.3) for i in range(3)])
    torch.testing.assert_close(contextual_loss(x, y, 0.3), single.mean())
    assert contextual_loss(x, y, 0.3) == contextual_loss(x.flatten(2), y.flatten(2), 0.3) == ContextualLoss(0.3)(x, y)
    assert "0.3" in repr(ContextualLoss(0.3))


@pytest.mark.parametrize("bandwidth", [0, -0.1, float("nan")])
def test_a_bandwidth_that_is_not_above_0_is_refused(bandwidth: float) -> None:
    for loss in (contextual_loss, plain_contextual_loss, lambda *given: ContextualLoss(given[-1])):
        with pytest.raises(ValueError, match="bandwidth must be above 0"):
            loss(torch.randn(1, 2, 3), torch.randn(1, 2, 3), bandwidth)


@pytest.mark.parametrize(
    ("x", "y", "options", "message"),
    [
        ((2, 3), (1, 2, 3), {}, r"x must be \(N, C, H, W\) or \(N, C, P\)"),
        ((1, 2, 3), (1, 2, 0), {}, "y must be .* not empty"),
        ((1, 2, 3), (1, 4, 3), {}, r"agree in batch and channels, got \(1, 2\) and \(1, 4\)"),
        ((1, 2, 3), (2, 2, 3), {}, "agree in batch and channels"),
        ((1, 2, 3), (1, 2, 4), {"weights": torch.ones(3)}, r"weights must be \(Q,\) = \(4,\), one for each of y"),
        ((1, 2, 3), (1, 2, 4), {"precision": "fp8"}, "precision must be one of fp32, bf16, got fp8"),
    ],
)
def test_what_does_not_fit_is_refused(x: tuple[int, ...], y: tuple[int, ...], options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        contextual_loss(torch.randn(x), torch.randn(y), **options)

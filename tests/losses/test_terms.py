"""What steers the matching: weights of targets, labels of masks, several targets as one set."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

from cxstyle import LossTerm, contextual_loss
from cxstyle.features.vgg import VGGFeatures
from cxstyle.losses.feature_sets import Draws, FeatureSet, at_grid
from cxstyle.losses.objective import Objective
from cxstyle.losses.palette import color_moments, palette_loss
from cxstyle.losses.patches import patches
from cxstyle.losses.perceptual import total_variation
from cxstyle.losses.terms import TERMS, Evaluation, Term
from cxstyle.pictures.color_transfer import recolor
from cxstyle.pictures.guide import Guide

LAYER = "conv2_2"
LOSSES = ("contextual", "gram", "mrf")
NO_PICTURE = torch.zeros(1, 3, 32, 32)


def bound(loss: str, guide: Guide | None = None, precision: str = "fp32", **settings) -> Term:
    given = {"bandwidth": 0.2, **settings} if loss == "contextual" else settings
    return TERMS[loss](LossTerm(loss, 1.0, "target", (LAYER,), **given), precision, False, guide or Guide())


def value(term: Term, x: torch.Tensor, *targets: torch.Tensor, seed: int | None = None) -> torch.Tensor:
    """The term's value for features of the result and of the targets, given as they are."""
    term.bind([], [{LAYER: y} for y in targets])
    draws = None if seed is None else Draws(torch.Generator().manual_seed(seed))
    (found,) = term.values(Evaluation(NO_PICTURE, {LAYER: x}, draws))
    return found


def maps(*widths: int, height: int = 6) -> list[torch.Tensor]:
    """One map of 4 channels for each width."""
    generator = torch.Generator().manual_seed(3)
    return [torch.rand(1, 4, height, width, generator=generator) for width in widths]


def halves(width: int = 8, height: int = 6) -> torch.Tensor:
    """Two labels, left and right: (2, H, W)."""
    left = (torch.arange(width) < width // 2).float().expand(height, width)
    return torch.stack([left, 1 - left])


@pytest.mark.parametrize("loss", LOSSES)
def test_a_label_draws_nothing_from_what_lies_outside_its_own_part_of_the_target(loss: str) -> None:
    x, y = maps(8, 8)
    left = halves()[:1]
    x.requires_grad_()
    # What patches of the left half see of the right stays, too.
    other = torch.cat([y[..., :5], torch.rand(1, 4, 6, 3)], dim=3)
    assert value(bound(loss), x, y) != value(bound(loss), x, other)
    steered = [value(bound(loss, Guide(None, left, (left,))), x, target) for target in (y, other)]
    assert steered[0] == steered[1]
    (gradient,) = torch.autograd.grad(steered[0], x)
    assert gradient[..., :4].abs().max() > 0
    assert gradient[..., 5:].abs().max() == 0


@pytest.mark.parametrize("loss", ["contextual", "gram"])
def test_labels_are_found_where_they_lie_on_each_side(loss: str) -> None:
    (x,) = maps(8)
    swapped = torch.cat([x[..., 4:], x[..., :4]], dim=3)
    there, aside = halves(), halves().flip(0)
    assert value(bound(loss, Guide(None, there, (aside,))), x, swapped).item() == pytest.approx(0, abs=1e-5)
    assert value(bound(loss, Guide(None, there, (there,))), x, swapped) > 1e-4


def test_the_contextual_loss_of_labels_is_the_mean_of_their_similarities_by_their_share_of_the_target() -> None:
    x, y = maps(8, 12)
    there, other = halves(), (torch.arange(12) < 3).float().expand(6, 12)
    guide = Guide(None, there, (torch.stack([other, 1 - other]),))
    left = contextual_loss(x[..., :4], y[..., :3], 0.2)
    right = contextual_loss(x[..., 4:], y[..., 3:], 0.2)
    expected = -((-left).exp() / 4 + (-right).exp() * 3 / 4).log()
    torch.testing.assert_close(value(bound("contextual", guide), x, y), expected)


def test_positions_on_a_soft_edge_take_part_in_both_labels() -> None:
    shares = torch.tensor([[1.0, 0.6, 0.2, 0.0], [0.0, 0.4, 0.8, 1.0]])
    features = FeatureSet(torch.rand(1, 2, 4), shares=shares)
    assert features.members(None, 0).tolist() == [0, 1]
    assert features.members(None, 1).tolist() == [1, 2, 3]
    assert features.members(torch.tensor([3, 1]), 1).tolist() == [3, 1]
    assert features.weights_of(torch.tensor([3, 1]), 1).tolist() == pytest.approx([1, 0.4])


@pytest.mark.parametrize("loss", ["contextual", "mrf"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_an_iteration_that_draws_nothing_of_a_label_does_without_it(loss: str, dtype: torch.dtype) -> None:
    x, y = (found.to(dtype) for found in maps(12, 12))
    corner = torch.zeros(1, 6, 12)
    corner[:, 1:4, 1:5] = 1
    guide, found = Guide(None, corner, (corner,)), []
    for seed in range(30):
        own = x.clone().requires_grad_()
        loss_now = value(bound(loss, guide, samples=4), own, y, seed=seed)
        torch.stack([loss_now, torch.zeros(())]).sum().backward()
        assert own.grad.isfinite().all()
        found.append(loss_now.item())
    assert 0 in found
    assert max(found) > 0


@pytest.mark.parametrize("loss", LOSSES)
def test_a_mask_may_be_smaller_than_a_layer_s_grid(loss: str) -> None:
    x, y = maps(8, 8)
    coarse, exact = (value(bound(loss, Guide(None, m, (m,))), x, y) for m in (halves(2, 2), halves(8, 6)))
    assert coarse == exact


def test_a_patch_has_the_label_of_its_middle() -> None:
    found = patches(maps(8)[0])
    mask = torch.zeros(1, 6, 8)
    mask[:, 1, 1], mask[:, 4, 6] = 1, 1
    shares = at_grid(mask, found, border=1).view(found.shape[2:])
    assert shares.nonzero().tolist() == [[0, 0], [3, 5]]
    x, y = maps(8, 8)
    x.requires_grad_()
    (gradient,) = torch.autograd.grad(value(bound("mrf", Guide(None, mask, (mask,))), x, y), x)
    expected = functional.max_pool2d(mask[None], 3, 1, 1)[0, 0] > 0
    assert torch.equal((gradient != 0).any(dim=1)[0], expected)


@pytest.mark.parametrize("loss", ["contextual", "gram"])
def test_two_targets_are_one_target_of_both(loss: str) -> None:
    x, one, other = maps(8, 5, 7)
    torch.testing.assert_close(value(bound(loss), x, one, other), value(bound(loss), x, torch.cat([one, other], dim=3)))


@pytest.mark.parametrize("weights", [(0.3, 0.7), (1.0, 0.0)])
def test_a_target_given_twice_is_the_target_given_once(weights: tuple[float, float]) -> None:
    x, y = maps(8, 7)
    for loss in ("gram", "mrf"):
        torch.testing.assert_close(value(bound(loss, Guide(weights)), x, y, y), value(bound(loss), x, y))
    # Each feature shares its similarity (Eq. 4) with its copy: log 2 more, which no gradient sees.
    twice = value(bound("contextual", Guide(weights)), x, y, y)
    torch.testing.assert_close(twice, value(bound("contextual"), x, y) + math.log(2))


def test_the_plain_objective_has_the_same_weights_and_labels(tiny_network) -> None:
    generator = torch.Generator().manual_seed(1)
    result, source, one, other = (torch.rand(1, 3, 32, w, generator=generator) for w in (40, 40, 48, 36))
    terms = [LossTerm("contextual", 1.0, "target", (LAYER,), bandwidth=0.2)]
    network = VGGFeatures(tiny_network, [LAYER])
    masks = Guide((0.2, 0.8), halves(40, 32), (halves(48, 32), halves(9, 9)))
    for guide in (Guide((0.2, 0.8)), masks):
        both = (Objective(terms, network, plain=plain, guide=guide) for plain in (False, True))
        fast, plain = (o.bind_source(source).bind_target([one, other]).evaluate(result).values for o in both)
        torch.testing.assert_close(fast, plain)


def test_the_palette_of_labels_is_the_sum_of_each_part_s_by_its_share_of_the_picture() -> None:
    picture, source = (torch.rand(1, 3, 32, 40) for _ in range(2))
    narrow = (torch.arange(40) < 10).float().expand(32, 40)
    guide = Guide(None, torch.stack([narrow, 1 - narrow]), ())
    term = TERMS["palette"](LossTerm("palette", 1.0, "source"), "fp32", False, guide)
    term.bind([source], [])
    parts = [palette_loss(picture[..., s], *color_moments(source[..., s])) for s in (slice(10), slice(10, None))]
    (found,) = term.values(Evaluation(picture, {}, None))
    torch.testing.assert_close(found, parts[0] / 4 + parts[1] * 3 / 4)


def test_total_variation_against_the_source_sees_only_what_the_run_has_added() -> None:
    source, change = torch.rand(1, 3, 32, 40), torch.rand(1, 3, 32, 40)
    network = torch.nn.Identity()
    network.layers = ()
    values = []
    for compare in ("source", ""):
        objective = Objective([LossTerm("total_variation", 1.0, compare)], network).bind_source(source)
        values.append([objective.evaluate(picture).total for picture in (source, source + change)])
    torch.testing.assert_close(values[0], [torch.tensor(0.0), total_variation(change)])
    torch.testing.assert_close(values[1], [total_variation(source), total_variation(source + change)])


def test_bf16_features_give_every_loss_nearly_the_same_value(tiny_network) -> None:
    generator = torch.Generator().manual_seed(1)
    result, source, target = (torch.rand(1, 3, 64, w, generator=generator) for w in (64, 64, 80))
    terms = [
        LossTerm("gram", 1.0, "target", ("conv1_1", "conv2_1")),
        LossTerm("mrf", 1.0, "target", ("conv2_1",), samples=200),
        LossTerm("reconstruction", 1.0, "source", ("conv2_2",)),
        LossTerm("palette", 1.0, "source"),
    ]
    guide = Guide((1.0,), halves(64, 64), (halves(80, 64),))
    values = []
    for dtype, precision in ((torch.float32, "fp32"), (torch.bfloat16, "bf16")):
        network = VGGFeatures(tiny_network, ["conv1_1", "conv2_1", "conv2_2"], dtype=dtype)
        objective = Objective(terms, network, precision=precision, guide=guide)
        objective.bind_source(source).bind_target([target])
        picture = result.clone().requires_grad_()
        losses = objective.evaluate(picture, Draws(torch.Generator().manual_seed(0)))
        losses.total.backward()
        assert picture.grad.isfinite().all()
        values.append(losses.values)
    torch.testing.assert_close(values[1], values[0], rtol=0.03, atol=1e-4)


def test_each_label_gets_its_own_colours() -> None:
    red, blue = (torch.zeros(1, 3, 32, 32) for _ in range(2))
    red[:, 0], blue[:, 2] = 0.8, 0.8
    palette = torch.cat([red, blue], dim=3) + 0.05 * torch.rand(1, 3, 32, 64)
    picture = 0.4 + 0.2 * torch.rand(1, 3, 64, 256)
    there = halves(256, 64).flip(0)  # what is left in the palette lies on the right of the picture
    found = recolor(picture, [palette], Guide(None, there, (halves(64, 32),)))
    assert found[0, 2, :, :100].mean() - found[0, 0, :, :100].mean() > 0.7
    assert found[0, 0, :, -100:].mean() - found[0, 2, :, -100:].mean() > 0.7


def test_several_palettes_are_one_and_weights_mix_them() -> None:
    one, other, picture = (torch.rand(1, 3, 32, w) * 0.3 + at for w, at in ((32, 0.2), (64, 0.5), (40, 0.3)))
    glued = recolor(picture, [torch.cat([one, other], dim=3)])
    torch.testing.assert_close(recolor(picture, [one, other]), glued)
    torch.testing.assert_close(recolor(picture, [one, one], Guide((0.3, 0.7))), recolor(picture, [one]))
    half = recolor(picture, [one, other], Guide((0.5, 0.5))).mean()
    assert half.item() == pytest.approx((one.mean() + other.mean()).item() / 2, abs=1e-3)
    assert glued.mean() > half

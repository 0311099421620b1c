"""Patch matching against loops over patches."""

from __future__ import annotations

import math

import pytest
import torch

from cxstyle.losses.patches import most_alike, mrf_loss, patches


def rows(features: torch.Tensor) -> torch.Tensor:
    """All patches of a map as (P, 9 C)."""
    return patches(features).flatten(2)[0].t()


def test_patches_are_the_3_x_3_surroundings_of_all_inner_positions() -> None:
    features = torch.arange(40.0).view(1, 2, 4, 5)
    found = patches(features)
    assert found.shape == (1, 18, 2, 3)
    assert torch.equal(found[0, :, 1, 2], features[0, :, 1:4, 2:5].flatten())


def test_a_map_smaller_than_a_patch_is_one_patch() -> None:
    features = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    assert patches(features)[0, :, 0, 0].tolist() == [1, 2, 2, 3, 4, 4, 3, 4, 4]
    assert patches(features.bfloat16()).shape == (1, 9, 1, 1)


def test_the_most_alike_patch_is_not_the_longer_one_of_another_direction() -> None:
    x, y = torch.tensor([[1.0, 0.1]]), torch.tensor([[5.0, 5.0], [1.0, 0.0]])
    assert (x @ y.t()).argmax() == 0
    assert most_alike(x, y).tolist() == [1]


def test_the_loss_equals_equations_2_and_3_written_as_loops() -> None:
    # More patches in y than in x: 2 x 3 against 3 x 4.
    x, y = torch.randn(1, 2, 4, 5), torch.randn(1, 2, 5, 6)
    total = 0.0
    for i in range(2):
        for j in range(3):
            own = x[0, :, i : i + 3, j : j + 3].flatten().tolist()
            best, chosen = -math.inf, []
            for k in range(3):
                for m in range(4):
                    other = y[0, :, k : k + 3, m : m + 3].flatten().tolist()
                    like = sum(a * b for a, b in zip(own, other, strict=True)) / (math.hypot(*own) * math.hypot(*other))
                    if like > best:
                        best, chosen = like, other
            total += sum((a - b) ** 2 for a, b in zip(own, chosen, strict=True))
    assert mrf_loss(rows(x), rows(y)).item() == pytest.approx(total / (6 * 18), rel=1e-5)


def test_patches_that_are_among_the_targets_have_no_loss() -> None:
    y = torch.randn(1, 4, 8, 9)
    assert mrf_loss(rows(y[:, :, 2:7, 3:8]), rows(y)) == 0
    assert mrf_loss(rows(y), rows(y[:, :, 2:7, 3:8])) > 0.1


def test_the_gradient_takes_the_choice_as_fixed() -> None:
    x, y = torch.randn(7, 18, requires_grad=True), torch.randn(11, 18, requires_grad=True)
    mrf_loss(x, y).backward()
    chosen = most_alike(x, y)
    torch.testing.assert_close(x.grad, 2 * (x - y[chosen]).detach() / (7 * 18))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_in_bf16_the_chosen_patch_is_nearly_the_most_alike(dtype: torch.dtype) -> None:
    x, y = torch.rand(200, 180).to(dtype), torch.rand(300, 180).to(dtype)
    unit = torch.nn.functional.normalize(y.float(), dim=1)
    likeness = torch.nn.functional.normalize(x.float(), dim=1) @ unit.t()
    chosen = likeness.gather(1, most_alike(x, y, "bf16")[:, None])[:, 0]
    assert (likeness.amax(1) - chosen).max() < 2**-7
    loss = mrf_loss(x, y, "bf16")
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(mrf_loss(x.float(), y.float()).item(), rel=0.02)


def test_what_is_not_a_set_of_patches_is_refused() -> None:
    with pytest.raises(ValueError, match=r"same size, got \(3, 18\) and \(3, 9\)"):
        mrf_loss(torch.randn(3, 18), torch.randn(3, 9))
    with pytest.raises(ValueError, match=r"features must be \(1, C, H, W\), got \(2, 3, 8, 8\)"):
        patches(torch.randn(2, 3, 8, 8))

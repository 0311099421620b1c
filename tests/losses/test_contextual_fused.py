"""The blockwise Contextual similarity against the plain one: values and gradients."""

from __future__ import annotations

import pytest
import torch

from cxstyle import contextual_loss
from cxstyle.losses import contextual_fused
from cxstyle.losses.contextual import plain_contextual_loss, prepare
from cxstyle.losses.matmul import cosines, products

Pair = tuple[torch.Tensor, torch.Tensor]


def random_pair(p: int, q: int, channels: int = 12, samples: int = 1) -> Pair:
    generator = torch.Generator().manual_seed(p * 1000 + q)
    shapes = (samples, channels, p), (samples, channels, q)
    x, y = (torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes)
    return x, y


def value_and_gradients(loss, x: torch.Tensor, y: torch.Tensor, bandwidth: float) -> tuple[torch.Tensor, ...]:
    x, y = x.clone().requires_grad_(), y.clone().requires_grad_()
    value = loss(x, y, bandwidth)
    return value, *torch.autograd.grad(value, (x, y))


def assert_same(x: torch.Tensor, y: torch.Tensor, bandwidth: float, **tolerance: float) -> None:
    fused = value_and_gradients(contextual_loss, x, y, bandwidth)
    plain = value_and_gradients(plain_contextual_loss, x, y, bandwidth)
    for found, expected in zip(fused, plain, strict=True):
        torch.testing.assert_close(found, expected, **tolerance)


@pytest.mark.parametrize("rows", [1, 16, 1000])
@pytest.mark.parametrize(("p", "q"), [(37, 53), (1, 40), (40, 2), (200, 3), (64, 64)])
def test_values_and_gradients_are_those_of_the_plain_loss(p: int, q: int, rows: int, monkeypatch) -> None:
    monkeypatch.setattr(contextual_fused, "block_rows", lambda _: rows)
    for bandwidth in (0.05, 0.2, 1.0):
        assert_same(*random_pair(p, q, samples=2), bandwidth)


@pytest.mark.parametrize(("p", "q"), [(3, 5), (5, 3), (1, 4)])
def test_gradients_agree_with_finite_differences_on_both_sides(p: int, q: int) -> None:
    x, y = (t.requires_grad_() for t in random_pair(p, q, channels=4, samples=2))
    assert torch.autograd.gradcheck(lambda a, b: contextual_loss(a, b, 0.5), (x, y))


@pytest.mark.parametrize("distance", [1e-1, 1e-2, 1e-3])
def test_features_near_to_targets_are_told_apart_as_in_the_plain_loss(distance: float) -> None:
    x, y = random_pair(60, 60)
    assert_same(y + distance * x, y, 0.2, rtol=1e-6, atol=1e-6)


def test_single_precision_agrees_with_the_plain_loss_to_a_part_in_a_million() -> None:
    x, y = (t.float() for t in random_pair(300, 200, channels=64))
    fused, plain = (value_and_gradients(loss, x, y, 0.2) for loss in (contextual_loss, plain_contextual_loss))
    assert abs(fused[0] - plain[0]) < 1e-5
    for found, expected in zip(fused[1:], plain[1:], strict=True):
        assert (found - expected).norm() / expected.norm() < 1e-5


def test_duplicates_and_identical_sets_have_the_plain_value_and_finite_gradients() -> None:
    x, y = random_pair(40, 30)
    cases = {
        "duplicated x": (torch.cat([x, x], dim=2), y),
        "duplicated y": (x, torch.cat([y, y], dim=2)),
        "identical": (y, y.clone()),
        "shuffled": (y[:, :, torch.randperm(30)], y),
        "constant": (torch.ones_like(x), torch.ones_like(y)),
    }
    for name, (a, b) in cases.items():
        value, *gradients = value_and_gradients(contextual_loss, a, b, 0.1)
        torch.testing.assert_close(value, plain_contextual_loss(a, b, 0.1), msg=name)
        assert all(gradient.isfinite().all() for gradient in gradients), name


def test_of_tied_rows_exactly_one_gets_the_gradient() -> None:
    x, y = random_pair(10, 8)
    doubled = torch.cat([x, x], dim=2).requires_grad_()
    contextual_loss(doubled, y, 0.2).backward()
    assert doubled.grad is not None
    single = value_and_gradients(contextual_loss, x, y, 0.2)[1]
    torch.testing.assert_close(doubled.grad[:, :, :10] + doubled.grad[:, :, 10:], single)


def test_no_product_of_the_two_sizes_is_ever_held() -> None:
    sizes: list[int] = []

    class Watch(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            result = func(*args, **(kwargs or {}))
            sizes.extend(t.nbytes for t in (result if isinstance(result, tuple) else (result,)) if hasattr(t, "nbytes"))
            return result

    p = q = 6000
    x, y = torch.randn(1, 4, p, requires_grad=True), torch.randn(1, 4, q)
    with Watch():
        contextual_loss(x, y, 0.2).backward()
    assert max(sizes) <= contextual_fused.BLOCK_BYTES["cpu"] < p * q * 4 / 10


def test_prepared_targets_give_the_same_and_may_be_used_again() -> None:
    x, y = random_pair(30, 40, samples=2)
    x.requires_grad_()
    prepared = prepare(y)
    assert prepared.shape == (2, 12, 40)
    for h in (0.1, 0.5):
        values = contextual_loss(x, prepared, h), contextual_loss(x, y, h)
        torch.testing.assert_close(*values)
        torch.testing.assert_close(*(torch.autograd.grad(value, x)[0] for value in values))


def test_bf16_products_keep_value_and_gradient() -> None:
    x, y = (t.float() for t in random_pair(300, 200, channels=64))
    for distance in (1.0, 1e-1, 1e-2, 1e-3):
        near = (y[:, :, :150] + distance * x[:, :, :150]).requires_grad_()
        value, rough = (contextual_loss(near, y, 0.2, precision) for precision in ("fp32", "bf16"))
        gradient, rough_gradient = (torch.autograd.grad(found, near)[0] for found in (value, rough))
        assert rough.item() == pytest.approx(value.item(), rel=0.02, abs=1e-4)
        assert (rough_gradient - gradient).norm() < 0.05 * gradient.norm()


@pytest.mark.parametrize("columns", [1, 7, 63, 64, 65, 200, 1001])
def test_row_maxima_are_found_with_their_columns(columns: int) -> None:
    values = torch.randn(50, columns, generator=torch.Generator().manual_seed(columns))
    best, column = contextual_fused.row_maximum(values)
    assert torch.equal(best, values.amax(dim=1, keepdim=True))
    assert torch.equal(values.gather(1, column), best)


@pytest.mark.parametrize("rows", [1, 7, 8, 9, 50])
def test_column_maxima_are_found_over_blocks_of_any_size(rows: int) -> None:
    values = torch.rand(120, 30, generator=torch.Generator().manual_seed(rows))
    maxima = contextual_fused.ColumnMaxima(values.t())
    for start in range(0, 120, rows):
        maxima.add(values[start : start + rows], start)
    expected = values.max(dim=0)
    assert torch.equal(maxima.best, expected.values)
    assert torch.equal(maxima.winner, expected.indices)


def test_float32_products_are_float32_whatever_the_process_allows() -> None:
    generator = torch.Generator().manual_seed(0)
    x, y = (torch.nn.functional.normalize(torch.randn(300, 64, generator=generator), dim=1) for _ in range(2))
    out = torch.empty(300, 300)
    torch.set_float32_matmul_precision("medium")
    try:
        with products("fp32"):
            found = cosines(x, y, y, out)
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision("highest")
    assert (found.double() - x.double() @ y.double().t()).abs().max() < 1e-6

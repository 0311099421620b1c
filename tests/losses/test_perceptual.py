"""Gram matrices, reconstruction and palettes against values worked out by hand."""

from __future__ import annotations

import math

import numpy
import pytest
import torch

from cxstyle.losses.palette import FLOOR, color_moments, palette_loss
from cxstyle.losses.perceptual import gram_loss, gram_matrix, perceptual_loss, reconstruction_loss
from cxstyle.pictures.color_transfer import recolor

# Lopsided on purpose: 2 channels, 3 positions.
FEATURES = torch.tensor([[[1.0, 2.0, 0.0], [3.0, -1.0, 5.0]]])


def test_a_gram_matrix_is_the_mean_over_positions_of_products_of_channels() -> None:
    expected = [[1 + 4 + 0, 3 - 2 + 0], [3 - 2 + 0, 9 + 1 + 25]]
    torch.testing.assert_close(gram_matrix(FEATURES), torch.tensor([expected]) / 3)


def test_a_weight_counts_a_position_so_many_times() -> None:
    often = FEATURES[:, :, [0, 0, 0, 1, 2, 2]]
    torch.testing.assert_close(gram_matrix(FEATURES, torch.tensor([3.0, 1.0, 2.0])), gram_matrix(often))


def test_the_gram_loss_is_equation_4_of_gatys() -> None:
    x, y = torch.randn(1, 3, 7), torch.randn(1, 3, 7)
    n, m = 3, 7
    expected = 0.0
    for i in range(n):
        for j in range(n):
            g, a = (sum(float(f[0, i, k] * f[0, j, k]) for k in range(m)) for f in (x, y))
            expected += (g - a) ** 2 / (4 * n**2 * m**2)
    assert gram_loss(gram_matrix(x), gram_matrix(y)).item() == pytest.approx(expected, rel=1e-5)


def test_reconstruction_is_half_the_squared_distance_averaged_over_places() -> None:
    y = torch.zeros(1, 2, 3)
    # Squared distances 1 + 9, 4 + 1 and 0 + 25 of three places.
    assert reconstruction_loss(FEATURES, y).item() == pytest.approx((10 + 5 + 25) / 3 / 2)
    assert reconstruction_loss(FEATURES, FEATURES) == 0
    weighted = reconstruction_loss(FEATURES, y, torch.tensor([2.0, 1.0, 0.0]))
    assert weighted.item() == pytest.approx((2 * 10 + 5) / 3 / 2)


def test_the_perceptual_loss_is_the_mean_absolute_difference() -> None:
    assert perceptual_loss(FEATURES, torch.zeros(1, 2, 3)).item() == pytest.approx((1 + 2 + 0 + 3 + 1 + 5) / 6)


def cloud(mean: list[float], spread: list[list[float]]) -> torch.Tensor:
    """A picture whose colours have exactly this mean, and the covariance A A^T of a spread A."""
    corners = torch.tensor([[i, j, k] for i in (-1.0, 1.0) for j in (-1.0, 1.0) for k in (-1.0, 1.0)])
    colors = torch.tensor(mean) + corners @ torch.tensor(spread).t()
    return colors.t().reshape(1, 3, 2, 4).double()


GREY = [0.5, 0.5, 0.5]


def test_moments_are_mean_and_covariance_and_weights_count_pixels_so_many_times() -> None:
    mean, covariance = color_moments(cloud([0.3, 0.5, 0.6], [[0.1, 0, 0], [0, 0.2, 0], [0, 0, 0.3]]))
    torch.testing.assert_close(mean, torch.tensor([0.3, 0.5, 0.6]).double())
    torch.testing.assert_close(covariance, torch.diag(torch.tensor([0.01, 0.04, 0.09])).double())
    picture = torch.rand(1, 3, 1, 3)
    weighted = color_moments(picture, torch.tensor([[2.0, 1.0, 3.0]]))
    for found, expected in zip(weighted, color_moments(picture[..., [0, 0, 1, 2, 2, 2]]), strict=True):
        torch.testing.assert_close(found, expected)


def test_the_palette_distance_of_clouds_along_the_same_axes_is_that_of_means_and_deviations() -> None:
    one = cloud([0.3, 0.5, 0.6], [[0.1, 0, 0], [0, 0.2, 0], [0, 0, 0.3]])
    other = cloud([0.4, 0.5, 0.4], [[0.2, 0, 0], [0, 0.2, 0], [0, 0, 0.15]])
    expected = (0.1**2 + 0.2**2) + (0.1**2 + 0.15**2)
    assert palette_loss(one, *color_moments(other)).item() == pytest.approx(expected, abs=1e-5)


def test_the_palette_distance_of_other_clouds_is_the_trace_formula() -> None:
    one = cloud(GREY, [[0.1, 0.05, 0], [0, 0.1, 0.02], [0.03, 0, 0.2]])
    other = cloud(GREY, [[0.2, 0, 0.1], [0.1, 0.1, 0], [0, 0.04, 0.05]])
    a, b = (color_moments(picture)[1].numpy() + FLOOR * numpy.eye(3) for picture in (one, other))
    # The eigenvalues of a b are those of b^1/2 a b^1/2.
    between = numpy.sqrt(numpy.linalg.eigvals(a @ b)).sum().real
    expected = numpy.trace(a) + numpy.trace(b) - 2 * between
    assert expected > 0.01
    assert palette_loss(one, *color_moments(other)).item() == pytest.approx(expected, rel=1e-9)


def test_a_palette_has_no_distance_from_itself_nor_one_recoloured_from_its_own() -> None:
    picture = torch.rand(1, 3, 20, 20)
    wanted = color_moments(0.4 + 0.2 * torch.rand(1, 3, 9, 9))
    assert palette_loss(picture, *color_moments(picture)).item() == pytest.approx(0, abs=1e-9)
    palette = 0.4 + 0.2 * torch.rand(1, 3, 30, 30)
    wanted = color_moments(palette)
    assert palette_loss(picture, *wanted) > 0.05
    assert palette_loss(recolor(picture, [palette]), *wanted).item() == pytest.approx(0, abs=1e-5)


def test_the_palette_gradient_agrees_with_finite_differences() -> None:
    generator = torch.Generator().manual_seed(0)
    picture = torch.rand(1, 3, 2, 4, generator=generator, dtype=torch.float64, requires_grad=True)
    wanted = color_moments(torch.rand(1, 3, 3, 3, generator=generator, dtype=torch.float64))
    weights = torch.rand(2, 4, generator=generator)
    assert torch.autograd.gradcheck(lambda p: palette_loss(p, *wanted, weights), (picture,))


@pytest.mark.parametrize(
    ("level", "slope", "colour"),
    [(0.3, 0, 0), (0, 1, 0), (0, 1, 1e-4), (0, 0, 0)],
    ids=["plain", "grey", "tint", "black"],
)
def test_pictures_without_colour_have_finite_palette_gradients(level: float, slope: float, colour: float) -> None:
    ramp = torch.linspace(0, 1, 64).view(1, 1, 8, 8).repeat(1, 3, 1, 1)
    picture = (level + slope * ramp + colour * torch.randn(1, 3, 8, 8)).requires_grad_()
    for wanted in (color_moments(ramp), color_moments(torch.rand(1, 3, 8, 8)), color_moments(picture.detach())):
        (gradient,) = torch.autograd.grad(palette_loss(picture, *wanted), picture)
        assert gradient.isfinite().all()
        # No pixel is asked to move further than the palette is wide.
        assert gradient.norm() * math.sqrt(64) < 64


def test_faint_colours_beside_a_large_contrast_are_not_lost_to_rounding() -> None:
    # A grey ramp and a thousandth of colour: the distance of such pictures is that of their faint colours.
    ramp = torch.linspace(0.1, 0.9, 4096).view(1, 1, 64, 64).repeat(1, 3, 1, 1)
    tint = torch.tensor([1.0, -1.0, 0.0]).view(1, 3, 1, 1) * torch.randn(1, 1, 64, 64)
    faint, stronger = (ramp + size * tint for size in (0.004, 0.012))
    expected = palette_loss(faint.double(), *color_moments(stronger.double())).item()
    assert palette_loss(faint, *color_moments(stronger)).item() == pytest.approx(expected, rel=1e-2)

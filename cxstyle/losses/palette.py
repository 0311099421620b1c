"""Distance of two pictures' colours by their mean and covariance.

The 2-Wasserstein distance of normal distributions (Dowson, Landau 1982; Givens, Shortt 1984): what the linear
Monge-Kantorovich map of `color_transfer.recolor` brings to 0.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

FLOOR = 1e-6
"""Added to the variances, in squared units of [0, 1], where the root's gradient would have no bound."""
TINY = 1e-15
"""Below which eigenvalues of products of two covariances are rounding."""


def color_moments(picture: Tensor, weights: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Mean (3,) and covariance (3, 3) of a picture's colours.

    Args:
        picture: (1, 3, H, W) in [0, 1]; gradients flow.
        weights: how much each pixel counts, (H, W) or (H W,), 0 or more; all the same without.
    """
    colors = picture[0].flatten(1)  # (3, P)
    share = torch.ones_like(colors[0]) if weights is None else weights.flatten().to(colors)
    share = share / share.sum()
    mean = colors @ share
    centered = colors - mean[:, None]
    return mean, (centered * share) @ centered.t()


def palette_loss(picture: Tensor, mean: Tensor, covariance: Tensor, weights: Tensor | None = None) -> Tensor:
    """Squared 2-Wasserstein distance |m1 - m2|^2 + tr(C1 + C2 - 2 (C2^1/2 C1 C2^1/2)^1/2) of colours.

    Args:
        picture: (1, 3, H, W) in [0, 1]; gradients flow.
        mean: wanted, (3,).
        covariance: wanted, (3, 3).
        weights: as of `color_moments`.

    Returns:
        A scalar in [0, 3], in squared units of the pixel range.
    """
    # In float32 the rounding of a large variance hides the small ones beside it, as in a nearly grey picture. CPUs and
    # CUDA devices have float64.
    where = picture.device if picture.device.type == "cuda" else "cpu"
    moments = (*color_moments(picture, weights), mean, covariance)
    own_mean, own, mean, covariance = (moment.to(where).double() for moment in moments)
    identity = FLOOR * torch.eye(3, dtype=torch.float64, device=where)
    own, covariance = own + identity, covariance + identity
    spread = (own + covariance).diagonal().sum() - 2 * root_trace(own, covariance)
    distance: Tensor = (own_mean - mean).square().sum() + spread.clamp_min(0)
    return distance.to(picture)


def root_trace(a: Tensor, b: Tensor) -> Tensor:
    """tr (b^1/2 a b^1/2)^1/2 of two covariances (3, 3), which is the sum of the roots of the eigenvalues of a b.

    By the invariants of a b and of its root, not by eigenvectors: their gradient has no bound where eigenvalues meet,
    and no GPU finds them without waiting for its host. Gradients flow to `a`.
    """
    product = a @ b
    first = product.diagonal().sum()
    second = (first.square() - (product * product.t()).sum()) / 2
    third = determinant(a) * determinant(b)
    with torch.no_grad():
        # The three roots of the characteristic polynomial by cosines (Viete), and the invariants of the matrix's root.
        middle, reach = first / 3, ((first.square() - 3 * second).clamp_min(TINY**2)).sqrt() / 3
        turn = ((2 * middle.pow(3) - middle * second + third) / (2 * reach.pow(3))).clamp(-1, 1).acos()
        thirds = torch.arange(3, dtype=a.dtype, device=a.device) * (2 * math.pi / 3)
        x, y, z = (middle + 2 * reach * (turn / 3 + thirds).cos()).clamp_min(TINY).sqrt().unbind()
        one, two, three = x + y + z, x * y + y * z + z * x, x * y * z
        scale = 1 / (2 * (one * two - three))
    # Exact in the first derivative: one^2 = first + 2 two, two^2 = second + 2 one three, three^2 = third.
    change = two * (first - first.detach()) + (second - second.detach()) + one / three * (third - third.detach())
    found: Tensor = one + scale * change
    return found


def determinant(matrix: Tensor) -> Tensor:
    """Of (3, 3)."""
    rows = matrix.unbind()
    found: Tensor = (torch.linalg.cross(rows[0], rows[1]) * rows[2]).sum()
    return found

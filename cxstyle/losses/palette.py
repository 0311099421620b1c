"""Distance of two pictures' colours by their mean and covariance.

The 2-Wasserstein distance of normal distributions (Dowson, Landau 1982; Givens, Shortt 1984): what the linear
Monge-Kantorovich map of `color.recolor` brings to 0.
"""

from __future__ import annotations

import torch
from torch import Tensor

FLOOR = 1e-6
"""Added to the variances, in squared units of [0, 1], where the root's gradient would have no bound."""


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
    # In float32 the rounding of a large variance hides the small ones beside it, as in a nearly grey picture, and not
    # every device has float64 or eigenvalues.
    moments = (*color_moments(picture, weights), mean, covariance)
    own_mean, own, mean, covariance = (moment.cpu().double() for moment in moments)
    identity = FLOOR * torch.eye(3, dtype=torch.float64)
    values, vectors = torch.linalg.eigh(covariance + identity)
    root = vectors * values.sqrt() @ vectors.t()
    # The trace of a root is the sum of the roots of the eigenvalues, whose gradients need no eigenvectors apart.
    between = torch.linalg.eigvalsh(root @ (own + identity) @ root).clamp_min(FLOOR**2).sqrt().sum()
    spread = (own + covariance + 2 * identity).trace() - 2 * between
    distance: Tensor = (own_mean - mean).square().sum() + spread.clamp_min(0)
    return distance.to(picture)

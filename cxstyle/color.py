"""Carrying the colours of one picture over to another."""

from __future__ import annotations

import torch
from torch import Tensor

FLOOR = 1e-5
"""Added to the variances, in squared units of [0, 1]: about one step of 8 bits, so that a grey picture's rounding isn't
blown up into colour."""


def recolor(picture: Tensor, palette: Tensor) -> Tensor:
    """Gives a picture the mean and covariance of another's colours by the linear Monge-Kantorovich map.

    Of all linear maps between the two, the one that moves colours least (Pitie, Kokaram, "The linear Monge-Kantorovitch
    linear colour mapping for example-based colour transfer", 2007).

    Args:
        picture: (1, 3, H, W) in [0, 1].
        palette: (1, 3, H', W') in [0, 1].

    Returns:
        (1, 3, H, W), held in [0, 1].
    """
    colors, wanted = (p.double().flatten(2)[0] for p in (picture, palette))  # (3, P), (3, Q)
    mean, wanted_mean = colors.mean(1, keepdim=True), wanted.mean(1, keepdim=True)
    root = power(covariance(colors), 0.5)
    inverse = power(covariance(colors), -0.5)
    between = inverse @ power(root @ covariance(wanted) @ root, 0.5) @ inverse  # (3, 3)
    mapped = between @ (colors - mean) + wanted_mean
    return mapped.clamp(0, 1).view_as(picture).to(picture.dtype)


def covariance(colors: Tensor) -> Tensor:
    """(3, P) -> (3, 3)."""
    return torch.cov(colors, correction=0) + FLOOR * torch.eye(3, dtype=colors.dtype)


def power(matrix: Tensor, exponent: float) -> Tensor:
    """Power of a symmetric positive definite matrix."""
    values, vectors = torch.linalg.eigh(matrix)
    powered: Tensor = vectors @ torch.diag(values.clamp_min(1e-12).pow(exponent)) @ vectors.T
    return powered

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


Rows = tuple[tuple[float, ...], ...]
TO_CONES: Rows = (
    (0.4122214708, 0.5363325363, 0.0514459929),
    (0.2119034982, 0.6806995451, 0.1073969566),
    (0.0883024619, 0.2817188376, 0.6299787005),
)
FROM_CONES: Rows = (
    (0.2104542553, 0.7936177850, -0.0040720468),
    (1.9779984951, -2.4285922050, 0.4505937099),
    (0.0259040371, 0.7827717662, -0.8086757660),
)
"""The two matrices of Oklab (Ottosson, "A perceptual color space for image processing", 2020): linear sRGB to cones,
and the cube roots of these to lightness, green to red, and blue to yellow."""


def to_oklab(picture: Tensor) -> Tensor:
    """sRGB (N, 3, H, W) in [0, 1] -> lightness in [0, 1], a and b, in which equal steps look about equally large."""
    linear = torch.where(picture <= 0.04045, picture / 12.92, ((picture + 0.055) / 1.055) ** 2.4)
    return mixed(FROM_CONES, mixed(TO_CONES, linear).clamp_min(0) ** (1 / 3))


def from_oklab(lab: Tensor) -> Tensor:
    """The inverse of `to_oklab`; colours that sRGB doesn't have are held in [0, 1]."""
    linear = mixed(inverse_of(TO_CONES), mixed(inverse_of(FROM_CONES), lab) ** 3).clamp(0, 1)
    encoded = torch.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear.clamp_min(1e-9) ** (1 / 2.4) - 0.055)
    return encoded.clamp(0, 1)


def mixed(matrix: Rows, channels: Tensor) -> Tensor:
    """(3, 3) times the channels of (N, 3, H, W)."""
    return torch.einsum("ij,njhw->nihw", torch.tensor(matrix, dtype=channels.dtype), channels)


def inverse_of(matrix: Rows) -> Rows:
    """The inverse of a 3 x 3 matrix."""
    return tuple(map(tuple, torch.linalg.inv(torch.tensor(matrix, dtype=torch.float64)).tolist()))

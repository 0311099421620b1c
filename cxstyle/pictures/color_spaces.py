"""sRGB's curve, and sRGB to and from Oklab and CIE L*a*b*, as their definitions have them."""

from __future__ import annotations

import torch
from torch import Tensor

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
TO_XYZ: Rows = (
    (0.4124564, 0.3575761, 0.1804375),
    (0.2126729, 0.7151522, 0.0721750),
    (0.0193339, 0.1191920, 0.9503041),
)
"""Linear sRGB to XYZ under D65 (IEC 61966-2-1)."""
FROM_D50: Rows = (
    (3.1338561, -1.6168667, -0.4906146),
    (-0.9787684, 1.9161415, 0.0334540),
    (0.0719453, -0.2289914, 1.4052427),
)
"""XYZ under D50 to linear sRGB, adapted to its D65 after Bradford."""
D50 = (0.96422, 1.0, 0.82521)
EDGE = 6 / 29  # of the root in L*a*b* (CIE 15), below which it is a straight line


def to_linear(encoded: Tensor) -> Tensor:
    """sRGB in [0, 1] as shares of light."""
    return torch.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def from_linear(linear: Tensor) -> Tensor:
    """The inverse of `to_linear`."""
    return torch.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear.clamp_min(1e-9) ** (1 / 2.4) - 0.055)


def to_oklab(picture: Tensor) -> Tensor:
    """sRGB (N, 3, H, W) in [0, 1] -> lightness in [0, 1], a and b, in which equal steps look about equally large."""
    return mixed(FROM_CONES, mixed(TO_CONES, to_linear(picture)).clamp_min(0) ** (1 / 3))


def from_oklab(lab: Tensor) -> Tensor:
    """The inverse of `to_oklab`; colours that sRGB doesn't have are held in [0, 1]."""
    to_cones, to_rgb = (torch.tensor(rows, dtype=torch.float64).inverse() for rows in (FROM_CONES, TO_CONES))
    linear = mixed(to_rgb, mixed(to_cones, lab) ** 3).clamp(0, 1)
    return from_linear(linear).clamp(0, 1)


def to_lab(colors: Tensor) -> Tensor:
    """sRGB in [0, 1] to CIE L*a*b* under D65: (P, 3) -> (P, 3), L* in [0, 100]."""
    to_xyz = torch.tensor(TO_XYZ, dtype=colors.dtype, device=colors.device)
    xyz = to_linear(colors) @ (to_xyz / to_xyz.sum(1, keepdim=True)).T  # of white: 1, 1, 1
    root = torch.where(xyz > EDGE**3, xyz.clamp_min(EDGE**3) ** (1 / 3), xyz / (3 * EDGE**2) + 4 / 29)
    x, y, z = root.T
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], dim=1)


def from_lab(lab: Tensor) -> Tensor:
    """CIE L*a*b* under D50, as profiles mean it, to sRGB in [0, 1], what sRGB lacks clipped: (..., 3) -> (..., 3)."""
    y = (lab[..., 0] + 16) / 116
    roots = torch.stack([y + lab[..., 1] / 500, y, y - lab[..., 2] / 200], dim=-1)
    xyz = torch.where(roots > EDGE, roots**3, (roots - 4 / 29) * (3 * EDGE**2))
    from_xyz = torch.tensor(FROM_D50, dtype=lab.dtype) * torch.tensor(D50, dtype=lab.dtype)
    return from_linear((xyz @ from_xyz.T).clamp(0, 1)).clamp(0, 1)


def mixed(matrix: Rows | Tensor, channels: Tensor) -> Tensor:
    """(3, 3) times the channels of (N, 3, H, W)."""
    weights = torch.as_tensor(matrix, dtype=channels.dtype, device=channels.device)
    return torch.einsum("ij,njhw->nihw", weights, channels)

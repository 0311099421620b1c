"""Patch matching in feature maps, after CNNMRF.

Li, Wand, "Combining Markov Random Fields and Convolutional Neural Networks for Image Synthesis", CVPR 2016, section
3.1: every 3 x 3 patch of the generated features is drawn to the patch of the target's that it is most like (Eq. 2), by
normalized cross-correlation (Eq. 3).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from .matmul import products

PATCH = 3
BLOCK = 32 << 20
"""Bytes of the correlations that are held at once."""


def patches(features: Tensor) -> Tensor:
    """All 3 x 3 patches, one for each position that has all eight neighbours: (1, C, H, W) -> (1, 9 C, H - 2, W - 2).

    A map smaller than a patch, as conv5_1 of 32 px, has its last row or column repeated.

    Raises:
        ValueError: for more than one sample.
    """
    if features.dim() != 4 or features.shape[0] != 1:
        raise ValueError(f"features must be (1, C, H, W), got {tuple(features.shape)}")
    if min(features.shape[2:]) < PATCH:
        down, across = (max(0, PATCH - side) for side in features.shape[2:])
        features = functional.pad(features, (0, across, 0, down), mode="replicate")
    height, width = (side - PATCH + 1 for side in features.shape[2:])
    found: Tensor = functional.unfold(features, PATCH).unflatten(2, (height, width))
    return found


def most_alike(x: Tensor, y: Tensor, precision: str = "fp32") -> Tensor:
    """The patch of y that each patch of x correlates with most, Eq. 3: (P, D), (Q, D) -> (P,).

    The length of a patch of x has no part in its choice, so only those of y are divided by theirs.
    """
    dtype = torch.bfloat16 if precision == "bf16" else y.dtype
    units = functional.normalize(y, dim=1).to(dtype).t()
    rows = max(1, BLOCK // (len(y) * dtype.itemsize))
    with products("fp32"):
        return torch.cat([(part.to(dtype) @ units).argmax(dim=1) for part in x.split(rows)])


def mrf_loss(x: Tensor, y: Tensor, precision: str = "fp32") -> Tensor:
    """Mean squared difference between each patch of x and the patch of y that is most like it, Eq. 2.

    The sum of Eq. 2 is taken as a mean over patches and their values, so that a weight means the same at every size.
    The choice of the patch is held fixed for the gradient, as in the authors' code.

    Args:
        x: patches of the result's features as vectors, (P, D) with D = 9 C; gradients flow.
        y: patches of the target's, (Q, D).
        precision: of the correlations: fp32, or bf16, which may choose the second best of two nearly equal patches.

    Returns:
        A scalar, 0 or more.

    Raises:
        ValueError: the patches differ in size.
    """
    if x.shape[1:] != y.shape[1:]:
        raise ValueError(f"patches must be of the same size, got {tuple(x.shape)} and {tuple(y.shape)} (P, D)")
    with torch.no_grad():
        chosen = most_alike(x, y, precision)
    return (x.float() - y[chosen].float()).square().mean()

"""Pictures with transparent parts."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def on_white(colors: Tensor, alpha: Tensor | None) -> Tensor:
    """Straight colours (1, 3, H, W) with their alpha (1, 1, H, W) laid on white: (1, 3, H, W)."""
    return colors if alpha is None else (colors * alpha + (1 - alpha)).clamp(0, 1)


def filled(colors: Tensor, alpha: Tensor) -> Tensor:
    """Straight colours (1, 3, H, W) where alpha (1, 1, H, W) is above 0, and those of the surroundings elsewhere.

    What a file has under its transparent parts is often black, which a network would take for shapes. Push and pull
    (Gortler and others, "The Lumigraph", 1996): means of what is opaque, coarse to fine.
    """
    empty = alpha <= 0
    if not bool(empty.any()) or bool(empty.all()):
        return colors
    covered = functional.avg_pool2d(alpha, 2, ceil_mode=True)
    means = functional.avg_pool2d(colors * alpha, 2, ceil_mode=True) / covered.clamp_min(torch.finfo(alpha.dtype).tiny)
    coarse = filled(means.clamp(0, 1), covered)
    size = (colors.shape[2], colors.shape[3])
    return torch.where(empty, functional.interpolate(coarse, size, mode="bilinear", align_corners=False), colors)

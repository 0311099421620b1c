"""The other direction of matching: every place of the result should look like something of the target.

Eq. 1 of the Contextual loss asks of every feature of the target that some place of the result resembles it; only the
places that win have a gradient, and the rest may look like nothing. Here, with w_i how much place i counts,

    L_cov(x, y) = sum_i w_i min_j d_ij / sum_i w_i,

d_ij being the cosine distance of the paper's footnote 1. (Trained networks take this direction of matching: He et al.,
"Deep Exemplar-based Colorization", 2018; Zhang et al., "Cross-domain Correspondence Learning", 2020.)
"""

from __future__ import annotations

import torch
from torch import Tensor

from ._contextual_fused import block_rows, row_maximum
from ._products import PRECISIONS, cosines, products
from .contextual import Prepared, as_positions, at_least_single, cosine_distances, prepare, unit_vectors


def coverage_loss(x: Tensor, y: Tensor | Prepared, precision: str = "fp32", weights: Tensor | None = None) -> Tensor:
    """L_cov(x, y), averaged over the batch. Memory grows with P + Q, not with their product.

    The nearest y is held fixed for the gradient, which is the exact one wherever it is the only nearest.

    Args:
        x: generated features, (N, C, H, W) or (N, C, P); gradients flow.
        y: features to imitate, (N, C, H', W') or (N, C, Q), or what `prepare` made of them; no gradient flows to them.
        precision: of the products that find the nearest: fp32 or bf16. The distance itself is in single precision.
        weights: how much each feature of x counts, (P,), 0 or more, and one above; all the same without.

    Returns:
        A scalar in [0, 1] up to rounding: since the centred y add up to 0, some lie on the side of every x.

    Raises:
        ValueError: shapes that don't fit together, or an unknown precision.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}, got {precision}")
    with torch.autocast(x.device.type, enabled=False):
        x = as_positions(x, "x")
        y = y if isinstance(y, Prepared) else prepare(y.detach())
        check(x, y, weights)
        losses = []
        for sample, mean, others in zip(x, y.means, y.units, strict=True):
            own = unit_vectors((sample.to(mean.dtype) - mean[:, None])[None])[0].t()  # (P, C)
            chosen = nearest(own.detach(), others, precision)
            losses.append(averaged(1 - (own * others[chosen]).sum(dim=1), weights))
        return torch.stack(losses).mean()


def nearest(x: Tensor, y: Tensor, precision: str) -> Tensor:
    """The y with the largest cosine for each x, unit vectors (P, C) and (Q, C), in blocks of rows: (P,)."""
    rounded = y.bfloat16() if precision == "bf16" and y.dtype == torch.float32 else y
    rows = min(len(x), block_rows(len(y), y.device, y.element_size()))
    memory, found = y.new_empty(rows, len(y)), []
    with products(precision):
        for block in x.contiguous().split(rows):
            found.append(row_maximum(cosines(block, y, rounded, memory[: len(block)]))[1][:, 0])
    return torch.cat(found)


def averaged(distances: Tensor, weights: Tensor | None) -> Tensor:
    """Mean of (..., P), by weights (P,) where there are any."""
    if weights is None:
        return distances.mean(dim=-1)
    weights = weights.to(distances)
    return distances @ (weights / weights.sum())


def check(x: Tensor, y: Prepared | Tensor, weights: Tensor | None) -> None:
    """Refuses sets and weights that don't fit together.

    Raises:
        ValueError: they don't.
    """
    if x.shape[:2] != tuple(y.shape[:2]):
        raise ValueError(
            f"x and y must agree in batch and channels, got {tuple(x.shape[:2])} and {tuple(y.shape[:2])} (N, C)"
        )
    if weights is not None and tuple(weights.shape) != (x.shape[2],):
        raise ValueError(f"weights must be (P,) = ({x.shape[2]},), one for each of x, got {tuple(weights.shape)}")


def plain_coverage_loss(x: Tensor, y: Tensor, weights: Tensor | None = None) -> Tensor:
    """`coverage_loss` as its equation is written, with every P x Q matrix in memory: the definition."""
    x, y = (features.to(at_least_single(features.dtype)) for features in (as_positions(x, "x"), as_positions(y, "y")))
    check(x, y, weights)
    with torch.autocast(x.device.type, enabled=False):
        closest = cosine_distances(x, y).min(dim=2).values  # (N, P)
        return averaged(closest, weights).mean()

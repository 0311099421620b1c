"""The other direction of matching: every place of the result should look like something of the target.

Eq. 1 of the Contextual loss asks of every feature of the target that some place of the result resembles it; only the
places that win have a gradient, and the rest may look like nothing. Here, with w_i how much place i counts,

    L_cov(x, y) = sum_i w_i |x_i - y_k|^2 / (2 s^2 sum_i w_i),   k = argmin_j d_ij,

d_ij being the cosine distance of the paper's footnote 1, and s^2 the mean squared length of the centred y. Of features
of one length it is the mean of those distances. Length has its part because the angle knows nothing of it: a plain
wall's features are short, and with the angle alone any grain that points the right way would do. (Trained networks take
this direction of matching: He et al., "Deep Exemplar-based Colorization", 2018; Zhang et al., "Cross-domain
Correspondence Learning", 2020; Li and Wand, 2016, take lengths, of patches.)
"""

from __future__ import annotations

import torch
from torch import Tensor

from .contextual import Prepared, as_positions, at_least_single, check_sets, cosine_distances, prepare
from .contextual_fused import blocks, row_maximum, unit_rows
from .matmul import cosines, products, rounded

EVEN = 1e-3
"""Least mean squared length of the centred y, as a share of that of their mean: of a target in one colour."""


def coverage_loss(x: Tensor, y: Tensor | Prepared, precision: str = "fp32", weights: Tensor | None = None) -> Tensor:
    """L_cov(x, y), averaged over the batch. Memory grows with P + Q, not with their product.

    The nearest y is held fixed for the gradient, which is the exact one wherever it is the only nearest.

    Args:
        x: generated features, (N, C, H, W) or (N, C, P); gradients flow.
        y: features to imitate, (N, C, H', W') or (N, C, Q), or what `prepare` made of them; no gradient flows to them.
        precision: of the products that find the nearest: fp32 or bf16. The difference itself is in single precision.
        weights: how much each feature of x counts, (P,), 0 or more, and one above; all the same without.

    Returns:
        A scalar, 0 or more.

    Raises:
        ValueError: shapes that don't fit together, or an unknown precision.
    """
    with torch.autocast(x.device.type, enabled=False):
        x = as_positions(x, "x")
        y = y if isinstance(y, Prepared) else prepare(y.detach())
        check_sets(x, y, weights, "x")
        losses = []
        for sample, mean, units, lengths in zip(x, y.means, y.units, y.lengths, strict=True):
            chosen = nearest(unit_rows(sample.detach().t(), mean)[0], units, precision)
            difference = sample.t().to(mean.dtype) - mean - units[chosen] * lengths[chosen]  # (P, C)
            losses.append(averaged(difference.square().sum(dim=1), weights) / (2 * squared_length(lengths, mean)))
        return torch.stack(losses).mean()


def squared_length(lengths: Tensor, mean: Tensor) -> Tensor:
    """s^2, of the lengths of the centred y (Q, 1) and their mean (C,)."""
    tiny = torch.finfo(mean.dtype).tiny
    return torch.maximum(lengths.square().mean(), EVEN * mean.square().sum()).clamp_min(tiny)


def nearest(x: Tensor, y: Tensor, precision: str) -> Tensor:
    """The y with the largest cosine for each x, unit vectors (P, C) and (Q, C), in blocks of rows: (P,)."""
    x, y_rounded, found = x.contiguous(), rounded(y, precision), []
    with products(precision):
        for block, memory in blocks(len(x), y):
            found.append(row_maximum(cosines(x[block], y, y_rounded, memory))[1][:, 0])
    return torch.cat(found)


def averaged(distances: Tensor, weights: Tensor | None) -> Tensor:
    """Mean of (..., P), by weights (P,) where there are any."""
    if weights is None:
        return distances.mean(dim=-1)
    weights = weights.to(distances)
    return distances @ (weights / weights.sum())


def plain_coverage_loss(x: Tensor, y: Tensor, weights: Tensor | None = None) -> Tensor:
    """`coverage_loss` as its equation is written, with every P x Q matrix in memory: the definition."""
    x, y = (features.to(at_least_single(features.dtype)) for features in (as_positions(x, "x"), as_positions(y, "y")))
    check_sets(x, y, weights, "x")
    with torch.autocast(x.device.type, enabled=False):
        mean = y.mean(dim=2, keepdim=True)
        closest = cosine_distances(x, y).argmin(dim=2)  # (N, P)
        difference = x - y.gather(2, closest[:, None].expand(-1, x.shape[1], -1))  # (N, C, P)
        scales = [squared_length(each.norm(dim=0)[:, None], m[:, 0]) for each, m in zip(y - mean, mean, strict=True)]
        return (averaged(difference.square().sum(dim=1), weights) / (2 * torch.stack(scales))).mean()

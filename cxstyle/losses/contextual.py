"""The Contextual loss, one function for each equation of its paper.

Mechrez, Talmi, Zelnik-Manor, "The Contextual Loss for Image Transformation with Non-Aligned Data", ECCV 2018,
section 3: distance (footnote 1), Eq. 2 to 4 for the similarity of two features, Eq. 1 for that of two sets of features,
Eq. 5 for the loss. x is the generated side with P positions, y the other with Q positions.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .contextual_fused import SetSimilarity, unit_rows

EPSILON = 1e-5
"""The constant of Eq. 2, in units of cosine distance."""


def center(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Both sets less the mean of y (footnote 1): (N, C, P), (N, C, Q) -> the same shapes."""
    mean = y.mean(dim=2, keepdim=True)  # (N, C, 1)
    return x - mean, y - mean


def unit_vectors(features: Tensor) -> Tensor:
    """Features scaled to length 1 along their channels, (N, C, P) -> (N, C, P); zero vectors stay zero.

    A feature that equals the mean has no direction: its distance to everything is 1 and no gradient flows through it.
    """
    length = features.norm(dim=1, keepdim=True)  # (N, 1, P)
    tiny = torch.finfo(features.dtype).tiny
    return torch.where(length > tiny, features / length.clamp_min(tiny), torch.zeros_like(features))


def cosine_distances(x: Tensor, y: Tensor) -> Tensor:
    """d_ij = 1 - cos(x_i - mean_y, y_j - mean_y), footnote 1: (N, C, P), (N, C, Q) -> (N, P, Q) in [0, 2].

    Rounding can push the distance of equal features below 0, where Eq. 2 would divide by nearly nothing or change
    sign; it is held at 0.
    """
    x, y = center(x, y)
    cosine = unit_vectors(x).transpose(1, 2) @ unit_vectors(y)  # (N, P, Q)
    return (1 - cosine).clamp_min(0)


def relative_distances(distances: Tensor) -> Tensor:
    """d~_ij = d_ij / (min_k d_ik + epsilon), Eq. 2, the minimum over y: (N, P, Q) -> (N, P, Q)."""
    nearest = distances.min(dim=2, keepdim=True).values  # (N, P, 1)
    return distances / (nearest + EPSILON)


def log_similarities(relative: Tensor, bandwidth: float) -> Tensor:
    """log CX_ij with w_ij = exp((1 - d~_ij) / h) (Eq. 3), normalized over y (Eq. 4): (N, P, Q) -> (N, P, Q).

    The logarithm is kept throughout: far from every y the similarities are about 1/Q, and near one of them all others
    underflow.
    """
    return torch.log_softmax((1 - relative) / bandwidth, dim=2)


def log_set_similarity(log_cx: Tensor, weights: Tensor | None = None) -> Tensor:
    """log CX(X, Y): maximum over x, mean over y (Eq. 1), or with weights (Q,) their mean: (N, P, Q) -> (N,)."""
    best = log_cx.max(dim=1).values  # (N, Q)
    if weights is not None:
        return torch.logsumexp(best + (weights.to(best) / weights.sum()).log(), dim=1)
    return torch.logsumexp(best, dim=1) - torch.log(torch.tensor(float(best.shape[1]), dtype=best.dtype))


def as_positions(features: Tensor, name: str) -> Tensor:
    """Feature maps (N, C, H, W) or sets (N, C, P) as sets (N, C, P); a ValueError for other dimensions and for no
    position."""
    if features.dim() not in (3, 4) or features.numel() == 0:
        raise ValueError(f"{name} must be (N, C, H, W) or (N, C, P) and not empty, got {tuple(features.shape)}")
    return features.flatten(2)


def at_least_single(dtype: torch.dtype) -> torch.dtype:
    """Half precision can't tell a distance of 1e-5 from 0, and Eq. 2 divides by it."""
    return torch.float32 if dtype in (torch.float16, torch.bfloat16) else dtype


@dataclass(frozen=True)
class Prepared:
    """The side y of the loss, centred and scaled once for many evaluations; made by `prepare`."""

    shape: tuple[int, ...]  # of the sets that it was made from, (N, C, Q)
    means: tuple[Tensor, ...]  # of each set, (C,)
    units: tuple[Tensor, ...]  # unit vectors of each set, (Q, C)
    lengths: tuple[Tensor, ...]  # that they had, (Q, 1)


def prepare(y: Tensor) -> Prepared:
    """What `contextual_loss` needs of y: (N, C, H, W) or (N, C, Q); gradients flow to it where it asks for them.

    Raises:
        ValueError: for another number of dimensions or no position at all.
    """
    y = as_positions(y, "y")
    means = tuple(sample.mean(dim=1, dtype=at_least_single(y.dtype)) for sample in y)
    with_gradient = y.requires_grad and torch.is_grad_enabled()
    units, lengths = [], []
    for sample, mean in zip(y, means, strict=True):
        own, inverse = unit_rows(sample.detach().t(), mean)
        lengths.append(torch.where(inverse > 0, 1 / inverse, inverse))
        if with_gradient:
            own = unit_vectors((sample - mean[:, None])[None])[0].t().contiguous()
        units.append(own)
    return Prepared(tuple(y.shape), means, tuple(units), tuple(lengths))


def check_sets(x: Tensor, y: Tensor | Prepared, weights: Tensor | None, weighted: str = "y") -> None:
    """Refuses, by a ValueError, sets that don't fit together, and weights that don't fit the weighted one."""
    both = tuple(x.shape[:2]), tuple(y.shape[:2])
    if both[0] != both[1]:
        raise ValueError(f"x and y must agree in batch and channels, got {both[0]} and {both[1]} (N, C)")
    letter, count = ("P", x.shape[2]) if weighted == "x" else ("Q", y.shape[2])
    if weights is not None and tuple(weights.shape) != (count,):
        found = tuple(weights.shape)
        raise ValueError(f"weights must be ({letter},) = ({count},), one for each of {weighted}, got {found}")


def check_bandwidth(bandwidth: float) -> None:
    """Refuses, by a ValueError, one that isn't above 0."""
    if not bandwidth > 0:
        raise ValueError(f"bandwidth must be above 0, got {bandwidth}")


def contextual_loss(
    x: Tensor,
    y: Tensor | Prepared,
    bandwidth: float = 0.5,
    precision: str = "fp32",
    weights: Tensor | None = None,
) -> Tensor:
    """L_CX(x, y) = -log CX(x, y), Eq. 5, averaged over the batch.

    Exact; memory grows with P + Q, not with their product.

    Args:
        x: generated features, (N, C, H, W) or (N, C, P); gradients flow.
        y: features to imitate, (N, C, H', W') or (N, C, Q), same N and C; P and Q may differ. What `prepare` made of
            them saves its work, where they stay the same.
        bandwidth: the paper's h, above 0 (0.5 unless said otherwise; 0.1 and 0.2 for style transfer).
        precision: of the matrix products: fp32, or bf16 where the machine is faster with it. Everything else is in the
            precision of the features, single at least.
        weights: how much each feature of y counts in the mean of Eq. 1, (Q,), 0 or more; all the same without.

    Returns:
        A scalar in [0, log Q] up to rounding: 0 for equal sets of distinct features, about log Q for sets far apart.

    Raises:
        ValueError: shapes that don't fit together, a bandwidth that isn't above 0, or an unknown precision.
    """
    check_bandwidth(bandwidth)
    with torch.autocast(x.device.type, enabled=False):
        x = as_positions(x, "x")
        y = y if isinstance(y, Prepared) else prepare(y)
        check_sets(x, y, weights)
        samples = x.unbind() if len(x) > 1 else [x.squeeze(0)]  # whose gradient needs no copy
        best = [
            SetSimilarity.apply(sample.t(), mean, units, bandwidth, EPSILON, precision)
            for sample, mean, units in zip(samples, y.means, y.units, strict=True)
        ]
        if weights is None:
            return -torch.stack(best).mean(dim=1).log().mean()
        return -(torch.stack(best) @ (weights.to(best[0]) / weights.sum())).log().mean()


def plain_contextual_loss(x: Tensor, y: Tensor, bandwidth: float = 0.5, weights: Tensor | None = None) -> Tensor:
    """`contextual_loss` as the equations are written, with every P x Q matrix in memory.

    The definition that the faster version is held against; also for second derivatives, which that one doesn't have.
    """
    x, y = (features.to(at_least_single(features.dtype)) for features in (as_positions(x, "x"), as_positions(y, "y")))
    check_bandwidth(bandwidth)
    check_sets(x, y, weights)
    with torch.autocast(x.device.type, enabled=False):
        log_cx = log_similarities(relative_distances(cosine_distances(x, y)), bandwidth)
        return -log_set_similarity(log_cx, weights).mean()


class ContextualLoss(nn.Module):
    """`contextual_loss` as a module, for training loops: ``ContextualLoss(0.5)(network(x), features)``."""

    def __init__(self, bandwidth: float = 0.5, precision: str = "fp32") -> None:
        super().__init__()
        check_bandwidth(bandwidth)
        self.bandwidth, self.precision = bandwidth, precision

    def forward(self, x: Tensor, y: Tensor | Prepared) -> Tensor:
        """The loss of (N, C, ...) features x against y; see `contextual_loss`."""
        return contextual_loss(x, y, self.bandwidth, self.precision)

    def extra_repr(self) -> str:
        return f"bandwidth={self.bandwidth}, precision={self.precision}"

"""Carrying the colours of pictures over to another."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from .guide import Guide, pixel_shares

FLOOR = 1e-5  # added to variances: about one squared step of 8 bits, or a grey picture's rounding would become colour
FEATHER = 1 / 64  # of the long edge: over so much the colours of two labels run into each other

Moments = tuple[Tensor, Tensor]  # mean (3, 1) and covariance (3, 3) of colours


def recolor(picture: Tensor, palettes: Sequence[Tensor], guide: Guide | None = None) -> Tensor:
    """Gives a picture the mean and covariance of others' colours by the linear Monge-Kantorovich map.

    Of all linear maps between the two, the one that moves colours least (Pitie, Kokaram, "The linear Monge-Kantorovitch
    linear colour mapping for example-based colour transfer", 2007).

    Args:
        picture: (1, 3, H, W) in [0, 1].
        palettes: each (1, 3, H', W') in [0, 1]; their colours make one set.
        guide: weights of the palettes; with labels, each label's colours are mapped to its own, and what has no label
            that both sides have keeps its colours. Labels of the palettes alone, one, say how much each place counts.

    Returns:
        (1, 3, H, W), held in [0, 1].
    """
    guide = guide or Guide()
    colors = picture.double().flatten(2)[0]  # (3, P)
    if guide.source is None or guide.targets is None:
        label = None if guide.targets is None else 0
        mapped = mapping(moments(colors), wanted_moments(palettes, guide, label), colors)
        return mapped.clamp(0, 1).view_as(picture).to(picture.dtype)
    reach = guide.source if guide.all_source is None else guide.all_source
    total, shares = torch.zeros_like(colors), feathered(reach, picture)
    own = shares if guide.all_source is None else pixel_shares(guide.source, picture).flatten(1).double()
    for label, share in enumerate(shares):
        if not bool(own[label].any()):
            continue  # one of several targets that lacks the label
        mapped = mapping(moments(colors, own[label]), wanted_moments(palettes, guide, label), colors)
        total += share * mapped.clamp(0, 1)
    total += (1 - shares.sum(dim=0)).clamp(0, 1) * colors
    return total.clamp(0, 1).view_as(picture).to(picture.dtype)


def match_palettes(
    source: Tensor, targets: Sequence[Tensor], colors: str, guide: Guide | None = None, strength: float = 1.0
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Source and targets, each (1, 3, H, W), in the colours that the setting `colors` asks for.

    Args:
        source: recoloured for `target`.
        targets: recoloured for `source`.
        colors: target, source or free.
        guide: weights of the targets, and labels.
        strength: how far the source goes; the way there is the map's geodesic, so that part of it is the optimal map to
            the colours between.
    """
    guide = guide or Guide()
    if colors == "target" and strength > 0:
        return source + strength * (recolor(source, targets, guide) - source), tuple(targets)
    if colors == "source" and strength > 0:
        masks = guide.targets or (None,) * len(targets)
        whole = None if guide.source is None else (guide.source,)
        reaches = guide.all_targets or (None,) * len(targets)
        guides = [Guide(None, mask, whole, reach) for mask, reach in zip(masks, reaches, strict=True)]
        return source, tuple(recolor(target, [source], own) for target, own in zip(targets, guides, strict=True))
    return source, tuple(targets)


def mapping(own: Moments, wanted: Moments, colors: Tensor) -> Tensor:
    """The map from some moments to others, applied to colours (3, P) -> (3, P), not held in [0, 1]."""
    root, inverse = power(own[1], 0.5), power(own[1], -0.5)
    between = inverse @ power(root @ wanted[1] @ root, 0.5) @ inverse  # (3, 3)
    return between @ (colors - own[0]) + wanted[0]


def wanted_moments(palettes: Sequence[Tensor], guide: Guide, label: int | None) -> Moments:
    """Of all palettes together, by their weights; of one label's colours alone where one is given."""
    parts, weights = [], []
    for i, palette in enumerate(palettes):
        colors = palette.double().flatten(2)[0]
        weight = torch.full_like(colors[0], 1.0 if guide.weights is None else guide.weights[i] / colors.shape[1])
        if label is not None and guide.targets is not None:
            weight = weight * pixel_shares(guide.targets[i], palette)[label].flatten().double()
        parts.append(colors)
        weights.append(weight)
    if len(parts) == 1 and label is None:
        return moments(parts[0])
    return moments(torch.cat(parts, dim=1), torch.cat(weights))


def moments(colors: Tensor, weights: Tensor | None = None) -> Moments:
    """Of colours (3, P), each with its weight (P,)."""
    mean = colors.mean(1, keepdim=True) if weights is None else (colors @ weights / weights.sum())[:, None]
    spread = torch.cov(colors, correction=0, aweights=weights)
    return mean, spread + FLOOR * torch.eye(3, dtype=colors.dtype)


def feathered(shares: Tensor, picture: Tensor) -> Tensor:
    """`pixel_shares` with soft edges, so that no seam shows where two labels' colours meet."""
    height, width = picture.shape[2:]
    radius = max(1, round(FEATHER * max(height, width)))
    soft = pixel_shares(shares, picture).double()[None]
    for _ in range(2):
        soft = functional.avg_pool2d(soft, 2 * radius + 1, 1, radius, count_include_pad=False)
    return soft.flatten(2)[0]


def power(matrix: Tensor, exponent: float) -> Tensor:
    """Power of a symmetric positive definite matrix."""
    values, vectors = torch.linalg.eigh(matrix)
    powered: Tensor = vectors @ torch.diag(values.clamp_min(1e-12).pow(exponent)) @ vectors.T
    return powered

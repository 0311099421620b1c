"""Losses on pixels and aligned features that the literature of style transfer sets beside the Contextual loss.

Gatys, Ecker, Bethge, "Image Style Transfer Using Convolutional Neural Networks", CVPR 2016: Eq. 1 for content, Eq. 3
and 4 for style. Mechrez, Talmi, Zelnik-Manor, "The Contextual Loss", ECCV 2018, section 3.2: the perceptual loss.
"""

from __future__ import annotations

import torch
from torch import Tensor

CHUNK = 1 << 18
"""Positions taken at once for a Gram matrix: a copy of all of them in float32 would be larger than they are."""
FAINT = 1e-8
"""Least sum of weights."""


def reconstruction_loss(x: Tensor, y: Tensor, weights: Tensor | None = None) -> Tensor:
    """Half the squared distance of the features at the same place, Eq. 1 of Gatys et al., as a mean over places.

    Eq. 1 adds up all places; their mean lets a weight mean the same at every size.

    Args:
        x: features of the result, (N, C, ...); gradients flow.
        y: features of the source, of the same shape.
        weights: how much each place counts, (P,) for P places, 0 or more; 1 without.

    Returns:
        A scalar, 0 or more.

    Raises:
        ValueError: the shapes differ.
    """
    distances = difference(x, y).square().sum(dim=1).flatten(1)  # (N, P)
    return (distances if weights is None else distances * weights).mean() / 2


def perceptual_loss(x: Tensor, y: Tensor, weights: Tensor | None = None) -> Tensor:
    """Absolute difference of the features at the same place, section 3.2 of Mechrez et al., as a mean over places and
    channels; otherwise as `reconstruction_loss`."""
    distances = difference(x, y).abs().mean(dim=1).flatten(1)  # (N, P)
    return (distances if weights is None else distances * weights).mean()


def difference(x: Tensor, y: Tensor) -> Tensor:
    """Of features of the same shape, in single precision."""
    if x.shape != y.shape:
        raise ValueError(f"features must have the same shape, got {tuple(x.shape)} and {tuple(y.shape)}")
    return x.float() - y.float()


def gram_matrix(features: Tensor, weights: Tensor | None = None) -> Tensor:
    """Correlations of the channels, averaged over the positions: (N, C, ...) -> (N, C, C).

    Eq. 3 of Gatys et al. with the 1 / M of Eq. 4 taken in, each picture by its own number of positions M, so that
    pictures of different sizes compare.

    Args:
        features: of a layer.
        weights: how much each position counts in the average, (P,) for P positions, 0 or more; all the same without.
    """
    vectors = features.flatten(2)  # (N, C, P)
    total = vectors.new_zeros(1, dtype=torch.float32)
    for start in range(0, vectors.shape[2], CHUNK):
        part = vectors[:, :, start : start + CHUNK].float()
        weighted = part if weights is None else part * weights[start : start + CHUNK]
        total = total + weighted @ part.transpose(1, 2)
    return total / (vectors.shape[2] if weights is None else weights.sum().clamp_min(FAINT))


def gram_loss(x: Tensor, y: Tensor) -> Tensor:
    """Squared distance of two Gram matrices over (2 C)^2, Eq. 4 of Gatys et al., averaged over the batch.

    Args:
        x: Gram matrix of the result's features, (N, C, C); gradients flow.
        y: that of the target's.

    Returns:
        A scalar, 0 or more.
    """
    return (x - y).square().sum(dim=(1, 2)).mean() / (4 * x.shape[1] ** 2)


def total_variation(picture: Tensor) -> Tensor:
    """Mean squared difference of vertical neighbours plus that of horizontal ones.

    The form of the Gatys reimplementation that the authors of the Contextual loss built on, with its constant factors
    gathered: their weight w on pixels in 0-255 is a weight of 255^2 w here.

    Args:
        picture: (N, C, H, W) in [0, 1], H and W at least 2.

    Returns:
        A scalar in [0, 2].
    """
    down = picture[:, :, 1:] - picture[:, :, :-1]
    across = picture[:, :, :, 1:] - picture[:, :, :, :-1]
    return down.square().mean() + across.square().mean()

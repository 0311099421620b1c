"""Losses on pixels and aligned features that the literature of style transfer sets beside the Contextual loss."""

from __future__ import annotations

from torch import Tensor


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

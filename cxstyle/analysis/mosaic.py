"""A picture built of patches of another."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

PATCH, FEATHER = 10, 2.5
"""Pixels: the side of a copied patch, and the standard deviation of the weight with which it fades out."""


def copy_patches(target: Tensor, places: Tensor, stride: int) -> Tensor:
    """A picture (1, 3, stride H, stride W) built of patches of the target (1, 3, H', W'), whose sides are multiples of
    the stride, one for each of the places (2, H, W), laid over each other with soft edges."""
    margin = PATCH // (2 * stride) * stride
    side = 2 * margin + stride
    far = (torch.arange(side) - (side - 1) / 2).square()
    fading = torch.exp(-(far[:, None] + far).flatten() / (2 * FEATHER**2))[:, None]  # (side^2, 1)
    index = (places[0] * (target.shape[3] // stride) + places[1]).flatten()
    height, width = (stride * edge for edge in places.shape[1:])

    def laid(picture: Tensor) -> Tensor:
        """Of a picture whose outside is 0."""
        patches = functional.unfold(picture, side, padding=margin, stride=stride)[:, :, index]
        faded = patches.unflatten(1, (-1, side**2)) * fading
        return functional.fold(faded.flatten(1, 2), (height, width), side, padding=margin, stride=stride)

    return laid(target) / laid(torch.ones_like(target[:, :1]))


def visited_share(target: Tensor, places: Tensor, stride: int) -> Tensor:
    """Where the patches of `copy_patches` come from: 1 inside one, 0 outside all, soft between; (1, 1, H', W')."""
    height, width = target.shape[2] // stride, target.shape[3] // stride
    visited = torch.zeros(1, 1, height, width)
    visited[0, 0, places[0].flatten(), places[1].flatten()] = 1
    side = 2 * (PATCH // (2 * stride)) + 1
    patches = functional.max_pool2d(visited, side, stride=1, padding=side // 2)
    soft = functional.avg_pool2d(patches, side, stride=1, padding=side // 2, count_include_pad=False)
    return functional.interpolate(soft, target.shape[2:], mode="bilinear", align_corners=False)

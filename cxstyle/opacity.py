"""Transparent parts of pictures take no part in the matching."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .errors import PictureError
from .positions import Guide, pixel_shares


def veiled(guide: Guide, source: Tensor | None, targets: Sequence[Tensor | None], sizes: Sequence[Tensor]) -> Guide:
    """A guide whose labels are only where the pictures are opaque; without labels what is opaque is one.

    Args:
        guide: weights, and labels where there are masks.
        source: alpha of the source, (1, 1, H, W) in [0, 1]; None where all of it is opaque.
        targets: the same of each target.
        sizes: the pictures (1, 3, H, W), source first.

    Returns:
        The same guide where all is opaque.

    Raises:
        PictureError: no label is left that both sides have.
    """
    alphas = [source, *targets]
    if all(alpha is None for alpha in alphas):
        return guide
    if guide.source is None or guide.targets is None:
        every = [torch.ones(1, *picture.shape[2:]) for picture in sizes]
    else:
        sides = (guide.source, *guide.targets)
        every = [pixel_shares(shares, picture) for shares, picture in zip(sides, sizes, strict=True)]
    seen = [
        shares if alpha is None else shares * (alpha[0] / alpha.max())
        for shares, alpha in zip(every, alphas, strict=True)
    ]
    both = seen[0].flatten(1).any(1) & torch.stack([shares.flatten(1).any(1) for shares in seen[1:]]).any(0)
    if not bool(both.any()):
        raise PictureError("the masks have no colour in common where source and target are opaque; paint such parts")
    seen, every = [shares[both] for shares in seen], [shares[both] for shares in every]
    return Guide(guide.weights, seen[0], tuple(seen[1:]), every[0], tuple(every[1:]))

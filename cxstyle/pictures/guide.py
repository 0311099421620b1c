"""What steers the matching beside the features: weights of pictures, labels of masks, transparency."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import PictureError
from .tensors import bilinear


@dataclass(frozen=True)
class Guide:
    """What steers the matching beside the features.

    `all_source` is `source` as it would be without transparency, for carrying colours over: a part's colours are those
    of its opaque places, but go to all of it, or its rim would keep its own. None where they are the same.
    """

    weights: tuple[float, ...] | None = None  # of the targets, one each; None where all of their positions count alike
    source: Tensor | None = None  # how far each pixel of it belongs to each label, (L, H, W); None without masks
    targets: tuple[Tensor, ...] | None = None  # the same for each target, (L, H', W'); of any size, as `source` is
    all_source: Tensor | None = None
    all_targets: tuple[Tensor, ...] | None = None  # the same for each target

    def moving(self) -> Tensor | None:
        """How far each pixel of the source belongs to any label, (1, H, W); None where all do."""
        if self.source is None:
            return None
        share = self.source.sum(dim=0, keepdim=True)
        return None if bool((share > 0.5).all()) else share


def pixel_shares(shares: Tensor, picture: Tensor) -> Tensor:
    """Labels' shares (L, H', W') at each pixel of a picture (1, 3, H, W): (L, H, W)."""
    return bilinear(shares[None], picture.shape[2], picture.shape[3])[0].to(picture.device)


def exclude_transparent(
    guide: Guide, source: Tensor | None, targets: Sequence[Tensor | None], sizes: Sequence[Tensor]
) -> Guide:
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

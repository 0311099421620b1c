"""The picture that a run starts from, at any size, and how what the run has changed is brought to another size."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .image import interpolate, resize
from .pictures.reading import load_picture
from .positions import pixel_shares


class Start:
    """Where a run starts from.

    Args:
        init: source, target, noise, or the path of a picture.
        source: (1, 3, H, W).
        targets: the same.
        size: (height, width) of noise.
        generator: of noise.
        moving: how far each pixel of the source is to move, (1, H', W'); None where all are. Where nothing is to move,
            the run starts from the source.

    Attributes:
        picture: (1, 3, H', W').
    """

    def __init__(
        self,
        init: str,
        source: Tensor,
        targets: Sequence[Tensor],
        size: tuple[int, int],
        generator: torch.Generator,
        moving: Tensor | None,
    ) -> None:
        if init == "source":
            self.picture = source
            return
        if init == "target":
            self.picture = targets[0]
        elif init == "noise":
            self.picture = torch.rand(1, 3, *size, generator=generator)
        else:
            self.picture = load_picture(init, "init picture")
        if moving is not None:
            share = pixel_shares(moving, source)
            self.picture = share * resize(self.picture, *source.shape[2:]) + (1 - share) * source

    def finer(self, picture: Tensor, height: int, width: int) -> Tensor:
        """The picture so far at another size: the start at that size and, enlarged, what the run has changed about it.

        Enlarging the change alone keeps the start's fine detail, which the coarser scale never saw.
        """
        change = picture - resize(self.picture, *picture.shape[2:])
        return (resize(self.picture, height, width) + interpolate(change, height, width)).clamp(0, 1)

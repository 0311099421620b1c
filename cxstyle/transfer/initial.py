"""The picture that a run starts from, at any size, and how what the run has changed is brought to another size."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..pictures import interpolate, load_picture, pixel_shares, resize
from ..settings import Laplacian, StyleConfig

ANEW = 0.5
"""Share of the source's fine detail that is painted anew: of all of it a butterfly's spots would not come back."""
STILL = 0.5
"""Share of the labels below which a pixel doesn't move."""


def finest_edge(config: StyleConfig, targets: Sequence[Tensor]) -> int:
    """Long edge up to which a picture moves. Beyond the targets' own size they have no finer detail to give: their
    strokes would shrink, and what is smooth in them would be asked for as grain."""
    if not isinstance(config.parametrization, Laplacian):
        return config.size
    return max(config.pyramid.coarsest, *(max(target.shape[2:]) for target in targets))


class InitialPicture:
    """Where a run starts from: `picture`, (1, 3, H, W).

    Args:
        init: source, target, noise of a size and by a generator, or the path of a picture.
        source, targets: each (1, 3, H, W).
        moving: how far each pixel of the source is to move, (1, H', W'); None where all are. Where nothing is to move,
            the run starts from the source.
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
        self.moving = moving
        if init == "noise":
            self.picture = torch.rand(1, 3, *size, generator=generator)
        else:
            known = {"source": source, "target": targets[0]}
            self.picture = known[init] if init in known else load_picture(init, "init picture")
        if moving is not None and init != "source":
            share = pixel_shares(moving, source)
            self.picture = share * resize(self.picture, *source.shape[2:]) + (1 - share) * source

    def at(self, height: int, width: int) -> Tensor:
        """The picture at a size."""
        return resize(self.picture, height, width)

    def with_change(self, picture: Tensor, height: int, width: int, strokes: float = 0) -> Tensor:
        """The picture so far at another size: the start at that size and, enlarged, what the run has changed about it.

        Enlarging the change alone keeps the start's fine detail, which the coarser scale never saw.

        Args:
            picture: (1, 3, H, W).
            height, width: of what is given.
            strokes: how far the target is all strokes, in [0, 1]: ANEW of that detail is then left out.
        """
        before, start = self.at(*picture.shape[2:]), self.at(height, width)
        if strokes:
            start = start.lerp(interpolate(before, height, width), ANEW * strokes)
        return (start + interpolate(picture - before, height, width)).clamp(0, 1)

    def still(self, picture: Tensor) -> Tensor | None:
        """Which pixels of a picture (1, 3, H, W) don't move, (1, H, W); None where all do."""
        return None if self.moving is None else pixel_shares(self.moving, picture) < STILL

    def whole(self, picture: Tensor, height: int, width: int) -> Tensor:
        """`with_change`, at the end: what doesn't move is the start's, to the pixel."""
        found = self.with_change(picture, height, width)
        still = self.still(found)
        return found if still is None else torch.where(still, self.at(height, width), found)

"""What the optimizer moves: the pixels themselves, or the coefficients of a Laplacian pyramid in opponent colours.

A pyramid (Burt, Adelson, "The Laplacian Pyramid as a Compact Image Code", 1983) lets each scale of detail move at a
rate of its own, and luminance and colour apart: colour that does not move at the finest levels can't become grain, as
in video that keeps a quarter of its colour. Kolkin et al. (STROTSS 2019, NNST 2022) optimize such pyramids, too.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from ..pictures import bilinear, halved, mixed
from ..settings import Laplacian, StyleConfig

OPPONENT = ((1.0, 1.0, 1.0), (1.0, 0.0, -1.0), (1.0, -2.0, 1.0))
"""Luminance, and two planes of colour; each row is scaled to length 1, so that the matrix is orthonormal."""


class Parameters:
    """What an optimizer moves in place of a picture (1, 3, H, W).

    Args:
        picture: where they start.
        still: which of its pixels don't move, (1, H, W).
    """

    moved: list[Tensor]  # those that have a gradient, one group of the optimizer each
    rates: list[float]  # of each, as a share of the learning rate
    kept: list[Tensor]  # what a checkpoint needs beside the picture to go on to the same pixels

    def __init__(self, picture: Tensor, still: Tensor | None) -> None:
        self.origin, self.still = picture, still  # the picture as it was given, to the bit

    def held(self, picture: Tensor) -> Tensor:
        """A picture with what doesn't move as it was."""
        return picture if self.still is None else torch.where(self.still, self.origin, picture)

    def picture(self) -> Tensor:
        """(1, 3, H, W), from which gradients flow back."""
        raise NotImplementedError

    def bound(self) -> Tensor:
        """Brings the picture back towards [0, 1], as far as what moves can, and gives it held in that: (1, 3, H, W)."""
        raise NotImplementedError


class Pixels(Parameters):
    """The pixels themselves."""

    def __init__(self, picture: Tensor, still: Tensor | None) -> None:
        super().__init__(picture, still)
        self.pixels = picture.clone().requires_grad_()
        self.moved, self.rates, self.kept = [self.pixels], [1.0], []

    def picture(self) -> Tensor:
        return self.held(self.pixels)

    @torch.no_grad()
    def bound(self) -> Tensor:
        return self.pixels.clamp_(0, 1).detach()


class Pyramid(Parameters):
    """What is added to the picture, as the levels of a pyramid, fine to coarse, the last one what is left.

    Args:
        settings: the rate of each level.
        reach: of each level the share of the way that each place goes, in [0, 1], (1, 1, h, w) on any grid; 1 without.
            Adam's steps don't shrink with the gradient, so smaller weights alone leave a place that nothing pulls as
            far from where it was as others.
    """

    def __init__(
        self, picture: Tensor, settings: Laplacian, still: Tensor | None, reach: Sequence[Tensor] = ()
    ) -> None:
        super().__init__(picture.clone(), still)
        self.mixing = functional.normalize(torch.tensor(OPPONENT), dim=1).to(picture)
        rates = settings.rates()
        # Luminance and colour of each level: 1 and 2 planes.
        self.levels = [torch.zeros_like(part) for part in sum(self.analysed(picture, len(rates)), ())]
        self.reach = [
            bilinear(share, level.shape[2], level.shape[3]).to(picture)
            for share, level in zip(reach, self.levels[::2], strict=False)
        ]
        self.kept = [*self.levels, self.origin]
        chosen = [(tensor, rate) for tensor, rate in zip(self.levels, sum(rates, ()), strict=True) if rate > 0]
        self.moved, self.rates = [tensor.requires_grad_() for tensor, _ in chosen], [rate for _, rate in chosen]

    def analysed(self, picture: Tensor, count: int) -> list[tuple[Tensor, Tensor]]:
        """Luminance (1, 1, H', W') and colour (1, 2, H', W') of each level."""
        rest, levels = mixed(self.mixing, picture), []
        for _ in range(count - 1):
            height, width = rest.shape[2:]
            smaller = halved(rest)
            levels.append(rest - enlarged(smaller, height, width))
            rest = smaller
        return [(level[:, :1], level[:, 1:]) for level in [*levels, rest]]

    def picture(self) -> Tensor:
        levels = [torch.cat(pair, dim=1) for pair in zip(self.levels[::2], self.levels[1::2], strict=True)]
        if self.reach:
            levels = [share * level for share, level in zip(self.reach, levels, strict=True)]
        total = levels.pop()
        while levels:
            finer = levels.pop()
            total = finer + enlarged(total, finer.shape[2], finer.shape[3])
        return self.held(self.origin + mixed(self.mixing.t(), total))

    @torch.no_grad()
    def bound(self) -> Tensor:
        picture = self.picture()
        levels = self.analysed(picture.clamp(0, 1) - picture, len(self.levels) // 2)
        for tensor, excess in zip(self.levels, sum(levels, ()), strict=True):
            if tensor.requires_grad:
                tensor += excess
        return self.picture().clamp(0, 1)


def enlarged(values: Tensor, height: int, width: int) -> Tensor:
    """A level (N, C, H, W) at the size of the next finer one, without corners: bilinear, then 1 2 1 over 4 each way.

    What moves coarse coefficients apart would otherwise show their grid, as a net over plain skin.
    """
    found = bilinear(values, height, width)
    for axis, size in ((2, height), (3, width)):
        padded = torch.cat([found.narrow(axis, 0, 1), found, found.narrow(axis, size - 1, 1)], dim=axis)
        parts = [padded.narrow(axis, start, size) for start in range(3)]
        found = (parts[0] + 2 * parts[1] + parts[2]) / 4
    return found


def parametrized(
    config: StyleConfig, picture: Tensor, still: Tensor | None, reach: Sequence[Tensor] = ()
) -> Parameters:
    """A picture (1, 3, H, W) as the settings want it moved; the rest as of `Pyramid`, where it is one."""
    if isinstance(config.parametrization, Laplacian):
        return Pyramid(picture, config.parametrization, still, reach)
    return Pixels(picture, still)

"""The network: a cascaded refinement network, which draws a picture coarse to fine.

Chen, Koltun, "Photographic Image Synthesis with Cascaded Refinement Networks", ICCV 2017, section 3: each level sees
its input at its own size, joined with what the level before has made of it, enlarged.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

COARSEST = 4
"""Pixels of the short side at the first level; less than twice as many where the size is no power of two."""
SHARES = ((128, 1.0), (512, 1 / 2), (1024, 1 / 8), (math.inf, 1 / 32))
"""Below a size of a level, its channels as a share of the widest: 1024, 512, 128 and 32 in the paper."""
SLOPE, EPSILON = 0.2, 1e-5
"""Of the leaky ReLU below 0, and of the norm; 1e-12 in the authors' code is nothing in half precision."""


def level_count(size: tuple[int, int]) -> int:
    """How many levels double up to a size (height, width) whose short side begins at 4 px."""
    return 1 + max(0, int(math.log2(min(size) / COARSEST)))


def level_channels(levels: int, width: int) -> list[int]:
    """Channels of each level, coarse to fine; `width` of those below 128 px."""
    sizes = [COARSEST * 2**level for level in range(levels)]
    shares = [next(share for below, share in SHARES if size < below) for size in sizes]
    return [max(4, round(width * share)) for share in shares]


class Level(nn.Module):
    """Twice a convolution, the norm of a layer, and a leaky ReLU: (N, inputs, H, W) -> (N, channels, H, W)."""

    def __init__(self, inputs: int, channels: int) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            nn.Conv2d(width, channels, 3, padding=1, bias=False) for width in (inputs, channels)
        )
        # One group is a layer: mean and variance over C, H and W, a gain and a bias for each channel.
        self.norms = nn.ModuleList(nn.GroupNorm(1, channels, EPSILON) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            x = functional.leaky_relu(norm(convolution(x)), SLOPE)
        return x


class CRN(nn.Module):
    """Cascaded refinement network. The norms see the whole picture, so it can't be applied in tiles.

    Args:
        size: (height, width) that it is made for, which sets the number of levels. Others can be given to it: its
            coarsest level is then larger or smaller.
        width: channels of the widest levels, those below 128 px: 1024 in its paper, 512 in the code of the authors of
            the Contextual loss.
        scale: what pictures in [0, 1] are multiplied by as they come in.
        seed: of the first parameters.
        residual: what it draws is a change of the picture that comes in, at first none; not so in its paper.
    """

    def __init__(
        self, size: tuple[int, int], width: int, scale: float = 1.0, seed: int = 0, residual: bool = False
    ) -> None:
        super().__init__()
        self.scale, self.residual = scale, residual
        channels = level_channels(level_count(size), width)
        inputs = [3, *(3 + before for before in channels[:-1])]
        self.levels = nn.ModuleList(Level(*pair) for pair in zip(inputs, channels, strict=True))
        self.last = nn.Conv2d(channels[-1], 3, 1)
        generator = torch.Generator().manual_seed(seed)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.xavier_uniform_(module.weight, generator=generator)  # as in the authors' code
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        if residual:
            nn.init.zeros_(self.last.weight)

    def sizes(self, size: Sequence[int]) -> list[tuple[int, int]]:
        """(height, width) of each level for a picture of a size, coarse to fine."""
        height, width = size
        return [(max(1, round(height / 2**n)), max(1, round(width / 2**n))) for n in reversed(range(len(self.levels)))]

    def forward(self, pictures: Tensor) -> Tensor:
        """(N, 3, H, W) in [0, 1] -> (N, 3, H, W), about in [0, 1]."""
        scaled = pictures * self.scale
        x: Tensor | None = None
        for level, size in zip(self.levels, self.sizes(pictures.shape[2:]), strict=True):
            label = functional.interpolate(scaled, size, mode="area")
            if x is not None:
                x = functional.interpolate(x, size, mode="bilinear", align_corners=True)
            # As in `VGGFeatures`, channels last halves the time on a CPU.
            x = level(label if x is None else torch.cat([x, label], 1).contiguous(memory_format=torch.channels_last))
        found: Tensor = self.last(x)
        return pictures + found if self.residual else (found + 1) / 2

"""Patches of pixels as features, for losses without a network: the paper's toy experiment (section 3.3, Fig. 6)."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


class PixelPatches:
    """Maps pictures to their patches of a size in pixels, at a stride from one to the next, as one layer called rgb."""

    layers = ("rgb",)

    def __init__(self, size: int = 5, stride: int = 2) -> None:
        self.size, self.stride = size, stride

    def __call__(self, pictures: Tensor) -> dict[str, Tensor]:
        """(N, 3, H, W) -> {"rgb": (N, 3 size^2, (H - size) // stride + 1, (W - size) // stride + 1)}."""
        height, width = ((side - self.size) // self.stride + 1 for side in pictures.shape[2:])
        found: Tensor = functional.unfold(pictures, self.size, stride=self.stride)
        return {"rgb": found.unflatten(2, (height, width))}

"""Convolutions of 3 x 3 by Winograd's algorithm (Lavin, Gray, "Fast Algorithms for Convolutional Neural Networks",
2016): on a CPU in float32 in half to a third of the time, the same to rounding.

F(4 x 4, 3 x 3): a tile of 6 x 6 values and a kernel are each transformed to 36 numbers, whose products, transformed
back, are 4 x 4 results: 36 products for 144. Over channels that makes 36 products of matrices. Pictures are taken in
strips of tiles whose numbers stay in the cache. These lie by position, tile and channel, so that every step is a copy
of whole rows of channels or a product of matrices. The gradient is such a convolution, too, with kernels turned around.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

TILE, SIDE = 4, 6
"""Side of a tile's results, and of the values that they take."""
STRIP = 192
"""Tiles taken at once, about."""
FEWEST = 16
NARROWEST = 64
"""Tiles of a map, and channels, from which on it is faster: for smaller ones most of the time goes to the kernels."""
GAIN = 1.1
"""How many times as fast it must be on a machine to be used. Where it is, it is 1.5 times or more, so that the choice,
which decides last bits, is the same in each process."""

PLAIN: dict[str, Any] = {"dtype": torch.float32, "device": "cpu"}
VALUES = (
    (4, 0, -5, 0, 1, 0),
    (0, -4, -4, 1, 1, 0),
    (0, 4, -4, -1, 1, 0),
    (0, -2, -1, 2, 1, 0),
    (0, 2, -1, -2, 1, 0),
    (0, 4, 0, -5, 0, 1),
)
KERNEL = ((6, 0, 0), (-4, -4, -4), (-4, 4, -4), (1, 2, 4), (1, -2, 4), (0, 0, 24))
RESULT = ((1, 1, 1, 1, 1, 0), (0, 1, -1, 2, -2, 0), (0, 1, 1, 4, 4, 0), (0, 1, -1, 8, -8, 1))
"""B^T, 24 G and A^T of Lavin and Gray: of one axis. Of both they are Kronecker products."""
OF_VALUES, OF_KERNEL, OF_RESULT = (
    torch.kron(each, each) for each in (torch.tensor(rows, **PLAIN) for rows in (VALUES, KERNEL, RESULT))
)


@dataclass(frozen=True)
class Kernel:
    """A kernel (K, C, 3, 3), transformed when it is first used.

    Attributes:
        kernel, bias: of the convolution; they don't move.
    """

    kernel: Tensor
    bias: Tensor

    @cached_property
    def forward(self) -> Tensor:
        """(36, C, K)."""
        return transformed(self.kernel)

    @cached_property
    def backward(self) -> Tensor:
        """(36, K, C), for the gradient."""
        return transformed(self.kernel.flip(2, 3).transpose(0, 1))


def transformed(kernel: Tensor) -> Tensor:
    """(K, C, 3, 3) -> (36, C, K)."""
    outputs, inputs = kernel.shape[:2]
    taps = kernel.permute(2, 3, 1, 0).reshape(9, inputs * outputs)
    return (OF_KERNEL / 24**2 @ taps).view(SIDE * SIDE, inputs, outputs)


def convolution(x: Tensor, kernel: Kernel) -> Tensor:
    """`conv2d` with a padding of 1: (N, C, H, W) -> (N, K, H, W), channels_last, which is fastest for x, too.

    Args:
        x: float32 on the CPU, of any size; gradients flow to it alone.
        kernel: what it is convolved with.
    """
    found: Tensor = Convolution.apply(x, kernel)
    return found


class Convolution(torch.autograd.Function):
    """Saves nothing for the backward pass, since kernels don't move."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, kernel: Kernel) -> Tensor:
        """See `convolution`."""
        ctx.kernel = kernel
        return convolved(x, kernel.forward, kernel.bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        """(N, K, H, W) -> (N, C, H, W)."""
        kernel = ctx.kernel.backward
        return convolved(gradient, kernel, torch.zeros(kernel.shape[2], **PLAIN)), None


def convolved(maps: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:
    """(N, C, H, W) with a transformed kernel (36, C, K) and a bias (K,)."""
    shape = (len(maps), len(bias), *maps.shape[2:])
    found = torch.empty(shape, memory_format=torch.channels_last, **PLAIN)
    rows = maps.permute(0, 2, 3, 1).contiguous()  # no copy where channels come last already
    for picture, result in zip(rows, found.permute(0, 2, 3, 1), strict=True):
        convolve(picture, kernel, bias, result)
    return found


def convolve(x: Tensor, kernel: Tensor, bias: Tensor, found: Tensor) -> None:
    """(H, W, C) -> `found` (H, W, K), strip by strip."""
    (height, width, inputs), outputs = x.shape, len(bias)
    tall, wide = -(-height // TILE), -(-width // TILE)
    rows = -(-tall // -(-tall // max(1, round(STRIP / wide))))
    padded = torch.zeros(TILE * rows + 2, TILE * wide + 2, inputs, **PLAIN)
    memory = torch.empty(2, SIDE * SIDE * rows * wide * max(inputs, outputs), **PLAIN)
    for first in range(0, height, TILE * rows):
        here = min(rows, tall - first // TILE)
        count, top, bottom = TILE * here, max(0, first - 1), min(height, first + TILE * here + 1)
        start, end = top - first + 1, bottom - first + 1
        padded[:start], padded[start:end, 1 : 1 + width], padded[end:] = 0, x[top:bottom], 0
        results = results_of(padded[: count + 2], kernel, memory).permute(2, 0, 3, 1, 4)
        into = found[first : first + count]
        if len(into) == count and width == TILE * wide:
            torch.add(results, bias, out=into.view(results.shape))
        else:
            whole = results.reshape(count, TILE * wide, outputs)
            torch.add(whole[: len(into), :width], bias, out=into)


def results_of(padded: Tensor, kernel: Tensor, memory: Tensor) -> Tensor:
    """A strip with a margin of 1, (4 h + 2, 4 w + 2, C) -> results (4, 4, h, w, K): row and column in a tile first. The
    steps write two places of `memory` in turns."""
    tiles = padded.unfold(0, SIDE, TILE).unfold(1, SIDE, TILE).permute(3, 4, 0, 1, 2)
    rows, wide = tiles.shape[2:4]

    def place(turn: int, positions: int, channels: int) -> Tensor:
        shape = positions, rows * wide, channels
        return memory[turn, : math.prod(shape)].view(shape)

    (positions, inputs, outputs), taken = kernel.shape, len(OF_RESULT)
    values = place(0, positions, inputs)
    values.view(tiles.shape).copy_(tiles)
    values = product(OF_VALUES, values, place(1, positions, inputs))
    products = torch.bmm(values, kernel, out=place(0, positions, outputs))
    return product(OF_RESULT, products, place(1, taken, outputs)).view(TILE, TILE, rows, wide, outputs)


def product(transform: Tensor, values: Tensor, out: Tensor) -> Tensor:
    """(R, S), (S, tiles, channels) -> `out` (R, tiles, channels)."""
    torch.mm(transform, values.flatten(1), out=out.view(len(transform), -1))
    return out


def fits(x: Tensor, kernel: Tensor) -> bool:
    """Whether maps (N, C, H, W) and a kernel (K, C, 3, 3) are such as this is made for."""
    large = -(-x.shape[2] // TILE) * -(-x.shape[3] // TILE) >= FEWEST and min(kernel.shape[:2]) >= NARROWEST
    return large and x.dtype == torch.float32 and x.device.type == "cpu"


@cache
def faster() -> bool:
    """Whether it is, on this machine; measured at the first call, in less than a tenth of a second."""
    x, kernel = (
        torch.ones(*shape, **PLAIN).contiguous(memory_format=torch.channels_last)
        for shape in ((1, 256, 32, 32), (256, 256, 3, 3))
    )
    bias = torch.zeros(256, **PLAIN)
    ready = Kernel(kernel, bias)
    # That of this thread doesn't count what else runs on the machine, but is coarse on some systems.
    clock = time.thread_time if time.get_clock_info("thread_time").resolution < 1e-4 else time.perf_counter

    def seconds(side: Callable[[], Tensor]) -> float:
        began = clock()
        side()
        return clock() - began

    with torch.no_grad():
        sides = (lambda: functional.conv2d(x, kernel, bias, padding=1)), (lambda: convolution(x, ready))
        _, *turns = [[seconds(side) for side in sides] for _ in range(3)]
    direct, ours = (min(times) for times in zip(*turns, strict=True))
    return bool(direct > GAIN * ours)

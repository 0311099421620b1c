"""The network tile by tile: the same features and gradients, to rounding, in the memory of one tile.

A tile is evaluated with a margin as wide as the network can see, and of its features only those above the tile itself
are kept; so nothing that a cut made wrong is ever used. Backward evaluates each tile once more, with its gradient: half
as much arithmetic again as holding everything, beside what the margins cost. Edges lie on multiples of the deepest
layer's stride, so that pooling sees the same pixels as in the whole picture.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from .layers import stride
from .vgg import VGGFeatures

Region = tuple[slice, ...]
"""Of maps (N, C, H, W)."""
MOST_PARTS = 64
"""Of a side: more would make the choice slow before it made anything fit."""


def reach(names: Sequence[str]) -> int:
    """How many pixels to a side the last of a network's layers, in order from conv1_1, can see, rounded up to its
    stride."""
    radius, step = 0, 1
    for name in names:
        if stride(name) != step:
            radius += step  # pooling
            step *= 2
        radius += step
    return math.ceil(radius / step) * step


def smallest_tile(names: Sequence[str]) -> int:
    """Pixels of a tile below which margins would be nearly all of it."""
    return (4 * reach(names)) ** 2


@dataclass(frozen=True)
class Cut:
    """One side of a picture, `length` pixels, in equal parts, cut at multiples of a step, that need a margin."""

    length: int
    parts: int
    step: int
    margin: int

    def spans(self) -> list[tuple[slice, slice]]:
        """Each part's own pixels and, as far as the picture goes, those with the margin."""
        units = max(1, self.length // self.step)
        size = math.ceil(units / self.parts) * self.step
        starts = range(0, units * self.step, size)
        ends = [*starts[1:], self.length]
        return [
            (slice(start, end), slice(max(0, start - self.margin), min(self.length, end + self.margin)))
            for start, end in zip(starts, ends, strict=True)
        ]

    @cached_property
    def lengths(self) -> list[int]:
        """Of the parts with their margins."""
        return [whole.stop - whole.start for _, whole in self.spans()]


@dataclass(frozen=True)
class Grid:
    """How a picture is cut into tiles: its height and its width."""

    down: Cut
    across: Cut

    @property
    def tiles(self) -> int:
        """How many."""
        return len(self.down.lengths) * len(self.across.lengths)

    @property
    def largest(self) -> int:
        """Pixels of the largest tile with its margin."""
        return max(self.down.lengths) * max(self.across.lengths)

    @property
    def work(self) -> int:
        """Pixels of all tiles with their margins."""
        return sum(self.down.lengths) * sum(self.across.lengths)

    def regions(self) -> Iterator[tuple[slice, slice, Region]]:
        """Each tile's own rows and columns, and the region of the picture that it needs."""
        for rows, tall in self.down.spans():
            for columns, wide in self.across.spans():
                yield rows, columns, (slice(None), slice(None), tall, wide)


@lru_cache
def best_grid(height: int, width: int, names: tuple[str, ...], pixels: int) -> Grid:
    """The cut with the least work whose largest tile has no more than `pixels`, or the finest that there is.

    Args:
        height, width: of the picture.
        names: all layers of the network in order.
        pixels: of a tile with its margin.
    """
    step, margin = stride(names[-1]), reach(names)
    downs, acrosses = (
        [Cut(length, parts + 1, step, margin) for parts in range(min(MOST_PARTS, math.ceil(length / (2 * margin))))]
        for length in (height, width)
    )
    grids = [Grid(down, across) for down in downs for across in acrosses]
    fitting = [grid for grid in grids if grid.largest <= pixels]
    return min(fitting, key=lambda grid: grid.work) if fitting else min(grids, key=lambda grid: grid.largest)


class TiledFeatures:
    """What `VGGFeatures` gives, tile by tile, of at most so many pixels with their margins, which the network
    evaluates; gradients flow to the picture."""

    def __init__(self, network: VGGFeatures, pixels: int) -> None:
        self.network, self.pixels = network, pixels
        self.layers = network.layers

    def __call__(self, pictures: Tensor) -> dict[str, Tensor]:
        """(N, 3, H, W) in [0, 1] -> {layer: features}; see `VGGFeatures.forward`."""
        height, width = pictures.shape[2:]
        grid = best_grid(height, width, tuple(self.network.names), self.pixels)
        layers = tuple(dict.fromkeys(self.layers))
        features = Tiled.apply(pictures, self.network, layers, grid)
        return dict(zip(layers, features, strict=True))


class Tiled(torch.autograd.Function):
    """Features of some layers, from tiles."""

    @staticmethod
    def forward(ctx: Any, pictures: Tensor, network: VGGFeatures, layers: tuple[str, ...], grid: Grid) -> Any:
        """(N, 3, H, W) -> features of each layer, (N, C, H / stride, W / stride)."""
        maps: dict[str, Tensor] = {}
        for rows, columns, region in grid.regions():
            features = network(pictures[region])
            for layer in layers:
                place, part = positions(layer, rows, columns, region)
                found = features[layer][part]
                if layer not in maps:
                    shape = (*found.shape[:2], *(side // stride(layer) for side in pictures.shape[2:]))
                    given = {"dtype": found.dtype, "device": found.device}
                    maps[layer] = torch.empty(shape, memory_format=torch.channels_last, **given)
                maps[layer][place] = found
        ctx.save_for_backward(pictures)
        ctx.context = network, layers, grid
        ctx.set_materialize_grads(False)
        return tuple(maps[layer] for layer in layers)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor, None, None, None]:
        """Evaluates each tile again and adds what its features give to its pixels and to its margin's."""
        (pictures,) = ctx.saved_tensors
        network, layers, grid = ctx.context
        total = torch.zeros_like(pictures)
        given = {layer: grad for layer, grad in zip(layers, gradients, strict=True) if grad is not None}
        for rows, columns, region in grid.regions():
            tile = pictures[region].detach().requires_grad_()
            where = {layer: positions(layer, rows, columns, region) for layer in given}
            with torch.enable_grad():
                features = network(tile)
                parts = [features.pop(layer)[part] for layer, (_, part) in where.items()]
            grads = [given[layer][place] for layer, (place, _) in where.items()]
            total[region] += torch.autograd.grad(parts, tile, grads)[0]
        return total, None, None, None


def positions(layer: str, rows: slice, columns: slice, region: Region) -> tuple[Region, Region]:
    """Where a tile's own features of a layer lie in the whole map, and where among the tile's."""
    step, sides = stride(layer), ((rows, region[2]), (columns, region[3]))
    place = [slice(own.start // step, own.stop // step) for own, _ in sides]
    part = [slice((own.start - tile.start) // step, own.stop // step - tile.start // step) for own, tile in sides]
    return (slice(None), slice(None), *place), (slice(None), slice(None), *part)

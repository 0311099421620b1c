"""How much memory a run needs, how much there is, and into what tiles the network must be cut to make it fit."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch

from ..features import VGGFeatures, best_grid, canonical_layer, smallest_tile, stride
from ..losses import PATCH, grid_on
from ..pictures import SMALLEST_EDGE
from ..settings import LossTerm

Size = tuple[int, int]
"""(height, width) in pixels."""

VALUE_BYTES = {torch.float32: 7.0, torch.bfloat16: 3.6}
"""Peak memory of the network, forward and backward, for each value that its layers give: the value itself, its gradient
while that is taken, and where each maximum of a pooling was. This and the following were measured on whole runs with
VGG16 to conv4_2 at 256 to 2048 px, and rounded up; the estimate is within a quarter of what a run takes."""
FORWARD = 0.45
"""Of the memory of forward and backward together, what forward takes where no gradient is wanted."""
PICTURE_BYTES = 150
"""For each pixel of the result: it, its gradient, Adam's two moments, temporaries and the copies of the source."""
STEP_BYTES = 24
"""For each pixel of the result and each step that L-BFGS remembers."""
LOSS_BYTES = 30_000_000
"""Of the losses' blocks of cosines, whatever the size."""
FEATURE_BYTES = {"sum": 8, "concatenate": 12}
"""For each value of the result's features that a term draws, by how it combines layers: copies and their gradient."""
FLOAT_BYTES = 4
COLUMN_COPIES = 5
"""Of hypercolumns of the result and what belongs in their place, while their loss has a gradient."""
INPUT_BYTES = 40
"""For each pixel of the two files as they were read."""
FIRST_USE = 250_000_000
"""What torch and its kernels take when they are first used: on a CUDA device for products, in each stream."""
SHARE = 0.85
"""Of the free memory that a run takes by itself; others need some, too."""
CGROUPS = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Need:
    """What a scale of a run needs, in bytes."""

    fixed: float  # however the network is cut
    maps: float  # features of the whole picture, beside a tile's
    tile: float  # for each pixel of a tile
    seen: float  # pixels that a network which sees pictures whole must hold
    size: Size  # of the picture
    names: tuple[str, ...]  # layers of the network, in order

    def whole(self) -> float:
        """Without tiles."""
        return self.fixed + self.tile * self.seen

    def cut(self, pixels: int | None) -> float:
        """With tiles of at most so many pixels, where they can be had so small; None for no tiles."""
        if pixels is None:
            return self.whole()
        return self.fixed + self.maps + self.tile * best_grid(*self.size, self.names, pixels).largest

    def least(self) -> float:
        """With the smallest tiles worth cutting."""
        return self.cut(smallest_tile(self.names)) if self.names else self.fixed

    def pixels(self, budget: float) -> int | None:
        """Of the largest tile that keeps within a budget; None for the whole picture at once."""
        if not self.names or self.whole() <= budget:
            return None
        return max(smallest_tile(self.names), int((budget - self.fixed - self.maps) / self.tile))


def need(
    terms: Sequence[LossTerm], network: VGGFeatures, size: Size, targets: Sequence[Size], history: int = 0
) -> Need:
    """What one scale needs beside what is held before it starts.

    Args:
        terms: the loss terms.
        network: as it runs.
        size: of the result at this scale.
        targets: of each target at this scale.
        history: steps that the optimizer remembers.
    """
    item = network.dtype.itemsize
    area, areas = size[0] * size[1], [height * width for height, width in targets]
    values = sum(channels(network, name) / stride(name) ** 2 for name in network.names)
    # Targets are seen one after another, but what is seen of them is kept until the last.
    maps = item * sum(channels(network, name) / stride(name) ** 2 for name in set(network.layers))
    fixed = PICTURE_BYTES * (area + sum(areas) / 10) + STEP_BYTES * history * area + LOSS_BYTES + maps * sum(areas[1:])
    for term in terms:
        others = 0 if term.loss == "gram" else area if term.compare == "source" else sum(areas)
        for layer in term.layers:
            if term.loss == "neighbors":
                own, *theirs = (math.prod(grid_on(*each)) for each in (size, *targets))
                places = COLUMN_COPIES * own + 2 * sum(theirs)
                fixed += FLOAT_BYTES * channels(network, canonical_layer(layer)) * places
                continue
            grid = stride(canonical_layer(term.layers[0] if term.combine == "concatenate" else layer)) ** 2
            width = channels(network, canonical_layer(layer)) * (PATCH**2 if term.loss == "mrf" else 1)
            # Of patches, and of maps on one grid, all are there while some are chosen.
            all_there = term.loss == "mrf" or term.combine == "concatenate"
            drawn = area / grid if all_there else min(term.samples_of(layer) or math.inf, area / grid)
            fixed += width * (FEATURE_BYTES[term.combine] * drawn + item * others / grid)
    seen = max([area, *(FORWARD * each for each in areas)])
    return Need(fixed, maps * area, values * VALUE_BYTES[network.dtype], seen, size, tuple(network.names))


def channels(network: VGGFeatures, name: str) -> int:
    """Of a layer."""
    return int(network.get_buffer(f"{name}_bias").numel())


@dataclass(frozen=True)
class Plan:
    """How a run keeps within its memory."""

    budget: float  # bytes that it may take, all told
    taken: float  # bytes of these that are taken before the first scale
    needs: tuple[Need, ...]  # of the scales, coarse to fine
    pixels: tuple[int | None, ...]  # of the largest tile, for each scale; None where the network sees the picture whole

    @property
    def estimate(self) -> float:
        """Bytes that the run will take at its largest scale, about."""
        return self.taken + max(need.cut(pixels) for need, pixels in zip(self.needs, self.pixels, strict=True))

    @property
    def whole(self) -> float:
        """Bytes that it would take with a network which sees pictures whole."""
        return self.taken + max(need.whole() for need in self.needs)

    @property
    def tiles(self) -> int:
        """How many there are at the last scale."""
        need, pixels = self.needs[-1], self.pixels[-1]
        return 1 if pixels is None else best_grid(*need.size, need.names, pixels).tiles


def plan(needs: Sequence[Need], wanted: float | None, device: torch.device, inputs: int, share: float = 1.0) -> Plan:
    """Tiles for each scale, as few as the memory allows, or as small as they can be where it doesn't allow any.

    Args:
        needs: of the scales, coarse to fine.
        wanted: the budget in bytes; None for most of what is free.
        device: where the run is.
        inputs: pixels of the two pictures as they were read.
        share: of what is free, where others work beside it.
    """
    taken = held(device, inputs)
    budget = taken + SHARE * share * free(device) if wanted is None else wanted
    return Plan(budget, taken, tuple(needs), tuple(need.pixels(budget - taken) for need in needs))


def largest_edge(need_of: Callable[[int], Need], edge: int, rest: float) -> int | None:
    """The largest multiple of 16 px below a long edge whose `need_of` is within the rest of a budget, if any is."""
    edges = range(SMALLEST_EDGE + 16, edge, 16)
    fitting = bisect_right(edges, rest, key=lambda each: need_of(each).least())
    return edges[fitting - 1] if fitting else None


def held(device: torch.device, inputs: int) -> float:
    """Bytes taken before the first scale: by this process, and by two pictures of `inputs` pixels together."""
    if device.type == "cuda":
        return float(torch.cuda.memory_allocated(device)) + FIRST_USE
    return psutil.Process().memory_info().rss + FIRST_USE + INPUT_BYTES * inputs


def free(device: torch.device) -> float:
    """Bytes that this process may still take, of the device's memory or the machine's."""
    if device.type == "cuda":
        return float(torch.cuda.mem_get_info(device)[0])
    return min([float(psutil.virtual_memory().available), *container_rest()])


def container_rest() -> list[float]:
    """What is left of the limit of a Linux container, where one is set: it counts even where the machine has more."""
    found = []
    for limit, used in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ):
        try:
            numbers = [(CGROUPS / name).read_text().strip() for name in (limit, used)]
        except OSError:
            continue
        if all(number.isdigit() for number in numbers):
            found.append(float(numbers[0]) - float(numbers[1]))
    return found

"""Features as sets of positions: of one picture or several, weighted, labelled by masks, drawn at random."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ..pictures import bilinear, shares_at

Indices = Tensor | None
"""Of positions, on the device of what they choose from; None for all."""
MEMBER = 0.25
"""Share of a label from which on a position takes part in it; those on a soft edge take part in two."""
WINDOW = 3
"""Positions on a side that features are averaged over before they are matched."""


@dataclass(frozen=True)
class Steering:
    """What is known of which parts correspond, each (1, 1, h, w) or (1, K, h, w) on some grid over its picture."""

    source: Tensor  # how much each place of it counts and moves, in [0, 1]; it is held the more, the less that is
    targets: tuple[Tensor, ...]  # the same of each
    region: Tensor  # what the counterparts of the source's places look like, unit vectors of K channels
    regions: tuple[Tensor, ...]  # what the places of each target look like, the same


class Draws:
    """Random choices, made on the CPU, so that every device gets the same, and sent to that which wants them."""

    def __init__(self, generator: torch.Generator, device: torch.device | str = "cpu") -> None:
        self.generator, self.device = generator, torch.device(device)
        self.made: list[tuple[Tensor, Callable[[], Tensor]]] = []
        self.taken: Iterator[tuple[Tensor, Callable[[], Tensor]]] | None = None

    def positions(self, every: int, count: int | None) -> Indices:
        """`count` of `every` positions, each at most once; None for all, where there are no more."""
        if count is None or every <= count:
            return None
        return self._made(lambda: torch.randperm(every, generator=self.generator)[:count])

    def steps(self, most: int) -> Tensor:
        """Two numbers from 0 to `most`."""
        return self._made(lambda: torch.randint(0, most + 1, (2,), generator=self.generator))

    def forget(self) -> None:
        """Before an iteration: choices asked for from now on are those of `again`."""
        self.made = []

    def again(self) -> None:
        """Puts new choices where those since `forget` are."""
        for place, make in self.made:
            place.copy_(self._sent(make), non_blocking=True)

    @contextmanager
    def replayed(self) -> Iterator[None]:
        """Who asks gets the places of the choices since `forget`, in the order in which they were made."""
        self.taken = iter(self.made)
        try:
            yield
        finally:
            self.taken = None

    def _made(self, make: Callable[[], Tensor]) -> Tensor:
        if self.taken is not None:
            return next(self.taken)[0]
        place = self._sent(make).to(self.device, non_blocking=True)
        self.made.append((place, make))
        return place

    def _sent(self, make: Callable[[], Tensor]) -> Tensor:
        # From pinned memory the copy doesn't wait for the device.
        return make().pin_memory() if self.device.type == "cuda" else make()


@dataclass(frozen=True)
class FeatureSet:
    """The features of one layer, or of several joined, of one picture or of several as one set."""

    features: Tensor  # (1, C, P)
    weights: Tensor | None = None  # how much each counts, (P,); None where all count the same
    shares: Tensor | None = None  # of each label, (L, P); None without masks
    regions: Tensor | None = None  # what they look like, (1, K, P), as channels beside the features; None unguided

    @property
    def size(self) -> int:
        return self.features.shape[2]

    def taken(self, chosen: Indices) -> Tensor:
        """The features of the chosen positions, with their regions: (1, C + K, P')."""
        found = gather(self.features, chosen)
        return found if self.regions is None else torch.cat([found, gather(self.regions, chosen).to(found)], dim=1)

    def members(self, chosen: Indices, label: int) -> Tensor:
        """Those of the chosen positions that belong to a label."""
        if self.shares is None:
            raise ValueError("without masks there are no labels")
        within = self.shares[label] >= MEMBER
        return within.nonzero()[:, 0] if chosen is None else chosen[within[chosen]]

    def weights_of(self, chosen: Indices, label: int | None = None) -> Tensor | None:
        """How much the chosen positions count, by their pictures' weights and their shares of a label."""
        weights = self.weights
        if label is not None and self.shares is not None:
            weights = self.shares[label] if weights is None else weights * self.shares[label]
        return weights if weights is None or chosen is None else weights[chosen]


def merge(
    maps: Sequence[Tensor], shares: Sequence[Tensor] | None, weights: Sequence[float] | None, border: int = 0
) -> FeatureSet:
    """Maps (1, C, H, W) of several pictures, which may lack a border of positions on every side, as one set, with what
    the guide says of each picture: shares of its labels, and its weight."""
    features = torch.cat([found.flatten(2) for found in maps], dim=2) if len(maps) > 1 else maps[0].flatten(2)
    counts = [found.shape[2] * found.shape[3] for found in maps]
    each = parts = None
    if weights is not None:
        full = [torch.full((count,), weight / count) for count, weight in zip(counts, weights, strict=True)]
        each = torch.cat(full).to(features.device)
    if shares is not None:
        parts = torch.cat([at_grid(s, found, border) for s, found in zip(shares, maps, strict=True)], dim=1)
    return FeatureSet(features, each, parts)


def at_grid(values: Tensor, found: Tensor, border: int = 0) -> Tensor:
    """Values (1, K, h, w) or shares of labels (K, h, w) on the grid of a map (1, C, H, W) less a border: (K, H W)."""
    height, width = (side + 2 * border for side in found.shape[2:])
    whole = shares_at(values, height, width) if values.dim() == 3 else bilinear(values, height, width)[0]
    return whole[:, border : height - border, border : width - border].flatten(1).to(found.device)


def concatenated(features: Mapping[str, Tensor], layers: Sequence[str]) -> Tensor:
    """Layers on the grid of the first, divided by their numbers of channels and joined: (N, C1 + C2 + ..., H1, W1).

    As the authors answered a user (2018); the division keeps a deep layer's many channels from outweighing the others.
    """
    grid = features[layers[0]].shape[2:]
    parts = []
    for layer in layers:
        part = features[layer].float() / features[layer].shape[1]
        parts.append(functional.interpolate(part, grid, mode="bilinear", align_corners=False))
    return torch.cat(parts, dim=1)


def averaged(features: Tensor) -> Tensor:
    """Features (1, C, H, W) averaged over their neighbourhoods: (C, H, W)."""
    return functional.avg_pool2d(features, WINDOW, stride=1, padding=WINDOW // 2, count_include_pad=False)[0]


def gather(features: Tensor, indices: Indices) -> Tensor:
    """(N, C, P) -> (N, C, len(indices))."""
    if indices is None:
        return features
    # The network's features lie position by position in memory, and so they are taken.
    return features.transpose(1, 2).index_select(1, indices).transpose(1, 2)

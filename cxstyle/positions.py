"""Features as sets of positions: of one picture or several, weighted, labelled by masks, drawn at random."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from .image import bilinear
from .masks import shares_at

Indices = Tensor | None
"""Of positions, on the CPU, where they are drawn; None for all."""
MEMBER = 0.25
"""Share of a label from which on a position takes part in it; those on a soft edge take part in two."""


@dataclass(frozen=True)
class Guide:
    """What steers the matching beside the features.

    Attributes:
        weights: of the targets, one each; None where all of their positions count the same.
        source: how far each pixel of the source belongs to each label, (L, H, W); None without masks.
        targets: the same for each target, (L, H', W'); of any size, as `source` is.
        all_source: `source` as it would be without transparency, for carrying colours over: a part's colours are those
            of its opaque places, but go to all of it, or its rim would keep its own. None where they are the same.
        all_targets: the same for each target.
    """

    weights: tuple[float, ...] | None = None
    source: Tensor | None = None
    targets: tuple[Tensor, ...] | None = None
    all_source: Tensor | None = None
    all_targets: tuple[Tensor, ...] | None = None

    def moving(self) -> Tensor | None:
        """How far each pixel of the source belongs to any label, (1, H, W); None where all do."""
        if self.source is None:
            return None
        share = self.source.sum(dim=0, keepdim=True)
        return None if bool((share > 0.5).all()) else share


@dataclass(frozen=True)
class Steering:
    """What is known of which parts correspond, each (1, 1, h, w) or (1, K, h, w) on some grid over its picture.

    Attributes:
        source: how much each place of the source counts and moves, in [0, 1]; it is held the more, the less that is.
        targets: the same of each target.
        allowed: variation that the source's places may take on, in squared units of [0, 1].
        region: what the counterparts of the source's places look like, unit vectors of K channels.
        regions: what the places of each target look like, the same.
    """

    source: Tensor
    targets: tuple[Tensor, ...]
    allowed: Tensor
    region: Tensor
    regions: tuple[Tensor, ...]


@dataclass(frozen=True)
class Positions:
    """The features of one layer, or of several joined, of one picture or of several as one set.

    Attributes:
        features: (1, C, P).
        weights: how much each counts, (P,), on the CPU; None where all count the same.
        shares: of each label, (L, P), on the CPU; None without masks.
        regions: what the regions look like, (1, K, P), as channels beside the features; None without guidance.
    """

    features: Tensor
    weights: Tensor | None = None
    shares: Tensor | None = None
    regions: Tensor | None = None

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
        if weights is not None and chosen is not None:
            weights = weights[chosen]
        return None if weights is None else weights.to(self.features.device)


def joined(
    maps: Sequence[Tensor], shares: Sequence[Tensor] | None, weights: Sequence[float] | None, border: int = 0
) -> Positions:
    """Maps (1, C, H, W) of several pictures as one set, with what the guide says of each picture.

    Args:
        maps: of each picture.
        shares: of each picture's labels.
        weights: of each picture.
        border: positions that the maps lack on every side of the picture.
    """
    features = torch.cat([found.flatten(2) for found in maps], dim=2) if len(maps) > 1 else maps[0].flatten(2)
    counts = [found.shape[2] * found.shape[3] for found in maps]
    each = None
    if weights is not None:
        each = torch.cat([torch.full((count,), weight / count) for count, weight in zip(counts, weights, strict=True)])
    parts = None
    if shares is not None:
        parts = torch.cat([shares_on(s, found, border) for s, found in zip(shares, maps, strict=True)], dim=1)
    return Positions(features, each, parts)


def pixel_shares(shares: Tensor, picture: Tensor) -> Tensor:
    """Labels' shares (L, H', W') at each pixel of a picture (1, 3, H, W): (L, H, W)."""
    return bilinear(shares[None], picture.shape[2], picture.shape[3])[0].to(picture.device)


def shares_on(shares: Tensor, found: Tensor, border: int = 0) -> Tensor:
    """Labels' shares (L, H, W) on the grid of a map (1, C, H', W') that lacks a border: (L, H' W')."""
    height, width = (side + 2 * border for side in found.shape[2:])
    return shares_at(shares, height, width)[:, border : height - border, border : width - border].flatten(1)


def at_grid(values: Tensor, found: Tensor, border: int = 0) -> Tensor:
    """Values (1, K, h, w) on the grid of a map (1, C, H, W) that lacks a border: (K, H W)."""
    height, width = (side + 2 * border for side in found.shape[2:])
    whole = bilinear(values, height, width)[0]
    return whole[:, border : height - border, border : width - border].flatten(1)


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


def draw(positions: int, count: int | None, generator: torch.Generator | None) -> Indices:
    """`count` of the positions, each at most once; None for all: where there are no more, and without a generator."""
    if count is None or generator is None or positions <= count:
        return None
    return torch.randperm(positions, generator=generator)[:count]


def gather(features: Tensor, indices: Indices) -> Tensor:
    """(N, C, P) -> (N, C, len(indices))."""
    if indices is None:
        return features
    if features.is_cuda:
        indices = indices.pin_memory()  # from where the copy doesn't wait for the device
    # The network's features lie position by position in memory, and so they are taken.
    return features.transpose(1, 2).index_select(1, indices.to(features.device, non_blocking=True)).transpose(1, 2)

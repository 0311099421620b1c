"""What the loss terms of a run have in common, once they are bound to pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..features import Features, canonical_layer
from ..pictures import Guide
from ..settings import LossTerm
from .feature_sets import Draws, Indices, Positions, Steering, at_grid, joined, shares_on


@dataclass(frozen=True)
class Evaluated:
    """What terms are computed from.

    Attributes:
        picture: (1, 3, H, W).
        features: of it, by layer.
        draws: positions; without them all take part.
        source: the source's features, by layer, where the network saw the picture shifted: seen shifted alike.
    """

    picture: Tensor
    features: Features
    draws: Draws | None
    source: Features | None = None

    def drawn(self, every: int, count: int | None) -> Indices:
        """`count` of `every` positions, or all."""
        return None if self.draws is None else self.draws.positions(every, count)


class BoundTerm:
    """A term of one run at one size.

    Attributes:
        border: positions that its maps lack on every side of the picture.
        aligned: it compares features with the source's at the same place.

    Args:
        term: what it computes.
        precision: of matrix products; see `contextual_loss`.
        plain: take the equations of the Contextual loss as they are written.
        guide: what steers it; terms that keep the source's content are not steered.
        steering: more of that, where it is known.
    """

    border = 0
    aligned = False

    def __init__(
        self, term: LossTerm, precision: str, plain: bool, guide: Guide, steering: Steering | None = None
    ) -> None:
        self.steering = steering
        self.own_shares: dict[torch.Size, Tensor] = {}
        self.own_counts: dict[torch.Size, Tensor] = {}
        self.term, self.precision, self.plain = term, precision, plain
        self.layers = [canonical_layer(layer) for layer in term.layers]
        self.guide = guide if term.compare == "target" or term.loss == "palette" else Guide()

    def refer(self, pictures: Sequence[Features]) -> None:
        """Takes what it needs of the features of the pictures that it compares with; called once."""

    def refer_to_pictures(self, pictures: Sequence[Tensor]) -> None:
        """Takes what it needs of those pictures themselves; called once."""

    def values(self, result: Evaluated) -> list[Tensor]:
        """Scalars, one for each layer or set of layers."""
        raise NotImplementedError

    def labels(self) -> range:
        """Indices of the labels; none without masks."""
        return range(0 if self.guide.source is None else len(self.guide.source))

    def other(self, maps: Sequence[Tensor]) -> Positions:
        """The side that the result is compared with, of maps (1, C, H, W) of each picture."""
        found = joined(maps, self.guide.targets, self.guide.weights, self.border)
        if self.steering is None or self.term.compare != "target":
            return found
        counts = torch.cat([at_grid(c, m, self.border)[0] for c, m in zip(self.steering.targets, maps, strict=True)])
        return replace(found, weights=counts if found.weights is None else counts * found.weights)

    def by_label(
        self, x: Positions, rows: Indices, y: Positions, columns: Indices
    ) -> Iterator[tuple[int, Tensor, Tensor]]:
        """Each label that both sides have among the chosen positions, with these positions."""
        for label in self.labels():
            own, others = x.members(rows, label), y.members(columns, label)
            if len(own) and len(others):
                yield label, own, others

    def counts(self, found: Tensor) -> Tensor | None:
        """How much each of the result's places counts, (P,), by its map (1, C, H, W); None where all do in full."""
        if self.steering is None:
            return None
        size = found.shape[2:]
        if size not in self.own_counts:
            self.own_counts[size] = at_grid(self.steering.source, found)[0]
        return self.own_counts[size]

    def own(self, found: Tensor) -> Positions:
        """The result's side: (1, C, H, W)."""
        if self.guide.source is None:
            return joined([found], None, None)
        size = found.shape[2:]
        if size not in self.own_shares:
            self.own_shares[size] = shares_on(self.guide.source, found, self.border)
        return Positions(found.flatten(2), shares=self.own_shares[size])

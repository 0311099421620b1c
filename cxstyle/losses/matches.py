"""Which features of two sets match, by the measure of the Contextual loss, without ever holding a P x Q matrix.

The similarities CX_ij are those of `contextual.py` (Eq. 2 to 4), taken in blocks of rows. Here it is kept which they
are: for each row the column that it resembles most, and for each column the row that wins it in Eq. 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .contextual import EPSILON, prepare
from .contextual_fused import ColumnMaxima, blocks, similarities, unit_rows
from .matmul import products


@dataclass(frozen=True)
class Matches:
    """Matches of P features of x and Q of y."""

    best: Tensor  # for each x the y with the largest CX_ij, which is the one with the largest cosine, (P,)
    similarity: Tensor  # that CX_ij, in (0, 1], (P,): near 1 where no other y comes close, near 1 / Q where all do
    winner: Tensor  # for each y the x with the largest CX_ij (Eq. 1), (Q,)

    @property
    def mutual(self) -> Tensor:
        """Whether each x is the winner of its best y, (P,)."""
        return self.winner[self.best] == torch.arange(len(self.best), device=self.best.device)


def matches(x: Tensor, y: Tensor, bandwidth: float = 0.5) -> Matches:
    """Matches of two sets of features, exact and in float32; memory grows with P + Q.

    Args:
        x: (C, P).
        y: (C, Q).
        bandwidth: the paper's h.
    """
    prepared = prepare(y[None])
    units = prepared.units[0]  # (Q, C)
    rows, _ = unit_rows(x.t(), prepared.means[0])  # (P, C)
    maxima, best, similarity = ColumnMaxima(units), [], []
    with products("fp32"):
        for block, memory in blocks(len(rows), units):
            cx, _, column = similarities(rows[block], units, units, bandwidth, EPSILON, memory)
            maxima.add(cx, block.start)
            best.append(column)
            similarity.append(cx.gather(1, column[:, None])[:, 0])
    return Matches(torch.cat(best), torch.cat(similarity), maxima.winner)

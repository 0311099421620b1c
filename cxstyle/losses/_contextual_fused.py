"""The Contextual similarity of two sets, exact, without ever holding a P x Q matrix.

The same arguments and meaning as the plain version in `contextual.py`, which stays the definition. Rows of x are taken
in blocks against all of y; of each block only its maxima survive. Symbols, beside those of `contextual.py`: s_ij the
cosine, m_i its row maximum, a_i = 1 / (h (1 - m_i + epsilon)), so that CX_ij = softmax_j(a_i s_ij); c_j = max_i CX_ij;
the winner of column j is the row that holds c_j.

Only rows that won a column have a gradient. With g_j the gradient of c_j and W_i the columns that row i won, it is

    dx_i = a_i u_i + (x_i . u_i) h a_i^2 y_k,   u_i = sum over j in W_i of g_j c_j y_j  -  (sum of g_j c_j) b_i

where b_i = sum_j CX_ij y_j and k is the column of m_i: the second term is the path through the minimum of Eq. 2. b_i is
taken in the forward pass, while the block is at hand: one product for every row costs less than two products and a
second exponential for the rows that win, which are 40 to 70% of them.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

BLOCK_BYTES = 8 << 20
"""Of one block of cosines: large enough for products to run at full speed, small enough to stay in the last cache."""


def block_rows(columns: int, itemsize: int) -> int:
    """Rows of x that make a block of about BLOCK_BYTES."""
    return max(16, BLOCK_BYTES // (columns * itemsize))


def similarities(x: Tensor, y: Tensor, bandwidth: float, epsilon: float) -> tuple[Tensor, Tensor, Tensor]:
    """CX of a block of rows, Eq. 2 to 4: (R, C), (Q, C) -> CX (R, Q), a (R, 1), column of the row maximum (R,)."""
    cx = torch.mm(x, y.t()).clamp_max_(1)  # rounding must not make a distance negative
    nearest, column = cx.max(dim=1, keepdim=True)  # (R, 1)
    a = 1 / (bandwidth * (1 - nearest + epsilon))
    # Subtracting first keeps small distances exact; a_i s_ij alone would lose them to rounding.
    cx = cx.sub_(nearest).mul_(a).exp_()
    return cx.div_(cx.sum(dim=1, keepdim=True)), a, column[:, 0]


class SetSimilarity(torch.autograd.Function):
    """c_j = max_i CX_ij (Eq. 1, before its mean) of unit vectors x (P, C) and y (Q, C) -> (Q,)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, bandwidth: float, epsilon: float) -> Tensor:
        """The maxima; for backward the rows that hold them, and for each row a_i, b_i and k."""
        best = x.new_full((y.shape[0],), -1.0)
        winner = torch.zeros(y.shape[0], dtype=torch.long, device=x.device)
        blocks: list[tuple[Tensor, Tensor, Tensor]] = []
        rows = block_rows(y.shape[0], y.element_size())
        for start in range(0, x.shape[0], rows):
            cx, a, nearest = similarities(x[start : start + rows], y, bandwidth, epsilon)
            # A maximum with its row is slow down a column; few columns change hands after the first blocks.
            changed = (cx.amax(dim=0) > best).nonzero()[:, 0]
            value, row = cx[:, changed].max(dim=0)
            best[changed], winner[changed] = value, row + start
            if ctx.needs_input_grad[0]:
                blocks.append((a, nearest, torch.mm(cx, y)))
        context = (torch.cat(parts) for parts in zip(*blocks, strict=True))
        ctx.save_for_backward(x, y, best, winner, *context)
        ctx.settings = bandwidth, epsilon
        return best

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        """Gradients of the unit vectors; rows that won nothing have none."""
        x, y, best, winner, *context = ctx.saved_tensors
        bandwidth, epsilon = ctx.settings
        pull = grad * best  # (Q,), g_j c_j
        total = x.new_zeros(x.shape[0]).index_add_(0, winner, pull)[:, None]  # (P, 1)
        grad_x = None
        if context:
            a, nearest, barycenter = context  # (P, 1), (P,), (P, C)
            u, through_minimum = row_pulls(x, barycenter, a, total, winner, y * pull[:, None], bandwidth)
            grad_x = u.mul_(a).addcmul_(y[nearest], through_minimum)
        grad_y = gradient_of_y(x, y, winner, pull, total, bandwidth, epsilon) if ctx.needs_input_grad[1] else None
        return grad_x, grad_y, None, None


def row_pulls(
    x: Tensor, barycenter: Tensor, a: Tensor, total: Tensor, row: Tensor, won: Tensor, bandwidth: float
) -> tuple[Tensor, Tensor]:
    """u_i (R, C) and the factor of y_k (R, 1), both as in the formula at the top.

    Args:
        x: R unit vectors, (R, C).
        barycenter: b_i, (R, C).
        a: (R, 1).
        total: sum of g_j c_j over the columns that a row won, (R, 1).
        row: which of the R rows won each of W columns, (W,).
        won: g_j c_j y_j of those columns, (W, C).
        bandwidth: h.
    """
    u = (barycenter * -total).index_add_(0, row, won)
    return u, (x * u).sum(dim=1, keepdim=True) * (bandwidth * a * a)


def gradient_of_y(
    x: Tensor, y: Tensor, winner: Tensor, pull: Tensor, total: Tensor, bandwidth: float, epsilon: float
) -> Tensor:
    """dy_j, where it is asked for: it needs whole rows of CX, so those that won a column are computed again."""
    grad = torch.zeros_like(y)
    winners = winner.unique()
    place = torch.empty_like(total[:, 0], dtype=torch.long)
    rows = block_rows(y.shape[0], y.element_size())
    for start in range(0, len(winners), rows):
        chosen = winners[start : start + rows]
        place.fill_(-1)[chosen] = torch.arange(len(chosen), device=x.device)
        columns = (place[winner] >= 0).nonzero()[:, 0]
        row, won = place[winner[columns]], pull[columns, None]
        xb, lost = x[chosen], total[chosen]
        cx, a, nearest = similarities(xb, y, bandwidth, epsilon)
        _, through_minimum = row_pulls(xb, torch.mm(cx, y), a, lost, row, y[columns] * won, bandwidth)
        grad -= torch.mm(cx.t(), xb * (a * lost))
        grad.index_add_(0, columns, (xb * a)[row] * won)
        grad.index_add_(0, nearest, xb * through_minimum)
    return grad


def set_similarity(x: Tensor, y: Tensor, bandwidth: float, epsilon: float) -> Tensor:
    """CX(X, Y) of unit vectors, Eq. 1 to 4: (N, C, P), (N, C, Q) -> (N,), in (0, 1].

    Args:
        x: generated side, unit length along C; gradients flow.
        y: other side; gradients flow where they are asked for.
        bandwidth: h of Eq. 3.
        epsilon: of Eq. 2.
    """
    pairs = zip(x.transpose(1, 2).contiguous(), y.transpose(1, 2).contiguous(), strict=True)
    return torch.stack([SetSimilarity.apply(a, b, bandwidth, epsilon).mean() for a, b in pairs])

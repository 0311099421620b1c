"""The Contextual similarity of two sets, exact, without ever holding a P x Q matrix.

The same meaning as the plain version in `contextual.py`, which stays the definition. Rows of x are taken in blocks
against all of y; of each block only its maxima survive. Symbols, beside those of `contextual.py`: s_ij the cosine, m_i
its row maximum, a_i = 1 / (h (1 - m_i + epsilon)), so that CX_ij = softmax_j(a_i s_ij); c_j = max_i CX_ij; the winner
of column j is the row that holds c_j.

Only rows that won a column have a gradient. With g_j the gradient of c_j and W_i the columns that row i won, it is

    dx_i = a_i u_i + (x_i . u_i) h a_i^2 y_k,   u_i = sum over j in W_i of g_j c_j y_j  -  (sum of g_j c_j) b_i

where b_i = sum_j CX_ij y_j and k is the column of m_i: the second term is the path through the minimum of Eq. 2. b_i is
taken in the forward pass, while the block is at hand: one product for every row costs less than two products and a
second exponential for the rows that win, which are 40 to 70% of them.

Centring and scaling of x to unit vectors are part of the function, in place in the one copy of x that it keeps.

Products in bf16 are kept away from what Eq. 2 decides near distance 0. There m_i must be exact, because it is divided
by, so it is taken once more in float32; and u_i is a small difference of vectors near y_k, so b_i's share of y_k,
nearly all of it, is added in float32, and only the others' share comes from the product.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from .matmul import averages, cosines, products, rounded

BLOCK_BYTES = {"cpu": 6 << 20, "cuda": 256 << 20}
"""Of one block of cosines. On a CPU small enough for it and its successor to stay in the last cache; elsewhere large
enough that the number of kernels doesn't count."""
FEWEST_ROWS = 128
"""Of a block: with fewer, a product spends its time on reading y."""
GROUPS = 8
"""Into which a row is folded to find its maximum."""
CHUNK = 512
"""Rows gathered at once on a CPU."""


def block_rows(y: Tensor) -> int:
    """Rows of x that make a block, by y (Q, C)."""
    size = BLOCK_BYTES.get(y.device.type, BLOCK_BYTES["cuda"])
    return max(FEWEST_ROWS, size // (len(y) * y.element_size()))


def blocks(rows: int, y: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Blocks of rows of x, and memory for their products with y (Q, C), (R, Q): the same for all, since taking it anew
    for every block would cost more than the maxima do."""
    size = min(rows, block_rows(y))
    memory = y.new_empty(size, len(y))
    for start in range(0, rows, size):
        yield slice(start, start + size), memory[: rows - start]


def row_maximum(values: Tensor) -> tuple[Tensor, Tensor]:
    """Maximum of each row and its column: (R, Q) -> (R, 1), (R, 1).

    On a CPU torch looks for a maximum with its place one value at a time, and for one without its place a vector at a
    time; so the rows are folded to an eighth first.
    """
    size = values.shape[1] // GROUPS
    if size < GROUPS or values.device.type != "cpu":
        return values.max(dim=1, keepdim=True)
    folded = values[:, : GROUPS * size].unflatten(1, (GROUPS, size)).amax(dim=1)  # (R, size)
    best, place = folded.max(dim=1, keepdim=True)
    candidates = place + torch.arange(GROUPS) * size  # (R, GROUPS)
    column = candidates.gather(1, values.gather(1, candidates).argmax(dim=1, keepdim=True))
    if values.shape[1] % GROUPS:
        last, place = values[:, GROUPS * size :].max(dim=1, keepdim=True)
        column = torch.where(last > best, place + GROUPS * size, column)
        best = torch.maximum(best, last)
    return best, column


def similarities(
    x: Tensor, y: Tensor, y_rounded: Tensor, bandwidth: float, epsilon: float, memory: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """CX of a block of rows, Eq. 2 to 4: (R, C), (Q, C) -> CX (R, Q), a (R, 1), column of the row maximum (R,). CX lies
    in `memory`."""
    cx = cosines(x, y, y_rounded, memory)
    nearest, column = row_maximum(cx)
    if y_rounded.dtype != y.dtype:
        nearest = (x * y[column[:, 0]]).sum(dim=1, keepdim=True)
    # Rounding must not make a distance negative.
    a = 1 / (bandwidth * ((1 - nearest).clamp_min(0) + epsilon))
    return torch.softmax(cx.mul_(a), dim=1, out=cx), a, column[:, 0]


class ColumnMaxima:
    """c_j and its winner over the blocks seen so far, for Q columns."""

    def __init__(self, y: Tensor) -> None:
        self.best = y.new_full((y.shape[0],), -1.0)
        self.winner = torch.zeros(y.shape[0], dtype=torch.long, device=y.device)

    def add(self, cx: Tensor, start: int) -> None:
        """A block (R, Q) whose first row is row `start` of x."""
        if cx.device.type != "cpu":
            value, row = cx.max(dim=0)
            self.winner = torch.where(value > self.best, row + start, self.winner)
            self.best = torch.maximum(self.best, value)
            return
        # The row of a maximum is slow to find, but few columns change hands after the first blocks.
        size = max(1, len(cx) // GROUPS)
        for first in range(0, len(cx), GROUPS * size):
            self._add_folded(cx[first : first + GROUPS * size], start + first, size)

    def _add_folded(self, cx: Tensor, start: int, size: int) -> None:
        """Rows in groups of `size`, the last rows of a block in fewer groups or in smaller ones."""
        size = size if len(cx) % size == 0 else 1
        folded = cx.unflatten(0, (-1, size)).amax(dim=1)  # (groups, Q)
        changed = (folded.amax(dim=0) > self.best).nonzero()[:, 0]  # (W,)
        group = folded[:, changed].argmax(dim=0)
        rows = group * size + torch.arange(size)[:, None]  # (size, W)
        value, place = cx[rows, changed].max(dim=0)
        self.best[changed], self.winner[changed] = value, group * size + place + start


def unit_rows(features: Tensor, mean: Tensor) -> tuple[Tensor, Tensor]:
    """(P, C) less the mean (C,), as unit vectors (P, C) in new memory, and 1 / their lengths (P, 1).

    A vector without length stays 0, and so does its entry among the inverses: it has no direction and no gradient.
    """
    centered = features.to(mean.dtype, copy=True, memory_format=torch.contiguous_format).sub_(mean)
    length = centered.norm(dim=1, keepdim=True)
    tiny = torch.finfo(mean.dtype).tiny
    inverse = torch.where(length > tiny, 1 / length.clamp_min(tiny), torch.zeros_like(length))
    return centered.mul_(inverse), inverse


class SetSimilarity(torch.autograd.Function):
    """c_j = max_i CX_ij (Eq. 1, before its mean) of features x (P, C), the mean of y (C,) and y's unit vectors (Q, C)
    -> (Q,). Gradients flow to all three."""

    @staticmethod
    def forward(
        ctx: Any, features: Tensor, mean: Tensor, y: Tensor, bandwidth: float, epsilon: float, precision: str
    ) -> Tensor:
        """The maxima; for backward the rows that hold them, and for each row a_i, k and the two parts of b_i."""
        x, inverse = unit_rows(features, mean)
        y_rounded, maxima = rounded(y, precision), ColumnMaxima(y)
        wanted = any(ctx.needs_input_grad[:2])
        a, share = x.new_empty(len(x), 1), x.new_empty(len(x), 1)
        others = y_rounded.new_empty(x.shape if wanted else 0)  # as exact as the product that gives it
        nearest = torch.empty(len(x), dtype=torch.long, device=x.device)
        with products(precision):
            for block, memory in blocks(len(x), y):
                cx, a[block], nearest[block] = similarities(x[block], y, y_rounded, bandwidth, epsilon, memory)
                maxima.add(cx, block.start)
                if wanted:
                    k = nearest[block, None]
                    share[block] = cx.gather(1, k)
                    others[block] = averages(cx.scatter_(1, k, 0), y_rounded)
        ctx.save_for_backward(x, inverse, y, maxima.best, maxima.winner, a, nearest, share, others)
        ctx.settings = bandwidth, epsilon, precision, features.dtype
        return maxima.best

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients; rows of x that won nothing have none."""
        x, inverse, y, best, winner, a, nearest, share, others = ctx.saved_tensors
        bandwidth, epsilon, precision, dtype = ctx.settings
        pull = grad * best  # (Q,), g_j c_j
        total = x.new_zeros(len(x)).index_add_(0, winner, pull)[:, None]  # (P, 1)
        grad_x = grad_mean = grad_y = None
        if any(ctx.needs_input_grad[:2]):
            u = others * -total
            for part in chunks(len(y), y):
                u.index_add_(0, winner[part], y[part] * pull[part, None])
            for part in chunks(len(x), x):
                ui, xi, yk, ai = u[part], x[part], y[nearest[part]], a[part]
                ui.addcmul_(yk, total[part] * -share[part])
                through_minimum = (xi * ui).sum(dim=1, keepdim=True).mul_(bandwidth * ai * ai)
                ui.mul_(ai).addcmul_(yk, through_minimum)
                # Through the length: what points along x has no effect.
                ui.addcmul_(xi, -(xi * ui).sum(dim=1, keepdim=True)).mul_(inverse[part])
            grad_x = u.to(dtype)
            grad_mean = -u.sum(dim=0) if ctx.needs_input_grad[1] else None
        if ctx.needs_input_grad[2]:
            with products(precision):
                grad_y = gradient_of_y(x, y, winner, pull, total, bandwidth, epsilon)
        return grad_x, grad_mean, grad_y, None, None, None


def chunks(rows: int, like: Tensor) -> Iterator[slice]:
    """Slices that cover all rows; on a CPU of a few rows each, since all at once would be another copy of the set."""
    step = CHUNK if like.device.type == "cpu" else rows
    return (slice(start, start + step) for start in range(0, rows, step))


def gradient_of_y(
    x: Tensor, y: Tensor, winner: Tensor, pull: Tensor, total: Tensor, bandwidth: float, epsilon: float
) -> Tensor:
    """dy_j, where it is asked for: it needs whole rows of CX, so those that won a column are computed again."""
    grad = torch.zeros_like(y)
    winners = winner.unique()
    place = torch.empty_like(total[:, 0], dtype=torch.long)
    for block, memory in blocks(len(winners), y):
        chosen = winners[block]
        place.fill_(-1)[chosen] = torch.arange(len(chosen), device=x.device)
        columns = (place[winner] >= 0).nonzero()[:, 0]
        row, won = place[winner[columns]], pull[columns, None]
        xb, lost = x[chosen], total[chosen]
        cx, a, nearest = similarities(xb, y, y, bandwidth, epsilon, memory)
        u = averages(cx, y).mul_(-lost).index_add_(0, row, y[columns] * won)
        through_minimum = (xb * u).sum(dim=1, keepdim=True) * (bandwidth * a * a)
        grad -= torch.mm(cx.t(), xb * (a * lost))
        grad.index_add_(0, columns, (xb * a)[row] * won)
        grad.index_add_(0, nearest, xb * through_minimum)
    return grad

"""Places in one picture for every position of another: made finer from layer to layer, and pixels copied from them.

Places are (2, H, W): for each position on the source's grid a row and a column on the target's.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional

from ..losses import center, unit_vectors

COHERENCE = 0.2
"""Cosine that a place is worth more where its four neighbours are taken from beside it: without it flat areas repeat
the one position that resembles everything."""
TURNS = 3
STEPS = ((-1, 0), (1, 0), (0, -1), (0, 1))
PATCH, FEATHER = 10, 2.5
"""Pixels: the side of a copied patch, and the standard deviation of the weight with which it fades out."""
CHUNK = 1 << 16
"""Positions compared at once."""


def units(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """(C, H, W), (C, H', W') as unit vectors less the mean of y (footnote 1 of the paper), position by position:
    (H, W, C), (H', W', C)."""
    centered = center(x.flatten(1)[None], y.flatten(1)[None])
    first, second = (unit_vectors(c)[0].t().contiguous() for c in centered)
    return first.view(*x.shape[1:], -1), second.view(*y.shape[1:], -1)


def finer(places: Tensor) -> Tensor:
    """Places (2, H, W) on grids twice as fine on both sides: (2, 2 H, 2 W)."""
    doubled = 2 * places.repeat_interleave(2, 1).repeat_interleave(2, 2)
    odd = torch.arange(max(doubled.shape), device=places.device) % 2
    doubled[0] += odd[: doubled.shape[1], None]
    doubled[1] += odd[: doubled.shape[2]]
    return doubled


def refined(places: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Places near the given ones that resemble more, and that hang together: (2, H, W).

    Each position looks around its own place first, and in every turn at where its neighbours' places would put it
    (Barnes et al., "PatchMatch", 2009).

    Args:
        places: (2, H, W), rows and columns of y.
        x: unit vectors (H, W, C).
        y: unit vectors (H', W', C).
    """
    for turn in range(TURNS):
        neighbours = [beside(places, *step) for step in STEPS]
        best, highest = places, torch.full(places.shape[1:], -torch.inf, device=places.device)
        for candidate in candidates(places, around=turn == 0):
            held = torch.stack([c.clamp(0, edge - 1) for c, edge in zip(candidate, y.shape[:2], strict=True)])
            score = cosines_at(x, y, held) - COHERENCE * astray(held, neighbours)
            better = score > highest
            best, highest = torch.where(better, held, best), torch.where(better, score, highest)
        places = best
    return places


def candidates(places: Tensor, *, around: bool) -> Iterator[Tensor]:
    """Places to try for every position, each (2, H, W)."""
    reach = 2 if around else 0
    for row in range(-reach, reach + 1):
        for column in range(-reach, reach + 1):
            yield places + torch.tensor([row, column], device=places.device)[:, None, None]
    for distance in (1, 2, 4):
        for row, column in STEPS:
            yield beside(places, row * distance, column * distance)


def beside(places: Tensor, row: int, column: int) -> Tensor:
    """Where each position would be taken from if it went on with the patch of the neighbour so far away."""
    height, width = places.shape[1:]
    rows = (torch.arange(height, device=places.device) + row).clamp(0, height - 1)
    columns = (torch.arange(width, device=places.device) + column).clamp(0, width - 1)
    return places[:, rows][:, :, columns] - torch.tensor([row, column], device=places.device)[:, None, None]


def astray(places: Tensor, neighbours: list[Tensor]) -> Tensor:
    """How far places lie from where their neighbours would put them, in [0, 1]: (H, W)."""
    off = [((places - n).abs().sum(0) / 4).clamp(max=1) for n in neighbours]
    return torch.stack(off).mean(0)


def cosines_at(x: Tensor, y: Tensor, places: Tensor) -> Tensor:
    """Cosine of each position of x (H, W, C) with its place in y: (H, W)."""
    index = (places[0] * y.shape[1] + places[1]).flatten()
    rows, columns = x.flatten(0, 1), y.flatten(0, 1)
    parts = [(some * columns[at]).sum(1) for some, at in zip(rows.split(CHUNK), index.split(CHUNK), strict=True)]
    return torch.cat(parts).view(x.shape[:2])


def copied(target: Tensor, places: Tensor, stride: int) -> Tensor:
    """A picture built of the target's patches, one for each position, laid over each other with soft edges.

    Args:
        target: (1, 3, H', W').
        places: (2, H, W).
        stride: pixels between two positions, on both sides.

    Returns:
        (1, 3, stride H, stride W).
    """
    height, width = (stride * edge for edge in places.shape[1:])
    total, weights = torch.zeros(1, 3, height, width), torch.zeros(height, width)
    rows, columns = torch.arange(height), torch.arange(width)
    reach = PATCH // (2 * stride)
    for row in range(-reach, reach + 1):
        for column in range(-reach, reach + 1):
            # Pixel p as the position `row`, `column` from its own sees it: at this offset within that patch.
            i, j = rows // stride + row, columns // stride + column
            y, x = rows - i * stride, columns - j * stride
            known = ((i >= 0) & (i < places.shape[1]))[:, None] & ((j >= 0) & (j < places.shape[2]))
            at = places[:, i.clamp(0, places.shape[1] - 1)][:, :, j.clamp(0, places.shape[2] - 1)] * stride
            at = at + torch.stack(torch.broadcast_tensors(y[:, None], x[None]))
            limits = torch.tensor(target.shape[2:])[:, None, None]
            held = at.clamp_min(0).minimum(limits - 1)
            known &= (at == held).all(0)
            middle = (stride - 1) / 2
            far = (y - middle)[:, None] ** 2 + (x - middle) ** 2
            weight = torch.exp(-far / (2 * FEATHER**2)) * known
            total += target[:, :, held[0], held[1]] * weight
            weights += weight
    return total / weights


def coverage(target: Tensor, places: Tensor, stride: int) -> Tensor:
    """Where the patches come from: 1 inside one, 0 outside all, soft between.

    Args and result as `copied`, but (1, 1, H', W').
    """
    height, width = target.shape[2] // stride, target.shape[3] // stride
    visited = torch.zeros(1, 1, height, width)
    visited[0, 0, places[0].flatten(), places[1].flatten()] = 1
    side = 2 * (PATCH // (2 * stride)) + 1
    patches = functional.max_pool2d(visited, side, stride=1, padding=side // 2)
    soft = functional.avg_pool2d(patches, side, stride=1, padding=side // 2, count_include_pad=False)
    return functional.interpolate(soft, target.shape[2:], mode="bilinear", align_corners=False)

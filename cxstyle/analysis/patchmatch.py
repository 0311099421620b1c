"""Places in one picture for every position of another, (2, H, W): for each position on the source's grid a row and a
column on the target's. Made finer from layer to layer, and pixels copied from them."""

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


def unit_maps(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """(C, H, W), (C, H', W') as unit vectors less the mean of y (footnote 1 of the paper), position by position:
    (H, W, C), (H', W', C)."""
    centered = center(x.flatten(1)[None], y.flatten(1)[None])
    first, second = (unit_vectors(c)[0].t().contiguous() for c in centered)
    return first.view(*x.shape[1:], -1), second.view(*y.shape[1:], -1)


def upsample(places: Tensor) -> Tensor:
    """Places (2, H, W) on grids twice as fine on both sides: (2, 2 H, 2 W)."""
    doubled = 2 * places.repeat_interleave(2, 1).repeat_interleave(2, 2)
    odd = torch.arange(max(doubled.shape), device=places.device) % 2
    doubled[0] += odd[: doubled.shape[1], None]
    doubled[1] += odd[: doubled.shape[2]]
    return doubled


def refine(places: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Places near the given ones (2, H, W) that resemble more, and that hang together, by unit vectors x (H, W, C) and
    y (H', W', C).

    Each position looks around its own place first, and in every turn at where its neighbours' places would put it
    (Barnes et al., "PatchMatch", 2009).
    """
    for turn in range(TURNS):
        neighbours = [propagated(places, *step) for step in STEPS]
        best, highest = places, torch.full(places.shape[1:], -torch.inf, device=places.device)
        for candidate in candidates(places, around=turn == 0):
            held = torch.stack([c.clamp(0, edge - 1) for c, edge in zip(candidate, y.shape[:2], strict=True)])
            score = cosines_at(x, y, held) - COHERENCE * incoherence(held, neighbours)
            better = score > highest
            best, highest = torch.where(better, held, best), torch.where(better, score, highest)
        places = best
    return places


def candidates(places: Tensor, *, around: bool) -> Iterator[Tensor]:
    reach = 2 if around else 0
    for row in range(-reach, reach + 1):
        for column in range(-reach, reach + 1):
            yield places + torch.tensor([row, column], device=places.device)[:, None, None]
    for distance in (1, 2, 4):
        for row, column in STEPS:
            yield propagated(places, row * distance, column * distance)


def propagated(places: Tensor, row: int, column: int) -> Tensor:
    """Where each position would be taken from if it went on with the patch of the neighbour so far away."""
    height, width = places.shape[1:]
    rows = (torch.arange(height, device=places.device) + row).clamp(0, height - 1)
    columns = (torch.arange(width, device=places.device) + column).clamp(0, width - 1)
    return places[:, rows][:, :, columns] - torch.tensor([row, column], device=places.device)[:, None, None]


def incoherence(places: Tensor, neighbours: list[Tensor]) -> Tensor:
    """How far places lie from where their neighbours would put them, in [0, 1]: (H, W)."""
    off = [((places - n).abs().sum(0) / 4).clamp(max=1) for n in neighbours]
    return torch.stack(off).mean(0)


def cosines_at(x: Tensor, y: Tensor, places: Tensor) -> Tensor:
    """Cosine of each position of x (H, W, C) with its place in y: (H, W)."""
    index = (places[0] * y.shape[1] + places[1]).flatten()
    rows, columns = x.flatten(0, 1), y.flatten(0, 1)
    parts = [(some * columns[at]).sum(1) for some, at in zip(rows.split(CHUNK), index.split(CHUNK), strict=True)]
    return torch.cat(parts).view(x.shape[:2])


def copy_patches(target: Tensor, places: Tensor, stride: int) -> Tensor:
    """A picture (1, 3, stride H, stride W) built of patches of the target (1, 3, H', W'), whose sides are multiples of
    the stride, one for each of the places (2, H, W), laid over each other with soft edges."""
    margin = PATCH // (2 * stride) * stride
    side = 2 * margin + stride
    far = (torch.arange(side) - (side - 1) / 2).square()
    fading = torch.exp(-(far[:, None] + far).flatten() / (2 * FEATHER**2))[:, None]  # (side^2, 1)
    index = (places[0] * (target.shape[3] // stride) + places[1]).flatten()
    height, width = (stride * edge for edge in places.shape[1:])

    def laid(picture: Tensor) -> Tensor:
        """Of a picture whose outside is 0."""
        patches = functional.unfold(picture, side, padding=margin, stride=stride)[:, :, index]
        faded = patches.unflatten(1, (-1, side**2)) * fading
        return functional.fold(faded.flatten(1, 2), (height, width), side, padding=margin, stride=stride)

    return laid(target) / laid(torch.ones_like(target[:, :1]))


def visited_share(target: Tensor, places: Tensor, stride: int) -> Tensor:
    """Where the patches of `copy_patches` come from: 1 inside one, 0 outside all, soft between; (1, 1, H', W')."""
    height, width = target.shape[2] // stride, target.shape[3] // stride
    visited = torch.zeros(1, 1, height, width)
    visited[0, 0, places[0].flatten(), places[1].flatten()] = 1
    side = 2 * (PATCH // (2 * stride)) + 1
    patches = functional.max_pool2d(visited, side, stride=1, padding=side // 2)
    soft = functional.avg_pool2d(patches, side, stride=1, padding=side // 2, count_include_pad=False)
    return functional.interpolate(soft, target.shape[2:], mode="bilinear", align_corners=False)

"""Measures of one picture, or of one against another: noise, structure, palette, purity."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from ..losses import Matches, matches
from ..pictures import to_lab

LUMINANCE = (0.2126, 0.7152, 0.0722)
"""Rec. 709, applied to sRGB values as they are."""
SMOOTH = 9
"""Width of the window that noise is averaged away in, to see where a picture is flat; odd."""
DIRECTIONS = 64
PIXELS = 1 << 16
"""Pixels of a picture that its palette is taken from."""
QUANTILES = 1024

Shares = list[float | None]


def luminance(pictures: Tensor) -> Tensor:
    """(N, 3, H, W) in [0, 1] -> (N, 1, H, W) in [0, 255]."""
    weights = torch.tensor(LUMINANCE, dtype=pictures.dtype, device=pictures.device).view(1, 3, 1, 1)
    return 255 * (pictures * weights).sum(1, keepdim=True)


def roughness(picture: Tensor) -> Tensor:
    """Absolute Laplacian of the luminance from the 4 neighbours: (1, 3, H, W) in [0, 1] -> (H - 2, W - 2)."""
    y = luminance(picture)[0, 0]
    around = y[:-2, 1:-1] + y[2:, 1:-1] + y[1:-1, :-2] + y[1:-1, 2:]
    return (around - 4 * y[1:-1, 1:-1]).abs()


def noise(picture: Tensor) -> float:
    """Median of `roughness`, in steps of 8 bits; (1, 3, H, W) in [0, 1]."""
    return float(roughness(picture.cpu()).median())


def flat_noise(picture: Tensor) -> float:
    """Mean of `roughness` where the picture is flat, in steps of 8 bits; (1, 3, H, W) in [0, 1].

    Flat is the quarter of positions where a copy, averaged over 9 x 9 px, has the smallest gradients: dots and checks
    that the median doesn't see are gone from that copy, and so still count as flat.
    """
    picture = picture.cpu()
    padded = functional.pad(luminance(picture), (SMOOTH // 2,) * 4, mode="reflect")
    y = functional.avg_pool2d(padded, SMOOTH, 1)[0, 0]
    gradient = (y[1:-1, 2:] - y[1:-1, :-2]).square() + (y[2:, 1:-1] - y[:-2, 1:-1]).square()
    limit = gradient.flatten().kthvalue(math.ceil(gradient.numel() / 4)).values
    return float(roughness(picture)[gradient <= limit].mean())


def feature_distance(x: Mapping[str, Tensor], y: Mapping[str, Tensor]) -> float:
    """Mean over positions of 1 - cosine between features at the same place, averaged over layers,
    {layer: (1, C, H, W)}; in [0, 1] after ReLU.

    Half of the unlearned distance of Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual
    Metric" (2018), squared differences of unit vectors, averaged over layers instead of summed.
    """
    distances = []
    for name, features in x.items():
        a, b = (functional.normalize(f.float(), dim=1, eps=1e-10) for f in (features, y[name]))
        distances.append((a - b).square().sum(1).mean() / 2)
    return float(torch.stack(distances).mean())


def palette(picture: Tensor) -> Tensor:
    """Quantiles of a picture's L*a*b* colours along 64 directions: (1, 3, H, W) in [0, 1] -> (64, 1024)."""
    colors = picture[0].flatten(1).T.cpu().double()  # (P, 3); not every device has double
    if len(colors) > PIXELS:
        # At random: a regular choice of pixels sees only one colour of a regular pattern.
        chosen = torch.randperm(len(colors), generator=torch.Generator().manual_seed(0))[:PIXELS]
        colors = colors[chosen]
    along = (directions() @ to_lab(colors).T).sort(dim=1).values  # (64, P)
    places = (torch.arange(QUANTILES) + 0.5) / QUANTILES * len(colors)
    return along[:, places.long()]


def directions() -> Tensor:
    """Unit vectors spread evenly over half a sphere, by the golden angle: (64, 3)."""
    i = torch.arange(DIRECTIONS, dtype=torch.float64)
    height = (i + 0.5) / DIRECTIONS
    radius, angle = (1 - height**2).sqrt(), i * math.pi * (3 - 5**0.5)
    return torch.stack([height, radius * angle.cos(), radius * angle.sin()], dim=1)


def palette_distance(x: Tensor, y: Tensor) -> float:
    """Sliced Wasserstein distance (W1) of two `palette`s, in units of L*a*b*; d / 2 for colours all shifted by d."""
    return float((x - y).abs().mean())


def purity(x: Tensor, y: Tensor, own: Tensor, other: Tensor) -> Shares:
    """For each of L labels, the share in [0, 1] of its positions in features x (1, C, H, W) whose best match in y
    (1, C, H', W'), that of `matches`, has the same label; None for a label without a position in x, or in y.

    How far positions belong to each label are `own` (L, H, W), of which at least half counts, and `other` (L, H', W'),
    of which the most counts.
    """
    found: Matches = matches(x[0].flatten(1), y[0].flatten(1))
    matched = other.flatten(1).argmax(0)[found.best]  # (P,)
    shares: Shares = []
    for label, belongs in enumerate(own.flatten(1) >= 0.5):
        there = bool(belongs.any()) and bool(other[label].any())
        shares.append(float((matched[belongs] == label).float().mean()) if there else None)
    return shares


def average(values: Shares) -> float | None:
    found = [value for value in values if value is not None]
    return sum(found) / len(found) if found else None

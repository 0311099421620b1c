"""What a stylized picture is worth, in numbers that agree with the eye: near the target's style, near the source's
structure, clean, in the target's colours, region matched with region."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .checks import check_choice, check_device, check_integer
from .config import FEATURES, SMALLEST_EDGE
from .device import choose_device, exact_float32, memory_errors
from .errors import ConfigError, MemoryLimitError, PictureError
from .image import Picture, fit_within, load_picture, resize
from .losses.contextual import contextual_loss
from .masks import Labels, check_shape, described, read_labels, same_shape, shares_at
from .measures import (
    Shares,
    average,
    feature_distance,
    flat_noise,
    luminance,
    noise,
    palette,
    palette_distance,
    purity,
)
from .vgg import VGGFeatures, resolve_network

STYLE_LAYERS = ("conv2_2", "conv3_2", "conv4_2")
STYLE_BANDWIDTH = 0.2
CONTENT_LAYER = "conv4_2"
CONTENT_BANDWIDTH = 0.1
STRUCTURE_LAYERS = ("conv1_2", "conv2_2", "conv3_3", "conv4_3")
STRUCTURE_EDGE = 128
"""Long edge at which structure is compared: noise, which has a number of its own, is mostly gone there."""
PURITY_LAYERS = ("conv3_2", "conv4_2")


@dataclass(frozen=True)
class Noise:
    """A measure of noise, in steps of 8 bits.

    Attributes:
        picture: of the picture.
        source: of the source at the picture's size.
        target: of the target at its size.
        ratio: of the picture to the noisier of the other two; None where both have none.
    """

    picture: float
    source: float
    target: float
    ratio: float | None


@dataclass(frozen=True)
class Score:
    """What `score` found; all are better when lower, but for purity.

    Attributes:
        sizes: height and width of picture, source and target as they were compared.
        network: vgg16 or vgg19.
        style: the Contextual loss towards the target, {layer: -log CX}, h = 0.2.
        content: the Contextual loss towards the source, conv4_2, h = 0.1.
        noise: the median of the absolute Laplacian of luminance.
        flat_noise: its mean over the flattest quarter.
        structure: distance from the source in [0, 1].
        palette: sliced Wasserstein distance of L*a*b* colours, picture to target.
        source_palette: the same, source to target.
        palette_ratio: the first over the second; None where source and target have the same colours.
        purity: of each label that both masks have, the share in [0, 1] that is matched with the same label; None for a
            label too small for the network's grid, an empty mapping without masks.
        mean_purity: their mean; None without masks.
        source_purity: `mean_purity` of the source itself, as what to compare with.
    """

    sizes: Mapping[str, tuple[int, int]]
    network: str
    style: Mapping[str, float]
    content: float
    noise: Noise
    flat_noise: Noise
    structure: float
    palette: float
    source_palette: float
    palette_ratio: float | None
    purity: Mapping[str, float | None]
    mean_purity: float | None
    source_purity: float | None

    def to_dict(self) -> dict[str, Any]:
        """All numbers as plain mappings, for JSON."""
        return dataclasses.asdict(self)


def score(
    picture: Picture,
    source: Picture,
    target: Picture,
    source_mask: Picture | None = None,
    target_mask: Picture | None = None,
    *,
    size: int = 512,
    features: str = "auto",
    weights: str | os.PathLike[str] | None = None,
    device: str = "auto",
) -> Score:
    """Measures a stylized picture against the two that it was made from.

    Args:
        picture: path, PIL picture or tensor (3, H, W) in [0, 1]; the source's shape, any size.
        source: what it was made from; compared at the picture's size.
        target: whose look it should have; compared with the same long edge, where it is that large.
        source_mask: flat colours for the parts of the source; with it and `target_mask`, purity is measured.
        target_mask: the same parts of the target in the same colours.
        size: long edge that the picture is reduced to, where it is larger. Scores of one size can be compared.
        features: the network, auto, vgg16 or vgg19; structure is measured with VGG16 always.
        weights: a weight file instead of those on the machine.
        device: auto, cpu, cuda, cuda:N or mps.

    Raises:
        CxStyleError: pictures, masks, settings, weights or a device that can't be used.
    """
    check_integer("size", size, SMALLEST_EDGE)
    check_choice("features", features, FEATURES)
    check_device(device)
    if (source_mask is None) != (target_mask is None):
        raise ConfigError("source mask and target mask belong together; give both, or neither")
    where = choose_device(device)
    loaded = load(picture, source, target)
    labels = None
    if source_mask is not None and target_mask is not None:
        labels = read_labels(source_mask, [target_mask])
        check_shape(height_width(labels.source), height_width(loaded[1]), described(source_mask, "source mask"))
        check_shape(height_width(labels.targets[0]), height_width(loaded[2]), described(target_mask, "target mask"))
    network = resolve_network(features, Path(weights) if weights is not None else None)
    layers = sorted({*STYLE_LAYERS, CONTENT_LAYER, *PURITY_LAYERS})
    net, eye = VGGFeatures(network, layers), VGGFeatures(resolve_network("vgg16"), STRUCTURE_LAYERS)
    try:
        with torch.inference_mode(), exact_float32(), memory_errors():
            p, s, t = (each.to(where) for each in fitted(*loaded, size))
            return measure(p, s, t, labels, net.to(where), eye.to(where), network.name)
    except MemoryLimitError as error:
        raise MemoryLimitError(f"memory ran out at {size} px; use a smaller --size, or another --device") from error


def load(picture: Picture, source: Picture, target: Picture) -> tuple[Tensor, Tensor, Tensor]:
    """The three pictures, (1, 3, H, W) each.

    Raises:
        PictureError: one that can't be read, or a picture of another shape than the source.
    """
    p, s, t = load_picture(picture), load_picture(source, "source"), load_picture(target, "target")
    if not same_shape(height_width(p), height_width(s)):
        sizes = [f"{width}x{height}" for height, width in (height_width(p), height_width(s))]
        raise PictureError(
            f"{described(picture, 'picture')} is {sizes[0]} px but the source {sizes[1]}; "
            "score a picture with the source it was made from"
        )
    return p, s, t


def fitted(picture: Tensor, source: Tensor, target: Tensor, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """The three pictures at the sizes at which they are compared."""
    p = resize(picture, *fit_within(picture, size))
    return p, resize(source, *height_width(p)), resize(target, *fit_within(target, max(p.shape[2:])))


def height_width(maps: Tensor) -> tuple[int, int]:
    return maps.shape[-2], maps.shape[-1]


def measure(
    picture: Tensor,
    source: Tensor,
    target: Tensor,
    labels: Labels | None,
    net: VGGFeatures,
    eye: VGGFeatures,
    name: str,
) -> Score:
    """All numbers of three pictures of fitting sizes, (1, 3, H, W) each."""
    p, s, t = net(picture), net(source), net(target)
    colors = [palette(each) for each in (picture, source, target)]
    mine, before = palette_distance(colors[0], colors[2]), palette_distance(colors[1], colors[2])
    pure = purities(p, t, labels) if labels else {}
    return Score(
        sizes={
            word: height_width(each) for word, each in (("picture", picture), ("source", source), ("target", target))
        },
        network=name,
        style={layer: loss(p[layer], t[layer], STYLE_BANDWIDTH) for layer in STYLE_LAYERS},
        content=loss(p[CONTENT_LAYER], s[CONTENT_LAYER], CONTENT_BANDWIDTH),
        noise=compared(noise(picture), noise(source), noise(target)),
        flat_noise=compared(flat_noise(picture), flat_noise(source), flat_noise(target)),
        structure=structure(picture, source, eye),
        palette=mine,
        source_palette=before,
        palette_ratio=mine / before if before else None,
        purity=pure,
        mean_purity=average(list(pure.values())),
        source_purity=average(list(purities(s, t, labels).values())) if labels else None,
    )


def loss(x: Tensor, y: Tensor, bandwidth: float) -> float:
    """The Contextual loss of all positions, without rounding's -0.0 for equal features."""
    return max(0.0, float(contextual_loss(x, y, bandwidth)))


def compared(picture: float, source: float, target: float) -> Noise:
    """With the ratio to the noisier of the originals."""
    most = max(source, target)
    return Noise(picture, source, target, picture / most if most else None)


def structure(picture: Tensor, source: Tensor, eye: VGGFeatures) -> float:
    """Distance in [0, 1] between the luminances of two pictures of one size, at a long edge of 128 px.

    Luminance, because another palette is wanted; small, because noise would otherwise outweigh what has moved.
    """
    size = fit_within(picture, STRUCTURE_EDGE)
    grey = [luminance(resize(each, *size)).expand(-1, 3, -1, -1) / 255 for each in (picture, source)]
    return feature_distance(eye(grey[0]), eye(grey[1]))


def purities(p: Mapping[str, Tensor], t: Mapping[str, Tensor], labels: Labels) -> dict[str, float | None]:
    """The purity of each label on both sides, averaged over conv3_2 and conv4_2."""
    found: list[Shares] = []
    for layer in PURITY_LAYERS:
        own, other = (
            shares_at(shares, *height_width(maps)).to(maps.device)
            for shares, maps in ((labels.source, p[layer]), (labels.targets[0], t[layer]))
        )
        found.append(purity(p[layer], t[layer], own, other))
    return {labels.names[i]: average([shares[i] for shares in found]) for i in labels.shared}

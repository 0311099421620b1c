"""What a stylized picture is worth, in numbers that agree with the eye: style, structure, noise, palette, regions."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .. import pictures
from ..checks import check_choice, check_integer
from ..device import choose_device, exact_float32, memory_errors, usual_modes
from ..errors import MemoryLimitError, PictureError
from ..features import VGG16, Network, VGGFeatures, read_network, resolve_network
from ..losses import contextual_loss
from ..pictures import Labels, Picture
from ..settings import FEATURES
from ..transfer import Targets, read_inputs
from .measures import Shares, average, feature_distance, flat_noise, luminance, noise, palette, palette_distance, purity

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
        target: of the target at its size; of several the noisiest.
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
        sizes: height and width of picture, source and target as they were compared; of several targets, target 1...
        network: vgg16 or vgg19; of style, content and purity.
        weights: where its weights come from.
        weights_sha256: of that file.
        style: the Contextual loss towards the target, {layer: -log CX}, h = 0.2.
        content: the Contextual loss towards the source, conv4_2, h = 0.1.
        noise: the median of the absolute Laplacian of luminance.
        flat_noise: its mean over the flattest quarter.
        structure: distance from the source in [0, 1], by the bundled VGG16.
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
    weights: str
    weights_sha256: str
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


@usual_modes()
def score(
    picture: Picture,
    source: Picture,
    target: Targets,
    source_mask: Picture | None = None,
    target_mask: Targets | None = None,
    *,
    size: int = 512,
    features: str = "auto",
    weights: str | os.PathLike[str] | None = None,
    device: str = "auto",
) -> Score:
    """Measures a stylized picture against the two that it was made from.

    Args:
        picture: as `stylize` takes pictures; the source's shape, any size.
        source: what it was made from; compared at the picture's size.
        target: whose look it should have; compared with the same long edge, where it is that large. Of several, the
            features make one set, the colours too, and the noisiest counts. Flat borders are left out.
        source_mask: flat colours for the parts of the source; with it and `target_mask`, purity is measured.
        target_mask: the same parts of the target in the same colours; one for each target.
        size: long edge that the picture is reduced to, where it is larger. Scores of one size can be compared.
        features: the network, auto, vgg16 or vgg19; structure is measured with the bundled VGG16 always.
        weights: a weight file instead of those on the machine.
        device: auto, cpu, cuda, cuda:N or mps.

    Raises:
        CxStyleError: pictures, masks, settings, weights or a device that can't be used.
    """
    check_integer("size", size, pictures.SMALLEST_EDGE)
    check_choice("features", features, FEATURES)
    where = choose_device(device)
    loaded, labels = load(picture, source, target, source_mask, target_mask)
    network = resolve_network(features, weights)
    layers = sorted({*STYLE_LAYERS, CONTENT_LAYER, *PURITY_LAYERS})
    net, eye = VGGFeatures(network, layers), VGGFeatures(read_network(VGG16), STRUCTURE_LAYERS)
    try:
        with torch.inference_mode(), exact_float32(), memory_errors():
            p = pictures.shrunk(loaded[0], size).to(where)
            s = pictures.resize(loaded[1], *p.shape[2:]).to(where)
            t = [pictures.shrunk(target, max(p.shape[2:])).to(where) for target in loaded[2:]]
            return measure(p, s, t, labels, net.to(where), eye.to(where), network)
    except MemoryLimitError as error:
        raise MemoryLimitError(f"memory ran out at {size} px; use a smaller --size, or another --device") from error


def load(
    picture: Picture, source: Picture, target: Targets, source_mask: Picture | None, target_mask: Targets | None
) -> tuple[list[Tensor], Labels | None]:
    """Picture, source and targets, (1, 3, H, W) each, and the labels of the masks; refuses a picture of another shape
    than the source's."""
    p, inputs = pictures.load_picture(picture), read_inputs(source, target, None, source_mask, target_mask)
    if not pictures.same_shape(height_width(p), height_width(inputs.source)):
        sizes = [f"{width}x{height}" for height, width in (height_width(p), height_width(inputs.source))]
        raise PictureError(
            f"{pictures.described(picture, 'picture')} is {sizes[0]} px but the source {sizes[1]}; "
            "score a picture with the source it was made from"
        )
    sides = zip((inputs.source, *inputs.targets), (inputs.source_alpha, *inputs.target_alphas), strict=True)
    return [p, *(pictures.on_white(colors, alpha) for colors, alpha in sides)], inputs.labels


def join_maps(maps: Sequence[Tensor]) -> Tensor:
    """Maps of several pictures as one in a row, whose places no longer mean anything: (..., H, W) -> (..., 1, P)."""
    return maps[0] if len(maps) == 1 else torch.cat([each.flatten(-2) for each in maps], dim=-1).unsqueeze(-2)


def height_width(maps: Tensor) -> tuple[int, int]:
    return maps.shape[-2], maps.shape[-1]


def measure(
    picture: Tensor,
    source: Tensor,
    targets: Sequence[Tensor],
    labels: Labels | None,
    net: VGGFeatures,
    eye: VGGFeatures,
    network: Network,
) -> Score:
    """All numbers of pictures of fitting sizes, (1, 3, H, W) each."""
    p, s, maps = net(picture), net(source), [net(target) for target in targets]
    t = {layer: join_maps([found[layer] for found in maps]) for layer in p}
    colors = [palette(each) for each in (picture, source, join_maps(targets))]
    mine, before = palette_distance(colors[0], colors[2]), palette_distance(colors[1], colors[2])
    names = ["target"] if len(targets) == 1 else [f"target {i + 1}" for i in range(len(targets))]
    sizes = map(height_width, (picture, source, *targets))
    pure = purities(p, maps, labels) if labels else {}
    return Score(
        sizes=dict(zip(["picture", "source", *names], sizes, strict=True)),
        network=network.name,
        weights=network.provenance.source,
        weights_sha256=network.provenance.source_sha256,
        style={layer: loss(p[layer], t[layer], STYLE_BANDWIDTH) for layer in STYLE_LAYERS},
        content=loss(p[CONTENT_LAYER], s[CONTENT_LAYER], CONTENT_BANDWIDTH),
        noise=compare_noise(noise, picture, source, targets),
        flat_noise=compare_noise(flat_noise, picture, source, targets),
        structure=structure(picture, source, eye),
        palette=mine,
        source_palette=before,
        palette_ratio=mine / before if before else None,
        purity=pure,
        mean_purity=average(list(pure.values())),
        source_purity=average(list(purities(s, maps, labels).values())) if labels else None,
    )


def loss(x: Tensor, y: Tensor, bandwidth: float) -> float:
    """The Contextual loss of all positions, without rounding's -0.0 for equal features."""
    return max(0.0, float(contextual_loss(x, y, bandwidth)))


def compare_noise(of: Callable[[Tensor], float], picture: Tensor, source: Tensor, targets: Sequence[Tensor]) -> Noise:
    found, before, after = of(picture), of(source), max(map(of, targets))
    most = max(before, after)
    return Noise(found, before, after, found / most if most else None)


def structure(picture: Tensor, source: Tensor, eye: VGGFeatures) -> float:
    """Distance in [0, 1] between the luminances of two pictures of one size, at a long edge of 128 px: another palette
    is wanted, and noise would otherwise outweigh what has moved."""
    size = pictures.fit_within(picture, STRUCTURE_EDGE)
    grey = [luminance(pictures.resize(each, *size)).expand(-1, 3, -1, -1) / 255 for each in (picture, source)]
    return feature_distance(eye(grey[0]), eye(grey[1]))


def purities(
    p: Mapping[str, Tensor], targets: Sequence[Mapping[str, Tensor]], labels: Labels
) -> dict[str, float | None]:
    """The purity of each label on both sides, averaged over conv3_2 and conv4_2."""
    found: list[Shares] = []
    for layer in PURITY_LAYERS:
        maps = [target[layer] for target in targets]
        own = pictures.shares_at(labels.source, *height_width(p[layer]))
        others = [pictures.shares_at(s, *height_width(each)) for s, each in zip(labels.targets, maps, strict=True)]
        device = p[layer].device
        found.append(purity(p[layer], join_maps(maps), own.to(device), join_maps(others).to(device)))
    return {labels.names[i]: average([shares[i] for shares in found]) for i in labels.shared}

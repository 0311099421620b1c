"""The convolutions of VGG16 and VGG19 (Simonyan, Zisserman 2014) by name, and what their published weights expect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..checks import check_choice

BLOCKS = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}
"""Convolutions in each of the five blocks; a pooling follows each block."""
WIDTHS = (64, 128, 256, 512, 512)
"""Output channels of each block's convolutions."""
CONVOLUTIONS = {
    network: tuple(f"conv{block}_{i}" for block, count in enumerate(counts, 1) for i in range(1, count + 1))
    for network, counts in BLOCKS.items()
}


@dataclass(frozen=True)
class Normalization:
    """What a set of weights wants of a picture: (scale * picture in `channels` order - mean) / std, per channel."""

    name: str
    channels: str
    scale: float
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


IMAGENET = Normalization("imagenet", "RGB", 1.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
CAFFE = Normalization("caffe", "BGR", 255.0, (103.939, 116.779, 123.68), (1.0, 1.0, 1.0))
MATCONVNET = Normalization("matconvnet", "RGB", 255.0, (123.68, 116.779, 103.939), (1.0, 1.0, 1.0))
NORMALIZATIONS = {n.name: n for n in (IMAGENET, CAFFE, MATCONVNET)}


def canonical_layer(name: str) -> str:
    """The paper's name of a layer: relu4_2 is conv4_2, features being taken after the ReLU."""
    return "conv" + name[4:] if name.startswith("relu") else name


def check_layers(layers: Sequence[str], place: str) -> None:
    """Refuses names that aren't layers of any VGG, by a ConfigError that suggests the nearest; `place` is where in the
    settings they stand."""
    for layer in layers:
        check_choice(place, canonical_layer(layer), CONVOLUTIONS["vgg19"])


def block_of(layer: str) -> int:
    """Number of the block, from 1: conv3_2 -> 3."""
    return int(layer[4])


def stride(layer: str) -> int:
    """Pixels between neighbouring positions of a layer, such as 8 for conv4_2."""
    return 1 << (block_of(layer) - 1)


def kernel_shape(name: str) -> tuple[int, int, int, int]:
    """(out, in, 3, 3) of a convolution: conv2_1 -> (128, 64, 3, 3)."""
    block = block_of(name)
    width, before = WIDTHS[block - 1], (3, *WIDTHS)[block - 1]
    return width, (before if name.endswith("_1") else width), 3, 3


def torchvision_indices(network: str) -> dict[int, str]:
    """Position in torchvision's `features` -> name: {0: conv1_1, 2: conv1_2, 5: conv2_1, ...}.

    Each convolution has its ReLU behind it, each block its pooling.
    """
    return {2 * i + block_of(name) - 1: name for i, name in enumerate(CONVOLUTIONS[network])}

"""VGG features by the paper's layer names.

A picture is (N, 3, H, W) sRGB in [0, 1]; what the weights want instead is applied here and nowhere else.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..checks import converted, nearest
from ..errors import ConfigError, WeightsError
from .layers import CONVOLUTIONS, block_of, canonical_layer
from .weights import Network, find, read_network, read_weights

Features = Mapping[str, Tensor]
"""Of one picture, (1, C, H, W) by layer."""

POOLINGS: dict[str, Callable[..., Tensor]] = {"max": functional.max_pool2d, "average": functional.avg_pool2d}


def resolve_network(features: str = "auto", weights: str | os.PathLike[str] | None = None) -> Network:
    """The network to use; nothing is ever downloaded.

    Args:
        features: vgg16, vgg19, or auto: VGG19 where it is on this machine, else the bundled VGG16.
        weights: a weight file (ours or any that `cxstyle weights import` reads) to use instead of those on the machine.

    Raises:
        WeightsError: the weights are missing, damaged, or of another network than `features` asks for.
    """
    file = converted(weights, str | None, "weights")
    if file:
        network = read_weights(Path(file))
        if features not in ("auto", network.name):
            raise WeightsError(f"{weights} holds {network.name}, but the features asked for are {features}")
        return network
    if features == "auto":
        features = "vgg19" if find("vgg19") else "vgg16"
    path = find(features)
    if path is None:
        raise WeightsError(
            f"{features} is not on this machine: run `cxstyle weights fetch {features}`, or `cxstyle weights import "
            "FILE` if you have the file, or add `--features vgg16` to run the same settings on the bundled network"
        )
    return read_network(path)


class VGGFeatures(nn.Module):
    """Maps pictures to the features of some VGG layers, after the ReLU.

    Args:
        network: the weights and what normalization they need.
        layers: names such as conv4_2 (relu4_2 is the same); nothing above the deepest of them is computed.
        pooling: max (as VGG was trained) or average (Gatys et al., and the authors of the Contextual loss).
        dtype: precision of the convolutions; features come back in it.

    Raises:
        ConfigError: a layer that the network doesn't have, or an unknown pooling.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, network: Network, layers: Sequence[str], pooling: str = "max", dtype: torch.dtype = torch.float32
    ) -> None:
        super().__init__()
        if pooling not in POOLINGS:
            raise ConfigError(f"pooling must be one of {', '.join(POOLINGS)}, got {pooling}")
        self.layers = tuple(check_layer(network, layer) for layer in layers)
        order = CONVOLUTIONS[network.name]
        self.names = order[: 1 + max((order.index(layer) for layer in self.layers), default=-1)]
        self.pool = POOLINGS[pooling]
        self.dtype = dtype
        self.normalization = network.provenance.normalization
        self.register_buffer("mean", torch.tensor(self.normalization.mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(self.normalization.std).view(1, 3, 1, 1))
        for name in self.names:
            kernel = network.tensors[f"{name}.weight"].to(dtype).contiguous(memory_format=torch.channels_last)
            self.register_buffer(f"{name}_weight", kernel)
            self.register_buffer(f"{name}_bias", network.tensors[f"{name}.bias"].to(dtype))

    def normalize(self, pictures: Tensor) -> Tensor:
        """[0, 1] sRGB to what the weights were trained on."""
        ordered = pictures.flip(1) if self.normalization.channels == "BGR" else pictures
        return (ordered * self.normalization.scale - self.mean) / self.std

    def forward(self, pictures: Tensor) -> dict[str, Tensor]:
        """(N, 3, H, W) in [0, 1] -> {layer: (N, C, H / 2^(block - 1), W / 2^(block - 1))}."""
        found: dict[str, Tensor] = {}
        # channels_last lets the convolution libraries work without reordering; on a CPU it halves the time.
        x = self.normalize(pictures).to(self.dtype).contiguous(memory_format=torch.channels_last)
        block = 1
        for name in self.names:
            if block_of(name) != block:
                block, x = block_of(name), self.pool(x, 2)
            kernel, bias = self.get_buffer(f"{name}_weight"), self.get_buffer(f"{name}_bias")
            x = functional.relu_(functional.conv2d(x, kernel, bias, padding=1))
            if name in self.layers:
                found[name] = x
        return found


def check_layer(network: Network, layer: str) -> str:
    """The canonical name of a layer that the weights have; a ConfigError with the nearest of theirs if they don't."""
    name = canonical_layer(layer)
    available = [key.removesuffix(".weight") for key in network.tensors if key.endswith(".weight")]
    if name not in available:
        near = nearest(name, available)
        raise ConfigError(f"{network.name} has no layer {layer} in {network.path}; did you mean {near}?")
    return name

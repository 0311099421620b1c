"""What runs one after another share, so that it is made once: networks, and the features of their targets."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from .vgg import Features, VGGFeatures, resolve_network
from .weights import Network

MOST_NETWORKS = 4
"""Kept at once: runs of different presets take turns, each with a network of some 30 MB."""


@dataclass
class FeatureCache:
    """Kept by whoever does one run after another, and given to `prepare`."""

    memory: float = 1.0  # share of the free memory that a run may take, in (0, 1]; the rest is for others beside it
    computed: int = 0  # sets of target features that were computed: one for each scale of a run that found none
    files: dict[Hashable, Network] = field(default_factory=dict)
    networks: dict[Hashable, VGGFeatures] = field(default_factory=dict)
    features: dict[Hashable, Sequence[Features]] = field(default_factory=dict)
    used: set[Hashable] = field(default_factory=set)

    def begin(self) -> None:
        """Called as a run begins."""
        self.used = set()

    def weights(self, features: str, path: str | None) -> Network:
        """As `resolve_network`, which reads and verifies a file; once for each."""
        key = features, path
        if key not in self.files:
            self.files[key] = resolve_network(features, path)
        return self.files[key]

    def network(
        self, weights: Network, layers: Sequence[str], pooling: str, dtype: torch.dtype, device: torch.device
    ) -> VGGFeatures:
        """The network on its device; built once for those of equal arguments. The least recently asked for goes."""
        key = weights.path, tuple(layers), pooling, dtype, device
        found = self.networks.pop(key, None) or VGGFeatures(weights, layers, pooling, dtype).to(device)
        self.networks[key] = found
        if len(self.networks) > MOST_NETWORKS:
            self.networks.pop(next(iter(self.networks)))
        return found

    def target_features(
        self,
        network: VGGFeatures,
        pixels: int | None,
        pictures: Sequence[Tensor],
        extract: Callable[[Tensor], Features],
    ) -> Sequence[Features]:
        """Features of the targets of a run, each (1, 3, H, W), from `extract` where the last run had others.

        Known by their pixels, so that whatever was done to them counts, and by the network and the pixels of its tiles,
        which change the features by rounding. Only one run's are kept: what the present one has not used is dropped as
        soon as it needs something new.
        """
        key = network, pixels, digest(pictures)
        if key not in self.features:
            self.features = {known: found for known, found in self.features.items() if known in self.used}
            self.features[key] = [extract(picture) for picture in pictures]
            self.computed += 1
        self.used.add(key)
        return self.features[key]


def digest(tensors: Iterable[Tensor]) -> str:
    """SHA-256 of the values and shapes of tensors, in hexadecimal."""
    found = hashlib.sha256()
    for tensor in tensors:
        values: Any = tensor.detach().cpu().flatten().numpy()
        found.update(repr(tuple(tensor.shape)).encode())
        found.update(values)
    return found.hexdigest()

"""What a run is made of before its first iteration: network, colours, scales, start, and a plan of its memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..checks import in_words, memory_bytes
from ..device import DTYPES, choose_device, choose_precision, exact_float32, prepare_deterministic
from ..errors import MemoryLimitError
from ..features import FeatureCache, Network, VGGFeatures
from ..losses import LAYER, Correspondence, feature_layers
from ..pictures import (
    fit,
    fit_within,
    interpolate,
    load_picture,
    match_palettes,
    pixel_shares,
    resize,
    shrunk,
)
from ..settings import Laplacian, LossTerm, StyleConfig
from .inputs import Inputs
from .memory import Need, Plan, Size, largest_edge, need, plan
from .optimizer import HISTORY

ANEW = 0.5
"""Share of the source's fine detail that is painted anew: of all of it a butterfly's spots would not come back."""
STILL = 0.5
"""Share of the labels below which a pixel doesn't move."""


class InitialPicture:
    """Where a run starts from: `picture`, (1, 3, H, W).

    Args:
        init: source, target, noise of a size and by a generator, or the path of a picture.
        source, targets: each (1, 3, H, W).
        moving: how far each pixel of the source is to move, (1, H', W'); None where all are. Where nothing is to move,
            the run starts from the source.
    """

    def __init__(
        self,
        init: str,
        source: Tensor,
        targets: Sequence[Tensor],
        size: tuple[int, int],
        generator: torch.Generator,
        moving: Tensor | None,
    ) -> None:
        self.moving = moving
        if init == "noise":
            self.picture = torch.rand(1, 3, *size, generator=generator)
        else:
            known = {"source": source, "target": targets[0]}
            self.picture = known[init] if init in known else load_picture(init, "init picture")
        if moving is not None and init != "source":
            share = pixel_shares(moving, source)
            self.picture = share * resize(self.picture, *source.shape[2:]) + (1 - share) * source

    def at(self, height: int, width: int) -> Tensor:
        """The picture at a size."""
        return resize(self.picture, height, width)

    def with_change(self, picture: Tensor, height: int, width: int, strokes: float = 0) -> Tensor:
        """The picture so far, (1, 3, H, W), at another size: the start at that size and, enlarged, what the run has
        changed about it. Enlarging the change alone keeps the start's fine detail, which the coarser scale never saw;
        as far as the target is all strokes, in [0, 1], ANEW of that is left out."""
        before, start = self.at(*picture.shape[2:]), self.at(height, width)
        if strokes:
            start = start.lerp(interpolate(before, height, width), ANEW * strokes)
        return (start + interpolate(picture - before, height, width)).clamp(0, 1)

    def still(self, picture: Tensor) -> Tensor | None:
        """Which pixels of a picture (1, 3, H, W) don't move, (1, H, W); None where all do."""
        return None if self.moving is None else pixel_shares(self.moving, picture) < STILL

    def whole(self, picture: Tensor, height: int, width: int) -> Tensor:
        """`with_change`, at the end: what doesn't move is the start's, to the pixel."""
        found = self.with_change(picture, height, width)
        still = self.still(found)
        return found if still is None else torch.where(still, self.at(height, width), found)


@dataclass(frozen=True)
class Prepared:
    """A run that can begin."""

    inputs: Inputs
    config: StyleConfig
    terms: tuple[LossTerm, ...]  # of the objective, those in force
    cache: FeatureCache
    device: torch.device
    precision: str
    weights: Network
    network: VGGFeatures  # gives the features of the terms' layers
    generator: torch.Generator  # of all random choices
    long_edge: int  # of the result
    scales: list[tuple[int, int]]  # (long edge, iterations) of each, coarse to fine
    source: Tensor  # (1, 3, H, W), in the colours that it is to have; where it is recoloured, no larger than the result
    targets: tuple[Tensor, ...]  # the same; where they are recoloured, no larger than the last scale sees them
    size: Size  # of the result
    correspondence: Correspondence | None  # which parts correspond, where anything asks for that
    initial: InitialPicture
    memory: Plan

    def target_sizes(self, edge: int) -> list[Size]:
        """Of each target at a scale; never larger than it came."""
        return [fit_within(target, edge) for target in self.inputs.targets]


def prepare(inputs: Inputs, config: StyleConfig, cache: FeatureCache | None = None) -> Prepared:
    """Chooses, loads and plans; what doesn't fit is refused before anything large is made.

    Args:
        inputs: as of `read_inputs`.
        config: the settings.
        cache: networks, and features of targets, of whoever does one run after another.

    Raises:
        WeightsError, DeviceError, ConfigError, PictureError: what was given can't be used.
        MemoryLimitError: it doesn't fit; the message says what would.
    """
    cache = cache or FeatureCache()
    cache.begin()
    terms, device = config.terms_in_force(), choose_device(config.device)
    if config.deterministic:
        prepare_deterministic(device)
    precision, _ = choose_precision(config.precision, device)
    weights = cache.weights(config.features, config.weights)
    network = cache.network(weights, feature_layers(terms), config.pooling, DTYPES[precision], device)
    generator = torch.Generator().manual_seed(config.seed)
    long_edge = config.size if config.enlarge else min(config.size, max(inputs.source.shape[2:]))
    moved = min(long_edge, finest_edge(config, inputs.targets))
    scales = config.pyramid.scales(moved, config.iterations) if terms else [(long_edge, 0)]
    size = fit(inputs.source, long_edge)
    memory = planned(inputs, config, network, scales, size, device, cache.memory)
    correspondence = None
    if terms and asks_for_correspondence(config):
        matching = cache.network(weights, [LAYER], config.pooling, DTYPES[precision], device)
        with exact_float32():
            correspondence = Correspondence(inputs.source, inputs.targets, matching, device, inputs.guide)
    source, targets = recolored(inputs, config, long_edge, scales[-1][0], correspondence)
    coarsest, moving = fit(source, scales[0][0]), inputs.guide.moving()
    return Prepared(
        inputs=inputs,
        config=config,
        terms=terms,
        cache=cache,
        device=device,
        precision=precision,
        weights=weights,
        network=network,
        generator=generator,
        long_edge=long_edge,
        scales=scales,
        source=source,
        targets=targets,
        size=size,
        correspondence=correspondence,
        initial=InitialPicture(config.init, source, targets, coarsest, generator, moving),
        memory=memory,
    )


def finest_edge(config: StyleConfig, targets: Sequence[Tensor]) -> int:
    """Long edge up to which a picture moves. Beyond the targets' own size they have no finer detail to give: their
    strokes would shrink, and what is smooth in them would be asked for as grain."""
    if not isinstance(config.parametrization, Laplacian):
        return config.size
    return max(config.pyramid.coarsest, *(max(target.shape[2:]) for target in targets))


def asks_for_correspondence(config: StyleConfig) -> bool:
    """Whether anything in the settings needs to know which parts correspond."""
    textured = isinstance(config.parametrization, Laplacian) and bool(config.parametrization.texture)
    guided = any(term.guidance for term in config.terms_in_force())
    return textured or guided or config.colors == "regions" or config.quiet > 0


def recolored(
    inputs: Inputs, config: StyleConfig, long_edge: int, last: int, correspondence: Correspondence | None
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Source and targets in the colours that the settings ask for, at no more than the sizes that the run sees them at:
    the result's and that of the last scale."""
    if config.strength == 0 or config.colors == "free":
        return inputs.source, inputs.targets
    if config.colors == "regions":
        source = resize(inputs.source, *fit(inputs.source, long_edge))
        if correspondence is not None:
            source = source + config.strength * (correspondence.recolored(source) - source)
        return source, inputs.targets
    source, targets = shrunk(inputs.source, long_edge), [shrunk(target, last) for target in inputs.targets]
    source, recolored_targets = match_palettes(source, targets, config.colors, inputs.guide, config.strength)
    if config.colors == "target":
        return source, inputs.targets
    return inputs.source, recolored_targets


def planned(
    inputs: Inputs,
    config: StyleConfig,
    network: VGGFeatures,
    scales: Sequence[tuple[int, int]],
    size: Size,
    device: torch.device,
    share: float,
) -> Plan:
    """Tiles that keep every scale within a share of the memory; a MemoryLimitError that says what would do where that
    can't be."""
    history = HISTORY if config.optimizer.name == "lbfgs" else 0
    pixels = sum(picture.shape[2] * picture.shape[3] for picture in (inputs.source, *inputs.targets))

    def need_of(edge: int) -> Need:
        targets = [fit_within(target, edge) for target in inputs.targets]
        return need(config.terms_in_force(), network, fit(inputs.source, edge), targets, history)

    found = plan([need_of(edge) for edge, _ in scales], memory_bytes(config.memory), device, pixels, share)
    if found.estimate <= found.budget:
        return found
    least, most = in_words(found.estimate), in_words(max(found.budget, 0))
    edge = largest_edge(need_of, scales[-1][0], found.budget - found.taken)
    advice = f"use --size {edge} or less" if edge else "no size fits"
    more = "free some" if config.memory == "auto" else "allow more with --memory"
    needs = f"{size[1]}x{size[0]} px on {device.type} needs about {least} of memory at least, and may take {most}"
    raise MemoryLimitError(f"{needs}: {advice}, or {more}")

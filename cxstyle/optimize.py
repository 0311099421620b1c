"""`stylize`: moves the source's pixels, coarse to fine, until the objective is small."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .checks import memory_bytes
from .color import toned
from .config import StyleConfig
from .decisions import decided
from .device import (
    DTYPES,
    choose_device,
    choose_precision,
    deterministic,
    exact_float32,
    memory_errors,
    prepare_deterministic,
)
from .errors import MemoryLimitError
from .image import fit, fit_within, interpolate, resize
from .inputs import Inputs, Targets, read_inputs
from .memory import Need, Plan, largest_edge, need, plan
from .objective import Objective, feature_layers
from .pictures.reading import Picture, load_picture
from .positions import Guide, pixel_shares
from .progress import Callback, Progress, Readings, Result
from .shared import Shared
from .steps import HISTORY, learning_rate, make_optimizer, value_of
from .tiles import TiledFeatures

FIXED_WORK = 20_000
"""Pixels' worth of an iteration's time that doesn't depend on the size, the losses being sampled; for the time left."""


ADVICE = "use a smaller --size, or keep to less with --memory, such as --memory 4GB"


def stylize(
    source: Picture,
    target: Targets,
    config: StyleConfig | None = None,
    *,
    callback: Callback | None = None,
    begin: Callable[[dict[str, Any]], None] | None = None,
    weights: Sequence[float] | None = None,
    source_mask: Picture | None = None,
    target_mask: Targets | None = None,
) -> Result:
    """Gives the source the look of the target, region by matching region.

    Args:
        source: path, PIL picture, or tensor (3, H, W) or (1, 3, H, W) in [0, 1].
        target: the same, of any size; or a list of several, whose features then make one set.
        config: the settings; the preset `default` without them.
        callback: told of each iteration; returning False stops the run.
        begin: told before the first one what was decided, as `Result.details` has it; what it raises ends the run.
        weights: of several targets, one each, 0 or more: how much they count beside one another. Without them every
            position of every target counts the same.
        source_mask: a picture in flat colours, in the source's shape. Terms that compare with the target then match
            only positions whose masks have the same colour. What only the source has stays as it is, and what only the
            target has is left out; `Result.details` names both.
        target_mask: the same for the target; a list for several.

    Returns:
        The picture, losses and settings. The same pictures, config and seed give the same pixels on the same machine.

    Raises:
        PictureError, ConfigError, WeightsError, DeviceError: what was given can't be used; nothing was computed.
        MemoryLimitError: the run doesn't fit, or the device had none left in the first iteration.
    """
    started = time.perf_counter()
    inputs = read_inputs(source, target, weights, source_mask, target_mask)
    run = Run(inputs, config or StyleConfig.preset(), started)
    if begin is not None:
        begin(run.details)
    return run.go(callback)


class Run:
    """One run of the loop: everything that stays the same from scale to scale, and the losses so far."""

    def __init__(self, inputs: Inputs, config: StyleConfig, started: float, shared: Shared | None = None) -> None:
        self.config, self.started, self.shared = config, started, shared or Shared()
        self.shared.begin()
        self.inputs = inputs
        self.terms, self.guide = config.terms_in_force(), inputs.guide
        self.moving = moving(self.guide)
        self.device = choose_device(config.device)
        if config.deterministic:
            prepare_deterministic(self.device)
        self.precision, _ = choose_precision(config.precision, self.device)
        network = self.shared.weights(config.features, Path(config.weights) if config.weights else None)
        layers = feature_layers(self.terms)
        self.network = self.shared.network(network, layers, config.pooling, DTYPES[self.precision], self.device)
        self.generator = torch.Generator().manual_seed(config.seed)
        self.source, self.targets = toned(inputs.source, inputs.targets, config.colors, inputs.guide, config.strength)
        self.losses: list[dict[str, float]] = []
        self.steps = 0
        long_edge = config.size if config.enlarge else min(config.size, max(self.source.shape[2:]))
        self.scales = config.pyramid.scales(long_edge, config.iterations) if self.terms else [(long_edge, 0)]
        self.size = fit(self.source, long_edge)
        self.start = self._start(config.init)
        self.plan = self._plan()
        self.details = decided(
            config,
            inputs,
            network,
            self.device,
            scales=self.scales,
            size=self.size,
            targets=self._target_sizes(long_edge),
            plan=self.plan,
            share=self.shared.memory,
        )

    def _need(self, edge: int) -> Need:
        """Memory of a scale."""
        sizes = fit(self.source, edge), self._target_sizes(edge)
        remembered = HISTORY if self.config.optimizer.name == "lbfgs" else 0
        return need(self.terms, self.network, *sizes, self.device, remembered)

    def _plan(self) -> Plan:
        """Tiles that keep every scale within the memory, or a refusal that says what would fit."""
        wanted = memory_bytes(self.config.memory)
        inputs = sum(picture.shape[2] * picture.shape[3] for picture in (self.source, *self.targets))
        try:
            needs = [self._need(edge) for edge, _ in self.scales]
            return plan(needs, wanted, self.device, inputs, self.shared.memory)
        except MemoryLimitError as error:
            edge = largest_edge(self._need, self.scales[-1][0], wanted, self.device, inputs, self.shared.memory)
            advice = f"use --size {edge} or less" if edge else "no size fits"
            more = "free some" if wanted is None else "allow more with --memory"
            size = f"{self.size[1]}x{self.size[0]} px"
            raise MemoryLimitError(f"{size} on {self.device.type} {error}: {advice}, or {more}") from error

    def _target_sizes(self, edge: int) -> list[tuple[int, int]]:
        """(height, width) of each target at a scale; never larger than it came."""
        return [fit_within(target, edge) for target in self.targets]

    def _start(self, init: str) -> Tensor:
        """The picture that the run starts from, at any size; where nothing is to move, the source."""
        if init == "source":
            return self.source
        if init == "target":
            start = self.targets[0]
        elif init == "noise":
            height, width = fit(self.source, self.scales[0][0])
            start = torch.rand(1, 3, height, width, generator=self.generator)
        else:
            start = load_picture(init, "init picture")
        if self.moving is None:
            return start
        share = pixel_shares(self.moving, self.source)
        return share * resize(start, *self.source.shape[2:]) + (1 - share) * self.source

    def go(self, callback: Callback | None) -> Result:
        """All scales, coarse to fine."""
        looping = time.perf_counter()
        if not self.terms:
            seconds = {"loop": 0.0, "before_loop": looping - self.started}
            return self._result(resize(self.source, *self.size), "complete", seconds)
        picture, status = self.start, "complete"
        work = [(edge * edge + FIXED_WORK) * count for edge, count in self.scales]
        for index, (edge, _) in enumerate(self.scales):
            picture = self._finer(picture, *fit(self.source, edge))
            span = (sum(work[:index]) / sum(work), sum(work[: index + 1]) / sum(work))
            picture, status = self._guarded(index, picture, span, callback)
            if status != "complete":
                break
        seconds = {"loop": time.perf_counter() - looping, "before_loop": looping - self.started}
        try:
            with memory_errors():
                picture = self._finer(picture, *self.size)
        except MemoryLimitError:
            status = "out of memory"
        return self._result(picture, status, seconds)

    def _result(self, picture: Tensor, status: str, seconds: dict[str, float]) -> Result:
        """With the source's alpha and origin beside the picture."""
        alpha = None if self.inputs.source_alpha is None else resize(self.inputs.source_alpha, *picture.shape[2:])
        names = {file["role"]: Path(file["path"]).name for file in self.inputs.files}
        origin = replace(self.inputs.origin, names=names)
        return Result(picture, self.config, self.losses, status, seconds, self.details, alpha=alpha, origin=origin)

    def _guarded(
        self, index: int, picture: Tensor, span: tuple[float, float], callback: Callback | None
    ) -> tuple[Tensor, str]:
        """`_scale` in exact float32; where memory runs out, the picture so far."""
        try:
            with exact_float32(), memory_errors(), deterministic(self.config.deterministic, self.device):
                return self._scale(index, picture, span, callback)
        except MemoryLimitError as error:
            if not self.steps:
                raise MemoryLimitError(f"{self.device} has run out of memory: {ADVICE}") from error
        return self.pixels.detach().nan_to_num().clamp(0, 1).cpu(), "out of memory"

    def _finer(self, picture: Tensor, height: int, width: int) -> Tensor:
        """The picture so far at another size: the start at that size and, enlarged, what the run has changed about it.

        Enlarging the change alone keeps the start's fine detail, which the coarser scale never saw.
        """
        change = picture - resize(self.start, *picture.shape[2:])
        return (resize(self.start, height, width) + interpolate(change, height, width)).clamp(0, 1)

    def _objective(self, index: int, size: tuple[int, int]) -> Objective:
        """The objective of a scale, on the network or on its tiles."""
        source = resize(self.source, *size).to(self.device)
        sizes = self._target_sizes(self.scales[index][0])
        targets = [
            resize(target, *fitting).to(self.device) for target, fitting in zip(self.targets, sizes, strict=True)
        ]
        pixels = self.plan.pixels[index]
        network = self.network if pixels is None else TiledFeatures(self.network, pixels)
        seen = partial(self.shared.features_of, self.network, pixels, look=network)
        return Objective(self.terms, network, source, targets, self.precision, guide=self.guide, seen=seen)

    def _scale(
        self, index: int, picture: Tensor, span: tuple[float, float], callback: Callback | None
    ) -> tuple[Tensor, str]:
        """The iterations of one scale: (1, 3, H, W) -> the moved picture and the status."""
        iterations = self.scales[index][1]
        size = (picture.shape[2], picture.shape[3])
        self.pixels = pixels = picture.to(self.device).clone().requires_grad_()
        settings = self.config.optimizer
        optimizer = make_optimizer(settings, pixels)
        good = pixels.detach().clone()
        objective = self._objective(index, size)
        still = None if self.moving is None else pixel_shares(self.moving, pixels) < 0.5  # (1, H, W)
        readings = Readings(objective.names, self.losses, index + 1, self.device)
        for i in range(iterations):
            rate = learning_rate(settings, self.steps, self.config.iterations)
            # Adam's steps don't shrink with the weights, and they add up: with the square, half the strength is, about,
            # half the change.
            slowed = self.config.strength**2 if settings.name == "adam" else 1.0
            optimizer.param_groups[0]["lr"] = rate * slowed
            optimizer.zero_grad()
            losses = objective.evaluate(pixels, self.generator)
            if readings.add(losses, last=i + 1 == iterations):
                if not readings.finite:
                    return good.cpu(), "diverged"
                good.copy_(pixels.detach())
            losses.total.backward()
            if still is not None and pixels.grad is not None:
                pixels.grad.masked_fill_(still, 0)
            optimizer.step(partial(value_of, losses))
            with torch.no_grad():
                pixels.clamp_(0, 1)
            self.steps += 1
            done = span[0] + (span[1] - span[0]) * (i + 1) / iterations
            place = (index + 1, len(self.scales), size, i + 1, iterations, done)
            progress = Progress(*place, readings.latest, pixels.detach(), self.details)
            if callback is not None and callback(progress) is False:
                readings.flush()
                return pixels.detach().cpu(), "stopped"
        if not pixels.isfinite().all():
            return good.cpu(), "diverged"
        return pixels.detach().cpu(), "complete"


def moving(guide: Guide) -> Tensor | None:
    """How far each pixel belongs to labels that both sides have, (1, H, W); None where all do."""
    if guide.source is None:
        return None
    share = guide.source.sum(dim=0, keepdim=True)
    return None if bool((share > 0.5).all()) else share

"""`stylize`: moves the source's pixels with Adam, coarse to fine, until the objective is small."""

from __future__ import annotations

import math
import time
from pathlib import Path

import torch
from torch import Tensor

from .checks import memory_bytes
from .color import recolor
from .config import Optimizer, StyleConfig
from .device import DTYPES, choose_device, choose_precision, describe, exact_float32, memory_errors
from .errors import MemoryLimitError
from .image import Picture, fit, fit_within, interpolate, load_picture, resize
from .memory import Need, Plan, largest_edge, need, plan
from .objective import Objective, feature_layers
from .progress import Callback, Progress, Readings, Result
from .tiles import TiledFeatures
from .vgg import VGGFeatures, resolve_network

FINAL_RATE = 0.05
"""Where the cosine schedule ends, as a share of the learning rate."""

FIXED_WORK = 20_000
"""Pixels' worth of an iteration's time that doesn't depend on the size, the losses being sampled; for the time left."""


ADVICE = "use a smaller --size, or keep to less with --memory, such as --memory 4GB"


def stylize(
    source: Picture,
    target: Picture,
    config: StyleConfig | None = None,
    *,
    callback: Callback | None = None,
) -> Result:
    """Gives the source the look of the target, region by matching region.

    Args:
        source: path, PIL picture, or tensor (3, H, W) or (1, 3, H, W) in [0, 1].
        target: the same; of any size.
        config: the settings; the preset `default` without them.
        callback: told of each iteration; returning False stops the run.

    Returns:
        The picture, losses and settings. The same pictures, config and seed give the same pixels on the same machine.

    Raises:
        PictureError, ConfigError, WeightsError, DeviceError: what was given can't be used; nothing was computed.
        MemoryLimitError: the run doesn't fit, or the device had none left in the first iteration.
    """
    started = time.perf_counter()
    run = Run(load_picture(source, "source"), load_picture(target, "target"), config or StyleConfig.preset(), started)
    return run.go(callback)


class Run:
    """One run of the loop: everything that stays the same from scale to scale, and the losses so far."""

    def __init__(self, source: Tensor, target: Tensor, config: StyleConfig, started: float) -> None:
        self.config, self.started = config, started
        self.device = choose_device(config.device)
        self.precision, reason = choose_precision(config.precision, self.device)
        network = resolve_network(config.features, Path(config.weights) if config.weights else None)
        layers = feature_layers([term for term in config.terms if term.weight > 0])
        self.network = VGGFeatures(network, layers, config.pooling, DTYPES[self.precision]).to(self.device)
        self.generator = torch.Generator().manual_seed(config.seed)
        self.target = target
        self.source = self._toned(source)
        self.losses: list[dict[str, float]] = []
        self.steps = 0
        long_edge = config.size if config.enlarge else min(config.size, max(source.shape[2:]))
        self.scales = config.pyramid.scales(long_edge, config.iterations)
        self.size = fit(source, long_edge)
        self.start = self._start(config.init)
        self.plan = self._plan()
        self.details = {
            "device": describe(self.device),
            "precision": self.precision,
            "precision_reason": reason,
            "features": network.name,
            "weights": str(network.path),
            "weights_source": network.provenance.source,
            "source_size": list(source.shape[:1:-1]),
            "target_size": list(target.shape[:1:-1]),
            "result_size": list(self.size[::-1]),
            "kept_size": long_edge < config.size,
            "scales": [{"long_edge": edge, "iterations": count} for edge, count in self.scales],
            "memory": {"budget": self.plan.budget, "estimate": self.plan.estimate, "tiles": self.plan.tiles},
        }

    def _need(self, edge: int) -> Need:
        """Memory of a scale."""
        terms = [term for term in self.config.terms if term.weight > 0]
        return need(terms, self.network, fit(self.source, edge), self._target_size(edge), self.device)

    def _plan(self) -> Plan:
        """Tiles that keep every scale within the memory, or a refusal that says what would fit."""
        wanted = memory_bytes(self.config.memory)
        inputs = sum(picture.shape[2] * picture.shape[3] for picture in (self.source, self.target))
        try:
            return plan([self._need(edge) for edge, _ in self.scales], wanted, self.device, inputs)
        except MemoryLimitError as error:
            edge = largest_edge(self._need, self.scales[-1][0], wanted, self.device, inputs)
            advice = f"use --size {edge} or less" if edge else "no size fits"
            more = "free some" if wanted is None else "allow more with --memory"
            size = f"{self.size[1]}x{self.size[0]} px"
            raise MemoryLimitError(f"{size} on {self.device.type} {error}: {advice}, or {more}") from error

    def _target_size(self, edge: int) -> tuple[int, int]:
        """(height, width) of the target at a scale; never larger than it came."""
        return fit_within(self.target, edge)

    def _start(self, init: str) -> Tensor:
        """The picture that the run starts from, at any size."""
        if init == "source":
            return self.source
        if init == "target":
            return self.target
        if init == "noise":
            height, width = fit(self.source, self.scales[0][0])
            return torch.rand(1, 3, height, width, generator=self.generator)
        return load_picture(init, "init picture")

    def go(self, callback: Callback | None) -> Result:
        """All scales, coarse to fine."""
        looping = time.perf_counter()
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
                picture = self._toned(self._finer(picture, *self.size))
        except MemoryLimitError:
            status = "out of memory"
        return Result(picture, self.config, self.losses, status, seconds, self.details)

    def _guarded(
        self, index: int, picture: Tensor, span: tuple[float, float], callback: Callback | None
    ) -> tuple[Tensor, str]:
        """`_scale` in exact float32; where memory runs out, the picture so far."""
        try:
            with exact_float32(), memory_errors():
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

    def _toned(self, picture: Tensor) -> Tensor:
        """The picture in the target's colours, where the settings ask for them.

        At the start and once more at the end, because the objective hardly sees contrast and lets it fade. Doing it
        between the scales too made faces worse.
        """
        return recolor(picture, self.target) if self.config.colors == "target" else picture

    def _objective(self, index: int, size: tuple[int, int]) -> Objective:
        """The objective of a scale, on the network or on its tiles."""
        source = resize(self.source, *size).to(self.device)
        target = resize(self.target, *self._target_size(self.scales[index][0])).to(self.device)
        pixels = self.plan.pixels[index]
        network = self.network if pixels is None else TiledFeatures(self.network, pixels)
        return Objective(self.config.terms, network, source, target, self.precision)

    def _scale(
        self, index: int, picture: Tensor, span: tuple[float, float], callback: Callback | None
    ) -> tuple[Tensor, str]:
        """The iterations of one scale: (1, 3, H, W) -> the moved picture and the status."""
        iterations = self.scales[index][1]
        size = (picture.shape[2], picture.shape[3])
        self.pixels = pixels = picture.to(self.device).clone().requires_grad_()
        settings = self.config.optimizer
        adam = torch.optim.Adam([pixels], settings.lr, settings.betas, settings.eps)
        good = pixels.detach().clone()
        objective = self._objective(index, size)
        readings = Readings(objective.names, self.losses, index + 1, self.device)
        for i in range(iterations):
            adam.param_groups[0]["lr"] = learning_rate(settings, self.steps, self.config.iterations)
            adam.zero_grad()
            losses = objective.evaluate(pixels, self.generator)
            if readings.add(losses, last=i + 1 == iterations):
                if not readings.finite:
                    return good.cpu(), "diverged"
                good.copy_(pixels.detach())
            losses.total.backward()
            adam.step()
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


def learning_rate(settings: Optimizer, iteration: int, iterations: int) -> float:
    """The rate of an iteration, counted from 0, by the optimizer's schedule."""
    if settings.schedule == "constant":
        return settings.lr
    cosine = (1 + math.cos(math.pi * iteration / max(1, iterations - 1))) / 2
    return settings.lr * (FINAL_RATE + (1 - FINAL_RATE) * cosine)

"""`stylize`: moves the source's pixels with Adam, coarse to fine, until the objective is small."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from .color import recolor
from .config import Optimizer, StyleConfig
from .device import choose_device, choose_precision, describe
from .image import Picture, fit, interpolate, load_picture, resize, save_picture, to_image
from .objective import Objective, feature_layers
from .vgg import VGGFeatures, resolve_network

FINAL_RATE = 0.05
"""Where the cosine schedule ends, as a share of the learning rate."""

FIXED_WORK = 20_000
"""Pixels' worth of an iteration's time that doesn't depend on the size, the losses being sampled; for the time left."""


@dataclass(frozen=True)
class Progress:
    """What a callback is told after each iteration.

    Attributes:
        scale: 1 for the coarsest.
        scales: how many there are.
        size: (height, width) of this scale.
        iteration: of this scale, from 1.
        iterations: of this scale.
        done: share of the whole run's work, about, in (0, 1].
        losses: the objective's values by name (unweighted, before the step); "total" is their weighted sum.
        picture: (1, 3, H, W) after the step; the next iteration overwrites it.
        details: of the run; see `Result`.
    """

    scale: int
    scales: int
    size: tuple[int, int]
    iteration: int
    iterations: int
    done: float
    losses: dict[str, float]
    picture: Tensor
    details: dict[str, Any]


Callback = Callable[[Progress], bool | None]
"""Called after each iteration; returning False stops the run, which keeps the picture so far."""


@dataclass(frozen=True)
class Result:
    """What `stylize` returns.

    Attributes:
        picture: (1, 3, H, W) float32 in [0, 1] on the CPU.
        config: the settings, all resolved.
        losses: for each iteration: scale, iteration, total and each value of the objective by name.
        status: complete; stopped (the callback asked for it); or diverged (a loss was not finite: `picture` is the last
            one with finite losses).
        seconds: of the loop, and from the call to its first iteration.
        details: device, precision, network and sizes that were chosen, and why.
    """

    picture: Tensor
    config: StyleConfig
    losses: list[dict[str, float]]
    status: str
    seconds: dict[str, float]
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def image(self) -> Image.Image:
        """The picture as a PIL picture."""
        return to_image(self.picture)

    def save(self, path: str | Path) -> None:
        """Writes the picture in the format of the suffix, whole or not at all.

        Raises:
            OutputError: it can't be written.
        """
        save_picture(self.picture, path)


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
    """
    started = time.perf_counter()
    run = Run(load_picture(source, "source"), load_picture(target, "target"), config or StyleConfig.preset(), started)
    return run.go(callback)


class Run:
    """One run of the loop: everything that stays the same from scale to scale, and the losses so far."""

    def __init__(self, source: Tensor, target: Tensor, config: StyleConfig, started: float) -> None:
        self.config, self.started = config, started
        self.device = choose_device(config.device)
        dtype, reason = choose_precision(config.precision, self.device)
        network = resolve_network(config.features, Path(config.weights) if config.weights else None)
        layers = feature_layers([term for term in config.terms if term.weight > 0])
        self.network = VGGFeatures(network, layers, config.pooling, dtype).to(self.device)
        self.generator = torch.Generator().manual_seed(config.seed)
        self.target = target
        self.source = self._toned(source)
        self.losses: list[dict[str, float]] = []
        long_edge = config.size if config.enlarge else min(config.size, max(source.shape[2:]))
        self.scales = config.pyramid.scales(long_edge, config.iterations)
        self.size = fit(source, long_edge)
        self.start = self._start(config.init)
        self.details = {
            "device": describe(self.device),
            "precision": "bf16" if dtype == torch.bfloat16 else "fp32",
            "precision_reason": reason,
            "features": network.name,
            "weights": str(network.path),
            "weights_source": network.provenance.source,
            "source_size": list(source.shape[:1:-1]),
            "target_size": list(target.shape[:1:-1]),
            "result_size": list(self.size[::-1]),
            "kept_size": long_edge < config.size,
            "scales": [{"long_edge": edge, "iterations": count} for edge, count in self.scales],
        }

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
            picture, status = self._scale(index, picture, span, callback)
            if status != "complete":
                break
        seconds = {"loop": time.perf_counter() - looping, "before_loop": looping - self.started}
        picture = self._toned(self._finer(picture, *self.size))
        return Result(picture, self.config, self.losses, status, seconds, self.details)

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

    def _scale(
        self, index: int, picture: Tensor, span: tuple[float, float], callback: Callback | None
    ) -> tuple[Tensor, str]:
        """The iterations of one scale: (1, 3, H, W) -> the moved picture and the status."""
        edge, iterations = self.scales[index]
        height, width = picture.shape[2:]
        source = resize(self.source, height, width).to(self.device)
        target_edge = min(edge, max(self.target.shape[2:]))
        target = resize(self.target, *fit(self.target, target_edge)).to(self.device)
        objective = Objective(self.config.terms, self.network, source, target)
        pixels = picture.to(self.device).clone().requires_grad_()
        settings = self.config.optimizer
        adam = torch.optim.Adam([pixels], settings.lr, settings.betas, settings.eps)
        good = pixels.detach().clone()
        for i in range(iterations):
            adam.param_groups[0]["lr"] = learning_rate(settings, len(self.losses), self.config.iterations)
            adam.zero_grad()
            losses = objective.evaluate(pixels, self.generator)
            values = dict(zip(objective.names, losses.values.tolist(), strict=True))
            values = {"total": losses.total.item(), **values}
            if not math.isfinite(values["total"]):
                return good.cpu(), "diverged"
            good.copy_(pixels.detach())
            losses.total.backward()
            adam.step()
            with torch.no_grad():
                pixels.clamp_(0, 1)
            self.losses.append({"scale": index + 1, "iteration": i + 1, **values})
            done = span[0] + (span[1] - span[0]) * (i + 1) / iterations
            place = (index + 1, len(self.scales), (height, width), i + 1, iterations, done)
            progress = Progress(*place, values, pixels.detach(), self.details)
            if callback is not None and callback(progress) is False:
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

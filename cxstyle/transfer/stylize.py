"""`stylize`: moves the source's pixels, coarse to fine, until the objective is small."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..checks import memory_bytes, shown
from ..device import (
    DTYPES,
    choose_device,
    choose_precision,
    describe,
    deterministic,
    exact_float32,
    memory_errors,
    own_stream,
    prepare_deterministic,
    usual_modes,
)
from ..errors import ConfigError, MemoryLimitError
from ..features import Network, Shared, TiledFeatures
from ..losses import LAYER, Correspondence, Draws, Objective, feature_layers
from ..pictures import Picture, fit, fit_within, match_palettes, resize
from ..settings import StyleConfig
from .checkpoint import Checkpoint, State, identity
from .details import decided
from .initial import Start, finest_edge
from .inputs import Inputs, Targets, read_inputs
from .memory import Need, Plan, largest_edge, need, plan
from .optimizer import HISTORY, Moving, learning_rate, spans
from .parametrization import parametrized
from .result import Callback, Progress, Readings, Result

ADVICE = "use a smaller --size, or keep to less with --memory, such as --memory 4GB"


@usual_modes()
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
    checkpoint: str | Path | Checkpoint | None = None,
    resume: bool = False,
) -> Result:
    """Gives the source the look of the target, region by matching region.

    Args:
        source: path, open file, PIL picture, NumPy array (H, W, 3) of 8 bits, or tensor (3, H, W) or (1, 3, H, W) in
            [0, 1].
        target: the same, of any size; or a list of several, whose features then make one set. Flat borders, such as
            those of a letterbox, are left out; a note in `Result.details` says so.
        config: the settings; the preset `default` without them.
        callback: told of each iteration; returning False stops the run.
        begin: told before the first one what was decided, as `Result.details` has it; what it raises ends the run.
        weights: of several targets, one each, 0 or more: how much they count beside one another. Without them every
            position of every target counts the same.
        source_mask: a picture in flat colours, in the source's shape. Terms that compare with the target then match
            only positions whose masks have the same colour. What only the source has stays as it is, and what only the
            target has is left out; `Result.details` names both.
        target_mask: the same for the target; a list for several.
        checkpoint: a file where the state of the run is kept every minute, and when it is stopped; or a `Checkpoint`.
            It replaces what is there, and stays: remove it once the result is kept.
        resume: go on from the checkpoint where there is one, to the same pixels as if the run had not been interrupted.

    Returns:
        The picture, losses and settings. The same pictures, config and seed give the same pixels on the same machine.

    Raises:
        PictureError, ConfigError, WeightsError, DeviceError: what was given can't be used; nothing was computed.
        CheckpointError: `resume` was asked for, and the checkpoint is damaged or of another run.
        MemoryLimitError: the run doesn't fit, or the device had none left in the first iteration.
    """
    started = time.perf_counter()
    inputs = read_inputs(source, target, weights, source_mask, target_mask)
    if not isinstance(config, StyleConfig | None):
        raise ConfigError(f"config: must be a StyleConfig, got {shown(config)}")
    kept = Checkpoint(checkpoint) if isinstance(checkpoint, str | Path) else checkpoint
    run = Run(inputs, config or StyleConfig.preset(), started, None, kept, resume=resume)
    if begin is not None:
        begin(run.details)
    return run.go(callback)


class Run:
    """One run of the loop: everything that stays the same from scale to scale, and the losses so far."""

    def __init__(
        self,
        inputs: Inputs,
        config: StyleConfig,
        started: float,
        shared: Shared | None = None,
        checkpoint: Checkpoint | None = None,
        *,
        resume: bool = False,
    ) -> None:
        self.config, self.started, self.shared = config, started, shared or Shared()
        self.shared.begin()
        self.inputs = inputs
        self.terms, self.guide = config.terms_in_force(), inputs.guide
        self.device = choose_device(config.device)
        if config.deterministic:
            prepare_deterministic(self.device)
        self.precision, _ = choose_precision(config.precision, self.device)
        network = self.shared.weights(config.features, config.weights)
        layers = feature_layers(self.terms)
        self.network = self.shared.network(network, layers, config.pooling, DTYPES[self.precision], self.device)
        self.generator = torch.Generator().manual_seed(config.seed)
        long_edge = config.size if config.enlarge else min(config.size, max(inputs.source.shape[2:]))
        self.source, self.targets = match_palettes(
            inputs.source, inputs.targets, config.colors, inputs.guide, config.strength
        )
        self.steps, self.losses = 0, list[dict[str, float]]()
        moved = min(long_edge, finest_edge(config, self.targets))
        self.scales = config.pyramid.scales(moved, config.iterations) if self.terms else [(long_edge, 0)]
        self.size = fit(self.source, long_edge)
        self._plan()  # what doesn't fit is refused before anything large is made
        self.correspondence = self._matched(network, inputs.source)
        if self.correspondence is not None and config.colors == "regions":
            source = resize(inputs.source, *fit(inputs.source, long_edge))
            self.source = source + config.strength * (self.correspondence.recolored(source) - source)
        noise = fit(self.source, self.scales[0][0])
        self.start = Start(config.init, self.source, self.targets, noise, self.generator, self.guide.moving())
        self.plan = self._plan()
        self.before: State | None = None
        self.now: Moving | None = None
        self.drawn = self.generator.get_state()
        self.checkpoint = checkpoint if self.terms else None
        if self.checkpoint is not None:
            where = describe(self.device) if self.device.type != "cpu" else "cpu"
            run = partial(identity, inputs, config, self.start.picture, network, device=where, precision=self.precision)
            self._resume(self.checkpoint, cache(run), resume)
        self.details = self._details(network, long_edge)

    def _matched(self, weights: Network, source: Tensor) -> Correspondence | None:
        """Which parts correspond, where anything asks for that."""
        config = self.config
        asked = config.colors == "regions" or config.quiet > 0
        asked = asked or any(term.loss == "relative_variation" or term.guidance for term in self.terms)
        if not self.terms or not asked:
            return None
        network = self.shared.network(weights, [LAYER], config.pooling, DTYPES[self.precision], self.device)
        with exact_float32():
            return Correspondence(source, self.inputs.targets, network, self.device, self.guide)

    def _details(self, network: Network, long_edge: int) -> dict[str, Any]:
        """What was decided, and why."""
        details = decided(
            self.config,
            self.inputs,
            network,
            self.device,
            scales=self.scales,
            edge=long_edge,
            size=self.size,
            last=fit(self.source, self.scales[-1][0]),
            targets=self._target_sizes(self.scales[-1][0]),
            plan=self.plan,
            share=self.shared.memory,
        )
        if self.correspondence is not None:
            found = (self.correspondence.confidence, *self.correspondence.confidences)
            details["counterparts"] = [float(confidence.mean()) for confidence in found]
        if self.before is not None:
            details["resumed_after"] = self.before.steps
        return details

    def _need(self, edge: int) -> Need:
        """Memory of a scale."""
        sizes = fit(self.source, edge), self._target_sizes(edge)
        remembered = HISTORY if self.config.optimizer.name == "lbfgs" else 0
        return need(self.terms, self.network, *sizes, self.device, remembered)

    def _plan(self, tiles: tuple[int | None, ...] | None = None) -> Plan:
        """Tiles that keep every scale within the memory, or a refusal that says what would fit; or those given."""
        wanted = memory_bytes(self.config.memory)
        inputs = sum(picture.shape[2] * picture.shape[3] for picture in (self.source, *self.targets))
        try:
            needs = [self._need(edge) for edge, _ in self.scales]
            return plan(needs, wanted, self.device, inputs, self.shared.memory, tiles)
        except MemoryLimitError as error:
            edge = largest_edge(self._need, self.scales[-1][0], wanted, self.device, inputs, self.shared.memory)
            advice = f"use --size {edge} or less" if edge else "no size fits"
            more = "free some" if wanted is None else "allow more with --memory"
            size = f"{self.size[1]}x{self.size[0]} px"
            raise MemoryLimitError(f"{size} on {self.device.type} {error}: {advice}, or {more}") from error

    def _target_sizes(self, edge: int) -> list[tuple[int, int]]:
        """(height, width) of each target at a scale; never larger than it came."""
        return [fit_within(target, edge) for target in self.targets]

    def _resume(self, checkpoint: Checkpoint, run: Callable[[], dict[str, Any]], wanted: bool) -> None:
        """Where it is wanted and there is a checkpoint, everything is as it was there."""
        state = self.before = checkpoint.read(run) if wanted else None
        if state is None:
            checkpoint.begin(run)
            return
        self.drawn = state.generator
        self.generator.set_state(self.drawn)
        self.losses, self.steps = state.losses, state.steps
        if state.memory == self.config.memory:
            self.plan = self._plan(state.tiles)
        start, end = spans(self.scales)[state.scale]
        done = start + (end - start) * state.iteration / self.scales[state.scale][1]
        checkpoint.begin(run, sum(state.seconds.values()), done)

    def _keep(self, checkpoint: Checkpoint, now: Moving) -> None:
        """Saves where the run is; in the middle of an iteration, how it was before that."""
        now.readings.flush()
        if not now.intact or not now.readings.finite:
            return
        moved = (now.scale, now.iteration, self.steps, now.pixels, now.good, self.drawn)
        losses, seconds = self.losses[: self.steps], self._seconds()
        tiles = self.plan.pixels, self.config.memory
        checkpoint.save(State(*moved, now.remembered(), losses, seconds, *tiles))

    def _seconds(self) -> dict[str, float]:
        """Of the whole run so far, those before an interruption too."""
        found = {"loop": time.perf_counter() - self.looping, "before_loop": self.looping - self.started}
        earlier = self.before.seconds if self.before is not None else {}
        return {name: value + earlier.get(name, 0.0) for name, value in found.items()}

    def go(self, callback: Callback | None) -> Result:
        """All scales, coarse to fine."""
        self.looping = time.perf_counter()
        if not self.terms:
            seconds = {"loop": 0.0, "before_loop": self.looping - self.started}
            return self._result(resize(self.source, *self.size), "complete", seconds)
        picture, status, state = self.start.picture, "complete", self.before
        for index, (edge, _) in enumerate(self.scales):
            if state is not None and index < state.scale:
                continue
            picture = self.start.finer(picture, *fit(self.source, edge)) if state is None else state.pixels
            picture, status = self._guarded(index, picture, callback, state)
            state = None
            if status != "complete":
                break
        seconds = self._seconds()
        try:
            with memory_errors():
                picture = self.start.whole(picture, *self.size)
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
        self, index: int, picture: Tensor, callback: Callback | None, state: State | None
    ) -> tuple[Tensor, str]:
        """`_scale` in exact float32; where memory runs out, the picture so far."""
        try:
            repeatable, stream = deterministic(self.config.deterministic, self.device), own_stream(self.device)
            with exact_float32(), memory_errors(), repeatable, stream:
                return self._scale(index, picture, callback, state)
        except MemoryLimitError as error:
            if self.now is None or not self.steps:
                raise MemoryLimitError(f"{self.device} has run out of memory: {ADVICE}") from error
        if self.checkpoint is not None and self.checkpoint.active:
            with contextlib.suppress(MemoryLimitError), memory_errors():
                self._keep(self.checkpoint, self.now)
        return self.now.pixels.nan_to_num().clamp(0, 1).cpu(), "out of memory"

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
        found = self.correspondence
        objective = Objective(
            [term.at_scale(index) for term in self.terms],
            network,
            precision=self.precision,
            guide=self.guide,
            steering=None if found is None else found.steering(targets, self.config.quiet),
            jitter=self.config.jitter,
        )
        return objective.bind_source(source).bind_target(targets, seen)

    def _scale(
        self, index: int, picture: Tensor, callback: Callback | None, state: State | None = None
    ) -> tuple[Tensor, str]:
        """The iterations of one scale, all or those left: (1, 3, H, W) -> the moved picture and the status."""
        iterations, size = self.scales[index][1], (picture.shape[2], picture.shape[3])
        objective = self._objective(index, size)
        readings = Readings(objective.names, self.losses, index + 1, self.device)
        picture = picture.to(self.device)
        reach = None if objective.steering is None else objective.steering.source
        parameters, draws = (
            parametrized(self.config, picture, self.start.still(picture), reach),
            Draws(self.generator, self.device),
        )
        now = Moving(parameters, self.config.optimizer, index, readings, draws, self._recorded(index))
        if state is not None:
            now.restore(state.iteration, state.good, state.optimizer)
        self.now = now
        start, end = spans(self.scales)[index]
        while now.iteration < iterations:
            if not self._step(now, objective, iterations):
                return now.good.cpu(), "diverged"
            done = start + (end - start) * now.iteration / iterations
            place = (index + 1, len(self.scales), size, now.iteration, iterations, done)
            progress = Progress(*place, now.readings.latest, now.pixels, self.details)
            stopped = callback is not None and callback(progress) is False
            if self.checkpoint is not None and (self.checkpoint.due(done) or (stopped and self.checkpoint.active)):
                self._keep(self.checkpoint, now)
            if stopped:
                now.readings.flush()
                return now.pixels.cpu(), "stopped"
        if not now.pixels.isfinite().all():
            return now.good.cpu(), "diverged"
        return now.pixels.cpu(), "complete"

    def _recorded(self, index: int) -> bool:
        """Whether iterations of a scale do the same each time, on a device that can record them and has room for it:
        what is recorded keeps its memory, and what comes before and after it takes as much again."""
        same = self.plan.pixels[index] is None and self.guide.source is None and not self.config.deterministic
        possible = self.device.type == "cuda" and self.config.optimizer.name == "adam"
        return same and possible and 2 * self.plan.estimate < self.plan.budget

    def _step(self, now: Moving, objective: Objective, iterations: int) -> bool:
        """One iteration of a scale's; False where the losses are not finite, and the pixels stay."""
        settings = self.config.optimizer
        over_scale = (now.iteration, iterations) if settings.schedule == "restarts" else None
        # Adam's steps don't shrink with the weights, and they add up: with the square, half the strength is, about,
        # half the change.
        slowed = self.config.strength**2 if settings.name == "adam" else 1.0
        now.rate(slowed * learning_rate(settings, *(over_scale or (self.steps, self.config.iterations))))
        now.advance(objective)
        if now.readings.add(now.losses, last=now.iteration == iterations):
            if not now.readings.finite:
                return False
            now.good.copy_(now.evaluated)
        self.steps += 1
        self.drawn = self.generator.get_state()
        return True

"""`stylize`: moves the source's pixels, coarse to fine, until the objective is small."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

from torch import Tensor

from ..checks import shown
from ..device import describe, deterministic, exact_float32, memory_errors, own_stream, usual_modes
from ..errors import ConfigError, MemoryLimitError
from ..features import TiledFeatures
from ..losses import Draws, Objective, strokes
from ..pictures import Picture, fit, resize
from ..settings import Laplacian, StyleConfig
from .checkpoint import Checkpoint, State, identity
from .details import RunDetails, run_details
from .inputs import Targets, read_inputs
from .optimizer import PixelOptimizer, learning_rate, spans
from .parametrization import parametrized
from .prepare import Prepared, prepare
from .result import Callback, LossLog, Progress, Result

ADVICE = "use a smaller --size, or keep to less with --memory, such as --memory 4GB"


@usual_modes()
def stylize(
    source: Picture,
    target: Targets,
    config: StyleConfig | None = None,
    *,
    callback: Callback | None = None,
    begin: Callable[[RunDetails], None] | None = None,
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
        begin: told before the first one what was decided; what it raises ends the run.
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
    run = Run(prepare(inputs, config or StyleConfig.preset()), started, kept, resume=resume)
    if begin is not None:
        begin(run.details)
    return run.go(callback)


class Run:
    """One run of the loop.

    Args:
        setup: what it is made of.
        started: when it was asked for, by `time.perf_counter`.
        checkpoint: where its state is kept; see `stylize`.
        resume: see `stylize`.

    Attributes:
        details: what was decided, and why.
    """

    def __init__(
        self, setup: Prepared, started: float, checkpoint: Checkpoint | None = None, *, resume: bool = False
    ) -> None:
        self.setup, self.config, self.started = setup, setup.config, started
        self.steps, self.losses = 0, list[dict[str, float]]()
        self.before: State | None = None
        self.now: PixelOptimizer | None = None
        self.drawn = setup.generator.get_state()
        self.checkpoint = checkpoint if setup.terms else None
        if self.checkpoint is not None:
            where = describe(setup.device) if setup.device.type != "cpu" else "cpu"
            chosen = {"device": where, "precision": setup.precision}
            run = partial(identity, setup.inputs, self.config, setup.initial.picture, setup.weights, **chosen)
            self._resume(self.checkpoint, cache(run), resume)
        self.details = run_details(self.setup, None if self.before is None else self.before.steps)

    def _resume(self, checkpoint: Checkpoint, run: Callable[[], dict[str, object]], wanted: bool) -> None:
        """Where it is wanted and there is a checkpoint, everything is as it was there."""
        state = self.before = checkpoint.read(run) if wanted else None
        if state is None:
            checkpoint.begin(run)
            return
        self.drawn = state.generator
        self.setup.generator.set_state(self.drawn)
        self.losses, self.steps = state.losses, state.steps
        if state.memory == self.config.memory:
            self.setup = replace(self.setup, memory=replace(self.setup.memory, pixels=state.tiles))
        checkpoint.begin(run, sum(state.seconds.values()), self._done(state.scale, state.iteration))

    def _done(self, scale: int, iteration: int) -> float:
        """The share of the run's work that is done after an iteration of a scale."""
        start, end = spans(self.setup.scales)[scale]
        return start + (end - start) * iteration / self.setup.scales[scale][1]

    def _keep(self, checkpoint: Checkpoint, now: PixelOptimizer) -> None:
        """Saves where the run is; in the middle of an iteration, how it was before that."""
        now.readings.flush()
        if not now.intact or not now.readings.finite:
            return
        moved = (now.scale, now.iteration, self.steps, now.pixels, now.last_finite, self.drawn)
        losses, seconds = self.losses[: self.steps], self._seconds()
        tiles = self.setup.memory.pixels, self.config.memory
        checkpoint.save(State(*moved, now.state(), losses, seconds, *tiles))

    def _seconds(self) -> dict[str, float]:
        """Of the whole run so far, those before an interruption too."""
        found = {"loop": time.perf_counter() - self.looping, "before_loop": self.looping - self.started}
        earlier = self.before.seconds if self.before is not None else {}
        return {name: value + earlier.get(name, 0.0) for name, value in found.items()}

    def go(self, callback: Callback | None) -> Result:
        """All scales, coarse to fine."""
        self.looping = time.perf_counter()
        setup, inputs, state, status = self.setup, self.setup.inputs, self.before, "complete"
        picture = setup.initial.picture if setup.terms else setup.source
        for index in range(len(setup.scales) if setup.terms else 0):
            if state is not None and index < state.scale:
                continue
            picture, status = self._guarded(index, picture, callback, state)
            state = None
            if status != "complete":
                break
        seconds = self._seconds()
        try:
            with memory_errors():
                bring = setup.initial.whole if setup.terms else resize
                picture = bring(picture, *setup.size)
        except MemoryLimitError:
            status = "out of memory"
        alpha = None if inputs.source_alpha is None else resize(inputs.source_alpha, *picture.shape[2:])
        return Result(picture, self.config, self.losses, status, seconds, self.details, alpha, inputs.origin)

    def _guarded(
        self, index: int, picture: Tensor, callback: Callback | None, state: State | None
    ) -> tuple[Tensor, str]:
        """`_scale` in exact float32; where memory runs out, the picture so far."""
        device = self.setup.device
        try:
            repeatable, stream = deterministic(self.config.deterministic, device), own_stream(device)
            with exact_float32(), memory_errors(), repeatable, stream:
                return self._scale(index, picture, callback, state)
        except MemoryLimitError as error:
            if self.now is None or not self.steps:
                raise MemoryLimitError(f"{device} has run out of memory: {ADVICE}") from error
        if self.checkpoint is not None and self.checkpoint.active:
            with contextlib.suppress(MemoryLimitError), memory_errors():
                self._keep(self.checkpoint, self.now)
        return self.now.pixels.nan_to_num().clamp(0, 1).cpu(), "out of memory"

    def _objective(self, index: int, size: tuple[int, int], targets: Sequence[Tensor]) -> Objective:
        """The objective of a scale, on the network or on its tiles."""
        setup = self.setup
        source = resize(setup.source, *size).to(setup.device)
        targets = [target.to(setup.device) for target in targets]
        pixels = setup.memory.pixels[index]
        network = setup.network if pixels is None else TiledFeatures(setup.network, pixels)
        seen = partial(setup.cache.target_features, setup.network, pixels, extract=network)
        found = setup.correspondence
        objective = Objective(
            [term.at_scale(index) for term in setup.terms],
            network,
            precision=setup.precision,
            guide=setup.inputs.guide,
            steering=None if found is None else found.steering(self.config.quiet),
            jitter=self.config.jitter,
        )
        return objective.bind_source(source).bind_target(targets, seen)

    def _reach(self, objective: Objective, textures: Sequence[Tensor]) -> list[Tensor]:
        """Of each level of a pyramid the share of the way that places go, (1, 1, h, w)."""
        found, levels = self.setup.correspondence, self.config.parametrization
        if found is None or objective.steering is None or not isinstance(levels, Laplacian):
            return []
        return found.reach(objective.steering.source, textures, len(levels.luminance))

    def _scale(
        self, index: int, picture: Tensor, callback: Callback | None, state: State | None = None
    ) -> tuple[Tensor, str]:
        """The iterations of one scale, all or those left: the picture so far, (1, 3, H, W) -> as it was moved, and the
        status."""
        setup, (edge, iterations), levels = self.setup, self.setup.scales[index], self.config.parametrization
        sizes, size = setup.target_sizes(edge), fit(setup.source, edge)
        targets = [resize(target, *each) for target, each in zip(setup.targets, sizes, strict=True)]
        textures = list[Tensor]()
        if setup.correspondence is not None and isinstance(levels, Laplacian):
            textures = setup.correspondence.textures(targets, levels.texture)
        if state is None:
            picture = setup.initial.with_change(picture, *size, strokes(textures) if index else 0)
        else:
            picture = state.pixels
        objective = self._objective(index, size, targets)
        readings = LossLog(objective.names, self.losses, index + 1, setup.device)
        picture = picture.to(setup.device)
        parameters = parametrized(self.config, picture, setup.initial.still(picture), self._reach(objective, textures))
        draws = Draws(setup.generator, setup.device)
        now = PixelOptimizer(parameters, self.config.optimizer, index, readings, draws, self._recorded(index))
        if state is not None:
            now.restore(state.iteration, state.last_finite, state.optimizer)
        self.now = now
        while now.iteration < iterations:
            if not self._step(now, objective, iterations):
                return now.last_finite.cpu(), "diverged"
            done = self._done(index, now.iteration)
            place = (index + 1, len(setup.scales), size, now.iteration, iterations, done)
            progress = Progress(*place, now.readings.latest, now.pixels, self.details)
            stopped = callback is not None and callback(progress) is False
            if self.checkpoint is not None and (self.checkpoint.due(done) or (stopped and self.checkpoint.active)):
                self._keep(self.checkpoint, now)
            if stopped:
                now.readings.flush()
                return now.pixels.cpu(), "stopped"
        if not now.pixels.isfinite().all():
            return now.last_finite.cpu(), "diverged"
        return now.pixels.cpu(), "complete"

    def _recorded(self, index: int) -> bool:
        """Whether iterations of a scale do the same each time, on a device that can record them and has room for it:
        what is recorded keeps its memory, and what comes before and after it takes as much again."""
        memory, guide = self.setup.memory, self.setup.inputs.guide
        same = memory.pixels[index] is None and guide.source is None and not self.config.deterministic
        possible = self.setup.device.type == "cuda" and self.config.optimizer.name == "adam"
        return same and possible and 2 * memory.estimate < memory.budget

    def _step(self, now: PixelOptimizer, objective: Objective, iterations: int) -> bool:
        """One iteration of a scale's; False where the losses are not finite, and the pixels stay."""
        settings = self.config.optimizer
        over_scale = (now.iteration, iterations) if settings.schedule == "restarts" else None
        # Adam's steps don't shrink with the weights, and they add up: with the square, half the strength is, about,
        # half the change.
        slowed = self.config.strength**2 if settings.name == "adam" else 1.0
        now.set_rate(slowed * learning_rate(settings, *(over_scale or (self.steps, self.config.iterations))))
        now.advance(objective)
        if now.readings.add(now.losses, last=now.iteration == iterations):
            if not now.readings.finite:
                return False
            now.last_finite.copy_(now.evaluated)
        self.steps += 1
        self.drawn = self.setup.generator.get_state()
        return True

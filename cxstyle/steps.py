"""What moves the pixels from one iteration to the next: optimizers and their rates, and what they are at."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from .config import Optimizer
from .objective import Losses
from .parametrization import Parameters, restore
from .progress import Readings

FINAL_RATE = 0.02
"""Where the cosine schedule ends, as a share of the learning rate."""
HISTORY = 20
"""Steps that L-BFGS remembers."""
FIXED_WORK = 20_000
"""Pixels' worth of an iteration's time that doesn't depend on the size, the losses being sampled; for the time left."""


class Moving:
    """The picture of a scale while it moves.

    Args:
        parameters: what is moved, on its device.
        settings: of the optimizer.
        scale: index of the scale.
        readings: of the losses.

    Attributes:
        pixels: (1, 3, H, W) in [0, 1], after the last step.
        good: the last ones with losses known to be finite.
        iteration: done in this scale.
        intact: whether all of this is as it was between two iterations.
    """

    def __init__(self, parameters: Parameters, settings: Optimizer, scale: int, readings: Readings) -> None:
        self.scale, self.readings, self.iteration, self.intact = scale, readings, 0, True
        self.parameters = parameters
        self.optimizer = make_optimizer(settings, parameters.moved)
        self.pixels = parameters.origin.clone()  # stays, where `restore` brings an earlier origin
        self.good = self.pixels.clone()

    def restore(self, iteration: int, good: Tensor, memory: dict[str, Any]) -> None:
        """As it was after an iteration; `memory` as of `remembered`."""
        self.iteration = self.readings.count = iteration
        self.good = good.to(self.good.device)
        restore(self.parameters, memory["kept"])
        known = self.optimizer.state_dict()
        self.optimizer.load_state_dict(known | {"state": dict(enumerate(memory["states"]))})

    def remembered(self) -> dict[str, Any]:
        """What the optimizer has learnt, and what it moves beside pixels."""
        states: dict[int, Any] = self.optimizer.state_dict()["state"]
        return {"kept": [tensor.detach() for tensor in self.parameters.kept], "states": [*states.values()]}

    def rate(self, rate: float) -> None:
        """Sets the learning rate, of each tensor its share."""
        for group, share in zip(self.optimizer.param_groups, self.parameters.rates, strict=True):
            group["lr"] = rate * share

    def move(self, losses: Losses) -> None:
        """One step, by the gradients."""
        self.intact = False
        self.optimizer.step(partial(value_of, losses))
        self.pixels = self.parameters.bound()
        self.iteration += 1
        self.intact = True


def make_optimizer(settings: Optimizer, moved: Sequence[Tensor]) -> torch.optim.Optimizer:
    """What moves the pixels, or what stands for them, with a rate for each."""
    if settings.name == "lbfgs":
        # One step for each iteration of the loop, as with Adam; what it has learnt stays with it between them.
        return torch.optim.LBFGS(moved, settings.lr, max_iter=1, history_size=HISTORY)
    return torch.optim.Adam([{"params": [tensor]} for tensor in moved], settings.lr, settings.betas, settings.eps)


def value_of(losses: Losses) -> Any:
    """The total, for an optimizer that asks for it again; still on its device, since Adam doesn't look at it."""
    return losses.total.detach()


def learning_rate(settings: Optimizer, iteration: int, iterations: int) -> float:
    """The rate of an iteration, counted from 0 in what the optimizer's schedule spans: the run, or with restarts a
    scale."""
    if settings.schedule == "constant":
        return settings.lr
    cosine = (1 + math.cos(math.pi * iteration / max(1, iterations - 1))) / 2
    return settings.lr * (FINAL_RATE + (1 - FINAL_RATE) * cosine)


def spans(scales: Sequence[tuple[int, int]]) -> list[tuple[float, float]]:
    """Of each scale (long edge, iterations), the shares of the whole work that are done before and after it."""
    work = [(edge * edge + FIXED_WORK) * count for edge, count in scales]
    return [(sum(work[:i]) / sum(work), sum(work[: i + 1]) / sum(work)) for i in range(len(work))]

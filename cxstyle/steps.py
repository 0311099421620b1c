"""What moves the pixels from one iteration to the next: optimizers and their rates."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from .config import Optimizer
from .objective import Losses

FINAL_RATE = 0.02
"""Where the cosine schedule ends, as a share of the learning rate."""
HISTORY = 20
"""Steps that L-BFGS remembers."""


def make_optimizer(settings: Optimizer, pixels: Tensor) -> torch.optim.Optimizer:
    """What moves the pixels."""
    if settings.name == "lbfgs":
        # One step for each iteration of the loop, as with Adam; what it has learnt stays with it between them.
        return torch.optim.LBFGS([pixels], settings.lr, max_iter=1, history_size=HISTORY)
    return torch.optim.Adam([pixels], settings.lr, settings.betas, settings.eps)


def value_of(losses: Losses) -> Any:
    """The total, for an optimizer that asks for it again; still on its device, since Adam doesn't look at it."""
    return losses.total.detach()


def learning_rate(settings: Optimizer, iteration: int, iterations: int) -> float:
    """The rate of an iteration, counted from 0, by the optimizer's schedule."""
    if settings.schedule == "constant":
        return settings.lr
    cosine = (1 + math.cos(math.pi * iteration / max(1, iterations - 1))) / 2
    return settings.lr * (FINAL_RATE + (1 - FINAL_RATE) * cosine)

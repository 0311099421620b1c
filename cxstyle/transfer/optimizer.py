"""What moves the pixels from one iteration to the next: optimizers and their rates, and what they are at.

On a GPU an iteration is some 700 small kernels. The host takes 20 ms to start them one by one, the device 3 ms to run
them at 384 px (NVIDIA H100), so an iteration is recorded once and replayed (torch.cuda.graph), with new random choices
put where the old ones were.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim.adam import adam

from ..losses import Draws, Objective
from ..settings import Optimizer
from .parametrization import Parameters
from .result import LossLog

FINAL_RATE = 0.02
"""Where the cosine schedule ends, as a share of the learning rate."""
HISTORY = 20
"""Steps that L-BFGS remembers."""
RISE = 1.05
"""Of the objective in one step, from which on L-BFGS starts anew; where it goes well it doesn't rise."""
WARM = 2
"""Iterations before one is recorded: libraries start up, and places that don't change are computed."""
FIXED_WORK = 20_000
"""Pixels' worth of an iteration's time that doesn't depend on the size, the losses being sampled; for the time left."""


class PixelOptimizer:
    """The picture of a scale, by its index, while it moves.

    Args:
        parameters: what is moved, on its device.
        recorded: whether iterations are recorded and replayed. They must do the same each time: no sizes that depend on
            values, nothing read back by the host.

    Attributes:
        pixels: (1, 3, H, W) in [0, 1], after the last step; `evaluated` is the picture before it, with its `losses`.
        last_finite: the last pixels with losses known to be finite.
        iteration: done in this scale.
        intact: whether all of this is as it was between two iterations.
    """

    def __init__(
        self,
        parameters: Parameters,
        settings: Optimizer,
        scale: int,
        readings: LossLog,
        draws: Draws,
        recorded: bool = False,
    ) -> None:
        self.scale, self.readings, self.iteration, self.intact = scale, readings, 0, True
        self.parameters, self.draws, self.recorded = parameters, draws, recorded
        if settings.name == "lbfgs":
            # One step for each iteration of the loop, as with Adam; what it has learnt stays with it between them.
            lbfgs = torch.optim.LBFGS(parameters.moved, settings.lr, max_iter=1, history_size=HISTORY)
            self.optimizer: Adam | torch.optim.LBFGS = lbfgs
        else:
            self.optimizer = Adam(settings, parameters.moved, recorded)
        self.pixels = parameters.origin.clone()  # stays, where `restore` brings an earlier origin
        self.last_finite = self.pixels.clone()
        self.warm = 0
        self.graph: torch.cuda.CUDAGraph | None = None

    def restore(self, iteration: int, last_finite: Tensor, memory: dict[str, Any]) -> None:
        """As it was after an iteration; `memory` as of `state`."""
        self.iteration = self.readings.count = iteration
        self.last_finite = last_finite.to(self.last_finite.device)
        with torch.no_grad():
            for tensor, value in zip(self.parameters.kept, memory["kept"], strict=True):
                tensor.copy_(value)
        known = self.optimizer.state_dict()
        self.optimizer.load_state_dict(known | {"state": dict(enumerate(memory["states"]))})

    def state(self) -> dict[str, Any]:
        """What the optimizer has learnt, and what it moves beside pixels."""
        states: dict[int, Any] = self.optimizer.state_dict()["state"]
        return {"kept": [tensor.detach() for tensor in self.parameters.kept], "states": [*states.values()]}

    def set_rate(self, rate: float) -> None:
        """Sets the learning rate, of each tensor its share."""
        for group, share in zip(self.optimizer.param_groups, self.parameters.rates, strict=True):
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(rate * share)
            else:
                group["lr"] = rate * share

    def advance(self, objective: Objective) -> None:
        """One iteration."""
        if self.recorded and self.graph is None and self.warm == WARM:
            self._record(objective)
        if self.graph is not None:
            self.draws.again()
            self.intact = False
            self.graph.replay()
        else:
            self.draws.forget()
            self._once(objective)
        self.warm, self.iteration, self.intact = self.warm + 1, self.iteration + 1, True

    def _once(self, objective: Objective) -> None:
        """Evaluates the picture and moves it by the gradients."""
        self.optimizer.zero_grad()
        picture = self.parameters.picture()
        self.losses, self.evaluated = objective.evaluate(picture, self.draws), picture.detach()
        self.losses.total.backward()
        self.intact = False
        self._start_anew_where_it_rose()
        # Asked for again by L-BFGS alone, and so still on its device.
        self.optimizer.step(self.losses.total.detach)
        self.pixels = self.parameters.bound()

    def _start_anew_where_it_rose(self) -> None:
        """Where the last step of L-BFGS made the objective larger, drops what it has learnt: its steps are whole ones,
        and what it learns of pixels that are held in [0, 1] is wrong, which on a dark target goes on to infinity."""
        if isinstance(self.optimizer, Adam):
            return
        for learnt in self.optimizer.state.values():
            if self.losses.total > RISE * learnt.get("prev_loss", math.inf):
                learnt.clear()

    def _record(self, objective: Objective) -> None:
        """Records an iteration, without doing it."""
        self.optimizer.zero_grad()  # so that the recorded backward pass makes gradients, and adds to none
        self.graph = torch.cuda.CUDAGraph()
        with self.draws.replayed(), torch.cuda.graph(self.graph, stream=torch.cuda.current_stream()):
            self._once(objective)


class Adam:
    """`torch.optim.Adam`, step for step, in torch's functional form: making any of torch's optimizers loads its
    compiler, which takes a second and is not used.

    Args:
        moved: a group each.
        recorded: whether steps are to be recorded, as of `PixelOptimizer`.

    Attributes:
        param_groups, state_dict, load_state_dict, zero_grad, step: as those of torch, as far as they are used here.
    """

    def __init__(self, settings: Optimizer, moved: Sequence[Tensor], recorded: bool) -> None:
        self.settings, self.moved, self.recorded = settings, moved, recorded
        # What is recorded reads its rate where it lies, on the device.
        rates = [torch.tensor(settings.lr, device=each.device) if recorded else settings.lr for each in moved]
        self.param_groups: list[dict[str, Any]] = [{"lr": rate} for rate in rates]
        self.states = []
        for each in moved:
            step = torch.tensor(0.0, device=each.device if recorded else None)
            moments = {name: torch.zeros_like(each) for name in ("exp_avg", "exp_avg_sq")}
            self.states.append({"step": step, **moments})

    def state_dict(self) -> dict[str, Any]:
        """What has been learnt."""
        return {"state": dict(enumerate(self.states))}

    def load_state_dict(self, found: dict[str, Any]) -> None:
        """Goes on with what was learnt, on the device."""
        for state, learnt in zip(self.states, found["state"].values(), strict=True):
            for name, value in state.items():
                value.copy_(learnt[name])

    def zero_grad(self) -> None:
        """Drops the gradients."""
        for each in self.moved:
            each.grad = None

    @torch.no_grad()
    def step(self, _: Callable[[], Tensor]) -> None:
        """Moves each tensor by its gradient."""
        beta1, beta2 = self.settings.betas
        for each, group, state in zip(self.moved, self.param_groups, self.states, strict=True):
            if each.grad is None:
                continue
            adam(
                [each],
                [each.grad],
                [state["exp_avg"]],
                [state["exp_avg_sq"]],
                [],
                [state["step"]],
                capturable=self.recorded,
                amsgrad=False,
                beta1=beta1,
                beta2=beta2,
                lr=group["lr"],
                weight_decay=0.0,
                eps=self.settings.eps,
                maximize=False,
            )


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

"""What moves the pixels."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from cxstyle.losses import Draws, Losses
from cxstyle.settings import Optimizer
from cxstyle.transfer.optimizer import Adam, PixelOptimizer
from cxstyle.transfer.parametrization import Pixels
from cxstyle.transfer.result import LossLog

SETTINGS = Optimizer(lr=0.03, betas=(0.8, 0.99), eps=1e-6)


def target() -> torch.Tensor:
    return torch.linspace(-1, 1, 12).view(3, 4)


def steps(optimizer: Adam | torch.optim.Adam, moved: torch.Tensor, count: int) -> None:
    for step in range(count):
        optimizer.zero_grad()
        optimizer.param_groups[0]["lr"] = 0.03 / (1 + step)
        (moved - target()).square().sum().backward()
        optimizer.step(lambda: moved.sum())


class Bowl:
    """An objective that is lowest at the target, and as steep as is said."""

    steepness = 1.0

    def evaluate(self, picture: torch.Tensor, _: Draws) -> Losses:
        total = self.steepness * (picture - (target() + 1) / 2).square().sum()
        return Losses(total, total.detach()[None])


@pytest.mark.parametrize(("steeper", "known"), [(1.0, 4), (10.0, 1)])
def test_lbfgs_forgets_what_it_has_learnt_where_its_step_has_made_the_objective_larger(
    steeper: float, known: int
) -> None:
    log = LossLog([], [], 0, torch.device("cpu"))
    pixels = Pixels(torch.full((1, 1, 3, 4), 0.5), None)
    moving = PixelOptimizer(pixels, Optimizer("lbfgs", 0.1), 0, log, Draws(torch.Generator()))
    bowl: Any = Bowl()
    for _ in range(3):
        moving.advance(bowl)
    bowl.steepness = steeper
    moving.advance(bowl)
    assert moving.state()["states"][0]["n_iter"] == known


def test_adam_is_torch_s_to_the_bit_and_goes_on_from_either_s_state() -> None:
    ours, theirs = torch.zeros(3, 4, requires_grad=True), torch.zeros(3, 4, requires_grad=True)
    adam = Adam(SETTINGS, [ours], recorded=False)
    reference = torch.optim.Adam([theirs], SETTINGS.lr, SETTINGS.betas, SETTINGS.eps)
    steps(adam, ours, 5)
    steps(reference, theirs, 5)
    assert torch.equal(ours, theirs)
    again = Adam(SETTINGS, [ours], recorded=False)
    again.load_state_dict(reference.state_dict())
    reference.load_state_dict(reference.state_dict() | adam.state_dict())
    steps(again, ours, 5)
    steps(reference, theirs, 5)
    assert torch.equal(ours, theirs)

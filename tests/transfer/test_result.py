"""How losses are read from a device: a few iterations at a time."""

from __future__ import annotations

import pytest
import torch

from cxstyle.losses.objective import Losses
from cxstyle.transfer.result import READ_RARELY, LossLog


def losses(value: float) -> Losses:
    return Losses(torch.tensor(2 * value), torch.tensor([value, value]))


def readings(device: str) -> LossLog:
    return LossLog(["style", "tv"], [], 3, torch.device(device))


def test_on_a_cpu_every_iteration_is_read_at_once() -> None:
    found = readings("cpu")
    assert [found.add(losses(i), last=False) for i in range(3)] == [True] * 3
    assert found.latest == {"total": 4.0, "style": 2.0, "tv": 2.0}
    assert found.record[0] == {"scale": 3, "iteration": 1, "total": 0.0, "style": 0.0, "tv": 0.0}
    assert [row["iteration"] for row in found.record] == [1, 2, 3]


def test_elsewhere_the_first_the_last_and_every_few_are_read() -> None:
    found = readings("cuda")
    read = [found.add(losses(i), last=i == 24) for i in range(25)]
    assert [i for i, now in enumerate(read) if now] == [0, READ_RARELY, 2 * READ_RARELY, 24]
    assert [row["style"] for row in found.record] == list(range(25))


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_from_the_first_loss_that_is_not_finite_on_nothing_is_recorded(device: str) -> None:
    found = readings(device)
    for value in (1.0, 2.0, float("nan"), 3.0):
        found.add(losses(value), last=value == 3.0)
    assert not found.finite
    assert [row["style"] for row in found.record] == [1.0, 2.0]

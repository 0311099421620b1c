"""Oklab and L*a*b*: published values, and the way back."""

from __future__ import annotations

import pytest
import torch

from cxstyle.pictures import to_lab, to_oklab

RED, WHITE = (1, 0, 0), (1, 1, 1)


@pytest.mark.parametrize(("color", "lab"), [(RED, (0.62796, 0.22486, 0.12585)), (WHITE, (1, 0, 0))])
def test_oklab_is_as_published(color: tuple[float, ...], lab: tuple[float, ...]) -> None:
    found = to_oklab(torch.tensor(color, dtype=torch.float64).view(1, 3, 1, 1))
    assert found.flatten().tolist() == pytest.approx(lab, abs=1e-4)


@pytest.mark.parametrize(
    ("color", "lab"),
    [
        (RED, (53.24, 80.09, 67.20)),
        ((0, 1, 0), (87.73, -86.18, 83.18)),
        ((0, 0, 1), (32.30, 79.19, -107.86)),
        (WHITE, (100, 0, 0)),
        ((0, 0, 0), (0, 0, 0)),
        ((119 / 255,) * 3, (50.03, 0, 0)),
    ],
)
def test_lab_has_the_known_values(color: tuple[float, ...], lab: tuple[float, ...]) -> None:
    assert to_lab(torch.tensor([color], dtype=torch.float64))[0].tolist() == pytest.approx(lab, abs=0.02)

"""Steady frames: what stands still does, what moves is shown as it is drawn."""

from __future__ import annotations

import torch

from cxstyle.generators.steady import MOVING, Steady


def test_grain_is_held_still_and_movement_is_not() -> None:
    torch.manual_seed(0)
    steady, shown, drawn = Steady(), [], []
    for i in range(12):
        source = torch.full((1, 3, 40, 60), 0.5) + 0.001 * torch.randn(1, 3, 40, 60)
        source[..., 45 + i :] = 0.9  # an edge that moves to the right
        picture = source + 0.02 * torch.randn_like(source)
        drawn.append(picture)
        shown.append(steady(source, picture))
    change, drawn_change = ((each[-1] - each[-2]).abs() for each in (shown, drawn))
    assert change[..., :40].mean() < 0.4 * drawn_change[..., :40].mean()
    torch.testing.assert_close(shown[-1][..., 55:57], drawn[-1][..., 55:57])


def test_a_cut_is_shown_at_once() -> None:
    steady, first, second = Steady(), torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 32)
    assert torch.equal(steady(first, 1 - first), 1 - first)
    torch.testing.assert_close(steady(second, 1 - second), 1 - second)


def test_a_slow_change_is_followed() -> None:
    steady = Steady()
    for i in range(100):
        source = torch.full((1, 3, 32, 32), i / 500)  # half a step of 8 bits from frame to frame
        shown = steady(source, source)
    assert float((source - shown).abs().max()) < MOVING

"""Drawn frames held still where their source is: a network shows the grain of a source with its own contrast.

With s the source and d the drawn frame, places that move are shown as they are drawn and others mixed with what was
shown before:

    w = clamp((a / M)^2, F, 1),   r += w (s - r),   shown += w (d - shown),

a being the change |s - r| around a place. What the source is compared with, r, follows it as slowly as what is shown,
so that a slow change adds up until it counts as one.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

MOVING = 3 / 255
"""M: a change of the source, in [0, 1], from which a place is shown as it is drawn."""
FRESH = 0.2
"""F: of a place that is still, the share of what is drawn anew."""
AROUND = 5
"""Width of the surroundings that count as one place, in pixels; odd."""


class Steady:
    """Frames of a video, one after the other: ``steady(source, drawn)`` is what to show, (1, 3, H, W) in [0, 1]."""

    def __init__(self) -> None:
        self.before: tuple[Tensor, Tensor] | None = None

    def __call__(self, source: Tensor, drawn: Tensor) -> Tensor:
        """The next frame: of a source (1, 3, H, W), at the size of what is drawn, and of what is drawn of it."""
        if self.before is not None:
            reference, shown = self.before
            change = (source - reference).abs().mean(dim=1, keepdim=True)
            near = functional.avg_pool2d(change, AROUND, 1, AROUND // 2)
            widest = functional.max_pool2d(near, AROUND, 1, AROUND // 2)
            weight = (widest / MOVING).square().clamp(FRESH, 1)
            source, drawn = reference.lerp(source, weight), shown.lerp(drawn, weight)
        self.before = source, drawn
        return drawn

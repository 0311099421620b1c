"""What a run tells while it goes and when it has ended."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from ..losses import Losses
from ..pictures import Encoded, Origin, Writing, encode, save_picture, to_image
from ..settings import StyleConfig
from .details import RunDetails
from .record import Record, as_text, made_record, run_record

READ_RARELY = 10
"""Iterations between two readings of the losses, but for a CPU, which needn't wait for each."""


@dataclass(frozen=True)
class Progress:
    """What a callback is told after each iteration.

    Attributes:
        scale: 1 for the coarsest.
        scales: how many there are.
        size: (height, width) of this scale.
        iteration: of this scale, from 1.
        iterations: of this scale.
        done: share of the whole run's work, about, in (0, 1].
        losses: the objective's values by name (unweighted, before the step); "total" is their weighted sum. On a GPU
            they are read every few iterations, and these are the last that were read.
        picture: (1, 3, H, W) after the step; the next iteration overwrites it.
        details: of the run; see `Result`.
    """

    scale: int
    scales: int
    size: tuple[int, int]
    iteration: int
    iterations: int
    done: float
    losses: dict[str, float]
    picture: Tensor
    details: RunDetails

    @property
    def place(self) -> str:
        """Where the run is, for people."""
        scale = f"scale {self.scale}/{self.scales} ({self.size[1]}x{self.size[0]})"
        return f"{scale} iteration {self.iteration}/{self.iterations}"


Callback = Callable[[Progress], bool | None]
"""Called after each iteration; returning False stops the run, which keeps the picture so far."""


@dataclass(frozen=True)
class Result:
    """What `stylize` returns.

    Attributes:
        picture: (1, 3, H, W) float32 in [0, 1] on the CPU.
        config: the settings, all resolved.
        losses: for each iteration: scale, iteration, total and each value of the objective by name.
        status: complete; stopped (the callback asked for it); diverged (a loss was not finite: `picture` is the last
            one with finite losses); or out of memory (`picture` is the last one).
        seconds: of the loop, and from the call to its first iteration.
        details: what was decided, and why.
        alpha: the source's, (1, 1, H, W) in [0, 1] at the picture's size; None where all of it is opaque.
        origin: author, rights and bits of the source.
    """

    picture: Tensor
    config: StyleConfig
    losses: list[dict[str, float]]
    status: str
    seconds: dict[str, float]
    details: RunDetails
    alpha: Tensor | None = None
    origin: Origin = field(default_factory=Origin)

    @property
    def image(self) -> Image.Image:
        """The picture as a PIL picture: RGB, or RGBA where it has an alpha."""
        return to_image(self.picture, self.alpha)

    @property
    def record(self) -> Record:
        """How it was made, as its file says."""
        return made_record(self.config, self.details.to_dict(), self.status, len(self.losses))

    def report(self, pictures: Mapping[str, Any]) -> dict[str, Any]:
        """All of it but the picture, for JSON; `pictures` are paths of source, targets and result."""
        return run_record(pictures, self.config, self.details.to_dict(), self.status, self.seconds, self.losses)

    def encoded(self, suffix: str, writing: Writing | None = None) -> Encoded:
        """The file that `save` writes, of the format of a suffix; errors as of `encode`."""
        return encode(self.picture, suffix, self.alpha, writing, as_text(self.record), self.origin)

    def save(self, path: str | Path, writing: Writing | None = None) -> tuple[str, ...]:
        """Writes the picture in the format of the suffix, whole or not at all, and with it how it was made.

        Args:
            path: of the file.
            writing: quality, bits and whether settings, author and rights go into the file.

        Returns:
            Notes about what of the picture the format doesn't hold, one line each.

        Raises:
            OutputError: it can't be written.
            ConfigError: the format can't do what `writing` asks.
        """
        return save_picture(self.picture, path, self.alpha, writing, as_text(self.record), self.origin)


class LossLog:
    """Losses of the iterations of a scale, read from the device a few at a time, since reading waits for it: the latest
    by name, and whether all that was read was finite."""

    def __init__(self, names: list[str], record: list[dict[str, float]], scale: int, device: torch.device) -> None:
        self.names, self.record, self.scale = ["total", *names], record, scale
        self.every = 1 if device.type == "cpu" else READ_RARELY
        self.waiting: list[Tensor] = []
        self.latest: dict[str, float] = {}
        self.finite, self.count = True, 0

    def add(self, losses: Losses, *, last: bool) -> bool:
        """Takes the losses of an iteration; True when it read them, and all before."""
        self.waiting.append(torch.cat([losses.total.detach()[None], losses.values]))
        # The first at once: it is what the user waits for.
        if not (last or self.count == 0 or len(self.waiting) >= self.every):
            return False
        self.flush()
        return True

    def flush(self) -> None:
        """Reads what is waiting; of losses that are not finite nothing is recorded."""
        rows = torch.stack(self.waiting).tolist() if self.waiting else []
        self.waiting = []
        for row in rows:
            self.finite = self.finite and math.isfinite(row[0])
            if not self.finite:
                return
            self.count += 1
            self.latest = dict(zip(self.names, row, strict=True))
            self.record.append({"scale": self.scale, "iteration": self.count, **self.latest})

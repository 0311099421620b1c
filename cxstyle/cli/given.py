"""What a run is given on the command line beside its settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .pipes import NAME, PIPE


@dataclass(frozen=True)
class Given:
    """What a run is given beside its settings, as `stylize` takes it.

    Attributes:
        source: picture.
        targets: pictures, one at least.
        weights: of the targets; None where all positions count the same.
        source_mask: of the source.
        target_masks: one for each target; none without masks.
        others: files that its settings come from or name.
    """

    source: Path
    targets: Sequence[Path]
    weights: Sequence[float] | None = None
    source_mask: Path | None = None
    target_masks: Sequence[Path] = ()
    others: Sequence[str | Path] = ()

    def stem(self) -> tuple[str, ...]:
        """Parts of a name made of the pictures'."""
        return tuple(NAME if path == PIPE else path.stem for path in (self.source, *self.targets))

    def files(self) -> list[Path]:
        """Source, targets, and the masks in the same order."""
        masks = [] if self.source_mask is None else [self.source_mask]
        return [self.source, *self.targets, *masks, *self.target_masks]

    def at(self, files: list[Path]) -> Given:
        """The same with its files elsewhere, in the order of `files`."""
        rest = iter(files)
        return replace(
            self,
            source=next(rest),
            targets=[next(rest) for _ in self.targets],
            source_mask=None if self.source_mask is None else next(rest),
            target_masks=[next(rest) for _ in self.target_masks],
        )

    def taking_part(self, pictures: Sequence[Path]) -> list[str]:
        """Of the targets, or of their masks: those of a target whose weight is not 0."""
        weights = self.weights or [1.0] * len(pictures)
        return [str(picture) for picture, weight in zip(pictures, weights, strict=True) if weight > 0]

    def record(self) -> dict[str, Any]:
        """For the report, in which sizes and weights are those of the targets that take part."""
        found: dict[str, Any] = {"source": str(self.source), "targets": self.taking_part(self.targets)}
        if self.source_mask is not None:
            found |= {"source_mask": str(self.source_mask), "target_masks": self.taking_part(self.target_masks)}
        return found

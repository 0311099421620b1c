"""What `cxstyle run` is given beside its settings: pictures and masks, one of which may come from stdin."""

from __future__ import annotations

import hashlib
import io
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ..pictures import Photo

PIPE = Path("-")
STDIN = "stdin"
"""What a picture from there is called in names."""


@dataclass(frozen=True)
class RunInputs:
    """What a run is given beside its settings, as `stylize` takes it; `Path("-")` is stdin.

    Attributes:
        source: picture.
        targets: pictures, one at least.
        weights: of the targets; None where all positions count the same.
        source_mask: of the source.
        target_masks: one for each target; none without masks.
    """

    source: Path
    targets: Sequence[Path]
    weights: Sequence[float] | None = None
    source_mask: Path | None = None
    target_masks: Sequence[Path] = ()

    def files(self) -> list[Path]:
        """All of them."""
        masks = [] if self.source_mask is None else [self.source_mask]
        return [self.source, *self.targets, *masks, *self.target_masks]

    def names(self) -> list[str]:
        """Of source and targets, for the result's."""
        return [STDIN if path == PIPE else path.stem for path in (self.source, *self.targets)]

    def used(self, pictures: Sequence[Path]) -> list[str]:
        """Of the targets, or of their masks: those of a target whose weight is not 0."""
        weights = self.weights or [1.0] * len(pictures)
        return [str(picture) for picture, weight in zip(pictures, weights, strict=True) if weight > 0]

    def record(self) -> dict[str, Any]:
        """For the report, in which sizes and weights are those of the targets that take part."""
        found: dict[str, Any] = {"source": str(self.source), "targets": self.used(self.targets)}
        if self.source_mask is not None:
            found |= {"source_mask": str(self.source_mask), "target_masks": self.used(self.target_masks)}
        return found

    def arguments(self) -> dict[str, Any]:
        """Of `stylize`; what comes from stdin is read."""
        piped = read_stdin() if PIPE in self.files() else None
        source, *targets = (piped if path == PIPE else path for path in (self.source, *self.targets))
        mask, *masks = (piped if path == PIPE else path for path in (self.source_mask, *self.target_masks))
        given = {"source": source, "target": targets, "weights": self.weights}
        return given | {"source_mask": mask, "target_mask": masks or None}


def read_stdin() -> Photo:
    """The picture that stdin sends.

    Raises:
        PictureError: it is none.
    """
    from ..pictures import most_bytes, read_photo

    content = sys.stdin.buffer.read(most_bytes() + 1)
    photo = read_photo(io.BytesIO(content), f"picture from {STDIN}")
    return replace(photo, sha256=hashlib.sha256(content).hexdigest(), path=STDIN)


def check_stdin(files: Sequence[Path]) -> None:
    """Refuses a stdin that is a terminal or would be two pictures.

    Raises:
        click.UsageError: as it says.
    """
    if files.count(PIPE) > 1:
        raise click.UsageError("only one picture can come from stdin; name files for the others")
    if PIPE in files and sys.stdin.isatty():
        raise click.UsageError("- reads a picture from stdin, which is a terminal; send one: cxstyle ... < picture.jpg")

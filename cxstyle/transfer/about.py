"""What a picture's file says of itself and of how it was made, for `cxstyle info`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..errors import PictureError
from ..pictures import Tags, read_tags
from .record import Record, cleaned, from_report, is_report, record_of


@dataclass(frozen=True)
class About:
    """A file that was looked at.

    Attributes:
        path: of it.
        tags: what the picture is; None of a report, and of what can't be read.
        record: how it was made; None where it doesn't say.
        problem: why there is no record, or why the file can't be read; "" where there is one.
    """

    path: Path
    tags: Tags | None
    record: Record | None
    problem: str = ""

    def to_dict(self) -> dict[str, Any]:
        """For programs: all text in it printable, and no record twice."""
        tags = asdict(self.tags) if self.tags else {}
        picture = cleaned({name: value for name, value in tags.items() if name != "record"})
        record = self.record.to_dict() if self.record else None
        found = {"file": str(self.path), "picture": picture, "record": record, "problem": cleaned(self.problem)}
        return {name: value for name, value in found.items() if value}


def about(path: Path) -> About:
    """What a picture, or a report of `cxstyle run`, says."""
    tags = None
    try:
        tags = None if is_report(path) else read_tags(path)
        return About(path, tags, from_report(path) if tags is None else record_of(path, tags))
    except PictureError as error:
        return About(path, tags, None, str(error))

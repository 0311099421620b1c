"""What the page's worker processes do: pictures as a batch does them, matches and animations."""

from __future__ import annotations

from dataclasses import dataclass

from ..batch.jobs import Task
from ..batch.worker import Worker


@dataclass(frozen=True)
class PageTask(Task):
    """A task of the page.

    Attributes:
        kind: picture, match or animation.
    """

    kind: str = "picture"


class PageWorker(Worker):
    """Does tasks of each kind."""

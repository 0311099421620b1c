"""The checkpoint of a run on the command line: where it is, what may be replaced, and what is said of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..batch.names import cut
from ..errors import OutputError
from ..files import check_writable
from .names import free_name, known_names
from .options import refuse

if TYPE_CHECKING:
    from ..transfer import Checkpoint

SUFFIX = ".checkpoint"
LONG = 600.0
"""Seconds from which on a run keeps its state unasked."""
LONGEST_NAME = 255


@dataclass(frozen=True)
class Lasting:
    """What a user says of long runs.

    Attributes:
        checkpoint: where the state goes.
        no_checkpoint: nowhere, however long the run is.
        checkpoint_every: seconds.
        resume: go on where there is one.
        movie: to be made of the run.
    """

    checkpoint: Path | None = None
    no_checkpoint: bool = False
    checkpoint_every: float = 60.0
    resume: bool = False
    movie: Path | None = None


class Keep:
    """The checkpoint of a run.

    Args:
        lasting: as the user says.
        output: where the result goes, if the user says so.
        stem: parts of the name of the result where not.
        suffix: of that name.
        overwrite: whether existing files may be replaced.

    Attributes:
        output: where the result goes.
        checkpoint: None without.

    Raises:
        OutputError: a checkpoint is there, and nothing says what to do with it; or it can't be written.
        CheckpointError: it can't be gone on from.
    """

    def __init__(
        self, lasting: Lasting, output: Path | None, stem: Sequence[str], suffix: str, *, overwrite: bool
    ) -> None:
        self.resume, self.given = lasting.resume, lasting.checkpoint is not None
        if lasting.no_checkpoint:
            refuse("and --no-checkpoint exclude each other", "checkpoint", "resume", "checkpoint_every")
        elif str(output) == "-" and not self.given:
            refuse("with -o - needs the file: --checkpoint FILE", "resume", "checkpoint_every")
        self.checkpoint: Checkpoint | None = None
        if lasting.no_checkpoint or (str(output) == "-" and not self.given):
            self.output = output or free_name(*stem, suffix=suffix)
            return
        if output is None and lasting.resume and not self.given:
            output = next((path for path in known_names(*stem, suffix=suffix) if place(path).exists()), None)
        from ..transfer import Checkpoint

        path = lasting.checkpoint or place(output or free_name(*stem, suffix=suffix))
        past = 0.0 if self.given or lasting.resume else LONG
        self.checkpoint = Checkpoint(path, lasting.checkpoint_every, past)
        self.look(path, overwrite=overwrite)
        self.output = output or free_name(*stem, suffix=suffix)
        self.told, self.problem = self.checkpoint.active, ""

    def look(self, path: Path, *, overwrite: bool) -> None:
        """At what lies in the place of the checkpoint."""
        if self.given:
            check_writable(path, overwrite=True)
        if path.exists() and not self.resume and not overwrite:
            raise OutputError(
                f"{path} is of a run that was not finished: add --resume to go on with it, or --overwrite to start anew"
            )

    def owns(self, _path: Path) -> bool:
        """Whether a file may be replaced: those of a run that goes on."""
        return self.resume and self.checkpoint is not None and self.checkpoint.path.exists()

    def check(self, *, overwrite: bool, note: Callable[[str], None]) -> None:
        """Where the run is to go on and there is nothing to go on from, it starts, or all has been done."""
        if not self.resume or self.checkpoint is None or self.checkpoint.path.exists():
            return
        missing = f"there is no checkpoint {self.checkpoint.path}"
        if self.output.exists() and not overwrite:
            note(f"{missing}, and {self.output} exists: nothing to do (--overwrite makes it again)")
            sys.exit(0)
        note(f"{missing}; starting from the beginning")

    def began(self, note: Callable[[str], None]) -> int:
        """Before the first iteration; tells how many were done earlier."""
        if self.checkpoint is None:
            return 0
        if self.checkpoint.steps:
            note(f"going on after iteration {self.checkpoint.steps} ({self.checkpoint.path})")
        return self.checkpoint.steps

    def step(self, note: Callable[[str], None]) -> None:
        """After each iteration: says what is new."""
        kept = self.checkpoint
        if kept is None:
            return
        if kept.active and not self.told:
            self.told = True
            note(
                f"this is going to take more than {LONG / 60:.0f} minutes, so its state is kept in {kept.path}; after "
                "an interruption the same command with --resume goes on from there"
            )
        if kept.problem != self.problem:
            self.problem = kept.problem
            if kept.problem:
                note(f"{kept.problem}; the run goes on, and tries again in {kept.every:g} s")

    def finished(self, status: str) -> str:
        """After all is written: how to go on, or nothing."""
        kept = self.checkpoint
        if kept is None or not kept.saved:
            return ""
        if status in ("complete", "diverged"):  # which would only diverge again
            kept.remove()
            return ""
        return f"; the same command with --resume goes on from {kept.path}"


def place(output: Path) -> Path:
    """Of the checkpoint, beside the result."""
    name = output.name
    if len(os.fsencode(name + SUFFIX)) > LONGEST_NAME:
        name = cut(name, LONGEST_NAME - len(SUFFIX))
    return output.with_name(name + SUFFIX)

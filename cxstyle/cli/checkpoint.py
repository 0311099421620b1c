"""The checkpoint of `cxstyle run`: where it is, whether to go on from it, and what is said of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from ..checks import cut
from ..errors import OutputError
from ..files import check_writable, free, numbered
from .options import refuse

if TYPE_CHECKING:
    from ..transfer import Checkpoint

SUFFIX, LONGEST_NAME = ".checkpoint", 255
LONG = 600.0
"""Seconds from which on a run keeps its state unasked."""


@dataclass(frozen=True)
class CheckpointOptions:
    """What a user says of long runs.

    Attributes:
        checkpoint: where the state goes.
        no_checkpoint: nowhere, however long the run is.
        checkpoint_every: seconds.
        resume: go on where there is one.
    """

    checkpoint: Path | None = None
    no_checkpoint: bool = False
    checkpoint_every: float = 60.0
    resume: bool = False


class RunCheckpoint:
    """The state of a run: where it is kept, and what is said of it.

    Args:
        options: as the user says.
        output: of the result.
        overwrite: whether to start anew where there is a state already.
        piped: whether the result goes to stdout, so that no place follows from its name.

    Attributes:
        state: None without.
        going_on: whether there is a state to go on from; files that the run has left may be replaced then.

    Raises:
        OutputError: a state is there, and nothing says what to do with it; or it can't be written.
    """

    def __init__(self, options: CheckpointOptions, output: Path, *, overwrite: bool, piped: bool) -> None:
        self.state: Checkpoint | None = None
        self.going_on, self.problem = False, ""
        self.told = options.checkpoint is not None or options.resume
        if options.no_checkpoint:
            refuse("and --no-checkpoint exclude each other", "checkpoint", "resume", "checkpoint_every")
        elif piped and options.checkpoint is None:
            refuse("with -o - needs the file: --checkpoint FILE", "resume", "checkpoint_every")
        else:
            self.keep(options, options.checkpoint or beside(output), overwrite)

    def keep(self, options: CheckpointOptions, path: Path, overwrite: bool) -> None:
        """In this place, where something may lie already."""
        from ..transfer import Checkpoint

        check_writable(path, overwrite=True)
        if path.exists() and not (options.resume or overwrite):
            raise OutputError(
                f"{path} is of a run that was not finished: add --resume to go on with it, or --overwrite to start anew"
            )
        self.going_on = options.resume and path.exists()
        self.state = Checkpoint(path, options.checkpoint_every, 0.0 if self.told else LONG)

    def step(self, note: Callable[[str], None]) -> None:
        """After each iteration: says what is new."""
        state = self.state
        if state is None:
            return
        if state.active and not self.told:
            self.told = True
            note(
                f"this is going to take more than {LONG / 60:.0f} minutes, so its state is kept in {state.path}; after "
                "an interruption the same command with --resume goes on from there"
            )
        if state.problem != self.problem:
            self.problem = state.problem
            if state.problem:
                note(f"{state.problem}; the run goes on, and tries again in {state.every:g} s")

    def saved(self) -> Path | None:
        """Where a state is from which the run can go on."""
        return self.state.path if self.state is not None and self.state.saved else None


def beside(output: Path) -> Path:
    """Where the state of a run is kept whose result goes to `output`."""
    name = output.name
    if len(os.fsencode(name + SUFFIX)) > LONGEST_NAME:
        name = cut(name, LONGEST_NAME - len(SUFFIX))
    return output.with_name(name + SUFFIX)


def result_name(name: Path, options: CheckpointOptions) -> Path:
    """A made-up name, numbered: the one that a run to go on with has, else the first free one."""
    taken = list(takewhile(os.path.lexists, numbered(name)))
    fresh = free(numbered(name))
    if not options.resume or options.checkpoint:
        return fresh
    return next((path for path in (fresh, *reversed(taken)) if beside(path).exists()), fresh)

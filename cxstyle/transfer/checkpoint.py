"""The state of a run as a file, from which it goes on to the same pixels."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from .. import __version__
from ..errors import CheckpointError, OutputError
from ..features import digest
from ..files import damaged, load_state, save_state

if TYPE_CHECKING:
    from ..features import Network
    from ..settings import StyleConfig
    from .inputs import Inputs

KIND = "run"
ESTIMATE_AFTER = 20.0
"""Seconds until a run's whole time is estimated: its first iterations are slower."""
NOT_IN_IDENTITY = ("description", "device", "features", "init", "memory", "precision", "weights")
"""Settings that don't decide pixels, or whose outcome is compared in their place."""


@dataclass
class State:
    """A run between two iterations."""

    scale: int  # its index
    iteration: int  # done in it
    steps: int  # iterations done in all
    pixels: Tensor  # (1, 3, H, W), of the scale's size
    last_finite: Tensor  # the last ones with losses known to be finite
    generator: Tensor  # of the random draws
    optimizer: dict[str, Any]  # what it remembers, by name
    losses: list[dict[str, float]]
    seconds: dict[str, float]
    tiles: tuple[int | None, ...]  # pixels of the largest tile of each scale, on which the result depends by rounding
    memory: str | int  # the setting that decided these


class Checkpoint:
    """Where a run keeps its state, and when.

    Args:
        path: of the file.
        every: seconds from one time to the next.
        past: only where the run is going to take longer than this many seconds, about; 0 for any.

    Attributes:
        active: whether the state is kept: from the start, or once the run turned out to be long.
        saved: whether the file holds a state of this run.
        steps: iterations that were done when the run went on from the file; 0 where it didn't.
        problem: why the state could not be written, the last time; the run goes on without.
        extra: files of others, by name, to be kept with the state; those that the file had are added as it is read.
    """

    def __init__(self, path: str | Path, every: float = 60.0, past: float = 0.0) -> None:
        self.path, self.every, self.past = Path(path), every, past
        self.active, self.saved, self.steps, self.problem = past == 0, False, 0, ""
        self.extra: dict[str, bytes] = {}
        self.begin(dict)

    def begin(self, run: Callable[[], dict[str, Any]], spent: float = 0.0, done: float = 0.0) -> None:
        """Called before the first iteration, with what gives the run's `identity`, which takes a while, the seconds
        spent on it before, and the share of its work that these were for."""
        self.run, self.spent, self.before = run, spent, done
        self.began = self.last = time.monotonic()

    def due(self, done: float) -> bool:
        """Whether to save now, with this share of the run's work done."""
        now = time.monotonic()
        elapsed = now - self.began
        if not self.active and elapsed > ESTIMATE_AFTER and done > self.before:
            left = elapsed / (done - self.before) * (1 - done)
            self.active = self.spent + elapsed + left > self.past
            return self.active
        return self.active and now - self.last >= self.every

    def save(self, state: State) -> None:
        """Writes the state, whole or not at all; where that can't be, `problem` says why."""
        extra = {name: torch.frombuffer(bytearray(data), dtype=torch.uint8) for name, data in self.extra.items()}
        try:
            save_state(self.path, KIND, {"run": self.run(), "state": vars(state), "extra": extra})
            self.saved, self.problem = True, ""
        except OutputError as error:
            self.problem = str(error)
        self.last = time.monotonic()

    def read(self, run: Callable[[], dict[str, Any]]) -> State | None:
        """The state that the file holds, None without a file; `run` gives the run's `identity`. A CheckpointError where
        it can't be read, is damaged or no checkpoint, or is of another run or version."""
        try:
            found = load_state(self.path, KIND)
            check_same(self.path, found["run"], run())
            state = State(**found["state"])
            self.extra |= {name: data.numpy().tobytes() for name, data in found["extra"].items()}
        except FileNotFoundError:
            return None
        except (KeyError, TypeError, AttributeError) as error:
            raise damaged(self.path) from error
        self.saved, self.active, self.steps = True, True, state.steps
        return state

    def remove(self) -> None:
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)
        self.saved = False


def identity(inputs: Inputs, config: StyleConfig, start: Tensor, network: Network, **chosen: str) -> dict[str, Any]:
    """What decides the pixels of a run, by the names that a refusal calls it: inputs, settings, the picture that it
    starts from, the network, and what was chosen, device and precision."""
    guide = inputs.guide
    return {
        "source": digest([inputs.source]),
        "targets": [digest([target]) for target in inputs.targets],
        "target weights": guide.weights,
        "masks": None if guide.source is None else digest([guide.source, *(guide.targets or ())]),
        # One that was made of the others differs with them.
        "init": digest([start]) if config.init not in ("source", "target") else config.init,
        "network": f"{network.name} {digest(network.tensors[name] for name in sorted(network.tensors))}",
        **chosen,
        "settings": {name: value for name, value in config.to_dict().items() if name not in NOT_IN_IDENTITY},
        "versions": {"cxstyle": __version__, "torch": str(torch.__version__)},
    }


def check_same(path: Path, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Refuses, by a CheckpointError that says what differs, the checkpoint of a run that came to other pixels."""
    anew = "or start anew without it"
    if found["versions"] != wanted["versions"]:
        theirs, ours = (
            " and ".join(f"{name} {version}" for name, version in run["versions"].items()) for run in (found, wanted)
        )
        raise CheckpointError(f"{path} was made by {theirs}, and this is {ours}: go on with those, {anew}")
    there, here = ({**run, **run["settings"], "settings": None} for run in (found, wanted))
    differing = ", ".join(name for name in {**here, **there} if there.get(name) != here.get(name))
    if differing:
        raise CheckpointError(f"{path} is of another run, with other {differing}: give the same again, {anew}")

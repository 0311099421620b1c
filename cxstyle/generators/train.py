"""Training: moves the parameters of a network until the losses of what it draws are low. `Training.run` is the loop.

One process trains, or several that torchrun has started, each on its own samples of every step; their gradients are
averaged. Whatever is random depends on the seed and the number of the step alone, so a training goes on after an
interruption as if there had been none, and nothing but parameters and Adam's memory has to be kept.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, distributed
from torch.nn.parallel import DistributedDataParallel

from .. import __version__
from ..device import DTYPES, choose_device, choose_precision, describe, exact_float32, memory_errors, usual_modes
from ..errors import CheckpointError, ConfigError, CxStyleError
from ..features import VGGFeatures, resolve_network
from ..files import check_writable, load_state, make_folder, save_state
from ..losses import Draws, Objective, feature_layers
from ..pictures import grid, read_image, resize, save_image, to_image
from ..settings import TrainConfig
from .crn import CRN
from .data import paired, read_side
from .model import Generator, write_model

SAVE_EVERY = 60.0
"""Seconds between two states."""
KIND = "training"
"""Of its states, beside those of runs."""
GOES_ON = ("description", "device", "epochs", "precision")
"""Settings that may be others when a training goes on."""


@dataclass(frozen=True)
class TrainProgress:
    """After a step.

    Attributes:
        step: done so far.
        steps: in all.
        epoch: which it belongs to, from 1.
        epochs: in all.
        done: share of the training, of its steps or of its minutes, in [0, 1].
        losses: unweighted values of the step's samples, by name.
        strip: of the epoch that has ended with this step: source, result and target side by side.
    """

    step: int
    steps: int
    epoch: int
    epochs: int
    done: float
    losses: dict[str, float]
    strip: Path | None = None

    @property
    def place(self) -> str:
        """Such as "epoch 2/6 step 41/120"."""
        return f"epoch {self.epoch}/{self.epochs} step {self.step}/{self.steps}"


Callback = Callable[[TrainProgress], object]


@dataclass(frozen=True)
class Trained:
    """What came of a training.

    Attributes:
        generator: the network.
        path: of its file.
        status: complete, stopped, or out of time.
        details: planned steps, device, precision, processes and seconds.
    """

    generator: Generator
    path: Path
    status: str
    details: dict[str, Any]

    def report(self) -> dict[str, Any]:
        """For machines."""
        return {"status": self.status, **self.details, **self.generator.about}


@usual_modes()
def train(
    sources: str | Path,
    targets: str | Path,
    config: TrainConfig,
    output: str | Path,
    *,
    pairs: str = "number",
    minutes: float | None = None,
    resume: bool = False,
    overwrite: bool = False,
    callback: Callback | None = None,
) -> Trained:
    """Trains a network that draws every source with the look of its target.

    Beside OUTPUT.safetensors, which is written after each epoch, come OUTPUT_epochs.png and OUTPUT_epochs/ with a strip
    of each; and OUTPUT.checkpoint, kept each minute and when the training is stopped, removed when it is complete.

    Args:
        sources: a folder of pictures, a pattern such as frames/*.png, or a video.
        targets: the same; of an animation one picture.
        config: the settings.
        output: where the network goes, NAME.safetensors.
        pairs: of a puppet which target belongs to a source: number, name, or a CSV file of pairs.
        minutes: after which the training ends, however many epochs are left; a rate that falls ends then, too.
        resume: go on from the checkpoint, if there is one, to the same bytes as without an interruption.
        overwrite: replace what is there.
        callback: told of each step; returning False stops the training.

    Raises:
        ConfigError, PictureError, WeightsError, DeviceError, OutputError: what was given can't be used.
        CheckpointError: the checkpoint is damaged or of another training.
        MemoryLimitError: the device has no more memory.
    """
    output = Path(output)
    if output.suffix != ".safetensors":
        raise ConfigError(f"{output}: a network is a file of .safetensors")
    check_writable(output, overwrite=overwrite or resume, inputs=[sources, targets])
    with team_of(config) as team, exact_float32(), memory_errors():
        training = Training(config, sources, targets, pairs, output, team)
        if resume and training.checkpoint.exists():
            training.restore()
        status = training.run(minutes, callback)
        return training.ended(status)


@dataclass(frozen=True)
class Team:
    """Processes that train together, mostly one: the rank of this one, from 0; how many there are; and its device."""

    rank: int
    world: int
    device: torch.device

    def agreed(self, *values: float) -> list[float]:
        """What the first process says, which the others do, too."""
        if self.world == 1:
            return [*values]
        said = torch.tensor(values, dtype=torch.float64, device=self.device)
        distributed.broadcast(said, 0)
        return [float(value) for value in said]


@contextlib.contextmanager
def team_of(config: TrainConfig) -> Iterator[Team]:
    """This process among those that torchrun has started, or alone."""
    world, rank, local = (int(os.environ.get(name, 0)) for name in ("WORLD_SIZE", "RANK", "LOCAL_RANK"))
    device = choose_device(config.device)
    if world < 2:
        yield Team(0, 1, device)
        return
    if device.type == "cuda":
        device = torch.device("cuda", local)
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield Team(rank, world, device)
    finally:
        distributed.destroy_process_group()


class Training:
    """Everything that stays from step to step, and the step."""

    def __init__(
        self, config: TrainConfig, sources: str | Path, targets: str | Path, pairs: str, output: Path, team: Team
    ) -> None:
        self.config, self.output, self.team = config, output, team
        self.checkpoint = checkpoint_of(output)
        self.strips = output.with_name(f"{output.stem}_epochs")
        self.precision, _ = choose_precision(config.precision, team.device)
        self.sources = read_side(sources, config.size)
        self.targets = read_side(targets, config.size)
        if config.task == "animation" and len(self.targets) > 1:
            raise ConfigError(f"{targets} holds {len(self.targets)} pictures; an animation has one target")
        self.partners = paired(self.sources, self.targets, pairs) if config.task == "puppet" else None
        self.usable = [i for i in range(len(self.sources)) if self.partners is None or self.partners[i] >= 0]
        self.per_epoch = len(self.usable) // (config.batch * team.world)
        if not self.per_epoch:
            raise ConfigError(f"batch: {len(self.usable)} sources don't make one step of {config.batch * team.world}")
        self.steps = config.epochs * self.per_epoch
        self.network = CRN(self.sources.size, config.width, config.input_scale, config.seed, config.residual)
        self.network = self.network.to(team.device).to(memory_format=torch.channels_last)
        self.drawing: Any = self.network
        if team.world > 1:
            self.drawing = DistributedDataParallel(self.network)
        self.weights = resolve_network(config.features, config.weights)
        features = VGGFeatures(self.weights, feature_layers(config.terms), config.pooling, DTYPES[self.precision])
        self.objective = Objective(config.terms, features.to(team.device), precision=self.precision)
        if config.task == "animation":
            self.objective.bind_target([self.targets.pictures([0]).to(team.device)])
        self.adam = torch.optim.Adam(self.network.parameters(), config.lr)
        self.step, self.done, self.before = 0, 0.0, 0.0
        self.sums = torch.zeros(len(self.objective.names), dtype=torch.float64)
        self.epochs: list[dict[str, float]] = []

    def run(self, minutes: float | None, callback: Callback | None) -> str:
        """All steps that are left: complete, stopped, or out of time."""
        self.started = saved = time.perf_counter()
        while self.step < self.steps:
            losses = self.advance()
            strip = self.end_epoch() if self.step % self.per_epoch == 0 else None
            spent = self.seconds() / (60 * minutes) if minutes else 0.0
            done, epoch = max(self.step / self.steps, min(spent, 1.0)), 1 + (self.step - 1) // self.per_epoch
            progress = TrainProgress(self.step, self.steps, epoch, self.config.epochs, done, losses, strip)
            stopped = callback is not None and callback(progress) is False
            self.done, stop, late = self.team.agreed(progress.done, stopped, spent >= 1)
            if stop or time.perf_counter() - saved > SAVE_EVERY:
                self.save()
                saved = time.perf_counter()
            if stop or late:
                return "stopped" if stop else "out of time"
        return "complete"

    def advance(self) -> dict[str, float]:
        """One step: the network draws some sources, and moves to where their losses are lower."""
        seed, device = self.config.seed, self.team.device
        sources, partners = self._samples()
        self.objective.bind_source(sources, partners)
        with torch.autocast(device.type, torch.bfloat16, enabled=self.precision == "bf16"):
            drawn = self.drawing(sources)
        draws = Draws(random_by(seed, "samples", self.step, self.team.rank), device)
        losses = self.objective.evaluate(drawn.float(), draws)
        self.adam.zero_grad()
        losses.total.backward()
        values = losses.values.cpu()
        if not values.isfinite().all():
            lower = f"use a lower rate, such as --lr {self.config.lr / 4:.2g}"
            raise CxStyleError(f"the losses of step {self.step + 1} are no numbers; {lower}")
        for group in self.adam.param_groups:
            group["lr"] = self.rate()
        self.adam.step()
        self.step += 1
        self.sums += values
        return dict(zip(self.objective.names, values.tolist(), strict=True))

    def rate(self) -> float:
        """Of the coming step; the cosine schedule ends at a fiftieth."""
        cosine = 0.02 + 0.98 * (1 + math.cos(math.pi * self.done)) / 2
        return self.config.lr * (cosine if self.config.schedule == "cosine" else 1)

    def end_epoch(self) -> Path | None:
        """Writes the network as it is after an epoch or the part of one, and how it draws one of the sources."""
        means = (self.sums / (self.step % self.per_epoch or self.per_epoch)).tolist()
        self.epochs.append(dict(zip(self.objective.names, means, strict=True)))
        self.sums.zero_()
        if self.team.rank:
            return None
        write_model(self.output, self.network, self.about())
        return self.write_strip()

    def about(self) -> dict[str, Any]:
        """What the network's file says of it."""
        sides = {"sources": self.sources, "targets": self.targets}
        return {
            "settings": {key: value for key, value in self.config.to_dict().items() if key != "device"},
            "size": self.sources.size,
            "steps": self.step,
            "epochs": self.step / self.per_epoch,
            "losses": self.epochs,
            "features": asdict(self.weights.provenance),
            **{role: {"name": side.name, "count": len(side), "sha256": side.sha256} for role, side in sides.items()},
        }

    def save(self) -> None:
        """Keeps the state; the first process does."""
        if self.team.rank == 0:
            state = {
                "run": self._identity(),
                "step": self.step,
                "done": self.done,
                "parameters": self.network.state_dict(),
                "adam": self.adam.state_dict(),
                "sums": self.sums,
                "epochs": self.epochs,
                "seconds": self.seconds(),
            }
            save_state(self.checkpoint, KIND, state)

    def restore(self) -> None:
        """Goes on from the state that was kept; a CheckpointError where it is damaged, or of another training."""
        state = load_state(self.checkpoint, KIND)
        for key, value in self._identity().items():
            if state["run"].get(key) != value:
                advice = "leave --resume out to begin anew"
                raise CheckpointError(f"{self.checkpoint} is of a training with other {key}; {advice}")
        self.network.load_state_dict(state["parameters"])
        self.adam.load_state_dict(state["adam"])
        self.step, self.done, self.before = state["step"], state["done"], state["seconds"]
        self.sums, self.epochs = state["sums"], state["epochs"]

    def ended(self, status: str) -> Trained:
        """The last network is written; what it could go on from stays where it was stopped."""
        if status == "out of time" and self.step % self.per_epoch:
            self.end_epoch()
        if self.team.rank == 0:
            write_model(self.output, self.network, self.about())
            if status != "stopped":
                self.checkpoint.unlink(missing_ok=True)
        details: dict[str, Any] = {
            "planned": self.steps,
            "device": describe(self.team.device),
            "precision": self.precision,
            "processes": self.team.world,
            "seconds": self.seconds(),
        }
        generator = Generator(self.network.eval(), self.about(), self.precision)
        return Trained(generator, self.output, status, details)

    def seconds(self) -> float:
        """Of the whole training so far, those before an interruption too."""
        return self.before + time.perf_counter() - self.started

    def _identity(self) -> dict[str, Any]:
        """What must be the same for a training to go on."""
        found: dict[str, Any] = {k: repr(v) for k, v in self.config.to_dict().items() if k not in GOES_ON}
        found |= {"sources": self.sources.sha256, "targets": self.targets.sha256, "pairs": repr(self.partners)}
        return found | {"cxstyle": __version__, "torch": str(torch.__version__), "processes": self.team.world}

    def _samples(self) -> tuple[Tensor, Tensor | None]:
        """This process's sources of a step, (N, 3, H, W), and their targets; None where all have one."""
        config, team = self.config, self.team
        epoch, place = divmod(self.step, self.per_epoch)
        order = torch.randperm(len(self.usable), generator=random_by(config.seed, "order", epoch))
        first = (place * team.world + team.rank) * config.batch
        chosen = [self.usable[i] for i in order[first : first + config.batch].tolist()]
        sources = self.sources.pictures(chosen).to(team.device)
        if config.task == "animation":
            return sources, None
        if self.partners is not None:
            partners = [self.partners[i] for i in chosen]
        else:
            generator = random_by(config.seed, "pairs", self.step, team.rank)
            partners = torch.randint(len(self.targets), (len(chosen),), generator=generator).tolist()
        return sources, self.targets.pictures(partners).to(team.device)

    def write_strip(self) -> Path:
        """Writes source, result and target of the source in the middle, and the sheet of the last 40 epochs."""
        middle = self.usable[len(self.usable) // 2]
        target = self.targets.pictures([self.partners[middle] if self.partners else 0])
        source = self.sources.pictures([middle])
        drawn = Generator(self.network, {"size": self.sources.size}, self.precision)(source)
        height = source.shape[2]
        target = resize(target, height, round(target.shape[3] * height / target.shape[2]))
        make_folder(self.strips)
        files = {epoch: self.strips / f"{epoch:03}.png" for epoch in range(1, len(self.epochs) + 1)}
        path = files[len(self.epochs)]
        save_image(to_image(torch.cat([source, drawn, target], dim=3)), path, replace=True)
        rows = [epoch for epoch in [*files][-40:] if files[epoch].exists()]
        sheet = grid([[read_image(files[row])] for row in rows], sides=[f"epoch {row}" for row in rows])
        save_image(sheet, self.strips.with_name(f"{self.strips.name}.png"), replace=True)
        return path


def random_by(*key: object) -> torch.Generator:
    """Random numbers that depend on a key alone."""
    return torch.Generator().manual_seed(int.from_bytes(hashlib.sha256(repr(key).encode()).digest()[:7]))


def checkpoint_of(output: Path) -> Path:
    """Where the state of a training is kept whose network goes to `output`."""
    return output.with_suffix(".checkpoint")

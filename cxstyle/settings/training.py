"""What a training is made of: `TrainConfig`, and its presets."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..checks import check_choice, check_device, check_integer, check_number, converted, settle
from ..errors import ConfigError
from ..features import check_layers
from ..pictures import SMALLEST_EDGE
from .config import FEATURES, PRECISIONS, refuse_unknown
from .presets import preset_folder
from .terms import LossTerm
from .yaml import read_yaml

TASKS = {"animation": ("source", "target"), "puppet": ("source", "paired"), "domain": ("source", "paired")}
"""What a network may be trained for, and what the terms of each can compare with."""


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides a training, beside the pictures.

    Attributes:
        terms: the objective, a weighted sum.
        task: animation (every source with one target picture), puppet (each source with the target that it is paired
            with) or domain (each source with a target drawn at random at every step); the last two say `paired`.
        description: one line about these settings.
        features: vgg16, vgg19, or auto, as of a run.
        weights: a weight file to use instead of those on the machine.
        pooling: of the network that gives features: max or average.
        size: long edge in pixels at which pictures are seen; smaller ones keep theirs.
        width: channels of the generator's widest levels; see `CRN`.
        input_scale: what the generator multiplies pictures in [0, 1] by; 255 in the authors' code.
        residual: the generator draws a change of the source, at first none, as runs begin with the source; the paper's
            draws the whole picture.
        epochs: how often every source is seen.
        batch: samples of a step, on each device. A larger one makes fewer steps of an epoch, each no longer; the rate
            stays what it is.
        lr: rate of Adam (0.9, 0.999, 1e-8), which moves the generator's parameters.
        schedule: constant; or cosine: from lr down to a fiftieth of it over the whole training.
        seed: of the first parameters, the order of the sources, random pairs and samples.
        device: auto, cpu, cuda, cuda:N or mps.
        precision: of the networks: fp32, bf16, or auto.
    """

    terms: tuple[LossTerm, ...]
    task: str
    description: str = ""
    features: str = "auto"
    weights: str | None = None
    pooling: str = "max"
    size: int = 256
    width: int = 512
    input_scale: float = 1.0
    residual: bool = False
    epochs: int = 10
    batch: int = 1
    lr: float = 1e-4
    schedule: str = "constant"
    seed: int = 0
    device: str = "auto"
    precision: str = "auto"

    def __post_init__(self) -> None:
        settle(self)
        check_choice("task", self.task, TASKS)
        if not any(term.in_force for term in self.terms):
            raise ConfigError("terms: at least one term with a weight above 0 is needed")
        for index, term in enumerate(self.terms):
            check_layers(term.layers, f"terms[{index}].layers")
            if term.compare:
                check_choice(f"terms[{index}].compare", term.compare, TASKS[self.task])
            if term.loss in ("palette", "relative_variation") or term.guidance or len(term.weights) > 1:
                unfit = "palette, relative_variation, guidance and weights of scales"
                raise ConfigError(f"terms[{index}]: {unfit} are for runs on one picture")
        check_choice("features", self.features, FEATURES)
        check_choice("pooling", self.pooling, ("max", "average"))
        check_integer("size", self.size, SMALLEST_EDGE, 4096)
        check_integer("width", self.width, 4, 4096)
        check_number("input_scale", self.input_scale, 0, above=True)
        check_integer("epochs", self.epochs, 1, 10**6)
        check_integer("batch", self.batch, 1, 4096)
        check_number("lr", self.lr, 0, 1, above=True)
        check_choice("schedule", self.schedule, ("constant", "cosine"))
        check_integer("seed", self.seed, 0, 2**63 - 1)
        check_device(self.device)
        check_choice("precision", self.precision, PRECISIONS)

    @classmethod
    def preset(cls, task: str, name: str = "quick") -> TrainConfig:
        """A preset of a task by name; see `train_preset_names`.

        Raises:
            ConfigError: there is none of this name; the nearest is suggested.
        """
        check_choice("task", task, TASKS)
        check_choice("preset", name, train_preset_names(task))
        return cls.load(preset_folder() / "train" / f"{task}-{name}.yaml")

    @classmethod
    def load(cls, path: str | Path) -> TrainConfig:
        """Reads a YAML file of settings.

        Raises:
            ConfigError: unreadable, not YAML, or a key or value that is not known, named with its place in the file.
        """
        content = read_yaml(Path(path))
        if not isinstance(content, Mapping):
            raise ConfigError(f"{path}: expected settings (key: value lines)")
        try:
            refuse_unknown(content, kind=cls)
            found: TrainConfig = converted(content, cls)
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}") from error
        return found

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, dicts and values, as a YAML file of settings has them."""
        return dataclasses.asdict(self)

    def override(self, **settings: Any) -> TrainConfig:
        """A copy with some settings changed; those that are None stay.

        Raises:
            ConfigError: a name or a value that is not known; the nearest is suggested.
        """
        changed = {key: value for key, value in settings.items() if value is not None}
        refuse_unknown(changed, kind=TrainConfig)
        return dataclasses.replace(self, **changed)


def train_preset_names(task: str) -> list[str]:
    """Names of a task's presets."""
    return sorted(path.stem.removeprefix(f"{task}-") for path in (preset_folder() / "train").glob(f"{task}-*.yaml"))

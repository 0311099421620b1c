"""What a training is made of: `TrainConfig`, and its presets."""

from __future__ import annotations

from dataclasses import dataclass

from ..checks import check_choice, check_device, setting
from ..errors import ConfigError
from ..pictures import SMALLEST_EDGE
from .config import DEVICES, FEATURES, PRECISIONS, Settings, preset_folder

TASKS = {"animation": ("source", "target"), "puppet": ("source", "paired"), "domain": ("source", "paired")}
"""What a network may be trained for, and what the terms of each can compare with."""


@dataclass(frozen=True)
class TrainConfig(Settings):
    """Everything that decides a training, beside the pictures. What a field means that isn't told here, `help` says.

    Attributes:
        task: animation (every source with one target picture), puppet (each source with the target that it is paired
            with) or domain (each source with a target drawn at random at every step); the last two say `paired`.
        description: one line about these settings.
        pooling: of the network that gives features: max or average.
        size: long edge in pixels; smaller pictures keep theirs.
        width: see `CRN`.
        input_scale: what the generator multiplies pictures in [0, 1] by; 255 in the authors' code.
        residual: the generator draws a change of the source, at first none, as runs begin with the source; the paper's
            draws the whole picture.
        lr: rate of Adam (0.9, 0.999, 1e-8), which moves the generator's parameters.
        schedule: constant; or cosine: from lr down to a fiftieth of it over the whole training.
        seed: of the first parameters, the order of the sources, random pairs and samples.
    """

    task: str = setting(choices=TASKS)
    description: str = ""
    features: str = setting("auto", choices=FEATURES, help="The network of the losses.")
    weights: str | None = setting(
        None, metavar="FILE", help="A weight file of it to use instead of those on the machine."
    )
    pooling: str = setting("max", choices=("max", "average"))
    size: int = setting(256, min=SMALLEST_EDGE, max=4096, metavar="PX", help="Long edge at which pictures are seen.")
    width: int = setting(512, min=4, max=4096, metavar="N", help="Channels of the network's widest levels.")
    input_scale: float = setting(1.0, above=0)
    residual: bool = False
    epochs: int = setting(10, min=1, max=10**6, metavar="N", help="How often every source is seen.")
    batch: int = setting(
        1,
        min=1,
        max=4096,
        metavar="N",
        help="Samples of a step, on each device; more make fewer steps, at the same rate.",
    )
    lr: float = setting(1e-4, above=0, max=1, metavar="RATE", help="Rate of the optimizer.")
    schedule: str = setting("constant", choices=("constant", "cosine"))
    seed: int = setting(0, min=0, max=2**63 - 1, metavar="N", help="Same seed, same network on the same machine.")
    device: str = setting("auto", metavar="auto|cpu|cuda|cuda:N|mps", words=DEVICES, help="Where it runs.")
    precision: str = setting("auto", choices=PRECISIONS, help="Of the networks; auto: bf16 where hardware has it.")

    def __post_init__(self) -> None:
        super().__post_init__()
        for index, term in enumerate(self.terms):
            if term.compare:
                check_choice(f"terms[{index}].compare", term.compare, TASKS[self.task])
            if term.loss in ("neighbors", "palette") or term.guidance or len(term.weights) > 1:
                unfit = "neighbors, palette, guidance and weights of scales"
                raise ConfigError(f"terms[{index}]: {unfit} are for runs on one picture")
        check_device(self.device)

    @classmethod
    def preset(cls, task: str, name: str = "quick") -> TrainConfig:
        """A preset of a task by name; see `train_preset_names`.

        Raises:
            ConfigError: there is none of this name; the nearest is suggested.
        """
        check_choice("task", task, TASKS)
        check_choice("preset", name, train_preset_names(task))
        return cls.load(preset_folder() / "train" / f"{task}-{name}.yaml")


def train_preset_names(task: str) -> list[str]:
    """Names of a task's presets."""
    return sorted(path.stem.removeprefix(f"{task}-") for path in (preset_folder() / "train").glob(f"{task}-*.yaml"))

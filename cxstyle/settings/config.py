"""What a run is made of: `StyleConfig` and its parts, presets and configuration files, overriding single settings.

Every default stands here once. All classes are frozen and check their values as they are made.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from ..checks import check_choice, check_device, converted, memory_bytes, nearest, placed, setting, settle, shown
from ..errors import ConfigError
from ..features import BLOCKS, check_layers
from ..files import shipped
from ..pictures import SMALLEST_EDGE
from .terms import LossTerm, reweighted
from .yaml import read_yaml

FEATURES: tuple[str, ...] = ("auto", *BLOCKS)
PRECISIONS: tuple[str, ...] = ("auto", "fp32", "bf16")
COLORS = ("free", "target", "regions", "source")
ONE_MAP = ("free", "target", "source")
"""Those that recolour a picture as a whole, if at all."""
INITS = ("source", "target", "noise")
"""What a run may start from; anything else is the path of a picture."""
DEVICES: tuple[str, ...] = ("auto", "cpu", "cuda", "mps")
PIXELS = "pixels"
YAML = (".yaml", ".yml")
MOST_LEVELS = 10


@dataclass(frozen=True)
class Optimizer:
    """What moves the pixels, which lie in [0, 1].

    Attributes:
        name: adam (Kingma, Ba 2015), or lbfgs (Liu, Nocedal 1989), which Gatys et al. use: for objectives that draw no
            samples.
        lr: learning rate in units of the pixel range; 0.0196 is 5 in 0-255. Of lbfgs, the length of its steps: 1 for
            those that it finds.
        betas: of adam: decay of the two moments, each in [0, 1).
        eps: of adam: added to the root of the second moment.
        schedule: constant; cosine: from lr down to a fiftieth of it over the whole run; or restarts: the same over each
            scale (Loshchilov, Hutter, "SGDR", 2017).
    """

    name: str = setting("adam", choices=("adam", "lbfgs"))
    lr: float = setting(0.02, above=0, max=1)
    betas: tuple[float, float] = setting((0.9, 0.999), min=0, max=0.99999)
    eps: float = setting(1e-8, above=0)
    schedule: str = setting("constant", choices=("constant", "cosine", "restarts"))

    def __post_init__(self) -> None:
        settle(self)


@dataclass(frozen=True)
class Pyramid:
    """Coarse to fine: the picture is first moved at a small size, then enlarged and moved on.

    Attributes:
        coarsest: long edge of the first scale in pixels; 0 for the final size alone.
        ratio: step from one scale to the next, about; the steps are made equal.
        decay: iterations of a scale as a share of those of the scale before.
    """

    coarsest: int = setting(0, min=0)
    ratio: float = setting(2.0, min=1.1, max=16)
    decay: float = setting(1.0, min=0.05, max=20)

    def __post_init__(self) -> None:
        settle(self)

    def scales(self, size: int, iterations: int) -> list[tuple[int, int]]:
        """(long edge in pixels, iterations) of each scale that has any, for a result of `size`, coarse to fine."""
        inside = 0 < self.coarsest < size
        steps = round(math.log(size / self.coarsest) / math.log(self.ratio)) if inside else 0
        steps = min(steps, iterations - 1)
        sizes = [*(round(self.coarsest * (size / self.coarsest) ** (i / steps)) for i in range(steps)), size]
        shares = [self.decay**i for i in range(steps + 1)]
        bounds = [min(round(iterations * sum(shares[: i + 1]) / sum(shares)), iterations - 1) for i in range(steps)]
        counts = [end - start for start, end in zip([0, *bounds], [*bounds, iterations], strict=True)]
        return [(edge, count) for edge, count in zip(sizes, counts, strict=True) if count]


@dataclass(frozen=True)
class Laplacian:
    """The picture as a Laplacian pyramid in opponent colours, whose levels the optimizer moves.

    Attributes:
        luminance: rate of each level as a share of the learning rate, from the finest one to what is left of the
            picture in the end; 0 for a level that stays as it is where a scale starts.
        chroma: the same for colour; as many.
        texture: of the finest levels, the amplitude of the target's detail, in the pixels' range, at which they move
            that freely; where it has less, they go as much less far as the square of its share.
    """

    luminance: tuple[float, ...] = setting(min=0, max=10)
    chroma: tuple[float, ...] = setting(min=0, max=10)
    texture: tuple[float, ...] = setting((), above=0, max=1)

    def __post_init__(self) -> None:
        settle(self)
        if not 2 <= len(self.luminance) <= MOST_LEVELS:
            raise ConfigError(f"luminance: 2 to {MOST_LEVELS} levels are needed, got {len(self.luminance)}")
        if len(self.chroma) != len(self.luminance):
            raise ConfigError(f"chroma: as many levels as of luminance are needed, {len(self.luminance)}")
        if len(self.texture) > len(self.luminance):
            raise ConfigError(f"texture: no more levels than of luminance are possible, {len(self.luminance)}")
        if not any((*self.luminance, *self.chroma)):
            raise ConfigError("luminance: at least one level must move")

    def rates(self) -> list[tuple[float, float]]:
        """Of luminance and colour of each level, fine to coarse."""
        return list(zip(self.luminance, self.chroma, strict=True))


WEIGHTS = {
    "content_weight": "Weight of the terms that compare with the source.",
    "style_weight": "Weight of the terms that compare with the target.",
    "tv_weight": "Weight of the total variation: higher is smoother.",
}
"""What `override` takes beside fields, and what it is for."""
PARTS = {"optimizer": Optimizer, "parametrization": Laplacian, "pyramid": Pyramid}
"""Settings that have settings of their own."""


@dataclass(frozen=True)
class Settings:
    """What `StyleConfig` and `TrainConfig` have in common.

    Attributes:
        terms: the objective, a weighted sum.
    """

    terms: tuple[LossTerm, ...]

    more = tuple[str, ...]()
    """Names that `override` takes beside the fields."""

    def __post_init__(self) -> None:
        refuse_unknown(vars(self), self.__class__)
        settle(self)
        if not any(term.in_force for term in self.terms):
            raise ConfigError("terms: at least one term with a weight above 0 is needed")
        for index, term in enumerate(self.terms):
            check_layers(term.layers, f"terms[{index}].layers")

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Reads a YAML file of settings.

        Raises:
            ConfigError: unreadable, not YAML, or a key or value that is not known, named with its place in the file.
        """
        content = read_yaml(Path(path))
        with placed(str(path)):
            return cls.parse(content)

    @classmethod
    def parse(cls, content: Any) -> Self:
        """A mapping as read from YAML -> settings.

        Raises:
            ConfigError: unknown key, missing key, wrong type or impossible value, with its place, as terms[0].weight.
        """
        if not isinstance(content, Mapping):
            raise ConfigError("expected settings (key: value lines), such as `cxstyle presets show default` prints")
        refuse_unknown(content, cls)
        found: Self = converted(content, cls)
        return found

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, dicts and values, as a YAML file of settings has them."""
        return dataclasses.asdict(self)

    def override(self, **settings: Any) -> Self:
        """A copy with some fields changed; those that are None stay.

        Raises:
            ConfigError: a name or a value that is not known; the nearest is suggested.
        """
        changed = {key: value for key, value in settings.items() if value is not None}
        refuse_unknown(changed, self.__class__, self.more)
        return dataclasses.replace(self, **changed)


@dataclass(frozen=True)
class StyleConfig(Settings):
    """Everything that decides a run, beside the two pictures. What a field means that isn't told here, its `help` says.

    Attributes:
        description: one line for `cxstyle presets list`.
        pooling: of the network: max or average.
        colors: free (whatever the terms make of them); target: the run starts from, and keeps the content of, the
            source recoloured to the mean and covariance of the target's colours; regions: the same part by part, each
            in the colours of those parts of the target that it corresponds to; or source: the target is recoloured to
            the source's. Terms `palette` hold the result to the colours of the source as the run starts from it; with
            free colours they are left out.
        strength: 1 for the full transfer, 0 for the picture that the run starts from: weights of the terms that compare
            with the target or look at the picture alone, the learning rate, and how far the colours go.
        parametrization: what it moves: pixels, or the levels of a pyramid; see `Laplacian`.
        quiet: share of its weight, from 0 to 1, that a place of the target loses, in the terms that compare with the
            target, where the source has nothing of its kind; and the other way round.
        jitter: pixels by which the picture is shifted at random before the network sees it, in all: the lattice of the
            features' positions then leaves no trace. Neighbors have no part in it.
        precision: fp32, bf16, or auto; the rest of the loss is float32.
        memory: such as 4GB or a number of bytes, of the device's memory or, on a CPU, the machine's. The network is cut
            into tiles to keep within it.
    """

    description: str = ""
    features: str = setting("auto", choices=FEATURES, help="The network; auto: VGG19 where it is, else bundled VGG16.")
    weights: str | None = setting(None, metavar="FILE", help="A weight file to use instead of those on the machine.")
    pooling: str = setting("max", choices=("max", "average"))
    colors: str = setting(
        "free",
        choices=COLORS,
        help="Whose colours the result has: the target's, as a whole or by regions that correspond; the source's; or "
        "free: whatever comes of it.",
    )
    strength: float = setting(
        1.0, min=0, max=1, metavar="S", help="How far to go: 0 is the source as it is, 1 all the way."
    )
    init: str = setting(
        "source", metavar="source|target|noise|FILE", words=INITS, help="The picture that the run starts from."
    )
    size: int = setting(
        384,
        min=SMALLEST_EDGE,
        max=65_500,
        metavar="PX",
        help="Long edge of the result; a smaller source keeps its size.",
    )
    enlarge: bool = setting(False, help="Make the result --size even where the source is smaller.")
    iterations: int = setting(300, min=1, max=10**9, metavar="N", help="Steps of all scales together.")
    optimizer: Optimizer = field(default_factory=Optimizer)
    parametrization: str | Laplacian = PIXELS
    quiet: float = setting(0.0, min=0, max=1)
    jitter: int = setting(0, min=0, max=SMALLEST_EDGE // 2)
    pyramid: Pyramid = field(default_factory=Pyramid)
    seed: int = setting(0, min=0, max=2**63 - 1, metavar="N", help="Of the random sampling; same seed, same pixels.")
    device: str = setting("auto", metavar="auto|cpu|cuda|cuda:N|mps", words=DEVICES, help="Where it runs.")
    precision: str = setting(
        "auto", choices=PRECISIONS, help="Of the network and products; auto: bf16 where hardware has it."
    )
    memory: str | int = setting(
        "auto",
        metavar="auto|SIZE",
        words=("auto",),
        help="What a run may take in all, such as 4GB; auto: most of what's free.",
    )
    deterministic: bool = setting(
        False, help="Take only operations that give the same pixels again, on GPUs too; slower there."
    )

    more = ("content_weight", "style_weight", "tv_weight", "samples")

    def __post_init__(self) -> None:
        super().__post_init__()
        for index, term in enumerate(self.terms):
            if term.compare == "paired":
                raise ConfigError(f"terms[{index}].compare: paired is for training; use source or target")
            if term.loss == "neighbors" and self.jitter:
                raise ConfigError("jitter: neighbors know their place to 4 px; leave jitter out")
        if isinstance(self.parametrization, str):
            check_choice("parametrization", self.parametrization, (PIXELS,))
        elif self.optimizer.name == "lbfgs":
            raise ConfigError("parametrization: lbfgs moves pixels alone; take adam, or leave parametrization out")
        check_device(self.device)
        memory_bytes(self.memory)

    @classmethod
    def preset(cls, name: str = "default") -> StyleConfig:
        """A preset by name; see `preset_names`.

        Raises:
            ConfigError: there is none of this name; the nearest is suggested.
        """
        check_choice("preset", name, preset_names())
        return cls.load(preset_path(name))

    def terms_in_force(self) -> tuple[LossTerm, ...]:
        """The terms that take part, with `strength` in their weights; free colours are held to no palette.

        None at strength 0: what holds the source alone has nothing to do.
        """
        if self.strength == 0:
            return ()
        weighted = (
            term if term.compare == "source" else term.times(self.strength)
            for term in self.terms
            if term.loss != "palette" or self.colors != "free"
        )
        return tuple(term for term in weighted if term.in_force)

    def override(
        self,
        *,
        content_weight: float | None = None,
        style_weight: float | None = None,
        tv_weight: float | None = None,
        samples: int | str | None = None,
        **settings: Any,
    ) -> StyleConfig:
        """A copy with some settings changed; those that are None stay.

        Args:
            content_weight: weight of the terms that compare with the source. Where there are several, the first gets
                this weight and the others keep their proportion to it.
            style_weight: the same for those that compare with the target.
            tv_weight: the same for total variation, which is added where there is none.
            samples: of every term that compares features; see `LossTerm`.
            **settings: fields of this class.

        Raises:
            ConfigError: a name or a value that is not known; the nearest is suggested.
        """
        whole = super().override(**settings)
        content = reweighted(whole.terms, content_weight, lambda t: t.compare == "source" and bool(t.layers), "content")
        terms = reweighted(content, style_weight, lambda t: t.compare == "target", "style")
        if tv_weight is not None and not any(term.loss == "total_variation" for term in terms):
            terms += (LossTerm("total_variation"),)
        terms = reweighted(terms, tv_weight, lambda t: t.loss == "total_variation", "tv")
        if samples is not None:
            terms = tuple(dataclasses.replace(t, samples=samples) if t.sampled else t for t in terms)
        return dataclasses.replace(whole, terms=terms)


def preset_folder() -> Path:
    """Where the presets lie."""
    return shipped("configs")


def preset_names() -> list[str]:
    """Names of all presets, `default` first."""
    names = sorted(path.stem for path in preset_folder().glob("*.yaml"))
    return sorted(names, key=lambda name: name != "default")


def preset_path(name: str) -> Path:
    return preset_folder() / f"{name}.yaml"


def means_file(word: str) -> bool:
    """Whether a word in place of a preset's name means a file of settings."""
    return word.endswith(YAML) or "/" in word


def word(key: Any) -> str:
    """A key in a message."""
    return key if isinstance(key, str) and 0 < len(key) < 60 and key.isprintable() else shown(key)


def refuse_unknown(settings: Mapping[Any, Any], kind: type, more: Sequence[str] = ()) -> None:
    """Refuses keys of settings, and of mappings in them, that aren't fields or `more`, suggesting the nearest."""
    parts: list[tuple[str, Any, Any]] = [("", kind, settings)]
    parts += [(f"{name}.", part, settings.get(name)) for name, part in PARTS.items()]
    terms = settings.get("terms")
    parts += [(f"terms[{i}].", LossTerm, t) for i, t in enumerate(terms if isinstance(terms, list | tuple) else ())]
    for prefix, described, part in parts:
        known = [*(f.name for f in dataclasses.fields(described)), *(() if prefix else more)]
        for key in part if isinstance(part, Mapping) else ():
            if key not in known:
                raise ConfigError(
                    f"{prefix}{word(key)} is not a known key; did you mean {prefix}{nearest(key, known)}?"
                )

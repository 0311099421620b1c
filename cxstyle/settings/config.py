"""What a run is made of: `StyleConfig` and its parts, presets and configuration files, overriding single settings.

Every default, range and help stands here once, at its field. All classes are frozen and check their values as they are
made.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..checks import check_choice, check_device, converted, memory_bytes, nearest, shown
from ..errors import ConfigError
from ..features import BLOCKS
from ..pictures import SMALLEST_EDGE
from .fields import check_fields, setting
from .presets import preset_names, preset_path
from .terms import LossTerm, reweighted
from .yaml import read_yaml

FEATURES = ("auto", *BLOCKS)
PRECISIONS = ("auto", "fp32", "bf16")
COLORS = ("free", "target", "regions", "source")
ONE_MAP = ("free", "target", "source")
"""Those that recolour a picture as a whole, if at all."""
INITS = ("source", "target", "noise")
"""What a run may start from; anything else is the path of a picture."""
MOST_LEVELS = 10


@dataclass(frozen=True)
class Optimizer:
    """What moves the pixels, which lie in [0, 1]: Adam (Kingma, Ba 2015), or L-BFGS (Liu, Nocedal 1989), which Gatys et
    al. use, for objectives that draw no samples."""

    name: str = setting(
        "adam", "What moves the picture; lbfgs is for terms that draw no samples.", choices=("adam", "lbfgs")
    )
    lr: float = setting(
        0.02, "Learning rate in units of the pixel range; of lbfgs the length of its steps.", low=0, high=1, above=True
    )
    betas: tuple[float, float] = setting((0.9, 0.999), "Of adam: decay of the two moments.", low=0, high=0.99999)
    eps: float = setting(1e-8, "Of adam: added to the root of the second moment.", low=0, above=True)
    schedule: str = setting(
        "constant",
        'constant; cosine: down to a fiftieth over the run; restarts: over each scale (Loshchilov, "SGDR", 2017).',
        choices=("constant", "cosine", "restarts"),
    )

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True)
class Pyramid:
    """Coarse to fine: the picture is first moved at a small size, then enlarged and moved on."""

    coarsest: int = setting(0, "Long edge of the first scale in pixels; 0 for the final size alone.", low=0)
    ratio: float = setting(2.0, "Step from one scale to the next, about; the steps are made equal.", low=1.1, high=16)
    decay: float = setting(1.0, "Iterations of a scale as a share of those of the scale before.", low=0.05, high=20)

    def __post_init__(self) -> None:
        check_fields(self)

    def scales(self, size: int, iterations: int) -> list[tuple[int, int]]:
        """(long edge in pixels, iterations) of each scale that has any, for a result of `size`, coarse to fine."""
        steps = 0
        if 0 < self.coarsest < size:
            steps = round(math.log(size / self.coarsest) / math.log(self.ratio))
        steps = min(steps, iterations - 1)
        first = self.coarsest if steps else size
        sizes = [round(first * (size / first) ** (i / steps)) if steps else size for i in range(steps + 1)]
        shares = [self.decay**i for i in range(steps + 1)]
        bounds = [min(round(iterations * sum(shares[: i + 1]) / sum(shares)), iterations - 1) for i in range(steps)]
        counts = [end - start for start, end in zip([0, *bounds], [*bounds, iterations], strict=True)]
        return [(edge, count) for edge, count in zip(sizes, counts, strict=True) if count]


@dataclass(frozen=True)
class Laplacian:
    """The picture as a Laplacian pyramid in opponent colours, whose levels the optimizer moves."""

    luminance: tuple[float, ...] = setting(
        help="Rate of each level, fine to coarse, the last what is left; as a share of the learning rate.",
        low=0,
        high=10,
    )
    chroma: tuple[float, ...] = setting(help="The same for colour; as many.", low=0, high=10)

    def __post_init__(self) -> None:
        check_fields(self)
        if not 2 <= len(self.luminance) <= MOST_LEVELS:
            raise ConfigError(f"luminance: 2 to {MOST_LEVELS} levels are needed, got {len(self.luminance)}")
        if len(self.chroma) != len(self.luminance):
            raise ConfigError(f"chroma: as many levels as of luminance are needed, {len(self.luminance)}")
        if not any((*self.luminance, *self.chroma)):
            raise ConfigError("luminance: at least one level must move")

    def rates(self) -> list[tuple[float, float]]:
        """Of luminance and colour of each level, fine to coarse."""
        return list(zip(self.luminance, self.chroma, strict=True))


PARTS = {"optimizer": Optimizer, "parametrization": Laplacian, "pyramid": Pyramid}
"""Settings that have settings of their own."""


@dataclass(frozen=True)
class StyleConfig:
    """Everything that decides a run, beside the two pictures.

    `strength` scales the weights of the terms that compare with the target or look at the picture alone, the learning
    rate, and how far the colours go. Terms `palette` hold the result to the colours of the source as the run starts
    from it; with free colours they are left out. `quiet` holds the other way round, too, for the source where the
    target has nothing of its kind. Where `memory` is short the network is cut into tiles.
    """

    terms: tuple[LossTerm, ...] = setting(help="The objective, a weighted sum.")
    description: str = setting("", "One line for `cxstyle presets list`.")
    features: str = setting("auto", "The network; auto: VGG19 where it is, else bundled VGG16.", choices=FEATURES)
    weights: str | None = setting(None, "A weight file to use instead of those on the machine.", metavar="FILE")
    pooling: str = setting("max", "Of the network.", choices=("max", "average"))
    colors: str = setting(
        "free",
        "Whose colours the result has: the target's, as a whole or by regions that correspond; the source's; or free: "
        "whatever comes of it.",
        choices=COLORS,
    )
    strength: float = setting(
        1.0, "How far to go: 0 is the source as it is, 1 all the way.", low=0, high=1, metavar="S"
    )
    init: str = setting("source", "The picture that the run starts from.", metavar="source|target|noise|FILE")
    size: int = setting(
        384, "Long edge of the result; a smaller source keeps its size.", low=SMALLEST_EDGE, high=65_500, metavar="PX"
    )
    enlarge: bool = setting(False, "Make the result --size even where the source is smaller.")
    iterations: int = setting(300, "Steps of all scales together.", low=1, high=10**9, metavar="N")
    optimizer: Optimizer = setting(Optimizer, "What moves the picture, and how fast.")
    parametrization: str | Laplacian = setting(
        "pixels", "What the optimizer moves: pixels, or the levels of a pyramid.", choices=("pixels",)
    )
    quiet: float = setting(
        0.0, "Share of its weight that a place loses where the other side has nothing of its kind.", low=0, high=1
    )
    jitter: int = setting(
        0,
        "Pixels by which the network sees the picture shifted, at random, so that its grid leaves no trace.",
        low=0,
        high=SMALLEST_EDGE // 2,
        metavar="PX",
    )
    pyramid: Pyramid = setting(Pyramid, "Scales, coarse to fine.")
    seed: int = setting(0, "Of the random sampling; same seed, same pixels.", low=0, high=2**63 - 1, metavar="N")
    device: str = setting("auto", "Where it runs.", metavar="auto|cpu|cuda|cuda:N|mps")
    precision: str = setting(
        "auto", "Of the network and products; auto: bf16 where hardware has it.", choices=PRECISIONS
    )
    memory: str | int = setting(
        "auto", "What a run may take in all, such as 4GB; auto: most of what's free.", metavar="auto|SIZE"
    )
    deterministic: bool = setting(
        False, "Take only operations that give the same pixels again, on GPUs too; slower there."
    )

    def __post_init__(self) -> None:
        refuse_unknown(vars(self))
        check_fields(self)
        if not any(term.in_force for term in self.terms):
            raise ConfigError("terms: at least one term with a weight above 0 is needed")
        if isinstance(self.parametrization, Laplacian) and self.optimizer.name == "lbfgs":
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

    @classmethod
    def load(cls, path: str | Path) -> StyleConfig:
        """Reads a YAML file of settings.

        Raises:
            ConfigError: unreadable, not YAML, or a key or value that is not known, named with its place in the file.
        """
        content = read_yaml(Path(path))
        try:
            return parse(content)
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}") from error

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

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, dicts and values, as a YAML file of settings has them."""
        return dataclasses.asdict(self)

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
        changed = {key: value for key, value in settings.items() if value is not None}
        refuse_unknown(changed, ("content_weight", "style_weight", "tv_weight", "samples"))
        whole = dataclasses.replace(self, **changed)
        terms = reweighted(
            whole.terms, content_weight, lambda term: term.compare == "source" and bool(term.layers), "content"
        )
        terms = reweighted(terms, style_weight, lambda term: term.compare == "target", "style")
        if tv_weight is not None and not any(term.loss == "total_variation" for term in terms):
            terms += (LossTerm("total_variation"),)
        terms = reweighted(terms, tv_weight, lambda term: term.loss == "total_variation", "tv")
        if samples is not None:
            terms = tuple(dataclasses.replace(t, samples=samples) if t.sampled else t for t in terms)
        return dataclasses.replace(whole, terms=terms)


def parse(content: Any) -> StyleConfig:
    """A mapping as read from YAML -> StyleConfig.

    Raises:
        ConfigError: unknown key, missing key, wrong type or impossible value, with its place such as terms[0].weight.
    """
    if not isinstance(content, Mapping):
        raise ConfigError("expected settings (key: value lines), such as `cxstyle presets show default` prints")
    refuse_unknown(content)
    found: StyleConfig = converted(content, StyleConfig)
    return found


def word(key: Any) -> str:
    """A key in a message."""
    return key if isinstance(key, str) and 0 < len(key) < 60 and key.isprintable() else shown(key)


def refuse_unknown(settings: Mapping[Any, Any], more: Sequence[str] = ()) -> None:
    """Refuses keys of settings, and of mappings in them, that aren't fields or `more`, suggesting the nearest."""
    terms = settings.get("terms")
    parts: list[tuple[str, type, Any]] = [("", StyleConfig, settings)]
    parts += [(f"{name}.", kind, settings.get(name)) for name, kind in PARTS.items()]
    parts += [
        (f"terms[{i}].", LossTerm, term) for i, term in enumerate(terms if isinstance(terms, list | tuple) else ())
    ]
    for prefix, kind, part in parts:
        known = [*(f.name for f in dataclasses.fields(kind)), *(() if prefix else more)]
        for key in part if isinstance(part, Mapping) else ():
            if key not in known:
                raise ConfigError(
                    f"{prefix}{word(key)} is not a known key; did you mean {prefix}{nearest(key, known)}?"
                )

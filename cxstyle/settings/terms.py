"""What the objective is made of: `LossTerm`, and changing the weights of several at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ..checks import check_choice, check_number
from ..errors import ConfigError
from ..features import CONVOLUTIONS, canonical_layer
from .fields import check_fields, setting

COMPARISONS = ("source", "target")
FEATURE_LOSSES = {
    "contextual": ("combine", "bandwidth", "samples", "guidance"),
    "coverage": ("combine", "samples", "guidance"),
    "gram": ("samples",),
    "mrf": ("samples",),
    "reconstruction": (),
}
"""Losses that compare features, and which of the settings only some have a meaning for each."""
ONE_SIDED = {"coverage": ("target",), "reconstruction": ("source",)}
"""Those of them that compare with one side only."""
PIXEL_LOSSES = {"palette": ("source",), "relative_variation": ("source",), "total_variation": ("", "source")}
"""Losses of the pixels themselves, and whose each can be compared with."""


@dataclass(frozen=True)
class LossTerm:
    """One summand of the objective; `cxstyle docs presets` says what each loss has.

    contextual is Mechrez et al. 2018, Eq. 5; coverage the other direction of matching: each place of the result should
    look like something of the target; gram and reconstruction are Gatys et al. 2016, Eq. 4 and 1; mrf Li, Wand 2016,
    Eq. 2; palette the mean and covariance of the colours, as a Wasserstein distance; total_variation that of the
    picture, or of what the run adds to the source; relative_variation the latter, at each place over what the parts of
    the target that correspond to it have themselves.
    """

    loss: str = setting(help="What is compared, and how.", choices=(*FEATURE_LOSSES, *PIXEL_LOSSES))
    weight: float | tuple[float, ...] = setting(
        1.0, "Factor of the term; of several one for each scale, coarse to fine, the last for all that follow.", low=0
    )
    compare: str = setting("", "Whose features or colours the result's are compared with: source or target.")
    layers: tuple[str, ...] = setting((), "Of VGG, by the paper's names: conv4_2; relu4_2 is the same.")
    combine: str = setting(
        "sum", "Add the layers' losses, or join the layers on the first one's grid.", choices=("sum", "concatenate")
    )
    bandwidth: float = setting(0.5, "h of the paper's Eq. 3.", low=0, above=True)
    samples: int | str | Mapping[str, int] = setting(
        "all",
        "Features drawn from a layer in each iteration: a number, one for each layer by name, or all; of gram and mrf "
        "features or patches of the result, while the target's all take part.",
        low=2,
        choices=("all",),
        metavar="N|all",
    )
    guidance: float = setting(
        0.0,
        "How much the parts that correspond count beside a layer's own features when positions are matched, as a share "
        'of these features\' length (as painted maps do in Champandard, "Semantic Style Transfer", 2016).',
        low=0,
    )

    def __post_init__(self) -> None:
        check_fields(self)
        if not self.weights:
            raise ConfigError("weight: at least one is needed")
        self._check_meaning()
        if self.loss in PIXEL_LOSSES:
            if self.layers:
                raise ConfigError(f"layers: {self.loss} looks at the picture alone; leave layers out")
            check_choice("compare", self.compare, PIXEL_LOSSES[self.loss])
            return
        check_choice("compare", self.compare, ONE_SIDED.get(self.loss, COMPARISONS))
        if self.guidance and self.compare != "target":
            raise ConfigError("guidance: only terms that compare with the target have it; leave it out")
        if not self.layers:
            raise ConfigError(f"layers: {self.loss} needs at least one layer, such as [conv4_2]")
        for layer in self.layers:
            check_choice("layers", canonical_layer(layer), CONVOLUTIONS["vgg19"])
        for layer in self.samples if isinstance(self.samples, Mapping) else ():
            check_choice("samples", layer, self.layers)

    def _check_meaning(self) -> None:
        """Refuses a setting that this loss would ignore."""
        known = FEATURE_LOSSES.get(self.loss, ())
        for field in dataclasses.fields(self):
            special = any(field.name in names for names in FEATURE_LOSSES.values())
            if special and field.name not in known and getattr(self, field.name) != field.default:
                raise ConfigError(f"{field.name}: {self.loss} has none; leave {field.name} out")

    @property
    def weights(self) -> tuple[float, ...]:
        """Of the scales, coarse to fine."""
        return self.weight if isinstance(self.weight, tuple) else (self.weight,)

    @property
    def in_force(self) -> bool:
        """Whether it takes part at any scale."""
        return any(self.weights)

    def at_scale(self, index: int) -> LossTerm:
        """The term as a scale has it, 0 being the coarsest."""
        weights = self.weights
        return dataclasses.replace(self, weight=weights[min(index, len(weights) - 1)])

    def times(self, factor: float) -> LossTerm:
        """The term with its weights multiplied."""
        if isinstance(self.weight, tuple):
            return dataclasses.replace(self, weight=tuple(weight * factor for weight in self.weight))
        return dataclasses.replace(self, weight=self.weight * factor)

    @property
    def sampled(self) -> bool:
        """Whether `samples` has a meaning for this loss."""
        return "samples" in FEATURE_LOSSES.get(self.loss, ())

    def samples_of(self, layer: str) -> int | None:
        """How many features to draw from a layer; None for all."""
        if isinstance(self.samples, Mapping):
            return self.samples.get(layer)
        return self.samples if isinstance(self.samples, int) else None


Chooser = Callable[[LossTerm], bool]


def reweighted(terms: tuple[LossTerm, ...], weight: float | None, chosen: Chooser, kind: str) -> tuple[LossTerm, ...]:
    """The terms with the chosen ones' first weight, at the coarsest scale, set and all others scaled along."""
    if weight is None:
        return terms
    check_number(f"{kind}-weight", weight, 0)
    first = next((each for term in terms if chosen(term) for each in term.weights if each > 0), None)
    if first is None:
        if not any(chosen(term) for term in terms):
            raise ConfigError(f"{kind}-weight: these settings have no {kind} term to weight")
        first = 1.0
        terms = tuple(dataclasses.replace(term, weight=1.0) if chosen(term) else term for term in terms)
    factor = weight / first
    return tuple(term.times(factor) if chosen(term) else term for term in terms)

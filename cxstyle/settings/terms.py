"""What the objective is made of: `LossTerm`, and changing the weights of several at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ..checks import check_choice, check_integer, check_number, setting, settle
from ..errors import ConfigError

COMPARISONS = ("source", "target", "paired")
COMBINATIONS = ("sum", "concatenate")
FEATURE_LOSSES = {
    "contextual": ("combine", "bandwidth", "samples", "guidance"),
    "coverage": ("combine", "samples", "guidance"),
    "gram": ("samples",),
    "mrf": ("samples",),
    "neighbors": ("match_size",),
    "perceptual": (),
    "reconstruction": (),
}
"""Losses that compare features, and which of the settings only some have a meaning for each."""
ALIGNED = ("source", "paired")
SIDES = {"coverage": ("target", "paired"), "neighbors": ("target",), "perceptual": ALIGNED, "reconstruction": ALIGNED}
"""What those of them compare with that don't compare with everything."""
PIXEL_LOSSES = {
    "l1": ("paired",),
    "palette": ("source",),
    "total_variation": ("", "source"),
}
"""Losses of the pixels themselves, and whose each can be compared with."""


@dataclass(frozen=True)
class LossTerm:
    """One summand of the objective.

    Attributes:
        loss: contextual (Mechrez et al. 2018, Eq. 5), coverage (the other direction of matching: each place of the
            result should look like something of the target), neighbors (Kolkin et al. 2022: each place of the source is
            made of the target's place whose deep features and colours are most like its own, in all layers, found
            once), gram or reconstruction (Gatys et al. 2016, Eq. 4 and 1), perceptual (Mechrez et al., section 3.2: as
            reconstruction, by the absolute difference), mrf (Li, Wand 2016, Eq. 2), l1 (absolute difference of the
            pixels), palette (mean and covariance of the colours, as a Wasserstein distance), or total_variation.
        weight: factor of the term, 0 or more; 0 leaves it out. Several are those of the scales, coarse to fine; the
            last one holds for all that follow.
        compare: whose features the result's are compared with: source, target, or in training paired, the picture that
            belongs to a sample. Reconstruction and perceptual take source or paired, coverage target or paired,
            neighbors target, l1 paired. Palette takes the source as the run starts from it: recoloured to the target's
            colours or as it is. Total_variation takes nothing, for that of the picture itself, or the source, for that
            of the difference from it, which smooths what the run adds and leaves the source's detail alone.
        layers: of what gives the features: VGG layers by the paper's names (conv4_2; relu4_2 is the same).
        combine: of contextual and coverage: sum (the loss of each layer, added) or concatenate (all layers brought to
            the first one's grid, divided by their numbers of channels and joined into one set of features).
        bandwidth: of contextual: h of Eq. 3, above 0; the paper's 0.5 unless a term says otherwise.
        samples: of contextual and coverage, features drawn at random in each iteration from a layer with more
            positions: a number for every layer, a number for each layer by name, or all; with concatenate, the first
            layer's number counts. Of gram and mrf, features or patches of the result drawn in the same way; the
            target's all take part.
        guidance: of contextual, compared with the target, and of coverage: how much the parts that correspond count
            beside a layer's own features when positions are matched, as a share of the features' own length. What the
            cells of conv4_2 look like joins the features as channels of its own, as the painted maps of Champandard,
            "Semantic Style Transfer and Turning Two-Bit Doodles into Fine Artworks" (2016) do.
        match_size: of neighbors: long edge in pixels at which places are compared, by the last three of `layers`; at
            0.75, 0.42 and 0.25 of it, too, for what they are part of. The smaller, the larger the pieces of the target
            that arrive whole: its strokes, and its things.
    """

    loss: str = setting(choices=(*FEATURE_LOSSES, *PIXEL_LOSSES))
    weight: float | tuple[float, ...] = setting(1.0, min=0)
    compare: str = ""
    layers: tuple[str, ...] = ()
    combine: str = setting("sum", choices=COMBINATIONS)
    bandwidth: float = setting(0.5, above=0)
    samples: int | str | Mapping[str, int] = "all"
    guidance: float = setting(0.0, min=0)
    match_size: int = setting(384, min=64)

    def __post_init__(self) -> None:
        settle(self)
        if not self.weights:
            raise ConfigError("weight: at least one is needed")
        self._check_meaning()
        if self.loss in PIXEL_LOSSES:
            if self.layers:
                raise ConfigError(f"layers: {self.loss} looks at the picture alone; leave layers out")
            check_choice("compare", self.compare, PIXEL_LOSSES[self.loss])
            return
        check_choice("compare", self.compare, SIDES.get(self.loss, COMPARISONS))
        if self.guidance and self.compare != "target":
            raise ConfigError("guidance: only terms that compare with the target have it; leave it out")
        if not self.layers:
            raise ConfigError(f"layers: {self.loss} needs at least one layer, such as [conv4_2]")
        self._check_samples()

    def _check_meaning(self) -> None:
        """Refuses a setting that this loss would ignore."""
        known = FEATURE_LOSSES.get(self.loss, ())
        for field in dataclasses.fields(self):
            special = any(field.name in names for names in FEATURE_LOSSES.values())
            if special and field.name not in known and getattr(self, field.name) != field.default:
                raise ConfigError(f"{field.name}: {self.loss} has none; leave {field.name} out")

    def _check_samples(self) -> None:
        if isinstance(self.samples, str):
            check_choice("samples", self.samples, ("all",))
            return
        by_layer = self.samples if isinstance(self.samples, Mapping) else {self.layers[0]: self.samples}
        for layer, count in by_layer.items():
            check_choice("samples", layer, self.layers)
            check_integer("samples", count, 2)

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
        return dataclasses.replace(self, weight=self.weights[min(index, len(self.weights) - 1)])

    def times(self, factor: float) -> LossTerm:
        """The term with its weights multiplied."""
        weights = tuple(weight * factor for weight in self.weights)
        return dataclasses.replace(self, weight=weights if isinstance(self.weight, tuple) else weights[0])

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

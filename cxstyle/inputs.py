"""What a run is given beside its settings: the pictures, the targets' weights, and masks that steer the matching."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from .checks import check_number
from .errors import ConfigError
from .masks import Labels, check_shape, described, read_labels
from .pictures.photo import Origin
from .pictures.reading import Picture, load_picture
from .positions import Guide

Targets = Picture | list[Picture] | tuple[Picture, ...]
"""One target, or several whose features make one set."""


@dataclass(frozen=True)
class Inputs:
    """Everything read and checked.

    Attributes:
        source: (1, 3, H, W) in [0, 1].
        targets: each (1, 3, H', W') in [0, 1].
        guide: weights of the targets, and the labels that both sides have.
        labels: as the masks have them; None without masks.
        source_alpha: (1, 1, H, W) in [0, 1]; None where all of the source is opaque.
        target_alphas: the same of each target.
        notes: how pictures were read, one line each, beginning with the picture's name.
        origin: author, rights and bits of the source, hashes of all files.
        files: role, path and SHA-256 of all that was read from files.
    """

    source: Tensor
    targets: tuple[Tensor, ...]
    guide: Guide
    labels: Labels | None = None
    source_alpha: Tensor | None = None
    target_alphas: tuple[Tensor | None, ...] = ()
    notes: tuple[str, ...] = ()
    origin: Origin = field(default_factory=Origin)
    files: tuple[dict[str, str], ...] = ()

    def details(self) -> dict[str, Any]:
        """For the report: sizes of the pictures, weights and labels."""
        found: dict[str, Any] = {
            "source_size": list(self.source.shape[:1:-1]),
            "target_sizes": [list(target.shape[:1:-1]) for target in self.targets],
        }
        if self.guide.weights is not None:
            found["target_weights"] = list(self.guide.weights)
        if self.labels is not None:
            shared = [self.labels.names[i] for i in self.labels.shared]
            one_sided = {"only_source": list(self.labels.only_source), "only_target": list(self.labels.only_target)}
            found["labels"] = {"shared": shared, **one_sided}
        return found


def read_inputs(
    source: Picture,
    targets: Targets,
    weights: Sequence[float] | None = None,
    source_mask: Picture | None = None,
    target_masks: Targets | None = None,
) -> Inputs:
    """Reads and checks what a run is given; see `stylize`."""
    several = as_list(targets)
    if not several:
        raise ConfigError("targets: at least one is needed")
    used = check_weights(weights, len(several))
    masks = None if target_masks is None else as_list(target_masks)
    check_masks(source_mask, masks, len(several))
    kept = [i for i in range(len(several)) if used is None or used[i] > 0]
    name = "target" if len(several) == 1 else "target {}"
    loaded = load_picture(source, "source")
    pictures = tuple(load_picture(several[i], name.format(i + 1)) for i in kept)
    shares = None if used is None else tuple(used[i] for i in kept)
    if source_mask is None or masks is None:
        return Inputs(loaded, pictures, Guide(shares))
    labels = read_labels(source_mask, [masks[i] for i in kept])
    size_of_mask, size = labels.source.shape[1:], loaded.shape[2:]
    check_shape((size_of_mask[0], size_of_mask[1]), (size[0], size[1]), described(source_mask, "source mask"))
    for i, mask, picture in zip(kept, labels.targets, pictures, strict=True):
        its_name = described(masks[i], "target mask")
        check_shape((mask.shape[1], mask.shape[2]), (picture.shape[2], picture.shape[3]), its_name)
    shared = list(labels.shared)
    return Inputs(
        loaded, pictures, Guide(shares, labels.source[shared], tuple(m[shared] for m in labels.targets)), labels
    )


def as_list(pictures: Targets) -> list[Picture]:
    """One picture or several."""
    return list(pictures) if isinstance(pictures, list | tuple) else [pictures]


def check_weights(weights: Sequence[float] | None, targets: int) -> list[float] | None:
    """Weights of the targets as shares of 1.

    Raises:
        ConfigError: not one for each target, one that isn't a number of 0 or more, or none above 0.
    """
    if weights is None:
        return None
    if len(weights) != targets:
        raise ConfigError(f"target-weights: one for each target is needed, got {len(weights)} for {targets}")
    for weight in weights:
        check_number("target-weights", weight, 0)
    if not sum(weights) > 0:
        raise ConfigError("target-weights: at least one must be above 0")
    return [weight / sum(weights) for weight in weights]


def check_masks(source_mask: Picture | None, target_masks: list[Picture] | None, targets: int) -> None:
    """Refuses masks of one side only, and another number of target masks than of targets."""
    if (source_mask is None) != (target_masks is None):
        given, missing = ("target", "source") if source_mask is None else ("source", "target")
        raise ConfigError(f"{given}-mask: needs the {missing} mask, too; the same colour means the same in both")
    if target_masks is not None and len(target_masks) != targets:
        raise ConfigError(f"target-mask: one for each target is needed, got {len(target_masks)} for {targets}")

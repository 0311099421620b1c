"""What a run is given beside its settings: the pictures, the targets' weights, and masks that steer the matching."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from torch import Tensor

from ..checks import check_number, converted
from ..errors import ConfigError, PictureError
from ..pictures import (
    Guide,
    Labels,
    Origin,
    Photo,
    Picture,
    border,
    check_shape,
    cut,
    described,
    exclude_transparent,
    read_labels,
    read_photo,
    without_border,
)

Targets: TypeAlias = Picture | list[Picture] | tuple[Picture, ...]
"""One target, or several whose features make one set."""


@dataclass(frozen=True)
class InputFile:
    """A file that was read: source, target or target 1, target 2..., source mask, target mask... by its role."""

    role: str
    path: str
    sha256: str


@dataclass(frozen=True)
class Inputs:
    """Everything read and checked."""

    source: Tensor  # (1, 3, H, W) in [0, 1]
    targets: tuple[Tensor, ...]  # each (1, 3, H', W') in [0, 1], without its flat border
    guide: Guide  # weights of the targets, and the labels that both sides have
    labels: Labels | None = None  # as the masks have them; None without masks
    source_alpha: Tensor | None = None  # (1, 1, H, W) in [0, 1]; None where all of the source is opaque
    target_alphas: tuple[Tensor | None, ...] = ()  # the same of each target
    notes: tuple[str, ...] = ()  # how pictures were read, one line each, beginning with the picture's name
    origin: Origin = field(default_factory=Origin)  # author, rights and bits of the source
    files: tuple[InputFile, ...] = ()  # all that was read from files


def read_inputs(
    source: Picture,
    targets: Targets,
    weights: Sequence[float] | None = None,
    source_mask: Picture | None = None,
    target_masks: Targets | None = None,
) -> Inputs:
    """Reads and checks what a run is given; see `stylize`. Flat borders of targets are left out, and notes say so."""
    several = as_list(targets)
    if not several:
        raise ConfigError("targets: at least one is needed")
    used = check_weights(weights, len(several))
    masks = None if target_masks is None else as_list(target_masks)
    check_masks(source_mask, masks, len(several))
    kept = {i: f" {i + 1}" if len(several) > 1 else "" for i in range(len(several)) if used is None or used[i] > 0}
    given = {"source": source} | {f"target{number}": several[i] for i, number in kept.items()}
    count = len(given)
    if source_mask is not None and masks is not None:
        given |= {"source mask": source_mask} | {f"target mask{number}": masks[i] for i, number in kept.items()}
    names, photos = [*given], [read_photo(picture, name) for name, picture in given.items()]
    check_photos(photos, names, count)
    for i in range(1, count):
        cut_border(photos, i, i + count)
    pictures, painted = photos[:count], photos[count:]
    guide, labels = Guide(None if used is None else tuple(used[i] for i in kept)), None
    if painted:
        labels = read_labels(painted[0], painted[1:])
        shared = list(labels.shared)
        guide = Guide(guide.weights, labels.source[shared], tuple(mask[shared] for mask in labels.targets))
    first, *others = pictures
    colors, alphas = [photo.colors for photo in pictures], [photo.alpha for photo in others]
    notes = [f"{described(p, name)}: {note}" for p, name in zip(photos, names, strict=True) for note in p.notes]
    return Inputs(
        source=first.colors,
        targets=tuple(colors[1:]),
        guide=exclude_transparent(guide, first.alpha, alphas, colors),
        labels=labels,
        source_alpha=first.alpha,
        target_alphas=tuple(alphas),
        notes=tuple(dict.fromkeys(notes)),
        origin=Origin(first.author, first.copyright, first.bits),
        files=tuple(InputFile(name, p.path, p.sha256) for p, name in zip(photos, names, strict=True) if p.sha256),
    )


def check_photos(photos: Sequence[Photo], names: Sequence[str], pictures: int) -> None:
    """Refuses one of so many pictures that is transparent all over, and a mask, which stand behind them, of another
    shape than its picture."""
    for i, (photo, name) in enumerate(zip(photos, names, strict=True)):
        called = described(photo, name)
        if i >= pictures:
            (height, width), own = photo.colors.shape[2:], photos[i - pictures].colors.shape[2:]
            check_shape((height, width), (own[0], own[1]), called)
        elif photo.alpha is not None and not bool(photo.alpha.any()):
            raise PictureError(f"{called} is transparent all over; there is nothing to match")


def cut_border(photos: list[Photo], target: int, mask: int) -> None:
    """Leaves out a target's flat border, which would want a place in the result, and the same of its mask, if any."""
    whole = photos[target]
    widths = border(whole.colors, whole.alpha)
    if any(widths):
        photos[target] = without_border(whole, widths)
        photos[mask : mask + 1] = [cut(each, widths, whole) for each in photos[mask : mask + 1]]


def as_list(pictures: Targets) -> list[Picture]:
    """One picture or several."""
    return list(pictures) if isinstance(pictures, list | tuple) else [pictures]


def check_weights(weights: Sequence[float] | None, targets: int) -> list[float] | None:
    """Weights of the targets as shares of 1; a ConfigError where there is not one for each target, one isn't a number
    of 0 or more, or none is above 0."""
    if weights is None:
        return None
    given: list[float] = converted(weights, list[float], "target-weights")
    if len(given) != targets:
        raise ConfigError(f"target-weights: one for each target is needed, got {len(given)} for {targets}")
    for weight in given:
        check_number("target-weights", weight, 0)
    if not sum(given) > 0:
        raise ConfigError("target-weights: at least one must be above 0")
    return [weight / sum(given) for weight in given]


def check_masks(source_mask: Picture | None, target_masks: list[Picture] | None, targets: int) -> None:
    """Refuses masks of one side only, and another number of target masks than of targets."""
    if (source_mask is None) != (target_masks is None):
        given, missing = ("target", "source") if source_mask is None else ("source", "target")
        raise ConfigError(f"{given}-mask: needs the {missing} mask, too; the same colour means the same in both")
    if target_masks is not None and len(target_masks) != targets:
        raise ConfigError(f"target-mask: one for each target is needed, got {len(target_masks)} for {targets}")

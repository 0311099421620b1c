"""From two sides to jobs: which source goes with which target, their masks, and all settings for each pair."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..checks import check_choice
from ..errors import ConfigError, PictureError
from ..settings import StyleConfig
from .jobs import Job
from .listing import Listed, list_pictures
from .naming import Row, Template, default_template, disambiguate, outputs

PAIRINGS = ("product", "zip", "name")
NAMED = 5
"""Pictures that a message names."""


@dataclass(frozen=True)
class Paired:
    """What `pairs` finds.

    Attributes:
        pairs: (source, target), source by source.
        alone_sources: sources without a counterpart.
        alone_targets: targets without one.
    """

    pairs: tuple[tuple[Listed, Listed], ...]
    alone_sources: tuple[Listed, ...] = ()
    alone_targets: tuple[Listed, ...] = ()

    def alone(self) -> str:
        """What has no counterpart, in one line; "" where everything has one."""
        sides = {"source": self.alone_sources, "target": self.alone_targets}
        if not any(sides.values()):
            return ""
        counts = " and ".join(counted(len(side), word) for word, side in sides.items() if side)
        verb = "has" if sum(map(len, sides.values())) == 1 else "have"
        return f"{counts} {verb} no counterpart: {named([*self.alone_sources, *self.alone_targets])}"


def counted(count: int, word: str) -> str:
    """1 source, 2 sources."""
    return f"{count} {word}{'s' if count != 1 else ''}"


def named(pictures: Sequence[Listed]) -> str:
    """The first few by name."""
    names = ", ".join(picture.name for picture in pictures[:NAMED])
    return names if len(pictures) <= NAMED else f"{names} and {len(pictures) - NAMED} more"


def pairs(sources: Sequence[Listed], targets: Sequence[Listed], how: str) -> Paired:
    """Which source goes with which target.

    Args:
        how: product, every source with every target; zip, the first with the first and so on; or name, those of the
            same name without suffix, sub-folders included.

    Raises:
        ConfigError: another `how`; of zip, another number of sources than of targets; of name, none has a counterpart.
    """
    check_choice("pair", how, PAIRINGS)
    if how == "product":
        return Paired(tuple((source, target) for source in sources for target in targets))
    if how == "zip":
        if len(sources) != len(targets):
            count = f"{counted(len(sources), 'source')} and {counted(len(targets), 'target')}"
            raise ConfigError(f"pair: {count} can't be paired in order; zip needs as many of both")
        return Paired(tuple(zip(sources, targets, strict=True)))
    by_name = grouped(targets)
    found = tuple((source, target) for source in sources for target in by_name[key(source)])
    if not found:
        first = f"{named(sources[:1])} and {named(targets[:1])}"
        raise ConfigError(f"pair: no source and target have the same name ({first} differ); use --pair product or zip")
    used = {picture for pair in found for picture in pair}
    alone = (tuple(picture for picture in side if picture not in used) for side in (sources, targets))
    return Paired(found, *alone)


def key(picture: Listed) -> str:
    """By what pictures of one name are found: however their accents are composed."""
    return unicodedata.normalize("NFC", picture.name)


def grouped(pictures: Iterable[Listed]) -> defaultdict[str, list[Listed]]:
    """Pictures by name."""
    found = defaultdict(list)
    for picture in pictures:
        found[key(picture)].append(picture)
    return found


def make_jobs(
    sources: Sequence[Listed],
    targets: Sequence[Listed],
    how: str,
    settings: Sequence[tuple[str, StyleConfig]],
    template: str | None = None,
    source_mask: Path | None = None,
    target_mask: Path | None = None,
) -> list[Job]:
    """All jobs of a batch: source by source, for each its targets, for each pair all settings.

    Args:
        sources: as `list_pictures` finds them.
        targets: the same.
        how: see `pairs`.
        settings: what each is called, and the settings with their seed.
        template: of the names, see `Template`; `default_template` without it.
        source_mask: one for all, or a folder that has a mask for each under the same sub-folder and name.
        target_mask: the same for the targets.

    Raises:
        ConfigError: they can't be paired or named, masks of one side only, or settings that are there twice.
        PictureError: a picture has no mask, or several.
    """
    from ..transfer import check_masks

    if not settings:
        raise ConfigError("presets: at least one is needed")
    check_masks(source_mask, None if target_mask is None else [target_mask], 1)
    paired = pairs(sources, targets, how).pairs
    seeds = max(Counter(label for label, _ in settings).values())
    read = Template.parse(template or default_template(len({label for label, _ in settings if label}), seeds))
    source_names = disambiguate({s.file: (s.name, s.file) for s in sources})
    target_names = disambiguate({t.file: (flat(t.name), flat(t.file)) for t in targets})
    source_masks = masks_for([source for source, _ in paired], source_mask, "source-mask")
    target_masks = masks_for([target for _, target in paired], target_mask, "target-mask")
    whole = [(source, target, label, config) for source, target in paired for label, config in settings]
    rows = []
    for source, target, label, config in whole:
        what = f"{source.path} with {target.path} ({label + ', ' if label else ''}seed {config.seed})"
        rows.append(Row(source_names[source.file], (target_names[target.file],), label, config.seed, what))
    return [
        Job(
            source.path,
            target.path,
            config,
            output,
            preset=label,
            source_mask=source_masks.get(source),
            target_mask=target_masks.get(target, ()),
        )
        for (source, target, label, config), output in zip(whole, outputs(read, rows), strict=True)
    ]


def flat(name: str) -> str:
    """Without folders: those of targets are part of the name."""
    return name.replace("/", "-")


def masks_for(pictures: Sequence[Listed], mask: Path | None, option: str) -> dict[Listed, Path]:
    """The mask of each picture: one file for all, or those of a folder by name; nothing without a mask.

    Raises:
        PictureError: there is no such file or folder, or a picture has none there, or several.
    """
    if mask is None:
        return {}
    if not mask.is_dir():
        if not mask.is_file():
            raise PictureError(f"{option}: there is no file or folder {mask}")
        return dict.fromkeys(pictures, mask)
    by_name = grouped(list_pictures(str(mask), True))
    lacking = [picture for picture in dict.fromkeys(pictures) if not by_name[key(picture)]]
    if lacking:
        others = f", nor for {counted(len(lacking) - 1, 'other')}" if len(lacking) > 1 else ""
        first = lacking[0]
        raise PictureError(
            f"{option}: {mask} has no mask for {first.path}{others}; it would be {mask / first.name}.png"
        )
    for picture in pictures:
        if len(by_name[key(picture)]) > 1:
            several = " and ".join(str(found.path) for found in by_name[key(picture)])
            raise PictureError(f"{option}: {several} could both be the mask of {picture.path}; keep one")
    return {picture: by_name[key(picture)][0].path for picture in pictures}

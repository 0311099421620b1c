"""From two sides to jobs: which source goes with which target, their masks, and all settings for each pair."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..checks import check_choice
from ..errors import ConfigError, PictureError
from ..settings import StyleConfig
from .jobs import Job
from .listing import Listed, first_of, list_pictures
from .naming import disambiguate, name_jobs

PAIRINGS = ("product", "zip", "name")


@dataclass(frozen=True)
class Paired:
    """What `pairs` finds: (source, target), source by source; and the sources and the targets that are in no pair."""

    pairs: tuple[tuple[Listed, Listed], ...]
    alone_sources: tuple[Listed, ...] = ()
    alone_targets: tuple[Listed, ...] = ()

    def alone(self) -> str:
        """What has no counterpart, in one line; "" where everything has one."""
        names = [picture.name for picture in (*self.alone_sources, *self.alone_targets)]
        sides = {"source": self.alone_sources, "target": self.alone_targets}
        counts = " and ".join(counted(len(side), word) for word, side in sides.items() if side)
        have = "has" if len(names) == 1 else "have"
        return f"{counts} {have} no counterpart: {first_of(names)}" if names else ""


def counted(count: int, word: str) -> str:
    return f"{count} {word}{'s' if count != 1 else ''}"


def pairs(sources: Sequence[Listed], targets: Sequence[Listed], how: str) -> Paired:
    """Which source goes with which target: product, every source with every target; zip, the first with the first and
    so on; or name, those of the same name without suffix, sub-folders included. A ConfigError where none does."""
    check_choice("pair", how, PAIRINGS)
    if how == "product":
        return Paired(tuple((source, target) for source in sources for target in targets))
    if how == "zip":
        if len(sources) != len(targets):
            count = f"{counted(len(sources), 'source')} and {counted(len(targets), 'target')}"
            raise ConfigError(f"pair: {count} can't be paired in order; zip needs as many of both")
        return Paired(tuple(zip(sources, targets, strict=True)))
    by_key = grouped(targets)
    found = tuple((source, target) for source in sources for target in by_key[source.key])
    if not found:
        first = f"{sources[0].name} and {targets[0].name}"
        raise ConfigError(f"pair: no source and target have the same name ({first} differ); use --pair product or zip")
    used = {picture for pair in found for picture in pair}
    alone = (tuple(picture for picture in side if picture not in used) for side in (sources, targets))
    return Paired(found, *alone)


def grouped(pictures: Iterable[Listed]) -> defaultdict[str, list[Listed]]:
    found = defaultdict(list)
    for picture in pictures:
        found[picture.key].append(picture)
    return found


def make_jobs(
    paired: Paired,
    settings: Sequence[tuple[str, StyleConfig]],
    template: str | None = None,
    source_mask: Path | None = None,
    target_mask: Path | None = None,
) -> list[Job]:
    """All jobs of a batch: source by source, for each its targets, for each pair all settings.

    Args:
        paired: as `pairs` finds it; those that are in no pair are told from the others by their names, too.
        settings: what each is called, and the settings with their seed.
        template: of the names, see `naming.name_jobs`.
        source_mask: one for all, or a folder that has a mask for each under the same sub-folder and name.
        target_mask: the same for the targets.
    """
    from ..transfer import check_masks

    check_masks(source_mask, None if target_mask is None else [target_mask], 1)
    sources, targets = ([pair[side] for pair in paired.pairs] for side in (0, 1))
    own, goals = masks_for(sources, source_mask, "source-mask"), masks_for(targets, target_mask, "target-mask")
    jobs = [
        Job(s.path, t.path, config, preset=label, source_mask=own.get(s), target_mask=goals.get(t))
        for s, t in paired.pairs
        for label, config in settings
    ]
    called = disambiguate({s.path: (s.name, s.file) for s in (*sources, *paired.alone_sources)})
    # Folders of targets are part of the name.
    dashed = ((t.path, t.name.replace("/", "-"), t.file.replace("/", "-")) for t in (*targets, *paired.alone_targets))
    aims = disambiguate({path: forms for path, *forms in dashed})
    return name_jobs(jobs, template, lambda i: f"{jobs[i].words} with seed {jobs[i].config.seed}", None, called, aims)


def masks_for(pictures: Sequence[Listed], mask: Path | None, option: str) -> dict[Listed, Path]:
    """The mask of each picture: one file for all, or those of a folder by name; nothing without a mask."""
    if mask is None:
        return {}
    if not mask.is_dir():
        if not mask.is_file():
            raise PictureError(f"{option}: there is no file or folder {mask}")
        return dict.fromkeys(pictures, mask)
    by_key = grouped(list_pictures(str(mask), True))
    for picture in pictures:
        found = by_key[picture.key]
        if not found:
            wanted = f"it would be {mask / picture.name}.png"
            raise PictureError(f"{option}: {mask} has no mask for {picture.path}; {wanted}")
        if len(found) > 1:
            several = " and ".join(str(each.path) for each in found)
            raise PictureError(f"{option}: {several} could both be the mask of {picture.path}; keep one")
    return {picture: by_key[picture.key][0].path for picture in pictures}

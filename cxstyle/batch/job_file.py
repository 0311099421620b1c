"""Files of jobs, YAML or CSV: one entry for each, with its own pictures and settings."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any

from ..checks import converted, nearest
from ..errors import ConfigError
from ..pictures import Writing
from ..settings import INITS, YAML, StyleConfig, means_file, parse_yaml, read_yaml, word
from .jobs import Job
from .listing import place, read_text
from .naming import Row, Template, default_template, given_name, outputs, short_names

PARTS = ("jobs", "defaults")
LARGEST = 1_000_000
"""Bytes of a YAML file of jobs; CSV takes more, and is read faster."""


@dataclass(frozen=True)
class Entry:
    """What can be said about a job; None and nothing are not said.

    Attributes:
        source: path of a picture.
        target: path of one, or several.
        source_mask: as `Job` takes it.
        target_mask: the same, one for each target.
        target_weights: the same.
        preset: name of a preset, or path of a file of settings.
        name: of its result.
        quality: of the result's file, as `Writing` has it, and so are bits and metadata.
        settings: above the preset's, as a file of settings has them; or as `StyleConfig.override` takes them.
    """

    source: str = ""
    target: str | list[str] = ""
    source_mask: str | None = None
    target_mask: str | list[str] = ""
    target_weights: list[float] | None = None
    preset: str = "default"
    name: str | None = None
    quality: int | None = None
    bits: int | str = "auto"
    metadata: bool = True
    settings: dict[str, Any] = field(default_factory=dict)


KEYS = tuple(f.name for f in fields(Entry))
SETTINGS = (*(f.name for f in fields(StyleConfig)), "content_weight", "style_weight", "tv_weight", "samples")
LISTS = ("target", "target_mask", "target_weights")
PATHS = ("source", "target", "source_mask", "target_mask")

Said = dict[str, Any]
"""What was said of a job: keys of `Entry`, none empty; paths as they are from the current folder."""


def read_jobs(path: Path, above: Mapping[str, Any] | None = None, template: str | None = None) -> list[Job]:
    """The jobs of a file, in its order.

    Args:
        path: .yaml: a list of entries, or `jobs` with such a list and `defaults`; or .csv: a header and a row for each,
            in which columns of other names are settings, and ; stands between several targets. The keys are those of
            `Entry`, with dashes or underscores; paths in it count from its own folder.
        above: what holds for all jobs, above the file's; the same keys, whose paths count from the current folder.
        template: of the names of jobs that have none of their own, see `Template`. Without it SOURCE__TARGET__PRESET,
            with __SEED where there are several.

    Raises:
        ConfigError: the file can't be read, or an unknown key or a bad value in it: with the number of its job, from 1.
    """
    defaults, entries = read_entries(path)
    with placed(f"{path}, defaults"):
        lowest = said(defaults, path.parent)
    if "name" in lowest:
        raise ConfigError(f"{path}: a name belongs to one job; write it there, not in the defaults")
    top, load = said(above or {}, Path()), cache(settings_of)
    found = []
    for number, entry in enumerate(entries, 1):
        with placed(f"{path}, job {number}"):
            found.append(parsed(merged(lowest, said(entry, path.parent), top), load))
    with placed(str(path)):
        names = named([entry for entry, _ in found], [config for _, config in found], template)
    return [job_of(entry, config, output) for (entry, config), output in zip(found, names, strict=True)]


@contextmanager
def placed(where: str) -> Iterator[None]:
    """Puts a place before the messages of errors."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error


def read_entries(path: Path) -> tuple[Any, Sequence[Any]]:
    """Defaults and entries as the file has them."""
    suffix = path.suffix.lower()
    if suffix == ".csv":
        return {}, read_table(path)
    if suffix not in YAML:
        raise ConfigError(f"{path}: jobs are read from .yaml or .csv files")
    content: Any = read_yaml(path, LARGEST)
    defaults: Any = {}
    if isinstance(content, Mapping):
        for name in content:
            if name not in PARTS:
                raise ConfigError(f"{path}: {word(name)} is not a known key; did you mean {nearest(name, PARTS)}?")
        content, defaults = content.get("jobs"), content.get("defaults") or {}
    if not isinstance(content, list) or not content:
        raise ConfigError(f"{path}: expected jobs, a list such as - {{source: a.jpg, target: b.jpg}}")
    return defaults, content


def read_table(path: Path) -> list[Said]:
    """The rows of a CSV file as entries; an empty cell says nothing, a setting is what it would be in YAML."""
    try:
        reader = csv.DictReader(io.StringIO(read_text(path), newline=""), restkey="", strict=True)
        rows, header = [row for row in reader if any(row.values())], list(reader.fieldnames or [])
    except csv.Error as error:
        raise ConfigError(f"{path} is not CSV: {error}") from error
    if not rows:
        raise ConfigError(f"{path}: expected a header such as source,target,preset and a row for each job")
    if len(set(header)) < len(header):
        raise ConfigError(f"{path}, header: {next(name for name in header if header.count(name) > 1)} stands twice")
    entries: list[Said] = []
    for number, row in enumerate(rows, 1):
        with placed(f"{path}, job {number}"):
            if any(row.pop("", None) or ()):
                raise ConfigError("more cells than the header names; put a cell with a comma in quotes")
            entry: Said = {"settings": {}}
            for key, cell in row.items():
                name, text = key.strip().replace("-", "_"), (cell or "").strip()
                if name in LISTS:
                    entry[key] = [cell_of(name, each) for each in text.split(";") if each.strip()]
                elif text:
                    (entry if name in KEYS else entry["settings"])[key] = cell_of(name, text)
            entries.append(entry)
    return entries


def cell_of(name: str, text: str) -> Any:
    """A cell: names and paths are words, whatever they look like."""
    words = (*PATHS, "preset", "name")
    return text.strip() if name in words else parse_yaml(text)


def said(given: Any, folder: Path) -> Said:
    """What was said, with underscores in its keys; paths count from a folder.

    Raises:
        ConfigError: no entry at all, or a key that isn't known or stands twice.
    """
    if not isinstance(given, Mapping):
        raise ConfigError("expected an entry such as {source: a.jpg, target: b.jpg}")
    found = {name: value for name, value in underscored(given).items() if value not in (None, "", [])}
    for name in found:
        if name in SETTINGS:
            raise ConfigError(f"{name} is a setting; write settings: {{{name}: ...}}")
        check_known(name, KEYS)
    settings = found.setdefault("settings", {})
    if not isinstance(settings, Mapping):
        raise ConfigError("settings: expected a mapping such as {size: 512, seed: 3}")
    found["settings"] = {name: value for name, value in underscored(settings).items() if value is not None}
    for name in found["settings"]:
        check_known(name, SETTINGS)
    for where, name in [
        *((found, name) for name in PATHS),
        *((found["settings"], name) for name in ("init", "weights")),
    ]:
        if where.get(name) not in (None, *INITS):
            where[name] = below(folder, where[name])
    if isinstance(found.get("preset"), str) and means_file(found["preset"]):
        found["preset"] = below(folder, found["preset"])
    return found


def check_known(name: str, known: Sequence[str]) -> None:
    """Refuses a key that is not, with the nearest."""
    if name not in known:
        raise ConfigError(f"{word(name)} is not a known key; did you mean {nearest(name, known)}?")


def underscored(given: Mapping[Any, Any]) -> Said:
    """With underscores in place of dashes."""
    found: Said = {}
    for key, value in given.items():
        name = str(key).replace("-", "_")
        if name in found:
            raise ConfigError(f"{key} stands twice")
        found[name] = value
    return found


def below(folder: Path, value: Any) -> Any:
    """A path, or several, from a folder; what is none is left for whoever checks types."""
    if isinstance(value, list | tuple):
        return [below(folder, each) for each in value]
    if "\0" in str(value):
        raise ConfigError("no file has a name with a NUL")
    return str(folder / value) if isinstance(value, str | Path) else value


def merged(*levels: Said) -> Said:
    """What was said on several levels, the later ones above; of settings one by one."""
    found = {name: value for level in levels for name, value in level.items()}
    found["settings"] = {name: value for level in levels for name, value in level["settings"].items()}
    for name in ("source", "target"):
        if name not in found:
            raise ConfigError(f"{name} is missing")
    return found


def parsed(given: Said, load: Callable[[str], StyleConfig]) -> tuple[Entry, StyleConfig]:
    """A job that was described, and its settings.

    Raises:
        ConfigError: a value of the wrong type or out of its range, weights or masks that don't fit the targets.
    """
    from ..transfer import check_masks, check_weights

    entry: Entry = converted(given, Entry)
    count, masks = len(listed(entry.target)), [*map(Path, listed(entry.target_mask))]
    check_weights(entry.target_weights, count)
    check_masks(entry.source_mask, [*masks] or None, count)
    if entry.name is not None:
        given_name(entry.name)
    Writing(entry.quality, entry.bits, entry.metadata)
    return entry, load(entry.preset).override(**entry.settings)


def settings_of(preset: str) -> StyleConfig:
    """Of a preset or a file."""
    return StyleConfig.load(preset) if means_file(preset) else StyleConfig.preset(preset)


def called(preset: str) -> str:
    """A preset in names: of a file, without its suffix."""
    return Path(preset).stem if means_file(preset) else preset


def listed(words: str | list[str]) -> list[str]:
    """One or several, or none."""
    return words if isinstance(words, list) else [words] if words else []


def named(entries: Sequence[Entry], configs: Sequence[StyleConfig], template: str | None) -> list[str]:
    """The outputs of the jobs; pictures of one name are called by as much of their path as tells them apart."""
    sources = short_names(place(entry.source) for entry in entries)
    targets = short_names(place(target) for entry in entries for target in listed(entry.target))
    rows, seeds = [], defaultdict(set)
    for number, (entry, config) in enumerate(zip(entries, configs, strict=True), 1):
        source = sources[place(entry.source)].replace("/", "-")
        goal = tuple(targets[place(target)] for target in listed(entry.target))
        name = None if entry.name is None else given_name(entry.name)
        preset = called(entry.preset)
        rows.append(Row(source, goal, preset, config.seed, f"job {number}", name))
        seeds[source, goal, preset].add(config.seed)
    read = Template.parse(template or default_template(1, max(map(len, seeds.values()))))
    return outputs(read, rows)


def job_of(entry: Entry, config: StyleConfig, output: str) -> Job:
    """The job that an entry describes."""
    return Job(
        entry.source,
        listed(entry.target),
        config,
        output,
        preset=called(entry.preset),
        weights=entry.target_weights,
        source_mask=entry.source_mask,
        target_mask=listed(entry.target_mask),
        writing=Writing(entry.quality, entry.bits, entry.metadata),
    )

"""Files of jobs, YAML or CSV: one entry for each, with its own pictures and settings."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any

from ..checks import converted, nearest, placed
from ..errors import ConfigError
from ..files import read_text
from ..pictures import Writing
from ..settings import INITS, YAML, StyleConfig, means_file, parse_yaml, read_yaml, word
from .jobs import Job
from .listing import LARGEST as LARGEST_TABLE
from .naming import given_name, name_jobs

PARTS = ("jobs", "defaults")
LARGEST = 1_000_000
"""Bytes of a YAML file of jobs; CSV takes more, and is read faster."""


@dataclass(frozen=True)
class Entry:
    """What can be said about a job; None and nothing are not said. Pictures and masks are paths; the preset is a name
    or the path of a file of settings, above which the settings stand; quality, bits and metadata as in `Writing`."""

    source: str
    target: str | list[str]
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
SETTINGS = (*(f.name for f in fields(StyleConfig)), *StyleConfig.more)
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
        template: of the names of jobs that have none of their own, see `naming.name_jobs`.
    """
    defaults, entries = read_entries(path)
    with placed(f"{path}, defaults"):
        lowest = said(defaults, path.parent)
    top = said(above or {}, Path())
    load = cache(lambda preset: StyleConfig.load(preset) if means_file(preset) else StyleConfig.preset(preset))
    jobs, names = [], []
    for number, entry in enumerate(entries, 1):
        with placed(f"{path}, job {number}"):
            job, name = parsed((lowest, said(entry, path.parent), top), load)
            jobs.append(job)
            names.append(name)
    with placed(str(path)):
        return name_jobs(jobs, template, lambda i: f"job {i + 1}", names)


def read_entries(path: Path) -> tuple[Any, Sequence[Any]]:
    suffix = path.suffix.lower()
    if suffix == ".csv":
        return {}, read_table(path)
    if suffix not in YAML:
        raise ConfigError(f"{path}: jobs are read from .yaml or .csv files")
    content: Any = read_yaml(path, LARGEST)
    defaults: Any = {}
    if isinstance(content, Mapping):
        with placed(str(path)):
            check_known(content, PARTS)
        content, defaults = content.get("jobs"), content.get("defaults") or {}
    if not isinstance(content, list) or not content:
        raise ConfigError(f"{path}: expected jobs, a list such as - {{source: a.jpg, target: b.jpg}}")
    return defaults, content


def read_table(path: Path) -> list[Said]:
    """The rows of a CSV file as entries; an empty cell says nothing, a setting is what it would be in YAML."""
    try:
        reader = csv.DictReader(io.StringIO(read_text(path, LARGEST_TABLE), newline=""), strict=True)
        rows, header = [row for row in reader if any(row.values())], list(reader.fieldnames or ())
    except csv.Error as error:
        raise ConfigError(f"{path} is not CSV: {error}") from error
    if not rows:
        raise ConfigError(f"{path}: expected a header such as source,target,preset and a row for each job")
    if len(set(header)) < len(header):
        raise ConfigError(f"{path}: the header names a column twice")
    entries: list[Said] = []
    for number, row in enumerate(rows, 1):
        with placed(f"{path}, job {number}"):
            if any(row.pop(None, ())):
                raise ConfigError("more cells than the header names; put a cell with a comma in quotes")
            entry: Said = {"settings": {}}
            for key, cell in row.items():
                name, text = key.strip().replace("-", "_"), (cell or "").strip()
                # Names and paths are words, whatever they look like.
                read = str.strip if name in (*PATHS, "preset", "name") else parse_yaml
                if name in LISTS:
                    entry[key] = [read(each) for each in text.split(";") if each.strip()]
                elif text:
                    (entry if name in KEYS else entry["settings"])[key] = read(text)
            entries.append(entry)
    return entries


def said(given: Any, folder: Path) -> Said:
    """What was said, with underscores in its keys; paths count from a folder."""
    if not isinstance(given, Mapping):
        raise ConfigError("expected an entry such as {source: a.jpg, target: b.jpg}")
    found = {name: value for name, value in underscored(given).items() if value not in ("", [])}
    for name in found:
        if name in SETTINGS:
            raise ConfigError(f"{name} is a setting; write settings: {{{name}: ...}}")
    check_known(found, KEYS)
    settings = found.get("settings", {})
    if not isinstance(settings, Mapping):
        raise ConfigError("settings: expected a mapping such as {size: 512, seed: 3}")
    found["settings"] = settings = underscored(settings)
    check_known(settings, SETTINGS)
    for where, names in ((found, PATHS), (settings, ("init", "weights"))):
        where |= {name: below(folder, where[name]) for name in names if where.get(name) not in (None, *INITS)}
    if isinstance(found.get("preset"), str) and means_file(found["preset"]):
        found["preset"] = below(folder, found["preset"])
    return found


def check_known(names: Mapping[Any, Any], known: Sequence[str]) -> None:
    for name in names:
        if name not in known:
            raise ConfigError(f"{word(name)} is not a known key; did you mean {nearest(name, known)}?")


def underscored(given: Mapping[Any, Any]) -> Said:
    """With underscores in place of dashes, without what is None."""
    found: Said = {}
    for key, value in given.items():
        name = str(key).replace("-", "_")
        if name in found:
            raise ConfigError(f"{key} stands twice")
        found[name] = value
    return {name: value for name, value in found.items() if value is not None}


def below(folder: Path, value: Any) -> Any:
    """A path, or several, from a folder; what is none is left for whoever checks types."""
    if isinstance(value, list | tuple):
        return [below(folder, each) for each in value]
    return str(folder / value) if isinstance(value, str | Path) else value


def parsed(levels: Sequence[Said], load: Callable[[str], StyleConfig]) -> tuple[Job, str | None]:
    """The job that was described, on several levels, the later ones above; and the name that it was given."""
    from ..transfer import check_masks, check_weights

    found = {name: value for level in levels for name, value in level.items()}
    found["settings"] = {name: value for level in levels for name, value in level["settings"].items()}
    for name in ("source", "target"):
        if name not in found:
            raise ConfigError(f"{name} is missing")
    entry: Entry = converted(found, Entry)
    job = Job(
        entry.source,
        entry.target,
        load(entry.preset).override(**entry.settings),
        preset=Path(entry.preset).stem if means_file(entry.preset) else entry.preset,
        weights=entry.target_weights,
        source_mask=entry.source_mask,
        target_mask=entry.target_mask,
        writing=Writing(entry.quality, entry.bits, entry.metadata),
    )
    check_weights(entry.target_weights, len(job.target))
    check_masks(entry.source_mask, [*job.target_mask] or None, len(job.target))
    return job, None if entry.name is None else given_name(entry.name)

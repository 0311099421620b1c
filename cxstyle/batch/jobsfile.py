"""Files of jobs, YAML or CSV: one entry for each, with its own pictures and options."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ..checks import nearest, value_at
from ..errors import ConfigError
from ..pictures import Writing
from ..settings import INITS, YAML, StyleConfig, means_file, read_yaml, word
from .distinct import labels, outputs
from .jobs import Job
from .listing import place, read_rows
from .names import Row, Template, default_template, given_name

PARTS = ("jobs", "defaults")
LARGEST = 1_000_000
"""Bytes of a YAML file of jobs; CSV takes more, and is read faster."""
YES, NO = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


@dataclass(frozen=True)
class Entry:
    """What can be said about a job; None is not said.

    Paths, then names, then how results are written as `Writing` has it, then settings as `StyleConfig` has them.
    """

    source: str | None = None
    target: str | list[str] | None = None
    source_mask: str | None = None
    target_mask: str | list[str] | None = None
    target_weights: list[float] | None = None
    preset: str | None = None
    config: str | None = None
    name: str | None = None
    quality: int | None = None
    bits: int | str | None = None
    metadata: bool | None = None
    size: int | None = None
    enlarge: bool | None = None
    iterations: int | None = None
    strength: float | None = None
    content_weight: float | None = None
    style_weight: float | None = None
    tv_weight: float | None = None
    samples: int | str | None = None
    colors: str | None = None
    init: str | None = None
    seed: int | None = None
    device: str | None = None
    precision: str | None = None
    memory: str | None = None
    features: str | None = None
    weights: str | None = None
    deterministic: bool | None = None


KEYS = tuple(field.name for field in dataclasses.fields(Entry))
WRITING = KEYS[KEYS.index("quality") : KEYS.index("size")]
SETTINGS = KEYS[KEYS.index("size") :]
PATHS = ("source", "target", "source_mask", "target_mask", "config", "init", "weights")
LISTS = ("target", "target_mask", "target_weights")

Options = dict[str, Any]
"""What was said: keys of `Entry`, none None; paths as they are from the current folder."""


def read_jobs(path: Path, overrides: Mapping[str, Any], template: str | None = None) -> list[Job]:
    """The jobs of a file, in its order.

    Args:
        path: .yaml: a list of entries, or `jobs` with such a list and `defaults`; or .csv: a header and a row for each.
            The keys are those of `Entry`, with dashes or underscores; paths in it count from its own folder.
        overrides: options that hold for all jobs, above the file's; the same keys, None where not given. Their paths
            count from the current folder.
        template: of the names of jobs that have none of their own, see `Template`. Without it SOURCE__TARGET__PRESET,
            with __SEED for those that only it tells apart.

    Raises:
        ConfigError: the file can't be read, or an unknown key or a bad value in it: with the number of its job, from 1.
    """
    above = options(overrides, Path())
    defaults, entries = read_entries(path)
    with placed(f"{path}, defaults"):
        below = options(defaults, path.parent)
    if "name" in below or "name" in above:
        raise ConfigError(f"{path}: a name belongs to one job; write it there, not in the defaults")
    said = []
    for number, entry in enumerate(entries, 1):
        with placed(f"{path}, job {number}"):
            said.append(merged(below, options(entry, path.parent), above))
    return made(path, said, template)


@contextmanager
def placed(place: str) -> Iterator[None]:
    """Puts a place before the messages of errors."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f"{place}: {error}") from error


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


def read_table(path: Path) -> list[Options]:
    """The rows of a CSV file as entries: what is empty isn't there, and each cell is what its key needs."""
    rows = read_rows(path)
    if len(rows) < 2:
        raise ConfigError(f"{path}: expected a header such as source,target,preset and a row for each job")
    header = rows[0]
    with placed(f"{path}, header"):
        checked(dict.fromkeys(filter(None, header)))
        for name in header:
            if name and header.count(name) > 1:
                raise ConfigError(f"{name} stands twice")
    entries = []
    for number, row in enumerate(rows[1:], 1):
        cells = [*row, *[""] * (len(header) - len(row))]
        with placed(f"{path}, job {number}"):
            if any(cells[len(header) :]) or any(c for c, name in zip(cells, header, strict=False) if not name):
                raise ConfigError("more cells than the header names; put a cell with a comma in quotes")
            entries.append(
                {name: typed(name.replace("-", "_"), c) for name, c in zip(header, cells, strict=False) if c}
            )
    return entries


def typed(name: str, cell: str) -> Any:
    """A cell as YAML would have it."""
    if name in LISTS:
        words = re.split("[;,]" if name == "target_weights" else ";", cell)
        return [number(word) if name == "target_weights" else word.strip() for word in words if word.strip()]
    if "bool" in str(Entry.__annotations__[name]):
        return cell.lower() in YES if cell.lower() in YES + NO else cell
    kinds = str(Entry.__annotations__[name])
    return number(cell) if "int" in kinds or "float" in kinds else cell


def number(word: str) -> int | float | str:
    """A number where a word is one."""
    for kind in (int, float):
        try:
            return kind(word)
        except ValueError:
            continue
    return word


def checked(given: Any) -> Options:
    """What was said, by keys with underscores.

    Raises:
        ConfigError: no options at all, or a key that isn't known or stands twice.
    """
    if not isinstance(given, Mapping):
        raise ConfigError("expected options such as {source: a.jpg, target: b.jpg}")
    found: Options = {}
    for key, value in given.items():
        name = str(key).replace("-", "_")
        if name not in KEYS:
            raise ConfigError(f"{word(key)} is not a known key; did you mean {nearest(name, KEYS)}?")
        if name in found:
            raise ConfigError(f"{key} stands twice")
        found[name] = value
    return found


def options(given: Any, folder: Path) -> Options:
    """What was said, checked; paths count from a folder.

    Raises:
        ConfigError: an unknown key, or a value of the wrong type.
    """
    import msgspec

    plain = {name: plainly(value) for name, value in checked(given).items()}
    plain = {name: value for name, value in plain.items() if value not in (None, "", [])}
    try:
        msgspec.convert(plain, Entry)
    except msgspec.ValidationError as error:
        message, _, where = str(error).replace("`", "").replace(" | null", "").partition(" - at $")
        raise ConfigError(f"{where.lstrip('.')}: {message}{value_at(plain, where)}".removeprefix(": ")) from error
    if "preset" in plain and "config" in plain:
        raise ConfigError("preset and config exclude each other; copy the preset into the file")
    found: Options = {}
    for name, value in plain.items():
        is_path = name in PATHS and not (name == "init" and value in INITS)
        is_path = is_path or (name == "preset" and means_file(value))
        words = [value] if isinstance(value, str) and name in LISTS else value
        if is_path:
            words = [str(folder / word) for word in words] if isinstance(words, list) else str(folder / words)
            if "\0" in "".join(words):
                raise ConfigError(f"{name}: no file has a name with a NUL")
        found["config" if name == "preset" and is_path else name] = words
    return found


def plainly(value: Any) -> Any:
    """Paths as words, tuples as lists."""
    if isinstance(value, list | tuple):
        return [plainly(item) for item in value]
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def merged(*levels: Options) -> Options:
    """Options of several levels, the later ones above; a preset takes the place of a file of settings, and back."""
    found: Options = {}
    for level in levels:
        if "preset" in level or "config" in level:
            found = {name: value for name, value in found.items() if name not in ("preset", "config")}
        found |= level
    for name in ("source", "target"):
        if name not in found:
            raise ConfigError(f"{name} is missing")
    return found


def made(path: Path, said: Sequence[Options], template: str | None) -> list[Job]:
    """The jobs that were described."""
    read = [template] if template else [default_template(1, 1), default_template(1, 2)]
    templates = [Template.parse(text) for text in read]
    sources = called([entry["source"] for entry in said], path.parent)
    targets = called([target for entry in said for target in entry["target"]], path.parent)
    load = cache(settings_of)
    configs, rows, writings = [], [], []
    for number, entry in enumerate(said, 1):
        with placed(f"{path}, job {number}"):
            check_inputs(entry)
            label, config = load(entry.get("preset"), entry.get("config"))
            config = config.override(**{name: entry[name] for name in SETTINGS if name in entry})
            name = given_name(entry["name"]) if "name" in entry else None
            writings.append(Writing(**{key: entry[key] for key in WRITING if key in entry}))
        goal = tuple(targets[place(target)] for target in entry["target"])
        configs.append((label, config))
        rows.append(Row(sources[place(entry["source"])], goal, label, config.seed, f"job {number}", name))
    with placed(str(path)):
        names = outputs(templates, rows)
    return [
        Job(
            entry["source"],
            entry["target"],
            config,
            output,
            preset=label,
            weights=entry.get("target_weights"),
            source_mask=entry.get("source_mask"),
            target_mask=entry.get("target_mask"),
            writing=writing,
        )
        for entry, (label, config), output, writing in zip(said, configs, names, writings, strict=True)
    ]


def called(files: Sequence[str], folder: Path) -> dict[str, str]:
    """What each picture is called in names, by place: its stem, and more where that isn't its alone."""
    places = list(dict.fromkeys(place(file) for file in files))
    names = labels([(Path(place).stem, relative(place, folder)) for place in places])
    return dict(zip(places, names, strict=True))


def relative(file: str, folder: Path) -> str:
    """Its path from a folder, so that the same files on another machine are called the same."""
    try:
        return Path(os.path.relpath(file, folder)).as_posix()
    except ValueError:  # on another drive
        return Path(file).as_posix()


def settings_of(preset: str | None, config: str | None) -> tuple[str, StyleConfig]:
    """What settings are called, and those."""
    if config is not None:
        return Path(config).stem, StyleConfig.load(config)
    return preset or "default", StyleConfig.preset(preset or "default")


def check_inputs(entry: Options) -> None:
    """Refuses weights and masks that don't fit the targets."""
    from ..transfer import check_masks, check_weights

    count = len(entry["target"])
    check_weights(entry.get("target_weights"), count)
    check_masks(entry.get("source_mask"), entry.get("target_mask"), count)

"""Names of the results: a template with fields, and what fills it. A clash is refused, with the field to add."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePath, PurePosixPath
from typing import TypeVar

from ..errors import ConfigError
from .jobs import Job, inside
from .listing import PICTURES

Name = TypeVar("Name", bound=str | Path)
FIELDS = ("source", "target", "preset", "seed", "index")
LONGEST = 200
"""Bytes of a name: file systems take 255, and suffixes, numbers and steps come on top."""


class Template:
    """Such as {source}__{target}__{preset} or {preset}/{source}_{target}.jpg; a ConfigError for what gives no names."""

    def __init__(self, text: str) -> None:
        if text.startswith("/"):
            raise ConfigError(f"name: {text!r} must be relative to the batch's folder; leave the first / out")
        self.text, self.fields = text, {field for field in FIELDS if f"{{{field}}}" in text}
        self.stem, self.suffix = split_suffix(text)
        try:
            self.render("", dict.fromkeys(FIELDS, "x"))
        except ConfigError:
            raise
        except (LookupError, ValueError, AttributeError) as error:
            known = ", ".join(f"{{{field}}}" for field in FIELDS)
            why = f"fields are {known}, and braces in names {{{{ and }}}}"
            raise ConfigError(f"name: {text!r} can't be read; {why}") from error

    def render(self, folder: str, values: Mapping[str, str]) -> str:
        """An output; the source's sub-folders stand before the part that has {source}."""
        found: list[str] = []
        for part in self.stem.split("/"):
            if folder and "{source}" in part:
                found, folder = [*found, folder], ""
            found.append(part.format(**values))
            check_part(found[-1], self.text)
        return "/".join(found) + self.suffix


def split_suffix(name: str) -> tuple[str, str]:
    """A name without the suffix of a format, and that suffix; .png without one. Refuses line breaks and the like."""
    from ..pictures import FORMATS

    if not name.isprintable():
        raise ConfigError(f"name: {name[:60]!r} has characters that no file name should have")
    stem, dot, end = name.rpartition(".")
    suffix = f"{dot}{end}".lower()
    if dot and suffix in FORMATS:
        return stem, suffix
    if dot and suffix in PICTURES:
        raise ConfigError(f"name: {name!r}: can't write {suffix}; use {', '.join(FORMATS)}")
    return name, ".png"


def check_part(part: str, text: str) -> None:
    """Refuses a folder or name that isn't one, or that no file system takes."""
    if part.strip() in ("", ".", ".."):
        raise ConfigError(f"name: {text[:60]!r} gives a name or folder {part!r}; each needs a text, such as {{source}}")
    if len(os.fsencode(part)) > LONGEST:
        raise ConfigError(f"name: {part[:30]}... is too long; a name takes {LONGEST} bytes, as {{index}} does")


def given_name(name: str) -> str:
    """A name of the user's, as an output: with .png where it has no suffix of a format."""
    stem, suffix = split_suffix(inside(name))
    for part in stem.split("/"):
        check_part(part, name)
    return stem + suffix


def same(name: str) -> str:
    """What is equal for names that a file system may take for one: case and the composition of accents don't count."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def disambiguate(forms: Mapping[Name, Sequence[str]]) -> dict[Name, str]:
    """What to call each: the first of its forms, from the plain to the most telling, that no other has; or the last."""
    count = Counter(form for each in forms.values() for form in set(map(same, each)))
    return {key: next((form for form in each if count[same(form)] == 1), each[-1]) for key, each in forms.items()}


def short_names(files: Iterable[Name]) -> dict[Name, str]:
    """What to call each file: its stem, or as much of its path as tells it from the others.

    a/x.jpg and b/x.jpg are a/x and b/x; x.jpg and x.png keep their suffixes.
    """

    def forms(file: str | Path) -> list[str]:
        path = PurePath(file)
        tails = [path.parts[-depth:] for depth in range(1, len(path.parts) + 1)]
        # a.jpg and ./a.jpg have all of these in common, and so are called as they came.
        return [*(str(PurePath(*tail[:-1], name)) for tail in tails for name in (path.stem, path.name)), str(file)]

    return disambiguate({file: forms(file) for file in files})


def name_jobs(
    jobs: Sequence[Job],
    template: str | None,
    what: Callable[[int], str],
    given: Sequence[str | None] | None = None,
    sources: Mapping[Path, str] | None = None,
    targets: Mapping[Path, str] | None = None,
) -> list[Job]:
    """The jobs with outputs of their own, no two of which a file system may take for one.

    Args:
        jobs: in their order, which {index} counts.
        template: see `Template`. Without it SOURCE__TARGET__PRESET, with __SEED where there are several.
        what: a job in messages, by its index.
        given: names that users gave, instead of the template, as of `given_name`.
        sources: what each is called, with "/" where it lies in a sub-folder; `short_names` otherwise.
        targets: the same.
    """
    sources = sources or {file: name.replace("/", "-") for file, name in short_names(j.source for j in jobs).items()}
    targets = targets or short_names(target for job in jobs for target in job.target)
    seeds: dict[object, set[int]] = defaultdict(set)
    for job in jobs:
        seeds[job.source, job.target, job.preset].add(job.config.seed)
    usual = "{source}__{target}" + ("__{preset}" if any(job.preset for job in jobs) else "")
    usual += "__{seed}" if any(len(found) > 1 for found in seeds.values()) else ""
    read = Template(template or usual)
    given = given or [None] * len(jobs)
    rows: list[dict[str, str]] = []
    found: list[str] = []
    for index, job in enumerate(jobs):
        folder, _, source = sources[job.source].rpartition("/")
        texts = (source, "+".join(map(targets.__getitem__, job.target)), job.preset, job.config.seed, f"{index + 1:04}")
        rows.append({field: str(text).replace("/", "-") for field, text in zip(FIELDS, texts, strict=True)})
        found.append(given[index] or read.render(folder, rows[-1]))

    def advice(first: int, second: int) -> str:
        lacking = [f for f in FIELDS if rows[first][f] != rows[second][f] and f not in read.fields]
        telling = lacking[:-1] or lacking  # the index tells all apart, and says least
        if given[first] is not None or not telling:
            return "give one of them another name"
        return f"add {' and '.join(f'{{{field}}}' for field in telling)} to the name {read.text}"

    check_distinct(found, what, advice)
    return [replace(job, output=output) for job, output in zip(jobs, found, strict=True)]


def check_distinct(names: Sequence[str], what: Callable[[int], str], advice: Callable[[int, int], str]) -> None:
    """Refuses outputs that a file system may take for one, and one inside of what is another's picture; `what` is a job
    in messages, `advice` what to do about two of one name."""
    owner: dict[str, int] = {}
    for i, name in enumerate(names):
        first = owner.setdefault(same(name), i)
        if first != i:
            raise ConfigError(f"{what(first)} and {what(i)} would both be {names[first]}; {advice(first, i)}")
    for i, name in enumerate(names):
        for folder in PurePosixPath(name).parents:
            if same(str(folder)) in owner:
                other = what(owner[same(str(folder))])
                raise ConfigError(f"{folder} would be the picture of {other} and a folder for {what(i)}; rename one")

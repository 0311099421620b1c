"""Names of the results: a template with fields, and what fills it. A clash is refused, with the field to add."""

from __future__ import annotations

import os
import string
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath, PurePosixPath

from ..checks import nearest
from ..errors import ConfigError
from .jobs import inside
from .listing import PICTURES

FIELDS = ("source", "target", "preset", "seed", "index")
LONGEST = 200
"""Bytes of a name: file systems take 255, and suffixes, numbers and steps come on top."""


def cut(text: str, size: int) -> str:
    """The start of a text, of at most so many bytes."""
    return os.fsencode(text)[:size].decode(errors="ignore")


def default_template(presets: int, seeds: int) -> str:
    """What names are made of where nobody says.

    Args:
        presets: how many named settings there are; 0 where they have no names.
        seeds: with how many seeds each of them runs.
    """
    return "{source}__{target}" + ("__{preset}" if presets else "") + ("__{seed}" if seeds > 1 else "")


@dataclass(frozen=True)
class Row:
    """What the name of one job can be made of.

    Attributes:
        source: what the source is called; with "/" where it lies in a sub-folder.
        target: what the targets are called.
        preset: what the settings are called.
        seed: of the settings.
        what: the job in messages.
        name: given by the user, instead of the template: as `given_name` returns it.
    """

    source: str
    target: tuple[str, ...]
    preset: str
    seed: int
    what: str
    name: str | None = None

    def values(self, index: int) -> dict[str, str]:
        """Each field's text, without the source's folder; of job `index`, from 0."""
        texts = (self.source.rpartition("/")[2], "+".join(self.target), self.preset, str(self.seed), f"{index + 1:04}")
        return {field: text.replace("/", "-") for field, text in zip(FIELDS, texts, strict=True)}


@dataclass(frozen=True)
class Template:
    """A template that was read.

    Attributes:
        text: as it was given.
        stem: without the suffix.
        suffix: of every name.
    """

    text: str
    stem: str
    suffix: str

    @classmethod
    def parse(cls, text: str) -> Template:
        """Reads a template such as {source}__{target}__{preset} or {preset}/{source}_{target}.jpg.

        Raises:
            ConfigError: an unknown field, stray braces, a path that leads out of the batch's folder, or no name.
        """
        check_text(text)
        if text.startswith("/"):
            raise ConfigError(f"name: {text!r} must be relative to the batch's folder; leave the first / out")
        try:
            tokens = list(string.Formatter().parse(text))
        except ValueError as error:
            raise ConfigError(f"name: {text!r} has stray braces; write {{{{ and }}}} for braces in names") from error
        for _, field, form, conversion in tokens:
            if field is not None and field not in FIELDS:
                best = nearest(field, FIELDS)
                raise ConfigError(
                    f"name: {{{field}}} is not a field; did you mean {{{best}}}? (one of {', '.join(FIELDS)})"
                )
            if form or conversion:
                raise ConfigError(f"name: {text!r}: fields take no format; write {{{field}}}")
        stem, suffix = split_suffix(text)
        for part in stem.split("/"):
            check_part(part.format(**dict.fromkeys(FIELDS, "x")), text)
        return cls(text, stem, suffix)

    @property
    def fields(self) -> set[str]:
        """Those that it has."""
        return {field for _, field, _, _ in string.Formatter().parse(self.text) if field}

    def render(self, row: Row, index: int) -> str:
        """The output of job `index`, from 0; the source's sub-folders stand before the part that has {source}.

        Raises:
            ConfigError: a part of it would be empty, "." or "..", or too long.
        """
        values, folder = row.values(index), row.source.rpartition("/")[0]
        found: list[str] = []
        for part in self.stem.split("/"):
            if folder and "{source}" in part:
                found, folder = [*found, folder], ""
            found.append(part.format(**values))
            check_part(found[-1], self.text)
        return "/".join(found) + self.suffix


def split_suffix(name: str) -> tuple[str, str]:
    """A name without the suffix of a format, and that suffix; .png without one.

    Raises:
        ConfigError: the suffix of pictures that can't be written.
    """
    from ..pictures import FORMATS

    stem, dot, end = name.rpartition(".")
    suffix = f"{dot}{end}".lower()
    if dot and suffix in FORMATS:
        return stem, suffix
    if dot and suffix in PICTURES:
        raise ConfigError(f"name: {name!r}: can't write {suffix}; use {', '.join(FORMATS)}")
    return name, ".png"


def check_text(text: str) -> None:
    """Refuses line breaks and the like in what a user wrote."""
    if not text.isprintable():
        raise ConfigError(f"name: {text[:60]!r} has characters that no file name should have")


def check_part(part: str, text: str) -> None:
    """Refuses a folder or name that isn't one, or that no file system takes."""
    if part.strip() in ("", ".", ".."):
        raise ConfigError(f"name: {text[:60]!r} gives a name or folder {part!r}; each needs a text, such as {{source}}")
    if len(os.fsencode(part)) > LONGEST:
        raise ConfigError(
            f"name: {part[:30]}... is too long; a name takes {LONGEST} bytes. Give a shorter one, such as {{index}}"
        )


def given_name(name: str) -> str:
    """A name of the user's, as an output: with .png where it has no suffix of a format.

    Raises:
        ConfigError: outside of the batch's folder, empty, too long, or of a format that can't be written.
    """
    check_text(name)
    stem, suffix = split_suffix(inside(name))
    for part in stem.split("/"):
        check_part(part, name)
    return stem + suffix


def same(name: str) -> str:
    """What is equal for names that a file system may take for one: case and the composition of accents don't count."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def disambiguate(forms: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """What to call each: the first of its forms that no other has; where there is none, the last.

    Args:
        forms: of each, by what it is known by, what it may be called, from the plain form to the most telling one.
    """
    count = Counter(form for each in forms.values() for form in set(map(same, each)))
    return {key: next((form for form in each if count[same(form)] == 1), each[-1]) for key, each in forms.items()}


def short_names(files: Iterable[str]) -> dict[str, str]:
    """What to call each file: its stem, or as much of its path as tells it from the others.

    a/x.jpg and b/x.jpg are a/x and b/x; x.jpg and x.png keep their suffixes.
    """

    def forms(file: str) -> list[str]:
        path = PurePath(file)
        tails = [path.parts[-depth:] for depth in range(1, len(path.parts) + 1)]
        # a.jpg and ./a.jpg have all of these in common, and so are called as they came.
        return [*(str(PurePath(*tail[:-1], name)) for tail in tails for name in (path.stem, path.name)), file]

    return disambiguate({file: forms(file) for file in files})


def outputs(template: Template, rows: Sequence[Row]) -> list[str]:
    """The output of each job, in their order.

    Raises:
        ConfigError: as of `Template.render` and `check_distinct`.
    """
    found = [row.name or template.render(row, i) for i, row in enumerate(rows)]

    def advice(first: int, second: int) -> str:
        if rows[first].name is not None:
            return "give one of them another name"
        one, other = rows[first].values(first), rows[second].values(second)
        lacking = [field for field in FIELDS if one[field] != other[field] and field not in template.fields]
        telling = lacking[:-1] or lacking  # the index tells all apart, and says least
        fields = " and ".join(f"{{{field}}}" for field in telling)
        return f"add {fields} to the name {template.text}" if fields else "give one of them a name of its own"

    check_distinct(found, lambda i: rows[i].what, advice)
    return found


def check_distinct(names: Sequence[str], what: Callable[[int], str], advice: Callable[[int, int], str]) -> None:
    """Refuses outputs that a file system may take for one, and one inside of what is another's picture.

    Args:
        names: outputs, relative to the batch's folder.
        what: a job in messages, by its index.
        advice: what to do about two of one name.

    Raises:
        ConfigError: two are.
    """
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

"""Names of the results: a template with fields, and what fills it."""

from __future__ import annotations

import hashlib
import os
import string
from collections.abc import Iterable
from dataclasses import dataclass

from ..checks import nearest
from ..errors import ConfigError
from .jobs import inside
from .listing import PICTURES

FIELDS = ("source", "target", "preset", "seed", "index")
LONGEST = 120
"""Bytes of a name that is made up: file systems take 255, some 143, and suffixes, numbers and steps come on top."""
SHORT, WHOLE = 8, 64
"""Hexadecimal digits of a digest in a name, and where those should be the same, too."""


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
        source: what the source is called, as `labels` tells; with "/" where it lies in a sub-folder.
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

    def distinct(self, index: int) -> dict[str, object]:
        """Each field's value in full."""
        return dict(zip(FIELDS, (self.source, self.target, self.preset, self.seed, index), strict=True))


Piece = tuple[str, str]
"""A fixed text and the field after it, "" where there is none."""


@dataclass(frozen=True)
class Template:
    """A template that was read.

    Attributes:
        text: as it was given.
        parts: folders and name, each a sequence of pieces.
        suffix: of every name.
    """

    text: str
    parts: tuple[tuple[Piece, ...], ...]
    suffix: str

    @classmethod
    def parse(cls, text: str) -> Template:
        """Reads a template such as {source}__{target}__{preset} or {preset}/{source}_{target}.jpg.

        Raises:
            ConfigError: an unknown field, stray braces, a path that leads out of the batch's folder, or no name.
        """
        pieces = list(read_pieces(text))
        literal, field = pieces[-1] if pieces else ("", "")
        stem, suffix = split_suffix(literal, text) if not field else (literal, ".png")
        parts: list[list[Piece]] = [[]]
        for fixed, name in [*pieces[:-1], (stem, field)]:
            *folders, rest = fixed.split("/")
            for folder in folders:
                parts[-1].append((folder, ""))
                parts.append([])
            parts[-1].append((rest, name))
        for part in parts:
            if not any(name for _, name in part):
                check_part("".join(fixed for fixed, _ in part), text)
        return cls(text, tuple(map(tuple, parts)), suffix)

    @property
    def fields(self) -> set[str]:
        """Those that it has."""
        return {field for part in self.parts for _, field in part if field}

    def render(self, row: Row, index: int, mark: str = "") -> str:
        """The output of a job; the source's sub-folders stand before the part that has {source}.

        Args:
            index: of the job, from 0.
            mark: what the name ends with.

        Raises:
            ConfigError: a part of it would be empty, "." or "..".
        """
        values, folder = row.values(index), row.source.rpartition("/")[0]
        found: list[str] = []
        for i, part in enumerate(self.parts):
            if folder and any(field == "source" for _, field in part):
                found, folder = [*found, folder], ""
            text = filled(part, values, mark if i == len(self.parts) - 1 else "")
            check_part(text, self.text)
            found.append(text)
        return "/".join(found) + self.suffix


def read_pieces(text: str) -> Iterable[Piece]:
    """The pieces of a template, checked."""
    check_text(text)
    if text.startswith("/"):
        raise ConfigError(f"name: {text!r} must be relative to the batch's folder; leave the first / out")
    try:
        tokens = list(string.Formatter().parse(text))
    except ValueError as error:
        raise ConfigError(f"name: {text!r} has stray braces; write {{{{ and }}}} for braces in names") from error
    for fixed, field, form, conversion in tokens:
        if field is not None and field not in FIELDS:
            best = nearest(field, FIELDS)
            raise ConfigError(
                f"name: {{{field}}} is not a field; did you mean {{{best}}}? (one of {', '.join(FIELDS)})"
            )
        if form or conversion:
            raise ConfigError(f"name: {text!r}: fields take no format; write {{{field}}}")
        yield fixed, field or ""


def split_suffix(name: str, text: str) -> tuple[str, str]:
    """The end of a name without the suffix of a format, and that suffix; .png without one.

    Raises:
        ConfigError: the suffix of pictures that can't be written.
    """
    from ..pictures import FORMATS

    stem, dot, end = name.rpartition(".")
    suffix = f"{dot}{end}".lower()
    if dot and suffix in FORMATS:
        return stem, suffix
    if dot and suffix in PICTURES:
        raise ConfigError(f"name: {text!r}: can't write {suffix}; use {', '.join(FORMATS)}")
    return name, ".png"


def check_text(text: str) -> None:
    """Refuses line breaks and the like in what a user wrote."""
    if not text.isprintable():
        raise ConfigError(f"name: {text!r} has characters that no file name should have")


def check_part(part: str, text: str) -> None:
    """Refuses a folder or name that isn't one."""
    if part.strip() in ("", ".", ".."):
        raise ConfigError(f"name: {text!r} gives a name or folder {part!r}; each needs a text, such as {{source}}")


def filled(part: tuple[Piece, ...], values: dict[str, str], mark: str) -> str:
    """A part of a template with its fields' values and a mark; where that is too long, each value is cut to its share.

    What was cut ends with a digest of the whole.
    """
    whole = "".join(fixed + values.get(field, "") for fixed, field in part)
    if len(os.fsencode(whole + mark)) <= LONGEST:
        return whole + mark
    mark = mark or f"-{digest(whole)}"
    room = LONGEST - len(mark)
    count = sum(bool(field) for _, field in part)
    share = max(1, (room - sum(len(os.fsencode(fixed)) for fixed, _ in part)) // max(1, count))
    return cut("".join(fixed + cut(values.get(field, ""), share) for fixed, field in part), room) + mark


def digest(text: str, length: int = SHORT) -> str:
    """So many digits that stand for a text."""
    return hashlib.sha256(os.fsencode(text)).hexdigest()[:length]


def given_name(name: str) -> str:
    """A name of the user's, as an output: with .png where it has no suffix of a format.

    Raises:
        ConfigError: outside of the batch's folder, empty, too long, or of a format that can't be written.
    """
    check_text(name)
    stem, suffix = split_suffix(inside(name), name)
    for part in stem.split("/"):
        check_part(part, name)
        if len(os.fsencode(part)) > LONGEST:
            raise ConfigError(f"name: {cut(part, 30)}... is too long; a name takes {LONGEST} bytes")
    return stem + suffix

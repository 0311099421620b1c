"""No two jobs of a batch get the same name.

Two names are the same where a file system may take them for the same: letter case and the composition of accents don't
count. What is called the same gets longer names, one step after the other, and only that: so a name depends on which
pictures there are, never on their order.
"""

from __future__ import annotations

import json
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from pathlib import PurePosixPath

from ..errors import ConfigError
from .names import FIELDS, SHORT, WHOLE, Row, Template, digest


def same(name: str) -> str:
    """What is equal for names that a file system may take for one."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


class ClashError(Exception):
    """Two that can't be told apart: their indices."""

    def __init__(self, first: int, second: int) -> None:
        super().__init__(first, second)
        self.pair = (first, second)


def tell_apart(forms: Sequence[Sequence[str]]) -> list[str]:
    """A name for each, no two the same.

    Args:
        forms: of each, its names from the plain one to the most telling one. Those that are called the same go on to
            their next names together, until none are.

    Raises:
        ClashError: two are the same in all their names.
    """
    levels = [0] * len(forms)
    while True:
        groups = defaultdict(list)
        for i, level in enumerate(levels):
            groups[same(forms[i][level])].append(i)
        clashing = [group for group in groups.values() if len(group) > 1]
        if not clashing:
            return [names[level] for names, level in zip(forms, levels, strict=True)]
        for group in clashing:
            longer = [i for i in group if levels[i] + 1 < len(forms[i])]
            if not longer:
                raise ClashError(group[0], group[1])
            for i in longer:
                levels[i] += 1


def labels(pictures: Sequence[tuple[str, str]]) -> list[str]:
    """What pictures are called in names: those that would be called the same also carry their suffix, or a digest.

    Args:
        pictures: of each, what it would be called, and the relative path that is its alone.

    Raises:
        ConfigError: one is there twice.
    """
    forms = [
        [name, name + PurePosixPath(path).suffix, *(f"{name}-{digest(path, length)}" for length in (SHORT, WHOLE))]
        for name, path in pictures
    ]
    try:
        return tell_apart(forms)
    except ClashError as clash:
        raise ConfigError(f"{pictures[clash.pair[0]][1]} is there twice; name each picture once") from clash


def outputs(templates: Sequence[Template], rows: Sequence[Row]) -> list[str]:
    """The output of each job, in their order.

    Args:
        templates: the first is for all; the others in turn for jobs that it would give the same output. Where all of
            them do, though their fields differ (a__b with c, a with b__c), a digest of those comes after.
        rows: the jobs.

    Raises:
        ConfigError: two jobs would have the same output because the templates lack what tells them apart, or because
            the user gave them the same name; or an output would be the folder of another.
    """
    last = templates[-1]
    forms = []
    for i, row in enumerate(rows):
        if row.name is not None:
            forms.append([row.name])
            continue
        shown = json.dumps([value for field, value in row.distinct(i).items() if field in last.fields])
        marked = [last.render(row, i, f"-{digest(shown, length)}") for length in (SHORT, WHOLE)]
        forms.append([*(template.render(row, i) for template in templates), *marked])
    try:
        found = tell_apart(forms)
    except ClashError as clash:
        first, second = (rows[i] for i in clash.pair)
        what = f"{first.what} and {second.what} would both be {forms[clash.pair[0]][0]}"
        raise ConfigError(f"{what}; {advice(first, second, last)}") from clash
    check_folders(found, rows)
    return found


def advice(first: Row, second: Row, template: Template) -> str:
    """What to do about two jobs of one name."""
    if first.name is not None:
        return "give one of them another name"
    one, other = first.distinct(0), second.distinct(0)
    lacking = [f"{{{field}}}" for field in FIELDS if one[field] != other[field] and field not in template.fields]
    if not lacking:
        return "give one of them a name of its own"
    return f"add {' and '.join(lacking)} to the name {template.text}"


def check_folders(names: Sequence[str], rows: Sequence[Row]) -> None:
    """Refuses an output inside of what is another's picture."""
    owner = {same(name): i for i, name in enumerate(names)}
    for name, row in zip(names, rows, strict=True):
        for folder in PurePosixPath(name).parents:
            if same(str(folder)) in owner:
                other = rows[owner[same(str(folder))]]
                raise ConfigError(
                    f"{folder} would be the picture of {other.what} and a folder for {row.what}; rename one"
                )

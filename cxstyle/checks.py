"""Refusing values by name, with what is allowed and what is nearest."""

from __future__ import annotations

import dataclasses
import difflib
import math
import os
import re
import reprlib
import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any, get_type_hints

from .errors import ConfigError

LARGEST = sys.float_info.max


class Short(reprlib.Repr):
    """Values in messages: a line at most, however large they are."""

    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = self.maxlong = 60
        self.maxlevel = 3

    def repr_int(self, x: int, level: int) -> str:
        """Python writes no numbers of more than 4300 digits."""
        return f"a number of {x.bit_length()} bits" if x.bit_length() > 300 else super().repr_int(x, level)


shown = Short().repr


def printable(text: str) -> str:
    """A blank or its code in place of whatever a terminal could take for more than a letter."""
    return "".join(c if c.isprintable() else " " if c.isspace() else c.encode("unicode_escape").decode() for c in text)


def one_line(text: str) -> str:
    """`printable`, in a line without blanks around it."""
    return " ".join(printable(text).split())


def cut(text: str, size: int) -> str:
    """The start of a text, of at most so many bytes in the name of a file."""
    return os.fsencode(text)[:size].decode(errors="ignore")


def nearest(word: object, options: Collection[str]) -> str:
    """The option that is spelt most like a word; there must be at least one."""
    text = str(word)[:60].lower()
    begun = [option for option in options if len(text) > 2 and option.lower().startswith(text)]
    return (begun or difflib.get_close_matches(text, list(options), 1, 0.0))[0]


def check_choice(name: str, value: object, options: Collection[str]) -> None:
    """Refuses a value that isn't one of `options`, suggesting the nearest."""
    if value not in options:
        meant = f"did you mean {nearest(value, options)}? (one of {', '.join(options)})"
        raise ConfigError(f"{name}: {shown(value)} is not known; {meant}")


@contextmanager
def placed(where: str) -> Iterator[None]:
    """Says of what is refused within the block where it stands."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error


def setting(default: Any = dataclasses.MISSING, **rules: Any) -> Any:
    """A field of settings that says of itself what it may be, for checks, command lines and pages.

    Args:
        default: its value where none is given.
        **rules: min and max of a number, or of each in a tuple; above: a number that it must be greater than; choices:
            what a word may be; words: some that it may be; help: what it is for, in a line; metavar: what stands for
            its value there.
    """
    return dataclasses.field(default=default, metadata=rules)


def settle(made: Any) -> None:
    """Gives the fields of a frozen dataclass, as it is made, the types that they are declared with, as copies: numbers
    and arrays of NumPy become Python's, lists tuples, paths text. Keeps them to what `setting` says: a ConfigError for
    a field of another type, or a value that it may not have."""
    for name, kind in kinds(made.__class__).items():
        object.__setattr__(made, name, converted(getattr(made, name), kind, name))
    for field in dataclasses.fields(made):
        value, rules = getattr(made, field.name), field.metadata
        if "choices" in rules:
            check_choice(field.name, value, rules["choices"])
        low = rules.get("min", rules.get("above"))
        if low is not None:
            for each in value if isinstance(value, tuple) else (value,):
                check_number(field.name, each, low, rules.get("max", math.inf), above="above" in rules)


@cache
def kinds(settings: type) -> dict[str, Any]:
    """The types of a dataclass's fields."""
    return get_type_hints(settings)


def plain(value: Any) -> Any:
    """A value as a file of settings would have it, but for dataclasses: without NumPy, torch and paths."""
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    return value.tolist() if hasattr(value, "tolist") else os.fspath(value) if hasattr(value, "__fspath__") else value


def converted(content: Any, kind: Any, name: str = "") -> Any:
    """A value, made `plain`, as what a type says; a ConfigError where it doesn't fit, which names what doesn't with its
    place, such as terms[0].weight."""
    import msgspec

    content = plain(content)
    try:
        return msgspec.convert(content, kind)
    except msgspec.ValidationError as error:
        message, _, place = str(error).replace("`", "").partition(" - at $")
        where = f"{name}{place}".lstrip(".")
        raise ConfigError(f"{where}: {message}{value_at(content, place)}" if where else message) from error


def value_at(content: Any, place: str) -> str:
    """What stands at a place such as .terms[0].weight, for a message; nothing where that is not a single value."""
    try:
        for name, index in re.findall(r"\.(\w+)|\[(\d+)\]", place):
            content = content[name or int(index)]
    except (LookupError, TypeError):
        return ""
    return f" {shown(content)}" if isinstance(content, str | int | float) else ""


def check_number(name: str, value: object, low: float, high: float = math.inf, *, above: bool = False) -> None:
    """Refuses what isn't a finite number in [low, high], or in (low, high] with `above`."""
    # Compared, since Python can't tell of every integer whether it is finite; nothing compares with NaN.
    value = plain(value)
    fits = isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= min(high, LARGEST)
    if not fits or (above and value == low):
        least = f"above {low:g}" if above else f"at least {low:g}"
        most = f" and at most {high:g}" if math.isfinite(high) else ""
        raise ConfigError(f"{name}: must be a number {least}{most}, got {shown(value)}")


def check_integer(name: str, value: object, low: int, high: float = math.inf) -> None:
    """Refuses what isn't an integer in [low, high]."""
    if not isinstance(plain(value), int) or isinstance(value, bool):
        raise ConfigError(f"{name}: must be an integer, got {shown(value)}")
    check_number(name, value, low, high)


def memory_bytes(memory: str | int) -> float | None:
    """auto -> None; 4GB, 500 MB, 3.5GiB... or a number of bytes -> bytes; a ConfigError for neither."""
    if memory == "auto":
        return None
    if isinstance(memory, int):
        check_number("memory", memory, 1e6)
        return float(memory)
    match = re.fullmatch(r"(\d{1,18}(?:\.\d+)?) ?([KMGT])(I?)B", memory.upper(), re.ASCII)
    if match is None or not float(match[1]) > 0:
        text = "is not a size; use auto or a number with its unit, such as 4GB or 500MB"
        raise ConfigError(f"memory: {shown(memory)} {text}")
    return float(match[1]) * (1024.0 if match[3] else 1000.0) ** ("KMGT".index(match[2]) + 1)


def check_device(device: object) -> None:
    """Refuses what isn't the name of a device."""
    # PyTorch takes the number of a device for that number modulo 256.
    match = re.fullmatch(r"auto|cpu|cuda(?::(0|[1-9][0-9]{0,2}))?|mps", device) if isinstance(device, str) else None
    if match is None or int(match[1] or 0) > 127:
        raise ConfigError(f"device: {shown(device)} is not known; use auto, cpu, cuda, cuda:N or mps")


def in_words(size: float) -> str:
    """1.53 GB, 640 MB, 12 kB."""
    if size < 1e6:
        return f"{size / 1e3:.0f} kB"
    return f"{size / 1e9:.2f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"

"""Refusing values by name, with what is allowed and what is nearest."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Collection

from .errors import ConfigError


def nearest(word: object, options: Collection[str]) -> str:
    """The option that is spelt most like a word; there must be at least one."""
    return difflib.get_close_matches(str(word), list(options), 1, 0.0)[0]


def check_choice(name: str, value: object, options: Collection[str]) -> None:
    """Refuses a value that isn't one of `options`, suggesting the nearest."""
    if value not in options:
        raise ConfigError(
            f"{name}: {value!r} is not known; did you mean {nearest(value, options)}? (one of {', '.join(options)})"
        )


def check_number(name: str, value: object, low: float, high: float = math.inf, *, above: bool = False) -> None:
    """Refuses what isn't a finite number in [low, high], or in (low, high] with `above`."""
    fits = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value <= high
    if not fits or not isinstance(value, int | float) or value < low or (above and value == low):
        least = f"above {low:g}" if above else f"at least {low:g}"
        most = f" and at most {high:g}" if math.isfinite(high) else ""
        raise ConfigError(f"{name}: must be a number {least}{most}, got {value!r}")


def check_integer(name: str, value: object, low: int, high: float = math.inf) -> None:
    """Refuses what isn't an integer in [low, high]."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise ConfigError(f"{name}: must be an integer, got {value!r}")
    check_number(name, value, low, high)


def memory_bytes(memory: str) -> float | None:
    """auto -> None; 4GB, 500 MB, 3.5GiB... -> bytes.

    Raises:
        ConfigError: neither.
    """
    if memory == "auto":
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?) ?([KMGT]i?)B", memory, re.IGNORECASE)
    if match is None or not float(match[1]) > 0:
        raise ConfigError(f"memory: {memory!r} is not a size; use auto or a number with its unit, such as 4GB or 500MB")
    unit = match[2].upper()
    base = 1024.0 if "I" in unit else 1000.0
    return float(float(match[1]) * base ** ("KMGT".index(unit[0]) + 1))


def check_device(device: str) -> None:
    """Refuses what isn't the name of a device."""
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?|mps", device):
        raise ConfigError(f"device: {device!r} is not known; use auto, cpu, cuda, cuda:N or mps")


def in_words(size: float) -> str:
    """1.53 GB, 640 MB, 12 kB."""
    if size < 1e6:
        return f"{size / 1e3:.0f} kB"
    return f"{size / 1e9:.2f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"

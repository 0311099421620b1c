"""Fields of settings that say what they mean and which values they take.

Whatever shows or takes settings reads it there: checks, options of the command line, forms, pages of documentation.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from ..checks import check_choice, check_number, settle


def setting(
    default: Any = dataclasses.MISSING,
    help: str = "",
    *,
    low: float | None = None,
    high: float = math.inf,
    above: bool = False,
    choices: Sequence[str] = (),
    metavar: str = "",
) -> Any:
    """A field of a dataclass of settings, for its class body.

    Args:
        default: its value where none is given, or a class that is called to make it; a value is needed without it.
        help: a sentence or two.
        low: the least that its numbers may be; where the value is a list or a mapping, each in it. None for no bounds.
        high: the most.
        above: numbers must be more than `low`.
        choices: the words that it may be, of those kinds of values that are words.
        metavar: what stands for the value in help.
    """
    about = {"help": help, "low": low, "high": high, "above": above, "choices": tuple(choices), "metavar": metavar}
    if isinstance(default, type):
        return dataclasses.field(default_factory=default, metadata=about)
    return dataclasses.field(default=default, metadata=about)


def check_fields(made: Any) -> None:
    """Gives the fields of a frozen dataclass, as it is made, their types, see `settle`, and checks them.

    Raises:
        ConfigError: a value of another type, or out of the bounds or choices of its field.
    """
    settle(made)
    for field in dataclasses.fields(made):
        check_value(field.name, getattr(made, field.name), field.metadata)


def check_value(name: str, value: Any, about: Mapping[str, Any]) -> None:
    """Refuses a value that a field with this metadata does not take.

    Raises:
        ConfigError: it is out of bounds, or none of the choices.
    """
    if isinstance(value, tuple | Mapping):
        for each in value.values() if isinstance(value, Mapping) else value:
            check_value(name, each, about)
    elif isinstance(value, str) and about.get("choices"):
        check_choice(name, value, about["choices"])
    elif isinstance(value, int | float) and about.get("low") is not None:
        check_number(name, value, about["low"], about["high"], above=about["above"])

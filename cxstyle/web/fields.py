"""The presets and settings that a page offers, as the settings' own fields say what they may be."""

from __future__ import annotations

import contextlib
import dataclasses
from functools import cache
from typing import Any

from ..checks import kinds
from ..errors import WeightsError
from ..features import find
from ..settings import WEIGHTS, StyleConfig, preset_names

KINDS = {int: "integer", float: "number", bool: "flag"}


@cache
def configs() -> dict[str, StyleConfig]:
    """Each preset by its name."""
    return {name: StyleConfig.preset(name) for name in preset_names()}


def presets() -> list[dict[str, str]]:
    """Each with `needs`, the network that it asks for, where that isn't on this machine (yet)."""
    found = []
    for name, preset in configs().items():
        there = preset.features == "auto"
        with contextlib.suppress(WeightsError):  # a folder of weights that can't be looked into has none
            there = there or find(preset.features) is not None
        found.append({"name": name, "description": preset.description} | ({} if there else {"needs": preset.features}))
    return found


@cache
def fields() -> list[dict[str, Any]]:
    """For each setting name, label, help, kind (integer, number, choice, flag or text), what it may be, and its default
    where no preset has another."""
    found = []
    for field in dataclasses.fields(StyleConfig):
        rules = field.metadata
        if "help" in rules and field.name != "weights":  # a file of this machine is nothing that a page names
            kind = "choice" if "choices" in rules else KINDS.get(kinds(StyleConfig)[field.name], "text")
            same = all(getattr(preset, field.name) == field.default for preset in configs().values())
            limits = {"minimum": rules.get("min"), "maximum": rules.get("max")}
            limits |= {"choices": rules.get("choices") or rules.get("words")}
            found.append(described(field.name, rules["help"], kind, field.default if same else None, **limits))
    return found + [described(name, text, "number", minimum=0) for name, text in WEIGHTS.items()]


def described(name: str, text: str, kind: str, default: object = None, **limits: object) -> dict[str, Any]:
    label = name.replace("_", " ").capitalize()
    return {"name": name, "label": label, "help": text, "kind": kind, "default": default, **limits}


def preset_values(name: str) -> dict[str, Any]:
    """What a preset gives these settings; a ConfigError where there is none of this name."""
    config = StyleConfig.preset(name)
    return {field["name"]: getattr(config, field["name"], None) for field in fields()}

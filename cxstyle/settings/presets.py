"""Where the presets lie, and reading YAML files that people write by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import ConfigError
from ..files import read_plain
from .yaml import parse_yaml


def preset_folder() -> Path:
    """Where the presets lie: inside an installed package, or beside it in a checkout."""
    inside = Path(__file__).parents[1] / "configs"
    return inside if inside.is_dir() else Path(__file__).parents[2] / "configs"


def preset_names() -> list[str]:
    """Names of all presets, `default` first."""
    names = sorted(path.stem for path in preset_folder().glob("*.yaml"))
    return sorted(names, key=lambda name: name != "default")


def preset_path(name: str) -> Path:
    return preset_folder() / f"{name}.yaml"


YAML = (".yaml", ".yml")


def means_file(word: str) -> bool:
    """Whether a word in place of a preset's name means a file of settings."""
    return word.endswith(YAML) or "/" in word


LARGEST = 250_000
"""Bytes of a file of settings."""


def read_yaml(path: Path, largest: int = LARGEST) -> Any:
    """The content of a YAML file of at most `largest` bytes, see `parse_yaml`.

    Raises:
        ConfigError: unreadable, too large, or not YAML of plain values, with the line.
    """
    try:
        text = read_plain(path, largest).decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"can't read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not a UTF-8 text file; save it as UTF-8") from error
    try:
        return parse_yaml(text, largest)
    except ConfigError as error:
        raise ConfigError(f"{path} {error}") from error

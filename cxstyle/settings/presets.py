"""Where the presets lie."""

from __future__ import annotations

from pathlib import Path

YAML = (".yaml", ".yml")


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


def means_file(word: str) -> bool:
    """Whether a word in place of a preset's name means a file of settings."""
    return word.endswith(YAML) or "/" in word

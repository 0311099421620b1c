"""Where the presets lie, and reading YAML files that people write by hand."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from .errors import ConfigError


def preset_folder() -> Path:
    """Where the presets lie: inside an installed package, or beside it in a checkout."""
    inside = Path(__file__).parent / "configs"
    return inside if inside.is_dir() else Path(__file__).parent.parent / "configs"


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


def read_yaml(path: Path) -> Any:
    """The content of a YAML file: plain values only, 1e-4 is a number, no key twice."""
    import yaml

    try:
        return yaml.load(path.read_text("utf-8"), Loader=yaml_loader())
    except OSError as error:
        raise ConfigError(f"can't read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not a UTF-8 text file") from error
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f" line {mark.line + 1}" if mark else ""
        raise ConfigError(
            f"{path}{place} is not YAML: {getattr(error, 'problem', None) or 'nested too deep'}"
        ) from error


def yaml_loader() -> Any:
    """PyYAML's safe loader, less two surprises: 1e-4 as a string, and the last of two equal keys winning silently."""
    import yaml

    class PresetLoader(yaml.SafeLoader):
        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
            seen = set()
            for key, _ in node.value:
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"key {key.value!r} stands twice", key.start_mark
                    )
                seen.add(key.value if isinstance(key.value, str) else id(key))
            return super().construct_mapping(node, deep)

    number = re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$")
    PresetLoader.add_implicit_resolver("tag:yaml.org,2002:float", number, list("-+.0123456789"))
    return PresetLoader

"""YAML as people write settings by hand: plain values, no key twice, nothing that grows or runs as it is read."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

from ..checks import shown
from ..errors import ConfigError
from ..files import read_text

LARGEST = 250_000
"""Bytes of a file of settings."""
PLAIN = {
    # 0400, 6:24 and dates, in YAML 1.1 256, 384 and no text, stay the words that they are; 1e-4 is a number.
    "bool": (r"(?i:yes|no|true|false|on|off)", "yYnNtTfFoO"),
    "int": (r"[-+]?(0|[1-9][0-9_]*|0x[0-9a-fA-F]+)", "-+0123456789"),
    "float": (
        r"[-+]?([0-9][0-9_]*\.[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+|[-+]?\.(?i:inf)|\.(?i:nan)",
        "-+.0123456789",
    ),
    "null": (r"~|(?i:null)|", ["~", "n", "N", ""]),
}
"""What words without quotes mean: patterns, and the letters that they begin with. Every other is a string."""


def read_yaml(path: Path, largest: int = LARGEST) -> Any:
    """The content of a YAML file of at most `largest` bytes, see `parse_yaml`; a ConfigError where it is unreadable,
    too large, or not YAML of plain values, with the line."""
    text = read_text(path, largest)
    try:
        return parse_yaml(text)
    except ConfigError as error:
        raise ConfigError(f"{path} {error}") from error


def parse_yaml(text: str) -> Any:
    """The content of a YAML file; a ConfigError where it is not YAML, for a key that stands twice, an alias, a tag,
    what is nested too deep; with the number of the line."""
    import yaml

    try:
        return yaml.load(text, loader_kind())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"line {mark.line + 1}" if mark else "the content"
        # Of some errors the problem alone is half a sentence.
        reason = f"{error.context} {error.problem}" if str(error.problem).startswith("but ") else error.problem
        raise ConfigError(f"{place} is not YAML: {reason}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"the content is not YAML: {getattr(error, 'reason', error)}") from error
    except RecursionError as error:
        raise ConfigError("the content is not YAML of settings: it is nested too deep") from error
    except ValueError as error:  # Python reads no numbers of more than 4300 digits
        raise ConfigError(f"the content is not plain YAML: {shown(str(error))}") from error


@cache
def loader_kind() -> Any:
    """PyYAML's safe loader with `PLAIN` in place of its own surprises, without aliases and tags."""
    import yaml

    class PlainLoader(yaml.SafeLoader):
        yaml_implicit_resolvers: dict[Any, Any] = {}  # noqa: RUF012 - PyYAML's way to say what a class resolves

        def compose_node(self, parent: Any, index: Any) -> Any:
            event: Any = self.peek_event()  # type: ignore[no-untyped-call]  # which PyYAML's stubs leave out
            for what, name in (("anchors and aliases", "anchor"), ("tags", "tag")):
                if getattr(event, name, None) is not None:
                    problem = f"{what} are not taken, such as {shown(getattr(event, name))}; write plain values"
                    raise yaml.composer.ComposerError(None, None, problem, event.start_mark)
            return super().compose_node(parent, index)

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            seen = set()
            for key, _ in node.value:
                problem = "a key must be a word" if key.id != "scalar" else f"key {shown(key.value)} stands twice"
                if key.id != "scalar" or key.value in seen:
                    raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
                seen.add(key.value)
            return super().construct_mapping(node, deep)

    for kind, (pattern, first) in PLAIN.items():
        PlainLoader.add_implicit_resolver(f"tag:yaml.org,2002:{kind}", re.compile(f"^(?:{pattern})$"), list(first))
    return PlainLoader

"""YAML as people write settings by hand: plain values, no key twice, nothing that grows or runs as it is read."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from ..checks import shown
from ..errors import ConfigError

DEEPEST = 30
"""Levels of nesting; settings have four."""
LONGEST_NUMBER = 100
"""Digits and signs of a number; Python refuses some above 4300."""
CORE = "tag:yaml.org,2002:"
PLAIN = {
    # 0400 and 6:24, which YAML 1.1 reads as 256 and 384, stay the words that they are; 1e-4 is a number.
    "bool": (r"yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF", "yYnNtTfFoO"),
    "int": (r"[-+]?(0|[1-9][0-9_]*|0x[0-9a-fA-F]+)", "-+0123456789"),
    "float": (
        r"[-+]?([0-9][0-9_]*\.[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+"
        r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+.0123456789",
    ),
    "null": (r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    "merge": (r"<<", "<"),
}
"""What words without quotes mean: patterns, and the letters that they begin with. Every other is a string."""
CONTAINERS = ("map", "seq")
MARK = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def parse_yaml(text: str, largest: int) -> Any:
    """The content of a YAML file.

    Args:
        text: of the file.
        largest: how many values it may have in all, those that aliases repeat counted each time.

    Raises:
        ConfigError: not YAML, a key that stands twice, a tag of other than plain values, nested too deep or endlessly;
            with the number of the line.
    """
    import yaml

    strange = MARK.search(text)
    if strange:
        line = text.count("\n", 0, strange.start()) + 1
        raise ConfigError(f"line {line} is not YAML: it holds the control character {strange[0]!r}")
    try:
        loader = loader_kind()(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            Walk(loader, largest).size(node)
            return loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"line {mark.line + 1}" if mark else "the content"
        # Of some errors the problem alone is half a sentence.
        reason = f"{error.context} {error.problem}" if str(error.problem).startswith("but ") else error.problem
        raise ConfigError(f"{place} is not YAML: {reason}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"the content is not YAML: {getattr(error, 'reason', error)}") from error


@cache
def loader_kind() -> Any:
    """PyYAML's safe loader with `PLAIN` in place of its own surprises, and bounds on depth."""
    import yaml

    class PlainLoader(yaml.SafeLoader):
        yaml_implicit_resolvers: dict[Any, Any] = {}  # noqa: RUF012 - PyYAML's way to say what a class resolves
        depth = 0

        def compose_node(self, parent: Any, index: Any) -> Any:
            self.depth += 1
            if self.depth > DEEPEST:
                # The types of PyYAML leave this method out.
                problem, event = f"nested more than {DEEPEST} levels deep", self.peek_event()  # type: ignore[no-untyped-call]
                raise yaml.composer.ComposerError(None, None, problem, event.start_mark)
            try:
                return super().compose_node(parent, index)
            finally:
                self.depth -= 1

    for tag, (pattern, first) in PLAIN.items():
        PlainLoader.add_implicit_resolver(CORE + tag, re.compile(f"^(?:{pattern})$"), list(first))
    return PlainLoader


class Walk:
    """Goes through composed YAML before values are made of it.

    Args:
        loader: that composed it.
        largest: how many values there may be.
    """

    def __init__(self, loader: Any, largest: int) -> None:
        self.loader, self.largest = loader, largest
        self.sizes: dict[int, int] = {}

    def refuse(self, node: Any, problem: str) -> None:
        from yaml.constructor import ConstructorError

        raise ConstructorError(None, None, problem, node.start_mark)

    def size(self, node: Any) -> int:
        """How many values a node is, those behind aliases counted each time; what can't be taken is refused."""
        if id(node) not in self.sizes:
            self.sizes[id(node)] = 0  # as long as its parts are counted
            children = self.children(node)
            self.sizes[id(node)] = 1 + sum(self.size(child) for child in children)
        elif self.sizes[id(node)] == 0:
            self.refuse(node, "it contains itself by an alias")
        if self.sizes[id(node)] > self.largest:
            self.refuse(node, f"with what its aliases repeat it has more than {self.largest} values")
        return self.sizes[id(node)]

    def children(self, node: Any) -> list[Any]:
        """The nodes right below one that is plain."""
        kind = node.tag.removeprefix(CORE)
        if node.id == "scalar":
            self.check_scalar(node, kind)
            return []
        if kind != {"mapping": "map", "sequence": "seq"}[node.id]:
            self.refuse(node, f"the tag {shown(node.tag)} is not taken; write plain values")
        if node.id == "sequence":
            return list(node.value)
        self.check_keys(node)
        return [part for pair in node.value for part in pair]

    def check_scalar(self, node: Any, kind: str) -> None:
        if kind == "str":
            return
        # The sign of a merge is a key, and no value.
        if kind not in PLAIN or (kind == "merge" and node.value != "<<"):
            self.refuse(node, f"the tag {shown(node.tag)} is not taken; write plain values")
        if len(node.value) > LONGEST_NUMBER:
            self.refuse(node, f"a number of {len(node.value)} letters is too long")
        pattern = PLAIN[kind][0] if kind != "float" else f"{PLAIN[kind][0]}|[-+]?[0-9]+"
        if re.fullmatch(pattern, node.value) is None:
            self.refuse(node, f"{shown(node.value)} is not what its tag !!{kind} says")

    def check_keys(self, node: Any) -> None:
        seen = set()
        for key, _ in node.value:
            if key.id != "scalar":
                self.refuse(key, "a key must be a word")
            if key.value in seen:
                self.refuse(key, f"key {shown(key.value)} stands twice")
            seen.add(key.value)

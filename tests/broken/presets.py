"""Broken and odd settings as YAML: every field with wrong types and values, and what YAML itself allows."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, NamedTuple, get_type_hints

from cxstyle import LossTerm, Optimizer, Pyramid, StyleConfig
from cxstyle.settings import Laplacian

TERM = "terms: [{loss: contextual, compare: target, layers: [conv2_2]}]\n"
KINDS = {"": StyleConfig, "terms": LossTerm, "parametrization": Laplacian, "optimizer": Optimizer, "pyramid": Pyramid}
RIGHT = {
    "": {"terms": TERM.strip().removeprefix("terms: ")},
    "terms": {"loss": "contextual", "compare": "target", "layers": "[conv2_2]"},
    "parametrization": {"luminance": "[1, 1]", "chroma": "[0, 0]"},
    "optimizer": {},
    "pyramid": {},
}
"""What each must have."""
TYPES = {
    "Mapping": ("word", "[1]", "true", "1.5"),
    "tuple[": ("5", "word", "true", "{a: 1}", "[{}]", "[[1]]"),
    "float": ("'0.5'", "true", "{a: 1}", ".nan", ".inf", "1e999", "1:30.5", "half"),
    "bool": ("1", "'yes'", "[true]", "2.0", "y"),
    "str": ("1.5", "true", "[a]", "{a: b}"),
    "int": ("'12'", "1.5", "true", "[64]", "{px: 64}", ".nan", ".inf", "1e3", "0400", "6:24", "64px", "2024-01-01"),
    "": ("5", "word", "true", "[1]"),
}
"""Wrong for fields whose types say so; the last, for those of mappings."""
WRONG = {
    "device": ("gpu", "cuda:300", "cuda:99999999999999", "cuda:07"),
    "memory": ("4 gigs", "0GB", "-4GB", "4PB", "9" * 400 + "GB", "'auto '", "12"),
    "terms": ("[]",),
    "seed": (10**90, "1 000", "١٢"),
    "iterations": ("0x" + "f" * 80,),
    "weight": ("[]", "[1, -1]"),
    "layers": ("[]", "[conv9_9]", "[5]", "[[conv2_2]]"),
    "samples": ("1", "{conv3_2: 9}", "{conv2_2: 1}", "{5: 9}", "few", "-9"),
    "compare": ("sources", "''"),
    "luminance": ("[1]", "[0, 0]"),
    "chroma": ("[0, 2, 3]",),
    "betas": ("[0.9]", "[0.9, 0.99, 0.999]", "[.nan, 0.9]"),
}
"""What types, bounds and choices don't tell."""


class Case(NamedTuple):
    """A file of settings, and words that its refusal has."""

    content: bytes
    says: str


def with_field(parent: str, field: str, value: object) -> bytes:
    """Settings that are right but for one field."""
    flow = "{" + ", ".join(f"{key}: {item}" for key, item in (RIGHT[parent] | {field: value}).items()) + "}"
    return {"": flow, "terms": f"terms: [{flow}]"}.get(parent, f"{TERM}{parent}: {flow}").encode()


def fields() -> Iterator[Case]:
    """Every field with wrong types, and values out of the bounds and beside the choices that it tells."""
    for parent, kind in KINDS.items():
        for field in dataclasses.fields(kind):
            about, hint = field.metadata, str(get_type_hints(kind)[field.name])
            wrong: list[Any] = list(next(TYPES[word] for word in TYPES if word in hint))
            if field.name == "weight":  # one, or several
                wrong = list(TYPES["float"])
            bounds = [about[name] - 1 for name in ("min", "above") if name in about]
            bounds += [about["above"]] if "above" in about else []
            bounds += [about["max"] * 2 + 1] if "max" in about else []
            wrong += [f"[{value}, 0.5]" for value in bounds] if hint.startswith("tuple[") else bounds
            wrong += [f"{about['choices'][0]}x"] if "choices" in about else []
            for value in (*wrong, *WRONG.get(field.name, ())):
                yield Case(with_field(parent, field.name, value), field.name)


def bomb(first: str, width: int = 9, depth: int = 9) -> str:
    """Aliases of aliases: width ** depth values in a few lines."""
    lines = [f"a0: &a0 {first}"]
    lines += [f"a{i}: &a{i} [" + ", ".join([f"*a{i - 1}"] * width) + "]" for i in range(1, depth)]
    return "\n".join(lines) + "\n"


ALIAS, TAG, DEEP, TWICE = "anchors and aliases are not taken", "tags are not taken", "nested too deep", "stands twice"
UNKNOWN, NO_SETTINGS, NO_YAML = "is not a known key", "expected settings (key: value lines)", "is not YAML"
TEXTS = {
    TERM + "iteration: 5": "iteration is not a known key; did you mean iterations?",
    TERM + "optimizer: {rl: 1}": "optimizer.rl is not a known key; did you mean optimizer.lr?",
    TERM + "pyramid: {coarse: 96}": "pyramid.coarse is not a known key; did you mean pyramid.coarsest?",
    "terms: [{loss: gram, wieght: 1}]": "terms[0].wieght is not a known key; did you mean terms[0].weight?",
    TERM + "1: 2": UNKNOWN, TERM + "~: 2": UNKNOWN, TERM + '"\\e[2Jx": 2': UNKNOWN, TERM + '"\\ud800": 2': UNKNOWN,
    TERM + "k" * 500 + ": 2": UNKNOWN, TERM + "<<: 5": UNKNOWN,
    "terms: [{loss: gramm}]": "terms[0]: loss: 'gramm' is not known; did you mean", "terms: [{weight: 1}]": "missing required field loss",
    "terms: [{loss: contextual, compare: target}]": "layers: contextual needs at least one layer",
    "terms: [{loss: total_variation, layers: [conv2_2]}]": "total_variation looks at the picture alone",
    "size: 64": "missing required field terms", "": NO_SETTINGS, "# size: 64": NO_SETTINGS, "- 1\n- 2": NO_SETTINGS, "a" * 240_000: NO_SETTINGS,
    "<!DOCTYPE html>\n<html><body>404</body></html>": NO_SETTINGS,
    bomb("[lol, lol]") + TERM: ALIAS, TERM + "a: &a [*a]": "line 2 is not YAML: anchors", TERM + "optimizer: &a {<<: *a}": ALIAS, TERM + "size: *b": ALIAS,
    "terms: " + "[" * 10_000: DEEP, "{a: " * 10_000: DEEP, "- " * 10_000: DEEP,
    TERM + "size: 64\nseed: 1\nsize: 128": "line 4 is not YAML: key 'size' stands twice", TERM + "optimizer: {lr: 0.1, lr: 0.2}": TWICE,
    TERM + 'size: 64\n"si\\x7Ae": 64': TWICE, TERM + "? [a, b]\n: 5": "a key must be a word",
    **{f"{TERM}size: {tag}": TAG for tag in ("!!python/object/apply:os.system [touch canary]", "!!python/name:os.system", "!!set {a, b}", "!own 5", "!!int 64", "! 5")},
    TERM + "seed: 1" + "0" * 5000: "is not plain YAML", TERM + "strength: 1e" + "9" * 300: "strength",
    '{"terms": [{"loss": "gram"': NO_YAML, TERM + "description: 'abc": NO_YAML, TERM + "\tsize: 64": NO_YAML, TERM + "seed: @5": NO_YAML, "[run]\nsize = 64": NO_YAML,
    TERM + 'description: "a\\qb"': "found unknown escape character 'q'", TERM + "---\n" + TERM: "expected a single document",
    TERM + "\0": "special characters are not allowed", TERM + "# \x1b[2J": "special characters are not allowed",
    TERM + "# \n" * 1_000_000: "at most 0.25 are read",
}  # fmt: skip
"""Files of text, and why each is refused."""


def broken() -> list[Case]:
    """All that is refused."""
    texts = [Case(text.encode(errors="surrogatepass"), says) for text, says in TEXTS.items()]
    encoded = (f"{TERM}description: Größe".encode("latin-1"), TERM.encode("utf-16"), b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
    return [*fields(), *texts, *(Case(content, "is not a UTF-8 text file; save it as UTF-8") for content in encoded)]


VALID: dict[str, tuple[str, Any]] = {
    "\ufeff" + TERM + "size: 64": ("size", 64),
    (TERM + "size: 64\n").replace("\n", "\r\n"): ("size", 64),
    '{"terms": [{"loss": "total_variation"}], "size": 64}': ("size", 64),
    "%YAML 1.1\n---\n" + TERM + "size: 64\n...\n": ("size", 64),
    TERM + "? size\n: 64": ("size", 64),
    TERM + "size: 1_024": ("size", 1024),
    TERM + "seed: 0xff": ("seed", 255),
    TERM + f"seed: {2**63 - 1}": ("seed", 2**63 - 1),
    TERM + "strength: 1": ("strength", 1.0),
    TERM + "strength: .5": ("strength", 0.5),
    TERM + "optimizer: {eps: 5e-324}": ("optimizer.eps", 5e-324),
    TERM + "enlarge: yes": ("enlarge", True),
    TERM + "enlarge: Off": ("enlarge", False),
    TERM + "description: 2024-01-01": ("description", "2024-01-01"),
    TERM + "description: 12:30": ("description", "12:30"),
    TERM + "description: >\n  one\n  two\n": ("description", "one two\n"),
    TERM + "description: 🐈": ("description", "🐈"),
    TERM + "description: 'no'": ("description", "no"),
    TERM + "weights: ~": ("weights", None),
    TERM + "optimizer: {}\npyramid: {}": ("optimizer.lr", 0.02),
    TERM.replace("conv2_2", "relu4_2"): ("terms.0.layers", ("relu4_2",)),
    TERM.replace("}]", f", weight: {10**90}}}]"): ("terms.0.weight", 1e90),
    TERM + "memory: 3.5 gib": ("memory", "3.5 gib"),
    TERM + "device: cuda:127": ("device", "cuda:127"),
    "# \n" * 50_000 + TERM + "size: 64": ("size", 64),
}
"""Odd, and right: what a place such as optimizer.lr must hold."""

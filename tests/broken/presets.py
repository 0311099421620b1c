"""Broken and odd settings as YAML: every field with wrong types and values, and what YAML itself allows."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_type_hints

from cxstyle import LossTerm, Optimizer, Pyramid, StyleConfig
from cxstyle.settings import Laplacian

TERM = "terms: [{loss: contextual, compare: target, layers: [conv2_2]}]\n"


@dataclass(frozen=True)
class Case:
    """A file of settings.

    Attributes:
        kind: of what is odd or wrong.
        name: of the case within its kind.
        content: of the file.
        says: words that its refusal has; or, where it is valid, nothing.
        holds: of a valid one: what a place such as optimizer.lr must hold.
    """

    kind: str
    name: str
    content: bytes
    says: tuple[str, ...] = ()
    holds: tuple[tuple[str, Any], ...] = ()


KINDS = {"": StyleConfig, "terms": LossTerm, "parametrization": Laplacian, "optimizer": Optimizer, "pyramid": Pyramid}
TYPES = {
    int: ("'12'", "1.5", "true", "[64]", "{px: 64}", ".nan", ".inf", "1e3", "0400", "6:24", "64px"),
    float: ("'0.5'", "true", "{a: 1}", ".nan", ".inf", "1e999", "1:30.5", "half"),
    str: ("1.5", "true", "[a]", "{a: b}"),
    bool: ("1", "'yes'", "[true]", "2.0", "y"),
    tuple: ("5", "word", "true", "{a: 1}"),
    dict: ("word", "[1]", "true", "1.5"),
}
"""Wrong for fields of each type."""


def type_of(kind: type, name: str) -> type:
    """What a field is, as far as `TYPES` tells; of a union what is stricter about numbers and words."""
    text = str(get_type_hints(kind)[name])
    found = {"Mapping": dict, "tuple[": tuple, "float": float, "Optimizer": dict, "Pyramid": dict, "bool": bool}
    found |= {"str": str, "int": int}
    first = next(word for word in found if word in text) if name != "weight" else "float"
    return found[first]


def with_field(parent: str, field: str, value: object) -> bytes:
    """Settings that are right but for one field."""
    own = {
        "": {"terms": TERM.strip().removeprefix("terms: ")},
        "terms": {"loss": "contextual", "compare": "target", "layers": "[conv2_2]"},
        "parametrization": {"luminance": "[1, 1]", "chroma": "[0, 0]"},
    }.get(parent, {}) | {field: value}
    flow = "{" + ", ".join(f"{key}: {item}" for key, item in own.items()) + "}"
    texts = {"": flow, "terms": f"terms: [{flow}]"}
    return texts.get(parent, f"{TERM}{parent}: {flow}").encode()


def fields() -> Iterator[Case]:
    """Wrong types, values out of the bounds and beside the choices that the fields themselves tell."""
    for parent, kind in KINDS.items():
        for field in dataclasses.fields(kind):
            about, wrong = field.metadata, list(TYPES[type_of(kind, field.name)])
            low = about.get("min", about.get("above"))
            if low is not None:
                wrong += [low - 1] + [low] * ("above" in about)
                wrong += [about["max"] * 2 + 1] if "max" in about else []
            if get_type_hints(kind)[field.name] in (tuple[float, float], tuple[float, ...]):
                wrong = [value if isinstance(value, str) else f"[{value}, 0.5]" for value in wrong]
            if "choices" in about:
                wrong.append(f"{about['choices'][0]}x")
            for value in wrong:
                yield Case("a field", f"{field.name}: {value}", with_field(parent, field.name, value), (field.name,))


def values() -> Iterator[Case]:
    """What bounds and choices don't tell."""
    wrong = {
        "": {
            "device": ("gpu", "cuda:300", "cuda:99999999999999", "cuda:07"),
            "memory": ("4 gigs", "0GB", "-4GB", "4PB", "9" * 400 + "GB", "'auto '", "12"),
            "terms": ("[]",),
            "seed": (10**90,),
            "iterations": ("0x" + "f" * 80,),
        },
        "terms": {
            "weight": ("[]", "[1, -1]"),
            "layers": ("[]", "[conv9_9]", "[5]", "[[conv2_2]]"),
            "samples": ("1", "{conv3_2: 9}", "{conv2_2: 1}", "{5: 9}", "few", "-9"),
            "compare": ("sources", "''"),
        },
        "parametrization": {"luminance": ("[1]", "[0, 0]"), "chroma": ("[0, 2, 3]",)},
        "optimizer": {"betas": ("[0.9]", "[0.9, 0.99, 0.999]", "[.nan, 0.9]")},
    }
    for parent, names in wrong.items():
        for field, several in names.items():
            for value in several:
                yield Case("a value", f"{field}: {str(value)[:40]}", with_field(parent, field, value), (field,))


def unknown_keys() -> Iterator[Case]:
    """Misspelt keys, each with what was meant."""
    meant = {
        "iteration: 5": "iterations", "Size: 64": "size", "colours: free": "colors", "feature: vgg16": "features",
        "strenght: 1": "strength", "optimiser: {}": "optimizer", "weight: a.pth": "weights", "presision: fp32": "precision",
        "optimizer: {LR: 1}": "optimizer.lr", "optimizer: {epsilon: 1}": "optimizer.eps", "pyramid: {ratios: 2}": "pyramid.ratio",
        "terms: [{loss: gram, wieght: 1}]": "terms[0].weight", "terms: [{loss: gram, layer: [conv2_2]}]": "terms[0].layers",
        "1: 2": "1 is not a known key", "true: 2": "True is not a known key", "~: 2": "None is not a known key",
        ".nan: 2": "nan is not a known key", '"": 2': "'' is not a known key", '"a\\nb": 2': "is not a known key",
        '"\\e[2Jx": 2': "is not a known key", "k" * 500 + ": 2": "is not a known key", "k" * 5000 + ": 2": "could not find expected",
        '"\\0": 2': "is not a known key", '"\\ud800": 2': "is not a known key", "<<: 5": "<< is not a known key",
    }  # fmt: skip
    for text, meaning in meant.items():
        before = "" if text.startswith("terms") else TERM
        yield Case("an unknown key", text[:40], f"{before}{text}\n".encode(), (meaning,))


def bomb(first: str, width: int = 9, depth: int = 9) -> str:
    """Aliases of aliases: width ** depth values in a few lines."""
    lines = [f"a0: &a0 {first}"]
    lines += [f"a{i}: &a{i} [" + ", ".join([f"*a{i - 1}"] * width) + "]" for i in range(1, depth)]
    return "\n".join(lines) + "\n"


def tricks() -> Iterator[Case]:
    """What YAML allows and settings don't need."""
    alias, tag, deep = "anchors and aliases are not taken", "tags are not taken", "nested too deep"
    texts = {
        bomb("[lol, lol]") + TERM: alias,
        bomb("{loss: gram}") + "terms: *a8\n": alias,
        TERM + "a: &a [*a]\n": "line 2 is not YAML: anchors",
        "&a\nterms: *a\n": alias,
        TERM + "optimizer: &a {<<: *a}\n": alias,
        TERM + "size: *nothing\n": alias,
        "terms: " + "[" * 10_000: deep,
        "terms: " + "[" * 10_000 + "]" * 10_000: deep,
        "{a: " * 10_000: deep,
        "- " * 10_000: deep,
        TERM + "size: 64\nseed: 1\nsize: 128\n": "line 4 is not YAML: key 'size' stands twice",
        TERM + 'size: 64\n"si\\x7Ae": 64\n': "key 'size' stands twice",
        TERM + "optimizer: {lr: 0.1, lr: 0.2}\n": "key 'lr' stands twice",
        "terms: [{loss: gram, compare: target, layers: [conv2_2], weight: 1, weight: 2}]": "key 'weight' stands twice",
        TERM + "? [a, b]\n: 5\n": "a key must be a word",
        TERM + "? {a: b}\n: 5\n": "a key must be a word",
    }
    for of in ("!!python/object/apply:os.system [touch canary]", "!!python/object/new:os.system [touch canary]",
               "!!python/name:os.system", "!!binary aGVsbG8=", "!!set {conv2_2, conv3_2}", "!!timestamp 2024-01-01",
               "!own 5", "!<tag:example.com,2000:x> 5", "!!int abc", "!!int 64", "!!map [1]", "! 5"):  # fmt: skip
        texts[f"{TERM}size: {of}\n"] = tag
    texts[f"{TERM}size: !h!x 5"] = "found undefined tag handle '!h!'"
    for text, says in texts.items():
        yield Case("a trick", text[-40:], text.encode(), (says,))


def numbers() -> Iterator[Case]:
    """Numbers that readers trip over."""
    texts = {
        "seed: 1" + "0" * 5000: "is not plain YAML",
        "strength: 1e" + "9" * 300: "strength",
        "seed: 1" + "0" * 90: "seed: must be a number at least 0",
        "size: 1e3": "size: Expected int, got float 1000.0",
        "size: 0b111111111": "size: Expected int, got str '0b111111111'",
        "seed: 1 000": "seed: Expected int, got str '1 000'",
        "seed: 2024-01-01": "seed: Expected int, got str '2024-01-01'",
        "seed: 12:30:45": "seed: Expected int, got str '12:30:45'",
        "seed: 010": "seed: Expected int, got str '010'",
        "seed: ١٢": "seed: Expected int, got str",
    }
    for text, says in texts.items():
        yield Case("a number", text[:30], f"{TERM}{text}\n".encode(), (says,))


def contents() -> Iterator[Case]:
    """Files that aren't settings, or no text."""
    whole = TERM.encode() + b"size: 64\n"
    expected, special = "expected settings (key: value lines)", "special characters are not allowed"
    texts = {
        b"": expected,
        b"# size: 64\n# terms: []\n": expected,
        b"---\n": expected,
        b"~\n": expected,
        b"- 1\n- 2\n": expected,
        b"default\n": expected,
        b"size: 64\n": "missing required field terms",
        whole + b"---\n" + whole: "expected a single document in the stream but found another",
        b'{"terms": [{"loss": "gram"': "is not YAML",
        whole + b"description: 'abc\n": "is not YAML",
        whole + b'description: "a\\qb"\n': "found unknown escape character 'q'",
        TERM.encode() + b"\tsize: 64\n": "is not YAML",
        TERM.encode() + b"optimizer:\n   lr: 0.1\n  eps: 1\n": "is not YAML",
        whole + b"seed 5\n": "is not YAML",
        b"%YAML 3.0\n---\n" + whole: "found incompatible YAML document",
        whole + b"seed: @5\n": "is not YAML",
        whole + b"\0": special,
        whole + b"# \x1b[2J\n": special,
        whole + "description: \ufffe\n".encode(): special,
        whole + "description: Größe\n".encode("latin-1"): "is not a UTF-8 text file; save it as UTF-8",
        whole.decode().encode("utf-16"): "is not a UTF-8 text file",
        whole.decode().encode("utf-16-le"): special,
        whole + b"description: \xed\xa0\x80\n": "is not a UTF-8 text file",
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR": "is not a UTF-8 text file",
        b"PK\x03\x04\x14\0\0\0": special,
        b"<!DOCTYPE html>\n<html><body>404</body></html>\n": expected,
        b"[run]\nsize = 64\n": "is not YAML",
        whole + b"#" * 250_000: "can't read",
        whole + b"# \n" * 1_000_000: "at most 0.25 are read",
        b"a" * 240_000: expected,
    }  # fmt: skip
    for content, says in texts.items():
        yield Case("content", str(content[-30:]), content, (says,))


def valid() -> list[Case]:
    """Odd, and right."""
    whole: dict[str, tuple[str, Any]] = {
        "\ufeff" + TERM + "size: 64": ("size", 64),
        (TERM + "size: 64\n").replace("\n", "\r\n"): ("size", 64),
        '{"terms": [{"loss": "total_variation"}], "size": 64}': ("size", 64),
        "%YAML 1.1\n---\n" + TERM + "size: 64\n...\n": ("size", 64),
        TERM + "'size': 64": ("size", 64),
        TERM + "? size\n: 64": ("size", 64),
        TERM + "size: +64": ("size", 64),
        TERM + "size: 1_024": ("size", 1024),
        TERM + "seed: 0xff": ("seed", 255),
        TERM + f"seed: {2**63 - 1}": ("seed", 2**63 - 1),
        TERM + "strength: 1": ("strength", 1.0),
        TERM + "strength: .5": ("strength", 0.5),
        TERM + "strength: 5e-1": ("strength", 0.5),
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
        "terms: [{loss: contextual, compare: target, layers: [relu4_2]}]": ("terms.0.layers", ("relu4_2",)),
        TERM.replace("}]", ", samples: 99999999999999}]"): ("terms.0.samples", 99999999999999),
        TERM.replace("}]", f", weight: {10**90}}}]"): ("terms.0.weight", 1e90),
        TERM + "memory: 3.5 gib": ("memory", "3.5 gib"),
        TERM + "device: cuda:127": ("device", "cuda:127"),
        "# \n" * 50_000 + TERM + "size: 64": ("size", 64),
    }
    return [Case("odd and valid", text[-20:], text.encode(), (), (held,)) for text, held in whole.items()]


def broken() -> list[Case]:
    """All that is refused."""
    return [*fields(), *values(), *unknown_keys(), *tricks(), *numbers(), *contents()]

"""Broken and odd settings as YAML: every field with wrong types and values, and what YAML itself allows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_type_hints

from cxstyle import LossTerm, Optimizer, Pyramid, StyleConfig

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


KINDS = {
    name: kind
    for settings in (StyleConfig, LossTerm, Optimizer, Pyramid)
    for name, kind in get_type_hints(settings).items()
}
INTEGERS = [name for name, kind in KINDS.items() if kind is int]
NUMBERS = ["weight", *(name for name, kind in KINDS.items() if kind is float)]
CHOICES = {
    "features": "vgg17",
    "pooling": "mx",
    "colors": "targets",
    "precision": "fp16",
    "device": "cuda:x",
    "memory": "4 gigs",
    "name": "adamw",
    "schedule": "cosin",
    "parametrization": "pixel",
    "loss": "contextal",
    "compare": "sources",
    "combine": "summ",
}
WORDS = ("description", "init", "weights")
FLAGS = ("enlarge", "deterministic")
LISTS = {
    "terms": "StyleConfig",
    "layers": "LossTerm",
    "betas": "Optimizer",
    "luminance": "Laplacian",
    "chroma": "Laplacian",
}
MAPPINGS = ("optimizer", "pyramid", "samples")
FIELDS = {*INTEGERS, *NUMBERS, *CHOICES, *WORDS, *FLAGS, *LISTS, *MAPPINGS}
"""Every field that there is; a test compares them with the classes."""

PARENTS = {
    "lr": "optimizer", "eps": "optimizer", "betas": "optimizer", "name": "optimizer", "schedule": "optimizer",
    "luminance": "parametrization", "chroma": "parametrization",
    "coarsest": "pyramid", "ratio": "pyramid", "decay": "pyramid",
    "weight": "terms", "bandwidth": "terms", "guidance": "terms", "loss": "terms", "compare": "terms", "combine": "terms",
    "layers": "terms", "samples": "terms",
}  # fmt: skip
NO_INTEGER = (
    "'12'",
    "1.5",
    "256.0",
    "true",
    "~",
    "[64]",
    "{px: 64}",
    ".nan",
    ".inf",
    "1e3",
    "0400",
    "6:24",
    "0o777",
    "64px",
)
NO_NUMBER = ("'0.5'", "true", "~", "[0.5]", "{a: 1}", ".nan", ".inf", "-.inf", "1e999", "1:30.5", "half")
NO_WORD = ("5", "1.5", "true", "[a]", "{a: b}", "''", "' '")
NO_TEXT = ("5", "1.5", "true", "[a]", "{a: b}")
NO_FLAG = ("1", "0", "'yes'", "~", "[true]", "2.0", "y", "enabled")
NO_LIST = ("5", "word", "~", "true", "{a: 1}")
NO_MAPPING = ("5", "word", "[1]", "true", "~")


def with_field(field: str, value: object) -> str:
    """Settings that are right but for one field."""
    parent = PARENTS.get(field)
    if parent is None:
        return (TERM if field != "terms" else "") + f"{field}: {value}\n"
    if parent == "parametrization":
        levels = {"luminance": "[1, 1]", "chroma": "[0, 0]"} | {field: value}
        return f"{TERM}{parent}: {{{', '.join(f'{key}: {item}' for key, item in levels.items())}}}\n"
    if parent != "terms":
        return f"{TERM}{parent}: {{{field}: {value}}}\n"
    term = {"loss": "contextual", "compare": "target", "layers": "[conv2_2]"} | {field: value}
    return "terms: [{" + ", ".join(f"{key}: {item}" for key, item in term.items()) + "}]\n"


def fields() -> list[Case]:
    """Wrong types and wrong values for every field."""
    wrong: list[tuple[str, str, object]] = []
    wrong += [("a type", field, value) for field in INTEGERS for value in NO_INTEGER]
    wrong += [
        ("a type", field, value) for field in NUMBERS for value in NO_NUMBER if (field, value) != ("weight", "[0.5]")
    ]
    wrong += [("a type", field, value) for field in CHOICES for value in NO_WORD if (field, value) != ("compare", "''")]
    wrong += [("a value", field, value) for field, value in CHOICES.items()]
    wrong += [("a type", field, value) for field in WORDS for value in NO_TEXT]
    wrong += [("a type", field, value) for field in FLAGS for value in NO_FLAG if value != "y"]
    wrong += [("a type", field, value) for field in LISTS for value in NO_LIST]
    wrong += [
        ("a type", field, value) for field in MAPPINGS for value in NO_MAPPING if (field, value) != ("samples", "5")
    ]
    wrong += [
        ("a value", "weight", "[]"), ("a value", "weight", "[1, -1]"), ("a value", "luminance", "[1]"),
        ("a value", "chroma", "[0, 2, 3]"), ("a value", "betas", "[0.9]"), ("a value", "betas", "[0.9, 0.99, 0.999]"), ("a value", "betas", "[1, 0.9]"),
        ("a value", "betas", "[-0.1, 0.9]"), ("a value", "betas", "[.nan, 0.9]"), ("a value", "terms", "[]"),
        ("a value", "layers", "[]"), ("a value", "layers", "[conv9_9]"), ("a value", "layers", "[5]"),
        ("a value", "layers", "[[conv2_2]]"), ("a value", "samples", "1"), ("a value", "samples", "{conv3_2: 9}"),
        ("a value", "samples", "{conv2_2: 1}"), ("a value", "samples", "{5: 9}"), ("a value", "samples", "few"),
        ("a value", "samples", "-9"), ("a value", "device", "cuda:300"), ("a value", "device", "cuda:99999999999999"),
        ("a value", "device", "cuda:07"), ("a value", "memory", "0GB"), ("a value", "memory", "-4GB"),
        ("a value", "memory", "4PB"), ("a value", "memory", "9" * 400 + "GB"), ("a value", "memory", "'auto '"),
        ("a value", "weight", 10**90), ("a value", "seed", 10**90), ("a value", "iterations", "0x" + "f" * 80),
    ]  # fmt: skip
    wrong = [case for case in wrong if case not in FITTING]
    return [
        Case(kind, f"{field}: {str(value)[:40]}", with_field(field, value).encode(), (field,))
        for kind, field, value in wrong
    ]


FITTING = [("a type", "memory", "auto"), ("a value", "weight", 10**90), ("a type", "weights", "~")]


def unknown_keys() -> list[Case]:
    """Misspelt keys, each with what was meant."""
    meant = {
        "iteration: 5": "iterations", "Size: 64": "size", "sise: 64": "size", "colours: free": "colors", "colour: free": "colors",
        "feature: vgg16": "features", "pool: max": "pooling", "seeds: 1": "seed", "initial: noise": "init",
        "devise: cpu": "device", "term: []": "terms", "strenght: 1": "strength", "optimiser: {}": "optimizer",
        "piramid: {}": "pyramid", "weight: a.pth": "weights", "enlarged: true": "enlarge", "mem: 4GB": "memory",
        "desc: a": "description", "presision: fp32": "precision", "size_: 5": "size", "size-px: 5": "size",
        "optimizer: {learning_rate: 1}": "optimizer.", "optimizer: {LR: 1}": "optimizer.lr", "optimizer: {beta: [0, 0]}": "optimizer.betas",
        "optimizer: {epsilon: 1}": "optimizer.eps", "pyramid: {coarse: 9}": "pyramid.coarsest", "pyramid: {ratios: 2}": "pyramid.ratio",
        "pyramid: {levels: 4}": "pyramid.", "1: 2": "1 is not a known key", "true: 2": "True is not a known key",
        "~: 2": "None is not a known key", ".nan: 2": "nan is not a known key", '"": 2': "'' is not a known key",
        '"a\\nb": 2': "is not a known key", '"\\e[2Jx": 2': "is not a known key", "k" * 500 + ": 2": "is not a known key", "k" * 5000 + ": 2": "could not find expected",
        '"\\0": 2': "is not a known key", '"\\ud800": 2': "is not a known key", "größe: 2": "größe is not a known key",
    }  # fmt: skip
    cases = [
        Case("an unknown key", text[:40], f"{TERM}{text}\n".encode(), (meaning,)) for text, meaning in meant.items()
    ]
    for text, meaning in {"wieght: 1": "weight", "layer: [conv2_2]": "layers", "band_width: 1": "bandwidth"}.items():
        cases.append(
            Case("an unknown key", text, f"terms: [{{loss: contextual, {text}}}]".encode(), (f"terms[0].{meaning}",))
        )
    return cases


def twice() -> list[Case]:
    """Keys that stand twice, of which YAML's readers take the last."""
    texts = {
        TERM + "size: 64\nseed: 1\nsize: 128\n": "line 4 is not YAML: key 'size' stands twice",
        TERM + TERM: "line 2 is not YAML: key 'terms' stands twice",
        TERM + "'size': 64\nsize: 64\n": "key 'size' stands twice",
        TERM + 'size: 64\n"si\\x7Ae": 64\n': "key 'size' stands twice",
        TERM + "? size\n: 64\nsize: 64\n": "key 'size' stands twice",
        TERM + "optimizer: {lr: 0.1, lr: 0.2}\n": "key 'lr' stands twice",
        "terms: [{loss: gram, compare: target, layers: [conv2_2], weight: 1, weight: 2}]": "key 'weight' stands twice",
        TERM + "a: &a {size: 1}\nb: &b {size: 2}\n<<: *a\n<<: *b\n": "key '<<' stands twice",
        TERM + "pyramid:\n  ratio: 2\n  decay: 1\n  ratio: 3\n": "line 5 is not YAML: key 'ratio' stands twice",
    }
    return [Case("a key twice", says, text.encode(), (says,)) for text, says in texts.items()]


def bomb(open_: str, close: str, first: str, width: int = 9, depth: int = 9) -> str:
    """Aliases of aliases: width ** depth values in a few lines."""
    lines = [f"a0: &a0 {first}"]
    lines += [f"a{i}: &a{i} {open_}" + ", ".join([f"*a{i - 1}"] * width) + close for i in range(1, depth)]
    return "\n".join(lines) + "\n"


def tricks() -> list[Case]:
    """What YAML allows and settings don't need."""
    merges = "m0: &m0 {x: 1}\n" + "".join(
        f"m{i}: &m{i} {{<<: [{', '.join([f'*m{i - 1}'] * 9)}]}}\n" for i in range(1, 9)
    )
    texts: dict[str, tuple[str, str, str]] = {
        "billion laughs in lists": ("a bomb", bomb("[", "]", "[lol, lol]") + TERM, "its aliases repeat"),
        "billion laughs in terms": ("a bomb", bomb("[", "]", "{loss: gram}") + "terms: *a8\n", "its aliases repeat"),
        "billion laughs, 5 wide 13 deep": ("a bomb", bomb("[", "]", "[1]", 5, 13) + f"size: *a12\n{TERM}", "its aliases repeat"),
        "merges of merges": ("a bomb", merges + TERM, "its aliases repeat"),
        "one word in many places": ("a bomb", f"description: &d {'x' * 1000}\nterms: [{'*d, ' * 9}]\n{TERM}", "'terms' stands twice"),
        "a list of itself": ("a loop", TERM + "a: &a [*a]\n", "line 2 is not YAML: it contains itself by an alias"),
        "terms of themselves": ("a loop", "terms: &a [*a]\n", "contains itself"),
        "a mapping of itself": ("a loop", "&a\nterms: *a\n", "contains itself"),
        "a merge with itself": ("a loop", TERM + "optimizer: &a {<<: *a}\n", "contains itself"),
        "a term of itself": ("a loop", "terms: [&t {loss: gram, layers: [*t]}]\n", "contains itself"),
        "an alias of nothing": ("a loop", TERM + "size: *nothing\n", "found undefined alias 'nothing'"),
        "10,000 brackets": ("depth", "terms: " + "[" * 10_000, "nested more than 30 levels deep"),
        "10,000 closed brackets": ("depth", "terms: " + "[" * 10_000 + "]" * 10_000, "nested more than 30"),
        "10,000 braces": ("depth", "{a: " * 10_000, "nested more than 30 levels deep"),
        "2,000 indents": ("depth", "\n".join(" " * i + "a:" for i in range(600)), "nested more than 30"),
        "10,000 dashes": ("depth", "- " * 10_000, "nested more than 30"),
        "31 levels": ("depth", "[" * 31 + "]" * 31, "nested more than 30"),
        "30 levels": ("depth", "[" * 30 + "]" * 30, "expected settings"),
    }  # fmt: skip
    tags = {
        "!!python/object/apply:os.system [touch canary]": "python/object/apply:os.system' is not taken",
        "!!python/object/new:os.system [touch canary]": "is not taken",
        "!!python/name:os.system": "is not taken",
        "!!python/module:os": "is not taken",
        "!!python/tuple [1, 2]": "is not taken",
        "!!binary aGVsbG8=": "is not taken",
        "!!set {conv2_2, conv3_2}": "is not taken",
        "!!omap [a: 1]": "is not taken",
        "!!pairs [a: 1]": "is not taken",
        "!!timestamp 2024-01-01": "is not taken",
        "!own 5": "is not taken",
        "!<tag:example.com,2000:x> 5": "is not taken",
        "!!int abc": "'abc' is not what its tag !!int says",
        "!!int ''": "is not what its tag !!int says",
        "!!float abc": "is not what its tag !!float says",
        "!!bool maybe": "is not what its tag !!bool says",
        "!!null 5": "is not what its tag !!null says",
        "!!seq {a: 1}": "is not taken",
        "!!map [1]": "is not taken",
        "!!str [1]": "is not taken",
        "!!int [1]": "is not taken",
        "!!map 5": "is not taken",
        "!!merge x": "is not taken",
        "!h!x 5": "found undefined tag handle '!h!'",
        "! 5": "size: must be a number at least 32",
    }
    cases = [Case(kind, name, text.encode(), (says,)) for name, (kind, text, says) in texts.items()]
    cases += [Case("a tag", tag, f"{TERM}size: {tag}\n".encode(), (says,)) for tag, says in tags.items()]
    return cases


def numbers() -> list[Case]:
    """Numbers that readers trip over."""
    texts = {
        "seed: 1" + "0" * 5000: "a number of 5001 letters is too long",
        "seed: 0x1" + "f" * 50_000: "is too long",
        "seed: -" + "9" * 4301: "is too long",
        "seed: 1" + "_" * 200: "is too long",
        "strength: 0." + "1" * 200: "is too long",
        "strength: 1e" + "9" * 300: "is too long",
        "seed: 1" + "0" * 90: "seed: must be a number at least 0",
        "size: 1e3": "size: Expected int, got float 1000.0",
        "size: 0b111111111": "size: Expected int, got str '0b111111111'",
        "seed: 1 000": "seed: Expected int, got str '1 000'",
        "seed: '7'": "seed: Expected int, got str '7'",
        "seed: 2024-01-01": "seed: Expected int, got str '2024-01-01'",
        "seed: 12:30:45": "seed: Expected int, got str '12:30:45'",
        "seed: 010": "seed: Expected int, got str '010'",
        "seed: ١٢": "seed: Expected int, got str",
    }
    return [Case("a number", text[:30], f"{TERM}{text}\n".encode(), (says,)) for text, says in texts.items()]


def contents() -> list[Case]:
    """Files that aren't settings, or no text."""
    whole = TERM.encode() + b"size: 64\n"
    expected = "expected settings (key: value lines)"
    bytes_ = {
        "empty": (b"", expected),
        "one line break": (b"\n", expected),
        "only comments": (b"# size: 64\n# terms: []\n", expected),
        "only a document mark": (b"---\n", expected),
        "only blanks": (b"   \n \n", expected),
        "null": (b"~\n", expected),
        "a list": (b"- 1\n- 2\n", expected),
        "a word": (b"default\n", expected),
        "a number": (b"5\n", expected),
        "true": (b"true\n", expected),
        "terms as a list at the top": (b"- {loss: gram, compare: target, layers: [conv2_2]}\n", expected),
        "no terms": (b"size: 64\n", "missing required field terms"),
        "an empty mapping": (b"{}\n", "missing required field terms"),
        "two documents": (whole + b"---\n" + whole, "expected a single document in the stream but found another"),
        "three empty documents": (b"---\n---\n---\n", "found another document"),
        "JSON cut short": (b'{"terms": [{"loss": "gram"', "is not YAML"),
        "an open quote": (whole + b"description: 'abc\n", "is not YAML"),
        "an open double quote": (whole + b'description: "abc\n', "is not YAML"),
        "a wrong escape": (whole + b'description: "a\\qb"\n', "found unknown escape character 'q'"),
        "a tab before a key": (TERM.encode() + b"\tsize: 64\n", "is not YAML"),
        "a tab as indentation": (TERM.encode() + b"optimizer:\n\tlr: 0.1\n", "is not YAML"),
        "indentation that changes": (TERM.encode() + b"optimizer:\n   lr: 0.1\n  eps: 1\n", "is not YAML"),
        "a tab after a value": (TERM.encode() + b"size: 64\t# large\n", "found character"),
        "a key without a value sign": (whole + b"seed 5\n", "is not YAML"),
        "a key as a list": (whole + b"? [a, b]\n: 5\n", "a key must be a word"),
        "a key as a mapping": (whole + b"? {a: b}\n: 5\n", "a key must be a word"),
        "a key in braces": (whole + b"{a: 1}: 5\n", "is not YAML"),
        "a directive of another version": (b"%YAML 3.0\n---\n" + whole, "found incompatible YAML document"),
        "two directives": (b"%YAML 1.1\n%YAML 1.1\n---\n" + whole, "is not YAML"),
        "a reserved sign": (whole + b"seed: @5\n", "is not YAML"),
        "a backtick": (whole + b"seed: `5`\n", "is not YAML"),
        "a percent": (whole + b"%seed: 5\n", "is not YAML"),
        "NUL": (whole + b"\0", "line 3 is not YAML: it holds the control character '\\x00'"),
        "NUL first": (b"\0" + whole, "line 1 is not YAML: it holds the control character"),
        "escape codes": (whole + b"# \x1b[2J\n", "control character '\\x1b'"),
        "a bell": (whole + b"description: \x07\n", "control character"),
        "delete": (whole + b"description: \x7f\n", "control character"),
        "a noncharacter": (whole + "description: \ufffe\n".encode(), "is not YAML"),
        "Latin-1": (whole + "description: Größe\n".encode("latin-1"), "is not a UTF-8 text file; save it as UTF-8"),
        "UTF-16 with its mark": (whole.decode().encode("utf-16"), "is not a UTF-8 text file"),
        "UTF-16 without its mark": (whole.decode().encode("utf-16-le"), "control character '\\x00'"),
        "UTF-32": (whole.decode().encode("utf-32"), "is not a UTF-8 text file"),
        "a cut character": (whole + b"description: \xe2\x82", "is not a UTF-8 text file"),
        "surrogates as UTF-8": (whole + b"description: \xed\xa0\x80\n", "is not a UTF-8 text file"),
        "overlong NUL": (whole + b"description: \xc0\x80\n", "is not a UTF-8 text file"),
        "a picture": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "is not a UTF-8 text file"),
        "a ZIP file": (b"PK\x03\x04\x14\0\0\0", "control character"),
        "a program": (b"\x7fELF\x02\x01\x01\0", "control character"),
        "HTML": (b"<!DOCTYPE html>\n<html><body>404</body></html>\n", expected),
        "TOML": (b"[run]\nsize = 64\n", "is not YAML"),
        "Python": (b"import os\nos.system('touch canary')\n", expected),
        "too large": (whole + b"#" * 250_000, "can't read"),
        "much too large": (whole + b"# \n" * 1_000_000, "at most 0.25 are read"),
        "240 kB of a list": (b"terms: [" + b"1," * 2_000, "is not YAML"),
        "240 kB of a word": (b"a" * 240_000, expected),
        "a merge of a word": (TERM.encode() + b"optimizer: {<<: 5}\n", "expected a mapping or list of mappings"),
        "a merge of words": (TERM.encode() + b"optimizer: {<<: [a, b]}\n", "expected a mapping"),
        "a merge of nothing": (TERM.encode() + b"optimizer: {<<: }\n", "expected a mapping"),
    }  # fmt: skip
    return [Case("content", name, content, (says,)) for name, (content, says) in bytes_.items()]


def valid() -> list[Case]:
    """Odd, and right."""
    whole: dict[str, tuple[str, str, Any]] = {
        "a byte order mark": ("\ufeff" + TERM + "size: 64", "size", 64),
        "line breaks of Windows": ((TERM + "size: 64\n").replace("\n", "\r\n"), "size", 64),
        "line breaks of old Macs": ((TERM + "size: 64\n").replace("\n", "\r"), "size", 64),
        "JSON": ('{"terms": [{"loss": "total_variation"}], "size": 64}', "size", 64),
        "a document with its marks": ("%YAML 1.1\n---\n" + TERM + "size: 64\n...\n", "size", 64),
        "quoted keys": (TERM + "'size': 64", "size", 64),
        "a key with a question mark": (TERM + "? size\n: 64", "size", 64),
        "+64": (TERM + "size: +64", "size", 64),
        "-0 as a seed": (TERM + "seed: -0", "seed", 0),
        "underscores": (TERM + "size: 1_024", "size", 1024),
        "hexadecimal": (TERM + "seed: 0xff", "seed", 255),
        "the largest seed": (TERM + f"seed: {2**63 - 1}", "seed", 2**63 - 1),
        "an integer as a number": (TERM + "strength: 1", "strength", 1.0),
        "-0.0": (TERM + "strength: -0.0", "strength", 0.0),
        ".5": (TERM + "strength: .5", "strength", 0.5),
        "5e-1": (TERM + "strength: 5e-1", "strength", 0.5),
        "1.": (TERM + "strength: 1.", "strength", 1.0),
        "a denormal number": (TERM + "optimizer: {eps: 5e-324}", "optimizer.eps", 5e-324),
        "yes": (TERM + "enlarge: yes", "enlarge", True),
        "Off": (TERM + "enlarge: Off", "enlarge", False),
        "a tag that fits": (TERM + "size: !!int 64", "size", 64),
        "a tag of a word": (TERM + "init: !!str noise", "init", "noise"),
        "a tag that makes a word": (TERM + "description: !!str 5", "description", "5"),
        "a date as a word": (TERM + "description: 2024-01-01", "description", "2024-01-01"),
        "a time as a word": (TERM + "description: 12:30", "description", "12:30"),
        "a folded text": (TERM + "description: >\n  one\n  two\n", "description", "one two\n"),
        "a text of two lines": (TERM + "description: |\n  one\n  two\n", "description", "one\ntwo\n"),
        "an escaped NUL": (TERM + 'description: "\\0"', "description", "\0"),
        "emoji": (TERM + "description: 🐈", "description", "🐈"),
        "a Norwegian": (TERM + "description: 'no'", "description", "no"),
        "an alias": (TERM + "size: &s 64\nseed: *s", "seed", 64),
        "terms that share layers": ("terms: [{loss: gram, compare: target, layers: &l [conv2_2]}, {loss: mrf, compare: target, layers: *l}]", "terms.1.layers", ("conv2_2",)),
        "a merge": ("terms: [&t {loss: gram, compare: target, layers: [conv2_2]}, {<<: *t, weight: 3}]", "terms.1.weight", 3.0),
        "a merge that is overridden": ("terms: [&t {loss: gram, compare: target, layers: [conv2_2], weight: 2}, {<<: *t, weight: 3}]", "terms.1.weight", 3.0),
        "a merge of a merge": ("terms: [&t {loss: gram, compare: target, layers: [conv2_2], weight: 2}, &u {<<: *t, weight: 3}, {<<: *u}]", "terms.2.weight", 3.0),
        "weights of nothing": (TERM + "weights: ~", "weights", None),
        "empty parts": (TERM + "optimizer: {}\npyramid: {}", "optimizer.lr", 0.02),
        "all layers": ("terms: [{loss: contextual, compare: target, layers: [relu4_2]}]", "terms.0.layers", ("relu4_2",)),
        "a layer twice": ("terms: [{loss: gram, compare: target, layers: [conv2_2, conv2_2]}]", "terms.0.layers", ("conv2_2", "conv2_2")),
        "samples beyond all": (TERM.replace("}]", ", samples: 99999999999999}]"), "terms.0.samples", 99999999999999),
        "a weight of 10^90": (TERM.replace("}]", f", weight: {10**90}}}]"), "terms.0.weight", 1e90),
        "a hundred terms": ("terms: [" + "{loss: total_variation}, " * 100 + "]", "terms.99.loss", "total_variation"),
        "memory in words": (TERM + "memory: 3.5 gib", "memory", "3.5 gib"),
        "cuda:127": (TERM + "device: cuda:127", "device", "cuda:127"),
        "many comments": ("# \n" * 50_000 + TERM + "size: 64", "size", 64),
    }  # fmt: skip
    return [
        Case("odd and valid", name, text.encode(), (), ((place, value),))
        for name, (text, place, value) in whole.items()
    ]


def broken() -> list[Case]:
    """All that is refused."""
    return [*fields(), *unknown_keys(), *twice(), *tricks(), *numbers(), *contents()]

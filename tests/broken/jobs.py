"""Broken and odd files of jobs, YAML and CSV."""

from __future__ import annotations

from .presets import bomb

JOB = "- {source: a.png, target: b.png}\n"
WRONG_VALUES = {
    "source": ('"a\\0b"', "5", "[a.png]", "true", "{a: b}"),
    "target": ("5", "[5]", "{a: b}", "[[a.png]]"),
    "source_mask": ("5", "[m.png]"),
    "target_mask": ("5", "[5]", '["a\\0b"]'),
    "target_weights": ("5", "[a]", "[1, 2]", "[-1]", "[0]", "[.nan]", "[.inf]"),
    "preset": ("5", "papr", "[fast]", "../fast", "none.yaml"),
    "config": ("5", "none.yaml", "."),
    "name": ("5", "../x", "/", ".", "..", "a/../../b", "x.gif", '"a\\nb"', '"\\0"', "x" * 300, "{sorce}"),
    "size": ("12.5", "'64'", "31", "99999", "true", ".inf"),
    "enlarge": ("1", "'yes'", "5"),
    "iterations": ("0", "1.5", "x"),
    "strength": ("2", "x", ".nan", "true"),
    "content_weight": ("-1", "x", ".inf"),
    "style-weight": ("-1", "[1]", ".nan"),
    "tv_weight": ("-1", "x"),
    "samples": ("1", "some", "1.5", "{conv2_2: 9}"),
    "colors": ("5", "pink"),
    "init": ("5", "[a]"),
    "seed": ("-1", "1.5", "x", "1" + "0" * 40),
    "device": ("5", "gpu", "cuda:300"),
    "precision": ("5", "fp8"),
    "memory": ("5", "lots", "0GB"),
    "features": ("5", "vgg"),
    "weights": ("5", "[a]"),
}


def broken_yaml() -> dict[str, tuple[bytes, str]]:
    """Name -> content, and words of its refusal."""
    found: dict[str, tuple[bytes, str]] = {}
    for key, values in WRONG_VALUES.items():
        for value in values:
            base = {"source": "a.png", "target": "b.png"} | {key: value}
            entry = ", ".join(f"{name}: {item}" for name, item in base.items())
            found[f"{key}: {value[:30]}"] = (f"{JOB}- {{{entry}}}\n".encode(), "")
    texts = {
        "empty": ("", "expected jobs"),
        "a comment": ("# nothing", "expected jobs"),
        "a word": ("jobs", "expected jobs"),
        "an empty list": ("[]", "expected jobs"),
        "an empty list of jobs": ("jobs: []", "expected jobs"),
        "jobs as a word": ("jobs: a", "expected jobs"),
        "jobs as a mapping": ("jobs: {source: a.png, target: b.png}", "expected jobs"),
        "an entry as a word": (JOB + "- a.png", "job 2: expected options such as"),
        "an entry as a list": (JOB + "- [a.png, b.png]", "job 2: expected options such as"),
        "an empty entry": (JOB + "- {}", "job 2: source is missing"),
        "an entry of nothing": (JOB + "- ", "job 2: expected options"),
        "no target": ("- {source: a.png}", "job 1: target is missing"),
        "an empty target": ("- {source: a.png, target: []}", "job 1: target is missing"),
        "an empty source": ("- {source: '', target: b.png}", "job 1: source is missing"),
        "an unknown part": ("job: []", "job is not a known key; did you mean jobs?"),
        "an unknown key": (
            "- {source: a.png, traget: b.png}",
            "job 1: traget is not a known key; did you mean target?",
        ),
        "a number as a key": (JOB + "- {1: 2}", "job 2: 1 is not a known key"),
        "a key in two spellings": ("- {source: a, target: b, tv-weight: 1, tv_weight: 1}", "tv_weight stands twice"),
        "a key twice": ("- {source: a, source: b, target: c}", "key 'source' stands twice"),
        "defaults as a list": ("defaults: [5]\njobs: [{source: a, target: b}]", "defaults: expected options"),
        "a name in the defaults": ("defaults: {name: x}\njobs: [{source: a, target: b}]", "a name belongs to one job"),
        "an unknown default": ("defaults: {sise: 5}\njobs: [{source: a, target: b}]", "did you mean size?"),
        "a preset and a file": ("- {source: a, target: b, preset: fast, config: x.yaml}", "exclude each other"),
        "two jobs of one name": ("- {source: a, target: b, name: x}\n- {source: c, target: b, name: x}", "x"),
        "one mask": ("- {source: a, target: b, source_mask: m.png}", "source-mask: needs the target mask"),
        "too few masks": (
            "- {source: a, target: [b, c], source_mask: m, target_mask: [n]}",
            "target-mask: one for each",
        ),
        "too many weights": ("- {source: a, target: b, target_weights: [1, 2]}", "target-weights: one for each"),
        "billion laughs": (
            bomb("{source: a, target: b}") + "jobs: *a8\n",
            "anchors and aliases are not taken",
        ),
        "itself": ("&a [*a]", "anchors and aliases are not taken"),
        "a tag": ("- !!python/object/apply:os.system [touch canary]", "tags are not taken"),
        "deep": ("[" * 10_000, "nested too deep"),
        "two documents": (JOB + "---\n" + JOB, "found another document"),
        "NUL": (JOB + "\0", "special characters are not allowed"),
        "large": (JOB + "# \n" * 400_000, "at most 1 are read"),
    }
    return found | {name: (text.encode(), says) for name, (text, says) in texts.items()}


def broken_csv() -> dict[str, tuple[bytes, str]]:
    """The same of CSV."""
    head = "source,target,size\n"
    texts: dict[str, tuple[str | bytes, str]] = {
        "empty": ("", "expected a header"),
        "a header alone": (head, "expected a header"),
        "blank lines": (head + "\n,,\n", "expected a header"),
        "an unknown column": ("source,traget\na,b\n", "header: traget is not a known key; did you mean target?"),
        "a column twice": ("source,source,target\na,b,c\n", "header: source stands twice"),
        "a column in two spellings": ("source,target,tv-weight,tv_weight\na,b,1,1\n", "stands twice"),
        "too many cells": (head + "a,b,64,9\n", "job 1: more cells than the header names"),
        "a cell below nothing": ("source,target,\na,b,c\n", "job 1: more cells than the header names"),
        "too few cells": (head + "a,b,64\na\n", "job 2: target is missing"),
        "no source": ("target\nb\n", "job 1: source is missing"),
        "an open quote": (head + 'a,"b,64\n', "is not CSV"),
        "a quote inside": (head + 'a,"b"c,64\n', "is not CSV"),
        "a word as a size": (head + "a,b,large\n", "job 1: size: Expected int, got str 'large'"),
        "half a size": (head + "a,b,64.5\n", "job 1: size: Expected int, got float 64.5"),
        "a huge size": (head + f"a,b,{'9' * 5000}\n", "job 1: size"),
        "a large size": (head + f"a,b,{'9' * 300}\n", "job 1: size"),
        "nan": ("source,target,strength\na,b,nan\n", "job 1: strength: must be a number"),
        "inf": ("source,target,tv-weight\na,b,inf\n", "job 1: tv-weight"),
        "a half yes": ("source,target,enlarge\na,b,maybe\n", "job 1: enlarge"),
        "a word as a weight": ("source,target,target-weights\na,b;c,1;x\n", "job 1: target_weights"),
        "weights of nothing": ("source,target,target-weights\na,b;c,0;0\n", "at least one must be above 0"),
        "no targets": ("source,target\na,;\n", "job 1: target is missing"),
        "Latin-1": ("source,target\nä,b\n".encode("latin-1"), "is not a UTF-8 text file"),
        "UTF-16": ("source,target\na,b\n".encode("utf-16"), "is not a UTF-8 text file"),
        "NUL": (b"source,target\na\0,b\n", "it holds a NUL"),
        "semicolons": ("source;target\na;b\n", "header: source;target is not a known key"),
        "a long cell": (f"source,target\n{'a' * 200_000},b\n", "is not CSV"),
        "a picture": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "is not a UTF-8 text file"),
        "a name outside": ("source,target,name\na,b,../x\n", "job 1"),
        "a header of one word": ("a" * 10_000 + "\nb\n", "is not a known key"),
    }
    return {name: (text if isinstance(text, bytes) else text.encode(), says) for name, (text, says) in texts.items()}

"""Broken and odd settings and files of jobs, through the command line: one clear line, or what they say."""

from __future__ import annotations

import dataclasses
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from broken import presets
from helpers import refused

from cxstyle import LossTerm, Optimizer, Pyramid, StyleConfig
from cxstyle.errors import ConfigError
from cxstyle.settings.config import Laplacian, parse
from cxstyle.settings.yaml import parse_yaml

BROKEN = presets.broken()
KINDS = sorted({case.kind for case in BROKEN})


def test_the_corpus_has_every_field_and_more_than_200_cases() -> None:
    kinds = (StyleConfig, LossTerm, Laplacian, Optimizer, Pyramid)
    assert {field.name for kind in kinds for field in dataclasses.fields(kind)} == presets.FIELDS
    assert len({case.content for case in BROKEN}) > 400


@pytest.mark.parametrize("kind", KINDS)
def test_every_broken_preset_ends_in_one_line_with_file_and_key(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for case in BROKEN:
        if case.kind == kind:
            Path("mine.yaml").write_bytes(case.content)
            refused(2, ("mine.yaml", *case.says), "run", "a.png", "b.png", "--config", "mine.yaml")
    assert os.listdir() == ["mine.yaml"]  # noqa: PTH208 - nothing was written, and no code was run


@pytest.mark.parametrize("case", presets.valid(), ids=lambda case: case.name)
def test_odd_and_valid_presets_are_taken_for_what_they_say(case: presets.Case, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes(case.content)
    found: Any = StyleConfig.load(path)
    for place, value in case.holds:
        for part in place.split("."):
            found = found[int(part)] if part.isdigit() else getattr(found, part)
        assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize("kind", ["a bomb", "a loop"])
def test_presets_that_grow_as_they_are_read_take_no_memory(kind: str) -> None:
    tracemalloc.start()
    for case in BROKEN:
        if case.kind == kind:
            with pytest.raises(ConfigError):
                parse(parse_yaml(case.content.decode(), 250_000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5e6


def fifo(path: Path) -> None:
    os.mkfifo(path)


def loop(path: Path) -> None:
    path.symlink_to(path)


PLACES: dict[str, tuple[Callable[[Path], object] | None, str]] = {
    "none.yaml": (None, "can't read none.yaml: No such file or directory"),
    "folder.yaml": (Path.mkdir, "can't read folder.yaml: Is a directory"),
    "pipe.yaml": (fifo, "can't read pipe.yaml: it is a pipe or a device"),
    "loop.yaml": (loop, "can't read loop.yaml: Too many levels of symbolic links"),
    "gone.yaml": (lambda path: path.symlink_to("nowhere"), "can't read gone.yaml: No such file"),
    "below/a.yaml": (None, "can't read below/a.yaml: No such file"),
    "/dev/zero": (None, "can't read /dev/zero: it is a pipe or a device"),
    "/dev/stdin": (None, "can't read /dev/stdin"),
    "": (None, "a name is needed, and an empty one came"),
    "-": (None, "can't read -: No such file"),
    "x" * 300: (None, "File name too long"),
    "a\nb.yaml": (None, "can't read a b.yaml: No such file"),
    "\x1b[2J.yaml": (None, "can't read \\x1b[2J.yaml: No such file"),
    "\udcff.yaml": (None, "can't read \\udcff.yaml: No such file"),
}


@pytest.mark.parametrize("name", PLACES)
def test_what_is_no_file_of_settings_is_refused_at_once(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, says = PLACES[name]
    monkeypatch.chdir(tmp_path)
    if make:
        make(Path(name))
    refused(2, says, "run", "a.png", "b.png", "--config", name)
    refused(2, says if name.endswith(".yaml") else "", "batch", "--jobs", name, "-o", "out")


NAMES = ("-dash.yaml", "a b.yaml", "größe.yaml", "a\nb.yaml", "🐈.yaml", "x" * 250 + ".yaml", ".hidden", "\udcff.yaml")


@pytest.mark.parametrize("name", NAMES)
def test_files_of_settings_may_have_any_name(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_text(presets.TERM)
    refused(1, "there is no file a.png", "run", "a.png", "b.png", f"--config={name}")


OPTIONS = {
    ("--seed", "9" * 400): "seed: must be a number at least 0",
    ("--seed", "9" * 5000): "--seed",
    ("--size", "-5"): "size: must be a number at least 32",
    ("--iterations", "9" * 30): "iterations: must be a number at least 1",
    ("--samples", "9" * 5000): "neither a number nor all",
    ("--samples", "²"): "neither a number nor all",
    ("--samples", "0"): "samples: must be a number at least 2",
    ("--strength", "nan"): "strength: must be a number",
    ("--style-weight", "inf"): "style-weight: must be a number",
    ("--style-weight", "1e300"): "",
    ("--tv-weight", "-1"): "tv-weight: must be a number",
    ("--device", "cuda:300"): "device: 'cuda:300' is not known",
    ("--memory", "9" * 400 + "GB"): "memory:",
    ("--target-weights", "nan"): "target-weights: must be a number",
    ("--preset", ""): "preset: '' is not known; did you mean ",
    ("--preset", "x" * 5000): "preset: ",
}


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: " ".join(option)[:40])
def test_odd_values_of_options_are_refused_in_one_line(option: tuple[str, str], tmp_path: Path) -> None:
    source = tmp_path / "a.png"
    refused(2 if OPTIONS[option] else 1, OPTIONS[option], "run", source, source, *option)

"""Broken and odd files of settings: one clear line, or what they say."""

from __future__ import annotations

import dataclasses
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from broken import presets

from cxstyle import StyleConfig
from cxstyle.errors import ConfigError

pytestmark = pytest.mark.usefixtures("own_folder")


def test_the_corpus_has_every_field_and_more_than_300_cases() -> None:
    tried = {case.says for case in presets.fields()}
    assert {field.name for kind in presets.KINDS.values() for field in dataclasses.fields(kind)} == tried
    assert len({case.content for case in presets.broken()}) > 300


def test_every_broken_preset_is_refused_in_one_line_with_file_and_key() -> None:
    for content, says in presets.broken():
        Path("mine.yaml").write_bytes(content)
        with pytest.raises(ConfigError) as caught:
            StyleConfig.load("mine.yaml")
        message = str(caught.value)
        assert "mine.yaml" in message
        assert says in message, content[-60:]
        assert "\n" not in message
        assert len(message) < 700
    assert os.listdir() == ["mine.yaml"]  # noqa: PTH208 - no code was run


@pytest.mark.parametrize("text", presets.VALID, ids=lambda text: repr(text[-20:]))
def test_odd_and_valid_presets_are_taken_for_what_they_say(text: str) -> None:
    Path("mine.yaml").write_bytes(text.encode())
    found: Any = StyleConfig.load("mine.yaml")
    place, value = presets.VALID[text]
    for part in place.split("."):
        found = found[int(part)] if part.isdigit() else getattr(found, part)
    assert (found, type(found)) == (value, type(value))


def test_presets_that_would_grow_as_they_are_read_take_no_memory() -> None:
    Path("mine.yaml").write_text(presets.bomb("[lol, lol]") + presets.TERM)
    tracemalloc.start()
    with pytest.raises(ConfigError):
        StyleConfig.load("mine.yaml")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5e6


PLACES: dict[str, tuple[Callable[[Path], object] | None, str]] = {
    "none.yaml": (None, "can't read none.yaml: No such file or directory"),
    "folder.yaml": (Path.mkdir, "can't read folder.yaml: Is a directory"),
    "pipe.yaml": (os.mkfifo, "can't read pipe.yaml: it is a pipe or a device"),
    "loop.yaml": (lambda path: path.symlink_to(path), "can't read loop.yaml: Too many levels of symbolic links"),
    "/dev/zero": (None, "can't read /dev/zero: it is a pipe or a device"),
    "x" * 300: (None, "File name too long"),
    "a\0b.yaml": (None, "No such file"),
}


@pytest.mark.parametrize("name", PLACES)
def test_what_is_no_file_of_settings_is_refused_at_once(name: str) -> None:
    make, says = PLACES[name]
    if make:
        make(Path(name))
    with pytest.raises(ConfigError, match=says):
        StyleConfig.load(name)

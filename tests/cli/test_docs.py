"""The pages that `cxstyle docs` shows and README say what there is."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import click
import pytest
from helpers import done, every_command

import cxstyle
from cxstyle import LossTerm, StyleConfig
from cxstyle.cli.docs import title, topics
from cxstyle.settings import preset_names
from cxstyle.settings.terms import FEATURE_LOSSES, PIXEL_LOSSES

PACKAGE = Path(cxstyle.__file__).parent
README = PACKAGE.parent / "README.md"
PAGES = [README, *topics().values()]


def test_every_command_preset_topic_setting_and_variable_is_documented() -> None:
    readme, text = README.read_text("utf-8"), "".join(page.read_text("utf-8") for page in PAGES)
    for words, command in every_command():
        if not isinstance(command, click.Group) or command.invoke_without_command:
            assert f"cxstyle {words}" in text, words
    for name in preset_names():
        assert f"| `{name}` | {StyleConfig.preset(name).description} |\n" in readme, name
    for topic in topics():
        assert f"](cxstyle/docs/{topic}.md)" in readme, topic
    settings = topics()["presets"].read_text("utf-8")
    fields = (field.name for kind in (StyleConfig, LossTerm) for field in dataclasses.fields(kind))
    assert [name for name in (*fields, *FEATURE_LOSSES, *PIXEL_LOSSES) if f"`{name}`" not in settings] == []
    used = {name for path in PACKAGE.rglob("*.py") for name in re.findall(r"\bCXSTYLE_[A-Z_]+", path.read_text())}
    variables = topics()["commands"].read_text("utf-8")
    assert [name for name in used if f"`{name}`" not in variables] == []


def test_topics_are_listed_and_shown() -> None:
    listed = done("docs").stdout.splitlines()
    assert [line.split()[0] for line in listed] == list(topics())
    for line, (topic, page) in zip(listed, topics().items(), strict=True):
        assert line.endswith(f"  {title(page)}")
        assert done("docs", topic).stdout.startswith(page.read_text("utf-8").rstrip())


def test_the_page_of_commands_has_the_help_of_each() -> None:
    text = done("docs", "commands").stdout
    for words, command in every_command():
        assert f"\nUsage: cxstyle {words} " in text, words
        for option in command.params:
            assert not isinstance(option, click.Option) or all(name in text for name in option.opts), option.name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_a_page_links_to_is_there(page: Path) -> None:
    text = page.read_text("utf-8")
    assert text.startswith("# ")
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (page.parent / link).resolve().is_file(), link
    for anchor in re.findall(r"\]\(#([^)]+)\)", text):
        assert f"\n## {anchor.replace('-', ' ')}\n" in text.lower(), anchor
    topic = re.findall(r"`cxstyle docs ([a-z-]+)`", text)
    assert set(topic) <= set(topics())

"""The Tab key: Click's own completion, told what may be the values of some options."""

from __future__ import annotations

import re
from typing import Any

import click
from click.shell_completion import CompletionItem, get_completion_class

from ..settings import preset_names, preset_path
from .text import example


@click.command(epilog=example("completion bash > ~/.cxstyle.bash"))
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Prints the script that lets a shell complete commands, options, presets and files with the Tab key.

    Write it to a file, and read that in ~/.bashrc or, after compinit, in ~/.zshrc: `. ~/.cxstyle.bash`. Fish needs no
    more than the file, in ~/.config/fish/completions/cxstyle.fish.
    """
    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(context.find_root().command, {}, "cxstyle", "_CXSTYLE_COMPLETE").source(), nl=False)


def offers(*words: str) -> dict[str, Any]:
    """Of an option that takes other values, too: words to offer; where none fits, the shell offers files."""
    return {"shell_complete": lambda _, __, begun: items(dict.fromkeys(words), begun)}


def offer_presets(_: click.Context, __: click.Parameter, begun: str) -> list[CompletionItem]:
    """Presets with what they are for, read without a parser: the Tab key is waiting."""
    texts = {name: preset_path(name).read_text("utf-8") for name in preset_names()}
    purposes = {name: re.search(r"^description: *(.+)$", text, re.MULTILINE) for name, text in texts.items()}
    return items({name: found and found[1].strip("'\" ") for name, found in purposes.items()}, begun)


def items(words: dict[str, str | None], begun: str) -> list[CompletionItem]:
    found = [CompletionItem(word, help=text) for word, text in words.items() if word.startswith(begun)]
    return found or [CompletionItem(begun, type="file")]

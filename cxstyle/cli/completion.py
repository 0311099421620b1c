"""The Tab key: Click's own completion, told what may be the values of some options."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

import click
from click.shell_completion import CompletionItem, get_completion_class

from ..features import CONVOLUTIONS
from ..settings import INITS, preset_names, preset_path

DEVICES = ("auto", "cpu", "cuda", "mps")
LAYERS = tuple(dict.fromkeys(name for names in CONVOLUTIONS.values() for name in names))
WORDS = {
    "device": DEVICES,
    "init": INITS,
    "layers": LAYERS,
    "memory": ("auto",),
    "ray_address": ("auto", "local"),
    "samples": ("all",),
    "workers": ("auto",),
}
"""Values of parameters of these names in all commands; where none fits, the shell offers files."""


@click.command()
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Prints the script that lets a shell complete commands, options, presets and files with the Tab key.

    Write it to a file, and read that in ~/.bashrc or, after compinit, in ~/.zshrc: `. ~/.cxstyle.bash`. Fish needs no
    more than the file, in ~/.config/fish/completions/cxstyle.fish.

    \b
    Try:  cxstyle completion bash > ~/.cxstyle.bash
    """
    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(context.find_root().command, {}, "cxstyle", "_CXSTYLE_COMPLETE").source(), nl=False)


def purpose(name: str) -> str | None:
    """The description of a preset, read without a parser: the Tab key is waiting."""
    found = re.search(r"^description: *(.+)$", preset_path(name).read_text("utf-8"), re.MULTILINE)
    return found[1].strip("'\" ") if found else None


def complete(command: str, param: click.Parameter, _: click.Context, begun: str) -> list[CompletionItem]:
    """What may follow: words that begin so, else what the shell finds."""
    name, kind = param.name or "", "dir" if is_folder(param) else "file"
    if name in ("preset", "presets") or command in ("presets show", "presets path"):
        found = [CompletionItem(preset, help=purpose(preset)) for preset in preset_names() if preset.startswith(begun)]
    else:
        known = ("merge",) if name == "sides" and begun else WORDS.get(name, ())
        known += ("all",) if (command, name) == ("batch", "device") else ()
        found = [CompletionItem(word) for word in known if word.startswith(begun)]
    return found or [CompletionItem(begun, type=kind)]


def is_folder(param: click.Parameter) -> bool:
    """N DIR and DIR, but not FILE|DIR."""
    return (param.metavar or "").split(" ")[-1] == "DIR"


def install(group: click.Group) -> None:
    """Tells the parameters of a group's commands what may be their values, where their types don't know."""
    for command, words in commands(group):
        for param in command.params:
            known = param.name in (*WORDS, "preset", "presets", "name", "sides", "weights") or is_folder(param)
            if known and not isinstance(param.type, click.Choice):
                # Click's types don't say that an instance may have its own.
                param.shell_complete = partial(complete, words, param)  # type: ignore[method-assign]


def commands(group: click.Group, before: str = "") -> Iterator[tuple[click.Command, str]]:
    """Each command with its words."""
    for name, command in group.commands.items():
        yield command, before + name
        if isinstance(command, click.Group):
            yield from commands(command, f"{before}{name} ")

"""The Tab key: what may follow, for each option and argument, and the scripts that ask for it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import click
from click.core import ParameterSource
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
    get_completion_class,
)

from ..features import CONVOLUTIONS
from ..settings import INITS, YAML, preset_names, preset_path

Items = list[CompletionItem]
Completer = Callable[[click.Context, str], Items]

BASH = """\
%(complete_func)s() {
    local IFS=$'\\n' type value plain=() kind=''
    while IFS=',' read -r type value; do
        case $type in
            plain) plain+=("$value") ;;
            file | dir) kind=$type ;;
        esac
    done < <(env COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD="$COMP_CWORD" %(complete_var)s=bash_complete "$1")
    COMPREPLY=("${plain[@]}")
    [[ $kind ]] || return 0
    if [[ ${#plain[@]} == 0 ]]; then
        [[ $kind == dir ]] && compopt -o dirnames || compopt -o default
    else
        # Readline takes files of its own only where there is nothing else; so they are added here.
        local begun=${COMP_WORDS[COMP_CWORD]}
        [[ $begun == '=' ]] && begun=''
        while read -r value; do COMPREPLY+=("$value"); done < <(compgen -A "${kind/dir/directory}" -- "$begun")
        compopt -o filenames
    fi
    return 0
}

complete -o nosort -F %(complete_func)s %(prog_name)s
"""


class Shell(ShellComplete):
    """Understands --option=value."""

    def get_completions(self, args: list[str], incomplete: str) -> Items:
        """As if a space stood in place of the = sign."""
        if args and args[-1] == "=":  # bash parts words there
            return super().get_completions(args[:-1], incomplete)
        name, equals, value = incomplete.partition("=")
        if not (equals and name.startswith("--")):
            return super().get_completions(args, incomplete)
        found = super().get_completions([*args, name], value)
        return [CompletionItem(f"{name}={item.value}", help=item.help) for item in found if item.type == "plain"]


@add_completion_class
class Bash(Shell, BashComplete):
    """Offers files beside words, where Click's script has one or the other."""

    source_template = BASH


@add_completion_class
class Zsh(Shell, ZshComplete):
    """Click's script."""


@add_completion_class
class Fish(Shell, FishComplete):
    """Click's script, but values may hold commas."""

    source_template = FishComplete.source_template.replace('string split ","', 'string split --max 1 ","')


SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
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


def words(*known: str) -> Completer:
    """These words."""
    return lambda _, incomplete: [CompletionItem(word) for word in known if word.startswith(incomplete)]


def files(_: click.Context, incomplete: str) -> Items:
    """Whatever the shell finds."""
    return [CompletionItem(incomplete, type="file")]


def folders(_: click.Context, incomplete: str) -> Items:
    """Folders that the shell finds."""
    return [CompletionItem(incomplete, type="dir")]


def presets(_: click.Context, incomplete: str) -> Items:
    """Names, each with what it is for."""
    return [CompletionItem(name, help=purpose(name)) for name in preset_names() if name.startswith(incomplete)]


def purpose(name: str) -> str | None:
    """The description of a preset, read without a parser: the Tab key is waiting."""
    found = re.search(r"^description: *(.+)$", preset_path(name).read_text("utf-8"), re.MULTILINE)
    return found[1].strip("'\" ") if found else None


def settings(_: click.Context, incomplete: str) -> Items:
    """YAML files, and folders to go into; hidden ones where a dot is typed."""
    start = Path(incomplete).name if incomplete and not incomplete.endswith("/") else ""
    before = incomplete.removesuffix(start)
    try:
        names = sorted(path.name for path in Path(before or ".").expanduser().iterdir() if path.suffix in YAML)
    except (OSError, RuntimeError):  # no such folder, no home
        names = []
    shown = (name for name in names if name.startswith(start) and (start or not name.startswith(".")))
    found = [CompletionItem(before + name) for name in shown]
    return [*found, CompletionItem(incomplete, type="dir")]


def several(complete: Completer) -> Completer:
    """The last of some, parted by commas; none twice."""

    def completed(context: click.Context, incomplete: str) -> Items:
        before, comma, last = incomplete.rpartition(",")
        found = [item for item in complete(context, last) if not comma or item.type == "plain"]
        taken = before.split(",")
        return [
            CompletionItem(before + comma + item.value, item.type, item.help)
            for item in found
            if item.value not in taken
        ]

    return completed


def either(*completers: Completer) -> Completer:
    """All that these offer."""
    return lambda context, incomplete: [item for complete in completers for item in complete(context, incomplete)]


def second_words(context: click.Context, incomplete: str) -> Items:
    """Of commands of two words that begin with this one, where nothing stands after it yet."""
    group = context.parent.command if context.parent else None
    begun = any(context.get_parameter_source(name) is ParameterSource.COMMANDLINE for name in context.params)
    if not isinstance(group, click.Group) or begun:
        return []
    first = f"{context.info_name} "
    return [
        CompletionItem(name.removeprefix(first), help=command.get_short_help_str())
        for name, command in group.commands.items()
        if name.startswith(first + incomplete)
    ]


DEVICES = ("auto", "cpu", "cuda", "mps")
LAYERS = tuple(dict.fromkeys(name for names in CONVOLUTIONS.values() for name in names))
OPTIONS: dict[str, Completer] = {
    "--preset": either(presets, settings),
    "--presets": several(either(presets, settings)),
    "--config": settings,
    "--device": words(*DEVICES),
    "--init": either(words(*INITS), files),
    "--layers": several(words(*LAYERS)),
    "--memory": words("auto"),
    "--ray-address": words("auto", "local"),
    "--samples": words("all"),
    "--weights": files,
    "--workers": words("auto"),
}
"""Options that mean the same in every command."""
PLACES: dict[tuple[str, str], Completer] = {
    ("batch", "sides"): either(second_words, files),
    ("batch", "--device"): words(*DEVICES, "all"),
    ("presets show", "name"): presets,
    ("presets path", "name"): presets,
}
"""(command, option or argument) for those that don't."""


def teach(group: click.Group) -> None:
    """Tells every option and argument of a group's commands what may be its value, where its type doesn't know."""
    for command, name in commands(group):
        for param in command.params:
            complete = completer(name, param)
            if complete is not None:
                # Click's types don't say that an instance may have its own.
                param.shell_complete = complete  # type: ignore[method-assign, assignment]


def commands(group: click.Group, before: str = "") -> Iterator[tuple[click.Command, str]]:
    """Each command with its words."""
    for name, command in group.commands.items():
        yield command, before + name
        if isinstance(command, click.Group):
            yield from commands(command, f"{before}{name} ")


def completer(command: str, param: click.Parameter) -> Completer | None:
    """By name, else by what the value is."""
    for name in (*param.opts, param.name or ""):
        known = PLACES.get((command, name)) or OPTIONS.get(name)
        if known is not None:
            return known
    last = param.type.types[-1] if isinstance(param.type, click.Tuple) else param.type
    if isinstance(last, click.Path):
        # N DIR and DIR, but not FILE|DIR.
        return folders if (param.metavar or "").split(" ")[-1] == "DIR" else files
    return None

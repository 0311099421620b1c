"""The Tab key: what the commands answer to each shell's script."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import click
import pytest
from click.shell_completion import CompletionItem, ShellComplete
from helpers import done

from cxstyle.cli import main
from cxstyle.cli.completion import commands
from cxstyle.settings.presets import preset_names


def offered(*words: str) -> list[CompletionItem]:
    """For the last word."""
    return ShellComplete(main, {}, "cxstyle", "_CXSTYLE_COMPLETE").get_completions([*words[:-1]], words[-1])


def test_commands_and_presets_are_offered_with_what_they_are_for() -> None:
    found = {item.value: item.help for item in offered("")}
    assert found["presets"] == "Lists and shows the ready-made settings."
    assert not any(" " in name for name in found)
    found = {item.value: item.help for item in offered("run", "--preset", "")}
    assert [*found] == preset_names()
    assert found["fast"] == "A first look: 256 px, a third of the iterations, fewer samples"


@pytest.mark.parametrize(
    ("words", "values"),
    [
        ("run --features |", ["auto", "vgg16", "vgg19"]),
        ("weights fetch |", ["vgg16", "vgg19"]),
        ("run --precision |b", ["bf16"]),
        ("batch --device |a", ["auto", "all"]),
        ("run --device |a", ["auto"]),
        ("run --init |t", ["target"]),
        ("match --layers |conv5_", [f"conv5_{i}" for i in (1, 2, 3, 4)]),
        ("presets show |fai", ["faithful"]),
        ("completion |", ["bash", "zsh", "fish"]),
        ("batch |me", ["merge"]),
    ],
)
def test_values_are_offered(words: str, values: list[str]) -> None:
    before, word = words.split("|")
    assert [item.value for item in offered(*before.split(), word)] == values


def test_options_of_files_and_folders_offer_them() -> None:
    for command, words in commands(main):
        for param in command.params:
            metavar = re.search("(FILE|DIR)$", param.metavar or "") if isinstance(param, click.Option) else None
            if metavar:
                first = ["1"] if param.nargs == 2 else []
                kinds = {item.type for item in offered(*words.split(), param.opts[-1], *first, "")}
                assert kinds <= {"file", "dir", "plain"} - ({"plain"} if param.name != "init" else set()), words
    assert [item.type for item in offered("run", "--save-every", "1", "")] == ["dir"]


def test_nothing_that_is_slow_to_load_is_loaded() -> None:
    program = "import sys; from cxstyle.cli import main\ntry: main(prog_name='cxstyle')\n"
    program += "finally: print(*{'torch', 'numpy', 'PIL', 'yaml', 'ray'} & set(sys.modules), sep=',', end='.')"
    variables = {"_CXSTYLE_COMPLETE": "bash_complete", "COMP_WORDS": "cxstyle run --preset pai", "COMP_CWORD": "3"}
    ended = subprocess.run([sys.executable, "-c", program], env=os.environ | variables, capture_output=True, text=True)
    assert ended.stdout.splitlines() == ["plain,painting", "."]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_command_prints_the_script_of_a_shell(shell: str) -> None:
    assert "_cxstyle_completion" in done("completion", shell).stdout

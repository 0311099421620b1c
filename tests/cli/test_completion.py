"""The Tab key: what the commands answer to each shell's script."""

from __future__ import annotations

import pytest
from click.shell_completion import CompletionItem, ShellComplete
from helpers import done, python

from cxstyle.cli import main
from cxstyle.settings import preset_names


def offered(*words: str) -> list[CompletionItem]:
    """For the last word."""
    return ShellComplete(main, {}, "cxstyle", "_CXSTYLE_COMPLETE").get_completions([*words[:-1]], words[-1])


def test_commands_and_presets_are_offered_with_what_they_are_for() -> None:
    found = {item.value: item.help for item in offered("")}
    assert found["presets"] == "Lists and shows the ready-made settings."
    assert not any(" " in name for name in found)
    found = {item.value: item.help for item in offered("run", "--preset", "")}
    assert [*found] == preset_names()
    assert found["fast"] == "A first look: 256 px, half of the iterations"


@pytest.mark.parametrize(
    ("words", "values"),
    [
        ("run --features |", ["auto", "vgg16", "vgg19"]),
        ("weights fetch |", ["vgg16", "vgg19"]),
        ("batch --device |a", ["auto", "all"]),
        ("run --device |a", ["auto"]),
        ("run --init |t", ["target"]),
        ("match --layers |conv5_", [f"conv5_{i}" for i in (1, 2, 3, 4)]),
        ("presets show |fai", ["faithful"]),
        ("completion |", ["bash", "zsh", "fish"]),
        ("batch |me", ["merge"]),
        ("run --init |a.png", "file"),
        ("run |a.png", "file"),
        ("run --weights |", "file"),
        ("run --save-every 1 |", "dir"),
        ("batch -o |", "dir"),
    ],
)
def test_values_are_offered_and_else_files_or_folders(words: str, values: list[str] | str) -> None:
    before, word = words.split("|")
    found = offered(*before.split(), word)
    assert [item.value for item in found] == values or [item.type for item in found] == [values]


def test_nothing_that_is_slow_to_load_is_loaded() -> None:
    program = "import sys; from cxstyle.cli import main\ntry: main(prog_name='cxstyle')\n"
    program += "finally: print(*{'torch', 'numpy', 'PIL', 'yaml', 'ray'} & set(sys.modules), sep=',', end='.')"
    variables = {"_CXSTYLE_COMPLETE": "bash_complete", "COMP_WORDS": "cxstyle run --preset pai", "COMP_CWORD": "3"}
    assert python(program, **variables).stdout.splitlines() == ["plain,painting", "."]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_command_prints_the_script_of_a_shell(shell: str) -> None:
    assert "_cxstyle_completion" in done("completion", shell).stdout

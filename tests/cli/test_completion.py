"""The Tab key: what the commands answer to each shell's script, and bash's own with a terminal before it."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from cxstyle.cli import main
from cxstyle.settings.presets import preset_names


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "here"
    (folder / "photos").mkdir(parents=True)
    for name in ("me.jpg", "mine.yaml", "my own.yml", ".hidden.yaml", "photos/more.yaml"):
        (folder / name).touch()
    monkeypatch.chdir(folder)
    return folder


def zsh(*words: str) -> dict[str, tuple[str, str]]:
    """What is offered for the last word: value -> (type, help)."""
    variables = {"_CXSTYLE_COMPLETE": "zsh_complete", "COMP_CWORD": str(len(words))}
    done = CliRunner().invoke(main, [], env=variables | {"COMP_WORDS": " ".join(["cxstyle", *words])})
    assert done.exit_code == 0, done.output
    lines = done.stdout.split("\n")
    return {lines[i + 1]: (lines[i], lines[i + 2]) for i in range(0, len(lines) - 2, 3)}


def fish(*words: str) -> list[str]:
    """The lines that are offered for the last word."""
    variables = {"_CXSTYLE_COMPLETE": "fish_complete", "COMP_CWORD": words[-1]}
    done = CliRunner().invoke(main, [], env=variables | {"COMP_WORDS": " ".join(["cxstyle", *words])})
    assert done.exit_code == 0, done.output
    return done.stdout.splitlines()


def plain(found: dict[str, tuple[str, str]]) -> list[str]:
    return [value for value, (kind, _) in found.items() if kind == "plain"]


def kinds(found: dict[str, tuple[str, str]]) -> set[str]:
    return {kind for kind, _ in found.values()}


def options_with_values() -> Iterator[tuple[list[str], click.Option]]:
    def walk(group: click.Group, before: list[str]) -> Iterator[tuple[list[str], click.Option]]:
        for name, command in group.commands.items():
            words = [*before, *name.split()]
            for param in command.params:
                if isinstance(param, click.Option) and not param.is_flag:
                    yield words, param
            if isinstance(command, click.Group):
                yield from walk(command, words)

    return walk(main, [])


# what is offered


def test_commands_are_offered_with_what_they_are_for_and_those_of_two_words_after_the_first() -> None:
    found = zsh("")
    assert {"run", "batch", "doctor", "completion", "weights"} <= set(found)
    assert found["presets"] == ("plain", "Lists and shows the ready-made settings.")
    assert not any(" " in name for name in found)


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("batch", ""), ["merge"]),
        (("batch", "me"), ["merge"]),
        (("batch", "photos", ""), []),
        (("batch", "--force", ""), []),
        (("run", ""), []),
    ],
    ids=" ".join,
)
def test_the_second_word_of_a_command_is_offered_beside_files_right_after_the_first(words, offered) -> None:
    found = zsh(*words)
    assert plain(found) == offered
    assert "file" in kinds(found)


def test_merge_takes_a_folder_and_its_own_options() -> None:
    assert kinds(zsh("batch", "merge", "")) == {"dir"}
    assert {"--sheet", "--gallery", "--quiet"} <= set(zsh("batch", "merge", "--"))


def test_presets_are_offered_with_what_they_are_for_beside_yaml_files_and_folders() -> None:
    found = zsh("run", "--preset", "")
    assert plain(found) == [*preset_names(), "mine.yaml", "my own.yml"]
    assert found["fast"][1] == "A first look: 256 px, a third of the iterations, fewer samples"
    assert "dir" in kinds(found)


def test_yaml_files_are_found_where_the_word_points_to() -> None:
    assert plain(zsh("run", "--config", "photos/")) == ["photos/more.yaml"]
    assert plain(zsh("run", "--config", ".h")) == [".hidden.yaml"]
    assert plain(zsh("run", "--config", "nowhere/")) == []


def test_of_several_presets_the_last_is_completed_and_none_is_offered_twice() -> None:
    assert plain(zsh("compare", "--presets", "default,pa")) == ["default,painting", "default,paper"]
    assert plain(zsh("compare", "--presets", "paper,pa")) == ["paper,painting"]


def test_fish_is_told_whole_values_with_commas() -> None:
    lines = fish("compare", "--presets", "default,pai")
    assert [line.partition("\t")[0] for line in lines] == ["plain,default,painting"]
    assert 'string split --max 1 ","' in CliRunner().invoke(main, ["completion", "fish"]).stdout


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("run", "--features", ""), ["auto", "vgg16", "vgg19"]),
        (("weights", "fetch", ""), ["vgg16", "vgg19"]),
        (("run", "--precision", "b"), ["bf16"]),
        (
            (
                "run",
                "--precision=b",
            ),
            ["--precision=bf16"],
        ),
        (("batch", "--device", "a"), ["auto", "all"]),
        (("run", "--device", "a"), ["auto"]),
        (("run", "--init", "t"), ["target"]),
        (("match", "--layers", "conv4_2,conv5_"), [f"conv4_2,conv5_{i}" for i in (1, 2, 3, 4)]),
        (("presets", "show", "fai"), ["faithful"]),
        (("completion", ""), ["bash", "zsh", "fish"]),
    ],
    ids=" ".join,
)
def test_values_are_offered(words, offered) -> None:
    assert plain(zsh(*words)) == offered


def test_every_option_answers_and_those_of_files_and_folders_offer_them() -> None:
    for words, option in options_with_values():
        first = ["1"] if option.nargs == 2 else []
        found = zsh(*words, option.opts[-1], *first, "")
        if re.search("FILE|DIR", option.metavar or ""):
            assert kinds(found) & {"file", "dir"}, (words, option.name)


def test_nothing_that_is_slow_to_load_is_loaded() -> None:
    program = "import sys; from cxstyle.cli import main\ntry: main(prog_name='cxstyle')\n"
    program += "finally: print(*{'torch', 'numpy', 'PIL', 'yaml', 'ray'} & set(sys.modules), sep=',', end='.')"
    variables = {"_CXSTYLE_COMPLETE": "bash_complete", "COMP_WORDS": "cxstyle run --preset pai", "COMP_CWORD": "3"}
    done = subprocess.run([sys.executable, "-c", program], env=os.environ | variables, capture_output=True, text=True)
    assert done.stdout.splitlines() == ["plain,painting", "dir,pai", "."]


def test_a_shell_that_is_not_known_is_refused_with_those_that_are() -> None:
    refused = CliRunner().invoke(main, ["completion", "tcsh"])
    assert refused.exit_code == 2
    assert "'tcsh' is not one of 'bash', 'zsh', 'fish'" in refused.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_command_prints_what_the_variable_of_click_prints(shell: str) -> None:
    printed = CliRunner().invoke(main, ["completion", shell])
    asked = CliRunner().invoke(main, [], env={"_CXSTYLE_COMPLETE": f"{shell}_source"})
    assert printed.stdout == asked.stdout
    assert "_cxstyle_completion" in printed.stdout


# a real bash


class Bash:
    """An interactive bash in a terminal of its own, with the script read."""

    def __init__(self, folder: Path, script: Path, commands: Path) -> None:
        self.terminal, inner = pty.openpty()
        termios.tcsetwinsize(inner, (24, 2000))
        variables = os.environ | {"PATH": f"{commands}:{os.environ['PATH']}", "PS1": "$ ", "TERM": "dumb"}
        self.process = subprocess.Popen(
            ["bash", "--norc", "--noprofile", "-i"],
            stdin=inner,
            stdout=inner,
            stderr=inner,
            env=variables,
            cwd=folder,
            start_new_session=True,
        )
        os.close(inner)
        self.typed(f". {script}; :", "")

    def typed(self, line: str, key: str) -> list[str]:
        """The words of a line, typed and followed by a key, as bash then understands them."""
        # Ctrl-A and Ctrl-E: the line becomes the arguments of a command that prints them.
        around = ("\x01printf '<%s>' ", "\x05 END\n") if key else ("", "; printf '<%s>' END\n")
        os.write(self.terminal, f"{line}{key}{around[0]}{around[1]}".encode())
        shown = ""
        while "<END>" not in shown:
            assert select.select([self.terminal], [], [], 30)[0], shown
            shown += os.read(self.terminal, 65536).decode()
        return re.findall(r"<([^<>%]*)>", shown)[:-1]

    def all(self, line: str) -> list[str]:
        """Everything that bash offers for the end of a line (Alt-* writes it all into the line)."""
        return self.typed(line, "\x1b*")[len(line.split(" ")) - 1 :]


@pytest.fixture(scope="module")
def bash(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bash]:
    base = tmp_path_factory.mktemp("bash")
    script, folder, command = base / "script", base / "here", base / "cxstyle"
    script.write_text(CliRunner().invoke(main, ["completion", "bash"]).stdout)
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m cxstyle "$@"\n')
    command.chmod(0o755)
    (folder / "photos").mkdir(parents=True)
    for name in ("me.jpg", "my own.yaml"):
        (folder / name).touch()
    shell = Bash(folder, script, base)
    yield shell
    shell.process.kill()
    shell.process.wait()
    os.close(shell.terminal)


def test_bash_completes_a_command(bash: Bash) -> None:
    assert bash.typed("cxstyle doct", "\t") == ["cxstyle", "doctor"]


def test_bash_offers_merge_and_files_after_batch(bash: Bash) -> None:
    assert sorted(bash.all("cxstyle batch ")) == ["me.jpg", "merge", "my own.yaml", "photos"]


def test_bash_completes_merge_and_then_its_options(bash: Bash) -> None:
    assert bash.typed("cxstyle batch mer", "\t") == ["cxstyle", "batch", "merge"]
    assert bash.typed("cxstyle batch merge --gal", "\t") == ["cxstyle", "batch", "merge", "--gallery"]


def test_bash_offers_presets_yaml_files_and_folders(bash: Bash) -> None:
    assert sorted(bash.all("cxstyle run --preset ")) == sorted([*preset_names(), "my own.yaml", "photos"])


def test_bash_completes_a_preset_after_a_space_an_equals_sign_or_a_comma(bash: Bash) -> None:
    assert bash.typed("cxstyle run --preset pai", "\t")[-1] == "painting"
    assert bash.typed("cxstyle run --preset=pai", "\t")[-1] == "--preset=painting"
    assert bash.typed("cxstyle compare --presets default,pai", "\t")[-1] == "default,painting"


def test_bash_completes_files_and_quotes_them(bash: Bash) -> None:
    assert bash.typed("cxstyle run me.", "\t")[-1] == "me.jpg"
    assert bash.typed("cxstyle run --config my", "\t")[-1] == "my own.yaml"
    assert bash.typed("cxstyle run --init ph", "\t")[-1] == "photos/"

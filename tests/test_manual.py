"""The manual is made from the commands, and README holds it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import cxstyle
from cxstyle.cli import main
from cxstyle.cli.completion import commands
from cxstyle.cli.manual import BEGIN, END, manual_of, parts, section, updated

PACKAGE = Path(cxstyle.__file__).parent
README = PACKAGE.parent / "README.md"


def test_readme_holds_the_manual_as_it_is_now() -> None:
    same = parts(README.read_text("utf-8"))[1] == manual_of(main)
    assert same, "the commands have changed; run `cxstyle manual --update README.md`"


def test_every_command_has_its_part_with_every_option_and_its_help() -> None:
    text = manual_of(main)
    for command, words in commands(main):
        assert f"<summary><code>cxstyle {words}</code>: " in text
        part = section(command, f"cxstyle {words}", words)
        for param in command.params:
            if isinstance(param, click.Option):
                assert all(f"`{name}`" in part for name in param.opts), (words, param.opts)
                assert param.help is not None
                assert " ".join(param.help.split()).replace("|", "\\|") in part, (words, param.opts)


def test_a_command_is_told_with_synopsis_arguments_values_and_defaults() -> None:
    @click.command()
    @click.argument("file", type=click.Path())
    @click.argument("rest", nargs=-1)
    @click.option("-n", "--number", type=int, default=3, show_default=True, metavar="N", help="How many.")
    @click.option("--kind", type=click.Choice(["a", "b"]), required=True, help="Which.")
    @click.option("--loud", is_flag=True, help="With noise.")
    def tool(**_: object) -> None:
        """Does *it*.

        Twice if
        needed.

        \b
        Try:  tool x
        """

    assert section(tool, "tool", "tool") == (
        "<details><summary><code>tool</code>: Does \\*it\\*.</summary>\n\n"
        "```text\ntool [OPTIONS] FILE [REST]...\n```\n\n"
        "Does \\*it\\*.\n\nTwice if needed.\n\n"
        "```text\nTry:  tool x\n```\n\n"
        "| argument | what it is |\n|---|---|\n| `FILE` | a path |\n| `REST` | words, any number |\n\n"
        "| option | meaning |\n|---|---|\n"
        "| `-n`, `--number` `N` | How many. [default: 3] |\n"
        "| `--kind` `[a\\|b]` | Which. [required] |\n"
        "| `--loud` | With noise. |\n\n</details>\n"
    )


def test_environment_variables_of_the_package_are_told() -> None:
    used = {name for path in PACKAGE.rglob("*.py") for name in re.findall(r"\bCXSTYLE_[A-Z_]+", path.read_text())}
    assert used
    assert all(f"`{name}`" in manual_of(main) for name in used), used


def test_it_is_printed() -> None:
    assert CliRunner().invoke(main, ["manual"]).stdout == manual_of(main)


def test_a_file_is_updated_between_its_lines_and_nowhere_else(tmp_path: Path) -> None:
    file = tmp_path / "x.md"
    file.write_text(f"before\n{BEGIN}old\n{END}after\n")
    assert CliRunner().invoke(main, ["manual", "--update", str(file)]).output == ""
    assert file.read_text() == f"before\n{BEGIN}{manual_of(main)}{END}after\n"
    assert updated(file.read_text(), manual_of(main)) == file.read_text()


@pytest.mark.parametrize("content", [b"no lines", BEGIN.encode(), b"\xff\xfe", None])
def test_a_file_that_has_no_place_for_it_is_left_alone(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "x.md"
    if content is not None:
        file.write_bytes(content)
    result = CliRunner().invoke(main, ["manual", "--update", str(file)])
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert not file.exists() or file.read_bytes() == content


def test_it_needs_no_torch() -> None:
    program = "import sys; from cxstyle.cli import main\ntry: main(['manual'])\nfinally: print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "False"

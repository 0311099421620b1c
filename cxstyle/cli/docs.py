"""`cxstyle docs`: the pages of the package, and the help of all commands."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from ..checks import check_choice
from .completion import offers
from .text import aligned, example

FOLDER = Path(__file__).parent.parent / "docs"


def topics() -> dict[str, Path]:
    return {path.stem: path for path in sorted(FOLDER.glob("*.md"))}


@click.command(epilog=example("docs masks"))
@click.argument("topic", required=False, **offers(*topics()))
@click.pass_context
def docs(context: click.Context, topic: str | None) -> None:
    """Shows a page of the manual; without TOPIC, which there are. `cxstyle docs commands` has every command's help."""
    pages = topics()
    if topic is None:
        click.echo("\n".join(aligned((name, title(path)) for name, path in pages.items())))
        return
    check_choice("topic", topic, list(pages))
    text = pages[topic].read_text("utf-8")
    if topic == "commands":
        text = "\n\n\n".join([text.rstrip(), *helps(context.find_root())]) + "\n"
    click.echo_via_pager(text)


def title(path: Path) -> str:
    return path.read_text("utf-8").partition("\n")[0].removeprefix("# ")


def helps(context: click.Context) -> Iterator[str]:
    yield context.get_help()
    if isinstance(context.command, click.Group):
        for name, command in context.command.commands.items():
            yield from helps(click.Context(command, context, name))

"""`cxstyle grid`: every source in the look of every target."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from . import options as option
from .completion import offer_presets
from .outputs import free_name
from .several import FILES, Several, files_of, is_file, read_settings, shared

GREEDY = "--targets"


class TakesSeveral(click.Command):
    """A command whose option `--targets` takes every word up to the next option: Click's options take one each."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Repeats the option before each of its words."""
        return super().parse_args(ctx, repeated(args))


def repeated(words: list[str]) -> list[str]:
    """a --targets b c -q -> a --targets b --targets c -q."""
    found: list[str] = []
    taking = False
    for i, word in enumerate(words):
        if word == "--":
            return [*found, *words[i:]]
        if word == GREEDY:
            taking = True
            # Without a word after it the option itself goes on, and Click says what it lacks.
            if i + 1 == len(words) or words[i + 1].startswith("-"):
                found.append(word)
        elif word.startswith("-"):
            taking = False
            found.append(word)
        else:
            found += [GREEDY, word] if taking else [word]
    return found


@click.command(cls=TakesSeveral)
@click.argument("sources", nargs=-1, required=True, type=option.PATH)
@click.option(
    GREEDY,
    "--target",
    "-t",
    "targets",
    multiple=True,
    required=True,
    type=option.PATH,
    metavar="TARGETS...",
    help="All words up to the next option; or one at a time, with -t (--target) repeated.",
)
@click.option(
    "--preset", default="default", metavar="NAME", shell_complete=offer_presets, help="A preset, or a YAML file."
)
@option.output("grid.png")
@shared
def grid(
    sources: tuple[Path, ...], targets: tuple[Path, ...], preset: str, output: Path | None, **options: Any
) -> None:
    """Gives every one of SOURCES the look of every target: one sheet, sources down and targets across.

    \b
    Try:  cxstyle grid samples/astronaut.jpg samples/chelsea.png --targets samples/hopper.jpg samples/coffee.png
    """
    files = {name: options.pop(name) for name in FILES}
    config = read_settings(preset).override(**options)
    read = files_of([config], *sources, *targets, preset if is_file(preset) else None)
    several = Several(len(sources) * len(targets), output or free_name("grid"), inputs=read, **files)
    from ..batch.compare import stylize_grid

    several.go(partial(stylize_grid, sources, targets, config))

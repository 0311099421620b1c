"""`cxstyle presets`: what ready-made settings there are."""

from __future__ import annotations

import click

from ..checks import check_choice
from ..settings import StyleConfig, preset_folder, preset_names, preset_path
from .completion import offer_presets
from .text import aligned, example


@click.group(epilog=example("presets list"))
def presets() -> None:
    """Lists and shows the ready-made settings."""


@presets.command("list", epilog=example("presets list"))
def list_presets() -> None:
    """Names every preset, with one line on what it is for."""
    click.echo("\n".join(aligned((name, StyleConfig.preset(name).description) for name in preset_names())))


@presets.command(
    epilog=example("presets show default > mine.yaml && cxstyle run --config mine.yaml source.jpg target.jpg")
)
@click.argument("name", shell_complete=offer_presets)
def show(name: str) -> None:
    """Prints a preset's YAML, to read or to start your own from."""
    check_choice("preset", name, preset_names())
    click.echo(preset_path(name).read_text("utf-8"), nl=False)


@presets.command(epilog=example("presets path default"))
@click.argument("name", required=False, shell_complete=offer_presets)
def path(name: str | None) -> None:
    """Prints where the presets lie, or one of them."""
    if name is not None:
        check_choice("preset", name, preset_names())
    click.echo(preset_folder() if name is None else preset_path(name))

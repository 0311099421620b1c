"""`cxstyle match`: which part of the target each part of the source draws from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ..config import ONE_MAP
from ..files import check_writable, make_folder
from . import options as option
from .names import free_name

PARTS = ("built", "used", "recolored", "sure", "lines", "origins", "key")


@click.command()
@option.source
@option.target
@option.output("SOURCE_TARGET_match.png")
@option.overwrite
@click.option(
    "--layers",
    default="conv4_2",
    show_default=True,
    metavar="NAME,...",
    help="Whose features are matched; several are concatenated on the grid of the first.",
)
@click.option(
    "--size", type=int, default=384, show_default=True, metavar="PX", help="Long edge at which both are compared."
)
@click.option("--pairs", type=int, default=24, show_default=True, metavar="N", help="Lines to draw, at most.")
@click.option(
    "--colors",
    type=click.Choice(ONE_MAP),
    default="target",
    show_default=True,
    help="target: recolour the source to the target's palette first; source: the target to the source's.",
)
@click.option("--parts", type=option.PATH, metavar="DIR", help="Also write each picture of the sheet to DIR.")
@option.together(option.NETWORK)
@option.max_pixels
def match(
    source: Path, target: Path, output: Path | None, overwrite: bool, layers: str, parts: Path | None, **options: Any
) -> None:
    """Shows which part of TARGET each part of SOURCE draws from, by the measure of the Contextual loss.

    \b
    Try:  cxstyle match samples/astronaut.jpg samples/hopper.jpg
    """
    from ..image import to_tensor
    from ..matching import match as matched
    from ..pictures.writing import check_output, save_picture

    output = output or free_name(source.stem, target.stem, "match")
    check_output(output, overwrite=overwrite)
    files = {part: parts / f"{source.stem}_{target.stem}_{part}.png" for part in PARTS} if parts else {}
    if parts:
        make_folder(parts)
    for file in files.values():
        check_writable(file, overwrite=overwrite)
    found = matched(source, target, layers=layers.replace(",", " ").split(), **options)
    found.save(output)
    for part, file in files.items():
        save_picture(to_tensor(getattr(found, part)), file)
    click.echo(
        f"wrote {output} ({found.share:.0%} of the target is drawn from; {found.mutual:.0%} of matches are mutual)"
    )

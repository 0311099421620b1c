"""`cxstyle match`: which part of the target each part of the source draws from."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from .. import analysis, pictures
from ..features import CONVOLUTIONS
from ..files import make_folder
from ..settings import ONE_MAP
from . import options as option
from .completion import offers
from .outputs import OutputFiles, free_name
from .text import example

PARTS = ("built", "used", "recolored", "sure", "lines", "origins", "key")


@click.command(epilog=example("match samples/astronaut.jpg samples/hopper.jpg"))
@option.source
@option.target
@option.output("SOURCE_TARGET_match.png")
@option.overwrite
@click.option(
    "--layers",
    default="conv4_2",
    metavar="NAME,...",
    help="Whose features the lines compare; several are concatenated on the grid of the first.",
    **offers(*dict.fromkeys(name for names in CONVOLUTIONS.values() for name in names)),
)
@click.option("--size", default=384, metavar="PX", help="Long edge at which both are compared.")
@click.option("--pairs", default=24, metavar="N", help="Lines to draw, at most.")
@click.option(
    "--colors",
    type=click.Choice(ONE_MAP),
    default="target",
    help="target: recolour the source to the target's palette first; source: the target to the source's.",
)
@click.option("--parts", type=option.FOLDER, metavar="DIR", help="Also write each picture of the sheet to DIR.")
@option.together(option.NETWORK)
@option.max_pixels
def match(
    source: Path, target: Path, output: Path | None, overwrite: bool, layers: str, parts: Path | None, **options: Any
) -> None:
    """Shows which part of TARGET each part of SOURCE draws from, by the measure of the Contextual loss."""
    output = output or free_name(source.stem, target.stem, "match")
    files = OutputFiles(overwrite, [file for file in (source, target, options["weights"]) if file])
    files.check(output, "sheet", pictures.check_output)
    pieces = {part: parts / f"{source.stem}_{target.stem}_{part}.png" for part in PARTS} if parts else {}
    if parts:
        make_folder(parts)
    for part, file in pieces.items():
        files.check(file, part)
    found = analysis.match(source, target, layers=layers.replace(",", " ").split(), **options)
    place = files.write(output, partial(pictures.save_image, found.sheet))
    for part, file in pieces.items():
        files.write(file, partial(pictures.save_image, getattr(found, part)))
    click.echo(
        f"wrote {place} ({found.share:.0%} of the target is drawn from; {found.mutual:.0%} of matches are mutual)"
    )
    files.finish()

"""`cxstyle score`: what a stylized picture is worth, in numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .. import analysis
from . import options as option
from .options import PATH
from .outputs import json_file
from .text import aligned, example


@click.command(epilog=example("score stylized.png --source samples/astronaut.jpg --target samples/hopper.jpg"))
@click.argument("picture", type=PATH)
@click.option("--source", type=PATH, required=True, help="The picture that it was made from.")
@click.option(
    "--target", "targets", type=PATH, required=True, multiple=True, help="Whose look it should have; may be repeated."
)
@option.source_mask
@option.target_masks
@click.option("--size", default=512, metavar="PX", help="Long edge that pictures are reduced to; compare at one size.")
@option.together(option.NETWORK)
@option.max_pixels
@option.together(option.JSON)
def score(
    picture: Path,
    source: Path,
    targets: tuple[Path, ...],
    source_mask: Path | None,
    target_masks: tuple[Path, ...],
    path: Path | None,
    overwrite: bool,
    **options: Any,
) -> None:
    """Measures PICTURE against those that it was made from: style, content, noise, structure, colours, regions."""
    read = [picture, source, *targets, *target_masks, *filter(None, (source_mask, options["weights"]))]
    write = json_file(path, overwrite, read)
    found = analysis.score(picture, source, list(targets), source_mask, list(target_masks) or None, **options)
    height, width = found.sizes["picture"]
    click.echo(f"{picture} at {width}x{height} px, {found.network} ({found.weights}); structure by the bundled vgg16")
    table = [(what, "-" if value is None else f"{value:.3f}", good) for what, value, good in rows(found)]
    click.echo("\n".join(aligned(table, 1)))
    record = {"picture": str(picture), "source": str(source), "targets": [str(target) for target in targets]}
    write(record | found.to_dict())


def rows(found: analysis.Score) -> list[tuple[str, float | None, str]]:
    """Name, number and what is good, in the order of `cxstyle docs analysis`."""
    lines: list[tuple[str, float | None, str]]
    lines = [(f"style loss {layer}", value, "lower") for layer, value in found.style.items()]
    lines.append(("content loss conv4_2", found.content, "lower"))
    for name, noise in (("noise", found.noise), ("noise of flat areas", found.flat_noise)):
        lines += [(name, noise.picture, "lower"), ("  of the source", noise.source, "")]
        lines += [("  of the target", noise.target, ""), ("  ratio to the larger", noise.ratio, "near 1")]
    lines += [
        ("structure, distance to source", found.structure, "lower"),
        ("palette, distance to target", found.palette, "lower"),
        ("  of the source", found.source_palette, ""),
        ("  ratio", found.palette_ratio, "lower: 1 is the source's, 0 the target's"),
    ]
    if found.purity:
        lines.append(("purity", found.mean_purity, "higher"))
        lines += [(f"  {name}", value, "higher") for name, value in found.purity.items()]
        lines.append(("  of the source", found.source_purity, ""))
    return lines

"""`cxstyle score`: what a stylized picture is worth, in numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..config import FEATURES
from ..files import check_writable, write_whole

if TYPE_CHECKING:
    from ..scoring import Noise, Score

PATH = click.Path(path_type=Path)
Row = tuple[str, float | None, str]


@click.command()
@click.argument("picture", type=PATH)
@click.option("--source", type=PATH, required=True, help="The picture that it was made from.")
@click.option("--target", type=PATH, required=True, help="The picture whose look it should have.")
@click.option("--source-mask", type=PATH, metavar="FILE", help="The source's parts, each in a flat colour.")
@click.option("--target-mask", type=PATH, metavar="FILE", help="The same parts of the target in the same colours.")
@click.option(
    "--size",
    type=int,
    default=512,
    show_default=True,
    metavar="PX",
    help="Long edge that larger pictures are reduced to; compare scores of one size.",
)
@click.option(
    "--features",
    type=click.Choice(FEATURES),
    default="auto",
    show_default=True,
    help="The network; auto: VGG19 where it is, else bundled VGG16.",
)
@click.option("--weights", type=PATH, metavar="FILE", help="A weight file to use instead of those on the machine.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:N or mps.")
@click.option("--json", "path", type=PATH, metavar="FILE.json", help="Also write all numbers for machines.")
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
def score(picture: Path, source: Path, target: Path, path: Path | None, overwrite: bool, **options: Any) -> None:
    """Measures PICTURE against the two that it was made from: style, content, noise, structure, colours, regions.

    \b
    Try:  cxstyle score stylized.png --source samples/astronaut.jpg --target samples/hopper.jpg
    """
    from ..scoring import score as measure

    if path is not None:
        check_writable(path, overwrite=overwrite)
    found = measure(picture, source, target, **options)
    height, width = found.sizes["picture"]
    click.echo(f"{picture} at {width}x{height} px, {found.network}")
    click.echo("\n".join(table(rows(found))))
    if path is not None:
        record = {"picture": str(picture), "source": str(source), "target": str(target), **found.to_dict()}
        write_whole(path, (json.dumps(record, indent=1) + "\n").encode())


def rows(found: Score) -> list[Row]:
    """Name, number and what is good, in the order of README."""
    lines: list[Row] = [(f"style loss {layer}", value, "lower") for layer, value in found.style.items()]
    lines.append(("content loss conv4_2", found.content, "lower"))
    lines += noise_rows("noise", found.noise) + noise_rows("noise of flat areas", found.flat_noise)
    lines.append(("structure, distance to source", found.structure, "lower"))
    lines.append(("palette, distance to target", found.palette, "lower"))
    lines.append(("  of the source", found.source_palette, ""))
    lines.append(("  ratio", found.palette_ratio, "lower: 1 is the source's, 0 the target's"))
    if found.purity:
        lines.append(("purity", found.mean_purity, "higher"))
        lines += [(f"  {name}", value, "higher") for name, value in found.purity.items()]
        lines.append(("  of the source", found.source_purity, ""))
    return lines


def noise_rows(name: str, noise: Noise) -> list[Row]:
    """A measure of noise with what it is compared with."""
    return [
        (name, noise.picture, "lower"),
        ("  of the source", noise.source, ""),
        ("  of the target", noise.target, ""),
        ("  ratio to the larger", noise.ratio, "near 1"),
    ]


def table(lines: list[Row]) -> list[str]:
    """Rows as aligned text."""
    numbers = ["-" if value is None else f"{value:.3f}" for _, value, _ in lines]
    name_width, width = max(len(line[0]) for line in lines), max(map(len, numbers))
    return [
        f"{name.ljust(name_width)}  {number.rjust(width)}  {good}".rstrip()
        for (name, _, good), number in zip(lines, numbers, strict=True)
    ]

"""`cxstyle apply`: a trained network on pictures and videos."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from .. import generators
from ..settings import PRECISIONS
from . import options as option
from .text import example

STEADY = click.option(
    "--steady/--no-steady", default=True, help="Hold a video still where its source is, against flicker."
)


def long_edge(text: str) -> option.Option:
    return click.option("--size", "long_edge", type=click.IntRange(32), metavar="PX", help=text)


@click.command(epilog=example("apply head_portrait.safetensors head.mp4 -o animated.mp4"))
@click.argument("model", type=option.PATH)
@click.argument("inputs", nargs=-1, required=True, type=option.PATH, metavar="INPUT...")
@click.option(
    "-o", "--output", type=option.PATH, required=True, help="A file for one INPUT, else a folder for all of them."
)
@long_edge("Reduce inputs of a longer edge to this one.  [default: the size of the training]")
@click.option(
    "--full-size", is_flag=True, help="Keep INPUT's size: the change that is drawn is enlarged. Not for every network."
)
@STEADY
@option.device
@click.option("--precision", type=click.Choice(PRECISIONS), default="auto", help="Of the network.")
@option.overwrite
@option.quiet
@option.max_pixels
def apply(
    model: Path, inputs: tuple[Path, ...], output: Path, device: str, precision: str, quiet: bool, **how: Any
) -> None:
    """Draws each INPUT (a picture, a video, or a folder or pattern of them) with what MODEL has learnt."""
    draw(generators.Generator.load(model, device, precision), inputs, output, quiet, **how)


def draw(generator: generators.Generator, inputs: Sequence[Path], output: Path, quiet: bool, **how: Any) -> None:
    """Applies a network, with a bar, and says what came of each input."""
    with tqdm(disable=True if quiet else None, unit=" frames", leave=False) as bar:

        def show(path: Path, _frames: int) -> None:
            bar.set_description_str(path.name, refresh=False)
            bar.update()

        for each in generators.apply(generator, inputs, output, callback=show, **how):
            for note in each.notes:
                tqdm.write(f"note: {note}")
            if not quiet:
                (height, width), (before, across) = each.size, each.given
                reduced = f" (reduced from {across}x{before})" if each.size != each.given else ""
                frames = f"{each.frames} frames, " if each.frames > 1 else ""
                speed = f"{each.frames / each.seconds:.1f} frames a second"
                tqdm.write(f"{each.output}: {frames}{width}x{height} px{reduced}, {speed}")

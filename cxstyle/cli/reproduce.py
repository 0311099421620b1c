"""`cxstyle reproduce`: the figures of the paper, of your own pictures and networks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from tqdm import tqdm

from .. import analysis, pictures
from ..files import check_writable, make_folder
from . import options as option
from .compare import TARGETS, compare, grid
from .text import example

if TYPE_CHECKING:
    from PIL import Image

OPTIONS = [
    click.option("-o", "--output", type=option.PATH, default=".", metavar="DIR", help="Folder for the figure."),
    option.overwrite,
    option.quiet,
]
RUNS = [option.SIZE, option.ITERATIONS, option.setting("features"), *OPTIONS]


@click.group(epilog=example("reproduce fig6 samples/astronaut.jpg"))
def reproduce() -> None:
    """Draws the figures of the paper anew: 5 and 6 by computing them, the others of your pictures and networks."""


def figure(number: int, *inputs: Path, output: Path, overwrite: bool, quiet: bool) -> Callable[..., None]:
    """Checks that a figure can be written; what is returned takes it, and says where it is and what it shows."""
    make_folder(output)
    path = output / f"fig{number}.png"
    check_writable(path, overwrite=overwrite, inputs=inputs)

    def finish(image: Image.Image, says: str = "") -> None:
        pictures.save_image(image, path, replace=overwrite)
        if not quiet:
            click.echo(f"wrote {path}{says and f' ({says})'}")

    return finish


@reproduce.command(epilog=example("reproduce fig5"))
@option.together(OPTIONS)
def fig5(**options: Any) -> None:
    """Expectations of L2, DIS and CX for two Gaussians on a line, as they move apart."""
    finish, found = figure(5, **options), analysis.expectations()
    halves = ", ".join(f"{name} at {found.half(name):.1f}" for name in found.similarities())
    finish(analysis.draw_expectations(found), f"half of each is gone, by the mean: {halves}")


@reproduce.command(epilog=example("reproduce fig6 samples/astronaut.jpg"))
@click.argument("picture", type=option.PATH)
@click.option("--size", type=click.IntRange(16), default=65, help="Edge of the part, in pixels.")
@click.option("--iterations", type=click.IntRange(1), default=600, help="Of each descent.")
@option.together(OPTIONS)
def fig6(picture: Path, size: int, iterations: int, quiet: bool, **options: Any) -> None:
    """Noise taken from the middle of PICTURE by targets that aren't aligned: by L1, and by the Contextual loss."""
    layout, hidden = "{l_bar}{bar}| {remaining}", True if quiet else None
    finish = figure(6, picture, quiet=quiet, **options)
    with tqdm(total=1.0, disable=hidden, bar_format=layout, leave=False) as bar:
        found = analysis.denoise(
            picture, size=size, iterations=iterations, callback=lambda done: bar.update(done - bar.n)
        )
    said = (
        f"{analysis.METHODS[k]}: {found.psnr(x):.1f} dB, {found.sharpness(x):.0%} sharp"
        for k, x in found.results.items()
    )
    finish(analysis.draw_denoised(found), "; ".join(said))


@reproduce.command(epilog=example("reproduce fig7 samples/astronaut.jpg samples/hopper.jpg --features vgg16"))
@option.source
@option.target
@option.together(RUNS)
@click.pass_context
def fig7(context: click.Context, /, output: Path, **options: Any) -> None:
    """Two pictures by `paper`, and by the methods that the paper compares with: `cxstyle compare`."""
    make_folder(output)
    context.invoke(compare, output=output / "fig7.png", presets="paper,gatys,cnnmrf", **options)


@reproduce.command(
    epilog=example("reproduce fig8 samples/astronaut.jpg -t samples/hopper.jpg -t samples/coffee.png --features vgg16")
)
@click.argument("sources", nargs=-1, required=True, type=option.PATH)
@TARGETS
@option.together(RUNS)
@click.pass_context
def fig8(context: click.Context, /, output: Path, **options: Any) -> None:
    """Every one of SOURCES in the look of every target, by `paper`: `cxstyle grid`."""
    make_folder(output)
    context.invoke(grid, output=output / "fig8.png", preset="paper", **options)


def strip_command(number: int, every: int, what: str, words: str) -> None:
    """One of Figures 9 to 11: all are frames, and what networks have drawn of them; `words` are those to try."""

    @click.argument("frames", type=option.PATH)
    @click.argument("models", nargs=-1, required=True, type=option.PATH, metavar="MODEL...")
    @click.option("--every", type=click.IntRange(1), default=every, help="Frames to the next column.")
    @option.together(OPTIONS)
    def command(frames: Path, models: tuple[Path, ...], every: int, **options: Any) -> None:
        finish = figure(number, frames, *models, **options)
        finish(analysis.strips(frames, models, every=every))

    text, name = f"{what}: FRAMES, and a row for what each MODEL draws of them.", f"fig{number}"
    reproduce.command(name, help=text, epilog=example(f"reproduce {name} {words}"))(command)


strip_command(9, 20, "Animations", "head.mp4 head_portrait.safetensors head_portrait_gram.safetensors")
strip_command(10, 10, "Puppets", "me.mp4 puppet.safetensors puppet_l1.safetensors")
strip_command(11, 1, "Domains", "unseen/ men_women.safetensors")

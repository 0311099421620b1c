"""`cxstyle weights`: which networks are on this machine, and how more get there."""

from __future__ import annotations

from pathlib import Path

import click

from .. import features
from ..checks import in_words
from ..features import BLOCKS, NORMALIZATIONS
from .options import PATH
from .text import example


@click.group(invoke_without_command=True, epilog=example("weights"))
@click.pass_context
def weights(context: click.Context) -> None:
    """Lists the networks: which are ready, where they come from, how large they are."""
    if context.invoked_subcommand is not None:
        return
    for entry in features.listed():
        if entry.path is None:
            click.echo(f"{entry.network}  not on this machine: cxstyle weights fetch {entry.network}, or import FILE")
            continue
        where = "bundled" if entry.path.parent == features.BUNDLED else str(entry.path)
        click.echo(
            f"{entry.network}  ready  {in_words(entry.size)}, up to {entry.deepest}, {where}; from {entry.source}"
        )


@weights.command(epilog=example("weights fetch vgg19"))
@click.argument("network", type=click.Choice(list(BLOCKS)))
@click.option("--url", metavar="URL", help="A mirror that serves the same file.")
@click.option("-q", "--quiet", is_flag=True, help="No progress bar.")
def fetch(network: str, url: str | None, quiet: bool) -> None:
    """Downloads a network as torchvision publishes it (VGG19: 548 MB, of which 80 MB are kept)."""
    _, path = features.fetch(network, url=url, progress=not quiet)
    click.echo(f"{network} is ready: {path}")


@weights.command("import", epilog=example("weights import vgg19-dcbb9e9d.pth"))
@click.argument("file", type=PATH)
@click.option(
    "--normalization",
    type=click.Choice(["auto", *NORMALIZATIONS]),
    default="auto",
    help="What pictures the weights expect: imagenet (RGB, mean and deviation), caffe (BGR, 0-255, mean), matconvnet "
    "(RGB, 0-255, mean). Only a file of unknown origin needs it.",
)
def import_weights(file: Path, normalization: str) -> None:
    """Keeps the convolutions of a VGG16 or VGG19 file in the cache.

    Reads state dicts of torchvision (whole or features only), and Caffe's VGG as a state dict (features.N or convK_M).
    """
    network, path = features.import_file(file, normalization)
    click.echo(f"{network.name} is ready ({network.provenance.normalization.name} normalization): {path}")

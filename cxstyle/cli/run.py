"""`cxstyle run`: a source and a target or more in, one stylized picture out."""

from __future__ import annotations

import dataclasses
import gc
from pathlib import Path
from typing import Any

import click

from .. import transfer
from ..settings import StyleConfig
from . import options as option
from .options import FILE, PATH
from .session import RunOptions, RunSession
from .text import example

SECTIONS = {
    "What": "preset config like source_mask target_masks target_weights",
    "Look": "size enlarge strength content_weight style_weight tv_weight colors init samples iterations seed",
    "Output": "output kind quality bits no_metadata overwrite save_every movie report",
    "Machine": "device precision memory features weights deterministic max_pixels",
    "Long runs": "checkpoint no_checkpoint checkpoint_every resume",
}
"""Options under each heading of the help, by parameter; the rest comes last."""


class Sectioned(click.Command):
    """Its help has options under the headings of `SECTIONS`."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        options = [param for param in self.get_params(ctx) if isinstance(param, click.Option)]
        rows = {option.name: row for option in options if (row := option.get_help_record(ctx))}
        for heading, names in SECTIONS.items():
            with formatter.section(heading):
                formatter.write_dl([rows.pop(name) for name in names.split()])
        with formatter.section("Other"):
            formatter.write_dl([*rows.values()])


def numbers(text: str) -> tuple[float, ...]:
    """2,1 -> (2, 1)."""
    try:
        return tuple(map(float, text.split(",")))
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is not a list of numbers such as 2,1") from error


@click.command(cls=Sectioned, epilog=example("run samples/astronaut.jpg samples/hopper.jpg -o stylized.png"))
@option.source
@click.argument("targets", nargs=-1, required=True, type=PATH, metavar="TARGET...")
@option.output("SOURCE_TARGET.png", f"result {option.PICTURE} - is stdout.")
@option.image_format
@option.together(option.WRITING)
@option.overwrite
@option.preset("Ready-made settings; see `cxstyle presets list`.  [default: default]")
@click.option("--config", type=PATH, metavar="FILE.yaml", help="Your own settings.")
@click.option("--like", type=PATH, metavar="RESULT", help="The settings of a result, or of a report.")
@option.SIZE
@option.together(option.LOOK)
@click.option(
    "--target-weights",
    type=numbers,
    metavar="W,...",
    help="How much each of several targets counts, in their order.  [default: all their positions the same]",
)
@option.source_mask
@option.target_masks
@option.ITERATIONS
@option.SEED
@option.DEVICE
@option.together(option.MACHINE)
@option.max_pixels
@option.save_every
@click.option(
    "--checkpoint",
    type=FILE,
    metavar="FILE",
    help="Keep the state of the run in FILE until it is complete, to go on from after an interruption.  [default: "
    "OUTPUT.checkpoint, where the run is going to take over ten minutes]",
)
@click.option("--no-checkpoint", is_flag=True, help="Keep none, however long it takes.")
@click.option(
    "--checkpoint-every", type=click.FloatRange(0), default=60.0, metavar="SECONDS", help="How often it is kept."
)
@click.option("--resume", is_flag=True, help="Go on from the checkpoint, to the same pixels; without one, start.")
@click.option(
    "--movie",
    type=FILE,
    metavar="FILE",
    help="Also make a movie of the run, gif or mp4: of the pictures of --save-every, or of about 100.",
)
@click.option("--report", type=FILE, metavar="FILE.json", help="Write settings, losses, times, versions, device.")
@option.quiet
@click.option("-v", "--verbose", is_flag=True, help="Say what was decided, and why.")
def run(
    source: Path,
    targets: tuple[Path, ...],
    target_weights: tuple[float, ...] | None,
    source_mask: Path | None,
    target_masks: tuple[Path, ...],
    preset: str | None,
    config: Path | None,
    like: Path | None,
    **options: Any,
) -> None:
    """Gives SOURCE the look of TARGET, or of several, region by matching region. One of them may be -, for stdin."""
    gc.disable()  # a seventh of the time that loading torch takes is looking for garbage
    import torch  # noqa: F401 - loaded here, where it is meant to be

    gc.enable()
    if preset and config:
        raise click.UsageError("--preset and --config exclude each other; copy the preset into the file")
    if like and (preset or config):
        raise click.UsageError("--like excludes --preset and --config: it brings all settings")
    if options["quiet"]:
        option.refuse("and --quiet exclude each other", "verbose")
    writing = option.writing_of(*(options.pop(name) for name in ("quality", "bits", "no_metadata")))
    asked = RunOptions(**{field.name: options.pop(field.name) for field in dataclasses.fields(RunOptions)})
    if like:
        settings = transfer.read_record(like).config
    else:
        settings = StyleConfig.load(config) if config else StyleConfig.preset("default" if preset is None else preset)
    settings = settings.override(**options)
    given = {"source": source, "target": list(targets), "weights": target_weights, "source_mask": source_mask}
    given["target_mask"] = list(target_masks) or None
    RunSession(given, asked, writing, option.files_of([settings], config, like)).stylize(settings)

"""`cxstyle run`: a source and a target or more in, one stylized picture out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ..settings import StyleConfig
from . import options as option
from .options import FILE, PATH


class Weights(click.ParamType[tuple[float, ...]]):
    """Numbers parted by commas."""

    name = "W,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        """Leaves their number and range to `stylize`."""
        try:
            return value if isinstance(value, tuple) else tuple(float(word) for word in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is not a list of numbers such as 2,1", param, ctx)


@click.command(cls=option.Sectioned)
@option.source
@click.argument("targets", nargs=-1, required=True, type=PATH, metavar="TARGET...")
@option.output("SOURCE_TARGET.png", "result", " - is stdout.")
@option.image_format
@option.together(option.WRITING)
@option.overwrite
@click.option("--preset", metavar="NAME", help="Ready-made settings; see `cxstyle presets list`.  [default: default]")
@click.option("--config", type=PATH, metavar="FILE.yaml", help="Your own settings.")
@click.option(
    "--like", type=PATH, metavar="RESULT", help="The settings of a result, or of a report; see `cxstyle info`."
)
@option.SIZE
@option.together(option.LOOK)
@click.option(
    "--target-weights",
    type=Weights(),
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
@option.together(option.LASTING)
@click.option(
    "--report",
    type=FILE,
    metavar="FILE.json",
    help="Write settings, losses of each iteration, times, versions, device.",
)
@option.quiet
@click.option("-v", "--verbose", is_flag=True, help="Say what was decided, and why.")
def run(source: Path, targets: tuple[Path, ...], preset: str | None, config: Path | None, **options: Any) -> None:
    """Gives SOURCE the look of TARGET, or of several, region by matching region. One of them may be -, for stdin.

    \b
    Try:  cxstyle run samples/astronaut.jpg samples/hopper.jpg -o stylized.png
    """
    from .checkpoint import CheckpointOptions
    from .inputs import RunInputs
    from .session import RunOutputs, RunSession
    from .several import files_of

    like = options.pop("like")
    if preset and config:
        raise click.UsageError("--preset and --config exclude each other; copy the preset into the file")
    if like and (preset or config):
        raise click.UsageError("--like excludes --preset and --config: it brings all settings")
    if options["quiet"]:
        option.refuse("and --quiet exclude each other", "verbose")
    beside = (options.pop("target_weights"), options.pop("source_mask"), options.pop("target_masks"))
    writing = option.writing_of(*(options.pop(name) for name in ("quality", "bits", "no_metadata")))
    outputs, keeping = option.taken(RunOutputs, options), option.taken(CheckpointOptions, options)
    settings = settings_of(preset, config, like).override(**options)
    inputs, read = RunInputs(source, targets, *beside), files_of([settings], config, like)
    RunSession(inputs, outputs, keeping, writing, read).stylize(settings)


def settings_of(preset: str | None, config: Path | None, like: Path | None) -> StyleConfig:
    """The settings that options change."""
    if like is not None:
        from ..transfer import read_record

        return read_record(like).config
    return StyleConfig.load(config) if config else StyleConfig.preset("default" if preset is None else preset)

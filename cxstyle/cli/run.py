"""`cxstyle run`: a source and a target or more in, one stylized picture out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ..config import COLORS, StyleConfig
from . import options as option
from .options import PATH, setting


class Samples(click.ParamType[int | str]):
    """A number, or all."""

    name = "N|all"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        """Leaves the range to `LossTerm`."""
        if value == "all":
            return "all"
        if not str(value).isdigit():
            self.fail(f"{value!r} is neither a number nor all", param, ctx)
        return int(value)


class Weights(click.ParamType[tuple[float, ...]]):
    """Numbers parted by commas."""

    name = "W,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        """Leaves their number and range to `stylize`."""
        try:
            return value if isinstance(value, tuple) else tuple(float(word) for word in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is not a list of numbers such as 2,1", param, ctx)


@click.command()
@option.source
@click.argument("targets", nargs=-1, required=True, type=PATH, metavar="TARGET...")
@option.output("SOURCE_TARGET.png", "result")
@option.overwrite
@click.option("--preset", metavar="NAME", help="Ready-made settings; see `cxstyle presets list`.  [default: default]")
@click.option("--config", type=PATH, metavar="FILE.yaml", help="Your own settings.")
@option.together(option.SETTINGS[:1])
@click.option("--enlarge", is_flag=True, default=None, help="Make the result --size even where the source is smaller.")
@setting("--strength", type=float, metavar="S", help="How far to go: 0 is the source as it is, 1 all the way.")
@setting("--content-weight", type=float, metavar="W", help="Weight of the terms that compare with the source.")
@setting("--style-weight", type=float, metavar="W", help="Weight of the terms that compare with the target.")
@setting("--tv-weight", type=float, metavar="W", help="Weight of the total variation: higher is smoother.")
@click.option(
    "--target-weights",
    type=Weights(),
    metavar="W,...",
    help="How much each of several targets counts, in their order.  [default: all their positions the same]",
)
@option.source_mask
@option.target_masks
@setting(
    "--colors",
    type=click.Choice(COLORS),
    help="Whose colours the result has: the target's, the source's, or free: whatever comes of it.",
)
@setting("--init", metavar="source|target|noise|FILE", help="The picture that the run starts from.")
@click.option(
    "--samples",
    type=Samples(),
    metavar="N|all",
    help="Features drawn from a layer in each iteration; all takes long at large sizes.  [default: the preset's]",
)
@option.together(option.SETTINGS[1:])
@click.option(
    "--save-every",
    type=(click.IntRange(1), PATH),
    metavar="N DIR",
    help="Also write the picture after every N iterations to DIR.",
)
@click.option(
    "--report",
    type=PATH,
    metavar="FILE.json",
    help="Write settings, losses of each iteration, times, versions, device.",
)
@option.quiet
@click.option("-v", "--verbose", is_flag=True, help="Say what was decided, and why.")
def run(source: Path, targets: tuple[Path, ...], preset: str | None, config: Path | None, **options: Any) -> None:
    """Gives SOURCE the look of TARGET, or of several, region by matching region.

    \b
    Try:  cxstyle run samples/astronaut.jpg samples/hopper.jpg -o stylized.png
    """
    from .watch import Given, Watch

    if preset and config:
        raise click.UsageError("--preset and --config exclude each other; copy the preset into the file")
    given = Given(source, targets, *(options.pop(name) for name in ("target_weights", "source_mask", "target_masks")))
    names = ("output", "overwrite", "save_every", "report", "quiet", "verbose")
    watch = Watch(given, **{name: options.pop(name) for name in names})
    settings = StyleConfig.load(config) if config else StyleConfig.preset(preset or "default")
    watch.stylize(settings.override(**options))

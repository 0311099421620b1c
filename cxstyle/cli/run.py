"""`cxstyle run`: one pair of pictures in, one stylized picture out."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ..config import COLORS, FEATURES, PRECISIONS, StyleConfig


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


def setting(*names: str, help: str, type: Any = str, field: str | None = None, **extra: Any) -> Callable[..., Any]:
    """An option that overrides a field of StyleConfig; its default is read from there."""
    defaults = {f.name: f.default for f in dataclasses.fields(StyleConfig)}
    name = field or names[-1].lstrip("-").replace("-", "_")
    fallback = f", else {defaults[name]}" if defaults.get(name) is not None else ""
    return click.option(*names, type=type, help=f"{help}  [default: the preset's{fallback}]", **extra)


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("target", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Where the result goes; the suffix sets the format (png, jpg, webp, tif, bmp).  [default: SOURCE_TARGET.png "
    "here, numbered where that exists]",
)
@click.option("--overwrite", is_flag=True, help="Replace existing files.")
@click.option("--preset", metavar="NAME", help="Ready-made settings; see `cxstyle presets list`.  [default: default]")
@click.option("--config", type=click.Path(path_type=Path), metavar="FILE.yaml", help="Your own settings.")
@setting("--size", type=int, metavar="PX", help="Long edge of the result; a smaller source keeps its size.")
@click.option("--enlarge", is_flag=True, default=None, help="Make the result --size even where the source is smaller.")
@setting("--iterations", type=int, metavar="N", help="Steps of all scales together.")
@setting("--content-weight", type=float, metavar="W", help="Weight of the terms that compare with the source.")
@setting("--style-weight", type=float, metavar="W", help="Weight of the terms that compare with the target.")
@setting("--tv-weight", type=float, metavar="W", help="Weight of the total variation: higher is smoother.")
@click.option(
    "--samples",
    type=Samples(),
    metavar="N|all",
    help="Features drawn from a layer in each iteration; all takes long at large sizes.  [default: the preset's]",
)
@setting("--colors", type=click.Choice(COLORS), help="target: recolour the source to the target's palette first.")
@setting("--init", metavar="source|target|noise|FILE", help="The picture that the run starts from.")
@setting("--seed", type=int, metavar="N", help="Of the random sampling; same seed, same pixels.")
@setting("--device", metavar="auto|cpu|cuda|cuda:N|mps", help="Where it runs.")
@setting(
    "--precision", type=click.Choice(PRECISIONS), help="Of the network and products; auto: bf16 where hardware has it."
)
@setting("--memory", metavar="auto|SIZE", help="What the run may take in all, such as 4GB; auto: most of what is free.")
@setting("--features", type=click.Choice(FEATURES), help="The network; auto: VGG19 where it is, else bundled VGG16.")
@setting("--weights", metavar="FILE", help="A weight file to use instead of those on the machine.")
@click.option(
    "--save-every",
    type=(click.IntRange(1), click.Path(path_type=Path)),
    metavar="N DIR",
    help="Also write the picture after every N iterations to DIR.",
)
@click.option(
    "--report",
    type=click.Path(path_type=Path),
    metavar="FILE.json",
    help="Write settings, losses of each iteration, times, versions and device.",
)
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
@click.option("-v", "--verbose", is_flag=True, help="Say what was decided, and why.")
def run(source: Path, target: Path, preset: str | None, config: Path | None, **options: Any) -> None:
    """Gives SOURCE the look of TARGET, region by matching region.

    \b
    Try:  cxstyle run samples/astronaut.jpg samples/hopper.jpg -o stylized.png
    """
    from .watch import Watch

    if preset and config:
        raise click.UsageError("--preset and --config exclude each other; copy the preset into the file")
    names = ("output", "overwrite", "save_every", "report", "quiet", "verbose")
    watch = Watch(source, target, **{name: options.pop(name) for name in names})
    settings = StyleConfig.load(config) if config else StyleConfig.preset(preset or "default")
    watch.stylize(settings.override(**options))

"""`cxstyle compare`: several presets on one pair of pictures, side by side; `cxstyle grid`: every source in the look of
every target."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .. import pictures
from ..errors import ConfigError
from ..files import make_folder
from ..settings import StyleConfig
from . import options as option
from .display import Display, labels_in_words
from .outputs import OutputFiles, free_name, tell
from .text import example

if TYPE_CHECKING:
    from ..batch.compare import Comparison, Step

PRESETS = "default,gatys,cnnmrf"
SHARED = [
    option.overwrite,
    *(option.SIZE, option.ITERATIONS, option.SEED, option.DEVICE),
    *option.MACHINE,
    click.option("--results", type=option.FOLDER, metavar="DIR", help="Also write each result to DIR."),
    click.option("--report", type=option.FILE, metavar="FILE.json", help="Write settings, losses, times of all."),
    option.max_pixels,
    option.quiet,
]
TARGETS = click.option(
    *("--targets", "--target", "-t", "targets"),
    multiple=True,
    required=True,
    type=option.PATH,
    metavar="TARGET",
    help="One target, and the option again for each other: -t A -t B. A word without it is a source.",
)
FILES = ("overwrite", "results", "report", "quiet")


@click.command(
    epilog=example("compare samples/astronaut.jpg samples/hopper.jpg --presets default,paper --features vgg16")
)
@option.source
@option.target
@click.option("--presets", default=PRESETS, metavar="NAME,...", help="Presets, or YAML files of your own settings.")
@option.output("SOURCE_TARGET_compare.png")
@option.source_mask
@option.target_mask
@option.together(SHARED)
def compare(source: Path, target: Path, presets: str, output: Path | None, **options: Any) -> None:
    """Runs several presets on SOURCE and TARGET and puts the results on one labelled sheet."""
    from ..batch.compare import compare as compared

    files = {name: options.pop(name) for name in FILES}
    masks = {name: options.pop(name) for name in ("source_mask", "target_mask")}
    words = [word.strip() for word in presets.split(",") if word.strip()]
    configs: dict[str, StyleConfig] = {}
    for name, config in map(option.named_settings, words):
        if name in configs:
            raise ConfigError(f"presets: {name} is there twice; give each a name of its own")
        configs[name] = config.override(**options)
    if not configs:
        raise ConfigError("presets: at least one is needed, such as --presets default,paper")
    read = option.files_of(configs.values(), source, target, *masks.values(), *filter(option.is_file, words))
    output = output or free_name(source.stem, target.stem, "compare")
    write_sheet(partial(compared, source, target, configs, **masks), len(configs), output, read, **files)


@click.command(
    epilog=example("grid samples/astronaut.jpg samples/chelsea.png -t samples/hopper.jpg -t samples/coffee.png")
)
@click.argument("sources", nargs=-1, required=True, type=option.PATH)
@TARGETS
@option.preset("A preset, or a YAML file.", default="default")
@option.output("grid.png")
@option.together(SHARED)
def grid(
    sources: tuple[Path, ...], targets: tuple[Path, ...], preset: str, output: Path | None, **options: Any
) -> None:
    """Gives every one of SOURCES the look of every target: one sheet, sources down and targets across."""
    from ..batch.compare import stylize_grid

    files = {name: options.pop(name) for name in FILES}
    config = option.named_settings(preset)[1].override(**options)
    read = option.files_of([config], *sources, *targets, preset if option.is_file(preset) else None)
    runs, output = len(sources) * len(targets), output or free_name("grid")
    write_sheet(partial(stylize_grid, sources, targets, config), runs, output, read, **files)


def write_sheet(
    work: Callable[..., Comparison],
    runs: int,
    output: Path,
    inputs: Sequence[str | Path],
    *,
    overwrite: bool,
    results: Path | None,
    report: Path | None,
    quiet: bool,
) -> None:
    """Does some runs, once their outputs are known to be writable; writes what came of them, and ends the process with
    130 when stopped and 1 where one failed."""
    files, display = OutputFiles(overwrite, inputs), Display(quiet, runs)
    files.check(output, "sheet", pictures.check_output)
    files.check(report, "report")
    if results is not None:
        make_folder(results)
    with display:
        found = work(callback=partial(step, display), folder=results, overwrite=overwrite)
    done = sum(outcome.result is not None for outcome in found.outcomes)
    if found.stopped and not done:
        raise KeyboardInterrupt
    if done:
        sheet = files.write(output, partial(pictures.save_image, found.sheet))
        if not quiet:
            click.echo(f"wrote {sheet} ({done} of {len(found.outcomes)} results)")
        if report is not None:
            files.write(report, found.write_report)
    if found.stopped:
        tell("stopped; the sheet holds what was done")
        sys.exit(130)
    if found.failed:
        first, count = found.failed[0], f"{len(found.failed)} of {len(found.outcomes)} runs failed"
        which = "and the sheet says which" if done else "so nothing was written"
        tell(f"{count}, {which}; {first.name}: {first.error or first.status}")
        sys.exit(1)
    files.finish()


def step(display: Display, step: Step) -> bool:
    """Called before each run and after each iteration."""
    if step.progress is not None:
        details, place = step.progress.details, f"{step.index + 1} of {step.count}: {step.name}"
        for line in (*details["notes"], *labels_in_words(details), place):
            display.note_once(line)
        display.show(step.progress, f"{step.name} ({step.index + 1}/{step.count}) ", step.index)
    return not display.interrupted

"""`cxstyle compare`: several presets on one pair of pictures, side by side."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from . import options as option
from .outputs import free_name
from .several import FILES, Several, files_of, is_file, named_settings, shared

PRESETS = "default,gatys,cnnmrf"


@click.command()
@option.source
@option.target
@click.option("--presets", default=PRESETS, metavar="NAME,...", help="Presets, or YAML files of your own settings.")
@option.output("SOURCE_TARGET_compare.png")
@option.source_mask
@option.target_mask
@shared
def compare(
    source: Path,
    target: Path,
    presets: str,
    output: Path | None,
    source_mask: Path | None,
    target_mask: Path | None,
    **options: Any,
) -> None:
    """Runs several presets on SOURCE and TARGET and puts the results on one labelled sheet.

    \b
    Try:  cxstyle compare samples/astronaut.jpg samples/hopper.jpg --presets default,paper --features vgg16
    """
    files = {name: options.pop(name) for name in FILES}
    configs = named_settings(presets, **options)
    read = files_of(configs.values(), source, target, source_mask, target_mask, *filter(is_file, presets.split(",")))
    output = output or free_name(source.stem, target.stem, "compare")
    several = Several(len(configs), output, inputs=read, **files)
    from ..batch.compare import compare as compared

    several.go(partial(compared, source, target, configs, source_mask=source_mask, target_mask=target_mask))

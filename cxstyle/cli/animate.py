"""`cxstyle animate`: a video in the look of a picture; training and applying in one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .. import generators, pictures, transfer
from ..files import check_writable, free
from ..settings import StyleConfig, TrainConfig
from . import options as option
from .apply import STEADY, draw, long_edge
from .display import Display
from .text import duration, example
from .train import course_of, trained

if TYPE_CHECKING:
    from torch import Tensor

PREVIEW = "fast"
"""Preset of the run that shows one frame before the network is trained."""


@click.command(epilog=example("animate head.mp4 portrait.jpg -o animated.mp4"))
@click.argument("video", type=option.PATH)
@click.argument("target", type=option.PATH, required=False)
@option.output("VIDEO_TARGET.mp4", "video goes; beside it the network, OUT.safetensors.", "OUT.mp4")
@click.option("--model", type=option.PATH, help="Draw it with this network, and train none; without TARGET.")
@option.together(course_of("animation"))
@long_edge("Long edge of OUT.  [default: VIDEO's, or that of the training where the network draws whole pictures]")
@STEADY
@option.device
@option.overwrite
@option.quiet
@option.max_pixels
def animate(
    video: Path,
    target: Path | None,
    output: Path | None,
    model: Path | None,
    preset: str,
    minutes: float | None,
    resume: bool,
    long_edge: int | None,
    steady: bool,
    device: str,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Draws VIDEO in the look of the picture TARGET, sound and all: trains a network for it, and applies it."""
    if (target is None) == (model is None):
        raise click.UsageError("either TARGET, for a network that is trained, or --model, for one that is there")
    if target is None:
        option.refuse("is for the training; leave it out with --model", "preset", "minutes", "resume")
    named = Path(f"{video.stem}_{(target or model or video).stem}.mp4")
    output = output or (named if resume or overwrite else free(named))
    network = model or output.with_suffix(".safetensors")
    pictures.check_video(output)
    check_writable(output, overwrite=overwrite, inputs=[each for each in (video, target, model) if each])
    found, display = generators.survey(video), Display(quiet)
    seconds = duration(float(found.frames / found.rate))
    shots = f", {found.shots} shots: one network learns them all" if found.shots > 1 and target else ""
    display.note(f"{video}: {found.frames} frames, {seconds}{shots}")
    if target is not None:
        check_writable(network, overwrite=overwrite or resume, inputs=[video, target])
        if not resume:
            preview(found.middle, target, output, TrainConfig.preset("animation", preset).size, device, display)
        how: dict[str, Any] = {"minutes": minutes, "resume": resume, "overwrite": overwrite, "quiet": quiet}
        trained("animation", video, target, network, preset, **how, device=device)
    generator = generators.Generator.load(network, device)
    whole = long_edge is None and generator.network.residual
    draw(generator, [video], output, quiet, long_edge=long_edge, full_size=whole, steady=steady, overwrite=overwrite)


def preview(frame: Tensor, target: Path, output: Path, size: int, device: str, display: Display) -> None:
    """Draws one frame by itself, as a run does: the look that the network is to learn."""
    path = output.with_name(f"{output.stem}_preview.png")
    check_writable(path, overwrite=True, inputs=[target])
    config = StyleConfig.preset(PREVIEW).override(size=size, device=device)
    pictures.save_picture(transfer.stylize(frame, target, config).picture, path)
    display.note(f"{path}: one frame by itself; the network comes near such a look")

"""`cxstyle train`: a network that draws any picture with a look that it has learnt."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import click

from .. import generators
from ..files import check_writable, free
from ..settings import TrainConfig, train_preset_names
from ..transfer import write_json
from . import options as option
from .display import Display, in_short
from .text import duration, example

TIMED = 20
"""Steps after the first, which is slower, that the time of a training is told from."""


class TrainDisplay(Display):
    """A bar with losses and the time left, and a line for each epoch."""

    stopping = "stopping after this step; the state is kept (asked once more, at once)"

    def step(self, progress: generators.TrainProgress) -> bool:
        """After each step: whether to go on."""
        if self.bar is None:
            self.began = progress.step, progress.done, time.perf_counter()
        losses = in_short(progress.losses) or ", ".join(f"{name} {v:.3g}" for name, v in progress.losses.items())
        self.move(progress.place, losses, progress.done)
        if progress.step == self.began[0] + TIMED:
            spent = time.perf_counter() - self.began[2]
            left = spent / (progress.done - self.began[1]) * (1 - progress.done)
            self.note(f"the training takes about {duration(left)} more, at {spent / TIMED:.2f} s a step")
        if progress.strip is not None:
            self.note(f"epoch {progress.epoch}: {losses}; {progress.strip}")
        return not self.interrupted


@click.group(epilog=example("train animation head.mp4 portrait.jpg"))
def train() -> None:
    """Trains a network that draws any picture with a look that it has learnt, for `cxstyle apply`."""


FIELDS = ("size", "width", "epochs", "batch", "lr", "seed", "features", "weights", "device", "precision")
OUTPUT = option.output("SOURCE_TARGET.safetensors", "network goes.", "FILE.safetensors")
SETTINGS = [
    click.option("--config", type=option.PATH, metavar="FILE.yaml", help="Settings of your own in place of a preset."),
    *(option.setting(name, of=TrainConfig) for name in FIELDS),
    click.option("--report", type=option.FILE, metavar="FILE.json", help="Also write losses and times for machines."),
    option.overwrite,
    option.quiet,
]


def course_of(task: str) -> list[option.Option]:
    """By which settings a training of a task goes, and how long."""
    return [
        click.option(
            "--preset",
            type=click.Choice(train_preset_names(task)),
            default="quick",
            help="Settings of the training: those of the paper want a GPU, quick's a CPU and some minutes.",
        ),
        click.option(
            "--minutes",
            type=click.FloatRange(0, min_open=True),
            metavar="N",
            help="End the training after so long, however many epochs are left.",
        ),
        click.option("--resume", is_flag=True, help="Go on with a training that was stopped, to the same bytes."),
    ]


def trained(
    task: str,
    sources: Path,
    targets: Path,
    output: Path | None,
    preset: str,
    *,
    minutes: float | None,
    resume: bool,
    overwrite: bool,
    quiet: bool,
    config: Path | None = None,
    report: Path | None = None,
    pairs: str = "number",
    **settings: Any,
) -> None:
    """What all tasks do."""
    chosen = TrainConfig.load(config) if config else TrainConfig.preset(task, preset)
    if chosen.task != task:
        raise click.UsageError(f"{config} is for `cxstyle train {chosen.task}`")
    if output is None:
        named = Path(f"{sources.stem}_{targets.stem}.safetensors")
        output = named if resume or overwrite else free(named)
    if report is not None:
        check_writable(report, overwrite=overwrite, inputs=(sources, targets))
    first = os.environ.get("RANK", "0") == "0"  # of those that torchrun has started
    checkpoint = generators.checkpoint_of(output)
    if resume and first and not quiet and not checkpoint.exists():
        click.echo(f"there is no checkpoint {checkpoint}; starting from the beginning", err=True)
    given = str(sources), str(targets), chosen.override(**settings), output
    with TrainDisplay(quiet or not first) as display:
        lasting: Any = {"pairs": pairs, "minutes": minutes, "resume": resume, "overwrite": overwrite}
        result = generators.train(*given, **lasting, callback=display.step)
    if first and report is not None:
        write_json(report, result.report())
    if first and not quiet:
        steps = f"{result.generator.about['steps']} of {result.details['planned']} steps"
        click.echo(f"{result.path}: {result.status}, {steps}")
    if result.status == "stopped":
        if first:
            click.echo("cxstyle: stopped; the same command with --resume goes on", err=True)
        sys.exit(130)


@train.command(epilog=example("train animation head.mp4 portrait.jpg"))
@click.argument("frames", type=option.PATH)
@option.target
@option.together([OUTPUT, *course_of("animation"), *SETTINGS])
def animation(frames: Path, target: Path, **options: Any) -> None:
    """Learns to draw FRAMES (a video, a folder or a pattern) with the look of the picture TARGET."""
    trained("animation", frames, target, **options)


@train.command(epilog=example("train puppet me.mp4 puppet.mp4"))
@click.argument("driver", type=option.PATH)
@click.argument("puppet", type=option.PATH)
@click.option(
    "--pairs",
    default="number",
    metavar="number|name|CSV",
    help="Which frame of PUPPET belongs to one of DRIVER: that of the same number or name, or as rows of a file say.",
)
@option.together([OUTPUT, *course_of("puppet"), *SETTINGS])
def puppet(driver: Path, puppet: Path, **options: Any) -> None:
    """Learns to draw PUPPET in the pose of DRIVER, of pairs of frames in about the same pose."""
    trained("puppet", driver, puppet, **options)


@train.command(epilog=example("train domain photographs/ paintings/"))
@click.argument("sources", type=option.PATH)
@click.argument("targets", type=option.PATH)
@option.together([OUTPUT, *course_of("domain"), *SETTINGS])
def domain(sources: Path, targets: Path, **options: Any) -> None:
    """Learns to draw SOURCES as if they were of TARGETS, without pairs: folders, patterns or videos."""
    trained("domain", sources, targets, **options)

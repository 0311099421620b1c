"""`cxstyle batch`: whole folders, jobs from a file, on several workers or machines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..batch import manifest
from ..batch.job_file import read_jobs
from ..batch.listing import list_pictures
from ..batch.pairing import PAIRINGS, counted, make_jobs, pairs
from ..settings import StyleConfig
from . import options as option
from .batch_display import HASHING, BatchDisplay, dry_run, publish
from .completion import offers
from .options import FOLDER, PATH, named_settings
from .text import example

if TYPE_CHECKING:
    from ..batch.local import Executor

EXECUTORS = ("local", "ray")
LOOKS = [
    click.option("--sheet", is_flag=True, help="Also make sheets of all results: sources down, targets across."),
    click.option("--gallery", is_flag=True, help="Also make index.html, one page to look through all results."),
]


def shard(text: str) -> tuple[int, int]:
    """1/4 -> (1, 4)."""
    i, _, n = text.partition("/")
    if not (i.isdecimal() and n.isdecimal() and 1 <= int(i) <= int(n)):
        raise click.BadParameter(f"{text!r} is not a part such as 1/4, the first of four")
    return int(i), int(n)


@click.command(epilog=example("batch samples/astronaut.jpg samples/hopper.jpg -o results --preset fast --gallery"))
@click.argument("sides", nargs=-1, metavar="SOURCES TARGETS", **offers("merge"))
@click.option("-o", "--output", required=True, type=FOLDER, metavar="DIR", help="Where results and manifest.jsonl go.")
@click.option("--jobs", type=PATH, metavar="FILE", help="YAML or CSV of jobs with settings of their own; no SOURCES.")
@click.option("-r", "--recursive", is_flag=True, help="Go into sub-folders; they are mirrored in DIR.")
@click.option(
    "--pair", type=click.Choice(PAIRINGS), default=PAIRINGS[0], help="All pairs; in order; or those of the same name."
)
@click.option(
    "--name", metavar="TEMPLATE", help="Of results.  [default: {source}__{target}__{preset}, __{seed} if several]"
)
@option.preset("A preset or a YAML file; may be repeated.", "presets", multiple=True)
@click.option("--config", "configs", multiple=True, type=PATH, metavar="FILE.yaml", help="The same for files.")
@click.option("--seed", "seeds", multiple=True, type=int, metavar="N", help="Of the random sampling; may be repeated.")
@option.SIZE
@option.together(option.LOOK)
@click.option("--source-mask", type=PATH, metavar="FILE|DIR", help="The sources' mask, or a folder of them.")
@click.option("--target-mask", type=PATH, metavar="FILE|DIR", help="The targets' mask, or a folder of them.")
@option.ITERATIONS
@option.together(option.MACHINE)
@click.option(
    "--device",
    metavar="auto|cpu|cuda:N,...|all",
    help="Where; several GPUs have a worker each.",
    **offers("auto", "cpu", "cuda", "mps", "all"),
)
@click.option(
    "--workers", type=option.number_or("auto"), metavar="N|auto", default="auto", help="Processes side by side."
)
@click.option("--executor", "kind", type=click.Choice(EXECUTORS), default="local", help="Who works.")
@click.option("--ray-address", default="auto", metavar="ADDRESS", help="Of a cluster, or local.")
@click.option("--cpus", type=click.IntRange(1), metavar="N", help="Of each of Ray's workers without a GPU.")
@click.option("--return-pictures", is_flag=True, help="Send pictures through Ray: no storage is shared.")
@click.option("--shard", type=shard, metavar="I/N", help="Do part I of N, with a manifest of its own.")
@click.option("--force", is_flag=True, help="Do all jobs again, complete or not.")
@click.option("--overwrite", is_flag=True, help="Replace files in DIR that no batch has made.")
@click.option("--dry-run", is_flag=True, help="List what would be done; do nothing.")
@option.together(LOOKS)
@option.together(option.WRITING)
@option.max_pixels
@option.save_every
@click.option("--report", "reports", type=FOLDER, metavar="DIR", help="Write a report of each job to DIR.")
@click.option("--json-lines", is_flag=True, help="Tell what happens as JSON, a line each, on stdout.")
@option.quiet
@click.option("-v", "--verbose", is_flag=True, help="Say of each job how and where it was done.")
def batch(sides: tuple[str, ...], output: Path, **options: Any) -> None:
    """Gives every picture of SOURCES the look of every one of TARGETS.

    Each is a file, a folder, a glob in quotes, or a list (.txt). The same command again does what is missing, has
    changed or has failed. `cxstyle batch merge` joins shards.
    """
    check_together(sides, options)

    def taken(*names: str) -> dict[str, Any]:
        return {name: options.pop(name) for name in names}

    display = BatchDisplay(output, **taken("json_lines", "quiet", "verbose"))
    dry, device, file, name = (options.pop(each) for each in ("dry_run", "device", "jobs", "name"))
    # Several devices have a worker each; one is a setting.
    devices = device if device and (device == "all" or "," in device) else None
    how = taken("workers", "shard", "force", "overwrite", "reports", "save_every", "sheet", "gallery")
    how["executor"] = executor_of(devices, how, **taken("kind", "ray_address", "cpus", "return_pictures"))
    writing = option.writing_of(**taken("quality", "bits", "no_metadata"))
    words, seeds = [*options.pop("presets"), *map(str, options.pop("configs"))], options.pop("seeds")
    masks, recursive, pair = taken("source_mask", "target_mask"), options.pop("recursive"), options.pop("pair")
    settings = options | {"device": None if devices else device}
    if file:
        # What is as it is without the option leaves the file's word.
        above = masks | {
            "preset": next(iter(words), None),
            "quality": writing.quality,
            "bits": None if writing.bits == "auto" else writing.bits,
            "metadata": None if writing.metadata else False,
            "settings": settings | {"seed": next(iter(seeds), None)},
        }
        jobs = read_jobs(file, above, name)
    else:
        sources, targets = (list_pictures(side, recursive, leave_out=output, note=display.note) for side in sides)
        paired = pairs(sources, targets, pair)
        if paired.alone():
            display.note(paired.alone())
        jobs = make_jobs(paired, configs_of(words, seeds, settings), name, **masks)
        jobs = [replace(job, writing=writing) for job in jobs]
    if dry:
        display.note(HASHING)
        dry_run(jobs, output, how["shard"], how["force"], display.json_lines)
    else:
        display.go(jobs, devices=devices, **how)


def check_together(sides: Sequence[str], options: dict[str, Any]) -> None:
    if options["shard"] and (options["sheet"] or options["gallery"]):
        raise click.UsageError("a shard has a part of the pictures; make them of all with `cxstyle batch merge DIR`")
    if options["json_lines"]:
        option.refuse("and --json-lines exclude each other", "quiet", "verbose")
    if options["quiet"]:
        option.refuse("and --quiet exclude each other", "verbose")
    if options["jobs"]:
        option.refuse("is for SOURCES and TARGETS; --jobs names each job's", "recursive", "pair")
        if sides:
            raise click.UsageError("--jobs takes the place of SOURCES and TARGETS; leave them out")
        if len(options["presets"]) + len(options["configs"]) > 1 or len(options["seeds"]) > 1:
            raise click.UsageError("several --preset or --seed don't go with --jobs; write a job for each")
    elif len(sides) != 2:
        raise click.UsageError(
            f"SOURCES and TARGETS are needed, and {len(sides)} words came; put globs in quotes "
            "('photos/*.jpg'), or name the jobs in a file with --jobs"
        )


def configs_of(words: Sequence[str], seeds: Sequence[int], settings: dict[str, Any]) -> list[tuple[str, StyleConfig]]:
    found = []
    for name, config in map(named_settings, words or ["default"]):
        config = config.override(**settings)
        found += [(name, config.override(seed=seed)) for seed in seeds or [config.seed]]
    return found


def executor_of(
    devices: str | None, how: dict[str, Any], kind: str, ray_address: str, cpus: int | None, return_pictures: bool
) -> Executor | None:
    """Who does the jobs, where it is not this machine; refuses options of the other."""
    if kind == "local":
        option.refuse("is for --executor ray", "ray_address", "cpus", "return_pictures")
        return None
    if how["workers"] != "auto" or devices:
        raise click.UsageError(
            "--workers and several devices are for --executor local; Ray has as many as there is room"
        )
    if return_pictures and how["save_every"]:
        raise click.UsageError("--save-every needs storage that all nodes share; leave --return-pictures out")
    from ..batch.cluster import Cluster

    return Cluster(ray_address, cpus=cpus, return_pictures=return_pictures)


@click.command("batch merge", epilog=example("batch merge results --gallery"))
@click.argument("folder", type=FOLDER, metavar="DIR")
@option.together(LOOKS)
@option.quiet
def merge(folder: Path, sheet: bool, gallery: bool, quiet: bool) -> None:
    """Joins the manifests of shards in DIR into one."""
    jobs, complete = manifest.merge(folder)
    if not quiet:
        click.echo(f"{folder / 'manifest.jsonl'} knows {counted(jobs, 'job')}, {complete} complete")
    latest, _ = manifest.read(folder)
    publish(folder, [latest[output] for output in sorted(latest)], sheet, gallery, quiet)

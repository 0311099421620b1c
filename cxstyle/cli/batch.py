"""`cxstyle batch`: whole folders, jobs from a file, on several workers or machines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ..batch.pairing import PAIRINGS, counted
from . import options as option
from .choose import Choice, Shard, Workers, chosen_jobs, executor
from .crowd import HASHING, Crowd, dry_run

EXECUTORS = ("local", "ray")
LOOKS = [
    click.option("--sheet", is_flag=True, help="Also make sheets of all results: sources down, targets across."),
    click.option("--gallery", is_flag=True, help="Also make index.html, one page to look through all results."),
]
QUIET = [
    click.option("--json-lines", is_flag=True, help="Tell what happens as JSON, a line each, on stdout."),
    option.quiet,
]


@click.command()
@click.argument("sides", nargs=-1, metavar="SOURCES TARGETS")
@click.option(
    "-o", "--output", required=True, type=option.PATH, metavar="DIR", help="Where results and manifest.jsonl go."
)
@click.option(
    "--jobs",
    type=option.PATH,
    metavar="FILE",
    help="Jobs with options of their own, from a YAML or CSV file, in place of SOURCES and TARGETS.",
)
@click.option("-r", "--recursive", is_flag=True, help="Go into sub-folders; they are mirrored in DIR.")
@click.option(
    "--pair",
    type=click.Choice(PAIRINGS),
    default=PAIRINGS[0],
    show_default=True,
    help="All pairs; in order; or those of the same name.",
)
@click.option(
    "--name", metavar="TEMPLATE", help="Of results.  [default: {source}__{target}__{preset}, __{seed} if several]"
)
@click.option("--preset", "presets", multiple=True, metavar="NAME", help="A preset or a YAML file; may be repeated.")
@click.option("--config", "configs", multiple=True, type=option.PATH, metavar="FILE.yaml", help="The same for files.")
@click.option("--seed", "seeds", multiple=True, type=int, metavar="N", help="Of the random sampling; may be repeated.")
@option.SIZE
@option.together(option.LOOK)
@click.option("--source-mask", type=option.PATH, metavar="FILE|DIR", help="The sources' mask, or a folder of them.")
@click.option("--target-mask", type=option.PATH, metavar="FILE|DIR", help="The targets' mask, or a folder of them.")
@option.ITERATIONS
@option.together(option.MACHINE)
@click.option("--device", metavar="auto|cpu|cuda:N,...|all", help="Where; several GPUs have a worker each.")
@click.option(
    "--workers", type=Workers(), metavar="N|auto", default="auto", show_default=True, help="Processes side by side."
)
@click.option("--executor", "kind", type=click.Choice(EXECUTORS), default="local", show_default=True, help="Who works.")
@click.option("--ray-address", default="auto", show_default=True, metavar="ADDRESS", help="Of a cluster, or local.")
@click.option("--cpus", type=click.IntRange(1), metavar="N", help="Of each of Ray's workers without a GPU.")
@click.option("--return-pictures", is_flag=True, help="Send pictures through Ray: no storage is shared.")
@click.option("--shard", type=Shard(), metavar="I/N", help="Do part I of N, with a manifest of its own.")
@click.option("--force", is_flag=True, help="Do all jobs again, complete or not.")
@click.option("--overwrite", is_flag=True, help="Replace files in DIR that no batch has made.")
@click.option("--dry-run", is_flag=True, help="List what would be done, with time and memory; do nothing.")
@option.together(LOOKS)
@option.together(option.WRITING)
@option.max_pixels
@option.save_every
@click.option("--report", "reports", type=option.PATH, metavar="DIR", help="Write a report of each job to DIR.")
@option.together(QUIET)
@click.option("-v", "--verbose", is_flag=True, help="Say of each job how and where it was done.")
def batch(sides: tuple[str, ...], output: Path, **options: Any) -> None:
    """Gives every picture of SOURCES the look of every one of TARGETS.

    Each is a file, a folder, a glob in quotes, or a list (.txt, .csv). The same command again does what is missing,
    has changed or has failed. `cxstyle batch merge` joins shards.

    \b
    Try:  cxstyle batch samples/astronaut.jpg samples/hopper.jpg -o results --preset fast --gallery
    """
    if options["shard"] and (options["sheet"] or options["gallery"]):
        raise click.UsageError("a shard has a part of the pictures; make them of all with `cxstyle batch merge DIR`")
    if options["json_lines"]:
        option.refuse("and --json-lines exclude each other", "quiet", "verbose")
    if options["quiet"]:
        option.refuse("and --quiet exclude each other", "verbose")
    names = ("json_lines", "quiet", "verbose", "sheet", "gallery")
    crowd = Crowd(output, **{name: options.pop(name) for name in names})
    who = {name: options.pop(name) for name in ("workers", "kind", "ray_address", "cpus", "return_pictures")}
    who["save_every"] = options["save_every"]
    how = {name: options.pop(name) for name in ("shard", "force", "overwrite", "reports", "save_every")}
    dry = options.pop("dry_run")
    choice = Choice(sides, output, **{name: options.pop(name) for name in Choice.NAMES})
    writing = {name: options.pop(name) for name in ("quality", "bits", "no_metadata")}
    jobs, devices = chosen_jobs(choice, crowd.note, options, writing)
    who_works = executor(who, devices)
    if dry:
        crowd.note(HASHING)
        dry_run(jobs, output, devices, how["shard"], how["force"], crowd.json_lines)
    else:
        crowd.go(jobs, devices=devices, executor=who_works, workers=who["workers"], **how)


@click.command("batch merge")
@click.argument("folder", type=option.PATH, metavar="DIR")
@option.together(LOOKS)
@option.quiet
def merge(folder: Path, sheet: bool, gallery: bool, quiet: bool) -> None:
    """Joins the manifests of shards in DIR into one.

    \b
    Try:  cxstyle batch merge results --gallery
    """
    from ..batch.manifest import merge as merged
    from ..batch.manifest import read

    jobs, complete = merged(folder)
    if not quiet:
        click.echo(f"{folder / 'manifest.jsonl'} knows {counted(jobs, 'job')}, {complete} complete")
    latest, _ = read(folder)
    Crowd(folder, quiet=quiet, sheet=sheet, gallery=gallery).publish([latest[output] for output in sorted(latest)])

"""`cxstyle bench`: how fast this machine is."""

from __future__ import annotations

from pathlib import Path

import click
from tqdm import tqdm

from .. import analysis
from . import options as option
from .outputs import json_file
from .text import aligned, duration, example

COLUMNS = ("plain", "as it runs", "times as fast", "extra memory", "TFLOP/s", "of the limit", "over its arithmetic")


@click.command(epilog=example("bench --quick"))
@click.option("--quick", is_flag=True, help="Under a minute: fewer sizes.")
@option.device
@click.option(
    "--pair",
    type=(option.PATH, option.PATH),
    metavar="SOURCE TARGET",
    help="Also time runs to a given quality on two pictures; takes as long as 300 iterations at 512 px.",
)
@option.together(option.JSON)
def bench(quick: bool, device: str, pair: tuple[Path, Path] | None, path: Path | None, overwrite: bool) -> None:
    """Times the loss, the network and whole iterations on this machine, each against the plain way in turns."""
    write = json_file(path, overwrite, pair or ())
    measure = analysis.Bench(analysis.QUICK if quick else analysis.FULL, device, pair)
    rows: list[analysis.Row] = []
    with tqdm(measure.steps(), disable=None, leave=False) as steps:
        for name, step in steps:
            steps.set_description(name)
            rows += step()
    record = measure.record(rows)
    click.echo(f"{record['device']}, torch {record['versions']['torch']}, vgg16 ({record['weights']})")
    click.echo("\n".join(aligned([("", *COLUMNS), *((row.what, *shown(row)) for row in rows)], *range(1, 8))))
    write(record)


def shown(row: analysis.Row) -> tuple[str, ...]:
    """The numbers of a row in the order of COLUMNS; nothing where there is none."""
    memory = [f"{used:.0f}" for used in (row.plain_memory, row.fast_memory) if used is not None]
    return (
        *("" if seconds is None else duration(seconds) for seconds in (row.plain, row.fast)),
        "" if row.ratio is None else f"{row.ratio:.1f}",
        f"{' / '.join(memory)} MiB" if memory else "",
        "" if row.rate is None else f"{row.rate:.2f}",
        "" if row.share is None else f"{row.share:.0%}",
        "" if row.over is None else f"{row.over:.1f}",
    )

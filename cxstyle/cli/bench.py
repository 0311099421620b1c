"""`cxstyle bench`: how fast this machine is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..files import check_writable, write_whole

if TYPE_CHECKING:
    from ..bench import Row

COLUMNS = ("plain", "as it runs", "times as fast", "extra memory", "TFLOP/s", "of the limit")


@click.command()
@click.option("--quick", is_flag=True, help="Under a minute: fewer sizes.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:N or mps.")
@click.option(
    "--json", "path", type=click.Path(path_type=Path), metavar="FILE.json", help="Also write it for machines."
)
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
def bench(quick: bool, device: str, path: Path | None, overwrite: bool) -> None:
    """Times the loss, the network and whole iterations on this machine, each against the plain way in turns.

    \b
    Try:  cxstyle bench --quick
    """
    from tqdm import tqdm

    from ..bench import FULL, QUICK, Bench

    if path is not None:
        check_writable(path, overwrite=overwrite)
    measure = Bench(QUICK if quick else FULL, device)
    rows = []
    with tqdm(measure.steps(), disable=None, leave=False) as steps:
        for name, step in steps:
            steps.set_description(name)
            rows.append(step())
    record = measure.record(rows)
    click.echo(f"{record['device']}, torch {record['versions']['torch']}")
    click.echo("\n".join(table(rows)))
    if path is not None:
        write_whole(path, (json.dumps(record, indent=1) + "\n").encode())


def table(rows: list[Row]) -> list[str]:
    """The rows as aligned text, a line each under a headline."""
    cells = [("", *COLUMNS), *((row.what, *shown(row)) for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(cells[0]))]
    return [
        "  ".join(
            cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(line, widths, strict=True))
        )
        for line in cells
    ]


def shown(row: Row) -> tuple[str, ...]:
    """The numbers of a row in the order of COLUMNS; nothing where there is none."""
    memory = ""
    if row.plain_memory is not None and row.fast_memory is not None:
        memory = f"{row.plain_memory:.0f} / {row.fast_memory:.0f} MiB"
    return (
        "" if row.plain is None else f"{row.plain * 1000:.0f} ms",
        "" if row.fast is None else f"{row.fast * 1000:.0f} ms",
        "" if row.ratio is None else f"{row.ratio:.1f}",
        memory,
        "" if row.rate is None else f"{row.rate:.2f}",
        "" if row.share is None else f"{row.share:.0%}",
    )

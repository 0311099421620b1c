"""`write_sheets`: a batch's results on sheets, sources down and targets across, as the paper's Figure 8."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from itertools import pairwise, product
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from ..errors import PictureError
from ..files import is_marked, numbered, whole_file
from ..pictures import Cell, grid, read_image
from .manifest import COMPLETE, Record, latest
from .naming import short_names

NARROWEST = 96
"""Pixels of a cell: below it captions say nothing."""
MADE_BY = "cxstyle batch --sheet"
"""In each sheet, which may be replaced by a new one."""


def write_sheets(
    folder: Path, records: Iterable[Record], *, edge: int = 256, across: int = 6, down: int = 6
) -> list[Path]:
    """Writes what a batch made as PNG sheets, one set of pages for each preset and seed.

    Jobs that make a product, every source with every target, become a grid of sources down and targets across; others
    become rows of source, targets and result. The files are sheet.png, with several presets sheet_PRESET.png, with
    several seeds sheet_PRESET_SEED.png, and with several pages the page's number after that; another name where any
    file that is no sheet has this one.

    Args:
        folder: of the batch: outputs count from it, and the sheets go there.
        records: of its manifest; of several for one output the last counts.
        edge: of a picture on a sheet in pixels, at most.
        across: targets in a row, at most.
        down: sources on a page, at most.
    """
    kept = latest(records)
    presets, seeds = dict.fromkeys(r["preset"] for r in kept), dict.fromkeys(r["seed"] for r in kept)
    sizes = [max(record["size"]) for record in kept if record.get("size")]
    pictures = Pictures(folder, kept, max(NARROWEST, min(edge, max(sizes, default=edge))))
    taken = {record["output"].casefold() for record in kept}
    written, mark = list[Path](), PngInfo()
    mark.add_text("Software", MADE_BY)
    for preset, seed in product(presets, seeds):
        group = [r for r in kept if (r["preset"], r["seed"]) == (preset, seed)]
        pages = (grid_pages if is_product(group) else row_pages)(group, pictures, across, down) if group else []
        several = str(preset) if max(len(presets), len(seeds)) > 1 else "", str(seed) if len(seeds) > 1 else ""
        title = ", ".join(filter(None, (several[0], several[1] and f"seed {seed}")))
        for number, page in enumerate(pages, 1):
            parts = "sheet", *several, str(number) if len(pages) > 1 else ""
            letters = (re.sub(r"[^\w.-]+", "-", part)[:40].strip("-.") for part in parts)
            paths = numbered(folder / f"{'_'.join(filter(None, letters))}.png")
            others = (path for path in paths if path.name.casefold() not in taken)
            written.append(next(p for p in others if not os.path.lexists(p) or is_marked(p, MADE_BY.encode())))
            taken.add(written[-1].name.casefold())
            with whole_file(written[-1]) as file:
                page(title).save(file, "PNG", pnginfo=mark)
    return written


Page = Callable[[str], Image.Image]
"""Draws a page with a title, when its turn comes."""


class Pictures:
    """What the sheets of a batch show, read one at a time, with long edges of so many pixels at most."""

    def __init__(self, folder: Path, records: Sequence[Record], edge: int) -> None:
        self.folder, self.edge = folder, edge
        self.sources = short_names(record["source"] for record in records)
        self.targets = short_names(target for record in records for target in record["targets"])
        self.original = lru_cache(128)(self._cell)  # headers come again on every page, and originals are large

    def _cell(self, path: str | Path) -> Cell:
        try:
            return Cell(thumbnail(path, self.edge))
        except PictureError as error:
            return Cell(note=str(error))

    def result(self, record: Record, caption: str = "") -> Cell:
        """Its picture, with how it ended where that was badly; without a picture the reason."""
        ended = ending(record)
        found = Cell() if record["status"] == "failed" else self._cell(self.folder / record["output"])
        if found.picture is None:
            return Cell(note=ended or found.note, caption=caption)
        return replace(found, caption=record["status"] if ended else caption)


def is_product(records: Sequence[Record]) -> bool:
    """Whether a grid of sources by targets shows the jobs well: one target each, and most places taken, none twice."""
    places = [(record["source"], *record["targets"]) for record in records]
    if any(len(place) != 2 for place in places) or len(set(places)) < len(places):
        return False
    return 2 * len(places) > len({place[0] for place in places}) * len({place[1] for place in places})


def grid_pages(records: Sequence[Record], pictures: Pictures, across: int, down: int) -> list[Page]:
    """Sources down, targets across, each page with the headers of its rows and columns."""
    placed = {(record["source"], record["targets"][0]): record for record in records}
    sources, targets = ([*dict.fromkeys(places)] for places in zip(*placed, strict=True))

    def page(left: Sequence[str], top: Sequence[str], title: str) -> Image.Image:
        rows = [[Cell(blank=True), *(pictures.original(target) for target in top)]]
        for source in left:
            found = [placed.get((source, target)) for target in top]
            cells = [Cell(note="not in this batch") if record is None else pictures.result(record) for record in found]
            rows.append([pictures.original(source), *cells])
        columns = ["", *(pictures.targets[target] for target in top)]
        sides = ["", *(pictures.sources[source] for source in left)]
        return grid(rows, columns=columns, sides=sides, title=title)

    parts = [(sources[i], targets[j]) for i in evenly(len(sources), down) for j in evenly(len(targets), across)]
    return [partial(page, *part) for part in parts]


def row_pages(records: Sequence[Record], pictures: Pictures, across: int, down: int) -> list[Page]:
    """Rows of source, targets and result; of more targets than `across` the last ones are counted."""
    most = min(across, max(len(record["targets"]) for record in records))

    def row(record: Record) -> list[Cell]:
        targets = list(record["targets"])
        shown = targets if len(targets) <= most else targets[: most - 1]
        cells = [replace(pictures.original(target), caption=pictures.targets[target]) for target in shown]
        if len(shown) < len(targets):
            cells.append(Cell(note=f"and {len(targets) - len(shown)} more"))
        cells += [Cell(blank=True)] * (most - len(cells))
        source = replace(pictures.original(record["source"]), caption=pictures.sources[record["source"]])
        return [source, *cells, pictures.result(record, Path(record["output"]).stem)]

    def page(part: Sequence[Record], title: str) -> Image.Image:
        plural = "targets" if most > 1 else "target"
        columns = ["source", plural, *[""] * (most - 1), "result"]
        return grid([row(record) for record in part], columns=columns, title=title)

    return [partial(page, records[i]) for i in evenly(len(records), down)]


def evenly(count: int, most: int) -> list[slice]:
    """Cuts a sequence into as few parts as hold no more than `most`, of about equal lengths."""
    parts = -(-count // most)
    bounds = [count * i // parts for i in range(parts + 1)]
    return [slice(start, end) for start, end in pairwise(bounds)]


def thumbnail(path: str | Path, edge: int) -> Image.Image:
    """A picture with its long edge at most `edge` pixels: upright, sRGB, opaque; never enlarged."""
    picture = read_image(Path(path))
    picture.thumbnail((edge, edge), reducing_gap=3)
    return picture


def ending(record: Record) -> str:
    """How a job ended, with the reason, for people; "" for one that did what it should."""
    status, reason = record["status"], record.get("error", "")
    if status == COMPLETE:
        return ""
    return f"{status}: {reason}" if reason and status not in reason else reason or status

"""`compare` and `stylize_grid`: several runs side by side on one sheet, as the paper's Figures 7 and 8."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from PIL import Image

from ..device import usual_modes
from ..errors import ConfigError, CxStyleError
from ..files import check_place, check_writable, write_whole
from ..pictures import (
    Cell,
    Photo,
    Picture,
    described,
    encode,
    fit_within,
    grid,
    on_white,
    opaque,
    read_photo,
    resize,
    save_picture,
    to_image,
    to_tensor,
)
from ..settings import StyleConfig
from ..transfer import Progress, Result, Targets, as_list, as_text, read_inputs, run_record, stylize, write_records

ACROSS = 6
"""Pictures in a row of a comparison, at most."""
ROLES = ("source", "target")
ENDS = {"diverged": "a loss was no longer finite", "out of memory": "memory ran out"}


@dataclass(frozen=True)
class Named:
    """A picture with what to call it, a short name, and where it came from."""

    picture: Photo
    name: str
    origin: str


@dataclass(frozen=True)
class Step:
    """What a callback is told: before each run with no progress, and after each of its iterations.

    Attributes:
        name: of the run.
        index: of the run, from 0.
        count: of the runs.
        progress: as `stylize` tells it.
    """

    name: str
    index: int
    count: int
    progress: Progress | None = None


Listener = Callable[[Step], bool | None]
"""Returning False ends the runs; what is done is kept."""


@dataclass(frozen=True)
class Outcome:
    """One run of several.

    Attributes:
        name: of the run.
        source: what it gives a look to.
        target: whose look that is.
        config: its settings.
        masks: of source and target, where the matching is held to their labels.
        result: of `stylize`; None where it failed or was not run.
        error: why it failed, or why its picture could not be written.
        path: of its own picture, where one was asked for and written.
    """

    name: str
    source: Named
    target: Named
    config: StyleConfig
    masks: tuple[Photo, Photo] | None = None
    result: Result | None = None
    error: str = ""
    path: Path | None = None

    @property
    def status(self) -> str:
        """As a result's; failed; or not run."""
        if self.result is not None:
            return self.result.status
        return "failed" if self.error else "not run"

    def cell(self, caption: str) -> Cell:
        """Its place on a sheet."""
        if self.result is None:
            return Cell(caption=caption, note=self.error or "not run")
        after = {
            "complete": f"{self.result.seconds['loop']:.0f} s",
            "stopped": f"stopped after {len(self.result.losses)} iterations",
        }
        ended = after.get(self.status) or ENDS[self.status]
        shown = to_image(on_white(self.result.picture, self.result.alpha))
        return Cell(shown, f"{caption}, {ended}" if caption else ended)

    def record(self) -> dict[str, Any]:
        """For `write_records`."""
        found: dict[str, Any] = {"name": self.name, "error": self.error} if self.error else {"name": self.name}
        pictures: dict[str, Any] = {"source": self.source.origin, "targets": [self.target.origin]}
        if self.masks is not None:
            source, target = (described(mask, f"{role} mask") for mask, role in zip(self.masks, ROLES, strict=True))
            pictures |= {"source_mask": source, "target_masks": [target]}
        if self.path is not None:
            pictures["result"] = str(self.path)
        if self.result is None:
            return found | {"pictures": pictures, "status": self.status, "settings": self.config.to_dict()}
        last = self.result.losses[-1] if self.result.losses else {}
        whole = run_record(
            pictures=pictures,
            settings=self.result.config.to_dict(),
            details=self.result.details.to_dict(),
            status=self.result.status,
            seconds=self.result.seconds,
            losses=self.result.losses,
        )
        return found | {"final_losses": last} | whole


@dataclass(frozen=True)
class Comparison:
    """What `compare` and `stylize_grid` return.

    Attributes:
        outcomes: of all runs, in their order.
        sheet: source, target and results, labelled.
    """

    outcomes: tuple[Outcome, ...]
    sheet: Image.Image

    @property
    def failed(self) -> list[Outcome]:
        """Runs that did not give what they should, those that were stopped aside."""
        return [o for o in self.outcomes if o.error or o.status in ENDS]

    @property
    def stopped(self) -> bool:
        """Whether the callback ended the runs."""
        return any(o.status in ("stopped", "not run") for o in self.outcomes)

    def save(self, path: str | Path) -> None:
        """Writes the sheet in the format of the suffix, whole or not at all.

        Raises:
            OutputError: it can't be written.
        """
        save_picture(to_tensor(self.sheet), path)

    def write_report(self, path: Path, *, replace: bool = True) -> Path:
        """Writes settings, losses, times and details of every run as JSON, as `write_records` does.

        Raises:
            OutputError: it can't be written.
        """
        return write_records(path, [outcome.record() for outcome in self.outcomes], replace=replace)


@usual_modes()
def compare(
    source: Picture,
    target: Picture,
    configs: Mapping[str, StyleConfig],
    *,
    callback: Listener | None = None,
    folder: Path | None = None,
    overwrite: bool = False,
    source_mask: Picture | None = None,
    target_mask: Picture | None = None,
) -> Comparison:
    """Runs several settings on one pair of pictures.

    A run that fails doesn't keep the others from running: `Comparison.failed` names it, and its place on the sheet says
    why.

    Args:
        source: as `stylize` takes it.
        target: the same.
        configs: settings by the name that they are to have on the sheet.
        callback: told of each run and iteration; returning False ends all.
        folder: where each result is written too, as SOURCE_TARGET_NAME.png, as soon as it is there.
        overwrite: replace existing files there.
        source_mask: as `stylize` takes it, for all runs.
        target_mask: the same.

    Raises:
        PictureError, ConfigError, OutputError: nothing was computed.
    """
    if not configs:
        raise ConfigError("presets: at least one is needed")
    pair = named(source, "source"), named(target, "target")
    own, other = (
        None if mask is None else read_photo(mask, f"{role} mask")
        for mask, role in zip((source_mask, target_mask), ROLES, strict=True)
    )
    read_inputs(pair[0].picture, pair[1].picture, None, own, other)  # refuses masks that can't be used
    masks = None if own is None or other is None else (own, other)
    jobs = [Outcome(name, *pair, config, masks) for name, config in configs.items()]
    stems = [f"{pair[0].name}_{pair[1].name}_{name}" for name in configs]
    read = [source, target, source_mask, target_mask, *(f for c in configs.values() for f in (c.init, c.weights))]
    outcomes = run_all(jobs, result_files(stems, folder, read, overwrite=overwrite), callback, overwrite)
    edge = long_edge(outcomes)
    cells = [Cell(shown(picture, edge), f"{role}: {picture.name}") for picture, role in zip(pair, ROLES, strict=True)]
    cells += [outcome.cell(outcome.name) for outcome in outcomes]
    across = math.ceil(len(cells) / math.ceil(len(cells) / ACROSS))
    return Comparison(outcomes, grid([cells[i : i + across] for i in range(0, len(cells), across)]))


@usual_modes()
def stylize_grid(
    sources: Targets,
    targets: Targets,
    config: StyleConfig | None = None,
    *,
    callback: Listener | None = None,
    folder: Path | None = None,
    overwrite: bool = False,
) -> Comparison:
    """Gives every source the look of every target: sources down, targets across.

    Args, failures and errors as `compare`; single results are SOURCE_TARGET.png.
    """
    config = config or StyleConfig.preset()
    left = [named(picture, f"source {i + 1}") for i, picture in enumerate(as_list(sources))]
    top = [named(picture, f"target {i + 1}") for i, picture in enumerate(as_list(targets))]
    if not left or not top:
        raise ConfigError("a grid needs at least one source and one target")
    jobs = [Outcome(f"{s.name} x {t.name}", s, t, config) for s in left for t in top]
    stems = [f"{job.source.name}_{job.target.name}" for job in jobs]
    files = result_files(
        stems, folder, [*as_list(sources), *as_list(targets), config.init, config.weights], overwrite=overwrite
    )
    outcomes = run_all(jobs, files, callback, overwrite)
    edge = long_edge(outcomes)
    rows: list[list[Cell]] = [[Cell(blank=True), *(Cell(shown(t, edge)) for t in top)]]
    for i, source in enumerate(left):
        results = outcomes[i * len(top) : (i + 1) * len(top)]
        # What took how long doesn't belong on a figure; what went wrong does.
        cells = [o.cell("") if o.status != "complete" else replace(o.cell(""), caption="") for o in results]
        rows.append([Cell(shown(source, edge)), *cells])
    columns, sides = ["", *(t.name for t in top)], ["", *(s.name for s in left)]
    return Comparison(outcomes, grid(rows, columns=columns, sides=sides))


def run_all(
    jobs: Sequence[Outcome], files: Sequence[Path | None], callback: Listener | None, overwrite: bool
) -> tuple[Outcome, ...]:
    """The jobs with their results, one after the other; once the callback says stop, the rest as they came."""
    outcomes: list[Outcome] = []
    for index, (job, file) in enumerate(zip(jobs, files, strict=True)):
        step = Step(job.name, index, len(jobs))
        stopped = index > 0 and outcomes[-1].status == "stopped"
        if stopped or (callback is not None and callback(step) is False):
            return (*outcomes, *jobs[index:])
        outcomes.append(run_one(job, file, step, callback, overwrite))
    return tuple(outcomes)


def run_one(job: Outcome, file: Path | None, step: Step, callback: Listener | None, overwrite: bool) -> Outcome:
    """A job with its result, or with why there is none."""

    def told(progress: Progress) -> bool | None:
        return None if callback is None else callback(replace(step, progress=progress))

    own, other = job.masks or (None, None)
    pair = job.source.picture, job.target.picture
    try:
        result = stylize(*pair, job.config, callback=told, source_mask=own, target_mask=other)
    except CxStyleError as error:
        return replace(job, error=str(error))
    job = replace(job, result=result)
    try:
        if file is not None:
            record = as_text(result.record)
            content = encode(result.picture, file.suffix, result.alpha, None, record, result.origin).content
            job = replace(job, path=write_whole(file, content, replace=overwrite))
            check_place(file, job.path or file)
    except CxStyleError as error:
        return replace(job, error=str(error))
    return job


def named(picture: Picture, fallback: str) -> Named:
    """Loads a picture and names it by its file.

    Raises:
        PictureError: it can't be read or used.
    """
    is_file = isinstance(picture, str | Path)
    origin = str(picture) if is_file else fallback
    return Named(read_photo(picture, fallback), Path(origin).stem if is_file else fallback, origin)


def result_files(
    stems: Iterable[str], folder: Path | None, read: Iterable[object], *, overwrite: bool
) -> list[Path | None]:
    """A file for each result, no two the same; nothing without a folder.

    Raises:
        OutputError: one of them is `read`, can't be written, or exists without `overwrite`.
    """
    inputs = [file for file in read if isinstance(file, str | Path)]
    files: list[Path | None] = []
    taken: set[str] = set()
    for stem in stems:
        name, number = stem, 2
        while name in taken:
            name, number = f"{stem}_{number}", number + 1
        taken.add(name)
        files.append(None if folder is None else folder / f"{name}.png")
    for file in files:
        if file is not None:
            check_writable(file, overwrite=overwrite, inputs=inputs)
    return files


def long_edge(outcomes: Sequence[Outcome]) -> int:
    """Pixels: of the largest result, or of what was asked for where there is none."""
    edges = [max(o.result.picture.shape[2:]) for o in outcomes if o.result is not None]
    return max(edges, default=max(o.config.size for o in outcomes))


def shown(picture: Named, edge: int) -> Image.Image:
    """A source or target at the size of the results."""
    colors = opaque(picture.picture)
    return to_image(resize(colors, *fit_within(colors, edge)))

"""`compare` and `stylize_grid`: small batches in memory, on one sheet, as the paper's Figures 7 and 8."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from PIL import Image

from ..device import usual_modes
from ..errors import ConfigError, CxStyleError, TakenError
from ..features import FeatureCache
from ..files import check_writable, write_whole
from ..pictures import Cell, Photo, Picture, grid, on_white, read_photo, save_image, shrunk, to_image
from ..settings import StyleConfig
from ..transfer import Inputs, Progress, Result, Run, Targets, as_list, prepare, read_inputs, versions, write_json
from .jobs import Job, in_order
from .naming import name_jobs
from .worker import REASONS


@dataclass(frozen=True)
class Step:
    """What a callback is told: before each run with no progress, and after each of its iterations.

    Attributes:
        name: of the run.
        index: from 0, in the order in which runs are done: those of one target one after another.
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
        job: its settings and pictures; these go by their files, or by their roles where they came from none.
        result: as of `stylize`; None where it failed or was not run.
        error: why it failed, or why its picture could not be written.
        path: of its own picture, where one was asked for and written.
    """

    name: str
    job: Job
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
        if self.result is None:
            return Cell(caption=caption, note=self.error or "not run")
        after = {
            "complete": f"{self.result.seconds['loop']:.0f} s",
            "stopped": f"stopped after {len(self.result.losses)} iterations",
        }
        ended = after.get(self.status) or REASONS[self.status].partition(";")[0]
        shown = to_image(on_white(self.result.picture, self.result.alpha))
        return Cell(shown, f"{caption}, {ended}" if caption else ended)

    def record(self) -> dict[str, Any]:
        found: dict[str, Any] = {"name": self.name, "error": self.error} if self.error else {"name": self.name}
        pictures = self.job.inputs() | ({"result": str(self.path)} if self.path else {})
        if self.result is None:
            return found | {"pictures": pictures, "status": self.status, "settings": self.job.config.to_dict()}
        found["final_losses"] = self.result.losses[-1] if self.result.losses else {}
        report = self.result.report(pictures)
        del report["versions"]  # told once for all runs
        return found | report


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
        return [o for o in self.outcomes if o.error or o.status in REASONS]

    @property
    def stopped(self) -> bool:
        """Whether the callback ended the runs."""
        return any(o.status in ("stopped", "not run") for o in self.outcomes)

    def save(self, path: str | Path) -> None:
        """Writes the sheet in the format of the suffix, whole or not at all.

        Raises:
            OutputError: it can't be written.
        """
        save_image(self.sheet, Path(path), replace=True)

    def write_report(self, path: Path, *, replace: bool = True) -> None:
        """Writes settings, losses, times and details of every run as JSON, {"versions": ..., "runs": [...]}.

        Raises:
            OutputError: it can't be written; or, not to be replaced, a file was there, and it is beside it.
        """
        content = {"versions": versions(), "runs": [outcome.record() for outcome in self.outcomes]}
        write_json(path, content, replace=replace)


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
        PictureError, ConfigError, OutputError: what was given can't be used; nothing was computed.
    """
    if not configs:
        raise ConfigError("presets: at least one is needed to compare")
    runs = Runs(callback, folder, overwrite)
    pair = runs.add(source, "source"), runs.add(target, "target")
    own = None if source_mask is None else runs.add(source_mask, "source mask")
    other = None if target_mask is None else runs.add(target_mask, "target mask")
    jobs = [Job(*pair, each, preset=name, source_mask=own, target_mask=other) for name, each in configs.items()]
    runs.inputs(jobs[0])  # refuses masks that can't be used
    outcomes = runs.go([*configs], jobs, "{source}_{target}_{preset}")
    edge = long_edge(outcomes)
    cells = [Cell(runs.shown(pair[0], edge), f"source: {pair[0].stem}")]
    cells += [Cell(runs.shown(pair[1], edge), f"target: {pair[1].stem}")]
    cells += [outcome.cell(outcome.name) for outcome in outcomes]
    across = math.ceil(len(cells) / math.ceil(len(cells) / 6))  # six in a row at most
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
    runs, config = Runs(callback, folder, overwrite), config or StyleConfig.preset()
    left = [runs.add(picture, f"source {i + 1}") for i, picture in enumerate(as_list(sources))]
    top = [runs.add(picture, f"target {i + 1}") for i, picture in enumerate(as_list(targets))]
    if not left or not top:
        raise ConfigError("a grid needs at least one source and one target")
    pairs = [(source, target) for source in left for target in top]
    names, jobs = [f"{s.stem} x {t.stem}" for s, t in pairs], [Job(*pair, config) for pair in pairs]
    outcomes = runs.go(names, jobs, "{source}_{target}")
    edge = long_edge(outcomes)
    rows: list[list[Cell]] = [[Cell(blank=True), *(Cell(runs.shown(file, edge)) for file in top)]]
    for i, source in enumerate(left):
        results = outcomes[i * len(top) : (i + 1) * len(top)]
        # What took how long doesn't belong on a figure; what went wrong does.
        cells = [o.cell("") if o.status != "complete" else replace(o.cell(""), caption="") for o in results]
        rows.append([Cell(runs.shown(source, edge)), *cells])
    return Comparison(outcomes, grid(rows, columns=["", *(t.stem for t in top)], sides=["", *(s.stem for s in left)]))


class Runs:
    """A batch in memory: pictures go by their files, or by their roles where they came from none."""

    def __init__(self, callback: Listener | None, folder: Path | None, overwrite: bool) -> None:
        self.callback, self.folder, self.overwrite = callback, folder, overwrite
        self.photos: dict[Path, Photo] = {}
        self.cache = FeatureCache()

    def add(self, picture: Picture, role: str) -> Path:
        """Reads a picture; returns what it goes by."""
        photo = read_photo(picture, role)
        self.photos[name := Path(photo.path or role)] = photo
        return name

    def shown(self, name: Path, edge: int) -> Image.Image:
        """A source or target at the size of the results."""
        return to_image(shrunk(on_white(self.photos[name].colors, self.photos[name].alpha), edge))

    def inputs(self, job: Job) -> Inputs:
        own = None if job.source_mask is None else self.photos[job.source_mask]
        other = self.photos[job.target_mask[0]] if job.target_mask else None
        return read_inputs(self.photos[job.source], self.photos[job.target[0]], None, own, other)

    def go(self, names: Sequence[str], jobs: Sequence[Job], template: str) -> tuple[Outcome, ...]:
        """What becomes of the jobs; once the callback says stop, the rest is not run."""
        if self.folder is not None:
            jobs = name_jobs(jobs, template, lambda i: names[i])
            read = {file for job in jobs for file in job.files()}
            check_writable(*(self.folder / job.output for job in jobs), overwrite=self.overwrite, inputs=read)
        found = {id(job): Outcome(name, job) for name, job in zip(names, jobs, strict=True)}
        for place, job in enumerate(in_order(jobs)):
            step = Step(found[id(job)].name, place, len(jobs))
            if self.callback is not None and self.callback(step) is False:
                break
            outcome = found[id(job)] = self.run(found[id(job)], step)
            if outcome.status == "stopped":
                break
        return tuple(found.values())

    def run(self, outcome: Outcome, step: Step) -> Outcome:
        """With its result, or with why there is none."""

        def told(progress: Progress) -> bool | None:
            return None if self.callback is None else self.callback(replace(step, progress=progress))

        started, job = time.perf_counter(), outcome.job
        try:
            result = Run(prepare(self.inputs(job), job.config, self.cache), started).go(told)
            outcome = replace(outcome, result=result)
            if self.folder is not None:
                path = self.folder / job.output
                write_whole(path, result.encoded(path.suffix).content, replace=self.overwrite)
                outcome = replace(outcome, path=path)
        except TakenError as error:
            return replace(outcome, error=str(error), path=error.place)
        except CxStyleError as error:
            return replace(outcome, error=str(error))
        return outcome


def long_edge(outcomes: Sequence[Outcome]) -> int:
    """Pixels: of the largest result, or of what was asked for where there is none."""
    edges = [max(o.result.picture.shape[2:]) for o in outcomes if o.result is not None]
    return max(edges, default=max(o.job.config.size for o in outcomes))

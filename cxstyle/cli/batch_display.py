"""What surrounds a batch on the command line: progress of all its workers, how it ends, and what it would do."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from tqdm import tqdm

from .. import transfer, web
from ..batch.jobs import Job
from ..batch.manifest import Record, plan_batch, seconds_of, work
from ..batch.pairing import counted
from ..checks import one_line
from .display import Display, in_short, used
from .outputs import tell
from .text import duration

if TYPE_CHECKING:
    from ..batch.run import BatchResult, Event

WORKER = "  {desc} |{bar}| {percentage:3.0f}%{postfix}"
HASHING = "hashing the pictures"
LISTED = 20
"""Failures that are named at the end; the manifest has them all."""


class BatchDisplay(Display):
    """Shows a batch as the options of these names say: on a terminal a line for all of it and one for each worker, else
    a line for each job."""

    stopping = "stopping after this iteration; finished jobs are kept (asked once more, at once)"
    bar_format = "{desc} |{bar}| {percentage:3.0f}% [{elapsed}{postfix}]"

    def __init__(self, folder: Path, *, json_lines: bool, quiet: bool, verbose: bool) -> None:
        super().__init__(quiet or json_lines)
        self.folder, self.json_lines, self.verbose = folder, json_lines, verbose
        self.lines: dict[str, tqdm[Any]] = {}
        self.bars = sys.stderr.isatty() and not self.quiet

    def go(self, jobs: Sequence[Job], sheet: bool, gallery: bool, **options: Any) -> None:
        """Does the jobs and `publish`; ends the process with 130 where it was stopped and 1 where one has failed."""
        from ..batch.run import run_batch

        with self:
            result = run_batch(jobs, self.folder, callback=self.step, **options)
        if self.json_lines:
            click.echo(json.dumps({"event": "finished", "stopped": result.stopped, **counts(result)}))
        publish(self.folder, result.ended(), sheet, gallery, self.quiet)
        self.finish(result)

    def step(self, event: Event) -> bool:
        if self.json_lines:
            click.echo(json.dumps(as_json(event)))
        elif event.kind == "hashing":
            self.note(HASHING)
        elif event.kind == "planned":
            skipped = f"; {event.skipped} are complete and unchanged" if event.skipped else ""
            self.note(f"{counted(event.left, 'job')} to do in {self.folder}{skipped}")
        elif event.kind == "ended" and event.record is not None:
            self.ended(event, event.record)
        elif self.bars:
            self.draw(event)
        return not self.interrupted

    def ended(self, event: Event, record: Record) -> None:
        name = record["output"]
        if record["status"] == "complete":
            how = f"{record['seconds']['loop']:.1f} s, {in_short(record['losses'])}"
            where = ", ".join(str(record[key]) for key in ("host", "device", "precision", "features"))
            text = f"{name} ({how}{f'; {where}' if self.verbose else ''})"
        else:
            text = f"{name}: {record['status']}: {one_line(record['error'])}"
        if not self.bars or record["status"] != "complete" or self.verbose:
            self.note(text if self.bars else f"{in_words(event)}: {text}")
        if self.verbose and event.details:
            lines = transfer.RunDetails(**event.details).explain(used(record["targets"], record.get("target_weights")))
            for line in lines:
                if line not in self.told:  # of the job before
                    self.note(f"  {line}")
            self.told = set(lines)
        if self.bars:
            self.draw(event)

    def draw(self, event: Event) -> None:
        self.move(in_words(event), "", event.share)
        if not event.worker or event.job is None:
            return
        if event.worker not in self.lines:
            place = len(self.lines) + 1
            self.lines[event.worker] = self.begin(total=1.0, bar_format=WORKER, position=place, leave=False)
        line, progress = self.lines[event.worker], event.progress
        place_of = f" {progress.place}" if progress else ""
        line.set_description_str(f"{event.worker}: {event.job.name}{place_of}", refresh=False)
        line.set_postfix_str(in_short(progress.losses) if progress else "", refresh=False)
        line.n = progress.done if progress else float(event.kind == "ended")
        line.refresh()

    def finish(self, result: BatchResult) -> None:
        known, failed = counts(result), result.failed
        if not self.quiet:
            click.echo(f"{known['complete']} of {known['jobs']} results are in {self.folder}")
        for record in failed[:LISTED]:
            tell(f"{record['output']}: {record['status']}: {one_line(record['error'])}")
        if failed:
            more = f" ({len(failed) - LISTED} more in the manifest)" if len(failed) > LISTED else ""
            tell(f"{len(failed)} of {known['jobs']} jobs failed{more}; the same command tries them again")
        if result.stopped:
            left = known["jobs"] - known["complete"]
            tell(f"stopped; what is done is kept, and the same command does the other {left}")
        if result.stopped or failed:
            sys.exit(130 if result.stopped else 1)


def publish(folder: Path, records: Sequence[Record], sheet: bool, gallery: bool, quiet: bool) -> None:
    """Makes sheets and a gallery of what there is, where asked for."""
    found: list[Path] = []
    if sheet and records:
        from ..batch.sheets import write_sheets

        found += write_sheets(folder, records)
    if gallery and records:
        found.append(web.write_gallery(folder, records))
    if not quiet:
        for path in found:
            click.echo(f"wrote {path}")


def counts(result: BatchResult) -> dict[str, int]:
    complete = sum(record["status"] == "complete" for record in result.ended())
    return {"jobs": len(result.planned), "complete": complete, "failed": len(result.failed)}


def as_json(event: Event) -> dict[str, Any]:
    left, job, progress = event.seconds_left, event.job, event.progress
    found = {"event": event.kind} | {name: getattr(event, name) for name in ("done", "skipped", "failed", "left")}
    found |= {"share": round(event.share, 4), "seconds": round(event.seconds, 3)}
    found["seconds_left"] = None if left is None else round(left, 1)
    found |= {} if job is None else {"output": job.output, "worker": event.worker}
    if progress is not None:
        found |= {"job_share": round(progress.done, 4), "place": progress.place, "losses": progress.losses}
    return found if event.record is None else found | {"record": event.record}


def in_words(event: Event) -> str:
    """3 of 12 done, 1 failed, 8 left, about 2 min."""
    failed = f", {event.failed} failed" if event.failed else ""
    left = f", about {duration(event.seconds_left)}" if event.left and event.seconds_left is not None else ""
    return f"{event.done} done{failed}, {event.left} left{left}"


def dry_run(jobs: Sequence[Job], folder: Path, shard: tuple[int, int] | None, force: bool, json_lines: bool) -> None:
    """Prints what would be done: sizes, work, and the time where the folder's manifest has jobs to learn from."""
    planned = plan_batch(jobs, folder, shard=shard)
    todo = [p for p in planned if force or not p.done]
    seconds = seconds_of((p.job for p in todo), folder)
    for p in planned:
        job, found = p.job, seconds.get(p.job.output)
        if json_lines:
            about = {"size": job.config.size, "work": round(work(job.config)), "seconds": found and round(found, 1)}
            line = {"output": job.output, "state": p.state, **job.inputs(), "preset": job.preset, **about}
            click.echo(json.dumps(line))
        else:
            time = f", about {duration(found)}" if found is not None else ""
            about_it = f"{job.config.size} px x {job.config.iterations}{time}"
            click.echo(f"{p.state:8}  {job.output}  {job.words}, {about_it}")
    if not json_lines:
        units = sum(work(p.job.config) for p in todo) / 1e6
        known = len(seconds) == len(todo) and todo
        time = f", about {duration(sum(seconds.values()))} for one worker" if known else ""
        counts = f"{len(todo)} of {len(planned)} jobs to do, {units:.3g} megapixels times iterations{time}"
        click.echo(f"{counts}; nothing was done")

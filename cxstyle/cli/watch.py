"""What surrounds a run on the command line: checks before it, progress during it, files after it."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..config import StyleConfig
from ..errors import OutputError
from ..files import check_writable, make_folder
from .names import free_name
from .progress import Display, labels_in_words

if TYPE_CHECKING:
    from ..progress import Progress, Result


@dataclass(frozen=True)
class Given:
    """What a run is given beside its settings, as `stylize` takes it.

    Attributes:
        source: picture.
        targets: pictures, one at least.
        weights: of the targets; None where all positions count the same.
        source_mask: of the source.
        target_masks: one for each target; none without masks.
    """

    source: Path
    targets: Sequence[Path]
    weights: Sequence[float] | None = None
    source_mask: Path | None = None
    target_masks: Sequence[Path] = ()

    def stem(self) -> tuple[str, ...]:
        """Parts of a name made of the pictures'."""
        return (self.source.stem, *(target.stem for target in self.targets))

    def taking_part(self, pictures: Sequence[Path]) -> list[str]:
        """Of the targets, or of their masks: those of a target whose weight is not 0."""
        weights = self.weights or [1.0] * len(pictures)
        return [str(picture) for picture, weight in zip(pictures, weights, strict=True) if weight > 0]

    def record(self) -> dict[str, Any]:
        """For the report, in which sizes and weights are those of the targets that take part."""
        found: dict[str, Any] = {"source": str(self.source), "targets": self.taking_part(self.targets)}
        if self.source_mask is not None:
            found |= {"source_mask": str(self.source_mask), "target_masks": self.taking_part(self.target_masks)}
        return found


class Watch:
    """One `cxstyle run`: knows the files, shows progress, stops on Ctrl-C, writes the result.

    Outputs are checked as it is made, before anything is read or computed.

    Raises:
        OutputError: an output can't be written.
    """

    def __init__(
        self,
        given: Given,
        *,
        output: Path | None,
        overwrite: bool,
        save_every: tuple[int, Path] | None,
        report: Path | None,
        quiet: bool,
        verbose: bool,
    ) -> None:
        from ..pictures.writing import check_output

        self.given = given
        self.output = output or free_name(*given.stem())
        self.report, self.save_every = report, save_every
        self.quiet, self.verbose = quiet, verbose
        self.display, self.steps = Display(quiet), 0
        check_output(self.output, overwrite=overwrite)
        if report is not None:
            check_writable(report, overwrite=overwrite)
            if report.resolve() == self.output.resolve():
                raise OutputError(f"{report} is both the result and the report; name two files")
        if save_every is not None:
            make_folder(save_every[1])

    def stylize(self, settings: StyleConfig) -> None:
        """Runs and writes; ends the process with 130 after Ctrl-C and 1 where a loss was not finite."""
        from ..optimize import stylize

        given = self.given
        with self.display:
            result = stylize(
                given.source,
                list(given.targets),
                settings,
                callback=self.step,
                weights=given.weights,
                source_mask=given.source_mask,
                target_mask=list(given.target_masks) or None,
            )
        self.finish(result)

    def step(self, progress: Progress) -> bool:
        """Called after each iteration."""
        self.steps += 1
        if self.steps == 1:
            self.announce(progress.details)
        self.display.show(progress)
        if self.save_every is not None and self.steps % self.save_every[0] == 0:
            self.save_intermediate(progress)
        return not self.display.interrupted

    def save_intermediate(self, progress: Progress) -> None:
        """A picture that can't be written is no reason to lose the run."""
        from ..pictures.writing import save_picture

        if self.save_every is None:
            return
        path = self.save_every[1] / f"{self.output.stem}_{self.steps:05d}.png"
        try:
            save_picture(progress.picture, path)
        except OutputError as error:
            self.display.note(f"{error}; no more intermediate pictures")
            self.save_every = None

    def announce(self, details: dict[str, Any]) -> None:
        """What was chosen: the network and labels without a counterpart always, the rest with -v."""
        self.display.note(f"features: {details['features']} ({details['weights_source']})")
        for line in [*details["notes"], *labels_in_words(details, shared=self.verbose)]:
            self.display.note(line)
        if self.verbose:
            width, height = details["result_size"]
            scales = ", ".join(f"{s['long_edge']} px x {s['iterations']}" for s in details["scales"])
            if "target_weights" in details:
                shares = zip(self.given.taking_part(self.given.targets), details["target_weights"], strict=True)
                self.display.note("targets: " + ", ".join(f"{target} {share:.0%}" for target, share in shares))
            self.display.note(f"device: {details['device']}")
            self.display.note(f"precision: {details['precision']}, {details['precision_reason']}")
            self.display.note(f"weights: {details['weights']}")
            self.display.note(f"memory: {memory_in_words(details['memory'])}")
            self.display.note(f"result: {width}x{height} px; scales: {scales} iterations")
        if details["kept_size"]:
            self.display.note(
                "the source is smaller than --size, so the result keeps its size; --enlarge goes beyond it"
            )

    def finish(self, result: Result) -> None:
        """Writes the result and the report, and says where and how it ended."""
        path = self.write(result)
        if self.report is not None:
            self.write_report(result, path)
        height, width = result.picture.shape[2:]
        done = f"{len(result.losses)} iterations in {result.seconds['loop']:.0f} s"
        if not self.quiet:
            click.echo(f"wrote {path} ({width}x{height} px, {done})")
        if result.status == "stopped":
            click.echo("cxstyle: stopped; the file holds the picture so far", err=True)
            sys.exit(130)
        if result.status == "diverged":
            click.echo(
                "cxstyle: a loss was no longer a finite number, so the run stopped; the file holds the last good "
                "picture. Lower the weights or the learning rate, or use --precision fp32",
                err=True,
            )
            sys.exit(1)
        if result.status == "out of memory":
            from ..optimize import ADVICE

            click.echo(f"cxstyle: memory ran out; the file holds the picture so far. For the rest, {ADVICE}", err=True)
            sys.exit(1)

    def write(self, result: Result) -> Path:
        """Writes the picture; where the place has become unwritable, to another, rather than lose it."""
        try:
            result.save(self.output)
        except OutputError as error:
            click.echo(f"cxstyle: {error}", err=True)
            refuge = Path(tempfile.mkdtemp(prefix="cxstyle-")) / self.output.name
            result.save(refuge)
            return refuge
        return self.output

    def write_report(self, result: Result, path: Path) -> None:
        from ..report import write_record

        if self.report is not None:
            write_record(
                self.report,
                pictures=self.given.record() | {"result": str(path)},
                settings=result.config.to_dict(),
                details=result.details,
                status=result.status,
                seconds=result.seconds,
                losses=result.losses,
            )


def memory_in_words(memory: dict[str, float]) -> str:
    """About 1.2 GB of 19.6 GB, the network in 6 tiles."""
    from ..memory import in_words

    cut = f"the network in {memory['tiles']} tiles" if memory["tiles"] > 1 else "the network whole"
    return f"about {in_words(memory['estimate'])} of {in_words(memory['budget'])}, {cut}"

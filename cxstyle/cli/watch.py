"""What surrounds a run on the command line: checks before it, progress during it, files after it."""

from __future__ import annotations

import signal
import sys
import tempfile
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click
from tqdm import tqdm

from ..config import StyleConfig
from ..errors import OutputError
from ..files import check_writable
from .names import free_name, make_folder

if TYPE_CHECKING:
    from ..progress import Progress, Result

BAR = "{desc} |{bar}| {percentage:3.0f}% [{elapsed}<{remaining}{postfix}]"


class Watch:
    """One `cxstyle run`: knows the files, shows progress, stops on Ctrl-C, writes the result.

    Outputs are checked as it is made, before anything is read or computed.

    Raises:
        OutputError: an output can't be written.
    """

    def __init__(
        self,
        source: Path,
        target: Path,
        *,
        output: Path | None,
        overwrite: bool,
        save_every: tuple[int, Path] | None,
        report: Path | None,
        quiet: bool,
        verbose: bool,
    ) -> None:
        from ..image import check_output

        self.source, self.target = source, target
        self.output = output or free_name(f"{source.stem}_{target.stem}")
        self.report, self.save_every = report, save_every
        self.quiet, self.verbose = quiet, verbose
        self.bar: tqdm[Any] | None = None
        self.steps, self.interrupted = 0, False
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

        before = signal.signal(signal.SIGINT, self.interrupt)
        try:
            result = stylize(self.source, self.target, settings, callback=self.step)
        finally:
            signal.signal(signal.SIGINT, before)
            if self.bar is not None:
                self.bar.close()
        self.finish(result)

    def interrupt(self, _number: int, _frame: FrameType | None) -> None:
        """First Ctrl-C: stop after this iteration. Second: at once, and nothing is kept."""
        if self.interrupted:
            raise KeyboardInterrupt
        self.interrupted = True
        self.note("stopping after this iteration (Ctrl-C again to stop at once and keep nothing)")

    def step(self, progress: Progress) -> bool:
        """Called after each iteration."""
        self.steps += 1
        if self.steps == 1:
            self.announce(progress.details)
            # tqdm hides the bar by itself where stderr is not a terminal.
            self.bar = tqdm(total=1.0, bar_format=BAR, disable=True if self.quiet else None, dynamic_ncols=True)
        if self.bar is not None:
            place = f"scale {progress.scale}/{progress.scales} ({progress.size[1]}x{progress.size[0]})"
            self.bar.set_description_str(f"{place} iteration {progress.iteration}/{progress.iterations}", refresh=False)
            self.bar.set_postfix_str(in_short(progress.losses), refresh=False)
            self.bar.update(progress.done - self.bar.n)
        if self.save_every is not None and self.steps % self.save_every[0] == 0:
            self.save_intermediate(progress)
        return not self.interrupted

    def save_intermediate(self, progress: Progress) -> None:
        """A picture that can't be written is no reason to lose the run."""
        from ..image import save_picture

        if self.save_every is None:
            return
        path = self.save_every[1] / f"{self.output.stem}_{self.steps:05d}.png"
        try:
            save_picture(progress.picture, path)
        except OutputError as error:
            self.note(f"{error}; no more intermediate pictures")
            self.save_every = None

    def announce(self, details: dict[str, Any]) -> None:
        """What was chosen: the network always, the rest with -v."""
        self.note(f"features: {details['features']} ({details['weights_source']})")
        if self.verbose:
            width, height = details["result_size"]
            scales = ", ".join(f"{s['long_edge']} px x {s['iterations']}" for s in details["scales"])
            self.note(f"device: {details['device']}")
            self.note(f"precision: {details['precision']}, {details['precision_reason']}")
            self.note(f"weights: {details['weights']}")
            self.note(f"memory: {memory_in_words(details['memory'])}")
            self.note(f"result: {width}x{height} px; scales: {scales} iterations")
        if details["kept_size"]:
            self.note("the source is smaller than --size, so the result keeps its size; --enlarge goes beyond it")

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
            pictures = {"source": str(self.source), "target": str(self.target), "result": str(path)}
            write_record(
                self.report,
                pictures=pictures,
                settings=result.config.to_dict(),
                details=result.details,
                status=result.status,
                seconds=result.seconds,
                losses=result.losses,
            )

    def note(self, text: str) -> None:
        """A line on stderr that leaves the progress bar whole."""
        if not self.quiet:
            tqdm.write(text, file=sys.stderr)


def memory_in_words(memory: dict[str, float]) -> str:
    """About 1.2 GB of 19.6 GB, the network in 6 tiles."""
    from ..memory import in_words

    cut = f"the network in {memory['tiles']} tiles" if memory["tiles"] > 1 else "the network whole"
    return f"about {in_words(memory['estimate'])} of {in_words(memory['budget'])}, {cut}"


def in_short(losses: dict[str, float]) -> str:
    """One number for each kind of term: "style 3.58, content 0.0619, tv 0.00399"."""
    kinds: dict[str, float] = {}
    for name, value in losses.items():
        if name != "total":
            kind = name.split()[0]
            kinds[kind] = kinds.get(kind, 0) + value
    return ", ".join(f"{kind} {value:.3g}" for kind, value in kinds.items())

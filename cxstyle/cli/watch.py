"""What surrounds a run on the command line: checks before it, progress during it, files after it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..config import StyleConfig
from ..errors import FormatError, OutputError
from ..files import check_space, check_writable, make_folder, write_whole
from ..pictures.formats import Writing, check_size, format_of
from .decided import decisions
from .names import free_name, numbered
from .pipes import NAME, PIPE, check_stdin, check_stdout, from_stdin, to_stdout
from .progress import Display, labels_in_words
from .refuge import keep

if TYPE_CHECKING:
    from ..progress import Progress, Result

PIXEL_BYTES = 4
"""Of a picture file of 8 bits at most: four channels, not compressed."""
REPORT_BYTES, LOSS_BYTES = 20_000, 30
"""Of a report at most, and of each number in it beside its name."""


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
        return tuple(NAME if path == PIPE else path.stem for path in (self.source, *self.targets))

    def files(self) -> list[Path]:
        """Source, targets, and the masks in the same order."""
        masks = [] if self.source_mask is None else [self.source_mask]
        return [self.source, *self.targets, *masks, *self.target_masks]

    def at(self, files: list[Path]) -> Given:
        """The same with its files elsewhere, in the order of `files`."""
        rest = iter(files)
        return replace(
            self,
            source=next(rest),
            targets=[next(rest) for _ in self.targets],
            source_mask=None if self.source_mask is None else next(rest),
            target_masks=[next(rest) for _ in self.target_masks],
        )

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
        kind: str | None = None,
        writing: Writing | None = None,
        overwrite: bool,
        save_every: tuple[int, Path] | None,
        report: Path | None,
        quiet: bool,
        verbose: bool,
    ) -> None:
        from ..pictures.writing import check_output

        if kind and output not in (None, PIPE):
            raise click.UsageError(f"--format is for -o -, and for no -o at all; {output} says its own by its suffix")
        check_stdout(output)
        check_stdin(given.files())
        self.given, self.piped, self.writing = given, output == PIPE, writing or Writing()
        suffix = f".{kind or 'png'}"
        # What goes to stdout has a name all the same: for its format, and for a refuge.
        self.output = output if output and not self.piped else free_name(*given.stem(), suffix=suffix)
        self.report, self.save_every = report, save_every
        self.quiet, self.verbose = quiet, verbose
        self.display, self.steps, self.misplaced = Display(quiet), 0, False
        if self.piped:
            self.writing.check(self.output)
        else:
            check_output(self.output, overwrite=overwrite, writing=self.writing)
        if report is not None:
            check_writable(report, overwrite=overwrite)
            if report.resolve() == self.output.resolve():
                raise OutputError(f"{report} is both the result and the report; name two files")
        if save_every is not None:
            make_folder(save_every[1])

    def stylize(self, settings: StyleConfig) -> None:
        """Runs and writes; ends the process with 130 after Ctrl-C and 1 where a loss was not finite."""
        from ..optimize import stylize

        with from_stdin(self.given.files()) as files, self.display:
            given = self.given.at(files)
            result = stylize(
                given.source,
                list(given.targets),
                settings,
                callback=self.step,
                begin=self.begin,
                weights=given.weights,
                source_mask=given.source_mask,
                target_mask=list(given.target_masks) or None,
            )
        self.finish(result)

    def begin(self, details: dict[str, Any]) -> None:
        """Called before the first iteration.

        Raises:
            OutputError: the result is too large for its format, or there is not enough space for what will be written.
        """
        width, height = details["result_size"]
        check_size(self.output, height, width)
        check_space(self.sizes(details))
        self.announce(details)

    def sizes(self, details: dict[str, Any]) -> Iterator[tuple[Path, float]]:
        """Bytes of all that will be written, at most."""
        width, height = details["result_size"]
        picture = width * height * PIXEL_BYTES
        iterations = sum(scale["iterations"] for scale in details["scales"])
        if not self.piped:
            yield self.output, 2 * picture  # in 16 bits
        if self.save_every is not None:
            yield self.save_every[1], picture * (iterations // self.save_every[0])
        if self.report is not None:
            names = ["scale", "iteration", "total", *(term["name"] for term in details["terms"])]
            yield self.report, REPORT_BYTES + iterations * sum(LOSS_BYTES + len(name) for name in names)

    def step(self, progress: Progress) -> bool:
        """Called after each iteration."""
        self.steps += 1
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
            self.display.error(f"cxstyle: {error}; no more intermediate pictures")
            self.save_every, self.misplaced = None, True

    def announce(self, details: dict[str, Any]) -> None:
        """What was chosen: the network and labels without a counterpart always, the rest with -v."""
        self.display.note(f"features: {details['features']} ({details['weights_source']})")
        for line in [*details["notes"], *labels_in_words(details, shared=self.verbose)]:
            self.display.note(line)
        if self.verbose:
            for line in decisions(details, self.given.taking_part(self.given.targets)):
                self.display.note(line)
            if self.writing.metadata and not format_of(self.output).tagged:
                self.display.note(f"metadata: none, {self.output.suffix} holds none")
        if details["kept_size"]:
            self.display.note(
                "the source is smaller than --size, so the result keeps its size; --enlarge goes beyond it"
            )

    def finish(self, result: Result) -> None:
        """Writes the result and the report, and says where and how it ended."""
        path = self.write(result)
        if self.report is not None:
            self.write_report(result, path, self.report)
        height, width = result.picture.shape[2:]
        done = f"{len(result.losses)} iterations in {result.seconds['loop']:.0f} s"
        if not self.quiet:
            click.echo(f"wrote {'stdout' if path == PIPE else path} ({width}x{height} px, {done})", err=self.piped)
        if result.status == "stopped":
            click.echo("cxstyle: stopped; the file holds the picture so far", err=True)
            sys.exit(1 if self.misplaced else 130)
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
        if self.misplaced:
            sys.exit(1)

    def write(self, result: Result) -> Path:
        """Writes the picture; where its format fails, as PNG, and where its place has become unwritable, to another,
        rather than lose it."""
        from ..pictures.writing import encode

        wanted, suffix = self.output, self.output.suffix
        try:
            encoded = encode(result.picture, suffix, result.alpha, self.writing, result.record, result.origin)
        except FormatError as error:
            wanted = numbered(self.output.with_suffix(".png"))
            click.echo(f"cxstyle: {error}; it goes to {wanted}", err=True)
            encoded = encode(result.picture, ".png", result.alpha, Writing(bits=8, metadata=False))
        for note in encoded.notes:
            self.display.note(note)
        to_pipe = self.piped and wanted == self.output

        def put(path: Path) -> None:
            if to_pipe and path == wanted:
                to_stdout(encoded.content)
            else:
                write_whole(path, encoded.content)

        path = keep(wanted, put)
        self.misplaced |= path != self.output
        if to_pipe and path == wanted:
            return PIPE
        return path

    def write_report(self, result: Result, path: Path, report: Path) -> None:
        """Beside the picture that is at `path`, in the same way."""
        from ..report import write_record

        write = partial(
            write_record,
            pictures=self.given.record() | {"result": str(path)},
            settings=result.config.to_dict(),
            details=result.details,
            status=result.status,
            seconds=result.seconds,
            losses=result.losses,
        )
        try:
            self.misplaced |= keep(report, write) != report
        except OutputError as error:  # the picture is there, and that is still to be said
            click.echo(f"cxstyle: {error}", err=True)
            self.misplaced = True

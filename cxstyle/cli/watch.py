"""What surrounds a run on the command line: checks before it, progress during it, files after it."""

from __future__ import annotations

import glob
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import FormatError, OutputError
from ..files import check_place, check_space, check_writable, free, make_folder, numbers, remove_partial, write_whole
from ..pictures import Writing, check_size, format_of
from ..settings import StyleConfig
from .given import Given
from .keep import Keep, Lasting
from .names import free_name
from .pipes import PIPE, check_stdin, check_stdout, from_stdin, to_stdout
from .progress import Display, labels_in_words
from .refuge import keep, told

if TYPE_CHECKING:
    from ..pictures import Movie
    from ..transfer import Progress, Result, RunDetails

PIXEL_BYTES = 4
"""Of a picture file of 8 bits at most: four channels, not compressed."""
REPORT_BYTES, LOSS_BYTES = 20_000, 30
"""Of a report at most, and of each number in it beside its name."""
MOVIE_BYTES, FRAME_BYTES = 1.5, 3
"""For each pixel of a frame at most, in a movie and in the checkpoint of its run."""
STATE_BYTES = {"adam": 90, "lbfgs": 730}
"""For each pixel of a picture in a checkpoint at most, by optimizer; L-BFGS remembers 20 steps, twice."""


class Watch:
    """One `cxstyle run`: knows the files, shows progress, stops when asked to, writes the result.

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
        lasting: Lasting | None = None,
    ) -> None:
        if kind and output not in (None, PIPE):
            raise click.UsageError(f"--format is for -o -, and for no -o at all; {output} says its own by its suffix")
        check_stdout(output)
        check_stdin(given.files())
        self.given, self.overwrite, self.made_up = given, overwrite, output is None
        self.inputs = [*given.files(), *given.others]
        self.piped, self.writing = output == PIPE, writing or Writing()
        suffix = f".{kind or 'png'}"
        self.keep = Keep(lasting or Lasting(), output, given.stem(), suffix, overwrite=overwrite)
        # What goes to stdout has a name all the same: for its format, and for a refuge.
        self.output = free_name(*given.stem(), suffix=suffix) if self.piped else self.keep.output
        self.movie_file = lasting.movie if lasting else None
        self.movie: Movie | None = None
        self.report, self.save_every = report, save_every
        self.quiet, self.verbose = quiet, verbose
        self.display, self.steps, self.misplaced = Display(quiet), 0, False
        self.keep.check(overwrite=overwrite, note=self.display.note)
        self.check()
        if save_every is not None:
            make_folder(save_every[1])
            for path in save_every[1].glob(f"{glob.escape(self.output.stem)}_{'[0-9]' * 5}*.png"):
                check_writable(path, overwrite=overwrite or self.keep.resume, inputs=self.inputs)

    def check(self) -> None:
        """Makes sure that the files can be written."""
        from ..pictures import check_movie, check_output

        self.writing.check(self.output)
        checks: list[tuple[Path, str, Callable[..., None]]] = []
        checks += [(self.output, "result", check_output)] if not self.piped else []
        checks += [(self.report, "report", check_writable)] if self.report is not None else []
        checks += [(self.movie_file, "movie", check_movie)] if self.movie_file is not None else []
        kept = self.keep.checkpoint
        taken = {}
        if kept is not None:
            check_writable(kept.path, overwrite=True, inputs=self.inputs)
            taken[kept.path.resolve()] = "checkpoint"
        for path, what, check in checks:
            check(path, overwrite=self.overwrite or self.keep.owns(path), inputs=self.inputs)
            other = taken.setdefault(path.resolve(), what)
            if other != what:
                raise OutputError(f"{path} is both the {other} and the {what}; name two files")
        # Of a run of the same files that was killed.
        remove_partial([path for path, *_ in checks] + ([] if kept is None else [kept.path]))

    def stylize(self, settings: StyleConfig) -> None:
        """Runs and writes; ends the process with 130 where it was stopped and 1 where a loss was not finite."""
        from ..pictures import Movie
        from ..transfer import stylize

        checkpoint = self.keep.checkpoint
        if self.movie_file is not None:
            every = None if self.save_every is None else self.save_every[0]
            self.movie = Movie(settings.iterations, every, None if checkpoint is None else checkpoint.extra)
        with from_stdin(self.given.files()) as files, self.display:
            given = self.given.at(files)
            result = stylize(
                given.source,
                list(given.targets),
                settings,
                callback=self.step,
                begin=partial(self.begin, settings.optimizer.name),
                weights=given.weights,
                source_mask=given.source_mask,
                target_mask=list(given.target_masks) or None,
                checkpoint=checkpoint,
                resume=self.keep.resume,
            )
        self.finish(result)

    def begin(self, optimizer: str, details: RunDetails) -> None:
        """Called before the first iteration of a run with an optimizer of this name.

        Raises:
            OutputError: the result is too large for its format, or there is not enough space for what will be written.
        """
        width, height = details["result_size"]
        check_size(self.output, height, width)
        check_space(self.sizes(optimizer, details))
        self.announce(details)
        self.steps = self.keep.began(self.display.note)

    def sizes(self, optimizer: str, details: RunDetails) -> Iterator[tuple[Path, float]]:
        """Bytes of all that will be written, at most."""
        from ..pictures import LONG_EDGE

        width, height = details["result_size"]
        picture = width * height * PIXEL_BYTES
        iterations = sum(scale["iterations"] for scale in details["scales"])
        names = ["scale", "iteration", "total", *(term["name"] for term in details["terms"])]
        record = REPORT_BYTES + iterations * sum(LOSS_BYTES + len(name) for name in names)
        frames = iterations // self.movie.every + 2 if self.movie is not None else 0
        if not self.piped:
            yield self.output, 2 * picture  # in 16 bits
        if self.save_every is not None:
            yield self.save_every[1], picture * (iterations // self.save_every[0])
        if self.report is not None:
            yield self.report, record
        if self.movie_file is not None:
            shrunk = min(1, LONG_EDGE / max(width, height)) ** 2
            yield self.movie_file, frames * (MOVIE_BYTES * width * height * shrunk + 1000)
        kept = self.keep.checkpoint
        if kept is not None and kept.active:  # what nobody has asked for is no reason to refuse
            each = STATE_BYTES[optimizer] + frames * FRAME_BYTES
            yield kept.path, 2 * (width * height * each + record)  # the next one is written beside it

    def step(self, progress: Progress) -> bool:
        """Called after each iteration."""
        self.steps += 1
        self.display.show(progress)
        self.keep.step(self.display.note)
        if self.movie is not None:
            self.movie.add(self.steps, progress.picture)
        if self.save_every is not None and self.steps % self.save_every[0] == 0:
            self.save_intermediate(progress)
        return not self.display.interrupted

    def save_intermediate(self, progress: Progress) -> None:
        """A picture that can't be written is no reason to lose the run."""
        from ..pictures import encode

        if self.save_every is None:
            return
        path = self.save_every[1] / f"{self.output.stem}_{self.steps:05d}.png"
        try:
            content = encode(progress.picture, ".png").content
            check_place(path, write_whole(path, content, replace=self.overwrite or self.keep.resume))
        except OutputError as error:
            self.display.error(f"cxstyle: {error}; no more intermediate pictures")
            self.save_every, self.misplaced = None, True

    def announce(self, details: RunDetails) -> None:
        """What was chosen: the network and labels without a counterpart always, the rest with -v."""
        self.display.note(f"features: {details['features']} ({details['weights_source']})")
        for line in [*details["notes"], *labels_in_words(details, shared=self.verbose)]:
            self.display.note(line)
        if self.verbose:
            for line in details.explain(self.given.taking_part(self.given.targets)):
                self.display.note(line)
            if self.writing.metadata and not format_of(self.output).tagged:
                self.display.note(f"metadata: none, {self.output.suffix} holds none")
        if details["kept_size"]:
            self.display.note(
                "the source is smaller than --size, so the result keeps its size; --enlarge goes beyond it"
            )

    def finish(self, result: Result) -> None:
        """Writes all files, and says where and how it ended."""
        path = self.write(result)
        if self.report is not None:
            self.write_report(result, path, self.report)
        height, width = result.picture.shape[2:]
        done = f"{len(result.losses)} iterations in {result.seconds['loop']:.0f} s"
        if not self.quiet:
            click.echo(f"wrote {'stdout' if path == PIPE else path} ({width}x{height} px, {done})", err=self.piped)
        movie = self.film(result)
        further = self.keep.finished(result.status)
        if result.status != "complete":
            click.echo(f"cxstyle: {ending(result.status)}{further}", err=True)
        if result.status != "complete" or self.misplaced or movie != self.movie_file:
            sys.exit(130 if result.status == "stopped" and not self.misplaced else 1)

    def film(self, result: Result) -> Path | None:
        """Makes the movie, if any; where that fails it says so, and all else is there. Where it is."""
        file = self.movie_file
        if self.movie is None or file is None:
            return None
        try:
            place = told(file, self.movie.write(file, result.picture, replace=self.may_replace(file)))
        except (OutputError, KeyboardInterrupt) as error:
            why = str(error) if isinstance(error, OutputError) else f"stopped while {file} was made, which is left out"
            click.echo(f"cxstyle: {why}", err=True)
            return None
        if not self.quiet:
            click.echo(f"wrote {place}")
        return place

    def may_replace(self, path: Path) -> bool:
        """Whether what is at a path now may go."""
        return self.overwrite or self.keep.owns(path)

    def write(self, result: Result) -> Path:
        """Writes the picture; where its format fails, as PNG, and where its place has become unwritable, to another,
        rather than lose it."""
        from ..pictures import encode
        from ..transfer import as_text

        wanted, suffix = self.output, self.output.suffix
        try:
            encoded = encode(result.picture, suffix, result.alpha, self.writing, as_text(result.record), result.origin)
        except FormatError as error:
            wanted = free(numbers(self.output.with_suffix(".png")))
            click.echo(f"cxstyle: {error}; it goes to {wanted}", err=True)
            encoded = encode(result.picture, ".png", result.alpha, Writing(bits=8, metadata=False))
        for note in encoded.notes:
            self.display.note(note)
        to_pipe = self.piped and wanted == self.output

        def put(path: Path) -> Path:
            if not to_pipe or path != wanted:
                return write_whole(path, encoded.content, replace=self.may_replace(path))
            to_stdout(encoded.content)
            return path

        path = keep(wanted, put)
        # A made-up name is numbered where it is taken, before the run or since.
        self.misplaced |= path != self.output and not (self.made_up and path.parent == self.output.parent)
        if to_pipe and path == wanted:
            return PIPE
        return path

    def write_report(self, result: Result, path: Path, report: Path) -> None:
        """Beside the picture that is at `path`, in the same way."""
        from ..transfer import write_record

        write = partial(
            write_record,
            replace=self.may_replace(report),
            pictures=self.given.record() | {"result": str(path)},
            settings=result.config.to_dict(),
            details=result.details,
            status=result.status,
            seconds=result.seconds,
            losses=result.losses,
        )
        try:
            place = keep(report, write)
        except OutputError as error:  # the picture is there, and that is still to be said
            click.echo(f"cxstyle: {error}", err=True)
            place = None
        self.misplaced |= place != report


def ending(status: str) -> str:
    """How a run has ended that is not complete, and what to do."""
    from ..transfer import ADVICE

    diverged = "a loss was no longer a finite number, so the run stopped; the file holds the last good picture. Lower "
    return {
        "stopped": "stopped; the file holds the picture so far",
        "diverged": diverged + "the weights or the learning rate, or use --precision fp32",
        "out of memory": f"memory ran out; the file holds the picture so far. For the rest, {ADVICE}",
    }[status]

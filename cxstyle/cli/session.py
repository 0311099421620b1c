"""One `cxstyle run`: its files are checked before it, progress is shown during it, and files are written after it."""

from __future__ import annotations

import contextlib
import glob
import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import FormatError, OutputError
from ..files import check_place, check_space, check_writable, free, make_folder, numbered, remove_partial, write_whole
from ..pictures import Writing, check_size, format_of
from ..settings import StyleConfig
from .checkpoint import CheckpointOptions, RunCheckpoint, result_name
from .display import Display, labels_in_words
from .inputs import PIPE, RunInputs, check_stdin
from .outputs import OutputFiles, made_up, tell
from .signals import STOPPED

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


@dataclass(frozen=True)
class RunOutputs:
    """What a run writes and says, as the options of the same names have it."""

    output: Path | None = None
    kind: str | None = None
    overwrite: bool = False
    save_every: tuple[int, Path] | None = None
    report: Path | None = None
    movie: Path | None = None
    quiet: bool = False
    verbose: bool = False


class RunSession:
    """One `cxstyle run`: knows the files, shows progress, stops when asked to, writes the result.

    Args:
        inputs: pictures and masks.
        outputs: what is written and said.
        keeping: of the run's state.
        writing: how the result is written.
        read: files that settings come from or name.

    Raises:
        OutputError: an output can't be written; nothing was read or computed.
    """

    def __init__(
        self,
        inputs: RunInputs,
        outputs: RunOutputs | None = None,
        keeping: CheckpointOptions | None = None,
        writing: Writing | None = None,
        read: Sequence[str | Path] = (),
    ) -> None:
        self.inputs, self.outputs, self.writing = inputs, outputs or RunOutputs(), writing or Writing()
        keeping, asked = keeping or CheckpointOptions(), self.outputs
        check_stdin(inputs.files())
        check_stdout(asked)
        self.piped = asked.output == PIPE
        # What goes to stdout has a name all the same: for its format, and where stdout fails.
        named = None if self.piped else asked.output
        self.output = named or result_name(made_up(inputs.names(), f".{asked.kind or 'png'}"), keeping)
        self.kept = RunCheckpoint(keeping, self.output, overwrite=asked.overwrite, piped=self.piped)
        self.files = OutputFiles(asked.overwrite or self.kept.going_on, [*inputs.files(), *read])
        self.save_every, self.steps = asked.save_every, 0
        self.movie: Movie | None = None
        self.display = Display(asked.quiet)
        if keeping.resume and not self.kept.going_on:
            self.check_missing()
        self.check()

    def check_missing(self) -> None:
        """Where the run is to go on and there is nothing to go on from, it starts, or all has been done."""
        if self.kept.state is None:
            return
        missing = f"there is no checkpoint {self.kept.state.path}"
        if self.output.exists() and not self.outputs.overwrite:
            self.display.note(f"{missing}, and {self.output} exists: nothing to do (--overwrite makes it again)")
            sys.exit(0)
        self.display.note(f"{missing}; starting from the beginning")

    def check(self) -> None:
        """Makes sure that the files can be written."""
        from ..pictures import check_movie, check_output

        self.writing.check(self.output)
        if self.kept.state is not None:
            check_writable(self.kept.state.path, overwrite=True, inputs=self.files.inputs)
            self.files.known[self.kept.state.path.resolve()] = "checkpoint"
        self.files.check(None if self.piped else self.output, "result", check_output)
        self.files.check(self.outputs.report, "report")
        self.files.check(self.outputs.movie, "movie", check_movie)
        # Of a run of the same files that was killed.
        remove_partial(self.files.known)
        if self.save_every is not None:
            make_folder(self.save_every[1])
            for path in self.save_every[1].glob(f"{glob.escape(self.output.stem)}_{'[0-9]' * 5}*.png"):
                check_writable(path, overwrite=self.files.overwrite, inputs=self.files.inputs)

    def stylize(self, settings: StyleConfig) -> None:
        """Runs and writes; ends the process with 130 where it was stopped and 1 where a loss was not finite."""
        from ..pictures import Movie
        from ..transfer import stylize

        state = self.kept.state
        if self.outputs.movie is not None:
            every = None if self.save_every is None else self.save_every[0]
            self.movie = Movie(settings.iterations, every, None if state is None else state.extra)
        try:
            with self.display:
                result = stylize(
                    **self.inputs.arguments(),
                    config=settings,
                    callback=self.step,
                    begin=partial(self.begin, settings.optimizer.name),
                    checkpoint=state,
                    resume=self.kept.going_on,
                )
        except KeyboardInterrupt:
            tell(STOPPED)
            self.tell_how_to_go_on()
            sys.exit(130)
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
        if self.kept.state is not None and self.kept.state.steps:
            self.steps = self.kept.state.steps
            self.display.note(f"going on after iteration {self.steps} ({self.kept.state.path})")

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
        if self.outputs.report is not None:
            yield self.outputs.report, record
        if self.outputs.movie is not None:
            shrunk = min(1, LONG_EDGE / max(width, height)) ** 2
            yield self.outputs.movie, frames * (MOVIE_BYTES * width * height * shrunk + 1000)
        state = self.kept.state
        if state is not None and state.active:  # what nobody has asked for is no reason to refuse
            each = STATE_BYTES[optimizer] + frames * FRAME_BYTES
            yield state.path, 2 * (width * height * each + record)  # the next one is written beside it

    def announce(self, details: RunDetails) -> None:
        """What was chosen: the network and labels without a counterpart always, the rest with -v."""
        verbose, note = self.outputs.verbose, self.display.note
        note(f"features: {details['features']} ({details['weights_source']})")
        lines = [*details["notes"], *labels_in_words(details, shared=verbose)]
        if verbose:
            lines += details.explain(self.inputs.used(self.inputs.targets))
            if self.writing.metadata and not format_of(self.output).tagged:
                lines.append(f"metadata: none, {self.output.suffix} holds none")
        if details["kept_size"]:
            lines.append("the source is smaller than --size, so the result keeps its size; --enlarge goes beyond it")
        for line in lines:
            note(line)

    def step(self, progress: Progress) -> bool:
        """Called after each iteration."""
        self.steps += 1
        self.display.show(progress)
        self.kept.step(self.display.note)
        if self.movie is not None:
            self.movie.add(self.steps, progress.picture)
        if self.save_every is not None and self.steps % self.save_every[0] == 0:
            self.save_intermediate(progress, self.save_every[1])
        return not self.display.interrupted

    def save_intermediate(self, progress: Progress, folder: Path) -> None:
        """A picture that can't be written is no reason to lose the run."""
        from ..pictures import encode

        path = folder / f"{self.output.stem}_{self.steps:05d}.png"
        try:
            content = encode(progress.picture, ".png").content
            check_place(path, write_whole(path, content, replace=self.files.overwrite))
        except OutputError as error:
            self.display.error(f"cxstyle: {error}; no more intermediate pictures")
            self.save_every, self.files.misplaced = None, True

    def finish(self, result: Result) -> None:
        """Writes all files, and says where and how it ended."""
        path = self.write(result)
        if self.outputs.report is not None:
            self.write_report(result, path, self.outputs.report)
        movie = self.write_movie(result)
        height, width = result.picture.shape[2:]
        done = f"{len(result.losses)} iterations in {result.seconds['loop']:.0f} s"
        place = "stdout" if path == PIPE else str(path)
        if not self.outputs.quiet:
            click.echo(f"wrote {place} ({width}x{height} px, {done})", err=self.piped)
            if movie is not None:
                click.echo(f"wrote {movie}", err=self.piped)
        if self.kept.state is not None and result.status in ("complete", "diverged"):  # which would only diverge again
            self.kept.state.remove()
        if result.status != "complete":
            tell(ending(result.status, place, self.kept.saved()))
            self.tell_how_to_go_on(path)
            sys.exit(130 if result.status == "stopped" and not self.files.misplaced else 1)
        self.files.finish()

    def write(self, result: Result) -> Path:
        """Writes the picture; where its format fails, as PNG. Returns where it is."""
        from ..pictures import encode
        from ..transfer import as_text

        wanted, piped = self.output, self.piped
        try:
            record = as_text(result.record)
            encoded = encode(result.picture, wanted.suffix, result.alpha, self.writing, record, result.origin)
        except FormatError as error:
            wanted, piped = free(numbered(wanted.with_suffix(".png"))), False
            tell(f"{error}; it goes to {wanted}")
            self.files.misplaced |= self.outputs.output is not None
            encoded = encode(result.picture, ".png", result.alpha, Writing(bits=8, metadata=False))
        for note in encoded.notes:
            self.display.note(note)

        def put(path: Path, replace: bool) -> Path:
            if path == PIPE:
                return to_stdout(encoded.content)
            return write_whole(path.with_name(wanted.name), encoded.content, replace=replace)

        if self.outputs.output is None and not self.files.overwrite:
            wanted = free(numbered(wanted))  # the made-up name may have been taken since
        return self.files.write(PIPE if piped else wanted, put)

    def write_report(self, result: Result, picture: Path, path: Path) -> None:
        """Beside the picture, in the same way."""
        from ..transfer import write_record

        write = partial(
            write_record,
            pictures=self.inputs.record() | {"result": str(picture)},
            settings=result.config.to_dict(),
            details=result.details.to_dict(),
            status=result.status,
            seconds=result.seconds,
            losses=result.losses,
        )
        try:
            self.files.write(path, write)
        except OutputError as error:  # the picture is there, and that is still to be said
            tell(str(error))
            self.files.misplaced = True

    def write_movie(self, result: Result) -> Path | None:
        """If any; where that fails it says so, and all else is there. Where it is."""
        path = self.outputs.movie
        if self.movie is None or path is None:
            return None
        try:
            place = self.movie.write(path, result.picture, replace=self.files.overwrite)
            check_place(path, place)
        except (OutputError, KeyboardInterrupt) as error:
            tell(str(error) if isinstance(error, OutputError) else f"stopped while {path} was made, which is left out")
            self.files.misplaced = True
            return None
        return place

    def tell_how_to_go_on(self, result: Path | None = None) -> None:
        """The command, where the state of a run that was stopped is kept."""
        state = self.kept.saved()
        if state is None:
            return
        context = click.get_current_context(silent=True)
        words = ["cxstyle", *([] if context is None else context.find_root().obj)]
        if self.outputs.output is None:
            words += ["-o", str(result or self.output)]
            if "--checkpoint" not in words:
                words += ["--checkpoint", str(state)]
        click.echo(f"to go on: {shlex.join(words if '--resume' in words else [*words, '--resume'])}", err=True)


def to_stdout(content: bytes) -> Path:
    """All of a file.

    Raises:
        OutputError: nobody reads it to its end; stdout leads nowhere from then on.
    """
    try:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    except OSError as error:
        # Python would complain once more when it closes stdout.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise OutputError(f"can't write the picture to stdout: {error.strerror or error}") from error
    return PIPE


def check_stdout(asked: RunOutputs) -> None:
    """Refuses a terminal where a picture is written, and a format where a name says it.

    Raises:
        click.UsageError: as it says.
    """
    if asked.kind and asked.output not in (None, PIPE):
        raise click.UsageError(f"--format is for -o -, and for no -o at all; {asked.output} says its own by its suffix")
    if asked.output == PIPE and sys.stdout.isatty():
        raise click.UsageError("-o - writes the picture to stdout, which is a terminal; send it on: ... -o - > out.png")


def ending(status: str, place: str, state: Path | None) -> str:
    """How a run has ended that is not complete, and what to do."""
    from ..transfer import ADVICE

    kept = f"{place} holds the picture so far{'' if state is None else f', {state} the state of the run'}"
    diverged = f"a loss was no longer a finite number, so the run stopped; {place} holds the last good picture. Lower "
    return {
        "stopped": f"stopped; {kept}",
        "diverged": diverged + "the weights or the learning rate, or use --precision fp32",
        "out of memory": f"memory ran out; {kept}. For the rest, {ADVICE}",
    }[status]

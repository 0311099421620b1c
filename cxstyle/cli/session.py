"""One `cxstyle run`: its files are checked before it, progress is shown during it, and files are written after it."""

from __future__ import annotations

import glob
import hashlib
import io
import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Any

import click

from .. import pictures, transfer
from ..errors import FormatError, OutputError
from ..files import check_space, check_writable, free, make_folder, numbered, remove_partial, write_whole
from ..pictures import Writing, check_size, format_of
from ..settings import StyleConfig
from .display import Display, labels_in_words, used
from .options import refuse
from .outputs import OutputFiles, made_up, tell
from .signals import STOPPED

PIPE = Path("-")
"""stdin in place of a picture, stdout in place of the result."""
LONG = 600.0
"""Seconds from which on a run keeps its state unasked."""
PICTURE, FRAME, KEPT_FRAME, STATE = 4, 1.5, 3, {"adam": 90, "lbfgs": 730}
"""Bytes of a pixel at most: of a picture of 8 bits, of a movie's frame, of that in a checkpoint, and of the rest there
by optimizer; L-BFGS remembers 20 steps, twice."""


@dataclass(frozen=True)
class RunOptions:
    """What a run writes, keeps and says, as the options of the same names have it."""

    output: Path | None = None
    kind: str | None = None
    overwrite: bool = False
    save_every: tuple[int, Path] | None = None
    report: Path | None = None
    movie: Path | None = None
    quiet: bool = False
    verbose: bool = False
    checkpoint: Path | None = None
    no_checkpoint: bool = False
    checkpoint_every: float = 60.0
    resume: bool = False


class RunSession:
    """One `cxstyle run`: knows the files, shows progress, stops when asked to, writes the result.

    What is `given` are pictures, weights and masks, as `stylize` takes them, `PIPE` for stdin; what is `read` are files
    that settings come from or name. As it is made, all outputs are checked, before anything is read or computed.
    """

    def __init__(self, given: dict[str, Any], asked: RunOptions, writing: Writing, read: Sequence[str | Path]) -> None:
        self.given, self.asked, self.writing = given, asked, writing
        check_pipes(pictures_of(given), asked)
        self.piped, self.output = asked.output == PIPE, result_name(given, asked)
        self.display, self.save_every, self.steps = Display(asked.quiet), asked.save_every, 0
        self.movie: pictures.Movie | None = None
        self.files = OutputFiles(asked.overwrite, [*pictures_of(given), *read])
        self.state = self.checkpoint()
        # Files of the run that this one goes on with may be replaced.
        self.resuming = self.state is not None and asked.resume and self.state.path.exists()
        self.files.overwrite |= self.resuming
        self.check()

    def checkpoint(self) -> transfer.Checkpoint | None:
        asked, unused = self.asked, ("checkpoint", "resume", "checkpoint_every")
        if asked.no_checkpoint:
            refuse("and --no-checkpoint exclude each other", *unused)
            return None
        if self.piped and asked.checkpoint is None:
            refuse("with -o - needs the file: --checkpoint FILE", *unused)
            return None
        path = asked.checkpoint or beside(self.output)
        check_writable(path, overwrite=True, inputs=self.files.inputs)
        self.files.known[path.resolve()] = "checkpoint"
        if path.exists() and not (asked.resume or asked.overwrite):
            raise OutputError(
                f"{path} is of a run that was not finished: add --resume to go on with it, or --overwrite to start anew"
            )
        if asked.resume and not path.exists():
            missing = f"there is no checkpoint {path}"
            if self.output.exists() and not asked.overwrite:
                record = transfer.about(self.output).record
                if record is not None and record.status == "stopped":
                    raise OutputError(f"{missing}, and {self.output} was stopped early: --overwrite begins anew")
                self.display.note(f"{missing}, and {self.output} exists: nothing to do (--overwrite makes it again)")
                sys.exit(0)
            self.display.note(f"{missing}; starting from the beginning")
        return transfer.Checkpoint(path, asked.checkpoint_every, 0.0 if asked.checkpoint or asked.resume else LONG)

    def check(self) -> None:
        self.writing.check(self.output)
        self.files.check(None if self.piped else self.output, "result", pictures.check_output)
        self.files.check(self.asked.report, "report")
        self.files.check(self.asked.movie, "movie", pictures.check_movie)
        remove_partial(self.files.known)  # of a run of the same files that was killed
        if self.save_every is not None:
            make_folder(self.save_every[1])
            earlier = self.save_every[1].glob(f"{glob.escape(self.output.stem)}_{'[0-9]' * 5}*.png")
            check_writable(*earlier, overwrite=self.files.overwrite, inputs=self.files.inputs)

    def stylize(self, settings: StyleConfig) -> None:
        """Runs and writes; ends the process with 130 where it was stopped and 1 where a loss was not finite."""
        if self.asked.movie is not None:
            every = None if self.save_every is None else self.save_every[0]
            self.movie = pictures.Movie(settings.iterations, every, None if self.state is None else self.state.extra)
        try:
            with self.display:
                result = transfer.stylize(
                    **with_stdin(self.given),
                    config=settings,
                    callback=self.step,
                    begin=partial(self.begin, settings.optimizer.name),
                    checkpoint=self.state,
                    resume=self.resuming,
                )
        except KeyboardInterrupt:
            tell(STOPPED)
            self.tell_how_to_go_on(self.output)
            sys.exit(130)
        self.finish(result)

    def begin(self, optimizer: str, details: transfer.RunDetails) -> None:
        """Called before the first iteration of a run with an optimizer of this name: refuses a result that is too large
        for its format or its disk, and says what was decided."""
        width, height = details["result_size"]
        check_size(self.output, height, width)
        check_space(self.sizes(optimizer, details))
        # The network and labels without a counterpart always, the rest with -v.
        lines = [f"features: {details['features']} ({details['weights_source']})", *details["notes"]]
        lines += labels_in_words(details, shared=self.asked.verbose)
        if self.asked.verbose:
            lines += details.explain(self.used("target"))
            if self.writing.metadata and not format_of(self.output).tagged:
                lines.append(f"metadata: none, {self.output.suffix} holds none")
        if details["kept_size"]:
            lines.append("the source is smaller than --size, so the result keeps its size; --enlarge goes beyond it")
        if self.state is not None and self.state.steps:
            self.steps = self.state.steps
            lines.append(f"going on after iteration {self.steps} ({self.state.path})")
        for line in lines:
            self.display.note(line)

    def sizes(self, optimizer: str, details: transfer.RunDetails) -> Iterator[tuple[Path, float]]:
        """Bytes of all that will be written, at most; reports are too small to count."""
        width, height = details["result_size"]
        pixels, iterations = width * height, sum(scale["iterations"] for scale in details["scales"])
        frames = iterations // self.movie.every + 2 if self.movie is not None else 0
        if not self.piped:
            yield self.output, 2 * PICTURE * pixels  # in 16 bits
        if self.save_every is not None:
            yield self.save_every[1], PICTURE * pixels * (iterations // self.save_every[0])
        if self.asked.movie is not None:
            yield self.asked.movie, frames * (1000 + FRAME * min(pixels, pictures.LONG_EDGE**2))
        if self.state is not None and self.state.active:  # what nobody has asked for is no reason to refuse
            # The next one is written beside it.
            yield self.state.path, 2 * (pixels * (STATE[optimizer] + frames * KEPT_FRAME) + 1000 * iterations)

    def used(self, name: str) -> list[str]:
        """Of the targets, or of their masks."""
        return used(self.given[name], self.given.get("weights"))

    def step(self, progress: transfer.Progress) -> bool:
        self.steps += 1
        self.display.show(progress)
        state = self.state
        if state is not None and state.active and state.past:
            self.display.note_once(
                f"this is going to take more than {LONG / 60:.0f} minutes, so its state is kept in {state.path}; "
                "after an interruption the same command with --resume goes on from there"
            )
        if state is not None and state.problem:
            self.display.note_once(f"{state.problem}; the run goes on, and tries again in {state.every:g} s")
        if self.movie is not None:
            self.movie.add(self.steps, progress.picture)
        if self.save_every is not None and self.steps % self.save_every[0] == 0:
            self.save_intermediate(progress, self.save_every[1])
        return not self.display.interrupted

    def save_intermediate(self, progress: transfer.Progress, folder: Path) -> None:
        """A picture that can't be written is no reason to lose the run."""
        path = folder / f"{self.output.stem}_{self.steps:05d}.png"
        try:
            content = pictures.encode(progress.picture, ".png").content
            write_whole(path, content, replace=self.files.overwrite)
        except OutputError as error:
            self.display.error(f"cxstyle: {error}; no more intermediate pictures")
            self.save_every, self.files.misplaced = None, True

    def finish(self, result: transfer.Result) -> None:
        """Writes all files, the picture first, and says where and how it ended."""
        path, status = self.write(result), result.status
        height, width = result.picture.shape[2:]
        place = "stdout" if path == PIPE else str(path)
        seconds = f"{len(result.losses)} iterations in {result.seconds['loop']:.0f} s"
        self.say(f"wrote {place} ({width}x{height} px, {seconds})")
        if self.state is not None and status in ("complete", "diverged"):  # which would only diverge again
            self.state.remove()
        if self.asked.report is not None:
            self.files.write(self.asked.report, partial(self.write_report, result, path))
        if status != "complete":
            tell(ending(status, place, self.state))
            self.tell_how_to_go_on(path)
        if self.movie is not None and self.asked.movie is not None:
            made = self.files.write(self.asked.movie, partial(self.movie.write, result=result.picture))
            self.say(f"wrote {made}")
        if status != "complete":
            sys.exit(130 if status == "stopped" and not self.files.misplaced else 1)
        self.files.finish()

    def say(self, line: str) -> None:
        """On stdout, unless the picture goes there."""
        if not self.asked.quiet:
            click.echo(line, err=self.piped)

    def write(self, result: transfer.Result) -> Path:
        """Writes the picture; where its format fails, as PNG. Returns where it is."""
        wanted, piped = self.output, self.piped
        try:
            encoded = result.encoded(wanted.suffix, self.writing)
        except FormatError as error:
            wanted, piped = free(wanted.with_suffix(".png")), False
            tell(f"{error}; it goes to {wanted}")
            self.files.misplaced |= self.asked.output is not None
            encoded = pictures.encode(result.picture, ".png", result.alpha, Writing(bits=8, metadata=False))
        for note in encoded.notes:
            self.display.note(note)

        def put(path: Path, replace: bool) -> None:
            if piped and path == wanted:
                to_stdout(encoded.content)
            else:
                write_whole(path, encoded.content, replace=replace)

        if self.asked.output is None and not self.files.overwrite:
            wanted = free(wanted)  # the made-up name may have been taken since
        place = self.files.write(wanted, put)
        return PIPE if piped and place == wanted else place

    def write_report(self, result: transfer.Result, picture: Path, path: Path, replace: bool) -> None:
        """In which sizes and weights are those of the targets that take part."""
        files: dict[str, Any] = {"source": str(self.given["source"]), "targets": self.used("target")}
        if self.given.get("source_mask") is not None:
            files |= {"source_mask": str(self.given["source_mask"]), "target_masks": self.used("target_mask")}
        transfer.write_json(path, result.report(files | {"result": str(picture)}), replace=replace)

    def tell_how_to_go_on(self, result: Path) -> None:
        """The command, where the state of a run that was stopped is kept."""
        if self.state is None or not self.state.saved:
            return
        context = click.get_current_context(silent=True)
        words = ["cxstyle", *([] if context is None else context.find_root().obj)]
        if self.asked.output is None:
            words += ["-o", str(result)]
            words += [] if self.asked.checkpoint else ["--checkpoint", str(self.state.path)]
        click.echo(f"to go on: {shlex.join(words if self.asked.resume else [*words, '--resume'])}", err=True)


def check_pipes(given: Sequence[Path], asked: RunOptions) -> None:
    """Refuses terminals where a picture comes from or goes to, and a format where a name says it."""
    if given.count(PIPE) > 1:
        raise click.UsageError("only one picture can come from stdin; name files for the others")
    if PIPE in given and sys.stdin.isatty():
        raise click.UsageError("- reads a picture from stdin, which is a terminal; send one: cxstyle ... < picture.jpg")
    if asked.output == PIPE and sys.stdout.isatty():
        raise click.UsageError("-o - writes the picture to stdout, which is a terminal; send it on: ... -o - > out.png")
    if asked.kind and asked.output not in (None, PIPE):
        raise click.UsageError(f"--format is for -o -, and for no -o at all; {asked.output} says its own by its suffix")


def result_name(given: dict[str, Any], asked: RunOptions) -> Path:
    """As asked; or made up of source and targets and numbered: for a run to go on with its own, else the first free.
    What goes to stdout has a name all the same: for its format, and where stdout fails."""
    if asked.output not in (None, PIPE):
        return asked.output
    parts = ["stdin" if path == PIPE else path.stem for path in (given["source"], *given["target"])]
    name = made_up(*parts, suffix=f".{asked.kind or 'png'}")
    fresh = free(name)
    known = [fresh, *reversed([*takewhile(os.path.lexists, numbered(name))])]
    going_on = asked.resume and asked.checkpoint is None
    return next((path for path in known if going_on and beside(path).exists()), fresh)


def beside(output: Path) -> Path:
    """Where the state of a run is kept whose result goes to `output`."""
    return Path(f"{output}.checkpoint")


def pictures_of(given: dict[str, Any]) -> list[Path]:
    masks = [given.get("source_mask"), *(given.get("target_mask") or ())]
    return [given["source"], *given["target"], *(mask for mask in masks if mask is not None)]


def with_stdin(given: dict[str, Any]) -> dict[str, Any]:
    """The same with the picture that stdin sends in place of `PIPE`."""
    if PIPE not in pictures_of(given):
        return given
    content = sys.stdin.buffer.read(pictures.most_bytes() + 1)
    photo = pictures.read_photo(io.BytesIO(content), "picture from stdin")
    photo = replace(photo, sha256=hashlib.sha256(content).hexdigest(), path="stdin")

    def read(value: Any) -> Any:
        return [*map(read, value)] if isinstance(value, list) else photo if value == PIPE else value

    return {name: read(value) for name, value in given.items()}


def to_stdout(content: bytes) -> None:
    """All of a file; where nobody reads it to its end, stdout leads nowhere from then on."""
    try:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    except OSError as error:
        # Python would complain once more when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise OutputError(f"can't write the picture to stdout: {error.strerror or error}") from error


def ending(status: str, place: str, state: transfer.Checkpoint | None) -> str:
    """How a run has ended that is not complete, and what to do."""
    if status == "diverged":
        end = f"a loss was no longer a finite number, so the run stopped; {place} holds the last good picture"
        return f"{end}. Lower the weights or the learning rate, or use --precision fp32"
    kept = f", {state.path} the state of the run" if state is not None and state.saved else ""
    kept = f"{place} holds the picture so far{kept}"
    return f"stopped; {kept}" if status == "stopped" else f"memory ran out; {kept}. For the rest, {transfer.ADVICE}"

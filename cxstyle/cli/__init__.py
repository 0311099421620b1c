"""The command line. It alone prints, exits and knows Click; each command makes one library call."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from .. import __version__
from ..errors import ConfigError, CxStyleError, OutputError
from .apply import apply
from .batch import batch, merge
from .bench import bench
from .compare import compare
from .complete import completion, teach
from .docs import docs
from .doctor import doctor
from .grid import grid
from .info import info
from .match import match
from .presets import presets
from .progress import one_line
from .run import run
from .score import score
from .signals import handled
from .streams import kept_streams
from .train import train
from .weights import weights

DEBUG = "CXSTYLE_DEBUG"
"""Environment variable that asks for tracebacks."""
BUG = 70
"""Exit status after a mistake of ours; EX_SOFTWARE of BSD's sysexits."""


class OneLineErrors(click.Group):
    """Maps every error to one line on stderr and an exit status: 2 usage, 130 stopped, 70 a bug, 1 the rest."""

    def main(self, args: Sequence[str] | None = None, prog_name: str | None = None, *_: Any, **extra: Any) -> Any:
        extra["standalone_mode"] = False
        with kept_streams():
            sys.exit(self.ended(args, prog_name, **extra) or 0)

    def ended(self, args: Sequence[str] | None, prog_name: str | None, **extra: Any) -> Any:
        """Runs a command: its exit status, after its error was told."""
        try:
            with handled(signal.default_int_handler):
                return self.done(args, prog_name, **extra)
        except click.ClickException as error:
            context = getattr(error, "ctx", None)
            path = context.command_path if context else "cxstyle"
            return fail(f"{path}: {one_line(error.format_message())} (see `{path} --help`)", error.exit_code)
        except ConfigError as error:
            return fail(f"cxstyle: {one_line(str(error))}", 2)
        except CxStyleError as error:
            return fail(f"cxstyle: {one_line(str(error))}", 1)
        except (KeyboardInterrupt, click.Abort):
            return fail("cxstyle: stopped at once; files written until then are whole, and kept", 130)
        except BrokenPipeError:
            return 1  # whoever read it has gone, and needs no words
        except Exception as error:
            return unexpected(error)

    def done(self, args: Sequence[str] | None, prog_name: str | None, **extra: Any) -> Any:
        """Runs a command; without one, help is what was wanted."""
        try:
            Path.cwd()  # libraries of torch end the process without it
        except OSError as error:
            raise OutputError("the current folder is gone; change into another one") from error
        try:
            return super().main(args, prog_name, **extra)
        except click.exceptions.NoArgsIsHelpError as error:
            click.echo(error.format_message())
            return 2

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """A command of two words before one of its first."""
        both = " ".join(args[:2])
        if both in self.commands:
            return both, self.commands[both], args[2:]
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The first words; what may follow one is offered after it."""
        return [item for item in super().shell_complete(ctx, incomplete) if " " not in item.value]


def unexpected(error: Exception) -> int:
    """What the system or a mistake of ours has done: in one line, too, and with the traceback where asked for."""
    if os.environ.get(DEBUG):
        traceback.print_exception(error, file=sys.stderr)
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return fail(f"cxstyle: {where}{one_line(error.strerror or str(error))} ({DEBUG}=1 tells where)", 1)
    if isinstance(error, MemoryError | RuntimeError):
        from ..device import out_of_memory

        if out_of_memory(error):
            return fail("cxstyle: memory ran out; use smaller pictures, a smaller --size, or another --device", 1)
    return fail(
        f"cxstyle: this is a bug: {type(error).__name__}: {one_line(str(error))}; please report it, with what "
        f"{DEBUG}=1 adds and what `cxstyle doctor` says",
        BUG,
    )


def fail(message: str, status: int) -> int:
    click.echo(message, err=True)
    return status


@click.group(
    "cxstyle", cls=OneLineErrors, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.version_option(__version__, "-V", "--version", prog_name="cxstyle")
def main() -> None:
    """Semantic style transfer by the Contextual loss: the source picture with the look of the target.

    \b
    Start with:  cxstyle run source.jpg target.jpg
    """


COMMANDS = (
    run,
    train,
    apply,
    batch,
    merge,
    match,
    compare,
    grid,
    score,
    info,
    presets,
    weights,
    bench,
    doctor,
    completion,
    docs,
)
for command in COMMANDS:
    main.add_command(command)
teach(main)

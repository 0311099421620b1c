"""The command line. It alone prints, exits and knows Click; each command makes one library call."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Sequence
from typing import Any

import click
from click.shell_completion import CompletionItem

from .. import __version__
from ..checks import one_line
from ..errors import ConfigError, CxStyleError
from .animate import animate
from .apply import apply
from .batch import batch, merge
from .bench import bench
from .compare import compare, grid
from .completion import completion
from .docs import docs
from .doctor import doctor
from .info import info
from .match import match
from .presets import presets
from .reproduce import reproduce
from .run import run
from .score import score
from .serve import serve
from .signals import STOPPED, handled
from .train import train
from .weights import weights

DEBUG = "CXSTYLE_DEBUG"
"""Environment variable that asks for tracebacks."""
BUG = 70
"""Exit status after a mistake of ours; EX_SOFTWARE of BSD's sysexits."""


class OneLineErrors(click.Group):
    """Maps every error to one line on stderr and an exit status: 2 usage, 130 stopped, 70 a bug, 1 the rest."""

    def main(self, args: Sequence[str] | None = None, prog_name: str | None = None, *_: Any, **extra: Any) -> Any:
        words = list(sys.argv[1:] if args is None else args)
        extra |= {"standalone_mode": False, "obj": words}  # what was typed, for who tells how to go on
        try:
            with handled(signal.default_int_handler):
                status = super().main(args, prog_name, **extra)
        except click.exceptions.NoArgsIsHelpError as error:
            click.echo(error.format_message())
            status = 2
        except (Exception, KeyboardInterrupt) as error:
            message, status = explained(error)
            click.echo(message, err=True)
        sys.exit(status or 0)

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


def explained(error: BaseException) -> tuple[str, int]:
    if isinstance(error, click.ClickException):
        context = getattr(error, "ctx", None)
        path = context.command_path if context else "cxstyle"
        return f"{path}: {one_line(error.format_message())} (see `{path} --help`)", error.exit_code
    if isinstance(error, CxStyleError):
        return f"cxstyle: {one_line(str(error))}", 2 if isinstance(error, ConfigError) else 1
    if isinstance(error, KeyboardInterrupt | click.Abort):
        return f"cxstyle: {STOPPED}", 130
    if os.environ.get(DEBUG):
        traceback.print_exception(error, file=sys.stderr)
    what = one_line(str(error))
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return f"cxstyle: {where}{error.strerror or what} ({DEBUG}=1 tells where)", 1
    if isinstance(error, MemoryError | RuntimeError):
        from ..device import out_of_memory

        if out_of_memory(error):
            return "cxstyle: memory ran out; use smaller pictures, a smaller --size, or another --device", 1
    report = f"please report it, with what {DEBUG}=1 adds and what `cxstyle doctor` says"
    return f"cxstyle: this is a bug: {type(error).__name__}: {what}; {report}", BUG


@click.group(
    "cxstyle",
    cls=OneLineErrors,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110, "show_default": True},
)
@click.version_option(__version__, "-V", "--version", prog_name="cxstyle")
def main() -> None:
    """Semantic style transfer by the Contextual loss: the source picture with the look of the target.

    \b
    Start with:  cxstyle run source.jpg target.jpg
    """


for command in (
    *(run, serve, train, apply, animate, batch, merge, match, compare, grid, reproduce, score),
    *(info, presets, weights, bench, doctor, completion, docs),
):
    main.add_command(command)

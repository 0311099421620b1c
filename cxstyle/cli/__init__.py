"""The command line. It alone prints, exits and knows Click; each command makes one library call."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from typing import Any

import click
from click.shell_completion import CompletionItem

from .. import __version__
from ..errors import ConfigError, CxStyleError
from .batch import batch, merge
from .bench import bench
from .compare import compare
from .complete import completion, teach
from .doctor import doctor
from .grid import grid
from .match import match
from .presets import presets
from .progress import one_line
from .run import run
from .score import score
from .signals import handled
from .weights import weights


class OneLineErrors(click.Group):
    """Maps every error to one line on stderr and an exit status: 2 for usage, 130 when stopped, 1 for the rest."""

    def main(self, args: Sequence[str] | None = None, prog_name: str | None = None, *_: Any, **extra: Any) -> Any:
        try:
            extra["standalone_mode"] = False
            with handled(signal.default_int_handler):
                status = super().main(args, prog_name, **extra)
            sys.stdout.flush()
        except click.exceptions.NoArgsIsHelpError as error:
            click.echo(error.format_message())
            status = 2
        except click.ClickException as error:
            context = getattr(error, "ctx", None)
            path = context.command_path if context else "cxstyle"
            status = fail(f"{path}: {one_line(error.format_message())} (see `{path} --help`)", error.exit_code)
        except ConfigError as error:
            status = fail(f"cxstyle: {one_line(str(error))}", 2)
        except CxStyleError as error:
            status = fail(f"cxstyle: {one_line(str(error))}", 1)
        except (KeyboardInterrupt, click.Abort):
            status = fail("cxstyle: stopped before the first iteration; nothing was written", 130)
        except (MemoryError, RuntimeError) as error:
            from ..device import out_of_memory

            if not out_of_memory(error):
                raise
            status = fail("cxstyle: memory ran out; use smaller pictures, a smaller --size, or another --device", 1)
        except BrokenPipeError:
            # Whoever read the output has gone; Python would complain once more when it closes stdout.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            status = 1
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


for command in (run, batch, merge, match, compare, grid, score, presets, weights, bench, doctor, completion):
    main.add_command(command)
teach(main)

"""Options that several commands have."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from ..checks import kinds
from ..pictures import BITS, FORMATS, QUALITY, VARIABLE, Writing, pixel_count, suffixes
from ..settings import StyleConfig

Command = TypeVar("Command", bound=Callable[..., Any])
Group = TypeVar("Group")
Option = Callable[[Any], Any]


class Name(click.Path):
    """A path that is not empty; of a file that is to be written, one that ends in a name."""

    def __init__(self, written: bool = False) -> None:
        super().__init__(path_type=Path)
        self.written = written

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Leaves to others what is there."""
        if not str(value):
            self.fail("a name is needed, and an empty one came", param, ctx)
        if self.written and Path(value).name in ("", ".."):
            self.fail(f"{value} is a folder; name a file in it", param, ctx)
        return Path(value)


PATH, FILE = Name(), Name(written=True)
"""What is read, and folders; files that are written."""


class Samples(click.ParamType[int | str]):
    """A number, or all."""

    name = "N|all"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        """Leaves the range to `LossTerm`."""
        if value == "all":
            return "all"
        try:
            return int(value)
        except ValueError:  # longer numbers than Python reads, too
            self.fail(f"{str(value)[:60]!r} is neither a number nor all", param, ctx)


FIELDS = {field.name: field for field in dataclasses.fields(StyleConfig)}


def described(name: str) -> dict[str, Any]:
    """What a field of StyleConfig says of itself, as Click takes it."""
    rules, kind = FIELDS[name].metadata, kinds(StyleConfig)[name]
    choices = click.Choice(rules["choices"]) if "choices" in rules else None
    return {"type": choices or (kind if kind in (int, float) else str), "metavar": rules.get("metavar")}


def setting(name: str) -> Option:
    """An option that overrides a field of StyleConfig."""
    default, text = FIELDS[name].default, FIELDS[name].metadata["help"]
    if isinstance(default, bool):
        return click.option(f"--{name}", is_flag=True, default=None, help=text)
    fallback = "" if default is None else f", else {default}"
    return click.option(f"--{name}", help=f"{text}  [default: the preset's{fallback}]", **described(name))


def plain_setting(name: str) -> Option:
    """The same for a command without presets, where the field's own default holds."""
    default, text = FIELDS[name].default, FIELDS[name].metadata["help"]
    return click.option(f"--{name}", default=default, show_default=default is not None, help=text, **described(name))


def weight(kind: str, which: str) -> Option:
    """An option for the weights of some terms; see `StyleConfig.override`."""
    text = f"Weight of {which}.  [default: the preset's]"
    return click.option(f"--{kind}-weight", type=float, metavar="W", help=text)


def output(default: str, what: str = "sheet", more: str = "") -> Option:
    """Where the result goes; `default` is what its name is made of."""
    return click.option(
        "-o",
        "--output",
        type=FILE,
        help=f"Where the {what} goes; the suffix sets the format (png, jpg, webp, tif, bmp, avif).{more}  "
        f"[default: {default} here, numbered where that exists]",
    )


source = click.argument("source", type=PATH)
target = click.argument("target", type=PATH)
overwrite = click.option("--overwrite", is_flag=True, help="Replace existing files.")
quiet = click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
device = click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:N or mps.")
source_mask = click.option(
    "--source-mask", type=PATH, metavar="FILE", help="The source's parts, each painted in a flat colour."
)
target_mask = click.option(
    "--target-mask", type=PATH, metavar="FILE", help="The same parts of the target, in the same colours."
)
target_masks = click.option(
    "--target-mask",
    "target_masks",
    type=PATH,
    multiple=True,
    metavar="FILE",
    help="The same parts of the target, in the same colours; with several targets once for each, in their order.",
)


def raise_limit(context: click.Context, _parameter: click.Parameter, value: str | None) -> None:
    """Into the environment until the command has ended, where whatever process reads pictures finds it."""
    if value is not None:
        before = {VARIABLE: os.environ[VARIABLE]} if VARIABLE in os.environ else {}
        os.environ[VARIABLE] = str(pixel_count(value, "--max-pixels"))
        # The first context of all ends even where the words after this one are refused.
        context.find_root().call_on_close(lambda: os.environ.update(before) if before else os.environ.pop(VARIABLE))


max_pixels = click.option(
    "--max-pixels",
    metavar="N",
    expose_value=False,
    callback=raise_limit,
    help="Refuse pictures of more pixels, such as 500M; else CXSTYLE_MAX_PIXELS sets it.  [default: 200M]",
)
save_every = click.option(
    "--save-every",
    type=(click.IntRange(1), PATH),
    metavar="N DIR",
    help="Also write the picture after every N iterations to DIR.",
)

KINDS = [suffix.removeprefix(".") for suffix in FORMATS]
image_format = click.option(
    "--format",
    "kind",
    type=click.Choice(KINDS),
    help="Format of the result where no name says it: with -o -, or without -o.  [default: png]",
)
WRITING = [
    click.option(
        "--quality",
        type=click.IntRange(1, 100),
        metavar="N",
        help=f"Of {suffixes(quality=True)}, 1 to 100; 100 is lossless in WebP.  [default: {QUALITY}]",
    ),
    click.option(
        "--bits",
        type=click.Choice([str(bits) for bits in BITS]),
        default="auto",
        show_default=True,
        help=f"Of each channel; auto: 16 where the source has more than 8 and the format holds them "
        f"({suffixes(deep=True)}).",
    ),
    click.option("--no-metadata", is_flag=True, help="Leave settings, author and rights out of the result's file."),
]
"""How results are written; see `writing_of`."""

LASTING = [
    click.option(
        "--checkpoint",
        type=FILE,
        metavar="FILE",
        help="Keep the state of the run in FILE until it is complete, to go on from after an interruption.  [default: "
        "OUTPUT.checkpoint, where the run is going to take over ten minutes]",
    ),
    click.option("--no-checkpoint", is_flag=True, help="Keep none, however long it takes."),
    click.option(
        "--checkpoint-every",
        type=click.FloatRange(0),
        default=60.0,
        show_default=True,
        metavar="SECONDS",
        help="How often.",
    ),
    click.option(
        "--resume",
        is_flag=True,
        help="Go on from the checkpoint, to the same pixels; without one, start from the beginning.",
    ),
    click.option(
        "--movie",
        type=FILE,
        metavar="FILE",
        help="Also make a movie of the run, gif or mp4: of the pictures of --save-every, or of about 100.",
    ),
]
"""Of runs that take long."""
SIZE, ITERATIONS, SEED, DEVICE = map(setting, ("size", "iterations", "seed", "device"))
MACHINE = [*map(setting, ("precision", "memory", "features", "weights", "deterministic"))]
SETTINGS = [SIZE, ITERATIONS, SEED, DEVICE, *MACHINE]
"""Settings of a run that every command of runs has."""
LOOK = [
    setting("enlarge"),
    setting("strength"),
    weight("content", "the terms that compare with the source"),
    weight("style", "the terms that compare with the target"),
    weight("tv", "the total variation: higher is smoother"),
    setting("colors"),
    setting("init"),
    click.option(
        "--samples",
        type=Samples(),
        metavar="N|all",
        help="Features drawn from a layer in each iteration; all takes long at large sizes.  [default: the preset's]",
    ),
]
"""Settings of `run` and `batch`."""
NETWORK = [plain_setting("features"), plain_setting("weights"), device]
"""The network of a command that runs nothing."""


SECTIONS = {
    "What": "preset config like source_mask target_masks target_weights",
    "Look": "size enlarge strength content_weight style_weight tv_weight colors init samples iterations seed",
    "Output": "output kind quality bits no_metadata overwrite save_every movie report",
    "Machine": "device precision memory features weights deterministic max_pixels",
    "Long runs": "checkpoint no_checkpoint checkpoint_every resume",
}
"""Options of `run` under each heading of its help, by parameter."""


class Sectioned(click.Command):
    """Its help has options under the headings of `SECTIONS`, and the rest below."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """As Click does it, a heading at a time."""
        options = [param for param in self.get_params(ctx) if isinstance(param, click.Option)]
        rows = {option.name: row for option in options if (row := option.get_help_record(ctx))}
        for heading, names in SECTIONS.items():
            with formatter.section(heading):
                formatter.write_dl([rows.pop(name) for name in names.split()])
        with formatter.section("Other"):
            formatter.write_dl(list(rows.values()))


def writing_of(quality: int | None, bits: str, no_metadata: bool) -> Writing:
    """What the options of `WRITING` say."""
    return Writing(quality, bits if bits == "auto" else int(bits), not no_metadata)


def taken(kind: type[Group], options: dict[str, Any]) -> Group:
    """A dataclass of the options that its fields are named like, which are taken out."""
    return kind(**{field.name: options.pop(field.name) for field in dataclasses.fields(kind)})  # type: ignore[arg-type]


def refuse(why: str, *names: str) -> None:
    """Refuses options that have no effect with the others.

    Raises:
        click.UsageError: one of these is on the command line; `why` follows its name.
    """
    context = click.get_current_context()
    for name in names:
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"--{name.replace('_', '-')} {why}")


def together(options: Sequence[Option]) -> Callable[[Command], Command]:
    """Adds options, the first one above the others in the help."""

    def added(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return added

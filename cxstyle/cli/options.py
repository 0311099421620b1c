"""Options that several commands have."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from ..checks import kinds
from ..pictures import BITS, FORMATS, QUALITY, VARIABLE, Writing, pixel_count, suffixes
from ..settings import INITS, WEIGHTS, StyleConfig, means_file
from .completion import offer_presets, offers

Command = TypeVar("Command", bound=Callable[..., Any])
Option = Callable[[Any], Any]


class Name(click.Path):
    """A path that is not empty; of a file that is to be written, one that ends in a name."""

    def __init__(self, *, written: bool = False, file_okay: bool = True) -> None:
        super().__init__(path_type=Path, readable=False, file_okay=file_okay)
        self.written = written

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Whether there is anything is told by who reads or writes it."""
        if not str(value):
            self.fail("a name is needed, and an empty one came", param, ctx)
        if self.written and Path(value).name in ("", ".."):
            self.fail(f"{value} is a folder; name a file in it", param, ctx)
        return super().convert(value, param, ctx)


PATH, FILE, FOLDER = Name(), Name(written=True), Name(file_okay=False)
"""What is read; files and folders that are written."""


def number_or(word: str) -> Callable[[str], int | str]:
    """A type of option: a whole number, or a word."""

    def parsed(text: str) -> int | str:
        try:
            return word if text == word else int(text)
        except ValueError as error:  # longer numbers than Python reads, too
            raise click.BadParameter(f"{text[:60]!r} is neither a number nor {word}") from error

    return parsed


def setting(name: str, *, preset: bool = True, of: type = StyleConfig) -> Option:
    """An option for a field of settings, which says itself what it may be; left out, `preset`s have their values."""
    field, kind = {each.name: each for each in dataclasses.fields(of)}[name], kinds(of)[name]
    rules, text = field.metadata, field.metadata["help"]
    if kind is bool:
        return click.option(f"--{name}", is_flag=True, default=None, help=text)
    choices = click.Choice(rules["choices"]) if "choices" in rules else None
    how: dict[str, Any] = {"type": choices or (kind if kind in (int, float) else str), "metavar": rules.get("metavar")}
    how |= {} if choices else offers(*rules.get("words", ()))
    if not preset:
        return click.option(f"--{name}", default=field.default, help=text, **how)
    fallback = "" if field.default is None else f", else {field.default}"
    return click.option(f"--{name}", help=f"{text}  [default: the preset's{fallback}]", **how)


def weight(name: str) -> Option:
    """An option for the weights of some terms; see `StyleConfig.override`."""
    option = f"--{name.replace('_', '-')}"
    return click.option(option, type=float, metavar="W", help=f"{WEIGHTS[name]}  [default: the preset's]")


def preset(text: str, *names: str, **how: Any) -> Option:
    """An option for presets."""
    return click.option("--preset", *names, metavar="NAME", shell_complete=offer_presets, help=text, **how)


PICTURE = "goes; the suffix sets the format (png, jpg, webp, tif, bmp, avif)."


def output(default: str, what: str = f"sheet {PICTURE}", metavar: str | None = None) -> Option:
    """Where something goes; `default` is what its name is made of."""
    text = f"Where the {what}  [default: {default} here, numbered where that exists]"
    return click.option("-o", "--output", type=FILE, metavar=metavar, help=text)


source = click.argument("source", type=PATH)
target = click.argument("target", type=PATH)
overwrite = click.option("--overwrite", is_flag=True, help="Replace existing files.")
quiet = click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
device = setting("device", preset=False)
source_mask = click.option(
    "--source-mask", type=PATH, metavar="FILE", help="The source's parts, each painted in a flat colour."
)
MASK = "The same parts of the target, in the same colours"
target_mask = click.option("--target-mask", type=PATH, metavar="FILE", help=f"{MASK}.")
target_masks = click.option(
    "--target-mask",
    "target_masks",
    type=PATH,
    multiple=True,
    metavar="FILE",
    help=f"{MASK}; with several targets once for each, in their order.",
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
    type=(click.IntRange(1), FOLDER),
    metavar="N DIR",
    shell_complete=FOLDER.shell_complete,
    help="Also write the picture after every N iterations to DIR.",
)
image_format = click.option(
    "--format",
    "kind",
    type=click.Choice([suffix.removeprefix(".") for suffix in FORMATS]),
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
        help=f"Of each channel; auto: 16 where the source has more and the format holds them ({suffixes(deep=True)}).",
    ),
    click.option("--no-metadata", is_flag=True, help="Leave settings, author and rights out of the result's file."),
]
"""How results are written; see `writing_of`."""
SIZE, ITERATIONS, SEED, DEVICE = map(setting, ("size", "iterations", "seed", "device"))
MACHINE = [*map(setting, ("precision", "memory", "features", "weights", "deterministic"))]
LOOK = [
    setting("enlarge"),
    setting("strength"),
    *map(weight, WEIGHTS),
    setting("colors"),
    setting("init"),
    click.option(
        "--samples",
        type=number_or("all"),
        metavar="N|all",
        help="Features drawn from a layer in each iteration; all takes long at large sizes.  [default: the preset's]",
        **offers("all"),
    ),
]
"""Settings of `run` and `batch`."""
JSON = [click.option("--json", "path", type=FILE, metavar="FILE.json", help="Also write it for machines."), overwrite]
"""See `outputs.json_file`."""
NETWORK = [setting("features", preset=False), setting("weights", preset=False), device]
"""The network of a command that runs nothing."""


def writing_of(quality: int | None, bits: str, no_metadata: bool) -> Writing:
    return Writing(quality, bits if bits == "auto" else int(bits), not no_metadata)


def files_of(configs: Iterable[StyleConfig], *files: str | Path | None) -> list[str | Path]:
    """What runs read: files, weights, pictures to start from."""
    named = [*files, *(name for config in configs for name in (config.weights, config.init))]
    return [file for file in named if file is not None and file not in INITS]


def named_settings(word: str) -> tuple[str, StyleConfig]:
    """What settings are called, and they: of a preset, or of a YAML file, whose name stands without its suffix."""
    return (Path(word).stem, StyleConfig.load(word)) if is_file(word) else (word, StyleConfig.preset(word))


def is_file(word: str) -> bool:
    return means_file(word) or Path(word).is_file()


def refuse(why: str, *names: str) -> None:
    """Refuses options that have no effect with others, where they are on the command line; `why` follows the name."""
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

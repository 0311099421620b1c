"""`cxstyle manual`: all commands and options as one text, made from the commands themselves."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from ..errors import ConfigError
from ..files import write_whole
from .completion import commands
from .options import FILE

BEGIN, END = "<!-- commands -->\n", "<!-- /commands -->\n"
"""What the manual stands between in a file that holds it, each on a line of its own."""
STATUSES = {
    "0": "done",
    "1": "a file, picture, network or device can't be used, or not all went as it should; what was computed is kept, "
    "and a line says where",
    "2": "wrong usage or settings; nothing was done",
    "70": "a bug of cxstyle",
    "130": "stopped by Ctrl-C",
}
ENVIRONMENT = {
    "CXSTYLE_CACHE": "folder of fetched and imported networks, in place of the user's cache",
    "CXSTYLE_MAX_PIXELS": "pixels that a picture may have, such as `200M`; `--max-pixels` sets it",
    "CXSTYLE_DEBUG": "if set, errors that nobody expected come with their traceback",
    "CUBLAS_WORKSPACE_CONFIG": "with `--deterministic` on a GPU it must be `:4096:8` or `:16:8`; the command sets it",
    "CUDA_VISIBLE_DEVICES": "the GPUs that may be used",
    "GOMP_SPINCOUNT": "how long GNU's OpenMP threads wait awake, in turns; cxstyle takes 10000",
    "KMP_BLOCKTIME": "the same of LLVM's and Intel's, in milliseconds; cxstyle takes 1",
    "OMP_NUM_THREADS": "threads of a run on the CPU",
    "OMP_WAIT_POLICY": "`ACTIVE` or `PASSIVE`, in place of those two: threads wait awake, or asleep at once",
    "RAY_ADDRESS": "the cluster of `--executor ray`",
    "TMPDIR": "where a result goes first whose own place has become unwritable",
}
FILES = {
    "`SOURCE_TARGET.png`": "the result of `run` without `-o`, in the current folder",
    "`DIR/manifest.jsonl`": "what became of each job of `batch -o DIR`; `manifest.1of8.jsonl` for a shard",
    "`.NAME.*.part`": "a file while it is written; only a process that was killed leaves one behind",
    "`weights/vgg19.safetensors`, `.json`": "networks in the cache, each with its checksum and origin",
}


@click.command()
@click.option(
    "--update",
    type=FILE,
    metavar="FILE",
    help="Write it into this file between the lines <!-- commands --> and <!-- /commands --> instead.",
)
@click.pass_context
def manual(context: click.Context, update: Path | None) -> None:
    """Prints the manual of all commands, as Markdown.

    \b
    Try:  cxstyle manual | less
    """
    group = context.find_root().command
    assert isinstance(group, click.Group)
    text = manual_of(group)
    if update is None:
        click.echo(text, nl=False)
    else:
        write_whole(update, updated(read(update), text).encode())


def read(path: Path) -> str:
    """A text file.

    Raises:
        ConfigError: it can't be read.
    """
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"can't read {path}: {getattr(error, 'strerror', None) or 'it is not UTF-8'}") from error


def parts(text: str) -> tuple[str, str, str]:
    """A text before, in and after its manual.

    Raises:
        ConfigError: it has no place for one.
    """
    before, begun, rest = text.partition(BEGIN)
    inside, ended, after = rest.partition(END)
    if not (begun and ended):
        raise ConfigError(f"update: the file has no lines {BEGIN.strip()} and {END.strip()} for the manual")
    return before, inside, after


def updated(text: str, new: str) -> str:
    """A text with another manual in it."""
    before, _, after = parts(text)
    return f"{before}{BEGIN}{new}{END}{after}"


def manual_of(group: click.Group) -> str:
    """The manual of a command line: the same on every machine."""
    found = [section(group, group.name or "", "")]
    found += [section(command, f"{group.name} {words}", words) for command, words in sorted_commands(group)]
    found += [
        folded("Exit status", table(("status", "meaning"), STATUSES.items())),
        folded("Environment", table(("variable", "meaning"), ((f"`{k}`", v) for k, v in ENVIRONMENT.items()))),
        folded("Files", table(("file", "what it is"), FILES.items())),
    ]
    return "\n".join(found)


def sorted_commands(group: click.Group) -> list[tuple[click.Command, str]]:
    """As `--help` lists them."""
    return sorted(commands(group), key=lambda pair: pair[1])


def section(command: click.Command, path: str, words: str) -> str:
    """One command: synopsis, purpose, arguments and options."""
    with click.Context(command, info_name=path, help_option_names=["-h", "--help"]) as context:
        pieces = " ".join(command.collect_usage_pieces(context))
        shown = [param for param in command.get_params(context) if "--help" not in param.opts or not words]
        arguments = [argument(param, context) for param in shown if isinstance(param, click.Argument)]
        options = [option(param, context) for param in shown if isinstance(param, click.Option)]
    paragraphs = [f"```text\n{path} {pieces}\n```", *prose(command)]
    if arguments:
        paragraphs.append(table(("argument", "what it is"), arguments))
    if options:
        paragraphs.append(table(("option", "meaning"), options))
    first = (command.help or "").split("\n", maxsplit=1)[0]
    return folded(f"<code>{path}</code>: {escaped(first)}", "\n\n".join(paragraphs))


def prose(command: click.Command) -> Iterator[str]:
    """Paragraphs of the help; what is marked to keep its lines is for pasting."""
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        if paragraph.startswith("\b\n"):
            yield "```text\n" + inspect.cleandoc(paragraph[2:]) + "\n```"
        else:
            yield escaped(" ".join(paragraph.split()))


def argument(param: click.Argument, context: click.Context) -> tuple[str, str]:
    """A row."""
    kind = "path" if isinstance(param.type, click.Path) else "word"
    if isinstance(param.type, click.Choice):
        what = "one of " + ", ".join(param.type.choices)
    elif param.nargs == -1:
        what = f"{kind}s, {'one at least' if param.required else 'any number'}"
    else:
        what = f"a {kind}"
    optional = "" if param.required or param.nargs == -1 else "; may be left out"
    return f"`{param.make_metavar(context).strip('[].')}`", f"{what}{optional}"


def option(param: click.Option, context: click.Context) -> tuple[str, str]:
    """A row."""
    names = ", ".join(f"`{name}`" for name in (*param.opts, *param.secondary_opts))
    value = "" if param.is_flag or param.count else f" `{param.make_metavar(context)}`"
    default = f"  [default: {param.default}]" if param.show_default is True and param.default is not None else ""
    needed = "  [required]" if param.required else ""
    return names + value, f"{param.help or ''}{default}{needed}"


def escaped(text: str) -> str:
    """Safe in Markdown's text."""
    return text.replace("<", "&lt;").replace("*", "\\*")


def cell(text: str) -> str:
    """Safe in a table."""
    return " ".join(text.split()).replace("|", "\\|")


def table(head: tuple[str, str], rows: Iterable[tuple[str, str]]) -> str:
    """Two columns."""
    lines = [f"| {head[0]} | {head[1]} |", "|---|---|"]
    return "\n".join([*lines, *(f"| {cell(a)} | {cell(b)} |" for a, b in rows)])


def folded(title: str, body: str) -> str:
    """A part that opens with a click."""
    return f"<details><summary>{title}</summary>\n\n{body}\n\n</details>\n"

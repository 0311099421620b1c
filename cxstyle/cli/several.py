"""What the commands of several runs share: options, progress, files, and how they end."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import ConfigError
from ..files import make_folder
from ..settings import INITS, StyleConfig, means_file
from . import options as option
from .display import Display, labels_in_words
from .outputs import OutputFiles, tell

if TYPE_CHECKING:
    from ..batch.compare import Comparison, Step

shared = option.together(
    [
        option.overwrite,
        option.SIZE,
        option.ITERATIONS,
        option.SEED,
        option.DEVICE,
        *option.MACHINE,
        click.option("--results", type=option.FOLDER, metavar="DIR", help="Also write each result to DIR."),
        click.option("--report", type=option.FILE, metavar="FILE.json", help="Write settings, losses, times of all."),
        option.max_pixels,
        option.quiet,
    ]
)
"""Adds the options of all commands of several runs."""
FILES = ("overwrite", "results", "report", "quiet")


class Several:
    """Runs of one command: their files are checked as it is made, before anything is read or computed.

    Raises:
        OutputError: an output can't be written.
    """

    def __init__(
        self,
        runs: int,
        output: Path,
        *,
        overwrite: bool,
        results: Path | None,
        report: Path | None,
        quiet: bool,
        inputs: Sequence[str | Path] = (),
    ) -> None:
        from ..pictures import check_output

        self.output, self.results, self.report = output, results, report
        self.files, self.display = OutputFiles(overwrite, inputs), Display(quiet, runs)
        self.files.check(output, "sheet", check_output)
        self.files.check(report, "report")
        if results is not None:
            make_folder(results)

    def step(self, step: Step) -> bool:
        """Called before each run and after each iteration."""
        if step.progress is not None:
            details = step.progress.details
            for line in (
                *details["notes"],
                *labels_in_words(details),
                f"{step.index + 1} of {step.count}: {step.name}",
            ):
                self.display.note_once(line)
            self.display.show(step.progress, f"{step.name} ({step.index + 1}/{step.count}) ", step.index)
        return not self.display.interrupted

    def go(self, work: Callable[..., Comparison]) -> None:
        """Runs `work`, writes what came of it, and ends the process with 130 when stopped and 1 where a run failed."""
        from ..pictures import save_image

        with self.display:
            found = work(callback=self.step, folder=self.results, overwrite=self.files.overwrite)
        done = sum(outcome.result is not None for outcome in found.outcomes)
        if found.stopped and not done:
            raise KeyboardInterrupt
        if done:
            sheet = self.files.write(self.output, partial(save_image, found.sheet))
            if not self.display.quiet:
                click.echo(f"wrote {sheet} ({done} of {len(found.outcomes)} results)")
            if self.report is not None:
                self.files.write(self.report, found.write_report)
        if found.stopped:
            tell("stopped; the sheet holds what was done")
            sys.exit(130)
        if found.failed:
            which = "and the sheet says which" if done else "so nothing was written"
            first = found.failed[0]
            count = f"{len(found.failed)} of {len(found.outcomes)} runs failed"
            tell(f"{count}, {which}; {first.name}: {first.error or first.status}")
            sys.exit(1)
        self.files.finish()


def files_of(configs: Iterable[StyleConfig], *files: str | Path | None) -> list[str | Path]:
    """What runs read: files, weights, pictures to start from."""
    named = [*files, *(name for config in configs for name in (config.weights, config.init))]
    return [file for file in named if file is not None and file not in INITS]


def read_settings(word: str) -> StyleConfig:
    """A preset by name, or settings from a YAML file.

    Raises:
        ConfigError: neither.
    """
    return StyleConfig.load(word) if is_file(word) else StyleConfig.preset(word)


def is_file(word: str) -> bool:
    """Whether a word names a file of settings rather than a preset."""
    return means_file(word) or Path(word).is_file()


def named_settings(words: str, **options: Any) -> dict[str, StyleConfig]:
    """Presets and files, parted by commas, by name: the preset's, or the file's without its suffix.

    Raises:
        ConfigError: none, an unknown one, or two of one name.
    """
    found: dict[str, StyleConfig] = {}
    for word in filter(None, (word.strip() for word in words.split(","))):
        name = Path(word).stem if is_file(word) else word
        if name in found:
            raise ConfigError(f"presets: {name} is there twice; give each a name of its own")
        found[name] = read_settings(word).override(**options)
    if not found:
        raise ConfigError("presets: at least one is needed, such as --presets default,paper")
    return found

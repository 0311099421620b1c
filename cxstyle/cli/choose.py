"""From the options of `cxstyle batch` to its jobs and who does them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import click

from .options import refuse, writing_of
from .several import is_file, read_settings

if TYPE_CHECKING:
    from ..batch.executors import Executor
    from ..batch.jobs import Job
    from ..settings import StyleConfig


class Workers(click.ParamType[int | str]):
    """A number, or auto."""

    name = "N|auto"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        """Leaves the range to `run_batch`."""
        if isinstance(value, int):
            return value
        if value == "auto":
            return "auto"
        if not str(value).isdigit():
            self.fail(f"{value!r} is neither a number nor auto", param, ctx)
        return int(value)


class Shard(click.ParamType[tuple[int, int]]):
    """Part i of n."""

    name = "I/N"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """1/4 -> (1, 4)."""
        if isinstance(value, tuple):
            return value
        i, slash, n = str(value).partition("/")
        if not (slash and i.isdigit() and n.isdigit() and 1 <= int(i) <= int(n)):
            self.fail(f"{value!r} is not a part such as 1/4, the first of four", param, ctx)
        return int(i), int(n)


@dataclass(frozen=True)
class Choice:
    """What says which jobs a batch has."""

    NAMES: ClassVar = (
        "jobs",
        "recursive",
        "pair",
        "name",
        "presets",
        "configs",
        "seeds",
        "device",
        "source_mask",
        "target_mask",
    )

    sides: tuple[str, ...]
    output: Path
    jobs: Path | None
    recursive: bool
    pair: str
    name: str | None
    presets: tuple[str, ...]
    configs: tuple[Path, ...]
    seeds: tuple[int, ...]
    device: str | None
    source_mask: Path | None
    target_mask: Path | None

    def devices(self) -> str | None:
        """Devices that have a worker each; None where a setting says it all."""
        return self.device if self.device and (self.device == "all" or "," in self.device) else None

    def words(self) -> list[str]:
        """Presets and files of settings."""
        return [*self.presets, *map(str, self.configs)]


def chosen_jobs(
    choice: Choice, note: Callable[[str], None], settings: dict[str, Any], writing: dict[str, Any]
) -> tuple[list[Job], str | None]:
    """The jobs, and devices that have a worker each.

    Args:
        choice: which.
        note: told what people should know.
        settings: that override those of presets.
        writing: as `writing_of` takes it.

    Raises:
        click.UsageError: neither two sides nor a file of jobs.
        ConfigError, PictureError: what was chosen can't be read or paired.
    """
    devices = choice.devices()
    settings = settings | {"device": None if devices else choice.device}
    if choice.jobs:
        bits = writing["bits"] if writing["bits"] == "auto" else int(writing["bits"])
        # What is as it is without the option leaves the file's word.
        said = {"bits": None if bits == "auto" else bits, "metadata": False if writing["no_metadata"] else None}
        return from_file(choice, settings | said | {"quality": writing["quality"]}), devices
    how = writing_of(**writing)
    return [replace(job, writing=how) for job in from_sides(choice, note, settings)], devices


def from_file(choice: Choice, settings: dict[str, Any]) -> list[Job]:
    """Of --jobs; what stands on the command line holds for all of them."""
    from ..batch.jobsfile import read_jobs

    if choice.sides:
        raise click.UsageError("--jobs takes the place of SOURCES and TARGETS; leave them out")
    refuse("is for SOURCES and TARGETS; --jobs names each job's", "recursive", "pair")
    if choice.jobs is None or len(choice.words()) > 1 or len(choice.seeds) > 1:
        raise click.UsageError("several --preset or --seed don't go with --jobs; write a job for each")
    word = next(iter(choice.words()), None)
    said = {
        "preset": word,
        "seed": next(iter(choice.seeds), None),
        "source_mask": choice.source_mask,
        "target_mask": choice.target_mask,
    }
    return read_jobs(choice.jobs, settings | said, choice.name)


def from_sides(choice: Choice, note: Callable[[str], None], settings: dict[str, Any]) -> list[Job]:
    """Of SOURCES and TARGETS."""
    from ..batch.listing import list_pictures
    from ..batch.pairing import make_jobs, pairs

    if len(choice.sides) != 2:
        raise click.UsageError(
            f"SOURCES and TARGETS are needed, and {len(choice.sides)} words came; put globs in quotes "
            "('photos/*.jpg'), or name the jobs in a file with --jobs"
        )
    sides = (list_pictures(side, choice.recursive, leave_out=choice.output, note=note) for side in choice.sides)
    sources, targets = sides
    alone = pairs(sources, targets, choice.pair).alone()
    if alone:
        note(alone)
    masks = choice.source_mask, choice.target_mask
    return make_jobs(sources, targets, choice.pair, labelled(choice, settings), choice.name, *masks)


def labelled(choice: Choice, settings: dict[str, Any]) -> list[tuple[str, StyleConfig]]:
    """All settings, with what they are called: each preset with each seed."""
    found = []
    for word in choice.words() or ["default"]:
        config = read_settings(word).override(**settings)
        name = Path(word).stem if is_file(word) else word
        found += [(name, config.override(seed=seed)) for seed in choice.seeds or [config.seed]]
    return found


def executor(who: dict[str, Any], devices: str | None) -> Executor | None:
    """Who does the jobs, where it is not this machine.

    Raises:
        click.UsageError: options of the other executor.
    """
    if who["kind"] == "local":
        refuse("is for --executor ray", "ray_address", "cpus", "return_pictures")
        return None
    if who["workers"] != "auto" or devices:
        raise click.UsageError(
            "--workers and several devices are for --executor local; Ray has as many as there is room"
        )
    if who["return_pictures"] and who["save_every"]:
        raise click.UsageError("--save-every needs storage that all nodes share; leave --return-pictures out")
    from ..batch.cluster import Cluster

    return Cluster(who["ray_address"], cpus=who["cpus"], return_pictures=who["return_pictures"])

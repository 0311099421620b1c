"""`Job`: one run of a batch; what makes two runs the same, and in which order they are done."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Hashable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from ..checks import plain
from ..errors import ConfigError
from ..pictures import Writing
from ..settings import INITS, StyleConfig

File = str | os.PathLike[str]
Item = TypeVar("Item")
WHERE = ("description", "device", "memory")
"""Settings that don't decide what a picture looks like, but for rounding: another machine may go on with a batch."""


@dataclass(frozen=True)
class Job:
    """One run of a batch: `run_batch` takes several.

    Args:
        source: path of a picture.
        target: path of one, or a list of several whose features make one set.
        config: the settings; the preset `default` without them.
        output: where the result goes, relative to the batch's folder, with "/" between folders; the suffix sets the
            format. SOURCE__TARGET.png without it.
        preset: what the settings are called in names, sheets and manifests.
        weights: of several targets, as `stylize` takes them.
        source_mask: path of a picture, as `stylize` takes it.
        target_mask: the same, a list for several targets.
        writing: quality, bits and metadata of the result's file.

    After it is made `target` and `target_mask` are tuples of paths, and nothing is missing.

    Raises:
        ConfigError: no target, or an output that lies outside the batch's folder.
    """

    source: Path
    target: tuple[Path, ...]
    config: StyleConfig
    output: str
    preset: str
    weights: tuple[float, ...] | None
    source_mask: Path | None
    target_mask: tuple[Path, ...]
    writing: Writing

    def __init__(
        self,
        source: File,
        target: File | Sequence[File],
        config: StyleConfig | None = None,
        output: str | None = None,
        *,
        preset: str = "",
        weights: Sequence[float] | None = None,
        source_mask: File | None = None,
        target_mask: File | Sequence[File] | None = None,
        writing: Writing | None = None,
    ) -> None:
        targets = paths(target)
        if not targets:
            raise ConfigError(f"{source}: a job needs at least one target")
        set_field = object.__setattr__
        set_field(self, "source", Path(source))
        set_field(self, "target", targets)
        set_field(self, "config", config or StyleConfig.preset())
        name = "__".join(Path(picture).stem for picture in (source, *targets))
        set_field(self, "output", inside(output or f"{name}.png"))
        set_field(self, "preset", preset or ("" if config else "default"))
        set_field(self, "weights", None if weights is None else tuple(plain(weights)))
        set_field(self, "source_mask", None if source_mask is None else Path(source_mask))
        set_field(self, "target_mask", paths(target_mask or ()))
        set_field(self, "writing", writing or Writing())

    @property
    def name(self) -> str:
        """For people: the output without its suffix."""
        return str(PurePosixPath(self.output).with_suffix(""))

    @property
    def words(self) -> str:
        """For people, with its pictures: a.jpg x b.jpg (fast)."""
        pictures = " x ".join(str(picture) for picture in (self.source, *self.target))
        return f"{pictures} ({self.preset})" if self.preset else pictures

    def step_file(self, step: int) -> str:
        """Of its picture after an iteration, relative to the folder of those."""
        return f"{self.name}_{step:05d}.png"

    def files(self) -> list[Path]:
        """All that it reads: pictures, masks, and `files_of_settings`."""
        masks = [*filter(None, [self.source_mask]), *self.target_mask]
        return [self.source, *self.target, *masks, *self.files_of_settings().values()]

    def files_of_settings(self) -> dict[str, Path]:
        """Those that the settings name: a picture to start from, a weight file."""
        named = {"init": None if self.config.init in INITS else self.config.init, "weights": self.config.weights}
        return {name: Path(path) for name, path in named.items() if path}

    def inputs(self) -> dict[str, Any]:
        """What it is given, for the manifest."""
        found: dict[str, Any] = {"source": str(self.source), "targets": [str(target) for target in self.target]}
        if self.weights is not None:
            found["target_weights"] = list(self.weights)
        if self.source_mask is not None:
            found |= {"source_mask": str(self.source_mask), "target_masks": [str(mask) for mask in self.target_mask]}
        return found

    def key(self, hash_of: Callable[[Path], str]) -> str:
        """A digest of all that decides its file: contents (not names) of what it reads, weights, settings, writing."""
        settings = {name: value for name, value in self.config.to_dict().items() if name not in WHERE}
        settings |= {name: hash_of(file) for name, file in self.files_of_settings().items()}
        masks = [*filter(None, [self.source_mask])]
        roles = {"source": [self.source], "target": self.target, "target_mask": self.target_mask, "source_mask": masks}
        hashes = {name: [hash_of(file) for file in files] for name, files in roles.items()}
        whole = {"files": hashes, "weights": self.weights, "settings": settings, "writing": asdict(self.writing)}
        return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()


def paths(files: File | Sequence[File]) -> tuple[Path, ...]:
    return (Path(files),) if isinstance(files, str | os.PathLike) else tuple(Path(file) for file in files)


def inside(output: str) -> str:
    """A path relative to the batch's folder, in one way of writing it; refuses what leads out of it."""
    path = PurePosixPath(output.replace(os.sep, "/"))
    if path.is_absolute() or ".." in path.parts or not path.name:
        raise ConfigError(f"output: {output!r} must be a file inside the batch's folder, such as sub/name.png")
    return str(path)


@dataclass(frozen=True)
class Task:
    """A job given to a worker. With a checkpoint what is stopped keeps its picture, too."""

    index: int  # of the job in its batch
    job: Job  # to be done
    attempt: int = 1  # more where workers were lost over it
    save_every: tuple[int, Path] | None = None  # (n, folder) to write the picture after every n iterations, too
    preview: int = 0  # pixels of the long edge of the pictures that come with its progress; 0 for none
    checkpoint: Path | None = None  # where the state of the run is kept, and from which it goes on where it is there


def in_order(jobs: Sequence[Job]) -> list[Job]:
    """As one worker does them: together those that can share the features of their targets, as they first come."""
    ranks: dict[Hashable, int] = {}

    def rank(job: Job) -> int:
        config = job.config
        layers = frozenset(layer for term in config.terms for layer in term.layers)
        seen = (config.features, config.weights, config.pooling, config.precision, config.colors, layers)
        group = (job.target, job.target_mask, seen, config.size, config.pyramid, config.iterations)
        return ranks.setdefault(group, len(ranks))

    return sorted(jobs, key=rank)


def part(items: Sequence[Item], shard: tuple[int, int] | None) -> list[Item]:
    """Part i of n, counted from 1; all are about equally long."""
    i, n = shard or (1, 1)
    if not 1 <= i <= n:
        raise ConfigError(f"shard: {i}/{n} is not one of 1/{n} to {n}/{n}")
    return list(items[(i - 1) * len(items) // n : i * len(items) // n])

"""What a job needs, on its way to another machine: paths on storage that all share, or the files' contents."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..settings import INITS, StyleConfig
from .jobs import Job
from .schedule import Task

Networks = dict[str, tuple[str, Path | None]]
"""By the features of settings without a weight file: which network that is here, and its file unless it is bundled."""


class UnseenError(Exception):
    """A file that isn't on this machine as it is on the one that sent the job."""


@dataclass(frozen=True)
class Parcel:
    """A task for another machine.

    Attributes:
        task: as the batch has it.
        job: with paths that hold from every folder, and with the network that it takes here.
        shared: files of the job that must be where they are.
        contents: in place of those, by path, what `get` makes the content of.
    """

    task: Task
    job: Job
    shared: tuple[Path, ...] = ()
    contents: dict[Path, Any] = field(default_factory=dict)


class Sender:
    """Makes parcels; a file's content is put where others get it once, and dropped after the last job that needs it.

    Args:
        tasks: all of the batch.
        networks: see there.
        put: gives contents to others, for `Store`; None where files are shared.
    """

    def __init__(self, tasks: Iterable[Task], networks: Networks, put: Callable[[bytes], Any] | None) -> None:
        self.networks, self.put = networks, put
        self.needed = Counter(file for task in tasks for file in self.files(task))
        self.contents: dict[Path, Any] = {}

    def job(self, task: Task) -> Job:
        """As of `Parcel`."""
        return moved(task.job, Path.absolute, self.networks)

    def files(self, task: Task) -> set[Path]:
        """All that a task reads, where it is here."""
        return set(self.job(task).files())

    def parcel(self, task: Task) -> Parcel:
        """Without files that aren't here: whoever misses them says so, as for any other job."""
        files, job = self.files(task), self.job(task)
        if task.save_every is not None:
            task = replace(task, save_every=(task.save_every[0], task.save_every[1].absolute()))
        if self.put is None:
            return Parcel(task, job, shared=tuple(sorted(file for file in files if file.exists())))
        for file in files - self.contents.keys():
            try:
                self.contents[file] = self.put(file.read_bytes())
            except OSError:
                continue
        return Parcel(task, job, contents={f: self.contents[f] for f in files if f in self.contents})

    def done(self, task: Task) -> None:
        """It has ended for good."""
        for file in self.files(task):
            self.needed[file] -= 1
            if not self.needed[file]:
                self.contents.pop(file, None)


class Store:
    """The other end of `Sender`, which keeps the files of the tasks that are there.

    Args:
        get: the content that a parcel has.
    """

    def __init__(self, get: Callable[[Any], bytes]) -> None:
        self.get = get
        self.folder: tempfile.TemporaryDirectory[str] | None = None
        self.places: dict[Path, Path] = {}
        self.tasks: dict[int, Parcel] = {}
        self.numbers: dict[Path, int] = {}

    def take(self, parcel: Parcel) -> Task:
        """The task with paths that hold here.

        Raises:
            UnseenError: a file should be here and isn't.
        """
        for file in parcel.shared:
            if not file.exists():
                raise UnseenError(str(file))
        self.tasks[parcel.task.index] = parcel
        self.clear()
        for file, content in parcel.contents.items():
            if file not in self.places:
                # The same name whenever it comes again: networks are known by their paths.
                number = self.numbers.setdefault(file, len(self.numbers))
                self.folder = self.folder or tempfile.TemporaryDirectory(prefix="cxstyle-")
                place = Path(self.folder.name) / f"{number}{file.suffix}"
                place.write_bytes(self.get(content))
                self.places[file] = place
        job = moved(parcel.job, lambda file: self.places.get(file, file), {})
        return replace(parcel.task, job=job, names=parcel.task.job.names())

    def done(self, index: int) -> None:
        """A task has ended."""
        self.tasks.pop(index, None)

    def clear(self) -> None:
        """Removes files of tasks that have ended."""
        needed = {file for parcel in [*self.tasks.values()] for file in parcel.contents}
        for file in self.places.keys() - needed:
            self.places.pop(file).unlink(missing_ok=True)

    def close(self) -> None:
        """Removes them all."""
        if self.folder is not None:
            self.folder.cleanup()

    def as_sent(self, text: str, index: int) -> str:
        """A message about a task, with the paths that the batch knows in place of those here."""
        for file, place in [*self.places.items()]:
            text = text.replace(str(place), str(file))
        for file in self.tasks[index].task.job.files() if index in self.tasks else ():
            text = text.replace(str(file.absolute()), str(file))
        return text


def moved(job: Job, where: Callable[[Path], Path], networks: Networks) -> Job:
    """The same job with its files elsewhere."""
    return replace(
        job,
        source=where(job.source),
        target=tuple(map(where, job.target)),
        source_mask=job.source_mask and where(job.source_mask),
        target_mask=tuple(map(where, job.target_mask)),
        config=moved_config(job.config, where, networks),
    )


def moved_config(config: StyleConfig, where: Callable[[Path], Path], networks: Networks) -> StyleConfig:
    """The same settings with their files elsewhere, and the network that `networks` says."""
    if config.init not in INITS:
        config = replace(config, init=str(where(Path(config.init))))
    features, weights = networks.get(config.features, (config.features, None))
    if config.weights is None and weights is None:
        return replace(config, features=features)
    if config.weights is None:
        return replace(config, features=features, weights=str(weights and where(weights)))
    return replace(config, weights=str(where(Path(config.weights))))


def networks_here(configs: Iterable[StyleConfig]) -> Networks:
    """What the features of settings mean on this machine, so that they mean the same on others."""
    from ..features import BUNDLED, find

    found: Networks = {}
    for name in {config.features for config in configs if config.weights is None}:
        network = ("vgg19" if find("vgg19") else "vgg16") if name == "auto" else name
        path = find(network)
        found[name] = network, None if path is None or path.parent == BUNDLED else path
    return found

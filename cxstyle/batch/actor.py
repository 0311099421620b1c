"""What runs on the nodes of a Ray cluster: a worker that says what it has done whenever it is asked."""

from __future__ import annotations

import hashlib
import os
import queue
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import CxStyleError
from ..files import make_folder, write_partial
from .child import Doer
from .parcels import Parcel, Store, UnseenError
from .schedule import Task
from .work import Ended, Worker, failed

Message = tuple[str, int, Any]
PAUSE = 0.5
"""Seconds after which it says at least how far it is."""


@dataclass(frozen=True)
class Terms:
    """What an actor is told when it is made.

    Attributes:
        threads: that it may use.
        gpu: whether it has one.
        folder: where the results go, on storage that all nodes share; None to send them back.
    """

    threads: int
    gpu: bool
    folder: Path | None


class Actor:
    """A worker on a node, which keeps its network and the features of targets.

    Its calls come one at a time and return soon; the work is done in other threads.
    """

    def __init__(self, terms: Terms) -> None:
        import ray
        import torch

        torch.set_num_threads(terms.threads)
        self.terms = terms
        self.said: list[Message] = []
        self.heard = threading.Condition()
        self.parcels: queue.SimpleQueue[Parcel] = queue.SimpleQueue()
        self.store = Store(ray.get)
        self.jobs: dict[int, str] = {}
        self.doer = Doer(Worker(memory=1.0 if terms.gpu else share(terms.threads)), self.tell)
        for work in (self.doer.go, self.unpack):
            threading.Thread(target=vital, args=(work,), daemon=True).start()

    def hello(self) -> tuple[str, str, str]:
        """The id of the node that it is on, its name, and which cxstyle is there."""
        import ray

        from .. import __version__

        return ray.get_runtime_context().get_node_id(), socket.gethostname(), __version__

    def sees(self, file: Path) -> bool:
        """Whether a file is there."""
        return file.exists()

    def exchange(self, parcels: list[Parcel], stopping: bool) -> list[Message]:
        """Takes tasks, and tells what happened since the last call: at once where more than progress did."""
        self.doer.stopping |= stopping
        for parcel in parcels:
            self.parcels.put(parcel)
        with self.heard:
            self.heard.wait_for(lambda: any(kind != "moved" for kind, _, _ in self.said), PAUSE)
            said, self.said = self.said, []
        return said

    def close(self) -> None:
        """Ends the actor."""
        import ray

        self.store.close()
        ray.actor.exit_actor()

    def tell(self, kind: str, index: int, content: Any) -> None:
        """For the next exchange."""
        if kind == "ended":
            content = self.delivered(index, content)
        with self.heard:
            if kind == "moved":  # the latest is enough
                self.said = [said for said in self.said if said[:2] != ("moved", index)]
            self.said.append((kind, index, content))
            self.heard.notify()

    def unpack(self) -> None:
        """Makes tasks of parcels, beside the work."""
        while True:
            parcel = self.parcels.get()
            index = parcel.task.index
            self.jobs[index] = parcel.task.job.output
            try:
                task = self.store.take(parcel)
            except UnseenError as error:
                self.tell("unseen", index, str(error))
            except Exception as error:  # such as a full disk
                self.tell("ended", index, failed(error))
            else:
                self.doer.take(self.fitting(task))

    def fitting(self, task: Task) -> Task:
        """On this actor's device: it sees one GPU, whichever that is, or none."""
        device = task.job.config.device
        if self.terms.gpu and device.startswith("cuda"):
            device = "cuda"
        if not self.terms.gpu and device == "auto":
            device = "cpu"
        return replace(task, job=replace(task.job, config=task.job.config.override(device=device)))

    def delivered(self, index: int, ended: Ended) -> Ended:
        """With the picture beside its place where that is shared, and with paths as the batch knows them."""
        output, folder = self.jobs.pop(index), self.terms.folder
        details = dict(ended.details)
        if "weights" in details:
            details["weights"] = self.store.as_sent(details["weights"], index)
        ended = replace(ended, error=self.store.as_sent(ended.error, index), details=details)
        self.store.done(index)
        if folder is None or ended.picture is None:
            return ended
        path = folder / output
        try:
            make_folder(path.parent)
            part = write_partial(path, ended.picture)
        except CxStyleError as error:
            return failed(error)
        facts = ended.facts | {"sha256": hashlib.sha256(ended.picture).hexdigest()}
        return replace(ended, picture=None, part=part, facts=facts)


def share(threads: int) -> float:
    """Of a node's memory, for a worker with so many of its CPUs."""
    import ray

    here = ray.get_runtime_context().get_node_id()
    cpus = next((node["Resources"].get("CPU", 0.0) for node in ray.nodes() if node["NodeID"] == here), 0.0)
    return min(1.0, threads / cpus) if cpus else 1.0


def vital(work: Callable[[], None]) -> None:
    """Runs what the actor can't be without: rather none, which is noticed, than one that never answers."""
    try:
        work()
    finally:
        os._exit(1)

"""The process between a batch and a Ray cluster: it hires workers on nodes, gives them tasks and tells what they say.

It is apart since Ray's library ends the process that uses it when the cluster is gone, and prints what it likes.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path
from typing import Any, NoReturn

from .. import openmp
from ..errors import ClusterError, CxStyleError
from ..files import make_folder, write_partial
from ..pictures import VARIABLE
from .actor import Actor, Terms
from .cluster import LOCAL, Order
from .executors import PATIENCE, Team
from .parcels import Sender
from .process import THREADS, Parent, leave_signals_to_parent, python_path
from .remote import Node, RayHand, connect, gist, largest, room
from .schedule import Task
from .work import Ended, Moved

CPUS = 2
"""Of each worker where nothing else is said: a run alone gains little from more, and two of one CPU each need twice the
memory."""
LOOK = 2.0
"""Seconds between two looks at the cluster's nodes."""
STARTS = 5
"""Workers that may fail to start, one after another, before no more are tried."""
WAIT = 120.0
"""Seconds that a cluster may be without any node with room for a worker: one that grows by itself needs as long."""
BYE = 3.0
"""Seconds for workers to end by themselves."""


class Ring:
    """Tells the process that has the batch, and hears from it whether to stop; a `Watcher`."""

    def __init__(self, parent: Parent, folder: Path) -> None:
        self.parent, self.folder, self.stopping = parent, folder, False
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self) -> None:
        """Its only message means to stop; its end, the end."""
        while True:
            self.parent.hear()
            self.stopping = True

    def started(self, task: Task, worker: str) -> None:
        """As `Watcher`."""
        self.parent.say("started", task, worker)

    def moved(self, task: Task, worker: str, moved: Moved) -> None:
        """As `Watcher`."""
        self.parent.say("moved", task, worker, moved)

    def ended(self, task: Task, worker: str, ended: Ended) -> None:
        """As `Watcher`."""
        self.parent.say("ended", task, worker, ended)


class Driver(Team[RayHand]):
    """Does all tasks of an order on the cluster that Ray is connected to."""

    def __init__(self, order: Order, ring: Ring) -> None:
        import ray

        self.ray, self.order, self.ring = ray, order, ring
        self.assemble(order.schedule, ring)
        self.tasks = [task for group in order.schedule.groups.values() for task in group]
        self.sender = Sender(self.tasks, order.networks, ray.put if order.return_pictures else None)
        self.nodes: set[str] = set()
        self.reason, self.failures = "", 0
        self.home = ray.get_runtime_context().get_node_id()
        self.looked = self.roomy = time.monotonic()
        nodes = self.alive()
        self.gpu = self.wants_gpu(nodes)
        self.cpus = order.cpus or max(1, min(CPUS, largest(nodes, self.gpu)))

    def go(self) -> None:
        """Until all have ended, or the batch is stopping and those that ran have ended.

        Raises:
            ClusterError: no node can be used.
        """
        self.look()
        while any(hand.tasks for hand in self.hands) or (self.schedule and not self.watcher.stopping):
            if time.monotonic() - self.looked > LOOK:
                self.look()
            for hand in self.answered():
                self.answer(hand)
        self.dismiss()

    def alive(self) -> list[Node]:
        """The nodes that there are."""
        return [node for node in self.ray.nodes() if node["Alive"]]

    def wants_gpu(self, nodes: list[Node]) -> bool:
        """Whether each worker gets one."""
        if self.order.gpus is not None:
            return self.order.gpus
        devices = {task.job.config.device.split(":")[0] for task in self.tasks}
        return bool(devices & {"auto", "cuda"}) and any(node["Resources"].get("GPU") for node in nodes)

    def look(self) -> None:
        """Hires as many as there is room and work for.

        Raises:
            ClusterError: the cluster is lost, or can do nothing.
        """
        nodes, self.looked = self.alive(), time.monotonic()
        self.ring.parent.say("alive")
        names = {node["NodeID"] for node in nodes}
        if self.home not in names:  # Ray ends the workers then, and tells nobody
            raise ClusterError("the Ray cluster was lost: this machine is no node of it anymore")
        if names != self.nodes:
            self.nodes, self.failures = names, 0
        there = room(nodes, self.cpus, self.gpu)
        if there:
            self.roomy = self.looked
        left = len(self.schedule) + sum(len(hand.tasks) for hand in self.hands)
        # Without any room, one that waits for it: clusters that grow by themselves see by that what is needed.
        wanted = min(max(1, there), left + sum(bool(hand.blind) for hand in self.hands))
        self.places = wanted
        while len(self.hands) < wanted and self.failures < STARTS and not self.watcher.stopping:
            self.hire()
        self.check(there)

    def hire(self) -> None:
        """A worker wherever Ray finds room for one."""
        variables = dict.fromkeys(THREADS, str(self.cpus)) | {"PYTHONPATH": python_path()}
        for name in ("CXSTYLE_CACHE", VARIABLE, *openmp.VARIABLES):
            if name in os.environ:
                variables[name] = os.environ[name]
        kind = self.ray.remote(Actor).options(
            num_cpus=self.cpus,
            num_gpus=int(self.gpu),
            scheduling_strategy="SPREAD",
            runtime_env={"env_vars": variables},
        )
        terms = Terms(self.cpus, self.gpu, None if self.order.return_pictures else self.order.folder)
        taken = {hand.number for hand in self.hands}
        number = next(number for number in range(1, len(taken) + 2) if number not in taken)
        self.hands.append(RayHand(number, kind.remote(terms), self.sender))

    def check(self, there: int) -> None:
        """Makes sure that some worker can work, or may be able to once it has started.

        Args:
            there: workers that there is room for.

        Raises:
            ClusterError: none can.
        """
        if any(hand.node and not hand.blind for hand in self.hands):
            return
        blind = [hand.blind for hand in self.hands if hand.blind]
        if blind and len(blind) == len(self.hands) >= there:
            raise ClusterError(blind[0])
        if self.failures >= STARTS and len(blind) == len(self.hands):
            raise ClusterError(f"workers don't start on the nodes, which need cxstyle and torch as here: {self.reason}")
        patience = 0.0 if self.order.address == LOCAL else WAIT
        if not there and time.monotonic() - self.roomy > patience:
            what = f"{self.cpus} CPUs" + (" and a GPU" if self.gpu else "")
            raise ClusterError(f"no node of the cluster has {what} for a worker; use fewer --cpus, or add nodes")

    def answered(self) -> list[RayHand]:
        """Workers that have answered."""
        waiting = {hand.waiting: hand for hand in self.hands}
        if not waiting:
            time.sleep(PATIENCE)
            return []
        if not self.ray.wait([*waiting], timeout=PATIENCE)[0]:
            return []
        return [waiting[ref] for ref in self.ray.wait([*waiting], num_returns=len(waiting), timeout=0)[0]]

    def answer(self, hand: RayHand) -> None:
        """Goes on with one that has answered."""
        try:
            said = self.ray.get(hand.waiting)
        except self.ray.exceptions.RayError as error:
            self.lose(hand, error)
            return
        if hand.stage == "hello":
            self.greet(hand, *said)
        elif hand.stage == "sees":
            self.seen(hand, said)
        else:
            for message in said:
                self.hear(hand, *message)
            hand.exchange(self.watcher.stopping)

    def greet(self, hand: RayHand, node: str, host: str, version: str) -> None:
        """It has started. Whether it sees the folder is found out with a file that is nowhere else."""
        from .. import __version__

        hand.node, hand.name, self.failures = node, f"{hand.number}@{host}", 0
        if version != __version__:
            hand.blind = f"cxstyle {version} is installed on {host} and {__version__} here; install the same"
        if hand.blind or self.order.return_pictures:
            self.begin(hand)
            return
        path = self.order.folder / self.tasks[-1].job.output
        make_folder(path.parent)
        hand.probe = write_partial(path, b"")
        hand.ask("sees", hand.probe)

    def seen(self, hand: RayHand, sees: bool) -> None:
        """It has looked for that file."""
        self.clear(hand)
        if not sees:
            hand.blind = hand.unseen(str(self.order.folder))
            self.looked = 0.0
        self.begin(hand)

    def begin(self, hand: RayHand) -> None:
        """Its first tasks."""
        self.feed(hand)
        hand.exchange(self.watcher.stopping)

    def feed(self, hand: RayHand) -> None:
        """As `Team`."""
        if not hand.blind:
            super().feed(hand)

    def hear(self, hand: RayHand, kind: str, index: int, content: Any) -> None:
        """As `Team`, and that a file is not there."""
        if kind == "unseen":
            hand.blind = hand.unseen(content)
            self.looked = 0.0
            self.schedule.put_back(hand.tasks.pop(index), failed=False)
            self.schedule.leave(hand.name)
            return
        if kind == "ended":
            self.sender.done(hand.tasks[index])
        super().hear(hand, kind, index, content)

    def lose(self, hand: RayHand, error: Exception) -> None:
        """One that has died, or that can't be reached anymore."""
        self.hands.remove(hand)
        self.clear(hand)
        self.ray.kill(hand.actor)
        kinds = self.ray.exceptions
        there = not hand.node or hand.node in {node["NodeID"] for node in self.alive()}
        died = there and isinstance(error, kinds.ActorDiedError | kinds.OutOfMemoryError | kinds.RayTaskError)
        if not hand.node:
            self.failures, self.reason = self.failures + 1, str(error).strip().splitlines()[-1]
        why = "its worker has died" if died else "the node of its worker was lost"
        self.take_back(hand, why, died=died, advice="; see Ray's logs on the node")
        self.looked = 0.0

    def clear(self, hand: RayHand) -> None:
        """Its probe has served."""
        if hand.probe is not None:
            hand.probe.unlink(missing_ok=True)
            hand.probe = None

    def dismiss(self) -> None:
        """Lets workers go, with the files that they keep."""
        ends = [hand.actor.close.remote() for hand in self.hands if hand.node]
        if ends:
            self.ray.wait(ends, num_returns=len(ends), timeout=BYE)


def main() -> None:
    """python -m cxstyle.batch.driver: takes an order, and None to stop; says what a watcher is told, then done."""
    parent = Parent()
    order: Order = parent.hear()
    ring = Ring(parent, order.folder)
    try:
        connect(order.address)
        leave_signals_to_parent()  # after Ray, which takes some for itself
        Driver(order, ring).go()
    except CxStyleError as error:
        parent.say("broken", error)
    except Exception as error:  # as of a connection that breaks
        why = f"{type(error).__name__}: {gist(error)}"
        parent.say("broken", ClusterError(f"the Ray cluster ({order.address}) was lost: {why}"))
    else:
        parent.say("done")
    leave()


def leave() -> NoReturn:
    """Ends Ray where this process has started it, and this process, which Ray's own ending can abort."""
    import ray

    with contextlib.suppress(Exception):
        ray.shutdown()
    os._exit(0)


if __name__ == "__main__":
    main()

"""What travels to other machines with a job, and how many workers those have room for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cxstyle import Job, StyleConfig
from cxstyle.batch.parcels import Parcel, Sender, Store, UnseenError, networks_here
from cxstyle.batch.plan import file_hash
from cxstyle.batch.remote import largest, room
from cxstyle.batch.schedule import Task

FAST = StyleConfig.preset("fast")


@pytest.fixture
def tasks(tmp_path: Path) -> list[Task]:
    """Two sources with one target; the second starts from a picture."""
    for name in ("a", "b", "look", "start"):
        (tmp_path / f"{name}.png").write_bytes(name.encode())
    other = replace(FAST, init=str(tmp_path / "start.png"))
    pairs = [("a", FAST), ("b", other)]
    jobs = [Job(tmp_path / f"{name}.png", tmp_path / "look.png", config) for name, config in pairs]
    return [Task(index, job) for index, job in enumerate(jobs)]


@pytest.fixture
def store() -> Iterator[Store]:
    store = Store(put)
    yield store
    store.close()


def sent(sender: Sender) -> list[str]:
    return sorted(file.name for file in sender.contents)


def put(content: bytes) -> bytes:
    return content


def test_each_file_is_kept_until_the_last_job_that_needs_it_has_ended(tasks: list[Task]) -> None:
    sender = Sender(tasks, {}, put)
    assert sent(sender) == []
    sender.parcel(tasks[0])
    assert sent(sender) == ["a.png", "look.png"]
    sender.parcel(tasks[1])
    sender.done(tasks[0])
    assert sent(sender) == ["b.png", "look.png", "start.png"]
    sender.done(tasks[1])
    assert sent(sender) == []


def test_a_job_that_is_sent_again_is_not_read_again(tasks: list[Task]) -> None:
    read = []
    sender = Sender(tasks, {}, read.append)
    sender.parcel(tasks[0])
    sender.parcel(tasks[0])
    assert sorted(read) == [b"a", b"look"]


def test_a_job_that_has_travelled_reads_the_same_contents(tasks: list[Task], store: Store) -> None:
    sender = Sender(tasks, {}, put)
    task = store.take(sender.parcel(tasks[1]))
    assert task.job.key(file_hash) == tasks[1].job.key(file_hash)
    assert not set(task.job.files()) & set(tasks[1].job.files())
    assert {file.suffix for file in task.job.files()} == {".png"}


def test_files_of_jobs_that_have_ended_are_removed_when_the_next_comes(tasks: list[Task], store: Store) -> None:
    sender = Sender(tasks, {}, put)
    first = store.take(sender.parcel(tasks[0])).job
    store.done(0)
    second = store.take(sender.parcel(tasks[1])).job
    assert not first.source.exists()
    assert second.target == first.target
    assert second.target[0].read_bytes() == b"look"
    store.close()
    assert not second.target[0].parent.exists()


def test_messages_name_files_as_the_batch_does(
    tasks: list[Task], store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tasks[0].job.source.parent)
    task = Task(0, Job("a.png", "look.png", FAST))
    there = store.take(Sender([task], {}, put).parcel(task)).job
    assert store.as_sent(f"{there.source} is no picture", 0) == "a.png is no picture"
    assert store.as_sent(f"{Path('a.png').absolute()} is no picture", 0) == "a.png is no picture"


def test_a_file_that_should_be_shared_and_is_not_there_is_named(tasks: list[Task], store: Store) -> None:
    parcel = Sender(tasks, {}, None).parcel(tasks[0])
    tasks[0].job.source.unlink()
    with pytest.raises(UnseenError, match=r"a\.png$"):
        store.take(parcel)


def test_a_file_that_is_nowhere_is_for_the_job_to_miss(tasks: list[Task], store: Store) -> None:
    tasks[0].job.source.unlink()
    parcels = [Sender(tasks, {}, way).parcel(tasks[0]) for way in (None, put)]
    assert [store.take(parcel).job.source for parcel in parcels] == [tasks[0].job.source] * 2


def test_other_machines_use_the_network_of_this_one(tasks: list[Task], own_cache: Path) -> None:
    assert networks_here([FAST]) == {"auto": ("vgg16", None)}
    fetched = own_cache / "weights" / "vgg19.safetensors"
    fetched.parent.mkdir(parents=True)
    fetched.write_bytes(b"weights")
    networks = networks_here([FAST])
    assert networks == {"auto": ("vgg19", fetched)}
    parcel: Parcel = Sender(tasks, networks, put).parcel(tasks[0])
    assert (parcel.job.config.features, parcel.job.config.weights) == ("vgg19", str(fetched))
    assert parcel.contents[fetched] == b"weights"


@pytest.mark.parametrize(
    ("cpus", "gpu", "workers"), [(1, False, 9), (2, False, 4), (3, False, 2), (9, False, 0), (1, True, 2), (3, True, 2)]
)
def test_workers_fit_into_nodes_one_by_one(cpus: int, gpu: bool, workers: int) -> None:
    nodes = [{"Resources": {"CPU": 8.0, "GPU": 2.0}}, {"Resources": {"CPU": 1.0}}, {"Resources": {}}]
    assert room(nodes, cpus, gpu) == workers
    assert largest(nodes, gpu) == (4 if gpu else 8)

"""Batches on a real Ray cluster of two nodes, of one CPU each, on this machine; nodes and workers are killed."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import torch
from helpers import QUICK
from ray.cluster_utils import Cluster as RayCluster

from cxstyle import Job, StyleConfig, run_batch
from cxstyle.batch.cluster import Cluster
from cxstyle.batch.local import ThisProcess
from cxstyle.batch.manifest import lines
from cxstyle.batch.run import Event
from cxstyle.errors import ClusterError

SMALL = StyleConfig.load(QUICK).override(iterations=60)


class Nodes:
    """The cluster: a head, which every batch speaks with, and other nodes that come and go."""

    def __init__(self) -> None:
        self.ray = RayCluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})

    def set(self, count: int) -> None:
        while len(self.ray.list_all_nodes()) < count:
            # In a folder of its own, so that a test can have files at /proc/self/cwd that no worker sees.
            with contextlib.chdir("/"):
                self.ray.add_node(num_cpus=1)
        while len(self.ray.list_all_nodes()) > count:
            self.kill()

    def kill(self) -> None:
        self.ray.remove_node(next(iter(self.ray.worker_nodes)), allow_graceful=False)


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cluster() -> Iterator[Nodes]:
    nodes = Nodes()
    yield nodes
    nodes.ray.shutdown()


@pytest.fixture(scope="module")
def jobs(pair: tuple[Path, Path]) -> list[Job]:
    """Of two targets, with three seeds each."""
    seeds = [SMALL.override(seed=seed) for seed in range(3)]
    return [Job(pair[0], t, config, f"{t.stem}/{config.seed}.png") for t in pair for config in seeds]


@pytest.fixture(scope="module")
def undisturbed(jobs: list[Job], tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What this process makes of the jobs, with one thread as the cluster's workers have."""
    folder, threads = tmp_path_factory.mktemp("here"), torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CXSTYLE_CACHE", str(folder / "cache"))
        run_batch(jobs, folder, executor=ThisProcess())
    torch.set_num_threads(threads)
    return pictures(folder)


def pictures(folder: Path) -> dict[str, bytes]:
    """All files of a folder but the manifest, hidden ones too."""
    found = (path for path in sorted(folder.rglob("*")) if path.is_file() and "manifest" not in path.name)
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def attempts(folder: Path) -> int:
    return max(record["attempt"] for record in lines(folder / "manifest.jsonl"))


def once(workers: int, then: Callable[[], object]) -> Callable[[Event], bool]:
    """A callback that does something when so many workers have begun a job."""
    seen = set[str]()

    def told(event: Event) -> bool:
        before = len(seen)
        seen.update({event.worker} - {""})
        return not before < workers <= len(seen) or then() is not False

    return told


def workers() -> list[psutil.Process]:
    """Processes that the cluster has for workers of batches."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):  # one that has just ended
            found += [process] if process.name().startswith("ray::do_job") and process.cmdline() else []
    return found


def test_all_jobs_end_well_and_once_when_a_node_is_killed(
    cluster: Nodes, jobs: list[Job], undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    cluster.set(2)
    run_batch(jobs, tmp_path / "out", executor=Cluster(cluster.ray.address), callback=once(2, cluster.kill))
    ended = [record["output"] for record in lines(tmp_path / "out/manifest.jsonl") if record["status"] == "complete"]
    assert sorted(ended) == sorted(job.output for job in jobs)
    assert attempts(tmp_path / "out") == 2
    assert pictures(tmp_path / "out") == undisturbed


@pytest.fixture
def endless(jobs: list[Job]) -> list[Job]:
    return [replace(job, config=SMALL.override(iterations=100_000)) for job in jobs]


def test_a_node_that_joins_gets_work_and_stopping_ends_it_all(cluster: Nodes, endless, tmp_path: Path) -> None:
    cluster.set(1)
    callbacks = once(1, lambda: cluster.set(2)), once(2, lambda: False)
    executor = Cluster(cluster.ray.address)
    result = run_batch(endless, tmp_path, executor=executor, callback=lambda event: all(c(event) for c in callbacks))
    assert result.stopped
    assert [record["status"] for record in result.ended()] == ["stopped", "stopped"]
    assert pictures(tmp_path) == {}


def test_what_a_shell_has_put_into_the_background_stops_as_well() -> None:
    # It ignores SIGINT, and so do the nodes that it starts: seen in a process of its own, the test before this one.
    words = ["-m", "pytest", "-q", "-n0", "-m", "slow", __file__, "-k", "a_node_that_joins"]
    subprocess.run(["bash", "-c", "trap '' INT; exec \"$@\"", "bash", sys.executable, *words], check=True, timeout=150)


def test_a_node_begins_no_job_while_another_has_its_cpus(cluster: Nodes, endless, tmp_path: Path) -> None:
    cluster.set(1)
    told: list[str] = []

    def five_reports(event: Event) -> bool:
        told.extend(filter(None, [event.worker]))
        return len(told) < 6

    run_batch(endless, tmp_path, executor=Cluster(cluster.ray.address), callback=five_reports)
    assert len(set(told[:6])) == 1


@pytest.fixture
def unshared(jobs: list[Job], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Job]:
    """Jobs whose files only processes in the folder of this one can see: others have another /proc/self/cwd."""
    monkeypatch.chdir(tmp_path)
    here = Path("/proc/self/cwd")
    for file in {file for job in jobs for file in job.files()}:
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return [Job(here / job.source.name, here / job.target[0].name, job.config, job.output) for job in jobs]


def test_pictures_travel_where_no_storage_is_shared_and_again_when_a_worker_is_killed(
    cluster: Nodes, unshared: list[Job], undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    cluster.set(2)
    executor, kill = Cluster(cluster.ray.address, return_pictures=True), once(2, lambda: workers()[0].kill())
    run_batch(unshared, "/proc/self/cwd/out", executor=executor, callback=kill)
    assert attempts(tmp_path / "out") == 2
    assert pictures(tmp_path / "out") == undisturbed


def test_a_cluster_that_does_not_see_the_files_is_told_of_return_pictures(
    cluster: Nodes, unshared: list[Job], tmp_path: Path
) -> None:
    cluster.set(2)
    with pytest.raises(ClusterError, match=r"doesn't see /proc/self/cwd/.*--return-pictures"):
        run_batch(unshared, tmp_path / "out", executor=Cluster(cluster.ray.address))
    assert pictures(tmp_path / "out") == {}


def test_a_cluster_that_is_not_there_is_one_clear_line(jobs: list[Job], tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match=r"no Ray cluster can be reached at 127\.0\.0\.1:1 .*--ray-address local$"):
        run_batch(jobs, tmp_path, executor=Cluster("127.0.0.1:1"))
    assert pictures(tmp_path) == {}

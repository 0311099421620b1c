"""`run_batch` with the real network: this process, several, and what happens when one dies."""

from __future__ import annotations

import io
import json
import multiprocessing
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import psutil
import pytest
import torch
from helpers import QUICK, wait_until
from PIL import Image

from cxstyle import Job, LossTerm, StyleConfig, run_batch, stylize
from cxstyle.batch.cluster import room, with_network
from cxstyle.batch.jobs import Task
from cxstyle.batch.local import LocalPool, ThisProcess, choose_executor
from cxstyle.batch.manifest import Manifest, lines
from cxstyle.batch.run import BatchResult, Event
from cxstyle.batch.worker import Worker
from cxstyle.errors import ConfigError, DeviceError, OutputError
from cxstyle.features.cache import MOST_NETWORKS, FeatureCache
from cxstyle.files import sha256_of
from cxstyle.transfer.inputs import read_inputs
from cxstyle.transfer.prepare import prepare
from cxstyle.transfer.stylize import Run

TINY = StyleConfig.load(QUICK)
LONG = TINY.override(iterations=100_000)


@pytest.fixture
def jobs(pair: tuple[Path, Path]) -> list[Job]:
    """Both portraits in the look of each other and of themselves, targets apart."""
    return [Job(s, t, TINY, f"{s.stem}/{t.stem}.png") for s in pair for t in pair]


@pytest.fixture
def mixed(jobs: list[Job]) -> list[Job]:
    """Those with one of the targets by the default's means."""
    fast = StyleConfig.preset("fast").override(size=48, iterations=2)
    return [replace(job, config=fast) if "hopper.png" in job.output else job for job in jobs]


here = partial(run_batch, executor=ThisProcess())


def results(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.png"))}


def statuses(folder: Path) -> list[str]:
    return [record["status"] for record in lines(folder / "manifest.jsonl") if record["status"] != "started"]


def alone(job: Job, folder: Path) -> bytes:
    """What a single run makes of a job."""
    stylize(job.source, list(job.target), job.config).save(folder / "alone.png")
    return (folder / "alone.png").read_bytes()


# sharing


def test_a_recoloured_target_is_another_for_each_source(pair: tuple[Path, Path], tmp_path: Path) -> None:
    result = here([Job(source, pair[1], TINY.override(colors="source")) for source in pair], tmp_path)
    assert [record["target_features"] for record in result.ended()] == ["computed"] * 2


def test_networks_that_were_long_unused_are_dropped_and_who_uses_one_goes_on(pair: tuple[Path, Path]) -> None:
    shared, inputs = FeatureCache(), read_inputs(*pair)
    terms = [LossTerm("gram", 1, "target", (f"conv{layer}",)) for layer in ("1_1", "1_2", "2_1", "2_2", "3_1")]
    configs = [StyleConfig([term], size=32, iterations=1, features="vgg16") for term in terms]
    runs = [Run(prepare(inputs, config, shared), 0.0) for config in configs]
    assert [run.go(None).status for run in runs] == ["complete"] * len(runs)
    assert len(shared.networks) == MOST_NETWORKS


# this process


def test_a_batch_gives_what_single_runs_give_and_says_so(mixed: list[Job], tmp_path: Path) -> None:
    every = (1, tmp_path / "steps")
    with torch.inference_mode(), torch.device("meta"):  # whatever torch is set to
        result = here(mixed, tmp_path / "out", reports=tmp_path / "reports", save_every=every)
    assert [*results(tmp_path / "steps")][:2] == ["astronaut/astronaut_00001.png", "astronaut/astronaut_00002.png"]
    assert results(tmp_path / "out") == {job.output: alone(job, tmp_path) for job in mixed}
    record = result.ended()[0]
    assert (record["status"], record["iterations"], record["size"]) == ("complete", 2, [48, 48])
    assert record["settings"] == json.loads(json.dumps(TINY.to_dict()))
    assert {"style conv2_2", "content conv2_2", "total"} <= set(record["losses"])
    assert {"time", "host", "device", "seconds", "key", "worker", "seed"} <= set(record)
    assert record["sha256"] == sha256_of(tmp_path / "out" / record["output"])
    assert record["hashes"] == {path: sha256_of(Path(path)) for path in (record["source"], *record["targets"])}
    assert [record["target_features"] for record in result.ended()] == ["computed", "shared"] * 2
    report = json.loads((tmp_path / "reports" / "astronaut" / "hopper.json").read_text())
    made = str(tmp_path / "out" / "astronaut" / "hopper.png")
    assert (len(report["losses"]), report["pictures"]["result"]) == (2, made)


def test_the_same_batch_again_does_what_is_left_and_what_changed_and_force_all(jobs, tmp_path: Path) -> None:
    first, second = list[Event](), list[Event]()
    here(jobs, tmp_path, callback=first.append)
    kinds, shares = ([getattr(event, name) for event in first] for name in ("kind", "share"))
    assert (kinds[:2], kinds.count("ended")) == (["hashing", "planned"], 4)
    assert (shares, shares[-1]) == (sorted(shares), 1.0)
    assert (first[-1].done, first[-1].left, first[-1].seconds_left) == (4, 0, 0.0)
    before = (tmp_path / "manifest.jsonl").read_bytes()
    assert len(here(jobs, tmp_path, callback=second.append).ended()) == 4
    assert (tmp_path / "manifest.jsonl").read_bytes() == before
    told = [(event.kind, event.skipped, event.left, event.share) for event in second]
    assert told == [("hashing", 0, 4, 0.0), ("planned", 4, 0, 1.0)]
    (tmp_path / jobs[0].output).unlink()
    changed = replace(jobs[1], config=TINY.override(seed=4))
    here([jobs[0], changed, *jobs[2:]], tmp_path)
    done = [record["output"] for record in lines(tmp_path / "manifest.jsonl") if record["status"] == "complete"]
    assert done[4:] == [jobs[0].output, changed.output]
    here(jobs[2:], tmp_path, force=True)
    assert statuses(tmp_path) == ["complete"] * 8


def test_a_job_that_fails_leaves_the_others_alone_and_is_tried_again(jobs, tmp_path: Path, monkeypatch) -> None:
    real = Run.go

    def go(run: Run, callback):
        if run.config.seed == 7:
            raise KeyError("surprise")
        return real(run, callback)

    monkeypatch.setattr(Run, "go", go)
    broken, wild = tmp_path / "broken.png", {"style_weight": 1e38, "content_weight": 1e38, "iterations": 4}
    broken.write_bytes(b"no picture")
    cases = {
        "broken.png": (broken, {}, f"failed: {broken} is not a picture"),
        "missing.png": (tmp_path / "missing.png", {}, "failed: there is no file"),
        "memory.png": (None, {"memory": "1MB"}, "failed: 48x48 px on cpu needs about"),
        "bug.png": (None, {"seed": 7}, "failed: KeyError: 'surprise'"),
        "wild.png": (jobs[3].source, wild, "diverged: a loss was no longer a finite number"),
        "file/x.png": (None, {}, f"failed: can't make the folder {tmp_path}/out/file"),
        "weights.png": (None, {"weights": str(tmp_path / "none.safetensors")}, "failed: can't read the weights"),
        "device.png": (None, {"device": "cuda:7"}, "failed: device: cuda:7 is not there"),
    }
    bad = [
        Job(source or jobs[0].source, jobs[0].target, TINY.override(**settings), output)
        for output, (source, settings, _) in cases.items()
    ]
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "file").write_text("where a folder is wanted")
    result = here([*bad, jobs[0]], tmp_path / "out")
    errors = {record["output"]: f"{record['status']}: {record['error']}" for record in result.failed}
    assert errors.keys() == cases.keys()
    assert all(error.startswith(cases[output][2]) for output, error in errors.items())
    assert list(results(tmp_path / "out")) == [jobs[0].output, "wild.png"]
    shutil.copy(jobs[0].source, broken)
    assert here([bad[0], jobs[0]], tmp_path / "out").failed == []


def test_only_results_of_the_same_pictures_are_replaced(jobs: list[Job], tmp_path: Path) -> None:
    one, other = replace(jobs[0], output="x.png"), replace(jobs[1], output="x.png")
    (tmp_path / "x.png").write_bytes(b"mine")
    for job, says in (
        (one, "x.png exists, and no batch has made it.*--overwrite"),
        (other, "x.png is the result of .*astronaut.png x .*astronaut.png; choose another"),
    ):
        before = results(tmp_path)
        with pytest.raises(OutputError, match=says):
            here([job], tmp_path)
        assert results(tmp_path) == before
        here([job], tmp_path, overwrite=True)
        assert results(tmp_path) != before
    (tmp_path / "x.png").write_bytes(b"painted over")
    with pytest.raises(OutputError, match=r"x.png exists, and no batch has made it"):
        here([other], tmp_path, force=True)


def test_what_came_during_a_batch_stays_and_the_result_is_beside_it(jobs: list[Job], tmp_path: Path) -> None:
    def come(event: Event) -> None:
        for name in ("out/x.png", "reports/x.json") if event.kind != "hashing" else ():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_bytes(b"mine")

    one, place, reports = replace(jobs[0], output="x.png"), tmp_path / "out", tmp_path / "reports"
    (record,) = here([one], place, callback=come).failed
    assert record["error"] == f"{place}/x.png has come meanwhile and stays; the new one is {place}/x_2.png"
    assert (place / "x.png").read_bytes() == b"mine"
    twins = [replace(one, output="y.png"), replace(one, output="y.jpg")]
    for several, says in (([one], "x.json exists"), (twins, "y.json would be the report of several jobs")):
        with pytest.raises(OutputError, match=says):
            here(several, tmp_path / "new", reports=reports)


def test_a_picture_without_its_line_is_made_again(jobs: list[Job], tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(b"as if killed after the rename")
    with Manifest(tmp_path) as manifest:
        manifest.add({"status": "started", "output": "x.png", "sha256": sha256_of(tmp_path / "x.png")})
    assert not here([replace(jobs[0], output="x.png")], tmp_path).failed
    assert statuses(tmp_path) == ["complete"]


def test_the_callback_stops_the_batch_and_the_same_call_goes_on(jobs: list[Job], tmp_path: Path) -> None:
    assert here(jobs[:2], tmp_path, callback=lambda event: event.done < 1).stopped
    assert statuses(tmp_path) == ["complete"]
    assert not here(jobs[:2], tmp_path).stopped
    assert statuses(tmp_path) == ["complete"] * 2
    endless = [replace(jobs[0], config=LONG)]
    in_its_loop = here(endless, tmp_path / "new", callback=lambda event: event.kind != "progress")
    assert ([record["status"] for record in in_its_loop.ended()], in_its_loop.failed) == (["stopped"], [])
    assert results(tmp_path / "new") == {}


# several processes


def test_processes_beside_other_threads_give_the_same_bytes_as_one(mixed: list[Job], tmp_path: Path) -> None:
    here(mixed, tmp_path / "one")
    done: list[BatchResult] = []
    thread = threading.Thread(target=lambda: done.append(run_batch(mixed, tmp_path / "two", devices="cpu,cpu")))
    thread.start()
    thread.join(120)
    assert results(tmp_path / "one") == results(tmp_path / "two")
    device = f"cpu ({max(1, torch.get_num_threads() // 2)} threads)"
    assert {(record["worker"], record["device"]) for record in done[0].ended()} == {("1", device), ("2", device)}
    assert multiprocessing.active_children() == []


def test_a_pool_takes_jobs_one_by_one_with_previews_and_each_can_be_cancelled(jobs: list[Job]) -> None:
    told, outcomes, previews = list[tuple[str, int, str]](), dict[int, str](), list[bytes]()
    with LocalPool(1, [None]) as pool:
        pool.submit(Task(5, replace(jobs[0], config=LONG), preview=32))
        while len(outcomes) < 3:
            for kind, task, worker, content in pool.poll():
                told.append((kind, task.index, worker))
                previews += [content.preview] if kind == "progress" and content.preview else []
                outcomes |= {task.index: content.status} if kind == "ended" else {}
                if told[1:] == [("progress", 5, "1")]:
                    pool.submit(Task(6, jobs[1]), Task(7, jobs[2]))
                    pool.cancel(5, 7)
    assert multiprocessing.active_children() == []
    assert told[0] == ("started", 5, "1")
    assert outcomes == {5: "stopped", 6: "complete", 7: "stopped"}
    with Image.open(io.BytesIO(previews[0])) as image:
        assert image.size == (32, 32)


def test_a_task_with_a_checkpoint_keeps_its_picture_when_stopped_and_goes_on(jobs: list[Job], tmp_path: Path) -> None:
    task = Task(0, jobs[0], checkpoint=tmp_path / "state")
    with closing(Worker()) as worker:
        stopped = worker.work(task, lambda _: False)
        whole, straight = (worker.work(each, lambda _: True) for each in (task, replace(task, checkpoint=None)))
    assert (stopped.status, whole.status, straight.status) == ("stopped", "complete", "complete")
    assert stopped.picture not in (None, whole.picture)
    assert len(stopped.losses) < len(whole.losses)
    assert whole.picture == straight.picture


@pytest.mark.slow
def test_a_script_that_guards_nothing_is_not_run_again_by_workers(jobs: list[Job], tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import sys; from cxstyle import Job, StyleConfig, run_batch; print('begun')\n"
        "jobs = [Job(*sys.argv[1:3], StyleConfig.load(sys.argv[3]), f'{i}.png') for i in range(2)]\n"
        "print(len(run_batch(jobs, 'out', workers=2).ended()))"
    )
    words = [sys.executable, script, jobs[0].source, jobs[1].source, QUICK]
    assert subprocess.check_output(words, cwd=tmp_path, text=True) == "begun\n2\n"


def killing(**times: int) -> Callable[[Event], None]:
    """A callback that kills the only worker as soon as these jobs move, each so often."""
    killed: list[int] = []

    def told(event: Event) -> None:
        if event.kind == "progress" and event.job and times.get(event.job.output[0], 0) > 0:
            for child in multiprocessing.active_children():
                if child.pid not in killed:
                    killed.append(child.pid)
                    times[event.job.output[0]] -= 1
                    child.kill()
                    return

    return told


@pytest.mark.slow
def test_a_job_whose_worker_was_killed_is_done_by_another_and_one_that_kills_its_workers_is_given_up(
    jobs: list[Job], tmp_path: Path
) -> None:
    fine = [replace(jobs[0], config=TINY.override(iterations=30), output="a.png"), replace(jobs[1], output="c.png")]
    here(fine, tmp_path / "one")
    endless = replace(jobs[0], config=LONG, output="b.png")
    pool, kill = LocalPool(1, [None]), killing(a=1, b=2)
    result = run_batch([fine[0], endless, fine[1]], tmp_path / "two", executor=pool, callback=kill)
    ends = sorted((record["output"], record["status"], record["attempt"]) for record in result.ended())
    assert ends == [("a.png", "complete", 2), ("b.png", "failed", 2), ("c.png", "complete", 1)]
    assert "its worker has died (SIGKILL, as when memory runs out) 2 times" in result.failed[0]["error"]
    assert results(tmp_path / "one") == results(tmp_path / "two")


@pytest.mark.slow
def test_workers_that_can_not_start_end_the_batch(jobs: list[Job], tmp_path: Path) -> None:
    before = multiprocessing.spawn.get_executable()
    multiprocessing.set_executable(shutil.which("false"))
    try:
        result = run_batch(jobs, tmp_path, executor=LocalPool(1, [None, None]))
    finally:
        multiprocessing.set_executable(before)
    assert len(result.failed) == 4
    assert "exit status 1" in result.failed[0]["error"]


@pytest.mark.slow
def test_a_batch_that_is_killed_takes_its_workers_with_it_and_can_go_on(jobs: list[Job], tmp_path: Path) -> None:
    code = (
        "import sys; from cxstyle import Job, StyleConfig, run_batch\n"
        "endless = StyleConfig.load(sys.argv[3]).override(iterations=100000)\n"
        "run_batch([Job(*sys.argv[1:3], endless, f'{i}.png') for i in range(2)], sys.argv[4], workers=2)"
    )
    words = [sys.executable, "-c", code, jobs[0].source, jobs[1].source, QUICK, tmp_path]
    parent = subprocess.Popen([str(word) for word in words])
    manifest = tmp_path / "manifest.jsonl"
    try:
        wait_until(lambda: manifest.exists() and manifest.read_text().count("started") == 2)
        children = psutil.Process(parent.pid).children(recursive=True)
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    assert len(children) >= 2
    psutil.wait_procs(children, timeout=60)
    assert not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children)
    ends = [Job(jobs[0].source, jobs[1].source, TINY, f"{i}.png") for i in range(2)]
    assert not here(ends, tmp_path).failed
    assert list(results(tmp_path)) == ["0.png", "1.png"]


# how many


def test_workers_are_as_many_as_asked_for_or_as_threads_jobs_and_memory_allow_and_share_the_threads(
    jobs: list[Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 8)
    monkeypatch.setattr("cxstyle.transfer.free", lambda _: 64e9)
    for some, workers, device, found in (
        (jobs * 5, "auto", "cpu", (1, ["cpu"] * 8)),
        (jobs, 2, None, (4, [None] * 2)),
        (jobs * 5, 20, None, (1, [None] * 20)),
        (jobs[:2], 5, None, (4, [None] * 2)),
    ):
        pool = choose_executor(some, workers, device)
        assert isinstance(pool, LocalPool)
        assert (pool.threads, [*pool.devices.values()]) == found
    assert isinstance(choose_executor(jobs[:1], "auto", None), ThisProcess)
    monkeypatch.setattr("cxstyle.transfer.free", lambda _: 1.3e9)
    assert isinstance(choose_executor(jobs, "auto", None), ThisProcess)


def test_impossible_workers_are_refused(jobs: list[Job], tmp_path: Path) -> None:
    for workers, devices, error, says in (
        (0, None, ConfigError, "workers: at least 1"),
        ("many", None, ConfigError, "workers: at least 1 is needed, or auto"),
        (3, "cpu,cpu", ConfigError, "workers: 3 for 2 devices"),
        ("auto", "all", DeviceError, "this machine has none"),
        ("auto", "cuda:0,cuda:1", DeviceError, "cuda:0 is not there"),
        ("auto", "gpu7,cpu", ConfigError, "device"),
    ):
        with pytest.raises(error, match=says):
            run_batch(jobs, tmp_path / "out", workers=workers, devices=devices)
    assert not (tmp_path / "out").exists()


def test_workers_fit_into_nodes_one_by_one() -> None:
    nodes = [{"CPU": 8.0, "GPU": 2.0}, {"CPU": 1.0}, {}]
    assert [room(nodes, cpus, gpu=False) for cpus in (1, 2, 3, 9)] == [9, 4, 2, 0]
    assert [room(nodes, cpus, gpu=True) for cpus in (1, 3)] == [2, 2]


def test_nodes_of_a_cluster_use_the_network_of_this_one(own_cache: Path) -> None:
    auto = TINY.override(features="auto")
    assert with_network(auto) == TINY
    fetched = own_cache / "weights" / "vgg19.safetensors"
    fetched.parent.mkdir(parents=True)
    fetched.write_bytes(b"weights")
    assert with_network(auto) == TINY.override(features="vgg19", weights=str(fetched))

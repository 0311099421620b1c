"""`run_batch` with the real network: this process, several, and what happens when one dies."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import torch

import cxstyle
from cxstyle import Job, LossTerm, StyleConfig, run_batch, stylize
from cxstyle.batch.crew import Crew
from cxstyle.batch.estimate import estimates
from cxstyle.batch.executors import Here
from cxstyle.batch.manifest import Manifest, lines
from cxstyle.batch.run import Event
from cxstyle.batch.workers import choose_executor, fitting
from cxstyle.errors import ConfigError, CxStyleError, DeviceError, OutputError
from cxstyle.features.cache import MOST_NETWORKS, FeatureCache
from cxstyle.transfer.inputs import read_inputs
from cxstyle.transfer.prepare import prepare
from cxstyle.transfer.stylize import Run

TINY = StyleConfig.preset("fast").override(size=48, iterations=2)
LONG = TINY.override(iterations=100_000)


@pytest.fixture
def jobs(pair: tuple[Path, Path]) -> list[Job]:
    """Both portraits in the look of each other and of themselves, targets apart."""
    return [Job(s, t, TINY, f"{s.stem}/{t.stem}.png") for s in pair for t in pair]


def results(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.png"))}


def statuses(folder: Path) -> list[str]:
    return [record["status"] for record in lines(folder / "manifest.jsonl") if record["status"] != "started"]


# sharing


def test_runs_that_share_give_the_same_pixels_and_look_at_each_target_once(pair: tuple[Path, Path]) -> None:
    shared = FeatureCache()
    for target in pair:
        for source in pair:
            run = Run(prepare(read_inputs(source, target), TINY, shared), 0.0)
            alone = stylize(source, target, TINY)
            assert torch.equal(run.go(None).picture, alone.picture)
    assert shared.computed == 2 * len(TINY.pyramid.scales(48, 2))
    assert (len(shared.files), len(shared.networks)) == (1, 2)  # the objective's, and that of the regions


def test_only_the_features_of_the_last_target_are_kept(pair: tuple[Path, Path]) -> None:
    shared = FeatureCache()
    for target in (*pair, *pair):
        Run(prepare(read_inputs(pair[0], target), TINY, shared), 0.0).go(None)
        assert len(shared.features) == 1
    assert shared.computed == 4


def test_a_recoloured_target_is_another_for_each_source(pair: tuple[Path, Path]) -> None:
    shared = FeatureCache()
    config = TINY.override(colors="source")
    for source in pair:
        Run(prepare(read_inputs(source, pair[1]), config, shared), 0.0).go(None)
    assert shared.computed == 2


def test_networks_that_were_long_unused_are_dropped() -> None:
    shared = FeatureCache()
    weights = shared.weights("vgg16", None)
    order = ("conv1_1", "conv1_2", "conv1_1", "conv2_1", "conv2_2", "conv3_1", "conv1_1")
    made = [shared.network(weights, [layer], "max", torch.float32, torch.device("cpu")) for layer in order]
    assert made[0] is made[2] is made[6]
    assert list(shared.networks.values()) == [made[3], made[4], made[5], made[6]]
    assert len(shared.networks) == MOST_NETWORKS


def test_a_run_whose_network_others_have_displaced_goes_on(pair: tuple[Path, Path]) -> None:
    shared, inputs = FeatureCache(), read_inputs(*pair)
    layers = ("conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1", "conv3_2")
    terms = [LossTerm("contextual", 1, "target", (layer,), samples=64) for layer in layers]
    config = StyleConfig(terms=terms[:1], size=32, iterations=1, features="vgg16")
    runs = [Run(prepare(inputs, config.override(terms=[term]), shared), 0.0) for term in terms]
    assert [run.go(None).status for run in runs] == ["complete"] * len(runs)


# this process


def test_a_batch_in_this_process_is_the_same_whatever_torch_is_set_to(jobs: list[Job], tmp_path: Path) -> None:
    with torch.inference_mode(), torch.device("meta"):
        result = run_batch(jobs[:2], tmp_path / "out", executor=Here())
    assert not result.failed
    alone = stylize(jobs[0].source, list(jobs[0].target), jobs[0].config)
    alone.save(tmp_path / "alone.png")
    assert (tmp_path / "out" / jobs[0].output).read_bytes() == (tmp_path / "alone.png").read_bytes()


def test_a_batch_gives_what_single_runs_give_and_says_so(jobs: list[Job], tmp_path: Path) -> None:
    result = run_batch(jobs, tmp_path / "out", executor=Here(), reports=tmp_path / "reports")
    for job in jobs:
        stylize(job.source, list(job.target), job.config).save(tmp_path / "one.png")
        assert (tmp_path / "out" / job.output).read_bytes() == (tmp_path / "one.png").read_bytes()
    record = result.ended()[0]
    assert record["status"] == "complete"
    assert record["iterations"] == 2
    assert record["size"] == [48, 48]
    assert record["settings"] == json.loads(json.dumps(TINY.to_dict()))
    assert {"style conv2_2", "content conv4_2", "total"} <= set(record["losses"])
    assert {"time", "host", "device", "seconds", "key", "worker", "seed"} <= set(record)
    for path, found in ((tmp_path / "out" / record["output"], record["sha256"]), *record["hashes"].items()):
        assert hashlib.sha256(Path(path).read_bytes()).hexdigest() == found
    assert set(record["hashes"]) == {record["source"], *record["targets"]}
    assert [record["target_features"] for record in result.ended()] == ["computed", "shared"] * 2
    report = json.loads((tmp_path / "reports" / "astronaut" / "hopper.json").read_text())
    assert len(report["losses"]) == 2
    assert report["pictures"]["result"] == str(tmp_path / "out" / "astronaut" / "hopper.png")


def test_the_same_batch_again_does_nothing_and_force_does_all(jobs: list[Job], tmp_path: Path) -> None:
    run_batch(jobs, tmp_path, executor=Here())
    before = (tmp_path / "manifest.jsonl").read_bytes()
    events: list[Event] = []
    again = run_batch(jobs, tmp_path, executor=Here(), callback=events.append)
    assert (tmp_path / "manifest.jsonl").read_bytes() == before
    told = [(event.kind, event.skipped, event.left, event.share) for event in events]
    assert told == [("hashing", 0, 4, 0.0), ("planned", 4, 0, 1.0)]
    assert len(again.ended()) == 4
    run_batch(jobs, tmp_path, executor=Here(), force=True)
    assert statuses(tmp_path) == ["complete"] * 8


def test_what_changed_is_done_again_and_the_rest_left(jobs: list[Job], tmp_path: Path) -> None:
    run_batch(jobs, tmp_path, executor=Here())
    (tmp_path / jobs[0].output).unlink()
    changed = Job(jobs[1].source, jobs[1].target, TINY.override(seed=4), jobs[1].output)
    run_batch([jobs[0], changed, *jobs[2:]], tmp_path, executor=Here())
    done = [record["output"] for record in lines(tmp_path / "manifest.jsonl") if record["status"] == "complete"]
    assert done[4:] == [jobs[0].output, changed.output]


def test_a_job_that_fails_leaves_the_others_alone_and_is_tried_again(jobs: list[Job], tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    bad = [Job(broken, jobs[0].target, TINY), Job(tmp_path / "missing.png", jobs[0].target, TINY)]
    many = [*bad, Job(jobs[0].source, jobs[0].target, TINY.override(memory="1MB"), "mem.png"), *jobs]
    result = run_batch(many, tmp_path / "out", executor=Here())
    assert len(results(tmp_path / "out")) == 4
    errors = {record["output"]: record["error"] for record in result.failed}
    assert errors["broken__astronaut.png"].startswith(f"{broken} is not a picture")
    assert errors["missing__astronaut.png"].startswith("there is no file")
    assert errors["mem.png"].startswith("48x48 px on cpu needs about")
    shutil.copy(jobs[0].source, broken)
    again = run_batch([bad[0], *jobs], tmp_path / "out", executor=Here())
    assert again.failed == []
    assert len(results(tmp_path / "out")) == 5


def test_a_bug_in_one_job_is_recorded_and_the_rest_goes_on(jobs, tmp_path: Path, monkeypatch) -> None:
    real = Run.go

    def go(run: Run, callback):
        if run.config.seed == 7:
            raise KeyError("surprise")
        return real(run, callback)

    monkeypatch.setattr(Run, "go", go)
    odd = Job(jobs[0].source, jobs[0].target, TINY.override(seed=7), "odd.png")
    result = run_batch([odd, *jobs], tmp_path, executor=Here())
    assert [record["error"] for record in result.failed] == ["KeyError: 'surprise'"]
    assert len(results(tmp_path)) == 4


def test_a_picture_that_can_not_be_written_is_a_failed_job(jobs: list[Job], tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "astronaut").write_text("a file where a folder is wanted")
    result = run_batch(jobs, out, executor=Here())
    assert len(result.failed) == 2
    assert "can't make the folder" in result.failed[0]["error"]
    assert sorted(results(out)) == ["hopper/astronaut.png", "hopper/hopper.png"]


def test_a_loss_that_is_no_number_keeps_the_last_good_picture_and_counts_as_failed(jobs, tmp_path: Path) -> None:
    wild = TINY.override(style_weight=1e38, content_weight=1e38, iterations=4)
    result = run_batch([Job(jobs[1].source, jobs[1].target, wild, "wild.png")], tmp_path, executor=Here())
    assert [record["status"] for record in result.failed] == ["diverged"]
    assert "a loss was no longer a finite number" in result.failed[0]["error"]
    assert list(results(tmp_path)) == ["wild.png"]


def test_files_that_no_batch_has_made_are_not_touched(jobs: list[Job], tmp_path: Path) -> None:
    (tmp_path / "astronaut").mkdir()
    mine = tmp_path / jobs[0].output
    mine.write_bytes(b"mine")
    with pytest.raises(OutputError, match=r"astronaut.png exists, and no batch has made it.*--overwrite"):
        run_batch(jobs, tmp_path, executor=Here())
    assert mine.read_bytes() == b"mine"
    assert len(results(tmp_path)) == 1
    run_batch(jobs, tmp_path, executor=Here(), overwrite=True)
    assert mine.read_bytes() != b"mine"


def test_a_result_of_other_pictures_is_kept_unless_told(jobs: list[Job], tmp_path: Path) -> None:
    first = run_batch([replace(jobs[0], output="x.png")], tmp_path, executor=Here())
    before = results(tmp_path)
    other = [replace(jobs[1], output="x.png")]
    with pytest.raises(OutputError, match=r"x.png is the result of .*astronaut.png x .*astronaut.png; choose another"):
        run_batch(other, tmp_path, executor=Here())
    assert results(tmp_path) == before
    assert run_batch(other, tmp_path, executor=Here(), overwrite=True).records != first.records
    assert results(tmp_path) != before


def test_a_result_that_somebody_has_painted_over_is_kept(jobs: list[Job], tmp_path: Path) -> None:
    run_batch([replace(jobs[0], output="x.png")], tmp_path, executor=Here())
    (tmp_path / "x.png").write_bytes(b"mine")
    with pytest.raises(OutputError, match=r"x.png exists, and no batch has made it"):
        run_batch([replace(jobs[0], output="x.png")], tmp_path, executor=Here(), force=True)
    assert (tmp_path / "x.png").read_bytes() == b"mine"


def test_what_came_during_a_batch_stays_and_the_result_is_beside_it(jobs: list[Job], tmp_path: Path) -> None:
    def come(event: Event) -> None:
        for name in ("out/x.png", "reports/x.json") if event.kind != "hashing" else ():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_bytes(b"mine")

    few = [replace(jobs[0], output="x.png")]
    (record,) = run_batch(few, tmp_path / "out", executor=Here(), callback=come).failed
    place = tmp_path / "out"
    assert record["error"] == f"{place}/x.png has come meanwhile and stays; the new one is {place}/x_2.png"
    assert (place / "x.png").read_bytes() == b"mine"
    with pytest.raises(OutputError, match="exists, and no batch has made it"):
        run_batch(few, place, executor=Here())
    (place / "x.png").unlink()
    with pytest.raises(OutputError, match=r"reports/x.json exists"):
        run_batch([replace(jobs[1], output="x.png")], tmp_path / "new", executor=Here(), reports=tmp_path / "reports")


def test_reports_of_two_jobs_need_names_of_their_own(jobs: list[Job], tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"x.json would be the report of several jobs"):
        run_batch(
            [replace(jobs[0], output="x.png"), replace(jobs[1], output="x.jpg")],
            tmp_path / "out",
            executor=Here(),
            reports=tmp_path / "reports",
        )


def test_a_picture_without_its_line_is_made_again(jobs: list[Job], tmp_path: Path) -> None:
    (tmp_path / "astronaut").mkdir()
    with Manifest(tmp_path) as manifest:
        digest = hashlib.sha256(b"as if killed after the rename").hexdigest()
        manifest.add({"status": "started", "output": jobs[0].output, "sha256": digest})
    (tmp_path / jobs[0].output).write_bytes(b"as if killed after the rename")
    assert not run_batch(jobs, tmp_path, executor=Here()).failed
    assert statuses(tmp_path) == ["complete"] * 4


def test_the_callback_stops_the_batch_and_the_same_call_goes_on(jobs: list[Job], tmp_path: Path) -> None:
    stopped = run_batch(jobs, tmp_path, executor=Here(), callback=lambda event: event.done < 1)
    assert stopped.stopped
    assert 1 <= statuses(tmp_path).count("complete") < 4
    whole = run_batch(jobs, tmp_path, executor=Here())
    assert not whole.stopped
    assert statuses(tmp_path).count("complete") == 4


def test_a_running_job_is_stopped_in_its_loop(jobs: list[Job], tmp_path: Path) -> None:
    endless = Job(jobs[0].source, jobs[0].target, LONG, "x.png")
    stopped = run_batch([endless], tmp_path, executor=Here(), callback=lambda event: event.kind != "moved")
    assert [record["status"] for record in stopped.ended()] == ["stopped"]
    assert stopped.failed == []
    assert results(tmp_path) == {}


def test_events_count_and_share_grows_to_one(jobs: list[Job], tmp_path: Path) -> None:
    events: list[Event] = []
    run_batch(jobs, tmp_path, executor=Here(), callback=events.append)
    assert [event.kind for event in events[:2]] == ["hashing", "planned"]
    assert sum(event.kind == "ended" for event in events) == 4
    shares = [event.share for event in events]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert (events[-1].done, events[-1].left, events[-1].seconds_left) == (4, 0, 0.0)


def test_shards_do_all_between_them(jobs: list[Job], tmp_path: Path) -> None:
    for i in (1, 2):
        run_batch(jobs, tmp_path, executor=Here(), shard=(i, 2))
    assert len(results(tmp_path)) == 4
    assert sorted(path.name for path in tmp_path.glob("*.jsonl")) == ["manifest.1of2.jsonl", "manifest.2of2.jsonl"]
    assert run_batch(jobs, tmp_path, executor=Here(), callback=lambda event: event.left == 0).ended()


def test_intermediate_pictures_lie_in_folders_like_the_results(jobs: list[Job], tmp_path: Path) -> None:
    run_batch(jobs[:1], tmp_path / "out", executor=Here(), save_every=(1, tmp_path / "steps"))
    steps = results(tmp_path / "steps")
    assert list(steps) == ["astronaut/astronaut_00001.png", "astronaut/astronaut_00002.png"]


# several processes


def test_processes_give_the_same_bytes_as_one(jobs: list[Job], tmp_path: Path) -> None:
    run_batch(jobs, tmp_path / "one", executor=Here())
    result = run_batch(jobs, tmp_path / "two", workers=2)
    assert results(tmp_path / "one") == results(tmp_path / "two")
    assert {record["worker"] for record in result.ended()} == {"1", "2"}
    assert {record["device"] for record in result.ended()} == {f"cpu ({max(1, torch.get_num_threads() // 2)} threads)"}


def killing(times: int) -> Callable[[Event], None]:
    """A callback that kills the worker of the first jobs that move."""
    killed: list[int] = []

    def told(event: Event) -> None:
        if event.kind == "moved" and len(killed) < times:
            for child in psutil.Process().children():
                if "cxstyle.batch.child" in " ".join(child.cmdline()):
                    killed.append(child.pid)
                    child.kill()
                    return

    return told


def test_the_job_of_a_worker_that_was_killed_is_done_by_another(jobs: list[Job], tmp_path: Path) -> None:
    slow = [Job(job.source, job.target, TINY.override(iterations=40), job.output) for job in jobs[:2]]
    result = run_batch(slow, tmp_path, executor=Crew(1, [None]), callback=killing(1))
    assert [record["status"] for record in result.ended()] == ["complete", "complete"]
    assert sorted(record["attempt"] for record in result.ended()) == [1, 2]


def test_a_job_that_kills_its_workers_is_given_up(jobs: list[Job], tmp_path: Path) -> None:
    endless = Job(jobs[0].source, jobs[0].target, LONG, "endless.png")
    result = run_batch([endless, jobs[1]], tmp_path, executor=Crew(1, [None]), callback=killing(2))
    assert {record["output"]: record["status"] for record in result.ended()} == {
        "endless.png": "failed",
        jobs[1].output: "complete",
    }
    assert "its worker has died (SIGKILL, as when memory runs out) 2 times" in result.failed[0]["error"]


def test_workers_that_can_not_start_end_the_batch(jobs: list[Job], tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("sys.executable", shutil.which("false"))
    result = run_batch(jobs, tmp_path, executor=Crew(1, [None, None]))
    assert len(result.failed) == 4
    assert "exit status 1" in result.failed[0]["error"]


def test_workers_stop_when_told_and_none_stays(jobs: list[Job], tmp_path: Path) -> None:
    endless = [Job(job.source, job.target, LONG, job.output) for job in jobs]
    stopped = run_batch(endless, tmp_path, workers=2, callback=lambda event: event.kind != "moved")
    assert stopped.stopped
    assert {record["status"] for record in stopped.ended()} == {"stopped"}
    assert not [p for p in psutil.Process().children() if "cxstyle.batch.child" in " ".join(p.cmdline())]


def test_a_batch_that_is_killed_takes_its_workers_with_it_and_can_go_on(jobs: list[Job], tmp_path: Path) -> None:
    code = (
        "import sys; from cxstyle import Job, StyleConfig, run_batch\n"
        "fast = StyleConfig.preset('fast').override(size=48, iterations=100000)\n"
        "run_batch([Job(sys.argv[1], sys.argv[2], fast, f'{i}.png') for i in range(2)], sys.argv[3], workers=2)"
    )
    words = [sys.executable, "-c", code, str(jobs[0].source), str(jobs[1].source), str(tmp_path)]
    parent = subprocess.Popen(words, env=os.environ | {"PYTHONPATH": str(Path(cxstyle.__file__).parents[1])})
    manifest = tmp_path / "manifest.jsonl"
    try:
        wait(lambda: manifest.exists() and manifest.read_text().count("started") == 2)
        children = psutil.Process(parent.pid).children(recursive=True)
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    assert len(children) >= 2
    psutil.wait_procs(children, timeout=60)
    assert not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children)
    ends = [Job(jobs[0].source, jobs[1].source, TINY, f"{i}.png") for i in range(2)]
    assert not run_batch(ends, tmp_path, executor=Here()).failed
    assert list(results(tmp_path)) == ["0.png", "1.png"]


def wait(condition: Callable[[], bool]) -> None:
    """Until it holds, and not forever."""
    for _ in range(600):
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError("nothing happened for a minute")


def test_run_batch_works_beside_other_threads(jobs: list[Job], tmp_path: Path) -> None:
    done: list[int] = []
    thread = threading.Thread(target=lambda: done.append(len(run_batch(jobs[:2], tmp_path, workers=2).ended())))
    thread.start()
    thread.join(120)
    assert done == [2]


# how many


def test_auto_has_a_worker_for_each_thread_as_far_as_there_are_jobs_and_memory(jobs, monkeypatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    crew = choose_executor(jobs, "auto", "cpu")
    assert isinstance(crew, Crew)
    assert (crew.threads, crew.devices) == (1, ["cpu"] * 3)
    assert isinstance(choose_executor(jobs[:1], "auto", None), Here)
    monkeypatch.setattr("cxstyle.transfer.free", lambda _: 1.3e9)
    assert fitting(jobs) == 1
    assert isinstance(choose_executor(jobs, "auto", None), Here)


def test_a_job_whose_network_or_device_is_missing_keeps_no_other_from_being_done(jobs, tmp_path: Path) -> None:
    lacking = [TINY.override(weights=str(tmp_path / "none.safetensors")), TINY.override(device="cuda:7")]
    bad = [Job(jobs[0].source, jobs[0].target, config, f"{i}.png") for i, config in enumerate(lacking)]
    result = run_batch([*bad, jobs[0]], tmp_path / "out")
    assert len(result.failed) == 2
    assert list(results(tmp_path / "out")) == [jobs[0].output]


def test_threads_are_divided_and_never_fewer_than_one(jobs: list[Job], monkeypatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 8)
    crew = choose_executor(jobs, 2, None)
    assert isinstance(crew, Crew)
    assert (crew.threads, crew.devices) == (4, [None, None])
    crew = choose_executor(jobs * 5, 20, None)
    assert isinstance(crew, Crew)
    assert (crew.threads, len(crew.devices)) == (1, 20)


@pytest.mark.parametrize(
    ("workers", "devices", "error", "says"),
    [
        (0, None, ConfigError, "workers: at least 1"),
        ("many", None, ConfigError, "workers: a number or auto"),
        (3, "cpu,cpu", ConfigError, "workers: 3 for 2 devices"),
        ("auto", "all", DeviceError, "this machine has none"),
        ("auto", "cuda:0,cuda:1", DeviceError, "cuda:0 is not there"),
        ("auto", "gpu7,cpu", ConfigError, "device"),
    ],
)
def test_impossible_workers_are_refused(jobs, workers, devices, error: type[CxStyleError], says: str) -> None:
    with pytest.raises(error, match=says):
        choose_executor(jobs, workers, devices)


def test_several_devices_have_a_worker_each(jobs: list[Job], tmp_path: Path) -> None:
    result = run_batch(jobs, tmp_path, devices="cpu,cpu")
    assert len(results(tmp_path)) == 4
    assert {record["worker"] for record in result.ended()} == {"1", "2"}


# how long


def test_estimates_are_of_the_right_size_and_none_for_what_can_not_be_run(jobs: list[Job], tmp_path: Path) -> None:
    longer = Job(jobs[0].source, jobs[0].target, TINY.override(iterations=20), "x.png")
    missing = Job(tmp_path / "missing.png", jobs[0].target, TINY.override(seed=3, size=40), "y.png")
    short, long, none = estimates([jobs[0], longer, missing])
    assert short is not None
    assert long is not None
    assert none is None
    assert 3e8 < short.memory < 3e9
    assert 0 < short.seconds < long.seconds < 60

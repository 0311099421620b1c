"""`cxstyle batch` and `cxstyle batch merge` as users type them."""

from __future__ import annotations

import json
import re
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from helpers import QUICK, done, on_terminal, run_cli, started, wait_until

from cxstyle import BatchResult, Job, Writing
from cxstyle.batch.cluster import Cluster

SHORT = ["--config", QUICK]


@pytest.fixture(autouse=True)
def pictures_of_both_sides(own_folder: Path, pair: tuple[Path, Path]) -> Path:
    """Folders `photos` with a sub-folder, and `looks`, in a current folder of its own."""
    for number, place in enumerate(("photos/a.png", "photos/b.png", "photos/sub/a.png", "looks/a.png", "looks/x.png")):
        Path(place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(pair[number % 2], place)
    return own_folder


def batch(*words: object) -> Result:
    return run_cli("batch", *words, *SHORT, "--workers", 1)


def pictures(folder: str) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*.png"))


def records(folder: str, name: str = "manifest.jsonl") -> list[dict[str, Any]]:
    found = [json.loads(line) for line in (Path(folder) / name).read_text().splitlines()]
    return [record for record in found if record["status"] != "started"]


Planned = Callable[..., tuple[list[Job], dict[str, Any]]]


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> Planned:
    """Jobs and options that a command line comes to, without doing anything."""
    asked: list[tuple[list[Job], dict[str, Any]]] = []

    def recorded(jobs: list[Job], folder: Path, **options: Any) -> BatchResult:
        asked.append((jobs, options | {"folder": folder}))
        return BatchResult([])

    def plan(*words: object) -> tuple[list[Job], dict[str, Any]]:
        done("batch", *words, "-o", "out")
        return asked[-1]

    monkeypatch.setattr("cxstyle.batch.run.run_batch", recorded)
    return plan


PRESETS = ["--preset", "fast", "--config", "mine.yaml", "--seed", 1, "--seed", 2]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["photos", "looks", "-r"], [f"{s}__{t}__default.png" for s in ("a", "b", "sub/a") for t in "ax"]),
        (["photos", "looks", "--pair", "zip"], ["a__a__default.png", "b__x__default.png"]),
        (["photos", "looks", "--pair", "name"], ["a__a__default.png"]),
        (["photos/a.png", "looks/x.png", *PRESETS], [f"a__x__{p}__{s}.png" for p in ("fast", "mine") for s in (1, 2)]),
        (["photos", "looks/x.png", "--name", "{target}-{index}-{source}.jpg"], ["x-0001-a.jpg", "x-0002-b.jpg"]),
        (["--jobs", "jobs.yaml"], ["two.png", "b__x__fast.png"]),
        (["--jobs", "jobs.yaml", "--preset", "paper", "--name", "{preset}/{index}"], ["two.png", "paper/0002.png"]),
    ],
)
def test_sides_and_files_of_jobs_make_jobs_of_these_names(planned: Planned, words: list[object], names) -> None:
    Path("mine.yaml").write_text("terms: [{loss: contextual, compare: target, layers: [conv2_2]}]")
    Path("jobs.yaml").write_text(
        "defaults: {preset: fast}\njobs:\n"
        "  - {source: photos/a.png, target: [looks/a.png, looks/x.png], name: two}\n"
        "  - {source: photos/b.png, target: looks/x.png}\n"
    )
    jobs, _ = planned(*words)
    assert [job.output for job in jobs] == names


@pytest.mark.parametrize("sides", [["photos/a.png", "looks/x.png"], ["--jobs", "jobs.yaml"]])
def test_options_of_run_reach_the_settings(planned: Planned, sides: list[str]) -> None:
    Path("jobs.yaml").write_text("- {source: photos/a.png, target: looks/x.png, settings: {size: 99, strength: 1}}")
    words = ["--strength", 0.5, "--size", 48, "--seed", 4, "--tv-weight", 3, "--samples", 20, "--enlarge"]
    (job,), _ = planned(*sides, *words, "--quality", 50, "--name", "{source}.jpg", "--no-metadata")
    config = job.config
    assert (config.strength, config.size, config.seed, config.enlarge) == (0.5, 48, 4, True)
    assert (config.terms[0].samples, [t.weight for t in config.terms if t.loss == "total_variation"]) == (20, [3])
    assert job.writing == Writing(quality=50, metadata=False)


def test_who_works_and_what_else_is_written_reach_the_batch(planned: Planned) -> None:
    words = ["--workers", 3, "--shard", "2/4", "--force", "--overwrite", "--report", "r", "--save-every", 5, "steps"]
    _, options = planned("photos", "looks", *words)
    said = {"workers": 3, "shard": (2, 4), "force": True, "overwrite": True, "reports": Path("r"), "devices": None}
    assert {name: options[name] for name in said} == said
    assert (options["save_every"], options["executor"], options["folder"]) == ((5, Path("steps")), None, Path("out"))
    _, options = planned("photos", "looks", "--executor", "ray", "--ray-address", "host:1", "--cpus", 4)
    assert isinstance(options["executor"], Cluster)
    assert (options["executor"].address, options["executor"].cpus) == ("host:1", 4)
    assert planned("photos", "looks", "--device", "cpu,cpu")[1]["devices"] == "cpu,cpu"


def test_a_batch_writes_results_and_all_that_is_asked_for_and_again_only_what_is_left() -> None:
    extras = ["--sheet", "--gallery", "--report", "reports", "--save-every", 1, "steps"]
    result = batch("photos", "looks", "-o", "out", *extras)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == ["wrote out/sheet.png", "wrote out/index.html", "4 of 4 results are in out"]
    assert result.stderr.startswith("hashing the pictures\n4 jobs to do in out\n1 done, 3 left, about ")
    assert pictures("out") == [*(f"{s}__{t}__quick.png" for s in "ab" for t in "ax"), "sheet.png"]
    assert "a__x__quick" in Path("out/index.html").read_text()
    assert len(json.loads(Path("reports/a__x__quick.json").read_text())["losses"]) == 2
    assert len(pictures("steps")) == 8
    Path("out/a__x__quick.png").unlink()
    again = batch("photos", "looks", "-o", "out", "-v")
    assert "1 job to do in out; 3 are complete and unchanged" in again.stderr
    assert re.search(r"a__x__quick.png \([\d.]+ s, style .*; \S+, cpu \(\d+ threads\), \w+, vgg16\)", again.stderr)
    assert len(records("out")) == 5


def test_targets_of_weight_0_have_no_line_with_verbose() -> None:
    targets = "target: [looks/a.png, looks/x.png], target_weights: [0, 1]"
    Path("jobs.yaml").write_text(f"- {{source: photos/a.png, {targets}}}")
    told = batch("--jobs", "jobs.yaml", "-o", "out", "-v")
    assert told.exit_code == 0, told.output
    assert [line.split(",")[0] for line in told.stderr.splitlines() if "target: " in line] == ["  target: looks/x.png"]


def test_failures_are_told_at_the_end_and_by_the_exit_status() -> None:
    Path("photos/b.png").write_bytes(b"nonsense")
    result = batch("photos", "looks/x.png", "-o", "out", "-q")
    assert (result.exit_code, result.stdout) == (1, "")
    first, last = result.stderr.splitlines()
    assert first.startswith("cxstyle: b__x__quick.png: failed: photos/b.png is not a picture")
    assert last == "cxstyle: 1 of 2 jobs failed; the same command tries them again"
    assert pictures("out") == ["a__x__quick.png"]


def test_a_dry_run_tells_what_would_be_done_and_the_time_where_a_manifest_knows_it() -> None:
    fresh = batch("photos/a.png", "looks", "-o", "out", "--dry-run").stdout.splitlines()
    assert fresh[0] == "new       a__a__quick.png  photos/a.png x looks/a.png (quick), 48 px x 2"
    assert fresh[-1] == "2 of 2 jobs to do, 0.0892 megapixels times iterations; nothing was done"
    assert not Path("out").exists()
    assert batch("photos/a.png", "looks", "-o", "out").exit_code == 0
    before = sorted(path.stat().st_mtime_ns for path in Path("out").iterdir())
    lines = batch("photos", "looks", "-o", "out", "--dry-run").stdout.splitlines()
    assert lines[0].startswith("complete  a__a__quick.png  photos/a.png x looks/a.png (quick), 48 px x 2")
    assert all(re.fullmatch(r"new .*, 48 px x 2, about [\d.]+ \w+", line) for line in lines[1:4:2])
    assert re.fullmatch(
        r"2 of 4 jobs to do, .* iterations, about [\d.]+ \w+ for one worker; nothing was done", lines[-1]
    )
    programs = batch("photos", "looks", "-o", "out", "--dry-run", "--json-lines").stdout.splitlines()
    assert [json.loads(line)["state"] for line in programs] == ["complete", "new"] * 2
    assert json.loads(programs[1])["seconds"] >= 0
    assert sorted(path.stat().st_mtime_ns for path in Path("out").iterdir()) == before


def test_shards_are_done_apart_and_merged() -> None:
    for i in (1, 2):
        assert batch("photos/a.png", "looks", "-o", "out", "--shard", f"{i}/2").exit_code == 0
    assert len(records("out", "manifest.1of2.jsonl")) == len(records("out", "manifest.2of2.jsonl")) == 1
    result = run_cli("batch", "merge", "out", "--sheet", "--gallery")
    wrote = ["wrote out/sheet.png", "wrote out/index.html"]
    assert result.stdout.splitlines() == ["out/manifest.jsonl knows 2 jobs, 2 complete", *wrote]
    assert "2 are complete and unchanged" in batch("photos/a.png", "looks", "-o", "out").stderr
    assert run_cli("batch", "merge", "out", "-q").stdout == ""


def test_json_lines_tell_programs_everything() -> None:
    result = batch("photos/a.png", "looks", "-o", "out", "--json-lines")
    events = [json.loads(line) for line in result.stdout.splitlines()]
    kinds = [event["event"] for event in events if event["event"] != "progress"]
    # A job may begin before the one before it is encoded, or after.
    assert (kinds[:3], sorted(kinds[3:-2]), kinds[-2:]) == (
        ["hashing", "planned", "started"],
        ["ended", "started"],
        ["ended", "finished"],
    )
    ends = [event for event in events if event["event"] == "ended"]
    assert [event["record"]["status"] for event in ends] == ["complete", "complete"]
    assert ends[-1]["share"] == 1.0
    assert events[-1] == {"event": "finished", "stopped": False, "jobs": 2, "complete": 2, "failed": 0}
    assert result.stderr == ""


@pytest.mark.slow
def test_a_terminal_shows_a_line_for_the_batch_and_one_for_each_worker() -> None:
    text = on_terminal("batch", "photos", "looks", "-o", "out", *SHORT, "--iterations", 60, "--workers", 1)
    assert all(part in text for part in ("0 done, 4 left", "4 done, 0 left |", "1: a__a__quick scale "))


@pytest.mark.slow
def test_ctrl_c_keeps_finished_jobs_and_says_how_to_go_on() -> None:
    words = ["batch", "photos", "looks", "-o", "out", *SHORT, "--workers", "2"]
    process = started(*words, "--iterations", 100_000)
    manifest = Path("out/manifest.jsonl")
    wait_until(lambda: manifest.exists() and manifest.read_text().count("started") == 2)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "cxstyle: stopped; what is done is kept, and the same command does the other 4" in errors
    assert "Traceback" not in errors
    assert pictures("out") == []
    assert [record["status"] for record in records("out")] == ["stopped", "stopped"]

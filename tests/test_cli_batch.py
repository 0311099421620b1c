"""`cxstyle batch` and `cxstyle batch merge` as users type them."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cxstyle.cli import main

SHORT = ["--preset", "fast", "--size", "48", "--iterations", "2"]


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pair: tuple[Path, Path]) -> Path:
    """Folders `photos` with a sub-folder, and `looks`, in a current folder of its own."""
    monkeypatch.chdir(tmp_path)
    astronaut, hopper = pair
    for place, picture in (
        ("photos/a.png", astronaut),
        ("photos/b.png", hopper),
        ("photos/sub/a.png", hopper),
        ("looks/a.png", hopper),
        ("looks/x.png", astronaut),
    ):
        Path(place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(picture, place)
    return tmp_path


def cxstyle(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def batch(*words: object) -> Result:
    return cxstyle("batch", *words, *SHORT, "--workers", 1)


def pictures(folder: str) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*.png"))


def records(folder: str, name: str = "manifest.jsonl") -> list[dict]:
    found = [json.loads(line) for line in (Path(folder) / name).read_text().splitlines()]
    return [record for record in found if record["status"] != "started"]


# which jobs


def test_folders_give_all_pairs_and_sub_folders_are_mirrored() -> None:
    result = batch("photos", "looks", "-o", "out", "-r")
    assert result.exit_code == 0, result.output
    assert pictures("out") == [f"{s}__{t}__fast.png" for s in ("a", "b", "sub/a") for t in "ax"]
    assert result.stdout == "6 of 6 results are in out\n"
    assert result.stderr.startswith("hashing the pictures\n6 jobs to do in out\n1 done, 5 left, about ")


def test_pairs_may_go_by_order_or_by_name() -> None:
    assert batch("photos", "looks", "-o", "in order", "--pair", "zip").exit_code == 0
    assert pictures("in order") == ["a__a__fast.png", "b__x__fast.png"]
    named = batch("photos", "looks", "-o", "by name", "--pair", "name")
    assert pictures("by name") == ["a__a__fast.png"]
    assert "1 source and 1 target have no counterpart: b, x" in named.stderr


def test_globs_and_lists_are_sides_too() -> None:
    Path("list.txt").write_text("# the ones I like\nlooks/x.png\n")
    assert batch("photos/*.png", "list.txt", "-o", "out").exit_code == 0
    assert pictures("out") == ["a__x__fast.png", "b__x__fast.png"]


def test_several_presets_configs_and_seeds_multiply() -> None:
    Path("mine.yaml").write_text(
        "terms: [{loss: contextual, compare: target, layers: [conv2_2]}]\niterations: 1\nsize: 48"
    )
    words = ["--preset", "fast", "--config", "mine.yaml", "--seed", 1, "--seed", 2, "--size", 48, "--iterations", 2]
    result = cxstyle("batch", "photos/a.png", "looks/x.png", "-o", "out", *words, "--workers", 1)
    assert result.exit_code == 0, result.output
    assert pictures("out") == [f"a__x__{preset}__{seed}.png" for preset in ("fast", "mine") for seed in (1, 2)]
    assert {record["seed"] for record in records("out")} == {1, 2}


def test_names_and_formats_are_the_users() -> None:
    assert batch("photos", "looks/x.png", "-o", "out", "--name", "{target}-{index}-{source}.jpg").exit_code == 0
    assert sorted(path.name for path in Path("out").glob("*.jpg")) == ["x-0001-a.jpg", "x-0002-b.jpg"]


def test_a_file_of_jobs_takes_their_own_options_and_the_command_line_wins() -> None:
    Path("jobs.yaml").write_text(
        "defaults: {preset: fast, settings: {size: 64, iterations: 2}}\n"
        "jobs:\n"
        "  - {source: photos/a.png, target: [looks/a.png, looks/x.png], target_weights: [2, 1], name: two}\n"
        "  - {source: photos/b.png, target: looks/x.png, settings: {seed: 5}}\n"
    )
    result = cxstyle("batch", "--jobs", "jobs.yaml", "-o", "out", "--size", 48, "--workers", 1)
    assert result.exit_code == 0, result.output
    assert pictures("out") == ["b__x__fast.png", "two.png"]
    by_name = {record["output"]: record for record in records("out")}
    assert by_name["two.png"]["targets"] == ["looks/a.png", "looks/x.png"]
    assert by_name["two.png"]["target_weights"] == [2, 1]
    assert by_name["b__x__fast.png"]["seed"] == 5
    assert [record["settings"]["size"] for record in records("out")] == [48, 48]


def test_options_of_run_reach_the_settings() -> None:
    options = {"--strength": 0.5, "--content-weight": 7, "--style-weight": 2, "--tv-weight": 3, "--colors": "source"}
    options |= {"--init": "target", "--samples": 20, "--precision": "fp32", "--memory": "20GB", "--features": "vgg16"}
    words = [word for option in options.items() for word in option]
    result = batch("photos/a.png", "looks/x.png", "-o", "out", *words, "--enlarge", "--device", "cpu")
    assert result.exit_code == 0, result.output
    settings = records("out")[0]["settings"]
    for name in ("strength", "colors", "init", "precision", "memory", "features"):
        assert settings[name] == options[f"--{name}"]
    assert settings["enlarge"] is True
    assert settings["device"] == "cpu"
    assert [term["weight"] for term in settings["terms"]] == [
        2,
        24,
        200,
        4,
        0.4,
        0.2,
        pytest.approx([7, 2.8, 0.84]),
        100,
        3,
        3,
    ]
    assert settings["terms"][0]["samples"] == 20


def test_masks_are_one_file_or_a_folder_of_them(own_folder: Path) -> None:
    from PIL import Image

    for place, size in (("masks/a.png", (64, 64)), ("masks/b.png", (55, 64)), ("mask.png", (64, 64))):
        Path(place).parent.mkdir(exist_ok=True)
        mask = Image.new("RGB", size, "red")
        mask.paste("blue", (0, 0, 32, 64))
        mask.save(place)
    result = batch("photos", "looks/x.png", "-o", "out", "--source-mask", "masks", "--target-mask", "mask.png")
    assert result.exit_code == 0, result.output
    assert [record["source_mask"] for record in records("out")] == ["masks/a.png", "masks/b.png"]
    (own_folder / "masks" / "b.png").unlink()
    refused = batch("photos", "looks/x.png", "-o", "new", "--source-mask", "masks", "--target-mask", "mask.png")
    assert refused.exit_code == 1
    assert "source-mask: masks has no mask for photos/b.png" in refused.stderr
    assert not Path("new").exists()


# again


def test_the_same_command_does_only_what_is_left(own_folder: Path) -> None:
    assert batch("photos", "looks", "-o", "out").exit_code == 0
    (own_folder / "out" / "a__x__fast.png").unlink()
    again = batch("photos", "looks", "-o", "out")
    assert "1 job to do in out; 3 are complete and unchanged" in again.stderr
    assert len(records("out")) == 5
    forced = batch("photos", "looks", "-o", "out", "--force")
    assert "4 jobs to do in out\n" in forced.stderr
    assert len(records("out")) == 9


def test_failures_are_told_at_the_end_and_by_the_exit_status(own_folder: Path) -> None:
    (own_folder / "photos" / "b.png").write_bytes(b"nonsense")
    result = batch("photos", "looks/x.png", "-o", "out", "-q")
    assert result.exit_code == 1
    assert result.stdout == ""
    first, last = result.stderr.splitlines()
    assert first.startswith("cxstyle: b__x__fast.png: failed: photos/b.png is not a picture")
    assert last == "cxstyle: 1 of 2 jobs failed; the same command tries them again"
    assert pictures("out") == ["a__x__fast.png"]


def test_what_lies_in_the_folder_already_is_kept_unless_told(own_folder: Path) -> None:
    (own_folder / "out").mkdir()
    mine = own_folder / "out" / "a__x__fast.png"
    mine.write_bytes(b"mine")
    refused = batch("photos/a.png", "looks/x.png", "-o", "out")
    assert refused.exit_code == 1
    assert "a__x__fast.png exists, and no batch has made it; choose another folder or add --overwrite" in refused.stderr
    assert mine.read_bytes() == b"mine"
    assert batch("photos/a.png", "looks/x.png", "-o", "out", "--overwrite").exit_code == 0
    assert mine.read_bytes() != b"mine"


def test_a_dry_run_tells_what_would_be_done_and_the_time_where_a_manifest_knows_it() -> None:
    fresh = batch("photos/a.png", "looks", "-o", "out", "--dry-run").stdout.splitlines()
    assert fresh[0] == "new       a__a__fast.png  photos/a.png x looks/a.png (fast), 48 px x 2"
    assert fresh[-1] == "2 of 2 jobs to do, 0.0892 megapixels times iterations; nothing was done"
    assert not Path("out").exists()
    assert batch("photos/a.png", "looks", "-o", "out").exit_code == 0
    before = sorted(path.stat().st_mtime_ns for path in Path("out").iterdir())
    lines = batch("photos", "looks", "-o", "out", "--dry-run").stdout.splitlines()
    assert lines[0].startswith("complete  a__a__fast.png  photos/a.png x looks/a.png (fast), 48 px x 2")
    assert [bool(re.fullmatch(r"new .*, 48 px x 2, about \d\.\d s", line)) for line in lines[1:4:2]] == [True, True]
    assert re.fullmatch(r"2 of 4 jobs to do, .* iterations, about \d\.\d s for one worker; nothing was done", lines[-1])
    programs = batch("photos", "looks", "-o", "out", "--dry-run", "--json-lines").stdout.splitlines()
    assert [json.loads(line)["state"] for line in programs] == ["complete", "new"] * 2
    assert json.loads(programs[1])["seconds"] >= 0
    assert sorted(path.stat().st_mtime_ns for path in Path("out").iterdir()) == before


# shards


def test_shards_are_done_apart_and_merged() -> None:
    for i in (1, 2):
        assert batch("photos", "looks", "-o", "out", "--shard", f"{i}/2").exit_code == 0
    assert len(records("out", "manifest.1of2.jsonl")) == len(records("out", "manifest.2of2.jsonl")) == 2
    result = cxstyle("batch", "merge", "out", "--sheet", "--gallery")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        "out/manifest.jsonl knows 4 jobs, 4 complete",
        "wrote out/sheet.png",
        "wrote out/index.html",
    ]
    assert len(records("out")) == 4
    assert "4 are complete and unchanged" in batch("photos", "looks", "-o", "out").stderr
    assert cxstyle("batch", "merge", "out", "-q").stdout == ""


@pytest.mark.parametrize("shard", ["0/2", "3/2", "2", "a/b", "1/0"])
def test_impossible_shards_are_refused(shard: str) -> None:
    result = batch("photos", "looks", "-o", "out", "--shard", shard)
    assert result.exit_code == 2
    assert f"'{shard}' is not a part such as 1/4" in result.stderr


# what comes of it


def test_sheets_galleries_reports_and_intermediate_pictures() -> None:
    extras = ["--sheet", "--gallery", "--report", "reports", "--save-every", 1, "steps"]
    result = batch("photos", "looks", "-o", "out", *extras)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[:2] == ["wrote out/sheet.png", "wrote out/index.html"]
    assert "a__x__fast" in Path("out/index.html").read_text()
    assert len(json.loads(Path("reports/a__x__fast.json").read_text())["losses"]) == 2
    assert len(pictures("steps")) == 8
    again = batch("photos", "looks", "-o", "out", "--sheet")
    assert "wrote out/sheet.png" in again.stdout


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


def test_verbose_says_where_and_how() -> None:
    result = batch("photos/a.png", "looks/x.png", "-o", "out", "-v")
    assert re.search(r"a__x__fast.png \([\d.]+ s, style .*; \S+, cpu \(\d+ threads\), \w+, vgg16\)", result.stderr)


def test_a_terminal_shows_a_line_for_the_batch_and_one_for_each_worker() -> None:
    words = ["batch", "photos", "looks", "-o", "out", *SHORT, "--iterations", "20", "--workers", "1"]
    here, there = pty.openpty()
    fcntl.ioctl(there, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 120, 0, 0))
    process = subprocess.Popen([sys.executable, "-m", "cxstyle", *words], stderr=there, stdout=subprocess.DEVNULL)
    os.close(there)
    shown = b""
    while True:
        try:
            shown += os.read(here, 4096)
        except OSError:  # how a terminal says that the other side is gone
            break
    os.close(here)
    assert process.wait() == 0
    text = shown.decode()
    assert "0 done, 4 left" in text
    assert "4 done, 0 left |" in text
    assert "1: a__a__fast scale " in text


def test_ctrl_c_keeps_finished_jobs_and_says_how_to_go_on(own_folder: Path) -> None:
    words = ["batch", "photos", "looks", "-o", "out", "--preset", "fast", "--size", "48", "--workers", "2"]
    process = subprocess.Popen(
        [sys.executable, "-m", "cxstyle", *words, "--iterations", "100000"], stderr=subprocess.PIPE, text=True
    )
    manifest = own_folder / "out" / "manifest.jsonl"
    for _ in range(600):
        if manifest.exists() and manifest.read_text().count("started") == 2:
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "cxstyle: stopped; what is done is kept, and the same command does the other 4" in errors
    assert "Traceback" not in errors
    assert pictures("out") == []
    assert [record["status"] for record in records("out")] == ["stopped", "stopped"]


# wrong usage


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["photos"], "SOURCES and TARGETS are needed, and 1 words came"),
        (["photos/a.png", "photos/b.png", "looks"], "put globs in quotes"),
        (["photos", "looks", "--jobs", "jobs.yaml"], "--jobs takes the place of SOURCES and TARGETS"),
        (["--jobs", "jobs.yaml", "--seed", "1", "--seed", "2"], "several --preset or --seed don't go with --jobs"),
        (["photos", "looks", "--workers", "some"], "'some' is neither a number nor auto"),
        (["photos", "looks", "--workers", "0"], "workers: at least 1"),
        (["photos", "looks", "--shard", "1/2", "--sheet"], "a shard has a part of the pictures"),
        (["photos", "looks", "--cpus", "2"], "--cpus is for --executor ray"),
        (["photos", "looks", "--ray-address", "auto"], "--ray-address is for --executor ray"),
        (["photos", "looks", "--cpus", "2", "--dry-run"], "--cpus is for --executor ray"),
        (["--jobs", "jobs.yaml", "-r"], "--recursive is for SOURCES and TARGETS"),
        (["--jobs", "jobs.yaml", "--pair", "product"], "--pair is for SOURCES and TARGETS"),
        (["photos", "looks", "--return-pictures"], "--return-pictures is for --executor ray"),
        (["photos", "looks", "--executor", "ray", "--workers", "2"], "--workers and several devices are for"),
        (["photos", "looks", "--executor", "ray", "--device", "all"], "--workers and several devices are for"),
        (["photos", "looks", "--executor", "ray", "--return-pictures", "--save-every", "1", "x"], "--save-every needs"),
        (["photos", "looks", "--preset", "fats"], "did you mean fast"),
        (["photos", "looks", "--preset", "fast", "--preset", "fast"], "fast"),
        (["photos", "looks", "--name", "{sauce}"], "{sauce}"),
        (["photos", "looks", "--name", "same"], "would both be same.png; add {target}"),
        (["photos", "nowhere", "--sheet"], "nowhere"),
        (["photos", "looks", "--device", "all"], "device: all means all GPUs"),
        (["photos", "looks", "--device", "cuda:0,cuda:1"], "cuda:0 is not there"),
        (["--jobs", "missing.yaml"], "can't read missing.yaml"),
    ],
)
def test_wrong_usage_is_one_line_and_nothing_is_made(words: list[str], says: str) -> None:
    result = cxstyle("batch", *words, "-o", "out", "--size", 48)
    assert result.exit_code in (1, 2)
    assert len(result.stderr.splitlines()) == 1
    assert says in result.stderr
    assert pictures("out") == []


def test_a_cluster_that_is_not_there_is_one_line_after_the_first() -> None:
    result = cxstyle("batch", "photos", "looks", "-o", "out", "--executor", "ray", "--ray-address", "127.0.0.1:1")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1].startswith("cxstyle: no Ray cluster can be reached at 127.0.0.1:1 (")
    assert "Traceback" not in result.stderr
    assert pictures("out") == []


def test_merging_needs_a_batch(own_folder: Path) -> None:
    result = cxstyle("batch", "merge", own_folder / "photos")
    assert result.exit_code == 1
    assert "holds no manifest of a batch" in result.stderr

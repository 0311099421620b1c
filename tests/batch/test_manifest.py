"""The manifest of a batch, what it says is left to do, and in which order that is done."""

from __future__ import annotations

import json
from pathlib import Path

import numpy
import pytest

from cxstyle import Job, StyleConfig, run_batch
from cxstyle.batch.jobs import in_order, part
from cxstyle.batch.manifest import Manifest, lines, manifests, merge, plan_batch, read, seconds_of, work
from cxstyle.errors import ConfigError, OutputError
from cxstyle.files import partial_prefix, remove_partial, sha256_of

FAST = StyleConfig.preset("fast")


def ended(output: str, status: str = "complete", **more: object) -> dict[str, object]:
    return {"status": status, "output": output, **more}


def written(folder: Path, *records: dict[str, object], shard: tuple[int, int] | None = None) -> Path:
    """The path of a manifest after a batch has added these."""
    with Manifest(folder, shard) as manifest:
        for record in records:
            manifest.add(record)
    return manifest.path


def outputs(path: Path) -> list[str]:
    return [record["output"] for record in lines(path)]


# lines


def test_every_event_is_a_line_of_its_own_with_its_time_and_the_last_end_of_a_job_counts(tmp_path: Path) -> None:
    with Manifest(tmp_path) as manifest:
        manifest.add(ended("a.png", "failed"))
        assert manifest.path.read_text().count("\n") == 1
        for record in (ended("a.png"), ended("a.png", "started"), ended("b.png", "started")):
            manifest.add(record)
    found = [json.loads(line) for line in (tmp_path / "manifest.jsonl").read_text().splitlines()]
    assert [record["output"] for record in found] == ["a.png", "a.png", "a.png", "b.png"]
    assert found[0]["time"] < found[1]["time"]
    latest, known = read(tmp_path)
    assert (latest.keys(), latest["a.png"]["status"], known.keys()) == ({"a.png"}, "complete", {"a.png", "b.png"})


def test_a_line_cut_short_is_no_record_and_the_next_starts_on_its_own(tmp_path: Path) -> None:
    path = written(tmp_path, ended("a.png"), ended("b.png", error="x" * 9000))
    path.write_bytes(path.read_bytes()[:-10])
    assert outputs(path) == ["a.png"]
    written(tmp_path, ended("c.png"))
    assert [json.loads(line)["output"] for line in path.read_text().splitlines()] == ["a.png", "c.png"]
    path.write_bytes(b'{"status": "comp')
    assert written(tmp_path).read_bytes() == b""
    path.write_text('[1]\n{"a": 1}\nnonsense\n\n')
    assert read(tmp_path) == ({}, {})


def test_what_a_batch_has_made_is_told_by_its_content(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"result")
    written(tmp_path, ended("a.png", "started", sha256=sha256_of(tmp_path / "a.png")), ended("b.png", "started"))
    with Manifest(tmp_path) as manifest:
        assert [manifest.made(f"{name}.png") for name in "abc"] == [True, False, False]
        (tmp_path / "a.png").write_bytes(b"painted over")
        assert not manifest.made("a.png")


def test_two_batches_can_not_write_one_manifest_and_a_broken_one_leaves_no_lock(tmp_path: Path) -> None:
    with Manifest(tmp_path), pytest.raises(OutputError, match=r"another batch is writing to .*manifest.jsonl"):
        Manifest(tmp_path).__enter__()
    (tmp_path / "manifest.1of2.jsonl").mkdir()
    for _ in range(2):
        with pytest.raises(OutputError, match=r"can't read .*manifest.1of2.jsonl"):
            run_batch([], tmp_path)


def test_shards_write_side_by_side_and_merging_leaves_one_manifest_in_order_of_time(tmp_path: Path) -> None:
    with Manifest(tmp_path, (2, 10)) as two, Manifest(tmp_path, (10, 10)) as ten:
        for shard, record in ((two, ended("a.png")), (ten, ended("b.png", "failed")), (two, ended("c.png"))):
            shard.add(record)
        with pytest.raises(OutputError, match="another batch is writing"):
            merge(tmp_path)
    assert [path.name for path in manifests(tmp_path)] == ["manifest.2of10.jsonl", "manifest.10of10.jsonl"]
    assert set(read(tmp_path)[0]) == {"a.png", "b.png", "c.png"}
    for _ in range(2):
        assert merge(tmp_path) == (3, 2)
        assert [path.name for path in manifests(tmp_path)] == ["manifest.jsonl"]
        assert outputs(tmp_path / "manifest.jsonl") == ["a.png", "b.png", "c.png"]
    with pytest.raises(OutputError, match="holds no manifest of a batch"):
        merge(tmp_path / "none")


# plan


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{name}.png" for name in "abc"]
    for path in paths:
        path.write_text(path.name)
    return paths


def states(jobs: list[Job], folder: Path) -> list[str]:
    return [planned.state for planned in plan_batch(jobs, folder)]


def complete(jobs: list[Job], folder: Path, **more: object) -> None:
    """As if a batch had done them."""
    folder.mkdir(exist_ok=True)
    for planned in plan_batch(jobs, folder):
        (folder / planned.job.output).write_bytes(b"picture")
        written(folder, ended(planned.job.output, key=planned.key, **more))


def test_settings_that_decide_pixels_count(pictures: list[Path], tmp_path: Path) -> None:
    jobs, folder = [Job(*pictures[:2], FAST)], tmp_path / "out"
    assert states(jobs, folder) == ["new"]
    complete(jobs, folder)
    decisive = [{"seed": 1}, {"size": 100}, {"content_weight": 9}, {"deterministic": True}]
    for change in ({}, {"device": "cuda:3"}, {"memory": "4GB"}, *decisive):
        expected = "changed" if change in decisive else "complete"
        assert states([Job(*pictures[:2], FAST.override(**change))], folder) == [expected], change


def test_contents_and_roles_of_files_count_and_names_do_not(pictures: list[Path], tmp_path: Path) -> None:
    source, target, mask = pictures
    config = FAST.override(init=str(target))
    complete([Job(source, target, config, "x.png", source_mask=mask, target_mask=mask)], tmp_path)
    renamed = source.rename(tmp_path / "renamed.png")
    moved = Job(renamed, target, config, "x.png", source_mask=mask, target_mask=mask)
    for path in (renamed, target, mask):
        before = path.read_bytes()
        for content, state in ((b"other", "changed"), (before, "complete")):
            path.write_bytes(content)
            assert states([moved], tmp_path) == [state]
    files = [target, mask]
    complete([Job(renamed, files, FAST, "y.png", weights=numpy.array([1, 2]))], tmp_path)
    for order, weights, state in ((1, [1, 2], "complete"), (-1, [1, 2], "changed"), (1, [2, 1], "changed")):
        assert states([Job(renamed, files[::order], FAST, "y.png", weights=weights)], tmp_path) == [state]


def test_a_result_that_is_gone_and_one_that_failed_are_done_again(pictures: list[Path], tmp_path: Path) -> None:
    jobs = [Job(pictures[0], target, FAST) for target in pictures[1:]]
    complete(jobs, tmp_path)
    (tmp_path / jobs[0].output).unlink()
    written(tmp_path, ended(jobs[1].output, "out of memory", key=read(tmp_path)[0][jobs[1].output]["key"]))
    assert states(jobs, tmp_path) == ["missing", "out of memory"]


def test_times_are_told_by_jobs_of_the_same_preset_that_are_done(pictures: list[Path], tmp_path: Path) -> None:
    done = Job(pictures[0], pictures[1], FAST, "x.png", preset="fast")
    complete([done], tmp_path, preset="fast", settings=FAST.to_dict(), seconds={"loop": 6.0})
    twice = Job(pictures[0], pictures[2], FAST.override(iterations=2 * FAST.iterations), "y.png", preset="fast")
    unknown = Job(pictures[0], pictures[2], FAST, "z.png", preset="paper")
    found = seconds_of([done, twice, unknown], tmp_path)
    assert found == {"x.png": pytest.approx(6), "y.png": pytest.approx(6 * work(twice.config) / work(FAST))}


@pytest.mark.parametrize(
    ("first", "second", "error", "says"),
    [
        ("x.png", "x.png", ConfigError, "a.png x b.png and a.png x c.png would both be x.png; give each its own"),
        ("sub/x.png", "sub/X.PNG", ConfigError, "would both be sub/x.png"),
        ("é.png", "e\u0301.png", ConfigError, "would both be"),
        ("x.png", "x.png/y.png", ConfigError, "x.png would be the picture of a.png x b.png and a folder for a.png x c"),
        ("x.png", "x.gif", OutputError, "x.gif: can't tell the format"),
        *(("x.png", out, ConfigError, "must be a file inside") for out in ("/x.png", "../x.png", "a/../../x.png", ".")),
    ],
)
def test_outputs_that_can_not_all_be_written_are_refused(first, second, error, says: str, tmp_path: Path) -> None:
    with pytest.raises(error, match=says):
        plan_batch([Job("a.png", "b.png", FAST, first), Job("a.png", "c.png", FAST, second)], tmp_path)


def test_a_job_needs_a_target_and_has_a_name_without_being_given_one() -> None:
    with pytest.raises(ConfigError, match="needs at least one target"):
        Job("a.png", [])
    assert Job("x/a.png", ["y/b.png", "c.png"]).output == "a__b__c.png"
    assert Job("a.png", "b.png").preset == "default"


# schedule


def test_jobs_that_share_features_stand_together() -> None:
    jobs = [Job(source, target, FAST) for source, target in ("ax", "ay", "bx", "by", "cx")]
    assert [job.name for job in in_order(jobs)] == ["a__x", "b__x", "c__x", "a__y", "b__y"]
    jobs = [Job("a", "x", FAST.override(**change)) for change in ({}, {"size": 99}, {"seed": 3})]
    assert in_order(jobs) == [jobs[0], jobs[2], jobs[1]]


def test_shards_are_disjoint_and_together_all_and_equal() -> None:
    for count, n in ((12, 4), (10, 3), (2, 5), (0, 2)):
        shards = [part(range(count), (i, n)) for i in range(1, n + 1)]
        assert [item for shard in shards for item in shard] == list(range(count))
        assert max(map(len, shards)) - min(map(len, shards)) <= 1
    for shard in ((0, 2), (3, 2)):
        with pytest.raises(ConfigError, match="shard: "):
            part([1], shard)


def test_only_the_partial_files_of_the_named_ones_are_removed(tmp_path: Path) -> None:
    long, other = (tmp_path / f"a_long_name_of_a_picture_{number}.png" for number in (1, 2))
    kept = [tmp_path / f"{partial_prefix(other)}abc.part", tmp_path / ".hidden.part", long]
    for path in (*kept, *(tmp_path / f"{partial_prefix(long)}{random}.part" for random in ("abc", "def"))):
        path.touch()
    remove_partial([long, tmp_path / "missing" / "x.png"])
    assert sorted(tmp_path.iterdir()) == sorted(kept)

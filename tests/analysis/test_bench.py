"""The benchmark as a program: what it prints and writes, never how fast the machine is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from cxstyle.features.fetch import import_file

from cxstyle.analysis import QUICK, bench
from cxstyle.analysis.meter import Meter, compared
from cxstyle.cli import main
from cxstyle.features.vgg import VGGFeatures, resolve_network
from cxstyle.features.weights import VGG16


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same measurements on sizes that take no time."""
    quick = bench.Plan(((200, 16),), ((300, 16),), 32, (48,), 2, (48, 3), 1)
    monkeypatch.setattr("cxstyle.analysis.QUICK", quick)
    monkeypatch.setattr(bench, "PRODUCT", 64)


@pytest.mark.usefixtures("small")
def test_bench_prints_a_table_and_writes_it_for_machines(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    path = tmp_path / "bench.json"
    words = ["bench", "--quick", "--device", "cpu", "--json", str(path), "--pair", *map(str, pair)]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].startswith("cpu (")
    assert lines[0].endswith(f", vgg16 ({json.loads(path.read_text())['weights']})")
    assert "vgg16 (torchvision VGG16_Weights" in lines[0]
    assert len({len(line) for line in lines[1:]}) == 1
    expected = (
        "matrix product",
        "VGG16 to conv4_2",
        "200 x 200, 16 channels, fp32",
        "300 x 300",
        "iteration, 48 px: paper",
        "iteration, 48 px: default alone, default beside a busy process",
    )
    for what in (*expected, "until the paper's full objective is"):
        assert sum(what in line for line in lines) >= 1
    rows = json.loads(path.read_text())["rows"]
    assert len(rows) == len(lines) - 2
    for row in rows:
        assert row["ratio"] is None or (row["ratio"] > 0 and row["plain"] > 0)
    assert all(row["fast"] > 0 for row in rows)


@pytest.mark.usefixtures("small")
def test_bench_refuses_what_it_can_not_write_or_use_before_it_measures(tmp_path: Path) -> None:
    (tmp_path / "there.json").write_text("mine")
    cases = [
        (["--json", str(tmp_path / "there.json")], "exists; choose another name or add --overwrite"),
        (["--json", str(tmp_path / "none" / "b.json")], "there is no folder"),
        (["--device", "cuda:99"], "device: cuda:99 is not there"),
        (["--device", "gpu"], "device: 'gpu' is not known"),
        (["--pair", "none.png", "none.png"], "there is no file none.png"),
    ]
    for words, message in cases:
        result = CliRunner().invoke(main, ["bench", "--quick", *words])
        assert result.exit_code in (1, 2)
        assert message in result.stderr
        assert (result.stdout, result.stderr.count("\n")) == ("", 1)
    words = ["bench", "--quick", "--json", str(tmp_path / "there.json"), "--overwrite"]
    assert CliRunner().invoke(main, words).exit_code == 0


def test_bench_runs_on_the_bundled_network_throughout(tmp_path: Path) -> None:
    torch.save({name: tensor * 0.9 for name, tensor in resolve_network("vgg16").tensors.items()}, tmp_path / "w.pth")
    import_file(tmp_path / "w.pth", "imagenet")
    assert bench.Bench(QUICK, "cpu").network.path == VGG16
    assert bench.reference().weights == str(VGG16)


def test_sides_are_timed_in_turns_after_a_run_of_each() -> None:
    calls: list[str] = []
    times = Meter(torch.device("cpu"), 3).turns(lambda: calls.append("a"), lambda: calls.append("b"))
    assert "".join(calls) == "ab" * 4
    assert [len(side) for side in times] == [3, 3]


def test_a_ratio_is_the_median_of_the_turns() -> None:
    row = compared("x", [2.0, 40.0, 3.0], [1.0, 10.0, 1.0])
    assert (row.plain, row.fast, row.ratio) == (3.0, 1.0, 3.0)


def test_operations_of_the_network_are_counted_layer_by_layer() -> None:
    network = VGGFeatures(resolve_network("vgg16"), ["conv2_1"])
    expected = 2 * 9 * (3 * 64 * 32**2 + 64 * 64 * 32**2 + 64 * 128 * 16**2)
    assert bench.flops(network, 32) == expected


def test_extra_memory_sees_what_a_call_holds_at_its_peak() -> None:
    found = Meter(torch.device("cpu"), 1).extra_memory(lambda: torch.zeros(64 << 18).add_(1))
    assert found is None or 60 < found < 80

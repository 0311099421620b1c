"""The benchmark as a program: what it prints and writes, never how fast the machine is."""

from __future__ import annotations

import json
import time
from functools import partial
from pathlib import Path

import pytest
import torch
from helpers import done

from cxstyle.analysis import bench
from cxstyle.analysis.bench import compare, operations, time_alternating
from cxstyle.device import choose_precision
from cxstyle.features.vgg import VGGFeatures, resolve_network
from cxstyle.features.weights import VGG16, import_file

CPU = torch.device("cpu")
ROWS = (
    "matrix product, 64 x 64, fp32",
    "VGG16 to conv4_2 and back, 32 px, fp32",
    "contextual loss and gradient, 200 x 200, 16 channels, fp32",
    "contextual loss and gradient, 300 x 300",
    "iteration, 48 px: paper fp32 plain, default",
    "until the paper's full objective is",
)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same measurements on sizes that take no time."""
    quick = bench.Plan(((200, 16),), ((300, 16),), 32, (48,), 1, (48, 3))
    monkeypatch.setattr("cxstyle.analysis.QUICK", quick)
    monkeypatch.setattr(bench, "PRODUCT", 64)
    monkeypatch.setattr(bench, "LOOK", 1)


def test_bench_prints_a_table_and_writes_it_for_machines(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    path = tmp_path / "bench.json"
    result = done("bench", "--quick", "--device", "cpu", "--json", path, "--pair", *pair)
    record, (head, *lines) = json.loads(path.read_text()), result.stdout.splitlines()
    assert head.startswith("cpu (")
    assert head.endswith(f", vgg16 ({record['weights']})")
    for what in ROWS:
        assert sum(line.startswith(what) for line in lines) == 1, what
    known = choose_precision("auto", CPU)[0] == "bf16"
    assert any(line.startswith("VGG16 to conv4_2 and back, 32 px, bf16") for line in lines) == known
    assert len(record["rows"]) == len(lines) - 1
    assert all(row["fast"] > 0 for row in record["rows"])
    assert all(row["ratio"] is None or (row["ratio"] > 0 and row["plain"] > 0) for row in record["rows"])


def test_bench_runs_on_the_bundled_network_whatever_was_imported(tmp_path: Path) -> None:
    torch.save({name: tensor * 0.9 for name, tensor in resolve_network("vgg16").tensors.items()}, tmp_path / "w.pth")
    import_file(tmp_path / "w.pth", "imagenet")
    assert bench.Bench(bench.QUICK, "cpu").network.path == VGG16
    assert bench.sampled_paper().weights == str(VGG16)


def test_sides_are_timed_by_turns_and_compared_by_the_median_of_the_turns() -> None:
    calls: list[str] = []

    def side(name: str, seconds: float) -> None:
        calls.append(name)
        time.sleep(seconds)

    times = time_alternating([partial(side, "a", 0.01), partial(side, "b", 0.05)], 2, CPU)
    assert [len(side) for side in times] == [2, 2]
    assert min(times[0]) >= 0.01
    assert min(times[1]) >= 0.05
    assert calls == list("ababab")
    row = compare("x", [2.0, 40.0, 3.0], [1.0, 10.0, 1.0])
    assert (row.plain, row.fast, row.ratio) == (3.0, 1.0, 3.0)


def test_operations_of_the_network_are_those_of_its_layers() -> None:
    network = VGGFeatures(resolve_network("vgg16"), ["conv2_1"])
    expected = 2 * 9 * (3 * 64 * 32**2 + 64 * 64 * 32**2 + 64 * 128 * 16**2)
    assert operations(lambda: network(torch.rand(1, 3, 32, 32))) == expected

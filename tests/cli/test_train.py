"""`cxstyle train` and `cxstyle apply`: from pictures to a network, and from the network to pictures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from generators import in_folder, moving
from helpers import run_cli

TINY = "task: puppet\nsize: 48\nwidth: 8\nepochs: 2\nlr: 0.01\nterms: [{loss: l1, compare: paired}]\n"


@pytest.fixture
def there(own_folder: Path) -> Path:
    """The current folder, with a driver, a puppet and settings of seconds."""
    in_folder(own_folder / "driver", moving(6))
    in_folder(own_folder / "puppet", [1 - picture for picture in moving(6)])
    (own_folder / "tiny.yaml").write_text(TINY)
    return own_folder


def test_a_network_is_trained_told_of_and_applied(there: Path) -> None:
    words = ["train", "puppet", "driver", "puppet", "--config", "tiny.yaml", "--device", "cpu"]
    done = run_cli(*words, "--epochs", "3", "--report", "report.json")
    assert (done.exit_code, done.stdout) == (0, "driver_puppet.safetensors: complete, 18 of 18 steps\n"), done.stderr
    assert "epoch 3: l1 0." in done.stderr
    report = json.loads((there / "report.json").read_text())
    assert report["status"] == "complete"
    assert [set(means) for means in report["losses"]] == [{"l1"}] * 3
    assert run_cli(*words, "--minutes", "0.01", "-q").exit_code == 0
    assert (there / "driver_puppet_2.safetensors").exists()

    told = run_cli("info", "driver_puppet.safetensors")
    assert "network of cxstyle" in told.stdout
    assert "sources: driver, 6 pictures, sha256" in told.stdout
    assert "\n- loss: l1\n" in run_cli("info", "driver_puppet.safetensors", "--settings").stdout

    applied = run_cli("apply", "driver_puppet.safetensors", "driver", "-o", "out", "--device", "cpu")
    assert applied.exit_code == 0, applied.stderr
    assert sorted(path.name for path in (there / "out").iterdir()) == [f"frame_{i}.png" for i in range(6)]
    whole = run_cli("apply", "driver_puppet.safetensors", "driver", "-o", "whole", "--full-size", "--no-steady")
    assert "full-size: this network draws whole pictures" in whole.stderr

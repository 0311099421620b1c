"""`cxstyle train` and `cxstyle apply`: from pictures to a network, and from the network to pictures."""

from __future__ import annotations

import json
from pathlib import Path

from generators import in_folder, moving
from helpers import done, files_in, refused, run_cli

TINY = "task: puppet\nsize: 48\nwidth: 8\nepochs: 2\nlr: 0.01\nterms: [{loss: l1, compare: paired}]\n"


def test_a_network_is_trained_told_of_and_applied(own_folder: Path) -> None:
    in_folder(own_folder / "driver", moving(6))
    in_folder(own_folder / "puppet", [1 - picture for picture in moving(6)])
    (own_folder / "tiny.yaml").write_text(TINY)
    words = ["train", "puppet", "driver", "puppet", "--config", "tiny.yaml", "--device", "cpu"]
    told = done(*words, "--epochs", "3", "--report", "report.json")
    assert told.stdout == "driver_puppet.safetensors: complete, 18 of 18 steps\n"
    assert "epoch 3: l1 0." in told.stderr
    report = json.loads((own_folder / "report.json").read_text())
    assert report["status"] == "complete"
    assert [set(means) for means in report["losses"]] == [{"l1"}] * 3
    done(*words, "--minutes", "0.01", "-q")
    assert (own_folder / "driver_puppet_2.safetensors").exists()

    network = "driver_puppet.safetensors"
    told = run_cli("info", network, "driver/frame_0.png")  # which has no record
    assert "network of cxstyle" in told.stdout
    assert "sources: driver, 6 pictures, sha256" in told.stdout
    assert "driver/frame_0.png\n  PNG, 48x32 px" in told.stdout
    assert "\n- loss: l1\n" in done("info", network, "--settings").stdout

    done("apply", network, "driver", "-o", "out", "--device", "cpu")
    assert files_in(own_folder / "out") == [f"frame_{i}.png" for i in range(6)]
    refused(2, "device: 'gpu' is not known; use auto, cpu", "apply", network, "driver", "-o", "out", "--device", "gpu")
    whole = run_cli("apply", network, "driver", "-o", "whole", "--full-size", "--no-steady")
    assert "full-size: this network draws whole pictures" in whole.stderr

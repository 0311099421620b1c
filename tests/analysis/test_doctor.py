"""`cxstyle doctor`: tells what a run would use, and what is broken, whatever it is; and nothing private."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import features

import cxstyle.transfer.memory
from cxstyle import StyleConfig, stylize
from cxstyle.analysis.doctor import diagnose
from cxstyle.analysis.doctor.attempts import attempt
from cxstyle.analysis.doctor.pictures import can_read, formats, written_as
from cxstyle.analysis.doctor.privacy import hide_names
from cxstyle.analysis.doctor.surroundings import environment
from cxstyle.cli import main
from cxstyle.cli.doctor import of_gpus
from cxstyle.features.weights import BUNDLED
from cxstyle.openmp import waiting


def doctor(*words: str) -> Result:
    return CliRunner().invoke(main, ["doctor", *words])


def damage(cache: Path, network: str, size: int = 1000) -> Path:
    """The beginning of the bundled network as a network of the cache, with the checksum of the whole."""
    path = cache / "weights" / f"{network}.safetensors"
    path.parent.mkdir(parents=True)
    path.write_bytes((BUNDLED / "vgg16.safetensors").read_bytes()[:size])
    shutil.copy(BUNDLED / "vgg16.json", path.with_suffix(".json"))
    return path


def shorten(monkeypatch: pytest.MonkeyPatch, folder: Path, limit: int, used: int) -> None:
    """A container with a limit of memory."""
    (folder / "memory.max").write_text(f"{limit}\n")
    (folder / "memory.current").write_text(f"{used}\n")
    monkeypatch.setattr(cxstyle.transfer.memory, "CGROUPS", folder)


# what is told


def test_a_machine_that_works_says_so_last_and_ends_well() -> None:
    result = doctor()
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines()[-1] == "verdict      a run works here"
    for word in ("torch " + version("torch"), "vgg16 ready, checksum verified", "vgg19 not on this machine", "JPEG"):
        assert word in result.stdout


def test_what_a_run_would_use_is_what_a_run_uses(pair: tuple[Path, Path]) -> None:
    told = diagnose().parts["run"]
    used = stylize(*pair, StyleConfig.preset().override(iterations=1)).details
    assert {key: told[key] for key in ("device", "precision", "precision_reason", "features")} == {
        key: used[key] for key in ("device", "precision", "precision_reason", "features")
    }


def test_json_holds_the_same_for_programs() -> None:
    result = doctor("--json")
    found = json.loads(result.stdout)
    assert result.exit_code == 0
    assert (found["works"], found["problem"]) == (True, None)
    assert found["versions"]["pillow"] == version("pillow")
    assert found["arithmetic"]["threads"] > 0
    assert (found["arithmetic"]["waiting"], found["arithmetic"]["waiting_reason"]) == waiting()
    assert 0 < found["memory"]["free"] < found["memory"]["total"]
    assert found["weights"]["vgg16"]["size"] == (BUNDLED / "vgg16.safetensors").stat().st_size
    assert found["run"]["memory"] < found["run"]["memory_budget"]


def test_formats_are_tried_and_agree_with_what_pillow_was_built_with() -> None:
    found = formats()
    for name, codec in (("PNG", "zlib"), ("JPEG", "jpg"), ("WEBP", "webp"), ("AVIF", "avif")):
        assert found[name]["read"] == found[name]["write"] == features.check(codec)
    assert [found[name]["write"] for name in ("HEIC", "GIF")] == [False, False]  # no result is written as these
    assert found["HEIC"]["read"]
    assert (written_as("no format"), can_read(b"no picture")) == (None, False)


def test_gpus_are_told_in_a_line_each_a_broken_one_with_what_is_wrong() -> None:
    good = {
        "name": "NVIDIA H100",
        "capability": "9.0",
        "free": 79_000_000_000,
        "total": 85_000_000_000,
        "precision": "bf16",
        "precision_reason": "sm_90 multiplies bf16 in hardware",
    }
    broken = attempt(lambda: {"free": [][0]})
    assert of_gpus({"cuda_build": "12.8", "cuda": [good, broken], "mps": False}) == [
        "cuda:0 NVIDIA H100, compute capability 9.0, 79.00 GB free of 85.00 GB; "
        "auto takes bf16: sm_90 multiplies bf16 in hardware",
        "cuda:1 can't be used: IndexError: list index out of range; "
        "install cxstyle and what it needs again, or report this",
        "torch built for CUDA 12.8; mps no",
    ]


def test_looking_leaves_nothing_behind(own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    cache = diagnose().parts["cache"]
    assert (cache["exists"], cache["writable"]) == (False, True)
    assert not own_cache.exists()
    assert list(tmp_path.iterdir()) == []


# what is broken


@pytest.mark.parametrize("network", ["vgg16", "vgg19"])
def test_a_damaged_network_that_a_run_would_take_is_named_with_what_to_do(own_cache: Path, network: str) -> None:
    path = damage(own_cache, network)
    result = doctor()
    assert (result.exit_code, result.stderr) == (1, "")
    verdict = result.stdout.splitlines()[-1]
    assert verdict.startswith("verdict      a run fails here: ")
    assert f"{path.name} is damaged" in verdict
    assert f"fetch or import {network} again" in verdict
    assert f"{network} not usable: " in result.stdout


def test_a_network_without_a_header_is_told_like_any_damage(own_cache: Path) -> None:
    damage(own_cache, "vgg19", size=0).with_suffix(".json").unlink()
    found = diagnose()
    assert not found.works
    assert found.parts["weights"]["vgg16"]["ready"]
    assert "the checksum of vgg19.safetensors, is missing or damaged" in str(found.problem)


def test_a_cache_that_cannot_be_reached_is_told_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXSTYLE_CACHE", "/" + "x" * 300)
    result = doctor()
    assert "can't be written: File name too long" in result.stdout
    assert "Traceback" not in result.output


def test_a_cache_inside_a_file_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("CXSTYLE_CACHE", str(tmp_path / "file"))
    result = doctor()
    assert result.exit_code == 0
    assert "file/weights, not made yet, can't be written: " in result.stdout


def test_too_little_memory_is_told_with_how_much_a_run_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shorten(monkeypatch, tmp_path, 2_000_000_000, 1_999_000_000)
    result = doctor("--json")
    found = json.loads(result.stdout)
    assert result.exit_code == 1
    assert found["memory"]["container_rest"] == 1_000_000
    assert found["problem"].startswith("a run at 384 px needs about ")
    assert found["problem"].endswith("free some, or use a smaller --size")


def test_a_container_without_a_limit_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shorten(monkeypatch, tmp_path, 2**63 - 4096, 0)
    assert diagnose().parts["memory"]["container_rest"] is None


@pytest.mark.parametrize("kind", ["ImportError", "OSError", "RuntimeError"])
def test_a_torch_that_cannot_be_imported_is_told_beside_all_the_rest(tmp_path: Path, kind: str) -> None:
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch/__init__.py").write_text(f"raise {kind}('libtorch_cpu.so: undefined symbol')\n")
    path = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    done = subprocess.run(
        [sys.executable, "-m", "cxstyle", "doctor"],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (1, "")
    verdict = done.stdout.splitlines()[-1]
    assert verdict.startswith("verdict      a run fails here: ")
    assert "libtorch_cpu.so: undefined symbol" in verdict
    assert "install cxstyle and what it needs again" in verdict
    assert "pillow " + version("pillow") in done.stdout


# what stays private


def test_no_name_of_a_user_or_host_and_no_password_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "aletheia"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("LOGNAME", "aletheia")
    monkeypatch.setenv("CXSTYLE_CACHE", str(home / "networks"))
    monkeypatch.setenv("TMPDIR", f"/net/{socket.gethostname()}/aletheia/tmp")
    monkeypatch.setenv("RAY_ADDRESS", "ray://head.example.org:10001")
    monkeypatch.setenv("HTTPS_PROXY", "http://me:secret@example.org")
    damage(home / "networks", "vgg19")
    told = doctor().stdout + doctor("--json").stdout
    for private in ("aletheia", "example.org", "secret", f"/{socket.gethostname()}/"):
        assert private not in told
    for shown in ("~/networks/weights", "TMPDIR=/net/HOST/USER/tmp", "RAY_ADDRESS=ray://HOST:10001", "~/networks/w"):
        assert shown in told


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("can't read /home/ann/x.png", "can't read ~/x.png"),
        ("/home/ann is full", "~ is full"),
        ("/home/annabel/x.png", "/home/USER/x.png"),
        ("/mnt/home/ann/x", "/mnt/home/USER/x"),
        ("/data/ann/x", "/data/USER/x"),
        ("/data/ann.png and a planned run", "/data/ann.png and a planned run"),
        (r"C:\Users\Bo\x.png", r"C:\Users\USER\x.png"),
    ],
)
def test_names_are_hidden_where_they_stand_in_paths(text: str, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    monkeypatch.setenv("LOGNAME", "ann")
    assert hide_names(text) == shown


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("auto", "auto"),
        ("local", "local"),
        ("10.1.2.3:6379", "HOST:6379"),
        ("ray://[fe80::1]:10001", "ray://HOST:10001"),
    ],
)
def test_addresses_of_clusters_keep_what_is_not_a_name(address, shown, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", address)
    assert environment()["RAY_ADDRESS"] == shown

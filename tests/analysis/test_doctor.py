"""`cxstyle doctor`: tells what a run would use, and what is broken, whatever it is; and nothing private."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from helpers import done, python, run_cli

import cxstyle.transfer.memory
from cxstyle import StyleConfig, stylize
from cxstyle.analysis.doctor import cache, environment, hide_names, memory
from cxstyle.device import waiting
from cxstyle.features.weights import VGG16


def damage(cache: Path) -> None:
    """The beginning of the bundled network as VGG19 in the cache, with the checksum of the whole."""
    (cache / "weights").mkdir(parents=True)
    (cache / "weights/vgg19.safetensors").write_bytes(VGG16.read_bytes()[:1000])
    shutil.copy(VGG16.with_suffix(".json"), cache / "weights/vgg19.json")


def shorten(monkeypatch: pytest.MonkeyPatch, folder: Path, limit: int, used: int) -> None:
    """A container with a limit of memory."""
    (folder / "memory.max").write_text(f"{limit}\n")
    (folder / "memory.current").write_text(f"{used}\n")
    monkeypatch.setattr(cxstyle.transfer.memory, "CGROUPS", folder)


def test_a_machine_that_works_says_so_last_and_nothing_is_left_behind(own_cache: Path, own_folder: Path) -> None:
    told = done("doctor")
    assert (told.stderr, told.stdout.splitlines()[-1]) == ("", "verdict: a run works here")
    lines = [line.split() for line in told.stdout.splitlines()]
    assert ["torch", version("torch")] in lines
    assert any(line[:4] == ["weights", "vgg16", "ready,", "checksum"] for line in lines)
    assert ["vgg19", "not", "on", "this", "machine"] in lines
    assert not own_cache.exists()
    assert list(own_folder.iterdir()) == []


def test_json_holds_the_same_for_programs_and_what_a_run_would_use_is_what_a_run_uses(pair: tuple[Path, Path]) -> None:
    found = json.loads(done("doctor", "--json").stdout)
    assert (found["works"], found["problem"]) == (True, None)
    assert found["versions"]["pillow"] == version("pillow")
    assert (found["torch"]["waiting"], found["torch"]["waiting_reason"]) == waiting()
    assert 0 < found["memory"]["free"] < found["memory"]["total"]
    assert found["run"]["memory"] < found["run"]["memory_budget"]
    used = stylize(*pair, StyleConfig.preset().override(iterations=1)).details
    for key in ("device", "precision", "precision_reason", "features"):
        assert found["run"][key] == used[key]


def test_a_damaged_network_that_a_run_would_take_is_named_with_what_to_do(own_cache: Path) -> None:
    damage(own_cache)
    result = run_cli("doctor")
    assert (result.exit_code, result.stderr) == (1, "")
    verdict = result.stdout.splitlines()[-1]
    assert verdict.startswith("verdict: a run fails here: ")
    assert "vgg19.safetensors is damaged" in verdict
    assert "fetch or import vgg19 again" in verdict
    assert "not usable: " in result.stdout


@pytest.mark.parametrize(("name", "reason"), [("x" * 300, "File name too long"), ("file", "there is no folder")])
def test_a_cache_that_cannot_be_written_is_told_with_the_reason(own_folder: Path, monkeypatch, name, reason) -> None:
    (own_folder / "file").touch()
    monkeypatch.setenv("CXSTYLE_CACHE", str(own_folder / name))
    found = cache()
    assert (found["writable"], reason in found["reason"]) == (False, True)


def test_too_little_memory_is_told_with_how_much_a_run_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shorten(monkeypatch, tmp_path, 2_000_000_000, 1_999_000_000)
    result = run_cli("doctor", "--json")
    found = json.loads(result.stdout)
    assert result.exit_code == 1
    assert found["memory"]["container_rest"] == 1_000_000
    assert re.fullmatch(
        r"384x384 px on cpu needs about .*: (use --size \d+ or less|no size fits), or free some", found["problem"]
    )
    shorten(monkeypatch, tmp_path, 2**63 - 4096, 0)
    assert memory()["container_rest"] is None


def test_a_torch_that_cannot_be_imported_is_told_beside_all_the_rest(tmp_path: Path) -> None:
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch/__init__.py").write_text("raise OSError('libtorch_cpu.so: undefined symbol')\n")
    path = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    ended = python("from cxstyle.cli import main; main(['doctor'])", PYTHONPATH=path)
    assert (ended.returncode, ended.stderr) == (1, "")
    verdict = ended.stdout.splitlines()[-1]
    assert verdict.startswith("verdict: a run fails here: ")
    assert "libtorch_cpu.so: undefined symbol" in verdict
    assert "install cxstyle and what it needs again" in verdict
    assert version("pillow") in ended.stdout


def test_no_name_of_a_user_or_host_and_no_password_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "aletheia"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("LOGNAME", "aletheia")
    monkeypatch.setenv("CXSTYLE_CACHE", str(home / "networks"))
    monkeypatch.setenv("TMPDIR", f"/net/{socket.gethostname()}/aletheia/tmp")
    monkeypatch.setenv("RAY_ADDRESS", "ray://head.example.org:10001")
    monkeypatch.setenv("HTTPS_PROXY", "http://me:secret@example.org")
    damage(home / "networks")
    told = run_cli("doctor").stdout + run_cli("doctor", "--json").stdout
    for private in ("aletheia", "example.org", "secret", f"/{socket.gethostname()}/"):
        assert private not in told
    for shown in ("~/networks/weights", "/net/HOST/USER/tmp", "ray://HOST:10001"):
        assert shown in told


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("can't read /home/ann/x.png", "can't read ~/x.png"),
        ("/home/annabel/x.png", "/home/USER/x.png"),
        ("/mnt/home/ann/x", "/mnt/home/USER/x"),
        ("/data/ann.png and a planned run", "/data/ann.png and a planned run"),
        (r"C:\Users\Bo\x.png", r"C:\Users\USER\x.png"),
    ],
)
def test_names_are_hidden_where_they_stand_in_paths(text: str, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    monkeypatch.setenv("LOGNAME", "ann")
    assert hide_names(text) == shown


def test_addresses_of_clusters_keep_what_is_not_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    for address, shown in (("local", "local"), ("ray://[fe80::1]:10001", "ray://HOST:10001")):
        monkeypatch.setenv("RAY_ADDRESS", address)
        assert environment()["RAY_ADDRESS"] == shown

"""Weight files: the bundled one, imports in every layout, downloads, damage."""

from __future__ import annotations

import functools
import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from helpers import State, files_in, in_torchvision_layout, true_layout

from cxstyle.errors import WeightsError
from cxstyle.features.layers import CAFFE, IMAGENET
from cxstyle.features.vgg import VGGFeatures, resolve_network
from cxstyle.features.weights import BUNDLED, VGG16, fetch, find, import_file, listed, read_foreign, read_network


@pytest.fixture(scope="module")
def vgg19() -> State:
    return true_layout("vgg19")


@pytest.fixture
def caffe(tmp_path: Path, vgg19: State) -> Path:
    """The Caffe weights in Gatys' layout."""
    torch.save(vgg19, tmp_path / "vgg_conv.pth")
    return tmp_path / "vgg_conv.pth"


def assert_same(found: dict[str, torch.Tensor], expected: State) -> None:
    assert set(found) == set(expected)
    assert all(torch.equal(found[key], expected[key].float()) for key in expected)


# The bundled network


def test_the_bundled_file_is_what_its_record_says() -> None:
    record = json.loads((BUNDLED / "vgg16.json").read_text())
    data = VGG16.read_bytes()
    assert hashlib.sha256(data).hexdigest() == record["sha256"]
    assert record["source_sha256"] == "2ecbe4ce01168921c28dfd502e2b74490ef8c4d66b0a0286bc7a6127facccc9d"
    assert record["licence"].startswith("BSD-3-Clause")
    assert 20e6 < len(data) < 26e6


@pytest.mark.parametrize("size", [0, 5, 3000, 1_000_000])
def test_a_truncated_file_is_refused_even_without_its_checksum(tmp_path: Path, size: int) -> None:
    path = tmp_path / "vgg16.safetensors"
    path.write_bytes(VGG16.read_bytes()[:size])
    with pytest.raises(WeightsError, match="damaged"):
        read_network(path)


# Imports


@pytest.mark.parametrize("prefix", ["features.", ""])
def test_torchvision_state_dicts_are_read_whole_or_features_only(tmp_path: Path, vgg19: State, prefix: str) -> None:
    state = in_torchvision_layout(vgg19, "vgg19", prefix)
    if prefix:
        state["classifier.0.weight"] = torch.zeros(4, 4)
    torch.save(state, tmp_path / "vgg19.pth")
    network = read_foreign(tmp_path / "vgg19.pth", "imagenet")
    assert (network.name, network.provenance.normalization) == ("vgg19", IMAGENET)
    assert_same(network.tensors, vgg19)


def test_weights_of_unknown_origin_need_their_normalization_named(tmp_path: Path, vgg19: State) -> None:
    torch.save(in_torchvision_layout(vgg19, "vgg19", ""), tmp_path / "own.pth")
    with pytest.raises(WeightsError, match=r"unknown origin.*--normalization imagenet"):
        read_foreign(tmp_path / "own.pth")


def test_an_imported_network_is_found_with_its_normalization_and_preferred(caffe: Path, vgg19: State) -> None:
    _, path = import_file(caffe)
    assert find("vgg19") == path
    network = resolve_network("auto")
    assert (network.name, network.provenance.normalization) == ("vgg19", CAFFE)
    assert_same(network.tensors, vgg19)
    assert VGGFeatures(network, ["conv4_2"])(torch.rand(1, 3, 32, 32))["conv4_2"].shape == (1, 512, 4, 4)
    entry = next(entry for entry in listed() if entry.network == "vgg19")
    assert (entry.path, entry.deepest, entry.size) == (path, "conv4_2", path.stat().st_size)


def test_a_network_of_another_machine_is_imported_with_its_own_normalization(tmp_path: Path) -> None:
    (tmp_path / "copy.safetensors").write_bytes(VGG16.read_bytes())
    network, path = import_file(tmp_path / "copy.safetensors")
    assert (network.name, network.provenance.normalization) == ("vgg16", IMAGENET)
    assert read_network(path).provenance == read_network(VGG16).provenance


def test_a_cached_network_without_its_checksum_is_refused(caffe: Path) -> None:
    _, path = import_file(caffe)
    path.with_suffix(".json").unlink()
    with pytest.raises(WeightsError, match="missing or damaged; fetch or import vgg19 again"):
        resolve_network("vgg19")


def test_a_foreign_file_serves_directly_and_must_be_the_network_asked_for(caffe: Path, vgg19: State) -> None:
    assert_same(resolve_network("auto", caffe).tensors, vgg19)
    with pytest.raises(WeightsError, match="holds vgg19, but the features asked for are vgg16"):
        resolve_network("vgg16", caffe)


# Downloads, from a real server on this machine


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path, vgg19: State) -> Iterator[tuple[str, str]]:
    """Serves a file in torchvision's layout: its address and its sha256."""
    path = tmp_path / "vgg19.pth"
    torch.save(in_torchvision_layout(vgg19, "vgg19", "features."), path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    handler = functools.partial(Quiet, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}/vgg19.pth", digest
        running.shutdown()
        thread.join()


def test_fetching_verifies_and_keeps_the_convolutions_alone(
    server: tuple[str, str], own_cache: Path, vgg19: State, capsys: pytest.CaptureFixture[str]
) -> None:
    url, digest = server
    network, path = fetch("vgg19", url=url, sha256=digest[:8])
    assert files_in(own_cache) == ["weights/vgg19.json", "weights/vgg19.safetensors"]
    assert network.provenance.normalization == IMAGENET
    assert_same(read_network(path).tensors, vgg19)
    assert "100%" in capsys.readouterr().err


def test_a_download_with_another_checksum_is_refused_and_removed(server: tuple[str, str], own_cache: Path) -> None:
    with pytest.raises(WeightsError, match=r"is not the file it should be \(sha256 dcbb9e9d"):
        fetch("vgg19", url=server[0], progress=False)
    assert files_in(own_cache) == []


@pytest.mark.parametrize(("path", "below"), [("absent.pth", ""), ("", ""), ("", "deeper/and/deeper")])
def test_a_failed_download_says_how_else_to_get_the_file_and_leaves_no_folder(
    server: tuple[str, str], own_cache: Path, monkeypatch: pytest.MonkeyPatch, path: str, below: str
) -> None:
    monkeypatch.setenv("CXSTYLE_CACHE", str(own_cache / below))
    address = server[0].replace("vgg19.pth", path) if path else "http://127.0.0.1:9/vgg19.pth"
    with pytest.raises(WeightsError, match=r"can't download .*weights import vgg19-dcbb9e9d.pth"):
        fetch("vgg19", url=address, progress=False)
    assert not own_cache.exists()


def test_a_cache_that_can_not_be_looked_into_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXSTYLE_CACHE", f"/tmp/{'x' * 300}")
    with pytest.raises(WeightsError, match=r"can't look into .*: File name too long; set CXSTYLE_CACHE"):
        find("vgg16")

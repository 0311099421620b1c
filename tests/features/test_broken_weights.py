"""Broken and odd files of weights, through the command line: one clear line, no code run, nothing left."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from broken.pictures import saved
from broken.weights import corpus, pth, state
from helpers import refused

from cxstyle.errors import WeightsError
from cxstyle.features.vgg import resolve_network
from cxstyle.features.weights import import_file, read_foreign

pytestmark = pytest.mark.usefixtures("own_folder")
KINDS = ("header", "layers", "pickles", "truncated")
PLACES: dict[str, Callable[[Path], object] | None] = {
    "none.pth": None,
    "folder.pth": Path.mkdir,
    "pipe.pth": os.mkfifo,
    "loop.pth": lambda path: path.symlink_to(path),
    "large.pth": lambda path: (path.touch(), os.truncate(path, 10**13)),
    "/dev/zero": None,
    "x" * 300: None,
    "a\nb.pth": None,
    "\udcff.pth": None,
}
REASONS = {"pipe.pth": "it is a pipe or a device", "/dev/zero": "it is a pipe or a device", "large.pth": "are read"}


@pytest.mark.parametrize("kind", KINDS)
def test_every_broken_file_is_refused_by_import_and_run(
    kind: str, own_cache: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    Path("a.png").write_bytes(saved("PNG"))
    for case in corpus():
        if case.kind == kind:
            Path(case.name).write_bytes(case.data)
            refused(1, case.ends, "weights", "import", case.name)
            refused(1, case.name, "run", "a.png", "a.png", "-o", "b.png", "-q", "--weights", case.name)
            Path(case.name).unlink()
    assert os.listdir() == ["a.png"]  # noqa: PTH208 - no canary, no picture
    assert not own_cache.exists()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", PLACES)
def test_what_is_no_file_of_weights_is_refused_at_once(name: str) -> None:
    make = PLACES[name]
    if make:
        make(Path(name))
    Path("a.png").write_bytes(saved("PNG"))
    says = REASONS.get(name, "can't read the weights")
    refused(1, says, "weights", "import", name)
    refused(1, says, "run", "a.png", "a.png", "-o", "b.png", "--weights", name)


def test_packed_zeros_are_not_unpacked() -> None:
    for name in ("zip-storage.pth", "zip-bomb.pth"):
        Path(name).write_bytes(next(case.data for case in corpus() if case.name == name))
        tracemalloc.start()
        with pytest.raises(WeightsError):
            read_foreign(Path(name))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 20e6


def test_a_changed_byte_of_a_kept_network_is_noticed() -> None:
    Path("good.pth").write_bytes(pth(state()))
    _, path = import_file(Path("good.pth"))
    whole = path.read_bytes()
    Path("a.png").write_bytes(saved("PNG"))
    for place in (0, 8, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        refused(1, "fetch or import vgg16 again", "run", "a.png", "a.png", "-o", "b.png", "--features", "vgg16")
    path.write_bytes(whole)
    for text in ("", "{", "[]", "5", '{"sha256": 5}', '{"sha256": "abc"}'):
        path.with_suffix(".json").write_text(text)
        with pytest.raises(WeightsError, match="fetch or import vgg16 again"):
            resolve_network("vgg16")
    assert not Path("b.png").exists()


def test_odd_files_that_are_right_are_read() -> None:
    good = state()
    doubles = {name: values.double() for name, values in good.items()}
    more = {**good, "classifier.weight": torch.zeros(3), "conv9_9.weight": torch.zeros(2)}
    for content in (good, doubles, more, {"state_dict": good, "epoch": 3}):
        Path("odd.pth").write_bytes(pth(content))
        found = read_foreign(Path("odd.pth"), "caffe").tensors
        assert set(found) == set(good)
        assert all(torch.equal(found[name], good[name]) for name in good)

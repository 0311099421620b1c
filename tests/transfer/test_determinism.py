"""Same seed, same machine, same pixels."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from helpers import done

from cxstyle import StyleConfig, stylize
from cxstyle.device import deterministic, prepare_deterministic
from cxstyle.errors import DeviceError
from cxstyle.pictures.reading import load_picture
from cxstyle.settings import preset_names

CPU = torch.device("cpu")
SETTINGS = """
colors: target
size: 48
iterations: 4
seed: 7
pyramid: {coarsest: 32}
terms:
  - {loss: contextual, compare: target, layers: [conv2_2, conv3_2, conv4_2], bandwidth: 0.2, samples: 30}
  - {loss: contextual, compare: source, layers: [conv4_2], samples: 30}
  - {loss: palette, compare: source, weight: 100}
  - {loss: total_variation, compare: source, weight: 400}
"""
"""Two scales, samples of every layer, and every kind of term."""


@pytest.fixture(scope="module")
def words(pair: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> list[object]:
    """A run with these settings."""
    settings = tmp_path_factory.mktemp("settings") / "mine.yaml"
    settings.write_text(SETTINGS)
    return ["run", *pair, "--config", settings, "-o"]


@pytest.fixture(scope="module")
def plain(words: list[object], tmp_path_factory: pytest.TempPathFactory) -> torch.Tensor:
    """The pixels of a run with nothing beside it."""
    path = tmp_path_factory.mktemp("plain") / "plain.png"
    done(*words, path)
    return load_picture(path)


@pytest.mark.usefixtures("own_folder")
def test_pixels_do_not_depend_on_what_is_shown_or_kept_beside_them(words, plain) -> None:
    for more in (("-q", "--save-every", 1, "steps"), ("-v", "--report", "r.json", "--deterministic")):
        done(*words, "other.png", *more, "--overwrite")
        assert torch.equal(plain, load_picture("other.png"))


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_has_only_repeatable_operations_on_a_cpu(pair, name: str) -> None:
    config = StyleConfig.preset(name).override(features="vgg16", size=32, iterations=2)
    repeatable = stylize(*pair, config.override(deterministic=True))
    assert torch.equal(repeatable.picture, stylize(*pair, config).picture)
    assert repeatable.details["deterministic"] is True


def test_an_operation_without_a_repeatable_way_is_refused_with_advice() -> None:
    with pytest.raises(DeviceError, match=r"for put_ on cpu; leave --deterministic out"), deterministic(True, CPU):
        torch.zeros(3).put_(torch.tensor([0]), torch.ones(1))


@pytest.mark.parametrize(("given", "after"), [(None, ":4096:8"), (":16:8", ":16:8"), ("odd", ":4096:8")])
def test_cublas_is_told_before_it_is_first_used(monkeypatch, given: str | None, after: str) -> None:
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", given or "")
    prepare_deterministic(torch.device("cuda"))
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == after

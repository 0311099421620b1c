"""Runs on a CUDA device. Left out unless asked for with `-m gpu`; what is not said here holds as on a CPU."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from helpers import halves, painted, size_of

from cxstyle import StyleConfig, stylize
from cxstyle.settings import preset_names
from cxstyle.settings.config import Optimizer, Pyramid
from cxstyle.transfer.result import Progress, Result
from cxstyle.transfer.stylize import Run

pytestmark = pytest.mark.gpu


def settings(name: str = "default", **changes: object) -> StyleConfig:
    few = {"features": "vgg16", "size": 64, "enlarge": True, "iterations": 24, "device": "cuda", "precision": "fp32"}
    return StyleConfig.preset(name).override(**few | changes)


def objective(result: Result) -> float:
    """Mean of the last iterations, since each draws other positions."""
    totals = [losses["total"] for losses in result.losses[-6:]]
    return sum(totals) / len(totals)


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_gives_what_it_gives_on_a_cpu(pair, name: str) -> None:
    found, expected = (stylize(*pair, settings(name, device=device)) for device in ("cuda", "cpu"))
    assert found.status == expected.status == "complete"
    assert found.losses[0]["total"] == pytest.approx(expected.losses[0]["total"], rel=1e-4)
    assert objective(found) == pytest.approx(objective(expected), rel=0.01)


@pytest.mark.parametrize("changes", [{}, {"precision": "bf16"}, {"quiet": 0.0, "colors": "target"}])
def test_recorded_iterations_give_what_others_give(pair, monkeypatch, changes: dict[str, object]) -> None:
    recorded = stylize(*pair, settings(**changes))
    monkeypatch.setattr(Run, "_recorded", lambda *_: False)
    expected = stylize(*pair, settings(**changes))
    assert len(recorded.losses) == len(expected.losses)
    assert objective(recorded) == pytest.approx(objective(expected), rel=0.01)


@pytest.mark.parametrize("name", ["default", "paper", "gatys"])
def test_deterministic_gives_the_same_pixels_again_and_after_an_interruption(pair, tmp_path: Path, name: str) -> None:
    config, file = settings(name, deterministic=True), tmp_path / "run.checkpoint"
    whole = stylize(*pair, config).picture
    assert torch.equal(whole, stylize(*pair, config).picture)

    def stop(progress: Progress) -> bool:
        return progress.iteration < 3

    assert stylize(*pair, config, callback=stop, checkpoint=file).status == "stopped"
    assert torch.equal(whole, stylize(*pair, config, checkpoint=file, resume=True).picture)


def test_recorded_iterations_go_on_after_an_interruption(pair, tmp_path: Path) -> None:
    file, whole = tmp_path / "run.checkpoint", stylize(*pair, settings())
    assert stylize(*pair, settings(), callback=lambda p: p.iteration < 5, checkpoint=file).status == "stopped"
    found = stylize(*pair, settings(), checkpoint=file, resume=True)
    assert len(found.losses) == len(whole.losses)
    assert objective(found) == pytest.approx(objective(whole), rel=0.02)


def test_masks_keep_what_only_the_source_has_and_guide_the_rest(pair, tmp_path: Path) -> None:
    masks = {"source_mask": halves(tmp_path / "s.png", "red", "blue")}
    masks["target_mask"] = painted(tmp_path / "t.png", "red", size_of(pair[1]))
    for name in ("default", "gatys", "cnnmrf"):
        found = stylize(*pair, settings(name, precision="auto"), **masks)
        start = stylize(*pair, settings(name, iterations=1), **masks)
        assert found.status == "complete"
        assert torch.equal(found.picture[..., 36:], start.picture[..., 36:])
        assert not torch.equal(found.picture[..., :28], start.picture[..., :28])


def test_several_targets_tiles_and_lbfgs(pair) -> None:
    several = stylize(pair[0], [pair[1], pair[0]], settings(), weights=[3, 1])
    tiled = stylize(*pair, settings("paper", size=1024, iterations=8, memory="1600MB", pyramid=Pyramid()))
    lbfgs = stylize(*pair, settings("paper", optimizer=Optimizer("lbfgs", 1.0)))
    assert tiled.details["memory"]["tiles"] > 1
    for result in (several, tiled, lbfgs):
        assert result.status == "complete"
        assert result.picture.isfinite().all()

"""Runs that are interrupted, and go on to the same pixels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

from cxstyle import Progress, Pyramid, StyleConfig, stylize

SMALL = StyleConfig.preset().override(size=64, iterations=6, features="vgg16", samples=200, pyramid=Pyramid(32))


def after(steps: int) -> Callable[[Progress], bool]:
    """A callback that stops a run after so many iterations."""
    left = iter(range(steps - 1, -1, -1))
    return lambda _: next(left) > 0


@pytest.fixture(scope="module")
def masks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Halves in two colours, upright for the one and lying for the other; the source's has a corner of its own."""
    folder, found = tmp_path_factory.mktemp("masks"), {}
    for name, box in (("source_mask", (0, 0, 32, 64)), ("target_mask", (0, 0, 64, 32))):
        image = Image.new("RGB", (64, 64), "red")
        image.paste("blue", box)
        if name == "source_mask":
            image.paste("lime", (40, 40, 64, 64))
        image.save(folder / f"{name}.png")
        found[name] = folder / f"{name}.png"
    return found


RUNS = {
    "default": SMALL,
    "gatys": StyleConfig.preset("gatys").override(size=48, iterations=5, features="vgg16"),
    "cnnmrf": StyleConfig.preset("cnnmrf").override(size=64, iterations=4, features="vgg16", pyramid=Pyramid(32)),
    "noise": SMALL.override(init="noise"),
    "masks": SMALL,
}


@pytest.mark.parametrize("name", RUNS)
def test_a_run_stopped_anywhere_goes_on_to_the_same_pixels_and_losses(pair, masks, name: str, tmp_path: Path) -> None:
    config, file = RUNS[name], tmp_path / "x.checkpoint"
    extra = masks if name == "masks" else {}
    whole = stylize(*pair, config, **extra)
    for stop in range(1, config.iterations):
        stopped = stylize(*pair, config, **extra, checkpoint=file, callback=after(stop))
        assert (stopped.status, len(stopped.losses)) == ("stopped", stop)
        resumed = stylize(*pair, config, **extra, checkpoint=file, resume=True)
        assert torch.equal(resumed.picture, whole.picture), stop
        assert resumed.losses == whole.losses
        assert resumed.details["resumed_after"] == stop

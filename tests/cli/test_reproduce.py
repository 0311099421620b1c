"""`cxstyle reproduce`: each figure is written, and says what it shows."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import SAMPLES
from generators import in_folder, moving
from helpers import done, files_in, refused

from cxstyle.generators import CRN
from cxstyle.generators.model import write_model

SMALL = ("--size", 32, "--iterations", 1, "--features", "vgg16")


def test_figures_that_are_computed(own_folder: Path) -> None:
    assert done("reproduce", "fig5", "-o", "made").stdout.startswith("wrote made/fig5.png (half of each is gone, by")
    told = done("reproduce", "fig6", SAMPLES / "astronaut.jpg", "--size", 33, "--iterations", 20).stdout
    assert told.startswith("wrote fig6.png (L1 as loss: ")
    assert files_in(own_folder) == ["fig6.png", "made/fig5.png"]


@pytest.mark.usefixtures("own_folder")
def test_figures_of_runs() -> None:
    source, target = SAMPLES / "astronaut.jpg", SAMPLES / "hopper.jpg"
    assert done("reproduce", "fig7", source, target, *SMALL).stdout == "wrote fig7.png (3 of 3 results)\n"
    told = done("reproduce", "fig8", source, "-t", target, "-o", "a", *SMALL).stdout
    assert told == "wrote a/fig8.png (1 of 1 results)\n"


def test_figures_of_networks(own_folder: Path) -> None:
    frames = in_folder(own_folder / "frames", moving(3))
    about = {"settings": {"width": 8, "input_scale": 1.0, "seed": 0}, "size": (32, 48)}
    write_model(own_folder / "net.safetensors", CRN((32, 48), 8), about)
    for number in (9, 10, 11):
        told = done("reproduce", f"fig{number}", frames, "net.safetensors", "--every", 2).stdout
        assert told == f"wrote fig{number}.png\n"
    refused(1, "fig9.png exists", "reproduce", "fig9", frames, "net.safetensors")
    refused(1, "can't read the network none", "reproduce", "fig11", frames, "none", "-o", "b")

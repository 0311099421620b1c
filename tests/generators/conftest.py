"""Folders of pictures to train on."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from cxstyle.pictures import save_picture
from generators import in_folder, moving


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    """A folder of 12 pictures."""
    return in_folder(tmp_path / "frames", moving(12))


@pytest.fixture
def inverted(tmp_path: Path) -> Path:
    """The same, with their colours turned round."""
    return in_folder(tmp_path / "inverted", [1 - picture for picture in moving(12)])


@pytest.fixture
def still(tmp_path: Path) -> Path:
    """One picture in other colours."""
    path = tmp_path / "still.png"
    picture = torch.linspace(0, 1, 40).view(1, 1, 40, 1) * torch.tensor([1.0, 0.5, 0.2]).view(1, 3, 1, 1)
    save_picture(picture.expand(1, 3, 40, 48), path)
    return path

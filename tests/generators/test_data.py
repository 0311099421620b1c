"""Sides of pictures, and pairs between them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from cxstyle.errors import CxStyleError
from cxstyle.generators.data import files_of, paired, read_side
from generators import in_folder, moving, with_sound


def test_a_folder_a_pattern_and_a_video_give_the_same_pictures_in_their_order(frames: Path, tmp_path: Path) -> None:
    assert [path.name for path in files_of(frames)] == [f"frame_{i}.png" for i in range(12)]  # 10 after 9
    folder, pattern = read_side(frames, 64), read_side(f"{frames}/frame_?.png", 64)
    video = read_side(with_sound(tmp_path / "a.mp4", moving(12)), 64)
    assert (len(folder), len(pattern), len(video)) == (12, 10, 12)
    assert folder.size == video.size == (32, 48)
    assert read_side(in_folder(tmp_path / "large", moving(2, 96, 128)), 64).size == (48, 64)
    torch.testing.assert_close(folder.pictures([3, 11]), torch.cat([moving(12)[3], moving(12)[11]]), atol=0.01, rtol=0)
    assert (video.pictures(range(12)) - folder.pictures(range(12))).abs().mean() < 0.02


def test_pairs_are_of_a_number_a_name_or_the_rows_of_a_file(frames: Path, inverted: Path, tmp_path: Path) -> None:
    sources, targets = read_side(frames, 48), read_side(inverted, 48)
    assert paired(sources, targets, "number") == paired(sources, targets, "name") == list(range(12))
    file = tmp_path / "pairs.csv"
    file.write_text("source,target\nframe_0.png,frame_5\nframe_3, frame_1\n")
    assert paired(sources, targets, str(file)) == [5, -1, -1, 1] + [-1] * 8


def test_pairs_that_are_not_there_are_refused(frames: Path, inverted: Path, tmp_path: Path) -> None:
    sources, targets, file = read_side(frames, 48), read_side(inverted, 48), tmp_path / "pairs.csv"
    with pytest.raises(CxStyleError, match=r"pairs.csv can't be read: .*; use number, name or a CSV file"):
        paired(sources, targets, str(file))
    for rows, says in {
        "frame_0,frame_99": "inverted has no frame_99",
        "frame_99,frame_0": "frames has no frame_99",
        "frame_0": "line 1: a source and a target are needed",
    }.items():
        file.write_text(rows)
        with pytest.raises(CxStyleError, match=says):
            paired(sources, targets, str(file))
    with pytest.raises(CxStyleError, match="frames has 12 pictures and other 2"):
        paired(sources, read_side(in_folder(tmp_path / "other", moving(2)), 48), "number")


def test_sides_that_can_not_be_used_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.mp4").write_text("no video")
    in_folder(tmp_path / "mixed", [moving(1)[0], moving(1, 40, 40)[0]])
    for where, says in {
        "empty": "empty holds no picture",
        "none*.png": "holds no picture",
        "missing.png": "there is no file",
        "text.mp4": "text.mp4 can't be read",
        "mixed": "sizes differ, frame_0.png is 48x32 px and frame_1.png 40x40 px",
    }.items():
        with pytest.raises(CxStyleError, match=says):
            read_side(tmp_path / where, 48)

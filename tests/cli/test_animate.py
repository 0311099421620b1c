"""`cxstyle animate`: from a video and a picture to a video, sound and all."""

from __future__ import annotations

from pathlib import Path

import av
import torch
from generators import moving, with_sound
from helpers import done, files_in, painted, refused

from cxstyle.generators import survey
from cxstyle.pictures import VideoWriter, read_frames


def test_a_video_is_animated_and_its_network_can_be_used_again(own_folder: Path) -> None:
    with_sound(own_folder / "head.mp4", [*moving(12), *(1 - picture for picture in moving(12))])
    painted(own_folder / "portrait.png", "orange")
    told = done("animate", "head.mp4", "portrait.png", "--minutes", 0.001, "--device", "cpu")
    assert told.stderr.splitlines()[0] == "head.mp4: 24 frames, 3.0 s, 2 shots: one network learns them all"
    assert "head_portrait_preview.png: one frame by itself" in told.stderr
    assert "head_portrait.safetensors: out of time" in told.stdout
    assert "head_portrait.mp4: 24 frames, 48x32 px" in told.stdout
    with av.open("head_portrait.mp4") as container:
        assert len(container.streams.audio) == 1
    assert len(list(read_frames("head_portrait.mp4")[1])) == 24
    network = (own_folder / "head_portrait.safetensors").read_bytes()
    words = ("animate", "head.mp4", "--model", "head_portrait.safetensors", "--device", "cpu")
    again = done(*words, "-o", "again.mp4", "--size", 48, "--no-steady").stdout
    assert again.startswith("again.mp4: 24 frames, 48x32 px, ")
    assert (own_folder / "head_portrait.safetensors").read_bytes() == network
    assert not [name for name in files_in(own_folder) if "again_" in name]


def test_a_training_that_was_stopped_goes_on(own_folder: Path) -> None:
    with_sound(own_folder / "head.mp4", moving(6))
    painted(own_folder / "still.png")
    words = ("animate", "head.mp4", "still.png", "-o", "out.mp4", "--minutes", 0.0001, "--device", "cpu", "--resume")
    result = done(*words)
    assert "there is no checkpoint out.checkpoint; starting from the beginning" in result.stderr
    assert "out.safetensors: out of time" in result.stdout
    assert [name for name in files_in(own_folder) if "/" not in name] == [
        "head.mp4",
        "out.mp4",
        "out.safetensors",
        "out_epochs.png",
        "still.png",
    ]  # and no preview


def test_shots_are_told_from_movement(tmp_path: Path) -> None:
    torch.manual_seed(0)
    with VideoWriter(tmp_path / "cuts.mp4", 10) as writer:
        for shot in (0.0, 0.5, 0.2):
            for picture in moving(12):
                writer.write((picture * 0.4 + shot).clamp(0, 1))
    found = survey(tmp_path / "cuts.mp4")
    assert (found.frames, float(found.rate), found.shots) == (36, 10, 3)
    torch.testing.assert_close(found.middle, moving(12)[6] * 0.4 + 0.5, atol=0.06, rtol=0)


def test_what_can_not_be_animated_is_refused_in_a_line(own_folder: Path) -> None:
    with_sound(own_folder / "head.mp4", moving(4))
    refused(1, "there is no file none.png", "animate", "head.mp4", "none.png", "-q")
    refused(1, "can't read the network none.safetensors", "animate", "head.mp4", "--model", "none.safetensors", "-q")
    assert files_in(own_folder) == ["head.mp4"]

"""A trained network on files: what comes out has the frames, sound and rate of what went in."""

from __future__ import annotations

from pathlib import Path

import av
import psutil
import pytest
import torch
from helpers import painted

from cxstyle.errors import ConfigError, CxStyleError, WeightsError
from cxstyle.generators import CRN, Generator, apply
from cxstyle.generators.model import write_model
from cxstyle.pictures import read_frames
from generators import RATE, in_folder, moving, with_sound


@pytest.fixture
def generator() -> Generator:
    return Generator(CRN((32, 48), 8), {"size": (32, 48)})


def sound(path: Path) -> tuple[list[bytes], int]:
    """Its packets, and the duration of the file."""
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.dts is not None], container.duration


def test_a_video_keeps_frames_rate_duration_and_the_bytes_of_its_sound(generator: Generator, tmp_path: Path) -> None:
    video, out = with_sound(tmp_path / "in.mp4", moving(20)), tmp_path / "out.mp4"
    told = []
    (done,) = apply(generator, [video], out, steady=False, callback=lambda path, count: told.append((path, count)))
    assert (done.frames, done.size, done.given, done.notes) == (20, (32, 48), (32, 48), ())
    assert told[-1] == (video, 20)
    (_, given), (rate, drawn) = ((rate, list(frames)) for rate, frames in map(read_frames, (video, out)))
    assert (rate, len(drawn)) == (RATE, 20)
    assert (drawn[7] - generator(given[7])).abs().mean() < 0.05
    assert sound(out) == (sound(video)[0], pytest.approx(sound(video)[1], rel=0.02))
    (held,) = apply(generator, [video], tmp_path / "held.mp4")
    assert (held.frames, held.output.read_bytes() == out.read_bytes()) == (20, False)


def test_a_video_whose_end_is_missing_goes_as_far_as_it_goes(generator: Generator, tmp_path: Path) -> None:
    video = with_sound(tmp_path / "whole.mkv", [torch.rand(1, 3, 64, 96) for _ in range(40)])
    data = video.read_bytes()
    (tmp_path / "cut.mkv").write_bytes(data[: len(data) * 6 // 10])
    (done,) = apply(generator, [tmp_path / "cut.mkv"], tmp_path / "out.mkv")
    assert 5 < done.frames < 40
    assert (len(done.notes), done.size, done.given) == (1, (32, 48), (64, 96))


def test_pictures_and_folders_get_their_names_in_a_folder(generator: Generator, tmp_path: Path) -> None:
    folder, other = in_folder(tmp_path / "frames", moving(2, 64, 96)), painted(tmp_path / "other.gif")
    done = {each.output.name: each.size for each in apply(generator, [folder, other], tmp_path / "out")}
    assert done == {"frame_0.png": (32, 48), "frame_1.png": (32, 48), "other.png": (40, 40)}
    (large,) = apply(generator, [folder / "frame_0.png"], tmp_path / "large.png", long_edge=80)
    assert large.size == (53, 80)


def test_a_change_is_laid_over_the_input_at_its_own_size(generator: Generator, tmp_path: Path) -> None:
    network = CRN((32, 48), 8, residual=True)
    with torch.no_grad():
        network.last.bias.copy_(torch.tensor([0.1, 0.0, -0.05]))  # one colour more everywhere
    video = with_sound(tmp_path / "in.mp4", [torch.rand(1, 3, 64, 96) / 2 + 0.2 for _ in range(3)])
    residual = Generator(network, {"size": (32, 48)})
    (done,) = apply(residual, [video], tmp_path / "out.mp4", full_size=True)
    assert done.size == done.given == (64, 96)
    picture = torch.rand(1, 3, 64, 96) / 2 + 0.2
    torch.testing.assert_close(residual(picture, full_size=True), picture + network.last.bias.detach().view(3, 1, 1))
    with pytest.raises(ConfigError, match="this network draws whole pictures"):
        list(apply(generator, [video], tmp_path / "none.mp4", full_size=True))
    assert not list(tmp_path.glob("*none*"))


def test_what_can_not_be_applied_is_refused_before_anything_is_written(generator: Generator, tmp_path: Path) -> None:
    folder = in_folder(tmp_path / "frames", moving(2))
    for inputs, output, says in (
        ([folder / "frame_0.png", folder / "frame_0.png"], "out", "is the second input for"),
        ([folder / "frame_0.png"], "out.mp4", "is one of"),
        ([folder / "none.png"], "out.png", "there is no file"),
        ([folder / "frame_0.png"], "frames/frame_0.png", "is read"),
    ):
        with pytest.raises(CxStyleError, match=says):
            list(apply(generator, inputs, tmp_path / output, overwrite=True))
    assert not list(tmp_path.glob("out*/*"))


def test_files_of_networks_are_verified(generator: Generator, tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    about = {"settings": {"width": 8, "input_scale": 1.0, "seed": 0}, "size": (32, 48)}
    write_model(path, generator.network, about)
    picture = moving(1)[0]
    torch.testing.assert_close(Generator.load(path, "cpu", "fp32")(picture), generator(picture))
    flipped = bytearray(path.read_bytes())
    flipped[-5] ^= 1
    write_model(tmp_path / "narrow.safetensors", generator.network, about | {"settings": {"width": 4}})
    for content, says in (
        (flipped, "its checksum is not the one"),
        (b"{}", "is damaged, or no network"),
        ((tmp_path / "narrow.safetensors").read_bytes(), "net.safetensors is damaged: its parameters are not those"),
    ):
        path.write_bytes(content)
        with pytest.raises(WeightsError, match=says):
            Generator.load(path)
    with pytest.raises(WeightsError, match="can't read the network"):
        Generator.load(tmp_path / "none.safetensors")


@pytest.mark.slow
def test_memory_does_not_grow_with_frames(generator: Generator, tmp_path: Path) -> None:
    video, used, process = with_sound(tmp_path / "in.mp4", moving(60) * 15), list[int](), psutil.Process()
    told = {"callback": lambda *_: used.append(process.memory_info().rss)}
    assert [done.frames for done in apply(generator, [video], tmp_path / "out.mp4", **told)] == [900]
    assert max(used[700:]) - max(used[150:300]) < 24e6

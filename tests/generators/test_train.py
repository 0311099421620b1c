"""Training: that networks learn, that they go on as if nothing had happened, and what is refused."""

from __future__ import annotations

import dataclasses
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from helpers import wait_for

from cxstyle import LossTerm
from cxstyle.errors import CheckpointError, CxStyleError
from cxstyle.generators import Generator, train
from cxstyle.settings import TASKS, TrainConfig, train_preset_names
from generators import in_folder, moving, tiny

STYLE = LossTerm("contextual", 1.0, "target", ("conv1_2", "conv2_2"), bandwidth=0.2)
CONTENT = LossTerm("contextual", 1.0, "source", ("conv2_2",), bandwidth=0.2)
L1 = LossTerm("l1", 1.0, "paired")


def test_a_puppet_of_inverted_pictures_learns_to_invert_those_it_has_not_seen(
    frames: Path, inverted: Path, tmp_path: Path
) -> None:
    result = train(frames, inverted, tiny("puppet", L1, epochs=12), tmp_path / "net.safetensors")
    assert result.status == "complete"
    unseen = moving(25)[9]
    drawn = Generator.load(result.path, "cpu")(unseen)
    assert (drawn - (1 - unseen)).abs().mean() < 0.3 * (unseen - (1 - unseen)).abs().mean()


def test_an_animation_comes_nearer_to_the_look_of_the_target(frames: Path, still: Path, tmp_path: Path) -> None:
    result = train(frames, still, tiny("animation", STYLE, CONTENT, epochs=3), tmp_path / "net.safetensors")
    first, last = result.generator.about["losses"][0], result.generator.about["losses"][-1]
    assert set(first) == {"style conv1_2", "style conv2_2", "content conv2_2"}
    assert sum(last.values()) < 0.85 * sum(first.values())
    assert sorted(path.name for path in (tmp_path / "net_epochs").iterdir()) == [f"00{i}.png" for i in range(1, 4)]
    assert (tmp_path / "net_epochs.png").exists()
    assert not (tmp_path / "net.checkpoint").exists()


def test_a_domain_is_paired_at_random_anew_in_every_step(frames: Path, tmp_path: Path) -> None:
    targets = in_folder(tmp_path / "targets", [1 - picture for picture in moving(5, 40, 40)])
    terms = LossTerm("contextual", 1.0, "paired", ("conv1_2",)), CONTENT
    result = train(frames, targets, tiny("domain", *terms, batch=3), tmp_path / "net.safetensors")
    assert result.generator.about["steps"] == result.details["planned"] == 8
    assert result.generator.about["targets"]["count"] == 5


def test_a_training_that_goes_on_ends_in_the_same_bytes(frames: Path, still: Path, tmp_path: Path) -> None:
    term = LossTerm("contextual", 1.0, "target", ("conv1_2",), samples=100)
    config = tiny("animation", term, schedule="cosine", batch=2)
    whole, parts = tmp_path / "whole.safetensors", tmp_path / "parts.safetensors"
    train(frames, still, config, whole)
    for steps in (4, 9):  # in the middle of an epoch
        result = train(frames, still, config, parts, resume=True, callback=lambda p, most=steps: p.step < most)
        assert (result.status, result.path.exists()) == ("stopped", True)
    assert train(frames, still, config, parts, resume=True).status == "complete"
    assert parts.read_bytes() == whole.read_bytes()


def test_minutes_end_a_training_early_and_its_rate_with_it(frames: Path, still: Path, tmp_path: Path) -> None:
    config, path, seen = tiny("animation", CONTENT, schedule="cosine", epochs=1000), tmp_path / "net.safetensors", []
    result = train(frames, still, config, path, minutes=0.01, callback=lambda progress: seen.append(progress.done))
    assert (result.status, seen, seen[-1]) == ("out of time", sorted(seen), 1)
    assert (tmp_path / "net_epochs.png").exists()


def test_what_can_not_be_gone_on_from_is_refused(frames: Path, inverted: Path, tmp_path: Path) -> None:
    config, path = tiny("puppet", L1), tmp_path / "net.safetensors"
    train(frames, inverted, config, path, callback=lambda progress: progress.step < 2)
    with pytest.raises(CheckpointError, match="with other lr; leave --resume out"):
        train(frames, inverted, config.override(lr=0.1), path, resume=True)
    checkpoint = path.with_suffix(".checkpoint")
    data = bytearray(checkpoint.read_bytes())
    data[len(data) // 2] ^= 1
    checkpoint.write_bytes(data)
    with pytest.raises(CheckpointError, match=r"net\.checkpoint is damaged"):
        train(frames, inverted, config, path, resume=True)


def test_what_can_not_be_trained_is_refused_before_the_first_step(frames: Path, still: Path, tmp_path: Path) -> None:
    one_pixel_more = in_folder(tmp_path / "other", moving(12, 33, 48))
    for task, term, target, settings, says in (
        ("animation", STYLE, frames, {}, "holds 12 pictures; an animation has one target"),
        ("puppet", L1, one_pixel_more, {}, "sizes differ, 48x32 px and 48x33 px"),
        ("puppet", L1, still, {}, "sizes differ"),
        ("animation", STYLE, still, {"batch": 50}, "12 sources don't make one step of 50"),
        ("animation", STYLE, tmp_path / "none.png", {}, "there is no file"),
    ):
        with pytest.raises(CxStyleError, match=says):
            train(frames, target, tiny(task, term, **settings), tmp_path / "net.safetensors")
    with pytest.raises(CxStyleError, match=r"a network is a file of \.safetensors"):
        train(frames, still, tiny("animation", STYLE), tmp_path / "net.pt")
    assert not list(tmp_path.glob("net*"))


def test_settings_that_make_no_sense_are_refused_with_their_place() -> None:
    with pytest.raises(CxStyleError, match=r"terms\[0\].compare: 'paired' is not known; did you mean"):
        tiny("animation", L1)
    with pytest.raises(CxStyleError, match=r"terms\[1\].layers: 'conv9_9' is not known"):
        tiny("animation", STYLE, LossTerm("gram", 1.0, "target", ("conv9_9",)))
    with pytest.raises(CxStyleError, match="widht is not a known key; did you mean width"):
        tiny("animation", STYLE).override(widht=3)


@pytest.mark.parametrize("task", TASKS)
def test_presets_of_every_task_can_be_read(task: str) -> None:
    found = {name: TrainConfig.preset(task, name) for name in train_preset_names(task)}
    assert {"paper", "quick"} <= found.keys()
    assert all(config.task == task and config.description for config in found.values())


@pytest.mark.slow
def test_two_processes_train_one_network(frames: Path, inverted: Path, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = tmp_path / "l1.yaml"
    config.write_text("task: puppet\nsize: 48\nwidth: 8\nepochs: 2\nterms: [{loss: l1, compare: paired}]\n")
    words = [sys.executable, "-m", "cxstyle", "train", "puppet", str(frames), str(inverted), "--config", str(config)]
    words += ["-o", str(tmp_path / "net.safetensors"), "--device", "cpu", "--batch", "3"]
    common = os.environ | {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    both = [subprocess.Popen(words, env=common | {"RANK": rank, "LOCAL_RANK": rank}) for rank in "01"]
    assert [process.wait(300) for process in both] == [0, 0]
    generator = Generator.load(tmp_path / "net.safetensors", "cpu")
    assert generator.about["steps"] == 4  # two epochs of 12 in steps of two times 3
    assert all(value.isfinite().all() for value in generator.network.state_dict().values())


KILLED = """
import sys
from pathlib import Path
from cxstyle.generators import train
from cxstyle.generators.train import Training
from cxstyle.settings import TrainConfig

save = Training.save


def and_say(training):
    save(training)
    if training.step == 5:
        Path(sys.argv[4]).touch()  # now it may be killed


Training.save = and_say
sys.modules[Training.__module__].SAVE_EVERY = 0.0
train(sys.argv[1], sys.argv[2], TrainConfig.load(sys.argv[3]), sys.argv[5])
"""


@pytest.mark.slow
def test_a_training_that_was_killed_goes_on_to_the_same_bytes(frames: Path, still: Path, tmp_path: Path) -> None:
    settings = tmp_path / "tiny.yaml"
    settings.write_text(
        "task: animation\nfeatures: vgg16\nsize: 48\nwidth: 8\nepochs: 3\nlr: 0.01\nschedule: cosine\ndevice: cpu\n"
        "terms: [{loss: contextual, compare: target, layers: [conv1_2], samples: 100}]\n"
    )
    whole, parts = tmp_path / "whole.safetensors", tmp_path / "parts.safetensors"
    config = TrainConfig.load(settings)
    words = [sys.executable, "-c", KILLED, frames, still, settings, tmp_path / "saved", parts]
    with subprocess.Popen([str(word) for word in words]) as process:
        wait_for(tmp_path / "saved", 300)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    seen: list[int] = []
    train(frames, still, config, parts, resume=True, callback=lambda progress: seen.append(progress.step))
    assert 5 <= seen[0] < 36  # it began where it was killed
    train(frames, still, config, whole)
    assert parts.read_bytes() == whole.read_bytes()


@pytest.mark.slow
def test_memory_does_not_grow_with_steps(frames: Path, still: Path, tmp_path: Path) -> None:
    terms = (dataclasses.replace(term, samples=100) for term in (STYLE, CONTENT))
    used, process, config = list[int](), psutil.Process(), tiny("animation", *terms, epochs=20)
    path = tmp_path / "net.safetensors"
    train(frames, still, config, path, callback=lambda _: used.append(process.memory_info().rss))
    assert len(used) == 240
    assert max(used[200:]) - max(used[60:100]) < 24e6

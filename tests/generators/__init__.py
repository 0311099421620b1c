"""A tiny world: pictures of a square that moves, as files and as a video with sound."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy
import torch
from torch import Tensor

from cxstyle import LossTerm
from cxstyle.pictures import VideoWriter, save_picture
from cxstyle.settings import TrainConfig

RATE = 8


def moving(count: int, height: int = 32, width: int = 48) -> list[Tensor]:
    """A light square on a dark ground, a step further in every picture: each (1, 3, H, W)."""
    found = []
    for i in range(count):
        picture = torch.full((1, 3, height, width), 0.1)
        left = i * (width - 12) // max(1, count - 1)
        picture[:, :, 8:20, left : left + 12] = torch.tensor([0.9, 0.7, 0.5]).view(3, 1, 1)
        found.append(picture)
    return found


def in_folder(folder: Path, pictures: list[Tensor]) -> Path:
    folder.mkdir()
    for i, picture in enumerate(pictures):
        save_picture(picture, folder / f"frame_{i}.png")
    return folder


def with_sound(path: Path, pictures: list[Tensor], kind: str = "aac") -> Path:
    """A video, and as many seconds of a tone."""
    import av

    rate = 44100
    with VideoWriter(path, Fraction(RATE)) as writer:
        stream = writer.container.add_stream(kind, rate=rate, layout="mono")
        for picture in pictures:
            writer.write(picture)
        tone = numpy.sin(numpy.arange(rate * len(pictures) // RATE) / 20).astype(numpy.float32)
        for start in range(0, len(tone), 1024):
            frame = av.AudioFrame.from_ndarray(tone[None, start : start + 1024], "fltp", "mono")
            frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
            writer.container.mux(stream.encode(frame))
        writer.container.mux(stream.encode(None))
    return path


def tiny(task: str, *terms: LossTerm, **settings: object) -> TrainConfig:
    """A training of seconds."""
    usual = {"features": "vgg16", "size": 48, "width": 8, "epochs": 2, "lr": 0.01, "device": "cpu", "precision": "fp32"}
    return TrainConfig(terms, task, **(usual | settings))

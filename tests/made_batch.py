"""A batch's folder and records made by hand, without any run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from helpers import painted

SETTINGS = {
    "terms": [
        {"loss": "contextual", "weight": 1.0, "compare": "target", "layers": ["conv3_2"], "bandwidth": 0.2},
        {"loss": "palette", "weight": 100.0, "compare": "source", "layers": [], "bandwidth": 0.5},
    ],
    "description": "for tests",
    "strength": 1.0,
    "weights": None,
    "optimizer": {"name": "adam", "lr": 0.02, "betas": (0.9, 0.999)},
    "seed": 0,
}
RAN = ("iterations", "size", "seconds", "host", "device", "precision", "features")
"""What the record of a job that never ran lacks."""


class Made:
    """A folder with sources, targets and results of a colour each, and the records that go with them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "out"
        self.originals = folder / "originals"
        self.folder.mkdir()
        self.records: list[dict[str, Any]] = []

    def original(self, name: str, color: tuple[int, int, int] = (90, 90, 90), size: tuple[int, int] = (60, 40)) -> str:
        """The path of a source or target, made where there is none yet."""
        path = self.originals / (name if "." in name else f"{name}.png")
        return str(path if path.exists() else painted(path, color, size))

    def add(self, source: str, *targets: str, preset: str = "fast", seed: int = 0, **changes: Any) -> dict[str, Any]:
        """The record of a job; its result is painted unless it failed.

        A colour, a size and an output may be among the changes, as may anything that a record has.
        """
        color, size = changes.pop("color", (200, 60, 60)), changes.pop("size", (60, 40))
        output = "__".join(Path(name).stem for name in (source, *targets)) + f"__{preset}_{seed}.png"
        record = {
            "time": f"2026-11-23T01:02:{len(self.records):02d}.5+00:00",
            "status": "complete",
            "output": output,
            "source": self.original(source),
            "targets": [self.original(target) for target in targets],
            "preset": preset,
            "seed": seed,
            "settings": SETTINGS | {"seed": seed},
            "losses": {"total": 4.5, "style conv2_2": 1.0, "style conv3_2": 2.0, "content conv4_2": 0.25, "tv": 0.01},
            "iterations": 8,
            "size": list(size),
            "seconds": {"loop": 9.1, "before_loop": 0.5},
            "host": "node1",
            "device": "cpu (2 threads)",
            "precision": "fp32",
            "features": "vgg16",
            "versions": {"cxstyle": "0.1.0"},
            "error": "",
        } | changes
        if record["status"] == "failed":
            for name in RAN:
                del record[name]
        else:
            painted(self.folder / record["output"], color, size)
        self.records.append(record)
        return record

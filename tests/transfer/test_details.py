"""What was decided for a run, and why, as `--verbose` and reports tell it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from helpers import half_mask

from cxstyle import LossTerm, StyleConfig, stylize
from cxstyle.device import device_reason
from cxstyle.pictures import load_picture
from cxstyle.transfer import RunDetails
from cxstyle.transfer.details import left_out, size_reason

STYLE = LossTerm("contextual", 2.0, "target", ("conv2_2", "conv4_2"), samples={"conv2_2": 100})
CONTENT = LossTerm("contextual", 3.0, "source", ("conv4_2",), samples=10)
PALETTE = LossTerm("palette", 100.0, "source")
SMOOTH = LossTerm("total_variation", 0.0)
CONFIG = StyleConfig((STYLE, CONTENT, PALETTE, SMOOTH), colors="target")


@pytest.mark.parametrize(
    ("changes", "reasons"),
    [
        ({}, {"tv": "its weight is 0"}),
        ({"colors": "free"}, {"tv": "its weight is 0", "palette": "colours are free"}),
        ({"strength": 0.0}, dict.fromkeys(
            ("style conv2_2", "style conv4_2", "content conv4_2", "palette", "tv"),
            "strength 0 leaves the source as it is",
        )),
    ],
)  # fmt: skip
def test_what_is_left_out_is_told_with_the_reason(changes: dict, reasons: dict[str, str]) -> None:
    assert {term["name"]: term["reason"] for term in left_out(CONFIG.override(**changes))} == reasons


@pytest.mark.parametrize(
    ("source", "edge", "reason"),
    [
        ((600, 800), 384, "reduced to size 384"),
        ((300, 384), 384, "size 384 is the source's own"),
        ((100, 200), 200, "the source is smaller than size 384 and is not to be enlarged"),
        ((100, 200), 384, "enlarged to size 384, as asked for"),
    ],
)
def test_the_size_is_told_with_its_reason(source: tuple[int, int], edge: int, reason: str) -> None:
    assert size_reason(CONFIG, source, edge) == reason


def test_the_device_is_told_with_its_reason() -> None:
    assert device_reason("cpu", torch.device("cpu")) == "as asked for"
    assert device_reason("auto", torch.device("cuda")) == "the first CUDA device"
    assert device_reason("auto", torch.device("mps")) == "there is no CUDA device"
    assert device_reason("auto", torch.device("cpu")).startswith("there is no CUDA device and no mps; torch is built ")


@pytest.fixture(scope="module")
def details(pair: tuple[Path, Path]) -> RunDetails:
    """Of a run with all that there is to tell."""
    source, target = (load_picture(path) for path in pair)
    others = [half_mask(64, 55), half_mask(64, 55, (0.0, 1.0, 0.0))]
    masks = {"source_mask": half_mask(64, 64, (1.0, 1.0, 1.0)), "target_mask": others}
    config = StyleConfig.preset().override(size=48, iterations=2, features="vgg16", seed=5, deterministic=True)
    terms = (*config.terms, LossTerm("palette", 20.0, "source"), LossTerm("total_variation", 1.0, "source"))
    config = config.override(terms=terms, colors="free", strength=0.5, tv_weight=0)
    return stylize(source, [pair[1], target], config, weights=[1, 3], **masks).details


def test_every_decision_is_a_line_with_its_reason(details: RunDetails) -> None:
    told = details.explain(["hopper", "copy"])
    keys = [line.split(": ")[0] for line in told]
    first = ["targets", "device", "threads", "waiting", "precision", "network", "weights", "source", "target", "target"]
    last = ["terms and weights", "left out", "left out", "seed"]
    assert keys == [*first, "result", "scales", "memory", "colours", "counterparts", *last]
    for line in (
        "targets: hopper 25%, copy 75%",
        "network: vgg16, as asked for",
        "source: 64x64 px as read",
        "target: hopper, 55x64 px as read, compared at 41x48",
        "result: 48x48 px, reduced to size 48",
        "colours: free, nothing is recoloured",
        "left out: palette, since colours are free",
        "seed: 5, only repeatable operations",
    ):
        assert line in told


def test_details_are_plain_values_and_come_back_from_them(details: RunDetails) -> None:
    plain = json.loads(json.dumps(details.to_dict()))
    labels = {side: sorted(names) for side, names in plain["labels"].items()}
    assert labels == {"shared": ["#ff0000"], "only_source": ["#ffffff"], "only_target": ["#0000ff", "#00ff00"]}
    assert plain["target_weights"] == [0.25, 0.75]
    assert plain["memory"]["budget_reason"] == "85% of what is free, and what is taken already"
    assert plain["memory"]["whole"] == plain["memory"]["estimate"]
    assert [file["role"] for file in plain["files"]] == ["target 1"]
    assert "resumed_after" not in plain
    assert RunDetails(**plain).explain(["a", "b"]) == details.explain(["a", "b"])

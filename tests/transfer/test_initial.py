"""The picture that a run starts from, brought from scale to scale, and what the whole result is given at the end."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from helpers import half_mask
from torch import Tensor

from cxstyle import StyleConfig, stylize
from cxstyle.pictures.tensors import resize
from cxstyle.transfer import prepare, read_inputs
from cxstyle.transfer.initial import InitialPicture

CONFIG = StyleConfig.preset().override(size=64, iterations=3, features="vgg16", precision="fp32")


def test_a_larger_scale_begins_with_the_sources_detail_or_without_it_where_that_is_painted_anew() -> None:
    picture = torch.rand(1, 3, 48, 64)
    start = InitialPicture("source", picture, [picture], (48, 64), torch.Generator(), None)
    coarse = start.at(24, 32)
    torch.testing.assert_close(start.with_change(coarse, 48, 64), picture)
    blurred = start.with_change(coarse, 48, 64, strokes=1)
    assert float((resize(blurred, 24, 32) - coarse).std()) < 0.05
    assert float((blurred - picture).std()) > 0.1
    half = start.with_change(coarse, 48, 64, strokes=0.5)
    torch.testing.assert_close(half, (picture + blurred) / 2, atol=0.02, rtol=0)


@pytest.mark.parametrize(
    "masks",
    [{}, {"source_mask": half_mask(64, 64), "target_mask": half_mask(64, 55, (0.0, 1.0, 0.0))}],
    ids=["whole", "the left half moves"],
)
def test_what_moves_has_the_contrast_of_the_recoloured_source(
    pair: tuple[Path, Path], masks: dict[str, Tensor]
) -> None:
    wanted = prepare(read_inputs(*pair, None, masks.get("source_mask"), masks.get("target_mask")), CONFIG).source
    found = stylize(*pair, CONFIG, **masks).picture
    size = found.shape[2:]
    left = 28 if masks else 64
    one, other = (each[..., :left].flatten(2)[0] for each in (found, resize(wanted, *size)))
    torch.testing.assert_close(one.mean(dim=1), other.mean(dim=1), atol=0.015, rtol=0)
    torch.testing.assert_close(one.std(dim=1), other.std(dim=1), atol=0.015, rtol=0)

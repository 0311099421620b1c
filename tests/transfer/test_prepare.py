"""The picture that a run starts from, brought from scale to scale."""

from __future__ import annotations

import torch

from cxstyle.pictures.tensors import interpolate
from cxstyle.transfer.prepare import ANEW, InitialPicture


def test_a_larger_scale_begins_with_the_sources_detail_or_without_it_where_that_is_painted_anew() -> None:
    picture = torch.rand(1, 3, 48, 64)
    start = InitialPicture("source", picture, [picture], (48, 64), torch.Generator(), None)
    coarse = start.at(24, 32)
    torch.testing.assert_close(start.with_change(coarse, 48, 64), picture)
    blurred = start.with_change(coarse, 48, 64, strokes=1)
    gone = interpolate(coarse, 48, 64)
    torch.testing.assert_close(blurred, (ANEW * gone + (1 - ANEW) * picture).clamp(0, 1))
    assert float((gone - picture).std()) > 0.2

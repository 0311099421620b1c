"""What a run's inputs refuse, by the message, and leave out."""

from __future__ import annotations

import pytest
import torch
from helpers import half_mask

from cxstyle.errors import ConfigError, CxStyleError, PictureError
from cxstyle.transfer.inputs import read_inputs

SOURCE, TARGET = torch.rand(3, 40, 48), torch.rand(3, 64, 56)
MASK, TARGET_MASK = half_mask(40, 48), half_mask(64, 56)


@pytest.mark.parametrize(
    ("error", "given", "message"),
    [
        (ConfigError, {"targets": []}, "targets: at least one is needed"),
        (ConfigError, {"weights": [1, 2]}, "target-weights: one for each target is needed, got 2 for 1"),
        (ConfigError, {"weights": [-1]}, "target-weights: must be a number at least 0, got -1"),
        (ConfigError, {"weights": [float("nan")]}, "target-weights: must be a number at least 0"),
        (ConfigError, {"weights": [0]}, "target-weights: at least one must be above 0"),
        (ConfigError, {"source_mask": MASK}, "source-mask: needs the target mask, too"),
        (ConfigError, {"target_masks": TARGET_MASK}, "target-mask: needs the source mask, too"),
        *(
            (error, {"source_mask": own, "target_masks": other}, message)
            for error, own, other, message in (
                (ConfigError, MASK, [TARGET_MASK] * 2, "target-mask: one for each target is needed, got 2"),
                (PictureError, half_mask(40, 80), TARGET_MASK, "the source mask is 80x40 px but its picture 48x40"),
                (PictureError, MASK, half_mask(64, 200), "the target mask is 200x64 px but its picture 56x64"),
                (PictureError, MASK, torch.ones(3, 64, 56), "have no colour in common"),
            )
        ),
    ],
)
def test_inputs_that_do_not_fit_together_are_refused(error: type[CxStyleError], given: dict, message: str) -> None:
    with pytest.raises(error, match=message):
        read_inputs(**{"source": SOURCE, "targets": TARGET, **given})


def test_targets_of_weight_0_are_left_out_with_their_masks() -> None:
    other = torch.rand(3, 32, 32)
    found = read_inputs(SOURCE, [other, TARGET], [0, 3], MASK, [half_mask(32, 32, (0, 1, 0)), TARGET_MASK])
    assert [tuple(target.shape) for target in found.targets] == [(1, 3, 64, 56)]
    assert found.guide.weights == (1.0,)
    assert found.labels.names == ("#0000ff", "#ff0000")

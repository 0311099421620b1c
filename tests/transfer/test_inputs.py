"""What loss terms and a run's inputs refuse, by the message; and what the terms of a run become."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from helpers import half_mask

from cxstyle import LossTerm, StyleConfig
from cxstyle.errors import ConfigError, CxStyleError, PictureError
from cxstyle.transfer.inputs import read_inputs

CONV = ("conv2_2",)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"loss": "grams"}, "loss: 'grams' is not known; did you mean gram"),
        ({"loss": "gram", "weight": -1}, "weight: must be a number at least 0, got -1"),
        ({"loss": "gram", "compare": "target"}, r"layers: gram needs at least one layer, such as \[conv4_2\]"),
        ({"loss": "gram", "layers": CONV}, "compare: '' is not known"),
        ({"loss": "reconstruction", "compare": "target", "layers": CONV}, "compare: 'target' is not known; .* source"),
        ({"loss": "palette", "compare": "target"}, "compare: 'target' is not known; .* source"),
        ({"loss": "palette", "compare": "source", "layers": CONV}, "layers: palette looks at the picture alone"),
        ({"loss": "total_variation", "compare": "target"}, "compare: 'target' is not known; .* source"),
        ({"loss": "total_variation", "samples": 9}, "samples: total_variation has none; leave samples out"),
        ({"loss": "palette", "compare": "source", "bandwidth": 0.1}, "bandwidth: palette has none"),
        ({"loss": "gram", "compare": "target", "layers": CONV, "bandwidth": 0.1}, "bandwidth: gram has none"),
        ({"loss": "mrf", "compare": "target", "layers": CONV, "combine": "concatenate"}, "combine: mrf has none"),
        ({"loss": "mrf", "compare": "target", "layers": CONV, "samples": 1}, "samples: must be a number at least 2"),
        ({"loss": "reconstruction", "compare": "source", "layers": CONV, "samples": 9}, "samples: reconstruction has"),
        ({"loss": "gram", "compare": "target", "layers": CONV, "guidance": 1}, "guidance: gram has none"),
        (
            {"loss": "contextual", "compare": "source", "layers": CONV, "guidance": 1},
            "guidance: only terms that compare",
        ),
        ({"loss": "coverage", "compare": "target", "layers": CONV, "guidance": -1}, "guidance: must be a number at"),
    ],
)
def test_terms_that_mean_nothing_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        LossTerm(**settings)


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
        (
            ConfigError,
            {"source_mask": MASK, "target_masks": [TARGET_MASK] * 2},
            "target-mask: one for each target is needed, got 2",
        ),
        *(
            (PictureError, {"source_mask": own, "target_masks": other}, message)
            for own, other, message in (
                (half_mask(40, 80), TARGET_MASK, "the source mask is 80x40 px but its picture 48x40"),
                (MASK, half_mask(64, 200), "the target mask is 200x64 px but its picture 56x64"),
                (MASK, torch.ones(3, 64, 56), "have no colour in common"),
            )
        ),
    ],
)
def test_inputs_that_do_not_fit_together_are_refused(
    error: type[CxStyleError], given: dict[str, Any], message: str
) -> None:
    with pytest.raises(error, match=message):
        read_inputs(**{"source": SOURCE, "targets": TARGET, **given})


def test_targets_of_weight_0_are_left_out_with_their_masks() -> None:
    other = torch.rand(3, 32, 32)
    found = read_inputs(SOURCE, [other, TARGET], [0, 3], MASK, [half_mask(32, 32, (0, 1, 0)), TARGET_MASK])
    assert [tuple(target.shape) for target in found.targets] == [(1, 3, 64, 56)]
    assert found.guide.weights == (1.0,)
    assert found.labels.names == ("#0000ff", "#ff0000")


TERMS = (
    LossTerm("gram", 4.0, "target", CONV),
    LossTerm("reconstruction", 3.0, "source", CONV),
    LossTerm("palette", 5.0, "source"),
    LossTerm("total_variation", 6.0),
)


def test_strength_scales_what_pulls_away_from_the_source() -> None:
    config = StyleConfig(terms=TERMS, strength=0.5, colors="target")
    assert [term.weight for term in config.terms_in_force()] == [2, 3, 5, 3]
    free = dataclasses.replace(config, colors="free")
    assert [term.loss for term in free.terms_in_force()] == ["gram", "reconstruction", "total_variation"]
    assert dataclasses.replace(config, strength=0).terms_in_force() == ()

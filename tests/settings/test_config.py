"""Settings: what is refused and how, what presets hold, what overriding does."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch

from cxstyle import LossTerm, Optimizer, Pyramid, StyleConfig
from cxstyle.checks import memory_bytes
from cxstyle.errors import ConfigError
from cxstyle.settings import preset_folder, preset_names
from cxstyle.settings.config import Laplacian


def test_samples_are_a_number_for_all_layers_or_for_each_or_all() -> None:
    def term(samples: object) -> LossTerm:
        return LossTerm("contextual", 1, "target", ("conv2_2", "conv3_2"), samples=samples)

    assert [term(9).samples_of(layer) for layer in ("conv2_2", "conv3_2")] == [9, 9]
    assert [term({"conv2_2": 9}).samples_of(layer) for layer in ("conv2_2", "conv3_2")] == [9, None]
    assert term("all").samples_of("conv2_2") is None


CONV = ("conv2_2",)
MEANINGLESS: list[tuple[type, dict[str, Any], str]] = [
    (LossTerm, {"loss": "gram", "layers": CONV}, "compare: '' is not known"),
    (LossTerm, {"loss": "reconstruction", "compare": "target", "layers": CONV}, "compare: 'target' is not .* source"),
    (LossTerm, {"loss": "palette", "compare": "target"}, "compare: 'target' is not known; .* source"),
    (LossTerm, {"loss": "palette", "compare": "source", "layers": CONV}, "layers: palette looks at the picture alone"),
    (LossTerm, {"loss": "total_variation", "compare": "target"}, "compare: 'target' is not known; .* source"),
    (LossTerm, {"loss": "total_variation", "samples": 9}, "samples: total_variation has none; leave samples out"),
    (LossTerm, {"loss": "palette", "compare": "source", "bandwidth": 0.1}, "bandwidth: palette has none"),
    (LossTerm, {"loss": "gram", "compare": "target", "layers": CONV, "bandwidth": 0.1}, "bandwidth: gram has none"),
    (LossTerm, {"loss": "mrf", "compare": "target", "layers": CONV, "combine": "concatenate"}, "combine: mrf has none"),
    (LossTerm, {"loss": "mrf", "compare": "target", "layers": CONV, "samples": 1}, "samples: must be .* at least 2"),
    (LossTerm, {"loss": "reconstruction", "compare": "source", "layers": CONV, "samples": 9}, "samples: .* has none"),
    (LossTerm, {"loss": "gram", "compare": "target", "layers": CONV, "guidance": 1}, "guidance: gram has none"),
    (LossTerm, {"loss": "contextual", "compare": "source", "layers": CONV, "guidance": 1}, "guidance: only terms that"),
    (Laplacian, {"luminance": (1.0,), "chroma": (1.0,)}, "luminance: 2 to 10 levels are needed, got 1"),
    (Laplacian, {"luminance": (1, 1), "chroma": (1.0,)}, "chroma: as many levels as of luminance are needed, 2"),
    (Laplacian, {"luminance": (0, 0), "chroma": (0, 0)}, "luminance: at least one level must move"),
    (Laplacian, {"luminance": (1, 1), "chroma": (1, 1), "texture": (0.1, 0.1, 0.1)}, "texture: no more levels .*, 2"),
]


@pytest.mark.parametrize(("kind", "settings", "message"), MEANINGLESS)
def test_settings_that_mean_nothing_together_are_refused(kind: type, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        kind(**settings)


def test_presets_are_the_files_of_configs() -> None:
    assert preset_folder() == Path(__file__).parents[2] / "configs"
    assert preset_names()[0] == "default"
    assert {"default", "paper", "authors"} <= set(preset_names())


def test_the_paper_preset_is_section_4_1_to_the_letter() -> None:
    config = StyleConfig.preset("paper")
    style, content = config.terms
    assert style == LossTerm(
        "contextual", 1.0, "target", ("conv2_2", "conv3_2", "conv4_2"), bandwidth=0.2, samples={"conv2_2": 65 * 65}
    )
    assert content == LossTerm("contextual", 1.0, "source", ("conv4_2",), bandwidth=0.1)
    assert config.optimizer == Optimizer("adam", 0.0196, (0.9, 0.999), 1e-8)
    assert (config.features, config.pooling, config.init, config.colors) == ("vgg19", "max", "source", "free")
    assert config.pyramid.scales(256, 300) == [(256, 300)]


def test_the_authors_preset_is_their_answer_to_a_user() -> None:
    config = StyleConfig.preset("authors")
    style, content, variation = config.terms
    assert (style.layers, style.combine) == (("relu2_1", "relu3_1", "relu4_1"), "concatenate")
    assert (style.weight, style.bandwidth, content.weight, content.bandwidth) == (1.0, 0.1, 0.5, 0.1)
    assert variation.weight == pytest.approx(1e-4 * 255**2, rel=1e-3)
    assert config.optimizer.lr == pytest.approx(5 / 255, rel=1e-3)
    assert config.pooling == "average"


def test_overriding_changes_what_is_given_and_nothing_else() -> None:
    config = StyleConfig.preset("default")
    changed = config.override(size=128, seed=None, iterations=7)
    assert (changed.size, changed.iterations) == (128, 7)
    assert changed.override(size=config.size, iterations=config.iterations) == config


def test_weights_override_terms_by_what_they_compare() -> None:
    config = StyleConfig(
        terms=(
            LossTerm("contextual", 1.0, "target", ("conv2_2",)),
            LossTerm("contextual", 0.5, "target", ("conv3_2",)),
            LossTerm("contextual", 1.0, "source", ("conv4_2",)),
        )
    )
    changed = config.override(style_weight=4, content_weight=3, tv_weight=100)
    assert [term.weight for term in changed.terms] == [4, 2, 3, 100]
    assert changed.terms[-1].loss == "total_variation"
    assert [term.weight for term in changed.override(style_weight=0, tv_weight=0).terms] == [0, 0, 3, 0]


def test_a_weight_for_terms_that_are_not_there_is_refused() -> None:
    config = StyleConfig(terms=(LossTerm("total_variation"),))
    with pytest.raises(ConfigError, match="content-weight: these settings have no content term"):
        config.override(content_weight=1)
    with pytest.raises(ConfigError, match="tv-weight: must be a number at least 0"):
        config.override(tv_weight=-1)


def test_strength_scales_what_pulls_away_from_the_source() -> None:
    terms = (
        LossTerm("gram", 4.0, "target", CONV),
        LossTerm("reconstruction", 3.0, "source", CONV),
        LossTerm("palette", 5.0, "source"),
        LossTerm("total_variation", 6.0),
    )
    config = StyleConfig(terms=terms, strength=0.5, colors="target")
    assert [term.weight for term in config.terms_in_force()] == [2, 3, 5, 3]
    free = config.override(colors="free")
    assert [term.loss for term in free.terms_in_force()] == ["gram", "reconstruction", "total_variation"]
    assert config.override(strength=0).terms_in_force() == ()


def test_pyramid_steps_are_equal_and_near_the_ratio() -> None:
    assert Pyramid(96, 2.0).scales(384, 30) == [(96, 10), (192, 10), (384, 10)]
    assert Pyramid(96, 2.0, 0.5).scales(384, 70) == [(96, 40), (192, 20), (384, 10)]


def test_scales_without_iterations_are_left_out_but_for_the_last() -> None:
    assert Pyramid(32, 1.1, 0.05).scales(384, 10) == [(32, 9), (384, 1)]
    assert Pyramid(32, 2.0, 20).scales(384, 5) == [(384, 5)]


WRONG: dict[str, tuple[Any, ...]] = {
    "terms": ("default", [3], [{"loss": "gram", "layer": 1}]),
    "optimizer": ("adam", 3, {"rl": 1}),
    "enlarge": ("no", 1),
    "size": (384.5, "384", True),
    "device": (0, torch.device("cpu")),
    "memory": (4, 4e9, True),
    "weight": ("1", [], ["a"], float("nan")),
    "layers": ("conv2_2", [2]),
    "samples": (9.5, {"conv2_2": "9"}, [9]),
    "betas": (0.9, [0.9], [0.9, 0.9, 0.9], ["a", "b"]),
    "lr": ("0.1", 10**400),
    "luminance": (1.0, "high"),
}
RIGHT: dict[type, Any] = {
    StyleConfig: StyleConfig((LossTerm("total_variation"),)),
    LossTerm: LossTerm("contextual", 1.0, "target", ("conv2_2",)),
    Optimizer: Optimizer(),
    Pyramid: Pyramid(),
    Laplacian: Laplacian((1, 1), (1, 1)),
}


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (kind, field.name, value)
        for kind in RIGHT
        for field in dataclasses.fields(kind)
        for value in (object(), b"", *WRONG.get(field.name, ()))
    ],
)
def test_a_value_of_a_wrong_type_is_refused_by_its_name(kind: type, name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=name) as caught:
        dataclasses.replace(RIGHT[kind], **{name: value})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("name", "nearest"), [("sizee", "size"), ("style_wieght", "style_weight"), ("TERMS", "terms")])
def test_overriding_what_is_not_known_is_refused_with_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} is not a known key; did you mean {nearest}\\?"):
        StyleConfig.preset().override(**{name: 5})


def test_numbers_of_numpy_lists_paths_and_mappings_become_plain_settings(tmp_path: Path) -> None:
    term = LossTerm(
        numpy.str_("contextual"), numpy.float32(2), "target", ["conv2_2"], samples={"conv2_2": numpy.int64(9)}
    )
    config = StyleConfig([term], optimizer={"betas": numpy.array([0.5, 0.75])}, init=tmp_path / "a.png")
    config = config.override(size=numpy.int64(48), strength=numpy.float32(0.5), enlarge=numpy.bool_(True), tv_weight=1)
    config = config.override(style_weight=numpy.float32(4), samples=numpy.uint8(7), seed=torch.tensor(3))
    plain = json.loads(json.dumps(config.to_dict()))
    assert (plain["size"], plain["strength"], plain["enlarge"], plain["seed"]) == (48, 0.5, True, 3)
    assert (plain["terms"][0]["weight"], plain["terms"][0]["samples"]) == (4, 7)
    assert (plain["optimizer"]["betas"], plain["init"]) == ([0.5, 0.75], str(tmp_path / "a.png"))


def test_memory_may_be_a_number_of_bytes() -> None:
    assert memory_bytes(StyleConfig.preset().override(memory=4_000_000_000).memory) == memory_bytes("4GB")


def test_what_the_caller_gave_is_neither_changed_nor_followed() -> None:
    samples = {"conv2_2": 9}
    terms = [LossTerm("contextual", 1.0, "target", ("conv2_2",), samples=samples)]
    config = StyleConfig(terms=terms)
    assert len(config.override(tv_weight=1).terms) == 2
    assert (len(terms), len(config.terms)) == (1, 1)
    terms.clear()
    samples["conv2_2"] = 1
    assert config.terms[0].samples_of("conv2_2") == 9

"""How loss terms become one objective."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from cxstyle import LossTerm, contextual_loss
from cxstyle.errors import ConfigError
from cxstyle.features.pixel_patches import PixelPatches
from cxstyle.features.vgg import VGGFeatures
from cxstyle.features.weights import Network
from cxstyle.losses.feature_sets import Draws, concatenated
from cxstyle.losses.objective import Objective, feature_layers
from cxstyle.losses.perceptual import total_variation
from cxstyle.losses.terms import Whole

STYLE = LossTerm("contextual", 1.0, "target", ("conv2_2", "conv3_2"), bandwidth=0.2)
CONTENT = LossTerm("contextual", 2.0, "source", ("conv3_2",), bandwidth=0.1)
PAIRED = LossTerm("perceptual", 0.1, "paired", ("conv3_2",))
TV = LossTerm("total_variation", 3.0)


@pytest.fixture
def pictures() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    sizes = ((40, 48), (40, 48), (36, 56))
    result, source, target = (torch.rand(1, 3, *size, generator=generator) for size in sizes)
    return result, source, target


def bind(terms: list[LossTerm], network: Network, source: torch.Tensor, target: torch.Tensor) -> Objective:
    return Objective(terms, VGGFeatures(network, feature_layers(terms))).bind_source(source).bind_target([target])


def test_the_total_is_the_weighted_sum_of_a_value_for_each_term_and_layer(tiny_network, pictures) -> None:
    result, source, target = pictures
    losses = bind([STYLE, CONTENT, TV], tiny_network, source, target).evaluate(result)
    features = VGGFeatures(tiny_network, ["conv2_2", "conv3_2"])
    x, s, t = features(result), features(source), features(target)
    style = [contextual_loss(x[layer], t[layer], 0.2) for layer in ("conv2_2", "conv3_2")]
    expected = torch.stack([*style, contextual_loss(x["conv3_2"], s["conv3_2"], 0.1), total_variation(result)])
    torch.testing.assert_close(losses.values, expected)
    torch.testing.assert_close(losses.total, expected @ torch.tensor([1.0, 1.0, 2.0, 3.0]))


def test_a_shifted_picture_is_compared_with_the_source_shifted_alike(tiny_network, pictures) -> None:
    _, source, target = pictures
    terms = [LossTerm("reconstruction", 1.0, "source", ("conv3_2",))]
    network = VGGFeatures(tiny_network, feature_layers(terms))
    objective = Objective(terms, network, jitter=6).bind_source(source).bind_target([target])
    generator = torch.Generator().manual_seed(0)
    assert all(objective.evaluate(source, Draws(generator)).total == 0 for _ in range(8))
    assert objective.evaluate(source).total == 0  # the full objective, where the source is
    assert objective.evaluate(target[:, :, :, :48].mean() + 0 * source, Draws(generator)).total > 0


def test_values_are_named_by_what_they_compare_and_where(tiny_network, pictures) -> None:
    joined = LossTerm("contextual", 1.0, "target", ("relu2_1", "relu3_1"), combine="concatenate")
    objective = bind([STYLE, CONTENT, joined, TV, TV], tiny_network, *pictures[1:])
    style = ["style conv2_2", "style conv3_2"]
    assert objective.names == [*style, "content conv3_2", "style conv2_1+conv3_1", "tv", "tv 2"]


def test_samples_are_compared_each_with_its_own_and_all_with_the_target(tiny_network) -> None:
    sources, paired, results = (torch.rand(2, 3, 32, 40) for _ in range(3))
    terms = [STYLE, CONTENT, PAIRED, replace(CONTENT, compare="paired"), LossTerm("l1", 0.5, "paired")]
    objective = bind(terms, tiny_network, sources[:1], torch.rand(1, 3, 32, 32))
    each = [
        objective.bind_source(sources[i : i + 1], paired[i : i + 1]).evaluate(results[i : i + 1]).values
        for i in range(2)
    ]
    both = objective.bind_source(sources, paired).evaluate(results)
    torch.testing.assert_close(both.values, (each[0] + each[1]) / 2)
    assert objective.names[3:] == ["perceptual conv3_2", "paired conv3_2", "l1"]
    assert (objective.bind_source(sources, sources).evaluate(sources).values[2:].abs() < 1e-5).all()


def test_the_target_stays_bound_while_sources_change(tiny_network, pictures) -> None:
    result, source, target = pictures
    objective = bind([STYLE, CONTENT], tiny_network, source, target)
    first = objective.evaluate(result).values
    second = objective.bind_source(target[:, :, :, :48].mean() + 0 * source).evaluate(result).values
    assert torch.equal(first[:2], second[:2])
    assert first[2] != second[2]


def test_pixel_patches_take_the_place_of_a_network() -> None:
    patches = PixelPatches()
    picture = torch.rand(1, 3, 9, 7)
    found = patches(picture)["rgb"]
    assert found.shape == (1, 75, 3, 2)
    assert torch.equal(found[0, :, 1, 1], picture[0, :, 2:7, 2:7].flatten())
    term = LossTerm("contextual", 1.0, "target", ("rgb",))
    objective = Objective([term], patches).bind_source(picture).bind_target([picture])
    assert objective.evaluate(picture).total.item() == pytest.approx(0, abs=1e-5)
    with pytest.raises(ConfigError, match="layers: conv2_2 is not among those of the features, rgb"):
        Objective([STYLE], patches)


SAMPLED = LossTerm("contextual", 1.0, "target", ("conv2_2",), bandwidth=0.1, samples=50)


def test_a_source_term_samples_the_same_positions_on_both_sides_and_a_target_term_its_own(tiny_network) -> None:
    source, found = torch.rand(1, 3, 40, 48), []
    for term in (replace(SAMPLED, compare="source"), SAMPLED):
        losses = bind([term], tiny_network, source, source).evaluate(source, Draws(torch.Generator().manual_seed(0)))
        found.append(losses.total.item())
    assert found[0] == pytest.approx(0, abs=1e-5)
    assert found[1] > 0.1


def test_without_a_generator_all_positions_take_part(tiny_network, pictures) -> None:
    result, source, target = pictures
    everything = bind([replace(SAMPLED, samples="all")], tiny_network, source, target)
    full = everything.evaluate(result, Draws(torch.Generator()))
    assert bind([SAMPLED], tiny_network, source, target).evaluate(result).total == full.total


def test_what_stays_the_same_in_each_iteration_is_prepared_once(tiny_network, pictures) -> None:
    sampling = replace(SAMPLED, layers=("conv2_2", "conv3_2"), samples={"conv2_2": 50})
    objective = bind([sampling], tiny_network, *pictures[1:])
    assert [isinstance(y, Whole) for (y,) in objective.bound[0][0].sets] == [False, True]


def test_concatenated_layers_lie_on_the_first_grid_divided_by_their_channels() -> None:
    features = {"conv2_1": torch.randn(1, 4, 8, 6), "conv3_1": torch.randn(1, 8, 4, 3)}
    joined = concatenated(features, ["conv2_1", "conv3_1"])
    assert joined.shape == (1, 12, 8, 6)
    torch.testing.assert_close(joined[:, :4], features["conv2_1"] / 4)
    up = functional.interpolate(features["conv3_1"], (8, 6), mode="bilinear", align_corners=False)
    torch.testing.assert_close(joined[:, 4:], up / 8)


def test_total_variation_is_the_mean_squared_difference_of_neighbours() -> None:
    picture = torch.tensor([[[[0.0, 1.0, 1.0], [0.0, 0.0, 1.0]]]])
    # Down: 0, -1, 0; across: 1, 0 and 0, 1.
    assert total_variation(picture).item() == pytest.approx(1 / 3 + 2 / 4)
    assert total_variation(torch.full((1, 3, 5, 5), 0.3)).item() == 0

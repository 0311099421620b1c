"""The network in tiles gives what the whole network gives: features and gradients, at every size."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from cxstyle import LossTerm
from cxstyle.features.layers import CONVOLUTIONS
from cxstyle.features.tiles import Cut, TiledFeatures, best_grid, reach
from cxstyle.features.vgg import VGGFeatures
from cxstyle.features.weights import Network
from cxstyle.losses.feature_sets import Draws
from cxstyle.losses.objective import Objective

ORDER = CONVOLUTIONS["vgg16"]


def up_to(layer: str) -> tuple[str, ...]:
    return tuple(ORDER[: ORDER.index(layer) + 1])


def doubled(network: VGGFeatures) -> VGGFeatures:
    network.dtype = torch.float64
    return network.double()


def seen(network: VGGFeatures, layer: str, edge: int = 224) -> int:
    """How far from a position of a layer the pixels lie that change it, found by asking for the gradient."""
    picture = torch.rand(1, 3, edge, edge, dtype=torch.float64).requires_grad_()
    features = network(picture)[layer]
    middle = features.shape[2] // 2
    features[0, :, middle, middle].sum().backward()
    assert picture.grad is not None
    rows = picture.grad.abs().sum(dim=(0, 1, 3)).nonzero()[:, 0]
    step = edge // features.shape[2]
    return max(middle * step - int(rows.min()), int(rows.max()) - (middle * step + step - 1))


@pytest.mark.parametrize("layer", ["conv1_1", "conv1_2", "conv2_2", "conv3_1", "conv4_2"])
def test_the_margin_is_all_that_a_feature_sees_and_less_than_a_stride_more(tiny_network: Network, layer: str) -> None:
    # Average pooling and no ReLU to speak of: with max pooling a pixel may happen not to count.
    network = doubled(VGGFeatures(tiny_network, [layer], pooling="average"))
    far, step = seen(network, layer), 2 ** (int(layer[4]) - 1)
    assert far <= reach(up_to(layer)) < far + 2 * step


@pytest.mark.parametrize(("length", "parts"), [(100, 1), (100, 2), (100, 3), (96, 4), (1000, 7), (9, 1), (5, 1)])
def test_parts_cover_a_side_once_with_cuts_on_the_stride(length: int, parts: int) -> None:
    spans = Cut(length, parts, step=8, margin=16).spans()
    assert spans[0][0].start == 0
    assert spans[-1][0].stop == length
    assert len(spans) <= parts
    for (own, _), (following, _) in pairwise(spans):
        assert own.stop == following.start
        assert own.stop % 8 == 0
    for own, needed in spans:
        assert needed.start == max(0, own.start - 16)
        assert needed.stop == min(length, own.stop + 16)


@pytest.mark.parametrize(("height", "width"), [(1000, 1000), (300, 4000), (2048, 1365)])
def test_the_best_grid_keeps_to_the_pixels_with_the_least_work(height: int, width: int) -> None:
    names = up_to("conv4_2")
    sizes = (80_000, 200_000, height * width)
    allowed = [best_grid(height, width, names, pixels) for pixels in sizes]
    assert all(grid.largest <= pixels for grid, pixels in zip(allowed, sizes, strict=True))
    assert allowed[0].work > allowed[1].work > allowed[2].work == height * width
    assert allowed[2].tiles == 1


@pytest.mark.parametrize(
    ("size", "layers", "pooling", "pixels"),
    [
        ((200, 331), ["conv2_2", "conv3_2", "conv4_2"], "max", 45_000),
        ((203, 150), ["conv4_2"], "average", 20_000),
        ((97, 260), ["conv1_1", "conv2_1"], "max", 2_000),
        ((330, 330), ["conv5_1", "conv1_2"], "max", 80_000),
        ((40, 40), ["conv4_2", "conv2_2"], "max", 10),
    ],
)
def test_features_and_gradients_are_those_of_the_whole_network(tiny_network, size, layers, pooling, pixels) -> None:
    network = doubled(VGGFeatures(tiny_network, layers, pooling=pooling))
    tiled = TiledFeatures(network, pixels)
    generator = torch.Generator().manual_seed(0)
    picture = torch.rand(1, 3, *size, dtype=torch.float64, generator=generator).requires_grad_()
    results = []
    for way in (network, tiled):
        features = way(picture)
        total = sum((features[layer] * features[layer].cos()).sum() for layer in layers)
        results.append((features, torch.autograd.grad(total, picture)[0]))
    (whole, gradient), (parts, gradient_of_parts) = results
    assert list(parts) == layers
    for layer in layers:
        torch.testing.assert_close(parts[layer], whole[layer], rtol=1e-12, atol=1e-12)
        assert parts[layer].is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(gradient_of_parts, gradient, rtol=1e-10, atol=1e-12)


def test_an_objective_on_tiles_has_the_values_and_gradient_of_the_whole(tiny_network: Network) -> None:
    terms = [
        LossTerm("contextual", 1.0, "target", ("conv2_2", "conv3_2"), bandwidth=0.2, samples=200),
        LossTerm("contextual", 1.0, "source", ("conv3_2",), bandwidth=0.1),
    ]
    network = doubled(VGGFeatures(tiny_network, ["conv2_2", "conv3_2"]))
    generator, results = torch.Generator().manual_seed(0), []
    source, target, picture = torch.rand(3, 1, 3, 120, 168, generator=generator, dtype=torch.float64)
    for features in (network, TiledFeatures(network, 9000)):
        pixels = picture.clone().requires_grad_()
        objective = Objective(terms, features).bind_source(source).bind_target([target])
        losses = objective.evaluate(pixels, Draws(torch.Generator().manual_seed(1)))
        losses.total.backward()
        results.append((losses.values, pixels.grad))
    torch.testing.assert_close(results[1], results[0], rtol=1e-9, atol=1e-12)


def test_only_layers_with_a_gradient_are_taken_back(tiny_network: Network) -> None:
    network = doubled(VGGFeatures(tiny_network, ["conv1_2", "conv2_2"]))
    picture = torch.rand(1, 3, 64, 96, dtype=torch.float64).requires_grad_()
    ways = network, TiledFeatures(network, 3000)
    torch.testing.assert_close(*(torch.autograd.grad(way(picture)["conv1_2"].sum(), picture)[0] for way in ways))

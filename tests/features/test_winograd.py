"""Convolutions by Winograd's algorithm against torch's own."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from cxstyle.features import winograd
from cxstyle.features.tiles import TiledFeatures
from cxstyle.features.vgg import VGGFeatures, resolve_network

SIZES = [(4, 4), (3, 1), (13, 22), (16, 24), (50, 35)]


@pytest.fixture(params=[2, 192], ids=["many strips", "one strip"])
def strip(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(winograd, "STRIP", request.param)


def direct(x: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:
    return functional.conv2d(x.double(), kernel.double(), bias.double(), padding=1)


@pytest.mark.usefixtures("strip")
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_results_and_gradients_are_those_of_the_direct_convolution(height: int, width: int) -> None:
    x, kernel, bias = torch.randn(2, 7, height, width), torch.randn(5, 7, 3, 3), torch.randn(5)
    x.requires_grad_()
    found, expected = winograd.convolution(x, winograd.Kernel(kernel, bias)), direct(x, kernel, bias)
    given = torch.randn_like(found)
    gradient, wanted = (torch.autograd.grad(y, x, given.to(y.dtype))[0] for y in (found, expected))
    for ours, theirs in ((found, expected.float()), (gradient, wanted)):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5 * theirs.abs().max().item())


@pytest.fixture(scope="module")
def network() -> VGGFeatures:
    """Average pooling, where rounding can't change which value is the largest."""
    return VGGFeatures(resolve_network("vgg16"), ["conv1_2", "conv2_2", "conv3_2", "conv4_2"], pooling="average")


def seen(network: VGGFeatures | TiledFeatures, picture: Tensor) -> tuple[dict[str, Tensor], Tensor]:
    """Features, and the gradient of a sum of them."""
    picture = picture.clone().requires_grad_()
    features = network(picture)
    total = torch.stack([each.square().mean() for each in features.values()]).sum()
    return features, torch.autograd.grad(total, picture)[0]


@pytest.mark.parametrize("tiled", [False, True])
def test_a_network_sees_the_same_either_way(network: VGGFeatures, monkeypatch: pytest.MonkeyPatch, tiled: bool) -> None:
    picture = torch.rand(1, 3, 171, 163)
    monkeypatch.setattr(winograd, "faster", lambda: False)
    expected, wanted = seen(network, picture)
    monkeypatch.setattr(winograd, "faster", lambda: True)
    features, gradient = seen(TiledFeatures(network, 150 * 150) if tiled else network, picture)
    assert network.transformed
    for layer, found in features.items():
        torch.testing.assert_close(found, expected[layer], rtol=1e-4, atol=1e-4 * expected[layer].max().item())
    assert (gradient - wanted).norm() / wanted.norm() < 1e-3


@pytest.mark.parametrize(
    ("shape", "dtype", "outputs", "fits"),
    [
        ((1, 64, 16, 13), torch.float32, 128, True),
        ((1, 64, 16, 13), torch.bfloat16, 128, False),
        ((1, 64, 16, 13), torch.float64, 128, False),
        ((1, 64, 12, 16), torch.float32, 128, False),
        ((1, 3, 16, 16), torch.float32, 64, False),
    ],
)
def test_it_is_for_large_maps_of_many_channels_in_float32(
    shape: tuple[int, ...], dtype: torch.dtype, outputs: int, fits: bool
) -> None:
    assert winograd.fits(torch.zeros(shape, dtype=dtype), torch.zeros(outputs, shape[1], 3, 3)) == fits


def test_bf16_is_never_taken_so() -> None:
    network = VGGFeatures(resolve_network("vgg16"), ["conv1_2"], dtype=torch.bfloat16)
    network(torch.rand(1, 3, 64, 64))
    assert network.convolutions()[0] == "direct"
    assert not network.transformed

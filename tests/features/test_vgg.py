"""VGG features against torchvision's own module."""

from __future__ import annotations

import pytest
import torch
import torchvision
from conftest import stand_in
from torchvision.transforms.functional import normalize

from cxstyle.errors import ConfigError, WeightsError
from cxstyle.features.layers import CAFFE, CONVOLUTIONS, torchvision_indices
from cxstyle.features.vgg import VGGFeatures, resolve_network
from cxstyle.features.weights import Network


def test_the_bundled_vgg16_reproduces_torchvision_layer_by_layer() -> None:
    network = resolve_network("vgg16")
    reference = torchvision.models.vgg16(weights=None).features
    names = {i: name for i, name in torchvision_indices("vgg16").items() if f"{name}.weight" in network.tensors}
    for i, name in names.items():
        reference[i].load_state_dict({k: network.tensors[f"{name}.{k}"] for k in ("weight", "bias")})
    picture = torch.rand(1, 3, 70, 83, generator=torch.Generator().manual_seed(0))
    features = VGGFeatures(network, list(names.values()))(picture)
    x = normalize(picture, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    with torch.no_grad():
        for i, layer in enumerate(reference[: max(names) + 2]):
            x = layer(x)
            if name := names.get(i - 1):  # after the ReLU
                torch.testing.assert_close(features[name], x, rtol=1e-4, atol=1e-4 * x.abs().max().item())
    assert len(features) == 12


def test_relu_names_are_the_same_layers(tiny_network: Network) -> None:
    picture = torch.rand(1, 3, 32, 32)
    by_relu = VGGFeatures(tiny_network, ["relu2_2"])(picture)
    assert torch.equal(by_relu["conv2_2"], VGGFeatures(tiny_network, ["conv2_2"])(picture)["conv2_2"])
    assert by_relu["conv2_2"].min() == 0


@pytest.mark.parametrize(("height", "width"), [(32, 32), (33, 47), (35, 64)])
def test_grids_halve_at_each_pooling(tiny_network: Network, height: int, width: int) -> None:
    features = VGGFeatures(tiny_network, CONVOLUTIONS["vgg16"])(torch.rand(1, 3, height, width))
    for name, feature in features.items():
        block = int(name[4]) - 1
        assert feature.shape[2:] == (height >> block, width >> block)


def test_average_pooling_averages(tiny_network: Network) -> None:
    picture = torch.rand(1, 3, 32, 32)
    average = VGGFeatures(tiny_network, ["conv1_2", "conv2_1"], "average")(picture)
    kernel, bias = tiny_network.tensors["conv2_1.weight"], tiny_network.tensors["conv2_1.bias"]
    pooled = average["conv1_2"].unfold(2, 2, 2).unfold(3, 2, 2).mean(dim=(4, 5))
    expected = torch.nn.functional.conv2d(pooled, kernel, bias, padding=1).relu()
    torch.testing.assert_close(average["conv2_1"], expected)


def test_caffe_weights_see_bgr_in_0_to_255_less_the_mean() -> None:
    network = VGGFeatures(stand_in(normalization=CAFFE), ["conv1_1"])
    red = torch.zeros(1, 3, 32, 32)
    red[:, 0] = 1
    seen = network.normalize(red)[0, :, 0, 0]
    torch.testing.assert_close(seen, torch.tensor([-103.939, -116.779, 255 - 123.68]))


def test_bf16_features_are_near_those_of_fp32(tiny_network: Network) -> None:
    picture = torch.rand(1, 3, 40, 40)
    exact = VGGFeatures(tiny_network, ["conv3_2"])(picture)["conv3_2"]
    rough = VGGFeatures(tiny_network, ["conv3_2"], dtype=torch.bfloat16)(picture)["conv3_2"]
    assert rough.dtype == torch.bfloat16
    assert (rough.float() - exact).norm() / exact.norm() < 0.03


def test_what_the_network_lacks_is_refused_with_what_there_is(tiny_network: Network) -> None:
    with pytest.raises(ConfigError, match=r"vgg16 has no layer conv3_4 .* did you mean conv3_"):
        VGGFeatures(tiny_network, ["conv3_4"])
    with pytest.raises(ConfigError, match="pooling must be one of max, average"):
        VGGFeatures(tiny_network, ["conv1_1"], "median")


def test_an_absent_vgg19_is_refused_with_the_ways_out() -> None:
    with pytest.raises(WeightsError, match=r"weights fetch vgg19.*weights import FILE.*--features vgg16"):
        resolve_network("vgg19")

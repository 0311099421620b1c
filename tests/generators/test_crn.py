"""The network's sizes, and that it draws what it is asked to whatever their shape."""

from __future__ import annotations

import pytest
import torch

from cxstyle.generators.crn import CRN, level_channels, level_count


def test_levels_double_from_4_px_and_have_the_channels_of_the_paper() -> None:
    assert level_count((256, 256)) == 7
    assert level_channels(9, 1024) == [1024] * 5 + [512, 512, 128, 32]
    assert level_channels(7, 512) == [512] * 5 + [256, 256]
    network = CRN((256, 256), 512)
    assert sum(value.numel() for value in network.parameters()) == pytest.approx(24.3e6, rel=0.01)

    assert CRN((100, 70), 8).sizes((100, 70)) == [(6, 4), (12, 9), (25, 18), (50, 35), (100, 70)]


@pytest.mark.parametrize("size", [(32, 32), (45, 64), (100, 33)])
def test_any_size_goes_through_and_gradients_reach_every_parameter(size: tuple[int, int]) -> None:
    network, pictures = CRN((32, 32), 8), torch.rand(2, 3, *size)
    found = network(pictures)
    assert found.shape == pictures.shape
    torch.testing.assert_close(found[1:], network(pictures[1:]))  # samples know nothing of each other
    found.square().sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in network.parameters())


def test_a_seed_gives_the_same_parameters() -> None:
    one, same, other = (CRN((32, 32), 8, seed=seed).levels[0].convolutions[0].weight for seed in (1, 1, 2))
    assert (torch.equal(one, same), torch.equal(one, other)) == (True, False)


def test_a_change_of_the_picture_is_none_at_first_and_reaches_every_parameter_after_a_step() -> None:
    network, pictures = CRN((32, 32), 8, scale=255, residual=True), torch.rand(1, 3, 32, 40)
    assert torch.equal(network(pictures), pictures)
    descent = torch.optim.SGD(network.parameters(), 0.1)
    for _ in range(2):
        descent.zero_grad()
        (network(pictures) - 0.5).square().sum().backward()
        descent.step()
    assert all(parameter.grad.abs().sum() > 0 for parameter in network.parameters())

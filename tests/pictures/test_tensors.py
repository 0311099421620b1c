"""Pictures as tensors: sizes, range, and colours carried over."""

from __future__ import annotations

import torch
from conftest import SAMPLES

from cxstyle.pictures.color_transfer import recolor
from cxstyle.pictures.reading import load_picture


def moments(picture: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    colors = picture.flatten(2)[0].double()
    return colors.mean(1), torch.cov(colors)


def test_recolouring_gives_the_mean_and_covariance_of_the_other_picture() -> None:
    picture = 0.3 + 0.1 * torch.randn(1, 3, 50, 50)
    mix = torch.tensor([[1.0, 0.5, 0.2], [0, 0.7, 0.1], [0, 0, 0.4]])
    palette = 0.5 + 0.05 * torch.einsum("dc,nchw->ndhw", mix, torch.randn(1, 3, 40, 60))
    for found, expected in zip(moments(recolor(picture, [palette])), moments(palette), strict=True):
        torch.testing.assert_close(found, expected, atol=2e-4, rtol=0)


def test_recolouring_to_itself_changes_nothing_and_grey_pictures_stay_clean() -> None:
    picture = torch.rand(1, 3, 36, 40)
    torch.testing.assert_close(recolor(picture, [picture]), picture, atol=1e-5, rtol=0)
    grey = picture.mean(1, keepdim=True).expand(1, 3, -1, -1)
    colored = recolor(grey, [load_picture(SAMPLES / "hopper.jpg")])
    assert colored.isfinite().all()
    assert (colored - colored[:, :, :1, :1]).flatten(2).std() < 0.5

"""Transparent parts: held out of the matching, out of the colours, and given back with the result."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from helpers import half_mask
from PIL import Image
from torch import Tensor

from cxstyle import LossTerm, Pyramid, StyleConfig, stylize
from cxstyle.errors import PictureError
from cxstyle.pictures.color_transfer import recolor
from cxstyle.pictures.reading import load_picture, read_photo
from cxstyle.pictures.tensors import Photo, filled
from cxstyle.transfer.inputs import read_inputs

STYLE = LossTerm("contextual", 1.0, "target", ("conv2_2",), bandwidth=0.2, samples=300)
CONFIG = StyleConfig(terms=(STYLE,), iterations=3, features="vgg16", precision="fp32", size=64, colors="free")
TERMS = {
    "contextual": STYLE,
    "gram": LossTerm("gram", 200.0, "target", ("conv1_1", "conv2_1")),
    "mrf": LossTerm("mrf", 1.0, "target", ("conv2_2",)),
}


def clear(picture: Tensor, junk: float = 0.0) -> Photo:
    """Its left half transparent over a flat colour."""
    alpha = torch.ones(1, 1, *picture.shape[2:])
    alpha[..., : picture.shape[3] // 2] = 0
    return Photo(filled(picture * alpha + junk * (1 - alpha), alpha), alpha)


@pytest.fixture(scope="module")
def pictures(pair: tuple[Path, Path]) -> tuple[Tensor, Tensor]:
    return load_picture(pair[0]), load_picture(pair[1])


@pytest.mark.parametrize("name", [*TERMS, "palette"])
def test_transparent_parts_of_the_source_stay_as_they_are_under_every_loss(
    pictures: tuple[Tensor, Tensor], name: str
) -> None:
    source = clear(pictures[0])
    terms = (TERMS[name],) if name in TERMS else (STYLE, LossTerm("palette", 100.0, "source"))
    result = stylize(source, pictures[1], dataclasses.replace(CONFIG, terms=terms))
    moved = (result.picture - source.colors).abs().amax(1)[0]
    assert moved[:, :32].max() == 0
    assert moved[:, 32:].mean() > 0.005


@pytest.mark.parametrize("name", TERMS)
def test_transparent_parts_of_the_target_are_drawn_from_by_no_loss(pictures: tuple[Tensor, Tensor], name: str) -> None:
    """Another left is another loss, and no longer so once the half around it is transparent; what lies between is more
    than a feature sees."""
    left = torch.zeros_like(pictures[1], dtype=torch.bool)
    left[..., : left.shape[3] // 4] = True
    config = dataclasses.replace(CONFIG, terms=(TERMS[name],), iterations=1)
    halves = torch.where(left, 0.5, pictures[1]), torch.where(left, torch.rand_like(pictures[1]), pictures[1])
    alpha = clear(pictures[1]).alpha
    seen = [stylize(pictures[0], half, config).losses[0]["total"] for half in halves]
    unseen = [stylize(pictures[0], Photo(half, alpha), config).losses[0]["total"] for half in halves]
    assert abs(unseen[0] - unseen[1]) < 0.01 * abs(seen[0] - seen[1])


@pytest.mark.parametrize("colors", ["target", "source"])
def test_recolouring_takes_and_meets_the_colours_of_what_is_opaque(
    pictures: tuple[Tensor, Tensor], colors: str
) -> None:
    source, target = clear(pictures[0]), clear(pictures[1])
    inputs = read_inputs(source, target)
    assert inputs.guide.source is not None
    changed, other = (inputs.source, inputs.targets[0])
    guide = inputs.guide
    if colors == "source":
        changed, other = other, changed
        guide = dataclasses.replace(
            guide, source=guide.targets[0], targets=(guide.source,), all_source=guide.all_targets[0], all_targets=None
        )
    found = recolor(changed, [other], guide)
    means = [each[..., each.shape[3] // 2 :].mean((0, 2, 3)) for each in (found, other)]
    assert (means[0] - means[1]).abs().max() < 0.02  # what is beyond [0, 1] is cut off


def test_the_sources_alpha_comes_back_at_the_results_size(pictures: tuple[Tensor, Tensor], tmp_path: Path) -> None:
    photo = clear(pictures[0])
    picture = Image.fromarray((torch.cat([photo.colors, photo.alpha], 1)[0].permute(1, 2, 0) * 255).byte().numpy())
    picture.save(tmp_path / "x.png")
    result = stylize(tmp_path / "x.png", pictures[1], CONFIG.override(size=48, pyramid=Pyramid(32)))
    assert result.alpha is not None
    assert result.alpha.shape == (1, 1, *result.picture.shape[2:])
    assert (result.alpha[..., :23].max(), result.alpha[..., 25:].min().round(decimals=5)) == (0, 1)
    assert (result.image.mode, result.image.getpixel((0, 0))[3], result.image.getpixel((47, 0))[3]) == ("RGBA", 0, 255)
    assert result.record.files == {"source": {"name": "x.png", "sha256": read_photo(tmp_path / "x.png").sha256}}


@pytest.mark.parametrize("side", [0, 1])
def test_what_is_transparent_all_over_is_refused(pictures: tuple[Tensor, Tensor], side: int) -> None:
    given = [*pictures]
    given[side] = Photo(given[side], torch.zeros(1, 1, *given[side].shape[2:]), path="ghost.png")
    with pytest.raises(PictureError, match=r"ghost\.png is transparent all over; there is nothing to match"):
        read_inputs(*given)


def test_labels_of_masks_end_where_pictures_are_transparent(pictures: tuple[Tensor, Tensor]) -> None:
    """The left half is red and clear: of the masks' two colours only the other is left."""
    mask, wide = half_mask(64, 64), half_mask(*pictures[1].shape[2:])
    inputs = read_inputs(clear(pictures[0]), pictures[1], None, mask, wide)
    assert inputs.guide.source is not None
    assert inputs.guide.source.shape == (1, 64, 64)
    assert (inputs.guide.source[0, :, :31].max(), inputs.guide.source[0, :, 33:].min()) == (0, 1)
    red = torch.zeros(3, 64, 64)
    red[0] = 1
    alpha = torch.zeros(1, 1, 64, 64)
    alpha[..., 40:] = 1
    left_red = Photo(pictures[0], alpha)
    with pytest.raises(PictureError, match="no colour in common where source and target are opaque"):
        read_inputs(left_red, clear(pictures[1]), None, mask, torch.stack([wide[0], wide[1], 0 * wide[2]]).flip(2))


def test_filling_keeps_what_is_seen_and_continues_it() -> None:
    colors, alpha = torch.zeros(1, 3, 48, 48), torch.zeros(1, 1, 48, 48)
    colors[:, 0, :, :10], colors[:, 2, :, 38:] = 1, 1
    alpha[..., :10] = alpha[..., 38:] = 1
    found = filled(colors, alpha)
    assert torch.equal(found * alpha, colors * alpha)
    assert found[:, 0, :, 12:16].min() > 0.6
    assert found[:, 2, :, 32:36].min() > 0.6
    torch.testing.assert_close(found.sum(1), torch.ones(1, 48, 48))  # nothing of the black beneath
    assert torch.equal(filled(colors, torch.ones_like(alpha)), colors)

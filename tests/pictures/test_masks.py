"""Labels from painted masks."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy
import pytest
import torch
from conftest import SAMPLES
from PIL import Image, ImageDraw, ImageFilter

from cxstyle.errors import PictureError
from cxstyle.pictures.masks import check_shape, read_labels, shares_at

RED, GREEN, BLUE, GREY = "#e02020", "#20c040", "#2040c0", "#808080"


def halves(left: str, right: str, size: int = 64) -> Image.Image:
    """A mask of two colours, half of the picture each."""
    image = Image.new("RGB", (size, size), left)
    image.paste(right, (size // 2, 0, size, size))
    return image


def scene(size: int, skin: str = RED, clothes: str = GREEN, ground: str = BLUE) -> Image.Image:
    """A round head over shoulders, on a ground."""
    image = Image.new("RGB", (size, size), ground)
    draw = ImageDraw.Draw(image)
    draw.polygon([(0, size), (size * 0.3, size * 0.6), (size * 0.7, size * 0.6), (size, size)], clothes)
    draw.ellipse((size * 0.3, size * 0.1, size * 0.7, size * 0.65), skin)
    return image


def test_the_same_colour_is_the_same_label_in_both_masks() -> None:
    labels = read_labels(halves(RED, GREEN), [halves(GREEN, BLUE, 32)])
    assert set(labels.names) == {RED, GREEN, BLUE}
    assert [labels.names[i] for i in labels.shared] == [GREEN]
    assert (labels.only_source, labels.only_target) == ((RED,), (BLUE,))
    assert (labels.source.shape, labels.targets[0].shape) == ((3, 64, 64), (3, 32, 32))
    red, green = labels.names.index(RED), labels.names.index(GREEN)
    assert bool((labels.source[red, :, :32] == 1).all())
    assert bool((labels.source[green, :, 32:] == 1).all())
    assert labels.source.sum() == 64 * 64


@pytest.mark.parametrize("mode", ["P", "L", "1", "RGBA", "LA"])
def test_masks_of_other_modes_are_read(mode: str, tmp_path: Path) -> None:
    halves("#000000", "#ffffff").convert(mode).save(tmp_path / "m.png")
    labels = read_labels(tmp_path / "m.png", [str(tmp_path / "m.png")])
    assert labels.names == ("#000000", "#ffffff")
    assert labels.source.mean(dim=(1, 2)).tolist() == [0.5, 0.5]


@pytest.mark.parametrize("quality", [95, 75, 30])
def test_jpeg_noise_makes_no_labels_and_no_doubts(quality: int, tmp_path: Path) -> None:
    scene(256).save(tmp_path / "m.jpg", quality=quality)
    labels = read_labels(tmp_path / "m.jpg", [scene(256)])
    assert len(labels.names) == len(labels.shared) == 3
    apart = (labels.source - labels.targets[0]).abs().sum(0) / 2
    assert (apart > 0.5).float().mean() < 0.01
    assert ((labels.source > 0) & (labels.source < 1)).any(0).float().mean() < 0.05


def test_mixtures_along_soft_edges_are_no_labels() -> None:
    for soft in (
        scene(256).resize((64, 64), Image.Resampling.BOX),
        scene(64).resize((256, 256), Image.Resampling.BILINEAR),
        scene(256).filter(ImageFilter.GaussianBlur(5)),
    ):
        labels = read_labels(soft, [scene(64)])
        assert len(labels.names) == 3
        assert torch.allclose(labels.source.sum(0), torch.ones(soft.size))
        assert (shares_at(labels.source, 64, 64) - labels.targets[0]).abs().mean() < 0.05


def test_a_colour_between_two_others_is_a_label_where_it_is_painted() -> None:
    image = halves("#000000", "#ffffff", 96)
    image.paste("#808080", (40, 0, 56, 96))
    labels = read_labels(image, [image])
    assert set(labels.names) == {"#000000", "#808080", "#ffffff"}
    assert bool((labels.source.max(0).values == 1).all())


def test_a_label_that_a_mask_lacks_takes_none_of_its_edges() -> None:
    three = halves("#000000", "#ffffff", 96)
    three.paste("#808080", (40, 0, 56, 96))
    soft = halves("#000000", "#ffffff", 96).filter(ImageFilter.GaussianBlur(4))
    labels = read_labels(soft, [three])
    assert labels.only_target == ("#808080",)


def test_a_pixel_halfway_between_two_labels_belongs_half_to_each() -> None:
    image = halves("#000000", "#ffffff", 64)
    image.paste((127, 127, 127), (31, 0, 32, 64))
    image.paste((64, 64, 64), (30, 0, 31, 64))
    labels = read_labels(image, [image])
    black, white = labels.names.index("#000000"), labels.names.index("#ffffff")
    # Lengths along the line of 441.7: 220 and 110.9, with 24 at either end left to the labels.
    assert labels.source[white, 0, 31].item() == pytest.approx(0.498, abs=0.001)
    assert labels.source[white, 0, 30].item() == pytest.approx((64 * 3**0.5 - 24) / (255 * 3**0.5 - 48), abs=0.001)
    assert labels.source[black, 0, 29] == 1


def test_specks_are_no_labels() -> None:
    image = halves(RED, GREEN)
    image.paste(BLUE, (5, 5, 9, 9))  # 16 of 4096 pixels, 0.4%
    assert set(read_labels(image, [image]).names) == {RED, GREEN}
    image.paste(BLUE, (5, 5, 10, 10))  # 0.6%
    assert set(read_labels(image, [image]).names) == {RED, GREEN, BLUE}


def tiles(count: int) -> Image.Image:
    """So many squares of different colours."""
    tiles = numpy.zeros((96, 96, 3), dtype=numpy.uint8)
    for i in range(count):
        row, column = divmod(i, 6)
        tiles[row * 16 : row * 16 + 16, column * 16 : column * 16 + 16] = (i % 4 * 80, i // 4 % 4 * 80, i // 16 * 80)
    return Image.fromarray(tiles)


@pytest.mark.parametrize(
    ("source", "target", "says"),
    [
        (
            SAMPLES / "astronaut.jpg",
            halves(RED, GREEN),
            r"astronaut\.jpg: no flat colours found.*flat colour for each part",
        ),
        (halves(RED, GREEN), torch.rand(3, 64, 64), "the target mask: no flat colours found"),
        (tiles(36), tiles(36), "more than 32 colours found"),
        (halves(RED, GREEN), halves(BLUE, GREY), r"no colour in common \(#20c040, #e02020; #2040c0, #808080\)"),
        ("nowhere.png", halves(RED, GREEN), r"there is no file nowhere\.png"),
    ],
)
def test_what_is_no_pair_of_masks_is_refused(source: object, target: object, says: str) -> None:
    with pytest.raises(PictureError, match=says):
        read_labels(source, [target])


def test_shares_on_a_coarser_grid_are_averages() -> None:
    shares = torch.zeros(2, 4, 6)
    shares[0, :, :3] = 1
    shares[1] = 1 - shares[0]
    coarse = shares_at(shares, 2, 2)
    assert coarse[0].tolist() == [[1, 0], [1, 0]]
    assert shares_at(shares, 1, 1).flatten().tolist() == [0.5, 0.5]
    assert torch.allclose(shares_at(shares, 3, 5).sum(0), torch.ones(3, 5))
    assert torch.equal(shares_at(shares, 8, 12)[:, ::2, ::2], shares)


@pytest.mark.parametrize(
    ("mask", "fits"), [((300, 405), True), ((32, 43), True), ((400, 400), False), ((300, 412), False)]
)
def test_a_mask_has_the_shape_of_its_picture(mask: tuple[int, int], fits: bool) -> None:
    refusal = pytest.raises(PictureError, match=rf"m\.png is {mask[1]}x{mask[0]} px but its picture 800x600.* the same")
    with contextlib.nullcontext() if fits else refusal:
        check_shape(mask, (600, 800), "m.png")

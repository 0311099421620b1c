"""Flat borders of targets: found where they are, and nowhere else; left out with their part of mask and alpha."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from conftest import SAMPLES
from PIL import Image
from torch import Tensor
from torch.nn import functional

from cxstyle.pictures.borders import Widths, border
from cxstyle.pictures.reading import load_picture
from cxstyle.pictures.tensors import resize, to_image, to_tensor
from cxstyle.transfer.inputs import read_inputs

BLACK, WHITE, GREY, CREAM = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), (0.5, 0.5, 0.5), (0.94, 0.9, 0.78)
Color = tuple[float, float, float]
PHOTOS = ["astronaut.jpg", "chelsea.png", "coffee.png", "hopper.jpg", "rocket.jpg"]
MADE = ["astronaut_hopper.png", "astronaut_mask.png", "hopper_mask.png"]
NONE = (0, 0, 0, 0)


def flat(height: int, width: int, color: Color) -> Tensor:
    return torch.tensor(color).view(1, 3, 1, 1).expand(1, 3, height, width).clone()


def scene(height: int = 150, width: int = 200) -> Tensor:
    """Blots of all colours with a grain."""
    blots = functional.interpolate(torch.rand(1, 3, 8, 10), (height, width), mode="bicubic")
    return (0.15 + 0.7 * blots + 0.1 * torch.rand(1, 3, height, width)).clamp(0, 1)


def framed(picture: Tensor, widths: Widths, color: Color) -> Tensor:
    left, top, right, bottom = widths
    height, width = picture.shape[2:]
    whole = flat(height + top + bottom, width + left + right, color)
    whole[..., top : top + height, left : left + width] = picture
    return whole


def as_jpeg(picture: Tensor, quality: int) -> Tensor:
    file = io.BytesIO()
    to_image(picture).save(file, "JPEG", quality=quality)
    return to_tensor(Image.open(file))


def near(found: Widths, wanted: Widths) -> bool:
    """To within two pixels, but never where there is none."""
    return all(abs(a - b) <= 2 and (b > 0 or a == 0) for a, b in zip(found, wanted, strict=True))


BORDERS = [
    ((0, 24, 0, 24), BLACK, 75),
    ((37, 0, 37, 0), GREY, 95),
    ((16, 16, 16, 16), CREAM, 75),
    ((60, 50, 60, 50), WHITE, 95),
    ((13, 13, 13, 29), WHITE, 75),
    ((5, 5, 5, 5), BLACK, 95),
    ((0, 12, 0, 14), CREAM, 95),
]


@pytest.mark.parametrize(("widths", "color", "quality"), BORDERS)
def test_borders_in_jpeg_are_found_to_two_pixels(widths: Widths, color: Color, quality: int) -> None:
    assert near(border(as_jpeg(framed(scene(), widths, color), quality)), widths)


@pytest.mark.parametrize("name", PHOTOS)
def test_letterboxes_and_frames_around_the_samples_are_found(name: str) -> None:
    picture = load_picture(SAMPLES / name)
    for widths, color in (((0, 40, 0, 40), BLACK), ((25, 25, 25, 25), WHITE), ((25, 25, 25, 25), GREY)):
        assert near(border(as_jpeg(framed(picture, widths, color), 75)), widths)


def test_what_no_codec_has_touched_is_cut_to_the_pixel_and_what_was_resized_is_found() -> None:
    for widths in ((0, 12, 0, 12), (9, 9, 9, 9)):
        assert border(framed(scene(), widths, WHITE)) == widths
    large = framed(scene(300, 400), (0, 50, 0, 50), BLACK)
    assert near(border(as_jpeg(resize(large, 240, 240), 85)), (0, 30, 0, 30))


def disc(color: Color, ground: Color) -> Tensor:
    down, right = torch.meshgrid(torch.arange(160), torch.arange(200), indexing="ij")
    inside = ((down - 80) ** 2 + (right - 100) ** 2 < 60**2).float()
    return inside * flat(160, 200, color) + (1 - inside) * flat(160, 200, ground)


def portrait() -> Tensor:
    """A head and shoulders, down to the edge of the picture."""
    whole = disc((0.8, 0.6, 0.5), WHITE)
    whole[..., 120:, 30:170] = scene(40, 140)
    return whole


def ink() -> Tensor:
    """Strokes on a sheet."""
    sheet = flat(160, 200, (0.97, 0.96, 0.95))
    for i in range(30, 130):
        sheet[..., i, i : i + 4] = sheet[..., i, 180 - i : 183 - i] = 0.1
    return sheet


def night() -> Tensor:
    """Stars over hills."""
    sky = 0.02 * torch.rand(1, 3, 160, 200)
    sky[..., torch.randint(10, 90, (30,)), torch.randint(0, 200, (30,))] = 1
    for i in range(200):
        sky[..., 110 + int(10 * torch.sin(torch.tensor(i / 20.0))) :, i] += 0.15
    return sky


def stripes() -> Tensor:
    """A flag with a small coat of arms."""
    flag = flat(160, 200, (0.7, 0.1, 0.1))
    flag[..., 40:120, :] = torch.tensor([0.95, 0.75, 0.0]).view(1, 3, 1, 1)
    flag[..., 60:100, 40:70] = scene(40, 30)
    return flag


BORDERLESS: dict[str, Callable[[], Tensor]] = {
    **{name: partial(load_picture, SAMPLES / name) for name in (*PHOTOS, *MADE)},
    "a scene": scene,
    "one colour": lambda: flat(160, 200, (0.3, 0.5, 0.9)),
    "black": lambda: flat(160, 200, BLACK),
    "white": lambda: flat(160, 200, WHITE),
    "a disc on grey": lambda: disc((0.9, 0.4, 0.1), GREY),
    "a head on white": portrait,
    "ink on paper": ink,
    "a night": night,
    "a flat sky over the sea": lambda: torch.cat([flat(40, 200, (0.4, 0.6, 0.9)), scene(120, 200)], 2),
    "a flag": stripes,
    "a flat scene in a frame": lambda: framed(flat(120, 160, (0.2, 0.4, 0.7)), (20, 20, 20, 20), CREAM),
    "a bar at one side": lambda: framed(scene(), (0, 20, 0, 0), BLACK),
    "one line around": lambda: framed(scene(), (1, 1, 1, 1), WHITE),
    "more border than picture": lambda: framed(scene(60, 80), (60, 60, 60, 60), WHITE),
    "too little left": lambda: framed(scene(30, 60), (10, 10, 10, 10), WHITE),
}


@pytest.mark.parametrize("name", BORDERLESS)
def test_what_has_no_border_stays_whole(name: str) -> None:
    picture = BORDERLESS[name]()
    assert border(picture) == border(as_jpeg(picture, 75)) == NONE


def test_the_target_alone_is_cut_and_a_note_says_so(tmp_path: Path) -> None:
    whole = framed(scene(), (0, 12, 0, 12), BLACK)
    to_image(whole).save(tmp_path / "target.png")
    assert border(whole, torch.cat([torch.zeros(1, 1, 20, 200), torch.ones(1, 1, 154, 200)], 2)) == NONE
    inputs = read_inputs(whole, [tmp_path / "target.png", scene()])
    assert inputs.source.shape == (1, 3, 174, 200)
    assert [tuple(target.shape) for target in inputs.targets] == [(1, 3, 150, 200)] * 2
    told = "a flat border is left out (0, 12, 0, 12 px at left, top, right, bottom); the rest is 200x150 px"
    assert inputs.notes == (f"{tmp_path / 'target.png'}: {told}",)


@pytest.mark.parametrize("scale", [1, 2])
def test_the_target_s_mask_is_cut_alike_whatever_its_size(scale: int) -> None:
    """Red and blue halves of what is left, green for the border, which no source needs to have."""
    widths = (20, 10, 20, 30)
    halves = torch.zeros(1, 3, 150, 200)
    halves[:, 0, :, :100] = halves[:, 2, :, 100:] = 1
    mask = framed(halves, widths, (0.0, 1.0, 0.0)).repeat_interleave(scale, 2).repeat_interleave(scale, 3)
    inputs = read_inputs(scene(), framed(scene(), widths, WHITE), None, halves, mask)
    assert inputs.labels is not None
    assert inputs.labels.only_target == ()
    assert inputs.labels.targets[0].shape == (2, 150 * scale, 200 * scale)
    torch.testing.assert_close(inputs.labels.targets[0].mean((1, 2)), torch.tensor([0.5, 0.5]), atol=0.02, rtol=0)

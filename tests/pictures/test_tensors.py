"""Pictures in and out."""

from __future__ import annotations

import io
from pathlib import Path

import numpy
import pytest
import torch
from conftest import SAMPLES
from PIL import Image, ImageCms

from cxstyle.errors import OutputError, PictureError
from cxstyle.pictures.color_transfer import recolor
from cxstyle.pictures.formats import FORMATS
from cxstyle.pictures.reading import load_picture, read_photo
from cxstyle.pictures.tensors import fit, resize, to_image
from cxstyle.pictures.writing import check_output, save_picture


def gradient(width: int = 40, height: int = 36) -> Image.Image:
    pixels = numpy.zeros((height, width, 3), dtype=numpy.uint8)
    pixels[..., 0] = numpy.linspace(0, 255, width)
    pixels[..., 1] = numpy.linspace(0, 255, height)[:, None]
    return Image.fromarray(pixels)


def test_paths_pil_pictures_and_tensors_are_the_same_picture(tmp_path: Path) -> None:
    gradient().save(tmp_path / "g.png")
    tensor = load_picture(tmp_path / "g.png")
    assert (tensor.shape, tensor.dtype) == ((1, 3, 36, 40), torch.float32)
    assert (tensor.min(), tensor.max()) == (0, 1)
    for other in (str(tmp_path / "g.png"), gradient(), tensor, tensor[0], tensor.double()):
        assert torch.equal(load_picture(other), tensor)


def test_pictures_survive_a_round_trip(tmp_path: Path) -> None:
    picture = load_picture(gradient())
    save_picture(picture, tmp_path / "g.png")
    assert torch.equal(load_picture(tmp_path / "g.png"), picture)
    assert [path.name for path in tmp_path.iterdir()] == ["g.png"]


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format_is_written_close_to_the_picture(tmp_path: Path, suffix: str) -> None:
    picture = load_picture(gradient())
    path = tmp_path / f"g{suffix.upper()}"
    save_picture(picture, path)
    assert (load_picture(path) - picture).abs().mean() < 0.02


def test_orientation_is_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    gradient().save(tmp_path / "turned.jpg", exif=exif)
    assert load_picture(tmp_path / "turned.jpg").shape == (1, 3, 40, 36)


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "RGBA", "LA", "I;16"])
def test_other_modes_become_rgb(tmp_path: Path, mode: str) -> None:
    image = gradient().convert("L").convert("I;16") if mode == "I;16" else gradient().convert(mode)
    if mode == "I;16":
        image = Image.fromarray(numpy.asarray(gradient().convert("L")).astype(numpy.uint16) * 257)
    path = tmp_path / ("m.jpg" if mode == "CMYK" else "m.png")
    image.save(path)
    grey = load_picture(gradient()).mul(torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1)
    found = load_picture(path)
    assert found.shape == (1, 3, 36, 40)
    assert (found.mean() - grey.mean()).abs() < 0.25
    if mode in ("L", "LA", "I;16"):
        assert (found.mean(1) - grey).abs().max() < 0.02


def test_transparent_parts_lie_on_white(tmp_path: Path) -> None:
    image = gradient().convert("RGBA")
    image.putalpha(0)
    image.save(tmp_path / "clear.png")
    assert load_picture(tmp_path / "clear.png").min() == 1


def test_colours_are_converted_by_the_embedded_profile(tmp_path: Path) -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    gradient().save(tmp_path / "srgb.png", icc_profile=srgb)
    torch.testing.assert_close(load_picture(tmp_path / "srgb.png"), load_picture(gradient()), atol=0.01, rtol=0)
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    gradient().save(tmp_path / "wrong.png", icc_profile=lab)
    gradient().save(tmp_path / "broken.png", icc_profile=b"no profile")
    for name in ("wrong", "broken"):  # taken as sRGB rather than refused
        assert torch.equal(load_picture(tmp_path / f"{name}.png"), load_picture(gradient()))


def test_what_is_not_a_picture_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("not a picture")
    (tmp_path / "empty.png").touch()
    whole = (SAMPLES / "astronaut.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    Image.new("RGB", (1, 1)).save(tmp_path / "dot.png")
    cases = {
        "none.jpg": "there is no file",
        "text.jpg": "is not a picture in a format that can be read",
        "empty.png": "is an empty file: get it anew",
        "cut.jpg": "can't be read: .*truncated.*damaged",
        "dot.png": "is 1x1 px; each side needs at least 32",
        ".": "is a folder; name a picture in it",
    }
    for name, message in cases.items():
        with pytest.raises(PictureError, match=message) as caught:
            load_picture(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_decompression_bombs_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gradient(200, 200).save(tmp_path / "large.png")
    monkeypatch.setenv("CXSTYLE_MAX_PIXELS", "10K")
    with pytest.raises(PictureError, match="200x200 px, 40,000 in all, and the limit is 10,000; raise it with --max-p"):
        load_picture(tmp_path / "large.png")


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (torch.zeros(3, 8, 8), "H and W at least 32, got"),
        (torch.zeros(2, 3, 40, 40), "must be"),
        (torch.zeros(40, 40), "must be"),
        (torch.full((3, 40, 40), 255.0), r"values in \[0, 1\]"),
        (torch.full((3, 40, 40), float("nan")), r"values in \[0, 1\]"),
    ],
)
def test_tensors_of_another_shape_or_range_are_refused(tensor: torch.Tensor, message: str) -> None:
    with pytest.raises(PictureError, match=message):
        load_picture(tensor, "source")


def test_tensors_within_rounding_of_0_to_1_are_taken_and_held_there() -> None:
    given = torch.full((3, 40, 40), 1.0005)
    given[0] = -1e-7
    before = given.clone()
    found = load_picture(given)
    assert (float(found.min()), float(found.max())) == (0, 1)
    assert torch.equal(given, before)
    given.fill_(0.5)
    assert float(found.max()) == 1
    with pytest.raises(PictureError, match=r"the source must hold values in \[0, 1\]"):
        load_picture(torch.full((3, 40, 40), 1.01), "source")


def test_arrays_and_open_files_are_the_same_picture(tmp_path: Path) -> None:
    gradient().save(tmp_path / "g.png")
    tensor = load_picture(tmp_path / "g.png")
    array = numpy.array(gradient())
    array.flags.writeable = False
    with (tmp_path / "g.png").open("rb") as file:
        for given in (array, array[::-1][::-1], file, io.BytesIO((tmp_path / "g.png").read_bytes())):
            assert torch.equal(load_picture(given), tensor)
    clear = numpy.dstack([array, numpy.full(array.shape[:2], 127, numpy.uint8)])
    assert float(read_photo(clear).alpha.max()) == pytest.approx(127 / 255)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (numpy.zeros((40, 40, 3)), r"the source must be an array \(H, W, 3\) of uint8, got \(40, 40, 3\) of float64"),
        (numpy.zeros((40, 40), "u1"), "the source must be an array"),
        (numpy.zeros((3, 40, 40), "u1"), "the source must be an array"),
        (numpy.zeros((40, 0, 3), "u1"), "the source must be an array"),
        (numpy.zeros((8, 40, 3), "u1"), "the source is 40x8 px; each side needs at least 32"),
        (io.BytesIO(b"text"), "the source is not a picture"),
        (io.StringIO("text"), "the source must be a path, a file that can be read as bytes"),
        (5, "the source must be a path, .*got 5"),
        (None, "the source must be a path"),
        (b"a.png", "the source must be a path"),
    ],
)
def test_what_is_no_picture_is_refused_by_its_name(given: object, message: str) -> None:
    with pytest.raises(PictureError, match=message) as caught:
        load_picture(given, "source")
    assert "\n" not in str(caught.value)


def test_a_picture_of_pillow_s_stays_as_it_was() -> None:
    image = gradient()
    image.info["exif"] = b"damaged"
    assert read_photo(image).notes == ("its EXIF data is damaged and not used",)
    assert image.info == {"exif": b"damaged"}


@pytest.mark.parametrize(("size", "edge", "expected"), [((100, 200), 50, (32, 64)), ((100, 200), 400, (200, 400))])
def test_fitting_keeps_the_shape_and_no_side_below_32(size, edge, expected) -> None:
    assert fit(torch.zeros(1, 3, *size), edge) == expected


def test_resizing_stays_in_range_and_keeps_flat_pictures_flat() -> None:
    checks = (torch.arange(64).view(1, 1, 1, 64) % 2).float().expand(1, 3, 64, 64)
    for size in ((32, 32), (33, 47), (100, 90)):
        resized = resize(checks, *size)
        assert resized.shape[2:] == size
        assert (resized.min() >= 0, resized.max() <= 1) == (True, True)
    assert resize(torch.full((1, 3, 64, 64), 0.3), 40, 50).sub(0.3).abs().max() < 1e-6


def test_saving_holds_values_in_range() -> None:
    assert to_image(torch.full((1, 3, 40, 40), 2.0)).getpixel((0, 0)) == (255, 255, 255)


def test_unwritable_outputs_are_refused_before_and_while_writing(tmp_path: Path) -> None:
    (tmp_path / "there.png").write_bytes(b"mine")
    cases = {
        tmp_path / "x.txt": "can't tell the format from '.txt'; use .png",
        tmp_path / "x": "can't tell the format from 'no suffix'",
        tmp_path / "none" / "x.png": "there is no folder",
        tmp_path / "there.png": "exists; choose another name or add --overwrite",
        Path("/proc/x.png"): "can't write",
    }
    for path, message in cases.items():
        with pytest.raises(OutputError, match=message):
            check_output(path)
    check_output(tmp_path / "there.png", overwrite=True)
    check_output(tmp_path / "new.png")
    with pytest.raises(OutputError, match="can't write"):
        save_picture(torch.zeros(1, 3, 40, 40), tmp_path / "none" / "x.png")
    assert [path.name for path in tmp_path.iterdir()] == ["there.png"]
    assert (tmp_path / "there.png").read_bytes() == b"mine"


def test_a_folder_is_no_output(tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(OutputError, match="is a folder; name a file in it"):
        check_output(tmp_path / "folder.png", overwrite=True)


def moments(picture: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    colors = picture.flatten(2)[0].double()
    return colors.mean(1), torch.cov(colors)


def test_recolouring_gives_the_mean_and_covariance_of_the_other_picture() -> None:
    generator = torch.Generator().manual_seed(0)
    picture = 0.3 + 0.1 * torch.randn(1, 3, 50, 50, generator=generator)
    mix = torch.tensor([[1.0, 0.5, 0.2], [0, 0.7, 0.1], [0, 0, 0.4]])
    palette = 0.5 + 0.05 * torch.einsum("dc,nchw->ndhw", mix, torch.randn(1, 3, 40, 60, generator=generator))
    for found, expected in zip(moments(recolor(picture, [palette])), moments(palette), strict=True):
        torch.testing.assert_close(found, expected, atol=2e-4, rtol=0)


def test_recolouring_to_itself_changes_nothing_and_grey_pictures_stay_clean() -> None:
    picture = load_picture(gradient())
    torch.testing.assert_close(recolor(picture, [picture]), picture, atol=1e-5, rtol=0)
    grey = picture.mean(1, keepdim=True).expand(1, 3, -1, -1)
    colored = recolor(grey, [load_picture(SAMPLES / "hopper.jpg")])
    assert colored.isfinite().all()
    assert (colored - colored[:, :, :1, :1]).flatten(2).std() < 0.5


def test_files_are_ordinary_ones(tmp_path: Path) -> None:
    save_picture(torch.zeros(1, 3, 40, 40), tmp_path / "x.png")
    (tmp_path / "y.png").touch()
    assert (tmp_path / "x.png").stat().st_mode == (tmp_path / "y.png").stat().st_mode
    assert Image.open(io.BytesIO((tmp_path / "x.png").read_bytes())).size == (40, 40)

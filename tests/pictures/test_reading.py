"""Pictures as people have them: formats, profiles, depth, orientation, frames, author, and limits."""

from __future__ import annotations

import hashlib
import io
import os
import re
import struct
import sys
import threading
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy
import pillow_heif
import pytest
import pyvips
import torch
from broken.made import tiff
from click.testing import CliRunner
from conftest import SAMPLES
from PIL import Image, ImageCms, PngImagePlugin

from cxstyle.cli import main
from cxstyle.errors import ConfigError, PictureError
from cxstyle.pictures.decoding import photo_of
from cxstyle.pictures.inspect import read_tags
from cxstyle.pictures.limits import VARIABLE, pixel_count
from cxstyle.pictures.reading import load_picture, read_photo

SRGB_TO_XYZ = numpy.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
ADOBE_TO_XYZ = numpy.array(
    [[0.5767309, 0.1855540, 0.1881852], [0.2973769, 0.6273491, 0.0752741], [0.0270343, 0.0706872, 0.9911085]]
)
P3_TO_XYZ = numpy.array(
    [[0.4865709, 0.2656677, 0.1982173], [0.2289746, 0.6917385, 0.0792869], [0.0, 0.0451134, 1.0439444]]
)
Array = numpy.ndarray[Any, numpy.dtype[Any]]


def soft(height: int = 36, width: int = 40) -> Array:
    """Smooth, not too strong colours in [0, 1], (H, W, 3), that fill 16 bits unevenly."""
    y, x = numpy.mgrid[0:height, 0:width]
    red, green = 0.3 + 0.4 * x / width, 0.35 + 0.3 * y / height
    return numpy.stack([red, green, 0.4 + 0.2 * (x + y) / (height + width)], axis=2)


def eight() -> Image.Image:
    return Image.fromarray((soft() * 255).round().astype(numpy.uint8))


def sixteen() -> Array:
    return (soft() * 65535).round().astype(numpy.uint16)


def vips_file(path: Path, values: Array, profile: bytes | None = None, interpretation: str = "rgb16") -> Path:
    image = pyvips.Image.new_from_array(values).copy(interpretation=interpretation)
    if profile is not None:
        image.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
    image.write_to_file(str(path))
    return path


def colors(path: Path) -> Array:
    """(H, W, 3) of what was read."""
    return read_photo(path).colors[0].permute(1, 2, 0).numpy()


def adobe() -> bytes:
    with Image.open(SAMPLES / "rocket.jpg") as image:
        return image.info["icc_profile"]


def srgb_of(linear: Array) -> Array:
    linear = linear.clip(0, 1)
    return numpy.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def linear_of(encoded: Array) -> Array:
    return numpy.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def converted(values: Array, to_xyz: Array, decode: Callable[[Array], Array]) -> Array:
    """By the colour spaces' definitions alone."""
    return srgb_of(decode(values) @ (numpy.linalg.inv(SRGB_TO_XYZ) @ to_xyz).T)


def grey_profile() -> bytes:
    """Grey with a straight tone curve: its values are light itself."""
    white = b"XYZ \0\0\0\0" + struct.pack(">iii", 63190, 65536, 54061)
    curve = b"curv\0\0\0\0" + struct.pack(">I", 0)
    tags = struct.pack(">I4sII4sII", 2, b"wtpt", 156, len(white), b"kTRC", 156 + len(white), len(curve))
    size = 156 + len(white) + len(curve)
    header = struct.pack(">I4sI4s4s4s", size, b"lcms", 0x02400000, b"mntr", b"GRAY", b"XYZ ").ljust(36, b"\0") + b"acsp"
    return header.ljust(68, b"\0") + struct.pack(">iii", 63190, 65536, 54061).ljust(60, b"\0") + tags + white + curve


@pytest.mark.parametrize("name", ["x.png", "x.tif", "x.bmp", "x.webp", "x.tga", "x.ppm"])
def test_what_loses_nothing_is_read_to_the_last_bit(tmp_path: Path, name: str) -> None:
    eight().save(tmp_path / name, **({"lossless": True} if name == "x.webp" else {}))
    assert numpy.array_equal(colors(tmp_path / name), numpy.asarray(eight(), dtype=numpy.float32) / 255)


@pytest.mark.parametrize("name", ["x.jpg", "x.avif", "x.heic"])
def test_what_loses_something_comes_close(tmp_path: Path, name: str) -> None:
    if name == "x.heic":
        pillow_heif.from_pillow(eight()).save(tmp_path / name, quality=95)
    else:
        eight().save(tmp_path / name, quality=95)
    assert abs(colors(tmp_path / name) - soft()).mean() < 0.01


def test_heic_without_its_plug_in_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pillow_heif.from_pillow(eight()).save(tmp_path / "x.heic")
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(PictureError, match=r'x\.heic is a HEIC picture.*pip install "cxstyle\[heif\]"'):
        read_photo(tmp_path / "x.heic")


@pytest.mark.parametrize(
    ("mode", "most"), [("1", 0.8), ("L", 0.25), ("P", 0.2), ("RGBX", 0.0), ("YCbCr", 0.013), ("HSV", 0.03)]
)
def test_every_mode_of_pillow_is_read(mode: str, most: float) -> None:
    found = read_photo(eight().convert(mode)).colors[0].permute(1, 2, 0).numpy()
    assert abs(found - numpy.asarray(eight(), dtype=numpy.float32) / 255).max() <= most


@pytest.mark.parametrize(("mode", "kind"), [("F", numpy.float32), ("I", numpy.int32), ("I;16", numpy.uint16)])
def test_grey_of_more_than_8_bits_keeps_them(tmp_path: Path, mode: str, kind: type) -> None:
    grey = sixteen()[:, :, 0] if mode != "F" else (sixteen()[:, :, 0] / 65535).astype(kind)
    image = Image.fromarray(grey.astype(kind))
    image.save(tmp_path / "x.tif")
    assert image.mode == mode
    for photo in (read_photo(image), read_photo(tmp_path / "x.tif")):
        assert photo.bits == 16
        assert abs(photo.colors[0, 2].numpy() - sixteen()[:, :, 0] / 65535).max() < 1e-6


@pytest.mark.parametrize("name", ["x.gif", "x.webp", "x.png", "x.avif", "x.tif"])
def test_the_first_of_several_frames_is_read_and_said(tmp_path: Path, name: str) -> None:
    later = [Image.new("RGB", (40, 36), color) for color in ("blue", "lime")]
    first = Image.new("RGB", (40, 36), "red")
    first.save(tmp_path / name, save_all=True, append_images=later)
    photo = read_photo(tmp_path / name)
    assert photo.notes == (f"3 {'pages' if name == 'x.tif' else 'frames'}; the first is used",)
    assert (photo.colors - torch.tensor([1.0, 0, 0]).view(1, 3, 1, 1)).abs().max() < 0.05


@pytest.mark.parametrize(("name", "deep"), [("x.png", False), ("x.tif", False), ("x.png", True), ("x.tif", True)])
@pytest.mark.parametrize("space", ["adobe", "p3"])
def test_rgb_profiles_are_converted_as_their_spaces_are_defined(
    tmp_path: Path, name: str, deep: bool, space: str
) -> None:
    profile = adobe() if space == "adobe" else pyvips.Image.profile_load("p3")
    if deep:
        vips_file(tmp_path / name, sixteen(), profile)
    else:
        eight().save(tmp_path / name, icc_profile=profile)
    way = (ADOBE_TO_XYZ, lambda v: v ** (563 / 256)) if space == "adobe" else (P3_TO_XYZ, linear_of)
    given = (sixteen() / 65535) if deep else numpy.asarray(eight()) / 255
    apart = abs(colors(tmp_path / name) - converted(given, *way))
    assert apart.max() < 0.0075  # where red is all but 0 and its curve steep; elsewhere
    assert apart.mean() < (0.0002 if deep else 0.0012)


def test_grey_profiles_are_converted(tmp_path: Path) -> None:
    eight().convert("L").save(tmp_path / "8.png", icc_profile=grey_profile())
    vips_file(tmp_path / "16.png", sixteen()[:, :, :1], grey_profile(), "grey16")
    light = numpy.asarray(eight().convert("L")) / 255
    assert abs(colors(tmp_path / "8.png")[:, :, 1] - srgb_of(light)).max() < 0.005
    assert abs(colors(tmp_path / "16.png")[:, :, 1] - srgb_of(soft()[:, :, 0])).max() < 0.001


def test_a_grey_picture_with_an_rgb_profile_is_grey_in_that_space(tmp_path: Path) -> None:
    eight().convert("L").save(tmp_path / "x.jpg", icc_profile=adobe(), quality=100)
    light = (numpy.asarray(eight().convert("L")) / 255) ** (563 / 256)
    assert abs(colors(tmp_path / "x.jpg")[:, :, 0] - srgb_of(light)).max() < 0.012


# Of sRGB's white, red and middle grey, as the Lab of a profile is meant: under D50 (Lindbloom, CIE Color Calculator).
LABS = [
    ((100.0, 0.0, 0.0), (255, 255, 255)),
    ((54.29, 80.81, 69.89), (255, 0, 0)),
    ((53.59, 0.0, 0.0), (128, 128, 128)),
]


@pytest.mark.parametrize(("lab", "expected"), LABS)
def test_lab_is_meant_under_d50(tmp_path: Path, lab: tuple[float, ...], expected: tuple[int, ...]) -> None:
    image = Image.merge(
        "LAB", [Image.new("L", (40, 36), v) for v in (round(lab[0] * 2.55), *(round(v) + 128 for v in lab[1:]))]
    )
    image.save(tmp_path / "8.tif")
    flat = numpy.broadcast_to(numpy.array(lab, dtype=numpy.float32), (36, 40, 3)).copy()
    pyvips.Image.new_from_array(flat).copy(interpretation="lab").colourspace("labs").tiffsave(str(tmp_path / "16.tif"))
    for name, bits, most in (("8.tif", 8, 5.1), ("16.tif", 16, 0.6)):
        assert read_photo(tmp_path / name).bits == bits
        assert abs(colors(tmp_path / name) * 255 - numpy.array(expected)).max() < most


@pytest.mark.parametrize("name", ["x.jpg", "x.tif", "deep.tif"])
@pytest.mark.parametrize("tagged", [True, False])
def test_cmyk_comes_back_as_the_colours_that_were_printed(tmp_path: Path, name: str, tagged: bool) -> None:
    image = pyvips.Image.new_from_array(sixteen()).copy(interpretation="rgb16")
    printed = image.icc_transform("cmyk", input_profile="srgb", intent="relative", depth=16 if name[0] == "d" else 8)
    options = {"Q": 95} if name == "x.jpg" else {}
    printed.write_to_file(str(tmp_path / name), keep="icc" if tagged else "none", **options)
    photo = read_photo(tmp_path / name)
    assert abs(colors(tmp_path / name) - soft()).mean() < 0.02
    assert photo.notes == (() if tagged else ("CMYK without a colour profile; converted as usual offset printing",))


def test_profiles_that_do_not_fit_are_left_out_with_a_note(tmp_path: Path) -> None:
    eight().save(tmp_path / "broken.png", icc_profile=b"no profile")
    eight().save(tmp_path / "foreign.png", icc_profile=pyvips.Image.profile_load("cmyk"))
    Image.fromarray(sixteen()[:, :, 0]).save(tmp_path / "deep.png", icc_profile=pyvips.Image.profile_load("cmyk"))
    for name, note in {
        "broken.png": "its colour profile is damaged and not used",
        "foreign.png": "its colour profile is for CMYK and the picture is RGB; not used",
        "deep.png": "its colour profile is for CMYK and the picture is grey; not used",
    }.items():
        assert read_photo(tmp_path / name).notes == (note,)
        assert abs(colors(tmp_path / name)[:, :, 0] - soft()[:, :, 0]).max() < 0.002


def test_a_png_gamma_is_not_applied_and_said_where_it_matters(tmp_path: Path) -> None:
    for gamma in (45455, 100000):
        info = PngImagePlugin.PngInfo()
        info.add(b"gAMA", struct.pack(">I", gamma))
        eight().save(tmp_path / f"{gamma}.png", pnginfo=info)
    assert read_photo(tmp_path / "45455.png").notes == ()
    assert read_photo(tmp_path / "100000.png").notes == ("its gamma of 1 is not applied; colours are taken as sRGB",)


def raw_tiff(values: Array, order: str) -> bytes:
    """16-bit RGB by hand, in a byte order."""
    height, width, _ = values.shape
    data = values.astype(numpy.dtype(numpy.uint16).newbyteorder(order)).tobytes()
    after = 8 + 2 + 9 * 12 + 4
    entries = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 3, after), (259, 3, 1, 1), (262, 3, 1, 2)]
    entries += [(273, 4, 1, after + 6), (277, 3, 1, 3), (278, 4, 1, height), (279, 4, 1, len(data))]
    table = b"".join(
        struct.pack(f"{order}HHI", tag, kind, count)
        + (struct.pack(f"{order}HH", value, 0) if kind == 3 and count == 1 else struct.pack(f"{order}I", value))
        for tag, kind, count, value in entries
    )
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, 8)
    return head + struct.pack(f"{order}H", 9) + table + bytes(4) + struct.pack(f"{order}HHH", 16, 16, 16) + data


@pytest.mark.parametrize("name", ["x.png", "x.tif", "x.tif[bigtiff]", "<", ">"])
def test_16_bits_are_kept(tmp_path: Path, name: str) -> None:
    if name in "<>":
        path = tmp_path / "x.tif"
        path.write_bytes(raw_tiff(sixteen(), name))
    else:
        path = tmp_path / name.split("[")[0]
        image = pyvips.Image.new_from_array(sixteen()).copy(interpretation="rgb16")
        image.write_to_file(str(path), **({"bigtiff": True} if "[" in name else {}))
    photo = read_photo(path)
    assert photo.bits == 16
    assert numpy.array_equal((photo.colors[0] * 65535).round().permute(1, 2, 0).numpy(), sixteen())


@pytest.mark.parametrize("name", ["x.avif", "x.heic"])
def test_10_bits_are_kept(tmp_path: Path, name: str) -> None:
    bars = numpy.repeat((numpy.arange(40) * 64 + 20000).astype(numpy.uint16)[None, :], 36, 0)[:, :, None].repeat(3, 2)
    if name == "x.heic":
        image = pillow_heif.from_bytes(mode="RGB;16", size=(40, 36), data=bars.tobytes())
        image.save(tmp_path / name, quality=-1, chroma=444)
    else:
        image = pyvips.Image.new_from_array(bars).copy(interpretation="rgb16")
        image.heifsave(str(tmp_path / name), bitdepth=10, compression="av1", Q=100, subsample_mode="off")
    photo = read_photo(tmp_path / name)
    assert photo.bits == 16
    # 40 neighbouring steps of 10 bits are 10 of 8.
    assert len(photo.colors[0, 1, 18].unique()) > 25
    assert abs(photo.colors[0, 1].numpy() - bars[:, :, 0] / 65472).max() < 0.003


def test_floats_are_taken_as_they_are_or_refused(tmp_path: Path) -> None:
    for name, values in {
        "fine": soft(),
        "nan": numpy.where(soft() > 0.6, numpy.nan, soft()),
        "inf": numpy.where(soft() > 0.6, numpy.inf, soft()),
        "bright": soft() * 4 - 1,
    }.items():
        vips_file(tmp_path / f"{name}.tif", values.astype(numpy.float32), None, "scrgb")
    assert abs(colors(tmp_path / "fine.tif") - soft()).max() < 1e-6
    for name in ("nan", "inf"):
        with pytest.raises(PictureError, match=rf"{name}\.tif holds values that are no finite numbers"):
            read_photo(tmp_path / f"{name}.tif")
    with pytest.raises(PictureError, match=r"bright\.tif holds values from 0\.2 to 1\.7\d*, and floats from 0 to 1"):
        read_photo(tmp_path / "bright.tif")


def test_integers_beyond_16_bits_are_refused(tmp_path: Path) -> None:
    Image.fromarray(sixteen()[:, :, 0].astype(numpy.int32) * 1000).save(tmp_path / "x.tif")
    with pytest.raises(PictureError, match="and whole numbers from 0 to 65535 are needed; scale them"):
        read_photo(tmp_path / "x.tif")


UPRIGHT: dict[int, Callable[[Array], Array]] = {
    1: lambda a: a,
    2: numpy.fliplr,
    3: lambda a: numpy.rot90(a, 2),
    4: numpy.flipud,
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: numpy.rot90(a, -1),
    7: lambda a: numpy.rot90(a, 2).swapaxes(0, 1),
    8: numpy.rot90,
}


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_pictures_are_turned_upright_at_any_depth(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    for name in ("8.png", "8.tif"):
        eight().save(tmp_path / name, exif=exif)
    deep = pyvips.Image.new_from_array(sixteen()).copy(interpretation="rgb16")
    deep.set_type(pyvips.GValue.gint_type, "orientation", orientation)
    deep.tiffsave(str(tmp_path / "16.tif"))
    for name in ("8.png", "8.tif", "16.tif"):
        assert abs(colors(tmp_path / name) - UPRIGHT[orientation](soft())).max() < 0.003


XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:creator><rdf:Seq><rdf:li>Łukasz</rdf:li>'
    '<rdf:li>山田</rdf:li></rdf:Seq></dc:creator><dc:rights><rdf:Alt><rdf:li xml:lang="x-default">© Łukasz</rdf:li>'
    '<rdf:li xml:lang="de">alle</rdf:li></rdf:Alt></dc:rights></rdf:Description></rdf:RDF></x:xmpmeta>'
).encode()


def test_author_and_copyright_are_found_in_exif_whatever_its_letters(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x013B], exif[0x8298] = "Zoë Müller".encode(), "© Zoë\0éditeur".encode("latin-1")
    for name in ("x.jpg", "x.png", "x.webp", "x.avif"):
        eight().save(tmp_path / name, exif=exif)
        photo = read_photo(tmp_path / name)
        assert (photo.author, photo.copyright) == ("Zoë Müller", "© Zoë; éditeur")


def test_author_and_copyright_are_found_in_xmp_iptc_and_png_texts(tmp_path: Path) -> None:
    eight().save(tmp_path / "x.jpg", xmp=XMP)
    eight().save(tmp_path / "x.webp", xmp=XMP)
    for name in ("x.jpg", "x.webp"):
        assert (read_photo(tmp_path / name).author, read_photo(tmp_path / name).copyright) == (
            "Łukasz; 山田",
            "© Łukasz",
        )
    iptc = b"".join(
        struct.pack(">BBBH", 0x1C, 2, n, len(t)) + t for n, t in ((80, "Åsa".encode()), (116, b"\xa9 \xc5sa"))
    )
    block = b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0" + struct.pack(">I", len(iptc)) + iptc + b"\0" * (len(iptc) % 2)
    whole = io.BytesIO()
    eight().save(whole, "JPEG")
    segment = b"\xff\xed" + struct.pack(">H", len(block) + 2) + block
    (tmp_path / "iptc.jpg").write_bytes(whole.getvalue()[:2] + segment + whole.getvalue()[2:])
    assert (read_photo(tmp_path / "iptc.jpg").author, read_photo(tmp_path / "iptc.jpg").copyright) == ("Åsa", "© Åsa")
    texts = PngImagePlugin.PngInfo()
    texts.add_itxt("Author", "Zażółć\n gęślą")
    texts.add_text("Copyright", "c" * 5000)
    eight().save(tmp_path / "x.png", pnginfo=texts)
    photo = read_photo(tmp_path / "x.png")
    assert (photo.author, photo.copyright) == ("Zażółć gęślą", "c" * 1000)
    others = PngImagePlugin.PngInfo()
    others.add_text("Artist", "Zoe")
    eight().save(tmp_path / "y.png", pnginfo=others)
    assert read_photo(tmp_path / "y.png").author == "Zoe"


def test_xmp_with_entities_is_not_looked_at(tmp_path: Path) -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>' + XMP.replace("山田".encode(), b"&b;")
    eight().save(tmp_path / "x.jpg", xmp=bomb)
    assert read_photo(tmp_path / "x.jpg").author == ""


def test_a_file_is_known_by_its_hash_and_may_vanish_afterwards(tmp_path: Path) -> None:
    eight().save(tmp_path / "x.tif")
    expected = hashlib.sha256((tmp_path / "x.tif").read_bytes()).hexdigest()
    photo = read_photo(tmp_path / "x.tif")
    (tmp_path / "x.tif").unlink()
    assert (photo.sha256, photo.path) == (expected, str(tmp_path / "x.tif"))
    assert photo.colors.isfinite().all()
    assert read_photo(eight()).sha256 == ""


def with_alpha() -> Image.Image:
    """Left third clear over junk, middle third half so, the rest opaque."""
    image = eight().convert("RGBA")
    pixels = numpy.array(image)
    pixels[:, :13] = (255, 0, 255, 0)
    pixels[:, 13:26, 3] = 128
    return Image.fromarray(pixels)


@pytest.mark.parametrize("name", ["x.png", "x.tif", "x.webp", "16.png", "16.tif"])
def test_alpha_is_read_beside_straight_colours_and_clear_parts_are_filled(tmp_path: Path, name: str) -> None:
    if name.startswith("16"):
        vips_file(tmp_path / name, numpy.asarray(with_alpha()).astype(numpy.uint16) * 257)
    else:
        with_alpha().save(tmp_path / name, **({"lossless": True, "exact": True} if name == "x.webp" else {}))
    photo = read_photo(tmp_path / name)
    assert photo.alpha is not None
    assert [round(v, 3) for v in photo.alpha[0, 0, 0, ::13].tolist()] == [0, 0.502, 1, 1]
    assert abs(colors(tmp_path / name) - soft())[:, 13:].max() < 0.003
    assert abs(colors(tmp_path / name)[:, :13] - soft()[:, 13:14]).max() < 0.2  # of their neighbours, not magenta
    assert load_picture(tmp_path / name)[..., :13].min() == 1


def test_colours_multiplied_by_alpha_are_divided_again(tmp_path: Path) -> None:
    straight = numpy.dstack([soft(), numpy.full((36, 40), 0.5)])
    image = pyvips.Image.new_from_array((straight * 65535).round().astype(numpy.uint16)).copy(interpretation="rgb16")
    image.premultiply().cast("ushort").tiffsave(str(tmp_path / "16.tif"), premultiply=True)
    assert abs(colors(tmp_path / "16.tif") - soft()).max() < 0.0001
    photo = read_photo(Image.fromarray((straight * 255).round().astype(numpy.uint8)).convert("RGBa"))
    assert abs(photo.colors[0].permute(1, 2, 0).numpy() - soft()).max() < 0.012


@pytest.mark.parametrize("mode", ["P", "L", "RGB"])
def test_a_clear_colour_is_alpha(tmp_path: Path, mode: str) -> None:
    image = Image.new("L", (40, 36), 200)
    image.paste(10, (0, 0, 20, 36))
    clear = {"P": image.convert("P").getpixel((0, 0)), "L": 10, "RGB": (10, 10, 10)}[mode]
    image.convert(mode).save(tmp_path / "x.png", transparency=clear)
    alpha = read_photo(tmp_path / "x.png").alpha
    assert alpha is not None
    assert (alpha[..., :20].max(), alpha[..., 20:].min()) == (0, 1)


def test_alpha_that_is_opaque_everywhere_is_none(tmp_path: Path) -> None:
    eight().convert("RGBA").save(tmp_path / "x.png")
    assert read_photo(tmp_path / "x.png").alpha is None
    assert torch.equal(load_picture(tmp_path / "x.png"), load_picture(eight()))


def png(width: int, height: int, *chunks: tuple[bytes, bytes]) -> bytes:
    head = (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    parts = [head, *chunks, (b"IDAT", zlib.compress(b"\0" * 1000)), (b"IEND", b"")]
    packed = (struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def test_the_limit_of_pixels_is_checked_by_the_header(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.png").write_bytes(png(65000, 65000))
    with pytest.raises(
        PictureError, match=r"x\.png is 65000x65000 px, 4,225,000,000 .* 200,000,000; raise .*--max-pix"
    ):
        read_photo(tmp_path / "x.png")
    eight().save(tmp_path / "small.png")
    vips_file(tmp_path / "small.tif", sixteen())
    monkeypatch.setenv(VARIABLE, "1K")
    for name in ("small.png", "small.tif"):
        with pytest.raises(PictureError, match="is 40x36 px, 1,440 in all, and the limit is 1,000"):
            read_photo(tmp_path / name)
    with pytest.raises(PictureError, match="the source is 40x36 px, 1,440 in all"):
        read_photo(eight(), "source")


def test_pictures_beyond_pillows_own_limit_are_read_without_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    eight().save(tmp_path / "x.png")
    for own in (100, 1000):  # Pillow refuses beyond twice its limit, and warns beyond it
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", own)
        assert read_photo(tmp_path / "x.png").colors.shape == (1, 3, 36, 40)
        assert own == Image.MAX_IMAGE_PIXELS


def test_reading_in_threads_leaves_pillows_limit_as_it_was(tmp_path: Path) -> None:
    eight().save(tmp_path / "x.png")
    before = Image.MAX_IMAGE_PIXELS
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(load_picture, [tmp_path / "x.png"] * 40))
    assert all(torch.equal(picture, found[0]) for picture in found)
    assert before == Image.MAX_IMAGE_PIXELS


@pytest.mark.parametrize("kind", [b"zTXt", b"iCCP"])
def test_metadata_that_inflates_without_end_is_refused_in_one_line(tmp_path: Path, kind: bytes) -> None:
    (tmp_path / "x.png").write_bytes(png(40, 36, (kind, b"x\0\0" + zlib.compress(bytes(80_000_000)))))
    with pytest.raises(PictureError, match=r"x\.png holds a text or profile of more than 16 MB") as caught:
        read_photo(tmp_path / "x.png")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "count"), [("200M", 2 * 10**8), ("1.5k", 1500), ("50000000", 5 * 10**7), ("2G", 2 * 10**9)]
)
def test_limits_are_numbers_with_a_suffix(text: str, count: int) -> None:
    assert pixel_count(text, "--max-pixels") == count


@pytest.mark.parametrize("text", ["0", "many", "-5", "5T", "1e9", "", "1" * 99])
def test_other_limits_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"--max-pixels: .* is not a number of pixels; use such as 200M"):
        pixel_count(text, "--max-pixels")


@pytest.mark.parametrize("command", ["run", "match", "score", "compare", "grid", "batch"])
def test_every_command_that_reads_pictures_has_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    eight().save("a.png")
    words = {
        "score": ["a.png", "--source", "a.png", "--target", "a.png"],
        "grid": ["a.png", "-t", "a.png"],
        "batch": ["a.png", "a.png", "-o", "o"],
    }
    found = CliRunner().invoke(main, [command, *words.get(command, ["a.png", "a.png"]), "--max-pixels", "1.2K"])
    text = found.output + (str(found.exception) if found.exception else "")
    text += Path("o/manifest.jsonl").read_text() if command == "batch" else ""
    assert found.exit_code != 0
    assert "a.png is 40x36 px, 1,440 in all, and the limit is 1,200" in text
    assert VARIABLE not in os.environ


def test_the_limit_is_the_commands_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "7K")
    for words in (["info", "x.png", "--max-pixels", "1K"], ["info", "--max-pixels", "1K", "x.png", "--nonsense"]):
        assert CliRunner().invoke(main, words).exit_code != 0
        assert os.environ[VARIABLE] == "7K"


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_truncated_files_are_refused_in_one_line(tmp_path: Path, depth: int, suffix: str, capfd: Any) -> None:
    noise = numpy.random.default_rng(0).integers(0, 2**depth, (36, 40, 3)).astype(f"uint{depth}")
    vips_file(tmp_path / f"x{suffix}", noise, None, "rgb16" if depth == 16 else "srgb")
    whole = (tmp_path / f"x{suffix}").read_bytes()
    for share in (0.9, 0.5, 0.1):
        (tmp_path / f"x{suffix}").write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(PictureError) as caught:
            read_photo(tmp_path / f"x{suffix}")
        assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_damaged_tiffs_are_refused_without_words_from_below(tmp_path: Path, capfd: Any) -> None:
    eight().save(tmp_path / "x.tif", compression="tiff_lzw")
    whole = bytearray((tmp_path / "x.tif").read_bytes())
    whole[20:400] = bytes(380)
    (tmp_path / "x.tif").write_bytes(whole)
    with pytest.raises(PictureError, match="can't be read"):
        read_photo(tmp_path / "x.tif")
    assert capfd.readouterr() == ("", "")


def test_devices_and_files_without_end_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="/dev/zero can't be read: it is a device"):
        read_photo("/dev/zero")
    monkeypatch.setenv(VARIABLE, "1")
    (tmp_path / "x.png").touch()
    with (tmp_path / "x.png").open("r+b") as file:
        file.truncate(65 * 10**6)
    with pytest.raises(PictureError, match=r"is larger than 64,000,016 bytes, more than a picture needs"):
        read_photo(tmp_path / "x.png")


def test_srgb_profiles_change_next_to_nothing(tmp_path: Path) -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    vips_file(tmp_path / "x.png", sixteen(), srgb)
    assert abs(colors(tmp_path / "x.png") - soft()).max() < 0.0005


def test_tiffs_of_all_kinds_are_read_as_pillow_reads_them(tmp_path: Path) -> None:
    kinds: dict[str, tuple[str, dict[str, Any]]] = {
        **{name: ("RGB", {"compression": name}) for name in ("raw", "tiff_lzw", "tiff_deflate", "packbits")},
        "jpeg": ("RGB", {"compression": "jpeg", "quality": 95}),
        "bits": ("1", {"compression": "group4"}),
        **{mode: (mode, {}) for mode in ("1", "L", "P", "LA", "RGBA", "RGBX")},
        "profile": ("RGB", {"icc_profile": adobe()}),
    }
    for name, (mode, options) in kinds.items():
        made = eight().convert("RGB").convert(mode)
        made.save(tmp_path / f"{name}.tif", **options)
        with Image.open(tmp_path / f"{name}.tif") as image:
            expected = photo_of(image, name)
        found = read_photo(tmp_path / f"{name}.tif")
        assert (found.bits, found.notes, found.alpha is None) == (8, expected.notes, expected.alpha is None), name
        assert abs(found.colors - expected.colors).max() < (0.03 if name == "jpeg" else 0.006), name


def test_lines_of_others_are_neither_swallowed_nor_taken_for_a_decoder_s(tmp_path: Path, capfd: Any) -> None:
    eight().resize((400, 360)).save(tmp_path / "x.tif", compression="tiff_lzw")
    said, done = 0, False

    def say() -> None:
        nonlocal said
        while not done:
            said += 1
            os.write(2, b"a line\n")

    thread = threading.Thread(target=say)
    thread.start()
    notes = [read_photo(tmp_path / "x.tif").notes for _ in range(10)]
    done = True
    thread.join()
    assert notes == [()] * 10
    assert capfd.readouterr().err == "a line\n" * said


RAW = "is a camera's raw file: develop it"


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("x.dng", tiff(after=0, dng=(1, 4)), RAW),
        ("x.nef", tiff(), RAW),
        ("x.tif", tiff(photometric=(3, 32803)), RAW),
        ("x.raf", b"FUJIFILMCCD-RAW 0201", RAW),
        ("x.cr3", b"\0\0\0\x18ftypcrx \0\0\0\1", RAW),
        ("x.tif", tiff(bits=12), "has 12 bits a channel, and 1, 2, 4, 8, 16 or 32 are read; save it with 16"),
        ("x.psd", b"8BPS\0\1" + bytes(16) + b"\0\x10\0\3", "is a Photoshop file of more than 8 bits"),
        ("x.svg", b"<?xml version='1.0'?>\n<!-- a -->\n<svg xmlns=''/>", "is a drawing"),
        ("x.jxl", b"\xff\x0a\0\0", "is a JPEG XL picture: save it as PNG"),
        ("x.pdf", b"%PDF-1.4", "is a document"),
        ("x.png", b"", "is an empty file: get it anew"),
        ("x.jpg", b"<!doctype html><p>not found, <svg/>", "is a web page and not the picture on it"),
        ("x.jpg", b"version https://git-lfs.github.com/spec/v1\n", "is a pointer of Git LFS"),
        ("x.png", b"\0\0\0\x18ftypmp42", "is a video"),
        ("x.jpg", b"PK\3\4", "is an archive: unpack it"),
        ("x.exr", b"v/1\1", "is a picture of high dynamic range"),
    ],
)
def test_files_are_called_by_their_kind_with_what_to_do(tmp_path: Path, name: str, data: bytes, says: str) -> None:
    (tmp_path / name).write_bytes(data)
    for read in (read_photo, read_tags):
        if (name, read) != ("x.tif", read_tags) or says == RAW:
            with pytest.raises(PictureError, match=re.escape(f"{name} {says}")) as caught:
                read(tmp_path / name)
            assert "damaged" not in str(caught.value)


def test_a_jpeg_is_one_whatever_it_is_called(tmp_path: Path) -> None:
    eight().save(tmp_path / "x.jpg")
    (tmp_path / "x.jpg").rename(tmp_path / "x.nef")
    assert read_photo(tmp_path / "x.nef").bits == 8


def test_a_preview_is_not_taken_for_the_picture(tmp_path: Path) -> None:
    eight().save(tmp_path / "x.tif", tiffinfo={254: 1}, save_all=True, append_images=[eight().resize((80, 72))])
    whole = bytearray((tmp_path / "x.tif").read_bytes())
    entry = struct.pack("<HHII", 254, 4, 1, 1)
    assert whole.count(entry) == 2
    place = whole.rindex(entry)
    whole[place + 8] = 0
    (tmp_path / "x.tif").write_bytes(whole)
    with pytest.raises(
        PictureError, match=r"x.tif is a TIFF whose first page is a preview of another: save that alone"
    ):
        read_photo(tmp_path / "x.tif")

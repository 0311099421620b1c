"""Pictures as people have them: formats, profiles, depth, orientation, frames, author, alpha, and limits."""

from __future__ import annotations

import contextlib
import hashlib
import io
import re
import struct
import sys
from pathlib import Path
from typing import Any

import numpy
import pillow_heif
import pytest
import pyvips
import torch
from broken.pictures import header, png, saved, segment, tiff
from conftest import SAMPLES
from PIL import Image, ImageOps, PngImagePlugin

from cxstyle.errors import ConfigError, PictureError
from cxstyle.pictures.color_spaces import TO_XYZ, from_linear, to_linear
from cxstyle.pictures.decoding import photo_of
from cxstyle.pictures.limits import VARIABLE, pixel_count
from cxstyle.pictures.reading import load_picture, read_photo, read_tags

# Linear colours of a space to XYZ under D65 (Lindbloom).
ADOBE = [[0.5767309, 0.1855540, 0.1881852], [0.2973769, 0.6273491, 0.0752741], [0.0270343, 0.0706872, 0.9911085]]
P3 = [[0.4865709, 0.2656677, 0.1982173], [0.2289746, 0.6917385, 0.0792869], [0.0, 0.0451134, 1.0439444]]
PRINTER = pyvips.Image.profile_load("cmyk")
Array = numpy.ndarray[Any, numpy.dtype[Any]]

pytestmark = pytest.mark.usefixtures("own_folder")


def soft(height: int = 36, width: int = 40) -> Array:
    """Smooth, not too strong colours in [0, 1], (H, W, 3), that fill 16 bits unevenly."""
    y, x = numpy.mgrid[0:height, 0:width]
    red, green = 0.3 + 0.4 * x / width, 0.35 + 0.3 * y / height
    return numpy.stack([red, green, 0.4 + 0.2 * (x + y) / (height + width)], axis=2)


def eight() -> Image.Image:
    return Image.fromarray((soft() * 255).round().astype(numpy.uint8))


def sixteen() -> Array:
    return (soft() * 65535).round().astype(numpy.uint16)


def vips_file(name: str, values: Array, profile: bytes | None = None, space: str = "rgb16", **options: Any) -> str:
    image = pyvips.Image.new_from_array(values).copy(interpretation=space)
    if profile is not None:
        image.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
    image.write_to_file(name, **options)
    return name


def colors(picture: Any) -> Array:
    """(H, W, 3) of what was read."""
    return read_photo(picture).colors[0].permute(1, 2, 0).numpy()


def apart(picture: Any, expected: Array) -> Array:
    return abs(colors(picture) - expected)


# Formats and modes


@pytest.mark.parametrize(
    ("name", "options"),
    [
        *((f"x.{kind}", {}) for kind in ("png", "tif", "bmp", "tga", "ppm")),
        ("x.webp", {"lossless": True}),
        *(("x.tif", {"compression": kind}) for kind in ("tiff_lzw", "tiff_deflate", "packbits")),
    ],
)
def test_what_loses_nothing_is_read_to_the_last_bit(name: str, options: dict[str, Any]) -> None:
    eight().save(name, **options)
    assert numpy.array_equal(colors(name), numpy.asarray(eight(), dtype=numpy.float32) / 255)


def test_heic_without_its_plug_in_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    pillow_heif.from_pillow(eight()).save("x.heic")
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(PictureError, match=r'x\.heic is a HEIC picture.*pip install "cxstyle\[heif\]"'):
        read_photo("x.heic")


@pytest.mark.parametrize(
    ("mode", "most"), [("1", 0.8), ("L", 0.25), ("P", 0.2), ("RGBX", 0.0), ("YCbCr", 0.013), ("HSV", 0.03)]
)
def test_every_mode_of_pillow_is_read(mode: str, most: float) -> None:
    assert apart(eight().convert(mode), numpy.asarray(eight(), dtype=numpy.float32) / 255).max() <= most


@pytest.mark.parametrize(
    ("mode", "options"),
    [("RGB", {"compression": "jpeg", "quality": 95}), ("1", {"compression": "group4"})]
    + [(mode, {}) for mode in ("L", "P", "LA", "RGBA", "RGBX")],
)
def test_tiffs_of_all_kinds_are_read_as_pillow_reads_them(mode: str, options: dict[str, Any]) -> None:
    eight().convert(mode).save("x.tif", **options)
    with Image.open("x.tif") as image:
        expected = photo_of(image, "x")
    found = read_photo("x.tif")
    assert (found.bits, found.notes, found.alpha is None) == (8, expected.notes, expected.alpha is None)
    assert abs(found.colors - expected.colors).max() < (0.03 if "quality" in options else 0.006)


@pytest.mark.parametrize("name", ["x.gif", "x.webp", "x.png", "x.avif", "x.tif"])
def test_the_first_of_several_frames_is_read_and_said(name: str) -> None:
    first, *later = [Image.new("RGB", (40, 36), color) for color in ("red", "blue", "lime")]
    first.save(name, save_all=True, append_images=later)
    assert read_photo(name).notes == (f"3 {'pages' if name == 'x.tif' else 'frames'}; the first is used",)
    assert apart(name, numpy.array([1.0, 0, 0])).max() < 0.05


# Colours


def adobe() -> bytes:
    with Image.open(SAMPLES / "rocket.jpg") as image:
        return image.info["icc_profile"]


def srgb_of(linear: Array) -> Array:
    return from_linear(torch.from_numpy(linear.clip(0, 1))).numpy()


def grey_profile() -> bytes:
    """Grey with a straight tone curve: its values are light itself."""
    white = b"XYZ \0\0\0\0" + struct.pack(">iii", 63190, 65536, 54061)
    curve = b"curv\0\0\0\0" + struct.pack(">I", 0)
    tags = struct.pack(">I4sII4sII", 2, b"wtpt", 156, len(white), b"kTRC", 156 + len(white), len(curve))
    size = 156 + len(white) + len(curve)
    start = struct.pack(">I4sI4s4s4s", size, b"lcms", 0x02400000, b"mntr", b"GRAY", b"XYZ ").ljust(36, b"\0") + b"acsp"
    return start.ljust(68, b"\0") + struct.pack(">iii", 63190, 65536, 54061).ljust(60, b"\0") + tags + white + curve


@pytest.mark.parametrize("name", ["8.png", "8.tif", "16.png", "16.tif"])
@pytest.mark.parametrize("space", ["adobe", "p3"])
def test_rgb_profiles_are_converted_as_their_spaces_are_defined(name: str, space: str) -> None:
    profile = adobe() if space == "adobe" else pyvips.Image.profile_load("p3")
    deep = name.startswith("16")
    vips_file(name, sixteen(), profile) if deep else eight().save(name, icc_profile=profile)
    given = sixteen() / 65535 if deep else numpy.asarray(eight()) / 255
    light = given ** (563 / 256) if space == "adobe" else to_linear(torch.from_numpy(given)).numpy()
    off = apart(name, srgb_of(light @ (numpy.linalg.inv(TO_XYZ) @ (ADOBE if space == "adobe" else P3)).T))
    assert off.max() < 0.0075  # where red is all but 0 and its curve steep; elsewhere
    assert off.mean() < (0.0002 if deep else 0.0012)


def test_grey_profiles_are_converted_and_rgb_ones_taken_for_grey() -> None:
    grey = eight().convert("L")
    grey.save("8.png", icc_profile=grey_profile())
    vips_file("16.png", sixteen()[:, :, :1], grey_profile(), "grey16")
    grey.save("x.jpg", icc_profile=adobe(), quality=100)
    light = numpy.asarray(grey)[:, :, None] / 255
    assert apart("8.png", srgb_of(light)).max() < 0.005
    assert apart("16.png", srgb_of(soft()[:, :, :1])).max() < 0.001
    assert apart("x.jpg", srgb_of(light ** (563 / 256))).max() < 0.012


# Of sRGB's white, red and middle grey, as the Lab of a profile is meant: under D50 (Lindbloom, CIE Color Calculator).
LABS = [
    ((100.0, 0.0, 0.0), (255, 255, 255)),
    ((54.29, 80.81, 69.89), (255, 0, 0)),
    ((53.59, 0.0, 0.0), (128, 128, 128)),
]


@pytest.mark.parametrize(("lab", "expected"), LABS)
def test_lab_is_meant_under_d50(lab: tuple[float, ...], expected: tuple[int, ...]) -> None:
    values = (round(lab[0] * 2.55), *(round(v) + 128 for v in lab[1:]))
    Image.merge("LAB", [Image.new("L", (40, 36), value) for value in values]).save("8.tif")
    flat = numpy.broadcast_to(numpy.array(lab, dtype=numpy.float32), (36, 40, 3)).copy()
    pyvips.Image.new_from_array(flat).copy(interpretation="lab").colourspace("labs").tiffsave("16.tif")
    for name, bits, most in (("8.tif", 8, 5.1), ("16.tif", 16, 0.6)):
        assert read_photo(name).bits == bits
        assert apart(name, numpy.array(expected) / 255).max() * 255 < most


@pytest.mark.parametrize("name", ["x.jpg", "x.tif", "deep.tif"])
@pytest.mark.parametrize("tagged", [True, False])
def test_cmyk_comes_back_as_the_colours_that_were_printed(name: str, tagged: bool) -> None:
    image = pyvips.Image.new_from_array(sixteen()).copy(interpretation="rgb16")
    printed = image.icc_transform("cmyk", input_profile="srgb", intent="relative", depth=16 if name[0] == "d" else 8)
    printed.write_to_file(name, keep="icc" if tagged else "none", **({"Q": 95} if name == "x.jpg" else {}))
    assert apart(name, soft()).mean() < 0.02
    untagged = ("CMYK without a colour profile; converted as usual offset printing",)
    assert read_photo(name).notes == (() if tagged else untagged)


@pytest.mark.parametrize(
    ("picture", "profile", "note"),
    [
        (eight(), b"no profile", "damaged and not"),
        (eight(), PRINTER, "for CMYK and the picture is RGB; not"),
        (Image.fromarray(sixteen()[:, :, 0]), PRINTER, "for CMYK and the picture is grey; not"),
    ],
)
def test_profiles_that_do_not_fit_are_left_out_with_a_note(picture: Image.Image, profile: bytes, note: str) -> None:
    picture.save("x.png", icc_profile=profile)
    assert read_photo("x.png").notes == (f"its colour profile is {note} used",)
    assert apart("x.png", soft())[:, :, 0].max() < 0.002


def test_a_png_gamma_is_not_applied_and_said_where_it_matters() -> None:
    for gamma, notes in {45455: (), 100000: ("its gamma of 1 is not applied; colours are taken as sRGB",)}.items():
        info = PngImagePlugin.PngInfo()
        info.add(b"gAMA", struct.pack(">I", gamma))
        eight().save("x.png", pnginfo=info)
        assert read_photo("x.png").notes == notes


# Depth


@pytest.mark.parametrize(("name", "options"), [("x.png", {}), ("x.tif", {}), ("x.tif", {"bigtiff": True})])
def test_16_bits_are_kept(name: str, options: dict[str, Any]) -> None:
    vips_file(name, sixteen(), **options)
    assert read_photo(name).bits == 16
    assert numpy.array_equal((colors(name) * 65535).round(), sixteen())


@pytest.mark.parametrize("name", ["x.avif", "x.heic"])
def test_10_bits_are_kept(name: str) -> None:
    bars = numpy.repeat((numpy.arange(40) * 64 + 20000).astype(numpy.uint16)[None, :], 36, 0)[:, :, None].repeat(3, 2)
    if name == "x.heic":
        pillow_heif.from_bytes(mode="RGB;16", size=(40, 36), data=bars.tobytes()).save(name, quality=-1, chroma=444)
    else:
        image = pyvips.Image.new_from_array(bars).copy(interpretation="rgb16")
        image.heifsave(name, bitdepth=10, compression="av1", Q=100, subsample_mode="off")
    photo = read_photo(name)
    assert photo.bits == 16
    # 40 neighbouring steps of 10 bits are 10 of 8.
    assert len(photo.colors[0, 1, 18].unique()) > 25
    assert apart(name, bars / 65472)[:, :, 1].max() < 0.003


@pytest.mark.parametrize(("mode", "kind"), [("F", "<f4"), ("I", "<i4"), ("I;16", "<u2"), ("I;16B", ">u2")])
def test_grey_of_more_than_8_bits_keeps_them(mode: str, kind: str) -> None:
    grey = sixteen()[:, :, 0] if mode != "F" else (sixteen()[:, :, 0] / 65535).astype(kind)
    image = Image.fromarray(grey.astype(kind))
    image.save("x.tif")
    assert image.mode == mode
    for picture in (image, "x.tif"):
        assert read_photo(picture).bits == 16
        assert apart(picture, sixteen()[:, :, :1] / 65535).max() < 1e-6


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (numpy.where(soft() > 0.6, numpy.nan, soft()), "holds values that are no finite numbers"),
        (numpy.where(soft() > 0.6, numpy.inf, soft()), "holds values that are no finite numbers"),
        (soft() * 4 - 1, r"holds values from 0\.2 to 1\.7\d*, and floats from 0 to 1"),
        (sixteen()[:, :, 0].astype(numpy.int32) * 1000, "and whole numbers from 0 to 65535 are needed; scale them"),
    ],
)
def test_values_that_are_no_colours_are_refused(values: Array, says: str) -> None:
    if values.ndim == 2:
        Image.fromarray(values).save("x.tif")
    else:
        vips_file("x.tif", values.astype(numpy.float32), None, "scrgb")
    with pytest.raises(PictureError, match=rf"x\.tif .*{says}"):
        read_photo("x.tif")


# Orientation, author, hash


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_upright_at_any_depth(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    for name in ("8.png", "8.tif"):
        eight().save(name, exif=exif)
    deep = pyvips.Image.new_from_array(sixteen()).copy(interpretation="rgb16")
    deep.set_type(pyvips.GValue.gint_type, "orientation", orientation)
    deep.tiffsave("16.tif")
    with Image.open("8.png") as image:
        expected = numpy.asarray(ImageOps.exif_transpose(image)) / 255
    for name in ("8.png", "8.tif", "16.tif"):
        assert apart(name, expected).max() < 0.003


XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:creator><rdf:Seq><rdf:li>Łukasz</rdf:li>'
    '<rdf:li>山田</rdf:li></rdf:Seq></dc:creator><dc:rights><rdf:Alt><rdf:li xml:lang="x-default">© Łukasz</rdf:li>'
    '<rdf:li xml:lang="de">alle</rdf:li></rdf:Alt></dc:rights></rdf:Description></rdf:RDF></x:xmpmeta>'
).encode()
BOMB = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>' + XMP.replace("山田".encode(), b"&b;")


def png_texts(**texts: str) -> dict[str, PngImagePlugin.PngInfo]:
    info = PngImagePlugin.PngInfo()
    for key, text in texts.items():
        info.add_itxt(key, text)
    return {"pnginfo": info}


ODD = Image.Exif()
ODD[0x013B], ODD[0x8298] = "Zoë Müller".encode(), "© Zoë\0éditeur".encode("latin-1")


@pytest.mark.parametrize(
    ("name", "options", "author", "rights"),
    [
        *((f"x.{kind}", {"exif": ODD}, "Zoë Müller", "© Zoë; éditeur") for kind in ("jpg", "png", "webp", "avif")),
        *((f"x.{kind}", {"xmp": XMP}, "Łukasz; 山田", "© Łukasz") for kind in ("jpg", "webp")),
        ("x.jpg", {"xmp": BOMB}, "", ""),  # entities are not looked at
        ("x.png", png_texts(Author="Zażółć\n gęślą", Copyright="c" * 5000), "Zażółć gęślą", "c" * 1000),
        ("x.png", png_texts(Artist="Zoe"), "Zoe", ""),
    ],
)
def test_author_and_copyright_are_found_wherever_they_stand(
    name: str, options: dict[str, Any], author: str, rights: str
) -> None:
    eight().save(name, **options)
    assert (read_photo(name).author, read_photo(name).copyright) == (author, rights)


def test_author_and_copyright_are_found_in_iptc() -> None:
    texts = ((80, "Åsa".encode()), (116, b"\xa9 \xc5sa"))
    iptc = b"".join(struct.pack(">BBBH", 0x1C, 2, number, len(text)) + text for number, text in texts)
    block = b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0" + struct.pack(">I", len(iptc)) + iptc + b"\0" * (len(iptc) % 2)
    whole = saved("JPEG")
    photo = read_photo(io.BytesIO(whole[:2] + segment(0xED, block) + whole[2:]))
    assert (photo.author, photo.copyright) == ("Åsa", "© Åsa")


def test_a_file_is_known_by_its_hash_and_may_vanish_afterwards() -> None:
    eight().save("x.tif")
    expected = hashlib.sha256(Path("x.tif").read_bytes()).hexdigest()
    photo = read_photo("x.tif")
    Path("x.tif").unlink()
    assert (photo.sha256, photo.path, bool(photo.colors.isfinite().all())) == (expected, "x.tif", True)
    assert read_photo(eight()).sha256 == ""


# Alpha


@pytest.mark.parametrize("name", ["x.png", "x.tif", "x.webp", "16.png", "16.tif"])
def test_alpha_is_read_beside_straight_colours_and_clear_parts_are_filled(name: str) -> None:
    """Left third clear over junk, middle third half so, the rest opaque."""
    pixels = numpy.array(eight().convert("RGBA"))
    pixels[:, :13] = (255, 0, 255, 0)
    pixels[:, 13:26, 3] = 128
    if name.startswith("16"):
        vips_file(name, pixels.astype(numpy.uint16) * 257)
    else:
        Image.fromarray(pixels).save(name, **({"lossless": True, "exact": True} if name == "x.webp" else {}))
    alpha = read_photo(name).alpha
    assert alpha is not None
    assert [round(v, 3) for v in alpha[0, 0, 0, ::13].tolist()] == [0, 0.502, 1, 1]
    assert apart(name, soft())[:, 13:].max() < 0.003
    assert apart(name, soft()[:, 13:14])[:, :13].max() < 0.2  # of their neighbours, not magenta
    assert load_picture(name)[..., :13].min() == 1  # laid on white


def test_colours_multiplied_by_alpha_are_divided_again() -> None:
    straight = numpy.dstack([soft(), numpy.full((36, 40), 0.5)])
    image = pyvips.Image.new_from_array((straight * 65535).round().astype(numpy.uint16)).copy(interpretation="rgb16")
    image.premultiply().cast("ushort").tiffsave("16.tif", premultiply=True)
    assert apart("16.tif", soft()).max() < 0.0001
    assert apart(Image.fromarray((straight * 255).round().astype(numpy.uint8)).convert("RGBa"), soft()).max() < 0.012


@pytest.mark.parametrize("mode", ["P", "L", "RGB"])
def test_a_clear_colour_is_alpha(mode: str) -> None:
    image = Image.new("L", (40, 36), 200)
    image.paste(10, (0, 0, 20, 36))
    clear = {"P": image.convert("P").getpixel((0, 0)), "L": 10, "RGB": (10, 10, 10)}[mode]
    image.convert(mode).save("x.png", transparency=clear)
    alpha = read_photo("x.png").alpha
    assert alpha is not None
    assert (alpha[..., :20].max(), alpha[..., 20:].min()) == (0, 1)


# From Python


def test_paths_files_arrays_pictures_and_tensors_are_the_same_picture() -> None:
    eight().save("g.png")
    tensor = load_picture("g.png")
    assert (tensor.shape, tensor.dtype) == ((1, 3, 36, 40), torch.float32)
    array = numpy.array(eight())
    array.flags.writeable = False
    file = io.BytesIO(Path("g.png").read_bytes())
    for other in (Path("g.png"), eight(), tensor, tensor[0], tensor.double(), array, array[::-1][::-1], file):
        assert torch.equal(load_picture(other), tensor)
    clear = numpy.dstack([array, numpy.full(array.shape[:2], 127, numpy.uint8)])
    assert float(read_photo(clear).alpha.max()) == pytest.approx(127 / 255)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (numpy.zeros((40, 40, 3)), r"the source must be an array \(H, W, 3\) of uint8, got \(40, 40, 3\) of float64"),
        (numpy.zeros((40, 40), "u1"), "the source must be an array"),
        (numpy.zeros((40, 0, 3), "u1"), "the source must be an array"),
        (numpy.zeros((8, 40, 3), "u1"), "the source is 40x8 px; each side needs at least 32"),
        (torch.zeros(3, 8, 8), "H and W at least 32, got"),
        (torch.zeros(2, 3, 40, 40), "must be"),
        (torch.full((3, 40, 40), 255.0), r"the source must hold values in \[0, 1\]"),
        (torch.full((3, 40, 40), float("nan")), r"values in \[0, 1\]"),
        (torch.full((3, 40, 40), 1.01), r"values in \[0, 1\]"),
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
    image = eight()
    image.info["exif"] = b"damaged"
    assert read_photo(image).notes == ("its EXIF data is damaged and not used",)
    assert image.info == {"exif": b"damaged"}


# Limits


def test_the_limit_of_pixels_is_checked_by_the_header(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("x.png").write_bytes(png(head=header(65000, 65000)))
    with pytest.raises(PictureError, match=r"x\.png is 65000x65000 px, 4,225,000,000 .* 200,000,000; raise .*--max-pi"):
        read_photo("x.png")
    eight().save("small.png")
    vips_file("small.tif", sixteen())
    monkeypatch.setenv(VARIABLE, "1K")
    for picture in ("small.png", "small.tif", eight()):
        with pytest.raises(PictureError, match="is 40x36 px, 1,440 in all, and the limit is 1,000"):
            read_photo(picture)
    monkeypatch.setattr("cxstyle.pictures.limits.LEAST_BYTES", 0)
    with pytest.raises(PictureError, match="the source is larger than 16,000 bytes, more than a picture needs"):
        read_photo(io.BytesIO(bytes(16_001)), "source")


@pytest.mark.parametrize(
    ("text", "count"),
    [("200M", 2 * 10**8), ("1.5k", 1500), ("50000000", 5 * 10**7), *((bad, 0) for bad in ("0", "-5", "5T", "1e9", ""))],
)
def test_limits_are_numbers_with_a_suffix(text: str, count: int) -> None:
    refusal = pytest.raises(ConfigError, match=r"--max-pixels: .* is not a number of pixels; use such as 200M")
    with contextlib.nullcontext() if count else refusal:
        assert pixel_count(text, "--max-pixels") == count


# Damage, and what is none

KINDS = {
    "psd": (b"8BPS\0\1" + bytes(16) + b"\0\x10\0\3", "is a Photoshop file of more than 8 bits or 2 GB: save it flat"),
    "svg": (b"<svg/>", "is a drawing (SVG): export it as PNG"),
    "jxl": (b"\xff\x0a\0\0", "is a JPEG XL picture: save it as PNG"),
    "pdf": (b"%PDF-1", "is a document (PDF or PostScript): export its page as PNG"),
    "jpg": (b"PK\3\4", "is an archive: unpack it"),
    "png": (b"", "is an empty file: get it anew"),
}
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
        *((f"x.{suffix}", start, says) for suffix, (start, says) in KINDS.items()),
        ("x.txt", b"words", "is not a picture in a format that can be read"),
    ],
)
def test_files_are_called_by_their_kind_with_what_to_do(name: str, data: bytes, says: str) -> None:
    Path(name).write_bytes(data)
    for read in (read_photo, read_tags):
        if (name, read) != ("x.tif", read_tags) or says == RAW:
            with pytest.raises(PictureError, match=re.escape(f"{name} {says}")):
                read(Path(name))


def test_a_preview_is_not_taken_for_the_picture() -> None:
    eight().save("x.tif", tiffinfo={254: 1}, save_all=True, append_images=[eight().resize((80, 72))])
    whole = bytearray(Path("x.tif").read_bytes())
    entry = struct.pack("<HHII", 254, 4, 1, 1)
    assert whole.count(entry) == 2
    whole[whole.rindex(entry) + 8] = 0
    Path("x.tif").write_bytes(whole)
    with pytest.raises(PictureError, match="is a TIFF whose first page is a preview of another: save that alone"):
        read_photo("x.tif")

"""Pictures out: formats, depth, alpha, what stands beside the pixels, and pipes."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy
import pytest
import pyvips
import torch
from helpers import QUICK, done, run_cli, started
from PIL import Image

import cxstyle
from cxstyle import StyleConfig, Writing, read_record
from cxstyle.errors import ConfigError, FormatError, OutputError
from cxstyle.pictures.formats import FORMATS, check_size
from cxstyle.pictures.metadata import srgb_profile
from cxstyle.pictures.reading import load_picture, read_photo
from cxstyle.pictures.tensors import Origin
from cxstyle.pictures.writing import check_output, encode, save_picture
from cxstyle.transfer.record import Record, as_text, made_record

TAGGED = [suffix for suffix, kind in FORMATS.items() if kind.tagged]
DEEP = [suffix for suffix, kind in FORMATS.items() if kind.deep]
CLEAR = [suffix for suffix, kind in FORMATS.items() if kind.alpha]
SHORT = ["--config", QUICK, "--iterations", "1"]
AUTHOR, RIGHTS = "Zoë <Ångström>", "© Zoë & 2024"


pytestmark = pytest.mark.usefixtures("own_folder")


def picture(height: int = 36, width: int = 40) -> torch.Tensor:
    """Soft in both directions, in steps of 16 bits."""
    rows, columns = torch.linspace(0, 1, height)[:, None], torch.linspace(0, 1, width)[None]
    colors = torch.stack([rows.expand(height, width), columns.expand(height, width), (rows + columns) / 2])
    return colors[None].mul(65535).round().div(65535)


def half() -> torch.Tensor:
    """Alpha: clear on the left, opaque on the right, a step of 8 bits between."""
    return torch.tensor([0.0, 51 / 255, 1, 1]).repeat_interleave(10).expand(1, 1, 36, 40)


def record(**settings: Any) -> Record:
    config = StyleConfig.preset("fast").override(**settings)
    files = [{"role": "source", "path": "/home/me/a.jpg", "sha256": "ab" * 32}]
    details = {"features": "vgg16", "precision": "fp32", "device": "cpu (2 threads)", "files": files}
    return made_record(config, details, "complete", 7)


# formats


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format_is_written_close_whole_the_same_each_time_and_says_srgb(suffix: str) -> None:
    parts = picture(), suffix, half(), Writing(), as_text(record()), Origin(AUTHOR, RIGHTS)
    assert encode(*parts) == encode(*parts)
    path = Path(f"p{suffix.upper()}")
    save_picture(picture(), path, record=as_text(record()))
    assert (load_picture(path) - picture()).abs().mean() < 0.02
    with Image.open(path) as image:
        assert image.info.get("icc_profile") == (srgb_profile() if FORMATS[suffix].tagged else None)
        assert (image.getexif().get(0x0112, 1), image.size) == (1, (40, 36))
    Path("ordinary").touch()
    assert path.stat().st_mode == Path("ordinary").stat().st_mode
    assert {found.name for found in Path().iterdir()} == {path.name, "ordinary"}


def test_jpeg_keeps_the_full_resolution_of_colours() -> None:
    red_and_blue = torch.zeros(1, 3, 32, 32)
    red_and_blue[:, 0, :, ::2], red_and_blue[:, 2, :, 1::2] = 1, 1
    save_picture(red_and_blue, "fine.jpg")
    assert (load_picture("fine.jpg") - red_and_blue).abs().mean() < 0.02


def test_webp_of_quality_100_is_lossless() -> None:
    noise = torch.rand(1, 3, 64, 64).mul(255).round() / 255
    save_picture(noise, "n.webp", writing=Writing(quality=100, metadata=False))
    assert torch.equal(load_picture("n.webp"), noise)


# depth


@pytest.mark.parametrize("suffix", DEEP)
@pytest.mark.parametrize("alpha", [None, half()])
def test_16_bits_are_written_as_they_are(suffix: str, alpha: torch.Tensor | None) -> None:
    save_picture(picture(), f"deep{suffix}", alpha, Writing(bits=16), as_text(record()), Origin(AUTHOR, RIGHTS))
    found = pyvips.Image.new_from_file(f"deep{suffix}").numpy()
    channels = picture()[0] if alpha is None else torch.cat([picture()[0], alpha[0]])
    assert found.dtype == numpy.uint16
    assert numpy.array_equal(found, channels.permute(1, 2, 0).double().mul(65535).round().numpy())


# transparency


@pytest.mark.parametrize("suffix", CLEAR)
def test_alpha_is_kept_where_the_format_has_it(suffix: str) -> None:
    assert save_picture(picture(), f"p{suffix}", half()) == ()
    found = read_photo(f"p{suffix}").alpha
    assert found is not None
    assert (found - half()).abs().max() < 0.02


@pytest.mark.parametrize("suffix", [".jpg", ".bmp"])
def test_elsewhere_the_picture_lies_on_white_and_a_note_says_so(suffix: str) -> None:
    (note,) = save_picture(picture(), f"p{suffix}", half())
    assert note.startswith(f"{suffix} holds no transparency, so the picture lies on white")
    found = read_photo(f"p{suffix}").colors
    assert found[..., :8].min() > 0.97
    assert (found[..., 24:] - picture()[..., 24:]).abs().mean() < 0.02


# refusals


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("a.png", {"quality": 90}, r"quality: \.png has none; leave it out, or use \.jpg, \.jpeg, \.webp, \.avif"),
        ("a.tif", {"quality": 90}, "quality: .tif has none"),
        ("a.jpg", {"bits": 16}, r"bits: \.jpg holds 8; use \.png, \.tif, \.tiff, or leave --bits out"),
        ("a.JPG", {"quality": 0}, "quality: must be a number at least 1 and at most 100, got 0"),
        ("a.png", {"bits": 12}, "bits: must be auto, 8 or 16, got 12"),
    ],
)
def test_what_a_format_can_not_do_is_refused(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Writing(**options).check(name)


@pytest.mark.parametrize(("suffix", "longest"), [(".webp", 16383), (".jpg", 65500), (".avif", 65536)])
def test_pictures_too_large_for_their_format_are_refused_with_what_would_do(suffix: str, longest: int) -> None:
    check_size(f"x{suffix}", 32, longest)
    with pytest.raises(OutputError, match=rf"32x{longest + 1} px, and {suffix} holds {longest} px.*use \.png, \.tif"):
        check_size(f"x{suffix}", longest + 1, 32)


def test_unwritable_outputs_are_refused_before_and_while_writing() -> None:
    Path("there.png").write_bytes(b"mine")
    Path("folder.png").mkdir()
    cases = {
        "x.txt": "can't tell the format from '.txt'; use .png",
        "x": "can't tell the format from 'no suffix'",
        "none/x.png": "there is no folder",
        "there.png": "exists; choose another name or add --overwrite",
        "folder.png": "is a folder; name a file in it",
        "/proc/x.png": "can't write",
    }
    for path, message in cases.items():
        with pytest.raises(OutputError, match=message):
            check_output(Path(path))
    check_output(Path("there.png"), overwrite=True)
    with pytest.raises(OutputError, match="can't write"):
        save_picture(picture(), "none/x.png")
    assert {path.name for path in Path().iterdir()} == {"there.png", "folder.png"}
    assert Path("there.png").read_bytes() == b"mine"


# beside the pixels


@pytest.mark.parametrize("suffix", TAGGED)
@pytest.mark.parametrize("bits", [8, 16])
def test_record_author_and_rights_come_back_from_every_format(suffix: str, bits: int) -> None:
    written = Writing(bits=bits if FORMATS[suffix].deep else 8)
    save_picture(picture(), f"p{suffix}", None, written, as_text(record(seed=5)), Origin(AUTHOR, RIGHTS))
    assert read_record(f"p{suffix}") == record(seed=5)
    photo = read_photo(f"p{suffix}")
    assert (photo.author, photo.copyright) == (AUTHOR, RIGHTS)
    with Image.open(f"p{suffix}") as image:
        assert f"cxstyle {cxstyle.__version__}" in str(image.getexif().get(0x0131)) + str(image.info)


@pytest.mark.parametrize("suffix", FORMATS)
def test_without_metadata_nothing_is_told(suffix: str) -> None:
    save_picture(picture(), f"p{suffix}", None, Writing(metadata=False), as_text(record()), Origin(AUTHOR, RIGHTS))
    content = Path(f"p{suffix}").read_bytes()
    assert not any(word in content for word in (b"cxstyle", b"Zo\xc3\xab", b"conv4_2"))
    with Image.open(f"p{suffix}") as image:
        assert bool(image.info.get("icc_profile")) == FORMATS[suffix].tagged


def test_a_record_tells_names_and_hashes_but_no_folders_devices_or_threads() -> None:
    made = record()
    assert made.files == {"source": {"name": "a.jpg", "sha256": "ab" * 32}}
    assert made.device == "cpu"
    assert not {"device", "weights"} & set(made.settings)
    details = {"device": "cuda:1 (NVIDIA H200)", "features": "vgg19", "precision": "bf16"}
    own = StyleConfig.preset("fast").override(init="/home/me/start.png", weights="/home/me/w.safetensors")
    made = made_record(own, details, "stopped", 1)
    assert (made.device, made.settings["init"]) == ("cuda (NVIDIA H200)", "start.png")
    assert made.settings["features"] == "vgg19"
    assert "/home" not in str(made)


def test_settings_too_long_for_jpeg_are_left_out_with_a_note() -> None:
    long = record(description="x" * 70_000)
    (note,) = save_picture(picture(), "p.jpg", None, None, as_text(long), Origin(AUTHOR, RIGHTS * 10_000))
    assert "settings are too long for the file" in note
    assert read_photo("p.jpg").author == AUTHOR
    assert save_picture(picture(), "p.png", None, None, as_text(long)) == ()
    assert read_record("p.png") == long


# nothing is lost


def test_where_the_format_fails_the_result_becomes_a_png(pair, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise OSError("encoder error -2")

    Image.init()  # which would put the true one back
    monkeypatch.setitem(Image.SAVE, "WEBP", fail)
    told = run_cli("run", *pair, *SHORT, "-o", "x.webp")
    assert told.exit_code == 1  # as wherever the result isn't where it was wanted
    assert "can't be written as WEBP: encoder error -2; it goes to x.png" in told.stderr
    assert told.stdout.startswith("wrote x.png (48x48 px")
    with pytest.raises(FormatError, match="encoder error"):
        encode(picture(), ".webp")
    assert [path.name for path in Path().iterdir()] == ["x.png"]


# the commands


def test_what_the_source_brings_reaches_the_result(pair) -> None:
    exif = Image.Exif()
    exif[0x013B], exif[0x8298], exif[0x0112], exif[0x010F] = AUTHOR.encode(), RIGHTS.encode(), 6, "a camera"
    with Image.open(pair[0]) as image:
        image.putalpha(Image.linear_gradient("L").resize(image.size))
        image.save("clear.png", exif=exif)
    for name in ("r.png", "r.jpg"):
        told = done("run", "clear.png", pair[1], *SHORT, "-o", name)
        assert (".jpg holds no transparency" in told.stderr) == (name == "r.jpg")
        photo = read_photo(name)
        assert (photo.author, photo.copyright) == (AUTHOR, RIGHTS)
        assert (photo.alpha is None) == (name == "r.jpg")
        assert b"a camera" not in Path(name).read_bytes()
        assert set(read_record(name).files) == {"source", "target"}


def test_the_result_may_go_to_stdout_and_a_picture_come_from_stdin(pair, own_folder: Path) -> None:
    piped = done("run", "-", pair[1], *SHORT, "-o", "-", "--format", "webp", stdin=pair[0].read_bytes())
    assert "wrote stdout (48x48 px" in piped.stderr
    assert list(own_folder.iterdir()) == []
    done("run", *pair, *SHORT, "-o", "named.webp")
    with Image.open("named.webp") as named, Image.open(io.BytesIO(piped.stdout_bytes)) as image:
        assert (image.format, image.size, image.tobytes()) == ("WEBP", (48, 48), named.tobytes())


@pytest.mark.slow
def test_a_reader_that_goes_away_loses_no_result(pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    process = started("run", *pair, *SHORT, "-o", "-")
    process.stdout.close()
    with process:
        assert "can't write the picture to stdout: Broken pipe" in process.stderr.read()
    (kept,) = tmp_path.glob("cxstyle-*/astronaut_hopper.png")
    assert read_record(kept).iterations == 1

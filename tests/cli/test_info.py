"""`cxstyle info`, `run --like` and the records that they read."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from helpers import QUICK, done, refused, run_cli
from PIL import Image, PngImagePlugin

from cxstyle import StyleConfig, read_record
from cxstyle.errors import PictureError
from cxstyle.pictures.metadata import Attribution, packet_of
from cxstyle.pictures.reading import load_picture
from cxstyle.transfer.record import as_text, made_record

OWN = ["--config", QUICK, "--seed", "9", "--tv-weight", "7"]


pytestmark = pytest.mark.usefixtures("own_folder")


def with_record(text: str, *, packed: bool = False) -> None:
    """A picture, r.png, that says so of itself."""
    info = PngImagePlugin.PngInfo()
    info.add_text("cxstyle", text, zip=packed)
    Image.new("RGB", (40, 40)).save("r.png", pnginfo=info)


def sound(**changes: Any) -> dict[str, Any]:
    """The record of a run, as it stands in a file."""
    files = [{"role": "source", "path": "", "sha256": "ab"}]
    made = made_record(StyleConfig.preset("fast"), {"features": "vgg16", "files": files}, "complete", 3)
    return json.loads(as_text(made)) | changes


def test_info_tells_how_a_result_was_made_in_a_few_lines_all_with_verbose_and_the_same_to_programs(pair) -> None:
    done("run", *pair, *OWN, "-o", "r.jpg")
    told = done("info", "r.jpg")
    lines = told.stdout.splitlines()
    assert lines[:2] == ["r.jpg", "  JPEG, 48x48 px, 8 bits"]
    assert lines[2].startswith("  made by cxstyle 0.1.0: complete, 2 iterations, vgg16, ")
    assert (lines[3:], told.stderr) == (["  source: astronaut.png", "  target: hopper.png"], "")
    lines = done("info", "r.jpg", "-v").stdout.splitlines()
    assert lines[1] == "  JPEG, 48x48 px, 8 bits, profile sRGB built-in, orientation 1"
    assert lines[3] == f"  source: astronaut.png, sha256 {hashlib.sha256(pair[0].read_bytes()).hexdigest()}"
    settings = yaml.safe_load("\n".join(line[4:] for line in lines[lines.index("  settings:") + 1 :]))
    assert (settings["size"], settings["seed"], settings["features"]) == (48, 9, "vgg16")
    found = json.loads(done("info", "r.jpg", "--json").stdout)
    assert found["picture"]["format"] == "JPEG"
    assert found["record"] == json.loads(json.dumps(read_record("r.jpg").to_dict()))
    Path("own.yaml").write_text(done("info", "r.jpg", "--settings").stdout)
    assert StyleConfig.load("own.yaml") == read_record("r.jpg").config


def test_a_picture_without_a_record_is_described_and_refused_in_one_line() -> None:
    exif = Image.Exif()
    exif[0x013B], exif[0x0112] = "Ansel \x1b[31m", 6
    Image.new("RGB", (50, 40)).save("plain.jpg", exif=exif)
    told = run_cli("info", "plain.jpg", "-v")
    assert told.exit_code == 1
    assert "JPEG, 50x40 px, 8 bits, no profile, orientation 6" in told.stdout
    assert "author: Ansel" in told.stdout
    assert told.stderr.startswith("cxstyle: plain.jpg has no record of how it was made")
    assert told.stderr.count("\n") == 1
    assert "\x1b" not in told.output


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        (json.dumps(sound())[:-1] + ',"more":' + "[" * 700 + "]" * 700 + "}", "damaged"),
        ("[1]", "has no settings"),
        (json.dumps(sound(cxstyle=3)), "damaged"),
        (json.dumps(sound(files={"source": "a.jpg"})), "damaged"),
        (json.dumps(sound(files={"a": {"name": "\x1b]0;owned\x07"}})), "characters"),
        (json.dumps(sound(settings={"terms": [], "zise": 1})), "zise is not a known key; did you mean size?"),
        (json.dumps(sound(settings=sound()["settings"] | {"size": float("nan")})), "damaged"),
        (json.dumps(sound(status="x" * 990_000)) + " " * 20_000, "letters"),
    ],
    ids=range(10),
)
def test_records_that_are_no_good_end_in_one_clear_line(text: str, says: str) -> None:
    with_record(text)
    assert "\x1b" not in run_cli("info", "r.png").output
    refused(1, ["cxstyle: r.png: its record is damaged", says], "run", "a.png", "b.png", "--like", "r.png")


def test_a_text_that_grows_without_end_is_no_record() -> None:
    with_record("a" * 5_000_000, packed=True)
    refused(1, "r.png: its record is damaged", "run", "a.png", "b.png", "--like", "r.png")


def test_xmp_with_a_document_type_is_not_read() -> None:
    packet = packet_of(Attribution("x", record=json.dumps(sound()))).decode()
    bomb = '<!DOCTYPE x [<!ENTITY a "b">]>' + packet
    Image.new("RGB", (40, 40)).save("x.jpg", xmp=bomb.encode())
    with pytest.raises(PictureError, match="has no record"):
        read_record("x.jpg")


def test_a_record_survives_a_program_that_spells_it_otherwise() -> None:
    with_record(json.dumps(sound()))
    text = as_text(read_record("r.png")).replace('"', "&quot;")
    packet = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description xmlns:o="urn:cxstyle:1.0/" o:record="{text}"/></rdf:RDF></x:xmpmeta>'
    )
    Image.new("RGB", (40, 40)).save("x.jpg", xmp=packet.encode())
    assert read_record("x.jpg") == read_record("r.png")


def test_like_repeats_the_settings_and_so_the_pixels_and_other_options_override(pair) -> None:
    done("run", *pair, *OWN, "-o", "r.jpg", "--report", "r.json")
    done("run", *pair, "--like", "r.jpg", "-o", "again.jpg")
    assert torch.equal(load_picture("r.jpg"), load_picture("again.jpg"))
    assert read_record("again.jpg") == read_record("r.jpg") == read_record("r.json")
    done("run", *pair, "--like", "r.json", "--seed", "3", "-o", "other.png")
    assert read_record("other.png").settings == read_record("r.jpg").settings | {"seed": 3}

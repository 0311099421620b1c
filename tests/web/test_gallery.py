"""The gallery's file: what is in it, how often, how large, and that no name can break out of it."""

from __future__ import annotations

import base64
import hashlib
import html
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from made_batch import Made
from PIL import Image

from cxstyle.settings.config import StyleConfig
from cxstyle.web import gallery
from cxstyle.web.gallery import flat, write_gallery

HOSTILE = "</script><script>alert(1)</script><!-- <script> ' \" &amp; \u2028 \u00fc\U0001f3a8"


class Page(HTMLParser):
    """Elements of a page with their attributes, and the content of each script and style."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.contents: list[tuple[str, dict[str, str | None], str]] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.elements and self.elements[-1][0] in ("script", "style") and data.strip():
            self.contents.append((*self.elements[-1], data))

    @property
    def data(self) -> dict[str, Any]:
        return json.loads(next(text for _, given, text in self.contents if given.get("id") == "data"))

    @property
    def pictures(self) -> list[Image.Image]:
        texts = [text for _, given, text in self.contents if (given.get("id") or "").startswith("picture-")]
        return [Image.open(io.BytesIO(base64.b64decode(text, validate=True))) for text in texts]


def test_results_come_with_all_that_is_told_of_them(made: Made) -> None:
    made.add("a", "x", "y", seed=3, target_weights=[2.0, 1.0], source_mask="m.png", target_masks=["n.png", "o.png"])
    page = Page(write_gallery(made.folder, made.records, title="My look"))
    (result,) = page.data["results"]
    originals = [original["name"] for original in page.data["originals"]]
    assert page.data["title"] == "My look"
    assert [originals[index] for index in (result["source"], *result["targets"])] == ["a", "x", "y"]
    assert (result["preset"], result["seed"], result["weights"]) == ("fast", "3", [2.0, 1.0])
    assert (result["style"], result["content"], result["seconds"]) == (3.0, 0.25, 9.1)
    told = [("Size", "60 x 40 px"), ("Time", "9.1 s, 0.5 s before it"), ("Finished", "2026-11-23 01:02:00 UTC")]
    told += [("Source mask", "m.png"), ("Target masks", "n.png, o.png"), ("Device", "cpu (2 threads)")]
    assert {*told, ("Host", "node1"), ("Versions", "cxstyle 0.1.0")} <= {*map(tuple, result["facts"])}


def test_each_original_and_equal_settings_are_in_it_once(made: Made) -> None:
    for source in "abc":
        for target in "axy":
            made.add(source, target)
    made.records[-1]["settings"] = {"strength": 0.5}
    page = Page(write_gallery(made.folder, made.records))
    assert sorted(original["name"] for original in page.data["originals"]) == ["a", "b", "c", "x", "y"]
    assert len(page.pictures) == 5 + 9
    numbers = [entry["picture"] for entry in (*page.data["originals"], *page.data["results"])]
    assert sorted(numbers) == list(range(14))
    assert [result["settings"] for result in page.data["results"]] == [0] * 8 + [1]
    assert page.data["settings"][1] == {"strength": "0.5"}


@pytest.mark.parametrize(("count", "edge"), [(150, 512), (151, 320), (1500, 320), (1501, 192)])
def test_more_results_are_shown_smaller_and_none_enlarged(made: Made, count: int, edge: int) -> None:
    made.original("a", (10, 200, 30), size=(800, 400))
    failed = made.add("a", "x", status="failed")
    records = [failed | {"output": f"{i}.png"} for i in range(count)]
    source, target = Page(write_gallery(made.folder, records)).pictures
    assert (source.size, target.size, source.format) == ((edge, edge // 2), (60, 40), "JPEG")
    assert source.getpixel((9, 9)) == pytest.approx((10, 200, 30), abs=4)


def test_what_has_no_picture_is_listed_with_the_reason(made: Made) -> None:
    made.add("a", "x", status="failed", error="x.png can't be read", losses={})
    made.add("b", "y", status="diverged", error="a loss was no longer finite", losses={"total": float("nan")})
    made.add("c", "z")
    (made.folder / made.records[-1]["output"]).unlink()
    Path(made.records[-1]["source"]).unlink()
    data = Page(write_gallery(made.folder, made.records)).data
    failed, diverged, gone = data["results"]
    assert (failed["picture"], failed["reason"]) == (None, "failed: x.png can't be read")
    assert (diverged["picture"] is None, diverged["reason"]) == (False, "diverged: a loss was no longer finite")
    assert diverged["losses"] == {"total": None}
    original = data["originals"][gone["source"]]
    for picture, said in ((gone["picture"], gone["reason"]), (original["picture"], original["note"])):
        assert (picture, said.startswith("there is no file")) == (None, True)


@pytest.mark.parametrize("title", [HOSTILE, "@JS_HASH@ @TITLE@ @CSS@ @DATA@"])
def test_texts_stay_texts(made: Made, title: str) -> None:
    made.add("a", "x", preset=HOSTILE, error=HOSTILE, status="stopped", host=HOSTILE, settings={HOSTILE: HOSTILE})
    path = write_gallery(made.folder, made.records, title=title)
    page, (plain,) = Page(path), re.findall(r"<title>.*</title>", path.read_text("utf-8"))
    assert (page.data["title"], html.unescape(plain)) == (title, f"<title>{title}</title>")
    assert page.data["results"][0]["preset"] == HOSTILE
    assert page.data["settings"][0] == {HOSTILE: HOSTILE}
    whole = path.read_text(encoding="utf-8").split("</title>")[1]
    assert "alert(1)</" not in whole
    assert "\u2028" not in whole
    # One script for each picture, the data, and the page's own.
    kinds = [given.get("type") for tag, given in page.elements if tag == "script"]
    assert kinds == [*["text/plain"] * 3, "application/json", None]


def test_links_lead_to_files_below_the_page(made: Made) -> None:
    links = {
        "sub/a b#1?.png": "./sub/a%20b%231%3F.png",
        "javascript:alert(1).png": "./javascript%3Aalert%281%29.png",
        "50%/\u00fc\"'<.png": "./50%25/%C3%BC%22%27%3C.png",
        "bad\udc80.png": "./bad%80.png",
    }
    for output in links:
        made.add("a", "x", output=output)
    results = Page(write_gallery(made.folder, made.records)).data["results"]
    assert [result["href"] for result in results] == [*links.values()]


def test_the_page_asks_for_nothing_and_forbids_it(made: Made) -> None:
    made.add("a", "x")
    page = Page(write_gallery(made.folder, made.records))
    for tag, given in page.elements:
        assert not {"src", "srcset", "action", "style"} & given.keys(), tag
        assert (given.get("href") or "data:").startswith("data:"), tag
    (policy,) = [given["content"] for tag, given in page.elements if given.get("http-equiv")]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert (rules["default-src"], rules["img-src"]) == ("'none'", "data:")
    for name, chosen in (("script-src", "script"), ("style-src", "style")):
        (text,) = [text for tag, given, text in page.contents if tag == chosen and not given]
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert rules[name] == f"'sha256-{digest}'"


def test_it_replaces_galleries_alone_and_whole_or_not_at_all(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    made.add("a", "x")
    mine = '<!doctype html>\n<html lang="en">\n<title>mine</title>'
    (made.folder / "index.html").write_text(mine)
    for _ in range(2):
        path = write_gallery(made.folder, made.records)
        assert path == made.folder / "index_2.html"
    assert (made.folder / "index.html").read_text() == mine
    before, names = path.read_bytes(), sorted(made.folder.iterdir())
    monkeypatch.setattr(gallery, "safe_json", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_gallery(made.folder, made.records)
    assert (path.read_bytes(), sorted(made.folder.iterdir())) == (before, names)


def test_settings_are_rows_to_read() -> None:
    rows = flat(StyleConfig.preset("fast").to_dict())
    start = "weight 1, layers conv2_2 conv3_2 conv4_2, combine sum, bandwidth 0.2"
    assert rows["contextual to target"].startswith(start)
    assert rows["neighbors to target"].startswith("weight 20, layers conv1_2")
    assert (rows["optimizer betas"], rows["weights"], rows["enlarge"]) == ("0.9, 0.999", "none", "no")
    assert not {"seed", "description"} & rows.keys()
    term = {"loss": "gram", "compare": "target", "layers": ["conv1_1"], "samples": {"conv1_1": 9}}
    rows = flat({"terms": [term | {"weight": weight} for weight in (1, 2)]})
    assert [*rows.items()][1] == ("gram to target (2)", "layers conv1_1, samples conv1_1: 9, weight 2")

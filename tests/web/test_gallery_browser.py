"""The gallery in a real browser: `pytest -m browser`, with Chromium or Chrome on the machine."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from conftest import Pages
from made_batch import SETTINGS, Made
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from cxstyle.web.gallery import write_gallery

pytestmark = pytest.mark.browser

RED, GREEN = (210, 20, 20), (20, 160, 20)
HOSTILE = '<img src=x onerror="window.hacked=1">\'"&amp; \u202e\u00fc#?%'
LOSSES = "total 8.000 style conv3_2 4.000 content conv4_2 1.000"
OPEN = re.compile("open=")
DATA = re.compile("^data:image/jpeg;base64,")
Opener = Callable[..., Page]


@pytest.fixture
def opened(pages: Pages, made: Made) -> Iterator[Opener]:
    """Writes what was made and opens it, at a hash; in the end nothing was asked for or complained about."""

    def go(address: str = "", width: int = 1000, height: int = 700, **options: Any) -> Page:
        path = write_gallery(made.folder, made.records)
        page = pages.open(5000, width, height, **options)
        page.on("dialog", lambda dialog: pages.said.append(dialog.message))
        page.goto(path.as_uri() + address)
        return page

    yield go
    pages.close()
    asked = {url.split("#")[0] for url in pages.asked if not url.startswith("data:")}
    assert asked == {(made.folder / "index.html").as_uri()}
    assert pages.said == []


@pytest.fixture
def four(made: Made) -> Made:
    """a in the look of x and y, b in the look of x and y; the losses fall in this order."""
    made.original("a", GREEN, (90, 60))
    for i, (source, target) in enumerate(("ax", "ay", "bx", "by")):
        losses = {"total": 9.0 - i, "style conv3_2": 5.0 - i, "content conv4_2": i}
        made.add(source, target, preset=("fast", "painting")[i // 2], losses=losses, color=RED, size=(180, 120))
    return made


def names(page: Page) -> list[str]:
    """Of the results in the grid, as a reader of the screen hears them."""
    return [image.get_attribute("alt") or "" for image in page.locator("#cards img").all()]


def field(page: Page, name: str) -> Locator:
    return page.get_by_role("combobox", name=name)


def dialog(page: Page, name: str = "") -> Locator:
    return page.get_by_role("dialog", name=name)


def slider(page: Page) -> float:
    return float(page.get_by_role("slider").input_value())


def expect_cut(page: Page, share: float) -> None:
    """Source left of a share of the width, result right of it."""
    assert slider(page) == pytest.approx(100 * share, abs=1)
    picture = Image.open(io.BytesIO(page.locator("#pair").screenshot())).convert("RGB")
    for x, color in ((share - 0.05, GREEN), (share + 0.05, RED)):
        assert picture.getpixel((round(x * picture.width), picture.height // 4)) == pytest.approx(color, abs=6)


def test_results_are_found_by_filters_and_words_and_sorted(four: Made, opened: Opener) -> None:
    four.records.reverse()
    four.records[1]["seconds"] = {"loop": 1.5}
    four.add("c", "x", status="failed", error="x.png can't be read")
    page = opened()
    looks = [f"a in the look of {target}, fast" for target in "xy"]
    assert names(page) == looks + [f"b in the look of {target}, painting" for target in "xy"]
    for image in page.locator("#cards img").all():
        expect(image).to_have_js_property("naturalWidth", 180)
    failed = page.get_by_role("region", name="Without a picture")
    expect(failed).to_contain_text("failed: x.png can't be read")
    expect(page.get_by_role("status")).to_have_text("4 results, 1 without a picture")
    for order, first, value in (
        ("Style loss", "b in the look of y, painting", "2.000"),
        ("Content loss", "a in the look of x, fast", "0"),
        ("Time taken", "b in the look of x, painting", "1.500 s"),
    ):
        field(page, "Sort by").select_option(label=order)
        assert names(page)[0].startswith(first), order
        assert page.locator("#cards .value").first.text_content() == value
    field(page, "Source").select_option("b")
    field(page, "Target").select_option("y")
    assert names(page) == ["b in the look of y, painting"]
    expect(failed).to_be_hidden()
    expect(page.get_by_role("status")).to_have_text("1 of 4 results, 0 of 1 without a picture")
    page.get_by_role("button", name="Clear").click()
    field(page, "Status").select_option("failed")
    expect(failed).to_be_visible()
    expect(field(page, "Seed")).to_be_hidden()  # of one value only
    field(page, "Status").select_option("")
    page.get_by_label("Search").fill("PAINT x.png")
    assert names(page) == ["b in the look of x, painting"]
    page.get_by_label("Search").fill("zebra")
    expect(page.get_by_text("Nothing matches.")).to_be_visible()
    page.get_by_role("button", name="Clear the filters").click()
    expect(page.locator(".card")).to_have_count(4)


@pytest.mark.usefixtures("four")
def test_the_keyboard_alone_opens_goes_on_and_closes(opened: Opener) -> None:
    page = opened()
    page.locator(".card").nth(1).focus()
    page.keyboard.press("Enter")
    expect(dialog(page, "a in the look of y")).to_be_visible()
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("button", name="Previous result")).to_be_disabled()
    for _ in range(9):
        page.keyboard.press("ArrowRight")
    expect(dialog(page, "b in the look of y")).to_be_visible()
    expect(page.get_by_text("4 of 4")).to_be_visible()
    expect(page.get_by_role("button", name="Next result")).to_be_disabled()
    expect(page.get_by_role("button", name="Close")).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog(page)).to_be_hidden()
    expect(page.get_by_role("button", name="b in the look of y, painting")).to_be_focused()


@pytest.mark.usefixtures("four")
def test_the_slider_follows_mouse_keys_and_a_finger(opened: Opener) -> None:
    page = opened()
    page.locator(".card").first.click()
    expect_cut(page, 0.5)
    box = page.locator("#pair").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + 9, steps=5)
    page.mouse.up()
    expect_cut(page, 0.2)
    page.get_by_role("slider").focus()
    before = slider(page)
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft", "ArrowUp"):
        page.keyboard.press(key)
    assert slider(page) == before + 4
    expect(page.get_by_text("1 of 4")).to_be_visible()
    phone = opened(width=390, height=844, has_touch=True, is_mobile=True)
    phone.locator(".card").first.tap()
    box = phone.locator("#pair").bounding_box()
    phone.touchscreen.tap(box["x"] + box["width"] * 0.8, box["y"] + box["height"] / 2)
    expect_cut(phone, 0.8)


def test_the_dialog_tells_what_the_result_is(four: Made, opened: Opener) -> None:
    four.records[1]["settings"] = SETTINGS | {"strength": 0.5}
    Path(four.records[2]["source"]).unlink()
    page = opened()
    page.locator(".card").nth(1).click()
    assert " ".join(page.locator("#losses").inner_text().split()) == LOSSES
    assert page.locator("#differ").inner_text().split() == ["strength", "0.5"]
    assert "9.1 s, 0.5 s before it" in page.locator("#run").inner_text()
    expect(page.get_by_role("img", name="Target: y")).to_be_visible()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#reason")).to_contain_text("there is no file")
    expect(page.get_by_role("slider")).to_be_hidden()


@pytest.mark.usefixtures("four")
def test_links_and_the_back_button_lead_to_what_was_chosen_and_open(opened: Opener) -> None:
    page = opened("#source=nobody&sort=length&open=none.png&x=%E0%A4%A")
    expect(page.locator(".card")).to_have_count(4)
    expect(dialog(page)).to_be_hidden()
    field(page, "Sort by").select_option(label="Style loss")
    field(page, "Source").select_option("b")
    page.locator(".card").first.click()
    page.keyboard.press("ArrowRight")
    again = opened("#" + urlsplit(page.url).fragment)
    expect(dialog(again, "b in the look of x")).to_be_visible()
    again.keyboard.press("Escape")
    expect(again).not_to_have_url(OPEN)
    assert names(again) == [f"b in the look of {target}, painting" for target in "yx"]
    page.go_back()
    expect(page).not_to_have_url(OPEN)
    expect(dialog(page)).to_be_hidden()
    expect(page.locator(".card")).to_have_count(2)
    page.go_back()
    expect(page.locator(".card")).to_have_count(4)


def test_names_are_only_ever_text(made: Made, opened: Opener) -> None:
    name = "sub/" + HOSTILE.replace("/", "") + "__fast.png"
    made.add(HOSTILE + "1.png", HOSTILE + "2.png", preset="__proto__", output=name, host=HOSTILE, error=HOSTILE)
    made.records[-1]["status"] = "stopped"
    made.add("c", "x", preset="</script><script>window.hacked=1</script>", status="failed", error=HOSTILE)
    page = opened()
    expect(page.get_by_role("region", name="Without a picture")).to_contain_text(HOSTILE)
    field(page, "Preset").select_option("__proto__")
    page.locator(".card").click()
    expect(dialog(page)).to_contain_text(HOSTILE)
    link = page.get_by_role("link", name="Full size").evaluate("(link) => link.href")
    assert Path(unquote(urlsplit(link).path)) == made.folder / name
    page.reload()
    expect(dialog(page)).to_contain_text("onerror")
    assert page.evaluate("window.hacked") is None


@pytest.mark.parametrize("width", [360, 1280])
def test_it_fits_every_screen_and_reader(four: Made, opened: Opener, width: int) -> None:
    for seed in range(10, 90):
        four.add("a", "x", seed=seed)
    four.add("long_" * 30 + "name", "x", "y", preset="p" * 80, seed=9, size=(600, 120), host="h" * 90)
    four.add("portrait", "w" * 99, size=(60, 400), status="failed", error="e" * 300)
    page = opened(width=width, height=844, color_scheme="dark", reduced_motion="reduce")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(19, 19, 19)"
    # Only pictures near the screen are decoded.
    first, last = page.locator("#cards img").first, page.locator("#cards img").last
    expect(first).to_have_attribute("src", DATA)
    expect(last).not_to_have_attribute("src", DATA)
    page.evaluate("scrollTo(0, 1e6)")
    expect(last).to_have_attribute("src", DATA)
    expect(first).not_to_have_attribute("src", DATA)
    if width == 360:
        page.evaluate("scrollTo(0, 0)")
        page.get_by_role("button", name="Filters").click()
        expect(field(page, "Source")).to_be_visible()
    page.locator(".card", has=page.get_by_alt_text("long_")).click()
    for part in ("html", "#viewer", "#facts"):
        assert page.locator(part).evaluate("(e) => e.scrollWidth <= e.clientWidth"), part
    assert page.evaluate("[...document.images].filter((image) => !image.alt).length") == 0

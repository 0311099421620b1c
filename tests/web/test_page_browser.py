"""The page of `cxstyle serve` in a real browser, on a real server with real runs: `pytest -m browser`."""

from __future__ import annotations

import base64
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Pages
from generators import moving, with_sound
from PIL import Image
from playwright.sync_api import Locator, Page, expect
from served import Served, serving

pytestmark = pytest.mark.browser

PATIENCE = 60_000
"""Milliseconds for what a run takes, on a machine that others use, too."""
HOSTILE = "<img src=x onerror=window.hacked=1>'&amp; \u00fc.png"


class Site(Served):
    """`cxstyle serve` on a folder of its own, always at the same address."""

    def __init__(self, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.folder = folder
        self.start()
        super().__init__(self.link)

    def start(self) -> None:
        self.process, self.link = serving(self.folder, "--port", self.port)

    def end(self, kill: bool = False) -> None:
        (self.process.kill if kill else self.process.terminate)()
        self.process.communicate(timeout=60)

    @property
    def runs(self) -> list[dict[str, Any]]:
        """The newest first."""
        found: list[dict[str, Any]] = self.get("/api/runs").json()
        return found


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with Site(tmp_path_factory.mktemp("page")) as server:
        yield server
        server.end()


Opener = Callable[..., Page]


@pytest.fixture
def opened(pages: Pages, site: Site) -> Iterator[Opener]:
    """Opens the page as somebody new would; in the end nothing was asked for elsewhere or complained about."""

    def go(width: int = 1280, height: int = 800, **options: Any) -> Page:
        page = pages.open(15_000, width, height, **options)
        page.on("dialog", lambda dialog: dialog.accept())
        page.goto(site.link)
        expect(page.get_by_role("radio", name="default")).to_be_visible(timeout=PATIENCE)
        return page

    yield go
    pages.close()
    assert [url for url in pages.asked if not url.startswith(("data:", "blob:", site.link))] == []
    # An answer that refuses is told by the page itself; these tests read canvases back.
    known = "Failed to load resource", "Canvas2D: Multiple readback"
    assert [text for text in pages.said if not text.startswith(known)] == []


def content_of(path: Path, name: str = "") -> dict[str, str]:
    """A file for the page; under another name other bytes, since the same ones have the same id."""
    content = path.read_bytes() + name.encode()  # what follows a PNG's end is not read
    return {"name": name or path.name, "content": base64.b64encode(content).decode()}


HAND_OVER = """(element, [kind, files]) => {
  const carried = new DataTransfer();
  for (const { name, content } of files) {
    carried.items.add(new File([Uint8Array.from(atob(content), (c) => c.charCodeAt(0))], name, { type: "image/png" }));
  }
  const given = { bubbles: true, cancelable: true };
  if (kind === "paste") element.dispatchEvent(new ClipboardEvent("paste", { ...given, clipboardData: carried }));
  else for (const step of ["dragover", "drop"]) {
    element.dispatchEvent(new DragEvent(step, { ...given, dataTransfer: carried }));
  }
}"""


TOO_WIDE = """(body, parts) =>
  [...body.querySelectorAll(parts)].filter((part) => part.scrollWidth > part.clientWidth + 1).map((part) => part.id)"""
PARTS = "#setup, #setup .scroll, #centre, #bar, #desk, #desk-tools, #progress, #shelf .scroll, dialog"


def drop(place: Locator, *files: dict[str, str]) -> None:
    place.evaluate(HAND_OVER, ["drop", list(files)])


def give(page: Page, role: str, path: Path, name: str = "") -> None:
    """A file for the source or the target."""
    drop(page.locator(f".sheet[data-role={role}]"), content_of(path, name))


@pytest.fixture
def page(opened: Opener, pair: tuple[Path, Path]) -> Page:
    """With both pictures, and settings for a run of a moment."""
    page = opened()
    for role, path in zip(("source", "target"), pair, strict=True):
        give(page, role, path)
        expect(page.get_by_role("button", name=f"{role.capitalize()} {path.stem}")).to_be_visible()
    page.get_by_role("radio", name="fast").click()
    setting(page, "Size", "64")
    setting(page, "Iterations", "12")
    page.locator("#desk").focus()  # out of the fields, which keep their keys
    return page


def setting(page: Page, name: str, value: str) -> None:
    if page.locator("#more").get_attribute("open") is None:
        page.get_by_text("Other settings", exact=True).click()
    field = page.locator("#setup").get_by_label(name, exact=True)
    field.fill(value)
    field.press("Tab")


def run(page: Page) -> Locator:
    """Starts what is chosen; returns where its progress is told."""
    with page.expect_response(lambda answer: answer.request.method == "POST" and "/api/runs" in answer.url) as asked:
        page.locator("#run").click()
    progress = page.get_by_role("region", name="The run shown")
    expect(progress).to_have_attribute("data-run", asked.value.json()["id"])
    return progress


def complete(page: Page) -> None:
    """A run to its end."""
    run(page)
    expect_status(page, "complete")


def expect_status(page: Page, status: str) -> None:
    expect(page.locator("#progress")).to_have_attribute("data-status", status, timeout=PATIENCE)


def first_picture(page: Page) -> None:
    """Waits for it."""
    shown = page.locator("#progress").get_attribute("data-run")
    canvas = page.locator(f"#result-stage canvas[data-run='{shown}']")
    expect(canvas).to_have_attribute("data-picture", re.compile("[1-9]"), timeout=PATIENCE)


def point(place: Locator, x: float, y: float) -> tuple[float, float]:
    """Of the screen, in shares of an element's width and height."""
    box = place.bounding_box()
    assert box
    return box["x"] + box["width"] * x, box["y"] + box["height"] * y


def stroke(page: Page, role: str, *points: tuple[float, float]) -> None:
    """With the mouse over the source or the target, in shares of its width and height."""
    for i, (x, y) in enumerate(points):
        page.mouse.move(*point(page.locator(f"[data-role={role}] .pair"), x, y), steps=5)
        if i == 0:
            page.mouse.down()
    page.mouse.up()


def painted(page: Page, role: str) -> int:
    """Pixels of a mask that aren't everything else."""
    count: int = page.locator(f"[data-role={role}] .paint").evaluate(
        """(canvas) => {
          const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          return data.filter((value, i) => i % 4 === 3 && value > 0).length;
        }"""
    )
    return count


def test_pictures_come_by_drop_paste_file_and_sample(opened: Opener, pair: tuple[Path, Path]) -> None:
    page = opened()
    expect(page.get_by_text("Choose a source and a target first")).to_be_visible()
    drop(page.locator("body"), content_of(pair[0], "dropped.png"), content_of(pair[1], "second.png"))
    expect(page.get_by_role("button", name="Source dropped")).to_be_visible()
    expect(page.get_by_role("button", name="Target second")).to_be_visible()
    page.get_by_role("button", name="Remove the source").click()
    page.get_by_role("button", name="Choose the source").first.click()
    page.get_by_role("dialog").get_by_role("button", name="chelsea", exact=True).click()
    expect(page.get_by_role("img", name="Source: chelsea")).to_be_visible()
    page.locator("#choose-target").click()
    page.get_by_label("From this computer").set_input_files(pair[1])
    page.get_by_role("button", name="Exchange source and target").click()
    expect(page.get_by_role("button", name="Target chelsea")).to_be_visible()
    page.reload()  # what was chosen is kept
    page.get_by_role("button", name="Remove the target").click()
    page.locator("body").evaluate(HAND_OVER, ["paste", [content_of(pair[0], "pasted.png")]])
    expect(page.get_by_role("button", name=re.compile("^Target "))).to_be_visible()


def test_it_runs_and_the_picture_changes_while_it_does(page: Page, site: Site) -> None:
    setting(page, "Iterations", "24")
    progress = run(page)
    first_picture(page)
    # Each frame that the browser shows has a picture, and not always the same.
    seen = page.locator("#result-stage canvas").evaluate(
        """(canvas) => new Promise((resolve) => {
          const seen = { blank: 0, pictures: new Set() }, began = performance.now();
          const look = () => {
            const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
            if (pixels[3] !== 255) seen.blank++;
            seen.pictures.add(pixels.slice(0, 4000).join());
            if (performance.now() - began < 60000 && seen.pictures.size < 3) requestAnimationFrame(look);
            else resolve([seen.blank, seen.pictures.size]);
          };
          look();
        })"""
    )
    assert seen == [0, 3]
    expect(progress).to_contain_text("iteration")
    expect_status(page, "complete")
    expect(page.get_by_role("img", name=re.compile("^Result: .* in the look of"))).to_have_count(2)  # stage and history
    expect(page.get_by_role("img", name=re.compile("Losses over the run: style from"))).to_be_visible()
    size = page.locator("#result-stage canvas").evaluate("(canvas) => Math.max(canvas.width, canvas.height)")
    assert size == 64
    slider, source = page.locator("#result-stage .slider"), page.locator("#result-stage img.layer")
    expect(slider).to_have_value("0")  # all of the result
    page.locator("#peek").hover()
    page.mouse.down()
    expect(source).to_have_css("clip-path", re.compile(r"inset\(0(px|%)?( 0(px|%)?)*\)"))
    page.mouse.up()
    expect(source).to_have_css("clip-path", re.compile("100%"))
    result = page.locator("#result-stage .pair")
    page.mouse.move(*point(result, 0.02, 0.5))
    page.mouse.down()
    page.mouse.move(*point(result, 0.5, 0.5), steps=4)
    page.mouse.up()
    assert float(slider.input_value()) == pytest.approx(50, abs=2)
    assert site.runs[0]["settings"]["iterations"] == 24


def test_stop_keeps_the_picture_and_it_goes_on_from_there(page: Page) -> None:
    setting(page, "Iterations", "40")
    run(page)
    first_picture(page)
    page.keyboard.press("Control+Enter")  # another one, which waits
    page.get_by_role("button", name="Stop").click()
    expect_status(page, "stopped")
    expect(page.get_by_role("button", name="Download")).to_be_visible()
    page.get_by_role("button", name=re.compile("^Discard: ")).last.click()
    page.get_by_role("button", name="Go on").click()
    expect_status(page, "complete")
    expect(page.locator("#queue")).to_be_hidden()


def test_a_running_try_is_discarded_after_a_question(page: Page, site: Site) -> None:
    asked = []
    page.on("dialog", lambda dialog: asked.append(dialog.message))
    setting(page, "Iterations", "400")
    run(page)
    first_picture(page)
    row = page.locator("#waiting li")
    expect(row).to_contain_text("fast · 64 px · iterations 400")
    expect(row.locator("img")).to_have_count(2)
    page.get_by_role("button", name="Discard", exact=True).click()
    expect(page.locator("#result-empty")).to_be_visible()
    expect(page.get_by_role("button", name="Delete", exact=True)).to_be_hidden()
    assert asked == ["Discard this try? What it has so far is lost; Stop and keep keeps it."]
    assert all(run["status"] != "running" for run in site.runs)


def test_settings_are_typed_one_after_another(opened: Opener) -> None:
    page = opened()
    page.get_by_text("Other settings", exact=True).click()
    typed = {"Size": "96", "Iterations": "7", "Seed": "3"}
    for name, value in typed.items():
        page.locator("#setup").get_by_label(name, exact=True).focus()
        page.keyboard.press("Control+a")
        page.keyboard.type(value)
        if name == "Size":
            page.keyboard.press("Tab")
            assert page.evaluate("document.activeElement !== document.body")
    page.keyboard.press("Enter")
    for name, value in typed.items():
        expect(page.locator("#setup").get_by_label(name, exact=True)).to_have_value(value)
    expect(page.locator("#setup").get_by_label("Seed", exact=True)).to_be_focused()


def test_masks_are_painted_undone_kept_and_take_part(page: Page, site: Site) -> None:
    page.keyboard.press("m")
    stroke(page, "source", (0.2, 0.2), (0.6, 0.2), (0.6, 0.5))
    once = painted(page, "source")
    page.get_by_role("radio", name="Blue").click()
    stroke(page, "source", (0.2, 0.8), (0.7, 0.8))
    assert painted(page, "source") > once > 0
    page.keyboard.press("Control+z")
    assert painted(page, "source") == once
    page.keyboard.press("Control+Shift+z")
    assert painted(page, "source") > once
    size = page.get_by_label("Size").last.input_value()
    page.keyboard.press("]")
    page.keyboard.down("Alt")
    page.mouse.wheel(0, -300)
    page.keyboard.up("Alt")
    assert float(page.get_by_label("Size").last.input_value()) > 1.5 * float(size)
    page.keyboard.press("e")
    stroke(page, "source", (0.2, 0.8), (0.7, 0.8))
    assert painted(page, "source") == once
    page.get_by_role("radio", name="Red").click()
    stroke(page, "target", (0.3, 0.3), (0.6, 0.3), (0.6, 0.6))
    expect(page.locator("#meaning")).to_contain_text("takes after this part of the target")
    page.reload()
    page.get_by_role("button", name="Masks", exact=True).click()
    expect(page.locator(".swatch.both[data-color='1']")).to_have_count(1)
    assert painted(page, "source") == once
    complete(page)
    expect(page.locator("#history li").first).to_contain_text("masks")
    made = site.runs[0]
    for key in (made["source_mask"], *made["target_masks"]):
        colors = site.image(f"pictures/{key}").convert("RGB").getcolors()
        assert colors
        assert {color for _, color in colors} == {(255, 255, 255), (230, 25, 75)}


def test_a_mask_is_saved_and_loaded_with_its_colours(page: Page, tmp_path: Path, pair: tuple[Path, Path]) -> None:
    page.keyboard.press("m")
    page.keyboard.press("f")
    page.get_by_role("radio", name="Teal").click()
    page.mouse.click(*point(page.locator("[data-role=source] .pair"), 0.1, 0.1))
    with page.expect_download() as saving:
        page.get_by_role("button", name="Save the source's mask").click()
    saving.value.save_as(tmp_path / "mask.png")
    with Image.open(tmp_path / "mask.png") as image:
        assert image.convert("RGB").getcolors() == [(image.width * image.height, (0, 184, 196))]
        foreign = Image.new("RGB", image.size, "white")
    page.get_by_role("button", name="Clear", exact=True).click()
    assert painted(page, "source") == 0
    foreign.paste((120, 60, 10), (0, 0, foreign.width // 2, foreign.height))
    foreign.save(tmp_path / "foreign.png")
    for path, number in ((tmp_path / "foreign.png", 10), (pair[1], 10)):
        with page.expect_file_chooser() as choosing:
            page.get_by_role("button", name="Load the source's mask").click()
        choosing.value.set_files(path)
        expect(page.locator(".swatch")).to_have_count(number)  # a colour that is new joins the others
    expect(page.get_by_role("alert")).to_contain_text("has not the shape of")
    expect(page.get_by_role("radio", name="#783c0a")).to_be_visible()


def test_fingers_paint_and_two_of_them_zoom(opened: Opener, pair: tuple[Path, Path]) -> None:
    page = opened(width=390, height=844, has_touch=True, is_mobile=True)
    give(page, "source", pair[0])
    give(page, "target", pair[1])
    page.get_by_role("button", name="Stage").tap()
    page.get_by_role("button", name="Masks", exact=True).tap()
    left, top = point(page.locator("[data-role=source] .pair"), 0, 0)
    page.touchscreen.tap(left + 60, top + 60)
    once = painted(page, "source")
    assert once > 0
    session = page.context.new_cdp_session(page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        given = [{"x": left + x, "y": top + y, "id": i} for i, (x, y) in enumerate(points)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": given})

    touch("touchStart", (150, 150))
    touch("touchStart", (150, 150), (200, 200))
    for step in range(1, 8):
        touch("touchMove", (150 - 8 * step, 150 - 8 * step), (200 + 8 * step, 200 + 8 * step))
    touch("touchEnd")
    expect(page.locator("[data-role=source] .pair")).to_have_class(re.compile("zoomed"))
    assert painted(page, "source") == once  # what began as a stroke was none


def test_a_place_of_the_source_shows_what_it_draws_from(page: Page) -> None:
    page.get_by_role("button", name="What draws from what").click()
    told = page.locator("#matched")
    expect(told).to_have_text("Point at the source", timeout=PATIENCE)
    bright = """(c) => {
      const { data } = c.getContext('2d').getImageData(0, 0, c.width, c.height);
      let x = 0, y = 0, sum = 0;
      for (let i = 0; i < data.length / 4; i++) {
        const light = 255 - data[4 * i + 3] > 200 ? 1 : 0;
        sum += light; x += light * (i % c.width); y += light * Math.floor(i / c.width);
      }
      return [x / sum / c.width, y / sum / c.height];
    }"""
    places = []
    for x, y in ((0.1, 0.2), (0.45, 0.8)):
        page.mouse.move(*point(page.locator("[data-role=source] .pair"), x, y))
        expect(told).to_contain_text("Bright in the target")
        here = page.locator("[data-role=source] .glow").evaluate(bright)
        assert here == pytest.approx([x, y], abs=0.08)
        places.append(page.locator("[data-role=target] .glow").evaluate(bright))
        expect(told).to_contain_text(re.compile(r"Sure \d+ %"))
    assert places[0] != places[1]


def test_runs_wait_change_places_and_are_cancelled(page: Page, site: Site) -> None:
    setting(page, "Iterations", "400")
    run(page)
    for seed in ("1", "2", "3"):
        setting(page, "Seed", seed)
        page.locator("#run").click()
        expect(page.locator("#waiting li")).to_have_count(int(seed) + 1)

    def order() -> list[int]:
        waiting = sorted((run for run in site.runs if run["status"] == "waiting"), key=lambda run: run["position"])
        return [run["settings"]["seed"] for run in waiting]

    assert order() == [1, 2, 3]
    with page.expect_response("**/api/queue"):
        page.get_by_role("button", name=re.compile("^Earlier: ")).nth(2).click()
    assert order() == [1, 3, 2]
    with page.expect_response("**/api/queue"):
        page.locator("#waiting li").nth(3).drag_to(page.locator("#waiting li").nth(1))
    assert order() == [2, 1, 3]
    for left in (3, 2, 1, 0):
        page.get_by_role("button", name=re.compile("^Discard: ")).last.click()
        expect(page.locator("#waiting li")).to_have_count(left)
    assert order() == []


def test_tries_are_reopened_compared_reused_and_deleted(page: Page, site: Site) -> None:
    for strength in ("0.5", "1"):
        page.get_by_role("slider", name="Strength").fill(strength)
        complete(page)
    setting(page, "Seed", "5")
    complete(page)
    page.get_by_role("button", name="Compare with …", exact=True).click()
    page.locator("#history .try").nth(2).click()
    expect(page.locator(".pane")).to_have_count(2)
    expect(page.locator(".pane").nth(1)).to_contain_text("strength 0.5")
    page.locator("#history .try").nth(1).click()  # another one in the place of the second
    expect(page.locator(".pane").nth(0)).to_contain_text("seed 5")
    expect(page.locator(".pane").nth(1)).to_contain_text("seed as in the preset")
    pane = page.locator(".pane").nth(1)
    assert 0 <= point(pane.locator(".caption"), 0, 0)[1] - point(pane.locator(".pair"), 0, 1)[1] < 20
    page.locator(".pane .pair").first.hover()
    page.mouse.wheel(0, -600)
    for i in range(2):  # one zoom for both
        expect(page.locator(".pane .pair").nth(i)).to_have_class(re.compile("zoomed"))
    page.get_by_role("tab", name="Result").click()
    page.locator("#history .try").nth(2).click()
    page.get_by_role("button", name="Reuse settings").click()
    expect(page.get_by_role("slider", name="Strength")).to_have_value("0.5")
    page.get_by_role("tab", name="Result").click()
    page.get_by_role("button", name="Use as source").click()
    expect(page.get_by_role("button", name=re.compile("^Source .*in_the_look_of"))).to_be_visible()
    page.get_by_role("tab", name="Result").click()
    page.get_by_role("button", name="Download").click()
    page.get_by_label("Format").select_option("jpg")
    page.get_by_label("Quality").fill("50")
    with page.expect_download() as saving:
        page.get_by_role("dialog").get_by_role("button", name="Download").click()
    assert re.fullmatch(r"astronaut_hopper_fast_\d+\.jpg", saving.value.suggested_filename)
    with Image.open(saving.value.path()) as image:
        assert (image.format, max(image.size)) == ("JPEG", 64)
    before = len(site.runs)
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.locator("#history li")).to_have_count(before - 1)
    assert len(site.runs) == before - 1


def test_a_look_without_its_network_starts_nothing(page: Page, site: Site) -> None:
    expect(page.get_by_role("radio", name="gatys")).to_be_hidden()
    page.get_by_text("For comparison", exact=True).click()
    look = page.get_by_role("radio", name="paper")
    look.click()
    missing = any("needs" in preset for preset in site.get("/api").json()["presets"])
    expect(look.get_by_text("needs VGG19")).to_have_count(int(missing))
    run_button = page.locator("#run")
    expect(run_button).to_have_attribute("aria-disabled", str(missing).lower())
    page.locator("#setup").get_by_label("Features", exact=True).select_option("auto")
    expect(run_button).to_have_attribute("aria-disabled", "false")


def test_a_picture_that_is_read_has_an_empty_frame(page: Page, pair: tuple[Path, Path]) -> None:
    held: list[Any] = []
    page.route("**/api/pictures?name=*", lambda route: held.append(route))
    give(page, "source", pair[0], "slow.png")
    frame = page.locator(".sheet[data-role=source] .reading")
    expect(frame).to_have_text("Reading slow.png …")
    expect(page.locator(".sheet[data-role=source] img")).to_be_hidden()
    held[0].continue_()
    expect(frame).to_be_hidden()
    expect(page.get_by_role("img", name="Source: slow")).to_be_visible()


def test_a_try_that_failed_says_why_on_the_stage(page: Page, site: Site, pair: tuple[Path, Path]) -> None:
    site.begin(pair, {"size": 64, "memory": 2_000_000})
    page.locator("#history li").filter(has_text="failed").first.get_by_role("button").first.click(timeout=PATIENCE)
    expect(page.locator("#result-empty")).to_contain_text(site.runs[0]["error"])
    expect(page.locator("#result-stage")).to_be_hidden()


def test_several_targets_have_weights(page: Page, site: Site) -> None:
    page.get_by_role("button", name="Another target").click()
    page.get_by_role("dialog").get_by_role("button", name="coffee", exact=True).click()
    page.get_by_label("Weight of coffee").fill("3")
    page.get_by_label("Weight of coffee").press("Tab")
    complete(page)
    assert site.runs[0]["weights"] == [1, 3]


def test_a_video_is_animated(opened: Opener, site: Site, tmp_path: Path, pair: tuple[Path, Path]) -> None:
    page = opened()
    give(page, "target", pair[1])
    page.locator("#choose-source").click()
    page.get_by_label("From this computer").set_input_files(with_sound(tmp_path / "clip.mp4", moving(12, 64, 96)))
    still = page.get_by_role("slider", name="Still")
    before = page.locator("#video-thumb").get_attribute("src")
    still.fill("1")
    expect(page.locator("#video-thumb")).not_to_have_attribute("src", before or "")
    page.get_by_label("Minutes of training").fill("0.1")
    page.get_by_label("Minutes of training").press("Tab")
    expect(page.locator("#run")).to_have_text("Animate")
    run(page)
    first_picture(page)
    expect_status(page, "complete")
    expect(page.locator("#result-stage video")).to_have_js_property("videoWidth", 96, timeout=PATIENCE)
    assert (site.runs[0]["kind"], site.runs[0]["minutes"]) == ("animation", 0.1)
    page.reload()
    page.get_by_label("Network").select_option(index=1)  # draws without another training
    complete(page)
    assert site.runs[0]["model"] == site.runs[1]["id"]


def test_names_are_only_ever_text_and_refusals_a_line(opened: Opener, tmp_path: Path, pair: tuple[Path, Path]) -> None:
    page = opened()
    (tmp_path / "bad").write_bytes(b"no picture at all")
    for name in ("notes.png", HOSTILE):
        give(page, "source", tmp_path / "bad", name)
        alert = page.get_by_role("alert").filter(has_text=name[:9])
        expect(alert).to_have_count(1)
        text = alert.locator("span").inner_text()
        assert "\n" not in text
        assert "Traceback" not in text
    expect(page.get_by_text("Choose a source and a target first")).to_be_visible()
    give(page, "source", pair[0], HOSTILE)
    give(page, "target", pair[1], "y" + HOSTILE)
    expect(page.get_by_role("button", name=re.compile("^Source <img src"))).to_be_visible()
    assert page.evaluate("window.hacked") is None


def test_a_setting_out_of_range_starts_nothing(page: Page, site: Site) -> None:
    before = len(site.runs)
    setting(page, "Size", "20")
    page.locator("#run").click()
    expect(page.get_by_role("alert")).to_contain_text(re.compile("^Size: .*32"))
    assert len(site.runs) == before


def test_the_keyboard_alone_runs_looks_and_paints(opened: Opener, site: Site) -> None:
    page = opened()
    for name, choice in (("Choose the source", "astronaut"), ("Choose the target", "hopper")):
        page.get_by_role("button", name=name).first.focus()
        page.keyboard.press("Enter")
        tile = page.get_by_role("dialog").get_by_role("button", name=choice, exact=True).first
        for _ in range(12):
            if tile.evaluate("(tile) => tile === document.activeElement"):
                break
            page.keyboard.press("Tab")
        expect(tile).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.get_by_role("dialog")).to_be_hidden()
    page.get_by_role("radio", name="default").focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("radio", name="faithful")).to_be_focused()
    setting(page, "Size", "48")
    setting(page, "Iterations", "4")
    page.keyboard.press("Escape")
    page.locator("#help-open").focus()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("m")
    page.locator("[data-role=source] .stage").focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press(" ")
    assert painted(page, "source") > 0
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("tab", name="Result")).to_have_attribute("aria-selected", "true")
    expect_status(page, "complete")
    assert site.runs[0]["source_mask"]
    page.keyboard.press("z")
    expect(page.locator("#result-stage .pair")).to_have_class(re.compile("zoomed"))


@pytest.mark.parametrize("width", [390, 920, 1280])
def test_nothing_overflows_at_any_width(opened: Opener, pair: tuple[Path, Path], width: int) -> None:
    page = opened(width=width, height=844, color_scheme="dark", reduced_motion="reduce")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(19, 19, 19)"

    def fits() -> None:
        assert page.locator("body").evaluate(TOO_WIDE, PARTS) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    def tab(name: str) -> None:
        if width < 901:
            page.get_by_role("navigation").get_by_role("button", name=name).click()

    long = "long_" * 30 + ".png"
    give(page, "source", pair[0], long)
    give(page, "target", pair[1], "w" * 120 + "2.png")
    expect(page.get_by_role("button", name=re.compile("^Target www"))).to_be_visible()
    page.get_by_text("Other settings", exact=True).click()
    fits()
    page.locator("#choose-source").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    fits()
    page.keyboard.press("Escape")
    tab("Stage")
    page.get_by_role("button", name="Masks", exact=True).click()
    fits()
    tab("History")
    fits()
    page.locator("#history .try").filter(has_text="fast").filter(has=page.get_by_alt_text("Result: ")).first.click()
    expect(page.get_by_role("region", name="The run shown")).to_be_visible()
    expect(page.locator("#peek")).to_be_visible()
    fits()
    assert page.evaluate("[...document.images].filter((image) => !image.hasAttribute('alt')).length") == 0


def test_history_and_what_runs_survive_a_restart(page: Page, opened: Opener, site: Site) -> None:
    complete(page)
    setting(page, "Iterations", "2000")
    run(page)
    first_picture(page)
    tries = page.locator("#history li").count()
    site.end(kill=True)
    expect(page.locator("#lost")).to_contain_text("nothing is lost")
    expect(page.locator("#run")).to_have_attribute("aria-disabled", "true")
    site.start()
    expect(page.locator("#lost")).to_be_hidden(timeout=PATIENCE)  # by itself
    expect(page.locator("#history li")).to_have_count(tries + 1)
    again = opened()
    expect(again.locator("#history li")).to_have_count(tries + 1)
    again.locator("#history .try").nth(0).click()
    expect_status(again, "stopped")
    again.locator("#history .try").nth(1).click()
    expect_status(again, "complete")
    expect(again.locator("#result-stage canvas")).to_have_attribute("aria-label", re.compile("^Result: "))

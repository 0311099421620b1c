"""Shared pictures and networks. Pictures are small crops of the samples; networks have the true layout."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

# Tests run side by side, and threads that wait for each other by spinning would take each other's time.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch
from made_batch import Made
from PIL import Image

from cxstyle.features.layers import CONVOLUTIONS, IMAGENET, Normalization, kernel_shape
from cxstyle.features.weights import Network, Provenance

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


def pytest_configure(config: pytest.Config) -> None:
    """Tests mean the same on every machine: only those that ask for a GPU see one."""
    if config.option.markexpr == "gpu":
        os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"  # what runs that must be repeatable set, before CUDA starts
    else:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""


SAMPLES = Path(__file__).parent.parent / "samples"


def stand_in(name: str = "vgg16", normalization: Normalization = IMAGENET, shrink: int = 16) -> Network:
    """A network with the layers of VGG and random weights, `shrink` times narrower."""
    generator = torch.Generator().manual_seed(0)
    tensors = {}
    for layer in CONVOLUTIONS[name]:
        out, inputs, *kernel = kernel_shape(layer)
        shape = (out // shrink, inputs if layer == "conv1_1" else inputs // shrink, *kernel)
        scale = (2 / (shape[1] * 9)) ** 0.5
        tensors[f"{layer}.weight"] = torch.randn(shape, generator=generator) * scale
        tensors[f"{layer}.bias"] = torch.randn(shape[0], generator=generator) * 0.1
    return Network(Provenance(name, "random", "", "", normalization), tensors, Path(f"{name}.safetensors"))


@pytest.fixture
def tiny_network() -> Network:
    return stand_in()


@pytest.fixture(autouse=True)
def same_numbers() -> None:
    """Random pictures and features are the same in every run of a test, whatever ran before it."""
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test sees or changes the user's own networks."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("CXSTYLE_CACHE", str(folder))
    return folder


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, which has nothing in it."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """A batch made by hand."""
    return Made(tmp_path)


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The two sample portraits at 64 px, as PNG files."""
    folder = tmp_path_factory.mktemp("pair")
    paths = []
    for name in ("astronaut", "hopper"):
        with Image.open(SAMPLES / f"{name}.jpg") as image:
            image.thumbnail((64, 64))
            image.save(folder / f"{name}.png")
        paths.append(folder / f"{name}.png")
    return paths[0], paths[1]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real browser, for what people see of cxstyle."""
    from playwright.sync_api import sync_playwright

    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    assert program, f"these tests need one of {', '.join(PROGRAMS)}"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=OPTIONS)
        yield started
        started.close()


class Pages:
    """Pages of a browser, each in a context of its own, and what they have asked for and complained about."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self.contexts: list[BrowserContext] = []
        self.asked: list[str] = []
        self.said: list[str] = []

    def open(self, timeout: int, width: int, height: int, **options: Any) -> Page:
        """An empty one."""
        self.contexts.append(self.browser.new_context(viewport={"width": width, "height": height}, **options))
        page = self.contexts[-1].new_page()
        page.set_default_timeout(timeout)
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("console", self.complain)
        page.on("pageerror", self.complain)
        return page

    def complain(self, message: ConsoleMessage | Exception) -> None:
        self.said.append(str(getattr(message, "text", message)))

    def close(self) -> None:
        for context in self.contexts:
            context.close()


@pytest.fixture
def pages(browser: Browser) -> Pages:
    """To be closed by who opens them."""
    return Pages(browser)

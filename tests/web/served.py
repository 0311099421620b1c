"""What tests of the page's server share: a server on a real port, and what is asked of it."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
from helpers import started
from PIL import Image

from cxstyle.web import PageServer

SMALL = {"size": 32, "iterations": 4, "features": "vgg16", "device": "cpu", "precision": "fp32"}
ENDLESS = SMALL | {"iterations": 100_000}
PATIENCE = 90.0


class Served(httpx.Client):
    """Speaks with a server at an address; of one of this process it knows the folder, too."""

    def __init__(self, link: str, store: Any = None) -> None:
        super().__init__(base_url=link.partition("?")[0], timeout=PATIENCE)
        self.link, self.store = link, store

    def upload(self, path: Path, kind: str = "pictures") -> str:
        answer = self.post(f"/api/{kind}", params={"name": path.name}, content=path.read_bytes())
        assert answer.status_code == 201, answer.text
        found: str = answer.json()["id"]
        return found

    def begin(self, pair: tuple[Path, Path], settings: dict[str, Any] | None = None, **more: Any) -> str:
        """A run of two pictures, by its id."""
        source, target = map(self.upload, pair)
        asked = {"source": source, "targets": [target], "preset": "paper", "settings": settings or SMALL} | more
        answer = self.post("/api/runs", json=asked)
        assert answer.status_code == 201, answer.text
        assert answer.headers["location"] == f"/api/runs/{answer.json()['id']}"
        return str(answer.json()["id"])

    def run(self, key: str) -> dict[str, Any]:
        found: dict[str, Any] = self.get(f"/api/runs/{key}").json()
        return found

    def image(self, address: str, **asked: Any) -> Image.Image:
        """A picture at an address below /api/."""
        return Image.open(io.BytesIO(self.get(f"/api/{address}", params=asked).content))

    def until(self, key: str, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """A run, as soon as something holds of it."""
        deadline = time.monotonic() + PATIENCE
        while not holds(run := self.run(key)):
            assert time.monotonic() < deadline, run["place"]
            time.sleep(0.05)
        return run

    def ended(self, key: str) -> dict[str, Any]:
        return self.until(key, lambda run: run["status"] not in ("waiting", "running"))

    def refused(self, answer: httpx.Response, status: int) -> str:
        """The one line of an error."""
        line = answer.json()["error"]
        assert (answer.status_code, [*answer.json()]) == (status, ["error"]), line
        assert line.isprintable(), line
        assert 10 < len(line) < 500, line
        assert "Traceback" not in line
        return str(line)

    def events(self) -> Iterator[tuple[str, dict[str, Any]]]:
        with self.stream("GET", "/api/events") as answer:
            name = ""
            for line in answer.iter_lines():
                if line.startswith("event: "):
                    name = line.removeprefix("event: ")
                elif line.startswith("data: "):
                    yield name, json.loads(line.removeprefix("data: "))


@contextlib.contextmanager
def served(folder: Path, **how: Any) -> Iterator[Served]:
    """A server of a folder on a free port, until the block ends."""
    server = PageServer(folder, port=0, device="cpu", **how)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        with Served(server.link, server.store) as client:
            yield client
    finally:
        server.stop()
        thread.join(PATIENCE)
        assert not thread.is_alive()


def serving(folder: Path, *words: object) -> tuple[subprocess.Popen[str], str]:
    """`cxstyle serve` in a process of its own, and the link that it shows."""
    process = started("serve", "--no-browser", "--folder", folder, "--device", "cpu", *words)
    assert process.stdout is not None
    return process, process.stdout.readline().split()[0]


def workers(server: int | None = None) -> set[psutil.Process]:
    """Processes that compute for a server, or for those of this process."""
    found = set()
    for child in psutil.Process(server).children(recursive=True):
        with contextlib.suppress(psutil.Error):  # it has just ended
            found |= {child} if "spawn_main" in " ".join(child.cmdline()) else set()
    return found

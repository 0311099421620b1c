"""Kills of the page's server and its worker: what was made stays, what ran can go on, and the folder is clean."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import psutil
import pytest
from broken.pictures import REFUSED, corpus
from helpers import files_in
from served import ENDLESS, SMALL, Served, served, serving, workers

pytestmark = pytest.mark.slow
KILLS = int(os.environ.get("KILLS", "2"))
"""Of the server: every other time its worker is killed before it, else it has to go by itself."""
LONG = SMALL | {"iterations": 300}


@contextmanager
def command(folder: Path) -> Iterator[tuple[subprocess.Popen[str], Served]]:
    """`cxstyle serve` in a process of its own; ended kindly where it is still there."""
    process, link = serving(folder)
    with Served(link) as client:
        yield process, client
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert errors == ""


def check_folder(folder: Path) -> None:
    """Nothing half-written, and nothing of what is no more."""
    for name in files_in(folder):
        assert not name.endswith(".part"), name
        assert name.startswith(("pictures/", "runs/", "videos/", ".lock")), name


def test_kills_of_worker_and_server_lose_nothing(pair: tuple[Path, Path], tmp_path: Path) -> None:
    chance = random.Random(0)
    with served(tmp_path) as page:
        key, whole = page.begin(pair, LONG, preset="fast"), page.begin(pair, SMALL)
        page.until(key, lambda run: run["done"] > 0)
    for kill in range(KILLS):
        with command(tmp_path) as (process, page):
            run = page.run(key)
            assert run["status"] in ("stopped", "failed"), run
            assert run["resumable"], run
            page.ended(whole)
            page.post(f"/api/runs/{key}/resume")
            page.until(key, lambda run: run["place"] != "" or run["status"] == "failed")
            time.sleep(chance.random() / 2)
            computing = workers(process.pid)
            for worker in computing if kill % 2 else []:
                worker.kill()
            time.sleep(chance.random() / 2)
            assert page.run(key)["status"] in ("running", "failed")
            process.kill()
            assert psutil.wait_procs(computing, timeout=60)[1] == []
        check_folder(tmp_path)
    with served(tmp_path) as page:
        assert page.run(whole)["status"] == "complete"
        if page.run(key)["status"] != "complete":
            page.post(f"/api/runs/{key}/resume")
        assert page.ended(key)["status"] == "complete"
        straight = page.begin(pair, LONG, preset="fast")
        page.ended(straight)
        assert page.image(f"runs/{key}/picture").tobytes() == page.image(f"runs/{straight}/picture").tobytes()
    check_folder(tmp_path)


def test_a_server_killed_while_files_come_leaves_none(pair: tuple[Path, Path], tmp_path: Path) -> None:
    cases = [case for case in corpus() if case.ends == REFUSED]
    with command(tmp_path) as (process, page):
        kept = page.upload(pair[0])
        for case in (cases * 200)[:200]:
            answer = page.post("/api/pictures", params={"name": f"a.{case.suffix}"}, content=case.data)
            page.refused(answer, 415)
        check_folder(tmp_path)

        def endless() -> Iterator[bytes]:
            for number in range(10_000):
                if number == 100:
                    process.kill()
                yield b"x" * 65536

        with pytest.raises(httpx.TransportError):
            page.post("/api/pictures", content=endless())
    with served(tmp_path) as page:
        assert [item["id"] for item in page.get("/api/pictures").json()] == [kept]
        check_folder(tmp_path)


@pytest.mark.parametrize("numbers", [[signal.SIGINT], [signal.SIGINT] * 2, [signal.SIGTERM] * 2])
def test_an_end_comes_soon_and_quietly_however_often_asked_for(
    pair: tuple[Path, Path], tmp_path: Path, numbers: list[signal.Signals]
) -> None:
    with command(tmp_path) as (process, page), ExitStack() as stack:
        port = page.base_url.port
        key = page.begin(pair, ENDLESS)
        page.until(key, lambda run: run["done"] > 0)
        computing = workers(process.pid)
        unfinished = f"POST /api/pictures HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 99\r\n\r\nx"
        silent = f"GET /api/events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n"
        for request in (unfinished, silent):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port or 0)))
            connection.sendall(request.encode())
        for number in numbers:
            process.send_signal(number)
            time.sleep(0.1)
        process.wait(timeout=30)
        assert not any(worker.is_running() for worker in computing)
    with served(tmp_path) as page:
        assert page.run(key)["status"] == "stopped"

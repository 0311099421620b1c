"""The folder of the page's server: nothing in it is lost, whoever made it."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from helpers import files_in, refused
from served import ENDLESS, SMALL, Served, served


@pytest.mark.parametrize("name", ["runs/exp1/weights.bin", "pictures/Holiday/a.jpg", "incoming/a", "notes.txt"])
def test_a_folder_of_other_things_is_refused_and_left(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("mine")
    says = "holds other things; name an empty or a new folder"
    refused(1, says, "serve", "--no-browser", "--folder", tmp_path)
    assert files_in(tmp_path) == [name]


@pytest.fixture(scope="module")
def used(pair: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """A folder of a picture and a run, and their ids."""
    folder = tmp_path_factory.mktemp("used")
    with served(folder) as page:
        picture, run = page.upload(pair[0]), page.begin(pair)
        page.ended(run)
    return folder, picture, run


@pytest.mark.parametrize(
    "content",
    ['{"id": "', "[]", '{"id": "x"}', "OTHER", '{"targets": 3}', "[" * 100_000, '{"minutes": NaN}', '{"name": "../a"}'],
)
def test_what_can_not_be_read_stays_and_is_told(pair, used, tmp_path: Path, content: str) -> None:
    folder, picture, run = used
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    for path in (tmp_path / "pictures" / picture / "about.json", tmp_path / "runs" / run / "run.json"):
        known = json.loads(path.read_text())
        changed = known | ({"id": "other"} if content == "OTHER" else {})
        if content.startswith("{") and content.endswith("}"):
            changed |= {"added": "x"} | json.loads(content)
        path.write_text(content if changed == known else json.dumps(changed))
    (tmp_path / "runs" / "0123456789").mkdir()
    (tmp_path / "runs" / "0123456789" / ".0.part").touch()
    before = [name for name in files_in(tmp_path) if not name.endswith(".part")]
    with served(tmp_path) as page:
        assert page.get("/api/runs").json() == []
        assert picture not in [item["id"] for item in page.get("/api/pictures").json()]
        assert files_in(tmp_path) == before
        assert len(page.store.notes) == 2
        assert page.upload(pair[0]) == picture  # mends it
        assert page.get(f"/api/pictures/{picture}").content == pair[0].read_bytes()


def test_the_same_bytes_sent_at_once_are_kept(pair: tuple[Path, Path], tmp_path: Path) -> None:
    with served(tmp_path) as page:
        address, content = str(page.base_url), pair[0].read_bytes()

        def send(number: int) -> tuple[int, str]:
            with Served(address) as client:
                answer = client.post("/api/pictures", params={"name": f"{number}.png"}, content=content)
                return answer.status_code, answer.text

        with ThreadPoolExecutor(12) as threads:
            ((status, item),) = set(threads.map(send, range(12)))
        assert status == 201
        assert page.get(f"/api/pictures/{json.loads(item)['id']}").content == content
        assert files_in(tmp_path / "incoming") == []


def blocked(folder: Path, run: str) -> None:
    """Nothing can be written in place of a run.json any more."""
    path = folder / "runs" / run / "run.json"
    path.unlink()
    (path / "x").mkdir(parents=True)


def test_what_can_not_be_written_leaves_all_as_it_was(pair: tuple[Path, Path], tmp_path: Path) -> None:
    with served(tmp_path) as page:
        running, other, third = (page.begin(pair, ENDLESS) for _ in range(3))
        blocked(tmp_path, other)
        assert "can't write run.json" in page.refused(page.post(f"/api/runs/{other}/stop"), 500)
        assert (page.run(other)["status"], page.run(other)["position"]) == ("waiting", 1)
        page.post(f"/api/runs/{running}/stop")
        page.ended(running)
        failed = page.ended(other)
        assert failed["status"] == "failed"
        assert "can't write run.json" in failed["error"]
        page.until(third, lambda run: run["status"] == "running")
        blocked(tmp_path, running)
        assert "can't write run.json" in page.refused(page.post(f"/api/runs/{running}/resume"), 500)
        assert (page.run(running)["status"], page.run(running)["resumable"]) == ("stopped", True)
        for key in (running, other, third):
            assert page.delete(f"/api/runs/{key}").status_code == 204
        source = page.upload(pair[0])
        (tmp_path / "runs").rename(tmp_path / "gone")
        (tmp_path / "runs").touch()
        asked = {"source": source, "targets": [source], "preset": "fast", "settings": SMALL}
        page.refused(page.post("/api/runs", json=asked), 500)
        assert page.get("/api/runs").json() == []


def test_a_picture_sent_shown_and_deleted_at_once_is_there_or_not(pair: tuple[Path, Path], tmp_path: Path) -> None:
    with served(tmp_path) as page:
        key, address = page.upload(pair[0]), str(page.base_url)

        def ask(number: int) -> set[int]:
            statuses = set()
            with Served(address) as client:
                for turn in range(30):
                    if (turn + number) % 4 == 0:
                        answer = client.post("/api/pictures", params={"name": "a.png"}, content=pair[0].read_bytes())
                    elif (turn + number) % 4 == 1:
                        answer = client.delete(f"/api/pictures/{key}")
                    else:
                        wanted = {"edge": turn + 1} if turn % 2 else {}
                        answer = client.get(f"/api/pictures/{key}", params=wanted)
                    statuses.add(answer.status_code)
            return statuses

        with ThreadPoolExecutor(8) as threads:
            assert set().union(*threads.map(ask, range(8))) <= {200, 201, 204, 404}

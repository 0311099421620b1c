"""The folder of the page's server: nothing in it is lost, whoever made it."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from helpers import files_in, refused
from served import Served, served

pytestmark = pytest.mark.xdist_group("serve")


@pytest.mark.parametrize("name", ["runs/exp1/weights.bin", "pictures/Holiday/a.jpg", "incoming/a", "notes.txt"])
def test_a_folder_of_other_things_is_refused_and_left(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("mine")
    says = "holds other things; name an empty or a new folder"
    refused(1, says, "serve", "--no-browser", "--folder", tmp_path)
    assert files_in(tmp_path) == [name]


@pytest.mark.parametrize(
    "content",
    ['{"id": "', "[]", '{"id": "x"}', "OTHER", '{"targets": 3}', "[" * 100_000, '{"minutes": NaN}', '{"name": "../a"}'],
)
def test_what_can_not_be_read_stays_and_is_told(pair: tuple[Path, Path], tmp_path: Path, content: str) -> None:
    with served(tmp_path) as page:
        picture, run = page.upload(pair[0]), page.begin(pair)
        page.ended(run)
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
        assert len(page.server.store.notes) == 2  # type: ignore[attr-defined]
        assert page.upload(pair[0]) == picture  # mends it
        assert page.get(f"/api/pictures/{picture}").content == pair[0].read_bytes()


def test_the_same_bytes_sent_at_once_are_kept(pair: tuple[Path, Path], tmp_path: Path) -> None:
    with served(tmp_path) as page:
        address, content, found = str(page.base_url), pair[0].read_bytes(), []

        def send(number: int) -> None:
            with Served(address) as client:
                answer = client.post("/api/pictures", params={"name": f"{number}.png"}, content=content)
                found.append((answer.status_code, answer.json()))

        threads = [threading.Thread(target=send, args=(number,)) for number in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {status for status, _ in found} == {201}
        assert len({json.dumps(item) for _, item in found}) == 1
        assert page.get(f"/api/pictures/{found[0][1]['id']}").content == content
        assert files_in(tmp_path / "incoming") == []

"""The page's server, as a program speaks with it: pictures, runs, their queue and history."""

from __future__ import annotations

import dataclasses
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from broken.pictures import REFUSED, corpus
from generators import moving, with_sound
from helpers import done, files_in, halves, painted, refused, size_of, wait_until
from PIL import Image
from served import ENDLESS, SMALL, Served, served, workers

from cxstyle import StyleConfig
from cxstyle.pictures import read_photo
from cxstyle.settings import preset_names
from cxstyle.transfer import read_record


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("served")) as client:
        yield client


def test_settings_come_from_their_own_fields(page: Served) -> None:
    about = page.get("/api").json()
    assert [preset["name"] for preset in about["presets"]] == preset_names()
    found = {field["name"]: field for field in about["fields"]}
    for field in dataclasses.fields(StyleConfig):
        if "help" in field.metadata and field.name != "weights":
            assert found[field.name]["help"] == field.metadata["help"]
            assert found[field.name]["minimum"] == field.metadata.get("min")
    assert (found["colors"]["kind"], found["size"]["kind"], found["enlarge"]["kind"]) == ("choice", "integer", "flag")
    assert (found["size"]["default"], found["seed"]["default"]) == (None, 0)  # presets say the first
    assert page.get("/api/presets/fast").json()["size"] == StyleConfig.preset("fast").size
    assert "did you mean fast" in page.refused(page.get("/api/presets/fats"), 422)


def test_a_picture_is_kept_once_and_shown_at_any_size(page: Served, tmp_path: Path) -> None:
    path = tmp_path / "a b\u00fc.png"
    Image.new("RGBA", (80, 40), (10, 20, 30, 128)).save(path)
    key = page.upload(path)
    assert page.upload(path.rename(tmp_path / "other.png")) == key
    (item,) = (each for each in page.get("/api/pictures").json() if each["id"] == key)
    assert (item["name"], item["width"], item["height"], item["alpha"]) == ("a b\u00fc.png", 80, 40, True)
    answer = page.get(f"/api/pictures/{key}")
    assert (answer.content, answer.headers["content-type"]) == ((tmp_path / "other.png").read_bytes(), "image/png")
    image = page.image(f"pictures/{key}", edge=20)
    assert (image.size, image.format, image.mode) == ((20, 10), "PNG", "RGBA")
    assert page.delete(f"/api/pictures/{key}").status_code == 204
    assert page.refused(page.get(f"/api/pictures/{key}"), 404) == f"there is no picture {key}"


def test_a_run_makes_the_picture_that_the_library_makes(page: Served, pair: tuple[Path, Path]) -> None:
    from cxstyle import stylize

    key = page.begin(pair, preset="fast")
    run = page.ended(key)
    assert (run["status"], run["error"], run["done"]) == ("complete", "", 1)
    assert (run["result"], run["resumable"]) == (True, False)
    assert (run["name"], run["width"], run["height"]) == ("astronaut + hopper", 32, 32)
    assert run["curve"][-1][0] == 1
    here = stylize(*pair, StyleConfig.preset("fast").override(**SMALL))
    assert page.image(f"runs/{key}/picture").tobytes() == here.image.tobytes()
    report = page.get(f"/api/runs/{key}/record").json()
    assert (report["status"], report["settings"]["size"]) == ("complete", 32)
    assert [entry["total"] for entry in report["losses"]] == [entry["total"] for entry in here.losses]
    assert "checkpoint" not in " ".join(files_in(page.store.folder / "runs" / key))


@pytest.mark.parametrize(("kind", "name"), [("png", "PNG"), ("jpg", "JPEG"), ("webp", "WEBP"), ("tif", "TIFF")])
def test_a_result_can_be_had_in_each_format_with_its_record(
    page: Served, pair: tuple[Path, Path], tmp_path: Path, kind: str, name: str
) -> None:
    key = next((run["id"] for run in page.get("/api/runs").json() if run["result"]), None) or page.begin(pair)
    page.ended(key)
    answer = page.get(f"/api/runs/{key}/picture", params={"format": kind, "quality": 80, "download": 1})
    assert answer.headers["content-disposition"] == f"attachment; filename*=UTF-8''astronaut_hopper.{kind}"
    path = tmp_path / f"result.{kind}"
    path.write_bytes(answer.content)
    with Image.open(path) as image:
        assert image.format == name
    assert read_record(path).files["source"]["name"] == "astronaut.png"
    small = page.image(f"runs/{key}/picture", format=kind, edge=16)
    assert (small.format, max(small.size)) == (name, 16)
    assert page.get(f"/api/runs/{key}/picture", params={"v": 1}).headers["cache-control"].endswith("immutable")
    assert "use png, jpg" in page.refused(page.get(f"/api/runs/{key}/picture", params={"format": "gif"}), 400)


def masks(page: Served, pair: tuple[Path, Path], folder: Path) -> Iterator[str]:
    """Ids of masks by which halves of the pictures change sides."""
    yield page.upload(halves(folder / "a.png", "red", "blue"))
    yield page.upload(halves(folder / "b.png", "blue", "red", size_of(pair[1])))


def test_masks_and_weights_take_part(page: Served, pair: tuple[Path, Path], tmp_path: Path) -> None:
    source, target = masks(page, pair, tmp_path)
    key = page.begin(pair, source_mask=source, target_masks=[target], weights=[2])
    assert page.ended(key)["status"] == "complete"
    details = page.get(f"/api/runs/{key}/record").json()["details"]
    assert (details["labels"]["shared"], details["target_weights"]) == (["#ff0000", "#0000ff"], [1])


def test_what_a_run_is_doing_is_told_as_it_happens(page: Served, pair: tuple[Path, Path]) -> None:
    key = page.begin(pair, ENDLESS)
    numbers, tails = [], []
    for name, content in page.events():
        if name == "run" and content["id"] == key and content["picture_number"]:
            numbers.append(content["picture_number"])
            tails.append(content["curve_tail"])
            assert "curve" not in content
            assert (content["status"], content["scales"], content["place"][:9]) == ("running", 1, "scale 1/1")
        if len(set(numbers)) == 3:
            break
    assert numbers == sorted(numbers)
    assert tails[-1]
    seen = page.image(f"runs/{key}/preview")
    assert (seen.size, seen.format) == ((32, 32), "JPEG")
    assert page.get(f"/api/runs/{key}/preview").headers["cache-control"] == "no-store"
    assert page.delete(f"/api/runs/{key}").status_code == 204
    assert page.refused(page.get(f"/api/runs/{key}"), 404) == f"there is no run {key}"


def test_a_stop_keeps_the_picture_and_goes_on_to_the_same_pixels(page: Served, pair: tuple[Path, Path]) -> None:
    longer = SMALL | {"iterations": 60}
    whole, key = page.begin(pair, longer), page.begin(pair, longer)
    assert page.ended(whole)["status"] == "complete"
    page.until(key, lambda run: run["done"] > 0)
    assert page.post(f"/api/runs/{key}/stop").status_code == 200
    stopped = page.ended(key)
    assert (stopped["status"], stopped["result"], stopped["resumable"]) == ("stopped", True, True)
    assert 0 < stopped["done"] < 1
    assert page.get(f"/api/runs/{key}/record").json()["status"] == "stopped"
    assert "nothing to stop" in page.refused(page.post(f"/api/runs/{key}/stop"), 409)
    assert page.post(f"/api/runs/{key}/resume").status_code == 200
    again = page.ended(key)
    assert (again["status"], again["resumable"], again["done"]) == ("complete", False, 1)
    assert page.image(f"runs/{whole}/picture").tobytes() == page.image(f"runs/{key}/picture").tobytes()
    assert "nothing to go on with" in page.refused(page.post(f"/api/runs/{key}/resume"), 409)


def test_runs_wait_for_each_other_in_an_order_that_can_be_changed(page: Served, pair: tuple[Path, Path]) -> None:
    first, *others = (page.begin(pair, ENDLESS) for _ in range(4))
    assert [page.run(key)["position"] for key in (first, *others)] == [0, 1, 2, 3]
    state = page.post("/api/queue", json={"order": others[::-1]}).json()
    assert state == {"waiting": others[::-1], "running": first}
    assert "each once" in page.refused(page.post("/api/queue", json={"order": others[:2]}), 422)
    used = page.run(first)["source"]
    assert "needs it" in page.refused(page.delete(f"/api/pictures/{used}"), 409)
    assert page.post(f"/api/runs/{others[1]}/stop").json()["status"] == "stopped"
    for key in (others[2], first):
        page.delete(f"/api/runs/{key}")
    page.until(others[0], lambda run: run["status"] == "running")
    page.delete(f"/api/runs/{others[0]}")
    page.delete(f"/api/runs/{others[1]}")


def test_history_and_queue_outlive_the_server_and_a_process_with_nothing_to_do_ends(
    pair: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = workers()
    with served(tmp_path) as first:
        made = first.begin(pair)
        first.ended(made)
        running, waiting = first.begin(pair, ENDLESS), first.begin(pair)
        first.until(running, lambda run: run["done"] > 0)
        picture = first.get(f"/api/runs/{made}/picture").content
    monkeypatch.setattr("cxstyle.web.pool.IDLE", 0.1)
    with served(tmp_path) as second:
        assert [run["id"] for run in second.get("/api/runs").json()] == [waiting, running, made]
        assert second.get(f"/api/runs/{made}/picture").content == picture
        stopped = second.run(running)
        assert (stopped["status"], stopped["result"], stopped["resumable"]) == ("stopped", True, True)
        assert stopped["notes"] == ["the server ended while this ran"]
        assert second.ended(waiting)["status"] == "complete"
        wait_until(lambda: not workers() - others)
        for key in (made, running, waiting):
            second.delete(f"/api/runs/{key}")
        for item in second.get("/api/pictures").json():
            second.delete(f"/api/pictures/{item['id']}")
    assert files_in(tmp_path) == [".lock"]


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"settings": {"sise": 64}}, "settings: 'sise' is not known; did you mean size?"),
        ({"settings": {"size": 3}}, "size: must be a number at least 32"),
        ({"settings": {"weights": "/etc/passwd"}}, "settings: 'weights' is not known"),
        ({"settings": {"init": "/etc/passwd"}}, "there is no picture /etc/passwd"),
        ({"settings": [1]}, "settings: Expected object, got array"),
        ({"preset": "fats"}, "did you mean fast?"),
        ({"targets": []}, "targets: at least one is needed"),
        ({"targets": ["0" * 16]}, "there is no picture 0000000000000000"),
        ({"source": None}, "source: missing"),
        ({"source": "../../etc/passwd"}, "there is no picture ../../etc/passwd"),
        ({"weights": [1, 2]}, "target-weights: one for each target is needed, got 2 for 1"),
        ({"target_masks": ["SOURCE"]}, "target-mask: needs the source mask, too"),
        ({"source_mask": "SOURCE", "target_masks": ["SOURCE"]}, "a mask covers the whole picture, in the same shape"),
        ({"kind": "puppet"}, "did you mean picture?"),
        ({"kind": "animation"}, "animation: a video and one target are needed"),
        ({"status": "complete"}, "run: 'status' is not known; did you mean"),
        ({"minutes": 1}, "minutes, model: these are for an animation"),
        ({"model": "x"}, "minutes, model: these are for an animation"),
        ({"kind": "animation", "minutes": 10**400}, "minutes: Number out of range"),
    ],
)
def test_a_run_that_can_not_be_is_refused(
    page: Served, pair: tuple[Path, Path], asked: dict[str, object], says: str
) -> None:
    source, target = map(page.upload, pair)
    text = json.dumps({"source": source, "targets": [target], "preset": "fast"} | asked).replace("SOURCE", source)
    before = len(page.get("/api/runs").json())
    assert says in page.refused(page.post("/api/runs", content=text), 422)
    assert len(page.get("/api/runs").json()) == before


DEEP = b'{"targets": ' + b"[" * 900 + b"]" * 900 + b"}"
CONTENTS = [(b"{", 400), (b"[1]", 400), (b" " * 1_000_001, 413), (b"[" * 100_000, 400), (DEEP, 422)]
CONTENTS += [(b"\xff", 400), (b'{"targets": ' + b"[" * 100_000, 400)]
CONTENTS += [(b'{"minutes": %s}' % number, 400) for number in (b"NaN", b"Infinity", b"-Infinity", b"1e999")]


@pytest.mark.parametrize(("content", "status"), CONTENTS)
def test_what_is_no_json_object_is_refused(page: Served, content: bytes, status: int) -> None:
    page.refused(page.post("/api/runs", content=content), status)


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/api/nothing", 404),
        ("/static/nothing.js", 404),
        ("/static/../app.py", 404),
        ("/static/%2e%2e/app.py", 404),
        ("/api/pictures/..%2f..%2fetc", 404),
        ("/api/runs/none/picture", 404),
        ("/api/videos/none/frame", 404),
        ("/api/pictures/SAMPLE?edge=" + "1" * 5000, 400),
        ("/api/pictures/SAMPLE?edge=000000000000000000009", 400),
    ],
)
def test_there_is_nothing_elsewhere(page: Served, address: str, status: int) -> None:
    sample = page.get("/api").json()["samples"][0]["id"]
    page.refused(page.get(address.replace("SAMPLE", sample)), status)


def test_a_failure_is_told_in_a_line_without_places(page: Served, pair: tuple[Path, Path], tmp_path: Path) -> None:
    Image.new("RGBA", (64, 64), (1, 2, 3, 0)).save(tmp_path / "clear.png")
    asked = {"source": page.upload(pair[0]), "targets": [page.upload(tmp_path / "clear.png")]}
    line = page.refused(page.post("/api/runs", json=asked), 422)
    assert line == "clear.png is transparent all over; there is nothing to match"
    ended = page.ended(page.begin(pair, SMALL | {"memory": 2_000_000}))
    assert (ended["status"], ended["resumable"]) == ("failed", False)
    assert ended["error"].startswith("32x32 px on cpu needs")
    page.delete(f"/api/runs/{ended['id']}")


def test_the_match_shows_which_part_draws_from_which(page: Served, pair: tuple[Path, Path], tmp_path: Path) -> None:
    source, target = map(page.upload, pair)
    found = page.post("/api/match", json={"source": source, "target": source}).json()
    (rows, columns), count = found["source"], len(found["cells"])
    assert found["target"] == found["source"]
    assert (count, len(found["sure"])) == (rows * columns, rows * columns)
    own = sum([row, column] == [*divmod(index, columns)] for index, (row, column) in enumerate(found["cells"]))
    assert own > 0.9 * count  # of itself each part finds itself
    keys = dict(zip(("source_mask", "target_mask"), masks(page, pair, tmp_path), strict=True))
    found = page.post("/api/match", json={"source": source, "target": target} | keys).json()
    left = [column < found["source"][1] // 2 for index in range(len(found["cells"])) for column in [index % columns]]
    right = [column >= found["target"][1] // 2 for _, column in found["cells"]]
    assert sum(a == b for a, b in zip(left, right, strict=True)) > 0.9 * len(left)
    only = {"source": source, "target": target, "source_mask": keys["source_mask"]}
    assert "needs the target mask, too" in page.refused(page.post("/api/match", json=only), 422)


def test_a_letterbox_is_not_drawn_from(page: Served, pair: tuple[Path, Path], tmp_path: Path) -> None:
    with Image.open(pair[0]) as image:
        boxed = Image.new("RGB", (image.width, image.height + 40))
        boxed.paste(image, (0, 20))
        boxed.save(tmp_path / "boxed.png")
    keys = {"source": page.upload(pair[0]), "target": page.upload(tmp_path / "boxed.png")}
    found = page.post("/api/match", json=keys).json()
    share = 20 / boxed.height * found["target"][0]
    assert share - 1 <= min(row for row, _ in found["cells"])
    assert max(row for row, _ in found["cells"]) <= found["target"][0] - share


def test_a_video_is_animated_and_its_network_used_again(page: Served, tmp_path: Path) -> None:
    with_sound(tmp_path / "head.mp4", moving(8))
    video = page.upload(tmp_path / "head.mp4", "videos")
    (item,) = page.get("/api/videos").json()
    assert (item["width"], item["height"], item["frames_per_second"]) == (48, 32, 8)
    assert page.image(f"videos/{video}/frame", at=0.5, edge=24).size == (24, 16)
    target = page.upload(painted(tmp_path / "still.png", "orange"))
    asked = {"kind": "animation", "video": video, "targets": [target], "minutes": 0.001, "settings": {"device": "cpu"}}
    key = page.post("/api/runs", json=asked).json()["id"]
    made = page.ended(key)
    assert (made["status"], made["error"], made["width"], made["height"]) == ("complete", "", 48, 32)
    answer = page.get(f"/api/runs/{key}/video")
    assert answer.headers["content-type"] == "video/mp4"
    assert b"ftyp" in answer.content[:12]
    assert page.get(f"/api/runs/{key}/preview").headers["content-type"] == "image/jpeg"
    again = page.post("/api/runs", json=asked | {"model": key}).json()["id"]
    assert page.ended(again)["status"] == "complete"
    assert "is no animation" in page.refused(page.post("/api/runs", json=asked | {"model": "none"}), 422)
    page.refused(page.post("/api/videos", params={"name": "a.mp4"}, content=b"no video"), 415)
    unnamed = page.post("/api/videos", content=(tmp_path / "head.mp4").read_bytes() + b"x")
    assert page.refused(unnamed, 415) == "video: the name of a video ends in one of .mp4, .mov, .mkv, .webm, .avi, .m4v"


def test_a_mistake_of_ours_is_one_line_too(page: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page.store.pictures, "listed", lambda: [][0])
    answer = page.get("/api/pictures")
    assert "this is a bug: IndexError" in page.refused(answer, 500)
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_files_that_are_no_pictures_leave_one_line_and_nothing_else(page: Served) -> None:
    before = files_in(page.store.folder)
    cases = [case for case in corpus() if case.ends == REFUSED and case.kind != "bombs"]
    for case in cases[:: max(1, len(cases) // 60)]:
        page.refused(page.post("/api/pictures", params={"name": f"a.{case.suffix}"}, content=case.data), 415)
    page.refused(page.post("/api/pictures", content=b""), 415)
    assert files_in(page.store.folder) == before


@pytest.mark.parametrize(
    "name",
    ["../../a.png", "/etc/a.png", "..", "a\0b.png", "about.json", "\u202ea.png", "x" * 500, ".lock", "", "C:\\a.png"],
)
def test_names_lead_nowhere(page: Served, pair: tuple[Path, Path], name: str) -> None:
    changed = pair[0].read_bytes() + name.encode()  # what follows a PNG's end is not read
    item = page.post("/api/pictures", params={"name": name}, content=changed).json()
    assert "/" not in item["name"]
    assert item["name"].isprintable()
    assert 0 < len(item["name"].encode()) < 150
    assert page.get(f"/api/pictures/{item['id']}").content == changed


def test_what_is_larger_than_the_limit_is_refused_unread(page: Served) -> None:
    most = page.get("/api").json()["limits"]["bytes"]
    port = page.base_url.port or 0
    request = f"POST /api/pictures HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: {most + 1}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(request.encode())
        assert connection.recv(4096).startswith(b"HTTP/1.1 413")


def test_a_folder_has_one_server_and_a_port_too(tmp_path: Path) -> None:
    with served(tmp_path / "one") as page:
        says = "is in use by another `cxstyle serve`; open its page, or take --folder"
        refused(1, says, "serve", "--no-browser", "--folder", tmp_path / "one")
        port = str(page.base_url.port)
        refused(2, f"can't listen at 127.0.0.1:{port}", "serve", "--no-browser", "--port", port)
    (tmp_path / "file").touch()
    refused(1, "can't make the folder", "serve", "--no-browser", "--folder", tmp_path / "file" / "x")
    assert "--no-browser" in done("serve", "--help").stdout


def test_a_result_of_16_bits_keeps_them(page: Served, pair: tuple[Path, Path], tmp_path: Path) -> None:
    from cxstyle.pictures import Writing, encode

    deep = tmp_path / "deep.png"
    deep.write_bytes(encode(torch.rand(1, 3, 40, 40), ".png", writing=Writing(bits=16)).content)
    key = page.begin((deep, pair[1]))
    page.ended(key)
    for kind in ("png", "tif"):
        path = tmp_path / f"result.{kind}"
        path.write_bytes(page.get(f"/api/runs/{key}/picture", params={"format": kind}).content)
        assert read_photo(path).bits == 16

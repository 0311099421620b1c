"""Who may not speak with the page's server: pages elsewhere, and those without the token."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from served import Served, served


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("guarded")) as client:
        yield client


@pytest.fixture(scope="module")
def abroad(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One that other machines can reach."""
    with served(tmp_path_factory.mktemp("abroad"), host="0.0.0.0") as client:
        yield client


ELSEWHERE = [
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": "https://127.0.0.1:PORT"},
    {"Origin": "http://127.0.0.1:1"},
    {"Origin": "http://localhost:PORT"},  # another than the one that was asked
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Host": "evil.example"},
    {"Host": "evil.example:PORT"},
    {"Host": "127.0.0.1"},
    {"Host": "127.0.0.1:1"},
    {"Host": "127.0.0.1.evil.example:PORT"},
    {"Host": "localhost.:PORT"},
]


@pytest.mark.parametrize("headers", ELSEWHERE)
def test_a_page_elsewhere_can_neither_start_a_run_nor_read_a_picture(
    page: Served, pair: tuple[Path, Path], headers: dict[str, str]
) -> None:
    own = {name: value.replace("PORT", str(page.base_url.port)) for name, value in headers.items()}
    key = page.upload(pair[0])
    for address in ("/", "/api", "/static/gallery.css", f"/api/pictures/{key}", "/api/runs", "/api/events"):
        page.refused(page.get(address, headers=own), 403)
    asked = {"source": key, "targets": [key], "settings": {"size": 32, "iterations": 1}}
    page.refused(page.post("/api/runs", json=asked, headers=own), 403)
    page.refused(page.post("/api/pictures", content=pair[0].read_bytes(), headers=own), 403)
    page.refused(page.delete(f"/api/pictures/{key}", headers=own), 403)
    assert page.get("/api/runs").json() == []


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://127.0.0.1:PORT", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {"Host": "localhost:PORT", "Origin": "http://localhost:PORT"},
        {"Host": "[::1]:PORT"},
    ],
)
def test_its_own_page_and_programs_are_let_in(page: Served, headers: dict[str, str]) -> None:
    own = {name: value.replace("PORT", str(page.base_url.port)) for name, value in headers.items()}
    assert page.get("/api", headers=own).status_code == 200


@pytest.mark.parametrize("address", ["/api", "/static/gallery.css", "/api/none", "/api/pictures"])
def test_each_answer_forbids_what_is_not_needed(page: Served, address: str) -> None:
    for answer in (page.get(address), page.get(address, headers={"Host": "evil.example"})):
        headers = answer.headers
        rules = dict(rule.strip().split(" ", 1) for rule in headers["content-security-policy"].split(";"))
        assert rules["default-src"] == rules["frame-ancestors"] == rules["base-uri"] == rules["form-action"] == "'none'"
        assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "no-referrer")
        assert "access-control-allow-origin" not in headers


def test_files_of_the_page_are_asked_for_again(page: Served) -> None:
    answer = page.get("/static/gallery.css")
    assert answer.headers["cache-control"] == "no-cache"
    again = page.get("/static/gallery.css", headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer x"}, {"Authorization": ""}, {"Cookie": "cxstyle-PORT=x"}, {"Cookie": "\u00e4=;;="}],
)
def test_without_the_token_nobody_is_let_in_on_another_address(abroad: Served, headers: dict[str, str]) -> None:
    own = {name: value.replace("PORT", str(abroad.base_url.port)).encode() for name, value in headers.items()}
    for address in ("/", "/api", "/static/gallery.css", "/?token=x", "/?token=", "/api?token=x", "/api/events"):
        assert "token is missing" in abroad.refused(abroad.get(address, headers=own), 401)
    abroad.refused(abroad.post("/api/runs", json={}, headers=own), 401)


def test_the_link_gives_a_cookie_and_programs_send_the_token(abroad: Served) -> None:
    link = httpx.URL(abroad.link)
    token = link.params["token"]
    assert len(token) >= 32
    answer = abroad.get("/", params={"token": token})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    given = answer.headers["set-cookie"].lower()
    assert "httponly" in given
    assert "samesite=strict" in given
    abroad.cookies.clear()
    cookie = {"Cookie": answer.headers["set-cookie"].split(";")[0]}
    assert abroad.get("/api", headers=cookie).status_code == 200
    bearer = {"Authorization": f"Bearer {token}"}
    assert abroad.get("/api", headers=bearer).status_code == 200
    assert abroad.get("/api", headers=bearer | {"Host": f"192.0.2.7:{link.port}"}).status_code == 200
    for odd in ("a=b c; {}", "\u00e4=;;=; x[]=1; {}", '{{"a":1}}; {}; b="'):  # of other servers of this machine
        assert abroad.get("/api", headers={"Cookie": odd.format(cookie["Cookie"]).encode()}).status_code == 200
    assert abroad.get("/api", headers=bearer | {"Host": f"{socket.gethostname()}:{link.port}"}).status_code == 200
    abroad.refused(abroad.get("/api", headers=bearer | {"Host": f"evil.example:{link.port}"}), 403)
    abroad.refused(abroad.get("/api", headers=bearer | {"Origin": "http://evil.example"}), 403)
    abroad.refused(abroad.get("/api", params={"token": token}), 401)  # only the page's own address takes it


def test_each_address_of_this_machine_has_a_link_that_works(tmp_path: Path) -> None:
    with served(tmp_path, host="127.0.0.2") as page:
        assert page.base_url.host == "127.0.0.2"
        assert page.get("/api").status_code == 200

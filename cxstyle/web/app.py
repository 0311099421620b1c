"""The addresses of the page's server; see `cxstyle docs web`."""

from __future__ import annotations

import asyncio
import errno
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from .. import __version__
from ..batch.worker import read
from ..checks import check_choice, converted, one_line
from ..errors import ConfigError, CxStyleError, PictureError
from ..pictures import FORMATS, most_bytes, most_pixels
from .fields import fields, preset_values, presets
from .queue import PREVIEW_EDGE, RunQueue
from .safety import bug, http_error, refusal
from .store import TEMPORARY, Item, Run, Shelf, Store, file_name
from .views import encoded, frame_at, media_type, smaller
from .worker import VIDEO

PAGE = Path(__file__).with_name("page")
MOST_BYTES = 300_000_000
"""Of a picture that is sent; a video may have ten times as many."""
MOST_JSON = 1_000_000
READ_FIRST = 20_000_000
"""Pixels up to which what a run is given is read before it waits, as it will be read again, to refuse it at once."""
LARGEST = 4096
"""Pixels of the long edge of a smaller picture, at most."""
FOREVER = {"Cache-Control": "private, max-age=31536000, immutable"}
"""The same id, the same bytes."""
ASKED = ["source", "targets", "weights", "source_mask", "target_masks", "preset", "settings", "kind", "name"]
ASKED += ["video", "minutes", "model"]
"""What may be said of a new run."""


class Pages:
    """Answers of the server; `device` is in place of what settings say, or auto for that."""

    def __init__(self, store: Store, device: str = "auto") -> None:
        self.store, self.device = store, device
        self.queue = RunQueue(store, None if device == "auto" else device)
        handlers: dict[Any, Any] = {HTTPException: http_error, CxStyleError: self.failed, OSError: self.failed}
        handlers[RecursionError] = lambda *_: refusal("that JSON is nested too deeply", 400)
        handlers[Exception] = lambda _, error: bug(error)
        self.app = Starlette(routes=self.routes(), lifespan=self.lifespan, exception_handlers=handlers)

    @asynccontextmanager
    async def lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        self.queue.begin()
        with suppress(asyncio.CancelledError):  # somebody who can't wait has asked for the end once more
            yield
            await self.queue.close()

    def failed(self, _request: Request, error: Exception) -> Response:
        """What cxstyle or the system refuses, in a line; its status by what the system said, then by its class."""
        reason = error if isinstance(error, OSError) else error.__cause__
        if isinstance(reason, FileNotFoundError):  # deleted meanwhile
            status = 404
        elif isinstance(reason, OSError) and reason.errno in (errno.ENOSPC, errno.EDQUOT):
            status = 507
        else:
            status = 422 if isinstance(error, ConfigError | PictureError) else 500
        said = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) and error.filename else error
        return refusal(self.store.plain(said), status)

    def routes(self) -> list[Route | Mount]:
        def at(request: str, endpoint: Callable[[Request], Awaitable[Response]]) -> Route:
            method, path = request.split()
            return Route(path, endpoint, methods=[method])

        shelves: list[Route | Mount] = []
        for shelf in (self.store.pictures, self.store.videos):
            kind = f"/api/{shelf.folder.name}"
            shelves += [at(f"POST {kind}", partial(self.receive, shelf)), at(f"GET {kind}", partial(self.files, shelf))]
            shelves += [at(f"DELETE {kind}/{{id}}", partial(self.remove_file, shelf))]
        return [
            at("GET /", self.page),
            Mount("/static", StaticFiles(directory=PAGE)),
            at("GET /api", self.about),
            at("GET /api/presets/{name}", self.preset),
            *shelves,
            at("GET /api/pictures/{id}", self.picture),
            at("GET /api/videos/{id}/frame", self.frame),
            at("POST /api/runs", self.add_run),
            at("GET /api/runs", self.runs),
            at("GET /api/runs/{id}", self.show_run),
            at("DELETE /api/runs/{id}", self.remove_run),
            at("POST /api/runs/{id}/stop", partial(self.change, RunQueue.stop)),
            at("POST /api/runs/{id}/resume", partial(self.change, RunQueue.resume)),
            at("GET /api/runs/{id}/preview", self.preview),
            at("GET /api/runs/{id}/picture", self.result),
            at("GET /api/runs/{id}/record", self.record),
            at("GET /api/runs/{id}/video", self.video),
            at("POST /api/queue", self.reorder),
            at("POST /api/match", self.match),
            at("GET /api/events", self.events),
        ]

    # The page, and what there is.

    async def page(self, _request: Request) -> Response:
        return FileResponse(PAGE / "serve.html")

    async def about(self, _request: Request) -> Response:
        found = {
            "version": __version__,
            "device": await asyncio.to_thread(chosen, self.device),
            "presets": presets(),
            "default_preset": "default",
            "fields": fields(),
            "formats": [suffix.removeprefix(".") for suffix in FORMATS],
            "samples": [sample for sample, _ in self.store.pictures.samples.values()],
            "limits": {"bytes": min(MOST_BYTES, most_bytes()), "pixels": most_pixels()},
            "video": find_spec("av") is not None,
        }
        return JSONResponse(found)

    async def preset(self, request: Request) -> Response:
        return JSONResponse(preset_values(request.path_params["name"]))

    # Pictures and videos.

    async def receive(self, shelf: Shelf, request: Request) -> Response:
        """Keeps a file that is sent, once it turned out to be what it should be."""
        most, kind = min(MOST_BYTES, most_bytes()), shelf.folder.name
        most *= 10 if kind == "videos" else 1
        with TemporaryDirectory(prefix=TEMPORARY, dir=self.store.incoming, ignore_cleanup_errors=True) as incoming:
            path = Path(incoming) / file_name(request.query_params.get("name", kind[:-1]))
            with path.open("wb") as file:
                async for chunk in sent(request, most):
                    file.write(chunk)
            try:
                item = await asyncio.to_thread(shelf.add, path)
            except PictureError as error:
                return refusal(self.store.plain(error), 415)
        return JSONResponse(item, 201, {"Location": f"/api/{kind}/{item['id']}"})

    async def files(self, shelf: Shelf, _request: Request) -> Response:
        return JSONResponse(shelf.listed())

    async def remove_file(self, shelf: Shelf, request: Request) -> Response:
        key = request.path_params["id"]
        needed = self.queue.needs(key)
        if needed is not None:
            raise HTTPException(409, f"{needed.name} needs it; wait for its end, or cancel it")
        if key not in shelf.items:
            raise HTTPException(404, f"there is no {shelf.kind} {key[:40]}")
        shelf.remove(key)
        return Response(status_code=204)

    async def picture(self, request: Request) -> Response:
        """As it was sent, or smaller."""
        (item, path), edge = item_at(self.store.pictures, request), number_of(request, "edge", LARGEST)
        if edge is not None:
            content, media = await asyncio.to_thread(smaller, path, edge)
            return Response(content, media_type=media, headers=FOREVER)
        media = media_type(item["type"]) if item.get("type") else "application/octet-stream"
        content = await asyncio.to_thread(path.read_bytes)  # at once: it may be deleted at any time
        return Response(content, media_type=media, headers=FOREVER | disposition(path.name))

    async def frame(self, request: Request) -> Response:
        (_, path), edge = item_at(self.store.videos, request), number_of(request, "edge", LARGEST) or LARGEST
        try:
            seconds = float(request.query_params.get("at", "0"))
        except ValueError as error:
            raise HTTPException(400, "at: a number of seconds is needed") from error
        content = await asyncio.to_thread(frame_at, path, seconds, edge)
        return Response(content, media_type="image/jpeg", headers=FOREVER)

    async def match(self, request: Request) -> Response:
        """Which part of the target each part of the source draws from."""
        content = await read_json(request)
        mask = content.get("target_mask")
        wanted = {"targets": [content.get("target")], "target_masks": None if mask is None else [mask]}
        run = asked_for(wanted | {key: content.get(key) for key in ("source", "source_mask")})
        return JSONResponse(await self.queue.match(self.queue.job(run)))

    # Runs.

    async def add_run(self, request: Request) -> Response:
        run = asked_for(await read_json(request))
        job = self.queue.job(run)
        pictures, videos = self.store.pictures, self.store.videos
        source = videos.find(run.video) if run.video else pictures.find(run.source or "")
        used = [item for item, _ in (source, *map(pictures.find, run.targets))]
        run.width, run.height = used[0]["width"], used[0]["height"]
        run.name = file_name(run.name or " + ".join(Path(item["name"]).stem for item in used))
        if run.kind == "picture" and sum(item["width"] * item["height"] for item in used) <= READ_FIRST:
            await asyncio.to_thread(read, job)
        self.queue.add(run)
        return JSONResponse(self.queue.shown(run), 201, {"Location": f"/api/runs/{run.id}"})

    async def runs(self, _request: Request) -> Response:
        newest = sorted(self.store.runs.values(), key=lambda run: -run.created)
        return JSONResponse([self.queue.shown(run) for run in newest])

    def run_of(self, request: Request) -> Run:
        """The run of an address."""
        key = request.path_params["id"]
        if key not in self.store.runs:
            raise HTTPException(404, f"there is no run {key[:40]}")
        return self.store.runs[key]

    def file_of(self, request: Request, name: str, what: str) -> Path:
        """One of the files of an address's run."""
        run = self.run_of(request)
        path = self.store.file(run, name)
        if not path.exists():
            raise HTTPException(404, f"{run.name} has no {what}")
        return path

    async def show_run(self, request: Request) -> Response:
        return JSONResponse(self.queue.shown(self.run_of(request)))

    async def remove_run(self, request: Request) -> Response:
        self.queue.remove(self.run_of(request))
        return Response(status_code=204)

    async def change(self, how: Callable[[RunQueue, Run], None], request: Request) -> Response:
        run = self.run_of(request)
        try:
            how(self.queue, run)
        except ConfigError as error:
            raise HTTPException(409, str(error)) from error
        return JSONResponse(self.queue.shown(run))

    async def reorder(self, request: Request) -> Response:
        self.queue.reorder(converted((await read_json(request)).get("order"), list[str], "order"))
        return JSONResponse(self.queue.state())

    async def preview(self, request: Request) -> Response:
        """As it stands, or as it was last."""
        run, media = self.run_of(request), "image/jpeg"
        content, result = self.queue.previews.get(run.id), self.store.file(run, "result.png")
        if content is None and result.exists():
            edge = number_of(request, "edge", LARGEST) or PREVIEW_EDGE
            content, media = await asyncio.to_thread(smaller, result, edge)
        if content is None:
            content = self.file_of(request, "preview.jpg", "picture yet").read_bytes()
        return Response(content, media_type=media)

    async def result(self, request: Request) -> Response:
        """In a format or a size."""
        path = self.file_of(request, "result.png", "picture to download")
        suffix = f".{request.query_params.get('format', 'png')}"
        if suffix not in FORMATS:
            known = ", ".join(known.removeprefix(".") for known in FORMATS)
            raise HTTPException(400, f"format: {one_line(suffix[1:20])} is not known; use {known}")
        quality, edge = number_of(request, "quality", 100) or 95, number_of(request, "edge", LARGEST)
        media, headers = media_type(FORMATS[suffix].name), self.named(suffix, request)
        if "v" in request.query_params:  # another one for another result
            headers |= FOREVER
        if edge is None and suffix == ".png":
            return FileResponse(path, media_type=media, headers=headers, stat_result=path.stat())
        if edge is None:
            content = await asyncio.to_thread(encoded, path, suffix, quality)
        else:
            content, media = await asyncio.to_thread(smaller, path, edge, suffix)
        return Response(content, media_type=media, headers=headers)

    def named(self, suffix: str, request: Request) -> dict[str, str]:
        """Headers by which a result has a good name as a file: with its look and a number, from the oldest, where there
        are others of the same pictures."""
        run, kind = self.run_of(request), "attachment" if request.query_params.get("download") == "1" else "inline"
        others = (other for other in self.store.runs.values() if other.name == run.name)
        same = sorted(others, key=lambda other: other.created)
        apart = f"_{run.preset}_{same.index(run) + 1}" if len(same) > 1 else ""
        return disposition(f"{run.name.replace(' + ', '_')}{apart}{suffix}", kind)

    async def record(self, request: Request) -> Response:
        path = self.file_of(request, "record.json", "record yet")
        return FileResponse(path, media_type="application/json", stat_result=path.stat())

    async def video(self, request: Request) -> Response:
        path, headers = self.file_of(request, VIDEO, "video to download"), self.named(".mp4", request)
        return FileResponse(path, media_type="video/mp4", headers=headers, stat_result=path.stat())

    async def events(self, _request: Request) -> Response:
        """Server-sent events, at most four a second of each run."""

        async def lines() -> AsyncIterator[str]:
            queue = self.queue
            active = [*queue.order, *([queue.now[0]] if queue.now else [])]
            first = {f"run {run.id}": partial(queue.told_of, run) for run in active}
            async for event in queue.feed.events(first | {"queue": queue.state}):
                yield ": here\n\n" if event is None else f"event: {event[0]}\ndata: {json.dumps(event[1])}\n\n"

        return StreamingResponse(lines(), media_type="text/event-stream", headers={"Cache-Control": "no-store"})


@cache
def chosen(device: str) -> str:
    """The kind of a device, such as cpu, where its name may be auto."""
    from ..device import choose_device

    return choose_device(device).type


def item_at(shelf: Shelf, request: Request) -> tuple[Item, Path]:
    """The picture or video of an address."""
    try:
        return shelf.find(request.path_params["id"])
    except PictureError as error:
        raise HTTPException(404, str(error)) from error


def number_of(request: Request, name: str, most: int) -> int | None:
    """What an address asks for, from 1 up."""
    text = request.query_params.get(name)
    if text is not None and not (text.isdecimal() and len(text) < 10 and 1 <= int(text) <= most):
        raise HTTPException(400, f"{name}: a number from 1 to {most} is needed")
    return None if text is None else int(text)


def disposition(name: str, kind: str = "inline") -> dict[str, str]:
    return {"Content-Disposition": f"{kind}; filename*=UTF-8''{quote(name, safe='')}"}


async def sent(request: Request, most: int) -> AsyncIterator[bytes]:
    """What is sent, piece by piece; of more than so many bytes as little as can be."""
    size, refused = 0, HTTPException(413, f"at most {most:,} bytes are taken here")
    if int(request.headers.get("content-length") or 0) > most:
        raise refused
    async for chunk in request.stream():
        size += len(chunk)
        if size > most:
            raise refused
        yield chunk


async def read_json(request: Request) -> dict[str, Any]:
    """What was sent, as an object."""
    data = b"".join([chunk async for chunk in sent(request, MOST_JSON)])
    try:
        return msgspec.json.decode(data, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError) as error:
        raise HTTPException(400, f"a JSON object is needed, such as {{...}}: {error}") from error


def asked_for(content: dict[str, Any]) -> Run:
    """A run as somebody wants it; a ConfigError for what isn't known or has another type."""
    for key in content:
        check_choice("run", key, ASKED)
    given = {key: value for key, value in content.items() if value is not None}
    if not given.get("targets"):
        raise ConfigError("targets: at least one is needed")
    if "source" not in given and "video" not in given:
        raise ConfigError("source: missing")
    run: Run = converted({"id": secrets.token_hex(5)} | given, Run)
    return run

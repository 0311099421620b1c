"""The addresses of the page's server; see `cxstyle docs web`."""

from __future__ import annotations

import asyncio
import errno
import json
import math
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from .. import __version__
from ..batch.worker import read
from ..checks import converted, one_line
from ..errors import ConfigError, CxStyleError, PictureError, WeightsError
from ..features import find
from ..files import whole_file
from ..pictures import FORMATS, most_bytes, most_pixels
from ..settings import StyleConfig, preset_names
from .fields import fields, preset_values
from .queue import PREVIEW_EDGE, Listener, RunQueue
from .safety import bug, http_error, refusal
from .store import Run, Shelf, Store, file_name
from .views import TYPES, encoded, frame_at, smaller, smaller_of
from .worker import VIDEO

PAGE = Path(__file__).with_name("page")
MOST_BYTES = 300_000_000
"""Of a picture that is sent; a video may have ten times as many."""
MOST_JSON = 1_000_000
READ_FIRST = 20_000_000
"""Pixels up to which what a run is given is read before it waits, as it will be read again, to refuse it at once."""
LARGEST = 4096
"""Pixels of the long edge of a smaller picture, at most."""
AT_ONCE = 30_000_000
"""Bytes up to which a picture is read before its answer begins: it may be deleted at any time."""
FOREVER = {"Cache-Control": "private, max-age=31536000, immutable"}
"""The same id, the same bytes."""
ASKED = ["source", "targets", "weights", "source_mask", "target_masks", "preset", "settings", "kind", "name"]
ASKED += ["video", "minutes", "model"]
"""What may be said of a new run."""
Endpoint = Callable[[Request], Awaitable[Response]]


class Pages:
    """Answers of the server.

    Args:
        store: the folder.
        device: in place of what settings say; auto for that.
    """

    queue: RunQueue

    def __init__(self, store: Store, device: str = "auto") -> None:
        self.store, self.device = store, device
        handlers: dict[Any, Any] = {HTTPException: http_error, Exception: lambda _, error: bug(error)}
        self.app = Starlette(routes=[*self.routes()], lifespan=self.lifespan, exception_handlers=handlers)

    @asynccontextmanager
    async def lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        self.queue = RunQueue(self.store, None if self.device == "auto" else self.device)
        with suppress(asyncio.CancelledError):  # somebody who can't wait has asked for the end once more
            yield
            await self.queue.close()

    def hurry(self) -> None:
        """What runs isn't waited for any longer."""
        if hasattr(self, "queue"):
            self.queue.hurry = True

    def close(self) -> None:
        """Ends all processes, at once, where the end of the application has not done so."""
        if hasattr(self, "queue"):
            self.queue.pool.close()
            self.queue.matcher.close()

    def routes(self) -> list[Route | Mount]:
        def at(request: str, endpoint: Endpoint) -> Route:
            method, path = request.split()
            return Route(path, self.answering(endpoint), methods=[method])

        shelves = []
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
            at("POST /api/runs/{id}/stop", self.stop),
            at("POST /api/runs/{id}/resume", self.resume),
            at("GET /api/runs/{id}/preview", self.preview),
            at("GET /api/runs/{id}/picture", self.result),
            at("GET /api/runs/{id}/record", self.record),
            at("GET /api/runs/{id}/video", self.video),
            at("POST /api/queue", self.reorder),
            at("POST /api/match", self.match),
            at("GET /api/events", self.events),
        ]

    def answering(self, endpoint: Endpoint) -> Endpoint:
        """What cxstyle refuses, as an answer of one line."""

        async def answered(request: Request) -> Response:
            try:
                answer = await endpoint(request)
                if isinstance(answer, FileResponse):
                    answer.stat_result = Path(answer.path).stat()
                    answer.set_stat_headers(answer.stat_result)
                return answer
            except (CxStyleError, OSError) as error:
                return refusal(self.store.plain(error), status_of(error))
            except RecursionError:
                return refusal("that JSON is nested too deeply", 400)

        return answered

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
            "samples": [self.store.pictures.items[key] for key in self.store.pictures.samples],
            "limits": {"bytes": min(MOST_BYTES, most_bytes()), "pixels": most_pixels()},
            "video": find_spec("av") is not None,
            "queue_running": len(self.queue.order) + (self.queue.now is not None),
        }
        return JSONResponse(found)

    async def preset(self, request: Request) -> Response:
        return JSONResponse(preset_values(request.path_params["name"]))

    # Pictures and videos.

    async def receive(self, shelf: Shelf, request: Request) -> Response:
        """Keeps a file that is sent, once it turned out to be what it should be."""
        most, kind = min(MOST_BYTES, most_bytes()), shelf.folder.name
        most *= 10 if kind == "videos" else 1
        size = int(request.headers.get("content-length") or 0)
        if size > most:
            raise HTTPException(413, f"the file is larger than {most:,} bytes")
        name, incoming = file_name(request.query_params.get("name", kind[:-1])), self.store.new_folder()
        try:
            size = 0
            with whole_file(incoming / name) as file:
                async for chunk in request.stream():
                    size += len(chunk)
                    if size > most:
                        raise HTTPException(413, f"the file is larger than {most:,} bytes")
                    file.write(chunk)
            item = await asyncio.to_thread(shelf.add, incoming, name)
        except PictureError as error:
            return refusal(self.store.plain(error), 415)
        finally:
            shutil.rmtree(incoming, ignore_errors=True)
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
        smaller_of.cache_clear()
        return Response(status_code=204)

    async def picture(self, request: Request) -> Response:
        """As it was sent, or smaller."""
        path, edge = path_of(self.store.pictures, request), edge_of(request)
        if edge is not None:
            content, media = await asyncio.to_thread(smaller, path, edge)
            return Response(content, media_type=media, headers=FOREVER)
        media = TYPES.get(self.store.pictures.items[request.path_params["id"]]["type"], "application/octet-stream")
        headers = FOREVER | disposition(path.name)
        if path.stat().st_size > AT_ONCE:
            return FileResponse(path, media_type=media, headers=headers)
        return Response(await asyncio.to_thread(path.read_bytes), media_type=media, headers=headers)

    async def frame(self, request: Request) -> Response:
        path, edge = path_of(self.store.videos, request), edge_of(request) or LARGEST
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
        items = self.store.videos.items | self.store.pictures.items
        used = [items[key] for key in (run.video or run.source or "", *run.targets)]
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

    def file_of(self, request: Request, name: str, what: str) -> tuple[Run, Path]:
        """The run of an address, and one of its files."""
        run = self.run_of(request)
        path = self.store.file(run, name)
        if not path.exists():
            raise HTTPException(404, f"{run.name} has no {what}")
        return run, path

    async def show_run(self, request: Request) -> Response:
        return JSONResponse(self.queue.shown(self.run_of(request)))

    async def remove_run(self, request: Request) -> Response:
        self.queue.remove(self.run_of(request))
        smaller_of.cache_clear()
        return Response(status_code=204)

    async def stop(self, request: Request) -> Response:
        return self.changed(self.run_of(request), self.queue.stop)

    async def resume(self, request: Request) -> Response:
        return self.changed(self.run_of(request), self.queue.resume)

    def changed(self, run: Run, change: Callable[[Run], None]) -> Response:
        try:
            change(run)
        except ConfigError as error:
            raise HTTPException(409, str(error)) from error
        return JSONResponse(self.queue.shown(run))

    async def reorder(self, request: Request) -> Response:
        self.queue.reorder(converted((await read_json(request)).get("order"), list[str], "order"))
        return JSONResponse(self.queue.state())

    async def preview(self, request: Request) -> Response:
        """As it stands, or as it was last."""
        run = self.run_of(request)
        content, result = self.queue.previews.get(run.id), self.store.file(run, "result.png")
        if content is None and result.exists():
            content, _ = await asyncio.to_thread(smaller, result, edge_of(request) or PREVIEW_EDGE)
        if content is None:
            content = self.file_of(request, "preview.jpg", "picture yet")[1].read_bytes()
        return Response(content, media_type="image/png" if content[:4] == b"\x89PNG" else "image/jpeg")

    async def result(self, request: Request) -> Response:
        """In a format or a size."""
        run, path = self.file_of(request, "result.png", "picture to download")
        suffix, quality = f".{request.query_params.get('format', 'png')}", request.query_params.get("quality", "95")
        if suffix not in FORMATS:
            known = ", ".join(known.removeprefix(".") for known in FORMATS)
            raise HTTPException(400, f"format: {one_line(suffix[1:20])} is not known; use {known}")
        if not (quality.isdecimal() and len(quality) < 10 and 1 <= int(quality) <= 100):
            raise HTTPException(400, "quality: a number from 1 to 100 is needed")
        edge, media, headers = edge_of(request), TYPES[FORMATS[suffix].name], self.named(run, suffix, request)
        if edge is not None:
            content, media = await asyncio.to_thread(smaller, path, edge, suffix)
        elif suffix == ".png":
            return FileResponse(path, media_type=media, headers=headers)
        else:
            content = await asyncio.to_thread(encoded, path, suffix, int(quality))
        return Response(content, media_type=media, headers=headers)

    def named(self, run: Run, suffix: str, request: Request) -> dict[str, str]:
        """Headers by which a result has a good name as a file: with its look and a number, from the oldest, where there
        are others of the same pictures."""
        kind = "attachment" if request.query_params.get("download") == "1" else "inline"
        others = (other for other in self.store.runs.values() if other.name == run.name)
        same = sorted(others, key=lambda other: other.created)
        apart = f"_{run.preset}_{same.index(run) + 1}" if len(same) > 1 else ""
        return disposition(f"{run.name.replace(' + ', '_')}{apart}{suffix}", kind)

    async def record(self, request: Request) -> Response:
        return FileResponse(self.file_of(request, "record.json", "record yet")[1], media_type="application/json")

    async def video(self, request: Request) -> Response:
        run, path = self.file_of(request, VIDEO, "video to download")
        return FileResponse(path, media_type="video/mp4", headers=self.named(run, ".mp4", request))

    async def events(self, _request: Request) -> Response:
        """Server-sent events, at most four a second of each run."""

        async def lines() -> AsyncIterator[str]:
            queue, listener = self.queue, Listener(self.queue.feed)
            for run in [*queue.order, *([queue.now[0]] if queue.now else [])]:
                listener.tell(f"run {run.id}", partial(queue.told_of, run))
            listener.tell("queue", queue.state)
            async for event in listener.events():
                yield ": here\n\n" if event is None else f"event: {event[0]}\ndata: {json.dumps(event[1])}\n\n"

        return StreamingResponse(lines(), media_type="text/event-stream", headers={"Cache-Control": "no-store"})


def status_of(error: Exception) -> int:
    """What an error is in HTTP, by its class and by what the system said."""
    reason = error if isinstance(error, OSError) else error.__cause__
    if isinstance(reason, FileNotFoundError):  # deleted meanwhile
        return 404
    if isinstance(reason, OSError) and reason.errno in (errno.ENOSPC, errno.EDQUOT):
        return 507
    return 422 if isinstance(error, ConfigError | PictureError) else 500


def presets() -> list[dict[str, str]]:
    """Each with `needs`, the network that it asks for, where that isn't on this machine (yet)."""
    found = []
    for name in preset_names():
        preset = StyleConfig.preset(name)
        needs = {} if preset.features == "auto" or is_there(preset.features) else {"needs": preset.features}
        found.append({"name": name, "description": preset.description} | needs)
    return found


def is_there(network: str) -> bool:
    """A folder of weights that can't be looked into has none, as a run will tell."""
    try:
        return find(network) is not None
    except WeightsError:
        return False


@cache
def chosen(device: str) -> str:
    """The kind of a device, such as cpu, where its name may be auto."""
    from ..device import choose_device

    return choose_device(device).type


def path_of(shelf: Shelf, request: Request) -> Path:
    """The picture or video of an address."""
    try:
        return shelf.path(request.path_params["id"])
    except PictureError as error:
        raise HTTPException(404, str(error)) from error


def edge_of(request: Request) -> int | None:
    text = request.query_params.get("edge")
    if text is None:
        return None
    if not (text.isdecimal() and len(text) < 10 and 1 <= int(text) <= LARGEST):
        raise HTTPException(400, f"edge: a number of pixels from 1 to {LARGEST} is needed")
    return int(text)


def disposition(name: str, kind: str = "inline") -> dict[str, str]:
    return {"Content-Disposition": f"{kind}; filename*=UTF-8''{quote(name, safe='')}"}


async def read_json(request: Request) -> dict[str, Any]:
    """What was sent, as an object."""
    data = b""
    async for chunk in request.stream():
        data += chunk
        if len(data) > MOST_JSON:
            raise HTTPException(413, f"at most {MOST_JSON:,} bytes of JSON are taken")
    try:
        content = json.loads(data, parse_constant=finite_number, parse_float=finite_number)
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, "JSON is needed") from error
    if not isinstance(content, dict):
        raise HTTPException(400, "a JSON object is needed, such as {...}")
    return content


def finite_number(text: str) -> float:
    """Of JSON, whose standard knows no NaN, and no number beyond those of 64 bits."""
    if not math.isfinite(number := float(text)):
        raise ValueError("no finite number")
    return number


def asked_for(content: dict[str, Any]) -> Run:
    """A run as somebody wants it; a ConfigError for what isn't known or has another type."""
    for key in content:
        if key not in ASKED:
            raise ConfigError(f"{one_line(key)[:40]} is not known; use {', '.join(ASKED)}")
    given = {key: value for key, value in content.items() if value is not None}
    if not given.get("targets"):
        raise ConfigError("targets: at least one is needed")
    if "source" not in given and "video" not in given:
        raise ConfigError("source: missing")
    run: Run = converted({"id": ""} | given, Run)
    return run

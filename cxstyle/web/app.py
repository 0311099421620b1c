"""The addresses of the page's server; see `cxstyle docs web`."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import lru_cache, partial
from importlib.util import find_spec
from io import BytesIO
from itertools import islice
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
from ..batch.worker import preview, read
from ..checks import converted, one_line
from ..errors import ConfigError, CxStyleError, PictureError
from ..files import whole_file
from ..pictures import FORMATS, Origin, Writing, most_bytes, most_pixels, read_frames, read_photo
from ..settings import StyleConfig, preset_names
from .fields import fields, preset_values
from .queue import PREVIEW_EDGE, Listener, RunQueue
from .safety import http_error
from .store import DECODING, Run, Shelf, Store, file_name
from .worker import VIDEO

PAGE = Path(__file__).with_name("page")
MOST_BYTES = 300_000_000
"""Of a picture that is sent; a video may have ten times as many."""
MOST_JSON = 1_000_000
MATCHES = 50
"""That are remembered."""
MOST_SECONDS = 86400.0
READ_FIRST = 20_000_000
"""Pixels up to which what a run is given is read before it waits, as it will be read again, to refuse it at once."""
QUALITY = 88
LOOKING = 4096
"""Pixels of the long edge of a smaller picture, at most."""
TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp", "TIFF": "image/tiff", "BMP": "image/bmp"}
TYPES |= {"AVIF": "image/avif", "GIF": "image/gif"}
FOREVER = {"Cache-Control": "private, max-age=31536000, immutable"}
"""The same id, the same bytes."""
Endpoint = Callable[[Request], Awaitable[Response]]


def make_app(store: Store, device: str | None = None, named: str = "") -> Starlette:
    """The application of a folder.

    Args:
        store: the folder.
        device: in place of what settings say; None for that.
        named: the device, for people.
    """

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        app.state.store, app.state.device = store, named
        app.state.queue = RunQueue(store, device)
        yield
        await app.state.queue.close()

    return Starlette(routes=routes(), lifespan=lifespan, exception_handlers={HTTPException: http_error})


def routes() -> list[Route | Mount]:
    def at(path: str, method: str, endpoint: Endpoint) -> Route:
        return Route(path, answering(endpoint), methods=[method])

    def files(kind: str) -> list[Route]:
        one = f"/api/{kind}/{{id}}"
        listed = at(f"/api/{kind}", "GET", partial(list_files, kind))
        posted = at(f"/api/{kind}", "POST", partial(receive_file, kind))
        return [listed, posted, at(one, "DELETE", partial(remove_file, kind))]

    return [
        at("/", "GET", page),
        Mount("/static", StaticFiles(directory=PAGE)),
        at("/api", "GET", about),
        at("/api/presets/{name}", "GET", preset),
        *files("pictures"),
        *files("videos"),
        at("/api/pictures/{id}", "GET", picture),
        at("/api/videos/{id}/frame", "GET", frame),
        at("/api/runs", "POST", add_run),
        at("/api/runs", "GET", list_runs),
        at("/api/runs/{id}", "GET", show_run),
        at("/api/runs/{id}", "DELETE", remove_run),
        at("/api/runs/{id}/stop", "POST", stop_run),
        at("/api/runs/{id}/resume", "POST", resume_run),
        at("/api/runs/{id}/preview", "GET", show_preview),
        at("/api/runs/{id}/picture", "GET", result),
        at("/api/runs/{id}/record", "GET", record),
        at("/api/runs/{id}/video", "GET", video),
        at("/api/match", "POST", match),
        at("/api/queue", "POST", reorder),
        at("/api/events", "GET", events),
    ]


def answering(endpoint: Endpoint) -> Endpoint:
    """What cxstyle refuses, as an answer of one line."""

    async def answered(request: Request) -> Response:
        try:
            return await endpoint(request)
        except CxStyleError as error:
            status = 422 if isinstance(error, ConfigError | PictureError) else 500
            return JSONResponse({"error": request.app.state.store.plain(error)}, status)

    return answered


def queue_of(request: Request) -> RunQueue:
    found: RunQueue = request.app.state.queue
    return found


def shelf_of(kind: str, request: Request) -> Shelf:
    found: Shelf = getattr(request.app.state.store, kind)
    return found


def run_of(request: Request) -> Run:
    """The run of an address."""
    key = request.path_params["id"]
    try:
        return queue_of(request).get(key)
    except KeyError as error:
        raise HTTPException(404, f"there is no run {key[:40]}") from error


def file_of(kind: str, request: Request) -> Path:
    """The picture or video of an address."""
    try:
        return shelf_of(kind, request).path(request.path_params["id"])
    except PictureError as error:
        raise HTTPException(404, str(error)) from error


async def page(_request: Request) -> Response:
    if not (PAGE / "serve.html").exists():
        raise HTTPException(404, "the page isn't there; use /api")
    return FileResponse(PAGE / "serve.html")


async def about(request: Request) -> Response:
    state, queue = request.app.state, queue_of(request)
    presets = [{"name": name, "description": StyleConfig.preset(name).description} for name in preset_names()]
    pictures = state.store.pictures
    return JSONResponse(
        {
            "version": __version__,
            "device": state.device,
            "presets": presets,
            "default_preset": "default",
            "fields": fields(),
            "formats": [suffix.removeprefix(".") for suffix in FORMATS],
            "samples": [pictures.items[key] for key in pictures.samples],
            "limits": {"bytes": min(MOST_BYTES, most_bytes()), "pixels": most_pixels()},
            "video": find_spec("av") is not None,
            "queue_running": len(queue.order) + (queue.now is not None),
        }
    )


async def preset(request: Request) -> Response:
    return JSONResponse(preset_values(request.path_params["name"]))


async def receive_file(kind: str, request: Request) -> Response:
    """Keeps a file that is sent, once it turned out to be what it should be."""
    most = min(MOST_BYTES, most_bytes()) * (10 if kind == "videos" else 1)
    if int(request.headers.get("content-length") or 0) > most:
        raise HTTPException(413, f"the file is larger than {most:,} bytes")
    store: Store = request.app.state.store
    name = file_name(request.query_params.get("name", "picture"))
    incoming = store.new_folder()
    try:
        size = 0
        with whole_file(incoming / name) as file:
            async for chunk in request.stream():
                size += len(chunk)
                if size > most:
                    raise HTTPException(413, f"the file is larger than {most:,} bytes")
                file.write(chunk)
        item = await asyncio.to_thread(shelf_of(kind, request).add, incoming, name)
    except PictureError as error:
        return JSONResponse({"error": one_line(str(error))}, 415)
    finally:
        shutil.rmtree(incoming, ignore_errors=True)
    return JSONResponse(item, 201, {"Location": f"/api/{kind}/{item['id']}"})


async def list_files(kind: str, request: Request) -> Response:
    return JSONResponse(shelf_of(kind, request).listed())


async def remove_file(kind: str, request: Request) -> Response:
    file_of(kind, request)
    key = request.path_params["id"]
    needed = queue_of(request).needs(key)
    if needed is not None:
        raise HTTPException(409, f"{needed.name} needs it; wait for its end, or cancel it")
    shelf_of(kind, request).remove(key)
    return Response(status_code=204)


async def picture(request: Request) -> Response:
    """As it was sent, or smaller."""
    path, item = file_of("pictures", request), shelf_of("pictures", request).items[request.path_params["id"]]
    edge = edge_of(request)
    if edge is not None:
        content, media = await asyncio.to_thread(smaller, path, edge)
        return Response(content, media_type=media, headers=FOREVER)
    media = TYPES.get(item["type"], "application/octet-stream")
    return FileResponse(path, media_type=media, headers=FOREVER | disposition(item["name"]))


def edge_of(request: Request) -> int | None:
    text = request.query_params.get("edge")
    if text is None:
        return None
    if not (text.isdecimal() and 1 <= int(text[:9]) <= LOOKING):
        raise HTTPException(400, f"edge: a number of pixels from 1 to {LOOKING} is needed")
    return int(text)


def disposition(name: str, kind: str = "inline") -> dict[str, str]:
    return {"Content-Disposition": f"{kind}; filename*=UTF-8''{quote(name, safe='')}"}


def smaller(path: Path, edge: int) -> tuple[bytes, str]:
    """A picture with its long edge at most `edge` pixels, and its type: JPEG, or PNG with alpha."""
    return smaller_of(path, edge, path.stat().st_mtime_ns)


@lru_cache(64)
def smaller_of(path: Path, edge: int, _changed: int) -> tuple[bytes, str]:
    from ..pictures import to_image

    with DECODING:
        photo = read_photo(path)
        image = to_image(photo.colors, photo.alpha)
    image.thumbnail((edge, edge), reducing_gap=3)
    content, kind = BytesIO(), "JPEG" if photo.alpha is None else "PNG"
    image.save(content, kind, quality=QUALITY)
    return content.getvalue(), TYPES[kind]


async def read_json(request: Request) -> dict[str, Any]:
    """What was sent, as an object."""
    data = b""
    async for chunk in request.stream():
        data += chunk
        if len(data) > MOST_JSON:
            raise HTTPException(413, f"at most {MOST_JSON:,} bytes of JSON are taken")
    try:
        content = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, "JSON is needed") from error
    if not isinstance(content, dict):
        raise HTTPException(400, "a JSON object is needed, such as {...}")
    return content


async def add_run(request: Request) -> Response:
    run = asked_for(await read_json(request))
    queue = queue_of(request)
    job = queue.job(run)
    items = queue.store.videos.items | queue.store.pictures.items
    first, *others = (items[key] for key in (run.video or run.source or "", *run.targets))
    run.width, run.height = first["width"], first["height"]
    run.name = file_name(run.name or " + ".join(Path(item["name"]).stem for item in (first, *others)))
    if run.kind == "picture" and sum(item["width"] * item["height"] for item in (first, *others)) <= READ_FIRST:
        await asyncio.to_thread(read, job)
    queue.add(run)
    return JSONResponse(queue.shown(run), 201, {"Location": f"/api/runs/{run.id}"})


ASKED = ["source", "targets", "weights", "source_mask", "target_masks", "preset", "settings", "kind", "name"]
ASKED += ["video", "minutes", "model"]
"""What may be said of a new run."""


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


async def list_runs(request: Request) -> Response:
    queue = queue_of(request)
    newest = sorted(queue.store.runs.values(), key=lambda run: -run.created)
    return JSONResponse([queue.shown(run) for run in newest])


async def show_run(request: Request) -> Response:
    return JSONResponse(queue_of(request).shown(run_of(request)))


async def remove_run(request: Request) -> Response:
    queue_of(request).remove(run_of(request))
    return Response(status_code=204)


async def stop_run(request: Request) -> Response:
    run = run_of(request)
    try:
        queue_of(request).stop(run)
    except ConfigError as error:
        raise HTTPException(409, str(error)) from error
    return JSONResponse(queue_of(request).shown(run))


async def resume_run(request: Request) -> Response:
    run = run_of(request)
    try:
        queue_of(request).resume(run)
    except ConfigError as error:
        raise HTTPException(409, str(error)) from error
    return JSONResponse(queue_of(request).shown(run))


async def reorder(request: Request) -> Response:
    order = (await read_json(request)).get("order")
    queue_of(request).reorder(converted(order, list[str], "order"))
    return JSONResponse(queue_of(request).state())


async def show_preview(request: Request) -> Response:
    """As it stands, or as it was last."""
    run, queue = run_of(request), queue_of(request)
    content, result = queue.previews.get(run.id), queue.store.file(run, "result.png")
    if content is None and result.exists():
        content, _ = await asyncio.to_thread(smaller, result, PREVIEW_EDGE)
    if content is None:
        kept = queue.store.file(run, "preview.jpg")
        if not kept.exists():
            raise HTTPException(404, f"{run.name} has no picture yet")
        content = kept.read_bytes()
    return Response(content, media_type="image/jpeg")


async def result(request: Request) -> Response:
    """The result in a format and a size."""
    run, asked = run_of(request), request.query_params
    path = queue_of(request).store.file(run, "result.png")
    if not path.exists():
        raise HTTPException(404, f"{run.name} has no picture to download")
    kind, quality = asked.get("format", "png"), asked.get("quality")
    suffix = f".{kind}"
    if suffix not in FORMATS:
        raise HTTPException(
            400, f"format: {one_line(kind)[:20]} is not known; use {', '.join(FORMATS)}".replace(".", "")
        )
    name = f"{run.name.replace(' + ', '_')}{suffix}"
    headers = disposition(name, "attachment" if asked.get("download") == "1" else "inline")
    edge = edge_of(request)
    if edge is not None:
        content, media = await asyncio.to_thread(smaller, path, edge)
        return Response(content, media_type=media, headers=headers)
    media = TYPES[FORMATS[suffix].name]
    if suffix == ".png":
        return FileResponse(path, media_type=media, headers=headers | {"Cache-Control": "no-cache"})
    if quality is not None and not quality.isdecimal():
        raise HTTPException(400, "quality: a number from 1 to 100 is needed")
    content = await asyncio.to_thread(encoded, path, suffix, None if quality is None else int(quality[:9]))
    return Response(content, media_type=media, headers=headers)


def encoded(path: Path, suffix: str, quality: int | None) -> bytes:
    """A result, which is a PNG file, in another format, with all that goes with it."""
    from ..pictures import encode
    from ..transfer import as_text, read_record

    with DECODING:
        photo = read_photo(path)
    origin = Origin(photo.author, photo.copyright, photo.bits)
    text = as_text(read_record(path))
    writing = Writing(quality if FORMATS[suffix].quality else None)
    return encode(photo.colors, suffix, photo.alpha, writing, text, origin).content


async def record(request: Request) -> Response:
    run = run_of(request)
    path = queue_of(request).store.file(run, "record.json")
    if not path.exists():
        raise HTTPException(404, f"{run.name} has no record yet")
    return FileResponse(path, media_type="application/json")


async def video(request: Request) -> Response:
    run = run_of(request)
    path = queue_of(request).store.file(run, VIDEO)
    if not path.exists():
        raise HTTPException(404, f"{run.name} has no video to download")
    kind = "attachment" if request.query_params.get("download") == "1" else "inline"
    return FileResponse(path, media_type="video/mp4", headers=disposition(f"{run.name.replace(' + ', '_')}.mp4", kind))


async def frame(request: Request) -> Response:
    """One of a video, as a JPEG."""
    path, edge = file_of("videos", request), edge_of(request) or LOOKING
    try:
        at = float(request.query_params.get("at", "0"))
    except ValueError as error:
        raise HTTPException(400, "at: a number of seconds is needed") from error
    return Response(await asyncio.to_thread(frame_at, path, at, edge), media_type="image/jpeg", headers=FOREVER)


def frame_at(path: Path, seconds: float, edge: int) -> bytes:
    """That of a moment, or the last before it."""
    rate, frames = read_frames(path)
    number = int(max(0.0, min(seconds, MOST_SECONDS)) * rate)
    with DECODING:
        last = deque(islice(frames, number + 1), 1)
    return preview(last[0], edge)


async def match(request: Request) -> Response:
    """Which part of the target each part of the source draws from."""
    content, queue = await read_json(request), queue_of(request)
    given = {key: content.get(key) for key in ("source", "target", "source_mask", "target_mask")}
    key = json.dumps(given)
    if key not in queue.matches:
        masks = None if given["target_mask"] is None else [given["target_mask"]]
        wanted = {"source": given["source"], "targets": [given["target"]], "source_mask": given["source_mask"]}
        run = asked_for(wanted | {"target_masks": masks})
        outcome = await queue.match(queue.job(run))
        if outcome.error:
            return JSONResponse({"error": queue.store.plain(outcome.error)}, 422)
        queue.matches[key] = outcome.facts
        for old in list(queue.matches)[:-MATCHES]:
            del queue.matches[old]
    return JSONResponse(queue.matches[key])


async def events(request: Request) -> Response:
    """Server-sent events, at most five a second of each run."""
    queue = queue_of(request)
    listener = Listener(queue.feed)
    for run in [*queue.order, *([queue.now[0]] if queue.now else [])]:
        listener.waiting[f"run {run.id}"] = partial(queue.told_of, run)
    listener.waiting["queue"] = queue.state
    listener.wake.set()

    async def lines() -> AsyncIterator[str]:
        async for event in listener.events():
            yield ": here\n\n" if event is None else f"event: {event[0]}\ndata: {json.dumps(event[1])}\n\n"

    return StreamingResponse(lines(), media_type="text/event-stream", headers={"Cache-Control": "no-store"})

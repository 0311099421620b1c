"""Who may speak with the server: nobody but its own page, and programs of this machine, or those who have the token."""

from __future__ import annotations

import hmac
import ipaddress
import os
import socket
import sys
import traceback
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from ..checks import one_line

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' blob: data:; media-src 'self' blob:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
LOCAL = ("localhost", "127.0.0.1", "[::1]")
LONG = 10 * 365 * 86400
"""Seconds that a cookie lasts; the token may go sooner."""


class Guarded:
    """An application behind the checks, with the headers above on all that it answers.

    Args:
        app: the application.
        port: that it is served on.
        token: without which nobody is let in; None where only this machine can reach it.
        host: a name by which others know this machine.
    """

    def __init__(self, app: App, port: int, token: str | None = None, host: str = "") -> None:
        self.app, self.port, self.token = app, port, token
        self.names = {*LOCAL, host.lower()} - {""} | ({socket.gethostname().lower()} if token else set())

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-cache" if scope["path"][:4] != "/api" else "no-store")
            await send(message)

        refused = self.refusal(scope, Headers(scope=scope))
        try:
            await (refused or self.app)(scope, receive, answer)
        except ClientDisconnect:
            pass
        except Exception as error:  # a mistake of ours, which the application has answered by `bug`
            if os.environ.get("CXSTYLE_DEBUG"):
                traceback.print_exception(error, file=sys.stderr)

    def refusal(self, scope: Message, headers: Headers) -> Response | None:
        """What to answer in place of the application, if anything."""
        host = headers.get("host", "")
        if not self.knows(host):
            return refusal(f"this server is not {one_line(host)[:100] or 'one without a name'}", 403)
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        if (origin is not None and origin != f"http://{host}") or site in ("cross-site", "same-site"):
            return refusal("pages of other sites may not use this server; open its own link by itself", 403)
        return None if self.token is None else self.unknown(scope, headers, self.token)

    def knows(self, host: str) -> bool:
        """Whether a name and port are ours: a page elsewhere may have its name lead here (DNS rebinding), but it can't
        have another one. Who has a token may come by any address that is a number."""
        name, _, port = host.lower().rpartition(":")
        if port != str(self.port):
            name, port = host.lower(), "80"
        if port != str(self.port):
            return False
        if name in self.names or self.token is None:
            return name in self.names
        try:
            return bool(ipaddress.ip_address(name.strip("[]")))
        except ValueError:
            return False

    def unknown(self, scope: Message, headers: Headers, token: str) -> Response | None:
        """For who has no token; who brings it in the link gets a cookie, and goes on without it in the address."""
        name = f"cxstyle-{self.port}"
        query = parse_qs(scope["query_string"].decode("latin-1"))
        if scope["path"] == "/" and same(query.get("token", [""])[0], token):
            response = RedirectResponse("/", 303)
            response.set_cookie(name, token, max_age=LONG, httponly=True, samesite="strict")
            return response
        given = [headers.get("authorization", "").removeprefix("Bearer ")]
        for pair in headers.get("cookie", "").split(";"):  # whatever else other servers of this machine have set
            key, _, value = pair.partition("=")
            given += [value.strip()] if key.strip() == name else []
        if any(same(each, token) for each in given):
            return None
        return refusal("the token is missing: open the link that `cxstyle serve` has shown", 401)


def same(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode(errors="replace"), token.encode())


def refusal(line: str, status: int, headers: Mapping[str, str] | None = None) -> Response:
    """An error as JSON."""
    return JSONResponse({"error": line}, status, headers)


def bug(error: Exception) -> Response:
    return refusal(f"this is a bug: {type(error).__name__}: {one_line(str(error))[:300]}; please report it", 500)


def http_error(request: Request, error: Exception) -> Response:
    """Starlette's own errors, such as that there is nothing at an address."""
    assert isinstance(error, HTTPException)
    line = str(error.detail)
    if line in ("Not Found", "Method Not Allowed"):
        line = f"there is no {request.method} {request.url.path[:100]}; see `cxstyle docs web`"
    return refusal(one_line(line), error.status_code, error.headers)

"""Who may speak with the server: nobody but its own page, and programs of this machine, or those who have the token."""

from __future__ import annotations

import hmac
import ipaddress
import os
import socket
import sys
import traceback
from collections.abc import Mapping

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..checks import one_line

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
    """An application on a port behind the checks, with the headers above on all that it answers; `host` is a name by
    which others know this machine. Nobody is let in without the token, which is None where only this machine can reach
    it."""

    def __init__(self, app: ASGIApp, port: int, token: str | None = None, host: str = "") -> None:
        self.app, self.port, self.token = app, port, token
        self.names = {*LOCAL, host.lower()} - {""} | ({socket.gethostname().lower()} if token else set())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers.setdefault("Cache-Control", "no-cache" if scope["path"][:4] != "/api" else "no-store")
            await send(message)

        try:
            await (self.refusal(Request(scope)) or self.app)(scope, receive, answer)
        except ClientDisconnect:
            pass
        except Exception as error:  # a mistake of ours, which the application has answered by `bug`
            if os.environ.get("CXSTYLE_DEBUG"):
                traceback.print_exception(error, file=sys.stderr)

    def refusal(self, request: Request) -> Response | None:
        """What to answer in place of the application, if anything."""
        host, origin, site = (request.headers.get(name) for name in ("host", "origin", "sec-fetch-site"))
        if not self.knows(host or ""):
            return refusal(f"this server is not {one_line(host or '')[:100] or 'one without a name'}", 403)
        if origin not in (None, f"http://{host}") or site in ("cross-site", "same-site"):
            return refusal("pages of other sites may not use this server; open its own link by itself", 403)
        return None if self.token is None else self.unknown(request, self.token)

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

    def unknown(self, request: Request, token: str) -> Response | None:
        """For who has no token; who brings it in the link gets a cookie, and goes on without it in the address."""
        name = f"cxstyle-{self.port}"
        if request.scope["path"] == "/" and same(request.query_params.get("token", ""), token):
            response = RedirectResponse("/", 303)
            response.set_cookie(name, token, max_age=LONG, httponly=True, samesite="strict")
            return response
        given = request.headers.get("authorization", "").removeprefix("Bearer "), request.cookies.get(name, "")
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

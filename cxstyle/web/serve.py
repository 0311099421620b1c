"""`serve`: the page of a folder, by uvicorn."""

from __future__ import annotations

import contextlib
import ipaddress
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..checks import check_device
from ..errors import ConfigError
from ..files import system_errors

USUAL_PORT = 8765
STEP = 5
"""Seconds that connections have to end, when the server does."""


class PageServer:
    """The page of a folder, until it is stopped.

    Args:
        folder: where everything is kept.
        host: address to listen at; other machines can come where it isn't one of this machine's own.
        port: to listen at; None for the usual one, or a free one where that is taken.
        device: where runs are computed; auto for what their settings say.

    Attributes:
        link: the address of the page, with the token where one is needed.

    Raises:
        ConfigError: the extra `web` is missing, or the address or port can't be had.
        OutputError: the folder can't be written, or another server has it.
    """

    def __init__(self, folder: Path, host: str = "127.0.0.1", port: int | None = None, device: str = "auto") -> None:
        try:
            import starlette  # noqa: F401 - whether it is there
            import uvicorn
        except ImportError as error:
            raise ConfigError("the page needs more packages: pip install 'cxstyle[web]'") from error
        check_device(device)
        from .app import Pages
        from .safety import Guarded
        from .store import Store

        self.store = Store(folder)
        try:
            self.socket = listening(host, port)
        except ConfigError:
            self.store.close()
            raise
        number = self.socket.getsockname()[1]
        token = None if is_own(host) else secrets.token_urlsafe(24)
        pages = Pages(self.store, device)
        guarded: Any = Guarded(pages.app, number, token, host)
        # What uvicorn tells of are connections cut at the end; mistakes of ours are answered by Guarded.
        settings: dict[str, Any] = {"log_level": "critical", "access_log": False, "server_header": False}
        config = uvicorn.Config(guarded, lifespan="on", timeout_graceful_shutdown=STEP, **settings)

        class Server(uvicorn.Server):
            """Ends its streams as it ends; signals are the command line's matter."""

            @contextlib.contextmanager
            def capture_signals(self) -> Iterator[None]:
                yield

            async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
                pages.queue.feed.close()
                await super().shutdown(sockets)

        self.server, self.pages = Server(config), pages
        name = own_address(self.socket.family) if host in ("", "0.0.0.0", "::") else host
        name = f"[{name}]" if ":" in name else name
        self.link = f"http://{name}:{number}/" + (f"?token={token}" if token else "")

    def run(self) -> None:
        """Until `stop`."""
        try:
            self.server.run(sockets=[self.socket])
        finally:
            self.pages.queue.end()
            self.store.close()
            self.socket.close()

    def stop(self, *_: object) -> None:
        """For signals and other threads: what runs is stopped and kept; asked once more, at once."""
        if self.server.should_exit:
            self.server.force_exit = True
            self.pages.queue.hurry = True
        self.server.should_exit = True


def is_own(host: str) -> bool:
    """Whether an address can be reached from this machine alone."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def own_address(family: int) -> str:
    """By which other machines reach this one, where they do."""
    loopback, elsewhere = ("::1", "2001:db8::1") if family == socket.AF_INET6 else ("127.0.0.1", "192.0.2.1")
    with socket.socket(family, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
        probe.connect((elsewhere, 9))  # nothing is sent
        return str(probe.getsockname()[0])
    return loopback


def listening(host: str, port: int | None) -> socket.socket:
    """A socket at an address; a ConfigError where it can't be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    if port is None:
        with contextlib.suppress(OSError):
            return socket.create_server((host, USUAL_PORT), family=family)
    with system_errors(f"can't listen at {host}:{port or 0}", ConfigError):
        return socket.create_server((host, port or 0), family=family)

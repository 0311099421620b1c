"""`cxstyle serve`: the local page."""

from __future__ import annotations

import webbrowser
from pathlib import Path

import click
from platformdirs import user_data_path

from .. import web
from . import options as option
from .signals import handled
from .text import example


@click.command(epilog=example("serve"))
@click.option("--port", type=click.IntRange(1, 65535), metavar="N", help="Port.  [default: 8765, or a free one]")
@click.option(
    "--host",
    default="127.0.0.1",
    metavar="ADDRESS",
    help="Address to listen at; where other machines can reach it, nobody is let in without the token in the link.",
)
@click.option(
    "--folder",
    type=option.FOLDER,
    metavar="DIR",
    help="Where pictures and results are kept.  [default: cxstyle in the user's data folder]",
)
@click.option("--browser/--no-browser", default=True, help="Open the page in the browser.")
@option.device
@option.max_pixels
def serve(port: int | None, host: str, folder: Path | None, browser: bool, device: str) -> None:
    """Opens a page on this machine: pick two pictures, paint what becomes what, watch it happen."""
    server = web.PageServer(folder or user_data_path("cxstyle", appauthor=False), host, port, device)
    click.echo(f"{server.link} (results are kept in {server.store.folder}; Ctrl-C ends it)")
    for note in server.store.notes:
        click.echo(note, err=True)
    if browser:
        webbrowser.open(server.link)
    with handled(server.stop):
        server.run()

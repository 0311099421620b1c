"""Networks from outside: downloaded from torchvision's publisher, or imported from a file, into the user's cache."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ..errors import OutputError, WeightsError
from .convert import read_foreign
from .weights import Network, cache_dir, write_network

TIMEOUT = 30
"""Seconds without an answer after which a download is given up."""


def import_file(path: Path, normalization: str = "auto") -> tuple[Network, Path]:
    """Keeps the convolutions of a weight file of another maker in the user's cache.

    Args:
        path: see `read_foreign`.
        normalization: see `read_foreign`.

    Returns:
        The network and where it was written.

    Raises:
        WeightsError: unreadable, unknown or damaged.
        OutputError: the cache can't be written.
    """
    network = read_foreign(path, normalization)
    return network, write_network(cache_dir(), network.tensors, network.provenance)


def fetch(
    network: str, *, url: str | None = None, sha256: str | None = None, progress: bool = True
) -> tuple[Network, Path]:
    """Downloads torchvision's file, verifies it, keeps the convolutions and removes the rest.

    Args:
        network: vgg16 or vgg19.
        url: a mirror that serves the same file.
        sha256: first digits of the file's checksum; torchvision's own (part of its file's name) without it.
        progress: show a bar on stderr.

    Raises:
        WeightsError: no connection, or a file with another checksum.
        OutputError: the cache can't be written.
    """
    import torch
    from torchvision.models import VGG16_Weights, VGG19_Weights

    published = {"vgg16": VGG16_Weights, "vgg19": VGG19_Weights}[network].IMAGENET1K_V1.url
    url, sha256 = url or published, sha256 or Path(published).stem.rpartition("-")[2]
    hint = f"fetch the file elsewhere and run `cxstyle weights import {Path(published).name}`"
    with download_folder() as folder:
        path = folder / Path(published).name
        try:
            with patience():
                torch.hub.download_url_to_file(url, str(path), hash_prefix=sha256, progress=progress)
        except RuntimeError as error:
            raise WeightsError(
                f"{url} is not the file it should be (sha256 {sha256}...); try again, or {hint}"
            ) from error
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise WeightsError(f"can't download {url}: {getattr(error, 'reason', error)}; {hint}") from error
        return import_file(path, "imagenet")


@contextlib.contextmanager
def download_folder() -> Iterator[Path]:
    """A folder inside the cache that is gone afterwards, whatever happens; so is a cache that nothing came into."""
    parent = cache_dir()
    try:
        made = [folder for folder in (parent, *parent.parents) if not folder.exists()]
        parent.mkdir(parents=True, exist_ok=True)
        holder = tempfile.TemporaryDirectory(prefix=f".fetch-{os.getpid()}-", dir=parent)
    except OSError as error:
        raise OutputError(f"can't write weights to {parent}: {error.strerror or error}") from error
    try:
        with holder as name:
            yield Path(name)
    finally:
        for folder in made:
            with contextlib.suppress(OSError):  # it has something in it
                folder.rmdir()


@contextlib.contextmanager
def patience() -> Iterator[None]:
    """Gives up on silent servers: the downloader takes its timeout from the socket module's default alone."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)

"""Small whole pictures in many formats, and the pieces that files are made of."""

from __future__ import annotations

import functools
import io
import struct
import zlib
from typing import Any

import numpy
import pyvips
from PIL import Image, ImageCms

WIDTH, HEIGHT = 48, 40


@functools.cache
def pixels(width: int = WIDTH, height: int = HEIGHT) -> numpy.ndarray[Any, Any]:
    """A gradient with some noise, (height, width, 3) in 8 bits."""
    y, x = numpy.mgrid[0:height, 0:width]
    noise = numpy.random.default_rng(0).integers(0, 40, (height, width))
    ramp = numpy.stack([x * 200 // width, y * 200 // height, (x + y) * 200 // (width + height)], axis=2)
    return (ramp + noise[:, :, None]).astype(numpy.uint8)


@functools.cache
def picture(mode: str = "RGB", width: int = WIDTH, height: int = HEIGHT) -> Image.Image:
    """The same as a picture of Pillow's."""
    image, grey = Image.fromarray(pixels(width, height)), pixels(width, height)[:, :, 0]
    if mode in ("F", "I;16"):
        return Image.fromarray(grey.astype(numpy.float32) / 255 if mode == "F" else grey.astype(numpy.uint16) * 257)
    if mode in ("LA", "RGBA"):
        image.putalpha(image.getchannel(0))
    if mode == "LAB":
        profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        return ImageCms.profileToProfile(image, *profiles, outputMode="LAB")
    return image.convert(mode)


def saved(kind: str, mode: str = "RGB", width: int = WIDTH, height: int = HEIGHT, **options: Any) -> bytes:
    """A whole file by Pillow."""
    file = io.BytesIO()
    picture(mode, width, height).save(file, kind, **options)
    return file.getvalue()


def by_vips(suffix: str, depth: int = 8, **options: Any) -> bytes:
    """A whole file by libvips."""
    values = pixels().astype(numpy.uint16) * 257 if depth == 16 else pixels()
    image = pyvips.Image.new_from_array(values).copy(interpretation="rgb16" if depth == 16 else "srgb")
    return bytes(image.write_to_buffer(suffix, **options))


@functools.cache
def whole() -> dict[str, bytes]:
    """A file of each kind that people have, by its suffix and what is special about it."""
    return {
        "png": saved("PNG"),
        "png, 16 bits": by_vips(".png", 16),
        "png, palette": saved("PNG", "P"),
        "png, interlaced": by_vips(".png", interlace=True),
        "jpg": saved("JPEG", quality=90),
        "jpg, progressive": saved("JPEG", quality=90, progressive=True),
        "webp": saved("WEBP"),
        "webp, lossless": saved("WEBP", lossless=True),
        "tif": saved("TIFF"),
        "tif, deflate": saved("TIFF", compression="tiff_deflate"),
        "tif, 16 bits": by_vips(".tif", 16, compression="lzw"),
        "tif, tiles of 16 bits": by_vips(".tif", 16, compression="deflate", tile=True, tile_width=16, tile_height=16),
        "tif, JPEG": saved("TIFF", compression="jpeg"),
        "gif": saved("GIF", "P"),
        "bmp": saved("BMP"),
        "avif": saved("AVIF", speed=10),
        "avif, 10 bits": by_vips(".avif", 16, bitdepth=10, effort=0),
        "jp2": saved("JPEG2000"),
    }


def chunk(name: bytes, data: bytes, length: int | None = None, crc: int | None = None) -> bytes:
    """A chunk of a PNG, with a length and checksum of its own or wrong ones."""
    right = zlib.crc32(name + data) if crc is None else crc
    return struct.pack(">I", len(data) if length is None else length) + name + data + struct.pack(">I", right)


def header(width: int, height: int, depth: int = 8, color: int = 2) -> bytes:
    """IHDR."""
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0))


def png(*chunks: bytes, head: bytes | None = None, body: bytes | None = None, end: bool = True) -> bytes:
    """A file of some chunks between header and data, those of the picture unless given."""
    head = header(WIDTH, HEIGHT) if head is None else head
    if body is None:
        body = chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row.tobytes() for row in pixels())))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + body + (chunk(b"IEND", b"") if end else b"")


@functools.cache
def black(width: int, height: int) -> bytes:
    """A grey PNG of one bit, and of any size in a few bytes."""
    row = b"\0" * ((width + 7) // 8 + 1)
    packer = zlib.compressobj(1)
    packed = b"".join(packer.compress(row * 100) for _ in range(height // 100)) + packer.compress(row * (height % 100))
    return png(head=header(width, height, 1, 0), body=chunk(b"IDAT", packed + packer.flush()))


SHORT, LONG = 3, 4
Tag = tuple[int, int, int, int]
"""Number, type, count, value or offset."""
TAGS = {
    "width": 256, "height": 257, "bits": 258, "compression": 259, "photometric": 262, "strips": 273, "samples": 277,
    "rows": 278, "counts": 279, "planar": 284, "predictor": 317, "tile_width": 322, "tile_height": 323, "tiles": 324,
    "subs": 330, "kind": 339, "orientation": 274, "exif": 34665, "profile": 34675, "dng": 50706,
}  # fmt: skip


def directory(tags: list[Tag], after: int = 0) -> bytes:
    """An image file directory of a TIFF, little-endian."""
    entries = b"".join(struct.pack("<HHI", *tag[:3]) + struct.pack("<I", tag[3] & 0xFFFFFFFF) for tag in sorted(tags))
    return struct.pack("<H", len(tags)) + entries + struct.pack("<I", after)


def tiff(
    values: bytes | None = None, *, bits: int = 8, kind: int = 1, after: int = 0, **changed: tuple[int, int] | None
) -> bytes:
    """A grey TIFF of one strip, of whole numbers (kind 1), signed ones (2) or floats (3) of so many bits.

    `after` is where the next directory lies; tags are changed by name to (type, value), or left out by None.
    """
    values = pixels()[:, :, 0].tobytes() if values is None else values
    tags = {
        "width": (SHORT, WIDTH), "height": (SHORT, HEIGHT), "bits": (SHORT, bits), "compression": (SHORT, 1),
        "photometric": (SHORT, 1), "strips": (LONG, 8), "samples": (SHORT, 1), "rows": (SHORT, HEIGHT),
        "counts": (LONG, len(values)), "kind": (SHORT, kind),
    }  # fmt: skip
    kept = {name: value for name, value in {**tags, **changed}.items() if value is not None}
    listed = [(TAGS[name], type_, 1, value) for name, (type_, value) in kept.items()]
    padded = values + b"\0" * (len(values) % 2)
    return b"II*\0" + struct.pack("<I", 8 + len(padded)) + padded + directory(listed, after)


def floats(value: float, bits: int = 32) -> bytes:
    """A TIFF of floats, one of which is odd."""
    found = (pixels()[:, :, 0] / 255).astype({16: numpy.float16, 32: numpy.float32, 64: numpy.float64}[bits])
    found[3, 5] = value
    return tiff(found.tobytes(), bits=bits, kind=3)

"""Broken and odd pictures, made by a script: more than 500, the same ones in every run."""

from __future__ import annotations

import functools
import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy
from PIL import ImageCms

from .made import (
    HEIGHT,
    LONG,
    SHORT,
    WIDTH,
    black,
    by_vips,
    chunk,
    data,
    directory,
    floats,
    header,
    picture,
    png,
    saved,
    tiff,
    whole,
)

PICTURE, REFUSED, EITHER = "picture", "refused", "either"


@dataclass(frozen=True)
class Case:
    """A file.

    Attributes:
        kind: of what is odd or wrong.
        name: of the case within its kind.
        suffix: of its file's name.
        data: its content.
        ends: as a picture, refused, or either where formats and their readers leave it open.
    """

    kind: str
    name: str
    suffix: str
    data: bytes
    ends: str = EITHER


def suffix_of(name: str) -> str:
    return name.split(",")[0]


def truncated() -> Iterator[Case]:
    """Every kind of file, cut at 16 places."""
    for name, content in whole().items():
        places = [1, 2, 4, 8, 12, 24, 40, 100, *(len(content) * share // 100 for share in (15, 30, 50, 70, 85, 95))]
        for length in sorted({min(place, len(content) - 1) for place in places}):
            # What is behind the last pixels is not always missed.
            ends = REFUSED if length <= len(content) * 0.85 else EITHER
            yield Case("truncated", f"{name} at {length}", suffix_of(name), content[:length], ends)
        yield Case("truncated", f"{name} less a byte", suffix_of(name), content[:-1])


def flipped() -> Iterator[Case]:
    """Every kind of file with some bytes changed."""
    numbers = numpy.random.default_rng(1)
    for name, content in whole().items():
        for i in range(10):
            changed = bytearray(content)
            # Half in the headers.
            places = numbers.integers(0, min(len(content), 120) if i % 2 else len(content), 1 + i // 3)
            for place in places:
                changed[place] ^= int(numbers.integers(1, 256))
            yield Case("flipped bytes", f"{name}, {i}", suffix_of(name), bytes(changed))
        zeroed = bytearray(content)
        zeroed[len(zeroed) // 2 : len(zeroed) // 2 + 64] = bytes(64)
        yield Case("flipped bytes", f"{name}, 64 zeros", suffix_of(name), bytes(zeroed))
        yield Case("flipped bytes", f"{name}, much behind", suffix_of(name), content + b"\xa5" * 5000, PICTURE)
        yield Case("flipped bytes", f"{name}, shifted", suffix_of(name), b"\0" + content)


def wrong_suffixes() -> Iterator[Case]:
    """Whole files by another's name."""
    kinds = whole()
    names = list(kinds)
    for name, other in zip(names, names[5:] + names[:5], strict=True):
        yield Case("wrong suffix", f"{name} as {other}", suffix_of(other), kinds[name], PICTURE)
    for suffix in ("", "txt", "exe", "yaml", "eps", "svg"):
        yield Case("wrong suffix", f"png as {suffix or 'nothing'}", suffix, kinds["png"], PICTURE)


def png_headers() -> Iterator[Case]:
    """PNG files of sizes, depths and chunks that can't be."""
    sizes = [
        (2**31 - 1, 1),
        (2**31 - 1, 2**31 - 1),
        (2**31, 5),
        (2**32 - 1, 2**32 - 1),
        (0, 0),
        (0, 5),
        (5, 0),
        (60_000, 60_000),
    ]
    cases = {f"{width}x{height}": png(head=header(width, height)) for width, height in sizes}
    cases |= {f"{depth} bits": png(head=header(WIDTH, HEIGHT, depth)) for depth in (0, 3, 17, 32, 255)}
    cases |= {f"colours of type {color}": png(head=header(WIDTH, HEIGHT, 8, color)) for color in (1, 5, 7, 255)}
    cases |= {f"16 bits, {width}x{height}": png(head=header(width, height, 16)) for width, height in sizes}
    cases |= {
        "no header": png(head=b""),
        "an empty header": png(head=chunk(b"IHDR", b"")),
        "a short header": png(head=chunk(b"IHDR", b"\0\0\0\x30\0\0\0\x28")),
        "no data": png(body=b""),
        "empty data": png(body=chunk(b"IDAT", b"")),
        "data that is no zlib": png(body=chunk(b"IDAT", b"\xa5" * 100)),
        "too little data": png(body=chunk(b"IDAT", zlib.compress(b"\0" * 100))),
        "filters that aren't": png(body=chunk(b"IDAT", zlib.compress((b"\x09" + b"\x55" * WIDTH * 3) * HEIGHT))),
        "only its signature": b"\x89PNG\r\n\x1a\n",
        "a chunk longer than the file": png(chunk(b"tEXt", b"a\0b", length=2**31 - 1)),
        "a chunk of 2^32 - 1": png(chunk(b"tEXt", b"a\0b", length=2**32 - 1)),
        "a wrong sum of the header": png(
            head=chunk(b"IHDR", struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0), crc=1)
        ),
        "the signature of text mode": png().replace(b"\r\n", b"\n"),
        "broken 16 bits": png(head=header(WIDTH, HEIGHT, 16), body=chunk(b"IDAT", b"\xa5" * 100)),
    }
    for name, content in cases.items():
        yield Case("absurd headers", f"png, {name}", "png", content, REFUSED)
    odd = {
        "no palette": png(head=header(WIDTH, HEIGHT, 8, 3), body=data(WIDTH, HEIGHT, 1)),
        "much data": png(body=chunk(b"IDAT", zlib.compress(b"\0" * 100_000))),
        "a wrong sum of its data": png(body=chunk(b"IDAT", data(WIDTH, HEIGHT)[8:-4], crc=1)),
        "a wrong sum of a text": png(chunk(b"tEXt", b"a\0b", crc=1)),
        "two headers": png(header(5, 5)),
        "an unknown chunk": png(chunk(b"xxXx", b"abc")),
        "an unknown chunk that is needed": png(chunk(b"XXXX", b"abc")),
        "a chunk with no name": png(chunk(b"\0\0\0\0", b"abc")),
        "no end": png(end=False),
        "a second compression": png(head=header(WIDTH, HEIGHT, 8, 2, 1, 0, 0)),
        "a second interlacing": png(head=header(WIDTH, HEIGHT, 8, 2, 0, 0, 2)),
        "data in 200 chunks": png(
            body=b"".join(chunk(b"IDAT", data(WIDTH, HEIGHT)[8:-4][i : i + 20]) for i in range(0, 4000, 20))
        ),
        "a palette of 0": png(chunk(b"PLTE", b""), head=header(WIDTH, HEIGHT, 8, 3), body=data(WIDTH, HEIGHT, 1)),
        "a palette of 1": png(chunk(b"PLTE", b"abc"), head=header(WIDTH, HEIGHT, 8, 3), body=data(WIDTH, HEIGHT, 1)),
        "a palette of 1.5": png(
            chunk(b"PLTE", b"abcde"), head=header(WIDTH, HEIGHT, 8, 3), body=data(WIDTH, HEIGHT, 1)
        ),
        "a palette of 300": png(
            chunk(b"PLTE", b"abc" * 300), head=header(WIDTH, HEIGHT, 8, 3), body=data(WIDTH, HEIGHT, 1)
        ),
        "long transparency": png(
            chunk(b"PLTE", b"abc"),
            chunk(b"tRNS", b"\x80" * 999),
            head=header(WIDTH, HEIGHT, 8, 3),
            body=data(WIDTH, HEIGHT, 1),
        ),
        "short transparency": png(chunk(b"tRNS", b"\x80")),
        "gamma 0": png(chunk(b"gAMA", b"\0\0\0\0")),
        "an empty gamma": png(chunk(b"gAMA", b"")),
        "primaries of 0": png(chunk(b"cHRM", b"\0" * 32)),
        "no dots": png(chunk(b"pHYs", b"\0" * 9)),
        "an empty pHYs": png(chunk(b"pHYs", b"")),
        "frames that aren't there": png(chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0))),
        "no frames": png(chunk(b"acTL", struct.pack(">II", 0, 0))),
        "a frame of 2^31": png(
            chunk(b"acTL", struct.pack(">II", 2, 0)),
            chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, 2**31, 2**31, 0, 0, 1, 1, 0, 0)),
        ),
    }
    for name, content in odd.items():
        yield Case("odd chunks", f"png, {name}", "png", content)


def jpeg_headers() -> Iterator[Case]:
    """JPEG files with one marker changed."""
    good = saved("JPEG", quality=90)
    at = good.index(b"\xff\xc0")  # marker, length, precision, height, width, components

    def changed(place: int, value: bytes) -> bytes:
        return good[: at + place] + value + good[at + place + len(value) :]

    def without(marker: bytes) -> bytes:
        start = good.index(marker)
        return good[:start] + good[start + 2 + int.from_bytes(good[start + 2 : start + 4], "big") :]

    refused = {
        "0x0": changed(5, b"\0\0\0\0"),
        "0 wide": changed(7, b"\0\0"),
        "0 high": changed(5, b"\0\0"),
        "65535x65535": changed(5, b"\xff\xff\xff\xff"),
        "12 bits": changed(4, b"\x0c"),
        "0 bits": changed(4, b"\x00"),
        "0 colours": changed(9, b"\0"),
        "5 colours": changed(9, b"\5"),
        "2 colours": changed(9, b"\2"),
        "blocks of 0": changed(11, b"\0"),
        "blocks of 5": changed(11, b"\x55"),
        "no tables of steps": without(b"\xff\xdb").replace(b"\xff\xdb", b"\xff\xfe"),
        "no frame": without(b"\xff\xc0"),
        "a frame of arithmetic coding": good.replace(b"\xff\xc0", b"\xff\xcb"),
        "only its signs": b"\xff\xd8\xff\xd9",
        "begun": b"\xff\xd8",
        "only padding": b"\xff\xd8" + b"\xff" * 5000,
        "empty segments": b"\xff\xd8" + b"\xff\xe1\x00\x02" * 5000 + b"\xff\xd9",
    }
    for name, content in refused.items():
        yield Case("absurd headers", f"jpg, {name}", "jpg", content, REFUSED)
    odd = {
        "no Huffman tables": without(b"\xff\xc4").replace(b"\xff\xc4", b"\xff\xfe"),
        "a segment of length 0": b"\xff\xd8\xff\xe1\x00\x00" + good[2:],
        "1 colour": changed(9, b"\1"),
        "twice as high": changed(5, struct.pack(">H", HEIGHT * 2)),
        "a tenth as high": changed(5, struct.pack(">H", 4)),
        "two pictures": good + good,
        "garbage between": good[:2] + b"\xa5" * 100 + good[2:],
        "Adobe's mark of another order": good[:2] + b"\xff\xee\x00\x0eAdobe\0\x64\0\0\0\0\x02" + good[2:],
        "a short EXIF": good[:2] + b"\xff\xe1\x00\x0aExif\0\0II" + good[2:],
        "a short ICC": good[:2] + b"\xff\xe2\x00\x12ICC_PROFILE\0\1\5" + good[2:],
        "a short Photoshop block": good[:2] + b"\xff\xed\x00\x14Photoshop 3.0\0" + b"8BIM" + good[2:],
        "a Photoshop block of 2^32": good[:2]
        + b"\xff\xed\x00\x1cPhotoshop 3.0\0"
        + b"8BIM\x04\x04\0\0\xff\xff\xff\xff"
        + good[2:],
        "several pictures, of which none": good[:2] + b"\xff\xe2\x00\x0eMPF\0II*\0\x08\0\0\0" + good[2:],
    }
    for name, content in odd.items():
        yield Case("odd chunks", f"jpg, {name}", "jpg", content)


def tiff_headers() -> Iterator[Case]:
    """TIFF files with a tag changed, and directories that lead nowhere."""
    end = struct.unpack("<I", tiff()[4:8])[0]
    refused = {
        "2^31 wide": tiff(width=(LONG, 2**31)),
        "2^32 - 1 wide and high": tiff(width=(LONG, 2**32 - 1), height=(LONG, 2**32 - 1)),
        "60,000 x 60,000": tiff(width=(LONG, 60_000), height=(LONG, 60_000)),
        "60,000 x 60,000, 16 bits": tiff(width=(LONG, 60_000), height=(LONG, 60_000), bits=16),
        "0x0": tiff(width=(LONG, 0), height=(LONG, 0)),
        "0 high": tiff(height=(LONG, 0)),
        "0 wide, 16 bits": tiff(width=(LONG, 0), bits=16),
        "no width": tiff(width=None),
        "no strips": tiff(strips=None),
        "strips behind the end": tiff(strips=(LONG, 2**31)),
        "strips behind the end, 16 bits": tiff(strips=(LONG, 2**31), bits=16),
        "compression 12345": tiff(compression=(SHORT, 12345)),
        "compression 12345, 16 bits": tiff(compression=(SHORT, 12345), bits=16),
        "0 bits": tiff(bits=0),
        "64 bits": tiff(bits=64),
        "65,535 bits": tiff(bits=65_535),
        "3 bits": tiff(bits=3),
        "0 channels": tiff(samples=(SHORT, 0)),
        "65,535 channels": tiff(samples=(SHORT, 65_535)),
        "65,535 channels of 16 bits": tiff(samples=(SHORT, 65_535), bits=16),
        "deflate that isn't": tiff(compression=(SHORT, 8)),
        "deflate that isn't, 16 bits": tiff(compression=(SHORT, 8), bits=16),
        "LZW that isn't": tiff(compression=(SHORT, 5)),
        "JPEG that isn't": tiff(compression=(SHORT, 7)),
        "LZMA that isn't": tiff(compression=(SHORT, 34925)),
        "zstd that isn't": tiff(compression=(SHORT, 50000)),
        "WebP that isn't": tiff(compression=(SHORT, 50001)),
        "tiles of 0": tiff(tile_width=(LONG, 0), tile_height=(LONG, 0), tiles=(LONG, 8), strips=None),
        "tiles of 2^31": tiff(tile_width=(LONG, 2**31), tile_height=(LONG, 2**31), tiles=(LONG, 8), strips=None),
        "tiles of 2^31, 16 bits": tiff(
            tile_width=(LONG, 2**31 - 16), tile_height=(LONG, 2**31 - 16), tiles=(LONG, 8), strips=None, bits=16
        ),
        "no tags": b"II*\0\x08\0\0\0\0\0\0\0\0\0",
        "65,535 tags": b"II*\0\x08\0\0\0\xff\xff" + bytes(range(256)) * 4,
        "a directory behind the end": b"II*\0\xff\xff\xff\x7f",
        "a directory at 0": b"II*\0\0\0\0\0" + bytes(100),
        "only its signature": b"II*\0",
        "BigTIFF cut": b"II+\0\x08\0\0\0",
        "BigTIFF of nothing": b"II+\0\x08\0\0\0\x10\0\0\0\0\0\0\0" + b"\xff" * 100,
        "BigTIFF of offsets of 4": b"MM\0+\0\x04\0\0" + bytes(64),
        "complex numbers": tiff(pixels_of(8), bits=64, kind=6),
        "32 bits of whole numbers": tiff(pixels_of(4), bits=32),
        "signed 16 bits": tiff(b"\xff\x80" * (WIDTH * HEIGHT), bits=16, kind=2),
        "NaN": floats(numpy.nan),
        "infinite": floats(numpy.inf),
        "minus infinite": floats(-numpy.inf),
        "NaN in 16 bits": floats(numpy.nan, 16),
        "infinite in 64 bits": floats(numpy.inf, 64),
        "floats of 64 bits": floats(0.5, 64),
        "NaN in 64 bits": floats(numpy.nan, 64),
        "a float of 1e30": floats(1e30),
        "a float of 2": floats(2.0),
        "a float of -1": floats(-1.0),
    }
    for name, content in refused.items():
        yield Case("absurd headers", f"tif, {name}", "tif", content, REFUSED)
    odd = {
        "a directory that follows itself": tiff(after=end),
        "a directory that follows itself, 16 bits": tiff(
            pixels_of(2), bits=16, after=struct.unpack("<I", tiff(pixels_of(2), bits=16)[4:8])[0]
        ),
        "EXIF that is the directory": tiff(exif=(LONG, end)),
        "GPS that is the directory": tiff(gps=(LONG, end)),
        "a part that is the directory": tiff(subs=(LONG, end)),
        "EXIF behind the end": tiff(exif=(LONG, 2**31)),
        "predictor 9": tiff(predictor=(SHORT, 9)),
        "planar 7": tiff(planar=(SHORT, 7)),
        "orientation 0": tiff(orientation=(SHORT, 0)),
        "orientation 9": tiff(orientation=(SHORT, 9)),
        "orientation 6": tiff(orientation=(SHORT, 6)),
        "colours of type 999": tiff(photometric=(SHORT, 999)),
        "fax that isn't": tiff(compression=(SHORT, 4), bits=1),
        "a size in bytes": tiff(width=(1, WIDTH), height=(1, HEIGHT)),
        "a width of text": tiff(width=(2, WIDTH)),
        "rows of 0": tiff(rows=(LONG, 0)),
        "rows of 2^32 - 1": tiff(rows=(LONG, 2**32 - 1)),
        "no rows": tiff(rows=None),
        "no counts": tiff(counts=None),
        "counts of 2^32 - 1": tiff(counts=(LONG, 2**32 - 1)),
        "counts of 10": tiff(counts=(LONG, 10)),
        "no compression": tiff(compression=None),
        "no colours": tiff(photometric=None),
        "a profile behind the end": tiff(profile=(LONG, 2**30)),
        "floats of 16 bits": floats(0.5, 16),
        "floats of 32 bits": floats(0.5),
        "-0.0": floats(-0.0),
        "a denormal float": floats(1e-45),
        "a float of 1.0005": floats(1.0005),
        "a tag of 2^32 - 1 values": one_long_tag(),
    }
    good = ("floats of", "-0.0", "a denormal", "orientation 6", "a float of 1.0005", "a directory that follows")
    for name, content in odd.items():
        yield Case("odd chunks", f"tif, {name}", "tif", content, PICTURE if name.startswith(good) else EITHER)


def pixels_of(size: int) -> bytes:
    """Values of some bytes each, of all sizes."""
    return bytes(i * 7 % 251 for i in range(WIDTH * HEIGHT * size))


def one_long_tag() -> bytes:
    """A TIFF with a text that is said to be 4 GB long."""
    content = tiff()
    start = struct.unpack("<I", content[4:8])[0]
    tags = [struct.unpack("<HHII", content[i : i + 12]) for i in range(start + 2, len(content) - 4, 12)]
    # As struct gives them, of unknown length to a type checker.
    return content[:start] + directory([*tags, (315, 2, 2**32 - 1, 8)])  # type: ignore[list-item]


def other_headers() -> Iterator[Case]:
    """The other formats."""
    gif, bmp, webp = saved("GIF", "P"), saved("BMP"), saved("WEBP")
    refused = {
        ("gif", "65535x65535"): gif[:6] + b"\xff\xff\xff\xff" + gif[10:],
        ("gif", "no frame"): gif[:13] + b";",
        ("gif", "only its signature"): b"GIF89a",
        ("bmp", "2^31 - 1 wide"): bmp[:18] + struct.pack("<i", 2**31 - 1) + bmp[22:],
        ("bmp", "2^31 - 1 wide and high"): bmp[:18] + struct.pack("<ii", 2**31 - 1, 2**31 - 1) + bmp[26:],
        ("bmp", "-2^31 high"): bmp[:22] + struct.pack("<i", -(2**31)) + bmp[26:],
        ("bmp", "0x0"): bmp[:18] + bytes(8) + bmp[26:],
        ("bmp", "3 bits"): bmp[:28] + b"\3\0" + bmp[30:],
        ("bmp", "compression 77"): bmp[:30] + b"\x4d\0\0\0" + bmp[34:],
        ("bmp", "a header of 5"): bmp[:14] + b"\5\0\0\0" + bmp[18:],
        ("bmp", "only its signature"): b"BM",
        ("webp", "only its signature"): b"RIFF\x10\0\0\0WEBP",
        ("webp", "16383x16383"): webp.replace(webp[26:30], b"\xff\x3f\xff\x3f", 1),
        ("webp", "an empty canvas"): b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + b"\xff" * 6,
        ("avif", "only its brand"): b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf",
        ("avif", "a box of length 0"): b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf" + b"\0\0\0\0meta",
        ("avif", "a box of 2^64 - 1"): b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf\0\0\0\1meta" + b"\xff" * 8,
        ("heic", "only its brand"): b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
        ("ppm", "10^9 x 10^9"): b"P6 1000000000 1000000000 255\n" + b"abc" * 100,
        ("ppm", "0x0"): b"P6 0 0 255\n",
        ("ppm", "a long number"): b"P6 " + b"9" * 5000 + b" 5 255\n",
        ("ppm", "a white of 0"): b"P6 48 40 0\n" + b"abc" * 1920,
        ("ppm", "a white of 2^31"): b"P6 48 40 2147483648\n" + b"abc" * 1920,
        ("ppm", "words"): b"P3 48 40 255\n" + b"red " * 5760,
        ("ppm", "too few"): b"P6 48 40 255\n" + b"abc" * 100,
        ("pfm", "NaN"): b"Pf\n48 40\n-1.0\n" + struct.pack("<f", numpy.nan) * 1920,
        ("pfm", "infinite"): b"Pf\n48 40\n-1.0\n" + struct.pack("<f", numpy.inf) * 1920,
        ("pfm", "a scale of 0"): b"Pf\n48 40\n0\n" + bytes(7680),
        ("pgm", "a comment without end"): b"P5 #" + b"a" * 100_000,
        ("qoi", "2^32 - 1"): b"qoif" + b"\xff" * 8 + b"\3\0" + bytes(100),
        ("qoi", "too little"): b"qoif" + struct.pack(">II", 48, 40) + b"\3\0" + b"\xfe",
        ("tga", "65535x65535"): bytes([0, 0, 2]) + bytes(9) + b"\xff\xff\xff\xff\x18\0" + bytes(100),
        ("psd", "2^31"): b"8BPS\0\1" + bytes(6) + b"\0\3" + b"\x7f\xff\xff\xff" * 2 + b"\0\x08\0\3" + bytes(14),
        ("dds", "2^31"): b"DDS |\0\0\0" + struct.pack("<III", 0x1007, 2**31, 2**31) + bytes(108),
        ("pcx", "a negative size"): bytes([10, 5, 1, 8]) + struct.pack("<4H", 9, 9, 1, 1) + bytes(116),
        ("sgi", "65535x65535"): b"\x01\xda\x00\x01\x00\x03" + b"\xff\xff\xff\xff\x00\x03" + bytes(500),
        ("ico", "no pictures"): b"\0\0\1\0\0\0",
        ("ico", "a picture behind the end"): b"\0\0\1\0\1\0"
        + b"\x20\x20\0\0\1\0\x20\0"
        + struct.pack("<II", 100, 2**31),
        ("ico", "a bomb"): b"\0\0\1\0\1\0"
        + b"\x20\x20\0\0\1\0\x20\0"
        + struct.pack("<II", len(black(60_000, 4_000)), 22)
        + black(60_000, 4_000),
        ("icns", "a length of 0"): b"icns\0\0\0\x20ic07\0\0\0\0" + bytes(16),
        ("jp2", "only its signature"): b"\0\0\0\x0cjP  \r\n\x87\n",
        ("jp2", "a box of 2^31"): b"\0\0\0\x0cjP  \r\n\x87\n" + b"\x7f\xff\xff\xffjp2h",
    }
    for (suffix, name), content in refused.items():
        yield Case("absurd headers", f"{suffix}, {name}", suffix, content, REFUSED)
    frame = gif.index(b",")
    odd = {
        ("gif", "0x0"): gif[:6] + b"\0\0\0\0" + gif[10:],
        ("gif", "no palette"): gif[:10] + b"\0" + gif[11:],
        ("gif", "a frame beyond its canvas"): gif[: frame + 1] + b"\xff\xff\xff\xff" + gif[frame + 5 :],
        ("gif", "a frame of 0x0"): gif[: frame + 5] + b"\0\0\0\0" + gif[frame + 9 :],
        ("gif", "a frame of 65535x65535"): gif[: frame + 5] + b"\xff\xff\xff\xff" + gif[frame + 9 :],
        ("gif", "codes of 0 bits"): gif[: frame + 10] + b"\0" + gif[frame + 11 :],
        ("gif", "codes of 13 bits"): gif[: frame + 10] + b"\x0d" + gif[frame + 11 :],
        ("gif", "extensions without end"): gif[:13] + b"!\xfe\xff" + b"a" * 50_000,
        ("bmp", "upside down"): bmp[:22] + struct.pack("<i", -HEIGHT) + bmp[26:],
        ("bmp", "run lengths that aren't"): bmp[:28] + b"\x08\0\1\0\0\0" + bmp[34:],
        ("bmp", "data behind the end"): bmp[:10] + b"\xff\xff\xff\x7f" + bmp[14:],
        ("bmp", "0 planes"): bmp[:26] + b"\0\0" + bmp[28:],
        ("webp", "a length of 0"): webp[:4] + bytes(4) + webp[8:],
        ("webp", "a length of 2^32 - 1"): webp[:4] + b"\xff" * 4 + webp[8:],
        ("pfm", "floats"): b"Pf\n48 40\n-1.0\n" + struct.pack("<f", 0.5) * 1920,
        ("ppm", "10 bits"): b"P6 48 40 1023\n" + b"\1\2" * 5760,
    }
    for (suffix, name), content in odd.items():
        yield Case("odd chunks", f"{suffix}, {name}", suffix, content)


def sizes() -> Iterator[Case]:
    """Sizes at the limits, and beyond them."""
    small = [
        (1, 1),
        (1, 100),
        (100, 1),
        (31, 31),
        (31, 500),
        (500, 31),
        (65_000, 1),
        (1, 65_000),
        (2, 20_000),
        (16, 16),
    ]
    fine = [(32, 32), (32, 33), (33, 4000), (6000, 32), (64, 64)]
    for kind, suffix in (("PNG", "png"), ("JPEG", "jpg"), ("TIFF", "tif"), ("BMP", "bmp")):
        for width, height in small:
            yield Case("too small", f"{suffix}, {width}x{height}", suffix, saved(kind, "L", width, height), REFUSED)
        for width, height in fine:
            yield Case("long and thin", f"{suffix}, {width}x{height}", suffix, saved(kind, "L", width, height), PICTURE)
    for kind, suffix in (("WEBP", "webp"), ("GIF", "gif"), ("AVIF", "avif")):
        yield Case("too small", f"{suffix}, 31x31", suffix, saved(kind, "RGB", 31, 31), REFUSED)
        yield Case("too small", f"{suffix}, 1x300", suffix, saved(kind, "RGB", 1, 300), REFUSED)
        yield Case("long and thin", f"{suffix}, 32x2000", suffix, saved(kind, "RGB", 32, 2000), PICTURE)
    bombs = {
        "png, 60,000x60,000": ("png", png(head=header(60_000, 60_000, 1, 0), body=black(60_000, 200)[33:-12])),
        "png, 20,000x20,000": ("png", black(20_000, 20_000)),
        "png, 2,000,000x200": ("png", png(head=header(2_000_000, 200, 1, 0), body=black(60_000, 200)[33:-12])),
        "png, 14,200x14,200": ("png", black(14_200, 14_200)),
        "png, 16 bits, 60,000x60,000": ("png", png(head=header(60_000, 60_000, 16, 0), body=black(60_000, 1)[33:-12])),
        "tif, deflate, 20,000x20,000": ("tif", tiff(zlib.compress(bytes(4 * 10**6), 9), width=(LONG, 20_000), height=(LONG, 20_000), compression=(SHORT, 8), rows=(LONG, 20_000))),
    }  # fmt: skip
    for name, (suffix, content) in bombs.items():
        yield Case("bombs", name, suffix, content, REFUSED)
    yield Case("bombs", "jpg, 4000x4000 in 2000 scans", "jpg", many_scans(4000, 2000), REFUSED)
    yield Case("bombs", "jpg, 14,000x14,000 in 500 scans", "jpg", many_scans(14_000, 500), REFUSED)
    yield Case("bombs", "jpg, 500x500 in 500 scans", "jpg", many_scans(500, 500), PICTURE)


def many_scans(edge: int, scans: int) -> bytes:
    """A progressive JPEG that says the same of each pixel again and again."""
    good = saved("JPEG", "L", 16, 16, quality=50, progressive=True)
    at, first = good.index(b"\xff\xc2"), good.index(b"\xff\xda")
    head = good[: at + 5] + struct.pack(">HH", edge, edge) + good[at + 9 : first]
    return head + (b"\xff\xda\x00\x08\x01\x01\x00\x00\x00\x00" + b"\x00" * 4) * scans + b"\xff\xd9"


def text_chunk(kind: bytes, text: bytes) -> bytes:
    if kind == b"tEXt":
        return chunk(kind, b"Comment\0" + text)
    if kind == b"zTXt":
        return chunk(kind, b"Comment\0\0" + zlib.compress(text, 9))
    return chunk(kind, b"Comment\0\1\0\0\0" + zlib.compress(text, 9))


def metadata() -> Iterator[Case]:
    """Texts, EXIF, XMP and profiles that are huge, nested or damaged: of the pixels nothing is wrong."""
    huge = b"a" * 3_000_000
    cases = {
        "3 MB of text": png(chunk(b"tEXt", b"Comment\0" + huge)),
        "3 MB of packed text": png(text_chunk(b"zTXt", huge)),
        "3 MB of packed international text": png(text_chunk(b"iTXt", huge)),
        "20 MB of packed text": png(chunk(b"zTXt", b"Comment\0\0" + packed_zeros(20))),
        "20 MB of profile": png(chunk(b"iCCP", b"icc\0\0" + packed_zeros(20))),
        "10,000 texts": png(*[text_chunk(b"tEXt", b"a")] * 10_000),
        "5,000 packed texts": png(*[text_chunk(b"zTXt", b"a" * 1000)] * 5_000),
        "a text without a name": png(chunk(b"tEXt", b"")),
        "a text that isn't packed": png(chunk(b"zTXt", b"Comment\0\0abc")),
        "a text of another packing": png(chunk(b"zTXt", b"Comment\0\7abc")),
        "a profile that is none": png(chunk(b"iCCP", b"icc\0\0" + zlib.compress(b"abc" * 50))),
        "an empty profile": png(chunk(b"iCCP", b"")),
        "a profile cut": png(chunk(b"iCCP", b"icc\0\0" + zlib.compress(srgb()[:200]))),
        "a profile of 1000 tags": png(
            chunk(b"iCCP", b"icc\0\0" + zlib.compress(srgb()[:128] + struct.pack(">I", 10**6) + srgb()[132:]))
        ),
        "a profile of Lab": png(chunk(b"iCCP", b"icc\0\0" + zlib.compress(profile_of("LAB")))),
        "EXIF that is none": png(chunk(b"eXIf", b"abc")),
        "empty EXIF": png(chunk(b"eXIf", b"")),
        "EXIF in itself": png(chunk(b"eXIf", b"II*\0\x08\0\0\0" + directory([(34665, 4, 1, 8), (34853, 4, 1, 8)], 8))),
        "EXIF of 2^32 - 1": png(
            chunk(b"eXIf", b"II*\0\x08\0\0\0" + directory([(315, 2, 2**32 - 1, 8), (33432, 2, 2**31, 8)]))
        ),
        "EXIF of 65,535 tags": png(chunk(b"eXIf", b"II*\0\x08\0\0\0\xff\xff" + bytes(5000))),
        "orientation of text": png(chunk(b"eXIf", b"II*\0\x08\0\0\0" + directory([(274, 2, 4, 0x20202020)]))),
        "orientation 0": png(chunk(b"eXIf", b"II*\0\x08\0\0\0" + directory([(274, 3, 1, 0)]))),
        "orientation 65,535": png(chunk(b"eXIf", b"II*\0\x08\0\0\0" + directory([(274, 3, 1, 65_535)]))),
        "orientation of four": png(chunk(b"eXIf", b"II*\0\x08\0\0\0" + directory([(274, 3, 4, 8)]))),
        "orientation as a fraction": png(chunk(b"eXIf", b"II*\0\x08\0\0\0" + directory([(274, 5, 1, 8)]))),
        "XMP that laughs": png(xmp(LAUGHS)),
        "XMP that reads a file": png(xmp(b'<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><x>&f;</x>')),
        "XMP that is none": png(xmp(b"<x><y></x>")),
        "XMP 50,000 deep": png(xmp(b"<x>" * 50_000 + b"</x>" * 50_000)),
        "XMP in UTF-7": png(xmp(b'<?xml version="1.0" encoding="utf-7"?><x/>')),
        "a profile of a wrong sum": png(chunk(b"iCCP", b"icc\0\0" + zlib.compress(srgb()), crc=7)),
        "a date": png(chunk(b"tIME", b"\xff" * 7)),
    }
    for name, content in cases.items():
        yield Case("metadata", f"png, {name}", "png", content)
    good = saved("JPEG", quality=90)
    exif = b"II*\0\x08\0\0\0" + directory([(34665, 4, 1, 8), (274, 3, 1, 6)], 8)
    segments = {
        "EXIF in itself": segment(0xE1, b"Exif\0\0" + exif),
        "1000 comments": segment(0xFE, b"a" * 60_000) * 160,
        "a profile in 255 parts of which one is there": segment(0xE2, b"ICC_PROFILE\0\1\xff" + srgb()),
        "a profile that is none": segment(0xE2, b"ICC_PROFILE\0\1\1" + b"a" * 5000),
        "XMP that laughs": segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + LAUGHS),
        "a thumbnail that is a bomb": segment(
            0xE1, b"Exif\0\0II*\0\x08\0\0\0" + directory([], 14) + directory([(513, 4, 1, 60), (514, 4, 1, 999)])
        ),
    }
    for name, content in segments.items():
        yield Case("metadata", f"jpg, {name}", "jpg", good[:2] + content + good[2:], PICTURE)


LAUGHS = (
    b"<?xml version='1.0'?><!DOCTYPE l [<!ENTITY a '" + b"ha" * 50 + b"'>"
    + b"".join(b"<!ENTITY %c '%s'>" % (98 + i, b"&%c;" % (97 + i) * 20) for i in range(9))
    + b"]><l>&j;</l>"
)  # fmt: skip


def xmp(content: bytes) -> bytes:
    return chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + content)


def segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


def packed_zeros(megabytes: int) -> bytes:
    """Some MB of zeros by zlib, without having them."""
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(bytes(10**6)) for _ in range(megabytes)) + packer.flush()


def profile_of(space: str) -> bytes:
    return bytes(ImageCms.ImageCmsProfile(ImageCms.createProfile(space)).tobytes())


def srgb() -> bytes:
    return profile_of("sRGB")


def modes() -> Iterator[Case]:
    """Every mode and kind that is right, however rare."""
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"):
        yield Case("rare and right", f"png, {mode}", "png", saved("PNG", mode), PICTURE)
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "F", "I;16"):
        yield Case("rare and right", f"tif, {mode}", "tif", saved("TIFF", mode), PICTURE)
    yield Case("rare and right", "jpg, CMYK", "jpg", saved("JPEG", "CMYK"), PICTURE)
    yield Case("rare and right", "jpg, L", "jpg", saved("JPEG", "L"), PICTURE)
    for colors in (1, 2, 3, 17, 255, 256):
        file = io.BytesIO()
        picture().quantize(colors).save(file, "PNG")
        yield Case("rare and right", f"png, {colors} colours", "png", file.getvalue(), PICTURE)
        file = io.BytesIO()
        picture().quantize(colors).save(file, "GIF")
        yield Case("rare and right", f"gif, {colors} colours", "gif", file.getvalue(), PICTURE)
    moving = [picture(), picture().rotate(180), picture().rotate(90)]
    for kind, suffix in (("PNG", "png"), ("GIF", "gif"), ("WEBP", "webp"), ("TIFF", "tif"), ("AVIF", "avif")):
        file = io.BytesIO()
        moving[0].save(file, kind, save_all=True, append_images=moving[1:])
        yield Case("rare and right", f"{suffix}, several frames", suffix, file.getvalue(), PICTURE)
        if kind in ("PNG", "GIF", "TIFF", "WEBP"):
            yield Case("truncated", f"{suffix}, several frames, in the last", suffix, file.getvalue()[:-200])
    yield Case("rare and right", "png, 16 bits, interlaced", "png", by_vips(".png", 16, interlace=True), PICTURE)
    yield Case("rare and right", "tif, BigTIFF", "tif", by_vips(".tif", 16, bigtiff=True), PICTURE)
    for kind, suffix in (
        ("TGA", "tga"),
        ("PPM", "ppm"),
        ("PCX", "pcx"),
        ("SGI", "sgi"),
        ("ICO", "ico"),
        ("QOI", "qoi"),
        ("DDS", "dds"),
    ):
        yield Case("rare and right", suffix, suffix, saved(kind, "RGB", 64, 64), PICTURE)


def no_pictures() -> Iterator[Case]:
    """Other files; some would start a program in a reader that takes all that Pillow knows."""
    script = (
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 48 40\n%%EndComments\n(canary) (w) file closefile\nshowpage\n"
    )
    cases = {
        ("png", "empty"): b"",
        ("jpg", "a blank"): b" ",
        ("png", "zeros"): bytes(5000),
        ("png", "ones"): b"\xff" * 5000,
        ("jpg", "noise"): numpy.random.default_rng(2).bytes(5000),
        ("txt", "text"): b"not a picture\n",
        ("png", "HTML"): b"<!DOCTYPE html><html><body>404</body></html>",
        (
            "svg",
            "SVG",
        ): b'<svg xmlns="http://www.w3.org/2000/svg" width="48" height="40"><rect width="9" height="9"/></svg>',
        (
            "svg",
            "SVG that reads a file",
        ): b'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY f SYSTEM "file:///etc/passwd">]><svg>&f;</svg>',
        ("pdf", "PDF"): b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF",
        ("eps", "EPS"): script,
        ("png", "EPS as PNG"): script,
        ("ps", "PostScript"): b"%!PS\n(canary) (w) file closefile\n",
        ("eps", "EPS of DOS"): b"\xc5\xd0\xd3\xc6"
        + struct.pack("<6I", 32, len(script), 0, 0, 0, 0)
        + bytes(4)
        + script,
        ("wmf", "WMF"): b"\xd7\xcd\xc6\x9a" + bytes(18) + bytes(100),
        ("emf", "EMF"): b"\1\0\0\0" + bytes(36) + b" EMF" + bytes(100),
        ("fit", "FITS"): b"SIMPLE  =                    T".ljust(2880),
        ("h5", "HDF5"): b"\x89HDF\r\n\x1a\n" + bytes(100),
        ("grib", "GRIB"): b"GRIB" + bytes(100),
        ("mpg", "MPEG"): b"\0\0\1\xb3\x10\x01\x00\x14" + bytes(100),
        ("mp4", "MP4"): b"\0\0\0\x18ftypisom\0\0\0\0isommp42" + bytes(100),
        ("zip", "ZIP"): b"PK\3\4" + bytes(100),
        ("gz", "gzip"): b"\x1f\x8b\x08" + bytes(100),
        ("pkl", "a pickle"): b"\x80\4\x95cos\nsystem\n(Vtouch canary\ntR.",
        ("exe", "a program"): b"MZ" + bytes(100),
        ("xpm", "XPM"): b'/* XPM */ static char *a[] = {"48 40 1 1", "a c red"};',
        ("xbm", "XBM"): b"#define a_width 48\n#define a_height 40\nstatic char a_bits[] = {0};",
        ("mat", "MATLAB"): b"MATLAB 5.0 MAT-file".ljust(128),
        ("csv", "numbers"): b"0.1,0.2\n0.3,0.4\n",
        ("v", "a file of libvips"): b"\xb6\xa6\xf2\x08" + bytes(200),
        ("hdr", "Radiance"): b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 40 +X 48\n" + bytes(10),
        ("exr", "OpenEXR"): b"\x76\x2f\x31\x01" + bytes(100),
        ("msp", "MSP"): b"DanM" + bytes(100),
        ("mic", "OLE"): b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
        ("fli", "FLI"): b"\0\0\0\0\x12\xaf" + bytes(200),
        ("cur", "a cursor"): b"\0\0\2\0\1\0" + bytes(100),
        ("raw", "a camera's raw"): b"FUJIFILMCCD-RAW " + bytes(200),
        ("png", "a link to a picture"): b"[InternetShortcut]\nURL=http://example.com/a.png\n",
    }
    for (suffix, name), content in cases.items():
        yield Case("no pictures", name, suffix, content, REFUSED)


@functools.cache
def corpus() -> list[Case]:
    """All of them, made once."""
    makers = (truncated, flipped, wrong_suffixes, png_headers, jpeg_headers, tiff_headers, other_headers)
    return [case for maker in (*makers, sizes, metadata, modes, no_pictures) for case in maker()]

"""Broken and odd pictures, more than 1,000, and the pieces that they are made of: the same ones in every run."""

from __future__ import annotations

import functools
import io
import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy
import pyvips
from PIL import Image, ImageCms

WIDTH, HEIGHT = 48, 40
PICTURE, REFUSED, EITHER = "picture", "refused", "either"
ENDLESS = b"\xff" * 4
"""2^32 - 1, or 65535 twice."""
TIFF = b"II*\0\x08\0\0\0"


class Case(NamedTuple):
    """A file: what is odd, its name, its content; and whether it ends as a picture, refused, or either, where formats and
    their readers leave it open; of other files words of the refusal."""

    kind: str
    name: str
    data: bytes
    ends: str = EITHER

    @property
    def suffix(self) -> str:
        return self.name.split(",")[0]


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


def cases(kind: str, suffix: str, ends: str, table: Mapping[str, bytes]) -> Iterator[Case]:
    """A table of files by name, which begins with the suffix."""
    return (Case(kind, f"{suffix}, {name}", content, ends) for name, content in table.items())


def changed_files() -> Iterator[Case]:
    """Every kind of file: cut at 15 places; with some bytes changed, half of them in the header; with nothing, or the
    largest number, at each place of its header; and by another's name."""
    numbers = numpy.random.default_rng(1)
    for name, content in whole().items():
        places = [1, 2, 4, 8, 12, 24, 40, 100, *(len(content) * share // 100 for share in (15, 30, 50, 70, 85, 95))]
        for length in sorted({min(place, len(content) - 1) for place in [*places, len(content)]}):
            # What is behind the last pixels is not always missed.
            ends = REFUSED if length <= len(content) * 0.85 else EITHER
            yield Case("truncated", f"{name}, at {length}", content[:length], ends)
        for i in range(10):
            changed = bytearray(content)
            for place in numbers.integers(0, min(len(content), 120) if i % 2 else len(content), 1 + i // 3):
                changed[place] ^= int(numbers.integers(1, 256))
            yield Case("flipped bytes", f"{name}, {i}", bytes(changed))
        yield Case("flipped bytes", f"{name}, much behind", content + b"\xa5" * 5000, PICTURE)
        yield Case("flipped bytes", f"{name}, shifted", b"\0" + content)
        for place in range(4, 60, 4):
            for value in (bytes(4), ENDLESS):
                data = content[:place] + value + content[place + 4 :]
                yield Case("absurd headers", f"{name}, {value.hex()} at {place}", data)
        for suffix in ("jpg", "tif", "txt", ""):
            yield Case("wrong suffix", f"{suffix}, which is {name}", content, PICTURE)


def png_files() -> Iterator[Case]:
    """PNG files of sizes, depths and chunks that can't be."""
    sizes = [(2**31 - 1, 1), (2**32 - 1, 2**32 - 1), (0, 5), (60_000, 60_000)]
    refused = {f"{depth} bits, {w}x{h}": png(head=header(w, h, depth)) for w, h in sizes for depth in (8, 16)}
    refused |= {f"{depth} bits": png(head=header(WIDTH, HEIGHT, depth)) for depth in (0, 3, 255)}
    refused |= {f"colours of type {color}": png(head=header(WIDTH, HEIGHT, 8, color)) for color in (1, 255)}
    bodies = {"no": b"", "empty": chunk(b"IDAT", b""), "too little": chunk(b"IDAT", zlib.compress(b"\0" * 100))}
    bodies |= {"no zlib as": chunk(b"IDAT", b"\xa5" * 100)}
    bodies |= {"wrongly filtered": chunk(b"IDAT", zlib.compress((b"\x09" + b"\x55" * WIDTH * 3) * HEIGHT))}
    refused |= {f"{name} data": png(body=body) for name, body in bodies.items()}
    refused |= {"a chunk of 2^32 - 1": png(chunk(b"tEXt", b"a\0b", length=2**32 - 1)), "no header": png(head=b"")}
    yield from cases("absurd headers", "png", REFUSED, refused)
    body = chunk(b"IDAT", zlib.compress(b"\0" * (WIDTH + 1) * HEIGHT))
    palettes = {n: png(chunk(b"PLTE", b"a" * n), head=header(WIDTH, HEIGHT, 8, 3), body=body) for n in (0, 5, 900)}
    odd = {f"a palette of {n} bytes": data for n, data in palettes.items()} | {
        "much data": png(body=chunk(b"IDAT", zlib.compress(b"\0" * 100_000))),
        "a wrong sum of a text": png(chunk(b"tEXt", b"a\0b", crc=1)),
        "two headers": png(header(5, 5)),
        "an unknown chunk that is needed": png(chunk(b"XXXX", b"abc")),
        "no end": png(end=False),
        "gamma 0": png(chunk(b"gAMA", b"\0\0\0\0")),
        "frames that aren't there": png(chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0))),
    }
    yield from cases("odd chunks", "png", EITHER, odd)


def jpeg_files() -> Iterator[Case]:
    """JPEG files with one marker changed."""
    good = saved("JPEG", quality=90)
    at = good.index(b"\xff\xc0")  # marker, length, precision, height, width, components

    def changed(place: int, value: bytes) -> bytes:
        return good[: at + place] + value + good[at + place + len(value) :]

    sizes = {"0x0": changed(5, bytes(4)), "65535x65535": changed(5, ENDLESS), "12 bits": changed(4, b"\x0c")}
    empty = {
        "padding": b"\xff\xd8" + b"\xff" * 5000,
        "segments": b"\xff\xd8" + b"\xff\xe1\x00\x02" * 5000 + b"\xff\xd9",
    }
    frames = {"blocks of 5": changed(11, b"\x55"), "arithmetic coding": good.replace(b"\xff\xc0", b"\xff\xcb")}
    yield from cases("absurd headers", "jpg", REFUSED, sizes | empty | frames | {"5 colours": changed(9, b"\5")})
    segments = {"a short EXIF": (0xE1, b"Exif\0\0II"), "a short ICC": (0xE2, b"ICC_PROFILE\0\1\5")}
    segments |= {"Photoshop's of 2^32": (0xED, b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0" + ENDLESS)}
    segments |= {"several pictures, of which none": (0xE2, b"MPF\0II*\0\x08\0\0\0")}
    odd = {name: good[:2] + segment(*each) + good[2:] for name, each in segments.items()}
    odd |= {"twice as high": changed(5, struct.pack(">H", HEIGHT * 2)), "two pictures": good + good}
    yield from cases("odd chunks", "jpg", EITHER, odd | {"garbage between": good[:2] + b"\xa5" * 100 + good[2:]})


def tiff_files() -> Iterator[Case]:
    """TIFF files with a tag changed, and directories that lead nowhere."""
    end = struct.unpack("<I", tiff()[4:8])[0]
    changes: dict[str, dict[str, tuple[int, int] | None]] = {
        "2^31 wide": {"width": (LONG, 2**31)},
        "60,000 x 60,000": {"width": (LONG, 60_000), "height": (LONG, 60_000)},
        "0 high": {"height": (LONG, 0)},
        "no strips": {"strips": None},
        "strips behind the end": {"strips": (LONG, 2**31)},
        "compression 12345": {"compression": (SHORT, 12345)},
        "65,535 channels": {"samples": (SHORT, 65_535)},
        "tiles of 2^31": {"tile_width": (LONG, 2**31 - 16), "tile_height": (LONG, 2**31 - 16), "tiles": (LONG, 8), "strips": None},
        **{f"codec {number} that isn't": {"compression": (SHORT, number)} for number in (5, 7, 8, 34925, 50000, 50001)},
    }  # fmt: skip
    refused = {f"{name}, {bits} bits": tiff(bits=bits, **each) for bits in (8, 16) for name, each in changes.items()}
    refused |= {f"{bits} bits": tiff(bits=bits) for bits in (0, 3, 64, 65_535)}
    values = numpy.nan, numpy.inf, 2.0, -1.0
    refused |= {f"a float of {v}, {bits} bits": floats(v, bits) for v in values for bits in (16, 32, 64)}
    refused |= {
        "65,535 tags": b"II*\0\x08\0\0\0\xff\xff" + bytes(range(256)) * 4,
        "a directory behind the end": b"II*\0\xff\xff\xff\x7f",
        "a directory at 0": b"II*\0\0\0\0\0" + bytes(100),
        "BigTIFF of nothing": b"II+\0\x08\0\0\0\x10\0\0\0\0\0\0\0" + b"\xff" * 100,
        "complex numbers": tiff(bytes(WIDTH * HEIGHT * 8), bits=64, kind=6),
        "signed 16 bits": tiff(b"\xff\x80" * (WIDTH * HEIGHT), bits=16, kind=2),
    }
    yield from cases("absurd headers", "tif", REFUSED, refused)
    fine = {f"a float of {value}": floats(value) for value in (0.5, -0.0, 1e-45, 1.0005)}
    fine |= {"half floats": floats(0.5, 16), "orientation 6": tiff(orientation=(SHORT, 6))}
    yield from cases("odd chunks", "tif", PICTURE, fine | {"a directory that follows itself": tiff(after=end)})
    longs = {"exif": end, "subs": end, "profile": 2**30, "rows": 0, "counts": 2**32 - 1}
    shorts = {"predictor": 9, "planar": 7, "orientation": 9, "photometric": 999}
    tags = {name: (LONG, value) for name, value in longs.items()} | {n: (SHORT, value) for n, value in shorts.items()}
    odd = {f"{name} {each}": tiff(**{name: each}) for name, each in tags.items()} | {
        "a width of text": tiff(width=(2, 9))
    }
    yield from cases("odd chunks", "tif", EITHER, odd)


def other_files() -> Iterator[Case]:
    """The other formats."""
    gif, bmp, webp, bomb = saved("GIF", "P"), saved("BMP"), saved("WEBP"), black(60_000, 4_000)
    frame, icon = gif.index(b","), b"\0\0\1\0\1\0" + b"\x20\x20\0\0\1\0\x20\0"
    refused = {
        "gif": [gif[:6] + ENDLESS + gif[10:], gif[:13] + b";", b"GIF89a"],
        "bmp": [bmp[:18] + struct.pack("<i", 2**31 - 1) + bmp[22:], bmp[:28] + b"\3\0" + bmp[30:], b"BM"],
        "webp": [b"RIFF\x10\0\0\0WEBP", webp.replace(webp[26:30], b"\xff\x3f\xff\x3f", 1)],
        "avif": [b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf" + more for more in (b"", b"\0\0\0\1meta" + b"\xff" * 8)],
        "heic": [b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"],
        "ppm": [b"P6 1000000000 1000000000 255\n" + b"abc" * 100, b"P6 " + b"9" * 5000 + b" 5 255\n", b"P3 48 40 255\n" + b"red " * 5760],
        "pfm": [b"Pf\n48 40\n-1.0\n" + struct.pack("<f", value) * 1920 for value in (numpy.nan, numpy.inf)],
        "qoi": [b"qoif" + b"\xff" * 8 + b"\3\0" + bytes(100)],
        "tga": [bytes([0, 0, 2]) + bytes(9) + ENDLESS + b"\x18\0" + bytes(100)],
        "psd": [b"8BPS\0\1" + bytes(6) + b"\0\3" + b"\x7f\xff\xff\xff" * 2 + b"\0\x08\0\3" + bytes(14)],
        "dds": [b"DDS |\0\0\0" + struct.pack("<III", 0x1007, 2**31, 2**31) + bytes(108)],
        "sgi": [b"\x01\xda\x00\x01\x00\x03" + ENDLESS + b"\x00\x03" + bytes(500)],
        "ico": [b"\0\0\1\0\0\0", icon + struct.pack("<II", 100, 2**31), icon + struct.pack("<II", len(bomb), 22) + bomb],
        "icns": [b"icns\0\0\0\x20ic07\0\0\0\0" + bytes(16)],
        "jp2": [b"\0\0\0\x0cjP  \r\n\x87\n" + b"\x7f\xff\xff\xffjp2h"],
    }  # fmt: skip
    for suffix, files in refused.items():
        yield from cases("absurd headers", suffix, REFUSED, {f"by hand {i}": data for i, data in enumerate(files)})
    places = {"beyond its canvas": 1, "of 65535x65535": 5}
    odd = {f"a frame {n}": gif[: frame + at] + ENDLESS + gif[frame + at + 4 :] for n, at in places.items()}
    odd |= {"extensions without end": gif[:13] + b"!\xfe\xff" + b"a" * 50_000}
    yield from cases("odd chunks", "gif", EITHER, odd)
    yield Case("odd chunks", "bmp, upside down", bmp[:22] + struct.pack("<i", -HEIGHT) + bmp[26:])


def sizes() -> Iterator[Case]:
    """Sizes at the limits, and beyond them."""
    for kind, suffix in (("PNG", "png"), ("JPEG", "jpg"), ("TIFF", "tif"), ("BMP", "bmp")):
        for width, height in ((1, 1), (31, 31), (500, 31), (65_000, 1)):
            yield Case("too small", f"{suffix}, {width}x{height}", saved(kind, "L", width, height), REFUSED)
        for width, height in ((32, 32), (33, 4000), (6000, 32)):
            yield Case("long and thin", f"{suffix}, {width}x{height}", saved(kind, "L", width, height), PICTURE)
    packed = zlib.compress(bytes(4 * 10**6), 9)
    vast = {"width": (LONG, 20_000), "height": (LONG, 20_000), "rows": (LONG, 20_000), "compression": (SHORT, 8)}
    yield Case("bombs", "tif, deflate, 20,000x20,000", tiff(packed, **vast), REFUSED)
    vasts = {depth: png(head=header(60_000, 60_000, depth, 0), body=black(60_000, 200)[33:-12]) for depth in (1, 16)}
    bombs = {f"{depth} bits, 60,000x60,000": data for depth, data in vasts.items()}
    yield from cases("bombs", "png", REFUSED, bombs | {"14,200x14,200": black(14_200, 14_200)})
    yield Case("bombs", "jpg, 14,000x14,000 in 500 scans", many_scans(14_000, 500), REFUSED)
    yield Case("bombs", "jpg, 500x500 in 500 scans", many_scans(500, 500), PICTURE)


def many_scans(edge: int, scans: int) -> bytes:
    """A progressive JPEG that says the same of each pixel again and again."""
    good = saved("JPEG", "L", 16, 16, quality=50, progressive=True)
    at, first = good.index(b"\xff\xc2"), good.index(b"\xff\xda")
    head = good[: at + 5] + struct.pack(">HH", edge, edge) + good[at + 9 : first]
    return head + (b"\xff\xda\x00\x08\x01\x01\x00\x00\x00\x00" + b"\x00" * 4) * scans + b"\xff\xd9"


LAUGHS = b"<!DOCTYPE l [<!ENTITY a '" + b"ha" * 50 + b"'>"
LAUGHS += b"".join(b"<!ENTITY %c '%s'>" % (98 + i, b"&%c;" % (97 + i) * 20) for i in range(9)) + b"]><l>&j;</l>"


def metadata() -> Iterator[Case]:
    """Texts, EXIF, XMP and profiles that are huge, nested or damaged: of the pixels nothing is wrong."""
    zeros = zlib.compress(bytes(20 * 10**6), 9)
    profile = bytes(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    parts = {"none": b"abc" * 50, "a part": profile[:200]}
    profiles = {name: zlib.compress(data) for name, data in parts.items()} | {"20 MB": zeros, "empty": b""}
    found = {f"a profile that is {name}": chunk(b"iCCP", b"icc\0\0" + content) for name, content in profiles.items()}
    exifs = {
        "in itself": directory([(34665, 4, 1, 8), (34853, 4, 1, 8)], 8),
        "of 2^32 - 1": directory([(315, 2, 2**32 - 1, 8), (33432, 2, 2**31, 8)]),
        "of 65,535 tags": b"\xff\xff" + bytes(5000),
        **{f"of an orientation of {kind}": directory([(274, kind, count, 65_535)]) for kind, count in ((2, 4), (3, 4), (5, 1))},
    }  # fmt: skip
    found |= {f"EXIF {name}": chunk(b"eXIf", TIFF + content) for name, content in exifs.items()}
    entity = b'<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><x>&f;</x>'
    packets = {"laughs": LAUGHS, "reads a file": entity, "is none": b"<x><y></x>", "is deep": b"<x>" * 50_000}
    names = b"XML:com.adobe.xmp\0\0\0\0\0", b"Comment\0\1\0\0\0"
    found |= {f"XMP that {name}": chunk(b"iTXt", names[0] + content) for name, content in packets.items()}
    found |= {
        "3 MB of text": chunk(b"tEXt", b"Comment\0" + b"a" * 3_000_000),
        "20 MB of packed text": chunk(b"zTXt", b"Comment\0\0" + zeros),
        "20 MB of packed international text": chunk(b"iTXt", names[1] + zeros),
        "10,000 texts": chunk(b"tEXt", b"Comment\0a") * 10_000,
        "a text without a name": chunk(b"tEXt", b""),
        "a text that isn't packed": chunk(b"zTXt", b"Comment\0\0abc"),
    }
    yield from cases("metadata", "png", EITHER, {name: png(each) for name, each in found.items()})
    good = saved("JPEG", quality=90)
    segments = {
        "EXIF in itself": segment(0xE1, b"Exif\0\0" + TIFF + directory([(34665, 4, 1, 8), (274, 3, 1, 6)], 8)),
        "160 comments": segment(0xFE, b"a" * 60_000) * 160,
        "a profile in 255 parts of which one is there": segment(0xE2, b"ICC_PROFILE\0\1\xff" + profile),
        "XMP that laughs": segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + LAUGHS),
    }
    yield from cases("metadata", "jpg", PICTURE, {n: good[:2] + content + good[2:] for n, content in segments.items()})


def segment(marker: int, content: bytes) -> bytes:
    """Of a JPEG."""
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


def modes() -> Iterator[Case]:
    """Every mode and kind that is right, however rare."""
    kinds = {
        ("png", "PNG"): ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
        ("tif", "TIFF"): ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "F", "I;16"),
        ("jpg", "JPEG"): ("CMYK", "L"),
    }
    for (suffix, kind), names in kinds.items():
        yield from cases("rare and right", suffix, PICTURE, {mode: saved(kind, mode) for mode in names})
    for kind, suffix in (("PNG", "png"), ("GIF", "gif"), ("WEBP", "webp"), ("TIFF", "tif"), ("AVIF", "avif")):
        file = io.BytesIO()
        picture().save(file, kind, save_all=True, append_images=[picture().rotate(180), picture().rotate(90)])
        yield Case("rare and right", f"{suffix}, several frames", file.getvalue(), PICTURE)
        yield Case("truncated", f"{suffix}, several frames, in the last", file.getvalue()[:-200])
    yield Case("rare and right", "png, 16 bits, interlaced", by_vips(".png", 16, interlace=True), PICTURE)
    yield Case("rare and right", "tif, BigTIFF", by_vips(".tif", 16, bigtiff=True), PICTURE)
    for suffix in ("tga", "ppm", "pcx", "sgi", "ico", "qoi", "dds"):
        yield Case("rare and right", suffix, saved(suffix, "RGB", 64, 64), PICTURE)


def no_pictures() -> Iterator[Case]:
    """Other files; some would start a program in a reader that takes all that Pillow knows."""
    script = (
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 48 40\n%%EndComments\n(canary) (w) file closefile\nshowpage\n"
    )
    dos = b"\xc5\xd0\xd3\xc6" + struct.pack("<6I", 32, len(script), 0, 0, 0, 0) + bytes(4) + script
    found = {
        "png": [b"", bytes(5000), b"<!DOCTYPE html><html><body>404</body></html>", script],
        "jpg": [numpy.random.default_rng(2).bytes(5000)],
        "svg": [b'<svg xmlns="http://www.w3.org/2000/svg" width="48" height="40"/>'],
        "pdf": [b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF"],
        "eps": [script, dos],
        "wmf": [b"\xd7\xcd\xc6\x9a" + bytes(118)],
        "fit": [b"SIMPLE  =                    T".ljust(2880)],
        "mp4": [b"\0\0\0\x18ftypisom\0\0\0\0isommp42" + bytes(100)],
        "zip": [b"PK\3\4" + bytes(100)],
        "pkl": [b"\x80\4\x95cos\nsystem\n(Vtouch canary\ntR."],
        "xpm": [b'/* XPM */ static char *a[] = {"48 40 1 1", "a c red"};'],
        "v": [b"\xb6\xa6\xf2\x08" + bytes(200)],
        "hdr": [b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 40 +X 48\n" + bytes(10)],
        "exr": [b"\x76\x2f\x31\x01" + bytes(100)],
    }
    for suffix, files in found.items():
        yield from cases("no pictures", suffix, REFUSED, {f"another file {i}": data for i, data in enumerate(files)})


@functools.cache
def corpus() -> list[Case]:
    """All of them, made once."""
    makers = (changed_files, png_files, jpeg_files, tiff_files, other_files, sizes, metadata, modes, no_pictures)
    return [case for maker in makers for case in maker()]

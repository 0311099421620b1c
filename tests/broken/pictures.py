"""Broken and odd pictures, made by a script: more than 1,000, the same ones in every run."""

from __future__ import annotations

import functools
import io
import struct
import zlib
from collections.abc import Iterator, Mapping
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
)  # fmt: skip

PICTURE, REFUSED, EITHER = "picture", "refused", "either"
ENDLESS = b"\xff" * 4
"""2^32 - 1, or 65535 twice."""


@dataclass(frozen=True)
class Case:
    """A file.

    Attributes:
        kind: of what is odd or wrong.
        name: of the case within its kind, begun by its suffix.
        data: its content.
        ends: as a picture, refused, or either where formats and their readers leave it open.
    """

    kind: str
    name: str
    data: bytes
    ends: str = EITHER

    @property
    def suffix(self) -> str:
        """Of its file's name."""
        return self.name.split(",")[0]


def cases(kind: str, suffix: str, ends: str, table: Mapping[str, bytes]) -> Iterator[Case]:
    """A table of files by name."""
    return (Case(kind, f"{suffix}, {name}", content, ends) for name, content in table.items())


def truncated() -> Iterator[Case]:
    """Every kind of file, cut at 15 places."""
    for name, content in whole().items():
        places = [1, 2, 4, 8, 12, 24, 40, 100, *(len(content) * share // 100 for share in (15, 30, 50, 70, 85, 95))]
        for length in sorted({min(place, len(content) - 1) for place in [*places, len(content)]}):
            # What is behind the last pixels is not always missed.
            ends = REFUSED if length <= len(content) * 0.85 else EITHER
            yield Case("truncated", f"{name}, at {length}", content[:length], ends)


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
            yield Case("flipped bytes", f"{name}, {i}", bytes(changed))
        yield Case("flipped bytes", f"{name}, much behind", content + b"\xa5" * 5000, PICTURE)
        yield Case("flipped bytes", f"{name}, shifted", b"\0" + content)


def extremes() -> Iterator[Case]:
    """Every kind of file with nothing, or the largest number, at each place of its header."""
    for name, content in whole().items():
        for place in range(4, 60, 4):
            for value in (bytes(4), ENDLESS):
                changed = content[:place] + value + content[place + 4 :]
                yield Case("absurd headers", f"{name}, {value.hex()} at {place}", changed)


def wrong_suffixes() -> Iterator[Case]:
    """Whole files by another's name."""
    kinds = whole()
    names = list(kinds)
    for name, other in zip(names, names[5:] + names[:5], strict=True):
        yield Case("wrong suffix", f"{other}, which is {name}", kinds[name], PICTURE)
    for suffix in ("", "txt", "exe", "yaml", "eps", "svg"):
        yield Case("wrong suffix", f"{suffix}, which is png", kinds["png"], PICTURE)


def png_headers() -> Iterator[Case]:
    """PNG files of sizes, depths and chunks that can't be."""
    sizes = [(2**31 - 1, 1), (2**31, 5), (2**32 - 1, 2**32 - 1), (0, 0), (0, 5), (60_000, 60_000)]
    refused = {f"{depth} bits, {w}x{h}": png(head=header(w, h, depth)) for w, h in sizes for depth in (8, 16)}
    refused |= {f"{depth} bits": png(head=header(WIDTH, HEIGHT, depth)) for depth in (0, 3, 17, 255)}
    refused |= {f"colours of type {color}": png(head=header(WIDTH, HEIGHT, 8, color)) for color in (1, 5, 255)}
    refused |= {
        "no header": png(head=b""),
        "a short header": png(head=chunk(b"IHDR", b"\0\0\0\x30\0\0\0\x28")),
        "no data": png(body=b""),
        "empty data": png(body=chunk(b"IDAT", b"")),
        "data that is no zlib": png(body=chunk(b"IDAT", b"\xa5" * 100)),
        "too little data": png(body=chunk(b"IDAT", zlib.compress(b"\0" * 100))),
        "filters that aren't": png(body=chunk(b"IDAT", zlib.compress((b"\x09" + b"\x55" * WIDTH * 3) * HEIGHT))),
        "a chunk of 2^32 - 1": png(chunk(b"tEXt", b"a\0b", length=2**32 - 1)),
        "the signature of text mode": png().replace(b"\r\n", b"\n"),
        "broken 16 bits": png(head=header(WIDTH, HEIGHT, 16), body=chunk(b"IDAT", b"\xa5" * 100)),
    }
    yield from cases("absurd headers", "png", REFUSED, refused)
    indexed = {"head": header(WIDTH, HEIGHT, 8, 3), "body": data(WIDTH, HEIGHT, 1)}
    odd = {f"a palette of {n} bytes": png(chunk(b"PLTE", b"a" * n), **indexed) for n in (0, 3, 5, 900)}
    odd |= {
        "no palette": png(**indexed),
        "long transparency": png(chunk(b"PLTE", b"abc"), chunk(b"tRNS", b"\x80" * 999), **indexed),
        "much data": png(body=chunk(b"IDAT", zlib.compress(b"\0" * 100_000))),
        "a wrong sum of its data": png(body=chunk(b"IDAT", data(WIDTH, HEIGHT)[8:-4], crc=1)),
        "a wrong sum of a text": png(chunk(b"tEXt", b"a\0b", crc=1)),
        "two headers": png(header(5, 5)),
        "an unknown chunk that is needed": png(chunk(b"XXXX", b"abc")),
        "a chunk with no name": png(chunk(b"\0\0\0\0", b"abc")),
        "no end": png(end=False),
        "gamma 0": png(chunk(b"gAMA", b"\0\0\0\0")),
        "primaries of 0": png(chunk(b"cHRM", b"\0" * 32)),
        "frames that aren't there": png(chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0))),
        "a frame of 2^31": png(
            chunk(b"acTL", struct.pack(">II", 2, 0)),
            chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, 2**31, 2**31, 0, 0, 1, 1, 0, 0)),
        ),
    }
    yield from cases("odd chunks", "png", EITHER, odd)


def jpeg_headers() -> Iterator[Case]:
    """JPEG files with one marker changed."""
    good = saved("JPEG", quality=90)
    at = good.index(b"\xff\xc0")  # marker, length, precision, height, width, components

    def changed(place: int, value: bytes) -> bytes:
        return good[: at + place] + value + good[at + place + len(value) :]

    def with_segment(marker: int, content: bytes) -> bytes:
        return good[:2] + segment(marker, content) + good[2:]

    refused = {
        "0x0": changed(5, bytes(4)),
        "0 wide": changed(7, b"\0\0"),
        "65535x65535": changed(5, ENDLESS),
        "12 bits": changed(4, b"\x0c"),
        "5 colours": changed(9, b"\5"),
        "blocks of 5": changed(11, b"\x55"),
        "a frame of arithmetic coding": good.replace(b"\xff\xc0", b"\xff\xcb"),
        "only its signs": b"\xff\xd8\xff\xd9",
        "only padding": b"\xff\xd8" + b"\xff" * 5000,
        "empty segments": b"\xff\xd8" + b"\xff\xe1\x00\x02" * 5000 + b"\xff\xd9",
    }
    yield from cases("absurd headers", "jpg", REFUSED, refused)
    odd = {
        "a segment of length 0": b"\xff\xd8\xff\xe1\x00\x00" + good[2:],
        "twice as high": changed(5, struct.pack(">H", HEIGHT * 2)),
        "a tenth as high": changed(5, struct.pack(">H", 4)),
        "two pictures": good + good,
        "garbage between": good[:2] + b"\xa5" * 100 + good[2:],
        "Adobe's mark of another order": with_segment(0xEE, b"Adobe\0\x64\0\0\0\0\x02"),
        "a short EXIF": with_segment(0xE1, b"Exif\0\0II"),
        "a short ICC": with_segment(0xE2, b"ICC_PROFILE\0\1\5"),
        "a Photoshop block of 2^32": with_segment(0xED, b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0" + ENDLESS),
        "several pictures, of which none": with_segment(0xE2, b"MPF\0II*\0\x08\0\0\0"),
    }
    yield from cases("odd chunks", "jpg", EITHER, odd)


def tiff_headers() -> Iterator[Case]:
    """TIFF files with a tag changed, and directories that lead nowhere."""
    end = struct.unpack("<I", tiff()[4:8])[0]
    vast = {"width": (LONG, 60_000), "height": (LONG, 60_000)}
    tiled = {"tile_width": (LONG, 2**31 - 16), "tile_height": (LONG, 2**31 - 16), "tiles": (LONG, 8), "strips": None}
    refused = {
        f"{name}, {bits} bits": tiff(bits=bits, **changed)
        for bits in (8, 16)
        for name, changed in {
            "2^31 wide": {"width": (LONG, 2**31)},
            "60,000 x 60,000": vast,
            "0 high": {"height": (LONG, 0)},
            "no strips": {"strips": None},
            "strips behind the end": {"strips": (LONG, 2**31)},
            "compression 12345": {"compression": (SHORT, 12345)},
            "65,535 channels": {"samples": (SHORT, 65_535)},
            "deflate that isn't": {"compression": (SHORT, 8)},
            "tiles of 2^31": tiled,
        }.items()
    }
    codecs = {"LZW": 5, "JPEG": 7, "LZMA": 34925, "zstd": 50000, "WebP": 50001}
    refused |= {f"{name} that isn't": tiff(compression=(SHORT, number)) for name, number in codecs.items()}
    refused |= {f"{bits} bits": tiff(bits=bits) for bits in (0, 3, 64, 65_535)}
    refused |= {
        f"a float of {value}, {bits} bits": floats(value, bits)
        for value in (numpy.nan, numpy.inf, 2.0, -1.0)
        for bits in (16, 32, 64)
    }
    refused |= {
        "no width": tiff(width=None),
        "0 channels": tiff(samples=(SHORT, 0)),
        "65,535 tags": b"II*\0\x08\0\0\0\xff\xff" + bytes(range(256)) * 4,
        "a directory behind the end": b"II*\0\xff\xff\xff\x7f",
        "a directory at 0": b"II*\0\0\0\0\0" + bytes(100),
        "only its signature": b"II*\0",
        "BigTIFF cut": b"II+\0\x08\0\0\0",
        "BigTIFF of nothing": b"II+\0\x08\0\0\0\x10\0\0\0\0\0\0\0" + b"\xff" * 100,
        "complex numbers": tiff(pixels_of(8), bits=64, kind=6),
        "32 bits of whole numbers": tiff(pixels_of(4), bits=32),
        "signed 16 bits": tiff(b"\xff\x80" * (WIDTH * HEIGHT), bits=16, kind=2),
    }
    yield from cases("absurd headers", "tif", REFUSED, refused)
    fine = {f"a float of {value}": floats(value) for value in (0.5, -0.0, 1e-45, 1.0005)}
    fine |= {"half floats": floats(0.5, 16), "orientation 6": tiff(orientation=(SHORT, 6))}
    fine |= {"a directory that follows itself": tiff(after=end)}
    yield from cases("odd chunks", "tif", PICTURE, fine)
    odd = {
        "EXIF that is the directory": tiff(exif=(LONG, end)),
        "a part that is the directory": tiff(subs=(LONG, end)),
        "EXIF behind the end": tiff(exif=(LONG, 2**31)),
        "a profile behind the end": tiff(profile=(LONG, 2**30)),
        "predictor 9": tiff(predictor=(SHORT, 9)),
        "planar 7": tiff(planar=(SHORT, 7)),
        "orientation 9": tiff(orientation=(SHORT, 9)),
        "colours of type 999": tiff(photometric=(SHORT, 999)),
        "fax that isn't": tiff(compression=(SHORT, 4), bits=1),
        "a width of text": tiff(width=(2, WIDTH)),
        "rows of 0": tiff(rows=(LONG, 0)),
        "no rows": tiff(rows=None),
        "counts of 2^32 - 1": tiff(counts=(LONG, 2**32 - 1)),
        "no colours": tiff(photometric=None),
    }
    yield from cases("odd chunks", "tif", EITHER, odd)


def pixels_of(size: int) -> bytes:
    """Values of some bytes each, of all sizes."""
    return bytes(i * 7 % 251 for i in range(WIDTH * HEIGHT * size))


def other_headers() -> Iterator[Case]:
    """The other formats."""
    gif, bmp, webp = saved("GIF", "P"), saved("BMP"), saved("WEBP")
    bomb = black(60_000, 4_000)
    icon = b"\0\0\1\0\1\0" + b"\x20\x20\0\0\1\0\x20\0"
    refused = {
        "gif": {"65535x65535": gif[:6] + ENDLESS + gif[10:], "no frame": gif[:13] + b";", "a sign": b"GIF89a"},
        "bmp": {
            "2^31 - 1 wide": bmp[:18] + struct.pack("<i", 2**31 - 1) + bmp[22:],
            "-2^31 high": bmp[:22] + struct.pack("<i", -(2**31)) + bmp[26:],
            "3 bits": bmp[:28] + b"\3\0" + bmp[30:],
            "compression 77": bmp[:30] + b"\x4d\0\0\0" + bmp[34:],
            "only its signature": b"BM",
        },
        "webp": {
            "only its signature": b"RIFF\x10\0\0\0WEBP",
            "16383x16383": webp.replace(webp[26:30], b"\xff\x3f\xff\x3f", 1),
            "an empty canvas": b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + b"\xff" * 6,
        },
        "avif": {
            "only its brand": b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf",
            "a box of 2^64 - 1": b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf\0\0\0\1meta" + b"\xff" * 8,
        },
        "heic": {"only its brand": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"},
        "ppm": {
            "10^9 x 10^9": b"P6 1000000000 1000000000 255\n" + b"abc" * 100,
            "a long number": b"P6 " + b"9" * 5000 + b" 5 255\n",
            "a white of 2^31": b"P6 48 40 2147483648\n" + b"abc" * 1920,
            "words": b"P3 48 40 255\n" + b"red " * 5760,
            "too few": b"P6 48 40 255\n" + b"abc" * 100,
        },
        "pfm": {f"{v}": b"Pf\n48 40\n-1.0\n" + struct.pack("<f", v) * 1920 for v in (numpy.nan, numpy.inf)},
        "qoi": {"2^32 - 1": b"qoif" + b"\xff" * 8 + b"\3\0" + bytes(100)},
        "tga": {"65535x65535": bytes([0, 0, 2]) + bytes(9) + ENDLESS + b"\x18\0" + bytes(100)},
        "psd": {"2^31": b"8BPS\0\1" + bytes(6) + b"\0\3" + b"\x7f\xff\xff\xff" * 2 + b"\0\x08\0\3" + bytes(14)},
        "dds": {"2^31": b"DDS |\0\0\0" + struct.pack("<III", 0x1007, 2**31, 2**31) + bytes(108)},
        "sgi": {"65535x65535": b"\x01\xda\x00\x01\x00\x03" + ENDLESS + b"\x00\x03" + bytes(500)},
        "ico": {
            "no pictures": b"\0\0\1\0\0\0",
            "a picture behind the end": icon + struct.pack("<II", 100, 2**31),
            "a bomb": icon + struct.pack("<II", len(bomb), 22) + bomb,
        },
        "icns": {"a length of 0": b"icns\0\0\0\x20ic07\0\0\0\0" + bytes(16)},
        "jp2": {"a box of 2^31": b"\0\0\0\x0cjP  \r\n\x87\n" + b"\x7f\xff\xff\xffjp2h"},
    }
    for suffix, table in refused.items():
        yield from cases("absurd headers", suffix, REFUSED, table)
    frame = gif.index(b",")
    odd = {
        "a frame beyond its canvas": gif[: frame + 1] + ENDLESS + gif[frame + 5 :],
        "a frame of 65535x65535": gif[: frame + 5] + ENDLESS + gif[frame + 9 :],
        "codes of 13 bits": gif[: frame + 10] + b"\x0d" + gif[frame + 11 :],
        "extensions without end": gif[:13] + b"!\xfe\xff" + b"a" * 50_000,
    }
    yield from cases("odd chunks", "gif", EITHER, odd)
    yield Case("odd chunks", "bmp, upside down", bmp[:22] + struct.pack("<i", -HEIGHT) + bmp[26:])
    yield Case("odd chunks", "ppm, 10 bits", b"P6 48 40 1023\n" + b"\1\2" * 5760)


def sizes() -> Iterator[Case]:
    """Sizes at the limits, and beyond them."""
    small = [(1, 1), (1, 100), (31, 31), (500, 31), (65_000, 1), (2, 20_000)]
    fine = [(32, 32), (32, 33), (33, 4000), (6000, 32)]
    for kind, suffix in (("PNG", "png"), ("JPEG", "jpg"), ("TIFF", "tif"), ("BMP", "bmp")):
        for width, height in small:
            yield Case("too small", f"{suffix}, {width}x{height}", saved(kind, "L", width, height), REFUSED)
        for width, height in fine:
            yield Case("long and thin", f"{suffix}, {width}x{height}", saved(kind, "L", width, height), PICTURE)
    for kind, suffix in (("WEBP", "webp"), ("GIF", "gif"), ("AVIF", "avif")):
        yield Case("too small", f"{suffix}, 31x31", saved(kind, "RGB", 31, 31), REFUSED)
        yield Case("long and thin", f"{suffix}, 32x2000", saved(kind, "RGB", 32, 2000), PICTURE)
    packed = zlib.compress(bytes(4 * 10**6), 9)
    vast = {"width": (LONG, 20_000), "height": (LONG, 20_000), "rows": (LONG, 20_000), "compression": (SHORT, 8)}
    bombs = {
        "60,000x60,000": png(head=header(60_000, 60_000, 1, 0), body=black(60_000, 200)[33:-12]),
        "20,000x20,000": black(20_000, 20_000),
        "14,200x14,200": black(14_200, 14_200),
        "16 bits, 60,000x60,000": png(head=header(60_000, 60_000, 16, 0), body=black(60_000, 1)[33:-12]),
    }
    yield from cases("bombs", "png", REFUSED, bombs)
    yield Case("bombs", "tif, deflate, 20,000x20,000", tiff(packed, **vast), REFUSED)
    yield Case("bombs", "jpg, 14,000x14,000 in 500 scans", many_scans(14_000, 500), REFUSED)
    yield Case("bombs", "jpg, 500x500 in 500 scans", many_scans(500, 500), PICTURE)


def many_scans(edge: int, scans: int) -> bytes:
    """A progressive JPEG that says the same of each pixel again and again."""
    good = saved("JPEG", "L", 16, 16, quality=50, progressive=True)
    at, first = good.index(b"\xff\xc2"), good.index(b"\xff\xda")
    head = good[: at + 5] + struct.pack(">HH", edge, edge) + good[at + 9 : first]
    return head + (b"\xff\xda\x00\x08\x01\x01\x00\x00\x00\x00" + b"\x00" * 4) * scans + b"\xff\xd9"


def metadata() -> Iterator[Case]:
    """Texts, EXIF, XMP and profiles that are huge, nested or damaged: of the pixels nothing is wrong."""
    huge, tags = zlib.compress(b"a" * 3_000_000, 9), b"II*\0\x08\0\0\0"
    profiles = {"none": b"abc" * 50, "a part of one": profile_of("sRGB")[:200], "Lab's": profile_of("LAB")}
    found = {f"a profile that is {name}": png(chunk(b"iCCP", icc(content))) for name, content in profiles.items()}
    exifs = {
        "in itself": directory([(34665, 4, 1, 8), (34853, 4, 1, 8)], 8),
        "of 2^32 - 1": directory([(315, 2, 2**32 - 1, 8), (33432, 2, 2**31, 8)]),
        "of 65,535 tags": b"\xff\xff" + bytes(5000),
        "of an orientation of text": directory([(274, 2, 4, 0x20202020)]),
        "of orientation 65,535": directory([(274, 3, 1, 65_535)]),
        "of four orientations": directory([(274, 3, 4, 8)]),
        "of an orientation as a fraction": directory([(274, 5, 1, 8)]),
    }
    found |= {f"EXIF {name}": png(chunk(b"eXIf", tags + content)) for name, content in exifs.items()}
    packets = {
        "laughs": LAUGHS,
        "reads a file": b'<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><x>&f;</x>',
        "is none": b"<x><y></x>",
        "is 50,000 deep": b"<x>" * 50_000 + b"</x>" * 50_000,
        "is in UTF-7": b'<?xml version="1.0" encoding="utf-7"?><x/>',
    }
    found |= {f"XMP that {name}": png(xmp(content)) for name, content in packets.items()}
    found |= {
        "3 MB of text": png(chunk(b"tEXt", b"Comment\0" + b"a" * 3_000_000)),
        "3 MB of packed text": png(chunk(b"zTXt", b"Comment\0\0" + huge)),
        "3 MB of packed international text": png(chunk(b"iTXt", b"Comment\0\1\0\0\0" + huge)),
        "20 MB of packed text": png(chunk(b"zTXt", b"Comment\0\0" + packed_zeros(20))),
        "20 MB of profile": png(chunk(b"iCCP", b"icc\0\0" + packed_zeros(20))),
        "10,000 texts": png(*[chunk(b"tEXt", b"Comment\0a")] * 10_000),
        "a text without a name": png(chunk(b"tEXt", b"")),
        "a text that isn't packed": png(chunk(b"zTXt", b"Comment\0\0abc")),
        "an empty profile": png(chunk(b"iCCP", b"")),
        "a profile of a wrong sum": png(chunk(b"iCCP", icc(profile_of("sRGB")), crc=7)),
        "EXIF that is none": png(chunk(b"eXIf", b"abc")),
        "a date": png(chunk(b"tIME", b"\xff" * 7)),
    }
    yield from cases("metadata", "png", EITHER, found)
    good = saved("JPEG", quality=90)
    segments = {
        "EXIF in itself": segment(0xE1, b"Exif\0\0" + tags + directory([(34665, 4, 1, 8), (274, 3, 1, 6)], 8)),
        "160 comments": segment(0xFE, b"a" * 60_000) * 160,
        "a profile in 255 parts of which one is there": segment(0xE2, b"ICC_PROFILE\0\1\xff" + profile_of("sRGB")),
        "XMP that laughs": segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + LAUGHS),
    }
    yield from cases("metadata", "jpg", PICTURE, {n: good[:2] + content + good[2:] for n, content in segments.items()})


LAUGHS = (
    b"<?xml version='1.0'?><!DOCTYPE l [<!ENTITY a '" + b"ha" * 50 + b"'>"
    + b"".join(b"<!ENTITY %c '%s'>" % (98 + i, b"&%c;" % (97 + i) * 20) for i in range(9))
    + b"]><l>&j;</l>"
)  # fmt: skip


def xmp(content: bytes) -> bytes:
    return chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + content)


def icc(profile: bytes) -> bytes:
    return b"icc\0\0" + zlib.compress(profile)


def segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


def packed_zeros(megabytes: int) -> bytes:
    """Some MB of zeros by zlib, without having them."""
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(bytes(10**6)) for _ in range(megabytes)) + packer.flush()


def profile_of(space: str) -> bytes:
    return bytes(ImageCms.ImageCmsProfile(ImageCms.createProfile(space)).tobytes())


def modes() -> Iterator[Case]:
    """Every mode and kind that is right, however rare."""
    kinds = {
        ("png", "PNG"): ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
        ("tif", "TIFF"): ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "F", "I;16"),
        ("jpg", "JPEG"): ("CMYK", "L"),
    }
    for (suffix, kind), names in kinds.items():
        yield from cases("rare and right", suffix, PICTURE, {mode: saved(kind, mode) for mode in names})
    for colors in (1, 2, 17, 256):
        for suffix in ("png", "gif"):
            file = io.BytesIO()
            picture().quantize(colors).save(file, suffix)
            yield Case("rare and right", f"{suffix}, {colors} colours", file.getvalue(), PICTURE)
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
    entity = b'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY f SYSTEM "file:///etc/passwd">]><svg>&f;</svg>'
    found = {
        "png, empty": b"",
        "jpg, a blank": b" ",
        "png, zeros": bytes(5000),
        "jpg, noise": numpy.random.default_rng(2).bytes(5000),
        "txt, text": b"not a picture\n",
        "png, HTML": b"<!DOCTYPE html><html><body>404</body></html>",
        "svg, a drawing": b'<svg xmlns="http://www.w3.org/2000/svg" width="48" height="40"/>',
        "svg, one that reads a file": entity,
        "pdf, a page": b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF",
        "eps, a script": script,
        "png, a script": script,
        "eps, a script of DOS": dos,
        "wmf, a drawing": b"\xd7\xcd\xc6\x9a" + bytes(18) + bytes(100),
        "fit, FITS": b"SIMPLE  =                    T".ljust(2880),
        "mpg, MPEG": b"\0\0\1\xb3\x10\x01\x00\x14" + bytes(100),
        "mp4, a video": b"\0\0\0\x18ftypisom\0\0\0\0isommp42" + bytes(100),
        "zip, an archive": b"PK\3\4" + bytes(100),
        "pkl, a pickle": b"\x80\4\x95cos\nsystem\n(Vtouch canary\ntR.",
        "xpm, XPM": b'/* XPM */ static char *a[] = {"48 40 1 1", "a c red"};',
        "mat, MATLAB": b"MATLAB 5.0 MAT-file".ljust(128),
        "v, a file of libvips": b"\xb6\xa6\xf2\x08" + bytes(200),
        "hdr, Radiance": b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 40 +X 48\n" + bytes(10),
        "exr, OpenEXR": b"\x76\x2f\x31\x01" + bytes(100),
        "fli, FLI": b"\0\0\0\0\x12\xaf" + bytes(200),
        "cur, a cursor": b"\0\0\2\0\1\0" + bytes(100),
        "raw, a camera's raw": b"FUJIFILMCCD-RAW " + bytes(200),
        "png, a link to a picture": b"[InternetShortcut]\nURL=http://example.com/a.png\n",
    }
    for name, content in found.items():
        yield Case("no pictures", name, content, REFUSED)


@functools.cache
def corpus() -> list[Case]:
    """All of them, made once."""
    makers = (truncated, flipped, extremes, wrong_suffixes, png_headers, jpeg_headers, tiff_headers, other_headers)
    return [case for maker in (*makers, sizes, metadata, modes, no_pictures) for case in maker()]

"""What stands in picture files beside the pixels: EXIF, XMP, PNG's chunks and TIFF's tags."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from functools import cache
from xml.sax.saxutils import escape

from PIL import Image, ImageCms

from .credits import ARTIST, COPYRIGHT, SPACE

SOFTWARE, XMP = 0x0131, 700
KEY = "cxstyle"
NAMESPACE = "urn:cxstyle:1.0/"
LONGEST_PACKET = 60_000
"""Bytes of XMP: a segment of JPEG holds 65,533."""
DATE = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
SIGNATURE = b"\x89PNG\r\n\x1a\n"
PACKET = """\
<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{rdf}">\
<rdf:Description rdf:about="" xmlns:dc="{dc}" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:cxstyle="{ours}">\
<xmp:CreatorTool>{tool}</xmp:CreatorTool>{parts}</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="r"?>"""


@dataclass(frozen=True)
class Credits:
    """What a result's file says beside its pixels.

    Attributes:
        tool: that made it; "" for no metadata at all.
        author: of the source.
        copyright: of the source.
        record: how it was made, as JSON.
    """

    tool: str = ""
    author: str = ""
    copyright: str = ""
    record: str = ""


@cache
def srgb_profile() -> bytes:
    """The ICC profile of sRGB, without the time at which it was made: the same bytes whenever it is asked for."""
    made = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return made[:24] + DATE + made[36:]


def exif_of(credits: Credits) -> Image.Exif:
    """Software, author and rights as EXIF has them, in UTF-8."""
    exif = Image.Exif()
    for tag, text in ((SOFTWARE, credits.tool), (ARTIST, credits.author), (COPYRIGHT, credits.copyright)):
        if text:
            exif[tag] = text.encode()
    return exif


def packet_of(credits: Credits) -> bytes:
    """All as an XMP packet."""
    parts = ""
    if credits.author:
        parts += f"<dc:creator><rdf:Seq><rdf:li>{escape(credits.author)}</rdf:li></rdf:Seq></dc:creator>"
    if credits.copyright:
        text = escape(credits.copyright)
        parts += f'<dc:rights><rdf:Alt><rdf:li xml:lang="x-default">{text}</rdf:li></rdf:Alt></dc:rights>'
    if credits.record:
        parts += f"<cxstyle:record>{escape(credits.record)}</cxstyle:record>"
    return PACKET.format(
        rdf=SPACE["rdf"], dc=SPACE["dc"], ours=NAMESPACE, tool=escape(credits.tool), parts=parts
    ).encode()


def png_with(png: bytes, credits: Credits) -> bytes:
    """A PNG file with the profile of sRGB, and the credits as its texts and its EXIF."""
    chunks = [(b"iCCP", b"sRGB\0\0" + zlib.compress(srgb_profile(), 9))]
    if credits.tool:
        texts = {"Software": credits.tool, "Author": credits.author, "Copyright": credits.copyright}
        for key, text in (texts | {KEY: credits.record}).items():
            if text.isascii() and text:
                chunks.append((b"tEXt", f"{key}\0{text}".encode()))
            elif text:
                chunks.append((b"iTXt", f"{key}\0\0\0\0\0{text}".encode()))
        chunks.append((b"eXIf", exif_of(credits).tobytes().removeprefix(b"Exif\0\0")))
    whole = b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in chunks
    )
    head = len(SIGNATURE) + 25  # IHDR comes first, and is always as long
    return png[:head] + whole + png[head:]


def tiff_with(tiff: bytes, texts: dict[int, str]) -> bytes:
    """A little-endian TIFF file of one picture with texts among its tags, by a directory in place of the first."""
    (start,) = struct.unpack_from("<I", tiff, 4)
    (count,) = struct.unpack_from("<H", tiff, start)
    entries = {}
    for i in range(count):
        entry = tiff[start + 2 + 12 * i : start + 14 + 12 * i]
        entries[struct.unpack_from("<H", entry)[0]] = entry
    more = tiff + b"\0" * (len(tiff) % 2)
    for tag, text in texts.items():
        content = text.encode() + b"\0"
        value = struct.pack("<I", len(more)) if len(content) > 4 else content.ljust(4, b"\0")
        entries[tag] = struct.pack("<HHI", tag, 2, len(content)) + value
        if len(content) > 4:
            more += content + b"\0" * (len(content) % 2)
    directory = struct.pack("<H", len(entries)) + b"".join(entries[tag] for tag in sorted(entries)) + bytes(4)
    return more[:4] + struct.pack("<I", len(more)) + more[8:] + directory

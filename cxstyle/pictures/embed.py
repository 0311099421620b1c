"""Texts and profiles inside of picture files: EXIF, XMP, PNG's chunks and TIFF's tags, written and read."""

from __future__ import annotations

import contextlib
import io
import re
import struct
import warnings
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from PIL import Image, ImageCms, UnidentifiedImageError

from ..errors import PictureError

SOFTWARE, ARTIST, COPYRIGHT, ORIENTATION = 0x0131, 0x013B, 0x8298, 0x0112
XMP = 700
BITS_PER_SAMPLE = 258
KEY = "cxstyle"
RDF, DC = "http://www.w3.org/1999/02/22-rdf-syntax-ns#", "http://purl.org/dc/elements/1.1/"
NAMESPACE = "urn:cxstyle:1.0/"
LONGEST_PACKET = 60_000
"""Bytes of XMP: a segment of JPEG holds 65,533."""
LARGEST_XMP = 4_000_000
"""Bytes of XMP that are looked at: more is no record of a picture's making."""
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


@dataclass(frozen=True)
class Tags:
    """What a picture's file says.

    Attributes:
        format: such as PNG.
        size: (width, height) in pixels, as stored.
        bits: of a channel.
        profile: the name of its colour profile; "" without one.
        orientation: of EXIF, 1 to 8; 1 where there is none.
        author: "" where it doesn't say.
        copyright: the same.
        record: of cxstyle, as text; "" without one.
    """

    format: str
    size: tuple[int, int]
    bits: int
    profile: str
    orientation: int
    author: str
    copyright: str
    record: str


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
    return PACKET.format(rdf=RDF, dc=DC, ours=NAMESPACE, tool=escape(credits.tool), parts=parts).encode()


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


def read_tags(path: Path) -> Tags:
    """What a picture's file says, its pixels undecoded.

    Raises:
        PictureError: it is missing, no picture, or damaged.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Pillow, about damaged EXIF and many pixels
            with Image.open(path) as image:
                return tags_of(image, path)
    except FileNotFoundError as error:
        raise PictureError(f"there is no file {path}") from error
    except IsADirectoryError as error:
        raise PictureError(f"{path} is a folder; name a picture in it") from error
    except UnidentifiedImageError as error:
        raise PictureError(f"{path} is not a picture in a format that can be read") from error
    except Image.DecompressionBombError as error:
        raise PictureError(f"{path} is too large to open safely: {error}") from error
    except (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, KeyError, TypeError) as error:
        raise PictureError(f"{path} can't be read: {error}; the file may be damaged") from error


def tags_of(image: Image.Image, path: Path) -> Tags:
    """Of an open picture."""
    texts = {str(key): str(value) for key, value in image.info.items() if isinstance(value, str)}
    if image.format == "PNG" and KEY not in texts:
        texts |= late_texts(image)
    exif = image.getexif()
    xmp = xmp_of(image)
    orientation = exif.get(ORIENTATION, 1)
    return Tags(
        image.format or "",
        image.size,
        bits_of(image, path),
        profile_name(image.info.get("icc_profile")),
        orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1,
        in_utf8(exif.get(ARTIST)) or texts.get("Author", "") or xmp.get(f"{{{DC}}}creator", ""),
        in_utf8(exif.get(COPYRIGHT)) or texts.get("Copyright", "") or xmp.get(f"{{{DC}}}rights", ""),
        texts.get(KEY, "") or xmp.get(f"{{{NAMESPACE}}}record", ""),
    )


def late_texts(image: Image.Image) -> dict[str, str]:
    """Texts of a PNG file that stand behind its pixels, where programs that wrote it again have put them."""
    with_text: Any = image
    return {str(key): str(value) for key, value in with_text.text.items()}


def in_utf8(text: object) -> str:
    """EXIF's text, which Pillow takes for Latin-1, where it is UTF-8."""
    if isinstance(text, bytes):
        text = text.decode("latin-1")
    if not isinstance(text, str):
        return ""
    with contextlib.suppress(UnicodeError):
        text = text.encode("latin-1").decode()
    return text.strip("\0 ")


def bits_of(image: Image.Image, path: Path) -> int:
    """Of a channel; Pillow's modes don't tell it of colours with 16."""
    if image.format == "PNG":
        with path.open("rb") as file:
            return file.read(25)[24]
    if image.format == "TIFF":
        tags: Any = image
        bits = tags.tag_v2.get(BITS_PER_SAMPLE, (1,))
        return int(bits[0] if isinstance(bits, tuple) else bits)
    return {"1": 1, "I": 32, "F": 32, "I;16": 16, "I;16B": 16}.get(image.mode, 8)


def profile_name(profile: object) -> str:
    """What a colour profile calls itself."""
    if not isinstance(profile, bytes) or not profile:
        return ""
    try:
        return ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile))).strip()
    except (ImageCms.PyCMSError, OSError):
        return "damaged"


def xmp_of(image: Image.Image) -> dict[str, str]:
    """Properties of the XMP packet by {namespace}name, simple ones and the first of lists; none where it is damaged."""
    packet = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
    packet = packet if isinstance(packet, bytes) else str(packet).encode()
    # A document type can define texts that grow without end.
    if not packet or len(packet) > LARGEST_XMP or re.search(rb"<!(DOCTYPE|ENTITY)", packet, re.IGNORECASE):
        return {}
    try:
        tree = ElementTree.fromstring(packet.strip(b"\0 \r\n\t").decode().lstrip("\ufeff"))
    except (ElementTree.ParseError, UnicodeDecodeError, RecursionError, ValueError):
        return {}
    found: dict[str, str] = {}
    for description in tree.iter(f"{{{RDF}}}Description"):
        found |= description.attrib
        for part in description:
            item = next(part.iter(f"{{{RDF}}}li"), part)
            found[part.tag] = (item.text or "").strip()
    return found

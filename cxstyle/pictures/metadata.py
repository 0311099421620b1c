"""What stands in picture files beside the pixels: author, rights and our record; read, and written."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from PIL import Image, ImageCms, ImageFile, IptcImagePlugin, PngImagePlugin

from ..checks import one_line

SOFTWARE, ARTIST, COPYRIGHT, XMP = 0x0131, 0x013B, 0x8298, 700  # tags of EXIF and TIFF
BYLINE, RIGHTS = (2, 80), (2, 116)  # of IPTC
LONGEST = 1000  # characters of author and rights that are kept
LARGEST = 16 * 2**20  # bytes of XMP that are looked at
LONGEST_PACKET = 60_000  # bytes of XMP in a JPEG: one of its segments holds 65,533
KEY = "cxstyle"
NAMESPACE = "urn:cxstyle:1.0/"
SPACE = {"rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#", "dc": "http://purl.org/dc/elements/1.1/"}
DATE = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
PACKET = """\
<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{rdf}">\
<rdf:Description rdf:about="" xmlns:dc="{dc}" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:cxstyle="{ours}">\
<xmp:CreatorTool>{tool}</xmp:CreatorTool>{parts}</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="r"?>"""


@dataclass(frozen=True)
class Attribution:
    """What a result's file says beside its pixels."""

    tool: str = ""  # that made it; without one there is no metadata at all
    author: str = ""  # of the source, as `copyright` is
    copyright: str = ""
    record: str = ""  # how it was made, as JSON


def attribution_of(image: Image.Image) -> tuple[str, str]:
    """Author and copyright of a picture that Pillow has opened; "" for what it doesn't say."""
    try:
        iptc = IptcImagePlugin.getiptcinfo(image) or {} if isinstance(image, ImageFile.ImageFile) else {}
    except Exception:  # whatever is wrong with it: nothing of the picture depends on it
        iptc = {}
    return attribution_in(image.getexif(), image.info, iptc)


def attribution_in(
    exif: Mapping[int, Any], info: Mapping[Any, Any], iptc: Mapping[Any, Any] = MappingProxyType({})
) -> tuple[str, str]:
    """Author and copyright, each by the first that says: EXIF and IPTC by number, XMP and PNG's texts by name."""
    xmp = xmp_of(info)
    found = []
    for tag, element, number, *keys in (
        (ARTIST, "dc:creator", BYLINE, "Author", "Artist"),  # the second is what ExifTool writes
        (COPYRIGHT, "dc:rights", RIGHTS, "Copyright"),
    ):
        ways = (exif.get(tag), in_xmp(xmp, element), iptc.get(number), *map(info.get, keys))
        found.append(next(filter(None, map(text_of, ways)), ""))
    return found[0], found[1]


def text_of(value: Any) -> str:
    """Text as it is meant, in one line and not too long; several as "a; b"."""
    if isinstance(value, list | tuple):
        return "; ".join(filter(None, map(text_of, value)))[:LONGEST]
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    if not isinstance(value, str):
        return ""
    # EXIF is to be ASCII; what writes UTF-8 all the same comes as Latin-1.
    with contextlib.suppress(UnicodeError):
        value = value.encode("latin-1").decode()
    # In EXIF a NUL parts the photographer's copyright from the editor's.
    return "; ".join(filter(None, map(one_line, value.split("\0"))))[:LONGEST]


def xmp_of(info: Mapping[Any, Any]) -> ElementTree.Element | None:
    """None where there is none that can be read."""
    packet = info.get("xmp") or info.get("XML:com.adobe.xmp")
    if isinstance(packet, str):
        packet = packet.encode("utf-8", "replace")
    # XMP has no use for definitions of entities, which bombs are made of.
    if not isinstance(packet, bytes) or len(packet) > LARGEST or b"<!" in packet.replace(b"<!--", b""):
        return None
    try:
        return ElementTree.fromstring(packet.strip(b"\0 \r\n\t"))
    except (ElementTree.ParseError, ValueError, LookupError):
        return None


def in_xmp(xmp: ElementTree.Element | None, element: str) -> list[str]:
    """The entries of an element's list, or its text."""
    found = None if xmp is None else xmp.find(f".//{element}", SPACE)
    if found is None:
        return []
    entries = found.findall(".//rdf:li", SPACE) or [found]
    # Of a text in several languages the first is the default one.
    several = entries if found.find("rdf:Alt", SPACE) is None else entries[:1]
    return [entry.text or "" for entry in several]


def record_in(image: Image.Image) -> str:
    """Our record in a picture that Pillow has opened: a text of PNG, or a property of XMP; "" without one."""
    # Programs that have written a PNG again put texts behind the pixels, where `text` looks, too.
    text = image.info.get(KEY) or getattr(image, "text", {}).get(KEY)
    if isinstance(text, str) and text:
        return text
    xmp = xmp_of(image.info)
    if xmp is None:
        return ""
    name = f"{{{NAMESPACE}}}record"
    # Some programs make an attribute of the element.
    attributes = (part.get(name, "") for part in xmp.iterfind(".//rdf:Description", SPACE))
    return (xmp.findtext(f".//{name}") or "").strip() or next(filter(None, attributes), "")


@cache
def srgb_profile() -> bytes:
    """The ICC profile of sRGB, without the time at which it was made: the same bytes whenever it is asked for."""
    made = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return made[:24] + DATE + made[36:]


def exif_of(said: Attribution) -> Image.Exif:
    """Software, author and rights as EXIF has them, in UTF-8."""
    exif = Image.Exif()
    for tag, text in ((SOFTWARE, said.tool), (ARTIST, said.author), (COPYRIGHT, said.copyright)):
        if text:
            exif[tag] = text.encode()
    return exif


def texts_of(said: Attribution) -> PngImagePlugin.PngInfo:
    """All as texts of a PNG."""
    info = PngImagePlugin.PngInfo()
    texts = {"Software": said.tool, "Author": said.author, "Copyright": said.copyright, KEY: said.record}
    for key, text in texts.items():
        if text:
            (info.add_text if text.isascii() else info.add_itxt)(key, text)
    return info


def packet_of(said: Attribution) -> bytes:
    """All as an XMP packet."""
    parts = ""
    if said.author:
        parts += f"<dc:creator><rdf:Seq><rdf:li>{escape(said.author)}</rdf:li></rdf:Seq></dc:creator>"
    if said.copyright:
        text = escape(said.copyright)
        parts += f'<dc:rights><rdf:Alt><rdf:li xml:lang="x-default">{text}</rdf:li></rdf:Alt></dc:rights>'
    if said.record:
        parts += f"<cxstyle:record>{escape(said.record)}</cxstyle:record>"
    return PACKET.format(rdf=SPACE["rdf"], dc=SPACE["dc"], ours=NAMESPACE, tool=escape(said.tool), parts=parts).encode()

"""Who made a picture and whose it is, as its file says: EXIF, XMP, IPTC, or the texts of a PNG."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

from PIL import Image, ImageFile, IptcImagePlugin

ARTIST, COPYRIGHT = 0x013B, 0x8298
BYLINE, RIGHTS = (2, 80), (2, 116)
LONGEST = 1000
"""Characters that are kept."""
LARGEST = 16 * 2**20
"""Bytes of XMP that are looked at."""
XMP_KEYS = ("xmp", "XML:com.adobe.xmp")
SPACE = {"rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#", "dc": "http://purl.org/dc/elements/1.1/"}


def credits_of(image: Image.Image) -> tuple[str, str]:
    """Author and copyright of a picture that Pillow has opened; "" for what it doesn't say."""
    exif: Mapping[int, Any] = image.getexif()
    try:
        iptc = IptcImagePlugin.getiptcinfo(image) or {} if isinstance(image, ImageFile.ImageFile) else {}
    except Exception:  # whatever is wrong with it: nothing of the picture depends on it
        iptc = {}
    return credits_in(exif, image.info, iptc)


def credits_in(
    exif: Mapping[int, Any], info: Mapping[Any, Any], iptc: Mapping[Any, Any] | None = None
) -> tuple[str, str]:
    """Author and copyright; the first of EXIF, XMP, IPTC and PNG texts that says.

    Args:
        exif: by tag.
        info: as Pillow has it; XMP and PNG texts are there.
        iptc: by record and number.
    """
    xmp = xmp_of(info)
    found = []
    for tag, element, number, *keys in (
        (ARTIST, "dc:creator", BYLINE, "Author", "Artist"),  # the second is what ExifTool writes
        (COPYRIGHT, "dc:rights", RIGHTS, "Copyright"),
    ):
        ways = (exif.get(tag), in_xmp(xmp, element), (iptc or {}).get(number), *map(info.get, keys))
        found.append(next(filter(None, (text_of(way) for way in ways)), ""))
    return found[0], found[1]


def text_of(value: Any) -> str:
    """Text as it is meant, in one line and not too long; several as "a; b"."""
    if isinstance(value, list | tuple):
        return "; ".join(filter(None, map(text_of, value)))[:LONGEST]
    if isinstance(value, str):
        # EXIF is to be ASCII; what writes UTF-8 all the same comes as Latin-1.
        try:
            value = value.encode("latin-1")
        except UnicodeEncodeError:
            value = value.encode("utf-8", "replace")
    if not isinstance(value, bytes):
        return ""
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        text = value.decode("latin-1")
    # In EXIF a NUL parts the photographer's copyright from the editor's.
    parts = (" ".join("".join(c if c.isprintable() else " " for c in part).split()) for part in text.split("\0"))
    return "; ".join(filter(None, parts))[:LONGEST]


def xmp_of(info: Mapping[Any, Any]) -> ElementTree.Element | None:
    """None where there is none, or none that can be read. Definitions of entities, which XMP has no use for and bombs
    are made of, are not."""
    packet = next((info[key] for key in XMP_KEYS if info.get(key)), None)
    if isinstance(packet, str):
        packet = packet.encode("utf-8", "replace")
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

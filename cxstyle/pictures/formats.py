"""Formats of pictures by the suffix of their file: what each can hold, and what can be said about how it is written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath

from ..checks import check_integer
from ..errors import ConfigError, OutputError

QUALITY = 95  # of formats that have one, where nothing else is said


@dataclass(frozen=True)
class Format:
    """What a format can do."""

    name: str  # as Pillow has it
    quality: bool = False  # there is one to choose
    deep: bool = False  # it holds 16 bits a channel
    alpha: bool = True  # it holds transparency
    tagged: bool = True  # it holds a colour profile and metadata
    longest: int | None = None  # pixels on a side, at most; None where memory ends first


PNG = Format("PNG", deep=True)
JPEG = Format("JPEG", quality=True, alpha=False, longest=65_500)
TIFF = Format("TIFF", deep=True)
FORMATS: dict[str, Format] = {  # by suffix
    ".png": PNG,
    ".jpg": JPEG,
    ".jpeg": JPEG,
    ".webp": Format("WEBP", quality=True, longest=16_383),
    ".tif": TIFF,
    ".tiff": TIFF,
    ".bmp": Format("BMP", alpha=False, tagged=False),
    ".avif": Format("AVIF", quality=True, longest=65_536),
}
BITS = ("auto", 8, 16)


def suffixes(**able: bool | None) -> str:
    """Those of formats that are able to do something, parted by commas."""
    return ", ".join(s for s, kind in FORMATS.items() if all(getattr(kind, k) == v for k, v in able.items()))


def format_of(path: str | PurePath) -> Format:
    """By the suffix, upper or lower case; an OutputError where it is none of a format that can be written."""
    suffix = PurePath(path).suffix
    if suffix.lower() not in FORMATS:
        raise OutputError(f"{path}: can't tell the format from {suffix or 'no suffix'!r}; use {', '.join(FORMATS)}")
    return FORMATS[suffix.lower()]


def check_size(path: str | PurePath, height: int, width: int) -> None:
    """Refuses, by an OutputError, a picture that is too large for its format."""
    longest = format_of(path).longest
    if longest is not None and max(height, width) > longest:
        suffix = PurePath(path).suffix.lower()
        raise OutputError(
            f"{path}: the result would be {width}x{height} px, and {suffix} holds {longest} px on a side at most; "
            f"use {suffixes(longest=None)}, or --size {longest}"
        )


@dataclass(frozen=True)
class Writing:
    """How a picture is written.

    Attributes:
        quality: 1 to 100, of JPEG, WebP and AVIF; 95 where it is None. WebP of quality 100 is lossless.
        bits: of a channel: 8, 16, which PNG and TIFF hold, or auto: 16 where they hold what had more than 8.
        metadata: whether settings, author and rights go into the file beside the pixels.

    Raises:
        ConfigError: a value out of its range.
    """

    quality: int | None = None
    bits: int | str = "auto"
    metadata: bool = True

    def __post_init__(self) -> None:
        if self.quality is not None:
            check_integer("quality", self.quality, 1, 100)
        if self.bits not in BITS or isinstance(self.bits, bool):
            raise ConfigError(f"bits: must be auto, 8 or 16, got {self.bits!r}")

    def check(self, path: str | PurePath) -> None:
        """Makes sure that a format can do what is asked.

        Raises:
            ConfigError: it can't.
            OutputError: as of `format_of`.
        """
        kind, suffix = format_of(path), PurePath(path).suffix.lower()
        if self.quality is not None and not kind.quality:
            raise ConfigError(f"quality: {suffix} has none; leave it out, or use {suffixes(quality=True)}")
        if self.bits == 16 and not kind.deep:
            raise ConfigError(f"bits: {suffix} holds 8; use {suffixes(deep=True)}, or leave --bits out")

    def depth(self, kind: Format, bits: int) -> int:
        """8 or 16, for a picture made from one of so many bits."""
        if self.bits == "auto":
            return 16 if bits > 8 and kind.deep else 8
        return int(self.bits)

"""Pictures out: whole files in the format of their suffix."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy
import torch
from PIL import Image
from torch import Tensor

from .. import __version__
from ..checks import one_line
from ..errors import FormatError
from ..files import check_writable, write_whole
from .formats import QUALITY, Format, Writing, check_size, format_of
from .metadata import LONGEST, LONGEST_PACKET, XMP, Attribution, exif_of, packet_of, srgb_profile, texts_of
from .sixteen_bit import vips
from .tensors import Origin, on_white, to_image, to_tensor

OPTIONS: dict[str, dict[str, Any]] = {  # Pillow's, by format
    "JPEG": {"subsampling": 0},
    # Its lossy form halves the resolution of colours at any quality. `exact` keeps those of what is transparent.
    "WEBP": {"method": 6, "exact": True},
    "AVIF": {"subsampling": "4:4:4"},
    "TIFF": {"compression": "tiff_deflate"},
}


class Encoded(NamedTuple):
    """A picture as a file: its content, and what of the picture is not in it as it was, one line each."""

    content: bytes
    notes: tuple[str, ...]


def check_output(path: Path, *, overwrite: bool = False, inputs: Iterable[str | Path] = ()) -> None:
    """Makes sure, before anything is computed, that a picture can be written; an OutputError for an unknown suffix, or
    as of `check_writable`."""
    format_of(path)
    check_writable(path, overwrite=overwrite, inputs=inputs)


def encode(
    picture: Tensor,
    suffix: str,
    alpha: Tensor | None = None,
    writing: Writing | None = None,
    record: str = "",
    origin: Origin | None = None,
) -> Encoded:
    """A picture as a file of the format of a suffix, one of `FORMATS`.

    Args:
        picture: (1, 3, H, W) in [0, 1].
        suffix: such as .png.
        alpha: (1, 1, H, W) in [0, 1], or None for an opaque picture; the picture is laid on white by it where the
            format has none.
        writing: how.
        record: how it was made, as text; without it nothing but the profile of sRGB stands beside the pixels.
        origin: author, rights and bits of what it was made from.

    Raises:
        OutputError: the picture can't be had in this format.
        ConfigError: the format can't do what `writing` asks.
    """
    writing, origin, name = writing or Writing(), origin or Origin(), f"picture{suffix}"
    writing.check(name)
    check_size(name, *picture.shape[2:])
    kind = format_of(name)
    notes: tuple[str, ...] = ()
    if alpha is not None and not kind.alpha:
        notes = (f"{suffix.lower()} holds no transparency, so the picture lies on white; .png holds it",)
        picture, alpha = on_white(picture, alpha), None
    said, left_out = attribution_for(kind, writing, record, origin)
    try:
        if writing.depth(kind, origin.bits) == 16:
            channels = picture[0] if alpha is None else torch.cat([picture[0], alpha[0].to(picture)])
            content = deep_file(channels, kind, said)
        else:
            content = plain_file(picture, alpha, kind, writing.quality or QUALITY, said)
    except Exception as error:  # of Pillow's and libvips' encoders, which have no family of errors
        reason = " ".join(str(error).split()) or type(error).__name__
        raise FormatError(f"the picture can't be written as {kind.name}: {reason}") from error
    return Encoded(content, notes + left_out)


def attribution_for(kind: Format, writing: Writing, record: str, origin: Origin) -> tuple[Attribution, tuple[str, ...]]:
    """What goes into the file beside the pixels, and notes about what doesn't."""
    if not kind.tagged or not writing.metadata or not record:
        return Attribution(), ()
    author, rights = (one_line(text) for text in (origin.author, origin.copyright))
    said = Attribution(f"cxstyle {__version__}", author, rights, record)
    if kind.name == "PNG" or len(packet_of(said)) <= LONGEST_PACKET:
        return said, ()
    note = "the settings are too long for the file and are left out of it; .png holds them, and so does --report"
    return replace(said, author=author[:LONGEST], copyright=rights[:LONGEST], record=""), (note,)


def deep_file(channels: Tensor, kind: Format, said: Attribution) -> bytes:
    """(C, H, W) in [0, 1] as PNG or TIFF of 16 bits a channel, which Pillow can't write; attribution as XMP."""
    values = channels.detach().double().clamp(0, 1).mul(65535).round().cpu().permute(1, 2, 0)
    image = vips().Image.new_from_array(values.numpy().astype(numpy.uint16)).copy(interpretation="rgb16")
    blobs = {"icc-profile-data": srgb_profile()} | ({"xmp-data": packet_of(said)} if said.tool else {})
    for name, content in blobs.items():
        image.set_type(vips().GValue.blob_type, name, content)
    if kind.name == "PNG":
        return bytes(image.pngsave_buffer(bitdepth=16))
    return bytes(image.tiffsave_buffer(compression="deflate", predictor="horizontal"))


def plain_file(picture: Tensor, alpha: Tensor | None, kind: Format, quality: int, said: Attribution) -> bytes:
    """A file of 8 bits a channel: (1, 3, H, W), and (1, 1, H, W) where the format has an alpha."""
    encoded, options = io.BytesIO(), OPTIONS.get(kind.name, {}).copy()
    if kind.quality:
        options["quality"] = quality
    if kind.name == "WEBP":
        options["lossless"] = quality == 100
    if kind.tagged:
        options["icc_profile"] = srgb_profile()
    if said.tool:
        exif = options["exif"] = exif_of(said)
        if kind.name == "PNG":
            options["pnginfo"] = texts_of(said)
        elif kind.name == "TIFF":
            exif[XMP] = packet_of(said)
        else:
            options["xmp"] = packet_of(said)
    to_image(picture, alpha).save(encoded, kind.name, **options)
    return encoded.getvalue()


def save_picture(
    picture: Tensor,
    path: str | os.PathLike[str],
    alpha: Tensor | None = None,
    writing: Writing | None = None,
    record: str = "",
    origin: Origin | None = None,
) -> tuple[str, ...]:
    """Writes a picture in the format of the suffix, whole or not at all; the arguments are those of `encode`.

    Returns:
        Notes about what of the picture is not in the file as it was.

    Raises:
        OutputError: unknown suffix, a picture that its format can't hold, or a file that can't be written.
        ConfigError: the format can't do what `writing` asks.
    """
    path = Path(path)
    format_of(path)  # which names the file where it can't be one
    content, notes = encode(picture, path.suffix, alpha, writing, record, origin)
    write_whole(path, content)
    return notes


def save_image(image: Image.Image, path: Path, *, replace: bool) -> None:
    """Writes an opaque picture of Pillow's; errors as of `save_picture`, and of `whole_file` as is `replace`."""
    format_of(path)
    write_whole(path, encode(to_tensor(image), path.suffix).content, replace=replace)

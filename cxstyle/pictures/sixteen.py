"""Pictures of 16 bits a channel as files, which Pillow can't write in colour: by libvips."""

from __future__ import annotations

import torch
from torch import Tensor

from .credits import ARTIST, COPYRIGHT
from .embed import SOFTWARE, Credits, packet_of, png_with, srgb_profile, tiff_with
from .formats import Format
from .vips import vips


def deep_file(channels: Tensor, kind: Format, credits: Credits) -> bytes:
    """A PNG or TIFF file of 16 bits a channel.

    Args:
        channels: (C, H, W) in [0, 1], C 3, or 4 with alpha.
        kind: PNG or TIFF.
        credits: that go into it.
    """
    pyvips = vips()
    values = channels.detach().double().clamp(0, 1).mul(65535).round().cpu().permute(1, 2, 0)
    height, width, bands = values.shape
    pixels = values.to(torch.int32).numpy().astype("<u2").tobytes()
    image = pyvips.Image.new_from_memory(pixels, width, height, bands, "ushort").copy(interpretation="rgb16")
    if kind.name == "PNG":
        return png_with(image.pngsave_buffer(bitdepth=16, keep="none"), credits)
    image.set_type(pyvips.GValue.blob_type, "icc-profile-data", srgb_profile())
    if credits.tool:
        image.set_type(pyvips.GValue.blob_type, "xmp-data", packet_of(credits))
    tiff = image.tiffsave_buffer(compression="deflate", predictor="horizontal")
    texts = {SOFTWARE: credits.tool, ARTIST: credits.author, COPYRIGHT: credits.copyright}
    return tiff_with(tiff, {tag: text for tag, text in texts.items() if text})

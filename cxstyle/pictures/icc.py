"""Colours of whatever space to sRGB: by the embedded profile, or by what is usual where there is none.

Relative colorimetric with black point compensation: colours that sRGB has stay what they are, and darkest becomes
darkest.
"""

from __future__ import annotations

import io
from typing import Any

import numpy
import torch
from numpy.typing import NDArray
from PIL import ImageCms

from .color_spaces import from_lab
from .sixteen_bit import vips

INTERPRETATIONS = {"GRAY": "grey16", "RGB": "rgb16", "CMYK": "cmyk"}
"""Colour space -> libvips's word for 16 bits of it."""
WORDS = {"GRAY": "grey", "LAB": "Lab"}
ROWS = 256  # of a picture that are converted at once, which bounds the memory
SRGB = ("sRGB", "sRGB built-in", "sRGB IEC61966-2.1")  # profiles of sRGB itself; others of such names may be linear
DAMAGED = "its colour profile is damaged and not used"


def srgb_values(values: NDArray[Any], space: str, profile: bytes | None, notes: list[str]) -> NDArray[numpy.float32]:
    """A picture without alpha -> sRGB, (H, W, 3) in [0, 1].

    Args:
        values: (H, W, C) in [0, 1] for GRAY, RGB and CMYK; lightness in [0, 100], a and b for LAB.
        space: GRAY, RGB, CMYK or LAB.
        profile: embedded in its file.
        notes: where a note goes about a profile that is not used, and one that was missing.
    """
    if space == "LAB":
        return from_profile_lab(values)
    found = opened(profile) if profile else None
    its = str(found.profile.xcolor_space).strip().upper() if found else space
    if profile and found is None:
        notes.append(DAMAGED)
    if (space, its) == ("GRAY", "RGB"):  # a grey picture out of an RGB workflow
        values, space = values.repeat(3, axis=2), "RGB"
    if its != space:
        theirs, own = (WORDS.get(each, each) for each in (its, space))
        notes.append(f"its colour profile is for {theirs} and the picture is {own}; not used")
        found = None
    # Where it is sRGB's own there is nothing to convert, and a result read again stays exact.
    if space != "CMYK" and (found is None or name_of(found) in SRGB):
        return numpy.ascontiguousarray(numpy.broadcast_to(values, (*values.shape[:2], 3)), dtype=numpy.float32)
    if found is None:
        notes.append("CMYK without a colour profile; converted as usual offset printing")
    image = vips().Image.new_from_array((values * 65535).round().astype(numpy.uint16))
    image = image.copy(interpretation=INTERPRETATIONS[space])
    if found is not None:
        image.set_type(vips().GValue.blob_type, "icc-profile-data", profile)
    source = {"input_profile": "cmyk"} if found is None else {"embedded": True}
    try:
        # Only as far as Lab: straight to sRGB it would go by a table of 33 steps, up to 13 of 255 off where colours
        # are strong.
        lab = image.icc_import(pcs="lab", intent="relative", black_point_compensation=True, **source).numpy()
    except vips().Error:
        notes.append(DAMAGED)
        return srgb_values(values, space, None, notes)
    return from_profile_lab(lab)


def from_profile_lab(values: NDArray[Any]) -> NDArray[numpy.float32]:
    """`from_lab` of (H, W, 3), some rows at a time."""
    found = numpy.empty(values.shape, dtype=numpy.float32)
    for start in range(0, len(values), ROWS):
        rows = torch.from_numpy(values[start : start + ROWS].astype(numpy.float32))
        found[start : start + ROWS] = from_lab(rows).numpy()
    return found


def opened(profile: bytes) -> ImageCms.ImageCmsProfile | None:
    """None for what is no profile."""
    try:
        return ImageCms.ImageCmsProfile(io.BytesIO(profile))
    except (OSError, TypeError, ValueError):
        return None


def name_of(profile: ImageCms.ImageCmsProfile) -> str:
    """How a profile is called."""
    return (profile.profile.profile_description or "").strip()

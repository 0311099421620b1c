"""Colours of whatever space to sRGB: by the embedded profile, or by what is usual where there is none.

Relative colorimetric with black point compensation: colours that sRGB has stay what they are, and darkest becomes
darkest.
"""

from __future__ import annotations

import io
from typing import Any

import numpy
from numpy.typing import NDArray
from PIL import Image, ImageCms

from .vips import vips

SPACES = {"RGB": "RGB", "L": "GRAY", "CMYK": "CMYK", "LAB": "LAB"}
"""Pillow's mode -> the colour space of a profile that fits it."""
CHANNELS = {"GRAY": ("b-w", "grey16"), "RGB": ("rgb", "rgb16"), "CMYK": ("cmyk", "cmyk"), "LAB": ("lab", "lab")}
WORDS = {"GRAY": "grey", "LAB": "Lab"}
INTENT = ImageCms.Intent.RELATIVE_COLORIMETRIC
FLAGS = ImageCms.Flags.BLACKPOINTCOMPENSATION
NO_PROFILE = "CMYK without a colour profile; converted as usual offset printing"


def srgb_image(image: Image.Image, profile: bytes | None, notes: list[str]) -> Image.Image:
    """A picture without alpha, 8 bits a channel, of mode L, RGB, CMYK, LAB, YCbCr or HSV -> RGB in sRGB.

    Args:
        image: the picture.
        profile: embedded in its file.
        notes: where a note goes about a profile that is not used, and one that was missing.
    """
    if image.mode not in SPACES:
        image = image.convert("RGB")
    if profile and image.mode == "L" and space_of(profile) == "RGB":
        image = image.convert("RGB")  # a grey picture out of an RGB workflow
    found = usable(profile, SPACES[image.mode], notes)
    if image.mode == "LAB":
        found = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    elif found is None and image.mode == "CMYK":
        notes.append(NO_PROFILE)
        found = opened(vips().Image.profile_load("cmyk"))
    if found is None:
        return image.convert("RGB")
    try:
        converted = ImageCms.profileToProfile(
            image, found, ImageCms.createProfile("sRGB"), INTENT, outputMode="RGB", flags=FLAGS
        )
    except (ImageCms.PyCMSError, OSError):
        notes.append("its colour profile is damaged and not used")
        return srgb_image(image, None, notes)
    return image.convert("RGB") if converted is None else converted


def srgb_values(values: NDArray[Any], space: str, profile: bytes | None, notes: list[str]) -> NDArray[numpy.float32]:
    """A picture of 16 bits a channel, without alpha -> sRGB, (H, W, 3) in [0, 1].

    Args:
        values: (H, W, C) in [0, 1] for GRAY, RGB and CMYK; lightness in [0, 100], a and b for LAB.
        space: GRAY, RGB, CMYK or LAB.
        profile: embedded in its file.
        notes: as of `srgb_image`.
    """
    if profile and space == "GRAY" and space_of(profile) == "RGB":
        values, space = values.repeat(3, axis=2), "RGB"
    found = usable(profile, space, notes)
    if space in ("GRAY", "RGB") and found is None:
        return numpy.ascontiguousarray(numpy.broadcast_to(values, (*values.shape[:2], 3)), dtype=numpy.float32)
    options = {"intent": "relative", "black_point_compensation": True, "depth": 16}
    if space == "LAB":
        lab = vips().Image.new_from_array(values.astype(numpy.float32)).copy(interpretation="lab")
        result = lab.icc_export(output_profile="srgb", pcs="lab", **options)
    else:
        if found is None:
            notes.append(NO_PROFILE)
        wide = (values * 65535).round().astype(numpy.uint16)
        image = vips().Image.new_from_array(wide).copy(interpretation=CHANNELS[space][1])
        if found is not None:
            image = image.copy()
            image.set_type(vips().GValue.blob_type, "icc-profile-data", profile)
        source = {"embedded": True} if found is not None else {"input_profile": "cmyk"}
        result = image.icc_transform("srgb", **source, **options)
    return divided(result.numpy(), 65535)


def divided(values: NDArray[Any], by: float) -> NDArray[numpy.float32]:
    """Whole numbers as fractions."""
    found: NDArray[numpy.float32] = numpy.divide(values, by, dtype=numpy.float32)
    return found


def usable(profile: bytes | None, space: str, notes: list[str]) -> ImageCms.ImageCmsProfile | None:
    """An embedded profile that fits the picture's colours; a note about one that doesn't."""
    if not profile:
        return None
    found, its = opened(profile), space_of(profile)
    if found is None:
        notes.append("its colour profile is damaged and not used")
    elif its != space:
        notes.append(
            f"its colour profile is for {WORDS.get(its, its)} and the picture is {WORDS.get(space, space)}; not used"
        )
        return None
    return found


def opened(profile: bytes) -> ImageCms.ImageCmsProfile | None:
    """None for what is no profile."""
    try:
        return ImageCms.ImageCmsProfile(io.BytesIO(profile))
    except (OSError, TypeError, ValueError):
        return None


def space_of(profile: bytes) -> str:
    """RGB, GRAY, CMYK, LAB...; "" for what is no profile."""
    found = opened(profile)
    return "" if found is None else str(found.profile.xcolor_space).strip().upper()

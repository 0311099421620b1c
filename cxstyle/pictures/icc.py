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
CHANNELS = {"GRAY": "grey16", "RGB": "rgb16", "CMYK": "cmyk"}
"""Colour space -> libvips's word for 16 bits of it."""
WORDS = {"GRAY": "grey", "LAB": "Lab"}
INTENT = ImageCms.Intent.RELATIVE_COLORIMETRIC
FLAGS = ImageCms.Flags.BLACKPOINTCOMPENSATION
D50 = (0.96422, 1.0, 0.82521)
FROM_D50 = (
    numpy.array(
        [
            [3.1338561, -1.6168667, -0.4906146],
            [-0.9787684, 1.9161415, 0.0334540],
            [0.0719453, -0.2289914, 1.4052427],
        ]
    )
    * D50
).T.astype(numpy.float32)
"""XYZ as shares of D50's white -> linear sRGB, adapted to its D65 after Bradford."""
ROWS = 256
"""Of a picture that are converted at once, which bounds the memory."""
SRGB = ("sRGB", "sRGB built-in", "sRGB IEC61966-2.1")
"""How the profiles of sRGB itself are called; others of such names may be linear."""
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
    if found is None or is_srgb(found):
        return image.convert("RGB")
    try:
        return converted(image, found)
    except (ImageCms.PyCMSError, OSError):
        notes.append("its colour profile is damaged and not used")
        return srgb_image(image, None, notes)


def converted(image: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image:
    """A picture of mode L, RGB, CMYK or LAB in the colours of a profile -> RGB in sRGB."""
    if image.mode == "L":
        # Its 256 values alone, exactly, which would take long for every pixel.
        ramp = converted_exactly(Image.frombytes("L", (256, 1), bytes(range(256))), profile)
        return Image.merge("RGB", [image.point(list(channel.tobytes())) for channel in ramp.split()])
    # Little CMS' tables are right for RGB, but up to 12 of 255 off for inks, where they save no time either.
    return converted_exactly(image, profile) if image.mode == "CMYK" else through(image, profile, FLAGS)


def converted_exactly(image: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image:
    """Without tables that are made for speed."""
    return through(image, profile, FLAGS | ImageCms.Flags.NOOPTIMIZE)


def through(image: Image.Image, profile: ImageCms.ImageCmsProfile, flags: ImageCms.Flags) -> Image.Image:
    """Little CMS' conversion to sRGB."""
    target = ImageCms.createProfile("sRGB")
    found = ImageCms.profileToProfile(image, profile, target, INTENT, outputMode="RGB", flags=flags)
    if found is None:  # which is for conversions in place
        raise ImageCms.PyCMSError("nothing was converted")
    return found


def srgb_values(values: NDArray[Any], space: str, profile: bytes | None, notes: list[str]) -> NDArray[numpy.float32]:
    """A picture of 16 bits a channel, without alpha -> sRGB, (H, W, 3) in [0, 1].

    Args:
        values: (H, W, C) in [0, 1] for GRAY, RGB and CMYK; lightness in [0, 100], a and b for LAB.
        space: GRAY, RGB, CMYK or LAB.
        profile: embedded in its file.
        notes: as of `srgb_image`.
    """
    if space == "LAB":
        return from_lab(values)
    if profile and space == "GRAY" and space_of(profile) == "RGB":
        values, space = values.repeat(3, axis=2), "RGB"
    found = usable(profile, space, notes)
    fits = found is not None
    if space in ("GRAY", "RGB") and (found is None or is_srgb(found)):
        return numpy.ascontiguousarray(numpy.broadcast_to(values, (*values.shape[:2], 3)), dtype=numpy.float32)
    if not fits:
        notes.append(NO_PROFILE)
    wide = (values * 65535).round().astype(numpy.uint16)
    image = vips().Image.new_from_array(wide).copy(interpretation=CHANNELS[space])
    if fits:
        image.set_type(vips().GValue.blob_type, "icc-profile-data", profile)
    # Only as far as Lab: straight to sRGB it would go by a table of 33 steps, up to 13 of 255 off where colours are
    # strong.
    source = {"embedded": True} if fits else {"input_profile": "cmyk"}
    return from_lab(image.icc_import(pcs="lab", intent="relative", black_point_compensation=True, **source).numpy())


def from_lab(values: NDArray[Any]) -> NDArray[numpy.float32]:
    """Lab under D50, as profiles mean it, -> sRGB in [0, 1], what sRGB lacks clipped: (H, W, 3) both."""
    found = numpy.empty(values.shape, dtype=numpy.float32)
    for start in range(0, len(values), ROWS):
        lightness, a, b = numpy.moveaxis(values[start : start + ROWS].astype(numpy.float32), 2, 0)
        y = (lightness + 16) / 116
        roots = numpy.stack([y + a / 500, y, y - b / 200], axis=2)
        xyz = numpy.where(roots > 6 / 29, roots**3, (roots - 4 / 29) * (108 / 841))
        linear = (xyz @ FROM_D50).clip(0, 1)
        found[start : start + ROWS] = numpy.where(
            linear <= 0.0031308, linear * 12.92, 1.055 * linear.clip(0.0031308) ** (1 / 2.4) - 0.055
        )
    return found.clip(0, 1)


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


def is_srgb(profile: ImageCms.ImageCmsProfile) -> bool:
    """Whether it says that it is sRGB's: there is nothing to convert then, and a result read again stays exact."""
    return (profile.profile.profile_description or "").strip() in SRGB


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

"""What the harness and the tests do with an input: read it, and see that it ends as everything should."""

from __future__ import annotations

import tempfile
from pathlib import Path

from cxstyle import StyleConfig
from cxstyle.checks import one_line
from cxstyle.errors import ConfigError, PictureError
from cxstyle.pictures.decoding import decode

LONGEST = 700
"""Characters of a message."""
FILE = Path(tempfile.mkdtemp()) / "mine.yaml"


def check_message(message: str) -> None:
    """One line that says something."""
    line = one_line(message)
    assert line.isprintable(), message
    assert 10 < len(line) < LONGEST, message


def read_picture_bytes(data: bytes) -> str:
    """How a picture ends: picture or refused; anything else is an error."""
    try:
        photo = decode(data, "a.png")
    except PictureError as error:
        check_message(str(error))
        return "refused"
    for part in (photo.colors, photo.alpha):
        assert part is None or bool(((part >= 0) & (part <= 1)).all())
    assert photo.colors.shape[:2] == (1, 3)
    return "picture"


def read_preset_bytes(data: bytes) -> str:
    """How settings end: settings or refused; anything else is an error."""
    FILE.write_bytes(data)
    try:
        config = StyleConfig.load(FILE)
    except ConfigError as error:
        check_message(str(error).replace(str(FILE), "mine.yaml"))
        return "refused"
    assert config.override() == config
    assert config.pyramid.scales(config.size, config.iterations)[-1][0] == config.size
    return "settings"

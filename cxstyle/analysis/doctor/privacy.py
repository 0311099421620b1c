"""Reports go to strangers: names of people and machines are taken out."""

from __future__ import annotations

import contextlib
import getpass
import re
import socket
from pathlib import Path
from typing import Any


def hide(found: Any) -> Any:
    """The same without private names: all strings in lists and dicts."""
    if isinstance(found, dict):
        return {key: hide(value) for key, value in found.items()}
    if isinstance(found, list):
        return [hide(value) for value in found]
    return hide_names(found) if isinstance(found, str) else found


def hide_names(text: str) -> str:
    """The home folder as ~; names of the user and the host, where they stand in a path, as USER and HOST."""
    with contextlib.suppress(RuntimeError):  # there is none
        for home in (Path.home(), Path.home().resolve()):
            if home != Path(home.anchor):
                text = re.sub(rf"(?<![\w.~-]){re.escape(str(home))}(?![\w.-])", "~", text)
    text = re.sub(r"(?<=[/\\])(home|Users)([/\\])[^/\\:\s]+", r"\1\2USER", text)
    for word, name in (("USER", user_name()), ("HOST", socket.gethostname())):
        if name:
            text = re.sub(rf"(?<=[/\\]){re.escape(name)}(?![\w.-])", word, text)
    return text


def user_name() -> str:
    """Of whoever runs this; empty where the system doesn't know."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""

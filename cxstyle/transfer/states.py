"""States of long work as files: tensors and plain values, written whole, read with their checksums verified."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ..errors import CheckpointError
from ..files import whole_file


def save_state(path: Path, kind: str, state: Mapping[str, Any]) -> None:
    """Writes dicts, lists, tuples, numbers, text and tensors by `torch.save`, whole or not at all.

    Args:
        path: of the file.
        kind: what it is of; `load_state` takes no other.
        state: by name.

    Raises:
        OutputError: it can't be written.
    """
    with whole_file(path) as file:
        torch.save({"kind": kind, **state}, file)


def load_state(path: Path, kind: str) -> dict[str, Any]:
    """What `save_state` has written, with tensors on the CPU; no code that a file could hold is run.

    Raises:
        CheckpointError: it can't be read, is damaged, or of another kind.
        FileNotFoundError: there is none.
    """
    try:
        with zipfile.ZipFile(path) as archive:  # torch itself verifies no checksum
            whole = archive.testzip() is None
        state = torch.load(path, map_location="cpu", weights_only=True) if whole else None
        if isinstance(state, dict) and state.pop("kind", None) == kind:
            return state
    except FileNotFoundError:
        raise
    except OSError as error:
        raise CheckpointError(f"can't read {path}: {error.strerror or error}") from error
    except Exception as error:  # damaged files raise whatever the readers didn't expect
        raise damaged(path) from error
    raise damaged(path)


def damaged(path: Path) -> CheckpointError:
    """What to say of a file that holds no such state."""
    return CheckpointError(f"{path} is damaged or no checkpoint of cxstyle: remove it, and start from the beginning")

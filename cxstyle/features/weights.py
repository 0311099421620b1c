"""Networks as files: NAME.safetensors with the convolutions, NAME.json beside it with provenance and checksum.

The bundled VGG16 lies in this package; fetched and imported networks lie in the user's cache, under
`$CXSTYLE_CACHE` where that is set.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import OutputError, WeightsError
from ..files import check_plain, read_plain, write_whole
from .layers import BLOCKS, CONVOLUTIONS, Normalization, kernel_shape

if TYPE_CHECKING:
    from torch import Tensor

BUNDLED = Path(__file__).parent
VGG16 = BUNDLED / "vgg16.safetensors"
"""What is measured with is the same everywhere, whatever network a user has imported."""
METADATA_KEY = "cxstyle"
LARGEST = 2e9
"""Bytes of a file of weights; the largest VGG has 0.6e9."""


@dataclass(frozen=True)
class Provenance:
    """Where weights come from and what they need; stored inside the file and beside it."""

    network: str
    source: str
    source_sha256: str
    licence: str
    normalization: Normalization


@dataclass(frozen=True)
class Network:
    """Weights in memory: `convK_M.weight` (out, in, 3, 3) and `convK_M.bias` (out,), float32."""

    provenance: Provenance
    tensors: Mapping[str, Tensor]
    path: Path

    @property
    def name(self) -> str:
        return self.provenance.network


@dataclass(frozen=True)
class Listed:
    """One line of `cxstyle weights`: a network, whether it is ready, where it lies, its size in bytes."""

    network: str
    ready: bool
    path: Path | None
    size: int
    source: str
    deepest: str


def cache_dir() -> Path:
    """The folder of fetched and imported networks; not made until something is written."""
    import platformdirs

    override = os.environ.get("CXSTYLE_CACHE")
    return (Path(override) if override else platformdirs.user_cache_path("cxstyle", appauthor=False)) / "weights"


def find(network: str) -> Path | None:
    """The file of a network on this machine, the cache before the bundle; None where there is none.

    Raises:
        WeightsError: the cache can't be looked into.
    """
    for folder in (cache_dir(), BUNDLED):
        path = folder / f"{network}.safetensors"
        try:
            if path.is_file():
                return path
        except OSError as error:  # no right to look, a name that is too long
            reason = error.strerror or error
            raise WeightsError(f"can't look into {folder}: {reason}; set CXSTYLE_CACHE to another folder") from error
    return None


def listed() -> list[Listed]:
    """All known networks with what is on this machine."""
    result = []
    for network in BLOCKS:
        path = find(network)
        if path is None:
            result.append(Listed(network, False, None, 0, "", ""))
        else:
            keys, provenance = read_header(path)
            deepest = max(key.split(".")[0] for key in keys if key.startswith("conv"))
            result.append(Listed(network, True, path, path.stat().st_size, provenance.source, deepest))
    return result


def write_network(folder: Path, tensors: Mapping[str, Tensor], provenance: Provenance) -> Path:
    """Writes NAME.safetensors and NAME.json into `folder`, each whole or not at all; the same input, the same bytes.

    Raises:
        OutputError: the folder can't be written.
    """
    from safetensors.torch import save

    record = asdict(provenance)
    data = save(dict(tensors), {METADATA_KEY: json.dumps(record, sort_keys=True)})
    path = folder / f"{provenance.network}.safetensors"
    beside = json.dumps({**record, "sha256": hashlib.sha256(data).hexdigest()}, indent=2, sort_keys=True) + "\n"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"can't make the folder {folder}: {error.strerror or error}") from error
    write_whole(path, data)
    write_whole(path.with_suffix(".json"), beside.encode())
    return path


def read_network(path: Path) -> Network:
    """Reads one of our files, its checksum (where NAME.json stands beside it), names and shapes verified.

    Raises:
        WeightsError: the file is missing, damaged or not one of ours.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        data = read_plain(path, LARGEST)
    except OSError as error:
        raise WeightsError(f"can't read the weights {path}: {error.strerror or error}") from error
    verify_checksum(path, data)
    _, provenance = read_header(path)
    try:
        tensors = {key: tensor.float() for key, tensor in load(data).items()}
    except (SafetensorError, ValueError) as error:
        raise damaged(path) from error
    check_shapes(provenance.network, tensors, path)
    return Network(provenance, tensors, path)


def damaged(path: Path) -> WeightsError:
    return WeightsError(f"{path} is damaged: install cxstyle again, or fetch or import these weights again")


def verify_checksum(path: Path, data: bytes) -> None:
    """Compares with the checksum beside the file; a file in our folders must have one."""
    beside = path.with_suffix(".json")
    if not beside.is_file() and path.parent not in (BUNDLED, cache_dir()):
        return
    try:
        expected = json.loads(beside.read_text("utf-8"))["sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"{beside}, the checksum of {path.name}, is missing or damaged; {advice(path)}") from error
    if hashlib.sha256(data).hexdigest() != expected:
        raise WeightsError(f"{path} is damaged: its checksum is not the one in {beside.name}; {advice(path)}")


def advice(path: Path) -> str:
    if path.parent == BUNDLED:
        return "install cxstyle again"
    return f"fetch or import {path.stem} again"


def read_header(path: Path) -> tuple[list[str], Provenance]:
    """Tensor names and provenance from a file's header, without reading its tensors.

    Raises:
        WeightsError: no header of ours.
    """
    try:
        check_plain(path)
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > 1 << 20:
                raise ValueError("header too long")
            header = json.loads(file.read(length))
        metadata = json.loads(header.pop("__metadata__")[METADATA_KEY])
        return list(header), parse_provenance(metadata)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, struct.error) as error:
        raise WeightsError(
            f"{path} is damaged or not a cxstyle weight file: use `cxstyle weights import` for files of other makers"
        ) from error


def parse_provenance(record: dict[str, Any]) -> Provenance:
    n = record["normalization"]
    normalization = Normalization(n["name"], n["channels"], n["scale"], tuple(n["mean"]), tuple(n["std"]))
    if record["network"] not in BLOCKS:
        raise ValueError("unknown network")
    return Provenance(record["network"], record["source"], record["source_sha256"], record["licence"], normalization)


def check_shapes(network: str, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Refuses tensors that aren't an unbroken run of the network's convolutions from conv1_1 on.

    Raises:
        WeightsError: a missing, misshapen or non-finite tensor, named.
    """
    names = [name for name in CONVOLUTIONS[network] if f"{name}.weight" in tensors]
    if not names or names != list(CONVOLUTIONS[network][: len(names)]):
        missing = next(name for name in CONVOLUTIONS[network] if name not in names)
        raise WeightsError(f"{path} has no {missing}: not the weights of a whole {network}")
    for name in names:
        shape = kernel_shape(name)
        for key, expected in ((f"{name}.weight", shape), (f"{name}.bias", shape[:1])):
            found = tuple(tensors[key].shape) if key in tensors else None
            if found != expected:
                raise WeightsError(f"{path}: {key} has shape {found}, {network} needs {expected}")
            if not tensors[key].isfinite().all():
                raise WeightsError(f"{path}: {key} holds values that are not numbers; the file is damaged")

"""Networks as files: NAME.safetensors with the convolutions, NAME.json beside it with provenance and checksum.

The bundled VGG16 lies in this package; fetched and imported networks lie in the user's cache, under
`$CXSTYLE_CACHE` where that is set. Files of other makers are read, too: state dicts of torchvision and of Caffe's VGG,
and Gatys' key layout.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import pickle
import tempfile
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import WeightsError
from ..files import check_plain, is_marked, make_folder, sha256_of, system_errors, write_whole
from .layers import (
    BLOCKS,
    CAFFE,
    CONVOLUTIONS,
    IMAGENET,
    NORMALIZATIONS,
    Normalization,
    kernel_shape,
    torchvision_indices,
)

if TYPE_CHECKING:
    from torch import Tensor

BUNDLED = Path(__file__).parent
VGG16 = BUNDLED / "vgg16.safetensors"
"""What is measured with is the same everywhere, whatever network a user has imported."""
METADATA_KEY = "cxstyle"
LARGEST = 2e9
"""Bytes of a file of weights; the largest VGG has 0.6e9."""
PUBLISHED: dict[str, tuple[str, str, Normalization]] = {
    "dcbb9e9d": ("torchvision VGG19_Weights.IMAGENET1K_V1", "BSD-3-Clause", IMAGENET),
    "397923af": ("torchvision VGG16_Weights.IMAGENET1K_V1", "BSD-3-Clause", IMAGENET),
    "d01eb7cb": ("VGG19 of Simonyan and Zisserman (Caffe), state dict by J. Johnson", "CC BY 4.0", CAFFE),
    "00b39a1b": ("VGG16 of Simonyan and Zisserman (Caffe), state dict by J. Johnson", "CC BY 4.0", CAFFE),
}
"""First eight digits of a published file's sha256 -> source, licence, normalization."""


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
    """One line of `cxstyle weights`: a network, and where it is on this machine, its file, size in bytes, origin and
    deepest layer."""

    network: str
    path: Path | None = None
    size: int = 0
    source: str = ""
    deepest: str = ""


def cache_dir() -> Path:
    """The folder of fetched and imported networks; not made until something is written."""
    import platformdirs

    override = os.environ.get("CXSTYLE_CACHE")
    return (Path(override) if override else platformdirs.user_cache_path("cxstyle", appauthor=False)) / "weights"


def find(network: str) -> Path | None:
    """The file of a network on this machine, the cache before the bundle; None where there is none, a WeightsError
    where the cache can't be looked into."""
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
    result = {network: Listed(network) for network in BLOCKS}
    for network in BLOCKS:
        if path := find(network):
            keys, provenance = read_header(path)
            deepest = max(key.split(".")[0] for key in keys if key.startswith("conv"))
            result[network] = Listed(network, path, path.stat().st_size, provenance.source, deepest)
    return list(result.values())


def write_network(folder: Path, tensors: Mapping[str, Tensor], provenance: Provenance) -> Path:
    """Writes NAME.safetensors and NAME.json into `folder`, each whole or not at all; the same input, the same bytes. An
    OutputError where the folder can't be written."""
    from safetensors.torch import save

    record = asdict(provenance)
    data = save(dict(tensors), {METADATA_KEY: json.dumps(record, sort_keys=True)})
    path = folder / f"{provenance.network}.safetensors"
    beside = json.dumps({**record, "sha256": hashlib.sha256(data).hexdigest()}, indent=2, sort_keys=True) + "\n"
    make_folder(folder)
    write_whole(path, data)
    write_whole(path.with_suffix(".json"), beside.encode())
    return path


def read_network(path: Path) -> Network:
    """Reads one of our files, its checksum (where NAME.json stands beside it), names and shapes verified; a
    WeightsError where it is missing, damaged or not one of ours."""
    from safetensors import safe_open

    verify_checksum(path)
    keys, provenance = read_header(path)
    with safe_open(path, "pt") as file:
        tensors = {key: file.get_tensor(key).float() for key in keys}
    check_shapes(provenance.network, tensors, path)
    return Network(provenance, tensors, path)


def verify_checksum(path: Path) -> None:
    """Compares with the checksum beside the file; a file in our folders must have one."""
    found, beside = checksum(path), path.with_suffix(".json")
    if not beside.is_file() and path.parent not in (BUNDLED, cache_dir()):
        return
    advice = "install cxstyle again" if path.parent == BUNDLED else f"fetch or import {path.stem} again"
    try:
        expected = json.loads(beside.read_text("utf-8"))["sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"{beside}, the checksum of {path.name}, is missing or damaged; {advice}") from error
    if found != expected:
        raise WeightsError(f"{path} is damaged: its checksum is not the one in {beside.name}; {advice}")


def read_header(path: Path) -> tuple[list[str], Provenance]:
    """Tensor names and provenance from a file's header, without reading its tensors; a WeightsError without one of
    ours."""
    import msgspec
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            provenance = msgspec.convert(json.loads(file.metadata()[METADATA_KEY]), Provenance)
            keys = list(file.keys())
        known = provenance.network in BLOCKS
    except (OSError, ValueError, KeyError, TypeError, SafetensorError):
        known = False
    if not known:
        raise WeightsError(f"{path} is damaged, or of another maker: `cxstyle weights import` reads such files")
    return keys, provenance


def check_shapes(network: str, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Refuses, by a WeightsError, tensors that aren't an unbroken run of the network's convolutions from conv1_1 on."""
    names = [name for name in CONVOLUTIONS[network] if f"{name}.weight" in tensors]
    if not names or names != list(CONVOLUTIONS[network][: len(names)]):
        missing = next(name for name in CONVOLUTIONS[network] if name not in names)
        raise WeightsError(f"{path} has no {missing}: not the weights of a whole {network}")
    shapes: dict[str, tuple[int, ...]] = {f"{name}.weight": kernel_shape(name) for name in names}
    shapes |= {f"{name}.bias": kernel_shape(name)[:1] for name in names}
    for key, expected in shapes.items():
        found = tuple(tensors[key].shape) if key in tensors else None
        if found != expected:
            raise WeightsError(f"{path}: {key} has shape {found}, {network} needs {expected}")
        # In a seventh of the time that asking all values takes: a NaN is both the least and the largest.
        if not all(end.isfinite() for end in tensors[key].aminmax()):
            raise WeightsError(f"{path}: {key} holds values that are not numbers; the file is damaged")


def read_weights(path: Path, normalization: str = "auto") -> Network:
    """Reads a weight file: one of ours, which knows its own normalization, or another maker's, see `read_foreign`."""
    ours = is_marked(path, f'"{METADATA_KEY}"'.encode(), within=1 << 16)
    if ours and normalization != "auto":
        raise WeightsError(f"{path} knows its own normalization; leave --normalization out")
    return read_network(path) if ours else read_foreign(path, normalization)


def read_foreign(path: Path, normalization: str = "auto") -> Network:
    """Reads a weight file of another maker.

    Args:
        path: a PyTorch state dict (.pth, .pt, .safetensors; torchvision's whole or `features` only, Caffe's VGG in the
            same layout or as convK_M).
        normalization: imagenet, caffe, matconvnet, or auto: told from the file.

    Raises:
        WeightsError: unreadable, unknown layout, or a normalization that can't be told.
    """
    digest, state = checksum(path), read_state_dict(path)
    tensors = rename(state, path)
    # The layout of convK_M circulates with Gatys' copies of the Caffe weights alone.
    found = CAFFE if "conv1_1.weight" in state else None
    network = "vgg19" if "conv3_4.weight" in tensors else "vgg16"
    check_shapes(network, tensors, path)
    source, licence, known = PUBLISHED.get(digest[:8], (path.name, "unknown", found))
    chosen = known if normalization == "auto" else NORMALIZATIONS[normalization]
    if chosen is None:
        raise WeightsError(
            f"{path} is a {network} of unknown origin, so its normalization can't be told: add "
            "--normalization imagenet (torchvision: RGB, mean and deviation) or caffe (BGR, 0-255, mean)"
        )
    return Network(Provenance(network, source, digest, licence, chosen), tensors, path)


def checksum(path: Path) -> str:
    """SHA-256 of a file; a WeightsError where there is none, or one larger than any VGG."""
    with system_errors(f"can't read the weights {path}", WeightsError):
        check_plain(path, LARGEST)
        return sha256_of(path)


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Tensors by name, from safetensors or a pickle that holds nothing but tensors; a WeightsError for all else."""
    import torch
    from safetensors.torch import load_file

    try:
        if path.suffix.lower() == ".safetensors":
            loaded: Any = load_file(path)
        else:
            check_unpacked(path)
            with warnings.catch_warnings():  # about a protocol of pickles
                warnings.simplefilter("ignore")
                loaded = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{path} is not a plain state dict: damaged, or a pickle with objects other than tensors, "
            "which could run code and is refused"
        ) from error
    except Exception as error:  # damaged files raise whatever the readers didn't expect
        raise WeightsError(f"{path} is damaged or not a file of weights") from error
    if isinstance(loaded, Mapping) and isinstance(loaded.get("state_dict"), Mapping):
        loaded = loaded["state_dict"]
    if not isinstance(loaded, Mapping) or not all(isinstance(v, torch.Tensor) for v in loaded.values()):
        raise WeightsError(f"{path} holds no state dict (names and tensors)")
    return {str(key): tensor for key, tensor in loaded.items()}


def check_unpacked(path: Path) -> None:
    """Refuses, by a ValueError, a ZIP file that grows as it is read; PyTorch doesn't pack what it writes."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
        packed = any(member.compress_type != zipfile.ZIP_STORED for member in members)
        if packed or sum(member.file_size for member in members) > path.stat().st_size:
            raise ValueError("packed")


def rename(state: Mapping[str, Tensor], path: Path) -> dict[str, Tensor]:
    """`features.N.*`, `N.*` or `convK_M.*` to `convK_M.*` in float32; everything else is left out."""
    state, tensors = {key.removeprefix("features."): tensor for key, tensor in state.items()}, {}
    # The eighth convolution is number 16 in VGG19 and 17 in VGG16.
    indices = torchvision_indices("vgg19" if "16.weight" in state else "vgg16")
    names = {str(index): name for index, name in indices.items()}
    if "conv1_1.weight" in state:
        names = {name: name for name in CONVOLUTIONS["vgg19"]}
    for key, tensor in state.items():
        stem, _, kind = key.rpartition(".")
        if stem in names and kind in ("weight", "bias"):
            if not tensor.is_floating_point():
                found = str(tensor.dtype).removeprefix("torch.")
                raise WeightsError(f"{path}: {names[stem]}.{kind} holds {found}; weights are floating-point numbers")
            tensors[f"{names[stem]}.{kind}"] = tensor.float().contiguous()
    if not tensors:
        raise WeightsError(f"{path} holds no VGG convolutions (features.N.weight, N.weight or convK_M.weight)")
    return tensors


def import_file(path: Path, normalization: str = "auto") -> tuple[Network, Path]:
    """Keeps the convolutions of a weight file, see `read_weights`, in the user's cache; returns the network and where
    it was written. A WeightsError where the file can't be used, an OutputError where the cache can't be written."""
    network = read_weights(path, normalization)
    return network, write_network(cache_dir(), network.tensors, network.provenance)


def fetch(
    network: str, *, url: str | None = None, sha256: str | None = None, progress: bool = True
) -> tuple[Network, Path]:
    """Downloads torchvision's file, verifies it, keeps the convolutions and removes the rest.

    Args:
        network: vgg16 or vgg19.
        url: a mirror that serves the same file.
        sha256: first digits of the file's checksum; torchvision's own (part of its file's name) without it.
        progress: show a bar on stderr.

    Raises:
        WeightsError: no connection, or a file with another checksum.
        OutputError: the cache can't be written.
    """
    import torch
    from torchvision.models import VGG16_Weights, VGG19_Weights

    published = {"vgg16": VGG16_Weights, "vgg19": VGG19_Weights}[network].IMAGENET1K_V1.url
    url, sha256 = url or published, sha256 or Path(published).stem.rpartition("-")[2]
    hint = f"fetch the file elsewhere and run `cxstyle weights import {Path(published).name}`"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, Path(published).name)
        try:
            torch.hub.download_url_to_file(url, str(path), hash_prefix=sha256, progress=progress)
        except RuntimeError as error:
            raise WeightsError(
                f"{url} is not the file it should be (sha256 {sha256}...); try again, or {hint}"
            ) from error
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise WeightsError(f"can't download {url}: {getattr(error, 'reason', error)}; {hint}") from error
        return import_file(path, "imagenet")

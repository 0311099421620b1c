"""A trained network as one safetensors file: its parameters, the settings, and what it was trained on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .. import __version__
from ..device import choose_device, choose_precision, exact_float32, memory_errors
from ..errors import ConfigError, WeightsError
from ..files import read_plain, system_errors, write_whole
from ..pictures import Picture, interpolate, load_picture, shrunk
from .crn import CRN

METADATA_KEY = "cxstyle"
LARGEST = 2e9
"""Bytes of a file; the network of the paper has 0.4e9."""


@dataclass(frozen=True)
class Generator:
    """A trained network: `Generator.load(path)(picture)`.

    Attributes:
        network: it, on its device.
        about: settings, size that it was trained at, sides, steps and losses; as the file says.
        precision: of its convolutions: fp32 or bf16.
    """

    network: CRN
    about: Mapping[str, Any]
    precision: str = "fp32"

    @classmethod
    def load(cls, path: str | Path, device: str = "auto", precision: str = "auto") -> Generator:
        """Reads the file of a trained network.

        Args:
            path: of the file.
            device: auto, cpu, cuda, cuda:N or mps.
            precision: fp32, bf16, or auto: bf16 where hardware has it.

        Raises:
            WeightsError: missing, damaged, or no such file.
            DeviceError: this machine doesn't have the device.
        """
        about, tensors = read_model(Path(path))
        try:
            (height, width), of = about["size"], about["settings"]
            network = CRN((height, width), of["width"], of["input_scale"], of["seed"], of.get("residual", False))
            network.load_state_dict(tensors)
        except (LookupError, TypeError, ValueError, RuntimeError) as error:
            raise WeightsError(f"{path} is damaged: its parameters are not those of its settings") from error
        where = choose_device(device)
        network = network.to(where).to(memory_format=torch.channels_last).eval()
        return cls(network, about, choose_precision(precision, where)[0])

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) that it was trained at."""
        height, width = self.about["size"]
        return height, width

    def __call__(self, picture: Picture, long_edge: int | None = None, *, full_size: bool = False) -> Tensor:
        """The picture as the network draws it.

        Args:
            picture: whatever `stylize` takes, (1, 3, H, W) or (3, H, W) in [0, 1] among it.
            long_edge: in pixels, to which it is reduced first where it is larger; without it the long edge of the
                pictures that the network was trained on.
            full_size: lay the change that was drawn, enlarged, over the picture at its own size, whose finest detail
                stays. For networks that draw a change: see `residual` of `TrainConfig`.

        Returns:
            (1, 3, H, W) float32 in [0, 1] on the CPU.

        Raises:
            ConfigError: full_size with a network that draws whole pictures.
            PictureError: it can't be read.
            MemoryLimitError: it is too large for the device.
        """
        if full_size and not self.network.residual:
            raise ConfigError(
                "full-size: this network draws whole pictures; only a change can be laid over a larger one"
            )
        whole = load_picture(picture)
        found = shrunk(whole, long_edge or max(self.size))
        where = self.network.last.weight.device
        half = torch.autocast(where.type, torch.bfloat16, enabled=self.precision == "bf16")
        with torch.no_grad(), exact_float32(), memory_errors(), half:
            drawn: Tensor = self.network(found.to(where))
        drawn = drawn.float().clamp(0, 1).cpu()
        return (whole + interpolate(drawn - found, *whole.shape[2:])).clamp(0, 1) if full_size else drawn


def write_model(path: Path, network: CRN, about: Mapping[str, Any]) -> None:
    """Writes a network and what it is, whole or not at all; the same input, the same bytes."""
    from safetensors.torch import save

    tensors = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
    said = {"kind": "generator", "version": __version__, "sha256": digest(tensors), **about}
    write_whole(path, save(tensors, {METADATA_KEY: json.dumps(said)}))


def read_model(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """What a file says of its network, and the parameters, verified; a WeightsError where it is missing, damaged, or no
    such file."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    with system_errors(f"can't read the network {path}", WeightsError):
        data = read_plain(path, LARGEST)
    try:
        length = int.from_bytes(data[:8], "little")
        about = json.loads(json.loads(data[8 : 8 + length])["__metadata__"][METADATA_KEY])
        tensors = load(data)
    except (SafetensorError, LookupError, TypeError, ValueError) as error:
        raise WeightsError(f"{path} is damaged, or no network that `cxstyle train` has written") from error
    if not isinstance(about, dict) or about.get("kind") != "generator":
        raise WeightsError(f"{path} is no network that `cxstyle train` has written")
    if digest(tensors) != about.get("sha256"):
        raise WeightsError(f"{path} is damaged: its checksum is not the one that it names")
    return about, tensors


def digest(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 of names, shapes and values."""
    found = hashlib.sha256()
    for name, value in sorted(tensors.items()):
        found.update(f"{name} {tuple(value.shape)}".encode())
        found.update(value.contiguous().view(-1).numpy().tobytes())
    return found.hexdigest()

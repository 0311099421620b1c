"""Broken and odd files of weights: safetensors, PyTorch's; some would run code in a careless reader."""

from __future__ import annotations

import functools
import io
import json
import pickle
import struct
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save

from cxstyle.features.layers import CONVOLUTIONS, kernel_shape

State = dict[str, torch.Tensor]
CANARY = "canary"
"""A file that the code in some of them would make in the current folder."""


@dataclass(frozen=True)
class Case:
    """A file.

    Attributes:
        kind: of what is wrong.
        name: of the file.
        data: its content.
        says: words of the refusal.
    """

    kind: str
    name: str
    data: bytes
    says: str


class Code:
    """Makes the canary as it is unpickled."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.touch, (Path(CANARY),)


def state(deepest: str = "conv2_1") -> State:
    """Weights of the first layers, in their true shapes."""
    names = CONVOLUTIONS["vgg19"]
    found = {}
    for name in names[: names.index(deepest) + 1]:
        found[f"{name}.weight"] = torch.full(kernel_shape(name), 0.01)
        found[f"{name}.bias"] = torch.zeros(kernel_shape(name)[0])
    return found


def pth(content: object) -> bytes:
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


def tensors(header: object, data: bytes = b"", length: int | None = None) -> bytes:
    """A safetensors file of any header."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def entry(kind: str = "F32", shape: tuple[Any, ...] = (64,), offsets: tuple[int, int] = (0, 256)) -> dict[str, Any]:
    return {"conv1_1.bias": {"dtype": kind, "shape": list(shape), "data_offsets": list(offsets)}}


def safetensors() -> Iterator[Case]:
    """Truncated at many places, and headers that can't be."""
    whole = save(state())
    for share in (0, 0.00001, 0.0001, 0.001, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 0.99999):
        length = int(len(whole) * share)
        yield Case("truncated", f"at-{length}.safetensors", whole[:length], "is damaged or not a file of weights")
    yield Case("truncated", "less-1.safetensors", whole[:-1], "is damaged or not a file of weights")
    headers = {
        "0": tensors(b"", length=0),
        "2-63": tensors(b"{}", length=2**63),
        "2-64": tensors(b"{}", length=2**64 - 1),
        "longer": tensors({}, length=999),
        "none": tensors(b"abc"),
        "list": tensors([]),
        "number": tensors(5),
        "deep": tensors(b'{"a":' * 50_000),
        "latin": tensors(b'{"\xff": 1}'),
        "kind": tensors(entry("F33"), bytes(256)),
        "shape": tensors(entry(shape=(65,)), bytes(256)),
        "negative": tensors(entry(shape=(-64,)), bytes(256)),
        "huge": tensors(entry(shape=(2**40, 2**40)), bytes(256)),
        "fraction": tensors(entry(shape=(64.5,)), bytes(256)),
        "behind": tensors(entry(offsets=(0, 2**40)), bytes(256)),
        "backwards": tensors(entry(offsets=(256, 0)), bytes(256)),
        "hole": tensors(entry(offsets=(100, 356)), bytes(356)),
        "rest": tensors(entry(), bytes(5000)),
    }
    for name, data in headers.items():
        yield Case("header", f"{name}.safetensors", data, "is damaged or not a file of weights")


def layers() -> Iterator[Case]:
    """Right files of wrong weights."""
    good = state()
    cases: dict[str, tuple[State, str]] = {
        "nothing": ({}, "holds no VGG convolutions"),
        "others": ({"fc.weight": torch.zeros(3, 3)}, "holds no VGG convolutions"),
        "gap": ({k: v for k, v in good.items() if not k.startswith("conv1_2")}, "has no conv1_2"),
        "later": ({k: v for k, v in good.items() if not k.startswith("conv1_1")}, "holds no VGG convolutions"),
        "bias": ({k: v for k, v in good.items() if k != "conv1_2.bias"}, "conv1_2.bias has shape None"),
        "kernel": ({k: v for k, v in good.items() if k != "conv1_2.weight"}, "has no conv1_2"),
        "wide": ({**good, "conv1_1.weight": torch.zeros(64, 3, 5, 5)}, "conv1_1.weight has shape (64, 3, 5, 5)"),
        "grey": ({**good, "conv1_1.weight": torch.zeros(64, 1, 3, 3)}, "conv1_1.weight has shape (64, 1, 3, 3)"),
        "flat": ({**good, "conv1_1.weight": torch.zeros(64)}, "conv1_1.weight has shape (64,)"),
        "scalar": ({**good, "conv1_1.weight": torch.zeros(())}, "conv1_1.weight has shape ()"),
        "empty": ({**good, "conv1_1.bias": torch.zeros(0)}, "conv1_1.bias has shape (0,)"),
        "nan": (
            {**good, "conv1_2.bias": torch.full((64,), torch.nan)},
            "conv1_2.bias holds values that are not numbers",
        ),
        "inf": ({**good, "conv2_1.bias": torch.full((128,), -torch.inf)}, "conv2_1.bias holds values that are not"),
        "integers": ({**good, "conv1_1.bias": torch.zeros(64, dtype=torch.int64)}, "conv1_1.bias holds int64"),
        "truths": ({**good, "conv1_1.bias": torch.zeros(64, dtype=torch.bool)}, "conv1_1.bias holds bool"),
        "complex": ({**good, "conv1_1.bias": torch.zeros(64, dtype=torch.complex64)}, "conv1_1.bias holds complex64"),
        "normalized": ({"features.1.running_mean": torch.zeros(64)}, "holds no VGG convolutions"),
        "origin": (
            {"features.0.weight": good["conv1_1.weight"], "features.0.bias": good["conv1_1.bias"]},
            "unknown origin, so its normalization can't be told",
        ),
    }
    for name, (content, says) in cases.items():
        yield Case("layers", f"{name}.pth", pth(content), says)
        if name != "complex":
            yield Case("layers", f"{name}.safetensors", save({k: v.contiguous() for k, v in content.items()}), says)


def pickles() -> Iterator[Case]:
    """PyTorch's files: damaged, of other things, with code, and bombs."""
    whole = pth(state())
    for share in (0.1, 0.5, 0.9, 0.999):
        yield Case("truncated", f"at-{share}.pth", whole[: int(len(whole) * share)], "is damaged or not a")
    flipped = bytearray(whole)
    flipped[60:90] = bytes(30)
    code, refused = "could run code and is refused", "is damaged or not a file of weights"
    loop: list[Any] = []
    loop.append(loop)
    cases: dict[str, tuple[bytes, str]] = {
        "code": (pth({"conv1_1.weight": Code()}), code),
        "code-alone": (pickle.dumps(Code()), code),
        "code-4": (pickle.dumps({"a": Code()}, protocol=4), code),
        "code-text": (b"cos\nsystem\n(Vtouch canary\ntR.", code),
        "code-build": (b"c__builtin__\nexec\n(Vopen('canary','w')\ntR.", code),
        "object": (pth({"a": object()}), code),
        "list": (pth([1, 2]), "holds no state dict"),
        "tensor": (pth(torch.zeros(3)), "holds no state dict"),
        "words": (pth({"conv1_1.weight": "abc"}), "holds no state dict"),
        "none": (pth(None), "holds no state dict"),
        "nested": (pth({"state_dict": {"state_dict": state()}}), "holds no state dict"),
        "numbers": (pth({5: torch.zeros(3)}), "holds no VGG convolutions"),
        "loop": (pth({"a": loop}), "holds no state dict"),
        "empty": (b"", refused),
        "text": (b"not weights", "is not a plain state dict"),
        "flipped": (bytes(flipped), "is"),
        "zip": (zipped({"a.txt": b"abc"}), refused),
        "zip-empty": (zipped({}), "is"),
        "zip-bomb": (zipped({"archive/data.pkl": bytes(50_000_000), "archive/version": b"3\n"}), "is"),
        "zip-storage": (bomb(), refused),
        "tar": (b"a".ljust(257, b"\0") + b"ustar\0" + bytes(1000), "is"),
        "deep": (b"(" * 100_000 + b".", "is"),
        "memo": (b"\x80\x02r\xff\xff\xff\x7f.", "is"),
        "long": (b"\x80\x02\x8b\xff\xff\xff\x7f.", "is"),
        "frame": (b"\x80\x04\x95" + b"\xff" * 8 + b".", "is"),
    }
    for name, (data, says) in cases.items():
        yield Case("pickles", f"{name}.pth", data, says)
    yield Case("pickles", "code.bin", pickle.dumps(Code()), code)
    yield Case("pickles", "code.safetensors", pickle.dumps(Code()), refused)
    yield Case("pickles", "state.safetensors", whole, refused)
    yield Case("pickles", "tensors.pth", save(state()), "is not a plain state dict")


def zipped(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


def bomb() -> bytes:
    """A state dict whose values are 100 MB of packed zeros, in 100 kB."""
    whole = io.BytesIO(pth({"conv1_1.weight": torch.zeros(64, 3, 3, 3)}))
    with zipfile.ZipFile(whole) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    return zipped({name: bytes(100_000_000) if name.endswith("data/0") else data for name, data in members.items()})


@functools.cache
def corpus() -> list[Case]:
    """All of them, made once."""
    return [case for maker in (safetensors, layers, pickles) for case in maker()]

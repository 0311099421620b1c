"""Broken and odd files of weights: safetensors, PyTorch's; some would run code in a careless reader."""

from __future__ import annotations

import functools
import io
import json
import pickle
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from helpers import true_layout
from safetensors.torch import save

from .pictures import Case

CANARY = "canary"
"""A file that the code in some of them would make in the current folder."""
DAMAGED = "is damaged or not a file of weights"
CODE = "could run code and is refused"
state = functools.partial(true_layout, "vgg19", "conv2_1")


class Code:
    """Makes the canary as it is unpickled."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.touch, (Path(CANARY),)


def pth(content: object) -> bytes:
    """By torch.save."""
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


def tensors(header: object, data: bytes = bytes(256), length: int | None = None) -> bytes:
    """A safetensors file of any header."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def safetensors() -> Iterator[Case]:
    """Truncated at many places, and headers that can't be."""
    whole = save(state())
    for share in (0, 0.00001, 0.0001, 0.001, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 0.99999):
        length = int(len(whole) * share)
        yield Case("truncated", f"at-{length}.safetensors", whole[:length], DAMAGED)
    entry = {"dtype": "F32", "shape": [64], "data_offsets": [0, 256]}
    wrong = {"dtype": ("F33",), "shape": ([65], [-64], [2**40, 2**40], [64.5]), "data_offsets": ([0, 2**40], [256, 0], [100, 356])}  # fmt: skip
    odd = [tensors({"conv1_1.bias": entry | {name: value}}) for name, values in wrong.items() for value in values]
    odd += [tensors(header) for header in (b"abc", [], b'{"a":' * 50_000, b'{"\xff": 1}')]
    odd += [tensors(b"{}"[:size], length=length) for size, length in ((0, 0), (2, 2**63), (2, 2**64 - 1))]
    odd.append(tensors({"conv1_1.bias": entry}, bytes(5000)))
    for i, data in enumerate(odd):
        yield Case("header", f"header-{i}.safetensors", data, DAMAGED)


def layers() -> Iterator[Case]:
    """Right files of wrong weights."""
    good = state()
    changed = {
        "wide": ("conv1_1.weight", torch.zeros(64, 3, 5, 5), "has shape (64, 3, 5, 5)"),
        "grey": ("conv1_1.weight", torch.zeros(64, 1, 3, 3), "has shape (64, 1, 3, 3)"),
        "scalar": ("conv1_1.weight", torch.zeros(()), "has shape ()"),
        "empty": ("conv1_1.bias", torch.zeros(0), "has shape (0,)"),
        "nan": ("conv1_2.bias", torch.full((64,), torch.nan), "holds values that are not numbers"),
        "inf": ("conv2_1.bias", torch.full((128,), -torch.inf), "holds values that are not"),
        "integers": ("conv1_1.bias", torch.zeros(64, dtype=torch.int64), "holds int64"),
        "truths": ("conv1_1.bias", torch.zeros(64, dtype=torch.bool), "holds bool"),
    }
    files = {name: (good | {key: value}, f"{key} {says}") for name, (key, value, says) in changed.items()}
    first = {f"features.0.{kind}": good[f"conv1_1.{kind}"] for kind in ("weight", "bias")}
    none = "holds no VGG convolutions"
    left = {"conv1_2": "has no conv1_2", "conv1_1": none, "conv1_2.bias": "conv1_2.bias has shape None"}
    files |= {f"no-{n}": ({k: v for k, v in good.items() if not k.startswith(n)}, says) for n, says in left.items()}
    files |= {"nothing": ({}, none), "normalized": ({"features.1.running_mean": torch.zeros(64)}, none)}
    files["origin"] = first, "unknown origin, so its normalization can't be told"
    for name, (content, says) in files.items():
        yield Case("layers", f"{name}.pth", pth(content), says)
        yield Case("layers", f"{name}.safetensors", save({k: v.contiguous() for k, v in content.items()}), says)


def pickles() -> Iterator[Case]:
    """PyTorch's files: damaged, of other things, with code, and bombs."""
    whole, loop = pth(state()), list[Any]()
    loop.append(loop)
    for share in (0.1, 0.5, 0.9, 0.999):
        yield Case("truncated", f"at-{share}.pth", whole[: int(len(whole) * share)], "is damaged or not a")
    others = {"list": [1, 2], "tensor": torch.zeros(3), "words": {"conv1_1.weight": "abc"}, "none": None}
    others |= {"loop": {"a": loop}, "nested": {"state_dict": {"state_dict": state()}}}
    for name, content in others.items():
        yield Case("pickles", f"{name}.pth", pth(content), "holds no state dict")
    files = {
        "code.pth": (pth({"conv1_1.weight": Code()}), CODE),
        "code-alone.pth": (pickle.dumps(Code()), CODE),
        "code-text.pth": (b"cos\nsystem\n(Vtouch canary\ntR.", CODE),
        "object.pth": (pth({"a": object()}), CODE),
        "code.bin": (pickle.dumps(Code()), CODE),
        "code.safetensors": (pickle.dumps(Code()), DAMAGED),
        "state.safetensors": (whole, DAMAGED),
        "tensors.pth": (save(state()), "is not a plain state dict"),
        "vgg.mat": (pickle.dumps(Code()), "is not a plain state dict"),
        "empty.pth": (b"", DAMAGED),
        "text.pth": (b"not weights", "is not a plain state dict"),
        "flipped.pth": (whole[:60] + bytes(30) + whole[90:], "is"),
        "zip.pth": (zipped({"a.txt": b"abc"}), DAMAGED),
        "zip-bomb.pth": (zipped({"archive/data.pkl": bytes(50_000_000), "archive/version": b"3\n"}), "is"),
        "zip-storage.pth": (bomb(), DAMAGED),
        "tar.pth": (b"a".ljust(257, b"\0") + b"ustar\0" + bytes(1000), "is"),
        "deep.pth": (b"(" * 100_000 + b".", "is"),
        "memo.pth": (b"\x80\x02r\xff\xff\xff\x7f.", "is"),
        "frame.pth": (b"\x80\x04\x95" + b"\xff" * 8 + b".", "is"),
    }
    for name, (data, says) in files.items():
        yield Case("pickles", name, data, says)


def zipped(members: dict[str, bytes]) -> bytes:
    """An archive."""
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

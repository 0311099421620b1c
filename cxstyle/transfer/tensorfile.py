"""Tensors and JSON as a safetensors file with a checksum, written piece by piece, so that no copy of them is needed.

The last four bytes are the CRC-32 of all before them: bits that flip would otherwise go unnoticed.
"""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import CheckpointError
from ..files import whole_file

DTYPES = {torch.float32: "F32", torch.float64: "F64", torch.int64: "I64", torch.uint8: "U8"}
CRC = 4
"""Bytes of the checksum."""

Content = Tensor | bytes


class TensorFile:
    """A file that was read whole.

    Args:
        path: of the file.
        key: of the metadata that such files have.

    Attributes:
        metadata: the JSON in its header.

    Raises:
        CheckpointError: it can't be read, is damaged, or is none of this key.
        FileNotFoundError: there is none.
    """

    def __init__(self, path: Path, key: str) -> None:
        self.path, self.key = path, key
        try:
            self.data = path.read_bytes()
        except FileNotFoundError:
            raise
        except OSError as error:
            raise CheckpointError(f"can't read {path}: {error.strerror or error}") from error
        try:
            (length,) = struct.unpack_from("<Q", self.data)
            self.start = 8 + length
            self.header = json.loads(self.data[8 : self.start])
            self.metadata = json.loads(self.header["__metadata__"][key])
        except (ValueError, KeyError, TypeError, struct.error, RecursionError) as error:
            raise self.damaged("is damaged or no checkpoint of cxstyle") from error
        if self.data[-CRC:] != struct.pack("<I", zlib.crc32(memoryview(self.data)[:-CRC])):
            raise self.damaged()

    def damaged(self, what: str = "is damaged") -> CheckpointError:
        """What to say of it."""
        return CheckpointError(f"{self.path} {what}: remove it, and start from the beginning")

    def tensors(self) -> dict[str, Tensor]:
        """All of them.

        Raises:
            CheckpointError: they don't fit the header.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load

        try:
            return load(self.data[:-CRC])
        except (SafetensorError, ValueError, KeyError, TypeError, RuntimeError) as error:
            raise self.damaged() from error


def write_tensors(path: Path, key: str, tensors: Mapping[str, Content], metadata: Mapping[str, Any]) -> None:
    """Writes tensors, bytes and metadata, whole or not at all.

    Raises:
        OutputError: it can't be written.
    """
    header: dict[str, Any] = {"__metadata__": {key: json.dumps(metadata)}}
    end = 0
    for name, content in tensors.items():
        if isinstance(content, Tensor):
            size, dtype, shape = content.numel() * content.element_size(), DTYPES[content.dtype], [*content.shape]
        else:
            size, dtype, shape = len(content), "U8", [len(content)]
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [end, end + size]}
        end += size
    write_framed(path, header, tensors.values())


def write_framed(path: Path, header: Mapping[str, Any], contents: Iterable[Content]) -> None:
    """The header with its length, the contents, the checksum."""
    encoded = json.dumps(header).encode()
    encoded += b" " * (-len(encoded) % 8)
    crc = 0
    with whole_file(path) as file:
        for piece in (struct.pack("<Q", len(encoded)), encoded):
            crc = zlib.crc32(piece, crc)
            file.write(piece)
        for content in contents:
            data = raw(content)
            crc = zlib.crc32(data, crc)
            file.write(data)
        file.write(struct.pack("<I", crc))


def digest(tensors: Iterable[Tensor]) -> str:
    """SHA-256 of the values and shapes of tensors, in hexadecimal."""
    found = hashlib.sha256()
    for tensor in tensors:
        found.update(repr(tuple(tensor.shape)).encode())
        found.update(raw(tensor))
    return found.hexdigest()


def raw(content: Content) -> memoryview | bytes:
    """The bytes of a tensor, wherever it is."""
    if isinstance(content, bytes):
        return content
    flat = content.detach().to("cpu").contiguous().reshape(-1)
    values: Any = flat.numpy()
    return memoryview(values).cast("B") if flat.numel() else b""

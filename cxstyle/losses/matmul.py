"""Matrix products in the precision that is asked for, whatever the process's global settings say.

float32 products are true float32: never TF32 on a GPU, never bf16 on a CPU. bf16 products round their factors to 8 bits
and add up in float32.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

PRECISIONS = ("fp32", "bf16")


def onednn_stays_exact() -> bool:
    """Whether oneDNN computes float32 products in float32 even where it may use bf16: it has bf16 kernels for float32
    matrices on processors with AMX, and on ARM. Without them its float32 product is up to 1.7 times as fast as the one
    that torch takes by itself, on an AMD EPYC.
    """
    return platform.machine().lower() in ("x86_64", "amd64") and not torch.cpu._is_amx_tile_supported()


@contextmanager
def products(precision: str) -> Iterator[None]:
    """Sets how float32 matrices are multiplied, fp32 or, by bf16, the fastest that a CPU offers, and sets it back; a
    ValueError for another precision."""
    if precision not in PRECISIONS:
        raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}, got {precision}")
    backends: Any = torch.backends
    cpu, cuda = backends.mkldnn.matmul, backends.cuda.matmul
    before = cpu.fp32_precision, cuda.fp32_precision
    cpu.fp32_precision = "bf16" if precision == "bf16" or onednn_stays_exact() else "ieee"
    cuda.fp32_precision = "ieee"
    try:
        yield
    finally:
        cpu.fp32_precision, cuda.fp32_precision = before


def rounded(y: Tensor, precision: str) -> Tensor:
    """y in the precision of the product: what isn't float32 stays as it is."""
    return y.bfloat16() if precision == "bf16" and y.dtype == torch.float32 else y


def cosines(x: Tensor, y: Tensor, y_rounded: Tensor, out: Tensor) -> Tensor:
    """Unit vectors x (R, C), y (Q, C) -> `out` (R, Q), in the precision of x; `y_rounded` is as of `rounded`."""
    if x.is_cuda and y_rounded.dtype != y.dtype:
        return torch.mm(x.to(y_rounded.dtype), y_rounded.t(), out_dtype=x.dtype, out=out)
    return torch.mm(x, y.t(), out=out)


def averages(weights: Tensor, y_rounded: Tensor) -> Tensor:
    """(R, Q), (Q, C) -> (R, C), product and result in the precision of `y_rounded`."""
    return torch.mm(weights.to(y_rounded.dtype), y_rounded)

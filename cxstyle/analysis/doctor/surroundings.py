"""What lies on the machine for cxstyle: networks, the cache, environment variables."""

from __future__ import annotations

import os
import re
from functools import partial

from ...errors import OutputError, WeightsError
from .attempts import Part, attempt, in_a_line

SHOWN = (
    "CXSTYLE_CACHE",
    "XDG_CACHE_HOME",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "CUDA_VISIBLE_DEVICES",
    "CUDA_LAUNCH_BLOCKING",
    "CUBLAS_WORKSPACE_CONFIG",
    "PYTORCH_ALLOC_CONF",
    "PYTORCH_CUDA_ALLOC_CONF",
    "PYTORCH_ENABLE_MPS_FALLBACK",
    "ATEN_CPU_CAPABILITY",
    "ONEDNN_MAX_CPU_ISA",
    "RAY_ADDRESS",
    "TMPDIR",
    "LC_ALL",
    "LANG",
)
"""Environment variables that change what a run does."""
NAMED = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "LD_LIBRARY_PATH", "PYTHONPATH")
"""Those whose values may hold passwords or more of the machine than a report needs: only that they are set is told."""


def weights() -> Part:
    """Each network: whether it is ready, its checksum and tensors verified."""
    from ...features import BLOCKS

    return {network: attempt(partial(network_file, network)) for network in BLOCKS}


def network_file(network: str) -> Part:
    """A network as it lies on this machine."""
    from ...features import BUNDLED, find, read_network

    path = find(network)
    if path is None:
        return {"ready": False}
    where = "bundled" if path.parent == BUNDLED else str(path)
    try:
        read = read_network(path)
    except WeightsError as error:
        return {"ready": False, "path": where, "error": in_a_line(error)}
    deepest = max(key.split(".")[0] for key in read.tensors)
    size, source = path.stat().st_size, read.provenance.source
    return {"ready": True, "path": where, "size": size, "deepest": deepest, "source": source}


def cache() -> Part:
    """Where fetched networks go, and whether they could; `exists` is None where that can't be told."""
    from ...features import cache_dir
    from ...files import check_writable

    folder = there = cache_dir()
    found: Part = {"folder": str(folder), "exists": None, "writable": False, "reason": None}
    try:
        found["exists"] = folder.is_dir()
        while not there.exists():
            there = there.parent
        check_writable(there / "_", overwrite=True)
    except (OSError, OutputError) as error:
        cause = error if isinstance(error, OSError) else error.__cause__
        return found | {"reason": getattr(cause, "strerror", None) or str(error)}
    return found | {"writable": True}


def environment() -> Part:
    """Variables that are set."""
    found = {name: os.environ[name] for name in SHOWN if name in os.environ}
    if "RAY_ADDRESS" in found:
        found["RAY_ADDRESS"] = re.sub(
            r"^(\w+://)?(?!(?:auto|local)$)(?:\[.*\]|[^:/]+)", r"\1HOST", found["RAY_ADDRESS"]
        )
    return found | {name: "(set)" for name in NAMED if name in os.environ}

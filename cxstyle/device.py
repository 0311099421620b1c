"""Which device and which precision a run uses, and why."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import Any

import torch

from . import LATE, SPINNING, WAITING
from .checks import check_device
from .errors import DeviceError, MemoryLimitError

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}  # the network's arithmetic by the name of a precision
CASTING = ("cpu", "cuda", "mps")  # devices on which torch may be set to cast to a shorter type
CUBLAS = "CUBLAS_WORKSPACE_CONFIG"
REPEATABLE = (":4096:8", ":16:8")  # its values with which cuBLAS gives the same sums every time


def choose_device(wanted: str) -> torch.device:
    """auto, cpu, cuda, cuda:N or mps as a device that this machine has; a DeviceError for one that it lacks, a
    ConfigError for what isn't the name of a device."""
    check_device(wanted)
    if wanted == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    device = torch.device(wanted)
    if device.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if count <= (device.index or 0):
            raise DeviceError(
                f"device: {wanted} is not there, this machine has {count} CUDA devices; use --device auto"
            )
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise DeviceError("device: mps is not there, it needs a Mac with Apple silicon; use --device auto")
    return device


def choose_precision(wanted: str, device: torch.device) -> tuple[str, str]:
    """fp32 or bf16, and the reason for it."""
    if wanted != "auto":
        return wanted, "as asked for"
    if device.type == "cuda":
        major, minor = torch.cuda.get_device_capability(device)
        has = major >= 8
        return "bf16" if has else "fp32", f"sm_{major}{minor} {'multiplies' if has else 'has no'} bf16 in hardware"
    if device.type == "cpu" and bf16_on_cpu():
        return "bf16", "this CPU multiplies bf16 in hardware"
    return "fp32", "bf16 is not faster on this device"


def bf16_on_cpu() -> bool:
    """Whether the CPU has AMX or AVX512-BF16."""
    probes = (getattr(torch.cpu, name, None) for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"))
    return any(probe is not None and probe() for probe in probes)


def device_reason(wanted: str, device: torch.device) -> str:
    """Why a run is where it is."""
    if wanted != "auto":
        return "as asked for"
    if device.type == "cuda":
        return "the first CUDA device"
    if device.type == "mps":
        return "there is no CUDA device"
    build = f"torch is built for CUDA {torch.version.cuda}" if torch.version.cuda else "torch is built without CUDA"
    return f"there is no CUDA device and no mps; {build}"


def threads_reason() -> str:
    """Why torch uses as many threads of the CPU as it does."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        if os.environ.get(name) == str(torch.get_num_threads()):
            return f"{name} says so"
    return "torch's choice for this machine"


def waiting() -> tuple[str, str]:
    """How threads wait for each other, as a shell would set it, and who decided that."""
    found = {name: os.environ[name] for name in WAITING if name in os.environ}
    told = " ".join(f"{name}={value}" for name, value in found.items())
    if LATE:
        return "as their OpenMP does", f"torch was loaded before cxstyle; set {told} before Python starts"
    return told, "cxstyle's choice" if found == SPINNING else "as the environment says"


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that a device, or the machine, has no more memory."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    # The last is what oneDNN says when it can't have memory for a kernel.
    words = ("out of memory", "can't allocate memory", "not enough memory", "could not create a primitive")
    return isinstance(error, RuntimeError) and any(word in str(error) for word in words)


@contextmanager
def memory_errors() -> Iterator[None]:
    """Turns a device's or the machine's word for no memory into a MemoryLimitError; others pass."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        raise MemoryLimitError("memory ran out") from error


@contextmanager
def usual_modes() -> Iterator[None]:
    """Torch as it is where nobody has set anything: gradients are recorded, new tensors are float32 and on the CPU, and
    nothing is cast. Sets that back."""
    before = torch.get_default_dtype()
    with ExitStack() as modes:
        modes.enter_context(torch.inference_mode(False))
        for kind in filter(torch.is_autocast_enabled, CASTING):
            modes.enter_context(torch.autocast(kind, enabled=False))
        # Entered in vain it would slow down every call of torch.
        if torch.get_default_device().type != "cpu":
            modes.enter_context(torch.device("cpu"))
        if before != torch.float32:
            torch.set_default_dtype(torch.float32)
            modes.callback(torch.set_default_dtype, before)
        yield


@contextmanager
def exact_float32() -> Iterator[None]:
    """Keeps float32 convolutions and products from being rounded to TF32 or bf16, and sets that back."""
    backends: Any = torch.backends
    switches = (backends.cudnn.conv, backends.cuda.matmul, backends.mkldnn.conv)
    before = [switch.fp32_precision for switch in switches]
    for switch in switches:
        switch.fp32_precision = "ieee"
    try:
        yield
    finally:
        for switch, value in zip(switches, before, strict=True):
            switch.fp32_precision = value


@cache
def stream_of(device: torch.device) -> torch.cuda.Stream:
    """The one of the runs on a device: cuBLAS keeps memory for each stream that it has seen."""
    return torch.cuda.Stream(device)


@contextmanager
def own_stream(device: torch.device) -> Iterator[None]:
    """On a CUDA device a stream of its own, since what goes through the default one can't be recorded."""
    if device.type != "cuda":
        yield
        return
    stream = stream_of(device)
    stream.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(stream):
        yield
    torch.cuda.current_stream(device).wait_stream(stream)


def prepare_deterministic(device: torch.device) -> None:
    """Asks cuBLAS for workspaces that give the same sums every time; a DeviceError where it is used already without."""
    if device.type != "cuda" or os.environ.get(CUBLAS) in REPEATABLE:
        return
    if torch.cuda.is_initialized():
        raise DeviceError(f"deterministic: CUDA is in use already; set {CUBLAS}={REPEATABLE[0]} before it starts")
    os.environ[CUBLAS] = REPEATABLE[0]


@contextmanager
def deterministic(wanted: bool, device: torch.device) -> Iterator[None]:
    """Where wanted, refuses by a DeviceError what torch can't do the same in every run, and sets that back."""
    if not wanted:
        yield
        return
    cudnn: Any = torch.backends.cudnn
    fill: Any = torch.utils.deterministic
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    switches = cudnn.deterministic, cudnn.benchmark, fill.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True)
    # Nothing here reads what it hasn't written, so memory need not be filled.
    cudnn.deterministic, cudnn.benchmark, fill.fill_uninitialized_memory = True, False, False
    try:
        yield
    except RuntimeError as error:
        if "deterministic" not in str(error).lower():
            raise
        operation = str(error).split()[0] if "does not have a" in str(error) else "all that the run needs"
        raise DeviceError(
            f"deterministic: torch has no repeatable way for {operation} on {device}; leave --deterministic out, or "
            "use --device cpu"
        ) from error
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
        cudnn.deterministic, cudnn.benchmark, fill.fill_uninitialized_memory = switches


def describe(device: torch.device) -> str:
    """cuda:0 (NVIDIA H100), cpu (2 threads)..."""
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    return f"{device} ({torch.get_num_threads()} threads)" if device.type == "cpu" else str(device)

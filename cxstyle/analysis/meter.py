"""Times and memory of a call, as the benchmark takes them, and the row that shows them."""

from __future__ import annotations

import ctypes
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

Call = Callable[[], object]


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        what: the thing measured, and its size.
        plain: seconds of the reference, where there is one.
        fast: seconds of what cxstyle runs.
        ratio: plain over fast; the median over turns.
        plain_memory, fast_memory: MiB of extra memory at the peak, where the system tells.
        rate: 10^12 floating point operations in a second.
        share: of the measured rate of matrix products in the same precision, in [0, 1] up to noise.
        over: seconds over those that its arithmetic would take at the measured rate of bf16 products.
    """

    what: str
    plain: float | None = None
    fast: float | None = None
    ratio: float | None = None
    plain_memory: float | None = None
    fast_memory: float | None = None
    rate: float | None = None
    share: float | None = None
    over: float | None = None


class Meter:
    """Measures calls on one device.

    Args:
        device: that the calls compute on.
        turns: how often each side of a comparison is timed.
    """

    def __init__(self, device: torch.device, turns: int) -> None:
        self.device, self.count = device, turns

    def turns(self, *sides: Call) -> list[list[float]]:
        """Seconds of each side, taken in turns after one run of each to warm up."""
        for side in sides:
            side()
        seconds: list[list[float]] = [[] for _ in sides]
        for _ in range(self.count):
            for side, times in zip(sides, seconds, strict=True):
                times.append(self.seconds(side))
        return seconds

    def seconds(self, side: Call) -> float:
        """Of one run."""
        self.wait()
        start = time.perf_counter()
        side()
        self.wait()
        return time.perf_counter() - start

    def wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def extra_memory(self, side: Call) -> float | None:
        """MiB beyond what was held before, at the peak; None where the system doesn't tell."""
        if self.device.type == "cuda":
            before = torch.cuda.memory_allocated(self.device)
            torch.cuda.reset_peak_memory_stats(self.device)
            side()
            return (torch.cuda.max_memory_allocated(self.device) - before) / 2**20
        return extra_resident(side) if self.device.type == "cpu" else None


def compared(
    what: str,
    plain: list[float],
    fast: list[float],
    plain_memory: float | None = None,
    fast_memory: float | None = None,
) -> Row:
    """A row of two sides that were timed in turns."""
    ratio = statistics.median(a / b for a, b in zip(plain, fast, strict=True))
    return Row(what, statistics.median(plain), statistics.median(fast), ratio, plain_memory, fast_memory)


def extra_resident(side: Call) -> float | None:
    """MiB that a call adds to the resident memory of this process at its peak; None outside Linux."""
    clear, status = Path("/proc/self/clear_refs"), Path("/proc/self/status")
    try:
        # Memory that was freed but not given back would hide what is taken anew.
        ctypes.CDLL("libc.so.6").malloc_trim(0)
        clear.write_text("5")  # sets the peak back to the present
    except (OSError, AttributeError):
        return None
    before = resident_peak(status)
    side()
    return (resident_peak(status) - before) / 1024


def resident_peak(status: Path) -> int:
    """KiB, from the line VmHWM."""
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1])

"""How fast this machine runs what cxstyle is made of: the loss, the network and whole iterations.

Every comparison times its two sides in turns in one run, so that a machine that slows down slows both; the ratio is the
median of the ratios of the turns.
"""

from __future__ import annotations

import ctypes
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .checks import check_device
from .config import StyleConfig
from .device import choose_device, choose_precision, describe
from .losses.contextual import contextual_loss, plain_contextual_loss
from .objective import Objective, feature_layers
from .report import versions
from .vgg import VGGFeatures, resolve_network

PRODUCT = 2048
"""Rows and columns of the matrices whose product is this machine's measured limit."""
SAMPLES = 65 * 65
PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}


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
    """

    what: str
    plain: float | None = None
    fast: float | None = None
    ratio: float | None = None
    plain_memory: float | None = None
    fast_memory: float | None = None
    rate: float | None = None
    share: float | None = None


@dataclass(frozen=True)
class Plan:
    """What to measure: (positions, channels) of the loss, long edges of network and iterations, turns of each."""

    losses: tuple[tuple[int, int], ...]
    network: int
    iterations: tuple[int, ...]
    turns: int


FULL = Plan(((1024, 512), (SAMPLES, 128), (SAMPLES, 256), (SAMPLES, 512)), 512, (256, 512, 1024), 3)
QUICK = Plan(((1024, 512), (SAMPLES, 128)), 256, (256,), 2)


class Bench:
    """Measures a plan on one device.

    Args:
        plan: `FULL` or `QUICK`.
        device: as in StyleConfig.

    Raises:
        ConfigError, DeviceError: there is no such device, or this machine doesn't have it.
    """

    def __init__(self, plan: Plan, device: str = "auto") -> None:
        check_device(device)
        self.plan, self.device = plan, choose_device(device)
        self.network = resolve_network("vgg16")
        self.rates: dict[str, float] = {}

    def steps(self) -> list[tuple[str, Callable[[], Row]]]:
        """(name, measurement) of every row, in the order in which they must run."""
        plan = self.plan
        return [
            *((f"matrix product {name}", partial(self.product, name)) for name in PRECISIONS),
            *((f"network {name}", partial(self.features, name)) for name in PRECISIONS),
            *((f"loss {size}", partial(self.loss, size, channels)) for size, channels in plan.losses),
            *((f"iteration {edge} px", partial(self.iteration, edge)) for edge in plan.iterations),
        ]

    def product(self, precision: str) -> Row:
        """The rate of a matrix product: the limit that the rest is held against."""
        a, b = (torch.randn(PRODUCT, PRODUCT, device=self.device).to(PRECISIONS[precision]) for _ in range(2))
        seconds = statistics.median(self.turns(lambda: torch.mm(a, b))[0])
        self.rates[precision] = 2 * PRODUCT**3 / seconds / 1e12
        return Row(f"matrix product, {PRODUCT} x {PRODUCT}, {precision}", fast=seconds, rate=self.rates[precision])

    def features(self, precision: str) -> Row:
        """VGG16 to conv4_2, forward and backward to the picture."""
        network = VGGFeatures(self.network, ["conv4_2"], dtype=PRECISIONS[precision]).to(self.device)
        edge = self.plan.network
        picture = torch.rand(1, 3, edge, edge, device=self.device, requires_grad=True)
        seconds = statistics.median(self.turns(lambda: network(picture)["conv4_2"].float().sum().backward())[0])
        rate = 2 * flops(network, edge) / seconds / 1e12
        what = f"VGG16 to conv4_2 and back, {edge} px, {precision}"
        return Row(what, fast=seconds, rate=rate, share=rate / self.rates[precision])

    def loss(self, positions: int, channels: int) -> Row:
        """One contextual term in float32, forward and backward, plain and as it runs."""
        x, y = (features.to(self.device) for features in clustered(positions, channels))
        x.requires_grad_()
        sides = [lambda loss=loss: loss(x, y, 0.2).backward() for loss in (plain_contextual_loss, contextual_loss)]
        plain, fast = self.turns(*sides)
        memory = [self.extra_memory(side) for side in sides]
        what = f"contextual loss and gradient, {positions} x {positions}, {channels} channels, fp32"
        return compared(what, plain, fast, *memory)

    def iteration(self, edge: int) -> Row:
        """One iteration: the paper's terms in float32 with the plain loss, against the default preset as it runs."""
        generator = torch.Generator().manual_seed(0)
        source, target = (torch.rand(1, 3, edge, edge, generator=generator).to(self.device) for _ in range(2))
        paper = StyleConfig.preset("paper")
        # As the authors' code and the ports do: every larger layer is sampled; the plain loss could not run otherwise.
        terms = tuple(replace(term, samples=SAMPLES) for term in paper.terms)
        default = StyleConfig.preset("default")
        precision, _ = choose_precision(default.precision, self.device)

        def side(config: StyleConfig, dtype: torch.dtype, plain: bool) -> Callable[[], None]:
            network = VGGFeatures(self.network, feature_layers(config.terms), config.pooling, dtype).to(self.device)
            kind = next(name for name, value in PRECISIONS.items() if value == dtype)
            objective = Objective(config.terms, network, source, target, kind, plain)
            pixels = source.clone().requires_grad_()
            adam = torch.optim.Adam([pixels], config.optimizer.lr)

            def step() -> None:
                adam.zero_grad()
                objective.evaluate(pixels, generator).total.backward()
                adam.step()

            return step

        sides = (
            side(replace(paper, terms=terms), torch.float32, plain=True),
            side(default, precision, plain=False),
        )
        name = next(name for name, dtype in PRECISIONS.items() if dtype == precision)
        plain, fast = self.turns(*sides)
        return compared(f"iteration, {edge} px: paper fp32 plain, default {name}", plain, fast)

    def turns(self, *sides: Callable[[], object]) -> list[list[float]]:
        """Seconds of each side, taken in turns after one run of each to warm up."""
        for side in sides:
            side()
        seconds: list[list[float]] = [[] for _ in sides]
        for _ in range(self.plan.turns):
            for side, times in zip(sides, seconds, strict=True):
                self.wait()
                start = time.perf_counter()
                side()
                self.wait()
                times.append(time.perf_counter() - start)
        return seconds

    def wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def extra_memory(self, side: Callable[[], object]) -> float | None:
        """MiB beyond what was held before, at the peak; None where the system doesn't tell."""
        if self.device.type == "cuda":
            before = torch.cuda.memory_allocated(self.device)
            torch.cuda.reset_peak_memory_stats(self.device)
            side()
            return (torch.cuda.max_memory_allocated(self.device) - before) / 2**20
        return extra_resident(side) if self.device.type == "cpu" else None

    def record(self, rows: list[Row]) -> dict[str, Any]:
        """The table for machines: device, versions and rows."""
        return {"device": describe(self.device), "versions": versions(), "rows": [asdict(row) for row in rows]}


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


def clustered(positions: int, channels: int) -> tuple[Tensor, Tensor]:
    """Two sets of features (1, C, positions) around the same 300 centres, as pictures of like things have them."""
    generator = torch.Generator().manual_seed(0)
    centers = torch.randn(channels, 300, generator=generator)
    sets = []
    for _ in range(2):
        chosen = centers[:, torch.randint(300, (positions,), generator=generator)]
        sets.append((chosen + 0.6 * torch.randn(channels, positions, generator=generator)).relu()[None])
    return sets[0], sets[1]


def flops(network: VGGFeatures, edge: int) -> float:
    """Floating point operations of one forward pass over an edge x edge picture; backward takes as many again."""
    total = 0.0
    for name in network.names:
        kernel: Tensor = network.get_buffer(f"{name}_weight")
        total += 2 * kernel.numel() * (edge >> (int(name[4]) - 1)) ** 2
    return total


def extra_resident(side: Callable[[], object]) -> float | None:
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

"""How fast this machine runs what cxstyle is made of. Each comparison times its two sides in turns, so that a machine
that slows down slows both; the ratio is the median of the ratios of the turns."""

from __future__ import annotations

import ctypes
import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from timeit import Timer
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from ..device import DTYPES, choose_device, choose_precision, describe
from ..features import VGG16, VGGFeatures, read_network
from ..losses import Draws, Objective, contextual_loss, feature_layers, plain_contextual_loss, prepare
from ..pictures import Picture, load_picture, resize, shrunk
from ..settings import StyleConfig
from ..transfer import Progress, stylize, versions

PRODUCT = 2048
"""Rows and columns of the matrices whose product is this machine's measured limit."""
SAMPLES = 65 * 65
LOOK = 10
"""Iterations after which it is seen whether a quality is reached."""
DESCENT = 0.005
"""Learning rate that lowers the paper's objective soonest; see `cxstyle docs measured`."""
Call = Callable[[], object]


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    what: str  # the thing measured, and its size
    plain: float | None = None  # seconds of the reference, where there is one
    fast: float | None = None  # seconds of what cxstyle runs
    ratio: float | None = None  # plain over fast; the median over turns
    plain_memory: float | None = None  # MiB of extra memory at the peak, where the system tells
    fast_memory: float | None = None  # the same
    rate: float | None = None  # 10^12 floating point operations in a second
    share: float | None = None  # of the measured rate of matrix products in the same precision, in [0, 1] up to noise
    over: float | None = None  # seconds over those of its arithmetic at the measured rate of products in its precision


class Plan(NamedTuple):
    """What to measure: the loss at (positions, channels), against the plain one and where that could not run; long
    edges of the network's picture and of whole iterations; turns of each comparison; and long edge and iterations of
    the plain loop whose result is to be reached."""

    losses: tuple[tuple[int, int], ...]
    large: tuple[tuple[int, int], ...]
    network: int
    iterations: tuple[int, ...]
    turns: int = 3
    quality: tuple[int, int] = (512, 300)


FULL = Plan(((1024, 512), (SAMPLES, 128), (SAMPLES, 256), (SAMPLES, 512)), ((65536, 128),), 512, (256, 512, 1024))
QUICK = Plan(((1024, 512), (SAMPLES, 128)), (), 256, (256,), turns=2)


class Bench:
    """Measures a plan on one device.

    Args:
        plan: `FULL` or `QUICK`.
        device: as in StyleConfig.
        pair: source and target of the run to a given quality; without them it is left out.

    Raises:
        ConfigError, DeviceError: there is no such device, or this machine doesn't have it.
        PictureError: the pair can't be used.
    """

    def __init__(self, plan: Plan, device: str = "auto", pair: tuple[Picture, Picture] | None = None) -> None:
        self.plan, self.device = plan, choose_device(device)
        self.network = read_network(VGG16)
        self.rates: dict[str, float] = {}
        self.pair = None if pair is None else (load_picture(pair[0], "source"), load_picture(pair[1], "target"))
        self.precision, _ = choose_precision("auto", self.device)
        # Those that runs use here: what hardware has no products of takes a hundred times as long.
        self.precisions = list(dict.fromkeys(("fp32", self.precision)))

    def steps(self) -> list[tuple[str, Callable[[], list[Row]]]]:
        """(name, measurement) of every few rows, in the order in which they must run."""
        plan = self.plan
        return [
            *((f"matrix product {name}", partial(self.product, name)) for name in self.precisions),
            *((f"network {name}", partial(self.features, name)) for name in self.precisions),
            *((f"loss {size}", partial(self.loss, size, channels)) for size, channels in plan.losses),
            *((f"loss {size}", partial(self.loss, size, channels, plain=False)) for size, channels in plan.large),
            *((f"iteration {edge} px", partial(self.iteration, edge)) for edge in plan.iterations),
            *([("run to a given quality", partial(self.quality, self.pair))] if self.pair else []),
        ]

    def time(self, *sides: Call) -> list[list[float]]:
        return time_alternating(sides, self.plan.turns, self.device)

    def product(self, precision: str) -> list[Row]:
        """The rate of a matrix product: the limit that the rest is held against."""
        a, b = (torch.randn(PRODUCT, PRODUCT, device=self.device).to(DTYPES[precision]) for _ in range(2))
        seconds = statistics.median(self.time(lambda: torch.mm(a, b))[0])
        self.rates[precision] = 2 * PRODUCT**3 / seconds / 1e12
        return [Row(f"matrix product, {PRODUCT} x {PRODUCT}, {precision}", fast=seconds, rate=self.rates[precision])]

    def features(self, precision: str) -> list[Row]:
        """VGG16 to conv4_2, forward and backward to the picture."""
        network = VGGFeatures(self.network, ["conv4_2"], dtype=DTYPES[precision]).to(self.device)
        edge = self.plan.network
        picture = torch.rand(1, 3, edge, edge, device=self.device, requires_grad=True)

        def side() -> None:
            network(picture)["conv4_2"].float().sum().backward()

        seconds = statistics.median(self.time(side)[0])
        rate = operations(side) / seconds / 1e12
        what = f"VGG16 to conv4_2 and back, {edge} px, {precision}"
        return [Row(what, fast=seconds, rate=rate, share=rate / self.rates[precision])]

    def loss(self, positions: int, channels: int, *, plain: bool = True) -> list[Row]:
        """One contextual term, forward and backward, as it runs, in each precision that runs use here, and plain unless
        that would need tens of gigabytes."""
        x, y = (features.to(self.device) for features in clustered(positions, channels))
        x.requires_grad_()
        other, kinds = prepare(y), self.precisions if plain else [self.precision]
        losses: list[Callable[[], Tensor]] = [partial(contextual_loss, x, other, 0.2, kind) for kind in kinds]
        losses += [partial(plain_contextual_loss, x, y, 0.2)] if plain else []
        sides: list[Call] = [gradient(loss, x) for loss in losses]
        times = time_alternating(sides, self.plan.turns if plain else 1, self.device)
        memory = [extra_memory(side, self.device) for side in sides]
        what = f"contextual loss and gradient, {positions} x {positions}, {channels} channels"
        rows = []
        for kind, fast, used in zip(kinds, times, memory, strict=False):
            row = compare(f"{what}, {kind}", times[-1], fast) if plain else Row(f"{what}, {kind}", fast=fast[0])
            rows.append(replace(row, plain_memory=memory[-1] if plain else None, fast_memory=used))
        return rows

    def iteration(self, edge: int) -> list[Row]:
        """One iteration: the paper's terms in float32 with the plain loss, against the default preset as it runs."""
        fast = self._iteration(StyleConfig.preset("default"), edge, self.precision)
        times = self.time(self._iteration(sampled_paper(), edge, "fp32", plain=True), fast)
        row = compare(f"iteration, {edge} px: paper fp32 plain, default {self.precision}", *times)
        least = operations(fast) / 1e12 / self.rates[self.precision]
        return [replace(row, over=statistics.median(times[1]) / least)]

    def _iteration(self, config: StyleConfig, edge: int, precision: str, *, plain: bool = False) -> Call:
        generator = torch.Generator().manual_seed(0)
        source, target = (torch.rand(1, 3, edge, edge, generator=generator) for _ in range(2))
        objective = self._objective(config, source, target, precision, plain=plain)
        pixels = source.to(self.device, copy=True).requires_grad_()  # the objective keeps views of the source
        adam = torch.optim.Adam([pixels], config.optimizer.lr)

        def step() -> None:
            adam.zero_grad()
            objective.evaluate(pixels, Draws(generator, self.device)).total.backward()
            adam.step()

        return step

    def _objective(
        self, config: StyleConfig, source: Tensor, target: Tensor, precision: str = "fp32", *, plain: bool = False
    ) -> Objective:
        layers = feature_layers(config.terms)
        network = VGGFeatures(self.network, layers, config.pooling, DTYPES[precision]).to(self.device)
        objective = Objective(config.terms, network, precision=precision, plain=plain)
        return objective.bind_source(source.to(self.device)).bind_target([target.to(self.device)])

    def quality(self, pair: tuple[Tensor, Tensor]) -> list[Row]:
        """Seconds until the paper's full objective is as low as the plain loop leaves it: that loop's, and ours.

        Some iterations of each are timed; what the plain loop leaves is found with the faster loss, of the same values.
        """
        edge, iterations = self.plan.quality
        config = sampled_paper().override(size=edge, enlarge=True, iterations=iterations, device=str(self.device))
        left = stylize(*pair, config.override(precision="fp32")).picture
        source, target = resize(pair[0], *left.shape[2:]), shrunk(pair[1], edge)
        objective, found = self._objective(config, source, target), math.inf

        def value(picture: Tensor) -> float:
            with torch.no_grad():
                return float(objective.evaluate(picture.to(self.device)).total)

        def look(progress: Progress) -> bool:
            nonlocal found
            if progress.iteration % LOOK == 0 or progress.iteration == progress.iterations:
                found = value(progress.picture)
            return found > goal

        goal, fast = value(left), config.override(optimizer=replace(config.optimizer, lr=DESCENT))
        needed = len(stylize(*pair, fast, callback=look).losses)
        sides = [self._iteration(config, edge, "fp32", plain=True), self._iteration(fast, edge, self.precision)]
        plain, ours = (statistics.median(times) for times in self.time(*sides))
        what = f"until the paper's full objective is {goal:.2f} at {edge} px: {iterations} plain iterations"
        what += f"; it stayed at {found:.2f}" if found > goal else f", {needed} of ours"
        row = Row(what, iterations * plain, needed * ours)
        return [row if found > goal else replace(row, ratio=iterations * plain / (needed * ours))]

    def record(self, rows: list[Row]) -> dict[str, Any]:
        """The table for machines: device, versions, whose weights, and rows."""
        known = {"device": describe(self.device), "versions": versions(), "weights": self.network.provenance.source}
        return known | {"rows": [asdict(row) for row in rows]}


def sampled_paper() -> StyleConfig:
    """The paper's settings as its authors' code and the ports run them: every larger layer is sampled, since the plain
    loss could not run otherwise."""
    return StyleConfig.preset("paper").override(samples=SAMPLES, features="vgg16", weights=str(VGG16))


def clustered(positions: int, channels: int) -> tuple[Tensor, Tensor]:
    """Two sets of features (1, C, positions) around the same 300 centres, as pictures of like things have them; they
    lie position by position in memory, as the network gives them."""
    generator = torch.Generator().manual_seed(0)
    centers = torch.randn(300, channels, generator=generator)
    sets = []
    for _ in range(2):
        chosen = centers[torch.randint(300, (positions,), generator=generator)]
        noisy = (chosen + 0.6 * torch.randn(positions, channels, generator=generator)).relu()
        sets.append(noisy.t()[None])
    return sets[0], sets[1]


def gradient(loss: Callable[[], Tensor], x: Tensor) -> Call:
    """Computes a loss and its gradient."""
    return lambda: torch.autograd.grad(loss(), x)


def operations(side: Call) -> int:
    """Floating point operations of a call's matrix products and convolutions."""
    with FlopCounterMode(display=False) as counter:
        side()
    return int(counter.get_total_flops())


def time_alternating(sides: Sequence[Call], turns: int, device: torch.device) -> list[list[float]]:
    """Seconds of each side in each turn, after a run of each to warm up; by timeit, since torch.utils.benchmark warms
    up before every measurement, and warns of a missing GPU as it comes."""

    def finished(side: Call) -> None:
        side()
        if device.type != "cpu":
            torch.accelerator.synchronize(device)

    timers = [Timer(partial(finished, side)) for side in sides]
    _, *times = [[timer.timeit(1) for timer in timers] for _ in range(1 + turns)]
    return [list(side) for side in zip(*times, strict=True)]


def compare(what: str, plain: list[float], fast: list[float]) -> Row:
    """A row of two sides that were timed by turns."""
    ratio = statistics.median(a / b for a, b in zip(plain, fast, strict=True))
    return Row(what, statistics.median(plain), statistics.median(fast), ratio)


def extra_memory(side: Call, device: torch.device) -> float | None:
    """MiB that a call adds to what was held before, at its peak; None where the system doesn't tell: beside CUDA that
    is Linux, of the resident memory of this process."""
    if device.type == "cuda":
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        side()
        return (torch.cuda.max_memory_allocated(device) - before) / 2**20
    try:
        # Memory that was freed but not given back would hide what is taken anew.
        ctypes.CDLL("libc.so.6").malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")  # sets the peak back to the present
    except (OSError, AttributeError):
        return None
    before = resident_peak()
    side()
    return (resident_peak() - before) / 2**10


def resident_peak() -> int:
    """KiB."""
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])

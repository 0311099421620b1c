"""How fast this machine runs what cxstyle is made of: the loss, the network and whole iterations.

Every comparison times its two sides in turns in one run, so that a machine that slows down slows both; the ratio is the
median of the ratios of the turns.
"""

from __future__ import annotations

import math
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ..checks import check_device
from ..device import DTYPES, choose_device, choose_precision, describe
from ..features import VGG16, VGGFeatures, read_network
from ..losses import Draws, Objective, contextual_loss, feature_layers, plain_contextual_loss, prepare
from ..pictures import Picture, fit_within, load_picture, resize
from ..settings import LossTerm, StyleConfig
from ..transfer import Progress, channels, positions, stylize, versions
from .meter import Call, Meter, Row, compared

PRODUCT = 2048
"""Rows and columns of the matrices whose product is this machine's measured limit."""
SAMPLES = 65 * 65
Pair = tuple[Tensor, Tensor]
"""Source and target."""
DESCENT = 0.005
"""Learning rate that lowers the paper's objective soonest at 512 px: of 0.0025, 0.004, 0.005, 0.01, 0.02, 0.05 and 0.1,
constant or falling by a cosine, from the final size or from half of it. A picture for people wants larger steps."""


@dataclass(frozen=True)
class Plan:
    """What to measure.

    Attributes:
        losses: (positions, channels) of the loss against the plain one.
        large: the same where the plain one could not run.
        network: long edge of its picture.
        iterations: long edges of whole iterations.
        turns: of each comparison.
        quality: long edge and iterations of the plain loop whose result is to be reached.
        look: iterations after which it is seen whether it is.
    """

    losses: tuple[tuple[int, int], ...]
    large: tuple[tuple[int, int], ...]
    network: int
    iterations: tuple[int, ...]
    turns: int
    quality: tuple[int, int] = (512, 300)
    look: int = 10


FULL = Plan(
    ((1024, 512), (SAMPLES, 128), (SAMPLES, 256), (SAMPLES, 512)), ((65536, 128),), 512, (256, 512, 1024), turns=3
)
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
        check_device(device)
        self.plan, self.device = plan, choose_device(device)
        self.meter = Meter(self.device, plan.turns)
        self.network = read_network(VGG16)
        self.rates: dict[str, float] = {}
        self.pair = None if pair is None else (load_picture(pair[0], "source"), load_picture(pair[1], "target"))
        self.precision, _ = choose_precision("auto", self.device)

    def steps(self) -> list[tuple[str, Callable[[], list[Row]]]]:
        """(name, measurement) of every few rows, in the order in which they must run."""
        plan = self.plan
        return [
            *((f"matrix product {name}", partial(self.product, name)) for name in DTYPES),
            *((f"network {name}", partial(self.features, name)) for name in DTYPES),
            *((f"loss {size}", partial(self.loss, size, channels)) for size, channels in plan.losses),
            *((f"loss {size}", partial(self.large_loss, size, channels)) for size, channels in plan.large),
            *((f"iteration {edge} px", partial(self.iteration, edge)) for edge in plan.iterations),
            *((f"iteration {edge} px, beside", partial(self.beside, edge)) for edge in plan.iterations[:1]),
            *([("run to a given quality", partial(self.quality, self.pair))] if self.pair else []),
        ]

    def product(self, precision: str) -> list[Row]:
        """The rate of a matrix product: the limit that the rest is held against."""
        a, b = (torch.randn(PRODUCT, PRODUCT, device=self.device).to(DTYPES[precision]) for _ in range(2))
        seconds = statistics.median(self.meter.turns(lambda: torch.mm(a, b))[0])
        self.rates[precision] = 2 * PRODUCT**3 / seconds / 1e12
        return [Row(f"matrix product, {PRODUCT} x {PRODUCT}, {precision}", fast=seconds, rate=self.rates[precision])]

    def features(self, precision: str) -> list[Row]:
        """VGG16 to conv4_2, forward and backward to the picture."""
        network = VGGFeatures(self.network, ["conv4_2"], dtype=DTYPES[precision]).to(self.device)
        edge = self.plan.network
        picture = torch.rand(1, 3, edge, edge, device=self.device, requires_grad=True)
        sides = self.meter.turns(lambda: network(picture)["conv4_2"].float().sum().backward())
        seconds = statistics.median(sides[0])
        rate = 2 * flops(network, edge) / seconds / 1e12
        what = f"VGG16 to conv4_2 and back, {edge} px, {precision}"
        return [Row(what, fast=seconds, rate=rate, share=rate / self.rates[precision])]

    def loss(self, positions: int, channels: int) -> list[Row]:
        """One contextual term, forward and backward, plain and as it runs, in each precision that runs use here."""
        x, y = self._clustered(positions, channels)
        other = prepare(y)
        kinds = list(dict.fromkeys(("fp32", self.precision)))

        def fused(kind: str) -> tuple[Tensor, ...]:
            return torch.autograd.grad(contextual_loss(x, other, 0.2, kind), x)

        sides: list[Call] = [lambda: torch.autograd.grad(plain_contextual_loss(x, y, 0.2), x)]
        sides += [partial(fused, kind) for kind in kinds]
        plain, *fast = self.meter.turns(*sides)
        plain_memory, *memory = [self.meter.extra_memory(side) for side in sides]
        what = f"contextual loss and gradient, {positions} x {positions}, {channels} channels"
        return [
            compared(f"{what}, {kind}", plain, times, plain_memory, used)
            for kind, times, used in zip(kinds, fast, memory, strict=True)
        ]

    def large_loss(self, positions: int, channels: int) -> list[Row]:
        """The same at a size where the plain loss would need tens of gigabytes."""
        x, y = self._clustered(positions, channels)
        other = prepare(y)
        times: list[float] = []

        def side() -> None:
            times.append(
                self.meter.seconds(lambda: torch.autograd.grad(contextual_loss(x, other, 0.2, self.precision), x))
            )

        memory = self.meter.extra_memory(side)
        what = f"contextual loss and gradient, {positions} x {positions}, {channels} channels, {self.precision}"
        return [Row(what, fast=times[0], fast_memory=memory)]

    def _clustered(self, positions: int, channels: int) -> tuple[Tensor, Tensor]:
        x, y = (features.to(self.device) for features in clustered(positions, channels))
        return x.requires_grad_(), y

    def iteration(self, edge: int) -> list[Row]:
        """One iteration: the paper's terms in float32 with the plain loss, against the default preset as it runs."""
        default = StyleConfig.preset("default")
        sides = (
            self._iteration(reference(), edge, "fp32", plain=True),
            self._iteration(default, edge, self.precision, plain=False),
        )
        plain, fast = self.meter.turns(*sides)
        row = compared(f"iteration, {edge} px: paper fp32 plain, default {self.precision}", plain, fast)
        least = iteration_flops(default, self._features(default, "fp32"), edge) / 1e12 / self.rates["bf16"]
        return [replace(row, over=statistics.median(fast) / least)]

    def beside(self, edge: int) -> list[Row]:
        """One iteration of the default preset, alone and while another process keeps a core busy."""
        step = self._iteration(StyleConfig.preset("default"), edge, self.precision, plain=False)

        def side() -> None:
            with busy_process():
                times.append(self.meter.seconds(step))

        times: list[float] = []
        alone, _ = self.meter.turns(step, side)
        return [compared(f"iteration, {edge} px: default alone, default beside a busy process", alone, times[1:])]

    def _features(self, config: StyleConfig, precision: str) -> VGGFeatures:
        layers = feature_layers(config.terms)
        return VGGFeatures(self.network, layers, config.pooling, DTYPES[precision]).to(self.device)

    def _iteration(self, config: StyleConfig, edge: int, precision: str, *, plain: bool) -> Call:
        """A step of the loop on random pictures."""
        generator = torch.Generator().manual_seed(0)
        source, target = (torch.rand(1, 3, edge, edge, generator=generator).to(self.device) for _ in range(2))
        network = self._features(config, precision)
        objective = Objective(config.terms, network, precision=precision, plain=plain)
        objective.bind_source(source).bind_target([target])
        pixels = source.clone().requires_grad_()
        adam = torch.optim.Adam([pixels], config.optimizer.lr)

        def step() -> None:
            adam.zero_grad()
            objective.evaluate(pixels, Draws(generator, self.device)).total.backward()
            adam.step()

        return step

    def quality(self, pair: Pair) -> list[Row]:
        """Seconds until the paper's full objective is as low as the plain loop leaves it: that loop, and this one.

        The plain loop's time is that of its iterations, a few of which are timed; what it leaves is found with the same
        loop on the faster loss, which gives the same values.
        """
        edge, iterations = self.plan.quality
        config = reference().override(size=edge, enlarge=True, iterations=iterations, device=str(self.device))
        goal = self._full_objective(pair, stylize(*pair, config.override(precision="fp32")).picture)
        each = statistics.median(self.meter.turns(self._iteration(config, edge, "fp32", plain=True))[0])
        fast = config.override(optimizer=replace(config.optimizer, lr=DESCENT))
        seconds, needed, found = self._until(pair, goal, fast)
        where = f"until the paper's full objective is {goal:.2f} at {edge} px: {iterations} plain iterations"
        if found > goal:
            return [Row(f"{where}; it stayed at {found:.2f}", iterations * each, seconds)]
        return [Row(f"{where}, {needed} of ours", iterations * each, seconds, iterations * each / seconds)]

    def _until(self, pair: Pair, goal: float, config: StyleConfig) -> tuple[float, int, float]:
        """Runs until the full objective is as low as `goal`, looking now and then: seconds without the looking,
        iterations, and how low it came."""
        looked, found = 0.0, math.inf
        started = time.perf_counter()

        def look(progress: Progress) -> bool:
            nonlocal looked, found
            if progress.iteration % self.plan.look and progress.iteration < progress.iterations:
                return True
            before = time.perf_counter()
            found = self._full_objective(pair, progress.picture)
            looked += time.perf_counter() - before
            return found > goal

        result = stylize(*pair, config, callback=look)
        return time.perf_counter() - started - looked, len(result.losses), found

    def _full_objective(self, pair: Pair, picture: Tensor) -> float:
        """The paper's terms at all positions, in float32."""
        paper = reference()
        source = resize(pair[0], *picture.shape[2:])
        target = resize(pair[1], *fit_within(pair[1], max(picture.shape[2:])))
        with torch.no_grad():
            objective = Objective(paper.terms, self._features(paper, "fp32"))
            objective.bind_source(source.to(self.device)).bind_target([target.to(self.device)])
            return float(objective.evaluate(picture.to(self.device)).total)

    def record(self, rows: list[Row]) -> dict[str, Any]:
        """The table for machines: device, versions, whose weights, and rows."""
        known = {"device": describe(self.device), "versions": versions(), "weights": self.network.provenance.source}
        return known | {"rows": [asdict(row) for row in rows]}


@contextmanager
def busy_process() -> Iterator[None]:
    """Another process that computes without a pause, and ends with this one at the latest."""
    busy = "import os\nprint(flush=True)\nparent = os.getppid()\nwhile os.getppid() == parent: pass"
    with subprocess.Popen([sys.executable, "-c", busy], stdout=subprocess.PIPE) as process:
        try:
            if process.stdout is not None:
                process.stdout.readline()
            yield
        finally:
            process.kill()


def reference() -> StyleConfig:
    """The paper's settings as its authors' code and the ports run them: every larger layer is sampled, since the plain
    loss could not run otherwise."""
    return StyleConfig.preset("paper").override(samples=SAMPLES, features="vgg16", weights=str(VGG16))


def clustered(positions: int, channels: int) -> tuple[Tensor, Tensor]:
    """Two sets of features (1, C, positions) around the same 300 centres, as pictures of like things have them.

    They lie position by position in memory, as the network gives them.
    """
    generator = torch.Generator().manual_seed(0)
    centers = torch.randn(300, channels, generator=generator)
    sets = []
    for _ in range(2):
        chosen = centers[torch.randint(300, (positions,), generator=generator)]
        noisy = (chosen + 0.6 * torch.randn(positions, channels, generator=generator)).relu()
        sets.append(noisy.t()[None])
    return sets[0], sets[1]


def flops(network: VGGFeatures, edge: int) -> float:
    """Floating point operations of one forward pass over an edge x edge picture; backward takes as many again."""
    total = 0.0
    for name in network.names:
        kernel: Tensor = network.get_buffer(f"{name}_weight")
        total += 2 * kernel.numel() * positions(name, (edge, edge))
    return total


def iteration_flops(config: StyleConfig, network: VGGFeatures, edge: int) -> float:
    """Of one iteration on two pictures of edge x edge: the network forward and backward, and the two matrix products of
    each contextual term."""

    def products(term: LossTerm, layer: str) -> float:
        there = positions(layer, (edge, edge))
        taken = min(term.samples_of(layer) or there, there)
        return 4 * taken**2 * channels(network, layer)

    return 2 * flops(network, edge) + sum(products(term, layer) for term in config.terms for layer in term.layers)

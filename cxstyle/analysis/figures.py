"""The paper's figures that need no run, computed anew: 5 (expectations), 6 (denoising), and strips as 9 to 11 are.

Mechrez, Talmi, Zelnik-Manor, ECCV 2018, section 3.3 for the first two, 4.2 to 4.4 for the strips.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from ..device import usual_modes
from ..errors import OutputError, PictureError
from ..features import PixelPatches
from ..generators import Generator, read_side
from ..losses import contextual_loss, log_set_similarity, log_similarities, prepare, relative_distances
from ..pictures import Picture, grid, load_picture, to_image

FARTHEST = 10.0
"""Mean and deviation of the second Gaussian of Fig. 5, at most."""
PATCH, STRIDE = 5, 2
"""Of the features of Fig. 6, in pixels."""
FINAL_RATE = 0.05
"""Where Adam's rate ends in Fig. 6, as a share of the first; it falls evenly."""
METHODS = {"l1": "L1 as loss", "contextual": "LCX as loss"}


@dataclass(frozen=True)
class Expectations:
    """What `expectations` returns."""

    values: Tensor  # of the means (columns) and of the deviations (rows) alike, (S,)
    l2: Tensor  # mean squared distance of the pairs, (S, S): the larger, the farther
    dis: Tensor  # Deformable Diversity Similarity (Talmi et al. 2017), (S, S) in [0, 1]
    cx: Tensor  # Contextual Similarity, Eq. 1, (S, S) in [0, 1]

    def similarities(self) -> dict[str, Tensor]:
        """Each from 1 at its largest down to 0, the squared distance turned round."""
        by_name = {"E L2": self.l2.max() - self.l2, "E DIS": self.dis, "E CX": self.cx}
        return {name: (each - each.min()) / (each.max() - each.min()) for name, each in by_name.items()}

    def half(self, name: str) -> float:
        """How far apart the means are, at a deviation of about 1, where half of a similarity is gone."""
        row = self.similarities()[name][int((self.values - 1).abs().argmin())]
        return min(self.values[row < row[0] / 2].tolist(), default=FARTHEST)


def expectations(
    steps: int = 21, *, points: int = 100, draws: int = 20, bandwidth: float = 0.1, seed: int = 0
) -> Expectations:
    """Fig. 5: what two sets of points in one dimension have in common, points of N(0; 1) and of N(mean; deviation).

    Args:
        steps: means and deviations in [0, 10].
        points: in each set.
        draws: pairs of sets that are averaged.
        bandwidth: h of Eq. 3. Distances are those on the line: angles have no meaning there.
        seed: of the points.
    """
    generator, values = torch.Generator().manual_seed(seed), torch.linspace(0, FARTHEST, steps)
    x = torch.randn(draws, points, generator=generator)
    normal = torch.randn(draws, points, generator=generator)
    found = torch.empty(3, steps, steps)
    for row, deviation in enumerate(values):
        for column, mean in enumerate(values):
            y = mean + deviation * normal
            distances = (x[:, :, None] - y[:, None, :]).abs()  # (draws, P, Q)
            found[0, row, column] = (x - y).square().mean()
            found[1, row, column] = diversity_similarity(distances).mean()
            log_cx = log_similarities(relative_distances(distances), bandwidth)
            found[2, row, column] = log_set_similarity(log_cx).exp().mean()
    return Expectations(values, *found)


def diversity_similarity(distances: Tensor) -> Tensor:
    """Share of x that is the nearest of some y (Talmi et al. 2017, Eq. 3 without positions): (N, P, Q) -> (N,)."""
    samples, count, _ = distances.shape
    chosen = torch.zeros(samples, count).scatter_(1, distances.argmin(dim=1), 1.0)
    return chosen.sum(dim=1) / min(distances.shape[1:])


@dataclass(frozen=True)
class Denoised:
    """What `denoise` returns; pictures are (1, 3, size, size) in [0, 1]."""

    clean: Tensor  # what was to be found
    noisy: Tensor  # what it was found from
    targets: Sequence[Tensor]  # clean, but elsewhere
    results: Mapping[str, Tensor]  # by `METHODS`

    def psnr(self, picture: Tensor) -> float:
        """Peak signal to noise of a picture, against the clean one, in dB."""
        return float(-10 * (picture - self.clean).square().mean().log10())

    def sharpness(self, picture: Tensor) -> float:
        """Gradient energy of a picture, over that of the clean one."""
        return gradient_energy(picture) / gradient_energy(self.clean)


def gradient_energy(pictures: Tensor) -> float:
    """Mean squared difference of neighbouring pixels, (N, 3, H, W) in [0, 1]: large where there is detail, or noise."""
    return sum(float(pictures.diff(dim=dim).square().mean()) for dim in (2, 3))


@usual_modes()
def denoise(
    picture: Picture,
    *,
    size: int = 65,
    shift: int = 10,
    noise: float = 0.1,
    targets: int = 20,
    iterations: int = 600,
    bandwidth: float = 0.5,
    rate: float = 0.002,
    seed: int = 0,
    callback: Callable[[float], object] | None = None,
) -> Denoised:
    """Fig. 6: a noisy crop of a picture, cleaned by descent on its pixels towards clean crops that lie elsewhere.

    Args:
        picture: whatever `stylize` takes; the crop is its middle.
        size: of the crops, in pixels.
        shift: how far the targets lie from the crop, at most, in each direction.
        noise: standard deviation of the noise, of pixels in [0, 1].
        targets: how many there are; each iteration has the next one.
        iterations: of Adam, for each method.
        bandwidth: h of the Contextual loss, between patches of 5 x 5 px at a stride of 2.
        rate: of Adam, which falls evenly.
        seed: of noise and targets.
        callback: told of the share that is done, in [0, 1].

    Raises:
        PictureError: it can't be read, or is too small.
    """
    whole, generator = load_picture(picture), torch.Generator().manual_seed(seed)
    height, width = whole.shape[2:]
    if min(height, width) < size + 2 * shift:
        raise PictureError(f"the picture is {width}x{height} px; crops need {size + 2 * shift} px each way")

    def crop(down: int, across: int) -> Tensor:
        top, left = (height - size) // 2 + down, (width - size) // 2 + across
        return whole[..., top : top + size, left : left + size]

    places = torch.randint(-shift, shift + 1, (targets, 2), generator=generator).tolist()
    clean, crops = crop(0, 0), [crop(*place) for place in places]
    noisy = (clean + noise * torch.randn(clean.shape, generator=generator)).clamp(0, 1)
    patches = PixelPatches(PATCH, STRIDE)
    features = [prepare(patches(each)["rgb"]) for each in crops]
    losses: dict[str, Callable[[Tensor, int], Tensor]] = {
        "l1": lambda x, i: (x - crops[i]).abs().mean(),
        "contextual": lambda x, i: contextual_loss(patches(x)["rgb"], features[i], bandwidth),
    }
    results = {}
    for index, (name, loss) in enumerate(losses.items()):
        x = noisy.clone().requires_grad_()
        adam = torch.optim.Adam([x], rate)
        for i in range(iterations):
            adam.param_groups[0]["lr"] = rate * (1 - (1 - FINAL_RATE) * i / iterations)
            adam.zero_grad()
            loss(x, i % targets).backward()
            adam.step()
            if callback is not None:
                callback((index + (i + 1) / iterations) / len(losses))
        results[name] = x.detach().clamp(0, 1)
    return Denoised(clean, noisy, crops, results)


def strips(frames: str | Path, networks: Sequence[str | Path], *, every: int = 20, most: int = 8) -> Image.Image:
    """Figs. 9 to 11: frames that networks have drawn, one network below the other, under what they were given.

    Args:
        frames: a folder, a pattern or a video; at the size of each network's training.
        networks: files of `cxstyle train`, named beside their rows.
        every: how many frames from one column to the next.
        most: columns.

    Raises:
        PictureError, WeightsError: what was given can't be read.
    """
    rows = []
    for path in networks:
        generator = Generator.load(path)
        side = read_side(frames, max(generator.size))
        chosen = [side.pictures([i]) for i in range(0, len(side), every)][:most]
        rows.append([to_image(generator(picture)) for picture in chosen])
    return grid([[to_image(picture) for picture in chosen], *rows], sides=["source", *(Path(n).stem for n in networks)])


def canvas(across: float, down: float) -> Any:
    """A figure of Matplotlib, in inches, that no window shows; an OutputError where Matplotlib isn't there."""
    try:
        from matplotlib.figure import Figure
    except ImportError as missing:
        raise OutputError("figures need Matplotlib: pip install 'cxstyle[figures]'") from missing
    return Figure((across, down), layout="constrained")


def drawn(figure: Any) -> Image.Image:
    """What is on a canvas, in pixels."""
    figure.savefig(buffer := io.BytesIO(), format="png", dpi=150)
    return Image.open(buffer).convert("RGB")


def draw_expectations(found: Expectations) -> Image.Image:
    """Fig. 5 as the paper has it: three maps over mean and deviation."""
    figure = canvas(10, 3.4)
    for axes, (name, values) in zip(figure.subplots(1, 3), found.similarities().items(), strict=True):
        shown = axes.imshow(
            values.numpy(), origin="lower", extent=(0, FARTHEST, 0, FARTHEST), cmap="jet", vmin=0, vmax=1
        )
        axes.set(title=name, xlabel="mean", ylabel="deviation")
    figure.colorbar(shown, ax=figure.axes, shrink=0.85)
    return drawn(figure)


def draw_denoised(found: Denoised) -> Image.Image:
    """Fig. 6 as the paper has it: the noisy picture, two targets, and the results; and what was to be found."""
    cells = {"noisy": found.noisy, "a target": found.targets[0], "another": found.targets[1]}
    cells |= {METHODS[name]: picture for name, picture in found.results.items()} | {"clean": found.clean}
    figure = canvas(2.2 * len(cells), 2.7)
    for axes, (name, picture) in zip(figure.subplots(1, len(cells)), cells.items(), strict=True):
        known = name not in ("a target", "another", "clean")
        axes.imshow(picture[0].permute(1, 2, 0).numpy(), interpolation="nearest")
        axes.set(title=name, xticks=[], yticks=[], xlabel=f"{found.psnr(picture):.1f} dB" if known else "")
    return drawn(figure)

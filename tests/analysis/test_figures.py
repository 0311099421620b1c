"""The paper's figures: that what they claim comes out, at small sizes."""

from __future__ import annotations

from pathlib import Path

import numpy
import pytest
import torch
from conftest import SAMPLES
from generators import in_folder, moving

from cxstyle.analysis import denoise, draw_denoised, draw_expectations, expectations, gradient_energy, strips
from cxstyle.analysis.figures import diversity_similarity
from cxstyle.generators import CRN
from cxstyle.generators.model import write_model


def test_the_contextual_similarity_of_two_gaussians_is_largest_for_equal_ones_and_falls_faster_than_l2() -> None:
    found = expectations(11, points=80, draws=10)
    means, deviations = found.values[None, :], found.values[:, None]
    torch.testing.assert_close(found.l2, 1 + means**2 + deviations**2, rtol=0.15, atol=0.2)
    assert divmod(int(found.cx.argmax()), 11) == (1, 0)  # a deviation of 1, a mean of 0
    assert divmod(int(found.l2.argmin()), 11) == (0, 0)  # which are not equal ones
    assert found.half("E CX") < found.half("E L2") / 2
    assert found.half("E CX") == pytest.approx(found.half("E DIS"), abs=1)
    assert draw_expectations(found).size == (1500, 510)


def test_diversity_counts_the_points_that_are_nearest_to_some_point() -> None:
    x, y = torch.tensor([[0.0, 1.0, 5.0, 9.0]]), torch.tensor([[0.2, 0.1, 8.0, 7.5]])  # nearest are 0, 0, 9, 9
    assert diversity_similarity((x[:, :, None] - y[:, None, :]).abs()).tolist() == [0.5]


def test_the_contextual_loss_takes_noise_away_by_unaligned_targets_and_l1_the_detail() -> None:
    told: list[float] = []
    found = denoise(SAMPLES / "astronaut.jpg", size=41, targets=8, iterations=250, rate=0.004, callback=told.append)
    l1, contextual = found.results["l1"], found.results["contextual"]
    noisy, blurred, restored = (found.psnr(picture) for picture in (found.noisy, l1, contextual))
    assert restored > max(noisy, blurred) + 2
    assert found.sharpness(l1) < 0.6
    assert 0.8 < found.sharpness(contextual) < found.sharpness(found.noisy)
    assert told == sorted(told)
    assert told[-1] == 1
    assert draw_denoised(found).size == (1980, 405)


def test_gradient_energy_is_the_mean_square_of_steps_down_and_across() -> None:
    ramp = torch.arange(4.0).expand(1, 3, 4, 4) / 10
    assert gradient_energy(ramp) == pytest.approx(0.01)
    assert gradient_energy(ramp + ramp.transpose(2, 3)) == pytest.approx(0.02)


def test_strips_are_frames_and_what_networks_draw_of_them(tmp_path: Path) -> None:
    frames = in_folder(tmp_path / "frames", moving(7))
    about = {"settings": {"width": 8, "input_scale": 1.0, "seed": 0, "residual": True}, "size": (32, 48)}
    write_model(tmp_path / "same.safetensors", CRN((32, 48), 8, residual=True), about)  # which leaves all as it is
    about["settings"] |= {"residual": False}
    write_model(tmp_path / "other.safetensors", CRN((32, 48), 8), about)
    models = [tmp_path / f"{name}.safetensors" for name in ("same", "other")]
    sheet = numpy.asarray(strips(frames, models, every=3))
    rows = numpy.flatnonzero((sheet[:, -20] < 250).any(axis=1))  # of the last column: three pictures of 32 px
    assert len(rows) == 96
    source, same, other = (sheet[rows[i * 32 : i * 32 + 32]][:, -160:] for i in range(3))
    assert (source == same).all()
    assert (source != other).any()

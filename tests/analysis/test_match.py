"""Which place of the target each place of the source matches."""

from __future__ import annotations

import inspect

import pytest
import torch
from conftest import SAMPLES
from helpers import files_in, refused, run_cli
from torch import Tensor

from cxstyle import match
from cxstyle.analysis.match import copy_patches, place_colors, visited_share
from cxstyle.cli import main
from cxstyle.errors import ConfigError
from cxstyle.losses.contextual import cosine_distances, log_similarities, relative_distances
from cxstyle.losses.matches import matches
from cxstyle.pictures.reading import load_picture
from cxstyle.pictures.tensors import resize, to_tensor


@pytest.fixture(scope="module")
def portrait() -> Tensor:
    return resize(load_picture(SAMPLES / "astronaut.jpg"), 160, 192)


def grid(rows: int, columns: int) -> Tensor:
    """Each position's own row and column, (2, H, W)."""
    return torch.stack(torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij"))


# The measure


@pytest.mark.parametrize(("rows", "columns"), [(7, 4), (70, 130)])
def test_matches_are_those_of_the_paper_s_equations(rows: int, columns: int) -> None:
    generator = torch.Generator().manual_seed(1)
    x, y = (torch.randn(5, count, generator=generator, dtype=torch.float64) for count in (rows, columns))
    cx = log_similarities(relative_distances(cosine_distances(x[None], y[None])), 0.2)[0].exp()  # (P, Q)
    found = matches(x, y, 0.2)
    assert torch.equal(found.best, cx.argmax(1))
    assert torch.equal(found.winner, cx.argmax(0))
    torch.testing.assert_close(found.similarity, cx.amax(1))
    assert found.mutual.tolist() == [int(cx[:, cx[i].argmax()].argmax()) == i for i in range(rows)]


def test_the_best_match_has_the_largest_cosine_about_the_mean_of_y() -> None:
    y = torch.tensor([[1.0, -1.0, 0.0, 0.0], [0.0, 0.0, 1.0, -1.0]])
    x = torch.tensor([[0.1, -9.0], [3.0, 1.0]])
    assert matches(x, y).best.tolist() == [2, 1]
    assert matches(x + 5, y + 5).best.tolist() == [2, 1]


# Places


def test_a_picture_of_shifted_places_is_the_shifted_picture() -> None:
    target = torch.rand(1, 3, 24, 32)
    built = copy_patches(target, grid(8, 10) + torch.tensor([2, 5])[:, None, None], 2)
    torch.testing.assert_close(built, target[:, :, 4:20, 10:30])


def test_coverage_is_where_patches_come_from() -> None:
    soft = visited_share(torch.zeros(1, 3, 40, 40), torch.full((2, 3, 3), 10), 2)[0, 0]
    assert soft.shape == (40, 40)
    assert float(soft[20, 20]) > 0.9
    assert float(soft[20, 34]) == float(soft[4, 4]) == 0


# Pictures


def test_equal_pictures_match_place_by_place(portrait: Tensor) -> None:
    small = portrait[:, :, 40:120, 60:140]
    found = match(small, small, size=80, colors="free", features="vgg16")
    assert torch.equal(found.places, grid(20, 20))
    assert (found.mutual, found.share) == (1, 1)
    torch.testing.assert_close(to_tensor(found.built), small, atol=1 / 255, rtol=0)
    assert float((to_tensor(found.origins) - to_tensor(found.key)).abs().mean()) < 2 / 255
    assert all(pair.source == pair.target for pair in found.pairs)
    assert len(found.pairs) == 24
    values = [pair.similarity for pair in found.pairs]
    assert values == sorted(values, reverse=True)
    assert float(torch.pdist(torch.tensor([pair.source for pair in found.pairs])).min()) > 4


def test_a_picture_shifted_by_whole_strides_matches_where_it_was_shifted_to(portrait: Tensor) -> None:
    source, target = portrait[:, :, :, :160], portrait[:, :, :, 32:]
    found = match(source, target, size=160, colors="free", features="vgg16", pairs=40)
    assert found.stride == 4
    # Where the network sees neither picture's border: 46 pixels of what conv4_2 looks at, and the average.
    rows, columns = slice(54 // 4, (160 - 54) // 4), slice((54 + 32) // 4, (160 - 54) // 4)
    right = (found.places == grid(40, 40) - torch.tensor([0, 8])[:, None, None]).all(0)[rows, columns]
    assert float(right.float().mean()) > 0.95
    inside = [p for p in found.pairs if 86 <= p.source[0] < 106 and 54 <= p.source[1] < 106]
    assert inside
    assert all((p.source[0] - p.target[0], p.source[1] - p.target[1]) == (32, 0) for p in inside)


def test_any_two_sizes_and_layers_work_whatever_torch_is_set_to() -> None:
    source, target = torch.rand(3, 50, 70), torch.rand(3, 133, 41)
    for layers, size in ((["conv4_2", "conv3_2"], (72, 48)), (["relu2_2"], (72, 48)), (["conv5_1"], (64, 48))):
        found = match(source, target, layers=layers, features="vgg16", pairs=0)
        assert (found.built.size, found.origins.size, found.pairs) == (size, size, ())
        assert found.key.size == found.used.size == found.target.size
    with torch.inference_mode(), torch.device("meta"), torch.autocast("cpu", torch.bfloat16):
        assert match(source, target, layers=layers, features="vgg16", pairs=0).sheet == found.sheet


def test_near_places_have_near_colours_and_far_ones_have_far() -> None:
    colors = place_colors(90, 120)[0]
    steps = [(colors[:, 1:] - colors[:, :-1]).norm(dim=0), (colors[:, :, 1:] - colors[:, :, :-1]).norm(dim=0)]
    assert max(float(step.max()) for step in steps) < 0.04
    corners = torch.stack([colors[:, y, x] for y in (0, -1) for x in (0, -1)])
    assert float(torch.pdist(corners).min()) > 0.15


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"layers": []}, "layers: at least one is needed"),
        ({"layers": "conv4_2"}, "layers: Expected array, got str 'conv4_2'"),
        ({"layers": ["conv4_9"], "features": "vgg16"}, "has no layer conv4_9"),
        ({"size": 8}, "size: must be a number at least 32"),
        ({"pairs": -1}, "pairs: must be a number at least 0"),
    ],
)
def test_settings_that_can_t_be_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        match(torch.zeros(3, 32, 32), torch.zeros(3, 32, 32), **settings)


# The command


def test_the_command_writes_the_sheet_its_parts_and_says_where(pair, own_folder) -> None:
    words = ("match", *pair, "--size", 64, "--pairs", 3, "--features", "vgg16", "--device", "cpu")
    done = run_cli(*words, "--parts", "parts")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("wrote astronaut_hopper_match.png (")
    assert "% of the target is drawn from; " in done.stdout
    parts = ("built", "key", "lines", "origins", "recolored", "sure", "used")
    assert files_in(own_folder / "parts") == [f"astronaut_hopper_{part}.png" for part in parts]
    refused(1, "built.png exists", *words, "-o", "new.png", "--parts", "parts")
    assert run_cli(*words).stdout.startswith("wrote astronaut_hopper_match_2.png")


def test_defaults_of_the_command_are_those_of_the_function() -> None:
    defaults = {name: p.default for name, p in inspect.signature(match).parameters.items()}
    options = {option.name: option.default for option in main.commands["match"].params}
    for name in ("size", "pairs", "colors", "features", "device"):
        assert options[name] == defaults[name], name
    assert tuple(options["layers"].split(",")) == defaults["layers"]

"""Which place of the target each place of the source matches."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
import torch
from conftest import SAMPLES
from helpers import done, files_in, refused
from PIL import Image
from torch import Tensor

from cxstyle import match
from cxstyle.analysis.match import clearest, place_colors, spread
from cxstyle.analysis.patchmatch import beside, copied, coverage, finer, refined
from cxstyle.cli import main
from cxstyle.errors import ConfigError
from cxstyle.losses.contextual import cosine_distances, log_similarities, relative_distances
from cxstyle.losses.matches import matches
from cxstyle.pictures.color_transfer import from_oklab, to_oklab
from cxstyle.pictures.reading import load_picture
from cxstyle.pictures.tensors import resize, to_tensor


@pytest.fixture(scope="module")
def portrait() -> Tensor:
    return resize(load_picture(SAMPLES / "astronaut.jpg"), 192, 224)


# The measure


@pytest.mark.parametrize(("rows", "columns"), [(7, 4), (3, 300), (700, 130)])
def test_matches_are_those_of_the_paper_s_equations(rows: int, columns: int) -> None:
    generator = torch.Generator().manual_seed(1)
    x, y = (torch.randn(5, count, generator=generator, dtype=torch.float64) for count in (rows, columns))
    cx = log_similarities(relative_distances(cosine_distances(x[None], y[None])), 0.2)[0].exp()  # (P, Q)
    found = matches(x, y, 0.2)
    assert torch.equal(found.best, cx.argmax(1))
    assert torch.equal(found.winner, cx.argmax(0))
    torch.testing.assert_close(found.similarity, cx.amax(1))
    expected = [int(cx[:, cx[i].argmax()].argmax()) == i for i in range(rows)]
    assert found.mutual.tolist() == expected


def test_the_best_match_has_the_largest_cosine_about_the_mean_of_y() -> None:
    y = torch.tensor([[1.0, -1.0, 0.0, 0.0], [0.0, 0.0, 1.0, -1.0]])
    x = torch.tensor([[0.1, -9.0], [3.0, 1.0]])
    assert matches(x, y).best.tolist() == [2, 1]


# Places


def test_finer_places_keep_every_quarter_in_its_quarter() -> None:
    places = torch.tensor([[[3, 0]], [[5, 1]]])
    assert finer(places).tolist() == [[[6, 6, 0, 0], [7, 7, 1, 1]], [[10, 11, 2, 3], [10, 11, 2, 3]]]


def test_a_neighbour_s_patch_goes_on() -> None:
    rows, columns = torch.meshgrid(torch.arange(4), torch.arange(5), indexing="ij")
    shifted = torch.stack([rows + 7, columns + 2])
    inside = beside(shifted, 1, -1)[:, :-1, 1:]
    assert torch.equal(inside, shifted[:, :-1, 1:])


def test_refining_finds_the_equal_feature_nearby_and_stays_on_the_grid() -> None:
    y = torch.nn.functional.normalize(torch.randn(9, 9, 16, generator=torch.Generator().manual_seed(0)), dim=2)
    identity = torch.stack(torch.meshgrid(torch.arange(9), torch.arange(9), indexing="ij"))
    assert torch.equal(refined(identity + 2, y, y), identity)
    assert torch.equal(refined(torch.full_like(identity, 40), y, y).clamp(0, 8), refined(identity * 0 + 40, y, y))


def test_a_picture_of_shifted_places_is_the_shifted_picture() -> None:
    target = torch.rand(1, 3, 24, 32, generator=torch.Generator().manual_seed(0))
    rows, columns = torch.meshgrid(torch.arange(8), torch.arange(10), indexing="ij")
    built = copied(target, torch.stack([rows + 2, columns + 5]), 2)
    torch.testing.assert_close(built, target[:, :, 4:20, 10:30])


def test_coverage_is_where_patches_come_from() -> None:
    soft = coverage(torch.zeros(1, 3, 40, 40), torch.full((2, 3, 3), 10), 2)[0, 0]
    assert soft.shape == (40, 40)
    assert float(soft[20, 20]) > 0.9
    assert float(soft[20, 34]) == float(soft[4, 4]) == 0


# Pictures


def test_equal_pictures_match_place_by_place(portrait: Tensor) -> None:
    small = portrait[:, :, 40:136, 60:156]
    found = match(small, small, size=96, colors="free", features="vgg16")
    identity = torch.stack(torch.meshgrid(torch.arange(48), torch.arange(48), indexing="ij"))
    assert torch.equal(found.places, identity)
    assert (found.mutual, found.share) == (1, 1)
    torch.testing.assert_close(to_tensor(found.built), small, atol=1 / 255, rtol=0)
    assert float((to_tensor(found.origins) - to_tensor(found.key)).abs().mean()) < 2 / 255
    assert all(pair.source == pair.target for pair in found.pairs)
    assert len(found.pairs) == 24


def test_a_picture_shifted_by_whole_strides_matches_where_it_was_shifted_to(portrait: Tensor) -> None:
    source, target = portrait[:, :, :, :192], portrait[:, :, :, 32:]
    found = match(source, target, size=192, colors="free", features="vgg16", pairs=40)
    assert found.stride == 2
    # Where the network sees neither picture's border: 46 pixels of what conv4_2 looks at, and the average.
    rows, columns = slice(54 // 2, (192 - 54) // 2), slice((54 + 32) // 2, (192 - 54) // 2)
    wanted = torch.stack(torch.meshgrid(torch.arange(96), torch.arange(96) - 16, indexing="ij"))
    right = (found.places == wanted).all(0)[rows, columns]
    assert float(right.float().mean()) > 0.95
    inside = [p for p in found.pairs if 86 <= p.source[0] < 138 and 54 <= p.source[1] < 138]
    assert inside
    assert all((p.source[0] - p.target[0], p.source[1] - p.target[1]) == (32, 0) for p in inside)


def test_swapped_halves_show_in_the_map() -> None:
    grass, brick = torch.zeros(3, 128, 96), torch.zeros(3, 128, 96)
    grass[1, :, ::4], brick[0, ::8] = 0.9, 0.9
    grass[1, :, 1::4], brick[0, 1::8] = 0.8, 0.8
    halves = torch.cat([grass, brick], 2), torch.cat([brick, grass], 2)
    found = match(*halves, size=192, colors="free", features="vgg16", pairs=4)
    # Clear of the border and of the edge between the halves, the left comes from the right and the other way round.
    assert float((found.places[1, 8:-8, 8:40] >= 48).float().mean()) > 0.95
    assert float((found.places[1, 8:-8, 56:-8] < 48).float().mean()) > 0.95
    key, origins = (to_oklab(to_tensor(p).double())[0, 1:] for p in (found.key, found.origins))
    left, right = key[:, :, :96].mean((1, 2)), key[:, :, 96:].mean((1, 2))
    from_right = origins[:, :, 16:80].mean((1, 2))
    assert (from_right - right).norm() < (from_right - left).norm() / 2
    built = to_tensor(found.built)[0, :, 16:-16]
    assert float(built[1, :, 16:80].mean()) > 4 * float(built[0, :, 16:80].mean())
    assert float(built[0, :, 112:176].mean()) > 4 * float(built[1, :, 112:176].mean())


def test_any_two_sizes_and_layers_work() -> None:
    generator = torch.Generator().manual_seed(0)
    source, target = torch.rand(3, 50, 70, generator=generator), torch.rand(3, 133, 41, generator=generator)
    for layers, size in ((["conv4_2", "conv3_2"], (72, 48)), (["relu2_2"], (70, 50)), (["conv5_1"], (64, 48))):
        found = match(source, target, layers=layers, features="vgg16", pairs=0)
        assert (found.built.size, found.origins.size, found.pairs) == (size, size, ())
        assert found.places.amin() >= 0
        assert found.key.size == found.used.size == found.target.size


def test_matches_are_the_same_whatever_torch_is_set_to(portrait: Tensor) -> None:
    plain = match(portrait, portrait.flip(3), size=64, features="vgg16")
    with torch.inference_mode(), torch.device("meta"), torch.autocast("cpu", torch.bfloat16):
        found = match(portrait, portrait.flip(3), size=64, features="vgg16")
    assert torch.equal(found.places, plain.places)
    assert found.sheet == plain.sheet


def test_pairs_keep_their_distance_and_the_clearest_come_first(portrait: Tensor) -> None:
    found = match(portrait, SAMPLES / "hopper.jpg", size=192, features="vgg16", pairs=8)
    values = [pair.similarity for pair in found.pairs]
    assert values == sorted(values, reverse=True)
    assert 0 < values[-1] <= values[0] <= 1
    ends = torch.tensor([pair.source for pair in found.pairs])
    assert float(torch.pdist(ends).min()) > 16
    for (x, y), picture in (
        (end, p)
        for pair in found.pairs
        for end, p in zip((pair.source, pair.target), (found.source, found.target), strict=True)
    ):
        assert 8 < x < picture.width - 8
        assert 8 < y < picture.height - 8


def test_spread_prefers_the_first() -> None:
    first = torch.tensor([[0.0, 0], [1, 0], [5, 0], [9, 0]])
    second = torch.tensor([[0.0, 0], [9, 0], [1, 0], [9, 9]])
    assert spread(first, second, 3, 9) == [0, 3]
    assert spread(first, second, 1.5, 9) == [0, 2, 3]
    assert spread(first, second, 0.5, 2) == [0, 1]


def test_a_grid_of_nothing_but_border_has_no_pairs() -> None:
    x = torch.eye(4)
    assert clearest(matches(x, x), ((2, 2), (2, 2)), 8, 5) == ()


def test_near_places_have_near_colours_and_far_ones_have_far() -> None:
    colors = place_colors(90, 120)[0]
    steps = [(colors[:, 1:] - colors[:, :-1]).norm(dim=0), (colors[:, :, 1:] - colors[:, :, :-1]).norm(dim=0)]
    assert max(float(step.max()) for step in steps) < 0.04
    corners = torch.stack([colors[:, y, x] for y in (0, -1) for x in (0, -1)])
    assert float(torch.pdist(corners).min()) > 0.15


def test_oklab_is_as_published_and_comes_back() -> None:
    red = torch.tensor([1.0, 0, 0], dtype=torch.float64).view(1, 3, 1, 1)
    torch.testing.assert_close(
        to_oklab(red).flatten(), torch.tensor([0.62796, 0.22486, 0.12585]).double(), atol=1e-4, rtol=0
    )
    torch.testing.assert_close(to_oklab(red * 0 + 1).flatten(), torch.tensor([1.0, 0, 0]).double(), atol=1e-4, rtol=0)
    picture = torch.rand(1, 3, 6, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    torch.testing.assert_close(from_oklab(to_oklab(picture)), picture, atol=1e-5, rtol=0)


def test_settings_that_can_t_be_are_refused(portrait: Tensor) -> None:
    for settings, message in (
        ({"layers": []}, "layers: at least one is needed"),
        ({"layers": "conv4_2"}, "layers: Expected array, got str 'conv4_2'"),
        ({"weights": 5}, "weights: Expected str"),
        ({"layers": ["conv4_9"], "features": "vgg16"}, "has no layer conv4_9"),
        ({"size": 8}, "size: must be a number at least 32"),
        ({"pairs": -1}, "pairs: must be a number at least 0"),
        ({"device": "gpu"}, "device: 'gpu' is not known"),
        ({"colors": "blue"}, "colors: 'blue' is not known"),
    ):
        with pytest.raises(ConfigError, match=message):
            match(portrait, portrait, **settings)


# The command


def test_the_command_writes_the_sheet_its_parts_and_says_where(pair, own_folder: Path) -> None:
    words = ("match", *pair, "--size", 64, "--pairs", 3, "--layers", "conv4_2,conv3_2", "--features", "vgg16")
    told = done(*words, "--parts", "parts", "--device", "cpu", "--colors", "free").stdout
    assert told.startswith("wrote astronaut_hopper_match.png (")
    assert "% of the target is drawn from; " in told
    with Image.open("astronaut_hopper_match.png") as sheet:
        assert sheet.width > 4 * 56
    parts = ("built", "key", "lines", "origins", "recolored", "sure", "used")
    assert files_in(own_folder / "parts") == [f"astronaut_hopper_{part}.png" for part in parts]
    assert done(*words).stdout.startswith("wrote astronaut_hopper_match_2.png")
    refused(1, "exists; choose another name", *words, "-o", "astronaut_hopper_match.png")
    refused(1, "built.png exists", *words, "-o", "new.png", "--parts", "parts")
    done(*words, "-o", "astronaut_hopper_match.png", "--parts", "parts", "--overwrite")


@pytest.mark.parametrize(
    ("status", "words", "says"),
    [
        (1, "none.jpg {t}", "there is no file none.jpg"),
        (1, "{s} {t} -o x.docx", "can't tell the format"),
        (1, "{s} {t} -o none/x.png", "there is no folder none"),
        (1, "{s} {t} --weights none.pth", "can't read the weights none.pth"),
        (1, "{s} {t} --features vgg19", "vgg19 is not on this machine"),
        (2, "{s} {t} --layers conv9_1", "has no layer conv9_1"),
        (2, "{s} {t} --layers ,", "layers: at least one is needed"),
        (2, "{s} {t} --size 7", "size: must be a number at least 32"),
        (1, "{s} {t} --device cuda:77", "device: cuda:77 is not there"),
        (2, "{s}", "Missing argument 'TARGET'"),
    ],
)
def test_the_command_refuses_in_one_line_and_leaves_nothing(pair, own_folder, status, words, says) -> None:
    refused(status, says, "match", *words.format(s=pair[0], t=pair[1]).split())
    assert files_in(own_folder) == []


def test_defaults_of_the_command_are_those_of_the_function() -> None:
    defaults = {name: p.default for name, p in inspect.signature(match).parameters.items()}
    options = {option.name: option.default for option in main.commands["match"].params}
    for name in ("size", "pairs", "colors", "features", "device"):
        assert options[name] == defaults[name], name
    assert tuple(options["layers"].split(",")) == defaults["layers"]

"""What a picture is worth, in numbers."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from conftest import SAMPLES
from helpers import done, refused
from torch import Tensor

from cxstyle import score
from cxstyle.analysis.measures import feature_distance, flat_noise, noise, palette, palette_distance, purity
from cxstyle.errors import ConfigError, CxStyleError, PictureError
from cxstyle.features.vgg import VGGFeatures, resolve_network
from cxstyle.features.weights import import_file
from cxstyle.losses.contextual import contextual_loss
from cxstyle.pictures.reading import load_picture
from cxstyle.pictures.tensors import resize

MASKS = [SAMPLES / "astronaut_mask.png", SAMPLES / "hopper_mask.png"]


def grey(values: Tensor) -> Tensor:
    return values.expand(1, 3, *values.shape[-2:]).contiguous()


def checks(size: int) -> Tensor:
    """(size, size): 0 and 1 in turns."""
    return (torch.arange(size)[:, None] + torch.arange(size)) % 2.0


# noise


def test_pictures_without_detail_have_no_noise() -> None:
    for picture in (torch.full((1, 3, 32, 40), 0.3), grey((torch.arange(40.0) / 39).expand(32, 40))):
        assert (noise(picture), flat_noise(picture)) == pytest.approx((0, 0), abs=1e-4)


def test_a_checkerboard_differs_from_each_of_four_neighbours_and_green_counts_most() -> None:
    for channels, weight in ((slice(None), 1), (0, 0.2126), (1, 0.7152), (2, 0.0722)):
        board = torch.zeros(1, 3, 32, 32)
        board[0, channels] = checks(32) * 10 / 255
        assert (noise(board), flat_noise(board)) == pytest.approx((40 * weight, 40 * weight), rel=1e-4)


def test_dots_in_flat_areas_are_seen_where_the_median_is_blind() -> None:
    picture = grey(torch.zeros(64, 64))
    picture[..., 32:] = torch.linspace(0, 1, 32)
    picture[..., :40, :16] = checks(64)[:40, :16] * 20 / 255  # 16% of the picture
    assert noise(picture) < 0.01
    assert flat_noise(picture) > 10


# structure and palette


def test_feature_distance_is_one_less_the_mean_cosine() -> None:
    x = {"a": torch.tensor([[1.0, 0, 3], [0, 1, 4]])[None, :, None]}  # 3 positions of 2 channels
    y = {"a": torch.tensor([[2.0, 1, 0], [0, 0, 5]])[None, :, None]}
    assert feature_distance(x, y) == pytest.approx((0 + 1 + (1 - 0.8)) / 3)
    assert feature_distance({**x, "b": x["a"]}, {**y, "b": x["a"]}) == pytest.approx(0.2)


def test_a_palette_shifted_in_lightness_is_half_of_the_shift_away() -> None:
    dark, light = (torch.full((1, 3, 32, 32), value) for value in (0.2, 0.6))
    shift = 116 * (((0.6 + 0.055) / 1.055) ** 0.8 - ((0.2 + 0.055) / 1.055) ** 0.8)
    assert palette_distance(palette(dark), palette(light)) == pytest.approx(shift / 2, rel=1e-3)


def test_palettes_know_no_places_and_no_sizes() -> None:
    picture = torch.rand(1, 3, 64, 64)
    shuffled = picture.flatten(2)[..., torch.randperm(4096)].view_as(picture)
    for same in (shuffled, picture.repeat_interleave(2, 2).repeat_interleave(2, 3)):
        assert palette_distance(palette(picture), palette(same)) == pytest.approx(0, abs=1e-6)


# purity

X = torch.tensor([[2.0, 2, -3, -1], [0.1, -0.1, 0, 0.1]])[None, :, None]
Y = torch.tensor([[4.0, 1, -5], [0, 0, 0]])[None, :, None]


def test_purity_is_the_share_that_is_matched_with_its_own_label() -> None:
    own = torch.tensor([[1.0, 0.4, 0, 0.5], [0, 0.6, 1, 0.5]])[:, None]
    other = torch.tensor([[0.9, 0, 0.2], [0.1, 1, 0.8]])[:, None]  # labels 0, 1, 1
    # x matches y at 0, 0, 2, 2: label 0 has positions 0 and 3, label 1 has 1, 2 and 3.
    assert purity(X, Y, own, other) == [0.5, pytest.approx(2 / 3)]


# score


@pytest.fixture(scope="module")
def portraits() -> tuple[Tensor, Tensor]:
    source, target = (load_picture(SAMPLES / f"{name}.jpg") for name in ("astronaut", "hopper"))
    return resize(source, 96, 96), resize(target, 96, 82)


def test_the_source_scores_as_itself(portraits: tuple[Tensor, Tensor]) -> None:
    found = score(portraits[0], *portraits, *MASKS)
    assert found.content == pytest.approx(0, abs=1e-4)
    assert found.structure == pytest.approx(0, abs=1e-6)
    assert (found.palette_ratio, found.palette) == (1, found.source_palette)
    assert found.noise.picture == found.noise.source
    assert found.mean_purity == found.source_purity


def test_the_target_scores_as_itself(portraits: tuple[Tensor, Tensor]) -> None:
    target = portraits[1]
    found = score(target, target, target, MASKS[1], MASKS[1])
    assert max(found.style.values()) == pytest.approx(0, abs=1e-4)
    assert (found.palette, found.palette_ratio) == (0, None)
    # The suit, ground, flag, face and hair; what is missing lies on positions that two labels share.
    assert len(found.purity) == 5
    assert found.mean_purity > 0.95


def test_losses_are_the_contextual_losses_of_all_positions(portraits: tuple[Tensor, Tensor]) -> None:
    source, target = portraits
    picture = resize(resize(source, 16, 16), 96, 96)
    found = score(picture, source, target)
    net = VGGFeatures(resolve_network("vgg16"), ["conv3_2", "conv4_2"])
    p, s, t = net(picture), net(source), net(target)
    assert found.style["conv3_2"] == pytest.approx(float(contextual_loss(p["conv3_2"], t["conv3_2"], 0.2)), rel=1e-4)
    assert found.content == pytest.approx(float(contextual_loss(p["conv4_2"], s["conv4_2"], 0.1)), rel=1e-4)
    assert (found.purity, found.mean_purity, found.source_purity) == ({}, None, None)


def test_purity_of_several_targets_takes_a_mask_for_each(portraits: tuple[Tensor, Tensor]) -> None:
    source, target = portraits
    one = score(source, source, target, *MASKS)
    both = score(source, source, [target, target], MASKS[0], [MASKS[1], MASKS[1]])
    assert both.purity == pytest.approx(one.purity)
    assert len(both.purity) == 5
    with pytest.raises(ConfigError, match="target-mask: one for each target is needed, got 1 for 2"):
        score(source, source, [target, target], MASKS[0], [MASKS[1]])


def test_structure_sees_what_moved_and_hardly_colours(portraits: tuple[Tensor, Tensor]) -> None:
    source, target = portraits
    colored = (source * torch.tensor([0.9, 1.0, 0.8]).view(1, 3, 1, 1)).clamp(0, 1)
    distances = [score(p, source, target).structure for p in (colored, source.flip(3), resize(target, 96, 96))]
    assert distances[0] < 0.02
    assert min(distances[1:]) > 0.3


def test_scores_are_the_same_whatever_torch_is_set_to_and_held_to_a_size(portraits: tuple[Tensor, Tensor]) -> None:
    plain = score(portraits[0][..., ::2, ::2], *portraits, size=40)
    assert plain.sizes == {"picture": (40, 40), "source": (40, 40), "target": (40, 34)}
    with torch.inference_mode(), torch.device("meta"), torch.autocast("cpu", torch.bfloat16):
        assert score(portraits[0][..., ::2, ::2], *portraits, size=40) == plain


@pytest.mark.parametrize(
    ("picture", "masks", "size", "error", "message"),
    [
        (0, MASKS[:1], 512, ConfigError, "source-mask: needs the target mask, too"),
        (1, (), 512, PictureError, "the picture is 82x96 px but the source 96x96"),
        (0, [MASKS[0]] * 2, 512, PictureError, r"astronaut_mask\.png is 512x512 px but its picture 82x96"),
        (0, (), 8, ConfigError, "size: must be a number at least 32"),
    ],
)
def test_what_does_not_fit_together_is_refused(
    portraits, picture: int, masks: list[Path], size: int, error: type[CxStyleError], message: str
) -> None:
    with pytest.raises(error, match=message):
        score(portraits[picture], *portraits, *masks, size=size)


def test_structure_is_the_bundled_networks_whatever_was_imported_and_scores_say_which(pair, tmp_path: Path) -> None:
    pictures = [load_picture(pair[1])[..., :41, :41], *(load_picture(path)[..., :41, :41] for path in pair)]
    before, bundled = score(*pictures), resolve_network("vgg16")
    torch.save({name: tensor * 0.9 for name, tensor in bundled.tensors.items()}, tmp_path / "other.pth")
    imported, _ = import_file(tmp_path / "other.pth", "imagenet")
    after = score(*pictures)
    assert after.structure == before.structure
    assert after.content != before.content
    assert (before.weights, before.weights_sha256) == (bundled.provenance.source, bundled.provenance.source_sha256)
    assert (after.weights, after.weights_sha256) == ("other.pth", imported.provenance.source_sha256)


# cxstyle score


def test_the_command_prints_a_table_and_writes_all_numbers(pair: tuple[Path, Path], own_folder: Path) -> None:
    source, target = pair
    words = ["score", source, "--source", source, "--target", target, "--size", 48, "--features", "vgg16"]
    words += ["--source-mask", MASKS[0], "--target-mask", MASKS[1], "--device", "cpu", "--json", "s.json"]
    head, *lines = done(*words).stdout.splitlines()
    assert head.startswith(f"{source} at 48x48 px, vgg16 (torchvision VGG16_Weights.IMAGENET1K_V1, by way of ")
    assert head.endswith("; structure by the bundled vgg16")
    assert any(line.split() == ["structure,", "distance", "to", "source", "0.000", "lower"] for line in lines)
    assert sum(line.startswith("style loss conv") for line in lines) == 3
    assert sum(line.strip().startswith("#") for line in lines) == 5
    record = json.loads((own_folder / "s.json").read_text())
    assert (record["picture"], record["sizes"]["target"]) == (str(source), [48, 41])
    assert set(record["purity"]) == {"#8c613c", "#4878d0", "#d65f5f", "#f0c8a0", "#282828"}
    assert all(math.isfinite(value) for value in record["style"].values())
    refused(1, "add --overwrite", *words)

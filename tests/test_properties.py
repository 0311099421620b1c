"""What holds for every picture, every preset and every set of features, tried on many."""

from __future__ import annotations

import dataclasses
import math
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_type_hints

import pytest
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from cxstyle import LossTerm, Optimizer, Pyramid, StyleConfig
from cxstyle.errors import ConfigError
from cxstyle.features.layers import CONVOLUTIONS
from cxstyle.losses.contextual import contextual_loss, plain_contextual_loss
from cxstyle.pictures.reading import load_picture
from cxstyle.pictures.tensors import fit, fit_within, resize, to_image, to_tensor
from cxstyle.pictures.writing import save_picture
from cxstyle.settings.yaml import parse_yaml

settings.register_profile("same", derandomize=True, deadline=None, max_examples=40, database=None)
settings.load_profile("same")
FOLDER = Path(tempfile.mkdtemp())


# Pictures


def random(*shape: int, seed: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


edges = st.integers(1, 90)
seeds = st.integers(0, 2**32)


@given(edges, edges, edges, edges, seeds)
def test_resizing_gives_the_size_and_stays_in_bounds(h: int, w: int, height: int, width: int, seed: int) -> None:
    small = resize(random(1, 3, h, w, seed=seed).round(), height, width)
    assert small.shape == (1, 3, height, width)
    assert bool(((small >= 0) & (small <= 1)).all())


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(1, 5000))
def test_fitting_keeps_the_proportion_and_every_side_at_32_px_or_more(h: int, w: int, edge: int) -> None:
    picture = torch.empty(1, 3, 1, 1).expand(1, 3, h, w)
    height, width = fit(picture, edge)
    assert min(height, width) >= 32
    assert max(height, width) == edge or min(height, width) == 32
    factor = max(height, width) / max(h, w)
    assert height == pytest.approx(h * factor, abs=0.5 + factor / 2 + 0.5 * min(h, w) / max(h, w))
    assert max(fit_within(picture, edge)) <= max(height, width)
    if min(h, w) >= 32:
        assert max(fit_within(picture, edge)) <= max(h, w)


@given(st.integers(32, 60), st.integers(32, 60), seeds)
def test_a_picture_saved_as_png_is_read_as_it_was_to_8_bits(h: int, w: int, seed: int) -> None:
    picture = random(1, 3, h, w, seed=seed)
    save_picture(picture, FOLDER / "a.png")
    assert torch.equal(load_picture(FOLDER / "a.png"), (picture * 255).round() / 255)
    assert torch.equal(to_tensor(to_image(picture)), load_picture(FOLDER / "a.png"))


# Settings

layers = st.lists(st.sampled_from(CONVOLUTIONS["vgg16"]), min_size=1, max_size=4, unique=True).map(tuple)
weights = st.floats(1e-6, 1e6)
samples = st.one_of(st.just("all"), st.integers(2, 10**9))
sides, combines = st.sampled_from(["source", "target"]), st.sampled_from(["sum", "concatenate"])
term = st.one_of(
    st.builds(LossTerm, st.just("contextual"), weights, sides, layers, combines, st.floats(1e-3, 10), samples),
    st.builds(LossTerm, st.just("gram"), weights, sides, layers),
    st.builds(LossTerm, st.just("mrf"), weights, sides, layers, samples=samples),
    st.builds(LossTerm, st.just("reconstruction"), weights, st.just("source"), layers),
    st.builds(LossTerm, st.just("palette"), weights, st.just("source")),
    st.builds(LossTerm, st.just("total_variation"), weights, st.sampled_from(["", "source"])),
)


def built(kind: type, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """A dataclass of settings; what isn't given is anything that its field says it may be."""
    hints = get_type_hints(kind)
    for field in dataclasses.fields(kind):
        rules, hint = field.metadata, hints[field.name]
        low, high = rules.get("min", rules.get("above")), rules.get("max", 10**6)
        if field.name in fields:
            continue
        if "choices" in rules:
            fields[field.name] = st.sampled_from(rules["choices"])
        elif hint in (int, bool):
            fields[field.name] = st.booleans() if hint is bool else st.integers(low, high)
        elif hint is float:
            fields[field.name] = st.floats(low, high, exclude_min="above" in rules)
    return st.builds(kind, **fields)


pyramid = built(Pyramid)
config = built(
    StyleConfig,
    terms=st.lists(term, min_size=1, max_size=5).map(tuple),
    description=st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn", "Co"]), max_size=40),
    weights=st.one_of(st.none(), st.just("a.pth")),
    init=st.sampled_from(["source", "target", "noise", "a.png"]),
    optimizer=built(Optimizer, betas=st.tuples(st.floats(0, 0.999), st.floats(0, 0.999))),
    pyramid=pyramid,
    device=st.sampled_from(["auto", "cpu", "cuda", "cuda:3", "mps"]),
    memory=st.sampled_from(["auto", "4GB", "1.5 TiB"]),
)


@given(config)
def test_settings_come_back_from_yaml_as_they_were(config: StyleConfig) -> None:
    text = yaml.safe_dump(config.to_dict(), allow_unicode=config.enlarge)
    (FOLDER / "mine.yaml").write_text(text, "utf-8")
    assert StyleConfig.load(FOLDER / "mine.yaml") == config


@given(pyramid, st.integers(32, 65_500), st.integers(1, 10**9))
def test_a_pyramid_climbs_to_the_size_and_spends_every_iteration(pyramid: Pyramid, size: int, iterations: int) -> None:
    sizes, counts = zip(*pyramid.scales(size, iterations), strict=True)
    assert sizes[-1] == size
    assert list(sizes) == sorted(sizes)
    assert sum(counts) == iterations
    assert min(counts) >= 0


names = [f.name for kind in (StyleConfig, LossTerm, Optimizer, Pyramid) for f in dataclasses.fields(kind)]
known = st.sampled_from([*names, "contextual", "target", "conv2_2", "adam", "auto", "1e3", "", "\0", "\ud800"])
words = st.one_of(known, st.text(max_size=9))
numbers = st.one_of(st.integers(), st.floats(), st.integers(10**300, 10**310))
leaves = st.one_of(st.none(), st.booleans(), numbers, words, st.binary())


def containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.one_of(words, leaves), inner, max_size=5))


def refusal(read: Callable[[], object]) -> str:
    """The message of its ConfigError; "" where there is none."""
    try:
        read()
    except ConfigError as error:
        return str(error)
    return ""


nested = st.recursive(leaves, containers)


@settings(max_examples=200)
@given(nested)
def test_whatever_is_given_as_settings_is_refused_as_such_or_taken(content: Any) -> None:
    candidates = [content, {"terms": [{"loss": "total_variation"}]} | content if isinstance(content, dict) else content]
    candidates.append({"terms": [content]})
    for candidate in candidates:
        message = refusal(lambda candidate=candidate: StyleConfig.parse(candidate))
        assert not message or 10 < len(message) < 700


@settings(max_examples=300)
@given(st.text(st.sampled_from("abc:- \n\t[]{}&*!|>'\"#%@,?0123456789.e~<\0\x85\ufeff"), max_size=60))
def test_whatever_text_is_read_as_yaml_is_refused_as_such_or_plain(text: str) -> None:
    message = refusal(lambda: parse_yaml(text))
    assert not message or "YAML" in message


# The loss

positions = st.integers(1, 24)
channels = st.integers(1, 9)
bandwidths = st.floats(0.05, 2)


def pair(p: int, q: int, c: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    both = random(1, c, p + q, seed=seed, dtype=torch.float64) * 2 - 1
    return both[:, :, :p].clone(), both[:, :, p:].clone()


@given(positions, positions, channels, bandwidths, seeds)
def test_the_fast_loss_and_its_gradient_are_those_of_the_equations(p: int, q: int, c: int, h: float, seed: int) -> None:
    x, y = pair(p, q, c, seed)
    x.requires_grad_()
    fast, plain = contextual_loss(x, y, h), plain_contextual_loss(x, y, h)
    torch.testing.assert_close(fast, plain, rtol=1e-7, atol=1e-9)
    gradients = [torch.autograd.grad(value, x)[0] for value in (fast, plain)]
    torch.testing.assert_close(*gradients, rtol=1e-5, atol=1e-6)


@given(positions, positions, channels, bandwidths, seeds, st.floats(1e-6, 1e6))
def test_the_loss_is_in_its_bounds_and_knows_neither_places_nor_lengths(
    p: int, q: int, c: int, h: float, seed: int, scale: float
) -> None:
    x, y = pair(p, q, c, seed)
    expected = contextual_loss(x, y, h)
    assert -1e-9 <= float(expected) <= math.log(q) + 1e-9
    generator = torch.Generator().manual_seed(seed + 1)
    moved = x[:, :, torch.randperm(p, generator=generator)], y[:, :, torch.randperm(q, generator=generator)]
    torch.testing.assert_close(contextual_loss(*moved, h), expected, rtol=1e-7, atol=1e-9)
    torch.testing.assert_close(contextual_loss(x * scale, y * scale, h), expected, rtol=1e-6, atol=1e-8)
    mean = y.mean(dim=2, keepdim=True)
    longer = (x - mean) * (random(1, 1, p, seed=seed + 2, dtype=torch.float64) + 0.1) + mean
    torch.testing.assert_close(contextual_loss(longer, y, h), expected, rtol=1e-6, atol=1e-8)


@given(positions, positions, channels, bandwidths, st.floats(-1e3, 1e3), st.booleans())
def test_constant_features_give_a_finite_loss_and_gradient(
    p: int, q: int, c: int, h: float, value: float, double: bool
) -> None:
    dtype = torch.float64 if double else torch.float32
    x = torch.full((1, c, p), value, dtype=dtype, requires_grad=True)
    for y in (torch.full((1, c, q), value, dtype=dtype), torch.zeros(1, c, q, dtype=dtype)):
        loss = contextual_loss(x, y, h)
        assert bool(loss.isfinite())
        assert bool(torch.autograd.grad(loss, x)[0].isfinite().all())

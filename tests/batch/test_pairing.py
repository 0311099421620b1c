"""Which source goes with which target and mask, what their results are called, and that two of one name are refused."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any

import pytest
from helpers import painted
from hypothesis import given, settings
from hypothesis import strategies as st

from cxstyle import StyleConfig
from cxstyle.batch.listing import Listed, list_pictures
from cxstyle.batch.naming import LONGEST, Template, short_names
from cxstyle.batch.pairing import make_jobs, pairs
from cxstyle.errors import ConfigError, PictureError

FAST = StyleConfig.preset("fast")


def side(*names: str) -> list[Listed]:
    return [Listed(Path(name), str(Path(name).with_suffix(""))) for name in names]


# Pairs and masks


def test_pairs_come_source_by_source_or_in_order_and_those_by_name_say_what_is_left_over() -> None:
    for how, expected in (("product", ["ax", "ay", "bx", "by"]), ("zip", ["ax", "by"])):
        found = pairs(side("a.jpg", "b.jpg"), side("x.jpg", "y.jpg"), how)
        assert ([source.name + target.name for source, target in found.pairs], found.alone()) == (expected, "")
    composed, apart = (unicodedata.normalize(form, "é.jpg") for form in ("NFC", "NFD"))
    sources, targets = side("s/a.jpg", "a.jpg", "B.jpg", composed), side("s/a.png", "b.jpg", apart)
    found = pairs(sources, targets, "name")
    assert found.pairs == ((sources[0], targets[0]), (sources[3], targets[2]))
    assert found.alone() == "2 sources and 1 target have no counterpart: a, B, b"
    for names, how, message in (
        (["a.jpg", "b.jpg"], "zip", "2 sources and 1 target can't be paired in order"),
        (["a.jpg"], "name", "no source and target have the same name"),
        (["a.jpg"], "names", "did you mean name"),
    ):
        with pytest.raises(ConfigError, match=message):
            pairs(side(*names), side("x.jpg"), how)


def test_a_folder_of_masks_has_one_for_each_picture_and_a_file_is_for_all(own_folder: Path) -> None:
    def masked(mask: str, goal: str = "goal.png") -> list[tuple[str, str]]:
        paired = pairs(list_pictures("in", True), side("x.jpg"), "product")
        jobs = make_jobs(paired, [("fast", FAST)], None, Path(mask), Path(goal))
        return [(str(job.source_mask), *map(str, job.target_mask)) for job in jobs]

    masks = ("masks/a.png", "masks/s/a.tif", "masks/other.png", "twice/a.jpg", "twice/a.png", "goal.png")
    for name in ("in/a.jpg", "in/s/a.jpg", *masks):
        painted(own_folder / name)
    assert masked("masks") == [("masks/a.png", "goal.png"), ("masks/s/a.tif", "goal.png")]
    assert masked("goal.png") == [("goal.png", "goal.png")] * 2
    for words, message in {
        ("masks/s",): "source-mask: masks/s has no mask for in/s/a.jpg; it would be masks/s/s/a.png",
        ("none",): "source-mask: there is no file or folder none",
        ("goal.png", "masks"): "target-mask: masks has no mask for x.jpg",
        ("twice",): "source-mask: twice/a.jpg and twice/a.png could both be the mask of in/a.jpg",
    }.items():
        with pytest.raises(PictureError) as caught:
            masked(*words)
        assert message in str(caught.value)


# Names


def names(sources: list[str], targets: list[str], template: str | None = None, **options: Any) -> list[str]:
    """Of all pairs with each of `presets` and `seeds`."""
    seeds, presets = options.get("seeds", [0]), options.get("presets", ["fast"])
    configs = [(preset, FAST.override(seed=seed)) for preset in presets for seed in seeds]
    return [job.output for job in make_jobs(pairs(side(*sources), side(*targets), "product"), configs, template)]


@pytest.mark.parametrize(
    ("sources", "targets", "template", "options", "expected"),
    [
        ("a.jpg", "b.jpg c.jpg", None, {}, "a__b__fast.png a__c__fast.png"),
        ("s/a.jpg", "t/u/b.jpg", None, {}, "s/a__t-u-b__fast.png"),
        ("s/a.jpg", "b.jpg", "{target}/{preset}_{source}.JPG", {}, "b/s/fast_a.jpg"),
        ("s/a.jpg s/c.jpg", "b.jpg", "{index}.webp", {}, "0001.webp 0002.webp"),
        # A dot is no suffix unless it is one.
        ("a.jpg", "b.jpg", "{source}_v1.2", {}, "a_v1.2.png"),
        ("a.jpg", "b.jpg", "{{{source}}}.Tiff", {}, "{a}.tiff"),
        # What is called the same carries its suffix, and only that.
        ("a.jpg a.png b.png", "x.jpg", "{source}", {}, "a.jpg.png a.png.png b.png"),
        ("a.jpg", "sub/b.jpg sub-b.png", "{target}", {}, "sub-b.jpg.png sub-b.png.png"),
        # Seeds are told where there are several, presets where they have a name, which makes no folder.
        ("a.jpg", "b.jpg", None, {"seeds": [0, 7]}, "a__b__fast__0.png a__b__fast__7.png"),
        ("a.jpg", "b.jpg", None, {"presets": [""]}, "a__b.png"),
        ("a.jpg", "b.jpg", None, {"presets": ["mine/soft"]}, "a__b__mine-soft.png"),
    ],
)
def test_names_are_made_of_the_fields_of_a_template(sources, targets, template, options, expected) -> None:
    assert names(sources.split(), targets.split(), template, **options) == expected.split()


@pytest.mark.parametrize(
    ("sources", "targets", "template", "presets", "advice"),
    [
        ("a.jpg", "b.jpg c.jpg", "{source}", ["fast"], "would both be a.png; add {target} to the name {source}"),
        ("a.jpg", "b.jpg", "x", ["fast", "soft"], "would both be x.png; add {preset} to the name x"),
        ("a.jpg A.jpg", "b.jpg", None, ["fast"], "would both be a.jpg__b__fast.png; add {index} to the name"),
        ("é.jpg e\u0301.jpg", "b.jpg", "{source}", ["fast"], "add {index} to the name {source}"),
        ("a__b.jpg a.jpg", "c.jpg b__c.jpg", None, ["fast"], "would both be a__b__c__fast.png; add {index}"),
        ("a.jpg A.png/b.jpg", "x.jpg", "{source}.png", ["fast"], "A.png would be the picture of a.jpg"),
        ("a.jpg", "ü" * LONGEST + ".jpg", None, ["fast"], "is too long; a name takes 200 bytes"),
        ("a.jpg", "b.jpg", "{preset}/x", [".."], "gives a name or folder '..'"),
    ],
)
def test_names_that_are_none_or_that_a_file_system_takes_for_one_are_refused_with_advice(
    sources, targets, template, presets, advice: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        names(sources.split(), targets.split(), template, presets=presets)
    assert advice in str(caught.value)


STEMS = st.text("aAßsé\u0301K\u212a_-.", min_size=1, max_size=4).filter(lambda stem: stem.strip(".") != "")
FILES = st.builds("{}{}{}".format, st.sampled_from(["", "s/", "S/", "s/t/"]), STEMS, st.sampled_from([".jpg", ".png"]))
SIDES = st.lists(FILES, min_size=1, max_size=6, unique=True)


@settings(database=None, deadline=None, max_examples=60)
@given(SIDES, SIDES, st.randoms(use_true_random=False))
def test_no_two_jobs_ever_share_an_output_and_order_plays_no_part(sources: Any, targets: Any, chance: Any) -> None:
    def by_pair(left: list[str], right: list[str]) -> dict[tuple[Path, Path], str] | None:
        try:
            jobs = make_jobs(pairs(side(*left), side(*right), "product"), [("fast", FAST)])
        except ConfigError:
            return None
        return {(job.source, job.target[0]): job.output for job in jobs}

    found = by_pair(sources, targets)
    if found is not None:
        seen = {unicodedata.normalize("NFC", unicodedata.normalize("NFC", n).casefold()) for n in found.values()}
        assert len(seen) == len(found) == len(sources) * len(targets)
    chance.shuffle(sources)
    chance.shuffle(targets)
    assert by_pair(sources, targets) == found


@pytest.mark.parametrize(
    ("template", "message"),
    [
        *((text, "can't be read; fields are {source}, {target}") for text in ("{sauce}", "{}", "{source", "{seed.x}")),
        ("{source}/../x", "gives a name or folder '..'"),
        ("/tmp/{source}", "must be relative to the batch's folder"),
        ("a//{source}", "gives a name or folder ''"),
        (".png", "gives a name or folder ''"),
        ("{source}.gif", "can't write .gif; use .png"),
        ("a\n{source}", "characters that no file name should have"),
    ],
)
def test_templates_that_give_no_good_name_are_refused_in_one_line(template: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Template(template)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_are_called_by_what_tells_them_apart() -> None:
    files = ["p/a.jpg", "q/a.jpg", "p/b.jpg", "p/b.png", "p/c.d.jpg", "p/c.d.jpg", "e.jpg", "./e.jpg", "/f.jpg"]
    called = ["p/a", "q/a", "b.jpg", "b.png", "c.d", "c.d", "e.jpg", "./e.jpg", "f"]
    assert short_names(files) == dict(zip(files, called, strict=True))

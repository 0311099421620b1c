"""Names of a batch's results: what they say, and that two of one name are refused."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxstyle import StyleConfig
from cxstyle.batch.listing import Listed
from cxstyle.batch.naming import LONGEST, Template, short_names
from cxstyle.batch.pairing import make_jobs, pairs
from cxstyle.errors import ConfigError

FAST = StyleConfig.preset("fast")


def side(*names: str) -> list[Listed]:
    return [Listed(Path(name), str(Path(name).with_suffix(""))) for name in names]


def names(sources: list[str], targets: list[str], template: str | None = None, **options: Any) -> list[str]:
    """Of all pairs with each of `presets` and `seeds`."""
    seeds, presets = options.get("seeds", [0]), options.get("presets", ["fast"])
    configs = [(preset, FAST.override(seed=seed)) for preset in presets for seed in seeds]
    return [job.output for job in make_jobs(pairs(side(*sources), side(*targets), "product"), configs, template)]


@pytest.mark.parametrize(
    ("sources", "targets", "template", "expected"),
    [
        (["a.jpg"], ["b.jpg", "c.jpg"], None, ["a__b__fast.png", "a__c__fast.png"]),
        (["s/a.jpg"], ["t/u/b.jpg"], None, ["s/a__t-u-b__fast.png"]),
        (["s/a.jpg"], ["b.jpg"], "{target}/{preset}_{source}.JPG", ["b/s/fast_a.jpg"]),
        (["s/a.jpg", "s/c.jpg"], ["b.jpg"], "{index}.webp", ["0001.webp", "0002.webp"]),
        # A dot is no suffix unless it is one.
        (["a.jpg"], ["b.jpg"], "{source}_v1.2", ["a_v1.2.png"]),
        (["a.jpg"], ["b.jpg"], "{{{source}}}.Tiff", ["{a}.tiff"]),
        # What is called the same carries its suffix, and only that.
        (["a.jpg", "a.png", "b.png"], ["x.jpg"], "{source}", ["a.jpg.png", "a.png.png", "b.png"]),
        (["a.jpg"], ["sub/b.jpg", "sub-b.png"], "{target}", ["sub-b.jpg.png", "sub-b.png.png"]),
    ],
)
def test_names_are_made_of_the_fields_of_a_template(sources, targets, template, expected) -> None:
    assert names(sources, targets, template) == expected


def test_seeds_are_told_where_there_are_several_and_presets_that_have_a_name_which_makes_no_folder() -> None:
    assert names(["a.jpg"], ["b.jpg"], seeds=[0, 7]) == ["a__b__fast__0.png", "a__b__fast__7.png"]
    assert names(["a.jpg"], ["b.jpg"], presets=[""]) == ["a__b.png"]
    assert names(["a.jpg"], ["b.jpg"], presets=["mine/soft"]) == ["a__b__mine-soft.png"]


@pytest.mark.parametrize(
    ("sources", "targets", "template", "presets", "advice"),
    [
        (["a.jpg"], ["b.jpg", "c.jpg"], "{source}", ["fast"], "would both be a.png; add {target} to the name {source}"),
        (["a.jpg"], ["b.jpg"], "x", ["fast", "soft"], "would both be x.png; add {preset} to the name x"),
        (["a.jpg", "A.jpg"], ["b.jpg"], None, ["fast"], "would both be a.jpg__b__fast.png; add {index} to the name"),
        (["é.jpg", "e\u0301.jpg"], ["b.jpg"], "{source}", ["fast"], "add {index} to the name {source}"),
        (["a__b.jpg", "a.jpg"], ["c.jpg", "b__c.jpg"], None, ["fast"], "would both be a__b__c__fast.png; add {index}"),
        (["a.jpg", "A.png/b.jpg"], ["x.jpg"], "{source}.png", ["fast"], "A.png would be the picture of a.jpg"),
        (["a.jpg"], ["ü" * LONGEST + ".jpg"], None, ["fast"], "is too long; a name takes 200 bytes"),
        (["a.jpg"], ["b.jpg"], "{preset}/x", [".."], "gives a name or folder '..'"),
    ],
)
def test_names_that_are_none_or_that_a_file_system_takes_for_one_are_refused_with_advice(
    sources, targets, template, presets, advice: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        names(sources, targets, template, presets=presets)
    assert advice in str(caught.value)


STEMS = st.text("aAßsé\u0301K\u212a_-.", min_size=1, max_size=4).filter(lambda stem: stem.strip(".") != "")
SIDES = st.lists(
    st.builds("{}{}{}".format, st.sampled_from(["", "s/", "S/", "s/t/"]), STEMS, st.sampled_from([".jpg", ".png"])),
    min_size=1,
    max_size=6,
    unique=True,
)


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

"""Names of a batch's results: what they say, and that no two are the same."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxstyle import StyleConfig
from cxstyle.batch.distinct import labels, outputs
from cxstyle.batch.listing import Listed
from cxstyle.batch.names import LONGEST, Row, Template, default_template
from cxstyle.batch.pairing import make_jobs
from cxstyle.errors import ConfigError

SEVERAL = [(name, StyleConfig.preset("fast")) for name in ("fast", "a__a")]


def side(*names: str) -> list[Listed]:
    return [Listed(Path(name), str(Path(name).with_suffix("")), str(Path(name).parent).strip(".")) for name in names]


def jobs_of(sources: list[Listed], targets: list[Listed], template: str | None = None, **options: Any) -> list[str]:
    presets = options.get("presets", ["fast"])
    configs = [
        (name, StyleConfig.preset(name).override(seed=seed)) for name in presets for seed in options.get("seeds", [0])
    ]
    return [job.output for job in make_jobs(sources, targets, "product", configs, template)]


def test_names_say_source_target_preset_and_the_seed_where_there_are_several() -> None:
    assert jobs_of(side("a.jpg"), side("b.jpg", "c.jpg")) == ["a__b__fast.png", "a__c__fast.png"]
    assert jobs_of(side("a.jpg"), side("b.jpg"), seeds=[0, 7]) == ["a__b__fast__0.png", "a__b__fast__7.png"]


def test_sub_folders_of_sources_become_folders_and_those_of_targets_part_of_the_name() -> None:
    assert jobs_of(side("s/a.jpg"), side("t/u/b.jpg")) == ["s/a__t-u-b__fast.png"]
    assert jobs_of(side("s/a.jpg"), side("b.jpg"), "{target}/{preset}_{source}.JPG") == ["b/s/fast_a.jpg"]
    assert jobs_of(side("s/a.jpg", "s/c.jpg"), side("b.jpg"), "{index}.webp") == ["0001.webp", "0002.webp"]


def test_what_is_called_the_same_carries_its_suffix_and_only_that() -> None:
    found = jobs_of(side("a.jpg", "a.png", "b.png"), side("x.jpg"))
    assert found == ["a.jpg__x__fast.png", "a.png__x__fast.png", "b__x__fast.png"]


def test_what_differs_by_case_alone_carries_a_digest() -> None:
    # printf a.jpg | sha256sum
    assert labels([("a", "a.jpg"), ("A", "A.jpg"), ("b", "b.jpg")]) == ["a-509b0d46", "A-c88c8fca", "b"]


@pytest.mark.parametrize("pair", [("straße", "STRASSE"), ("\u00e9", "e\u0301"), ("\u00c9", "e\u0301"), ("K", "\u212a")])
def test_names_that_some_file_system_takes_for_one_are_told_apart(pair: tuple[str, str]) -> None:
    found = labels([(name, f"{name}.jpg") for name in pair])
    assert all(label.startswith(f"{name}-") for label, name in zip(found, pair, strict=True))
    assert found[0][-8:] != found[1][-8:]


def test_targets_whose_folders_make_them_the_same_carry_their_suffix() -> None:
    found = jobs_of(side("a.jpg"), side("sub/b.jpg", "sub-b.png"))
    assert found == ["a__sub-b.jpg__fast.png", "a__sub-b.png__fast.png"]


def test_a_preset_with_a_slash_makes_no_folder() -> None:
    jobs = make_jobs(side("a.jpg"), side("b.jpg"), "zip", [("mine/soft", StyleConfig.preset())])
    assert [job.output for job in jobs] == ["a__b__mine-soft.png"]


def test_a_name_that_looks_like_another_ones_longer_name_is_told_apart_from_it() -> None:
    found = labels([("a", "a.jpg"), ("a", "a.png"), ("a.jpg", "a.jpg.tif")])
    assert len(set(found)) == 3
    assert found[1] == "a.png"


def test_names_that_run_together_are_told_apart() -> None:
    found = jobs_of(side("a__b.jpg", "a.jpg"), side("c.jpg", "b__c.jpg"))
    assert len({name.casefold() for name in found}) == 4
    assert found[1] == "a__b__b__c__fast.png"
    assert found[2] == "a__c__fast.png"


STEMS = st.text("aAßsé\u0301K\u212a_-.", min_size=1, max_size=4).filter(lambda stem: stem.strip(".") != "")
SIDES = st.lists(
    st.builds("{}{}{}".format, st.sampled_from(["", "s/", "S/", "s/t/"]), STEMS, st.sampled_from([".jpg", ".png"])),
    min_size=1,
    max_size=6,
    unique=True,
)


@settings(database=None, deadline=None, max_examples=150)
@given(SIDES, SIDES, st.randoms(use_true_random=False))
def test_no_two_jobs_ever_share_an_output_and_order_plays_no_part(sources: Any, targets: Any, chance: Any) -> None:
    def by_pair(left: list[str], right: list[str]) -> dict[tuple[Path, Path], str]:
        jobs = make_jobs(side(*left), side(*right), "product", SEVERAL)
        return {(job.source, job.target[0], job.preset): job.output for job in jobs}

    found = by_pair(sources, targets)
    seen = {unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold()) for name in found.values()}
    assert len(seen) == len(found) == len(sources) * len(targets) * 2
    chance.shuffle(sources)
    chance.shuffle(targets)
    assert by_pair(sources, targets) == found


@pytest.mark.parametrize("template", [None, "{source}/{target}_{preset}", "x" * 130 + "{source}{target}"])
def test_long_names_are_cut_and_stay_distinct(template: str | None) -> None:
    start = "ü" * 100
    found = jobs_of(side(f"s/{start}1.jpg", f"s/{start}2.jpg"), side(f"{start}3.jpg", f"{start}4.jpg"), template)
    assert len(set(found)) == 4
    assert all(len(part.encode()) <= LONGEST + len(".png") for name in found for part in name.split("/"))
    assert template or all(name.startswith("s/üüü") and "__ü" in name and "__fast" in name for name in found)


def test_a_long_name_is_the_same_whatever_else_there_is() -> None:
    first, second = (f"{'x' * 100}{i}.jpg" for i in "12")
    assert jobs_of(side(second, first), side(second)) == [
        *jobs_of(side(second), side(second)),
        *jobs_of(side(first), side(second)),
    ]


def test_a_template_that_lacks_what_varies_is_refused_with_both_jobs_and_the_field() -> None:
    with pytest.raises(ConfigError) as caught:
        jobs_of(side("a.jpg"), side("b.jpg", "c.jpg"), "{source}")
    assert str(caught.value) == (
        "a.jpg with b.jpg (fast, seed 0) and a.jpg with c.jpg (fast, seed 0) would both be a.png; "
        "add {target} to the name {source}"
    )


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{sauce}", "{sauce} is not a field; did you mean {source}?"),
        ("{}", "{} is not a field"),
        ("{0}", "{0} is not a field"),
        ("{source.name}", "is not a field; did you mean {source}?"),
        ("{source", "stray braces"),
        ("source}", "stray braces"),
        ("{seed:03}", "fields take no format; write {seed}"),
        ("{source!r}", "fields take no format"),
        ("../{source}", "gives a name or folder '..'"),
        ("{source}/../x", "gives a name or folder '..'"),
        ("/tmp/{source}", "must be relative to the batch's folder"),
        ("{source}/", "gives a name or folder ''"),
        ("a//{source}", "gives a name or folder ''"),
        ("", "gives a name or folder ''"),
        (".png", "gives a name or folder ''"),
        ("{source}.gif", "can't write .gif; use .png"),
        ("a\n{source}", "characters that no file name should have"),
    ],
)
def test_templates_that_give_no_good_name_are_refused_in_one_line(template: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Template.parse(template)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("preset", "source"), [("", "a"), ("..", "a"), ("x", "..")])
def test_values_that_lead_out_of_the_folder_are_refused(preset: str, source: str) -> None:
    with pytest.raises(ConfigError, match="gives a name or folder"):
        outputs([Template.parse("{preset}/{source}/a")], [Row(source, ("b",), preset, 0, "job 1")])


def test_a_dot_in_a_template_is_no_suffix_unless_it_is_one() -> None:
    assert jobs_of(side("a.jpg"), side("b.jpg"), "{source}_v1.2") == ["a_v1.2.png"]
    assert jobs_of(side("a.jpg"), side("b.jpg"), "{{{source}}}.Tiff") == ["{a}.tiff"]


def test_a_picture_can_not_be_the_folder_of_another() -> None:
    with pytest.raises(ConfigError, match=r"A\.png would be the picture of a\.jpg .* and a folder for A\.png/b\.jpg"):
        jobs_of(side("a.jpg", "A.png/b.jpg"), side("x.jpg"), "{source}.png")


def test_settings_without_names_leave_no_trace_in_names() -> None:
    assert default_template(0, 1) == "{source}__{target}"
    jobs = make_jobs(side("a.jpg"), side("b.jpg"), "zip", [("", StyleConfig.preset())])
    assert [job.output for job in jobs] == ["a__b.png"]


def test_settings_that_are_there_twice_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"would both be a__b__fast__0\.png; give one of them a name of its own"):
        jobs_of(side("a.jpg"), side("b.jpg"), presets=["fast", "fast"])

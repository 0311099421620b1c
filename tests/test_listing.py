"""What a batch consists of: sides, pairs, names, and files of jobs."""

from __future__ import annotations

import subprocess
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxstyle import StyleConfig
from cxstyle.batch.distinct import labels, outputs
from cxstyle.batch.jobsfile import KEYS, SETTINGS, read_jobs
from cxstyle.batch.listing import PICTURES, Listed, list_pictures
from cxstyle.batch.names import LONGEST, Row, Template, default_template
from cxstyle.batch.pairing import make_jobs, pairs
from cxstyle.cli.run import run
from cxstyle.errors import ConfigError, CxStyleError, PictureError

Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Makes empty files in an own current folder: what is a picture is told by its name here."""
    monkeypatch.chdir(tmp_path)

    def made(*files: str) -> Path:
        for file in files:
            Path(file).parent.mkdir(parents=True, exist_ok=True)
            Path(file).touch()
        return tmp_path

    return made


def files(side: str, recursive: bool = False, **options: Any) -> list[str]:
    return [picture.path.as_posix() for picture in list_pictures(side, recursive, **options)]


def written(name: str, text: str) -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


# Sides


def test_a_file_is_one_picture_whatever_it_is_called(make: Make) -> None:
    make("sub/photo[1].scan")
    assert list_pictures("sub/photo[1].scan", False) == [Listed(Path("sub/photo[1].scan"), "photo[1]", "")]


def test_a_folder_gives_its_pictures_by_name_and_nothing_else(make: Make) -> None:
    make("in/b.JPG", "in/a.webp", "in/.hidden.jpg", "in/._b.JPG", "in/notes.txt", "in/jpg", "in/sub/c.png")
    assert files("in") == ["in/a.webp", "in/b.JPG"]


def test_sub_folders_are_entered_when_asked_but_not_hidden_ones(make: Make) -> None:
    make("in/b.jpg", "in/sub/deep/a.png", "in/.git/x.png", "in/sub.jpg/c.png")
    assert list_pictures("in", True) == [
        Listed(Path("in/b.jpg"), "b", ""),
        Listed(Path("in/sub/deep/a.png"), "sub/deep/a", "sub/deep"),
        Listed(Path("in/sub.jpg/c.png"), "sub.jpg/c", "sub.jpg"),
    ]


def test_links_that_lead_in_circles_give_every_picture_once(make: Make) -> None:
    make("in/a.jpg", "elsewhere/b.jpg")
    Path("in/loop").symlink_to("..")
    assert sorted(Path(file).name for file in files("in", True)) == ["a.jpg", "b.jpg"]


@pytest.mark.parametrize("suffix", ["jpg", "JPEG", "png", "WebP", "tif", "TIFF", "bmp", "gif", "avif", "heic", "ppm"])
def test_pictures_are_known_by_their_suffix_in_any_case(make: Make, suffix: str) -> None:
    make(f"in/a.{suffix}")
    assert files("in") == [f"in/a.{suffix}"]


@pytest.mark.parametrize("side", ["in", "in/**/*.png"])
def test_results_of_a_batch_are_not_its_sources(make: Make, side: str) -> None:
    make("in/a.png", "in/out/a__b.png", "in/out/deep/c.png")
    assert files(side, True, leave_out=Path("in/out")) == ["in/a.png"]


@pytest.mark.parametrize("side", ["in", "in/*.png"])
def test_a_side_where_the_results_go_is_refused(make: Make, side: str) -> None:
    make("in/a.png")
    with pytest.raises(PictureError, match="where the results go; name another folder"):
        list_pictures(side, True, leave_out=Path("in"))


def test_names_of_a_glob_count_from_its_fixed_part(make: Make) -> None:
    make("in/x/a.jpg", "in/x/b.txt", "in/y/z/c.jpg", "in/.h/d.jpg")
    found = list_pictures("in/**/*.*", False)
    assert [(picture.name, picture.folder) for picture in found] == [("x/a", "x"), ("y/z/c", "y/z")]


@pytest.mark.parametrize("pattern", ["in/*.jpg", "in/**", "in/**/*", "./in/[ab].jpg", "i[n]/a.jpg", "in [1]/*.jpg"])
def test_globs_give_what_a_shell_would(make: Make, pattern: str) -> None:
    make("in/a.jpg", "in [1]/a.jpg")
    assert [Path(file).name for file in files(pattern)] == ["a.jpg"]


def test_a_text_list_keeps_its_order_and_counts_from_its_own_folder(make: Make) -> None:
    root = make("lists/sub/b.jpg")
    written(
        "lists/all.txt", f"\ufeff# favourites\nsub/b.jpg\r\n\n  {root}/lists/a #1.png  \nsub/../sub/b.jpg\nnone.jpg\n"
    )
    found = list_pictures("lists/all.txt", False)
    assert [picture.name for picture in found] == ["sub/b", "a #1", "none"]
    assert found[0].path == Path("lists/sub/b.jpg")


@pytest.mark.parametrize(
    "text",
    [
        "path\na.jpg\nb.jpg\n",
        'title,Picture\n"one, two",a.jpg\n,b.jpg\n,\n',
        "a.jpg,first\nb.jpg,second\n",
        "a.jpg\nb.jpg",
    ],
)
def test_a_csv_list_has_a_column_of_paths(make: Make, text: str) -> None:
    make()
    written("list.csv", text)
    assert files("list.csv") == ["a.jpg", "b.jpg"]


def test_names_in_a_list_count_from_the_folder_that_all_share(make: Make) -> None:
    make()
    written("list.txt", "data/x/a.jpg\ndata/y/a.jpg\n")
    assert [picture.name for picture in list_pictures("list.txt", False)] == ["x/a", "y/a"]


@pytest.mark.parametrize(
    ("side", "message"),
    [
        ("none", "there is no file or folder none"),
        ("", "there is no file or folder"),
        ("n" * 300, "File name too long"),
        ("empty", "empty has no pictures"),
        ("above", "above has no pictures itself, but its sub-folders have; add --recursive"),
        ("empty/*.jpg", "names no pictures"),
        ("none/*.jpg", "there is no folder none"),
        ("a**/b.jpg", "** must stand alone"),
        ("empty.txt", "empty.txt names no pictures"),
        ("empty.csv", "empty.csv names no pictures"),
        ("both.csv", "use --jobs both.csv"),
        ("jobs.yaml", "use --jobs jobs.yaml"),
        ("binary.txt", "binary.txt is not a UTF-8 text file"),
        ("quotes.csv", "quotes.csv is not CSV"),
    ],
)
def test_sides_without_pictures_are_refused_in_one_line(make: Make, side: str, message: str) -> None:
    make("empty/notes.md", "above/sub/a.jpg", "empty.csv", "jobs.yaml")
    written("empty.txt", "# nothing\n\n")
    written("both.csv", "source,target\na.jpg,b.jpg\n")
    written("quotes.csv", 'path\n"a.jpg\n')
    Path("binary.txt").write_bytes(b"\xff\xfea\x00")
    with pytest.raises(CxStyleError) as caught:
        list_pictures(side, False)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


# Pairs


def side(*names: str) -> list[Listed]:
    return [Listed(Path(name), str(Path(name).with_suffix("")), str(Path(name).parent).strip(".")) for name in names]


def paired(sources: list[Listed], targets: list[Listed], how: str) -> list[tuple[str, str]]:
    return [(source.path.as_posix(), target.path.as_posix()) for source, target in pairs(sources, targets, how).pairs]


def test_all_pairs_come_source_by_source() -> None:
    found = paired(side("a.jpg", "b.jpg"), side("x.jpg", "y.jpg"), "product")
    assert found == [("a.jpg", "x.jpg"), ("a.jpg", "y.jpg"), ("b.jpg", "x.jpg"), ("b.jpg", "y.jpg")]


def test_pairs_in_order_need_as_many_of_both() -> None:
    assert paired(side("a.jpg", "b.jpg"), side("y.jpg", "x.jpg"), "zip") == [("a.jpg", "y.jpg"), ("b.jpg", "x.jpg")]
    with pytest.raises(ConfigError, match="2 sources and 1 target can't be paired in order"):
        pairs(side("a.jpg", "b.jpg"), side("x.jpg"), "zip")


def test_pairs_by_name_say_what_is_left_over() -> None:
    composed, apart = (unicodedata.normalize(form, "é.jpg") for form in ("NFC", "NFD"))
    sources, targets = side("s/a.jpg", "a.jpg", "B.jpg", composed), side("s/a.png", "b.jpg", apart)
    found = pairs(sources, targets, "name")
    assert found.pairs == ((sources[0], targets[0]), (sources[3], targets[2]))
    assert found.alone() == "2 sources and 1 target have no counterpart: a, B, b"
    assert pairs(sources, targets, "product").alone() == ""
    with pytest.raises(ConfigError, match="no source and target have the same name"):
        pairs(side("a.jpg"), side("b.jpg"), "name")


def test_another_way_of_pairing_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean name"):
        pairs(side("a.jpg"), side("b.jpg"), "names")


# Names


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


SEVERAL = [(name, StyleConfig.preset("fast")) for name in ("fast", "a__a")]


@pytest.mark.parametrize("template", [None, "{source}/{target}_{preset}", "x" * 130 + "{source}{target}"])
def test_long_names_are_cut_and_stay_distinct(template: str | None) -> None:
    start = "ü" * 100
    found = jobs_of(side(f"s/{start}1.jpg", f"s/{start}2.jpg"), side(f"{start}3.jpg", f"{start}4.jpg"), template)
    assert len(set(found)) == 4
    assert all(len(part.encode()) <= LONGEST + len(".png") for name in found for part in name.split("/"))
    assert template or all(name.startswith("s/üüü") and "__ü" in name and "__fast" in name for name in found)


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


# Jobs of two sides


def test_jobs_come_source_by_source_with_all_settings_of_each_pair() -> None:
    configs = [("fast", StyleConfig.preset("fast")), ("paper", StyleConfig.preset("paper"))]
    jobs = make_jobs(side("a.jpg", "b.jpg"), side("x.jpg"), "product", configs)
    assert [(job.source.name, job.preset) for job in jobs] == [
        *[("a.jpg", "fast"), ("a.jpg", "paper")],
        *[("b.jpg", "fast"), ("b.jpg", "paper")],
    ]
    assert jobs[1].config is configs[1][1]
    assert jobs[1].target == (Path("x.jpg"),)


def masked(sources: str, mask: str, goal: str = "goal.png") -> list[tuple[Path | None, tuple[Path, ...]]]:
    configs = [("fast", StyleConfig.preset("fast"))]
    pictures = list_pictures(sources, True)
    jobs = make_jobs(pictures, side("x.jpg"), "product", configs, None, Path(mask), Path(goal))
    return [(job.source_mask, job.target_mask) for job in jobs]


def test_a_folder_of_masks_has_one_for_each_picture_and_a_file_is_for_all(make: Make) -> None:
    make("in/a.jpg", "in/s/a.jpg", "masks/a.png", "masks/s/a.tif", "masks/other.png", "goal.png")
    goal = (Path("goal.png"),)
    assert masked("in", "masks") == [(Path("masks/a.png"), goal), (Path("masks/s/a.tif"), goal)]
    assert masked("in", "goal.png") == [(goal[0], goal), (goal[0], goal)]


@pytest.mark.parametrize(
    ("mask", "goal", "message"),
    [
        ("masks", "goal.png", "source-mask: masks has no mask for in/b.jpg; it would be masks/b.png"),
        ("none", "goal.png", "source-mask: there is no file or folder none"),
        ("goal.png", "masks", "target-mask: masks has no mask for x.jpg"),
        ("twice", "goal.png", "source-mask: twice/a.jpg and twice/a.png could both be the mask of in/a.jpg"),
    ],
)
def test_missing_masks_are_named_before_anything_runs(make: Make, mask: str, goal: str, message: str) -> None:
    make("in/a.jpg", "in/b.jpg", "masks/a.png", "twice/a.jpg", "twice/a.png", "twice/b.png", "goal.png")
    with pytest.raises(PictureError) as caught:
        masked("in", mask, goal)
    assert message in str(caught.value)


def test_masks_of_one_side_alone_are_refused() -> None:
    with pytest.raises(ConfigError, match="source-mask: needs the target mask"):
        make_jobs(side("a.jpg"), side("b.jpg"), "zip", SEVERAL, source_mask=Path("m.png"))


# Files of jobs

JOBS = """
defaults: {preset: fast, size: 256, target: b.jpg}
jobs:
  - {source: a.jpg}
  - {source: sub/a.png, target: [b.jpg, c.jpg], target-weights: [2, 1], preset: portrait, seed: 3, name: sub/mine}
  - {source: /all/d.jpg, config: ../mine.yaml, init: start.png, weights: vgg.safetensors, size: 128}
  - {source: e.jpg, source_mask: e_mask.png, target_mask: [b_mask.png], init: noise, samples: 500}
"""


def test_a_yaml_file_has_defaults_below_each_jobs_own_options(make: Make) -> None:
    make()
    written("mine.yaml", "terms: [{loss: contextual, compare: target, layers: [conv2_2]}]\niterations: 7")
    one, two, three, four = read_jobs(written("in/jobs.yaml", JOBS), {})
    assert (one.source, one.target, one.preset, one.config.size) == (Path("in/a.jpg"), (Path("in/b.jpg"),), "fast", 256)
    assert one.config == StyleConfig.preset("fast").override(size=256)
    assert two.config == StyleConfig.preset("portrait").override(size=256, seed=3)
    assert (two.target, two.weights) == ((Path("in/b.jpg"), Path("in/c.jpg")), (2, 1))
    assert (three.source, three.preset) == (Path("/all/d.jpg"), "mine")
    assert (three.config.iterations, three.config.size) == (7, 128)
    assert (three.config.init, three.config.weights) == ("in/start.png", "in/vgg.safetensors")
    assert (four.source_mask, four.target_mask) == (Path("in/e_mask.png"), (Path("in/b_mask.png"),))
    assert (four.config.init, four.config.terms[0].samples) == ("noise", 500)
    names = [job.output for job in (one, two, three, four)]
    assert names == ["a.jpg__b__fast.png", "sub/mine.png", "d__b__mine.png", "e__b__fast.png"]


def test_a_yaml_file_may_be_a_list_alone(make: Make) -> None:
    make()
    jobs = read_jobs(
        written("jobs.yml", "- {source: a.jpg, target: b.jpg}\n- {source: a.jpg, target: [b.jpg, c.jpg]}"), {}
    )
    assert [job.output for job in jobs] == ["a__b__default.png", "a__b+c__default.png"]


CSV = """\ufeffsource,target,target-weights,preset,size,strength,enlarge,samples,content_weight,seed,name,
a.jpg,b.jpg;c.jpg,2; 1.5,fast,256,0.5,yes,all,2,,007,
"a, b.jpg",b.jpg,,,,,,64,,,,
,,,,,
c.jpg,b.jpg,,,,,no,,,1
"""


def test_a_csv_file_has_a_row_for_each_job_and_empty_cells_say_nothing(make: Make) -> None:
    make()
    one, two, three = read_jobs(written("in/jobs.csv", CSV), {})
    assert one.config == StyleConfig.preset("fast").override(
        size=256, strength=0.5, enlarge=True, samples="all", content_weight=2
    )
    assert (one.target, one.weights) == ((Path("in/b.jpg"), Path("in/c.jpg")), (2, 1.5))
    assert two.config == StyleConfig.preset().override(samples=64)
    assert three.config == StyleConfig.preset().override(seed=1, enlarge=False)
    assert [job.output for job in (one, two, three)] == ["007.png", "a, b__b__default.png", "c__b__default.png"]


def test_options_of_the_command_line_are_above_all_and_count_from_the_current_folder(make: Make) -> None:
    make()
    text = "defaults: {size: 64}\njobs: [{source: a.jpg, target: b.jpg, config: mine.yaml, seed: 5}]"
    above = {"preset": "paper", "size": 99, "seed": None, "init": "start.png", "source_mask": Path("m.png")}
    above |= {"target_mask": (Path("n.png"),), "iterations": None}
    (job,) = read_jobs(written("in/jobs.yaml", text), above)
    assert job.config == StyleConfig.preset("paper").override(size=99, seed=5, init="start.png")
    assert (job.source, job.source_mask, job.target_mask) == (Path("in/a.jpg"), Path("m.png"), (Path("n.png"),))


def test_every_setting_of_run_is_a_key_of_jobs() -> None:
    elsewhere = {"source", "targets", "target_masks", "output", "overwrite", "save_every", "report", "quiet", "verbose"}
    assert {parameter.name for parameter in run.params} - elsewhere <= set(KEYS)
    assert set(SETTINGS) <= {parameter.name for parameter in run.params}


def test_only_jobs_that_differ_in_nothing_else_carry_their_seed(make: Make) -> None:
    make()
    text = (
        "- {source: a.jpg, target: b.jpg}\n- {source: a.jpg, target: b.jpg, seed: 7}\n- {source: c.jpg, target: b.jpg}"
    )
    found = [job.output for job in read_jobs(written("jobs.yaml", text), {})]
    assert found == ["a__b__default__0.png", "a__b__default__7.png", "c__b__default.png"]


def test_pictures_of_one_name_from_several_folders_carry_a_digest_of_their_path_from_the_file(make: Make) -> None:
    root = make()
    text = f"- {{source: x/a.jpg, target: b.jpg}}\n- {{source: {root}/in/y/a.jpg, target: b.jpg}}"
    found = [job.output for job in read_jobs(written("in/jobs.yaml", text), {})]
    # printf x/a.jpg | sha256sum
    assert found == ["a-9734e212__b__default.png", "a-66aafdc2__b__default.png"]


def test_a_template_names_the_jobs_that_have_no_name(make: Make) -> None:
    make()
    text = "- {source: a.jpg, target: b.jpg, name: 0002.jpg}\n- {source: c.jpg, target: b.jpg}"
    assert [job.output for job in read_jobs(written("jobs.yaml", text), {}, "{index}")] == ["0002.jpg", "0002.png"]


PAIR = "source: a.jpg, target: b.jpg"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"- {{{PAIR}, sized: 3}}", "jobs.yaml, job 1: sized is not a known key; did you mean size?"),
        (f"- {{{PAIR}, size: 8}}", "jobs.yaml, job 1: size: must be a number at least 32"),
        (f"- {{{PAIR}, size: big}}", "jobs.yaml, job 1: size: Expected int"),
        (f"- {{{PAIR}, memory: 4}}", "jobs.yaml, job 1: memory: Expected str"),
        (f"- {{{PAIR}, enlarge: 3}}", "jobs.yaml, job 1: enlarge: Expected bool"),
        (f"- {{{PAIR}, preset: fats}}", "jobs.yaml, job 1: preset: 'fats' is not known; did you mean fast?"),
        (f"- {{{PAIR}, preset: none.yaml}}", "jobs.yaml, job 1: can't read none.yaml"),
        (f"- {{{PAIR}, preset: fast, config: x.yaml}}", "job 1: preset and config exclude each other"),
        (f"- {{{PAIR}, samples: some}}", "jobs.yaml, job 1: samples: 'some' is not known"),
        (f"- {{{PAIR}, content_weight: -1}}", "jobs.yaml, job 1: content-weight: must be a number"),
        (f"- {{{PAIR}}}\n- {{source: a.jpg}}", "jobs.yaml, job 2: target is missing"),
        ("- {target: a.jpg}", "jobs.yaml, job 1: source is missing"),
        ("- {source: [a.jpg], target: b.jpg}", "jobs.yaml, job 1: source: Expected str"),
        ("- {source: a.jpg, target: [b.jpg, 3]}", "jobs.yaml, job 1: target[1]: Expected str"),
        ("- a.jpg", "jobs.yaml, job 1: expected options such as {source: a.jpg"),
        (f"- {{{PAIR}, target_weights: [1, 2]}}", "job 1: target-weights: one for each target is needed"),
        (f"- {{{PAIR}, target_weights: [.nan]}}", "job 1: target-weights: must be a number"),
        (f"- {{{PAIR}, target-mask: m.png}}", "job 1: target-mask: needs the source mask"),
        (f"- {{{PAIR}, target-mask: m.png, target_mask: m.png}}", "job 1: target_mask stands twice"),
        (f"- {{{PAIR}, name: ../x}}", "jobs.yaml, job 1: output: '../x' must be a file inside"),
        (f"- {{{PAIR}, name: x.gif}}", "jobs.yaml, job 1: name: 'x.gif': can't write .gif"),
        (f"- {{{PAIR}, name: {'x' * 121}}}", "is too long"),
        (f"- {{{PAIR}, name: x}}\n- {{{PAIR}, name: X.png}}", "job 1 and job 2 would both be x.png; give one of them"),
        (f"- {{{PAIR}}}\n- {{{PAIR}, size: 64}}", "jobs.yaml: job 1 and job 2 would both be a__b__default.png; give"),
        (f"defaults: {{size: x}}\njobs: [{{{PAIR}}}]", "jobs.yaml, defaults: size: Expected int"),
        (f"defaults: {{name: x}}\njobs: [{{{PAIR}}}]", "a name belongs to one job"),
        (f"default: {{}}\njobs: [{{{PAIR}}}]", "jobs.yaml: default is not a known key; did you mean defaults?"),
        ("jobs: []", "jobs.yaml: expected jobs"),
        ("", "jobs.yaml: expected jobs"),
        ("- {", "jobs.yaml line 1 is not YAML"),
    ],
)
def test_bad_jobs_are_refused_in_one_line_with_file_and_number(make: Make, text: str, message: str) -> None:
    make()
    with pytest.raises(ConfigError) as caught:
        read_jobs(written("jobs.yaml", text), {})
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("source,target,sized\na,b,3", "jobs.csv, header: sized is not a known key; did you mean size?"),
        ("source,target,size,size\na,b,3,4", "jobs.csv, header: size stands twice"),
        ("source,target,size\na,b,many", "jobs.csv, job 1: size: Expected int"),
        ("source,target\na,b\na,b,c", "jobs.csv, job 2: more cells than the header names"),
        ("source,target,target_weights\na,b;c,1;x", "jobs.csv, job 1: target_weights[1]: Expected float"),
        ("source,target,strength\na,b,nan", "jobs.csv, job 1: strength: must be a number"),
        ("source,target,enlarge\na,b,maybe", "jobs.csv, job 1: enlarge: Expected bool"),
        ("source,target\n", "jobs.csv: expected a header"),
    ],
)
def test_bad_rows_are_refused_in_one_line_with_file_and_number(make: Make, text: str, message: str) -> None:
    make()
    with pytest.raises(ConfigError) as caught:
        read_jobs(written("jobs.csv", text), {})
    assert message in str(caught.value)


def test_jobs_of_another_kind_of_file_or_of_none_are_refused(make: Make) -> None:
    make("jobs.txt")
    with pytest.raises(ConfigError, match=r"jobs\.txt: jobs are read from \.yaml or \.csv files"):
        read_jobs(Path("jobs.txt"), {})
    with pytest.raises(ConfigError, match=r"can't read none\.csv: No such file"):
        read_jobs(Path("none.csv"), {})


def test_reading_sides_and_jobs_waits_for_no_torch() -> None:
    program = "import sys, cxstyle.batch.pairing, cxstyle.batch.jobsfile; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_what_can_be_written_can_be_listed() -> None:
    from cxstyle.image import FORMATS

    assert set(FORMATS) <= PICTURES

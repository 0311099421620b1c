"""The two sides of a batch: which pictures, which pairs, which masks."""

from __future__ import annotations

import subprocess
import sys
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from cxstyle import StyleConfig
from cxstyle.batch.listing import PICTURES, Listed, list_pictures
from cxstyle.batch.pairing import make_jobs, pairs
from cxstyle.errors import ConfigError, CxStyleError, PictureError
from cxstyle.pictures.formats import FORMATS

pytestmark = pytest.mark.usefixtures("own_folder")


def make(*files: str) -> None:
    """Empty files: what is a picture is told by its name here."""
    for file in files:
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        Path(file).touch()


def files(side: str, recursive: bool = False, **options: Any) -> list[str]:
    return [picture.path.as_posix() for picture in list_pictures(side, recursive, **options)]


# Sides


@pytest.mark.parametrize(
    ("there", "side", "recursive", "expected"),
    [
        # A file is one picture whatever it is called.
        ("sub/photo[1].scan", "sub/photo[1].scan", False, ["sub/photo[1].scan"]),
        # A folder gives its pictures by name and nothing else; sub-folders are entered when asked, but not hidden ones.
        (
            "in/b.JPG in/a.webp in/.hidden.jpg in/._b.JPG in/n.txt in/jpg in/s/c.png",
            "in",
            False,
            ["in/a.webp", "in/b.JPG"],
        ),
        (
            "in/z.jpg in/s/deep/a.png in/.git/x.png in/s.jpg/c.png",
            "in",
            True,
            ["in/s/deep/a.png", "in/s.jpg/c.png", "in/z.jpg"],
        ),
        # Globs give what a shell would.
        *(
            ("in/a.jpg in[1]/a.jpg in/.h/d.jpg", pattern, False, ["in/a.jpg"])
            for pattern in ("in/*.jpg", "in/**", "in/**/*", "./in/[ab].jpg", "i[n]/a.jpg")
        ),
        ("in[1]/a.jpg", "in[1]/*.jpg", False, ["in[1]/a.jpg"]),
        # Results of a batch are not its sources.
        ("in/a.png in/out/a__b.png in/out/deep/c.png", "in", True, ["in/a.png"]),
        ("in/a.png in/out/a__b.png in/out/deep/c.png", "in/**/*.png", False, ["in/a.png"]),
        *(
            (f"in/a.{kind}", "in", False, [f"in/a.{kind}"])
            for kind in ("JPEG", "WebP", "TIFF", "bmp", "gif", "heic", "ppm")
        ),
    ],
)
def test_a_side_gives_these_pictures(there: str, side: str, recursive: bool, expected: list[str]) -> None:
    make(*there.split())
    assert files(side, recursive, leave_out=Path("in/out")) == expected


def test_links_that_lead_in_circles_give_every_picture_once() -> None:
    make("in/a.jpg", "elsewhere/b.jpg")
    Path("in/loop").symlink_to("..")
    assert sorted(Path(file).name for file in files("in", True)) == ["a.jpg", "b.jpg"]


def test_names_count_from_the_folder_the_fixed_part_of_a_glob_and_what_a_list_shares() -> None:
    make("in/x/a.jpg", "in/x/b.txt", "in/y/z/c.jpg", "in/.h/d.jpg")
    Path("list.txt").write_text("data/x/a.jpg\ndata/y/a.jpg\n")
    expected = [Listed(Path("in/x/a.jpg"), "x/a", "x"), Listed(Path("in/y/z/c.jpg"), "y/z/c", "y/z")]
    assert list_pictures("in", True) == list_pictures("in/**/*.*", False) == expected
    assert [picture.name for picture in list_pictures("list.txt", False)] == ["x/a", "y/a"]


def test_a_list_keeps_its_order_and_counts_from_its_own_folder() -> None:
    make("lists/sub/b.jpg")
    root = Path.cwd()
    text = f"\ufeff# favourites\nsub/b.jpg\r\n\n  {root}/lists/a #1.png  \nsub/../sub/b.jpg\nnone.jpg\n"
    Path("lists/all.txt").write_text(text)
    found = list_pictures("lists/all.txt", False)
    assert [picture.name for picture in found] == ["sub/b", "a #1", "none"]
    assert found[0].path == Path("lists/sub/b.jpg")


@pytest.mark.parametrize(
    ("side", "message"),
    [
        ("none", "there is no file or folder none"),
        ("", "there is no file or folder"),
        ("n" * 300, "File name too long"),
        ("empty", "empty has no pictures"),
        ("above", "above has no pictures itself, but its sub-folders have; add --recursive"),
        ("results", "where the results go; name another folder"),
        ("results/*.jpg", "where the results go; name another folder"),
        ("empty/*.jpg", "names no pictures"),
        ("none/*.jpg", "there is no folder none"),
        ("a**/b.jpg", "** must stand alone"),
        ("empty.txt", "empty.txt names no pictures"),
        ("jobs.csv", "use --jobs jobs.csv"),
        ("jobs.yaml", "use --jobs jobs.yaml"),
        ("binary.txt", "binary.txt is not a UTF-8 text file"),
    ],
)
def test_sides_without_pictures_are_refused_in_one_line(side: str, message: str) -> None:
    make("empty/notes.md", "above/sub/a.jpg", "results/a.jpg", "jobs.csv", "jobs.yaml")
    Path("empty.txt").write_text("# nothing\n\n")
    Path("binary.txt").write_bytes(b"\xff\xfea\x00")
    with pytest.raises(CxStyleError) as caught:
        list_pictures(side, False, leave_out=Path("results"))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_are_left_out_are_named_with_what_they_are() -> None:
    make("in/a.jpg", "in/b.nef", "in/c.dng", "in/.hidden.nef", *(f"in/n{i}.txt" for i in range(12)))
    for path in Path("in").glob("n*"):
        path.write_text("words")
    said: list[str] = []
    assert files("in", note=said.append) == files("in/*", note=said.append) == ["in/a.jpg"]
    raw = "a camera's raw file: develop it, as with darktable or RawTherapee, and save that as TIFF, PNG or JPEG"
    first = sorted(f"n{i}.txt" for i in range(12))[:10]
    whole = f"b.nef, c.dng ({raw}); {', '.join(first)} and 2 more (no picture by its suffix)"
    assert said == [f"left out of in: {whole}", f"left out of in/*: {whole}"]
    Path("in/a.jpg").unlink()
    for side in ("in", "in/*"):
        with pytest.raises(PictureError, match=r"no pictures.*; there are b.nef, c.dng \(a camera's raw file"):
            files(side, note=said.append)
    assert len(said) == 2


def test_what_can_be_written_can_be_listed() -> None:
    assert set(FORMATS) <= PICTURES


def test_reading_sides_and_jobs_waits_for_no_torch() -> None:
    program = "import sys, cxstyle.batch.pairing, cxstyle.batch.job_file; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


# Pairs


def side(*names: str) -> list[Listed]:
    return [Listed(Path(name), str(Path(name).with_suffix("")), str(Path(name).parent).strip(".")) for name in names]


@pytest.mark.parametrize(("how", "expected"), [("product", ["ax", "ay", "bx", "by"]), ("zip", ["ax", "by"])])
def test_pairs_come_source_by_source_or_in_order(how: str, expected: list[str]) -> None:
    found = pairs(side("a.jpg", "b.jpg"), side("x.jpg", "y.jpg"), how).pairs
    assert [source.name + target.name for source, target in found] == expected


def test_pairs_by_name_say_what_is_left_over() -> None:
    composed, apart = (unicodedata.normalize(form, "é.jpg") for form in ("NFC", "NFD"))
    sources, targets = side("s/a.jpg", "a.jpg", "B.jpg", composed), side("s/a.png", "b.jpg", apart)
    found = pairs(sources, targets, "name")
    assert found.pairs == ((sources[0], targets[0]), (sources[3], targets[2]))
    assert found.alone() == "2 sources and 1 target have no counterpart: a, B, b"
    assert pairs(sources, targets, "product").alone() == ""


@pytest.mark.parametrize(
    ("sources", "how", "message"),
    [
        (["a.jpg", "b.jpg"], "zip", "2 sources and 1 target can't be paired in order"),
        (["a.jpg"], "name", "no source and target have the same name"),
        (["a.jpg"], "names", "did you mean name"),
    ],
)
def test_sides_that_can_not_be_paired_are_refused(sources: list[str], how: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        pairs(side(*sources), side("x.jpg"), how)


# Jobs of two sides

FAST = [("fast", StyleConfig.preset("fast"))]


def test_jobs_come_source_by_source_with_all_settings_of_each_pair() -> None:
    configs = [*FAST, ("paper", StyleConfig.preset("paper"))]
    jobs = make_jobs(side("a.jpg", "b.jpg"), side("x.jpg"), "product", configs)
    assert [(job.source.stem, job.preset) for job in jobs] == [(s, p) for s in "ab" for p in ("fast", "paper")]
    assert (jobs[1].config, jobs[1].target) == (configs[1][1], (Path("x.jpg"),))


def masked(mask: str, goal: str = "goal.png") -> list[tuple[Path | None, tuple[Path, ...]]]:
    jobs = make_jobs(list_pictures("in", True), side("x.jpg"), "product", FAST, None, Path(mask), Path(goal))
    return [(job.source_mask, job.target_mask) for job in jobs]


def test_a_folder_of_masks_has_one_for_each_picture_and_a_file_is_for_all() -> None:
    make("in/a.jpg", "in/s/a.jpg", "masks/a.png", "masks/s/a.tif", "masks/other.png", "goal.png")
    goal = (Path("goal.png"),)
    assert masked("masks") == [(Path("masks/a.png"), goal), (Path("masks/s/a.tif"), goal)]
    assert masked("goal.png") == [(goal[0], goal), (goal[0], goal)]


@pytest.mark.parametrize(
    ("mask", "goal", "message"),
    [
        ("masks", "goal.png", "source-mask: masks has no mask for in/b.jpg; it would be masks/b.png"),
        ("none", "goal.png", "source-mask: there is no file or folder none"),
        ("goal.png", "masks", "target-mask: masks has no mask for x.jpg"),
        ("twice", "goal.png", "source-mask: twice/a.jpg and twice/a.png could both be the mask of in/a.jpg"),
    ],
)
def test_missing_masks_are_named_before_anything_runs(mask: str, goal: str, message: str) -> None:
    make("in/a.jpg", "in/b.jpg", "masks/a.png", "twice/a.jpg", "twice/a.png", "twice/b.png", "goal.png")
    with pytest.raises(PictureError) as caught:
        masked(mask, goal)
    assert message in str(caught.value)


def test_masks_of_one_side_alone_are_refused() -> None:
    with pytest.raises(ConfigError, match="source-mask: needs the target mask"):
        make_jobs(side("a.jpg"), side("b.jpg"), "zip", FAST, source_mask=Path("m.png"))

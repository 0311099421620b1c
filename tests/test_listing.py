"""The two sides of a batch: which pictures, which pairs, which masks."""

from __future__ import annotations

import subprocess
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cxstyle import StyleConfig
from cxstyle.batch.listing import PICTURES, Listed, list_pictures
from cxstyle.batch.pairing import make_jobs, pairs
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
    make("in/z.jpg", "in/sub/deep/a.png", "in/.git/x.png", "in/sub.jpg/c.png")
    assert list_pictures("in", True) == [
        Listed(Path("in/sub/deep/a.png"), "sub/deep/a", "sub/deep"),
        Listed(Path("in/sub.jpg/c.png"), "sub.jpg/c", "sub.jpg"),
        Listed(Path("in/z.jpg"), "z", ""),
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
        ("jobs.csv", "use --jobs jobs.csv"),
        ("jobs.yaml", "use --jobs jobs.yaml"),
        ("binary.txt", "binary.txt is not a UTF-8 text file"),
    ],
)
def test_sides_without_pictures_are_refused_in_one_line(make: Make, side: str, message: str) -> None:
    make("empty/notes.md", "above/sub/a.jpg", "jobs.csv", "jobs.yaml")
    written("empty.txt", "# nothing\n\n")
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
        make_jobs(
            side("a.jpg"), side("b.jpg"), "zip", [("fast", StyleConfig.preset("fast"))], source_mask=Path("m.png")
        )


def test_reading_sides_and_jobs_waits_for_no_torch() -> None:
    program = "import sys, cxstyle.batch.pairing, cxstyle.batch.job_file; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_what_can_be_written_can_be_listed() -> None:
    from cxstyle.pictures.formats import FORMATS

    assert set(FORMATS) <= PICTURES


def test_files_that_are_left_out_are_named_with_what_they_are(make: Make) -> None:
    make("in/a.jpg", "in/b.nef", "in/c.dng", "in/.hidden.nef", *(f"in/n{i}.txt" for i in range(12)))
    for path in Path("in").glob("n*"):
        path.write_text("words")
    written("in/d.svg", "<svg xmlns=''/>")
    said: list[str] = []
    assert files("in", note=said.append) == files("in/*", note=said.append) == ["in/a.jpg"]
    raw = "a camera's raw file: develop it, as with darktable or RawTherapee, and save that as TIFF, PNG or JPEG"
    drawing = "a drawing (SVG): export it as PNG, as large as it is to be"
    first = sorted(f"n{i}.txt" for i in range(12))[:10]
    whole = f"b.nef, c.dng ({raw}); d.svg ({drawing}); {', '.join(first)} and 2 more (no picture by its suffix)"
    assert [line.split(": ", 1)[0] for line in said] == ["left out of in", "left out of in/*"]
    assert said[0] == f"left out of in: {whole}"
    Path("in/a.jpg").unlink()
    for side in ("in", "in/*"):
        with pytest.raises(
            PictureError, match=r"no pictures.*; there are b.nef, c.dng \(a camera's raw file: develop it"
        ):
            files(side, note=said.append)
    assert len(said) == 2

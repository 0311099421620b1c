"""The sides of a batch: which pictures each has, and what they are called."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from helpers import python

from cxstyle.batch.listing import Listed, list_pictures
from cxstyle.errors import CxStyleError, PictureError

pytestmark = pytest.mark.usefixtures("own_folder")


def make(*files: str) -> None:
    """Empty files: what is a picture is told by its name here."""
    for file in files:
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        Path(file).touch()


def files(side: str, recursive: bool = False, **options: Any) -> list[str]:
    return [picture.path.as_posix() for picture in list_pictures(side, recursive, **options)]


@pytest.mark.parametrize(
    ("there", "side", "recursive", "expected"),
    [
        # A file is one picture whatever it is called.
        ("sub/photo[1].scan", "sub/photo[1].scan", False, "sub/photo[1].scan"),
        # A folder gives its pictures by name and nothing else; sub-folders are entered when asked, but not hidden ones.
        ("in/b.JPG in/a.webp in/.h.jpg in/n.txt in/jpg in/s/c.png", "in", False, "in/a.webp in/b.JPG"),
        ("in/z.jpg in/s/d/a.png in/.git/x.png in/s.jpg/c.png", "in", True, "in/s/d/a.png in/s.jpg/c.png in/z.jpg"),
        # Globs give what a shell would.
        *(
            ("in/a.jpg in[1]/a.jpg in/.h/d.jpg", pattern, False, "in/a.jpg")
            for pattern in ("in/*.jpg", "in/**", "in/**/*", "./in/[ab].jpg", "i[n]/a.jpg")
        ),
        ("in[1]/a.jpg", "in[1]/*.jpg", False, "in[1]/a.jpg"),
        # Results of a batch are not its sources.
        ("in/a.png in/out/a__b.png in/out/deep/c.png", "in", True, "in/a.png"),
        ("in/a.png in/out/a__b.png in/out/deep/c.png", "in/**/*.png", False, "in/a.png"),
    ],
)
def test_a_side_gives_these_pictures(there: str, side: str, recursive: bool, expected: str) -> None:
    make(*there.split())
    assert files(side, recursive, leave_out=Path("in/out")) == expected.split()


def test_links_that_lead_in_circles_give_every_picture_once() -> None:
    make("in/a.jpg", "elsewhere/b.jpg")
    Path("in/loop").symlink_to("..")
    assert sorted(Path(file).name for file in files("in", True)) == ["a.jpg", "b.jpg"]


def test_names_count_from_the_folder_the_fixed_part_of_a_glob_and_what_a_list_shares() -> None:
    make("in/x/a.jpg", "in/x/b.txt", "in/y/z/c.jpg", "in/.h/d.jpg", "lists/sub/b.jpg")
    expected = [Listed(Path("in/x/a.jpg"), "x/a"), Listed(Path("in/y/z/c.jpg"), "y/z/c")]
    assert list_pictures("in", True) == list_pictures("in/**/*.*", False) == expected
    # A list keeps its order and counts from its own folder.
    text = f"\ufeff# favourites\nsub/b.jpg\r\n\n  {Path.cwd()}/lists/a #1.png  \nsub/../sub/b.jpg\nnone.jpg\n"
    Path("lists/all.txt").write_text(text)
    found = list_pictures("lists/all.txt", False)
    assert [picture.name for picture in found] == ["sub/b", "a #1", "none"]
    assert found[0].path == Path("lists/sub/b.jpg")


def test_sides_without_pictures_are_refused_in_one_line() -> None:
    make("empty/notes.md", "above/sub/a.jpg", "results/a.jpg", "results/sub/b.jpg", "jobs.csv", "jobs.yaml")
    Path("empty.txt").write_text("# nothing\n\n")
    Path("binary.txt").write_bytes(b"\xff\xfea\x00")
    for side, message in (
        ("none", "there is no file or folder none"),
        ("", "there is no file or folder"),
        ("n" * 300, "File name too long"),
        ("empty", "empty has no pictures"),
        ("above", "above has no pictures itself, but its sub-folders have; add --recursive"),
        ("results", "results has no pictures (jpg, png, webp, tif...) outside of results, where the results go"),
        ("results/sub", "outside of results, where the results go"),
        ("results/*.jpg", "outside of results, where the results go"),
        ("empty/*.jpg", "empty/*.jpg has no pictures"),
        ("none/*.jpg", "there is no folder none"),
        ("a**/b.jpg", "** must stand alone"),
        ("empty.txt", "empty.txt names no pictures"),
        ("jobs.csv", "use --jobs jobs.csv"),
        ("jobs.yaml", "use --jobs jobs.yaml"),
        ("binary.txt", "binary.txt is not a UTF-8 text file"),
    ):
        with pytest.raises(CxStyleError) as caught:
            list_pictures(side, False, leave_out=Path("results"))
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)


def test_files_that_are_left_out_are_named_with_what_they_are() -> None:
    make("in/a.jpg", "in/b.nef", "in/c.dng", "in/.hidden.nef", *(f"in/n{i}.txt" for i in range(12)))
    for path in Path("in").glob("n*"):
        path.write_text("words")
    os.mkfifo("in/pipe")  # which nobody writes to
    said: list[str] = []
    assert files("in", note=said.append) == files("in/*", note=said.append) == ["in/a.jpg"]
    raw = "a camera's raw file: develop it, as with darktable or RawTherapee, and save that as TIFF, PNG or JPEG"
    first = sorted(f"n{i}.txt" for i in range(12))[:10]
    whole = f"left out of in/*: b.nef, c.dng ({raw}); {', '.join(first)} and 2 more (no picture by its suffix)"
    assert said == [f"{whole.replace('/*', '')}; pipe (an empty file: get it anew)", whole]
    Path("in/a.jpg").unlink()
    for side in ("in", "in/*"):
        with pytest.raises(PictureError, match=r"no pictures.*; there are b.nef, c.dng \(a camera's raw file"):
            files(side, note=said.append)
    assert len(said) == 2


def test_reading_sides_and_jobs_waits_for_no_torch() -> None:
    program = "import sys, cxstyle.batch.pairing, cxstyle.batch.job_file; sys.exit('torch' in sys.modules)"
    assert python(program).returncode == 0

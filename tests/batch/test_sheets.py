"""Sheets of a batch: which pictures lie where, on how many pages, under which names."""

from __future__ import annotations

import shutil
from itertools import product
from pathlib import Path

import pytest
from helpers import painted
from made_batch import Made
from PIL import Image

from cxstyle.batch import sheets
from cxstyle.batch.sheets import write_sheets
from cxstyle.errors import OutputError
from cxstyle.pictures.sheet import PALE, Cell, Layout

RED, GREEN, BLUE, YELLOW = (220, 0, 0), (0, 180, 0), (0, 0, 220), (200, 200, 0)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Layout]:
    """The layout of each page that is written, to see what stands where on it."""
    pages: list[Layout] = []

    def grid(rows: list[list[Cell]], columns: list[str], title: str, sides: list[str] | None = None) -> Image.Image:
        pages.append(Layout(rows, columns, sides or [], title))
        return pages[-1].draw()

    monkeypatch.setattr(sheets, "grid", grid)
    return pages


def color_at(path: Path, layout: Layout, row: int, place: int) -> tuple[int, int, int]:
    left, top, right, bottom = layout.box(row, place)
    with Image.open(path) as sheet:
        return sheet.getpixel(((left + right) // 2, (top + bottom) // 2))


def written(made: Made, **options: int) -> list[str]:
    return [path.name for path in write_sheets(made.folder, made.records, **options)]


def test_a_product_is_a_grid_of_sources_down_and_targets_across(made: Made, drawn: list[Layout]) -> None:
    made.original("a", RED)
    made.original("y", BLUE)
    for source, target in product("ab", "xyz"):
        made.add(source, target, color=GREEN if (source, target) == ("b", "z") else YELLOW)
    assert written(made) == ["sheet.png"]
    (layout,) = drawn
    assert (layout.columns, layout.sides, layout.title) == (["", "x", "y", "z"], ["", "a", "b"], "")
    colors = [[color_at(made.folder / "sheet.png", layout, row, place) for place in (1, 2, 3, 0)] for row in range(3)]
    assert (colors[0][1], colors[1][3]) == (BLUE, RED)
    assert colors[1][:3] + colors[2][:3] == [YELLOW] * 5 + [GREEN]


def test_there_is_a_sheet_for_each_preset_and_seed(made: Made, drawn: list[Layout]) -> None:
    for preset, seed in product(("fast", "my own/look"), (0, 7)):
        made.add("a", "x", preset=preset, seed=seed, output=f"{preset.replace('/', '-')}{seed}.png")
    names = [f"sheet_{preset}_{seed}.png" for preset in ("fast", "my-own-look") for seed in (0, 7)]
    assert written(made) == names
    assert [page.title for page in drawn][1:3] == ["fast, seed 7", "my own/look, seed 0"]
    made.records = [record for record in made.records if record["seed"] == 0]
    assert written(made) == ["sheet_fast.png", "sheet_my-own-look.png"]


def test_pages_hold_so_many_about_equally_and_each_has_its_headers(made: Made, drawn: list[Layout]) -> None:
    for source, target in product("abc", "vwxyz"):
        made.add(source, target)
    assert written(made, across=3, down=2) == [f"sheet_{page}.png" for page in (1, 2, 3, 4)]
    pages = ["".join(page.sides) + " " + "".join(page.columns) for page in drawn]
    assert pages == ["a vw", "a xyz", "bc vw", "bc xyz"]
    assert all(cell.picture is not None for page in drawn for cell in page.rows[0][1:])


def test_pairs_are_rows_of_source_target_and_result(made: Made, drawn: list[Layout]) -> None:
    made.original("b", RED)
    made.original("y", BLUE)
    for source, target in ("ax", "by", "cz"):
        made.add(source, target, color=GREEN)
    (sheet,), (layout,) = write_sheets(made.folder, made.records), drawn
    assert layout.columns == ["source", "target", "result"]
    assert [color_at(sheet, layout, 1, place) for place in (0, 1, 2)] == [RED, BLUE, GREEN]
    assert [cell.caption for cell in layout.rows[1]] == ["b", "y", "b__y__fast_0"]


def test_rows_are_paged_and_hold_several_targets(made: Made, drawn: list[Layout]) -> None:
    for pictures in ("ax", "bxy", "cuvwxy"):
        made.add(*pictures)
    assert written(made, across=3, down=2) == ["sheet_1.png", "sheet_2.png"]
    first, second = drawn
    assert [cell.blank for cell in first.rows[0]] == [False, False, True, True, False]
    assert [cell.caption for cell in second.rows[0]][1:4] == ["x", "y", ""]
    assert [cell.caption or cell.note for cell in second.rows[1]][1:4] == ["u", "v", "and 3 more"]


def test_a_place_without_a_picture_says_why(made: Made, drawn: list[Layout]) -> None:
    made.add("a", "x", status="failed", error="x.png can't be read")
    made.add("a", "y", status="diverged", error="a loss was no longer finite")
    made.add("b", "x", status="failed", error="no")
    made.add("b", "x")
    made.add("c", "z")
    (made.folder / made.records[-1]["output"]).unlink()
    Path(made.records[-1]["source"]).unlink()
    (sheet,) = write_sheets(made.folder, made.records)
    rows = drawn[0].rows
    assert (rows[0][2].picture, rows[0][2].note) == (None, "failed: x.png can't be read")
    assert (rows[1][2].picture is None, rows[1][2].caption) == (False, "diverged")
    assert rows[2][2].picture is not None  # of several records of an output the last counts
    assert all(rows[3][place].note.startswith("there is no file") for place in (0, 2))
    left, top, *_ = drawn[0].box(3, 0)
    with Image.open(sheet) as image:
        assert image.getpixel((left + 1, top + 1)) == PALE


def test_a_sheet_replaces_sheets_and_nothing_else(made: Made) -> None:
    made.add("a", "x", output="sheet.png")
    others = [made.folder / "sheet.png", painted(made.folder / "sheet_2.png")]
    before = [path.read_bytes() for path in others]
    for _ in range(2):
        assert written(made) == ["sheet_3.png"]
    assert [path.read_bytes() for path in others] == before
    shutil.rmtree(made.folder)
    with pytest.raises(OutputError, match=r"can't write .*sheet_2\.png"):
        write_sheets(made.folder, made.records)


def test_pages_of_two_sets_never_have_one_name(made: Made) -> None:
    for preset, source in (("fast", "a"), ("fast", "b"), ("Fast", "a"), ("Fast", "b"), ("fast_1", "a")):
        made.add(source, "x", preset=preset, output=f"{preset}-{source}.png")
    names = written(made, down=1)
    assert names[:4] == ["sheet_fast_1.png", "sheet_fast_2.png", "sheet_Fast_1_2.png", "sheet_Fast_2_2.png"]
    assert names[4:] == ["sheet_fast_1_3.png"]


def test_large_pictures_are_shown_small_and_small_ones_are_not_blown_up(made: Made, drawn: list[Layout]) -> None:
    made.original("a", size=(900, 600))
    made.add("a", "x", size=(300, 200))
    write_sheets(made.folder, made.records)
    write_sheets(made.folder, made.records, edge=128)
    made.records[0]["size"] = [30, 20]
    write_sheets(made.folder, made.records)
    assert [page.cell for page in drawn] == [(256, 171), (128, 85), (96, 64)]
    assert write_sheets(made.folder, []) == []

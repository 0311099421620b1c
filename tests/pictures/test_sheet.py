"""Where pictures, captions and lines lie on a sheet."""

from __future__ import annotations

import pytest
from PIL import Image, ImageFont

from cxstyle.pictures.sheet import GREY, PALE, Cell, Layout, Line, joined, shortened

RED, GREEN, BLUE, WHITE = (220, 0, 0), (0, 180, 0), (0, 0, 220), (255, 255, 255)


def plain(color: tuple[int, int, int], width: int = 60, height: int = 40) -> Image.Image:
    return Image.new("RGB", (width, height), color)


def middle(box: tuple[int, int, int, int]) -> tuple[int, int]:
    return (box[0] + box[2]) // 2, (box[1] + box[3]) // 2


def test_pictures_lie_in_rows_and_columns_on_white() -> None:
    layout = Layout([[Cell(plain(RED)), Cell(plain(GREEN))], [Cell(plain(BLUE)), Cell(plain(WHITE))]])
    sheet = layout.draw()
    assert sheet.size == (layout.width, layout.height)
    for (row, place), color in {(0, 0): RED, (0, 1): GREEN, (1, 0): BLUE}.items():
        left, top, right, bottom = layout.picture_box(row, place)
        assert (right - left, bottom - top) == (60, 40)
        for x, y in ((left, top), (right - 1, top), (left, bottom - 1), (right - 1, bottom - 1)):
            assert sheet.getpixel((x, y)) == color
        for x, y in ((left - 1, top), (right, top), (left, bottom), (left, top - 1)):
            assert sheet.getpixel((x, y)) == WHITE
    assert layout.box(0, 0)[0] == layout.box(1, 0)[0]
    assert layout.box(0, 1)[1] == layout.box(0, 0)[1] < layout.box(1, 0)[1]


def test_pictures_keep_their_aspect_and_lie_in_the_middle_of_their_cell() -> None:
    layout = Layout([[Cell(plain(RED)), Cell(plain(GREEN, 20, 40)), Cell(plain(BLUE, 600, 300))]])
    assert layout.cell == (600, 300)
    layout = Layout(layout.rows, cell=(60, 40))
    sizes = [(box[2] - box[0], box[3] - box[1]) for box in (layout.picture_box(0, i) for i in range(3))]
    assert sizes == [(60, 40), (20, 40), (60, 30)]
    assert [middle(layout.picture_box(0, i)) for i in range(3)] == [middle(layout.box(0, i)) for i in range(3)]


def test_a_cell_may_span_columns() -> None:
    layout = Layout([[Cell(plain(RED)), Cell(plain(GREEN))], [Cell(plain(BLUE, 120, 40), span=2)]])
    first, second, wide = layout.box(0, 0), layout.box(0, 1), layout.box(1, 0)
    assert (wide[0], wide[2]) == (first[0], second[2])


def test_captions_stand_in_their_places() -> None:
    rows = [[Cell(plain(RED), "below"), Cell(plain(GREEN))], [Cell(plain(BLUE)), Cell(plain(RED))]]
    layout = Layout(rows, columns=["one", ""], sides=["", "beside"], title="above all")
    sheet = layout.draw()

    def has_ink(box: tuple[int, int, int, int]) -> bool:
        return min(sheet.crop(box).convert("L").tobytes()) < 160

    left, top, right, bottom = layout.box(0, 0)
    assert has_ink((left, bottom, right, bottom + layout.line))
    assert has_ink((left, top - layout.line, right, top))
    other = layout.box(0, 1)
    assert not has_ink((other[0], other[3], other[2], other[3] + layout.line))
    assert not has_ink((other[0], other[1] - layout.line, other[2], other[1]))
    assert has_ink((0, layout.box(1, 0)[1], layout.left - 1, layout.box(1, 0)[3]))
    assert not has_ink((0, top, layout.left - 1, bottom))
    assert has_ink((0, 0, layout.width, layout.margin + layout.line))


def test_a_place_without_a_picture_is_a_pale_field_with_its_note_or_blank() -> None:
    layout = Layout([[Cell(note="went wrong"), Cell(blank=True)]], cell=(120, 80))
    sheet = layout.draw()
    left, top, right, bottom = layout.box(0, 0)
    assert sheet.getpixel((left, top)) == sheet.getpixel((right - 1, bottom - 1)) == PALE
    assert min(sheet.crop((left, top, right, bottom)).convert("L").tobytes()) < GREY[0] + 40
    assert set(sheet.crop(layout.box(0, 1)).tobytes()) == {255}


def test_notes_too_long_for_their_field_stay_inside_it() -> None:
    layout = Layout([[Cell(note="many words " * 50 + "x" * 300)]], cell=(120, 80))
    sheet, (left, top, right, bottom) = layout.draw(), layout.box(0, 0)
    sheet.paste(WHITE, (left, top, right, bottom))
    assert set(sheet.tobytes()) == {255}


@pytest.mark.parametrize("text", ["short", "a caption much too long for the width of its picture", "", "wwwwwwwwwwww"])
def test_captions_are_shortened_to_fit(text: str) -> None:
    kept = shortened(text, 14, 90)
    assert ImageFont.load_default(14).getlength(kept) <= 90
    assert kept == text or (kept.endswith("...") and text.startswith(kept[:-3]))
    assert shortened(text, 14, 1000) == text


def test_lines_join_places_of_two_pictures() -> None:
    line = Line((10, 10), (30, 70), (250, 250, 0))
    drawn = joined(plain(RED, 80, 60), plain(BLUE, 40, 120), [line])
    layout = Layout([[Cell(plain(RED, 80, 60)), Cell(plain(BLUE, 40, 120))]])
    width, height = layout.width - 2 * layout.margin, layout.heights[0]
    assert drawn.size == (width, height)

    def place(index: int, x: float, y: float) -> tuple[int, int]:
        left, top, *_ = layout.picture_box(0, index)
        return round(left - layout.left + x), round(top - layout.tops[0] + y)

    start, end = place(0, 10, 10), place(1, 30, 70)
    halfway = ((start[0] + end[0]) // 2, (start[1] + end[1]) // 2)
    for at in (start, end):
        assert drawn.getpixel(at)[0] > 200
        assert drawn.getpixel(at)[2] < 60
    assert min(drawn.getpixel((halfway[0], halfway[1] + d))[2] for d in (-1, 0, 1)) < 100
    assert drawn.getpixel(place(0, 70, 50)) == RED
    assert drawn.getpixel(place(1, 5, 10)) == BLUE

"""Sheets of pictures that people look at: rows and columns with captions, and pictures joined by lines."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

INK, GREY, PALE = (34, 34, 34), (96, 96, 96), (240, 240, 238)
ELLIPSIS = "..."
FINER = 3  # times as large are lines and text drawn, and then shrunk, since Pillow draws lines with steps
Box = tuple[int, int, int, int]  # left, top, right and bottom in pixels


@dataclass(frozen=True)
class Cell:
    """A place on a sheet."""

    picture: Image.Image | None = None  # what it shows; without one a pale field
    caption: str = ""  # below it
    note: str = ""  # text inside a field without a picture, such as why there is none
    span: int = 1  # columns that it takes
    blank: bool = False  # show nothing at all


class Layout:
    """Where everything on a sheet lies, in pixels; the arguments are those of `grid`."""

    def __init__(
        self,
        rows: Sequence[Sequence[Cell]],
        columns: Sequence[str] = (),
        sides: Sequence[str] = (),
        title: str = "",
        cell: tuple[int, int] | None = None,
    ) -> None:
        self.rows, self.columns, self.sides, self.title = rows, columns, sides, title
        sizes = [c.picture.size for row in rows for c in row if c.picture is not None and c.span == 1] or [(256, 256)]
        self.cell = cell or (max(width for width, _ in sizes), max(height for _, height in sizes))
        self.text = min(28, max(12, self.cell[0] // 22))
        self.line = round(self.text * 1.5)
        self.gap = max(6, self.text * 3 // 4)
        self.margin = 2 * self.gap
        self.left = self.margin + (self.line + self.gap // 2 if any(sides) else 0)
        count = max(sum(c.span for c in row) for row in rows)
        self.width = self.left + count * (self.cell[0] + self.gap) - self.gap + self.margin
        self.tops, self.heights = [], []
        top = self.margin + (round(self.line * 1.6) if title else 0) + (self.line if any(columns) else 0)
        for row in rows:
            self.tops.append(top)
            needed = [fitted(c.picture.size, self.room(c))[1] for c in row if c.picture is not None]
            self.heights.append(max(needed, default=self.cell[1]))
            top += self.heights[-1] + (self.line if any(c.caption for c in row) else 0) + self.gap
        self.height = top - self.gap + self.margin

    def room(self, cell: Cell) -> tuple[int, int]:
        """(width, height) that a cell's picture may take."""
        return cell.span * (self.cell[0] + self.gap) - self.gap, self.cell[1]

    def box(self, row: int, place: int) -> Box:
        """The field of a row's cell, the `place`th from the left."""
        before = sum(c.span for c in self.rows[row][:place])
        left = self.left + before * (self.cell[0] + self.gap)
        width = self.room(self.rows[row][place])[0]
        return left, self.tops[row], left + width, self.tops[row] + self.heights[row]

    def picture_box(self, row: int, place: int) -> Box:
        """Where a cell's picture lies: in the middle of its field."""
        left, top, right, bottom = self.box(row, place)
        picture = self.rows[row][place].picture
        room = right - left, bottom - top
        width, height = room if picture is None else fitted(picture.size, room)
        x, y = (left + right - width) // 2, (top + bottom - height) // 2
        return x, y, x + width, y + height

    def draw(self) -> Image.Image:
        """The sheet."""
        sheet = Image.new("RGB", (self.width, self.height), "white")
        if self.title:
            size, width = round(self.text * 1.3), self.width - self.left - self.margin
            write(sheet, (self.left, self.margin + size // 2), self.title, size, width, middle=False)
        for i, caption in enumerate(self.columns):
            middle = self.left + i * (self.cell[0] + self.gap) + self.cell[0] // 2
            y = min(self.tops) - self.gap // 2 - self.text // 2
            write(sheet, (middle, y), caption, self.text, self.cell[0])
        for i, caption in enumerate(self.sides):
            strip = Image.new("RGB", (self.heights[i], self.line), "white")
            write(strip, (strip.width // 2, strip.height // 2), caption, self.text, strip.width)
            sheet.paste(strip.transpose(Image.Transpose.ROTATE_90), (self.margin, self.tops[i]))
        for i, row in enumerate(self.rows):
            for j, cell in enumerate(row):
                self._draw_cell(sheet, i, j, cell)
        return sheet

    def _draw_cell(self, sheet: Image.Image, row: int, place: int, cell: Cell) -> None:
        left, top, right, bottom = self.box(row, place)
        if cell.picture is not None:
            x, y, x1, y1 = self.picture_box(row, place)
            sheet.paste(cell.picture.resize((x1 - x, y1 - y), Image.Resampling.LANCZOS), (x, y))
        elif not cell.blank:
            ImageDraw.Draw(sheet).rectangle((left, top, right - 1, bottom - 1), fill=PALE)
            write_lines(sheet, (left, top, right, bottom), cell.note, self.text)
        if cell.caption:
            anchor = ((left + right) // 2, bottom + self.line // 2)
            write(sheet, anchor, cell.caption, self.text, right - left, GREY)


def grid(
    rows: Sequence[Sequence[Cell | Image.Image | None]],
    *,
    columns: Sequence[str] = (),
    sides: Sequence[str] = (),
    title: str = "",
    cell: tuple[int, int] | None = None,
) -> Image.Image:
    """Pictures in rows and columns on white, each fitted into a cell of equal size, its aspect kept.

    Args:
        rows: cells, or pictures without captions; None leaves a place blank.
        columns: captions above the columns.
        sides: captions beside the rows.
        title: above all.
        cell: (width, height) of a cell in pixels; the largest picture's without it.
    """
    cells = [[c if isinstance(c, Cell) else Cell(c, blank=c is None) for c in row] for row in rows]
    return Layout(cells, columns, sides, title, cell).draw()


@dataclass(frozen=True)
class Line:
    """A line from one picture to another."""

    start: tuple[float, float]  # (x, y) in the left picture, in its pixels
    end: tuple[float, float]  # (x, y) in the right one
    color: tuple[int, int, int]  # red, green and blue in 0-255


def joined(
    left: Image.Image, right: Image.Image, lines: Sequence[Line], cell: tuple[int, int] | None = None
) -> Image.Image:
    """Two pictures side by side, as in two cells of a sheet, and lines between places in them, their ends marked."""
    cell = cell or (max(left.width, right.width), max(left.height, right.height))
    layout = Layout([[Cell(left), Cell(right)]], cell=cell)
    x, y, x1, y1 = layout.left, layout.tops[0], layout.width - layout.margin, layout.tops[0] + layout.heights[0]
    canvas = layout.draw().crop((x, y, x1, y1))
    large = canvas.resize((canvas.width * FINER, canvas.height * FINER), Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(large)
    width = max(1.2, canvas.height / 260) * FINER
    boxes = [layout.picture_box(0, place) for place in (0, 1)]
    for line in lines:
        start, end = (
            tuple((box[k] - (x, y)[k] + point[k] * (box[2] - box[0]) / picture.width) * FINER for k in (0, 1))
            for box, point, picture in zip(boxes, (line.start, line.end), (left, right), strict=True)
        )
        # A dark line under the bright one keeps it visible on any ground.
        pen.line((start, end), fill=INK, width=round(width + 1.2 * FINER))
        pen.line((start, end), fill=line.color, width=round(width))
        for middle in (start, end):
            for radius, color in ((3.4, INK), (2.7, (255, 255, 255)), (2.0, line.color)):
                r = radius * width
                pen.ellipse((middle[0] - r, middle[1] - r, middle[0] + r, middle[1] + r), fill=color)
    return large.resize(canvas.size, Image.Resampling.LANCZOS)


def fitted(size: tuple[int, int], room: tuple[int, int]) -> tuple[int, int]:
    """(width, height) scaled, its aspect kept, to fill a room."""
    factor = min(room[0] / size[0], room[1] / size[1])
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def shortened(text: str, size: int, width: float) -> str:
    """The text, or as much of it as fits with an ellipsis."""
    letters = ImageFont.load_default(size)
    if letters.getlength(text) <= width:
        return text
    while text and letters.getlength(text + ELLIPSIS) > width:
        text = text[:-1]
    return text.rstrip() + ELLIPSIS


def write(
    sheet: Image.Image,
    place: tuple[int, int],
    text: str,
    size: int,
    width: int,
    color: tuple[int, int, int] = INK,
    *,
    middle: bool = True,
) -> None:
    """One line of text, shortened to a width, around its middle or to the right of a place, at mid-height.

    Drawn large and shrunk: at its own size small text is fitted to whole pixels, letter by letter.
    """
    text, letters = shortened(text, size * FINER, width * FINER), ImageFont.load_default(size * FINER)
    mask = Image.new("L", ((int(letters.getlength(text) / FINER) + 4) * FINER, 2 * size * FINER), 0)
    ImageDraw.Draw(mask).text((mask.width / 2, size * FINER), text, fill=255, font=letters, anchor="mm")
    mask = mask.reduce(FINER)
    left = place[0] - (mask.width // 2 if middle else 2)
    sheet.paste(color, (left, place[1] - mask.height // 2), mask)


def write_lines(sheet: Image.Image, box: Box, text: str, size: int) -> None:
    """Text broken into lines in the middle of a box; what doesn't fit is left out."""
    left, top, right, bottom = box
    width, step = right - left - 2 * size, round(size * 1.4)
    most = max(1, (bottom - top - size) // step)
    lines = textwrap.wrap(text, max(1, width * 2 // size), max_lines=most, placeholder=f" {ELLIPSIS}")
    y = (top + bottom) // 2 - step * (len(lines) - 1) // 2
    for i, line in enumerate(lines):
        write(sheet, ((left + right) // 2, y + i * step), line, size, width, GREY)

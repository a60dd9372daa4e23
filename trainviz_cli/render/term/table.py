"""Tables as lines of text, fitted to the terminal's width."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from trainviz_cli.render.term.style import DIM, PLAIN, Line, Span, Style
from trainviz_cli.render.term.text import cells, fit_apart, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

_GAP = 2


class Column(NamedTuple):
    """One column of a table.

    Attributes:
        head: What stands above it; like `texts`, it may come from outside.
        texts: One for each row.
        right: Numbers: aligned at the right.
        least: Cells it may be narrowed to; None: it shows whole or not at all.
        worth: Where there is no room for all, columns of less worth go first, of equal worth the
            rightmost; one of no worth (None) always stays.
        styles: How it looks: all of it, or each row.
        head_style: How its head looks.
    """

    head: str
    texts: Sequence[str]
    right: bool = False
    least: int | None = None
    worth: int | None = None
    styles: Style | Sequence[Style] = PLAIN
    head_style: Style = DIM


def table(columns: Sequence[Column], width: int) -> list[Line]:
    """The heads and the rows, no line wider than `width` cells; empty columns are left out."""
    printed = [_Printed(column) for column in columns]
    shown = _chosen([column for column in printed if column.widest], width)
    for column, room in zip(shown, _shared_out(shown, width), strict=True):
        column.set_width(room)
    fields = [column.fields(gap=column is not shown[-1]) for column in shown]
    return [list(row) for row in zip(*fields, strict=True)]


class _Printed:
    """A column as text that is safe to print: its head, then its rows."""

    def __init__(self, column: Column) -> None:
        self.column = column
        self.texts = [column.head, *column.texts]
        every = "".join(self.texts)
        self._is_plain = every.isascii() and every.isprintable()
        if not self._is_plain:
            self.texts = list(map(printable, self.texts))
        self.widest = max(map(self._cells, self.texts))
        self.least = min(self.widest, column.least or self.widest)

    def _cells(self, text: str) -> int:
        return len(text) if self._is_plain else cells(text)

    def set_width(self, width: int) -> None:
        """Shortens and fills the texts to just this many cells."""
        if self.widest > width:
            self.texts = fit_apart(self.texts, width)
            self._is_plain = False
        if self._is_plain:
            fill = str.rjust if self.column.right else str.ljust
            self.texts = [fill(text, width) for text in self.texts]
        else:
            self.texts = [self._filled(text, width - cells(text)) for text in self.texts]

    def _filled(self, text: str, blank: int) -> str:
        return " " * blank + text if self.column.right else text + " " * blank

    def fields(self, *, gap: bool) -> list[Span]:
        """Each line's part of the table, with the gap before the next column."""
        after = " " * _GAP if gap else ""
        styles = self.column.styles
        if isinstance(styles, Style):
            styles = [styles] * len(self.column.texts)
        return [
            Span(text + after, style)
            for text, style in zip(self.texts, [self.column.head_style, *styles], strict=True)
        ]


def _chosen(columns: list[_Printed], width: int) -> list[_Printed]:
    """The columns there is room for."""
    shown = columns
    while sum(column.least + _GAP for column in shown) - _GAP > width:
        worths = [column.column.worth for column in shown]
        least = min((worth for worth in worths if worth is not None), default=None)
        if least is None:  # what must stay is shortened, as long as there is a cell for each
            return shown[: max((width + _GAP) // (1 + _GAP), 1)]
        last = max(i for i, worth in enumerate(worths) if worth == least)
        shown = shown[:last] + shown[last + 1 :]
    return shown


def _shared_out(columns: Sequence[_Printed], width: int) -> list[int]:
    """How wide each column may be: the widest gives first, none more than down to its least."""
    room = [max(min(column.widest, width), column.least) for column in columns]
    over = sum(room) + _GAP * (len(room) - 1) - width
    while over > 0:
        spare = [i for i, column in enumerate(columns) if room[i] > column.least]
        # Where even the least is too much, a shortened number is better than a broken line.
        spare = spare or [i for i in range(len(columns)) if room[i] > 1]
        if not spare:
            break
        room[max(spare, key=room.__getitem__)] -= 1
        over -= 1
    return room

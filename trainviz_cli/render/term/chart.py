"""One chart as lines of text: title, curves, axes, legend, and what the chart can't show."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from trainviz_cli.analysis.scales import dates, hidden, x_scale, y_scale
from trainviz_cli.render.term.canvas import ASCII_DOTS, BRAILLE, DotGlyphs, draw_line, patterns
from trainviz_cli.render.term.legend import legend, mark_of, preparation
from trainviz_cli.render.term.style import BOLD, DIM, PLAIN, Line, Span, Style
from trainviz_cli.render.term.text import cells, fit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from trainviz_cli.analysis.panels import Curve, Panel
    from trainviz_cli.analysis.scales import Scale
    from trainviz_cli.analysis.ticks import Tick
    from trainviz_cli.model.series import FloatArray, NumberArray

    Below = Callable[[Panel, int], list[Line]]

MIN_WIDTH, MIN_HEIGHT = 24, 6
_FRAME_ROWS = 3  # title, axis, labels
_MARK_EVERY_CELLS = 24
_WIDEST_LABEL = 14


class Look(NamedTuple):
    """The characters a chart is made of.

    Attributes:
        dots: How dots are shown.
        marks: One character a curve, so that curves are told apart without colour.
        frame: Vertical line, tick on it, corner, horizontal line, tick on it.
        nan, up, down: Where a value is NaN, +Inf, -Inf.
        above, below: Where a value is off the scale.
        levels: From low to high, for a curve in one row.
        focus: Before the chart that keys act on.
        pointer: A line through what the mouse points at.
        monochrome: No colours, so a raw curve behind a smoothed one is thinned out.
    """

    dots: DotGlyphs = BRAILLE
    marks: str = "●▲■◆○△□◇"
    frame: tuple[str, str, str, str, str] = ("│", "┤", "└", "─", "┬")
    nan: str = "×"
    up: str = "⇑"
    down: str = "⇓"
    above: str = "↑"
    below: str = "↓"
    levels: str = "▁▂▃▄▅▆▇█"
    focus: str = "▸"
    pointer: str = "┊"
    monochrome: bool = False


ASCII = Look(
    dots=ASCII_DOTS,
    marks="o#%@&$*=",
    frame=("|", "+", "`", "-", "+"),
    nan="x",
    up="A",
    down="V",
    above="^",
    below="v",
    levels="_.-~=+*#",
    focus=">",
    pointer=":",
)


def draw_panel(
    panel: Panel, width: int, height: int, look: Look, below: Below | None = None
) -> list[Line]:
    """The chart, `height` rows and its legend below, no line wider than `width` cells.

    Args:
        panel: What to draw.
        width: Cells.
        height: Rows, without what stands below the axis.
        look: The characters to draw with.
        below: Makes what stands there in place of the legend, from the panel and the width.
    """
    chart = draw_chart(panel, width, height, look)
    said = (*preparation(panel), *hidden(panel, chart.x, chart.y), *panel.notes)
    width = max(width, MIN_WIDTH)
    return [
        *chart.lines,
        *(below(panel, width) if below else legend(panel, width, look.marks)),
        *([Span(fit(note, width), DIM)] for note in said),
    ]


class Chart(NamedTuple):
    """A chart without its legend, and where in it things lie.

    Attributes:
        lines: Title, curves, axis and its labels.
        x: The x axis.
        y: The y axis.
        margin: Cells before the curves, the axis included.
        columns: Cells that the curves have from left to right.
    """

    lines: list[Line]
    x: Scale
    y: Scale
    margin: int
    columns: int


def draw_chart(panel: Panel, width: int, height: int, look: Look) -> Chart:
    """The chart, `height` rows, no line wider than `width` cells; arguments as in `draw_panel`."""
    width, height = max(width, MIN_WIDTH), max(height, MIN_HEIGHT)
    rows = height - _FRAME_ROWS
    x = x_scale(panel)
    y = y_scale(panel, x)
    y_ticks = y.ticks(max(2, rows // 3))
    margin = min(max((cells(tick.label) for tick in y_ticks), default=1), _WIDEST_LABEL)
    plot = _Plot(x, y, width - margin - 1, rows, look)
    for curve in panel.curves:
        plot.add(curve, mark_of(curve.color, look.marks) if len(panel.curves) > 1 else None)
    lines: list[Line] = [
        [Span(fit(panel.title, width), BOLD)],
        *_with_y_axis(plot.lines(), y_ticks, y, margin, look),
        _x_axis(plot, margin, look),
        _x_labels(plot, margin, _axis_name(panel, x)),
    ]
    return Chart(lines, x, y, margin + 1, plot.width)


class _Plot:
    """The area inside the axes, curve by curve."""

    def __init__(self, x: Scale, y: Scale, width: int, height: int, look: Look) -> None:
        self.x, self.y, self.width, self.height, self.look = x, y, width, height, look
        self.nan_columns: dict[int, Style] = {}
        shape = (height, width)
        self._styles: list[Style] = [PLAIN]
        self._main, self._raw = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
        self._main_style, self._raw_style = np.zeros(shape, np.int32), np.zeros(shape, np.int32)
        self._signs: list[tuple[int, int, str, Style]] = []

    def add(self, curve: Curve, mark: str | None) -> None:
        """Draws a curve over what is there; a smoothed one before its own raw samples."""
        style = Style(curve.color)
        if curve.smooth is not None:
            self._draw(curve, curve.view.y, Style(curve.color, dim=True), raw=True)
        drawn = self._draw(curve, curve.main, style, raw=False)
        if mark:
            self._mark(drawn, mark, curve.color, style)
        self._sign_unseen(curve, style)

    def _draw(
        self, curve: Curve, values: NumberArray, style: Style, *, raw: bool
    ) -> npt.NDArray[np.uint8]:
        glyphs = self.look.dots
        size = self.width * glyphs.columns, self.height * glyphs.rows
        across, up = self.x.positions(curve.view.x), self.y.positions(values)
        dots = draw_line(across, up, *size, curve.view.pieces)
        if raw and self.look.monochrome:
            dots[::2, ::2] = dots[1::2, 1::2] = False
        numbers = patterns(dots, glyphs)
        self._styles.append(style)
        layer, owner = (self._raw, self._raw_style) if raw else (self._main, self._main_style)
        layer |= numbers
        owner[numbers > 0] = len(self._styles) - 1
        return numbers

    def _mark(self, drawn: npt.NDArray[np.uint8], mark: str, order: int, style: Style) -> None:
        """Puts the curve's mark on it here and there, elsewhere than the other curves do."""
        columns = np.flatnonzero(drawn.any(axis=0))
        if not len(columns):
            return
        count = max(1, len(columns) // _MARK_EVERY_CELLS)
        shift = (order * 0.38 + 0.5) % 1  # spreads any number of curves evenly
        for place in (np.arange(count) + shift) / count:
            column = int(columns[int(place * len(columns))])
            rows = np.flatnonzero(drawn[:, column])
            self._signs.append((int(rows[len(rows) // 2]), column, mark, style))

    def _sign_unseen(self, curve: Curve, style: Style) -> None:
        """Shows where values are that no dot can show."""
        values = np.asarray(curve.view.y, np.float64)
        up = self.y.positions(values)
        look = self.look
        for here, row, sign in (
            (np.isfinite(values) & (up > 1), 0, look.above),
            (np.isfinite(values) & (up < 0), self.height - 1, look.below),
            (np.isposinf(values), 0, look.up),
            (np.isneginf(values), self.height - 1, look.down),
        ):
            self._signs += [(row, column, sign, style) for column in self._columns(curve, here)]
        self.nan_columns.update(dict.fromkeys(self._columns(curve, np.isnan(values)), style))

    def _columns(self, curve: Curve, here: npt.NDArray[np.bool_]) -> list[int]:
        """The columns of cells, in sight, where these samples are."""
        if not here.any():
            return []
        across = self.x.positions(curve.view.x[here])
        seen = across[(across >= 0) & (across <= 1)]
        touched = np.zeros(self.width, bool)
        touched[cell_of(seen, self.width, self.look.dots.columns)] = True
        return np.flatnonzero(touched).tolist()

    def lines(self) -> list[list[Span]]:
        """The area's rows, from the top."""
        numbers = np.where(self._main > 0, self._main, self._raw)
        owners = np.where(self._main > 0, self._main_style, self._raw_style)
        characters = self.look.dots.characters[numbers]
        for row, column, sign, style in self._signs:
            characters[row, column] = ord(sign)
            self._styles.append(style)
            owners[row, column] = len(self._styles) - 1
        return [self._spans(*row) for row in zip(characters, owners, strict=True)]

    def _spans(
        self, characters: npt.NDArray[np.uint16], owners: npt.NDArray[np.int32]
    ) -> list[Span]:
        text = characters.astype("<u2").tobytes().decode("utf-16-le")
        edges = [0, *(np.flatnonzero(np.diff(owners)) + 1).tolist(), len(text)]
        return [
            Span(text[start:stop], self._styles[owners[start]]) for start, stop in pairwise(edges)
        ]


def cell_of(places: FloatArray, cells_long: int, dots: int) -> npt.NDArray[np.int64]:
    """The cell, of so many, whose dots a place from 0 to 1 falls on."""
    dot = np.floor(np.clip(places, 0, 1) * (cells_long * dots - 1) + 0.5)
    return dot.astype(np.int64) // dots


def _with_y_axis(
    rows: Sequence[Line], ticks: Sequence[Tick], y: Scale, margin: int, look: Look
) -> list[Line]:
    heights = y.positions(np.array([tick.value for tick in ticks]))
    places = cell_of(1 - heights, len(rows), look.dots.rows)
    labels = dict(zip(places.tolist(), (tick.label for tick in ticks), strict=True))
    vertical, tick_mark = look.frame[:2]
    return [
        [
            Span(fit(labels.get(row, ""), margin).rjust(margin), DIM),
            Span(tick_mark if row in labels else vertical, DIM),
            *line,
        ]
        for row, line in enumerate(rows)
    ]


def _x_places(plot: _Plot) -> tuple[list[Tick], list[int]]:
    ticks = plot.x.ticks(max(2, plot.width // 10))
    across = plot.x.positions(np.array([tick.value for tick in ticks]))
    return ticks, cell_of(across, plot.width, plot.look.dots.columns).tolist()


def _x_axis(plot: _Plot, margin: int, look: Look) -> Line:
    """The line under the chart, with ticks, and marks where a value is NaN."""
    corner, horizontal, tick_mark = look.frame[2:]
    _, ticked = _x_places(plot)
    line = [Span(" " * margin + corner, DIM)]
    run = ""
    for column in range(plot.width):
        if column in plot.nan_columns:
            line += [Span(run, DIM), Span(look.nan, plot.nan_columns[column])]
            run = ""
        else:
            run += tick_mark if column in ticked else horizontal
    return [*line, Span(run, DIM)]


def _x_labels(plot: _Plot, margin: int, name: str) -> Line:
    """Labels under their ticks as far as there is room, and the axis's name at the end."""
    room = margin + 1 + plot.width
    name = fit(name, room // 2)
    text, count = _labels_before(room - cells(name) - 1, plot, margin)
    if count < 2:  # two numbers say more than the name
        longer, more = _labels_before(room + 1, plot, margin)
        if more >= 2:
            return [Span(longer, DIM)]
    return [Span(text.ljust(room - cells(name)), DIM), Span(name, DIM)]


def _labels_before(end: int, plot: _Plot, margin: int) -> tuple[str, int]:
    """The labels that fit before a column, none touching another, and how many they are."""
    text, count = "", 0
    for tick, column in zip(*_x_places(plot), strict=True):
        start = max(margin + 1 + column - len(tick.label) // 2, 0)
        if start >= len(text) + bool(text) and start + len(tick.label) < end:
            text = text.ljust(start) + tick.label
            count += 1
    return text, count


def _axis_name(panel: Panel, x: Scale) -> str:
    days = dates(x) if panel.axis == "time" else None
    if not days:
        return panel.axis
    first, last = days
    return f"time, {first}" if first == last else f"{first} to {last[5:]}"

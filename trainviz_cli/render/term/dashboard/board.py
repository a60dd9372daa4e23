"""The whole screen as lines: how far the runs are, their charts, and the keys to press."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from trainviz_cli.analysis.panels import Limits
from trainviz_cli.render.term.dashboard.actions import hints
from trainviz_cli.render.term.dashboard.arrangement import Box
from trainviz_cli.render.term.dashboard.charts import Charts, knows_axis, stretches
from trainviz_cli.render.term.dashboard.head import head
from trainviz_cli.render.term.style import BOLD, DIM, Line, Span
from trainviz_cli.render.term.text import fit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from trainviz_cli.render.term.chart import Look
    from trainviz_cli.render.term.dashboard.cell import Cell
    from trainviz_cli.render.term.dashboard.wish import Wish
    from trainviz_cli.runs.closeup import Stretch
    from trainviz_cli.runs.live import LiveRun

_HEAD_SHARE, _HEAD_LEAST = 4, 4  # the runs get no more than this part of the rows, or so many


class Source(NamedTuple):
    """Where a board gets what it shows.

    Attributes:
        runs: The runs, as they are now.
        now_s: What the monotonic clock says.
        where: What is waited for while there is no run.
        zoom: Takes the steps of each run that are in sight, so that they are shown exactly.
        remark: What else there is to tell; empty as a rule.
        awaited: What the user waits for; empty as a rule.
    """

    runs: Callable[[], Sequence[LiveRun]]
    now_s: Callable[[], float]
    where: str
    zoom: Callable[[Mapping[LiveRun, Stretch]], None]
    remark: Callable[[], str] = str
    awaited: Callable[[], str] = str


class Board:
    """Draws the screen, and changes what it shows as the user wants.

    Attributes:
        wish: How the runs are to be shown.
        message: What stands in the last line, in place of the keys.
        pointed: Column and row of the screen that the mouse is on.
    """

    def __init__(self, source: Source, look: Look, wish: Wish, *, has_hints: bool = True) -> None:
        self.wish = wish
        self.message = ""
        self.pointed: tuple[int, int] | None = None
        self._source = source
        self._look = look
        self._has_hints = has_hints
        self._charts = Charts(look)

    def lines(self, width: int, height: int) -> list[Line]:
        """The screen: `height` lines, or, without hints, no more; none wider than `width` cells."""
        runs, now_s = self._source.runs(), self._source.now_s()
        if not runs:
            text = fit(f"waiting for {self._source.where}", width)
            return self._screen([[], [Span(text, DIM)]], width, height)
        above = head(runs, now_s, width, max(height // _HEAD_SHARE, _HEAD_LEAST), self._look)
        area = Box(0, len(above) + 1, width, max(height - len(above) - 2, 1))
        self._source.zoom(stretches(runs, self.wish))
        charts = self._charts.lines(runs, self.wish, area, self.pointed, now_s)
        self.wish = self.wish._replace(focus=self._charts.focus)
        return self._screen([*above, self._settings(width), *charts], width, height)

    @property
    def is_stale(self) -> bool:
        """Whether curves have grown that were not drawn again so far."""
        return self._charts.is_stale

    @property
    def focused(self) -> Cell | None:
        """The chart in focus; None where there is none."""
        return self._charts.focused

    def _screen(self, lines: list[Line], width: int, height: int) -> list[Line]:
        """The lines, and the last one at the bottom."""
        if not self._has_hints:
            return lines[:height]
        blank: list[Line] = [[] for _ in range(height - 1 - len(lines))]
        said = self.message or self._source.remark()
        last = [Span(fit(said, width), BOLD)] if said else hints(width)
        return [*lines[: height - 1], *blank, last]

    def _settings(self, width: int) -> Line:
        """How the charts are drawn, where that isn't as at first, and which page they are."""
        page, pages = self._charts.page
        chips = [*self.wish.chips(), *([f"page {page} of {pages}"] if pages > 1 else [])]
        chips += [awaited] if (awaited := self._source.awaited()) else []
        return [Span(fit(" · ".join(chips), width), DIM)]

    def act(self, name: str) -> None:
        """Does what an action of that name says, as far as it is about what is shown."""
        change = getattr(self, f"_{name}", None)
        if change is None:
            raise ValueError(f"no action {name!r}")
        change()

    def _smooth(self) -> None:
        self.wish = self.wish.next_smoothing()

    def _log_y(self) -> None:
        self.wish = self.wish.drawn(log_y=not self.wish.drawing.log_y)

    def _axis(self) -> None:
        self.wish = self.wish.next_axis()
        while not knows_axis(self._source.runs(), self.wish.drawing.x):
            self.wish = self.wish.next_axis()

    def _robust(self) -> None:
        self.wish = self.wish.drawn(robust=not self.wish.drawing.robust)

    def _pause(self) -> None:
        self.wish = self.wish._replace(paused=not self.wish.paused)

    def _alone(self) -> None:
        self.wish = self.wish._replace(alone=not self.wish.alone)

    def _separate(self) -> None:
        self.wish = self.wish._replace(separate=not self.wish.separate, focus=0)

    def _zoom_in(self) -> None:
        self.zoom(0.5)

    def _zoom_out(self) -> None:
        self.zoom(2.0)

    def _zoom_reset(self) -> None:
        self.wish = self.wish.drawn(xlim=Limits())

    def _left(self) -> None:
        self._move(-0.25)

    def _right(self) -> None:
        self._move(0.25)

    def _next_chart(self) -> None:
        self._focus(1)

    def _previous_chart(self) -> None:
        self._focus(-1)

    def _next_page(self) -> None:
        self._turn(1)

    def _previous_page(self) -> None:
        self._turn(-1)

    def _reset(self) -> None:
        """Takes back the latest kind of narrowing."""
        if self.wish.alone:
            self._alone()
        elif self.wish.pattern:
            self.filter("")
        else:
            self._zoom_reset()

    def _focus(self, by: int) -> None:
        self.wish = self.wish._replace(focus=(self.wish.focus + by) % max(self._charts.count, 1))

    def _turn(self, by: int) -> None:
        """Focuses the first chart of another page; after the last comes the first."""
        page, pages = self._charts.page
        self.wish = self.wish._replace(focus=(page - 1 + by) % pages * self._charts.per_page)

    def filter(self, pattern: str) -> None:
        """Shows only keys that fit a pattern."""
        if pattern != self.wish.pattern:
            self.wish = self.wish._replace(pattern=pattern, focus=0)

    def click(self, column: int, row: int, *, twice: bool) -> None:
        """Focuses the chart there; twice shows it alone, or all again."""
        place = self._charts.at(column, row)
        if place is not None:
            self.wish = self.wish._replace(focus=place, alone=self.wish.alone != twice)

    def zoom(self, factor: float) -> None:
        """Makes the x axis so many times as long, around the mouse if it is on a chart."""
        cell, around = self.focused, None
        if self.pointed is not None and (place := self._charts.at(*self.pointed)) is not None:
            cell = self._charts.cells[place - self._charts.first]
            around = cell.place_at(self.pointed[0])
        if cell and (axes := cell.axes(self.wish.drawing)):
            self.wish = self.wish.zoomed(*axes, factor, 0.5 if around is None else around)

    def _move(self, share: float) -> None:
        cell = self.focused
        if cell and (axes := cell.axes(self.wish.drawing)):
            self.wish = self.wish.moved(*axes, share)

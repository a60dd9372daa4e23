"""The charts of the screen, each drawn again only when it is another, and costs little."""

from __future__ import annotations

import math
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from trainviz_cli.analysis.panels import Limits
from trainviz_cli.errors import TrainvizError
from trainviz_cli.render.term.chart import MIN_HEIGHT, MIN_WIDTH
from trainviz_cli.render.term.dashboard.arrangement import Box, arrange
from trainviz_cli.render.term.dashboard.cell import Cell, Subject, facts, joined, worth
from trainviz_cli.render.term.dashboard.still import Still
from trainviz_cli.render.term.style import BOLD, DIM, Line, Span
from trainviz_cli.render.term.text import cells, fit
from trainviz_cli.runs.closeup import Stretch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trainviz_cli.render.term.chart import Look
    from trainviz_cli.render.term.dashboard.still import Shown
    from trainviz_cli.render.term.dashboard.wish import Wish
    from trainviz_cli.runs.live import LiveRun

_SHARE = 0.004  # of the time may go into drawing curves again that have grown
_SOONEST_S = 0.1
_NOWHERE = Box(0, 0, 0, 0)


class _Choice(NamedTuple):
    """Which charts there are.

    Attributes:
        asked: What of the wish decides it.
        among: The runs, and how many keys each has.
        subjects: What each chart is about.
        most: How many of them belong on the first page.
    """

    asked: object
    among: object
    subjects: list[Subject]
    most: int


class Charts:
    """Charts side by side and below one another, a page of them.

    Attributes:
        cells: Those in sight.
        first: The number of the first one in sight.
        focus: The number of the one that keys act on.
        count: How many there are on all pages.
        per_page: How many of them a page has.
        is_stale: Curves have grown that were not drawn again so far.
    """

    def __init__(self, look: Look) -> None:
        self.cells: list[Cell] = []
        self.first = self.focus = self.count = 0
        self.per_page = 1
        self.is_stale = False
        self._look = look
        self._redraw_s = 0.0
        self._still: dict[LiveRun, Still] = {}
        self._choice: _Choice | None = None
        self._last: tuple[object, list[Line]] | None = None

    @property
    def page(self) -> tuple[int, int]:
        """Which page is in sight, and how many there are."""
        return self.first // self.per_page + 1, max(-(-self.count // self.per_page), 1)

    def lines(
        self,
        live: Sequence[LiveRun],
        wish: Wish,
        area: Box,
        pointed: tuple[int, int] | None,
        now_s: float,
    ) -> list[Line]:
        """The rows of an area of the screen.

        Args:
            live: The runs.
            wish: How they are to be shown.
            area: Where.
            pointed: Column and row of the screen that the mouse is on.
            now_s: What the monotonic clock says.
        """
        runs = self._held(live, wish)
        try:
            _, _, subjects, most = self._chosen(runs, wish)
        except TrainvizError as error:
            return self._nothing([Span(fit(error.message, area.width), BOLD)])
        if not subjects:
            return self._nothing([Span(fit(_why_nothing(runs, wish), area.width), DIM)])
        if area.width < MIN_WIDTH or area.height < MIN_HEIGHT:
            return self._figures(runs, subjects, area)
        rows_of = [(each, each.records) for run in runs for each in (run, run.closeup) if each]
        shown = wish, area, pointed, self.focus, rows_of, [run.name for run in runs]
        if self._last and self._last[0] == shown and not self.is_stale:
            return self._last[1]
        self._place(subjects, most, wish, area)
        self._draw(runs, wish, now_s)
        for cell in self.cells:
            cell.tell(runs, self._look)
        rows = self._assembled(area, pointed, mark=self.count > 1 and not wish.alone)
        self._last = shown, rows
        return rows

    def _nothing(self, said: Line) -> list[Line]:
        self.cells, self._last, self.is_stale = [], None, False
        self.first = self.count = 0
        return [[], said]

    def _held(self, live: Sequence[LiveRun], wish: Wish) -> Sequence[Shown]:
        """The runs as they are, or, while the user paused, as they were then."""
        if not wish.paused:
            self._still = {}
            return live
        self._still = {run: self._still.get(run) or Still(run) for run in live}
        return list(self._still.values())

    def _chosen(self, runs: Sequence[Shown], wish: Wish) -> _Choice:
        """The charts that are asked for.

        Raises:
            UsageError: A pattern is no valid one.
        """
        asked = wish.queries, wish.pattern, wish.separate
        among = [(run, len(run.keys)) for run in runs]
        self.focus = wish.focus
        before = self._choice
        if before and (before.asked, before.among) == (asked, among):
            return before
        every = list(dict.fromkeys(key for run in runs for key in run.keys))
        keys = wish.keys(every)
        most = len(_subjects(runs, keys[: wish.main(every)], apart=wish.separate))
        subjects = _subjects(runs, keys, apart=wish.separate)
        if before and before.asked == asked and wish.focus < len(before.subjects):
            self.focus = _place_of(before.subjects[wish.focus], subjects, wish)
        self._choice = _Choice(asked, among, subjects, most)
        return self._choice

    def _figures(self, runs: Sequence[Shown], subjects: Sequence[Subject], area: Box) -> list[Line]:
        """Numbers alone, for an area too small for a chart: of each key, those of the best run."""
        self.cells, self._last, self.is_stale = [], None, False
        self._turn(subjects, area.height)
        lines: list[Line] = []
        for key, which in subjects[self.first : self.first + self.per_page]:
            tally = max((runs[i].tally(key) for i in which), key=lambda each: worth(key, each))
            name = fit(key, area.width // 2)
            said = joined(facts(key, tally), area.width - cells(name) - 2)
            lines.append([Span(f"{name}  ", BOLD), Span(said)])
        return lines

    def _turn(self, subjects: Sequence[Subject], per_page: int) -> None:
        """Goes to the page on which the chart in focus is."""
        self.count, self.per_page = len(subjects), per_page
        self.focus = min(self.focus, self.count - 1)
        self.first = self.focus // per_page * per_page

    def _place(self, subjects: list[Subject], most: int, wish: Wish, area: Box) -> None:
        """Puts the charts of the page in focus where they are to lie."""
        arrangement = arrange(1 if wish.alone else max(most, 1), area.width, area.height)
        self._turn(subjects, arrangement.per_page)
        shown = subjects[self.first : self.first + self.per_page]
        kept = {(cell.subject, cell.box): cell for cell in self.cells}
        places = zip(shown, arrangement.boxes(area, len(shown)), strict=True)
        self.cells = [kept.get(place) or Cell(*place, area) for place in places]

    def _draw(self, runs: Sequence[Shown], wish: Wish, now_s: float) -> None:
        """Draws what is another than it was, if it is time."""
        begin_s = perf_counter()
        self.is_stale = drawn = False
        is_zoomed = wish.drawing.xlim != Limits()
        for cell in self.cells:
            key, which = cell.subject
            chosen = [_in_sight(runs[i], key, is_zoomed=is_zoomed) for i in which]
            asked = wish.drawing, tuple(run.name for run in chosen), len(runs) > 1
            data = tuple((run, run.version(key)) for run in chosen)
            if (cell.asked, cell.data) == (asked, data):
                continue
            if cell.asked == asked and now_s < self._redraw_s:
                self.is_stale = True
                continue
            cell.draw(runs, [run.as_run() for run in chosen], wish.drawing, self._look)
            cell.asked, cell.data = asked, data
            drawn = True
        if drawn:
            self._redraw_s = now_s + max((perf_counter() - begin_s) / _SHARE, _SOONEST_S)

    def _assembled(self, area: Box, pointed: tuple[int, int] | None, *, mark: bool) -> list[Line]:
        rows: list[list[Span]] = [[] for _ in range(area.height)]
        for number, cell in enumerate(self.cells, self.first):
            here = pointed if pointed and cell.box.holds(*pointed) else None
            lines = cell.lines(
                focused=mark and number == self.focus,
                pointed=cell.place_at(here[0]) if here else None,
                look=self._look,
            )
            for row, line in enumerate(lines, cell.box.top - area.top):
                rows[row] += line
        return list(rows)

    @property
    def focused(self) -> Cell | None:
        """The chart in focus; None where there is none."""
        place = self.focus - self.first
        return self.cells[place] if place < len(self.cells) else None

    def at(self, column: int, row: int) -> int | None:
        """The number of the chart at a cell of the screen; None where there is none."""
        places = enumerate(self.cells, self.first)
        return next((number for number, cell in places if cell.box.holds(column, row)), None)


def stretches(live: Sequence[LiveRun], wish: Wish) -> dict[LiveRun, Stretch]:
    """Run → the steps of it that are in sight; none where that is all of them."""
    drawing = wish.drawing
    if drawing.xlim == Limits():
        return {}
    low, high = (
        -math.inf if drawing.xlim.low is None else drawing.xlim.low,
        math.inf if drawing.xlim.high is None else drawing.xlim.high,
    )
    if drawing.x == "step":
        return dict.fromkeys(live, Stretch(low, high))
    found = {run: _stretch(run, drawing.x, low, high) for run in live}
    return {run: stretch for run, stretch in found.items() if stretch}


def knows_axis(live: Sequence[LiveRun], axis: str) -> bool:
    """Whether any of the runs knows this axis; all know the step."""
    if axis == "step":
        return True
    column = "epochs" if axis == "epoch" else "wall_times"
    firsts = (next(iter(run.as_run().series.values()), None) for run in live)
    return any(first is not None and getattr(first, column) is not None for first in firsts)


def _stretch(run: LiveRun, axis: str, low: float, high: float) -> Stretch | None:
    """The steps between two places on another axis, as far as the kept samples tell."""
    longest = max(run.as_run().series.values(), key=len, default=None)
    try:
        view = longest.view(axis, "all") if longest else None
    except TrainvizError:
        return None
    if view is None:
        return None
    inside = np.flatnonzero((view.x >= low) & (view.x <= high))
    if not len(inside):
        return None
    first, last = max(inside[0] - 1, 0), min(inside[-1] + 1, len(view) - 1)
    steps = view.steps[first : last + 1]
    return Stretch(float(steps.min()), math.inf if high == math.inf else float(steps.max()))


def _in_sight(run: Shown, key: str, *, is_zoomed: bool) -> Shown:
    """The samples to draw: those of the stretch in sight, where it was read again and has any."""
    closeup = run.closeup if is_zoomed else None
    return closeup if closeup and key in closeup.keys else run


def _why_nothing(runs: Sequence[Shown], wish: Wish) -> str:
    """Why there is no chart."""
    if not any(run.keys for run in runs):
        return "no record so far"
    return f"no key fits {wish.pattern or ', '.join(wish.queries)}"


def _subjects(runs: Sequence[Shown], keys: Sequence[str], *, apart: bool) -> list[Subject]:
    """What each chart of these keys is about."""
    found = []
    for key in keys:
        which = tuple(i for i, run in enumerate(runs) if key in run.keys)
        found += [Subject(key, (i,)) for i in which] if apart else [Subject(key, which)]
    return found


def _place_of(subject: Subject, subjects: Sequence[Subject], wish: Wish) -> int:
    """Where a chart is now that there are other keys or runs: who looks at it, stays with it."""
    for place, each in enumerate(subjects):
        if each.key == subject.key and (each.which == subject.which or not wish.separate):
            return place
    return wish.focus

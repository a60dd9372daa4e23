"""One chart of the screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from trainviz_cli.analysis.panels import Limits, build_panels
from trainviz_cli.analysis.scales import Scale, hidden, x_scale
from trainviz_cli.errors import NotFoundError, TrainvizError
from trainviz_cli.model.keys import has_best, is_bookkeeping
from trainviz_cli.model.numbers import plain, short
from trainviz_cli.model.summary import best_direction
from trainviz_cli.render.term.chart import MIN_HEIGHT, Chart, cell_of, draw_chart
from trainviz_cli.render.term.dashboard.arrangement import GAP
from trainviz_cli.render.term.legend import Entry, entry_lines, mark_of, preparation
from trainviz_cli.render.term.style import (
    BOLD,
    DIM,
    Line,
    Span,
    Style,
    line_cells,
    padded,
    with_char,
)
from trainviz_cli.render.term.text import cells, fit, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from trainviz_cli.analysis.panels import Curve, Drawing, Panel
    from trainviz_cli.model.bounded import Tally
    from trainviz_cli.model.run import Run
    from trainviz_cli.model.series import FloatArray
    from trainviz_cli.render.term.chart import Look
    from trainviz_cli.render.term.dashboard.arrangement import Box
    from trainviz_cli.render.term.dashboard.still import Shown


class Subject(NamedTuple):
    """What a chart is about.

    Attributes:
        key: What was logged.
        which: The runs, by their place among all.
    """

    key: str
    which: tuple[int, ...]


class Drawn(NamedTuple):
    """A chart as it was drawn.

    Attributes:
        panel: What it shows.
        chart: Its lines, and where in it things lie.
        notes: What it can't show, and how it was prepared.
    """

    panel: Panel
    chart: Chart
    notes: Sequence[str]


class Cell:
    """A chart on the screen, kept as long as it needn't be drawn again.

    Attributes:
        subject: What it is about.
        box: Where it lies.
        drawn: What was drawn last; None where that failed.
        asked: How, and of which runs, it was to be drawn.
        data: What it was drawn from, to tell when that is another.
    """

    def __init__(self, subject: Subject, box: Box, area: Box) -> None:
        self.subject = subject
        self.box = box
        ends_it = box.left + box.width == area.left + area.width
        self._width = box.width + (0 if ends_it else GAP)
        self.drawn: Drawn | None = None
        self.asked: object = None
        self.data: object = None
        self._failure = ""
        self._whole: Sequence[Run] = ()
        self._legend: list[Line] = []
        self._told: list[Tally] | None = None

    def draw(
        self, live: Sequence[Shown], chosen: Sequence[Run], drawing: Drawing, look: Look
    ) -> None:
        """Draws the curves.

        Args:
            live: All runs.
            chosen: Those it is about, as much of them as is in sight.
            drawing: How.
            look: The characters to draw with.
        """
        self._whole = [live[i].as_run() for i in self.subject.which]
        try:
            panel = _panel(chosen, self.subject, drawing)
            if len(live) > 1 and len(chosen) == 1:
                panel = panel._replace(title=f"{panel.title}  {chosen[0].name}")
            self.drawn = self._drawn(panel, look)
        except TrainvizError as error:  # a limit below 0 on a logarithmic axis
            self.drawn, self._failure = None, error.message

    def _drawn(self, panel: Panel, look: Look) -> Drawn:
        # That it is smoothed stands above all charts.
        drawing = panel.drawing
        unsmoothed = panel._replace(drawing=drawing._replace(smooth=None))
        said = (*panel.notes, *preparation(unsmoothed))
        has_notes = bool(said or drawing.robust or drawing.log_y)
        height = self.box.height - self._legend_rows() - has_notes
        chart = draw_chart(panel, self.box.width, height, look)
        chart = chart._replace(lines=[self._padded(line) for line in chart.lines])
        notes = (*hidden(panel, chart.x, chart.y), *said) if has_notes else ()
        return Drawn(panel, chart, notes)

    def tell(self, runs: Sequence[Shown], look: Look) -> None:
        """Brings the legend up to date, which costs little: a row for each run, or all in one."""
        key, which = self.subject
        tallies = [runs[i].tally(key) for i in which]
        if tallies == self._told:
            return
        self._told = tallies
        width, rows = self.box.width, self._legend_rows()
        if len(runs) == 1:
            lines: list[Line] = [[Span(joined(facts(key, tallies[0]), width), DIM)]]
        elif len(which) <= rows:
            each = zip(which, tallies, strict=True)
            entries = [Entry(runs[i].name, i, facts(key, tally)) for i, tally in each]
            lines = entry_lines(entries, width, look.marks)
        else:
            names = [run.name for run in runs]
            by_run = dict(zip(which, tallies, strict=True))
            lines = list(_in_rows(key, names, by_run, (width, rows), look))
        self._legend = [self._padded(line) for line in lines[:rows]]

    def _legend_rows(self) -> int:
        most, count = max(1, (self.box.height - MIN_HEIGHT) // 3), len(self.subject.which)
        return count if count <= most else min(most, 2)

    def lines(self, *, focused: bool, pointed: float | None, look: Look) -> list[Line]:
        """What stands in its box, each line with the gap beside it.

        Args:
            focused: Keys act on it.
            pointed: The place on the x axis that the mouse points at, from 0 to 1.
            look: The characters to draw with.
        """
        if self.drawn is None:
            title = f"{look.focus} {self.subject.key}" if focused else self.subject.key
            lines = [self._padded([Span(fit(title, self.box.width), BOLD)])]
            lines += [self._padded([Span(fit(self._failure, self.box.width))])]
            return self._filled(lines)
        lines = list(self.drawn.chart.lines)
        title = f"{look.focus} {self.drawn.panel.title}" if focused else self.drawn.panel.title
        if focused:
            lines[0] = self._padded([Span(fit(title, self.box.width), BOLD)])
        if pointed is not None:
            _point(lines, self.drawn, pointed, look)
            read = _read_out(self.drawn, pointed, look, self.box.width * 3 // 4)
            room = self.box.width - line_cells(read) - 2
            lines[0] = self._padded([Span(fit(title, room), BOLD), Span("  "), *read])
        lines += self._legend
        if self.drawn.notes:
            lines.append(self._padded([Span(_noted(self.drawn.notes, self.box.width), DIM)]))
        return self._filled(lines)

    def _filled(self, lines: Sequence[Line]) -> list[Line]:
        """As many lines as the box is high."""
        missing = self.box.height - len(lines)
        return [*lines[: self.box.height], *(self._padded([]) for _ in range(missing))]

    def _padded(self, line: Line) -> Line:
        return padded(line, self._width)

    def axes(self, drawing: Drawing) -> tuple[Scale, Scale] | None:
        """The x axis as it is drawn next, and the one that shows all there is; None without."""
        if self.drawn is None:
            return None
        whole = _panel(self._whole, self.subject, drawing._replace(xlim=Limits()))
        return x_scale(whole._replace(drawing=drawing)), x_scale(whole)

    def place_at(self, column: int) -> float | None:
        """Where on the x axis a column of the screen lies, from 0 to 1; None beside it."""
        if self.drawn is None:
            return None
        chart = self.drawn.chart
        inside = column - self.box.left - chart.margin
        return inside / max(chart.columns - 1, 1) if 0 <= inside < chart.columns else None


def _point(lines: list[Line], drawn: Drawn, place: float, look: Look) -> None:
    """Draws a line down through what is pointed at."""
    chart = drawn.chart
    column = cell_of(np.array([place]), chart.columns, look.dots.columns)[0]
    for row in range(1, len(lines) - 2):
        lines[row] = with_char(lines[row], chart.margin + int(column), look.pointer)


def _read_out(drawn: Drawn, place: float, look: Look, width: int) -> Line:
    """The sample of each curve nearest to a place, as far as there is room for them."""
    column = 1 / max(drawn.chart.columns - 1, 1)
    curves = drawn.panel.curves
    found = [
        (*sample, curve.color)
        for curve in curves
        if (sample := _nearest(curve, drawn.chart.x.positions(curve.view.x), place, column))
    ]
    if not found:
        return [Span(fit("no sample", width))]
    step = min(found)[1]
    if len(curves) == 1:
        return [Span(fit(f"step {plain(step)}: {short(found[0][2])}", width))]
    line = [Span(fit(f"step {plain(step)}:", width))]
    for _, _, value, color in found:
        line.append(Span(f" {mark_of(color, look.marks)} {short(value)}", Style(color)))
    while line_cells(line) > width:
        line.pop()
    return line


def _nearest(
    curve: Curve, places: FloatArray, place: float, column: float
) -> tuple[float, float, float] | None:
    """Distance, step and value of the sample nearest to a place; None beyond the curve's ends."""
    if not np.isfinite(places).any():
        return None
    if not np.nanmin(places) - column <= place <= np.nanmax(places) + column:
        return None
    i = int(np.nanargmin(np.abs(places - place)))
    return float(abs(places[i] - place)), curve.view.steps[i].item(), curve.view.y[i].item()


def _panel(chosen: Sequence[Run], subject: Subject, drawing: Drawing) -> Panel:
    """What the chart shows; against the step, where a log doesn't know another axis."""
    try:
        panel = build_panels(chosen, [subject.key], drawing)[0]
    except NotFoundError as error:
        by_step = drawing._replace(x="step", xlim=Limits())
        panel = build_panels(chosen, [subject.key], by_step)[0]
        panel = panel._replace(notes=(*panel.notes, error.message))
    place = {run.name: i for run, i in zip(chosen, subject.which, strict=True)}
    curves = tuple(curve._replace(color=place[curve.run]) for curve in panel.curves)
    return panel._replace(curves=curves, title=subject.key)


def best_of(key: str, tally: Tally) -> tuple[float | None, float | None]:
    """The best value and its step; None where there is none."""
    if best_direction(key) == "min":
        return tally.least, tally.least_step
    return tally.most, tally.most_step


def worth(key: str, tally: Tally) -> float:
    """How good a run is at a key; the more, the better."""
    best = best_of(key, tally)[0]
    if best is None:
        return -np.inf
    return -best if best_direction(key) == "min" else best


def facts(key: str, tally: Tally) -> list[str]:
    """What there is to say of a key, the most telling first."""
    said = [f"last {short(tally.last)}"]
    if tally.bad_step is not None:
        said.append(f"NaN or Inf from step {plain(tally.bad_step)}")
    best, step = best_of(key, tally)
    if best is None or step is None or is_bookkeeping(key):
        return said
    if has_best(key):
        return [*said, f"best {short(best)} at {plain(step)}"]
    ends = ("max", tally.most, tally.most_step), ("min", tally.least, tally.least_step)
    return [*said, *(f"{end} {short(value or 0)} at {plain(at or 0)}" for end, value, at in ends)]


def _in_rows(
    key: str,
    names: Sequence[str],
    tallies: Mapping[int, Tally],
    size: tuple[int, int],
    look: Look,
) -> Iterator[Line]:
    """All runs in a row, by their marks: last values, and best ones; of many, the best by name."""
    width, rows = size
    ranked = sorted(tallies, key=lambda i: worth(key, tallies[i]), reverse=True)
    if len(tallies) > len(look.marks):
        yield from entry_lines(
            [Entry(names[i], i, facts(key, tallies[i])) for i in ranked[:rows]],
            width,
            look.marks,
        )
        return
    last = {i: tallies[i].last for i in ranked}
    best = {i: value for i in ranked if (value := best_of(key, tallies[i])[0]) is not None}
    for word, values in (("last", last), ("best", {} if is_bookkeeping(key) else best)):
        found: dict[int, list[Span]] = {}
        room = width - cells(word)
        for i, value in values.items():
            said = [Span(f" {mark_of(i, look.marks)}", Style(i)), Span(f" {short(value)}", DIM)]
            room -= line_cells(said)
            if room < 0:
                break
            found[i] = said
        if found:
            yield [Span(word, DIM), *(span for i in sorted(found) for span in found[i])]


def _noted(notes: Sequence[str], width: int) -> str:
    """The notes in a line, and where there is no room, what the first says before a comma."""
    return joined(notes, width, " · ") or fit(notes[0].partition(", ")[0], width)


def joined(said: Iterable[str], width: int, gap: str = "  ") -> str:
    """What is said, as far as there is room for it: half a number would be another."""
    line = ""
    for fact in map(printable, said):
        longer = f"{line}{gap}{fact}" if line else fact
        if cells(longer) > width:
            break
        line = longer
    return line

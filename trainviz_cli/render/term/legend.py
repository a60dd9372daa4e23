"""What stands below a chart: each curve's name, mark and figures, and how it was prepared."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from trainviz_cli.analysis.panels import nonfinite_steps
from trainviz_cli.model.keys import less_is_better
from trainviz_cli.model.numbers import plain, short
from trainviz_cli.render.term.style import DIM, Line, Span, Style
from trainviz_cli.render.term.text import cells, fit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from trainviz_cli.analysis.panels import Curve, Panel

_MOST_ENTRIES = 30
_OVERLAPS = {"last": "the later one shows", "first": "the first one shows", "all": "all show"}


def mark_of(index: int, marks: str) -> str:
    """The mark of the n-th curve; a second round doesn't repeat the pairs of mark and colour."""
    return marks[(index + index // len(marks)) % len(marks)]


def legend(panel: Panel, width: int, marks: str) -> list[Line]:
    """One line a curve: its mark, its name and its figures."""
    shown = panel.curves[:_MOST_ENTRIES]
    entries = [Entry(curve.label, curve.color, list(figures(curve))) for curve in shown]
    return entry_lines(entries, width, marks, more=len(panel.curves) - len(shown))


class Entry(NamedTuple):
    """What stands in a legend.

    Attributes:
        label: What the curve is called; it may come from outside.
        color: Its place in a palette.
        facts: What there is to say, the most telling first.
    """

    label: str
    color: int
    facts: Sequence[str]


def entry_lines(entries: Sequence[Entry], width: int, marks: str, more: int = 0) -> list[Line]:
    """One line an entry, their columns aligned; and how many more there are."""
    names = _aligned([fit(entry.label, width // 2) for entry in entries])
    facts = _columns([list(entry.facts) for entry in entries])
    lines: list[Line] = [
        _entry(f"{mark_of(entry.color, marks)} {name}", Style(entry.color), said, width)
        for entry, name, said in zip(entries, names, facts, strict=True)
    ]
    return [*lines, [Span(f"  and {more} more", DIM)]] if more else lines


def _aligned(texts: Sequence[str]) -> list[str]:
    """The texts, each filled up to the widest."""
    widest = max(map(cells, texts), default=0)
    return [text + " " * (widest - cells(text)) for text in texts]


def _columns(rows: list[list[str]]) -> list[list[str]]:
    """The rows with their columns aligned, if they are of one kind."""
    if len({len(row) for row in rows}) != 1:
        return rows
    columns = [_aligned(column) for column in zip(*rows, strict=True)]
    return [list(row) for row in zip(*columns, strict=True)]


def _entry(head: str, style: Style, said: Sequence[str], width: int) -> Line:
    """Mark and name, and as much of what is said as there is room for."""
    line = [Span(head, style)]
    used = cells(head)
    for fact in said:
        used += 2 + cells(fact.rstrip())
        if used > width:
            break
        line.append(Span(f"  {fact}", DIM))
        used += cells(fact) - cells(fact.rstrip())
    line[-1] = line[-1]._replace(text=line[-1].text.rstrip())  # which there may be no room for
    return line


def figures(curve: Curve) -> Iterator[str]:
    """What there is to say about a curve, the most telling first."""
    view = curve.view
    at = "at" if view.axis == "step" else "at step"
    if len(view):
        smooth = "" if curve.smooth is None else f", smoothed {short(float(curve.smooth[-1]))}"
        yield f"last {short(float(view.y[-1]))}{smooth}"
    if bad := nonfinite_steps(view):
        yield f"{len(bad)} not finite, first {at} {plain(bad[0])}"
    known = np.isfinite(view.y)
    if not known.any():
        return
    values, steps = view.y[known], view.steps[known]
    low, high = int(values.argmin()), int(values.argmax())
    least = f"min {short(float(values[low]))} {at} {plain(steps[low])}"
    most = f"max {short(float(values[high]))} {at} {plain(steps[high])}"
    yield from (least, most) if less_is_better(curve.key) else (most, least)


def preparation(panel: Panel) -> Iterator[str]:
    """How the curves were smoothed, and what became of steps that were logged again."""
    if panel.drawing.smooth:
        yield f"smoothed: {panel.drawing.smooth.label}; the samples themselves behind"
    replaced = sum(curve.view.replaced for curve in panel.curves)
    if replaced or any(len(curve.view.pieces) > 1 for curve in panel.curves):
        yield f"restarted: where steps were logged again, {_OVERLAPS[panel.drawing.overlap]}"
    if replaced:
        yield f"{replaced} samples of replaced starts are not shown (--overlap all)"

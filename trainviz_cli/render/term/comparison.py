"""Runs side by side in a terminal: a table for each key, and what differs in configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainviz_cli.analysis.config import value_text
from trainviz_cli.model.numbers import change, plain, short
from trainviz_cli.render.term.legend import mark_of
from trainviz_cli.render.term.style import BOLD, DIM, Line, Span, Style
from trainviz_cli.render.term.table import Column, table
from trainviz_cli.render.term.text import cells, fit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trainviz_cli.analysis.comparison import Comparison, Row
    from trainviz_cli.render.term.chart import Look

_NARROWEST_VALUE = 10
_ABSENT = "–"


def draw_comparison(comparison: Comparison, width: int, look: Look) -> list[Line]:
    """One key's table: a run a row, with the mark and the colour of its curve."""
    rows = comparison.rows
    said = [row.summary for row in rows]
    best = [_best(row) for row in rows]
    columns = [
        Column(
            "run",
            [f"{mark_of(i, look.marks)} {row.run}" for i, row in enumerate(rows)],
            least=12,
            styles=[Style(i, bold=row.wins) for i, row in enumerate(rows)],
        ),
        Column("last", [short(each.last) if each else _ABSENT for each in said], right=True),
        Column(
            "Δ", [_difference(row.last_change) for row in rows], right=True, worth=1, styles=DIM
        ),
        Column(
            f"best ({comparison.direction})",
            best,
            right=True,
            styles=[Style(bold=row.wins) for row in rows],
        ),
        Column("at step", [_best_step(row) for row in rows], right=True, worth=2),
        Column(
            "Δ", [_difference(row.best_change) for row in rows], right=True, worth=3, styles=DIM
        ),
    ]
    return table(columns, width)


def _best(row: Row) -> str:
    if row.summary is None or row.summary.best is None:
        return f"{_ABSENT} "
    return short(row.summary.best) + ("*" if row.wins else " ")


def _best_step(row: Row) -> str:
    step = row.summary and row.summary.best_step
    return _ABSENT if step is None else plain(step)


def _difference(difference: float | None) -> str:
    return _ABSENT if difference is None else change(difference)


def draw_differences(
    differences: Mapping[str, Mapping[str, object]], runs: Sequence[str], width: int, look: Look
) -> list[Line]:
    """What differs in the configurations: a run a column, or, where that is too wide, lists."""
    if not differences:
        return []
    names = [f"{mark_of(i, look.marks)} {run}" for i, run in enumerate(runs)]
    columns = [Column("config that differs", list(differences), least=16)]
    for i, (run, name) in enumerate(zip(runs, names, strict=True)):
        texts = [
            value_text(values[run]) if run in values else _ABSENT for values in differences.values()
        ]
        columns.append(Column(name, texts, least=_NARROWEST_VALUE, styles=Style(i)))
    if 18 + (_NARROWEST_VALUE + 2) * len(runs) <= width:
        return table(columns, width)
    return [
        [Span("config that differs", DIM)],
        *(
            line
            for name, values in differences.items()
            for line in _grouped(name, values, dict(zip(runs, names, strict=True)), width)
        ),
    ]


def _grouped(
    name: str, values: Mapping[str, object], names: Mapping[str, str], width: int
) -> list[Line]:
    """One value a line, and behind it the runs that have it."""
    groups: dict[str, list[str]] = {}
    for run in names:
        text = value_text(values[run]) if run in values else _ABSENT
        groups.setdefault(text, []).append(run)
    wide = min(max(cells(fit(text, width // 2)) for text in groups), width // 2)
    lines: list[Line] = [[Span(fit(name, width), BOLD)]]
    for text, runs in groups.items():
        head = fit(text, wide)
        head = f"  {head}{' ' * (wide - cells(head))}  "
        lines.append([Span(head), Span(fit(", ".join(runs), width - cells(head)), DIM)])
    return lines


def draw_title(comparison: Comparison, width: int) -> list[Line]:
    """The key, where no chart says it."""
    return [[Span(fit(comparison.key, width), BOLD)]]

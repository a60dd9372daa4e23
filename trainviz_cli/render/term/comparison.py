"""Runs side by side in a terminal: a table for each key, and what differs in configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainviz_cli.analysis.config import value_text
from trainviz_cli.model.numbers import change, plain, short
from trainviz_cli.render.term.legend import mark_of
from trainviz_cli.render.term.style import BOLD, DIM, Line, Span, Style
from trainviz_cli.render.term.table import Column, table
from trainviz_cli.render.term.text import cells, fit, fit_apart

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from trainviz_cli.analysis.comparison import Comparison, Row
    from trainviz_cli.render.term.chart import Look

_ALARM = 7  # its place in the palette
_NARROWEST_RUN = 20
_NARROWEST_VALUE = 10
_ABSENT, _BASE = "–", "base"


def draw_comparison(comparison: Comparison, width: int, look: Look) -> list[Line]:
    """One key's table: a run a row, with the mark and the colour of its curve."""
    rows = comparison.rows
    said = [row.summary for row in rows]
    best = [_best(row) for row in rows]
    columns = [
        Column(
            "run",
            [f"{mark_of(i, look.marks)} {row.run}" for i, row in enumerate(rows)],
            least=_NARROWEST_RUN,
            styles=[Style(i, bold=row.wins) for i, row in enumerate(rows)],
        ),
        Column(
            "last", [short(each.last) if each else _ABSENT for each in said], right=True, worth=4
        ),
        Column(
            "Δ",
            [_difference(row, row.last_change) for row in rows],
            right=True,
            worth=1,
            styles=DIM,
        ),
        Column(
            f"best ({comparison.direction})",
            best,
            right=True,
            styles=[Style(bold=row.wins) for row in rows],
        ),
        Column("at step", [_best_step(row) for row in rows], right=True, worth=2),
        Column(
            "Δ",
            [_difference(row, row.best_change) for row in rows],
            right=True,
            worth=3,
            styles=DIM,
        ),
    ]
    odd = [len(each.nonfinite) if each else 0 for each in said]
    if any(odd):
        texts = [str(count) if count else "" for count in odd]
        columns.append(Column("NaN, Inf", texts, right=True, worth=2, styles=Style(_ALARM)))
    return table(columns, width)


def _best(row: Row) -> str:
    if row.summary is None or row.summary.best is None:
        return f"{_ABSENT} "
    return short(row.summary.best) + ("*" if row.wins else " ")


def _best_step(row: Row) -> str:
    step = row.summary and row.summary.best_step
    return _ABSENT if step is None else plain(step)


def _difference(row: Row, difference: float | None) -> str:
    if difference is None:
        return _ABSENT
    return _BASE if row.is_baseline else change(difference)


def draw_differences(
    differences: Mapping[str, Mapping[str, object]], runs: Sequence[str], width: int, look: Look
) -> list[Line]:
    """What differs in the configurations: a run a column, or, where that is too wide, lists."""
    if not differences:
        return []
    names = [f"{mark_of(i, look.marks)} {run}" for i, run in enumerate(runs)]
    columns = [Column("config that differs", list(differences), least=16)]
    rows = [
        fit_apart(_texts(values, runs), (width - 18) // len(runs) - 2)
        for values in differences.values()
    ]
    for i, name in enumerate(names):
        texts = [row[i] for row in rows]
        columns.append(
            Column(name, texts, least=_NARROWEST_VALUE, styles=Style(i), head_style=Style(i))
        )
    if 18 + (_NARROWEST_VALUE + 2) * len(runs) <= width:
        return table(columns, width)
    return [
        [Span("config that differs", DIM)],
        *(
            line
            for name, values in differences.items()
            for line in _grouped(name, _texts(values, runs), names, width)
        ),
    ]


def _texts(values: Mapping[str, object], runs: Sequence[str]) -> list[str]:
    return [value_text(values[run]) if run in values else _ABSENT for run in runs]


def _grouped(name: str, texts: Sequence[str], names: Sequence[str], width: int) -> list[Line]:
    """One value a line, and behind it the runs that have it."""
    groups: dict[str, list[int]] = {}
    for i, text in enumerate(texts):
        groups.setdefault(text, []).append(i)
    short = fit_apart(list(groups), width // 2)
    wide = max(map(cells, short))
    lines: list[Line] = [[Span(fit(name, width), BOLD)]]
    for text, members in zip(short, groups.values(), strict=True):
        head = f"  {text}{' ' * (wide - cells(text))}  "
        lines.append([Span(head), *_members(members, names, width - cells(head))])
    return lines


def _members(members: Sequence[int], names: Sequence[str], width: int) -> Iterator[Span]:
    """As many of these runs as there is room for, each in its colour, and how many more."""
    used = 0
    for place, i in enumerate(members):
        rest = len(members) - place - 1
        gap, more = "  " if place else "", f"  and {rest} more" if rest else ""
        room = width - used - len(gap + more)
        name = fit(names[i], width if place else max(room, 1))
        if place and cells(name) > room:
            yield Span(fit(f"  and {rest + 1} more", width - used), DIM)
            return
        yield Span(gap + name, Style(i))
        used += len(gap) + cells(name)


def draw_title(comparison: Comparison, width: int) -> list[Line]:
    """The key, where no chart says it."""
    return [[Span(fit(comparison.key, width), BOLD)]]

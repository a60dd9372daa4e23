"""Comparisons as text for other programs: CSV for tables, Markdown for reports."""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING

from trainviz_cli.analysis.config import value_text
from trainviz_cli.model.numbers import change, plain, short
from trainviz_cli.render.term.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trainviz_cli.analysis.comparison import Comparison, Row

_COLUMNS = "run key direction last last_step last_change best best_step best_change wins".split()
_MARKUP = re.compile(r"([\\`*<>\[\]|~#&]|(?<!\w)_|_(?!\w))")


def to_csv(compared: Sequence[Comparison]) -> str:
    """The figures, a line for each run and key; what is unknown or not finite stays empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for comparison in compared:
        for row in comparison.rows:
            writer.writerow(
                [
                    printable(row.run),
                    printable(comparison.key),
                    comparison.direction,
                    *map(_number, _figures(row)),
                    int(row.wins),
                ]
            )
    return text.getvalue()


def _figures(row: Row) -> list[float | None]:
    said = row.summary
    return [
        *((said.last, said.last_step) if said else (None, None)),
        row.last_change,
        *((said.best, said.best_step) if said else (None, None)),
        row.best_change,
    ]


def _number(value: float | None) -> str:
    """Every digit that tells it from its neighbours."""
    return "" if value is None or value - value != 0 else repr(value)


def to_markdown(
    compared: Sequence[Comparison],
    differences: Mapping[str, Mapping[str, object]],
    runs: Sequence[str],
) -> str:
    """A table for each key, the best in bold, and one of what differs in the configurations."""
    parts = [
        f"**{_escaped(comparison.key)}**, best is {comparison.direction}\n\n"
        + _table(
            ["run", "last", "Δ", "best", "at step", "Δ"],
            [_markdown_row(row) for row in comparison.rows],
            "---:",
        )
        for comparison in compared
    ]
    if differences:
        rows = [
            [
                _escaped(name),
                *(_escaped(value_text(values[run])) if run in values else "" for run in runs),
            ]
            for name, values in differences.items()
        ]
        parts.append(_table(["config", *map(_escaped, runs)], rows, "---"))
    return "\n".join(parts)


def _markdown_row(row: Row) -> list[str]:
    said = row.summary
    best = "" if said is None or said.best is None else short(said.best)
    return [
        _escaped(row.run),
        short(said.last) if said else "",
        "" if row.last_change is None else change(row.last_change),
        f"**{best}**" if row.wins else best,
        "" if said is None or said.best_step is None else plain(said.best_step),
        "" if row.best_change is None else change(row.best_change),
    ]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], align: str) -> str:
    lines = [head, ["---", *(align for _ in head[1:])], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _escaped(text: str) -> str:
    """Text from outside, with nothing in it that Markdown or a terminal would interpret."""
    return _MARKUP.sub(r"\\\1", printable(text))

"""One run on one screen: what it is, its keys, configuration, pictures and damage."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from trainviz_cli.analysis.config import flat, value_text
from trainviz_cli.model.keys import is_bookkeeping
from trainviz_cli.model.numbers import age, duration, plain, short
from trainviz_cli.model.run import steps_by_name
from trainviz_cli.model.summary import summarize
from trainviz_cli.render.term.sparkline import sparkline
from trainviz_cli.render.term.style import BOLD, DIM, Line, Span, Style
from trainviz_cli.render.term.table import Column, table
from trainviz_cli.render.term.text import cells, fit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from trainviz_cli.model.diagnostic import Diagnostic
    from trainviz_cli.model.run import Image, Run, Text
    from trainviz_cli.model.series import Series
    from trainviz_cli.render.term.chart import Look

_MOST_VALUES = 24
_MOST_STEPS = 6
_CURVE, _ALARM = 0, 7  # places in the palette
_NARROWEST_CURVE, _WIDEST_CURVE = 12, 40


class Sheet(NamedTuple):
    """How a run is to be shown.

    Attributes:
        width: Cells.
        look: The characters to draw with.
        now: Unix seconds, from which ages count.
        verbose: All values of the configuration, and each damaged place.
    """

    width: int
    look: Look
    now: float
    verbose: bool = False


class Found(NamedTuple):
    """What of a run may not be readable.

    Attributes:
        config: Its configuration, nested.
        texts: Its texts.
        notes: What is to be said about reading it.
    """

    config: Mapping[str, object]
    texts: Sequence[Text]
    notes: Sequence[Diagnostic]


def draw_sheet(run: Run, found: Found, sheet: Sheet) -> list[Line]:
    """The run on one screen.

    Args:
        run: What was read.
        found: What else of it could be read.
        sheet: How to show it.
    """
    parts = (
        _head(run, sheet),
        _keys(list(run.series.values()), sheet),
        _config(flat(found.config), sheet),
        _logged("images", run.images, sheet),
        _logged("texts", found.texts, sheet),
        _notes(found.notes, sheet),
    )
    shown = [part for part in parts if part]
    return [line for i, part in enumerate(shown) for line in (*([[]] if i else []), *part)]


def _head(run: Run, sheet: Sheet) -> list[Line]:
    where = fit(f"{run.format}  {run.path}", max(sheet.width // 2, sheet.width - 40))
    name = fit(run.name, sheet.width - cells(where) - 2)
    lines: list[Line] = [[Span(name, BOLD), Span(f"  {where}", DIM)]]
    told = ""
    for fact in _facts(list(run.series.values()), sheet.now):
        longer = f"{told} · {fact}" if told else fact
        if told and cells(longer) > sheet.width:
            lines.append([Span(fit(told, sheet.width))])
            longer = fact
        told = longer
    return [*lines, [Span(fit(told, sheet.width))]]


def _facts(every: Sequence[Series], now: float) -> Iterator[str]:
    """What holds for the whole run."""
    if not every:
        yield "no record so far"
        return
    yield f"{len(every)} keys" if len(every) > 1 else "1 key"
    steps = [step for one in every for step in (one.steps.min(), one.steps.max())]
    yield f"steps {_range(min(steps), max(steps))}"
    epochs = [one.epochs for one in every if one.epochs is not None]
    if epochs:
        yield f"epoch {short(max(float(np.nanmax(column)) for column in epochs))}"
    restarts = max(len(one.segments) for one in every) - 1
    if restarts:
        yield f"{restarts} restarts" if restarts > 1 else "1 restart"
    clocks = [one.wall_times for one in every if one.wall_times is not None]
    if clocks:
        begin = min(float(np.nanmin(times)) for times in clocks)
        end = max(float(np.nanmax(times)) for times in clocks)
        yield f"took {duration(end - begin)}"
        yield f"last record {age(now - end)} ago" if now - end >= 1 else "last record now"


def _range(first: float, last: float) -> str:
    return plain(first) if first == last else f"{plain(first)}–{plain(last)}"


def _keys(every: Sequence[Series], sheet: Sheet) -> list[Line]:
    if not every:
        return []
    said = [summarize(series) for series in every]
    odd = [len(summary.nonfinite) for summary in said]
    # Of what only counts or times, none is the best.
    told = [not is_bookkeeping(series.key) for series in every]
    best = [
        "" if summary.best is None or not tell else f"{short(summary.best)} {summary.direction}"
        for summary, tell in zip(said, told, strict=True)
    ]
    at = [
        "" if summary.best_step is None or not tell else plain(summary.best_step)
        for summary, tell in zip(said, told, strict=True)
    ]
    wide = min(max(sheet.width // 5, _NARROWEST_CURVE), _WIDEST_CURVE)
    curves = [sparkline(series.view(), wide, sheet.look) for series in every]
    steps = [_range(summary.first_step, summary.last_step) for summary in said]
    columns = [
        Column("key", [series.key for series in every], least=14),
        Column("count", [str(summary.samples) for summary in said], right=True, worth=3),
        Column("steps", steps, right=True, worth=2),
        Column("first", [short(summary.first) for summary in said], right=True, worth=1),
        Column("last", [short(summary.last) for summary in said], right=True),
        Column("best", best, right=True, worth=7),
        Column("at step", at, right=True, worth=4),
        Column("curve", curves, worth=5, styles=Style(_CURVE)),
    ]
    if any(odd):
        texts = [str(count) if count else "" for count in odd]
        columns.append(Column("NaN, Inf", texts, right=True, worth=6, styles=Style(_ALARM)))
    return table(columns, sheet.width)


def _config(values: Mapping[str, object], sheet: Sheet) -> list[Line]:
    most = len(values) if sheet.verbose else _MOST_VALUES
    shown = list(values.items())[:most]
    columns = [
        Column("config", [name for name, _ in shown], least=16),
        Column("", [value_text(value) for _, value in shown], least=8),
    ]
    return [
        *(table(columns, sheet.width) if shown else []),
        *_more(len(values) - len(shown), "values (--verbose)", sheet),
    ]


def _logged(what: str, logged: Sequence[Image | Text], sheet: Sheet) -> list[Line]:
    steps = steps_by_name(logged)
    columns = [
        Column(what, list(steps), least=16),
        Column("count", [str(len(at)) for at in steps.values()], right=True, worth=1),
        Column("steps", [_some(at) for at in steps.values()], least=8),
    ]
    return table(columns, sheet.width) if steps else []


def _some(steps: Sequence[int]) -> str:
    """The steps, or the first and the last of many."""
    if len(steps) > _MOST_STEPS:
        return f"{steps[0]}, {steps[1]}, …, {steps[-2]}, {steps[-1]}"
    return ", ".join(map(str, steps))


def _notes(notes: Sequence[Diagnostic], sheet: Sheet) -> list[Line]:
    if not notes:
        return []
    most = len(notes) if sheet.verbose else 5
    lines: list[Line] = [[Span("notes", DIM)]]
    for each in notes[:most]:
        lines += [[Span(fit(text, sheet.width))] for text in _told(each, verbose=sheet.verbose)]
    return [*lines, *_more(len(notes) - most, "notes (--verbose)", sheet)]


def _told(each: Diagnostic, *, verbose: bool) -> Iterator[str]:
    """The lines that tell of one kind of damage, or a remark."""
    file = os.path.basename(each.path)  # noqa: PTH119 - a name to show, not a path to open
    count = f"{each.skipped} × " if each.skipped > 1 else ""
    at = (
        ""
        if each.offset is None
        else f", {'first ' if each.skipped > 1 else ''}at byte {each.offset}"
    )
    yield f"{count}{each.message} ({file}{at})"
    if verbose:
        yield from (f"  again at byte {offset}" for offset in each.further)
        if (rest := each.skipped - 1 - len(each.further)) > 0 and each.further:
            yield f"  and {rest} more"


def _more(count: int, what: str, sheet: Sheet) -> list[Line]:
    return [[Span(fit(f"and {count} more {what}", sheet.width), DIM)]] if count > 0 else []

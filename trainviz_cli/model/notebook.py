"""How a run and a series look in a notebook: a table, and small charts drawn as SVG."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np

from trainviz_cli.model.downsample import extremes
from trainviz_cli.model.numbers import plain, short
from trainviz_cli.model.summary import summarize

if TYPE_CHECKING:
    from trainviz_cli.model.run import Run
    from trainviz_cli.model.series import FloatArray, Series

_MOST_KEYS = 50
_SMALL_PX, _LARGE_PX = (140, 24), (420, 110)
_COLOR = "#0072B2"
_EDGE_PX = 2  # so that the line is not cut off


def run_html(run: Run) -> str:
    """The run as a table: a row and a chart for each key, the first fifty of them."""
    heads = "".join(f"<th>{head}</th>" for head in ("key", "count", "steps", "last", "best", ""))
    shown = list(run.series.values())[:_MOST_KEYS]
    rest = len(run) - len(shown)
    return (
        f"<div><b>{_text(run.name)}</b> {_text(run.format)} <code>{_text(run.path)}</code>"
        f"<table><thead><tr>{heads}</tr></thead>"
        f"<tbody>{''.join(map(_row, shown))}</tbody></table>"
        f"{f'and {rest} more keys' if rest else ''}</div>"
    )


def series_html(series: Series) -> str:
    """The series as a chart over its figures."""
    chart = _chart(series, *_LARGE_PX)
    count, steps, last, *best = _figures(series)
    told = ", ".join([f"{count} samples", f"steps {steps}", f"last {last}", *best])
    return f"<div><b>{_text(series.key)}</b><br>{chart}<br>{told}</div>"


def _row(series: Series) -> str:
    count, steps, last, *rest = _figures(series)
    cells = (count, steps, last, rest[0] if rest else "", _chart(series, *_SMALL_PX))
    return f"<tr><td>{_text(series.key)}</td>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _figures(series: Series) -> list[str]:
    said = summarize(series)
    figures = [
        str(said.samples),
        f"{plain(said.first_step)}–{plain(said.last_step)}",
        short(said.last),
    ]
    if said.best is not None and said.best_step is not None:
        figures.append(f"{said.direction} {short(said.best)} at {plain(said.best_step)}")
    return figures


def _text(value: object) -> str:
    return escape(str(value))


def _chart(series: Series, width: int, height: int) -> str:
    """The series' finite values against its steps; lines break where one is missing."""
    view = series.view()
    paths = []
    across = _places(np.asarray(view.x, np.float64)) * (width - 2 * _EDGE_PX) + _EDGE_PX
    down = (1 - _places(np.asarray(view.y, np.float64))) * (height - 2 * _EDGE_PX) + _EDGE_PX
    for piece in view.slices():
        buckets = max(width * (piece.stop - piece.start) // len(view), 1)
        kept = extremes(down[piece], buckets) + piece.start
        known = np.isfinite(down[kept]) & np.isfinite(across[kept])
        for run in np.split(kept, np.flatnonzero(~known)):
            points = [f"{across[i]:.1f},{down[i]:.1f}" for i in run if np.isfinite(down[i])]
            paths += [f"M{' L'.join(points)}{' h0' if len(points) == 1 else ''}"] if points else []
    return (
        f'<svg width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img">'
        f'<path d="{" ".join(paths)}" fill="none" stroke="{_COLOR}" stroke-width="1.5"'
        ' stroke-linecap="round" stroke-linejoin="round"/></svg>'
    )


def _places(values: FloatArray) -> FloatArray:
    """Where finite values lie between their ends, 0..1; halfway if all are one."""
    halves = values / 2  # of all floats, the range would overflow
    known = halves[np.isfinite(halves)]
    if not len(known) or known.min() == known.max():
        return np.where(np.isfinite(halves), 0.5, np.nan)
    with np.errstate(invalid="ignore"):
        places: FloatArray = (halves - known.min()) / (known.max() - known.min())
    return np.where(np.isfinite(halves), places, np.nan)

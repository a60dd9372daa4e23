"""The lines of a chart, and the marks for what no line can show."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.lines import Line2D

from trainviz_cli.model.downsample import extremes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from trainviz_cli.analysis.panels import Curve
    from trainviz_cli.model.series import FloatArray, IntArray, NumberArray, View
    from trainviz_cli.render.figure.rulers import Ruler

# Okabe and Ito's palette without its yellow, which white paper swallows. The three lengths have no
# common divisor, so that two curves differ in two ways at least.
_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00", "#56B4E9")
_DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (6, 1.5, 1.2, 1.5)), (0, (1.5, 1)))
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")
_MARKER_GAP_PX = 110
_MANY = 7  # curves that need finer lines
_ROW = 0.03  # of the chart's height: what the marks of two curves lie apart
_ROWS = 8


@dataclass(frozen=True, slots=True)
class Chart:
    """What the lines of one chart share.

    Attributes:
        axes: Where to draw.
        x: The ruler along the bottom.
        y: The ruler up the side.
        width_px: Width, in which no more than four samples a pixel are told apart.
    """

    axes: Axes
    x: Ruler
    y: Ruler
    width_px: int


def stroke(color: int) -> dict[str, Any]:
    """How the curve with this place in the palette is drawn: its colour and its dashes."""
    return {
        "color": _COLORS[color % len(_COLORS)],
        "linestyle": _DASHES[color % len(_DASHES)],
        "dash_capstyle": "butt",
        "solid_capstyle": "round",
        "solid_joinstyle": "round",
        "marker": _MARKERS[color % len(_MARKERS)],
        "markersize": 6.5,
        "markeredgewidth": 0.7,
        "markeredgecolor": "white",  # sets them off against a noisy line
    }


def draw_curves(chart: Chart, curves: Sequence[Curve]) -> None:
    """Draws the curves, each raw one pale behind its smoothed one."""
    few = len(curves) < _MANY
    pale = {"linewidth": 0.7, "alpha": 0.3, "zorder": 2.0, "linestyle": "-"}
    bold = {"linewidth": 1.5 if few else 1.2, "markersize": 6.5 if few else 5.0, "zorder": 2.1}
    for place, curve in enumerate(curves):
        if curve.smooth is not None:
            _draw(chart, curve, curve.view.y, pale)
        line = _draw(chart, curve, curve.main, bold)
        if len(curves) > 1:
            _add_markers(chart, line, (place + 0.5) / len(curves))
    damaged = [curve for curve in curves if not np.isfinite(curve.view.y).all()]
    for row, curve in enumerate(damaged):
        _mark_lost(chart, curve, 0.02 + _ROW * (row % _ROWS))


def _draw(chart: Chart, curve: Curve, values: NumberArray, look: dict[str, Any]) -> Line2D:
    """Draws the line, and a dot for each sample that has no neighbour to be joined to."""
    xs, ys = _points(chart, curve.view, values)
    known = np.concatenate(([False], np.isfinite(ys), [False]))
    alone = known[1:-1] & ~known[:-2] & ~known[2:]
    style = {**stroke(curve.color), **look}
    dots = {**style, "linestyle": "none", "markersize": 4.5, "markeredgewidth": 0.0}
    if alone.any():
        chart.axes.add_line(Line2D(xs[alone], ys[alone], **dots))
    line = Line2D(xs, ys, **style)
    line.set_markevery([])
    chart.axes.add_line(line)
    return line


def _points(chart: Chart, view: View, values: NumberArray) -> tuple[FloatArray, FloatArray]:
    """The vertices of the pieces, with NaN between two of them and in the gaps."""
    xs, ys = chart.x.place(view.x), chart.y.place(values)
    ys = np.where(np.isnan(xs), np.nan, ys)
    places = chart.x.scale.positions(view.x) * chart.width_px
    parts: list[tuple[FloatArray, FloatArray]] = []
    for piece in view.slices():
        kept = piece.start + _worth_drawing(places[piece], ys[piece], chart.width_px)
        parts += [(xs[kept], ys[kept]), (np.array([np.nan]), np.array([np.nan]))]
    along, up = zip(*parts, strict=True)
    return np.concatenate(along), np.concatenate(up)


def _worth_drawing(places: FloatArray, values: FloatArray, width_px: int) -> IntArray:
    """Indices of the samples that make the same picture as all of them.

    Pixel by pixel and not so many samples each: on a logarithmic axis, or where a log pauses, the
    samples are not spread evenly.
    """
    so_far = np.fmax.accumulate(places)
    if len(values) <= width_px or (places < so_far).any():
        return np.arange(len(values))
    pixels = np.floor(np.clip(np.nan_to_num(so_far, nan=-1.0), -1, width_px))
    bounds = [0, *(np.flatnonzero(np.diff(pixels)) + 1).tolist(), len(values)]
    return np.concatenate(
        [start + extremes(values[start:stop], 1) for start, stop in pairwise(bounds)]
    )


def _add_markers(chart: Chart, line: Line2D, shift: float) -> None:
    """Adds a few markers, evenly along the chart and between those of the other curves."""
    points = np.column_stack((line.get_xdata(orig=True), line.get_ydata(orig=True)))
    points = points[np.isfinite(points).all(axis=1)]
    if not len(points):
        return
    along = chart.axes.transScale.transform(points)[:, 0]
    low, high = along.min(), along.max()
    count = max(chart.width_px // _MARKER_GAP_PX, 2)
    wanted = low + (high - low) * (np.arange(count) + shift) / count
    chosen = points[np.unique([np.abs(along - place).argmin() for place in wanted])]
    markers = Line2D(chosen[:, 0], chosen[:, 1])
    markers.update_from(line)
    markers.set(markevery=None, linestyle="none", zorder=2.5)
    chart.axes.add_line(markers)


def _mark_lost(chart: Chart, curve: Curve, level: float) -> None:
    """Marks NaN and -Inf near the bottom, +Inf near the top, where their samples would be."""
    values = np.asarray(curve.view.y, np.float64)
    xs = chart.x.place(curve.view.x)
    pixels = np.floor(chart.x.scale.positions(curve.view.x) * chart.width_px)
    for shape, height, edge, these in (
        ("x", level, 1.4, np.isnan(values)),
        ("v", level, 0.0, np.isneginf(values)),
        ("^", 1 - level, 0.0, np.isposinf(values)),
    ):
        chosen = np.flatnonzero(these & np.isfinite(xs))
        _, first = np.unique(pixels[chosen], return_index=True)
        marks = Line2D(xs[chosen[first]], np.full(len(first), height), linestyle="none", zorder=3)
        marks.set(color=stroke(curve.color)["color"], marker=shape, markersize=5.5)
        marks.set(markeredgewidth=edge, transform=chart.axes.get_xaxis_transform())
        chart.axes.add_artist(marks)

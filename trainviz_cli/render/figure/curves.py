"""Curves as a figure, and the figure as a file."""

from __future__ import annotations

import warnings
from io import BytesIO
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from trainviz_cli.analysis.scales import dates, hidden, x_scale, y_scale
from trainviz_cli.errors import UsageError, WriteError
from trainviz_cli.render.figure.legends import add_key, read_key, remarks
from trainviz_cli.render.figure.lettering import DARK, LONGEST, PALE, families, legible, lettering
from trainviz_cli.render.figure.lines import Chart, draw_curves
from trainviz_cli.render.figure.rulers import Ruler, roomy
from trainviz_cli.writing.files import replace_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

    from trainviz_cli.analysis.panels import Panel
    from trainviz_cli.analysis.scales import Scale

_DPI = 100
_ALONE_PX, _CELL_PX = (800, 500), (560, 360)
_LARGEST_PX = 65_000  # matplotlib draws no PNG larger than 2¹⁶ pixels
_TICK_GAP_PX = (75, 45)  # at least, between two numbers on an axis
_TITLE_PX, _LABEL_PX = 9, 12  # of the chart's width, for each letter
_LONGEST_NOTE, _MOST_NOTES = 160, 6
_LABELS = {"relative": "time since the start"}
# No dates and no random names: the same curves make the same file.
_METADATA: dict[str, dict[str, str | None]] = {
    ".png": {},
    ".svg": {"Date": None},
    ".pdf": {"CreationDate": None},
}


def figure(
    panels: Sequence[Panel], width_px: int | None = None, height_px: int | None = None
) -> Figure:
    """The charts in a figure, several as small multiples in a grid.

    Raises:
        UsageError: It would be too large for a picture.
    """
    columns = {1: 1, 2: 2, 3: 2, 4: 2}.get(len(panels), 3)
    rows = max(-(-len(panels) // columns), 1)
    cell = _ALONE_PX if len(panels) == 1 else _CELL_PX
    width, height = width_px or cell[0] * columns, height_px or cell[1] * rows
    if max(width, height) > _LARGEST_PX:
        raise UsageError(
            f"{width} x {height} pixels are too many for a picture", hint="draw fewer charts"
        )
    layout = ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08, wspace=0.02, hspace=0.02)
    drawn = Figure((width / _DPI, height / _DPI), _DPI, facecolor="white", layout=layout)
    shown = [_legible(panel, width // columns) for panel in panels]
    key = read_key(shown)
    for number, panel in enumerate(shown, 1):
        axes = drawn.add_subplot(rows, columns, number)
        unseen = _draw_panel(axes, panel, (width // columns, height // rows))
        unsaid = remarks(panel, key, alone=len(panels) == 1)
        _write_notes(axes, [*panel.notes, *unseen, *unsaid], width // columns)
    if key:
        add_key(drawn if len(panels) > 1 else drawn.axes[0], key, (width, height))
    return drawn


def save(figure: Figure, path: Path) -> None:
    """Writes the figure to a .png, .svg or .pdf file: all of it or nothing.

    Raises:
        UsageError: The file's name ends otherwise, or it couldn't be written.
    """
    suffix = path.suffix.lower()
    if suffix not in _METADATA:
        what = f"{suffix} figures" if suffix else f"{path} without an ending"
        raise UsageError(f"can't write {what}", hint=".png, .svg or .pdf")
    settings: dict[Any, Any] = {
        "svg.hashsalt": "trainviz",
        "svg.fonttype": "path",
        "pdf.fonttype": 42,  # publishers refuse the default, Type 3
        "savefig.bbox": "standard",
        "agg.path.chunksize": 10_000,  # a million points in no order overflow a single path
    }
    content = BytesIO()
    with mpl.rc_context(settings), warnings.catch_warnings():
        # A picture too small for its labels is still drawn, with labels that overlap.
        warnings.filterwarnings("ignore", message="constrained_layout not applied")
        figure.savefig(content, format=suffix[1:], dpi=_DPI, metadata=_METADATA[suffix])
    try:
        replace_file(path, content.getvalue())
    except WriteError as error:
        raise UsageError(error.message, hint="name another file") from error


def _legible(panel: Panel, width_px: int) -> Panel:
    """The panel with all that comes from a log fit to be drawn, and short enough."""
    title, label = (min(LONGEST, max(width_px // px, 8)) for px in (_TITLE_PX, _LABEL_PX))
    return panel._replace(
        title=legible(panel.title, title),
        axis=legible(panel.axis, title),
        curves=tuple(curve._replace(label=legible(curve.label, label)) for curve in panel.curves),
        notes=tuple(legible(note, _LONGEST_NOTE) for note in panel.notes),
    )


def _draw_panel(axes: Axes, panel: Panel, size_px: tuple[int, int]) -> list[str]:
    """Draws a chart without its legend; returns what its scales hide."""
    x = x_scale(panel)
    y = y_scale(panel, x)
    most_x, most_y = (max(px // gap, 2) for px, gap in zip(size_px, _TICK_GAP_PX, strict=True))
    limits = panel.drawing
    chart = Chart(
        axes,
        Ruler(roomy(x, limits.xlim, 0.012), most_x),
        Ruler(roomy(y, limits.ylim, 0.03) if y.log else y, most_y),
        size_px[0],
    )
    _lay_out(chart)
    draw_curves(chart, panel.curves)
    axes.set_title(panel.title, loc="left", pad=8, **lettering(11))
    axes.set_xlabel(_x_label(panel, x), labelpad=3, **lettering(9))
    return hidden(panel, x, y)


def _lay_out(chart: Chart) -> None:
    """Gives an empty chart its paper, its frame and its rulers."""
    axes = chart.axes
    axes.set(facecolor="white", axisbelow=True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set(color=PALE, linewidth=0.8)
    chart.x.rule(axes, "x")
    chart.y.rule(axes, "y")
    axes.grid(visible=True, which="major", color="#dedede", linewidth=0.6)
    axes.tick_params(
        which="major", labelsize=8.5, labelcolor=DARK, color=PALE, labelfontfamily=families()
    )
    axes.tick_params(which="minor", color=PALE)


def _x_label(panel: Panel, x: Scale) -> str:
    if x.kind != "time":
        return _LABELS.get(panel.axis, panel.axis)
    days = dates(x)
    if not days:
        return "unix seconds"
    first, last = days
    return f"local time, {first}" if first == last else f"local time, {first} to {last}"


def _write_notes(axes: Axes, notes: Sequence[str], width_px: int) -> None:
    """Writes what the reader must know below the chart."""
    lines = [line for note in notes for line in wrap(note, max(width_px // 6, 20))]
    if len(lines) > _MOST_NOTES:
        lines[_MOST_NOTES - 1 :] = [f"and {len(lines) - _MOST_NOTES + 1} lines more"]
    if lines:
        axes.annotate(
            "\n".join(lines),
            xy=(0, 0),
            xycoords=("axes fraction", axes.xaxis.label),
            xytext=(0, -3),
            textcoords="offset points",
            verticalalignment="top",
            annotation_clip=False,
            **lettering(7.5, PALE),
        )

"""Several charts on one screen."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING

from trainviz_cli.render.term.chart import Look, draw_panel
from trainviz_cli.render.term.style import Line, Span, padded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trainviz_cli.analysis.panels import Panel
    from trainviz_cli.render.term.chart import Below

_NARROWEST = 56
_GAP = 3


def draw_panels(
    panels: Sequence[Panel],
    width: int,
    height: int | None,
    look: Look,
    below: Below | None = None,
) -> list[Line]:
    """The charts side by side as far as they stay readable, then below one another.

    Args:
        panels: At least one.
        width: Cells.
        height: Rows of one chart without its legend; None chooses.
        look: The characters to draw with.
        below: Makes what stands below each chart in place of its legend.
    """
    across = max(1, min(len(panels), (width + _GAP) // (_NARROWEST + _GAP)))
    each = (width - _GAP * (across - 1)) // across
    rows = height or (20 if len(panels) == 1 else 13)
    lines: list[Line] = []
    for start in range(0, len(panels), across):
        charts = [
            draw_panel(panel, each, rows, look, below) for panel in panels[start : start + across]
        ]
        if lines:
            lines.append([])
        rows_of_charts = zip_longest(*charts, fillvalue=[])
        lines += [_side_by_side(parts, each) for parts in rows_of_charts]
    return lines


def _side_by_side(parts: Sequence[Line], width: int) -> Line:
    line: list[Span] = []
    for part in parts[:-1]:
        line += padded(part, width + _GAP)
    return [*line, *parts[-1]]

"""What a legend says: which line is which, how it was smoothed, and what it leaves out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D

from trainviz_cli.analysis.panels import nonfinite_steps
from trainviz_cli.model.numbers import plain
from trainviz_cli.render.figure.lettering import DARK, LITERAL, PALE, families
from trainviz_cli.render.figure.lines import stroke

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from trainviz_cli.analysis.panels import Curve, Panel

_MOST = 30
_MOST_INSIDE = 12
_ENTRY_PX, _HANDLE_PX, _LETTER_PX = 13, 70, 7  # about
_LOOK: dict[str, Any] = {
    "frameon": True,
    "fancybox": False,
    "framealpha": 0.85,
    "facecolor": "white",
    "edgecolor": "none",
    "borderpad": 0.4,
    "labelspacing": 0.35,
    "handlelength": 2.8,
    "alignment": "left",
}
_OVERLAPS = {
    "first": "restarts: first wins",
    "last": "restarts: last wins",
    "all": "restarts: all kept",
}


@dataclass(frozen=True, slots=True)
class Key:
    """The content of a legend.

    Attributes:
        title: How the lines were made; empty where they are as they were logged.
        entries: Label and place in the palette of each line, the first one highest.
    """

    title: str
    entries: tuple[tuple[str, int], ...]

    @property
    def is_long(self) -> bool:
        """Whether it would cover a chart that it stands in."""
        return len(self.entries) > _MOST_INSIDE


def read_key(panels: Sequence[Panel]) -> Key | None:
    """What the legend of these charts says; None where their titles leave no question open."""
    curves = [curve for panel in panels for curve in panel.curves]
    smooths = [panel.drawing.smooth for panel in panels if panel.drawing.smooth]
    alone = len(panels) == 1
    lost = alone and any(map(_lost, curves))
    if not smooths and not lost and all(len(panel.curves) < 2 for panel in panels):
        return None
    title = [f"{smooth.label}, raw behind" for smooth in smooths]
    title += [line for panel in panels for line in restarts(panel)]
    labels = [
        f"{curve.label} ({_lost(curve)})" if lost and _lost(curve) else curve.label
        for curve in curves
    ]
    entries = zip(labels, (curve.color for curve in curves), strict=True)
    return Key("\n".join(dict.fromkeys(title)), tuple(dict.fromkeys(entries)))


def remarks(panel: Panel, key: Key | None, *, alone: bool) -> list[str]:
    """What the legend leaves unsaid of this chart: there is none, or it is shared by several.

    Args:
        panel: The chart.
        key: The legend.
        alone: The chart is the only one.
    """
    several = len(panel.curves) > 1
    lost = [(curve.label, _lost(curve)) for curve in panel.curves if _lost(curve)]
    return [
        *([] if key else restarts(panel)),
        *([] if alone else [f"{label}: {text}" if several else text for label, text in lost]),
    ]


def restarts(panel: Panel) -> list[str]:
    """What a restarted run shows, where there is one."""
    restarted = any(len(curve.view.pieces) > 1 or curve.view.replaced for curve in panel.curves)
    return [_OVERLAPS[panel.drawing.overlap]] if restarted else []


def _lost(curve: Curve) -> str:
    steps = nonfinite_steps(curve.view)
    return f"{len(steps)} not finite, first at step {plain(steps[0])}" if steps else ""


def add_key(place: Axes | Figure, key: Key, size_px: tuple[int, int]) -> None:
    """Puts the legend into a chart, or beside the charts of a figure."""
    most = min(_MOST, max(size_px[1] // _ENTRY_PX - 3, 1)) if key.is_long else _MOST
    lines = [Line2D([], [], linewidth=1.5, **stroke(color)) for _, color in key.entries[:most]]
    names = [label for label, _ in key.entries[:most]]
    if len(key.entries) > most:
        lines.append(Line2D([], [], linestyle="none"))
        names.append(f"and {len(key.entries) - most} more")
    if len(lines) == 1:
        lines[0].set_marker("")
    font = FontProperties(family=families(), size=7 if key.is_long else 8.5)
    where = _beside(key, size_px[0]) if isinstance(place, Figure) else _within(key)
    # matplotlib drops what begins with "_" and reads "$": the labels are written in afterwards.
    legend = place.legend(lines, ["."] * len(lines), prop=font, **_LOOK, **where)
    for text, name in zip(legend.get_texts(), names, strict=True):
        text.set(text=name, color=DARK, **LITERAL)
    if key.title:
        legend.set_title(key.title, prop=FontProperties(family=families(), size=7.5))
        legend.get_title().set(color=PALE, **LITERAL)


def _within(key: Key) -> dict[str, Any]:
    if key.is_long:
        return {"loc": "upper left", "bbox_to_anchor": (1.01, 1.0), "borderaxespad": 0.0}
    return {"loc": "best"}


def _beside(key: Key, width_px: int) -> dict[str, Any]:
    if key.is_long:
        return {"loc": "outside right upper"}
    widest = _HANDLE_PX + _LETTER_PX * max(len(label) for label, _ in key.entries)
    return {"loc": "outside lower center", "ncols": min(len(key.entries), width_px // widest or 1)}

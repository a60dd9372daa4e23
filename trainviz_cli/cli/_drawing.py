"""Curves where the command line wants them: in the terminal, in a file, in a window."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trainviz_cli.analysis.panels import Panel
    from trainviz_cli.cli._console import Console
    from trainviz_cli.cli._options import Place
    from trainviz_cli.render.term.chart import Below


def draw_in_terminal(
    panels: Sequence[Panel], place: Place, console: Console, below: Below | None = None
) -> None:
    """Prints the charts; `below` makes what stands under each in place of its legend."""
    from trainviz_cli.analysis.scales import is_flattened
    from trainviz_cli.cli._console import note
    from trainviz_cli.render.term.grid import draw_panels

    width = place.width or console.width
    console.show(draw_panels(panels, width, place.height, console.look, below))
    if any(map(is_flattened, panels)):
        note("a few outliers flatten the curve; --robust shows the rest of it")


def draw_figure(panels: Sequence[Panel], place: Place) -> None:
    """Writes the charts to the file, and shows them in a window, as far as either is wanted.

    Raises:
        UsageError: The file's name says no format there is, or it can't be written.
    """
    if not place.output and not place.show:
        return
    from pathlib import Path

    from trainviz_cli.render.figure.curves import figure, save

    drawn = figure(panels, place.width, place.height)
    if place.output:
        save(drawn, Path(place.output))
    if place.show:
        from trainviz_cli.imaging.window import show_figure

        show_figure(drawn)

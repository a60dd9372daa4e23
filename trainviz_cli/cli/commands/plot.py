"""`trainviz plot`: curves in the terminal, in a file or in a window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from trainviz_cli.cli._options import (
    console_options,
    drawing_options,
    figure_options,
    json_option,
    key_option,
    runs_argument,
    strict_option,
)

if TYPE_CHECKING:
    from trainviz_cli.analysis.panels import Panel
    from trainviz_cli.cli._console import Console
    from trainviz_cli.cli._options import Place


@click.command("plot")
@runs_argument
@key_option
@drawing_options()
@figure_options
@json_option
@strict_option
@console_options
def command(
    *,
    runs: tuple[str, ...],
    queries: tuple[str, ...],
    drawing: dict[str, Any],
    place: Place,
    as_json: bool,
    strict: bool,
    console: Console,
) -> None:
    """Curves of one or more runs, in the terminal.

    \b
      trainviz plot runs/exp1 --key mAP
      trainviz plot runs/* -k loss --smooth ema:0.9 -o loss.png
    """
    from trainviz_cli.analysis.panels import build_panels
    from trainviz_cli.cli._console import print_path
    from trainviz_cli.cli._drawing import draw_figure, draw_in_terminal
    from trainviz_cli.cli._options import to_drawing
    from trainviz_cli.cli._selection import choose_keys, read_runs

    how = to_drawing(drawing)
    chosen = read_runs(runs, strict=strict)
    keys = choose_keys([(run.name, run) for run in chosen], queries)
    panels = build_panels(chosen, keys, how)
    draw_figure(panels, place)
    if as_json:
        _print_series(panels)
    elif place.output:
        print_path(place.output)
    elif not place.show:
        draw_in_terminal(panels, place, console)


def _print_series(panels: list[Panel]) -> None:
    from trainviz_cli.analysis.panels import nonfinite_steps
    from trainviz_cli.cli._console import print_json

    series = []
    for curve in (curve for panel in panels for curve in panel.curves):
        view = curve.view
        row = {"run": curve.run, "key": curve.key, "axis": view.axis, "x": view.x, "y": view.y}
        if curve.smooth is not None:
            row["smooth"] = curve.smooth
        series.append({**row, "nonfinite": nonfinite_steps(view)})
    print_json({"series": series})

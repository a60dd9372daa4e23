"""`trainviz plot`: curves in the terminal, in a file or in a window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from trainviz_cli.cli._options import (
    console_options,
    drawing_options,
    json_option,
    key_option,
    strict_option,
)

if TYPE_CHECKING:
    from trainviz_cli.analysis.panels import Panel
    from trainviz_cli.cli._console import Console


@click.command("plot")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@key_option
@drawing_options
@click.option("--width", type=click.IntRange(24, 10_000), help="Cells; with -o, pixels.")
@click.option("--height", type=click.IntRange(6, 10_000), help="Rows of a chart; with -o, pixels.")
@click.option("-o", "--output", type=click.Path(), help=".png, .svg or .pdf file.")
@click.option("--show", is_flag=True, help="Open a window.")
@json_option
@strict_option
@console_options
def command(
    *,
    runs: tuple[str, ...],
    queries: tuple[str, ...],
    drawing: dict[str, Any],
    width: int | None,
    height: int | None,
    output: str | None,
    show: bool,
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
    from trainviz_cli.cli._options import to_drawing
    from trainviz_cli.cli._selection import choose_keys, read_runs

    how = to_drawing(drawing)
    chosen = read_runs(runs, strict=strict)
    panels = build_panels(chosen, choose_keys(chosen, queries), how)
    if output or show:
        _draw_figure(panels, width, height, output, show=show)
    if as_json:
        _print_series(panels)
    elif output:
        print_path(output)
    elif not show:
        _draw_in_terminal(panels, width, height, console)


def _draw_in_terminal(
    panels: list[Panel], width: int | None, height: int | None, console: Console
) -> None:
    from trainviz_cli.analysis.scales import is_flattened
    from trainviz_cli.cli._console import note
    from trainviz_cli.render.term.grid import draw_panels

    console.show(draw_panels(panels, width or console.width, height, console.look))
    if any(map(is_flattened, panels)):
        note("a few outliers flatten the curve; --robust shows the rest of it")


def _draw_figure(
    panels: list[Panel], width: int | None, height: int | None, output: str | None, *, show: bool
) -> None:
    from pathlib import Path

    from trainviz_cli.render.figure.curves import figure, save

    drawn = figure(panels, width, height)
    if output:
        save(drawn, Path(output))
    if show:
        from trainviz_cli.imaging.window import show_figure

        show_figure(drawn)


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

"""`trainviz compare`: which of these runs is better, and what was different."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from trainviz_cli.cli._completion.candidates import complete_run_name
from trainviz_cli.cli._options import (
    console_options,
    drawing_options,
    figure_options,
    key_option,
    runs_argument,
    strict_option,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trainviz_cli.analysis.comparison import Comparison
    from trainviz_cli.analysis.panels import Panel
    from trainviz_cli.cli._console import Console
    from trainviz_cli.cli._options import Place
    from trainviz_cli.model.run import Run
    from trainviz_cli.model.summary import Direction

    Differences = dict[str, dict[str, object]]


@click.command("compare")
@runs_argument
@key_option
@click.option(
    "--baseline",
    metavar="RUN",
    help="The run that Δ is measured from.  [the first]",
    shell_complete=complete_run_name,
)
@click.option("--best", type=click.Choice(["min", "max"]), help="Which end is best.  [by the key]")
@click.option("--curves/--no-curves", default=True, help="Draw them above the tables.  [curves]")
@drawing_options("together", "title")
@figure_options
@click.option("--json", "report", flag_value="json", help="One JSON document on stdout.")
@click.option("--csv", "report", flag_value="csv", help="The figures as CSV on stdout.")
@click.option("--md", "report", flag_value="md", help="The tables as Markdown on stdout.")
@strict_option
@console_options
def command(
    *,
    runs: tuple[str, ...],
    queries: tuple[str, ...],
    baseline: str | None,
    best: Direction | None,
    curves: bool,
    drawing: dict[str, Any],
    place: Place,
    report: str | None,
    strict: bool,
    console: Console,
) -> None:
    """Runs side by side: last and best values, what differs in their configurations, the curves.

    \b
      trainviz compare runs/exp1 runs/exp2
      trainviz compare runs/* -k mAP --baseline exp1 --md
    """
    from trainviz_cli.analysis.comparison import compare
    from trainviz_cli.analysis.panels import build_panels
    from trainviz_cli.cli._console import print_path, print_text
    from trainviz_cli.cli._drawing import draw_figure
    from trainviz_cli.cli._options import to_drawing
    from trainviz_cli.cli._selection import choose_keys, choose_run, read_runs
    from trainviz_cli.render.documents import to_csv, to_markdown

    how = to_drawing(drawing)
    chosen = read_runs(runs, strict=strict)
    base = choose_run(baseline, chosen) if baseline else 0
    keys = choose_keys([(run.name, run) for run in chosen], queries)
    compared = [compare(chosen, key, base, best, how.overlap) for key in keys]
    drawn = place.output or place.show or (curves and not report)
    panels = build_panels(chosen, keys, how) if drawn else []
    draw_figure(panels, place)
    differences = _differences(chosen)
    if report == "json":
        _print_json(compared, differences)
    elif report == "csv":
        print_text(to_csv(compared))
    elif report == "md":
        print_text(to_markdown(compared, differences, [run.name for run in chosen]))
    else:
        width = (None if place.is_figure else place.width) or console.width
        _print_tables(compared, [] if place.is_figure else panels, place, width, console)
        _print_differences(differences, chosen, width, console)
        if place.output:
            print_path(place.output)


def _differences(runs: Sequence[Run]) -> Differences:
    """What is not the same in all configurations; one that can't be read is noted."""
    from trainviz_cli.analysis.config import differing, flat
    from trainviz_cli.cli._console import note
    from trainviz_cli.errors import UnreadableError

    configs = {}
    for run in runs:
        try:
            configs[run.name] = flat(run.config)
        except UnreadableError as error:
            note(f"{run.name}: {error.message}")
    # A run without any would differ in everything.
    return differing({name: config for name, config in configs.items() if config})


def _print_tables(
    compared: Sequence[Comparison],
    panels: Sequence[Panel],
    place: Place,
    width: int,
    console: Console,
) -> None:
    from trainviz_cli.cli._drawing import draw_in_terminal
    from trainviz_cli.render.term.comparison import draw_comparison, draw_title

    tables = {comparison.key: comparison for comparison in compared}
    if panels:
        draw_in_terminal(
            panels,
            place,
            console,
            lambda panel, width: draw_comparison(tables[panel.curves[0].key], width, console.look),
        )
        return
    for index, comparison in enumerate(compared):
        console.show([[]] if index else [])
        console.show(draw_title(comparison, width))
        console.show(draw_comparison(comparison, width, console.look))


def _print_differences(
    differences: Differences, runs: Sequence[Run], width: int, console: Console
) -> None:
    from trainviz_cli.render.term.comparison import draw_differences

    names = [run.name for run in runs]
    lines = draw_differences(differences, names, width, console.look)
    if lines:
        console.show([[], *lines])


def _print_json(compared: Sequence[Comparison], differences: Differences) -> None:
    from trainviz_cli.analysis.config import plain
    from trainviz_cli.cli._console import print_json

    rows = [
        {
            "run": row.run,
            "key": comparison.key,
            "direction": comparison.direction,
            "last": row.summary and row.summary.last,
            "last_step": row.summary and row.summary.last_step,
            "last_change": row.last_change,
            "best": row.summary and row.summary.best,
            "best_step": row.summary and row.summary.best_step,
            "best_change": row.best_change,
            "wins": row.wins,
            "nonfinite": row.summary.nonfinite if row.summary else (),
        }
        for comparison in compared
        for row in comparison.rows
    ]
    print_json({"rows": rows, "config_diff": plain(differences)})

"""`trainviz tail`: the live view."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from trainviz_cli.cli._completion.candidates import complete_path
from trainviz_cli.cli._options import console_options, drawing_options, key_option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trainviz_cli.cli._console import Console
    from trainviz_cli.cli._following import Watch
    from trainviz_cli.cli._records import Printer
    from trainviz_cli.render.term.dashboard.wish import Wish


@click.command("tail")
@click.argument("runs", nargs=-1, metavar="[RUN]...", shell_complete=complete_path)
@key_option
@click.option(
    "--until",
    "conditions",
    multiple=True,
    metavar="EXPR",
    help="End when it holds: 'best(mAP)>=0.37', 'last(loss)<0.1', 'step>=10000', finished, "
    "stalled, nan.",
)
@click.option("--once", is_flag=True, help="One frame, then end.")
@click.option(
    "-n",
    "--lines",
    "most_old",
    type=click.IntRange(0),
    metavar="N",
    help="Into a pipe: of what is there already, only the last N records of each run.  [all]",
)
@drawing_options("together", "title")
@click.option("--json", "as_json", is_flag=True, help="A JSON document per record.")
@console_options
def command(
    *,
    runs: tuple[str, ...],
    queries: tuple[str, ...],
    conditions: tuple[str, ...],
    once: bool,
    most_old: int | None,
    drawing: dict[str, Any],
    as_json: bool,
    console: Console,
) -> None:
    """Runs as they are written: curves, pace and time left. Without RUN, the one written last.

    \b
      trainviz tail
      trainviz tail runs/* -k loss -k mAP
      trainviz tail runs/exp1 --until 'best(val/mAP)>=0.37'
      trainviz tail runs/exp1 | grep loss

    Into a pipe, a line for each record. `--until` ends with 0, or with 7 when the runs are over
    or silent for long, and what it waits for didn't come.
    """
    from trainviz_cli.analysis.until import Until
    from trainviz_cli.cli._following import Watch, stopped_by_signals
    from trainviz_cli.cli._options import to_drawing
    from trainviz_cli.cli._records import Printer
    from trainviz_cli.errors import UsageError
    from trainviz_cli.render.term.dashboard.wish import Wish

    if drawing["x"] == "index":
        raise UsageError(
            "tail keeps no index of samples", hint="-x step, or trainviz plot -x index"
        )
    wish = Wish(queries=queries, drawing=to_drawing({**drawing, "together": False, "title": None}))
    waited_for = [Until(text) for text in conditions]
    watch = Watch(waited_for)
    by_line = as_json or not (once or console.is_interactive)
    printer = Printer(queries, as_json=as_json, most_old=most_old) if by_line else None
    try:
        with stopped_by_signals():
            _follow(runs, watch, printer or wish, console, once=once)
    except KeyboardInterrupt:
        pass
    except BrokenPipeError:
        if not waited_for:
            raise
    watch.stop("that is all there is" if once else "it was stopped")
    watch.report()


def _follow(
    runs: Sequence[str], watch: Watch, shown_as: Printer | Wish, console: Console, *, once: bool
) -> None:
    """Follows the runs, as lines or on a screen, until it is over."""
    import gc

    from trainviz_cli.cli._console import note
    from trainviz_cli.cli._live import show_live, show_once, why_nothing
    from trainviz_cli.cli._records import Printer, print_records
    from trainviz_cli.cli._selection import note_left_out
    from trainviz_cli.runs.follow import Follower

    follower = Follower(runs)
    if once and not follower.runs:
        raise why_nothing(runs)
    note_left_out(follower.left_out)
    for error in follower.awaited:
        note(error.message if once else f"{error.message}; waiting for it")
    watch.begin(follower)
    if isinstance(shown_as, Printer):
        gc.enable()  # a command switches it off, but this may go on for days
        print_records(follower, watch, shown_as, once=once)
    elif once:
        show_once(follower, shown_as, console)
        watch.is_over()
    else:
        show_live(follower, watch, shown_as, console, runs)

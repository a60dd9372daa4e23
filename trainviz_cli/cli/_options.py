"""Options that several commands share, each explained once."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from trainviz_cli.cli._console import Console

if TYPE_CHECKING:
    from collections.abc import Callable

    from trainviz_cli.analysis.panels import Drawing
    from trainviz_cli.analysis.smoothing import Smoothing

    Command = Callable[..., None]

_DRAWING = (
    click.option(
        "-x",
        "x",
        default="step",
        metavar="AXIS",
        help="step, epoch, time, relative, index, or a key.  [step]",
    ),
    click.option(
        "--smooth", metavar="KIND:N", help="ema:0.9, median:20, mean:20 or gauss:5; raw behind."
    ),
    click.option("--log-x", is_flag=True, help="Logarithmic x axis."),
    click.option("--log-y", is_flag=True, help="Logarithmic y axis."),
    click.option("--xlim", metavar="A:B", help="Ends of the x axis; either may be left out."),
    click.option("--ylim", metavar="A:B", help="Ends of the y axis; either may be left out."),
    click.option(
        "--overlap",
        type=click.Choice(["first", "last", "all"]),
        default="last",
        help="What a step that was logged again shows.  [last]",
    ),
    click.option("--together/--split", help="All keys in one chart, or one each.  [split]"),
    click.option(
        "--robust/--full", help="Let outliers leave the scale (stated), or show all.  [full]"
    ),
    click.option("--title", metavar="TEXT", help="Text above the chart."),
)


def drawing_options(command: Command) -> Command:
    """Adds how curves are drawn; the command gets them as `drawing`, a dictionary."""
    names = (
        "x",
        "smooth",
        "log_x",
        "log_y",
        "xlim",
        "ylim",
        "overlap",
        "together",
        "robust",
        "title",
    )

    @wraps(command)
    def collected(**given: Any) -> None:  # noqa: ANN401 - click's own parameters
        drawing = {name: given.pop(name) for name in names}
        command(drawing=drawing, **given)

    return _decorated(collected, _DRAWING)


def console_options(command: Command) -> Command:
    """Adds how the terminal is used; the command gets it as `console`."""

    @wraps(command)
    def collected(*, color: str, ascii_: bool, **given: Any) -> None:  # noqa: ANN401 - as above
        command(console=Console(color, ascii_), **given)

    choice = click.Choice(["auto", "always", "never"])
    return _decorated(
        collected,
        (
            click.option("--color", type=choice, default="auto", help="Colours.  [auto]"),
            click.option("--ascii", "ascii_", is_flag=True, help="Draw with ASCII characters."),
        ),
    )


key_option = click.option(
    "-k",
    "--key",
    "queries",
    multiple=True,
    metavar="KEY",
    help="A key, part of one, a glob, or re:PATTERN; may be repeated.  [the main metrics]",
)

strict_option = click.option("--strict", is_flag=True, help="Stop at the first damage in a log.")

json_option = click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")


def to_drawing(given: dict[str, Any]) -> Drawing:
    """The options of `drawing_options` as what a renderer takes.

    Raises:
        UsageError: One of them makes no sense.
    """
    from trainviz_cli.analysis.panels import Drawing, Limits

    return Drawing(
        **given
        | {
            "smooth": _to_smoothing(given["smooth"]),
            "xlim": Limits.parse(given["xlim"] or ":", "--xlim"),
            "ylim": Limits.parse(given["ylim"] or ":", "--ylim"),
        }
    )


def _to_smoothing(text: str | None) -> Smoothing | None:
    if text is None:
        return None
    from trainviz_cli.analysis.smoothing import Smoothing

    return Smoothing.parse(text)


def _decorated(command: Command, options: tuple[Callable[[Command], Command], ...]) -> Command:
    for option in reversed(options):
        command = option(command)
    return command

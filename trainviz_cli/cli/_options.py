"""Options that several commands share, each explained once."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from trainviz_cli.cli._completion.candidates import complete_key, complete_path
from trainviz_cli.cli._console import Console

if TYPE_CHECKING:
    from collections.abc import Callable

    from trainviz_cli.analysis.panels import Drawing
    from trainviz_cli.analysis.smoothing import Smoothing

    Command = Callable[..., None]

_DRAWING = {
    "x": click.option(
        "-x",
        "x",
        default="step",
        metavar="AXIS",
        help="step, epoch, time, relative, index, or a key.  [step]",
        shell_complete=complete_key("step", "epoch", "time", "relative", "index"),
    ),
    "smooth": click.option(
        "--smooth", metavar="KIND:N", help="ema:0.9, median:20, mean:20 or gauss:5; raw behind."
    ),
    "log_x": click.option("--log-x", is_flag=True, help="Logarithmic x axis."),
    "log_y": click.option("--log-y", is_flag=True, help="Logarithmic y axis."),
    "xlim": click.option(
        "--xlim", metavar="A:B", help="Ends of the x axis; either may be left out."
    ),
    "ylim": click.option(
        "--ylim", metavar="A:B", help="Ends of the y axis; either may be left out."
    ),
    "overlap": click.option(
        "--overlap",
        type=click.Choice(["first", "last", "all"]),
        default="last",
        help="What a step that was logged again shows.  [last]",
    ),
    "together": click.option(
        "--together/--split", help="All keys in one chart, or one each.  [split]"
    ),
    "robust": click.option(
        "--robust/--full", help="Let outliers leave the scale (stated), or show all.  [full]"
    ),
    "title": click.option("--title", metavar="TEXT", help="Text above the chart."),
}
_FIGURE = (
    click.option("--width", type=click.IntRange(24, 10_000), help="Cells; with -o, pixels."),
    click.option(
        "--height", type=click.IntRange(6, 10_000), help="Rows of a chart; with -o, pixels."
    ),
    click.option("-o", "--output", type=click.Path(), help=".png, .svg or .pdf file."),
    click.option("--show", is_flag=True, help="Open a window."),
)


class Place(NamedTuple):
    """Where curves are drawn.

    Attributes:
        output: The file; None is no file.
        show: Whether in a window.
        width: Cells, or, with a file, pixels; None chooses.
        height: Rows of a chart, or, with a file, pixels; None chooses.
    """

    output: str | None
    show: bool
    width: int | None
    height: int | None

    @property
    def is_figure(self) -> bool:
        """Whether it is no terminal, so that the sizes are pixels."""
        return bool(self.output or self.show)


def drawing_options(*left_out: str) -> Callable[[Command], Command]:
    """Adds how curves are drawn; the command gets them as `drawing`, a dictionary.

    Args:
        left_out: Names of options that make no sense for the command.
    """
    options = {name: option for name, option in _DRAWING.items() if name not in left_out}

    def decorate(command: Command) -> Command:
        @wraps(command)
        def collected(**given: Any) -> None:  # noqa: ANN401 - click's own parameters
            drawing = {name: given.pop(name) for name in options}
            command(drawing=drawing, **given)

        return _decorated(collected, tuple(options.values()))

    return decorate


def figure_options(command: Command) -> Command:
    """Adds where curves are drawn; the command gets it as `place`, a `Place`."""

    @wraps(command)
    def collected(
        *,
        output: str | None,
        show: bool,
        width: int | None,
        height: int | None,
        **given: Any,  # noqa: ANN401 - as above
    ) -> None:
        command(place=Place(output, show, width, height), **given)

    return _decorated(collected, _FIGURE)


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


run_argument = click.argument("path", metavar="RUN", shell_complete=complete_path)

runs_argument = click.argument(
    "runs", nargs=-1, required=True, metavar="RUN...", shell_complete=complete_path
)

key_option = click.option(
    "-k",
    "--key",
    "queries",
    multiple=True,
    metavar="KEY",
    help="A key, part of one, a glob, or re:PATTERN; may be repeated.  [the main metrics]",
    shell_complete=complete_key(),
)

strict_option = click.option("--strict", is_flag=True, help="Stop at the first damage in a log.")

json_option = click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")


def to_drawing(given: dict[str, Any]) -> Drawing:
    """What `drawing_options` collected, as what a renderer takes.

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

"""What keys do, in one table: for pressing them, for the last line, and for the help."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from trainviz_cli.render.term.style import BOLD, DIM, Line, Span
from trainviz_cli.render.term.text import cells, fit

if TYPE_CHECKING:
    from collections.abc import Sequence


class Action(NamedTuple):
    """Something the user can do.

    Attributes:
        name: What it is called in code.
        keys: As Textual calls them.
        shown: The keys, as they are printed.
        brief: In a word or two, for the last line; empty keeps it out.
        help: In a line.
    """

    name: str
    keys: str
    shown: str
    brief: str
    help: str


ACTIONS = (
    Action("help", "question_mark,f1", "?", "help", "this list"),
    Action("quit", "q,ctrl+c,ctrl+q", "q", "quit", "end"),
    Action("filter", "slash", "/", "filter", "keys with words in them, a glob, or re:PATTERN"),
    Action("alone", "enter", "enter", "one chart", "the chart in focus alone, or all"),
    Action("smooth", "s", "s", "smooth", "smooth more, then not at all"),
    Action("log_y", "l", "l", "log y", "logarithmic y axis"),
    Action("axis", "x", "x", "x axis", "against step, epoch, time, relative"),
    Action("robust", "r", "r", "robust", "let outliers leave the scale"),
    Action("pause", "space,p", "space", "pause", "keep the charts as they are; reading goes on"),
    Action("zoom_in", "plus,equals_sign", "+", "zoom", "nearer, around the mouse if it is there"),
    Action("zoom_out", "minus", "-", "", "further away"),
    Action("zoom_reset", "0", "0", "", "everything"),
    Action("left", "left,h", "left", "", "move to the left"),
    Action("right", "right", "right", "", "move to the right"),
    Action("next_chart", "tab,down,j", "tab", "", "focus the next chart"),
    Action("previous_chart", "shift+tab,up,k", "shift+tab", "", "focus the one before"),
    Action("next_page", "pagedown", "pgdn", "", "the next page of charts"),
    Action("previous_page", "pageup", "pgup", "", "the page before"),
    Action("separate", "o", "o", "apart", "a chart for each run, or all in one"),
    Action("picture", "i", "i", "image", "the latest picture that was logged"),
    Action("save", "w", "w", "save", "the chart in focus as a PNG, in this folder"),
    Action("switch", "n", "n", "", "go to a newer run, when there is one"),
    Action("reset", "escape", "esc", "", "out of one chart, of the filter, of the zoom"),
)

_MOUSE = (
    ("mouse", "the values where it points"),
    ("wheel", "nearer, and further away"),
    ("click", "focus a chart; twice: it alone, or all"),
)


@lru_cache(maxsize=8)
def hints(width: int) -> Line:
    """As many keys and what they do as there is room for."""
    line: list[Span] = []
    used = 0
    for action in ACTIONS:
        if not action.brief:
            continue
        gap = "  " if line else ""
        used += len(gap) + cells(action.shown) + 1 + cells(action.brief)
        if used > width:
            break
        line += [Span(f"{gap}{action.shown}", BOLD), Span(f" {action.brief}", DIM)]
    return line


def help_lines(width: int) -> Sequence[Line]:
    """All keys, one line each."""
    widest = max(cells(action.shown) for action in ACTIONS)
    room = width - widest - 2
    lines: list[Line] = [
        [Span(action.shown.rjust(widest), BOLD), Span(f"  {fit(action.help, room)}")]
        for action in ACTIONS
    ]
    return [
        *lines,
        *([Span(what.rjust(widest), BOLD), Span(f"  {fit(does, room)}")] for what, does in _MOUSE),
    ]

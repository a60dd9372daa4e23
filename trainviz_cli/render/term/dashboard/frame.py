"""The part of the screen that shows styled lines, and tells where the mouse is."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from rich.color import Color
from rich.segment import Segment
from rich.style import Style as RichStyle
from rich.text import Text
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from trainviz_cli.render.term.style import ansi_color

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from textual import events

    from trainviz_cli.render.term.style import ColorDepth, Line, Style


class Frame(Widget, can_focus=True):
    """Shows lines; of those shown before, only what changed is drawn again."""

    class Pointed(Message):
        """The mouse moved to a cell, or away."""

        def __init__(self, at: tuple[int, int] | None) -> None:
            super().__init__()
            self.at = at

    class Clicked(Message):
        """A cell was clicked, once or twice."""

        def __init__(self, at: tuple[int, int], *, twice: bool) -> None:
            super().__init__()
            self.at, self.twice = at, twice

    class Scrolled(Message):
        """The wheel was turned."""

        def __init__(self, *, nearer: bool) -> None:
            super().__init__()
            self.nearer = nearer

    class Resized(Message):
        """It has another size."""

    ALLOW_SELECT = False  # dragging is not for copying

    def __init__(self, depth: ColorDepth, shown: Callable[[str], str] = str) -> None:
        super().__init__()
        self._depth = depth
        self._shown = shown
        self._lines: list[Line] = []

    def show(self, lines: Sequence[Line]) -> None:
        """Shows these lines from the top."""
        before, self._lines = self._lines, list(lines)
        width = self.size.width
        changed = [
            Region(0, y, width, 1)
            for y, line in enumerate(self._lines)
            if y >= len(before) or before[y] != line
        ]
        if len(before) != len(lines):
            self.refresh()
        elif changed:
            self.refresh(*changed)

    def render_line(self, y: int) -> Strip:
        """A row of the screen."""
        line = self._lines[y] if y < len(self._lines) else []
        segments = [
            Segment(self._shown(span.text), rich_style(span.style, self._depth)) for span in line
        ]
        return Strip(segments).adjust_cell_length(self.size.width)

    def on_resize(self) -> None:
        """Tells that lines of another size are wanted."""
        self.post_message(self.Resized())

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Tells where the mouse is."""
        self.post_message(self.Pointed((event.x, event.y)))

    def on_leave(self) -> None:
        """Tells that it is nowhere."""
        self.post_message(self.Pointed(None))

    def on_click(self, event: events.Click) -> None:
        """Tells what was clicked."""
        self.post_message(self.Clicked((event.x, event.y), twice=event.chain > 1))

    def on_mouse_scroll_up(self) -> None:
        """Turned away from the user."""
        self.post_message(self.Scrolled(nearer=True))

    def on_mouse_scroll_down(self) -> None:
        """Turned towards the user."""
        self.post_message(self.Scrolled(nearer=False))


@lru_cache(maxsize=256)
def rich_style(style: Style, depth: ColorDepth) -> RichStyle:
    """The style as Rich has it."""
    number = ansi_color(style, depth)
    color = None if number is None else Color.from_ansi(number)
    return RichStyle(color=color, dim=style.dim or None, bold=style.bold or None)


def rich_text(lines: Iterable[Line], depth: ColorDepth, shown: Callable[[str], str] = str) -> Text:
    """Lines as one text; arguments as those of `Frame`."""
    text = Text(no_wrap=True)
    for line in lines:
        for span in line:
            text.append(shown(span.text), rich_style(span.style, depth))
        text.append("\n")
    return text

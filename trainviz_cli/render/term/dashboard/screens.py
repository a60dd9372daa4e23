"""The screens of the live view: the charts with their keys, and the help."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from textual import events
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.screen import ModalScreen, Screen
from textual.widgets import Static

from trainviz_cli.render.term.dashboard.actions import ACTIONS

if TYPE_CHECKING:
    from rich.text import Text
    from textual.app import ComposeResult

# The terminal's own colours, be it dark or light.
STYLES = """
Screen { background: ansi_default; color: ansi_default; layers: below above; }
Frame { width: 1fr; height: 1fr; background: ansi_default; }
#picture { width: 40%; height: 1fr; display: none; background: ansi_default;
           margin-left: 1; }
#filter { dock: bottom; height: 1; border: none; padding: 0; display: none;
          background: ansi_default; color: ansi_default; }
#filter > .input--cursor, #filter > .input--selection {
    background: ansi_default; color: ansi_default; text-style: reverse; }
#filter > .input--placeholder {
    background: ansi_default; color: ansi_default; text-style: dim; }
Help { align: center middle; background: ansi_default; }
Help VerticalScroll { width: 80; max-width: 100%; height: auto; max-height: 100%;
                      border: ascii ansi_bright_black; padding: 0 1;
                      background: ansi_default; scrollbar-size: 0 0; }
Help Static { background: ansi_default; height: auto; }
"""


class Charted(Screen[None]):
    """The screen with the charts, and the keys that act on them."""

    BINDINGS: ClassVar[list[Any]] = [
        Binding(action.keys, f"app.do('{action.name}')", action.help) for action in ACTIONS
    ]


class Help(ModalScreen[None]):
    """All keys; any of them closes it."""

    def __init__(self, text: Text) -> None:
        super().__init__()
        self._text = text

    def compose(self) -> ComposeResult:
        """A list that can be scrolled."""
        with VerticalScroll() as scroll:
            scroll.border_subtitle = "up and down scroll, any other key closes"
            yield Static(self._text)

    def on_key(self, event: events.Key) -> None:
        """Closes it, unless the key scrolls."""
        if event.key not in {"up", "down", "pageup", "pagedown", "home", "end"}:
            event.stop()
            if self.is_current:
                self.dismiss()
            else:  # typed while it went, for what is behind it
                self.app.post_message(events.Key(event.key, event.character))

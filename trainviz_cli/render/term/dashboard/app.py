"""The live view on a terminal: keys and mouse in, the board's lines out."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar

from rich.console import Group
from rich.text import Text
from textual.app import App
from textual.binding import Binding
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Static

from trainviz_cli.errors import TrainvizError
from trainviz_cli.render.term.dashboard.actions import help_lines
from trainviz_cli.render.term.dashboard.driver import ended_by_signals, on_other_screen
from trainviz_cli.render.term.dashboard.frame import Frame, rich_text
from trainviz_cli.render.term.dashboard.screens import STYLES, Charted, Help
from trainviz_cli.render.term.text import fit

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.app import ComposeResult
    from textual.timer import Timer

    from trainviz_cli.analysis.panels import Panel
    from trainviz_cli.render.term.dashboard.board import Board
    from trainviz_cli.render.term.dashboard.control import Control
    from trainviz_cli.render.term.style import ColorDepth

_TICK_S = 1.0
_PACE_S = 0.22  # between two frames while records pour in
_FLUID_S = 0.03  # while the user moves something
_PICTURE_S = 3.0
_HELP_CELLS = 76
_HELP_FRAME = 4  # cells for its border
_CAPTION_ROWS = 3
_MESSAGE_S = 5.0
_TYPING = "filter: enter keeps it, esc drops it"


class Dashboard(App[int]):
    """Shows a board, and what comes, until it is left."""

    CSS = STYLES
    ENABLE_COMMAND_PALETTE = False
    # From everywhere, even while a filter is typed or the help is read.
    BINDINGS: ClassVar[list[Any]] = [
        Binding("ctrl+c,ctrl+q", "do('quit')", priority=True),
        Binding("ctrl+z", "suspend_process", priority=True),
        # At once, so that what is typed next is for the filter, however fast it comes.
        Binding("slash", "filter", priority=True),
    ]

    def __init__(
        self, board: Board, control: Control, depth: ColorDepth, shown: Callable[[str], str] = str
    ) -> None:
        """Is ready to be run.

        Args:
            board: What to show.
            control: What else can be done.
            depth: The colours of the terminal.
            shown: Makes of a text what the terminal can show.
        """
        super().__init__(driver_class=on_other_screen(self.get_driver_class()), ansi_color=True)
        self._board = board
        self._control = control
        self._depth = depth
        self._shown = shown
        self._frame = Frame(depth, shown)
        self._over = self._is_ended = False
        self._events: asyncio.AbstractEventLoop | None = None
        self._woken = threading.Event()  # there is something to look at
        self._lock = threading.Lock()  # of the runs, which one thread adds to and one draws
        self._is_shown = True
        self._drawn_s = 0.0
        self._frame_s = 0.0  # when there may be another frame with what came
        self._due_s = math.inf  # when it is to be drawn again, whatever comes
        self._room_for_picture: tuple[int, int] | None = None
        self._picture_due_s = 0.0
        self._is_saving = False
        self._message_timer: Timer | None = None

    def run(self, **how: Any) -> int | None:  # noqa: ANN401 - as Textual has them
        """Shows the board until it is left; what goes wrong is raised when the screen is back."""
        with ended_by_signals(self._end):
            code = super().run(**how)
        if self._exception is not None:
            raise self._exception
        return code

    def _end(self) -> None:
        """Ends it between two events, or, if it has only just begun, as soon as it stands."""
        self._is_ended = True
        if self._events is not None:
            with suppress(RuntimeError):  # it has ended
                self._events.call_soon_threadsafe(self.leave)

    def _fatal_error(self) -> None:
        """Ends after an error, which `run` raises; Textual would print it, and end well."""
        self._leave_thread()
        self._close_messages_no_wait()

    def panic(self, *renderables: Any) -> None:  # noqa: ANN401 - as Textual has them
        """Ends when there are no keys to be read any more: the terminal is gone."""
        del renderables
        self._fatal_error()

    def get_default_screen(self) -> Charted:
        """The screen with the keys."""
        return Charted(id="_default")

    def compose(self) -> ComposeResult:
        """One frame, a picture beside it, a line to type a filter."""
        with Horizontal():
            yield self._frame
            yield Static("looking for a picture", id="picture")
        yield Input(id="filter", placeholder="words, a glob, or re:PATTERN", compact=True)

    def on_mount(self) -> None:
        """Begins to follow."""
        self._frame.focus()
        self._frame.show(self._board.lines(*self.size))  # what is on the terminal stays there
        self._events = asyncio.get_running_loop()
        if self._is_ended:
            self.leave()
        self.app_resume_signal.subscribe(self, self._show_again)
        self.set_interval(_TICK_S, self.draw)
        threading.Thread(target=self._follow, name="trainviz-follow", daemon=True).start()

    def _show_again(self, _: App[Any]) -> None:
        """Draws all of the screen, after something else was on it."""
        self.screen.refresh(layout=True)
        self._frame.refresh()

    def on_unmount(self) -> None:
        """Ends the thread that follows."""
        self._leave_thread()

    def _leave_thread(self) -> None:
        self._over = True
        self._woken.set()

    def leave(self) -> None:
        """Ends the view as a user does."""
        self._leave_thread()
        self.exit(None)

    def _follow(self) -> None:
        """Looks at the disk until the view is left; in a thread of its own."""
        try:
            while not self._over:
                self._look()
                room = self._room_for_picture
                if room and time.monotonic() >= self._picture_due_s:
                    self._picture_due_s = time.monotonic() + _PICTURE_S
                    self.post_message(self.Pictured(self._latest_picture(*room)))
                if wait_s := self._control.wait_s():  # where records pour in, once a frame
                    wait_s = max(wait_s, self._frame_s - time.monotonic())
                self._woken.wait(wait_s)
                self._woken.clear()
        except Exception as error:  # noqa: BLE001 - a bug: the view ends with it, instead of standing still
            self.post_message(self.Failed(error))

    def _look(self) -> None:
        """Takes what came; several looks share one frame."""
        if news := self._control.look():
            with self._lock:
                self._control.take(news)
            self._is_shown = False
        now_s = time.monotonic()
        if not self._is_shown and now_s >= self._frame_s:
            self._is_shown = True
            self._frame_s = max(self._frame_s + _PACE_S, now_s)
            self.post_message(self.Came())

    def _latest_picture(self, columns: int, rows: int) -> tuple[str, str] | None:
        try:
            return self._control.picture(columns, rows)
        except (TrainvizError, OSError) as error:
            return "", str(error)

    class Came(Message):
        """Something came that is to be shown."""

    class Pictured(Message):
        """A picture was looked for."""

        def __init__(self, found: tuple[str, str] | None) -> None:
            super().__init__()
            self.found = found

    class Failed(Message):
        """The thread that follows met a bug."""

        def __init__(self, error: Exception) -> None:
            super().__init__()
            self.error = error

    def on_dashboard_failed(self, event: Failed) -> None:
        """Ends with it."""
        raise event.error

    def on_dashboard_came(self) -> None:
        """Shows it."""
        self.draw()

    def draw(self) -> None:
        """Brings the screen up to date."""
        self._drawn_s, self._due_s = time.monotonic(), math.inf
        width, height = self._frame.size
        with self._lock:
            verdict = self._control.verdict()
            lines = self._board.lines(width, height) if width and height else []
        self._frame.show(lines)
        if verdict is not None:
            self._leave_thread()
            self.exit(verdict)

    def _draw_soon(self, pace_s: float) -> None:
        """Draws once so long after the last time, however many ask for it by then."""
        now_s = time.monotonic()
        due_s = self._drawn_s + pace_s
        if due_s <= now_s:
            self.draw()
        elif due_s < self._due_s:
            self._due_s = due_s
            self.set_timer(due_s - now_s, self._draw_due)

    def _draw_due(self) -> None:
        if time.monotonic() >= self._due_s:
            self.draw()

    def on_frame_resized(self) -> None:
        """Draws in the new size."""
        pane = self.query_one("#picture", Static)
        if pane.display and pane.size:
            self._room_for_picture = pane.size.width, max(pane.size.height - _CAPTION_ROWS, 1)
            self._picture_due_s = 0.0
            self._woken.set()
        self._draw_soon(_FLUID_S)

    def on_frame_pointed(self, event: Frame.Pointed) -> None:
        """Reads out what the mouse points at."""
        self._board.pointed = event.at
        self._draw_soon(_FLUID_S)

    def on_frame_clicked(self, event: Frame.Clicked) -> None:
        """Focuses a chart, or shows it alone."""
        self._board.click(*event.at, twice=event.twice)
        self.draw()

    def on_frame_scrolled(self, event: Frame.Scrolled) -> None:
        """Zooms around the mouse."""
        self._board.zoom(0.8 if event.nearer else 1.25)
        self._draw_soon(_FLUID_S)
        self._woken.set()

    def action_do(self, name: str) -> None:
        """Does what a key asks for."""
        if handler := getattr(self, f"_do_{name}", None):
            handler()
        else:
            self._board.act(name)
        self.draw()
        self._woken.set()

    def action_filter(self) -> None:
        """Lets the user type a filter."""
        self.action_do("filter")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A slash within a filter is part of it."""
        if action == "filter":
            return isinstance(self.screen, Charted) and not isinstance(self.focused, Input)
        return super().check_action(action, parameters)

    def _do_help(self) -> None:
        lines = help_lines(min(_HELP_CELLS, self.size.width - _HELP_FRAME))
        self.push_screen(Help(rich_text(lines, self._depth, self._shown)))

    def _do_quit(self) -> None:
        self.leave()

    def _do_switch(self) -> None:
        with self._lock:
            self._control.switch()

    def _do_filter(self) -> None:
        field = self.query_one("#filter", Input)
        field.value = self._board.wish.pattern
        field.display = True
        self.screen.set_focus(field)
        self._board.message = _TYPING

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filters while one types."""
        if event.input.display:
            self._board.filter(event.value)
            self._draw_soon(_FLUID_S)

    def on_input_submitted(self) -> None:
        """Keeps the filter."""
        self._close_filter()

    def _close_filter(self) -> None:
        self.query_one("#filter", Input).display = False
        self._board.message = ""
        self.screen.set_focus(self._frame)

    def _do_reset(self) -> None:
        if self.query_one("#filter", Input).display:
            self._close_filter()
            self._board.filter("")
        elif self._board.wish.is_narrowed or not self.query_one("#picture", Static).display:
            self._board.act("reset")
        else:
            self._do_picture()

    def _do_save(self) -> None:
        cell = self._board.focused
        if cell is None or cell.drawn is None or self._is_saving:
            return
        panel = cell.drawn.panel
        self._is_saving = True
        self._board.message = "saving …"
        self.run_worker(lambda: self._save(panel), thread=True)

    def _save(self, panel: Panel) -> None:
        """Writes the chart, in a thread."""
        try:
            message = f"saved {self._control.save(panel)}"
        except (TrainvizError, OSError) as error:
            message = f"not saved: {error}"
        self.post_message(self.Saved(message))

    class Saved(Message):
        """A chart was written, or couldn't be."""

        def __init__(self, message: str) -> None:
            super().__init__()
            self.message = message

    def on_dashboard_saved(self, event: Saved) -> None:
        """Says so in the last line, for a while."""
        self._is_saving = False
        self._board.message = event.message
        self.draw()
        if self._message_timer:
            self._message_timer.stop()
        self._message_timer = self.set_timer(_MESSAGE_S, self._clear_message)

    def _clear_message(self) -> None:
        self._board.message = ""
        self.draw()

    def _do_picture(self) -> None:
        pane = self.query_one("#picture", Static)
        pane.display = not pane.display
        if not pane.display:
            self._room_for_picture = None

    def on_dashboard_pictured(self, event: Pictured) -> None:
        """Shows it, unless it is the one that is shown already."""
        if event.found is not None:
            picture, caption = event.found
            pane = self.query_one("#picture", Static)
            said = Text(self._shown(fit(caption, pane.size.width * _CAPTION_ROWS)), "dim")
            pane.update(Group(Text.from_ansi(picture, no_wrap=True, end=""), said))

"""How the live view holds the terminal: which stream it draws on, and that it is given back."""

from __future__ import annotations

import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from textual.driver import Driver

_OTHER_SCREEN = "\x1b[?1049h"
_ENDING = ("SIGTERM", "SIGHUP", "SIGINT")


def on_other_screen(driver: type[Driver]) -> type[Driver]:
    """The driver for a terminal that shows its other screen already: asked again, some clear it."""

    class OnOtherScreen(driver):  # type: ignore[valid-type,misc]
        _is_there = True

        def write(self, data: str) -> None:
            """Writes to the terminal, and goes to the other screen only to come back to it."""
            writer = getattr(self, "_writer_thread", None)
            if writer is not None and not writer.is_alive():  # the terminal is gone
                self._app.call_later(self._app.exit)
            elif data == _OTHER_SCREEN and self._is_there:
                self._is_there = False  # when it was suspended it is to go there again
            else:
                super().write(data)

        def start_application_mode(self) -> None:
            """Begins to draw, where the first frame is: stderr may be a file."""
            self._file = sys.__stdout__
            super().start_application_mode()

    return OnOtherScreen


@contextmanager
def ended_by_signals(end: Callable[[], object]) -> Iterator[None]:
    """Calls `end` when a signal asks for it, instead of stopping anywhere."""
    there = [getattr(signal, name) for name in _ENDING if hasattr(signal, name)]
    before = {each: signal.signal(each, lambda *_: end()) for each in there}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)

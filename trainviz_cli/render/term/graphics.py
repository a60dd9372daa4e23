"""What a terminal shows of a picture, as far as it tells.

Source: kitty, https://sw.kovidgoyal.net/kitty/graphics-protocol/ (its query); the terminal's
attributes (DA1), VT330/VT340 Programmer Reference Manual, volume 2.
"""

from __future__ import annotations

import os
import re
import sys
import time
from contextlib import suppress
from enum import StrEnum
from typing import TYPE_CHECKING

from trainviz_cli.render.term.style import ColorDepth

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# Is kitty's protocol known? (A terminal that prints this has it wiped away.) And what are you?
# Every terminal answers the second, so that the first is never waited for in vain.
_QUESTION = b"\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\\r\x1b[K\x1b[c"
_ANSWER = re.compile(rb"\x1b\[\?([\d;]*)c")
_WAIT_S = 1.0


class Graphics(StrEnum):
    """What a terminal shows of a picture: pixels, coloured half cells, dots, or letters."""

    KITTY = "kitty"
    ITERM2 = "iterm2"
    SIXEL = "sixel"
    TRUE_BLOCKS = "blocks-24bit"
    BLOCKS = "blocks"
    BRAILLE = "braille"
    ASCII = "ascii"


# TERM is this terminal's own; the others are inherited by a terminal started from another.
_BY_TERM = {"xterm-kitty": Graphics.KITTY, "xterm-ghostty": Graphics.KITTY}
_BY_PROGRAM = {
    "ghostty": Graphics.KITTY,
    "iTerm.app": Graphics.ITERM2,
    "iTerm2": Graphics.ITERM2,  # in LC_TERMINAL, which ssh hands on
    "WezTerm": Graphics.ITERM2,
}


def detect_graphics(
    environ: Mapping[str, str],
    depth: ColorDepth,
    *,
    only_ascii: bool,
    terminal: bool,
    ask: Callable[[], bytes] | None = None,
) -> Graphics:
    """How to show a picture on stdout.

    Args:
        environ: The environment.
        depth: The colours that are wanted; without any, a picture is made of characters.
        only_ascii: Nothing but ASCII is wanted.
        terminal: Stdout is a terminal.
        ask: Called where the environment doesn't tell; None is `ask_terminal`.
    """
    if only_ascii:
        return Graphics.ASCII
    if depth is ColorDepth.NONE:
        return Graphics.BRAILLE
    # Of what tells of no more than 16 colours, all understands the codes of 256.
    blocks = Graphics.TRUE_BLOCKS if _has_true_colors(environ) else Graphics.BLOCKS
    term = environ.get("TERM", "")
    program = environ.get("TERM_PROGRAM") or environ.get("LC_TERMINAL", "")
    if not terminal or _shows_no_pixels(environ, term, program):
        return blocks
    known = _BY_TERM.get(term) or _BY_PROGRAM.get(program)
    return known or _understood((ask or ask_terminal)()) or blocks


def _has_true_colors(environ: Mapping[str, str]) -> bool:
    """Whether the terminal says it has 24-bit colour, and no GNU screen is in between."""
    return environ.get("COLORTERM") in {"truecolor", "24bit"} and "STY" not in environ


def _shows_no_pixels(environ: Mapping[str, str], term: str, program: str) -> bool:
    """Whether this is a multiplexer, or a terminal that has none and would print the question."""
    return (
        any(name in environ for name in ("TMUX", "STY", "ZELLIJ"))
        or term.startswith(("tmux", "screen", "linux", "dumb", "eterm"))
        or program in {"tmux", "Apple_Terminal"}
    )


def _understood(answer: bytes) -> Graphics | None:
    """What the terminal's answer says; sixel before kitty's, which many have but in part."""
    attributes = _ANSWER.search(answer)
    if attributes and b"4" in attributes[1].split(b";"):
        return Graphics.SIXEL
    return Graphics.KITTY if b"\x1b_Gi=31;OK" in answer else None


def ask_terminal() -> bytes:
    """What the terminal answers about its graphics, within a second; or nothing.

    It is asked only if stdin and stdout are the same terminal, this process is in its foreground,
    and nothing is typed ahead, which would be lost.
    """
    if sys.platform == "win32":
        return b""
    import termios
    import tty

    with suppress(OSError, ValueError, AttributeError, termios.error):
        keys, screen = sys.stdin.fileno(), sys.stdout.fileno()
        same = os.isatty(keys) and os.path.sameopenfile(keys, screen)
        if same and os.tcgetpgrp(keys) == os.getpgrp():
            before = termios.tcgetattr(keys)
            try:
                tty.setcbreak(keys, termios.TCSANOW)
                return _exchange(keys, screen)
            finally:
                termios.tcsetattr(keys, termios.TCSANOW, before)
    return b""


def _exchange(keys: int, screen: int) -> bytes:
    """The answer, read byte by byte, so that what is typed after it stays."""
    from select import select

    answer = b""
    if select([keys], [], [], 0)[0]:
        return answer
    sys.stdout.flush()
    os.write(screen, _QUESTION)
    end = time.monotonic() + _WAIT_S
    while not _ANSWER.search(answer) and (left_s := end - time.monotonic()) > 0:
        if select([keys], [], [], left_s)[0]:
            answer += os.read(keys, 1)
    return answer


def cell_size() -> tuple[int, int]:
    """Width and height of a character in pixels; a VT340's where stdout doesn't tell."""
    if sys.platform != "win32":
        import fcntl
        import struct
        import termios

        with suppress(OSError, ValueError, AttributeError):
            size = fcntl.ioctl(sys.stdout.fileno(), termios.TIOCGWINSZ, bytes(8))
            rows, columns, width, height = struct.unpack("4H", size)
            if width >= columns > 0 and height >= rows > 0:
                return width // columns, height // rows
    return 10, 20

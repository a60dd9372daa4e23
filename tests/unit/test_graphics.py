"""What a terminal shows of a picture: what its environment tells, and what it answers."""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
import sys
import termios
from typing import TYPE_CHECKING, Any

import pytest

from trainviz_cli.render.term import graphics as module
from trainviz_cli.render.term.graphics import Graphics, detect_graphics
from trainviz_cli.render.term.style import ColorDepth

if TYPE_CHECKING:
    from collections.abc import Iterator

SIXEL, KITTY = b"\x1b[?62;4;22c", b"\x1b_Gi=31;OK\x1b\\\x1b[?62;c"


@pytest.mark.parametrize(
    ("environ", "graphics"),
    [
        ({"TERM": "xterm-kitty"}, Graphics.KITTY),
        ({"TERM": "xterm-ghostty"}, Graphics.KITTY),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "ghostty"}, Graphics.KITTY),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}, Graphics.ITERM2),
        ({"TERM": "xterm-256color", "LC_TERMINAL": "iTerm2"}, Graphics.ITERM2),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, Graphics.ITERM2),
        ({"TERM": "xterm-kitty", "TERM_PROGRAM": "iTerm.app"}, Graphics.KITTY),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "Apple_Terminal"}, Graphics.BLOCKS),
        ({"TERM": "linux"}, Graphics.BLOCKS),
        ({"TERM": "tmux-256color", "COLORTERM": "truecolor"}, Graphics.TRUE_BLOCKS),
        ({"TERM": "screen-256color", "LC_TERMINAL": "iTerm2"}, Graphics.BLOCKS),
        ({"TERM": "xterm-kitty", "TMUX": "socket,2,3"}, Graphics.BLOCKS),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "tmux"}, Graphics.BLOCKS),
        ({"TERM": "xterm-kitty", "STY": "1.pts", "COLORTERM": "truecolor"}, Graphics.BLOCKS),
        ({"TERM": "xterm-kitty", "ZELLIJ": "0"}, Graphics.BLOCKS),
    ],
)
def test_the_environment_tells(environ: dict[str, str], graphics: Graphics) -> None:
    """A known terminal is not asked, and behind a multiplexer it is half blocks always."""

    def ask() -> bytes:
        raise AssertionError("asked")

    many = ColorDepth.MANY
    found = detect_graphics(environ, many, only_ascii=False, terminal=True, ask=ask)
    assert found is graphics
    found = detect_graphics(environ, many, only_ascii=False, terminal=False, ask=ask)
    assert found in {Graphics.BLOCKS, Graphics.TRUE_BLOCKS}  # a pipe takes no pixels
    none = ColorDepth.NONE
    found = detect_graphics(environ, none, only_ascii=False, terminal=True, ask=ask)
    assert found is Graphics.BRAILLE
    assert detect_graphics(environ, many, only_ascii=True, terminal=True, ask=ask) == "ascii"


@pytest.mark.parametrize(
    ("environ", "answer", "graphics"),
    [
        ({}, SIXEL, Graphics.SIXEL),
        ({"TERM": "xterm"}, KITTY, Graphics.KITTY),
        ({"TERM": "xterm"}, KITTY.replace(b"62;", b"62;4"), Graphics.SIXEL),
        ({"TERM": "xterm"}, b"\x1b[?64;1;24;44c", Graphics.BLOCKS),
        ({"TERM": "xterm"}, b"\x1b_Gi=31;ENOTSUP\x1b\\\x1b[?6c", Graphics.BLOCKS),
        ({"TERM": "xterm"}, b"", Graphics.BLOCKS),
        ({"COLORTERM": "24bit"}, b"", Graphics.TRUE_BLOCKS),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "vscode"}, SIXEL, Graphics.SIXEL),
        # started from iTerm2, whose variable it inherits
        ({"TERM_PROGRAM": "vscode", "LC_TERMINAL": "iTerm2"}, b"", Graphics.BLOCKS),
        # started from kitty
        ({"TERM": "xterm", "KITTY_WINDOW_ID": "1"}, b"", Graphics.BLOCKS),
    ],
)
def test_the_terminal_tells(environ: dict[str, str], answer: bytes, graphics: Graphics) -> None:
    """Elsewhere the answer decides; where there is none, it is half blocks."""
    for depth in (ColorDepth.BASIC, ColorDepth.MANY):
        found = detect_graphics(environ, depth, only_ascii=False, terminal=True, ask=lambda: answer)
        assert found is graphics


class Terminal:
    """A terminal that a Python runs in, and the test at its other end."""

    CONTROL = "import fcntl, os, sys, termios\nfcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
    ASK = "from trainviz_cli.render.term.graphics import ask_terminal, cell_size\n"

    def __init__(self) -> None:
        self.screen, self.inside = os.openpty()

    def run(self, script: str, **streams: Any) -> subprocess.Popen[bytes]:
        """Starts a script in the terminal, whose stderr is not the terminal."""
        streams = {"stdin": self.inside, "stdout": self.inside} | streams
        return subprocess.Popen(
            [sys.executable, "-c", self.ASK + script],
            stderr=subprocess.PIPE,
            start_new_session=True,
            **streams,
        )

    def read_question(self) -> bytes:
        """What the script asks, to its end."""
        question = b""
        while not question.endswith(b"\x1b[c"):
            question += os.read(self.screen, 1)
        return question

    def written(self) -> bytes:
        """What has been written and not read yet."""
        os.set_blocking(self.screen, False)
        try:
            return os.read(self.screen, 10_000)
        except BlockingIOError:
            return b""


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    """A terminal of 100 by 40 characters of 9 by 18 pixels."""
    terminal = Terminal()
    fcntl.ioctl(terminal.inside, termios.TIOCSWINSZ, struct.pack("4H", 40, 100, 905, 730))
    yield terminal
    os.close(terminal.screen)
    os.close(terminal.inside)


def said(process: subprocess.Popen[bytes]) -> str:
    """What the script says on stderr, when it ends."""
    error = process.communicate(timeout=60)[1].decode()
    assert process.returncode == 0, error
    return error


def test_question_and_answer(terminal: Terminal) -> None:
    """The answer is taken from the input whole, and no more: what is typed next stays."""
    before = termios.tcgetattr(terminal.inside)
    script = "print(ask_terminal(), sys.stdin.readline(), file=sys.stderr)"
    process = terminal.run(Terminal.CONTROL + script)
    question = terminal.read_question()
    assert question.startswith(b"\x1b_G")
    os.write(terminal.screen, KITTY + b"next\n")
    assert said(process) == f"{KITTY!r} next\n\n"
    assert termios.tcgetattr(terminal.inside) == before


def test_no_answer(terminal: Terminal) -> None:
    """A terminal that doesn't answer is not waited for, and is left as it was."""
    before = termios.tcgetattr(terminal.inside)
    process = terminal.run(Terminal.CONTROL + "print(ask_terminal(), file=sys.stderr)")
    assert said(process) == "b''\n"
    assert termios.tcgetattr(terminal.inside) == before


def test_typed_ahead(terminal: Terminal) -> None:
    """Where something is typed ahead, nothing is asked, and nothing of it is lost."""
    os.write(terminal.screen, b"typed\n")
    terminal.written()  # the echo
    os.set_blocking(terminal.screen, True)
    script = "print(ask_terminal(), sys.stdin.readline(), file=sys.stderr)"
    assert said(terminal.run(Terminal.CONTROL + script)) == "b'' typed\n\n"
    assert b"\x1b" not in terminal.written()


def test_in_the_background(terminal: Terminal) -> None:
    """A job in the background doesn't touch the terminal, which would stop it."""
    inner = f"{Terminal.ASK}import sys; print(ask_terminal(), file=sys.stderr)"
    script = (
        "import subprocess\n"
        f"subprocess.run([sys.executable, '-c', {inner!r}], process_group=0, check=True)"
    )
    assert said(terminal.run(Terminal.CONTROL + script)) == "b''\n"
    assert terminal.written() == b""


@pytest.mark.parametrize("stream", ["stdin", "stdout"])
def test_half_a_terminal(terminal: Terminal, stream: str) -> None:
    """Nothing is asked where the answer couldn't be read, or the question not be written."""
    script = "import sys; print(ask_terminal(), file=sys.stderr)"
    assert said(terminal.run(script, **{stream: subprocess.DEVNULL})) == "b''\n"
    assert terminal.written() == b""


def test_closed_streams(terminal: Terminal) -> None:
    """Nothing is asked where there are no streams at all."""
    script = "import sys; sys.stdin = sys.stdout = None\n"
    script += "print(ask_terminal(), cell_size(), file=sys.stderr)"
    assert said(terminal.run(script)) == "b'' (10, 20)\n"


def test_cell_size(terminal: Terminal) -> None:
    """The terminal's own, where it tells."""
    script = "import sys; print(cell_size(), file=sys.stderr)"
    assert said(terminal.run(script)) == "(9, 18)\n"
    fcntl.ioctl(terminal.inside, termios.TIOCSWINSZ, struct.pack("4H", 40, 100, 0, 0))
    assert said(terminal.run(script)) == "(10, 20)\n"


def test_default_question(monkeypatch: pytest.MonkeyPatch) -> None:
    """By default it is the terminal that is asked."""
    monkeypatch.setattr(module, "ask_terminal", lambda: SIXEL)
    found = detect_graphics({}, ColorDepth.MANY, only_ascii=False, terminal=True)
    assert found is Graphics.SIXEL

"""Tests of `trainviz tail` as a process in a real terminal, which must be given back as it was."""

from __future__ import annotations

import fcntl
import json
import os
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Start = Callable[..., "Terminal"]

PATIENCE_S = 30.0
SCRIPT = Path(sys.executable).with_name("trainviz")
# Makes the terminal the one that its signals come from, as a shell does.
TAKE = "fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
TAKEN = sys.executable, "-S", "-c", f"import fcntl, os, sys, termios; {TAKE}"
# What is switched on and off again: h and l, and which of them a terminal begins with.
MODES = {
    "1049": "l",  # the other screen
    "25": "h",  # the cursor
    "7": "h",  # line wrap
    "1000": "l",  # the mouse
    "1003": "l",
    "1006": "l",
    "1004": "l",  # focus
    "2004": "l",  # bracketed paste
}


class Terminal:
    """A process in a pseudo terminal.

    Attributes:
        out: All that it wrote there so far.
    """

    def __init__(
        self,
        *arguments: object,
        size: tuple[int, int] = (80, 24),
        stderr: IO[bytes] | None = None,
        is_told: bool = True,
        **env: str,
    ) -> None:
        self.out = b""
        self.master, self.slave = os.openpty()
        self.resize(*size)
        self.before = termios.tcgetattr(self.slave)
        kept = {"PATH", "HOME", "LANG", "TMPDIR", "COVERAGE_PROCESS_CONFIG"}
        surroundings = {name: value for name, value in os.environ.items() if name in kept}
        self.child = subprocess.Popen(
            [*(TAKEN if is_told else ()), SCRIPT, "tail", *map(str, arguments)],
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave if stderr is None else stderr,
            env={**surroundings, "TERM": "xterm-256color", "PYTHONUTF8": "1", **env},
            start_new_session=True,
        )

    def resize(self, columns: int, rows: int) -> None:
        """Gives the terminal another size."""
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))

    def press(self, keys: str) -> None:
        """Types."""
        os.write(self.master, keys.encode())

    def read(self, wait_s: float = 0.05) -> None:
        """Takes what it wrote."""
        while select.select([self.master], [], [], wait_s)[0]:
            self.out += os.read(self.master, 1 << 16)
            wait_s = 0.0

    def wait_for(self, holds: Callable[[str], object]) -> None:
        """Until what was written satisfies somebody."""
        end_s = time.monotonic() + PATIENCE_S
        while not holds(self.text):
            assert time.monotonic() < end_s, f"it doesn't come: {self.text[-2000:]!r}"
            assert self.child.poll() is None, f"it ended: {self.text[-2000:]!r}"
            self.read()

    @property
    def text(self) -> str:
        """All that it wrote there so far."""
        return self.out.decode("utf-8", "replace")

    @property
    def is_fluid(self) -> bool:
        """Whether the application behind the first frame answers keys."""
        return "\x1b[?1000h" in self.text and "\x1b[?2004h" in self.text

    def wait_till_fluid(self) -> None:
        """Until keys are answered."""
        self.wait_for(lambda _: self.is_fluid)

    def end(self) -> int:
        """Its exit code."""
        end_s = time.monotonic() + PATIENCE_S
        while self.child.poll() is None:
            assert time.monotonic() < end_s, f"it doesn't end: {self.text[-2000:]!r}"
            self.read()
        self.read()
        return self.child.returncode

    def assert_restored(self) -> None:
        """The terminal is as it was, and shows no traceback."""
        for mode, at_first in MODES.items():
            switched = re.findall(rf"\x1b\[\?{mode}([hl])", self.text)
            assert not switched or switched[-1] == at_first, mode
        assert self.text.count("\x1b[>") == self.text.count("\x1b[<u")  # kitty's keyboard
        assert termios.tcgetattr(self.slave) == self.before
        assert "Traceback" not in self.text

    @property
    def after(self) -> str:
        """What it wrote on the screen that was there before."""
        return without_codes(self.text.rpartition("\x1b[?1049l")[2]).strip()

    def close(self) -> None:
        """Leaves nothing behind."""
        self.child.kill()
        self.child.wait()
        for end in (self.master, self.slave):
            with suppress(OSError):
                os.close(end)


def without_codes(text: str) -> str:
    """The characters alone."""
    return re.sub(r"\x1b\[[?<>]?[\d;]*\w", "", text)


def write(folder: Path, first: int, count: int, **values: float) -> Path:
    """Appends records to a run."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "scalars.json").open("a") as file:
        for step in range(first, first + count):
            file.write(json.dumps({**values, "step": step}) + "\n")
    return folder


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts the command in a terminal."""
    started: list[Terminal] = []

    def begin(*arguments: object, **how: object) -> Terminal:
        started.append(Terminal(*arguments, **how))  # type: ignore[arg-type]
        return started[-1]

    yield begin
    for each in started:
        each.close()


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run that shows a chart."""
    return write(tmp_path / "exp1", 0, 50, loss=0.5, acc=0.25)


def test_chart_is_there_before_the_application(start: Start, run: Path, tmp_path: Path) -> None:
    """The first frame doesn't wait for Textual; and if that can't be had, the terminal is back."""
    fake = tmp_path / "fake" / "textual"
    fake.mkdir(parents=True)
    text = "import os\nos.write(1, b'<textual>')\nraise KeyboardInterrupt\n"
    (fake / "__init__.py").write_text(text)
    terminal = start(run, PYTHONPATH=str(fake.parent))
    assert terminal.end() == 0
    before, _, after = terminal.text.partition("<textual>")
    assert before.startswith("\x1b[?1049h\x1b[?25l")
    assert "last 0.5" in before
    assert "? help" in without_codes(before)
    assert "\x1b[?1049l" in after
    terminal.assert_restored()


@pytest.mark.parametrize("how", ["q", "\x03", "SIGTERM", "SIGINT", "SIGHUP"])
def test_end(start: Start, run: Path, how: str) -> None:
    """However it is ended, the terminal is as it was, and nothing went wrong."""
    terminal = start(run)
    terminal.wait_till_fluid()
    if how.startswith("SIG"):
        terminal.child.send_signal(getattr(signal, how))
    else:
        terminal.press(how)
    assert terminal.end() == 0
    terminal.assert_restored()
    assert terminal.after == ""


@pytest.mark.parametrize("how", ["SIGTERM", "SIGINT", "SIGHUP"])
@pytest.mark.parametrize("wait_s", [0.0, 0.1, 0.2, 0.3])
def test_end_while_it_begins(start: Start, run: Path, how: str, wait_s: float) -> None:
    """Between the first frame and the application, it is as safe to end."""
    terminal = start(run)
    terminal.wait_for(lambda text: "last 0.5" in text)
    time.sleep(wait_s)
    terminal.child.send_signal(getattr(signal, how))
    assert terminal.end() == 0
    terminal.assert_restored()


def test_keys_typed_early_are_not_lost(start: Start, run: Path) -> None:
    """What is typed before the application reads it, counts then."""
    terminal = start(run)
    terminal.wait_for(lambda text: "last 0.5" in text)
    terminal.press("q")
    assert terminal.end() == 0
    terminal.assert_restored()


def test_storm_of_sizes(start: Start, run: Path) -> None:
    """Two hundred changes of size in a row, and it still answers."""
    terminal = start(run)
    terminal.wait_till_fluid()
    for number in range(200):
        terminal.resize(20 + number * 13 % 280, 5 + number * 7 % 75)
        if number % 20 == 0:
            terminal.read(0.0)
    terminal.resize(70, 20)
    terminal.read(0.5)
    begun = len(terminal.text)
    write(run, 50, 1, loss=0.125)
    terminal.wait_for(lambda text: "0.125" in text[begun:])
    terminal.press("q")
    assert terminal.end() == 0
    terminal.assert_restored()


def test_suspended_and_back(start: Start, run: Path) -> None:
    """While it is stopped, the terminal is the shell's; afterwards it draws on its screen again."""
    terminal = start(run)
    terminal.wait_till_fluid()
    terminal.child.send_signal(signal.SIGTSTP)
    terminal.wait_for(lambda text: "\x1b[?1049l" in text)
    time.sleep(0.1)
    terminal.child.send_signal(signal.SIGCONT)
    terminal.wait_for(lambda text: "last 0.5" in text.rpartition("\x1b[?1049l")[2])
    assert terminal.text.rpartition("\x1b[?1049l")[2].count("\x1b[?1049h") == 1
    terminal.press("q")
    assert terminal.end() == 0
    terminal.assert_restored()


def test_until_ends_it(start: Start, run: Path) -> None:
    """What was waited for is said where the command was typed."""
    terminal = start(run, "--until", "acc>0.5")
    terminal.wait_till_fluid()
    write(run, 50, 1, acc=0.75)
    assert terminal.end() == 0
    terminal.assert_restored()
    assert terminal.after == "trainviz: note: exp1: acc>0.5"


@pytest.mark.parametrize("how", ["q", "SIGTERM"])
def test_stopped_before_what_was_waited_for(start: Start, run: Path, how: str) -> None:
    """Then the exit code says so."""
    terminal = start(run, "--until", "acc>0.5")
    terminal.wait_till_fluid()
    if how == "q":
        terminal.press(how)
    else:
        terminal.child.send_signal(signal.SIGTERM)
    assert terminal.end() == 7
    terminal.assert_restored()
    assert "acc>0.5 does not hold" in terminal.after


def test_error_while_it_runs(start: Start, run: Path) -> None:
    """A condition that two keys fit, once they are there, is an error as everywhere."""
    terminal = start(run, "--until", "mAP>0.5")
    terminal.wait_till_fluid()
    write(run, 50, 1, **{"a/mAP": 0.5, "b/mAP": 0.5})
    assert terminal.end() == 3
    terminal.assert_restored()
    assert terminal.after.startswith("trainviz: --until: 'mAP' fits 2 keys")


def test_errors_elsewhere(start: Start, run: Path, tmp_path: Path) -> None:
    """It is drawn where stdout goes; stderr may be a file, and stays empty."""
    with (tmp_path / "errors").open("wb") as file:
        terminal = start(run, stderr=file)
        terminal.wait_till_fluid()
        terminal.press("q")
        assert terminal.end() == 0
    terminal.assert_restored()
    assert (tmp_path / "errors").read_bytes() == b""


@pytest.mark.parametrize("is_told", [True, False])
def test_terminal_that_is_gone(start: Start, run: Path, *, is_told: bool) -> None:
    """Nobody is left to show anything to, so it ends, even if no signal says so."""
    terminal = start(run, is_told=is_told)
    terminal.wait_till_fluid()
    os.close(terminal.slave)
    os.close(terminal.master)
    assert terminal.child.wait(PATIENCE_S) in {0, 2}  # 2 is output that was lost


def test_plain_terminal(start: Start, tmp_path: Path) -> None:
    """With --ascii and without colours there is nothing else on it, whatever things are called."""
    name = "训练\x1b]0;pwned\x07e\u0301"
    run = write(tmp_path / name, 0, 20, **{"损失\x1b[2J": 0.5, "acc": 0.25})
    terminal = start(run, run.parent, "--ascii", NO_COLOR="1")
    terminal.wait_till_fluid()
    terminal.press("?")
    terminal.wait_for(lambda text: "this list" in text)
    terminal.press("?sxslo0i")
    terminal.wait_for(lambda text: "no picture so far" in text)
    terminal.press("q")
    assert terminal.end() == 0
    terminal.assert_restored()
    assert terminal.out.isascii()
    assert b"\x1b]0;" not in terminal.out
    assert not re.search(r"\x1b\[[\d;]*[34][0-8][\d;]*m", terminal.text)


def test_sixteen_colours(start: Start, tmp_path: Path) -> None:
    """A terminal that has no more gets no more."""
    run = write(tmp_path / "a", 0, 20, loss=0.5)
    terminal = start(run, write(tmp_path / "b", 0, 20, loss=0.25), TERM="xterm")
    terminal.wait_till_fluid()
    terminal.press("?")
    terminal.wait_for(lambda text: "this list" in text)
    terminal.press("?q")
    assert terminal.end() == 0
    assert re.search(r"\x1b\[[\d;]*3[0-7]m", terminal.text)
    assert not re.search(r"[34]8;[25];", terminal.text)

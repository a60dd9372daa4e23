"""A full-screen program in a terminal that records what it writes, and shows it afterwards.

While the program runs, its output is only read, given its time and answered. The screens are drawn
from the recording when it is over, so that drawing them takes nothing from the program.
"""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import termios
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from measuring import find

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

COLUMNS, LINES = 120, 40
CELLS = 20  # so many cells of braille are a curve; axes, frames and spinners have fewer
KB = 1024 / 1e6  # in MB
# What programs ask, and what a terminal of today says; they wait for some of it.
# `#` is the number in the question.
ANSWERS = {
    rb"\x1b\[0?c": b"\x1b[?62;22c",  # what are you
    rb"\x1b\[>0?c": b"\x1b[>41;390;0c",  # which version
    rb"\x1b\[>0?q": b"\x1bP>|XTerm(390)\x1b\\",  # by what name
    rb"\x1b\[5n": b"\x1b[0n",  # are you well
    rb"\x1b\[6n": b"\x1b[1;1R",  # where is the cursor
    rb"\x1b\[\?u": b"\x1b[?0u",  # which keys do you tell apart
    rb"\x1b\[\?2026\$p": b"\x1b[?2026;2$y",  # can you show a frame at once
    rb"\x1b\[\?[0-9]+\$p": b"\x1b[?#;0$y",  # do you know mode number so and so
    rb"\x1b\]10;\?(?:\x07|\x1b\\)": b"\x1b]10;rgb:d0d0/d0d0/d0d0\x1b\\",  # the colour of text
    rb"\x1b\]11;\?(?:\x07|\x1b\\)": b"\x1b]11;rgb:1010/1010/1010\x1b\\",  # and behind it
    rb"\x1b\[14t": b"\x1b[4;800;1200t",  # your size in pixels
    rb"\x1b\[16t": b"\x1b[6;20;10t",  # the size of a character
    rb"\x1b\[18t": b"\x1b[8;%d;%dt" % (LINES, COLUMNS),  # your size in characters
}
QUESTION = re.compile(b"|".join(ANSWERS))
BRAILLE = re.compile(rb"\xe2(?:\xa0[\x81-\xbf]|[\xa1-\xa3][\x80-\xbf])")
# xterm clears the other screen whenever it is asked for, even if it is there already.
OTHER_SCREEN = re.compile(rb"\x1b\[\?(?:47|1047|1049)[hl]")
CLEARED = b"\x1b[2J\x1b[H"
# What pyte would print or take for something else: strings, and CSI with `<`, `=`, `>`, `:`, `$`.
UNKNOWN = re.compile(
    rb"\x1b[P_^X\]][^\x1b\x07]*(?:\x1b\\|\x07)"
    rb"|\x1b\[[<=>][0-9;:]*[@-~]|\x1b\[\??[0-9;:]*[ !\"'$][@-~]|\x1b\[[0-9;]*:[0-9;:]*[@-~]"
    rb"|\x1b\[[0-9;]*t"
)
UNFINISHED = re.compile(rb"\x1b(?:[P_^X\]][^\x1b\x07]*\x1b?|\[[<=>?]?[0-9;:]*[ !\"'$]?)?$")


class Terminal:
    """A program in a terminal of its own.

    Args:
        command: What to run.
        home: Its home directory.

    Attributes:
        heard: What it wrote, and when.
        begun: When it was started.
        process: Its number, and that of its session.
    """

    def __init__(self, command: Sequence[str], home: Path) -> None:
        self.heard: list[tuple[float, bytes]] = []
        self._asked = b""
        self.begun = time.perf_counter()
        self.process, self.line = pty.fork()
        if not self.process:
            try:
                termios.tcsetwinsize(0, (LINES, COLUMNS))
                os.execve(command[0], list(command), _environment(home))  # noqa: S606
            finally:
                os._exit(127)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process, signal.SIGKILL)
        os.close(self.line)
        os.waitpid(self.process, 0)

    def hear(self) -> None:
        """Reads what is there, and answers."""
        try:
            piece = os.read(self.line, 1 << 16)
        except OSError:  # how Linux says that nobody is there any more
            raise RuntimeError(f"the program ended:\n{self.text()}") from None
        self.heard.append((time.perf_counter(), piece))
        self._asked += piece
        for question in QUESTION.finditer(self._asked):
            answer = next(ANSWERS[q] for q in ANSWERS if re.fullmatch(q, question[0]))
            number = re.sub(rb"\D", b"", question[0])
            os.write(self.line, answer.replace(b"#", number))
        self._asked = QUESTION.sub(b"", self._asked)[-16:]

    def wait_for_chart(self, seconds: float) -> None:
        """Listens until enough has been written for a curve, and a little longer."""
        end, cells, pieces = time.perf_counter() + seconds, 0, 0
        while cells < CELLS and time.perf_counter() < end:
            listen([self], end, once=True)
            cells += sum(len(BRAILLE.findall(piece)) for _, piece in self.heard[pieces:])
            pieces = len(self.heard)
        listen([self], time.perf_counter() + 1.0)

    def text(self) -> str:
        """The screen as it is now."""
        rows = [""]
        for _, rows in screens(self.heard):  # noqa: B007 - the last is asked for
            pass
        return "\n".join(row.rstrip() for row in rows).strip("\n")


class Memory(NamedTuple):
    """Of a program, in MB.

    Attributes:
        now: What it holds.
        most: The most it held.
    """

    now: float
    most: float


def listen(terminals: Sequence[Terminal], until: float, *, once: bool = False) -> None:
    """Hears the terminals until that moment, or, if asked to, until one has said something."""
    lines = {terminal.line: terminal for terminal in terminals}
    while (left := until - time.perf_counter()) > 0:
        for line in select.select(list(lines), [], [], left)[0]:
            lines[line].hear()
            if once:
                return


def screens(heard: Sequence[tuple[float, bytes]]) -> Iterator[tuple[float, list[str]]]:
    """The rows of the screen after each piece, and the moment; the list is the same each time."""
    screen, stream = _emulator()
    rows, rest = [" " * COLUMNS] * LINES, b""
    for moment, piece in heard:
        data = rest + piece
        cut = UNFINISHED.search(data)
        data, rest = (data[: cut.start()], cut[0]) if cut else (data, b"")
        stream.feed(UNKNOWN.sub(b"", OTHER_SCREEN.sub(CLEARED, data)))
        for number in screen.dirty:
            if number < LINES:
                row = screen.buffer[number]
                rows[number] = "".join(row[column].data for column in range(COLUMNS))
        screen.dirty.clear()
        yield moment, rows


def first_chart(terminal: Terminal) -> tuple[float, float]:
    """Seconds from the program's start to a curve, and to one that stays; infinite without."""
    first = stays = float("inf")
    for moment, rows in screens(terminal.heard):
        cells = sum("\u2801" <= character <= "\u28ff" for row in rows for character in row)
        if cells < CELLS:
            stays = float("inf")
        else:
            first = min(first, moment - terminal.begun)
            stays = min(stays, moment - terminal.begun)
    return first, stays


def first_shown(
    heard: Sequence[tuple[float, bytes]],
    written: Sequence[tuple[float, str]],
    *,
    printed: bool = True,
) -> list[float]:
    """Seconds from each writing to the first screen with that number or one written later.

    Args:
        heard: What the program wrote, and when.
        written: When a number was written, and how it looks.
        printed: Whether the program prints numbers; else any change of the screen counts.
    """
    delays: list[float] = []
    before: list[str] = []
    looks = [re.compile(rf"(?<![\d.]){re.escape(text)}(?![\d.])") for _, text in written]
    for moment, rows in screens(heard):
        due = sum(1 for at, _ in written if at < moment)
        if due > len(delays):
            if printed:
                page = "\n".join(rows)
                seen = [i for i in range(len(delays), due) if looks[i].search(page)]
                shown = max(seen, default=-1) + 1
            else:
                shown = due if rows != before else 0
            delays += [moment - at for at, _ in written[len(delays) : shown]]
        before = list(rows)
    return delays + [float("inf")] * (len(written) - len(delays))


def processor(terminal: Terminal) -> float:
    """Seconds of processor that the program and its children have used."""
    ticks = sum(sum(map(int, fields[11:15])) for fields in _session(terminal))
    return ticks / os.sysconf("SC_CLK_TCK")


def memory(terminal: Terminal) -> Memory:
    """Of the program and its children."""
    sums = {"VmRSS": 0, "VmHWM": 0}
    for fields in _session(terminal):
        status = Path(f"/proc/{fields[-1]}/status").read_text(encoding="ascii")
        for name in sums:
            found = re.search(rf"{name}:\s*(\d+)", status)
            sums[name] += int(found[1]) if found else 0
    return Memory(sums["VmRSS"] * KB, sums["VmHWM"] * KB)


def _session(terminal: Terminal) -> Iterator[list[str]]:
    """Of each process, /proc's `stat` from its third field on, and last its number."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = path.read_text(encoding="utf-8").rpartition(") ")[2].split()
            if fields[3] == str(terminal.process):
                yield [*fields, path.parent.name]


def _environment(home: Path) -> dict[str, str]:
    """This one without what would tell of another terminal or of another user's settings."""
    hidden = "COLORTERM COLUMNS LINES NO_COLOR PYTHONDONTWRITEBYTECODE TERM_PROGRAM TMUX".split()
    kept = {k: v for k, v in os.environ.items() if k not in hidden and not k.startswith("XDG_")}
    return {**kept, "TERM": "xterm-256color", "HOME": str(home), "LC_ALL": "C.UTF-8"}


def _emulator() -> tuple[Any, Any]:
    """A screen and stream of pyte, which learn to repeat a character and to scroll."""

    class Screen(find("pyte", "Screen")):  # type: ignore[misc] # pyte comes without types
        drawn = " "

        def draw(self, data: str) -> None:
            super().draw(data)
            self.drawn = data[-1]

        def repeat(self, count: int = 1) -> None:
            super().draw(self.drawn * max(count, 1))

        def scroll_up(self, count: int = 1) -> None:
            self._scroll(-1, self.index, count)

        def scroll_down(self, count: int = 1) -> None:
            self._scroll(0, self.reverse_index, count)

        def _scroll(self, edge: int, move: Callable[[], None], count: int) -> None:
            at, self.cursor.y = self.cursor.y, (self.margins or (0, LINES - 1))[edge]
            for _ in range(max(count, 1)):
                move()
            self.cursor.y = at

    class Stream(find("pyte", "ByteStream")):  # type: ignore[misc]
        csi = {  # noqa: RUF012 - as pyte has it
            **find("pyte", "ByteStream").csi,
            "b": "repeat",
            "S": "scroll_up",
            "T": "scroll_down",
        }

    screen = Screen(COLUMNS, LINES)
    return screen, Stream(screen)

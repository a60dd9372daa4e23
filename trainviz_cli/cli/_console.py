"""Streams: results to stdout, everything else to stderr, and what the terminal can show."""

from __future__ import annotations

import codecs
import os
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import TextIO

    from trainviz_cli.model.run import Image, Run
    from trainviz_cli.render.term.chart import Look
    from trainviz_cli.render.term.graphics import Graphics
    from trainviz_cli.render.term.style import ColorDepth, Line

T = TypeVar("T")

_NARROWEST = 24
_WIDEST = 2000
_LOWEST = 5
_MOST_NOTES = 5
_LONGEST_LINE = 1000
_MOST_WITHOUT_BAR = 2000
_FEW_PARTS = 3
# For terminals that show no more than ASCII; one character each, so that nothing moves.
_TO_ASCII = str.maketrans({"…": "~", "σ": "s", "×": "x", "·": ".", "–": "-", "Δ": "d"})


def say(message: str, *, prefix: str = "trainviz: ") -> None:
    """One line to stderr, with nothing in it that could steer a terminal."""
    from trainviz_cli.render.term.text import printable

    line = printable(" ".join(message.split("\n")))
    if len(line) > _LONGEST_LINE:
        line = f"{line[:_LONGEST_LINE]}..."
    # Not by click.echo, which writes UTF-8 even where the locale has no such thing.
    try:
        print(f"{prefix}{line}", file=sys.stderr, flush=True)  # noqa: T201 - the one place that does
    except OSError:  # nobody reads stderr any more, and there is nowhere else to say so
        leave(sys.stderr)


def leave(stream: TextIO) -> None:
    """Lets Python flush what is left in a stream that takes no more, at exit, into nothing."""
    with suppress(OSError, ValueError):  # a stream that is no file
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def note(message: str) -> None:
    """Something to know that isn't part of the result."""
    say(message, prefix="trainviz: note: ")


def note_diagnostics(run: Run) -> None:
    """What was skipped and what was assumed while a run was read."""
    skipped = [each for each in run.diagnostics if each.skipped]
    for remark in run.diagnostics:
        if not remark.skipped:
            note(f"{run.name}: {remark.message}")
    if skipped:
        total = sum(each.skipped for each in skipped)
        note(f"{run.name}: skipped {total} {'line or value' if total == 1 else 'lines or values'}")
    for damage in skipped[:_MOST_NOTES]:
        file = os.path.basename(damage.path)  # noqa: PTH119 - a name to show, not a path to open
        at = "" if damage.offset is None else f", first at byte {damage.offset}"
        say(f"{damage.message}: {damage.skipped} ({file}{at})", prefix="  ")
    if len(skipped) > _MOST_NOTES:
        say(f"and {len(skipped) - _MOST_NOTES} more kinds", prefix="  ")


def progress(items: Sequence[T], label: str) -> Iterator[T]:
    """The items one after the other; a bar on stderr says how far, where there are many."""
    with working(len(items), label, _MOST_WITHOUT_BAR) as begin:
        for item in items:
            begin()
            yield item


@contextmanager
def working(total: int, label: str, least: int = _FEW_PARTS) -> Iterator[Callable[[], None]]:
    """A bar on stderr that counts long work, if that is a terminal.

    Args:
        total: How many parts the work has.
        label: What stands before the bar.
        least: For fewer parts there is no bar.

    Yields:
        What is called when a part begins.
    """
    if total < least or not sys.stderr.isatty():
        yield lambda: None
        return
    import click

    with click.progressbar(length=total, label=label, file=sys.stderr, width=0) as bar:
        yield lambda: bar.update(1)


class Console(NamedTuple):
    """What stdout can show.

    Attributes:
        color: auto, always or never.
        ascii: Only ASCII characters, even where the locale could show more.
    """

    color: str = "auto"
    ascii: bool = False

    @property
    def width(self) -> int:
        """Columns: what `COLUMNS` says, else the terminal, else 80."""
        text = os.environ.get("COLUMNS", "")
        given = int(text) if text.isdecimal() and len(text) < 6 else 0
        columns = given or _terminal_columns()
        return min(max(columns, _NARROWEST), _WIDEST)

    @property
    def height(self) -> int:
        """Lines: what `LINES` says, else the terminal, else 50."""
        text = os.environ.get("LINES", "")
        given = int(text) if text.isdecimal() and len(text) < 6 else 0
        return min(max(given or _terminal_lines(), _LOWEST), _WIDEST)

    @property
    def is_interactive(self) -> bool:
        """Whether stdin and stdout are a terminal that can be drawn on."""
        streams = sys.stdin, sys.stdout
        is_terminal = all(stream is not None and stream.isatty() for stream in streams)
        return is_terminal and os.environ.get("TERM") not in {None, "", "dumb", "unknown"}

    @property
    def depth(self) -> ColorDepth:
        """How many colours to use."""
        from trainviz_cli.render.term.style import ColorDepth

        wanted = self.color == "always" or (
            self.color == "auto"
            and sys.stdout.isatty()
            and not os.environ.get("NO_COLOR")
            and os.environ.get("TERM") != "dumb"
        )
        if not wanted:
            return ColorDepth.NONE
        many = "256" in os.environ.get("TERM", "") or os.environ.get("COLORTERM")
        return ColorDepth.MANY if many else ColorDepth.BASIC

    @property
    def look(self) -> Look:
        """The characters to draw with."""
        from trainviz_cli.render.term.chart import ASCII, Look

        look = Look() if self._shows_unicode else ASCII
        return look._replace(monochrome=not self.depth)

    def show_picture(self, image: Image) -> None:
        """Previews a picture, as high as the terminal at most.

        Raises:
            NotFoundError: Nothing is there.
            UnreadableError: It is no picture, or a damaged one.
            RefusedError: It would unpack to too many pixels.
        """
        from trainviz_cli.render.term.image import open_and_draw

        # A line for what is below, and one for the prompt.
        rows = _terminal_lines() - 2
        sys.stdout.write(open_and_draw(image, self.width, rows, self.graphics(pixels=True)))

    def graphics(self, *, pixels: bool) -> Graphics:
        """How to show a picture: as pixels, if that is wanted and the terminal can."""
        from trainviz_cli.render.term.graphics import detect_graphics

        return detect_graphics(
            os.environ,
            self.depth,
            only_ascii=not self._shows_unicode,
            terminal=pixels and sys.stdout.isatty(),
        )

    @property
    def _shows_unicode(self) -> bool:
        return not self.ascii and _writes_unicode()

    def show(self, lines: Iterable[Line]) -> None:
        """Prints styled lines."""
        from trainviz_cli.render.term.style import to_text

        sys.stdout.write(self.shown(to_text(lines, self.depth)))

    def shown(self, text: str) -> str:
        """The text as stdout can show it: with other characters, as many cells wide, if need be."""
        if self._shows_unicode:
            return text
        encoding = "ascii" if self.ascii else sys.stdout.encoding or "ascii"
        codecs.register_error("cells", _in_cells)
        return text.translate(_TO_ASCII).encode(encoding, "cells").decode(encoding)

    def shown_here(self) -> Callable[[str], str]:
        """What `shown` does, also when stdout is replaced later."""
        if self._shows_unicode:
            return str
        return Console(self.color, ascii=True).shown


def _in_cells(error: UnicodeError) -> tuple[str, int]:
    """Question marks for what can't be encoded, as many as it has cells: columns stay in line."""
    from trainviz_cli.render.term.text import cells

    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "?" * cells(error.object[error.start : error.end]), error.end


def _writes_unicode() -> bool:
    """Whether stdout takes any character."""
    return (sys.stdout.encoding or "").lower().replace("-", "").startswith("utf")


def _terminal_columns() -> int:
    """Columns of the terminal; 80 when there is none."""
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


def _terminal_lines() -> int:
    """Lines of the terminal; 50 when there is none."""
    try:
        return max(os.get_terminal_size(sys.stdout.fileno()).lines, _LOWEST) or 50
    except (OSError, ValueError):
        return 50


def wait_for_reader(wait_s: float) -> None:
    """Waits, but no longer than somebody reads stdout.

    Raises:
        BrokenPipeError: Nobody does any more.
    """
    import select
    import time

    try:
        poll = select.poll()
        poll.register(sys.stdout.fileno(), 0)  # asks for nothing but errors
    except (AttributeError, OSError, ValueError):  # elsewhere it shows with the next record
        time.sleep(wait_s)
        return
    seen = sum(event for _, event in poll.poll(wait_s * 1000))
    if seen & select.POLLNVAL:  # as macOS says of terminals
        time.sleep(wait_s)
    elif seen:
        raise BrokenPipeError


def print_path(path: str) -> None:
    """A path as the result."""
    from trainviz_cli.render.term.text import printable

    print_text(f"{printable(path)}\n")


def print_text(text: str) -> None:
    """Printable text as the result; what stdout can't encode is escaped."""
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))


def print_json(document: Mapping[str, object]) -> None:
    """One JSON document; NumPy columns are lists, and what isn't finite is null."""
    import json
    import re

    import orjson

    options = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE
    try:
        text = orjson.dumps(document, option=options).decode()
    except TypeError:  # a name that is no valid Unicode, which only escapes can carry
        text = json.dumps(_plain(document), allow_nan=False) + "\n"
    if not text.isascii() or "\x7f" in text:
        text = re.sub(r"[^ -~\n]", _escaped, text)
    sys.stdout.write(text)


def _escaped(found: re.Match[str]) -> str:
    """What JSON needs no escape for, but a terminal could take for a command or can't show."""
    import json

    char = found[0]
    if char.isprintable() and _writes_unicode():
        return char
    return "\\u007f" if char == "\x7f" else json.dumps(char)[1:-1]


def _plain(value: object) -> object:
    """The value without NumPy and without what isn't finite."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and value - value != 0 else value

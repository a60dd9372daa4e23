"""Styled lines, and the bytes that a terminal of some ability wants for them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import NamedTuple

from trainviz_cli.render.term.text import cells

# Told apart by colour-blind readers, readable on black and on white.
_COLORS_256 = (33, 208, 35, 169, 37, 142, 105, 160)
_COLORS_16 = (4, 3, 2, 5, 6, 1)


class ColorDepth(IntEnum):
    """How many colours a terminal has."""

    NONE = 0
    BASIC = 16
    MANY = 256


class Style(NamedTuple):
    """How a piece of text looks.

    Attributes:
        color: Place in the palette; None is the terminal's own colour.
        dim: Paler than the rest.
        bold: Stronger than the rest.
    """

    color: int | None = None
    dim: bool = False
    bold: bool = False


PLAIN = Style()
DIM = Style(dim=True)
BOLD = Style(bold=True)


class Span(NamedTuple):
    """A piece of printable text in one style."""

    text: str
    style: Style = PLAIN


Line = Sequence[Span]


def line_cells(line: Line) -> int:
    """How many columns a line takes."""
    return sum(cells(span.text) for span in line)


def padded(line: Line, width: int) -> list[Span]:
    """The line, filled with blanks to `width` columns."""
    blank = width - line_cells(line)
    return [*line, Span(" " * blank)] if blank > 0 else list(line)


def with_char(line: Line, column: int, char: str) -> list[Span]:
    """The line with a character in a column where it is blank, or as it is.

    Args:
        line: Of characters one cell wide.
        column: Counted from 0.
        char: One cell wide.
    """
    changed = []
    begin = 0
    for span in line:
        at = column - begin
        if 0 <= at < len(span.text) and span.text[at] == " ":
            before, after = span.text[:at], span.text[at + 1 :]
            changed += [Span(before, span.style), Span(char, DIM), Span(after, span.style)]
        else:
            changed.append(span)
        begin += len(span.text)
    return changed


def to_text(lines: Iterable[Line], depth: ColorDepth) -> str:
    """The lines as one string, each ended by a newline, without blanks at its end."""
    if depth is ColorDepth.NONE:
        return "".join("".join(span.text for span in line).rstrip() + "\n" for line in lines)
    return "".join("".join(_styled(span, depth) for span in line) + "\n" for line in lines)


def _styled(span: Span, depth: ColorDepth) -> str:
    if span.style == PLAIN:
        return span.text
    return f"\x1b[{_codes(span.style, depth)}m{span.text}\x1b[0m"


def ansi_color(style: Style, depth: ColorDepth) -> int | None:
    """The number of the style's colour, of so many; None is the terminal's own."""
    if style.color is None or depth is ColorDepth.NONE:
        return None
    colors = _COLORS_256 if depth is ColorDepth.MANY else _COLORS_16
    return colors[style.color % len(colors)]


def _codes(style: Style, depth: ColorDepth) -> str:
    number = ansi_color(style, depth)
    codes = ["1"] * style.bold + ["2"] * style.dim
    if number is not None:
        codes.append(f"38;5;{number}" if depth is ColorDepth.MANY else str(30 + number))
    return ";".join(codes)

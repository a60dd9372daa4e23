"""Styled lines as the bytes that a terminal of some ability wants."""

import re
from itertools import pairwise

import pytest

from trainviz_cli.render.term.style import (
    BOLD,
    DIM,
    PLAIN,
    ColorDepth,
    Span,
    Style,
    line_cells,
    padded,
    to_text,
)

LINE = [Span("title", BOLD), Span(" "), Span("curve", Style(0)), Span("  ")]


def test_without_colours_there_are_no_codes() -> None:
    """The text alone, each line ended, no blank before its end."""
    assert to_text([LINE, [], [Span("  x", DIM)]], ColorDepth.NONE) == "title curve\n\n  x\n"


@pytest.mark.parametrize(
    ("style", "depth", "codes"),
    [
        (BOLD, ColorDepth.MANY, "1"),
        (DIM, ColorDepth.BASIC, "2"),
        (Style(0), ColorDepth.BASIC, "34"),
        (Style(0), ColorDepth.MANY, "38;5;33"),
        (Style(1, dim=True), ColorDepth.MANY, "2;38;5;208"),
        (Style(1, bold=True), ColorDepth.BASIC, "1;33"),
    ],
)
def test_codes(style: Style, depth: ColorDepth, codes: str) -> None:
    """Each style has its codes, and ends with itself."""
    assert to_text([[Span("x", style)]], depth) == f"\x1b[{codes}mx\x1b[0m\n"


@pytest.mark.parametrize("depth", [ColorDepth.BASIC, ColorDepth.MANY])
def test_plain_text_needs_no_code(depth: ColorDepth) -> None:
    """What has no style is written as it is."""
    assert to_text([[Span("x", PLAIN)]], depth) == "x\n"


@pytest.mark.parametrize(("depth", "fewest"), [(ColorDepth.BASIC, 6), (ColorDepth.MANY, 8)])
def test_palette(depth: ColorDepth, fewest: int) -> None:
    """Neighbours differ in colour, and after the last colour the first comes again."""
    texts = [to_text([[Span("x", Style(color))]], depth) for color in range(50)]
    assert len(set(texts)) == fewest
    assert texts[:fewest] == texts[fewest : 2 * fewest]
    assert all(a != b for a, b in pairwise(texts))


def test_nothing_stays_coloured() -> None:
    """Every code that begins a style is undone before its line ends."""
    for line in to_text([LINE, LINE], ColorDepth.MANY).split("\n")[:-1]:
        codes = re.findall(r"\x1b\[([\d;]+)m", line)
        assert codes[1::2] == ["0"] * len(codes[::2])


def test_cells_of_a_line() -> None:
    """A line is as wide as its text, wide characters included."""
    assert line_cells([Span("训练"), Span("ab", DIM)]) == 6
    assert line_cells([]) == 0


@pytest.mark.parametrize(("width", "cells"), [(0, 6), (6, 6), (9, 9)])
def test_padded(width: int, cells: int) -> None:
    """A line is filled up with blanks, and never cut."""
    line = [Span("训练"), Span("ab")]
    assert line_cells(padded(line, width)) == cells
    assert to_text([padded(line, width)], ColorDepth.NONE) == "训练ab\n"

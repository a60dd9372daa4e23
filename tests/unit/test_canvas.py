"""Dots as characters: every pattern of a cell has its own, where the eye expects it."""

import numpy as np
import pytest

from trainviz_cli.render.term.canvas import ASCII_DOTS, BRAILLE, DotGlyphs, draw_line, patterns


def text(dots: list[str], glyphs: DotGlyphs) -> list[str]:
    """Rows of `#` and `.` as rows of characters."""
    table = np.array([[sign == "#" for sign in row] for row in dots])
    return ["".join(map(chr, glyphs.characters[row])) for row in patterns(table, glyphs)]


@pytest.mark.parametrize(
    ("dots", "characters"),
    [
        (["#.", "..", "..", ".."], "⠁"),
        (["..", "..", "..", "#."], "⡀"),
        ([".#", "..", "..", ".."], "⠈"),
        (["..", "..", "..", ".#"], "⢀"),
        (["##", "##", "##", "##"], "⣿"),
        (["..", "..", "..", ".."], " "),
        (["#..#", ".#..", "..#.", "#..#"], "⡑⢌"),
    ],
)
def test_braille(dots: list[str], characters: str) -> None:
    """A dot of a cell is the dot of the braille pattern at the same place."""
    assert text(dots, BRAILLE) == [characters]


def test_every_braille_pattern_is_unicode_s() -> None:
    """All 256 patterns have the character that Unicode names by the same dots."""
    weights = BRAILLE.weights.ravel()
    assert sorted(weights.tolist()) == [2**n for n in range(8)]
    assert BRAILLE.characters[1:].tolist() == list(range(0x2801, 0x2900))


@pytest.mark.parametrize(
    ("dots", "character"),
    [(["#", "."], "'"), ([".", "#"], "."), (["#", "#"], ":"), ([".", "."], " ")],
)
def test_ascii(dots: list[str], character: str) -> None:
    """Two dots one above the other are one character."""
    assert text(dots, ASCII_DOTS) == [character]


def test_cells_keep_their_places() -> None:
    """Rows and columns of cells are those of their dots."""
    dots = np.zeros((8, 6), bool)
    dots[5, 3] = True
    found = patterns(dots, BRAILLE)
    assert found.shape == (2, 3)
    assert np.argwhere(found).tolist() == [[1, 1]]


def rows(x: list[float], y: list[float], width: int, height: int) -> list[str]:
    """A line's dots as rows of `#` and `.`."""
    dots = draw_line(np.array(x, np.float64), np.array(y, np.float64), width, height)
    return ["".join(".#"[lit] for lit in row) for row in dots.astype(int)]


@pytest.mark.parametrize(
    ("x", "y", "expected"),
    [
        ([0, 1], [0, 0], [".....", ".....", "#####"]),
        ([0, 1], [1, 1], ["#####", ".....", "....."]),
        ([0.5, 0.5], [0, 1], ["..#..", "..#..", "..#.."]),
        ([0, 1], [0, 1], ["...##", ".###.", "##..."]),
        ([1, 0], [1, 0], ["...##", ".###.", "##..."]),
        ([0, 0.5, 1], [0, 1, 0], ["..#..", ".###.", "##.##"]),
        ([0.5], [0.5], [".....", "..##.", "..##."]),
        ([1], [0], [".....", ".....", "....#"]),
        ([0, 0.25, 0.75, 1], [0, np.nan, 1, 1], ["...##", ".....", "##..."]),
        ([], [], [".....", ".....", "....."]),
        ([-1, 2], [0.5, 0.5], [".....", "#####", "....."]),
        ([0, 1], [2, 3], [".....", ".....", "....."]),
    ],
)
def test_line(x: list[float], y: list[float], expected: list[str]) -> None:
    """Small lines, read by eye."""
    assert rows(x, y, 5, 3) == expected


def test_extremes_of_a_crowded_column_are_kept() -> None:
    """Among thousands of samples that share a column, the one that sticks out is seen."""
    x = np.linspace(0, 1, 30_000)
    y = np.full(30_000, 0.5)
    y[11_111], y[22_222] = 1.0, 0.0
    dots = draw_line(x, y, 60, 40)
    assert np.flatnonzero(dots[0]).tolist() == [int(x[11_111] * 59 + 0.5)]
    assert np.flatnonzero(dots[-1]).tolist() == [int(x[22_222] * 59 + 0.5)]
    assert dots[20].all()

"""Curves as dots: several dots a character cell, every sample and every line between two drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trainviz_cli.model.series import FloatArray

Dots = npt.NDArray[np.bool_]

# Lines are taken so many at a time: each may cross every column.
_MOST_CROSSINGS = 1 << 19


class DotGlyphs(NamedTuple):
    """Characters that show dots: one per pattern of a cell.

    Attributes:
        columns: Dots side by side in a cell.
        rows: Dots one above the other in a cell.
        weights: (rows, columns) what each dot adds to the pattern's number.
        characters: Code point of each pattern.
    """

    columns: int
    rows: int
    weights: npt.NDArray[np.uint8]
    characters: npt.NDArray[np.uint16]


def _braille() -> DotGlyphs:
    characters = np.arange(0x2800, 0x2900, dtype=np.uint16)
    characters[0] = ord(" ")
    weights = np.array([[1, 8], [2, 16], [4, 32], [64, 128]], np.uint8)
    return DotGlyphs(2, 4, weights, characters)


BRAILLE = _braille()
ASCII_DOTS = DotGlyphs(1, 2, np.array([[1], [2]], np.uint8), np.array([*b" '.:"], np.uint16))


def draw_line(
    x: FloatArray, y: FloatArray, width: int, height: int, pieces: Sequence[int] = (0,)
) -> Dots:
    """(height, width) the dots of a line through points, and of points that stand alone.

    A line covers, in each column of dots it crosses, everything between the lowest and the highest
    it reaches there, so however many points share a column, none of them is lost.

    Args:
        x: (N,) 0..1 from left to right; NaN, in `x` or `y`, is a gap; outside is cut off.
        y: (N,) 0..1 from the bottom to the top.
        width: Dots.
        height: Dots.
        pieces: Where each piece of the line begins; no two are joined.
    """
    columns = x * (width - 1) + 0.5
    rows = (1 - y) * (height - 1) + 0.5
    known = np.isfinite(columns) & np.isfinite(rows)
    joined = known[1:] & known[:-1]
    joined[np.array(pieces[1:], np.int64) - 1] = False
    counts = np.zeros(width * (height + 1), np.int64)
    at_once = _MOST_CROSSINGS // width + 1
    for start in range(0, len(joined), at_once):
        chunk = np.flatnonzero(joined[start : start + at_once]) + start
        _add_lines(counts, columns, rows, chunk, width, height)
    dots = (np.cumsum(counts.reshape(width, height + 1), axis=1) > 0)[:, :height].T
    alone = known.copy()
    alone[1:] &= ~joined
    alone[:-1] &= ~joined
    _add_points(dots, columns[alone], rows[alone])
    return dots


def _add_lines(
    counts: npt.NDArray[np.int64],
    columns: FloatArray,
    rows: FloatArray,
    begins: npt.NDArray[np.int64],
    width: int,
    height: int,
) -> None:
    """Counts in where a vertical run of dots begins (+1) and where it is over (-1)."""
    x0, x1, y0, y1 = columns[begins], columns[begins + 1], rows[begins], rows[begins + 1]
    back = x1 < x0
    if back.any():
        x0, x1 = np.where(back, x1, x0), np.where(back, x0, x1)
        y0, y1 = np.where(back, y1, y0), np.where(back, y0, y1)
    inside = (x1 >= 0) & (x0 < width)
    if not inside.all():
        x0, x1, y0, y1 = x0[inside], x1[inside], y0[inside], y1[inside]
    first = np.clip(x0, 0, width - 1).astype(np.int64)
    last = np.clip(x1, 0, width - 1).astype(np.int64)
    if (first == last).all() and (x0 >= 0).all() and (x1 < width).all():
        column, top, bottom = first, np.minimum(y0, y1), np.maximum(y0, y1)
    else:
        column, top, bottom = _crossings(x0, x1, y0, y1, first, last)
    seen = (bottom >= 0) & (top < height)
    column = column[seen] * (height + 1)
    top_row = np.clip(top[seen], 0, height - 1).astype(np.int64)
    bottom_row = np.clip(bottom[seen], 0, height - 1).astype(np.int64)
    counts += np.bincount(column + top_row, minlength=len(counts))
    counts -= np.bincount(column + bottom_row + 1, minlength=len(counts))


def _crossings(
    x0: FloatArray,
    x1: FloatArray,
    y0: FloatArray,
    y1: FloatArray,
    first: npt.NDArray[np.int64],
    last: npt.NDArray[np.int64],
) -> tuple[npt.NDArray[np.int64], FloatArray, FloatArray]:
    """Each line in each column it crosses: the column, and how high and low it gets there."""
    lengths = last - first + 1
    line = np.repeat(np.arange(len(lengths)), lengths)
    column = first[line] + np.arange(len(line)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    run = x1 - x0
    slope = np.divide(y1 - y0, run, out=np.zeros_like(run), where=run > 0)[line]
    x0, y0 = x0[line], y0[line]
    left = np.maximum(column, x0)
    right = np.minimum(column + 1, x1[line])
    at_left = y0 + (left - x0) * slope
    # Exactly, where the line ends: rounding must not take a sample's own dot.
    at_right = np.where(x1[line] <= column + 1, y1[line], y0 + (right - x0) * slope)
    return column, np.minimum(at_left, at_right), np.maximum(at_left, at_right)


def _add_points(dots: Dots, columns: FloatArray, rows: FloatArray) -> None:
    """Points that no line leads to, as squares of four dots, so that they are seen."""
    height, width = dots.shape
    inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    column, row = columns[inside].astype(np.int64), rows[inside].astype(np.int64)
    for right in (0, 1):
        for down in (0, 1):
            dots[np.minimum(row + down, height - 1), np.minimum(column + right, width - 1)] = True


def patterns(dots: Dots, glyphs: DotGlyphs) -> npt.NDArray[np.uint8]:
    """(rows, columns) of cells: the number of the pattern that each cell's dots make."""
    height, width = dots.shape
    split = dots.reshape(
        height // glyphs.rows, glyphs.rows, width // glyphs.columns, glyphs.columns
    )
    numbers: npt.NDArray[np.uint8] = np.einsum("arbc,rc->ab", split, glyphs.weights, dtype=np.uint8)
    return numbers

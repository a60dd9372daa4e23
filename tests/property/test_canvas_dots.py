"""Dots of a line, held against the plainest way to find them: every segment, every column."""

import math
import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from trainviz_cli.render.term import canvas
from trainviz_cli.render.term.canvas import draw_line

Point = tuple[float, float]

PLACES = st.one_of(
    st.floats(0, 1),
    st.floats(-0.5, 1.5),
    st.integers(0, 40).map(lambda n: n / 40),
    st.sampled_from([math.nan, -1e9, 1e9, 0.0, 1.0, -3.0, 7.0]),
)
POINTS = st.lists(st.tuples(PLACES, PLACES), max_size=30)
IN_ORDER = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), max_size=60).map(sorted)
SIZES = {"width": st.integers(1, 40), "height": st.integers(1, 24)}


def drawn(points: list[Point], width: int, height: int) -> np.ndarray:
    """The dots of a line through these points."""
    table = np.array(points, np.float64).reshape(-1, 2)
    return draw_line(table[:, 0], table[:, 1], width, height)


def dot(point: Point, width: int, height: int) -> Point:
    """Where a point lies, counted in columns and rows of dots."""
    x, y = np.float64(point[0]), np.float64(point[1])
    return float(x * (width - 1) + 0.5), float((1 - y) * (height - 1) + 0.5)


def is_known(point: Point) -> bool:
    """Whether neither coordinate is NaN."""
    return not any(map(math.isnan, point))


def segments(points: list[Point]) -> list[tuple[Point, Point]]:
    """The lines between two points that follow one another."""
    return [(a, b) for a, b in pairwise(points) if is_known(a) and is_known(b)]


def lone(points: list[Point]) -> list[Point]:
    """The points that no line leads to."""
    around = [(math.nan, math.nan), *points, (math.nan, math.nan)]
    return [
        point
        for before, point, after in zip(around, points, around[2:], strict=False)
        if is_known(point) and not is_known(before) and not is_known(after)
    ]


def reach(a: Point, b: Point, column: int) -> tuple[float, float] | None:
    """How high and how low a line from `a` to `b`, in dots, gets in a column."""
    (x0, y0), (x1, y1) = sorted([a, b])
    left, right = max(x0, column), min(x1, column + 1)
    if left > right or left == column + 1:  # a column ends where the next one begins
        return None
    if x0 == x1:
        return min(y0, y1), max(y0, y1)
    ends = [y0 + (y1 - y0) * ((x - x0) / (x1 - x0)) for x in (left, right)]
    return min(ends), max(ends)


@settings(deadline=None, max_examples=400)
@given(points=POINTS | IN_ORDER, **SIZES)
@example(
    points=[(0.16296150196735903, 0.03930817845588641), (0.7768061504057086, 13 / 14)],
    width=17,
    height=8,
)
def test_every_sample_in_sight_is_lit(points: list[Point], width: int, height: int) -> None:
    """Each sample inside the area has its own dot, so the extremes of every column have theirs."""
    dots = drawn(points, width, height)
    for point in points:
        if is_known(point) and min(point) >= 0 and max(point) <= 1:
            column, row = dot(point, width, height)
            assert dots[int(row), int(column)]


@settings(deadline=None, max_examples=400)
@given(points=POINTS | IN_ORDER, **SIZES)
def test_only_the_line_is_lit(points: list[Point], width: int, height: int) -> None:
    """No dot lies more than one row beyond what the lines reach in its column."""
    dots = drawn(points, width, height)
    allowed = np.zeros_like(dots)
    for a, b in segments(points):
        ends = dot(a, width, height), dot(b, width, height)
        for column in range(width):
            if spans := reach(*ends, column):
                low, high = (max(-9, min(height + 9, end)) for end in spans)
                allowed[max(math.floor(low) - 1, 0) : max(math.floor(high) + 2, 0), column] = True
    for point in lone(points):
        column, row = (math.floor(max(-9, min(99, place))) for place in dot(point, width, height))
        allowed[max(row, 0) : max(row + 2, 0), max(column, 0) : max(column + 2, 0)] = True
    assert not (dots & ~allowed).any()


@settings(deadline=None, max_examples=400)
@given(points=POINTS | IN_ORDER, **SIZES)
def test_the_line_has_no_holes(points: list[Point], width: int, height: int) -> None:
    """In each column all is lit between the lowest and the highest place that a line reaches."""
    dots = drawn(points, width, height)
    for a, b in segments(points):
        ends = dot(a, width, height), dot(b, width, height)
        for column in range(width):
            if spans := reach(*ends, column):
                low, high = (max(-1, min(height, end)) for end in spans)
                inside = dots[max(math.floor(low) + 1, 0) : max(math.floor(high), 0), column]
                assert inside.all()


@settings(deadline=None, max_examples=200)
@given(points=POINTS, **SIZES)
def test_a_line_is_its_segments_and_lone_points(
    points: list[Point], width: int, height: int
) -> None:
    """The dots of a line are those of its parts, each drawn by itself; none is lost in a crowd."""
    parts = [drawn(list(ends), width, height) for ends in segments(points)]
    parts += [drawn([point], width, height) for point in lone(points)]
    expected = np.logical_or.reduce([np.zeros((height, width), bool), *parts])
    assert (drawn(points, width, height) == expected).all()


@settings(deadline=None, max_examples=200)
@given(points=POINTS, **SIZES)
def test_direction_does_not_matter(points: list[Point], width: int, height: int) -> None:
    """A line from right to left is the line from left to right."""
    assert (drawn(points, width, height) == drawn(points[::-1], width, height)).all()


@settings(deadline=None, max_examples=200)
@given(first=POINTS, second=POINTS, gap=st.sampled_from([(math.nan, 0.5), (0.5, math.nan)]))
def test_nan_splits_a_line(first: list[Point], second: list[Point], gap: Point) -> None:
    """What stands before a NaN and what stands after it are two lines."""
    together = drawn([*first, gap, *second], 30, 16)
    assert (together == (drawn(first, 30, 16) | drawn(second, 30, 16))).all()


@settings(deadline=None, max_examples=200)
@given(point=st.tuples(st.floats(0, 1), st.floats(0, 1)), **SIZES)
def test_lone_point_is_a_square(point: Point, width: int, height: int) -> None:
    """A point that stands alone is its own dot and those right of it and below."""
    column, row = (int(place) for place in dot(point, width, height))
    expected = np.zeros((height, width), bool)
    expected[row : row + 2, column : column + 2] = True
    dots = drawn([(math.nan, 0.5), point, (0.5, math.nan)], width, height)
    assert (dots == expected).all()
    assert 1 <= dots.sum() <= 4


@pytest.mark.parametrize("nothing", [[], [(math.nan, math.nan)] * 5, [(2.0, 0.5)], [(0.5, -2.0)]])
def test_nothing_in_sight_is_no_dot(nothing: list[Point]) -> None:
    """Without a point inside, and without a line that passes through, the area is empty."""
    assert not drawn(nothing, 20, 10).any()


def test_a_line_that_only_passes_through_is_lit() -> None:
    """Both ends lie outside, and the area is crossed from corner to corner."""
    dots = drawn([(-1.0, -1.0), (2.0, 2.0)], 20, 20)
    assert (dots.any(axis=0)).all()
    assert (dots.any(axis=1)).all()
    assert dots[19, 0]
    assert dots[0, 19]


@settings(deadline=None, max_examples=50)
@given(points=POINTS, chunk=st.integers(1, 5))
def test_lines_taken_in_parts_are_the_same(points: list[Point], chunk: int) -> None:
    """However many lines are drawn at a time, the dots are the same."""
    whole = drawn(points, 30, 16)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(canvas, "_MOST_CROSSINGS", chunk)
        assert (drawn(points, 30, 16) == whole).all()


def test_far_away_points_do_not_slow_or_swell() -> None:
    """Lines that cross every column, from far outside to far outside, take little memory."""
    count = 20_000
    x = np.tile([-1e9, 1e9], count // 2)
    y = np.random.default_rng(0).uniform(-1e9, 1e9, count)
    tracemalloc.start()
    try:
        draw_line(x, y, 400, 80)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 100e6


@settings(deadline=None)
@given(points=POINTS, cuts=st.sets(st.integers(1, 29)), **SIZES)
def test_pieces_are_drawn_as_if_each_were_alone(
    points: list[Point], cuts: set[int], width: int, height: int
) -> None:
    """No line joins two pieces, and none loses a dot by being drawn with the others."""
    begins = [0, *sorted(cut for cut in cuts if cut < len(points))]
    table = np.array(points, np.float64).reshape(-1, 2)
    together = draw_line(table[:, 0], table[:, 1], width, height, begins)
    apart = np.zeros((height, width), bool)
    for start, stop in pairwise([*begins, len(points)]):
        apart |= drawn(points[start:stop], width, height)
    assert (together == apart).all()

"""Curves in one row, of any samples: their width, their levels, and where they have none."""

import math
from fractions import Fraction
from itertools import pairwise

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from trainviz_cli.model.series import Series, View
from trainviz_cli.render.term.chart import ASCII, Look
from trainviz_cli.render.term.sparkline import sparkline
from trainviz_cli.render.term.text import cells, printable

NAN, INF = math.nan, math.inf
ODD = st.sampled_from([NAN, INF, -INF, 0.0, 5e-324, 1e308, -1e308, 1.7e308, -1.7e308])
FLOATS = st.floats() | st.floats(-10, 10) | ODD
FINITE = st.floats(-10, 10) | st.floats(allow_nan=False, allow_infinity=False)
STEPS = st.integers(-(2**62), 2**62) | st.integers(-50, 50)
FRACTIONS = st.floats(allow_nan=False, allow_infinity=False)
LOOKS = st.sampled_from([Look(), ASCII])
WIDTHS = st.integers(1, 60)


@st.composite
def all_views(draw: st.DrawFn, values: st.SearchStrategy[float] = FLOATS) -> View:
    """What a chart shows of a series with any steps, restarts and repeats."""
    kind = draw(st.sampled_from([STEPS, FRACTIONS]))
    starts = draw(st.lists(st.lists(kind, min_size=1, max_size=8), min_size=1, max_size=3))
    steps = [step for start in starts for step in sorted(start)]
    logged = draw(st.lists(values, min_size=len(steps), max_size=len(steps)))
    begins = np.cumsum([0, *map(len, starts[:-1])]).tolist()
    series = Series("loss", np.array(steps), np.array(logged, np.float64), segments=tuple(begins))
    return series.view()


def evenly(values: list[float]) -> View:
    """The view of these values at the steps 0, 1, 2 and so on."""
    return Series("loss", np.arange(len(values)), np.array(values, np.float64)).view()


def levels(view: View, width: int, look: Look) -> list[int | None]:
    """The level that each cell has; None where it has the sign of NaN."""
    text = sparkline(view, width, look)
    return [None if char == look.nan else look.levels.index(char) for char in text]


@settings(deadline=None, max_examples=300)
@given(view=all_views(), width=WIDTHS, look=LOOKS)
@example(view=evenly([1e308, -1e308, NAN, INF]), width=60, look=ASCII)
@example(view=evenly([NAN]), width=9, look=Look())
def test_width_is_kept(view: View, width: int, look: Look) -> None:
    """A curve fills its cells with what the look has; a lone sample takes one."""
    text = sparkline(view, width, look)
    assert len(text) == cells(text) == (width if len(view) > 1 else 1)
    assert set(text) <= {*look.levels, look.nan}
    assert printable(text) == text


@settings(deadline=None, max_examples=300)
@given(view=all_views(FINITE), width=WIDTHS, look=LOOKS)
@example(view=Series("a", np.array([7, 7]), np.array([1.0, 2.0])).view(), width=5, look=ASCII)
@example(view=evenly([1.7e308, -1.7e308]), width=2, look=Look())
def test_finite_values_have_no_sign_of_nan(view: View, width: int, look: Look) -> None:
    """Where every value is finite, every cell has a level."""
    assert None not in levels(view, width, look)


@settings(deadline=None)
@given(view=all_views(st.sampled_from([NAN, INF, -INF])), width=WIDTHS)
def test_nothing_finite_has_no_level(view: View, width: int) -> None:
    """Where no value is finite, no cell has a level."""
    assert set(levels(view, width, Look())) == {None}


@settings(deadline=None, max_examples=300)
@given(values=st.lists(FLOATS, min_size=2, max_size=20), spare=st.integers(0, 40), look=LOOKS)
@example(values=[0.0, 5e-324], spare=0, look=ASCII)
@example(values=[-1.7e308, INF, 1.7e308], spare=0, look=ASCII)
def test_levels_follow_the_values(values: list[float], spare: int, look: Look) -> None:
    """With a cell for each sample, levels lie as the values do, from the lowest to the highest."""
    count = len(values)
    width = count + spare
    shown = levels(evenly(values), width, look)
    places = [min(i * width // (count - 1), width - 1) for i in range(count)]
    known = [value for value in values if math.isfinite(value)]
    for place, value in zip(places, values, strict=True):
        assert (shown[place] is None) == (not math.isfinite(value))
        for other, beside in zip(places, values, strict=True):
            low, high = shown[place], shown[other]
            if low is not None and high is not None and value <= beside:
                assert low <= high
    if known and min(known) < max(known):
        assert shown[places[values.index(min(known))]] == 0
        assert shown[places[values.index(max(known))]] == len(look.levels) - 1
    elif known:
        assert set(shown) - {None} == {round((len(look.levels) - 1) / 2)}


@settings(deadline=None, max_examples=300)
@given(values=st.lists(FLOATS, min_size=2, max_size=20), spare=st.integers(0, 40), look=LOOKS)
@example(values=[0.0, 5e-324], spare=0, look=ASCII)
def test_the_ends_are_the_first_and_the_last_sample(
    values: list[float], spare: int, look: Look
) -> None:
    """The curve begins at the level of the first sample and ends at that of the last."""
    count = len(values)
    width = count + spare
    shown = levels(evenly(values), width, look)
    known = [Fraction(value) for value in values if math.isfinite(value)]
    most = len(look.levels) - 1
    for level, value in ((shown[0], values[0]), (shown[-1], values[-1])):
        if not math.isfinite(value):
            assert level is None
            continue
        assert level is not None
        reach = max(known) - min(known)
        exact = (Fraction(value) - min(known)) / reach * most if reach else Fraction(most, 2)
        assert abs(level - exact) <= Fraction(1, 2) + Fraction(1, 10**6)


@settings(deadline=None, max_examples=200)
@given(
    runs=st.lists(st.tuples(FLOATS, st.integers(3, 9)), min_size=1, max_size=8),
    spare=st.integers(0, 40),
)
@example(runs=[(0.0, 5), (INF, 3), (1.0, 3)], spare=80)
def test_stretches_of_one_value(runs: list[tuple[float, int]], spare: int) -> None:
    """Steps far between are filled with the sample before, never with the one after."""
    steps = np.cumsum([0, *(gap for _, gap in runs)])
    values = [value for value, _ in runs]
    series = Series("loss", steps, np.array([*values, values[-1]], np.float64))
    width = int(steps[-1]) + spare
    shown = levels(series.view(), width, Look())
    at = [min(int(step) * width // int(steps[-1]), width - 1) for step in steps]
    for value, (begin, end) in zip(values, pairwise(at), strict=True):
        # Rounding may put a sample into the cell before.
        assert set(shown[begin : end - 1]) == {shown[begin]}
        assert (shown[begin] is None) == (not math.isfinite(value))


@settings(deadline=None)
@given(values=st.lists(FINITE, min_size=2, max_size=40), width=WIDTHS)
def test_upside_down(values: list[float], width: int) -> None:
    """The negative of a curve has a high level where the curve has a low one."""
    shown = levels(evenly(values), width, Look())
    turned = levels(evenly([-value for value in values]), width, Look())
    for level, other in zip(shown, turned, strict=True):
        assert level is not None
        assert other is not None
        assert abs(level + other - 7) <= 1

"""Summaries of any series, against looking at its visible samples one by one."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from trainviz_cli.model.series import Overlap, Series
from trainviz_cli.model.summary import Direction, summarize

STEPS = st.lists(st.integers(0, 15), min_size=1, max_size=8).map(sorted)
LOGS = st.lists(STEPS, min_size=1, max_size=4)  # a restart begins each list but the first
FLOATS = st.floats() | st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0])
INTEGERS = st.integers(-(2**63), 2**63 - 1) | st.integers(2**53, 2**53 + 3)
DIRECTIONS = st.sampled_from(["min", "max"])
OVERLAPS = st.sampled_from(["first", "last", "all"])


@st.composite
def logged(draw: st.DrawFn, numbers: st.SearchStrategy[float], kind: type) -> Series:
    """A series of some starts, each with ascending steps, and any numbers."""
    starts = draw(LOGS)
    steps = [step for start in starts for step in start]
    values = draw(st.lists(numbers, min_size=len(steps), max_size=len(steps)))
    segments = np.cumsum([0, *map(len, starts)])[:-1].tolist()
    return Series("any", np.array(steps), np.array(values, kind), segments=tuple(segments))


def visible(series: Series, overlap: Overlap) -> list[tuple[int, float]]:
    """Step and value of each sample that shows, in order."""
    view = series.view("step", overlap)
    return list(zip(view.steps.tolist(), view.y.tolist(), strict=True))


@settings(deadline=None)
@given(series=logged(FLOATS, np.float64), direction=DIRECTIONS, overlap=OVERLAPS)
def test_best_is_the_extreme_of_what_is_finite_and_shows(
    series: Series, direction: Direction, overlap: Overlap
) -> None:
    """No visible finite value is better, and the best stands at the first step that has it."""
    said = summarize(series, direction, overlap)
    finite = [(step, value) for step, value in visible(series, overlap) if math.isfinite(value)]
    if not finite:
        assert (said.best, said.best_step) == (None, None)
        return
    best = (min if direction == "min" else max)(value for _, value in finite)
    assert said.best == best
    assert said.best_step == next(step for step, value in finite if value == best)


@settings(deadline=None)
@given(series=logged(FLOATS, np.float64), direction=DIRECTIONS, overlap=OVERLAPS)
def test_steps_of_what_is_not_finite_are_complete(
    series: Series, direction: Direction, overlap: Overlap
) -> None:
    """Every visible NaN and infinity is listed, in order, and nothing else."""
    said = summarize(series, direction, overlap)
    bad = [step for step, value in visible(series, overlap) if not math.isfinite(value)]
    assert list(said.nonfinite) == bad


@settings(deadline=None)
@given(series=logged(FLOATS, np.float64), direction=DIRECTIONS, overlap=OVERLAPS)
def test_ends_are_those_of_what_shows(
    series: Series, direction: Direction, overlap: Overlap
) -> None:
    """First and last are the first and last visible sample, finite or not; all are counted."""
    said = summarize(series, direction, overlap)
    shown = visible(series, overlap)
    ends = [(said.first_step, said.first), (said.last_step, said.last)]
    assert [(step, repr(value)) for step, value in ends] == [
        (step, repr(value)) for step, value in (shown[0], shown[-1])
    ]
    assert said.samples == len(series)


@settings(deadline=None)
@given(series=logged(INTEGERS, np.int64), direction=DIRECTIONS, overlap=OVERLAPS)
def test_integers_are_exact(series: Series, direction: Direction, overlap: Overlap) -> None:
    """Integers that a float would round are compared and reported to the last digit."""
    said = summarize(series, direction, overlap)
    shown = visible(series, overlap)
    best = (min if direction == "min" else max)(value for _, value in shown)
    assert (repr(said.best), said.nonfinite) == (repr(best), ())
    assert said.best_step == next(step for step, value in shown if value == best)
    assert repr(said.last) == repr(shown[-1][1])

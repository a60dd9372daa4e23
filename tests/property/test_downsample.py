"""Fewer points keep the first, last, smallest and largest value of every bucket."""

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from trainviz_cli.model.downsample import extremes

VALUES = st.floats() | st.sampled_from([math.nan, math.inf, -math.inf, 0.0])


def least_and_most(values: list[float]) -> set[float]:
    """The extremes of some values, NaN left out; nothing if there is nothing else."""
    known = [value for value in values if not math.isnan(value)]
    return {min(known), max(known)} if known else set()


@settings(deadline=None)
@given(
    buckets=st.integers(1, 12),
    length=st.integers(5, 12),
    data=st.data(),
)
def test_every_bucket_keeps_its_extremes(buckets: int, length: int, data: st.DataObject) -> None:
    """In each of the equally long buckets: its first, last, smallest and largest, at most four."""
    count = buckets * length
    values = data.draw(st.lists(VALUES, min_size=count, max_size=count))
    kept = extremes(np.array(values), buckets).tolist()
    for begin in range(0, count, length):
        here = [place for place in kept if begin <= place < begin + length]
        assert len(here) <= 4
        assert begin in here
        assert begin + length - 1 in here
        wanted = least_and_most(values[begin : begin + length])
        assert wanted <= {values[place] for place in here}


@settings(deadline=None)
@given(values=st.lists(VALUES, max_size=200), buckets=st.integers(1, 60))
@example(values=[0.0] * 29, buckets=7)
@example(values=[math.nan] * 50, buckets=3)
@example(values=[], buckets=1)
def test_any_length_and_number_of_buckets(values: list[float], buckets: int) -> None:
    """Ascending places, no gap wider than a bucket, the extremes of the whole among them."""
    kept = extremes(np.array(values, np.float64), buckets).tolist()
    count = len(values)
    assert kept == sorted(set(kept))
    assert len(kept) <= max(4 * buckets, 0)
    if count <= 4 * buckets:
        assert kept == list(range(count))
        return
    assert kept[0] == 0
    assert kept[-1] == count - 1
    assert max(np.diff(kept)) <= math.ceil(count / buckets) + 1
    assert least_and_most(values) <= {values[place] for place in kept}


@settings(deadline=None)
@given(values=st.lists(VALUES, min_size=30, max_size=200), buckets=st.integers(1, 7))
def test_nothing_rises_above_what_is_kept(values: list[float], buckets: int) -> None:
    """A dropped value lies between two kept ones of its neighbourhood, NaN or not around it."""
    kept = extremes(np.array(values), buckets).tolist()
    reach = math.ceil(len(values) / buckets) + 1
    for place, value in enumerate(values):
        if math.isnan(value) or place in kept:
            continue
        near = [
            values[other]
            for other in kept
            if abs(other - place) <= reach and not math.isnan(values[other])
        ]
        assert min(near) <= value <= max(near)


@pytest.mark.parametrize("gap", [0, 1, 50, 98, 99])
def test_one_number_among_nan_is_kept(gap: int) -> None:
    """A single value in a bucket of NaN is drawn, wherever it stands."""
    values = np.full(100, math.nan)
    values[gap] = 7.0
    assert gap in extremes(values, 1).tolist()


def test_infinity_among_nan_is_kept() -> None:
    """An infinity alone in a bucket of NaN is both its smallest and its largest value."""
    for infinity in (math.inf, -math.inf):
        values = np.full(100, math.nan)
        values[50] = infinity
        assert 50 in extremes(values, 1).tolist()


def test_integers_are_compared_exactly() -> None:
    """The largest of integers that a float would round is the largest."""
    values = np.full(20, 2**53, np.int64)
    values[10] += 1
    assert 10 in extremes(values, 1).tolist()


def test_the_values_are_left_alone() -> None:
    """Downsampling reads; it does not write."""
    values = np.random.default_rng(0).normal(size=1000)
    before = values.copy()
    extremes(values, 20)
    np.testing.assert_array_equal(values, before)

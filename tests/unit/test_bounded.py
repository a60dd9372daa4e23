"""A series in bounded room: how much of it there is, however long the run is."""

import math

import numpy as np
import pytest

from trainviz_cli.model.bounded import BoundedSeries, Tally

MOST = 8192
NONE = np.zeros(0)


def held_bytes(series: BoundedSeries) -> int:
    """How much memory its columns take, those made of it included."""
    made = series.series({}, None)
    columns = (made.steps, made.values, made.epochs, made.wall_times)
    return series._samples.nbytes + sum(0 if each is None else each.nbytes for each in columns)


def test_ten_million_samples_take_little_room() -> None:
    """A few megabytes at most, while they are added too; the extremes are there."""
    series = BoundedSeries("loss", MOST)
    random = np.random.default_rng(0)
    portion = 1 << 14
    most_bytes = 0
    for begin in range(0, 10_000_000, portion):
        values = random.normal(size=portion)
        if begin <= 5_000_000 < begin + portion:
            values[5_000_000 - begin] = 1e6
            values[5_000_001 - begin] = math.nan
        series.add(np.arange(begin, begin + portion), values)
        most_bytes = max(most_bytes, series._samples.nbytes)
    assert series.count >= 10_000_000
    assert MOST // 8 < len(series) <= MOST
    assert most_bytes < 3 << 20
    assert held_bytes(series) < 3 << 20
    tally = series.tally({}, None)
    assert (tally.most, tally.most_step, tally.bad_step) == (1e6, 5_000_000, 5_000_001)
    kept = series.series({}, None)
    assert {5_000_000, 5_000_001} <= set(kept.steps.tolist())


def test_many_at_once_take_no_room_for_long() -> None:
    """What one portion needed is given back, though no other one comes."""
    series = BoundedSeries("loss", MOST)
    series.add(np.arange(1 << 20), np.zeros(1 << 20))
    assert len(series) <= MOST
    assert held_bytes(series) < 2 << 20


@pytest.mark.parametrize("portion", [1, 7, 1000])
def test_resolution_is_even(portion: int) -> None:
    """No bucket is wider than others, the oldest one included; only what is new lies closer."""
    series = BoundedSeries("loss", 256)
    values = np.random.default_rng(1).normal(size=20_000)
    for begin in range(0, len(values), portion):
        here = values[begin : begin + portion]
        series.add(np.arange(begin, begin + len(here)), here)
    places = series.series({}, None).steps
    buckets, counts = np.unique(places // series.per_bucket, return_counts=True)
    assert buckets.tolist() == list(range(-(-len(values) // series.per_bucket)))
    thinned = counts[:-1][counts[:-1] < series.per_bucket]
    assert len(thinned) > len(counts) // 4
    assert set(thinned.tolist()) <= {2, 3, 4}
    assert (np.diff(np.flatnonzero(counts < 5)) == 1).all()  # all of them before what is new


def test_room_is_found_though_it_restarts_and_has_values_of_all_kinds() -> None:
    """The least room there may be, and in each piece all that must be kept."""
    values = np.array([1.0, 2.0, 0.0, math.nan, math.inf, -math.inf, *[0.5] * 13, 1.0])
    for most in range(64, 200, 8):
        for pieces in range(1, 20):
            series = BoundedSeries("loss", most)
            series.add(np.tile(np.arange(20), pieces), np.tile(values, pieces))
            assert len(series) <= most


def test_a_run_that_only_restarts_is_bounded() -> None:
    """Thousands of restarts, by steps and by starts: the extremes are kept all the same."""
    series = BoundedSeries("loss", 256)
    random = np.random.default_rng(2)
    steps = np.array([10, 11, 9])
    for start in range(20_000):
        values = random.normal(size=3)
        if start == 7000:
            values[:] = 99.0, math.nan, -99.0
        series.add(steps, values, starts=np.full(3, start // 2))
        assert len(series) <= 256
    begun = dict.fromkeys(range(10_000), 10.0)
    kept = series.series(begun, None)
    assert np.nanmax(kept.values) == 99
    assert np.nanmin(kept.values) == -99
    assert np.isnan(kept.values).any()
    assert kept.values[-1] == values[-1]
    assert (series.tally(begun, None).last, series.tally(begun, None).last_step) == (values[-1], 9)


def test_less_room_counts_from_the_next_sample_on() -> None:
    """And more room doesn't bring back what is gone."""
    series = BoundedSeries("loss", 1024)
    series.add(np.arange(1000), np.zeros(1000))
    series.most = 128
    assert len(series) == 1000
    series.add(np.array([1000]), np.zeros(1))
    assert len(series) <= 128
    width = series.per_bucket
    series.most = 4096
    series.add(np.arange(1001, 3000), np.zeros(1999))
    assert series.per_bucket == width


def test_nothing_is_nothing() -> None:
    """Without samples there is nothing to say, and adding none changes nothing."""
    series = BoundedSeries("loss", 64)
    series.add(np.empty(0, np.int64), NONE)
    assert len(series) == series.count == 0
    assert math.isnan(series.tally({}, None).last)
    assert series.tally({}, None).least is series.tally({}, None).bad_step is None


def test_steps_that_are_one_number() -> None:
    """Their order is the axis: all of them count, until another step comes."""
    series = BoundedSeries("loss", 64)
    for value in (3.0, 1.0, 2.0):
        series.add(np.array([7]), np.array([value]))
    assert series.tally({}, None).least == 1
    assert series.series({}, None).view().axis == "index"
    series.add(np.array([8]), np.array([5.0]))
    assert series.tally({}, None).least == 2
    assert series.series({}, None).view().y.tolist() == [2, 5]


def test_huge_and_fractional_steps() -> None:
    """Whole steps are exact; a fractional one makes them all numbers, thinned ones included."""
    series = BoundedSeries("loss", 64)
    begin = 2**62 + 1
    series.add(np.arange(begin, begin + 100), np.zeros(100))
    assert series.series({}, None).steps[-1] == begin + 99
    assert series.tally({}, None).last_step == begin + 99
    series.add(np.array([2.0**63, 2.0**64]), np.zeros(2))
    assert series.tally({}, None).last_step == 2.0**64
    small = BoundedSeries("loss", 64)
    small.add(np.array([1, 2]), np.zeros(2))
    small.add(np.array([2.5]), np.zeros(1))
    assert small.series({}, None).steps.tolist() == [1, 2, 2.5]


def test_a_restart_takes_back_what_it_replaces() -> None:
    """The last value, the extremes and the first bad one are those of what is left."""
    series = BoundedSeries("loss", 64)
    series.add(np.arange(5), np.array([5.0, 4.0, math.nan, 0.0, 9.0]))
    assert series.tally({}, None) == Tally(9.0, 4, 0.0, 3, 9.0, 4, 2)
    series.add(np.array([2]), np.array([3.0]))
    assert series.tally({}, None) == Tally(3.0, 2, 3.0, 2, 5.0, 0, None)
    series.add(np.array([3]), np.array([math.inf]))
    assert series.tally({}, None) == Tally(math.inf, 3, 3.0, 2, 5.0, 0, 3)


def test_a_new_start_takes_over_where_another_key_began() -> None:
    """As the run says, and not only from the key's own first sample on."""
    series = BoundedSeries("acc", 64)
    series.add(np.array([100, 200]), np.array([0.5, 0.9]), starts=np.zeros(2, np.int64))
    assert series.tally({}, None).most == 0.9
    series.add(np.array([300]), np.array([0.6]), starts=np.array([1]))
    assert series.tally({0: 1.0, 1: 150.0}, None) == Tally(0.6, 300, 0.5, 100, 0.6, 300, None)


def test_the_start_of_the_run_may_be_learnt_later() -> None:
    """A clock that turns out to have begun before counts for what was asked for already."""
    series = BoundedSeries("loss", 64)
    series.add(np.array([1]), np.zeros(1), wall_times=np.array([100.0]))
    assert series.series({}, 100.0).view("relative").x.tolist() == [0]
    assert series.series({}, 40.0).view("relative").x.tolist() == [60]
    assert series.series({}, 40.0) is series.series({}, 40.0)

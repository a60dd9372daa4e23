"""A series in bounded room says of any samples what all of them would say."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import get_args

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from trainviz_cli.errors import NotFoundError
from trainviz_cli.model.batch import Batch, assemble, first_steps, join, places_by_key
from trainviz_cli.model.bounded import BoundedSeries, Tally
from trainviz_cli.model.series import Axis, Overlap, Series
from trainviz_cli.model.summary import summarize


@dataclass(frozen=True)
class Log:
    """All samples of one key, as columns."""

    steps: np.ndarray
    values: np.ndarray
    starts: np.ndarray

    def __len__(self) -> int:
        return len(self.values)

    def batches(self, cuts: Sequence[int]) -> Iterator[Batch]:
        """The samples in portions; the epoch of each is its place among all."""
        for begin, end in pairwise([0, *sorted(cut % (len(self) + 1) for cut in cuts), len(self)]):
            count = end - begin
            yield Batch(
                keys=["loss"],
                codes=np.zeros(count, np.int32),
                rows=np.arange(count, dtype=np.int32),
                values=self.values[begin:end],
                steps=self.steps[begin:end],
                epochs=np.arange(begin, end, dtype=np.float64),
                wall_times=1000.0 + self.steps[begin:end],
                starts=self.starts[begin:end],
            )

    def whole(self) -> Series:
        """The series of all samples."""
        return assemble(list(self.batches([])))["loss"]


VALUES = st.floats() | st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0])


@st.composite
def logs(draw: st.DrawFn, restarts: int = 4, most: int = 400) -> Log:
    """Any samples, in so many pieces at most that each begin anywhere, in a new start or not."""
    palette = draw(st.lists(VALUES, min_size=1, max_size=12))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    by = draw(st.sampled_from([0, 1, 1, 5, 0.25]))
    steps, starts = [], []
    for number in range(draw(st.integers(1, restarts + 1))):
        length = draw(st.integers(1, max(most // (restarts + 1), 2)))
        begin = draw(st.integers(-5, most))
        steps.append(begin + by * np.arange(length))
        is_new = number > 0 and draw(st.booleans())
        starts.append(np.full(length, (starts[-1][-1] if starts else 0) + is_new))
    count = sum(map(len, steps))
    values = np.array(palette)[random.integers(0, len(palette), count)]
    if draw(st.booleans()):  # mostly different ones
        values = np.where(random.random(count) < 0.9, random.normal(size=count), values)
    return Log(np.concatenate(steps), values, np.concatenate(starts))


CUTS = st.lists(st.integers(0, 10_000), max_size=12)
MOST = st.integers(64, 160)


def bounded(log: Log, cuts: Sequence[int], most: int) -> BoundedSeries:
    """The samples, added in portions."""
    series = BoundedSeries("loss", most)
    for batch in log.batches(cuts):
        series.add(batch.steps, batch.values, batch.epochs, batch.wall_times, batch.starts)
        assert len(series) <= most
    return series


def begun(log: Log) -> dict[int, float]:
    """Start → its first step; nothing where there is one start alone."""
    found = first_steps(join(list(log.batches([]))))
    return found if len(found) > 1 else {}


def series_of(series: BoundedSeries, log: Log) -> Series:
    """What is kept."""
    return series.series(begun(log), 1000.0 + log.steps.min())


def tally_of(series: BoundedSeries, log: Log) -> Tally:
    """What is known without it."""
    return series.tally(begun(log), 1000.0 + log.steps.min())


def kept_places(series: Series) -> list[int]:
    """Which of all samples were kept."""
    assert series.epochs is not None
    return [int(place) for place in series.epochs]


def telling(values: np.ndarray) -> set[int]:
    """The places that a chart of these values shows."""
    finite = np.flatnonzero(np.isfinite(values))
    kinds = (np.isnan(values), np.isposinf(values), np.isneginf(values))
    found = {0, len(values) - 1} | {int(np.flatnonzero(kind)[0]) for kind in kinds if kind.any()}
    if len(finite):
        known = values[finite]
        found |= {int(finite[known.argmin()]), int(finite[known.argmax()])}
    return found


def said(tally: Tally | Series) -> list[str]:
    """A tally, or what a series says in its place, in a form that can be compared, NaN included."""
    if isinstance(tally, Series):
        least, most = summarize(tally, "min"), summarize(tally, "max")
        tally = Tally(
            *(least.last, least.last_step, least.best, least.best_step),
            *(most.best, most.best_step, next(iter(least.nonfinite), None)),
        )
    return [repr(None if each is None else float(each) + 0.0) for each in tally]


@settings(deadline=None)
@given(log=logs() | logs(restarts=200), cuts=CUTS, most=MOST)
def test_what_is_kept_are_samples_as_they_were_added(log: Log, cuts: list[int], most: int) -> None:
    """However often it restarts: a subsequence of all, with all columns, in bounded room."""
    kept = series_of(bounded(log, cuts, most), log)
    places = kept_places(kept)
    assert places == sorted(set(places))
    assert set(places) <= set(range(len(log)))
    np.testing.assert_array_equal(kept.steps, log.steps[places])
    np.testing.assert_array_equal(kept.values, log.values[places])
    np.testing.assert_array_equal(kept.wall_times, 1000 + log.steps[places])


@settings(deadline=None)
@given(log=logs() | logs(restarts=200), cuts=CUTS, most=MOST)
def test_extremes_are_kept(log: Log, cuts: list[int], most: int) -> None:
    """Of all samples and of each bucket: first, last, least, greatest, first of each odd kind."""
    series = bounded(log, cuts, most)
    kept = set(kept_places(series_of(series, log)))
    assert telling(log.values) <= kept
    for begin in range(0, len(log), series.per_bucket):
        bucket = log.values[begin : begin + series.per_bucket]
        assert {begin + place for place in telling(bucket)} <= kept


@settings(deadline=None)
@given(log=logs(), cuts=CUTS, most=MOST)
def test_nothing_is_left_out_while_all_fit(log: Log, cuts: list[int], most: int) -> None:
    """A bucket is one sample until there are more than there is room for, and then at least 8."""
    series = bounded(log, cuts, most)
    assert series.count == len(log)
    if len(log) <= most:
        assert len(series) == len(log)
        assert series.per_bucket == 1
    else:
        assert series.per_bucket >= 8
        assert series.per_bucket.bit_count() == 1


@settings(deadline=None)
@given(log=logs(), cuts=CUTS)
def test_a_series_with_room_is_the_series(log: Log, cuts: list[int]) -> None:
    """While nothing is left out, it is what reading the run gives, in every view."""
    mine, whole = series_of(bounded(log, cuts, 1000), log), log.whole()
    for name in ("steps", "values", "epochs", "wall_times"):
        np.testing.assert_array_equal(getattr(mine, name), getattr(whole, name))
    assert mine.steps.dtype == whole.steps.dtype
    assert mine.segments == whole.segments
    assert mine.begins == whole.begins
    assert mine.start_time == whole.start_time
    for overlap in get_args(Overlap):
        for axis in get_args(Axis):
            view, other = mine.view(axis, overlap), whole.view(axis, overlap)
            np.testing.assert_array_equal(view.x, other.x)
            np.testing.assert_array_equal(view.y, other.y)
            assert view.pieces == other.pieces
            assert view.replaced == other.replaced


@settings(deadline=None)
@given(log=logs() | logs(restarts=60), cuts=CUTS, asked=st.lists(st.booleans(), min_size=13))
@example(
    log=Log(np.array([5, 5, 6]), np.array([1.0, 2.0, 3.0]), np.zeros(3, np.int64)),
    cuts=[1, 2],
    asked=[True] * 13,
)
def test_the_tally_is_the_summary(log: Log, cuts: list[int], asked: list[bool]) -> None:
    """With room for all, whenever it was asked for, restarts and repeats included."""
    series = BoundedSeries("loss", 1000)
    for batch, ask in zip(log.batches(cuts), asked, strict=False):
        series.add(batch.steps, batch.values, batch.epochs, batch.wall_times, batch.starts)
        if ask and len(series):
            tally_of(series, log)
    assert said(tally_of(series, log)) == said(log.whole())


@settings(deadline=None)
@given(log=logs(restarts=0), cuts=CUTS, most=MOST)
def test_the_tally_of_a_run_without_restarts_is_exact(log: Log, cuts: list[int], most: int) -> None:
    """However little is kept; and so it says the same whatever the portions were."""
    if len(np.unique(log.steps)) < len(log):
        log = replace(log, steps=np.arange(len(log)))
    assert said(tally_of(bounded(log, cuts, most), log)) == said(log.whole())


@settings(deadline=None)
@given(log=logs(restarts=3), cuts=CUTS, most=MOST)
def test_the_tally_of_a_run_with_restarts(log: Log, cuts: list[int], most: int) -> None:
    """What is last is exact; the rest may only miss what shares a bucket with what was replaced.

    And where no step repeats the one before, it says nothing of what was replaced.
    """
    if len(np.unique(log.steps)) < 2:
        return  # their order is the axis, and nothing is ever replaced
    series = bounded(log, cuts, most)
    tally = tally_of(series, log)
    view = log.whole().view("step", "last")
    assert repr(tally.last) == repr(float(view.y[-1]))
    assert tally.last_step == view.steps[-1]
    repeats = (log.steps[1:] == log.steps[:-1]).any()
    steps, values = (log.steps, log.values) if repeats else (view.steps, view.y)
    shown = set(zip(steps.tolist(), values.tolist(), strict=True))
    for value, step in ((tally.least, tally.least_step), (tally.most, tally.most_step)):
        assert value is None or (step, value) in shown
    exact = whole_buckets(log, series.per_bucket)
    known = [float(log.values[place]) for place in exact if math.isfinite(log.values[place])]
    if known:
        assert tally.least is not None
        assert tally.most is not None
        assert tally.least <= min(known)
        assert tally.most >= max(known)


def whole_buckets(log: Log, width: int) -> list[int]:
    """The samples of the buckets of which nothing was replaced by a restart, or by a repeat."""
    shown = log.whole().view("epoch", "last").x.astype(int)
    gone = set(range(len(log))) - set(shown.tolist())
    broken = {place // width for place in gone}
    return [place for place in range(len(log)) if place // width not in broken]


@settings(deadline=None)
@given(log=logs(restarts=3), cuts=CUTS, other=CUTS, most=MOST)
def test_portions_do_not_matter_for_what_is_promised(
    log: Log, cuts: list[int], other: list[int], most: int
) -> None:
    """What all and each of the wider buckets must hold, both have, and the same few restarts."""
    one, two = bounded(log, cuts, most), bounded(log, other, most)
    mine, others = series_of(one, log), series_of(two, log)
    common = set(kept_places(mine)) & set(kept_places(others))
    assert telling(log.values) <= common
    width = max(one.per_bucket, two.per_bucket)
    for begin in range(0, len(log), width):
        bucket = log.values[begin : begin + width]
        assert {begin + place for place in telling(bucket)} <= common
    assert len(mine.segments) == len(others.segments) == len(log.whole().segments)
    assert mine.begins == others.begins == log.whole().begins


@given(log=logs())
def test_a_log_without_clock_and_epochs(log: Log) -> None:
    """It has neither axis, as when it is read at once."""
    series = BoundedSeries("loss", 64)
    series.add(log.steps, log.values, None, None, log.starts)
    kept = series.series(begun(log), None)
    assert kept.epochs is None
    assert kept.wall_times is None
    for axis in ("epoch", "time"):
        with pytest.raises(NotFoundError):
            kept.view(axis)


@settings(deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.integers(0, 9), st.dictionaries(st.sampled_from("abc"), st.floats(), max_size=3)
        ),
        max_size=30,
    ),
    cuts=CUTS,
)
def test_keys_of_one_run_know_of_the_starts_of_others(
    rows: list[tuple[int, dict[str, float]]], cuts: list[int]
) -> None:
    """A new start takes over for keys that it has not logged so far, as when it is read at once."""
    bounds = sorted({0, len(rows), *(cut % (len(rows) + 1) for cut in cuts)})
    batches = []
    for start, (begin, end) in enumerate(pairwise(bounds)):
        cells = [
            (row, "abc".index(key), value)
            for row, (_, values) in enumerate(rows[begin:end])
            for key, value in values.items()
        ]
        batches.append(
            Batch(
                keys=["a", "b", "c"],
                codes=np.array([code for _, code, _ in cells], np.int32),
                rows=np.array([row for row, _, _ in cells], np.int32),
                values=np.array([value for _, _, value in cells], np.float64),
                steps=np.array([step for step, _ in rows[begin:end]], np.int64),
                starts=np.full(end - begin, start // 2),
            )
        )
    columns: dict[str, BoundedSeries] = {}
    known: dict[int, float] = {}
    for batch in batches:
        for start, step in first_steps(batch).items():
            known.setdefault(start, step)
        for key, places in places_by_key(batch).items():
            here = batch.rows[places]
            assert batch.starts is not None
            column = columns.setdefault(key, BoundedSeries(key, 64))
            column.add(batch.steps[here], batch.values[places], starts=batch.starts[here])
    whole = assemble(batches)
    assert columns.keys() == whole.keys()
    for key, column in columns.items():
        kept = column.series(known if len(known) > 1 else {}, None)
        assert kept.segments == whole[key].segments
        assert kept.begins == whole[key].begins
        np.testing.assert_array_equal(kept.view().y, whole[key].view().y)

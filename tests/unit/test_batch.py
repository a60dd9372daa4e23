"""Columns out of rows: each key gets its own samples, however the rows came in batches."""

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate, pairwise
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainviz_cli.model.batch import Batch, assemble
from trainviz_cli.model.series import Series


class Row(NamedTuple):
    """One record of a log."""

    step: float
    values: dict[str, float]
    epoch: float = math.nan
    time: float = math.nan


def batch(rows: Sequence[Row], keys: Sequence[str] | None = None, *, start: int = 0) -> Batch:
    """These rows as a reader hands them over; the codes are the places in `keys`."""
    keys = list(dict.fromkeys(key for row in rows for key in row.values)) if keys is None else keys
    cells = [(i, key, value) for i, row in enumerate(rows) for key, value in row.values.items()]
    epochs = np.array([row.epoch for row in rows], np.float64)
    times = np.array([row.time for row in rows], np.float64)
    return Batch(
        keys=tuple(keys),
        codes=np.array([keys.index(key) for _, key, _ in cells], np.int32),
        rows=np.array([i for i, _, _ in cells], np.int32),
        values=np.array([value for _, _, value in cells], np.float64),
        exact={
            place: value
            for place, (_, _, value) in enumerate(cells)
            if isinstance(value, int) and abs(value) >= 2**53
        },
        steps=np.array([row.step for row in rows]) if rows else np.empty(0, np.int64),
        epochs=None if np.isnan(epochs).all() else epochs,
        wall_times=None if np.isnan(times).all() else times,
        starts=np.full(len(rows), start) if start else None,
    )


def columns(series: Series) -> dict[str, object]:
    """What a series holds, in a form that can be compared, NaN included."""
    return {
        name: None if column is None else [repr(float(value)) for value in column]
        for name, column in (
            ("steps", series.steps),
            ("values", series.values),
            ("epochs", series.epochs),
            ("times", series.wall_times),
        )
    }


def test_each_key_has_its_samples() -> None:
    """Rows are sparse; each key has the steps and values of the rows that name it."""
    rows = [Row(1, {"loss": 0.5, "lr": 0.1}), Row(2, {"loss": 0.4}), Row(2, {"acc": 0.9})]
    found = assemble([batch(rows)])
    assert list(found) == ["loss", "lr", "acc"]
    assert {key: series.steps.tolist() for key, series in found.items()} == {
        "loss": [1, 2],
        "lr": [1],
        "acc": [2],
    }
    assert found["loss"].values.tolist() == [0.5, 0.4]
    assert found["acc"].key == "acc"
    assert found["acc"].epochs is None
    assert found["acc"].wall_times is None
    assert found["acc"].start_time is None


@pytest.mark.parametrize("batches", [[], [batch([])], [batch([]), batch([])]])
def test_nothing_is_nothing(batches: list[Batch]) -> None:
    """Without rows there are no series."""
    assert assemble(batches) == {}


def test_a_key_without_values_has_no_series() -> None:
    """A key that a reader has met but that has no usable value is left out."""
    assert list(assemble([batch([Row(1, {"loss": 1.0})], ["step", "loss"])])) == ["loss"]


def test_rows_without_values() -> None:
    """Rows of nothing but a step, first, last and between, shift nothing."""
    rows = [Row(1, {}), Row(2, {"loss": 0.2}), Row(3, {}), Row(4, {"loss": 0.4}), Row(5, {})]
    series = assemble([batch(rows)])["loss"]
    assert series.steps.tolist() == [2, 4]
    assert series.values.tolist() == [0.2, 0.4]


def test_everything_written_is_kept() -> None:
    """Repeats, NaN and infinities stay, in the order written."""
    rows = [Row(1, {"loss": value}) for value in (1.0, math.nan, math.inf, 1.0, -math.inf)]
    series = assemble([batch(rows)])["loss"]
    np.testing.assert_array_equal(series.values, [1, math.nan, math.inf, 1, -math.inf])
    assert series.steps.tolist() == [1] * 5


def test_whole_and_fractional_steps() -> None:
    """Whole steps stay integers; one fractional step makes them all numbers."""
    whole = assemble([batch([Row(2**53 + 1, {"loss": 1.0})])])["loss"]
    assert whole.steps.tolist() == [2**53 + 1]
    assert np.issubdtype(whole.steps.dtype, np.integer)
    mixed = assemble([batch([Row(1, {"loss": 1.0})]), batch([Row(1.5, {"loss": 1.0})])])["loss"]
    assert mixed.steps.tolist() == [1, 1.5]


def test_codes_are_each_batch_s_own_list() -> None:
    """A key met late, or listed elsewhere, gets the values that are its own."""
    early = batch([Row(1, {"b": 1.0})], ["b"])
    late = batch([Row(2, {"a": 2.0, "b": 3.0})], ["b", "c", "a"])
    other = batch([Row(3, {"a": 4.0, "b": 5.0})], ["a", "b"])
    found = assemble([early, late, other])
    assert found["a"].values.tolist() == [2, 4]
    assert found["b"].values.tolist() == [1, 3, 5]
    assert list(found) == ["b", "a"]


@pytest.mark.parametrize("count", [2**16 - 1, 2**16, 2**16 + 5])
def test_very_many_keys(count: int) -> None:
    """Tens of thousands of keys keep apart."""
    names = [f"w{number}" for number in range(count)]
    values = np.arange(float(count))
    wide = Batch(
        keys=names,
        codes=np.arange(count, dtype=np.int32)[::-1].copy(),
        rows=np.zeros(count, np.int32),
        values=values,
        steps=np.array([7]),
    )
    found = assemble([wide])
    assert len(found) == count
    for name, value in (
        ("w0", count - 1),
        (names[-1], 0),
        (names[count // 2], count - 1 - count // 2),
    ):
        assert found[name].values.tolist() == [value]


def test_epochs_and_times_where_there_are_any() -> None:
    """A column is there from the moment it says something, NaN where it does not."""
    first = batch([Row(1, {"loss": 1.0, "lr": 0.1})])
    second = batch(
        [Row(2, {"loss": 2.0}, epoch=0.5, time=105.0), Row(3, {"loss": 3.0}, time=100.0)]
    )
    found = assemble([first, second])
    loss = found["loss"]
    np.testing.assert_array_equal(loss.epochs, [math.nan, 0.5, math.nan])
    np.testing.assert_array_equal(loss.wall_times, [math.nan, 105, 100])
    assert found["lr"].epochs is None
    assert found["lr"].wall_times is None


def test_the_run_starts_for_all_keys_at_once() -> None:
    """The start is that of the run, not that of the key's own first sample."""
    rows = [Row(1, {"loss": 1.0}, time=100.0), Row(2, {"acc": 1.0}, time=160.0)]
    found = assemble([batch(rows)])
    assert found["acc"].start_time == 100
    assert found["acc"].view("relative").x.tolist() == [60]


def test_a_clock_that_says_nothing_is_no_clock() -> None:
    """A column of times that are all unknown is as good as none, and does not warn."""
    silent = replace(batch([Row(1, {"loss": 1.0})]), wall_times=np.array([math.nan]))
    series = assemble([silent])["loss"]
    assert series.wall_times is None
    assert series.start_time is None


@pytest.mark.parametrize(
    "values",
    [
        [2**53 + 1],
        [1, 2**53 + 1, -3],
        [2**62 + 1, -(2**63) + 1, 2**53],
        [2**53 + 1, 0, 2**53 + 3],
    ],
)
def test_integers_are_exact(values: list[int]) -> None:
    """An integer that a float would round is kept, and so are the others of its column."""
    series = assemble([batch([Row(i, {"n": value}) for i, value in enumerate(values)])])["n"]
    assert series.values.tolist() == values


@pytest.mark.parametrize(
    "values", [[2**53 + 1, 0.5], [2**53 + 1, math.nan], [2**53 + 1, math.inf], [2**63 + 1, 1]]
)
def test_a_column_that_integers_cannot_hold_stays_float(values: list[float]) -> None:
    """A fraction, NaN or an integer beyond 64 bits makes the column one of floats."""
    series = assemble([batch([Row(i, {"n": value}) for i, value in enumerate(values)])])["n"]
    np.testing.assert_array_equal(series.values, np.array(values, np.float64))


def test_a_large_float_beside_a_large_integer_survives() -> None:
    """1e17 was written as a float; the exact integer beside it does not make it 0."""
    rows = [Row(1, {"n": 2**53 + 1}), Row(2, {"n": 1e17})]
    assert assemble([batch(rows)])["n"].values.tolist() == [float(2**53 + 1), 1e17]


def test_integers_are_exact_in_their_own_column_only() -> None:
    """Over several batches, an exact integer stays with its key and its place."""
    large = 2**53 + 1
    found = assemble(
        [
            batch([Row(1, {"a": 0.5, "n": 3})]),
            batch([Row(2, {"a": 0.25, "n": large}), Row(3, {"n": 5})]),
        ]
    )
    assert found["n"].values.tolist() == [3, large, 5]
    assert found["a"].values.tolist() == [0.5, 0.25]


def test_a_step_back_is_a_restart() -> None:
    """A segment begins where the steps of a key went back, not where they stand still."""
    rows = [Row(step, {"loss": 0.0}) for step in (1, 2, 2, 3, 2, 3, 1)]
    assert assemble([batch(rows)])["loss"].segments == (0, 4, 6)


def test_a_new_start_is_a_restart_though_no_step_goes_back() -> None:
    """Every key is cut where the new process begins, at its own place."""
    first = batch([Row(1, {"loss": 1.0}), Row(2, {"loss": 1.0, "acc": 0.5})])
    more = batch([Row(3, {"loss": 1.0})])
    later = batch([Row(4, {"lr": 1.0}), Row(5, {"loss": 1.0, "acc": 0.5})], start=1)
    found = assemble([first, more, later])
    assert found["loss"].segments == (0, 3)
    assert found["acc"].segments == (0, 1)
    assert found["lr"].segments == (0,)


def test_a_new_start_at_either_end_cuts_nothing() -> None:
    """No segment is empty: before the first and after the last sample there is no cut."""
    empty = batch([], start=1)
    found = assemble([empty, batch([Row(1, {"loss": 1.0}), Row(2, {"loss": 1.0})]), empty])
    assert found["loss"].segments == (0,)


def test_a_new_start_replaces_the_abandoned_samples_of_every_key() -> None:
    """Validation after the point of resumption is gone too, though resumed later than it was."""
    first = batch([Row(step, {"loss": 1.0}) for step in range(1, 6)] + [Row(5, {"acc": 0.1})])
    resumed = batch(
        [Row(step, {"loss": 2.0}) for step in range(3, 9)] + [Row(8, {"acc": 0.9})], start=1
    )
    acc = assemble([first, resumed])["acc"].view(overlap="last")
    assert acc.y.tolist() == [0.9]


def test_the_furthest_new_start_back_replaces_samples_of_every_key() -> None:
    """So it is where a start between them ended before its own validation."""
    first = batch([Row(step, {"loss": 1.0}) for step in range(1, 6)] + [Row(5, {"acc": 0.1})])
    short = batch([Row(step, {"loss": 2.0}) for step in range(3, 7)], start=1)
    resumed = batch(
        [Row(step, {"loss": 3.0}) for step in range(6, 9)] + [Row(8, {"acc": 0.9})], start=2
    )
    found = assemble([first, short, resumed])
    assert found["loss"].view(overlap="last").y.tolist() == [1, 1, 2, 2, 2, 3, 3, 3]
    assert found["acc"].view(overlap="last").y.tolist() == [0.9]


def test_a_new_start_further_on_replaces_nothing() -> None:
    """A resumption after all samples of a key leaves them, in a piece of their own."""
    first = batch([Row(5, {"acc": 0.1}), Row(7, {"loss": 1.0})])
    resumed = batch([Row(6, {"loss": 2.0}), Row(8, {"acc": 0.9})], start=1)
    view = assemble([first, resumed])["acc"].view(overlap="last")
    assert [view.y[piece].tolist() for piece in view.slices()] == [[0.1], [0.9]]


def test_rows_can_be_left_out() -> None:
    """Leaving rows out takes their values, exact integers included, and nothing else."""
    large = 2**53 + 1
    rows = [
        Row(1, {"n": large, "a": 0.5}, epoch=1.0, time=10.0),
        Row(2, {"a": 0.25}, epoch=2.0, time=20.0),
        Row(3, {"n": large + 2}, epoch=3.0, time=30.0),
    ]
    kept = batch(rows).only(np.array([False, True, True]))
    assert len(kept) == 2
    found = assemble([kept])
    assert found["n"].values.tolist() == [large + 2]
    assert found["n"].steps.tolist() == [3]
    assert found["a"].values.tolist() == [0.25]
    np.testing.assert_array_equal(found["a"].epochs, [2])
    np.testing.assert_array_equal(found["n"].wall_times, [30])


VALUES = st.floats() | st.integers(-(2**62), 2**62)
ROWS = st.lists(
    st.builds(
        Row,
        step=st.integers(-3, 12),
        values=st.dictionaries(st.sampled_from("abcd"), VALUES, max_size=4),
        epoch=st.sampled_from([math.nan, 0.0, 1.5]),
        time=st.sampled_from([math.nan, 100.0, 200.0]),
    ),
    max_size=30,
)


@settings(deadline=None)
@given(rows=ROWS, cuts=st.lists(st.integers(0, 30), max_size=5).map(sorted), data=st.data())
def test_columns_are_the_rows(rows: list[Row], cuts: list[int], data: st.DataObject) -> None:
    """However the rows are cut into batches, each key has what its rows say, and no other."""
    keys = list(dict.fromkeys(key for row in rows for key in row.values))
    bounds = [0, *(min(cut, len(rows)) for cut in cuts), len(rows)]
    fresh = data.draw(st.lists(st.booleans(), min_size=len(cuts), max_size=len(cuts)))
    batches = [
        batch(rows[begin:end], keys, start=start)
        for (begin, end), start in zip(pairwise(bounds), accumulate([0, *fresh]), strict=True)
    ]
    found = assemble(batches)
    assert list(found) == keys
    restarts = {begin for begin, new in zip(bounds[1:-1], fresh, strict=True) if new}
    for key in keys:
        mine = [(place, row) for place, row in enumerate(rows) if key in row.values]
        epochs = [row.epoch for _, row in mine]
        times = [row.time for _, row in mine]
        assert columns(found[key]) == {
            "steps": [repr(float(row.step)) for _, row in mine],
            "values": [repr(float(row.values[key])) for _, row in mine],
            "epochs": None if all(map(math.isnan, epochs)) else list(map(repr, epochs)),
            "times": None if all(map(math.isnan, times)) else list(map(repr, times)),
        }
        segments = [0]
        for place, ((before, old), (here, new)) in enumerate(pairwise(mine), start=1):
            if new.step < old.step or any(before < restart <= here for restart in restarts):
                segments.append(place)
        assert found[key].segments == tuple(segments)

"""Tables of any run, against its samples one by one and against what its charts show."""

import math
from pathlib import Path

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from trainviz_cli.model.run import Run
from trainviz_cli.model.series import Series

NAN, INF = math.nan, math.inf
FLOATS = st.floats() | st.sampled_from([NAN, INF, -INF, 0.0, -0.0, 5e-324, 1.7e308])
INTEGERS = st.integers(-(2**63), 2**63 - 1)
# Within a segment, steps never go back; equal ones are repeats.
STARTS = st.lists(
    st.lists(st.integers(0, 12), min_size=1, max_size=6).map(sorted), min_size=1, max_size=4
)


KEYS = st.lists(st.text(max_size=6).filter(lambda key: key != "step"), max_size=4, unique=True)
SCALES = st.sampled_from([(1, 0), (1, 2**53), (-1, 2**62), (0.25, 0)])


@st.composite
def all_series(draw: st.DrawFn, key: str, scale: float, offset: int) -> Series:
    """A series with restarts, repeats, and an epoch or a time where the log may have one."""
    starts = draw(STARTS)
    if scale < 0:
        starts = [[step] for start in starts for step in start]
    steps = [scale * step + offset for start in starts for step in start]
    count = len(steps)
    whole = draw(st.booleans())
    values = draw(st.lists(INTEGERS if whole else FLOATS, min_size=count, max_size=count))
    maybe = st.none() | st.lists(FLOATS, min_size=count, max_size=count).map(np.array)
    return Series(
        key,
        np.array(steps),
        np.array(values, np.int64 if whole else np.float64),
        epochs=draw(maybe),
        wall_times=draw(maybe),
        segments=tuple(np.cumsum([0, *map(len, starts[:-1])]).tolist()),
    )


@st.composite
def all_runs(draw: st.DrawFn) -> Run:
    """A run of such series, which count their steps alike, as those of one log do."""
    scale, offset = draw(SCALES)
    every = [draw(all_series(key, scale, offset)) for key in draw(KEYS)]
    return Run("exp", Path("exp"), "local", {each.key: each for each in every})


RUNS = all_runs()
REPEATED = Series("n", np.array([5, 5]), np.array([2**53 + 1, 2**53 + 3]))
LOSS = Series("loss", np.array([1, 2, 2, 1]), np.array([NAN, 1, 2, INF]), segments=(0, 3))
AWKWARD = Run("exp", Path("exp"), "local", {"loss": LOSS, "n": REPEATED})


def bits(value: object) -> object:
    """A value such that equal ones are the same sample: NaN equals NaN, and 0 isn't -0."""
    if isinstance(value, float):
        return "nan" if math.isnan(value) else value.hex()
    return value


def known(column: np.ndarray | None, count: int) -> list[float]:
    """An optional column as a table has it: NaN where the log doesn't know."""
    return [NAN] * count if column is None else column.tolist()


@settings(deadline=None)
@given(run=RUNS)
@example(run=AWKWARD)
def test_long_tables_hold_exactly_every_sample(run: Run) -> None:
    """Key by key, in the order written: nothing replaced, nothing merged, nothing added."""
    every = list(run.series.values())
    whole = all(each.values.dtype == np.int64 for each in every)
    fractional = any(each.steps.dtype == np.float64 for each in every)
    rows = [
        (
            each.key,
            bits(float(step) if fractional else step),
            bits(epoch),
            bits(time),
            bits(value if whole else float(value)),
        )
        for each in every
        for step, epoch, time, value in zip(
            each.steps.tolist(),
            known(each.epochs, len(each)),
            known(each.wall_times, len(each)),
            each.values.tolist(),
            strict=True,
        )
    ]
    pandas = run.to_pandas(long=True)
    columns = [pandas[name].tolist() for name in ("key", "step", "epoch", "wall_time", "value")]
    assert [(row[0], *map(bits, row[1:])) for row in zip(*columns, strict=True)] == rows
    found = [
        (key, bits(step), *(bits(NAN if at is None else at) for at in (epoch, time)), bits(value))
        for key, step, epoch, time, value in run.to_polars(long=True).rows()
    ]
    assert found == rows


@settings(deadline=None)
@given(run=RUNS)
@example(run=AWKWARD)
def test_wide_tables_hold_what_charts_show(run: Run) -> None:
    """At each step of any key the value that the key's view has there, the last where several."""
    views = {key: series.view() for key, series in run.series.items()}
    shown = {
        key: dict(zip(view.steps.tolist(), view.y.tolist(), strict=True))
        for key, view in views.items()
    }
    steps = sorted({step for at in shown.values() for step in at})
    pandas, polars = run.to_pandas(), run.to_polars()
    assert pandas.index.tolist() == polars["step"].to_list() == steps
    assert list(pandas.columns) == list(run)
    assert polars.columns == ["step", *run]
    for key, at in shown.items():
        gaps = at.keys() != set(steps)
        exact = not gaps and run[key].values.dtype == np.int64
        kind = int if exact else float
        wanted = [bits(kind(at[step])) if step in at else None for step in steps]
        column = polars[key].to_list()
        assert [None if value is None else bits(value) for value in column] == wanted
        absent = [bits(NAN) if value is None else value for value in wanted]
        assert [bits(value) for value in pandas[key].tolist()] == absent


@settings(deadline=None)
@given(run=RUNS)
@example(run=AWKWARD)
def test_polars_tells_absent_from_not_a_number(run: Run) -> None:
    """Null is where nothing was logged, NaN where NaN was."""
    frame = run.to_polars()
    for key, series in run.series.items():
        view = series.view()
        logged = set(view.steps.tolist())
        steps = frame["step"].to_list()
        assert frame[key].is_null().to_list() == [step not in logged for step in steps]
        last = dict(zip(view.steps.tolist(), view.y.tolist(), strict=True))
        odd = frame[key].is_nan().fill_null(value=False).sum()
        assert odd == sum(value != value for value in last.values())  # noqa: PLR0124 - NaN
    assert run.to_polars(long=True)["value"].null_count() == 0


@settings(deadline=None)
@given(run=RUNS)
def test_asking_changes_nothing(run: Run) -> None:
    """A table asked for twice is the same, and the run's columns are what they were."""
    before = {key: (each.steps.copy(), each.values.copy()) for key, each in run.series.items()}
    for long in (False, True):
        assert run.to_pandas(long=long).equals(run.to_pandas(long=long))
        assert run.to_polars(long=long).equals(run.to_polars(long=long))
    for key, (steps, values) in before.items():
        np.testing.assert_array_equal(run[key].steps, steps)
        np.testing.assert_array_equal(run[key].values, values)

"""A run as a table of pandas or polars: columns, missing values, and neither before it is asked."""

import math
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from trainviz_cli.errors import MissingPackageError
from trainviz_cli.model.run import Run
from trainviz_cli.model.series import Series
from trainviz_cli.runs import open_run

NAN, INF = math.nan, math.inf
BIG = 2**53 + 1
LONG = ["key", "step", "epoch", "wall_time", "value"]


def series(key: str, steps: Sequence[float], values: Sequence[float], **more: Any) -> Series:
    """The samples of a key, its columns typed as NumPy types them."""
    return Series(key, np.array(steps), np.array(values), **more)


def run_of(*every: Series) -> Run:
    """A run of these series."""
    return Run("exp1", Path("exp1"), "local", {each.key: each for each in every})


@pytest.fixture
def run() -> Run:
    """Two keys of which one has a gap and a NaN of its own, and one has no clock."""
    return run_of(
        series("loss", [1, 2, 4], [3.0, NAN, 1.0], wall_times=np.array([10.0, NAN, 30.0])),
        series("val/acc", [2, 4], [0.5, 0.75], epochs=np.array([1.0, 2.0])),
    )


def test_wide_pandas(run: Run) -> None:
    """A row for each step that any key has, a column for each key, in the order logged."""
    expected = pd.DataFrame(
        {"loss": [3.0, NAN, 1.0], "val/acc": [NAN, 0.5, 0.75]}, index=pd.Index([1, 2, 4])
    ).rename_axis("step")
    pd.testing.assert_frame_equal(run.to_pandas(), expected)


def test_wide_polars(run: Run) -> None:
    """As for pandas, with the step as its first column; a NaN that was logged is no null."""
    frame = run.to_polars()
    assert frame.schema == {"step": pl.Int64, "loss": pl.Float64, "val/acc": pl.Float64}
    assert frame["step"].to_list() == [1, 2, 4]
    assert frame["loss"].is_null().to_list() == [False, False, False]
    assert frame["loss"].is_nan().to_list() == [False, True, False]
    assert frame["val/acc"].to_list() == [None, 0.5, 0.75]


def test_long_pandas(run: Run) -> None:
    """Every sample has a row, key by key; what the log doesn't know is NaN."""
    frame = run.to_pandas(long=True)
    assert list(frame.columns) == LONG
    assert list(frame["key"]) == ["loss"] * 3 + ["val/acc"] * 2
    assert list(frame["step"]) == [1, 2, 4, 2, 4]
    np.testing.assert_array_equal(frame["epoch"], [NAN, NAN, NAN, 1, 2])
    np.testing.assert_array_equal(frame["wall_time"], [10, NAN, 30, NAN, NAN])
    np.testing.assert_array_equal(frame["value"], [3, NAN, 1, 0.5, 0.75])


def test_long_polars(run: Run) -> None:
    """The same samples; what the log doesn't know is null, a NaN that was logged is NaN."""
    frame = run.to_polars(long=True)
    assert frame.schema == dict(
        zip(LONG, [pl.String, pl.Int64, pl.Float64, pl.Float64, pl.Float64], strict=True)
    )
    assert frame["key"].to_list() == ["loss"] * 3 + ["val/acc"] * 2
    assert frame["step"].to_list() == [1, 2, 4, 2, 4]
    assert frame["epoch"].to_list() == [None, None, None, 1, 2]
    assert frame["wall_time"].to_list() == [10, None, 30, None, None]
    assert frame["value"].is_null().sum() == 0
    np.testing.assert_array_equal(frame["value"].to_numpy(), [3, NAN, 1, 0.5, 0.75])


def test_a_restart_replaces_and_long_keeps_all() -> None:
    """The wide table is what the chart shows; the long one has what was replaced as well."""
    values = [10.0, 11, 12, 13, 22, 23, 24, 25]
    run = run_of(series("loss", [0, 1, 2, 3, 2, 3, 3, 4], values, segments=(0, 4)))
    for frame in (run.to_pandas().reset_index(), run.to_polars()):
        assert list(frame["step"]) == [0, 1, 2, 3, 4]
        assert list(frame["loss"]) == [10, 11, 22, 24, 25]
    for frame in (run.to_pandas(long=True), run.to_polars(long=True)):
        assert list(frame["step"]) == [0, 1, 2, 3, 2, 3, 3, 4]
        assert list(frame["value"]) == values


def test_one_step_for_all() -> None:
    """Where all samples have one step, the wide table has one row, with the last of them."""
    run = run_of(series("loss", [7] * 5, [1.0, 2, 3, 4, 5]), series("acc", [7], [0.5]))
    for frame in (run.to_pandas().reset_index(), run.to_polars()):
        assert [list(frame[name]) for name in ("step", "loss", "acc")] == [[7], [5], [0.5]]
    assert list(run.to_polars(long=True)["value"]) == [1, 2, 3, 4, 5, 0.5]


def test_integers_stay_exact_without_gaps() -> None:
    """Where no step lacks the key, integers that a float would round are themselves."""
    run = run_of(series("n", [1, 2], [BIG, -BIG]), series("loss", [1, 2], [0.5, NAN]))
    pandas, polars = run.to_pandas(), run.to_polars()
    assert pandas["n"].dtype == np.int64
    assert polars.schema["n"] == pl.Int64
    assert pandas["n"].tolist() == polars["n"].to_list() == [BIG, -BIG]


def test_integers_with_gaps_are_floats() -> None:
    """A column with a gap is of floats, and its neighbour isn't touched by that."""
    run = run_of(series("n", [1], [BIG]), series("m", [1, 2], [BIG, BIG + 1]))
    pandas, polars = run.to_pandas(), run.to_polars()
    np.testing.assert_array_equal(pandas["n"], [float(BIG), NAN])
    assert polars["n"].to_list() == [float(BIG), None]
    assert pandas["m"].tolist() == polars["m"].to_list() == [BIG, BIG + 1]


def test_long_integers_stay_exact_among_integers() -> None:
    """The long table's values are exact where all of them are integers."""
    run = run_of(series("n", [1, 2], [BIG, -BIG]), series("m", [1], [2**62 + 1]))
    expected = [BIG, -BIG, 2**62 + 1]
    assert run.to_pandas(long=True)["value"].tolist() == expected
    assert run.to_polars(long=True)["value"].to_list() == expected


@pytest.mark.parametrize("steps", [[BIG, BIG + 1, 2**62 + 1], [-(2**62) - 1, 0, BIG]])
def test_steps_stay_exact(steps: list[int]) -> None:
    """Steps that a float would round are rows of their own."""
    run = run_of(series("loss", steps, [1.0, 2, 3]), series("acc", steps[1:], [4.0, 5]))
    assert run.to_pandas().index.tolist() == run.to_polars()["step"].to_list() == steps
    assert run.to_polars()["acc"].to_list() == [None, 4, 5]
    assert run.to_pandas(long=True)["step"].tolist() == [*steps, *steps[1:]]
    assert run.to_polars(long=True)["step"].to_list() == [*steps, *steps[1:]]


def test_fractional_steps() -> None:
    """Where a log counts in fractions, so does the table."""
    run = run_of(series("loss", [0.5, 1.25], [1.0, 2]), series("acc", [1, 2], [3.0, 4]))
    assert run.to_pandas().index.tolist() == [0.5, 1, 1.25, 2]
    assert run.to_polars()["acc"].to_list() == [None, 3, None, 4]


@pytest.mark.parametrize("value", [INF, -INF, 1.7e308, 5e-324, -0.0])
def test_floats_are_themselves(value: float) -> None:
    """Infinities and the largest and smallest floats pass through."""
    run = run_of(series("loss", [1, 2], [value, 0.1]))
    for long, name in ((False, "loss"), (True, "value")):
        for frame in (run.to_pandas(long=long), run.to_polars(long=long)):
            assert [v.hex() for v in frame[name].to_list()] == [value.hex(), (0.1).hex()]


def test_a_run_without_keys() -> None:
    """An empty run is an empty table that has its columns."""
    run = run_of()
    assert run.to_pandas().shape == (0, 0)
    assert run.to_pandas().index.name == "step"
    assert run.to_polars().columns == ["step"]
    for frame in (run.to_pandas(long=True), run.to_polars(long=True)):
        assert list(frame.columns) == LONG
        assert len(frame) == 0


@pytest.mark.parametrize(
    "key", ["", "训练/损失", "a\nb", "\x1b[31m", "'\"", "index", "key", "value", "\x00"]
)
def test_any_key_is_a_column(key: str) -> None:
    """A key's name is kept as it was logged."""
    run = run_of(series(key, [1, 2], [3.0, 4]), series("other", [1], [5.0]))
    assert list(run.to_pandas().columns) == [key, "other"]
    assert run.to_polars().columns == ["step", key, "other"]
    for frame in (run.to_pandas(long=True), run.to_polars(long=True)):
        assert list(frame["key"]) == [key, key, "other"]


@pytest.mark.parametrize("long", [False, True])
def test_key_that_is_no_unicode(*, long: bool) -> None:
    """A key with half a surrogate pair, which polars can't hold, costs nobody the table."""
    run = run_of(series("a\ud800", [1, 2], [3.0, 4]), series("b", [1], [5.0]))
    assert len(run.to_pandas(long=long)) == (3 if long else 2)
    frame = run.to_polars(long=long)
    assert frame["value" if long else frame.columns[1]].to_list()[:2] == [3, 4]
    assert frame.height == (3 if long else 2)


def test_a_table_is_a_copy(run: Run) -> None:
    """Whoever changes a table changes nothing of the run."""
    for long in (False, True):
        frame = run.to_pandas(long=long)
        frame.loc[:, frame.columns[-1]] = -1.0
    np.testing.assert_array_equal(run["val/acc"].values, [0.5, 0.75])
    alone = run_of(run["loss"]).to_pandas(long=True)
    alone["step"] += 100
    assert not np.shares_memory(alone["value"].to_numpy(), run["loss"].values)
    np.testing.assert_array_equal(run["loss"].steps, [1, 2, 4])


def test_what_was_read_from_a_log(tmp_path: Path) -> None:
    """A log's integers, its NaN and its gaps arrive in the tables."""
    log = tmp_path / "scalars.json"
    log.write_text(f'{{"n": {BIG}, "a": NaN, "step": 1}}\n{{"n": {BIG + 1}, "step": 2}}\n')
    run = open_run(tmp_path)
    assert run.to_pandas()["n"].tolist() == [BIG, BIG + 1]
    frame = run.to_polars()
    assert frame["n"].to_list() == [BIG, BIG + 1]
    assert [repr(value) for value in frame["a"].to_list()] == ["nan", "None"]


@pytest.mark.parametrize("package", ["pandas", "polars"])
@pytest.mark.parametrize("long", [False, True])
def test_package_that_is_not_installed(
    run: Run, monkeypatch: pytest.MonkeyPatch, package: str, *, long: bool
) -> None:
    """The error has the documented exit code, and its hint is the command that helps."""
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingPackageError, match=f"{package} is not installed") as caught:
        getattr(run, f"to_{package}")(long=long)
    assert (caught.value.exit_code, caught.value.hint) == (5, f"pip install {package}")
    other = "polars" if package == "pandas" else "pandas"
    assert len(getattr(run, f"to_{other}")(long=long)) == (5 if long else 3)


@pytest.mark.parametrize(
    ("more", "names"),
    [
        ("", set()),
        ("run._repr_html_(); run['loss']._repr_html_(); repr(run)", set()),
        ("run.to_pandas()", {"pandas"}),
        ("run.to_polars()", {"polars"}),
    ],
)
def test_neither_is_imported_before_it_is_asked_for(
    tmp_path: Path, more: str, names: set[str]
) -> None:
    """Opening a run and showing it in a notebook import neither; each table imports its own."""
    (tmp_path / "scalars.json").write_text('{"loss": 1, "step": 1}\n')
    script = (
        "import sys, trainviz_cli\n"
        "run = trainviz_cli.open_run('.')\n"
        f"{more}\n"
        "print(*({'pandas', 'polars'} & sys.modules.keys()))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, cwd=tmp_path, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert set(done.stdout.split()) == names

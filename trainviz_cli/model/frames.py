"""A run as a table of pandas or polars, neither of which is imported before it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from trainviz_cli.errors import MissingPackageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    import polars as pl

    from trainviz_cli.model.series import FloatArray, NumberArray, Series

    Columns = dict[str, np.ndarray[Any, Any]]


def to_pandas(every: Sequence[Series], *, long: bool) -> pd.DataFrame:
    """The series as a DataFrame; see `Run.to_pandas`.

    Raises:
        MissingPackageError: pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError:
        raise MissingPackageError("pandas is not installed", hint="pip install pandas") from None
    if long:
        return pd.DataFrame(_long(every))
    steps = _steps(every)
    columns = {series.key: _at(steps, series)[0] for series in every}
    return pd.DataFrame(columns, index=pd.Index(steps, name="step"))


def to_polars(every: Sequence[Series], *, long: bool) -> pl.DataFrame:
    """The series as a DataFrame; see `Run.to_polars`. What is not there is null, not NaN.

    Raises:
        MissingPackageError: polars is not installed.
    """
    try:
        import polars as pl
    except ImportError:
        raise MissingPackageError("polars is not installed", hint="pip install polars") from None
    if long:
        columns = _long(every)
        keys = pl.Series("key", list(map(_utf8, columns.pop("key").tolist())), pl.String)
        known = pl.DataFrame(columns).with_columns(pl.col("epoch", "wall_time").fill_nan(None))
        return known.insert_column(0, keys)
    steps = _steps(every)
    frame = {"step": pl.Series(steps)}
    for series in every:
        column, missing = _at(steps, series)
        frame[_utf8(series.key)] = pl.Series(column).scatter(np.flatnonzero(missing), None)
    return pl.DataFrame(frame)


def _utf8(key: str) -> str:
    """The key as polars can hold it: half a surrogate pair as an escape."""
    return key.encode(errors="backslashreplace").decode()


def _steps(every: Sequence[Series]) -> NumberArray:
    """(N,) every step that a chart shows, once."""
    columns = [series.view().steps for series in every]
    steps: NumberArray = np.unique(_joined(columns))
    return steps


def _at(steps: NumberArray, series: Series) -> tuple[NumberArray, npt.NDArray[np.bool_]]:
    """(N,) the latest value at each step, NaN where there is none; and (N,) where that is."""
    view = series.view()
    rows = np.searchsorted(steps, view.steps)
    missing = np.ones(len(steps), bool)
    missing[rows] = False
    # Whole numbers stay exact where none is missing.
    kind = np.float64 if missing.any() else view.y.dtype
    column: NumberArray = np.zeros(len(steps), kind)
    column[rows] = view.y
    if missing.any():
        column[missing] = np.nan
    return column, missing


def _long(every: Sequence[Series]) -> Columns:
    """(M,) every sample of every key, in the order written."""
    lengths = [len(series) for series in every]
    return {
        "key": np.repeat(np.array([series.key for series in every], object), lengths),
        "step": _joined([series.steps for series in every]),
        "epoch": _joined([_known(series.epochs, len(series)) for series in every]),
        "wall_time": _joined([_known(series.wall_times, len(series)) for series in every]),
        "value": _joined([series.values for series in every]),  # noqa: PD011 - ours, not a DataFrame's,
    }


def _known(column: FloatArray | None, length: int) -> FloatArray:
    return np.full(length, np.nan) if column is None else column


def _joined(columns: Sequence[np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    return np.concatenate(columns) if columns else np.empty(0)

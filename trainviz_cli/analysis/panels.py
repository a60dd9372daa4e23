"""What one chart shows: which curves, against what, and how they were prepared."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, get_args

import numpy as np

from trainviz_cli.errors import NotFoundError
from trainviz_cli.model.series import Axis

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trainviz_cli.analysis.smoothing import Smoothing
    from trainviz_cli.model.run import Run
    from trainviz_cli.model.series import FloatArray, NumberArray, Overlap, Series, View


class Limits(NamedTuple):
    """An axis from `low` to `high`; None is as far as the data goes."""

    low: float | None = None
    high: float | None = None


class Drawing(NamedTuple):
    """How curves are to be drawn, whoever draws them.

    Attributes:
        x: What the x axis counts: step, epoch, time, relative, index, or a key.
        smooth: How to smooth; the raw curve stays visible behind.
        overlap: What a step that was logged again shows.
        log_x: Logarithmic x axis.
        log_y: Logarithmic y axis.
        xlim: Ends of the x axis.
        ylim: Ends of the y axis; they win over `robust`.
        robust: Let outliers leave the scale; the chart then says what it hides.
        together: All keys in one chart.
        title: Text above the chart in place of the key.
    """

    x: str = "step"
    smooth: Smoothing | None = None
    overlap: Overlap = "last"
    log_x: bool = False
    log_y: bool = False
    xlim: Limits = Limits()
    ylim: Limits = Limits()
    robust: bool = False
    together: bool = False
    title: str | None = None


class Curve(NamedTuple):
    """One line of a chart.

    Attributes:
        run: Name of its run; like `key` it comes from outside, so it is not safe to print raw.
        key: What was logged.
        label: What the legend calls it.
        color: Its place in a palette: a run, or a key, has one throughout.
        view: The samples.
        smooth: (N,) the smoothed values, NaN where there is none; None without smoothing.
    """

    run: str
    key: str
    label: str
    color: int
    view: View
    smooth: FloatArray | None = None

    @property
    def main(self) -> NumberArray:
        """(N,) the values that the eye should follow."""
        return self.view.y if self.smooth is None else self.smooth


class Panel(NamedTuple):
    """One chart.

    Attributes:
        title: What stands above it.
        axis: What the x axis counts.
        curves: What is drawn, the first one lowest.
        drawing: How.
        notes: What a reader of the chart must know.
    """

    title: str
    axis: str
    curves: tuple[Curve, ...]
    drawing: Drawing
    notes: tuple[str, ...] = ()


def build_panels(runs: Sequence[Run], keys: Sequence[str], drawing: Drawing) -> list[Panel]:
    """The charts that show these keys of these runs: one per key, or all in one.

    Raises:
        NotFoundError: A run lacks what the x axis counts.
        UsageError: `drawing.x` names no axis and no key.
    """
    groups = [list(keys)] if drawing.together else [[key] for key in keys]
    return [_panel(runs, group, drawing) for group in groups]


def _panel(runs: Sequence[Run], keys: Sequence[str], drawing: Drawing) -> Panel:
    pairs = [(index, run, key) for index, run in enumerate(runs) for key in keys if key in run]
    views = {(run.name, key): _view(run, run[key], drawing) for _, run, key in pairs}
    curves = [
        Curve(
            run=run.name,
            key=key,
            label=_label(run, key, several_runs=len(runs) > 1, several_keys=len(keys) > 1),
            color=number if len(keys) > 1 else index,
            view=views[run.name, key],
            smooth=_smoothed(views[run.name, key], drawing),
        )
        for number, (index, run, key) in enumerate(pairs)
    ]
    axes = {curve.view.axis for curve in curves}
    return Panel(
        title=drawing.title or (keys[0] if len(keys) == 1 else ", ".join(keys)),
        axis=next(iter(axes)) if len(axes) == 1 else drawing.x,
        curves=tuple(curves),
        drawing=drawing,
        notes=tuple(dict.fromkeys(curve.view.note for curve in curves if curve.view.note)),
    )


def _label(run: Run, key: str, *, several_runs: bool, several_keys: bool) -> str:
    if several_runs and several_keys:
        return f"{run.name} {key}"
    return key if several_keys else run.name


def _smoothed(view: View, drawing: Drawing) -> FloatArray | None:
    return drawing.smooth.apply(view.y, view.pieces) if drawing.smooth else None


def _view(run: Run, series: Series, drawing: Drawing) -> View:
    if drawing.x in get_args(Axis):
        return series.view(drawing.x, drawing.overlap)
    return _against(run, series, drawing)


def _against(run: Run, series: Series, drawing: Drawing) -> View:
    """The series against another key of its run: at each step, that key's latest value."""
    other = run.find(drawing.x).view("step", drawing.overlap)
    view = series.view("step", drawing.overlap)
    before = np.searchsorted(other.steps, view.steps, "right") - 1
    if not (before >= 0).any():
        raise NotFoundError(
            f"{drawing.x} has no value at or before the steps of {series.key}",
            hint="use -x step",
        )
    x = np.where(before >= 0, np.asarray(other.y, np.float64)[np.maximum(before, 0)], np.nan)
    return type(view)(drawing.x, x, view.y, view.steps, view.pieces, view.note)


def nonfinite_steps(view: View) -> list[float]:
    """The steps of the samples that are NaN or infinite."""
    steps: list[float] = view.steps[~np.isfinite(view.y)].tolist()
    return steps


def shared_keys(runs: Sequence[Run]) -> list[str]:
    """Every key of any run, in the order first met."""
    merged: Mapping[str, None] = dict.fromkeys(key for run in runs for key in run)
    return list(merged)

"""What one chart shows: which curves, against what, and how they were prepared."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, get_args

import numpy as np

from trainviz_cli.errors import NotFoundError, UsageError
from trainviz_cli.model.series import Axis

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trainviz_cli.analysis.smoothing import Smoothing
    from trainviz_cli.model.run import Run
    from trainviz_cli.model.series import FloatArray, NumberArray, Overlap, Series, View


class Limits(NamedTuple):
    """An axis from `low` to `high`; None is as far as the data goes."""

    low: float | None = None
    high: float | None = None

    @classmethod
    def parse(cls, text: str, option: str) -> Limits:
        """`A:B` as on the command line; either may be left out.

        Raises:
            UsageError: It is no such thing, or begins behind its end.
        """
        low, colon, high = text.partition(":")
        try:
            limits = cls(*(float(end) if end.strip() else None for end in (low, high)))
            if not colon or any(end is not None and end - end != 0 for end in limits):
                raise ValueError  # noqa: TRY301 - the same answer as for no number
        except ValueError:
            raise UsageError(f"{option} takes A:B, not {text!r}", hint=f"{option} 0:1") from None
        if limits.low is not None and limits.high is not None and limits.low >= limits.high:
            raise UsageError(f"{option} {text} doesn't begin before its end", hint=f"{option} 0:1")
        return limits


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
        NotFoundError: No run has a key, or none that has it knows what the x axis counts.
    """
    groups = [list(keys)] if drawing.together else [[key] for key in keys]
    return [_panel(runs, group, drawing) for group in groups]


def _panel(runs: Sequence[Run], keys: Sequence[str], drawing: Drawing) -> Panel:
    pairs = [(index, run, key) for index, run in enumerate(runs) for key in keys if key in run]
    if not pairs:
        raise NotFoundError(f"no run has {', '.join(keys)}")
    curves: list[Curve] = []
    lacking: list[NotFoundError] = []
    for number, (index, run, key) in enumerate(pairs):
        try:
            view = _view(run, run[key], drawing)
        except NotFoundError as error:
            lacking.append(NotFoundError(f"{run.name}: {error.message}", hint=error.hint))
            continue
        curve = Curve(
            run=run.name,
            key=key,
            label=_label(run, key, several_runs=len(runs) > 1, several_keys=len(keys) > 1),
            color=number if len(keys) > 1 else index,
            view=view,
            smooth=drawing.smooth.apply(view.y, view.pieces) if drawing.smooth else None,
        )
        curves.append(curve)
    if not curves:
        raise lacking[0]
    notes = [curve.view.note for curve in curves if curve.view.note]
    axes = {curve.view.axis for curve in curves}
    return Panel(
        title=drawing.title or ", ".join(keys),
        axis=axes.pop() if len(axes) == 1 else drawing.x,
        curves=tuple(curves),
        drawing=drawing,
        notes=tuple(dict.fromkeys([*notes, *(error.message for error in lacking)])),
    )


def _label(run: Run, key: str, *, several_runs: bool, several_keys: bool) -> str:
    if several_runs and several_keys:
        return f"{run.name} {key}"
    return key if several_keys else run.name


def _view(run: Run, series: Series, drawing: Drawing) -> View:
    if drawing.x in get_args(Axis):
        return series.view(drawing.x, drawing.overlap)
    try:
        other = run.find(drawing.x)
    except NotFoundError as error:
        axes = ", ".join(get_args(Axis))
        raise NotFoundError(f"-x: {error.message}", hint=f"{axes}; {error.hint}") from None
    return _against(other, series, drawing)


def _against(other: Series, series: Series, drawing: Drawing) -> View:
    """The series against another key of its run: at each step, that key's latest value."""
    by, view = (each.view("index", drawing.overlap) for each in (other, series))
    x = np.full(len(view), np.nan)
    if drawing.overlap == "all" and len(by.pieces) == len(view.pieces):
        # Steps repeat, so each start looks at itself.
        for mine, its in zip(view.slices(), by.slices(), strict=True):
            x[mine] = _latest(by.steps[its], by.y[its], view.steps[mine])
    else:
        order = np.argsort(by.steps, kind="stable")
        x = _latest(by.steps[order], by.y[order], view.steps)
    if np.isnan(x).all():
        raise NotFoundError(
            f"{other.key} has no value at or before the steps of {series.key}", hint="use -x step"
        )
    return replace(view, axis=other.key, x=x)


def _latest(steps: NumberArray, values: NumberArray, at: NumberArray) -> FloatArray:
    """The value at each step of `at`, or the one last before it; NaN before the first."""
    before = np.searchsorted(steps, at, "right") - 1
    known = np.asarray(values, np.float64)[np.maximum(before, 0)]
    return np.where(before >= 0, known, np.nan)


def nonfinite_steps(view: View) -> list[float]:
    """The steps of the samples that are NaN or infinite."""
    steps: list[float] = view.steps[~np.isfinite(view.y)].tolist()
    return steps

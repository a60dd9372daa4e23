"""Scales: where values lie, what the ends of an axis are, and what a chart hides."""

import math
import sys
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from trainviz_cli.analysis.panels import Curve, Drawing, Limits, Panel
from trainviz_cli.analysis.scales import (
    Scale,
    hidden,
    is_flattened,
    robust_ends,
    x_scale,
    y_scale,
)
from trainviz_cli.errors import UsageError
from trainviz_cli.model.series import View

FINITE = st.floats(-1e100, 1e100)


def panel(
    *curves: Sequence[float],
    drawing: Drawing | None = None,
    x: Sequence[float] | None = None,
    axis: str = "step",
    smooth: Sequence[float] | None = None,
) -> Panel:
    """A chart of these values at the steps 0, 1, 2, ... or at these places."""
    lines = []
    for number, curve in enumerate(curves):
        y = np.array(curve, np.float64)
        steps = np.arange(len(y))
        view = View(axis, steps if x is None else np.array(x), y, steps, (0,))
        smoothed = None if smooth is None else np.array(smooth)
        lines.append(Curve(f"run{number}", "loss", f"run{number}", number, view, smoothed))
    return Panel("loss", axis, tuple(lines), drawing or Drawing())


def y_ends(*curves: Sequence[float], drawing: Drawing | None = None) -> tuple[float, float]:
    """Ends of the y axis of a chart of these values."""
    chart = panel(*curves, drawing=drawing)
    scale = y_scale(chart, x_scale(chart))
    return scale.low, scale.high


@pytest.mark.parametrize(
    ("scale", "values", "places"),
    [
        (Scale(0, 10), [0, 5, 10], [0, 0.5, 1]),
        (Scale(-3, -1), [-3, -2.5, -1], [0, 0.25, 1]),
        (Scale(1, 100, log=True), [1, 10, 100], [0, 0.5, 1]),
        (Scale(1e-300, 1e300, log=True), [1e-300, 1, 1e300], [0, 0.5, 1]),
        (Scale(-1.7e308, 1.7e308), [-1.7e308, 0, 1.7e308], [0, 0.5, 1]),
        (Scale(0, 5e-324), [0, 5e-324], [0, 1]),
        (Scale(0, 1.5e-323), [0, 5e-324, 1.5e-323], [0, 1 / 3, 1]),
        (Scale(5e-324, 1.7e308, log=True), [5e-324, 1.7e308], [0, 1]),
        (Scale(2.0**62, 2.0**62 + 2**12), [2.0**62, 2.0**62 + 2**11], [0, 0.5]),
    ],
)
def test_positions(scale: Scale, values: list[float], places: list[float]) -> None:
    """0 at the low end, 1 at the high end, even between them, by value or by magnitude."""
    np.testing.assert_allclose(scale.positions(np.array(values)), places, atol=1e-12)


@settings(deadline=None)
@given(
    ends=st.lists(FINITE, min_size=2, max_size=2)
    .map(sorted)
    .filter(lambda ends: ends[1] - ends[0] > 1e-290),
    values=st.lists(FINITE, min_size=1, max_size=50).map(sorted),
)
def test_positions_keep_the_order(ends: list[float], values: list[float]) -> None:
    """A larger value is never lower on the chart, and inside is inside."""
    places = Scale(*ends).positions(np.array(values))
    assert (np.diff(places) >= 0).all()
    for value, place in zip(values, places.tolist(), strict=True):
        assert (0 <= place <= 1) == (ends[0] <= value <= ends[1]) or math.isclose(
            place, round(place), abs_tol=1e-9
        )


@settings(deadline=None)
@given(
    ends=st.lists(st.floats(1e-300, 1e300), min_size=2, max_size=2, unique=True).map(sorted),
    values=st.lists(st.floats(1e-300, 1e300), min_size=1, max_size=50).map(sorted),
)
def test_logarithmic_positions_keep_the_order(ends: list[float], values: list[float]) -> None:
    """A larger value is never lower on a logarithmic chart either."""
    if math.log10(ends[0]) < math.log10(ends[1]):
        assert (np.diff(Scale(*ends, log=True).positions(np.array(values))) >= 0).all()


@pytest.mark.parametrize("log", [False, True])
def test_what_is_not_finite_has_no_position(log: bool) -> None:  # noqa: FBT001 - a parameter
    """NaN and the infinities lie nowhere, and nothing warns."""
    places = Scale(1, 10, log=log).positions(np.array([math.nan, math.inf, -math.inf]))
    assert np.isnan(places).all()


def test_zero_and_below_have_no_place_on_a_logarithmic_axis() -> None:
    """What has no logarithm lies nowhere."""
    places = Scale(1, 10, log=True).positions(np.array([0.0, -0.0, -1.0, 5e-324]))
    assert np.isnan(places[:3]).all()
    assert places[3] < 0


def test_far_outside_is_outside_by_a_number_that_can_be_drawn() -> None:
    """A value far beyond the ends has a finite position on its side."""
    places = Scale(0, 1e-300).positions(np.array([-1e308, 1e308]))
    assert np.isfinite(places).all()
    assert places[0] < 0
    assert places[1] > 1


def test_integers_have_positions() -> None:
    """Steps come as integers."""
    assert Scale(0, 4).positions(np.array([0, 1, 4])).tolist() == [0, 0.25, 1]


@pytest.mark.parametrize(
    ("scale", "labels"),
    [
        (Scale(0, 3000), {"0", "1000"}),
        (Scale(0, 2, kind="whole"), {"0", "1", "2"}),
        (Scale(1, 1000, log=True), {"1", "10", "100", "1000"}),
        (Scale(1, 1000, log=True, kind="relative"), {"1", "10", "100", "1000"}),
        (Scale(0, 7200, kind="relative"), {"0m", "30m", "1h00m", "1h30m", "2h00m"}),
    ],
)
def test_ticks_follow_the_kind_of_axis(scale: Scale, labels: set[str]) -> None:
    """Numbers, counts, magnitudes and durations have ticks of their own."""
    assert labels <= {tick.label for tick in scale.ticks(5)}


def test_time_axis_has_times() -> None:
    """An axis of wall time has clock times on it."""
    assert all(":" in tick.label for tick in Scale(1.7e9, 1.7e9 + 3600, kind="time").ticks(5))


def test_a_count_has_no_tick_between_whole_numbers() -> None:
    """Three steps have three ticks, not 0.5 of a step."""
    labels = [tick.label for tick in Scale(0, 2, kind="whole").ticks(9)]
    assert labels == ["0", "1", "2"]


def test_x_axis_shows_every_sample() -> None:
    """The axis goes from the first to the last sample of any curve, NaN left out."""
    scale = x_scale(panel([1, 2, 3], [1, 2, 3, 4]))
    assert (scale.low, scale.high, scale.log) == (0, 3, False)
    assert x_scale(panel([1, 2, 3], x=[math.nan, 5.0, 9.0])).low == 5


@pytest.mark.parametrize(
    ("axis", "x", "kind"),
    [
        ("step", [0, 1, 2], "whole"),
        ("epoch", [0.0, 0.5, 1.0], "number"),
        ("time", [1.7e9, 1.7e9 + 1, 1.7e9 + 2], "time"),
        ("relative", [0.0, 1.0, 2.0], "relative"),
        ("lr", [0.1, 0.2, 0.3], "number"),
    ],
)
def test_x_axis_knows_what_it_counts(axis: str, x: list[float], kind: str) -> None:
    """The kind of the axis decides how its ticks are written."""
    assert x_scale(panel([1, 2, 3], x=x, axis=axis)).kind == kind


@pytest.mark.parametrize(
    ("limits", "ends"),
    [
        (Limits(2, 4), (2, 4)),
        (Limits(low=2), (2, 9)),
        (Limits(high=4), (0, 4)),
        (Limits(-5, 50), (-5, 50)),
    ],
)
def test_xlim(limits: Limits, ends: tuple[float, float]) -> None:
    """`--xlim` is obeyed at each end that it names."""
    scale = x_scale(panel(range(10), drawing=Drawing(xlim=limits)))
    assert (scale.low, scale.high) == ends


def test_y_axis_has_room_around_the_data() -> None:
    """All finite values are inside with a margin, NaN and infinities left out."""
    assert y_ends([0, 1, math.nan, math.inf], [-math.inf, 2]) == pytest.approx((-0.06, 2.06))


@pytest.mark.parametrize(
    ("limits", "ends"),
    [
        (Limits(0, 5), (0, 5)),
        (Limits(low=0), (0, 10.3)),
        (Limits(high=5), (-0.15, 5)),
        (Limits(3, 3), (1.5, 4.5)),
        (Limits(low=20), (10, 30)),
        (Limits(high=-20), (-30, -10)),
    ],
)
def test_ylim(limits: Limits, ends: tuple[float, float]) -> None:
    """`--ylim` is obeyed exactly; an end beyond the data still leaves an axis."""
    assert y_ends([0, 10], drawing=Drawing(ylim=limits)) == pytest.approx(ends)


@pytest.mark.parametrize("limits", [Limits(low=0), Limits(high=-1), Limits(0, 10)])
def test_limits_at_zero_are_a_usage_error_on_a_logarithmic_axis(limits: Limits) -> None:
    """0 is infinitely far down, and the error says so."""
    with pytest.raises(UsageError, match="above 0"):
        y_ends([1, 10], drawing=Drawing(log_y=True, ylim=limits))


def test_limits_win_over_robust() -> None:
    """`--ylim` decides, whatever `--robust` would have left out."""
    drawing = Drawing(ylim=Limits(-7, 7e7), robust=True)
    assert y_ends([*range(99), 1e6], drawing=drawing) == (-7, 7e7)


def test_y_axis_follows_what_is_in_sight() -> None:
    """With `--xlim` the y axis fits the samples between those ends, ends included."""
    drawing = Drawing(xlim=Limits(2, 4))
    assert y_ends([900, 800, 3, 5, 4, 700], drawing=drawing) == pytest.approx((2.94, 5.06))


def test_smoothed_values_count() -> None:
    """A smoothed curve is inside the axis like the raw one."""
    chart = panel([0, 10], smooth=[-1, 11])
    scale = y_scale(chart, x_scale(chart))
    assert scale.low < -1
    assert scale.high > 11


@pytest.mark.parametrize(
    ("values", "ends"),
    [
        ([], (-0.03, 1.03)),
        ([math.nan, math.inf], (-0.03, 1.03)),
        ([4], (2, 6)),
        ([-4, -4], (-6, -2)),
        ([0, 0, 0], (-0.5, 0.5)),
        ([2.0**62] * 2, (2.0**61, 1.5 * 2.0**62)),
    ],
)
def test_nothing_and_constants_have_an_axis(values: list[float], ends: tuple[float, float]) -> None:
    """A constant lies in the middle, and an empty chart has an axis too."""
    assert y_ends(values) == pytest.approx(ends)


@pytest.mark.parametrize(
    ("values", "ends"),
    [
        ([1, 1000, 0, -5, math.nan], (1, 1000)),
        ([0, -1], (1, 10)),
        ([], (1, 10)),
        ([10, 10], (5, 20)),
        ([10, 10, 0], (5, 20)),
    ],
)
def test_logarithmic_y_axis(values: list[float], ends: tuple[float, float]) -> None:
    """It spans the values above 0, and there is one without any."""
    assert y_ends(values, drawing=Drawing(log_y=True)) == pytest.approx(ends)


def test_logarithmic_x_axis_leaves_step_zero_out() -> None:
    """Step 0 has no place on it and does not stretch it."""
    scale = x_scale(panel(range(101), drawing=Drawing(log_x=True)))
    assert (scale.low, scale.high, scale.log) == (1, 100, True)


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("robust", [False, True])
@pytest.mark.parametrize(
    "values",
    [
        [1.7e308] * 20,
        [-1.7e308] * 20,
        [1.7e308, -1.7e308] * 10,
        [0.0, 5e-324] * 10,
        [5e-324] * 20,
        [5e-324, 1.7e308] * 10,
        [2.0**62, 2.0**62 + 1024] * 10,
        [0.0] * 200 + [5.0],
        [-1.0] * 200 + [5.0],
        [-1.0, 0.0] * 100 + [5.0],
    ],
    ids=(
        "huge -huge huge-both-ways zero-and-tiny tiny tiny-and-huge large-integers "
        "mostly-0 mostly-negative mostly-not-positive"
    ).split(),
)
def test_every_curve_has_a_finite_axis(
    values: list[float],
    robust: bool,  # noqa: FBT001 - a parameter
    log: bool,  # noqa: FBT001 - a parameter
) -> None:
    """Ends are finite and apart, ticks and remarks can be made, and nothing raises or warns."""
    chart = panel(values, drawing=Drawing(robust=robust, log_y=log))
    x = x_scale(chart)
    y = y_scale(chart, x)
    assert math.isfinite(y.low)
    assert math.isfinite(y.high)
    assert (0 if log else -math.inf) < y.low < y.high
    assert y.positions(np.array([y.low, y.high])).tolist() == [0, 1]
    assert y.ticks(5)
    is_flattened(chart)
    hidden(chart, x, y)


@settings(deadline=None)
@given(
    values=st.lists(
        st.integers(-(10**12), 10**12).map(lambda number: number / 1000)
        | st.sampled_from([math.nan, math.inf]),
        min_size=1,
        max_size=60,
    )
)
def test_every_finite_value_is_inside(values: list[float]) -> None:
    """Unless something was asked for, the chart hides nothing, and says so."""
    chart = panel(values)
    x = x_scale(chart)
    y = y_scale(chart, x)
    finite = np.array([value for value in values if math.isfinite(value)])
    places = y.positions(finite)
    assert ((places >= 0) & (places <= 1)).all()
    assert hidden(chart, x, y) == []


def test_robust_ends_leave_an_outlier_out() -> None:
    """One spike in a thousand values is off the scale; all the others stay on it."""
    values = np.random.default_rng(0).uniform(0, 1, 1000)
    spiked = np.append(values, [1e6, math.nan, -math.inf])
    assert robust_ends(spiked) == (values.min(), values.max())


@pytest.mark.parametrize("count", [20, 50, 100, 5000])
def test_one_outlier_is_left_out_of_a_curve_of_any_length(count: int) -> None:
    """A first loss gone wild is an outlier among twenty values as among thousands."""
    values = np.append(np.linspace(0, 1, count - 1), 1e6)
    assert robust_ends(values) == (0, 1)


def test_robust_ends_hide_nothing_from_even_data() -> None:
    """The most extreme one percent is kept where it lies near the rest."""
    assert robust_ends(np.arange(1000.0)) == (0, 999)


def test_robust_ends_need_ten_values() -> None:
    """Too few values have no outliers."""
    assert robust_ends(np.array([0.0] * 8 + [1e6])) is None
    assert robust_ends(np.array([0.0] * 9 + [1e6, math.nan])) is not None


def test_robust_y_axis_and_what_it_hides() -> None:
    """The axis fits the bulk, and one line says how much is off it, how far, and where."""
    values = [*np.linspace(0, 1, 500).tolist(), 50, 1e6, -30]
    chart = panel(values, drawing=Drawing(robust=True))
    x = x_scale(chart)
    y = y_scale(chart, x)
    assert (y.low, y.high) == pytest.approx((-0.03, 1.03))
    assert hidden(chart, x, y) == [
        "2 above the scale, as far as 1M at step 501",
        "1 below the scale, as far as -30 at step 502",
    ]


def test_a_squeezed_chart_is_flattened() -> None:
    """A spike that squeezes the rest is noticed, also out of a constant; noise and none are not."""
    bulk = np.random.default_rng(0).uniform(0, 1, 500).tolist()
    assert is_flattened(panel([*bulk, 1e3]))
    assert is_flattened(panel([*[0.1] * 30, 5]))
    assert not is_flattened(panel([0.1] * 30))
    assert not is_flattened(panel(bulk))
    assert not is_flattened(panel([1, 1, 1e3]))
    assert not is_flattened(panel([math.nan] * 30))


@pytest.mark.parametrize(
    "drawing",
    [
        Drawing(robust=True),
        Drawing(log_y=True),
        Drawing(ylim=Limits(0, 1e4)),
        Drawing(xlim=Limits(0, 400)),
    ],
)
def test_a_chart_drawn_as_asked_is_not_flattened(drawing: Drawing) -> None:
    """Where the scale was chosen, or the spike is out of sight, there is nothing to offer."""
    bulk = np.random.default_rng(0).uniform(0, 1, 500).tolist()
    assert not is_flattened(panel([*bulk, 1e3], drawing=drawing))


def test_hidden_names_the_curve_where_there_are_several() -> None:
    """With several curves, each line says whose values they are."""
    chart = panel([1, 2], [1, 99])
    assert hidden(chart, Scale(0, 1), Scale(0, 10)) == [
        "run1: 1 above the scale, as far as 99 at step 1"
    ]


def test_hidden_counts_only_what_is_in_sight() -> None:
    """What `--xlim` cuts off sideways is no secret of the y axis."""
    chart = panel([99, 1, 2, 98])
    assert hidden(chart, Scale(1, 2), Scale(0, 10)) == []


def test_hidden_on_a_logarithmic_axis() -> None:
    """Values that have no logarithm are counted by themselves, not as below the scale."""
    chart = panel([0, -1, 0.001, 1, 10, math.nan])
    assert hidden(chart, Scale(0, 5), Scale(0.1, 10, log=True)) == [
        "2 of 6 not above 0, so not on a logarithmic axis",
        "1 below the scale, as far as 0.001 at step 2",
    ]


def test_hidden_does_not_count_what_is_not_finite() -> None:
    """NaN and infinities have their own mark on a chart."""
    chart = panel([math.nan, math.inf, -math.inf, 5])
    assert hidden(chart, Scale(0, 3), Scale(0, 10)) == []


def test_hidden_says_every_digit_of_the_step() -> None:
    """Step 1,234,567 is named so that it can be found."""
    steps = np.array([1_234_566, 1_234_567])
    view = View("step", steps, np.array([1.0, 99.0]), steps, (0,))
    chart = Panel("loss", "step", (Curve("run", "loss", "run", 0, view),), Drawing())
    line = hidden(chart, Scale(0, 2e6), Scale(0, 10))[0]
    assert line.endswith("at step 1234567")


@given(
    ends=st.tuples(st.floats(-1e300, 1e300), st.floats(-1e300, 1e300)),
    place=st.floats(-1, 2),
    log=st.booleans(),
)
@example(ends=(sys.float_info.min, sys.float_info.max), place=1.0, log=True)
@example(ends=(sys.float_info.min, 1.0), place=0.0, log=True)
@example(ends=(-sys.float_info.max, sys.float_info.max), place=0.5, log=False)
def test_the_value_at_a_place_has_that_place(
    ends: tuple[float, float],
    place: float,
    log: bool,  # noqa: FBT001 - a parameter
) -> None:
    """Which is what positions and value_at mean, as far as floats go; never an error."""
    low, high = sorted(max(abs(end), 1e-300) for end in ends) if log else sorted(ends)
    assume(math.log10(high) - math.log10(low) > 1e-3 if log else high / 2 - low / 2 > 1e-6 * high)
    assume(log or high - low > 1e-300)
    scale = Scale(low, high, log=log)
    value = scale.value_at(place)
    again = float(scale.positions(np.array([value]))[0])
    is_within = 0 <= place <= 1
    assert not is_within or again == pytest.approx(place, abs=1e-4)
    assert value > 0 or not log
    assert scale.value_at(0) == pytest.approx(low, rel=1e-9)
    assert scale.value_at(1) == pytest.approx(high, rel=2e-2 if high > 1e308 else 1e-9)

"""Smoothing, against loops written from the definitions."""

import math
import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainviz_cli.analysis.smoothing import Smoothing
from trainviz_cli.errors import UsageError


def ema(values: list[float], weight: float) -> list[float]:
    """An exponential moving average that starts at 0 and is divided by the weight it holds."""
    mean, held, smoothed = 0.0, 0.0, []
    for value in values:
        mean = weight * mean + (1 - weight) * value
        held = weight * held + (1 - weight)
        smoothed.append(mean / held)
    return smoothed


def mean(values: list[float], amount: float) -> list[float]:
    """The mean of the last samples, of fewer at the start."""
    n = int(amount)
    return [statistics.fmean(values[max(0, i + 1 - n) : i + 1]) for i in range(len(values))]


def median(values: list[float], amount: float) -> list[float]:
    """The median of the last samples, of fewer at the start."""
    n = int(amount)
    return [statistics.median(values[max(0, i + 1 - n) : i + 1]) for i in range(len(values))]


def gauss(values: list[float], sigma: float) -> list[float]:
    """The mean of all samples, weighted by a Gaussian of their distance, cut off nowhere."""
    smoothed = []
    for i in range(len(values)):
        weights = [math.exp(-0.5 * ((i - j) / sigma) ** 2) for j in range(len(values))]
        products = [weight * value for weight, value in zip(weights, values, strict=True)]
        smoothed.append(math.fsum(products) / math.fsum(weights))
    return smoothed


ORACLES = {"ema": ema, "mean": mean, "median": median, "gauss": gauss}
SMOOTHINGS = (
    st.builds(Smoothing, st.just("ema"), st.floats(0.01, 0.999))
    | st.builds(Smoothing, st.sampled_from(["mean", "median"]), st.integers(1, 12).map(float))
    | st.builds(Smoothing, st.just("gauss"), st.floats(0.1, 8))
)
NUMBERS = st.floats(-1000, 1000)
PIECES = st.lists(
    st.lists(NUMBERS | st.sampled_from([math.nan, math.inf, -math.inf]), min_size=1, max_size=30),
    min_size=1,
    max_size=4,
)


def expected(smoothing: Smoothing, pieces: list[list[float]]) -> list[float]:
    """What a curve of these pieces should become, with NaN where a value is not finite."""
    smoothed = []
    for piece in pieces:
        known = [value for value in piece if math.isfinite(value)]
        answers = iter(ORACLES[smoothing.kind](known, smoothing.amount))
        smoothed += [next(answers) if math.isfinite(value) else math.nan for value in piece]
    return smoothed


@settings(deadline=None)
@given(smoothing=SMOOTHINGS, pieces=PIECES)
def test_each_kind_is_its_definition(smoothing: Smoothing, pieces: list[list[float]]) -> None:
    """Every piece is smoothed by itself, over its finite values, as the definition says."""
    values = np.array([value for piece in pieces for value in piece])
    starts = np.cumsum([0, *map(len, pieces[:-1])])
    smooth = smoothing.apply(values, tuple(starts.tolist()))
    # A Gaussian is cut off where 1 part in 15,000 is left.
    tolerance = 0.3 if smoothing.kind == "gauss" else 1e-7
    np.testing.assert_allclose(smooth, expected(smoothing, pieces), rtol=0, atol=tolerance)


@pytest.mark.parametrize("count", [1, 2, 255, 256, 257, 512, 700])
@pytest.mark.parametrize("weight", [0.001, 0.9, 0.999])
def test_ema_of_any_length(count: int, weight: float) -> None:
    """The average carries on over the inner blocks, whatever the length."""
    values = np.random.default_rng(count).normal(3, 1, count)
    smooth = Smoothing("ema", weight).apply(values)
    np.testing.assert_allclose(smooth, ema(values.tolist(), weight), rtol=1e-10)


def test_ema_starts_at_the_first_value() -> None:
    """There is no pull towards 0 at the start."""
    smooth = Smoothing("ema", 0.5).apply(np.array([4.0, 1.0]))
    np.testing.assert_allclose(smooth, [4.0, 2.0])


def test_long_median_is_seamless() -> None:
    """A wide window over more samples than one block holds has the right median everywhere."""
    values = np.random.default_rng(0).normal(size=4000)
    smooth = Smoothing("median", 1000).apply(values)
    for last in (0, 1, 998, 999, 1000, 2046, 2047, 2048, 3094, 3095, 3096, 3999):
        window = values[max(0, last - 999) : last + 1].tolist()
        assert smooth[last] == statistics.median(window), last


def test_gauss_is_cut_off_only_where_nothing_is_left() -> None:
    """A lone spike spreads as the textbook's Gaussian does, out to three deviations."""
    values = np.zeros(101)
    values[50] = 1.0
    smooth = Smoothing("gauss", 5).apply(values)
    offsets = np.arange(-15, 16)
    density = np.exp(-0.5 * (offsets / 5) ** 2) / (5 * math.sqrt(2 * math.pi))
    np.testing.assert_allclose(smooth[50 + offsets], density, rtol=1e-3)


def test_gauss_counts_distance_in_samples_and_looks_both_ways() -> None:
    """The smoothed curve of a mirrored curve is the mirrored smoothed curve."""
    values = np.random.default_rng(1).normal(size=50)
    smoothing = Smoothing("gauss", 3)
    np.testing.assert_allclose(smoothing.apply(values[::-1]), smoothing.apply(values)[::-1])


@pytest.mark.parametrize("text", ["ema:0.9", "mean:20", "median:20", "gauss:5"])
def test_a_window_wider_than_the_curve_is_no_error(text: str) -> None:
    """One sample is its own smoothed value, and no samples are none."""
    smoothing = Smoothing.parse(text)
    np.testing.assert_allclose(smoothing.apply(np.array([7.5])), [7.5])
    assert len(smoothing.apply(np.empty(0))) == 0


@pytest.mark.parametrize("text", ["ema:0.9", "mean:3", "median:3", "gauss:2"])
def test_nothing_finite_stays_nothing(text: str) -> None:
    """A piece of NaN and infinities alone is all gap, and the next piece does not notice."""
    values = np.array([math.nan, math.inf, -math.inf, 2.0, 2.0])
    smooth = Smoothing.parse(text).apply(values, (0, 3))
    assert np.isnan(smooth[:3]).all()
    np.testing.assert_allclose(smooth[3:], 2.0)


@pytest.mark.parametrize("text", ["ema:0.9", "mean:3", "median:3", "gauss:2"])
def test_input_is_left_alone(text: str) -> None:
    """Integers are smoothed as numbers, and the samples themselves do not change."""
    values = np.array([1, 2, 4, 8], np.int64)
    smooth = Smoothing.parse(text).apply(values)
    assert smooth.dtype == np.float64
    assert values.tolist() == [1, 2, 4, 8]


@pytest.mark.parametrize(
    "text",
    ["ema:0.9", "ema:0.999999", "ema:0.9999999999", "mean:20", "median:20", "gauss:5", "gauss:0.1"],
)
def test_a_constant_stays_constant(text: str) -> None:
    """Smoothing a flat curve does not bend it, however long the memory is."""
    smooth = Smoothing.parse(text).apply(np.full(1000, 3.0))
    np.testing.assert_allclose(smooth, 3.0, rtol=1e-9)


@pytest.mark.parametrize("text", ["mean:2", "median:3"])
def test_a_spike_is_forgotten_when_it_leaves_the_window(text: str) -> None:
    """One diverged value does not spoil the digits of what comes after its window."""
    smooth = Smoothing.parse(text).apply(np.array([1e17, 1.0, 1.0, 1.0, 1.0]))
    assert smooth[3:].tolist() == [1.0, 1.0]


@pytest.mark.parametrize("text", ["ema:0.9", "mean:2", "median:2", "gauss:2"])
@pytest.mark.parametrize(
    "values",
    [[1e308] * 40, [-1.7e308, 1.7e308] * 20, [5e-324] * 40, [0.0] * 40, [2.0**62] * 40],
    ids=["huge", "alternating", "tiny", "zero", "integers"],
)
def test_extreme_values_stay_between_their_extremes(text: str, values: list[float]) -> None:
    """An average lies between the smallest and the largest value, up to the largest floats."""
    smooth = Smoothing.parse(text).apply(np.array(values))
    slack = 1e-9 * max(map(abs, values))
    assert (smooth >= min(values) - slack).all()
    assert (smooth <= max(values) + slack).all()


def test_a_very_narrow_gaussian_changes_nothing() -> None:
    """A Gaussian far narrower than a sample leaves the curve as it is."""
    smooth = Smoothing.parse("gauss:1e-200").apply(np.array([1.0, 5.0, 2.0]))
    assert smooth.tolist() == [1.0, 5.0, 2.0]


@pytest.mark.parametrize(
    ("text", "smoothing", "label"),
    [
        ("ema:0.9", Smoothing("ema", 0.9), "EMA 0.9"),
        ("mean:20", Smoothing("mean", 20), "mean of the last 20"),
        ("median:1", Smoothing("median", 1), "median of the last 1"),
        ("median:1000", Smoothing("median", 1000), "median of the last 1000"),
        ("gauss:0.5", Smoothing("gauss", 0.5), "Gaussian, σ 0.5 samples"),
        ("gauss:1000", Smoothing("gauss", 1000), "Gaussian, σ 1000 samples"),
    ],
)
def test_parse_and_label(text: str, smoothing: Smoothing, label: str) -> None:
    """Each kind is read from the command line, and the legend says what it is."""
    assert Smoothing.parse(text) == smoothing
    assert smoothing.label == label


@pytest.mark.parametrize(
    "text",
    ["", "ema", "ema:", "ema:x", "0.9", "box:3", "EMA:0.9", "ema:0.9:1", "mean:20 samples"],
)
def test_unreadable_smoothing_is_a_usage_error(text: str) -> None:
    """What is no `kind:number` is refused, and the hint shows what is."""
    with pytest.raises(UsageError) as raised:
        Smoothing.parse(text)
    assert raised.value.hint == "ema:0.9, median:20, mean:20 or gauss:5"


@pytest.mark.parametrize("kind", ["ema", "mean", "median", "gauss"])
@pytest.mark.parametrize("amount", ["0", "-1", "nan", "inf", "-inf", "1e400", "1e10"])
def test_no_kind_takes_such_an_amount(kind: str, amount: str) -> None:
    """No window is empty, negative, infinite or not a number."""
    with pytest.raises(UsageError):
        Smoothing.parse(f"{kind}:{amount}")


@pytest.mark.parametrize(
    "text", ["ema:1", "ema:1.5", "mean:2.5", "median:0.5", "median:1001", "gauss:1000.5"]
)
def test_amount_out_of_the_range_of_its_kind(text: str) -> None:
    """A weight is below 1, a window a whole number, and what costs time is bounded."""
    with pytest.raises(UsageError):
        Smoothing.parse(text)


def test_a_mean_over_a_long_window() -> None:
    """Windows too long to add up one by one give the same means, by a running sum."""
    values = np.cos(np.arange(3000) / 7) + 1e6
    smooth = Smoothing.parse("mean:1500").apply(values)
    expected = [values[max(0, i - 1499) : i + 1].mean() for i in range(len(values))]
    np.testing.assert_allclose(smooth, expected, rtol=1e-13)

"""Ticks: round, inside the axis, and labelled so that neighbours can be told apart."""

import math
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from trainviz_cli.analysis.ticks import (
    Tick,
    duration_ticks,
    log_ticks,
    number_ticks,
    time_ticks,
)
from trainviz_cli.model.numbers import plain, short

UNITS = {"k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
SECONDS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
MOST = st.integers(2, 14)
LENGTHS = st.floats(1.3, 7).map(lambda power: 10.0**power)
CLOCK_FORMATS = (
    *("%H:%M", "%H:%M:%S", "%m-%d", "%Y-%m-%d", "%Y-%m"),
    *("%m-%d %H:%M", "%m-%d %H:%M:%S"),
)
# Central Europe, written so that no time zone database is needed.
BERLIN = "CET-1CEST,M3.5.0,M10.5.0/3"


def parsed(label: str) -> float:
    """The number that a label says."""
    unit = UNITS.get(label[-1], 1.0)
    return float(label.rstrip("kMGT")) * unit


def seconds(label: str) -> int:
    """The duration that a label says."""
    total, digits = 0, ""
    for sign in label:
        if sign in SECONDS:
            total, digits = total + int(digits) * SECONDS[sign], ""
        else:
            digits += sign
    assert not digits, label
    return total


def assert_in_order(ticks: list[Tick], low: float, high: float) -> None:
    """The ticks ascend, lie in the range, and no two have the same label."""
    values = [tick.value for tick in ticks]
    slack = 1e-8 * (high / 2 - low / 2)
    assert all(math.isfinite(value) and low - slack <= value <= high + slack for value in values)
    assert values == sorted(set(values))
    assert len({tick.label for tick in ticks}) == len(ticks)


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Local time is that of Berlin."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", BERLIN)
        time.tzset()
        yield
    time.tzset()


def unix(text: str) -> float:
    """Unix seconds of a local time."""
    return time.mktime(time.strptime(text, "%Y-%m-%d %H:%M"))


RANGES = st.tuples(
    st.floats(-10, 10), st.floats(1, 9.99), st.integers(-200, 200), st.integers(0, 12)
).map(lambda drawn: (drawn[0] * 10.0 ** drawn[2], (drawn[0] + drawn[1]) * 10.0 ** drawn[2]))


@settings(deadline=None)
@given(ends=RANGES, most=MOST)
@example(ends=(0.0, 1.0), most=11)
@example(ends=(-0.3, 0.3), most=7)
def test_number_ticks_are_round_and_in_order(ends: tuple[float, float], most: int) -> None:
    """About so many, inside, ascending, evenly spaced by 1, 2 or 5 × 10ⁿ, labels distinct."""
    ticks = number_ticks(*ends, most)
    assert 1 <= len(ticks) <= max(most + 1, 6)
    assert_in_order(ticks, *ends)
    if len(ticks) > 1:
        step = (ticks[-1].value - ticks[0].value) / (len(ticks) - 1)
        assert f"{step:.6e}"[0] in "125"
        assert float(f"{step:.0e}") == pytest.approx(step, rel=1e-6)
        for tick in ticks:
            assert tick.value / step == pytest.approx(round(tick.value / step), abs=1e-6)


@settings(deadline=None)
@given(ends=RANGES, most=MOST)
def test_number_labels_say_their_value(ends: tuple[float, float], most: int) -> None:
    """A label read back is nearer to its tick than half a step."""
    ticks = number_ticks(*ends, most)
    assume(len(ticks) > 1)
    step = ticks[1].value - ticks[0].value
    for tick in ticks:
        assert abs(parsed(tick.label) - tick.value) < step / 2, tick


@settings(deadline=None)
@given(ends=RANGES, most=MOST)
def test_number_ticks_use_the_room(ends: tuple[float, float], most: int) -> None:
    """The ticks leave no more empty axis than the next coarser round step would."""
    ticks = number_ticks(*ends, most)
    assume(len(ticks) > 1)
    step = ticks[1].value - ticks[0].value
    assert step <= 2.5 * (ends[1] - ends[0]) / (most - 1) * (1 + 1e-6)
    assert ticks[0].value - ends[0] < step * (1 + 1e-6)
    assert ends[1] - ticks[-1].value < step * (1 + 1e-6)


@pytest.mark.parametrize(
    ("low", "high", "most", "labels"),
    [
        (0, 1, 11, "0.0 0.1 0.2 0.3 0.4 0.5 0.6 0.7 0.8 0.9 1.0"),
        (0, 10, 6, "0 2 4 6 8 10"),
        (0, 1, 5, "0.0 1.0"),
        (0, 1000, 3, "0 500 1000"),
        (0, 12345, 5, "0 10k"),
        (0, 2.5e6, 6, "0.0 0.5M 1.0M 1.5M 2.0M 2.5M"),
        (123_456, 123_460, 5, "123.456k 123.460k"),
        (0, 1e-5, 3, "0 5e-6 1e-5"),
        (0, 3e15, 4, "0 1e15 2e15 3e15"),
    ],
)
def test_number_labels(low: float, high: float, most: int, labels: str) -> None:
    """Labels of one axis have one unit and as many digits as the step; these are among them."""
    assert set(labels.split()) <= {tick.label for tick in number_ticks(low, high, most)}


@settings(deadline=None)
@given(low=st.integers(-(10**6), 10**6), length=st.integers(1, 10**6), most=MOST)
def test_counts_have_whole_ticks(low: int, length: int, most: int) -> None:
    """Where nothing lies between two whole numbers, no tick does, and no label has a fraction."""
    ticks = number_ticks(low, low + length, most, finest=1.0)
    assert 1 <= len(ticks) <= max(most + 1, 6)
    assert all(tick.value == int(tick.value) for tick in ticks)
    assert_in_order(ticks, low, low + length)


def test_no_label_is_minus_zero() -> None:
    """The zero of an axis is `0`, wherever the axis begins."""
    labels = [tick.label for tick in number_ticks(-0.3, 0.3, 7)]
    assert labels == ["-0.3", "-0.2", "-0.1", "0.0", "0.1", "0.2", "0.3"]


@pytest.mark.parametrize(
    ("low", "high", "most"),
    [(0, 12345, 2), (0.0123, 0.0127, 2), (-3, 7, 2), (-24, -16.9, 3), (-4728, 4276, 4)],
)
def test_an_axis_has_two_ticks_at_least(low: float, high: float, most: int) -> None:
    """One tick alone says nothing of the distance, so there are two, also in a small chart."""
    assert len(number_ticks(low, high, most)) >= 2


@pytest.mark.parametrize(
    ("low", "high"),
    [
        (1e-4, 1.001e-4),
        (1e15, 1e15 + 4),
        (2.0**62, 2.0**62 + 2**12),
        (1e300, 1.0000001e300),
        (1e9, 1e9 + 1),
        (1, 1 + 1e-12),
    ],
)
def test_labels_tell_neighbours_of_a_narrow_range_apart(low: float, high: float) -> None:
    """Far from 0 and close together, ticks still have labels of their own."""
    ticks = number_ticks(low, high, 5)
    assert len({tick.label for tick in ticks}) == len(ticks), ticks


@pytest.mark.parametrize(
    ("low", "high"),
    [
        (-1e308, 1e308),
        (-1.7e308, 1.7e308),
        (-1e308, 0),
        (0, 1.7e308),
        (0, 5e-324),
        (0, 1e-320),
        (5e-324, 1e-323),
        (-1e-310, 1e-310),
        (1, math.nextafter(1, 2)),
        (2.0**62, 2.0**62 + 2**12),
    ],
)
@pytest.mark.parametrize("most", [2, 5])
def test_number_ticks_of_extreme_ranges(low: float, high: float, most: int) -> None:
    """Any two floats make an axis: no exception, and something is written on it."""
    ticks = number_ticks(low, high, most)
    assert ticks
    values = [tick.value for tick in ticks]
    assert all(low <= value <= high for value in values)
    assert values == sorted(set(values))


@pytest.mark.parametrize("most", [2, 5, 10])
def test_the_widest_range_has_two_ticks(most: int) -> None:
    """A range so wide that its length overflows still has a step."""
    assert len(number_ticks(-1e308, 1e308, most)) >= 2


LOG_RANGES = st.tuples(st.floats(-300, 290), st.floats(0.05, 17)).map(
    lambda drawn: (10.0 ** drawn[0], 10.0 ** (drawn[0] + drawn[1]))
)


@settings(deadline=None)
@given(ends=LOG_RANGES, most=st.integers(5, 10))
@example(ends=(1.0, 10.0), most=5)
@example(ends=(1e-3, 1e3), most=5)
def test_log_ticks_are_in_order(ends: tuple[float, float], most: int) -> None:
    """Two to about so many, inside, ascending, and their labels read back are the values."""
    ticks = log_ticks(*ends, most)
    assert 2 <= len(ticks) <= most + 1
    assert_in_order(ticks, *ends)
    for tick in ticks:
        assert parsed(tick.label) == pytest.approx(tick.value, rel=0.01)


@settings(deadline=None)
@given(ends=LOG_RANGES, most=st.integers(5, 10))
def test_log_ticks_over_decades_are_evenly_spaced_powers(
    ends: tuple[float, float], most: int
) -> None:
    """From two decades on, every tick is a power of ten, and the powers are evenly spaced."""
    assume(ends[1] / ends[0] >= 1000)
    powers = [math.log10(tick.value) for tick in log_ticks(*ends, most)]
    assert powers == pytest.approx([round(power) for power in powers], abs=1e-9)
    assert len({round(b - a) for a, b in pairwise(powers)}) == 1


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (1, 1000, "1 10 100 1000"),
        (1e-8, 1, "1e-8 1e-6 0.01 1"),
        (3, 30, "5 10 20"),
        (2, 3, "2.0 3.0"),
        (1e3, 1e6, "1000 10k 100k 1M"),
    ],
)
def test_log_labels(low: float, high: float, labels: str) -> None:
    """Powers where there are decades, 1, 2 and 5 within few, even steps within one."""
    assert set(labels.split()) <= {tick.label for tick in log_ticks(low, high, 5)}


@pytest.mark.parametrize(
    ("low", "high", "most"), [(0.1, 10, 2), (3, 2e9, 2), (5.07e5, 1.44e6, 3), (5.1e5, 1.41e6, 4)]
)
def test_a_logarithmic_axis_has_two_ticks_at_least(low: float, high: float, most: int) -> None:
    """Also in a small chart there are two ticks to tell the decades by."""
    assert len(log_ticks(low, high, most)) >= 2


@pytest.mark.parametrize(
    ("low", "high"),
    [(5e-324, 1.7e308), (5e-324, 1e-323), (1e308, 1.7e308), (1, math.nextafter(1, 2)), (1e-320, 1)],
)
def test_log_ticks_of_extreme_ranges(low: float, high: float) -> None:
    """Any two positive floats make a logarithmic axis: no exception, values inside."""
    ticks = log_ticks(low, high, 5)
    assert ticks
    assert all(low <= tick.value <= high for tick in ticks)


@settings(deadline=None)
@given(low=st.floats(0, 1e7), length=LENGTHS, most=MOST)
def test_duration_ticks_are_whole_units(low: float, length: float, most: int) -> None:
    """About so many, inside, ascending, evenly spaced, and each label is its tick exactly."""
    ticks = duration_ticks(low, low + length, most)
    assert 2 <= len(ticks) <= max(most + 1, 6)
    assert_in_order(ticks, low, low + length)
    values = [tick.value for tick in ticks]
    assert [seconds(tick.label) for tick in ticks] == pytest.approx(values, abs=1e-3)
    assert len({round(b - a) for a, b in pairwise(values)}) <= 1


@pytest.mark.parametrize(
    ("high", "labels"),
    [
        (10, "0s 5s 10s"),
        (100, "0s 30s 1m00s 1m30s"),
        (1000, "0m 5m 10m 15m"),
        (10_000, "0h 1h 2h"),
        (100_000, "0h 12h 1d00h"),
        (400_000, "0d 2d 4d"),
    ],
)
def test_duration_labels(high: float, labels: str) -> None:
    """The unit follows the length of the axis; these labels are among its own."""
    assert set(labels.split()) <= {tick.label for tick in duration_ticks(0, high, 5)}


@pytest.mark.parametrize("length", [0.01, 0.4, 1.9])
def test_durations_below_seconds_are_numbers(length: float) -> None:
    """A run of a moment has ticks too."""
    ticks = duration_ticks(0, length, 5)
    assert len(ticks) >= 2
    assert_in_order(ticks, 0, length)


def test_durations_before_the_start_are_negative() -> None:
    """A minute before the start is minus one minute, not minus one hour and 59 minutes."""
    labels = [tick.label for tick in duration_ticks(-100, 100, 5)]
    assert labels == ["-1m", "0m", "1m"]


@pytest.mark.parametrize(("high", "most"), [(4653, 2), (7.33e6, 3), (2.61e7, 4), (3.12e7, 5)])
def test_a_duration_has_two_ticks_at_least(high: float, most: int) -> None:
    """One tick alone says nothing of the distance."""
    assert len(duration_ticks(0, high, most)) >= 2


def test_duration_labels_stay_short() -> None:
    """A clock gone wild does not fill the screen with digits."""
    assert all(len(tick.label) <= 12 for tick in duration_ticks(0, 1e300, 5))


@pytest.mark.parametrize("function", ["duration_ticks", "time_ticks"])
@pytest.mark.parametrize(
    "ends", ["1.7e9, 1.8e9", "0, 9e10", "0, 9.9e10", "1e9, 1e300", "-1e308, 1e308"]
)
def test_a_wide_range_of_time_is_not_counted_out(function: str, ends: str) -> None:
    """However long the axis is, its ticks need neither time nor memory."""
    code = (
        "import resource\n"
        "resource.setrlimit(resource.RLIMIT_AS, (1 << 28, 1 << 28))\n"
        f"from trainviz_cli.analysis.ticks import {function}\n"
        f"assert all(len({function}({ends}, most)) <= 12 for most in (2, 5))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=False
    )
    assert not done.returncode, done.stderr.splitlines()[-1]


@settings(deadline=None)
@given(low=st.floats(1.5e9, 1.8e9), length=LENGTHS, most=MOST)
def test_time_ticks_are_local_times(low: float, length: float, most: int) -> None:
    """About so many, inside, ascending, each labelled by the clock on the wall."""
    ticks = time_ticks(low, low + length, most)
    assert 2 <= len(ticks) <= max(most + 1, 6)
    values = [tick.value for tick in ticks]
    assert values == sorted(set(values))
    assert all(low <= value <= low + length for value in values)
    for tick in ticks:
        there = datetime.fromtimestamp(tick.value, UTC).astimezone()
        assert tick.label in {there.strftime(f) for f in CLOCK_FORMATS}


@pytest.mark.usefixtures("berlin")
def test_time_labels_are_whole_hours_here() -> None:
    """Hours are round in local time, not in UTC."""
    ticks = time_ticks(unix("2025-07-01 09:20"), unix("2025-07-01 15:40"), 8)
    assert [tick.label for tick in ticks] == ["10:00", "11:00", "12:00", "13:00", "14:00", "15:00"]


@pytest.mark.usefixtures("berlin")
def test_days_begin_at_local_midnight() -> None:
    """A tick at a day stands where that day begins."""
    ticks = time_ticks(unix("2025-07-01 09:20"), unix("2025-07-04 15:40"), 5)
    assert [tick.label for tick in ticks] == ["07-02", "07-03", "07-04"]
    assert ticks[0].value == unix("2025-07-02 00:00")


@pytest.mark.usefixtures("berlin")
@pytest.mark.parametrize("change", ["2025-10-26 12:00", "2025-03-30 12:00"])
def test_the_clock_changes_and_the_days_remain(change: str) -> None:
    """Over the change to and from summer time, each day has one tick of its own, at midnight."""
    middle = unix(change)
    ticks = time_ticks(middle - 2.2 * 86400, middle + 2.2 * 86400, 6)
    days = [datetime.fromtimestamp(middle, UTC).astimezone() + timedelta(n) for n in (-1, 0, 1, 2)]
    assert [tick.label for tick in ticks] == [day.strftime("%m-%d") for day in days]


@pytest.mark.usefixtures("berlin")
def test_times_on_two_days_can_be_told_apart() -> None:
    """Midnight today and midnight tomorrow do not have the same label."""
    ticks = time_ticks(unix("2025-07-01 22:00"), unix("2025-07-03 02:00"), 5)
    assert len(ticks) >= 2
    assert len({tick.label for tick in ticks}) == len(ticks), ticks


@pytest.mark.usefixtures("berlin")
def test_days_in_two_years_can_be_told_apart() -> None:
    """The same date a year later does not have the same label."""
    ticks = time_ticks(unix("2020-07-01 00:00"), unix("2024-06-01 00:00"), 5)
    assert len({tick.label for tick in ticks}) == len(ticks), ticks


@pytest.mark.parametrize("length", [0.3, 0.9, 1.5, 76, 1812, 86400 * 8.5, 86400 * 125])
def test_a_time_axis_has_two_ticks_at_least(length: float) -> None:
    """A moment, an hour or a week: one tick alone says nothing of the distance."""
    assert len(time_ticks(1.7e9 + 0.2, 1.7e9 + 0.2 + length, 5)) >= 2


@pytest.mark.parametrize(
    ("low", "high"),
    [(0, 1e12), (1.7e9, 1e20), (1.7e9, 1e300), (-1e12, 1e9), (-1e308, 0), (0, 5e-324)],
)
def test_time_ticks_beyond_the_calendar(low: float, high: float) -> None:
    """Times in no calendar are written as numbers, and never raise."""
    ticks = time_ticks(low, high, 5)
    slack = 1e-8 * (high / 2 - low / 2)
    assert all(low - slack <= tick.value <= high + slack for tick in ticks)
    assert len(ticks) <= 6


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.0123, "0.0123"),
        (0.001, "0.001"),
        (3e-7, "3e-7"),
        (-1.25e-10, "-1.25e-10"),
        (1234.5, "1234"),
        (9999, "9999"),
        (9999.7, "10k"),
        (15_000, "15k"),
        (-1_200_000, "-1.2M"),
        (2.5e9, "2.5G"),
        (1e12, "1T"),
        (1e15, "1e15"),
        (1.5e300, "1.5e300"),
        (math.inf, "inf"),
        (-math.inf, "-inf"),
        (math.nan, "nan"),
    ],
)
def test_short(value: float, text: str) -> None:
    """A number in few characters, the way people write it."""
    assert short(value) == text


@settings(deadline=None)
@given(value=st.floats(-1e308, 1e308, allow_subnormal=False))
def test_short_is_short_and_near(value: float) -> None:
    """Eleven characters at most, and the number read back differs by less than one percent."""
    text = short(value)
    assert len(text) <= 11
    assert parsed(text) == pytest.approx(value, rel=0.01)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (1234567.0, "1234567"), (-3.0, "-3"), (2.5, "2.5"), (2.0**62, str(2**62))],
)
def test_plain(value: float, text: str) -> None:
    """A step is written with every digit, however long the training."""
    assert plain(value) == text

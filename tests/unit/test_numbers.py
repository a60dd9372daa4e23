"""Numbers in few characters: nothing but the last digits is lost, and every unit is right."""

import math
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from trainviz_cli.model.numbers import age, change, duration, plain, scientific, short, thousands

UNITS = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "y": 31_557_600}
FINITE = st.floats(allow_nan=False, allow_infinity=False)


def meant(text: str) -> float:
    """The number that a text in few characters stands for."""
    found = re.fullmatch(r"([-+]?[\d.]+(?:e[-+]?\d+)?)([kMGT]?)", text)
    assert found, text
    return float(found[1]) * UNITS[found[2]]


def lasted(text: str) -> int:
    """The seconds that a text with units stands for."""
    parts = re.findall(r"(\d+)([smhdy])", text)
    assert "".join(map("".join, parts)) == text
    return sum(int(count) * SECONDS[unit] for count, unit in parts)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (1, "1"),
        (True, "1"),
        (-2.5, "-2.5"),
        (0.0123, "0.0123"),
        (0.012345, "0.01235"),
        (1e-3, "0.001"),
        (0.00099999, "0.001"),
        (0.0009999, "9.999e-4"),
        (3e-7, "3e-7"),
        (5e-324, "4.941e-324"),
        (9999.4, "9999"),
        (9999.5, "10k"),
        (-9999.5, "-10k"),
        (15_000, "15k"),
        (12_346, "12.35k"),
        (999_949, "999.9k"),
        (999_950, "1M"),
        (1_200_000, "1.2M"),
        (2.5e9, "2.5G"),
        (7e14, "700T"),
        (1e15, "1e15"),
        (-1.7976931348623157e308, "-1.798e308"),
        (2**70, "1.181e21"),
        (math.nan, "nan"),
        (math.inf, "inf"),
        (-math.inf, "-inf"),
    ],
)
def test_short(value: float, text: str) -> None:
    """Four digits, a letter from ten thousand on, a power of ten where neither will do."""
    assert short(value) == text


@settings(deadline=None)
@given(FINITE)
@example(999_950.0)
@example(9999.499999999999)
@example(9.9995e14)
@example(1.7976931348623157e308)
def test_short_is_the_number_to_four_digits(value: float) -> None:
    """Whatever notation it gets, it means the number, within half of its fourth digit."""
    text = short(value)
    if math.isfinite(said := meant(text)):  # the very largest is rounded up beyond all floats
        assert abs(said - value) <= 5.001e-4 * abs(value) + 5e-324
    assert len(text) <= 11


@settings(deadline=None)
@given(FINITE.filter(bool))
def test_short_keeps_the_sign(value: float) -> None:
    """A number and its opposite differ in nothing but the sign."""
    assert short(-abs(value)) == f"-{short(abs(value))}"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (600, "600"),
        (600.0, "600"),
        (123_456_789, "123456789"),
        (1e15, "1000000000000000"),
        (2**63 + 1, "9223372036854775809"),
        (-3, "-3"),
        (0.5, "0.5"),
        (True, "1"),
    ],
)
def test_a_step_has_all_its_digits(value: float, text: str) -> None:
    """A step is to be found again in the log, so that none of its digits is rounded away."""
    assert plain(value) == text


@given(st.integers())
def test_a_whole_step_comes_back(step: int) -> None:
    """Any whole number is what its text says."""
    assert int(plain(step)) == step


@pytest.mark.parametrize(
    ("size", "unit"),
    [
        (0.0, (1.0, "")),
        (9999.9, (1.0, "")),
        (1e4, (1e3, "k")),
        (999_999.0, (1e3, "k")),
        (1e6, (1e6, "M")),
        (1e9, (1e9, "G")),
        (1e12, (1e12, "T")),
        (1e300, (1e12, "T")),
    ],
)
def test_thousands(size: float, unit: tuple[float, str]) -> None:
    """Letters begin at ten thousand, so that a year or a thousand steps are written out."""
    assert thousands(size) == unit


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (1.5e-7, 3, "1.5e-7"),
        (1e5, 3, "1e5"),
        (1e5, 0, "1e5"),
        (-1.23456e-30, 3, "-1.235e-30"),
        (1.23456e100, 2, "1.23e100"),
        (0.1, 99, "1.0000000000000001e-1"),
    ],
)
def test_scientific(value: float, decimals: int, text: str) -> None:
    """No zero and no sign that says nothing; never more decimals than a float has."""
    assert scientific(value, decimals) == text


@settings(deadline=None)
@given(FINITE)
def test_scientific_can_be_read_again(value: float) -> None:
    """With all its digits it is the very same number."""
    assert float(scientific(value, 17)) == value


@pytest.mark.parametrize(
    ("difference", "text"),
    [
        (0.0, "0"),
        (0.0125, "+0.013"),
        (-2, "-2"),
        (99.4, "+99"),
        (99.5, "+99.5"),
        (-1500, "-1500"),
        (15_000, "+15k"),
        (1e-4, "+0.0001"),
        (9e-5, "+9e-5"),
        (math.nan, "nan"),
        (math.inf, "+inf"),
        (-math.inf, "-inf"),
    ],
)
def test_change(difference: float, text: str) -> None:
    """Two digits or more, and a sign unless nothing changed."""
    assert change(difference) == text


@settings(deadline=None)
@given(FINITE.filter(bool))
def test_a_change_has_its_sign_and_size(difference: float) -> None:
    """The sign is always there, and the number is right within half of its second digit."""
    text = change(difference)
    assert text[0] == ("+" if difference > 0 else "-")
    if math.isfinite(said := meant(text)):
        assert abs(said - difference) <= 0.051 * abs(difference) + 5e-324


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1e9, "now"),
        (-0.5, "now"),
        (0.0, "now"),
        (0.999, "now"),
        (1.0, "1s"),
        (59.9, "59s"),
        (60.0, "1m"),
        (3_599.0, "59m"),
        (3_600.0, "1h"),
        (86_399.0, "23h"),
        (86_400.0, "1d"),
        (365 * 86_400.0, "365d"),
        (31_557_600.0, "1y"),
        (1.8e9, "57y"),
    ],
)
def test_age(seconds: float, text: str) -> None:
    """The largest unit that it has one of; what a fast clock dates tomorrow is now."""
    assert age(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0s"),
        (0.9, "0s"),
        (43.0, "43s"),
        (60.0, "1m"),
        (61.0, "1m01s"),
        (3_599.9, "59m59s"),
        (3_600.0, "1h"),
        (7_500.0, "2h05m"),
        (86_400.0, "1d"),
        (86_401.0, "1d"),
        (90_000.0, "1d01h"),
        (31_557_600.0 + 86_400, "1y01d"),
    ],
)
def test_duration(seconds: float, text: str) -> None:
    """Two units at most, the second in two digits, and left out where it is zero."""
    assert duration(seconds) == text


@settings(deadline=None)
@given(st.floats(0, 1e11))
def test_times_are_cut_never_rounded_up(seconds: float) -> None:
    """An age and a duration say no more than it was, and less by no more than their last unit."""
    text = age(seconds)
    if text != "now":
        assert 0 <= seconds - lasted(text) < SECONDS[text[-1]]
    text = duration(seconds)
    smaller = {"y": "d", "d": "h", "h": "m", "m": "s", "s": "s"}
    unit = text[-1] if len(re.findall("[smhdy]", text)) == 2 else smaller[text[-1]]
    assert 0 <= seconds - lasted(text) < SECONDS[unit]

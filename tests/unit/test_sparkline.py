"""A curve in one row: known curves, drawn as they should look."""

import math
from collections.abc import Sequence

import numpy as np
import pytest

from trainviz_cli.model.series import Series
from trainviz_cli.render.term.chart import ASCII, Look
from trainviz_cli.render.term.sparkline import sparkline

NAN, INF = math.nan, math.inf
LOOK = Look()


def spark(
    values: Sequence[float],
    width: int,
    steps: Sequence[float] | None = None,
    segments: tuple[int, ...] = (0,),
    look: Look = LOOK,
) -> str:
    """The curve of these values, at the steps 0, 1, 2… if none are named."""
    places = np.arange(len(values)) if steps is None else np.array(steps)
    series = Series("loss", places, np.array(values, np.float64), segments=segments)
    return sparkline(series.view(), width, look)


@pytest.mark.parametrize(
    ("values", "width", "curve"),
    [
        ([0, 1, 2, 3, 4, 5, 6, 7], 8, "▁▂▃▄▅▆▇█"),
        ([7, 6, 5, 4, 3, 2, 1, 0], 8, "█▇▆▅▄▃▂▁"),
        ([0, 7, 0, 7], 4, "▁█▁█"),
        ([0, 1], 6, "▁▁▁▁▁█"),
        ([3, 3, 3], 3, "▅▅▅"),
        ([0, 0, 0], 3, "▅▅▅"),
        ([5], 8, "▅"),
        ([0, 2, 4, 6, 6, 6, 1, 1], 4, "▁▇█▁"),
        ([-4, 4], 1, "▅"),
        ([1, 2, 3], 1, "▅"),
    ],
)
def test_curve(values: list[float], width: int, curve: str) -> None:
    """From the lowest mean to the highest; a constant and a lone sample lie halfway."""
    assert spark(values, width) == curve


def test_ascii() -> None:
    """Where there is nothing but ASCII, there are as many levels of it."""
    assert spark(range(8), 8, look=ASCII) == ASCII.levels
    assert spark([0, NAN, 1], 3, look=ASCII) == "_x#"


@pytest.mark.parametrize(
    ("values", "curve"),
    [
        ([NAN], "×"),
        ([INF], "×"),
        ([NAN, NAN, NAN, NAN], "××××"),
        ([INF, -INF, NAN, INF], "××××"),
        ([0, NAN, 7, 7], "▁×██"),
        ([0, INF, -INF, 7], "▁××█"),
        ([NAN, 0, 7, NAN], "×▁█×"),
        ([NAN, NAN, 5, NAN], "××▅×"),
    ],
)
def test_what_is_not_finite_has_a_sign(values: list[float], curve: str) -> None:
    """NaN and infinities stand where they were logged, and don't move the rest."""
    assert spark(values, 4) == curve


def test_one_finite_value_in_a_stretch_is_enough() -> None:
    """A stretch has the sign of NaN only where nothing in it is finite."""
    assert spark([0, NAN, NAN, 7, NAN, NAN], 3) == "▁█×"


def test_steps_say_where() -> None:
    """A stretch without a sample repeats the one before; the last sample is at the end."""
    assert spark([0, 7, 0], 10, steps=[0, 50, 100]) == "▁▁▁▁▁████▁"
    assert spark([0, 7, 0], 10, steps=[0, 1, 100]) == "█████████▁"


def test_a_gap_of_nan_repeats_as_nan() -> None:
    """Where the last that was logged is NaN, what follows it is unknown, too."""
    assert spark([0, NAN, 7], 8, steps=[0, 2, 8]) == "▁▁×××××█"


def test_a_restart_replaces_what_it_repeats() -> None:
    """The curve is what the chart shows: what lies ahead of a restart is gone."""
    values, steps = [0, 1, 50, 50, 2, 3], [0, 1, 2, 3, 2, 3]
    assert spark(values, 4, steps, segments=(0, 4)) == spark([0, 1, 2, 3], 4) == "▁▃▆█"


@pytest.mark.parametrize(
    "step", [0, 7, -(2**62), 2**62, 0.5, 1e308], ids=["0", "7", "low", "high", "half", "huge"]
)
def test_one_step_for_all(step: float) -> None:
    """Where all samples have one step, their order is the axis, as in a chart."""
    assert spark([0, 7, 3.5, 0], 4, steps=[step] * 4) == "▁█▅▁"


@pytest.mark.parametrize("count", [2, 5, 100])
def test_steps_that_a_float_cannot_tell_apart(count: int) -> None:
    """Nothing that was finite looks like NaN, however close together large steps are."""
    steps = [2**62 + i for i in range(count)]
    assert "×" not in spark(range(count), 12, steps=steps)


@pytest.mark.parametrize(
    ("values", "curve"),
    [
        ([-1.7e308, 0, 1.7e308], "▁▅█"),
        ([1e308, 1.1e308, 1e308], "▁█▁"),
        ([0, 5e-324, 0], "▁█▁"),
        ([1, 1 + 2**-52, 1], "▁█▁"),
        ([1e308, -1e308, NAN], "█▁×"),
    ],
)
def test_extreme_values(values: list[float], curve: str) -> None:
    """The largest floats do not overflow, and the closest are told apart."""
    assert spark(values, 3) == curve


def test_large_integers() -> None:
    """A column of integers is drawn as well."""
    series = Series("n", np.arange(3), np.array([-(2**62), 0, 2**62]))
    assert sparkline(series.view(), 3, LOOK) == "▁▅█"


def test_every_sample_counts() -> None:
    """A stretch shows the mean of its samples: one spike among many is seen, but small."""
    quiet = [0.0] * 400
    quiet[250] = 100.0
    curve = spark(quiet, 4)
    assert curve == "▁▁█▁"
    level = [0.0] * 100 + [1.0] * 100 + [2.0] * 100 + [4.0] * 100
    level[50] = 50.0
    assert spark(level, 4) == "▁▂▄█"

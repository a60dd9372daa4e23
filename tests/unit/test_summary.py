"""A series in one row: its ends, its best value, and what is not finite, restarts resolved."""

import math
from collections.abc import Sequence

import numpy as np
import pytest

from trainviz_cli.model.series import Overlap, Series
from trainviz_cli.model.summary import Direction, Summary, best_direction, summarize

NAN, INF = math.nan, math.inf


def series(
    values: Sequence[float],
    steps: Sequence[float] | None = None,
    segments: tuple[int, ...] = (0,),
    key: str = "loss",
) -> Series:
    """Values at the steps 0, 10, 20..., or at the ones given."""
    places = np.arange(len(values)) * 10 if steps is None else np.array(steps)
    return Series(key, places, np.array(values, np.float64), segments=segments)


def restarted() -> Series:
    """Steps 0 to 5 with a best of 1, then steps 3 to 6 with a best of 2."""
    values = [9.0, 8.0, 7.0, 6.0, 1.0, 5.0, 4.0, 3.0, 2.0, 2.5]
    return series(values, [0, 1, 2, 3, 4, 5, 3, 4, 5, 6], (0, 6))


def test_every_figure() -> None:
    """How much there is, both ends with their steps, and the best with its own."""
    assert summarize(series([3, 1, 2])) == Summary(3, 0, 20, 3, 2, "min", 1, 10)


def test_one_point() -> None:
    """A lone sample is first, last and best at once."""
    assert summarize(series([0.25], [7])) == Summary(1, 7, 7, 0.25, 0.25, "min", 0.25, 7)


@pytest.mark.parametrize(("direction", "best", "step"), [("min", 1.0, 10), ("max", 3.0, 0)])
def test_direction_can_be_set(direction: Direction, best: float, step: int) -> None:
    """What was asked for wins over the key's name."""
    said = summarize(series([3, 1, 2]), direction)
    assert (said.direction, said.best, said.best_step) == (direction, best, step)


@pytest.mark.parametrize(
    ("key", "direction"),
    [
        ("train/loss", "min"),
        ("loss_cls", "min"),
        ("val/perplexity", "min"),
        ("word_error", "min"),
        ("mae", "min"),
        ("val/acc", "max"),
        ("coco/bbox_mAP", "max"),
        ("loss/acc", "max"),
        ("throughput", "max"),
        ("glossy", "max"),
    ],
)
def test_direction_follows_from_the_name(key: str, direction: Direction) -> None:
    """Of losses, errors and perplexities the lowest is the best, of the rest the highest."""
    assert best_direction(key) == direction
    assert summarize(series([3, 1, 2], key=key)).best == (1 if direction == "min" else 3)


@pytest.mark.parametrize("direction", ["min", "max"])
def test_first_of_equal_values(direction: Direction) -> None:
    """A value that is reached again was reached when it came first."""
    assert summarize(series([2, 1, 1, 2]), direction).best_step == (10 if direction == "min" else 0)


@pytest.mark.parametrize(
    ("values", "best", "step", "nonfinite"),
    [
        ([NAN, 2, 1], 1.0, 20, (0,)),
        ([2, -INF, 1], 1.0, 20, (10,)),
        ([2, 1, NAN], 1.0, 10, (20,)),
        ([NAN, INF, -INF], None, None, (0, 10, 20)),
        ([NAN], None, None, (0,)),
    ],
)
def test_what_is_not_finite_is_never_the_best(
    values: list[float], best: float | None, step: int | None, nonfinite: tuple[int, ...]
) -> None:
    """NaN and infinities are listed by their steps; the best is one of the others, or none."""
    said = summarize(series(values))
    assert (said.best, said.best_step, said.nonfinite) == (best, step, nonfinite)


def test_ends_may_be_not_finite() -> None:
    """A run that ended in NaN says so: its last value is not the last good one."""
    said = summarize(series([INF, 1, NAN]))
    assert said.first == INF
    assert math.isnan(said.last)


@pytest.mark.parametrize(
    ("overlap", "best", "step", "last", "last_step"),
    [("last", 2.0, 5, 2.5, 6), ("first", 1.0, 4, 2.5, 6), ("all", 1.0, 4, 2.5, 6)],
)
def test_restart(overlap: Overlap, best: float, step: int, last: float, last_step: int) -> None:
    """A value that a restart replaced is not the best, unless the older samples are asked for."""
    said = summarize(restarted(), overlap=overlap)
    assert (said.best, said.best_step, said.last, said.last_step) == (best, step, last, last_step)


@pytest.mark.parametrize("overlap", ["first", "last", "all"])
def test_replaced_samples_are_counted(overlap: Overlap) -> None:
    """How much was logged doesn't depend on what shows of it."""
    assert summarize(restarted(), overlap=overlap).samples == 10


def test_replaced_nan_is_not_listed() -> None:
    """A NaN that the restart trained over is no longer one of this run."""
    once = series([1, NAN, 3, 2, 4], [0, 1, 2, 1, 2], (0, 3))
    assert summarize(once, overlap="last").nonfinite == ()
    assert summarize(once, overlap="all").nonfinite == (1,)


def test_figures_are_plain_numbers() -> None:
    """No NumPy type is left in them, so that they can be written as they are."""
    said = summarize(series([3, NAN, 2]))
    numbers = (said.first_step, said.last_step, said.first, said.last, said.best, said.best_step)
    assert {type(number) for number in (*numbers, *said.nonfinite)} == {float, int}


def test_integers_stay_exact() -> None:
    """Where a float would round, neither value nor step loses a digit."""
    steps = np.array([2**53 + 1, 2**53 + 3])
    said = summarize(Series("tokens", steps, np.array([2**62 + 1, 2**62 + 3])))
    assert (said.first, said.last, said.best) == (2**62 + 1, 2**62 + 3, 2**62 + 3)
    assert (said.first_step, said.best_step) == (2**53 + 1, 2**53 + 3)
    assert type(said.best) is int


def test_samples_of_one_step() -> None:
    """Where every sample has the same step, all of them count and the step is that one."""
    assert summarize(series([3, 1, 2], [4, 4, 4])) == Summary(3, 4, 4, 3, 2, "min", 1, 4)


def test_fractional_steps() -> None:
    """Steps between whole numbers are kept as they are."""
    assert summarize(series([3, 1, 2], [0.5, 1.5, 2.5])).best_step == 1.5

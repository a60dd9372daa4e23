"""How fast a run goes, how long it is to be, and when it has stalled."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainviz_cli.analysis.pace import (
    Beat,
    Epochs,
    Plan,
    planned,
    planned_steps,
    stalled_after_s,
    steps_per_s,
)


@pytest.mark.parametrize(
    ("values", "plan"),
    [
        ({}, Plan()),
        ({"train_cfg.max_epochs": 12, "train_cfg.val_interval": 1}, Plan(None, 12)),
        ({"train_cfg.max_iters": 3000, "train_cfg.type": "IterBasedTrainLoop"}, Plan(3000, None)),
        ({"max_steps": -1, "num_train_epochs": 3.0}, Plan(None, 3)),
        ({"args/total_steps": 10, "args/Epochs": 2}, Plan(10, 2)),
        ({"num_steps": 128, "total_timesteps": 500_000}, Plan(500_000, None)),
        ({"scheduler.total_steps": 10}, Plan()),
        ({"warmup.epochs": 5, "epochs": 100}, Plan(None, 100)),
        ({"model.inner.max_iters": 7, "max_iters": 100}, Plan(100, None)),
        ({"max_iters": 7, "model.total_steps": 100}, Plan(100, None)),
        ({"val/num_steps": 5, "eval.max_steps": 6}, Plan()),
        ({"warmup_epochs": 5, "max_epochs_": 1, "steps": 5}, Plan()),
    ],
)
def test_the_plan_is_where_programs_say_it(values: dict[str, object], plan: Plan) -> None:
    """The surest name first, the shortest path first, and not that of a part of the training."""
    assert planned(values) == plan


@pytest.mark.parametrize(
    "value", [None, True, "3000", 0, -5, math.nan, math.inf, -math.inf, 10**400, [1], {}]
)
def test_what_is_no_length_is_none(value: object) -> None:
    """Nothing but a finite number above 0 says how long a run is to be."""
    assert planned({"max_epochs": value, "total_steps": value}) == Plan()


@given(
    values=st.dictionaries(
        st.text() | st.sampled_from(["epochs", "a.max_steps", "total_steps"]),
        st.none() | st.floats() | st.integers() | st.text() | st.booleans(),
    )
)
def test_any_values_tell_a_plan_or_none(values: dict[str, Any]) -> None:
    """Whatever a configuration holds, a length is finite and above 0."""
    assert all(each is None or 0 < each < math.inf for each in planned(values))


def beats(*pairs: tuple[float, float]) -> list[Beat]:
    """Beats at these times, at these steps."""
    return [Beat(time, step) for time, step in pairs]


@pytest.mark.parametrize(
    ("of", "pace"),
    [
        (beats(), None),
        (beats((0, 1)), None),
        (beats((0, 0), (2, 10)), 5),
        (beats((0, 0), (1, 10), (2, 20), (7, 70)), 10),
        (beats((5, 0), (5, 10)), None),
        (beats((5, 0), (5, 10), (7, 20)), 10),
        (beats((5, 0), (4, 10)), None),
        (beats((0, 7), (9, 7)), None),
    ],
)
def test_pace(of: list[Beat], pace: float | None) -> None:
    """Steps by seconds, repeated times included; nothing where no time passed or nothing came."""
    assert steps_per_s(of) == pace


def test_a_clock_that_goes_back_leaves_the_pace() -> None:
    """The two beats between which it did say nothing; all others go on to."""
    times = [100.0, 101, 102, 3, 4, 5]
    found = steps_per_s([Beat(time, 10.0 * i) for i, time in enumerate(times)])
    assert found == pytest.approx(10)


def length(*pairs: tuple[float, float], portions: int = 1) -> float | None:
    """Steps of an epoch, from steps and their epochs."""
    epochs = Epochs()
    columns = np.array(pairs, np.float64).reshape(-1, 2)
    for part in np.array_split(columns, portions):
        epochs.note(part[:, 0], part[:, 1])
    return epochs.steps_each


@pytest.mark.parametrize("portions", [1, 2, 5, 100])
@pytest.mark.parametrize("first", [0, 1])
def test_epochs_that_are_counted_whole(portions: int, first: int) -> None:
    """From 0 or from 1, with many records in each: told from where the number rose."""
    pairs = [(step, (step - 1) // 100 + first) for step in range(10, 500, 10)]
    assert length(*pairs, portions=portions) == 100
    assert length(*pairs[:15], portions=portions) is None


@pytest.mark.parametrize("portions", [1, 2, 5, 100])
def test_epochs_with_fractions(portions: int) -> None:
    """Told as soon as there are three."""
    pairs = [(step, step / 100) for step in range(10, 500, 10)]
    assert length(*pairs, portions=portions) == pytest.approx(100)
    assert length(*pairs[:3], portions=portions) == pytest.approx(100)
    assert length(*pairs[:2], portions=portions) is None


def test_epochs_whose_length_is_learnt_in_the_second() -> None:
    """As MMEngine's are: whole in the first epoch, with fractions from then on."""
    first = [(step, 1.0) for step in range(10, 101, 10)]
    assert length(*first) is None
    assert length(*first, (110, 1.1), (120, 1.2)) == pytest.approx(100)


def test_epochs_with_gaps_and_steps_back() -> None:
    """Unknown ones are left out, and lower ones are no rise."""
    pairs = [(1, math.nan), (2, 1), (3, math.nan), (4, 2), (5, 1), (6, 2), (8, math.inf), (14, 3)]
    assert length(*pairs) == 10
    assert length() is None
    assert length((1, math.nan)) is None


@pytest.mark.parametrize(
    ("plan", "each", "steps"),
    [
        (Plan(), None, None),
        (Plan(), 100.0, None),
        (Plan(3000, None), None, 3000),
        (Plan(3000, 12), 100.0, 3000),
        (Plan(None, 12), 100.0, 1200),
        (Plan(None, 12), None, None),
    ],
)
def test_planned_steps(plan: Plan, each: float | None, steps: float | None) -> None:
    """As they are said; else as many as the epochs have, where it is known how long those are."""
    assert planned_steps(plan, each) == steps


def every(gap: float, count: int, begin: float = 0.0) -> list[float]:
    """Moments at even distances."""
    return [begin + gap * i for i in range(count)]


def test_stalled_after_five_usual_gaps() -> None:
    """By the times written, or by when it was seen here, whichever is longer; two seconds least."""
    assert stalled_after_s(every(10, 20), [], 0) == 50
    assert stalled_after_s([], every(10, 20), 0) == 50
    assert stalled_after_s(every(1, 20), every(30, 5), 0) == 150
    assert stalled_after_s(every(0.01, 20), [], 0) == 2
    assert stalled_after_s([], [], 0) == 2
    assert stalled_after_s([5.0], [5.0], 0) == 2


def test_a_long_pause_that_came_twice_is_usual() -> None:
    """One that came once isn't; and of few gaps none is long."""
    once = [*every(1, 10), *every(1, 10, 100)]
    twice = [*once, *every(1, 10, 200)]
    assert stalled_after_s(once, [], 0) == 5
    assert stalled_after_s(twice, [], 0) == 1.5 * 91
    assert stalled_after_s([0.0, 1.0, 61.0], [], 0) == 300  # two gaps: the upper one is usual


def test_what_writers_hold_back_counts_until_it_is_known() -> None:
    """It is known from the third arrival on."""
    assert stalled_after_s(every(1, 20), [], 120) == 125
    assert stalled_after_s(every(1, 20), [0.0, 120.0], 120) == 5 * 120 + 120
    assert stalled_after_s(every(1, 20), [0.0, 120.0, 240.0], 120) == 5 * 120


def test_a_clock_that_jumps_says_nothing_of_gaps() -> None:
    """Neither back, nor forth once."""
    assert stalled_after_s([*every(10, 10), *every(10, 10, -1e6)], [], 0) == 50
    assert stalled_after_s([*every(10, 10), *every(10, 10, 1e6)], [], 0) == 50


@given(
    times=st.lists(st.floats(-1e12, 1e12)),
    arrivals=st.lists(st.floats(0, 1e9)),
    held=st.floats(0, 1e3),
)
def test_patience_is_finite(times: list[float], arrivals: list[float], held: float) -> None:
    """Whatever clocks say, a run may stall, and not at once."""
    assert 2 <= stalled_after_s(times, arrivals, held) < math.inf
    assert (steps_per_s([Beat(time, i) for i, time in enumerate(times)]) or 1) > 0

"""One step axis for training in iterations and validation in epochs."""

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainviz_cli.formats._epochs import EpochClock

NAN = math.nan
# A real run: 16 iterations per epoch, logged every 5th, validated after each epoch.
REAL = [
    *((5, 1), (10, 1), (15, 1), (1, NAN)),
    *((21, 2), (26, 2), (31, 2), (2, NAN)),
    *((37, 3), (42, 3), (47, 3), (3, NAN)),
]


class Placed:
    """What a clock made of some rows."""

    def __init__(self, *batches: Sequence[tuple[float, float]]) -> None:
        self.clock = EpochClock()
        self.steps: list[float] = []
        self.epochs: list[float | None] = []
        for batch in batches:
            steps = np.array([step for step, _ in batch], np.float64)
            epochs = np.array([epoch for _, epoch in batch], np.float64)
            placed, found = self.clock.place(steps, epochs)
            assert len(placed) == len(batch)
            self.steps += placed.tolist()
            self.epochs += [None] * len(batch) if found is None else found.tolist()


def training_run(
    length: int,
    interval: int,
    epochs: int,
    *,
    first_epoch: int = 1,
    val_interval: int = 1,
    ignore_last: bool = True,
) -> list[tuple[float, float]]:
    """The rows that MMEngine's epoch-based training logs: (step, epoch), NaN where it has none.

    Every `interval`th iteration of an epoch is logged; its last one where it would have no line
    otherwise, or where that is asked for.
    """
    rows: list[tuple[float, float]] = []
    for epoch in range(first_epoch, first_epoch + epochs):
        for inner in range(1, length + 1):
            at_end = inner == length and (not ignore_last or length <= interval)
            if inner % interval == 0 or at_end:
                rows.append(((epoch - 1) * length + inner, epoch))
        if epoch % val_interval == 0:
            rows.append((epoch, NAN))
    return rows


def expected(rows: Sequence[tuple[float, float]], length: int) -> list[float]:
    """The global step of each row: validation stands at the end of its epoch."""
    return [step * length if math.isnan(epoch) else step for step, epoch in rows]


def test_a_real_run() -> None:
    """Validation stands at the end of the epoch, where the first line of the next one shows it."""
    placed = Placed(REAL)
    assert placed.clock.iterations_per_epoch == 16
    assert placed.steps == [5, 10, 15, 16, 21, 26, 31, 32, 37, 42, 47, 48]
    assert placed.epochs == [step / 16 for step in placed.steps]


@settings(deadline=None)
@given(
    length=st.integers(1, 60),
    interval=st.integers(1, 80),
    epochs=st.integers(2, 6),
    first_epoch=st.integers(1, 9),
    val_interval=st.integers(1, 3),
    ignore_last=st.booleans(),
)
def test_any_run_of_two_epochs(
    length: int,
    interval: int,
    epochs: int,
    first_epoch: int,
    val_interval: int,
    ignore_last: bool,  # noqa: FBT001 - drawn
) -> None:
    """Whatever was logged, and wherever it was resumed: steps ascend, 1.0 is one epoch's end."""
    rows = training_run(
        length,
        interval,
        epochs,
        first_epoch=first_epoch,
        val_interval=val_interval,
        ignore_last=ignore_last,
    )
    placed = Placed(rows)
    assert placed.clock.iterations_per_epoch == length
    assert placed.steps == expected(rows, length)
    assert placed.steps == sorted(placed.steps)
    assert placed.epochs == [step / length for step in placed.steps]


@settings(deadline=None)
@given(
    length=st.integers(1, 30),
    interval=st.integers(1, 30),
    cuts=st.lists(st.integers(0, 200), max_size=6).map(sorted),
)
def test_polls_do_not_matter_once_the_second_epoch_began(
    length: int, interval: int, cuts: list[int]
) -> None:
    """From the first line of the second epoch on, any cutting into polls gives the same rows."""
    rows = training_run(length, interval, 5)
    begin = next(i for i, (_, epoch) in enumerate(rows) if epoch == 2) + 1
    bounds = [0, begin, *(min(begin + cut, len(rows)) for cut in cuts), len(rows)]
    parts = [rows[a:b] for a, b in pairwise(bounds)]
    assert Placed(*parts).steps == expected(rows, length)


def test_one_row_at_a_time() -> None:
    """The first validation comes before the length is known; it stands at the line before it."""
    placed = Placed(*([row] for row in REAL))
    assert placed.steps == [5, 10, 15, 15, 21, 26, 31, 32, 37, 42, 47, 48]
    assert placed.epochs[:4] == [1, 1, 1, 1]
    assert placed.epochs[4:] == [step / 16 for step in placed.steps[4:]]


def test_validation_before_the_second_epoch() -> None:
    """With one epoch its length is unknown; validation stands at the last training line."""
    placed = Placed(REAL[:4])
    assert placed.clock.iterations_per_epoch is None
    assert placed.steps == [5, 10, 15, 15]
    assert placed.epochs == [1, 1, 1, 1]


def test_validation_in_a_poll_of_its_own() -> None:
    """The training line before it may have come in an earlier poll."""
    placed = Placed(REAL[:3], REAL[3:4], [], REAL[4:7], REAL[7:8])
    assert placed.steps == [5, 10, 15, 15, 21, 26, 31, 32]


@pytest.mark.parametrize(
    "rows", [[], [(20, NAN), (40, NAN)], [(0, NAN), (0, NAN)], [(1, NAN)], [(4.5, NAN)]]
)
def test_without_epochs_nothing_moves(rows: list[tuple[float, float]]) -> None:
    """A log without epochs is left as it is, and has no epochs."""
    placed = Placed(rows)
    assert placed.steps == [step for step, _ in rows]
    assert placed.epochs == [None] * len(rows)


def test_validation_before_training() -> None:
    """A row before the first training line stays where it was logged."""
    placed = Placed([(0, NAN), *REAL])
    assert placed.steps[:2] == [0, 5]
    assert placed.steps[-1] == 48


def test_a_row_in_iterations_stays() -> None:
    """A row without an epoch whose step is no epoch's number is in iterations already."""
    rows = [(5, 1), (16, NAN), (1, NAN), (21, 2), (30, NAN), (2, NAN)]
    placed = Placed(rows)
    assert placed.steps == [5, 16, 16, 21, 30, 32]
    assert placed.epochs == [step / 16 for step in placed.steps]


def test_validation_every_other_epoch() -> None:
    """The epoch validated is the one just trained, not the one counted."""
    assert Placed(training_run(16, 5, 4, val_interval=2)).steps[-1] == 64


def test_fractional_epochs_are_taken_as_logged() -> None:
    """A log that counts epochs by itself is believed, and rows without one take the last."""
    rows = [(10, 0.5), (20, 1.0), (20, NAN), (1, NAN), (30, 1.5)]
    placed = Placed(rows)
    assert placed.steps == [10, 20, 20, 1, 30]
    assert placed.epochs == [0.5, 1, 1, 1, 1.5]


def test_epochs_counted_from_zero_are_taken_as_logged() -> None:
    """Where the first epoch is 0, nothing says that a step is an epoch's number."""
    placed = Placed([(5, 0), (10, 0), (0, NAN), (21, 1), (1, NAN)])
    assert placed.steps == [5, 10, 0, 21, 1]
    assert placed.epochs == [0, 0, 0, 1, 1]


def test_epochs_that_turn_out_to_be_fractional() -> None:
    """Whole epochs in one poll and fractions in the next end the reckoning."""
    placed = Placed([(10, 1), (20, 2)], [(25, 2.5), (3, NAN)])
    assert placed.steps == [10, 20, 25, 3]
    assert placed.epochs[2:] == [2.5, 2.5]


def test_a_line_per_epoch() -> None:
    """One line at the end of each epoch shows its length too."""
    placed = Placed([(100, 1), (1, NAN), (200, 2), (2, NAN)])
    assert placed.steps == [100, 100, 200, 200]
    assert placed.epochs == [1, 1, 2, 2]


def test_a_step_that_is_the_epoch() -> None:
    """A log that counts everything in epochs has one step per epoch."""
    placed = Placed([(1, 1), (1, NAN), (2, 2), (2, NAN)])
    assert placed.steps == [1, 1, 2, 2]
    assert placed.epochs == [1, 1, 2, 2]


def test_all_at_step_zero() -> None:
    """Rows logged without a step have step 0, and nothing is reckoned from that."""
    placed = Placed([(0, 1), (0, 2), (0, 3)])
    assert placed.steps == [0, 0, 0]
    assert placed.epochs == [1, 2, 3]


def test_a_first_epoch_joined_in_the_middle() -> None:
    """Resumed within an epoch, its first line is no measure; the following epochs are."""
    rows = [(26, 2), (31, 2), (2, NAN), (37, 3), (3, NAN), (53, 4), (4, NAN)]
    placed = Placed(rows)
    assert placed.clock.iterations_per_epoch == 16
    assert placed.steps == [26, 31, 32, 37, 48, 53, 64]


def test_only_one_length_is_possible() -> None:
    """Where no two first lines are alike, the last and the first line of two epochs settle it."""
    placed = Placed([(16, 1), (1, NAN), (17, 2), (2, NAN)])
    assert placed.clock.iterations_per_epoch == 16
    assert placed.steps == [16, 16, 17, 32]


def test_a_length_that_the_log_contradicts_is_given_up() -> None:
    """After a resumption with another batch size, validation stands at the last training line."""
    placed = Placed(REAL, [(90, 4), (4, NAN)])
    assert placed.clock.iterations_per_epoch is None
    assert placed.steps[-2:] == [90, 90]


def test_the_same_epochs_again() -> None:
    """A restart that goes back repeats steps and epochs, and validation follows it."""
    again = Placed(REAL, REAL[4:])
    assert again.steps[len(REAL) :] == [21, 26, 31, 32, 37, 42, 47, 48]


def test_a_training_row_without_a_step() -> None:
    """A record that lacks its step is left without one, and the others are placed."""
    placed = Placed([(5, 1), (1, NAN), (NAN, 2), (21, 2), (2, NAN), (NAN, 3), (37, 3), (3, NAN)])
    assert math.isnan(placed.steps[2])
    assert math.isnan(placed.steps[5])
    assert [step for step in placed.steps if not math.isnan(step)] == [5, 16, 21, 32, 37, 48]


@pytest.mark.parametrize(
    "rows",
    [
        [(1e200, 1), (3e200, 2), (2, NAN)],
        [(1e308, 1), (1.7e308, 2), (2, NAN)],
        [(5e-324, 1), (1e-323, 2), (2, NAN)],
        [(2**62, 1), (2**63, 2), (2, NAN)],
        [(5, 1e300), (10, 1e308), (5, NAN)],
        [(-5, 1), (-1, 2), (2, NAN)],
        [(5, math.inf), (6, math.inf), (7, NAN)],
        [(5, -math.inf), (6, 1), (1, NAN)],
    ],
)
def test_absurd_numbers_do_no_harm(rows: list[tuple[float, float]]) -> None:
    """Whatever numbers a log claims, there is no exception, and training rows stay in place."""
    placed = Placed(rows)
    assert placed.steps[:2] == [rows[0][0], rows[1][0]]


@settings(deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.floats(-100, 1e6) | st.integers(0, 5).map(float),
            st.just(NAN) | st.integers(0, 5).map(float) | st.floats(0, 5),
        ),
        max_size=25,
    ),
    cut=st.integers(0, 25),
)
def test_training_rows_stay_where_they_were_logged(
    rows: list[tuple[float, float]], cut: int
) -> None:
    """Only rows without an epoch are ever moved, whatever the log holds."""
    placed = Placed(rows[:cut], rows[cut:])
    for (step, epoch), now in zip(rows, placed.steps, strict=True):
        if not math.isnan(epoch):
            assert now == step

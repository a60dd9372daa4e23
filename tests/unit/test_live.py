"""What is known of a run that is followed, by scripted batches and a scripted clock."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainviz_cli.formats.local import FORMAT as LOCAL
from trainviz_cli.formats.tensorboard import FORMAT as TENSORBOARD
from trainviz_cli.model.batch import Batch, assemble
from trainviz_cli.runs import FoundRun
from trainviz_cli.runs.live import LiveRun

UNIX = 1.7e9  # what the clock of a log says
NOW = 5000.0  # what ours does
NAN = math.nan


def batch(
    steps: Sequence[float],
    values: Mapping[str, Sequence[float]] | None = None,
    *,
    times: Sequence[float] | None = None,
    epochs: Sequence[float] | None = None,
    start: int | Sequence[int] | None = None,
) -> Batch:
    """Rows at these steps; of each key a value in each row, NaN where it has none."""
    values = {"loss": [0.5] * len(steps)} if values is None else values
    table = np.array([*values.values()], np.float64).reshape(len(values), len(steps)).T
    rows, codes = np.nonzero(~np.isnan(table))
    return Batch(
        keys=list(values),
        codes=codes.astype(np.int32),
        rows=rows.astype(np.int32),
        values=table[rows, codes],
        steps=np.array(steps),
        epochs=None if epochs is None else np.array(epochs, np.float64),
        wall_times=None if times is None else UNIX + np.array(times, np.float64),
        starts=None if start is None else np.broadcast_to(start, len(steps)).astype(np.int64),
    )


def bad(step: float, value: float, start: int | None = None) -> Batch:
    """One value of a loss that may be none."""
    one = batch([step], {"loss": [0.0]}, start=start)
    one.values[:] = value
    return one


def live(*batches: Batch, config: dict[str, object] | None = None, room: int = 1000) -> LiveRun:
    """A run that was there before, and has just been read."""
    run = LiveRun(FoundRun("exp", Path("exp"), LOCAL, Path("exp/scalars.json")), room, NOW)
    if config:
        run.learn(config)
    for each in batches:
        run.add([each], NOW, age_s=0.0)
    return run


def ticking(run: LiveRun, seconds: Sequence[float], by: int = 10, times: bool = True) -> float:  # noqa: FBT001, FBT002 - a script
    """Lets records come at these seconds from now on; returns the time of the last one."""
    step = int(run.step or 0)
    for second in seconds:
        step += by
        new = batch([step], times=[second] if times else None)
        run.add([new], NOW + second, age_s=None)
    return NOW + seconds[-1]


def test_a_run_without_records_says_nothing() -> None:
    """No step, no epoch, no pace; silent, but neither stalled nor finished."""
    run = live(config={"max_steps": 100})
    assert run.step is run.epoch is run.steps_per_s is run.left_s is None
    assert run.alarms() == []
    assert list(run.keys) == []
    assert run.silent_s(NOW + 30) == 30
    assert not run.has_stalled(NOW + 1e6)
    assert not run.is_finished
    assert not run.is_over(NOW + 60)
    assert run.is_over(NOW + 61)
    run.add([Batch.empty(["loss"])], NOW, age_s=0.0)
    assert (run.records, run.step) == (0, None)


def test_step_and_epoch_are_the_latest() -> None:
    """However the rows came in batches; and rows without an epoch leave it."""
    run = live(batch([10, 20], epochs=[0.5, 1]), batch([30]), batch([40, 50], epochs=[2, NAN]))
    assert (run.step, run.epoch, run.records) == (50, 2, 5)


def test_a_key_that_lags_behind_is_no_restart() -> None:
    """A validation at a lower step, or a key that counts epochs, leaves the step and the pace."""
    run = live(
        batch([100, 110], times=[0, 1]),
        batch([90], {"val/acc": [1.0]}, times=[1.5]),
        batch([120], times=[2]),
        batch([1], {"epoch_loss": [1.0]}, times=[2.5]),
        batch([2], {"epoch_loss": [1.0]}, times=[2.6]),
    )
    assert (run.step, run.steps_per_s) == (120, 10)


@pytest.mark.parametrize("portions", [1, 2, 3, 6, 13])
@pytest.mark.parametrize("start", [None, 1])
def test_a_run_that_began_again(portions: int, start: int | None) -> None:
    """Its step is where it is now, its pace that since then; whatever came in one batch."""
    steps = [10, 20, 30, 40, 50, 60, 70, 20, 30, 40, 50, 60, 65]
    times = [0, 1, 2, 3, 4, 5, 6, 500, 502, 504, 506, 508, 509]
    run = live()
    for places in np.array_split(np.arange(13), portions):
        here = [steps[i] for i in places]
        starts = None if start is None else [start if i >= 7 else 0 for i in places]
        run.add([batch(here, times=[times[i] for i in places], start=starts)], NOW, 0.0)
    assert run.step == 65
    assert run.steps_per_s == 5


def test_a_run_that_was_resumed_forgets_the_pause() -> None:
    """A new start that goes on where the old one ended: the night between counts for nothing."""
    run = live(
        batch([10, 20, 30], times=[0, 1, 2], start=0),
        batch([40, 50], times=[30_000, 30_001], start=1),
    )
    assert (run.step, run.steps_per_s) == (50, 10)
    one = live(batch([10, 20, 30, 40, 50], times=[0, 1, 2, 9e4, 9e4 + 1], start=[0, 0, 0, 1, 1]))
    assert (one.step, one.steps_per_s) == (50, 10)


def test_a_folder_of_its_own_is_no_restart() -> None:
    """Another part of the run, in other files and so in other starts, that is read after all."""
    folder = 1 << 32
    run = live(
        batch(range(10, 110, 10), times=range(10), start=0),
        batch([25, 50], {"eval/loss": [1, 1]}, times=[3, 6], start=folder),
        batch([75], {"eval/loss": [1]}, times=[8], start=folder),
    )
    assert (run.step, run.steps_per_s) == (100, 10)


def test_pace_by_our_own_clock() -> None:
    """Of a log without one: by when records came; those that were there before say nothing."""
    run = live(batch([0, 1000]))
    assert run.steps_per_s is None
    ticking(run, [0, 1, 2, 3], times=False)
    assert run.steps_per_s == 10
    for second in range(4, 8):  # many records at once are one moment
        run.add([batch(range(second * 1000, second * 1000 + 1000))], NOW + second, None)
    assert run.steps_per_s is not None
    assert run.steps_per_s > 100


def test_clocks_are_not_mixed() -> None:
    """Where a log has a clock only from some record on, or not always, that of the log counts."""
    run = live()
    ticking(run, [0, 1, 2], times=False)
    run.add([batch([40, 50], times=[100, 102])], NOW + 3, None)
    assert run.steps_per_s == 5
    run.add([batch([60])], NOW + 4, None)
    assert run.steps_per_s == 5
    assert run.step == 60
    run.add([batch([70, 80], times=[106, NAN])], NOW + 4, None)
    assert run.steps_per_s == 5


def test_pace_with_a_clock_that_goes_back() -> None:
    """It is known all the same."""
    run = live(batch([10, 20, 30, 40, 50], times=[100, 101, 102, 3, 4]))
    assert run.steps_per_s == pytest.approx(10)


@pytest.mark.parametrize(
    "config",
    [
        {"total_steps": 1000},
        {"train_cfg": {"type": "IterBasedTrainLoop", "max_iters": 1000}},
        {"args": [{"max_steps": 1000}], "epochs": 3},
        {"max_epochs": 10},
        {"num_train_epochs": 10.0},
        {"epochs": 10},
    ],
)
def test_time_left_from_the_configuration(config: dict[str, object]) -> None:
    """By steps, or by epochs and how long those are."""
    steps = range(10, 510, 10)
    run = live(batch(steps, times=[step / 5 for step in steps], epochs=[s / 100 for s in steps]))
    assert run.left_s is None
    assert not run.has_config
    run.learn(config)
    assert run.has_config
    assert run.left_s == pytest.approx(100)


def test_time_left_from_a_logged_key() -> None:
    """A key that says the length at every step, however it is nested; it may be corrected."""
    values = {"loss": [1.0] * 3, "time/total_steps": [NAN, 100.0, 100.0]}
    run = live(batch([10, 20, 30], values, times=[0, 1, 2]))
    assert run.plan.steps == 100
    assert run.left_s == 7
    run.learn({"max_epochs": 3})
    assert run.left_s == 7


def test_a_counter_is_no_plan() -> None:
    """What is called a total but grows with the steps is how many there were."""
    run = live(batch([100], {"time/total_timesteps": [100]}))
    for step in (200, 300):
        run.add([batch([step], {"time/total_timesteps": [step]}, times=[step])], NOW, None)
    assert run.plan.steps is None
    assert not run.is_finished


def test_epochs_counted_whole() -> None:
    """The first epoch of many records tells nothing of its length; later ones do."""
    steps = list(range(10, 210, 10))
    epochs = [(step - 1) // 100 + 1 for step in steps]
    run = live(batch(steps, times=steps, epochs=epochs), config={"max_epochs": 2})
    assert run.left_s is None
    assert not run.is_finished
    run.add([batch([210, 220], times=[210, 220], epochs=[3, 3])], NOW, 0.0)
    run.learn({"max_epochs": 5})
    assert run.left_s == 280
    single = live(batch([10, 20], times=[0, 1], epochs=[1, 1]), config={"max_epochs": 1})
    assert not single.is_finished
    assert single.left_s is None


def test_epochs_are_counted_anew_in_a_run_that_began_again() -> None:
    """Their length is told from what came since."""
    run = live(
        batch([100, 200, 300], epochs=[1, 2, 3], times=[1, 2, 3]),
        batch([50, 100, 150, 200], epochs=[1, 2, 3, 4], times=[9, 10, 11, 12]),
        config={"max_epochs": 10},
    )
    assert run.left_s == 6


def test_time_left_without_a_pace_or_a_plan() -> None:
    """It is unknown; and at the end it is none."""
    assert live(batch([10, 20]), config={"max_steps": 100}).left_s is None
    assert live(batch([10, 20], times=[0, 1])).left_s is None
    assert live(batch([90, 100], times=[0, 1]), config={"max_steps": 100}).left_s == 0
    assert live(batch([90, 110]), config={"max_steps": 100}).left_s == 0


@pytest.mark.parametrize(
    ("steps", "total", "finished"),
    [
        (range(50, 3050, 50), 3000, True),
        (range(50, 3000, 50), 3000, False),
        (range(0, 3000, 50), 3000, True),
        (range(0, 2950, 50), 3000, False),
        (range(49, 3000, 50), 3000, True),
        (range(3000), 3000, True),
        (range(2999), 3000, False),
        (range(1, 3001), 3000, True),
        (range(0, 2990, 100), 2990, True),
        (range(100, 3000, 100), 2990, True),
        (range(100, 2900, 100), 2990, False),
        ([1], 1, True),
        ([0], 1, True),
        ([0, 5000], 3000, True),
    ],
)
@pytest.mark.parametrize("times", [True, False])
def test_finished_is_when_no_other_record_fits_in(
    steps: Sequence[int],
    total: int,
    finished: bool,  # noqa: FBT001 - a case
    times: bool,  # noqa: FBT001 - a case
) -> None:
    """Counted from 0 or from 1, logged at every step or at every 50th; with or without a clock."""
    of = batch(list(steps), times=list(range(len(steps))) if times else None)
    assert live(of, config={"max_iters": total}).is_finished is finished


def test_stalled_after_five_usual_gaps() -> None:
    """Not sooner; no longer when it goes on; and never when it is at its end."""
    run = live(batch([0], times=[0]))
    last = ticking(run, range(10, 210, 10))
    assert run.stalled_after_s() == 50
    assert not run.has_stalled(last + 50)
    assert run.has_stalled(last + 51)
    last = ticking(run, [300])
    assert not run.has_stalled(last + 50)
    run.learn({"max_steps": run.step})
    assert not run.has_stalled(last + 1e6)


def test_validation_that_came_twice_is_no_stall() -> None:
    """The pause before is usual by then; the first time it might be one."""
    run = live()
    last = ticking(run, range(20))
    assert run.has_stalled(last + 6)
    last = ticking(run, range(80, 100))
    assert run.has_stalled(last + 6)
    last = ticking(run, range(160, 180))
    assert not run.has_stalled(last + 80)
    assert run.has_stalled(last + 1.5 * 61 + 1)


def test_what_tensorboard_holds_back_is_waited_for() -> None:
    """Until it is known how long that is: events come minutes after they were made."""
    found = FoundRun("exp", Path("exp"), TENSORBOARD, Path("exp"))
    run = LiveRun(found, 1000, NOW)
    run.add([batch(range(100), times=range(100))], NOW, age_s=0.0)
    assert not run.has_stalled(NOW + 120)
    assert run.has_stalled(NOW + 126)


def test_over_is_finished_or_stalled_for_good() -> None:
    """After the usual silence where it is at its end, else after ten times that, or a minute."""
    run = live()
    last = ticking(run, range(0, 200, 10))
    assert not run.is_over(last + 500)
    assert run.is_over(last + 501)
    run.learn({"max_steps": run.step})
    assert not run.is_over(last + 50)
    assert run.is_over(last + 51)
    quick = live()
    last = ticking(quick, [0, 0.1, 0.2, 0.3])
    assert quick.has_stalled(last + 3)
    assert not quick.is_over(last + 60)
    assert quick.is_over(last + 61)


def test_an_old_log_is_silent_since_it_was_written() -> None:
    """It has stalled, and is over, when it is opened."""
    run = live()
    run.add([batch([1, 2, 3], times=[0, 1, 2])], NOW, age_s=86_400.0)
    assert run.silent_s(NOW) == 86_400
    assert run.has_stalled(NOW)
    assert run.is_over(NOW)
    run.add([batch([4], times=[90_000])], NOW + 1, age_s=None)
    assert run.silent_s(NOW + 1) == 0


def test_a_clock_in_the_future_is_no_silence() -> None:
    """Nor is one of ours that goes back; what is read just now, is new."""
    run = live(batch([1, 2, 3], times=[1e6, 1e6 + 1, 1e6 + 2]))
    assert run.silent_s(NOW) == 0
    assert run.silent_s(NOW - 10) == 0
    assert not run.has_stalled(NOW)


@pytest.mark.parametrize("value", [NAN, math.inf, -math.inf])
def test_alarms_name_the_first_bad_step(value: float) -> None:
    """Of each key; and a finite value after it takes nothing back."""
    run = live(batch([1, 2], {"loss": [1, 1], "lr": [1, 1]}), bad(3, value), bad(4, value))
    assert run.alarms() == [("loss", 3)]
    run.add([batch([5])], NOW, None)
    assert run.alarms() == [("loss", 3)]


@pytest.mark.parametrize("start", [None, 1])
def test_alarms_are_gone_after_a_restart_from_before(start: int | None) -> None:
    """Not after one from behind; and a new one is told again."""
    first = None if start is None else 0
    run = live(batch([1, 2], start=first), bad(3, NAN, first), batch([4, 5, 6], start=first))
    run.add([batch([5], start=start)], NOW, None)
    assert run.alarms() == [("loss", 3)]
    run.add([batch([2], start=None if start is None else 2)], NOW, None)
    assert run.alarms() == []
    run.add([bad(4, math.inf, None if start is None else 2)], NOW, None)
    assert run.alarms() == [("loss", 4)]


def test_it_is_thinned_when_a_key_outgrows_its_room() -> None:
    """All samples count, and less room is taken from then on."""
    run = live(batch(range(100)), batch([100], {"acc": [1]}), room=100)
    assert not run.is_thinned
    run.add([batch([101])], NOW, None)
    assert run.is_thinned
    assert run.records == 102
    run.give_room(64)
    run.add([batch(range(102, 202)), batch([202], {"lr": [1]})], NOW, None)
    assert len(run.as_run()["loss"]) <= 64
    assert [*run.keys] == ["loss", "acc", "lr"]


def test_the_run_goes_along() -> None:
    """With what comes, and with what it is called."""
    run = live(batch([1]))
    first = run.as_run()
    assert first.name == run.name == "exp"
    run.found = run.found._replace(name="a/exp")
    assert run.as_run().name == "a/exp"
    before = run.version("loss")
    run.add([batch([2])], NOW, None)
    assert run.version("loss") != before
    assert first["loss"].steps.tolist() == run.as_run()["loss"].steps.tolist() == [1, 2]
    assert list(first) == ["loss"]


def test_the_run_began_with_its_earliest_record() -> None:
    """Of all keys and all batches, though it comes late; rows without a time say nothing."""
    run = live(
        batch([1], {"loss": [1], "acc": [1]}, times=[NAN]),
        batch([2], times=[50]),
        batch([3], {"acc": [1]}, times=[20]),
        batch([4], times=[60]),
    )
    assert run.as_run()["loss"].view("relative").x[1:].tolist() == [30, 40]
    assert run.as_run()["acc"].view("relative").x[1:].tolist() == [0]


def test_a_part_of_a_run_began_with_the_run() -> None:
    """So that its axes are the run's, and what a start took the place of doesn't come back."""
    first, second = (
        batch([10, 20, 30], {"loss": [1, 2, 3], "acc": [NAN, NAN, 3]}, times=[0, 1, 2], start=0),
        batch([15, 35], {"loss": [4, 5], "acc": [NAN, 5]}, times=[9, 10], start=1),
    )
    run = live(first, second)
    part = run.part(100, NOW)
    assert (part.records, part.step, list(part.keys)) == (0, None, [])
    for each in (first, second):
        part.add([each.only(each.steps >= 30)], NOW, age_s=0.0)
    view = part.as_run()["acc"].view("relative")
    assert (view.x.tolist(), view.y.tolist()) == ([10], [5])
    assert part.tally("acc") == run.tally("acc")


ROW = st.tuples(
    st.integers(-2, 30) | st.floats(0, 9).map(lambda step: round(step, 1)),
    st.integers(0, 2),
    st.sampled_from([NAN, 0.0, 1.0, 5.0]),
)


@settings(deadline=None)
@given(rows=st.lists(ROW, max_size=40), cuts=st.lists(st.integers(0, 40), max_size=6).map(sorted))
def test_a_run_with_room_says_what_reading_it_says(
    rows: list[tuple[float, int, float]], cuts: list[int]
) -> None:
    """Whatever the portions, restarts, starts and clocks are, in every key."""
    batches = []
    start = 0
    for begin, end in zip([0, *cuts], [*cuts, 40], strict=True):
        if part := rows[begin:end]:
            start += part[0][1] == 2
            keys: dict[str, list[float]] = {
                key: [
                    float(i) if which % 2 == code else NAN for i, (_, which, _) in enumerate(part)
                ]
                for code, key in enumerate(("loss", "acc"))
            }
            times = [time for _, _, time in part]
            steps = [step for step, _, _ in part]
            batches.append(batch(steps, keys, times=times, start=start))
    run, whole = live(*batches), assemble(batches)
    found: dict[str, Any] = dict(run.as_run().series)
    assert found.keys() == whole.keys()
    for key, series in whole.items():
        for overlap in ("first", "last", "all"):
            np.testing.assert_array_equal(
                found[key].view("step", overlap).y, series.view("step", overlap).y
            )
        assert found[key].start_time == series.start_time
        assert found[key].segments == series.segments
        best = run.tally(key)
        assert best.last == series.values[-1]
    if rows:
        assert run.step is not None
        assert run.step in {step for step, _, _ in rows}
        assert run.records == len(rows)
        assert run.silent_s(NOW) == 0


@settings(deadline=None)
@given(
    steps=st.lists(st.integers(0, 20), min_size=1, max_size=40),
    cuts=st.lists(st.integers(0, 40), max_size=6).map(sorted),
)
def test_the_step_of_one_key_is_its_last(steps: list[int], cuts: list[int]) -> None:
    """However often it goes back, and whatever the portions are."""
    parts = [steps[begin:end] for begin, end in zip([0, *cuts], [*cuts, 40], strict=True)]
    assert live(*(batch(part) for part in parts if part)).step == steps[-1]

"""Views of any series, against what replaying the log sample by sample gives."""

from typing import NamedTuple

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from trainviz_cli.model.series import Series, View


class Sample(NamedTuple):
    """One sample as written."""

    place: int
    segment: int
    step: float


STEPS = st.lists(st.integers(0, 15), min_size=1, max_size=10).map(sorted)
LOGS = st.lists(STEPS, min_size=1, max_size=6).map(
    lambda segments: [
        Sample(place, segment, step)
        for place, (segment, step) in enumerate(
            (segment, step) for segment, steps in enumerate(segments) for step in steps
        )
    ]
)


def series(log: list[Sample]) -> Series:
    """The series of a log; each value is the place where it was written."""
    begins = [each.place for each in log if not each.place or log[each.place - 1][1] != each[1]]
    places = np.arange(float(len(log)))
    return Series(
        "loss",
        np.array([each.step for each in log]),
        places,
        epochs=places / 7,
        wall_times=1000 - 3 * places,
        segments=tuple(begins),
        start_time=400.0,
    )


def replayed_last(log: list[Sample]) -> list[Sample]:
    """The log replayed: a restart discards what lies ahead of it, a repeat what it repeats."""
    kept: list[Sample] = []
    for place, each in enumerate(log):
        begins = place > 0 and log[place - 1].segment != each.segment
        kept = [old for old in kept if old.step < each.step or not begins]
        if kept and kept[-1].step == each.step:
            kept.pop()
        kept.append(each)
    return kept


def replayed_first(log: list[Sample]) -> list[Sample]:
    """The log replayed: only what lies beyond everything that was there is added."""
    kept: list[Sample] = []
    for each in log:
        if not kept or each.step > kept[-1].step:
            kept.append(each)
    return kept


def pieces(kept: list[Sample]) -> list[list[float]]:
    """The places of these samples, cut wherever the next one is of another segment."""
    found: list[list[float]] = []
    for i, each in enumerate(kept):
        if not i or kept[i - 1].segment != each.segment:
            found.append([])
        found[-1].append(each.place)
    return found


def drawn(view: View) -> list[list[float]]:
    """The places that each piece of a view draws."""
    return [view.y[piece].tolist() for piece in view.slices()]


def has_one_step(log: list[Sample]) -> bool:
    """Whether the order is the axis, because no step tells the samples apart."""
    return len(log) > 1 and len({each.step for each in log}) == 1


@settings(deadline=None)
@given(log=LOGS.filter(lambda log: not has_one_step(log)))
def test_overlap_is_a_replay_of_the_log(log: list[Sample]) -> None:
    """`last`, `first` and `all` draw what replaying the log leaves, cut at the same places."""
    of = series(log)
    assert drawn(of.view(overlap="last")) == pieces(replayed_last(log))
    assert drawn(of.view(overlap="first")) == pieces(replayed_first(log))
    assert drawn(of.view(overlap="all")) == pieces(log)


@settings(deadline=None)
@given(
    log=LOGS.filter(lambda log: not has_one_step(log)), overlap=st.sampled_from(["first", "last"])
)
def test_steps_ascend_without_repeats(log: list[Sample], overlap: str) -> None:
    """The steps of a view ascend, and each step has its first or its last value written."""
    view = series(log).view(overlap=overlap)
    assert (np.diff(view.steps) > 0).all()
    written: dict[float, list[int]] = {}
    for each in log:
        written.setdefault(each.step, []).append(each.place)
    chosen = 0 if overlap == "first" else -1
    for step, place in zip(view.steps.tolist(), view.y.tolist(), strict=True):
        assert written[step][chosen] == place


@settings(deadline=None)
@given(log=LOGS)
def test_the_ends_of_the_run_are_drawn(log: list[Sample]) -> None:
    """`last` always has the newest sample, `first` the oldest and the furthest step."""
    of = series(log)
    assert of.view(overlap="last").y[-1] == len(log) - 1
    first = of.view(overlap="first")
    assert first.y[0] == 0
    assert first.steps[-1] == max(each.step for each in log)


@settings(deadline=None)
@given(
    log=LOGS,
    overlap=st.sampled_from(["first", "last", "all"]),
    axis=st.sampled_from(["step", "epoch", "time", "relative", "index"]),
)
def test_pieces_partition_the_samples_on_every_axis(
    log: list[Sample], overlap: str, axis: str
) -> None:
    """No piece is empty, none overlap, none spans a restart, and each sample has its own x."""
    of = series(log)
    view = of.view(axis, overlap)
    places = view.y.astype(int)
    assert view.pieces[0] == 0
    assert list(view.pieces) == sorted(set(view.pieces))
    assert view.pieces[-1] < len(view)
    assert sum(drawn(view), []) == view.y.tolist()  # noqa: RUF017 - small
    assert view.steps.tolist() == of.steps[places].tolist()
    columns = {
        "step": of.steps,
        "epoch": places if of.epochs is None else of.epochs,
        "time": 1000 - 3 * np.arange(len(log)),
        "relative": 600 - 3 * np.arange(len(log)),
        "index": np.arange(len(log)),
    }
    assert view.axis in {axis, "index"}
    assert view.x.tolist() == columns[view.axis][places].tolist()
    if not has_one_step(log):
        for piece in drawn(view):
            assert len({log[int(place)].segment for place in piece}) == 1

"""Histories against NumPy and the plainest way to say what they mean; outboxes against a queue."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from trainviz_cli.writing.events import EventStorage, HistoryBuffer
from trainviz_cli.writing.history import Outbox, Reader

NUMBERS = st.floats(-1e300, 1e300)
ANY = NUMBERS | st.sampled_from([math.nan, math.inf, -math.inf])
WINDOWS = st.integers(1, 40)
# Iterations as training code has them: mostly the next one, several values in one, some put late.
STEPS = st.lists(st.sampled_from([0, 0, 1, 1, 1, 5, 30, -3, -60]), min_size=1, max_size=60)


def filled(values: list[float], max_length: int = 1_000_000) -> HistoryBuffer:
    """A history of these values."""
    history = HistoryBuffer(max_length)
    for value in values:
        history.update(value)
    return history


def same(a: float, b: float, scale: float = 0.0) -> bool:
    """Whether two means are the same but for the order in which they were summed."""
    return a == b or (math.isnan(a) and math.isnan(b)) or abs(a - b) <= 1e-12 * scale


@given(values=st.lists(ANY, min_size=1, max_size=60), window=WINDOWS)
@example(values=[math.nan] + [1.0] * 5, window=5)
@example(values=[math.inf, -math.inf], window=2)
def test_median_and_mean_of_a_window(values: list[float], window: int) -> None:
    """They are NumPy's, of the last values, NaN and infinities included."""
    history = filled(values)
    last = np.array(values[-window:])
    with np.errstate(invalid="ignore"):
        assert same(history.median(window), float(np.median(last)))
        scale = float(np.abs(last[np.isfinite(last)]).sum())
        assert same(history.avg(window), float(np.mean(last)), scale)


@given(values=st.lists(ANY, min_size=1, max_size=60), max_length=st.integers(1, 70))
def test_what_is_kept_and_what_is_counted(values: list[float], max_length: int) -> None:
    """The last values are kept with their places; the mean and the count are of all that came."""
    history = filled(values, max_length)
    expected = list(zip(values, range(len(values)), strict=True))[-max_length:]
    assert repr(history.values()) == repr(expected)
    assert history.count() == len(values)
    assert repr(history.latest()) == repr(values[-1])
    with np.errstate(invalid="ignore"):
        scale = sum(abs(value) for value in values if math.isfinite(value))
        assert same(history.global_avg(), float(np.mean(values)), scale)


@given(steps=STEPS, window=WINDOWS)
@example(steps=[1] * 30, window=20)
@example(steps=[1] * 30 + [-60], window=20)
def test_samples_of_the_last_iterations(steps: list[int], window: int) -> None:
    """A window of iterations has the values back to the first that is older than it."""
    iterations = np.cumsum(steps).tolist()
    history = HistoryBuffer()
    for iteration in iterations:
        history.update(0.0, iteration)
    older = [at for at, iteration in enumerate(iterations) if iteration <= iterations[-1] - window]
    first = older[-1] + 1 if older else 0
    assert history.count_since(window) == len(iterations) - first


@given(
    puts=st.lists(st.tuples(st.sampled_from("abc"), NUMBERS, st.integers(0, 3)), max_size=60),
    window=WINDOWS,
)
def test_smoothing_by_iterations(puts: list[tuple[str, float, int]], window: int) -> None:
    """What is hinted is the median of its last iterations, everything else the latest value."""
    storage = EventStorage()
    samples: dict[str, list[tuple[float, int]]] = {}
    for name, value, step in puts:
        storage.iter += step
        storage.put_scalar(name, value, smoothing_hint=name != "c")
        samples.setdefault(name, []).append((value, storage.iter))
    expected = {}
    for name, known in samples.items():
        latest, last = known[-1]
        recent = [value for value, iteration in known if iteration > last - window]
        expected[name] = (latest if name == "c" else float(np.median(recent)), last)
        assert storage.count_samples(name, window) == len(recent)
    assert storage.latest_with_smoothing_hint(window) == expected
    assert storage.latest() == {name: known[-1] for name, known in samples.items()}


READERS = range(3)
TURNS = st.lists(st.sampled_from(["put", *READERS]), max_size=80)


@given(turns=TURNS)
def test_every_reader_gets_everything_once(turns: list[Any]) -> None:
    """Readers that are expected get all things in order, in whatever order they take turns."""
    outbox: Outbox[int] = Outbox()
    readers = [Reader() for _ in READERS]
    for reader in readers:
        outbox.expect(reader)
    had: list[list[int]] = [[] for _ in READERS]
    count = 0
    for turn in turns:
        if turn == "put":
            outbox.put(count)
            count += 1
        else:
            had[turn] += outbox.take(readers[turn])
    for reader, things in zip(readers, had, strict=True):
        assert [*things, *outbox.take(reader)] == list(range(count))
    assert list(outbox.take(readers[0])) == []
    assert len(outbox) == 0


@given(turns=TURNS)
def test_nothing_waits_for_the_gone(turns: list[Any]) -> None:
    """A reader that stopped or vanished holds nothing back: no more waits than since two turns."""
    outbox: Outbox[int] = Outbox()
    active, stopped = Reader(), Reader()
    outbox.expect(active)
    outbox.expect(stopped)
    outbox.expect(Reader())
    stopped.active = False
    since = [0]
    for turn in turns:
        if turn == "put":
            outbox.put(0)
            since[-1] += 1
        else:
            assert len(list(outbox.take(active))) == since[-1]
            since.append(0)
        assert len(outbox) == sum(since[-2:])


@given(bins=st.integers(1, 50), values=st.lists(st.floats(-1024, 1024, width=16), max_size=50))
def test_histograms(bins: int, values: list[float]) -> None:
    """Counts and edges are NumPy's, and every finite value is in one bin."""
    storage = EventStorage(7)
    storage.put_histogram("h", [*values, math.nan, math.inf], bins)
    [(name, (counts, edges), iteration)] = storage.histograms
    assert (name, iteration) == ("h", 7)
    assert counts.shape == (bins,)
    assert edges.shape == (bins + 1,)
    assert counts.sum() == len(values)
    assert edges.tolist() == np.histogram(values, bins)[1].tolist()


@pytest.mark.parametrize("method", ["latest", "global_avg", "median", "avg", "count_since"])
def test_an_empty_history(method: str) -> None:
    """It says that it is empty, whatever is asked of it."""
    arguments = () if method in {"latest", "global_avg"} else (5,)
    with pytest.raises(IndexError, match="no value has been put"):
        getattr(HistoryBuffer(), method)(*arguments)


@pytest.mark.parametrize("window", [0, -1])
def test_windows_of_nothing(window: int) -> None:
    """A window of no values is refused, and does not mean all of them."""
    history = filled([1.0, 2.0])
    for method in (history.median, history.avg, history.count_since):
        with pytest.raises(ValueError, match="room for 1 or more"):
            method(window)

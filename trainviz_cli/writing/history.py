"""What an `EventStorage` holds: the values of scalars, and what is on its way to writers."""

from __future__ import annotations

from collections import defaultdict, deque
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from math import isnan, nan
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from collections.abc import Iterator

Item = TypeVar("Item")


class HistoryBuffer:
    """The values of one scalar, each with its iteration.

    An update costs the same however many there are; a window costs what is in it.

    Args:
        max_length: How many values to keep; then each new one drops the oldest.

    Source: fvcore 0.1.5, fvcore/common/history_buffer.py.
    """

    def __init__(self, max_length: int = 1_000_000) -> None:
        self._samples: deque[tuple[float, int]] = deque(maxlen=max_length)
        self._count = 0
        self._total = 0.0

    def update(self, value: object, iteration: int | None = None) -> None:
        """Adds a value as `to_float` takes it; its iteration is the count so far if left out."""
        number = to_float(value)
        self._samples.append((number, self._count if iteration is None else iteration))
        self._count += 1
        self._total += number

    def count(self) -> int:
        """How many values came, those dropped included."""
        return self._count

    def latest(self) -> float:
        """The last value; `IndexError` if there is none, here and below."""
        self._check_filled()
        return self._samples[-1][0]

    def median(self, window_size: int) -> float:
        """The median of the last values; NaN if one of them is."""
        values = sorted(self._last(window_size))
        middle = len(values) // 2
        if any(map(isnan, values)):
            return nan
        return values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2

    def avg(self, window_size: int) -> float:
        """The mean of the last values."""
        values = self._last(window_size)
        return sum(values) / len(values)

    def global_avg(self) -> float:
        """The mean of all values, those dropped included."""
        self._check_filled()
        return self._total / self._count

    def values(self) -> list[tuple[float, int]]:
        """Each value that is kept and its iteration, oldest first."""
        return list(self._samples)

    def count_since(self, iterations: int) -> int:
        """How many values came in the last iterations, counted back from that of the last value.

        As in detectron2, counting ends at the first that is older.
        """
        size = 2 * iterations
        while True:
            recent = self._recent(size)
            oldest = recent[0][1] - iterations
            for count, (_, iteration) in enumerate(recent):
                if iteration <= oldest:
                    return count
            if len(recent) < size:
                return len(recent)
            size *= 8  # several values in each iteration

    def _last(self, window_size: int) -> list[float]:
        return [value for value, _ in self._recent(window_size)]

    def _recent(self, count: int) -> list[tuple[float, int]]:
        """The last samples, newest first; all of them if they are fewer."""
        self._check_filled()
        if count < 1:
            raise ValueError(f"a window has room for 1 or more, not {count}")
        while True:
            # Between the three calls another thread may put a value, which the iterator refuses.
            with suppress(RuntimeError):
                return list(islice(reversed(self._samples), count))

    def _check_filled(self) -> None:
        if not self._samples:
            raise IndexError("the history is empty: no value has been put yet")


class ScalarHistories:
    """The scalars of a training, as they are put and as they are read.

    Args:
        start_iter: The iteration to begin with.

    Attributes:
        iter: The iteration to which belongs what is put; set it in each, or call `step`.
    """

    def __init__(self, start_iter: int = 0) -> None:
        self.iter = start_iter
        self._history: defaultdict[str, HistoryBuffer] = defaultdict(HistoryBuffer)
        self._latest_scalars: dict[str, tuple[float, int]] = {}
        self._smoothing_hints: dict[str, bool] = {}
        self._current_prefix = ""

    @property
    def iteration(self) -> int:
        """The same as `iter`."""
        return self.iter

    def step(self) -> None:
        """Begins the next iteration."""
        self.iter += 1

    @contextmanager
    def name_scope(self, name: str) -> Iterator[None]:
        """Within it, scalars are called `name/...`.

        As in detectron2, images and histograms are not, and an inner scope replaces the outer.
        """
        outer, self._current_prefix = self._current_prefix, name.rstrip("/") + "/"
        try:
            yield
        finally:
            self._current_prefix = outer

    def put_scalar(
        self,
        name: str,
        value: object,
        smoothing_hint: bool = True,  # noqa: FBT001, FBT002 - detectron2's signature
        cur_iter: int | None = None,
    ) -> None:
        """Adds a value to the history of `name`.

        Args:
            name: Its name; a `name_scope` goes before it.
            value: A number, or a NumPy, torch or JAX scalar.
            smoothing_hint: Whether it is noisy, so that writers should smooth it.
            cur_iter: The iteration it belongs to, if not `iter`.

        Raises:
            TypeError: It is no number.
            ValueError: It is an array of several, or was put with another `smoothing_hint`.
            RuntimeError: It is a tensor of several.
        """
        name = self._current_prefix + name
        number = to_float(value)
        iteration = self.iter if cur_iter is None else cur_iter
        if self._smoothing_hints.setdefault(name, smoothing_hint) != smoothing_hint:
            raise ValueError(f"Scalar {name} was put with a different smoothing_hint!")
        self._history[name].update(number, iteration)
        self._latest_scalars[name] = number, iteration

    def put_scalars(
        self, *, smoothing_hint: bool = True, cur_iter: int | None = None, **kwargs: object
    ) -> None:
        """Puts several scalars: `put_scalars(loss=loss, accuracy=accuracy)`."""
        for name, value in kwargs.items():
            self.put_scalar(name, value, smoothing_hint, cur_iter)

    def history(self, name: str) -> HistoryBuffer:
        """The values of one scalar; `KeyError` if it was never put."""
        if name not in self._latest_scalars:
            raise KeyError(f"No history metric available for {name}!")
        return self._history[name]

    def histories(self) -> dict[str, HistoryBuffer]:
        """The values of every scalar."""
        return {name: self._history[name] for name in self.latest()}

    def latest(self) -> dict[str, tuple[float, int]]:
        """The last value of every scalar, and its iteration."""
        return dict(self._latest_scalars)

    def latest_with_smoothing_hint(self, window_size: int = 20) -> dict[str, tuple[float, int]]:
        """As `latest`, but the median of the scalars that are to be smoothed.

        Args:
            window_size: How many iterations the median looks back, however many values they have.
        """
        latest = self.latest()
        for name, (_, iteration) in latest.items():
            if self._smoothing_hints[name]:
                count = self.count_samples(name, window_size)
                latest[name] = self._history[name].median(count), iteration
        return latest

    def count_samples(self, name: str, window_size: int = 20) -> int:
        """How many values a scalar has in the `window_size` iterations up to its last."""
        return self.history(name).count_since(window_size)

    def smoothing_hints(self) -> dict[str, bool]:
        """Whether each scalar is to be smoothed."""
        return dict(self._smoothing_hints)


@dataclass(eq=False)
class Reader:
    """Whoever takes from an `Outbox`.

    Attributes:
        active: Whether things have to wait for it.
    """

    active: bool = True


class Outbox(Generic[Item]):
    """Things that several readers want: one leaves when every active reader has had it.

    It does so at the next turn of any reader, so that one whose first turn is just after that of
    another gets the same. A reader that nothing refers to is forgotten.
    """

    def __init__(self) -> None:
        self._waiting: list[Item] = []
        self._left = 0  # how many have left, so that each thing keeps its number
        self._had: WeakKeyDictionary[Reader, int] = WeakKeyDictionary()

    def __iter__(self) -> Iterator[Item]:
        return iter(list(self._waiting))

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, item: Item) -> None:
        """Adds one thing."""
        self._waiting.append(item)

    def expect(self, reader: Reader) -> None:
        """Begins a turn of this reader: from the first on, what it has not had is kept."""
        reader.active = True
        self._had.setdefault(reader, self._left)
        had = min(number for reader, number in self._had.items() if reader.active)
        self._drop(max(had - self._left, 0))

    def take(self, reader: Reader) -> Iterator[Item]:
        """Everything that this reader has not had; begins a turn."""
        self.expect(reader)
        while (number := max(self._had[reader], self._left)) < self._left + len(self):
            # Before it is handed over: whoever can't take it is not offered it again.
            self._had[reader] = number + 1
            yield self._waiting[number - self._left]

    def skip(self, reader: Reader) -> None:
        """Counts everything as had by this reader."""
        self._had[reader] = self._left + len(self)

    def clear(self) -> None:
        """Drops everything, whoever has not had it."""
        self._drop(len(self))

    def _drop(self, count: int) -> None:
        del self._waiting[:count]
        self._left += count


def to_float(value: object) -> float:
    """A number, or the only element of an array or tensor, wherever it is.

    Raises:
        TypeError: It is no number.
        ValueError: It is an array of several, or text that is no number.
        RuntimeError: It is a tensor of several.
    """
    number: Any = value
    if not isinstance(number, float) and (item := getattr(number, "item", None)):
        number = item()  # float() of a torch tensor with gradients warns
    return float(number)

"""Values put from anywhere in the training code, and written every so many iterations.

The names are those of detectron2, fvcore and cvpods: code written for them changes its imports.

    with EventStorage() as storage:
        writer = PeriodicWriter([BackendWriter(LocalVisBackend("runs/exp1"))], period=20)
        for storage.iter in range(90_000):
            get_event_storage().put_scalar("loss", loss)
            writer.after_step()
        writer.after_train()

Source: detectron2/utils/events.py, detectron2/engine/hooks.py, cvpods/utils/dump/events.py.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import ExitStack
from contextvars import ContextVar
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Protocol, Self
from weakref import WeakKeyDictionary

from trainviz_cli.writing.history import HistoryBuffer, Outbox, Reader, ScalarHistories

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "BackendWriter",
    "EventStorage",
    "EventWriter",
    "HistoryBuffer",
    "PeriodicWriter",
    "get_event_storage",
    "has_event_storage",
]

# Every `with` that is open: in this thread or task, the innermost last; and anywhere, for threads
# that begin without a context, such as those in which torch runs backward hooks.
_NESTED: ContextVar[tuple[EventStorage, ...]] = ContextVar("_NESTED", default=())
_OPEN: list[EventStorage] = []


def get_event_storage() -> EventStorage:
    """The innermost `with EventStorage()` of this thread or task.

    A thread without one gets the one opened last in any other.

    Raises:
        RuntimeError: There is none.
    """
    for storage in reversed((*_OPEN, *_NESTED.get())):
        if storage in _OPEN:  # a task may outlive the `with` it began in
            return storage
    raise RuntimeError("get_event_storage() has to be called inside `with EventStorage(...):`")


def has_event_storage() -> bool:
    """Whether `get_event_storage` finds one."""
    return bool(_OPEN)


class EventStorage(ScalarHistories):
    """What a training measures: its code puts it here, and writers find it.

    Args:
        start_iter: The iteration to begin with.

    Attributes:
        images: On their way to the writers: name, image as it was put, iteration.
        histograms: On their way to the writers: name, (counts, edges), iteration.
    """

    def __init__(self, start_iter: int = 0) -> None:
        super().__init__(start_iter)
        self.images: Outbox[tuple[str, Any, int]] = Outbox()
        self.histograms: Outbox[tuple[str, Any, int]] = Outbox()
        # detectron2's writers, and those its users made, have only the private names.
        self._vis_data, self._histograms = self.images, self.histograms

    def __enter__(self) -> Self:
        _NESTED.set((*(outer for outer in _NESTED.get() if outer in _OPEN), self))
        _OPEN.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        _OPEN.remove(self)
        *outer, innermost = _NESTED.get() or (None,)
        if innermost is self:  # else it was opened in another context
            _NESTED.set(tuple(outer))

    def put_image(self, img_name: str, img_tensor: object) -> None:
        """Keeps an RGB image, not copied, until it is written or cleared.

        It is an array or tensor of shape (3, H, W), uint8 or float in 0..1, or whatever else
        `trainviz_cli.imaging.pixels.to_rgb` takes.
        """
        self.images.put((img_name, img_tensor, self.iter))

    def put_histogram(self, hist_name: str, hist_tensor: object, bins: int = 1000) -> None:
        """Counts the finite values of an array or tensor of any shape."""
        self.histograms.put((hist_name, _count_values(hist_tensor, bins), self.iter))

    @property
    def vis_data(self) -> list[tuple[str, Any, int]]:
        """The images that wait for a writer."""
        return list(self.images)

    def clear_images(self) -> None:
        """Drops the images, written or not."""
        self.images.clear()

    def clear_histograms(self) -> None:
        """Drops the histograms, written or not."""
        self.histograms.clear()


class EventWriter:
    """Writes what is new in the current `EventStorage`."""

    def write(self) -> None:
        """Writes what came since the last call."""
        raise NotImplementedError

    def close(self) -> None:
        """Ends the writing."""


class PeriodicWriter:
    """Calls writers every so many iterations: a hook for a trainer, or for a loop of one's own.

    Images and histograms stay until the writers of every `PeriodicWriter` have written, whatever
    their periods; they are gone in the next iteration.

    Args:
        writers: What has `write()`, and `close()` if it needs it. One that clears the images, as
            those made for detectron2 do, takes them from all that write later.
        period: How many iterations from one writing to the next.

    Attributes:
        trainer: Its `iter` and `max_iter` say when to write, if a trainer sets it; else the `iter`
            of the current `EventStorage` does, and `after_train` writes what is left.

    Raises:
        TypeError: One of them is no writer.
        ValueError: The period is less than 1.
    """

    trainer: Any = None

    def __init__(self, writers: Iterable[EventWriter], period: int = 20) -> None:
        self._writers = list(writers)
        self._period = period
        self._reader = Reader()
        for writer in self._writers:
            if not callable(getattr(writer, "write", None)):
                raise TypeError(f"an EventWriter has a method `write`: {writer!r}")
        if period < 1:
            raise ValueError(f"the period is 1 iteration or more, not {period}")

    def before_train(self) -> None:
        """Nothing; a trainer calls it."""

    def before_step(self) -> None:
        """Nothing; a trainer calls it."""

    def state_dict(self) -> dict[str, Any]:
        """Nothing; a trainer saves it."""
        return {}

    def after_step(self) -> None:
        """Writes if it is time; to be called in every iteration."""
        storage = get_event_storage()
        self._expect(storage)
        clock = storage if self.trainer is None else self.trainer
        done = clock.iter + 1
        if done % self._period == 0 or done == getattr(clock, "max_iter", None):
            self._write(storage)

    def after_train(self) -> None:
        """Writes what is new and closes all writers, whatever fails."""
        with ExitStack() as closing:
            for writer in reversed(self._writers):
                closing.callback(getattr(writer, "close", lambda: None))
            storage = get_event_storage()
            self._write(storage)
            self._expect(storage)
        self._reader.active = False

    def _expect(self, storage: EventStorage) -> None:
        storage.images.expect(self._reader)
        storage.histograms.expect(self._reader)

    def _write(self, storage: EventStorage) -> None:
        with ExitStack() as writing:  # the others write, too, if one fails
            writing.callback(storage.images.skip, self._reader)
            writing.callback(storage.histograms.skip, self._reader)
            for writer in reversed(self._writers):
                writing.callback(writer.write)


class Backend(Protocol):
    """What a `BackendWriter` calls; also `add_histogram(name, (counts, edges), step=…)` if any."""

    def add_scalars(self, scalar_dict: Mapping[str, float], /, step: int) -> None: ...
    def add_image(self, name: str, image: NDArray[np.uint8], /, step: int) -> None: ...
    def close(self) -> None: ...


class BackendWriter(EventWriter):
    """Sends smoothed scalars, images and histograms to a backend or `Visualizer`, each once.

    A scalar goes at its own iteration, together with the others of that iteration, if it was put
    since the last write; one named `step` doesn't, as backends have their own.

    An image stays in the storage until every writer that writes there has sent it, and at least
    until the next write. So several writers get all of them if they write in the same iterations,
    or in a `PeriodicWriter`. What a backend refuses is not sent again.

    Args:
        backend: Any of `trainviz_cli.writing.backends`, or what has their methods.
        window_size: How many iterations the median of a noisy scalar looks back.
        interested_keys: Names of the scalars to send, or patterns such as `loss*`; else all are.
    """

    def __init__(
        self,
        backend: Backend,
        window_size: int = 20,
        interested_keys: str | Iterable[str] | None = None,
    ) -> None:
        self._backend = backend
        self._window_size = window_size
        keys = [interested_keys] if isinstance(interested_keys, str) else interested_keys
        self._keys = None if keys is None else tuple(keys)
        self._reader = Reader()
        self._sent: WeakKeyDictionary[HistoryBuffer, int] = WeakKeyDictionary()

    def write(self, storage: EventStorage | None = None) -> None:
        """Sends what is new in a storage, the current one if left out."""
        storage = get_event_storage() if storage is None else storage
        self._send_scalars(storage)
        for name, image, iteration in storage.images.take(self._reader):
            self._backend.add_image(name, _to_picture(image), step=iteration)
        add_histogram = getattr(self._backend, "add_histogram", lambda *_, **__: None)
        for name, histogram, iteration in storage.histograms.take(self._reader):
            add_histogram(name, histogram, step=iteration)

    def close(self) -> None:
        """Closes the backend; images no longer wait for this writer."""
        self._reader.active = False
        self._backend.close()

    def _send_scalars(self, storage: EventStorage) -> None:
        counts = {name: history.count() for name, history in storage.histories().items()}
        news: defaultdict[int, dict[str, float]] = defaultdict(dict)
        latest = storage.latest_with_smoothing_hint(self._window_size)
        for name, count in counts.items():
            if self._wants(name) and self._sent.get(storage.history(name)) != count:
                value, iteration = latest[name]
                news[iteration][name] = value
        for iteration, scalars in sorted(news.items()):
            self._sent.update((storage.history(name), counts[name]) for name in scalars)
            self._backend.add_scalars(scalars, step=iteration)

    def _wants(self, name: str) -> bool:
        if name == "step":
            return False
        keys = self._keys
        return keys is None or any(name == key or fnmatchcase(name, key) for key in keys)


def _to_picture(image: Any) -> NDArray[np.uint8]:  # noqa: ANN401 - see below
    """An image as training code holds it, as (H, W, 3) uint8.

    Takes what `to_rgb` takes, and arrays with channels first: (3, H, W), which is detectron2's
    shape, and (1, H, W) and (4, H, W) where the last dimension can't be channels.
    """
    from trainviz_cli.imaging.pixels import to_rgb
    from trainviz_cli.imaging.tensors import is_tensor

    shape = () if is_tensor(image) else getattr(image, "shape", ())  # to_rgb turns tensors itself
    match shape:
        case (1 | 3 | 4 as first, _, last) if first == 3 or last not in {1, 3, 4}:
            image = image.transpose(1, 2, 0)
    return to_rgb(image)


def _count_values(values: Any, bins: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:  # noqa: ANN401 - any array
    """The (bins,) counts and (bins + 1,) edges of the finite values of an array or tensor."""
    import numpy as np

    from trainviz_cli.imaging.tensors import is_tensor, tensor_values

    numbers = np.asarray(tensor_values(values) if is_tensor(values) else values, np.float64)
    return np.histogram(numbers[np.isfinite(numbers)], bins)

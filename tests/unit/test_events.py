"""What training code puts, and what writers make of it: detectron2's loops on real backends."""

from __future__ import annotations

import asyncio
import contextvars
import io
import subprocess
import sys
import threading
import weakref
from collections import deque
from contextlib import suppress
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from PIL import Image

from trainviz_cli import LocalVisBackend, TensorboardVisBackend, Visualizer, open_run
from trainviz_cli.imaging.picture import picture_bytes
from trainviz_cli.writing import events
from trainviz_cli.writing.events import (
    BackendWriter,
    EventStorage,
    EventWriter,
    HistoryBuffer,
    PeriodicWriter,
    get_event_storage,
    has_event_storage,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path


@pytest.fixture
def storage() -> Iterator[EventStorage]:
    """A storage that is the current one."""
    with EventStorage() as opened:
        yield opened


class Recorder:
    """A backend that remembers its calls."""

    def __init__(self) -> None:
        self.scalars: list[tuple[int, dict[str, float]]] = []
        self.images: list[tuple[str, int]] = []
        self.pixels: list[np.ndarray] = []
        self.closed = 0

    def add_scalars(self, scalar_dict: dict[str, float], step: int) -> None:
        """Remembers the scalars."""
        self.scalars.append((step, dict(scalar_dict)))

    def add_image(self, name: str, image: np.ndarray, step: int) -> None:
        """Remembers the image."""
        self.images.append((name, step))
        self.pixels.append(image)

    def close(self) -> None:
        """Counts."""
        self.closed += 1


class Counter(EventWriter):
    """A writer that remembers at which iterations it wrote."""

    def __init__(self) -> None:
        self.wrote: list[int] = []
        self.closed = 0

    def write(self) -> None:
        """Remembers the iteration."""
        self.wrote.append(get_event_storage().iter)

    def close(self) -> None:
        """Counts."""
        self.closed += 1


class Failing(Counter):
    """A writer that can neither write nor close."""

    def write(self) -> None:
        """Fails."""
        raise OSError("no space left")

    def close(self) -> None:
        """Fails."""
        super().close()
        raise OSError("no such descriptor")


class Trainer:
    """A trainer as detectron2 has it: hooks around steps, in a storage of its own."""

    def __init__(self, hooks: Iterable[Any], step: Callable[[EventStorage], None]) -> None:
        self.hooks = list(hooks)
        self.run_step = step
        self.iter = self.max_iter = 0
        for hook in self.hooks:
            hook.trainer = weakref.proxy(self)

    def train(self, start_iter: int, max_iter: int) -> None:
        """Runs the steps; `after_train` comes in any case."""
        self.iter, self.max_iter = start_iter, max_iter
        with EventStorage(start_iter) as self.storage:
            try:
                self._call("before_train")
                for self.iter in range(start_iter, max_iter):
                    self.storage.iter = self.iter
                    self._call("before_step")
                    self.run_step(self.storage)
                    self._call("after_step")
                self.iter += 1
            finally:
                self.storage.iter = self.iter
                self._call("after_train")

    def _call(self, method: str) -> None:
        for hook in self.hooks:
            getattr(hook, method)()


class EvalHook:
    """A hook that evaluates every so many iterations."""

    trainer: Any

    def __init__(self, period: int, evaluate: Callable[[int], dict[str, float]]) -> None:
        self.period = period
        self.evaluate = evaluate

    def before_train(self) -> None:
        """Does nothing."""

    before_step = after_train = before_train

    def after_step(self) -> None:
        """Puts the results for the iteration that ended."""
        if (self.trainer.iter + 1) % self.period == 0:
            self.trainer.storage.put_scalars(
                smoothing_hint=False,
                cur_iter=self.trainer.iter,
                **self.evaluate(self.trainer.iter),
            )


def picture(shade: int = 0) -> np.ndarray:
    """A picture of detectron2's shape, with one shade in each channel."""
    return np.full((3, 6, 8), np.array([shade, 100, 200], np.uint8)[:, None, None])


def train(count: int, *hooks: PeriodicWriter, start: int = 0) -> None:
    """Iterations by hand in the current storage: a loss and an image in each, then the hooks."""
    storage = get_event_storage()
    for storage.iter in range(start, start + count):
        storage.put_scalar("loss", storage.iter)
        storage.put_image("input", picture(storage.iter % 256))
        for hook in hooks:
            hook.after_step()


# Scalars


@pytest.mark.parametrize(
    "value",
    [
        2,
        2.0,
        np.float32(2),
        np.int64(2),
        np.array(2.0),
        np.array([2.0]),
        torch.tensor(2),
        torch.tensor([2.0]),
        torch.tensor(2.0, dtype=torch.bfloat16),
        torch.tensor(2.0, requires_grad=True),
    ],
    ids=repr,
)
def test_values(storage: EventStorage, value: object) -> None:
    """Every kind of number becomes a float, without a warning."""
    storage.put_scalar("a", value)
    [(got, iteration)] = storage.latest().values()
    assert (got, type(got), iteration) == (2.0, float, 0)


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (None, TypeError),
        ("high", ValueError),
        (np.zeros(2), ValueError),
        (torch.zeros(2), RuntimeError),
    ],
    ids=repr,
)
def test_what_is_no_scalar(storage: EventStorage, value: object, error: type[Exception]) -> None:
    """It is refused, and leaves no trace."""
    with pytest.raises(error):
        storage.put_scalar("a", value)
    assert not storage.latest()
    assert not storage.histories()
    assert not storage.smoothing_hints()
    storage.put_scalar("a", 1, smoothing_hint=False)


def test_iterations(storage: EventStorage) -> None:
    """A value belongs to the current iteration, or to the one it is put with."""
    storage.put_scalar("a", 1)
    storage.step()
    storage.put_scalars(a=2, b=3)
    storage.iter = 10
    storage.put_scalars(c=4, d=5, cur_iter=7)
    assert storage.iteration == storage.iter == 10
    assert storage.latest() == {"a": (2, 1), "b": (3, 1), "c": (4, 7), "d": (5, 7)}
    assert storage.history("a").values() == [(1, 0), (2, 1)]


def test_start() -> None:
    """A training that is continued begins where it is told to."""
    storage = EventStorage(100)
    storage.put_scalar("a", 1)
    assert storage.latest() == {"a": (1, 100)}


def test_unknown_names(storage: EventStorage) -> None:
    """Asking for what was never put is an error that names it, and puts nothing there."""
    for ask in (storage.history, storage.count_samples):
        with pytest.raises(KeyError, match="No history metric available for loss!"):
            ask("loss")
    with pytest.raises(KeyError):
        storage.histories()["loss"]
    assert not storage.histories()


def test_hints(storage: EventStorage) -> None:
    """The first hint counts, another is an error, and the value that came with it is not put."""
    storage.put_scalar("lr", 1, smoothing_hint=False)
    storage.put_scalars(loss=2)
    for name, hint in {"lr": True, "loss": False}.items():
        with pytest.raises(ValueError, match=f"Scalar {name} was put with a different smoothing_"):
            storage.put_scalar(name, 9, smoothing_hint=hint)
    assert storage.smoothing_hints() == {"lr": False, "loss": True}
    assert storage.latest() == {"lr": (1, 0), "loss": (2, 0)}


def test_smoothing_looks_back_by_iterations(storage: EventStorage) -> None:
    """A window of three iterations has all values of these and none before, however many."""
    for storage.iter in range(10):
        for value in range(storage.iter + 1):
            storage.put_scalar("often", 100 * storage.iter + value)
        if storage.iter % 4 == 0:
            storage.put_scalar("rarely", storage.iter)
    assert storage.count_samples("often", 3) == 8 + 9 + 10
    assert storage.count_samples("rarely", 3) == 1
    smoothed = storage.latest_with_smoothing_hint(3)
    values = [100 * iteration + value for iteration in (7, 8, 9) for value in range(iteration + 1)]
    assert smoothed == {"often": (np.median(values), 9), "rarely": (8, 8)}


def test_name_scopes(storage: EventStorage) -> None:
    """As in detectron2, a scope is before scalars alone, and an inner one takes its place."""
    with storage.name_scope("stage0/"):
        storage.put_scalar("loss", 1)
        storage.put_image("input", picture())
        storage.put_histogram("weights", [1.0])
        with storage.name_scope("inner"):
            storage.put_scalars(loss=2)
        storage.put_scalar("acc", 3)
    with suppress(ZeroDivisionError), storage.name_scope("failed"):
        storage.put_scalar("loss", 1 / 0)
    storage.put_scalar("loss", 4)
    assert list(storage.latest()) == ["stage0/loss", "inner/loss", "stage0/acc", "loss"]
    assert [name for name, *_ in storage.vis_data] == ["input"]
    assert [name for name, *_ in storage.histograms] == ["weights"]


class CountingDeque(deque[Any]):
    """A deque that counts what is read from it, and can't be read from its old end."""

    read = 0

    def __reversed__(self) -> Iterator[Any]:
        for sample in super().__reversed__():
            CountingDeque.read += 1
            yield sample

    def __getitem__(self, index: Any) -> Any:
        assert index < 0
        CountingDeque.read += 1
        return super().__getitem__(index)

    def __iter__(self) -> Iterator[Any]:
        raise AssertionError("all of it was read")


def test_a_window_costs_what_is_in_it() -> None:
    """Of a hundred thousand values, only those in the window are looked at."""
    history = HistoryBuffer(100_000)
    for value in range(150_000):
        history.update(value)
    history._samples = CountingDeque(history._samples, maxlen=100_000)
    for ask in (history.median, history.avg, history.count_since):
        CountingDeque.read = 0
        ask(20)
        assert 20 <= CountingDeque.read <= 40
    CountingDeque.read = 0
    history.update(1)
    assert history.global_avg() == pytest.approx((150_000 * 149_999 / 2 + 1) / 150_001)
    assert CountingDeque.read == 0


def test_reading_while_others_put(storage: EventStorage) -> None:
    """A writer reads what is there while threads put values, under old names and new ones."""
    names = [f"new{number}" for number in range(300)]

    def put() -> None:
        for name in names:
            for value in range(30):
                storage.put_scalar("shared", value)
            storage.put_scalar(name, 1)

    recorder = Recorder()
    writer = BackendWriter(recorder)
    threads = [threading.Thread(target=put) for _ in range(2)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        storage.step()
        writer.write()
    writer.write()
    assert {name for _, scalars in recorder.scalars for name in scalars} == {"shared", *names}
    assert storage.history("shared").count() == 2 * 300 * 30


# Which storage is the current one


def test_outside() -> None:
    """Without a `with` there is no storage, and the error says what to do."""
    assert not has_event_storage()
    with pytest.raises(RuntimeError, match=r"inside `with EventStorage\(...\):`"):
        get_event_storage()


def test_nested() -> None:
    """The innermost is the current one, the same one twice included, and errors end it too."""
    with EventStorage() as outer:
        assert get_event_storage() is outer
        with suppress(ZeroDivisionError), EventStorage() as inner:
            assert get_event_storage() is inner
            with outer:
                assert get_event_storage() is outer
            assert get_event_storage() is inner
            raise ZeroDivisionError
        assert get_event_storage() is outer
    assert not has_event_storage()


def test_each_thread_has_its_own() -> None:
    """Two trainings side by side do not meet; a thread without one takes part in the latest."""
    turn = threading.Barrier(2, timeout=20)
    seen: list[bool] = []

    def work() -> None:
        with EventStorage() as own:
            turn.wait()
            seen.append(get_event_storage() is own)
            turn.wait()

    with EventStorage() as main:
        threading.Thread(target=lambda: seen.append(get_event_storage() is main)).start()
        worker = threading.Thread(target=work)
        worker.start()
        turn.wait()
        seen.append(get_event_storage() is main)
        turn.wait()
        worker.join()
    assert seen == [True] * 3
    assert not has_event_storage()


def test_each_task_has_its_own() -> None:
    """Coroutines that take turns do not meet, and one that outlives its parent's sees the end."""

    async def work() -> bool:
        with EventStorage() as own:
            await asyncio.sleep(0)
            return get_event_storage() is own

    async def look() -> bool:
        await asyncio.sleep(0)
        return has_event_storage()

    async def main() -> list[bool]:
        with EventStorage() as outer:
            seen = await asyncio.gather(work(), work(), work())
            seen.append(get_event_storage() is outer)
            late = asyncio.create_task(look())
        return [*seen, not await late]

    assert asyncio.run(main()) == [True] * 5


def test_closed_elsewhere() -> None:
    """A storage may be closed in another context than it was opened in, as in notebook cells."""
    storage = EventStorage()
    cell = contextvars.copy_context()
    cell.run(storage.__enter__)
    assert get_event_storage() is storage
    with EventStorage() as other:
        with EventStorage():
            pass
        storage.__exit__(None, None, None)
        cell.run(EventStorage().__enter__)
        assert get_event_storage() is other
        cell.run(get_event_storage).__exit__(None, None, None)
    assert not has_event_storage()
    with pytest.raises(RuntimeError):
        cell.run(get_event_storage)


# Images and histograms in the storage


def test_images_stay_as_they_were_put(storage: EventStorage) -> None:
    """They are kept with their iterations until they are cleared, under detectron2's name too."""
    image = torch.zeros(3, 4, 5)
    storage.iter = 3
    storage.put_image("a", image)
    [(name, kept, iteration)] = storage.vis_data
    assert (name, iteration) == ("a", 3)
    assert kept is image
    assert list(storage._vis_data) == storage.vis_data
    storage.clear_images()
    assert storage.vis_data == []
    assert len(storage._vis_data) == 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.int64, torch.bool])
def test_histograms_of_tensors(storage: EventStorage, dtype: torch.dtype) -> None:
    """Tensors of any shape and type are counted when they are put, gradients or not."""
    values = torch.tensor([[0, 1, 1], [0, 1, 0]]).to(dtype)
    if dtype.is_floating_point:
        values.requires_grad_()
    storage.put_histogram("h", values, bins=2)
    values.data.zero_()
    [(name, (counts, edges), iteration)] = storage.histograms
    assert (name, counts.tolist(), edges.tolist(), iteration) == ("h", [3, 3], [0, 0.5, 1], 0)
    storage.clear_histograms()
    assert len(storage.histograms) == 0


# When a PeriodicWriter writes


@pytest.mark.parametrize(
    ("start", "end", "period", "expected"),
    [
        (0, 100, 20, [19, 39, 59, 79, 99, 100]),
        (0, 50, 20, [19, 39, 49, 50]),
        (30, 50, 20, [39, 49, 50]),
        (0, 3, 20, [2, 3]),
        (0, 3, 1, [0, 1, 2, 3]),
    ],
)
def test_periods(start: int, end: int, period: int, expected: list[int]) -> None:
    """In a trainer: after every period, after the last iteration, and once when all is done."""
    writer = Counter()
    Trainer([PeriodicWriter([writer], period)], lambda _: None).train(start, end)
    assert writer.wrote == expected
    assert writer.closed == 1


def test_a_loop_of_ones_own(storage: EventStorage) -> None:
    """Without a trainer the storage's iteration counts, and after_train writes the rest."""
    writer = Counter()
    periodic = PeriodicWriter([writer], 20)
    train(50, periodic)
    periodic.after_train()
    assert writer.wrote == [19, 39, 49]
    assert writer.closed == 1
    assert storage.iter == 49


def test_a_training_that_fails() -> None:
    """What was put before is written, the writers are closed, and the error comes through."""
    recorder = Recorder()

    def step(storage: EventStorage) -> None:
        storage.put_scalar("loss", storage.iter, smoothing_hint=False)
        if storage.iter == 25:
            raise FloatingPointError("loss is NaN")

    with pytest.raises(FloatingPointError, match="loss is NaN"):
        Trainer([PeriodicWriter([BackendWriter(recorder)])], step).train(0, 100)
    assert recorder.scalars == [(19, {"loss": 19}), (25, {"loss": 25})]
    assert recorder.closed == 1


def test_one_writer_fails(storage: EventStorage) -> None:
    """The others write and close all the same, and get every image."""
    failing, counter, recorder = Failing(), Counter(), Recorder()
    periodic = PeriodicWriter([failing, counter, BackendWriter(recorder)], 1)
    with pytest.raises(OSError, match="no space"):
        train(1, periodic)
    with pytest.raises(OSError, match="no such descriptor"):
        periodic.after_train()
    assert counter.wrote == [0, 0]
    assert failing.closed == counter.closed == recorder.closed == 1
    assert recorder.images == [("input", 0)]
    assert storage.vis_data == []


def test_closed_without_a_storage() -> None:
    """After the `with`, there is nothing to write, but all are closed."""
    counter = Counter()
    with pytest.raises(RuntimeError, match="get_event_storage"):
        PeriodicWriter([counter]).after_train()
    assert counter.closed == 1


def test_what_is_no_writer() -> None:
    """What can't write is refused at once, and so is a period of nothing."""
    with pytest.raises(TypeError, match=r"has a method `write`: <.*LocalVisBackend"):
        PeriodicWriter([Counter(), LocalVisBackend("run")])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="1 iteration or more, not 0"):
        PeriodicWriter([], period=0)


class OnlyWrites:
    """A writer that isn't derived from `EventWriter`, and has nothing to close."""

    count = 0

    def write(self) -> None:
        """Counts."""
        self.count += 1


def test_writers_need_no_close(storage: EventStorage) -> None:
    """An object that writes is a writer; `EventWriter` itself has nothing to write or close."""
    writer = OnlyWrites()
    periodic = PeriodicWriter([writer], 1)  # type: ignore[list-item]
    periodic.after_step()
    periodic.after_train()
    assert writer.count == 2
    assert storage.iter == 0
    with pytest.raises(NotImplementedError):
        EventWriter().write()
    EventWriter().close()


def test_hooks_of_detectron2() -> None:
    """All that its trainers call is there and does nothing unasked."""
    periodic = PeriodicWriter([])
    assert periodic.trainer is None
    assert periodic.state_dict() == {}
    periodic.before_train()
    periodic.before_step()


# What a BackendWriter sends


def test_each_value_once(storage: EventStorage) -> None:
    """Only what was put since the last write is sent, grouped by iteration, in their order."""
    recorder = Recorder()
    writer = BackendWriter(recorder)
    storage.iter = 9
    storage.put_scalars(a=1, b=2)
    storage.put_scalar("late", 3, cur_iter=4)
    writer.write()
    writer.write()
    storage.iter = 19
    storage.put_scalar("b", 2)
    writer.write()
    assert recorder.scalars == [(4, {"late": 3}), (9, {"a": 1, "b": 2}), (19, {"b": 2})]


def test_values_that_detectron2_loses(storage: EventStorage) -> None:
    """A value for an iteration before the last written, or for the same again, is sent."""
    recorder = Recorder()
    writer = BackendWriter(recorder)
    storage.iter = 60
    storage.put_scalar("loss", 1, smoothing_hint=False)
    writer.write()
    storage.put_scalar("mAP", 0.3, smoothing_hint=False, cur_iter=49)
    storage.put_scalar("loss", 2, smoothing_hint=False)
    writer.write()
    assert recorder.scalars == [(60, {"loss": 1}), (49, {"mAP": 0.3}), (60, {"loss": 2})]


def test_smoothed_or_not(storage: EventStorage) -> None:
    """Noisy scalars are sent as the median of the window, the others as they are."""
    recorder = Recorder()
    for storage.iter in range(40):
        storage.put_scalar("loss", storage.iter)
        storage.put_scalar("lr", storage.iter, smoothing_hint=False)
    BackendWriter(recorder, window_size=10).write()
    assert recorder.scalars == [(39, {"loss": 34.5, "lr": 39})]


@pytest.mark.parametrize(
    ("keys", "sent"),
    [
        (None, ["loss", "loss_box", "AP[50]", "Loss"]),
        (["loss"], ["loss"]),
        (["loss*", "AP[50]"], ["loss", "loss_box", "AP[50]"]),
        ("*oss", ["loss", "Loss"]),
        ((name for name in ("Loss", "unknown")), ["Loss"]),
        ([], []),
    ],
    ids=str,
)
def test_interested_keys(storage: EventStorage, keys: Any, sent: list[str]) -> None:
    """Names count as they are written, whatever signs are in them, and patterns as in a shell."""
    recorder = Recorder()
    writer = BackendWriter(recorder, interested_keys=keys)
    for storage.iter in range(2):
        for name in ("loss", "loss_box", "AP[50]", "Loss", "step"):
            storage.put_scalar(name, storage.iter, smoothing_hint=False)
        writer.write()
    expected = [(step, dict.fromkeys(sent, step)) for step in range(2)] if sent else []
    assert recorder.scalars == expected


def test_storages_one_after_the_other() -> None:
    """A writer tells storages apart: the same name and number of values is new in each."""
    recorder = Recorder()
    writer = BackendWriter(recorder)
    for start in (0, 100):
        storage = EventStorage(start)
        storage.put_scalar("loss", start)
        storage.put_image("input", picture())
        writer.write(storage)
    assert recorder.scalars == [(0, {"loss": 0}), (100, {"loss": 100})]
    assert recorder.images == [("input", 0), ("input", 100)]


@pytest.mark.parametrize(
    "turn",
    [
        lambda rgb: rgb,
        lambda rgb: rgb.transpose(2, 0, 1),
        lambda rgb: torch.tensor(rgb.transpose(2, 0, 1).copy()),
        lambda rgb: rgb.transpose(2, 0, 1) / 255,
        Image.fromarray,
        lambda rgb: rgb.tolist(),
    ],
    ids=["HWC", "CHW", "tensor", "floats", "PIL", "lists"],
)
@pytest.mark.parametrize("size", [(6, 8), (4, 4), (1, 9), (9, 5)], ids=str)
def test_layouts(storage: EventStorage, turn: Callable[..., Any], size: tuple[int, int]) -> None:
    """What detectron2 puts, and what trainviz takes elsewhere, arrives as the same pixels."""
    rgb = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    recorder = Recorder()
    storage.put_image("a", turn(rgb))
    BackendWriter(recorder).write()
    np.testing.assert_array_equal(recorder.pixels[0], rgb)


@pytest.mark.parametrize("shape", [(1, 6, 8), (6, 8), (6, 8, 1)], ids=str)
def test_grey_images(storage: EventStorage, shape: tuple[int, ...]) -> None:
    """One channel, wherever it is, makes a grey picture."""
    recorder = Recorder()
    storage.put_image("a", np.full(shape, 7, np.uint8))
    BackendWriter(recorder).write()
    assert recorder.pixels[0].shape == (6, 8, 3)
    assert (recorder.pixels[0] == 7).all()


def test_an_image_that_is_none(storage: EventStorage) -> None:
    """It is refused once; those before and after it are sent once."""
    recorder = Recorder()
    writer = BackendWriter(recorder)
    for name, image in {"a": picture(), "b": "no image", "c": picture()}.items():
        storage.put_image(name, image)
    with pytest.raises(TypeError, match="not an image"):
        writer.write()
    writer.write()
    writer.write()
    assert recorder.images == [("a", 0), ("c", 0)]


def test_a_histogram_where_backends_have_them(storage: EventStorage) -> None:
    """A backend with `add_histogram` gets each once, as numpy.histogram gives it; others none."""
    got: list[Any] = []
    recorder, able = Recorder(), Recorder()
    able.add_histogram = lambda *given, **named: got.append((given, named))  # type: ignore[attr-defined]
    periodic = PeriodicWriter([BackendWriter(recorder), BackendWriter(able)], 1)
    storage.put_histogram("weights", np.arange(4), bins=4)
    periodic.after_step()
    periodic.after_step()
    [((name, (counts, edges)), named)] = got
    assert (name, named) == ("weights", {"step": 0})
    assert counts.tolist() == [1, 1, 1, 1]
    assert edges.tolist() == [0, 0.75, 1.5, 2.25, 3]
    assert len(storage.histograms) == 0


# Every writer gets every image, and none stays for ever

EVERY = [("input", step) for step in range(200)]


def test_images_in_one_periodic_writer(storage: EventStorage) -> None:
    """Its writers all get them, and in the next iteration they are gone."""
    recorders = Recorder(), Recorder(), Recorder()
    periodic = PeriodicWriter([BackendWriter(recorder) for recorder in recorders])
    train(190, periodic)
    assert len(storage.vis_data) == 10
    train(10, periodic, start=190)
    periodic.after_train()
    assert storage.vis_data == []
    assert [recorder.images for recorder in recorders] == [EVERY] * 3


def test_images_in_several(storage: EventStorage) -> None:
    """Those of several hooks do, whatever their periods are; then they are gone."""
    fast, slow = Recorder(), Recorder()
    hooks = [
        PeriodicWriter([Counter()], 1),
        PeriodicWriter([BackendWriter(fast)], 20),
        PeriodicWriter([BackendWriter(slow)], 90),
    ]
    train(200, *hooks)
    for hook in hooks:
        hook.after_train()
    assert fast.images == slow.images == EVERY
    assert storage.vis_data == []


class Detectron2Writer(EventWriter):
    """A writer as its users make them: it knows the private names, and clears what it took."""

    def __init__(self) -> None:
        self.images: list[tuple[str, int]] = []

    def write(self) -> None:
        """Takes the images."""
        storage = get_event_storage()
        if len(storage._vis_data) >= 1:
            self.images += [(name, step) for name, _, step in storage._vis_data]
            storage.clear_images()


def test_images_for_a_writer_made_for_detectron2(storage: EventStorage) -> None:
    """It works as it is, and as the last of several it takes nothing from them."""
    recorder, writer = Recorder(), Detectron2Writer()
    train(200, PeriodicWriter([BackendWriter(recorder), writer]))
    assert recorder.images == writer.images == EVERY
    assert storage.vis_data == []


def test_images_of_writers_called_by_hand(storage: EventStorage) -> None:
    """Writers called in the same iterations get them all; the last ones stay for the next write."""
    recorders = Recorder(), Recorder()
    writers = [BackendWriter(recorder) for recorder in recorders]
    for start in range(0, 200, 20):
        train(20, start=start)
        for writer in writers:
            writer.write()
        assert len(storage.vis_data) <= 40
    assert [recorder.images for recorder in recorders] == [EVERY] * 2
    writers[0].write()
    assert storage.vis_data == []


def test_images_that_no_writer_wants(storage: EventStorage) -> None:
    """Where only numbers are printed, images don't pile up."""
    train(201, PeriodicWriter([Counter()]))
    assert len(storage.vis_data) == 1


def test_images_of_a_training_in_two_parts(storage: EventStorage) -> None:
    """Writers that are done hold nothing back from those that go on, and may begin again."""
    first, second = Recorder(), Recorder()
    hooks = [PeriodicWriter([BackendWriter(recorder)]) for recorder in (first, second)]
    for start, hook in [(0, hooks[0]), (100, hooks[1]), (180, hooks[0])]:
        train(110 if start == 0 else 20, hook, start=start)
        hook.after_train()
        assert storage.vis_data == []
    assert first.images == [*EVERY[:110], *EVERY[180:]]
    assert second.images == EVERY[100:120]


def test_cleared_images_stay_cleared(storage: EventStorage) -> None:
    """What is cleared is sent to nobody, and takes nothing that comes later with it."""
    recorders = Recorder(), Recorder()
    writers = [BackendWriter(recorder) for recorder in recorders]
    for writer in writers:
        writer.write()
    train(5)
    storage.clear_images()
    train(15, start=5)
    for writer in (*writers, *writers):
        writer.write()
    assert [recorder.images for recorder in recorders] == [EVERY[5:20]] * 2


# With the backends


def d2_step(storage: EventStorage) -> None:
    """An iteration as a detection model reports it, from anywhere below."""
    here = get_event_storage()
    noise = np.random.default_rng(storage.iter).normal()
    losses = {"loss_cls": torch.tensor(2 / (storage.iter + 1)), "loss_box": np.float32(noise)}
    here.put_scalar("data_time", 0.01)
    here.put_scalar("total_loss", sum(float(loss) for loss in losses.values()))
    here.put_scalars(**losses)
    with here.name_scope("roi_head"):
        here.put_scalar("num_fg", storage.iter % 7)
    if (storage.iter + 1) % 100 == 0:
        name = "Left: GT bounding boxes;  Right: Predicted proposals"
        here.put_image(name, picture(storage.iter))
    storage.put_scalar("lr", 0.02 if storage.iter < 120 else 0.002, smoothing_hint=False)


@pytest.mark.parametrize("together", [False, True], ids=["backends", "Visualizer"])
def test_a_training_of_detectron2(tmp_path: Path, *, together: bool) -> None:
    """200 iterations of a trainer with hooks, as both backends store them and open_run reads."""
    folders = [tmp_path / "local", tmp_path / "tb"]
    backends = [LocalVisBackend(folders[0]), TensorboardVisBackend(folders[1])]
    sinks = [Visualizer(vis_backends=backends)] if together else backends
    writer = PeriodicWriter([BackendWriter(sink) for sink in sinks])
    evaluate = EvalHook(50, lambda step: {"bbox/AP": step / 10, "bbox/AP50": step / 5})
    Trainer([evaluate, writer], d2_step).train(0, 200)

    ends = list(range(19, 200, 20))
    medians = [np.median([step % 7 for step in range(end - 19, end + 1)]) for end in ends]
    for folder in folders:
        run = open_run(folder)
        assert not run.diagnostics
        assert run["roi_head/num_fg"].steps.tolist() == ends
        assert run["roi_head/num_fg"].values.tolist() == medians
        assert run["loss_cls"].values.tolist() == pytest.approx(
            [np.median([2 / (step + 1) for step in range(end - 19, end + 1)]) for end in ends]
        )
        assert run["lr"].values.tolist() == pytest.approx([0.02] * 6 + [0.002] * 4)
        assert run["bbox/AP"].steps.tolist() == [49, 99, 149, 199]
        assert run["bbox/AP50"].values.tolist() == pytest.approx([9.8, 19.8, 29.8, 39.8])
        assert all(a < b for series in run.series.values() for a, b in pairwise(series.steps))
        assert [(image.name.partition(":")[0], image.step) for image in run.images] == [
            ("Left", 99),
            ("Left", 199),
        ]
        image = run.images[1]
        data = picture_bytes(image.path, image.offset, image.length)
        shown = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
        np.testing.assert_array_equal(shown, picture(199).transpose(1, 2, 0))


def test_both_files_say_the_same(tmp_path: Path) -> None:
    """A log has its rows in ascending steps, so nothing in it looks like a restart."""
    backend = LocalVisBackend(tmp_path)
    evaluate = EvalHook(50, lambda step: {"AP": step})
    Trainer([evaluate, PeriodicWriter([BackendWriter(backend)])], d2_step).train(0, 200)
    run = open_run(tmp_path)
    assert all(len(series.view().pieces) == 1 for series in run.series.values())
    steps = [int(line.rpartition(b" ")[2][:-1]) for line in _lines(tmp_path / "scalars.json")]
    assert steps == sorted({*range(19, 200, 20), 49, 99, 149, 199})


def _lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines()


def test_backward_hooks(storage: EventStorage) -> None:
    """A gradient's hook reaches the storage from whichever thread torch runs it in."""
    weight = torch.ones(3, requires_grad=True)
    weight.register_hook(lambda grad: get_event_storage().put_scalar("grad", grad.norm()))
    backward = partial((weight * 2).sum().backward)
    thread = threading.Thread(target=backward)
    thread.start()
    thread.join()
    assert storage.latest()["grad"] == (pytest.approx(12**0.5), 0)


def test_importing_it_imports_nothing_heavy(tmp_path: Path) -> None:
    """Scalars are put and written without NumPy, torch or Pillow."""
    script = (
        "import sys\n"
        f"from {events.__name__} import *\n"
        "from trainviz_cli import LocalVisBackend\n"
        "with EventStorage() as storage:\n"
        "    writer = PeriodicWriter([BackendWriter(LocalVisBackend('run'))], 1)\n"
        "    storage.put_scalar('loss', 0.5)\n"
        "    writer.after_step()\n"
        "    writer.after_train()\n"
        "print(*{'numpy', 'torch', 'PIL', 'matplotlib', 'tensorboard'} & set(sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True, cwd=tmp_path, text=True
    )
    assert done.stdout.split() == []
    assert _lines(tmp_path / "run" / "scalars.json") == [b'{"loss": 0.5, "step": 0}']

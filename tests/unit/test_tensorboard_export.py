"""Runs as event files: nothing is lost on the way, and an older export is continued or replaced."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.plugin_event_accumulator import (
    EventAccumulator as ServedAccumulator,
)
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
from tensorboard.util.tensor_util import make_ndarray

from trainviz_cli import LocalVisBackend, open_run
from trainviz_cli.codecs import tfbuild
from trainviz_cli.codecs.png import encode_png
from trainviz_cli.codecs.tfrecord import find_records, frame
from trainviz_cli.codecs.tfscalars.encode import encode_one
from trainviz_cli.errors import NotFoundError, RefusedError, UnreadableError, WriteError
from trainviz_cli.export.older import after, find_older, new_name, refuse_foreign, remove_others
from trainviz_cli.export.tensorboard import TensorboardExport
from trainviz_cli.formats._format import Format
from trainviz_cli.imaging.picture import picture_bytes
from trainviz_cli.model.batch import Batch
from trainviz_cli.model.run import Histogram, Image, Text
from trainviz_cli.runs import FoundRun, locate_runs
from trainviz_cli.writing.backends.tensorboard import TensorboardVisBackend

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from trainviz_cli.export.tensorboard import Written
    from trainviz_cli.model.run import Run

NAN, INF = float("nan"), float("inf")
TESTS = Path(__file__).parents[1]
GOLDEN = sorted((TESTS / "golden" / "local").iterdir())
SAMPLES = sorted(path.parent for path in TESTS.parent.glob("sample_runs/*/scalars.json"))
LARGEST_STEP = 2**63 - 1


class OfBatches(Format):
    """A format whose runs are what a test says: a list of batches, one for each poll."""

    name = title = recognised_by = "of batches"

    def __init__(self, polls: Iterable[Batch]) -> None:
        """With these batches; from then on there is nothing new."""
        self.is_behind = False
        self.polls = list(polls)
        self.pictures: tuple[Image, ...] = ()
        self.others: tuple[Text | Histogram, ...] = ()
        self.values: dict[str, object] = {}

    def find_log(self, place: Any) -> Path | None:
        """Nothing is ever found."""
        del place

    def glance(self, log: Path, window: int) -> Any:
        """Nobody asks."""
        raise NotImplementedError

    def reader(self, log: Path) -> OfBatches:
        """Reads itself."""
        del log
        return self

    def poll(self, most: int | None = None) -> Batch:
        """The next batch."""
        del most
        return self.polls.pop(0) if self.polls else batch()

    def images(self, log: Path) -> tuple[Image, ...]:
        """The pictures."""
        del log
        return self.pictures

    def texts(self, log: Path) -> tuple[Text, ...]:
        """The texts."""
        del log
        return tuple(each for each in self.others if isinstance(each, Text))

    def histograms(self, log: Path) -> tuple[Histogram, ...]:
        """The distributions."""
        del log
        return tuple(each for each in self.others if isinstance(each, Histogram))

    def config(self, log: Path) -> dict[str, object]:
        """The configuration."""
        del log
        return self.values


def batch(
    *records: tuple[float, dict[str, float]],
    keys: Sequence[str] = ("a", "b", "c"),
    times: Sequence[float] | None = None,
    starts: Sequence[int] | None = None,
) -> Batch:
    """Rows of a step and of the values logged at it."""
    values = [
        (row, key, value) for row, (_, each) in enumerate(records) for key, value in each.items()
    ]
    steps = [step for step, _ in records]
    whole = all(isinstance(step, int) for step in steps)
    return Batch(
        keys=keys,
        codes=np.array([keys.index(key) for _, key, _ in values], np.int32),
        rows=np.array([row for row, _, _ in values], np.int32),
        values=np.array([value for _, _, value in values], np.float64),
        steps=np.array(steps, np.int64 if whole else np.float64),
        wall_times=None if times is None else np.array(times, np.float64),
        starts=None if starts is None else np.array(starts, np.int64),
    )


def made_of(folder: Path, *polls: Batch) -> tuple[FoundRun, OfBatches]:
    """A run of these batches, whose log was last changed in 1970, a thousand seconds in."""
    log = folder / "log"
    folder.mkdir(exist_ok=True)
    log.touch()
    os.utime(log, (1000, 1000))
    made = OfBatches(polls)
    return FoundRun("made", log, made, log), made


def located(path: Path) -> FoundRun:
    """The one run there."""
    (found,) = locate_runs([str(path)])
    return found


def export(found: FoundRun, folder: Path) -> Written:
    """All of the run, and that it is over."""
    exporting = TensorboardExport(found, folder)
    written = exporting.write()
    exporting.close()
    return written


def event_files(folder: Path) -> list[str]:
    """What is in the folder, but for empty files: an older export may have been emptied."""
    return sorted(path.name for path in folder.iterdir() if path.is_dir() or path.stat().st_size)


def events(path: Path) -> Iterator[Event]:
    """Every record of a file, or of the one in a folder; all of it must be sound."""
    if path.is_dir():
        (path,) = (path / name for name in event_files(path))
    framing = find_records(path.read_bytes())
    assert not framing.damaged
    assert framing.end == path.stat().st_size
    records = framing.records
    for start, length in zip(records.starts.tolist(), records.lengths.tolist(), strict=True):
        yield Event.FromString(records.data[start : start + length])


def scalars(path: Path) -> list[tuple[str, int, float, float]]:
    """Tag, step, value and time of every scalar, in the order they stand in the file."""
    return [
        (value.tag, event.step, value.simple_value, event.wall_time)
        for event in events(path)
        for value in event.summary.value
        if value.HasField("simple_value")
    ]


def values_of(path: Path) -> list[tuple[str, int, float]]:
    """As `scalars`, without the times."""
    return [scalar[:3] for scalar in scalars(path)]


def session_starts(path: Path) -> list[tuple[int, int]]:
    """Every mark of a new session behind the first scalar: the scalars before it, and its step."""
    found, count = [], 0
    for event in events(path):
        if count and event.session_log.status == SessionLog.START:
            found.append((count, event.step))
        count += sum(value.HasField("simple_value") for value in event.summary.value)
    return found


def pictures(run: Run) -> list[tuple[str, int, bytes]]:
    """Name, step and bytes of a run's pictures."""
    return [
        (image.name, image.step, picture_bytes(image.path, image.offset, image.length))
        for image in run.images
    ]


def assert_same(back: Run, run: Run, *, time: float | None = None) -> None:
    """What was read back is the run: keys, steps, values as float32, times, restarts, pictures."""
    assert back.keys() == run.keys()
    for key, series in run.series.items():
        again = back[key]
        assert again.steps.dtype == np.int64
        assert again.steps.tolist() == [round(step) for step in series.steps.tolist()], key
        with np.errstate(over="ignore"):
            singles = series.values.astype(np.float32)
        assert np.array_equal(again.values, singles, equal_nan=True), key
        assert again.segments == series.segments, key
        times = np.full(len(series.steps), time) if series.wall_times is None else series.wall_times
        assert np.array_equal(again.wall_times, times), key
    assert pictures(back) == pictures(run)


# Round trips


@pytest.mark.parametrize("case", GOLDEN, ids=lambda path: path.name)
def test_a_golden_run_comes_back(case: Path, tmp_path: Path) -> None:
    """Run → event file → run is the identity for every small run there is, damaged ones too."""
    (path,) = (path for path in case.iterdir() if path.name != "expected.json")
    found = located(path)
    export(found, tmp_path / "tb")
    assert_same(open_run(tmp_path / "tb"), found.read(), time=log_of(found).stat().st_mtime)


def log_of(found: FoundRun) -> Path:
    """The log whose time stands for a run without a clock: that of its newest start with data."""
    with_data = [start.log for start in found.starts or (found,) if start.log.stat().st_size]
    return with_data[-1]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.name)
def test_a_sample_run_comes_back(sample: Path, tmp_path: Path) -> None:
    """The same for real runs, with their times and pictures."""
    written = export(located(sample), tmp_path / "tb")
    run = open_run(sample)
    assert_same(open_run(tmp_path / "tb"), run)
    assert all(series.wall_times is not None for series in run.series.values())
    assert written.scalars == sum(map(len, run.series.values()))
    assert written.images == len(run.images) == 4
    assert written.notes == ()


def test_an_exported_run_comes_back_again(tmp_path: Path) -> None:
    """An export of an export holds the same once more, texts and hyperparameters too."""
    export(located(SAMPLES[0]), tmp_path / "one")
    export(located(tmp_path / "one"), tmp_path / "two")
    export(located(tmp_path / "two"), tmp_path / "three")
    one, three = open_run(tmp_path / "one"), open_run(tmp_path / "three")
    assert_same(three, one)
    assert three.texts == one.texts
    assert three.config == one.config
    assert Counter(tags_of(tmp_path / "three")) == Counter(tags_of(tmp_path / "one"))


def tags_of(folder: Path) -> Iterator[str]:
    """The tag of every value in a file, as often as it is there."""
    return (value.tag for event in events(folder) for value in event.summary.value)


def test_the_whole_run_is_in_the_file_in_its_order(tmp_path: Path) -> None:
    """Values stand in the order logged, with step and time; NaN and infinities stay."""
    records = [(3, {"b": 1.5, "a": NAN}), (1, {"a": INF}), (1, {"c": -INF, "a": 0.1})]
    found, _ = made_of(tmp_path / "run", batch(*records, times=[50.25, 51.5, 52.75]))
    export(found, tmp_path / "tb")
    expected = [
        *[("b", 3, 1.5, 50.25), ("a", 3, NAN, 50.25), ("a", 1, INF, 51.5)],
        *[("c", 1, -INF, 52.75), ("a", 1, float(np.float32(0.1)), 52.75)],
    ]
    assert repr(scalars(tmp_path / "tb")) == repr(expected)


@pytest.mark.parametrize("value", [1e300, -1e300, 3.5e38, 1e-320, 2.0**53 + 2, -0.0])
def test_values_that_float32_rounds(tmp_path: Path, value: float) -> None:
    """A value becomes the nearest float32, which may be infinite, and nothing is said."""
    found, _ = made_of(tmp_path / "run", batch((0, {"a": value})))
    export(found, tmp_path / "tb")
    with np.errstate(over="ignore", under="ignore"):
        expected = float(np.float32(value))
    assert repr(values_of(tmp_path / "tb")) == repr([("a", 0, expected)])


@pytest.mark.parametrize("step", [0, -1, 2**31, 2**53 + 1, LARGEST_STEP, -(2**63), -(2**53) - 1])
def test_steps_are_exact(tmp_path: Path, step: int) -> None:
    """Every step of 64 bits is in the file as it is, and nothing is said of rounding."""
    found, _ = made_of(tmp_path / "run", batch((step, {"a": 1}), times=[1]))
    written = export(found, tmp_path / "tb")
    assert values_of(tmp_path / "tb") == [("a", step, 1)]
    assert written.notes == ()
    assert open_run(tmp_path / "tb")["a"].steps.tolist() == [step]


def test_fractional_steps(tmp_path: Path) -> None:
    """A fractional step is rounded to a whole one, and one note says so."""
    records = [(0.25, {"a": 1}), (1.75, {"a": 2}), (3.0, {"a": 3})]
    found, _ = made_of(tmp_path / "run", batch(*records, times=[1, 1, 1]))
    written = export(found, tmp_path / "tb")
    assert [step for _, step, _ in values_of(tmp_path / "tb")] == [0, 2, 3]
    (note,) = written.notes
    assert "fractional steps are rounded" in note


@pytest.mark.parametrize("step", [1e300, -1e300, 2.0**63, 1e19])
def test_steps_that_no_event_has(tmp_path: Path, step: float) -> None:
    """A step beyond 64 bits becomes the farthest there is, of its own sign, with a note."""
    found, _ = made_of(tmp_path / "run", batch((0.0, {"a": 1}), (step, {"a": 2}), times=[1, 1]))
    written = export(found, tmp_path / "tb")
    farthest = LARGEST_STEP if step > 0 else -LARGEST_STEP - 1
    found_steps = [step for _, step, _ in values_of(tmp_path / "tb")]
    assert found_steps[0] == 0
    assert abs(found_steps[1] - farthest) <= 1024  # as near as a float comes
    assert len(written.notes) == 1


# Times


def test_without_a_clock(tmp_path: Path) -> None:
    """Where no time is recorded, that of the log's last change stands for it, with a note."""
    found, _ = made_of(tmp_path / "run", batch((0, {"a": 1}), (1, {"a": 2})))
    written = export(found, tmp_path / "tb")
    assert [scalar[3] for scalar in scalars(tmp_path / "tb")] == [1000, 1000]
    assert event_files(tmp_path / "tb") == ["events.out.tfevents.1000.trainviz"]
    (note,) = written.notes
    assert "no time is recorded" in note


def test_times_that_are_missing_in_between(tmp_path: Path) -> None:
    """A value without a time has that of the one before; the first ones the first known."""
    records = [(step, {"a": step}) for step in range(6)]
    found, _ = made_of(tmp_path / "run", batch(*records, times=[NAN, 70, NAN, NAN, 80, NAN]))
    written = export(found, tmp_path / "tb")
    assert [scalar[3] for scalar in scalars(tmp_path / "tb")] == [70, 70, 70, 70, 80, 80]
    assert len(written.notes) == 1


def test_times_that_are_missing_in_a_later_part(tmp_path: Path) -> None:
    """Where a part of the run has no clock, its values have the last time known."""
    parts = [
        batch((0, {"a": 1}), times=[70]),
        batch((1, {"a": 2})),
        batch((2, {"a": 3}), times=[90]),
    ]
    found, _ = made_of(tmp_path / "run", *parts)
    exporting = TensorboardExport(found, tmp_path / "tb")
    exporting.write()
    assert exporting.update()
    assert exporting.update()
    assert [scalar[3] for scalar in scalars(tmp_path / "tb")] == [70, 70, 90]


@pytest.mark.parametrize("time", [0.0, 0.5, 1.7e9 + 0.123456, -5.0, 4e9])
def test_the_name_says_when_the_run_began(tmp_path: Path, time: float) -> None:
    """The file is named after the earliest time, and begins with that time and the version."""
    records = [(0, {"a": 1}), (1, {"a": 2})]
    found, _ = made_of(tmp_path / "run", batch(*records, times=[time + 7, time]))
    export(found, tmp_path / "tb")
    assert event_files(tmp_path / "tb") == [f"events.out.tfevents.{int(time)}.trainviz"]
    first = next(events(tmp_path / "tb"))
    assert (first.file_version, first.wall_time) == ("brain.Event:2", time)


@pytest.mark.parametrize("time", [INF, -INF, 1e300, NAN])
def test_times_that_are_none(tmp_path: Path, time: float) -> None:
    """A time that no clock shows, as a damaged event may hold, doesn't stop the export."""
    source = tmp_path / "run"
    source.mkdir()
    record = encode_one("a", time, 1, 0.5)
    (source / "events.out.tfevents.1").write_bytes(tfbuild.file_version(1.0) + record)
    export(located(source), tmp_path / "tb")
    assert values_of(tmp_path / "tb") == [("a", 1, 0.5)]


# Restarts


def test_a_new_start_is_marked(tmp_path: Path) -> None:
    """Where a new process writes, the file says so, with the step of its first record."""
    records = [(5, {"a": 1}), (6, {"a": 2}), (2, {}), (3, {"a": 3}), (9, {"a": 4})]
    found, _ = made_of(tmp_path / "run", batch(*records, starts=[0, 0, 1, 1, 2]))
    export(found, tmp_path / "tb")
    assert session_starts(tmp_path / "tb") == [(2, 2), (3, 9)]
    assert open_run(tmp_path / "tb")["a"].segments == (0, 2, 3)


def test_a_new_start_while_following(tmp_path: Path) -> None:
    """A start that begins later is marked once, however often the file is continued in it."""
    polls = [
        batch((5, {"a": 1}), starts=[0]),
        batch((6, {"a": 2}), (3, {"a": 3}), starts=[0, 1]),
        batch((4, {"a": 4}), starts=[1]),
        batch((4, {"a": 5}), starts=[2]),
    ]
    found, _ = made_of(tmp_path / "run", *polls)
    exporting = TensorboardExport(found, tmp_path / "tb")
    exporting.write()
    while exporting.update():
        pass
    assert session_starts(tmp_path / "tb") == [(2, 3), (4, 4)]
    assert [value for _, _, value in values_of(tmp_path / "tb")] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("exported_before", range(1, 6))
def test_a_start_that_goes_on(tmp_path: Path, exported_before: int) -> None:
    """A start of which a part was exported is continued without a mark in its middle.

    TensorBoard drops, at a mark, what it has of later steps: here, what was exported before.
    """
    records = [(0, {"a": 0}), (1, {"a": 1}), (1, {"a": 2}), (2, {"a": 3}), (3, {"a": 4})]
    starts = [0, 0, 1, 1, 1]
    some = slice(exported_before)
    found, _ = made_of(tmp_path / "run", batch(*records[some], starts=starts[some]))
    export(found, tmp_path / "tb")
    found, _ = made_of(tmp_path / "run", batch(*records, starts=starts))
    export(found, tmp_path / "tb")
    assert [value for _, _, value in values_of(tmp_path / "tb")] == [0, 1, 2, 3, 4]
    assert session_starts(tmp_path / "tb") == [(2, 1)]
    assert open_run(tmp_path / "tb")["a"].segments == (0, 2)


def test_a_start_of_a_work_dir_that_goes_on(tmp_path: Path) -> None:
    """The same with MMEngine's work_dir, exported while its second start is training."""
    shutil.copytree(TESTS / "golden" / "local" / "resumed" / "work_dir", tmp_path / "run")
    export(located(tmp_path / "run"), tmp_path / "tb")
    (log,) = tmp_path.glob("run/20260103_120000/vis_data/scalars.json")
    modified = log.stat().st_mtime
    with log.open("a") as file:
        file.write('{"loss": 0.5, "step": 50}\n')
    os.utime(log, (modified, modified))
    export(located(tmp_path / "run"), tmp_path / "tb")
    back = open_run(tmp_path / "tb")["loss"]
    assert back.values.tolist() == [4, 3, 2.5, 2.75, 1, 0.5]
    assert back.segments == (0, 3)


def accumulated(folder: Path) -> list[dict[str, list[tuple[int, float]]]]:
    """The scalars of a folder as TensorBoard's loaders have them: the public one, the server's."""
    public = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    served = ServedAccumulator(str(folder), size_guidance={"tensors": 0})
    public.Reload()
    served.Reload()
    return [
        {
            tag: [(each.step, each.value) for each in public.Scalars(tag)]
            for tag in public.Tags()["scalars"]
        },
        {
            tag: [
                (each.step, make_ndarray(each.tensor_proto).item()) for each in served.Tensors(tag)
            ]
            for tag in served.Tags()["tensors"]
            if served.SummaryMetadata(tag).plugin_data.plugin_name == "scalars"
        },
    ]


def write_events(folder: Path, name: str, *values: tuple[str, int, float]) -> None:
    """An event file with these scalars, as any other program writes it."""
    folder.mkdir(parents=True, exist_ok=True)
    records = [encode_one(tag, 5.0, step, value) for tag, step, value in values]
    data = b"".join([tfbuild.file_version(5.0), *records])
    (folder / f"events.out.tfevents.{name}").write_bytes(data)


def test_parts_of_a_run_are_no_restarts(tmp_path: Path) -> None:
    """Keras's sub-folders for training, validation and test: TensorBoard shows all of them.

    At a mark of a new session it would drop what it has of the other parts.
    """
    for part in ("train", "validation", "test"):
        write_events(tmp_path / "run" / part, "5.host", *(("loss", n, n / 2) for n in range(5)))
    export(located(tmp_path / "run"), tmp_path / "tb")
    expected = [(n, n / 2) for n in range(5)]
    for found in accumulated(tmp_path / "tb"):
        assert found == {f"{part}/loss": expected for part in ("test", "train", "validation")}


def test_files_written_side_by_side_are_no_restarts(tmp_path: Path) -> None:
    """Three writers of one process in one folder: TensorBoard shows what each of them wrote."""
    for tag in ("a", "b", "c"):
        write_events(tmp_path / "run", f"5.host.1.{tag}", *((tag, n, n / 2) for n in range(5)))
    export(located(tmp_path / "run"), tmp_path / "tb")
    expected = [(n, n / 2) for n in range(5)]
    for found in accumulated(tmp_path / "tb"):
        assert found == dict.fromkeys("abc", expected)


def test_a_restarted_run_in_tensorboard(tmp_path: Path) -> None:
    """At every restart, TensorBoard's loaders drop what was logged again since, and agree."""
    steps, starts = [0, 1, 2, 3, 2, 3, 4, 3, 4, 5], [0, 0, 0, 0, 1, 1, 1, 2, 2, 2]
    records = [(step, {"a": step + 100 * n}) for step, n in zip(steps, starts, strict=True)]
    found, _ = made_of(tmp_path / "run", batch(*records, starts=starts))
    export(found, tmp_path / "tb")
    for loaded in accumulated(tmp_path / "tb"):
        assert loaded == {"a": [(0, 0), (1, 1), (2, 102), (3, 203), (4, 204), (5, 205)]}


def test_a_work_dir_whose_log_is_replaced(tmp_path: Path) -> None:
    """A log that begins anew while it is followed is a start of its own, after older ones too."""
    shutil.copytree(TESTS / "golden" / "local" / "resumed" / "work_dir", tmp_path / "run")
    exporting = TensorboardExport(located(tmp_path / "run"), tmp_path / "tb")
    exporting.write()
    (log,) = tmp_path.glob("run/20260103_120000/vis_data/scalars.json")
    log.unlink()
    log.write_text('{"loss": 7, "step": 50}\n')
    exporting.update()
    exporting.close()
    assert session_starts(tmp_path / "tb") == [(3, 30), (5, 50)]
    assert open_run(tmp_path / "tb")["loss"].segments == (0, 3, 5)


# Pictures


def picture(shade: int) -> bytes:
    """A PNG of one shade."""
    return encode_png(np.full((2, 3, 3), shade, np.uint8))


def test_pictures_are_their_files(tmp_path: Path) -> None:
    """A picture's bytes are those of its file, whatever they are; size, step and time are right."""
    with LocalVisBackend(tmp_path / "run") as vis:
        vis.add_scalar("a", 1)
        vis.add_image("val/x", np.zeros((4, 6, 3), np.uint8), 7)
    odd = tmp_path / "run" / "vis_image" / "odd_3.png"
    odd.write_bytes(b"no picture at all")
    os.utime(odd, (5000.5, 5000.5))
    written = export(located(tmp_path / "run"), tmp_path / "tb")
    assert written.images == 2
    images = [
        (value.tag, event.step, event.wall_time, value.image)
        for event in events(tmp_path / "tb")
        for value in event.summary.value
        if value.HasField("image")
    ]
    (odd_tag, odd_step, odd_time, odd_image), (tag, step, _, image) = images
    assert (odd_tag, odd_step, odd_time) == ("odd", 3, 5000.5)
    assert odd_image.encoded_image_string == b"no picture at all"
    assert (tag, step) == ("val/x", 7)
    assert (image.width, image.height, image.colorspace) == (6, 4, 3)
    (file,) = tmp_path.glob("run/vis_image/val/*.png")
    assert image.encoded_image_string == file.read_bytes()


def test_a_run_of_pictures_alone(tmp_path: Path) -> None:
    """A run that logged no scalar yet is exported too."""
    found, made = made_of(tmp_path / "run")
    file = tmp_path / "run" / "a.png"
    file.write_bytes(picture(1))
    made.pictures = (Image("a", 1, file),)
    assert export(found, tmp_path / "tb")[1:3] == (0, 1)
    assert pictures(open_run(tmp_path / "tb")) == [("a", 1, picture(1))]


def test_a_picture_of_the_same_name_and_step(tmp_path: Path) -> None:
    """Where a run holds two pictures of one name and step, as a restarted one does, both stay."""
    source = tmp_path / "run"
    source.mkdir()
    shades = [tfbuild.image("a", 1, 1.0, picture(shade)) for shade in (1, 2)]
    data = [tfbuild.file_version(1.0), encode_one("b", 1.0, 1, 0.5), *shades]
    (source / "events.out.tfevents.1").write_bytes(b"".join(data))
    export(located(source), tmp_path / "tb")
    assert pictures(open_run(tmp_path / "tb")) == [("a", 1, picture(1)), ("a", 1, picture(2))]


def test_a_picture_that_is_gone(tmp_path: Path) -> None:
    """A picture that can't be read is left out with a note; the others are exported."""
    found, made = made_of(tmp_path / "run", batch((0, {"a": 1}), times=[1]))
    file = tmp_path / "run" / "b.png"
    file.write_bytes(picture(1))
    made.pictures = (Image("gone", 1, tmp_path / "gone.png"), Image("b", 1, file))
    written = export(found, tmp_path / "tb")
    assert written.images == 1
    (note,) = written.notes
    assert "gone.png" in note


@pytest.mark.parametrize("step", [10**20, -(10**20), 2**63])
def test_a_picture_whose_step_no_event_has(tmp_path: Path, step: int) -> None:
    """A picture whose file says such a step doesn't stop the export; a note tells of it."""
    with LocalVisBackend(tmp_path / "run") as vis:
        vis.add_scalar("a", 1)
        vis.add_image("x", np.zeros((4, 6, 3), np.uint8), step)
    written = export(located(tmp_path / "run"), tmp_path / "tb")
    assert values_of(tmp_path / "tb") == [("a", 0, 1)]
    assert len(written.notes) == 1


def test_a_pointer_instead_of_a_picture(tmp_path: Path) -> None:
    """What git-LFS leaves in place of a picture is no picture: left out, with a note."""
    with LocalVisBackend(tmp_path / "run") as vis:
        vis.add_scalar("a", 1)
        vis.add_image("x", np.zeros((4, 6, 3), np.uint8), 7)
    (file,) = tmp_path.glob("run/vis_image/*.png")
    file.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n")
    written = export(located(tmp_path / "run"), tmp_path / "tb")
    assert written.images == 0
    (note,) = written.notes
    assert "git-LFS" in note


def test_a_new_picture_is_added(tmp_path: Path) -> None:
    """A picture that came since is added to the file; the ones that are there are not again."""
    with LocalVisBackend(tmp_path / "run") as vis:
        vis.add_scalar("a", 1)
        for step in range(3):
            vis.add_image("x", np.full((2, 2, 3), step, np.uint8), step)
            assert export(located(tmp_path / "run"), tmp_path / "tb").images == step + 1
    assert [image.step for image in open_run(tmp_path / "tb").images] == [0, 1, 2]
    assert pictures(open_run(tmp_path / "tb")) == pictures(open_run(tmp_path / "run"))


def test_a_picture_that_was_replaced(tmp_path: Path) -> None:
    """A picture that was logged again shows as it is now after the next export."""
    with LocalVisBackend(tmp_path / "run") as vis:
        vis.add_scalar("a", 1)
        for shade in (10, 200):
            vis.add_image("x", np.full((2, 2, 3), shade, np.uint8), 7)
            export(located(tmp_path / "run"), tmp_path / "tb")
    assert pictures(open_run(tmp_path / "tb")) == pictures(open_run(tmp_path / "run"))


def test_a_picture_without_a_scalar_while_following(tmp_path: Path) -> None:
    """A picture that is logged alone, as at the end of a validation, gets into the file as well."""
    with LocalVisBackend(tmp_path / "run") as vis:
        vis.add_scalar("a", 1)
        exporting = TensorboardExport(located(tmp_path / "run"), tmp_path / "tb")
        exporting.write()
        vis.add_image("x", np.zeros((2, 2, 3), np.uint8), 7)
    exporting.update()
    exporting.close()
    assert pictures(open_run(tmp_path / "tb")) == pictures(open_run(tmp_path / "run")) != []


def test_a_picture_that_is_being_written(tmp_path: Path) -> None:
    """Half a PNG, as one sees while another program writes it, is taken when it is whole."""
    with LocalVisBackend(tmp_path / "run") as vis:
        vis.add_scalar("a", 1)
        vis.add_image("x", np.arange(300, dtype=np.uint8).reshape(10, 10, 3), 7)
    (file,) = tmp_path.glob("run/vis_image/*.png")
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    exporting = TensorboardExport(located(tmp_path / "run"), tmp_path / "tb")
    exporting.write()
    file.write_bytes(whole)
    with LocalVisBackend(tmp_path / "run") as vis:
        vis.add_scalar("a", 2, 1)
    exporting.update()
    exporting.close()
    assert pictures(open_run(tmp_path / "tb")) == [("x", 7, whole)]


# Configuration, texts, distributions


CONFIG: dict[str, object] = {
    "lr": 0.1,
    "epochs": 30,
    "amp": True,
    "name": "r50",
    "nothing": None,
    "model": {"depth": 50, "norm": {"type": "BN"}},
    "steps": [8, 11],
    "pipeline": [{"type": "Load"}, {"type": "Flip", "p": 0.5}],
    "é 'quoted'": "<b>ünsafe</b>",
    "nan": NAN,
}


def hparams(folder: Path) -> dict[str, object]:
    """The hyperparameters in the file's session start."""
    for event in events(folder):
        for value in event.summary.value:
            if value.tag == "_hparams_/session_start_info":
                data = HParamsPluginData.FromString(value.metadata.plugin_data.content)
                given = data.session_start_info.hparams
                return {
                    name: getattr(given[name], given[name].WhichOneof("kind")) for name in given
                }
    return {}


def test_the_configuration_as_hyperparameters(tmp_path: Path) -> None:
    """Numbers are numbers, truths truths, the rest text, under dotted names."""
    with LocalVisBackend(tmp_path / "run") as vis:
        vis.add_config(CONFIG)
        vis.add_scalar("a", 1)
    export(located(tmp_path / "run"), tmp_path / "tb")
    found = hparams(tmp_path / "tb")
    expected = {
        "lr": 0.1,
        "epochs": 30.0,
        "amp": True,
        "name": "r50",
        "nothing": "None",
        "model.depth": 50.0,
        "model.norm.type": "BN",
        "steps": "[8, 11]",
        "pipeline.0.type": "Load",
        "pipeline.1.type": "Flip",
        "pipeline.1.p": 0.5,
        "é 'quoted'": "<b>ünsafe</b>",
        "nan": NAN,
    }
    assert repr(dict(sorted(found.items()))) == repr(dict(sorted(expected.items())))


def test_the_configuration_as_text(tmp_path: Path) -> None:
    """It is one text named `config`: the Python that `config.py` holds, as a block of code."""
    with LocalVisBackend(tmp_path / "run") as vis:
        vis.add_config(CONFIG)
        vis.add_scalar("a", 1)
    export(located(tmp_path / "run"), tmp_path / "tb")
    (text,) = open_run(tmp_path / "tb").texts
    dumped = (tmp_path / "run" / "config.py").read_text()
    assert (text.name, text.step) == ("config", 0)
    assert text.text == f"```python\n{dumped}```\n"


@pytest.mark.parametrize(
    "config",
    [
        "seed = 10 ** 3\nlarge = " + "9" * 400,
        "large = [0x" + "f" * 5000 + "]",
        "name = '\\ud800'",
        "_extra_ = {'\\ud800': 1}",
        "_extra_ = {'': 1, 'a.b': {}}",
        "data = b'\\xff'\nz = complex(1.0, 2.0)\nnothing = None\nempty = {}",
        "text = '" + "x" * 100_000 + "'",
    ],
    ids=["huge", "huge in a list", "surrogate", "surrogate name", "no name", "others", "long"],
)
def test_configurations_that_are_odd(tmp_path: Path, config: str) -> None:
    """Whatever literals a config holds, the run is exported."""
    with LocalVisBackend(tmp_path / "run") as vis:
        vis.add_scalar("a", 1)
    (tmp_path / "run" / "config.py").write_text(config)
    export(located(tmp_path / "run"), tmp_path / "tb")
    assert values_of(tmp_path / "tb") == [("a", 0, 1)]
    assert hparams(tmp_path / "tb") != {}


def test_a_configuration_that_is_no_python(tmp_path: Path) -> None:
    """It is left out with a note that names the file; everything else is exported."""
    with LocalVisBackend(tmp_path / "run") as vis:
        vis.add_scalar("a", 1)
    (tmp_path / "run" / "config.py").write_text("lr = = 1")
    written = export(located(tmp_path / "run"), tmp_path / "tb")
    (note,) = written.notes
    assert "config.py" in note
    assert list(tags_of(tmp_path / "tb"))[:1] == ["a"]


def test_the_same_configuration_is_the_same_bytes() -> None:
    """In every process, or an export that could be continued would be written anew."""
    script = (
        "import sys; from trainviz_cli.writing.config_events import config_events\n"
        "config = {name: 1 for name in 'a quick brown fox jumps over the lazy dog'.split()}\n"
        "sys.stdout.buffer.write(config_events(config, 1.5))"
    )
    command = [sys.executable, "-c", script]
    outputs = {subprocess.run(command, capture_output=True, check=True).stdout for _ in range(3)}
    assert len(outputs) == 1


def test_texts_and_distributions(tmp_path: Path) -> None:
    """What else a run holds comes back: texts as they are, distributions bucket by bucket."""
    found, made = made_of(tmp_path / "run", batch((0, {"a": 1}), times=[9]))
    edges, counts = np.array([-1.5, 0, 2, INF]), np.array([3.0, 0, 7])
    text = Text("note", 3, "# títle\n\nbody \x00 end")
    made.others = (text, Histogram("weights", 5, edges, counts))
    export(found, tmp_path / "tb")
    back = open_run(tmp_path / "tb")
    assert back.texts == (text,)
    (histogram,) = back.histograms
    assert (histogram.name, histogram.step) == ("weights", 5)
    assert histogram.edges.tolist() == edges.tolist()
    assert histogram.counts.tolist() == counts.tolist()


@pytest.mark.parametrize(
    "other", [Text("note", 3, "text"), Histogram("w", 1, np.array([0.0, 1]), np.array([2.0]))]
)
def test_a_run_without_scalars(tmp_path: Path, other: Text | Histogram) -> None:
    """A run of texts or of distributions alone is something to export."""
    found, made = made_of(tmp_path / "run")
    made.others = (other,)
    export(found, tmp_path / "tb")
    back = open_run(tmp_path / "tb")
    assert [each.name for each in (*back.texts, *back.histograms)] == [other.name]


@pytest.mark.parametrize("name", ["\ud800", "é\udc80"])
def test_names_that_are_no_unicode(tmp_path: Path, name: str) -> None:
    """A name that UTF-8 can't hold, as a file's or a JSON key's may be, is written with a `?`."""
    found, made = made_of(tmp_path / "run", batch((0, {name: 1}), keys=[name], times=[1]))
    file = tmp_path / "run" / "b.png"
    file.write_bytes(picture(1))
    made.pictures = (Image(name, 1, file),)
    made.others = (Text(name, 1, name),)
    export(found, tmp_path / "tb")
    shown = name.encode("utf-8", "replace").decode()
    back = open_run(tmp_path / "tb")
    assert back.keys() == [shown]
    assert [image.name for image in back.images] == [shown]
    assert back.texts == (Text(shown, 1, shown),)


# Nothing, and what can't be read or written


def test_nothing_to_export(tmp_path: Path) -> None:
    """An empty run is an error, and nothing is made; not even the folder."""
    found, _ = made_of(tmp_path / "run")
    with pytest.raises(UnreadableError, match="holds nothing"):
        TensorboardExport(found, tmp_path / "tb").write()
    assert not (tmp_path / "tb").exists()


def test_rows_without_values(tmp_path: Path) -> None:
    """Records that say a step and nothing else are nothing to export, or an empty file."""
    found, _ = made_of(tmp_path / "run", batch((0, {}), (1, {})))
    try:
        written = export(found, tmp_path / "tb")
    except UnreadableError:
        assert not (tmp_path / "tb").exists()
    else:
        assert written.scalars == 0
        assert values_of(tmp_path / "tb") == []


def test_a_file_in_the_way(tmp_path: Path) -> None:
    """A folder that can't be made is a WriteError that names it."""
    (tmp_path / "tb").write_text("mine")
    found, _ = made_of(tmp_path / "run", batch((0, {"a": 1})))
    with pytest.raises(WriteError, match="tb"):
        TensorboardExport(found, tmp_path / "tb").write()
    assert (tmp_path / "tb").read_text() == "mine"


def test_a_failure_keeps_the_older_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An export that can't be written leaves the older one as it was, and no draft."""
    found, _ = made_of(tmp_path / "run", batch((0, {"a": 1}), times=[9]))
    export(found, tmp_path / "tb")
    (file,) = (tmp_path / "tb").iterdir()
    before = file.read_bytes()
    found, _ = made_of(tmp_path / "run", batch((0, {"a": 2}), times=[9]))

    def fail(*_: Any) -> Iterator[bytes]:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("trainviz_cli.export.tensorboard.encode", fail)
    with pytest.raises(WriteError, match="Input/output error"):
        TensorboardExport(found, tmp_path / "tb").write()
    assert list((tmp_path / "tb").iterdir()) == [file]
    assert file.read_bytes() == before


def test_update_without_news(tmp_path: Path) -> None:
    """Looking again writes nothing where nothing came."""
    found, _ = made_of(tmp_path / "run", batch((0, {"a": 1}), times=[9]))
    exporting = TensorboardExport(found, tmp_path / "tb")
    path = exporting.write().path
    before = path.read_bytes()
    assert exporting.update() is None
    assert path.read_bytes() == before


def test_a_run_that_is_deleted_while_followed(tmp_path: Path) -> None:
    """What was exported stays, and looking again is no error."""
    shutil.copytree(SAMPLES[0], tmp_path / "run")
    exporting = TensorboardExport(located(tmp_path / "run"), tmp_path / "tb")
    written = exporting.write()
    shutil.rmtree(tmp_path / "run")
    assert exporting.update() is None
    exporting.close()
    assert len(values_of(tmp_path / "tb")) == written.scalars


def test_a_file_that_is_removed_while_followed(tmp_path: Path) -> None:
    """Where somebody removed what was exported, all of the run is written again, not the rest."""
    with LocalVisBackend(tmp_path / "run") as vis:
        vis.add_scalar("a", 1, 0)
        exporting = TensorboardExport(located(tmp_path / "run"), tmp_path / "tb")
        exporting.write().path.unlink()
        vis.add_scalar("a", 2, 1)
    written = exporting.update()
    exporting.close()
    assert written is not None
    assert written.scalars == 2
    assert_same(open_run(tmp_path / "tb"), open_run(tmp_path / "run"))


def test_texts_that_come_while_following(tmp_path: Path) -> None:
    """A text, a distribution, hyperparameters that are logged late are there at the end, once."""
    with TensorboardVisBackend(tmp_path / "run") as vis:
        vis.add_scalar("a", 1, 0)
        exporting = TensorboardExport(located(tmp_path / "run"), tmp_path / "tb")
        exporting.write()
        vis.add_config({"lr": 0.5})
        vis.add_scalar("a", 2, 1)
    exporting.update()
    exporting.close()
    back, run = open_run(tmp_path / "tb"), open_run(tmp_path / "run")
    assert_same(back, run)
    assert back.config == run.config == {"lr": 0.5}
    assert back.texts == run.texts
    assert len(event_files(tmp_path / "tb")) == 1


def test_new_keys_while_following(tmp_path: Path) -> None:
    """Keys that come later get their own names: codes are counted on from poll to poll."""
    with LocalVisBackend(tmp_path / "run") as vis:
        vis.add_scalar("a", 1, 0)
        exporting = TensorboardExport(located(tmp_path / "run"), tmp_path / "tb")
        assert exporting.write()[1:3] == (1, 0)
        for step, key in enumerate(["b", "c", "a", "d"], 1):
            vis.add_scalar(key, step, step)
            written = exporting.update()
            assert written is not None
            assert written.scalars == step + 1
    expected = [("a", 0, 1), ("b", 1, 1), ("c", 2, 2), ("a", 3, 3), ("d", 4, 4)]
    assert values_of(tmp_path / "tb") == expected


# An older export


RECORDS = [(step, {"a": step / 3, "b": NAN if step == 2 else step}) for step in range(6)]
TIMES = [100.0 + step for step in range(6)]


def older_of(folder: Path, count: int = 4) -> Path:
    """The export of the first of `RECORDS`."""
    run, _ = made_of(folder / "older run", batch(*RECORDS[:count], times=TIMES[:count]))
    return TensorboardExport(run, folder / "tb").write().path


def head_of(path: Path) -> bytes:
    """What stands in an export before the first scalar."""
    data = path.read_bytes()
    records = find_records(data).records
    for start, length in zip(records.starts.tolist(), records.lengths.tolist(), strict=True):
        event = Event.FromString(data[start : start + length])
        if any(value.HasField("simple_value") for value in event.summary.value):
            return data[: start - 12]
    return data


@pytest.mark.parametrize(
    ("now", "continues"),
    [
        ([batch(*RECORDS[:4])], True),
        ([batch(*RECORDS)], True),
        ([batch(*RECORDS[:1]), batch(*RECORDS[1:3]), batch(), batch(*RECORDS[3:])], True),
        ([batch(*RECORDS[:2], keys=["b", "a"]), batch(*RECORDS[2:])], True),
        ([batch(*((step + 0.25, values) for step, values in RECORDS))], True),
        ([batch(*RECORDS[:3])], False),
        ([batch()], False),
        ([], False),
        ([batch(*RECORDS[1:])], False),
        ([batch(*RECORDS[:3], (3, {"a": 1, "b": 4}), *RECORDS[4:])], False),
        ([batch(*RECORDS[:3], (3, {"b": 3, "a": 1}), *RECORDS[4:])], False),
        ([batch(*RECORDS[:3], (4, {"a": 1, "b": 3}), *RECORDS[4:])], False),
        ([batch(*RECORDS[:3], (3, {"a": 1, "c": 3}), *RECORDS[4:])], False),
        ([batch(*RECORDS[:2], (2, {"a": 2 / 3, "b": 2}), *RECORDS[3:])], False),
        ([batch(*RECORDS[:3], (3, {"a": 1, "b": NAN}), *RECORDS[4:])], False),
        ([batch((0, {"a": 0, "b": 0}), *RECORDS, keys=["a", "b"])], False),
    ],
    ids=[
        *("the same", "longer", "in parts", "other codes", "rounded steps", "shorter", "no row"),
        *("nothing", "first gone", "value", "order", "step", "key", "NaN gone", "NaN", "doubled"),
    ],
)
def test_is_continued_by(tmp_path: Path, now: list[Batch], *, continues: bool) -> None:
    """An older file is the beginning of the run only with the same values in the same order."""
    head = head_of(older_of(tmp_path))
    older = find_older(tmp_path / "tb", 100)
    assert older is not None
    assert older.is_continued_by(head, now) == continues


@pytest.mark.parametrize("value", [1e300, -1e300, 1e-320])
def test_is_continued_by_values_that_float32_rounds(tmp_path: Path, value: float) -> None:
    """What was rounded, or became infinite, is recognised, and nothing is said."""
    run, _ = made_of(tmp_path / "run", batch((0, {"a": value}), times=[9]))
    path = TensorboardExport(run, tmp_path / "tb").write().path
    older = find_older(tmp_path / "tb", 9)
    assert older is not None
    assert older.is_continued_by(head_of(path), [batch((0, {"a": value}))])


def test_is_continued_by_another_beginning(tmp_path: Path) -> None:
    """A file that begins differently, or isn't even as long, is not continued."""
    path = older_of(tmp_path)
    older = find_older(tmp_path / "tb", 100)
    assert older is not None
    head = head_of(path)
    now = [batch(*RECORDS)]
    assert older.is_continued_by(head, now)
    assert not older.is_continued_by(tfbuild.file_version(99.0), now)
    assert not older.is_continued_by(head[:-1] + b"?", now)
    assert not older.is_continued_by(path.read_bytes() + b"?", now)


@pytest.mark.parametrize("place", [-6, -3, 60])
def test_a_damaged_file_is_not_continued(tmp_path: Path, place: int) -> None:
    """Behind a damaged record nobody would find anything: the file is written anew."""
    path = older_of(tmp_path)
    data = bytearray(path.read_bytes())
    data[place] ^= 0xFF
    path.write_bytes(data)
    run, _ = made_of(tmp_path / "run", batch(*RECORDS, times=TIMES))
    export(run, tmp_path / "tb")
    assert repr(values_of(tmp_path / "tb")) == repr(expected_of(RECORDS))
    assert len(event_files(tmp_path / "tb")) == 1


def expected_of(records: Iterable[tuple[float, dict[str, float]]]) -> list[tuple[str, int, float]]:
    """What a file of these records holds."""
    return [
        (key, round(step), float(np.float32(value)))
        for step, values in records
        for key, value in values.items()
    ]


@pytest.mark.parametrize("lost", [1, 3, 4, 5, 17, 40])
def test_a_torn_end_is_not_continued(tmp_path: Path, lost: int) -> None:
    """After half a record, as a kill or a full disk leaves it, the next export has everything."""
    path = older_of(tmp_path)
    os.truncate(path, path.stat().st_size - lost)
    run, _ = made_of(tmp_path / "run", batch(*RECORDS, times=TIMES))
    export(run, tmp_path / "tb")
    assert repr(values_of(tmp_path / "tb")) == repr(expected_of(RECORDS))
    assert len(event_files(tmp_path / "tb")) == 1


def test_a_continued_file_is_the_same_file(tmp_path: Path) -> None:
    """Where the run has grown, bytes are added and none is changed: a reader has it open."""
    path = older_of(tmp_path)
    before, number = path.read_bytes(), path.stat().st_ino
    run, _ = made_of(tmp_path / "run", batch(*RECORDS, times=TIMES))
    written = export(run, tmp_path / "tb")
    assert written.path == path
    assert path.stat().st_ino == number
    assert path.read_bytes().startswith(before)
    assert len(path.read_bytes()) > len(before)
    assert written.scalars == 12
    assert repr(values_of(tmp_path / "tb")) == repr(expected_of(RECORDS))


def test_an_export_that_is_up_to_date_is_left_alone(tmp_path: Path) -> None:
    """Exporting the same run again changes not a byte, and says what is in the file."""
    run, _ = made_of(tmp_path / "run", batch(*RECORDS, times=TIMES))
    path = export(run, tmp_path / "tb").path
    before, number = path.read_bytes(), path.stat().st_ino
    run, _ = made_of(tmp_path / "run", batch(*RECORDS, times=TIMES))
    written = export(run, tmp_path / "tb")
    assert (written.path, written.scalars) == (path, 12)
    assert (path.read_bytes(), path.stat().st_ino) == (before, number)


def test_a_run_without_a_clock_goes_on(tmp_path: Path) -> None:
    """Its log's time changes whenever it grows, but its file stays the same, for who reads it."""
    run, _ = made_of(tmp_path / "run", batch(*RECORDS[:3]))
    path = export(run, tmp_path / "tb").path
    before = path.read_bytes()
    run, _ = made_of(tmp_path / "run", batch(*RECORDS))
    os.utime(run.log, (2000, 2000))
    written = export(run, tmp_path / "tb")
    assert event_files(tmp_path / "tb") == [path.name]
    assert written.path.read_bytes().startswith(before)
    assert repr(values_of(tmp_path / "tb")) == repr(expected_of(RECORDS))


def test_another_run_takes_the_place(tmp_path: Path) -> None:
    """A run that isn't the continuation gets a file of another name, which sorts behind the older.

    A running TensorBoard without its data server reads a folder's files in the order of their
    names, and never goes back.
    """
    names = []
    for number in range(13):
        run, _ = made_of(tmp_path / "run", batch((0, {"a": number}), times=[100]))
        export(run, tmp_path / "tb")
        names += event_files(tmp_path / "tb")
    assert names == sorted(set(names))
    assert len(names) == 13
    assert names[0] == "events.out.tfevents.100.trainviz"
    assert values_of(tmp_path / "tb") == [("a", 0, 12)]


def test_a_replaced_file_drops_the_older_in_a_running_tensorboard(tmp_path: Path) -> None:
    """A loader that has read the older file, then reads the new one, holds the new run alone."""
    run, _ = made_of(tmp_path / "run", batch(*RECORDS, times=TIMES))
    export(run, tmp_path / "tb")
    loader = EventAccumulator(str(tmp_path / "tb"))
    loader.Reload()
    assert len(loader.Scalars("a")) == 6
    changed = [(step, {"a": 10 + step}) for step in range(4)]
    run, _ = made_of(tmp_path / "run", batch(*changed, times=TIMES[:4]))
    export(run, tmp_path / "tb")
    loader.Reload()
    assert [(each.step, each.value) for each in loader.Scalars("a")] == [
        *[(0, 10), (1, 11), (2, 12), (3, 13)]
    ]


def test_a_file_that_was_emptied(tmp_path: Path) -> None:
    """An event file of no bytes, or only a version, is no obstacle."""
    path = older_of(tmp_path)
    for data in (b"", tfbuild.file_version(100.0), b"\0" * 40):
        path.write_bytes(data)
        run, _ = made_of(tmp_path / "run", batch(*RECORDS, times=TIMES))
        export(run, tmp_path / "tb")
        assert repr(values_of(tmp_path / "tb")) == repr(expected_of(RECORDS))
        (path,) = (tmp_path / "tb" / name for name in event_files(tmp_path / "tb"))


def test_find_older(tmp_path: Path) -> None:
    """The one file of an earlier export is found; none, a folder that isn't there are None."""
    assert find_older(tmp_path / "missing", 100) is None
    path = older_of(tmp_path)
    assert find_older(tmp_path, 100) is None
    older = find_older(tmp_path / "tb", 100)
    assert older is not None
    assert (older.path, len(older.events.values)) == (path, 8)


def test_find_older_passes_over_what_is_no_export(tmp_path: Path) -> None:
    """Event files of others, pointers and folders are not continued."""
    (tmp_path / "events.out.tfevents.100.host").write_bytes(tfbuild.file_version(100.0))
    assert find_older(tmp_path, 100) is None
    (tmp_path / "events.out.tfevents.100.trainviz").write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
    )
    assert find_older(tmp_path, 100) is None
    (tmp_path / "events.out.tfevents.100.trainviz").unlink()
    (tmp_path / "events.out.tfevents.100.trainviz").mkdir()
    assert find_older(tmp_path, 100) is None


def test_pictures_of_an_older_export(tmp_path: Path) -> None:
    """The older file says which pictures are in it."""
    data = tfbuild.file_version(100.0)
    for name, step in (("a", 1), ("a", 2), ("b", 1)):
        data += tfbuild.image(name, step, 100.0, picture(step))
    (tmp_path / "events.out.tfevents.100.trainviz").write_bytes(data)
    older = find_older(tmp_path, 100)
    assert older is not None
    assert set(older.pictures) == {("a", 1), ("a", 2), ("b", 1)}


def test_new_name(tmp_path: Path) -> None:
    """The first is named after the time alone; each next one is new and sorts behind all."""
    names = []
    for _ in range(25):
        names.append(new_name(tmp_path, 100))
        (tmp_path / names[-1]).write_text("x")
    assert names[0] == "events.out.tfevents.100.trainviz"
    assert names == sorted(set(names))
    assert new_name(tmp_path / "missing", -5) == "events.out.tfevents.-5.trainviz"


def test_new_name_beside_others(tmp_path: Path) -> None:
    """Files of others, and of other times, don't matter."""
    for name in ("events.out.tfevents.100.host", "events.out.tfevents.99.trainviz", "notes.txt"):
        (tmp_path / name).touch()
    assert new_name(tmp_path, 100) == "events.out.tfevents.100.trainviz"


def test_refuse_foreign(tmp_path: Path) -> None:
    """A folder passes unless event files are in it that no export wrote."""
    refuse_foreign(tmp_path / "missing")
    refuse_foreign(tmp_path)
    for name in ("notes.txt", "events.out.tfevents.1.trainviz"):
        (tmp_path / name).touch()
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "events.out.tfevents.1.host").touch()
    refuse_foreign(tmp_path)
    (tmp_path / "events.out.tfevents.1.host").touch()
    with pytest.raises(RefusedError, match=r"events\.out\.tfevents\.1\.host") as caught:
        refuse_foreign(tmp_path)
    assert caught.value.hint is not None
    assert "--force" in caught.value.hint


def test_remove_others(tmp_path: Path) -> None:
    """Only earlier exports are removed or emptied: nothing of others, nothing below, not the file.

    It may be emptied, as TensorBoard never reads on in a folder where the file it is in is gone.
    """
    kept = ["events.out.tfevents.1.host", "events.out.tfevents.3.trainviz", "notes.trainviz"]
    for name in (*kept, "events.out.tfevents.1.trainviz", "events.out.tfevents.2.trainviz"):
        (tmp_path / name).write_text("x")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "events.out.tfevents.1.trainviz").write_text("x")
    remove_others(tmp_path / "events.out.tfevents.3.trainviz")
    assert event_files(tmp_path) == sorted([*kept, "sub"])
    assert event_files(tmp_path / "sub") == ["events.out.tfevents.1.trainviz"]


@pytest.mark.parametrize("count", range(10))
def test_after(count: int) -> None:
    """So many values are left out at the beginning, wherever batches and rows end; rows stay."""
    parts = [batch(*RECORDS[:2]), batch(), batch(*RECORDS[2:5], times=[1, 2, 3])]
    rest = after(parts, count)
    left = [(each.keys[code], value) for each in rest for code, value in pairs(each)]
    every = [(each.keys[code], value) for each in parts for code, value in pairs(each)]
    assert repr(left) == repr(every[count:])
    assert [len(each) for each in rest] == [2, 0, 3]
    steps = [step for each in rest for step in each.steps[each.rows].tolist()]
    assert steps == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4][count:]


def pairs(each: Batch) -> list[tuple[int, float]]:
    """Code and value of a batch's values."""
    return list(zip(each.codes.tolist(), each.values.tolist(), strict=True))


@pytest.mark.parametrize("count", range(7))
def test_however_often_it_is_exported(tmp_path: Path, count: int) -> None:
    """Exported at any point before and again now, the file holds the run once."""
    with LocalVisBackend(tmp_path / "run") as vis:
        for step, values in RECORDS[:count]:
            vis.add_scalars(values, step)
    if count:
        export(located(tmp_path / "run"), tmp_path / "tb")
    with LocalVisBackend(tmp_path / "run") as vis:
        for step, values in RECORDS[count:]:
            vis.add_scalars(values, step)
        vis.add_scalar("last", 1, 9)
    export(located(tmp_path / "run"), tmp_path / "tb")
    expected = [*expected_of(RECORDS), ("last", 9, 1.0)]
    assert repr(values_of(tmp_path / "tb")) == repr(expected)
    assert len(event_files(tmp_path / "tb")) == 1


def test_the_end_is_said_once_for_each_growth(tmp_path: Path) -> None:
    """The file says that the run is over after whatever was added last, not after nothing."""
    for count in (3, 3, 6, 6):
        run, made = made_of(tmp_path / "run", batch(*RECORDS[:count], times=TIMES[:count]))
        made.values = {"lr": 1}
        export(run, tmp_path / "tb")
    ends = [tag for tag in tags_of(tmp_path / "tb") if tag == "_hparams_/session_end_info"]
    assert len(ends) == 2
    assert list(tags_of(tmp_path / "tb"))[-1] == "_hparams_/session_end_info"


def test_event_files_that_begin_anew(tmp_path: Path) -> None:
    """A run of event files that is replaced in place is exported as it is now."""
    for shade in (1, 2, 3):
        source = tmp_path / "run" / "events.out.tfevents.1"
        source.parent.mkdir(exist_ok=True)
        data = [tfbuild.file_version(1.0), encode_one("a", 1.0, 1, shade)]
        data += [tfbuild.image("x", step, 1.0, picture(shade)) for step in range(shade)]
        source.write_bytes(b"".join(data))
        export(located(tmp_path / "run"), tmp_path / "tb")
        assert pictures(open_run(tmp_path / "tb")) == [
            ("x", step, picture(shade)) for step in range(shade)
        ]
        assert values_of(tmp_path / "tb") == [("a", 1, shade)]


def test_a_frame_of_a_log_that_says_no_more(tmp_path: Path) -> None:
    """A graph, or an event of an unknown kind, in a run of event files breaks no export."""
    source = tmp_path / "run"
    source.mkdir()
    graph = frame(Event(wall_time=1.0, step=1, graph_def=b"x" * 5000).SerializeToString())
    data = [tfbuild.file_version(1.0), graph, encode_one("a", 1.0, 1, 0.5)]
    (source / "events.out.tfevents.1").write_bytes(b"".join(data))
    export(located(source), tmp_path / "tb")
    assert values_of(tmp_path / "tb") == [("a", 1, 0.5)]


def test_missing_runs_are_not_found(tmp_path: Path) -> None:
    """A run that isn't there is the error of whoever looks for it, before anything is written."""
    with pytest.raises(NotFoundError):
        located(tmp_path / "missing")
    assert event_files(tmp_path) == []

"""Whatever is logged under whatever name, TensorBoard has it, and so has who reads it back."""

from __future__ import annotations

import struct
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from trainviz_cli import LocalVisBackend, open_run
from trainviz_cli.export.tensorboard import TensorboardExport
from trainviz_cli.runs import locate_runs
from trainviz_cli.writing.backends.tensorboard import TensorboardVisBackend

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trainviz_cli.model.run import Run
    from trainviz_cli.runs import FoundRun

NAN, INF = float("nan"), float("inf")
# Text that UTF-8 can hold; long enough for lengths that take two bytes.
NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.sampled_from(
    ["loss", "val/mAP", "epoch", "train/epoch", "k" * 150, "步" * 60]
)
VALUES = (
    st.floats()
    | st.floats(-10, 10)
    | st.integers(-(2**70), 2**70)
    | st.sampled_from([NAN, INF, -INF, -0.0, 5e-324, 1e-46, 3.4028235677973366e38, 1e300])
)
STEPS = st.integers(1 - 2**63, 2**63 - 1) | st.integers(-3, 300) | st.sampled_from([0, 127, 128])
RECORDS = st.lists(
    st.tuples(
        STEPS, st.dictionaries(NAMES.filter(lambda name: name != "step"), VALUES, max_size=4)
    ),
    max_size=12,
)
Logged = list[tuple[int, dict[str, float]]]


def single(value: float) -> float:
    """The nearest number of 32 bits; what is too large is infinite."""
    try:
        return float(struct.unpack("<f", struct.pack("<f", value))[0])
    except OverflowError:
        return INF if value > 0 else -INF


def expected(records: Logged) -> dict[str, list[tuple[int, str]]]:
    """Name → steps and values as 32 bits, in the order logged; as text, which tells NaN and -0."""
    found: dict[str, list[tuple[int, str]]] = {}
    for step, values in records:
        for name, value in values.items():
            found.setdefault(name, []).append((step, repr(single(value))))
    return found


def of_run(run: Run, zero: float = 0.0) -> dict[str, list[tuple[int, str]]]:
    """The same of a run; -0 as 0, which it is in a column of integers, unless -0 is added."""
    return {
        key: [
            (step, repr(single(value) + zero))
            for step, value in zip(series.steps.tolist(), series.values.tolist(), strict=True)
        ]
        for key, series in run.series.items()
    }


def located(path: Path) -> FoundRun:
    """The run there."""
    (found,) = locate_runs([str(path)])
    return found


def export(path: Path, folder: Path) -> None:
    """All of the run, and that it is over."""
    exporting = TensorboardExport(located(path), folder)
    exporting.write()
    exporting.close()


def folders() -> Iterator[Path]:
    """An empty folder, for as long as it is used."""
    with TemporaryDirectory() as folder:
        yield Path(folder)


@settings(deadline=None, max_examples=80)
@given(records=RECORDS)
def test_tensorboard_has_what_was_logged(records: Logged) -> None:
    """The loader of TensorBoard has every value with its step, in order; so has our own reader."""
    for folder in folders():
        with TensorboardVisBackend(folder / "run") as vis:
            for step, values in records:
                vis.add_scalars(values, step)
        wanted = expected(records)
        if not wanted:
            assert not (folder / "run").exists()
            return
        loader = EventAccumulator(str(folder / "run"), size_guidance={"scalars": 0})
        loader.Reload()
        found = {
            tag: [(each.step, repr(each.value)) for each in loader.Scalars(tag)]
            for tag in loader.Tags()["scalars"]
        }
        assert found == wanted
        assert of_run(open_run(folder / "run", strict=True), -0.0) == wanted


@settings(deadline=None, max_examples=80)
@given(records=RECORDS)
@example(records=[(2**53 + 1, {"a": 1.0}), (2**53 + 2, {"a": 2.0}), (2**63 - 1, {"a": 3.0})])
@example(records=[(0, {"a": 1.0, "b": NAN}), (0, {}), (-1, {"b": INF, "a": 1e300})])
def test_an_exported_run_comes_back(records: Logged) -> None:
    """Run → event file → run is the identity but for 32 bits: keys, steps, times, restarts."""
    for folder in folders():
        with LocalVisBackend(folder / "run") as vis:
            vis.add_scalar("first", 0.5, 0)
            for step, values in records:
                vis.add_scalars(values, step)
        export(folder / "run", folder / "tb")
        run, back = open_run(folder / "run"), open_run(folder / "tb", strict=True)
        assert of_run(back) == of_run(run)
        assert back.keys() == run.keys()
        for key, series in run.series.items():
            assert series.wall_times is not None
            assert np.array_equal(back[key].wall_times, series.wall_times)
            assert back[key].segments == series.segments


@settings(deadline=None, max_examples=80)
@given(
    records=RECORDS,
    how=st.lists(st.sampled_from(["follow", "again", "torn", "replaced"]), max_size=4),
    data=st.data(),
)
def test_however_it_was_exported(records: Logged, how: list[str], data: st.DataObject) -> None:
    """Followed, exported again, torn by a kill or begun anew in between: it is all there, once."""
    cuts = sorted(data.draw(st.integers(0, len(records)), label="cut") for _ in how)
    for folder in folders():
        begin = 0
        with LocalVisBackend(folder / "run") as vis:
            vis.add_scalar("first", 0.5, 0)
        exporting = TensorboardExport(located(folder / "run"), folder / "tb")
        written = exporting.write()
        for way, end in zip([*how, "again"], [*cuts, len(records)], strict=True):
            if way == "replaced":
                (folder / "run" / "scalars.json").unlink()
            with LocalVisBackend(folder / "run") as vis:
                if way == "replaced":
                    vis.add_scalar("again", 0.25, 0)
                for step, values in records[begin:end]:
                    vis.add_scalars(values, step)
            begin = end
            if way == "follow":
                written = exporting.update() or written
                continue
            exporting.close()
            if way == "torn":
                size = written.path.stat().st_size
                lost = data.draw(st.integers(1, min(size, 60)), label="lost")
                with written.path.open("rb+") as file:
                    file.truncate(size - lost)
            exporting = TensorboardExport(located(folder / "run"), folder / "tb")
            written = exporting.write()
            assert of_run(open_run(folder / "tb", strict=True)) == of_run(open_run(folder / "run"))

"""Runs in MMEngine's layout: what is one, where its lines stand on the axis, what lies beside."""

import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest

from trainviz_cli.codecs import lines
from trainviz_cli.errors import UnreadableError
from trainviz_cli.formats._format import Place, Reader
from trainviz_cli.formats.local import FORMAT
from trainviz_cli.model.batch import Batch, assemble
from trainviz_cli.model.run import Run
from trainviz_cli.model.series import Series
from trainviz_cli.runs import open_run

STAMP = "20260101_120000"
RECORD = '{"loss": 0.5, "step": 1}\n'
Writer = Callable[..., Run]


def text_of(*records: object) -> str:
    """The records as MMEngine writes them, one per line."""
    return "".join(json.dumps(record) + "\n" for record in records)


@pytest.fixture
def read(tmp_path: Path) -> Writer:
    """Writes a log, of records or of bytes, and reads it as a run."""

    def write_and_read(*records: object, data: bytes | None = None) -> Run:
        (tmp_path / "scalars.json").write_bytes(
            text_of(*records).encode() if data is None else data
        )
        return open_run(tmp_path)

    return write_and_read


def notes(run: Run) -> dict[str, int]:
    """What was said about a run, and how much each note left out."""
    return {note.message: note.skipped for note in run.diagnostics}


@pytest.mark.parametrize(
    ("file", "asked"),
    [
        ("scalars.json", "."),
        ("scalars.json", "scalars.json"),
        ("vis_data/scalars.json", "."),
        ("vis_data/scalars.json", "vis_data"),
        ("vis_data/scalars.json", "vis_data/scalars.json"),
        (f"vis_data/{STAMP}.json", "."),
        (f"vis_data/{STAMP}.json", "vis_data"),
        (f"vis_data/{STAMP}.json", f"vis_data/{STAMP}.json"),
        ("other.jsonl", "other.jsonl"),
    ],
)
def test_a_run_is_found_in_each_layout(tmp_path: Path, file: str, asked: str) -> None:
    """A run is the folder of `scalars.json`, the one above `vis_data`, or a log file itself."""
    path = tmp_path / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(RECORD)
    run = open_run(tmp_path / asked)
    assert run.format == "local"
    assert run["loss"].values.tolist() == [0.5]


@pytest.mark.parametrize(
    ("file", "content"),
    [
        (f"{STAMP}.json", '{"accuracy": 1.0}'),  # what MMEngine's test loop leaves
        (f"{STAMP}.json", RECORD),
        ("metrics.json", RECORD),
        ("scalars.json", '{\n  "loss": 0.5,\n  "step": 1\n}\n'),
        ("scalars.json", '[{"loss": 0.5, "step": 1}]\n'),
        ("scalars.json", '\ufeff{\r\n  "loss": 0.5\r\n}\r\n'),
        ("scalars.times", '{"offset": 1, "time": 1}\n'),
        ("vis_image/scalars.json", RECORD),
    ],
)
def test_a_folder_without_the_log_is_declined(tmp_path: Path, file: str, content: str) -> None:
    """The name alone isn't enough, and neither is a log of another name."""
    path = tmp_path / file
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content.encode())
    assert FORMAT.find_log(Place.at(tmp_path)) is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b'{"loss": 1}\n',
        b'{"a": 1, "step": 2}\n',
        b'{"step": 2}\n{\n',
        b"{",
        b"oops\n",
        b"<<<<<<< HEAD\n",
        b"\xef\xbb\xbf" + RECORD.encode(),
        b"\0" * 100,
    ],
)
def test_a_damaged_scalars_json_is_still_one(tmp_path: Path, data: bytes) -> None:
    """Empty, half written or damaged: a file of this name is read, not declined."""
    path = tmp_path / "scalars.json"
    path.write_bytes(data)
    assert FORMAT.find_log(Place.at(tmp_path)) is not None
    assert FORMAT.find_log(Place.at(path)) is not None


@pytest.mark.parametrize(
    ("data", "is_log"),
    [
        (RECORD.encode(), True),
        (b"# header\n\n" + RECORD.encode(), True),
        (b'{"loss": 0.5, "step": 1}', True),
        (b'{"loss": NaN, "step": 1}\n', True),
        (b'{"loss": -Infinity, "step": 1}\n', True),
        (b"\xef\xbb\xbf" + RECORD.encode(), True),
        (b'{"loss": 0.5, "step": 1}\r\n', True),
        (b'{"loss": 0.5}\n', False),
        (b'["step"]\n"step"\n', False),
        (b"step,loss\n1,0.5\n", False),
        (b"", False),
        (b"\x89PNG\r\n\x1a\n", False),
    ],
)
def test_a_file_of_any_name_is_known_by_its_records(
    tmp_path: Path, data: bytes, *, is_log: bool
) -> None:
    """One record with a step among the first lines makes a log, as any JSON reader reads it."""
    path = tmp_path / "train.jsonl"
    path.write_bytes(data)
    assert (FORMAT.find_log(Place.at(path)) is not None) is is_log


def test_scalars_json_wins_over_its_copy(tmp_path: Path) -> None:
    """MMEngine writes the log twice; it is read once."""
    folder = tmp_path / "vis_data"
    folder.mkdir()
    (folder / "scalars.json").write_text(RECORD)
    (folder / f"{STAMP}.json").write_text(RECORD)
    assert len(open_run(tmp_path)["loss"]) == 1


def test_every_sample_is_kept_in_the_order_written(read: Writer) -> None:
    """Repeated steps, steps that go back, NaN and infinities are samples; a restart is marked."""
    values = [1.0, 2.0, math.nan, math.inf, -math.inf, 3.0]
    run = read(*({"x": v, "step": s} for v, s in zip(values, [1, 2, 2, 5, 3, 3], strict=True)))
    assert run["x"].steps.tolist() == [1, 2, 2, 5, 3, 3]
    assert repr(run["x"].values.tolist()) == repr(values)
    assert run["x"].segments == (0, 4)
    assert run["x"].epochs is None
    assert run["x"].wall_times is None
    assert not run.diagnostics


def test_keys_that_come_and_go(read: Writer) -> None:
    """Each key has its own samples at its own steps, in the order keys were first met."""
    run = read({"b": 1, "step": 1}, {"a": 2, "step": 2}, {"b": 3, "a": 4, "step": 3})
    assert list(run) == ["b", "a"]
    assert run["b"].steps.tolist() == [1, 3]
    assert run["a"].values.tolist() == [2, 4]


@pytest.mark.parametrize("number", [2**53 + 1, 2**63 - 1, 1 - 2**63])
def test_integers_are_exact(read: Writer, number: int) -> None:
    """Integers beyond 2^53 come back to the last digit, as values and as steps."""
    run = read({"x": 1, "step": 1}, {"x": number, "step": number})
    assert run["x"].values.tolist() == [1, number]
    assert run["x"].steps.tolist() == [1, number]


@pytest.mark.parametrize("step", [2**63, -(2**63), 2**64 - 1, 2**64, 10**30, 1e30, -1e300])
def test_a_step_beyond_64_bits_is_no_other_step(read: Writer, step: float) -> None:
    """A step that int64 can't hold is rounded to a float, never to 0."""
    run = read({"x": 1, "step": 1}, {"x": 2, "step": step}, {"x": 3, "step": 2})
    assert run["x"].steps.tolist() == [1, float(step), 2]


@pytest.mark.parametrize(
    ("step", "read_as"), [(4.5, 4.5), (-1, -1), (0, 0), ("7", 7), (" 7.5 ", 7.5), (True, 1)]
)
def test_unusual_steps(read: Writer, step: object, read_as: float) -> None:
    """Fractional and negative steps and numbers as text are steps."""
    run = read({"x": 1, "step": step}, {"x": 2, "step": 3})
    assert run["x"].steps.tolist() == [read_as, 3]
    assert not run.diagnostics


@pytest.mark.parametrize(
    "step",
    ["null", '"five"', '""', "[1]", '{"a": 1}', "NaN", "Infinity", "-Infinity", "1e999", "9" * 400],
)
def test_a_record_whose_step_is_none_is_counted(read: Writer, step: str) -> None:
    """It can't be placed, so it is left out, counted once, and the others are read."""
    good = '{"x": 2, "step": 3}\n'
    run = read(data=f'{good}{{"x": 1, "step": {step}}}\n{good}'.encode())
    assert run["x"].values.tolist() == [2, 2]
    assert notes(run) == {"record without a step": 1}
    assert run.diagnostics[0].offset == len(good)


@pytest.mark.parametrize("step", ["null", "NaN", "Infinity", '"?"'])
@pytest.mark.parametrize("epochs", [(1, 1), (1, 2), (2, 2), (2, 3)])
def test_a_training_line_without_a_step_is_counted(
    read: Writer, step: str, epochs: tuple[int, int]
) -> None:
    """Its epoch leads nobody astray, wherever in the epochs it stands."""
    lines = [f'{{"x": 1, "epoch": {epoch}, "step": {step}}}\n' for epoch in epochs]
    good = [f'{{"x": 2, "epoch": {epoch}, "step": {10 * epoch}}}\n' for epoch in (1, 2, 3)]
    run = read(data="".join([good[0], lines[0], good[1], lines[1], good[2]]).encode())
    assert run["x"].steps.tolist() == [10, 20, 30]
    assert notes(run) == {"record without a step": 2}


def test_without_any_step_the_order_is_the_axis(read: Writer) -> None:
    """A log that never says its step is read all the same, and a remark says how."""
    run = read({"x": 1}, {"x": 2}, {"y": 3})
    assert run["x"].steps.tolist() == [0, 1]
    assert run["y"].steps.tolist() == [2]
    assert notes(run) == {"no record says its step, so their order is the axis": 0}


def test_the_order_goes_on_counting(tmp_path: Path) -> None:
    """A log without steps that grows is numbered through, and remarked on once."""
    log = tmp_path / "scalars.json"
    reader = FORMAT.reader(tmp_path / "scalars.json")
    log.write_text('{"x": 1}\n{"x": 2}\n')
    first = reader.poll()
    with log.open("a") as file:
        file.write('{"x": 3}\n')
    second = reader.poll()
    assert [*first.steps, *second.steps] == [0, 1, 2]
    assert len(first.diagnostics) == 1
    assert not second.diagnostics


@pytest.mark.parametrize(
    ("value", "kind"), [("fast", "text"), ([1, 2], "a list"), ({"a": 1}, "a mapping")]
)
def test_a_value_that_is_no_number_is_counted(read: Writer, value: object, kind: str) -> None:
    """It is named with its kind, and the numbers beside it are read."""
    run = read({"x": 1, "odd": value, "step": 3}, {"x": 2, "odd": value, "step": 4})
    assert list(run) == ["x"]
    assert run["x"].steps.tolist() == [3, 4]
    assert notes(run) == {f"'odd' holds {kind}, no number": 2}


def test_a_long_key_makes_no_long_note(read: Writer) -> None:
    """A key of 10 KB is quoted in part, and kept whole where it has numbers."""
    run = read({"k" * 10_000: 1, "step": 1}, {"o" * 10_000 + "!": "text", "step": 2})
    assert list(run) == ["k" * 10_000]
    assert all(len(note.message) < 200 for note in run.diagnostics)
    assert sum(note.skipped for note in run.diagnostics) == 1


def test_many_kinds_of_damage_are_not_listed_without_end(read: Writer) -> None:
    """A thousand odd keys make some fifty notes, and every one is counted."""
    run = read(*({f"k{i}": "text", "step": i} for i in range(1000)))
    assert len(run.diagnostics) < 60
    assert sum(note.skipped for note in run.diagnostics) == 1000


def test_bytes_that_are_no_log_are_counted(read: Writer) -> None:
    """UTF-16, say, gives no keys, but a note, and no other error."""
    run = read(data='{"loss": 0.5, "step": 1}\n{"loss": 0.5, "step": 2}\n'.encode("utf-16"))
    assert list(run) == []
    assert sum(note.skipped for note in run.diagnostics) >= 2


def epoch_log(length: int, interval: int, epochs: int) -> list[dict[str, float]]:
    """The lines of MMEngine's LoggerHook for some epochs of training, validation after each."""
    found: list[dict[str, float]] = []
    for epoch in range(1, epochs + 1):
        begin = (epoch - 1) * length
        found += [
            {"loss": 1.0, "epoch": epoch, "step": begin + inner}
            for inner in range(interval, length + 1, interval)
        ]
        found.append({"mAP": epoch / 10, "step": epoch})
    return found


def test_validation_stands_at_the_end_of_its_epoch(read: Writer) -> None:
    """MMEngine's epoch numbers and iterations land on one axis: 16 iterations, every 5th logged."""
    run = read(*epoch_log(16, 5, 3))
    assert run["loss"].steps.tolist() == [5, 10, 15, 21, 26, 31, 37, 42, 47]
    assert run["mAP"].steps.tolist() == [16, 32, 48]
    assert run["mAP"].segments == (0,)
    assert run["mAP"].epochs is not None
    assert run["mAP"].epochs.tolist() == [1, 2, 3]
    assert run["loss"].epochs is not None
    assert run["loss"].epochs[:3].tolist() == [5 / 16, 10 / 16, 15 / 16]


def test_a_key_in_both_kinds_of_line_never_goes_back(read: Writer) -> None:
    """`time` is logged by training and validation alike, and its steps rise through both."""
    run = read(*({**record, "time": 0.1} for record in epoch_log(16, 5, 3)))
    assert run["time"].steps.tolist() == [5, 10, 15, 16, 21, 26, 31, 32, 37, 42, 47, 48]
    assert run["time"].segments == (0,)


def test_validation_in_the_first_epoch_stands_at_the_line_before_it(tmp_path: Path) -> None:
    """While the length of an epoch can't be known, a live reader places it at the last line."""
    log = tmp_path / "scalars.json"
    lines = text_of(*epoch_log(16, 5, 2)).splitlines(keepends=True)
    reader = FORMAT.reader(tmp_path / "scalars.json")
    log.write_text("".join(lines[:4]))
    assert reader.poll().steps.tolist() == [5, 10, 15, 15]
    with log.open("a") as file:
        file.writelines(lines[4:])
    assert reader.poll().steps.tolist() == [21, 26, 31, 32]


@pytest.mark.parametrize("epoch", [{}, {"epoch": 1}])
def test_validation_by_iteration_stays_where_it_is(read: Writer, epoch: dict[str, int]) -> None:
    """A step that is no epoch's number is the iteration."""
    train = [{"loss": 1, **epoch, "step": step} for step in (10, 20)]
    run = read(*train, {"mIoU": 50, "step": 20}, {"loss": 1, **epoch, "step": 30})
    assert run["mIoU"].steps.tolist() == [20]


def test_fractional_epochs_are_taken_as_they_are(read: Writer) -> None:
    """Other trainers log how far into an epoch they are, and their steps are never moved."""
    run = read(
        {"loss": 1, "epoch": 0.5, "step": 50},
        {"loss": 1, "epoch": 1.0, "step": 100},
        {"acc": 1, "step": 1},
    )
    assert run["acc"].steps.tolist() == [1]
    assert run["loss"].epochs is not None
    assert run["loss"].epochs.tolist() == [0.5, 1.0]


@pytest.mark.parametrize("epochs", [(0, 1), (-1, 5), (1e300, 2), (2, 1), (1, 1)])
@pytest.mark.parametrize("steps", [(0, 0), (-5, -9), (1e308, 1), (7, 7), (1, 1e308)])
def test_epochs_that_make_no_sense_are_no_error(
    read: Writer, epochs: tuple[float, float], steps: tuple[float, float]
) -> None:
    """Whatever numbers stand there, every line is read, without a warning."""
    train = [{"x": 1, "epoch": e, "step": s} for e, s in zip(epochs, steps, strict=True)]
    run = read(*train, {"x": 2, "step": 1}, {"x": 2, "step": 1e308})
    assert len(run["x"]) == 4
    assert np.isfinite(run["x"].steps.astype(float)).all()


def test_a_huge_step_beside_epochs_is_no_error(read: Writer) -> None:
    """Whether a line is placed by its epoch is asked before its step is multiplied."""
    run = read(*epoch_log(10, 10, 2), {"x": 1, "step": 1e308})
    assert run["x"].steps.tolist() == [1e308]


def write_stamped(folder: Path, stamps: bytes) -> list[float] | None:
    """The wall times of four records of 25 bytes each, with this `scalars.times`."""
    (folder / "scalars.json").write_text("".join(f'{{"x": 0.5, "step": 100{i}}}\n' for i in "1234"))
    (folder / "scalars.times").write_bytes(stamps)
    times = open_run(folder)["x"].wall_times
    return None if times is None else times.tolist()


STAMPS = b'{"offset": 25, "time": 1000.0}\n{"offset": 100, "time": 1003.0}\n'


@pytest.mark.parametrize(
    ("stamps", "times"),
    [
        (STAMPS, [1000, 1001, 1002, 1003]),
        (b"\xef\xbb\xbf" + STAMPS.replace(b"\n", b"\r\n"), [1000, 1001, 1002, 1003]),
        (STAMPS + b'{"offset": 1', [1000, 1001, 1002, 1003]),
        (b'oops\n{"time": 5}\n{"offset": 50}\n' + STAMPS, [1000, 1001, 1002, 1003]),
        (b'{"offset": NaN, "time": 7}\n{"offset": 50, "time": null}\n' + STAMPS, range(1000, 1004)),
        (b'{"offset": "a", "time": 7}\n{"offset": 50, "time": "b"}\n' + STAMPS, range(1000, 1004)),
        (STAMPS[31:] + STAMPS[:31], [1000, 1001, 1002, 1003]),
        (STAMPS[:31], [1000, 1000, 1000, 1000]),
        (b"", None),
        (b"oops\n\0\0\xff\n", None),
        (b'{"offset": 25}\n', None),
    ],
)
def test_wall_times_lie_between_the_stamps(
    tmp_path: Path, stamps: bytes, times: Sequence[float] | None
) -> None:
    """A record's time is interpolated from the sidecar; what is damaged in it is passed over."""
    found = write_stamped(tmp_path, stamps)
    assert found == (None if times is None else pytest.approx(list(times)))


@pytest.mark.parametrize("damage", [b"oops\n", b'{"offset": 1, "time": "x"}\n'])
def test_a_damaged_sidecar_is_no_damage_of_the_log(tmp_path: Path, damage: bytes) -> None:
    """Times are a service; `strict` does not fail over them."""
    write_stamped(tmp_path, STAMPS + damage)
    assert not open_run(tmp_path, strict=True).diagnostics


def test_a_sidecar_of_another_log_gives_no_times(tmp_path: Path) -> None:
    """Stamps of bytes that the log does not have are another log's: no time beats a wrong one."""
    assert write_stamped(tmp_path, STAMPS + b'{"offset": 5000, "time": 9000.0}\n') is None


@pytest.mark.parametrize("kind", ["folder", "pointer"])
def test_a_sidecar_that_cannot_be_read_costs_only_the_times(tmp_path: Path, kind: str) -> None:
    """The log itself is there, so it is read."""
    (tmp_path / "scalars.json").write_text(RECORD)
    if kind == "folder":
        (tmp_path / "scalars.times").mkdir()
    else:
        (tmp_path / "scalars.times").write_text("version https://git-lfs.github.com/spec/v1\n")
    run = open_run(tmp_path)
    assert run["loss"].values.tolist() == [0.5]
    assert run["loss"].wall_times is None


def test_times_of_a_log_that_grows(tmp_path: Path) -> None:
    """A live reader gives each batch the times of its own records."""
    log, sidecar = tmp_path / "scalars.json", tmp_path / "scalars.times"
    reader = FORMAT.reader(tmp_path / "scalars.json")
    for i in range(3):
        with log.open("a") as file, sidecar.open("a") as times:
            file.write(RECORD)
            times.write(f'{{"offset": {len(RECORD) * (i + 1)}, "time": {100.0 * i}}}\n')
        batch = reader.poll()
        assert batch.wall_times is not None
        assert batch.wall_times.tolist() == [100.0 * i]


def test_a_log_begun_again_is_a_new_start(tmp_path: Path) -> None:
    """After a truncation the rows say that nothing joins them, with the new file's own times."""
    log, sidecar = tmp_path / "scalars.json", tmp_path / "scalars.times"
    log.write_text(RECORD * 3)
    sidecar.write_text('{"offset": 25, "time": 10.0}\n{"offset": 75, "time": 12.0}\n')
    reader = FORMAT.reader(tmp_path / "scalars.json")
    assert reader.poll().starts is None
    log.write_text(RECORD)
    sidecar.write_text('{"offset": 25, "time": 99.0}\n')
    batch = reader.poll()
    assert batch.starts is not None
    assert batch.starts.tolist() == [1] * len(batch)
    assert batch.steps.tolist() == [1]
    assert batch.wall_times is not None
    assert batch.wall_times.tolist() == [99.0]


def in_budgets(reader: Reader, most: int | None = 1) -> list[Batch]:
    """What poll after poll gives, until nothing is left."""
    batches = [reader.poll(most)]
    while reader.is_behind:
        batches.append(reader.poll(most))
    return batches


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of 100 bytes."""
    monkeypatch.setattr(lines, "_BLOCK_BYTES", 100)


@pytest.mark.usefixtures("small_blocks")
def test_a_log_read_in_budgets(tmp_path: Path) -> None:
    """Rows and damage are those of one poll, but for where the first validation may stand."""
    data = text_of(*epoch_log(16, 5, 9)) + "oops\n" + text_of({"loss": 2**60 + 1, "step": 999})
    (tmp_path / "scalars.json").write_text(data)
    batches = in_budgets(FORMAT.reader(tmp_path / "scalars.json"))
    assert len(batches) > 10
    whole, series = open_run(tmp_path), assemble(batches)
    assert list(series) == list(whole)
    for key, each in series.items():
        assert each.values.tolist() == whole[key].values.tolist()
        assert each.steps.tolist()[1:] == whole[key].steps.tolist()[1:]
    assert series["mAP"].steps[0] in {15, 16}
    assert sum(note.skipped for batch in batches for note in batch.diagnostics) == 1


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("every", [1, 3, 40])
def test_times_of_a_log_read_in_budgets(tmp_path: Path, every: int) -> None:
    """They are those of one poll, be the sidecar shorter or longer than the log."""
    size = len('{"x": 0.5, "step": 1000}\n')
    log, sidecar = tmp_path / "scalars.json", tmp_path / "scalars.times"
    log.write_text("".join(f'{{"x": 0.5, "step": {1000 + i}}}\n' for i in range(200)))
    stamps = [{"offset": size * i, "time": 1e9 + i * i} for i in range(1, 201, every)]
    sidecar.write_text(text_of(*stamps))
    reader = FORMAT.reader(log)
    times = assemble(in_budgets(reader))["x"].wall_times
    whole = open_run(tmp_path)["x"].wall_times
    assert times is not None
    assert whole is not None
    assert times.tolist() == whole.tolist()
    with log.open("a") as file, sidecar.open("a") as more:
        file.write(RECORD)
        more.write(text_of({"offset": size * 200 + len(RECORD), "time": 2e9}))
    last = reader.poll(1).wall_times
    assert last is not None
    assert last.tolist() == [2e9]


@pytest.mark.usefixtures("small_blocks")
def test_a_sidecar_of_another_log_gives_no_times_in_budgets(tmp_path: Path) -> None:
    """Its last stamp tells, although it is not read yet."""
    log = tmp_path / "scalars.json"
    log.write_text(RECORD * 100)
    stamps = [{"offset": len(RECORD) * i, "time": 1e9 + i} for i in range(102)]
    (tmp_path / "scalars.times").write_text(text_of(*stamps))
    assert open_run(tmp_path)["loss"].wall_times is None
    assert all(batch.wall_times is None for batch in in_budgets(FORMAT.reader(log)))


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("most", [1, None])
@pytest.mark.parametrize("with_sidecar", [True, False])
def test_a_log_that_is_rotated_is_a_new_start(
    tmp_path: Path, most: int | None, *, with_sidecar: bool
) -> None:
    """The end of the old one is read first, as its own; each new record has its own time."""
    log, sidecar = tmp_path / "scalars.json", tmp_path / "scalars.times"

    def write(first: int, count: int) -> None:
        for step in range(first, first + count):
            with log.open("a") as file:
                file.write(text_of({"x": step, "step": step}))
            with sidecar.open("a") as file:
                file.write(text_of({"offset": log.stat().st_size, "time": 1e9 + step}))

    write(1, 20)
    reader = FORMAT.reader(log)
    batches = in_budgets(reader, most)
    write(21, 20)
    log.rename(tmp_path / "scalars.json.1")
    if with_sidecar:
        sidecar.rename(tmp_path / "scalars.times.1")
    else:
        sidecar.unlink()
    write(41, 30)
    batches += in_budgets(reader, most)
    series = assemble(batches)["x"]
    assert series.values.tolist() == list(range(1, 71))
    assert series.segments == (0, 40)
    assert series.wall_times is not None
    known = [time - 1e9 for time in series.wall_times.tolist() if not math.isnan(time)]
    assert known == [*range(1, 21), *range(41, 71)]


@pytest.mark.usefixtures("small_blocks")
def test_a_copy_of_a_reader_goes_on_by_itself(tmp_path: Path) -> None:
    """With the keys and the epochs it knew; neither sees what the other read."""
    log = tmp_path / "scalars.json"
    log.write_text(text_of(*epoch_log(16, 5, 4)))
    reader = FORMAT.reader(log)
    mine = [reader.poll(1), reader.poll(1)]
    copy, other = deepcopy(reader), [*mine]
    other += in_budgets(copy)
    with log.open("a") as file:
        file.write(text_of({"new": 1, "step": 100}, {"newer": 2, "step": 101}))
    mine += in_budgets(reader)
    other += in_budgets(copy)
    assert columns(assemble(mine)) == columns(assemble(other))
    assert list(assemble(mine)) == ["loss", "epoch", "mAP", "new", "newer"]


def columns(series: Mapping[str, Series]) -> dict[str, str]:
    """Each series as text that tells every digit."""
    return {
        key: repr((each.steps.tolist(), each.values.tolist(), each.segments))
        for key, each in series.items()
    }


@pytest.mark.parametrize("folder", ["", "vis_data"])
def test_pictures_are_listed_by_name_and_step(tmp_path: Path, folder: str) -> None:
    """Sub-folders are part of the name, steps are ordered as numbers, other files are no matter."""
    data = tmp_path / folder
    pictures = data / "vis_image"
    for name in ("val/pred_10.png", "val/pred_9.png", "a_b_2.png", "minus_-3.png", "é ü_1.png"):
        (pictures / name).parent.mkdir(parents=True, exist_ok=True)
        (pictures / name).touch()
    for name in ("nostep.png", "half_1.5.png", "text_1.txt", "_4.png"):
        (pictures / name).touch()
    (data / "scalars.json").write_text(RECORD)
    listed = [(image.name, image.step) for image in open_run(tmp_path).images]
    assert listed == [("a_b", 2), ("minus", -3), ("val/pred", 9), ("val/pred", 10), ("é ü", 1)]
    assert all(image.path.is_file() for image in open_run(tmp_path).images)


def test_a_log_file_has_its_folders_pictures(tmp_path: Path) -> None:
    """Naming the file instead of the folder loses nothing."""
    log = tmp_path / "scalars.json"
    log.write_text(RECORD)
    (tmp_path / "vis_image").mkdir()
    (tmp_path / "vis_image" / "a_1.png").touch()
    (tmp_path / "config.py").write_text("lr = 0.1\n")
    run = open_run(log)
    assert [image.name for image in run.images] == ["a"]
    assert run.config == {"lr": 0.1}


def test_without_pictures_or_config_there_are_none(tmp_path: Path) -> None:
    """Both are optional."""
    (tmp_path / "scalars.json").write_text(RECORD)
    assert open_run(tmp_path).images == ()
    assert open_run(tmp_path).config == {}


@pytest.mark.parametrize("folder", ["", "vis_data"])
def test_a_config_is_data_and_is_never_run(tmp_path: Path, folder: str) -> None:
    """Code in `config.py` is not executed when a run is read, and stays text in its config."""
    data = tmp_path / folder
    data.mkdir(exist_ok=True)
    (data / "scalars.json").write_text(RECORD)
    proof = tmp_path / "proof"
    code = f"open({os.fspath(proof)!r}, 'w').close()"
    (data / "config.py").write_text(
        f"import os\n{code}\nlr = 0.1\nmodel = dict(type='x', depth=50)\nrun = {code}\n"
    )
    config = open_run(tmp_path).config
    assert config == {"lr": 0.1, "model": {"type": "x", "depth": 50}, "run": code}
    assert not proof.exists()


@pytest.mark.parametrize("content", [b"lr = = 1\n", b"\0", b"a = " + b"[" * 500, None])
def test_a_config_that_is_none_is_an_error_when_asked_for(
    tmp_path: Path, content: bytes | None
) -> None:
    """The curves are read; only whoever asks for the config is told."""
    (tmp_path / "scalars.json").write_text(RECORD)
    if content is None:
        (tmp_path / "config.py").mkdir()
    else:
        (tmp_path / "config.py").write_bytes(content)
    run = open_run(tmp_path)
    assert len(run) == 1
    with pytest.raises(UnreadableError, match=r"config\.py"):
        _ = run.config


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
def test_a_config_in_any_encoding(tmp_path: Path, encoding: str) -> None:
    """A byte order mark or another encoding costs at most its odd letters."""
    (tmp_path / "scalars.json").write_text(RECORD)
    (tmp_path / "config.py").write_bytes("lr = 0.1  # für später\r\n".encode(encoding))
    assert open_run(tmp_path).config == {"lr": 0.1}

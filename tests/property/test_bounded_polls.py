"""What is read of a log does not depend on how much of it is read at a time."""

import json
import os
from collections.abc import Callable, Sequence
from copy import deepcopy
from itertools import count, cycle
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainviz_cli.codecs import lines, tfbuild, tfevents
from trainviz_cli.codecs.tfscalars.encode import encode_one
from trainviz_cli.formats._format import Format, Reader
from trainviz_cli.formats.local import FORMAT as LOCAL
from trainviz_cli.formats.tensorboard import FORMAT as TENSORBOARD
from trainviz_cli.model.batch import Batch, join
from trainviz_cli.model.diagnostic import merge
from trainviz_cli.model.run import Text
from trainviz_cli.runs import RunReader, locate_runs

Record = tuple[int, dict[str, float]] | bytes  # a step and its values, or what is written as it is


class Kind(NamedTuple):
    """A log format, what its log is called here, and how it is written."""

    format: Format
    name: str
    write: Callable[[Sequence[Record]], bytes]


def lines_of(records: Sequence[Record]) -> bytes:
    """The records as lines of JSON, which end in their step."""
    return b"".join(
        each
        if isinstance(each, bytes)
        else json.dumps({**each[1], "step": each[0]}).encode() + b"\n"
        for each in records
    )


def events_of(records: Sequence[Record]) -> bytes:
    """The records as events."""
    parts = []
    for each in records:
        if isinstance(each, bytes):
            parts.append(each)
        else:
            parts += [encode_one(tag, 0.5, each[0], value) for tag, value in each[1].items()]
    return b"".join(parts)


NAME = "events.out.tfevents.1767225600"
KINDS = {
    "local": Kind(LOCAL, "scalars.json", lines_of),
    "tensorboard": Kind(TENSORBOARD, NAME, events_of),
}
EVERY_KIND = pytest.mark.parametrize("kind", KINDS)

GARBAGE = [b"oops\n", b"\n", b'{"x": 1\n', b"[1, 2]\n", b'{"k": "text", "step": 1}\n']
OTHERS = [
    tfbuild.session_start(1.0, 1),
    tfbuild.file_version(1.0),
    tfbuild.text(Text("note", 1, "x"), 1.0),
]
VALUES = st.dictionaries(
    st.sampled_from(["loss", "acc", "val/mAP", "é"]), st.floats(width=32), min_size=1, max_size=3
)
STEPS = iter(count(100_000))  # no two records are the same: so a log that was cut is known again
RECORDS = VALUES.map(lambda values: (next(STEPS), values))
BUDGETS = st.sampled_from([0, 1, 50, 200]) | st.integers(0, 1000)
BLOCKS = st.sampled_from([16, 40, 100, 1 << 18])


def written(kind: str) -> st.SearchStrategy[list[Record]]:
    """Some records of a log, with what else may stand there."""
    return st.lists(RECORDS | st.sampled_from(GARBAGE if kind == "local" else OTHERS), max_size=5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all examples, which write the same files again."""
    return tmp_path_factory.mktemp("bounded")


@pytest.fixture(autouse=True)
def blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Restores how much is read at a time, which the examples change."""
    for module in (lines, tfevents):
        monkeypatch.setattr(module, "_BLOCK_BYTES", module._BLOCK_BYTES)


def set_block(size: int) -> None:
    """How many bytes are read at a time."""
    lines._BLOCK_BYTES = tfevents._BLOCK_BYTES = size


def emptied(place: Path) -> Path:
    """A folder without what an earlier example left in it."""
    place.mkdir(exist_ok=True)
    for path in sorted(place.rglob("*"), reverse=True):
        if path.is_dir():
            path.rmdir()
        else:
            path.unlink()
    return place


_TICKS = count(1_800_000_000)


def append(path: Path, data: bytes, cut: float = 1.0) -> None:
    """Cuts a file to a part of it, then adds bytes; its time of change is one of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.truncate(int(file.tell() * cut))
        file.write(data)
    now = next(_TICKS)
    os.utime(path, (now, now))


def rows(batches: Sequence[Batch]) -> list[tuple[int, str, dict[str, str]]]:
    """Each row: its start, counted from the first one's, its step, and its values."""
    table = join([Batch.empty(), *batches])
    starts = [0] * len(table) if table.starts is None else table.starts.tolist()
    steps = table.steps.tolist()
    found: list[tuple[int, str, dict[str, str]]] = [
        (start - starts[0], repr(float(step)), {})
        for start, step in zip(starts, steps, strict=True)
    ]
    cells = zip(table.codes.tolist(), table.rows.tolist(), table.values.tolist(), strict=True)
    for code, row, value in cells:
        found[row][2][table.keys[code]] = repr(value)
    return found


def keys(batches: Sequence[Batch]) -> list[str]:
    """The keys with values, in the order of their codes."""
    table = join([Batch.empty(), *batches])
    return [table.keys[code] for code in sorted(set(table.codes.tolist()))]


def damage(batches: Sequence[Batch]) -> int:
    """How much could not be read."""
    return sum(note.skipped for batch in batches for note in batch.diagnostics)


def restarts(reader: Any) -> int:
    """How often the log was begun anew."""
    if hasattr(reader, "_records"):
        return int(reader._records.restarts)
    return sum(file._events.restarts for file in reader._files.values())


def drained(reader: Reader, budgets: Sequence[int]) -> list[Batch]:
    """What poll after poll gives, until nothing is left; without budgets all at once."""
    found = []
    for most in cycle(budgets or [None]):
        found.append(reader.poll(most))
        assert len(found) < 10_000
        if not reader.is_behind:
            break
    assert not len(reader.poll(1))
    assert not reader.is_behind
    return found


@EVERY_KIND
@given(data=st.data(), cut=st.none() | st.floats(0, 1), block=BLOCKS)
@settings(deadline=None, max_examples=200)
def test_a_log_that_grows_and_is_cut(
    folder: Path, data: st.DataObject, cut: float | None, block: int, kind: str
) -> None:
    """Whoever looks meanwhile, and how far: rows, keys and damage are those of one poll at the end.

    Of a log that was begun anew it is what came since.
    """
    format_, name, write = KINDS[kind]
    deeds = st.lists(written(kind) | BUDGETS, max_size=12)
    before, after = data.draw(deeds), data.draw(deeds)
    set_block(block)
    log = emptied(folder / "run") / name
    append(log, write([(1, {"first": 1.0})]))
    reader = format_.reader(log)
    batches: list[Batch] = []
    for deed in [*before, cut, *after, data.draw(BUDGETS)]:
        if isinstance(deed, list):
            append(log, write(deed))
        elif isinstance(deed, float):
            append(log, b"", deed)
        elif deed is not None:
            known = restarts(reader)
            found = [reader.poll(deed)]
            batches = found if restarts(reader) > known else batches + found
    batches += drained(reader, data.draw(st.lists(BUDGETS, max_size=3)))
    whole = [format_.reader(log).poll()]
    assert rows(batches) == rows(whole)
    assert damage(batches) == damage(whole)
    if not restarts(reader):
        assert keys(batches) == keys(whole)


@EVERY_KIND
@given(data=st.data(), generations=st.integers(1, 4), block=BLOCKS)
@settings(deadline=None, max_examples=150)
def test_a_log_that_is_rotated(
    folder: Path, data: st.DataObject, generations: int, block: int, kind: str
) -> None:
    """Nothing is lost, in whatever budgets it is read, and each file is a start of its own."""
    format_, name, write = KINDS[kind]
    set_block(block)
    log = emptied(folder / "run") / name
    reader = format_.reader(log)
    batches: list[Batch] = []
    for generation in range(generations):
        append(
            log, write([(generation, {"first": 1.0}), *data.draw(st.lists(RECORDS, max_size=9))])
        )
        while not any(row[1] == repr(float(generation)) for row in rows(batches)):
            batches.append(reader.poll(data.draw(BUDGETS)))
        for deed in data.draw(st.lists(st.lists(RECORDS, max_size=3) | BUDGETS, max_size=6)):
            if isinstance(deed, list):
                append(log, write(deed))
            else:
                batches.append(reader.poll(deed))
        if generation < generations - 1:
            half = write([data.draw(RECORDS)])
            append(log, half[: data.draw(st.integers(0, len(half) - 2))])
            log.rename(log.with_name(f"old.{generation}"))
    batches += drained(reader, data.draw(st.lists(BUDGETS, max_size=3)))
    files = [*sorted(log.parent.glob("old.*")), log]
    assert rows(batches) == [
        (start, *row[1:])
        for start, path in enumerate(files)
        for row in rows([format_.reader(path).poll()])
    ]
    assert restarts(reader) == generations - 1


@given(
    files=st.lists(
        st.tuples(st.sampled_from(["", "train", "val"]), written("tensorboard")), max_size=5
    ),
    budgets=st.lists(BUDGETS, max_size=4),
    block=BLOCKS,
)
@settings(deadline=None, max_examples=150)
def test_event_files_in_folders(
    folder: Path, files: list[tuple[str, list[Record]]], budgets: list[int], block: int
) -> None:
    """Rows, starts and keys come in the order of one poll, from whichever file they are."""
    set_block(block)
    place = emptied(folder / "run")
    for i, (part, records) in enumerate(files):
        append(place / part / f"{NAME}.{i}", events_of(records))
    batches = drained(TENSORBOARD.reader(place), budgets)
    whole = [TENSORBOARD.reader(place).poll()]
    assert rows(batches) == rows(whole)
    assert (keys(batches), damage(batches)) == (keys(whole), damage(whole))


STARTED = st.tuples(
    st.lists(st.tuples(st.integers(0, 30), VALUES), max_size=1),
    st.lists(st.tuples(st.integers(0, 30), VALUES) | st.sampled_from(GARBAGE), max_size=12),
)


@given(
    starts=st.lists(STARTED, min_size=1, max_size=4),
    budgets=st.lists(BUDGETS, max_size=4),
    polls=st.integers(0, 12),
    block=BLOCKS,
)
@settings(deadline=None, max_examples=200)
def test_starts_of_one_training(
    folder: Path,
    starts: list[tuple[list[Record], list[Record]]],
    budgets: list[int],
    polls: int,
    block: int,
) -> None:
    """Which are joined, and all their rows, are as in one poll; a copy made in between agrees."""
    set_block(block)
    place = emptied(folder / "run")
    for day, (first, others) in enumerate(starts, 1):
        data = lines_of([*first, *others]) if first else b""
        append(place / f"2026010{day}_120000/vis_data/scalars.json", data)
    (found,) = locate_runs([str(place)])
    whole, reader = RunReader(found), RunReader(found)
    at_once = whole.poll()
    begun = [batch for _ in range(polls) for batch in reader.poll(1)]
    copy = deepcopy(reader)
    for each, most in ((reader, budgets), (copy, [70])):
        batches = [*begun]
        for budget in cycle(most or [None]):
            batches += each.poll(budget)
            if not each.is_behind:
                break
        assert not any(map(len, each.poll(1)))
        assert rows(batches) == rows(at_once)
        assert damage(batches) == damage(at_once)
        assert (merge(each.remarks), each.log) == (merge(whole.remarks), whole.log)

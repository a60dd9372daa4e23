"""What is read of a log depends on its bytes alone, not on when they came or where blocks end."""

import json
import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from trainviz_cli.codecs import jsonl, lines
from trainviz_cli.codecs.blocks import parse_one_by_one, parse_together
from trainviz_cli.codecs.jsonl import JsonLines, Table
from trainviz_cli.codecs.lines import Block
from trainviz_cli.errors import UnreadableError
from trainviz_cli.formats.local import FORMAT
from trainviz_cli.model.batch import assemble
from trainviz_cli.model.diagnostic import merge
from trainviz_cli.model.series import Series
from trainviz_cli.runs import open_run

Record = dict[str, object]

INT64 = 2**63 - 1
KEYS = (
    st.sampled_from(["loss", "acc", "val/mAP", "é", "", '"', "\\", ": NaN,", "\u2028"])
    | st.text(max_size=4)
).filter(lambda key: key not in {"step", "epoch"})
NUMBERS = st.integers(-9, 9) | st.integers(-INT64, INT64) | st.floats() | st.booleans() | st.none()
TEXTS = st.sampled_from([": NaN,", '{"step": 1}', "}{", "\n", "NaN"]) | st.text(max_size=4)
ODD = st.recursive(
    TEXTS | st.floats() | st.integers(0, 9),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=2),
    max_leaves=4,
)
STEPS = st.integers(0, 99) | st.integers(-INT64, INT64) | st.floats(-1e18, 1e18)
SEPARATORS = st.sampled_from([(",", ":"), (", ", ": ")])


def records_of(values: st.SearchStrategy[object]) -> st.SearchStrategy[Record]:
    """Records with a step, somewhere among their keys."""
    return st.tuples(st.dictionaries(KEYS, values, max_size=3), STEPS, st.booleans()).map(
        lambda drawn: {"step": drawn[1], **drawn[0]} if drawn[2] else {**drawn[0], "step": drawn[1]}
    )


def written_as(records: st.SearchStrategy[Record]) -> st.SearchStrategy[bytes]:
    """The records as Python's json writes them, in ASCII or not, tight or not."""
    return st.builds(
        lambda record, separators, ascii_only: json.dumps(
            record, separators=separators, ensure_ascii=ascii_only
        ).encode(),
        records,
        SEPARATORS,
        st.booleans(),
    )


JSON_RECORDS = written_as(records_of(NUMBERS) | records_of(NUMBERS | ODD))
SOUND = st.builds(bytes.__add__, JSON_RECORDS, st.sampled_from([b"\n", b"\n", b"\r\n"]))
GARBAGE = st.sampled_from(
    b"oops|<<<<<<< HEAD|=======|>>>>>>> b|\xff\xfe|[1, 2]|42|null|{|}|\0\0|{}|".split(b"|")
).map(lambda line: line + b"\n")
TORN = st.builds(
    lambda torn, length, whole: torn[: length % len(torn)] + whole + b"\n",
    JSON_RECORDS,
    st.integers(0, 200),
    JSON_RECORDS,
)
GLUED = st.builds(
    lambda records, between, end: between.join(records) + end + b"\n",
    st.lists(JSON_RECORDS, min_size=1, max_size=3),
    st.sampled_from([b"", b" "]),
    st.sampled_from([b"", b"oops", b',"x": 1}', b" ", b","]),
)
DAMAGED_LOGS = st.lists(SOUND | SOUND | GARBAGE | TORN | GLUED, max_size=8).map(b"".join)
SOUND_LOGS = st.lists(SOUND, max_size=6).map(b"".join)
CUTS = st.lists(st.integers(0, 600), max_size=12)
BLOCK_BYTES = st.sampled_from([1, 7, 16, 64, 1 << 18])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all examples, which write the same files again."""
    return tmp_path_factory.mktemp("logs")


def chunks(data: bytes, cuts: Sequence[int]) -> Iterator[bytes]:
    """The data in pieces; some may be empty."""
    places = sorted(cut % (len(data) + 1) for cut in cuts)
    for begin, end in pairwise([0, *places, len(data)]):
        yield data[begin:end]


def polled(
    path: Path, parts: Iterator[bytes] | Sequence[bytes], block_bytes: int = 1 << 18
) -> list[Table]:
    """What a reader gives of a new file that grows by these parts, polled after each."""
    path.unlink(missing_ok=True)
    reader = JsonLines(path, axis="step")
    tables = []
    with pytest.MonkeyPatch.context() as patch, path.open("ab", buffering=0) as file:
        patch.setattr(lines, "_BLOCK_BYTES", block_bytes)
        for part in parts:
            file.write(part)
            tables.append(reader.poll())
    assert not reader.restarts
    return tables


def records(tables: Sequence[Table]) -> list[str]:
    """Each record as text that tells NaN, -0.0, types and every digit; the order of keys apart."""
    found: list[str] = []
    for table in tables:
        cells: list[dict[str, object]] = [{} for _ in table.axis]
        numbers = zip(table.codes.tolist(), table.rows.tolist(), table.values.tolist(), strict=True)
        for i, (code, row, value) in enumerate(numbers):
            cells[row][table.keys[code]] = table.exact.get(i, value)
        for row, key, other in table.others:
            cells[row][key] = type(other).__name__
        axis = [table.exact_axis.get(row, step) for row, step in enumerate(table.axis.tolist())]
        found += [
            f"{step!r}: {sorted(cell.items())!r}" for step, cell in zip(axis, cells, strict=True)
        ]
    return found


def oracle(line: bytes) -> str:
    """The one record of a line as Python's json reads it, in the form of `records`."""
    record = json.loads(line)
    step = column_value(record.pop("step"))
    cells = {key: column_value(value) for key, value in record.items()}
    return f"{step!r}: {sorted(cells.items())!r}"


def column_value(value: object) -> object:
    """A value as a column holds it: integers beyond 2^53 as they are, other numbers as floats."""
    if value is None:
        return math.nan
    if not isinstance(value, (int, float)):
        return type(value).__name__
    return value if type(value) is int and abs(float(value)) >= 2**53 else float(value)


def damage(tables: Sequence[Table]) -> int:
    """How many lines and values could not be used."""
    return sum(note.skipped for note in merge(note for t in tables for note in t.diagnostics))


@given(data=SOUND_LOGS, block_bytes=BLOCK_BYTES)
@settings(deadline=None, max_examples=150)
def test_what_was_written_is_read(folder: Path, data: bytes, block_bytes: int) -> None:
    """Write, then read, is the identity: floats, NaN, infinities, large integers, any keys."""
    tables = polled(folder / "log", [data], block_bytes)
    assert records(tables) == [oracle(line) for line in data.split(b"\n")[:-1]]
    assert not damage(tables)


@given(data=DAMAGED_LOGS, cuts=CUTS, block_bytes=BLOCK_BYTES)
@settings(deadline=None, max_examples=300)
@example(data=b'{"step": 1}{"step": 2}\n', cuts=[11], block_bytes=16)
@example(data=b'{"step": 1} {"step": 2}\n', cuts=[11], block_bytes=16)
@example(data=b'{"step": 1}oops\n', cuts=[11], block_bytes=16)
@example(data=b'{"x": 1}{"x": 2}\n', cuts=[8], block_bytes=16)
@example(data=b'{"step": 1}\r\n', cuts=[11, 12], block_bytes=16)
def test_records_do_not_depend_on_how_the_file_grew(
    folder: Path, data: bytes, cuts: list[int], block_bytes: int
) -> None:
    """Any chunks, polled after each, in blocks of any size, give what one poll of all gives."""
    at_once = polled(folder / "log", [data])
    grown = polled(folder / "log", chunks(data, cuts), block_bytes)
    assert records(grown) == records(at_once)
    assert damage(grown) == damage(at_once)
    assert sorted(grown[-1].keys) == sorted(at_once[-1].keys)


@given(data=SOUND_LOGS)
@settings(deadline=None, max_examples=25)
def test_a_cut_at_any_byte_gives_a_prefix(folder: Path, data: bytes) -> None:
    """Half a line is neither a record nor damage, and the rest comes with the next poll."""
    whole = records(polled(folder / "log", [data]))
    for cut in range(len(data) + 1):
        first, second = polled(folder / "log", [data[:cut], data[cut:]])
        assert records([first]) == whole[: len(first.ends)]
        assert len(first.ends) >= data[:cut].count(b"\n")
        assert records([first, second]) == whole
        assert not damage([first, second])


def emptied(place: Path) -> Path:
    """A folder without what an earlier example left in it."""
    place.mkdir(exist_ok=True)
    for path in place.iterdir():
        path.unlink()
    return place


def columns(run_series: dict[str, Series]) -> dict[str, tuple[str, str, tuple[int, ...]]]:
    """Each series as text that tells every digit."""
    return {
        key: (
            repr([float(step) for step in series.steps]),
            repr(series.values.tolist()),
            series.segments,
        )
        for key, series in run_series.items()
    }


@given(data=DAMAGED_LOGS, cuts=CUTS, block_bytes=BLOCK_BYTES)
@settings(deadline=None, max_examples=150)
def test_a_run_does_not_depend_on_how_its_log_grew(
    folder: Path, data: bytes, cuts: list[int], block_bytes: int
) -> None:
    """The batches of a live reader, put together, are the run that is read afterwards."""
    place = emptied(folder / "run")
    data = b'{"first": 0, "step": 0}\n' + data  # without a step in the first it would count rows
    reader = FORMAT.reader(place / "scalars.json")
    batches = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "_BLOCK_BYTES", block_bytes)
        for part in chunks(data, [24, *(24 + cut for cut in cuts)]):
            with (place / "scalars.json").open("ab") as file:
                file.write(part)
            batches.append(reader.poll())
    run = open_run(place)
    grown = assemble(batches)
    assert columns(grown) == columns(dict(run.series))
    assert sum(note.skipped for b in batches for note in b.diagnostics) == sum(
        note.skipped for note in run.diagnostics
    )


@given(numbers=st.lists(st.tuples(st.integers(-INT64, INT64), st.integers(-INT64, INT64))))
@settings(deadline=None, max_examples=50)
def test_columns_of_integers_are_exact(folder: Path, numbers: list[tuple[int, int]]) -> None:
    """A series of integers, and its steps, come back to the last digit."""
    path = folder / "log.json"
    path.write_text('{"step": 0}\n' + "".join(f'{{"x": {x}, "step": {s}}}\n' for x, s in numbers))
    run = open_run(path)
    assert [
        (x, s) for key in run for x, s in zip(run[key].values, run[key].steps, strict=True)
    ] == (numbers)


TOKENS = (
    '{"a":|{"step": 1}|{"b": 2}|{|}|[|]|,|:| |1|NaN|null|-Infinity|1e999|99999999999999999999|"|'
    '": NaN,|\\|\\ud800|{"c": [1|{"d": [{}|\r|\n|\n|\n|\0|\ufeff|\u2028|é'
).split("|")
TANGLED = st.lists(st.sampled_from(TOKENS), max_size=20).map(lambda parts: "".join(parts).encode())


@given(data=st.lists(SOUND | TANGLED | DAMAGED_LOGS, min_size=1, max_size=5).map(b"".join))
@settings(deadline=None, max_examples=400)
@example(b'{": NaN,": 1, "step": 1}\n')
@example(b'{"x": 18446744073709551617, "step": 36893488147419103232}\n')
@example(b'{"a": 1},{"b": 2}\n{"c": [1\n{"d": 1}]}\n')
def test_both_paths_agree(folder: Path, data: bytes) -> None:
    """Where a block is parsed in one call, line by line gives the same, and finds no damage."""
    together = parse_together(Block(0, data))
    if together is None:
        return
    (found, _, _, ends), problems, begins = parse_one_by_one(Block(0, data))
    assert not problems
    assert not begins
    assert ends.tolist() == together[3].tolist()
    path = folder / "log"
    fast = polled(path, [data])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jsonl, "parse_together", lambda _: None)
        slow = JsonLines(path, axis="step").poll()
    assert records(fast) == records([slow])
    assert len(found) == len(together[0])


@given(
    data=st.binary(max_size=300)
    | TANGLED
    | st.lists(st.binary(max_size=30), max_size=9).map(b"\n".join),
    cuts=CUTS,
    block_bytes=BLOCK_BYTES,
)
@settings(deadline=None, max_examples=300)
@example(data=b'{"epoch":1,"step":1}\n{"epoch":2,"step":null}\n', cuts=[], block_bytes=16)
@example(data=b"version https://git-lfs.github.com/spec/v1\n", cuts=[], block_bytes=16)
def test_no_bytes_are_an_error_of_another_kind(
    folder: Path, data: bytes, cuts: list[int], block_bytes: int
) -> None:
    """Anything at all is read to its end: as records, as damage, or as the documented error."""
    place = emptied(folder / "run")
    reader = FORMAT.reader(place / "scalars.json")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "_BLOCK_BYTES", block_bytes)
        for part in chunks(data, cuts):
            for name in ("scalars.json", "scalars.times"):
                with (place / name).open("ab") as file:
                    file.write(part)
            try:
                reader.poll()
            except UnreadableError:
                break
    try:
        run = open_run(place / "scalars.json")
    except UnreadableError:
        return
    for key in run:
        assert len(run[key].steps) == len(run[key].values) > 0

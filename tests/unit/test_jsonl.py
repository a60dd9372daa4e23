"""JSON Lines as columns: what is kept of sound, odd and damaged lines, and what is counted."""

import json
import math
from pathlib import Path

import pytest

from trainviz_cli.codecs import jsonl, lines
from trainviz_cli.codecs.jsonl import JsonLines, Table
from trainviz_cli.model.diagnostic import Diagnostic

SOUND = b'{"x": 7, "step": 9}\n'
CUT_SHORT = "record cut short by the next one"
NO_OBJECT = "line is no JSON object"
CONFLICT = "git conflict marker"


def records(table: Table) -> list[dict[str, object]]:
    """Each record as a mapping, the axis as `step`, integers exact."""
    axis = table.axis.tolist()
    found: list[dict[str, object]] = [{} if math.isnan(at) else {"step": at} for at in axis]
    cells = zip(table.codes.tolist(), table.rows.tolist(), table.values.tolist(), strict=True)
    for i, (code, row, value) in enumerate(cells):
        found[row][table.keys[code]] = table.exact.get(i, value)
    for row, number in table.exact_axis.items():
        found[row]["step"] = number
    for row, key, value in table.others:
        found[row][key] = value
    return found


def read(path: Path, data: bytes) -> Table:
    """A whole file in one poll."""
    path.write_bytes(data)
    return JsonLines(path, axis="step").poll()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Where the file is to be."""
    return tmp_path / "log.json"


def test_records_become_columns(log: Path) -> None:
    """Keys are numbered as they come, and each value knows its record."""
    table = read(log, b'{"a": 1, "step": 5}\n{"b": 0.5, "a": 2, "step": 6}\n{"step": 7}\n')
    assert [table.keys[code] for code in table.codes] == ["a", "b", "a"]
    assert table.rows.tolist() == [0, 1, 1]
    assert table.values.tolist() == [1, 0.5, 2]
    assert table.axis.tolist() == [5, 6, 7]
    assert table.ends.tolist() == [20, 50, 62]
    assert table.begins == {0: 0}
    assert not table.diagnostics


def test_the_next_poll_goes_on(log: Path) -> None:
    """Codes keep their meaning, rows begin at 0 again, and where the lines begin is known."""
    reader = JsonLines(log, axis="step")
    log.write_bytes(b'{"a": 1, "b": 2, "step": 1}\n')
    first = reader.poll()
    with log.open("ab") as file:
        file.write(b'{"c": 3, "b": 4, "step": 2}\n')
    second = reader.poll()
    assert records(second) == [{"step": 2, "c": 3, "b": 4}]
    assert second.begins[0] == first.ends[-1]
    assert second.keys[: len(first.keys)] == first.keys
    assert records(reader.poll()) == []


def test_an_empty_file_is_no_damage(log: Path) -> None:
    """0 bytes are no records and no note."""
    table = read(log, b"")
    assert records(table) == []
    assert table.diagnostics == ()


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
@pytest.mark.parametrize("odd_neighbour", [b"", b"oops\n"])
@pytest.mark.parametrize(
    ("token", "value"),
    [
        ("1.5", 1.5),
        ("-0.0", -0.0),
        ("1e-400", 0.0),
        ("1e400", math.inf),
        ("true", 1.0),
        ("null", math.nan),
        ("NaN", math.nan),
        ("Infinity", math.inf),
        ("-Infinity", -math.inf),
    ],
)
def test_numbers(
    log: Path, token: str, value: float, separators: tuple[str, str], odd_neighbour: bytes
) -> None:
    """What Python's json writes for a number is read as that number, beside a bad line too."""
    line = json.dumps({"x": "?", "step": 1}, separators=separators).replace('"?"', token)
    table = read(log, line.encode() + b"\n" + odd_neighbour)
    assert repr(records(table)) == repr([{"step": 1.0, "x": value}])
    assert [note.skipped for note in table.diagnostics] == [1] * bool(odd_neighbour)


@pytest.mark.parametrize("odd_neighbour", [b"", b"oops\n"])
@pytest.mark.parametrize("number", [2**53 + 1, -(2**53) - 1, 2**63 - 1])
def test_integers_are_exact(log: Path, number: int, odd_neighbour: bytes) -> None:
    """What float64 can't hold is kept beside it, for values and on the axis, on either path."""
    table = read(log, odd_neighbour + b'{"a": 1, "x": %d, "step": %d}\n' % (number, number))
    assert table.exact == {1: number}
    assert table.exact_axis == {0: number}
    assert table.values.tolist() == [1, float(number)]


@pytest.mark.parametrize("odd_neighbour", [b"", b"oops\n"])
@pytest.mark.parametrize(
    ("number", "value"),
    [(2**64 + 1, 2.0**64), (10**30, 1e30), (10**400, math.inf), (-(10**400), -math.inf)],
)
def test_integers_beyond_64_bits_are_rounded(
    log: Path, number: int, value: float, odd_neighbour: bytes
) -> None:
    """They become the nearest float, or infinity, and are no error."""
    table = read(log, odd_neighbour + b'{"x": %d, "step": 1}\n' % number)
    assert table.values.tolist() == [value]


@pytest.mark.parametrize("value", ["text", "7", ["a", 1], [], {"a": 1}, {}])
def test_what_is_no_number_is_listed(log: Path, value: object) -> None:
    """Text, lists and mappings stand beside the table, and the numbers around them stay."""
    table = read(log, SOUND + json.dumps({"a": 1, "x": value, "b": 2, "step": 3}).encode() + b"\n")
    assert table.others == [(1, "x", value)]
    assert records(table)[1] == {"step": 3, "a": 1, "x": value, "b": 2}
    assert table.diagnostics == ()


@pytest.mark.parametrize(
    "key",
    [
        "",
        "é/ü",
        "a\u0000b\u001b[31m",
        '"',
        "\\",
        pytest.param("k" * 10_000, id="10 KB"),
        ": NaN,",
        "NaN",
        '\\": NaN,',
    ],
)
@pytest.mark.parametrize("value", [1.0, math.nan])
def test_keys_are_kept_as_they_are(log: Path, key: str, value: float) -> None:
    """No key is changed: empty, with control characters, of 10 KB, or like the NaN token."""
    table = read(log, json.dumps({key: value, "step": 1}).encode() + b"\n")
    assert repr(records(table)) == repr([{"step": 1.0, key: value}])


@pytest.mark.parametrize("text", [": NaN,", "a: NaN}", '": NaN,', '\\": NaN,'])
def test_text_like_the_nan_token_stays_text(log: Path, text: str) -> None:
    """Inside a string `NaN` is three letters."""
    table = read(log, json.dumps({"x": text, "y": math.nan, "step": 1}).encode() + b"\n")
    assert table.others == [(0, "x", text)]


@pytest.mark.parametrize(
    ("data", "steps", "damage"),
    [
        pytest.param(b"oops\n", [], {NO_OBJECT: 1}, id="garbage"),
        pytest.param(b"\xff\xfe\x00\n" * 3, [], {NO_OBJECT: 3}, id="bytes that are no text"),
        pytest.param(b'[1]\n2\n"x"\nnull\n', [], {NO_OBJECT: 4}, id="JSON, but no object"),
        pytest.param(b'{"x": 1\n', [], {NO_OBJECT: 1}, id="cut in the middle"),
        pytest.param(b'{"x": %s}\n' % (b"9" * 5000), [], {NO_OBJECT: 1}, id="5000 digits"),
        pytest.param(b'{"x": ' * 50_000 + b"\n", [], {NO_OBJECT: 1}, id="nested without end"),
        pytest.param(b"[" * 50_000 + b"\n", [], {NO_OBJECT: 1}, id="lists without end"),
        pytest.param(b'{"' * 50_000 + b"\n", [], {NO_OBJECT: 1}, id="many beginnings"),
        pytest.param(b"<<<<<<< HEAD\n", [], {CONFLICT: 1}, id="conflict begins"),
        pytest.param(b"=======\n", [], {CONFLICT: 1}, id="conflict goes on"),
        pytest.param(b"||||||| base\n", [], {CONFLICT: 1}, id="conflict's base"),
        pytest.param(b">>>>>>> theirs\r\n", [], {CONFLICT: 1}, id="conflict ends"),
        pytest.param(b"\n \n\t\r\n", [], {}, id="blank lines"),
        pytest.param(b'{"x": 1, "step": 1}\r\n', [1], {}, id="CRLF"),
        pytest.param(b'\0\0\0{"x": 1, "step": 1}\n', [1], {}, id="zeros after a crash"),
        pytest.param(b' {"x": 1, "step": 1} \n', [1], {}, id="space around"),
        pytest.param(b'{"x": 1, "st{"x": 1, "step": 1}\n', [1], {CUT_SHORT: 1}, id="torn, whole"),
        pytest.param(
            b'{"ok": 1, "t": {"x": 1, "step": 2}\n', [2], {CUT_SHORT: 1}, id="torn at a value"
        ),
        pytest.param(b'{"x": 1, "step": 1}{"x": 2, "step": 2}\n', [1, 2], {}, id="two glued"),
        pytest.param(b'{"step": 1} {"step": 2}\n', [1, 2], {}, id="two glued with a space"),
        pytest.param(
            b'{"step": 1}{"x": 1, {"step": 2}\n', [1, 2], {CUT_SHORT: 1}, id="whole, torn, whole"
        ),
        pytest.param(b'{"step": 1} oops\n', [1], {NO_OBJECT: 1}, id="whole, then garbage"),
        pytest.param(b'{"step": 1}{"x": 1, "st\n', [1], {NO_OBJECT: 1}, id="whole, then torn"),
        pytest.param(
            b'{"x": 1, "nested": {"y": 1}\n', [], {NO_OBJECT: 1}, id="a value is no record"
        ),
    ],
)
def test_damage_is_counted_and_what_is_certain_is_kept(
    log: Path, data: bytes, steps: list[int], damage: dict[str, int]
) -> None:
    """Sound lines around damage are read, records on bad lines where they are certain."""
    table = read(log, SOUND + data + SOUND)
    assert table.axis.tolist() == [9, *steps, 9]
    assert {note.message: note.skipped for note in table.diagnostics} == damage
    alone = read(log, data)
    assert alone.axis.tolist() == steps


def test_damage_says_where_it_was_first_met(log: Path) -> None:
    """The offset is the byte where the bad line begins."""
    table = read(log, SOUND + b"oops\n" + SOUND + b"again\n")
    assert table.diagnostics == (Diagnostic(str(log), len(SOUND), NO_OBJECT, 2, (45,)),)


@pytest.mark.parametrize(
    ("data", "steps"),
    [
        (b'{"x": 1, "step": 1}\n{"x": 2, "ste', [1]),
        (b'{"x": 1, "step": 1}\n{"x": 2, "step": 2}', [1, 2]),
        (b'{"x": 1, "step": 1}\r\n{"x": 2, "step": 2}\r', [1, 2]),
        (b'{"x": 1, "step": 1}', [1]),
        (b'\xef\xbb\xbf{"x": 1, "step": 1}', [1]),
        (b'\xef\xbb\xbf{"x": 1, "step": 1}\n', [1]),
    ],
)
def test_the_end_of_the_file(log: Path, data: bytes, steps: list[int]) -> None:
    """Half a record waits without a note; a whole one counts without its newline."""
    table = read(log, data)
    assert table.axis.tolist() == steps
    assert not table.diagnostics


@pytest.mark.parametrize("rest", [b'{"x": 1, "step": 3', b"oops", b"<<<<<<< HEAD"])
def test_half_a_line_is_no_damage_yet(log: Path, rest: bytes) -> None:
    """What may still become a line is not judged before its newline is there."""
    reader = JsonLines(log, axis="step")
    log.write_bytes(SOUND + rest)
    assert not reader.poll().diagnostics
    with log.open("ab") as file:
        file.write(b"}\n" + SOUND)
    table = reader.poll()
    assert table.axis[-1] == 9
    assert (len(table.axis), len(table.diagnostics)) in {(2, 0), (1, 1)}


def test_a_line_that_is_too_long_is_noted(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is counted where it begins, and the lines around it are read."""
    monkeypatch.setattr(lines, "_BLOCK_BYTES", 16)
    monkeypatch.setattr(lines, "MAX_LINE_BYTES", 64)
    table = read(log, SOUND + b'{"x": "%s"}\n' % (b"x" * 100) + SOUND)
    assert table.axis.tolist() == [9, 9]
    assert [(note.offset, note.skipped) for note in table.diagnostics] == [(len(SOUND), 1)]
    assert "line over" in table.diagnostics[0].message


def test_the_end_of_a_line_that_is_too_long_is_no_record(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However much it looks like one, before its newline and after."""
    monkeypatch.setattr(lines, "_BLOCK_BYTES", 16)
    monkeypatch.setattr(lines, "MAX_LINE_BYTES", 64)
    reader = JsonLines(log, axis="step")
    log.write_bytes(b"x" * 64 + SOUND.strip())
    first = reader.poll()
    with log.open("ab") as file:
        file.write(b"\n" + SOUND)
    second = reader.poll()
    assert (len(first.axis), len(second.axis)) == (0, 1)
    assert [note.skipped for note in (*first.diagnostics, *second.diagnostics)] == [1]


def test_sound_lines_take_the_fast_path(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log as MMEngine writes it, NaN included, is never parsed line by line."""
    monkeypatch.delattr(jsonl, "parse_one_by_one")
    many = b'{"lr": 0.1, "loss": NaN, "epoch": 1, "step": 1}\n{"m/AP": -1.0, "step": 1}\r\n' * 9
    assert len(read(log, many).axis) == 18


def test_blocks_are_joined(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows, keys, exact integers and others of later blocks count from the first block's begin."""
    monkeypatch.setattr(lines, "_BLOCK_BYTES", 16)
    written = [{"x": i, f"k{i}": 2**60 + i, "t": "?", "step": 2**60 - i} for i in range(20)]
    table = read(log, "".join(json.dumps(record) + "\n" for record in written).encode())
    assert records(table) == written
    assert table.ends[-1] == log.stat().st_size


def test_a_replaced_file_is_a_restart(log: Path) -> None:
    """The reader says that what it hands out is no continuation."""
    reader = JsonLines(log, axis="step")
    log.write_bytes(SOUND * 2)
    reader.poll()
    log.write_bytes(b'{"y": 1, "step": 1}\n')
    assert records(reader.poll()) == [{"step": 1, "y": 1}]
    assert reader.restarts == 1


@pytest.mark.parametrize(
    "data",
    [
        b"oops\n",
        b"\n",
        b'[{"step": 1}]\n',
        b'{"x": 1\n',
        b'{"step": 1},{"step": 2}\n{"x": [1\n{"step": 3}]}\n',
        b'{"step": 1},{"step": 2}\n{"x": [{}\n{"step": 3}]}\n',
    ],
)
def test_the_fast_path_leaves_what_is_not_sound(data: bytes) -> None:
    """Lines that are no records each by itself are not taken for records when joined."""
    assert jsonl.parse_together(lines.Block(5, SOUND)) is not None
    assert jsonl.parse_together(lines.Block(0, SOUND + data)) is None

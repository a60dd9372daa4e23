"""The end of a log, read without what lies before it, and what it tells about the run."""

import json
import math
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from trainviz_cli.codecs import ends
from trainviz_cli.codecs.ends import End, last_records
from trainviz_cli.errors import NotFoundError, UnreadableError
from trainviz_cli.formats.local import FORMAT
from trainviz_cli.model.glance import Glance
from trainviz_cli.runs import open_run

NAN, INF = math.nan, math.inf
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
BOM = b"\xef\xbb\xbf"
LONG = (1 << 24) + 5
ALL = 1 << 20

Record = dict[str, object]


def line(**values: object) -> bytes:
    """One record as MMEngine writes it."""
    return (json.dumps(values) + "\n").encode()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log that is still to be written."""
    return tmp_path / "scalars.json"


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log that all examples of a property write again."""
    return tmp_path_factory.mktemp("run") / "scalars.json"


def end_of(path: Path, data: bytes, window: int = ALL) -> End:
    """The end of a log that holds these bytes."""
    path.write_bytes(data)
    return last_records(path, window)


def glance_of(path: Path, data: bytes, window: int = ALL) -> Glance:
    """What the end of such a log tells."""
    path.write_bytes(data)
    return FORMAT.glance(path, window)


def test_a_log_in_sight_is_told_whole(log: Path) -> None:
    """All of a small log is read, counted and dated."""
    log.write_bytes(line(loss=1, step=1) + line(loss=2, step=2))
    os.utime(log, (1, 1234.5))
    assert last_records(log, ALL) == End(
        [{"loss": 1, "step": 1}, {"loss": 2, "step": 2}], 2, 1234.5, whole=True
    )


def test_the_last_of_each_kind_is_kept(log: Path) -> None:
    """Behind a hundred training lines the last validation is still there, in its place."""
    lines = [line(loss=i, step=i) for i in range(100)]
    lines[40] = line(acc=0.4, step=40)
    lines[50] = line(acc=0.5, step=50)
    records = end_of(log, b"".join(lines)).records
    assert {"acc": 0.5, "step": 50} in records
    assert {"acc": 0.4, "step": 40} not in records
    assert records[-8:] == [{"loss": i, "step": i} for i in range(92, 100)]
    assert len(records) < 20


@pytest.mark.parametrize("window", [30, 31, 59, 60, 61, 500, 2999, 3000, 3001])
def test_lines_are_counted_by_the_length_of_the_last(log: Path, window: int) -> None:
    """Where all lines are as long, the judgement is right, wherever the window begins."""
    end = end_of(log, b"".join(b'{"loss": 1.0000, "step": %3d}\n' % i for i in range(100)), window)
    assert end.total == 100
    assert end.whole == (window >= 3000)
    assert end.records[-1] == {"loss": 1, "step": 99}


def test_only_the_end_is_read(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of five megabytes no more than the window is read."""
    log.write_bytes(line(loss=1, step=1) * 200_000)
    read = os.read
    taken: list[int] = []

    def counted(file: int, size: int) -> bytes:
        data = read(file, size)
        taken.append(len(data))
        return data

    monkeypatch.setattr(os, "read", counted)
    end = last_records(log, 4096)
    assert taken == [4096]
    assert (end.whole, len(end.records)) == (False, 9)
    assert abs(end.total - 200_000) < 2000


@pytest.mark.parametrize("window", [1, 10, 100, 1000])
def test_a_line_longer_than_the_window_is_read_whole(log: Path, window: int) -> None:
    """The window grows until a whole line is in it."""
    long_line = line(text="x" * 5000, step=2)
    end = end_of(log, line(loss=1, step=1) + long_line, window)
    assert end.records[-1] == json.loads(long_line)


def test_a_line_over_16_mib_is_given_up(log: Path) -> None:
    """It is not read on for ever; what follows it is there, and it costs no error."""
    log.write_bytes(line(loss=1, step=1))
    with log.open("ab") as file:
        file.truncate(LONG)
    assert glance_of_file(log).last_step in {1, None}
    with log.open("ab") as file:
        file.write(b"\n" + line(loss=3, step=3))
    assert glance_of_file(log).last == {"loss": 3}


def glance_of_file(path: Path) -> Glance:
    """What the end of a log tells, looked at through a small window."""
    return FORMAT.glance(path, 4096)


def test_an_empty_log_has_nothing(log: Path) -> None:
    """A training that has just begun is no error."""
    end = end_of(log, b"")
    assert (end.records, end.total, end.whole) == ([], 0, True)
    assert glance_of(log, b"")[:2] == (0, None)


@pytest.mark.parametrize(
    "data",
    [
        b'{"loss": 1, "step": 1}\r\n{"loss": 2, "step": 2}\r\n',
        BOM + b'{"loss": 1, "step": 1}\n{"loss": 2, "step": 2}\n',
        b'{"loss": 1, "step": 1}\n{"loss": 2, "step": 2}',
        b'\0\0\0{"loss": 1, "step": 1}\n \t{"loss": 2, "step": 2} \n',
        b'{"loss": NaN, "step": 1}\n{"loss": 2, "step": 2}\n',
    ],
)
def test_other_ways_to_write_lines(log: Path, data: bytes) -> None:
    """Line ends of Windows, a byte order mark, no last newline, padding and NaN do no harm."""
    glance = glance_of(log, data)
    assert glance[:2] == (2, 2)
    assert glance.last == {"loss": 2}
    assert glance.exact


@pytest.mark.parametrize(
    "damage",
    [
        b"null",
        b"42",
        b'"text"',
        b"[1, 2]",
        b"true",
        b"{}",
        b'{"loss": 9},{"step": 9}',
        b'[{"a": 1}]',
        b"[1\n2]",
        b"<<<<<<< HEAD",
        b'{"loss": 9, "st',
        b'{"loss": 9, "step": ',
        b"\xff\xfe\x00",
        b"\0" * 500,
        b"[" * 5000,
        b'{"a":' * 5000,
        bytes(range(256)) * 20,
        b'{"loss": 1' + b"0" * 5000 + b', "step": 9}',
    ],
    ids=lambda damage: repr(damage[:20]),
)
def test_what_is_no_record_is_passed_over(log: Path, damage: bytes) -> None:
    """Damage behind, between and before the records hides none of them, and is no error."""
    first, second = line(loss=1, step=1), line(loss=2, acc=3, step=2)
    odd = damage + b"\n"
    for data in (first + second + odd, first + odd + second, odd + first + second):
        for content in (data, data.replace(b"\n", b"\r\n"), BOM + data):
            glance = glance_of(log, content)
            assert glance.last_step == 2
            assert glance.last == {"loss": 2, "acc": 3}


@pytest.mark.parametrize("first", [b'{"loss": 1, "step": 1}\n', b""])
@pytest.mark.parametrize(
    ("rest", "records"),
    [(b"\n\n", 0), (b"\r\n", 0), (b'{"loss": 2, "st', 0), (b'\n{"loss": 2, "step": 2}\n\n', 1)],
)
def test_only_records_are_counted(log: Path, first: bytes, rest: bytes, records: int) -> None:
    """Empty lines are none, nor is a line that is being written while we look."""
    glance = glance_of(log, first + rest)
    assert glance.exact
    assert glance.records == bool(first) + records


def test_a_git_lfs_pointer_is_no_log(log: Path) -> None:
    """The error names the cure, through a small window too."""
    for window in (ALL, 8):
        with pytest.raises(UnreadableError, match="git-LFS pointer") as caught:
            end_of(log, POINTER, window)
        assert caught.value.hint == "git lfs pull"


def test_what_is_no_file_is_an_error_at_once(tmp_path: Path) -> None:
    """A pipe nobody writes to, a folder, and nothing at all; none is waited for."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, tmp_path / "missing", tmp_path / "missing" / "log"):
        with pytest.raises((UnreadableError, NotFoundError)) as caught:
            last_records(path, ALL)
        assert str(path) in caught.value.message


@pytest.mark.parametrize("window", [8, 30, 4096])
def test_a_log_that_shrinks_meanwhile(
    log: Path, monkeypatch: pytest.MonkeyPatch, window: int
) -> None:
    """A log begun anew between a look at its size and at its bytes is read as it is then."""
    fstat = os.fstat

    def earlier(file: int) -> os.stat_result:
        now = fstat(file)
        return os.stat_result([*now[:6], 1000 * now.st_size, *now[7:]])

    monkeypatch.setattr(os, "fstat", earlier)
    end = end_of(log, line(loss=1, step=1) * 2, window)
    assert all(record == {"loss": 1, "step": 1} for record in end.records)


def test_no_descriptor_is_left_open(tmp_path: Path, log: Path) -> None:
    """Ten thousand logs, sound or not, are not too many for the process."""
    if not Path("/proc/self/fd").exists():
        pytest.skip("the system doesn't list descriptors")
    log.write_bytes(POINTER)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for path in (log, tmp_path):
        with pytest.raises(UnreadableError):
            last_records(path, ALL)
    end_of(log, line(loss=1, step=1))
    assert len(list(Path("/proc/self/fd").iterdir())) == before


# What a run says when it is read and what its end says are held against each other.

KEYS = st.sampled_from(["loss", "acc", "val/mAP", "lr", "é", "", '"', "a:b", '", "'])
NUMBERS = (
    st.integers(-9, 9)
    | st.integers(-(2**53), 2**53)
    | st.floats()
    | st.booleans()
    | st.none()
    | st.sampled_from([NAN, INF, -INF])
)
VALUES = st.dictionaries(KEYS, NUMBERS, max_size=4)
GROWTHS = st.integers(1, 9) | st.sampled_from([0.5, 1, 1, 1, -20])
SEPARATORS = st.sampled_from([(",", ":"), (", ", ": ")])


@st.composite
def logs_by_step(draw: st.DrawFn) -> tuple[list[Record], bytes]:
    """A sound log whose steps are iterations: any keys, any numbers, restarts; and its bytes."""
    shapes = draw(st.lists(st.lists(KEYS, max_size=4, unique=True), min_size=1, max_size=3))
    step: float = 0
    records: list[Record] = []
    first = draw(st.booleans())
    for growth in draw(st.lists(GROWTHS, max_size=30)):
        step = max(step + growth, 0)
        values = {key: draw(NUMBERS) for key in draw(st.sampled_from(shapes))}
        records.append({"step": step, **values} if first else {**values, "step": step})
    separators, end = draw(SEPARATORS), draw(st.sampled_from([b"\n", b"\r\n"]))
    lines = [json.dumps(record, separators=separators).encode() + end for record in records]
    return records, draw(st.sampled_from([b"", BOM])) + b"".join(lines)


@settings(deadline=None, max_examples=200)
@given(logs_by_step())
@example(([{"step": 1, "acc": 1}] + [{"step": i, "loss": i} for i in range(2, 20)], b""))
@example(([{"loss": 1, "acc": 1, "step": 1}] + [{"loss": i, "step": i} for i in range(2, 20)], b""))
@example(([{"loss": i, "step": i} for i in (7, 8, 9, 3, 4)], b""))
@example(([{"loss": 1, "step": 1}, {"loss": None, "step": 2}], b""))
@example(([{"acc1": 1, "step": 1}, {"acc5": 2, "step": 2}] * 10, b""))
def test_a_glance_says_what_reading_says(scratch: Path, log: tuple[list[Record], bytes]) -> None:
    """Where all of a log is in sight: the same last values, the same last step, the same count."""
    records, data = log
    glance = glance_of(scratch, data or b"".join(line(**record) for record in records))
    run = open_run(scratch)
    last = {key: run[key].values[-1].item() for key in run}
    assert (glance.records, glance.exact) == (len(records), True)
    assert glance.last_step == (records[-1]["step"] if records else None)
    assert {key: repr(float(value)) for key, value in glance.last.items()} == {
        key: repr(float(value)) for key, value in last.items()
    }
    assert dict(glance.nonfinite) == {
        key: run[key].steps[-1].item() for key, value in last.items() if not math.isfinite(value)
    }


@pytest.mark.parametrize("first", [True, False])
def test_a_key_logged_now_and_then_is_seen(log: Path, *, first: bool) -> None:
    """An accuracy every hundredth step shows, whatever stands first in the lines, or beside it."""
    lines = []
    for step in range(1, 251):
        values = {"loss": 1 / step} | ({"acc": step / 1000} if step % 100 == 0 else {})
        lines.append(line(**({"step": step} | values if first else values | {"step": step})))
    assert glance_of(log, b"".join(lines)).last == {"loss": 0.004, "acc": 0.2}


def test_keys_logged_each_by_itself_are_seen(log: Path) -> None:
    """A line for each metric after each epoch: none hides another, be they ever so alike."""
    keys = [f"AP{threshold}" for threshold in range(50, 100, 5)]
    lines = [line(**{key: i, "step": 1}) for i, key in enumerate(keys)]
    lines += [line(step=1, acc=1), line(step=1, psnr=2)]
    lines += [line(step=i, loss=i) for i in range(2, 30)]
    last = glance_of(log, b"".join(lines)).last
    assert last == {key: i for i, key in enumerate(keys)} | {"acc": 1, "psnr": 2, "loss": 29}


def test_the_later_of_two_kinds_is_the_last(log: Path) -> None:
    """A key that lines of several kinds have has the value that was written last."""
    lines = [line(loss=1, lr=i, step=i) for i in range(30)]
    lines[1] = line(acc=1, lr=-1, step=1)
    lines += [line(time=1, step=i) for i in range(30, 50)]
    assert glance_of(log, b"".join(lines)).last == {"loss": 1, "acc": 1, "lr": 29, "time": 1}


def test_the_last_step_is_that_of_the_last_record(log: Path) -> None:
    """After a restart from an earlier checkpoint the run is where it is, not where it once was."""
    steps = [*range(1, 31), *range(10, 13)]
    assert glance_of(log, b"".join(line(loss=i, step=i) for i in steps)).last_step == 12


@pytest.mark.parametrize(
    ("later", "last"),
    [
        (None, NAN),
        ("text", 1.0),
        ([1], 1.0),
        ({"a": 1}, 1.0),
        (True, 1.0),
        (10**400, INF),
        (-(10**400), -INF),
        (2**64, 2.0**64),
    ],
    ids="null text list mapping true huge -huge whole".split(),
)
def test_values_are_the_numbers_that_reading_gives(log: Path, later: object, last: float) -> None:
    """`null` is NaN, as in every other command; text hides no number; all fit into a float."""
    glance = glance_of(log, line(loss=1, step=1) + line(loss=later, step=2))
    assert repr(open_run(log)["loss"].values[-1].item()) == repr(last)
    value = glance.last["loss"]
    assert repr(float(value)) == repr(last)
    assert type(value) is not bool


@pytest.mark.parametrize(
    "step",
    ["Infinity", "NaN", "-Infinity", "1e999", "1" + "0" * 400, "null", "[]", '"x"'],
    ids=lambda step: step[:9],
)
def test_a_step_that_is_none_is_no_last_step(log: Path, step: str) -> None:
    """A record that reading leaves out is left out here: neither its step nor its values count."""
    glance = glance_of(log, line(loss=1, step=1) + b'{"loss": 2, "step": %s}\n' % step.encode())
    assert glance.last_step == 1
    assert glance.last == {"loss": 1}


def test_a_log_that_never_says_its_step(log: Path) -> None:
    """Its order is the axis, as where it is read."""
    glance = glance_of(log, line(loss=1) + line(loss=2))
    assert open_run(log)["loss"].steps.tolist() == [0, 1]
    assert (glance.last_step, glance.last) == (1, {"loss": 2})


def by_epoch(epochs: int, length: int, interval: int, left: int, *, validates: bool) -> bytes:
    """A log as MMEngine writes it by epoch: validations have the epoch's number as step."""
    lines = []
    for epoch in range(1, epochs + 1):
        for i in range(1, (left if epoch == epochs else length) + 1):
            step = (epoch - 1) * length + i
            if i % interval == 0 or interval > length:
                lines.append(line(lr=0.1, loss=step, epoch=epoch, iter=step, step=step))
        if validates and (epoch < epochs or left == length):
            lines.append(line(**{"coco/bbox_mAP": epoch / 10, "time": 0.1, "step": epoch}))
    return b"".join(lines)


@settings(deadline=None, max_examples=150)
@given(
    epochs=st.integers(1, 6),
    length=st.integers(1, 12),
    interval=st.integers(1, 14),
    left=st.integers(1, 12),
    validates=st.booleans(),
)
@example(epochs=6, length=12, interval=1, left=12, validates=True)
def test_validations_by_epoch_do_not_set_the_clock_back(
    scratch: Path, epochs: int, length: int, interval: int, left: int, *, validates: bool
) -> None:
    """The last step is within one epoch of the one that reading finds; the last values are it."""
    data = by_epoch(epochs, length, interval, min(left, length), validates=validates)
    glance = glance_of(scratch, data)
    run = open_run(scratch)
    last = {key: run[key].values[-1].item() for key in run}
    assert glance.last == last
    assert glance.records == data.count(b"\n")
    steps = [run[key].steps[-1].item() for key in run]
    if steps:
        assert glance.last_step is not None
        assert 0 <= max(steps) - glance.last_step < length
    else:
        assert glance.last_step is None


RECORDS = st.builds(
    lambda values, step: json.dumps({**values, "step": step}).encode(), VALUES, st.integers(0, 99)
)
GARBAGE = (
    b'oops|<<<<<<< HEAD|\xff\xfe|[1, 2]|42|null|"a"|{|}|\0\0|{}||[1|2]|{"step": NaN}|{"step": 1}'
)
ODD_LINES = st.sampled_from(
    [
        *GARBAGE.split(b"|"),
        BOM,
        POINTER,
        b'{"loss": 1e999, "step": true}',
        b'{"loss": %b, "step": 1}' % (b"9" * 400),
    ]
)
LINES = st.lists(RECORDS | RECORDS | ODD_LINES | st.binary(max_size=20), max_size=15)
LOGS = st.builds(bytes.join, st.sampled_from([b"\n", b"\r\n"]), LINES) | st.binary(max_size=200)


@settings(deadline=None, max_examples=400)
@given(
    data=LOGS,
    window=st.integers(1, 700),
    begin=st.integers(0, 300),
    limit=st.sampled_from([9, ALL]),
)
@example(data=b'{"loss": 1, "step": 1}\nnull\n', window=99, begin=0, limit=ALL)
@example(data=b'{"loss": 1, "step": 1}\n[1\n2]\n', window=99, begin=0, limit=ALL)
def test_no_bytes_break_a_glance(
    scratch: Path, data: bytes, window: int, begin: int, limit: int
) -> None:
    """Any bytes, cut anywhere, through any window: numbers that can be shown, or an error known."""
    data = data[begin % (len(data) + 1) :]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ends, "MAX_LINE_BYTES", limit)
        try:
            glance = glance_of(scratch, data, window)
        except (UnreadableError, NotFoundError):
            assert data.startswith(POINTER[:23])
            return
    assert 0 <= glance.records <= len(data)
    assert glance.last_step is None or math.isfinite(glance.last_step)
    assert "step" not in glance.last
    assert all(isinstance(float(value), float) for value in glance.last.values())
    odd = {key for key, value in glance.last.items() if not math.isfinite(value)}
    assert set(glance.nonfinite) == odd
    assert all(math.isfinite(step) for step in glance.nonfinite.values())


@settings(deadline=None, max_examples=200)
@given(data=LOGS, window=st.integers(1, 700))
def test_a_record_is_a_line_of_the_log(scratch: Path, data: bytes, window: int) -> None:
    """Wherever the window begins, nothing is made up of half a line, and the order stays."""
    if data.startswith(POINTER[:23]):
        return
    found = end_of(scratch, data, window).records
    lines = iter(records_on_lines(data))
    assert all(repr(record) in lines for record in found)


def records_on_lines(data: bytes) -> Iterator[str]:
    """Every line that is a record, by itself."""
    for each in data.removeprefix(BOM).split(b"\n"):
        try:
            value = json.loads(each.removeprefix(BOM).strip(b" \t\r\0"))
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            yield repr(value)

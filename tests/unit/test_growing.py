"""Files that grow, read a little at a time; and files that are renamed while they are followed."""

import gzip
import os
from collections.abc import Callable
from copy import deepcopy
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import pytest

from trainviz_cli.codecs import growing, lines, tfevents
from trainviz_cli.codecs.growing import GrowingFile, Numbering
from trainviz_cli.codecs.lines import LineReader
from trainviz_cli.codecs.tfevents import EventFile
from trainviz_cli.codecs.tfscalars.encode import encode_one
from trainviz_cli.errors import UnreadableError

BLOCK = 100  # bytes; a record has some ten or forty


class Kind(NamedTuple):
    """A kind of growing file: what a record of a number is, and how its reader is asked."""

    record: Callable[[int], bytes]
    reader: Callable[[Path], Any]
    poll: Callable[[Any, int | None], list[int]]


def _lines_of(reader: LineReader, most: int | None = None) -> list[int]:
    data = b"".join(block.data for block in reader.poll(most))
    return [int(line[5:]) for line in data.splitlines()]


LINES = Kind(lambda number: b"line %d\n" % number, LineReader, _lines_of)
EVENTS = Kind(
    lambda number: encode_one("loss", 0.0, number, 0.5),
    EventFile,
    lambda reader, most: reader.poll(most).steps.tolist(),
)


@pytest.fixture(params=[LINES, EVENTS], ids=["lines", "events"])
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Kind:
    """Each kind of file, in blocks of a hundred bytes."""
    monkeypatch.setattr(lines, "_BLOCK_BYTES", BLOCK)
    monkeypatch.setattr(tfevents, "_BLOCK_BYTES", BLOCK)
    found: Kind = request.param
    return found


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Where the file is to be."""
    return tmp_path / "scalars.json"


def append(path: Path, kind: Kind, *numbers: int, rest: bytes = b"") -> None:
    """Adds the records of these numbers, then what may be half of one."""
    with path.open("ab") as file:
        file.write(b"".join(map(kind.record, numbers)) + rest)


def rotate(path: Path, name: str = "") -> Path:
    """Gives the file another name, by default with `.1` behind it."""
    return path.rename(path.with_name(name or f"{path.name}.1"))


def drained(kind: Kind, reader: Any, most: int | None) -> list[list[int]]:
    """What poll after poll gives, until nothing is left."""
    polls = [kind.poll(reader, most)]
    while reader.is_behind:
        polls.append(kind.poll(reader, most))
        assert len(polls) < 10_000
    return polls


def joined(polls: list[list[int]]) -> list[int]:
    """All of them, one after the other."""
    return [number for poll in polls for number in poll]


# In budgets


@pytest.mark.parametrize("most", [0, 1, 99, 250, 1000])
def test_a_file_is_read_in_budgets(kind: Kind, log: Path, most: int) -> None:
    """Polls of about so many bytes give what one gives; only the last says that nothing is left."""
    append(log, kind, *range(300))
    reader = kind.reader(log)
    ends = [0]
    found = []
    while not found or reader.is_behind:
        found += kind.poll(reader, most)
        ends.append(reader.offset)
    assert found == list(range(300))
    assert len(ends) > 3
    steps = [end - begin for begin, end in pairwise(ends)]
    assert max(steps) <= max(most, 1) + 2 * BLOCK
    assert min(steps[:-1]) >= min(most, BLOCK // 2)
    assert kind.poll(reader, most) == []
    assert not reader.is_behind


def test_without_a_budget_nothing_is_left(kind: Kind, log: Path) -> None:
    """Also after polls that had one, of a file that nobody touched since."""
    append(log, kind, *range(300))
    reader = kind.reader(log)
    first = kind.poll(reader, 1)
    assert reader.is_behind
    assert first + kind.poll(reader, None) == list(range(300))
    assert not reader.is_behind


def test_half_a_record_is_nothing_that_is_left(kind: Kind, log: Path) -> None:
    """It may look so to one poll, but not to the next: who waits for the end is not kept."""
    append(log, kind, *range(20), rest=kind.record(20)[:-1])
    reader = kind.reader(log)
    assert joined(drained(kind, reader, 1)) == list(range(20))
    append(log, kind, rest=kind.record(20)[-1:])
    assert joined(drained(kind, reader, 1)) == [20]


def test_nothing_is_left_of_a_file_that_ends_with_the_budget(kind: Kind, log: Path) -> None:
    """One poll is enough to know it."""
    append(log, kind, 1)
    reader = kind.reader(log)
    assert kind.poll(reader, 1) == [1]
    assert not reader.is_behind


def test_a_file_that_grows_while_it_is_read(kind: Kind, log: Path) -> None:
    """What is written meanwhile is read in its turn, whole or not."""
    reader = kind.reader(log)
    found: list[int] = []
    for number in range(100):
        record = kind.record(number)
        append(log, kind, rest=record[: number % len(record)])
        found += kind.poll(reader, 1 if number % 3 else 150)
        append(log, kind, rest=record[number % len(record) :])
    assert found + joined(drained(kind, reader, 1)) == list(range(100))
    assert not reader.restarts


@pytest.mark.parametrize("keep", [0, 3, 30])
def test_a_file_that_is_cut_while_it_is_read(kind: Kind, log: Path, keep: int) -> None:
    """What was read of it is read anew if it is gone, else it goes on."""
    append(log, kind, *range(100))
    reader = kind.reader(log)
    first = kind.poll(reader, 1)
    assert 3 < len(first) < 30 or kind is EVENTS
    size = len(b"".join(map(kind.record, range(keep))))
    os.truncate(log, size)
    append(log, kind, 500, 501)
    found = joined(drained(kind, reader, 1))
    assert reader.restarts == (keep < len(first))
    assert (found if reader.restarts else first + found) == [*range(keep), 500, 501]


@pytest.mark.parametrize("most", [1, None])
def test_a_file_that_is_replaced_while_it_is_read(kind: Kind, log: Path, most: int) -> None:
    """The old one is nowhere any more: the new one is read from its beginning."""
    append(log, kind, *range(100))
    reader = kind.reader(log)
    kind.poll(reader, 1)
    append(log.with_name("draft"), kind, *range(500, 600))
    log.with_name("draft").replace(log)
    assert joined(drained(kind, reader, most)) == list(range(500, 600))
    assert reader.restarts == 1


def test_a_file_that_vanishes_while_it_is_read(kind: Kind, log: Path) -> None:
    """There is nothing left to wait for; one made again is read from its beginning."""
    append(log, kind, *range(100))
    reader = kind.reader(log)
    kind.poll(reader, 1)
    log.unlink()
    assert kind.poll(reader, 1) == []
    assert not reader.is_behind
    append(log, kind, *range(500, 530))
    assert joined(drained(kind, reader, 1)) == list(range(500, 530))
    assert reader.restarts == 1


def test_a_file_that_can_no_longer_be_read(kind: Kind, log: Path) -> None:
    """The documented error at each poll, and nothing that a caller would wait for at once."""
    append(log, kind, *range(100))
    reader = kind.reader(log)
    kind.poll(reader, 1)
    log.unlink()
    log.mkdir()
    for _ in range(2):
        with pytest.raises(UnreadableError):
            kind.poll(reader, 1)
        assert not reader.is_behind
    log.rmdir()
    append(log, kind, 7)
    assert joined(drained(kind, reader, 1)) == [7]


def test_a_copy_goes_on_by_itself(kind: Kind, log: Path) -> None:
    """It and the original each read the rest, and neither moves the other."""
    append(log, kind, *range(100))
    reader = kind.reader(log)
    first = kind.poll(reader, 1)
    copy = deepcopy(reader)
    rest = joined(drained(kind, copy, None))
    append(log, kind, 100)
    assert first + rest == list(range(100))
    assert joined(drained(kind, copy, 1)) == [100]
    assert first + joined(drained(kind, reader, 1)) == list(range(101))


def test_a_copy_numbers_by_itself() -> None:
    """Names met before have one number in both; new ones are no matter of the other."""
    numbers: Numbering[str] = Numbering()
    assert [numbers[name] for name in ("a", "b", "a")] == [0, 1, 0]
    copies = deepcopy([numbers, numbers])
    assert copies[0] is copies[1]
    assert [copies[0][name] for name in ("b", "c")] == [1, 2]
    assert list(numbers) == ["a", "b"]
    assert numbers["d"] == 2


# Rotated


@pytest.mark.parametrize("most", [1, 200, None])
@pytest.mark.parametrize("unread", [0, 1, 50])
def test_the_end_of_a_renamed_file_is_read_first(
    kind: Kind, log: Path, most: int | None, unread: int
) -> None:
    """Nothing is lost, nothing comes twice, and no poll mixes the old file with the new."""
    append(log, kind, *range(30))
    reader = kind.reader(log)
    found = joined(drained(kind, reader, most))
    append(log, kind, *range(30, 30 + unread))
    rotate(log)
    append(log, kind, *range(500, 560))
    polls = []
    while not polls or reader.is_behind:
        polls.append(kind.poll(reader, most))
        is_old = [number < 500 for number in polls[-1]]
        assert all(is_old) or not any(is_old)
        assert not any(is_old) or (reader.has_moved and not reader.restarts)
    assert found + joined(polls) == [*range(30 + unread), *range(500, 560)]
    assert reader.restarts == 1
    assert not reader.has_moved
    assert len(polls) == (1 if unread == 0 else 2) or most is not None


def test_a_file_renamed_while_it_is_read_in_budgets(kind: Kind, log: Path) -> None:
    """It is read to its end, also what its writer still adds, then the new one."""
    append(log, kind, *range(60))
    reader = kind.reader(log)
    found = kind.poll(reader, 1)
    old = rotate(log)
    append(log, kind, *range(500, 530))
    found += kind.poll(reader, 1)
    append(old, kind, *range(60, 70))
    found += joined(drained(kind, reader, 1))
    assert found == [*range(70), *range(500, 530)]
    assert reader.restarts == 1


@pytest.mark.parametrize("most", [1, None])
def test_half_a_record_at_the_end_of_a_renamed_file(kind: Kind, log: Path, most: int) -> None:
    """It is no record, and keeps nobody from the new file."""
    append(log, kind, *range(5))
    reader = kind.reader(log)
    assert joined(drained(kind, reader, most)) == list(range(5))
    append(log, kind, 5, rest=kind.record(6)[:-1])
    rotate(log)
    append(log, kind, 500)
    assert joined(drained(kind, reader, most)) == [5, 500]
    append(log, kind, 501)
    assert joined(drained(kind, reader, most)) == [501]
    assert reader.restarts == 1


def test_a_whole_end_of_a_renamed_file(log: Path) -> None:
    """A line without its newline, of which nothing is missing, is a line here too."""
    reader = LineReader(log, is_whole=lambda end: end == b"line 7")
    append(log, LINES, 6)
    assert _lines_of(reader) == [6]
    append(log, LINES, rest=b"line 7")
    rotate(log)
    append(log, LINES, 8)
    assert joined(drained(LINES, reader, None)) == [7, 8]


def test_a_file_rotated_twice_between_polls(kind: Kind, log: Path) -> None:
    """The one that was being read is read to its end; what lay between is nobody's."""
    append(log, kind, *range(5))
    reader = kind.reader(log)
    drained(kind, reader, None)
    append(log, kind, 5)
    rotate(rotate(log), "scalars.json.2")
    append(log, kind, 100)
    rotate(log)
    append(log, kind, 500)
    assert joined(drained(kind, reader, None)) == [5, 500]
    assert reader.restarts == 1


def test_a_file_rotated_again_and_again(kind: Kind, log: Path) -> None:
    """As long as somebody looks in between, nothing is lost."""
    reader = kind.reader(log)
    found: list[int] = []
    for number in range(0, 60, 3):
        append(log, kind, number, number + 1)
        found += joined(drained(kind, reader, 1))
        append(log, kind, number + 2)
        rotate(log, f"scalars.{number}")
    append(log, kind, 60)
    assert found + joined(drained(kind, reader, 1)) == list(range(61))


def test_a_file_that_was_away_while_one_looked(kind: Kind, log: Path) -> None:
    """While there is no new file, the renamed one is read on; then the new one."""
    append(log, kind, 1)
    reader = kind.reader(log)
    drained(kind, reader, None)
    append(log, kind, 2)
    rotate(log)
    assert kind.poll(reader, None) == [2]
    assert kind.poll(reader, None) == []
    assert not reader.is_behind
    append(next(each for each in log.parent.iterdir() if each != log), kind, 3)
    append(log, kind, 500)
    assert joined(drained(kind, reader, None)) == [3, 500]
    assert reader.restarts == 1


def _compress(old: Path) -> None:
    old.with_suffix(".gz").write_bytes(gzip.compress(old.read_bytes()))
    old.unlink()


def _move_away(old: Path) -> None:
    (old.parent / "old").mkdir()
    old.rename(old.parent / "old" / old.name)


@pytest.mark.parametrize("make_away", [_compress, _move_away, Path.unlink])
def test_an_old_file_that_is_not_found(
    kind: Kind, log: Path, make_away: Callable[[Path], None]
) -> None:
    """Compressed, elsewhere or deleted: the new one is read at once."""
    append(log, kind, 1)
    reader = kind.reader(log)
    drained(kind, reader, None)
    append(log, kind, 2)
    old = rotate(log)
    append(log, kind, 500)
    make_away(old)
    assert kind.poll(reader, None) == [500]
    assert (reader.is_behind, reader.restarts) == (False, 1)


def test_a_folder_that_cannot_be_listed(
    kind: Kind, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the old file were nowhere."""
    append(log, kind, 1)
    reader = kind.reader(log)
    drained(kind, reader, None)
    rotate(log)
    append(log, kind, 500)

    def refuse(_: object) -> NoReturn:
        raise PermissionError

    monkeypatch.setattr(growing.os, "scandir", refuse)
    assert kind.poll(reader, None) == [500]


def test_an_old_file_that_cannot_be_read(
    kind: Kind, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The documented error once; it keeps nobody from the new file, though nobody touches that."""
    append(log, kind, 1)
    reader = kind.reader(log)
    drained(kind, reader, None)
    append(log, kind, 2)
    rotate(log)
    append(log, kind, 500)

    def fail(*_: object) -> NoReturn:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(LineReader, "_read", fail)
        patch.setattr(EventFile, "_next_piece", fail)
        with pytest.raises(UnreadableError, match="Input/output error"):
            kind.poll(reader, None)
    assert kind.poll(reader, None) == [500]
    assert reader.restarts == 1


def test_a_poll_that_is_given_up_at_the_end_of_an_old_file(log: Path) -> None:
    """The new one is read all the same, though nobody touches it."""
    append(log, LINES, 1)
    reader = LineReader(log)
    _lines_of(reader)
    append(log, LINES, 2)
    rotate(log)
    append(log, LINES, 500)
    blocks = reader.poll()
    next(blocks)
    blocks.close()
    assert _lines_of(reader) == [500]


def test_a_file_that_is_back_is_a_new_one(kind: Kind, log: Path) -> None:
    """Where it was gone when one looked, although it is the same file with the same bytes."""
    append(log, kind, 1)
    reader = kind.reader(log)
    drained(kind, reader, None)
    away = rotate(log)
    assert kind.poll(reader, None) == []
    away.rename(log)
    assert kind.poll(reader, None) == [1]
    assert reader.restarts == 1


def test_another_file_with_the_number_of_the_old_one(kind: Kind, log: Path) -> None:
    """The system uses inodes again: what does not hold what was read is not its end."""
    append(log, kind, 1)
    reader = kind.reader(log)
    drained(kind, reader, None)
    append(log.with_name("config.py"), kind, 700, 701, 702)
    status = log.with_name("config.py").stat()
    rotate(log).unlink()
    reader._identity = (status.st_dev, status.st_ino)
    append(log, kind, 500)
    assert kind.poll(reader, None) == [500]


def test_a_file_of_which_nothing_was_read(kind: Kind, log: Path) -> None:
    """By its inode alone it is not known again: an empty log gives way to the next at once."""
    log.touch()
    reader = kind.reader(log)
    drained(kind, reader, None)
    append(log, kind, 1)
    rotate(log)
    append(log, kind, 500)
    assert kind.poll(reader, None) == [500]


def test_a_file_that_is_copied_and_cut(kind: Kind, log: Path) -> None:
    """The other way to rotate: the file stays the same, so it begins anew, and the copy is none."""
    append(log, kind, *range(30))
    reader = kind.reader(log)
    drained(kind, reader, None)
    append(log, kind, 30)
    log.with_name("scalars.json.1").write_bytes(log.read_bytes())
    os.truncate(log, 0)
    append(log, kind, 500)
    assert kind.poll(reader, None) == [500]
    assert (reader.is_behind, reader.restarts) == (False, 1)


def test_a_file_that_does_not_care_for_the_old_one(log: Path) -> None:
    """What a reader was not asked to follow is as if it were nowhere."""
    append(log, LINES, 1)
    reader = LineReader(log, follows_renamed=False)
    drained(LINES, reader, None)
    append(log, LINES, 2)
    rotate(log)
    append(log, LINES, 500)
    assert _lines_of(reader) == [500]


def test_no_file_is_left_open(kind: Kind, log: Path) -> None:
    """Neither the old one nor the new one, whatever comes of looking for the old one."""
    folder = Path("/proc/self/fd")
    if not folder.exists():
        pytest.skip("no /proc")
    append(log, kind, *range(50))
    reader = kind.reader(log)
    drained(kind, reader, None)
    before = len(list(folder.iterdir()))
    for unread in (0, 20, 0, 20):
        append(log, kind, *range(unread))
        rotate(log)
        append(log, kind, *range(50))
        drained(kind, reader, 1)
    assert len(list(folder.iterdir())) == before
    assert isinstance(reader, GrowingFile)

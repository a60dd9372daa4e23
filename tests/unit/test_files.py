"""Bytes on the disk: whole records at the end of a file, and files replaced whole."""

from __future__ import annotations

import errno
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from trainviz_cli.errors import TrainvizError, WriteError
from trainviz_cli.writing.files import AppendFile, replace_file, write_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RECORD = b'{"a": 1}\n'


@pytest.fixture
def log(tmp_path: Path) -> Iterator[AppendFile]:
    """An empty file to append to, in a folder that was not there."""
    file = AppendFile(tmp_path / "new" / "folder" / "log")
    yield file
    file.close()


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What each call of `os.write` was given."""
    seen = []
    write = os.write

    def record(descriptor: int, data: bytes) -> int:
        seen.append(data)
        return write(descriptor, data)

    monkeypatch.setattr(os, "write", record)
    return seen


def partial_write(monkeypatch: pytest.MonkeyPatch, *taken: int) -> None:
    """Let `os.write` take only so many bytes, call by call, and then find the disk full."""
    write = os.write
    left = list(taken)

    def take_some(descriptor: int, data: bytes) -> int:
        if not left:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, data[: left.pop(0)])

    monkeypatch.setattr(os, "write", take_some)


def raises(error: BaseException) -> Callable[..., Any]:
    """A function that raises the error."""

    def fail(*_args: object, **_options: object) -> None:
        raise error

    return fail


def test_a_record_is_one_write(log: AppendFile, writes: list[bytes]) -> None:
    """A record reaches the file in a single call, before `append` returns."""
    log.append(RECORD)
    assert writes == [RECORD]
    assert log.path.read_bytes() == RECORD


def test_the_descriptor_appends(tmp_path: Path) -> None:
    """Two writers that opened the file empty do not write over each other."""
    first, second = AppendFile(tmp_path / "log"), AppendFile(tmp_path / "log")
    for file in (first, second, first):
        file.append(RECORD)
    first.close()
    second.close()
    assert (tmp_path / "log").read_bytes() == RECORD * 3


def test_an_older_file_is_kept(tmp_path: Path) -> None:
    """Opening a file changes nothing in it, and says how large it was."""
    (tmp_path / "log").write_bytes(RECORD)
    file = AppendFile(tmp_path / "log")
    assert file.size_at_open == len(RECORD)
    file.append(RECORD)
    file.close()
    assert (tmp_path / "log").read_bytes() == RECORD * 2


@pytest.mark.parametrize("torn", [b'{"a"', RECORD + b"{", b"\0"])
def test_a_torn_end(tmp_path: Path, torn: bytes) -> None:
    """After half a line the next record begins on a line of its own; the one after it does too."""
    (tmp_path / "log").write_bytes(torn)
    file = AppendFile(tmp_path / "log")
    file.append(RECORD)
    file.append(RECORD)
    file.close()
    assert (tmp_path / "log").read_bytes() == torn + b"\n" + RECORD * 2


@pytest.mark.parametrize("older", [b"torn", RECORD])
def test_a_file_emptied_while_it_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, older: bytes
) -> None:
    """A file that another writer empties between two looks at it can be opened and written."""
    path = tmp_path / "log"
    path.write_bytes(older)
    fstat = os.fstat

    def look_and_empty(descriptor: int) -> os.stat_result:
        status = fstat(descriptor)
        os.truncate(path, 0)
        return status

    monkeypatch.setattr(os, "fstat", look_and_empty)
    file = AppendFile(path)
    monkeypatch.undo()
    file.append(RECORD)
    file.close()
    assert path.read_bytes().splitlines()[-1] + b"\n" == RECORD


@pytest.mark.parametrize("size", [1, 5, 8])
def test_a_write_in_two_parts(log: AppendFile, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """A record that the system takes in parts is finished, and the next one follows it plainly."""
    partial_write(monkeypatch, size, 2, 100, 100)
    log.append(RECORD)
    monkeypatch.undo()
    log.append(RECORD)
    assert log.path.read_bytes() == RECORD * 2


@pytest.mark.parametrize("size", [1, 5, 8])
def test_half_a_record(log: AppendFile, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """A record that broke off raises, and the next begins on a new line."""
    log.append(RECORD)
    partial_write(monkeypatch, size)
    with pytest.raises(WriteError, match=r"log: No space left on device"):
        log.append(RECORD)
    monkeypatch.undo()
    log.append(RECORD)
    assert log.path.read_bytes() == RECORD + RECORD[:size] + b"\n" + RECORD


def test_half_a_record_twice(log: AppendFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fills up again and again leaves no record stuck to a torn one."""
    for _ in range(2):
        partial_write(monkeypatch, 4)
        with pytest.raises(WriteError):
            log.append(RECORD)
        monkeypatch.undo()
    log.append(RECORD)
    lines = log.path.read_bytes().split(b"\n")
    assert lines == [RECORD[:4], RECORD[:3], RECORD[:-1], b""]


def test_a_torn_file_is_emptied(log: AppendFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """After half a record, a file that someone emptied takes the next record plainly."""
    partial_write(monkeypatch, 4)
    with pytest.raises(WriteError):
        log.append(RECORD)
    monkeypatch.undo()
    os.truncate(log.path, 0)
    log.append(RECORD)
    assert log.path.read_bytes().strip(b"\n") + b"\n" == RECORD


def test_another_writer_ends_the_torn_line(
    log: AppendFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After half a record that another writer has moved on from, there is no empty line."""
    partial_write(monkeypatch, 4)
    with pytest.raises(WriteError):
        log.append(RECORD)
    monkeypatch.undo()
    other = AppendFile(log.path)
    other.append(RECORD)
    other.close()
    log.append(RECORD)
    assert log.path.read_bytes() == RECORD[:4] + b"\n" + RECORD * 2


def test_closing_twice(log: AppendFile) -> None:
    """A second close does not close what was opened under the same number since."""
    number = log.descriptor
    log.close()
    reader, writer = os.pipe()
    os.dup2(reader, number)
    log.close()
    os.fstat(number)
    for descriptor in {reader, writer, number}:
        os.close(descriptor)


def test_nothing_of_a_record(log: AppendFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record of which nothing was written leaves no trace, not even an empty line."""
    log.append(RECORD)
    partial_write(monkeypatch)
    with pytest.raises(WriteError):
        log.append(RECORD)
    monkeypatch.undo()
    log.append(RECORD)
    assert log.path.read_bytes() == RECORD * 2


def test_position(tmp_path: Path) -> None:
    """The position is where this descriptor's own last write ended, whatever others wrote since."""
    first, second = AppendFile(tmp_path / "log"), AppendFile(tmp_path / "log")
    first.append(RECORD)
    assert first.position() == len(RECORD)
    second.append(RECORD)
    assert (first.position(), second.position()) == (len(RECORD), 2 * len(RECORD))
    first.append(RECORD)
    assert first.position() == 3 * len(RECORD)
    first.close()
    second.close()


def test_truncate(tmp_path: Path) -> None:
    """An emptied file has no torn end left, and grows from the start."""
    (tmp_path / "log").write_bytes(b"torn")
    file = AppendFile(tmp_path / "log")
    file.truncate()
    file.append(RECORD)
    assert file.position() == len(RECORD)
    file.close()
    assert (tmp_path / "log").read_bytes() == RECORD


def test_sync(log: AppendFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is waited for, on this file's descriptor; its failure is a WriteError."""
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    log.sync()
    assert synced == [log.descriptor]
    monkeypatch.setattr(os, "fsync", raises(OSError(errno.EIO, "Input/output error")))
    with pytest.raises(WriteError, match="Input/output error"):
        log.sync()


def test_close(log: AppendFile) -> None:
    """The descriptor is given back, and what is appended after that is a WriteError."""
    log.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(log.descriptor)
    with pytest.raises(WriteError, match="Bad file descriptor"):
        log.append(RECORD)


def test_new_files_follow_the_umask(tmp_path: Path) -> None:
    """Others may read a run exactly where the umask lets them, and none of it can be executed."""
    before = os.umask(0o027)
    try:
        AppendFile(tmp_path / "log").close()
        replace_file(tmp_path / "whole", b"")
    finally:
        os.umask(before)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {0o640}


def test_a_write_error_says_what_to_do(tmp_path: Path) -> None:
    """The error is one line with the file, the reason and the cure, and is an OSError as well."""
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "log"
    with pytest.raises(WriteError) as caught:
        AppendFile(path)
    assert isinstance(caught.value, TrainvizError)
    assert isinstance(caught.value, OSError)
    assert str(caught.value).startswith(f"can't write {path}: ")
    assert caught.value.hint is not None
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value.__cause__, OSError)


def test_a_write_error_keeps_the_error_number() -> None:
    """Code that handles an OSError by its `errno` finds the one of the system."""
    with pytest.raises(OSError, match="No space left") as caught, write_errors(Path("log")):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert isinstance(caught.value, WriteError)
    assert caught.value.errno == errno.ENOSPC


def test_other_errors_pass() -> None:
    """What is no OSError is not dressed up as one."""
    with pytest.raises(KeyError), write_errors(Path("log")):
        raise KeyError


@pytest.mark.parametrize("older", [None, b"older and longer than the new one"])
def test_replace_file(tmp_path: Path, older: bytes | None) -> None:
    """The file holds the new bytes and nothing else; no draft is left beside it."""
    path = tmp_path / "folder" / "file"
    if older is not None:
        path.parent.mkdir()
        path.write_bytes(older)
    replace_file(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(path.parent.iterdir()) == [path]


def test_a_reader_sees_old_or_new(tmp_path: Path) -> None:
    """A reader that opened the old file keeps all of it: the new one is another file."""
    path = tmp_path / "file"
    replace_file(path, b"old")
    with path.open("rb") as reader:
        replace_file(path, b"new")
        assert reader.read() == b"old"


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (OSError(errno.EIO, "Input/output error"), WriteError),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ],
    ids=["disk error", "interrupt"],
)
def test_a_failure_keeps_the_old_file(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    shown: type[BaseException],
) -> None:
    """Whatever stops the replacing, the old file stays as it was and no draft is left."""
    path = tmp_path / "file"
    replace_file(path, b"old")
    monkeypatch.setattr(os, "replace", raises(error))
    with pytest.raises(shown):
        replace_file(path, b"new")
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_in_the_way(tmp_path: Path) -> None:
    """A folder of that name is a WriteError, for both kinds of file, and no draft is left."""
    (tmp_path / "name").mkdir()
    with pytest.raises(WriteError, match="Is a directory"):
        AppendFile(tmp_path / "name")
    with pytest.raises(WriteError, match="Is a directory"):
        replace_file(tmp_path / "name", b"")
    assert list(tmp_path.iterdir()) == [tmp_path / "name"]


def test_the_longest_name(tmp_path: Path) -> None:
    """A name as long as the file system allows can be written: the draft's own is no longer."""
    path = tmp_path / ("n" * os.pathconf(tmp_path, "PC_NAME_MAX"))
    replace_file(path, b"new")
    assert path.read_bytes() == b"new"


def test_threads_replace_one_file(tmp_path: Path) -> None:
    """Threads that replace one file at once all succeed, and it is whole at every time."""
    path = tmp_path / "file"
    contents = [bytes([number]) * 300_000 for number in range(4)]
    replace_file(path, contents[0])

    def replace_often(content: bytes) -> bool:
        whole = True
        for _ in range(40):
            replace_file(path, content)
            whole &= path.read_bytes() in contents
        return whole

    with ThreadPoolExecutor(len(contents)) as pool:
        assert all(pool.map(replace_often, contents))
    assert list(tmp_path.iterdir()) == [path]

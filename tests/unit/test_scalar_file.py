"""The scalar log and the side file that says when its bytes were written."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from trainviz_cli import open_run
from trainviz_cli.errors import WriteError
from trainviz_cli.writing.scalar_file import ScalarFile

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

START = 1_700_000_000.0


# Logs in the parent, then in a forked child, at times that it sets itself.
FORKED = """
import os, sys
from pathlib import Path
from unittest import mock
from trainviz_cli.writing.scalar_file import ScalarFile

def log_at(*seconds):
    for second in seconds:
        clock.return_value = 1_700_000_000.0 + second
        file.append(b'{"a": 0, "step": 0}\\n')

with mock.patch("trainviz_cli.writing.scalar_file.time.time") as clock:
    clock.return_value = 1_700_000_000.0
    file = ScalarFile(Path(sys.argv[1]), None)
    log_at(0, 0.01)
    if not (child := os.fork()):
        log_at(1, 2, 3)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    file.sync()
"""


class Clock:
    """A clock that a test sets, in seconds after `START`."""

    def __init__(self) -> None:
        self.now = 0.0

    def time(self) -> float:
        """Stands in for `time.time`."""
        return START + self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock that the scalar file reads."""
    clock = Clock()
    monkeypatch.setattr("trainviz_cli.writing.scalar_file.time.time", clock.time)
    return clock


@pytest.fixture
def syncs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The descriptor of each call of `os.fsync`."""
    descriptors: list[int] = []
    monkeypatch.setattr(os, "fsync", descriptors.append)
    return descriptors


def line(step: int) -> bytes:
    """A record whose length differs from that of others."""
    return json.dumps({"a": 0, "step": 10**step}).encode() + b"\n"


def log_at(file: ScalarFile, clock: Clock, seconds: Iterable[float]) -> list[int]:
    """Log one record at each of the times; the byte at which each ends."""
    ends = []
    for step, clock.now in enumerate(seconds):
        file.append(line(step % 40))
        ends.append(file._records.position())
    return ends


def stamps(folder: Path) -> list[tuple[int, float]]:
    """The side file: offsets, and times in seconds after `START`."""
    text = (folder / "scalars.times").read_text()
    rows: list[dict[str, Any]] = [json.loads(row) for row in text.splitlines()]
    assert all(list(row) == ["offset", "time"] for row in rows)
    return [(row["offset"], round(row["time"] - START, 3)) for row in rows]


def most_in_a_second(times: list[float]) -> int:
    """The largest count of times that lie within less than one second."""
    return max(sum(first <= time < first + 0.999 for time in times) for first in times)


def test_the_first_record_gets_its_time(tmp_path: Path, clock: Clock) -> None:
    """The side file begins with the end of the first record, as a line of JSON."""
    file = ScalarFile(tmp_path / "scalars.json", None)
    clock.now = 0.25
    file.append(line(0))
    expected = b'{"offset": %d, "time": 1700000000.250}\n' % len(line(0))
    assert (tmp_path / "scalars.times").read_bytes() == expected
    file.close()


def test_at_most_ten_a_second(tmp_path: Path, clock: Clock) -> None:
    """A thousand records a second, and still ten times; each at the end of a record."""
    file = ScalarFile(tmp_path / "scalars.json", None)
    ends = log_at(file, clock, [step / 1000 for step in range(3000)])
    file.close()
    found = stamps(tmp_path)
    assert 25 <= len(found) <= 30
    assert {offset for offset, _ in found} <= set(ends)
    assert most_in_a_second([time for _, time in found]) <= 10


def test_each_time_is_of_its_record(tmp_path: Path, clock: Clock) -> None:
    """Records logged ten times slower each get the time at which they were written."""
    file = ScalarFile(tmp_path / "scalars.json", None)
    times = [0.5 * step for step in range(10)]
    ends = log_at(file, clock, times)
    file.close()
    assert stamps(tmp_path) == list(zip(ends, times, strict=True))


def test_after_a_silence(tmp_path: Path, clock: Clock) -> None:
    """The last record before a silence gets its time as well, in front of the one after it."""
    file = ScalarFile(tmp_path / "scalars.json", None)
    ends = log_at(file, clock, [0, 0.01, 0.02, 60])
    file.close()
    assert stamps(tmp_path) == [(ends[0], 0), (ends[2], 0.02), (ends[3], 60)]


def test_ten_a_second_after_a_silence(tmp_path: Path, clock: Clock) -> None:
    """The second time that a silence costs is one of the ten of that second."""
    file = ScalarFile(tmp_path / "scalars.json", None)
    noted = []
    for burst in range(5):
        for step in range(150):
            clock.now = 10 * burst + step / 100
            file.append(line(0))
            noted += [clock.now] * (len(stamps(tmp_path)) - len(noted))
    file.close()
    assert most_in_a_second(noted) <= 10


def test_no_second_time_after_a_silence(tmp_path: Path, clock: Clock) -> None:
    """A record before a silence that has its time already does not get it twice."""
    file = ScalarFile(tmp_path / "scalars.json", None)
    ends = log_at(file, clock, [0, 60])
    file.close()
    assert stamps(tmp_path) == [(ends[0], 0), (ends[1], 60)]


def test_sync_notes_the_last_time(tmp_path: Path, clock: Clock) -> None:
    """Waiting for the disk gives the last record its time, once."""
    file = ScalarFile(tmp_path / "scalars.json", None)
    ends = log_at(file, clock, [0, 0.01, 0.02])
    file.sync()
    file.sync()
    file.close()
    assert stamps(tmp_path) == [(ends[0], 0), (ends[2], 0.02)]


def test_a_clock_that_goes_back(tmp_path: Path, clock: Clock) -> None:
    """A clock set back by an hour does not stop the times for an hour."""
    file = ScalarFile(tmp_path / "scalars.json", None)
    ends = log_at(file, clock, [3600, 0, 0.2, 0.4])
    file.close()
    assert stamps(tmp_path) == list(zip(ends, [3600, 0, 0.2, 0.4], strict=True))


def test_a_reader_finds_the_times(tmp_path: Path, clock: Clock) -> None:
    """What is written is what a run's wall times are read from, a silence included."""
    file = ScalarFile(tmp_path / "scalars.json", None)
    times = [0, 0.01, 0.02, 60, 120.5]
    log_at(file, clock, times)
    file.close()
    walls = open_run(tmp_path)["a"].wall_times
    assert walls is not None
    assert np.allclose(walls - START, times, atol=0.02)


def test_a_stale_side_file(tmp_path: Path, clock: Clock) -> None:
    """The times of a log that is gone are forgotten when a new one begins."""
    (tmp_path / "scalars.times").write_text('{"offset": 999999, "time": 1.0}\n{"offset": 1')
    file = ScalarFile(tmp_path / "scalars.json", None)
    ends = log_at(file, clock, [5])
    file.close()
    assert stamps(tmp_path) == [(ends[0], 5)]


def test_a_log_that_goes_on(tmp_path: Path, clock: Clock) -> None:
    """A log opened again keeps its times, ends them with that of its last change, and adds on."""
    first = ScalarFile(tmp_path / "scalars.json", None)
    ends = log_at(first, clock, [0])
    first.close()
    os.utime(tmp_path / "scalars.json", (1_700_000_005, 1_700_000_005))
    second = ScalarFile(tmp_path / "scalars.json", None)
    ends += log_at(second, clock, [9])
    second.close()
    assert stamps(tmp_path) == [(ends[0], 0), (ends[0], 5), (ends[1], 9)]


def test_after_a_torn_line(tmp_path: Path, clock: Clock) -> None:
    """After half a line, the record's time still stands at its end."""
    (tmp_path / "scalars.json").write_bytes(b'{"torn')
    file = ScalarFile(tmp_path / "scalars.json", None)
    log_at(file, clock, [3])
    file.close()
    size = (tmp_path / "scalars.json").stat().st_size
    assert stamps(tmp_path) == [(size, 3)]


def test_offsets_of_two_writers_end_lines(tmp_path: Path, clock: Clock) -> None:
    """Two writers in turn, with records of their own lengths: each offset is the end of a line."""
    files = [ScalarFile(tmp_path / "scalars.json", None) for _ in range(2)]
    for step, clock.now in enumerate(
        np.cumsum([0, 0.01, 0.02, 2, 0.01, 3, 0.5, 0.01, 9, 0.01, 0.01])
    ):
        files[step % 2].append(line(step))
    for file in files:
        file.sync()
        file.close()
    text = (tmp_path / "scalars.json").read_bytes()
    assert all(text[offset - 1 : offset] == b"\n" for offset, _ in stamps(tmp_path))


def test_times_of_two_writers_grow(tmp_path: Path, clock: Clock) -> None:
    """One writer's silence, in which another wrote, does not put the other's records back."""
    first, second = (ScalarFile(tmp_path / "scalars.json", None) for _ in range(2))
    log_at(first, clock, [0, 0.01])
    log_at(second, clock, [1, 2, 3])
    log_at(first, clock, [10])
    first.close()
    second.close()
    times = [time for _, time in sorted(stamps(tmp_path))]
    assert times == sorted(times)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_times_after_a_fork_grow(tmp_path: Path) -> None:
    """What a forked child wrote does not get its parent's older time at the end."""
    subprocess.run([sys.executable, "-c", FORKED, tmp_path / "scalars.json"], check=True)
    times = [time for _, time in sorted(stamps(tmp_path))]
    assert times[0] == 0
    assert times[-1] == 3
    assert times == sorted(times)


@pytest.mark.parametrize(
    ("every", "seconds", "count"),
    [
        (None, [0, 10, 10_000], 0),
        (5, [0, 1, 4.9], 0),
        (5, [1, 4, 6, 7, 10.9, 11], 2),
        (5, [6, 11, 16], 3),
        (0, [1, 1, 2], 3),
        pytest.param(5, [3600, 0, 6], 2, id="clock set back"),
    ],
)
def test_fsync_every_so_often(
    tmp_path: Path,
    clock: Clock,
    syncs: list[int],
    every: float | None,
    seconds: list[float],
    count: int,
) -> None:
    """The disk is waited for when so many seconds have passed since the last time, else never."""
    file = ScalarFile(tmp_path / "scalars.json", every)
    log_at(file, clock, seconds)
    assert syncs == [file._records.descriptor] * count
    file.close()


def test_sync_waits_for_the_records(tmp_path: Path, syncs: list[int]) -> None:
    """Waiting for the disk means the file with the records."""
    file = ScalarFile(tmp_path / "scalars.json", None)
    file.append(line(0))
    assert not syncs
    file.sync()
    assert file._records.descriptor in syncs
    file.close()


def test_a_time_is_not_worth_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the side file can't take a time, the record is there and nothing is raised."""
    file = ScalarFile(tmp_path / "scalars.json", None)
    write = os.write

    def full_for_times(descriptor: int, data: bytes) -> int:
        if descriptor == file._times.descriptor:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, data)

    monkeypatch.setattr(os, "write", full_for_times)
    file.append(line(0))
    file.sync()
    file.close()
    assert (tmp_path / "scalars.json").read_bytes() == line(0)


def test_a_side_file_that_cannot_be_opened(tmp_path: Path) -> None:
    """When the side file can't even be opened, records are still written."""
    (tmp_path / "scalars.times").mkdir()
    file = ScalarFile(tmp_path / "scalars.json", None)
    file.append(line(0))
    file.sync()
    file.close()
    assert (tmp_path / "scalars.json").read_bytes() == line(0)


def test_a_failed_record_gets_no_time(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record that could not be written is not in the side file."""
    file = ScalarFile(tmp_path / "scalars.json", None)
    ends = log_at(file, clock, [0])
    write = os.write

    def full_for_records(descriptor: int, data: bytes) -> int:
        if descriptor == file._records.descriptor:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, data)

    monkeypatch.setattr(os, "write", full_for_records)
    clock.now = 5
    with pytest.raises(WriteError):
        file.append(line(1))
    file.sync()
    file.close()
    assert stamps(tmp_path) == [(ends[0], 0)]

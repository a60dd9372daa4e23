"""Following runs for long: training that is fast-forwarded, counted, and the memory it takes."""

from __future__ import annotations

import math
import os
import random
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from measuring import Row, judged, show

from trainviz_cli.model.batch import Batch
from trainviz_cli.runs.find import locate_runs
from trainviz_cli.runs.follow import Follower
from trainviz_cli.runs.live import LiveRun

if TYPE_CHECKING:
    from typing import BinaryIO

KEYS = 5
DAY_S, DAYS_RATE = 86_400, 20  # records per second
WEEK_S, WEEKS_RATE = 7 * DAY_S, 100
LOOKS = 2_000  # in which the day passes
AT_ONCE = 60_480  # records of the week
ROOM = 8192  # samples of a key, as with these few keys


def measure() -> list[Row]:
    """The rows of a day through a file, and of a week of records."""
    return [*_day(), *_week()]


def _day() -> list[Row]:
    """A day of training into a file, followed while it grows."""
    what = f"a day at {DAYS_RATE} records/s × {KEYS} keys, followed in a file"
    records = DAY_S * DAYS_RATE
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "run" / "scalars.json"
        log.parent.mkdir()
        now = [0.0]
        follower = Follower([folder], clock=lambda: now[0], wall_clock=lambda: now[0])
        memories = []
        with log.open("ab", buffering=0) as file:
            for look in range(LOOKS):
                first, last = (records * (look + i) // LOOKS for i in (0, 1))
                _write(file, first, last)
                now[0] += DAY_S / LOOKS
                follower.take(follower.look())
                memories.append(_memory())
        while follower.is_behind:
            follower.take(follower.look())
        seen = follower.runs[0].records
    tenth = LOOKS // 10
    grown = memories[-1] - memories[tenth]
    return [
        Row(what, "records written / seen", f"{records:,} / {seen:,}", "all", ""),
        judged(what, "memory gained from a tenth of it to the end", [grown], "≤ 5", " MB"),
    ]


def _memory() -> float:
    """What this process holds now, in MB (1e6 bytes)."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _write(file: BinaryIO, first: int, last: int) -> None:
    """Appends these records, the last one in two halves."""
    lines = [
        b'{"step": %d, "k0": %.6g, "k1": %.6g, "k2": 0.5, "k3": %.6g, "k4": 1e-3}\n'
        % (step, math.exp(-step / 1e6), random.random(), step % 100 / 100)  # noqa: S311 - a curve
        for step in range(first, last)
    ]
    data = b"".join(lines)
    file.write(data[:-9])
    file.write(data[-9:])


def _week() -> list[Row]:
    """A week of records, as they come from a reader."""
    what = f"a week at {WEEKS_RATE} records/s × {KEYS} keys, kept"
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "scalars.json").write_text('{"step": 0, "k0": 1}\n')
        run = LiveRun(locate_runs([folder])[0], ROOM, 0.0)
        random_numbers = np.random.default_rng(0)
        lowest = highest = 0.0
        for first in range(0, WEEK_S * WEEKS_RATE, AT_ONCE):
            batch = _batch(random_numbers, first)
            lowest = min(lowest, float(batch.values.min()))
            highest = max(highest, float(batch.values.max()))
            run.add([batch], first / WEEKS_RATE, age_s=None)
        kept = [series.values for series in run.as_run().series.values()]
        ends = min(float(each.min()) for each in kept), max(float(each.max()) for each in kept)
    return [
        judged(what, "memory of the process", [_memory()], "≤ 150", " MB"),
        Row(what, "records", f"{run.records:,}", f"{WEEK_S * WEEKS_RATE:,}", ""),
        Row(what, "least and greatest are kept", str(ends == (lowest, highest)), "True", ""),
    ]


def _batch(random_numbers: np.random.Generator, first: int) -> Batch:
    steps = np.arange(first, first + AT_ONCE)
    rows = np.repeat(np.arange(AT_ONCE, dtype=np.int32), KEYS)
    return Batch(
        keys=[f"k{i}" for i in range(KEYS)],
        codes=np.tile(np.arange(KEYS, dtype=np.int32), AT_ONCE),
        rows=rows,
        values=random_numbers.normal(size=AT_ONCE * KEYS),
        steps=steps,
        wall_times=steps / WEEKS_RATE,
    )


if __name__ == "__main__":
    show(measure())

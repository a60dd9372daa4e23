"""`trainviz export-tb`: a million JSON lines as an event file, whole process; and following."""

from __future__ import annotations

import subprocess
import tempfile
import time
from pathlib import Path

from measuring import ABSENT, TRAINVIZ, Row, find, judged, processes, ratio, show
from workloads import KEYS, log

ROUNDS = 5
LINES, EVENTS_OF_TORCH = 1_000_000, 20_000
VALUES = 20
IDLE_S = 20.0


def measure() -> list[Row]:
    """The rows of the export, and of keeping up with a run."""
    with tempfile.TemporaryDirectory() as folder:
        return [*_against_torch(Path(folder)), *_following(Path(folder))]


def _against_torch(folder: Path) -> list[Row]:
    operation, compared = (
        f"`trainviz export-tb`, {LINES:,} lines",
        "times faster than torch, per event",
    )
    writer_of = find("torch.utils.tensorboard", "SummaryWriter")
    if writer_of is None:
        return [Row(operation, compared, ABSENT, "≥ 30")]
    run = str(log(folder, LINES))
    seconds = []
    for number in range(ROUNDS):
        writer = writer_of(str(folder / f"torch{number}"))
        start = time.perf_counter()
        for value in range(EVENTS_OF_TORCH):
            writer.add_scalar(KEYS[value % len(KEYS)], value * 0.5, value // len(KEYS))
        writer.close()
        seconds.append((time.perf_counter() - start) * LINES / EVENTS_OF_TORCH)
    ours = []
    for number in range(ROUNDS):
        target = str(folder / f"tb{number}")
        ours += processes([[TRAINVIZ, "export-tb", run, "-o", target]], 1)[0].wall[-1:]
    return [ratio(operation, compared, (seconds, ours), "≥ 30")]


def _following(folder: Path) -> list[Row]:
    """How soon a value is readable, and what waiting for one costs."""
    from trainviz_cli import LocalVisBackend

    operation = "`trainviz export-tb --follow`"
    loader_of = find("tensorboard.backend.event_processing.event_file_loader", "EventFileLoader")
    if loader_of is None:
        return [Row(operation, "from logged to readable by TensorBoard", ABSENT, "≤ 0.5")]
    vis = LocalVisBackend(folder / "live")
    vis.add_scalar("loss", 1.0, 0)
    target = folder / "live_tb"
    follower = subprocess.Popen(
        [TRAINVIZ, "export-tb", str(folder / "live"), "-o", str(target), "--follow"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not list(target.glob("*tfevents*")):
            time.sleep(0.05)
        loader = loader_of(str(next(target.glob("*tfevents*"))))
        list(loader.Load())
        delays = []
        for step in range(1, VALUES + 1):
            time.sleep(0.13)
            vis.add_scalar("loss", 1.0, step)
            start = time.perf_counter()
            while not list(loader.Load()):
                time.sleep(0.005)
            delays.append(time.perf_counter() - start)
        before = _cpu_seconds(follower.pid)
        time.sleep(IDLE_S)
        idle = 100 * (_cpu_seconds(follower.pid) - before) / IDLE_S
    finally:
        follower.kill()
        follower.wait()
    return [
        judged(
            operation, "from logged to readable by TensorBoard", delays, "≤ 0.5", " s", max(delays)
        ),
        judged(operation, "CPU of a core while nothing comes", [idle], "≤ 0.1", " %"),
    ]


def _cpu_seconds(process: int) -> float:
    """What a process has used so far, as precisely as Linux counts."""
    schedule = Path(f"/proc/{process}/schedstat").read_text(encoding="ascii")
    return int(schedule.split()[0]) / 1e9


if __name__ == "__main__":
    show(measure())

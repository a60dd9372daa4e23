"""Reading an event file: a million scalars, every checksum verified, every sample kept."""

from __future__ import annotations

import re
import subprocess
import tempfile
import time
from pathlib import Path

from measuring import ABSENT, Row, alternate, find, ratio, show
from workloads import event_file

ROUNDS = 5
EVENTS, EVENTS_OF_ACCUMULATOR = 1_000_000, 50_000
OPERATION = f"reading {EVENTS:,} scalar events"


def measure() -> list[Row]:
    """The rows of TensorBoard's two readers."""
    with tempfile.TemporaryDirectory() as folder:
        all_of_them = event_file(Path(folder) / "all", EVENTS)
        some = event_file(Path(folder) / "some", EVENTS_OF_ACCUMULATOR)
        return [*_against_accumulator(all_of_them, some), *_against_server(all_of_them)]


def _ours(folder: Path) -> None:
    from trainviz_cli import open_run

    run = open_run(folder)
    assert sum(map(len, run.series.values())) == EVENTS


def _against_accumulator(all_of_them: Path, some: Path) -> list[Row]:
    accumulator = find("tensorboard.backend.event_processing.event_accumulator", "EventAccumulator")
    compared = "times faster than EventAccumulator, per event"
    if accumulator is None:
        return [Row(OPERATION, compared, ABSENT, "≥ 20")]

    def theirs() -> None:
        accumulator(str(some), size_guidance={"scalars": 0}).Reload()

    ours, seconds = alternate([lambda: _ours(all_of_them), theirs], ROUNDS)
    each = [second * EVENTS / EVENTS_OF_ACCUMULATOR for second in seconds]
    return [ratio(OPERATION, compared, (each, ours), "≥ 20")]


def _against_server(folder: Path) -> list[Row]:
    server = find("tensorboard_data_server", "server_binary")
    compared = "time × TensorBoard's data server with `--checksum`, all samples"
    if server is None:
        return [Row(OPERATION, compared, ABSENT, "≤ 2")]
    command = [server(), "--logdir", str(folder), "--port", "0", "--reload", "once", "--checksum"]
    command += ["--samples-per-plugin", "scalars=all", "-v"]
    ours: list[float] = []
    theirs: list[float] = []
    for number in range(ROUNDS + 1):
        start = time.perf_counter()
        _ours(folder)
        mine = time.perf_counter() - start
        cycle = _load_cycle(command)
        if number:
            ours.append(mine)
            theirs.append(cycle)
    return [ratio(OPERATION, compared, (ours, theirs), "≤ 2")]


def _load_cycle(command: list[str]) -> float:
    """Seconds that the server says one load took."""
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        for line in process.stderr:
            if found := re.search(r"Finished load cycle \(([\d.]+)(ms|s)\)", line):
                process.kill()
                return float(found[1]) * (1e-3 if found[2] == "ms" else 1)
    raise RuntimeError("the server ended without loading")


if __name__ == "__main__":
    show(measure())

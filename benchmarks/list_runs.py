"""`trainviz ls`: a disk full of runs, in process and as a whole process."""

from __future__ import annotations

import gc
import os
import sys
import tempfile
from contextlib import redirect_stdout
from pathlib import Path

from measuring import TRAINVIZ, Row, alternate, judged, processes, ratio, show
from workloads import folder_of_runs

ROUNDS, ROUNDS_MANY = 20, 5
RUNS, LINES = 1_000, 1_000
MANY, FEW_LINES = 10_000, 100


def measure() -> list[Row]:
    """The rows of a thousand runs, and of ten times as many."""
    with tempfile.TemporaryDirectory() as folder:
        many = str(folder_of_runs(Path(folder) / "many", MANY, FEW_LINES))
        tenth = str(folder_of_runs(Path(folder) / "tenth", MANY // 10, FEW_LINES))
        runs = str(folder_of_runs(Path(folder) / "runs", RUNS, LINES))
        ours, start = processes([[TRAINVIZ, "ls", runs], [TRAINVIZ, "--help"]], ROUNDS)
        more, less = processes([[TRAINVIZ, "ls", many], [TRAINVIZ, "ls", tenth]], ROUNDS_MANY)
        ((*seconds,),) = alternate([lambda: _list(runs)], ROUNDS)
    operation = f"`trainviz ls`, {RUNS:,} runs × {LINES:,} lines"
    operation_many = f"`trainviz ls`, {MANY:,} runs × {FEW_LINES} lines"
    return [
        judged(operation, "in process", [1e3 * each for each in seconds], "≤ 60", " ms"),
        ratio(operation, "wall time × `trainviz --help`", (ours.wall, start.wall), "≤ 2.5"),
        ratio(
            operation_many, f"wall time × {MANY // 10:,} of them", (more.wall, less.wall), "≤ 10"
        ),
        judged(operation_many, "peak memory", more.peak, "≤ 200", " MB"),
    ]


def _list(folder: str) -> None:
    """All that the command does after its imports, as in its own process without a collector."""
    from trainviz_cli.cli.commands.ls import command

    gc.disable()
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):
        command.main([folder], standalone_mode=False)
    gc.enable()


if __name__ == "__main__":
    show(measure())
    sys.stdout.flush()

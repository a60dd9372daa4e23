"""Completion of a key in the shell: how long the cursor stands still."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from measuring import TRAINVIZ, Row, judged, processes, show
from workloads import folder_of_runs

ROUNDS = 40
RUNS, STEPS = 20, 5_000


def measure() -> list[Row]:
    """The row of its wall time, from the shell's call to its end."""
    with tempfile.TemporaryDirectory() as folder:
        runs = folder_of_runs(Path(folder) / "runs", RUNS, STEPS)
        os.environ["_TRAINVIZ_COMPLETE"] = "fish_complete"
        (ours,) = processes([[TRAINVIZ, "plot", str(runs), "--key", "v"]], ROUNDS)
        del os.environ["_TRAINVIZ_COMPLETE"]
    operation = f"completing `--key` of {RUNS} runs × {STEPS:,} lines"
    return [judged(operation, "wall time", [1e3 * each for each in ours.wall], "≤ 150", " ms")]


if __name__ == "__main__":
    show(measure())

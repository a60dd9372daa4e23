"""`trainviz compare` in the terminal: 20 runs against one, whole process."""

from __future__ import annotations

import tempfile
from pathlib import Path

from measuring import TRAINVIZ, Row, processes, ratio, show
from workloads import folder_of_runs

ROUNDS = 15
RUNS, STEPS = 20, 5_000


def measure() -> list[Row]:
    """The row of its wall time."""
    with tempfile.TemporaryDirectory() as folder:
        runs = folder_of_runs(Path(folder) / "runs", RUNS, STEPS, validates_every=None)
        first = min(runs.iterdir())
        ours, plot = processes(
            [[TRAINVIZ, "compare", str(runs)], [TRAINVIZ, "plot", str(first)]], ROUNDS
        )
    operation = f"`trainviz compare`, {RUNS} runs × {STEPS:,} steps × 5 keys"
    compared = "wall time × `trainviz plot` of one of them"
    return [ratio(operation, compared, (ours.wall, plot.wall), "≤ 3")]


if __name__ == "__main__":
    show(measure())

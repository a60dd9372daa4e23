"""`trainviz plot`: a run of 10,000 points on the terminal, whole process."""

from __future__ import annotations

import tempfile
from pathlib import Path

from measuring import TRAINVIZ, Row, processes, python, ratio, show
from workloads import curve_run

ROUNDS = 40


def measure() -> list[Row]:
    """The rows of wall and CPU time."""
    with tempfile.TemporaryDirectory() as folder:
        run = str(curve_run(Path(folder)))
        plot = [TRAINVIZ, "plot", run, "--color", "always"]
        ours, imports = processes([plot, python("import click, numpy, orjson")], ROUNDS)
    operation, compared = (
        "`trainviz plot`, 10,000 points",
        '`python -c "import click, numpy, orjson"`',
    )
    return [
        ratio(operation, f"wall time × {compared}", (ours.wall, imports.wall), "≤ 1.7"),
        ratio(operation, f"CPU time × {compared}", (ours.cpu, imports.cpu)),
    ]


if __name__ == "__main__":
    show(measure())

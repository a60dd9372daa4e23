"""`open_run`: a log from the disk to columns, whole process."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

from measuring import Row, judged, processes, python, ratio, show
from workloads import log

OURS = """
import sys
from trainviz_cli import open_run
run = open_run(sys.argv[1])
"""
STDLIB = """
import json, sys
steps, values = {}, {}
with open(sys.argv[1] + "/scalars.json") as file:
    for line in file:
        record = json.loads(line)
        step = record.pop("step")
        for key, value in record.items():
            steps.setdefault(key, []).append(step)
            values.setdefault(key, []).append(value)
"""
COMPARE = """
import numpy as np
def same(ours, theirs):
    return np.array_equal(ours, np.array(theirs), equal_nan=True)
equal = list(run) == list(values) and all(
    same(run[key].steps, steps[key]) and same(run[key].values, values[key]) for key in run
)
size = sum(run[key].steps.nbytes + run[key].values.nbytes for key in run)
nans = sum(int(np.isnan(run[key].values).sum()) for key in run)
print(json.dumps([equal, size / 1e6, nans]))
"""
MANY, FEW = 1_000_000, 1000
ROUNDS_MANY, ROUNDS_FEW = 11, 40


def measure() -> list[Row]:
    """The rows of time, memory and exactness for many lines, then of time for few."""
    with tempfile.TemporaryDirectory() as folder:
        many, few = (str(log(Path(folder), lines)) for lines in (MANY, FEW))
        ours, theirs = processes([python(OURS, many), python(STDLIB, many)], ROUNDS_MANY)
        command = python(OURS + STDLIB + COMPARE, many)
        said = subprocess.run(command, check=True, capture_output=True).stdout
        short, imports = processes([python(OURS, few), python("import numpy, orjson")], ROUNDS_FEW)
    equal, columns, nans = json.loads(said)
    exact = f"yes, with {nans} NaN" if equal else "**no**, missed"
    operation, stdlib = f"`open_run`, {MANY:,} lines", "stdlib json into lists"
    room = f"≤ {4 * columns + 60:.0f}"
    return [
        ratio(operation, f"wall time × {stdlib}", (ours.wall, theirs.wall), "≤ 0.3"),
        ratio(operation, f"CPU time × {stdlib}", (ours.cpu, theirs.cpu), "≤ 0.3"),
        judged(operation, "peak memory: 4 × the columns + 60 MB", ours.peak, room, " MB"),
        Row(operation, "all steps and values as stdlib json reads them", exact, "yes"),
        ratio(
            f"`open_run`, {FEW:,} lines",
            'wall time × `python -c "import numpy, orjson"`',
            (short.wall, imports.wall),
            "≤ 1.25",
        ),
    ]


if __name__ == "__main__":
    show(measure())

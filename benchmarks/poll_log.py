"""`LocalReader.poll`: what a growing log has gained since the last look."""

from __future__ import annotations

import tempfile
from itertools import islice
from pathlib import Path
from time import perf_counter

from measuring import Row, judged, show
from workloads import log, log_lines

from trainviz_cli.formats.local.reader import LocalReader

LINES, NEW, ROUNDS = 1_000_000, 170, 100


def measure() -> list[Row]:
    """The row of one poll, each over its own new lines."""
    lines = log_lines()
    with tempfile.TemporaryDirectory() as folder:
        path = log(Path(folder), LINES) / "scalars.json"
        reader = LocalReader(path)
        read = len(reader.poll())
        milliseconds = []
        with path.open("a") as file:
            for _ in range(ROUNDS):
                file.writelines(islice(lines, NEW))
                file.flush()
                start = perf_counter()
                read += len(reader.poll())
                milliseconds.append((perf_counter() - start) * 1e3)
    if read != LINES + ROUNDS * NEW:
        raise RuntimeError(f"{read} lines were read")
    compared = f"time of one poll, {LINES:,} lines already read"
    return [judged(f"`poll`, {NEW} new lines", compared, milliseconds, "≤ 0.2", " ms")]


if __name__ == "__main__":
    show(measure())

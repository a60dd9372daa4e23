"""`trainviz --help`: how soon the command answers, whole process."""

from __future__ import annotations

from measuring import TRAINVIZ, Row, processes, python, ratio, show

ROUNDS = 60


def measure() -> list[Row]:
    """The rows of wall and CPU time."""
    ours, imports = processes([[TRAINVIZ, "--help"], python("import click")], ROUNDS)
    operation, compared = "`trainviz --help`", '`python -c "import click"`'
    return [
        ratio(operation, f"wall time × {compared}", (ours.wall, imports.wall), "≤ 1.3"),
        ratio(operation, f"CPU time × {compared}", (ours.cpu, imports.cpu)),
    ]


if __name__ == "__main__":
    show(measure())

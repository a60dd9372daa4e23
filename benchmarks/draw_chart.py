"""`draw_panels`: the chart that `trainviz plot` shows, in process, against plotext."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from measuring import ABSENT, Row, alternate, find, ratio, show
from workloads import curve_run, noisy_curve

from trainviz_cli import open_run
from trainviz_cli.analysis.panels import Drawing, build_panels
from trainviz_cli.render.term.chart import Look
from trainviz_cli.render.term.grid import draw_panels
from trainviz_cli.render.term.style import ColorDepth, to_text

WIDTH, HEIGHT = 100, 30
ROUNDS, CALLS = 15, 10


def measure() -> list[Row]:
    """The row of speed: from columns to the text a terminal is sent, in braille dots."""
    # plotext draws no larger than the terminal it is in.
    os.environ.update(COLUMNS=str(WIDTH), LINES=str(HEIGHT + 2))
    figure = find("plotext", "figure")
    operation, compared = "chart of 10,000 points, 100 × 30", "times faster than plotext"
    if not figure:
        return [Row(operation, compared, ABSENT, "≥ 30")]
    with tempfile.TemporaryDirectory() as folder:
        run = open_run(curve_run(Path(folder)))

    def ours() -> None:
        for _ in range(CALLS):
            panels = build_panels([run], ["loss"], Drawing())
            to_text(draw_panels(panels, WIDTH, HEIGHT, Look()), ColorDepth.MANY)

    x, y = list(range(10_000)), noisy_curve()

    def theirs() -> None:
        figure.clear()
        figure.plot_size(WIDTH, HEIGHT)
        figure.draw(figure.signal(x, y, marker="braille").lines())
        str(figure.build())

    seconds, blocks = alternate([theirs, ours], ROUNDS)
    each = [block / CALLS for block in blocks]
    return [ratio(operation, compared, (seconds, each), "≥ 30")]


if __name__ == "__main__":
    show(measure())

"""Runs as the live view has them, made without a disk; and a board to show them on."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from trainviz_cli.formats.local import LocalFormat
from trainviz_cli.model.batch import Batch
from trainviz_cli.render.term.chart import Look
from trainviz_cli.render.term.dashboard.board import Board, Source
from trainviz_cli.render.term.dashboard.wish import Wish
from trainviz_cli.render.term.style import ColorDepth, line_cells, to_text
from trainviz_cli.runs.found import FoundRun
from trainviz_cli.runs.live import LiveRun

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trainviz_cli.render.term.style import Line
    from trainviz_cli.runs.closeup import Stretch

    Values = Mapping[str, Sequence[float | None]]

NOW_S = 5000.0
START = 1_700_000_000.0  # 2023-11-14 22:13:20 UTC
ROOM = 8192
PLAIN = Look(monochrome=True)


def found(name: str) -> FoundRun:
    """A run that is nowhere."""
    path = Path("nowhere") / name.replace("\0", "0").replace("/", "-")
    return FoundRun(name, path, LocalFormat(), path / "scalars.json")


def batch(values: Values, *, first: int = 0, stride: int = 10, gap_s: float = 1.0) -> Batch:
    """Rows that log these values, one row a value; None is a row without."""
    count = max(map(len, values.values()), default=0)
    told = [
        (row, code, value)
        for row in range(count)
        for code, column in enumerate(values.values())
        if row < len(column) and (value := column[row]) is not None
    ]
    numbers = np.arange(first, first + count)
    return Batch(
        keys=list(values),
        codes=np.array([code for _, code, _ in told], np.int32),
        rows=np.array([row for row, _, _ in told], np.int32),
        values=np.array([value for _, _, value in told], np.float64),
        steps=numbers * stride,
        epochs=numbers / 20,
        wall_times=START + gap_s * numbers.astype(np.float64),
    )


def staged(
    name: str = "exp1",
    values: Values | None = None,
    *,
    age_s: float = 3.0,
    config: Mapping[str, object] | None = None,
    room: int = ROOM,
    gap_s: float = 1.0,
) -> LiveRun:
    """A run with these values; the last was written so long ago."""
    run = LiveRun(found(name), room, NOW_S)
    if values is None:
        values = {"train/loss": falling(), "val/acc": rising()}
    if values:
        run.add([batch(values, gap_s=gap_s)], NOW_S, age_s)
    run.learn(dict(config or {}))
    return run


def falling(scale: float = 2.0, count: int = 60, noise: float = 0.05) -> list[float]:
    """A loss, with a ripple that no chance is in."""
    return [
        scale * (0.1 + math.exp(-i / 12)) + noise * math.sin(i * 2.4) * math.cos(i * 0.7)
        for i in range(count)
    ]


def rising(scale: float = 1.0, count: int = 60) -> list[float]:
    """An accuracy."""
    return [scale * (0.95 - 0.8 * math.exp(-i / 15)) for i in range(count)]


def seldom(values: Sequence[float], every: int = 6) -> list[float | None]:
    """Logged only so often, as validation is."""
    return [None if (i + 1) % every else value for i, value in enumerate(values)]


class Stage:
    """What a board shows, to be changed behind its back.

    Attributes:
        runs: The runs.
        now_s: What the clock says.
        sought: The stretches that the board asked for last.
        remark: What else there is to tell.
    """

    def __init__(self, *runs: LiveRun) -> None:
        self.runs = list(runs)
        self.now_s = NOW_S
        self.sought: Mapping[LiveRun, Stretch] = {}
        self.remark = ""

    def board(
        self, wish: Wish | None = None, look: Look = PLAIN, *, has_hints: bool = True
    ) -> Board:
        """A board of it."""
        source = Source(
            lambda: self.runs,
            lambda: self.now_s,
            "a run below /data",
            self.zoom,
            lambda: self.remark,
        )
        return Board(source, look, wish or Wish(), has_hints=has_hints)

    def zoom(self, stretches: Mapping[LiveRun, Stretch]) -> None:
        """Takes note of what is in sight."""
        self.sought = stretches


def text(lines: Sequence[Line]) -> str:
    """Lines without colours."""
    return to_text(lines, ColorDepth.NONE)


def check(lines: Sequence[Line], width: int, height: int) -> None:
    """Lines fill the screen, keep inside it, and hold nothing that could steer a terminal."""
    assert len(lines) == height
    for line in lines:
        assert line_cells(line) <= width, text([line])
        assert all(span.text.isprintable() for span in line)

"""Runs side by side: what each reached, and how far that is from one of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from trainviz_cli.model.summary import best_direction, summarize

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trainviz_cli.model.run import Run
    from trainviz_cli.model.series import Overlap
    from trainviz_cli.model.summary import Direction, Summary


class Row(NamedTuple):
    """One run's figures for one key.

    Attributes:
        run: Name of the run.
        summary: Its figures; None where the run lacks the key.
        last_change: Its last value less that of the baseline; None where either is not finite.
        best_change: Likewise the best value.
        wins: No run has a better best value.
        is_baseline: It is what the others are measured from.
    """

    run: str
    summary: Summary | None
    last_change: float | None
    best_change: float | None
    wins: bool
    is_baseline: bool = False


class Comparison(NamedTuple):
    """All runs' figures for one key.

    Attributes:
        key: What is compared.
        direction: Which end is the best: min or max.
        rows: One a run, in the order the runs were named.
    """

    key: str
    direction: Direction
    rows: tuple[Row, ...]


def compare(
    runs: Sequence[Run],
    key: str,
    baseline: int = 0,
    direction: Direction | None = None,
    overlap: Overlap = "last",
) -> Comparison:
    """The runs' figures for a key.

    Args:
        runs: What to compare.
        key: What of them.
        baseline: Which of the runs the others are measured from.
        direction: Which end is the best; None follows from the key's name.
        overlap: What a step that was logged again shows.
    """
    direction = direction or best_direction(key)
    said = [summarize(run[key], direction, overlap) if key in run else None for run in runs]
    base = said[baseline]
    reached = [each.best for each in said if each and each.best is not None]
    winner = (min if direction == "min" else max)(reached, default=None)
    rows = tuple(
        Row(
            run=run.name,
            summary=each,
            last_change=_change(each and each.last, base and base.last),
            best_change=_change(each and each.best, base and base.best),
            wins=each is not None and each.best is not None and each.best == winner,
            is_baseline=index == baseline,
        )
        for index, (run, each) in enumerate(zip(runs, said, strict=True))
    )
    return Comparison(key, direction, rows)


def _change(value: float | None, base: float | None) -> float | None:
    if value is None or base is None:
        return None
    difference = value - base
    return difference if math.isfinite(difference) else None

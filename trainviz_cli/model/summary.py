"""A series in one row: how much there is, how it began, how it stands, and its best."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from trainviz_cli.model.keys import less_is_better

if TYPE_CHECKING:
    from trainviz_cli.model.series import Overlap, Series

Direction = Literal["min", "max"]


class Summary(NamedTuple):
    """What there is to say about a series in one row.

    Samples that a restart replaced are counted, but say nothing else.

    Attributes:
        samples: How many were logged.
        first_step: Step of the first sample.
        last_step: Step of the last sample.
        first: Its first value; NaN and infinities included, as in `last`.
        last: Its last value.
        direction: Which end is the best: min or max.
        best: The best finite value; None where there is none.
        best_step: The first step with that value.
        nonfinite: Steps of the values that are NaN or infinite.
    """

    samples: int
    first_step: float
    last_step: float
    first: float
    last: float
    direction: Direction
    best: float | None
    best_step: float | None
    nonfinite: tuple[float, ...] = ()


def summarize(
    series: Series, direction: Direction | None = None, overlap: Overlap = "last"
) -> Summary:
    """The series in one row.

    Args:
        series: Of one key.
        direction: Which end is the best; None follows from the key's name.
        overlap: What a step that was logged again shows.
    """
    view = series.view("step", overlap)
    direction = direction or best_direction(series.key)
    known = np.isfinite(view.y)
    values, steps = view.y[known], view.steps[known]
    at = (values.argmin() if direction == "min" else values.argmax()) if len(values) else None
    return Summary(
        samples=len(series),
        first_step=view.steps[0].item(),
        last_step=view.steps[-1].item(),
        first=view.y[0].item(),
        last=view.y[-1].item(),
        direction=direction,
        best=None if at is None else values[at].item(),
        best_step=None if at is None else steps[at].item(),
        nonfinite=tuple(view.steps[~known].tolist()),
    )


def best_direction(key: str) -> Direction:
    """Which end of a key's values is the best, by its name."""
    return "min" if less_is_better(key) else "max"

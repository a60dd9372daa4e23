"""A curve in one row of characters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trainviz_cli.analysis.scales import Scale

if TYPE_CHECKING:
    from trainviz_cli.model.series import FloatArray, View
    from trainviz_cli.render.term.chart import Look


def sparkline(view: View, width: int, look: Look) -> str:
    """The means of equal stretches of steps, from low to high, in `width` cells at most.

    A stretch without a sample repeats the one before; one without a finite value has the sign of
    NaN.
    """
    width = width if len(view) > 1 else 1
    across = _places(np.asarray(view.x, np.float64))
    columns = np.minimum(across * width, width - 1).astype(np.int64)
    up = _places(np.asarray(view.y, np.float64))
    known = np.isfinite(up)
    counts = np.bincount(columns[known], minlength=width)
    means = np.bincount(columns[known], up[known], minlength=width) / np.maximum(counts, 1)
    means[counts == 0] = np.nan
    levels = _places(means) * (len(look.levels) - 1)
    text = [look.nan if np.isnan(level) else look.levels[round(level)] for level in levels.tolist()]
    touched = np.unique(columns)
    shown = touched[np.maximum(np.searchsorted(touched, np.arange(width), "right") - 1, 0)]
    return "".join(text[column] for column in shown.tolist())


def _places(values: FloatArray) -> FloatArray:
    """Where finite values lie between their ends, 0..1; halfway if all are one."""
    known = values[np.isfinite(values)]
    if not len(known) or known.min() == known.max():
        return np.where(np.isfinite(values), 0.5, np.nan)
    return Scale(float(known.min()), float(known.max())).positions(values)

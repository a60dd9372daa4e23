"""One step axis for logs that count training in iterations and validation in epochs.

MMEngine's epoch-based training logs lines with `epoch` and the global iteration as `step`; its
validation lines have no `epoch`, and the epoch's number as `step`. Source: mmengine 0.10.7,
hooks/logger_hook.py (`log_metric_by_epoch`).
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from trainviz_cli.model.series import FloatArray, IntArray


class EpochClock:
    """Knows, from the lines seen so far, which step an epoch ended at.

    How many iterations an epoch has is not in the log. It follows once the second epoch began: the
    first line of each epoch stands equally far into it. Until then, validation is placed at the
    last training line before it.
    """

    def __init__(self) -> None:
        self.iterations_per_epoch: int | None = None
        self._last: tuple[float, float] | None = None  # step and epoch of the last training line
        self._first_of_epoch: tuple[float, float] | None = None
        self._least, self._most = 0.0, math.inf
        self._whole_epochs = True

    def place(self, steps: FloatArray, epochs: FloatArray) -> tuple[FloatArray, FloatArray | None]:
        """Global step and epoch of each row.

        Args:
            steps: (N,) as logged.
            epochs: (N,) as logged, NaN in a row without.

        Returns:
            Both (N,); the end of epoch 1 is epoch 1.0. The epochs are None while no row had any.
        """
        training = np.flatnonzero(np.isfinite(steps) & np.isfinite(epochs))
        if self._last is None and not len(training):
            return steps, None
        self._learn(steps[training], epochs[training])
        before_step, before_epoch = self._training_before(steps, epochs, training)
        if not self._whole_epochs:
            return steps, np.where(np.isnan(epochs), before_epoch, epochs)
        # A row without an epoch whose step is the number of the epoch just trained, and not at the
        # same time the iteration.
        by_epoch = np.isnan(epochs) & (steps == before_epoch) & (steps != before_step)
        length = self.iterations_per_epoch
        if length is None:
            placed = np.where(by_epoch, before_step, steps)
            return placed, np.where(np.isnan(epochs), before_epoch, epochs)
        with np.errstate(over="ignore"):  # absurd numbers may stay absurd
            ends = np.where(by_epoch, before_epoch, 0) * length
            placed = np.where(by_epoch, np.maximum(before_step, ends), steps)
            return placed, placed / length

    def _training_before(
        self, steps: FloatArray, epochs: FloatArray, training: IntArray
    ) -> tuple[FloatArray, FloatArray]:
        """Step and epoch of the last training line up to each row, NaN where there is none."""
        last_step, last_epoch = self._last or (np.nan, np.nan)
        position = np.zeros(len(steps), np.int64)
        position[training] = np.arange(1, len(training) + 1)
        position = np.maximum.accumulate(position)
        before_step = np.concatenate(([last_step], steps[training]))[position]
        before_epoch = np.concatenate(([last_epoch], epochs[training]))[position]
        if len(training):
            self._last = (float(steps[training[-1]]), float(epochs[training[-1]]))
        return before_step, before_epoch

    def _learn(self, steps: FloatArray, epochs: FloatArray) -> None:
        """Narrows down how long an epoch is, from training lines in the order written."""
        if not len(steps):
            return
        whole = (epochs == np.floor(epochs)) & (epochs >= 1)
        self._whole_epochs = self._whole_epochs and bool(whole.all())
        if not self._whole_epochs:
            self.iterations_per_epoch = None
            return
        # Iteration s of epoch e: (e - 1) * length < s <= e * length.
        self._least = max(self._least, float((steps / epochs).max()))
        later = epochs > 1
        if later.any():
            self._most = min(self._most, float((steps[later] / (epochs[later] - 1)).min()))
        known = self.iterations_per_epoch
        if known is not None and self._allows(known):
            return
        self.iterations_per_epoch = next(
            (length for length in self._candidates(steps, epochs) if self._allows(length)), None
        )

    def _allows(self, length: int) -> bool:
        return self._least <= length < self._most

    def _candidates(self, steps: FloatArray, epochs: FloatArray) -> list[int]:
        """Lengths that the first lines of successive epochs suggest, then the only one possible."""
        begins = np.flatnonzero(np.diff(epochs, prepend=np.nan) != 0)
        if self._first_of_epoch and self._first_of_epoch[1] == epochs[0]:
            begins = begins[1:]
        firsts = [(float(steps[i]), float(epochs[i])) for i in begins]
        if self._first_of_epoch:
            firsts.insert(0, self._first_of_epoch)
        self._first_of_epoch = firsts[-1]
        found = [
            int(step - previous_step)
            for (previous_step, previous), (step, epoch) in pairwise(firsts)
            if epoch == previous + 1 and math.isfinite(step - previous_step)
        ]
        only = math.ceil(self._least)
        return found if only + 1 < self._most else [*found, only]

"""How fast a run goes, how long is left, and when silence means that it stalled."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trainviz_cli.model.series import FloatArray

# What training code calls the length of a run, the surest name first.
_STEP_NAMES = (
    "total_steps max_steps max_iters max_iter total_iters total_iterations max_iterations "
    "num_iterations num_iters total_timesteps num_train_steps train_steps training_steps num_steps"
).split()
_EPOCH_NAMES = (
    "max_epochs total_epochs num_train_epochs num_epochs n_epochs epochs max_epoch nepochs"
).split()
_OTHER_LENGTHS = frozenset("warmup scheduler lr_scheduler param_scheduler val test eval".split())
_USUAL_GAPS = 5
_LONG_GAPS = 1.5
_SHORTEST_S = 2.0
_FEW = 3


class Plan(NamedTuple):
    """How long a run is to be; None where nobody says."""

    steps: float | None = None
    epochs: float | None = None


class Beat(NamedTuple):
    """A moment at which training got on.

    Attributes:
        time: Seconds, of any clock that all beats share.
        step: Global step.
    """

    time: float
    step: float


class Epochs:
    """How long epochs are, from the steps at which their number rose.

    The number alone doesn't tell: it may be that of those that are over, or of the one that began.
    """

    def __init__(self) -> None:
        self._highest = math.nan
        self._rises: list[tuple[float, float]] = []  # step and epoch, the first and the latest time

    def note(self, steps: FloatArray, epochs: FloatArray) -> None:
        """Notes more steps, all above those before, and their epochs; NaN where unknown."""
        known = np.isfinite(epochs)
        steps, epochs = steps[known], epochs[known]
        if not len(epochs):
            return
        before = epochs[0] if math.isnan(self._highest) else self._highest
        highest = np.maximum.accumulate(np.append(before, epochs))
        rises = np.flatnonzero(highest[1:] > highest[:-1])
        ends = dict.fromkeys([*rises[:1].tolist(), *rises[-1:].tolist()])
        self._rises += [(float(steps[i]), float(epochs[i])) for i in ends]
        del self._rises[1:-1]
        self._highest = float(highest[-1])

    @property
    def steps_each(self) -> float | None:
        """Steps of an epoch; None while the number has not risen twice."""
        if len(self._rises) < 2:
            return None
        (first_step, first), (last_step, last) = self._rises
        return (last_step - first_step) / (last - first)


def planned(values: Mapping[str, object]) -> Plan:
    """How long a run is to be, from its flat configuration or its logged values.

    Args:
        values: Dotted name, or key → value.
    """
    return Plan(_length(values, _STEP_NAMES), _length(values, _EPOCH_NAMES))


def _length(values: Mapping[str, object], names: Sequence[str]) -> float | None:
    """The value of the surest name; of several, that of the shortest path."""
    found = []
    for path, value in values.items():
        *above, last = path.lower().replace("/", ".").split(".")
        if last in names and _OTHER_LENGTHS.isdisjoint(above) and (number := _positive(value)):
            found.append((names.index(last), len(above), number))
    return min(found)[2] if found else None


def _positive(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if 0 < number < math.inf else None


def steps_per_s(beats: Sequence[Beat]) -> float | None:
    """Steps per second over these beats, oldest first; None where they tell none."""
    # Without those between which the clock went back.
    pairs = [(sooner, later) for sooner, later in pairwise(beats) if later.time >= sooner.time]
    took_s = sum(later.time - sooner.time for sooner, later in pairs)
    done = sum(later.step - sooner.step for sooner, later in pairs)
    return done / took_s if took_s > 0 and done > 0 else None


def planned_steps(plan: Plan, steps_per_epoch: float | None) -> float | None:
    """How many steps the run is to have; None if unknown."""
    if plan.steps is None and plan.epochs and steps_per_epoch:
        return plan.epochs * steps_per_epoch
    return plan.steps


def stalled_after_s(times: Sequence[float], arrivals: Sequence[float], held_back_s: float) -> float:
    """After how many seconds of silence a run has stalled: five times its usual gap.

    A gap that came at least twice of late, as for validation, is usual too. What writers hold back
    counts until enough has arrived to tell how long that is.

    Args:
        times: When the latest records were written, oldest first.
        arrivals: When some of them were first seen here.
        held_back_s: For how long writers of this format may keep records to themselves.
    """
    gaps = [_gaps(times), _gaps(arrivals)]
    usual = max((sorted(each)[len(each) // 2] for each in gaps if each), default=0.0)
    long = max((sorted(each)[-2] for each in gaps if len(each) >= _FEW), default=0.0)
    held_back_s = held_back_s if len(arrivals) < _FEW else 0.0
    return max(_USUAL_GAPS * usual, _LONG_GAPS * long, _SHORTEST_S) + held_back_s


def _gaps(times: Sequence[float]) -> list[float]:
    """Seconds between successive moments, without those at which a clock went back."""
    return [later - sooner for sooner, later in pairwise(times) if later > sooner]

"""What the end of a log tells about a run."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Glance(NamedTuple):
    """A run as far as the end of its log tells.

    Attributes:
        records: How many it holds; about so many, unless `exact`.
        last_step: The step of the last one; None where none can be read.
        modified: Unix seconds of the last change.
        last: Key → its latest value, of the keys seen there; NaN and infinities included.
        exact: The whole log was read.
        nonfinite: Key → step, of the values in `last` that are NaN or infinite.
    """

    records: int
    last_step: float | None
    modified: float
    last: Mapping[str, float]
    exact: bool
    nonfinite: Mapping[str, float] = MappingProxyType({})

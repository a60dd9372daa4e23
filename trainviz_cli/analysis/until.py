"""What `--until` waits for."""

from __future__ import annotations

import math
import operator
import re
from typing import TYPE_CHECKING, NamedTuple, Protocol
from weakref import WeakKeyDictionary

from trainviz_cli.errors import NotFoundError, UsageError
from trainviz_cli.model.keys import brief, keys_asked_for, match_keys
from trainviz_cli.model.summary import best_direction

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from trainviz_cli.model.bounded import Tally

_SIGNS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
}
_COMPARISON = re.compile(r"(?P<what>.*[^<>=!\s])\s*(?P<sign>>=|<=|==|>|<)(?P<bound>[^<>=]+)")
_ANOTHER = re.compile(r"(<|>|==)=?\s*[-+.\d]")
_OF_KEY = re.compile(r"(?P<which>best|last|min|max)\s*\((?P<key>.*)\)")
_WORDS = frozenset({"stalled", "finished", "nan"})
_SHORTEST_STALL_S = 10.0  # who waits for one shall not be called for a pause
_COUNTS = frozenset({"step", "epoch"})
_HINT = (
    "'best(val/mAP)>=0.37', 'last(loss)<0.1', 'step>=10000', 'epoch>=12', finished, stalled, nan"
)


class Progress(Protocol):
    """What of a run can be waited for."""

    @property
    def step(self) -> float | None:
        """The latest global step."""

    @property
    def epoch(self) -> float | None:
        """The latest epoch."""

    def has_stalled(self, now_s: float, least_s: float = 0.0) -> bool:
        """Whether it has been silent for too long, and for so many seconds at least."""

    @property
    def is_finished(self) -> bool:
        """Whether it got as far as it was to go."""

    @property
    def keys(self) -> Collection[str]:
        """The keys logged so far."""

    def tally(self, key: str) -> Tally:
        """The key in figures."""


class _Meant(NamedTuple):
    """Which key of a run is meant, if any, and among how many it was looked for."""

    key: str | None = None
    sought_in: int = 0


class Until:
    """A condition on runs.

    Attributes:
        text: As it was typed, without spaces around it.

    Raises:
        UsageError: The text says none.
    """

    def __init__(self, text: str) -> None:
        self.text = text.strip()
        self._what, self._query, self._compare, self._bound = _parsed(self.text)
        self._meant: WeakKeyDictionary[Progress, _Meant] = WeakKeyDictionary()

    def holds(self, run: Progress, now_s: float) -> bool:
        """Whether it holds now, by the monotonic clock; a key that isn't there yet leaves it open.

        Raises:
            NotFoundError: Several keys fit equally well.
        """
        if self._what == "stalled":
            return run.has_stalled(now_s, _SHORTEST_STALL_S)
        if self._what == "finished":
            return run.is_finished
        if self._what == "nan":
            return any(run.tally(key).bad_step is not None for key in run.keys)
        value = getattr(run, self._what) if self._what in _COUNTS else self._value(run)
        return value is not None and self._compare(value, self._bound)

    def lacks(self, run: Progress) -> bool:
        """Whether the key that it is about isn't there so far."""
        return bool(self._query) and self._value(run) is None

    def _value(self, run: Progress) -> float | None:
        """The figure asked for; None while there is none."""
        meant = self._meant.get(run, _Meant())
        if len(run.keys) != meant.sought_in:
            meant = _Meant(self._sought(run.keys, meant.key), len(run.keys))
            self._meant[run] = meant
        if meant.key is None:
            return None
        tally = run.tally(meant.key)
        figures = {"last": tally.last, "min": tally.least, "max": tally.most}
        return figures[best_direction(meant.key) if self._what == "best" else self._what]

    def _sought(self, keys: Collection[str], before: str | None) -> str | None:
        """The key that is meant: one that fits better than that before, or else that."""
        try:
            found = match_keys(self._query, list(keys))
        except NotFoundError:
            return None
        if before in found:
            return before
        if len(found) > 1:
            some = ", ".join(map(brief, found[:12]))
            raise NotFoundError(
                f"--until: {self._query!r} fits {len(found)} keys", hint=f"one of {some}"
            )
        return found[0]


def _parsed(text: str) -> tuple[str, str, Callable[[float, float], bool], float]:
    """What is looked at, of which key, how it is compared, and with what."""
    if text.lower() in _WORDS:
        return text.lower(), "", operator.eq, 0.0
    found = _COMPARISON.fullmatch(text)
    try:
        bound = float(found["bound"]) if found else math.nan
    except ValueError:
        bound = math.nan
    if not found or math.isnan(bound):
        raise _not_taken(text)
    what, compare = found["what"].strip(), _SIGNS[found["sign"]]
    if what.lower() in _COUNTS:
        return what.lower(), "", compare, bound
    of_key = _OF_KEY.fullmatch(what)
    which, key = (of_key["which"], of_key["key"].strip()) if of_key else ("last", what)
    if not key or _holds_another(what):
        raise _not_taken(text)
    keys_asked_for([key], [])  # which fails at once where it never fits
    return which, key, compare, bound


def _holds_another(what: str) -> bool:
    """Whether there is a comparison in it already, outside of parentheses."""
    found = _ANOTHER.search(what)
    before = what[: found.start()] if found else "("
    return before.count("(") <= before.count(")")


def _not_taken(text: str) -> UsageError:
    return UsageError(f"--until doesn't understand {brief(text)!r}", hint=_HINT)

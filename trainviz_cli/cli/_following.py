"""Runs that are followed until somebody stops it, or what was waited for is there."""

from __future__ import annotations

import signal
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from trainviz_cli.cli._console import note
from trainviz_cli.errors import UnmetError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from trainviz_cli.analysis.until import Until
    from trainviz_cli.runs.follow import Follower


class Ending(NamedTuple):
    """Why following ended.

    Attributes:
        reached: What was waited for is there.
        reason: In a line.
    """

    reached: bool
    reason: str


class Watch:
    """Tells when what `--until` waits for is there, or can't come any more.

    Args:
        conditions: What is waited for: one of them.

    Attributes:
        ending: How it ended; None while it goes on.
    """

    def __init__(self, conditions: Sequence[Until]) -> None:
        self.ending: Ending | None = None
        self._conditions = conditions
        self._follower: Follower | None = None

    def begin(self, follower: Follower) -> None:
        """Watches these runs from now on."""
        self._follower = follower

    def is_over(self) -> bool:
        """Whether there is nothing more to wait for; never, where nothing was asked for.

        Raises:
            NotFoundError: A condition's key fits several.
        """
        follower = self._follower
        if not self._conditions or not follower or not follower.is_settled:
            return False
        now_s, runs = follower.now_s, follower.runs
        for condition in self._conditions:
            for run in runs:
                if condition.holds(run, now_s):
                    self.ending = Ending(reached=True, reason=f"{run.name}: {condition.text}")
                    return True
        if runs and all(run.is_over(now_s) for run in runs):
            self.ending = Ending(reached=False, reason=self._why_not("no run goes on"))
        return self.ending is not None

    def unknown(self) -> list[str]:
        """The conditions about a key that no run has so far."""
        runs = self._follower.runs if self._follower and self._follower.is_settled else []
        return [each.text for each in self._conditions if runs and all(map(each.lacks, runs))]

    def remark(self) -> str:
        """What is waited for, in a line; empty where nothing is."""
        said = [
            f"{each.text} (no such key so far)" if each.text in self.unknown() else each.text
            for each in self._conditions
        ]
        return f"until {' or '.join(said)}" if said else ""

    def stop(self, why: str) -> None:
        """Notes that somebody ended it."""
        if self._conditions and self.ending is None:
            self.ending = Ending(reached=False, reason=self._why_not(why))

    def _why_not(self, why: str) -> str:
        return f"{why}, and {' or '.join(each.text for each in self._conditions)} does not hold"

    def report(self) -> None:
        """Says how it ended.

        Raises:
            UnmetError: What was waited for did not come.
        """
        if self.ending and not self.ending.reached:
            raise UnmetError(self.ending.reason)
        if self.ending:
            note(self.ending.reason)


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Lets what asks a process to end, or a terminal that is closed, end it as Ctrl-C does."""
    ending = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {each: signal.signal(each, signal.default_int_handler) for each in ending}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def catch_up(follower: Follower, longest_s: float = float("inf")) -> None:
    """Reads what there is so far, for so long at most."""
    end_s = time.monotonic() + longest_s
    while follower.is_behind and time.monotonic() < end_s:
        follower.take(follower.look())

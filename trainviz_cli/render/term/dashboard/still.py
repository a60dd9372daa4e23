"""Runs as charts show them: as they are, or as they were when the user paused."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection

    from trainviz_cli.model.bounded import Tally
    from trainviz_cli.model.run import Run
    from trainviz_cli.runs.live import LiveRun


class Shown(Protocol):
    """What charts need of a run: a `LiveRun`, or one that stands still."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def keys(self) -> Collection[str]:
        """The keys logged so far."""

    @property
    def records(self) -> int:
        """How many rows there are; another number when anything of it is another."""

    @property
    def closeup(self) -> Shown | None:
        """The stretch of it that is in sight, with samples that are left out here."""

    def tally(self, key: str) -> Tally:
        """A key in figures."""

    def version(self, key: str) -> object:
        """Equal to what it was as long as nothing that a chart of the key shows is another."""

    def as_run(self) -> Run:
        """Its samples."""


class Still:
    """A run as it was.

    Attributes:
        name: What it is called.
        keys: The keys logged by then.
        records: How many rows there were.
    """

    def __init__(self, live: LiveRun) -> None:
        self.name = live.name
        self.keys = list(live.keys)
        self._live = live
        self.records = live.records
        run = live.as_run()
        self._run = replace(run, series=dict(run.series))
        self._tallies = {key: live.tally(key) for key in self.keys}
        self._closeup: tuple[LiveRun, Still] | None = None

    @property
    def closeup(self) -> Still | None:
        """The stretch in sight, as it was when it was read."""
        live = self._live.closeup
        if live is None:
            return None
        if self._closeup is None or self._closeup[0] is not live:
            self._closeup = live, Still(live)
        return self._closeup[1]

    def tally(self, key: str) -> Tally:
        """A key in figures."""
        return self._tallies[key]

    def version(self, key: str) -> object:
        """The same for ever."""
        del key
        return None

    def as_run(self) -> Run:
        """Its samples."""
        return self._run

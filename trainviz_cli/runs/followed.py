"""One of the runs that are followed: its reader, and when to look at it again."""

from __future__ import annotations

from contextlib import suppress
from itertools import chain
from typing import TYPE_CHECKING

from trainviz_cli.errors import TrainvizError
from trainviz_cli.runs.closeup import Marks
from trainviz_cli.runs.found import RunReader, from_start

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from trainviz_cli.model.batch import Batch
    from trainviz_cli.runs.closeup import Stretch
    from trainviz_cli.runs.found import FoundRun
    from trainviz_cli.runs.live import LiveRun

# How long to wait before looking at a run again, by how long it has been silent.
_PATIENCE = ((5.0, 0.1), (600.0, 0.3), (86_400.0, 1.0), (float("inf"), 5.0))
_EARLY = 1000  # records


class Followed:
    """A run, and where one is in it.

    Attributes:
        live: What is known of it.
        identity: What all paths to it share.
        is_behind: There is more of it on the disk than was read.
        caught_up: It was read to its end once, so that what comes from now on is new.
        due_s: When to look at it again.
        wanted: The steps in sight; None is all.
        shown: Those that were read again last.
    """

    def __init__(self, live: LiveRun, identity: tuple[str, ...]) -> None:
        self.live = live
        self.identity = identity
        self.is_behind = True
        self.caught_up = False
        self.due_s = 0.0
        self._wait_s = 0.0
        self.wanted: Stretch | None = None
        self.shown: Stretch | None = None
        self._starts = live.found.starts  # all that were ever there
        self._parts = [_Part(live.found, 0)]  # the starts there were at first, then each later one
        self._finishes = 0  # how often more came of it after its end
        self._config_sought_at: tuple[int, int, int] | None = None

    @property
    def is_settled(self) -> bool:
        """Whether all there was at first is known of it, or it can't be read."""
        is_known = self.caught_up and self._config_sought_at is not None
        return is_known or self.live.problem is not None

    def goes_on_as(self, found: FoundRun) -> bool:
        """Takes note of where the run is now, and of starts that were added to it.

        Returns:
            False where it is another log by now, to be read from its beginning.
        """
        if not found.starts or not self._starts:
            if found.log != self.live.found.log:
                return False
        else:
            known = {start.log for start in self._starts}
            new = tuple(start for start in found.starts if start.log not in known)
            if new != found.starts[len(found.starts) - len(new) :]:
                return False  # one is older than those that were read
            if new:
                self._starts += new
                self._config_sought_at = None
                self.is_behind, self.due_s = True, 0.0
        self.live.found = found
        return True

    def is_due(self, now_s: float) -> bool:
        """Whether to look at it now: rather early than waking once more for each run."""
        return self.due_s <= now_s + self._wait_s / 2

    def poll(self, most: int, now_s: float) -> list[Batch]:
        """What came since the last look.

        Raises:
            UnreadableError: It can't be read.
            NotFoundError: It is gone.
        """
        part = self._parts[-1]
        try:
            batches = part.poll(most)
        except TrainvizError:
            if self._next_start() is None:
                raise
            batches = []
        self.is_behind = part.is_behind
        if not self.is_behind and (start := self._next_start()):
            self._parts.append(_Part(start, part.next_number))
            self.is_behind = True
        silent_s = 0.0 if batches else self.live.silent_s(now_s)
        self._wait_s = next(wait for longest, wait in _PATIENCE if silent_s <= longest)
        self.due_s = now_s if self.is_behind else now_s + self._wait_s
        return batches

    def _next_start(self) -> FoundRun | None:
        """The first of the starts after the one that is read with something in its log."""
        logs = [start.log for start in self._starts]
        log = self._parts[-1].log
        later = self._starts[logs.index(log) + 1 :] if log in logs else ()
        return next((start for start in later if _has_content(start.log)), None)

    def add(self, batches: Sequence[Batch], now_s: float, age_s: float | None) -> None:
        """Lets what came count; arguments as in `LiveRun.add`."""
        if any(map(len, batches)):
            self._finishes += self.live.is_finished
            self.live.add(batches, now_s, age_s)
            if self.live.closeup and self.shown:
                more = [self.shown.part_of(batch) for batch in batches]
                self.live.closeup.add(more, now_s, age_s)
        self.caught_up = self.caught_up or not self.is_behind

    def config(self) -> dict[str, object]:
        """Its configuration, unless that is known or was looked for in vain."""
        now = self.live.records, self.live.starts, self._finishes
        before, self._config_sought_at = self._config_sought_at, now
        if before is None or (now != before and self._may_differ(before)):
            with suppress(TrainvizError):
                return self.live.found.format.config(self.live.found.log)
        return {}

    def _may_differ(self, before: tuple[int, int, int]) -> bool:
        """Whether it may be another one, since there were so many records, starts and ends.

        It may be written after the first records, but not long after; again, where the run begins
        anew; and somebody must have made it longer, if it goes on beyond its end.
        """
        _, starts, finishes = before
        is_early = not self.live.has_config and self.live.records < _EARLY
        return is_early or self.live.starts > starts or self._finishes > finishes

    def closeup(self, room: int, now_s: float) -> LiveRun | None:
        """The steps in sight, read again as far as that brings more than is kept of them."""
        self.shown = self.wanted
        stretch = self.wanted
        if stretch is None or not self.live.is_thinned:
            return None
        if not all(part.can_read(stretch) for part in self._parts):
            return None
        run = self.live.part(room, now_s)
        with suppress(TrainvizError):
            for batch in chain.from_iterable(part.read(stretch) for part in self._parts):
                run.add([batch], now_s, age_s=0.0)
        return run


class _Part:
    """A run as it was found, or a start that was added to it.

    Attributes:
        log: Of the newest start with records in it.
        is_behind: There is more of it on the disk than was read.
        next_number: Of the first start of the next part.
    """

    def __init__(self, found: FoundRun, number: int) -> None:
        self.next_number = number + 1
        self._number = number  # of its first start
        self._reader = RunReader(found)
        self._marks = Marks(self._reader)

    @property
    def log(self) -> Path:
        return self._reader.log

    @property
    def is_behind(self) -> bool:
        return self._reader.is_behind

    def poll(self, most: int) -> list[Batch]:
        """What came since the last poll; as `RunReader.poll`."""
        batches = [batch for batch in self._reader.poll(most) if len(batch) or batch.diagnostics]
        self._marks.note(batches, self._reader)
        return [self._numbered(batch) for batch in batches]

    def can_read(self, stretch: Stretch) -> bool:
        """As `Marks.can_read`."""
        return self._marks.can_read(stretch)

    def read(self, stretch: Stretch) -> Iterator[Batch]:
        """As `Marks.read`."""
        return map(self._numbered, self._marks.read(stretch))

    def _numbered(self, batch: Batch) -> Batch:
        """The batch, with its starts numbered on from those of the parts before."""
        numbered = from_start(batch, self._number)
        if numbered.starts is not None:
            self.next_number = max(self.next_number, int(numbered.starts.max(initial=0)) + 1)
        return numbered


def _has_content(log: Path) -> bool:
    """Whether the log of a start is there and not empty."""
    try:
        return log.stat().st_size > 0
    except OSError:
        return False

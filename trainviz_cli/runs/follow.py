"""Follows runs that are being written, those that appear later included."""

from __future__ import annotations

import os
import stat
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from trainviz_cli.errors import NotFoundError, TrainvizError, UnreadableError
from trainviz_cli.runs.find import locate_runs
from trainviz_cli.runs.followed import Followed
from trainviz_cli.runs.live import LiveRun
from trainviz_cli.runs.names import identity, named

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from trainviz_cli.model.batch import Batch
    from trainviz_cli.runs.closeup import Stretch
    from trainviz_cli.runs.found import FoundRun

_AT_ONCE_BYTES = 4 << 20
_SCAN_S, _LONGEST_SCAN_S = 2.0, 60.0  # between two looks for runs
_SCAN_SHARE = 0.003  # of the time may go into that
_RETRY_S = 1.0  # for a run that can't be read
_GLANCE_BYTES = 1 << 12
_ROOM = 1 << 19  # samples, of all keys of all runs together
_ROOM_OF_KEY = 256, 8192


class News(NamedTuple):
    """What a look at the disk brought.

    Attributes:
        batches: Run → what came of it.
        problems: Run → why it can't be read; None where it can be again.
        configs: Run → its configuration.
        closeups: Run → the stretch of it that was read again; None where it is not to be.
        found: All runs there are now; None where they weren't looked for.
        newest: That of them which was written last, where no run was named.
    """

    batches: list[tuple[Followed, list[Batch]]]
    problems: list[tuple[Followed, str | None]]
    configs: list[tuple[Followed, dict[str, object]]]
    closeups: list[tuple[Followed, LiveRun | None]]
    found: list[FoundRun] | None = None
    newest: FoundRun | None = None

    def __bool__(self) -> bool:
        lists = self.batches, self.problems, self.configs, self.closeups
        return any(lists) or self.found is not None


class Follower:
    """Looks at the disk for what training wrote since.

    `look` may run in a thread of its own, as disks may be slow; what it brings counts when `take`
    is called, by whoever shows the runs.

    Attributes:
        runs: The runs that are followed.
        newer: Another run that was written since, where no run was named.
        left_out: What is there, but can't be followed, as it was at the beginning.
        awaited: What was named and wasn't there at the beginning.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        clock: Callable[[], float] | None = None,
        wall_clock: Callable[[], float] | None = None,
    ) -> None:
        """Begins with the runs there are.

        Args:
            arguments: What the user named; nothing is the run below this folder written last.
            clock: Seconds that only ever grow; None is this machine's.
            wall_clock: Unix seconds; None is this machine's.

        Raises:
            UnreadableError: What was named is there, but no log.
        """
        self.newer: FoundRun | None = None
        self.left_out: list[TrainvizError] = []
        self.awaited: list[NotFoundError] = []
        self._arguments = list(arguments)
        self._clock = clock or time.monotonic
        self._wall_clock = wall_clock or time.time
        self._followed: list[Followed] = []
        self._scan_s = 0.0
        self._zoomed = threading.Event()
        self._sharing = 0  # how many keys share the room
        self._here = _current_folder()
        found = self._scan(self.left_out, self.awaited)
        if not found and self.left_out:
            raise self.left_out[0]
        self._join(found, self._newest(found))

    @property
    def runs(self) -> list[LiveRun]:
        """The runs that are followed, in the order in which they joined."""
        return [each.live for each in self._followed]

    @property
    def now_s(self) -> float:
        """What the clock says."""
        return self._clock()

    @property
    def is_behind(self) -> bool:
        """Whether there is more on the disk than was read."""
        return any(each.is_behind for each in self._followed)

    @property
    def is_settled(self) -> bool:
        """Whether all that was there at first is known."""
        return all(each.is_settled for each in self._followed)

    @property
    def wait_s(self) -> float:
        """Seconds until it is worth looking again."""
        if self._zoomed.is_set():
            return 0.0
        due_s = min([self._scan_s, *(each.due_s for each in self._followed)])
        return max(due_s - self._clock(), 0.0)

    def look(self, most: int = _AT_ONCE_BYTES) -> News:
        """What came since the last look, about so many bytes of each run."""
        now_s = self._clock()
        news = News([], [], self._configs(), self._closeups())
        for each in self._followed:
            if not each.is_due(now_s):
                continue
            try:
                batches = each.poll(most, now_s)
            except (UnreadableError, NotFoundError) as error:
                each.due_s, each.is_behind = now_s + _RETRY_S, False
                news.problems.append((each, error.message))
                continue
            if each.live.problem:
                news.problems.append((each, None))
            if batches or not each.caught_up:
                news.batches.append((each, batches))
        if self._scan_s <= now_s:
            found = self._scan([], [])
            news = news._replace(found=found, newest=self._newest(found))
        return news

    def learn(self) -> None:
        """Reads the configurations at once, which tell how long the runs are to be."""
        self.take(News([], [], self._configs(), []))

    def _configs(self) -> list[tuple[Followed, dict[str, object]]]:
        """The configurations of runs that were read, and that have none so far."""
        sought = [(each, each.config()) for each in self._followed if each.caught_up]
        return [(each, config) for each, config in sought if config]

    def zoom(self, stretches: Mapping[LiveRun, Stretch]) -> None:
        """Has stretches of long runs read again at the next looks, and all else as it was.

        Args:
            stretches: Run → the steps that are in sight.
        """
        for each in self._followed:
            if stretches.get(each.live) != each.wanted:
                each.wanted, each.live.closeup = stretches.get(each.live), None
                self._zoomed.set()

    def _closeups(self) -> list[tuple[Followed, LiveRun | None]]:
        """The stretches that are to be read again and weren't so far."""
        found = []
        self._zoomed.clear()
        for each in self._followed:
            if each.wanted != each.shown:
                room = self._room(len(each.live.keys))
                found.append((each, each.closeup(room, self._clock())))
        return found

    def take(self, news: News) -> list[tuple[LiveRun, list[Batch]]]:
        """Lets news count: adds batches to their runs, and runs to those followed.

        Returns:
            Run → its new batches.
        """
        now_s = self._clock()
        for each, problem in news.problems:
            each.live.problem = problem
        for each, closeup in news.closeups:
            each.live.closeup = closeup
        for each, batches in news.batches:
            age_s = None if each.caught_up else self._age_s(each.live.found, batches)
            each.add(batches, now_s, age_s)
        for each, config in news.configs:
            each.live.learn(config)
        if news.found is not None:
            with suppress(OSError):  # what a path leads to can't be told at present
                self._join(news.found, news.newest)
        self._share_room()
        return [(each.live, batches) for each, batches in news.batches if batches]

    def switch(self) -> None:
        """Follows the newer run instead."""
        if self.newer is not None:
            found, self.newer, self._followed = self.newer, None, []
            self._add(named([found]))

    def _age_s(self, found: FoundRun, batches: Sequence[Batch]) -> float:
        """How long ago the last of it was written."""
        clocks = [each.wall_times for each in batches if each.wall_times is not None]
        last = float(clocks[-1][-1]) if clocks and len(clocks[-1]) else float("nan")
        written = last if last == last else _modified(found)  # noqa: PLR0124 - NaN
        return max(self._wall_clock() - written, 0.0)

    def _scan(self, left_out: list[TrainvizError], awaited: list[NotFoundError]) -> list[FoundRun]:
        """All runs in sight; each argument is looked at by itself, so that none stops the others.

        Args:
            left_out: Takes what is there, but can't be followed.
            awaited: Takes what isn't there.
        """
        begin_s = self._clock()
        found: dict[tuple[str, ...], FoundRun] = {}
        for argument in self._arguments or [self._here]:
            try:
                runs = locate_runs([argument], left_out)
                found.update((identity(run.path), run) for run in runs)
            except NotFoundError as error:
                awaited.append(error)
            except TrainvizError as error:
                if _is_empty_file(argument):  # which becomes a log, perhaps
                    awaited.append(NotFoundError(f"{argument} is empty"))
                else:
                    left_out.append(error)
            except OSError as error:  # the current folder is gone, in which the argument was
                awaited.append(NotFoundError(f"can't look for {argument}: {error.strerror}"))
        end_s = self._clock()
        took_s = (end_s - begin_s) / _SCAN_SHARE
        self._scan_s = end_s + min(max(_SCAN_S, took_s), _LONGEST_SCAN_S)
        return list(found.values())

    def _newest(self, found: Sequence[FoundRun]) -> FoundRun | None:
        """The run written last, where no run was named."""
        return None if self._arguments else max(found, key=_modified, default=None)

    def _join(self, found: list[FoundRun], newest: FoundRun | None) -> None:
        """Follows runs that were not there before; begins anew with those that are others now."""
        if not self._arguments:
            found = self._only(found, newest)
        there = {identity(run.path) for run in found}
        gone = [each.live.found for each in self._followed if each.identity not in there]
        self._add(named([*gone, *found]))

    def _only(self, found: list[FoundRun], newest: FoundRun | None) -> list[FoundRun]:
        """The one run to follow where none was named: it stays until somebody switches."""
        if not self._followed:
            return [newest] if newest else []
        mine = self._followed[0].identity
        others = {path: run for run in found if (path := identity(run.path)) != mine}
        if newest and identity(newest.path) in others:
            self.newer = newest
        elif self.newer and identity(self.newer.path) not in others:
            self.newer = None  # it is gone
        return [run for run in found if identity(run.path) == mine]

    def _add(self, found: Sequence[FoundRun]) -> None:
        """Follows these runs: those that were followed before first, then the others by path."""
        known = {each.identity: each for each in self._followed}
        for run in sorted(found, key=lambda run: str(run.path)):
            path = identity(run.path)
            if path not in known or not known[path].goes_on_as(run):
                known[path] = Followed(LiveRun(run, self._room(self._sharing), self._clock()), path)
        self._followed = list(known.values())

    def _room(self, keys: int) -> int:
        least, most = _ROOM_OF_KEY
        return max(least, min(most, _ROOM // max(keys, 1)))

    def _share_room(self) -> None:
        """Gives all keys the same share of the room there is."""
        keys = sum(len(run.keys) for run in self.runs)
        if keys != self._sharing:
            self._sharing = keys
            for run in self.runs:
                run.give_room(self._room(keys))


def _modified(found: FoundRun) -> float:
    """Unix seconds of the last change; 0 where nothing can be read."""
    try:
        if found.log.is_dir():  # which changes with the files in it, not with what they hold
            return found.glance(_GLANCE_BYTES).modified
        return found.log.stat().st_mtime
    except (OSError, TrainvizError):
        return 0.0


def _current_folder() -> str:
    """By its name, it is found again when it is deleted and made anew."""
    try:
        return os.getcwd()  # noqa: PTH109 - a name, not a path to take apart
    except OSError:  # it is deleted already
        return "."


def _is_empty_file(name: str) -> bool:
    """Whether a file is there that has nothing in it so far."""
    try:
        status = os.stat(name)  # noqa: PTH116 - any text
    except (OSError, ValueError):
        return False
    return stat.S_ISREG(status.st_mode) and not status.st_size

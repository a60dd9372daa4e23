"""Records as lines, for pipes: as text, or as JSON."""

from __future__ import annotations

import math
import sys
from collections import defaultdict, deque
from itertools import chain, groupby
from typing import TYPE_CHECKING, NamedTuple

from trainviz_cli.cli._console import note, print_json, print_text, wait_for_reader
from trainviz_cli.errors import UnreadableError
from trainviz_cli.model.keys import keys_asked_for, require_keys
from trainviz_cli.model.numbers import plain
from trainviz_cli.render.term.text import printable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from trainviz_cli.cli._following import Watch
    from trainviz_cli.model.batch import Batch
    from trainviz_cli.runs.follow import Follower
    from trainviz_cli.runs.live import LiveRun


class Record(NamedTuple):
    """One row of a log.

    Attributes:
        run: Name of its run.
        step: Global step.
        epoch: None if unknown.
        wall_time: Unix seconds; None if unknown.
        values: Key → value.
    """

    run: str
    step: float
    epoch: float | None
    wall_time: float | None
    values: dict[str, float]

    def only(self, keys: Collection[str]) -> Record:
        """The record without the values of other keys."""
        return self._replace(values={key: self.values[key] for key in self.values if key in keys})

    def as_text(self) -> str:
        """In a line: `exp1 step=100 epoch=2 loss=0.51`."""
        said = self.epoch is None or "epoch" in self.values
        epoch = [] if said else [f"epoch={self.epoch:g}"]
        values = [f"{key}={value:.7g}" for key, value in self.values.items()]
        return printable(" ".join([self.run, f"step={plain(self.step)}", *epoch, *values]))

    def as_json(self) -> dict[str, object]:
        """As a JSON document; what isn't finite becomes null there, and its step is listed."""
        odd = [key for key, value in self.values.items() if not math.isfinite(value)]
        return {**self._asdict(), "nonfinite": {key: [self.step] for key in odd}}


def records(name: str, batch: Batch) -> Iterator[Record]:
    """The rows of a batch that have values, in the order written."""
    keys = batch.keys
    steps = batch.steps.tolist()
    columns = (batch.epochs, batch.wall_times)
    epochs, times = (None if column is None else column.tolist() for column in columns)
    values = zip(batch.rows.tolist(), batch.codes.tolist(), batch.values.tolist(), strict=True)
    for row, found in groupby(enumerate(values), key=lambda each: each[1][0]):
        yield Record(
            run=name,
            step=steps[row],
            epoch=_known(epochs[row]) if epochs else None,
            wall_time=_known(times[row]) if times else None,
            values={keys[code]: batch.exact.get(at, value) for at, (_, code, value) in found},
        )


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


class Printer:
    """Prints records as they come.

    Args:
        queries: Only keys that these mean; empty is all.
        as_json: One JSON document a line.
        most_old: Of what was there before, only so many records of each run; None is all.
    """

    def __init__(self, queries: Sequence[str], *, as_json: bool, most_old: int | None) -> None:
        self._queries = queries
        self._as_json = as_json
        self._old: dict[LiveRun, deque[Record]] = defaultdict(lambda: deque(maxlen=most_old))
        self._holds_back = most_old is not None

    def add(self, news: Sequence[tuple[LiveRun, Sequence[Batch]]], keys: Sequence[str]) -> None:
        """Takes records as they came.

        Args:
            news: Run → its records.
            keys: Those of all runs, among which a query means some.
        """
        wanted = set(keys_asked_for(self._queries, keys)) if self._queries else None
        for run, batches in news:
            for record in (each for batch in batches for each in records(run.name, batch)):
                chosen = record if wanted is None else record.only(wanted)
                if chosen.values and self._holds_back:
                    self._old[run].append(chosen)
                elif chosen.values:
                    self._print(chosen)

    def _print(self, record: Record) -> None:
        if self._as_json:
            print_json(record.as_json())
        else:
            print_text(f"{record.as_text()}\n")

    def begin(self) -> None:
        """Prints the last of the old records; from now on all are printed."""
        self._holds_back = False
        for record in chain.from_iterable(self._old.values()):
            self._print(record)
        self._old.clear()

    def require(self, keys: Sequence[str]) -> None:
        """As `require_keys`, of its queries."""
        require_keys(self._queries, keys)


def print_records(follower: Follower, watch: Watch, printer: Printer, *, once: bool) -> None:
    """Prints what there is, then, unless once is enough, what comes.

    Raises:
        UnreadableError: Once is enough, and not one run can be read.
        NotFoundError: Once is enough, and there is no such key.
    """
    told: set[tuple[str, str]] = set()
    while True:
        news = follower.take(follower.look())
        keys = list(dict.fromkeys(key for run in follower.runs for key in run.keys))
        printer.add(news, keys)
        if not follower.is_behind:
            printer.begin()
            follower.learn()
        sys.stdout.flush()
        problems = [(run.name, run.problem) for run in follower.runs if run.problem]
        for name, problem in problems:
            if (name, problem) not in told:
                note(f"{name}: {problem}")
        told.update(problems)
        if unknown := [each for each in watch.unknown() if ("", each) not in told]:
            note(f"no run has the key of {', '.join(unknown)} so far")
            told.update(("", each) for each in unknown)
        if watch.is_over():
            return
        if once and not follower.is_behind:
            break
        wait_for_reader(follower.wait_s)
    if len(problems) == len(follower.runs):
        raise UnreadableError("not one of the runs can be read")
    printer.require(keys)

"""Whatever happens to the runs of a folder, who follows it sees what there was to be seen."""

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from trainviz_cli.runs.follow import Follower, News

RUNS = 3
LONG_S, SHORT_S = 5.0, 0.05  # after the one everything is due, after the other nothing
Operation = tuple[str, int, int]  # what is done, to which run, and how much of it

NUMBERS = st.integers(0, RUNS - 1), st.integers(0, 80)
APPENDING = ("write", "write", "write", "finish", "look", "look at some", "look only", "take")
HARMING = ("truncate", "replace", "delete", "delete folder", "rotate", "rename folder")


def operations(*names: str) -> st.SearchStrategy[list[Operation]]:
    """Some of them, one after the other."""
    return st.lists(st.tuples(st.sampled_from(names), *NUMBERS), max_size=25)


class Scene:
    """Runs below a folder, whoever writes them, and whoever follows them.

    Attributes:
        seen: The numbers of the records that were seen, in their order.
        written: Run → the numbers of its records, in their order.
    """

    def __init__(self, folder: Path, *, has_starts: bool = False) -> None:
        """Nothing is there, and it is followed."""
        self.seen: list[int] = []
        self.written: dict[int, list[int]] = {}
        self._folder = folder
        self._has_starts = has_starts
        self._starts = [0] * RUNS
        self._rest = [b""] * RUNS  # of what is to be written
        self._number = 0
        self._now_s = 0.0
        self._news: list[News] = []
        self._follower = Follower([str(folder)], clock=lambda: self._now_s, wall_clock=lambda: 0.0)

    def do(self, name: str, run: int, size: int) -> None:
        """Does one of the operations."""
        operation: Any = getattr(self, f"_{name.replace(' ', '_')}")
        operation(run, size)

    def _log(self, run: int) -> Path:
        """The log of a run, or of its latest start."""
        start = f"2026010{self._starts[run] % 9 + 1}_{self._starts[run]:06}"
        folder = Path(start) / "vis_data" if self._has_starts else Path()
        return self._folder / f"run{run}" / folder / "scalars.json"

    def _next_record(self, run: int) -> bytes:
        self._number += 1
        self.written.setdefault(run, []).append(self._number)
        return json.dumps({"step": self._number, "é": 0.5}, ensure_ascii=False).encode() + b"\n"

    def _write(self, run: int, size: int) -> None:
        """Appends two records, but for their last bytes, which come before the next ones."""
        data = self._rest[run] + self._next_record(run) + self._next_record(run)
        end = max(len(data) - size, 0)
        self._append(run, data[:end])
        self._rest[run] = data[end:]

    def _finish(self, run: int, size: int) -> None:
        """Appends what is left to append, or a part of it."""
        data, self._rest[run] = self._rest[run], b""
        end = len(data) if size % 2 else len(data) // 2
        self._append(run, data[:end])
        self._rest[run] = data[end:]

    def _append(self, run: int, data: bytes) -> None:
        self._log(run).parent.mkdir(parents=True, exist_ok=True)
        with self._log(run).open("ab") as file:
            file.write(data)

    def _start(self, run: int, size: int) -> None:
        """Finishes what is there, and begins another start of the run."""
        self._finish(run, 1)
        self._starts[run] += 1
        if size % 2:  # it is there before its first record
            self._append(run, b"")

    def _truncate(self, run: int, size: int) -> None:
        if self._log(run).exists():
            data = self._log(run).read_bytes()
            with self._log(run).open("r+b") as file:
                file.truncate(len(data) * size // 80)

    def _replace(self, run: int, size: int) -> None:
        """Puts another file in the place of the log, with as many records as there is room for."""
        if self._log(run).exists():
            draft = self._folder / "draft"
            draft.write_bytes(b"".join(self._next_record(run) for _ in range(size // 20)))
            draft.replace(self._log(run))

    def _delete(self, run: int, _: int) -> None:
        self._log(run).unlink(missing_ok=True)

    def _delete_folder(self, run: int, _: int) -> None:
        shutil.rmtree(self._folder / f"run{run}", ignore_errors=True)

    def _rotate(self, run: int, size: int) -> None:
        if self._log(run).exists():
            self._log(run).rename(self._log(run).with_name(f"scalars.json.{size % 3}"))

    def _rename_folder(self, run: int, size: int) -> None:
        """The run becomes another one, or leaves the folder."""
        if (self._folder / f"run{run}").exists():
            self._number += 1
            parent = self._folder if size % 2 else self._folder.parent
            (self._folder / f"run{run}").rename(parent / f"moved{self._number}")

    def _take(self, _: int = 0, __: int = 0) -> None:
        """Lets count what was looked at."""
        news, self._news = self._news, []
        for _run, batches in (each for one in news for each in self._follower.take(one)):
            for batch in batches:
                self.seen += batch.steps.tolist()

    def _look_only(self, _: int, size: int) -> None:
        """Looks at what is due; whether it counts is for later."""
        self._now_s += LONG_S if size % 2 else SHORT_S
        self._news.append(self._follower.look())

    def _look_at_some(self, _: int, size: int) -> None:
        """Looks at some bytes, once."""
        self._now_s += LONG_S if size % 2 else SHORT_S
        self._take()
        self._news.append(self._follower.look(size))
        self._take()

    def _look(self, _: int = 0, __: int = 0) -> None:
        """Looks until nothing is left: now every whole line that is there must have been seen."""
        self._take()
        self._now_s += LONG_S
        for _again in range(1000):
            self._news.append(self._follower.look())
            self._take()
            if not self._follower.is_behind:
                break
        assert not self._follower.is_behind
        assert self._there() <= set(self.seen)

    def _there(self) -> set[int]:
        """The numbers of the records in all logs that are there."""
        found = set()
        for log in self._folder.rglob("scalars.json"):
            for line in log.read_bytes().split(b"\n")[:-1]:
                try:
                    found.add(int(json.loads(line)["step"]))
                except (ValueError, TypeError, KeyError):  # half a record
                    continue
        return found

    def end(self) -> None:
        """Finishes what is to be written, and looks at it."""
        for run in range(RUNS):
            if self._rest[run]:
                self._finish(run, 1)
        self._look()


def played(plot: list[Operation], *, has_starts: bool = False) -> Scene:
    """What comes of these operations, one after the other."""
    with tempfile.TemporaryDirectory() as folder:
        runs = Path(folder) / "runs"
        runs.mkdir()
        scene = Scene(runs, has_starts=has_starts)
        for operation in plot:
            scene.do(*operation)
        scene.end()
        return scene


@settings(deadline=None, max_examples=150)
@given(plot=operations(*APPENDING, *HARMING))
@example(plot=[("write", 0, 0), ("look", 0, 0), ("rotate", 0, 0), ("write", 0, 5)])
@example(plot=[("write", 0, 0), ("look", 0, 0), ("delete folder", 0, 0), ("write", 0, 0)])
@example(plot=[("write", 0, 0), ("look", 0, 0), ("rename folder", 0, 1), ("write", 0, 0)])
@example(plot=[("write", 0, 7), ("look", 0, 0), ("truncate", 0, 40), ("finish", 0, 1)])
def test_every_record_is_seen_that_was_there_at_a_look(plot: list[Operation]) -> None:
    """Nothing is raised, whatever becomes of the files; each look sees every whole line there."""
    played(plot)


@settings(deadline=None, max_examples=100)
@given(plot=operations(*APPENDING))
def test_what_is_only_appended_is_seen_once(plot: list[Operation]) -> None:
    """All records of all runs, each run's in their order."""
    scene = played(plot)
    assert sorted(scene.seen) == list(range(1, len(scene.seen) + 1))
    for numbers in scene.written.values():
        assert [number for number in scene.seen if number in set(numbers)] == numbers


@settings(deadline=None, max_examples=100)
@given(plot=operations(*APPENDING, "start"))
def test_starts_that_are_added_are_seen_once(plot: list[Operation]) -> None:
    """The same, where a run is resumed in folders of their own."""
    scene = played(plot, has_starts=True)
    assert sorted(scene.seen) == list(range(1, len(scene.seen) + 1))
    for numbers in scene.written.values():
        assert [number for number in scene.seen if number in set(numbers)] == numbers

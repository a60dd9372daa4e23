"""Runs that are followed: what is seen, when it is looked for, and what a disk may do meanwhile."""

import errno
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from trainviz_cli.codecs.tfscalars.encode import encode_one
from trainviz_cli.errors import UnreadableError
from trainviz_cli.runs import follow
from trainviz_cli.runs.closeup import Stretch
from trainviz_cli.runs.follow import Follower

NOON = 1_700_000_000.0  # before any file of a test is written
DAY_S = 86_400.0
OFTEN_S = 0.1 + 1e-9  # as exact as the clocks are
LONG_S = 5.0  # after so long everything is due
FIRST, SECOND, THIRD = (f"2026010{day}_120000" for day in (1, 2, 3))
Seen = list[tuple[str, float]]


class Clocks:
    """What the monotonic clock and the wall clock say, as a test wants it."""

    def __init__(self) -> None:
        """Some moment."""
        self.now_s = 1000.0
        self.wall_s = NOON

    def wait(self, seconds: float = LONG_S) -> None:
        """Lets time pass."""
        self.now_s += seconds
        self.wall_s += seconds

    def follow(self, *arguments: object) -> Follower:
        """Follows runs by these clocks."""
        return Follower(
            list(map(str, arguments)), clock=lambda: self.now_s, wall_clock=lambda: self.wall_s
        )

    def see(self, follower: Follower) -> Seen:
        """Lets time pass, then looks until nothing is left: run and step of each new row."""
        self.wait()
        return taken(follower)


@pytest.fixture
def clocks() -> Clocks:
    """Clocks that stand still until they are moved."""
    return Clocks()


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, empty."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def taken(follower: Follower) -> Seen:
    """Looks until nothing is left."""
    found: Seen = []
    for _ in range(1000):
        for run, batches in follower.take(follower.look()):
            found += [(run.name, step) for batch in batches for step in batch.steps.tolist()]
        if not follower.is_behind:
            return found
    raise AssertionError("there is always more")


def lines(*steps: int) -> str:
    """The lines of these steps."""
    return "".join(json.dumps({"loss": step / 8, "step": step}) + "\n" for step in steps)


def add(run: Path, *steps: int, rest: str = "") -> Path:
    """Adds steps to a run's log, then what may be half a line; makes it where there is none."""
    run.mkdir(parents=True, exist_ok=True)
    log = run / "scalars.json"
    with log.open("a") as file:
        file.write(lines(*steps) + rest)
    return log


def add_start(work_dir: Path, start: str, *steps: int) -> Path:
    """Adds steps to a start of MMEngine's."""
    return add(work_dir / start / "vis_data", *steps)


def add_events(folder: Path, name: str, *steps: int) -> None:
    """Adds events to an event file."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"events.out.tfevents.{name}").open("ab") as file:
        file.write(b"".join(encode_one("loss", NOON, step, 0.5) for step in steps))


def names(follower: Follower) -> list[str]:
    """What the runs are called."""
    return [run.name for run in follower.runs]


def steps(seen: Seen) -> list[float]:
    """The steps alone."""
    return [step for _, step in seen]


# Which runs


def test_without_an_argument_the_run_written_last(here: Path, clocks: Clocks) -> None:
    """Of all runs below the current folder, however deep, the one that changed last."""
    for age, name in enumerate(["a/new", "b/c/old", "older"], 1):
        os.utime(add(here / name, 1, 2), (NOON - age, NOON - age))
    follower = clocks.follow()
    assert taken(follower) == [("new", 1), ("new", 2)]


def test_event_files_may_be_what_was_written_last(here: Path, clocks: Clocks) -> None:
    """A file counts as it was written; its folder doesn't change with what is in it."""
    os.utime(add(here / "a", 1), (NOON, NOON))
    add_events(here / "b", "1", 7)
    os.utime(here / "b", (NOON - 100, NOON - 100))
    assert taken(clocks.follow()) == [("b", 7)]


def test_it_stays_with_its_run_until_somebody_switches(here: Path, clocks: Clocks) -> None:
    """A newer run is told of; on request it is followed from its beginning, and alone."""
    os.utime(add(here / "old", 1), (NOON, NOON))
    follower = clocks.follow()
    assert (taken(follower), follower.newer) == ([("old", 1)], None)
    add(here / "x" / "new", 5)
    assert clocks.see(follower) == []
    assert follower.newer is not None
    assert follower.newer.path == here / "x" / "new"
    add(here / "old", 2)
    os.utime(here / "old" / "scalars.json", (NOON, NOON))
    assert clocks.see(follower) == [("old", 2)]
    follower.switch()
    assert (clocks.see(follower), names(follower)) == ([("new", 5)], ["new"])
    add(here / "old", 3)
    os.utime(here / "old" / "scalars.json", (NOON, NOON))
    assert (clocks.see(follower), follower.newer) == ([], None)
    follower.switch()  # there is nothing to switch to
    assert names(follower) == ["new"]


def test_a_newer_run_that_is_gone_again(here: Path, clocks: Clocks) -> None:
    """Nobody is sent to a run that isn't there any more."""
    os.utime(add(here / "old", 1), (NOON, NOON))
    follower = clocks.follow()
    add(here / "new", 5)
    clocks.see(follower)
    assert follower.newer is not None
    shutil.rmtree(here / "new")
    clocks.see(follower)
    assert follower.newer is None


def test_a_run_that_was_the_newer_one_stays_offered(here: Path, clocks: Clocks) -> None:
    """Where two are written by turns, the offer doesn't come and go."""
    os.utime(add(here / "mine", 1), (NOON, NOON))
    follower = clocks.follow()
    for turn in range(1, 4):
        add(here / "other", turn)
        os.utime(here / "other" / "scalars.json", (NOON + 2 * turn, NOON + 2 * turn))
        clocks.see(follower)
        os.utime(here / "mine" / "scalars.json", (NOON + 2 * turn + 1, NOON + 2 * turn + 1))
        clocks.see(follower)
        assert follower.newer is not None
        assert follower.newer.name == "other"


def test_without_an_argument_it_waits_for_a_run(here: Path, clocks: Clocks) -> None:
    """An empty folder is no error; the first run in it is followed."""
    follower = clocks.follow()
    assert (follower.runs, clocks.see(follower)) == ([], [])
    assert [error.message for error in follower.awaited] == [f"the folder {here} is empty"]
    add(here / "a" / "b", 1)
    assert clocks.see(follower) == [("b", 1)]


@pytest.mark.parametrize(
    "arguments",
    [["runs/a", "runs/b"], ["runs/*"], ["runs"], ["runs/a/scalars.json", "runs/b"], ["runs", "*"]],
)
def test_several_runs(here: Path, clocks: Clocks, arguments: list[str]) -> None:
    """Runs, log files, globs and folders, each run once."""
    add(here / "runs" / "a", 1, 2)
    add(here / "runs" / "b", 3)
    follower = clocks.follow(*arguments)
    assert taken(follower) == [("a", 1), ("a", 2), ("b", 3)]
    assert (follower.left_out, follower.awaited, follower.newer) == ([], [], None)


@pytest.mark.parametrize("arguments", [["runs/*"], ["runs"], ["runs/b", "runs/a", "runs/c"]])
def test_runs_that_appear_later_join(here: Path, clocks: Clocks, arguments: list[str]) -> None:
    """They come after those that were there, whatever they are called, with all their records."""
    add(here / "runs" / "b", 1)
    follower = clocks.follow(*arguments)
    taken(follower)
    add(here / "runs" / "a", 2)
    assert clocks.see(follower) == [("a", 2)]
    add(here / "runs" / "c", 3)
    add(here / "runs" / "b", 4)
    assert clocks.see(follower) == [("b", 4), ("c", 3)]
    assert names(follower) == ["b", "a", "c"]
    assert [run.records for run in follower.runs] == [2, 1, 1]


@pytest.mark.parametrize("missing", ["runs/b", "runs/b*", "other"])
def test_what_is_not_there_does_not_stop_the_others(
    here: Path, clocks: Clocks, missing: str
) -> None:
    """A run that is there is followed; the other is waited for, and joins."""
    add(here / "runs" / "a", 1)
    follower = clocks.follow(missing, "runs/a")
    assert taken(follower) == [("a", 1)]
    assert [missing in error.message for error in follower.awaited] == [True]
    add(here / missing.rstrip("*"), 2)
    clocks.see(follower)
    assert names(follower) == ["a", Path(missing.rstrip("*")).name]


@pytest.mark.parametrize("argument", ["x/y/exp", "x/y/exp/scalars.json", "x", "x/*/exp", "x/**/*"])
def test_a_path_that_is_not_there_yet(here: Path, clocks: Clocks, argument: str) -> None:
    """Neither are the folders it is in; once it is there, it is followed from its beginning."""
    follower = clocks.follow(argument)
    assert (follower.runs, clocks.see(follower)) == ([], [])
    (here / "x" / "y" / "exp").mkdir(parents=True)
    assert clocks.see(follower) == []
    add(here / "x" / "y" / "exp", 1, 2)
    assert clocks.see(follower) == [("exp", 1), ("exp", 2)]


@pytest.mark.parametrize("name", ["scalars.json", "log.json"])
def test_an_empty_file_may_become_a_log(here: Path, clocks: Clocks, name: str) -> None:
    """It is waited for as if it weren't there, for only its content shows what it is."""
    (here / name).touch()
    follower = clocks.follow(name)
    assert clocks.see(follower) == []
    (here / name).write_text(lines(1, 2))
    assert steps(clocks.see(follower)) == [1, 2]


@pytest.mark.parametrize(
    "arguments", [["notes.txt"], ["notes.txt", "later"], ["later", "notes.txt"], ["*.txt"]]
)
def test_a_file_that_is_no_log(here: Path, clocks: Clocks, arguments: list[str]) -> None:
    """Where there is no run, it is an error, and not waited for."""
    (here / "notes.txt").write_text("hello\n")
    with pytest.raises(UnreadableError, match="no training log"):
        clocks.follow(*arguments)


@pytest.mark.parametrize("arguments", [["notes.txt", "a"], ["a", "notes.txt"], ["*"]])
def test_a_file_that_is_no_log_beside_a_run(
    here: Path, clocks: Clocks, arguments: list[str]
) -> None:
    """It is left out, which is told."""
    add(here / "a", 1)
    (here / "notes.txt").write_text("hello\n")
    follower = clocks.follow(*arguments)
    assert taken(follower) == [("a", 1)]
    assert [error.message for error in follower.left_out] == ["notes.txt is no training log"]


def test_a_run_that_becomes_another_log(here: Path, clocks: Clocks) -> None:
    """Where another file is the run's log by now, that is read from its beginning."""
    add(here / "exp", 1, 2)
    follower = clocks.follow("exp")
    taken(follower)
    (here / "exp" / "scalars.json").unlink()
    add(here / "exp" / "vis_data", 7)
    assert (clocks.see(follower), names(follower)) == ([("exp", 7)], ["exp"])
    assert follower.runs[0].records == 1


# What is written


def test_half_written_lines(here: Path, clocks: Clocks) -> None:
    """A line counts when it is whole, wherever it was cut, be it inside of a character."""
    data = '{"step": 1, "训练": 0.5}\r\n{"step": 2, "é": 1e-3}\n'.encode()
    add(here / "exp")
    follower = clocks.follow("exp")
    found: Seen = []
    for place in range(len(data)):
        with (here / "exp" / "scalars.json").open("ab") as file:
            file.write(data[place : place + 1])
        found += clocks.see(follower)
        assert steps(found) in ([], [1], [1, 2])
    assert found == [("exp", 1), ("exp", 2)]
    assert list(follower.runs[0].keys) == ["训练", "é"]


def test_garbage_does_not_stop_it(here: Path, clocks: Clocks) -> None:
    """Lines that are no records are passed over."""
    log = add(here / "exp", 1)
    follower = clocks.follow("exp")
    taken(follower)
    with log.open("ab") as file:
        file.write(b"\xff\xfe\0garbage\n[1, 2]\n\n\x1b[31m\n" + lines(2).encode())
    assert clocks.see(follower) == [("exp", 2)]


def test_truncation(here: Path, clocks: Clocks) -> None:
    """A log that is begun anew in the same file is read from its beginning."""
    log = add(here / "exp", 1, 2, 3)
    follower = clocks.follow("exp")
    taken(follower)
    log.write_text("")
    assert clocks.see(follower) == []
    add(here / "exp", 11)
    assert clocks.see(follower) == [("exp", 11)]
    log.write_text(lines(21))  # as long as before
    assert clocks.see(follower) == [("exp", 21)]


def test_replacement(here: Path, clocks: Clocks) -> None:
    """Another file in its place is read from its beginning."""
    log = add(here / "exp", 1, 2)
    follower = clocks.follow("exp")
    taken(follower)
    draft = here / "draft"
    draft.write_text(lines(11, 12, 13))
    draft.replace(log)
    assert clocks.see(follower) == [("exp", 11), ("exp", 12), ("exp", 13)]


def test_rotation(here: Path, clocks: Clocks) -> None:
    """Of a log that is renamed, what came last is read before the new one."""
    log = add(here / "exp", 1)
    follower = clocks.follow("exp")
    taken(follower)
    for turn in range(1, 4):
        add(here / "exp", 10 * turn + 1)
        log.rename(here / "exp" / f"scalars.json.{turn}")
        add(here / "exp", 10 * turn + 2)
        assert steps(clocks.see(follower)) == [10 * turn + 1, 10 * turn + 2]


def test_a_file_that_is_deleted_and_made_again(here: Path, clocks: Clocks) -> None:
    """Whether or not anybody looked while it was gone."""
    log = add(here / "exp", 1, 2)
    follower = clocks.follow("exp")
    taken(follower)
    for first, looked in ((11, True), (21, False)):
        log.unlink()
        if looked:
            assert clocks.see(follower) == []
        add(here / "exp", first, first + 1)
        assert steps(clocks.see(follower)) == [first, first + 1]
    assert (names(follower), follower.runs[0].problem) == (["exp"], None)


@pytest.mark.parametrize("arguments", [[], ["runs/exp"], ["runs"], ["runs/*"]])
@pytest.mark.parametrize("looked", [True, False])
def test_a_run_directory_that_is_deleted_and_made_again(
    here: Path, clocks: Clocks, arguments: list[str], *, looked: bool
) -> None:
    """It is the same run, and what is in it now is read from its beginning."""
    add(here / "runs" / "exp", 1, 2)
    follower = clocks.follow(*arguments)
    taken(follower)
    shutil.rmtree(here / "runs")
    if looked:
        assert clocks.see(follower) == []
        assert names(follower) == ["exp"]
    add(here / "runs" / "exp", 11)
    assert steps(clocks.see(follower)) == [11]
    add(here / "runs" / "exp", 12)
    assert steps(clocks.see(follower)) == [12]


def test_the_current_folder_is_deleted_and_made_again(
    here: Path, clocks: Clocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who stands in the run's own folder goes on with the new one of that name."""
    add(here / "exp", 1)
    monkeypatch.chdir(here / "exp")
    follower = clocks.follow()
    assert taken(follower) == [("exp", 1)]
    shutil.rmtree(here / "exp")
    assert clocks.see(follower) == []
    add(here / "exp", 11)
    assert clocks.see(follower) == [("exp", 11)]


def test_the_current_folder_is_gone(
    here: Path, clocks: Clocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was named by a relative path stays followed, and nothing is raised."""
    add(here / "sub" / "exp", 1)
    monkeypatch.chdir(here / "sub")
    follower = clocks.follow("exp", ".")
    assert taken(follower) == [("exp", 1)]
    shutil.rmtree(here / "sub")
    for _ in range(3):
        assert clocks.see(follower) == []
    assert names(follower) == ["exp"]
    assert clocks.follow().runs == []
    assert clocks.follow("exp").runs == []


def test_event_files_that_are_added(here: Path, clocks: Clocks) -> None:
    """A run's new event file joins it, and so do those of a run that appears."""
    add_events(here / "tb" / "exp", "1", 1, 2)
    follower = clocks.follow("tb")
    assert taken(follower) == [("exp", 1), ("exp", 2)]
    add_events(here / "tb" / "exp", "1", 3)
    add_events(here / "tb" / "exp", "2", 4)
    add_events(here / "tb" / "other", "3", 9)
    assert clocks.see(follower) == [("exp", 3), ("exp", 4), ("other", 9)]
    add_events(here / "tb" / "exp", "2", 5)
    assert clocks.see(follower) == [("exp", 5)]


# Starts of MMEngine's


@pytest.mark.parametrize("first", [1, 3, 4])
def test_a_start_that_is_added(here: Path, clocks: Clocks, first: int) -> None:
    """Its records come after the last ones of the start before; none comes twice."""
    work_dir = here / "work"
    add_start(work_dir, FIRST, 1, 2)
    follower = clocks.follow("work")
    assert taken(follower) == [("work", 1), ("work", 2)]
    add_start(work_dir, FIRST, 3)
    add_start(work_dir, SECOND, first, first + 1)
    assert steps(clocks.see(follower)) == [3, first, first + 1]
    add_start(work_dir, SECOND, first + 2)
    assert steps(clocks.see(follower)) == [first + 2]
    (run,) = follower.runs
    assert run.records == 6
    assert run.as_run()["loss"].view().x.tolist() == [*range(1, first), *range(first, first + 3)]


def test_starts_that_are_added_one_after_the_other(here: Path, clocks: Clocks) -> None:
    """Each takes over from the one before, also where two have come since the last look."""
    work_dir = here / "work"
    add_start(work_dir, FIRST, 1)
    follower = clocks.follow("work")
    taken(follower)
    add_start(work_dir, SECOND, 2)
    add_start(work_dir, THIRD, 3)
    assert steps(clocks.see(follower)) == [2, 3]
    add_start(work_dir, THIRD, 4)
    assert steps(clocks.see(follower)) == [4]
    assert [run.records for run in follower.runs] == [4]


@pytest.mark.parametrize("is_late", [True, False])
def test_a_start_without_records_so_far(here: Path, clocks: Clocks, *, is_late: bool) -> None:
    """Until there is something in it, the one before is followed."""
    work_dir = here / "work"
    add_start(work_dir, FIRST, 1)
    if not is_late:
        add_start(work_dir, SECOND)
    follower = clocks.follow("work")
    assert steps(taken(follower)) == [1]
    add_start(work_dir, SECOND)
    clocks.see(follower)
    add_start(work_dir, FIRST, 2)
    assert steps(clocks.see(follower)) == [2]
    add_start(work_dir, SECOND, 3)
    assert steps(clocks.see(follower)) == [3]
    add_start(work_dir, SECOND, 4)
    assert steps(clocks.see(follower)) == [4]


def test_no_start_has_records_so_far(here: Path, clocks: Clocks) -> None:
    """The first in which there is something is followed."""
    for start in (FIRST, SECOND, THIRD):
        add_start(here / "work", start)
    follower = clocks.follow("work")
    assert taken(follower) == []
    add_start(here / "work", THIRD, 1)
    assert steps(clocks.see(follower)) == [1]


def test_a_start_that_is_removed(here: Path, clocks: Clocks) -> None:
    """That an old one is thrown away changes nothing, nor that the newest one is for a while."""
    work_dir = here / "work"
    add_start(work_dir, FIRST, 1)
    add_start(work_dir, SECOND, 2)
    follower = clocks.follow("work")
    assert steps(taken(follower)) == [1, 2]
    shutil.rmtree(work_dir / FIRST)
    assert clocks.see(follower) == []
    add_start(work_dir, SECOND, 3)
    assert steps(clocks.see(follower)) == [3]
    shutil.rmtree(work_dir / SECOND)
    assert clocks.see(follower) == []
    add_start(work_dir, SECOND, 4)
    assert steps(clocks.see(follower)) == [4]


def test_an_older_start_that_is_added(here: Path, clocks: Clocks) -> None:
    """Somebody has put one before the others: the run is read anew, in their order."""
    work_dir = here / "work"
    add_start(work_dir, SECOND, 2, 3)
    follower = clocks.follow("work")
    taken(follower)
    add_start(work_dir, FIRST, 1)
    clocks.see(follower)
    assert follower.runs[0].as_run()["loss"].view().x.tolist() == [1, 2, 3]


def test_the_old_start_cannot_be_read(here: Path, clocks: Clocks) -> None:
    """It doesn't keep the new one from being followed."""
    log = add_start(here / "work", FIRST, 1)
    follower = clocks.follow("work")
    taken(follower)
    log.unlink()
    log.mkdir()
    assert clocks.see(follower) == []
    assert follower.runs[0].problem is not None
    add_start(here / "work", SECOND, 2)
    assert steps(clocks.see(follower)) == [2]
    assert follower.runs[0].problem is None


def test_the_configuration_is_that_of_the_newest_start(here: Path, clocks: Clocks) -> None:
    """How long the run is to be is looked for anew."""
    add_start(here / "work", FIRST, 1)
    (here / "work" / FIRST / "vis_data" / "config.py").write_text("max_iters = 100")
    follower = clocks.follow("work")
    taken(follower)
    clocks.see(follower)
    assert follower.runs[0].plan.steps == 100
    add_start(here / "work", SECOND, 2)
    (here / "work" / SECOND / "vis_data" / "config.py").write_text("max_iters = 200")
    for _ in range(3):
        clocks.see(follower)
    assert follower.runs[0].plan.steps == 200


def test_a_stretch_over_two_starts(
    here: Path, clocks: Clocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was thinned is read again, of the start that was there and of the one that came."""
    monkeypatch.setattr(follow, "_ROOM_OF_KEY", (64, 64))
    add_start(here / "work", FIRST, *range(1000))
    follower = clocks.follow("work")
    taken(follower)
    add_start(here / "work", SECOND, *range(1000, 2000))
    clocks.see(follower)
    (run,) = follower.runs
    assert run.is_thinned
    follower.zoom({run: Stretch(990, 1010)})
    assert follower.wait_s == 0
    clocks.see(follower)
    assert run.closeup is not None
    assert run.closeup.as_run()["loss"].steps.tolist() == list(range(990, 1011))
    add_start(here / "work", SECOND, 1005)  # it is in sight as well
    clocks.see(follower)
    assert run.closeup.as_run()["loss"].steps.tolist()[-1] == 1005
    follower.zoom({})
    clocks.see(follower)
    assert run.closeup is None


# What a disk may do


@contextmanager
def failing(
    monkeypatch: pytest.MonkeyPatch, call: str, path: Path, error: int, times: int
) -> Iterator[list[object]]:
    """Lets a system call fail for a path and what is in it, so many times; lists those it did."""
    real: Callable[..., Any] = getattr(os, call)
    failed: list[object] = []

    def fails(where: object, *args: object, **more: object) -> object:
        inside = isinstance(where, str | Path) and Path(where).absolute().is_relative_to(path)
        if inside and len(failed) < times:
            failed.append(where)
            raise OSError(error, os.strerror(error), str(where))
        return real(where, *args, **more)

    with monkeypatch.context() as patched:
        patched.setattr(os, call, fails)
        yield failed


@pytest.mark.parametrize("error", [errno.ESTALE, errno.EIO, errno.EACCES])
@pytest.mark.parametrize("call", ["stat", "open", "scandir"])
@pytest.mark.parametrize("is_local", [True, False])
def test_a_call_that_fails_once(
    here: Path,
    clocks: Clocks,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    error: int,
    *,
    is_local: bool,
) -> None:
    """As on a network file system: it costs no record, nor does one come twice."""
    write = add if is_local else lambda run, *steps: add_events(run, "1", *steps)
    write(here / "exp", 1)
    follower = clocks.follow("exp")
    taken(follower)
    with failing(monkeypatch, call, here / "exp", error, 1) as failed:
        found = clocks.see(follower)
        for step in (2, 3, 4):
            write(here / "exp", step)
            found += clocks.see(follower)
        assert len(failed) == 1
    assert steps(found) == [2, 3, 4]
    assert (names(follower), follower.runs[0].problem) == (["exp"], None)


def test_a_permission_that_is_lost_for_a_while(
    here: Path, clocks: Clocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run says what is wrong and stays; the others go on; then it goes on where it was."""
    add(here / "a", 1)
    add(here / "b", 1)
    follower = clocks.follow("a", "b")
    taken(follower)
    with (
        failing(monkeypatch, "open", here / "a", errno.EACCES, 1000),
        failing(monkeypatch, "scandir", here / "a", errno.EACCES, 1000),
    ):
        add(here / "a", 2)
        add(here / "b", 2)
        assert clocks.see(follower) == [("b", 2)]
        assert [run.problem for run in follower.runs] == [
            "can't read a/scalars.json: Permission denied",
            None,
        ]
        assert follower.is_settled
        assert not follower.is_behind
        assert follower.wait_s > 0
        assert clocks.see(follower) == []
    assert clocks.see(follower) == [("a", 2)]
    assert [run.problem for run in follower.runs] == [None, None]


def test_a_run_that_could_never_be_read(here: Path, clocks: Clocks) -> None:
    """What is to be known of the others is known all the same."""
    (add(here / "a")).write_text("version https://git-lfs.github.com/spec/v1\n")
    add(here / "b", 1)
    follower = clocks.follow("a", "b")
    assert not follower.is_settled
    taken(follower)
    follower.learn()
    assert follower.is_settled
    assert "git-LFS" in str(follower.runs[0].problem)


def test_a_listing_that_shows_a_file_late(
    here: Path, clocks: Clocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run is found when its folder shows it, then with all that was written by then."""
    add(here / "runs" / "old", 1)
    follower = clocks.follow("runs")
    taken(follower)
    add(here / "runs" / "new", 2, 3)
    real = os.scandir
    hidden = {"new"}

    @contextmanager
    def scandir(path: str | Path) -> Iterator[list[os.DirEntry[str]]]:
        with real(path) as entries:
            yield [entry for entry in entries if entry.name not in hidden]

    monkeypatch.setattr(os, "scandir", scandir)
    assert clocks.see(follower) == []
    hidden.clear()
    assert clocks.see(follower) == [("new", 2), ("new", 3)]
    hidden.add("old")
    add(here / "runs" / "old", 4)
    assert clocks.see(follower) == [("old", 4)]
    hidden.clear()
    assert clocks.see(follower) == []
    assert names(follower) == ["old", "new"]


def test_an_event_file_that_a_listing_lacks_for_a_while(
    here: Path, clocks: Clocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes on where it was when it is shown again."""
    add_events(here / "tb", "1", 1)
    follower = clocks.follow("tb")
    taken(follower)
    with monkeypatch.context() as patched:
        patched.setattr(os, "scandir", lambda path: (_ for _ in ()).throw(FileNotFoundError(path)))
        add_events(here / "tb", "1", 2)
        assert clocks.see(follower) == []
    assert clocks.see(follower) == [("tb", 2)]


def test_a_size_that_is_there_before_the_data(here: Path, clocks: Clocks) -> None:
    """NUL bytes at the end are what is not there yet: they are read when they are text."""
    log = add(here / "exp", 1)
    follower = clocks.follow("exp")
    taken(follower)
    begin, data = log.stat().st_size, lines(2, 3).encode()
    with log.open("ab") as file:
        file.write(b"\0" * len(data))
    assert clocks.see(follower) == []
    with log.open("r+b") as file:
        file.seek(begin)
        file.write(data)
    assert clocks.see(follower) == [("exp", 2), ("exp", 3)]


@pytest.mark.parametrize("jump_s", [-DAY_S, DAY_S])
def test_a_wall_clock_that_jumps(here: Path, clocks: Clocks, jump_s: float) -> None:
    """How long a run has been silent doesn't follow it, nor does when it is looked at."""
    os.utime(add(here / "exp", 1), (NOON, NOON))
    follower = clocks.follow("exp")
    taken(follower)
    (run,) = follower.runs
    clocks.wall_s += jump_s
    clocks.wait(1)
    assert run.silent_s(clocks.now_s) == 1
    add(here / "exp", 2)
    assert steps(taken(follower)) == [2]
    assert run.silent_s(clocks.now_s) == 0
    assert follower.wait_s <= OFTEN_S


@pytest.mark.parametrize(("age_s", "silent_s"), [(30.0, 30.0), (-DAY_S, 0.0)])
def test_how_old_a_run_is_at_first(
    here: Path, clocks: Clocks, age_s: float, silent_s: float
) -> None:
    """As old as its file; a file from the future is new."""
    os.utime(add(here / "exp", 1), (NOON - age_s, NOON - age_s))
    follower = clocks.follow("exp")
    taken(follower)
    assert follower.runs[0].silent_s(clocks.now_s) == silent_s


# When it is looked for


def test_it_looks_more_often_while_data_comes(here: Path, clocks: Clocks) -> None:
    """Every tenth of a second at most; more rarely, the longer there was nothing; then again."""
    os.utime(add(here / "exp", 1), (NOON, NOON))
    follower = clocks.follow("exp")
    taken(follower)
    (run,) = follower.runs
    waits = []
    for silent_s in (1, 10, 700, 100_000):
        clocks.wait(silent_s - run.silent_s(clocks.now_s))
        taken(follower)
        waits.append(follower.wait_s)
    assert waits[0] <= OFTEN_S < waits[1] <= waits[2] <= waits[3] <= 2
    add(here / "exp", 2)
    clocks.wait(5)
    assert steps(taken(follower)) == [2]
    assert follower.wait_s <= OFTEN_S


def test_a_look_before_it_is_due_costs_nothing(
    here: Path, clocks: Clocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing on the disk is touched, and nothing is lost."""
    add(here / "exp", 1)
    follower = clocks.follow("exp")
    taken(follower)
    clocks.see(follower)
    add(here / "exp", 2)
    with failing(monkeypatch, "stat", here, errno.EIO, 1000) as failed:
        assert not follower.look()
        assert failed == []
    assert steps(clocks.see(follower)) == [2]


def test_a_long_log_is_read_in_parts(here: Path, clocks: Clocks) -> None:
    """A look brings about so many bytes; meanwhile it is behind, and does not wait."""
    add(here / "exp", *range(60_000))
    follower = clocks.follow("exp")
    parts = []
    while follower.is_behind:
        ((_, batches),) = follower.take(follower.look(1 << 18))
        parts.append([step for batch in batches for step in batch.steps.tolist()])
        assert follower.wait_s == 0 or not follower.is_behind
    assert len(parts) > 3
    assert [step for part in parts for step in part] == list(range(60_000))


def test_what_was_there_is_old_and_what_comes_is_new(here: Path, clocks: Clocks) -> None:
    """Silence counts from when the last record came, by the monotonic clock."""
    os.utime(add(here / "exp", 1), (NOON - 50, NOON - 50))
    follower = clocks.follow("exp")
    taken(follower)
    (run,) = follower.runs
    assert run.silent_s(clocks.now_s) == 50
    add(here / "exp", 2)
    os.utime(here / "exp" / "scalars.json", (NOON - 40, NOON - 40))
    clocks.see(follower)
    assert run.silent_s(clocks.now_s) == 0


def test_news_that_say_nothing(here: Path, clocks: Clocks) -> None:
    """Who shows the runs needs to do nothing where nothing came."""
    add(here / "exp", 1)
    follower = clocks.follow("exp")
    assert follower.look()
    taken(follower)
    clocks.see(follower)
    clocks.wait(1)
    assert not follower.look()
    add(here / "exp", 2)
    clocks.wait(1)
    assert follower.look()


def test_the_room_is_shared(here: Path, clocks: Clocks, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many keys there are, no more samples are kept than there is room for."""
    monkeypatch.setattr(follow, "_ROOM", 4096)
    monkeypatch.setattr(follow, "_ROOM_OF_KEY", (64, 1024))
    rows = [{"step": step, **{f"k{key}": step for key in range(50)}} for step in range(300)]
    log = add(here / "exp")
    follower = clocks.follow("exp")
    for row in rows:
        with log.open("a") as file:
            file.write(json.dumps(row) + "\n")
        if row["step"] % 50 == 49:
            clocks.see(follower)
    (run,) = follower.runs
    assert run.records == 300
    assert sum(len(series) for series in run.as_run().series.values()) <= 4096


def test_a_configuration_that_is_written_later(here: Path, clocks: Clocks) -> None:
    """It is looked for again when there is more of a run, as long as the run is young."""
    add(here / "exp", 1)
    follower = clocks.follow("exp")
    taken(follower)
    clocks.see(follower)
    assert follower.runs[0].plan.steps is None
    (here / "exp" / "config.py").write_text("max_iters = 100")
    add(here / "exp", 2)
    for _ in range(2):
        clocks.see(follower)
    assert follower.runs[0].plan.steps == 100


@pytest.mark.parametrize("text", ["max_iters = ", "\0", "x = " + "(" * 500])
def test_a_configuration_that_cannot_be_read(here: Path, clocks: Clocks, text: str) -> None:
    """Is none."""
    add(here / "exp", 1)
    (here / "exp" / "config.py").write_text(text)
    follower = clocks.follow("exp")
    assert taken(follower) == [("exp", 1)]
    follower.learn()
    assert follower.is_settled
    assert follower.runs[0].plan.steps is None


# How long it is to be


def test_a_configuration_that_changed(here: Path, clocks: Clocks) -> None:
    """Where a run goes on beyond its end, somebody has made it longer."""
    add(here / "exp", 9, 10)
    config = here / "exp" / "config.py"
    config.write_text("total_steps = 10\n")
    follower = clocks.follow("exp")
    clocks.see(follower)
    follower.learn()
    (run,) = follower.runs
    assert run.is_finished
    config.write_text("total_steps = 100\n")
    add(here / "exp", 11)
    for _ in range(3):
        clocks.see(follower)
    assert not run.is_finished
    assert run.plan.steps == 100


def test_the_configuration_of_a_log_made_again(here: Path, clocks: Clocks) -> None:
    """A run that begins anew may be to last otherwise."""
    log = add(here / "exp", 1, 2)
    config = here / "exp" / "config.py"
    config.write_text("total_steps = 1000\n")
    follower = clocks.follow("exp")
    clocks.see(follower)
    follower.learn()
    assert follower.runs[0].plan.steps == 1000
    log.unlink()
    clocks.see(follower)
    add(here / "exp", 1)
    config.write_text("total_steps = 60\n")
    for _ in range(3):
        clocks.see(follower)
    assert follower.runs[0].plan.steps == 60

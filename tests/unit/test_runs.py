"""Which runs are on the disk, what they are called, and what a work_dir of many starts says."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from copy import deepcopy
from pathlib import Path

import pytest

from trainviz_cli.codecs import lines
from trainviz_cli.errors import NotFoundError, TrainvizError, UnreadableError
from trainviz_cli.formats import all_formats, detect
from trainviz_cli.formats._format import Place
from trainviz_cli.model.batch import Batch, join
from trainviz_cli.model.diagnostic import merge
from trainviz_cli.model.run import Run
from trainviz_cli.runs import (
    FoundRun,
    RunReader,
    find_all_runs,
    find_runs,
    locate_runs,
    open_run,
)

FIRST, SECOND, THIRD = (f"2026010{day}_120000" for day in (1, 2, 3))
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"


def log(*steps: int) -> str:
    """A log of `loss` at these steps, whose value is the step."""
    return "".join(f'{{"loss": {step}, "step": {step}}}\n' for step in steps)


def write(folder: Path, files: dict[str, str]) -> None:
    """Makes the files, and the folders they are in."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def write_starts(work_dir: Path, *logs: str) -> None:
    """Starts of one training in MMEngine's layout, a day apart."""
    starts = zip((FIRST, SECOND, THIRD), logs, strict=False)
    write(work_dir, {f"{start}/vis_data/scalars.json": text for start, text in starts})


def names(found: list[FoundRun]) -> list[str]:
    """What the runs are called."""
    return [run.name for run in found]


def notes(run: Run) -> dict[str, int]:
    """What was said about a run, and how much each note left out."""
    return {note.message: note.skipped for note in run.diagnostics}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


Unprivileged = Callable[[], AbstractContextManager[None]]


@contextmanager
def _as_nobody() -> Iterator[None]:
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@contextmanager
def _as_we_are() -> Iterator[None]:
    yield


@pytest.fixture
def unprivileged() -> Unprivileged:
    """A context in which permissions bind, although the tests may run as root."""
    if not hasattr(os, "geteuid"):
        pytest.skip("no POSIX permissions")
    all_formats()  # whatever is imported on first use is imported before
    return _as_nobody if os.geteuid() == 0 else _as_we_are


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that any user may enter: `tmp_path` is its owner's alone."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)
        for path in Path(folder).rglob("*"):
            path.chmod(0o755)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Takes all permissions from a path, for as long as it lasts."""
    path.chmod(0)
    try:
        yield
    finally:
        path.chmod(0o755)


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["runs/exp1"], ["exp1"]),
        (["runs/exp1/vis_data"], ["exp1"]),
        (["runs/exp1", "runs/exp2"], ["exp1", "exp2"]),
        (["a/exp1", "b/exp1"], ["a/exp1", "b/exp1"]),
        (["a/exp1", "b/exp1", "b/exp2"], ["a/exp1", "b/exp1", "exp2"]),
        (["a/x/exp1", "b/x/exp1"], ["a/x/exp1", "b/x/exp1"]),
        (["a/exp1/vis_data", "b/exp1"], ["a/exp1", "b/exp1"]),
        (["a/é ü"], ["é ü"]),
        ([f"work_dir/{FIRST}/vis_data"], [FIRST]),
    ],
)
def test_names_are_the_shortest_that_tell_runs_apart(
    tmp_path: Path, paths: list[str], expected: list[str]
) -> None:
    """One part of the path where that is unique, more where it is not; never `vis_data`."""
    write(tmp_path, {f"{path}/scalars.json": log(1) for path in paths})
    assert names(find_runs(tmp_path)) == expected
    assert sorted(names(locate_runs([str(tmp_path / path) for path in paths]))) == expected


def test_names_depend_on_the_runs_shown(tmp_path: Path) -> None:
    """What lies beside on the disk makes no name longer."""
    write(tmp_path, {"a/exp1/scalars.json": log(1), "b/exp1/scalars.json": log(1)})
    assert open_run(tmp_path / "a/exp1").name == "exp1"
    assert names(locate_runs([str(tmp_path / "a"), str(tmp_path / "b")])) == ["a/exp1", "b/exp1"]


@pytest.mark.parametrize(
    ("argument", "name"),
    [
        ("runs/exp1/scalars.json", "exp1"),
        ("runs/exp1/", "exp1"),
        ("runs/../runs/exp1", "exp1"),
        ("runs/exp2/vis_data/scalars.json", "exp2"),
        ("runs/night.jsonl", "night"),
    ],
)
def test_a_log_file_is_called_after_its_run(here: Path, argument: str, name: str) -> None:
    """`scalars.json` by its folder, any other file by its own name."""
    files = ["runs/exp1/scalars.json", "runs/exp2/vis_data/scalars.json", "runs/night.jsonl"]
    write(here, dict.fromkeys(files, log(1)))
    assert open_run(argument).name == name


@pytest.mark.parametrize(("inside", "argument"), [("exp1", "."), ("exp1/x", ".."), ("exp1", "")])
def test_the_current_folder_has_a_name(
    here: Path, monkeypatch: pytest.MonkeyPatch, inside: str, argument: str
) -> None:
    """`.` and `..` are called what they are."""
    write(here, {"exp1/scalars.json": log(1), "exp1/x/notes.txt": ""})
    monkeypatch.chdir(here / inside)
    assert open_run(argument).name == "exp1"
    assert names(find_runs(argument)) == ["exp1"]


def test_runs_named_twice_are_taken_once(here: Path) -> None:
    """By another spelling of the same path too."""
    write(here, {"exp1/scalars.json": log(1)})
    assert len(locate_runs(["exp1", "./exp1", str(here / "exp1"), "exp*"])) == 1


def test_a_run_named_by_its_parts_is_taken_once(here: Path) -> None:
    """A run, its `vis_data` and its log are the same curves."""
    write(here, {"exp1/vis_data/scalars.json": log(1)})
    found = locate_runs(["exp1", "exp1/vis_data", "exp1/vis_data/scalars.json"])
    assert names(found) == ["exp1"]


def test_find_runs_goes_below_and_in_order(tmp_path: Path) -> None:
    """Each start is a run by itself, in order of the paths; parts of a run are no runs."""
    write_starts(tmp_path / "w", log(1), log(2))
    write(
        tmp_path,
        {
            "b/deep/er/scalars.json": log(1),
            "a/scalars.json": log(1),
            "a/vis_data/scalars.json": log(1),
            "a/vis_image/scalars.json": log(1),
            "a/inner/scalars.json": log(1),
            "a/notes.txt": "",
        },
    )
    assert names(find_runs(tmp_path)) == ["a", "inner", "er", FIRST, SECOND]


@pytest.mark.parametrize("folder", [".git", ".hidden/exp", "node_modules/x", "a/__pycache__"])
def test_find_runs_passes_over_what_holds_no_runs(tmp_path: Path, folder: str) -> None:
    """Hidden folders and folders of packages are not searched, but may be named."""
    write(tmp_path, {f"{folder}/scalars.json": log(1)})
    assert find_runs(tmp_path) == []
    assert len(open_run(tmp_path / folder)) == 1


def test_links_are_not_followed(tmp_path: Path) -> None:
    """A link to a folder above would never end; a run that is a link may be named."""
    write(tmp_path, {"exp1/scalars.json": log(1)})
    (tmp_path / "exp1" / "loop").symlink_to(tmp_path)
    (tmp_path / "again").symlink_to(tmp_path / "exp1")
    assert names(find_runs(tmp_path)) == ["exp1"]
    assert open_run(tmp_path / "again").name == "again"


@pytest.mark.parametrize("target", ["missing", "link"])
def test_a_broken_link_does_no_harm(tmp_path: Path, target: str) -> None:
    """A link to nothing, or to itself, is not what the run is read from."""
    write(tmp_path, {"exp1/scalars.json": log(1)})
    (tmp_path / "exp1" / "link").symlink_to(target)
    assert open_run(tmp_path / "exp1")["loss"].steps.tolist() == [1]
    assert names(find_runs(tmp_path)) == ["exp1"]


def test_nothing_found_is_no_error_for_find_runs(tmp_path: Path) -> None:
    """A folder without runs has none."""
    assert find_runs(tmp_path) == []


def test_a_found_run_is_read_when_asked(tmp_path: Path) -> None:
    """Finding reads no log: what is written afterwards is there."""
    write(tmp_path, {"exp1/scalars.json": ""})
    (found,) = find_runs(tmp_path)
    write(tmp_path, {"exp1/scalars.json": log(1, 2)})
    run = found.read()
    assert run["loss"].steps.tolist() == [1, 2]
    assert (run.name, run.path, run.format) == ("exp1", tmp_path / "exp1", "local")


def test_open_run_takes_a_folder_of_one_run(tmp_path: Path) -> None:
    """There is nothing to choose."""
    write(tmp_path, {"a/b/exp1/scalars.json": log(1), "a/README.md": "text"})
    assert open_run(tmp_path).name == "exp1"
    assert open_run(os.fspath(tmp_path)).name == "exp1"


def test_open_run_does_not_choose(tmp_path: Path) -> None:
    """Several runs are an error that names them."""
    write(tmp_path, {f"exp{i}/scalars.json": log(1) for i in range(1, 8)})
    with pytest.raises(NotFoundError, match="holds 7 runs") as caught:
        open_run(tmp_path)
    assert caught.value.hint == "name one: exp1, exp2, exp3, exp4, exp5, …"


def test_a_run_that_holds_another_can_be_opened(tmp_path: Path) -> None:
    """Naming a run directory means that run; how else would it be named."""
    write(tmp_path, {"exp1/scalars.json": log(1), "exp1/eval/scalars.json": log(2)})
    assert open_run(tmp_path / "exp1")["loss"].steps.tolist() == [1]
    assert open_run(tmp_path / "exp1/eval")["loss"].steps.tolist() == [2]


@pytest.mark.parametrize(
    ("make", "ask", "error", "message", "hint"),
    [
        ({}, "missing", NotFoundError, "no such file or folder", None),
        ({}, "missing/exp*", NotFoundError, "nothing matches", None),
        ({}, ".", NotFoundError, "is empty", None),
        ({"notes.txt": ""}, ".", NotFoundError, "no training log in", "formats tried: "),
        ({"a/notes.txt": ""}, ".", NotFoundError, "no training log in", "formats tried: "),
        ({"vis_data/x.txt": ""}, ".", NotFoundError, "no training log in", "formats tried: "),
        ({"notes.txt": "x"}, "notes.txt", UnreadableError, "is no training log", "formats tried: "),
        ({"notes.txt": ""}, "notes.txt", UnreadableError, "is no training log", "formats tried: "),
        ({"a": POINTER}, "a", UnreadableError, "git-LFS pointer", "git lfs pull"),
        ({"scalars.json": POINTER}, ".", UnreadableError, "git-LFS pointer", "git lfs pull"),
        ({"scalars.json": log(1)}, "scalars.json/x", NotFoundError, "no such", None),
        ({}, "x" * 5000, UnreadableError, "File name too long", None),
        ({}, "x*" * 5000, TrainvizError, "File name too long|nothing matches", None),
    ],
)
def test_what_is_no_run_is_a_clear_error(
    here: Path,
    make: dict[str, str],
    ask: str,
    error: type[TrainvizError],
    message: str,
    hint: str | None,
) -> None:
    """Nothing there is not found (3), no log is unreadable (4); the hint names what was tried."""
    write(here, make)
    with pytest.raises(error, match=message) as caught:
        open_run(ask)
    assert caught.value.exit_code in (3, 4)
    if hint:
        assert caught.value.hint
        assert caught.value.hint.startswith(hint)
    if hint == "formats tried: ":
        assert caught.value.hint == hint + ", ".join(format_.name for format_ in all_formats())


def test_a_missing_path_is_no_run_to_find(tmp_path: Path) -> None:
    """`find_runs` tells a wrong path from a folder without runs."""
    with pytest.raises(NotFoundError):
        find_runs(tmp_path / "missing")


def test_an_empty_log_is_a_run_without_keys(tmp_path: Path) -> None:
    """0 bytes: the training has begun, and logged nothing yet."""
    write(tmp_path, {"scalars.json": ""})
    run = open_run(tmp_path)
    assert len(run) == 0
    assert not run.diagnostics


def test_a_glob_names_its_matches(here: Path) -> None:
    """In order, `**` goes deeper, and a folder whose name looks like a glob is itself."""
    write(here, {f"{path}/scalars.json": log(1) for path in ("r/b1", "r/a1", "r/c/c/d1", "r/e[1]")})
    assert names(locate_runs(["r/?1"])) == ["a1", "b1"]
    assert names(locate_runs(["r/**/d*"])) == ["d1"]
    assert names(locate_runs(["r/e[1]"])) == ["e[1]"]


def test_runs_come_in_the_order_of_the_arguments(here: Path) -> None:
    """The first argument is the first curve."""
    write(here, {f"r/{name}/scalars.json": log(1) for name in "abc"})
    assert names(locate_runs(["r/c", "r"])) == ["c", "a", "b"]


def test_starts_that_continue_one_another_are_joined(tmp_path: Path) -> None:
    """A resumed training is one run: its starts are segments, and pictures are the newest's."""
    write_starts(tmp_path / "work_dir", log(1, 2, 3), log(4, 5), log(5, 6))
    write(tmp_path, {f"work_dir/{THIRD}/vis_data/config.py": "lr = 3\n"})
    run = open_run(tmp_path / "work_dir")
    assert run.name == "work_dir"
    assert run["loss"].steps.tolist() == [1, 2, 3, 4, 5, 5, 6]
    assert run["loss"].segments == (0, 3, 5)
    assert run.config == {"lr": 3}
    assert not run.diagnostics


def test_a_start_from_an_earlier_checkpoint_is_a_segment(tmp_path: Path) -> None:
    """It goes back, but not behind the first step of the start before it."""
    write_starts(tmp_path, log(1, 2, 3, 4), log(3, 4, 5))
    assert open_run(tmp_path)["loss"].segments == (0, 4)


@pytest.mark.parametrize("again", [1, 0])
def test_a_start_from_the_beginning_stands_alone(tmp_path: Path, again: int) -> None:
    """Another training in the same work_dir: only the newest is taken, a note names the others."""
    write_starts(tmp_path, log(1, 2, 3), log(3, 4), log(again, 9))
    run = open_run(tmp_path)
    assert run["loss"].steps.tolist() == [again, 9]
    assert run["loss"].segments == (0,)
    ((message, skipped),) = notes(run).items()
    assert FIRST in message
    assert SECOND in message
    assert THIRD not in message
    assert skipped == 0
    assert open_run(tmp_path, strict=True)["loss"].steps.tolist() == [again, 9]


def test_a_start_begun_again_can_be_continued(tmp_path: Path) -> None:
    """What follows the newest beginning is joined to it."""
    write_starts(tmp_path, log(1, 2, 3), log(1, 2), log(3, 4))
    run = open_run(tmp_path)
    assert run["loss"].steps.tolist() == [1, 2, 3, 4]
    assert run["loss"].segments == (0, 2)
    assert [FIRST in message for message in notes(run)] == [True]


@pytest.mark.parametrize("logs", [("", log(1, 2)), (log(1, 2), ""), ("", log(1, 2), "")])
def test_starts_without_data_are_no_matter(tmp_path: Path, logs: tuple[str, ...]) -> None:
    """A start that crashed before its first line neither joins nor hides another."""
    write_starts(tmp_path, *logs)
    run = open_run(tmp_path)
    assert run["loss"].steps.tolist() == [1, 2]
    assert run["loss"].segments == (0,)
    assert not run.diagnostics


def test_a_work_dir_whose_starts_logged_nothing(tmp_path: Path) -> None:
    """It is a run, without keys."""
    write_starts(tmp_path, "", "")
    assert len(open_run(tmp_path)) == 0


@pytest.mark.parametrize("logs", [("oops\n", log(1)), (log(1), "oops\n")])
def test_damage_in_a_start_without_data_is_counted(tmp_path: Path, logs: tuple[str, ...]) -> None:
    """A start of which nothing can be read is not passed over in silence."""
    write_starts(tmp_path, *logs)
    assert sum(notes(open_run(tmp_path)).values()) == 1


def test_each_start_can_be_named(tmp_path: Path) -> None:
    """What the whole leaves out is a run by itself."""
    write_starts(tmp_path, log(1, 2, 3), log(1, 2))
    assert open_run(tmp_path / FIRST)["loss"].steps.tolist() == [1, 2, 3]
    assert [run.read()["loss"].steps.tolist() for run in find_runs(tmp_path)] == [
        [1, 2, 3],
        [1, 2],
    ]


def test_folders_without_a_log_are_no_starts(tmp_path: Path) -> None:
    """MMEngine leaves a folder for every test and every crash."""
    write_starts(tmp_path, log(1, 2))
    write(tmp_path, {f"{SECOND}/{SECOND}.log": "text", "last_checkpoint": "x", "cfg.py": ""})
    assert open_run(tmp_path)["loss"].steps.tolist() == [1, 2]


def test_a_folder_of_work_dirs_holds_runs(tmp_path: Path) -> None:
    """Each work_dir is one run when the folder above is named, each start when searched."""
    for name in ("w1", "w2"):
        write_starts(tmp_path / name, log(1), log(2))
    assert names(locate_runs([str(tmp_path)])) == ["w1", "w2"]
    assert names(find_runs(tmp_path)) == [f"{w}/{s}" for w in ("w1", "w2") for s in (FIRST, SECOND)]


def test_strict_ends_at_the_first_damage(tmp_path: Path) -> None:
    """The error says which file, which byte and what; without `strict` it is a note."""
    write(tmp_path, {"scalars.json": log(1) + "oops\n" + log(2)})
    assert notes(open_run(tmp_path)) == {"line is no JSON object": 1}
    with pytest.raises(
        UnreadableError, match=rf"scalars\.json, byte {len(log(1))}: line is no JSON"
    ) as caught:
        open_run(tmp_path, strict=True)
    assert caught.value.exit_code == 4


def test_strict_lets_remarks_pass(tmp_path: Path) -> None:
    """Where nothing was lost there is nothing to be strict about."""
    write(tmp_path, {"scalars.json": '{"loss": 1}\n'})
    assert len(open_run(tmp_path, strict=True).diagnostics) == 1


def test_a_folder_without_permission(public: Path, unprivileged: Unprivileged) -> None:
    """The folder asked for is unreadable; the same folder below another is passed over."""
    write(public, {"exp1/scalars.json": log(1), "exp2/scalars.json": log(1)})
    with locked(public / "exp1"), unprivileged():
        with pytest.raises(UnreadableError, match="Permission denied") as caught:
            open_run(public / "exp1")
        with pytest.raises(UnreadableError, match="Permission denied"):
            find_runs(public / "exp1")
        assert names(find_runs(public)) == ["exp2"]
        assert open_run(public).name == "exp2"
    assert caught.value.exit_code == 4


def test_a_log_without_permission(public: Path, unprivileged: Unprivileged) -> None:
    """It is there, so it is found; reading it is the documented error."""
    write(public, {"exp1/scalars.json": log(1)})
    path = public / "exp1/scalars.json"
    with locked(path), unprivileged():
        assert names(find_runs(public)) == ["exp1"]
        for asked in (path, path.parent):
            with pytest.raises(UnreadableError, match="Permission denied"):
                open_run(asked)


def test_a_path_in_a_folder_without_permission(public: Path, unprivileged: Unprivileged) -> None:
    """What can't even be looked at, by its name or by a glob, is a clear error."""
    write(public, {"safe/exp1/scalars.json": log(1)})
    with locked(public / "safe"), unprivileged():
        for asked in ("exp1", "exp1/scalars.json", "exp*", "missing"):
            with pytest.raises((NotFoundError, UnreadableError)):
                open_run(public / "safe" / asked)


def test_a_start_without_permission_is_passed_over(
    public: Path, unprivileged: Unprivileged
) -> None:
    """The other starts of the work_dir are read, as other folders are."""
    write_starts(public / "w", log(1, 2), log(3, 4))
    with locked(public / "w" / FIRST), unprivileged():
        assert open_run(public / "w")["loss"].steps.tolist() == [3, 4]


def test_a_link_to_where_one_may_not_go_does_no_harm(
    public: Path, unprivileged: Unprivileged
) -> None:
    """A link to the data set in a run directory is none of its business."""
    write(public, {"exp1/scalars.json": log(1), "safe/data/x.txt": ""})
    (public / "exp1" / "data").symlink_to(public / "safe" / "data")
    with locked(public / "safe"), unprivileged():
        assert open_run(public / "exp1")["loss"].steps.tolist() == [1]


def test_a_sidecar_without_permission_costs_only_the_times(
    public: Path, unprivileged: Unprivileged
) -> None:
    """The log may be read, so it is."""
    write(public, {"scalars.json": log(1), "scalars.times": '{"offset": 1, "time": 1}\n'})
    with locked(public / "scalars.times"), unprivileged():
        assert open_run(public)["loss"].wall_times is None


def test_a_place_is_listed_once_for_all_formats(tmp_path: Path) -> None:
    """Files and folders are told apart, links by what they lead to."""
    write(tmp_path, {"a.txt": "", "b/c.txt": ""})
    (tmp_path / "link").symlink_to(tmp_path / "b")
    (tmp_path / "broken").symlink_to(tmp_path / "missing")
    place = Place.at(tmp_path)
    assert place.files == {"a.txt"}
    assert place.folders == {"b", "link"}
    assert not place.is_file
    assert Place.at(tmp_path / "a.txt") == Place(tmp_path / "a.txt", is_file=True)
    assert detect(place) is None


def test_the_head_of_a_file_is_bounded(tmp_path: Path) -> None:
    """A format sees the first 16 KiB, and nothing where there is nothing to read."""
    (tmp_path / "big").write_bytes(b"x" * 100_000)
    assert Place.at(tmp_path).head("big") == b"x" * 16_384
    assert Place.at(tmp_path / "big").head() == b"x" * 16_384
    assert Place.at(tmp_path).head("missing") == b""
    assert Place.at(tmp_path).head() == b""


def test_a_crash_loop_keeps_what_was_before_it(tmp_path: Path) -> None:
    """A start that resumes where a crashed one did takes its place, not that of all before."""
    write_starts(tmp_path, log(10, 20, 90, 100), log(90), log(90, 110))
    run = open_run(tmp_path)
    assert run["loss"].view().steps.tolist() == [10, 20, 90, 110]
    (remark,) = [each.message for each in run.diagnostics]
    assert SECOND in remark
    assert FIRST not in remark


def test_files_of_one_stem_are_two_runs(tmp_path: Path) -> None:
    """Logs that differ only in their ending are told apart by it."""
    write(tmp_path, {"a.json": log(1), "a.log": log(2)})
    found = locate_runs([str(tmp_path / "a.json"), str(tmp_path / "a.log")])
    assert names(found) == ["a.json", "a.log"]


def test_what_is_no_run_is_passed_over_beside_runs(tmp_path: Path) -> None:
    """Where the caller takes note of it, what holds no log stops no other; alone it is an error."""
    write(tmp_path, {"a/scalars.json": log(1), "b/config.py": "", "notes.txt": "x"})
    passed_over: list[TrainvizError] = []
    assert names(locate_runs([str(tmp_path / "*")], passed_over)) == ["a"]
    assert [type(error) for error in passed_over] == [NotFoundError, UnreadableError]
    with pytest.raises(NotFoundError, match="no training log"):
        locate_runs([str(tmp_path / "b")], [])


def paths(root: Path, found: list[FoundRun]) -> list[str]:
    """Where the runs are, seen from a folder."""
    return [str(run.path.relative_to(root)) for run in found]


def test_a_link_to_a_run_elsewhere_is_a_run(tmp_path: Path) -> None:
    """It is called what the link is called, is read through it, and lies behind real ones."""
    write(tmp_path, {"disk/exp1/scalars.json": log(1, 2), "runs/zero/scalars.json": log(1)})
    (tmp_path / "runs/best").symlink_to(tmp_path / "disk/exp1")
    found = find_runs(tmp_path / "runs")
    assert names(found) == ["zero", "best"]
    assert found[1].path == tmp_path / "runs/best"
    assert found[1].read()["loss"].steps.tolist() == [1, 2]
    assert found[1].glance().last_step == 2
    assert open_run(tmp_path / "runs/best").name == "best"


@pytest.mark.parametrize("layout", ["scalars.json", "vis_data/scalars.json"])
@pytest.mark.parametrize("relative", [True, False])
def test_a_link_may_lead_to_any_layout(tmp_path: Path, layout: str, *, relative: bool) -> None:
    """Over another link, relative or absolute, to either layout of a run."""
    write(tmp_path, {f"disk/exp1/{layout}": log(1), "runs/notes.txt": ""})
    (tmp_path / "disk/newest").symlink_to("exp1" if relative else tmp_path / "disk/exp1")
    (tmp_path / "runs/mine").symlink_to("../disk/newest" if relative else tmp_path / "disk/newest")
    assert names(find_runs(tmp_path / "runs")) == ["mine"]


def test_nothing_is_walked_behind_a_link(tmp_path: Path) -> None:
    """Runs inside of a linked run, and a folder of runs that is a link, are not listed."""
    write(
        tmp_path,
        {
            "disk/exp1/scalars.json": log(1),
            "disk/exp1/inner/scalars.json": log(1),
            "runs/notes.txt": "",
        },
    )
    (tmp_path / "runs/linked").symlink_to(tmp_path / "disk/exp1")
    (tmp_path / "runs/disk").symlink_to(tmp_path / "disk")
    assert names(find_runs(tmp_path / "runs")) == ["linked"]


def test_a_folder_asked_for_may_be_a_link(tmp_path: Path) -> None:
    """Who names a link to a folder of runs means the runs in it."""
    write(tmp_path, {"disk/exp1/scalars.json": log(1), "disk/exp2/scalars.json": log(1)})
    (tmp_path / "runs").symlink_to(tmp_path / "disk")
    assert paths(tmp_path, find_runs(tmp_path / "runs")) == ["runs/exp1", "runs/exp2"]


@pytest.mark.parametrize("link", ["a_first", "z_last", "exp1/again", "deep/er/again"])
def test_a_run_and_a_link_to_it_are_one(tmp_path: Path, link: str) -> None:
    """Where the run itself lies below the folder, it is listed as itself, and once."""
    write(tmp_path, {"exp1/scalars.json": log(1), "deep/er/notes.txt": ""})
    (tmp_path / link).symlink_to(tmp_path / "exp1")
    assert paths(tmp_path, find_runs(tmp_path)) == ["exp1"]


def test_two_links_to_one_run_are_one(tmp_path: Path) -> None:
    """The first by its name is taken."""
    write(tmp_path, {"disk/exp1/scalars.json": log(1), "runs/notes.txt": ""})
    for name in ("newest", "best"):
        (tmp_path / "runs" / name).symlink_to(tmp_path / "disk/exp1")
    assert names(find_runs(tmp_path / "runs")) == ["best"]


def test_loops_of_links_end(tmp_path: Path) -> None:
    """Links to the folder above, to themselves, to one another and back from elsewhere."""
    write(tmp_path, {"runs/exp1/scalars.json": log(1), "disk/exp2/scalars.json": log(2)})
    links = {
        "runs/exp1/up": "..",
        "runs/exp1/here": ".",
        "runs/self": "self",
        "runs/a": "b",
        "runs/b": "a",
        "runs/other": "../disk/exp2",
        "disk/exp2/back": "../../runs",
        "runs/root": "/",
        "runs/far": "exp1/up/exp1/up/exp1",
    }
    for link, target in links.items():
        (tmp_path / link).symlink_to(target)
    assert paths(tmp_path / "runs", find_runs(tmp_path / "runs")) == ["exp1", "other"]
    assert names(locate_runs([str(tmp_path / "runs")])) == ["exp1", "other"]


def test_a_log_that_is_a_link_is_read(tmp_path: Path) -> None:
    """A file of another name, or on another disk, may stand behind `scalars.json`."""
    write(tmp_path, {"disk/train.jsonl": log(1, 2), "exp1/notes.txt": ""})
    (tmp_path / "exp1/scalars.json").symlink_to(tmp_path / "disk/train.jsonl")
    (run,) = find_runs(tmp_path / "exp1")
    assert run.glance().last_step == 2


@pytest.mark.parametrize("argument", [["a", "a/exp1"], ["a", "a/exp1/scalars.json"], ["a", "./a"]])
def test_folders_that_overlap_give_each_run_once(here: Path, argument: list[str]) -> None:
    """By whatever path it was found, also over a link in one folder to a run in another."""
    write(here, {"a/exp1/scalars.json": log(1), "b/exp2/scalars.json": log(1)})
    (here / "b/linked").symlink_to(here / "a/exp1")
    assert names(find_all_runs(argument)) == ["exp1"]
    assert len(find_all_runs([*argument, "b"])) == 2


def test_a_folder_without_permission_is_told_once(public: Path, unprivileged: Unprivileged) -> None:
    """What may not be entered, deep down or high up, is passed over, and each told just once."""
    write(
        public,
        {f"{place}/x/scalars.json": log(1) for place in ("a", "b/c", "b/d", "open")},
    )
    with locked(public / "a"), locked(public / "b/c"), unprivileged():
        passed_over: list[TrainvizError] = []
        found = find_all_runs([public], passed_over)
    assert paths(public, found) == ["b/d/x", "open/x"]
    assert sorted(error.message for error in passed_over) == [
        f"can't read {public / place}: Permission denied" for place in ("a", "b/c")
    ]
    assert {type(error) for error in passed_over} == {UnreadableError}


def test_a_link_to_a_folder_without_permission_is_not_told(
    public: Path, unprivileged: Unprivileged
) -> None:
    """Nobody would have looked behind the link; the folder itself is told once."""
    write(public, {"runs/exp1/scalars.json": log(1), "runs/locked/x.txt": "", "data/x.txt": ""})
    (public / "runs/again").symlink_to(public / "runs/locked")
    (public / "runs/data").symlink_to(public / "data")
    with locked(public / "runs/locked"), locked(public / "data"), unprivileged():
        passed_over: list[TrainvizError] = []
        assert names(find_all_runs([public / "runs"], passed_over)) == ["exp1"]
    assert [error.message for error in passed_over] == [
        f"can't read {public / 'runs/locked'}: Permission denied"
    ]


def test_a_part_without_permission_hides_no_other_run(
    public: Path, unprivileged: Unprivileged
) -> None:
    """Where a folder's `vis_data` may not be entered, the runs beside it are found."""
    write(public, {"a/vis_data/scalars.json": log(1), "a/exp2/scalars.json": log(1)})
    with locked(public / "a/vis_data"), unprivileged():
        passed_over: list[TrainvizError] = []
        assert names(find_all_runs([public], passed_over)) == ["exp2"]
    assert {error.message for error in passed_over} == {
        f"can't read {public / 'a/vis_data'}: Permission denied"
    }


def test_a_log_without_permission_is_found_but_not_glanced_at(
    public: Path, unprivileged: Unprivileged
) -> None:
    """It is there; that it can't be read is the documented error."""
    write(public, {"exp1/scalars.json": log(1)})
    with locked(public / "exp1/scalars.json"), unprivileged():
        (run,) = find_all_runs([public])
        with pytest.raises(UnreadableError, match="Permission denied"):
            run.glance()


@pytest.mark.parametrize("replaced_by", ["nothing", "no folder", "a folder", "a pipe", "a pointer"])
def test_a_run_that_vanishes_before_the_glance(tmp_path: Path, replaced_by: str) -> None:
    """Between being found and being looked at, a run may go; nothing is waited for."""
    write(tmp_path, {"exp1/scalars.json": log(1)})
    path = tmp_path / "exp1/scalars.json"
    (run,) = find_runs(tmp_path)
    path.unlink()
    if replaced_by == "no folder":
        path.parent.rmdir()
    elif replaced_by == "a folder":
        path.mkdir()
    elif replaced_by == "a pipe":
        os.mkfifo(path)
    elif replaced_by == "a pointer":
        path.write_text(POINTER)
    with pytest.raises((UnreadableError, NotFoundError)) as caught:
        run.glance()
    assert str(path) in caught.value.message


def test_a_folder_that_vanishes_during_the_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was listed and is gone when it is entered is nobody's business."""
    write(tmp_path, {f"{name}/scalars.json": log(1) for name in ("a", "b", "c")})
    scandir = os.scandir

    def late(path: str | os.PathLike[str]) -> object:
        if Path(path) == tmp_path / "b" and Path(path).exists():
            (Path(path) / "scalars.json").unlink()
            Path(path).rmdir()
        return scandir(path)

    monkeypatch.setattr(os, "scandir", late)
    passed_over: list[TrainvizError] = []
    assert names(find_all_runs([tmp_path], passed_over)) == ["a", "c"]
    assert passed_over == []


@pytest.mark.parametrize("make", ["mkfifo", "mkdir"])
def test_a_log_that_is_no_file_makes_no_run(tmp_path: Path, make: str) -> None:
    """A pipe or a folder called `scalars.json` is no log; a run inside such a folder is one."""
    (tmp_path / "exp1").mkdir()
    getattr(os, make)(tmp_path / "exp1/scalars.json")
    assert find_runs(tmp_path) == []
    if make == "mkdir":
        write(tmp_path, {"exp1/scalars.json/scalars.json": log(1)})
        assert len(find_runs(tmp_path)) == 1


def test_a_file_that_is_no_log_is_an_error(tmp_path: Path) -> None:
    """Who names a file means that very one, so that it is not passed over in silence."""
    write(tmp_path, {"notes.txt": "text", "pointer.jsonl": POINTER})
    with pytest.raises(UnreadableError, match="is no training log"):
        find_runs(tmp_path / "notes.txt")
    with pytest.raises(UnreadableError, match="git-LFS pointer") as caught:
        find_runs(tmp_path / "pointer.jsonl")
    assert caught.value.hint == "git lfs pull"


@pytest.mark.parametrize(
    "name", ["with blank", "new\nline", "\x1b[31m", "\udcff\udcfe", "训练", "é", "-k", "~", "*"]
)
def test_any_name_is_found_and_read(tmp_path: Path, name: str) -> None:
    """Whatever bytes a file system takes as a name, the run is found, named and looked at."""
    write(tmp_path, {f"{name}/scalars.json": log(1, 2)})
    (run,) = find_runs(tmp_path)
    assert (run.name, run.path) == (name, tmp_path / name)
    assert run.glance().last_step == 2
    assert len(run.read()) == 1


def test_many_other_files_cost_no_look_into_any(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder of pictures is listed, and no file in it is opened or asked about."""
    write(tmp_path, {"exp1/scalars.json": log(1), "data/deep/x.txt": ""})
    for place in (tmp_path, tmp_path / "exp1", tmp_path / "data/deep"):
        for i in range(300):
            (place / f"{i}.json").touch()
    find_runs(tmp_path)  # whatever is imported on first use is imported before
    opened: list[str] = []
    opens, stats = os.open, os.stat

    def seen_open(path: str | os.PathLike[str], *more: int) -> int:
        opened.append(os.fspath(path))
        return opens(path, *more)

    def seen_stat(path: str | os.PathLike[str], **how: bool) -> os.stat_result:
        opened.append(os.fspath(path))
        return stats(path, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", seen_open)
    monkeypatch.setattr(os, "stat", seen_stat)
    assert names(find_runs(tmp_path)) == ["exp1"]
    assert {Path(path).name for path in opened} <= {"scalars.json"}


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Callable[[str, int], Path]]:
    """Folders inside one another, deeper than a path may be long, with a log in the innermost."""

    def make(part: str, depth: int) -> Path:
        (tmp_path / "deep").mkdir()
        below = os.open(tmp_path / "deep", os.O_RDONLY)
        for _ in range(depth):
            os.mkdir(part, dir_fd=below)
            above, below = below, os.open(part, os.O_RDONLY, dir_fd=below)
            os.close(above)
        with open(os.open("scalars.json", os.O_WRONLY | os.O_CREAT, dir_fd=below), "w") as file:  # noqa: PTH123
            file.write(log(1))
        os.close(below)
        return tmp_path / "deep"

    yield make
    outer, aside = tmp_path / "deep", tmp_path / "aside"
    while folders := [path for path in outer.iterdir() if path.is_dir()]:
        folders[0].rename(aside)  # what clears up after tests would go down by recursion
        shutil.rmtree(outer)
        aside.rename(outer)


def test_a_run_a_thousand_folders_deep(chain: Callable[[str, int], Path]) -> None:
    """The search goes as deep as paths can be written, without recursion."""
    (run,) = find_runs(chain("d", 1000))
    assert run.name == "d"
    assert run.glance().last_step == 1


def test_folders_too_deep_for_a_path_are_told(chain: Callable[[str, int], Path]) -> None:
    """Where no path reaches any more, the search ends, and says so once."""
    root = chain("d" * 100, 60)
    write(root, {"exp1/scalars.json": log(1)})
    passed_over: list[TrainvizError] = []
    assert names(find_all_runs([root], passed_over)) == ["exp1"]
    assert ["File name too long" in error.message for error in passed_over] == [True]


def polled(reader: RunReader, most: int | None) -> list[Batch]:
    """What poll after poll gives, until nothing is left."""
    batches = reader.poll(most)
    while reader.is_behind:
        batches += reader.poll(most)
    return batches


def rows(batches: list[Batch]) -> list[tuple[int, float, float]]:
    """Each row: its start, step and value."""
    table = join(batches)
    starts = [0] * len(table) if table.starts is None else table.starts.tolist()
    return list(zip(starts, table.steps.tolist(), table.values.tolist(), strict=True))


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of 100 bytes, some four lines."""
    monkeypatch.setattr(lines, "_BLOCK_BYTES", 100)


STARTS = [
    (log(*range(1, 60)), log(*range(40, 99)), log(*range(90, 150))),
    (log(*range(1, 60)), log(*range(1, 99)), log(*range(90, 150))),
    (log(*range(50, 60)), log(*range(40, 99)), log(*range(45, 150))),
    (log(*range(5, 60)), "", log(*range(1, 60))),
    ("", "oops\n" * 50, log(*range(1, 60))),
    ("oops\n" * 50 + log(*range(1, 60)), "oops\n" * 50, ""),
    (log(1), log(2), log(3)),
    ("", "", ""),
    (log(*range(60)),),
]


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("logs", STARTS)
@pytest.mark.parametrize("most", [0, 1, 250, 1 << 20])
def test_starts_are_joined_in_budgets(tmp_path: Path, logs: tuple[str, ...], most: int) -> None:
    """The rows, remarks and the newest start are those of one poll, in the same order."""
    write_starts(tmp_path, *logs)
    (found,) = locate_runs([str(tmp_path)])
    whole, reader = RunReader(found), RunReader(found)
    at_once, batches = whole.poll(), polled(reader, most)
    assert not whole.is_behind
    assert rows(batches) == rows(at_once)
    assert (merge(reader.remarks), reader.log) == (merge(whole.remarks), whole.log)
    assert merge(note for batch in batches for note in batch.diagnostics) == merge(
        note for batch in at_once for note in batch.diagnostics
    )


@pytest.mark.usefixtures("small_blocks")
def test_no_start_is_read_whole_at_once(tmp_path: Path) -> None:
    """A poll hands out a few lines, of one start at a time."""
    write_starts(tmp_path, log(*range(1, 60)), log(*range(60, 99)))
    reader = RunReader(locate_runs([str(tmp_path)])[0])
    polls = [reader.poll(1)]
    while reader.is_behind:
        polls.append(reader.poll(1))
    assert max(sum(map(len, batches)) for batches in polls) < 15
    assert sum(map(len, (batch for batches in polls for batch in batches))) == 98


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("bounded", [1, 2, 5, 30])
def test_budgets_may_end_at_any_time(tmp_path: Path, bounded: int) -> None:
    """A poll without one reads all that is left, of all starts."""
    write_starts(tmp_path, *STARTS[0])
    (found,) = locate_runs([str(tmp_path)])
    reader = RunReader(found)
    batches = [batch for _ in range(bounded) for batch in reader.poll(1)]
    batches += reader.poll()
    assert not reader.is_behind
    assert rows(batches) == rows(RunReader(found).poll())


@pytest.mark.usefixtures("small_blocks")
def test_the_newest_start_is_followed_in_budgets(tmp_path: Path) -> None:
    """What is written while the others are read comes after them."""
    write_starts(tmp_path, log(*range(1, 30)), log(30))
    reader = RunReader(locate_runs([str(tmp_path)])[0])
    batches = reader.poll(1)
    with (tmp_path / SECOND / "vis_data/scalars.json").open("a") as file:
        file.write(log(*range(31, 60)))
    batches += polled(reader, 1)
    assert rows(batches) == [(step > 29, step, step) for step in range(1, 60)]
    with (tmp_path / SECOND / "vis_data/scalars.json").open("a") as file:
        file.write(log(60))
    assert rows(polled(reader, 1)) == [(1, 60, 60)]


@pytest.mark.usefixtures("small_blocks")
def test_a_start_that_can_no_longer_be_read(tmp_path: Path) -> None:
    """What was read before is handed out; then the error, until it can be read again."""
    write_starts(tmp_path, log(1, 2), log(*range(3, 30)))
    path = tmp_path / SECOND / "vis_data/scalars.json"
    reader = RunReader(locate_runs([str(tmp_path)])[0])
    found = rows(reader.poll(1))
    assert found[:3] == [(0, 1, 1), (0, 2, 2), (1, 3, 3)]
    path.rename(tmp_path / "away")
    path.mkdir()
    for _ in range(2):
        with pytest.raises(UnreadableError):
            reader.poll(1)
        assert not reader.is_behind
    path.rmdir()
    (tmp_path / "away").rename(path)
    assert [step for _, step, _ in found + rows(polled(reader, 1))] == list(range(1, 30))


@pytest.mark.usefixtures("small_blocks")
def test_a_start_that_cannot_be_read_costs_no_rows_of_others(tmp_path: Path) -> None:
    """The end of the start before it comes first, then the error."""
    write_starts(tmp_path, log(*range(1, 30)), log(30, 31))
    path = tmp_path / SECOND / "vis_data/scalars.json"
    reader = RunReader(locate_runs([str(tmp_path)])[0])
    batches = reader.poll(1)
    path.rename(tmp_path / "away")
    path.mkdir()
    while [step for _, step, _ in rows(batches)] != list(range(1, 30)):
        batches += reader.poll(1)
        assert reader.is_behind
    with pytest.raises(UnreadableError):
        reader.poll(1)
    path.rmdir()
    (tmp_path / "away").rename(path)
    assert rows(polled(reader, 1)) == [(1, 30, 30), (1, 31, 31)]


@pytest.mark.usefixtures("small_blocks")
def test_an_older_start_that_begins_anew_while_it_is_read(tmp_path: Path) -> None:
    """It is one start more, and is taken for no other."""
    write_starts(tmp_path, log(*range(1, 30)), log(30, 31))
    path = tmp_path / FIRST / "vis_data/scalars.json"
    reader = RunReader(locate_runs([str(tmp_path)])[0])
    assert {start for start, _, _ in rows(reader.poll(1))} == {0}
    path.write_text(log(7))
    assert rows(polled(reader, 1)) == [(1, 7, 7), (2, 30, 30), (2, 31, 31)]


def test_a_log_that_is_rotated_is_read_to_its_end(tmp_path: Path) -> None:
    """One poll without a budget gives the end of the old file and the new one, as two starts."""
    write(tmp_path, {"scalars.json": log(1, 2)})
    reader = RunReader(locate_runs([str(tmp_path)])[0])
    batches = reader.poll()
    with (tmp_path / "scalars.json").open("a") as file:
        file.write(log(3, 4))
    (tmp_path / "scalars.json").rename(tmp_path / "scalars.json.1")
    write(tmp_path, {"scalars.json": log(5)})
    batches += reader.poll()
    assert rows(batches) == [*((0, step, step) for step in range(1, 5)), (1, 5, 5)]
    assert not reader.is_behind


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("polls", [0, 1, 4, 12, 40])
def test_a_copy_of_a_reader_goes_on_by_itself(tmp_path: Path, polls: int) -> None:
    """From wherever the original was; the run, its format and what is held are shared."""
    write_starts(tmp_path, *STARTS[0])
    (found,) = locate_runs([str(tmp_path)])
    reader = RunReader(found)
    first = [batch for _ in range(polls) for batch in reader.poll(1)]
    copy = deepcopy(reader)
    assert deepcopy(found) is found
    assert copy._found is found
    assert [id(each) for start in copy._starts for each in start._held] == [
        id(each) for start in reader._starts for each in start._held
    ]
    mine, other = polled(reader, 1), polled(copy, 250)
    assert rows([*first, *mine]) == rows([*first, *other]) == rows(RunReader(found).poll())
    assert copy.remarks == reader.remarks
    with (tmp_path / THIRD / "vis_data/scalars.json").open("a") as file:
        file.write(log(500))
    assert [rows(polled(each, None)) for each in (reader, copy)] == [[(2, 500, 500)]] * 2

"""`trainviz export-tb` as the contract has it: where files go, what it refuses, notes, --follow."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from trainviz_cli import LocalVisBackend, open_run
from trainviz_cli.codecs.tfrecord import find_records
from trainviz_cli.export.tensorboard import TensorboardExport
from trainviz_cli.imaging.picture import picture_bytes
from trainviz_cli.model.run import Run
from trainviz_cli.writing.backends.tensorboard import TensorboardVisBackend

DEADLINE_S = 30.0
GOLDEN = Path(__file__).parents[1] / "golden" / "local"
BEGIN = 1_700_000_000
PICTURE = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, in which there are at most runs."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def clocked(log: Any, tmp_path: Path) -> Path:
    """A run of ten steps that began at `BEGIN`, a second for each."""
    return with_times(log(tmp_path / "runs" / "exp1", records(10)))


def records(count: int, first: int = 0) -> list[dict[str, object]]:
    """Two values for each step."""
    return [{"loss": 1 / (step + 1), "acc": step, "step": step} for step in range(first, count)]


def with_times(run: Path) -> Path:
    """The run, with a time for each line of its log."""
    lines = (run / "scalars.json").read_bytes().splitlines(keepends=True)
    ends = np.cumsum([len(line) for line in lines]).tolist()
    stamps = [{"offset": end, "time": BEGIN + at} for at, end in enumerate(ends)]
    (run / "scalars.times").write_text("".join(f"{json.dumps(stamp)}\n" for stamp in stamps))
    return run


def add(run: Path, *rows: dict[str, object]) -> None:
    """Lines at the end of its log."""
    with (run / "scalars.json").open("a") as file:
        file.writelines(f"{json.dumps(row)}\n" for row in rows)


def event_files(folder: Path) -> list[str]:
    """The event files below a folder that aren't empty: an older export may have been emptied."""
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path.stat().st_size
    )


def event_folders(folder: Path) -> list[str]:
    """The folders of the event files."""
    return sorted({str(Path(name).parent) for name in event_files(folder)})


def contents(folder: Path) -> dict[Path, bytes | None]:
    """Every file with its bytes, and every folder, drafts included."""
    return {
        path: path.read_bytes() if path.is_file() else None for path in sorted(folder.rglob("*"))
    }


def values(folder: Path, key: str = "loss") -> list[tuple[int, float]]:
    """Steps and values that TensorBoard's own loader has of a key."""
    loader = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    loader.Reload()
    if key not in loader.Tags()["scalars"]:
        return []
    return [(each.step, each.value) for each in loader.Scalars(key)]


def assert_sound(folder: Path) -> None:
    """Every file there is whole records, to its last byte."""
    for name in event_files(folder):
        data = (folder / name).read_bytes()
        framing = find_records(data)
        assert (framing.damaged, framing.is_over, framing.end) == ([], False, len(data))


def pictures(run: Run) -> list[tuple[str, int, bytes]]:
    """Name, step and bytes of a run's pictures."""
    return [
        (image.name, image.step, picture_bytes(image.path, image.offset, image.length))
        for image in run.images
    ]


def assert_same(folder: Path, run: Path) -> None:
    """The event files of a folder hold what the run holds."""
    back, source = open_run(folder), open_run(run)
    assert back.keys() == source.keys()
    for key, series in source.series.items():
        assert back[key].steps.tolist() == series.steps.tolist(), key
        singles = series.values.astype(np.float32)
        assert np.array_equal(back[key].values, singles, equal_nan=True), key
        assert back[key].segments == series.segments, key
    assert pictures(back) == pictures(source)
    assert_sound(folder)


# Where it goes


def test_the_default_folder(trainviz: Any, clocked: Path, here: Path) -> None:
    """Without -o: `tb/<run name>` in the current folder, one file named by the first time."""
    ran = trainviz("export-tb", clocked)
    assert ran == (0, "wrote 20 scalars; open with: tensorboard --logdir tb\n", "")
    assert event_files(here / "tb") == [f"exp1/events.out.tfevents.{BEGIN}.trainviz"]
    assert_same(here / "tb" / "exp1", clocked)


def test_a_folder_of_ones_own(trainviz: Any, clocked: Path, here: Path) -> None:
    """With -o, one run goes into that very folder, which is made with its parents."""
    ran = trainviz("export-tb", clocked, "-o", "a/b c/é")
    assert ran.code == 0
    assert event_folders(here / "a") == ["b c/é"]
    assert_same(here / "a" / "b c" / "é", clocked)
    command = ran.out.partition("open with: ")[2]
    assert shlex.split(command) == ["tensorboard", "--logdir", "a/b c/é"]


@pytest.mark.parametrize("options", [[], ["-o", "out"], ["--output", "out"]])
def test_several_runs(trainviz: Any, log: Any, here: Path, options: list[str]) -> None:
    """Several runs are sub-folders by name, as TensorBoard names its runs."""
    for name in ("one", "two"):
        log(here / "runs" / name, records(3))
    ran = trainviz("export-tb", "runs", *options)
    folder = "out" if options else "tb"
    assert ran.out == f"wrote 2 runs, 12 scalars; open with: tensorboard --logdir {folder}\n"
    assert event_folders(here / folder) == ["one", "two"]
    for name in ("one", "two"):
        assert_same(here / folder / name, here / "runs" / name)


def test_runs_of_the_same_name(trainviz: Any, log: Any, here: Path) -> None:
    """Runs of one name are told apart by the folders they are in."""
    for number, name in enumerate(["a/exp", "b/exp", "b/c/exp"]):
        log(here / "runs" / name, [{"loss": number, "step": 0}])
    assert trainviz("export-tb", "runs").code == 0
    folders = event_folders(here / "tb")
    assert len(folders) == 3
    found = sorted(values(here / "tb" / folder)[0][1] for folder in folders)
    assert found == [0, 1, 2]


def test_a_run_whose_path_ends_anothers(trainviz: Any, log: Any, here: Path) -> None:
    """Where only the whole path tells runs apart, files still go below the output folder.

    The run's own folder stays as it is.
    """
    first = log(here / "exp", records(3))
    second = log(Path(f"{here}/copy{first}"), records(4))
    before = contents(first)
    assert trainviz("export-tb", first, second, "-o", "out").code == 0
    assert contents(first) == before
    assert len(event_files(here / "out")) == 2


def test_a_log_file(trainviz: Any, here: Path) -> None:
    """A log file that lies alone is a run of its own, called without its ending."""
    assert trainviz("export-tb", GOLDEN / "file" / "night.jsonl").code == 0
    assert event_folders(here / "tb") == ["night"]


def test_the_same_run_named_twice(trainviz: Any, clocked: Path, here: Path) -> None:
    """Named in two ways, a run is exported once."""
    ran = trainviz("export-tb", clocked, clocked / "scalars.json", "runs/../runs/exp1")
    assert ran.out.startswith("wrote 20 scalars;")
    assert len(event_files(here / "tb")) == 1


# Running again


def test_again_without_news(trainviz: Any, clocked: Path, here: Path) -> None:
    """Running again where nothing is new leaves the file as it is, to the byte."""
    shutil.copy(GOLDEN.parents[2] / "sample_runs" / "sgd_seed0" / "config.py", clocked)
    first = trainviz("export-tb", clocked)
    before = contents(here / "tb")
    assert trainviz("export-tb", clocked) == first
    assert contents(here / "tb") == before


def test_again_in_another_process(spawn: Any, samples: Path, here: Path) -> None:
    """The same from process to process, so that a running TensorBoard has nothing to do."""
    for _ in range(2):
        child = spawn("export-tb", samples / "sgd_seed0", cwd=here)
        out, err = child.communicate(timeout=60)
        assert (child.returncode, err) == (0, b""), out
        found = {path: path.stat().st_ino for path in (here / "tb" / "sgd_seed0").iterdir()}
        assert len(found) == 1
        before = found
    assert found == before
    assert_same(here / "tb" / "sgd_seed0", samples / "sgd_seed0")


def test_again_after_it_has_grown(trainviz: Any, clocked: Path, here: Path) -> None:
    """What came since is added behind what is there: nothing is doubled, no byte is changed."""
    trainviz("export-tb", clocked)
    (file,) = (here / "tb" / "exp1").iterdir()
    before = file.read_bytes()
    add(clocked, *records(15, 10))
    ran = trainviz("export-tb", with_times(clocked))
    assert ran.out.startswith("wrote 30 scalars;")
    assert [path.name for path in (here / "tb" / "exp1").iterdir()] == [file.name]
    assert file.read_bytes().startswith(before)
    assert_same(here / "tb" / "exp1", clocked)


@pytest.mark.parametrize("times", [True, False])
def test_again_and_again(trainviz: Any, log: Any, here: Path, *, times: bool) -> None:
    """However often it is run while a log grows, with a clock or without: each value once."""
    run = log(here / "exp1", records(1))
    for step in range(1, 6):
        if times:
            with_times(run)
        os.utime(run / "scalars.json", (BEGIN + step, BEGIN + step))
        assert trainviz("export-tb", run).code == 0
        assert len(event_files(here / "tb")) == 1
        assert_same(here / "tb" / "exp1", run)
        add(run, *records(step + 1, step))


def test_a_run_begun_anew(trainviz: Any, log: Any, clocked: Path, here: Path) -> None:
    """A run that began again takes the place of the older one: only the new one is there."""
    trainviz("export-tb", clocked)
    shutil.rmtree(clocked)
    log(clocked, [{"loss": 100 + step, "step": step} for step in range(3)])
    os.utime(clocked / "scalars.json", (BEGIN + 500, BEGIN + 500))
    ran = trainviz("export-tb", clocked)
    assert ran.out.startswith("wrote 3 scalars;")
    assert event_files(here / "tb") == [f"exp1/events.out.tfevents.{BEGIN + 500}.trainviz"]
    assert values(here / "tb" / "exp1") == [(0, 100), (1, 101), (2, 102)]
    assert values(here / "tb" / "exp1", "acc") == []


def test_a_log_that_was_changed(trainviz: Any, clocked: Path, here: Path) -> None:
    """Where the log says something else than before, the file is another, and the older is gone."""
    trainviz("export-tb", clocked)
    (before,) = event_files(here / "tb")
    text = (clocked / "scalars.json").read_text()
    (clocked / "scalars.json").write_text(text.replace('"acc": 3', '"acc": 7'))
    trainviz("export-tb", clocked)
    (now,) = event_files(here / "tb")
    assert now > before  # the order in which TensorBoard reads a folder
    assert values(here / "tb" / "exp1", "acc")[3] == (3, 7)
    assert len(values(here / "tb" / "exp1", "acc")) == 10


def test_a_configuration_that_was_changed(trainviz: Any, clocked: Path, here: Path) -> None:
    """The file is written anew with the configuration as it is, once."""
    for lr in (1, 2):
        (clocked / "config.py").write_text(f"lr = {lr}\n")
        trainviz("export-tb", clocked)
    back = open_run(here / "tb" / "exp1")
    assert back.config == {"lr": 2.0}
    assert len(back.texts) == 1
    assert_same(here / "tb" / "exp1", clocked)


def test_an_export_that_was_torn(trainviz: Any, clocked: Path, here: Path) -> None:
    """After a kill or a full disk in the middle of a record, the next export has everything."""
    trainviz("export-tb", clocked)
    (file,) = (here / "tb" / "exp1").iterdir()
    os.truncate(file, file.stat().st_size - 7)
    add(clocked, *records(15, 10))
    assert trainviz("export-tb", with_times(clocked)).code == 0
    assert_same(here / "tb" / "exp1", clocked)


def test_the_current_folder_twice(trainviz: Any, log: Any, here: Path) -> None:
    """`export-tb .` finds its own files the second time, and doesn't export them once more."""
    for name in ("one", "two"):
        log(here / name, records(3))
    first = trainviz("export-tb", ".")
    assert event_folders(here / "tb") == ["one", "two"]
    second = trainviz("export-tb", ".")
    assert event_folders(here / "tb") == ["one", "two"]
    assert second.out == first.out


# What it refuses, and what can't be done


FOREIGN = "events.out.tfevents.1700000000.host.1.0"


def write_foreign(folder: Path) -> Path:
    """An event file that another program wrote."""
    folder.mkdir(parents=True)
    with TensorboardVisBackend(folder) as vis:
        vis.add_scalar("theirs", 1, 1)
    (file,) = folder.iterdir()
    return file.rename(folder / FOREIGN)


def test_event_files_of_others(trainviz: Any, clocked: Path, here: Path) -> None:
    """A folder with event files of others is refused with 6, a hint, and nothing is written."""
    write_foreign(here / "tb" / "exp1")
    before = contents(here)
    ran = trainviz("export-tb", clocked)
    assert (ran.code, ran.out) == (6, "")
    assert FOREIGN in ran.err
    assert "hint: another -o DIR, or --force" in ran.err
    assert contents(here) == before


def test_event_files_of_others_in_one_of_the_folders(trainviz: Any, log: Any, here: Path) -> None:
    """Where one of several runs can't be exported for that, none is: nothing is written."""
    for name in ("one", "two"):
        log(here / "runs" / name, records(3))
    write_foreign(here / "tb" / "two")
    before = contents(here)
    assert trainviz("export-tb", "runs").code == 6
    assert contents(here) == before


def test_force(trainviz: Any, clocked: Path, here: Path) -> None:
    """With --force it writes beside them, again and again, and leaves them as they are."""
    foreign = write_foreign(here / "tb" / "exp1")
    before = foreign.read_bytes()
    assert trainviz("export-tb", clocked, "--force").code == 0
    add(clocked, *records(15, 10))
    assert trainviz("export-tb", with_times(clocked), "--force").code == 0
    assert foreign.read_bytes() == before
    mine = f"events.out.tfevents.{BEGIN}.trainviz"
    assert event_files(here / "tb") == sorted([f"exp1/{FOREIGN}", f"exp1/{mine}"])
    assert len(values(here / "tb" / "exp1")) == 15
    assert values(here / "tb" / "exp1", "theirs") == [(1, 1)]


def test_other_files_are_no_obstacle(trainviz: Any, clocked: Path, here: Path) -> None:
    """Whatever else lies in the folder stays there, and so does what lies below it."""
    (here / "out").mkdir()
    (here / "out" / "notes.txt").write_text("mine")
    foreign = write_foreign(here / "out" / "sub")
    assert trainviz("export-tb", clocked, "-o", "out").code == 0
    assert (here / "out" / "notes.txt").read_text() == "mine"
    assert foreign.exists()


@pytest.mark.parametrize("force", [[], ["--force"]])
def test_a_run_into_itself(trainviz: Any, here: Path, force: list[str]) -> None:
    """Event files are not exported into the folder they lie in: every value would be twice."""
    write_foreign(here / "runs" / "exp1")
    trainviz("export-tb", "runs/exp1", "-o", "runs/exp1", *force)
    trainviz("export-tb", "runs/exp1", "-o", "runs/exp1", *force)
    assert values(here / "runs" / "exp1", "theirs") == [(1, 1)]


def test_an_export_into_itself(trainviz: Any, samples: Path, here: Path) -> None:
    """An earlier export that is named as a run stays as it is, texts included."""
    trainviz("export-tb", samples / "sgd_seed0")
    before = open_run(here / "tb" / "sgd_seed0")
    texts, shown = before.texts, pictures(before)
    for _ in range(2):
        trainviz("export-tb", "tb/sgd_seed0")
    now = open_run(here / "tb" / "sgd_seed0")
    assert now.texts == texts
    assert pictures(now) == shown
    assert {key: len(series) for key, series in now.series.items()} == {
        key: len(series) for key, series in before.series.items()
    }
    assert event_folders(here / "tb") == ["sgd_seed0"]


def test_nothing_to_export(trainviz: Any, log: Any, here: Path) -> None:
    """A log without a record is 4, and no folder is made."""
    log(here / "exp1", [])
    ran = trainviz("export-tb", "exp1")
    assert (ran.code, ran.out) == (4, "")
    assert "exp1 holds nothing that can be exported" in ran.err
    assert not (here / "tb").exists()


def test_one_of_several_is_empty(trainviz: Any, log: Any, here: Path) -> None:
    """It is left out with a note, and the others are exported."""
    log(here / "runs" / "empty", [])
    with_times(log(here / "runs" / "full", records(3)))
    ran = trainviz("export-tb", "runs")
    assert (ran.code, ran.err.count("\n")) == (0, 1)
    assert "note: left out: " in ran.err
    assert event_folders(here / "tb") == ["full"]


def test_one_of_several_is_no_run(trainviz: Any, clocked: Path, here: Path) -> None:
    """What is there but no run is left out with a note as well."""
    (here / "notes.txt").write_text("nothing here")
    ran = trainviz("export-tb", clocked, "notes.txt")
    assert ran.code == 0
    assert "left out: notes.txt is no training log" in ran.err
    assert event_folders(here / "tb") == ["exp1"]


@pytest.mark.parametrize("argument", ["missing", "missing/*", "runs/exp1/nothing"])
def test_a_run_that_is_not_there(trainviz: Any, clocked: Path, here: Path, argument: str) -> None:
    """It is 3, alone and beside one that is there; nothing is written."""
    assert trainviz("export-tb", argument).code == 3
    ran = trainviz("export-tb", argument, "missing too")
    assert (ran.code, ran.out) == (3, "")
    assert clocked.exists()
    assert not (here / "tb").exists()


def test_without_a_run(trainviz: Any) -> None:
    """A call without a run is a usage error."""
    ran = trainviz("export-tb")
    assert (ran.code, ran.out) == (2, "")
    assert "RUN" in ran.err


@pytest.mark.parametrize("output", ["file", "file/below"])
def test_a_folder_that_cannot_be_made(
    trainviz: Any, clocked: Path, here: Path, output: str
) -> None:
    """A file in the way is an error that names it; the file stays."""
    (here / "file").write_text("mine")
    ran = trainviz("export-tb", clocked, "-o", output)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("trainviz: ")
    assert str(output) in ran.err
    assert (here / "file").read_text() == "mine"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no limits on this system")
@pytest.mark.parametrize("room", [0, 300, 4000])
def test_a_full_disk(spawn: Any, log: Any, here: Path, room: int) -> None:
    """It is an error that names the file; the older export, and after it the next, can be read."""
    import resource

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + room, size + room))

    run = log(here / "exp1", records(100))
    for _ in range(2):
        child = spawn("export-tb", run, cwd=here)
        assert child.wait(60) == 0
    (file,) = (here / "tb" / "exp1").iterdir()
    size = file.stat().st_size
    add(run, *records(200, 100))
    os.utime(run / "scalars.json", (file_time(file), file_time(file)))
    child = spawn("export-tb", run, cwd=here, preexec_fn=limit)
    out, err = child.communicate(timeout=60)
    assert (child.returncode, out) == (1, b"")
    assert err.startswith(b"trainviz: can't write ")
    assert len(values(here / "tb" / "exp1")) >= 100
    assert [path for path in (here / "tb" / "exp1").iterdir() if path.name[0] == "."] == []
    child = spawn("export-tb", run, cwd=here)
    assert child.wait(60) == 0
    assert_same(here / "tb" / "exp1", run)


def file_time(file: Path) -> int:
    """The time in an event file's name."""
    return int(file.name.split(".")[3])


# Names, keys and values that are odd


@pytest.mark.parametrize(
    "name",
    [
        *(
            "a b",
            "训练",
            "-x",
            "--force",
            "~",
            "$HOME",
            "a'b\"c",
            "[1]",
            "a\nb",
            "\x1b[31m",
            "é\u202e",
        ),
        *("events.out.tfevents.1.host", "train", "👩\u200d🚀", "n" * 200),
    ],
)
def test_names_of_runs(trainviz: Any, log: Any, here: Path, name: str) -> None:
    """A run of any name is exported under it, and nothing said steers the terminal."""
    run = log(here / "runs" / name, records(3))
    log(here / "runs" / "other", records(2))
    ran = trainviz("export-tb", "--", run)
    assert ran.code == 0
    assert ran.out.isprintable() or ran.out[:-1].isprintable()
    assert event_folders(here / "tb") == [name]
    assert_same(here / "tb" / name, run)
    assert trainviz("export-tb", "runs", "-o", name).code == 0
    assert event_folders(here / name) == sorted([name, "other"])


@pytest.mark.parametrize("name", ["a b", "a'b", "$HOME", "é;ls", "-x", "a\\b", "a\nb"])
def test_the_command_it_says(trainviz: Any, clocked: Path, here: Path, name: str) -> None:
    """What it says to open TensorBoard with can be pasted into a shell, where it can be shown."""
    ran = trainviz("export-tb", clocked, "--output", f"./{name}")
    assert ran.code == 0
    assert ran.out.count("\n") == 1
    words = shlex.split(ran.out.partition("open with: ")[2])
    assert words[:2] == ["tensorboard", "--logdir"]
    assert len(words) == 3
    if "\n" not in name:
        assert (here / words[2]).samefile(here / name)


def test_keys_that_are_odd(trainviz: Any, log: Any, here: Path) -> None:
    """Any key is a tag of that name; what UTF-8 can't hold is shown as `?`."""
    keys = [
        "",
        "a b",
        "损失",
        "a/b//c",
        "\x1b[31m",
        "k" * 5000,
        "\0",
        "wall_time",
        "config",
        "x\ud800",
    ]
    log(here / "exp1", [dict.fromkeys(keys, step) | {"step": step} for step in range(2)])
    ran = trainviz("export-tb", "exp1")
    assert ran.code == 0
    shown = [key.encode("utf-8", "replace").decode() for key in keys]
    assert open_run(here / "tb" / "exp1").keys() == shown
    for key in shown:
        assert values(here / "tb" / "exp1", key) == [(0, 0), (1, 1)]


def test_values_that_are_odd(trainviz: Any, log: Any, here: Path) -> None:
    """NaN, infinities and what 32 bits can't hold are exported twice without a word."""
    odd = ["NaN", "Infinity", "-Infinity", "1e300", "-1e300", "1e-320", "9007199254740993"]
    lines = [f'{{"loss": {value}, "step": {step}}}' for step, value in enumerate(odd)]
    run = with_times(log(here / "exp1", lines))
    first = trainviz("export-tb", run)
    assert (first.code, first.err) == (0, "")
    assert trainviz("export-tb", run) == first
    found = [value for _, value in values(here / "tb" / "exp1")]
    inf, nan = float("inf"), float("nan")
    assert repr(found) == repr([nan, inf, -inf, inf, -inf, 0.0, 9007199254740992.0])


def test_steps_that_are_large(trainviz: Any, log: Any, here: Path) -> None:
    """Steps of 64 bits are exact, and nothing is said of rounding."""
    steps = [0, 2**53 + 1, 2**53 + 3, 2**63 - 1]
    run = with_times(log(here / "exp1", [{"loss": 1, "step": step} for step in steps]))
    ran = trainviz("export-tb", run)
    assert (ran.code, ran.err) == (0, "")
    assert [step for step, _ in values(here / "tb" / "exp1")] == steps


@settings(deadline=None, max_examples=30)
@given(
    rows=st.lists(
        st.tuples(
            st.integers(-(2**63), 2**63 - 1) | st.integers(0, 20),
            st.dictionaries(st.text(max_size=5), st.floats() | st.integers(), max_size=3),
        ),
        max_size=8,
    )
)
@example(rows=[(0, {"a": 1e300}), (0, {"\ud800": 1.0})])
def test_whatever_was_logged(
    trainviz: Any, log: Any, tmp_path_factory: pytest.TempPathFactory, rows: list[Any]
) -> None:
    """Any log is exported, twice, or there is nothing to export; what is said is harmless."""
    folder = tmp_path_factory.mktemp("any")
    log(folder / "exp1", [values | {"step": step} for step, values in rows])
    first = trainviz("export-tb", folder / "exp1", "-o", folder / "tb")
    assert first.code in {0, 4}
    assert trainviz("export-tb", folder / "exp1", "-o", folder / "tb") == first
    assert all(line.isprintable() for line in (first.out + first.err).split("\n"))
    if first.code == 0:
        assert len(event_files(folder / "tb")) == 1
        assert_sound(folder / "tb")


# Notes


def test_a_run_without_a_clock(trainviz: Any, run: Path, here: Path) -> None:
    """A note says that no time is recorded; the log's last change stands for it."""
    os.utime(run / "scalars.json", (BEGIN, BEGIN))
    ran = trainviz("export-tb", run)
    assert ran.code == 0
    assert ran.err == (
        "trainviz: note: exp1: no time is recorded, "
        "so that of the log's last change stands for it\n"
    )
    loader = EventAccumulator(str(here / "tb" / "exp1"))
    loader.Reload()
    assert {each.wall_time for each in loader.Scalars("loss")} == {BEGIN}


def test_fractional_steps(trainviz: Any, log: Any, here: Path) -> None:
    """A note says that they are rounded."""
    run = with_times(log(here / "exp1", [{"loss": 1, "step": n + 0.25} for n in range(3)]))
    ran = trainviz("export-tb", run)
    assert ran.code == 0
    assert ran.err == (
        "trainviz: note: exp1: fractional steps are rounded: TensorBoard has whole ones\n"
    )
    assert [step for step, _ in values(here / "tb" / "exp1")] == [0, 1, 2]


def test_a_configuration_that_is_no_python(trainviz: Any, clocked: Path, here: Path) -> None:
    """A note names the file; the rest of the run is exported."""
    (clocked / "config.py").write_text("lr = = 1")
    ran = trainviz("export-tb", clocked)
    assert ran.code == 0
    assert ran.err.startswith("trainviz: note: exp1: can't read ")
    assert "config.py" in ran.err
    assert ran.err.count("\n") == 1
    assert_same(here / "tb" / "exp1", clocked)


def test_notes_name_their_run(trainviz: Any, log: Any, here: Path) -> None:
    """Where several runs have something to note, each note begins with its run's name."""
    for name in ("one", "two"):
        log(here / "runs" / name, records(2))
    ran = trainviz("export-tb", "runs")
    notes = [
        line.removeprefix("trainviz: note: ").partition(":")[0] for line in ran.err.splitlines()
    ]
    assert notes == ["one", "two"]


def test_the_same_note_on_many_runs(trainviz: Any, here: Path) -> None:
    """What is to be noted of very many runs is one line that says of how many."""
    for number in range(1200):
        (here / "runs" / f"{number}").mkdir(parents=True)
        (here / "runs" / f"{number}" / "scalars.json").write_text('{"loss": 1, "step": 0}\n')
    ran = trainviz("export-tb", "runs")
    assert ran.err == (
        "trainviz: note: 1,200 runs: no time is recorded, "
        "so that of the log's last change stands for it\n"
    )
    assert ran.out == "wrote 1,200 runs, 1,200 scalars; open with: tensorboard --logdir tb\n"


def test_a_single_value(trainviz: Any, here: Path) -> None:
    """One is counted as one."""
    with LocalVisBackend(here / "exp1") as vis:
        vis.add_scalar("loss", 1, 0)
        vis.add_image("x", PICTURE, 0)
    ran = trainviz("export-tb", "exp1")
    assert ran.out == "wrote 1 scalar and 1 image; open with: tensorboard --logdir tb\n"


def test_a_damaged_log(trainviz: Any, here: Path) -> None:
    """What can be read of a damaged log is exported; that something was skipped is said."""
    ran = trainviz("export-tb", GOLDEN / "damaged" / "exp1")
    assert ran.code == 0
    assert "skipped" in ran.err
    assert_same(here / "tb" / "exp1", GOLDEN / "damaged" / "exp1")


# Other runs


def test_pictures(trainviz: Any, samples: Path, here: Path) -> None:
    """Pictures are counted, and are those of the run byte for byte."""
    ran = trainviz("export-tb", samples / "sgd_seed0")
    count = sum(map(len, open_run(samples / "sgd_seed0").series.values()))
    assert ran == (
        *(0, f"wrote {count:,} scalars and 4 images; open with: tensorboard --logdir tb\n", ""),
    )
    assert_same(here / "tb" / "sgd_seed0", samples / "sgd_seed0")


def test_all_samples(trainviz: Any, samples: Path, here: Path) -> None:
    """Six real runs, each as it is."""
    ran = trainviz("export-tb", samples)
    assert re.match(r"wrote 6 runs, [\d,]+ scalars and 24 images; ", ran.out)
    for folder in event_folders(here / "tb"):
        assert_same(here / "tb" / folder, samples / folder)
    assert len(event_folders(here / "tb")) == 6


@pytest.mark.parametrize("case", ["resumed", "begun_again"])
def test_a_work_dir_of_several_starts(trainviz: Any, here: Path, case: str) -> None:
    """MMEngine's work_dir is one run: its starts are joined as everywhere, restarts are kept."""
    assert trainviz("export-tb", GOLDEN / case / "work_dir").code == 0
    assert event_folders(here / "tb") == ["work_dir"]
    assert_same(here / "tb" / "work_dir", GOLDEN / case / "work_dir")


def test_a_work_dir_that_goes_on(trainviz: Any, here: Path) -> None:
    """Exported while its newest start is training, the file goes on with it, restarts in place."""
    shutil.copytree(GOLDEN / "resumed" / "work_dir", here / "work_dir")
    trainviz("export-tb", "work_dir")
    (log,) = here.glob("work_dir/20260103_120000/vis_data/scalars.json")
    status = log.stat()
    with log.open("a") as file:
        file.write('{"loss": 0.5, "step": 50}\n')
    os.utime(log, (status.st_mtime, status.st_mtime))
    trainviz("export-tb", "work_dir")
    assert_same(here / "tb" / "work_dir", here / "work_dir")


def test_a_tensorboard_run(trainviz: Any, here: Path) -> None:
    """Event files are exported as any other run: values, pictures, texts, configuration."""
    with TensorboardVisBackend(here / "runs" / "exp1") as vis:
        vis.add_config({"lr": 0.1, "name": "r50"})
        for step in range(5):
            vis.add_scalars({"loss": step / 3, "acc": step}, step)
        vis.add_image("x", PICTURE, 3)
    ran = trainviz("export-tb", "runs/exp1")
    assert ran.out.startswith("wrote 10 scalars and 1 image")
    assert_same(here / "tb" / "exp1", here / "runs" / "exp1")
    back, source = open_run(here / "tb" / "exp1"), open_run(here / "runs" / "exp1")
    assert back.texts == source.texts
    assert back.config == source.config
    for key, series in source.series.items():
        assert np.array_equal(back[key].wall_times, series.wall_times)


def test_a_tensorboard_run_again(trainviz: Any, here: Path) -> None:
    """Exported again after it has grown, a run of event files is there once too."""
    for step in range(3):
        with TensorboardVisBackend(here / "runs" / "exp1") as vis:
            vis.add_config({"lr": 0.1})
            vis.add_scalar("loss", step, step)
        assert trainviz("export-tb", "runs/exp1").code == 0
        assert values(here / "tb" / "exp1") == [(n, n) for n in range(step + 1)]
    back, source = open_run(here / "tb" / "exp1"), open_run(here / "runs" / "exp1")
    assert sorted(back.texts) == sorted(source.texts)
    assert len(event_files(here / "tb")) == 1


# --follow


Following = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def following(spawn: Any, here: Path) -> Following:
    """Starts `export-tb --follow` as a process, and waits until it says that it follows."""

    def start(*arguments: object) -> subprocess.Popen[bytes]:
        child: subprocess.Popen[bytes] = spawn("export-tb", "--follow", *arguments, cwd=here)
        assert child.stderr is not None
        for line in child.stderr:
            if b"following" in line:
                return child
        raise AssertionError(child.communicate())

    return start


def eventually(is_so: Callable[[], bool]) -> None:
    """Waits until it is so; it must not take for ever."""
    end = time.monotonic() + DEADLINE_S
    while not is_so():
        assert time.monotonic() < end, "it never was"
        time.sleep(0.02)


def interrupt(child: subprocess.Popen[bytes]) -> tuple[int, str, str]:
    """Ctrl-C, and how it ends."""
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=DEADLINE_S)
    return child.returncode, out.decode(), err.decode()


def test_follow(following: Following, here: Path) -> None:
    """What is logged is in TensorBoard's loader soon; Ctrl-C ends it with 0, and all is there."""
    vis = LocalVisBackend(here / "exp1")
    vis.add_scalar("loss", 0, 0)
    child = following("exp1")
    loader = EventAccumulator(str(here / "tb" / "exp1"), size_guidance={"scalars": 0})

    def steps() -> list[int]:
        loader.Reload()
        return [each.step for each in loader.Scalars("loss")]

    assert steps() == [0]
    for step in range(1, 4):
        vis.add_scalar("loss", step / 2, step)
        eventually(lambda step=step: steps() == list(range(step + 1)))
    vis.add_scalar("loss", 9, 9)
    vis.add_scalar("last", 1, 9)
    code, out, err = interrupt(child)
    assert (code, err) == (0, "")
    assert out == "wrote 6 scalars; open with: tensorboard --logdir tb\n"
    assert_same(here / "tb" / "exp1", here / "exp1")
    assert len(event_files(here / "tb")) == 1


def test_follow_that_ends_at_once(following: Following, log: Any, here: Path) -> None:
    """Interrupted at once, it ends as well: with 0, and the result on stdout alone."""
    for name in ("one", "two"):
        with_times(log(here / "runs" / name, records(2)))
    child = following("runs")
    code, out, err = interrupt(child)
    assert (code, err) == (0, "")
    assert out == "wrote 2 runs, 8 scalars; open with: tensorboard --logdir tb\n"


def test_follow_pictures(following: Following, here: Path) -> None:
    """Pictures come too, also one that was logged last, with no value after it."""
    vis = LocalVisBackend(here / "exp1")
    vis.add_scalar("loss", 0, 0)
    child = following("exp1")
    vis.add_image("val/x", PICTURE, 1)
    vis.add_scalar("loss", 1, 1)
    eventually(lambda: len(open_run(here / "tb" / "exp1").images) == 1)
    vis.add_image("val/x", PICTURE, 2)
    code, out, _ = interrupt(child)
    assert code == 0
    assert "2 images" in out
    assert_same(here / "tb" / "exp1", here / "exp1")


def test_follow_several_runs(following: Following, log: Any, here: Path) -> None:
    """Each run goes on in its own file."""
    for name in ("one", "two"):
        with_times(log(here / "runs" / name, records(2)))
    child = following("runs", "-o", "out")
    add(here / "runs" / "two", *records(5, 2))
    eventually(lambda: len(values(here / "out" / "two")) == 5)
    add(here / "runs" / "one", *records(3, 2))
    eventually(lambda: len(values(here / "out" / "one")) == 3)
    assert interrupt(child)[0] == 0
    for name in ("one", "two"):
        assert_same(here / "out" / name, here / "runs" / name)


def test_follow_a_log_that_is_replaced(following: Following, log: Any, here: Path) -> None:
    """A log that begins anew meanwhile is a restart; after the next export it is there alone."""
    run = log(here / "exp1", records(5))
    child = following("exp1")
    (run / "scalars.json").unlink()
    log(run, [{"loss": 100, "step": 3}])
    eventually(lambda: (3, 100) in values(here / "tb" / "exp1"))
    add(run, {"loss": 101, "step": 4})
    eventually(lambda: (4, 101) in values(here / "tb" / "exp1"))
    assert interrupt(child)[0] == 0
    # TensorBoard drops at a restart what was logged again.
    assert values(here / "tb" / "exp1")[2:] == [(2, pytest.approx(1 / 3)), (3, 100), (4, 101)]
    back = open_run(here / "tb" / "exp1")["loss"]
    assert (back.steps.tolist(), back.segments) == ([0, 1, 2, 3, 4, 3, 4], (0, 5))
    child = following("exp1")
    assert interrupt(child)[0] == 0
    assert values(here / "tb" / "exp1") == [(3, 100), (4, 101)]
    assert len(event_files(here / "tb")) == 1


def test_follow_after_an_export(following: Following, clocked: Path, here: Path) -> None:
    """Ended and started again, it goes on where it was: in the same file, nothing twice."""
    for count in (10, 12, 14):
        add(clocked, *records(count, count - 2))
        with_times(clocked)
        child = following("runs/exp1")
        add(clocked, {"loss": count, "step": 100})
        eventually(lambda count=count: (100, count) in values(here / "tb" / "exp1"))
        assert interrupt(child)[0] == 0
        assert_same(here / "tb" / "exp1", clocked)
        assert len(event_files(here / "tb")) == 1


def test_follow_half_a_line(following: Following, log: Any, here: Path) -> None:
    """A record that is half written is taken when the rest is there."""
    run = log(here / "exp1", records(1))
    child = following("exp1")
    with (run / "scalars.json").open("a", buffering=1) as file:
        file.write('{"loss": 0.25, "step": 1}\n{"loss": 0.1')
        file.flush()
        eventually(lambda: len(values(here / "tb" / "exp1")) == 2)
        file.write('25, "step": 2}\n')
    code, _, err = interrupt(child)
    assert (code, err) == (0, "")
    assert values(here / "tb" / "exp1") == [(0, 1), (1, 0.25), (2, 0.125)]


def test_follow_a_run_that_vanishes(following: Following, log: Any, here: Path) -> None:
    """A run that is deleted, or can't be read any more, doesn't end the others."""
    for name in ("gone", "odd", "other"):
        log(here / "runs" / name, records(2))
    child = following("runs")
    shutil.rmtree(here / "runs" / "gone")
    (here / "runs" / "odd" / "scalars.json").unlink()
    (here / "runs" / "odd" / "scalars.json").mkdir()
    add(here / "runs" / "other", *records(4, 2))
    eventually(lambda: len(values(here / "tb" / "other")) == 4)
    code, out, _ = interrupt(child)
    assert code == 0
    assert out.startswith("wrote 3 runs, 16 scalars")
    for name in ("gone", "odd"):
        assert len(values(here / "tb" / name)) == 2


def test_an_interrupt_at_a_bad_time(
    trainviz: Any, log: Any, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C between reading a value and writing it loses nothing."""
    run = log(here / "exp1", records(3))
    append = TensorboardExport._append
    interrupted = []

    def interrupting(self: TensorboardExport, data: bytes) -> None:
        if not interrupted:
            interrupted.append(True)
            os.kill(os.getpid(), signal.SIGINT)
        append(self, data)

    really_sleep, looked = time.sleep, []

    def log_then_sleep(seconds: float) -> None:
        looked.append(True)
        assert len(looked) < 50, "it doesn't end"
        if len(looked) == 1:
            add(run, *records(6, 3))
        really_sleep(min(seconds, 0.01))

    monkeypatch.setattr(TensorboardExport, "_append", interrupting)
    monkeypatch.setattr(time, "sleep", log_then_sleep)
    ran = trainviz("export-tb", run, "--follow")
    assert interrupted
    assert ran.code == 0
    assert ran.out.startswith("wrote 12 scalars;")
    assert_same(here / "tb" / "exp1", run)


def test_an_interrupt_before_anything_is_written(
    trainviz: Any, clocked: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C in the middle of an export is 130, and leaves no half of a file."""
    trainviz("export-tb", clocked)
    before = contents(here / "tb")

    def interrupting(*_: object) -> Iterator[bytes]:
        yield b"half"
        raise KeyboardInterrupt

    text = (clocked / "scalars.json").read_text()
    (clocked / "scalars.json").write_text(text.replace('"acc": 3', '"acc": 7'))
    monkeypatch.setattr("trainviz_cli.export.tensorboard.encode", interrupting)
    ran = trainviz("export-tb", clocked)
    assert (ran.code, ran.out) == (130, "")
    assert contents(here / "tb") == before


def test_help(trainviz: Any) -> None:
    """The help names every option and what is exported."""
    out = trainviz("export-tb", "--help").out
    for word in ("--output", "--follow", "--force", "TensorBoard", "tb/<run name>"):
        assert word in out

"""`trainviz tail` into a pipe: what it prints, what it waits for, and how it ends."""

import errno
import fcntl
import json
import math
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import threading
import time
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainviz_cli.analysis.until import Until
from trainviz_cli.cli._console import wait_for_reader
from trainviz_cli.cli._following import Watch
from trainviz_cli.errors import UnmetError
from trainviz_cli.runs.follow import Follower

DEADLINE_S = 60.0
LONG_AGO = 1_600_000_000.0
FIELDS = ["run", "step", "epoch", "wall_time", "values", "nonfinite"]
STEERING = {"Cc", "Cf", "Cs", "Zl", "Zp"}
NASTY = {
    "escapes": "\x1b[31mred\x1b]0;title\x07",
    "lines": "two\nlines\r\tand\x00more",
    "C1": "\x85\x9b31m\x7f",
    "separators": "\u2028\u2029",
    "bidirectional": "left \u202e right \u2066 isolated",
    "surrogate": "\ud800",
    "wide": "训练损失",
    "markup": "[bold]not markup[/bold]",
    "10 KB": "k" * 10_000,
}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, empty."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that coverage doesn't look into: a signal within its lock would hang them."""
    for name in ("COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START"):
        monkeypatch.delenv(name, raising=False)


def add(run: Path, *rows: dict[str, object] | str) -> Path:
    """Rows, or lines as they stand, at the end of a run's log, which is made if there is none."""
    run.mkdir(parents=True, exist_ok=True)
    with (run / "scalars.json").open("a", encoding="utf-8", errors="surrogateescape") as file:
        file.writelines(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows)
    return run


def steps(*numbers: int) -> list[dict[str, object]]:
    """A row for each step."""
    return [{"loss": number / 4, "step": number} for number in numbers]


def ended_long_ago(run: Path) -> Path:
    """The run, as if nobody had written to it for years."""
    os.utime(run / "scalars.json", (LONG_AGO, LONG_AGO))
    return run


def documents(text: str) -> list[dict[str, Any]]:
    """The lines of a text, each a JSON document as strict readers take it."""
    assert text == "" or text.endswith("\n")
    found = [json.loads(line, parse_constant=refuse) for line in text.split("\n")[:-1]]
    assert all(list(each) == FIELDS for each in found)
    return found


def refuse(constant: str) -> float:
    """JSON knows no NaN."""
    raise AssertionError(f"{constant} is no JSON")


def steering(text: str) -> set[str]:
    """The characters of a text, but for newlines, that could steer a terminal."""
    return {char for char in text if char != "\n" and unicodedata.category(char) in STEERING}


def read_lines(file: Any, count: int) -> list[str]:
    """So many lines of what a process prints, as they come."""
    data = b""
    until_s = time.monotonic() + DEADLINE_S
    while data.count(b"\n") < count:
        ready, _, _ = select.select([file], [], [], max(until_s - time.monotonic(), 0))
        assert ready, f"only {data!r} came"
        block = os.read(file.fileno() if hasattr(file, "fileno") else file, 1 << 16)
        assert block, f"it ended after {data!r}"
        data += block
    return data.decode().replace("\r\n", "\n").split("\n")[:-1]


def ended(child: subprocess.Popen[bytes]) -> tuple[int, str, str]:
    """The exit code of a process, and what it printed since."""
    out, err = child.communicate(timeout=DEADLINE_S)
    return child.returncode, (out or b"").decode(), err.decode()


def shell(command: str, script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Runs a command of the shell's, in which `"$@"` is `trainviz tail` with these arguments."""
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}", "bash", script, "tail", *map(str, arguments)],
        check=False,
        capture_output=True,
        timeout=DEADLINE_S,
        text=True,
    )


# What is printed


def test_a_line_for_each_record(trainviz: Any, run: Path) -> None:
    """The run, the step, and each value, in the order written."""
    ran = trainviz("tail", run, "--until", "step>=19")
    assert (ran.code, ran.err) == (0, "trainviz: note: exp1: step>=19\n")
    assert len(ran.lines) == 20
    assert ran.lines[0] == "exp1 step=0 loss=2 acc=0"
    assert ran.lines[3] == "exp1 step=3 loss=0.5 acc=0.15"


def test_a_document_for_each_record(trainviz: Any, run: Path) -> None:
    """With all that is known of it; what isn't known is null."""
    ran = trainviz("tail", run, "--once", "--json")
    assert (ran.code, ran.err) == (0, "")
    found = documents(ran.out)
    assert [each["step"] for each in found] == list(range(20))
    assert found[3] == {
        "run": "exp1",
        "step": 3,
        "epoch": None,
        "wall_time": None,
        "values": {"loss": 0.5, "acc": 0.15},
        "nonfinite": {},
    }


def test_epochs_and_times(trainviz: Any, here: Path) -> None:
    """They are told where the log tells them, the epoch once."""
    add(here / "exp", {"loss": 1, "epoch": 2, "step": 1}, {"loss": 0.5, "epoch": 3, "step": 2})
    size = (here / "exp" / "scalars.json").stat().st_size
    (here / "exp" / "scalars.times").write_text(
        json.dumps({"offset": size // 2, "time": 100})
        + "\n"
        + json.dumps({"offset": size, "time": 200})
        + "\n"
    )
    first, second = documents(trainviz("tail", "exp", "--once", "--json").out)
    assert (first["epoch"], second["epoch"]) == (2, 3)
    assert 100 <= first["wall_time"] < second["wall_time"] == 200
    lines = trainviz("tail", "exp", "--until", "step>1").lines
    assert lines[0] == "exp step=1 loss=1 epoch=2"
    lines = trainviz("tail", "exp", "-k", "loss", "--until", "step>1").lines
    assert lines[0] == "exp step=1 epoch=2 loss=1"


def test_values_that_no_json_holds(trainviz: Any, here: Path) -> None:
    """They are null there, and their steps are listed; as text they are named."""
    values = [math.nan, math.inf, -math.inf, None, 1e300, 10**400, 2**62 + 1, -0.0, True]
    add(here / "exp", *({"a": value, "b": 1, "step": at} for at, value in enumerate(values)))
    found = documents(trainviz("tail", "exp", "--once", "--json").out)
    assert [each["values"]["a"] for each in found] == [
        *(None, None, None, None, 1e300, None),
        *(2**62 + 1, 0, 1),
    ]
    assert [each["nonfinite"] for each in found] == [
        *({"a": [at]} for at in range(4)),
        *({}, {"a": [5]}, {}, {}, {}),
    ]
    lines = trainviz("tail", "exp", "--until", "step>=8").lines
    assert lines[:3] == ["exp step=0 a=nan b=1", "exp step=1 a=inf b=1", "exp step=2 a=-inf b=1"]
    assert lines[4] == "exp step=4 a=1e+300 b=1"


def test_steps_that_are_large_or_fractional(trainviz: Any, here: Path) -> None:
    """They are given as they were logged."""
    add(here / "exp", {"loss": 1, "step": 2**53 + 1})
    add(here / "half", {"loss": 1, "step": 0.5})
    found = documents(trainviz("tail", "exp", "half", "--once", "--json").out)
    assert [each["step"] for each in found] == [2**53 + 1, 0.5]


def test_many_keys_and_keys_that_appear_late(trainviz: Any, here: Path) -> None:
    """Each record has the keys it was logged with."""
    many = {f"key{number}": number for number in range(500)}
    add(here / "exp", *steps(1, 2), {**many, "step": 3}, {"late": 1, "step": 4})
    found = documents(trainviz("tail", "exp", "--once", "--json").out)
    assert [len(each["values"]) for each in found] == [1, 1, 500, 1]
    assert found[2]["values"] == many
    assert found[3]["values"] == {"late": 1}


def test_records_without_values(trainviz: Any, here: Path) -> None:
    """There is nothing to say of them."""
    add(here / "exp", {"step": 1}, {"text": "x", "step": 2}, {"loss": 1, "step": 3})
    assert [each["step"] for each in documents(trainviz("tail", "--once", "--json").out)] == [3]


def test_garbage_between_records(trainviz: Any, here: Path) -> None:
    """It costs nothing but itself."""
    add(here / "exp", *steps(1), "\x1b[31moops", "[1, 2]", '{"loss": 0.5, "st', "\0\0\0", *steps(2))
    ran = trainviz("tail", "exp", "--once", "--json")
    assert (ran.code, steering(ran.err)) == (0, set())
    assert [each["step"] for each in documents(ran.out)] == [1, 2]


@pytest.mark.parametrize("name", NASTY.values(), ids=list(NASTY))
def test_nasty_keys(trainviz: Any, here: Path, name: str) -> None:
    """A key steers nothing, stays on its line, and is exact in JSON."""
    add(here / "exp", {name: 1.5, "step": 1}, {name: math.nan, "step": 2})
    ran = trainviz("tail", "exp", "--until", "step>1")
    assert (ran.code, len(ran.lines), steering(ran.out + ran.err)) == (0, 2, set())
    ran = trainviz("tail", "exp", "--once", "--json")
    assert (ran.code, steering(ran.out)) == (0, set())
    first, second = documents(ran.out)
    assert (first["values"], second["nonfinite"]) == ({name: 1.5}, {name: [2]})


@settings(deadline=None, max_examples=50)
@given(key=st.text(min_size=1, max_size=20))
def test_no_key_reaches_a_pipe_raw(trainviz: Any, log: Any, scratch: Path, key: str) -> None:
    """Whatever it is made of."""
    run = log(scratch / "keys", [{key: 1, "other": 2, "step": 1}])
    for options in (["--until", "step>0"], ["--json", "--once"], ["--until", key], ["-k", key]):
        ran = trainviz("tail", run, "--once", *options)
        assert steering(ran.out + ran.err) == set()
        assert "Traceback" not in ran.err


@pytest.mark.parametrize("name", ["\x1b[31m", "a\nb", "\udcff", "\u202e", "训练"])
def test_nasty_run_names(trainviz: Any, here: Path, name: str) -> None:
    """A folder's name is text from outside like a key's."""
    try:
        add(here / "runs" / name, *steps(1, 2))
    except (OSError, UnicodeEncodeError):
        pytest.skip("no name for a file here")
    ran = trainviz("tail", here / "runs" / name, "--until", "step>1")
    assert (ran.code, len(ran.lines), steering(ran.out + ran.err)) == (0, 2, set())
    ran = trainviz("tail", here / "runs", "--once", "--json")
    assert (ran.code, steering(ran.out)) == (0, set())
    assert [each["run"] for each in documents(ran.out)] == [name, name]
    ran = trainviz("tail", here / name, "--once", "--json")  # not there
    assert (ran.code, steering(ran.err)) == (3, set())


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp437"])
def test_other_locales(trainviz: Any, here: Path, encoding: str) -> None:
    """What can't be written is escaped; JSON stays the same document."""
    add(here / "exp", {"训练é": 1, "step": 1})
    ran = trainviz("tail", "exp", "--until", "step>0", encoding=encoding)
    assert (ran.code, "\\u8bad" in ran.out) == (0, True)
    ran = trainviz("tail", "exp", "--once", "--json", encoding=encoding)
    assert documents(ran.out)[0]["values"] == {"训练é": 1}


@pytest.mark.parametrize("columns", ["24", "80"])
def test_records_are_not_cut(
    trainviz: Any, here: Path, monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    """A line for a script is as long as it is, however narrow the terminal."""
    monkeypatch.setenv("COLUMNS", columns)
    add(here / "exp", {**{f"key{number}": number for number in range(50)}, "step": 1})
    (line,) = trainviz("tail", "exp", "--until", "step>0").lines
    assert line.endswith("key49=49")


@pytest.mark.parametrize("columns", [30, 60, 132])
def test_one_frame_is_as_wide_as_the_terminal(
    trainviz: Any, run: Path, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    """`--once` into a pipe is a frame as plain text, no wider than `COLUMNS`."""
    monkeypatch.setenv("COLUMNS", str(columns))
    ran = trainviz("tail", run, "--once")
    assert (ran.code, steering(ran.out)) == (0, set())
    assert 0 < max(map(len, ran.lines)) <= columns


# Which records


@pytest.mark.parametrize(
    ("count", "expected"), [(0, []), (1, [19]), (3, [17, 18, 19]), (99, [*range(20)])]
)
def test_the_last_records(trainviz: Any, run: Path, count: int, expected: list[int]) -> None:
    """`-n` leaves out the older ones of those that are there."""
    for option in ("-n", "--lines"):
        ran = trainviz("tail", run, option, count, "--once", "--json")
        assert [each["step"] for each in documents(ran.out)] == expected


def test_the_last_records_of_each_run(trainviz: Any, here: Path) -> None:
    """As `tail` does with files: a long run doesn't crowd out another."""
    add(here / "a", *steps(*range(50)))
    add(here / "b", *steps(*range(5)))
    ran = trainviz("tail", "a", "b", "-n", 2, "--once", "--json")
    found = [(each["run"], each["step"]) for each in documents(ran.out)]
    assert found == [("a", 48), ("a", 49), ("b", 3), ("b", 4)]


def test_the_last_records_with_the_key(trainviz: Any, here: Path) -> None:
    """Records without it don't count."""
    add(here / "exp", {"mAP": 0.5, "step": 1}, *steps(2, 3, 4))
    ran = trainviz("tail", "exp", "-k", "mAP", "-n", 1, "--once", "--json")
    assert [each["step"] for each in documents(ran.out)] == [1]


def test_all_that_comes_is_printed(spawn: Any, here: Path) -> None:
    """`-n` counts only what was there when it began."""
    add(here / "exp", *steps(*range(10)))
    child = spawn("tail", "exp", "-n", 1)
    assert read_lines(child.stdout, 1) == ["exp step=9 loss=2.25"]
    add(here / "exp", *steps(10, 11, 12))
    assert [line.split()[1] for line in read_lines(child.stdout, 3)] == [
        *("step=10", "step=11", "step=12")
    ]


@pytest.mark.parametrize(
    ("queries", "expected"),
    [
        (["loss"], {"train/loss", "val/loss"}),
        (["train/loss"], {"train/loss"}),
        (["train/*"], {"train/loss", "train/lr"}),
        (["re:l[or]"], {"train/loss", "train/lr", "val/loss"}),
        (["lr", "val/loss"], {"train/lr", "val/loss"}),
    ],
)
def test_keys(trainviz: Any, here: Path, queries: list[str], expected: set[str]) -> None:
    """Only the keys that are asked for; a record without them is left out."""
    add(here / "exp", {"train/loss": 1, "train/lr": 2, "step": 1}, {"val/loss": 3, "step": 2})
    add(here / "exp", {"acc": 4, "step": 3})
    options = [word for query in queries for word in ("-k", query)]
    found = documents(trainviz("tail", "exp", *options, "--once", "--json").out)
    assert {key for each in found for key in each["values"]} == expected
    assert all(each["values"] for each in found)


def test_a_key_means_the_same_in_all_runs(trainviz: Any, here: Path) -> None:
    """It is resolved among the keys of all of them, as everywhere else."""
    add(here / "a", {"loss": 1, "step": 1})
    add(here / "b", {"train/loss": 2, "step": 1})
    found = documents(trainviz("tail", "a", "b", "-k", "loss", "--once", "--json").out)
    assert [(each["run"], each["values"]) for each in found] == [("a", {"loss": 1})]


def test_a_key_that_is_not_there(trainviz: Any, run: Path) -> None:
    """Once, it is an error as in every command, with the nearest names."""
    ran = trainviz("tail", run, "-k", "los_", "--once", "--json")
    assert (ran.code, ran.out) == (3, "")
    assert "no key matches 'los_'" in ran.err
    assert "loss" in ran.err


def test_a_key_that_comes_later(spawn: Any, here: Path) -> None:
    """Following, it is waited for."""
    add(here / "exp", *steps(1, 2))
    child = spawn("tail", "exp", "-k", "mAP")
    add(here / "exp", {"val/mAP": 0.5, "step": 3})
    assert read_lines(child.stdout, 1) == ["exp step=3 val/mAP=0.5"]


def test_a_key_that_is_no_pattern(trainviz: Any, run: Path) -> None:
    """Is wrong usage."""
    ran = trainviz("tail", run, "-k", "re:(", "--once", "--json")
    assert (ran.code, ran.out) == (2, "")


# Which runs


def test_without_a_run_the_one_written_last(trainviz: Any, here: Path) -> None:
    """Of those below the current folder."""
    ended_long_ago(add(here / "old", *steps(1)))
    add(here / "x" / "new", *steps(2))
    found = documents(trainviz("tail", "--once", "--json").out)
    assert [(each["run"], each["step"]) for each in found] == [("new", 2)]


def test_several_runs_and_one_that_joins(spawn: Any, here: Path) -> None:
    """A folder's runs, and those that appear in it."""
    add(here / "runs" / "a", *steps(1))
    child = spawn("tail", "runs", "later", "--json")
    assert b"later; waiting for it" in child.stderr.readline()
    found = documents("\n".join(read_lines(child.stdout, 1)) + "\n")
    add(here / "runs" / "b", *steps(2))
    found += documents("\n".join(read_lines(child.stdout, 1)) + "\n")
    add(here / "later", *steps(3))
    found += documents("\n".join(read_lines(child.stdout, 1)) + "\n")
    assert [(each["run"], each["step"]) for each in found] == [("a", 1), ("b", 2), ("later", 3)]


@pytest.mark.usefixtures("unmeasured")
@pytest.mark.parametrize("arguments", [[], ["exp"], ["x/exp"], ["e*"]])
def test_it_waits_for_a_run(spawn: Any, here: Path, arguments: list[str]) -> None:
    """What it waits for is noted; when it is there, it is followed."""
    child = spawn("tail", *arguments)
    noted = child.stderr.readline().decode()
    assert noted.startswith("trainviz: note: ")
    assert noted.endswith("; waiting for it\n")
    add(here / (arguments[0].replace("*", "xp") if arguments else "exp"), *steps(1))
    assert read_lines(child.stdout, 1) == ["exp step=1 loss=0.25"]
    child.terminate()
    assert ended(child) == (0, "", "")


@pytest.mark.usefixtures("unmeasured")
def test_a_resumed_run(spawn: Any, here: Path) -> None:
    """A new start of MMEngine's in the folder that is followed: only its records come."""
    add(here / "work" / "20260101_120000" / "vis_data", *steps(1, 2))
    child = spawn("tail", "work")
    assert len(read_lines(child.stdout, 2)) == 2
    add(here / "work" / "20260102_120000" / "vis_data", *steps(3))
    assert read_lines(child.stdout, 1) == ["work step=3 loss=0.75"]
    child.terminate()
    assert ended(child) == (0, "", "")


@pytest.mark.parametrize("options", [["--once"], ["--once", "--json"]])
@pytest.mark.parametrize("arguments", [[], ["missing"], ["missing*"]])
def test_once_without_a_run(trainviz: Any, options: list[str], arguments: list[str]) -> None:
    """Nothing is waited for: there is no such run."""
    ran = trainviz("tail", *arguments, *options)
    assert (ran.code, ran.out) == (3, "")
    assert ran.err.startswith("trainviz: ")


def test_once_with_a_run_that_is_missing(trainviz: Any, run: Path) -> None:
    """The others are printed, and it is noted."""
    ran = trainviz("tail", run, "missing", "--once", "--json")
    assert (ran.code, ran.err) == (0, "trainviz: note: no such file or folder: missing\n")
    assert len(documents(ran.out)) == 20


@pytest.mark.parametrize("options", [[], ["--once"], ["--json"], ["--until", "step>1"]])
@pytest.mark.parametrize("content", [b"hello\n", b"\x89PNG\r\n\x1a\n\0\0\0", b"\xff\xfe\0"])
def test_a_file_that_is_no_log(
    trainviz: Any, here: Path, content: bytes, options: list[str]
) -> None:
    """Is an error at once, however it is to be followed."""
    (here / "notes").write_bytes(content)
    ran = trainviz("tail", "notes", *options)
    assert (ran.code, ran.out) == (4, "")
    assert ran.err.startswith("trainviz: notes is no training log\n")


def test_a_log_that_cannot_be_read(trainviz: Any, here: Path) -> None:
    """It is told; once, it is an error if there is no other."""
    pointer = "version https://git-lfs.github.com/spec/v1"
    add(here / "bad", pointer)
    ran = trainviz("tail", "bad", "--once", "--json")
    assert (ran.code, ran.out) == (4, "")
    assert "git-LFS" in ran.err
    add(here / "good", *steps(1, 2))
    ran = trainviz("tail", "bad", "good", "--once", "--json")
    assert (ran.code, len(documents(ran.out)), ran.err.count("git-LFS")) == (0, 2, 1)


# --until


@pytest.fixture
def over(run: Path) -> Path:
    """A run of twenty steps that nobody has written to for years."""
    return ended_long_ago(run)


@pytest.mark.parametrize(
    ("condition", "code"),
    [
        ("step>=19", 0),
        ("step>19", 7),
        ("best(acc)>=0.95", 0),
        ("best(acc)>0.95", 7),
        ("best(loss)<=0.1", 0),
        ("last(loss)<0.1", 7),
        ("max(loss)==2", 0),
        ("acc>0.9", 0),
        ("stalled", 0),
        ("nan", 7),
        ("epoch>0", 7),
        ("no_such_key>0", 7),
    ],
)
@pytest.mark.parametrize("options", [[], ["--json"], ["--once", "--json"], ["--once"], ["-n", "1"]])
def test_until(trainviz: Any, over: Path, condition: str, code: int, options: list[str]) -> None:
    """It ends with 0 when it holds, and with 7 when nothing more can be expected."""
    ran = trainviz("tail", over, "--until", condition, *options)
    assert ran.code == code
    assert ran.err.count("\n") == 1 + ("no run has the key" in ran.err)
    assert ran.err.startswith("trainviz: note: exp1: " if code == 0 else "trainviz: ")
    assert condition in ran.err


def test_until_one_of_several_conditions(trainviz: Any, over: Path) -> None:
    """One is enough; where none holds, all are named."""
    ran = trainviz("tail", over, "--until", "step>99", "--until", "loss<1")
    assert (ran.code, ran.err) == (0, "trainviz: note: exp1: loss<1\n")
    ran = trainviz("tail", over, "--until", "step>99", "--until", "nan")
    assert (ran.code, ran.err) == (
        *(7, "trainviz: no run goes on, and step>99 or nan does not hold\n"),
    )


def test_until_one_of_several_runs(trainviz: Any, over: Path, here: Path) -> None:
    """The first run for which it holds is named; one that can't be read doesn't matter."""
    add(here / "bad", "version https://git-lfs.github.com/spec/v1")
    add(here / "other", {"loss": 1, "step": 100})
    ran = trainviz("tail", "bad", over, "other", "--until", "step>=100", "-n", 0)
    assert (ran.code, ran.out) == (0, "")
    assert ran.err.endswith("trainviz: note: other: step>=100\n")


@pytest.mark.parametrize(
    ("condition", "code"),
    [("loss", 2), ("loss>", 2), ("loss>x", 2), ("", 2), ("re:(>1", 2), ("s>1", 3)],
)
def test_until_what_makes_no_sense(trainviz: Any, here: Path, condition: str, code: int) -> None:
    """Wrong usage, or a key that fits several."""
    add(here / "exp", {"as": 1, "bs": 2, "step": 1})
    ran = trainviz("tail", "exp", "--until", condition, "--once", "--json")
    assert (ran.code, ran.err.startswith("trainviz: ")) == (code, True)


def test_until_nan(trainviz: Any, here: Path) -> None:
    """A value that isn't finite is enough."""
    add(here / "exp", {"loss": math.inf, "step": 1})
    assert trainviz("tail", "exp", "--until", "nan").code == 0


def test_until_holds_when_it_comes(spawn: Any, here: Path) -> None:
    """The record that makes it hold is printed, then it ends."""
    add(here / "exp", *steps(1))
    child = spawn("tail", "exp", "--until", "step>=3")
    read_lines(child.stdout, 1)
    add(here / "exp", *steps(2))
    read_lines(child.stdout, 1)
    add(here / "exp", *steps(3))
    assert ended(child) == (*(0, "exp step=3 loss=0.75\n", "trainviz: note: exp: step>=3\n"),)


def test_until_a_run_is_over(trainviz: Any, here: Path) -> None:
    """One that got as far as it was to go is over when it falls silent."""
    run = add(here / "exp", *steps(*range(1, 11)))
    (run / "config.py").write_text("max_iters = 10")
    ended_long_ago(run)
    ran = trainviz("tail", "exp", "--until", "stalled")
    assert (ran.code, ran.err) == (7, "trainviz: no run goes on, and stalled does not hold\n")


def test_until_it_stalls_for_good(here: Path) -> None:
    """A pause is waited for; a long silence ends it, by a clock that is never set."""
    add(here / "exp", *steps(*range(10)))
    now_s = 0.0
    follower = Follower(["exp"], clock=lambda: now_s)
    watch = Watch([Until("step>=100")])
    assert not watch.is_over()
    watch.begin(follower)
    assert not watch.is_over()  # nothing is known so far
    follower.take(follower.look())
    follower.learn()
    for now_s in (1.0, 10.0, 30.0):  # noqa: B007 - the clock
        assert not watch.is_over()
    now_s = 100_000.0
    assert watch.is_over()
    with pytest.raises(UnmetError, match="no run goes on, and step>=100 does not hold"):
        watch.report()


def test_without_until_nothing_is_over(here: Path) -> None:
    """However long there was nothing."""
    ended_long_ago(add(here / "exp", *steps(1)))
    follower = Follower(["exp"])
    watch = Watch([])
    watch.begin(follower)
    follower.take(follower.look())
    follower.learn()
    assert not watch.is_over()
    watch.stop("it was stopped")
    watch.report()


# How it ends


@pytest.mark.usefixtures("unmeasured")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    ("options", "code"), [([], 0), (["--json"], 0), (["--until", "step>99"], 7)]
)
@pytest.mark.parametrize("is_there", [True, False])
def test_signals(
    spawn: Any, here: Path, number: signal.Signals, options: list[str], code: int, *, is_there: bool
) -> None:
    """Ctrl-C and SIGTERM are an end that the user chose, unless something was waited for."""
    if is_there:
        add(here / "exp", *steps(1))
    child = spawn("tail", "exp", *options)
    read_lines(child.stdout if is_there else child.stderr, 1)
    child.send_signal(number)
    ending = ended(child)
    why = "trainviz: it was stopped, and step>99 does not hold\n" if code else ""
    assert ending == (code, "", why)


def test_a_signal_while_it_looks_for_runs(
    trainviz: Any, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also before there is anything to follow."""

    def interrupt(*_: object, **__: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(DEADLINE_S)

    monkeypatch.setattr("trainviz_cli.runs.follow.locate_runs", interrupt)
    before = signal.getsignal(signal.SIGTERM)
    assert trainviz("tail", run) == (0, "", "")
    assert trainviz("tail", run, "--until", "step>1").code == 7
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.usefixtures("unmeasured")
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_signal_while_nobody_reads(spawn: Any, here: Path, options: list[str]) -> None:
    """Where the pipe is full, it ends all the same, and the last line isn't cut."""
    add(here / "exp", *steps(*range(20_000)))
    child = spawn("tail", "exp", *options)
    for _ in range(600):
        before = _readable_bytes(child.stdout)
        time.sleep(0.05)
        if 0 < before == _readable_bytes(child.stdout):
            break
    child.terminate()
    code, out, err = ended(child)
    assert (code, err, out[-1]) == (0, "", "\n")
    if options:
        assert [each["step"] for each in documents(out)] == list(range(out.count("\n")))


def _readable_bytes(file: Any) -> int:
    """How many bytes are in a pipe."""
    return int.from_bytes(fcntl.ioctl(file, termios.FIONREAD, b"\0" * 4), sys.byteorder)


@pytest.mark.parametrize("options", [[], ["--json"], ["-n", "5"]])
def test_head(script: str, here: Path, options: list[str]) -> None:
    """Who has seen enough ends it, also where nothing more comes; that is no error."""
    add(here / "exp", *steps(*range(5)))
    ran = shell('"$@" | head -n 2', script, "exp", *options)
    assert (ran.returncode, ran.stdout.count("\n"), ran.stderr) == (0, 2, "")
    add(here / "exp", *steps(*range(5, 50_000)))
    ran = shell('"$@" | head -n 2', script, "exp", *options)
    assert (ran.returncode, ran.stdout.count("\n"), ran.stderr) == (0, 2, "")


@pytest.mark.parametrize("count", [5, 50_000])
def test_head_with_until(script: str, here: Path, count: int) -> None:
    """What was waited for did not come."""
    add(here / "exp", *steps(*range(count)))
    ran = shell('"$@" | head -n 2', script, "exp", "--until", "step>99999")
    assert (ran.returncode, ran.stdout.count("\n")) == (7, 2)
    assert ran.stderr == "trainviz: it was stopped, and step>99999 does not hold\n"


def test_grep(script: str, here: Path) -> None:
    """Each line is passed on when it comes; the match that was sought ends it at once."""
    add(here / "exp", *steps(*range(5)))
    appended = threading.Timer(0.5, add, (here / "exp", *steps(*range(5, 10))))
    appended.start()
    ran = shell('"$@" | grep -m 1 step=7', script, "exp")
    appended.join()
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "exp step=7 loss=1.75\n", "")


def test_tee(script: str, here: Path) -> None:
    """A script can keep what it prints, and go on when what it waited for is there."""
    add(here / "exp", *steps(*range(5)))
    ran = shell('"$@" | tee copy && echo done', script, "exp", "--until", "step>=4")
    assert ran.stdout == f"{(here / 'copy').read_text()}done\n"
    assert ran.stdout.count("\n") == 6


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")  # noqa: PTH110
@pytest.mark.parametrize("options", [[], ["--json"], ["--once"], ["--until", "step>99"]])
def test_a_full_disk(script: str, run: Path, options: list[str]) -> None:
    """Is told in one line."""
    ran = shell('"$@" > /dev/full', script, run, *options)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == f"trainviz: can't write the output: {os.strerror(errno.ENOSPC)}\n"


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- 2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize(
    ("options", "code"),
    [(["--once", "--json"], 0), (["--until", "step>=19"], 0), (["--until", "step>19"], 7)],
)
def test_streams_that_are_closed(
    script: str, over: Path, closed: str, options: list[str], code: int
) -> None:
    """Those that are open get what they get else."""
    ran = shell(f'"$@" {closed}', script, over, *options)
    assert ran.returncode == code
    assert len(ran.stdout.splitlines()) == (0 if ">&-" in closed.split() else 20)
    assert "Traceback" not in ran.stderr


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """Both ends of a terminal."""
    master, slave = pty.openpty()
    yield master, slave
    os.close(master)


@pytest.mark.usefixtures("unmeasured")
@pytest.mark.parametrize(
    ("term", "stdin_is_terminal"), [("dumb", True), ("", True), ("unknown", True), ("xterm", False)]
)
def test_terminals_that_cannot_be_drawn_on(
    spawn: Any, here: Path, terminal: tuple[int, int], term: str, *, stdin_is_terminal: bool
) -> None:
    """They get lines, without any escape, and Ctrl-C ends it."""
    master, slave = terminal
    add(here / "exp", *steps(1, 2))
    stdin = slave if stdin_is_terminal else subprocess.DEVNULL
    child = spawn("tail", "exp", env={"TERM": term}, stdin=stdin, stdout=slave)
    os.close(slave)
    assert read_lines(master, 2) == ["exp step=1 loss=0.25", "exp step=2 loss=0.5"]
    add(here / "exp", *steps(3))
    assert read_lines(master, 1) == ["exp step=3 loss=0.75"]
    child.send_signal(signal.SIGINT)
    assert ended(child) == (0, "", "")


def test_a_terminal_that_goes_away(spawn: Any, here: Path, terminal: tuple[int, int]) -> None:
    """Nobody is left to read, so it ends."""
    master, slave = terminal
    add(here / "exp", *steps(1))
    child = spawn("tail", "exp", env={"TERM": "dumb"}, stdin=slave, stdout=slave)
    os.close(slave)
    read_lines(master, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), master)
    code, _, err = ended(child)
    assert (code, err) == (0, "")


def test_waiting_where_a_stream_cannot_be_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    """As terminals of macOS can't: the wait takes its time all the same."""
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    descriptor = os.open(os.devnull, os.O_WRONLY)
    os.close(descriptor)
    fileno: Callable[[], int] = lambda: descriptor  # noqa: E731 - a method
    with patch.object(sys.stdout, "fileno", fileno, create=True):
        wait_for_reader(0.01)
    assert waited == [0.01]


# What a first user met


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run so long that not all of its samples are kept, with one that stands out."""
    run = tmp_path_factory.mktemp("long") / "run"
    run.mkdir()
    with (run / "scalars.json").open("w", encoding="utf-8") as file:
        for step in range(60_000):
            loss = 7.0 if step == 34_567 else 0.2 + step % 7 / 100
            file.write(f'{{"step": {step}, "loss": {loss}}}\n')
    return run


@pytest.mark.parametrize("options", [["--xlim", "34560:34575"], ["--xlim", "34567:34568"]])
def test_one_frame_of_a_stretch_is_exact(trainviz: Any, long: Path, options: list[str]) -> None:
    """The samples in it are read again: the curve is low but for one step."""
    ran = trainviz("tail", long, "--once", "--ascii", *options)
    assert ran.code == 0
    live, drawn = ran.lines, trainviz("plot", long, "-k", "loss", "--ascii", *options).lines
    for lines in (live, drawn):
        ticks = [line.partition("+")[0].strip() for line in lines if "+" in line]
        assert any(tick.startswith(("6", "7")) for tick in ticks)
        assert not any(tick.startswith(("8", "9", "1")) for tick in ticks[:1])


def test_one_frame_without_the_key(trainviz: Any, run: Path) -> None:
    """As everywhere, a key that isn't there is not found."""
    ran = trainviz("tail", run, "--once", "-k", "nosuch")
    assert (ran.code, ran.out) == (3, "")
    assert ran.err.startswith("trainviz: no key matches 'nosuch'\n")


def test_no_index(trainviz: Any, run: Path) -> None:
    """Where not all samples are kept, none has a number."""
    ran = trainviz("tail", run, "--once", "-x", "index")
    assert ran.code == 2
    assert "plot -x index" in ran.err


def test_a_key_that_nobody_logs_is_said_once(spawn: Any, here: Path) -> None:
    """Whoever mistyped it needn't wait for ever to learn that."""
    add(here / "exp", *steps(1, 2))
    child = spawn("tail", "exp", "--until", "best(val/mAPP)>0.3")
    assert (
        child.stderr.readline()
        == b"trainviz: note: no run has the key of best(val/mAPP)>0.3 so far\n"
    )
    add(here / "exp", {"step": 3, "val/mAPP": 0.5})
    assert ended(child)[0] == 0


def test_until_it_is_finished(trainviz: Any, here: Path) -> None:
    """A run that got as far as its configuration says is finished, and no other."""
    add(here / "exp", *steps(1, 10))
    for total, code in ((10, 0), (100, 7)):
        (here / "exp" / "config.py").write_text(f"total_steps = {total}\n")
        ended_long_ago(here / "exp")
        assert trainviz("tail", "exp", "--until", "finished", "--once").code == code

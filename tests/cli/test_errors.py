"""What goes wrong ends with the documented exit code, in one line and a hint, never a traceback."""

import errno
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainviz_cli import formats

FORMATS = [file.stem for file in Path(formats.__file__).parent.glob("[!_]*")]
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 12\n"
NOBODY = 65534


def assert_error(ran: Any, code: int) -> tuple[str, str]:
    """The error's line and its hint, after checking that there is nothing else."""
    lines = ran.err.split("\n")
    assert lines.pop() == ""
    hint = lines.pop()[len("  hint: ") :] if lines[-1].startswith("  hint: ") else ""
    line = lines.pop()
    notes = ("trainviz: note: ", "  ")
    assert (ran.code, ran.out) == (code, ""), ran
    assert re.match(r"trainviz: (?!note: )\S", line), ran.err
    assert all(note.startswith(notes) for note in lines), ran.err
    assert "Traceback" not in ran.err
    return line.removeprefix("trainviz: "), hint


@pytest.fixture
def place(log: Any, tmp_path: Path, samples: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with what can be wrong in it."""
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    Path("other").mkdir()
    Path("other/notes.txt").write_text("no log\n")
    Path("text.log").write_text("no log\n")
    Path("nothing.json").write_bytes(b"")
    Path("garbage.bin").write_bytes(bytes(range(256)) * 20)
    log(tmp_path / "zero", [])
    log(tmp_path / "noise", ["\0\1\2 garbage \x7f", "more of it"])
    log(tmp_path / "pointer", POINTER.splitlines())
    log(tmp_path / "good", [{"train/acc": 0.5, "val/acc": 0.5, "val/loss": 1, "step": 1}])
    log(tmp_path / "damaged", [{"loss": 1, "step": 0}, '{"loss": 2, "st', {"loss": 3, "step": 2}])
    Path("sgd").symlink_to(samples / "sgd_seed0")
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "code", "line", "hint"),
    [
        ("missing", 3, "no such file or folder: missing", ""),
        ("good missing", 3, "no such file or folder: missing", ""),
        ("nothing-like-it*", 3, r"nothing matches nothing-like-it\*", ""),
        ("empty", 3, "the folder empty is empty", ""),
        ("other", 3, "no training log in other", f"formats tried: .*{FORMATS[0]}"),
        ("text.log", 4, "text.log is no training log", f"formats tried: .*{FORMATS[0]}"),
        ("good -k los-angeles", 3, "no key matches 'los-angeles'", "nearest: .*val/loss"),
        ("good -k zzz", 3, "no key matches 'zzz'", "train/acc, val/acc, val/loss"),
        ("good -k acc", 3, "'acc' fits 2 keys", "train/acc, val/acc"),
        ("good -k test/*", 3, r"no key matches 'test/\*'", "val/acc"),
        ("good -k re:(", 2, r"'re:\(' is no valid pattern", ""),
        ("good -x wall", 3, "good: -x: no key matches 'wall'", "val/"),
        ("good -x acc", 3, "good: -x: 'acc' fits 2 keys", "train/acc, val/acc"),
        ("good -x epoch", 3, ".* has no epoch axis", "-x step"),
        ("good -x time", 3, ".* has no time axis", "-x step"),
        ("good -k", 2, "Option '-k' requires an argument", "trainviz plot --help"),
        ("good --nope", 2, "No such option.*--nope", "trainviz plot --help"),
        ("", 2, "Missing argument.*RUN", "trainviz plot --help"),
        ("good --smooth ema", 2, "smoothing 'ema' needs a number", "ema:0.9"),
        ("good --smooth ema:1", 2, "smoothing 'ema:1' is out of range", "ema:0.9"),
        ("good --smooth mean:2.5", 2, "smoothing 'mean:2.5' is out of range", "mean:20"),
        ("good --smooth median:nan", 2, "smoothing 'median:nan' is out of range", "median:20"),
        ("good --smooth cubic:3", 2, "unknown smoothing 'cubic:3'", "gauss:5"),
        ("good --xlim 5", 2, "--xlim takes A:B, not '5'", "--xlim 0:1"),
        ("good --xlim a:b", 2, "--xlim takes A:B, not 'a:b'", "--xlim 0:1"),
        ("good --ylim 0:inf", 2, "--ylim takes A:B, not '0:inf'", "--ylim 0:1"),
        ("good --ylim 5:1", 2, "--ylim 5:1 doesn't begin before its end", ""),
        ("good --log-y --ylim -1:5", 2, "--ylim must lie above 0", ""),
        ("good --width 23", 2, "Invalid value for '--width'.*24", "trainviz plot --help"),
        ("good --width 10001", 2, "Invalid value for '--width'.*10000", "trainviz plot --help"),
        ("good --width wide", 2, "Invalid value for '--width'", "trainviz plot --help"),
        ("good --height 5", 2, "Invalid value for '--height'.*6", "trainviz plot --help"),
        ("good --overlap both", 2, "Invalid value for '--overlap'", "trainviz plot --help"),
        ("good --color green", 2, "Invalid value for '--color'", "trainviz plot --help"),
        ("good -o chart.jpg", 2, "can't write .jpg", "png.*svg.*pdf"),
        ("good -o chart", 2, "can't write", "png.*svg.*pdf"),
        ("pointer", 4, "pointer/scalars.json is a git-LFS pointer", "git lfs pull"),
        ("pointer/scalars.json", 4, ".*scalars.json is a git-LFS pointer", "git lfs pull"),
        ("zero", 4, "zero holds no record", ".+"),
        ("nothing.json", 4, "nothing.json is no training log", ".+"),
        ("noise", 4, "noise holds no record", ".+"),
        ("garbage.bin", 4, "garbage.bin is no training log", f"formats tried: .*{FORMATS[0]}"),
        ("good damaged --strict", 4, "damaged/scalars.json, byte 23: ", "without --strict"),
        ("damaged --strict", 4, "damaged/scalars.json, byte 23: ", "without --strict"),
    ],
)
@pytest.mark.usefixtures("place")
def test_error_is_one_line(trainviz: Any, arguments: str, code: int, line: str, hint: str) -> None:
    """The exit code is the documented one; the line says what is wrong, the hint what to do."""
    said, cure = assert_error(trainviz("plot", *arguments.split()), code)
    assert re.match(line, said)
    assert re.search(hint, cure)


@pytest.mark.parametrize("arguments", ["missing", "good -k zzz", "good --xlim 5:1", "zero"])
@pytest.mark.usefixtures("place")
def test_error_leaves_no_half_document(trainviz: Any, arguments: str) -> None:
    """With `--json`, too, stdout stays empty, and the request is judged the same."""
    plain = trainviz("plot", *arguments.split())
    assert assert_error(trainviz("plot", *arguments.split(), "--json"), plain.code)


@pytest.mark.usefixtures("place")
def test_git_lfs_pointer_of_another_name(trainviz: Any) -> None:
    """A pointer in place of a log is called one, whatever the log is called."""
    Path("run.jsonl").write_text(POINTER)
    said, hint = assert_error(trainviz("plot", "run.jsonl"), 4)
    assert "git-LFS pointer" in said
    assert hint == "git lfs pull"


@pytest.mark.usefixtures("place")
def test_strict_accepts_a_sound_log(trainviz: Any) -> None:
    """`--strict` is about damage only."""
    assert trainviz("plot", "good", "--strict").code == 0
    assert trainviz("plot", "sgd", "--strict").code == 0


def test_unknown_command(trainviz: Any) -> None:
    """A command there is none of is wrong usage."""
    said, hint = assert_error(trainviz("plto"), 2)
    assert "plto" in said
    assert hint == "trainviz --help"


def test_no_command_is_help(trainviz: Any) -> None:
    """Nothing at all prints what there is, and is no error."""
    ran = trainviz()
    assert (ran.code, ran.err) == (0, "")
    assert "plot" in ran.out


@pytest.mark.parametrize("name", ["a" * 5000, "a" * 5000 + "*", "a/" * 3000, "\udcff"])
def test_impossible_path(trainviz: Any, name: str) -> None:
    """A path no file system takes is an error like any other."""
    ran = trainviz("plot", name)
    assert ran.code in {3, 4}
    assert_error(ran, ran.code)


@pytest.mark.usefixtures("place")
def test_figure_where_no_file_can_be(trainviz: Any) -> None:
    """A figure that can't be written is an error with a documented exit code and no lie in it."""
    Path("folder.png").mkdir()
    ran = trainviz("plot", "good", "-o", "folder.png")
    said, hint = assert_error(ran, ran.code)
    assert "folder.png" in said
    assert "what was logged before" not in hint
    assert ran.code in {2, 3, 4, 6}


@pytest.fixture
def closed_folder(log: Any) -> Iterator[Path]:
    """A folder, with a log in it, that this process may not look into."""
    with tempfile.TemporaryDirectory() as name:
        outer = Path(name)
        outer.chmod(0o755)
        folder = log(outer / "closed", [{"loss": 1, "step": 0}])
        folder.chmod(0)
        user = os.geteuid()
        if not user:
            os.seteuid(NOBODY)
        try:
            yield folder
        finally:
            os.seteuid(user)
            folder.chmod(0o700)


@pytest.fixture
def closed_file(log: Any) -> Iterator[Path]:
    """A log under a name of its own that this process may not read."""
    with tempfile.TemporaryDirectory() as name:
        outer = Path(name)
        outer.chmod(0o755)
        file = (log(outer / "exp", [{"loss": 1, "step": 0}]) / "scalars.json").rename(
            outer / "log.json"
        )
        file.chmod(0)
        user = os.geteuid()
        if not user:
            os.seteuid(NOBODY)
        try:
            yield file
        finally:
            os.seteuid(user)


def test_folder_without_permission(trainviz: Any, closed_folder: Path) -> None:
    """What may not be looked into can't be read, and the reason is given."""
    said, _ = assert_error(trainviz("plot", closed_folder), 4)
    assert said == f"can't read {closed_folder}: {os.strerror(errno.EACCES)}"


def test_file_without_permission(trainviz: Any, closed_file: Path) -> None:
    """A log that may not be read is called that, rather than no log."""
    said, _ = assert_error(trainviz("plot", closed_file), 4)
    assert os.strerror(errno.EACCES) in said


def test_interrupt_ends_with_130(trainviz: Any, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while a command works is no error to explain."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("trainviz_cli.analysis.panels.build_panels", interrupted)
    ran = trainviz("plot", run)
    assert (ran.code, ran.out, ran.err.strip()) == (130, "", "")


WAITING = """
import sys, time
import trainviz_cli.runs
from trainviz_cli.__main__ import main

def locate_runs(*arguments):
    print("waiting", flush=True)
    time.sleep(60)

trainviz_cli.runs.locate_runs = locate_runs
sys.argv = ["trainviz", "plot", "run"]
main()
"""


def test_interrupt_of_the_process() -> None:
    """A signal to a process at work ends it the same way."""
    child = subprocess.Popen(
        [sys.executable, "-c", WAITING], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"waiting\n"
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert (child.returncode, out, err.strip()) == (130, b"", b"")


def test_pipes_are_not_waited_for(trainviz: Any, tmp_path: Path) -> None:
    """A pipe in place of a log, of its side file or of a folder's only file hangs nothing."""
    (tmp_path / "run").mkdir()
    os.mkfifo(tmp_path / "run" / "scalars.json")
    assert trainviz("plot", tmp_path / "run" / "scalars.json").code == 4
    assert trainviz("plot", tmp_path).code == 3
    (tmp_path / "run" / "scalars.json").unlink()
    (tmp_path / "run" / "scalars.json").write_text('{"loss": 1, "step": 1}\n', encoding="utf-8")
    os.mkfifo(tmp_path / "run" / "scalars.times")
    assert trainviz("plot", tmp_path).code == 0


def test_nobody_reads_the_error(spawn: Any, tmp_path: Path) -> None:
    """When who read stderr is gone, the exit code still says what happened."""
    reading, writing = os.pipe()
    os.close(reading)
    child = spawn("plot", tmp_path / "missing", stderr=writing)
    os.close(writing)
    out, _ = child.communicate(timeout=60)
    assert (child.returncode, out) == (3, b"")


@pytest.mark.parametrize("arguments", [["plot", "--json"], ["plot"], ["formats"], ["--help"]])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_reader_that_has_seen_enough(
    spawn: Any, samples: Path, arguments: list[str], unbuffered: str
) -> None:
    """When who reads stdout is gone, the command ends in silence, as if it had been heard."""
    reading, writing = os.pipe()
    os.close(reading)
    more = [samples] if arguments[0] == "plot" else []
    child = spawn(*arguments, *more, stdout=writing, env={"PYTHONUNBUFFERED": unbuffered})
    os.close(writing)
    _, err = child.communicate(timeout=60)
    assert (child.returncode, err) == (0, b"")


def test_head_of_a_pipe(script: str, samples: Path) -> None:
    """`| head -1` takes its line, and nothing else is heard."""
    line = f"{script} plot {samples} --json | head -c 1; {script} plot {samples} | head -1"
    ran = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True)
    assert (ran.stdout, ran.stderr) == ("{train/loss\n", "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="has no device that is always full")
@pytest.mark.parametrize("arguments", [["plot", "--json"], ["plot"], ["formats"]])
def test_full_disk(spawn: Any, samples: Path, arguments: list[str]) -> None:
    """Where the result can't be written, one line says so, and the exit code isn't 0."""
    more = [samples] if arguments[0] == "plot" else []
    with Path("/dev/full").open("wb") as full:
        child = spawn(*arguments, *more, stdout=full)
        _, err = child.communicate(timeout=60)
    assert child.returncode != 0
    assert re.fullmatch(rb"trainviz: .*No space left on device\n(  hint: .*\n)?", err)


def test_closed_stdout(script: str, run: Path) -> None:
    """Without any stdout there is still no traceback."""
    line = f"{script} plot {run} >&-"
    ran = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False)
    assert "Traceback" not in ran.stderr
    assert len(ran.stderr.splitlines()) <= 2


def test_module_runs_like_the_script(run: Path) -> None:
    """`python -m trainviz_cli` is the same command."""
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-m", "trainviz_cli", "plot", run, "-k", "nope"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (3, "")
    assert ran.stderr.startswith("trainviz: no key matches 'nope'\n  hint: ")


@settings(deadline=None, max_examples=150)
@given(data=st.binary(max_size=300), name=st.sampled_from(["scalars.json", "other.log"]))
def test_no_bytes_break_a_reading(trainviz: Any, scratch: Path, data: bytes, name: str) -> None:
    """Any bytes in place of a log are read, or are an error of the documented kinds."""
    file = scratch / name
    file.write_bytes(data)
    ran = trainviz("plot", file)
    if ran.code:
        assert_error(ran, 4)


@settings(deadline=None, max_examples=150)
@given(
    option=st.sampled_from("-k -x --smooth --xlim --ylim --title --width --overlap".split()),
    value=st.text(max_size=20),
)
def test_no_option_value_breaks_a_command(
    trainviz: Any, samples: Path, option: str, value: str
) -> None:
    """Any text as the value of an option is used, or is an error of the documented kinds."""
    ran = trainviz("plot", samples / "sgd_seed0", "-k", "lr", option, value)
    if ran.code:
        assert ran.code in {2, 3}
        assert_error(ran, ran.code)

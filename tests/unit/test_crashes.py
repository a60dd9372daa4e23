"""What is on the disk after a kill, a fork, a full disk; and with many writers at once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

# what is imported on first use must be there before a test gives up its rights
import trainviz_cli.codecs.png
import trainviz_cli.imaging.pixels
import trainviz_cli.writing.config  # noqa: F401
from trainviz_cli import LocalVisBackend, open_run
from trainviz_cli.errors import WriteError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Call = Callable[[LocalVisBackend], None]

NOBODY = 65534
PICTURE = np.zeros((2, 2, 3), np.uint8)

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
needs_dev_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")

WRITES = pytest.mark.parametrize(
    "call",
    [
        lambda vis: vis.add_scalar("a", 2, 2),
        lambda vis: vis.add_scalars({"a": 2}, 2),
        lambda vis: vis.add_scalars({"a": 2}, 2, file_path="extra.json"),
        lambda vis: vis.add_image("a", PICTURE),
        lambda vis: vis.add_image("sub/a", PICTURE),
        lambda vis: vis.add_config({"lr": 2}),
    ],
    ids=["add_scalar", "add_scalars", "extra file", "add_image", "sub-folder", "add_config"],
)


def python(script: str, *arguments: object) -> list[str]:
    """The command that runs a script with warnings as errors and the backend imported."""
    imports = "import os, sys\nfrom trainviz_cli import LocalVisBackend\n"
    return [sys.executable, "-W", "error", "-c", imports + script, *map(str, arguments)]


def run(script: str, *arguments: object) -> None:
    """Run a script in a process of its own, to its end."""
    done = subprocess.run(
        python(script, *arguments), capture_output=True, check=False, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr


def records(folder: Path) -> list[dict[str, Any]]:
    """Every line of the scalar log; each must be whole."""
    text = (folder / "scalars.json").read_bytes()
    assert text.endswith(b"\n")
    return [json.loads(line) for line in text.splitlines()]


def contents(folder: Path) -> dict[Path, bytes | None]:
    """Every file with its bytes, and every folder, drafts included."""
    return {
        path: path.read_bytes() if path.is_file() else None for path in sorted(folder.rglob("*"))
    }


# A process that dies


KILLED = """
vis = LocalVisBackend(sys.argv[1])
for step in range(100):
    vis.add_scalar("a", step / 7, step)
    print(step, flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
def test_kill_9_loses_nothing(tmp_path: Path) -> None:
    """Each value can be read by another process at once, and all of them after a SIGKILL."""
    with subprocess.Popen(
        python(KILLED, tmp_path), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        seen = []
        while len(seen) < 100 and (line := child.stdout.readline()):
            seen.append(len(records(tmp_path)) > int(line))
        os.kill(child.pid, signal.SIGKILL)
    assert child.returncode == -signal.SIGKILL
    assert seen == [True] * 100
    series = open_run(tmp_path, strict=True)["a"]
    assert series.steps.tolist() == list(range(100))
    assert series.values.tolist() == [step / 7 for step in range(100)]


@pytest.mark.parametrize(
    "end", ["os._exit(3)", "os.kill(os.getpid(), 15)", "sys.exit(3)", "raise KeyError"]
)
def test_no_end_loses_anything(tmp_path: Path, end: str) -> None:
    """However a process ends without close, what it logged is there."""
    script = f"LocalVisBackend(sys.argv[1]).add_scalars({{'a': 1}}, 3, 'extra.json')\n{end}"
    done = subprocess.run(python(script, tmp_path), capture_output=True, check=False)
    assert done.returncode != 0
    assert records(tmp_path) == [{"a": 1, "step": 3}]
    assert (tmp_path / "extra.json").read_text() == '{"a": 1, "step": 3}\n'


# Many writers


def test_threads(tmp_path: Path) -> None:
    """Eight threads log a thousand values each into one backend: every line is whole and there."""
    with LocalVisBackend(tmp_path) as vis:
        start = threading.Barrier(8)

        def log(number: int) -> None:
            start.wait()
            for step in range(1000):
                vis.add_scalars({f"thread {number}": "x" * (step % 50)}, step)

        threads = [threading.Thread(target=log, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    found = records(tmp_path)
    assert len(found) == 8000
    for number in range(8):
        own = [line for line in found if f"thread {number}" in line]
        assert [line["step"] for line in own] == list(range(1000))
        assert all(line[f"thread {number}"] == "x" * (line["step"] % 50) for line in own)


WRITER = """
vis = LocalVisBackend(sys.argv[1])
print("ready", flush=True)
sys.stdin.read()
for step in range(1000):
    vis.add_scalars({sys.argv[2]: "x" * (step % 50)}, step)
vis.close()
"""


def test_processes(tmp_path: Path) -> None:
    """Four processes log a thousand values each into one folder: every line is whole and there."""
    gate, opener = os.pipe()
    writers = [
        subprocess.Popen(
            python(WRITER, tmp_path, f"process {number}"), stdin=gate, stdout=subprocess.PIPE
        )
        for number in range(4)
    ]
    os.close(gate)
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
    os.close(opener)  # which all four are waiting for
    assert [writer.communicate(timeout=60) for writer in writers] == [(b"", None)] * 4
    assert [writer.returncode for writer in writers] == [0] * 4
    found = records(tmp_path)
    assert len(found) == 4000
    for number in range(4):
        own = [line for line in found if f"process {number}" in line]
        assert [line["step"] for line in own] == list(range(1000))
        assert all(line[f"process {number}"] == "x" * (line["step"] % 50) for line in own)


FORKED = """
vis = LocalVisBackend(sys.argv[1])
if sys.argv[2] == "open":
    vis.add_scalar("before", 1)
child = os.fork()
for step in range(500):
    vis.add_scalar("parent" if child else "child", step, step)
vis.close()
if child:
    _, status = os.waitpid(child, 0)
    assert status == 0
    vis.add_scalar("after", 1)
"""

POOL = """
import multiprocessing

def log(number):
    for step in range(300):
        vis.add_scalars({f"child {number}": step}, step, file_path="extra.json")

vis = LocalVisBackend(sys.argv[1])
vis.add_scalar("before", 1)
fork = multiprocessing.get_context("fork")
children = [fork.Process(target=log, args=(number,)) for number in range(3)]
for child in children:
    child.start()
for step in range(300):
    vis.add_scalar("parent", step, step)
for child in children:
    child.join()
    assert child.exitcode == 0
vis.add_scalar("after", 1)
"""


@needs_fork
@pytest.mark.parametrize("opened", ["open", "not open"])
def test_fork(tmp_path: Path, opened: str) -> None:
    """Parent and child both write after a fork, before which the log was open or was not."""
    run(FORKED, tmp_path, opened)
    found = records(tmp_path)
    assert len(found) == 1000 + 1 + (opened == "open")
    for name in ("parent", "child"):
        assert [line[name] for line in found if name in line] == list(range(500))


@needs_fork
def test_multiprocessing_fork(tmp_path: Path) -> None:
    """Workers that multiprocessing forks write beside their parent."""
    run(POOL, tmp_path)
    found = records(tmp_path)
    assert len(found) == 4 * 300 + 2
    for name in ("parent", "child 0", "child 1", "child 2"):
        assert [line[name] for line in found if name in line] == list(range(300))
    assert (tmp_path / "extra.json").read_text().count("\n") == 900


# A full disk


FILE_LIMIT = """
import resource, signal
from trainviz_cli.errors import WriteError

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
folder, room = sys.argv[1], int(sys.argv[2])
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))

vis = LocalVisBackend(folder)
vis.add_scalar("a", 1, 1)
vis.add_config({"lr": 1})
size = os.path.getsize(folder + "/scalars.json")
limit(size + room)
for _ in range(3):
    try:
        vis.add_scalar("a", 2, 2)
    except WriteError as error:
        assert "scalars.json: File too large" in str(error), error
    else:
        raise AssertionError("no error")
assert os.path.getsize(folder + "/scalars.json") == size + room
limit(10)
try:
    vis.add_config({"lr": 2, "long": "x" * 1000})
except WriteError as error:
    assert "config.py: File too large" in str(error), error
else:
    raise AssertionError("no error")
limit(hard)
vis.add_scalar("a", 3, 3)
vis.close()
"""


@pytest.mark.parametrize("room", [0, 1, 10, 18])
def test_a_full_disk(tmp_path: Path, room: int) -> None:
    """With room for a part of a record: an error each time, and after that all is well again."""
    pytest.importorskip("resource")
    run(FILE_LIMIT, tmp_path, room)
    torn = [b'{"a": 2, "step": 2}\n'[:room]] if room else []
    lines = (tmp_path / "scalars.json").read_bytes().splitlines()
    assert lines == [b'{"a": 1, "step": 1}', *torn, b'{"a": 3, "step": 3}']
    series = open_run(tmp_path)["a"]
    assert (series.steps.tolist(), series.values.tolist()) == ([1, 3], [1, 3])
    assert (tmp_path / "config.py").read_text() == "lr = 1\n"
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"scalars.json", "scalars.times", "config.py"}


@needs_dev_full
@pytest.mark.parametrize("name", ["scalars.json", "extra.json"])
def test_dev_full(tmp_path: Path, name: str) -> None:
    """A disk without any room is one WriteError, which is also an OSError, for each record."""
    (tmp_path / name).symlink_to("/dev/full")
    vis = LocalVisBackend(tmp_path)
    for _ in range(2):
        with pytest.raises(WriteError, match=rf"{name}: No space left on device") as caught:
            vis.add_scalars({"a": 1}, file_path="extra.json")
        assert isinstance(caught.value, OSError)


@needs_dev_full
def test_times_on_a_full_disk(tmp_path: Path) -> None:
    """A side file that can't be written at all costs no record."""
    (tmp_path / "scalars.times").symlink_to("/dev/full")
    (tmp_path / "scalars.json").write_text('{"a": 1, "step": 0}\n')  # an empty one is truncated
    with LocalVisBackend(tmp_path) as vis:
        vis.add_scalar("a", 2, 1)
    assert [line["a"] for line in records(tmp_path)] == [1, 2]


# A folder that can't be written


@pytest.fixture
def read_only_run() -> Iterator[Path]:
    """A run with one of everything, that this process may read and not write."""
    with TemporaryDirectory() as name:
        folder = Path(name) / "run"
        with LocalVisBackend(folder) as vis:
            vis.add_scalars({"a": 1}, 1, file_path="extra.json")
            vis.add_image("a", PICTURE)
            vis.add_config({"lr": 1})
        paths = [folder, *folder.rglob("*")]
        for path in paths:
            path.chmod(0o555 if path.is_dir() else 0o444)
        is_root = hasattr(os, "geteuid") and os.geteuid() == 0
        if is_root:  # whom no mode keeps out
            Path(name).chmod(0o755)
            os.seteuid(NOBODY)
        yield folder
        if is_root:
            os.seteuid(0)
        for path in paths:
            path.chmod(0o755)


@WRITES
def test_a_read_only_run(read_only_run: Path, call: Call) -> None:
    """Every call is one WriteError that names the file, and the run stays as it was."""
    before = contents(read_only_run)
    with pytest.raises(WriteError, match="Permission denied") as caught:
        call(LocalVisBackend(read_only_run))
    assert isinstance(caught.value, OSError)
    assert str(read_only_run) in str(caught.value)
    assert contents(read_only_run) == before
    assert open_run(read_only_run)["a"].values.tolist() == [1]


@WRITES
def test_a_read_only_parent(read_only_run: Path, call: Call) -> None:
    """A run directory that can't be made is one WriteError as well."""
    with pytest.raises(WriteError, match="Permission denied"):
        call(LocalVisBackend(read_only_run / "new"))
    assert not (read_only_run / "new").exists()


@WRITES
def test_a_parent_that_is_a_file(tmp_path: Path, call: Call) -> None:
    """A run directory below a file is one WriteError, and the file stays as it was."""
    (tmp_path / "file").write_text("mine")
    with pytest.raises(WriteError, match=r"can't write .*: (Not a directory|File exists)"):
        call(LocalVisBackend(tmp_path / "file" / "run"))
    with pytest.raises(WriteError, match=r"can't write .*: (Not a directory|File exists)"):
        call(LocalVisBackend(tmp_path / "file"))
    assert contents(tmp_path) == {tmp_path / "file": b"mine"}


def test_the_run_survives_a_failure(tmp_path: Path) -> None:
    """After an error the same backend writes again as soon as it can."""
    (tmp_path / "run").write_text("in the way")
    vis = LocalVisBackend(tmp_path / "run")
    with pytest.raises(WriteError):
        vis.add_scalar("a", 1, 1)
    (tmp_path / "run").unlink()
    vis.add_scalar("a", 2, 2)
    vis.close()
    assert records(tmp_path / "run") == [{"a": 2, "step": 2}]

"""What tests of the command line share: the command run in this process, and logs to run it on."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import pytest

from trainviz_cli.cli import run_trainviz

SAMPLES = Path(__file__).parents[2] / "sample_runs"


class Ran(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """The lines of stdout."""
        return self.out.split("\n")[:-1]


class Stream(io.TextIOWrapper):
    """A standard stream that keeps what is written to it, and may pose as a terminal."""

    def __init__(self, encoding: str, errors: str, *, is_terminal: bool) -> None:
        """Starts empty."""
        super().__init__(io.BytesIO(), encoding, errors, newline="\n")
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        """Whether it poses as a terminal."""
        return self._is_terminal

    def written(self) -> str:
        """All that was written."""
        self.flush()
        written: bytes = self.buffer.getvalue()  # type: ignore[attr-defined]
        return written.decode(self.encoding, "replace")


def run_here(*args: object, encoding: str = "utf-8", is_terminal: bool = False) -> Ran:
    """Runs `trainviz` with these arguments in this process."""
    out = Stream(encoding, "strict", is_terminal=is_terminal)
    err = Stream(encoding, "backslashreplace", is_terminal=is_terminal)
    with (
        patch.object(sys, "argv", ["trainviz", *map(str, args)]),
        redirect_stdout(out),
        redirect_stderr(err),
        pytest.raises(SystemExit) as ended,
    ):
        run_trainviz()
    code = ended.value.code
    assert isinstance(code, int)
    return Ran(code, out.written(), err.written())


def write_log(folder: Path, records: Iterable[dict[str, object] | str]) -> Path:
    """A run directory with these records, or lines as they stand."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [line if isinstance(line, str) else json.dumps(line) for line in records]
    (folder / "scalars.json").write_text("".join(line + "\n" for line in lines), "utf-8")
    return folder


@pytest.fixture(autouse=True)
def _plain_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of whoever runs the tests reaches the command."""
    for name in ("COLUMNS", "NO_COLOR", "COLORTERM", "PYTHONUNBUFFERED", "PYTHONIOENCODING"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


@pytest.fixture(scope="session")
def trainviz() -> Callable[..., Ran]:
    """The command, run in this process; see `run_here`."""
    return run_here


@pytest.fixture(scope="session")
def log() -> Callable[..., Path]:
    """Writes a run directory; see `write_log`."""
    return write_log


@pytest.fixture(scope="session")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for logs that a property's examples write over one another."""
    return tmp_path_factory.mktemp("scratch")


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of six real runs."""
    return SAMPLES


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of twenty steps with a loss that falls and an accuracy that rises."""
    rows = [{"loss": 2 / (1 + i), "acc": i / 20, "step": i} for i in range(20)]
    return write_log(tmp_path / "exp1", rows)


@pytest.fixture(scope="session")
def script() -> str:
    """The console script as it is installed."""
    return str(Path(sys.executable).with_name("trainviz"))


@pytest.fixture
def spawn(script: str) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts the console script; whatever still runs when the test is over is ended."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*args: object, env: dict[str, str] | None = None, **how: object) -> object:
        child = subprocess.Popen(  # type: ignore[call-overload]
            [script, *map(str, args)],
            env={**os.environ, "PYTHONWARNINGS": "error", **(env or {})},
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **how},
        )
        started.append(child)
        return child

    yield start  # type: ignore[misc]
    for child in started:
        child.kill()
        child.communicate()

"""What is imported, and when: training code and the command line start fast."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from trainviz_cli import LocalVisBackend

if TYPE_CHECKING:
    from pathlib import Path

HEAVY = {"numpy", "PIL", "rich", "matplotlib", "torch", "jax", "pandas", "scipy", "tensorboard"}
LOG = "from trainviz_cli import LocalVisBackend\nvis = LocalVisBackend('run')\n"


def imported(folder: Path, *arguments: str) -> set[str]:
    """The packages and modules of the highest level that a Python of these arguments imports."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments],
        capture_output=True,
        check=False,
        cwd=folder,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    names = [line.rpartition("|")[2].strip() for line in done.stderr.splitlines()]
    assert "encodings" in names  # they are import times
    return {name.partition(".")[0] for name in names}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run with two keys, an outlier and NaN."""
    with LocalVisBackend(tmp_path / "run") as vis:
        for step in range(100):
            vis.add_scalars({"loss": 1 / (step + 1), "acc": step / 100}, step)
        vis.add_scalars({"loss": float("nan"), "acc": 1e9}, 100)
    return tmp_path / "run"


@pytest.mark.parametrize(
    "script",
    [
        "import trainviz_cli",
        "import trainviz_cli; dir(trainviz_cli)",
        "from trainviz_cli import LocalVisBackend",
        "from trainviz_cli import TrainvizError",
        LOG + "vis.add_scalar('loss', 0.5, step=1)",
        LOG + "vis.add_scalar('loss', float('nan'), step=1); vis.close()",
        LOG + "vis.add_scalars({'loss': 0.5, 'more': [1, 2]}, file_path='more.json')",
        LOG + "vis.add_config({'lr': 1})",
    ],
    ids=lambda script: script.removeprefix(LOG),
)
def test_training_imports_nothing_heavy(tmp_path: Path, script: str) -> None:
    """A training script that logs numbers waits for no library of arrays, charts or colours."""
    names = imported(tmp_path, "-c", script)
    assert "trainviz_cli" in names
    assert not names & (HEAVY | {"click"})


def test_pictures_import_numpy_alone(tmp_path: Path) -> None:
    """A picture needs NumPy, and neither Pillow nor a library of charts."""
    names = imported(tmp_path, "-c", LOG + "vis.add_image('a', [[0, 255]])")
    assert names & HEAVY == {"numpy"}


def test_reading_imports_numpy_alone(run: Path) -> None:
    """A notebook that opens a run waits for NumPy alone."""
    script = "from trainviz_cli import open_run\nopen_run('run')['loss'].values"
    assert imported(run.parent, "-c", script) & HEAVY == {"numpy"}


@pytest.mark.parametrize(
    "arguments", [[], ["--help"], ["--version"], ["plot", "--help"], ["formats", "--help"]], ids=str
)
def test_help_imports_nothing_heavy(tmp_path: Path, arguments: list[str]) -> None:
    """Help and version come without any library but click."""
    names = imported(tmp_path, "-m", "trainviz_cli", *arguments)
    assert "click" in names
    assert not names & HEAVY


@pytest.mark.parametrize(
    "options", [[], ["--key", "loss", "--smooth", "ema:0.9"], ["--robust"], ["--json"]], ids=str
)
def test_the_terminal_chart_imports_no_matplotlib(run: Path, options: list[str]) -> None:
    """A chart in the terminal never imports the library that draws figures, nor any other."""
    names = imported(run.parent, "-m", "trainviz_cli", "plot", str(run), *options)
    assert "trainviz_cli" in names
    assert names & HEAVY == {"numpy"}


def test_the_check_sees_matplotlib(run: Path) -> None:
    """A figure does import matplotlib, and the way the other tests look would show it."""
    output = str(run.parent / "loss.png")
    names = imported(run.parent, "-m", "trainviz_cli", "plot", str(run), "--output", output)
    assert "matplotlib" in names

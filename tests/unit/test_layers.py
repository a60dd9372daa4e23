"""The import contract holds, and breaks when someone breaks it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "trainviz_cli"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The package and its contract, where a test may break them."""
    pytest.importorskip("importlinter")
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PACKAGE, tmp_path / "trainviz_cli", ignore=ignore)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run `lint-imports` on the copy in the folder."""
    command = shutil.which("lint-imports", path=Path(sys.executable).parent) or "lint-imports"
    return subprocess.run(
        [command, "--no-cache"],
        capture_output=True,
        check=False,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "200"},
        text=True,
    )


def add(file: Path, line: str) -> None:
    """Add a line to the end of a module, which is made if it is not there."""
    file.parent.mkdir(exist_ok=True)
    with file.open("a", encoding="utf-8") as module:
        module.write(f"\n{line}\n")


def test_the_contract_holds(copy: Path) -> None:
    """The package as it is keeps every contract."""
    done = lint(copy)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


@pytest.mark.parametrize(
    ("file", "line", "contract", "shown"),
    [
        (
            "codecs/png.py",
            "import trainviz_cli.cli",
            "A line imports only lines below it",
            "trainviz_cli.codecs is not allowed to import trainviz_cli.cli",
        ),
        (
            "writing/files.py",
            "def draw() -> None:\n    from trainviz_cli.render.term import chart",
            "A line imports only lines below it",
            "trainviz_cli.writing is not allowed to import trainviz_cli.render",
        ),
        (
            "analysis/ticks.py",
            "import trainviz_cli.imaging.pixels",
            "A line imports only lines below it",
            "trainviz_cli.analysis is not allowed to import trainviz_cli.imaging",
        ),
        (
            "shed/__init__.py",
            "",
            "A line imports only lines below it",
            "trainviz_cli.shed",
        ),
        (
            "formats/other.py",
            "from trainviz_cli.formats.local import FORMAT",
            "Formats do not know each other",
            "trainviz_cli.formats.other is not allowed to import trainviz_cli.formats.local",
        ),
        (
            "cli/commands/other.py",
            "from trainviz_cli.cli.commands.plot import command",
            "Commands do not know each other",
            "trainviz_cli.cli.commands.other is not allowed to import",
        ),
        (
            "writing/backends/other.py",
            "from trainviz_cli.writing.backends.local import LocalVisBackend",
            "Backends do not know each other",
            "trainviz_cli.writing.backends.other is not allowed to import",
        ),
        (
            "runs/find.py",
            "import click",
            "click only in cli",
            "trainviz_cli.runs is not allowed to import click",
        ),
        (
            "render/term/text.py",
            "def draw() -> None:\n    import matplotlib.pyplot",
            "matplotlib only in render.figure and imaging",
            "trainviz_cli.render.term is not allowed to import matplotlib",
        ),
        (
            "render/figure/lines.py",
            "from rich.console import Console",
            "rich and textual only in render.term and cli",
            "trainviz_cli.render.figure is not allowed to import rich",
        ),
    ],
    ids=[
        *("upwards", "inside a function", "sideways", "new room", "formats", "commands"),
        *("backends", "click", "matplotlib", "rich"),
    ],
)
def test_a_breach_is_seen(copy: Path, file: str, line: str, contract: str, shown: str) -> None:
    """One import in the wrong place breaks the contract that forbids it, and no other."""
    add(copy / "trainviz_cli" / file, line)
    done = lint(copy)
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"{contract} BROKEN" in done.stdout
    assert done.stdout.count(" BROKEN") == 1
    assert shown in done.stdout


def test_every_room_has_rules(copy: Path) -> None:
    """The rules about click and matplotlib leave out no room but those that may import them."""
    rooms = {
        path.stem
        for path in (copy / "trainviz_cli").iterdir()
        if not path.name.startswith("_") and (path.is_dir() or path.suffix == ".py")
    }
    for room in rooms - {"cli"}:
        part = copy / "trainviz_cli" / room
        add(part / "rule_breaker.py" if part.is_dir() else part.with_suffix(".py"), "import click")
    done = lint(copy)
    for room in rooms - {"cli"}:
        assert f"trainviz_cli.{room} is not allowed to import click" in done.stdout

"""The public names: what `from trainviz_cli import …` offers."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

import trainviz_cli


@pytest.mark.parametrize("name", trainviz_cli.__all__)
def test_each_name_can_be_imported(name: str) -> None:
    """In a fresh interpreter each public name is there, and is the object of its own module."""
    home = trainviz_cli._HOMES[name]
    script = (
        f"from trainviz_cli import {name} as public\n"
        f"from trainviz_cli.{home} import {name} as original\n"
        "assert public is original\n"
        "assert public.__doc__\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_all_and_homes_agree() -> None:
    """The list of public names and the table of where they live name the same, once, in order."""
    assert sorted(trainviz_cli._HOMES) == sorted(set(trainviz_cli.__all__))
    assert len(trainviz_cli.__all__) == len(set(trainviz_cli.__all__))


@pytest.mark.parametrize("name", trainviz_cli.__all__)
def test_each_object_lives_where_the_table_says(name: str) -> None:
    """A public object is defined in the module the table names, not only imported there."""
    module = import_module(f"trainviz_cli.{trainviz_cli._HOMES[name]}")
    assert getattr(trainviz_cli, name).__module__ == module.__name__


def test_a_star_import() -> None:
    """A star import brings the public names and nothing else."""
    script = "from trainviz_cli import *; print(*sorted(n for n in dir() if n[0] != '_'))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True, text=True
    )
    assert done.stdout.split() == sorted(trainviz_cli.__all__)


def test_dir_lists_every_name() -> None:
    """`dir()` shows every public name before any of them was imported."""
    script = "import trainviz_cli; print(*dir(trainviz_cli))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True, text=True
    )
    names = done.stdout.split()
    assert set(trainviz_cli.__all__) <= set(names)
    assert names == sorted(set(names))


@pytest.mark.parametrize("name", ["unknown", "add_scalar", "_HOMES_", "__version__"])
def test_an_unknown_name(name: str) -> None:
    """Any other name is an AttributeError that says which, and no ImportError of a module."""
    with pytest.raises(AttributeError, match=f"module 'trainviz_cli' has no attribute '{name}'"):
        getattr(trainviz_cli, name)
    assert not hasattr(trainviz_cli, name)


def test_a_name_is_looked_up_once() -> None:
    """A public name is kept after its first use."""
    assert trainviz_cli.Run is trainviz_cli.Run
    assert vars(trainviz_cli)["Run"] is trainviz_cli.Run

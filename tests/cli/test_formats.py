"""`trainviz formats`: every format there is, for people and as JSON."""

import json
from pathlib import Path
from typing import Any

import pytest

from trainviz_cli import formats

NAMES = sorted(file.stem for file in Path(formats.__file__).parent.glob("[!_]*"))


def test_every_format_is_listed(trainviz: Any) -> None:
    """Each file that is a format has its name on a line of its own, and what follows it is why."""
    ran = trainviz("formats")
    assert (ran.code, ran.err) == (0, "")
    assert [line for line in ran.lines if not line.startswith(" ")] == NAMES
    assert ran.out.count("recognised by") == len(NAMES)


def test_json_says_the_same(trainviz: Any) -> None:
    """One document with name, title and recognition of every format."""
    ran = trainviz("formats", "--json")
    rows = json.loads(ran.out)["formats"]
    assert (ran.code, ran.err) == (0, "")
    assert [row["name"] for row in rows] == NAMES
    text = " ".join(trainviz("formats").out.split())
    for row in rows:
        assert set(row) == {"name", "title", "recognised_by"}
        assert " ".join(row["title"].split()) in text
        assert " ".join(row["recognised_by"].split()) in text


@pytest.mark.parametrize("width", [40, 80])
def test_no_line_is_wider_than_the_terminal(
    trainviz: Any, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    """The text is folded at the width of the terminal."""
    monkeypatch.setenv("COLUMNS", str(width))
    assert max(map(len, trainviz("formats").lines)) <= width


def test_a_run_is_no_argument(trainviz: Any) -> None:
    """The command takes no argument, and says so."""
    ran = trainviz("formats", "exp1")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("trainviz: ")

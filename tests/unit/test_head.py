"""Tests of what stands above the charts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.staged_runs import NOW_S, PLAIN, batch, falling, staged, text
from trainviz_cli.render.term.dashboard.head import ALARM, head
from trainviz_cli.render.term.style import line_cells

if TYPE_CHECKING:
    from trainviz_cli.runs.live import LiveRun

CONFIG = {"max_iters": 1000}


def said(*runs: LiveRun, width: int = 100, rows: int = 10, now_s: float = NOW_S) -> list[str]:
    """The lines, as they are read."""
    lines = head(runs, now_s, width, rows, PLAIN)
    assert max(map(line_cells, lines)) <= width
    return text(lines).splitlines()


def test_one_run() -> None:
    """How far it is, how long it takes, when it was heard of, how fast it is."""
    assert said(staged("exp1", config=CONFIG)) == [
        "exp1  step 590 of 1000 (59%)  41s left  last record 3s ago  10 steps/s  epoch 2.95"
    ]


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (60, "exp1  step 590 of 1000 (59%)  41s left  last record 3s ago"),
        (50, "exp1  step 590 of 1000 (59%)  41s left"),
        (30, "exp1  step 590 of 1000 (59%)"),
        (25, "exp1  step 590  41s left"),
        (12, "exp1"),
        (3, "…"),
    ],
)
def test_what_there_is_no_room_for(width: int, line: str) -> None:
    """It is left out from the end, whole; of the step there is a shorter form."""
    assert said(staged("exp1", config=CONFIG), width=width) == [line]


def test_epochs() -> None:
    """Where epochs are planned, they are the measure."""
    (line,) = said(staged("exp1", config={"max_epochs": 12}))
    assert "epoch 2.95 of 12" in line
    assert "left" in line


def test_before_the_first_record() -> None:
    """Nothing is made up."""
    assert said(staged("exp1", {})) == ["exp1  no record so far"]


def test_stalled() -> None:
    """It is said, and there is no time left that could be told."""
    (line,) = said(staged("exp1", config=CONFIG, age_s=600))
    assert line == (
        "exp1  step 590 of 1000 (59%)  last record 10m ago  10 steps/s  epoch 2.95  STALLED"
    )
    stalled, other = staged("exp1", config=CONFIG, age_s=600), staged("exp2", config=CONFIG)
    lines = head([stalled, other], NOW_S, 100, 10, PLAIN)
    assert text(lines).splitlines()[1].split()[-1] == "STALLED"
    assert "41s" not in text(lines).splitlines()[1]
    assert "41s" in text(lines).splitlines()[2]
    assert lines[1][-1].style == ALARM


def test_finished() -> None:
    """Silence after the last step is no alarm."""
    (line,) = said(staged("exp1", config={"max_iters": 600}, age_s=600))
    assert line.endswith("finished")
    assert "left" not in line


def test_problem() -> None:
    """Why it can't be read is said, on one line, and doesn't push out what is known."""
    run = staged("exp1", config=CONFIG)
    run.problem = "the disk is gone " * 30 + "\x1b[2J"
    (line,) = said(run, width=80)
    assert line.startswith("exp1  step 590 of 1000")
    assert "the disk is gone" in line
    assert "the disk is gone" in said(run, staged("exp2"), width=80)[1]


def test_alarm() -> None:
    """Which values turned bad, and from which step on; losses first, then how many more."""
    bad = [1.0, math.nan, math.inf]
    values = {"grad": bad, "loss": bad, "a": bad, "b": bad, "fine": [1.0] * 3}
    assert said(staged("exp1", values))[1] == (
        "NaN or Inf: loss since step 10, grad since step 10, a since step 10 and 1 more"
    )
    lines = said(staged("exp1", values), staged("exp2", {"loss": [1.0, 2.0, -math.inf]}))
    assert lines[-1].startswith("NaN or Inf: loss since step 10 (exp1), loss since step 20 (exp2)")
    assert said(staged("exp1", {"fine": falling()}))[1:] == []


def test_more_runs_than_rows() -> None:
    """Those that something is the matter with stay; how many more there are is said."""
    runs = [staged(f"run{i}", age_s=500 if i in {7, 30} else 3) for i in range(40)]
    lines = said(*runs, rows=6)
    assert len(lines) == 6
    assert [line.split()[1] for line in lines[1:-1]] == ["run0", "run1", "run7", "run30"]
    assert lines[-1] == "and 36 more"


@given(
    width=st.integers(1, 320),
    rows=st.integers(4, 30),
    names=st.lists(st.text(max_size=40), min_size=1, max_size=9),
    key=st.text(max_size=40),
    problem=st.none() | st.text(max_size=200),
    age_s=st.floats(0, 1e9),
)
def test_any_runs(
    width: int, rows: int, names: list[str], key: str, problem: str | None, age_s: float
) -> None:
    """Whatever things are called, the lines keep to their room and hold nothing that steers."""
    runs = [staged(name, {key: [1.0, math.nan]}, age_s=age_s) for name in names]
    runs[0].problem = problem
    lines = head(runs, NOW_S, width, rows, PLAIN)
    assert len(lines) <= rows + 1
    for line in lines:
        assert line_cells(line) <= width
        assert all(span.text.isprintable() for span in line)


def test_clock_that_stands() -> None:
    """Records at one moment give no pace, and no time left."""
    run = staged("exp1", {}, config=CONFIG)
    run.add([batch({"loss": [1.0] * 5}, gap_s=0.0)], NOW_S, None)
    (line,) = said(run)
    assert line == "exp1  step 40 of 1000 (4%)  last record now  epoch 0.2"

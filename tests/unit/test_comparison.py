"""Runs side by side: the figures, the changes, who wins; and the tables that show them."""

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from trainviz_cli.analysis.comparison import Comparison, compare
from trainviz_cli.model.run import Run
from trainviz_cli.model.series import Overlap, Series
from trainviz_cli.model.summary import Direction
from trainviz_cli.render.term.chart import ASCII, Look
from trainviz_cli.render.term.comparison import draw_comparison, draw_differences, draw_title
from trainviz_cli.render.term.style import Line, Span, Style, line_cells

NAN, INF = math.nan, math.inf
LOOK = Look()
VALUES = st.floats() | st.integers(-(2**63), 2**63 - 1).map(float) | st.sampled_from([NAN, -INF])
NAMES = st.text(max_size=30) | st.sampled_from(
    ["训练" * 30, "e\u0301" * 50, "x\x1b[31m\n", "a" * 99]
)


def run(name: str, values: Sequence[float] = (), segments: tuple[int, ...] = (0,)) -> Run:
    """A run that logged these losses at the steps 0, 10, 20..., or none."""
    exact = all(isinstance(value, int) for value in values)
    column = np.array(values, np.int64 if exact else np.float64)
    loss = Series("loss", np.arange(len(values)) * 10, column, segments=segments)
    return Run(name, Path(name), "local", {"loss": loss} if values else {})


def bests(comparison: Comparison) -> list[float | None]:
    """The best value of each run."""
    return [row.summary and row.summary.best for row in comparison.rows]


def text(line: Line) -> str:
    """A line as it is read."""
    return "".join(span.text for span in line).rstrip()


def texts(lines: Sequence[Line]) -> list[str]:
    """The lines as they are read."""
    return list(map(text, lines))


def drawn(comparison: Comparison, width: int = 80) -> list[str]:
    """The table of a comparison as it is read."""
    return texts(draw_comparison(comparison, width, LOOK))


def test_rows_stand_in_the_order_of_the_runs() -> None:
    """One row a run, whatever is best."""
    comparison = compare([run("b", [2.0]), run("c", [3.0]), run("a", [1.0])], "loss")
    assert [row.run for row in comparison.rows] == ["b", "c", "a"]
    assert bests(comparison) == [2, 3, 1]


@pytest.mark.parametrize(("baseline", "last", "best"), [(0, [0, 3], [0, 1]), (1, [-3, 0], [-1, 0])])
def test_changes_are_measured_from_the_baseline(
    baseline: int, last: list[float], best: list[float]
) -> None:
    """Each figure less that of the baseline, which differs from itself by nothing."""
    rows = compare([run("a", [1.0, 2.0]), run("b", [2.0, 5.0])], "loss", baseline).rows
    assert [row.last_change for row in rows] == last
    assert [row.best_change for row in rows] == best


@pytest.mark.parametrize(
    ("direction", "found", "best", "wins"),
    [
        (None, "min", [1, 0], [False, True]),
        ("min", "min", [1, 0], [False, True]),
        ("max", "max", [3, 2], [True, False]),
    ],
)
def test_direction(
    direction: Direction | None, found: str, best: list[float], wins: list[bool]
) -> None:
    """The name says which end is the best, unless it is set."""
    comparison = compare([run("a", [3.0, 1.0]), run("b", [0.0, 2.0])], "loss", direction=direction)
    assert (comparison.direction, bests(comparison)) == (found, best)
    assert [row.wins for row in comparison.rows] == wins


def test_equal_best_values_both_win() -> None:
    """Nobody is preferred for being named first, or for reaching it sooner."""
    rows = compare([run("a", [2.0, 1.0]), run("b", [3.0]), run("c", [1.0])], "loss").rows
    assert [row.wins for row in rows] == [True, False, True]


def test_a_run_without_the_key() -> None:
    """It keeps its row, without figures, and doesn't stand in the way of the others."""
    rows = compare([run("a", [1.0]), run("b"), run("c", [3.0])], "loss").rows
    assert rows[1] == ("b", None, None, None, False, False)
    assert [(row.last_change, row.wins) for row in rows] == [(0, True), (None, False), (2, False)]


@pytest.mark.parametrize("baseline", [run("a"), run("a", [NAN]), run("a", [INF, -INF])])
def test_a_baseline_without_a_number(baseline: Run) -> None:
    """Where there is nothing to measure from, there is no change, and the others still compete."""
    rows = compare([baseline, run("b", [1.0]), run("c", [2.0])], "loss").rows
    assert {change for row in rows for change in (row.last_change, row.best_change)} == {None}
    assert [row.wins for row in rows] == [False, True, False]


def test_a_last_value_that_is_not_finite() -> None:
    """A run that ended in NaN has no change of its last value, but one of its best."""
    row = compare([run("a", [1.0]), run("b", [3.0, NAN])], "loss").rows[1]
    assert (row.last_change, row.best_change) == (None, 2)


def test_nobody_has_a_finite_value() -> None:
    """Then nobody wins."""
    rows = compare([run("a", [NAN]), run("b", [INF]), run("c")], "loss").rows
    assert [row.wins for row in rows] == [False, False, False]


def test_a_change_too_large_for_a_number() -> None:
    """The distance between two finite values may be infinite; then it isn't told."""
    row = compare([run("a", [1.7e308]), run("b", [-1.7e308])], "loss").rows[1]
    assert (row.last_change, row.best_change, row.wins) == (None, None, True)


def test_integers_are_compared_exactly() -> None:
    """Two numbers that one float stands for are still told apart."""
    rows = compare([run("a", [2**62]), run("b", [2**62 + 1])], "loss").rows
    assert [row.wins for row in rows] == [True, False]
    assert rows[1].best_change == 1


@pytest.mark.parametrize(("overlap", "best"), [("last", 5), ("first", 1), ("all", 1)])
def test_overlap(overlap: Overlap, best: float) -> None:
    """What a restart replaced counts only where it was asked for."""
    steps = np.array([0, 10, 20, 10, 20])
    loss = Series("loss", steps, np.array([9.0, 1.0, 8.0, 6.0, 5.0]), segments=(0, 3))
    again = Run("a", Path("a"), "local", {"loss": loss})
    assert bests(compare([again], "loss", overlap=overlap)) == [best]


@settings(deadline=None)
@given(
    values=st.lists(st.lists(VALUES, max_size=4), min_size=1, max_size=5),
    direction=st.sampled_from(["min", "max", None]),
    data=st.data(),
)
def test_who_wins(
    values: list[list[float]], direction: Direction | None, data: st.DataObject
) -> None:
    """Just the runs that no other run beats win, and the baseline has no part in it."""
    runs = [run(f"run{i}", column) for i, column in enumerate(values)]
    baseline = data.draw(st.integers(0, len(runs) - 1))
    comparison = compare(runs, "loss", baseline, direction)
    known = [best for best in bests(comparison) if best is not None]
    extreme = (max if direction == "max" else min)(known, default=None)
    for row, best in zip(comparison.rows, bests(comparison), strict=True):
        assert row.wins == (best is not None and best == extreme)
        for change in (row.last_change, row.best_change):
            assert change is None or math.isfinite(change)
    assert comparison.rows[baseline].best_change in {0, None}


def test_table() -> None:
    """A run a row with its mark: last, best, its step, and both changes; a star for the best."""
    runs = [run("base", [2.0, 1.0]), run("longer", [3.0, 0.5, 0.75]), run("none")]
    assert drawn(compare(runs, "loss")) == [
        "run       last      Δ  best (min)  at step     Δ",
        "● base       1   base          1        10  base",
        "▲ longer  0.75  -0.25        0.5*       10  -0.5",
        "■ none       –      –          –         –     –",
    ]


def test_table_of_values_that_are_not_finite() -> None:
    """NaN is said as the last value; the best is a dash where there is none."""
    runs = [run("a", [NAN]), run("b", [1.0, INF])]
    assert [line.split()[2:] for line in drawn(compare(runs, "loss"))[1:]] == [
        ["nan", "–", "–", "–", "–", "1"],
        ["inf", "–", "1*", "0", "–", "1"],
    ]


@pytest.mark.parametrize("direction", ["min", "max"])
def test_table_says_which_end_is_best(direction: Direction) -> None:
    """The direction stands above the column."""
    table = drawn(compare([run("a", [1.0])], "loss", direction=direction))
    assert f"best ({direction})" in table[0]


def test_colours_and_bold() -> None:
    """A run's name has the colour of its curve; the winner's name and value alone are bold."""
    lines = draw_comparison(compare([run("a", [2.0]), run("b", [1.0])], "loss"), 80, LOOK)
    assert [line[0].style for line in lines[1:]] == [Style(0), Style(1, bold=True)]
    bold = [[span.text.strip() for span in line if span.style.bold] for line in lines]
    assert bold == [[], [], ["▲ b", "1*"]]


def test_columns_leave_in_their_order() -> None:
    """As room gets scarce: Δ of last, step, Δ of best; name, last and best stay."""
    comparison = compare([run("run" * 5, [1.5, 0.5]), run("b", [2.5])], "loss")
    heads = [" ".join(drawn(comparison, width)[0].split()) for width in range(80, 35, -1)]
    assert list(dict.fromkeys(heads)) == [
        "run last Δ best (min) at step Δ",
        "run last best (min) at step Δ",
        "run last best (min) Δ",
        "run last best (min)",
    ]


@settings(deadline=None, max_examples=200)
@given(
    values=st.lists(st.lists(VALUES, max_size=2), min_size=1, max_size=12),
    name=NAMES,
    width=st.integers(24, 300),
    is_ascii=st.booleans(),
)
@example(values=[[-1.234e300, 1.0]], name="name", width=24, is_ascii=False)
@example(values=[[9.973e-4]], name="a run of a long name", width=30, is_ascii=False)
def test_no_line_of_a_table_is_too_wide(
    values: list[list[float]], name: str, width: int, *, is_ascii: bool
) -> None:
    """Whatever runs are called and reached, the table stays within its width."""
    runs = [run(f"{name}{i}", column) for i, column in enumerate(values)]
    lines = draw_comparison(compare(runs, "loss"), width, ASCII if is_ascii else LOOK)
    assert len(lines) == 1 + len(runs)
    assert max(map(line_cells, lines)) <= width


def test_title_fits() -> None:
    """The key is said above its table, shortened to the width, with nothing that steers."""
    comparison = compare([run("a", [1.0])], "loss")._replace(key="\x1b[31m" + "k" * 100)
    assert texts(draw_title(comparison, 24)) == ["␛[31mkkkkkkkkkkk…kkkkkkk"]


def differences(*runs: str, width: int = 80, **values: Mapping[str, object]) -> list[Line]:
    """The lines that show these values, by name and run."""
    return draw_differences(values, runs, width, LOOK)


def test_no_difference_is_no_line() -> None:
    """Where nothing differs, nothing is said."""
    assert differences("a", "b") == []


def test_differences_in_columns() -> None:
    """A run a column, under its mark and in its colour; a dash where it has no such value."""
    lines = differences("a", "b", lr={"a": 0.1, "b": 0.2}, optimizer={"b": "adam"})
    assert texts(lines) == [
        "config that differs  ● a  ▲ b",
        "lr                   0.1  0.2",
        "optimizer            –    adam",
    ]
    assert [[span.style.color for span in line[1:]] for line in lines[1:]] == [[0, 1], [0, 1]]


def many(count: int) -> tuple[list[str], dict[str, float]]:
    """Names of runs, of which each second has another learning rate."""
    names = [f"run{i}" for i in range(count)]
    return names, {name: (0.1, 0.2)[i % 2] for i, name in enumerate(names)}


@pytest.mark.parametrize(("count", "width", "is_list"), [(5, 80, False), (6, 80, True), (4, 60, 1)])
def test_differences_become_lists(count: int, width: int, *, is_list: bool) -> None:
    """Columns while each has a dozen cells; else each value with the runs that have it."""
    names, values = many(count)
    lines = texts(differences(*names, width=width, lr=values))
    assert (lines[0] == "config that differs") == is_list
    assert (lines[1] == "lr") == is_list


def test_list_groups_the_runs_by_value() -> None:
    """Each value has one line, and each run stands behind its value, or behind the dash."""
    names, values = many(8)
    del values["run7"]
    lines = texts(differences(*names, lr=values, width=100))
    said = [re.findall(r"run\d", line) for line in lines[2:]]
    assert said == [["run0", "run2", "run4", "run6"], ["run1", "run3", "run5"], ["run7"]]
    assert [line.split()[0] for line in lines[2:]] == ["0.1", "0.2", "–"]


def test_list_shows_the_marks_of_the_runs() -> None:
    """A run has the mark in the lists that it has on the chart and in the tables."""
    names, values = many(8)
    lines = texts(differences(*names, lr=values, width=100))
    assert sorted(re.findall(r"(\S) (run\d)", "".join(lines[2:])), key=lambda pair: pair[1]) == [
        (mark, f"run{i}") for i, mark in enumerate(LOOK.marks)
    ]


@pytest.mark.parametrize("count", [2, 9])
def test_values_that_differ_look_different(count: int) -> None:
    """Long values that differ in their middle alone are still told apart when shortened."""
    names = [f"run{i}" for i in range(count)]
    values = {
        name: f"/mnt/shared/checkpoints/imagenet/{'ab'[i % 2]}/resnet50-0676ba61.pth"
        for i, name in enumerate(names)
    }
    lines = texts(differences(*names, width=60, checkpoint=values))
    if count == 2:
        _, one, other = re.split(r" {2,}", lines[1])
    else:
        one, other = (re.split(r" {2,}", line.strip())[0] for line in lines[2:4])
    assert one != other


@settings(deadline=None, max_examples=200)
@given(
    names=st.lists(NAMES, min_size=1, max_size=12, unique=True),
    key=NAMES,
    values=st.lists(NAMES | st.floats() | st.lists(st.integers(), max_size=30), min_size=12),
    width=st.integers(24, 300),
    is_ascii=st.booleans(),
)
def test_no_line_of_the_differences_is_too_wide(
    names: list[str], key: str, values: list[object], width: int, *, is_ascii: bool
) -> None:
    """Whatever names and values there are, columns and lists stay within their width."""
    found = {key: dict(zip(names, values, strict=False)), "lr": {names[0]: 1}}
    lines = draw_differences(found, names, width, ASCII if is_ascii else LOOK)
    assert max(map(line_cells, lines)) <= width
    assert all(span.text.isprintable() for line in lines for span in line)


def test_every_value_of_fifty_runs_is_in_the_list() -> None:
    """Where all runs differ, each value has its own line, with its own run behind it."""
    names = [f"run{i}" for i in range(50)]
    lines: list[Line] = differences(*names, seed={name: i for i, name in enumerate(names)})
    assert [span.text for span in lines[0]] == ["config that differs"]
    assert all(isinstance(span, Span) for line in lines for span in line)
    found = [re.findall(r"^ +(\d+) .*run(\d+)$", line) for line in texts(lines)[2:]]
    assert found == [[(str(i), str(i))] for i in range(50)]

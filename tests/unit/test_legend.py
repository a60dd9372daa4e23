"""What stands below a chart: names, figures, and how the curves were prepared."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from trainviz_cli.analysis.panels import Curve, Drawing, Panel
from trainviz_cli.analysis.smoothing import Smoothing
from trainviz_cli.model.series import View
from trainviz_cli.render.term.legend import figures, legend, preparation
from trainviz_cli.render.term.style import line_cells

NAN, INF = math.nan, math.inf
MARKS = "●▲■"


def view(values: Sequence[float], pieces: tuple[int, ...] = (0,)) -> View:
    """Values at the steps 0, 10, 20..."""
    steps = np.arange(len(values)) * 10
    return View("step", steps, np.array(values, np.float64), steps, pieces)


def panel(*curves: tuple[str, Sequence[float]], drawing: Drawing | None = None) -> Panel:
    """A chart of curves, each a name and its values."""
    drawn = [Curve(name, "loss", name, i, view(y)) for i, (name, y) in enumerate(curves)]
    return Panel("loss", "step", tuple(drawn), drawing or Drawing())


def texts(chart: Panel, width: int = 80) -> list[str]:
    """The legend's lines as they are read."""
    return ["".join(span.text for span in line).rstrip() for line in legend(chart, width, MARKS)]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([3, 1, 2], ["last 2", "min 1 at 10", "max 3 at 0"]),
        ([5], ["last 5", "min 5 at 0", "max 5 at 0"]),
        ([], []),
        ([1, NAN, INF, 2], ["last 2", "2 not finite, first at 10", "min 1 at 0", "max 2 at 30"]),
        ([NAN, NAN], ["last nan", "2 not finite, first at 0"]),
        ([1, 1, 0.5, 0.5], ["last 0.5", "min 0.5 at 20", "max 1 at 0"]),
        ([1, -INF], ["last -inf", "1 not finite, first at 10", "min 1 at 0", "max 1 at 0"]),
    ],
)
def test_figures(values: list[float], said: list[str]) -> None:
    """Last, least and largest value with their steps; the first of equals; what isn't finite."""
    assert list(figures(panel(("a", values)).curves[0])) == said


def test_entries_stand_in_columns() -> None:
    """Names and figures of several curves are aligned, each below its like."""
    lines = texts(panel(("a", [1.5, 2]), ("longer", [10.25, 3])))
    assert lines == [
        "● a       last 2  min 1.5 at 0  max 2 at 10",
        "▲ longer  last 3  min 3 at 10   max 10.25 at 0",
    ]


def test_marks_come_again() -> None:
    """With more curves than marks they come again, not with the colour they had."""
    lines = texts(panel(*((f"run{i}", [1]) for i in range(4))))
    assert [line[0] for line in lines] == ["●", "▲", "■", "▲"]


def test_many_curves_are_counted() -> None:
    """Thirty are named; the rest is a number."""
    lines = texts(panel(*((f"run{i}", [1]) for i in range(34))))
    assert len(lines) == 31
    assert lines[-1] == "  and 4 more"


def test_figures_that_have_no_room_are_left_out() -> None:
    """A narrow legend ends with a whole figure."""
    chart = panel(("exp1", [3, 1, 2]))
    assert texts(chart, 40) == ["● exp1  last 2  min 1 at 10  max 3 at 0"]
    assert texts(chart, 38) == ["● exp1  last 2  min 1 at 10"]
    assert texts(chart, 12) == ["● exp1"]


@settings(deadline=None)
@given(
    names=st.lists(st.text(max_size=60), min_size=1, max_size=5),
    width=st.integers(24, 120),
    values=st.lists(st.floats(), min_size=1, max_size=5),
)
@example(names=["a"], width=24, values=[1.7975e308])
def test_no_line_is_too_wide(names: list[str], width: int, values: list[float]) -> None:
    """Whatever the curves are called and hold, the legend stays within its width."""
    chart = panel(*((name, values) for name in names))
    assert max(map(line_cells, legend(chart, width, MARKS))) <= width


@pytest.mark.parametrize("overlap", ["first", "last", "all"])
def test_preparation(overlap: str) -> None:
    """Smoothing and restarts are stated; an ordinary curve needs no word."""
    smooth = Smoothing.parse("ema:0.9")
    drawing = Drawing(smooth=smooth, overlap=overlap)  # type: ignore[arg-type]
    curve = Curve("a", "loss", "a", 0, view([3, 2, 1], (0, 2)), np.ones(3))
    said = list(preparation(Panel("loss", "step", (curve,), drawing)))
    assert said[0] == "smoothed: EMA 0.9; the samples themselves behind"
    assert said[1].startswith("restarted: where steps were logged again")
    assert (overlap if overlap != "last" else "later") in said[1]
    assert list(preparation(panel(("a", [1, 2])))) == []

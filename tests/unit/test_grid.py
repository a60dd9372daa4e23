"""Several charts on one screen: side by side while they stay readable."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainviz_cli.analysis.panels import Curve, Drawing, Panel
from trainviz_cli.model.series import View
from trainviz_cli.render.term.chart import Look
from trainviz_cli.render.term.grid import draw_panels
from trainviz_cli.render.term.style import line_cells


def panels(count: int, *, curves: int = 1) -> list[Panel]:
    """Charts called `key0`, `key1`..., the first with more curves than the others."""
    steps = np.arange(9)
    view = View("step", steps, np.sqrt(steps), steps, (0,))
    return [
        Panel(
            f"key{i}",
            "step",
            tuple(Curve("a", "k", "a", n, view) for n in range(curves if i == 0 else 1)),
            Drawing(),
        )
        for i in range(count)
    ]


def texts(charts: list[Panel], width: int, height: int | None = None) -> list[str]:
    """The screen's lines as they are read."""
    lines = draw_panels(charts, width, height, Look())
    return ["".join(span.text for span in line).rstrip() for line in lines]


@pytest.mark.parametrize(
    ("count", "width", "across"),
    [
        (1, 200, 1),
        (2, 80, 1),
        (2, 114, 1),
        (2, 115, 2),
        (6, 115, 2),
        (6, 174, 3),
        (3, 400, 3),
        (2, 24, 1),
    ],
)
def test_charts_across(count: int, width: int, across: int) -> None:
    """As many stand side by side as have 56 columns each; the rest follows below."""
    titles = [line.split() for line in texts(panels(count), width) if line.startswith("key")]
    names = [f"key{i}" for i in range(count)]
    assert titles == [names[i : i + across] for i in range(0, count, across)]


def test_charts_below_one_another_are_apart() -> None:
    """An empty line stands between two rows of charts, and none before or after."""
    lines = texts(panels(3), 80)
    gaps = [i for i, line in enumerate(lines) if not line]
    assert [lines[i + 1] for i in gaps] == ["key1", "key2"]
    assert lines[0] == "key0"
    assert lines[-1]


def test_neighbours_of_different_height_keep_their_columns() -> None:
    """Where one legend is longer, the other column stays empty, and the charts stay in line."""
    lines = texts(panels(2, curves=4), 120)
    frames = [line for line in lines if line.count("└") == 2]
    assert len(frames) == 1
    assert [line.count("●") for line in lines if "last" in line] == [2, 0, 0, 0]


@pytest.mark.parametrize(
    ("count", "height", "rows"), [(1, None, 20), (2, None, 13), (1, 9, 9), (3, 30, 30)]
)
def test_height(count: int, height: int | None, rows: int) -> None:
    """One chart is taller than several, unless the height is given; the legend comes on top."""
    lines = texts(panels(count), 80, height)
    assert lines.index(next(line for line in lines if line.startswith("●"))) == rows


@settings(deadline=None, max_examples=60)
@given(count=st.integers(1, 7), width=st.integers(24, 300), curves=st.integers(1, 9))
def test_no_line_is_too_wide(count: int, width: int, curves: int) -> None:
    """Side by side or not, the screen is as wide as it may be, and no wider."""
    widths = [
        line_cells(line) for line in draw_panels(panels(count, curves=curves), width, 8, Look())
    ]
    assert max(widths) <= width
    assert max(widths) >= width - 2 * count

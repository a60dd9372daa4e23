"""Tests of where charts lie on a screen."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainviz_cli.render.term.dashboard.arrangement import Arrangement, Box, arrange


@pytest.mark.parametrize(
    ("count", "width", "height", "across", "down"),
    [
        (1, 80, 21, 1, 1),
        (2, 80, 21, 1, 2),
        (4, 80, 21, 2, 2),
        (6, 80, 21, 2, 2),  # the rest on another page
        (6, 60, 12, 1, 1),
        (6, 120, 37, 2, 3),
        (6, 200, 46, 2, 3),
        (6, 300, 77, 2, 3),
        (2, 200, 20, 2, 1),
        (500, 80, 21, 2, 2),
        (1, 5, 2, 1, 1),
        (0, 80, 21, 1, 1),
    ],
)
def test_arrange(count: int, width: int, height: int, across: int, down: int) -> None:
    """Charts are neither narrow nor low as long as there is room for them otherwise."""
    assert arrange(count, width, height) == Arrangement(across, down)


def test_last_row_is_filled() -> None:
    """Charts that are too few for their row share it."""
    boxes = arrange(3, 80, 21).boxes(Box(0, 3, 80, 21), 3)
    assert boxes == [Box(0, 3, 39, 10), Box(41, 3, 39, 10), Box(0, 13, 80, 11)]


@given(
    count=st.integers(0, 60),
    width=st.integers(1, 320),
    height=st.integers(1, 90),
    left=st.integers(0, 5),
    top=st.integers(0, 9),
)
def test_boxes(count: int, width: int, height: int, left: int, top: int) -> None:
    """They lie in the area and never on one another, none is empty, and its right edge is met."""
    area = Box(left, top, width, height)
    arrangement = arrange(count, width, height)
    shown = min(count, arrangement.per_page)
    boxes = arrangement.boxes(area, shown)
    assert len(boxes) == shown
    cells = [
        {
            (x, y)
            for x in (box.left, box.left + box.width - 1)
            for y in (box.top, box.top + box.height - 1)
        }
        for box in boxes
    ]
    for box, corners in zip(boxes, cells, strict=True):
        assert box.width > 0
        assert box.height > 0
        assert all(area.holds(*corner) for corner in corners)
    for (one, corners), (other, others) in combinations(zip(boxes, cells, strict=True), 2):
        assert not any(other.holds(*corner) for corner in corners)
        assert not any(one.holds(*corner) for corner in others)
    if boxes:
        assert max(box.left + box.width for box in boxes) == left + width

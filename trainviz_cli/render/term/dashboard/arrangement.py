"""Where charts lie on a screen."""

from __future__ import annotations

from typing import NamedTuple

_NARROWEST, _LOWEST = 38, 9
_WELL_WIDE, _WELL_HIGH = 64, 14
GAP = 2


class Box(NamedTuple):
    """A part of the screen, in cells."""

    left: int
    top: int
    width: int
    height: int

    def holds(self, column: int, row: int) -> bool:
        """Whether a cell of the screen is in it."""
        inside = self.left <= column < self.left + self.width
        return inside and self.top <= row < self.top + self.height


class Arrangement(NamedTuple):
    """Charts in rows and columns, as many as stay readable."""

    across: int
    down: int

    @property
    def per_page(self) -> int:
        """How many there is room for."""
        return self.across * self.down

    def boxes(self, area: Box, count: int) -> list[Box]:
        """Where the charts of a page lie; those of the last row share what is left of it."""
        boxes = []
        rows = [min(self.across, count - first) for first in range(0, count, self.across)]
        for row, here in enumerate(rows):
            top, below = (area.height * (row + i) // self.down for i in (0, 1))
            wide = area.width + GAP
            for column in range(here):
                left, right = (wide * (column + i) // here for i in (0, 1))
                box = Box(area.left + left, area.top + top, right - left - GAP, below - top)
                boxes.append(box)
        return boxes


def arrange(count: int, width: int, height: int) -> Arrangement:
    """The rows and columns in which so many charts are best read.

    Args:
        count: How many there are to be; some may have to go to another page.
        width: Cells.
        height: Cells.
    """
    most_across = max(1, (width + GAP) // (_NARROWEST + GAP))
    most_down = max(1, height // _LOWEST)
    fitting = []
    for across in range(1, min(most_across, max(count, 1)) + 1):
        down = -(-max(count, 1) // across)
        if down <= most_down:
            worth = min(width / across / _WELL_WIDE, height / down / _WELL_HIGH)
            fitting.append((worth, Arrangement(across, down)))
    return max(fitting)[1] if fitting else Arrangement(most_across, most_down)

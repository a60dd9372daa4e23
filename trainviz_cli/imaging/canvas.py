"""Pixels that can be drawn on with matplotlib's shapes, without a figure's layout and axes."""

from __future__ import annotations

import warnings
from bisect import insort
from collections.abc import Iterable
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.figure import Figure
from matplotlib.transforms import Affine2D

from trainviz_cli.imaging.pixels import to_rgb_of_any_range

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.artist import Artist
    from numpy.typing import NDArray

_OPAQUE = 255
_EXTRA = 1e-2  # MMEngine's canvas is larger by it; which way half pixels are rounded hangs on it
_CALLERS = 4  # from a warning up to the code that called a method of Visualizer


class _Mark(NamedTuple):
    """Something drawn: what has a higher layer is on top."""

    layer: float
    paint: Callable[[NDArray[np.uint8]], None]


class Canvas:
    """A picture to draw on.

    Marks are stacked by kind, as matplotlib stacks them, and by the order they came in: text on
    lines, lines on other shapes. Masks change the picture below all of them.

    Args:
        image: What `to_rgb_of_any_range` takes.
        dpi: Dots per inch: line widths and font sizes are in points, 1/72 inch.

    Attributes:
        width: In pixels.
        height: In pixels.
        font_size: Of text without one, in points.
        dpi: Dots per inch.
        to_display: From the image's coordinates to matplotlib's, in which y points upwards.

    Raises:
        TypeError: It is no picture.
        ValueError: Its shape or range is none of a picture, or it is too large.
    """

    def __init__(self, image: object, dpi: float = 100) -> None:
        rgb = to_rgb_of_any_range(image)
        self.height, self.width = int(rgb.shape[0]), int(rgb.shape[1])
        self.dpi = dpi
        self.font_size = max((self.height * self.width) ** 0.5 // 90, 10)
        to_unit = Affine2D().scale(1 / self.width, -1 / self.height).translate(0, 1)
        self.to_display = to_unit.scale(self.width + _EXTRA, self.height + _EXTRA)
        self._figure = Figure(dpi=dpi)  # only to tell shapes their resolution
        self._renderer = RendererAgg(self.width, self.height, dpi)  # type: ignore[no-untyped-call]
        self._pixels: NDArray[np.uint8] = np.asarray(self._renderer.buffer_rgba())  # type: ignore[no-untyped-call]
        for channel in range(3):  # one by one: NumPy copies three of four slowly at once
            self._pixels[..., channel] = rgb[..., channel]
        self._pixels[..., 3] = _OPAQUE
        self._marks: list[_Mark] = []
        self._below = self._pixels  # the picture below the marks
        self._is_stacked = True  # whether the pixels show the marks in their order

    def image(self) -> NDArray[np.uint8]:
        """A copy of what is drawn: (H, W, 3) uint8, RGB."""
        pixels = self._stacked()
        rgb = np.empty((self.height, self.width, 3), np.uint8)
        for channel in range(3):
            rgb[..., channel] = pixels[..., channel]
        return rgb

    def draw(self, artist: Artist) -> None:
        """Draws one of matplotlib's shapes, which stays as it is."""
        self.mark(artist.zorder, lambda _: self.paint(artist))

    def paint(self, artist: Artist) -> None:
        """Paints one of matplotlib's shapes at once, for a mark that is made of several."""
        artist.set_figure(self._figure)
        artist.draw(self._renderer)

    def mark(self, layer: float, paint: Callable[[NDArray[np.uint8]], None]) -> None:
        """Draws whatever paints pixels.

        Args:
            layer: matplotlib's zorder: what has a higher one is on top.
            paint: Given the pixels, (H, W, 4) uint8, which it changes; may be called repeatedly.
        """
        if not self._marks:
            self._below = self._pixels.copy()
        paint(self._pixels)
        self._is_stacked &= all(layer >= mark.layer for mark in self._marks[-1:])
        insort(self._marks, _Mark(layer, paint), key=attrgetter("layer"))

    def change_below(self, change: Callable[[NDArray[np.uint8]], None]) -> None:
        """Changes the picture, as it is drawn so far, below all marks.

        Args:
            change: Given the pixels, (H, W, 4) uint8, C-contiguous, which it changes.
        """
        change(self._stacked())
        if self._marks:
            self._below = self._pixels.copy()
            self._is_stacked = False

    def _stacked(self) -> NDArray[np.uint8]:
        """The pixels with all marks in their order."""
        if not self._is_stacked:
            self._pixels[...] = self._below
            for mark in self._marks:
                mark.paint(self._pixels)
            self._is_stacked = True
        return self._pixels

    def widths(self, line_widths: float | Sequence[float], count: int) -> list[float]:
        """Widths of edges in points, none too thin to see or too thick for the picture.

        Args:
            line_widths: One for all, or a sequence or array, as MMEngine takes them.
            count: How many edges there are.
        """
        given = line_widths if isinstance(line_widths, Iterable) else [line_widths] * count
        return [min(max(width, 1), self.font_size / 4) for width in given]

    def warn_outside(self, what: str, points: NDArray[np.floating]) -> None:
        """Warns if a point isn't on the picture or its edge.

        Args:
            what: What the points are of.
            points: (..., 2), x and y.
        """
        inside = (points >= 0).all() and (points <= (self.width, self.height)).all()
        if not inside:
            warnings.warn(
                f"Warning: The {what} is out of bounds, "
                f"the drawn {what} may not be in the image of {self.width}x{self.height}",
                stacklevel=_CALLERS,
            )

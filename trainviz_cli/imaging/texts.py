"""Labels on a canvas: `Visualizer.draw_texts`, whose docstring says what the arguments are."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

from matplotlib.font_manager import FontProperties
from matplotlib.patheffects import withStroke
from matplotlib.text import Text

from trainviz_cli.imaging.arguments import (
    NUMBERS,
    contrasting,
    for_matplotlib,
    opacity,
    per_item,
    to_bytes,
)
from trainviz_cli.imaging.lettering import HALO, lay_out, load_font, write
from trainviz_cli.imaging.tensors import as_numbers

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from matplotlib.patches import FancyBboxPatch
    from numpy.typing import NDArray

    from trainviz_cli.imaging.arguments import Colour, Colours
    from trainviz_cli.imaging.canvas import Canvas

_POINTS_PER_INCH = 72
_MOST_PIXELS = 4096  # of a font size
_AUTO = "auto"
_FORMULAS = Lock()  # matplotlib reads one at a time, whatever the thread
_REACH = 1e6  # no text from farther away is seen, in pixels


class TextLooks(NamedTuple):
    """How texts look: each is one value for all of them, or a list with one for each."""

    font_sizes: float | list[float] | None
    colors: Colours
    vertical_alignments: str | list[str]
    horizontal_alignments: str | list[str]
    font_families: str | list[str]
    bboxes: dict[str, Any] | list[dict[str, Any]] | None
    font_properties: FontProperties | list[FontProperties] | None
    outline_colors: Colours | None

    def each(self, count: int, default_size: float) -> Iterator[_Look]:
        """The looks of so many texts.

        Raises:
            TypeError: A value is of another type.
            ValueError: A list is too short.
        """
        sizes = default_size if self.font_sizes is None else self.font_sizes
        options = (
            per_item("font_sizes", sizes, NUMBERS, count),
            per_item("colors", self.colors, (str, tuple), count),
            per_item("vertical_alignments", self.vertical_alignments, (str,), count),
            per_item("horizontal_alignments", self.horizontal_alignments, (str,), count),
            per_item("font_families", self.font_families, (str,), count),
            per_item("bboxes", self.bboxes, (dict, type(None)), count),
            per_item("font_properties", self.font_properties, (FontProperties, type(None)), count),
            per_item("outline_colors", self.outline_colors, (str, tuple, type(None)), count),
        )
        return (_Look(*each) for each in zip(*options, strict=False))  # longer lists are allowed


class _Look(NamedTuple):
    """How one text looks."""

    size: float
    colour: Colour
    vertical: str
    horizontal: str
    family: str
    box: dict[str, Any] | None
    properties: FontProperties | None
    outline: Colour | None


def draw_texts(canvas: Canvas, texts: str | list[str], positions: object, looks: TextLooks) -> None:
    """Draws texts, each in front of its box; what isn't a str is drawn as `str` shows it."""
    if not isinstance(texts, str | list):
        raise TypeError(f"`texts` should be a str or a list of them, but got {type(texts)}")
    labels = [texts] if isinstance(texts, str) else texts
    places = _places(positions, len(labels))
    each = list(
        zip(labels, places.tolist(), looks.each(len(labels), canvas.font_size), strict=False)
    )
    canvas.warn_outside("text", places)
    boxes = _Boxes()
    farthest = max(canvas.width, canvas.height) + _REACH
    for label, place, look in each:
        text = str(label)
        if not text or not all(-farthest <= part <= farthest for part in place):
            continue  # nothing, or nowhere: NaN compares false
        if _is_formula(text):
            _draw_formula(canvas, text, place, look)
        else:
            _draw_plain(canvas, text.replace(r"\$", "$"), place, look, boxes)


def _draw_plain(canvas: Canvas, text: str, place: list[float], look: _Look, boxes: _Boxes) -> None:
    size = _pixels(look.size, canvas.dpi)
    font = load_font(look.properties, look.family, size)
    block = lay_out(text, font, look.horizontal, look.vertical)
    x, y = place
    left, top, width, height = block.box
    box = None if look.box is None else boxes.like(look.box, look.size)
    colour, outline = (*to_bytes(look.colour), opacity(look.colour)), _outline(look)

    def paint(pixels: NDArray[np.uint8]) -> None:
        if box is not None:
            box.set_bounds(x + left, y + top, width, height)
            box.set_mutation_scale(size)
            box.set_transform(canvas.to_display)
            canvas.paint(box)
        write(pixels, block, (x, y), font, colour, outline)

    canvas.mark(Text.zorder, paint)


def _draw_formula(canvas: Canvas, text: str, place: list[float], look: _Look) -> None:
    """Draws text with formulas, which only matplotlib can set."""
    _pixels(look.size, canvas.dpi)
    drawn = Text(place[0], place[1], text, fontproperties=look.properties, bbox=look.box)
    drawn.set(size=look.size, family=look.family, color=for_matplotlib(look.colour))
    drawn.set(va=look.vertical, ha=look.horizontal)
    if outline := _outline(look):
        border = withStroke(linewidth=2 * HALO * look.size, foreground=for_matplotlib(outline))
        drawn.set_path_effects([border])
    drawn.set_transform(canvas.to_display)

    def paint(_: object) -> None:
        with _FORMULAS:
            canvas.paint(drawn)

    canvas.mark(drawn.zorder, paint)


class _Boxes:
    """Boxes behind texts: matplotlib's, made once for all texts with the same looks."""

    def __init__(self) -> None:
        self._last: tuple[dict[str, Any], float, FancyBboxPatch] | None = None

    def like(self, looks: dict[str, Any], size: float) -> FancyBboxPatch:
        """The box with these looks, around text of this size in points."""
        if self._last and self._last[0] is looks and self._last[1] == size:
            return self._last[2]
        text = Text(size=size)
        text.set_bbox(dict(looks))
        box = text.get_bbox_patch()
        if box is None:
            raise TypeError(f"a box around text has looks, not {looks!r}")
        self._last = looks, size, box
        return box


def _places(positions: object, count: int) -> NDArray[np.float64]:
    """Where the texts stand: (count, 2).

    Raises:
        TypeError: It is neither an array nor a tensor of numbers.
        ValueError: It has another shape.
    """
    places = as_numbers("positions", positions)
    places = places[None] if places.ndim == 1 else places
    if places.shape != (count, 2):
        raise ValueError(
            f"`positions` should have the shape of ({count}, 2), but got {places.shape}"
        )
    return places


def _outline(look: _Look) -> tuple[int, int, int] | None:
    """The colour of the border around the letters, if there is one."""
    if look.outline is None or look.outline == "none":
        return None
    return contrasting(to_bytes(look.colour)) if look.outline == _AUTO else to_bytes(look.outline)


def _pixels(points: float, dpi: float) -> float:
    """A font size in pixels, of at least one point, as in matplotlib.

    Raises:
        ValueError: There are no letters of this size, or they would need too much memory.
    """
    pixels = max(points, 1) * dpi / _POINTS_PER_INCH
    if not (points > 0 and pixels <= _MOST_PIXELS):
        most = _MOST_PIXELS * _POINTS_PER_INCH / dpi
        raise ValueError(f"a font size is more than 0 and at most {most:g} points, not {points:g}")
    return pixels


def _is_formula(text: str) -> bool:
    """Whether matplotlib would set parts of it as formulas: between dollar signs."""
    signs = text.count("$") - text.count(r"\$")
    return signs > 0 and signs % 2 == 0

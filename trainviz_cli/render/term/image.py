"""A picture in the terminal: as pixels where the terminal has them, elsewhere as characters."""

from __future__ import annotations

from itertools import groupby, product
from math import ceil
from typing import TYPE_CHECKING

from trainviz_cli.render.term.graphics import Graphics, cell_size

if TYPE_CHECKING:
    from collections.abc import Iterable

    from PIL.Image import Image as Picture

    from trainviz_cli.model.run import Image

_PIXELS = frozenset({Graphics.KITTY, Graphics.ITERM2, Graphics.SIXEL})
_ENLARGED = 32  # columns that a small picture grows to
_RAMP = " .:-=+*#%@"
# Colours 16 to 255 of 256; the first 16 look different everywhere.
_COLORS = [*product((0, 95, 135, 175, 215, 255), repeat=3), *((v, v, v) for v in range(8, 248, 10))]


def open_and_draw(image: Image, width: int, height: int, graphics: Graphics) -> str:
    """A logged picture as text for stdout; arguments as in `draw_picture`.

    Raises:
        NotFoundError: Nothing is there.
        UnreadableError: It is no picture, or a damaged one.
        RefusedError: It would unpack to too many pixels.
    """
    from trainviz_cli.imaging.picture import open_picture

    picture = open_picture(image.path, image.offset, image.length)
    return draw_picture(picture, width, height, graphics)


def draw_picture(
    picture: Picture,
    width: int,
    height: int,
    graphics: Graphics,
    cell: tuple[int, int] | None = None,
) -> str:
    """The picture as text for stdout, in its shape; a newline at the end leads below it.

    A small one grows, as pixels by a whole factor, as characters to no more than a column a pixel.

    Args:
        picture: RGB.
        width: The most columns.
        height: The most rows, fewer than the screen has.
        graphics: How to show it.
        cell: Width and height of a character in pixels; None is `cell_size()`.
    """
    from trainviz_cli.render.term.protocols import SIXEL_MOST

    cell = cell or cell_size()
    room = width * cell[0], height * cell[1]
    if graphics in _PIXELS:
        if graphics is Graphics.SIXEL:
            room = min(room[0], SIXEL_MOST), min(room[1], SIXEL_MOST)
        most = max(1, _ENLARGED * cell[0] // max(picture.size))
        return _on_rows(_resized(picture, _fitted(picture.size, room, most)), cell, graphics)
    size = _fitted(picture.size, room, cell[0])
    columns, rows = max(1, round(size[0] / cell[0])), max(1, round(size[1] / cell[1]))
    if graphics is Graphics.BRAILLE:
        return _braille(_resized(picture, (2 * columns, 4 * rows)))
    if graphics is Graphics.ASCII:
        return _letters(_resized(picture, (columns, rows)))
    return _half_blocks(_resized(picture, (columns, 2 * rows)), graphics)


def _fitted(size: tuple[int, int], room: tuple[int, int], most: int) -> tuple[int, int]:
    """The size of a picture that fills the room, but is enlarged no more than `most` times."""
    scale = min(room[0] / size[0], room[1] / size[1], most)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _resized(picture: Picture, size: tuple[int, int]) -> Picture:
    """The picture made smaller smoothly, or larger with sharp pixels."""
    from PIL.Image import Resampling

    larger = size[0] >= picture.width and size[1] >= picture.height
    return picture.resize(size, Resampling.NEAREST if larger else Resampling.LANCZOS)


def _on_rows(picture: Picture, cell: tuple[int, int], graphics: Graphics) -> str:
    """The picture on rows that are made first, so that nothing scrolls while it is drawn."""
    columns, rows = ceil(picture.width / cell[0]), ceil(picture.height / cell[1])
    if graphics is Graphics.KITTY:  # which would stretch it: so the rest of the cells is clear
        box = 0, 0, columns * cell[0], rows * cell[1]
        picture = picture.convert("RGBA").crop(box)
    down = "\n" * rows
    return f"{down}\x1b[{rows}A\x1b7{_code(picture, columns, rows, graphics)}\x1b8{down}"


def _code(picture: Picture, columns: int, rows: int, graphics: Graphics) -> str:
    from trainviz_cli.render.term.protocols import iterm2, kitty, sixel

    if graphics is Graphics.SIXEL:
        return sixel(picture)
    return (kitty if graphics is Graphics.KITTY else iterm2)(picture, columns, rows)


def _half_blocks(picture: Picture, graphics: Graphics) -> str:
    """Two pixels a cell, the upper as its front, the lower as its back."""
    lines = []
    rows = _true_colors(picture) if graphics is Graphics.TRUE_BLOCKS else _nearest_colors(picture)
    for pair in zip(rows[::2], rows[1::2], strict=True):
        for (upper, lower), cells in groupby(zip(*pair, strict=True)):
            lines.append(f"\x1b[38;{upper};48;{lower}m{'▀' * len([*cells])}")
        lines.append("\x1b[0m\n")
    return "".join(lines)


def _true_colors(picture: Picture) -> list[list[str]]:
    """Of each pixel, the code of its colour behind the 38 for the front or the 48 for the back."""
    import numpy as np

    return [[f"2;{r};{g};{b}" for r, g, b in row] for row in np.asarray(picture).tolist()]


def _nearest_colors(picture: Picture) -> list[list[str]]:
    """As `_true_colors`, of 240 colours; not dithered, which is noise on pixels of this size."""
    import numpy as np
    from PIL import Image

    palette = Image.new("P", (1, 1))
    # Some twice, or Pillow would fill it up with a colour of its own.
    palette.putpalette(np.resize(np.array(_COLORS, np.uint8), (256, 3)).tobytes())
    rows = np.asarray(picture.quantize(palette=palette, dither=Image.Dither.NONE)).tolist()
    return [[f"5;{16 + n % len(_COLORS)}" for n in row] for row in rows]


def _braille(picture: Picture) -> str:
    """Eight dots a cell, the more the lighter."""
    import numpy as np

    from trainviz_cli.render.term.canvas import BRAILLE, patterns

    dots = np.asarray(_contrasted(picture).convert("1"))
    return _lines(map(chr, row) for row in BRAILLE.characters[patterns(dots, BRAILLE)].tolist())


def _letters(picture: Picture) -> str:
    """A character a cell, with the more ink the lighter."""
    import numpy as np

    levels = np.asarray(_contrasted(picture)).astype(int) * len(_RAMP) // 256
    return _lines((_RAMP[level] for level in row) for row in levels.tolist())


def _contrasted(picture: Picture) -> Picture:
    """The luminance, from black to white: characters show no fine differences."""
    from PIL import ImageOps

    return ImageOps.autocontrast(picture.convert("L"), cutoff=1)


def _lines(rows: Iterable[Iterable[str]]) -> str:
    return "".join("".join(row).rstrip() + "\n" for row in rows)

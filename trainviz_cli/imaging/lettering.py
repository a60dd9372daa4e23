"""Text on pixels: placed as matplotlib places it, and drawn by FreeType through Pillow.

matplotlib renders every glyph anew every time, which takes many times as long. Source of the
placing: matplotlib 3.11, text.py.
"""

from __future__ import annotations

import re
from functools import lru_cache, partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from trainviz_cli.imaging.blending import blend_coverage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.font_manager import FontProperties
    from numpy.typing import NDArray
    from PIL.ImageFont import FreeTypeFont

_ANCHOR = "ls"  # Pillow's name for: left end of the baseline
# Where Unicode begins a paragraph: a line that goes across can't be laid out.
_LINE_END = re.compile("\r\n|[\n\r\x1c-\x1e\x85\u2029]")
_MOST_PIXELS = 1 << 26  # of the ink of a line
_MOST_KEPT = 40  # letters, and pixels of their size
HALO = 1 / 8  # of the font size: how wide an outline is
_SHARES = {
    "left": 0.0,
    "center": 0.5,
    "right": 1.0,
    "top": 0.0,
    "bottom": 1.0,
}  # fmt: skip - of the text's extent, which lies before its place


class Font(NamedTuple):
    """A font of one size; lengths in pixels.

    Attributes:
        face: Pillow's.
        ascent: How far lines reach above the baseline.
        descent: How far lines reach below it.
        gap: Between lines.
        ink: Where the letters of a line have their ink: left, top, right and bottom.
        small: How thickly a few letters cover their ink; see `_rendered`.
    """

    face: FreeTypeFont
    ascent: float
    descent: float
    gap: float
    # Labels come again with the next picture. Kept with the font, and forgotten with it.
    ink: Callable[[str], tuple[int, int, int, int]]
    small: Callable[[str, int], NDArray[np.uint8]]


class Line(NamedTuple):
    """A line of a text.

    Attributes:
        text: Its letters.
        ink: Their left, top, right and bottom, in pixels relative to where the baseline begins.
        x: Where the baseline begins, in pixels relative to the text's place.
        y: Likewise.
    """

    text: str
    ink: tuple[int, int, int, int]
    x: float
    y: float


class Block(NamedTuple):
    """A text laid out.

    Attributes:
        lines: Its lines.
        box: Left, top, width and height, in pixels relative to the text's place.
    """

    lines: list[Line]
    box: tuple[float, float, float, float]


def load_font(properties: FontProperties | None, family: str, pixels: float) -> Font:
    """The font that matplotlib takes, by its settings as they are now.

    Args:
        properties: matplotlib's description of it.
        family: sans-serif, serif, monospace or a name; comes before that of the properties.
        pixels: Its size.
    """
    from matplotlib.font_manager import FontProperties, findfont

    wanted = FontProperties() if properties is None else properties.copy()
    wanted.set_family(family)
    path = findfont(wanted)
    return _load(path, getattr(path, "face_index", 0), pixels)


@lru_cache(maxsize=64)
def _load(path: str, index: int, pixels: float) -> Font:
    """The font in a file, or one of those in a collection."""
    from matplotlib.font_manager import get_font
    from PIL import ImageFont

    face = get_font(path)
    pixel = pixels / face.units_per_EM
    font = ImageFont.truetype(path, pixels, index)
    table = face.get_sfnt_table("OS/2")
    ascent, descent = map(float, font.getmetrics())
    gap = 0.0
    if table is not None:
        ascent, descent = table["sTypoAscender"] * pixel, -table["sTypoDescender"] * pixel
        gap = table["sTypoLineGap"] * pixel
    ink = lru_cache(maxsize=1024)(partial(_ink, font))
    small = lru_cache(maxsize=1024)(partial(_rendered, font))
    return Font(font, ascent, descent, gap, ink, small)


def lay_out(text: str, font: Font, horizontal: str, vertical: str) -> Block:
    """Where the lines of a text stand around its place.

    Args:
        text: Its lines end with newlines of any system, or separators of paragraphs.
        font: Of all lines.
        horizontal: left, center or right: the side of the text that is at its place.
        vertical: top, center, bottom, baseline or center_baseline.

    Raises:
        ValueError: An alignment is none of these, or a line would need too much memory.
    """
    texts = _LINE_END.split(text)
    gap = font.gap if len(texts) > 1 else 0
    inks = [font.ink(line) for line in texts]
    for ink in inks:
        across, down = ink[2] - ink[0], ink[3] - ink[1]
        if across * down > _MOST_PIXELS:
            raise ValueError(f"a text of {across:,} x {down:,} pixels is too large")
    baselines, bottom = [], 0.0
    for _, above, _, below in inks:
        baselines.append(bottom + max(-above, font.ascent) + gap / 2)
        bottom = baselines[-1] + max(below, font.descent) + gap / 2
    aside, width = _share("horizontal", horizontal), max(ink[2] for ink in inks)
    left = -width * aside
    match vertical:
        case "baseline":
            top = -baselines[-1]
        case "center_baseline":
            top = -baselines[-1] / 2
        case _:
            top = -bottom * _share("vertical", vertical)
    lines = [
        Line(line, ink, left + (width - ink[2]) * aside, top + baseline)
        for line, ink, baseline in zip(texts, inks, baselines, strict=True)
    ]
    return Block(lines, (left, top, width, bottom))


def write(
    pixels: NDArray[np.uint8],
    block: Block,
    place: tuple[float, float],
    font: Font,
    colour: Sequence[float],
    outline: Sequence[int] | None = None,
) -> None:
    """Draws a text onto pixels; what lies outside of them is left out.

    Args:
        pixels: (H, W, 3 or more) uint8.
        block: From `lay_out`.
        place: x and y in pixels.
        font: The one it was laid out with.
        colour: Red, green and blue, 0 to 255; and how opaque they are, 0 to 1, if they aren't.
        outline: The colour of a border around the glyphs; None draws none.
    """
    border = 0 if outline is None else max(round(font.face.size * HALO), 1)
    for line in block.lines:
        x, y = round(place[0] + line.x + line.ink[0]), round(place[1] + line.y + line.ink[1])
        if outline is not None:
            coverage = _coverage(font, line.text, border)
            blend_coverage(pixels, coverage, x - border, y - border, outline)
        coverage = _coverage(font, line.text, 0)
        if colour[3:] not in {(), (1,)}:
            coverage = np.rint(coverage * colour[3]).astype(np.uint8)
        blend_coverage(pixels, coverage, x, y, [int(part) for part in colour[:3]])


def _coverage(font: Font, text: str, border: int) -> NDArray[np.uint8]:
    """How thickly letters cover the pixels of their ink, and as many around as the border."""
    if len(text) <= _MOST_KEPT and font.face.size <= _MOST_KEPT:
        return font.small(text, border)
    return _rendered(font.face, text, border)


def _rendered(face: FreeTypeFont, text: str, border: int) -> NDArray[np.uint8]:
    """The same, rendered anew."""
    from PIL import Image, ImageDraw

    left, top, right, bottom = _ink(face, text)
    ink = Image.new("L", (right - left + 2 * border, bottom - top + 2 * border))
    start = border - left, border - top
    ImageDraw.Draw(ink).text(start, text, 255, face, _ANCHOR, stroke_width=border)
    return np.asarray(ink)


def _ink(face: FreeTypeFont, text: str) -> tuple[int, int, int, int]:
    """Where the letters' ink is, of all that stand in a line."""
    left, top, right, bottom = face.getbbox(text, anchor=_ANCHOR)
    return int(left), int(top), int(right), int(bottom)


def _share(direction: str, alignment: str) -> float:
    known = {
        "horizontal": ("left", "center", "right"),
        "vertical": ("top", "center", "bottom", "baseline"),
    }
    if alignment not in known[direction]:
        raise ValueError(
            f"{alignment!r} is no {direction} alignment: {', '.join(known[direction])}"
        )
    return _SHARES[alignment]

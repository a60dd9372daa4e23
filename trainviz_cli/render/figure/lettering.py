"""Text on a chart: whatever a log calls its keys, it is drawn as it is written."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from matplotlib.font_manager import FontProperties, findfont, fontManager
from matplotlib.ft2font import FT2Font

from trainviz_cli.render.term.text import printable

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

LONGEST = 60
DARK, PALE = "#262626", "#6b6b6b"

_FONT = "DejaVu Sans"  # comes with matplotlib, so that a chart is the same everywhere
# What systems have for the scripts that it lacks.
_OTHER_FONTS = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Source Han Sans SC",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Microsoft YaHei",
    "SimHei",
    "PingFang SC",
    "Hiragino Sans GB",
    "Arial Unicode MS",
    "Malgun Gothic",
)
_UNKNOWN = "\N{REPLACEMENT CHARACTER}"
# "$" and "\" mean nothing on a chart.
LITERAL: dict[str, Any] = {"parse_math": False, "usetex": False}


def legible(text: str, most: int = LONGEST) -> str:
    """The text in one line of at most `most` characters, each of which has a glyph."""
    if len(text) > most:
        head = most // 2
        text = f"{text[:head]}…{text[len(text) - (most - head - 1) :]}"
    text = printable(text)
    if text.isascii():
        return text
    return "".join(sign if ord(sign) in _glyphs() else _UNKNOWN for sign in text)


@cache
def families() -> list[str]:
    """The fonts to draw with, the first one that has a character first."""
    there = {font.name for font in fontManager.ttflist}
    return [_FONT, *(name for name in _OTHER_FONTS if name in there)]


@cache
def _glyphs() -> AbstractSet[int]:
    paths = [findfont(FontProperties(family=[name])) for name in families()]
    return frozenset(code for path in paths for code in FT2Font(path).get_charmap())


def lettering(size: float, color: str = DARK) -> dict[str, Any]:
    """What a text object is made with."""
    return {"fontsize": size, "fontfamily": families(), "color": color, **LITERAL}

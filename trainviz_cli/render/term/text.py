"""Text from outside made safe for a terminal, and measured in cells."""

from __future__ import annotations

import unicodedata
from collections import Counter
from os.path import commonprefix
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_ELLIPSIS = "…"


def printable(text: str) -> str:
    """The text with everything that could steer a terminal shown as a visible symbol.

    Control characters become their pictures (`␛`), other invisible ones `�`.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _symbol(char) for char in text)


def _symbol(char: str) -> str:
    code = ord(char)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    return " " if unicodedata.category(char) == "Zs" else "�"


def cells(text: str) -> int:
    """How many columns the text takes: wide characters two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(map(_char_cells, text))


def _char_cells(char: str) -> int:
    if unicodedata.category(char) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def fit(text: str, width: int) -> str:
    """The printable text, shortened in the middle to at most `width` cells."""
    # No more than twice the width can matter, however long a hostile name is.
    if len(text) > 4 * width + 8:
        text = text[: 2 * width + 4] + text[-2 * width - 4 :]
    text = printable(text)
    if cells(text) <= width:
        return text
    if width < 1:
        return ""
    head = _take(text, (width - 1) - (width - 1) // 3)
    tail = _take(text[::-1], (width - 1) // 3)[::-1]
    return head + _ELLIPSIS + tail


def fit_apart(texts: Sequence[str], width: int) -> list[str]:
    """The texts, each as `fit` shortens it; where two look alike so, without their beginning."""
    short = {text: fit(text, width) for text in texts}
    for shown, often in Counter(short.values()).items():
        if often > 1:
            alike = [text for text in short if short[text] == shown]
            begin = max(len(commonprefix(alike)) - 3, 0)  # noqa: RUF071 - of any text
            short |= {text: fit(f"{_ELLIPSIS}{text[begin:]}", width) for text in alike}
    return [short[text] for text in texts]


def _take(text: str, width: int) -> str:
    """As many characters from the start as fit into `width` cells."""
    used = 0
    for count, char in enumerate(text):
        used += _char_cells(char)
        if used > width:
            return text[:count]
    return text

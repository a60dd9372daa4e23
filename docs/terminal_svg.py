"""What a terminal shows, as an SVG that looks the same whatever fonts a reader has.

Braille patterns become circles and frame characters become lines, so that a chart stays in line;
only words are text.
"""

from __future__ import annotations

import re
from html import escape

CELL_W, CELL_H = 8, 17
PAD = 14
BACKGROUND, FOREGROUND, DIM = "#0d1117", "#d6dde4", "#7d8793"
# xterm's 256 colours, as far as the charts use them.
COLORS = {33: "#0087ff", 208: "#ff8700", 35: "#00af5f", 169: "#d75faf", 37: "#00afaf"}
COLORS |= {142: "#afaf00", 105: "#8787ff", 160: "#d70000"}
# Which of a cell's middle lines a frame character has: left, right, up, down.
FRAME = {"│": "ud", "─": "lr", "└": "ur", "┤": "lud", "┬": "lrd"}
DOTS = ((0, 0, 1), (0, 1, 2), (0, 2, 4), (1, 0, 8), (1, 1, 16), (1, 2, 32), (0, 3, 64), (1, 3, 128))
ESCAPE = re.compile(r"\x1b\[([0-9;]*)m")


def terminal_svg(text: str, columns: int) -> str:
    """The SVG of a screen that shows `text`, colour codes included."""
    lines = text.rstrip("\n").split("\n")
    width, height = columns * CELL_W + 2 * PAD, len(lines) * CELL_H + 2 * PAD
    body = [part for row, line in enumerate(lines) for part in _line(line, row)]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">',
            '<g font-family="monospace" font-size="13">',
            f'<rect width="{width}" height="{height}" rx="8" fill="{BACKGROUND}"/>',
            *body,
            "</g>",
            "</svg>\n",
        ]
    )


def _line(line: str, row: int) -> list[str]:
    parts, column, color, weight = [], 0, FOREGROUND, ""
    for index, piece in enumerate(ESCAPE.split(line)):
        if index % 2:
            color, weight = _style(piece)
            continue
        parts += _piece(piece, column, row, color, weight)
        column += len(piece)
    return parts


def _style(codes: str) -> tuple[str, str]:
    numbers = codes.split(";")
    weight = ' font-weight="bold"' if "1" in numbers else ""
    if "38" in numbers:
        return COLORS[int(numbers[numbers.index("38") + 2])], weight
    return (DIM if "2" in numbers else FOREGROUND), weight


def _piece(piece: str, column: int, row: int, color: str, weight: str) -> list[str]:
    circles, paths, parts = [], [], []
    x0, y0 = PAD + column * CELL_W, PAD + row * CELL_H
    for match in re.finditer(r"[!-~]+(?: [!-~]+)*|[^ -~]", piece):
        x, token = x0 + match.start() * CELL_W, match[0]
        if token in FRAME:
            paths += [_stroke(side, x, y0) for side in FRAME[token]]
        elif "⠀" <= token <= "⣿":
            pattern = ord(token) - 0x2800
            circles += [
                f"M{x + 2 + 4 * right} {y0 + 2.5 + 4.2 * down:g}h0"
                for right, down, bit in DOTS
                if pattern & bit
            ]
        else:
            parts.append(
                f'<text x="{x}" y="{y0 + 13}" textLength="{len(token) * CELL_W}" '
                f'fill="{color}"{weight}>{escape(token)}</text>'
            )
    if circles:
        stroke = f'stroke="{color}" stroke-width="3" stroke-linecap="round"'
        parts.append(f'<path d="{"".join(circles)}" {stroke}/>')
    if paths:
        parts.append(f'<path d="{"".join(paths)}" stroke="{DIM}" fill="none"/>')
    return parts


def _stroke(side: str, x: float, y: float) -> str:
    middle_x, middle_y = x + CELL_W / 2, y + CELL_H / 2
    ends = {
        "l": (x, middle_y),
        "r": (x + CELL_W, middle_y),
        "u": (middle_x, y),
        "d": (middle_x, y + CELL_H),
    }
    return "M{:g} {:g}L{:g} {:g}".format(middle_x, middle_y, *ends[side])

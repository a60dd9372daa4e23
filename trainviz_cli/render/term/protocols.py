"""Pictures as pixels, in the protocols that terminals have for them.

Each is a few lines, and depends on nothing but a picture. Source: kitty,
https://sw.kovidgoyal.net/kitty/graphics-protocol/; iTerm2,
https://iterm2.com/documentation-images.html; sixel, VT330/VT340 Programmer Reference Manual,
volume 2.
"""

from __future__ import annotations

import re
from base64 import b64encode
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

_KITTY_CHUNK = 4096  # the most that one message may hold
_ITERM2_MOST = 1_048_000  # a little less than what iTerm2 takes
SIXEL_MOST = 1000  # pixels across; xterm shows no more
_RUN = re.compile(rb"(.)\1{3,}")


def kitty(picture: Picture, columns: int, rows: int) -> str:
    """A PNG in several messages; they are not answered (q), and the cursor stays (C)."""
    data = _encoded(picture, "PNG")
    starts = range(0, len(data), _KITTY_CHUNK)
    chunks = [f"q=2,m=1;{data[start : start + _KITTY_CHUNK]}\x1b\\" for start in starts]
    chunks[0] = f"a=T,f=100,C=1,c={columns},r={rows},{chunks[0]}"
    chunks[-1] = chunks[-1].replace("m=1", "m=0", 1)
    return "".join(f"\x1b_G{chunk}" for chunk in chunks)


def iterm2(picture: Picture, columns: int, rows: int) -> str:
    """A PNG, or a JPEG where that is too long."""
    data = _encoded(picture, "PNG")
    while len(data) > _ITERM2_MOST:
        data = _encoded(picture, "JPEG")
        picture = picture.reduce(2)
    return f"\x1b]1337;File=inline=1;width={columns};height={rows}:{data}\a"


def _encoded(picture: Picture, kind: str) -> str:
    """The picture as a file, in base64."""
    file = BytesIO()
    picture.save(file, kind, quality=90)
    return b64encode(file.getvalue()).decode()


def sixel(picture: Picture) -> str:
    """Bands of six rows, colour by colour; all colours come first, or xterm mixes them up."""
    from PIL.Image import Quantize

    # Few colours stay as they are; of many, even a rare one stays near, and it takes no seconds.
    few = picture.getcolors(256)
    indexed = picture.quantize(method=Quantize.MAXCOVERAGE if few else Quantize.FASTOCTREE)
    pixels, palette = np.asarray(indexed), np.array(indexed.getpalette()).reshape(-1, 3)
    code = [b'\x1bP0;1q"1;1;%d;%d' % picture.size]
    code += [
        b"#%d;2;%d;%d;%d" % (n, *rgb)
        for n, rgb in enumerate(((palette * 100 + 127) // 255).tolist())
    ]
    for top in range(0, picture.height, 6):
        band = pixels[top : top + 6]
        found = np.unique(band)[:, None, None]
        sixels = np.packbits(band == found, axis=1, bitorder="little") + np.uint8(ord("?"))
        for number, row in zip(found.flat, sixels, strict=True):
            code.append(b"#%d%b$" % (number, _RUN.sub(_counted, row.tobytes().rstrip(b"?"))))
        code.append(b"-")
    return b"".join(code).decode() + "\x1b\\"


def _counted(run: re.Match[bytes]) -> bytes:
    return b"!%d%b" % (len(run[0]), run[1])

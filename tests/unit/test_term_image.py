"""Pictures in the terminal: what is read of a file, and what is written."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import sys
from base64 import b64decode
from io import BytesIO
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from trainviz_cli.errors import NotFoundError, RefusedError, TrainvizError, UnreadableError
from trainviz_cli.imaging.picture import open_picture
from trainviz_cli.render.term import image
from trainviz_cli.render.term.canvas import BRAILLE
from trainviz_cli.render.term.graphics import Graphics
from trainviz_cli.render.term.image import draw_picture

if TYPE_CHECKING:
    from pathlib import Path

CELL = (10, 20)
RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
CHARACTERS = [Graphics.TRUE_BLOCKS, Graphics.BLOCKS, Graphics.BRAILLE, Graphics.ASCII]
PIXELS = [Graphics.KITTY, Graphics.ITERM2, Graphics.SIXEL]


def gradient(width: int, height: int) -> Image.Image:
    """A picture in which every corner is different."""
    y, x = np.mgrid[0:height, 0:width]
    red, green = x * 255 // max(width - 1, 1), y * 255 // max(height - 1, 1)
    return Image.fromarray(np.dstack([red, green, 255 - red]).astype(np.uint8))


def array(picture: Image.Image) -> np.ndarray[Any, Any]:
    """The pixels, to count with."""
    return np.asarray(picture.convert("RGB")).astype(int)


def png(picture: Image.Image) -> bytes:
    """The picture as a PNG file."""
    file = BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def bomb(width: int, height: int) -> bytes:
    """A PNG that claims a size, and has no pixels."""
    data = png(Image.new("L", (1, 1)))
    chunk = b"IHDR" + struct.pack(">II", width, height) + data[24:29]
    return data[:12] + chunk + struct.pack(">I", crc32(chunk)) + data[33:]


# What is read


@pytest.mark.parametrize(
    ("mode", "color", "shown"),
    [
        ("1", 1, WHITE),
        ("L", 51, (51, 51, 51)),
        ("I;16", 0x3333, (51, 51, 51)),
        ("LA", (0, 0), WHITE),
        ("RGB", RED, RED),
        ("RGBA", (*RED, 255), RED),
        ("RGBA", (*RED, 0), WHITE),
        ("RGBA", (0, 0, 0, 204), (51, 51, 51)),
    ],
)
def test_modes(tmp_path: Path, mode: str, color: Any, shown: tuple[int, int, int]) -> None:
    """Every kind of PNG shows its colours; 16 bits are scaled, what is transparent is white."""
    Image.new(mode, (3, 2), color).save(tmp_path / "a.png")
    picture = open_picture(tmp_path / "a.png")
    assert picture.mode == "RGB"
    assert picture.getcolors() == [(6, shown)]


def test_palette(tmp_path: Path) -> None:
    """A palette's colours are shown, not their numbers, and its transparent one is white."""
    picture = Image.new("P", (2, 1))
    picture.putpalette([*RED, *BLUE])
    picture.putpixel((1, 0), 1)
    picture.save(tmp_path / "a.png", transparency=0)
    assert array(open_picture(tmp_path / "a.png")).tolist() == [[[*WHITE], [*BLUE]]]


def test_cmyk(tmp_path: Path) -> None:
    """A picture for print has its colours."""
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "a.jpg", quality=95)
    assert abs(array(open_picture(tmp_path / "a.jpg")) - RED).max() < 8


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_rotation(tmp_path: Path, suffix: str) -> None:
    """What a camera says about up is obeyed."""
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned right
    gradient(32, 16).save(tmp_path / f"a.{suffix}", exif=exif)
    picture = open_picture(tmp_path / f"a.{suffix}")
    assert picture.size == (16, 32)
    turned = gradient(32, 16).transpose(Image.Transpose.ROTATE_270)
    assert abs(array(picture) - array(turned)).mean() < 12


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_the_first_frame(tmp_path: Path, kind: str) -> None:
    """An animation is its first frame."""
    frames = [Image.new("RGB", (4, 4), color) for color in (RED, GREEN)]
    frames[0].save(tmp_path / "a", kind, save_all=True, append_images=frames[1:], lossless=True)
    assert open_picture(tmp_path / "a").getcolors() == [(16, RED)]


@pytest.mark.parametrize(
    ("data", "kind", "message"),
    [
        (b"", UnreadableError, "is no image of a known format"),
        (b"step,loss\n1,0.5\n", UnreadableError, "is no image of a known format"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", UnreadableError, "known format"),
        (b"version https://git-lfs.github.com/spec/v1\n", UnreadableError, "git-LFS pointer"),
        (png(gradient(9, 9))[:-30], UnreadableError, "is damaged or cut off"),
        (png(gradient(99, 99))[:150], UnreadableError, "is damaged or cut off"),
        (png(gradient(9, 9))[:20], UnreadableError, "is damaged or cut off|known format"),
        (bomb(60_000, 60_000), RefusedError, "would unpack to too many pixels"),
        (bomb(10_000, 10_000), RefusedError, "would unpack to too many pixels"),
        (bomb(0, 0), UnreadableError, "is damaged or cut off|known format"),
    ],
    ids="empty text postscript pointer cut cut-early cut-head bomb small-bomb no-size".split(),
)
def test_hostile_files(
    tmp_path: Path, data: bytes, kind: type[TrainvizError], message: str
) -> None:
    """Each is refused in one line that names the file, before anything large is made of it."""
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(kind, match=message) as caught:
        open_picture(tmp_path / "a.png")
    assert "a.png" in caught.value.message
    assert "\n" not in str(caught.value)


@given(st.data())
def test_damage(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Whatever bytes are changed, it is a picture or an error of ours, never another."""
    file = bytearray(png(gradient(20, 20)))
    places = st.tuples(st.integers(0, len(file) - 1), st.integers(0, 255))
    for place, byte in data.draw(st.lists(places, min_size=1, max_size=9)):
        file[place] = byte
    path = tmp_path_factory.getbasetemp() / "damaged.png"
    path.write_bytes(file)
    try:
        picture = open_picture(path)
    except TrainvizError:
        return
    assert picture.mode == "RGB"


@pytest.mark.parametrize("name", ["gone.png", "a.png/b.png", "\0"])
def test_nothing_there(tmp_path: Path, name: str) -> None:
    """A file that isn't there is not found, whatever its name."""
    (tmp_path / "a.png").touch()
    with pytest.raises(NotFoundError, match="no such file"):
        open_picture(tmp_path / name)


def test_no_files(tmp_path: Path) -> None:
    """A folder is no picture, and a pipe that nobody writes to is not waited for."""
    with pytest.raises(UnreadableError, match="Is a directory"):
        open_picture(tmp_path)
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(UnreadableError, match="is no regular file"):
        open_picture(tmp_path / "pipe.png")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_no_permission(tmp_path: Path) -> None:
    """A file that may not be read says so."""
    (tmp_path / "a.png").write_bytes(png(gradient(2, 2)))
    (tmp_path / "a.png").chmod(0)
    with pytest.raises(UnreadableError, match="Permission denied"):
        open_picture(tmp_path / "a.png")


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif"])
def test_nothing_else_of_the_file(tmp_path: Path, suffix: str) -> None:
    """Text and profiles in the file reach no terminal, by no protocol."""
    text = PngInfo()
    text.add_text("Comment", "\x1b]0;hostile\a")
    more: dict[str, Any] = {"pnginfo": text, "comment": b"hostile", "icc_profile": b"hostile" * 20}
    file = tmp_path / f"a.{suffix}"
    gradient(4, 4).save(file, **more)
    with Image.open(file) as raw:
        assert b"hostile" in repr(raw.info).encode()
    picture = open_picture(file)
    noise = np.random.default_rng(0).integers(0, 256, (1000, 1000, 3), np.uint8)
    for large in (picture, picture_like(picture, noise)):
        for graphics in Graphics:
            drawn = draw_picture(large, 100, 50, graphics, CELL)
            assert "hostile" not in drawn
            if graphics in {Graphics.KITTY, Graphics.ITERM2}:
                found = pixels_of(placed(drawn)[1], graphics).info
                assert "hostile" not in repr(found)


def picture_like(picture: Image.Image, pixels: np.ndarray[Any, Any]) -> Image.Image:
    """Other pixels, with what else is known of the picture."""
    other = Image.fromarray(pixels)
    other.info = picture.info
    return other


# What is written


def plain(text: str) -> list[str]:
    """The lines without colours."""
    assert text.endswith("\n")
    return re.sub(r"\x1b\[[\d;]*m", "", text).split("\n")[:-1]


def placed(text: str) -> tuple[int, str]:
    """The rows that are made for pixels, and what draws them."""
    found = re.fullmatch(r"(\n+)\x1b\[(\d+)A\x1b7(.*)\x1b8(\n+)", text, re.DOTALL)
    assert found
    assert found[1] == found[4] == "\n" * int(found[2])
    return int(found[2]), found[3]


@pytest.mark.parametrize(
    ("size", "columns", "rows"),
    [
        ((32, 32), 32, 16),  # a pixel a column
        ((300, 200), 60, 20),
        ((100, 400), 12, 24),  # as high as there is room
        ((1, 1), 1, 1),
        ((1, 5000), 1, 24),
        ((5000, 1), 60, 1),
    ],
)
@pytest.mark.parametrize("graphics", CHARACTERS)
def test_size_in_characters(
    graphics: Graphics, size: tuple[int, int], columns: int, rows: int
) -> None:
    """The picture keeps its shape and its room, and isn't blown up."""
    lines = plain(draw_picture(gradient(*size), 60, 24, graphics, CELL))
    assert len(lines) == rows
    assert max(map(len, lines)) <= columns
    if graphics in {Graphics.BLOCKS, Graphics.TRUE_BLOCKS}:
        assert {len(line) for line in lines} == {columns}


@pytest.mark.parametrize("graphics", Graphics)
@pytest.mark.parametrize("room", [(1, 1), (24, 1), (2, 50), (300, 100)])
@pytest.mark.parametrize("size", [(1, 1), (7, 5), (640, 480), (3, 2000), (2000, 3)])
def test_room(graphics: Graphics, room: tuple[int, int], size: tuple[int, int]) -> None:
    """Whatever the size of the picture and of the screen, it stays inside."""
    drawn = draw_picture(gradient(*size), *room, graphics, (9, 19))
    if graphics not in PIXELS:
        assert len(plain(drawn)) <= room[1]
        assert max(map(len, plain(drawn))) <= room[0]
        return
    rows, code = placed(drawn)
    width, height = pixels_of(code, graphics).size
    assert rows <= room[1]
    assert width <= room[0] * 9
    assert height <= rows * 19


def pixels_of(code: str, graphics: Graphics) -> Image.Image:
    """The picture that a terminal makes of its code."""
    if graphics is Graphics.KITTY:
        return kitty(code)[1]
    return iterm2(code)[1] if graphics is Graphics.ITERM2 else sixel(code)


def kitty(code: str) -> tuple[dict[str, str], Image.Image]:
    """The keys of the first message, and the picture of all.

    Source: https://sw.kovidgoyal.net/kitty/graphics-protocol/
    """
    messages = re.findall(r"\x1b_G([^;]*);([^\x1b]*)\x1b\\", code)
    assert "".join(f"\x1b_G{keys};{data}\x1b\\" for keys, data in messages) == code
    assert all(len(data) <= 4096 for _, data in messages)
    keys = [dict(pair.split("=") for pair in keys.split(",")) for keys, _ in messages]
    assert [each["m"] for each in keys] == ["1"] * (len(keys) - 1) + ["0"]
    assert {each["q"] for each in keys} == {"2"}  # or answers would be typed into the shell
    assert all(each.keys() == {"m", "q"} for each in keys[1:])
    file = b64decode("".join(data for _, data in messages), validate=True)
    return keys[0], Image.open(BytesIO(file), formats=["PNG"])


def iterm2(code: str) -> tuple[str, Image.Image]:
    """The arguments and the picture."""
    found = re.fullmatch(r"\x1b\]1337;File=([^:]*):([A-Za-z0-9+/=]*)\a", code)
    assert found
    assert len(code) <= 1 << 20  # what iTerm2 takes
    return found[1], Image.open(BytesIO(b64decode(found[2], validate=True)))


def sixel(code: str) -> Image.Image:
    """The picture, of which every pixel must have been drawn once.

    Source: VT330/VT340 Programmer Reference Manual, volume 2, chapter 14.
    """
    found = re.fullmatch(r'\x1bP0;1q"1;1;(\d+);(\d+)((?:#\d+;2(?:;\d+){3})+)(.*)\x1b\\', code)
    assert found
    width, height = int(found[1]), int(found[2])
    palette = {
        number: tuple(round(int(part) * 2.55) for part in color)
        for number, *color in re.findall(r"#(\d+);2;(\d+);(\d+);(\d+)", found[3])
    }
    assert len(palette) <= 256
    pixels = np.zeros((-(-height // 6) * 6, width, 3), np.uint8)
    drawn = np.zeros(pixels.shape[:2], int)
    column, top, color = 0, 0, palette["0"]
    for number, count, bits, control in re.findall(r"#(\d+)|!(\d+)(?=(.))|([?-~$-])", found[4]):
        if number:
            color = palette[number]
        elif control in {"$", "-"}:
            column, top = 0, top + 6 * (control == "-")
        elif count:
            column = paint(pixels, drawn, color, (column, top), bits, int(count) - 1)
        else:
            column = paint(pixels, drawn, color, (column, top), control, 1)
    assert (drawn[:height] == 1).all()
    assert not drawn[height:].any()
    return Image.fromarray(pixels[:height])


def paint(
    pixels: np.ndarray[Any, Any],
    drawn: np.ndarray[Any, Any],
    color: tuple[int, ...],
    place: tuple[int, int],
    bits: str,
    count: int,
) -> int:
    """Paints a sixel so many times, and returns the column after it."""
    column, top = place
    for row in range(6):
        if (ord(bits) - 63) >> row & 1:
            pixels[top + row, column : column + count] = color
            drawn[top + row, column : column + count] += 1
    return column + count


def test_kitty() -> None:
    """The very pixels arrive, on clear cells, and the cursor stays where it is put."""
    rows, code = placed(draw_picture(gradient(123, 45), 60, 24, Graphics.KITTY, CELL))
    keys, picture = kitty(code)
    assert keys == {"a": "T", "f": "100", "C": "1", "c": "25", "r": "5", "q": "2", "m": "0"}
    assert rows == 5
    assert picture.size == (25 * 10, 5 * 20)
    shown = picture.crop((0, 0, 246, 90))
    assert shown.getchannel("A").getextrema() == (255, 255)
    assert (array(shown)[::2, ::2] == array(gradient(123, 45))).all()
    assert picture.crop((246, 0, 250, 100)).getchannel("A").getextrema() == (0, 0)
    assert picture.crop((0, 90, 250, 100)).getchannel("A").getextrema() == (0, 0)


def test_a_long_kitty() -> None:
    """A picture of more than one message arrives as well."""
    noise = np.random.default_rng(0).integers(0, 256, (200, 400, 3), np.uint8)
    code = placed(draw_picture(Image.fromarray(noise), 60, 24, Graphics.KITTY, CELL))[1]
    assert code.count("\x1b_G") > 10
    assert (array(kitty(code)[1]) == noise).all()


def test_iterm2() -> None:
    """The very pixels arrive, for so many cells."""
    rows, code = placed(draw_picture(gradient(400, 300), 60, 24, Graphics.ITERM2, CELL))
    arguments, picture = iterm2(code)
    assert arguments == "inline=1;width=40;height=15"
    assert rows == 15
    assert (array(picture) == array(gradient(400, 300))).all()


def test_a_long_iterm2() -> None:
    """What would be too much for iTerm2 is sent as a JPEG, and as a smaller one if need be."""
    noise = np.random.default_rng(0).integers(0, 256, (1600, 3000, 3), np.uint8)
    _, code = placed(draw_picture(Image.fromarray(noise), 300, 80, Graphics.ITERM2, CELL))
    arguments, picture = iterm2(code)
    assert picture.format == "JPEG"
    assert arguments == "inline=1;width=300;height=80"
    assert picture.width / picture.height == pytest.approx(3000 / 1600, rel=0.01)


@pytest.mark.parametrize("size", [(300, 200), (61, 37), (10, 6), (1, 1), (32, 32)])
def test_sixel(size: tuple[int, int]) -> None:
    """Every pixel is drawn once, in nearly its colour."""
    picture = gradient(*size)
    _, code = placed(draw_picture(picture, 60, 24, Graphics.SIXEL, CELL))
    drawn = sixel(code)
    assert abs(array(drawn) - array(picture.resize(drawn.size, 0))).max() < 20


def test_few_colors_in_sixel() -> None:
    """Where there are few colours, none is changed, however rare."""
    pixels = np.zeros((90, 90, 3), np.uint8)
    pixels[4, 4], pixels[80, 80] = RED, GREEN
    _, code = placed(draw_picture(Image.fromarray(pixels), 9, 9, Graphics.SIXEL, CELL))
    assert (array(sixel(code)) == pixels).all()


def test_a_large_sixel() -> None:
    """No larger than what xterm shows."""
    _, code = placed(draw_picture(gradient(3000, 600), 300, 90, Graphics.SIXEL, CELL))
    assert sixel(code).size == (1000, 200)


@pytest.mark.parametrize("graphics", PIXELS)
def test_small_pixels(graphics: Graphics) -> None:
    """A small picture is enlarged, to sharp squares; a large one is shown as it is."""
    code = placed(draw_picture(gradient(32, 32), 60, 24, graphics, CELL))[1]
    drawn = array(pixels_of(code, graphics))
    assert drawn.shape == (320, 320, 3)
    assert (drawn == np.kron(drawn[::10, ::10], np.ones((10, 10, 1), int))).all()
    code = placed(draw_picture(gradient(240, 240), 60, 24, graphics, CELL))[1]
    assert pixels_of(code, graphics).size == (240, 240)


def test_true_blocks() -> None:
    """The front of each cell is the pixel above, the back the one below, in their very colour."""
    drawn = draw_picture(gradient(6, 4), 60, 24, Graphics.TRUE_BLOCKS, CELL)
    codes = re.findall(r"38;2;(\d+);(\d+);(\d+);48;2;(\d+);(\d+);(\d+)m▀", drawn)
    pixels = np.array(codes, int).reshape(2, 6, 2, 3).swapaxes(1, 2).reshape(4, 6, 3)
    assert (pixels == array(gradient(6, 4))).all()
    assert all(line.endswith("▀\x1b[0m") for line in drawn.split("\n")[:-1])


@pytest.mark.parametrize(
    ("color", "number"), [((0, 0, 0), 16), (RED, 196), (WHITE, 231), ((118, 118, 118), 243)]
)
def test_blocks(color: tuple[int, int, int], number: int) -> None:
    """One of the colours that all terminals show alike, and one code for cells that are alike."""
    drawn = draw_picture(Image.new("RGB", (3, 4), color), 60, 24, Graphics.BLOCKS, CELL)
    assert drawn == f"\x1b[38;5;{number};48;5;{number}m▀▀▀\x1b[0m\n" * 2


def test_blocks_are_near() -> None:
    """The colours are near those of the picture, as far as there are any."""
    picture = gradient(64, 64)
    drawn = draw_picture(picture, 64, 32, Graphics.BLOCKS, CELL)
    found = re.findall(r"38;5;(\d+);48;5;(\d+)m(▀+)", drawn)
    numbers = [pair for front, back, cells in found for pair in [(front, back)] * len(cells)]
    rows = np.array(numbers, int).reshape(32, 64, 2).swapaxes(1, 2).reshape(64, 64)
    shown = np.array(image._COLORS)[rows - 16]
    assert abs(shown - array(picture)).max() < 50  # half of the largest gap


def test_braille() -> None:
    """What is light has dots, what is dark has none."""
    picture = Image.new("RGB", (40, 40))
    picture.paste(WHITE, (20, 0, 40, 40))
    lines = plain(draw_picture(picture, 10, 10, Graphics.BRAILLE, CELL))
    assert lines == ["     ⣿⣿⣿⣿⣿"] * 5
    shades = "".join(plain(draw_picture(gradient(80, 80), 80, 40, Graphics.BRAILLE, CELL)))
    assert set(shades) <= set(map(chr, BRAILLE.characters))
    assert len(set(shades)) > 50


def test_ascii() -> None:
    """Ten characters from dark to light, and no other."""
    grey = np.linspace(0, 255, 50, dtype=np.uint8)[None].repeat(50, axis=0)
    lines = plain(draw_picture(Image.fromarray(grey).convert("RGB"), 50, 25, Graphics.ASCII, CELL))
    assert len(set(lines)) == 1
    assert re.fullmatch(r" +\.+:+-+=+\++\*+#+%+@+", lines[0])


@pytest.mark.parametrize("graphics", [Graphics.BRAILLE, Graphics.ASCII])
def test_contrast(graphics: Graphics) -> None:
    """A picture of two near greys is recognised; one of a single colour is no error."""
    picture = Image.new("RGB", (40, 40), (100, 100, 100))
    draw_picture(picture, 10, 10, graphics, CELL)
    picture.paste((110, 110, 110), (0, 0, 40, 20))
    lines = plain(draw_picture(picture, 10, 10, graphics, CELL))
    assert lines[0].strip()
    assert not lines[-1].strip()


@pytest.mark.parametrize("graphics", [Graphics.ASCII, *PIXELS])
def test_only_ascii(graphics: Graphics) -> None:
    """These need no terminal that shows more than ASCII."""
    assert draw_picture(gradient(50, 50), 60, 24, graphics).isascii()


def test_no_control_in_text() -> None:
    """Without colours nothing but characters and newlines is written."""
    for graphics in (Graphics.BRAILLE, Graphics.ASCII):
        drawn = draw_picture(gradient(50, 50), 60, 24, graphics, CELL)
        assert drawn.replace("\n", "").isprintable()


def test_import() -> None:
    """Nothing that takes its time is imported before a picture is."""
    heavy = "{'PIL', 'rich', 'numpy', 'termios'}"
    script = f"import sys, trainviz_cli.render.term.image; print({heavy} & {{*sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"

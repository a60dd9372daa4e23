"""The PNG encoder: every file decodes to the pixels that went in, and refuses what PNG cannot."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from PIL import Image

from trainviz_cli.codecs.png import encode_png

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def decode(png: bytes) -> np.ndarray:
    """Return the pixels as Pillow reads them, after it has checked every CRC."""
    with Image.open(io.BytesIO(png)) as picture:
        picture.verify()
    with Image.open(io.BytesIO(png)) as picture:
        return np.asarray(picture)


def chunks(png: bytes) -> list[tuple[bytes, bytes]]:
    """Return the (type, body) of every chunk."""
    found = []
    position = len(_SIGNATURE)
    while position < len(png):
        (length,) = struct.unpack_from(">I", png, position)
        body_start = position + 8
        kind = png[position + 4 : body_start]
        found.append((kind, png[body_start : body_start + length]))
        position = body_start + length + 4
    return found


def gradient(height: int, width: int) -> np.ndarray:
    """Return a smooth (height, width, 3) picture."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows, columns, rows + columns], axis=2).astype(np.uint8)


shapes = st.tuples(st.integers(1, 40), st.integers(1, 40), st.sampled_from([None, 3, 4])).map(
    lambda shape: tuple(size for size in shape if size is not None)
)


@given(npst.arrays(np.uint8, shapes))
def test_round_trip(pixels: np.ndarray) -> None:
    """Any grey, RGB or RGBA picture decodes to identical pixels."""
    decoded = decode(encode_png(pixels))
    assert decoded.shape == pixels.shape
    assert np.array_equal(decoded, pixels)


@given(npst.arrays(np.uint8, st.tuples(st.integers(1, 20), st.integers(1, 20), st.just(3))))
def test_round_trip_of_views(pixels: np.ndarray) -> None:
    """Flipped, transposed and strided views decode to what they show, not to their memory."""
    for view in (pixels[::-1], pixels[:, ::-1], pixels[..., ::-1], pixels.transpose(1, 0, 2)):
        assert np.array_equal(decode(encode_png(view)), view)
    strided = pixels[::2, ::3]
    assert np.array_equal(decode(encode_png(strided)), strided)


@pytest.mark.parametrize("shape", [(720, 1280, 3), (1, 1, 3), (1, 5000, 3), (5000, 1, 3), (1, 1)])
def test_round_trip_of_extreme_shapes(shape: tuple[int, ...]) -> None:
    """Noise of one pixel, one row, one column and a full video frame comes back."""
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    assert np.array_equal(decode(encode_png(pixels)), pixels)


def test_read_only_pixels() -> None:
    """A read-only array is encoded and left as it was."""
    pixels = gradient(6, 5)
    before = pixels.copy()
    pixels.setflags(write=False)
    assert np.array_equal(decode(encode_png(pixels)), before)
    assert np.array_equal(pixels, before)


@pytest.mark.parametrize(("pixel", "colour_type"), [((), 0), ((3,), 2), ((4,), 6)])
def test_header(pixel: tuple[int, ...], colour_type: int) -> None:
    """The file is IHDR, IDAT, IEND, and IHDR gives width, height, depth and colour type."""
    png = encode_png(np.zeros((2, 7, *pixel), np.uint8))
    assert png.startswith(_SIGNATURE)
    (first, header), (second, _), (third, end) = chunks(png)
    assert (first, second, third) == (b"IHDR", b"IDAT", b"IEND")
    assert struct.unpack(">IIBBBBB", header) == (7, 2, 8, colour_type, 0, 0, 0)
    assert end == b""


def test_scanlines() -> None:
    """Every row has the Sub filter: the first pixel as it is, then differences modulo 256."""
    pixels = np.array([[[10, 20, 30], [5, 25, 30]], [[0, 0, 255], [255, 0, 0]]], np.uint8)
    body = dict(chunks(encode_png(pixels)))[b"IDAT"]
    assert list(zlib.decompress(body)) == [1, 10, 20, 30, 251, 5, 0, 1, 0, 0, 255, 255, 0, 1]


def test_smooth_picture_is_small() -> None:
    """A smooth picture takes less than a fifth of its raw size."""
    pixels = gradient(256, 256)
    assert len(encode_png(pixels)) < pixels.nbytes / 5


@pytest.mark.parametrize(
    "shape", [(), (4,), (0, 4, 3), (4, 0, 3), (0, 4), (4, 4, 1), (4, 4, 2), (4, 4, 0), (1, 4, 4, 3)]
)
def test_wrong_shape(shape: tuple[int, ...]) -> None:
    """A shape that is no picture is refused, and the message shows it."""
    with pytest.raises(ValueError, match="shape") as caught:
        encode_png(np.zeros(shape, np.uint8))
    assert str(caught.value).endswith(f"not {shape}")


@pytest.mark.parametrize("dtype", [np.float32, np.int8, np.uint16, np.bool_])
def test_wrong_dtype(dtype: type[np.generic]) -> None:
    """Pixels that are not uint8 are refused, and the message names their dtype."""
    with pytest.raises(TypeError, match=np.dtype(dtype).name):
        encode_png(np.zeros((2, 2, 3), dtype))

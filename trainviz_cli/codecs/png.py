"""PNG files written with NumPy and zlib alone.

Source: W3C Portable Network Graphics (PNG) Specification, third edition,
https://www.w3.org/TR/png-3/.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_BIT_DEPTH = 8
_COLOUR_TYPES = {(): 0, (3,): 2, (4,): 6}  # by the shape of one pixel: grey, RGB, RGBA
_FILTER_SUB = 1
_MEM_LEVEL = 9


def encode_png(pixels: NDArray[np.uint8]) -> bytes:
    """Return the picture as a PNG file, 8 bits per sample, not interlaced.

    Every row takes the Sub filter and zlib runs its run-length strategy: photographs gain next to
    nothing from the search for longer matches, which is where compression spends its time.

    Args:
        pixels: (H, W, 3) uint8, RGB; or (H, W) uint8, grey; or (H, W, 4) uint8, RGBA with straight
            alpha. H and W are at least 1. Any memory layout.

    Raises:
        TypeError: The pixels are not uint8.
        ValueError: The shape is none of the above.
    """
    _check(pixels)
    height, width = pixels.shape[:2]
    colour_type = _COLOUR_TYPES[pixels.shape[2:]]
    # The zeros: the only compression method, the only filter method, and no interlacing.
    header = struct.pack(">IIBBBBB", width, height, _BIT_DEPTH, colour_type, 0, 0, 0)
    chunks = (_chunk(b"IHDR", header), _chunk(b"IDAT", _deflate(_filter(pixels))))
    return b"".join((_SIGNATURE, *chunks, _chunk(b"IEND", b"")))


def _check(pixels: NDArray[np.uint8]) -> None:
    """Raise unless the dtype and the shape are ones that `encode_png` takes."""
    if pixels.dtype != np.uint8:
        raise TypeError(f"PNG pixels must be uint8, not {pixels.dtype}")
    if pixels.ndim not in {2, 3} or pixels.shape[2:] not in _COLOUR_TYPES or pixels.size == 0:
        raise ValueError(
            "PNG pixels must have the shape (H, W), (H, W, 3) or (H, W, 4) with H, W >= 1, "
            f"not {pixels.shape}"
        )


def _filter(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the scanlines as (H, 1 + W * channels) uint8: filter type, then differences."""
    height = pixels.shape[0]
    channels = pixels[0, 0].size
    samples = pixels.reshape(height, -1)
    scanlines = np.empty((height, 1 + samples.shape[1]), np.uint8)
    scanlines[:, 0] = _FILTER_SUB
    scanlines[:, 1 : 1 + channels] = samples[:, :channels]
    # uint8 wraps around: the modulo 256 that the format asks for
    np.subtract(samples[:, channels:], samples[:, :-channels], out=scanlines[:, 1 + channels :])
    return scanlines


def _deflate(scanlines: NDArray[np.uint8]) -> bytes:
    """Return the scanlines as one zlib stream."""
    stream = zlib.compressobj(
        zlib.Z_BEST_SPEED, zlib.DEFLATED, zlib.MAX_WBITS, _MEM_LEVEL, zlib.Z_RLE
    )
    return stream.compress(scanlines.data) + stream.flush()


def _chunk(kind: bytes, body: bytes) -> bytes:
    """Return one chunk: length, type, body and the CRC of type and body."""
    crc = zlib.crc32(body, zlib.crc32(kind))
    return b"".join((struct.pack(">I", len(body)), kind, body, struct.pack(">I", crc)))

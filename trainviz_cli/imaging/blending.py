"""Colours laid over pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_FULL = 255
_BAND_BYTES = 1 << 17  # blended at once, so that what is between stays in the cache


def blend_coverage(
    pixels: NDArray[np.uint8],
    coverage: NDArray[np.uint8],
    left: int,
    top: int,
    colour: Sequence[int],
) -> None:
    """Lays a colour over the pixels, as thickly as the coverage says; clipped to the pixels.

    Args:
        pixels: (H, W, 3 or more) uint8; only the first three channels change.
        coverage: (h, w) uint8, 0 to 255.
        left: Where in the pixels the coverage begins; may be outside.
        top: Likewise.
        colour: Red, green and blue, 0 to 255.
    """
    height, width = coverage.shape
    rows = slice(max(top, 0), max(top + height, 0))
    columns = slice(max(left, 0), max(left + width, 0))
    under = pixels[rows, columns, :3]
    share = coverage[rows.start - top :, columns.start - left :]
    share = share[: under.shape[0], : under.shape[1], None].astype(np.uint16)
    over = share * np.array(colour, np.uint16)  # at most 255 * 255, which 16 bits hold
    over += under * (_FULL - share) + _FULL // 2
    under[...] = over // _FULL


def blend_mask(
    pixels: NDArray[np.uint8], mask: NDArray[np.bool_], colour: Sequence[int], alpha: float
) -> None:
    """Lays a colour over the pixels where the mask is true.

    Args:
        pixels: (H, W, 4) uint8, C-contiguous; the fourth channel stays as it is where it is 255.
        mask: (H, W).
        colour: Red, green and blue, 0 to 255.
        alpha: How much of the colour shows, 0 to 1.
    """
    filled = np.flatnonzero(mask.any(axis=1))
    if not filled.size:
        return
    top, bottom = int(filled[0]), int(filled[-1]) + 1
    filled = np.flatnonzero(mask[top:bottom].any(axis=0))
    left, right = int(filled[0]), int(filled[-1]) + 1
    share = round(alpha * 256)
    added = np.array([*(value * share + 128 for value in colour), _FULL * share], np.uint16)
    added = np.tile(added, right - left)
    flat = pixels.reshape(len(pixels), -1)
    step = max(_BAND_BYTES // added.size, 1)
    for start in range(top, bottom, step):
        rows = slice(start, min(start + step, bottom))
        band = flat[rows, 4 * left : 4 * right]
        _blend_band(band, mask[rows, left:right], np.uint16(256 - share), added)


def _blend_band(
    band: NDArray[np.uint8],
    mask: NDArray[np.bool_],
    kept: np.uint16,
    added: NDArray[np.uint16],
) -> None:
    """The same for some rows, whose pixels' bytes stand side by side: (H, 4 W)."""
    mixed = np.multiply(band, kept, dtype=np.uint16)  # at most 255 * 256
    mixed += added
    mixed >>= 8
    # Four bytes at once, without branches: noise is as fast as a disc.
    under, over = band.view(np.uint32), mixed.astype(np.uint8).view(np.uint32)
    over ^= under
    over &= mask * np.uint32(0xFFFFFFFF)
    under ^= over

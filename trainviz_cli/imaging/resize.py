"""Bilinear resizing, with PyTorch's and OpenCV's sample points: pixel centres, no antialiasing.

Source: torch.nn.functional.interpolate(mode="bilinear", align_corners=False); cv2.resize.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray


_MOST_VALUES = 1 << 20  # turned into float64 at once


class _Samples(NamedTuple):
    """Where the new positions along an axis lie among the old: between `low` and `high`."""

    low: NDArray[np.intp]
    high: NDArray[np.intp]
    share: NDArray[np.float32]  # of high; low has the rest


def resize(values: NDArray[Any], height: int, width: int) -> NDArray[np.float32]:
    """The values at another size.

    Args:
        values: (H, W) or (H, W, C).
        height: In pixels.
        width: In pixels.

    Returns:
        (height, width) or (height, width, C) float32.
    """
    planes = np.asarray(values, np.float32)
    if planes.shape[:2] == (height, width):
        return planes
    # Along the rows first: what then is spread over the height is whole rows.
    wide = _lerp(planes, _samples(planes.shape[1], width), axis=1)
    return _lerp(wide, _samples(planes.shape[0], height), axis=0)


def resized_sums(maps: NDArray[Any], height: int, width: int) -> NDArray[np.float64]:
    """The sum of each map as if it were resized, from how often each of its values would count.

    Args:
        maps: (C, H, W).
        height: In pixels.
        width: In pixels.

    Returns:
        (C,) float64.
    """
    rows, columns = _weights(maps.shape[1], height), _weights(maps.shape[2], width)
    sums = np.empty(len(maps))
    together = max(_MOST_VALUES // maps[0].size, 1)
    for first in range(0, len(maps), together):
        part = slice(first, first + together)
        sums[part] = (maps[part] @ columns) @ rows
    return sums


def _lerp(values: NDArray[np.float32], samples: _Samples, axis: int) -> NDArray[np.float32]:
    shape = [1] * values.ndim
    shape[axis] = -1
    share = samples.share.reshape(shape)
    mixed, high = values.take(samples.low, axis), values.take(samples.high, axis)
    mixed *= 1 - share
    high *= share
    mixed += high
    return mixed


def _samples(old: int, new: int) -> _Samples:
    places = (np.arange(new, dtype=np.float32) + np.float32(0.5)) * np.float32(old / new)
    places = np.clip(places - np.float32(0.5), 0, old - 1)
    low = places.astype(np.intp)
    return _Samples(low, np.minimum(low + 1, old - 1), places - low.astype(np.float32))


def _weights(old: int, new: int) -> NDArray[np.float64]:
    samples = _samples(old, new)
    share = samples.share.astype(np.float64)
    weights = np.zeros(old)
    np.add.at(weights, samples.low, 1 - share)
    np.add.at(weights, samples.high, share)
    return weights

"""Feature maps as pictures: channels chosen or reduced first, and only what is shown is enlarged.

Bilinear enlargement is linear: the mean of enlarged channels is the enlarged mean, and the sum of
an enlarged channel is a weighted sum of its few values. So 512 channels need not be enlarged to the
size of a photo to show one.

Source: mmengine 0.10.7, visualization/visualizer.py, `draw_featmap`.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from trainviz_cli.imaging import colormap
from trainviz_cli.imaging.lettering import lay_out, load_font, write
from trainviz_cli.imaging.pixels import to_rgb_of_any_range
from trainviz_cli.imaging.resize import resize, resized_sums
from trainviz_cli.imaging.tensors import as_array

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

_LABEL_PLACE = (2, 15)  # of a label's baseline in its cell, in pixels
_LABEL_PIXELS = 10 * 100 / 72  # 10 points at 100 dpi
_HAIR = 1e-4  # of an index: so that the highest is 255 and not 254.99998
_BLACK, _WHITE = (0, 0, 0), 255
_LEAST_SPAN = 2.0**-52  # of a map that isn't constant; OpenCV's
_BAND_PIXELS = 1 << 13  # coloured at once, so that what is between stays in the cache
# Brightness of a map treated as an image: OpenCV's weights of blue, green and red.
_GREY = np.array([0.114, 0.587, 0.299], np.float32)


def draw_featmap(
    featmap: object,
    overlaid_image: object = None,
    channel_reduction: str | None = "squeeze_mean",
    topk: int = 20,
    arrangement: tuple[int, int] = (4, 5),
    resize_shape: tuple[int, int] | None = None,
    alpha: float = 0.5,
) -> NDArray[np.uint8]:
    """The picture that `Visualizer.draw_featmap` returns; see there."""
    maps = checked_maps(featmap)
    image = None if overlaid_image is None else to_rgb_of_any_range(overlaid_image)
    if image is not None:
        _warn_of_other_shape(maps.shape[1:], image.shape[:2])
    if resize_shape is not None and not all(side >= 1 for side in resize_shape):
        raise ValueError(f"`resize_shape` is a height and a width from 1, not {resize_shape}")
    if not np.isfinite(alpha):
        raise ValueError(f"an alpha is a number, not {alpha}")
    height, width = resize_shape or (maps.shape[1:] if image is None else image.shape[:2])
    if image is not None and image.shape[:2] != (height, width):
        image = np.rint(resize(image, height, width)).astype(np.uint8)
    if channel_reduction is not None:
        shown = resize(spread(_reduced(maps, height, width, channel_reduction)), height, width)
        return overlay(places(shown), image, alpha)
    if topk <= 0:
        return overlay(_image_places(maps, height, width), image, alpha)
    rows, columns = _fitting(arrangement, topk)
    channels = strongest(resized_sums(maps, height, width), topk)
    cells = (
        overlay(places(resize(spread(maps[each]), height, width)), image, alpha)
        for each in channels
    )
    return grid(cells, [f"channel: {each}" for each in channels], rows, columns)


def checked_maps(featmap: object) -> NDArray[np.float32]:
    """The maps as numbers that can be compared.

    Args:
        featmap: (C, H, W), an array or tensor of numbers.

    Raises:
        TypeError: It is no array of numbers.
        ValueError: The shape is another, a dimension is zero, or a value is NaN or infinite.
    """
    values = as_array("featmap", featmap)
    if values.ndim != 3:
        raise ValueError(
            f"Input dimension must be 3, but got {values.ndim}: a feature map has the shape "
            f"(C, H, W), not {values.shape}"
        )
    if values.dtype.kind not in "biuf":
        raise TypeError(f"a feature map holds numbers, not {values.dtype}")
    if 0 in values.shape:
        raise ValueError(f"the feature map is empty: shape {values.shape}")
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is reported as infinite
        maps = np.asarray(values, np.float32)
        total = maps.sum(dtype=np.float64)
    # A sum is finite only if every part is: infinities of both signs make NaN.
    if not np.isfinite(total):
        bad = int(np.count_nonzero(~np.isfinite(maps)))
        raise ValueError(
            f"the feature map of shape {maps.shape} holds NaN or infinity, "
            "or what is too large for float32: "
            f"{bad:,} of {maps.size:,} values"
        )
    return maps


def strongest(scores: NDArray[np.float64], count: int) -> list[int]:
    """The channels with the highest scores, the highest first; all if there are fewer.

    Args:
        scores: (C,), such as `resized_sums` gives.
        count: How many.
    """
    return [int(channel) for channel in np.argsort(-scores, kind="stable")[:count]]


def spread(values: NDArray[np.floating]) -> NDArray[np.float32]:
    """The values from 0 to 1: enlarged as they are, those far from zero would lose their digits.

    Args:
        values: Of any shape.

    Returns:
        float32 of the same shape; all 0 if every value is the same.
    """
    low, high = float(values.min()), float(values.max())
    if high - low <= _LEAST_SPAN:
        return np.zeros(values.shape, np.float32)
    return ((values.astype(np.float64) - low) / (high - low)).astype(np.float32)


def places(
    values: NDArray[np.float32], limits: tuple[float, float] | None = None
) -> NDArray[np.uint8]:
    """Where each value lies between the lowest and the highest: the index of its colour.

    Args:
        values: Of any shape.
        limits: The lowest and the highest; those of the values if left out.

    Returns:
        uint8 of the same shape, rounded down; all 0 if there is nothing between the limits.
    """
    low, high = limits or (float(values.min()), float(values.max()))
    scale = 255 / (high - low) if high - low > _LEAST_SPAN else 0.0
    scaled = values * np.float32(scale)
    scaled += np.float32(-low * scale + _HAIR)
    return scaled.clip(0, 255, out=scaled).astype(np.uint8)


def overlay(
    indices: NDArray[np.uint8],
    image: NDArray[np.uint8] | None,
    alpha: float,
    cmap: str = colormap.JET,
) -> NDArray[np.uint8]:
    """The colours of a map mixed with an image: image * (1 - alpha) + colours * alpha.

    Args:
        indices: (H, W) uint8, from `places`.
        image: (H, W, 3) uint8; None shows the colours alone.
        alpha: How much of the colours shows.
        cmap: The colours; see `colormap.table`.

    Returns:
        (H, W, 3) uint8, RGB.
    """
    colours = colormap.table(cmap)
    if image is None:
        return colours.take(indices, axis=0)
    mixed = np.empty_like(image)
    added, kept = colours * np.float32(alpha), np.float32(1 - alpha)
    band = max(_BAND_PIXELS // image.shape[1], 1)
    for top in range(0, len(image), band):
        rows = slice(top, top + band)
        part = added.take(indices[rows], axis=0)
        part += image[rows] * kept
        mixed[rows] = np.rint(part, out=part).clip(0, 255, out=part)
    return mixed


def grid(
    cells: Iterable[NDArray[np.uint8]], labels: Sequence[str], rows: int, columns: int
) -> NDArray[np.uint8]:
    """Pictures of one size side by side on white, row by row, each with its label.

    Args:
        cells: At least one, each (H, W, 3) uint8; made when they are needed.
        labels: One for each.
        rows: Of the grid.
        columns: Of the grid, each as wide as a picture.

    Returns:
        (rows * H, columns * W, 3) uint8, RGB.
    """
    font = load_font(None, "sans-serif", _LABEL_PIXELS)
    paper: NDArray[np.uint8] | None = None
    for number, (cell, label) in enumerate(zip(cells, labels, strict=True)):
        height, width = cell.shape[:2]
        if paper is None:
            paper = np.full((rows * height, columns * width, 3), _WHITE, np.uint8)
        row, column = divmod(number, columns)
        place = paper[row * height : (row + 1) * height, column * width : (column + 1) * width]
        place[...] = cell
        block = lay_out(label, font, "left", "baseline")
        write(place, block, _LABEL_PLACE, font, _BLACK)
    if paper is None:
        raise ValueError("a grid of no pictures")
    return paper


def _reduced(
    maps: NDArray[np.float32], height: int, width: int, reduction: str
) -> NDArray[np.floating]:
    """One map out of all channels, still small."""
    if reduction == "squeeze_mean":
        mean: NDArray[np.float64] = maps.mean(axis=0, dtype=np.float64)
        return mean
    if reduction == "select_max":
        strong: NDArray[np.float32] = maps[resized_sums(maps, height, width).argmax()]
        return strong
    raise ValueError(f"channel_reduction is squeeze_mean, select_max or None, not {reduction!r}")


def _image_places(maps: NDArray[np.float32], height: int, width: int) -> NDArray[np.uint8]:
    """The maps as if they were an image: `places`, of its brightness if it has three channels."""
    if len(maps) not in {1, 3}:
        raise ValueError(
            "The input tensor channel dimension must be 1 or 3 when topk is less than 1, but the "
            f"channel dimension you input is {len(maps)}, you can use the channel_reduction "
            "parameter or set topk greater than 0 to solve the error"
        )
    indices = places(resize(spread(np.moveaxis(maps, 0, 2)), height, width))
    return indices[..., 0] if len(maps) == 1 else np.rint(indices @ _GREY).astype(np.uint8)


def _fitting(arrangement: tuple[int, int], count: int) -> tuple[int, int]:
    rows, columns = arrangement
    if rows * columns < count:
        raise ValueError(
            "The product of row and col in the `arrangement` is less than topk, please set the "
            f"`arrangement` correctly: {rows} x {columns} < {count}"
        )
    return rows, columns


def _warn_of_other_shape(map_shape: tuple[int, ...], image_shape: tuple[int, ...]) -> None:
    """Warns if the map is no smaller version of the image, so that it may not lie where it should.

    A side that a network divides by its stride may be rounded by up to one.
    """
    (height, width), (tall, wide) = map_shape, image_shape
    if (height - 1) * wide >= (width + 1) * tall or (width - 1) * tall >= (height + 1) * wide:
        warnings.warn(
            f"the feature map of {height} x {width} is stretched over an image of another shape, "
            f"{tall} x {wide}: it may not lie where it was computed",
            stacklevel=4,
        )

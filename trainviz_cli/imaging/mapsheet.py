"""Feature maps of several channels, layers, pictures or checkpoints on one sheet."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from trainviz_cli.imaging import colormap
from trainviz_cli.imaging.featmap import overlay, places
from trainviz_cli.imaging.lettering import lay_out, load_font, write
from trainviz_cli.imaging.resize import resize, resized_sums
from trainviz_cli.model.numbers import short

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

_BLACK, _WHITE = (0, 0, 0), (255, 255, 255)
_LETTER_PIXELS = 14.0
_MARGIN = 4
_BAR_PIXELS = 14  # how wide the colours of a bar are
_PRINCIPAL_SAMPLES = 1 << 14  # places of a map that its principal component is found from


class Cell(NamedTuple):
    """One map on the sheet.

    Attributes:
        values: (h, w) float32, as the network gives them.
        image: (H, W, 3) uint8, RGB: what it is laid over, in the size it is shown.
        label: What it says above.
        limits: The values of the lowest and the highest colour; None are those shown.
    """

    values: NDArray[np.float32]
    image: Pixels
    label: str
    limits: tuple[float, float] | None = None


class Looks(NamedTuple):
    """How maps are coloured.

    Attributes:
        alpha: How much of the colours shows on the image.
        cmap: The colours; see `colormap.table`.
        bar: Whether each has a bar that says which values its colours are.
    """

    alpha: float = 0.5
    cmap: str = colormap.JET
    bar: bool = False


def draw_sheet(cells: Sequence[Cell], columns: int, looks: Looks) -> Pixels:
    """The maps side by side on white, row by row.

    Args:
        cells: At least one; those smaller than the largest stand in a corner of their place.
        columns: Of the sheet.
        looks: How they are coloured.

    Returns:
        (H, W, 3) uint8, RGB.
    """
    pictures = [_draw(cell, looks) for cell in cells]
    height = max(picture.shape[0] for picture in pictures)
    width = max(picture.shape[1] for picture in pictures)
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    sheet = np.full((rows * height, columns * width, 3), 255, np.uint8)
    for number, picture in enumerate(pictures):
        top, left = (number // columns) * height, (number % columns) * width
        sheet[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    return sheet


def on_one_scale(cells: Sequence[Cell]) -> list[Cell]:
    """The cells with the limits of all of them, so that what is weak looks weak."""
    low = min(float(cell.values.min()) for cell in cells)
    high = max(float(cell.values.max()) for cell in cells)
    return [cell._replace(limits=(low, high)) for cell in cells]


def scores(maps: NDArray[np.float32], height: int, width: int, by: str) -> NDArray[np.float64]:
    """By how much each channel is worth to be shown.

    Args:
        maps: (C, H, W).
        height: Of the picture it will be shown at.
        width: Likewise.
        by: sum or abs, of values or their amounts over the picture; max; or var, the variance.

    Returns:
        (C,); of sum and abs the mean, which doesn't depend on the picture's size.
    """
    found: NDArray[np.float64]
    if by == "max":
        found = maps.max(axis=(1, 2)).astype(np.float64)
    elif by == "var":
        found = maps.var(axis=(1, 2), dtype=np.float64)
    else:
        found = resized_sums(abs(maps) if by == "abs" else maps, height, width) / (height * width)
    return found


def principal(maps: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the channels have most in common: their first principal component over the picture.

    Its sign is the one that goes with the channels' mean. Source: Eigen-CAM,
    https://arxiv.org/abs/2008.00299.

    Args:
        maps: (C, H, W).

    Returns:
        (H, W) float32.
    """
    channels = maps.reshape(len(maps), -1)
    centered = channels - channels.mean(axis=1, keepdims=True)
    # The direction among channels hardly needs every pixel of an early layer.
    some = centered[:, :: -(-centered.shape[1] // _PRINCIPAL_SAMPLES)].astype(np.float64)
    if some.shape[0] <= some.shape[1]:
        direction = np.linalg.eigh(some @ some.T)[1][:, -1]
    else:
        direction = some @ np.linalg.eigh(some.T @ some)[1][:, -1]
        direction /= np.linalg.norm(direction) or 1
    component = direction.astype(np.float32) @ centered
    if component @ centered.mean(axis=0) < 0:
        component = -component
    shown: NDArray[np.float32] = component.reshape(maps.shape[1:])
    return shown


def _draw(cell: Cell, looks: Looks) -> Pixels:
    shown = resize(cell.values, *cell.image.shape[:2])
    limits = cell.limits or (float(shown.min()), float(shown.max()))
    picture = overlay(places(shown, limits), cell.image, looks.alpha, looks.cmap)
    _letter(picture, cell.label, _MARGIN, _MARGIN, "top")
    return np.hstack((picture, _bar(len(picture), limits, looks.cmap))) if looks.bar else picture


def _bar(height: int, limits: tuple[float, float], cmap: str) -> Pixels:
    """The colours from the highest value down to the lowest, with both."""
    font = load_font(None, "sans-serif", _LETTER_PIXELS)
    low, high = (short(limit) for limit in limits)
    letters = max(lay_out(text, font, "left", "top").box[2] for text in (low, high))
    bar = np.full((height, _BAR_PIXELS + 3 * _MARGIN + round(letters), 3), 255, np.uint8)
    places_down = np.linspace(255, 0, height).astype(np.uint8)
    bar[:, _MARGIN : _MARGIN + _BAR_PIXELS] = colormap.table(cmap)[places_down][:, None]
    _letter(bar, high, _BAR_PIXELS + 2 * _MARGIN, 0, "top")
    _letter(bar, low, _BAR_PIXELS + 2 * _MARGIN, height, "bottom")
    return bar


def _letter(pixels: Pixels, text: str, x: float, y: float, vertical: str) -> None:
    font = load_font(None, "sans-serif", _LETTER_PIXELS)
    write(pixels, lay_out(text, font, "left", vertical), (x, y), font, _BLACK, _WHITE)

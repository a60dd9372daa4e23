"""Colours for values, as tables of 256."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

JET = "jet"


@cache
def table(name: str = JET) -> NDArray[np.uint8]:
    """The colours of a map from its lowest value to its highest: (256, 3) uint8, RGB, read-only.

    `jet` is OpenCV's, which MMEngine draws with; every other name is matplotlib's.

    Raises:
        ValueError: There is none of this name.
    """
    colours = _opencv_jet() if name == JET else _of_matplotlib(name)
    colours.flags.writeable = False
    return colours


def _opencv_jet() -> NDArray[np.uint8]:
    """OpenCV's COLORMAP_JET in closed form, equal to it in each of the 256 entries."""
    at = np.arange(256)
    red = np.minimum(4 * at - 382, 1148 - 4 * at)
    green = np.minimum(4 * at - 128, 892 - 4 * at)
    blue = np.minimum(4 * at + 128, 638 - 4 * at)
    blue[159] = 1
    return np.stack((red, green, blue), axis=1).clip(0, 255).astype(np.uint8)


def _of_matplotlib(name: str) -> NDArray[np.uint8]:
    from matplotlib import colormaps

    try:
        colours = colormaps[name]
    except KeyError:
        raise ValueError(f"there is no colour map {name!r}; try jet, viridis, gray") from None
    rgba: NDArray[np.uint8] = colours(np.linspace(0, 1, 256), bytes=True)
    return rgba[:, :3].copy()

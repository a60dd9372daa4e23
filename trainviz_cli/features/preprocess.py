"""A picture as a network takes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from trainviz_cli.errors import UsageError
from trainviz_cli.features.packages import require

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image as Picture
    from torch import Tensor

# ImageNet's, of values from 0 to 1.
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


class Preprocessing(NamedTuple):
    """What a network expects of a picture.

    Attributes:
        size: Height and width in pixels; None keeps the picture's own, each side rounded to a
            multiple.
        mean: Of each channel, subtracted. Of values from 0 to 1; where one of `mean` or `std` is
            larger than 1, all are of values from 0 to 255.
        std: Of each channel, divided by.
        channels: 3, in the order red, green, blue; or 1, grey.
        multiple: What sides of its own size are rounded to, so that strides divide them.
    """

    size: tuple[int, int] | None = (224, 224)
    mean: tuple[float, ...] = MEAN
    std: tuple[float, ...] = STD
    channels: int = 3
    multiple: int = 32


def prepare(picture: Picture, preprocessing: Preprocessing) -> Tensor:
    """A picture as a tensor of a batch of one: (1, C, H, W) float32.

    The whole picture is stretched to the size, neither cropped nor padded: so a map lies over all
    of it, and cells of the map are as much wider than high as the picture.

    Args:
        picture: Upright, of any mode.
        preprocessing: What the network expects.

    Raises:
        MissingPackageError: torch is not installed.
        UsageError: A picture can't be given like this.
    """
    require("torch")
    import torch

    return torch.from_numpy(prepare_array(picture, preprocessing))


def prepare_array(picture: Picture, preprocessing: Preprocessing) -> NDArray[np.float32]:
    """As `prepare`, as an array, for what needs no torch.

    Raises:
        UsageError: A picture can't be given like this.
    """
    from PIL.Image import Resampling

    channels = preprocessing.channels
    if channels not in {1, 3}:
        raise UsageError(f"the network takes {channels} channels, a picture has 3, or 1 if grey")
    mean = _of_each("mean", preprocessing.mean, channels)
    std = _of_each("std", preprocessing.std, channels)
    if not (np.isfinite(mean).all() and np.isfinite(std).all() and (std > 0).all()):
        raise UsageError("mean and std are numbers, and every std is above 0")
    height, width = preprocessing.size or _own_size(picture, preprocessing.multiple)
    if height < 1 or width < 1:
        raise UsageError(f"a picture of {height}x{width} has no pixels")
    shown = picture.convert("L" if channels == 1 else "RGB")
    if shown.size != (width, height):
        shown = shown.resize((width, height), Resampling.BILINEAR)
    values = np.asarray(shown, np.float32).reshape(height, width, channels).transpose(2, 0, 1)
    if max(mean.max(), std.max()) <= 1:
        values = values / np.float32(255)
    return np.ascontiguousarray((values - mean) / std)[np.newaxis]


def _own_size(picture: Picture, multiple: int) -> tuple[int, int]:
    height, width = (max(round(side / multiple), 1) * multiple for side in picture.size[::-1])
    return height, width


def _of_each(name: str, values: tuple[float, ...], channels: int) -> NDArray[np.float32]:
    """One number for each channel, (C, 1, 1); a grey channel takes the mean of the colours'."""
    if channels == 1 and len(values) == 3:
        values = (sum(values) / 3,)
    if len(values) == 1:
        values *= channels
    if len(values) != channels:
        raise UsageError(f"{len(values)} values of {name} for {channels} channels")
    return np.array(values, np.float32).reshape(channels, 1, 1)

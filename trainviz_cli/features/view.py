"""What of a layer's channels is shown: their mean, the strongest, or what they have in common."""

from __future__ import annotations

from math import ceil, sqrt
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from trainviz_cli.errors import UnreadableError, UsageError
from trainviz_cli.imaging.featmap import checked_maps, strongest
from trainviz_cli.imaging.mapsheet import principal, scores
from trainviz_cli.model.numbers import short

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Maps = NDArray[np.float32]

_BRIGHTNESS = np.array([0.299, 0.587, 0.114], np.float32)
_SAYS = {"sum": "mean", "abs": "mean |x|", "max": "max", "var": "variance"}


DEFAULT_TOPK = 20  # MMEngine's


class View(NamedTuple):
    """What is shown of a layer.

    Attributes:
        reduction: squeeze_mean, select_max, or None for `topk` channels.
        topk: How many channels; -1 takes a layer of 1 or 3 channels for an image.
        sort: By what channels are chosen; see `imaging.mapsheet.scores`.
        eigencam: Show the first principal component of all channels instead.
    """

    reduction: str | None = "squeeze_mean"
    topk: int = DEFAULT_TOPK
    sort: str = "sum"
    eigencam: bool = False

    @property
    def is_grid(self) -> bool:
        """Whether several channels are shown."""
        return self.reduction is None and self.topk > 0 and not self.eigencam


class Shown(NamedTuple):
    """One map of a layer: (h, w) float32, and what it is called."""

    values: Maps
    label: str


def check_finite(maps: Maps, layer: str) -> Maps:
    """The maps, if all their values are numbers.

    Raises:
        UnreadableError: They are not, as after a training that diverged.
    """
    try:
        return checked_maps(maps)
    except ValueError as error:
        hint = "the weights may be damaged, or training diverged before they were saved"
        raise UnreadableError(f"{layer}: {error}", hint=hint) from None


def channels_of(maps: Maps, view: View, height: int, width: int) -> list[int]:
    """Which of (C, H, W) maps are shown over a picture of this size; none if they are reduced."""
    if view.is_grid:
        return strongest(scores(maps, height, width, view.sort), view.topk)
    if view.reduction == "select_max" and not view.eigencam:
        return strongest(scores(maps, height, width, view.sort), 1)
    return []


def show(maps: Maps, view: View, channels: Sequence[int], height: int, width: int) -> list[Shown]:
    """What is shown of (C, H, W) maps.

    Args:
        maps: Of one layer and picture.
        view: What of them.
        channels: From `channels_of`, of these maps or those of another checkpoint.
        height: Of the picture they are shown over.
        width: Likewise.

    Raises:
        UsageError: They are to be taken for an image, but are none.
    """
    if view.eigencam:
        return [Shown(principal(maps), "principal component")]
    if channels:
        worth = scores(maps[list(channels)], height, width, view.sort)
        return [
            Shown(maps[each], f"channel {each}  {_SAYS[view.sort]} {short(float(value))}")
            for each, value in zip(channels, worth, strict=True)
        ]
    if view.reduction == "squeeze_mean":
        return [Shown(maps.mean(axis=0), f"mean of {len(maps)}")]
    if len(maps) not in {1, 3}:
        raise UsageError(
            f"--topk -1 takes a layer of 1 or 3 channels for an image; this one has {len(maps)}",
            hint="--topk 5 shows the strongest five",
        )
    weights = np.ones(1, np.float32) if len(maps) == 1 else _BRIGHTNESS
    return [Shown(np.tensordot(weights, maps, axes=1), "as an image")]


def dead_channels(maps: Maps) -> int:
    """How many channels of (C, H, W) maps have one value everywhere, and so say nothing."""
    return int(np.count_nonzero(maps.max(axis=(1, 2)) == maps.min(axis=(1, 2))))


def columns_for(count: int, arrangement: tuple[int, int] | None) -> int:
    """How many maps stand side by side: as asked, or so that the sheet is about square.

    Raises:
        UsageError: The arrangement has no room for so many.
    """
    if arrangement is None:
        return ceil(sqrt(count))
    rows, columns = arrangement
    if rows * columns < count:
        raise UsageError(
            f"--arrangement {rows}x{columns} has no room for {count} maps",
            hint=f"e.g. --arrangement {-(-count // columns)}x{columns}",
        )
    return columns
